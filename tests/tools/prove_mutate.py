#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`weir query --prove` reads the seals and the lines of the events' ranges, and misses nothing by it:
prove_mutate.py WEIR FOLDER.  In ledgers of make_ledger.py (FOLDER is for copies) each line is changed,
one after the other, and events of its range and of another one are asked for; then the index's copies
of the seals, segments and keys.  Status 1: an answer was not the one wanted."""
import glob
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import make_ledger

weir, folder = sys.argv[1:3]
bad = 0
asked = {"range": 0, "other": 0, "seal": 0}


def make(name):
    path = os.path.join(folder, name)
    subprocess.run([sys.executable, make_ledger.__file__, path], check=True, stdout=subprocess.DEVNULL)
    return path


def lines_of(path):
    return [(file, line) for file in sorted(glob.glob(f"{path}/0*.jsonl")) for line in open(file, "rb")]


def write(path, lines):
    for file in {f for f, _ in lines}:
        with open(file, "wb") as out:
            out.writelines(line for f, line in lines if f == file)
    shutil.rmtree(f"{path}/index", ignore_errors=True)


def ask(path, seq, *words):
    """Status, the seal that proves line `seq`, whether all was walked, how many lines were read for it."""
    done = subprocess.run([weir, "query", "--ledger", path, "--prove", "--json", "--seq", str(seq), *words],
                          capture_output=True, text=True, check=False)
    row = re.search(r'"proven_seal":(\d+)', done.stdout)
    read = re.search(r"; (\d+) lines were read to hold", done.stderr)
    return done.returncode, row and int(row[1]), "are one chain" not in done.stderr, read and int(read[1])


def want(what, got, wanted):
    global bad
    if got != wanted:
        bad = 1
        print(f"not ok - {what}\n# wanted {wanted}\n# got    {got}")


whole = make("whole")
lines = lines_of(whole)
seals = [json.loads(line)["seq"] for _, line in lines if b'"type":"seal"' in line]
end_of = {n: next((s for s in seals if s >= n), None) for n in range(1, len(lines) + 1)}
begin_of = {s: ([0] + seals)[i] for i, s in enumerate(seals)}
first_of = {end: min(n for n in end_of if end_of[n] == end) for end in set(end_of.values())}

# As it is: what is read is the range alone.
for end, first in first_of.items():
    rest = len(lines) - seals[-1]
    want(f"line {first}, whole", ask(whole, first),
         (0, end, False, rest if end is None else end - begin_of[end]))

# Each line changed in its turn.
for n, (file, line) in enumerate(lines, 1):
    changed = list(lines)
    changed[n - 1] = (file, line.replace(b'"made"', b'"mode"'))
    write(whole, changed)
    for other in (first_of[end_of[n]], first_of[seals[(n * 3) % len(seals)]]):
        got = ask(whole, other)
        if n in seals:  # the chain is broken: all is walked, and what is behind it is in doubt
            asked["seal"] += 1
            want(f"line {other}, seal {n} changed", got[:3],
                 (0, end_of[other], True) if other <= begin_of[n] else (3, None, True))
        elif end_of[other] == end_of[n]:
            asked["range"] += 1
            want(f"line {other}, line {n} of its range changed", got[:3], (3, None, True))
        else:
            asked["other"] += 1
            want(f"line {other}, line {n} elsewhere changed", got[:3], (0, end_of[other], False))
write(whole, lines)
for kind, count in asked.items():
    want(f"enough of {kind}", count >= 7, True)

# The index's copies are not believed: all is walked then, and the answer is the ledger's.
for what, sql in (("changed", "UPDATE seals SET text = CAST(replace(text, 'made', 'mode') AS BLOB) WHERE rowid = 2"),
                  ("missing", "DELETE FROM seals WHERE rowid = 3"), ("all missing", "DELETE FROM seals"),
                  ("last missing", "DELETE FROM seals WHERE rowid = (SELECT max(rowid) FROM seals)"),
                  ("place", "UPDATE seals SET offset = offset + 1 WHERE rowid = 1")):
    shutil.rmtree(f"{whole}/index", ignore_errors=True)
    want("indexed anew", ask(whole, 1)[2], False)
    base = sqlite3.connect(glob.glob(f"{whole}/index/*.sqlite")[0])
    base.execute(sql)
    base.commit()
    base.close()
    want(f"a copy: {what}", ask(whole, 1)[:3], (0, end_of[1], True))

# Anchors are in the chain, or all is walked.
shutil.rmtree(f"{whole}/index")
for name, text, got in (("anchor", lines[seals[-2] - 1][1], (0, end_of[1], False)),
                        ("other", lines[seals[0] - 1][1].replace(b'"made"', b'"mode"'), (3, None, True))):
    with open(f"{folder}/{name}", "wb") as out:
        out.write(text)
    want(name, ask(whole, 1, "--anchors", f"{folder}/{name}")[:3], got)

# An earlier epoch written anew with its key, which was stolen: the next one's seals do not follow.
keys = [make_ledger.Key(seed) for seed in make_ledger.SEEDS]
end = next(s for s in seals if json.loads(lines[s - 1][1])["epoch"] == 1)
stolen = list(lines)
stolen[end - 3] = (lines[end - 3][0], lines[end - 3][1].replace(b'"made"', b'"mode"'))
head = make_ledger.sha(bytes.fromhex(json.loads(lines[begin_of[end] - 1][1])["head"])
                       + make_ledger.sha(lines[begin_of[end] - 1][1]))
for _, line in stolen[begin_of[end]:end - 1]:
    head = make_ledger.sha(head + make_ledger.sha(line))
event = {k: v for k, v in json.loads(lines[end - 1][1]).items() if k != "signature"}
stolen[end - 1] = (lines[end - 1][0], make_ledger.sealed({**event, "head": head.hex()}, keys[1]))
write(whole, stolen)
want("an epoch written anew with its key", ask(whole, end - 2)[2], True)

# A ledger whose first segment was removed by retention, with a tombstone, or without one that is sealed.
late = os.path.join(folder, "late")
made = make_ledger.write(late)
ask(late, 1)  # its index has copies of seals that go
make_ledger.retire(late, made)
want("late: whole", subprocess.run([weir, "verify", late], stdout=subprocess.DEVNULL, check=False).returncode, 0)
want("late", ask(late, len(made.lines) - 20)[:3], (0, end_of[len(made.lines) - 20], False))
want("late, indexed anew", (shutil.rmtree(f"{late}/index"), ask(late, len(made.lines) - 1)[:3])[1], (0, len(made.lines), False))
with open(f"{late}/epochs.jsonl", "rb") as kept:
    tombstone = kept.read()
for what, text in (("tombstone", tombstone.replace(b'"made"', b'"mode"').replace(b'"removed_head":"', b'"removed_head":"0')),
                   ("keys", tombstone.splitlines(keepends=True)[-1])):
    with open(f"{late}/epochs.jsonl", "wb") as kept:
        kept.write(text)
    want(f"late, other {what}", ask(late, len(made.lines) - 20)[1:3], (None, True))

# A segment that is gone.
write(whole, lines)
os.remove(lines[0][0])
want("the first segment is gone", ask(whole, len(lines) - 20)[0], 3)
print("ok - --prove reads what it needs" if bad == 0 else "# see above")
sys.exit(bad)
