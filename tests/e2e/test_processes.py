# SPDX-License-Identifier: Apache-2.0
"""The processes' rights when they become another user, and a gateway that only listens."""
import os
import unittest

import lab as places
from case import GatewayCase
from gateway import ALLOWED, DENIED, RULES, WEIR, installed

NOBODY = 65534


def standing(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


class OtherUser(GatewayCase):
    """Installed for all, run as nobody: it judges, and takes new rules if it may read them."""

    auto_start = False

    def test_rights_and_reload(self):
        weir = self.new_weir(user="nobody", program=installed(self.lab))
        weir.start()
        self.assertNotIn("no user", weir.said())
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        self.assertFalse(self.lab.tls(DENIED).ok)
        for part in ("enforcer", "writer"):
            now = standing(weir.pid(part))
            self.assertEqual({int(u) for u in now["Uid"].split()}, {NOBODY}, part)
            self.assertEqual(now["Seccomp"], "2", part)
            self.assertEqual(now["NoNewPrivs"], "1", part)
        self.assertEqual(int(standing(weir.pid("writer"))["CapEff"], 16), 0)

        before = weir.status()["generation"]
        weir.write_rules(RULES.replace("label other", "label others"))
        os.chmod(weir.rules, 0o600)
        done = weir.ctl("reload", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot read '{weir.rules}': Permission denied", done.stdout + done.stderr)
        self.assertEqual(weir.status()["generation"], before)
        os.chmod(weir.rules, 0o644)
        weir.ctl("reload")
        self.assertNotEqual(weir.status()["generation"], before)
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        self.assertFalse(self.lab.tls(DENIED).ok)
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")


class NeverReady(GatewayCase):
    auto_start = False

    def test_gives_up_and_says_so(self):
        """A part that ends three times before it was ready ends weir, with the reason."""
        weir = self.new_weir(source="interface")
        with open(weir.conf, encoding="ascii") as f:
            text = f.read().replace('"c0"', '"nope0"')
        with open(weir.conf, "w", encoding="ascii") as f:
            f.write(text)
        done = self.lab.gateway.run(WEIR, "run", "-c", weir.conf, check=False, timeout=20)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("nope0", done.stderr)
        self.assertIn("the enforcer ended three times before it was ready", done.stderr)
        self.assertIn("giving up", done.stderr)
        self.assertEqual(done.stderr.count("starting it again"), 2)


class Listener(GatewayCase):
    """`source = "interface"`: everything passes and is written down, and no rule is set."""

    weir_options = {"source": "interface"}

    def test_listens(self):
        self.assertNotIn("7411", self.lab.gateway.run("iptables-save", check=False).stdout)
        allowed, denied = self.lab.tls(ALLOWED), self.lab.tls(DENIED)
        barred = self.lab.tls(ALLOWED, places.BARRED)
        self.assertTrue(allowed.ok and denied.ok and barred.ok, (allowed, denied, barred))
        for answer, verdict in ((allowed, "allow"), (denied, "deny"), (barred, "deny")):
            event = self.weir.ledger.flow(answer.port)
            self.assertEqual((event["verdict"], event["effect"]), (verdict, "none"), event)
            end = self.weir.ledger.flow(answer.port, "end", timeout=15)
            self.assertEqual(end["end_reason"], "fin", end)
            self.assertGreater(end["bytes_in"], 1000, end)
        status = self.weir.status()
        self.assertEqual((status["source"], status["backend"]), ("interface", "none"))
        self.assertIn("only looks on", str(status["warnings"]))
        self.assertIn("nothing is blocked", self.weir.said())

    def test_reload(self):
        before = self.weir.status()["generation"]
        self.weir.write_rules(RULES.replace(DENIED, "other." + DENIED))
        self.weir.ctl("reload")
        self.assertNotEqual(self.weir.status()["generation"], before)
        event = self.weir.ledger.flow(self.lab.tls(DENIED).port)
        self.assertEqual(event["rule_label"], "unlisted", event)


if __name__ == "__main__":
    unittest.main()
