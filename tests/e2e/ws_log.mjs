// SPDX-License-Identifier: BSD-3-Clause
// Loaded into a server with `node --import`, behind http_log.mjs: logs the JSON-RPC messages of the
// WebSockets that the process serves with the package `ws` to $HTTP_LOG, without the server's help.
// A client says its name in the query of the URL. Records:
//   message {dir, port, client, session, t_ms, kind, ...}
// `t_ms` of what came in is taken when the message is complete, of what goes out just before it is
// written.
import { WebSocket, WebSocketServer } from 'ws';
import { describe, now, openLog } from './message.mjs';

const log = openLog(process.env.HTTP_LOG);
const peers = new WeakMap();

function logText(socket, dir, data) {
  const peer = peers.get(socket);
  const text = String(data);
  const bytes = Buffer.byteLength(text);
  if (peer) log({ record: 'message', dir, t_ms: now(), via: 'ws', ...peer, ...describe(JSON.parse(text), bytes) });
}

const served = WebSocketServer.prototype.emit;
WebSocketServer.prototype.emit = function (type, socket, request, ...rest) {
  if (type === 'connection') {
    const client = new URL(request.url, 'ws://server').searchParams.get('client');
    peers.set(socket, { port: request.socket.remotePort, client, session: null });
  }
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
