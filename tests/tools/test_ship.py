#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir ship against a receiver of our own: order, repeats, resets, TLS, changes of the ledger."""
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from receiver import Receiver  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEIR = os.environ.get("WEIR", os.path.join(ROOT, "weir"))
HEADER = re.compile(r"<(\d+)>1 (\S+) (\S+) weir - (\S+) - (.*)", re.S)
SEQUENCE = re.compile(r" cn3=(\d+) ")


def event(seq, kind="system", extra='"what":"start","message":"hello"'):
    return (f'{{"v":1,"seq":{seq},"time":"2026-11-22T02:11:16.123456Z","type":"{kind}",'
            f'"sensor":"edge-1",{extra}}}\n')


class Ship(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.ledger = os.path.join(self.dir, "ledger")
        self.conf = os.path.join(self.dir, "weir.conf")
        self.state = os.path.join(self.dir, "cursor")
        self.running = None
        self.addCleanup(self.stop)

    def receiver(self, **more):
        r = Receiver(**more)
        self.addCleanup(r.close)
        return r

    def configure(self, port, protocol="tcp", more="window = 100;", server="127.0.0.1"):
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(f'sensor = "edge-1";\nledger = {{ dir = "{self.ledger}"; }};\n'
                    f'ship = {{ server = "{server}"; port = {port}; protocol = "{protocol}";'
                    f' state = "{self.state}"; {more} }};\n')

    def write(self, first, last, segment=1, mode="a"):
        os.makedirs(self.ledger, exist_ok=True)
        with open(os.path.join(self.ledger, f"{segment:06d}.jsonl"), mode,
                  encoding="ascii") as f:
            for seq in range(first, last + 1):
                f.write(event(seq))

    def once(self, code=0):
        done = subprocess.run([WEIR, "ship", "-c", self.conf, "--once"], check=False,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def start(self):
        self.running = subprocess.Popen([WEIR, "ship", "-c", self.conf],
                                        stderr=subprocess.PIPE, text=True)

    def stop(self, number=signal.SIGTERM):
        """What it said."""
        if self.running is None:
            return ""
        self.running.send_signal(number)
        text = self.running.communicate(timeout=30)[1]
        self.status_of_end, self.running = self.running.returncode, None
        return text

    def status(self):
        done = subprocess.run([WEIR, "ship", "-c", self.conf, "--status", "--json"],
                              check=False, capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout)

    @staticmethod
    def until(condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("it did not come to pass")
            time.sleep(0.02)

    def sequences(self, receiver):
        return [int(s.group(1)) for s in map(SEQUENCE.search, receiver.messages) if s]

    def check_repeats(self, numbers, last, window):
        """All lines, and each step back is of a window at most."""
        self.assertEqual(set(numbers), set(range(1, last + 1)))
        highest = 0
        for before, n in zip([0] + numbers, numbers):
            if n != before + 1:
                self.assertLess(n, before + 1, "a line was left out")
                self.assertLessEqual(highest - n + 1, window)
            highest = max(highest, n)

    # ---- form and order

    def test_message(self):
        self.write(1, 3)
        r = self.receiver()
        self.configure(r.port)
        self.once()
        self.assertEqual(r.faults, [])
        pri, when, host, kind, text = HEADER.fullmatch(r.messages[0]).groups()
        self.assertEqual((pri, when, host, kind),
                         ("166", "2026-11-22T02:11:16.123456Z", "edge-1", "system"))
        self.assertTrue(text.startswith("CEF:0|Weir|Weir|"), text)
        self.assertEqual(self.sequences(r), [1, 2, 3])

    def test_json(self):
        self.write(1, 3)
        r = self.receiver()
        self.configure(r.port, more='format = "json";')
        self.once()
        self.assertEqual([HEADER.fullmatch(m).group(5) + "\n" for m in r.messages],
                         [event(n) for n in (1, 2, 3)])

    def test_anchors(self):
        """What the receiver has is an anchor of a sealed ledger, in both forms."""
        subprocess.run([WEIR, "replay", "-q", "-c", "tests/demo/demo.conf", "-o", self.ledger,
                        "tests/demo/demo.pcap"], check=True, cwd=ROOT,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for form in ("cef", "json"):
            r = self.receiver()
            self.configure(r.port, more=f'format = "{form}";')
            if os.path.exists(self.state):
                os.remove(self.state)
            self.once()
            name = os.path.join(self.dir, form)
            with open(name, "w", encoding="utf-8") as f:
                f.write("".join(m + "\n" for m in r.messages))
            done = subprocess.run([WEIR, "verify", self.ledger, "--anchors", name],
                                  check=False, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, "anchor")
            with open(name, encoding="utf-8") as f:
                sent = f.read()
            with open(name, "w", encoding="utf-8") as f:
                f.write(re.sub('"head":"(.)', lambda m: '"head":"' + "10"[m.group(1) == "1"],
                               sent, count=1))
            done = subprocess.run([WEIR, "verify", self.ledger, "--anchors", name],
                                  check=False, capture_output=True, text=True)
            self.assertEqual(done.returncode, 1, "a changed anchor was taken")

    # ---- at least once

    def test_follow(self):
        self.write(1, 10)
        r = self.receiver()
        self.configure(r.port)
        self.start()
        self.until(lambda: len(r.messages) == 10)
        self.write(11, 700)
        self.until(lambda: len(r.messages) == 700)
        self.write(701, 900, segment=2)
        self.until(lambda: len(r.messages) == 900)
        self.until(lambda: self.status()[1]["acknowledged"] == 900)
        self.stop()
        self.assertEqual(self.status_of_end, 0)
        self.assertEqual(self.sequences(r), list(range(1, 901)))
        code, state = self.status()
        self.assertEqual((state["last"], state["lag_lines"], state["lost"]), (900, 0, 0))
        self.assertEqual(code, 0)
        self.assertTrue(800 <= state["seq"] < 900, state)

    def test_half_a_line(self):
        self.write(1, 2)
        r = self.receiver()
        self.configure(r.port)
        with open(os.path.join(self.ledger, "000001.jsonl"), "a", encoding="ascii") as f:
            f.write(event(3)[:40])
            f.flush()
            self.start()
            self.until(lambda: len(r.messages) == 2)
            time.sleep(1.2)
            f.write(event(3)[40:])
        self.until(lambda: len(r.messages) == 3)
        self.assertEqual(self.sequences(r), [1, 2, 3])

    def test_starts(self):
        """A start sends at most a window again, also after kill -9."""
        self.write(1, 1000)
        r = self.receiver()
        self.configure(r.port)
        self.once()
        self.once()
        self.start()
        self.until(lambda: len(r.messages) > 1150)
        self.stop(signal.SIGKILL)
        self.once()
        self.check_repeats(self.sequences(r), 1000, 100)

    def test_resets(self):
        """Reset within a frame, many times: nothing is missing, each reset costs a window."""
        self.write(1, 3000)
        r = self.receiver(cut=[500, 70001, 123, 40000, 99999, 1])
        self.configure(r.port)
        self.start()
        self.until(lambda: 3000 in self.sequences(r))
        self.stop()
        self.assertGreaterEqual(r.connections, 7)
        self.check_repeats(self.sequences(r), 3000, 100)

    def test_away(self):
        """No receiver: said, and tried again when it comes."""
        self.write(1, 50)
        r = self.receiver()
        r.close()
        self.configure(r.port)
        self.start()
        self.until(lambda: os.path.exists(self.state) and "error" in self.status()[1])
        code, state = self.status()
        self.assertEqual((code, state["lag_lines"]), (1, 50))
        again = self.receiver(port=r.port)
        self.until(lambda: len(again.messages) == 50)
        self.until(lambda: self.status()[0] == 1 and "error" not in self.status()[1]
                   or self.status()[0] == 0)
        self.assertEqual(self.once_away(), 3)

    def once_away(self):
        self.stop()
        r = self.receiver()
        r.close()
        self.configure(r.port)
        return subprocess.run([WEIR, "ship", "-c", self.conf, "--once"], check=False,
                              capture_output=True).returncode

    # ---- the ledger changes

    def test_compressed(self):
        self.write(1, 500)
        self.write(501, 900, segment=2)
        r = self.receiver()
        self.configure(r.port)
        self.start()
        self.until(lambda: len(r.messages) == 900)
        first = os.path.join(self.ledger, "000001.jsonl")
        second = os.path.join(self.ledger, "000002.jsonl")
        self.write(901, 910, segment=3)
        for name in (first, second):
            subprocess.run(["zstd", "-q", "--rm", name], check=True)
        self.write(911, 920, segment=3)
        self.until(lambda: len(r.messages) == 920)
        self.stop()
        self.once()
        self.check_repeats(self.sequences(r), 920, 100)

    def test_removed(self):
        """Lines that retention took are counted for the receiver."""
        self.write(1, 200)
        r = self.receiver()
        self.configure(r.port)
        self.once()
        self.write(201, 300, segment=2)
        self.write(301, 400, segment=3)
        self.write(401, 500, segment=4)
        for n in (1, 2, 3):
            os.remove(os.path.join(self.ledger, f"{n:06d}.jsonl"))
        self.assertEqual(self.status()[0], 1)
        del r.messages[:]
        self.once()
        kind, text = HEADER.fullmatch(r.messages[0]).group(4, 5)
        lost = int(re.search(r" cnt=(\d+) ", text).group(1))
        self.assertEqual(kind, "ship")
        self.assertIn("|ship:lost|", text)
        self.assertEqual(self.sequences(r), list(range(401, 501)))
        self.assertTrue(200 <= lost <= 300, lost)

    def test_begun_anew(self):
        self.write(1, 300)
        r = self.receiver()
        self.configure(r.port)
        self.once()
        shutil.rmtree(self.ledger)
        self.write(1, 20)
        with open(os.path.join(self.ledger, "000001.jsonl"), "a", encoding="ascii") as f:
            f.write(event(21, extra='"what":"stop","message":"another"'))
        del r.messages[:]
        self.once()
        self.assertIn("|ship:begun|", r.messages[0])
        self.assertEqual(self.sequences(r), list(range(1, 22)))
        del r.messages[:]
        self.once()
        self.assertEqual(self.sequences(r), list(range(1, 22)))
        self.assertNotIn("ship:", r.messages[0])

    def test_changed(self):
        """Lines of the same places and numbers, but others: told, and all sent again."""
        self.write(1, 300)
        r = self.receiver()
        self.configure(r.port)
        self.once()
        name = os.path.join(self.ledger, "000001.jsonl")
        with open(name, encoding="ascii") as f:
            text = f.read()
        with open(name, "w", encoding="ascii") as f:
            f.write(text.replace("hello", "HELLO"))
        del r.messages[:]
        self.once()
        self.assertIn("|ship:begun|", r.messages[0])
        self.assertEqual(self.sequences(r), list(range(1, 301)))

    def test_end_lost(self):
        """A power cut took lines that were sent: the segment again, not the ledger."""
        self.write(1, 500)
        self.write(501, 800, segment=2)
        with open(os.path.join(self.ledger, "ledger.pub"), "w", encoding="ascii") as f:
            f.write("the same\n")
        r = self.receiver()
        self.configure(r.port)
        self.once()
        self.write(501, 520, segment=2, mode="w")
        with open(os.path.join(self.ledger, "000002.jsonl"), "a", encoding="ascii") as f:
            f.write(event(521, extra='"what":"start","message":"again"'))
        del r.messages[:]
        self.once()
        self.assertIn("|ship:back|", r.messages[0])
        self.assertEqual(self.sequences(r), list(range(501, 522)))

    def test_left_out(self):
        self.write(1, 2)
        with open(os.path.join(self.ledger, "000001.jsonl"), "a", encoding="ascii") as f:
            f.write('{"v":1,"seq":3,"time":"never","type":"flow"}\nrubbish\n')
            f.write(event(4, kind="novelty"))
        self.write(5, 6)
        r = self.receiver()
        self.configure(r.port)
        said = self.once()
        self.assertEqual(self.sequences(r), [1, 2, 5, 6])
        self.assertEqual([m.count("|ship:left_out|") for m in r.messages],
                         [0, 0, 1, 1, 1, 0, 0])
        self.assertIn("line 4 of 000001.jsonl", said)

    def test_damaged_cursor(self):
        self.write(1, 5)
        r = self.receiver()
        self.configure(r.port)
        self.once()
        with open(self.state, "r+", encoding="ascii") as f:
            text = f.read()
            f.seek(0)
            f.write(text.replace("seq ", "seq 1", 1))
        self.assertIn("remove it", self.once(3))

    # ---- TLS

    def authority(self):
        if hasattr(self, "made"):
            return
        self.made = True
        self.run_openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                         "-subj /CN=ca -keyout ca.key -out ca.pem -days 2")

    def run_openssl(self, words):
        subprocess.run(["openssl", *words.split()], check=True, cwd=self.dir,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def certificate(self, name, alt, days="2"):
        self.authority()
        with open(os.path.join(self.dir, "ext"), "w", encoding="ascii") as f:
            f.write(f"subjectAltName={alt}\n")
        self.run_openssl(f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                         f"-subj /CN=localhost -keyout {name}.key -out {name}.csr")
        self.run_openssl(f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key "
                         f"-CAcreateserial -days {days} -extfile ext -out {name}.pem")

    def tls(self, name, client=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.dir, name + ".pem"),
                                os.path.join(self.dir, name + ".key"))
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(os.path.join(self.dir, "ca.pem"))
        return self.receiver(context=context)

    def test_tls(self):
        self.write(1, 2000)
        self.certificate("good", "DNS:localhost,IP:127.0.0.1")
        for server in ("localhost", "127.0.0.1"):
            r = self.tls("good")
            self.configure(r.port, "tls", server=server, more='ca = "ca.pem"; window = 100;')
            self.once()
            numbers = self.sequences(r)
            self.assertEqual(numbers, list(range(numbers[0], 2001)))
        self.assertGreaterEqual(numbers[0], 1900)

    def test_tls_resets(self):
        self.write(1, 2000)
        self.certificate("good", "DNS:localhost")
        r = self.tls("good")
        r.cut = [500, 70001, 9000]
        self.configure(r.port, "tls", server="localhost", more='ca = "ca.pem"; window = 100;')
        self.start()
        self.until(lambda: 2000 in self.sequences(r))
        self.stop()
        self.check_repeats(self.sequences(r), 2000, 100)

    def refused(self, receiver, word, more='ca = "ca.pem";', server="localhost"):
        self.configure(receiver.port, "tls", server=server, more=more)
        self.assertIn(word, self.once(3))
        self.assertEqual(receiver.messages, [])

    def test_tls_refuses(self):
        self.write(1, 3)
        self.certificate("other", "DNS:elsewhere.example")
        self.refused(self.tls("other"), "hostname mismatch")
        self.refused(self.tls("other"), "IP address mismatch", server="127.0.0.1")
        self.certificate("old", "DNS:localhost", days="-1")
        self.refused(self.tls("old"), "has expired")
        self.certificate("good", "DNS:localhost")
        self.refused(self.tls("good"), "certificate", more="")
        self.refused(self.receiver(), "TLS")

    def test_tls_client(self):
        self.write(1, 3)
        self.certificate("good", "DNS:localhost")
        self.certificate("client", "DNS:weir")
        r = self.tls("good", client=True)
        self.configure(r.port, "tls", server="localhost",
                       more='ca = "ca.pem"; cert = "client.pem"; key = "client.key";')
        self.once()
        self.assertEqual(self.sequences(r), [1, 2, 3])


if __name__ == "__main__":
    unittest.main()
