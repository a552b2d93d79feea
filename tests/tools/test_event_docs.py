#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""src/model/names.h, docs/event-schema.json and docs/events.md hold the same words and fields."""
import json
import os
import re
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# Word list of the schema and the documents -> list in names.h.
LISTS = {
    "mode": "MODES", "phase": "PHASES", "protocol": "PROTOCOLS", "role": "ROLES",
    "direction": "DIRECTIONS", "shared": "SHARINGS", "evidence": "EVIDENCES", "corroboration": "CORROBORATIONS",
    "visibility": "VISIBILITIES", "undecidable": "UNDECIDABLES", "flag": "FLAGS",
    "verdict": "VERDICTS", "effect": "EFFECTS", "reason": "VERDICT_REASONS", "gate": "GATES",
    "answer": "ANSWERS", "end_reason": "END_REASONS", "ndpi_confidence": "GUESS_CONFIDENCES",
}
UNWRITTEN = {"answer": {"not_asked"}}  # words that no event holds


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def header_words(text, name):
    body = re.search(r"#define %s\(X\)(.*?[^\\])\n" % name, text, re.S).group(1)
    return [w for w in re.findall(r'X\(\w+,\s*"([^"]*)"\)', body) if w]


def sections(text, mark):
    """Heading -> text up to the next heading of any depth."""
    parts = re.split(r"^(#+ .*)$", text, flags=re.M)
    return {head[len(mark) + 1:]: body for head, body in zip(parts[1::2], parts[2::2])
            if head.startswith(mark + " ")}


def first_cells(text):
    return re.findall(r"^\| `([^`]+)` \|", text, re.M)


class Documents(unittest.TestCase):
    def setUp(self):
        self.names = read("src/model/names.h")
        self.defs = json.loads(read("docs/event-schema.json"))["$defs"]
        self.page = read("docs/events.md")

    def test_words(self):
        documented = sections(self.page, "###")
        self.assertEqual(set(documented), set(LISTS))
        for name, source in LISTS.items():
            words = [w for w in header_words(self.names, source)
                     if w not in UNWRITTEN.get(name, ())]
            self.assertGreater(len(words), 1, name)
            self.assertEqual(self.defs[name]["enum"], words, name)
            self.assertEqual(first_cells(documented[name]), words, name)

    def test_gates_are_the_keys_of_their_object(self):
        gates = self.defs["event_flow"]["properties"]["gates"]["properties"]
        self.assertEqual(list(gates), self.defs["gate"]["enum"])

    def test_fields(self):
        documented = sections(self.page, "##")
        common = first_cells(documented["Fields of all events"])
        kinds = [n[len("event_"):] for n in self.defs if n.startswith("event_")]
        for kind in kinds:
            properties = self.defs["event_" + kind]["properties"]
            fields = [f for f in properties if f not in common]
            cells = first_cells(documented[kind])
            self.assertEqual([c for c in cells if "." not in c], fields, kind)
            self.assertEqual([f for f in properties if f in common], common, kind)
            detail = properties.get("detail", {}).get("properties", {})
            self.assertEqual([c for c in cells if "." in c],
                             ["detail." + d for d in detail], kind)
            self.assertEqual(properties["type"], {"const": kind})

    def test_every_kind_stands_in_the_choice(self):
        schema = json.loads(read("docs/event-schema.json"))
        choice = [c["$ref"] for c in schema["oneOf"]]
        self.assertEqual(sorted(choice),
                         sorted("#/$defs/" + n for n in self.defs if n.startswith(("event_", "line_"))))

    def test_lines_stand_in_the_order_of_the_documents(self):
        order = {n[len("event_"):]: list(self.defs[n]["properties"])
                 for n in self.defs if n.startswith("event_")}
        for line in read("tests/unit/record/lines.jsonl").splitlines():
            event = json.loads(line)
            fields = order[event["type"]]
            places = [fields.index(f) for f in event]
            self.assertEqual(places, sorted(places), line[:80])


if __name__ == "__main__":
    unittest.main()
