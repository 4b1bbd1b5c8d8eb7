#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Random dialogues, impaired at random, against the truth that made them.

usage: check.py [--carriers NAME,...] [FIRST [END]]

One capture a seed from FIRST (default 0) to END (default 60): one to three sessions whose request
ids are the same, on one to six connections, carried by one of the CARRIERS of carriers.py and
impaired in one of the ways of wire.py. Where a carrier has rounds, a call may ask for input first,
with and without requestState, while another client calls the same tool. Where it goes both ways,
servers send pings, and some calls are cancelled instead of answered. Whatever is missing from the
capture, what `replay --json` says must be so:

- an exchange has the outcome and the sizes of a call or ping with its name and id, and each of
  these is at most one exchange;
- nothing is unanswered, because all was answered or cancelled; pending only where packets lack;
- an operation with a total time begins and ends with one call, and has all of its exchanges;
- a party of a session that was heard of has the capabilities that its name lists;
- nobody is blamed for what the capture lacks: no finding `pair:*` or `header:*`;
- of a complete capture, every call is there.

Prints what is wrong with the seed that shows it, and `N passed, N failed`.
"""

import argparse
import datetime
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile

import wire
from carriers import CARRIERS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("MCPMETER", str(ROOT / "build" / "mcpmeter"))
TIMES_KEPT = ("none", "duplicated", "lost", "mostly lost", "bursts", "midstream", "cut", "snapped")
NEAR_NS = 200_000  # what ends a chunk may take one packet more than the message


def answer_message(number, rng):
    """(outcome, message)"""
    if rng.random() < 0.2:
        return "error", {"jsonrpc": "2.0", "id": number,
                         "error": {"code": -32603, "message": "no"}}
    return "result", {"jsonrpc": "2.0", "id": number,
                      "result": {"content": [{"type": "text", "text": "y" * rng.randint(0, 3000)}]}}


class Call:
    """What a client wants from a tool: one request, or one for each round of input and the last."""

    def __init__(self, session, name, rounds, state):
        self.session, self.name, self.rounds, self.state = session, name, rounds, state
        self.begin = self.end = None  # first request, last answer
        self.asked = 0

    def params(self, rng):
        params = {"name": self.name, "arguments": {"pad": "p" * rng.randint(0, 900)}}
        if self.asked > 0:
            params["inputResponses"] = {"key": {"action": "accept", "content": {}}}
            if self.state:
                params["requestState"] = f"{self.state} {self.asked}"
        return params

    def question(self, number):
        result = {"resultType": "input_required", "inputRequests": {
            "key": {"method": "elicitation/create", "params": {"message": "?"}}}}
        if self.state:
            result["requestState"] = f"{self.state} {self.asked}"
        return "input_required", {"jsonrpc": "2.0", "id": number, "result": result}


class Dialogues:
    """Makes a capture; `exchanges` has what was asked and answered for each name and id, `calls`
    the calls of each name."""

    def __init__(self, carrier, rng):
        self.rng = rng
        self.capture = wire.Capture()
        self.kind = CARRIERS[carrier]
        shared = {"streams": {}, "parties": {}}
        self.carriers = [self.kind(wire.Connection(self.capture, 40001 + i, 3000,
                                                   rng.choice([60, 200, 400, 1400])), rng, shared)
                         for i in range(rng.randint(1, 6))]
        if self.kind.sessions:
            self.sessions = ["A", "B", "C"][:rng.randint(1, 3)]
        else:
            self.sessions = list(range(len(self.carriers)))
        self.exchanges, self.calls, self.ids = {}, {}, {}
        self.free = list(self.carriers)
        self.paused = []  # calls whose input is being asked for
        self.waiting = []
        self.pinged = 0
        self.pings = []  # (session, id, exchange) that the client has to answer
        self.run()
        streams = list(shared["streams"].values())
        for connection in [c.connection for c in self.carriers] + streams:
            connection.close()

    def carrier_of(self, session, choice):
        return self.carriers[session] if isinstance(session, int) else self.rng.choice(choice)

    def new_call(self):
        rng, number = self.rng, sum(len(calls) for calls in self.calls.values())
        session = rng.choice(self.sessions)
        rounds = rng.choice([0, 0, 1, 2]) if self.kind.rounds else 0
        state = f"state {number}" if rng.random() < 0.5 else None
        name = f"tool_{number // 2}" if rounds else f"{session}_{number}"
        call = Call(session, name, rounds, state)
        self.calls.setdefault(name, []).append(call)
        return call

    def ask(self, call):
        carrier = self.carrier_of(call.session, [c for c in self.free if c.has_room()])
        if not carrier.concurrent:
            self.free.remove(carrier)
        number = self.ids[call.session] = self.ids.get(call.session, 0) + 1
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call",
                   "params": call.params(self.rng)}
        exchange = {"request_bytes": carrier.ask(message, call.session)}
        call.begin = call.begin or self.capture.sent_at
        call.asked += 1
        self.exchanges.setdefault((call.name, number), []).append(exchange)
        self.waiting.append((carrier, call, number, exchange))

    def answer(self):
        rng = self.rng
        carrier, call, number, exchange = self.waiting.pop(rng.randrange(len(self.waiting)))
        last = call.asked > call.rounds
        outcome, message = answer_message(number, rng) if last else call.question(number)
        session = call.session if isinstance(call.session, str) else None
        size = carrier.answer(message, call.session, session)
        exchange.update(status=outcome, response_bytes=size)
        call.end = self.capture.sent_at
        if not last:
            self.paused.append(call)
        if not carrier.concurrent:
            self.free.append(carrier)

    def is_free(self):
        return any(carrier.has_room() for carrier in self.free)

    def cancel(self):
        """The client gives up a call, and the server does not answer it any more."""
        _, call, number, exchange = self.waiting.pop(self.rng.randrange(len(self.waiting)))
        self.carrier_of(call.session, self.carriers).ask(
            {"jsonrpc": "2.0", "method": "notifications/cancelled",
             "params": {"requestId": number}}, call.session)
        exchange.update(status="cancelled", response_bytes=None)

    def ping(self):
        session, name = self.rng.choice(self.sessions), f"s{self.pinged}"
        self.pinged += 1
        message = {"jsonrpc": "2.0", "id": name, "method": "ping"}
        size = self.carrier_of(session, self.carriers).event(message, session)
        exchange = {"request_bytes": size}
        self.exchanges.setdefault(("ping", name), []).append(exchange)
        self.pings.append((session, name, exchange))

    def pong(self):
        session, name, exchange = self.pings.pop(self.rng.randrange(len(self.pings)))
        message = {"jsonrpc": "2.0", "id": name, "result": {}}
        size = self.carrier_of(session, self.carriers).ask(message, session)
        exchange.update(status="result", response_bytes=size)

    def go_both_ways(self):
        """True: something was done."""
        chance = self.rng.random()
        if self.pings and (chance < 0.1 or not self.waiting):
            self.pong()
        elif self.waiting and chance < 0.15:
            self.cancel()
        elif self.waiting and chance < 0.25:
            self.ping()
        else:
            return False
        return True

    def run(self):
        rng = self.rng
        for session in self.sessions:
            carrier = self.carrier_of(session, self.carriers)
            carrier.begin(None if isinstance(session, int) else session)
        wanted, made = rng.randint(20, 80), 0
        while made < wanted or self.paused or self.waiting or self.pings:
            if self.kind.both_ways and self.go_both_ways():
                pass
            elif self.is_free() and self.paused and rng.random() < 0.3:
                self.ask(self.paused.pop(rng.randrange(len(self.paused))))
            elif self.is_free() and made < wanted and rng.random() < 0.6:
                self.ask(self.new_call())
                made += 1
            elif self.waiting:
                self.answer()
            self.capture.now += rng.choice([10_000, 1_000_000, 20_000_000])


def replay(path):
    done = subprocess.run([PROGRAM, "replay", "--json", str(path)], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"replay {path}: exit {done.returncode}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_exchange(exchange, name, left, impairment):
    """Sentences about what is wrong with an exchange event; takes what it is out of `left`."""
    number = exchange["id"] if name == "ping" else int(str(exchange["id"]).lstrip("i"))
    mine = left.get((name, number), [])
    status = exchange["status"]
    told = f"{name} id {number} {status}, {exchange['request_bytes']} bytes asked, " \
           f"{exchange['response_bytes']} answered"
    keys = ["request_bytes"]
    if status not in ("lost", "pending"):
        keys += ["status", "response_bytes"]
    elif impairment in wire.COMPLETE:
        return [told]
    for truth in mine:
        if all(exchange[key] == truth[key] for key in keys):
            mine.remove(truth)
            break
    else:
        return [f"{told}; left of the truth: {mine}"]
    latency = exchange["latency"]
    # behind a loss a server's request may be the copy that a resumed stream delivered
    untimed = impairment in wire.MISPLACED or (name == "ping" and impairment not in wire.COMPLETE)
    wrong = not untimed if latency is None else latency < 0
    if wrong and len(keys) > 1 and status != "cancelled":
        return [f"{told}: latency {latency}"]
    return []


def nanoseconds(text):
    seconds, fraction = text.rstrip("Z").split(".")
    at = datetime.datetime.fromisoformat(seconds + "+00:00")
    return int(at.timestamp()) * 10**9 + int(fraction)


def check_operation(operation, calls, impairment):
    """Sentences about what is wrong with an operation event."""
    mine = [call for call in calls.get(operation["name"], []) if call.rounds > 0]
    if not mine:
        return [f"nobody did {operation['name']}"]
    if max(call.rounds + 1 for call in mine) < operation["exchanges"]:
        return [f"{operation['name']}: {operation['exchanges']} exchanges"]
    if operation["total_time"] is None or operation["status"] not in ("complete", "error") or \
            impairment not in TIMES_KEPT:
        return []
    end = nanoseconds(operation["ts"])
    begin = end - round(operation["total_time"] * 1e9)
    for call in mine:
        if abs(call.begin - begin) < NEAR_NS and abs(call.end - end) < NEAR_NS and \
                call.rounds + 1 == operation["exchanges"]:
            return []
    return [f"{operation['name']}: {operation['exchanges']} exchanges, no call took "
            f"{operation['total_time']} s until {operation['ts']}"]


def check_session(session):
    """Sentences about capabilities that a session event gives wrongly."""
    wrong = []
    for side in ("client", "server"):
        who, got = session[f"{side}_info"], (session["capabilities"] or {}).get(side)
        want = who["name"].split(",")[1:] if who else None
        if got != want:
            wrong.append(f"{side} {who} has capabilities {got}")
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
    exchanges = [event for event in events if event["event"] == "exchange"]
    exchanges.sort(key=lambda event: event["status"] in ("lost", "pending"))
    wrong, claimed = [], 0
    for event in exchanges:
        name = "ping" if event["method"] == "ping" else dialogues.kind.call_of(event)
        if name is not None:
            wrong += check_exchange(event, name, dialogues.exchanges, impairment)
            claimed += event["status"] in ("result", "error", "input_required")
    for event in events:
        if event["event"] == "session" and carrier != "squirrel":
            wrong += check_session(event)
        if event["event"] == "operation":
            wrong += check_operation(event, dialogues.calls, impairment)
    missing = sum(len(calls) for calls in dialogues.exchanges.values())
    if impairment in wire.COMPLETE and missing > 0:
        wrong.append(f"{missing} calls are missing")
    errors = events[-1]["protocol_metrics"]["protocol_errors"]
    wrong += [f"{name} {count}" for name, count in errors.items() if name.startswith(("pair:", "header:"))]
    return [f"{impairment}: {sentence}" for sentence in wrong], claimed


def main():
    parser = argparse.ArgumentParser(description="random dialogues against their truth")
    parser.add_argument("--carriers", default=",".join(CARRIERS))
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
