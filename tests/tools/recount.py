#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recount every number of a printed summary from the ledger, and check each deciding line.

usage: recount.py SUMMARY.txt LEDGER_DIR RULE_ROOT CAPTURE...

SUMMARY.txt is what `weir replay` printed of the CAPTUREs (pcap), LEDGER_DIR what it wrote; rule
files named in the ledger are looked up as they are, else below RULE_ROOT.  The ledger holds no
time of a packet without a flow, so the span of time is counted from the captures.  Shares no
code with Weir.  Prints TAP.  tests/tools/test_recount.py says what it does not notice.
"""
import collections
import datetime
import functools
import glob
import json
import os
import re
import struct
import sys
import zoneinfo

SHOWN_PLACES = 5
SHOWN_WORDS = 2


def number(text):
    return int(text.replace(",", ""))


def read(folder):
    events = []
    for path in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
        with open(path, encoding="utf-8") as f:
            events += [json.loads(line) for line in f]
    return events


def service_row(e):
    if "service" in e:
        return e["service"]
    return "(other hosts)" if "host" in e and e.get("undecidable") != "ech_used" else "(no name)"


def word(e):
    if "environment_id" in e:
        return f"environment {e['environment_id']}"
    if "tenant_id" in e:
        return f"tenant {e['tenant_id']}"
    return e["host"] if "host" in e and e.get("undecidable") != "ech_used" else e["protocol"]


@functools.lru_cache
def packets(path):
    """Time in microseconds and captured bytes of each packet of a pcap file."""
    found = []
    with open(path, "rb") as f:
        data = f.read()
    order, scale = {b"\xd4\xc3\xb2\xa1": ("<", 1), b"\xa1\xb2\xc3\xd4": (">", 1),
                    b"\x4d\x3c\xb2\xa1": ("<", 1000), b"\xa1\xb2\x3c\x4d": (">", 1000)}[data[:4]]
    at = 24
    while at + 16 <= len(data):
        second, part, size, _ = struct.unpack_from(order + "IIII", data, at)
        found.append((second * 1000000 + part // scale, size))
        at += 16 + size
    return found


def shown_time(us, zone):
    t = datetime.datetime.fromtimestamp(us // 1000000, zoneinfo.ZoneInfo(zone))
    return t.strftime("%a %Y-%m-%d %H:%M")


def place(rule, label):
    return rule + (f"  {label}" if label else "")


def top(counter, n):
    """The most frequent entries; a tie goes to the one seen first."""
    return sorted(counter.items(), key=lambda kv: -kv[1])[:n]


class RuleFile:
    """The lines of a rule file, and as much of their meaning as tells neighbours apart."""

    def __init__(self, path, groups):
        with open(path, encoding="utf-8") as f:
            self.lines = [line.split("#")[0].rstrip() for line in f]
        self.groups = groups
        self.macros = {}
        for line in self.lines:
            m = re.match(r"(\w+) = \{(.*)\}$", line)
            if m:
                self.macros["$" + m.group(1)] = self.items(m.group(2))

    @staticmethod
    def items(text):
        return [w.strip().strip('"') for w in text.split(",")]

    def text(self, number):
        """As the summary prints it: runs of blanks as one."""
        return " ".join(self.lines[number - 1].split()) if 0 < number <= len(self.lines) else ""

    def gate(self, number):
        heads = [m.group(1) for m in (re.match(r"gate (\S+)", line) for line in self.lines[:number])
                 if m]
        return heads[-1] if heads else None

    def named(self, text, word):
        """The items after `word`, or None."""
        m = re.search(rf"\b{word} (?:\{{([^}}]*)\}}|(\S+))", text)
        if m is None:
            return None
        items = self.items(m.group(1) or m.group(2))
        items = [i for item in items for i in self.macros.get(item, [item])]
        return set(items).union(*(self.groups.get(i, ()) for i in items))

    def faults(self, number, label, e, flow):
        """What of the line does not fit a decision `e` about `flow`."""
        text = self.text(number)
        if e["type"] == "flow":
            verb = e["verdict"]
            verbs = {verb, "alert"} if verb == "allow" and e["gate"] == "undecidable" else {verb}
            if self.gate(number) != e["gate"]:
                yield f"is in gate {self.gate(number)}, not in {e['gate']}"
        else:
            verbs = {"alert"}
        m = re.match(r"(?:\d+ )?(allow|deny|alert)\b", text)
        if text.startswith("gate ") and e["type"] == "signal":
            return
        if m is None or m.group(1) not in verbs:
            yield f"does not say {' or '.join(sorted(verbs))}"
        m = re.search(r" label (\S+)", text)
        if (m.group(1) if m else None) != label:
            yield f"has not the label {label}"
        for what, value in (("role", flow.get("role")), ("service", flow.get("service")),
                            ("port", str(flow["dst_port"]))):
            wanted = self.named(text, what)
            if wanted is not None and value not in wanted:
                yield f"is about {what} {sorted(wanted)}, not {value}"
        wanted = self.named(text, "host")
        if wanted is not None and not any(fits(p, flow.get("host", "")) for p in wanted):
            yield f"is about host {wanted}, not {flow.get('host')}"
        m = re.match(r"\w+ (?:\{([^}]*)\}|(\w+))", text)
        if self.gate(number) == "undecidable" and m:
            wanted = self.items(m.group(1) or m.group(2))
            if flow.get("undecidable") not in wanted:
                yield f"is about {wanted}, not {flow.get('undecidable')}"
        in_scope = flow.get("in_scope", False) or flow.get("role", "user") != "user"
        for what, scope in (("in-scope", True), ("other", False)):
            if re.match(rf"\w+ {what}\b", text) and in_scope != scope:
                yield f"is about {what} traffic"


def fits(pattern, host):
    """A host pattern of the rules: a leading *. takes any name below."""
    p = re.escape(pattern).replace(r"\*", "[^.]*")
    if pattern.startswith("*."):
        p = r".+" + p[len("[^.]*"):]
    return re.fullmatch(p, host) is not None


class Recount:
    def __init__(self, text, events, root, captures, out=None):
        self.text = text
        self.events = events
        self.root = root
        self.captures = captures
        self.out = out
        self.failed = []
        self.files = {}
        flows = [e for e in events if e["type"] == "flow"]
        self.starts = [e for e in flows if e["phase"] == "start"]
        self.ends = [e for e in flows if e["phase"] == "end"]
        self.updates = [e for e in flows if e["phase"] == "update"]
        self.shown = [e for e in self.starts if e.get("protocol") != "dns"]
        self.signals = [e for e in events if e["type"] == "signal"]
        self.start = {e["flow_id"]: e for e in self.starts}

    def check(self, ok, what):
        if self.out is not None:
            print(f"{'ok' if ok else 'not ok'} - {what}", file=self.out)
        if not ok:
            self.failed.append(what)

    def expect(self, pattern, values, what):
        m = re.search(pattern, self.text, re.M)
        got = [number(g) for g in m.groups()] if m else None
        self.check(got == values, f"{what}: printed {got}, in the ledger {values}")

    def all(self, folder):
        self.head()
        self.check(re.findall(r"^ledger       (.*)$", self.text, re.M) == [folder], "ledger")
        keys = [e["key"] for e in self.events if e["type"] == "seal"][-1:]
        self.check(re.findall(r"^ {13}sealed with key ([0-9A-F-]+); ", self.text, re.M) == keys, "key")
        self.names()
        self.table()
        self.reasons()
        self.connectors()
        self.places()
        self.lines()
        return self.failed

    def head(self):
        events = self.events
        self.check([e["seq"] for e in events] == list(range(1, len(events) + 1)),
                   "sequence without gaps")
        run = next(e for e in events if e["type"] == "system" and e["what"] == "replay_end")
        counters = run["detail"]
        good = {"ok", "fragment_held", "not_ip"}
        reasons = {k for k in counters if k in DECODE}
        self.expect(r"^ +([\d,]+) packets, ([\d,]+) bytes, ([\d,]+) malformed$",
                    [counters["frames"], counters["bytes"],
                     sum(counters[k] for k in reasons - good)], "packets")
        of_files = [p for path in self.captures for p in packets(path)]
        self.check([counters["frames"], counters["bytes"]] ==
                   [len(of_files), sum(size for _, size in of_files)],
                   "packets and bytes of the captures are those of the ledger")
        more = f" and {len(self.captures) - 3} more" if len(self.captures) > 3 else ""
        self.check(f"captures     {', '.join(self.captures[:3])}{more}\n" in self.text, "captures")
        m = re.search(r"^ +(\w{3} [\d: -]+) - (\w{3} [\d: -]+) \(([\w/+-]+)\); all times",
                      self.text, re.M)
        times = [us for us, _ in of_files]
        want = [shown_time(t, m.group(3)) for t in (min(times), max(times))] if m else None
        self.check(m is not None and list(m.groups()[:2]) == want, f"span of time is {want}")
        self.check(f"generation {events[0]['generation']}," in self.text, "generation")
        self.check(len({e["generation"] for e in events}) == 1, "one generation")
        self.expect(r"^seen +([\d,]+) flows: (\d+) DNS, (\d+) connections judged, (\d+) ended",
                    [len(self.ends), sum(e.get("protocol") == "dns" for e in self.ends),
                     len(self.shown), sum("verdict" not in e for e in self.ends)], "flows")
        dns = [e for e in self.starts if e.get("protocol") == "dns"]
        self.expect(r"^dns +(\d+) allowed, (\d+) denied, (\d+) would",
                    [sum(e["verdict"] == "allow" for e in dns),
                     sum(e["verdict"] == "deny" for e in dns),
                     sum(e.get("would_verdict") == "deny" for e in dns)], "dns")

    def names(self):
        named = [e for e in self.shown if "host" in e and e.get("undecidable") != "ech_used"]
        self.expect(r"^names +(\d+) from the client's hello or request \((\d+) QUIC\), (\d+) from "
                    r"DNS only, (\d+) without",
                    [sum(e["evidence"] != "dns" for e in named),
                     sum(e.get("protocol") == "quic" for e in named),
                     sum(e["evidence"] == "dns" for e in named),
                     len(self.shown) - len(named)], "names")

    def table(self):
        rows = collections.defaultdict(list)
        for e in self.shown:
            rows[service_row(e)].append(e)
        for name, list_ in rows.items():
            self.row(name, list_)
            m = re.search(rf"^  {re.escape(name)}(?: +\d+){{5}}  (.*)$", self.text, re.M)
            roles, words = (re.split(r" {2,}", m.group(1).strip()) + [""])[:2] if m else ("", "")
            got = {k: int(v) for k, v in re.findall(r"(\w+) (\d+)", roles)}
            self.check(got == collections.Counter(e["role"] for e in list_ if "role" in e),
                       f"roles of row {name}")
            count = collections.Counter(word(e) for e in list_)
            want = ", ".join(f"{w} ({n})" for w, n in top(dict(sorted(count.items())), SHOWN_WORDS))
            if len(count) > SHOWN_WORDS:
                want += f", {len(count) - SHOWN_WORDS} more"
            self.check(words == want, f"words of row {name}: printed '{words}', counted '{want}'")
        self.row("total", self.shown)
        printed = re.findall(r"^  (\(?[a-z][\w -]*\)?)(?: +\d+){5}(?:  |$)", self.text, re.M)
        self.check(sorted(r.strip() for r in printed) == sorted([*rows, "total"]),
                   "no row too many or too few")

    def row(self, name, list_):
        self.expect(rf"^  {re.escape(name)} +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)(?:  |$)",
                    [len(list_), sum(e["verdict"] == "allow" for e in list_),
                     sum(e["verdict"] == "deny" for e in list_),
                     sum(e.get("would_verdict") == "deny" for e in list_),
                     sum("undecidable" in e for e in list_)], f"row {name}")

    def listed(self, title):
        """Text -> count of one list of the summary."""
        found, inside = {}, False
        for line in self.text.splitlines():
            m = re.match(r"^(\S[\w ]{11} | {13}) *(\d+)  (.*)$", line)
            if m and m.group(1).strip():
                inside = m.group(1).strip() == title
            elif not m and not re.match(r"^ +- ", line):
                inside = False
            if m and inside:
                found[m.group(3)] = int(m.group(2))
        return found

    def reasons(self):
        for title, key, verdict in (("why denied", "rule", "verdict"),
                                    ("would deny", "would_rule", "would_verdict")):
            want = collections.Counter()
            for e in self.starts:
                if e.get(verdict) != "deny":
                    continue
                rule = e.get(key)
                text = "no line (built in)"
                if rule is not None:
                    source, line = self.file(rule)
                    text = place(rule, e.get(key + "_label"))
                    text += "    " + (source.text(line) if source else "?")
                want[text] += 1
            got = self.listed(title)
            self.check(got == want, f"{title}: printed {got}, counted {dict(want)}")
        told = self.shown + [e for e in self.updates if e.get("protocol") != "dns"]
        want = collections.Counter(e["undecidable"] for e in told if "undecidable" in e)
        self.check(self.listed("cannot tell") == want, "cannot tell")
        want = collections.Counter(e["signal"] for e in self.signals)
        self.check(self.listed("signals") == want, "signals")

    def connectors(self):
        m = re.search(r"^connectors   ((?:.|\n             )*)$", self.text, re.M)
        printed = re.sub(r"\d+ connections to hosts.*", "", m.group(1), flags=re.S) if m else ""
        got = {k: int(v) for k, v in re.findall(r"([A-Za-z_]\S*) (\d+)", printed)}
        want = collections.Counter(c for e in self.shown if len(e.get("connectors", [])) <= 4
                                   for c in e.get("connectors", []))
        self.check(got == want, f"{len(want)} connectors")
        many = sum(len(e.get("connectors", [])) > 4 for e in self.shown)
        m = re.search(r"(\d+) connections to hosts that more than 4 share$", self.text, re.M)
        self.check((int(m.group(1)) if m else 0) == many, f"{many} connections to shared hosts")

    def places(self):
        """Who went where; the ledger does not hold the names of sources."""
        want = collections.defaultdict(collections.Counter)
        for e in self.signals:
            of = self.start[e["flow_id"]]
            country = of["country"] if e["signal"] == "unexpected_country" else None
            want[e["signal"]][(e.get("role"), e.get("host") or of["dst_ip"], country)] += 1
        got, rest, signal = collections.defaultdict(collections.Counter), collections.Counter(), None
        for line in self.text.splitlines():
            m = re.match(r"^(?:signals|             ) +\d+  (\w+)$", line)
            signal = m.group(1) if m else signal
            m = re.match(r"^ +- (\d+)x(?: (\w+))?(?: \S+)? -> (\S+)(?: in ([A-Z][A-Z]))?$", line)
            if m:
                got[signal][m.groups()[1:]] += int(m.group(1))
            m = re.match(r"^ +- and (\d+) more$", line)
            rest[signal] += int(m.group(1)) if m else 0
        for signal, counts in want.items():
            self.check(got[signal] == dict(top(counts, SHOWN_PLACES)) and
                       rest[signal] == sum(counts.values()) - sum(got[signal].values()),
                       f"who went where, {signal}: printed {dict(got[signal])}")
        self.check(not set(got) - set(want), "no place without a signal")

    def file(self, rule):
        """The rule file and line of "FILE:LINE"; None when there is no such file."""
        path, line = rule.rsplit(":", 1)
        if path not in self.files:
            found = [p for p in (path, os.path.join(self.root, path)) if os.path.exists(p)]
            self.files[path] = RuleFile(found[0], groups(self.root)) if found else None
        return self.files[path], int(line)

    def lines(self):
        """Every line that decided fits the flow that it decided about."""
        faults = collections.defaultdict(set)
        for e in self.starts + self.ends + self.signals:
            flow = self.start.get(e["flow_id"], e)
            would = {"type": "flow", "verdict": e.get("would_verdict"), "gate": e.get("would_gate")}
            for key, decision in (("rule", e), ("would_rule", would)):
                if key not in e:
                    continue
                source, line = self.file(e[key])
                place_ = place(e[key], e.get(key + "_label"))
                faults[place_].update(["no such file"] if source is None else source.faults(
                    line, e.get(key + "_label"), decision, flow))
        for place_, found in sorted(faults.items()):
            self.check(not found, f"{place_} " + ("; ".join(sorted(found)) or "fits its flows"))


def groups(root):
    """Group of services -> its services."""
    found = collections.defaultdict(set)
    with open(os.path.join(root, "rules/catalog/groups.tsv"), encoding="utf-8") as f:
        for line in f:
            cells = line.rstrip("\n").split("\t")
            if not line.startswith("#") and len(cells) >= 4:
                for group in cells[3].split("|"):
                    found[group].add(cells[0])
    return found


def main():
    summary_path, folder, root, *captures = sys.argv[1:]
    with open(summary_path, encoding="utf-8") as f:
        text = f.read()
    sys.exit(bool(Recount(text, read(folder), root, captures, sys.stdout).all(folder)))


DECODE = {
    "ok", "fragment_held", "not_ip", "link_truncated", "link_unknown", "tags_too_deep",
    "ip_truncated", "ip_version", "ip_header_length", "ip_total_length", "ip_checksum",
    "ip_mapped", "extension_truncated", "extension_too_many", "fragment_bad",
    "fragment_overlap", "fragment_cap", "fragment_timeout", "l4_truncated",
    "tcp_header_length", "tcp_options", "udp_length",
}

if __name__ == "__main__":
    main()
