# SPDX-License-Identifier: Apache-2.0
"""Passive DNS: what resolvers told clients, shown and used."""
import json
import os
import signal
import unittest

import lab as places
from case import GatewayCase, in_parallel
from netns import wait_for

NAMES = {f"n{i}.names.lab.example": f"10.9.{i // 250}.{i % 250 + 1}" for i in range(1000)}


def rows(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


class Names(GatewayCase):
    lab_options = {"dns_names": NAMES}

    def table(self, *words):
        return rows(self.weir.ctl("dns", "--json", *words))

    def test_1000_names_over_one_socket(self):
        answers, _ = self.lab.ask_names([(n, "A") for n in NAMES])
        self.assertEqual([a for a in answers.values() if not a], [], "all are answered")
        table = self.table("--name", "names.lab.example")
        self.assertEqual({r["name"]: r["address"] for r in table}, NAMES)
        self.assertEqual(len(table), len(NAMES))
        for r in table:
            self.assertEqual((r["site"], r["site_resolver"], r["clients"], r["client_count"]),
                             ("lab", True, [places.CLIENT], 1), r)
            self.assertLessEqual(r["first_seen"], r["last_seen"])
            self.assertLess(r["last_seen"], r["expires"])

    def test_filters_and_the_table_for_people(self):
        self.lab.dig("a.filter.example")
        self.lab.dig("b.filter.example", "AAAA", places.WEB6)
        self.lab.dig("xfilter.example")
        both = ["a.filter.example", "b.filter.example"]
        for word in ("filter.example", "*.filter.example", "FILTER.example."):
            self.assertEqual([r["name"] for r in self.table("--name", word)], both, word)
        narrow = self.table("--name", "filter.example", "--address", places.WEB6)
        self.assertEqual([(r["name"], r["address"]) for r in narrow], [(both[1], places.WEB6)])
        lines = self.weir.ctl("dns", "--name", "filter.example").stdout.splitlines()
        self.assertEqual(len(lines), 3, lines)
        self.assertEqual(lines[0].split()[:3], ["ADDRESS", "SITE", "CLIENTS"])
        self.assertEqual(lines[1].split()[:3], [places.WEB, "lab", "1"])
        self.assertEqual(self.table("--name", "nobody.asked.example"), [])
        self.assertEqual(self.weir.ctl("status", "--name", "x", check=False).returncode, 2)

    def test_many_ask_at_once(self):
        """Each gets the whole table, while packets go on."""
        self.lab.dig("crowd.example")
        ask = [lambda: self.weir.ctl("dns", "--json", "--name", "crowd.example")] * 8
        for d in in_parallel(8, ask):
            self.assertEqual([r["name"] for r in rows(d)], ["crowd.example"])
        self.assertTrue(self.lab.tls("make.powerapps.com").ok)

    def test_what_another_client_was_told_is_a_weaker_witness(self):
        name = "told-once.lab.example"
        self.assertEqual(self.lab.dig(name), [places.WEB])
        own, others = self.lab.tls(name), self.lab.tls(name, source=places.CROWD)
        unasked = self.lab.tls("never-asked.lab.example", source=places.CROWD)
        self.assertEqual(self.assert_passed(own.port)["corroboration"], "dns_client")
        self.assertEqual(self.assert_passed(others.port)["corroboration"], "dns_site")
        self.assertEqual(self.assert_passed(unasked.port)["corroboration"], "none")


class Kept(GatewayCase):
    """The table over restarts, crashes and damage."""

    auto_start = False

    def begin(self, dns=""):
        weir = self.new_weir()
        with open(weir.conf, "a", encoding="ascii") as f:
            f.write(f"dns = {{ {dns} }};\n")
        return weir.start()

    def told(self, name):
        self.assertEqual(self.lab.dig(name), [places.WEB])

    def names(self):
        return {r["name"]: r for r in rows(self.weir.ctl("dns", "--json"))}

    def stats(self):
        return json.loads(self.weir.ctl("stats", "--json").stdout)

    def file(self):
        return os.path.join(self.weir.ledger.folder, "dns.table")

    def test_a_restart_keeps_it(self):
        weir = self.begin()
        self.told("kept.lab.example")
        before = self.names()["kept.lab.example"]
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(os.stat(self.file()).st_mode & 0o777, 0o600)
        weir.start()
        self.assertIn("2 entries taken over", weir.said())  # the client's and the site's
        self.assertEqual(self.names()["kept.lab.example"], before)
        self.assertEqual(self.stats()["dns_entries_restored"], 2)
        answer = self.lab.tls("kept.lab.example")
        self.assertEqual(self.assert_passed(answer.port)["corroboration"], "dns_client")
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")

    def test_a_crash_keeps_what_was_saved(self):
        weir = self.begin('save = "1s";')
        self.told("crash.lab.example")
        wait_for(lambda: self.stats()["dns_tables_saved"] > 1, 10, "two saves")
        old = weir.pid("enforcer")
        os.kill(old, signal.SIGKILL)
        weir.wait_status(lambda s: s["judging"] and s["pids"]["enforcer"] != old, 10,
                         "another enforcer")
        self.assertIn("crash.lab.example", self.names())
        self.assertEqual(self.stats()["dns_tables_unsaved"], 0)
        self.assertEqual(weir.stop(), 0)

    def test_a_damaged_file_is_refused_and_replaced(self):
        weir = self.begin()
        self.told("damaged.lab.example")
        self.assertEqual(weir.stop(), 0)
        with open(self.file(), "r+b") as f:
            f.seek(60)
            f.write(b"\xff\xff")
        weir.start()
        self.assertIn("dns.table is damaged: not used", weir.said())
        self.assertEqual(self.names(), {})
        self.assertEqual(self.stats()["dns_tables_refused"], 1)
        self.told("fresh.lab.example")
        self.assertEqual(weir.stop(), 0)
        weir.start()
        self.assertEqual(list(self.names()), ["fresh.lab.example"])
        self.assertEqual(weir.stop(), 0)

    def test_off_and_elsewhere(self):
        weir = self.begin("keep = false;")
        self.told("not-kept.lab.example")
        self.assertEqual(weir.stop(), 0)
        self.assertFalse(os.path.exists(self.file()))
        weir = self.begin(f'dir = "{self.lab.dir}/elsewhere";')
        self.told("elsewhere.lab.example")
        self.assertEqual(weir.stop(), 0)
        self.assertFalse(os.path.exists(self.file()))
        self.assertEqual(os.listdir(os.path.join(self.lab.dir, "elsewhere")), ["dns.table"])

    def test_no_room_to_save_it(self):
        """Told once; nothing else suffers."""
        weir = self.begin('save = "1s"; dir = "/nowhere/at/all";')
        wait_for(lambda: self.stats()["dns_tables_unsaved"] > 1, 10, "two saves that failed")
        self.assertEqual(weir.said().count("dns table: cannot be saved in /nowhere/at/all"), 1)
        self.assertTrue(self.lab.tls("on.lab.example").ok)
        self.assertEqual(weir.status()["restarts"], {"enforcer": 0, "writer": 0, "guesser": 0})
        self.assertEqual(weir.stop(), 0)


if __name__ == "__main__":
    unittest.main()
