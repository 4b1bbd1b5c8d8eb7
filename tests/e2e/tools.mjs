// SPDX-License-Identifier: BSD-3-Clause
// What the servers on version 1 of the official SDK share: tools that do what a recording needs, and a
// server object that offers tools.
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';

export const text = (value) => ({ content: [{ type: 'text', text: value }] });

// Waits `ms`; fails as a tool with `fail: "tool"`, as JSON-RPC with `fail: <code>`.
export async function work({ ms = 0, fail, pad = 0 }) {
  await sleep(ms);
  if (fail === 'tool') return { ...text('the tool failed'), isError: true };
  if (fail !== undefined) throw new McpError(fail, 'refused');
  return text('done ' + '.'.repeat(pad));
}

// A result of `bytes` bytes of text, quotes and non-ASCII characters among them; it compresses well.
export async function big({ bytes }) {
  const line = 'the quick "brown" fox \u00e9\u20ac\\n ';
  return text(line.repeat(Math.ceil(bytes / Buffer.byteLength(line))));
}

// `count` progress notifications before the answer.
export async function progress({ count }, extra) {
  const progressToken = extra._meta?.progressToken;
  for (let i = 1; i <= count; i++) {
    await extra.sendNotification({
      method: 'notifications/progress',
      params: { progressToken, progress: i, total: count },
    });
  }
  return text('complete');
}

// tools: name to function (arguments, extra).
export function newServer(name, tools) {
  const server = new Server({ name, version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: Object.keys(tools).map((tool) => ({ name: tool, inputSchema: { type: 'object' } })),
  }));
  server.setRequestHandler(CallToolRequestSchema, (request, extra) => {
    const tool = tools[request.params.name];
    if (!tool) throw new McpError(-32602, 'no such tool');
    return tool(request.params.arguments ?? {}, extra);
  });
  return server;
}
