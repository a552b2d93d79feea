#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The grammar of weir.rules(5) against the parser: the words between quotes are those that the
parser compares with, each name on the right is explained, each on the left is used."""
import glob
import re
import sys

# What the parser compares with to say what is meant; words of other lists of the page.
NOT_GRAMMAR = {
    "block", "unknown",
}
# Names on the right that the text explains.
LEAVES = {
    "string", "name", "number", "prefix", "guid", "date", "time", "reason", "role", "protocol",
    "connector", "source-name", "address", "host", "port", "word-or-string", "end-of-line",
}
STRING = r'"([a-z0-9][a-z0-9-]*)"'


def page():
    with open("docs/man/weir.rules.5", encoding="utf-8") as f:
        text = f.read()
    part = text.partition(".Sh GRAMMAR\n")[2].partition("\n.Ed\n")[0]
    return part.partition(".Bd -literal\n")[2]


def block(source, start):
    """The braces that open at or after `start`."""
    begin = source.index("{", start)
    depth = 0
    for i in range(begin, len(source)):
        depth += {"{": 1, "}": -1}.get(source[i], 0)
        if depth == 0:
            return source[begin:i]
    return ""


def parser_words():
    words = set()
    tables = [
        ("src/policy/parse.c", "} statements[] ="), ("src/policy/rules.c", "attribute_words["),
        ("src/policy/conditions.c", "} starts[] ="), ("src/policy/expects.c", "} parts[] ="),
        ("src/policy/ast.c", "[FIELD_COUNT] ="), ("src/policy/ast.c", "custom_group_words["),
        ("src/policy/bindings.c", "words[] ="),
    ]
    for path in glob.glob("src/policy/*.c"):
        with open(path, encoding="utf-8") as f:
            source = f.read()
        words |= set(re.findall(r'is_word\([^"()]*(?:\([^()]*\))?[^"()]*, ' + STRING, source))
        for name, start in tables:
            if name == path:
                words |= set(re.findall(STRING, block(source, source.index(start))))
    with open("src/model/names.h", encoding="utf-8") as f:
        gates = f.read().partition("#define GATES(X)")[2].partition("\n\n")[0]
    return words | set(re.findall(STRING, gates)) | {"any", "custom-connectors"}


def main():
    text = page()
    written = set(re.findall(STRING, text)) - {"1"}
    parsed = parser_words() - {"1"}
    rules = re.findall(r"^([a-z][a-z-]*)(?:\(X\))? +=", text, flags=re.M)
    bare = re.sub(r'"[^"\n]*"', " ", text)
    bare = re.sub(r"^([a-z][a-z-]*)(\(X\))? +=", "=", bare, flags=re.M)
    # Remarks stand at the right, after two blanks or more.
    bare = re.sub(r"(?<=\S)\s{3,}(once|each once|one item inside a list|\".*)$", "", bare, flags=re.M)
    bare = re.sub(r"^ +not? *once.*$|^ {20,}.*$", "", bare, flags=re.M)
    used = set(re.findall(r"[a-z][a-z-]*", bare))
    faults = [f"only in the page: {w}" for w in sorted(written - parsed)]
    faults += [f"only in the parser: {w}" for w in sorted(parsed - written - NOT_GRAMMAR)]
    faults += [f"not explained: {w}" for w in sorted(used - set(rules) - LEAVES)]
    faults += [f"never used: {w}" for w in sorted(set(rules) - used - {"file"})]
    for fault in faults:
        print(f"# {fault}")
    print(("not ok" if faults else "ok") +
          f" - the grammar of weir.rules(5): {len(written)} words, {len(rules)} rules")
    return bool(faults)


sys.exit(main())
