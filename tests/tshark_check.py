#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Connections, packets and bytes of every sample, as tshark counts them and as mcpmeter does; and
whether the classes of coverage add up to them.

usage: tshark_check.py [CASE.pcap...]; MCPMETER names the program. One case a capture. Without
arguments: the recorded and the forged captures, but for those where the two count different things.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MCPMETER", str(ROOT / "build" / "mcpmeter"))
# {forged capture: why tshark's count says nothing about ours}
NOT_COMPARED = {
    **{name: "tshark counts a datagram by its last fragment alone" for name in (
        "ip4-fragment-conflict", "ip4-fragment-lost", "ip4-fragments-reversed", "ip4-fragments",
        "ip6-fragments")},
    "life-unreachable": "the segment quoted in an ICMP message is a TCP packet to tshark",
    "snap-length-in-header": "tshark takes ports from headers that are not whole",
}
# Who is the client is told by other things than the first packet, which is all that tshark has.
FIRST_PACKET_IS_THE_SERVERS = {"life-midstream-in-answer", "life-responses-only",
                               "tcp-handshake-reordered"}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120,
                          stdin=subprocess.DEVNULL).stdout


def by_tshark(pcap):
    """{(client, server): [packets, bytes, connections]}, the sender of the first packet first."""
    rows = output("tshark", "-n", "-r", str(pcap), "-Y", "tcp", "-T", "fields", "-e", "tcp.stream",
                  "-e", "ip.src", "-e", "ipv6.src", "-e", "tcp.srcport", "-e", "ip.dst", "-e",
                  "ipv6.dst", "-e", "tcp.dstport", "-e", "frame.len")
    streams = {}
    for row in rows.splitlines():
        stream, ip4, ip6, port, to4, to6, to_port, length = row.split("\t")
        source, target = (ip4 or ip6, int(port)), (to4 or to6, int(to_port))
        entry = streams.setdefault(stream, {"pair": (source, target), "sent": [0, 0], "got": [0, 0]})
        side = entry["sent" if source == entry["pair"][0] else "got"]
        side[0] += 1
        side[1] += int(length)
    return collections.Counter((e["pair"], tuple(e["sent"]), tuple(e["got"]))
                               for e in streams.values())


def conversations(pcap):
    """The number of rows of tshark's own table of TCP conversations."""
    return sum(" <-> " in line for line in output("tshark", "-n", "-q", "-r", str(pcap), "-z",
                                                 "conv,tcp").splitlines())


def turned(rows):
    """The same rows with the two ends in the order of their addresses."""
    result = collections.Counter()
    for (ends, one, other), count in rows.items():
        result[(ends, one, other) if ends[0] <= ends[1] else (ends[::-1], other, one)] += count
    return result


def by_mcpmeter(report):
    return collections.Counter(
        (((c["client"]["ip"], c["client"]["port"]), (c["server"]["ip"], c["server"]["port"])),
         (c["received"]["packets"], c["received"]["bytes"]),
         (c["sent"]["packets"], c["sent"]["bytes"]))
        for c in report["connections"])


def uncovered(tables):
    """What is wrong with the sum of the classes of coverage: it is the payload and what was lost."""
    total = tables["bandwidth_metrics"]
    got = sum(tables["coverage"]["bytes"].values())
    want = (total["payload_bytes_received"] + total["payload_bytes_transmitted"]
            + tables["connection_metrics"]["lost_bytes"])
    return [f"coverage adds up to {got} bytes of {want}"] if got != want else []


def main():
    pcaps = [pathlib.Path(p) for p in sys.argv[1:]] or [
        p for p in sorted((ROOT / "pcaps").glob("**/*.pcap")) if p.stem not in NOT_COMPARED]
    passed = failed = 0
    for pcap in pcaps:
        report = json.loads(output(PROGRAM, "report", "--json", "--connections", str(pcap)))
        got, want = by_mcpmeter(report), by_tshark(pcap)
        if pcap.stem in FIRST_PACKET_IS_THE_SERVERS:
            got, want = turned(got), turned(want)
        wrong = [f"only mcpmeter: {row} x{n}" for row, n in (got - want).items()]
        wrong += [f"only tshark: {row} x{n}" for row, n in (want - got).items()]
        metrics = report["connection_metrics"]
        connections = metrics["connection_attempts"] + metrics["midstream_connections"]
        if connections != conversations(pcap):
            wrong.append(f"{connections} connections, tshark shows {conversations(pcap)}")
        covered = sum(report["coverage"]["connections"].values())
        with_payload = sum(any(c[side]["payload_bytes"] + c[side]["lost_bytes"]
                               for side in ("received", "sent")) for c in report["connections"])
        if covered != with_payload:
            wrong.append(f"coverage counts {covered} connections of {with_payload}")
        total = report["bandwidth_metrics"]
        if total["bytes_received"] + total["bytes_transmitted"] != sum(
                n * (sent[1] + back[1]) for (_, sent, back), n in want.items()):
            wrong.append(f"bytes in total: {total['bytes_received']} + {total['bytes_transmitted']}")
        wrong += uncovered(report) + [f"{server['endpoint']}: {sentence}"
                                      for server in report["servers"]
                                      for sentence in uncovered(server)]
        passed += not wrong
        failed += bool(wrong)
        for sentence in wrong[:10]:
            print(f"FAIL {pcap.name}: {sentence}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
