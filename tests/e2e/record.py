#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Records one scenario: starts the MCP server and tcpdump, runs the client, writes the truth.

usage: record.py SCENARIO DIRECTORY [--live PROGRAM]

Leaves SCENARIO.pcap and SCENARIO.truth.json in DIRECTORY; with --live also SCENARIO.live.jsonl, the
output of `PROGRAM live -i lo --json --messages` that watched the same packets. Traffic is on the
loopback interface of the network namespace that the program runs in, see in_netns.sh.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import truth

HERE = pathlib.Path(__file__).resolve().parent
PORT = 3017
# The kernel maps it into the program, so it counts in the program's memory.
LIVE_BUFFER_KIB = 8192
EVERYTHING = "node_modules/@modelcontextprotocol/server-everything/dist/index.js"

# scenario: (what happens, transport, command of the server)
SCENARIOS = {
    "everything": (
        "official SDK client against server-everything, one session: tools, resources, prompts, "
        "completion, logging, roots, sampling, elicitation, progress, errors, a cancelled call",
        "streamable-http (event streams)", [EVERYTHING, "streamableHttp"]),
    "json-mode": (
        "answers as application/json on kept connections, then batches at revision 2025-03-26",
        "streamable-http (application/json)", ["server.mjs", str(PORT), "json"]),
    "many-clients": (
        "six clients at once, ten calls each, server waits of 0 to 29 ms, some failures",
        "streamable-http (event streams)", ["server.mjs", str(PORT)]),
    "stateless": (
        "two clients at once and no session id",
        "streamable-http (event streams, stateless)", ["server.mjs", str(PORT), "stateless"]),
    "resumed": (
        "the server ends the stream of a call, the answer comes on a stream resumed with "
        "Last-Event-ID",
        "streamable-http (event streams, resumed)", ["server.mjs", str(PORT), "events"]),
    "refused": (
        "HTTP 404 for an unknown session, connections refused, a tool that fails",
        "streamable-http (application/json)", ["server.mjs", str(PORT), "json"]),
    "big-result": (
        "two results of 8 MB in event streams",
        "streamable-http (event streams)", ["server.mjs", str(PORT)]),
    "big-arguments": (
        "three calls with arguments of 3 MB",
        "streamable-http (event streams)", ["server.mjs", str(PORT)]),
    "many-events": (
        "a thousand progress notifications in one event stream",
        "streamable-http (event streams)", ["server.mjs", str(PORT)]),
}


def wait_for_text(path, text, process, seconds=20):
    """Waits until a log holds a text; fails when its process ends or time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if text in path.read_text(errors="replace"):
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise SystemExit(f"record: no {text!r} in {path}:\n{path.read_text(errors='replace')}")


class Background:
    """A process with its output in a file, ended by a signal."""

    def __init__(self, command, log, out=None, **options):
        self.log = pathlib.Path(log)
        with open(self.log, "w", encoding="utf-8") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out or err,
                                            stderr=err, **options)

    def stop(self, number=signal.SIGINT, seconds=20):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise SystemExit(f"record: {self.process.args[0]} did not end") from None


def peak_kib(pid):
    """Peak resident memory of a process that lives, from the kernel."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s*(\d+) kB", text).group(1))


def start_live(program, scenario, directory):
    with open(directory / f"{scenario}.live.jsonl", "w", encoding="utf-8") as out:
        live = Background([program, "live", "-i", "lo", "--json", "--messages",
                           "--buffer-size", str(LIVE_BUFFER_KIB)],
                          directory / f"{scenario}.live.log", out=out)
    wait_for_text(live.log, "listening on", live.process)
    return live


def versions():
    def of(name):
        path = HERE / "node_modules" / name / "package.json"
        return json.loads(path.read_text(encoding="utf-8"))["version"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    tcpdump = subprocess.run(["tcpdump", "--version"], capture_output=True, text=True, check=True)
    banner = (tcpdump.stdout + tcpdump.stderr).splitlines()[0]
    return {"node": node.stdout.strip(), "tcpdump": banner,
            "@modelcontextprotocol/sdk": of("@modelcontextprotocol/sdk"),
            "@modelcontextprotocol/server-everything": of("@modelcontextprotocol/server-everything")}


def record(scenario, directory, live=None):
    """Runs a scenario; returns (truth, peak memory of the live program in KiB or None)."""
    description, transport, server_command = SCENARIOS[scenario]
    pcap = directory / f"{scenario}.pcap"
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = pathlib.Path(scratch_name)
        env = dict(os.environ, PORT=str(PORT), HTTP_LOG=str(scratch / "http.jsonl"),
                   CLIENT_LOG=str(scratch / "client.jsonl"))
        server = Background(["node", "--import", "./http_log.mjs", *server_command],
                            scratch / "server.log", cwd=HERE, env=env)
        wait_for_text(server.log, "listening on port", server.process)
        # tcpdump of root would become another user, who may not write here.
        stay = ["-Z", "root"] if os.geteuid() == 0 else []
        dump = Background(["tcpdump", "-i", "lo", "-n", "-s", "0", "-B", "65536", "-U", *stay,
                           "--immediate-mode", "-w", str(pcap), "tcp"], scratch / "tcpdump.log")
        wait_for_text(dump.log, "listening on", dump.process)
        watcher = start_live(live, scenario, directory) if live else None
        time.sleep(0.1)
        client = subprocess.run(
            ["node", "client.mjs", scenario, f"http://127.0.0.1:{PORT}/mcp"], cwd=HERE,
            env=env, stdin=subprocess.DEVNULL, timeout=120, check=False)
        time.sleep(0.3)
        server.stop(signal.SIGTERM)
        time.sleep(0.3)
        peak = peak_kib(watcher.process.pid) if watcher else None
        if watcher and watcher.stop() != 0:
            raise SystemExit(f"record: live failed:\n{watcher.log.read_text()}")
        dump.stop()
        if client.returncode != 0:
            raise SystemExit(f"record: the client failed:\n{server.log.read_text()}")
        counts = dump.log.read_text(encoding="utf-8")
        captured = int(re.search(r"(\d+) packets captured", counts).group(1))
        dropped = int(re.search(r"(\d+) packets dropped by kernel", counts).group(1))
        result = {"case": scenario, "description": description,
                  "software": versions(), "transport": transport,
                  "capture": {"captured": captured, "dropped_by_kernel": dropped, "snaplen": 0}}
        result.update(truth.build(truth.read_lines(env["HTTP_LOG"]),
                                  truth.read_lines(env["CLIENT_LOG"])))
    path = directory / f"{scenario}.truth.json"
    path.write_text(truth.to_text(result), encoding="utf-8")
    return result, peak


def main():
    parser = argparse.ArgumentParser(description="record one scenario of real MCP software")
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--live", metavar="PROGRAM", help="run PROGRAM live on the same packets")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    result, peak = record(options.scenario, options.directory.resolve(), options.live)
    print(f"{options.scenario}: {result['total_messages']} messages, "
          f"{result['tcp_connections']} connections, {result['capture']['captured']} packets"
          + (f", live peak {peak} KiB" if peak else ""))


if __name__ == "__main__":
    sys.exit(main())
