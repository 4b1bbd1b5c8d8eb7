#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whatever the number of threads, the output is the same to the last byte.

Over all sample captures, spoiled copies of them, and all of them merged, some twice, so that many
connections are open at once: from files, from a pipe and compressed; and where so many messages
come out of a few packets that some are dropped (LIMIT_LANE_BYTES).

usage: check.py; MCPMETER and MUTATE name the programs, THREADS_SEEDS says how many copies of each
capture are spoiled (default 2).
"""

import gzip
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "random"))
import wire  # noqa: E402
PROGRAM = os.environ.get("MCPMETER", str(ROOT / "build" / "mcpmeter"))
MUTATE = os.environ.get("MUTATE", str(ROOT / "build" / "tests" / "mutate" / "mutate"))
SEEDS = range(1, 1 + int(os.environ.get("THREADS_SEEDS", "2")))
COUNTS = ("2", "3", "6")
COMMANDS = (
    ("report", "--json", "--connections"),
    ("replay", "--json", "--messages", "--connections"),
)
SPOILS = (("reorder", "20"), ("drop", "5"), ("corrupt", "5"), ("segment", "7"), ("snap", "200"))
BY_CHANCE = ("reorder", "drop", "corrupt")


def output(command, threads, paths, piped):
    arguments = [PROGRAM, *command, "--threads", threads, *(["-"] if piped else map(str, paths))]
    stdin = open(paths[0], "rb") if piped else subprocess.DEVNULL
    done = subprocess.run(arguments, capture_output=True, stdin=stdin, timeout=300, check=False)
    if piped:
        stdin.close()
    return done.returncode, done.stdout, done.stderr


def check(case):
    """Returns a list of (name, complaint or None)."""
    name, paths, piped = case
    results = []
    for command in COMMANDS:
        expected = output(command, "1", paths, piped)
        for threads in COUNTS:
            got = output(command, threads, paths, piped)
            complaint = None
            if got != expected:
                complaint = f"exit {got[0]}, with one thread {expected[0]}; " + \
                    first_difference(expected, got)
            results.append((f"{name}: {command[0]}, {threads} threads", complaint))
    return results


def first_difference(expected, got):
    for one, other in zip(expected[1].split(b"\n"), got[1].split(b"\n")):
        if one != other:
            return f"expected {one[:300]!r}, got {other[:300]!r}"
    return f"lengths {len(expected[1])} and {len(got[1])}, said {got[2][-600:]!r}"


def spoiled(capture, directory):
    for operation, amount in SPOILS:
        for seed in SEEDS if operation in BY_CHANCE else [0]:
            target = directory / f"{capture.stem}.{operation}.{seed}.pcap"
            subprocess.run([MUTATE, operation, str(capture), str(target), amount, str(seed)],
                           capture_output=True, check=True)
            yield f"{capture.name} {operation} {amount}, seed {seed}", [target], False


def flood(path):
    """Answers that are small when compressed, event streams of very many messages: at least three
    for one of the four shards, whichever they are."""
    capture = wire.Capture()
    event = b'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n'
    body = gzip.compress(event * 40000)
    request = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}'
    for port in range(40001, 40010):
        connection = wire.Connection(capture, port, 3000, 1460)
        connection.send(wire.CLIENT, b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
                        b"Accept: application/json, text/event-stream\r\n\r\n%s"
                        % (len(request), request))
        connection.send(wire.SERVER, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
                        % (len(body), body))
        connection.close()
    capture.write(path)
    report = json.loads(output(COMMANDS[0], "1", [path], False)[1])
    if not report["capture"]["limits_hit"].get("batch_record_bytes"):
        raise SystemExit("the flood is no flood: nothing was dropped")


def cases(directory):
    flood(directory / "flood.pcap")
    yield "flood", [directory / "flood.pcap"], False
    captures = sorted(ROOT.glob("pcaps/*.pcap"))
    for capture in captures:
        yield capture.name, [capture], False
        yield f"{capture.name} piped", [capture], True
        yield from spoiled(capture, directory)
    packed = directory / "packed.pcap.gz"
    packed.write_bytes(gzip.compress(captures[0].read_bytes()))
    yield "compressed", [packed], False
    yield "all merged", captures, False
    yield "all merged, twice", captures * 2, False


def main():
    failed = total = 0
    with tempfile.TemporaryDirectory() as directory, multiprocessing.Pool() as pool:
        work = list(cases(pathlib.Path(directory)))
        for results in pool.imap_unordered(check, work):
            for name, complaint in results:
                total += 1
                if complaint:
                    failed += 1
                    print(f"{name}: {complaint}")
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed or not total else 0


if __name__ == "__main__":
    sys.exit(main())
