// SPDX-License-Identifier: BSD-3-Clause
// A small MCP server on the official SDK whose tools do what a recording needs: wait, fail, answer
// with megabytes, send a thousand progress notifications, drop their stream half way.
//
// usage: node server.mjs PORT [json] [stateless] [events] [http2]
//   json       answer with application/json instead of an event stream; so does the path /json
//   http2      over HTTP/2 in clear text, by prior knowledge
//   stateless  no session id; a new server object for each POST
//   events     keep events, so that a broken stream can be resumed
import http from 'node:http';
import http2 from 'node:http2';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { big, newServer, progress, text, work } from './tools.mjs';

const port = Number(process.argv[2]);
const options = new Set(process.argv.slice(3));

const tools = {
  work,
  big,
  // On the stream of the call.
  progress,
  async lookup({ ms = 0 }) {
    await sleep(ms);
    return text('found');
  },
  async swallow({ data }) {
    return text(String(data.length));
  },
  // Ends the call's stream first; the answer waits for a resumed stream.
  async resume({ ms = 50 }, extra) {
    await sleep(20);
    extra.closeSSEStream?.();
    await sleep(ms);
    return text('after the cut');
  },
};

// Keeps the events of each stream in order; ids are STREAM/NUMBER.
class EventStore {
  events = [];

  async storeEvent(stream, message) {
    const id = `${stream}/${this.events.length}`;
    this.events.push({ id, stream, message });
    return id;
  }

  async getStreamIdForEventId(id) {
    return this.events.find((event) => event.id === id)?.stream;
  }

  async replayEventsAfter(lastId, { send }) {
    const last = this.events.findIndex((event) => event.id === lastId);
    const { stream } = this.events[last];
    for (const event of this.events.slice(last + 1)) {
      if (event.stream === stream && Object.keys(event.message).length > 0) await send(event.id, event.message);
    }
    return stream;
  }
}

const sessions = new Map();

async function transportOf(req) {
  const known = sessions.get(req.headers['mcp-session-id']);
  if (known) return known;
  const stateless = options.has('stateless');
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: stateless ? undefined : randomUUID,
    enableJsonResponse: options.has('json') || req.url === '/json',
    ...(options.has('events') ? { eventStore: new EventStore(), retryInterval: 100 } : {}),
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  });
  await newServer('mcpmeter-e2e', tools).connect(transport);
  return transport;
}

async function readBody(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function refuse(res, status, message) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message }, id: null }));
}

const { createServer } = options.has('http2') ? http2 : http;
const server = createServer(async (req, res) => {
  const session = req.headers['mcp-session-id'];
  let body;
  if (req.method === 'POST') {
    try {
      body = JSON.parse(await readBody(req));
    } catch {
      return refuse(res, 400, 'not JSON');
    }
  }
  if (session !== undefined && !sessions.has(session)) return refuse(res, 404, 'session not found');
  if (req.method === 'GET' && options.has('stateless')) return refuse(res, 405, 'no stream here');
  await (await transportOf(req)).handleRequest(req, res, body);
});
server.keepAliveTimeout = 60000;
server.listen(port, '127.0.0.1', () => console.error(`listening on port ${port}`));
