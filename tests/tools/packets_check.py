#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The files of packets of a ledger against its events: names and digests; read again by Weir they
name the same, and tshark (if installed) finds the server name that the event has and a comment on
each packet that was not captured.

usage: tests/tools/packets_check.py WEIR LEDGER
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys

FIELDS = ("protocol", "host", "evidence", "sni", "alpn", "ja4", "tls_offered", "quic_version", "http_method",
          "url", "undecidable", "flags", "candidates", "smtp_helo", "mail_from_domain", "tds_database",
          "src_ip", "src_port", "dst_ip", "dst_port", "transport")


def starts(weir, path):
    run = subprocess.run([weir, "replay", "-q", "--events", "-", path], capture_output=True, check=True)
    events = [json.loads(line) for line in run.stdout.splitlines()]
    return [e for e in events if e["type"] == "flow" and e["phase"] == "start"]


def shown(path):
    """(comment, server name, TCP flags) of each packet."""
    run = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=|", "-e", "frame.comment",
                          "-e", "tls.handshake.extensions_server_name", "-e", "tcp.flags.syn"],
                         capture_output=True, check=True, text=True)
    return [line.split("|") for line in run.stdout.splitlines()]


def findings(weir, folder, event):
    path = os.path.join(folder, "packets", event["packets"])
    with open(path, "rb") as f:
        if hashlib.sha256(f.read()).hexdigest() != event["packets_sha256"]:
            yield "another digest"
    again = starts(weir, path)
    if len(again) != 1:
        yield f"{len(again)} connections"
        return
    # What DNS told stands in other connections.
    fields = [k for k in FIELDS if event.get("evidence") != "dns" or k not in ("host", "evidence")]
    yield from (f"{k}: {again[0].get(k)}, not {event.get(k)}" for k in fields if again[0].get(k) != event.get(k))
    if shutil.which("tshark"):
        packets = shown(path)
        if "sni" in event and event["sni"] not in {name for _, name, _ in packets}:
            yield "tshark finds no such server name"
        if any((syn == "1") != ("synthesised" in comment) for comment, _, syn in packets):
            yield "not just the handshake is marked as made"


def main():
    weir, folder = sys.argv[1:]
    seen, bad = set(), 0
    with open(os.path.join(folder, "000001.jsonl"), encoding="utf-8") as f:
        for event in map(json.loads, f):
            if "packets" not in event:
                continue
            seen.add(event["packets"])
            for finding in findings(weir, folder, event):
                print(f"{event['packets']}: {finding}")
                bad += 1
    for name in sorted(set(os.listdir(os.path.join(folder, "packets"))) ^ seen):
        print(f"{name}: named by no event, or not there")
        bad += 1
    print(f"{len(seen)} files of packets, {bad} findings")
    sys.exit(1 if bad or not seen else 0)


if __name__ == "__main__":
    main()
