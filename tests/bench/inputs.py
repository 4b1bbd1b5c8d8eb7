# SPDX-License-Identifier: BSD-3-Clause
"""Is a capture read as fast however it is handed in? By processor time of one thread, the least of
the runs, beside that of the empty libpcap loop over the file; without the time of who writes into
the pipe. The report must be right every time."""

import contextlib
import gzip
import json
import os
import shutil
import subprocess

import check
import corpora

CORPORA = ("small", "sse")
MOST = 1.3  # what is not compressed may take, in times of the pcap file


def packed(path, name, write):
    """A file made by write(its name), once for a capture. None: it cannot be made here."""
    target = f"{path}.{name}"
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(path):
        try:
            write(target + ".new")
        except FileNotFoundError:
            return None
        os.replace(target + ".new", target)
    return target


def write_gzip(path, target):
    with open(path, "rb") as source, gzip.open(target, "wb", compresslevel=1) as out:
        shutil.copyfileobj(source, out, 1 << 20)


def ways(path):
    """What is handed in, and how: a file by name, on standard input, or through a pipe."""
    ng = packed(path, "pcapng", lambda to: subprocess.run(
        ["editcap", "-F", "pcapng", path, to], check=True))
    zst = packed(path, "zst", lambda to: subprocess.run(
        ["zstd", "-q", "-1", "-f", path, "-o", to], check=True))
    gz = packed(path, "gz", lambda to: write_gzip(path, to))
    return (("pcap", path, "file"), ("pcap", path, "standard input"), ("pcap", path, "pipe"),
            ("pcapng", ng, "file"), ("pcapng", ng, "pipe"), ("pcap, zstd -1", zst, "file"),
            ("pcap, gzip -1", gz, "file"))


@contextlib.contextmanager
def standard_input(path, how):
    """What the program's standard input is."""
    if how == "pipe":
        with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
            yield cat.stdout
    elif how == "standard input":
        with open(path, "rb") as f:
            yield f
    else:
        yield subprocess.DEVNULL


def measure(args, path, how, truth):
    """The best run, and what is wrong with the report."""
    command = [args.program, "report", "--json", "--quiet", path if how == "file" else "-"]
    command += corpora.threads_option(args.program, 1)
    output = path + ".report.json"
    runs = []
    for _ in range(args.runs):
        with standard_input(path, how) as stdin:
            runs.append(corpora.must_run(args.build, command, output, stdin=stdin))
    with open(output, encoding="utf-8") as f:
        errors = check.differences(json.load(f), truth)
    os.remove(output)
    return min(runs, key=lambda r: r.cpu), errors


def rows_of(args, corpus):
    path, truth = corpora.generate(args.build, args.dir, corpus, args.size or corpora.SIZES[corpus])
    loop = [corpora.tool(args.build, "bench_loop"), path]
    floor = min(corpora.must_run(args.build, loop).cpu for _ in range(args.runs))
    plain, rows, failed = None, [], False
    for form, capture, how in ways(path):
        if capture is None:
            rows.append([corpus, form, how, "not made here"] + [""] * 3)
            continue
        best, errors = measure(args, capture, how, truth)
        plain = plain or best.cpu
        slow = "zstd" not in form and "gzip" not in form and best.cpu > MOST * plain
        failed |= bool(errors) or (slow and not args.quick)
        rows.append([corpus, form, how, f"{best.cpu:.3f}", f"{best.cpu / plain:.2f}",
                     f"{best.cpu / floor:.2f}",
                     "WRONG" if errors else "slow" if slow else "exact"])
    return rows, failed


HEAD = ["corpus", "form", "from", "CPU s", "of the file's", "of the loop's", "report"]


def main(args):
    results = [rows_of(args, corpus) for corpus in CORPORA if corpus in args.corpus]
    rows = [row for part, _ in results for row in part]
    print((corpora.markdown if args.write else corpora.table)(HEAD, rows))
    return 1 if any(failed for _, failed in results) else 0
