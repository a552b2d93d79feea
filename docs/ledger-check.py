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
names = {re.sub(r"\.zst$", "", n): n for n in sorted(glob.glob(f"{folder}/??????*.jsonl*"), reverse=True)}
for name in sorted(names):
    data = open(names[name], "rb").read()
    if names[name].endswith(".zst"):
        data = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout
    for line in data.splitlines(keepends=True):
        event, seq = json.loads(line), seq + 1
        where = f"{os.path.basename(name)}, line number {event['seq']}"
        if event["seq"] != seq or not line.endswith(b"\n"):
            sys.exit(f"{where}: missing, torn or out of order")
        if event["type"] == "seal":
            cut = line.rindex(b',"signature":')
            finger = sha(key)[:16].hex().upper()
            if (event["head"] != head.hex() or event.get("previous") != before
                    or event["key"] != "-".join(finger[i:i + 4] for i in range(0, 32, 4))
                    or not signed(key, b"weir-seal-1\n" + line[:cut], bytes.fromhex(event["signature"]))):
                sys.exit(f"{where}: the lines since {sealed + 1} are not those that were sealed")
            before, sealed = sha(line).hex(), seq
            key = bytes.fromhex(event.get("next_key", key.hex()))
        head = sha(head + sha(line))
print(f"{seq} lines, sealed to {sealed}")
