#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir ship to a real rsyslog that is killed (-9) and started again under load: no line is
missing, and each reconnect repeats at most the window.  SHIP_KILLS=20 for the whole
(make ship-kills); SHIP_SEED for other moments."""
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEIR = os.environ.get("WEIR", os.path.join(ROOT, "weir"))
KILLS = int(os.environ.get("SHIP_KILLS", "3"))
SEED = int(os.environ.get("SHIP_SEED", "1"))
RATE = 8000     # lines a second
WINDOW = 20000  # the default
SEQUENCE = re.compile(rb" cn3=(\d+) ")
END = b" WeirGate=rules"  # of a message that is whole
LINE = ('{{"v":1,"seq":{},"time":"2026-11-22T02:11:16.123456Z","type":"flow","sensor":"edge-1",'
        '"generation":"7181ed061634a2c7","mode":"enforce","phase":"start",'
        '"flow_id":"00000000000000aa","src_ip":"10.1.2.3","src_port":40000,'
        '"dst_ip":"40.99.1.2","dst_port":443,"transport":"tcp","protocol":"tls",'
        '"site":"berlin","role":"user","principal":"u17","host":"org-{}.crm4.dynamics.com",'
        '"evidence":"sni","service":"dataverse","in_scope":true,"country":"NL",'
        '"verdict":"allow","effect":"passed","reason":"rule","gate":"rules",'
        '"rule":"rules/a.rules:20","rule_label":"line-20"}}\n')
# As docs/ship.md has it, with names of files and a port of our own.
RSYSLOG = """global(workDirectory="{dir}" maxMessageSize="160k")
module(load="imtcp")
template(name="whole" type="string" string="%rawmsg%\\n")
ruleset(name="weir" queue.type="LinkedList" queue.size="2000") {{
    action(type="omfile" file="{dir}/weir.log" template="whole" asyncWriting="off")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="weir")
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Rsyslog(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.log = os.path.join(self.dir, "weir.log")
        self.ledger = os.path.join(self.dir, "ledger")
        os.mkdir(self.ledger)
        port = free_port()
        self.path("rsyslog.conf", RSYSLOG.format(dir=self.dir, port=port))
        self.path("weir.conf",
                  f'ledger = {{ dir = "{self.ledger}"; }};\n'
                  f'ship = {{ server = "127.0.0.1"; port = {port}; protocol = "tcp"; '
                  f'state = "{self.dir}/cursor"; window = {WINDOW}; }};\n')
        self.written, self.writing = 0, True
        self.rsyslog = None
        self.addCleanup(lambda: self.rsyslog and (self.rsyslog.kill(), self.rsyslog.wait()))

    def path(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="ascii") as f:
            f.write(text)

    def start_rsyslog(self):
        self.rsyslog = subprocess.Popen(
            ["/usr/sbin/rsyslogd", "-n", "-f", os.path.join(self.dir, "rsyslog.conf"),
             "-i", os.path.join(self.dir, "pid")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write(self):
        """A ledger that grows, in segments of 50,000 lines."""
        begun = time.monotonic()
        while self.writing:
            due = int((time.monotonic() - begun) * RATE)
            while self.written < due:
                number = self.written // 50000 + 1
                last = min(due, number * 50000)
                with open(os.path.join(self.ledger, f"{number:06d}.jsonl"), "a",
                          encoding="ascii") as f:
                    f.write("".join(LINE.format(n, n % 97)
                                    for n in range(self.written + 1, last + 1)))
                self.written = last
            time.sleep(0.02)

    def received(self):
        """Sequence numbers as they came.  A message whose write was cut has none, and the next
        stands behind its remains."""
        if not os.path.exists(self.log):
            return []
        with open(self.log, "rb") as f:
            lines = f.read().split(b"\n")
        found = [SEQUENCE.findall(line) for line in lines[:-1] if line.endswith(END)]
        return [int(n[-1]) for n in found if n]

    def has_last(self):
        if not os.path.exists(self.log):
            return False
        with open(self.log, "rb") as f:
            f.seek(0, os.SEEK_END)
            f.seek(max(0, f.tell() - 65536))
            return f" cn3={self.written} ".encode() in f.read()

    def test_kills(self):
        moments = random.Random(SEED)
        writer = threading.Thread(target=self.write)
        self.start_rsyslog()
        writer.start()
        ship = subprocess.Popen([WEIR, "ship", "-c", os.path.join(self.dir, "weir.conf")],
                                stderr=subprocess.PIPE)
        try:
            time.sleep(1)
            for _ in range(KILLS):
                time.sleep(0.2 + moments.random())
                self.rsyslog.kill()
                self.rsyslog.wait()
                time.sleep(moments.random() / 4)
                self.start_rsyslog()
            self.writing = False
            writer.join()
            end = time.monotonic() + 60
            while not self.has_last() and time.monotonic() < end:
                time.sleep(0.1)
        finally:
            self.writing = False
            ship.terminate()
            said = ship.communicate(timeout=30)[1].decode()
        self.judge(said)

    def judge(self, said):
        numbers = self.received()
        missing = set(range(1, self.written + 1)) - set(numbers)
        repeats, highest, back = len(numbers) - len(set(numbers)), 0, 0
        for n in numbers:
            if n <= highest:
                back = max(back, highest - n + 1)
            highest = max(highest, n)
        print(f"{KILLS} kills, {self.written} lines, {len(missing)} missing, {repeats} repeated, "
              f"at most {back} back", file=sys.stderr)
        self.assertEqual(len(missing), 0, said)
        self.assertGreater(self.written, 50 * KILLS)
        self.assertGreater(repeats, 0, "no kill met a line")
        self.assertLessEqual(back, WINDOW)
        self.assertLessEqual(repeats, KILLS * WINDOW)


if __name__ == "__main__":
    unittest.main()
