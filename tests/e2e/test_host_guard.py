# SPDX-License-Identifier: Apache-2.0
"""What others do to the host while weir runs, and what weir says of a host that does not fit."""
import os
import signal
import socket
import time
import unittest

from case import GatewayCase
from gateway import ALLOWED, DENIED, WEIR, Weir

LOOK_S = 5  # how often it looks


class HostGuard(GatewayCase):
    auto_start = False

    def acct(self):
        with self.lab.gateway:
            with open("/proc/sys/net/netfilter/nf_conntrack_acct", encoding="ascii") as f:
                return int(f.read())

    def test_rules_flushed_by_another(self):
        """They come back; the time without them is a loss, and status and netfilter say so."""
        weir = self.new_weir().start()
        self.assertFalse(self.lab.tls(DENIED).ok)
        for tool in ("iptables", "ip6tables"):
            self.lab.gateway.run(tool, "-w", "-t", "mangle", "-F")
        self.assertRegex(weir.ctl("netfilter").stdout, "MISSING|CHANGED")
        loss = weir.ledger.wait(LOOK_S + 4, type="loss", what="uninspected")[0]
        self.assertLess(loss["from"], loss["to"])
        self.assertFalse(self.lab.tls(DENIED).ok)
        self.assertIn("removed or changed", weir.said())
        self.assertEqual([e["what"] for e in weir.ledger.events(type="system")][1:],
                         ["rules_missing", "rules_restored"])
        self.assertIn("NFQUEUE --queue-num 7411", weir.ctl("netfilter").stdout)
        self.assertNotIn("CHANGED", weir.ctl("netfilter").stdout)
        # One family alone, and the jump alone.
        self.lab.gateway.run("ip6tables", "-w", "-t", "mangle", "-F", "FORWARD")
        weir.ledger.wait(LOOK_S + 4, type="loss", what="uninspected", count=2)
        time.sleep(LOOK_S + 1)
        self.assertEqual(len(weir.ledger.events(type="loss")), 2)
        # A reload that comes before the next look does not hide it.
        self.lab.gateway.run("iptables", "-w", "-t", "mangle", "-F", "FORWARD")
        weir.ctl("reload")
        weir.ledger.wait(1, type="loss", what="uninspected", count=3)
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")

    def test_off_beside_a_running_one(self):
        """It is told: its status and its ledger know, and it does not put the rules back."""
        weir = self.new_weir().start()
        done = weir.off()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("mode panic", done.stdout)
        status = weir.status()
        self.assertEqual((status["mode"], status["backend"]), ("panic", "none"))
        self.assertIn("no rules", weir.ctl("netfilter").stdout)
        change = weir.ledger.wait(5, type="change", what="mode")[-1]
        self.assertEqual((change["diff"], change["why"]), ("enforce -> panic", "weir off"))
        time.sleep(LOOK_S + 1)
        self.assertTrue(self.lab.tls(DENIED).ok)
        weir.ctl("mode", "enforce")
        self.assertFalse(self.lab.tls(DENIED).ok)

    def test_off_without_the_enforcer(self):
        """Off holds also when the part that judges cannot answer."""
        weir = self.new_weir().start()
        enforcer = weir.pid("enforcer")
        os.kill(enforcer, signal.SIGSTOP)
        done = weir.off()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("mode panic", done.stdout)
        time.sleep(LOOK_S + 1)
        self.assertTrue(self.lab.tls(DENIED).ok)
        self.assertEqual(weir.status()["mode"], "panic")

    def test_a_second_one_elsewhere_is_refused(self):
        """Another queue, socket and ledger do not make two: the rules are one set."""
        self.new_weir().start()
        second = Weir(self.lab)
        with open(second.conf, encoding="ascii") as f:
            text = f.read().replace("queue = 7411", "queue = 7500")
        with open(second.conf, "w", encoding="ascii") as f:
            f.write(text)
        done = self.lab.gateway.run(WEIR, "run", "-c", second.conf, check=False, timeout=15)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("another weir runs inline", done.stderr)
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        self.assertFalse(self.lab.tls(DENIED).ok)

    def test_accounting_after_kill(self):
        """What a killed weir left switched on goes with `off`, and with the next one's end."""
        self.lab.gateway.sysctl(netfilter__nf_conntrack_acct=0)
        weir = self.new_weir().start()
        self.assertEqual(self.acct(), 1)
        weir.kill()
        done = weir.off()
        self.assertEqual((done.returncode, self.acct()), (0, 0), done.stdout)
        self.assertIn("nf_conntrack_acct", done.stdout)
        self.new_weir().start().kill()
        self.assertEqual(self.acct(), 1)
        again = self.new_weir().start()
        os.kill(again.pid("enforcer"), signal.SIGKILL)
        again.wait_status(lambda s: s["judging"] and s["restarts"]["enforcer"] == 1, 10, "back")
        self.assertEqual(again.stop(), 0)
        self.assertEqual(self.acct(), 0)
        # The host's own 1 stays.
        self.lab.gateway.sysctl(netfilter__nf_conntrack_acct=1)
        self.new_weir().start().kill()
        weir.off()
        self.assertEqual(self.acct(), 1)
        self.lab.gateway.sysctl(netfilter__nf_conntrack_acct=0)

    def test_host_that_does_not_fit(self):
        """Interfaces that do not exist and unchecked checksums are told at start and in status."""
        self.lab.gateway.sysctl(netfilter__nf_conntrack_checksum=0)
        self.addCleanup(self.lab.gateway.sysctl, netfilter__nf_conntrack_checksum=1)
        weir = self.new_weir()
        with open(weir.conf, encoding="ascii") as f:
            text = f.read().replace('"c0", "s0"', '"lan0", "wan9"')
        with open(weir.conf, "w", encoding="ascii") as f:
            f.write(text)
        weir.start()
        for said in ("no interface 'lan0'", "no interface 'wan9'", "NOTHING IS JUDGED",
                     "nf_conntrack_checksum is 0"):
            self.assertIn(said, weir.said())
        warnings = "\n".join(weir.status()["warnings"])
        for said in ("lan0", "wan9", "nf_conntrack_checksum"):
            self.assertIn(said, warnings)
            self.assertIn(said, weir.ctl("status").stdout)
        done = self.lab.gateway.run(WEIR, "check", "-c", weir.conf, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no interface 'lan0'", done.stderr)

    def test_idle_connections_to_the_control_socket(self):
        """Those who say nothing hinder nobody who asks, and are told why they are cut."""
        weir = self.new_weir().start()
        idle = []
        for _ in range(40):
            s = socket.socket(socket.AF_UNIX)  # blocks: the queue of those who wait is short
            self.addCleanup(s.close)
            s.connect(os.path.join(weir.folder, "control"))
            idle.append(s)
            time.sleep(0.01)
        began = time.monotonic()
        self.assertEqual(weir.ctl("status").returncode, 0)
        self.assertLess(time.monotonic() - began, 2)
        # The oldest went for those behind them; on a machine that stood still some went by time.
        self.assertIn(b"busy", b"".join(s.recv(100) for s in idle[:20]))
        self.assertIn(b"no request", idle[-1].makefile("rb").read())


if __name__ == "__main__":
    unittest.main()
