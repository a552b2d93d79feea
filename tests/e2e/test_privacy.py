# SPDX-License-Identifier: Apache-2.0
"""Packets that a line keeps, who may read the ledger, and secrets that nobody is told."""
import grp
import hashlib
import hmac
import json
import os
import secrets
import signal
import subprocess
import unittest

import lab as places
from case import GatewayCase
from gateway import ALLOWED, DENIED, PLAIN_HTTP, RULES
from netns import LabError, command

GROUP = "games"  # any that is there
STRANGER = "65534"


def as_user(groups, *args):
    return subprocess.run(["setpriv", "--reuid", STRANGER, "--regid", STRANGER, *groups, *args],
                          capture_output=True, check=False, timeout=20)


def as_auditor(*args):
    return as_user(["--groups", str(grp.getgrnam(GROUP).gr_gid)], *args)


class Privacy(GatewayCase):
    auto_start = False

    def start(self, rules=RULES):
        weir = self.new_weir(rules=rules)
        with open(weir.conf, encoding="ascii") as f:
            text = f.read()
        with open(weir.conf, "w", encoding="ascii") as f:
            f.write(text.replace('/control";', f'/control"; readers = "{GROUP}";'))
        return weir.start()

    def file_of(self, weir, event):
        path = os.path.join(weir.ledger.folder, "packets", event["packets"])
        with open(path, "rb") as f:
            self.assertEqual(hashlib.sha256(f.read()).hexdigest(), event["packets_sha256"])
        return path

    def test_packets_of_a_denied_connection(self):
        """The hello that was held and dropped; read again it names the same."""
        rules = "".join(line + "  capture\n" if "label denied-name" in line else line + "\n"
                        for line in RULES.splitlines())
        self.assertIn("capture", rules)
        weir = self.start(rules)
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        answer = self.lab.curl(DENIED)
        event = self.assert_denied(answer.port, DENIED)
        path = self.file_of(weir, event)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        replayed = command([weir.program, "replay", "-q", "--events", "-", path]).stdout
        start = [e for e in map(json.loads, replayed.splitlines()) if e.get("phase") == "start"]
        self.assertEqual([(e["sni"], e["src_port"], e["ja4"], e.get("flags")) for e in start],
                         [(DENIED, answer.port, event["ja4"], event.get("flags"))])
        self.assertEqual([e for e in weir.ledger.events(type="flow")
                          if "packets" in e and e["host"] != DENIED], [], "only of that line")
        stats = dict(line.split() for line in weir.ctl("stats").stdout.splitlines()
                     if len(line.split()) == 2)
        self.assertEqual((stats["packet_files_kept"], stats["packet_files_failed"]), ("1", "0"))
        # No more room for files: the connection is denied and told all the same, and so is the loss.
        owner = os.stat(weir.ledger.folder).st_uid
        command(["mount", "-t", "tmpfs", "-o", f"size=4k,mode=0750,uid={owner}", "none", os.path.dirname(path)])
        self.addCleanup(command, ["umount", "-l", os.path.dirname(path)], check=False)
        with open(os.path.join(os.path.dirname(path), "full"), "wb") as f:
            f.write(bytes(4096))
        old = weir.pid("writer")
        os.kill(old, signal.SIGKILL)
        weir.wait_status(lambda s: s["pids"]["writer"] not in (0, old), 5, "another writer")
        answer = self.lab.curl(DENIED)
        self.assertNotIn("packets", self.assert_denied(answer.port, DENIED))
        loss = weir.ledger.wait(timeout=15, type="loss", what="packets")[-1]
        self.assertEqual(loss["count"], 1)

    def test_group_reads(self):
        weir = self.start()
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        weir.ledger.wait(type="flow", host=ALLOWED)
        os.chmod(self.lab.dir, 0o711)
        segment = os.path.join(weir.ledger.folder, "000001.jsonl")
        self.assertIn(ALLOWED.encode(), as_auditor("cat", segment).stdout)
        self.assertNotEqual(as_user(["--clear-groups"], "cat", segment).returncode, 0)
        generations = as_auditor("ls", os.path.join(weir.ledger.folder, "generations", "files"))
        self.assertTrue(generations.stdout, generations)
        self.assertNotEqual(as_auditor("ls", weir.ledger.folder + ".keys").returncode, 0)
        self.assertNotEqual(as_auditor("touch", os.path.join(weir.ledger.folder, "x")).returncode, 0)
        # What is made later, and by the next run, too.
        weir.stop()
        self.assertEqual(as_auditor("cat", segment).returncode, 0)
        verified = as_auditor(weir.program, "verify", weir.ledger.folder)
        self.assertEqual(verified.returncode, 0, verified)

    def test_secrets(self):
        """Sent through the gateway: not in ledger, log and what it tells."""
        weir = self.start()
        tokens = {k: secrets.token_hex(12) for k in ("password", "query", "bearer", "cookie", "path")}
        self.lab.curl(PLAIN_HTTP, scheme="http", path=f"/{tokens['path']}/x?key={tokens['query']}", extra=(
            "-u", f"ada:{tokens['password']}", "-H", f"Cookie: s={tokens['cookie']}",
            "-H", f"X-Token: {tokens['bearer']}", "-e", f"http://a.example/?{tokens['query']}"))
        event = weir.ledger.wait(type="flow", host=PLAIN_HTTP)[-1]
        self.assertEqual(event["url"], f"http://{PLAIN_HTTP}/*/x?key=")
        told = [weir.ctl(*words, check=False).stdout for words in (
            ("status",), ("stats",), ("stats", "--prometheus"), ("stats", "--json"), ("dns",), ("netfilter",))]
        self.assertTrue(all(told[:4]))
        weir.stop()
        with open(os.path.join(weir.ledger.folder, "000001.jsonl"), encoding="utf-8") as f:
            told += [f.read(), weir.said()]
        for place, token in tokens.items():
            for form in (token, token.encode().hex()):
                self.assertEqual([t[:80] for t in told if form in t], [], place)

    def test_pseudonyms(self):
        """A person's name is in no event; whose it is is told with an event, and never without."""
        weir = self.new_weir(rules=RULES)
        with open(os.path.join(weir.folder, "people.csv"), "w", encoding="utf-8") as f:
            f.write(f"address,user\n{places.CLIENT},Quentin Ashgrove\n")
        with open(weir.conf, "a", encoding="ascii") as f:
            f.write('identity = { people = "people.csv"; pseudonyms = true; };\n')
        weir.start()
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        pseudonym = weir.ledger.wait(type="flow", host=ALLOWED)[-1]["principal"]
        self.assertRegex(pseudonym, "^p-[0-9a-f]{16}$")
        key = os.path.join(weir.ledger.folder + ".keys", "pseudonyms.key")
        self.assertEqual((os.stat(key).st_mode & 0o777, os.stat(key).st_size), (0o600, 32))
        with open(key, "rb") as f:
            digest = hmac.new(f.read(), b"Quentin Ashgrove", hashlib.sha256).hexdigest()
        self.assertEqual(pseudonym, "p-" + digest[:16])

        def unmask(*words):
            return self.lab.gateway.run(weir.program, "unmask", "-c", weir.conf, *words, check=False)

        self.assertEqual(unmask(pseudonym).returncode, 2, "no reason")
        self.assertEqual(unmask("--reason", "test", "Quentin").returncode, 2)
        unknown = unmask("--reason", "test", "p-0123456789abcdef")
        self.assertEqual((unknown.returncode, unknown.stdout), (1, ""), unknown)
        self.assertEqual(weir.ledger.events(type="change", what="unmasked"), [])
        told = unmask("--reason", "case 4711, works council agreed", pseudonym)
        self.assertEqual((told.returncode, told.stdout), (0, "Quentin Ashgrove\n"), told)
        change = weir.ledger.wait(type="change", what="unmasked")
        self.assertEqual([(e["diff"], e["why"]) for e in change],
                         [(pseudonym, "case 4711, works council agreed")])
        self.assertTrue(change[0]["who"])
        # A key that is there is kept, and the setting waits for a start.
        weir.stop()
        silent = unmask("--reason", "test", pseudonym)
        self.assertEqual((silent.returncode, silent.stdout), (3, ""), silent)
        weir.start()
        with open(weir.conf, encoding="ascii") as f:
            text = f.read()
        with open(weir.conf, "w", encoding="ascii") as f:
            f.write(text.replace("pseudonyms = true", "pseudonyms = false"))
        self.assertIn("identity.pseudonyms: takes effect at the next start", weir.ctl("reload").stdout)
        answer = self.lab.tls(ALLOWED)
        self.assertTrue(answer.ok)
        self.assertEqual({e["principal"] for e in weir.ledger.wait(type="flow", host=ALLOWED)}, {pseudonym})
        weir.stop()
        for folder, _, names in os.walk(weir.ledger.folder):
            for name in names:
                with open(os.path.join(folder, name), "rb") as f:
                    self.assertNotIn(b"Ashgrove", f.read(), name)
        self.assertNotIn("Ashgrove", weir.said())
        # Not 32 bytes: it is not replaced, and nothing starts.
        with open(key, "wb") as f:
            f.write(b"short")
        with open(weir.conf, "w", encoding="ascii") as f:
            f.write(text)
        self.assertRaisesRegex(LabError, "is no key of pseudonyms", weir.start)
        with open(key, "rb") as f:
            self.assertEqual(f.read(), b"short")


if __name__ == "__main__":
    unittest.main()
