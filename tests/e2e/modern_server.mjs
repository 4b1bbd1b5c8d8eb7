// SPDX-License-Identifier: BSD-3-Clause
// An MCP server of revision 2026-07-28 on the official SDK, which serves earlier revisions, too, without
// sessions. Every request is answered by a server object of its own.
//
// usage: node modern_server.mjs PORT [modern-only]
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, ProtocolError, Server } from '@modelcontextprotocol/server';

const port = Number(process.argv[2]);
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const RESOURCE = 'demo://caf\u00e9/menu';

let handler;
const tools = {
  // Waits `ms`; fails as a tool with `fail: "tool"`, as JSON-RPC with `fail: <code>`.
  async work({ ms = 0, fail }) {
    await sleep(ms);
    if (fail === 'tool') return { ...text('the tool failed'), isError: true };
    if (fail !== undefined) throw new ProtocolError(fail, 'refused');
    return text('done');
  },
  async progress({ count, ms = 5 }, ctx) {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (let i = 1; i <= count; i++) {
      await sleep(ms);
      await ctx.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress: i, total: count },
      });
    }
    return text('complete');
  },
  // Tells those who listen.
  async touch() {
    handler.notify.toolsChanged();
    handler.notify.resourceUpdated(RESOURCE);
    return text('told');
  },
  // Ends the streams of those who listen.
  async hush() {
    setTimeout(() => handler.close(), 50);
    return text('soon');
  },
  'gr\u00fc\u00dfe': async () => text('hallo'),
};

function newServer() {
  const server = new Server(
    { name: 'modern-server', version: '2.0.0' },
    { capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, prompts: {} } },
  );
  server.setRequestHandler('tools/list', () => ({
    tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })),
  }));
  server.setRequestHandler('tools/call', (request, ctx) => {
    const tool = tools[request.params.name];
    if (!tool) throw new ProtocolError(-32602, 'no such tool');
    return tool(request.params.arguments ?? {}, ctx);
  });
  server.setRequestHandler('resources/list', () => ({ resources: [{ uri: RESOURCE, name: 'menu' }] }));
  server.setRequestHandler('resources/read', (request) => ({
    contents: [{ uri: request.params.uri, text: 'soup' }],
  }));
  server.setRequestHandler('prompts/list', () => ({ prompts: [{ name: 'greet' }] }));
  server.setRequestHandler('prompts/get', () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }],
  }));
  return server;
}

handler = createMcpHandler(newServer, { legacy: process.argv[3] === 'modern-only' ? 'reject' : 'stateless' });
const server = http.createServer(toNodeHandler(handler));
server.keepAliveTimeout = 60000;
server.listen(port, '127.0.0.1', () => console.error(`listening on port ${port}`));
