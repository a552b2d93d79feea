#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold `weir lookup` against Microsoft's service-tag files, address by address.

usage: check_tags.py WEIR [--count N] [--seed N] [--files FOLDER]

Samples N addresses (default 1,000,000) over all files ServiceTags_*.json.xz of FOLDER
(default tests/data): first and last address of prefixes, one off on both sides, inside, and
anywhere; IPv4 and IPv6.  The tags of each are worked out here from the JSON alone, by asking
for every prefix length, and 400 of them once more by holding every single prefix against
them; nothing is shared with Weir.  Exit status 1 when one answer differs.
"""
import argparse
import collections
import ipaddress
import json
import lzma
import os
import random
import subprocess
import sys
import tempfile

SAMPLED = 400


def parse(data):
    """{(version, length): {network: [tag]}} and the list of (version, first, last, tag)."""
    table, entries = collections.defaultdict(lambda: collections.defaultdict(set)), []
    for value in data["values"]:
        for text in value["properties"]["addressPrefixes"]:
            net = ipaddress.ip_network(text)
            size = net.max_prefixlen - net.prefixlen
            table[net.version, size][int(net.network_address) >> size].add(value["name"])
            entries.append((net.version, int(net[0]), int(net[-1]), value["name"]))
    return table, entries


def want(tables, version, number):
    found = set()
    for table in tables:
        for (v, size), nets in table.items():
            if v == version:
                found |= nets.get(number >> size, set())
    return found


def slow(entries, version, number):
    return {tag for v, first, last, tag in entries if v == version and first <= number <= last}


def sample(rng, entries, count):
    out = []
    while len(out) < count:
        version, first, last, _ = rng.choice(entries)
        bits = 32 if version == 4 else 128
        kind = rng.randrange(8)
        if kind == 7:  # anywhere, mostly outside; IPv6 near Microsoft's ranges
            number = rng.getrandbits(32) if version == 4 else (
                0x2603 << 112 | rng.getrandbits(112))
        else:
            number = [first, last, first - 1, last + 1][kind] if kind < 4 else (
                rng.randint(first, last))
        if 0 <= number < 1 << bits:
            out.append((version, number))
    return out


def text_of(version, number):
    return str((ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address)(number))


def run(weir, files, tables, entries, addresses):
    """How many answers are wrong."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "weir.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write("geo = { tags = [ %s ]; };\n" % ", ".join(json.dumps(x) for x in files))
        asked = os.path.join(folder, "addresses")
        with open(asked, "w", encoding="utf-8") as f:
            f.write("".join(text_of(*a) + "\n" for a in addresses))
        with open(asked, encoding="utf-8") as f, subprocess.Popen(
                [weir, "lookup", "-c", conf, "--json", "-"], stdin=f,
                stdout=subprocess.PIPE) as p:
            answers = 0
            for line in p.stdout:
                answer = json.loads(line)
                right = want(tables, *addresses[answers])
                got = answer.get("tags", [])
                answers += 1
                if set(got) != right or len(got) != len(right):
                    wrong += 1
                    if wrong <= 5:
                        print("%s: %s instead of %s" % (answer["address"], sorted(got),
                                                        sorted(right)))
        if p.returncode != 0 or answers != len(addresses):
            sys.exit("check_tags.py: weir lookup ended with %d after %d answers" % (
                p.returncode, answers))
    for version, number in addresses[:: max(1, len(addresses) * 2 // SAMPLED)]:
        if slow(entries, version, number) != want(tables, version, number):
            sys.exit("check_tags.py: its two ways disagree about %s" % text_of(version, number))
    return wrong


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("weir")
    ap.add_argument("--count", type=int, default=1000000)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--files", default="tests/data")
    a = ap.parse_args()
    rng = random.Random(a.seed)
    wrong = asked = 0
    with tempfile.TemporaryDirectory() as folder:
        clouds = collections.defaultdict(list)
        for name in sorted(os.listdir(a.files)):
            if not name.startswith("ServiceTags_") or not name.endswith(".json.xz"):
                continue
            raw = lzma.open(os.path.join(a.files, name)).read()
            path = os.path.join(folder, name[:-3])
            with open(path, "wb") as f:
                f.write(raw)
            data = json.loads(raw)
            clouds[data["cloud"]].append((path, *parse(data)))
        rounds = max(len(x) for x in clouds.values())  # one file a cloud at a time
        for i in range(rounds):
            one = [x[min(i, len(x) - 1)] for x in clouds.values()]
            entries = [e for _, _, es in one for e in es]
            addresses = sample(rng, entries, a.count // rounds)
            most = max(len(want([t for _, t, _ in one], *x)) for x in addresses)
            wrong += run(a.weir, [x[0] for x in one], [x[1] for x in one], entries,
                         addresses)
            asked += len(addresses)
            print("%s: %d prefixes, %d addresses, at most %d tags" % (
                ", ".join(os.path.basename(x[0]) for x in one), len(entries),
                len(addresses), most), flush=True)
    print("%d addresses asked, %d wrong" % (asked, wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
