#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""recount.py notices every wrong number of the demo's summary, and every shifted rule line."""
import copy
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import recount  # noqa: E402  pylint: disable=wrong-import-position

CAPTURE = "tests/demo/demo.pcap"
# Numbers that may be wrong without being noticed: a pattern around each, and why.
UNNOTICED = {}  # pattern of a number that the ledger does not hold: why


def numbers(text):
    """Every number of the text; 2,193 is one."""
    return list(re.finditer(r"\d{1,3}(?:,\d{3})+(?!\d)|\d+", text))


def one_more(digits):
    n = int(digits.replace(",", "")) + 1
    return f"{n:,}" if "," in digits else f"{n:0{len(digits)}d}"


class Noticing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.chdir(ROOT)
        with tempfile.TemporaryDirectory() as folder:
            cls.ledger = os.path.join(folder, "ledger")
            done = subprocess.run(
                ["./weir", "replay", "-c", "tests/demo/demo.conf", "-o", cls.ledger, CAPTURE],
                check=True, capture_output=True, text=True)
            cls.summary = done.stdout
            cls.events = recount.read(cls.ledger)

    def failures(self, summary, events=None):
        return recount.Recount(summary, events or self.events, ".", [CAPTURE]).all(self.ledger)

    def test_the_summary_is_right(self):
        self.assertEqual(self.failures(self.summary), [])

    def test_each_number(self):
        allowed = [m.span(1) for p in UNNOTICED for m in re.finditer(p, self.summary)]
        found = numbers(self.summary)
        self.assertGreater(len(found), 150)
        missed = []
        for m in found:
            if any(a <= m.start() and m.end() <= b for a, b in allowed):
                continue
            wrong = self.summary[:m.start()] + one_more(m.group()) + self.summary[m.end():]
            if not self.failures(wrong):
                line = wrong.count("\n", 0, m.start())
                missed.append(wrong.splitlines()[line])
        self.assertEqual(missed, [])

    def test_each_exception_is_needed(self):
        for pattern in UNNOTICED:
            m = re.search(pattern, self.summary)
            self.assertIsNotNone(m, pattern)
            digits = re.search(r"\d+", m.group(1))
            at = m.start(1) + digits.start()
            wrong = self.summary[:at] + one_more(digits.group()) + self.summary[at + len(digits.group()):]
            self.assertEqual(self.failures(wrong), [], pattern)

    def test_each_rule_line_shifted(self):
        rules = sorted({e[k] for e in self.events for k in ("rule", "would_rule") if k in e})
        self.assertGreater(len(rules), 10)
        for rule in rules:
            path, line = rule.rsplit(":", 1)
            for by in (-1, 1):
                other = f"{path}:{int(line) + by}"
                events = copy.deepcopy(self.events)
                for e in events:
                    for k in ("rule", "would_rule"):
                        if e.get(k) == rule:
                            e[k] = other
                # As a Weir with that fault would print it: the other line and its text.
                text = recount.RuleFile(path, {}).text
                summary = self.summary.replace(f"{rule}  ", f"{other}  ").replace(
                    f"    {text(int(line))}\n", f"    {text(int(line) + by)}\n")
                self.assertNotEqual(self.failures(summary, events), [], f"{rule} as {other}")

    def test_a_text_of_another_line(self):
        wrong = self.summary.replace('2 deny "*"', '1 allow "smtp.office365.com,587"')
        self.assertNotEqual(wrong, self.summary)
        self.assertNotEqual(self.failures(wrong), [])


if __name__ == "__main__":
    unittest.main()
