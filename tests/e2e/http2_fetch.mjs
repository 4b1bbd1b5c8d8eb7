// SPDX-License-Identifier: BSD-3-Clause
// Loaded into a client with `node --import`: fetch() over HTTP/2 in clear text by prior knowledge,
// all requests to one origin on one connection, as far as the MCP client needs it.
import http2 from 'node:http2';
import { once, setMaxListeners } from 'node:events';
import { Readable } from 'node:stream';

const connections = new Map();

function connectionTo(origin) {
  const known = connections.get(origin);
  if (known && !known.closed && !known.destroyed) return known;
  const connection = http2.connect(origin);
  connections.set(origin, connection);
  return connection;
}

globalThis.fetch = async function (target, init = {}) {
  const url = new URL(target);
  const headers = Object.fromEntries(new Headers(init.headers));
  const stream = connectionTo(url.origin).request(
    { ...headers, ':method': init.method ?? 'GET', ':path': url.pathname + url.search },
    { endStream: init.body === undefined },
  );
  if (init.signal) setMaxListeners(0, init.signal);
  init.signal?.addEventListener('abort', () => stream.close(http2.constants.NGHTTP2_CANCEL));
  stream.on('error', () => {});
  if (init.body !== undefined) stream.end(init.body);
  const [fields] = await once(stream, 'response');
  const plain = Object.entries(fields).filter(([name]) => !name.startsWith(':'));
  const empty = [101, 204, 205, 304].includes(fields[':status']);
  return new Response(empty ? null : Readable.toWeb(stream), {
    status: fields[':status'],
    headers: plain.map(([name, value]) => [name, String(value)]),
  });
};
