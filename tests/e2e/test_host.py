# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping: the host is left as it was, older connections live on."""
import difflib
import re
import time
import unittest

import lab as places
from case import GatewayCase
from gateway import ALLOWED, DENIED, WEIR, Weir
from netns import command
from packets import client_hello
from servers import Keeper


class Host(GatewayCase):
    lab_options = {"snat": True}
    auto_start = False

    def assert_as_before(self, before):
        after = self.lab.gateway_state()
        for kind, was in before.items():
            if kind == "sysctl":
                changed = {k: (was.get(k), after[kind].get(k)) for k in {*was, *after[kind]}
                           if was.get(k) != after[kind].get(k)}
                self.assertEqual(changed, {})
            else:
                text = "\n".join(difflib.unified_diff(was, after[kind], "before", "after", n=1))
                self.assertEqual(text, "", kind + text)

    def test_stop_leaves_the_host_as_found(self):
        self.lab.gateway.run("iptables", "-w", "-t", "mangle", "-A", "FORWARD", "-p", "tcp",
                             "--tcp-flags", "SYN,RST", "SYN", "-j", "TCPMSS",
                             "--clamp-mss-to-pmtu")
        self.lab.gateway.run("ip6tables", "-w", "-A", "FORWARD", "-d", "fd02::99", "-j", "DROP")
        # Not as a gateway that ran here before may have left it.
        self.lab.gateway.sysctl(netfilter__nf_conntrack_acct=0)
        before = self.lab.gateway_state()
        for _ in range(2):
            weir = self.new_weir().start()
            self.assertNotEqual(self.lab.gateway_state()["iptables-save"]
                                + self.lab.gateway_state()["nft"],
                                before["iptables-save"] + before["nft"], "it has rules")
            self.assertTrue(self.lab.tls(ALLOWED).ok)
            self.assertFalse(self.lab.tls(DENIED).ok)
            self.assertEqual(weir.stop(), 0)
            self.assert_as_before(before)
            self.assertEqual(weir.faults(), "")
        self.assertTrue(self.lab.tls(DENIED).ok)

    def test_a_start_that_fails_leaves_the_host_as_found(self):
        before = self.lab.gateway_state()
        weir = self.new_weir(rules="version 1\ngate rules\nallow  to service smpt\n")
        done = self.lab.gateway.run(WEIR, "run", "-c", weir.conf, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("lab.rules:3", done.stderr)
        self.assert_as_before(before)

    def test_a_second_one_is_refused(self):
        self.new_weir().start()
        second = Weir(self.lab)
        done = self.lab.gateway.run(WEIR, "run", "-c", second.conf, check=False, timeout=15)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertTrue(self.lab.tls(ALLOWED).ok, "the first one still works")
        self.assertFalse(self.lab.tls(DENIED).ok)

    def test_events_of_a_run(self):
        """The ledger begins and ends with the program's own events, under a seal, and fits the schema."""
        weir = self.new_weir().start()
        answer = self.lab.tls(ALLOWED)
        self.assertTrue(answer.ok)
        weir.ledger.flow(answer.port, "end", 10)
        self.assertEqual(weir.stop(), 0)
        events = weir.ledger.events()
        self.assertEqual([e["type"] for e in (events[0], *events[-2:])], ["system", "system", "seal"])
        self.assertEqual({e["sensor"] for e in events}, {"lab-gw"})
        self.assertEqual([e["seq"] for e in events], list(range(1, len(events) + 1)))
        self.assertEqual(weir.faults(), "")

    def test_adoption(self):
        """A connection from before the start goes on, also a denied one, and is written down."""
        keeper = Keeper(self.lab, places.STREAM, pause_s=0.02)
        self.addCleanup(keeper.close)
        port = self.lab.next_port()
        with self.lab.socket_to(places.STREAM, sport=port) as s:
            s.sendall(client_hello(DENIED))
            self.assertGreater(len(s.recv(65536)), 0)
            weir = self.new_weir(adopt="10s").start()
            end = time.monotonic() + 2
            while time.monotonic() < end:
                self.assertGreater(len(s.recv(65536)), 0, "the connection was cut")
        events = weir.ledger.wait(10, type="flow", src_port=port)
        self.assertEqual({(e["verdict"], e["reason"]) for e in events}, {("allow", "preexisting")})
        weir.ledger.flow(port, "end", 30)  # the kernel tells of it only in dumps, every 20 s

    def test_without_adoption(self):
        """A connection of which nothing is known is no allowed one once that time is over."""
        keeper = Keeper(self.lab, places.STREAM, pause_s=0.5)
        self.addCleanup(keeper.close)
        rules = ("version 1\ngate rules\nallow  port 80\ngate undecidable\n"
                 "deny   { midstream, incomplete }\n")
        with self.lab.socket_to(places.STREAM) as s:
            s.sendall(client_hello(ALLOWED))
            self.assertGreater(len(s.recv(65536)), 0)
            self.new_weir(adopt="0s", rules=rules).start()
            with self.assertRaises(ConnectionError):
                for _ in range(20):
                    s.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
                    self.assertTrue(s.recv(65536), "closed in order")

    def test_marks_of_an_earlier_run_are_not_believed(self):
        """After a restart with other rules a connection is judged by those."""
        keeper = Keeper(self.lab, places.STREAM, pause_s=0.02)
        self.addCleanup(keeper.close)
        weir = self.new_weir().start()
        port = self.lab.next_port()
        with self.lab.socket_to(places.STREAM, sport=port) as s:
            s.sendall(client_hello(ALLOWED))
            self.assertGreater(len(s.recv(65536)), 0)
            self.assertEqual(weir.stop(), 0)
            again = self.new_weir(
                rules=f"version 1\ngate rules\ndeny to {places.STREAM}\n").start()
            with self.assertRaises((ConnectionError, TimeoutError)):
                s.settimeout(3)
                for _ in range(500):
                    if not s.recv(65536):
                        raise ConnectionAbortedError("the end")
            again.ledger.wait(5, type="flow", src_port=port)


class CheckHost(GatewayCase):
    """`check --host` on a gateway whose state is known: what it says is what is there."""

    lab_options = {"snat": True}
    auto_start = False

    def words(self, source="nfqueue"):
        """What it says, as {(check, level)} and as text, in the gateway's own view of /sys."""
        weir = self.new_weir(source=source)
        done = command(["ip", "netns", "exec", self.lab.gateway.name, WEIR, "check", "--host",
                        "-c", weir.conf], check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.stdout

    def line(self, text, check):
        found = re.findall(rf"^(\S.*?)  +{check}  +(.*)$", text, re.M)
        self.assertEqual(len(found), 1, f"{check} in:\n{text}")
        return found[0]

    def connect(self, *sources):
        self.lab.gateway.run("conntrack", "-F")
        for n in range(24):
            with self.lab.socket_to(places.WEB, 443, source=sources[n % len(sources)]):
                pass

    def test_position(self):
        self.connect(places.CLIENT, places.CROWD)
        text = self.words()
        level, said = self.line(text, "position")
        self.assertEqual((level, said), (
            "fine", "24 outbound connections of several inside addresses, "
            "translated by this machine: it sees both sides"))
        self.assertEqual(self.line(text, "one-way"),
                         ("fine", "24 of 24 TCP connections are answered"))
        self.assertEqual(self.line(text, "forwarding")[0], "fine")

    def test_behind_a_translation(self):
        """All from one address, as on the outer side of a NAT or behind a proxy."""
        self.connect(places.CLIENT)
        level, said = self.line(self.words(), "position")
        self.assertEqual((level, said), (
            "warning", "all 24 outbound connections come from one address: behind it is a proxy "
            "or an address translation"))

    def test_too_few(self):
        self.lab.gateway.run("conntrack", "-F")
        level, said = self.line(self.words(), "position")
        self.assertEqual(level, "cannot tell", said)

    def test_one_way(self):
        """Answers take another way: the kernel sees none of them."""
        self.lab.gateway.run("conntrack", "-F")
        # Nobody has this address on the server's net: no answer comes back.
        self.lab.gateway.run("ip", "neigh", "replace", "10.2.0.99", "lladdr",
                             "02:00:00:00:00:99", "dev", "s0")
        for _ in range(24):
            with self.assertRaises(OSError):
                self.lab.socket_to("10.2.0.99", 443, timeout=0.05)
        level, said = self.line(self.words(), "one-way")
        self.assertEqual((level, said), (
            "warning", "24 of 24 TCP connections have no answer: it takes another way"))

    def test_offloads(self):
        for on in (True, False):
            for interface in ("c0", "s0"):
                self.lab.gateway.run("ethtool", "-K", interface, "gro", "on" if on else "off")
            inline = re.findall(r"^(\S+) +offloads +(.*)$", self.words(), re.M)
            self.assertEqual(inline, [
                ("fine", f"{i}: LRO off, GRO "
                 + ("on (merged packets are taken whole)" if on else "off")) for i in ("c0", "s0")])
            level, said = self.line(self.words(source="interface"), "offloads")
            self.assertEqual(level, "warning" if on else "fine", said)
            self.assertTrue(("merged (GRO)" in said) == on, said)


if __name__ == "__main__":
    unittest.main()
