# SPDX-License-Identifier: BSD-3-Clause
"""Captures made by hand: packets of TCP connections, and what carries JSON-RPC messages on them."""

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
        self.packets = []

    def add(self, data):
        self.packets.append((self.now, data))
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
        self.capture.add(ip + tcp)
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


class Http:
    """Streamable HTTP: one POST at a time on a connection, answered as JSON or as events."""

    concurrent = False
    sessions = True

    def __init__(self, connection, rng):
        self.connection, self.rng = connection, rng

    def ask(self, message, session):
        body = to_json(message)
        name = f"Mcp-Session-Id: {session}\r\n" if session else ""
        head = ("POST /mcp HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\n"
                f"Accept: application/json, text/event-stream\r\n{name}"
                f"Content-Length: {len(body)}\r\n\r\n")
        self.connection.send(CLIENT, head.encode() + body, self.rng.random() < 0.5)

    def answer(self, message, _asked_in, session):
        name = f"Mcp-Session-Id: {session}\r\n" if session and self.rng.random() < 0.5 else ""
        body = to_json(message)
        if self.rng.random() < 0.5:
            head = (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{name}"
                    f"Content-Length: {len(body)}\r\n\r\n")
            self.connection.send(SERVER, head.encode() + body)
            return
        head = (f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{name}"
                "Transfer-Encoding: chunked\r\n\r\n")
        event = b"event: message\ndata: " + body + b"\n\n"
        self.connection.send(SERVER, head.encode())
        self.connection.send(SERVER, b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event))

    def note(self, message, session):
        self.ask(message, session)
        self.connection.send(SERVER, b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


class Lines:
    """One message a line; the connection is the session."""

    concurrent = True
    sessions = False

    def __init__(self, connection, _rng):
        self.connection = connection

    def frame(self, _side, message):
        return to_json(message) + b"\n"

    def ask(self, message, _session):
        self.connection.send(CLIENT, self.frame(CLIENT, message))

    def answer(self, message, _asked_in, _session):
        self.connection.send(SERVER, self.frame(SERVER, message))

    note = ask


class WebSocket(Lines):
    """Text messages, some of them in fragments."""

    def __init__(self, connection, rng):
        super().__init__(connection, rng)
        self.rng = rng
        connection.send(CLIENT, b"GET /mcp HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\n"
                        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                        b"Sec-WebSocket-Protocol: mcp\r\n\r\n")
        connection.send(SERVER, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        b"Connection: Upgrade\r\nSec-WebSocket-Protocol: mcp\r\n"
                        b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n")

    def one(self, side, first, data):
        masked = 0x80 if side == CLIENT else 0
        if len(data) < 126:
            head = bytes([first, masked | len(data)])
        else:
            head = bytes([first, masked | 126]) + struct.pack(">H", len(data))
        if not masked:
            return head + data
        mask = self.rng.randbytes(4)
        return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))

    def frame(self, side, message):
        data = to_json(message)
        if self.rng.random() < 0.7:
            return self.one(side, 0x81, data)
        cut = self.rng.randrange(len(data))
        return (self.one(side, 0x01, data[:cut]) + self.one(side, 0x89, b"ping") +
                self.one(side, 0x80, data[cut:]))


class Http2:
    """Streams of one connection with prior knowledge; header fields as plain literals."""

    concurrent = True
    sessions = True

    def __init__(self, connection, rng):
        self.connection, self.rng = connection, rng
        self.stream = -1
        self.streams = {}
        settings = self.frame(4, 0, 0, b"")
        connection.send(CLIENT, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
        connection.send(SERVER, settings + self.frame(4, 1, 0, b""))

    @staticmethod
    def frame(kind, flags, stream, data):
        return struct.pack(">I", len(data))[1:] + struct.pack(">BBI", kind, flags, stream) + data

    def head(self, stream, fields):
        block = b""
        for name, value in fields:
            block += b"\0" + bytes([len(name)]) + name.encode()
            block += bytes([len(value)]) + value.encode()
        return self.frame(1, 4, stream, block)

    def data(self, stream, body):
        frames = b""
        while body:
            size = self.rng.randint(1, 2000)
            frames += self.frame(0, 1 if size >= len(body) else 0, stream, body[:size])
            body = body[size:]
        return frames

    def ask(self, message, session):
        self.stream += 2
        self.streams[session, message.get("id")] = self.stream
        fields = [(":method", "POST"), (":path", "/mcp"), (":scheme", "http"),
                  (":authority", "server"), ("content-type", "application/json"),
                  ("accept", "application/json, text/event-stream")]
        if session:
            fields.append(("mcp-session-id", session))
        self.connection.send(CLIENT, self.head(self.stream, fields) +
                             self.data(self.stream, to_json(message)))

    def answer(self, message, asked_in, session):
        stream = self.streams.pop((asked_in, message["id"]))
        fields = [(":status", "200")]
        if session and self.rng.random() < 0.5:
            fields.append(("mcp-session-id", session))
        body = to_json(message)
        if self.rng.random() < 0.5:
            fields.append(("content-type", "application/json"))
        else:
            fields.append(("content-type", "text/event-stream"))
            body = b"data: " + body + b"\n\n"
        self.connection.send(SERVER, self.head(stream, fields) + self.data(stream, body))

    def note(self, message, session):
        self.ask(message, session)
        self.connection.send(SERVER, self.frame(1, 5, self.stream,
                                                b"\0\x07:status\x03202"))


CARRIERS = {"http": Http, "lines": Lines, "websocket": WebSocket, "http2": Http2}


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


def new_rng(seed):
    return random.Random(seed)
