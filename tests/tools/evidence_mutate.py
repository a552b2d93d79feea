"""Changes packs of `weir evidence` and asks docs/evidence-check.py whether it sees it:
evidence_mutate.py PACK.tar FINGERPRINT COUNT.  The pack is of a ledger of make_ledger.py, whose keys
are known here: those of later epochs are stolen, too.  Status 1: a change was not seen."""
import importlib.util
import json
import os
import random
import sys

import make_ledger

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("checker", os.path.join(HERE, "..", "..", "docs", "evidence-check.py"))
checker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(checker)
FAULTS = (checker.Refused, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def is_sound(data, root):
    try:
        return checker.check(checker.Pack(data, root), lambda text: None) == 0
    except FAULTS:
        return False


def pack(files):
    """An archive whose list of sums fits: whoever changes a file makes that anew."""
    files = {n: b for n, b in files.items() if n != "SHA256SUMS"}
    files["SHA256SUMS"] = "".join(f"{checker.sha(b).hex()}  {n}\n" for n, b in files.items()).encode()
    return b"".join(checker.header(n, len(b)) + b + bytes(-len(b) % 512) for n, b in files.items()) + bytes(1024)


def rows_of(files, name):
    return files[name].splitlines(keepends=True)


def any_file(files, chance):
    return chance.choice([n for n in ("lines.jsonl", "context.jsonl", "proof.txt", "seals.jsonl", "epochs.jsonl") if files[n]])


def change(files, chance):
    name = any_file(files, chance)
    rows = rows_of(files, name)
    i = chance.randrange(len(rows))
    row = bytearray(rows[i])
    at = chance.randrange(len(row) - 1)
    row[at] = chance.choice([b for b in b"0123456789abcdef\",{}x" if b != row[at]])
    rows[i] = bytes(row)
    files[name] = b"".join(rows)
    return f"{name} row {i} byte {at}"


def drop(files, chance):
    name = any_file(files, chance)
    rows = rows_of(files, name)
    i = chance.randrange(len(rows))
    del rows[i]
    files[name] = b"".join(rows)
    return f"{name} without row {i}"


def swap(files, chance):
    name = any_file(files, chance)
    rows = rows_of(files, name)
    i, k = chance.randrange(len(rows)), chance.randrange(len(rows))
    if rows[i] == rows[k] or name == "seals.jsonl":  # the order of these says nothing
        return None
    rows[i], rows[k] = rows[k], rows[i]
    files[name] = b"".join(rows)
    return f"{name} rows {i} and {k}"


def double(files, chance):
    name = chance.choice(("lines.jsonl", "context.jsonl", "proof.txt", "epochs.jsonl"))
    rows = rows_of(files, name)
    i = chance.randrange(len(rows))
    if name == "proof.txt" and rows[i].startswith(b"range"):
        return None
    rows.insert(chance.randrange(len(rows) + 1), rows[i])
    files[name] = b"".join(rows)
    return f"{name} row {i} twice"


def source(files, chance):
    name = chance.choice([n for n in files if n.startswith(("generations/files/", "packets/"))])
    text = bytearray(files[name])
    text[chance.randrange(len(text))] ^= 1 << chance.randrange(8)
    files[name] = bytes(text)
    return name


def forge(files, chance, keys):
    """A line is written anew, with proof and seal that fit, by a key that is not that epoch's."""
    lines = rows_of(files, "lines.jsonl")
    i = chance.randrange(len(lines))
    event = json.loads(lines[i])
    n, old = event["seq"], lines[i]
    event["host"] = "forged.example"
    lines[i] = make_ledger.json_line(event)
    proof = files["proof.txt"].decode().splitlines()
    at = proof.index(f"{checker.sha(old).hex()} shown")
    proof[at] = f"{checker.sha(lines[i]).hex()} shown"
    begin = max(k for k in range(at) if proof[k].startswith("range"))
    _, seal, head = proof[begin].split()
    head = bytes.fromhex(head)
    for row in proof[begin + 1:]:
        if row.startswith("range"):
            break
        head = checker.sha(head + bytes.fromhex(row[:64]))
    seals = [json.loads(s) for s in rows_of(files, "seals.jsonl")]
    texts = rows_of(files, "seals.jsonl")
    place = [s["seq"] for s in seals].index(int(seal))
    epoch = seals[place]["epoch"]
    key, as_epoch = chance.choice([(k, e) for e, k in enumerate(keys) if e > epoch] + [(make_ledger.Key(b"foreign"), epoch)])
    again = {k: v for k, v in seals[place].items() if k != "signature"}
    again.update(head=head.hex(), key=key.print, epoch=as_epoch)
    texts[place] = make_ledger.sealed(again, key)
    files.update({"lines.jsonl": b"".join(lines), "proof.txt": ("\n".join(proof) + "\n").encode(),
                  "seals.jsonl": b"".join(texts)})
    return f"line {n} of epoch {epoch}, by {key.print} as of epoch {as_epoch}"


def foreign_root(files, _):
    files["ledger.pub"] = make_ledger.pem(make_ledger.Key(b"foreign").public).encode()
    return "another root"


def main(name, root, count):
    with open(name, "rb") as f:
        data = f.read()
    if not is_sound(data, root):
        return "the pack is not sound as it is"
    if pack(checker.unpack(data)) != data:
        return "the pack is not what this test would write"
    keys = [make_ledger.Key(s) for s in (b"root", b"one", b"two")]
    chance, missed, tried = random.Random(7), [], {}
    kinds = [change, drop, swap, double, source, foreign_root, lambda f, c: forge(f, c, keys)]
    names = ["change", "drop", "swap", "double", "source", "root", "forge", "byte", "cut"]
    while sum(tried.values()) < count:
        kind = chance.randrange(len(names))
        if names[kind] == "forge" and tried.get("forge", 0) >= count // 20:
            continue  # each asks openssl several times
        if names[kind] in ("byte", "cut"):
            at = chance.randrange(len(data))
            other = data[:at] if names[kind] == "cut" else data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:]
            what = f"byte {at}"
        else:
            files = dict(checker.unpack(data))
            what = kinds[kind](files, chance)
            other = pack(files)
        if what is None:
            continue
        tried[names[kind]] = tried.get(names[kind], 0) + 1
        if is_sound(other, root):
            missed.append(f"{names[kind]}: {what}")
    print(", ".join(f"{n} {tried.get(n, 0)}" for n in names), "-", len(missed), "missed")
    return "\n".join(missed[:20])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])) or 0)
