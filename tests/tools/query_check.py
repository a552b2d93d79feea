#!/usr/bin/env python3
"""`weir query` against a scan of the ledger's lines in Python: for each field its values are
filtered, counted and grouped, by the sums, the columns and the lines.  TAP on standard output.
usage: query_check.py WEIR LEDGER INDEX EVENTS_MD"""
import collections
import glob
import json
import re
import subprocess
import sys

weir, ledger, index, document = sys.argv[1:5]
events = []
for name in sorted(glob.glob(ledger + "/*.jsonl")):
    with open(name, encoding="utf-8") as f:
        events += [json.loads(line) for line in f if line.endswith("\n")]


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def flat(event):
    out = {}
    for key, value in event.items():
        if isinstance(value, dict):
            for inner, one in value.items():
                out[f"{key}.{inner}"] = text(one)
        elif isinstance(value, list):
            out[key] = [text(v) for v in value]
        else:
            out[key] = text(value)
    return out


rows = [flat(e) for e in events]


def ask(*words):
    done = subprocess.run([weir, "query", "--ledger", ledger, "--index", index, "--json", *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1):
        return done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def has(row, field, value):
    found = row.get(field)
    found = found if isinstance(found, list) else [found]
    return value in found


failed = 0


def told(fine, name):
    global failed
    failed += not fine
    print(("ok" if fine else "not ok") + " - " + name)


fields = subprocess.run([weir, "query", "--fields", "list"], stdout=subprocess.PIPE,
                        check=True).stdout.decode().split()
with open(document, encoding="utf-8") as f:
    head = f.read().split("## Words")[0]
documented = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", head, re.M)) - {"gates", "detail"}
told(documented <= set(fields), f"every field of the document can be asked for {documented - set(fields)}")
told({f for f in fields if not f.startswith("gates.")} <= documented, "and no other one is")

wrong = []
asked = 0
for field in fields:
    counts = collections.Counter()
    for row in rows:
        for v in set(row[field] if isinstance(row.get(field), list) else [row.get(field)]):
            counts[v] += 1
    values = [v for v, _ in counts.most_common() if v is not None][:2]
    for value in values:
        want = [e["seq"] for e, row in zip(events, rows) if has(row, field, value)]
        got = ask(f"--{field}", value)
        asked += 1
        if [e.get("seq") for e in got] != want:
            wrong.append((field, value))
        if got != [events[s - 1] for s in want]:
            wrong.append((field, value, "lines"))
    if values and field in rows[0] and not isinstance(rows[0][field], list) or values:
        want = sum(1 for row in rows if field not in row)
        got = ask(f"--{field}", "!*")
        asked += 1
        if len(got) != want:
            wrong.append((field, "absent"))
told(not wrong and asked > 60, f"{asked} filters of one field answer as a scan does {wrong[:5]}")

wrong = []
for field in fields:
    values = collections.Counter()
    for row in rows:
        v = row.get(field)
        values["\0".join(v) if isinstance(v, list) else v] += 1
    if len(values) == 1:
        continue
    got = collections.Counter()
    answer = ask("--group-by", field)
    if isinstance(answer, str):
        wrong.append((field, answer))
        continue
    for one in answer:
        v = one.get(field) if field not in ("first", "last") else None
        got["\0".join(v) if isinstance(v, list) else None if v is None else text(v)] += one["events"]
    if field in ("first", "last"):
        continue
    if got != values:
        wrong.append(field)
told(not wrong, f"each field groups as a scan does {wrong[:5]}")

pairs = [("type", "verdict"), ("service", "verdict"), ("principal", "service"), ("rule", "reason"),
         ("host", "verdict"), ("sni", "phase"), ("site", "role"), ("dst_port", "protocol"),
         ("detail.country", "signal"), ("principal", "rule"), ("country", "service")]
wrong = []
for a, b in pairs:
    for more, keep in (([], lambda r: True), (["--verdict", "deny"], lambda r: r.get("verdict") == "deny"),
                       (["--phase", "!end"], lambda r: r.get("phase") != "end")):
        want = collections.Counter((r.get(a), r.get(b)) for r in rows if keep(r))
        sums = collections.Counter()
        for r in rows:
            if keep(r):
                sums[(r.get(a), r.get(b))] += int(r.get("bytes_out", 0))
        for how in ([], ["--prove"]):
            answer = ask("--group-by", f"{a},{b}", "--sum", "bytes_out", *more, *how)
            got = {(None if x.get(a) is None else text(x[a]), None if x.get(b) is None else text(x[b])):
                   (x["events"], x["bytes_out"]) for x in answer}
            if got != {k: (n, sums[k]) for k, n in want.items()}:
                wrong.append((a, b, more, how))
told(not wrong, f"{len(pairs)} pairs, three filters, from sums and from lines {wrong[:3]}")

times = sorted(e["time"] for e in events)
wrong = []
for i in range(0, len(times), max(1, len(times) // 12)):
    since, until = times[i // 2], times[i]
    want = sum(1 for e in events if since <= e["time"] < until)
    if since < until and sum(x["events"] for x in ask("--since", since, "--until", until,
                                                      "--group-by", "type")) != want:
        wrong.append((since, until))
told(not wrong, f"times from and before {wrong[:3]}")
hours = collections.Counter(e["time"][:13] for e in events)
told({x["time"][:13]: x["events"] for x in ask("--bucket", "1h")} == hours, "buckets of an hour")

v4 = [r for r in rows if r.get("src_ip", "").startswith("10.10.")]
told(len(ask("--src-ip", "10.10.0.0/16")) == len(v4) > 0, "a prefix of addresses")
told(len(ask("--host", "*.COM", "--host", "dns.google")) ==
     sum(1 for r in rows if r.get("host", "").endswith(".com") or r.get("host") == "dns.google") > 0,
     "a star, two values, case ignored")
told(len(ask("--dst-port", "400..500", "--dst-port", "!443")) ==
     sum(1 for r in rows if 400 <= int(r.get("dst_port", 0)) <= 500 and r["dst_port"] != "443") > 0,
     "numbers between, but one")
one, two = ask("--sample", "20", "--seed", "3"), ask("--sample", "20", "--seed", "3")
told(one == two and len(one) == 20 and one != ask("--sample", "20", "--seed", "4"), "a sample by its seed")
by = ask("--type", "flow", "--order", "-bytes_out", "--limit", "9")
told([e.get("bytes_out") for e in by] ==
     sorted((e.get("bytes_out") for e in events if "bytes_out" in e), reverse=True)[:9], "an order")
would = [e for e in events if e.get("would_verdict") == "deny" or
         (e.get("verdict") == "deny" and e.get("effect") in ("none", "passed"))]
told(ask("--would-deny") == would and would, "what passed and would be denied")
sys.exit(1 if failed else 0)
