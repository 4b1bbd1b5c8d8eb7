# SPDX-License-Identifier: BSD-3-Clause
"""Other programs on the same capture, where they are installed: once each, and on no more of it
than takes them a stated time."""

import os
import shutil
import struct
import tempfile

import corpora

# What comes nearest to pairing requests with answers in each.
COMMANDS = {
    "tshark": ["tshark", "-n", "-Y", "http.time", "-T", "fields", "-e", "http.time", "-r"],
    "tcptrace": ["tcptrace", "-n", "-xHTTP3000"],
    "tcpflow": ["tcpflow", "-q", "-C", "-r"],
}
TRIAL_BYTES = 10000000


def installed():
    return [name for name in COMMANDS if shutil.which(COMMANDS[name][0])]


def cut(path, most_bytes, target):
    """Copies the first packets of a capture; returns the bytes of the copy."""
    with open(path, "rb") as capture, open(target, "wb") as out:
        out.write(capture.read(24))
        while out.tell() < most_bytes:
            head = capture.read(16)
            if len(head) < 16:
                break
            out.write(head + capture.read(struct.unpack("<I", head[8:12])[0]))
        return out.tell()


def measure(build, name, path, most_seconds):
    """Bytes that it was given and its run, which is None if it failed or took four times the stated
    time."""
    # It leaves files where it runs.
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as directory:
        part = os.path.join(directory, "part.pcap")
        command = ["timeout", str(4 * most_seconds)] + COMMANDS[name]

        def on(capture):
            with open(os.devnull, "w", encoding="utf-8") as null:
                return corpora.run(build, command + [capture], cwd=directory, stderr=null)

        whole = os.path.getsize(path)
        size = cut(path, TRIAL_BYTES, part)
        result = on(part)
        if result is None or size >= whole:
            return size, result
        affordable = int(size * most_seconds / max(result.wall, 0.01))
        if affordable >= whole:
            return whole, on(os.path.abspath(path))
        if affordable > size:
            size = cut(path, affordable, part)
            result = on(part)
        return size, result
