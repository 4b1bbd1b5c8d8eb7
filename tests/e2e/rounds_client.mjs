// SPDX-License-Identifier: BSD-3-Clause
// The client side of the recording of calls in several rounds: the official SDK client, version 2,
// which answers what the server asks and calls again by itself.
//
// usage: node rounds_client.mjs URL
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, now, openLog, watch } from './message.mjs';
import { Operations } from './operations.mjs';

const log = openLog(process.env.CLIENT_LOG);
const url = new URL(process.argv[2]);

function noting(name, operations) {
  return (dir, message) => {
    log({ client: name, dir, t_ms: now(), ...describe(message, 0) });
    operations.message(dir, message);
  };
}

// A client whose person takes `think` milliseconds for an answer.
async function connect(name, think, inputRequired = {}) {
  const operations = new Operations(name, log);
  const client = new Client(
    { name, version: '1.0.0' },
    {
      capabilities: { elicitation: { form: {} } },
      versionNegotiation: { mode: { pin: '2026-07-28' } },
      inputRequired,
    },
  );
  client.setRequestHandler('elicitation/create', async () => {
    await sleep(think);
    return { action: 'accept', content: { yes: true } };
  });
  const requestInit = { headers: { 'x-test-client': name } };
  const transport = new StreamableHTTPClientTransport(url, { requestInit });
  await client.connect(watch(transport, noting(name, operations)));
  const call = (tool, facts, args = {}) =>
    operations.run({ kind: 'mrtr', method: 'tools/call', name: tool, ...facts }, () =>
      client.callTool({ name: tool, arguments: args }),
    );
  return { client, operations, call };
}

const state = { state: true };
const keys = { state: false };

const { client, operations, call } = await connect('alpha', 40);
await client.callTool({ name: 'plain' });
await call('deploy', state);
await call('interview', state);
await call('confirm', keys);
await call('wizard', keys);
await call('deploy', state, { fail: 'tool' });
await call('deploy', state, { fail: -32603 });
await operations.run({ kind: 'mrtr', method: 'prompts/get', name: 'greet', ...keys }, () =>
  client.getPrompt({ name: 'greet' }),
);
const uri = 'demo://safe';
await operations.run({ kind: 'mrtr', method: 'resources/read', name: uri, ...state }, () => client.readResource({ uri }));

// Two clients at once, and one tool: a state tells them apart, nothing else does.
const others = await Promise.all([connect('beta', 120), connect('gamma', 150)]);
await Promise.all(others.map((other) => other.call('deploy', state)));
await Promise.all(others.map((other) => other.call('confirm', { ...keys, at_once: true })));

// A client that does not go on.
const leaving = await connect('leaving', 10, { autoFulfill: false });
await leaving.call('interview', { ...state, status: 'pending' });

for (const one of [{ client }, ...others, leaving]) await one.client.close();
process.exit(0);
