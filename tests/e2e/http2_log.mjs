// SPDX-License-Identifier: BSD-3-Clause
// Loaded into a server with `node --import`: what http_log.mjs does, for HTTP/2 servers. What a stream
// carries that opens a WebSocket is left to ws_log.mjs.
import http2 from 'node:http2';
import { now, openLog } from './message.mjs';
import { logEvent, logJson } from './http_log.mjs';

const log = openLog(process.env.HTTP_LOG);
let exchanges = process.pid * 1e6 + 5e5; // apart from those of http_log.mjs

function watchRequest(stream, base) {
  const chunks = [];
  const { push } = stream;
  stream.push = function (chunk, ...rest) {
    if (chunk !== null) {
      chunks.push(chunk);
    } else if (chunks.length > 0) {
      const text = Buffer.concat(chunks.splice(0)).toString(); // the end comes twice
      logJson(text, { ...base, dir: 'c2s', t_ms: now() });
    }
    return push.call(this, chunk, ...rest);
  };
}

function watchResponse(stream, base) {
  const { write, end } = stream;
  let pending = '';
  const chunks = [];
  const seen = (chunk) => {
    if (chunk === undefined || chunk === null || typeof chunk === 'function') return;
    if (!/^text\/event-stream/i.test(stream.sentHeaders?.['content-type'] ?? '')) {
      chunks.push(Buffer.from(chunk));
      return;
    }
    const t_ms = now();
    const blocks = (pending + Buffer.from(chunk).toString()).split('\n\n');
    pending = blocks.pop();
    for (const block of blocks) logEvent(block, base, t_ms);
  };
  stream.write = function (chunk, ...rest) {
    seen(chunk);
    return write.call(this, chunk, ...rest);
  };
  stream.end = function (chunk, ...rest) {
    seen(chunk);
    const text = Buffer.concat(chunks).toString();
    if (text !== '') logJson(text, { ...base, dir: 's2c', t_ms: now(), via: 'json' });
    return end.call(this, ...(typeof chunk === 'function' ? [chunk] : [chunk, ...rest]));
  };
}

function watch(stream, headers) {
  const base = { http: exchanges++, port: stream.session.socket.remotePort };
  watchRequest(stream, base);
  watchResponse(stream, base);
  stream.on('close', () =>
    log({
      record: 'http',
      ...base,
      verb: headers[':method'],
      client: headers['x-test-client'] ?? null,
      status: stream.sentHeaders?.[':status'] ?? null,
      session: headers['mcp-session-id'] ?? stream.sentHeaders?.['mcp-session-id'] ?? null,
      resumed: headers['last-event-id'] !== undefined,
    }),
  );
}

const prototype = Object.getPrototypeOf(http2.createServer());
const { emit } = prototype;
prototype.emit = function (type, ...args) {
  if (type === 'connection') log({ record: 'connection', port: args[0].remotePort });
  if (type === 'stream' && args[1][':method'] !== 'CONNECT') watch(args[0], args[1]);
  return emit.call(this, type, ...args);
};
