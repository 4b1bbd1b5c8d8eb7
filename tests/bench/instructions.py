# SPDX-License-Identifier: BSD-3-Clause
"""Instructions that a report takes, counted by callgrind: repeatable on any machine that has the
same compiler and libraries, to a hundredth of a percent."""

import json
import os
import re
import subprocess
import sys

import check
import corpora

RECORD = os.path.join(corpora.HERE, "INSTRUCTIONS.json")
TOLERANCE = 0.05  # above what is recorded
# Megabytes, connections alive at a time: large enough that start and report count for little, small
# enough for every test run.
CORPORA = {"small": (15, 16), "large": (20, 2), "sse": (10, 8), "connections": (10, 2000),
           "other": (15, 16), "offload": (20, 8), "impaired": (15, 16)}


def vectors():
    """What the program chooses under valgrind, which knows nothing beyond AVX2."""
    if os.uname().machine != "x86_64":
        return os.uname().machine
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return "avx2" if re.search(r"^flags\s*:.* avx2 ", f.read(), re.M) else "sse2"


def environment():
    """What the counts depend on besides the sources."""
    return {"compiler": corpora.first_line([os.environ.get("CC", "cc"), "--version"]),
            "libc": os.confstr("CS_GNU_LIBC_VERSION"), "vectors": vectors()}


def count(args, corpus):
    size, alive = CORPORA[corpus]
    path, truth = corpora.generate(args.build, args.dir, corpus, size, alive)
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                           args.program, "report", "--json", "--quiet", path]
                          + corpora.threads_option(args.program, 1),
                          capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"bench: callgrind failed on {path}:\n{done.stderr}")
    errors = check.differences(json.loads(done.stdout), truth)
    if errors:
        sys.exit(f"bench: {corpus}: the report is wrong: {errors[:5]}")
    return {"bytes": truth["file_bytes"], "packets": truth["packets"],
            "instructions": int(found.group(1))}


def row(corpus, now, before):
    line = [corpus, str(now["bytes"]), str(now["packets"]), str(now["instructions"]),
            f"{now['instructions'] / now['bytes']:.2f}",
            f"{now['instructions'] / now['packets']:.0f}"]
    if before and before["bytes"] == now["bytes"]:
        line.append(f"{100 * (now['instructions'] / before['instructions'] - 1):+.2f} %")
    return line + [""] * (7 - len(line))


def compare(results, recorded):
    """Prints what takes more than recorded; returns how many do."""
    failed = 0
    for corpus, now in results.items():
        before = recorded["corpora"].get(corpus)
        if before is None or (before["bytes"], before["packets"]) != (now["bytes"], now["packets"]):
            print(f"{corpus}: is not the capture that was recorded")
        elif now["instructions"] > before["instructions"] * (1 + TOLERANCE):
            print(f"{corpus}: {now['instructions']} instructions, recorded are "
                  f"{before['instructions']}, and {100 * TOLERANCE:.0f} % more is allowed")
        else:
            continue
        failed += 1
    return failed


def main(args):
    here = environment()
    results = {corpus: count(args, corpus) for corpus in CORPORA}
    recorded = {"environment": None, "corpora": {}}
    if os.path.exists(RECORD):
        with open(RECORD, encoding="utf-8") as f:
            recorded = json.load(f)
    print(corpora.table(
        ["corpus", "bytes", "packets", "instructions", "a byte", "a packet", "recorded"],
        [row(corpus, now, recorded["corpora"].get(corpus)) for corpus, now in results.items()]))
    if args.write:
        with open(RECORD, "w", encoding="utf-8") as f:
            json.dump({"environment": here, "corpora": results}, f, indent=2)
            f.write("\n")
        return 0
    if recorded["environment"] != here:
        print(f"recorded with {recorded['environment']}\nhere is      {here}: not compared")
        print("0 passed, 0 failed")
        return 0
    failed = compare(results, recorded)
    print("`./dev bench --instructions --write` records what is meant to be.\n" if failed else "",
          end="")
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0
