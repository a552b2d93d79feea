#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recount every number of a printed summary from the ledger, and check each deciding line.

usage: recount.py SUMMARY.txt LEDGER_DIR RULE_ROOT

SUMMARY.txt is what `weir replay` printed, LEDGER_DIR what it wrote; rule files named in the
ledger are looked up as they are, else below RULE_ROOT.  Shares no code with Weir.  Prints TAP.
"""
import collections
import glob
import json
import os
import re
import sys

failures = 0


def check(ok, what):
    global failures
    print(f"{'ok' if ok else 'not ok'} - {what}")
    failures += not ok


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


def main():
    summary_path, folder, root = sys.argv[1:]
    with open(summary_path, encoding="utf-8") as f:
        text = f.read()
    events = read(folder)
    flows = [e for e in events if e["type"] == "flow"]
    starts = [e for e in flows if e["phase"] == "start"]
    ends = [e for e in flows if e["phase"] == "end"]
    shown = [e for e in starts if e.get("protocol") != "dns"]
    signals = [e for e in events if e["type"] == "signal"]
    used = set()

    def expect(pattern, values, what):
        m = re.search(pattern, text, re.M)
        got = [number(g) for g in m.groups()] if m else None
        check(got == values, f"{what}: printed {got}, in the ledger {values}")

    check([e["seq"] for e in events] == list(range(1, len(events) + 1)), "sequence without gaps")
    run = next(e for e in events if e["type"] == "system" and e["what"] == "replay_end")
    counters = run["detail"]
    good = {"ok", "fragment_held", "not_ip"}
    reasons = {k for k in counters if k in DECODE}
    expect(r"^ +([\d,]+) packets, ([\d,]+) bytes, ([\d,]+) malformed",
           [counters["frames"], counters["bytes"],
            sum(counters[k] for k in reasons - good)], "packets")
    expect(r"^seen +([\d,]+) flows: (\d+) DNS, (\d+) connections judged, (\d+) ended",
           [len(ends), sum(e.get("protocol") == "dns" for e in ends), len(shown),
            sum("verdict" not in e for e in ends)], "flows")
    named = [e for e in shown if "host" in e and e.get("undecidable") != "ech_used"]
    expect(r"^names +(\d+) from the client's hello or request \((\d+) QUIC\), (\d+) from DNS "
           r"only, (\d+) without",
           [sum(e["evidence"] != "dns" for e in named),
            sum(e.get("protocol") == "quic" for e in named),
            sum(e["evidence"] == "dns" for e in named), len(shown) - len(named)], "names")

    rows = collections.defaultdict(list)
    for e in shown:
        rows[service_row(e)].append(e)
    rows["total"] = shown
    for name, list_ in rows.items():
        want = [len(list_), sum(e["verdict"] == "allow" for e in list_),
                sum(e["verdict"] == "deny" for e in list_),
                sum(e.get("would_verdict") == "deny" for e in list_),
                sum("undecidable" in e for e in list_)]
        expect(rf"^  {re.escape(name)} +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)(?: |$)", want,
               f"row {name}")
        m = re.search(rf"^  {re.escape(name)} +\d+ +\d+ +\d+ +\d+ +\d+  (\w+ \d+(?:, \w+ \d+)*) ",
                      text, re.M)
        if name != "total" and m:
            got = {k: int(v) for k, v in (p.rsplit(" ", 1) for p in m.group(1).split(", "))}
            check(got == dict(collections.Counter(e["role"] for e in list_ if "role" in e)),
                  f"roles of row {name}")
    table_rows = re.findall(r"^  (\(?[a-z][\w -]*\)?) +\d+ +\d+ +\d+ +\d+ +\d+", text, re.M)
    check(sorted(r.strip() for r in table_rows) == sorted(rows), "no row too many or too few")

    section = None
    details = re.compile(r"^ +- ")
    listed = collections.defaultdict(dict)
    for line in text.splitlines():
        if details.match(line):
            continue
        m = re.match(r"^(why denied|would deny|cannot tell|signals| {11,13}) +(\d+)  (.*)$", line)
        if not m:
            section = None
            continue
        section = m.group(1).strip() or section
        if section:
            listed[section][m.group(3)] = int(m.group(2))
    dns = [e for e in starts if e.get("protocol") == "dns"]
    expect(r"^dns +(\d+) allowed, (\d+) denied, (\d+) would",
           [sum(e["verdict"] == "allow" for e in dns), sum(e["verdict"] == "deny" for e in dns),
            sum(e.get("would_verdict") == "deny" for e in dns)], "dns")

    def place(rule, label):
        return rule + (f"  {label}" if label else "")

    want = collections.Counter(place(e.get("rule", "no line (built in)"), e.get("rule_label"))
                               for e in starts if e["verdict"] == "deny")
    check({k.split("    ")[0]: v for k, v in listed["why denied"].items()} == want, "why denied")
    want = collections.Counter(place(e["would_rule"], e.get("would_rule_label"))
                               for e in starts if e.get("would_verdict") == "deny")
    check({k.split("    ")[0]: v for k, v in listed["would deny"].items()} == want, "would deny")
    check(f"generation {events[0]['generation']}," in text, "generation")
    check(len({e["generation"] for e in events}) == 1, "one generation")
    for name, list_ in rows.items():
        words = collections.Counter(word(e) for e in list_)
        line = next((k for k in text.splitlines() if k.startswith(f"  {name} ")), "")
        told = re.findall(r"(?:  |, )([^,]*?\S) \((\d+)\)", line.split("  ", 3)[-1][40:])
        check(name == "total" or (told and all(words[k.strip()] == int(v) for k, v in told)),
              f"words of row {name}")
    want = collections.Counter(e["undecidable"] for e in shown if "undecidable" in e)
    check(listed["cannot tell"] == want, "cannot tell")
    want = collections.Counter(e["signal"] for e in signals)
    check(listed["signals"] == want, "signals")

    m = re.search(r"^connectors   ((?:.|\n             )*)$", text, re.M)
    got = {k: int(v) for k, v in re.findall(r"([A-Za-z_]\S*) (\d+)", m.group(1))} if m else {}
    got.pop("than", None)
    want = collections.Counter(c for e in shown if len(e.get("connectors", [])) <= 4
                               for c in e.get("connectors", []))
    check(got == want, f"{len(want)} connectors")
    many = sum(len(e.get("connectors", [])) > 4 for e in shown)
    m = re.search(r"(\d+) connections to hosts that more than 4 share", text)
    check((int(m.group(1)) if m else 0) == many, f"{many} connections to shared hosts")
    start = {e["flow_id"]: e for e in starts}
    places = collections.Counter()
    for e in signals:
        of = start[e["flow_id"]]
        places[(e["signal"], e.get("role"), e.get("host") or of["dst_ip"])] += 1
    signal, listed_places, rest = None, collections.Counter(), 0
    for line in text.splitlines():
        m = re.match(r"^(?:signals|             ) +\d+  (\w+)$", line)
        signal = m.group(1) if m else signal
        m = re.match(r"^ +- (\d+)x(?: (\w+))?(?: \S+)? -> (\S+)(?: in [A-Z][A-Z])?$", line)
        if m:
            listed_places[(signal, m.group(2), m.group(3))] += int(m.group(1))
        m = re.match(r"^ +- and (\d+) more$", line)
        rest += int(m.group(1)) if m else 0
    check(all(places[k] == v for k, v in listed_places.items()), "who went where")
    check(sum(listed_places.values()) + rest == len(signals), "signals listed and not listed")

    for e in flows + signals:
        if "rule" in e:
            used.add((e["rule"], e.get("rule_label"), e.get("verdict") if e["type"] == "flow"
                      else "alert"))
    for rule, label, word in sorted(used, key=str):
        path, line = rule.rsplit(":", 1)
        for candidate in (path, os.path.join(root, path)):
            if os.path.exists(candidate):
                with open(candidate, encoding="utf-8") as f:
                    source = f.read().splitlines()[int(line) - 1]
                break
        else:
            check(False, f"{rule}: no such file")
            continue
        words = source.split("#")[0].split()
        verb = next((w for w in words if w in ("allow", "deny", "alert")), None)
        fits = words[:1] == ["gate"] or verb == word or (verb in ("alert", "allow") and word == "allow")
        check(fits and (label is None or label in words), f"{rule} says {word}: {source.strip()}")
    sys.exit(failures > 0)


DECODE = {
    "ok", "fragment_held", "not_ip", "link_truncated", "link_unknown", "tags_too_deep",
    "ip_truncated", "ip_version", "ip_header_length", "ip_total_length", "ip_checksum",
    "ip_mapped", "extension_truncated", "extension_too_many", "fragment_bad",
    "fragment_overlap", "fragment_cap", "fragment_timeout", "l4_truncated",
    "tcp_header_length", "tcp_options", "udp_length",
}

if __name__ == "__main__":
    main()
