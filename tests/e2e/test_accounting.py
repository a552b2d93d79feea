# SPDX-License-Identifier: Apache-2.0
"""Bytes and ends of connections that the kernel passes alone; translated addresses."""
import socket
import unittest

import lab as places
from case import GatewayCase, in_parallel
from gateway import ALLOWED, ALLOWED2, DENIED, MARK_MASK
from packets import payload_to

SIZES = ("/b1000", "/b10000", "/b100000")


def counted(packets, ports):
    """{port: [packets out, bytes out, packets in, bytes in]} of TCP connections to 443."""
    sums = {p: [0, 0, 0, 0] for p in ports}
    for p in packets:
        if p.proto != socket.IPPROTO_TCP:
            continue
        if p.dport == 443 and p.sport in sums:
            sums[p.sport][0] += 1
            sums[p.sport][1] += p.length
        elif p.sport == 443 and p.dport in sums:
            sums[p.dport][2] += 1
            sums[p.dport][3] += p.length
    return sums


class Accounting(GatewayCase):
    lab_options = {"offloads": False}

    def test_bytes_of_50_connections(self):
        capture = self.lab.capture("gateway", "c0", "tcp port 443")
        places_6 = (places.WEB, places.WEB6)
        answers = in_parallel(4, [
            lambda i=i: self.lab.tls((ALLOWED, ALLOWED2)[i % 2], places_6[i % 2],
                                     SIZES[i % 3], 10) for i in range(50)])
        self.assertEqual([a.error for a in answers if not a.ok], [])
        ends = {a.port: self.weir.ledger.flow(a.port, "end", 15) for a in answers}
        sums = counted(capture.stop(), ends)
        self.assertTrue(all(m & MARK_MASK for a in answers[:4] for m in self.lab.marks(a.port)),
                        "the kernel passed them alone")
        for port, end in ends.items():
            for field, want in zip(("packets_out", "bytes_out", "packets_in", "bytes_in"),
                                   sums[port]):
                self.assertAlmostEqual(end[field], want, delta=max(want * 0.01, 1),
                                       msg=f"{field} of {end}")
            self.assertIn(end["end_reason"], ("fin", "reset"), end)
            self.assertGreater(end["duration_us"], 0)

    def test_end_by_reset(self):
        port = self.lab.next_port()
        s = self.lab.socket_to(places.WEB, sport=port)
        t = self.lab.trust().wrap_socket(s, server_hostname=ALLOWED)
        t.sendall(f"GET /b1000 HTTP/1.1\r\nHost: {ALLOWED}\r\n\r\n".encode())
        t.recv(4096)
        t.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        t.close()
        self.assertEqual(self.weir.ledger.flow(port, "end", 15)["end_reason"], "reset")

    def test_connections_open_at_the_stop_have_their_bytes(self):
        port = self.lab.next_port()
        with self.lab.socket_to(places.WEB, sport=port) as raw, \
                self.lab.trust().wrap_socket(raw, server_hostname=ALLOWED) as s:
            s.sendall(f"GET /b100000 HTTP/1.1\r\nHost: {ALLOWED}\r\n\r\n".encode())
            size = 0
            while size < 100000:
                size += len(s.recv(65536))
            weir = self.weir
            self.assertEqual(weir.stop(), 0)
        end = weir.ledger.flow(port, "end")
        self.assertGreater(end["bytes_in"], 100000, end)


class Published(GatewayCase):
    """The gateway translates destinations alone: an inside server is published."""

    lab_options = {"dnat": True}

    def test_translated_destination(self):
        self.assertEqual(self.lab.curl(ALLOWED, address=places.BEFORE_DNAT).status, 200)
        answer = self.lab.curl(DENIED, address=places.BEFORE_DNAT)
        self.assertNotEqual(answer.rc, 0)
        self.assertLess(answer.seconds, 2)
        self.assert_denied(answer.port, DENIED)


class Translated(GatewayCase):
    """The gateway translates sources and destinations."""

    lab_options = {"snat": True, "dnat": True}

    def test_translated_source(self):
        answer = self.lab.curl(ALLOWED)
        self.assertEqual(answer.status, 200, answer)
        self.assert_passed(answer.port, ALLOWED)
        end = self.weir.ledger.flow(answer.port, "end", 15)
        self.assertEqual((end["src_ip"], end["src_nat_ip"]), (places.CLIENT, "10.2.0.1"), end)
        self.assertTrue(any(line.startswith("10.2.0.1 ") for line in self.lab.access_log()[-1:]))

    def test_v6_is_not_translated(self):
        answer = self.lab.curl(ALLOWED, address=places.WEB6)
        self.assertEqual(answer.status, 200, answer)
        self.assertNotIn("src_nat_ip", self.weir.ledger.flow(answer.port, "end", 15))

    def test_translated_destination(self):
        """Translated at both ends: blocked, though the reset does not find back to the client."""
        self.assertEqual(self.lab.curl(ALLOWED, address=places.BEFORE_DNAT).status, 200)
        answer = self.lab.curl(DENIED, address=places.BEFORE_DNAT)
        self.assertNotEqual(answer.rc, 0)
        self.assert_denied(answer.port, DENIED)


class TranslatedMany(GatewayCase):
    """The same, with more denied connections of one key than are written one by one."""

    lab_options = {"snat": True, "dnat": True}

    def test_denied_leaves_nothing_behind_the_translation(self):
        capture = self.lab.at_server()
        answers = in_parallel(4, [lambda: self.lab.tls(DENIED) for _ in range(40)])
        self.assertEqual([a for a in answers if a.ok or "timed out" in a.error], [])
        self.assert_none_left(peer="10.2.0.1")
        self.assertEqual(payload_to(capture.stop()), 0)


if __name__ == "__main__":
    unittest.main()
