# SPDX-License-Identifier: BSD-3-Clause
"""Where the instructions of a report go: by room of the source, and the most expensive functions."""

import collections
import os
import re
import subprocess
import sys

import corpora
import instructions

ROOMS = ("capture", "dissect", "metrics", "cli", "base")
FUNCTIONS = 6
LINE = re.compile(r"^\s*([\d,]+) \(.*?\)\s+(\S+?):([^\s\[]+)")


def functions(path):
    """[(instructions, room, function)] of what callgrind wrote."""
    done = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", path],
                          capture_output=True, text=True, check=True)
    found = []
    for line in done.stdout.splitlines():
        match = LINE.match(line)
        if match:
            parts = match.group(2).split("/")
            room = next((p for p in reversed(parts[:-1]) if p in ROOMS), "libraries")
            found.append((int(match.group(1).replace(",", "")), room, match.group(3)))
    return found


def measure(args, corpus):
    size, alive = instructions.CORPORA[corpus]
    path, _ = corpora.generate(args.build, args.dir, corpus, size, alive)
    output = path.removesuffix(".pcap") + ".callgrind"
    done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}",
                           args.program, "report", "--json", "--quiet", path]
                          + corpora.threads_option(args.program, 1),
                          capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: callgrind failed on {path}")
    found = functions(output)
    os.remove(output)
    return found


def main(args):
    rows = []
    for corpus in args.corpus:
        rooms, names = collections.Counter(), collections.Counter()
        for count, room, name in measure(args, corpus):
            rooms[room] += count
            names[name] += count
        total = sum(rooms.values())
        most = ", ".join(f"{name} {100 * n / total:.0f} %" for name, n in names.most_common(FUNCTIONS))
        rows.append([corpus] + [f"{100 * rooms[room] / total:.0f} %"
                                for room in ROOMS + ("libraries",)] + [most])
    head = ["corpus"] + list(ROOMS) + ["libraries", "most of it"]
    print(corpora.markdown(head, rows) if args.write else corpora.table(head, rows))
    return 0
