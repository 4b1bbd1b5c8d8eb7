// SPDX-License-Identifier: BSD-3-Clause
// The client side of every recording: the official SDK client, whose transport is logged message by
// message to $CLIENT_LOG. One function a scenario.
//
// usage: node client.mjs SCENARIO URL [http2]
//   http2   WebSockets on streams of HTTP/2
import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  EmptyResultSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { WebSocket } from 'ws';
import { describe, now, openLog } from './message.mjs';
import { SocketOverHttp2 } from './ws_http2.mjs';

const log = openLog(process.env.CLIENT_LOG);
const url = new URL(process.argv[3]);

function logMessage(client, dir, message) {
  log({ client, dir, t_ms: now(), ...describe(message, 0) });
}

// Logs what is sent before it goes and what arrives before anyone acts on it.
function watch(transport, name) {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    for (const one of Array.isArray(message) ? message : [message]) logMessage(name, 'c2s', one);
    return send(message, options);
  };
  transport.onmessage = (message) => logMessage(name, 's2c', message);
}

// The SDK takes the global one; what the path of the server says decides on compression.
globalThis.WebSocket = class extends (process.argv[4] === 'http2' ? SocketOverHttp2 : WebSocket) {
  constructor(to, protocols) {
    super(to, protocols, { perMessageDeflate: to.pathname === '/plain' ? false : { threshold: 0 } });
  }
};

function openTransport(name, options) {
  if (url.protocol === 'ws:') {
    const to = new URL(options.url ?? url);
    to.searchParams.set('client', name);
    return new WebSocketClientTransport(to);
  }
  return new StreamableHTTPClientTransport(options.url ?? url, {
    requestInit: { headers: { 'x-test-client': name } },
    fetch: options.fetch,
    reconnectionOptions: {
      initialReconnectionDelay: 100,
      maxReconnectionDelay: 1000,
      reconnectionDelayGrowFactor: 1.5,
      maxRetries: 5,
    },
  });
}

async function connect(name, capabilities = {}, prepare = () => {}, options = {}) {
  const client = new Client({ name, version: '1.0.0' }, { capabilities });
  const transport = openTransport(name, options);
  watch(transport, name);
  prepare(client);
  await client.connect(transport);
  return { client, transport, call: (tool, args, options) => callTool(client, tool, args, options) };
}

// HTTP+SSE, as revision 2024-11-05 has it.
async function connectSse(name) {
  const client = new Client({ name, version: '1.0.0' }, { capabilities: { sampling: {} } });
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: 'assistant',
    content: { type: 'text', text: 'a sample' },
    model: 'none',
  }));
  const headers = { 'x-test-client': name };
  const transport = new SSEClientTransport(url, {
    requestInit: { headers },
    eventSourceInit: { fetch: (at, init) => fetch(at, { ...init, headers: { ...init.headers, ...headers } }) },
  });
  watch(transport, name);
  await client.connect(transport);
  return { client, transport, call: (tool, args, options) => callTool(client, tool, args, options) };
}

function callTool(client, name, args = {}, options = undefined) {
  return client.callTool({ name, arguments: args }, undefined, options);
}

// A fetch that asks for one content coding, codes its bodies with gzip, and knows zstd where node does.
function codedFetch(coding) {
  return async (input, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set('accept-encoding', coding);
    let { body } = init;
    if (typeof body === 'string') {
      body = zlib.gzipSync(body);
      headers.set('content-encoding', 'gzip');
    }
    const response = await fetch(input, { ...init, headers, body });
    if (coding !== 'zstd' || response.headers.get('content-encoding') !== 'zstd') return response;
    const plain = response.body.pipeThrough(Duplex.toWeb(zlib.createZstdDecompress()));
    return new Response(plain, { status: response.status, headers: response.headers });
  };
}

async function close({ client, transport }) {
  await transport.terminateSession?.();
  await client.close();
}

// What is expected to fail must fail.
async function fails(promise) {
  let failed = false;
  await promise.catch(() => (failed = true));
  if (!failed) throw new Error('an expected failure did not happen');
}

// A request outside of the SDK, logged like all others; returns the fetch response.
async function raw(name, message, headers = {}) {
  const list = Array.isArray(message) ? message : [message];
  for (const one of list) logMessage(name, 'c2s', one);
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'x-test-client': name,
      ...headers,
    },
    body: JSON.stringify(message),
  });
  const text = await response.text();
  if (text.startsWith('{') || text.startsWith('[')) {
    const answer = JSON.parse(text);
    for (const one of Array.isArray(answer) ? answer : [answer]) logMessage(name, 's2c', one);
  }
  return response;
}

const scenarios = {
  // Everything that the reference server offers, in one session.
  async everything() {
    const capabilities = { roots: { listChanged: true }, sampling: {}, elicitation: {} };
    const session = await connect('workout', capabilities, (client) => {
      client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///tmp', name: 'tmp' }] }));
      client.setRequestHandler(CreateMessageRequestSchema, () => ({
        role: 'assistant',
        content: { type: 'text', text: 'a sample' },
        model: 'none',
      }));
      client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' }));
    });
    const { client, call } = session;
    await sleep(600);
    await client.setLoggingLevel('debug');
    await client.ping();
    const { tools } = await client.listTools();
    if (tools.length < 10) throw new Error('the reference server has too few tools');
    await call('echo', { message: 'short' });
    await call('echo', { message: 'gr\u00fc\u00dfe \u20ac \ud83d\ude80 "quoted" \\ '.repeat(20) });
    await call('get-sum', { a: 2, b: 3 });
    await call('get-sum', { a: 'two' }).catch(() => {});
    await call('get-tiny-image');
    await call('get-annotated-message', { messageType: 'error', includeImage: false });
    await call('get-structured-content', { location: 'Chicago' });
    await call('get-resource-links', { count: 3 });
    await call('missing-tool').catch(() => {});
    await call('trigger-long-running-operation', { duration: 0.3, steps: 3 }, { onprogress: () => {} });
    await call('trigger-sampling-request', { prompt: 'say something', maxTokens: 10 });
    await call('trigger-elicitation-request');
    await call('get-roots-list');
    const { resources } = await client.listResources();
    await client.listResourceTemplates();
    await client.readResource({ uri: resources[0].uri });
    await client.subscribeResource({ uri: resources[0].uri });
    await client.unsubscribeResource({ uri: resources[0].uri });
    await fails(client.readResource({ uri: 'demo://resource/none/1' }));
    await client.listPrompts();
    await client.getPrompt({ name: 'simple-prompt' });
    await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Oslo' } });
    await client.complete({
      ref: { type: 'ref/prompt', name: 'completable-prompt' },
      argument: { name: 'department', value: 'S' },
    });
    await fails(client.request({ method: 'example/unknown' }, EmptyResultSchema));
    const abort = new AbortController();
    const cancelled = call('trigger-long-running-operation', { duration: 0.6, steps: 2 }, { signal: abort.signal });
    setTimeout(() => abort.abort('not needed'), 100);
    await fails(cancelled);
    await Promise.all([1, 2, 3, 4].map((n) => call('get-sum', { a: n, b: n })));
    await sleep(700);
    await close(session);
  },

  // Answers as application/json on connections that are kept, then batches of revision 2025-03-26.
  async 'json-mode'() {
    const session = await connect('json');
    await session.client.listTools();
    for (let i = 0; i < 6; i++) await session.call('work', { ms: 2 * i, pad: 100 * i });
    await session.call('work', { fail: 'tool' });
    await fails(session.call('work', { fail: -32603 }));
    await fails(session.call('nothing'));
    await session.client.ping();
    await close(session);

    const name = 'batch';
    const version = '2025-03-26';
    const rpc = (message) => ({ jsonrpc: '2.0', ...message });
    const clientInfo = { name, version: '1.0.0' };
    const first = await raw(
      name,
      rpc({ id: 'init', method: 'initialize', params: { protocolVersion: version, capabilities: {}, clientInfo } }),
    );
    const headers = { 'mcp-session-id': first.headers.get('mcp-session-id') };
    await raw(name, rpc({ method: 'notifications/initialized' }), headers);
    await raw(name, [rpc({ id: 'a', method: 'ping' }), rpc({ id: 'b', method: 'tools/list' })], headers);
    const work = (id, args) => rpc({ id, method: 'tools/call', params: { name: 'work', arguments: args } });
    const odd = rpc({ id: 12, method: 'tools/call', params: { name: 'nothing' } });
    await raw(name, [work(10, { ms: 20 }), work(11, { fail: 'tool' }), odd], headers);
    await fetch(url, { method: 'DELETE', headers: { ...headers, 'x-test-client': name } });
  },

  // Six clients at once, event streams, random-looking waits, some failures.
  async 'many-clients'() {
    const one = async (n) => {
      const session = await connect(`client-${n}`);
      await session.client.listTools();
      for (let i = 0; i < 10; i++) {
        const k = 7 * n + 13 * i;
        const args = { ms: k % 30, pad: k % 90 };
        if (k % 17 === 0) args.fail = 'tool';
        if (k % 23 === 0) args.fail = -32603;
        await session.call(i % 2 === 0 ? 'lookup' : 'work', args).catch(() => {});
      }
      await close(session);
    };
    await Promise.all([0, 1, 2, 3, 4, 5].map(one));
  },

  // No session id; every POST is on its own for the server.
  async stateless() {
    const one = async (n) => {
      const session = await connect(`stateless-${n}`);
      for (let i = 0; i < 5; i++) await session.call('work', { ms: (5 * i + n) % 12 });
      await session.client.close();
    };
    await Promise.all([0, 1].map(one));
  },

  // The server drops the stream of a call; the answer comes on another connection.
  async resumed() {
    const session = await connect('resumer');
    await session.call('work', { ms: 1 });
    await session.call('resume', { ms: 30 });
    await session.call('work', { ms: 1 });
    await session.call('resume', { ms: 150 });
    await session.call('progress', { count: 5 }, { onprogress: () => {} });
    await close(session);
  },

  // What a server refuses: no such session, no such path, no JSON, and a port that nobody listens on.
  async refused() {
    const session = await connect('careful');
    await session.call('work', { ms: 1 });
    const ping = { jsonrpc: '2.0', id: 77, method: 'ping' };
    await raw('stranger', ping, { 'mcp-session-id': 'no-such-session' });
    await raw('stranger', { ...ping, id: 78 }, { 'mcp-session-id': 'no-such-session-either' });
    for (let i = 0; i < 3; i++) {
      const socket = net.connect(Number(url.port) + 1, url.hostname);
      await fails(once(socket, 'connect'));
      log({ client: 'knocker', refused: 1 });
    }
    await session.call('work', { fail: 'tool' });
    await close(session);
  },

  // Every content coding that node knows: a server of event streams, and on the next port one of JSON.
  async codings() {
    for (const coding of ['gzip', 'deflate', 'br', ...(zlib.createZstdCompress ? ['zstd'] : [])]) {
      const other = new URL(url);
      other.port = Number(url.port) + 1;
      for (const at of [url, other]) {
        const name = `${coding}-${at.port}`;
        const session = await connect(name, {}, undefined, { url: at, fetch: codedFetch(coding) });
        await session.client.listTools();
        await session.call('work', { ms: 5, pad: 2000 });
        if (at === url) await session.call('progress', { count: 5 }, { onprogress: () => {} });
        await Promise.all([session.call('work', { ms: 8 }), session.call('lookup', { ms: 3 })]);
        await session.call('work', { fail: 'tool' });
        await fails(session.call('work', { fail: -32603 }));
        await close(session);
      }
    }
  },

  // Through a proxy that codes and buffers as it likes.
  async proxied() {
    const one = async (n) => {
      const session = await connect(`proxied-${n}`);
      await session.client.listTools();
      await session.call('work', { ms: 5, pad: 2000 });
      await session.call('progress', { count: 20 }, { onprogress: () => {} });
      await session.call('work', { fail: 'tool' });
      await close(session);
    };
    await Promise.all([0, 1].map(one));
    await raw('stranger', { jsonrpc: '2.0', id: 77, method: 'ping' }, { 'mcp-session-id': 'no-such-session' });
  },

  // One socket without compression, one with and one without context takeover: requests of both
  // sides, fragments with a ping between them, binary messages, a cancelled and an abandoned call.
  async websocket() {
    const one = async (name, number) => {
      const answer = { role: 'assistant', content: { type: 'text', text: 'a sample' }, model: 'none' };
      const prepare = (client) => {
        client._requestMessageId = 100 * number; // tells its messages from those of the others
        client.setRequestHandler(CreateMessageRequestSchema, () => answer);
      };
      const session = await connect(name, { sampling: {} }, prepare, { url: new URL(name, url) });
      const { client, transport, call } = session;
      await client.listTools();
      for (let i = 0; i < 6; i++) await call('work', { ms: 3 * i, pad: 60 * i });
      await call('work', { fail: 'tool' });
      await fails(call('work', { fail: -32603 }));
      await fails(call('nothing'));
      await call('progress', { count: 20 }, { onprogress: () => {} });
      await call('sample', { prompt: 'say gr\u00fc\u00dfe \u20ac \ud83d\ude80' });
      await call('big', { bytes: 70000 });
      await Promise.all([30, 20, 10].map((ms) => call('work', { ms })));
      const socket = transport._socket;
      const odd = (id, ms) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'work', arguments: { ms } } });
      const pieces = JSON.stringify(odd(`fragments-${name}`, 1)).match(/.{1,30}/g);
      logMessage(name, 'c2s', odd(`fragments-${name}`, 1));
      for (const piece of pieces.slice(0, -1)) {
        socket.send(piece, { fin: false });
        socket.ping('between');
      }
      socket.send(pieces.at(-1));
      logMessage(name, 'c2s', odd(`binary-${name}`, 2));
      socket.send(Buffer.from(JSON.stringify(odd(`binary-${name}`, 2))), { binary: true });
      await sleep(50);
      const abort = new AbortController();
      const cancelled = call('hang', {}, { signal: abort.signal });
      setTimeout(() => abort.abort('not needed'), 20);
      await fails(cancelled);
      const abandoned = fails(call('hang'));
      await sleep(20);
      await close(session);
      await abandoned;
    };
    await Promise.all(['plain', 'takeover', 'no-takeover'].map(one));
  },

  // What a bridge from stdio can carry: it gives every client ids of its own towards the server.
  async gateway() {
    const one = async (name) => {
      const session = await connect(name);
      const { client, call } = session;
      await client.ping();
      await client.listTools();
      await call('echo', { message: 'gr\u00fc\u00dfe \u20ac \ud83d\ude80 "quoted" \\ '.repeat(20) });
      for (let i = 0; i < 5; i++) await call('get-sum', { a: i, b: i });
      await call('get-sum', { a: 'two' }).catch(() => {});
      await call('missing-tool').catch(() => {});
      await call('get-tiny-image');
      const { resources } = await client.listResources();
      await client.readResource({ uri: resources[0].uri });
      await client.listPrompts();
      await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Oslo' } });
      await fails(client.request({ method: 'example/unknown' }, EmptyResultSchema));
      await close(session);
    };
    await one('first');
    await one('second');
  },

  // HTTP+SSE: two sessions at once, then one that ends before a call is answered, and its successor.
  async 'sse-legacy'() {
    const workout = async (name) => {
      const { client, call } = await connectSse(name);
      await client.listTools();
      for (let i = 0; i < 5; i++) await call('echo', { message: 'x'.repeat(40 * i) });
      await Promise.all([1, 2, 3].map((n) => call('get-sum', { a: n, b: n })));
      await call('get-sum', { a: 'two' }).catch(() => {});
      await call('trigger-long-running-operation', { duration: 0.2, steps: 2 }, { onprogress: () => {} });
      await call('trigger-sampling-request', { prompt: 'say something', maxTokens: 10 });
      await fails(client.request({ method: 'example/unknown' }, EmptyResultSchema));
      const { resources } = await client.listResources();
      await client.readResource({ uri: resources[0].uri });
      await client.getPrompt({ name: 'simple-prompt' });
      await client.close();
    };
    await Promise.all(['first', 'second'].map(workout));
    const leaving = await connectSse('leaving');
    const call = leaving.call('trigger-long-running-operation', { duration: 0.5, steps: 2 });
    await sleep(100);
    await leaving.client.close();
    await fails(call);
    const back = await connectSse('back');
    await back.call('echo', { message: 'again' });
    await back.client.close();
    await sleep(600);
  },

  // HTTP+SSE, the server ends a session while two calls wait. One client says more until it notices;
  // the event source of another comes back by itself, to a new endpoint, and goes on.
  async 'sse-closed'() {
    const cutOff = async (name) => {
      const session = await connectSse(name);
      await session.call('work', { pad: 100 });
      const waiting = [session.call('work', { ms: 300 }), session.call('leave', { ms: 50 })].map(fails);
      await sleep(200);
      return { ...session, waiting };
    };
    const end = async ({ client, waiting }) => {
      await client.close();
      await Promise.all(waiting);
    };
    const stubborn = await cutOff('stubborn');
    await fails(stubborn.call('work'));
    await end(stubborn);
    const again = await connectSse('again');
    await again.call('work', { ms: 5 });
    await again.client.close();
    const returning = await cutOff('returning');
    await sleep(4000);
    await returning.call('work', { ms: 5 });
    await end(returning);
  },

  // Two sessions on one connection, one answered by event streams, one by JSON, with calls at the same
  // time and bodies beyond HTTP/2's frames and windows.
  async http2() {
    const [events, json] = await Promise.all([
      connect('events'),
      // Ids that tell its messages from those of the other one.
      connect('json', {}, (client) => (client._requestMessageId = 100), { url: new URL('/json', url) }),
    ]);
    for (const { client, call } of [events, json]) {
      await client.listTools();
      await Promise.all([12, 9, 6, 3, 0].map((ms) => call('work', { ms, pad: 50 * ms })));
      await Promise.all([call('swallow', { data: 'x'.repeat(40000) }), call('lookup', { ms: 1 })]);
      await call('work', { fail: 'tool' });
      await fails(call('work', { fail: -32603 }));
    }
    await Promise.all([
      events.call('progress', { count: 10 }, { onprogress: () => {} }),
      json.call('big', { bytes: 70000 }),
      events.call('lookup', { ms: 5 }),
      json.call('lookup', { ms: 2 }),
    ]);
    await events.client.ping();
    await close(json);
    await close(events);
  },

  // A result of 8 MB, first as it comes, then a small call behind it.
  async 'big-result'() {
    const session = await connect('big');
    await session.call('big', { bytes: 8 << 20 });
    await session.call('work', { ms: 1 });
    await session.call('big', { bytes: 8 << 20 });
    await close(session);
  },

  // Arguments of 3 MB.
  async 'big-arguments'() {
    const session = await connect('arguments');
    for (let i = 0; i < 3; i++) await session.call('swallow', { data: 'x"\u00e4\\'.repeat((3 << 20) / 8) });
    await session.call('work', { ms: 1 });
    await close(session);
  },

  // A thousand notifications in one event stream.
  async 'many-events'() {
    const session = await connect('events');
    let seen = 0;
    await session.call('progress', { count: 1000 }, { onprogress: () => seen++ });
    await session.call('work', { ms: 1 });
    if (seen < 990) throw new Error(`only ${seen} progress notifications`);
    await close(session);
  },
};

await scenarios[process.argv[2]]();
// Kept-alive connections are closed by the process's end.
process.exit(0);
