#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The messages about rule files.  Each that src/policy can write occurs in a golden file of
tests/rules/fail, or in tests/rules/unseen.tsv with the reason why no test yields it; each
golden one says what to write instead; each name in brackets is in weir.rules(5)."""
import glob
import re
import sys

STRING = re.compile(r'"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*')
CALL = re.compile(r'\b(complain|diag_error|diag_add|hand_edited)\(')
HEAD = re.compile(r'^[^ ].*?: (error|warning)(?: \[([a-z-]+)\])?: (.*)$')
LEAST = 60


def arguments_of(source, start):
    """The arguments of the call whose parenthesis opens before `start`."""
    depth, i, found = 1, start, [""]
    while True:
        m = STRING.match(source, i) if source[i] == '"' else None
        one = m.group() if m else source[i]
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(one, 0)
        if depth == 0:
            return found
        if one == "," and depth == 1:
            found.append("")
        else:
            found[-1] += one
        i += len(one)


def text_of(literal):
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', literal)
    return "".join(parts).replace('\\"', '"').replace("\\\\", "\\")


def formats(name, arguments):
    """The formats of the message (several: one is chosen), and its name."""
    tag = STRING.search(arguments[3]) if name == "diag_add" else None
    at = {"diag_add": 4, "hand_edited": 3}.get(name, 2)
    found = [text_of(m.group()) for m in STRING.finditer(arguments[at])]
    return text_of(tag.group()) if tag else None, found


def sources():
    tags, messages = set(), {}
    for path in sorted(glob.glob("src/policy/*.c")):
        with open(path, encoding="utf-8") as f:
            source = re.sub(r"^#.*(?:\\\n.*)*$", "", f.read(), flags=re.M)
        for m in CALL.finditer(source):
            tag, found = formats(m.group(1), arguments_of(source, m.end()))
            tags |= {tag} - {None}
            for one in found:
                if one != "%s: %s":
                    messages.setdefault(one, path)
    return tags | {"hand-edited"}, messages


def golden():
    """(tag, message, has a remedy) of each finding."""
    found = []
    for path in sorted(glob.glob("tests/rules/fail/*.ok")):
        with open(path, encoding="latin-1") as f:
            for line in f:
                head = HEAD.match(line)
                if head:
                    found.append([head.group(2), head.group(3), False])
                elif re.match(r" += ", line) and found:
                    found[-1][2] = True
    return found


def unseen():
    with open("tests/rules/unseen.tsv", encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    return {row[0]: row[1] for row in rows if len(row) == 2 and row[1] != ""}


def pattern(message):
    parts = re.split(r"%[-0-9.*]*(?:z|l|ll)?[sdux]", message)
    return re.compile(".*".join(re.escape(p) for p in parts))


def documented():
    """The names under "Findings" of the page."""
    with open("docs/man/weir.rules.5", encoding="utf-8") as f:
        part = f.read().partition(".Sh FINDINGS\n")[2].partition("\n.Sh ")[0]
    return set(re.findall(r"^\.It Cm ([a-z-]+)$", part, flags=re.M))


def main():
    bad = 0

    def tell(what, faults):
        nonlocal bad
        for fault in faults:
            print(f"# {fault}")
        print(("not ok - " if faults else "ok - ") + what)
        bad |= bool(faults)

    tags, messages = sources()
    seen, reasons = golden(), unseen()
    texts = "\n".join(text for _, text, _ in seen)
    different = {text for _, text, _ in seen}
    tell(f"at least {LEAST} different messages: {len(different)}",
         [] if len(different) >= LEAST else ["too few"])
    tell("each says what to write, or what there is",
         [text for _, text, remedy in seen if not remedy])
    missing = [m for m in messages if not pattern(m).search(texts)]
    tell(f"each of {len(messages)} messages has a golden file or a reason",
         [f"{messages[m]}: {m}" for m in missing if m not in reasons])
    tell("each reason is about a message that no golden file has",
         [m for m in reasons if m not in missing and m not in tags])
    tell(f"each of {len(tags)} names has a golden file",
         sorted(tags - {tag for tag, _, _ in seen} - set(reasons)))
    tell("weir.rules(5) lists the names, and no other",
         sorted(tags ^ documented()))
    return bad


sys.exit(main())
