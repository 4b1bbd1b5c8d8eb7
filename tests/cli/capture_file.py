# SPDX-License-Identifier: BSD-3-Clause
"""Small pcap files made by hand, for the test of the command line."""
import json
import struct

LINK_RAW = 101
CLIENT, SERVER = (b"\x0a\0\0\x01", 40000), (b"\x0a\0\0\x02", 3000)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class Capture:
    """Packets of TCP connections between one client and one server, 1 ms apart."""

    def __init__(self, start=1_767_323_045):
        self.bytes = bytearray(
            struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINK_RAW))
        self.start, self.ms = start, 0
        self.next = {}

    def packet(self, data):
        at = (self.start + self.ms // 1000, self.ms % 1000 * 1000)
        self.bytes += struct.pack("<IIII", *at, len(data), len(data)) + data
        self.ms += 1

    def segment(self, source, target, flags, data=b""):
        sequence = self.next.get((source, target), 1000)
        acknowledged = self.next.get((target, source), 0)
        tcp = struct.pack(">HHIIBBHHH", source[1], target[1], sequence,
                          acknowledged if flags & ACK else 0, 0x50, flags, 65535, 0, 0) + data
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source[0],
                         target[0])
        self.packet(ip + tcp)
        self.next[source, target] = sequence + len(data) + bool(flags & (SYN | FIN))

    def connect(self, client=CLIENT, server=SERVER):
        self.segment(client, server, SYN)
        self.segment(server, client, SYN | ACK)
        self.segment(client, server, ACK)

    def close(self, client=CLIENT, server=SERVER):
        self.segment(client, server, FIN | ACK)
        self.segment(server, client, FIN | ACK)
        self.segment(client, server, ACK)

    def refused(self, client=CLIENT, server=SERVER):
        self.segment(client, server, SYN)
        self.segment(server, client, RST | ACK)

    def post(self, request, response, client=CLIENT, server=SERVER):
        """One JSON-RPC request over HTTP and its JSON response."""
        self.segment(client, server, PSH | ACK, http("POST /mcp HTTP/1.1", request))
        self.segment(server, client, PSH | ACK, http("HTTP/1.1 200 OK", response))

    def write(self, path):
        with open(path, "wb") as file:
            file.write(self.bytes)


def http(start, message):
    body = json.dumps(message).encode()
    head = (f"{start}\r\nHost: server\r\nContent-Type: application/json\r\n"
            "Accept: application/json, text/event-stream\r\n"
            f"Content-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def call(number, tool):
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool}}


def result(number):
    return {"jsonrpc": "2.0", "id": number, "result": {"content": []}}


def conversation(calls=3, tool="echo"):
    """One connection that initializes and calls a tool."""
    c = Capture()
    c.connect()
    c.post({"jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {"protocolVersion": "2025-11-25",
                       "clientInfo": {"name": "client", "version": "1"}}},
           {"jsonrpc": "2.0", "id": 0,
            "result": {"protocolVersion": "2025-11-25", "capabilities": {},
                       "serverInfo": {"name": "server", "version": "2"}}})
    for number in range(1, calls + 1):
        c.post(call(number, tool), result(number))
    c.close()
    return c
