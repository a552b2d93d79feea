# SPDX-License-Identifier: Apache-2.0
"""The class of all end-to-end tests: one lab with one weir a class, a time limit each."""
import contextlib
import signal
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import lab as places
from gateway import ALLOWED, Weir
from lab import Lab
from packets import client_hello


class TooLong(Exception):
    """A test is over its time limit."""


def too_long(_number, _frame):
    raise TooLong("over the time limit")


class GatewayCase(unittest.TestCase):
    """`lab` and `weir` stand ready; a weir that an earlier test left dead is started again."""

    limit = 60  # seconds a test
    lab_options = {}
    weir_options = {}
    auto_start = True

    @classmethod
    def setUpClass(cls):
        cls.weir = None
        cls._arm(60)
        cls.addClassCleanup(signal.alarm, 0)
        cls.lab = Lab(**cls.lab_options).open()
        cls.addClassCleanup(cls._close)
        if cls.auto_start:
            cls.weir = Weir(cls.lab, **cls.weir_options).start()

    @classmethod
    def _close(cls):
        """Stop it as an operator would; the whole ledger must fit the schema."""
        cls._arm(60)
        try:
            if cls.weir is not None and cls.weir.alive():
                status = cls.weir.stop()
                faults = cls.weir.faults()
                if status != 0 or faults:
                    raise AssertionError(f"weir stopped with {status}; ledger: {faults or 'fine'}"
                                         f"\n{cls.weir.said()[-1500:]}")
        finally:
            cls.lab.close()

    @staticmethod
    def _arm(seconds):
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(seconds)

    def setUp(self):
        self._arm(self.limit)
        self.addCleanup(signal.alarm, 0)
        if self.auto_start and (self.weir is None or not self.weir.alive()):
            type(self).weir = Weir(self.lab, **self.weir_options).start()

    def new_weir(self, **options):
        """Another weir, in a test that starts it itself."""
        type(self).weir = Weir(self.lab, **{**self.weir_options, **options})
        self.addCleanup(self.weir.off)  # a killed one leaves its rules
        self.addCleanup(self.weir.kill)
        return self.weir

    @classmethod
    def diagnostics(cls):
        """For the report of a failure."""
        if cls.weir is None:
            return ""
        events = [{k: e[k] for k in ("type", "phase", "what", "host", "src_ip", "src_port",
                                     "dst_ip", "verdict", "effect", "reason", "undecidable",
                                     "flags", "end_reason") if k in e}
                  for e in cls.weir.ledger.events()[-8:]]
        return "\n  ".join([f"weir said: {cls.weir.said()[-1200:]}\nlast events:",
                            *map(str, events)])

    # ---- assertions -----------------------------------------------------------------------------
    def assert_passed(self, sport, host=None, **more):
        event = self.weir.ledger.flow(sport, **more)
        self.assertEqual((event.get("verdict"), event.get("effect"), event.get("host")),
                         ("allow", "passed", host or event.get("host")), event)
        return event

    def assert_denied(self, sport, host=None, effects=("reset", "rejected", "held_dropped"),
                      **more):
        event = self.weir.ledger.flow(sport, **more)
        self.assertEqual((event.get("verdict"), event.get("host")),
                         ("deny", host or event.get("host")), event)
        self.assertIn(event.get("effect"), effects, event)
        return event

    def assert_none_left(self, timeout=3, **which):
        """No connection is left on the server, neither open nor half open."""
        end = time.monotonic() + timeout
        while (left := self.lab.server_sockets(**which)) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(left, [], "connections left on the server")


class Download:
    """An allowed connection on which the server never stops talking."""

    def __init__(self, lab, host=ALLOWED, address=places.STREAM):
        self.count, self.error = 0, None
        self.sport = lab.next_port()
        self.socket = lab.socket_to(address, sport=self.sport, timeout=10)
        self.socket.sendall(client_hello(host))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            while data := self.socket.recv(65536):
                self.count += len(data)
            self.error = "the end"
        except OSError as e:
            self.error = f"{type(e).__name__}: {e}"

    def progress(self, seconds=0.5):
        """Bytes in that time."""
        before = self.count
        time.sleep(seconds)
        return self.count - before

    def wait_first(self, timeout=5):
        end = time.monotonic() + timeout
        while self.count < 5000 and time.monotonic() < end and self.error is None:
            time.sleep(0.02)
        assert self.count >= 5000 and self.error is None, f"no stream: {self.count} {self.error}"
        return self

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(2)
        self.socket.close()
        self.thread.join(5)


def in_parallel(workers, jobs):
    """Results of the calls, in their order."""
    with ThreadPoolExecutor(workers) as pool:
        return [f.result() for f in [pool.submit(job) for job in jobs]]
