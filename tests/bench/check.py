# SPDX-License-Identifier: BSD-3-Clause
"""Compares a report of mcpmeter with the truth that bench_gen wrote beside a capture."""

import json


def _messages(rows):
    return {(r["type"], r["kind"], r["direction"]): (r["count"], r["bytes"]) for r in rows}


def _compare(errors, name, found, expected):
    if found != expected:
        errors.append(f"{name}: {found!r}, expected {expected!r}")


def _between(errors, name, found, low, high):
    if not low <= found <= high:
        errors.append(f"{name}: {found!r}, expected {low} to {high}")


def _sum_outcomes(truth):
    total = {"result": 0, "error": 0, "tool_error": 0}
    for outcome in truth["exchanges"].values():
        for key in total:
            total[key] += outcome[key]
    return total


def _check_capture(errors, report, truth):
    _compare(errors, "capture.packets", report["capture"]["packets"], truth["packets"])
    _compare(errors, "capture.bytes", report["capture"]["bytes"], truth["wire_bytes"])
    bandwidth = report["bandwidth_metrics"]
    _compare(errors, "bytes in both directions",
             bandwidth["bytes_received"] + bandwidth["bytes_transmitted"], truth["wire_bytes"])


def _check_connections(errors, report, truth):
    found, expected = report["connection_metrics"], truth["connections"]
    _compare(errors, "connection_attempts", found["connection_attempts"], expected["attempts"])
    _compare(errors, "successful_connections", found["successful_connections"],
             expected["successful"])
    _compare(errors, "failures.refused", found["failures"]["refused"], expected["refused"])
    _compare(errors, "failed_connections", found["failed_connections"], expected["refused"])
    _compare(errors, "closed.fin", found["closed"]["fin"], expected["closed"])
    _compare(errors, "active_connections", found["active_connections"], expected["open"])
    _compare(errors, "midstream_connections", found["midstream_connections"], 0)


def _check_latency(errors, found, truth):
    """Nanoseconds; the report rounds the mean to them and has percentiles within 1 %."""
    for method in set(truth) - set(found):
        errors.append(f"message_latency {method}: none")
    for method in set(found) & set(truth):
        for key, expected in truth[method].items():
            name, value = f"message_latency {method} {key}", found[method][key]
            if key == "count":
                _compare(errors, name, value, expected)
                continue
            slack = 0.01 * expected if key.startswith("p") else 1
            _between(errors, name, round(value * 1e9), expected - slack, expected + slack)


def _check_exact(errors, report, truth):
    found, bandwidth = report["protocol_metrics"], report["bandwidth_metrics"]
    for key in ("retransmitted_packets", "out_of_order_packets", "lost_bytes"):
        _compare(errors, key, report["connection_metrics"][key], 0)
    _compare(errors, "payload_bytes_received", bandwidth["payload_bytes_received"],
             truth["payload_bytes"]["received"])
    _compare(errors, "payload_bytes_transmitted", bandwidth["payload_bytes_transmitted"],
             truth["payload_bytes"]["sent"])
    messages, expected = _messages(found["messages"]), _messages(truth["messages"])
    for key in sorted(set(messages) | set(expected)):
        _compare(errors, f"messages {key}", messages.get(key), expected.get(key))
    outcomes = _sum_outcomes(truth)
    for key, value in outcomes.items():
        _compare(errors, f"exchanges.{key}", found["exchanges"][key], value)
    _compare(errors, "exchanges.total", found["exchanges"]["total"], sum(outcomes.values()))
    tools = {row["name"]: row for row in found["tools"]}
    for name, outcome in truth["tools"].items():
        if sum(outcome.values()) == 0:
            continue
        row = tools.get(name, {})
        shown = (row.get("results"), row.get("errors"), row.get("tool_errors"))
        _compare(errors, f"tools {name}", shown,
                 (outcome["result"], outcome["error"], outcome["tool_error"]))
    _check_latency(errors, found["message_latency"], truth["latency"])
    _compare(errors, "sessions", found["sessions"], truth["sessions"])
    if truth["sessions"]:
        _compare(errors, "protocol_version", found["protocol_version"], "2025-11-25")
    _compare(errors, "orphan_responses", found["orphan_responses"], 0)


def _check_impaired(errors, report, truth):
    found, damage = report["connection_metrics"], truth["impairment"]
    payload = sum(truth["payload_bytes"].values())
    bandwidth = report["bandwidth_metrics"]
    _compare(errors, "lost_bytes", found["lost_bytes"], damage["missing_bytes"])
    _compare(errors, "payload bytes",
             bandwidth["payload_bytes_received"] + bandwidth["payload_bytes_transmitted"],
             payload - damage["missing_bytes"])
    slack = 2 + damage["out_of_order"] // 50
    _between(errors, "out_of_order_packets", found["out_of_order_packets"],
             damage["out_of_order"] - slack, damage["out_of_order"] + slack)
    _between(errors, "retransmitted_packets", found["retransmitted_packets"],
             damage["retransmitted"] - slack, damage["retransmitted"] + slack)


# Of all exchanges, when 0.1 % of the data packets are missing from the capture.
FOUND_PERCENT = 99

# What a request of the generator can honestly be called when its answer was not seen.
NOT_FOUND = {"lost"}


def exchanges(lines, truth):
    """What the log of `replay --json` says about every single exchange that is not so, as a list of
    lines; and the percentage of the exchanges that it has with method, outcome, name and latency,
    first of all, then of those whose packets are all in the capture."""
    errors, found = [], set()
    expected = {(client, number): (method, outcome, tool, latency)
                for client, number, method, outcome, tool, latency, _ in truth["each"]}
    for line in lines:
        event = json.loads(line)
        if event["event"] != "exchange":
            continue
        client = event["connection"]["client"]
        key = (f"{client['ip']}:{client['port']}", event["id"])
        if event["status"] in NOT_FOUND and key in expected:
            _compare(errors, f"exchange {key} method", event["method"], expected[key][0])
            continue
        if key not in expected or key in found:
            errors.append(f"exchange {key}: {'twice' if key in found else 'there is none'}")
            continue
        found.add(key)
        method, outcome, tool, latency = expected[key]
        got = event["method"], event["status"]
        _compare(errors, f"exchange {key}", got, (method, outcome))
        if tool:
            _compare(errors, f"exchange {key} name", event["name"], tool)
        if latency is not None:
            _compare(errors, f"exchange {key} latency", round((event["latency"] or 0) * 1e9), latency)
    complete = {(row[0], row[1]) for row in truth["each"] if row[6]}
    share = 100 * len(found) / len(expected)
    if share < FOUND_PERCENT:
        errors.append(f"only {share:.2f} % of the exchanges were found")
    return errors, share, 100 * len(found & complete) / len(complete)


def differences(report, truth):
    """What a report says that is not so, as a list of lines."""
    errors = []
    try:
        _check_capture(errors, report, truth)
        _check_connections(errors, report, truth)
        if truth["impairment"]["missing"] or truth["impairment"]["retransmitted"]:
            _check_impaired(errors, report, truth)
        elif truth["corpus"] != "holes":  # nothing but what is lost
            _check_exact(errors, report, truth)
    except (KeyError, TypeError) as e:
        errors.append(f"the report lacks something: {e!r}")
    return errors
