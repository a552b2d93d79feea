#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a pack of `weir evidence` without Weir, as docs/ledger.md says:
evidence-check.py PACK.tar [--key FINGERPRINT|ROOT.pub] [--anchors FILE]
Says of each line what proves it, or why nothing does.  Status 0: all is proven; 1: not; 2: it
was called wrongly.  Needs the openssl command."""
import base64, functools, hashlib, json, re, subprocess, sys, tempfile

SPKI = bytes.fromhex("302a300506032b6570032100")
SHA = re.compile(r"[0-9a-f]{64}")
sha = lambda b: hashlib.sha256(b).digest()

def fingerprint(key):
    text = sha(key)[:16].hex().upper()
    return "-".join(text[i:i + 4] for i in range(0, 32, 4))

@functools.lru_cache(4096)
def signed(key, text, signature):
    with tempfile.TemporaryDirectory() as t:
        for name, data in (("k", SPKI + key), ("t", text), ("s", signature)):
            with open(f"{t}/{name}", "wb") as f:
                f.write(data)
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", f"{t}/k",
                               "-rawin", "-in", f"{t}/t", "-sigfile", f"{t}/s"], capture_output=True).returncode == 0

class Refused(Exception):
    """The pack is not one, or is not as it was made."""

def header(name, size):
    fields = lambda check: (name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size
                            + b"00000000000\0" + check + b"0" + bytes(100) + b"ustar\00000" + bytes(64)
                            + b"0000000\0" * 2).ljust(512, b"\0")
    return fields(b"%06o\0 " % sum(fields(b" " * 8)))

def unpack(data):
    """Every byte of the archive is as its writer makes it, or it is refused."""
    files, at = {}, 0
    while data[at:at + 512].strip(b"\0"):
        try:
            name, size = data[at:at + 100].rstrip(b"\0").decode(), int(data[at + 124:at + 135], 8)
        except ValueError:
            raise Refused(f"no file of a pack at byte {at}") from None
        end = at + 512 + size
        if data[at:at + 512] != header(name, size) or end > len(data) or name in files:
            raise Refused(f"no file of a pack at byte {at}")
        files[name], at = data[at + 512:end], end + -size % 512
        if data[end:at].strip(b"\0"):
            raise Refused(f"bytes behind {name}")
    if data[at:] != bytes(1024):
        raise Refused("the archive does not end as one")
    return files

def sums_fit(files):
    wanted = "".join(f"{sha(b).hex()}  {n}\n" for n, b in files.items() if n != "SHA256SUMS")
    if files.get("SHA256SUMS") != wanted.encode() or list(files)[-1] != "SHA256SUMS":
        raise Refused("SHA256SUMS does not fit the files: the pack was changed after it was made")
    for name in ("lines.jsonl", "context.jsonl", "proof.txt", "seals.jsonl", "epochs.jsonl", "ledger.pub", "README.txt"):
        if name not in files:
            raise Refused(f"{name} is missing")

def public(text):
    key = base64.b64decode("".join(text.split("\n")[1:-2]))
    if len(key) != 44 or key[:12] != SPKI:
        raise Refused("no Ed25519 public key in PEM")
    return key[12:]

def lines_of(data, name):
    *lines, rest = data.split(b"\n")
    for line in lines + ([rest] if rest else []):
        try:
            event, line = json.loads(line), line + b"\n"
            if rest or not isinstance(event["seq"], int):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{name} holds what is no line of a ledger") from None
        yield line, event

def is_signed(line, event, key):
    cut = line.rindex(b',"signature":')
    return event["key"] == fingerprint(key) and signed(key, b"weir-seal-1\n" + line[:cut], bytes.fromhex(event["signature"]))

class Pack:
    def __init__(self, data, root=None, anchors=()):
        self.files = unpack(data)
        sums_fit(self.files)
        self.anchors = anchors
        own = public(self.files["ledger.pub"].decode())
        if root is not None and root not in (own, fingerprint(own)):
            raise Refused(f"the pack is of the root key {fingerprint(own)}, not of the one given")
        self.keys = [(own, 0, None)]  # of each epoch: key, the seal that names it, the one that names the next
        for line, e in lines_of(self.files["epochs.jsonl"], "epochs.jsonl"):
            key, since, _ = self.keys[-1]
            if e.get("epoch") != len(self.keys) - 1 or e["seq"] <= since or not is_signed(line, e, key):
                raise Refused(f"epochs.jsonl, line number {e['seq']}: not signed by the key before")
            self.keys[-1] = (key, since, e["seq"])
            self.keys.append((bytes.fromhex(e["next_key"]), e["seq"], None))
        self.seals = {e["seq"]: (line, e) for line, e in lines_of(self.files["seals.jsonl"], "seals.jsonl")}
        self.proven = {}  # number of a line: its digest, mark and seal
        self.why = {}     # number of a line: why it is not
        self.ranges()

    def seal_fault(self, number):
        """Why a seal proves nothing; None: it does."""
        if number not in self.seals:
            return f"seal {number} is missing"
        line, e = self.seals[number]
        if e.get("type") != "seal" or not 0 <= e["epoch"] < len(self.keys):
            return f"seal {number} is by a key that nothing in epochs.jsonl names"
        key, since, until = self.keys[e["epoch"]]
        if not is_signed(line, e, key):
            return f"seal {number} is not signed by the key of epoch {e['epoch']}"
        if number <= since or (until is not None and number > until):
            return f"seal {number} is outside of the lines of epoch {e['epoch']}"
        for anchor in self.anchors:
            if anchor["seq"] == number and anchor != e:
                return f"seal {number} is not the one that the anchors have"
        return None

    def ranges(self):
        number, head, rows = None, None, []
        for row in self.files["proof.txt"].decode("ascii", "replace").split("\n"):
            words = row.split(" ")
            if words[0] == "range" and len(words) == 3 and words[1].isdigit() and SHA.fullmatch(words[2]):
                self.end_range(number, head, rows)
                number, head, rows = int(words[1]), bytes.fromhex(words[2]), []
            elif SHA.fullmatch(words[0]) and words[1:] in ([], ["shown"], ["context"]) and number is not None:
                rows.append((bytes.fromhex(words[0]), words[1] if len(words) > 1 else None))
            elif row:
                raise Refused("proof.txt holds what is no range and no digest")
        self.end_range(number, head, rows)

    def end_range(self, number, head, rows):
        if number is None:
            return
        fault = self.seal_fault(number)
        e = self.seals[number][1] if number in self.seals else {"last_seq": number - 1, "first_seq": 1, "head": ""}
        first = e["last_seq"] - len(rows) + 1
        for digest, _ in rows:
            head = sha(head + digest)
        if fault is None and (first < e["first_seq"] or head.hex() != e["head"]):
            fault = f"the digests do not give the head of seal {number}"
        for i, (digest, mark) in enumerate(rows):
            if mark and fault is None:
                self.proven[first + i] = (digest, mark, e)
            elif mark:
                self.why[first + i] = fault

    def lines(self, name, mark):
        """Of each line: its number, what proves it, why nothing does."""
        seen, last = set(), 0
        for line, e in lines_of(self.files[name], name):
            n = e["seq"]
            digest, marked, seal = self.proven.get(n, (None, None, None))
            fault = None
            if n <= last:
                fault = "it does not stand in the ledger's order"
            elif e.get("type") == "seal":
                fault = self.seal_fault(n)
                seal = e
                if fault is None and line != self.seals[n][0]:
                    fault = "it is not the seal of that number"
            elif digest is None:
                fault = self.why.get(n, "no seal covers it")
            elif digest != sha(line) or marked != mark:
                fault = "the line is not the one that was sealed"
            seen.add(n)
            last = max(last, n)
            yield n, seal, fault
        for n, (_, marked, seal) in self.proven.items():
            if marked == mark and n not in seen:
                yield n, seal, "the line is missing in the pack"

    def generations(self):
        """(what, why not or None) of each generation that a line names, and of its files."""
        named = {e["generation"] for _, e in lines_of(self.files["lines.jsonl"], "lines.jsonl") if "generation" in e}
        for name in sorted(named):
            try:
                manifest = json.loads(self.files[f"generations/{name}.json"])
                wanted = [(f["name"], f["sha256"]) for f in manifest["files"]]
            except (KeyError, TypeError, ValueError):
                yield f"generation {name}", "its source is not in the pack"
                continue
            there = {h: self.files.get(f"generations/files/{h}") for _, h in wanted}
            for file, h in wanted:
                if there[h] is not None and sha(there[h]).hex() != h:
                    yield f"generation {name}: {file}", "changed after it was kept"
            absent = [file for file, h in wanted if there[h] is None]
            yield f"generation {name}: {len(wanted) - len(absent)} files as its list says" + (
                f", not in the pack: {', '.join(absent)}" if absent else ""), None

    def packets(self):
        """(what, why not or None) of each file of packets that a line names, and of those that none does."""
        named = {}
        for _, e in lines_of(self.files["lines.jsonl"], "lines.jsonl"):
            if "packets" in e:
                named.setdefault(f"packets/{e['packets']}", []).append((e["seq"], e["packets_sha256"]))
        for name in sorted(n for n in self.files if n.startswith("packets/") and n not in named):
            yield name, "no line names it"
        for name, lines in sorted(named.items()):
            there = self.files.get(name)
            wrong = [n for n, wanted in lines if there is not None and sha(there).hex() != wanted]
            yield (name, f"not the file that line {wrong[0]} names") if wrong else (
                f"{name}: " + ("not in the pack" if there is None else f"as line {lines[0][0]} says"), None)

def check(pack, say):
    bad = 0
    for name, mark in (("lines.jsonl", "shown"), ("context.jsonl", "context")):
        for n, seal, fault in pack.lines(name, mark):
            bad += fault is not None
            what = f"line {n}" if mark == "shown" else f"context, line {n}"
            say(f"{what}: NOT PROVEN: {fault}" if fault else f"{what}: proven by seal {seal['seq']} of epoch "
                f"{seal['epoch']} under {seal['key']}")
    for what, fault in [*pack.generations(), *pack.packets()]:
        bad += fault is not None
        say(f"{what}: {fault}" if fault else what)
    return bad

def main(words):
    given = dict(zip(words[1::2], words[2::2]))
    if len(words) % 2 == 0 or set(given) - {"--key", "--anchors"}:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        root = given.get("--key")
        if root is not None and not re.fullmatch("([0-9A-F]{4}-){7}[0-9A-F]{4}", root):
            root = public(open(root).read())
        anchors = [json.loads(a[a.index("{"):]) for a in open(given["--anchors"]) if "{" in a] if "--anchors" in given else []
        pack = Pack(open(words[0], "rb").read(), root, anchors)
        bad = check(pack, print)
    except (Refused, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as e:
        print(f"NOT PROVEN: {e}")
        return 1
    print(f"root key {fingerprint(pack.keys[0][0])}, " + ("as given" if root else "from the pack itself: proves nothing "
          "against whoever could replace it; --key has the one that was written down"))
    print("NOT PROVEN" if bad else "all proven")
    return 1 if bad else 0

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
