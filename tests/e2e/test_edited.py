# SPDX-License-Identifier: Apache-2.0
"""What was changed while no gateway ran is told at the next start."""
import os
import unittest

from case import GatewayCase
from gateway import RULES
from netns import command


class Edited(GatewayCase):
    auto_start = False

    def put(self, weir, old, new):
        with open(weir.conf, "r+", encoding="ascii") as f:
            text = f.read()
            self.assertIn(old, text)
            f.seek(0)
            f.truncate()
            f.write(text.replace(old, new))

    def changes(self, weir):
        return [e for e in weir.ledger.events(type="change")]

    def restart(self, weir):
        self.assertEqual(weir.stop(), 0)
        weir.start()
        return weir.status()["generation"]

    def test_fingerprint(self):
        """The one that keygen prints is that of status, log, verify and report."""
        weir = self.new_weir()
        said = command([weir.program, "keygen", "-c", weir.conf]).stdout.strip()
        self.assertRegex(said, "^([0-9A-F]{4}-){7}[0-9A-F]{4}$")
        weir.start()
        self.assertEqual(weir.status()["ledger"]["fingerprint"], said)
        self.assertIn(f"key {said}, epoch ", weir.ctl("status").stdout)
        self.assertIn(f"sealed with the key {said}", weir.said())
        self.assertEqual(weir.stop(), 0)
        ledger = weir.ledger.folder
        self.assertIn(said, command([weir.program, "verify", ledger, "--key", said]).stdout)
        page = os.path.join(weir.folder, "page.html")
        command([weir.program, "report", "--ledger", ledger, "-o", page])
        with open(page, encoding="utf-8") as f:
            self.assertIn(f"<code>{said}</code>", f.read())

    def test_files_and_retention(self):
        weir = self.new_weir()
        weir.start()
        first = weir.status()
        self.assertEqual(first["ledger"]["anchor"], "none")
        self.assertIn("not anchored: no seal leaves this machine", weir.ctl("status").stdout)
        self.assertEqual(self.restart(weir), first["generation"])
        self.assertEqual(self.changes(weir), [], "nothing was edited")

        # Rules and weir.conf, by hand, while nothing runs.
        self.assertEqual(weir.stop(), 0)
        weir.write_rules(RULES.replace("label bare-address", "label bare-u")
                         .replace("label allowed-name", "label allowed-by-name"))
        self.put(weir, 'dns_events = true;', 'dns_events = true; anchor = "paper"; keep = "400d";')
        weir.start()
        second = weir.status()
        self.assertEqual(second["ledger"]["anchor"], "paper")
        self.assertIn("anchored by what weir seal prints", weir.ctl("status").stdout)
        edited = weir.ledger.wait(type="change", what="edited")
        self.assertEqual(len(edited), 1)
        edited = edited[0]
        self.assertEqual((edited["old_generation"], edited["new_generation"]),
                         (first["generation"], second["generation"]))
        self.assertEqual(edited["why"], "found at the start")
        self.assertTrue(edited["who"])
        self.assertRegex(edited["diff"], r"lab\.rules:\d+: - allow .*label bare-address.* \+ allow .*bare-u")
        self.assertIn("label allowed-by-name", edited["diff"])
        self.assertNotIn("label dns", edited["diff"])
        self.assertRegex(edited["diff"], r'weir\.conf:\d+: - ledger .* \+ ledger .*keep = "400d"')
        kept = weir.ledger.wait(type="change", what="retention")
        self.assertEqual([e["diff"] for e in kept], ["ledger.keep: no limit -> 400d (less is kept)"])

        # A reload's new value waits for a start, and is told there: its generation is the same.
        self.put(weir, 'keep = "400d"', 'keep = "36h"; keep_size = "4GiB"; keep_dns = "24h"')
        self.assertIn("ledger.keep: takes effect at the next start", weir.ctl("reload").stdout)
        third = weir.status()["generation"]
        self.assertEqual(self.restart(weir), third)
        kept = weir.ledger.wait(type="change", what="retention", count=2)
        self.assertEqual(kept[1]["diff"], "ledger.keep: 400d -> 36h (less is kept); "
                                          "ledger.keep_size: no limit -> 4GiB (less is kept); "
                                          "ledger.keep_dns: no limit -> 1d (less is kept)")
        self.assertNotIn("old_generation", kept[1])
        self.assertEqual(len(weir.ledger.events(type="change", what="edited")), 1)

        # Without its file the generation before knows; and what is not kept is said.
        self.assertEqual(weir.stop(), 0)
        os.remove(os.path.join(weir.ledger.folder, "retention"))
        self.put(weir, 'keep = "36h"; keep_size = "4GiB"', 'keep = "48h"; keep_size = "4GiB"')
        weir.start()
        kept = weir.ledger.wait(type="change", what="retention", count=3)
        self.assertEqual(kept[2]["diff"], "ledger.keep: 36h -> 2d (more is kept)")
        self.assertEqual(weir.stop(), 0)
        os.remove(os.path.join(weir.ledger.folder, "generations",
                               kept[2]["generation"] + ".json"))
        weir.write_rules(RULES)
        weir.start()
        edited = weir.ledger.wait(type="change", what="edited", count=3)
        self.assertIn("is not kept in generations/", edited[2]["diff"])
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")


if __name__ == "__main__":
    unittest.main()
