// SPDX-License-Identifier: BSD-3-Clause
// Loaded into a server with `node --import`: logs what each HTTP exchange of the process carries to
// the file $HTTP_LOG, without the server's help. Records:
//   connection {port}                                  a TCP connection was accepted
//   http       {http, port, verb, client, status, session, ...}   at the end of an exchange; cut: the
//              connection went before the response was complete; mcp: the header fields of 2026-07-28
//   message    {http, dir, t_ms, via, event, kind, ...}   a JSON-RPC message
// With $HTTP_LOG_PROXIED the ports are those that a proxy in front names in X-Client-Port.
// `t_ms` of what came in is taken when the body is complete, of what goes out just before the
// server writes it, so the interval between them is never longer than the one on the wire.
import http from 'node:http';
import { describe, now, openLog } from './message.mjs';

const log = openLog(process.env.HTTP_LOG);
let exchanges = process.pid * 1e6; // several processes may share a log

export function logJson(text, base) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return;
  }
  const batch = Array.isArray(value);
  for (const one of batch ? value : [value]) {
    const bytes = batch ? Buffer.byteLength(JSON.stringify(one)) : Buffer.byteLength(text);
    log({ record: 'message', ...base, ...(batch ? { batch: value.length } : {}), ...describe(one, bytes) });
  }
}

function watchRequest(req, base) {
  const chunks = [];
  const push = req.push;
  req.push = function (chunk, ...rest) {
    if (chunk !== null) {
      chunks.push(chunk);
    } else if (chunks.length > 0) {
      logJson(Buffer.concat(chunks).toString(), { ...base, dir: 'c2s', t_ms: now() });
    }
    return push.call(this, chunk, ...rest);
  };
}

// One block of an event stream, without its empty line.
export function logEvent(block, base, t_ms) {
  let event;
  const data = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('id:')) event = line.slice(3).trim();
    if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
  }
  if (data.join('') !== '') logJson(data.join('\n'), { ...base, dir: 's2c', t_ms, via: 'sse', event });
}

function watchResponse(res, base) {
  const { write, end } = res;
  let pending = '';
  const chunks = [];
  const seen = (chunk) => {
    if (chunk === undefined || chunk === null || typeof chunk === 'function') return;
    if (!/^content-type: *text\/event-stream/im.test(res._header ?? '')) {
      chunks.push(Buffer.from(chunk));
      return;
    }
    const t_ms = now();
    const blocks = (pending + Buffer.from(chunk).toString()).split('\n\n');
    pending = blocks.pop();
    for (const block of blocks) logEvent(block, base, t_ms);
  };
  res.write = function (chunk, ...rest) {
    if (!res._header) res._implicitHeader();
    seen(chunk);
    return write.call(this, chunk, ...rest);
  };
  res.end = function (chunk, ...rest) {
    if (res._header) seen(chunk);
    else if (chunk && typeof chunk !== 'function') chunks.push(Buffer.from(chunk));
    const text = Buffer.concat(chunks).toString();
    if (text !== '') logJson(text, { ...base, dir: 's2c', t_ms: now(), via: 'json' });
    return end.call(this, chunk, ...rest);
  };
}

// Behind a proxy, what counts is the client's connection to that, which the proxy names.
const proxied = process.env.HTTP_LOG_PROXIED !== undefined;
const seen = new Set();

function portOf(req) {
  if (!proxied) return req.socket.remotePort;
  const port = Number(req.headers['x-client-port']);
  if (!seen.has(port)) log({ record: 'connection', port });
  seen.add(port);
  return port;
}

// What the header fields of revision 2026-07-28 say of the body.
function mirrored(headers) {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(headers['mcp-name'] ?? '');
  return {
    method: headers['mcp-method'],
    name: encoded ? Buffer.from(encoded[1], 'base64').toString() : headers['mcp-name'],
    version: headers['mcp-protocol-version'],
  };
}

function watch(req, res) {
  const base = { http: exchanges++, port: portOf(req) };
  watchRequest(req, base);
  watchResponse(res, base);
  res.on('close', () => {
    const session = /^mcp-session-id: *(\S+)/im.exec(res._header ?? '')?.[1];
    log({
      record: 'http',
      ...base,
      verb: req.method,
      client: req.headers['x-test-client'] ?? null,
      status: res.headersSent ? res.statusCode : null,
      session: req.headers['mcp-session-id'] ?? session ?? null,
      resumed: req.headers['last-event-id'] !== undefined,
      ...(res.writableFinished ? {} : { cut: true }),
      ...(req.headers['mcp-method'] === undefined ? {} : { mcp: mirrored(req.headers) }),
    });
  });
}

const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (type, ...args) {
  if (type === 'connection' && !proxied) log({ record: 'connection', port: args[0].remotePort });
  if (type === 'request') watch(args[0], args[1]);
  return emit.call(this, type, ...args);
};
