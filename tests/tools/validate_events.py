#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check event files (JSON lines) against docs/event-schema.json.

    validate_events.py [--schema FILE] [--no-seq] FILE...     ("-" = standard input)

Several files are the segments of one ledger, in order: seq begins at 1 and never skips
(--first N: at N; --no-seq: not checked).  Every line is checked on its own for: UTF-8, one
JSON object, no key twice, the fields and values that the schema allows for its type.  Prints
FILE:LINE: REASON for each fault; exit 1 when there was one,
3 when a file cannot be read.

Only the part of JSON Schema (2020-12) that the schema uses is known; any other keyword in the
schema is an error, so that a rule can never be there and not be checked.
"""
import argparse
import json
import os
import re
import sys

ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}
KEYWORDS = {"$ref", "type", "enum", "const", "pattern", "required", "properties",
            "additionalProperties", "items", "oneOf", "anyOf", "allOf", "if", "then",
            "minimum", "maximum"}
SHOWN = 20  # faults printed a file


class DuplicateKey(ValueError):
    """A JSON object has one key twice."""


def unique_keys(pairs):
    result = {}
    for key, value in pairs:
        if key in result:
            raise DuplicateKey("key '%s' stands twice" % key)
        result[key] = value
    return result


def no_constant(word):
    raise ValueError("%s is not JSON" % word)


def parse(line):
    return json.loads(line, object_pairs_hook=unique_keys, parse_constant=no_constant)


def is_type(value, name):
    if name == "object":
        return isinstance(value, dict)
    if name == "array":
        return isinstance(value, list)
    if name == "string":
        return isinstance(value, str)
    if name == "boolean":
        return isinstance(value, bool)
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    raise ValueError("schema: unknown type '%s'" % name)


def same(a, b):
    """JSON equality: true is not 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


class Schema:
    """A schema and the faults of values by it."""

    def __init__(self, text):
        self.root = parse(text)
        self.patterns = {}
        self._check(self.root, "#")

    def _check(self, node, where):
        if isinstance(node, bool):
            return
        unknown = set(node) - KEYWORDS - ANNOTATIONS
        if unknown:
            raise ValueError("schema: %s has keywords that are not checked: %s"
                             % (where, ", ".join(sorted(unknown))))
        for group in ("properties", "$defs"):
            for name, sub in node.get(group, {}).items():
                self._check(sub, "%s/%s/%s" % (where, group, name))
        for single in ("items", "if", "then", "additionalProperties"):
            if single in node:
                self._check(node[single], "%s/%s" % (where, single))
        for many in ("oneOf", "anyOf", "allOf"):
            for i, sub in enumerate(node.get(many, [])):
                self._check(sub, "%s/%s/%d" % (where, many, i))
        if "$ref" in node:
            self._resolve(node["$ref"])
        if "pattern" in node:
            self.patterns[node["pattern"]] = re.compile(node["pattern"].replace("$", r"\Z"))

    def _resolve(self, ref):
        if not ref.startswith("#/"):
            raise ValueError("schema: only local references: %s" % ref)
        node = self.root
        for part in ref[2:].split("/"):
            node = node[part]
        return node

    def faults(self, value):
        return self._faults(self.root, value, "")

    def _faults(self, node, value, path):
        if node is True:
            return []
        if node is False:
            return ["%s: not allowed here" % (path or "the line")]
        if "$ref" in node:
            found = self._faults(self._resolve(node["$ref"]), value, path)
        else:
            found = []
        found += self._scalar_faults(node, value, path or "the line")
        if isinstance(value, dict):
            found += self._object_faults(node, value, path)
        if isinstance(value, list) and "items" in node:
            for i, element in enumerate(value):
                found += self._faults(node["items"], element, "%s[%d]" % (path, i))
        found += self._combined_faults(node, value, path)
        return found

    def _scalar_faults(self, node, value, path):
        found = []
        if "type" in node and not is_type(value, node["type"]):
            found.append("%s: %s is no %s" % (path, json.dumps(value)[:80], node["type"]))
        if "enum" in node and not any(same(value, e) for e in node["enum"]):
            found.append("%s: %s is none of its words" % (path, json.dumps(value)[:80]))
        if "const" in node and not same(value, node["const"]):
            found.append("%s: %s is not %s" % (path, json.dumps(value)[:80],
                                               json.dumps(node["const"])))
        if "pattern" in node and isinstance(value, str) and \
                self.patterns[node["pattern"]].search(value) is None:
            found.append("%s: %s does not have its form" % (path, json.dumps(value)[:80]))
        if is_type(value, "number"):
            if "minimum" in node and value < node["minimum"]:
                found.append("%s: %s is below %s" % (path, value, node["minimum"]))
            if "maximum" in node and value > node["maximum"]:
                found.append("%s: %s is above %s" % (path, value, node["maximum"]))
        return found

    def _object_faults(self, node, value, path):
        found = []
        dot = path + "." if path else ""
        known = node.get("properties", {})
        for name in node.get("required", []):
            if name not in value:
                found.append("%s%s is missing" % (dot, name))
        for name, member in value.items():
            if name in known:
                found += self._faults(known[name], member, dot + name)
            elif node.get("additionalProperties", True) is False:
                found.append("%s%s is no field of this type" % (dot, name))
            elif "additionalProperties" in node:
                found += self._faults(node["additionalProperties"], member, dot + name)
        return found

    def _combined_faults(self, node, value, path):
        found = []
        for sub in node.get("allOf", []):
            found += self._faults(sub, value, path)
        if "if" in node and not self._faults(node["if"], value, path):
            found += self._faults(node.get("then", True), value, path)
        for word in ("oneOf", "anyOf"):
            if word not in node:
                continue
            results = [self._alternative(sub, value, path) for sub in node[word]]
            fitting = results.count([])
            if fitting == 0:
                found += self._nearest(node[word], results, value)
            elif word == "oneOf" and fitting > 1:
                found.append("%s: fits %d alternatives" % (path or "the line", fitting))
        return found

    def _kind(self, sub):
        """The one `type` that alternative `sub` is for, or None."""
        while isinstance(sub, dict) and "$ref" in sub:
            sub = self._resolve(sub["$ref"])
        return sub.get("properties", {}).get("type", {}).get("const")

    def _alternative(self, sub, value, path):
        kind = self._kind(sub)
        if kind is not None and isinstance(value, dict) and \
                not same(value.get("type"), kind):
            return ["type: is not '%s'" % kind]  # quicker, and enough
        return self._faults(sub, value, path)

    def _nearest(self, alternatives, results, value):
        """The faults by the alternative that `type` chooses; else all types are wrong."""
        if not isinstance(value, dict):
            return ["the line is no event: " + "; ".join(min(results, key=len))]
        for sub, faults in zip(alternatives, results):
            if self._kind(sub) is not None and same(value.get("type"), self._kind(sub)):
                return faults
        if all(self._kind(sub) is None for sub in alternatives):
            return min(results, key=len)
        return ["type: %s is no type of event" % json.dumps(value.get("type"))[:80]]


def check_line(schema, raw):
    """The parsed line (None when it is no JSON) and its faults."""
    if not raw.endswith(b"\n"):
        return None, ["the line is not ended by a newline"]
    try:
        value = parse(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return None, ["not UTF-8: %s" % error.reason]
    except (ValueError, RecursionError) as error:
        return None, [str(error)]
    return value, schema.faults(value)


def check_stream(schema, stream, seq, name, out):
    """Check lines; returns (faults, next seq).  seq None: not checked."""
    bad = 0
    for number, raw in enumerate(stream, 1):
        value, faults = check_line(schema, raw)
        if seq is not None and isinstance(value, dict):
            if not same(value.get("seq"), seq):
                faults.append("seq: %s, but %d follows"
                              % (json.dumps(value.get("seq"))[:40], seq))
            got = value.get("seq")
            seq = got + 1 if is_type(got, "integer") else seq + 1
        elif seq is not None:
            seq += 1
        for fault in faults:
            bad += 1
            if bad <= SHOWN:
                print("%s:%d: %s" % (name, number, fault), file=out)
    if bad > SHOWN:
        print("%s: and %d more" % (name, bad - SHOWN), file=out)
    return bad, seq


def main(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    default = os.path.join(here, "..", "..", "docs", "event-schema.json")
    args = argparse.ArgumentParser(description="check event files")
    args.add_argument("--schema", default=default)
    args.add_argument("--no-seq", action="store_true")
    args.add_argument("--first", type=int, default=1)
    args.add_argument("files", nargs="+")
    args = args.parse_args(argv)
    with open(args.schema, encoding="utf-8") as f:
        schema = Schema(f.read())
    seq = None if args.no_seq else args.first
    bad = 0
    for name in args.files:
        if name == "-":
            more, seq = check_stream(schema, sys.stdin.buffer, seq, name, sys.stdout)
        else:
            with open(name, "rb") as f:
                more, seq = check_stream(schema, f, seq, name, sys.stdout)
        bad += more
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as failure:
        print("validate_events: %s" % failure, file=sys.stderr)
        sys.exit(3)
