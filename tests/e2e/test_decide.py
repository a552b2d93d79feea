# SPDX-License-Identifier: Apache-2.0
"""What is allowed and what is denied, by name and by address, IPv4 and IPv6."""
import socket
import unittest

import gateway
import lab as places
from case import GatewayCase, in_parallel
from gateway import ALLOWED, ALLOWED2, BLOCKED_HTTP, DENIED, PLAIN_HTTP
from packets import payload_to

CURL_CANNOT_CONNECT, CURL_TIMEOUT = 7, 28


class Decide(GatewayCase):
    def allowed(self, address):
        answer = self.lab.curl(ALLOWED, address=address)
        self.assertEqual(answer.status, 200, answer)
        event = self.assert_passed(answer.port, ALLOWED)
        self.assertEqual((event["protocol"], event["evidence"], event["sni"], event["dst_ip"]),
                         ("tls", "sni", ALLOWED, address), event)
        self.assertEqual(event["rule_label"], "allowed-name")
        self.assertEqual(event["mode"], "enforce")
        end = self.weir.ledger.flow(answer.port, "end", 10)
        self.assertEqual(end["flow_id"], event["flow_id"])
        self.assertGreater(end["bytes_in"], 300, end)
        self.assertIn(end["tls_selected"], ("1.2", "1.3"))

    def test_allowed_name_v4(self):
        self.allowed(places.WEB)

    def test_allowed_name_v6(self):
        self.allowed(places.WEB6)

    def denied(self, address):
        capture = self.lab.at_server()
        answer = self.lab.curl(DENIED, address=address)
        self.assertNotEqual(answer.rc, 0, answer)
        self.assertNotEqual(answer.rc, CURL_TIMEOUT, "the client was left waiting")
        self.assertLess(answer.seconds, 2)
        event = self.assert_denied(answer.port, DENIED)
        self.assertEqual((event["rule_label"], event["gate"]), ("denied-name", "rules"))
        self.assertRegex(event["rule"], r"lab\.rules:5$")
        self.assert_none_left(peer=places.CLIENT6 if ":" in address else places.CLIENT)
        self.assertEqual(payload_to(capture.stop()), 0)
        self.assertEqual(self.lab.access_log(answer.port), [])

    def test_denied_name_v4(self):
        self.denied(places.WEB)

    def test_denied_name_v6(self):
        self.denied(places.WEB6)

    def test_unlisted_name_in_scope_is_denied(self):
        answer = self.lab.curl("api.powerapps.com")
        self.assertNotEqual(answer.rc, 0, answer)
        self.assertEqual(self.assert_denied(answer.port)["rule_label"], "unlisted")

    def barred(self, address):
        capture = self.lab.at_server()
        answer = self.lab.curl(ALLOWED, address=address)
        self.assertEqual(answer.rc, CURL_CANNOT_CONNECT, answer)
        self.assertLess(answer.seconds, 2)
        event = self.weir.ledger.wait(type="flow", phase="start", dst_ip=address,
                                      dst_port=443)[-1]
        self.assertEqual((event["verdict"], event["rule_label"]), ("deny", "barred-address"))
        packets = capture.stop()
        self.assertEqual([p for p in packets if p.dst == address and not p.flags & 4], [],
                         "not even the SYN reaches a barred address")

    def test_barred_address_v4(self):
        self.barred(places.BARRED)

    def test_barred_address_v6(self):
        self.barred(places.BARRED6)

    def test_allowed_address_without_a_name(self):
        for address in (places.BARE, places.BARE6):
            with self.subTest(address):
                self.assertTrue(self.lab.openssl(None, address))
                event = self.weir.ledger.wait(type="flow", phase="start", dst_ip=address)[-1]
                self.assertEqual((event["verdict"], event["rule_label"]),
                                 ("allow", "bare-address"), event)
                self.assertNotIn("sni", event)

    def test_allowed_connections_are_marked_and_later_ones_judged_anew(self):
        with self.lab.socket_to(places.WEB, sport=(port := self.lab.next_port())) as raw, \
                self.lab.trust().wrap_socket(raw, server_hostname=ALLOWED) as s:
            for _ in range(2):
                s.sendall(f"GET /b10000 HTTP/1.1\r\nHost: {ALLOWED}\r\n\r\n".encode())
                self.assertGreater(len(s.recv(65536)), 100)
            marks = self.lab.marks(port)
        self.assertEqual(len(marks), 1, marks)
        self.assertNotEqual(marks[0] & gateway.MARK_MASK, 0, "the kernel passes the rest alone")
        self.assertEqual(marks[0] & ~gateway.MARK_MASK, 0, "bits of others stay as they were")
        self.assertTrue(self.lab.tls(ALLOWED2).ok)
        self.assertFalse(self.lab.tls(DENIED).ok)

    def test_plain_http_denied(self):
        for address in (places.WEB, places.WEB6):
            with self.subTest(address):
                capture = self.lab.capture("server", "eth0", "port 80")
                answer = self.lab.curl(BLOCKED_HTTP, address=address, scheme="http")
                self.assertNotEqual(answer.rc, 0, answer)
                self.assertLess(answer.seconds, 2)
                event = self.assert_denied(answer.port, BLOCKED_HTTP)
                self.assertEqual((event["protocol"], event["http_method"]), ("http", "GET"))
                self.assert_none_left(port=80)
                self.assertEqual(payload_to(capture.stop(), 80), 0)

    def test_plain_http_allowed_and_never_bypassed(self):
        with self.lab.socket_to(places.WEB, 80, sport=(port := self.lab.next_port())) as s:
            for _ in range(3):
                s.sendall(f"GET /b1000 HTTP/1.1\r\nHost: {PLAIN_HTTP}\r\n\r\n".encode())
                self.assertTrue(s.recv(65536).startswith(b"HTTP/1.1 200"))
            marks = self.lab.marks(port)
        self.assertEqual([m & gateway.MARK_MASK for m in marks], [0],
                         "each request of clear HTTP is seen")
        event = self.assert_passed(port, PLAIN_HTTP)
        self.assertEqual((event["protocol"], event["evidence"]), ("http", "request"))
        self.assertEqual(len(self.lab.access_log(port)), 3)

    def test_later_requests_are_judged(self):
        """On a connection that is open and allowed, also behind a body in chunks."""
        body = "".join(f"{n:x}\r\n{'x' * n}\r\n" for n in (1, 700, 3000)) + "0\r\n\r\n"
        for address in (places.WEB, places.WEB6):
            with self.subTest(address), \
                    self.lab.socket_to(address, 80, sport=(port := self.lab.next_port())) as s:
                s.sendall(f"GET /b1000 HTTP/1.1\r\nHost: {PLAIN_HTTP}\r\n\r\n".encode())
                self.assertTrue(s.recv(65536).startswith(b"HTTP/1.1 200"))
                s.sendall(f"POST /none HTTP/1.1\r\nHost: {PLAIN_HTTP}\r\n"
                          f"Transfer-Encoding: chunked\r\n\r\n{body}".encode())
                self.assertTrue(s.recv(65536).startswith(b"HTTP/1.1 40"))
                s.sendall(f"GET / HTTP/1.1\r\nHost: {BLOCKED_HTTP}\r\n\r\n".encode())
                with self.assertRaises(ConnectionResetError):
                    while s.recv(65536):
                        pass
                self.assert_denied(port, BLOCKED_HTTP, phase="update")
                self.assert_none_left(port=80)
                self.assertNotIn(BLOCKED_HTTP, str(self.lab.access_log(port)))
                self.assertEqual(len(self.lab.access_log(port)), 2)

    def test_200_allowed(self):
        jobs = [lambda a=(places.WEB, places.WEB6)[i % 2]: self.lab.tls(ALLOWED, a)
                for i in range(200)]
        answers = in_parallel(8, jobs)
        self.assertEqual([a.error for a in answers if not a.ok], [])
        ports = {a.port for a in answers}
        events = self.weir.ledger.wait(10, count=200, type="flow", phase="start", host=ALLOWED)
        self.assertEqual(ports - {e["src_port"] for e in events}, set(), "each has its event")

    def test_icmp_error_of_a_known_connection_passes(self):
        """What comes back about a packet that was let through: here, that no port is open."""
        for address, family in ((places.WEB, socket.AF_INET), (places.WEB6, socket.AF_INET6)):
            with self.subTest(address):
                with self.lab.client:
                    s = socket.socket(family, socket.SOCK_DGRAM)
                with s:
                    s.connect((address, 9999))
                    s.settimeout(1)
                    with self.assertRaises(ConnectionRefusedError):
                        s.send(b"anybody there?")
                        s.recv(100)


class Many(GatewayCase):
    """A gateway of its own: what is counted here is not written of others' connections."""

    def test_200_denied(self):
        """
        Nothing of 200 denied connections reaches the server, and none stays there; the first 20
        of each client in a minute have their event, the others are counted.
        """
        capture = self.lab.at_server()
        jobs = [lambda a=(places.WEB, places.WEB6)[i % 2]: self.lab.tls(DENIED, a)
                for i in range(200)]
        answers = in_parallel(8, jobs)
        self.assertEqual([a for a in answers if a.ok or "timed out" in a.error], [])
        self.assert_none_left(peer=places.CLIENT)
        self.assert_none_left(peer=places.CLIENT6)
        self.assertEqual(payload_to(capture.stop()), 0)
        self.assertEqual(self.weir.stop(), 0)
        starts = self.weir.ledger.events(type="flow", phase="start", host=DENIED)
        rollups = self.weir.ledger.events(type="rollup", host=DENIED)
        ports = {a.port for a in answers}
        self.assertEqual({e["src_port"] for e in starts} - ports, set())
        self.assertEqual(len(starts) + sum(e["count"] for e in rollups), 200)
        self.assertEqual({e["verdict"] for e in rollups}, {"deny"})
        # Two clients, in one minute or over the edge of two.
        self.assertIn(len(starts), range(40, 81))
        ends = self.weir.ledger.events(type="flow", phase="end", host=DENIED)
        self.assertEqual(len(ends) + sum(e["ends"] for e in rollups), 200)


if __name__ == "__main__":
    unittest.main()
