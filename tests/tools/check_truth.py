#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare the names that `weir replay` gives with the truth table of the real captures.

usage: check_truth.py WEIR FOLDER      FOLDER holds *.pcap and truth.csv

Prints TAP.  A row of protocol TLS, QUIC, HTTP or TDS 8 that has a name must have got it; a
flow of Chromium or Firefox must not be undecidable, except by a real Encrypted Client Hello.
"""
import csv
import json
import os
import subprocess
import sys

NAMED = {"tls", "quic-v1", "http", "tds8", "tds7-tls", "smtp-starttls", "http-connect"}
failed = []


def check(ok, what):
    print(f"{'ok' if ok else 'not ok'} - {what}")
    if not ok:
        failed.append(what)
    return ok


def flows(weir, path):
    run = subprocess.run(
        [weir, "replay", "-q", "--events", "-", path], stdout=subprocess.PIPE, check=False
    )
    if run.returncode != 0:
        check(False, f"{path}: exit status {run.returncode}")
    found = {}
    for line in run.stdout.splitlines():
        e = json.loads(line)
        if e["type"] == "flow" and e["phase"] == "start":
            key = (e["src_ip"], str(e.get("src_port")), e["dst_ip"], str(e.get("dst_port")))
            found.setdefault(key, e)
    return found


def main():
    weir, folder = sys.argv[1:]
    rows = {}
    with open(os.path.join(folder, "truth.csv"), encoding="utf-8") as f:
        for row in csv.DictReader(f):
            rows.setdefault(row["file"], []).append(row)
    named = 0
    for name in sorted(rows):
        got = flows(weir, os.path.join(folder, name))
        for row in rows[name]:
            want = row["sni_seen"] or row["http_host"]
            key = (row["src"], row["sport"], row["dst"], row["dport"])
            e = got.get(key, {})
            where = f"{name} {row['src']}:{row['sport']} {row['proto']}"
            hidden = bool(row["sni_seen"]) and row["sni_seen"] != row["true_host"]
            if row["proto"] in NAMED and want:
                named += 1
                ok = e.get("host") == want.lower() and (
                    e.get("undecidable") == "ech_used" if hidden else "undecidable" not in e
                )
                if not check(ok, f"{where} is {want}"):
                    print(f"# got {e}")
            if row["client"] in ("chromium", "firefox") and row["proto"] in NAMED:
                reason = e.get("undecidable")
                ok = reason is None or (hidden and reason == "ech_used")
                check(ok, f"{where} decidable ({reason})")
    check(named > 40, f"{named} named rows in the truth table")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
