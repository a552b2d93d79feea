# SPDX-License-Identifier: Apache-2.0
"""nDPI in a process of its own: words come through, and what becomes of it touches nobody."""
import json
import os
import signal
import threading
import time
import unittest

import lab as places
from case import GatewayCase
from gateway import ALLOWED, DENIED, WATCHDOG_S
from netns import LabError, is_running, wait_for
from servers import Keeper

PORT = 6881
BITTORRENT = b"\x13BitTorrent protocol" + b"\0" * 8 + b"i" * 20 + b"p" * 20
RDP = bytes.fromhex("0300002924e00000000000") + b"Cookie: mstshash=lab\r\n" \
    + bytes.fromhex("0100080003000000")
NOISE = b"\x93\x17\xe4\xc2\x05\x99"
BACK_S = 10
SLOW_S = 1.0  # a verdict that waited for the watchdog would take longer


def standing(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


class Guesser(GatewayCase):
    weir_options = {"on_failure": "closed"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        keeper = Keeper(cls.lab, places.KEEPER, PORT)
        cls.addClassCleanup(keeper.close)
        cls.keeper = keeper

    def ready(self, other_than=0):
        status = self.weir.wait_status(
            lambda s: s["guesser"]["ready"] and s["pids"]["guesser"] not in (0, other_than),
            BACK_S, "a guesser is ready")
        return int(status["pids"]["guesser"])

    def say(self, data, rest_s=0.3):
        """One connection that says this and stays a little: its `end` event."""
        port = self.lab.next_port()
        with self.lab.socket_to(places.KEEPER, PORT, sport=port) as s:
            s.sendall(data)
            self.keeper.wait_got(port, len(data))
            time.sleep(rest_s)
        return self.weir.ledger.flow(port, "end", 15)

    def test_words_come_through(self):
        self.ready()
        for data, word in ((BITTORRENT, "bittorrent"), (RDP, "rdp")):
            end = self.say(data)
            self.assertEqual((end.get("ndpi"), end["protocol"]), (word, "unknown"), end)
            self.assertIn(end["ndpi_confidence"], ("dpi", "dpi_cache"))
            self.assertEqual(end["verdict"], "allow")
        self.assertNotIn("ndpi", self.say(NOISE))
        stats = json.loads(self.weir.ctl("stats", "--json").stdout)
        self.assertGreaterEqual(stats["guesses"], 3)
        self.assertGreaterEqual(stats["guesses_answered"], 2)
        self.assertEqual(stats["guess_answers_refused"], 0)
        self.assertGreater(stats["guesser_memory"], 1000000)
        text = self.weir.ctl("status").stdout
        self.assertRegex(text, r"(?m)^guesser +[1-9][0-9]*, [0-9]+ restarts, [1-9][0-9]* asked")

    def test_rights(self):
        pid = self.ready()
        now = standing(pid)
        self.assertEqual(now["Seccomp"], "2")
        self.assertEqual(now["NoNewPrivs"], "1")
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(int(now[kind], 16), 0, kind)
        self.assertEqual([int(d) for d in os.listdir(f"/proc/{pid}/fd") if int(d) > 2], [])
        with open(f"/proc/{pid}/limits", encoding="ascii") as f:
            limits = {line[:25].strip(): line[26:46].strip() for line in f}
        for what in ("Max open files", "Max processes", "Max core file size"):
            self.assertEqual(limits[what], "0", what)
        self.assertLess(int(limits["Max address space"]), 1 << 40)
        with open(f"/proc/{pid}/maps", encoding="ascii") as f:
            shared = [line.split() for line in f if line.split()[1][3] == "s"]
        sizes = sorted(int(b, 16) - int(a, 16)
                       for a, b in (line[0].split("-") for line in shared))
        # A page of numbers and the two rings; not the ledger's rings, not the state of others.
        self.assertEqual([s >> 12 << 12 for s in sizes],
                         [4096, (256 << 10) + 4096, (2 << 20) + 4096], shared)

    def work(self, act):
        """Allowed and denied connections all the time while act() does its worst."""
        taken, denied, stop = [], [], threading.Event()

        def clients(host, results):
            while not stop.is_set():
                began = time.monotonic()
                answer = self.lab.tls(host, timeout=8)
                results.append((answer.ok, time.monotonic() - began))

        threads = [threading.Thread(target=clients, args=pair, daemon=True)
                   for pair in ((ALLOWED, taken), (DENIED, denied))]
        for t in threads:
            t.start()
        try:
            act()
        finally:
            stop.set()
            for t in threads:
                t.join(20)
        self.assertGreater(len(taken), 10)
        self.assertGreater(len(denied), 10)
        self.assertEqual([t for t in taken if not t[0]], [])
        self.assertEqual([t for t in denied if t[0]], [])
        slowest = max(t for _, t in taken + denied)
        self.assertLess(slowest, SLOW_S)

    def after_it_comes_back(self, before, enforcer):
        self.ready(other_than=before)
        event = self.weir.ledger.wait(5, type="system", what="guesser_ended")[-1]
        self.assertIn("the guesser has ended: killed by signal", event["message"])
        self.assertEqual(self.weir.pid("enforcer"), enforcer)
        self.assertEqual(self.weir.ledger.events(type="loss"), [], "nothing passed unseen")
        self.assertEqual(self.say(BITTORRENT).get("ndpi"), "bittorrent")
        self.assertGreater(self.weir.status()["restarts"]["guesser"], 0)

    def test_kill(self):
        before, enforcer = self.ready(), self.weir.pid("enforcer")

        def act():
            time.sleep(0.5)
            os.kill(before, signal.SIGSEGV)
            self.ready(other_than=before)
            time.sleep(0.5)

        self.work(act)
        self.after_it_comes_back(before, enforcer)

    def test_hang(self):
        before, enforcer = self.ready(), self.weir.pid("enforcer")

        def act():
            time.sleep(0.5)
            os.kill(before, signal.SIGSTOP)
            began = time.monotonic()
            end = self.say(BITTORRENT)
            self.assertEqual(end["verdict"], "allow")
            self.ready(other_than=before)
            took = time.monotonic() - began
            self.assertTrue(WATCHDOG_S - 0.5 < took < WATCHDOG_S + 4, took)
            time.sleep(0.5)

        self.work(act)
        self.after_it_comes_back(before, enforcer)

    def test_a_hanging_one_ends_with_the_supervisor(self):
        pid = self.ready()
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(self.weir.off)
        self.weir.kill_supervisor()
        wait_for(lambda: not is_running(pid), 3, "the guesser has ended")

    def test_no_enforcer_believes_the_guesses_of_the_last(self):
        """The enforcer ends while a connection is open of which nDPI has been asked."""
        self.ready()
        port = self.lab.next_port()
        with self.lab.socket_to(places.KEEPER, PORT, sport=port) as s:
            s.sendall(NOISE)
            self.keeper.wait_got(port, len(NOISE))
            before = self.weir.pid("enforcer")
            os.kill(before, signal.SIGKILL)
            self.weir.wait_status(
                lambda s: s["judging"] and int(s["pids"]["enforcer"]) not in (0, before),
                BACK_S, "another enforcer works")
        self.assertEqual(self.say(BITTORRENT).get("ndpi"), "bittorrent")
        stats = json.loads(self.weir.ctl("stats", "--json").stdout)
        self.assertEqual(stats["guess_answers_refused"], 0)


class ManyDeaths(GatewayCase):
    limit = 90

    def test_back_off(self):
        """It is tried ever less often, and the gateway goes on without it."""
        ends, began = 0, time.monotonic()
        while time.monotonic() - began < 8:
            try:
                pid = wait_for(lambda: int(self.weir.pid("guesser")) or None, 3, "a guesser")
            except LabError:
                continue
            os.kill(pid, signal.SIGSEGV)
            wait_for(lambda p=pid: int(self.weir.pid("guesser")) != p, 3, "it ended")
            ends += 1
        events = self.weir.ledger.wait(5, ends, type="system", what="guesser_ended")
        self.assertEqual(len(events), ends)
        # 3 at once, then after 1, 2 and 4 seconds.
        self.assertGreaterEqual(ends, 4)
        self.assertLessEqual(ends, 7)
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        self.assertFalse(self.lab.tls(DENIED, timeout=2).ok)


if __name__ == "__main__":
    unittest.main()
