#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir query --follow on a ledger that grows: a torn last line, the next segment, the one before
compressed, another query at the same time, and an end at any moment."""
import os
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEIR = os.environ.get("WEIR", os.path.join(ROOT, "weir"))
LINE = '{{"v":1,"seq":{},"time":"2026-11-22T02:11:16Z","type":"change","who":"{}"}}\n'


class Follow(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.out = os.path.join(self.dir, "out")
        self.running = None
        self.addCleanup(self.end)

    def put(self, text, segment=1):
        with open(os.path.join(self.dir, f"{segment:06}.jsonl"), "a", encoding="ascii") as f:
            f.write(text)

    def lines(self, first, last, segment=1):
        for seq in range(first, last + 1):
            self.put(LINE.format(seq, "a" if seq % 2 else "b"), segment)

    def start(self, *more):
        with open(self.out, "wb") as out, open(self.out + ".err", "wb") as err:
            self.running = subprocess.Popen(
                [WEIR, "query", "--ledger", self.dir, "--follow", "--csv", "--fields", "seq,who",
                 *more], stdout=out, stderr=err)

    def end(self):
        if self.running is not None:
            self.running.kill()
            self.running.wait()
        self.running = None

    def shown(self):
        """Numbers in the order they came; of whole rows, without the head."""
        with open(self.out, newline="", encoding="ascii") as f:
            rows = f.read().split("\r\n")[:-1]
        return [int(r.split(",")[0]) for r in rows if not r.startswith("seq")]

    def until(self, wanted):
        end = time.monotonic() + 20
        while self.shown() != wanted and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(self.shown(), wanted)

    def query(self):
        done = subprocess.run([WEIR, "query", "--ledger", self.dir, "--csv", "--group-by", "type"],
                              check=True, capture_output=True, text=True, timeout=20)
        self.assertEqual(done.stderr, "")
        return int(done.stdout.splitlines()[1].split(",")[1])

    def test_grows(self):
        self.lines(1, 3)
        self.start()
        self.until([1, 2, 3])
        self.lines(4, 5)
        torn = LINE.format(6, "a")
        self.put(torn[:40])
        self.until([1, 2, 3, 4, 5])
        self.assertEqual(self.query(), 5)   # it waits for nobody, and nobody for it
        self.put(torn[40:])
        self.lines(7, 8, segment=2)
        self.until(list(range(1, 9)))
        subprocess.run(["zstd", "-q", "--rm", os.path.join(self.dir, "000001.jsonl")], check=True)
        self.lines(9, 10, segment=2)
        self.until(list(range(1, 11)))
        self.assertIsNone(self.running.poll())
        self.end()
        with open(self.out + ".err", encoding="ascii") as f:
            self.assertEqual(f.read(), "")

    def test_filter(self):
        self.lines(1, 2)
        self.start("--who", "b")
        self.until([2])
        self.lines(3, 6)
        self.until([2, 4, 6])
        with open(self.out, encoding="ascii") as f:
            self.assertEqual(f.read().count("seq,who"), 1)

    def test_killed(self):
        """Killed while lines come: the index goes on where it was, each line once."""
        last = 100
        self.lines(1, last)
        for pause in (0, 0.02, 0.05, 0.15, 0.3, 1.02):
            self.start()
            time.sleep(pause)
            self.lines(last + 1, last + 400, segment=1 + last // 1000)
            last += 400
            self.end()
        self.assertEqual(self.query(), last)
        self.start()
        self.until(list(range(1, last + 1)))


if __name__ == "__main__":
    unittest.main()
