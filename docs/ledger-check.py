#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a ledger without Weir, as docs/ledger.md says: ledger-check.py DIR [ROOT.pub]
Needs the openssl command, and zstd for compressed segments."""
import base64, hashlib, io, json, os, re, subprocess, sys, tempfile

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

def digits(value):
    return bytes.fromhex(value) if re.fullmatch("([0-9a-f]{2})*", str(value)) else b""

def check(line, event, key):
    finger, text = sha(key)[:16].hex().upper(), line.rpartition(b',"signature":')[0]
    return (event.get("key") == "-".join(finger[i:i + 4] for i in range(0, 32, 4)) and
            signed(key, b"weir-seal-1\n" + text, digits(event.get("signature"))))

SEGMENT = re.compile(r"(0(?!00000\.)[0-9]{5}|[1-9][0-9]{5,})\.jsonl(\.zst)?")
names = {}      # of a segment: its file, the plain one if both are there
for file in sorted(os.listdir(folder), reverse=True):
    if SEGMENT.fullmatch(file):
        names[int(file.split(".")[0])] = file
if not names:
    sys.exit(f"{folder}: there is no ledger")

def text(number):
    path = f"{folder}/{names[number]}"
    if os.path.islink(path) or not os.path.isfile(path):
        sys.exit(f"{path}: a segment must be a regular file, and is a link or something else")
    data = open(path, "rb").read()
    if path.endswith(".zst"):
        done = subprocess.run(["zstd", "-dcq", "--memory=8MiB"], input=data, capture_output=True)
        data = done.stdout
        if done.returncode != 0:
            sys.exit(f"{path}: damaged")
    return data

def fields(line):
    """The event of a line; {} if it is none, and then it has no number either."""
    try:
        event = json.loads(line) if len(line) <= 1 << 20 else {}
    except (ValueError, RecursionError):
        event = {}
    return event if isinstance(event, dict) and type(event.get("seq")) is int else {}

begins = fields(text(min(names)).split(b"\n", 1)[0]).get("seq", 1)
removed, start = begins == 1, head
if not removed and os.path.exists(f"{folder}/epochs.jsonl"):    # what retention left
    for line in open(f"{folder}/epochs.jsonl", "rb"):
        event = fields(line)
        if event.get("removed_last_seq") == begins - 1:
            head = start = digits(event.get("removed_head"))
            seq = begins - 1
        if "next_key" in event and event["seq"] < begins and check(line, event, key):
            key = digits(event["next_key"])
TYPES = ("flow", "signal", "rollup", "dns")
EXPIRED = re.compile(rb'(\{"v":1,"seq":[0-9]+,"type":"expired","digest":"([0-9a-f]{64})"),"check":"([0-9a-f]{8})" *\}\n')
gone, told = {}, []     # what is left of lines, by segment: first, last, how many, digest; what seals say of that
whole, ranges, seen = {}, [], []    # types of lines, by segment; types and segments of what is gone; since the last seal

for number in sorted(names):
    for line in io.BytesIO(text(number)):
        event, seq = fields(line), seq + 1
        where = f"{names[number]}, line number {seq}"
        if event.get("seq") != seq or not line.endswith(b"\n"):
            sys.exit(f"{where}: missing, torn, out of order or not a line of a ledger")
        if event.get("type") == "seal":
            if (event.get("head") != head.hex() or (before or begins == 1) and event.get("previous") != before
                    or not check(line, event, key)):
                sys.exit(f"{where}: the lines since {sealed + 1} are not those that were sealed")
            before, sealed = sha(line).hex(), seq
            removed |= event.get("removed_last_seq") == begins - 1 and event.get("removed_head") == start.hex()
            key = digits(event.get("next_key", key.hex()))
            told.append([event.get("expired_" + what) for what in ("first_seq", "last_seq", "lines", "head", "types")])
            less = {t: event.get(t + "_lines", 0) - sum(kind == t for kind, _ in seen) for t in TYPES}
            if any(kind == "expired" for kind, _ in seen):
                if min(less.values()) < 0 or sum(less.values()) != sum(kind == "expired" for kind, _ in seen):
                    sys.exit(f"{where}: lines before it were taken out that cannot expire")
                ranges.append(({t for t in TYPES if less[t] > 0}, {n for kind, n in seen if kind == "expired"}))
            seen = []
        else:
            seen.append((event.get("type"), number))
        expired = EXPIRED.fullmatch(line)
        if expired and sha(expired[1]).hex()[:8] != expired[3].decode():
            expired = None
        whole.setdefault(number, set()).add(event.get("type"))
        if expired:
            first, _, count, digest = gone.get(number, (seq, seq, 0, bytes(32)))
            gone[number] = first, seq, count + 1, sha(digest + sha(line))
        head = sha(head + (digits(expired[2].decode()) if expired else sha(line)))
if not removed:
    sys.exit(f"lines 1 to {begins - 1}: missing, and no seal says that they were removed")
went = {}       # types of which all lines of a segment went, as a seal says
for number, (first, last, count, digest) in gone.items():
    said = [t for t in told if t[4] and t[0] <= first and last <= t[1]]
    went[number] = set(",".join(t[4] for t in said).split(",")) - whole[number]
    if (not any(t[2:4] == [count, digest.hex()] for t in said)
            or any(types - set().union(*(went.get(n, set()) for n in segments)) for types, segments in ranges
                   if number == max(segments))):
        sys.exit(f"{names[number]}, lines number {first} to {last}: taken out, and no seal says so")
print(f"lines {begins} to {seq}, sealed to {sealed}" +
      (f", {sum(g[2] for g in gone.values())} of them expired" if gone else ""))
