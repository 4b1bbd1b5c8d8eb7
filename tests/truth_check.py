#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares what mcpmeter says of a recording with what the applications logged.

usage: truth_check.py [--live CASE.NAME.jsonl]... CASE.truth.json...

The capture is CASE.pcap beside the truth. `report --json` and `replay --json --messages` are run on
it ($MCPMETER, default build/mcpmeter); with --live the saved outputs of live runs are checked too.
Prints each difference, and `N passed, N failed` at the end: one case a truth file and command.

A latency on the wire lies between the two that the applications measured: the one who answers
starts after the request's last byte and stops before the response's, the one who asks does both
the other way round.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MCPMETER", str(ROOT / "build" / "mcpmeter"))
RECEIVED = {"c2s": "received", "s2c": "sent"}
# Clocks of two processes and rounding of the logs, in milliseconds.
SLACK_MS = 0.25
STATUS = {"result": "result", "result-isError": "tool_error", "error": "error",
          "result-input_required": "input_required"}


class Differences:
    """Collects sentences about what differs."""

    def __init__(self):
        self.found = []

    def equal(self, what, got, want):
        if got != want:
            self.found.append(f"{what}: reported {got!r}, truth {want!r}")

    def add(self, sentence):
        self.found.append(sentence)


def run(*arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{PROGRAM} {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def counted(truth):
    """{(direction, kind, method or None): count} on the wire, copies on resumed streams left out."""
    counts = collections.Counter()
    for sign, messages in ((1, truth["messages"]),
                           (-1, truth.get("replayed", {}).get("messages", {}))):
        for direction, kinds in messages.items():
            for kind in ("request", "notification"):
                for method, count in kinds[kind].items():
                    counts[RECEIVED[direction], kind, method] += sign * count
            for kind in ("result", "error"):
                counts[RECEIVED[direction], kind, None] += sign * kinds[kind]
    return +counts


def fate(truth, waiting):
    """The status that a request without an answer is to be reported with."""
    if "status" in waiting:
        return waiting["status"]
    cancelled = {(c.get("session"), json.dumps(c["requestId"])) for c in truth["cancelled"]}
    given_up = (waiting.get("session"), json.dumps(waiting["id"])) in cancelled
    return "cancelled" if given_up else "unanswered"


def check_messages(protocol, truth, differences):
    got = collections.Counter()
    answers = collections.Counter()
    for row in protocol["messages"]:
        method = row["type"] if row["kind"] in ("request", "notification") else None
        got[row["direction"], row["kind"], method] += row["count"]
        if method is None:
            answers[row["direction"], row["type"]] += row["count"]
    want = counted(truth)
    for key in sorted(set(got) | set(want), key=str):
        differences.equal(f"messages {key}", got[key], want[key])
    if "types" in truth:  # each message has a type of its own, responses too
        for direction, name in (("c2s", "messages_received"), ("s2c", "messages_sent")):
            differences.equal(name, protocol[name], truth["types"][direction])
        return
    typed = collections.Counter()
    answered = {}
    for pair in truth["pairs"]:
        outcome = "error" if pair["outcome"] == "error" else "result"
        answer = "sent" if pair["dir"] == "c2s" else "received"
        typed[answer, f"{pair['method']}:{outcome}"] += 1
        answered[answer, pair["session"], pair["id"]] = f"{pair['method']}:{outcome}"
    for orphan in truth["orphan_responses"]:
        # A second answer to an answered request has the type of the first.
        key = RECEIVED[orphan["dir"]], orphan.get("session"), orphan.get("id")
        if key in answered:
            typed[key[0], answered[key]] += 1
    for key in sorted(set(typed) | {k for k in answers if not k[1].startswith("?")}):
        differences.equal(f"responses {key}", answers[key], typed[key])
    for direction, name in (("received", "messages_received"), ("sent", "messages_sent")):
        rows = collections.Counter()
        for row in protocol["messages"]:
            if row["direction"] == direction:
                rows[row["type"]] += row["count"]
        differences.equal(name, protocol[name], dict(rows))


def check_tools(protocol, truth, differences):
    waiting = collections.Counter((u.get("tool"), fate(truth, u)) for u in truth["unanswered"])
    rows = {row["name"]: row for row in protocol["tools"]}
    for name, tool in truth["tool_calls"].items():
        if name == "undefined":  # a call without a name: no row of its own is required
            continue
        if name not in rows:
            differences.add(f"tool {name} is missing")
            continue
        got = {key: rows[name][key] for key in ("calls", "tool_errors", "errors", "unanswered")}
        differences.equal(f"tool {name}", got, {
            "calls": tool["count"], "tool_errors": tool["is_error_count"],
            "errors": tool["error_count"] + waiting[name, "error"],
            "unanswered": waiting[name, "unanswered"]})
    extra = set(rows) - set(truth["tool_calls"]) - {"", None}
    differences.equal("tools that nobody called", extra, set())


def check_report(report, truth, differences):
    protocol = report["protocol_metrics"]
    connections = report["connection_metrics"]
    refused = truth.get("refused_connections", 0)
    differences.equal("schema", report["report"], "mcpmeter.report/1")
    differences.equal("connection_attempts", connections["connection_attempts"],
                      truth["tcp_connections"] + refused)
    differences.equal("successful_connections", connections["successful_connections"],
                      truth["tcp_connections"])
    differences.equal("refused", connections["failures"]["refused"], refused)
    differences.equal("lost_bytes", connections["lost_bytes"], 0)
    differences.equal("protocol_versions", sorted(protocol["protocol_versions"]),
                      sorted(truth["protocol_versions"]))
    if truth["sessions"] or truth.get("unnamed_sessions"):
        sessions = len(truth["sessions"]) + truth.get("unnamed_sessions", 0)
        differences.equal("sessions", protocol["sessions"], sessions)
        if len(truth["protocol_versions"]) == 1 and "types" not in truth:  # else the truth does not tell whose is which
            differences.equal("sessions by version", protocol["protocol_versions"],
                              {truth["protocol_versions"][0]: sessions})
    if "coverage_connections" in truth:
        classes = {k: n for k, n in report["coverage"]["connections"].items() if n > 0}
        differences.equal("coverage", classes, truth["coverage_connections"])
    check_messages(protocol, truth, differences)
    check_tools(protocol, truth, differences)
    errors = protocol["protocol_errors"]
    codes = {k.removeprefix("jsonrpc:"): v for k, v in errors.items() if k.startswith("jsonrpc:")}
    differences.equal("errors by code", codes, truth["errors_by_code"])
    types = {k: v for k, v in errors.items() if k.startswith("squirrel:")}
    differences.equal("errors by type", types, truth.get("errors_by_type", {}))
    differences.equal("tool:is_error", errors.get("tool:is_error", 0),
                      sum(t["is_error_count"] for t in truth["tool_calls"].values()))
    differences.equal("parse errors", {k: v for k, v in errors.items() if k.startswith("parse:")}, {})
    outcomes = collections.Counter(STATUS[p["outcome"]] for p in truth["pairs"])
    exchanges = protocol["exchanges"]
    fates = collections.Counter(fate(truth, u) for u in truth["unanswered"])
    for status in sorted(set(STATUS.values())):
        differences.equal(f"exchanges {status}", exchanges[status],
                          outcomes[status] + (fates[status] if status == "error" else 0))
    differences.equal("http errors",
                      {k: v for k, v in errors.items() if k.startswith("http:")},
                      {f"http:{status}": count for status, count in truth["http"]["status"].items()
                       if status.isdigit() and int(status) >= 400})
    for status in ("cancelled", "unanswered", "acknowledged"):
        differences.equal(f"exchanges {status}", exchanges[status], fates[status])
    differences.equal("pair:unanswered", errors.get("pair:unanswered", 0), fates["unanswered"])
    differences.equal("header errors",
                      {k: v for k, v in errors.items() if k.startswith("header:")},
                      truth.get("header_findings", {}))
    for status in ("lost", "pending"):
        differences.equal(f"exchanges {status}", exchanges[status], 0)
    differences.equal("exchanges total", exchanges["total"],
                      len(truth["pairs"]) + len(truth["unanswered"]))
    check_stray(protocol, truth, differences)
    check_operation_rows(protocol, truth, differences)


def check_stray(protocol, truth, differences):
    """Responses that end no exchange. An error without an id refuses an HTTP request as a whole:
    it lacks no request, whatever the truth calls it."""
    copies = sum(sum(kind.values()) if isinstance(kind, dict) else kind
                 for kinds in truth.get("replayed", {}).get("messages", {}).values()
                 for kind in kinds.values())
    differences.equal("duplicate_responses", protocol["duplicate_responses"], copies)
    differences.equal("orphan_responses", protocol["orphan_responses"] +
                      protocol["late_responses"],
                      sum("id" in orphan or orphan.get("kind") == "result"
                          for orphan in truth["orphan_responses"]))
    differences.equal("incomplete_messages", protocol["incomplete_messages"], 0)


def check_latency(where, pair, latency, differences):
    """latency in seconds, or None."""
    if latency is None:
        differences.add(f"{where}: no latency")
        return
    inner, outer = pair["server_latency_ms"], pair["client_latency_ms"]
    if pair["dir"] == "s2c":
        inner, outer = outer, inner
    wire = latency * 1000
    if inner is not None and wire < inner - SLACK_MS:
        differences.add(f"{where}: {wire:.3f} ms on the wire, but answering took {inner} ms")
    if outer is not None and wire > outer + SLACK_MS:
        differences.add(f"{where}: {wire:.3f} ms on the wire, but the asker waited {outer} ms only")


def check_pair(pair, event, differences):
    where = f"{pair['method']} {json.dumps(pair['id'])} of port {pair['req_client_port']}"
    differences.equal(f"{where} status", event["status"], STATUS[pair["outcome"]])
    if "tool" in pair and pair["tool"] != "undefined":
        differences.equal(f"{where} name", event.get("name"), pair["tool"])
    if "command" in pair:
        differences.equal(f"{where} name", event.get("name"), pair["command"])
    if pair["outcome"] == "error":
        differences.equal(f"{where} error_code", event.get("error_code"), pair["error_code"])
    differences.equal(f"{where} request_bytes", event["request_bytes"], pair["req_bytes"])
    differences.equal(f"{where} response_bytes", event["response_bytes"], pair["res_bytes"])
    check_latency(where, pair, event.get("latency"), differences)
    if event.get("first_byte") is not None and event["first_byte"] > event["latency"]:
        differences.add(f"{where}: first byte after the last")


def check_sessions(matched, sessions, differences):
    """The grouping by session must be the same, whatever the sessions are called. What belongs to
    no session of the server (stateless, unknown session id) is not compared."""
    forward, backward = {}, {}
    for pair, event in matched:
        reported, true = event.get("session"), pair["session"]
        if true not in sessions:
            continue
        if forward.setdefault(true, reported) != reported:
            differences.add(f"session {true} is reported as {forward[true]} and {reported}")
        if backward.setdefault(reported, true) != true:
            differences.add(f"reported session {reported} is {backward[reported]} and {true}")


def check_events(lines, truth, differences):
    """Every exchange one by one; returns the report of the summary line."""
    exchanges = collections.defaultdict(list)
    messages = collections.Counter()
    check_operations([line for line in lines if line["event"] == "operation"], truth, differences)
    report = None
    for line in lines:
        if line["event"] == "exchange":
            key = (line["connection"]["client"]["port"], line["direction"], line["method"],
                   json.dumps(line["id"]))
            exchanges[key].append(line)
        elif line["event"] == "message" and not line.get("redelivered"):
            method = line["method"] if line["kind"] in ("request", "notification") else None
            messages[line["direction"], line["kind"], method] += 1
        elif line["event"] == "summary":
            report = line["report"] if "report" in line and isinstance(line["report"], dict) else line
    want = counted(truth)
    for key in sorted(set(messages) | set(want), key=str):
        differences.equal(f"message events {key}", messages[key], want[key])
    matched = []
    for pair in sorted(truth["pairs"], key=lambda p: p["t_req_ms"]):
        key = (pair["req_client_port"], RECEIVED[pair["dir"]], pair["method"],
               json.dumps(pair["id"]))
        if not exchanges[key]:
            differences.add(f"no exchange {key}")
            continue
        event = exchanges[key].pop(0)
        check_pair(pair, event, differences)
        matched.append((pair, event))
    check_sessions(matched, set(truth["sessions"]), differences)
    for left in truth["unanswered"]:
        key = (left["client_port"], RECEIVED[left["dir"]], left["method"], json.dumps(left["id"]))
        event = exchanges[key].pop(0) if exchanges[key] else {"status": None}
        differences.equal(f"unanswered {key}", event["status"], fate(truth, left))
        if "server_latency_ms" in left:  # of an acknowledgement
            check_latency(f"unanswered {key}", left, event.get("latency"), differences)
    for key, rest in exchanges.items():
        if rest:
            differences.add(f"exchange that nobody logged: {key} {rest[0]['status']}")
    return report


def operation_key(op):
    """What tells operations apart, from a line of the truth or of the report."""
    direction = RECEIVED[op["dir"]] if "dir" in op else op.get("direction", "received")
    return op["kind"], op["method"], op.get("name"), direction


def operation_times(where, op, event, differences):
    """The asker's clock runs from before the request is sent until the end has arrived; that of the
    other side, which is the client's for what the server asks, from arrival to departure."""
    inner = op.get("dir") == "s2c"
    for key, limit in (("total_time", op["ms"]), ("creation_time", op.get("creation_ms"))):
        wire = event[key]
        if op["status"] == "pending" and key == "total_time":
            differences.equal(f"{where} {key}", wire, None)
            continue
        if limit is None:
            continue
        fits = wire is not None and (wire * 1000 >= limit - SLACK_MS if inner else
                                     0 < wire * 1000 <= limit + SLACK_MS)
        if not fits:
            differences.add(f"{where}: {key} {wire}, the client saw {limit} ms")
    if event["kind"] == "mrtr" and event["total_time"] is not None:
        split = event["server_time"] + event["outside_time"]
        if abs(split - event["total_time"]) > 1e-6:
            differences.add(f"{where}: {split} is not {event['total_time']}")


def check_operations(events, truth, differences):
    """Calls in several rounds, and tasks, as the client that made them logged them. Of one kind,
    method and name they are told in the order in which they ended, so that they are looked for.
    What nothing on the wire tells apart (at_once) has to be reported as unknown."""
    if "operations" not in truth:
        return
    left = list(events)
    for op in sorted(truth["operations"], key=lambda o: (o["t_ms"], o["ms"] or 0)):
        where = f"operation {operation_key(op)} at {op['t_ms']:.0f}"
        want = {"status": "unknown" if op.get("at_once") else op["status"],
                "exchanges": 1 if op.get("at_once") else op["exchanges"],
                "rounds": op["rounds"], "polls": op["polls"], "fetches": op["fetches"]}
        if op["kind"] == "mrtr" and not op.get("at_once"):
            want["certainty"] = "certain" if op["state"] else "likely"
        fitting = [e for e in left if operation_key(e) == operation_key(op) and
                   all(e[k] == v for k, v in want.items())]
        if not fitting:
            differences.add(f"{where}: no {want}")
            continue
        event = min(fitting, key=lambda e: abs((e["total_time"] or 0) * 1000 - (op["ms"] or 0)))
        left.remove(event)
        if not op.get("at_once"):
            operation_times(where, op, event, differences)
    for event in left:
        differences.add(f"operation that nobody logged: {operation_key(event)} {event['status']}")


def check_operation_rows(protocol, truth, differences):
    if "operations" not in truth:
        return
    want, got = collections.Counter(), {}
    for op in truth["operations"]:
        want[op["kind"], op["method"], op.get("name")] += 1
    for row in protocol["operations"]:
        got[row["kind"], row["method"], row["name"]] = row["count"]
    differences.equal("operations", got, dict(want))


def check_lines(text, truth, differences):
    report = check_events([json.loads(line) for line in text.splitlines()], truth, differences)
    if report is None:
        differences.add("no summary line")
    else:
        check_report(report, truth, differences)


def check_case(path, lives):
    """Returns {command: Differences}."""
    truth = json.loads(path.read_text(encoding="utf-8"))
    pcap = str(path).removesuffix(".truth.json") + ".pcap"
    results = {"report": Differences(), "replay": Differences()}
    check_report(json.loads(run("report", "--json", pcap)), truth, results["report"])
    check_lines(run("replay", "--json", "--messages", pcap), truth, results["replay"])
    for live in lives:
        name = live.name.split(".")[-2]
        results[name] = Differences()
        check_lines(live.read_text(encoding="utf-8"), truth, results[name])
    return results


def main():
    parser = argparse.ArgumentParser(description="compare mcpmeter with logged truth")
    parser.add_argument("truth", nargs="+", type=pathlib.Path)
    parser.add_argument("--live", type=pathlib.Path, action="append", default=[],
                        help="output of a live run of the one case")
    options = parser.parse_args()
    passed = failed = 0
    for path in options.truth:
        for command, differences in check_case(path, options.live).items():
            name = f"{path.name.removesuffix('.truth.json')} {command}"
            print(f"{'FAIL' if differences.found else 'ok  '} {name}")
            for sentence in differences.found[:20]:
                print(f"     {sentence}")
            passed += not differences.found
            failed += bool(differences.found)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
