#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/forms.md, src/record/line.h, cef.h, asim.h and docs/event-schema.json hold the same fields, keys and types."""
import json
import os
import re
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# Of a seal the whole line is exported: its own fields need no names here.
WHOLE = {"seal"}


def read(*name):
    with open(os.path.join(ROOT, *name), encoding="utf-8") as f:
        return f.read()


class Forms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fields = dict(re.findall(r'X\((\w+), "(\w+)", \w+\)', read("src", "record", "line.h")))
        cls.doc = read("docs", "forms.md")
        cls.rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", cls.doc.split("## Fields")[1].split("\nColumns ")[0], re.M))
        cls.defs = json.loads(read("docs", "event-schema.json"))["$defs"]

    def test_every_field_of_the_schema_is_known(self):
        for name, event in self.defs.items():
            if name.startswith("event_"):
                kind = name[len("event_"):]
                if kind not in WHOLE:
                    self.assertEqual(set(event["properties"]) - set(self.fields.values()), set(), kind)

    def test_every_known_field_is_one_of_the_schema(self):
        names = set().union(*(e["properties"] for n, e in self.defs.items() if n.startswith("event_")))
        self.assertEqual(set(self.fields.values()) - names, set())

    def test_the_document_has_a_row_for_each_field(self):
        self.assertEqual(list(self.rows), list(self.fields.values()))

    def test_the_document_names_each_key_and_label(self):
        rows = re.findall(r'K\((\w+), "(\w+)", (?:NULL|"([^"]+)"), (\d+)\)', read("src", "record", "cef.h"))
        self.assertGreater(len(rows), 60)
        for field, key, label, most in rows:
            cell = self.rows[self.fields[field]].split("|")[0]
            self.assertIn(f"`{key}`" + (f" {label}" if label else ""), cell, field)
            if re.match(r"cs\d|Weir", key):
                self.assertEqual(most, "4000", key)

    def test_the_document_names_each_column(self):
        network, alert = read("src", "record", "asim.h").split("#define ASIM_ALERT_ROWS")
        for at, text in ((1, network), (2, alert)):
            rows = re.findall(r'R\((\w+), "(\w+)"\)', text)
            self.assertGreater(len(rows), 1)
            for field, column in rows:
                self.assertRegex(self.rows[self.fields[field]].split("|")[at], rf"\b{column}\b", field)

    def test_the_document_has_each_type(self):
        types = re.findall(r'X\(\w+, "(\w+)"\)\s', read("src", "record", "line.h"))
        table = self.doc.split("## Which events")[1].split("##")[0]
        self.assertEqual(sorted(re.findall(r"^\| `(\w+)` \|", table, re.M)), sorted(types))
        self.assertEqual({f"event_{t}" for t in types}, {n for n in self.defs if n.startswith("event_")})


if __name__ == "__main__":
    unittest.main()
