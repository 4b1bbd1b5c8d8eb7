// SPDX-License-Identifier: BSD-3-Clause
// The client side of the recordings of revision 2026-07-28: the official SDK client, version 2, logged
// like that of client.mjs. One function a scenario.
//
// usage: node modern_client.mjs SCENARIO URL [LEGACY-URL]
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { describe, now, openLog, watch } from './message.mjs';

const log = openLog(process.env.CLIENT_LOG);
const url = new URL(process.argv[3]);
const NEWEST = '2026-07-28';

function logMessage(client, dir, message) {
  log({ client, dir, t_ms: now(), ...describe(message, 0) });
}

const noting = (name) => (dir, message) => logMessage(name, dir, message);

async function connect(name, mode, at = url) {
  const client = new Client({ name, version: '1.0.0' }, { versionNegotiation: { mode } });
  const requestInit = { headers: { 'x-test-client': name } };
  await client.connect(watch(new StreamableHTTPClientTransport(at, { requestInit }), noting(name)));
  return client;
}

async function connectOld(name, at = url) {
  const client = new OldClient({ name, version: '1.0.0' });
  const requestInit = { headers: { 'x-test-client': name } };
  await client.connect(watch(new OldTransport(at, { requestInit }), noting(name)));
  return client;
}

async function fails(promise) {
  let failed = false;
  await promise.catch(() => (failed = true));
  if (!failed) throw new Error('an expected failure did not happen');
}

// A request outside of the SDK, with headers as the revision wants them unless others are given.
async function raw(name, id, method, { params = {}, version = NEWEST, headers = {} } = {}) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name, version: '0.0.1' },
  };
  const message = { jsonrpc: '2.0', id, method, params: { ...params, _meta } };
  logMessage(name, 'c2s', message);
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'x-test-client': name,
      'mcp-protocol-version': version,
      'mcp-method': method,
      ...headers,
    },
    body: JSON.stringify(message),
  });
  const text = await response.text();
  const data = text.startsWith('{') ? [text] : [...text.matchAll(/^data: (.+)$/gm)].map((m) => m[1]);
  for (const one of data) logMessage(name, 's2c', JSON.parse(one));
}

// What the server has, some failures, a call whose stream is closed.
async function workout(name) {
  const client = await connect(name, { pin: NEWEST });
  const call = (tool, args = {}, options = undefined) => client.callTool({ name: tool, arguments: args }, options);
  await client.listTools();
  for (let i = 0; i < 4; i++) await call('work', { ms: 3 * i });
  await call('gr\u00fc\u00dfe');
  await call('progress', { count: 3 }, { onprogress: () => {} });
  await call('work', { fail: 'tool' });
  await fails(call('work', { fail: -32603 }));
  const { resources } = await client.listResources();
  await client.readResource({ uri: resources[0].uri });
  await client.listPrompts();
  await client.getPrompt({ name: 'greet' });
  const abort = new AbortController();
  const given_up = call('work', { ms: 2000 }, { signal: abort.signal });
  setTimeout(() => abort.abort('not needed'), 100);
  await fails(given_up);
  const streamed = new AbortController();
  const cut = call('progress', { count: 100, ms: 30 }, { signal: streamed.signal, onprogress: () => {} });
  setTimeout(() => streamed.abort('not needed either'), 150);
  await fails(cut);
  return client;
}

const scenarios = {
  // Two clients at once, both listen; one ends its stream, the server ends the other's.
  async modern() {
    const [first, second] = await Promise.all(['alpha', 'beta'].map(workout));
    await raw('odd', 1, 'example/unknown');
    await raw('odd', 2, 'tools/list', { version: '2031-01-01' });
    await raw('odd', 3, 'tools/list', { headers: { 'mcp-method': 'tools/call' } });
    const params = { name: 'work', arguments: {} };
    await raw('odd', 4, 'tools/call', { params, headers: { 'mcp-name': 'other' } });
    await raw('odd', 5, 'tools/call', { params });
    await raw('odd', 6, 'tools/call', { params, headers: { 'mcp-name': 'work' } });
    const base64 = `=?base64?${Buffer.from('work').toString('base64')}?=`;
    await raw('odd', 7, 'tools/call', { params, headers: { 'mcp-name': base64 } });
    const filter = { toolsListChanged: true, resourceSubscriptions: ['demo://caf\u00e9/menu'] };
    const [listening] = await Promise.all([first.listen(filter), second.listen({ toolsListChanged: true })]);
    await first.callTool({ name: 'touch' });
    await sleep(50);
    await listening.close();
    await second.callTool({ name: 'touch' });
    await sleep(50);
    await second.callTool({ name: 'hush' });
    await sleep(200);
    await Promise.all([first.close(), second.close()]);
  },

  // Clients of both eras at one endpoint, and a client of the newer that meets a server of the older.
  async 'dual-era'() {
    const old = await connectOld('old');
    const newer = await connect('newer', 'auto');
    const rounds = async (client) => {
      for (let i = 0; i < 4; i++) await client.callTool({ name: 'work', arguments: { ms: 2 * i } });
    };
    await Promise.all([rounds(old), rounds(newer)]);
    const stepping_back = await connect('stepping-back', 'auto', new URL(process.argv[4]));
    await rounds(stepping_back);
    await Promise.all([old, newer, stepping_back].map((client) => client.close()));
  },
};

await scenarios[process.argv[2]]();
process.exit(0);
