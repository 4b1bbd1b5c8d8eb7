// SPDX-License-Identifier: BSD-3-Clause
// The official SDK client over TCP, one JSON-RPC message a line: as with a server's standard input and
// output, carried by socat. Logs to $CLIENT_LOG. Several connections, one of which the server dials.
//
// usage: node lines_client.mjs PORT SERVER...
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  EmptyResultSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, now, openLog } from './message.mjs';

const log = openLog(process.env.CLIENT_LOG);
const [port, ...server] = process.argv.slice(2);

// A transport of the SDK on a socket; name: what both logs call the connection.
class Lines {
  constructor(socket, name) {
    this.socket = socket;
    this.name = name;
    this.buffer = new ReadBuffer();
  }

  log(dir, message) {
    log({ client: this.name, dir, t_ms: now(), ...describe(message, 0) });
  }

  async start() {
    this.socket.on('data', (chunk) => {
      this.buffer.append(chunk);
      for (let message; (message = this.buffer.readMessage()) !== null; ) {
        this.log('s2c', message);
        this.onmessage?.(message);
      }
    });
    this.socket.on('close', () => this.onclose?.());
  }

  async send(message) {
    this.log('c2s', message);
    this.socket.write(serializeMessage(message));
  }

  async close() {
    this.socket.end();
    await once(this.socket, 'close');
  }
}

async function connect(socket, name, capabilities = {}) {
  const client = new Client({ name: 'lines', version: '1.0.0' }, { capabilities });
  if (capabilities.roots) {
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///tmp', name: 'tmp' }] }));
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      role: 'assistant',
      content: { type: 'text', text: 'a sample' },
      model: 'none',
    }));
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' }));
  }
  await client.connect(new Lines(socket, name));
  return client;
}

async function dial() {
  const socket = net.connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  return [socket, `port-${socket.localPort}`];
}

async function fails(promise) {
  let failed = false;
  await promise.catch(() => (failed = true));
  if (!failed) throw new Error('an expected failure did not happen');
}

function call(client, name, args = {}, options = undefined) {
  return client.callTool({ name, arguments: args }, undefined, options);
}

// Much of what the reference server offers.
async function all() {
  const client = await connect(...(await dial()), { roots: { listChanged: true }, sampling: {}, elicitation: {} });
  await sleep(500);
  await client.setLoggingLevel('debug');
  await client.ping();
  await client.listTools();
  await call(client, 'echo', { message: 'gr\u00fc\u00dfe \u20ac \ud83d\ude80 "quoted" \\ \n'.repeat(200) });
  await call(client, 'get-sum', { a: 2, b: 3 });
  await call(client, 'get-sum', { a: 'two' }).catch(() => {});
  await call(client, 'get-tiny-image');
  await call(client, 'missing-tool').catch(() => {});
  await call(client, 'trigger-long-running-operation', { duration: 0.3, steps: 3 }, { onprogress: () => {} });
  await call(client, 'trigger-sampling-request', { prompt: 'say something', maxTokens: 10 });
  await call(client, 'trigger-elicitation-request');
  await call(client, 'get-roots-list');
  const { resources } = await client.listResources();
  await client.readResource({ uri: resources[0].uri });
  await fails(client.readResource({ uri: 'demo://resource/none/1' }));
  await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Oslo' } });
  await fails(client.request({ method: 'example/unknown' }, EmptyResultSchema));
  const abort = new AbortController();
  const cancelled = call(client, 'trigger-long-running-operation', { duration: 0.6, steps: 2 }, { signal: abort.signal });
  setTimeout(() => abort.abort('not needed'), 100);
  await fails(cancelled);
  await Promise.all([1, 2, 3, 4].map((n) => call(client, 'get-sum', { a: n, b: n })));
  await sleep(700);
  await client.close();
}

async function short(socket, name) {
  const client = await connect(socket, name);
  await client.listTools();
  for (let n = 0; n < 5; n++) await call(client, 'get-sum', { a: n, b: n });
  await client.close();
}

// The server opens the connection.
async function dialled() {
  const listener = net.createServer().listen(Number(port) + 1, '127.0.0.1');
  await once(listener, 'listening');
  const SOURCE_PORT = String(Number(port) + 2);
  const address = `TCP:127.0.0.1:${Number(port) + 1},sourceport=${SOURCE_PORT}`;
  const socat = spawn('socat', [address, `EXEC:${server.join(' ')}`], {
    stdio: 'ignore',
    env: { ...process.env, SOURCE_PORT },
  });
  const [socket] = await once(listener, 'connection');
  await short(socket, `port-${socket.remotePort}`);
  listener.close();
  await once(socat, 'exit');
}

await Promise.all([all(), dial().then((where) => short(...where)), dialled()]);
process.exit(0);
