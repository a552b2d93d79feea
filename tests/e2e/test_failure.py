# SPDX-License-Identifier: Apache-2.0
"""Weir dies or hangs: what passes meanwhile, in both modes of failure."""
import json
import os
import signal
import socket
import threading
import time
import unittest
from datetime import datetime

import lab as places
from case import Download, GatewayCase
from gateway import ALLOWED, DENIED, WATCHDOG_S
from netns import send_signal
from packets import payload_to
from servers import Keeper

QUEUE_LENGTH = 32768
BACK_S = 10  # a killed part is working again by then


class FailureCase(GatewayCase):
    """Common to both; not a test itself."""

    on_failure = None

    @classmethod
    def setUpClass(cls):
        cls.weir_options = {"on_failure": cls.on_failure}
        super().setUpClass()
        keeper = Keeper(cls.lab, places.STREAM, pause_s=0.01)
        cls.addClassCleanup(keeper.close)

    def download(self):
        stream = Download(self.lab)
        self.addCleanup(stream.close)
        return stream.wait_first()

    def without_enforcer(self):
        """Kill the enforcer while nobody can start another; returns how to go on."""
        status = self.weir.status()
        supervisor, enforcer = (int(status["pids"][p]) for p in ("supervisor", "enforcer"))
        os.kill(supervisor, signal.SIGSTOP)
        self.addCleanup(send_signal, supervisor, signal.SIGCONT)
        os.kill(enforcer, signal.SIGKILL)
        time.sleep(0.1)

        def go_on():
            os.kill(supervisor, signal.SIGCONT)
            self.weir.wait_status(lambda s: int(s["pids"]["enforcer"]) not in (0, enforcer),
                                  BACK_S, "another enforcer works")
        return go_on

    def until_judged(self, timeout):
        """Seconds until an allowed connection succeeds and a denied one fails."""
        began = time.monotonic()
        while time.monotonic() - began < timeout:
            if self.lab.tls(ALLOWED, timeout=0.4).ok and not self.lab.tls(DENIED, timeout=0.4).ok:
                return time.monotonic() - began
        self.fail(f"not working after {timeout} s: {self.weir.said()[-800:]}")

    def check_hang(self):
        enforcer = self.weir.pid("enforcer")
        began = time.monotonic()
        os.kill(enforcer, signal.SIGSTOP)
        self.addCleanup(self.weir.kill)
        limit = WATCHDOG_S + 2
        while time.monotonic() - began < BACK_S:
            if self.lab.tls(ALLOWED, timeout=0.4).ok:
                break
        self.assertLess(time.monotonic() - began, limit + 0.5)
        self.until_judged(BACK_S)
        self.assertNotEqual(self.weir.pid("enforcer"), enforcer)


class FailureClosed(FailureCase):
    on_failure = "closed"

    def test_kill_enforcer(self):
        """New connections fail until it is back; an established one goes on."""
        stream = self.download()
        capture = self.lab.at_server()
        go_on = self.without_enforcer()
        for host in (ALLOWED, DENIED):
            answer = self.lab.tls(host, timeout=1)
            self.assertFalse(answer.ok, answer)
        self.assertGreater(stream.progress(), 5000, stream.error)
        packets = capture.stop()
        self.assertEqual(payload_to([p for p in packets if p.sport != stream.sport]), 0)
        go_on()
        self.until_judged(BACK_S)
        self.assertGreater(stream.progress(), 5000, stream.error)

    def test_kill_enforcer_while_the_supervisor_watches(self):
        """It is started again by itself; nothing denied passes at any time."""
        stream = self.download()
        capture = self.lab.at_server()
        os.kill(self.weir.pid("enforcer"), signal.SIGKILL)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            self.assertFalse(self.lab.tls(DENIED, timeout=0.3).ok)
        self.until_judged(BACK_S)
        self.assertGreater(stream.progress(), 5000, stream.error)
        texts = [p for p in capture.stop() if p.dport == 443 and DENIED.encode() in p.data]
        self.assertEqual(texts, [])

    def test_hang(self):
        self.check_hang()

    def test_kill_everything_then_start(self):
        """The next run tells from when to when nobody judged, and what that meant."""
        for off in (False, True):
            with self.subTest(off):
                killed = time.time()
                self.weir.kill()
                if off:
                    self.assertEqual(self.weir.off().returncode, 0)
                time.sleep(0.5)
                self.weir.start()
                loss = self.weir.ledger.wait(
                    5, type="loss", what="uninspected" if off else "blocked")[-1]
                begin, end = (datetime.fromisoformat(loss[k].replace("Z", "+00:00")).timestamp()
                              for k in ("from", "to"))
                self.assertLess(begin, killed + 0.5)
                self.assertGreater(begin, killed - 11)
                self.assertGreater(end, killed + 0.4)
        self.weir.stop()
        losses = len(self.weir.ledger.events(type="loss"))
        self.weir.start()
        self.assertEqual(len(self.weir.ledger.events(type="loss")), losses, "stopped by order")

    def test_kill_everything_then_off(self):
        """Closed without any process; `weir off` opens, and leaves nothing."""
        self.weir.kill()
        self.assertFalse(self.lab.tls(ALLOWED, timeout=1).ok)
        done = self.weir.off()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        self.assertTrue(self.lab.tls(DENIED, places.WEB6).ok)
        state = self.lab.gateway_state()
        for kind in ("iptables-save", "ip6tables-save", "nft"):
            self.assertNotIn(" 7411", "\n".join(state[kind]))
        # Started again, it judges again.
        type(self).weir = type(self.weir)(self.lab, **self.weir_options).start()
        self.assertFalse(self.lab.tls(DENIED, timeout=2).ok)


class FailureOpen(FailureCase):
    on_failure = "open"

    def test_kill_enforcer(self):
        """No connection is lost, and the time without inspection is written down."""
        stream = self.download()
        results, stop = [], threading.Event()

        def clients():
            while not stop.is_set():
                results.append(self.lab.tls(ALLOWED, timeout=6))

        thread = threading.Thread(target=clients, daemon=True)
        thread.start()
        try:
            time.sleep(0.3)
            go_on = self.without_enforcer()
            time.sleep(1)
            self.assertTrue(self.lab.tls(DENIED).ok, "open: nobody is there to deny")
            go_on()
            time.sleep(0.5)
        finally:
            stop.set()
            thread.join(15)
        self.assertGreater(len(results), 10)
        self.assertEqual([r for r in results if not r.ok], [])
        self.assertGreater(stream.progress(), 5000, stream.error)
        self.until_judged(BACK_S)
        self.weir.ledger.wait(5, type="loss")

    def test_hang(self):
        self.check_hang()


class FullQueue(GatewayCase):
    auto_start = False

    def test_full_queue(self):
        """What passes because there is no room is not counted by the kernel: we say so."""
        weir = self.new_weir(on_failure="open")
        with open(weir.conf, encoding="ascii") as f:
            text = f.read().replace(f'watchdog = "{WATCHDOG_S}s"', 'watchdog = "30s"')
        with open(weir.conf, "w", encoding="ascii") as f:
            f.write(text)
        weir.start()
        with self.lab.client:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(s.close)
        enforcer = weir.pid("enforcer")
        os.kill(enforcer, signal.SIGSTOP)
        try:
            for _ in range(QUEUE_LENGTH + 2000):
                s.sendto(b"x", (places.WEB, 50050))
            time.sleep(0.2)
        finally:
            os.kill(enforcer, signal.SIGCONT)
        loss = weir.ledger.wait(8, type="loss", what="uninspected")[0]
        self.assertLess(loss["from"], loss["to"])
        self.assertEqual(weir.pid("enforcer"), enforcer)
        stats = json.loads(weir.ctl("stats", "--json").stdout)
        self.assertGreater(stats["queue_full_seen"], 0)
        self.assertIn("it was full", weir.said())
        time.sleep(2)
        self.assertEqual(len(weir.ledger.events(type="loss")), 1)


if __name__ == "__main__":
    unittest.main()
