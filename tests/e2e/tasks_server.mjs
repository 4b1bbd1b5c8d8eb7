// SPDX-License-Identifier: BSD-3-Clause
// A server of the tasks extension of revision 2026-07-28. No public package has its server side yet:
// this is the low-level server of the official SDK, version 2, with handlers written by hand.
//
// usage: node tasks_server.mjs PORT
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, ProtocolError, Server } from '@modelcontextprotocol/server';

const port = Number(process.argv[2]);
const EXTENSION = 'io.modelcontextprotocol/tasks';
const text = (value) => ({ content: [{ type: 'text', text: value }] });
// Takes params as they come.
const anything = { '~standard': { version: 1, vendor: 'mcpmeter', validate: (value) => ({ value }) } };

const tasks = new Map();

function newTask(ms, finish, question) {
  const at = new Date().toISOString();
  const task = {
    taskId: randomUUID(),
    status: 'working',
    createdAt: at,
    lastUpdatedAt: at,
    ttlMs: 60000,
    pollIntervalMs: 100,
  };
  const update = (change) => Object.assign(task, change, { lastUpdatedAt: new Date().toISOString() });
  tasks.set(task.taskId, { task, update });
  setTimeout(() => {
    if (task.status !== 'working') return;
    if (!question) update(finish);
    else update({ status: 'input_required', inputRequests: question });
    tasks.get(task.taskId).finish = finish;
  }, ms);
  return { resultType: 'task', ...task };
}

const tools = {
  quick: () => text('at once'),
  slow: ({ ms = 350, fail }) => {
    if (fail === 'task') return newTask(ms, { status: 'failed', error: { code: -32603, message: 'broke' } });
    const result = { ...text('done'), ...(fail ? { isError: true } : {}), resultType: 'complete' };
    return newTask(ms, { status: 'completed', result });
  },
  asking: () => {
    const requestedSchema = { type: 'object', properties: { yes: { type: 'boolean' } }, required: ['yes'] };
    const sure = { method: 'elicitation/create', params: { mode: 'form', message: 'sure?', requestedSchema } };
    return newTask(150, { status: 'completed', result: { ...text('sure'), resultType: 'complete' } }, { sure });
  },
};

function known(params) {
  const entry = tasks.get(params?.taskId);
  if (!entry) throw new ProtocolError(-32602, 'no such task');
  return entry;
}

function newServer() {
  const server = new Server(
    { name: 'tasks-server', version: '2.0.0' },
    { capabilities: { tools: {}, extensions: { [EXTENSION]: {} } } },
  );
  server.setRequestHandler('tools/list', () => ({
    tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })),
  }));
  server.setRequestHandler('tools/call', (request) => tools[request.params.name](request.params.arguments ?? {}));
  server.setRequestHandler('tasks/get', { params: anything }, (params) => ({
    resultType: 'complete',
    ...known(params).task,
  }));
  server.setRequestHandler('tasks/update', { params: anything }, (params) => {
    const { task, update, finish } = known(params);
    delete task.inputRequests;
    update(finish);
    return { resultType: 'complete' };
  });
  server.setRequestHandler('tasks/cancel', { params: anything }, (params) => {
    const { update } = known(params);
    setTimeout(() => update({ status: 'cancelled' }), 50);
    return { resultType: 'complete' };
  });
  return server;
}

const server = http.createServer(toNodeHandler(createMcpHandler(newServer)));
server.keepAliveTimeout = 60000;
server.listen(port, '127.0.0.1', () => console.error(`listening on port ${port}`));
