# SPDX-License-Identifier: Apache-2.0
"""A country database that is replaced while weir runs."""
import os
import shutil
import subprocess
import time

from case import GatewayCase
from gateway import WEIR, installed

DATE = "# Generated: Thu, {:02d} {} 2026 04:33:59 GMT\n"


class Geo(GatewayCase):
    auto_start = False
    limit = 120

    def compile(self, path, day, month="Nov"):
        """A database of that day, put in the place of `path` as geoipupdate does."""
        text = self.weir.folder + "/geoip"
        with open(text, "w", encoding="ascii") as f:
            f.write(DATE.format(day, month) + "16777216,16777471,AU\n")
        subprocess.run([WEIR, "geo", "-o", path, text], check=True, stdout=subprocess.DEVNULL)

    def events(self, what):
        return self.weir.ledger.events(type="system", what=what)

    def geo(self):
        return self.weir.status()["geo"][0]

    def test_replaced_broken_older_old(self):
        weir = self.new_weir()
        path = os.path.join(weir.folder, "country.mmdb")
        self.compile(path, 20)
        with open(weir.conf, "a", encoding="ascii") as f:
            f.write(f'geo = {{ country = "{path}"; warn_age = "3650d"; }};\n')
        weir.start()
        first = weir.status()["generation"]
        self.assertEqual((self.geo()["date"], self.geo()["schema"]), ("2026-11-20", "maxmind"))

        # Broken, written in place: the old data stay, told once.
        shutil.copy(path, path + ".good")
        with open(path, "r+b") as f:
            f.truncate(200)
        event = weir.ledger.wait(25, type="system", what="geo_refused")[0]
        self.assertIn(path + ": error: is no sound MaxMind DB file", event["message"])
        self.assertIn("the data of 2026-11-20 stay in force", event["message"])
        status = weir.status()
        self.assertEqual(status["generation"], first)
        self.assertTrue(any("stay in force" in w for w in status["warnings"]), status)
        self.assertIn("the data of 2026-11-20 stay in force", weir.ctl("status").stdout)
        weir.ctl("reload", check=False)  # the same bad file by hand: refused, not told anew
        time.sleep(12)
        self.assertEqual(len(self.events("geo_refused")), 1)
        self.assertEqual(len(weir.ledger.events(type="change", what="reload_refused")), 2)
        self.assertEqual(weir.status()["generation"], first)

        # A newer one by rename: in force without a word from anybody.
        time.sleep(50)  # not sooner than a minute after the last one
        self.compile(path, 27)
        weir.wait_status(lambda s: s["geo"][0]["date"] == "2026-11-27", 20, "the new one")
        self.assertFalse(any("stay in force" in w for w in weir.status()["warnings"]))
        change = weir.ledger.wait(5, type="change", what="reload")[-1]
        self.assertEqual((change["old_generation"], change["who"]), (first, "geo"), change)

    def test_older_and_old(self):
        """Another user than root reads the databases of a new generation, too."""
        weir = self.new_weir(user="nobody", program=installed(self.lab))
        path = os.path.join(weir.folder, "country.mmdb")
        self.compile(path, 20)
        with open(weir.conf, "a", encoding="ascii") as f:
            f.write(f'geo = {{ country = "{path}"; warn_age = "1d"; }};\n')
        weir.start()
        self.assertIn("days old: fetch a new one",
                      weir.ledger.wait(10, type="system", what="geo_old")[0]["message"])
        self.assertTrue(any("days old" in w for w in weir.status()["warnings"]))
        self.compile(path, 1)
        weir.ctl("reload")
        event = weir.ledger.wait(10, type="system", what="geo_older")[0]
        self.assertIn("is older than what it replaces, which is of 2026-11-20", event["message"])
        self.assertEqual(self.geo()["date"], "2026-11-01")
        # What is gone for a while stays in force, and is no event.
        generation = weir.status()["generation"]
        os.rename(path, path + ".away")
        time.sleep(12)
        os.rename(path + ".away", path)
        self.assertEqual(weir.status()["generation"], generation)
        self.assertEqual(self.events("geo_refused"), [])
        self.assertEqual(len(weir.ledger.events(type="change")), 1)
