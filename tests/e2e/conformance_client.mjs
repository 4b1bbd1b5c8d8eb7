// SPDX-License-Identifier: BSD-3-Clause
// The client that the conformance suite starts with the URL of its server as last argument: lists the
// tools, calls each with plain arguments, accepts what it is asked.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const client = new Client(
  { name: 'conformance-client', version: '1.0.0' },
  { capabilities: { elicitation: { form: { applyDefaults: true } } } },
);
client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: {} }));
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv.at(-1))));
for (const tool of (await client.listTools()).tools) {
  const names = Object.keys(tool.inputSchema.properties ?? {});
  const args = Object.fromEntries(names.map((name, i) => [name, i + 2]));
  await client.callTool({ name: tool.name, arguments: args });
}
await client.close();
