#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Random dialogues, impaired at random, against the truth that made them.

usage: check.py [--carriers NAME,...] [FIRST [END]]

One capture a seed from FIRST (default 0) to END (default 60): one to three sessions whose request
ids are the same, on one to six connections, carried by one of the CARRIERS of wire.py and impaired
in one of its ways. Whatever is missing from the capture, what `replay --json` says must be so:

- an exchange has the outcome and the sizes of the call that it names, and each call at most one;
- no call is unanswered or cancelled, because all were answered; pending only where packets lack;
- nobody is blamed for what the capture lacks: no finding `pair:*`;
- of a complete capture, every call is there.

Prints what is wrong with the seed that shows it, and `N passed, N failed`.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile

import wire

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("MCPMETER", str(ROOT / "build" / "mcpmeter"))
INITIALIZE = {"jsonrpc": "2.0", "id": 0, "method": "initialize",
              "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                         "clientInfo": {"name": "client", "version": "1"}}}
INITIALIZED = {"jsonrpc": "2.0", "id": 0,
               "result": {"protocolVersion": "2025-06-18", "capabilities": {},
                          "serverInfo": {"name": "server", "version": "1"}}}


def call_message(number, name, rng):
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call",
            "params": {"name": name, "arguments": {"pad": "p" * rng.randint(0, 900)}}}


def answer_message(number, rng):
    """(outcome, message)"""
    if rng.random() < 0.2:
        return "error", {"jsonrpc": "2.0", "id": number,
                         "error": {"code": -32603, "message": "no"}}
    return "result", {"jsonrpc": "2.0", "id": number,
                      "result": {"content": [{"type": "text", "text": "y" * rng.randint(0, 3000)}]}}


class Dialogues:
    """Makes a capture; `calls` says for each call's name what was asked and answered."""

    def __init__(self, carrier, rng):
        self.rng = rng
        self.capture = wire.Capture()
        kind = wire.CARRIERS[carrier]
        self.carriers = [kind(wire.Connection(self.capture, 40001 + i, 3000,
                                              rng.choice([60, 200, 400, 1400])), rng)
                         for i in range(rng.randint(1, 6))]
        if kind.sessions:
            self.sessions = ["A", "B", "C"][:rng.randint(1, 3)]
        else:
            self.sessions = list(range(len(self.carriers)))
        self.calls = {}
        self.free = list(self.carriers)
        self.waiting = []
        self.run()

    def carrier_of(self, session, choice):
        return self.carriers[session] if isinstance(session, int) else self.rng.choice(choice)

    def begin(self, session):
        carrier = self.carrier_of(session, self.carriers)
        name = None if isinstance(session, int) else session
        carrier.ask(INITIALIZE, None)
        carrier.answer(INITIALIZED, None, name)
        carrier.note({"jsonrpc": "2.0", "method": "notifications/initialized"}, name)

    def ask(self, ids):
        rng = self.rng
        session = rng.choice(self.sessions)
        carrier = self.carrier_of(session, self.free)
        if not carrier.concurrent:
            self.free.remove(carrier)
        ids[session] = ids.get(session, 0) + 1
        number = ids[session]
        name = f"{session}_{number}_{len(self.calls)}"
        message = call_message(number, name, rng)
        carrier.ask(message, session if isinstance(session, str) else None)
        self.calls[name] = {"request_bytes": len(wire.to_json(message))}
        self.waiting.append((carrier, session, number, name))

    def answer(self):
        rng = self.rng
        carrier, session, number, name = self.waiting.pop(rng.randrange(len(self.waiting)))
        outcome, message = answer_message(number, rng)
        carrier.answer(message, session, session if isinstance(session, str) else None)
        self.calls[name].update(status=outcome, response_bytes=len(wire.to_json(message)))
        if not carrier.concurrent:
            self.free.append(carrier)

    def run(self):
        rng = self.rng
        for session in self.sessions:
            self.begin(session)
        wanted, ids = rng.randint(20, 80), {}
        while len(self.calls) < wanted or self.waiting:
            if self.free and len(self.calls) < wanted and rng.random() < 0.6:
                self.ask(ids)
            elif self.waiting:
                self.answer()
            self.capture.now += rng.choice([10_000, 1_000_000, 20_000_000])
        for carrier in self.carriers:
            carrier.connection.close()


def replay(path):
    done = subprocess.run([PROGRAM, "replay", "--json", str(path)], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"replay {path}: exit {done.returncode}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_exchange(exchange, calls, impairment):
    """Sentences about what is wrong with an exchange event."""
    call = calls.get(exchange["name"])
    if call is None:
        return [f"nobody called {exchange['name']!r}"]
    status = exchange["status"]
    if status == "lost":
        return [f"{exchange['name']} is lost"] if impairment in wire.COMPLETE else []
    if status == "pending" and impairment not in wire.COMPLETE:
        return []
    wrong = [f"{exchange['name']}: {key} {exchange[key]!r}, truth {call[key]!r}"
             for key in ("status", "request_bytes", "response_bytes") if exchange[key] != call[key]]
    if exchange["latency"] is None or exchange["latency"] < 0:
        wrong.append(f"{exchange['name']}: latency {exchange['latency']}")
    return wrong


def check(carrier, seed):
    """Sentences about what is wrong, and how many pairs were claimed."""
    rng = wire.new_rng(f"{carrier} {seed}")
    dialogues = Dialogues(carrier, rng)
    impairment = rng.choice(list(wire.IMPAIRMENTS))
    capture = dialogues.capture
    capture.packets = wire.IMPAIRMENTS[impairment](rng, capture.packets)
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "random.pcap"
        capture.write(path, rng.choice([120, 260, 500, 700]) if impairment == "snapped" else 262144)
        events = replay(path)
    wrong, seen, claimed = [], set(), 0
    for event in events:
        if event["event"] != "exchange" or event["method"] != "tools/call":
            continue
        wrong += check_exchange(event, dialogues.calls, impairment)
        if event["name"] in seen:
            wrong.append(f"{event['name']} comes twice")
        seen.add(event["name"])
        claimed += event["status"] in ("result", "error")
    if impairment in wire.COMPLETE and len(seen) != len(dialogues.calls):
        wrong.append(f"{len(seen)} of {len(dialogues.calls)} calls")
    errors = events[-1]["protocol_metrics"]["protocol_errors"]
    wrong += [f"{name} {count}" for name, count in errors.items() if name.startswith("pair:")]
    return [f"{impairment}: {sentence}" for sentence in wrong], claimed


def main():
    parser = argparse.ArgumentParser(description="random dialogues against their truth")
    parser.add_argument("--carriers", default=",".join(wire.CARRIERS))
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("end", type=int, nargs="?", default=60)
    options = parser.parse_args()
    cases = [(carrier, seed) for carrier in options.carriers.split(",")
             for seed in range(options.first, options.end)]
    failed = pairs = 0
    with multiprocessing.Pool() as pool:
        for (carrier, seed), (wrong, claimed) in zip(cases, pool.starmap(check, cases)):
            pairs += claimed
            failed += bool(wrong)
            for sentence in wrong[:5]:
                print(f"FAIL {carrier} seed {seed}, {sentence}")
    print(f"{pairs} pairs claimed")
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
