// SPDX-License-Identifier: BSD-3-Clause
// Runs the official conformance suite, whose verdicts do not matter here: its traffic does. What the
// suite itself logged of the requests that it got must be what the log of the HTTP server says.
//
// usage: node conformance.mjs server URL | node conformance.mjs client SCENARIO...
//
// server: the suite is the client of the server at URL. client: the suite is the server; the client is
// conformance_client.mjs, and what goes through the suite's server is logged to $HTTP_LOG.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const SUITE = 'node_modules/@modelcontextprotocol/conformance/dist/index.js';
const results = fs.mkdtempSync(path.join(os.tmpdir(), 'conformance-'));

function suite(args, directory, options) {
  const run = spawnSync('node', [...options, SUITE, ...args, '--output-dir', directory], {
    encoding: 'utf8',
    timeout: 100_000,
  });
  if (run.error || run.signal) throw run.error ?? new Error(`the suite ended by ${run.signal}`);
  return run.stdout;
}

// Messages with a method that the suite says it received, by method; null: this scenario logs none.
function suiteCounts(directory) {
  const counts = {};
  let logs = false;
  for (const name of fs.readdirSync(directory, { recursive: true })) {
    if (path.basename(name) !== 'checks.json') continue;
    for (const check of JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8'))) {
      if (check.id !== 'incoming-request') continue;
      const method = check.details?.mcpMethod ?? check.details?.jsonrpcMethod;
      logs = true;
      if (method) counts[method] = (counts[method] ?? 0) + 1;
    }
  }
  return logs ? counts : null;
}

// The same from the log of the HTTP server, from line `first` on.
function loggedCounts(first) {
  const counts = {};
  for (const line of lines().slice(first)) {
    const message = JSON.parse(line);
    if (message.record === 'message' && message.dir === 'c2s' && message.method)
      counts[message.method] = (counts[message.method] ?? 0) + 1;
  }
  return counts;
}

function lines() {
  return fs.readFileSync(process.env.HTTP_LOG, 'utf8').split('\n').filter(Boolean);
}

function sorted(counts) {
  return JSON.stringify(Object.entries(counts).sort());
}

function asServer(scenario) {
  const first = lines().length;
  const directory = path.join(results, scenario);
  suite(['client', '--command', 'node conformance_client.mjs', '--scenario', scenario], directory,
    ['--import', './http_log.mjs']);
  const counts = suiteCounts(directory);
  const logged = loggedCounts(first);
  if (counts && sorted(counts) !== sorted(logged))
    throw new Error(`${scenario}: the suite counted ${sorted(counts)}, its log ${sorted(logged)}`);
}

const [mode, ...rest] = process.argv.slice(2);
try {
  if (mode === 'client') {
    rest.forEach(asServer);
  } else {
    const text = suite(['server', '--url', rest[0]], path.join(results, 'server'), []);
    if (!/\d+ passed/.test(text)) throw new Error(`no verdict from the suite:\n${text}`);
  }
} finally {
  fs.rmSync(results, { recursive: true });
}
