# SPDX-License-Identifier: BSD-3-Clause
"""Compares a report of mcpmeter with the truth that bench_gen wrote beside a capture."""


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
    _compare(errors, "sessions", found["sessions"], truth["sessions"])
    _compare(errors, "protocol_version", found["protocol_version"], "2025-11-25")
    _compare(errors, "orphan_responses", found["orphan_responses"], 0)


# What a missing packet takes along: the messages in it and, until the next start line, what shared
# its HTTP exchange.
MESSAGES_PER_LOSS = 4


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
    seen = sum(row["count"] for row in report["protocol_metrics"]["messages"])
    sent = sum(row["count"] for row in truth["messages"])
    _between(errors, "messages", seen, sent - MESSAGES_PER_LOSS * damage["missing"], sent)
    exchanges = sum(_sum_outcomes(truth).values())
    _between(errors, "exchanges.total", report["protocol_metrics"]["exchanges"]["total"],
             exchanges - MESSAGES_PER_LOSS * damage["missing"], exchanges)


def differences(report, truth):
    """What a report says that is not so, as a list of lines."""
    errors = []
    try:
        _check_capture(errors, report, truth)
        _check_connections(errors, report, truth)
        if truth["impairment"]["missing"] or truth["impairment"]["retransmitted"]:
            _check_impaired(errors, report, truth)
        else:
            _check_exact(errors, report, truth)
    except (KeyError, TypeError) as e:
        errors.append(f"the report lacks something: {e!r}")
    return errors
