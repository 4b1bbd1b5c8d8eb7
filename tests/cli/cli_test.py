#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The whole program's command line: exit codes, messages, streams, and the manual's completeness.

Usage: cli_test.py PROGRAM SOURCE_DIRECTORY
"""
import concurrent.futures
import fcntl
import functools
import gzip
import http.client
import http.server
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

from capture_file import CLIENT, SERVER, Capture, call, conversation, result

PROGRAM, SOURCE = sys.argv[1:3]
COMMANDS = ["report", "replay", "live", "interfaces"]
NOBODY = 65534
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "TERM")}


def run(*args, **options):
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               "env": ENVIRONMENT, "timeout": 60, **options}
    if "input" in options:
        del options["stdin"]
    return subprocess.run([PROGRAM, *args], **options)


def run_as_nobody(*args):
    return run(*args, user=NOBODY, group=NOBODY, extra_groups=[])


@functools.lru_cache(maxsize=None)
def can_capture():
    return run("live", "-i", "lo", "--duration", "0.001", "-q").returncode == 0


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        os.chmod(directory.name, 0o755)
        self.directory = directory.name
        self.pcap = self.path("a.pcap")
        conversation().write(self.pcap)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def expect(self, done, code, *words, stream="stderr"):
        """The exit code; and, for a failure, one line that begins with the program's name."""
        text = getattr(done, stream).decode()
        self.assertEqual(done.returncode, code, done.stderr.decode())
        for word in words:
            self.assertIn(word, text)
        if stream == "stderr" and code:
            self.assertEqual(text.count("\n"), 1, text)
            self.assertRegex(text, r"^mcpmeter: ")
            self.assertNotIn("AddressSanitizer", text)


class Help(Case):
    def manual(self):
        with open(os.path.join(SOURCE, "docs", "mcpmeter.1"), encoding="utf-8") as file:
            return file.read().replace("\\-", "-").replace("\\fR", "").replace("\\fP", "")

    def options_of(self, text):
        return set(re.findall(r"--[a-z][a-z-]+", text))

    def test_help_of_every_command(self):
        for command in COMMANDS:
            done = run(command, "--help")
            self.expect(done, 0, "Usage: mcpmeter " + command, "Exit codes:", stream="stdout")
            self.assertEqual(done.stdout, run("help", command).stdout)
            self.assertEqual(done.stdout, run(command, "-h").stdout)
            self.assertIn(command, run("--help").stdout.decode())

    def test_manual_names_what_the_help_names_and_nothing_else(self):
        helped = set().union(*(self.options_of(run(c, "--help").stdout.decode())
                               for c in COMMANDS))
        self.assertGreater(len(helped), 15)
        self.assertEqual(helped, self.options_of(self.manual()))
        letters = set(re.findall(r"^  (-[A-Za-z]), ", "".join(
            run(c, "--help").stdout.decode() for c in COMMANDS), re.M))
        for letter in letters:
            self.assertRegex(self.manual(), r'(?m)^\.B[IR] "?%s[ "]' % letter)

    def test_manual_names_every_exit_code(self):
        codes = re.findall(r"^  (\d)  ", run("--help").stdout.decode(), re.M)
        status = self.manual().split('.SH "EXIT STATUS"')[1].split(".SH ")[0]
        self.assertEqual(codes, re.findall(r"^\.B (\d)$", status, re.M))
        self.assertEqual(codes, list("0123456"))

    def test_manual_names_commands_and_version(self):
        version = run("--version").stdout.decode().split("\n")[0]
        with open(os.path.join(SOURCE, "VERSION"), encoding="ascii") as file:
            self.assertEqual(version, "mcpmeter " + file.read().strip())
        self.assertIn('"%s"' % version, self.manual())
        for library in ("libpcap", "zlib", "zstd", "jansson", "nettle"):
            self.assertRegex(run("--version").stdout.decode(), r"(?m)^%s \d+\.\d" % library)
        for command in COMMANDS:
            self.assertIn("\n.B %s\n" % command, self.manual())
            self.assertEqual(run(command, "-V").stdout, run("--version").stdout)


    def test_readme_shows_what_the_program_prints(self):
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
            readme = file.read()
        for args in (["report", "pcaps/many-clients.pcap"],):
            text = run(*args, cwd=SOURCE).stdout.decode()
            self.assertIn("$ mcpmeter %s\n%s```\n" % (" ".join(args), text), readme)
        log = run("replay", "pcaps/refused.pcap", cwd=SOURCE).stdout.decode().splitlines()
        self.assertIn("\n".join(log[:6]), readme)


class Documents(unittest.TestCase):
    """docs/report.md names what the program can name."""

    def setUp(self):
        with open(os.path.join(SOURCE, "docs", "report.md"), encoding="utf-8") as file:
            self.page = file.read()

    def read(self, path):
        with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
            return file.read()

    def test_example_of_a_transport(self):
        pieces = re.findall(r"```c\n(.*?)```", self.read("docs/adding-a-transport.md"), re.S)
        example = self.read("tests/examples/netstring/transport_netstring.c")
        self.assertGreater(len(pieces), 6)
        self.assertEqual([piece for piece in pieces if piece not in example], [])

    def test_every_cap(self):
        keys = re.findall(r"^LIMIT\(\w+, (\w+),", self.read("base/limits.def"), re.M)
        self.assertGreater(len(keys), 30)
        section = self.page.split("### The caps")[1].split("\n## ")[0]
        self.assertEqual([key for key in keys if "`%s`" % key not in section], [])

    def test_caps_that_are_never_counted(self):
        silent = set(re.findall(r"`(\w+)` \(", self.page.split(" caps never appear")[1]
                                .split("\n\n")[0]))
        sources = "".join(self.read(os.path.join(room, name))
                          for room in ("capture", "dissect", "metrics", "cli")
                          for name in os.listdir(os.path.join(SOURCE, room))
                          if name.endswith((".c", ".h")))
        rows = re.findall(r"^LIMIT\((\w+), (\w+),", self.read("base/limits.def"), re.M)
        self.assertEqual(silent, {key for name, key in rows
                                  if not re.search(r"\bLIMIT_ID_%s\b" % name, sources)})

    def test_every_error_type(self):
        types = set()
        for name in os.listdir(os.path.join(SOURCE, "dissect")):
            if name.endswith(".c"):
                types |= set(re.findall(r'"((?:tcp|frame|http|sse|parse|envelope|jsonrpc|tool|pair|'
                                        r'stream|squirrel|header)'
                                        r':[a-z_]+)"', self.read(os.path.join("dissect", name))))
        self.assertGreater(len(types), 20)
        cells = re.findall(r"^\| (`\w+:[^|]*)\|", self.page, re.M)
        rows = set(re.findall(r"`(\w+:[a-z_]+)`", " ".join(cells)))
        self.assertEqual(types, rows)


class Usage(Case):
    def test_wrong_command_lines(self):
        self.assertEqual(run().returncode, 2)
        self.assertIn(b"Usage:", run().stderr)
        for args, word in [(["nonsense"], "no such command"), (["--nonsense"], "no such option"),
                           ([self.pcap], "try mcpmeter report"), (["report"], "no capture file"),
                           (["help", "nonsense"], "no such command"),
                           (["report", self.pcap, "--nonsense"], "no such option"),
                           (["report", self.pcap, "-o"], "needs a value"),
                           (["report", self.pcap, "--json=3"], "--json=3: takes no value"),
                           (["report", self.pcap, "--window", "x"], "--window x"),
                           (["report", self.pcap, "-f", "tcp port"], "tcp port"),
                           (["report", self.pcap, "tcp", "nonsense"], "nonsense"),
                           (["live"], "no interface"), (["interfaces", "lo"], "operands")]:
            self.expect(run(*args), 2, word)

    def test_output_never_overwrites_an_input(self):
        before = os.path.getsize(self.pcap)
        self.expect(run("report", self.pcap, "-o", self.pcap), 2, "also an input")
        self.assertEqual(os.path.getsize(self.pcap), before)


class Inputs(Case):
    def test_missing_file(self):
        self.expect(run("report", self.path("gone.pcap")), 5, "gone.pcap")
        self.expect(run("replay", self.pcap, self.path("gone.pcap")), 5, "gone.pcap")

    def test_name_that_could_steer_the_terminal(self):
        done = run("report", self.path("\033[2Jgone"))
        self.assertEqual(done.returncode, 5)
        self.assertNotIn(b"\033", done.stderr)
        self.assertIn(b"[2Jgone", done.stderr)

    def test_no_capture_file(self):
        self.expect(run("report", self.write("text", b"this is no capture file, is it?")), 1,
                    "text")
        self.expect(run("report", self.write("nothing", b"")), 1, "nothing")
        self.assertEqual(run("report", self.directory).returncode, 1)

    @unittest.skipIf(os.geteuid() != 0, "needs root to become somebody else")
    def test_unreadable_file(self):
        os.chmod(self.pcap, 0o600)
        self.expect(run_as_nobody("report", self.pcap), 4, "a.pcap")

    def test_cut_file_is_reported_up_to_the_cut(self):
        data = conversation().bytes
        for cut in (1, 20, 70):
            path = self.write("cut.pcap", data[:-cut])
            done = run("report", path)
            self.expect(done, 3, "cut.pcap")
            self.assertIn(b"tools/call", done.stdout)
            self.assertIn(b"CUT INPUT", done.stdout)
            report = json.loads(run("report", path, "--json").stdout)
            self.assertIn("cut.pcap", json.dumps(report["capture"]).replace(path, "", 1))
            self.assertEqual(run("report", path, "-q").returncode, 3)
            lines = run("replay", "--json", path)
            self.assertEqual(lines.returncode, 3)
            self.assertEqual(json.loads(lines.stdout.splitlines()[-1])["event"], "summary")

    def test_empty_and_foreign_captures_say_so(self):
        Capture().write(self.path("empty.pcap"))
        foreign = Capture()
        foreign.connect()
        foreign.close()
        foreign.write(self.path("foreign.pcap"))
        for name, text, note in [("empty.pcap", "No packets.", "no packets"),
                                 ("foreign.pcap", "No MCP traffic", "no MCP traffic")]:
            self.expect(run("report", self.path(name)), 0, text, stream="stdout")
            done = run("replay", self.path(name))
            self.expect(done, 0, note)
            self.assertEqual(done.stdout, b"")
            self.assertEqual(run("replay", "-q", self.path(name)).stderr, b"")
            report = json.loads(run("report", "--json", self.path(name)).stdout)
            self.assertEqual(report["protocol_metrics"]["messages"], [])

    def test_required_coverage(self):
        half = conversation()
        half.connect((CLIENT[0], 40002), (SERVER[0], 443))
        half.segment((CLIENT[0], 40002), (SERVER[0], 443), 24,
                     b"\x16\x03\x01\x01\0\x01" + bytes(4000))
        half.write(self.path("half.pcap"))
        other = Capture()
        other.connect()
        other.segment(CLIENT, SERVER, 24, b"*1\r\n$4\r\nPING\r\n")
        other.write(self.path("other.pcap"))
        for command in ("report", "replay"):
            def required(name, percent, *args, command=command):
                return run(command, self.path(name), "--require-coverage", percent, *args)
            for percent in ("0", "12.5", "100"):
                self.assertEqual(required("a.pcap", percent).returncode, 0)
                self.assertEqual(required("a.pcap", percent).stderr, b"")
            done = required("half.pcap", "90.5", "-q")
            self.expect(done, 6, "90.5 % required: 4.01 kB encrypted\n")
            self.assertEqual(done.stdout, run(command, self.path("half.pcap")).stdout)
            self.assertEqual(required("half.pcap", "3").returncode, 0)
            self.assertEqual(required("half.pcap", "90", "not", "port", "443").returncode, 0)
            self.expect(required("other.pcap", "90"), 0, "nothing in the capture may be MCP")
            for wrong in ("101", "-1", "x", ""):
                self.expect(required("a.pcap", wrong), 2, "a percentage from 0 to 100")

    def test_standard_input(self):
        done = run("report", "-", input=conversation().bytes)
        self.expect(done, 0, "tools/call", stream="stdout")

    def test_several_files(self):
        other = Capture(start=1_767_323_099)
        client = (CLIENT[0], 40001)
        other.connect(client)
        other.post(call(9, "other"), result(9), client)
        other.write(self.path("b.pcap"))
        one = json.loads(run("report", "--json", self.path("b.pcap"), self.pcap).stdout)
        self.assertEqual([t["name"] for t in one["protocol_metrics"]["tools"]], ["echo", "other"])
        self.assertEqual(len(one["capture"]["inputs"]), 2)

    def test_filter_behind_the_files(self):
        for args in (["tcp", "port", "3001"], ["tcp port 3001"], ["--", "tcp", "port", "3001"],
                     ["-f", "tcp port 3001"]):
            done = run("report", self.pcap, *args)
            self.expect(done, 0, "No packet matched the filter", "tcp port 3001", stream="stdout")


class Output(Case):
    def test_report_is_reproducible(self):
        for form in ([], ["--json"]):
            self.assertEqual(run("report", *form, self.pcap).stdout,
                             run("report", *form, self.pcap).stdout)

    def test_report_counts(self):
        report = json.loads(run("report", "--json", self.pcap).stdout)
        self.assertEqual(report["report"], "mcpmeter.report/1")
        self.assertEqual(report["connection_metrics"]["connection_attempts"], 1)
        self.assertEqual(report["protocol_metrics"]["messages_received"]["tools/call"], 3)
        self.assertEqual(report["protocol_metrics"]["tools"][0]["results"], 3)
        self.assertAlmostEqual(
            report["protocol_metrics"]["message_latency"]["tools/call"]["avg"], 0.001)

    def test_perspective(self):
        report = json.loads(run("report", "--json", "--perspective", "client", self.pcap).stdout)
        self.assertEqual(report["protocol_metrics"]["messages_sent"]["tools/call"], 3)

    def test_report_fits_the_terminal(self):
        conversation(tool="a_name_" * 15).write(self.pcap)
        for columns, width in ((None, 80), ("100", 100), ("5", 80)):
            environment = dict(ENVIRONMENT, **({"COLUMNS": columns} if columns else {}))
            for line in run("report", "--connections", self.pcap,
                            env=environment).stdout.decode().split("\n"):
                if self.directory not in line:
                    self.assertLessEqual(len(line), width, line)

    def test_names_from_the_wire_cannot_steer_the_terminal(self):
        conversation(tool="\033]0;owned\a\u202e\u009b2J\n").write(self.pcap)
        for command in ("report", "replay"):
            text = run(command, self.pcap, env=dict(ENVIRONMENT, COLUMNS="200")).stdout.decode()
            self.assertIn("\\x1b]0;owned\\x07", text)
            self.assertFalse(re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), repr(text))

    def test_compressed_input_that_ends_at_its_begin(self):
        packed = gzip.compress(conversation().bytes)
        for size in (2, 12):
            self.expect(run("report", self.write("cut.gz", packed[:size])), 3, "cut.gz: gzip data "
                        "cut off inside the file header")
        self.expect(run("report", self.write("no.gz", gzip.compress(b""))), 1, "empty inside")

    def test_output_file(self):
        done = run("report", "--json", self.pcap, "-o", self.path("out.json"))
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        with open(self.path("out.json"), "rb") as file:
            self.assertEqual(file.read(), run("report", "--json", self.pcap).stdout)
        self.expect(run("report", self.pcap, "-o", self.path("no/such")), 5, "no/such")

    def test_missing_input_leaves_an_older_output_alone(self):
        older = self.write("out", b"older")
        self.assertEqual(run("report", self.path("gone"), "-o", older).returncode, 5)
        with open(older, "rb") as file:
            self.assertEqual(file.read(), b"older")

    def test_full_disk(self):
        for command in ("report", "replay", "interfaces"):
            args = [command] if command == "interfaces" else [command, self.pcap]
            self.expect(run(*args, "-o", "/dev/full"), 1, "/dev/full", "No space left")
            with open("/dev/full", "wb") as full:
                self.expect(run(*args, stdout=full), 1, "standard output", "No space left")

    def test_help_to_a_full_disk(self):
        for args in (["--help"], ["help", "live"], ["-V"], ["live", "--help"], ["report", "-V"]):
            with open("/dev/full", "wb") as full:
                self.expect(run(*args, stdout=full), 1, "standard output", "No space left")

    def test_closed_pipe(self):
        conversation(calls=500).write(self.pcap)
        for args in (["replay", self.pcap], ["replay", "--json", self.pcap],
                     ["report", self.pcap]):
            reader, writer = os.pipe()
            with subprocess.Popen([PROGRAM, *args], stdout=writer, stderr=subprocess.PIPE,
                                  env=ENVIRONMENT) as process:
                os.close(writer)
                os.close(reader)
                self.assertEqual(process.stderr.read(), b"")
            self.assertEqual(process.returncode, 0)

    def on_terminal(self, *args, **environment):
        """What a terminal gets from both streams."""
        master, slave = pty.openpty()
        with subprocess.Popen([PROGRAM, *args], stdin=slave, stdout=slave, stderr=slave,
                              env=dict(ENVIRONMENT, **environment)) as process:
            os.close(slave)
            text = b""
            try:
                while piece := os.read(master, 65536):
                    text += piece
            except OSError:
                pass
        os.close(master)
        self.assertEqual(process.returncode, 0)
        return text

    def test_bold_on_a_terminal_only(self):
        self.assertNotIn(b"\033", run("report", self.pcap).stdout)
        self.assertIn(b"\033[1m", self.on_terminal("report", self.pcap))
        self.assertNotIn(b"\033", self.on_terminal("report", self.pcap, NO_COLOR="1"))
        self.assertNotIn(b"\033", self.on_terminal("report", self.pcap, TERM="dumb"))


class Replay(Case):
    def test_one_line_for_each_exchange(self):
        lines = run("replay", self.pcap).stdout.decode().splitlines()
        self.assertEqual(len(lines), 2 + 4, lines)
        self.assertRegex(lines[0], "TIME.*CLIENT.*SERVER.*STATUS.*LATENCY")
        self.assertEqual(lines[1], "-- 2026-01-02")
        self.assertRegex(lines[2], r"^03:04:05\.004000  10\.0\.0\.1:40000 +> 10\.0\.0\.2:3000 +"
                                   r"result +1\.00 ms +\d+ B +\d+ B  initialize$")
        self.assertRegex(lines[3], r"  tools/call echo$")

    def test_connection_lines(self):
        c = conversation()
        c.refused((CLIENT[0], 41000), (SERVER[0], 3009))
        c.write(self.pcap)
        text = run("replay", "--connections", self.pcap).stdout.decode()
        self.assertRegex(text, r"not connected .*refused")
        self.assertRegex(text, r"closed .*fin")
        self.assertNotIn("refused", run("replay", self.pcap).stdout.decode())

    def test_message_lines(self):
        text = run("replay", "--messages", self.pcap).stdout.decode()
        self.assertEqual(len(re.findall(r"  request .*tools/call echo id 1$", text, re.M)), 1)
        self.assertEqual(len(re.findall(r"  result .*tools/call id 1$", text, re.M)), 1)

    def events(self, *args):
        done = run("replay", "--json", *args, self.pcap)
        self.assertEqual(done.returncode, 0)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_json_lines(self):
        events = self.events()
        names = [e["event"] for e in events]
        self.assertEqual(names.count("exchange"), 4)
        self.assertIn("session", names)
        self.assertIn("connection", names)
        self.assertNotIn("message", names)
        self.assertEqual(names[-1], "summary")
        self.assertEqual([e["event"] for e in self.events("--messages")].count("message"), 8)

    def test_summary_without_packets_has_no_time(self):
        last = self.events("-q")[-1]
        self.assertRegex(last["ts"], r"^2026-01-02T")
        Capture().write(self.pcap)
        [last] = self.events("-q")
        self.assertEqual((last["event"], last["ts"]), ("summary", None))

    def test_summary_is_the_report(self):
        summary = self.events()[-1]
        report = json.loads(run("report", "--json", self.pcap).stdout)
        self.assertIn(json.dumps(report, sort_keys=True)[1:-1],
                      json.dumps({k: summary[k] for k in report}, sort_keys=True))

    def wait_until_read(self, process):
        """Until the program catches SIGINT, has emptied its pipe and waits."""
        def ready():
            unread = struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, b"0000"))[0]
            with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
                status = file.read()
            caught = int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16)
            sleeps = re.search(r"State:\s*S", status)
            return caught & 1 << signal.SIGINT - 1 and unread == 0 and sleeps
        while not ready():
            time.sleep(0.02)
        time.sleep(0.2)

    def test_interrupted_run_reports_what_it_read(self):
        with subprocess.Popen([PROGRAM, "report", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=ENVIRONMENT) as process:
            process.stdin.write(conversation().bytes)
            process.stdin.flush()
            self.wait_until_read(process)
            process.send_signal(signal.SIGINT)
            text = process.stdout.read()
            self.assertIn(b"interrupted", process.stderr.read())
            process.stdin.close()
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assertIn(b"tools/call", text)


class MemoryLimit(Case):
    """--memory-limit, by a capture with more connections than fit."""

    def test_oldest_connections_go_and_it_is_said(self):
        capture = Capture()
        for i in range(14000):
            capture.connect(client=(struct.pack(">I", 0x0A000100 + i), 40000))
        capture.write(self.path("many.pcap"))
        done = run("report", "--json", self.path("many.pcap"))
        self.expect(done, 0)
        self.assertEqual(done.stderr, b"")
        for threads in "1", "4":
            done = run("report", "--json", "--memory-limit", "32M", "--threads", threads,
                       self.path("many.pcap"))
            self.expect(done, 0)
            report = json.loads(done.stdout)
            dropped = report["capture"]["limits_hit"]["flows"]
            self.assertIn(dropped, range(1000, 4000))
            self.assertEqual(
                done.stderr.decode(), "mcpmeter: --memory-limit: dropped early: "
                "%d connections\n" % dropped)
            connections = report["connection_metrics"]
            self.assertEqual(connections["active_connections"], 14000 - dropped)


class Interfaces(Case):
    def test_table_and_json(self):
        self.expect(run("interfaces"), 0, "INTERFACE", stream="stdout")
        names = [i["name"] for i in json.loads(run("interfaces", "--json").stdout)["interfaces"]]
        self.assertEqual(len(names), len(set(names)))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(result(request["id"])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Live(Case):
    def setUp(self):
        super().setUp()
        if not can_capture():
            self.skipTest("needs the privilege to capture")

    def listening(self, *args):
        """A live run on a server of our own, started and ready; and the server's port."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        port = server.server_address[1]
        process = subprocess.Popen([PROGRAM, "live", "-i", "lo", *args, "tcp", "port", str(port)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=ENVIRONMENT)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertIn("listening on lo", process.stderr.readline())
        return process, port

    def exchange(self, port, calls=3):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for number in range(calls):
            client.request("POST", "/mcp", json.dumps(call(number, "echo")),
                           {"Content-Type": "application/json"})
            client.getresponse().read()
        client.close()

    def test_lines_come_at_once_and_the_report_at_ctrl_c(self):
        process, port = self.listening("-I", "3600")
        self.exchange(port)
        for wanted in ("TIME", "-- ", "tools/call echo"):
            self.assertIn(wanted, process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        self.assertEqual(process.wait(10), 0)
        self.assertIn("CONNECTIONS", rest)
        self.assertIn("tools/call", rest)

    @unittest.skipIf(os.geteuid() != 0, "is root to begin with")
    def test_root_is_given_up(self):
        process, _ = self.listening()
        with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
            status = file.read()
        process.send_signal(signal.SIGTERM)
        self.assertRegex(status, r"NoNewPrivs:\s1")
        self.assertNotRegex(status, r"Uid:.*\b0\b")
        self.assertNotRegex(status, r"Gid:.*\b0\b")
        self.assertRegex(status, r"Groups:\s*\n")
        self.assertRegex(status, r"CapEff:\s0+\n")
        self.assertEqual(process.wait(10), 0)

    def test_json_intervals(self):
        process, port = self.listening("--json", "-I", "0.2")
        self.exchange(port)
        events, names = [], []
        while names.count("exchange") < 3 or names.count("interval") < 2:
            events.append(json.loads(process.stdout.readline()))
            names.append(events[-1]["event"])
        process.send_signal(signal.SIGTERM)
        events += [json.loads(line) for line in process.stdout]
        self.assertEqual(process.wait(10), 0)
        names = [e["event"] for e in events]
        self.assertEqual(names.count("exchange"), 3)
        self.assertEqual(names[-1], "summary")
        self.assertEqual(events[-1]["capture"]["source"], "live")

    def test_duration(self):
        process, _ = self.listening("--duration", "0.1")
        self.assertEqual(process.wait(10), 0)
        self.assertIn("No packet", process.stdout.read())

    def test_count(self):
        process, port = self.listening("-c", "2", "--json")
        self.exchange(port)
        last = process.stdout.readlines()[-1]
        self.assertEqual(process.wait(10), 0)
        self.assertEqual(json.loads(last)["capture"]["packets"], 2)

    def recording(self, port):
        """A tcpdump of the same packets, ready; it writes them at once."""
        path = self.path("same.pcap")
        process = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-Z", "root" if os.geteuid() == 0 else "nobody", "-U",
             "--immediate-mode", "-B", "65536", "-w", path, "tcp", "port", str(port)],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertIn("listening on", process.stderr.readline())
        return process, path

    @staticmethod
    def counts(report):
        """What does not depend on how exact times are."""
        connections = report["connection_metrics"]
        protocol = report["protocol_metrics"]
        return [[report["capture"][k] for k in ("packets", "bytes", "packets_undecoded")],
                [connections[k] for k in ("connection_attempts", "successful_connections",
                                          "failed_connections", "closed",
                                          "retransmitted_packets", "lost_bytes")],
                report["bandwidth_metrics"]["payload_bytes_received"],
                report["bandwidth_metrics"]["payload_bytes_transmitted"], report["coverage"],
                protocol["messages"], protocol["exchanges"],
                [(t["name"], t["calls"], t["results"]) for t in protocol["tools"]]]

    @staticmethod
    def packets(metrics):
        bandwidth = metrics["bandwidth_metrics"]
        return bandwidth["packets_received"] + bandwidth["packets_transmitted"]

    def wait_until_counted(self, path, recording, closed):
        """Until so many connections were recorded and closed, and the live run that writes to that
        path says that it has counted the same packets: the kernel hands them over late."""
        for _ in range(200):
            time.sleep(0.1)
            recorded = json.loads(run("report", "--json", recording).stdout)
            with open(path, encoding="utf-8") as file:
                lines = [line for line in file if line.endswith("\n")]
            intervals = [line for line in lines if '"event":"interval"' in line]
            if (recorded["connection_metrics"]["closed"]["fin"] == closed and intervals and
                    self.packets(json.loads(intervals[-1])) == self.packets(recorded)):
                return
        self.fail("the live run has not counted what was recorded")

    @unittest.skipUnless(shutil.which("tcpdump"), "needs tcpdump")
    def test_several_sockets_capture_what_a_file_holds(self):
        for sockets, threads in (("1", "2"), ("2", "1"), ("4", "2")):
            process, port = self.listening("--json", "--sockets", sockets, "--threads", threads,
                                           "-I", "0.2", "-o", self.path("live.jsonl"))
            recorder, path = self.recording(port)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for _ in pool.map(lambda _: self.exchange(port, 1), range(200)):
                    pass
            self.wait_until_counted(self.path("live.jsonl"), path, 200)
            for each in (recorder, process):
                each.send_signal(signal.SIGINT)
                each.wait(10)
            with open(self.path("live.jsonl"), encoding="utf-8") as lines:
                live = json.loads(lines.readlines()[-1])
            recorded = json.loads(run("report", "--json", path).stdout)
            self.assertEqual(live["capture"]["packets_dropped"], 0)
            self.assertEqual(live["protocol_metrics"]["exchanges"]["result"], 200)
            self.assertEqual(self.counts(live), self.counts(recorded), sockets)

    def test_refusals(self):
        self.expect(run("live", "-i", "nosuch0"), 5, "nosuch0")
        self.expect(run("live", "-i", "lo", "tcp port"), 2)
        if os.geteuid() == 0:
            self.expect(run("live", "-i", "lo", "-q", "--user", "no such user"), 5, "no such user")
            done = run_as_nobody("live", "-i", "lo", "-q")
            self.expect(done, 4)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
