# SPDX-License-Identifier: Apache-2.0
"""What a server ignores is judged, then something else is sent in its place: nothing passes."""
import os
import signal
import socket
import time
import unittest

import lab as places
from case import GatewayCase
from gateway import ALLOWED, DENIED, RULES
from netns import is_running, wait_for
from packets import ACK, PSH, SYN, SegmentClient, client_hello, payload_to
from servers import Keeper

URG = 0x20


class Decoys(GatewayCase):
    weir_options = {"adopt": "0s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keeper = Keeper(cls.lab, places.KEEPER)
        cls.addClassCleanup(cls.keeper.close)
        cls.good, cls.evil = client_hello(ALLOWED), client_hello(DENIED)

    def client(self, **options):
        client = SegmentClient(self.lab, places.KEEPER, **options)
        self.addCleanup(client.close)
        return client

    def assert_nothing_denied(self, client):
        client.listen(0.5)
        self.assertNotIn(DENIED.encode(), self.keeper.got(client.sport))

    def assert_goes_on(self, client):
        """The hello that was judged still gets through, and the kernel has the rest."""
        client.send(0, self.good)
        self.assertEqual(self.keeper.wait_got(client.sport, len(self.good)), self.good)

    def test_old_time_stamp(self):
        """RFC 7323 5.3: a segment that is older than another is dropped by the server."""
        client = self.client(stamp=100000).connect()
        client.stamp = 200000
        client._segment(client.seq, ACK, b"")
        client.stamp = 150000
        client.send(0, self.good)
        time.sleep(0.2)
        client.stamp = 200001
        client.send(0, self.evil)
        self.assert_nothing_denied(client)
        self.assert_goes_on(client)

    def test_below_the_window_after_a_restart(self):
        """Nobody knows where the stream began: a decoy lies in front of it."""
        client = self.client().connect()
        enforcer = self.weir.pid("enforcer")
        os.kill(enforcer, signal.SIGKILL)
        self.weir.wait_status(lambda s: s["judging"] and int(s["pids"]["enforcer"])
                              not in (0, enforcer), 10, "another enforcer works")
        client.send(-len(self.good), self.good)
        client.listen(0.2)
        client.send(0, self.evil)
        client.send(-len(self.good), self.good + self.evil)
        self.assert_nothing_denied(client)

    def test_urgent(self):
        client = self.client().connect()
        client._segment(client.seq, PSH | ACK | URG, self.evil)
        client.listen(0.2)
        self.assert_nothing_denied(client)
        client.send(0, self.evil)
        client.listen(1)
        self.assertTrue(client.was_reset)

    def test_second_syn(self):
        client = self.client().connect()
        client._segment(client.seq + 5000, SYN, b"")
        client.send(0, self.evil)
        client.listen(0.1)
        client.send(5001, self.good)
        client.listen(0.2)
        client.send(0, self.evil)
        self.assert_nothing_denied(client)

    def test_a_port_comes_again_after_a_failure(self):
        """The first attempt gets no answer: the second, with other numbers, is no decoy."""
        first = self.client()
        away = ["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "443", "-j", "DROP"]
        self.lab.server.run(*away)
        first._segment(first.seq, SYN, b"")
        time.sleep(0.3)
        away[1] = "-D"
        self.lab.server.run(*away)
        second = self.client()
        second.sport, second.seq = first.sport, first.seq + 100000  # RFC 9293 3.4.1: larger
        second.connect()
        self.assert_goes_on(second)

    def test_held_bytes_when_the_supervisor_dies(self):
        client = self.client().connect()
        client.send(0, self.evil[:-1])
        capture = self.lab.at_server()
        time.sleep(0.2)
        self.weir.kill_supervisor()
        time.sleep(1)
        self.assertEqual(payload_to([p for p in capture.stop() if p.sport == client.sport]), 0)
        wait_for(lambda: not any(map(is_running, self.weir.known)), 5, "the others end, too")
        self.weir.ledger.wait(type="flow", phase="end", src_port=client.sport)


class Datagrams(GatewayCase):
    weir_options = {"rules": RULES.replace("allow  other  label other", "deny   other  label other")}

    def test_from_a_port_of_servers(self):
        """Whoever is inside and sends is the client, whatever the ports look like."""
        capture = self.lab.capture("server", "eth0", "udp")
        with self.lab.client:
            for port in (443, 53, 123, 3389, 40000):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.bind((places.CLIENT, port))
                    for _ in range(5):
                        s.sendto(b"x" * 100, (places.KEEPER, 50000 + port % 1000))
        time.sleep(0.3)
        self.assertEqual([p for p in capture.stop() if p.dst == places.KEEPER], [])
        events = self.weir.ledger.wait(type="flow", phase="start", dst_ip=places.KEEPER, count=5)
        self.assertEqual({(e["src_ip"], e["verdict"]) for e in events}, {(places.CLIENT, "deny")})


if __name__ == "__main__":
    unittest.main()
