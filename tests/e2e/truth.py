# SPDX-License-Identifier: BSD-3-Clause
"""Makes the truth of a recording from what server and client logged at application level.

What went over the wire (messages, HTTP, errors) is taken from the server side's HTTP log; the
client side's transport log adds its latencies, and is checked to agree message for message.
"""

import collections
import json


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def tally(messages):
    """Counts messages by direction, kind and (for what has one) method."""
    counts = {d: {"request": {}, "notification": {}, "result": 0, "error": 0}
              for d in ("c2s", "s2c")}
    for message in messages:
        kinds = counts[message["dir"]]
        if message["kind"] in ("request", "notification"):
            methods = kinds[message["kind"]]
            methods[message["method"]] = methods.get(message["method"], 0) + 1
        else:
            kinds[message["kind"]] += 1
    return counts


def answered_id(message):
    """The id of the request that a response ends, where that is not its own."""
    return message.get("answers", message.get("id"))


class Pairing:
    """Finds the answer of each request; knows a client by its own header, not by its session."""

    def __init__(self):
        self.open = {}
        self.pairs = []
        self.orphans = []
        self.replayed = []
        self.events = set()

    def feed(self, message):
        """Takes one message of the wire, in order."""
        if message.get("event"):
            key = (message["client"], message["event"])
            if key in self.events:
                self.replayed.append(message)
                return
            self.events.add(key)
        if "subscription" in message:
            key = (message["client"], "c2s", json.dumps(message["subscription"]))
            if key in self.open:
                self.open[key]["acknowledgement"] = message
        if message["kind"] == "request":
            key = (message["client"], message["dir"], json.dumps(message["id"]))
            self.open[key] = message
        elif message["kind"] in ("result", "error"):
            self.answer(message)

    def answer(self, message):
        asked = "s2c" if message["dir"] == "c2s" else "c2s"
        named = answered_id(message)
        key = (message["client"], asked, json.dumps(named))
        if "answers" in message and named is None:
            return  # it ends no request
        if named is None:
            # An HTTP refusal has no id; it answers the request that its POST carried.
            key = next((k for k, m in self.open.items() if m.get("http") == message.get("http")), key)
        request = self.open.pop(key, None)
        if request is None:
            self.orphans.append(message)
        else:
            self.pairs.append((request, message))


def client_latencies(log):
    """{(client, direction, id): ms between send() and onmessage, or the reverse}, and the rest."""
    begun, latencies = {}, {}
    for line in log:
        if "subscription" in line:
            # What a request for a stream waits for.
            key = (line["client"], "c2s", json.dumps(line["subscription"]))
            latencies[key] = line["t_ms"] - begun.pop(key)
        if "refused" in line or line["kind"] not in ("request", "result", "error"):
            continue
        if line["kind"] == "request":
            begun[line["client"], line["dir"], json.dumps(line["id"])] = line["t_ms"]
            continue
        asked = "s2c" if line["dir"] == "c2s" else "c2s"
        key = (line["client"], asked, json.dumps(answered_id(line)))
        if key in begun:
            latencies[key] = line["t_ms"] - begun.pop(key)
    return latencies


def tool_calls(pairs, unanswered):
    calls = {}
    rows = [(request, answer) for request, answer in pairs] + [(r, None) for r in unanswered]
    for request, answer in rows:
        if request["method"] != "tools/call":
            continue
        row = calls.setdefault(request["tool"],
                               {"count": 0, "is_error_count": 0, "error_count": 0})
        row["count"] += 1
        row["is_error_count"] += bool(answer and answer.get("is_error"))
        row["error_count"] += bool(answer and answer["kind"] == "error")
    return calls


def pair_row(request, answer, latencies):
    outcome = "error" if answer["kind"] == "error" else "result"
    row = {"dir": request["dir"], "method": request["method"], "id": request["id"]}
    row |= {key: request[key] for key in ("tool", "command") if key in request}
    row["outcome"] = ("result-isError" if answer.get("is_error") else
                      "result-input_required" if answer.get("input_required") else outcome)
    if outcome == "error":
        row["error_code"] = answer.get("error_code")
    latency = latencies.get((request["client"], request["dir"], json.dumps(request["id"])))
    row["t_req_ms"] = round(request["t_ms"], 3)
    row["client_latency_ms"] = None if latency is None else round(latency, 3)
    told = request.get("acknowledgement", answer)
    row["server_latency_ms"] = round(told["t_ms"] - request["t_ms"], 3)
    row["req_client_port"] = request["port"]
    if answer["port"] != request["port"]:
        row["res_client_port"] = answer["port"]
    row["session"] = request["session"] or request["client"]
    row["req_bytes"] = request["bytes"]
    row["res_bytes"] = answer["bytes"]
    return row


def agreement(messages, client_log):
    """Sentences about messages that one side logged and the other did not."""
    def keys(lines):
        return collections.Counter(
            (m["client"], m["dir"], m["kind"], m.get("method"), json.dumps(m.get("id")))
            for m in lines if m["kind"] != "other")
    server = keys(m for m in messages if "hop" not in m)  # else no client saw it
    client = keys(m for m in client_log if "refused" not in m)
    return [f"server only: {k} x{n}" for k, n in (server - client).items()] + \
        [f"client only: {k} x{n}" for k, n in (client - server).items()]


def place(message):
    """The few members that tell one message from another."""
    members = ("dir", "kind", "method", "id", "tool", "session")
    return {key: message[key] for key in members if message.get(key) is not None} | {
        "client_port": message["port"]}


def waiting_row(request, exchange, cancelled, latencies):
    """A request without an answer, and what became of it as far as the logs tell."""
    row = place(request)
    acknowledgement = request.get("acknowledgement")
    if (request["client"], json.dumps(request["id"])) in cancelled:
        row["status"] = "cancelled"
    elif acknowledgement:
        row["status"] = "acknowledged"
    elif "meta_version" in request and exchange and exchange.get("cut"):
        row["status"] = "cancelled"  # at this revision by closing the response
    elif exchange and (exchange["status"] or 0) >= 400:
        row |= {"status": "error", "http_status": exchange["status"]}  # and no JSON-RPC in it
    if acknowledgement:
        latency = latencies[request["client"], "c2s", json.dumps(request["id"])]
        row["client_latency_ms"] = round(latency, 3)
        row["server_latency_ms"] = round(acknowledgement["t_ms"] - request["t_ms"], 3)
    return row


def header_findings(messages, exchanges):
    """Where header fields of revision 2026-07-28 contradict the body, or lack."""
    found = collections.Counter()
    for message in messages:
        exchange = exchanges.get(message.get("http"))
        if message["kind"] != "request" or "meta_version" not in message or not exchange:
            continue
        fields = exchange.get("mcp", {})
        body = {"method": message["method"], "version": message["meta_version"],
                "name": next((message[k] for k in ("tool", "prompt", "uri") if k in message), None)}
        for key, value in body.items():
            if value is not None and fields.get(key) is None:
                found[f"header:missing_{key}"] += 1
            elif value is not None and fields[key] != value:
                found[f"header:{key}_mismatch"] += 1
    return dict(sorted(found.items()))


def modern_sessions(pairing):
    """Clients of revision 2026-07-28 that a server answered: {(name/version, version), ...}."""
    answered = [request for request, answer in pairing.pairs
                if "meta_version" in request and answer["kind"] == "result"]
    return {(request["client"], request.get("identity")): request["meta_version"]
            for request in answered}


def http_facts(exchanges, messages):
    requests = collections.Counter(f"{e['verb']} /mcp" for e in exchanges)
    statuses = collections.Counter(str(e["status"]) for e in exchanges)
    return {"requests": dict(sorted(requests.items())), "status": dict(sorted(statuses.items())),
            "sse_messages": sum(m.get("via") == "sse" for m in messages)}


def coverage_classes(server_log):
    """Connections by class of coverage, where the scenario says which each belongs to."""
    classes = collections.Counter(line["class"] for line in server_log if "class" in line)
    return {"coverage_connections": dict(sorted(classes.items()))} if classes else {}


def squirrel_facts(messages):
    """What differs for messages of the Squirrel dialect: types and errors of their own."""
    types = {d: dict(sorted(collections.Counter(m["method"] for m in messages
                                                if m["dir"] == d).items())) for d in ("c2s", "s2c")}
    errors = collections.Counter(m["error_type"] for m in messages if "error_type" in m)
    return {"types": types, "errors_by_type": dict(sorted(errors.items()))}


def build(server_log, client_log):
    """The facts of a recording as a dictionary; see pcaps/README.md for the members."""
    operations = [line["operation"] for line in client_log if "operation" in line]
    client_log = [line for line in client_log if "operation" not in line]
    exchanges = [line for line in server_log if line["record"] == "http"]
    by_number = {e["http"]: e for e in exchanges}
    messages = []
    for line in server_log:
        if line["record"] == "message":
            exchange = by_number.get(line.get("http"), {"client": None, "session": None})
            messages.append(dict({key: exchange[key] for key in ("client", "session")}, **line))
    wire = [m for m in messages if m["kind"] != "other"]
    pairing = Pairing()
    for message in wire:
        pairing.feed(message)
    unanswered = [m for m in pairing.open.values() if not m.get("optional")]
    modern = modern_sessions(pairing)
    cancels = [m for m in wire if m.get("method") == "notifications/cancelled"]
    cancelled = {(m["client"], json.dumps(m["request_id"])) for m in cancels}
    repeated = {id(m) for m in pairing.replayed}
    errors = collections.Counter(str(m["error_code"]) for m in wire
                                 if "error_code" in m and id(m) not in repeated)
    latencies = client_latencies(client_log)
    refused = sum(line.get("refused", 0) for line in client_log)
    versions = [m["protocol_version"] for m in wire
                if (m["kind"] == "result" or "squirrel" in m) and "protocol_version" in m]
    versions += modern.values()
    squirrel = [m for m in wire if "squirrel" in m]
    return {
        "protocol_versions": sorted(set(versions)),
        "tcp_connections": sum(line["record"] == "connection" for line in server_log),
        "refused_connections": refused,
        **coverage_classes(server_log),
        "total_messages": len(wire),
        "messages": tally(wire),
        "replayed": {"messages": tally(pairing.replayed)},
        "errors_by_code": dict(sorted(errors.items())),
        "tool_calls": tool_calls(pairing.pairs, unanswered),
        "json_bytes": {d: sum(m["bytes"] for m in wire if m["dir"] == d) for d in ("c2s", "s2c")},
        "http": http_facts(exchanges, wire),
        "sessions": sorted({e["session"] for e in exchanges
                            if e["session"] and (e["status"] or 0) < 400}),
        # Without a session id every initialize that was answered begins one.
        "unnamed_sessions": sum(request["method"] == "initialize" and not request["session"] and
                                answer["kind"] == "result" for request, answer in pairing.pairs)
                            + len(modern) + len({m["client"] for m in squirrel}),
        **(squirrel_facts(squirrel) if squirrel else {}),
        **({"header_findings": header_findings(wire, by_number)} if modern else {}),
        "cancelled": [{"dir": m["dir"], "requestId": m["request_id"], "session": m["session"]}
                      for m in cancels],
        "unanswered": [waiting_row(m, by_number.get(m.get("http")), cancelled, latencies)
                       for m in unanswered],
        "orphan_responses": [place(m) for m in pairing.orphans],
        "one_side_only": agreement(wire, client_log) if client_log else [],
        **({"operations": operations} if operations else {}),
        "pairs": [pair_row(request, answer, latencies) for request, answer in pairing.pairs],
    }


def to_text(truth):
    """JSON with one pair a line, so that a changed recording reads well as a difference."""
    head = json.dumps({k: v for k, v in truth.items() if k != "pairs"}, indent=1)
    pairs = ",\n".join("  " + json.dumps(p, separators=(",", ":")) for p in truth["pairs"])
    return head[:-2] + ',\n "pairs": [\n' + pairs + "\n ]\n}\n"
