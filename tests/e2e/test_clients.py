# SPDX-License-Identifier: Apache-2.0
"""Real clients: openssl, Chromium, ngtcp2, dig."""
import contextlib
import errno
import socket
import time
import unittest

import lab as places
from case import GatewayCase
from gateway import ALLOWED, ALLOWED2, DENIED, QUIC, dns_addresses
from packets import payload_to
from servers import QUIC_TOO

NAMES = {f"n{i}.names.lab.example": f"10.9.{i // 250}.{i % 250 + 1}" for i in range(100)}
UDP = socket.IPPROTO_UDP


class Clients(GatewayCase):
    lab_options = {"dns_names": NAMES}

    def test_openssl(self):
        self.assertTrue(self.lab.openssl(ALLOWED))
        self.assertTrue(self.lab.openssl(ALLOWED, places.WEB6, ["-tls1_2"]))
        self.assertFalse(self.lab.openssl(DENIED))
        self.assertFalse(self.lab.openssl(DENIED, places.WEB6, ["-tls1_2"]))
        # A retry request: the name comes again in the second hello.
        self.assertTrue(self.lab.openssl(ALLOWED2, extra=["-groups", "ffdhe2048:X25519"]))

    def test_curl_versions(self):
        for extra in (["--http1.1"], ["--tls-max", "1.2"], ["--no-alpn"]):
            with self.subTest(extra):
                self.assertEqual(self.lab.curl(ALLOWED, extra=extra).status, 200)
                self.assertNotEqual(self.lab.curl(DENIED, extra=extra).rc, 0)
        end = self.weir.ledger.wait(type="flow", phase="end", host=ALLOWED, tls_selected="1.2")[-1]
        self.assertIn(end["alpn_selected"], end["alpn"].split(","))

    def test_chromium_with_its_large_hello(self):
        """The ML-KEM key share makes the hello larger than a segment."""
        self.assertIn("scripts: 4", self.lab.chromium(ALLOWED))
        event = self.weir.ledger.wait(type="flow", phase="start", host=ALLOWED,
                                      protocol="tls")[-1]
        self.assertEqual(event["verdict"], "allow")
        self.assertNotIn("undecidable", event)
        self.assertIn("X25519MLKEM768", event["key_shares"].split(","))
        self.assertNotIn("weir lab page", self.lab.chromium(DENIED, timeout=20))
        self.assertEqual(self.weir.ledger.wait(type="flow", phase="start", host=DENIED)[-1]
                         ["verdict"], "deny")

    def test_chromium_quic_allowed(self):
        self.assertIn("weir lab page", self.lab.chromium(QUIC, quic=True))
        event = self.weir.ledger.wait(type="flow", phase="start", host=QUIC, protocol="quic")[-1]
        self.assertEqual((event["verdict"], event["transport"]), ("allow", "udp"))

    def test_chromium_quic_denied_loads_over_tcp(self):
        """The server offers QUIC by Alt-Svc; what is refused there comes over TCP."""
        capture = self.lab.capture("server", "eth0", "udp port 443")
        began = time.monotonic()
        page = self.lab.chromium(QUIC_TOO, quic=None, address=places.BARE)
        self.assertIn("scripts: 4", page)
        self.assertLess(time.monotonic() - began, 20)
        event = self.weir.ledger.wait(type="flow", phase="start", host=QUIC_TOO,
                                      protocol="quic")[-1]
        self.assertEqual((event["verdict"], event["effect"]), ("deny", "rejected"), event)
        self.assertEqual(payload_to(capture.stop(), proto=UDP), 0)

    def test_chromium_forced_to_quic_is_told_at_once(self):
        """Chromium that is forced to QUIC never tries TCP: no page, but no waiting either."""
        capture = self.lab.capture("server", "eth0", "udp port 443")
        began = time.monotonic()
        self.assertNotIn("weir lab page", self.lab.chromium(DENIED, quic=True))
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(payload_to(capture.stop(), proto=UDP), 0)

    def test_quic_allowed(self):
        for address in (places.WEB, places.WEB6):
            with self.subTest(address):
                whole, _, said = self.lab.gtlsclient(QUIC, "/b100000", address)
                self.assertTrue(whole, said)
                event = self.weir.ledger.wait(type="flow", phase="start", protocol="quic",
                                              host=QUIC, dst_ip=address)[-1]
                self.assertEqual((event["verdict"], event["evidence"]), ("allow", "sni"))

    def test_quic_denied(self):
        for address in (places.WEB, places.WEB6):
            with self.subTest(address):
                capture = self.lab.capture("server", "eth0", "udp port 443")
                whole, seconds, said = self.lab.gtlsclient(DENIED, address=address, timeout=4)
                self.assertFalse(whole)
                self.assertLess(seconds, 4.5)
                self.assertIn("ERR", said)  # this client does not read ICMP errors
                event = self.weir.ledger.wait(type="flow", phase="start", protocol="quic",
                                              host=DENIED, dst_ip=address)[-1]
                self.assertEqual((event["verdict"], event["effect"]), ("deny", "rejected"))
                self.assertEqual(payload_to(capture.stop(), proto=UDP), 0)

    def test_quic_second_connection_from_the_same_port(self):
        """The kernel passes the port's datagrams by then, but not what begins a connection."""
        key = "net.ipv4.ip_local_port_range"
        before = self.lab.client.run("sysctl", "-n", key).stdout.strip()
        self.lab.client.run("sysctl", "-w", f"{key}=43210 43210")
        try:
            self.assertTrue(self.lab.gtlsclient(ALLOWED)[0])
            capture = self.lab.capture("server", "eth0", "udp port 443")
            self.assertTrue(self.lab.gtlsclient(ALLOWED)[0])
            again = payload_to(capture.stop(), proto=UDP)
            capture = self.lab.capture("server", "eth0", "udp port 443")
            self.assertFalse(self.lab.gtlsclient(DENIED, timeout=4)[0])
            self.assertEqual(payload_to(capture.stop(), proto=UDP), 0)
        finally:
            self.lab.client.run("sysctl", "-w", f"{key}={before}")
        self.assertGreater(again, 1000)
        starts = self.weir.ledger.wait(type="flow", phase="start", src_port=43210, protocol="quic")
        self.assertEqual([e["host"] for e in starts], [ALLOWED], "one entry of the kernel's")
        self.assert_denied(43210, DENIED, phase="update", transport="udp", effects=("rejected",))

    def test_quic_denied_is_told_at_once(self):
        """The same first packet from a socket that hears of ICMP: each time, and quickly."""
        for address in (places.WEB, places.WEB6):
            with self.subTest(address):
                initial = self.first_packet(address)
                heard = [self.answer_to(initial, address) for _ in range(20)]
                self.assertEqual([h for h in heard if h not in (
                    errno.EHOSTUNREACH, errno.EACCES, errno.ECONNREFUSED)], [], heard)

    def first_packet(self, address):
        """The first packet of gtlsclient for the denied name."""
        with self.lab.client:
            listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        with listener:
            listener.bind(("eth0", 3))
            listener.settimeout(3)
            self.lab.gtlsclient(DENIED, address=address, timeout=2)
            header = 40 if ":" in address else 20
            while True:
                data = listener.recv(4096)
                proto = data[6] if header == 40 else data[9]
                if data[0] >> 4 == (6 if header == 40 else 4) and proto == UDP \
                        and data[header + 2:header + 4] == b"\x01\xbb":
                    return data[header + 8:]

    def answer_to(self, initial, address):
        """The error that a connected socket gets for it."""
        with self.lab.client:
            s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                              socket.SOCK_DGRAM)
        with s:
            s.settimeout(1)
            s.connect((address, 443))
            s.send(initial)
            with contextlib.suppress(TimeoutError):
                try:
                    s.recv(100)
                except OSError as e:
                    return e.errno
        return None

    def check_names(self, server, kind, expected, asked):
        answers, sport = self.lab.ask_names([(n, kind) for n in asked], server)
        self.assertEqual([a for a in answers.values() if not a], [], "all are answered")
        events = self.weir.ledger.wait(10, count=len(asked), type="dns", src_port=sport)
        self.assertEqual(len(events), len(asked))
        self.assertEqual({e["host"]: dns_addresses(e) for e in events}, expected)
        self.assertEqual({e["dst_ip"] for e in events}, {server})

    def test_100_names_over_one_socket(self):
        self.check_names(places.WEB, "A", {n: [a] for n, a in NAMES.items()}, NAMES)

    def test_names_v6(self):
        names = [f"v{i}.elsewhere.example" for i in range(20)]
        self.check_names(places.WEB6, "AAAA", {n: [places.WEB6] for n in names}, names)

    def test_dig(self):
        self.assertEqual(self.lab.dig("n7.names.lab.example"), ["10.9.0.8"])
        self.assertEqual(self.lab.dig("dig.elsewhere.example", "AAAA", places.WEB6),
                         [places.WEB6])
        event = self.weir.ledger.wait(type="dns", host="dig.elsewhere.example")[-1]
        self.assertEqual(dns_addresses(event), [places.WEB6])
        self.assertEqual(self.lab.dig("tcp.elsewhere.example", extra=["+tcp"]), [places.WEB])

    def test_a_resolved_name_is_a_witness(self):
        self.assertEqual(self.lab.dig(ALLOWED), [places.WEB])
        answer = self.lab.curl(ALLOWED)
        self.assertEqual(self.assert_passed(answer.port)["corroboration"], "dns_client")


if __name__ == "__main__":
    unittest.main()
