// SPDX-License-Identifier: BSD-3-Clause
// The client side of the recordings of tasks. One function a scenario: the experimental tasks of
// revision 2025-11-25 with the official SDK, version 1, and the extension of 2026-07-28 with the
// official package for it, which leaves the sending of its requests to its user.
//
// usage: node tasks_client.mjs SCENARIO URL
import { setTimeout as sleep } from 'node:timers/promises';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { createTaskSessionFromClient } from '@modelcontextprotocol/ext-tasks/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks';
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  CreateTaskResultSchema,
  ElicitRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, now, openLog, watch } from './message.mjs';
import { Tasks } from './operations.mjs';

const log = openLog(process.env.CLIENT_LOG);
const url = new URL(process.argv[3]);
const VERSION = '2026-07-28';

function noting(name, tasks) {
  return (dir, message) => {
    log({ client: name, dir, t_ms: now(), ...describe(message, 0) });
    tasks.message(dir, message);
  };
}

const sample = { role: 'assistant', content: { type: 'text', text: 'a sample' }, model: 'none' };

// A client that also runs tasks for the server.
async function connect(name) {
  const tasks = new Tasks(name, log);
  const capabilities = {
    elicitation: {},
    sampling: {},
    tasks: { requests: { sampling: { createMessage: {} }, elicitation: { create: {} } }, list: {}, cancel: {} },
  };
  const client = new Client({ name, version: '1.0.0' }, { capabilities, taskStore: new InMemoryTaskStore() });
  client.setRequestHandler(ElicitRequestSchema, async () => {
    await sleep(50);
    return { action: 'accept', content: { interpretation: 'snake' } };
  });
  client.setRequestHandler(CreateMessageRequestSchema, async (request, extra) => {
    if (!request.params.task) return sample;
    const task = await extra.taskStore.createTask({ ttl: 60000, pollInterval: 500 });
    setTimeout(() => extra.taskStore.storeTaskResult(task.taskId, 'completed', sample), 300);
    return { task };
  });
  const requestInit = { headers: { 'x-test-client': name } };
  const reconnectionOptions = {
    initialReconnectionDelay: 1000,
    maxReconnectionDelay: 1000,
    reconnectionDelayGrowFactor: 1,
    maxRetries: 0,
  };
  const transport = new StreamableHTTPClientTransport(url, { requestInit, reconnectionOptions });
  await client.connect(watch(transport, noting(name, tasks)));
  return { client, transport, tasks };
}

const scenarios = {
  // Server-everything runs each of its tasks for four seconds.
  async tasks() {
    const { client, transport, tasks } = await connect('tasks');
    await client.listTools();
    const name = 'simulate-research-query';
    const stream = async (args) => {
      for await (const event of client.experimental.tasks.callToolStream({ name, arguments: args })) {
        if (event.type === 'error') throw event.error;
      }
    };
    const create = async (topic) => {
      const params = { name, arguments: { topic } };
      const options = { task: { ttl: 60000 } };
      const { task } = await client.request({ method: 'tools/call', params }, CreateTaskResultSchema, options);
      return task.taskId;
    };
    // Waits for the result without asking for the status before.
    const wait = async () => client.experimental.tasks.getTaskResult(await create('blocking'), CallToolResultSchema);
    const cancel = async () => {
      const id = await create('cancelled');
      await sleep(1500);
      await client.experimental.tasks.getTask(id);
      await client.experimental.tasks.cancelTask(id);
    };
    const sampling = () =>
      client.callTool({ name: 'trigger-sampling-request-async', arguments: { prompt: 'say something' } });
    const unknown = async () => {
      await client.experimental.tasks.getTask('no-such-task').catch(() => {});
      await client.experimental.tasks.listTasks();
    };
    await Promise.all([
      stream({ topic: 'polled' }),
      stream({ topic: 'python', ambiguous: true }),
      wait(),
      cancel(),
      sampling(),
      unknown(),
    ]);
    await create('left alone');
    await sleep(200);
    await transport.terminateSession();
    await client.close();
    tasks.finish();
  },

  // The extension: the server decides which call becomes a task.
  async 'tasks-extension'() {
    const name = 'extension';
    const tasks = new Tasks(name, log);
    const note = noting(name, tasks);
    const clientInfo = { name, version: '1.0.0' };
    const clientCapabilities = { elicitation: { form: {} }, extensions: { 'io.modelcontextprotocol/tasks': {} } };
    const client = new ModernClient(clientInfo, {
      capabilities: clientCapabilities,
      versionNegotiation: { mode: { pin: VERSION } },
    });
    const headers = { 'x-test-client': name };
    await client.connect(watch(new ModernTransport(url, { requestInit: { headers } }), note));
    let id = 1000;
    const rawDispatch = async (given) => {
      const request = { jsonrpc: '2.0', id: id++, ...given };
      note('c2s', request);
      const target = request.params.name ?? request.params.taskId;
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': VERSION,
          'mcp-method': request.method,
          ...(target ? { 'mcp-name': target } : {}),
        },
        body: JSON.stringify(request),
      });
      const text = await response.text();
      const json = text.startsWith('{') ? text : /^data: (.+)$/m.exec(text)[1];
      const message = JSON.parse(json);
      note('s2c', message);
      return message.error ? { kind: 'error', error: message.error } : { kind: 'result', result: message.result };
    };
    const session = createTaskSessionFromClient(client, {
      endpointId: 'recorded',
      rawDispatch,
      v2RequestFraming: { protocolVersion: VERSION, clientInfo, clientCapabilities },
      input: async () => {
        await sleep(50);
        return { action: 'accept', content: { yes: true } };
      },
    });
    const settle = async (tool, args = {}) => {
      const execution = await session.callTool(tool, args);
      return execution.settle().catch(() => undefined);
    };
    await settle('quick');
    await Promise.all([settle('slow'), settle('slow', { fail: 'tool' }), settle('slow', { fail: 'task' })]);
    await settle('asking');
    const execution = await session.callTool('slow', { ms: 2000 });
    await sleep(100);
    await execution.cancel();
    await execution.settle().catch(() => undefined);
    await session.close();
    await client.close();
    tasks.finish();
  },
};

await scenarios[process.argv[2]]();
process.exit(0);
