#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `capture` costs: replay of the fixed mix without such a line, with one that nothing answers (the
packets of every undecided connection are held, and let go), and with one on each connection (files
are written, hashed, and the oldest removed).

usage: capture.py WEIR GENMIX WORK_DIR [ROUNDS]

CPU seconds of all processes, the least of the rounds, and instructions by callgrind, which other work on
the machine does not change.  Differences are given for a connection.
"""
import os
import re
import shutil
import sys

from bench import cpu

RULES = {
    "none": 'deny host "nobody.example"\nallow to any\n',
    "held": 'deny host "nobody.example" capture\nallow to any\n',
    "kept": 'deny host "nobody.example"\nallow to any capture\n',
}
SHORT_PACKETS = 200000  # for callgrind, which is 50 times slower


def replay(weir, work, name, mix, before=()):
    out = os.path.join(work, "capture-ledger")
    shutil.rmtree(out, ignore_errors=True)
    used, text = cpu([*before, weir, "replay", "-q", "--no-ndpi", "-c", "tests/bench/bench.conf", "-r",
                      f"{work}/{name}.rules", "-o", out, mix])
    with open(f"{out}/000001.jsonl", encoding="utf-8") as f:
        end = next(line for line in f if '"replay_end"' in line)
    shutil.rmtree(out)
    return used, text, {k: int(v) for k, v in re.findall(r'"(\w+)":(\d+)', end)}


def instructions(weir, work, name, mix):
    text = replay(weir, work, name, mix, ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])[1]
    return int(re.search(r"Collected : (\d+)", text).group(1))


def main():
    weir, genmix, work = sys.argv[1:4]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    os.makedirs(work, exist_ok=True)
    mix, short = f"{work}/mix.pcap", f"{work}/short.pcap"
    print(f"mix    {cpu([genmix, mix])[1].strip()}")
    cpu([genmix, "--packets", str(SHORT_PACKETS), short])
    for name, lines in RULES.items():
        with open(f"{work}/{name}.rules", "w", encoding="ascii") as f:
            f.write(f"version 1\ngate rules\n{lines}gate undecidable\nallow {{ no_sni, incomplete, midstream, no_reader }}\n")
    used = {name: [] for name in RULES}
    counted = {}
    for _ in range(rounds):
        for name in RULES:
            seconds, _, counted[name] = replay(weir, work, name, mix)
            used[name].append(seconds)
    flows = counted["none"]["flows"]
    few = replay(weir, work, "none", short)[2]["flows"]
    refs = {name: instructions(weir, work, name, short) for name in RULES}
    for name in RULES:
        files = counted[name].get("packet_files_kept", 0)
        print(f"{name}   {min(used[name]):.3f} s CPU of {flows} connections, {files} files; "
              f"{(min(used[name]) - min(used['none'])) / flows * 1e6:+.2f} us and "
              f"{(refs[name] - refs['none']) / few:+.0f} instructions a connection ({few}: {refs['none'] / few:.0f})")


if __name__ == "__main__":
    main()
