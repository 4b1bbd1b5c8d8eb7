// SPDX-License-Identifier: BSD-3-Clause
// WebSocket over HTTP/2 (RFC 8441) by node's http2 and the package `ws`, which opens sockets over
// HTTP/1.1 only: this does the opening, on a stream, and `ws` all the rest.
import http2 from 'node:http2';
import { once } from 'node:events';
import { extension, PerMessageDeflate, WebSocket } from 'ws';

const FIELD = 'sec-websocket-extensions';
const NAME = PerMessageDeflate.extensionName;
const parametersIn = (value) => (value ? extension.parse(value)[NAME] : undefined);
const limits = { maxPayload: 1 << 27, allowSynchronousEvents: true };

// Accepts what the client asks for on a stream; compression as in a WebSocketServer, or false.
export function acceptSocket(stream, headers, compression) {
  const socket = new WebSocket(null, undefined, { autoPong: true });
  const fields = { ':status': 200, 'sec-websocket-protocol': headers['sec-websocket-protocol'] };
  const offers = parametersIn(headers[FIELD]);
  if (compression && offers) {
    const deflate = new PerMessageDeflate({ ...compression, isServer: true });
    deflate.accept(offers);
    socket._extensions[NAME] = deflate;
    fields[FIELD] = extension.format({ [NAME]: [deflate.params] });
  }
  stream.respond(fields);
  socket.setSocket(stream, Buffer.alloc(0), limits);
  return socket;
}

const connections = new Map();

// The one connection to an origin, once the server has said that it knows extended CONNECT.
async function connectionTo(origin) {
  if (!connections.has(origin)) {
    const connection = http2.connect(origin);
    connections.set(origin, once(connection, 'remoteSettings').then(() => connection));
  }
  return connections.get(origin);
}

// A client's socket, on a stream of the connection to its origin.
export class SocketOverHttp2 extends WebSocket {
  constructor(to, protocol, options) {
    super(null, undefined, { autoPong: true });
    this._isServer = false;
    this.open(new URL(to), protocol, options.perMessageDeflate).catch((error) => this.emit('error', error));
  }

  async open(to, protocol, compression) {
    const connection = await connectionTo(`http://${to.host}`);
    const deflate = compression && new PerMessageDeflate({ ...compression, isServer: false });
    const stream = connection.request(
      {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': to.pathname + to.search,
        'sec-websocket-version': '13',
        'sec-websocket-protocol': protocol,
        ...(deflate ? { [FIELD]: extension.format({ [NAME]: deflate.offer() }) } : {}),
      },
      { endStream: false },
    );
    const [fields] = await once(stream, 'response');
    if (fields[':status'] !== 200) throw new Error(`status ${fields[':status']}`);
    const accepted = parametersIn(fields[FIELD]);
    if (accepted) {
      deflate.accept(accepted);
      this._extensions[NAME] = deflate;
    }
    this.setSocket(stream, Buffer.alloc(0), limits);
  }
}
