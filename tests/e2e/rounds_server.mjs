// SPDX-License-Identifier: BSD-3-Clause
// An MCP server of revision 2026-07-28 on the official SDK that asks for input before it answers.
//
// usage: node rounds_server.mjs PORT
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, inputRequired, ProtocolError, Server } from '@modelcontextprotocol/server';

const port = Number(process.argv[2]);
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const question = (message) =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { yes: { type: 'boolean' } }, required: ['yes'] },
  });
const ask = (keys, requestState) =>
  inputRequired({ inputRequests: Object.fromEntries(keys.map((key) => [key, question(`${key}?`)])), requestState });

// The state names the call, as that of a server does which keeps nothing itself.
let calls = 0;
const newState = (step) => Buffer.from(JSON.stringify({ step, call: calls++, pad: 'x'.repeat(600) })).toString('base64');
const stepOf = (state) => JSON.parse(Buffer.from(state, 'base64').toString()).step;

const tools = {
  plain: async () => text('no questions'),
  // One round, with state.
  async deploy({ fail }, { inputResponses, requestState }) {
    await sleep(5);
    if (!requestState) return ask(['confirm'], newState(1));
    if (fail === 'tool') return { ...text(`not deployed: ${Object.keys(inputResponses)}`), isError: true };
    if (fail !== undefined) throw new ProtocolError(fail, 'refused');
    return text('deployed');
  },
  // Two rounds, with a new state each time.
  async interview(args, { requestState }) {
    await sleep(5);
    if (!requestState) return ask(['name', 'age'], newState(1));
    return stepOf(requestState) === 1 ? ask(['more'], newState(2)) : text('thank you');
  },
  // One round, without state.
  async confirm(args, { inputResponses }) {
    await sleep(5);
    return inputResponses?.sure ? text('confirmed') : ask(['sure']);
  },
  // Two rounds, without state.
  async wizard(args, { inputResponses }) {
    await sleep(5);
    if (inputResponses?.colour) return text('painted');
    return inputResponses?.size ? ask(['colour']) : ask(['size', 'weight']);
  },
};

function newServer() {
  const server = new Server(
    { name: 'rounds-server', version: '2.0.0' },
    { capabilities: { tools: {}, resources: {}, prompts: {} } },
  );
  const given = (request, ctx) => ({
    inputResponses: ctx.mcpReq.inputResponses,
    requestState: ctx.mcpReq.requestState(),
  });
  server.setRequestHandler('tools/list', () => ({
    tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })),
  }));
  server.setRequestHandler('tools/call', (request, ctx) => {
    const tool = tools[request.params.name];
    if (!tool) throw new ProtocolError(-32602, 'no such tool');
    return tool(request.params.arguments ?? {}, given(request, ctx));
  });
  server.setRequestHandler('resources/read', (request, ctx) =>
    given(request, ctx).requestState
      ? { contents: [{ uri: request.params.uri, text: 'secret' }] }
      : ask(['permit'], newState(1)),
  );
  server.setRequestHandler('prompts/get', (request, ctx) =>
    given(request, ctx).inputResponses
      ? { messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }] }
      : ask(['whom']),
  );
  return server;
}

const server = http.createServer(toNodeHandler(createMcpHandler(newServer)));
server.keepAliveTimeout = 60000;
server.listen(port, '127.0.0.1', () => console.error(`listening on port ${port}`));
