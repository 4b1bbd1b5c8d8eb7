// SPDX-License-Identifier: BSD-3-Clause
// Stands between socat and an MCP server on standard input and output, passes every line on, and logs
// it to $HTTP_LOG before it does: what comes in when it is complete, what goes out before it goes.
//
// usage: node stdio_log.mjs COMMAND [ARGUMENT...]     as a command of socat's EXEC
import { spawn } from 'node:child_process';
import { describe, now, openLog } from './message.mjs';

const log = openLog(process.env.HTTP_LOG);
// The port of whoever opened the connection: $SOURCE_PORT where socat did.
const port = Number(process.env.SOURCE_PORT ?? process.env.SOCAT_PEERPORT);
const client = `port-${port}`;

function logLine(dir, line) {
  const t_ms = now();
  let message;
  try {
    message = JSON.parse(line);
  } catch {
    log({ record: 'other', client, dir, bytes: line.length });
    return;
  }
  const facts = describe(message, line.length);
  log({ record: 'message', client, session: null, port, dir, t_ms, ...facts });
}

function pass(from, to, dir) {
  let rest = Buffer.alloc(0);
  from.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end; (end = rest.indexOf(10)) >= 0; rest = rest.subarray(end + 1)) {
      logLine(dir, rest.subarray(0, end));
      to.write(rest.subarray(0, end + 1));
    }
  });
  from.on('end', () => to.end());
}

log({ record: 'connection', port });
const server = spawn(process.argv[2], process.argv.slice(3), { stdio: ['pipe', 'pipe', 'inherit'] });
pass(process.stdin, server.stdin, 'c2s');
pass(server.stdout, process.stdout, 's2c');
server.on('exit', (code) => process.stdout.write('', () => process.exit(code ?? 1)));
