// SPDX-License-Identifier: BSD-3-Clause
// Loaded into a server with `node --import`, behind http_log.mjs: logs the JSON-RPC messages of the
// WebSockets that the process serves with the package `ws` to $HTTP_LOG, without the server's help.
// A client says its name in the query of the URL. Records:
//   message {dir, port, client, session, t_ms, kind, ...}
// With $HTTP_LOG_BOTH_HOPS, behind a proxy that names the client's port in X-Client-Port, every
// message is logged a second time, for the connection between client and proxy; what is between
// proxy and server has `hop`.
// `t_ms` of what came in is taken when the message is complete, of what goes out just before it is
// written.
import { WebSocket, WebSocketServer } from 'ws';
import { describe, now, openLog } from './message.mjs';

const log = openLog(process.env.HTTP_LOG);
const peers = new WeakMap();

function logText(socket, dir, data) {
  const text = String(data);
  const bytes = Buffer.byteLength(text);
  for (const peer of peers.get(socket) ?? []) {
    log({ record: 'message', dir, t_ms: now(), via: 'ws', ...peer, ...describe(JSON.parse(text), bytes) });
  }
}

// The connections that carry the messages of a socket.
function peersOf(request) {
  const client = new URL(request.url, 'ws://server').searchParams.get('client');
  const own = { port: request.socket.remotePort, client, session: null };
  if (process.env.HTTP_LOG_BOTH_HOPS === undefined) return [own];
  const port = Number(request.headers['x-client-port']);
  log({ record: 'connection', port });
  return [{ ...own, port }, { ...own, client: `${client} by proxy`, hop: 'server' }];
}

const served = WebSocketServer.prototype.emit;
WebSocketServer.prototype.emit = function (type, socket, request, ...rest) {
  if (type === 'connection') peers.set(socket, peersOf(request));
  return served.call(this, type, socket, request, ...rest);
};

const { emit, send } = WebSocket.prototype;
WebSocket.prototype.emit = function (type, data, ...rest) {
  if (type === 'message') logText(this, 'c2s', data);
  return emit.call(this, type, data, ...rest);
};
WebSocket.prototype.send = function (data, ...rest) {
  logText(this, 's2c', data);
  return send.call(this, data, ...rest);
};
