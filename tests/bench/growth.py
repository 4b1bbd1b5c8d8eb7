# SPDX-License-Identifier: BSD-3-Clause
"""Does the time grow with the bytes and packets alone? By processor time, which other programs on
the machine disturb less; the least of the runs."""

import datetime
import json
import os
import shutil
import subprocess

import check
import corpora

SIZES = (10, 100, 1000, 10000)  # megabytes of `small`
FEW = 1000  # connections open at a time in `waves`
OPEN = (10000, 100000, 1000000)
MOST_FOR_MANY = 1.5  # the time for a packet at the largest of OPEN, in times of that at FEW
SHAPES = ("bytes", "headers", "sse-comments", "sse-lines", "sse-events", "sse-objects",
          "sse-texts", "lines", "messages", "nesting", "chunks", "frames", "ids", "holes", "tuples",
          "bomb")
SHAPE_SIZES = (20, 80)
MOST_FOR_SHAPE = 10  # the time for a byte of a shape, in times of that of `small`
FILE_MB = 8000  # what is larger comes through a pipe
SLACK = 3  # as many times its size must be free for a file


def from_file(args, stem, gen):
    """Runs on a file, which is removed; truth, best run, report."""
    capture, truth, output = stem + ".pcap", stem + ".truth.json", stem + ".report.json"
    subprocess.run([corpora.tool(args.build, "bench_gen"), *gen[:2], capture, truth, *gen[2:]],
                   check=True)
    command = [args.program, "report", "--json", "--quiet", capture]
    command += corpora.threads_option(args.program, 1)
    with corpora.cached(capture):
        best = min((corpora.must_run(args.build, command, output) for _ in range(args.runs)),
                   key=lambda r: r.cpu)
    os.remove(capture)
    return truth, best, output


def from_pipe(args, stem, gen):
    """Once, as the generator makes it."""
    truth, output = stem + ".truth.json", stem + ".report.json"
    command = [args.program, "report", "--json", "--quiet", "-"]
    command += corpora.threads_option(args.program, 1)
    with subprocess.Popen([corpora.tool(args.build, "bench_gen"), *gen[:2], "/dev/stdout", truth,
                           *gen[2:]], stdout=subprocess.PIPE) as generator:
        best = corpora.must_run(args.build, command, output, stdin=generator.stdout)
    return truth, best, output


def measure(args, corpus, size, connections=None):
    """What a report on such a capture takes, for a byte and for a packet."""
    stem = os.path.join(args.dir, f"growth-{corpus}-{size}-{connections or ''}")
    gen = [corpus, str(size)] + ([str(connections)] if connections else [])
    os.makedirs(args.dir, exist_ok=True)
    room = shutil.disk_usage(args.dir).free > SLACK * size * 1e6
    piped = size > FILE_MB or not room
    truth, best, output = (from_pipe if piped else from_file)(args, stem, gen)
    with open(truth, encoding="utf-8") as f:
        facts = json.load(f)
    with open(output, encoding="utf-8") as f:
        errors = check.differences(json.load(f), facts)
    for path in (truth, output):
        os.remove(path)
    for error in errors[:10]:
        print(f"{corpus} {size}: {error}")
    mb = facts["file_bytes"] / 1e6
    return {"mb": mb, "packets": facts["packets"], "cpu": best.cpu, "peak": best.peak,
            "byte": best.cpu / mb * 1e3, "packet": best.cpu / facts["packets"] * 1e9,
            "open": facts["connections"]["open"], "piped": piped, "wrong": bool(errors)}


def common(r):
    return [f"{r['mb']:.0f}" + (" (pipe)" if r["piped"] else ""), str(r["packets"]),
            f"{r['cpu']:.3f}", f"{r['byte']:.2f}", f"{r['packet']:.0f}"]


def end(r):
    return [f"{r['peak'] / 1e6:.1f}", "WRONG" if r["wrong"] else "right"]


COMMON = ["MB", "packets", "CPU s", "ns/byte", "ns/packet"]
END = ["peak MB", "report"]


def sizes(args):
    results = [measure(args, "small", size) for size in SIZES if size <= args.growth_most]
    rows = [common(r) + [f"{r['byte'] / results[0]['byte']:.2f}"] + end(r) for r in results]
    return "Bytes, `small`", COMMON + ["times the first"] + END, rows, results


def many(args):
    few = measure(args, "waves", min(500, args.growth_most), FEW)
    results, names = [few], [f"{FEW}, `waves`"]
    for connections in OPEN:
        if connections <= args.connections:
            results.append(measure(args, "connections", corpora.size_of(connections), connections))
            names.append(str(connections))
    for r in results:
        r["times"] = r["packet"] / few["packet"]
    results[-1]["bad"] = results[-1]["times"] > MOST_FOR_MANY
    rows = [[name] + common(r) + [f"{r['times']:.2f}",
                                  f"{r['peak'] / r['open']:.0f}" if r["open"] else ""] + end(r)
            for name, r in zip(names, results)]
    return ("Open connections", ["open"] + COMMON + ["times the first by packet", "B/open conn."]
            + END, rows, results)


def shapes(args):
    normal = measure(args, "small", SHAPE_SIZES[1])
    rows = [["`small`"] + common(normal) + ["1.00", "1.00", ""] + end(normal)]
    results = [normal]
    for shape in SHAPES:
        quarter, r = (measure(args, shape, size) for size in SHAPE_SIZES)
        r["wrong"] |= quarter["wrong"]
        times = r["byte"] / normal["byte"]
        r["bad"] = times > MOST_FOR_SHAPE
        results.append(r)
        rows.append([f"`{shape}`"] + common(r)
                    + [f"{times:.2f}" + (" !" if r["bad"] else ""),
                       f"{r['packet'] / normal['packet']:.2f}",
                       f"{r['byte'] / quarter['byte']:.2f}"] + end(r))
    return ("Shapes", ["shape"] + COMMON + ["times `small` by byte", "by packet",
                                            "times a quarter of it"] + END, rows, results)


def main(args):
    parts, failed = [], 0
    for part in (sizes, many, shapes):
        title, head, rows, results = part(args)
        parts.append((title, head, rows))
        failed += sum(r["wrong"] or r.get("bad", False) for r in results)
        print(f"{title}\n{corpora.table(head, rows)}\n")
    if args.write:
        with open(os.path.join(corpora.HERE, "GROWTH.md"), "w", encoding="utf-8") as f:
            f.write(f"# Growth\n\nWritten by `./dev bench --growth --write`; what it means: "
                    f"[README](README.md#growth).\n\n- {datetime.date.today()}\n"
                    f"- {corpora.first_line([args.program, '--version'])}, commit "
                    f"{corpora.commit()}\n- {corpora.machine()}\n")
            for title, head, rows in parts:
                f.write(f"\n## {title}\n\n{corpora.markdown(head, rows)}\n")
    print(f"{failed} of these are wrong or take longer than they may" if failed else "all in order")
    return 1 if failed else 0
