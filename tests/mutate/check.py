#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs mcpmeter over spoiled copies of the sample captures, see mutate.c.

What a network may do without harm (rotated files, tiny segments, reordering, duplicates) must leave
the protocol table as it is, to the last digit. What loses packets (drops, one direction, a late
start, a cut file, a short snap length) may only hide: every exchange that is still reported stands
in the unspoiled run with the same status, no count is higher, and losses are told. Where only the
copy of a request is left, which a resumed stream delivered, it stands on the copy's connection, and
must not have a latency.

Nor may any violation be claimed that the unspoiled capture does not hold: what a loss makes look
wrong is a loss.

usage: check.py [CASE.pcap...]; MCPMETER and MUTATE name the programs, MUTATE_SEEDS says how often
what depends on chance is tried, each time with other packets (default 12). MUTATE_PLACES says at
how many packets, chosen by chance, a capture is made to begin, to end and to lack one (default 12,
"all" for every packet, which takes minutes). MUTATE_ONLY names one check.
"""

import collections
import json
import multiprocessing
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("MCPMETER", str(ROOT / "build" / "mcpmeter"))
MUTATE = os.environ.get("MUTATE", str(ROOT / "build" / "tests" / "mutate" / "mutate"))
SEEDS = range(1, 1 + int(os.environ.get("MUTATE_SEEDS", "12")))
PLACES = os.environ.get("MUTATE_PLACES", "12")
ONLY = os.environ.get("MUTATE_ONLY", "")
OK, CUT = 0, 3  # exit codes
LOSSES = {"tcp:gap", "parse:lost_message"}  # findings that only say what was lost
# Statuses that claim something about the server's behaviour; the others admit ignorance.
PORTS = 2  # where the rest of Run.key() begins
CLAIMS = {"result", "error", "tool_error", "input_required", "unanswered", "cancelled"}


class Failure(Exception):
    """What was wrong, in a sentence."""


def run(*arguments, codes=(OK,)):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in codes:
        raise Failure(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def mutate(operation, source, target, *numbers):
    done = subprocess.run([MUTATE, operation, str(source), str(target), *map(str, numbers)],
                          capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Run:
    """What mcpmeter says of one capture, which may lie in several files."""

    def __init__(self, *paths, codes=(OK,)):
        lines = run("replay", "--json", *map(str, paths), codes=codes).splitlines()
        events = [json.loads(line) for line in lines]
        claims = [e for e in events if e["event"] == "exchange" and e["status"] in CLAIMS]
        self.exchanges = collections.Counter(self.key(e) for e in claims if not self.is_copy(e))
        self.copies = collections.Counter(self.key(e) for e in claims if self.is_copy(e))
        self.report = events[-1]  # the summary: all of the report but the connections' rows
        self.protocol = self.report["protocol_metrics"]
        self.coverage = self.report["coverage"]
        self.check_coverage()

    def check_coverage(self):
        """Every payload byte, and every byte known to be lost, is in one class."""
        total = self.report["bandwidth_metrics"]
        want = (total["payload_bytes_received"] + total["payload_bytes_transmitted"]
                + self.lost_bytes())
        if sum(self.coverage["bytes"].values()) != want:
            raise Failure(f"coverage does not add up to {want} bytes: {self.coverage['bytes']}")

    @staticmethod
    def key(event):
        connection = event["connection"]
        # Who is the client of a connection whose SYN is missing follows the protocol.
        ports = sorted((connection["client"]["port"], connection["server"]["port"]))
        return (*ports, event["direction"],
                event["method"], json.dumps(event["id"]), event["name"], event["status"],
                event["error_code"])

    @staticmethod
    def is_copy(event):
        """Of a server's request maybe only the copy on a resumed stream was seen."""
        return (event["direction"] == "sent" and event["response_bytes"] is not None
                and event["latency"] is None)

    def anywhere(self):
        """The claims without their connections."""
        return collections.Counter(key[PORTS:] for key in (self.exchanges + self.copies).elements())

    def lost_bytes(self):
        return self.report["connection_metrics"]["lost_bytes"]


def difference(got, want, path=""):
    """The first place where two JSON values differ."""
    if isinstance(got, dict) and isinstance(want, dict):
        for key in sorted(set(got) | set(want)):
            if got.get(key) != want.get(key):
                return difference(got.get(key), want.get(key), f"{path}.{key}")
    if isinstance(got, list) and isinstance(want, list) and len(got) == len(want):
        for i, (one, other) in enumerate(zip(got, want)):
            if one != other:
                return difference(one, other, f"{path}[{i}]")
    return f"protocol_metrics{path}: {got!r}, unspoiled {want!r}"


def untimed(value):
    """A copy without the figures of latencies, only how many there are."""
    if isinstance(value, list):
        return [untimed(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "p999" in value:
        return value["count"]
    return {key: untimed(v) for key, v in value.items()}


def check_same(spoiled, base, late=False):
    """late: packets changed places. Of what was sent twice, on one connection or on two, the other
    copy may then be the first, and with it the time is another."""
    got, want = spoiled.protocol, base.protocol
    twice = (want["duplicate_responses"] +
             base.report["connection_metrics"]["retransmitted_packets"])
    if late and twice > 0:
        got, want = untimed(got), untimed(want)
    if got != want:
        raise Failure(difference(got, want))
    if spoiled.coverage != base.coverage:
        raise Failure(f"coverage: {spoiled.coverage}, unspoiled {base.coverage}")


def counts_of(protocol):
    """Figures that losses can only lower."""
    counts = collections.Counter()
    for row in protocol["messages"]:
        counts["messages", row["direction"], row["kind"]] += row["count"]
        if row["kind"] in ("request", "notification"):
            counts["messages", row["direction"], row["kind"], row["type"]] += row["count"]
    for table in ("tools", "resources", "prompts"):
        for row in protocol[table]:
            for key in ("calls", "results", "tool_errors", "errors", "unanswered"):
                counts[table, row["name"], key] += row[key]
    for key, count in protocol["protocol_errors"].items():
        if key not in LOSSES:
            counts["error", key] += count
    counts["duplicates"] = protocol["duplicate_responses"]
    return counts


def check_subset(spoiled, base):
    for key, count in spoiled.exchanges.items():
        # Of an error that HTTP's status tells the code may be lost.
        unknown = key[-2:] == ("error", None)
        known = sum(n for k, n in base.exchanges.items() if k[:-1] == key[:-1]) if unknown \
            else base.exchanges[key]
        if count > known:
            raise Failure(f"claimed, but not in the unspoiled run: {key}")
    claimed, known = spoiled.anywhere(), base.anywhere()
    for key in spoiled.copies:
        if claimed[key[PORTS:]] > known[key[PORTS:]]:
            raise Failure(f"claimed, but not in the unspoiled run: {key}")
    want = counts_of(base.protocol)
    for key, count in counts_of(spoiled.protocol).items():
        if count > want[key]:
            raise Failure(f"{key}: {count}, unspoiled {want[key]}")


def check_rotated(pcap, base, scratch):
    mutate("rotate", pcap, scratch / "r", 7)
    names = [scratch / f"r.{i}" for i in range(7)]
    random.Random(7).shuffle(names)
    check_same(Run(*names), base)


def same(operation, *numbers):
    def check(pcap, base, scratch):
        mutate(operation, pcap, scratch / "m", *numbers)
        check_same(Run(scratch / "m"), base, late=operation == "reorder")
    return check


def shuffled_copies(seed):
    """Late packets and copies together: of the copies some are late, too."""
    def check(pcap, base, scratch):
        mutate("duplicate", pcap, scratch / "d", 5, seed)
        mutate("reorder", scratch / "d", scratch / "m", 20, seed)
        check_same(Run(scratch / "m"), base, late=True)
    return check


def fewer(operation, *numbers):
    def check(pcap, base, scratch):
        output = mutate(operation, pcap, scratch / "m", *numbers)
        spoiled = Run(scratch / "m")
        check_subset(spoiled, base)
        if operation not in ("drop", "without"):
            return
        lost, most = map(int, output.split())
        begun = spoiled.report["connection_metrics"]["midstream_connections"]
        if operation == "drop" and lost > 0 and spoiled.lost_bytes() == 0 and begun == 0:
            raise Failure(f"{lost} payload bytes are missing, but no lost bytes are reported")
        if spoiled.lost_bytes() > most:
            raise Failure(f"{spoiled.lost_bytes()} lost bytes, but only {most} are missing")
    return check


def fewer_pieces(seed):
    """Holes inside of heads, messages and frames, which a packet on loopback often holds whole."""
    def check(pcap, base, scratch):
        mutate("segment", pcap, scratch / "s", 60 + 7 * seed)
        fewer("drop", 10, seed)(scratch / "s", base, scratch)
    return check


def at_each_place(operation):
    """Once for every packet of the capture, or for some."""
    def check(pcap, base, scratch):
        places = range(base.report["capture"]["packets"])
        if PLACES != "all":
            places = random.Random(pcap.stem + operation).sample(
                places, min(int(PLACES), len(places)))
        for place in places:
            try:
                fewer(operation, place)(pcap, base, scratch)
            except Failure as failure:
                raise Failure(f"{place}: {failure}") from None
    return check


def oneway(way):
    def check(pcap, base, scratch):
        port = max((row["endpoint"] for row in base.report["servers"]), key=endpoint_port)
        mutate("oneway", pcap, scratch / "m", endpoint_port(port), way)
        check_subset(Run(scratch / "m"), base)
    return check


def endpoint_port(endpoint):
    return endpoint["port"] if isinstance(endpoint, dict) else int(endpoint.rsplit(":", 1)[1])


def check_started(pcap, base, scratch):
    for first in (1, 3, 10, 20, 33, 50):
        mutate("start", pcap, scratch / "m", first)
        check_subset(Run(scratch / "m"), base)


def check_cut(pcap, base, scratch):
    size = pcap.stat().st_size
    for part in (30, 1000, size // 3, size // 2, size - 1):
        mutate("cut", pcap, scratch / "m", part)
        check_subset(Run(scratch / "m", codes=(OK, CUT)), base)
    mutate("cut", pcap, scratch / "m", size - 1)
    run("report", "--json", str(scratch / "m"), codes=(CUT,))


def check_snapped(pcap, base, scratch):
    for length in (54, 68, 96, 200, 400):
        mutate("snap", pcap, scratch / "m", length)
        check_subset(Run(scratch / "m"), base)


def check_corrupt(pcap, _base, scratch):
    for seed in range(1, 9):
        mutate("corrupt", pcap, scratch / "m", 20, seed)
        Run(scratch / "m", codes=(OK, CUT))


CHECKS = {
    "rotated": check_rotated,
    "segment-1": same("segment", 1),
    "segment-7": same("segment", 7),
    **{f"reorder-{seed}": same("reorder", 20, seed) for seed in SEEDS},
    **{f"duplicate-{seed}": same("duplicate", 5, seed) for seed in SEEDS},
    **{f"reorder-duplicate-{seed}": shuffled_copies(seed) for seed in SEEDS},
    **{f"drop-{seed}": fewer("drop", 2, seed) for seed in SEEDS},
    **{f"drop-many-{seed}": fewer("drop", 25, seed) for seed in SEEDS},
    "one-way-requests": oneway(0),
    "one-way-responses": oneway(1),
    **{f"drop-segments-{seed}": fewer("drop", 10, seed) for seed in SEEDS},
    **{f"drop-pieces-{seed}": fewer_pieces(seed) for seed in SEEDS},
    "start-at": at_each_place("start"),
    "end-at": at_each_place("stop"),
    "without": at_each_place("without"),
    "midstream": check_started,
    "cut": check_cut,
    "snap-length": check_snapped,
    "corrupt": check_corrupt,
}


def check_capture(pcap):
    """How many checks passed, and a sentence for each that did not."""
    base = Run(pcap)
    passed, wrong = 0, []
    for name, check in CHECKS.items():
        if not name.startswith(ONLY):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                check(pcap, base, pathlib.Path(scratch))
                passed += 1
            except Failure as failure:
                wrong.append(f"{pcap.stem} {name}: {failure}")
    return passed, wrong


def main():
    pcaps = [pathlib.Path(p) for p in sys.argv[1:]] or sorted((ROOT / "pcaps").glob("*.pcap"))
    passed = failed = 0
    with multiprocessing.Pool() as pool:
        for ok, wrong in pool.imap(check_capture, pcaps):
            passed += ok
            failed += len(wrong)
            for sentence in wrong:
                print(f"FAIL {sentence}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
