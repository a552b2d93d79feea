# SPDX-License-Identifier: Apache-2.0
"""One source that begins many connections and finishes none."""
import contextlib
import threading
import socket
import time
import unittest

import lab as places
from case import GatewayCase
from gateway import ALLOWED, DENIED, RULES
from packets import client_hello, payload_to

COUNT = 500


class Flood(GatewayCase):
    on_failure = "closed"

    @classmethod
    def setUpClass(cls):
        cls.weir_options = {"on_failure": cls.on_failure}
        super().setUpClass()

    def test_half_hellos(self):
        capture = self.lab.at_server()
        half = client_hello(ALLOWED)[:100]
        sockets = contextlib.ExitStack()
        self.addCleanup(sockets.close)
        others, stop = [], threading.Event()

        def other_client():
            while not stop.is_set():
                others.append((self.lab.tls(ALLOWED), True))
                others.append((self.lab.tls(DENIED), False))
                time.sleep(0.02)

        thread = threading.Thread(target=other_client, daemon=True)
        thread.start()
        try:
            for _ in range(COUNT):
                s = sockets.enter_context(
                    self.lab.socket_to(places.WEB, source=places.CROWD, timeout=10))
                s.sendall(half)
            time.sleep(1)
        finally:
            stop.set()
            thread.join(10)
        self.assertGreater(len(others), 20)
        self.assertEqual([a for a, good in others if a.ok != good], [], "other clients suffer")
        # They are held for 3 s, dropped, judged hold_budget, which these rules deny.
        self.weir.ledger.wait(20, count=COUNT, type="flow", phase="start", src_ip=places.CROWD,
                              verdict="deny")
        self.assert_none_left(peer=places.CROWD, timeout=10)
        self.assertEqual(payload_to(capture.stop(), src=places.CROWD), 0)
        reasons = {e.get("undecidable") for e in self.weir.ledger.events(
            type="flow", phase="start", src_ip=places.CROWD)}
        self.assertLessEqual(reasons, {"hold_budget", "incomplete"})

    def test_slow_hello_of_an_honest_client(self):
        """A pause within the hello that is shorter than a retransmission time-out does no harm."""
        hello = client_hello(ALLOWED)
        with self.lab.socket_to(places.WEB, sport=(port := self.lab.next_port())) as s:
            # What is held is not acknowledged: a client that waits for that would wait in vain.
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.sendall(hello[:200])
            time.sleep(0.1)
            s.sendall(hello[200:])
            self.assertEqual(s.recv(3), b"\x16\x03\x03", "the server's hello")
        self.assert_passed(port, ALLOWED)


class SlowHellos(GatewayCase):
    """Where the rules let `hold_budget` pass, the name still decides when it comes."""

    weir_options = {"rules": RULES.replace("{ hold_budget, ", "{ ").replace(
        "gate undecidable\n", "gate undecidable\nallow  hold_budget\n")}

    def slowly(self, host, port):
        hello = client_hello(host)
        s = self.lab.socket_to(places.WEB, sport=port)
        self.addCleanup(s.close)
        s.settimeout(20)
        s.sendall(hello[:200])
        time.sleep(1)
        s.sendall(hello[200:])
        return s.recv(3)

    def test_allowed_name_gets_through_after_the_hold_time(self):
        port = self.lab.next_port()
        self.assertEqual(self.slowly(ALLOWED, port), b"\x16\x03\x03")
        first = self.weir.ledger.flow(port, "start")
        self.assertEqual((first["undecidable"], first["effect"]), ("hold_budget", "held_dropped"))
        later = self.weir.ledger.flow(port, "update")
        self.assertEqual((later["host"], later["verdict"]), (ALLOWED, "allow"))

    def test_denied_name_is_cut_when_it_is_known(self):
        port = self.lab.next_port()
        with self.assertRaises(ConnectionError):
            self.slowly(DENIED, port)
        later = self.weir.ledger.flow(port, "update")
        self.assertEqual((later["host"], later["verdict"], later["effect"]),
                         (DENIED, "deny", "reset"))
        self.assert_none_left(peer=places.CLIENT)


class FloodOpen(Flood):
    """Open on failure is about failures of Weir, not about what clients do."""

    on_failure = "open"


if __name__ == "__main__":
    unittest.main()
