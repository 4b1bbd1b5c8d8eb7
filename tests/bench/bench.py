#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark: whole processes, in turn with an empty libpcap loop over the same file.

Every run's report is checked against the truth about the capture, so that nothing is fast by
being wrong. See README.md.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check
import corpora
import growth
import inputs
import instructions
import limits
import others
import profiles
import steps

THREADS = (1, 2)
# The most that a report may take, as a multiple of the loop, with one thread and with two.
MARKS = {"small": (3.0, 1.7), "large": (2.2, 1.3), "sse": (2.6, 1.5), "connections": (4.0, 2.5),
         "other": (1.5, 1.0), "offload": (3.5, 2.0)}
QUICK = {"size": 20, "connections": 5000, "runs": 1, "others": 0, "growth_most": 100}


def parse():
    p = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n")[0])
    p.add_argument("--build", default="build", help="build directory (default: build)")
    p.add_argument("--dir", help="where the captures are kept (default: BUILD/bench)")
    p.add_argument("--corpus", default=",".join(corpora.SIZES),
                   help="comma-separated; default: all")
    p.add_argument("--size", type=int, help="megabytes of each capture (default: 200 to 1000)")
    p.add_argument("--connections", type=int,
                   help=f"open ones of the corpus `connections` (default: {corpora.OPEN}); with "
                   f"--growth the most (default: {growth.OPEN[-1]})")
    p.add_argument("--runs", type=int, help="pairs of runs (default: 7); with --growth runs "
                   "(default: 3)")
    p.add_argument("--program", help="another mcpmeter than BUILD/mcpmeter")
    p.add_argument("--others", type=int, default=30, metavar="SECONDS",
                   help="for each of the other programs and corpora (default: 30; 0: none)")
    p.add_argument("--mark", type=float, nargs="?", const=0, metavar="RATIO",
                   help="fail when a report takes more than RATIO times the empty loop; without "
                   "RATIO: than that corpus may")
    p.add_argument("--quick", action="store_true",
                   help="small captures, one run: is all in order? The figures mean nothing")
    p.add_argument("--write", action="store_true", help="write tests/bench/RESULTS.md")
    p.add_argument("--growth", action="store_true",
                   help="does the time grow with bytes and packets alone? With --write: "
                   "tests/bench/GROWTH.md")
    p.add_argument("--limits", action="store_true", help="does --memory-limit hold?")
    p.add_argument("--inputs", action="store_true",
                   help="is a capture as fast from a pipe, compressed or as pcapng? With --write "
                   "as Markdown")
    p.add_argument("--steps", action="store_true",
                   help="what each step takes where nobody disturbs it, by one thread; with "
                   "--write as Markdown")
    p.add_argument("--instructions", action="store_true",
                   help="count instructions and compare them with tests/bench/INSTRUCTIONS.json; "
                   "with --write: record them there")
    p.add_argument("--profile", action="store_true",
                   help="where the instructions go; with --write as Markdown")
    args = p.parse_args()
    args.corpus = args.corpus.split(",")
    args.connections = args.connections or (growth.OPEN[-1] if args.growth else corpora.OPEN)
    args.runs = args.runs or (3 if args.growth else 7)
    args.growth_most = growth.SIZES[-1]
    for name in args.corpus:
        if name not in corpora.SIZES:
            p.error(f"no corpus {name}; there are: {' '.join(corpora.SIZES)}")
    if args.quick and args.write:
        p.error("the figures of --quick are not worth writing")
    if args.quick:
        vars(args).update(QUICK)
    args.dir = args.dir or os.path.join(args.build, "bench")
    args.program = args.program or os.path.join(args.build, "mcpmeter")
    return args


def wrong_exchanges(args, path, truth, options):
    """Where packets are missing, every exchange of the log is looked at."""
    with subprocess.Popen([args.program, "replay", "--json", "--quiet", path] + options,
                          stdout=subprocess.PIPE, text=True, encoding="utf-8") as log:
        return check.exchanges(log.stdout, truth)


def pairs(args, path, truth, threads):
    """The loop and the report in turn, and what is wrong with the reports."""
    loop = [corpora.tool(args.build, "bench_loop"), path]
    ours = [args.program, "report", "--json", "--quiet", path]
    ours += corpora.threads_option(args.program, threads)
    output = path.removesuffix(".pcap") + f".report-{threads}.json"
    floors, times, errors = [], [], []
    for _ in range(args.runs):
        floors.append(corpora.must_run(args.build, loop))
        times.append(corpora.must_run(args.build, ours, output))
        with open(output, encoding="utf-8") as f:
            errors = check.differences(json.load(f), truth)
        if errors:
            break
    return floors, times, errors, output


def same(one, two):
    with open(one, "rb") as a, open(two, "rb") as b:
        return a.read() == b.read()


def measure(args, corpus):
    """A result for each number of threads, and one for each of the other programs."""
    many = args.connections if corpus == "connections" else None
    path, truth = corpora.generate(args.build, args.dir, corpus,
                                   args.size or corpora.SIZES[corpus], many)
    with corpora.cached(path):
        corpora.must_run(args.build, [corpora.tool(args.build, "bench_loop"), path])  # warms up
        return measure_cached(args, corpus, path, truth)


def measure_cached(args, corpus, path, truth):
    results, outputs = [], []
    for at, threads in enumerate(THREADS):
        result = {"corpus": corpus, "threads": threads, "truth": truth, "errors": [],
                  "mark": MARKS[corpus][at] if corpus in MARKS else None}
        results.append(result)
        if threads > 1 and not corpora.has_threads(args.program):
            continue
        floors, times, result["errors"], output = pairs(args, path, truth, threads)
        outputs.append(output)
        if not result["errors"] and not same(output, outputs[0]):
            result["errors"].append("the report is not that of one thread")
        if "each" in truth:
            errors, *result["found"] = wrong_exchanges(
                args, path, truth, corpora.threads_option(args.program, threads))
            result["errors"] += errors
        result.update(figures(floors, times))
        result["cpu_of_one"] = result["cpu"] / results[0]["cpu"]
    loop = results[0]["floor"]
    rivals = [rival(args, name, corpus, path, loop) for name in others.COMMANDS if args.others]
    return results, rivals


def figures(floors, times):
    median = statistics.median
    ratios = [t.wall / f.wall for t, f in zip(times, floors)]
    return {
        "floor": median(f.wall for f in floors),
        "wall": median(t.wall for t in times),
        "cpu": median(t.cpu for t in times),
        "peak": max(t.peak for t in times),
        "ratio": median(ratios),
        "spread": (min(ratios), max(ratios)),
        "least": min(t.wall for t in times) / min(f.wall for f in floors),
        "cpu_ratio": median(t.cpu / f.cpu for t, f in zip(times, floors)),
    }


def rival(args, name, corpus, path, loop_seconds):
    """A row about another program."""
    if name not in others.installed():
        return [corpus, name, "not installed"] + [""] * 5
    size, result = others.measure(args.build, name, path, args.others)
    whole = os.path.getsize(path)
    part = "all" if size == whole else f"first {size / 1e6:.0f} MB"
    if result is None:
        return [corpus, name, part, "failed", "", "", "", ""]
    ratio = result.wall / size / (loop_seconds / whole)
    return [corpus, name, part, f"{result.wall:.2f}", f"{size / 1e6 / result.wall:.1f}",
            f"{ratio:.0f}", f"{result.cpu:.2f}", f"{result.peak / 1e6:.0f}"]


RIVAL_HEAD = ["corpus", "program", "of the capture", "s", "MB/s", "ratio", "CPU s", "peak MB"]
HEAD = ["corpus", "threads", "MB", "packets", "loop s", "loop MB/s", "mcpmeter s", "ratio",
        "min..max", "of least", "at most", "MB/s", "packets/s", "CPU s", "CPU ratio",
        "CPU of one thread", "peak MB", "B/open conn.", "report"]


def verdict(r):
    if r["errors"]:
        return "WRONG"
    return f"{r['found'][0]:.2f} % found, none wrong" if "found" in r else "exact"


def row(r):
    truth = r["truth"]
    mb, packets = truth["file_bytes"] / 1e6, truth["packets"]
    start = [r["corpus"], str(r["threads"]), f"{mb:.0f}", str(packets)]
    mark = f"{r['mark']:.1f}" if r["mark"] else ""
    if "wall" not in r:
        return start + ["n/a"] * 6 + [mark] + ["n/a"] * 8
    alive = truth["connections"]["open"]
    return start + [
        f"{r['floor']:.3f}", f"{mb / r['floor']:.0f}", f"{r['wall']:.3f}", f"{r['ratio']:.2f}",
        f"{r['spread'][0]:.2f}..{r['spread'][1]:.2f}", f"{r['least']:.2f}", mark,
        f"{mb / r['wall']:.0f}",
        f"{packets / r['wall'] / 1e6:.2f} M", f"{r['cpu']:.3f}", f"{r['cpu_ratio']:.2f}",
        f"{r['cpu_of_one']:.2f}", f"{r['peak'] / 1e6:.1f}", f"{r['peak'] / alive:.0f}" if alive else "", verdict(r)]


def write_results(args, results, rivals):
    version = corpora.first_line([args.program, "--version"])
    options = f" --size {args.size}" if args.size else ""
    if args.connections != corpora.OPEN:
        options += f" --connections {args.connections}"
    with open(os.path.join(corpora.HERE, "RESULTS.md"), "w", encoding="utf-8") as f:
        f.write(f"""# Benchmark results

Written by `./dev bench --write{options} --runs {args.runs}`; how it is measured: [README](README.md).

- {datetime.date.today()}
- {version}, commit {corpora.commit()}
- {corpora.machine()}

{corpora.markdown(HEAD, [row(r) for r in results])}
""")
        if rivals:
            f.write(f"\nOther programs, once each, on as much as they read in {args.others} s or so; "
                    f"`ratio` is by byte:\n\n{corpora.markdown(RIVAL_HEAD, rivals)}\n")


def complain(args, result):
    """Says what is wrong with a result; true if anything is."""
    name = f"{result['corpus']}, threads: {result['threads']}"
    if result["errors"]:
        print(f"{name}: the report is wrong", file=sys.stderr)
        for line in result["errors"][:20]:
            print(f"  {line}", file=sys.stderr)
        return True
    mark = args.mark or result["mark"]
    if args.mark is None or mark is None or result.get("ratio", 0) <= mark:
        return False
    print(f"{name}: {result['ratio']:.2f} is above the mark of {mark}")
    return True


def main():
    args = parse()
    if args.instructions:
        return instructions.main(args)
    if args.profile:
        return profiles.main(args)
    if args.growth:
        return growth.main(args)
    if args.limits:
        return limits.main(args)
    if args.inputs:
        return inputs.main(args)
    if args.steps:
        return steps.main(args)
    results, rivals = [], []
    for corpus in args.corpus:
        if sys.stderr.isatty():
            print(f"bench: {corpus}", file=sys.stderr)
        of_corpus, of_others = measure(args, corpus)
        results += of_corpus
        rivals += of_others
    print(corpora.table(HEAD, [row(r) for r in results]))
    if rivals:
        print("\n" + corpora.table(RIVAL_HEAD, rivals))
    failed = any([complain(args, r) for r in results])
    if args.write and not failed:
        write_results(args, results, rivals)
    if args.quick:
        failed |= limits.main(args) != 0
        failed |= inputs.main(args) != 0
        failed |= steps.main(args) != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
