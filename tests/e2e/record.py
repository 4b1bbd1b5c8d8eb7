#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Records one scenario: starts the MCP server and tcpdump, runs the client, writes the truth.

usage: record.py SCENARIO DIRECTORY [--live PROGRAM]

Leaves SCENARIO.pcap and SCENARIO.truth.json in DIRECTORY; with --live also SCENARIO.live.jsonl and
SCENARIO.sockets.jsonl, the output of `PROGRAM live -i lo --json --messages` that watched the same packets. Traffic is on the
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
# Those that watch at the same time: how many sockets, and the buffer of each. The kernel maps it into
# the program, so it counts in the program's memory. Of several, one must have room for what a
# connection sends while the others have nothing.
WATCHERS = {"live": {"sockets": 1, "buffer_kib": 8192},
            "sockets": {"sockets": 4, "buffer_kib": 16384}}


def load_scenarios():
    """{name: scenario}; one file each, see scenarios/README.md."""
    paths = sorted((HERE / "scenarios").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


SCENARIOS = load_scenarios()


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


def start_live(program, name, scenario, directory):
    with open(directory / f"{scenario}.{name}.jsonl", "w", encoding="utf-8") as out:
        live = Background([program, "live", "-i", "lo", "--json", "--messages", "-I", "0.2",
                           "--buffer-size", str(WATCHERS[name]["buffer_kib"]),
                           "--sockets", str(WATCHERS[name]["sockets"]),
                           SCENARIOS[scenario].get("filter", "tcp")],
                          directory / f"{scenario}.{name}.log", out=out)
    wait_for_text(live.log, "listening on", live.process)
    return live


def packets_of(metrics):
    bandwidth = metrics["bandwidth_metrics"]
    return bandwidth["packets_received"] + bandwidth["packets_transmitted"]


def packets_seen(path):
    """How many packets a watcher had counted when it last said so; -1 if it never did."""
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
    last = next((line for line in reversed(whole) if '"event":"interval"' in line), None)
    return packets_of(json.loads(last)) if last else -1


def packets_recorded(program, pcap):
    """How many packets a capture holds so far; -1 if it does not even begin."""
    done = subprocess.run([program, "report", "--json", str(pcap)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    return packets_of(json.loads(done.stdout)) if done.stdout else -1


def wait_for_packets(program, pcap, outputs, seconds=20):
    """Waits until the watchers have counted what tcpdump recorded: the kernel hands packets over late,
    and who watches may be late, too. Where that does not come to be, the check will tell."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        recorded = packets_recorded(program, pcap)
        if recorded > 0 and all(packets_seen(path) == recorded for path in outputs):
            return
        time.sleep(0.1)


def output_of(command):
    done = subprocess.run(command, capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL)
    return (done.stdout + done.stderr).strip()


def versions(scenario):
    """The software of a recording: packages by their own word, programs by theirs."""
    result = {"node": output_of(["node", "--version"]),
              "tcpdump": output_of(["tcpdump", "--version"]).splitlines()[0]}
    for name in scenario["software"]:
        path = HERE / "node_modules" / name / "package.json"
        result[name] = json.loads(path.read_text(encoding="utf-8"))["version"]
    for name, command in scenario.get("programs", {}).items():
        result[name] = output_of(command).splitlines()[0]
    return result


def start(process, number, scratch, env):
    """Starts one process of a scenario and waits until it says that it is ready."""
    command = [word.replace("{scratch}", str(scratch)) for word in process["command"]]
    started = Background(command, scratch / f"process-{number}.log", cwd=HERE, env=env)
    if "ready" in process:
        wait_for_text(started.log, process["ready"], started.process)
    return started


def start_tcpdump(pcap, capture_filter, scratch):
    # tcpdump of root would become another user, who may not write here.
    stay = ["-Z", "root"] if os.geteuid() == 0 else []
    dump = Background(["tcpdump", "-i", "lo", "-n", "-s", "0", "-B", "65536", "-U", *stay,
                       "--immediate-mode", "-w", str(pcap), capture_filter],
                      scratch / "tcpdump.log")
    wait_for_text(dump.log, "listening on", dump.process)
    return dump


def counts_of(dump):
    text = dump.log.read_text(encoding="utf-8")
    return {"captured": int(re.search(r"(\d+) packets captured", text).group(1)),
            "dropped_by_kernel": int(re.search(r"(\d+) packets dropped by kernel", text).group(1)),
            "snaplen": 0}


def record(name, directory, live=None):
    """Runs a scenario; returns (truth, {watcher: its peak memory in KiB})."""
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = pathlib.Path(scratch_name)
        scratch.chmod(0o755)
        env = dict(os.environ, PORT=str(PORT), HTTP_LOG=str(scratch / "http.jsonl"),
                   CLIENT_LOG=str(scratch / "client.jsonl"))
        for log in ("HTTP_LOG", "CLIENT_LOG"):
            pathlib.Path(env[log]).touch()
        processes = [start(process, number, scratch, env)
                     for number, process in enumerate(scenario["start"])]
        dump = start_tcpdump(directory / f"{name}.pcap", scenario.get("filter", "tcp"), scratch)
        watchers = {each: start_live(live, each, name, directory)
                    for each in (WATCHERS if live else ())}
        time.sleep(0.1)
        client = subprocess.run(scenario["client"], cwd=HERE, env=env, stdin=subprocess.DEVNULL,
                                timeout=120, check=False)
        time.sleep(0.3)
        for process in reversed(processes):
            process.stop(signal.SIGTERM)
        time.sleep(0.3)
        if watchers:
            wait_for_packets(live, directory / f"{name}.pcap",
                             [directory / f"{name}.{each}.jsonl" for each in watchers])
        peaks = {each: peak_kib(watcher.process.pid) for each, watcher in watchers.items()}
        for watcher in watchers.values():
            if watcher.stop() != 0:
                raise SystemExit(f"record: live failed:\n{watcher.log.read_text()}")
        dump.stop()
        if client.returncode != 0:
            logs = "\n".join(process.log.read_text() for process in processes)
            raise SystemExit(f"record: the client failed:\n{logs}")
        result = {"case": name, "description": scenario["description"],
                  "software": versions(scenario), "transport": scenario["transport"],
                  "capture": counts_of(dump)}
        result.update(truth.build(truth.read_lines(env["HTTP_LOG"]),
                                  truth.read_lines(env["CLIENT_LOG"])))
    path = directory / f"{name}.truth.json"
    path.write_text(truth.to_text(result), encoding="utf-8")
    return result, peaks


def main():
    parser = argparse.ArgumentParser(description="record one scenario of real MCP software")
    parser.add_argument("scenario", choices=[*SCENARIOS, "samples"],
                        help="samples: all whose captures are kept in pcaps/")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--live", metavar="PROGRAM", help="run PROGRAM live on the same packets")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    names = [options.scenario]
    if options.scenario == "samples":
        names = [name for name, scenario in SCENARIOS.items() if scenario["sample"]]
    for name in names:
        result, peaks = record(name, options.directory.resolve(), options.live)
        print(f"{name}: {result['total_messages']} messages, "
              f"{result['tcp_connections']} connections, {result['capture']['captured']} packets"
              + "".join(f", {each} peak {peak} KiB" for each, peak in peaks.items()))


if __name__ == "__main__":
    sys.exit(main())
