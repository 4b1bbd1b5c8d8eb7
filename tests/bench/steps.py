# SPDX-License-Identifier: BSD-3-Clause
"""What does a report take where nobody disturbs it? With one thread, the least of the runs is taken
for each step of each batch by itself, and the sum of them all; of the loop the same for each
thousand packets. The report must be right every time."""

import array
import json
import os

import check
import corpora

STEPS = ("fill", "work", "settle")


def pieces(path):
    """Nanoseconds of each piece, of one run."""
    result = array.array("I")
    with open(path, "rb") as f:
        result.frombytes(f.read())
    os.remove(path)
    return result


class Least:
    """Of several runs of one program."""

    def __init__(self):
        self.pieces, self.rest = None, None

    def add(self, wall, taken):
        rest = wall * 1e9 - sum(taken)
        if self.pieces is None:
            self.pieces, self.rest = taken, rest
            return
        self.pieces = array.array("I", map(min, self.pieces, taken))
        self.rest = min(self.rest, rest)

    def ms(self, first=0, every=1):
        return sum(self.pieces[first::every]) / 1e6

    def all_ms(self):
        return self.ms() + self.rest / 1e6


def measure(args, path, truth):
    """The loop, the program, and what is wrong with the reports."""
    steps, output = path + ".steps", path + ".report.json"
    os.environ["BENCH_STEPS"] = steps
    loop, ours = Least(), Least()
    errors = []
    for _ in range(args.runs):
        run = corpora.must_run(args.build, [corpora.tool(args.build, "bench_loop"), path, steps])
        loop.add(run.wall, pieces(steps))
        run = corpora.must_run(args.build, [corpora.tool(args.build, "bench_steps"), "report",
                                            "--json", "--quiet", path], output)
        ours.add(run.wall, pieces(steps))
        with open(output, encoding="utf-8") as f:
            errors = errors or check.differences(json.load(f), truth)
    os.remove(output)
    return loop, ours, errors


def row_of(args, corpus):
    many = args.connections if corpus == "connections" else None
    path, truth = corpora.generate(args.build, args.dir, corpus,
                                   args.size or corpora.SIZES[corpus], many)
    with corpora.cached(path):
        loop, ours, errors = measure(args, path, truth)
    each = [f"{ours.ms(i, len(STEPS)):.1f}" for i in range(len(STEPS))]
    return [corpus, f"{loop.all_ms():.1f}", *each, f"{ours.rest / 1e6:.1f}",
            f"{ours.all_ms():.1f}", f"{ours.all_ms() / loop.all_ms():.2f}",
            "WRONG" if errors else "exact"], bool(errors)


HEAD = ["corpus", "loop ms", *STEPS, "rest", "all ms", "ratio", "report"]


def main(args):
    results = [row_of(args, corpus) for corpus in args.corpus]
    rows = [row for row, _ in results]
    print((corpora.markdown if args.write else corpora.table)(HEAD, rows))
    return 1 if any(failed for _, failed in results) else 0
