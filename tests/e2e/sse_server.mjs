// SPDX-License-Identifier: BSD-3-Clause
// An MCP server on the official SDK over HTTP+SSE, with a tool that makes it end the session.
//
// usage: node sse_server.mjs PORT
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { newServer, text, work } from './tools.mjs';

const transports = new Map();

const toolsOf = (transport) => ({
  work,
  // The stream ends after `ms`, while this call and perhaps others wait.
  async leave({ ms }) {
    await sleep(ms);
    await transport.close();
    return text('nobody hears this');
  },
});

async function serve(req, res) {
  const { pathname, searchParams } = new URL(req.url, 'http://server');
  if (req.method === 'GET' && pathname === '/sse') {
    const transport = new SSEServerTransport('/message', res);
    transports.set(transport.sessionId, transport);
    res.on('close', () => transports.delete(transport.sessionId));
    await newServer('mcpmeter-e2e-sse', toolsOf(transport)).connect(transport);
    return;
  }
  const transport = transports.get(searchParams.get('sessionId'));
  if (transport) await transport.handlePostMessage(req, res);
  else res.writeHead(404, { 'content-type': 'text/plain' }).end('no such session');
}

http.createServer(serve).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening on port'));
process.on('SIGTERM', () => process.exit(0));
