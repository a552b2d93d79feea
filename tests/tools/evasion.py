#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare what weir says of the evasion captures with the oracle.

usage: evasion.py check WEIR      TAP: every case as tests/evasion/oracle.tsv, or a true gap
       evasion.py table WEIR      rewrite the table of docs/evasion.md, rivals included
       evasion.py gaps WEIR       print the cases that are not right, as gaps.tsv wants them

A gap (tests/evasion/gaps.tsv: case, kind, what weir says today, why) that is right, or says
something else by now, fails: the list is always true.  kind is "decoy" where a name is believed
that the oracle does not want, else "-".
"""
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile

CAPTURES = "tests/captures/evasion"
ORACLE = "tests/evasion/oracle.tsv"
GAPS = "tests/evasion/gaps.tsv"
CONF = "tests/evasion/evasion.conf"
PAGE = "docs/evasion.md"
MARK = "<!-- make evasion writes what follows -->\n"


def rows(path, columns):
    with open(path, encoding="utf-8") as f:
        out = [line.rstrip("\n").split("\t") for line in f if line[:1] not in "#\n"]
    for row in out:
        if len(row) != columns:
            sys.exit(f"{path}: {row[0]}: {len(row)} columns, not {columns}")
    return out


class Want:
    """One expectation of the oracle."""

    def __init__(self, text):
        self.text, self.name, self.reason = text, "", ""
        self.candidates, self.flags = set(), set()
        words = text.split()
        while words:
            word = words.pop(0)
            if word == "candidates":
                self.candidates = set(words.pop(0).split(","))
            elif word.startswith("undecidable:"):
                self.reason = word.partition(":")[2]
            elif word.startswith("flag:"):
                self.flags.add(word.partition(":")[2])
            else:
                self.name = word


class Got:
    """What weir told of one capture."""

    def __init__(self):
        self.names, self.believed, self.candidates = [], [], []
        self.host, self.reason, self.flags = "", "", set()

    def add(self, e):
        name = e.get("host", "")
        if name and name not in self.names:
            self.names.append(name)
        if e["type"] == "dns":
            self.host = name
        if e["type"] == "flow":
            self.host = name or self.host
            self.reason = e.get("undecidable", "")
            self.flags = set(e.get("flags", []))
            for candidate in e.get("candidates", []):
                if candidate not in self.candidates:
                    self.candidates.append(candidate)
        if name and "undecidable" not in e and name not in self.believed:
            self.believed.append(name)

    def is_right(self, want):
        told = set(self.names) | set(self.candidates)
        if self.reason != want.reason or not want.flags <= self.flags:
            return False
        if want.name:
            return self.host == want.name and told == {want.name}
        if want.candidates and told != want.candidates:
            return False
        return not (want.reason and self.believed)

    def is_decoy(self, want):
        """A name believed that the oracle does not want."""
        if want.candidates and not want.reason:
            return not set(self.believed) <= want.candidates
        return any(name != want.name or want.reason for name in self.believed)

    def text(self, want):
        words = list(self.names)
        if self.candidates:
            words.append("candidates " + ",".join(sorted(self.candidates)))
        if self.reason:
            words.append("undecidable:" + self.reason)
        words += ["flag:" + flag for flag in sorted(want.flags & self.flags)]
        return " ".join(words) or "nothing"


def capture(case):
    return os.path.join(CAPTURES, case + ".pcap")


def ask_weir(weir, case):
    got = Got()
    run = subprocess.run(
        [weir, "replay", "-q", "-c", CONF, "--events", "-", capture(case)],
        stdout=subprocess.PIPE,
        check=False,
    )
    if run.returncode != 0:
        print(f"not ok - {case}: weir ends with {run.returncode}")
        sys.exit(1)
    for line in run.stdout.splitlines():
        e = json.loads(line)
        if e["type"] in ("flow", "dns"):
            got.add(e)
    return got


def page_rows():
    """Case to what the page says weir got."""
    with open(PAGE, encoding="utf-8") as f:
        lines = [line.split(" | ") for line in f if line.startswith("| `")]
    return {line[0].strip("| `"): line[2] for line in lines if len(line) > 3}


def count(total, right, gaps, decoys):
    return f"{total} cases: {right} right, {gaps} gaps, of them {decoys} decoys accepted"


def check(weir):
    bad, decoys, right = False, 0, 0
    gaps = {row[0]: row[1:] for row in rows(GAPS, 4)}
    oracle = rows(ORACLE, 3)
    page = page_rows()

    def say(ok, text):
        nonlocal bad
        print(f"{'ok' if ok else 'not ok'} - {text}")
        bad |= not ok

    for case, text, _ in oracle:
        want, got = Want(text), ask_weir(weir, case)
        said, kind = got.text(want), "decoy" if got.is_decoy(want) else "-"
        if got.is_right(want):
            right += 1
            say(case not in gaps, f"{case}: {text}" if case not in gaps
                else f"{case} is right: remove it from {GAPS}")
        elif case not in gaps:
            say(False, f"{case}: {text}, not {said}")
        elif gaps[case][:2] != [kind, said]:
            say(False, f"{case}: {GAPS} says {gaps[case][:2]}, but weir says {[kind, said]}")
        else:
            decoys += kind == "decoy"
            say(True, f"{case}: a known gap ({said})")
        if page.get(case, said) != said:
            say(False, f"{case}: {PAGE} is out of date: make evasion")
    known = {row[0] for row in oracle}
    files = {name[: -len(".pcap")] for name in os.listdir(CAPTURES) if name.endswith(".pcap")}
    say(known == files, f"a capture for every case {sorted(known ^ files)}")
    say(set(gaps) <= known, f"every gap is a case {sorted(set(gaps) - known)}")
    print("# " + count(len(oracle), right, len(gaps), decoys))
    return bad


def print_gaps(weir):
    old = {row[0]: row[3] for row in rows(GAPS, 4)} if os.path.exists(GAPS) else {}
    for case, text, _ in rows(ORACLE, 3):
        want, got = Want(text), ask_weir(weir, case)
        if not got.is_right(want):
            kind = "decoy" if got.is_decoy(want) else "-"
            print("\t".join([case, kind, got.text(want), old.get(case, "?")]))
    return False


# ---- rivals ------------------------------------------------------------------------------


def run(words):
    return subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    ).stdout.decode("utf-8", "replace")


def tshark(case):
    fields = ["tls.handshake.extensions_server_name", "http.host", "dns.qry.name"]
    words = ["tshark", "-r", capture(case), "-T", "fields", "-E", "separator=,"]
    words += ["-o", "tcp.reassemble_out_of_order:TRUE", "-o", "tcp.check_checksum:TRUE"]
    for field in fields:
        words += ["-e", field]
    return run(words).replace("\n", ",").split(",")


def ndpi(case):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "flows.csv")
        run(["ndpiReader", "-q", "-C", path, "-i", capture(case)])
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8", errors="replace") as f:
            return [row.get("server_name_sni") or "" for row in csv.DictReader(f)]


# Of itself it logs a hello when the whole handshake was seen; an alert tells what it read of one.
SURICATA_RULES = """\
alert tls any any -> any any (msg:"a name"; tls.sni; content:"."; sid:1;)
alert http any any -> any any (msg:"a name"; http.host; content:"."; sid:2;)
"""


def suricata(case):
    names = []
    with tempfile.TemporaryDirectory() as folder:
        rules = os.path.join(folder, "names.rules")
        with open(rules, "w", encoding="utf-8") as f:
            f.write(SURICATA_RULES)
        run(["suricata", "-r", capture(case), "-l", folder, "-k", "all", "-S", rules])
        path = os.path.join(folder, "eve.json")
        for line in open(path, encoding="utf-8") if os.path.exists(path) else io.StringIO():
            e = json.loads(line)
            names.append(e.get("tls", {}).get("sni"))
            names.append(e.get("quic", {}).get("sni"))
            names.append(e.get("http", {}).get("hostname"))
            names.append(e.get("dns", {}).get("rrname"))
    return [name or "" for name in names]


def version(words, line=0):
    return (run(words).splitlines() or ["?"])[line].strip().rstrip(".")


RIVALS = [
    ("tshark", tshark, ["tshark", "--version"]),
    ("ndpiReader", ndpi, ["ndpiReader", "-h"]),
    ("suricata", suricata, ["suricata", "-V"]),
]


def plain(name):
    """A name as a server compares it, without its port; printable for the page."""
    name = name.strip().lower().partition(":")[0].rstrip(".")
    text = "".join(c if " " < c <= "~" and c not in "|`<>*_" else "?" for c in name)
    return text if len(text) < 40 else "..." + text[-36:]


def judge_names(want, names):
    """right, silent, or what is wrong with a tool that tells names and nothing else."""
    told = sorted({plain(name) for name in names if plain(name)})
    if want.candidates:
        if set(told) == want.candidates and (len(told) > 1 or not want.reason):
            return "right", told
    elif want.name and not want.reason:
        if told == [plain(want.name)]:
            return "right", told
    elif not told or (want.name and told == [want.name]):
        return "right", told
    return ("wrong" if told else "silent"), told


def table(weir):
    rivals = [rival for rival in RIVALS if shutil.which(rival[0])]
    sums = {rival[0]: {"right": 0, "silent": 0, "wrong": 0} for rival in rivals}
    oracle, out = rows(ORACLE, 3), []
    right = decoys = 0
    for case, text, _ in oracle:
        want, got = Want(text), ask_weir(weir, case)
        is_right, is_decoy = got.is_right(want), got.is_decoy(want)
        right, decoys = right + is_right, decoys + is_decoy
        mark = "yes" if is_right else "**decoy**" if is_decoy else "no"
        cells = [f"`{case}`", text, got.text(want), mark]
        for name, ask, _ in rivals:
            result, told = judge_names(want, ask(case))
            sums[name][result] += 1
            cells.append(f"{result}: {', '.join(told)}" if told else result)
        out.append("| " + " | ".join(cells) + " |\n")
    head = ["case", "expected", "weir", "right"] + [rival[0] for rival in rivals]
    with open(PAGE, encoding="utf-8") as f:
        before = f.read().partition(MARK)[0]
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(before + MARK + "\n## Totals\n\n| tool | result |\n|---|---|\n")
        f.write(f"| weir | {count(len(oracle), right, len(oracle) - right, decoys)} |\n")
        for name, _, words in rivals:
            n = sums[name]
            f.write(f"| {version(words)} | {n['right']} right, {n['silent']} silent, "
                    f"{n['wrong']} wrong |\n")
        f.write("\n## Cases\n\n| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|\n")
        f.writelines(out)
    return False


def main():
    jobs = {"check": check, "table": table, "gaps": print_gaps}
    if len(sys.argv) != 3 or sys.argv[1] not in jobs:
        sys.exit(__doc__)
    sys.exit(bool(jobs[sys.argv[1]](sys.argv[2])))


if __name__ == "__main__":
    main()
