#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""validate_events.py accepts good lines and refuses each kind of bad one."""
import io
import json
import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import validate_events as v  # noqa: E402  pylint: disable=wrong-import-position

TIME = "2026-11-22T02:11:16.123456Z"
FLOW = {
    "v": 1, "seq": 1, "time": TIME, "type": "flow", "sensor": "gw", "generation": "3f9a12cd",
    "mode": "replay", "phase": "end", "flow_id": "00000000deadbeef", "src_ip": "10.10.0.2",
    "src_port": 50000, "dst_ip": "2001:db8::1", "dst_port": 443, "transport": "tcp",
    "protocol": "tls", "host": "a.example", "evidence": "sni", "corroboration": "none",
    "visibility": "host", "flags": ["ech_ext"], "country": "NL", "asn": 8075,
    "verdict": "allow", "effect": "none", "reason": "rule", "gate": "rules",
    "rule": "rules/a b.rules:31", "gates": {"own": "not_concerned", "rules": "allow"},
    "packets_out": 1, "bytes_out": 60, "packets_in": 0, "bytes_in": 0, "duration_us": 0,
    "start": TIME, "end": TIME, "end_reason": "timeout",
}
SIGNAL = {"v": 1, "seq": 1, "time": TIME, "type": "signal", "sensor": "gw",
          "generation": "3f9a12cd", "mode": "monitor", "signal": "off_hours", "score": 20,
          "detail": {"zone": "Europe/Berlin", "hours": "mon-fri 07:00-19:00"}}
SYSTEM = {"v": 1, "seq": 1, "time": TIME, "type": "system", "sensor": "gw", "mode": "replay",
          "what": "capture_end", "detail": {"packets": 7}}
LOSS = {"v": 1, "seq": 1, "time": TIME, "type": "loss", "sensor": "gw", "mode": "replay",
        "what": "ring", "count": 3, "from": TIME, "to": TIME}

# What is changed (None = taken away) -> a word of the message.
BAD = [
    (FLOW, {"v": 2}, "v:"),
    (FLOW, {"v": True}, "v:"),
    (FLOW, {"seq": 0}, "below"),
    (FLOW, {"seq": "1"}, "integer"),
    (FLOW, {"seq": 1.5}, "integer"),
    (FLOW, {"seq": True}, "integer"),
    (FLOW, {"time": None}, "time is missing"),
    (FLOW, {"time": "2026-11-22T02:11:16Z"}, "form"),
    (FLOW, {"time": TIME + "\n"}, "form"),
    (FLOW, {"type": "flows"}, "no type of event"),
    (FLOW, {"type": None}, "no type of event"),
    (FLOW, {"type": ["flow"]}, "no type of event"),
    (FLOW, {"sensor": ""}, "form"),
    (FLOW, {"generation": "3F9A12CD"}, "form"),
    (FLOW, {"mode": "audit"}, "words"),
    (FLOW, {"colour": "red"}, "colour is no field"),
    (FLOW, {"score": 3}, "score is no field"),
    (FLOW, {"phase": "stop"}, "words"),
    (FLOW, {"flow_id": "deadbeef"}, "form"),
    (FLOW, {"flow_id": 3735928559}, "string"),
    (FLOW, {"src_ip": "10.10.0.2/32"}, "form"),
    (FLOW, {"src_ip": "host"}, "form"),
    (FLOW, {"src_port": 65536}, "above"),
    (FLOW, {"src_port": -1}, "below"),
    (FLOW, {"transport": "TCP"}, "form"),
    (FLOW, {"host": ""}, "form"),
    (FLOW, {"host": None, "evidence": "none"}, "words"),
    (FLOW, {"corroboration": None}, "corroboration is missing"),
    (FLOW, {"visibility": None}, "visibility is missing"),
    (FLOW, {"flags": "ech_ext"}, "array"),
    (FLOW, {"flags": ["ech"]}, "flags[0]"),
    (FLOW, {"connectors": ["shared_sql", ""]}, "connectors[1]"),
    (FLOW, {"tls_offered": "1.4"}, "form"),
    (FLOW, {"quic_version": 1}, "string"),
    (FLOW, {"ja4": "t13d1516h2_8daaf6152771"}, "form"),
    (FLOW, {"country": "nl"}, "form"),
    (FLOW, {"asn": 0}, "below"),
    (FLOW, {"asn": 4294967296}, "above"),
    (FLOW, {"in_scope": 1}, "boolean"),
    (FLOW, {"environment_id": "0f1e2d3c"}, "form"),
    (FLOW, {"verdict": "block"}, "words"),
    (FLOW, {"reason": None}, "reason is missing"),
    (FLOW, {"gates": {"default": "not_asked"}}, "gates.default"),
    (FLOW, {"gates": {"firewall": "allow"}}, "gates.firewall is no field"),
    (FLOW, {"rule": "rules/a.rules"}, "form"),
    (FLOW, {"rule": "rules/a.rules:0"}, "form"),
    (FLOW, {"bytes_out": None}, "bytes_out is missing"),
    (FLOW, {"end": None}, "end is missing"),
    (FLOW, {"end_reason": None}, "end_reason is missing"),
    (FLOW, {"duration_us": -1}, "below"),
    (FLOW, {"cut": False}, "cut:"),
    (SIGNAL, {"signal": "Off Hours"}, "form"),
    (SIGNAL, {"score": None}, "score is missing"),
    (SIGNAL, {"score": 1.0}, "integer"),
    (SIGNAL, {"detail": {"zone": ""}}, "detail.zone"),
    (SIGNAL, {"detail": {"zones": "x"}}, "detail.zones is no field"),
    (SIGNAL, {"detail": []}, "object"),
    (SYSTEM, {"what": None}, "what is missing"),
    (SYSTEM, {"detail": {"packets": "7"}}, "detail.packets"),
    (LOSS, {"count": -1}, "below"),
    (LOSS, {"to": None}, "to is missing"),
]

# Raw bytes -> a word of the message.
BAD_RAW = [
    (b"", "newline"),
    (b"{}", "newline"),
    (b"\n", "Expecting value"),
    (b"{}\n", "no type of event"),
    (b"[]\n", "no event"),
    (b"null\n", "no event"),
    (b'{"v":1,"v":1}\n', "twice"),
    (b'{"a":{"b":1,"b":2}}\n', "twice"),
    (b'{"v":NaN}\n', "NaN"),
    (b'{"v":1}{"v":1}\n', "Extra data"),
    (b'{"v":"\xff"}\n', "UTF-8"),
    (b'{"v":"\x01"}\n', "control character"),
    (b"[" * 100000 + b"\n", "recursion"),
]


def line(event):
    return json.dumps(event).encode() + b"\n"


def changed(event, change):
    result = dict(event)
    for key, value in change.items():
        result.pop(key, None)
        if value is not None:
            result[key] = value
    return result


class Validate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        path = os.path.join(HERE, "..", "..", "docs", "event-schema.json")
        with open(path, encoding="utf-8") as f:
            cls.schema = v.Schema(f.read())

    def run_lines(self, lines, seq=1):
        out = io.StringIO()
        bad, following = v.check_stream(self.schema, lines, seq, "x", out)
        return bad, following, out.getvalue()

    def test_good_lines_pass(self):
        start = changed(FLOW, {"phase": "start", "packets_out": None, "bytes_out": None,
                               "packets_in": None, "bytes_in": None, "duration_us": None,
                               "end": None, "end_reason": None})
        for event in (FLOW, SIGNAL, SYSTEM, LOSS, start):
            self.assertEqual(v.check_line(self.schema, line(event))[1], [])

    def test_what_form_writes_is_valid(self):
        path = os.path.join(HERE, "..", "unit", "record", "lines.jsonl")
        with open(path, "rb") as f:
            bad, following, text = self.run_lines(f)
        self.assertEqual((bad, text), (0, ""))
        self.assertGreater(following, 10)

    def test_each_bad_field_is_named(self):
        for event, change, word in BAD:
            faults = v.check_line(self.schema, line(changed(event, change)))[1]
            self.assertTrue(faults, change)
            self.assertIn(word, "; ".join(faults), change)

    def test_bad_bytes_are_refused(self):
        for raw, word in BAD_RAW:
            faults = v.check_line(self.schema, raw)[1]
            self.assertIn(word, "; ".join(faults), raw[:40])

    def test_every_required_field_is_required(self):
        for event in (FLOW, SIGNAL, SYSTEM, LOSS):
            kind = self.schema.root["$defs"]["event_" + event["type"]]
            for name in kind["required"]:
                faults = v.check_line(self.schema, line(changed(event, {name: None})))[1]
                self.assertTrue(faults, name)

    def test_every_object_of_the_schema_is_closed(self):
        for name, kind in self.schema.root["$defs"].items():
            if name.startswith("event_"):
                self.assertIs(kind["additionalProperties"], False, name)

    def test_sequence(self):
        for numbers, bad in (([1, 2, 3], 0), ([2, 3], 1), ([1, 3], 1), ([1, 1, 2], 1),
                             ([1, 2, 1], 1), ([3, 2, 1], 3)):
            lines = [line(changed(SYSTEM, {"seq": n})) for n in numbers]
            self.assertEqual(self.run_lines(lines)[0], bad, numbers)

    def test_sequence_goes_on_over_files(self):
        first = self.run_lines([line(SYSTEM)])
        second = self.run_lines([line(changed(SYSTEM, {"seq": 2}))], first[1])
        self.assertEqual((first[0], second[0], second[1]), (0, 0, 3))

    def test_sequence_can_be_left_out(self):
        self.assertEqual(self.run_lines([line(SYSTEM), line(SYSTEM)], None)[0], 0)

    def test_place_of_a_fault(self):
        text = self.run_lines([line(SYSTEM), b"{\n"])[2]
        self.assertTrue(text.startswith("x:2: "), text)

    def test_unknown_keyword_of_the_schema_is_an_error(self):
        for text in ('{"type":"object","minLength":1}', '{"properties":{"a":{"format":"x"}}}',
                     '{"oneOf":[{"not":{}}]}'):
            with self.assertRaises(ValueError):
                v.Schema(text)

    def test_one_of_wants_exactly_one(self):
        both = v.Schema('{"oneOf":[{"minimum":1},{"minimum":2}]}')
        self.assertEqual(both.faults(1), [])
        self.assertTrue(both.faults(3))
        any_of = v.Schema('{"anyOf":[{"minimum":1},{"minimum":2}]}')
        self.assertEqual(any_of.faults(3), [])
        self.assertTrue(any_of.faults(0))

    def test_if_then(self):
        s = v.Schema('{"if":{"required":["a"]},"then":{"required":["b"]}}')
        self.assertEqual(s.faults({}), [])
        self.assertEqual(s.faults({"a": 1, "b": 1}), [])
        self.assertTrue(s.faults({"a": 1}))

    def test_main_says_it_by_its_exit_status(self):
        import tempfile
        from contextlib import redirect_stdout
        with tempfile.TemporaryDirectory() as folder:
            good, bad = os.path.join(folder, "good"), os.path.join(folder, "bad")
            with open(good, "wb") as f:
                f.write(line(SYSTEM))
            with open(bad, "wb") as f:
                f.write(b"{}\n")
            with redirect_stdout(io.StringIO()):
                self.assertEqual(v.main([good]), 0)
                self.assertEqual(v.main([bad]), 1)
                self.assertEqual(v.main([good, good]), 1)
                self.assertEqual(v.main(["--no-seq", good, good]), 0)
                self.assertEqual(v.main(["--first", "2", good]), 1)


if __name__ == "__main__":
    unittest.main()
