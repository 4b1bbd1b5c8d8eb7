# SPDX-License-Identifier: BSD-3-Clause
"""What carries messages on connections.

A carrier has one connection, and says by `concurrent` whether several requests wait on it at once,
by `sessions` whether any session may use it (else the connection is the session), by `rounds`
whether a call may take several rounds of input, and by `both_ways` whether the server asks, too,
and calls are cancelled. `ask`, `answer` and `event` return how many bytes of JSON they sent.
"""

import base64
import struct
import zlib

from wire import ACK, CLIENT, SERVER, Connection, to_json

CAPABILITIES = ["completions", "experimental", "logging", "roots", "sampling", "tasks", "tools"]


def party(rng):
    """Capabilities, and who declares them: its name lists them as events do, so that it tells what
    is to be known of any party that was heard of."""
    names = sorted(rng.sample(CAPABILITIES, rng.randint(0, 2)))
    declared = {name: rng.choice([{}, {"listChanged": False}, {"null": None}]) for name in names}
    if rng.random() < 0.5:
        names.append("other")
        declared["x-" + "y" * rng.randint(0, 80)] = {"tools": {}}
    if rng.random() < 0.5:
        declared["prompts"] = None
    order = rng.sample(list(declared), len(declared))
    return {name: declared[name] for name in order}, {"name": ",".join(["caps"] + names),
                                                      "version": "1"}


def initialize(rng):
    capabilities, who = party(rng)
    return {"jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {"protocolVersion": "2025-06-18", "capabilities": capabilities,
                       "clientInfo": who}}


def initialized(rng):
    capabilities, who = party(rng)
    return {"jsonrpc": "2.0", "id": 0,
            "result": {"protocolVersion": "2025-06-18", "capabilities": capabilities,
                       "serverInfo": who}}


class Carrier:
    """What all have in common; `shared` is for what those of one capture share."""

    concurrent = True
    sessions = True
    rounds = False
    both_ways = False

    def __init__(self, connection, rng, shared):
        self.connection, self.rng = connection, rng
        self.streams, self.parties = shared["streams"], shared["parties"]

    def has_room(self):
        """Whether one more request may wait on it."""
        return True

    def begin(self, session):
        """The handshake of a session."""
        self.ask(initialize(self.rng), None)
        self.answer(initialized(self.rng), None, session)
        self.note({"jsonrpc": "2.0", "method": "notifications/initialized"}, session)

    @staticmethod
    def call_of(exchange):
        """The name of the call that an exchange is; None: it is no call."""
        return exchange["name"] if exchange["method"] == "tools/call" else None


class Http(Carrier):
    """Streamable HTTP: one POST at a time on a connection, answered as JSON or as events."""

    concurrent = False

    def code(self, body):
        """(fields, the body as it is sent)"""
        return "", body

    def post(self, body, target, fields):
        head = (f"POST {target} HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\n"
                f"Accept: application/json, text/event-stream\r\n{fields}"
                f"Content-Length: {len(body)}\r\n\r\n")
        self.connection.send(CLIENT, head.encode() + body, self.rng.random() < 0.5)
        return len(body)

    def ask(self, message, session):
        fields = f"Mcp-Session-Id: {session}\r\n" if session else ""
        return self.post(to_json(message), "/mcp", fields)

    def answer(self, message, _asked_in, session):
        fields = f"Mcp-Session-Id: {session}\r\n" if session and self.rng.random() < 0.5 else ""
        body = to_json(message)
        if self.rng.random() < 0.5:
            coding, coded = self.code(body)
            head = (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{fields}{coding}"
                    f"Content-Length: {len(coded)}\r\n\r\n")
            self.connection.send(SERVER, head.encode() + coded)
            return len(body)
        coding, coded = self.code(b"event: message\ndata: " + body + b"\n\n")
        head = (f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{fields}{coding}"
                "Transfer-Encoding: chunked\r\n\r\n")
        self.connection.send(SERVER, head.encode())
        self.connection.send(SERVER, b"%x\r\n%s\r\n0\r\n\r\n" % (len(coded), coded))
        return len(body)

    def note(self, message, session):
        self.ask(message, session)
        self.connection.send(SERVER, b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


class Pipelined(Http):
    """The same by a client that does not wait for the answers, which come in order."""

    concurrent = True

    def __init__(self, connection, rng, shared):
        super().__init__(connection, rng, shared)
        self.asked, self.ready = [], {}

    def has_room(self):
        return len(self.asked) < 60  # the program's cap is 64 (http_pipeline)

    def ask(self, message, session):
        self.asked.append((session, message.get("id")))
        return super().ask(message, session)

    def answer(self, message, asked_in, session):
        self.ready[asked_in, message["id"]] = message, session
        while self.asked and self.asked[0] in self.ready:
            first, its_session = self.ready.pop(self.asked.pop(0))
            super().answer(first, None, its_session)
        return len(to_json(message))

    def begin(self, session):
        Http.ask(self, initialize(self.rng), None)
        Http.answer(self, initialized(self.rng), None, session)
        Http.ask(self, {"jsonrpc": "2.0", "method": "notifications/initialized"}, session)
        self.connection.send(SERVER, b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


class Coded(Http):
    """The same with coded bodies. br and zstd are stored only, which needs no library."""

    @staticmethod
    def br(body):
        head = (len(body) - 1) << 4 | 1 << 20  # window of 64 KB, one uncompressed block
        return struct.pack("<I", head)[:3] + body + b"\3"

    @staticmethod
    def zstd(body):
        block = len(body) << 3 | 1  # the last, raw
        return b"\x28\xb5\x2f\xfd\x00\x58" + struct.pack("<I", block)[:3] + body

    @staticmethod
    def gzip(body):
        coder = zlib.compressobj(6, zlib.DEFLATED, 31)
        middle = len(body) // 2  # flushed there, as event streams are
        return (coder.compress(body[:middle]) + coder.flush(zlib.Z_SYNC_FLUSH) +
                coder.compress(body[middle:]) + coder.flush())

    def code(self, body):
        name, coder = self.rng.choice([("gzip", self.gzip), ("deflate", zlib.compress),
                                       ("br", self.br), ("zstd", self.zstd)])
        return f"Content-Encoding: {name}\r\n", coder(body)


class Modern(Http):
    """Revision 2026-07-28: no handshake; a session is a client that names itself each time."""

    rounds = True

    def begin(self, session):
        self.parties[session] = party(self.rng)

    def ask(self, message, session):
        capabilities, who = self.parties[session]
        params = message["params"] | {"_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": who["name"], "version": session},
            "io.modelcontextprotocol/clientCapabilities": capabilities}}
        fields = (f"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {message['method']}\r\n"
                  f"Mcp-Name: {params['name']}\r\n")
        if self.rng.random() < 0.5:
            text = "x\u00fc\u20ac\U0001f600"[:self.rng.randint(0, 4)] * self.rng.randint(1, 60)
            coded = base64.b64encode(text.encode()).decode()
            fields += f"Mcp-Param-Some: =?base64?{coded}?=\r\n"
        return self.post(to_json(message | {"params": params}), "/mcp", fields)

    def answer(self, message, asked_in, session):
        return super().answer(message, asked_in, None)


class Sse(Http):
    """HTTP+SSE: answers come on the session's stream, which is a connection of its own."""

    concurrent = both_ways = True
    accepted = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"

    def __init__(self, connection, rng, shared):
        super().__init__(connection, rng, shared)
        self.owed = False  # the POST was not accepted yet

    def event(self, message, session):
        return self.event_of(session, b"message", to_json(message))

    def event_of(self, session, kind, data):
        event = b"event: " + kind + b"\ndata: " + data + b"\n\n"
        self.streams[session].send(SERVER, b"%x\r\n%s\r\n" % (len(event), event))
        return len(data)

    def begin(self, session):
        own = self.connection
        stream = Connection(own.capture, 50001 + len(self.streams), own.address[SERVER][1], own.mss)
        self.streams[session] = stream
        stream.send(CLIENT, b"GET /sse HTTP/1.1\r\nHost: server\r\n"
                    b"Accept: text/event-stream\r\n\r\n")
        stream.send(SERVER, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n")
        self.event_of(session, b"endpoint", f"/messages?session={session}".encode())
        self.ask(initialize(self.rng), session)
        self.answer(initialized(self.rng), session, session)
        self.ask({"jsonrpc": "2.0", "method": "notifications/initialized"}, session)

    def accept(self):
        if self.owed:
            self.connection.send(SERVER, self.accepted)
        self.owed = False

    def ask(self, message, session):
        self.accept()
        self.owed = True
        sent = self.post(to_json(message), f"/messages?session={session}", "")
        if self.rng.random() < 0.7:
            self.accept()
        return sent

    def answer(self, message, asked_in, _session):
        size = self.event(message, asked_in)
        self.accept()
        return size


class Lines(Carrier):
    """One message a line; the connection is the session."""

    sessions = False
    both_ways = True

    def frame(self, _side, message):
        return to_json(message) + b"\n"

    def ask(self, message, _session):
        self.connection.send(CLIENT, self.frame(CLIENT, message))
        return len(to_json(message))

    def event(self, message, _session):
        self.connection.send(SERVER, self.frame(SERVER, message))
        return len(to_json(message))

    def answer(self, message, _asked_in, session):
        return self.event(message, session)

    note = ask


class WebSocket(Lines):
    """Text messages, some of them in fragments."""

    def __init__(self, connection, rng, shared):
        super().__init__(connection, rng, shared)
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


class Squirrel(Lines):
    """Frames of the Squirrel dialect: calls are its commands."""

    both_ways = False

    def begin(self, _session):
        self.connection.send(SERVER, self.bytes_of({"id": "h", "message_type": "Handshake",
                                                    "protocol_version": "1.0", "payload": []}))
        self.connection.send(CLIENT, self.bytes_of({"id": "g", "message_type": "HandshakeResponse",
                                                    "message_id": "h", "payload": []}))

    @staticmethod
    def bytes_of(message):
        body = to_json(message)
        return b"MCP\0" + struct.pack(">I", len(body)) + body

    def ask(self, message, _session):
        frame = self.bytes_of({"id": f"i{message['id']}", "message_type": "Command",
                               "payload": {"command": message["params"]["name"],
                                           "args": message["params"]["arguments"]}})
        self.connection.send(CLIENT, frame)
        return len(frame) - 8

    def answer(self, message, _asked_in, _session):
        failed = {"error_message": "no"} if "error" in message else {}
        frame = self.bytes_of({"id": f"r{message['id']}", "message_type": "Response",
                               "command_id": f"i{message['id']}", "payload": message.get("result"),
                               "status": "Error" if failed else "Success"} | failed)
        self.connection.send(SERVER, frame)
        return len(frame) - 8

    @staticmethod
    def call_of(exchange):
        return exchange["name"] if exchange["method"] == "command" else None


class Http2(Carrier):
    """Streams of one connection with prior knowledge; header fields as plain literals."""

    def __init__(self, connection, rng, shared):
        super().__init__(connection, rng, shared)
        self.stream = -1
        self.asked = {}
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
        self.asked[session, message.get("id")] = self.stream
        fields = [(":method", "POST"), (":path", "/mcp"), (":scheme", "http"),
                  (":authority", "server"), ("content-type", "application/json"),
                  ("accept", "application/json, text/event-stream")]
        if session:
            fields.append(("mcp-session-id", session))
        body = to_json(message)
        self.connection.send(CLIENT, self.head(self.stream, fields) + self.data(self.stream, body))
        return len(body)

    def answer(self, message, asked_in, session):
        stream = self.asked.pop((asked_in, message["id"]))
        fields = [(":status", "200")]
        if session and self.rng.random() < 0.5:
            fields.append(("mcp-session-id", session))
        body = sent = to_json(message)
        if self.rng.random() < 0.5:
            fields.append(("content-type", "application/json"))
        else:
            fields.append(("content-type", "text/event-stream"))
            sent = b"data: " + body + b"\n\n"
        self.connection.send(SERVER, self.head(stream, fields) + self.data(stream, sent))
        return len(body)

    def note(self, message, session):
        self.ask(message, session)
        self.connection.send(SERVER, self.frame(1, 5, self.stream,
                                                b"\0\x07:status\x03202"))


CARRIERS = {"http": Http, "lines": Lines, "websocket": WebSocket, "http2": Http2, "coded": Coded,
            "modern": Modern, "sse": Sse, "squirrel": Squirrel, "pipelined": Pipelined}
