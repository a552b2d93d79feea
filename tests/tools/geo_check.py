#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often Weir knows the country of Azure's regions.

usage: geo_check.py WEIR COUNTRY.mmdb [--tags FOLDER] [--regions FILE]

Truth: the IPv4 prefixes of the tags AzureCloud.REGION in Microsoft's service-tag files, in
steps of a /24 (each counted once), and the country that regions.csv has for the region.  This
shares no code with Weir: it reads the JSON and the CSV itself and asks `weir lookup --json`.

Asked twice: as configured, with the service tags; and with an empty file of tags, so that the
country database answers alone.  Exit status 1 when the public cloud misses a bar.
"""
import argparse
import csv
import glob
import ipaddress
import json
import lzma
import os
import subprocess
import sys
import tempfile
from collections import Counter

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BARS = {"tags": 99.9, "database alone": 95.0}


def region_countries(path):
    """{region as AzureCloud's tag names spell it: {countries}}"""
    found = {}
    with open(path, encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            if row["scheme"].startswith("azure-region") and row["countries_iso"]:
                found[row["token"].lower()] = set(row["countries_iso"].split("|"))
    return found


def read_tags(path):
    opener = lzma.open if path.endswith(".xz") else open
    with opener(path, "rt", encoding="utf-8-sig") as f:
        return json.load(f)


def newest(folder):
    """The newest file of each cloud: {cloud: tags}"""
    best = {}
    for path in sorted(glob.glob(os.path.join(folder, "ServiceTags_*.json*"))):
        tags = read_tags(path)
        cloud = tags["cloud"]
        if cloud not in best or tags["changeNumber"] > best[cloud]["changeNumber"]:
            best[cloud] = tags
    return best


def steps(tags, countries):
    """{address: countries} of each /24, and the regions that regions.csv does not know."""
    truth, unknown = {}, set()
    seen = set()
    for tag in tags["values"]:
        name, _, region = tag["name"].partition(".")
        if name != "AzureCloud" or not region:
            continue
        if region.lower() not in countries:
            unknown.add(region)
            continue
        for text in tag["properties"]["addressPrefixes"]:
            if ":" in text:
                continue
            net = ipaddress.IPv4Network(text)
            first = int(net.network_address)
            for at in range(first, first + net.num_addresses, 256):
                if at >> 8 not in seen:
                    seen.add(at >> 8)
                    truth[str(ipaddress.IPv4Address(at))] = countries[region.lower()]
    return truth, unknown


def ask(weir, conf, addresses):
    done = subprocess.run([weir, "lookup", "-c", conf, "--json", "-"],
                          input="\n".join(addresses) + "\n", text=True, check=True,
                          stdout=subprocess.PIPE)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if [a["address"] for a in answers] != list(addresses):
        raise SystemExit("geo_check.py: weir lookup did not answer what was asked")
    return answers


def count(truth, answers):
    """Right, unknown, and the most frequent mistakes."""
    right = unknown = 0
    wrong = Counter()
    for answer in answers:
        countries = truth[answer["address"]]
        said = answer["country"]
        if said == "unknown":
            unknown += 1
        elif said in countries:
            right += 1
        else:
            wrong["|".join(sorted(countries)) + " called " + said] += 1
    return right, unknown, wrong


def main():
    p = argparse.ArgumentParser()
    p.add_argument("weir")
    p.add_argument("country")
    p.add_argument("--tags", default=os.path.join(TOP, "tests", "data"))
    p.add_argument("--regions", default=os.path.join(TOP, "tests", "data", "regions.csv"))
    args = p.parse_args()
    clouds = newest(args.tags)
    if "Public" not in clouds:
        raise SystemExit(f"geo_check.py: no ServiceTags_Public_*.json.xz in {args.tags}")
    countries = region_countries(args.regions)
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        empty = os.path.join(folder, "none.tsv")
        with open(empty, "w", encoding="ascii") as f:
            f.write("prefix\ttag\tregion\n")
        country = os.path.abspath(args.country)
        for mode, extra in (("tags", ""), ("database alone", f' tags = "{empty}";')):
            conf = os.path.join(folder, "geo.conf")
            with open(conf, "w", encoding="utf-8") as f:
                f.write(f'geo = {{ country = "{country}"; warn_age = "0d";{extra} }};\n')
            for cloud, tags in sorted(clouds.items()):
                truth, strange = steps(tags, countries)
                right, unknown, wrong = count(truth, ask(args.weir, conf, list(truth)))
                share = 100.0 * right / len(truth)
                bar = BARS[mode] if cloud == "Public" else 0.0
                print(f"{cloud:16} {mode:15} {len(truth):7,} steps of /24  right "
                      f"{share:7.3f} %  unknown {unknown:,}  wrong {sum(wrong.values()):,}"
                      + (f"  bar {bar} %{'' if share >= bar else '  MISSED'}" if bar else ""))
                if strange:
                    print(f"    regions without a country: {', '.join(sorted(strange))}")
                for what, n in wrong.most_common(5):
                    print(f"    {n:6,}  {what}")
                missed = missed or share < bar
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
