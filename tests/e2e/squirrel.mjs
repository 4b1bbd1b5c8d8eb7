// SPDX-License-Identifier: BSD-3-Clause
// A pair of peers that speak the Squirrel dialect as its description has it: there is no program to be
// had that does. Each message is logged by both: what goes out before it goes, what comes in when it is
// complete. Ports: PORT frames with magic, PORT+1 frames with length only, PORT+2 lines.
//
// usage: node squirrel.mjs server|client PORT
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';
import { now, openLog } from './message.mjs';

const [role, base] = [process.argv[2], Number(process.argv[3])];
const log = openLog(role === 'server' ? process.env.HTTP_LOG : process.env.CLIENT_LOG);
const bytesOf = (value) => [...Buffer.from(JSON.stringify(value))];

// ---- framings: how a text becomes bytes, and how many bytes at the start are one text

function length(text) {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(text.length);
  return head;
}

function framed(magic) {
  return {
    encode: (text) => Buffer.concat([magic, length(text), text]),
    take(buffer) {
      const head = magic.length + 4;
      if (buffer.length < head) return null;
      const end = head + buffer.readUInt32BE(magic.length);
      return buffer.length < end ? null : [buffer.subarray(head, end), end];
    },
  };
}

const lines = {
  encode: (text) => Buffer.concat([text, Buffer.from('\n')]),
  take(buffer) {
    const end = buffer.indexOf(10);
    return end < 0 ? null : [buffer.subarray(0, end), end + 1];
  },
};

const framings = [framed(Buffer.from('MCP\0')), framed(Buffer.alloc(0)), lines];

// ---- one end of a connection; facts: what the application knows of a message and the log must say

class Peer {
  constructor(socket, framing, name, port) {
    Object.assign(this, { socket, framing, name, port, waiting: [], inbox: [], onmessage: null });
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let taken; (taken = framing.take(rest)); rest = rest.subarray(taken[1])) this.arrive(taken[0]);
    });
  }

  log(dir, message, facts, bytes, t_ms) {
    const { kind, type, answers, ...more } = facts;
    const record = { record: 'message', client: this.name, session: null, port: this.port, dir, t_ms, bytes };
    const id = message.id ?? message.header?.messageId;
    log({ ...record, squirrel: true, kind, method: type, id, ...(answers === undefined ? {} : { answers }), ...more });
  }

  arrive(raw) {
    const t_ms = now();
    const text = raw[0] === 0x1f ? zlib.gunzipSync(raw) : raw;
    const message = JSON.parse(text);
    this.log(role === 'server' ? 'c2s' : 's2c', message, describe(message), text.length, t_ms);
    if (this.onmessage) this.onmessage(message);
    else if (this.waiting.length > 0) this.waiting.shift()(message);
    else this.inbox.push(message);
  }

  send(message, { compress = false } = {}) {
    const text = Buffer.from(JSON.stringify(message));
    this.log(role === 'server' ? 's2c' : 'c2s', message, describe(message), text.length, now());
    this.socket.write(this.framing.encode(compress ? zlib.gzipSync(text) : text));
  }

  next() {
    return this.inbox.length > 0 ? this.inbox.shift() : new Promise((resolve) => this.waiting.push(resolve));
  }
}

// ---- what the messages below are. `answers` is the id of the request that a message ends; null: none

function describe(message) {
  const type = typeOf(message);
  const kinds = { event: 'notification', notification: 'notification', error: 'error' };
  const response = type.endsWith('response');
  const failed = message.status === 'Error' || message.error || message.payload?.execution?.status === 'failure';
  const result = {
    kind: kinds[type] ?? (response ? (failed ? 'error' : 'result') : 'request'),
    type,
    ...(response || type === 'error' ? { answers: answered(message, type) } : {}),
  };
  if (result.kind === 'error') result.error_type = errorType(message);
  if (type === 'setup') result.optional = true;
  const version = message.protocol_version ?? message.header?.version;
  if (version) result.protocol_version = version.major === undefined ? version : `${version.major}.${version.minor}`;
  const tool = message.payload?.tool;
  const operation = message.command ?? message.payload?.command ?? (tool && `${tool.id}.${tool.capability}`);
  if (result.kind === 'request' && operation) result.command = operation;
  return result;
}

function typeOf(message) {
  let type = message.message_type ?? message.type ?? message.header?.messageType;
  if (type && typeof type === 'object') type = Object.keys(type)[0];
  if (!type) type = 'response'; // the two answers without a type
  return type.toLowerCase().replace(/[_-]/g, '');
}

function answered(message, type) {
  if (message.status === 'Pending') return null;
  if (type === 'handshakeresponse') return 'h1';
  if (type === 'authresponse') return 'a1';
  if (type === 'error' && (message.id === 'unknown' || message.id === 'alone')) return null;
  if (message.payload?.received) return null; // answers a notification
  if (message.payload?.lockstep) return message.payload.lockstep;
  const payload = Array.isArray(message.payload) ? decode(message.payload) : message.payload;
  return (
    message.command_id ?? message.header?.requestId ?? (message.id ? undefined : message.message_id) ??
    payload?.message_id ?? message.id
  );
}

function decode(bytes) {
  try {
    return JSON.parse(Buffer.from(bytes));
  } catch {
    return null;
  }
}

function errorType(message) {
  const text = message.error_message ?? message.error ?? message.payload?.message ?? '';
  const classes = {
    'Command error:': 'command',
    'Authorization failed': 'authorization_failed',
    'Token expired': 'token_expired',
    'Invalid message format': 'invalid_format',
  };
  const code = text.code === 'NotFoundError' ? 'not_found' : undefined;
  const found = Object.keys(classes).find((word) => typeof text === 'string' && text.startsWith(word));
  return `squirrel:${code ?? classes[found] ?? 'error'}`;
}

// ---- the server

const security = { security_level: 'None', metadata: { compression: 'None', encryption: 'None' } };
const version = { protocol_version: { major: 1, minor: 0 } };

async function serveMagic(peer) {
  const command = async (message) => {
    const { id } = message;
    const what = message.payload?.command ?? message.payload?.tool?.capability;
    await sleep(message.payload?.ms ?? 1);
    switch (what) {
      case 'named': // by command_id, with an id of its own
        return peer.send({ id: `r-${id}`, command_id: id, status: 'ok', result: { value: 3 } });
      case 'plain': // an answer without id and type
        return peer.send({
          protocol_version: '1.0', message_id: id, status: 'Success', payload: bytesOf({}), error_message: null,
          metadata: { timestamp: 0, source: '', destination: '' },
        });
      case 'refused':
        return peer.send({
          protocol_version: '1.0', message_id: id, status: 'Error', payload: [],
          error_message: 'Authorization failed: not allowed',
        });
      case 'inside': // the id in the payload
        return peer.send({ id: `r-${id}`, message_type: 'Response', payload: { message_id: id, value: 'x'.repeat(3000) } });
      case 'bytes': // the id in the bytes of the payload
        return peer.send({
          id: `r-${id}`, message_type: 'CommandResponse', ...version, ...security,
          payload: bytesOf({ message_id: id, list: Array(200).fill('data') }),
        });
      case 'slow':
        peer.send({ protocol_version: '1.0', message_id: id, status: 'Pending', payload: [], error_message: null });
        await sleep(30);
        return peer.send({ id, message_type: 'Response', payload: { message_id: id } });
      case 'broken':
        return peer.send({ id, message_type: 'Error', payload: { message: 'Token expired' } });
      case 'add': {
        const header = { version: '1.0', messageId: `m-${id}`, messageType: 'response', requestId: message.header.messageId };
        return peer.send({ header, payload: { execution: { status: 'success', result: { result: 3 } } } });
      }
      case 'none': {
        const header = { version: '1.0', messageId: `m-${id}`, messageType: 'error', requestId: message.header.messageId };
        return peer.send({ header, error: { code: 'NotFoundError', message: 'no such tool' } });
      }
      case 'silent':
        return undefined;
      default:
        return peer.send({ id, message_type: 'Response', payload: { message_id: id } });
    }
  };
  peer.send({ id: 'h1', message_type: 'Handshake', ...version, ...security, payload: [] });
  peer.onmessage = (message) => {
    const type = typeOf(message);
    if (type === 'authrequest') {
      peer.send({ id: 'a2', message_type: 'AuthResponse', ...version, ...security, payload: bytesOf({ token: 'a-secret-token' }) });
      peer.send({ id: 'e1', message_type: 'Event', payload: { event_type: 'gauge.changed', data: { n: 1 } } });
    } else if (['command', 'request', 'query'].includes(type)) {
      void command(message);
    }
  };
  await sleep(120);
  peer.send({ id: 'alone', message_type: 'Error', payload: { message: 'something else' } });
  peer.send({ version: '1.0', message_type: 'Event', payload: null });
}

// One message at a time; the answer has an id of its own and names nothing.
function serveLength(peer) {
  let n = 0;
  peer.onmessage = async (message) => {
    await sleep(2);
    const compress = n % 2 === 1;
    peer.send({ id: `s-${n++}`, message_type: 'Response', payload: { lockstep: message.id, value: n } }, { compress });
  };
}

// Every line is answered.
function serveLines(peer) {
  peer.onmessage = (message) => {
    const { id, command, type } = message;
    if (type === 'notification') peer.send({ id, type: 'response', command, payload: { received: true } });
    else if (command === 'status') peer.send({ id, type: 'response', command, payload: { success: true, output: 'ok' } });
    else peer.send({ id, type: 'error', command, error: `Command error: Command execution failed: ${command}` });
  };
}

// ---- the client

async function useMagic(peer) {
  await peer.next();
  peer.send({ id: 'h2', message_type: 'HandshakeResponse', ...version, ...security, payload: [] });
  const credentials = { username: 'someone', password: 'a-secret-password', security_level: 'Standard' };
  peer.send({ id: 'a1', message_type: 'AuthRequest', ...version, ...security, payload: bytesOf(credentials) });
  await peer.next();
  await peer.next();
  peer.send({ id: 'u1', message_type: 'Setup', payload: {} });
  for (const name of ['named', 'plain', 'refused', 'inside', 'bytes', 'broken', 'other']) {
    peer.send({ id: `c-${name}`, message_type: 'Command', payload: { command: name, command_type: 'test', args: ['tides'] } });
    await peer.next();
  }
  peer.send({ id: 'c-slow', message_type: 'Command', payload: { command: 'slow' } });
  peer.send({ id: 'q-1', version: '1.0', message_type: { Query: {} }, payload: { command: 'other', ms: 5 }, metadata: {} });
  for (let n = 0; n < 3; n++) await peer.next();
  for (const capability of ['add', 'none']) {
    const header = { version: '1.0', messageId: `t-${capability}`, messageType: 'request', source: 'kelp', destination: 'desk' };
    peer.send({ header, payload: { tool: { id: 'calc', capability, parameters: { a: 1, b: 2 } } } });
    await peer.next();
  }
  // Several in one write, answered in another order.
  for (const [n, ms] of [[1, 20], [2, 10], [3, 1]]) {
    peer.send({ id: `p-${n}`, message_type: 'Command', payload: { command: 'other', ms } });
  }
  for (let n = 0; n < 3; n++) await peer.next();
  peer.send({ id: 'c-silent', message_type: 'Command', payload: { command: 'silent' } });
  await peer.next();
  await peer.next();
}

async function useLength(peer) {
  for (const [n, id] of ['default', 'n-1', 'n-2', 'n-3'].entries()) {
    const payload = { command: `step-${n}`, text: 'abc '.repeat(400) };
    peer.send({ id, message_type: 'Command', payload }, { compress: n >= 2 });
    await peer.next();
  }
}

async function useLines(peer) {
  peer.send({ id: 'x1', type: 'request', command: 'status', payload: { args: ['--short'] } });
  await peer.next();
  peer.send({ id: 'x2', type: 'notification', command: 'note' });
  await peer.next();
  peer.send({ id: 'x3', type: 'request', command: 'no-such' });
  await peer.next();
  for (let n = 4; n < 8; n++) peer.send({ id: `x${n}`, type: 'request', command: n % 2 ? 'status' : 'other' });
  for (let n = 4; n < 8; n++) await peer.next();
}

if (role === 'server') {
  [serveMagic, serveLength, serveLines].forEach((serve, form) => {
    net
      .createServer((socket) => {
        log({ record: 'connection', port: socket.remotePort });
        socket.on('end', () => socket.end());
        void serve(new Peer(socket, framings[form], `port-${socket.remotePort}`, socket.remotePort));
      })
      .listen(base + form, '127.0.0.1', () => form === 2 && console.log('listening on port', base));
  });
} else {
  const use = async (form, talk) => {
    const socket = net.connect(base + form, '127.0.0.1');
    await once(socket, 'connect');
    await talk(new Peer(socket, framings[form], `port-${socket.localPort}`, socket.localPort));
    socket.end();
    await once(socket, 'close');
  };
  await Promise.all([use(0, useMagic), use(0, useMagic), use(1, useLength), use(2, useLines)]);
  process.exit(0);
}
