// SPDX-License-Identifier: BSD-3-Clause
// Loaded into a server with `node --import ./http_log.mjs --import ./http_coding.mjs`: codes its
// responses as the request's Accept-Encoding asks, each piece flushed as it is written, and decodes
// request bodies. Between the server and its wire, but below http_log.mjs, which so sees plain text.
import http from 'node:http';
import zlib from 'node:zlib';

const encoders = {
  gzip: () => zlib.createGzip(),
  deflate: () => zlib.createDeflate(),
  br: () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
  zstd: () => zlib.createZstdCompress(),
};
const decoders = {
  gzip: () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress(),
};

function codeResponse(req, res) {
  const wanted = (req.headers['accept-encoding'] ?? '').split(',').map((word) => word.trim());
  const coding = wanted.find((word) => encoders[word]);
  const { writeHead, write, end } = res;
  let encoder;
  res.writeHead = function (status, ...rest) {
    const headers = { ...this.getHeaders(), ...rest.find((value) => typeof value === 'object') };
    const names = Object.fromEntries(Object.keys(headers).map((name) => [name.toLowerCase(), name]));
    const type = String(headers[names['content-type']] ?? '');
    if (coding && /^(application\/json|text\/event-stream)/.test(type)) {
      encoder = encoders[coding]();
      encoder.on('data', (chunk) => write.call(this, chunk));
      encoder.on('end', () => end.call(this));
      delete headers[names['content-length']];
      this.removeHeader('content-length');
      headers['content-encoding'] = coding;
    }
    return writeHead.call(this, status, headers);
  };
  res.write = function (chunk, ...rest) {
    if (!this._header) this._implicitHeader();
    if (!encoder) return write.call(this, chunk, ...rest);
    encoder.write(chunk);
    encoder.flush();
    return true;
  };
  res.end = function (chunk, ...rest) {
    if (!this._header) this._implicitHeader();
    if (!encoder) return end.call(this, chunk, ...rest);
    if (chunk && typeof chunk !== 'function') encoder.write(chunk);
    encoder.end();
    return this;
  };
}

function decodeRequest(req) {
  const coding = req.headers['content-encoding'];
  if (!decoders[coding]) return;
  const push = req.push;
  const decoder = decoders[coding]();
  decoder.on('data', (chunk) => push.call(req, chunk));
  decoder.on('end', () => push.call(req, null));
  req.push = function (chunk) {
    if (chunk === null) decoder.end();
    else decoder.write(chunk);
    return true;
  };
}

const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (type, ...args) {
  if (type === 'request') codeResponse(args[0], args[1]);
  const result = emit.call(this, type, ...args);
  if (type === 'request') decodeRequest(args[0]); // the body comes later
  return result;
};
