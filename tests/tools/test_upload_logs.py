#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/upload-logs.py against a fake of the Logs Ingestion API that refuses what the
documented limits refuse."""
import gzip
import http.server
import importlib.util
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEIR = os.environ.get("WEIR", os.path.join(ROOT, "weir"))
SCRIPT = os.path.join(ROOT, "scripts", "upload-logs.py")
PATH = "/dataCollectionRules/dcr-0123/streams/Custom-WeirSessions?api-version=2023-01-01"
SECRET = "eyJ-secret.token_1"
LINE = ('{{"v":1,"seq":{},"time":"2026-11-22T02:11:16.123456Z","type":"flow","sensor":"edge-1",'
        '"phase":"start","flow_id":"00000000000000aa","src_ip":"10.1.2.3","src_port":40000,'
        '"dst_ip":"40.99.1.2","dst_port":443,"transport":"tcp","protocol":"tls",'
        '"site":"berlin","host":"org.crm4.dynamics.com","verdict":"allow"{}}}\n')


class Fake(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers=(), text=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        fake = self.server
        packed = self.rfile.read(int(self.headers["Content-Length"]))
        fake.calls.append((time.monotonic(), self.headers["Authorization"]))
        if fake.script:
            status, *headers = fake.script.pop(0)
            if callable(status):
                return status(self)
            return self.answer(status, headers, b'{"error":{"message":"as told"}}')
        fault = self.fault(packed)
        if fault is not None:
            fake.faults.append(fault)
            return self.answer(fault[0], [("x-ms-error-code", "Bad")])
        fake.rows += json.loads(gzip.decompress(packed))
        fake.sizes.append(len(gzip.decompress(packed)))
        return self.answer(204)

    def fault(self, packed):
        if self.path != PATH:
            return 404, self.path
        if self.headers["Authorization"] != "Bearer " + self.server.token:
            return 401, "token"
        if (self.headers["Content-Type"] != "application/json" or
                self.headers["Content-Encoding"] != "gzip"):
            return 400, "headers"
        body = gzip.decompress(packed)
        if len(body) > self.server.most or len(packed) > self.server.most:
            return 413, len(body)
        rows = json.loads(body)
        if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows) or not rows:
            return 400, "no array of objects"
        if any(len(json.dumps(v)) > 64000 for r in rows for v in r.values()):
            return 400, "a value over 64 KB"
        return None


class Upload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pki = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.pki)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost", "-keyout", "key", "-out", "ca",
                        "-days", "2"], check=True, cwd=cls.pki, stderr=subprocess.DEVNULL)

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.ledger = os.path.join(self.dir, "ledger")
        os.mkdir(self.ledger)
        self.fake = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fake)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.pki, "ca"), os.path.join(self.pki, "key"))
        self.fake.socket = context.wrap_socket(self.fake.socket, server_side=True)
        self.fake.calls, self.fake.faults, self.fake.rows = [], [], []
        self.fake.sizes, self.fake.script = [], []
        self.fake.token, self.fake.most = SECRET, 1000000
        threading.Thread(target=self.fake.serve_forever, daemon=True).start()
        self.addCleanup(self.fake.server_close)
        self.addCleanup(self.fake.shutdown)
        self.token = os.path.join(self.dir, "token")
        self.put_token(SECRET)

    def put_token(self, text):
        with open(self.token, "w", encoding="ascii") as f:
            f.write(text + "\n")
        os.chmod(self.token, 0o600)

    def write(self, first, last, more=""):
        with open(os.path.join(self.ledger, "000001.jsonl"), "a", encoding="ascii") as f:
            for n in range(first, last + 1):
                f.write(LINE.format(n, more))

    def run_it(self, code=0, token=None, host="localhost", ca=None, more=()):
        done = subprocess.run(
            [sys.executable, SCRIPT, "--endpoint",
             f"https://{host}:{self.fake.server_address[1]}", "--dcr", "dcr-0123", "--stream",
             "Custom-WeirSessions", "--type", "flow", "--ledger", self.ledger, "--state",
             os.path.join(self.dir, "state"), "--weir", WEIR, *(ca or ["--ca", self.pki + "/ca"]),
             *(token or ["--token-file", self.token]), *more],
            check=False, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        return done.stderr

    def numbers(self):
        return [r["AdditionalFields"]["seq"] for r in self.fake.rows]

    def test_batches(self):
        self.write(1, 3000)
        self.run_it()
        self.assertEqual(self.numbers(), list(range(1, 3001)))
        self.assertEqual(self.fake.faults, [])
        self.assertGreaterEqual(len(self.fake.sizes), 2)
        self.assertTrue(all(s > 990000 for s in self.fake.sizes[:-1]), self.fake.sizes)
        self.write(3001, 3010)
        self.run_it()
        self.assertEqual(self.numbers(), list(range(1, 3011)))
        self.run_it()
        self.assertEqual(len(self.fake.rows), 3010)

    def test_throttled(self):
        self.write(1, 5)
        self.fake.script = [(429, ("Retry-After", "2")), (503,)]
        self.run_it()
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])
        first, second, third = [when for when, _ in self.fake.calls]
        self.assertGreaterEqual(second - first, 1.9)
        self.assertGreaterEqual(third - second, 0.4)

    def test_throttled_for_long(self):
        self.write(1, 5)
        self.fake.script = [(429, ("Retry-After", "4000"))]
        self.assertIn("not before 4000 s", self.run_it(3))

    def test_given_up(self):
        """What was acknowledged is not sent again; the rest is, by the next run."""
        self.write(1, 3000)
        ok = Fake.answer
        self.fake.script = []
        count = []

        def sometimes(handler, status, headers=(), text=b""):
            count.append(status)
            if len(count) >= 3:
                status = 500
            ok(handler, status, headers, text)
        self.fake.RequestHandlerClass = type("Sometimes", (Fake,), {"answer": sometimes})
        self.run_it(3, more=["--attempts", "1"])
        had = len(self.fake.sizes)
        self.fake.RequestHandlerClass = Fake
        self.run_it()
        self.assertEqual(set(self.numbers()), set(range(1, 3001)))
        self.assertGreater(len(self.fake.sizes), had)
        self.assertLess(len(self.fake.rows), 3000 + 1300)

    def test_no_answer(self):
        def drop(handler):
            handler.close_connection = True
            handler.connection.shutdown(2)
        self.write(1, 5)
        self.fake.script = [(drop,)]
        self.run_it()
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])

    def test_too_large(self):
        """413: halves; one row that is refused is told and left out."""
        self.write(1, 8)
        self.write(9, 9, ',"site_name":"' + "x" * 9000 + '"')
        self.write(10, 12)
        self.fake.most = 4000
        said = self.run_it(1)
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12])
        self.assertIn("line 9: is refused as too large", said)
        self.run_it()

    def test_token_expired(self):
        self.write(1, 5)
        self.fake.token = "new"
        turn = os.path.join(self.dir, "turn")
        command = os.path.join(self.dir, "command")
        with open(command, "w", encoding="ascii") as f:
            f.write(f'#!/bin/sh\nif [ -e {turn} ]; then echo \'{{"accessToken":"new"}}\'; '
                    f"else touch {turn}; echo {SECRET}; fi\n")
        os.chmod(command, 0o700)
        self.run_it(token=["--token-command", command])
        self.assertEqual([t for _, t in self.fake.calls], ["Bearer " + SECRET, "Bearer new"])
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])

    def test_token_file_renewed(self):
        self.write(1, 5)

        def renew(handler):
            self.put_token("another.token")
            self.fake.token = "another.token"
            handler.answer(401)
        self.fake.script = [(renew,)]
        self.run_it()
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5])

    def test_token_refused(self):
        self.write(1, 5)
        self.fake.token = "other"
        self.assertIn("401", self.run_it(3))
        self.assertEqual(len(self.fake.calls), 2)
        os.chmod(self.token, 0o604)
        self.assertIn("everybody", self.run_it(3))
        self.put_token("no token\r\nX-Header: 1")
        self.assertIn("is none", self.run_it(3))

    def test_forbidden(self):
        """What no repeat helps against ends at once, with the service's words and no token."""
        self.write(1, 5)

        def echo(handler):
            handler.answer(403, [("x-ms-error-code", "OperationFailed")],
                           handler.headers["Authorization"].encode())
        self.fake.script = [(echo,)]
        self.assertIn("403 OperationFailed: Bearer [token]", self.run_it(3))
        self.assertEqual(len(self.fake.calls), 1)

    def test_certificate(self):
        self.write(1, 5)
        self.assertIn("certificate is refused", self.run_it(3, host="127.0.0.1"))
        self.assertIn("certificate is refused", self.run_it(3, ca=["--attempts", "1"]))
        self.assertEqual(self.fake.calls, [])

    def test_begun_anew(self):
        self.write(1, 5)
        self.run_it()
        with open(os.path.join(self.ledger, "ledger.pub"), "w", encoding="ascii") as f:
            f.write("another\n")
        self.assertIn("another one", self.run_it())
        self.assertEqual(self.numbers(), [1, 2, 3, 4, 5] * 2)

    def test_pace(self):
        spec = importlib.util.spec_from_file_location("upload_logs", SCRIPT)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        now = [0.0]
        pace = module.Pace(lambda: now[0], lambda s: now.__setitem__(0, now[0] + s))
        for _ in range(2000):
            pace.wait(1000000)
        self.assertEqual(now[0], 0)
        pace.wait(1)
        self.assertGreaterEqual(now[0], 60)
        begun = now[0]
        for _ in range(12000):
            pace.wait(1)
        self.assertGreaterEqual(now[0], begun + 60)


if __name__ == "__main__":
    unittest.main()
