#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a ledger without Weir, as docs/ledger.md says: ledger-check.py DIR [ROOT.pub]
Needs the openssl command, and zstd for compressed segments."""
import base64, glob, hashlib, json, os, re, subprocess, sys, tempfile

SPKI = bytes.fromhex("302a300506032b6570032100")
sha = lambda b: hashlib.sha256(b).digest()

def signed(key, text, signature):
    with tempfile.TemporaryDirectory() as t:
        for name, data in (("k", SPKI + key), ("t", text), ("s", signature)):
            with open(f"{t}/{name}", "wb") as f:
                f.write(data)
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", f"{t}/k",
                               "-rawin", "-in", f"{t}/t", "-sigfile", f"{t}/s"], capture_output=True).returncode == 0

folder = sys.argv[1]
pem = open(sys.argv[2] if len(sys.argv) > 2 else f"{folder}/ledger.pub").read()
key = base64.b64decode("".join(pem.split("\n")[1:-2]))[12:]
head, before, seq, sealed = sha(b"weir-ledger-1\n" + key), None, 0, 0

def check(line, event, key):
    finger = sha(key)[:16].hex().upper()
    return (event["key"] == "-".join(finger[i:i + 4] for i in range(0, 32, 4)) and
            signed(key, b"weir-seal-1\n" + line[:line.rindex(b',"signature":')], bytes.fromhex(event["signature"])))

names = {re.sub(r"\.zst$", "", n): n for n in sorted(glob.glob(f"{folder}/[0-9]*.jsonl*"), reverse=True)}

def text(name):
    data = open(names[name], "rb").read()
    if names[name].endswith(".zst"):
        data = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout
    return data

begins = json.loads(text(min(names)).split(b"\n", 1)[0])["seq"]
removed, start = begins == 1, head
if not removed and os.path.exists(f"{folder}/epochs.jsonl"):    # what retention left
    for line in open(f"{folder}/epochs.jsonl", "rb"):
        event = json.loads(line) if line.endswith(b"}\n") else {}
        if event.get("removed_last_seq") == begins - 1:
            head = start = bytes.fromhex(event["removed_head"])
            seq = begins - 1
        if "next_key" in event and event["seq"] < begins and check(line, event, key):
            key = bytes.fromhex(event["next_key"])
for name in sorted(names):
    for line in text(name).splitlines(keepends=True):
        event, seq = json.loads(line), seq + 1
        where = f"{os.path.basename(name)}, line number {event['seq']}"
        if event["seq"] != seq or not line.endswith(b"\n"):
            sys.exit(f"{where}: missing, torn or out of order")
        if event["type"] == "seal":
            if (event["head"] != head.hex() or (before or begins == 1) and event.get("previous") != before
                    or not check(line, event, key)):
                sys.exit(f"{where}: the lines since {sealed + 1} are not those that were sealed")
            before, sealed = sha(line).hex(), seq
            removed |= event.get("removed_last_seq") == begins - 1 and event["removed_head"] == start.hex()
            key = bytes.fromhex(event.get("next_key", key.hex()))
        head = sha(head + sha(line))
if not removed:
    sys.exit(f"lines 1 to {begins - 1}: missing, and no seal says that they were removed")
print(f"lines {begins} to {seq}, sealed to {sealed}")
