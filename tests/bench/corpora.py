# SPDX-License-Identifier: BSD-3-Clause
"""What all benchmarks share: the captures, and how a program is run and measured."""

import collections
import contextlib
import ctypes
import json
import mmap
import os
import platform
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

SIZES = {"small": 500, "large": 500, "sse": 200, "connections": 1000, "other": 200,
         "offload": 200, "impaired": 200}  # megabytes
OPEN = 200000  # connections of the corpus that has many

Run = collections.namedtuple("Run", "wall cpu peak")  # seconds, seconds, bytes


def size_of(connections):
    """Megabytes of that many with a handshake, a session and a call each."""
    return connections * 53 // 10000 + 1


def tool(build, name):
    return os.path.join(build, "bench", name)


def generate(build, directory, corpus, size, connections=None):
    """Path of the capture, and its truth; made anew unless the generator is older than they are."""
    gen = tool(build, "bench_gen")
    stem = os.path.join(directory, f"{corpus}-{size}" + (f"-{connections}" if connections else ""))
    capture, truth = stem + ".pcap", stem + ".truth.json"
    if not os.path.exists(truth) or os.path.getmtime(truth) < os.path.getmtime(gen):
        os.makedirs(directory, exist_ok=True)
        subprocess.run([gen, corpus, str(size), capture, truth + ".new"]
                       + ([str(connections)] if connections else []), check=True)
        os.replace(truth + ".new", truth)
    with open(truth, encoding="utf-8") as f:
        return capture, json.load(f)


def lock(path):
    """The map that holds the file's pages in memory, as (address, bytes). None: not permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    size = os.path.getsize(path)
    if size > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4:
        return None
    with open(path, "rb") as f:
        at = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, f.fileno(), 0)
    if at == ctypes.c_void_p(-1).value:
        return None
    held = at, size
    if libc.mlock(*held) == 0:
        return held
    unlock(held)
    return None


def unlock(held):
    libc = ctypes.CDLL(None)
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.munmap(*held)


@contextlib.contextmanager
def cached(path):
    """The file is in the page cache, and stays there while this lasts: some systems drop what is
    only read, and what is loaded anew is slow the first time. Without permission to lock that much
    memory it is only read."""
    held = lock(path)
    if not held:
        print(f"bench: {path} is not locked in memory: look at the spread", file=sys.stderr)
        with open(path, "rb") as f:
            while f.read(1 << 20):
                pass
    try:
        yield
    finally:
        if held:
            unlock(held)


def run(build, command, output=os.devnull, **options):
    """A whole process, its output into a file. None: it failed."""
    done = subprocess.run([tool(build, "bench_run"), output] + command, stdout=subprocess.PIPE,
                          text=True, check=False, **options)
    if done.returncode != 0:
        return None
    wall, cpu, peak = done.stdout.split()
    return Run(float(wall), float(cpu), int(peak))


def must_run(build, command, output=os.devnull, **options):
    result = run(build, command, output, **options)
    if result is None:
        sys.exit(f"bench: {' '.join(command)} failed")
    return result


def has_threads(program):
    """Whether the program has the option --threads."""
    text = subprocess.run([program, "report", "--help"], capture_output=True, text=True, check=False)
    return "--threads" in text.stdout


def threads_option(program, threads):
    return ["--threads", str(threads)] if has_threads(program) else []


def table(head, body):
    width = [max(len(line[i]) for line in [head] + body) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(line, width))).rstrip()
                     for line in [head] + body)


def markdown(head, body):
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule] + body)


def machine():
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            model = re.search(r"model name\s*: (.*)", f.read()).group(1)
    except (OSError, AttributeError):
        pass
    return f"{model}, {os.cpu_count()} logical processors, Linux {platform.release()}"


def first_line(command):
    """What a program says first; "unknown" if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    except OSError:
        return "unknown"
    return (done.stdout.split("\n")[0] if done.returncode == 0 else "") or "unknown"


def commit():
    """What is checked out: its abbreviated name, and whether anything in it is changed, but for
    the results that are about to be written."""
    name = first_line(["git", "rev-parse", "--short=12", "HEAD"])
    changed = first_line(["git", "status", "--porcelain", "--untracked-files=no", "../..",
                          ":!RESULTS.md", ":!GROWTH.md"])
    return name if changed == "unknown" else name + ", with changes"
