"""A ledger as docs/ledger.md says, written by nothing of Weir's: events, seals, epochs, generations.
make_ledger.py DIR prints its fingerprint.  Needs the openssl command."""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile

SPKI = bytes.fromhex("302a300506032b6570032100")
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
SEEDS = (b"root", b"one", b"two")
GENERATIONS = ("00000000000000a1", "00000000000000b2")


def sha(data):
    return hashlib.sha256(data).digest()


def fingerprint(key):
    text = sha(key)[:16].hex().upper()
    return "-".join(text[i:i + 4] for i in range(0, 32, 4))


class Key:
    def __init__(self, seed):
        self.der = PKCS8 + sha(seed)
        self.public = self.openssl(["pkey", "-pubout", "-outform", "DER"])[len(SPKI):]
        self.print = fingerprint(self.public)

    def openssl(self, words, text=None):
        with tempfile.TemporaryDirectory() as t:
            for name, data in (("k", self.der), ("t", text or b"")):
                with open(f"{t}/{name}", "wb") as f:
                    f.write(data)
            extra = ["-inkey", f"{t}/k", "-rawin", "-in", f"{t}/t"] if text is not None else ["-in", f"{t}/k"]
            form = ["-keyform", "DER"] if text is not None else ["-inform", "DER"]
            return subprocess.run(["openssl", *words, *form, *extra], check=True, capture_output=True).stdout

    def sign(self, text):
        return self.openssl(["pkeyutl", "-sign"], text)


def pem(public):
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(SPKI + public).decode()}\n-----END PUBLIC KEY-----\n"


def json_line(event):
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def sealed(event, key):
    """The line of a seal."""
    text = json_line(event)[:-2]
    return text + b',"signature":"' + key.sign(b"weir-seal-1\n" + text).hex().encode() + b'"}\n'


class Writer:
    def __init__(self, seeds):
        self.keys = [Key(s) for s in seeds]
        self.epoch = 0
        self.head = sha(b"weir-ledger-1\n" + self.keys[0].public)
        self.lines, self.first, self.previous = [], 1, None

    def head_of(self, kind, generation):
        n = len(self.lines) + 1
        return {"v": 1, "seq": n, "time": f"2026-11-22T02:{n // 60 % 60:02}:{n % 60:02}.000000Z", "type": kind,
                "sensor": "made", "generation": generation, "mode": "monitor"}

    def add(self, line):
        self.lines.append(line)
        self.head = sha(self.head + sha(line))

    def event(self, kind, generation, **fields):
        self.add(json_line({**self.head_of(kind, generation), **fields}))

    def seal(self, generation, cause="count", **more):
        n, key = len(self.lines) + 1, self.keys[self.epoch]
        e = {**self.head_of("seal", generation), "cause": cause, "first_seq": self.first, "last_seq": n - 1,
             "count": n - self.first, "head": self.head.hex()}
        if self.previous:
            e["previous"] = self.previous
        e.update(key=key.print, epoch=self.epoch)
        if cause == "epoch":
            e["next_key"] = self.keys[self.epoch + 1].public.hex()
            self.epoch += 1
        e.update(more)
        self.add(sealed(e, key))
        self.first, self.previous = n, sha(self.lines[-1]).hex()


def keep(folder, generation, text):
    os.makedirs(f"{folder}/generations/files", exist_ok=True)
    name = sha(text).hex()
    with open(f"{folder}/generations/files/{name}", "wb") as f:
        f.write(text)
    with open(f"{folder}/generations/{generation}.json", "wb") as f:
        f.write(json_line({"v": 1, "generation": generation, "weir": "made", "rules": ["made.rules"],
                           "files": [{"name": "made.rules", "size": len(text), "sha256": name}]}))


def packets(folder, i):
    """What an event says of its file of packets, which is made; few have one."""
    if i % 21:
        return {}
    name, data = f"{i:016x}.pcapng", f"no capture, but bytes of {i}\n".encode() * 9
    os.makedirs(f"{folder}/packets", exist_ok=True)
    with open(f"{folder}/packets/{name}", "wb") as f:
        f.write(data)
    return {"packets": name, "packets_sha256": sha(data).hex()}


def write(folder, seeds=SEEDS):
    """Three epochs in two segments, with ranges of unequal length and an unsealed end."""
    w, generation, cut = Writer(seeds), GENERATIONS[0], 0
    os.makedirs(folder)
    for i in range(120):
        if i == 50:
            w.event("change", GENERATIONS[1], what="reload", who="anna", old_generation=GENERATIONS[0],
                    new_generation=GENERATIONS[1])
            generation = GENERATIONS[1]
        w.event("flow", generation, phase="start", host=f"h{i}.example", verdict="deny" if i % 7 == 0 else "allow",
                src_ip="10.10.16.5", dst_ip="192.0.2.1", **packets(folder, i))
        if i in (12, 13, 40, 60, 79, 95, 110):
            w.seal(generation, "epoch" if i in (40, 79) else "count")
        cut = len(w.lines) if i == 79 else cut
    for name, lines in (("000001", w.lines[:cut]), ("000002", w.lines[cut:])):
        with open(f"{folder}/{name}.jsonl", "wb") as f:
            f.write(b"".join(lines))
        with open(f"{folder}/{name}.tags", "wb") as f:
            f.write(b"".join(sha(x)[:8] for x in lines))
    with open(f"{folder}/ledger.pub", "w", encoding="ascii") as f:
        f.write(pem(w.keys[0].public))
    for i, g in enumerate(GENERATIONS):
        keep(folder, g, f"version 1\n# rules {i}\n".encode() * 40)
    return w


def retire(folder, w):
    """The first segment goes, as docs/ledger.md says: a tombstone, what names keys, then the files."""
    cut = sum(1 for _ in open(f"{folder}/000001.jsonl", "rb"))
    head = sha(b"weir-ledger-1\n" + w.keys[0].public)
    for line in w.lines[:cut]:
        head = sha(head + sha(line))
    times = [json.loads(w.lines[n])["time"] for n in (0, cut - 1)]
    w.seal(GENERATIONS[1], "retention", removed_first_seq=1, removed_last_seq=cut, removed_head=head.hex(),
           removed_from=times[0], removed_to=times[1])
    with open(f"{folder}/000002.jsonl", "ab") as lines, open(f"{folder}/000002.tags", "ab") as tags:
        lines.write(w.lines[-1])
        tags.write(sha(w.lines[-1])[:8])
    with open(f"{folder}/epochs.jsonl", "wb") as f:
        f.writelines(line for line in w.lines[:cut] if b'"next_key":' in line)
        f.write(w.lines[-1])
    for end in ("jsonl", "tags"):
        os.remove(f"{folder}/000001.{end}")


if __name__ == "__main__":
    print(write(sys.argv[1]).keys[0].print)
