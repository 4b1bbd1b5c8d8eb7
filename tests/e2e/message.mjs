// SPDX-License-Identifier: BSD-3-Clause
// What the logs of both sides keep of a JSON-RPC message, figures and names but no payload; and how
// a client's transport is watched.
import fs from 'node:fs';

export const now = () => performance.timeOrigin + performance.now();

export function describe(message, bytes) {
  const record = { bytes };
  if (message === null || typeof message !== 'object' || message.jsonrpc !== '2.0') {
    return { ...record, kind: 'other' };
  }
  if (message.id !== undefined) record.id = message.id;
  if (typeof message.method === 'string') {
    record.kind = message.id === undefined ? 'notification' : 'request';
    record.method = message.method;
    const params = message.params ?? {};
    if (message.method === 'tools/call') record.tool = String(params.name);
    if (message.method === 'prompts/get') record.prompt = String(params.name);
    if (message.method === 'resources/read') record.uri = String(params.uri);
    const meta = params._meta ?? {};
    const version = meta['io.modelcontextprotocol/protocolVersion'];
    const client = meta['io.modelcontextprotocol/clientInfo'];
    if (version !== undefined) record.meta_version = version;
    if (client !== undefined) record.identity = `${client.name}/${client.version}`;
    if (message.method === 'notifications/subscriptions/acknowledged') {
      record.subscription = meta['io.modelcontextprotocol/subscriptionId'];
    }
    if (message.method === 'initialize') record.protocol_version = params.protocolVersion;
    if (message.method === 'notifications/cancelled') record.request_id = params.requestId;
  } else if (message.error !== undefined) {
    record.kind = 'error';
    record.error_code = message.error.code;
  } else {
    record.kind = 'result';
    if (message.result?.isError === true) record.is_error = true;
    if (message.result?.resultType === 'input_required') record.input_required = true;
    if (message.result?.protocolVersion) record.protocol_version = message.result.protocolVersion;
  }
  return record;
}

// A log of one JSON object a line; without a path nothing is kept.
export function openLog(path) {
  const fd = path ? fs.openSync(path, 'a') : -1;
  return (record) => {
    if (fd >= 0) fs.writeSync(fd, JSON.stringify(record) + '\n');
  };
}

// Calls note(dir, message) for what goes through a transport of the SDK, in both directions, before
// the SDK gets it. Returns the transport.
export function watch(transport, note) {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    note('c2s', message);
    return send(message, options);
  };
  let heard;
  Object.defineProperty(transport, 'onmessage', {
    get: () => heard,
    set: (hear) => {
      heard = hear && ((message, extra) => {
        note('s2c', message);
        hear(message, extra);
      });
    },
  });
  return transport;
}
