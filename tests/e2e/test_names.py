# SPDX-License-Identifier: Apache-2.0
"""Passive DNS: what resolvers told clients, shown and used."""
import json
import unittest

import lab as places
from case import GatewayCase, in_parallel

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


if __name__ == "__main__":
    unittest.main()
