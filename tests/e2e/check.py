#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""End to end: real MCP software, watched live and replayed, against what it logged itself.

usage: check.py DIRECTORY [SCENARIO...]

For every scenario of record.py: the events and the report of `live`, by one socket and by several,
and those of `replay` and `report` on tcpdump's capture of the same packets, are compared with the
applications' logs, and the memory of all must stay below the bound. To be run in in_netns.sh.
"""

import os
import pathlib
import subprocess
import sys

import record

ROOT = record.HERE.parent.parent
PROGRAM = os.environ.get("MCPMETER", str(ROOT / "build" / "mcpmeter"))
# Messages of 8 MB pass through; nothing may be kept of them. With the buffers of who watches live:
# of several sockets so much more.
PEAK_KIB = 32 * 1024


def most_of(command):
    """How much memory a command may take, in KiB."""
    watcher = record.WATCHERS.get(command, record.WATCHERS["live"])
    more = watcher["sockets"] * watcher["buffer_kib"] - record.WATCHERS["live"]["buffer_kib"]
    return PEAK_KIB + more


def peak_of(command, directory):
    """Runs a command; its peak resident memory in KiB, from a small parent process."""
    path = directory / "peak"
    subprocess.run(["/usr/bin/time", "-f", "%M", "-o", str(path), *command], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return int(path.read_text(encoding="ascii").split()[-1])


def check(scenario, directory):
    """Returns (passed, failed)."""
    truth, peaks = record.record(scenario, directory, PROGRAM)
    print(f"{scenario}: {truth['total_messages']} messages, {truth['capture']['captured']} packets, "
          f"peaks {peaks} KiB")
    for sentence in truth["one_side_only"]:
        print(f"     {sentence}")
    done = subprocess.run(
        [sys.executable, "-B", str(ROOT / "tests" / "truth_check.py"),
         *(f"--live={directory / scenario}.{name}.jsonl" for name in record.WATCHERS),
         str(directory / f"{scenario}.truth.json")],
        capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="")
    words = done.stdout.splitlines()[-1].split() if done.stdout else ["0", "", "1"]
    passed, failed = (int(words[0]), int(words[2])) if len(words) == 4 else (0, 1)
    pcap = str(directory / f"{scenario}.pcap")
    peaks["report"] = peak_of([PROGRAM, "report", "--json", pcap], directory)
    peaks["replay"] = peak_of([PROGRAM, "replay", "--json", "--messages", pcap], directory)
    for command, peak in peaks.items():
        most = most_of(command)
        if peak < most:
            passed += 1
        else:
            failed += 1
            print(f"FAIL {scenario} {command}: {peak} KiB of memory, at most {most}")
    if truth["capture"]["dropped_by_kernel"]:
        failed += 1
        print(f"FAIL {scenario}: the recording itself lost packets")
    return passed, failed


def main():
    directory = pathlib.Path(sys.argv[1]).resolve()
    passed = failed = 0
    for scenario in sys.argv[2:] or record.SCENARIOS:
        more_passed, more_failed = check(scenario, directory)
        passed += more_passed
        failed += more_failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
