// SPDX-License-Identifier: BSD-3-Clause
// Everything that is not MCP, or cannot be known to be: real servers of other protocols and their
// clients, one after the other, in this process. Each connection that a server accepts is logged to
// $HTTP_LOG with the class of coverage that it belongs to; no message is, since there is none.
//
// usage: node not_mcp.mjs
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { AGENT_CARD_PATH } from '@a2a-js/sdk';
import { ClientFactory } from '@a2a-js/sdk/client';
import { DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import grpc from '@grpc/grpc-js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express from 'express';
import jayson from 'jayson/promise/index.js';
import ssh2 from 'ssh2';
import rpc from 'vscode-jsonrpc/node';
import WebSocket, { WebSocketServer } from 'ws';
import { openLog } from './message.mjs';

const HOST = '127.0.0.1';
const log = openLog(process.env.HTTP_LOG);
const scratch = mkdtempSync(join(tmpdir(), 'not-mcp-'));
let nextPort = 3100;

// Logs every connection that a server accepts.
function watch(server, kind) {
  server.on('connection', (socket) => log({ record: 'connection', port: socket.remotePort, class: kind }));
}

async function listen(server, kind) {
  watch(server, kind);
  const port = nextPort++;
  server.listen(port, HOST);
  await once(server, 'listening');
  return port;
}

async function close(server) {
  server.closeAllConnections?.();
  server.close();
  await once(server, 'close');
}

// ---- what an Ethereum node speaks: JSON-RPC with methods of its own, over HTTP, TCP and WebSocket

const chain = {
  eth_blockNumber: async () => '0x13a5b2f',
  eth_getBalance: async () => '0x56bc75e2d63100000',
  eth_call: async () => {
    throw { code: 3, message: 'execution reverted' };
  },
  net_version: async () => '1',
};

async function askChain(client) {
  await client.request('net_version', []);
  for (let i = 0; i < 3; i++) await client.request('eth_blockNumber', []);
  await client.request('eth_getBalance', ['0x407d73d8a49eeb85d32cf465507dd71d507100c1', 'latest']);
  await client.request('eth_call', [{ to: '0x6b175474e89094c44da98b954eedeac495271d0f' }, 'latest']);
}

async function ethereum() {
  const server = new jayson.Server(chain);
  const overHttp = server.http();
  const port = await listen(overHttp, 'other');
  const client = jayson.Client.http({ host: HOST, port, agent: new http.Agent({ keepAlive: true }) });
  await askChain(client);
  const batch = [client.request('eth_blockNumber', [], undefined, false), client.request('net_version', [], undefined, false)];
  await client.request(batch);
  await close(overHttp);

  const overTcp = server.tcp();
  const tcpPort = await listen(overTcp, 'other');
  await askChain(jayson.Client.tcp({ host: HOST, port: tcpPort }));
  await close(overTcp);

  const httpServer = http.createServer();
  const socketPort = await listen(httpServer, 'other');
  server.websocket({ wss: new WebSocketServer({ server: httpServer }) });
  const socket = new WebSocket(`ws://${HOST}:${socketPort}/`);
  await once(socket, 'open');
  await askChain(new jayson.Client.websocket({ ws: socket }));
  socket.close();
  await once(socket, 'close');
  await close(httpServer);
}

// ---- a language server, its standard input and output carried by TCP

async function languageServer() {
  const program = new URL('node_modules/vscode-json-languageserver/bin/vscode-json-languageserver', import.meta.url);
  const server = net.createServer((socket) => {
    const child = spawn(process.execPath, [program.pathname, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  });
  const port = await listen(server, 'other');
  const socket = net.connect(port, HOST);
  await once(socket, 'connect');
  const editor = rpc.createMessageConnection(new rpc.StreamMessageReader(socket), new rpc.StreamMessageWriter(socket));
  editor.listen();
  await editor.sendRequest('initialize', { processId: null, rootUri: null, capabilities: {} });
  await editor.sendNotification('initialized', {});
  const uri = 'file:///a.json';
  await editor.sendNotification('textDocument/didOpen', {
    textDocument: { uri, languageId: 'json', version: 1, text: '{"a": [1, 2, {"b": null}]}\n' },
  });
  await editor.sendRequest('textDocument/documentSymbol', { textDocument: { uri } });
  await editor.sendRequest('textDocument/hover', { textDocument: { uri }, position: { line: 0, character: 2 } });
  await editor.sendRequest('shutdown');
  await editor.sendNotification('exit');
  await once(socket, 'close');
  await close(server);
}

// ---- agents that speak A2A: JSON-RPC over HTTP, answers as event streams, tasks/get

class Agent {
  async execute({ taskId, contextId, userMessage }, bus) {
    const timestamp = new Date(0).toISOString();
    bus.publish({ kind: 'task', id: taskId, contextId, history: [userMessage], status: { state: 'submitted', timestamp } });
    await sleep(10);
    const artifact = { artifactId: 'a', parts: [{ kind: 'text', text: 'done' }] };
    bus.publish({ kind: 'artifact-update', taskId, contextId, artifact });
    bus.publish({ kind: 'status-update', taskId, contextId, final: true, status: { state: 'completed', timestamp } });
    bus.finished();
  }

  cancelTask = async () => {};
}

async function agents() {
  const app = express();
  const server = http.createServer(app);
  const port = await listen(server, 'other');
  const url = `http://${HOST}:${port}`;
  const requestHandler = new DefaultRequestHandler(
    {
      name: 'agent', description: 'an agent', protocolVersion: '0.3.0', version: '1.0.0', url: `${url}/a2a`,
      skills: [{ id: 's', name: 's', description: 's', tags: [] }],
      capabilities: { streaming: true }, defaultInputModes: ['text'], defaultOutputModes: ['text'],
    },
    new InMemoryTaskStore(), new Agent());
  app.use(`/${AGENT_CARD_PATH}`, agentCardHandler({ agentCardProvider: requestHandler }));
  app.use('/a2a', jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication }));
  const client = await new ClientFactory().createFromUrl(url);
  const message = () => ({
    message: { kind: 'message', messageId: randomUUID(), role: 'user', parts: [{ kind: 'text', text: 'do' }] },
  });
  const task = await client.sendMessage(message());
  await client.getTask({ id: task.id });
  await client.getTask({ id: 'unknown' }).catch(() => {});
  for await (const event of client.sendMessageStream(message())) void event;
  await close(server);
}

// ---- server-sent events that are no MCP

async function events() {
  const server = http.createServer(async (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    res.write('retry: 1000\n\n');
    for (let i = 1; i <= 5; i++) {
      res.write(`id: ${i}\nevent: price\ndata: {"symbol":"A","price":${i}}\n\n`);
      res.write(`data: {"id":${i},"method":"tick","params":{}}\n\n`);
      await sleep(5);
    }
    res.end('data: bye\n\n');
  });
  const port = await listen(server, 'other');
  const answer = await fetch(`http://${HOST}:${port}/prices`, { headers: { accept: 'text/event-stream' } });
  await answer.text();
  await close(server);
}

// ---- people that chat over WebSocket

async function chat() {
  const server = http.createServer();
  const room = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } });
  room.on('connection', (socket) => {
    socket.on('message', (data) => room.clients.forEach((other) => other.send(data.toString())));
  });
  const port = await listen(server, 'other');
  const people = [new WebSocket(`ws://${HOST}:${port}/`), new WebSocket(`ws://${HOST}:${port}/`, { perMessageDeflate: false })];
  for (const one of people) await once(one, 'open');
  for (let i = 0; i < 4; i++) {
    people[i % 2].send(JSON.stringify({ type: 'message', id: i, from: `p${i % 2}`, text: 'hello, is anybody there?' }));
    await Promise.all(people.map((one) => once(one, 'message')));
  }
  for (const one of people) one.close();
  await Promise.all(people.map((one) => once(one, 'close')));
  await close(server);
}

// ---- Redis: server and client of Debian's redis-tools, whose one program is the server by that name

async function redis() {
  const port = nextPort++;
  const server = spawn('/usr/bin/redis-check-rdb',
    ['--port', `${port}`, '--bind', HOST, '--save', '', '--dir', scratch],
    { argv0: 'redis-server', stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const chunk of server.stdout) if (/ready to accept/i.test(chunk)) break;
  server.stdout.resume();
  const cli = (...args) => {
    log({ record: 'connection', port: null, class: 'other' });
    execFileSync('redis-cli', ['-h', HOST, '-p', `${port}`, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  cli('set', 'key', '{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
  cli('get', 'key');
  cli('eval', 'return {1, 2, redis.call("get", KEYS[1])}', '1', 'key');
  server.kill();
  await once(server, 'exit');
}

// ---- gRPC, with messages of its own

async function calls() {
  const serialize = (value) => Buffer.from(value);
  const deserialize = (bytes) => bytes.toString();
  const method = (path, responseStream) => ({
    path, requestStream: false, responseStream, requestSerialize: serialize, requestDeserialize: deserialize,
    responseSerialize: serialize, responseDeserialize: deserialize,
  });
  const service = { Say: method('/test.Greeter/Say', false), Count: method('/test.Greeter/Count', true) };
  const server = new grpc.Server();
  server.addService(service, {
    Say: (call, done) => done(null, `hello ${call.request}`),
    Count: (call) => {
      for (let i = 0; i < 5; i++) call.write(`{"i":${i}}`);
      call.end();
    },
  });
  const port = nextPort++;
  await new Promise((done) => server.bindAsync(`${HOST}:${port}`, grpc.ServerCredentials.createInsecure(), done));
  log({ record: 'connection', port: null, class: 'other' });
  const client = new (grpc.makeGenericClientConstructor(service, 'Greeter'))(`${HOST}:${port}`, grpc.credentials.createInsecure());
  await new Promise((done) => client.Say('you', done));
  for await (const one of client.Count('five')) void one;
  client.close();
  await new Promise((done) => server.tryShutdown(done));
}

// ---- encrypted: a web server, an MCP server, SSH; and TLS behind a proxy

function certificate() {
  const key = join(scratch, 'key.pem');
  const cert = join(scratch, 'cert.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

async function mcpInside(options) {
  const app = express();
  app.use(express.json());
  app.post('/mcp', async (req, res) => {
    const server = new McpServer({ name: 'inside', version: '1.0.0' });
    server.tool('echo', async () => ({ content: [{ type: 'text', text: 'echo' }] }));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await server.connect(transport);
    await transport.handleRequest(req, res, req.body);
  });
  const server = https.createServer(options, app);
  const port = await listen(server, 'encrypted');
  const client = new Client({ name: 'outside', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(`https://${HOST}:${port}/mcp`)));
  await client.callTool({ name: 'echo', arguments: {} });
  await client.close();
  await close(server);
}

async function overTls(options, maxVersion) {
  const server = https.createServer({ ...options, maxVersion }, (req, res) => res.end('x'.repeat(20000)));
  const port = await listen(server, 'encrypted');
  await new Promise((done, failed) => {
    https.get({ host: HOST, port, agent: false }, (res) => res.resume().on('end', done)).on('error', failed);
  });
  await close(server);
  return port;
}

async function behindProxy(options) {
  const origin = https.createServer(options, (req, res) => res.end('x'.repeat(5000)));
  const originPort = await listen(origin, 'encrypted');
  const proxy = http.createServer();
  proxy.on('connect', (req, socket, head) => {
    const [host, port] = req.url.split(':');
    const onward = net.connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const one of [socket, onward]) one.on('error', () => {}).on('close', () => (socket.destroy(), onward.destroy()));
  });
  const proxyPort = await listen(proxy, 'encrypted');
  const ask = http.request({ host: HOST, port: proxyPort, method: 'CONNECT', path: `${HOST}:${originPort}` });
  ask.end();
  const [, tunnel] = await once(ask, 'connect');
  const inside = tls.connect({ socket: tunnel });
  await once(inside, 'secureConnect');
  inside.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  inside.resume();
await once(inside, 'end');
  inside.destroy();
  tunnel.destroy();
  await close(proxy);
  await close(origin);
}

async function ssh() {
  const { private: hostKey } = ssh2.utils.generateKeyPairSync('ed25519');
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on('authentication', (context) => context.accept());
    client.on('session', (accept) => accept().on('exec', (acceptExec) => {
      const stream = acceptExec();
      stream.write('{"jsonrpc":"2.0","id":1,"result":{}}\n');
      stream.exit(0);
      stream.end();
    }));
  });
  const port = nextPort++;
  server.listen(port, HOST);
  await once(server, 'listening');
  log({ record: 'connection', port: null, class: 'encrypted' });
  const client = new ssh2.Client();
  client.connect({ host: HOST, port, username: 'u', password: 'p' });
  await once(client, 'ready');
  await new Promise((done, failed) => client.exec('mcp-server', (error, stream) => {
    if (error) failed(error);
    stream.on('close', done).resume();
  }));
  client.end();
  await once(client, 'close');
  await new Promise((done) => server.close(done));
}

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
process.removeAllListeners('warning');
try {
  const options = certificate();
  const all = [
    ethereum, languageServer, agents, events, chat, redis, calls,
    () => mcpInside(options), () => overTls(options, 'TLSv1.2'), () => overTls(options, 'TLSv1.3'),
    () => behindProxy(options), ssh,
  ];
  for (const one of all) await one();
} finally {
  rmSync(scratch, { recursive: true });
}
process.exit(0);
