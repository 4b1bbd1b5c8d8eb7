# SPDX-License-Identifier: BSD-3-Clause
"""Does --memory-limit hold? The peak of whole processes, on captures that would take more: open
connections of several kinds, and what else fills tables and buffers. The report is the same with
any number of threads, and something is said to be dropped early where much more was needed."""

import os
import subprocess

import corpora

# And the most that it takes without a limit is well above the smallest limit.
CAPTURES = ("connections", "tuples", "idle", "halves", "ids", "flood")
LIMITS = (32, 64, 128)
QUICK_LIMITS = (32,)
THREADS = (1, 2, 3, 6)
SHAPE_MB = 100
QUICK_OPEN = 15000


def report(args, path, limit, threads):
    """Peak, what it said, the report."""
    output = path.removesuffix(".pcap") + ".report.json"
    command = [corpora.tool(args.build, "bench_run"), output, args.program, "report", "--json",
               "--threads", str(threads), path]
    command += ["--memory-limit", f"{limit}M"] if limit else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    with open(output, "rb") as f:
        text = f.read()
    os.remove(output)
    return int(done.stdout.split()[2]), done.stderr, text


def check_limit(args, path, limit, free):
    """A row, and what is wrong."""
    peaks, said, reports = zip(*(report(args, path, limit, n) for n in THREADS))
    wrong = []
    if max(peaks) > limit << 20:
        wrong.append("more than the limit")
    if len(set(reports)) > 1 or len(set(said)) > 1:
        wrong.append("not the same with any number of threads")
    if free > 2 * limit << 20 and "dropped early" not in said[0]:
        wrong.append("nothing is said to be dropped")
    return [str(limit)] + [f"{peak / (1 << 20):.1f}" for peak in peaks], wrong


def main(args):
    rows, failed = [], 0
    for name in CAPTURES:
        many = (QUICK_OPEN if args.quick else args.connections) if name == "connections" else None
        path, _ = corpora.generate(args.build, args.dir, name,
                                   corpora.size_of(many) if many else SHAPE_MB, many)
        free = report(args, path, None, THREADS[-1])[0]
        for limit in QUICK_LIMITS if args.quick else LIMITS:
            row, wrong = check_limit(args, path, limit, free)
            failed += bool(wrong)
            rows.append([name, f"{free / (1 << 20):.1f}"] + row + [", ".join(wrong) or "held"])
    head = ["capture", "without"] + ["limit"] + [f"{n} threads" for n in THREADS] + [""]
    print("Peak MiB with --memory-limit\n" + corpora.table(head, rows))
    return 1 if failed else 0
