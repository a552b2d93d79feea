# SPDX-License-Identifier: Apache-2.0
"""Hellos in pieces, out of order, contradicting each other, and with decoys."""
import random
import socket
import time
import unittest

import lab as places
from case import GatewayCase
from gateway import ALLOWED, DENIED
from packets import SegmentClient, client_hello, payload_to
from servers import Keeper


def pieces(data, count):
    """(offset, bytes) of `count` pieces, all of them short of the whole."""
    cuts = [len(data) * i // count for i in range(count + 1)]
    return [(a, data[a:b]) for a, b in zip(cuts, cuts[1:])]


class Segments(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keepers = {a: Keeper(cls.lab, a) for a in (places.KEEPER, places.KEEPER6)}
        for keeper in cls.keepers.values():
            cls.addClassCleanup(keeper.close)

    def exchange(self, host, address, order, pause=0.03):
        """Send pieces of a hello by hand, in this order; the client afterwards."""
        hello = client_hello(host)
        client = SegmentClient(self.lab, address).connect()
        self.addCleanup(client.close)
        parts = pieces(hello, len(order))
        for i in order:
            client.send(*parts[i])
            client.listen(pause)
        return client, hello

    def check_allowed(self, address, order):
        client, hello = self.exchange(ALLOWED, address, order)
        got = self.keepers[address].wait_got(client.sport, len(hello), 8)
        self.assertEqual(got, hello)
        return self.assert_passed(client.sport, ALLOWED)

    def check_denied(self, address, order):
        client, _ = self.exchange(DENIED, address, order)
        client.listen(2)
        self.assertTrue(client.was_reset, "the client is told")
        event = self.assert_denied(client.sport, DENIED)
        self.assertEqual(self.keepers[address].got(client.sport), b"")
        self.assert_none_left(local=address, peer_port=client.sport)
        return event

    def test_two_segments(self):
        self.check_allowed(places.KEEPER, [0, 1])
        self.check_denied(places.KEEPER, [0, 1])

    def test_a_forgotten_connection_leaves_its_mark_to_nobody(self):
        keeper = Keeper(self.lab, places.KEEPER, port=8443, pause_s=0.2)
        self.addCleanup(keeper.close)
        client = SegmentClient(self.lab, places.KEEPER, port=8443).connect()
        client.send(0, client_hello(ALLOWED))
        client.listen(1)
        self.assert_passed(client.sport, ALLOWED)
        keeper.forget(client.sport)
        again = SegmentClient(self.lab, places.KEEPER, port=8443)
        self.addCleanup(again.close)
        again.sport = client.sport
        again.connect()
        again.send(0, client_hello(DENIED))
        again.listen(2)
        self.assertTrue(again.was_reset, "the client is told")
        event = self.weir.ledger.wait(src_port=client.sport, phase="start", verdict="deny")
        self.assertEqual(event[0]["host"], DENIED)

    def test_two_segments_v6(self):
        self.check_allowed(places.KEEPER6, [0, 1])
        self.check_denied(places.KEEPER6, [0, 1])

    def test_six_segments(self):
        self.check_allowed(places.KEEPER, range(6))
        self.check_denied(places.KEEPER, range(6))

    def test_out_of_order(self):
        order = [3, 0, 5, 1, 4, 2]
        event = self.check_allowed(places.KEEPER, order)
        self.assertIn("out_of_order", event.get("flags", []))
        self.check_denied(places.KEEPER, order)
        self.check_denied(places.KEEPER6, [1, 0])

    def test_many_tiny_segments_of_a_real_client(self):
        """The kernel's own TCP, 60 bytes at a time.

        Held segments are not acknowledged, so a client has to send the whole hello within its
        first window (ten segments) and without waiting for acknowledgements (Nagle).
        """
        for host, good in ((ALLOWED, True), (DENIED, False)):
            with self.subTest(host):
                hello = client_hello(host)
                port = self.lab.next_port()
                with self.lab.socket_to(places.KEEPER, sport=port) as s:
                    if good:
                        self.drip(s, hello)
                        self.assertEqual(
                            self.keepers[places.KEEPER].wait_got(port, len(hello)), hello)
                        continue
                    with self.assertRaises(ConnectionError):
                        self.drip(s, hello)
                        s.recv(1)
                self.assertEqual(self.keepers[places.KEEPER].got(port), b"")

    @staticmethod
    def drip(s, data):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), 60):
            s.sendall(data[at:at + 60])
            time.sleep(0.01)

    def conflict(self, first, second):
        """Half a hello, then a copy of a part of it with the other name, then the rest."""
        hello = client_hello(first)
        at = hello.index(first.encode())
        end = at + len(first) + 8
        other = hello[at - 4:end].replace(first.encode(), second.encode())
        client = SegmentClient(self.lab, places.KEEPER).connect()
        self.addCleanup(client.close)
        client.send(0, hello[:end])
        client.listen(0.05)
        client.send(at - 4, other)
        client.listen(0.05)
        client.send(end, hello[end:])
        client.listen(0.3)
        return client, hello

    def test_conflicting_copy_is_dropped(self):
        client, hello = self.conflict(ALLOWED, DENIED)
        got = self.keepers[places.KEEPER].wait_got(client.sport, len(hello))
        self.assertEqual(got, hello, "the server gets the bytes that were judged")
        self.assert_passed(client.sport, ALLOWED)

    def test_conflicting_copy_does_not_help_a_denied_name(self):
        client, _ = self.conflict(DENIED, ALLOWED)
        client.listen(2)
        self.assertEqual(self.keepers[places.KEEPER].got(client.sport), b"")
        self.assertEqual(self.weir.ledger.flow(client.sport)["verdict"], "deny")

    def decoy(self, decoy, real):
        """A hello with a hop limit that is too low, then another for the same place."""
        capture = self.lab.at_server()
        client = SegmentClient(self.lab, places.KEEPER).connect()
        self.addCleanup(client.close)
        client.send(0, client_hello(decoy), ttl=5)
        client.listen(0.1)
        hello = client_hello(real)
        client.send(0, hello)
        client.listen(0.5)
        event = self.weir.ledger.flow(client.sport)
        self.assertIn("ttl_low", event.get("flags", []), event)
        low = [p for p in capture.stop() if p.sport == client.sport and p.payload
               and decoy.encode() in p.data]
        self.assertEqual(low, [], "the decoy is dropped")
        return client, hello, event

    def test_low_ttl_decoy_does_not_help_a_denied_name(self):
        client, _, event = self.decoy(ALLOWED, DENIED)
        self.assertEqual((event["verdict"], event["host"]), ("deny", DENIED))
        self.assertEqual(self.keepers[places.KEEPER].got(client.sport), b"")

    def test_low_ttl_decoy_does_not_harm_an_allowed_name(self):
        client, hello, event = self.decoy(DENIED, ALLOWED)
        self.assertEqual((event["verdict"], event["host"]), ("allow", ALLOWED))
        self.assertEqual(self.keepers[places.KEEPER].wait_got(client.sport, len(hello)), hello)

    def test_denied_connection_stays_denied(self):
        """Later packets of a denied connection reach nobody."""
        hello = client_hello(DENIED)
        client = SegmentClient(self.lab, places.KEEPER).connect()
        self.addCleanup(client.close)
        client.send(0, hello)
        client.listen(1)
        capture = self.lab.at_server()
        for i in range(5):
            client.send(len(hello) + i * 50, bytes(random.getrandbits(8) for _ in range(50)))
            client.listen(0.02)
        client.send(0, client_hello(ALLOWED))
        client.listen(0.3)
        self.assertEqual(payload_to(capture.stop(), src=str(client.address)), 0)


if __name__ == "__main__":
    unittest.main()
