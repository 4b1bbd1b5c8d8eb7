// SPDX-License-Identifier: BSD-3-Clause
// An MCP server on the official SDK over WebSocket, by the package `ws`. The path says how messages
// are compressed: /plain, /takeover, /no-takeover.
//
// usage: node ws_server.mjs PORT [http2]
//   http2   on streams of HTTP/2 in clear text, by prior knowledge
import http from 'node:http';
import http2 from 'node:http2';
import { WebSocketServer } from 'ws';
import { CreateMessageResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { big, newServer, progress, text, work } from './tools.mjs';
import { acceptSocket } from './ws_http2.mjs';

const tools = {
  work,
  big,
  progress,
  // Asks the client for a sample before it answers.
  async sample({ prompt }, extra) {
    const messages = [{ role: 'user', content: { type: 'text', text: prompt } }];
    const answer = await extra.sendRequest(
      { method: 'sampling/createMessage', params: { messages, maxTokens: 10 } },
      CreateMessageResultSchema,
    );
    return text(answer.content.text);
  },
  async hang() {
    await new Promise(() => {});
  },
};

// The SDK's interface of a transport, on one socket.
class SocketTransport {
  constructor(socket) {
    this.socket = socket;
  }

  async start() {
    this.socket.on('message', (data) => this.onmessage?.(JSON.parse(String(data))));
    this.socket.on('close', () => this.onclose?.());
    this.pings = setInterval(() => this.socket.ping('alive'), 15);
    this.socket.on('close', () => clearInterval(this.pings));
  }

  async send(message) {
    this.socket.send(JSON.stringify(message));
  }

  async close() {
    this.socket.close();
  }
}

const no = { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 };
const compression = { '/plain': false, '/takeover': { threshold: 0 }, '/no-takeover': no };
const servers = new Map();
for (const [path, perMessageDeflate] of Object.entries(compression)) {
  servers.set(path, new WebSocketServer({ noServer: true, perMessageDeflate }));
}

let accepted = 0;

function serve(path, socket, request) {
  const server = newServer('mcpmeter-e2e-ws', tools);
  server._requestMessageId = 100 * accepted++; // tells its messages from those of the others
  servers.get(path).emit('connection', socket, request);
  server.connect(new SocketTransport(socket));
}

const pathOf = (url) => new URL(url, 'ws://server').pathname;

function overHttp1() {
  const listener = http.createServer((_, res) => res.writeHead(426).end());
  listener.on('upgrade', (req, socket, head) => {
    const path = pathOf(req.url);
    servers.get(path).handleUpgrade(req, socket, head, (ws) => serve(path, ws, req));
  });
  return listener;
}

function overHttp2() {
  const listener = http2.createServer({ settings: { enableConnectProtocol: true } });
  listener.on('stream', (stream, headers) => {
    const url = headers[':path'];
    const path = pathOf(url);
    const ws = acceptSocket(stream, headers, compression[path]);
    serve(path, ws, { url, socket: stream.session.socket });
  });
  return listener;
}

const listener = process.argv[3] === 'http2' ? overHttp2() : overHttp1();
listener.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening on port'));
process.on('SIGTERM', () => process.exit(0));
