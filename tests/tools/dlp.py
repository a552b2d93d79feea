#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a data-loss-prevention policy of a tenant means at a boundary, by the export and the
catalogue alone: rule lines for `weir check`, with an expectation for each host.

usage: dlp.py policy EXPORT.json    gate connectors, and what becomes of each catalogue host
       dlp.py lists                 a final deny on every list, and each host of <infrastructure>

The second line of "policy" is a comment with the counts.  Shares no code with weir: it reads
the JSON and rules/catalog/*.tsv by itself.
"""
import csv
import functools
import json
import re
import sys

ROBOT, PERSON = "10.10.9.31", "10.10.16.41"


def rows(path):
    with open(path, encoding="utf-8") as f:
        yield from csv.DictReader((l for l in f if not l.startswith("#")), delimiter="\t",
                                  quoting=csv.QUOTE_NONE)


@functools.lru_cache(maxsize=None)
def expression(pattern):
    """`*.x` is any name below x, any other star stays inside its label."""
    head = r".+\." if pattern.startswith("*.") else ""
    rest = pattern[2:] if head else pattern
    return re.compile(head + re.escape(rest).replace(r"\*", "[^.]*"))


def specificity(pattern):
    """Names before patterns, then label by label from the right."""
    labels = pattern.split(".")[::-1]
    return ["*" not in pattern, [(2, 0) if "*" not in l else (1 if l != "*" else 0, len(l))
                                 for l in labels]]


def best(patterns, host):
    """The most specific pattern: the name itself, else the best of those with stars."""
    if host in patterns:
        return host
    hits = [p for p in patterns if "*" in p and expression(p).fullmatch(host)]
    return max(hits, key=specificity) if hits else None


class Catalogue:
    def __init__(self):
        self.connectors = {}  # pattern: {connector: confidence}
        self.known = {}  # lower case: as written
        for r in rows("rules/catalog/connectors.tsv"):
            self.known[r["connector"].lower()] = r["connector"]
            if r["pattern"] != "-":
                self.connectors.setdefault(r["pattern"], {})[r["connector"]] = r["confidence"]
        platform = {r["service"]: r["platform"] == "yes" for r in rows("rules/catalog/groups.tsv")}
        self.platform = {r["pattern"]: platform[r["service"]]
                         for r in rows("rules/catalog/services.tsv")}

    def hosts(self):
        """One host for each pattern, with the connectors of its most specific pattern."""
        for pattern in sorted(self.connectors):
            host = pattern.replace("*", "weirtest")
            service = best(self.platform, host)
            yield (host, self.connectors[best(self.connectors, host)],
                   service is not None and self.platform[service])


def lower_keys(v):
    if isinstance(v, dict):
        return {k.lower(): lower_keys(x) for k, x in v.items()}
    return [lower_keys(x) for x in v] if isinstance(v, list) else v


GROUPS = {"confidential": "business", "hbi": "business", "general": "general", "lbi": "general",
          "blocked": "blocked"}


def policies(doc):
    """(connectors by group, default group) of each policy in whatever shape."""
    if isinstance(doc, list) or "value" in doc:
        for one in doc if isinstance(doc, list) else doc["value"]:
            yield from policies(one)
        return
    if "policydefinition" in doc:
        doc = doc["policydefinition"]
    found = {"business": [], "general": [], "blocked": []}
    if "connectorgroups" in doc:
        for g in doc["connectorgroups"]:
            found[GROUPS[g["classification"].lower()]] += [c["id"] for c in g["connectors"]]
        yield found, GROUPS[doc.get("defaultconnectorsclassification", "General").lower()]
    elif "businessdatagroup" in doc:
        for key, g in (("businessdatagroup", "business"), ("nonbusinessdatagroup", "general"),
                       ("blockedgroup", "blocked")):
            found[g] += [c["id"] for c in doc.get(key) or []]
        yield found, "general"
    elif "definition" in doc.get("properties", {}):
        d = doc["properties"]["definition"]
        for key, g in d["apigroups"].items():
            found[GROUPS[key]] += [c["id"] for c in g["apis"]]
        yield found, GROUPS[d.get("defaultapigroup", "lbi")]


def group_of(policy, connector):
    found, default = policy
    for group in ("blocked", "business", "general"):
        if any(i.split("/")[-1].lower() == connector.lower() for i in found[group]):
            return group
    return default


def write_policy(path, catalogue):
    with open(path, encoding="utf-8-sig") as f:
        all_of_file = list(policies(lower_keys(json.load(f))))
    print("version 1\n\ngate connectors")
    for n, (found, default) in enumerate(all_of_file):
        print(f'policy "{n}"')
        for group in ("blocked", "business", "general"):
            names = sorted({catalogue.known[i.split("/")[-1].lower()] for i in found[group]
                            if i.split("/")[-1].lower() in catalogue.known})
            for name in names:
                print("deny " if group == "blocked" else "allow", f'connector "{name}"')
        print("deny " if default == "blocked" else "allow", "connector any\n")
    blocked = denied = sure = 0
    for host, owners, platform in catalogue.hosts():
        out = {c for c in owners if any(group_of(p, c) == "blocked" for p in all_of_file)}
        verified = any(owners[c] == "verified" for c in out)
        deny = len(out) == len(owners) and verified and not platform
        blocked += bool(out)
        denied += deny
        sure += verified
        print("expect", "deny " if deny else "allow", f"desktop {ROBOT} -> {host}:443",
              "gate connectors" if deny else "")
        print("expect allow ", f"user {PERSON} -> {host}:443")
    print(f"# {len(all_of_file)} policies; hosts of blocked connectors {blocked}, "
          f"with a verified row {sure}, denied {denied}")


def infrastructure():
    with open("rules/infrastructure.rules", encoding="utf-8") as f:
        text = f.read().replace("\\\n", " ")
    for line in text.splitlines():
        if line.startswith("table"):
            yield from re.findall(r'"([^"]+)"', line)


def write_lists():
    lists = ["shared_sql", "shared_smtp", "shared_azureblob", "Http", "HttpWebhook",
             "shared_webcontents"]
    print('version 1\ninclude "infrastructure.rules"\ngate connectors')
    print('list custom-connectors for role desktop\n1 group blocked "*"\ngate endpoints')
    for name in lists:
        print(f'list {name} for role desktop\n1 deny "*"')
    names = sorted({h.replace("*", "weirtest") for h in infrastructure()})
    names += ["login.microsoftonline.com", "contoso.servicebus.windows.net",
              "device.login.microsoftonline.com", "gateway.servicebus.windows.net"]
    for host in names:
        print(f"expect allow desktop {ROBOT} -> {host}:443")
    for host, port, proto in (("www.example.com", 443, "tls"), ("smtp.office365.com", 587, "smtp"),
                              ("a.database.windows.net", 1433, "tds"),
                              ("www.example.com", 80, "http"),
                              ("a.blob.core.windows.net", 443, "tls"),
                              ("login.microsoftonline.com.example", 443, "tls"),
                              ("ocsp.digicert.com.example", 80, "http")):
        print(f"expect deny desktop {ROBOT} -> {host}:{port} proto {proto}")
        print(f"expect allow user {PERSON} -> {host}:{port} proto {proto}")
    print(f"# {len(names)} hosts")


if __name__ == "__main__":
    if sys.argv[1] == "policy":
        write_policy(sys.argv[2], Catalogue())
    else:
        write_lists()
