#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark: whole processes, in turn with an empty libpcap loop over the same file.

Every run's report is checked against the truth about the capture, so that nothing is fast by
being wrong. See README.md.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check

SIZES = {"small": 500, "large": 500, "sse": 200, "connections": 1000, "other": 200,
         "offload": 200, "impaired": 200}
OPEN = 200000  # connections of the corpus that has many
MARKED = ("small", "large")  # the corpora that the mark is about


def parse():
    p = argparse.ArgumentParser(prog="bench.sh", description=__doc__.split("\n")[0])
    p.add_argument("--build", default="build", help="build directory (default: build)")
    p.add_argument("--dir", help="where the captures are kept (default: BUILD/bench)")
    p.add_argument("--corpus", default=",".join(SIZES), help="comma-separated; default: all")
    p.add_argument("--size", type=int, help="megabytes of each capture (default: 200 to 1000)")
    p.add_argument("--connections", type=int, default=OPEN,
                   help=f"open ones of the corpus `connections` (default: {OPEN})")
    p.add_argument("--runs", type=int, default=7, help="pairs of runs (default: 7)")
    p.add_argument("--program", help="another mcpmeter than BUILD/mcpmeter")
    p.add_argument("--mark", type=float, metavar="RATIO",
                   help="fail when small or large takes more than RATIO times the empty loop")
    p.add_argument("--write", action="store_true", help="write tests/bench/RESULTS.md")
    args = p.parse_args()
    args.corpus = args.corpus.split(",")
    for name in args.corpus:
        if name not in SIZES:
            p.error(f"no corpus {name}; there are: {' '.join(SIZES)}")
    args.dir = args.dir or os.path.join(args.build, "bench")
    args.program = args.program or os.path.join(args.build, "mcpmeter")
    return args


def generate(args, corpus):
    """The capture and its truth, made anew unless the generator is older than they are."""
    gen = os.path.join(args.build, "bench", "bench_gen")
    size = args.size or SIZES[corpus]
    stem = os.path.join(args.dir, f"{corpus}-{size}")
    command = [gen, corpus, str(size), stem + ".pcap", stem + ".truth.json"]
    if corpus == "connections":
        stem += f"-{args.connections}"
        command[3:] = [stem + ".pcap", stem + ".truth.json", str(args.connections)]
    truth = stem + ".truth.json"
    if not os.path.exists(truth) or os.path.getmtime(truth) < os.path.getmtime(gen):
        os.makedirs(args.dir, exist_ok=True)
        subprocess.run(command, check=True)
    with open(truth, encoding="utf-8") as f:
        return stem + ".pcap", json.load(f)


def run(command, output):
    """One whole process. Returns wall seconds, CPU seconds, peak resident bytes."""
    with open(output, "wb") as out:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} failed with {child.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def measure(args, corpus):
    path, truth = generate(args, corpus)
    loop = [os.path.join(args.build, "bench", "bench_loop"), path]
    ours = [args.program, "report", "--json", path]
    output = path.removesuffix(".pcap") + ".report.json"
    run(loop, os.devnull)  # into the page cache
    floors, times, errors = [], [], []
    for _ in range(args.runs):
        floors.append(run(loop, os.devnull))
        times.append(run(ours, output))
        with open(output, encoding="utf-8") as f:
            errors = check.differences(json.load(f), truth)
        if errors:
            break
    median = statistics.median
    wall = median(t[0] for t in times)
    return {
        "corpus": corpus,
        "mb": truth["file_bytes"] / 1e6,
        "packets": truth["packets"],
        "floor": median(t[0] for t in floors),
        "wall": wall,
        "ratio": median(t[0] / f[0] for t, f in zip(times, floors)),
        "spread": (min(t[0] / f[0] for t, f in zip(times, floors)),
                   max(t[0] / f[0] for t, f in zip(times, floors))),
        "cpu": median(t[1] for t in times),
        "cpu_ratio": median(t[1] / f[1] for t, f in zip(times, floors)),
        "rss": max(t[2] for t in times) / 1e6,
        "errors": errors,
    }


def rows(results):
    head = ["corpus", "MB", "packets", "loop s", "mcpmeter s", "ratio", "min..max", "MB/s",
            "packets/s", "CPU s", "CPU ratio", "peak MB", "report"]
    body = [[r["corpus"], f"{r['mb']:.0f}", f"{r['packets']}", f"{r['floor']:.3f}",
             f"{r['wall']:.3f}", f"{r['ratio']:.2f}",
             f"{r['spread'][0]:.2f}..{r['spread'][1]:.2f}", f"{r['mb'] / r['wall']:.0f}",
             f"{r['packets'] / r['wall'] / 1e6:.2f} M", f"{r['cpu']:.3f}", f"{r['cpu_ratio']:.2f}",
             f"{r['rss']:.0f}",
             "WRONG" if r["errors"] else "exact" if r["corpus"] != "impaired" else "as lossy"]
            for r in results]
    return head, body


def table(results, markdown=False):
    head, body = rows(results)
    width = [max(len(line[i]) for line in [head] + body) for i in range(len(head))]
    if markdown:
        lines = ["| " + " | ".join(line) + " |" for line in [head] + body]
        lines.insert(1, "|" + " --- |" * len(head))
        return "\n".join(lines)
    return "\n".join("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(line, width)))
                     for line in [head] + body)


def machine():
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            model = re.search(r"model name\s*: (.*)", f.read()).group(1)
    except (OSError, AttributeError):
        pass
    return f"{model}, {os.cpu_count()} logical processors, Linux {platform.release()}"


def write_results(args, results):
    version = subprocess.run([args.program, "--version"], capture_output=True, text=True,
                             check=False).stdout.split("\n")[0]
    options = f" --size {args.size}" if args.size else ""
    if args.connections != OPEN:
        options += f" --connections {args.connections}"
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "RESULTS.md")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"""# Benchmark results

Written by `./dev bench --write{options} --runs {args.runs}`; how it is measured: [README](README.md).

- {version}
- {machine()}

{table(results, markdown=True)}
""")


def main():
    args = parse()
    results, failed = [], False
    for corpus in args.corpus:
        result = measure(args, corpus)
        results.append(result)
        if sys.stderr.isatty():
            print(f"{corpus}: {result['ratio']:.2f} times the loop", file=sys.stderr)
        if result["errors"]:
            failed = True
            print(f"{corpus}: the report is wrong", file=sys.stderr)
            for line in result["errors"][:20]:
                print(f"  {line}", file=sys.stderr)
    print(table(results))
    for result in results:
        if args.mark and result["corpus"] in MARKED and result["ratio"] > args.mark:
            failed = True
            print(f"{result['corpus']}: {result['ratio']:.2f} is above the mark of {args.mark}")
    if args.write and not failed:
        write_results(args, results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
