# SPDX-License-Identifier: BSD-3-Clause
"""Captures made by hand: packets of TCP connections, and what happens to them on the way."""

import json
import random
import struct

LINK_RAW = 101
FIN, SYN, PSH, ACK = 1, 2, 8, 16
CLIENT, SERVER = 0, 1


class Capture:
    """Packets with times in nanoseconds."""

    def __init__(self):
        self.now = 1_767_323_045 * 10**9
        self.sent_at = self.now  # the last packet with payload
        self.packets = []

    def add(self, data, payload):
        self.packets.append((self.now, data))
        if payload:
            self.sent_at = self.now
        self.now += 100_000

    def write(self, path, snap=262144):
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, LINK_RAW))
            for at, data in self.packets:
                kept = data[:snap]
                file.write(struct.pack("<IIII", at // 10**9, at % 10**9, len(kept), len(data)))
                file.write(kept)


class Connection:
    """One TCP connection; side 0 opens it."""

    def __init__(self, capture, port, server_port, mss):
        self.capture, self.mss = capture, mss
        self.address = [(b"\x0a\0\0\x01", port), (b"\x0a\0\0\x02", server_port)]
        self.next = [0xFFFFF000, 5000]  # one of them wraps
        self.packet(CLIENT, SYN)
        self.packet(SERVER, SYN | ACK)
        self.packet(CLIENT, ACK)

    def packet(self, side, flags, data=b""):
        source, target = self.address[side], self.address[1 - side]
        acknowledged = self.next[1 - side] if flags & ACK else 0
        tcp = struct.pack(">HHIIBBHHH", source[1], target[1], self.next[side] & 0xFFFFFFFF,
                          acknowledged & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0) + data
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source[0],
                         target[0])
        self.capture.add(ip + tcp, len(data) > 0)
        self.next[side] += len(data) + bool(flags & (SYN | FIN))

    def send(self, side, data, acknowledge=True):
        for start in range(0, len(data), self.mss):
            self.packet(side, PSH | ACK, data[start:start + self.mss])
        if acknowledge:
            self.packet(1 - side, ACK)

    def close(self):
        self.packet(CLIENT, FIN | ACK)
        self.packet(SERVER, FIN | ACK)
        self.packet(CLIENT, ACK)


def to_json(message):
    return json.dumps(message, separators=(",", ":")).encode()


# --- what happens to a capture --------------------------------------------------------------------

def lose(rng, packets, share):
    return [p for p in packets if rng.random() >= share]


def duplicate(rng, packets):
    return [p for p in packets for _ in range(rng.choice([1, 1, 1, 2, 3]))]


def reorder(rng, packets):
    """A fifth of the packets come up to six places later; the times stay in place."""
    order = sorted(range(len(packets)),
                   key=lambda i: i + (rng.uniform(0, 6) if rng.random() < 0.2 else 0))
    return [(packets[place][0], packets[i][1]) for place, i in enumerate(order)]


def lose_bursts(rng, packets):
    packets = list(packets)
    for _ in range(3):
        first = rng.randrange(len(packets))
        del packets[first:first + rng.randint(1, 40)]
        if not packets:
            break
    return packets


IMPAIRMENTS = {
    "none": lambda rng, packets: packets,
    "duplicated": duplicate,
    "reordered": reorder,
    "lost": lambda rng, packets: lose(rng, packets, rng.choice([0.002, 0.01, 0.05, 0.1])),
    "mostly lost": lambda rng, packets: lose(rng, packets, 0.25),
    "lost and reordered": lambda rng, packets: reorder(rng, lose(rng, packets, 0.02)),
    "bursts": lose_bursts,
    "midstream": lambda rng, packets: packets[rng.randrange(len(packets)):],
    "cut": lambda rng, packets: packets[:rng.randrange(1, len(packets))],
    "snapped": lambda rng, packets: packets,
}
COMPLETE = ("none", "duplicated", "reordered")
MISPLACED = ("reordered", "lost and reordered")  # an answer may be earlier than its request


def new_rng(seed):
    return random.Random(seed)
