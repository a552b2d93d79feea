#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rebuild the shipped catalogue files from a folder of collected facts.

usage: import-catalog.py FACTS [TREE]

FACTS holds catalog.csv, regions.csv and connector_names.json.  Below TREE (default: .) it
writes rules/catalog/services.tsv, rules/catalog/connectors.tsv and geo/regions.tsv.
rules/catalog/groups.tsv is kept by hand; geo/tags-*.tsv are made by `weir import service-tags`.
The same facts always give the same bytes.  docs/catalog.md explains the columns and the
confidences.
"""
import collections
import csv
import json
import os
import re
import sys

CLOUDS = ["public", "gcc", "gcchigh", "dod", "china", "usgov", "ussec", "usnat",
          "germany-legacy"]
NEW_NAME_FIRST = ["power-platform-api", "entra", "graph", "relay", "connector-runtime",
                  "dataverse", "analytics-export", "bap", "power-apps-api", "power-apps",
                  "power-automate-api", "power-automate", "pp-island", "power-pages",
                  "power-bi"]

# Names that any customer can have something under: never the platform itself.
SHARED = {
    "*.windows.net": "azure", "*.azure.us": "azure", "*.usgovcloudapi.net": "azure",
    "*.chinacloudapi.cn": "azure", "*.cloudapp.azure.com": "azure",
    "*.fluidrelay.azure.com": "azure", "*.core.windows.net": "storage",
    "*.core.usgovcloudapi.net": "storage", "*.blob.core.windows.net": "blob",
    "*.azureedge.net": "azure-cdn", "*.azurefd.net": "azure-cdn",
    "*.microsoft.us": "platform-support", "*.microsoftcloud.com": "platform-support",
    "*.dynamics.com": "dynamics365", "*.dynamics.cn": "dynamics365",
    "*.microsoftdynamics.us": "dynamics365",
}
SUPPORT_ROLES = {"telemetry", "flags", "crl", "installer", "webdriver", "download", "ncsi",
                 "campaign", "survey", "nps", "help", "maps", "email-links", "pcf"}
GATEWAY = {"login": "entra", "cluster": "power-bi", "blob": "storage", "dataflow": "storage",
           "compute": "azure", "other": "platform-support", "portal": "onprem-gateway"}

# Rows that the facts lack: pattern, service, role, ports, confidence, note, source.
OWN_KNOWLEDGE = "general knowledge, not looked up 2026-11-24"
SDK = "host: general knowledge, see connectors.tsv"
EXTRA = [
    ("*.database.windows.net", "sql", "server", "tcp/1433", "verified",
     "label 1 = server",
     "MicrosoftDocs/power-platform connector-endpoint-filtering.md (2025-08-19)"),
    ("*.*.database.windows.net", "sql", "managed-instance", "tcp/1433", "assumed", "-", SDK),
    ("*.public.*.database.windows.net", "sql", "managed-instance", "tcp/3342", "assumed", "-",
     SDK),
    ("*.sql.azuresynapse.net", "sql", "server", "tcp/1433", "assumed", "-", SDK),
    ("*.dfs.core.windows.net", "blob", "account", "tcp/443", "assumed",
     "label 1 = storage account", SDK),
    ("smtp.gmail.com", "smtp", "relay", "tcp/25|tcp/465|tcp/587", "verified", "-",
     "MicrosoftDocs/power-platform connector-endpoint-filtering.md (2025-08-19)"),
    ("smtp-mail.outlook.com", "smtp", "relay", "tcp/25|tcp/587", "assumed", "-", SDK),
    ("smtp.sendgrid.net", "smtp", "relay", "tcp/25|tcp/465|tcp/587", "assumed", "-", SDK),
    ("email-smtp.*.amazonaws.com", "smtp", "relay", "tcp/25|tcp/465|tcp/587", "assumed", "-",
     SDK),
    ("*.vault.azure.net", "key-vault", "vault", "tcp/443", "assumed", "label 1 = vault", SDK),
    ("*.crm*.dynamics.com", "dataverse", "org", "tcp/443|tcp/1433|tcp/5558", "assumed",
     "a crmN that no source names yet: region unknown",
     "Azure/Connectors-NET-SDK and public fixtures; 13, 18 and 23 up unassigned 2026-11-23"),
    ("*.operations.*.dynamics.com", "dynamics365-fo", "app", "tcp/443", "assumed",
     "geo label after operations", SDK),
    ("*.sandbox.operations.*.dynamics.com", "dynamics365-fo", "app", "tcp/443", "assumed",
     "geo label after operations", SDK),
    ("*.windowsupdate.com", "windows-update", "update", "tcp/80|tcp/443", "assumed", "-",
     OWN_KNOWLEDGE),
    ("*.update.microsoft.com", "windows-update", "update", "tcp/80|tcp/443", "assumed", "-",
     OWN_KNOWLEDGE),
    ("*.delivery.mp.microsoft.com", "windows-update", "update", "tcp/80|tcp/443", "assumed",
     "-", OWN_KNOWLEDGE),
]
EXTRA_CN = [
    ("*.database.usgovcloudapi.net", "gcc|gcchigh|dod", "sql"),
    ("*.database.chinacloudapi.cn", "china", "sql"),
    ("*.blob.core.usgovcloudapi.net", "gcc|gcchigh|dod", "blob"),
    ("*.blob.core.chinacloudapi.cn", "china", "blob"),
    ("*.vault.usgovcloudapi.net", "gcc|gcchigh|dod", "key-vault"),
    ("*.vault.azure.cn", "china", "key-vault"),
]
RESOLVERS = [
    ("dns.google", "doh", "also DNS over TLS, tcp/853"),
    ("dns.google.com", "doh", "older name"),
    ("dns64.dns.google", "doh", "-"),
    ("cloudflare-dns.com", "doh", "-"),
    ("*.cloudflare-dns.com", "doh", "mozilla., chrome., security., family."),
    ("one.one.one.one", "dot", "also HTTPS"),
    ("1dot1dot1dot1.cloudflare-dns.com", "dot", "-"),
    ("*.cloudflare-gateway.com", "doh", "label 1 = customer"),
    ("dns.quad9.net", "doh", "also DNS over TLS, tcp/853"),
    ("dns9.quad9.net", "doh", "-"),
    ("dns10.quad9.net", "doh", "-"),
    ("dns11.quad9.net", "doh", "-"),
    ("doh.opendns.com", "doh", "-"),
    ("doh.familyshield.opendns.com", "doh", "-"),
    ("dns.umbrella.com", "doh", "-"),
    ("dns.nextdns.io", "doh", "-"),
    ("*.dns.nextdns.io", "dot", "label 1 = customer"),
    ("dns.adguard-dns.com", "doh", "-"),
    ("unfiltered.adguard-dns.com", "doh", "-"),
    ("doh.cleanbrowsing.org", "doh", "-"),
    ("doh.dns.sb", "doh", "-"),
    ("dns.mullvad.net", "doh", "-"),
    ("doh.xfinity.com", "doh", "-"),
    ("doh.pub", "doh", "-"),
    ("dot.pub", "dot", "-"),
    ("dns.alidns.com", "doh", "-"),
]
# Stated for that connector in Microsoft's documentation (2025-08-19).
STATED = {
    ("*.database.windows.net", "shared_sql"),
    ("smtp.gmail.com", "shared_smtp"),
}
FILTERING = "MicrosoftDocs/power-platform connector-endpoint-filtering.md (2025-08-19)"
EXTRA_CONNECTORS = [
    ("*-my.sharepoint.com", "shared_excelonlinebusiness"),
    ("*-my.sharepoint.com", "shared_wordonlinebusiness"),
]
PLACEHOLDERS = re.compile(r"(^|\.)(your|example|contoso|localhost)")


def crm_code(code):
    return {"SAM/LATAM": "SAM", "EMEA/EUR": "EUR", "APAC/APJ": "APJ"}.get(code, code)


def matchable(pattern):
    labels = pattern.lower().split(".")
    return (re.fullmatch(r"[a-z0-9_*-]+(\.[a-z0-9_*-]+)+", pattern.lower()) is not None
            and any("*" not in x for x in labels)
            and re.fullmatch(r"[0-9.]+", pattern) is None)


def service_of(row):
    """The service that a row of the facts names; None = not a service's name."""
    service, role, pattern = row["service"], row["role"], row["host_pattern"].lower()
    if pattern in SHARED:
        return SHARED[pattern]
    if pattern in ("localhost", "127.0.0.1"):
        return None
    if "csanalytics" in pattern:
        return "analytics-export"
    if role.startswith("relay"):
        return "relay"
    if service == "onprem-gateway" and role in GATEWAY:
        return GATEWAY[role]
    if pattern.startswith("smtp") or pattern == "*.mail.protection.outlook.com":
        return "smtp"
    if ".sharepoint.com" in pattern:
        return "sharepoint"
    if role == "assets" or pattern.endswith(("officeapps.live.com", "suite.office.com")):
        return "m365"
    if role in SUPPORT_ROLES or (service == "power-bi" and role == "cdn"):
        return "platform-support"
    if role == "island-gateway":
        return "pp-island"
    if role in ("http-trigger",):
        return "logic-apps-or-flow-trigger"
    if re.search(r"(^|[.*])api\.(advisor\.)?(powerapps|apps\.appsplatform)\.", pattern):
        return "power-apps-api"
    if re.search(r"(^|[.*])api\.(flow|powerautomate)\.", pattern):
        return "power-automate-api"
    return service


def clean(text):
    """One line without tabs, and without the numbers of somebody's private search index."""
    text = re.sub(r"\s*\((find_string )?ids? [^)]*\)", "", text)
    text = re.sub(r"\s*\(find_string ids [^)]*\)", "", text)
    text = text.replace("; hosts/tier: general knowledge", "; host: general knowledge")
    text = text.replace("terraform get_virtual.json / DLP article",
                        "terraform-provider-power-platform, Microsoft's DLP article")
    text = re.sub(r"\b(public (code|test|doc|Playwright test) )?id [0-9]{6,}", r"\2", text)
    text = re.sub(r"/apiDefinition\.swagger\.json$", "", text)
    text = re.sub(r"\s+", " ", text).strip(" ;,")
    return text or "-"


def row_confidence(row):
    source, note = row["source"], row["note"]
    if "by analogy" in note or "[K]" in note or "general knowledge" in source:
        return "assumed"
    if "MicrosoftDocs/" in source or "learn.microsoft.com" in source:
        return "verified"
    if "microsoft/" in source or "@microsoft/" in source:
        return "published"
    return "assumed"


CONFIDENCES = ["assumed", "published", "verified"]


def best(a, b):
    return max(a, b, key=CONFIDENCES.index)


def write(path, date, header, columns, rows):
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for line in header + ["date: " + date]:
            out.write(("# " + line).rstrip() + "\n")
        out.write("\t".join(columns) + "\n")
        for row in rows:
            out.write("\t".join(row) + "\n")
    print("%s: %d rows" % (path, len(rows)))


FACTS_DATE = "2026-11-23"
COMMON = [
    "Made by scripts/import-catalog.py from the project's collected facts; do",
    "not edit: write your own entries into a file of your own (docs/catalog.md).",
]


def services(rows, tree):
    found = collections.OrderedDict()
    left = collections.Counter()
    for row in rows:
        pattern = row["host_pattern"].lower()
        if row["role"] in ("connector-backend", "connector-backend-swagger"):
            continue
        name = service_of(row)
        if not matchable(pattern) or name is None:
            left["an address, a placeholder or a star alone"] += 1
            continue
        found.setdefault(pattern, []).append((name, row))
    out = []
    for pattern, hits in found.items():
        rank = {n: i for i, n in enumerate(NEW_NAME_FIRST)}
        name = min((n for n, _ in hits), key=lambda n: rank.get(n, 99 + (n == "m365")
                                                               + 2 * (n == "platform-support")))
        clouds = {r["cloud"] for _, r in hits}
        row = next(r for n, r in hits if n == name)
        ports = sorted({p for _, r in hits for p in r["ports"].split("|") if p != "-"})
        confidence = "assumed"
        for _, r in hits:
            confidence = best(confidence, row_confidence(r))
        note = clean(row["note"])
        role = row["role"]
        if pattern in SHARED:
            note, role = "any customer may have a name here", "wildcard"
        out.append((pattern, name, "|".join(c for c in CLOUDS if c in clouds), role,
                    "|".join(ports) or "-", confidence, note[:100], clean(row["source"])))
    have = {r[0] for r in out}
    for pattern, name, role, ports, confidence, note, source in EXTRA:
        if pattern not in have:
            out.append((pattern, name, "public", role, ports, confidence, note, source))
    for pattern, clouds, name in EXTRA_CN:
        if pattern not in have:
            out.append((pattern, name, clouds, "account",
                        "tcp/1433" if name == "sql" else "tcp/443", "assumed", "-", SDK))
    for pattern, name, note in RESOLVERS:
        out.append((pattern, name, "-", "resolver",
                    "tcp/853" if name == "dot" else "tcp/443|udp/443", "assumed", note,
                    "the operators' public pages; " + OWN_KNOWLEDGE))
    out.sort(key=lambda r: (r[1], r[0].split(".")[::-1]))
    header = ["Host names of services: Power Platform, what it needs, and what must be told",
              "apart from it.  One row a pattern; the most specific pattern answers.", *COMMON,
              "Left out as not matchable: %d rows (%s)." % (
                  sum(left.values()), ", ".join(left)),
              "cloud: a list where the name does not tell (login.microsoftonline.com).",
              "confidence: verified = stated in Microsoft's documentation; published = in code",
              "that Microsoft published; assumed = all else.  '-' = nothing to say."]
    write(os.path.join(tree, "rules/catalog/services.tsv"), FACTS_DATE, header,
          ["pattern", "service", "cloud", "role", "ports", "confidence", "note", "source"], out)


def marks(note):
    out = []
    for word, mark in (("tier Premium", "premium"), ("tier Standard", "standard"),
                       ("endpoint-filterable yes", "endpoint-filterable"),
                       ("unblockable in DLP", "unblockable"),
                       ("on-prem gateway capable", "gateway"),
                       ("VNet (subnet delegation) capable", "vnet")):
        if word in note and "by rule" not in note:
            out.append(mark)
    return out


def publisher(note):
    m = re.search(r"publisher ([^;]*)", note)
    return m.group(1).strip() if m and m.group(1).strip() not in ("", "?") else "-"


def connectors(rows, names, tree):
    found = collections.OrderedDict()
    left = collections.Counter()
    unhosted = {}
    for row in rows:
        if row["role"] not in ("connector-backend", "connector-backend-swagger"):
            continue
        pattern, name = row["host_pattern"].lower(), row["connector_id"]
        if not name:
            left["no connector id known"] += 1
            continue
        about = [row["note"].split(";")[0].strip()] + marks(row["note"])
        text = ", ".join(about)
        if not matchable(pattern) or PLACEHOLDERS.search(pattern):
            left["a star alone, an address, a placeholder"] += 1
            unhosted.setdefault(name, (publisher(row["note"]), text, clean(row["source"])))
            continue
        confidence = ("published" if row["role"].endswith("swagger") else "assumed")
        source = clean(row["source"])
        if (pattern, name) in STATED:
            confidence, source = "verified", FILTERING
        old = found.get((pattern, name))
        if old is None:
            found[pattern, name] = [confidence, publisher(row["note"]), text, source]
        elif CONFIDENCES.index(confidence) > CONFIDENCES.index(old[0]):
            old[0], old[3] = confidence, source
    for pattern, name in EXTRA_CONNECTORS:
        found.setdefault((pattern, name), ["assumed", "Microsoft", "files in OneDrive",
                                           OWN_KNOWLEDGE])
    hosted = {name for _, name in found}
    out = [(p, n, v[0], v[1], v[2], v[3]) for (p, n), v in found.items()]
    out.sort(key=lambda r: (r[1].lower(), r[0].split(".")[::-1]))
    for short, shown in names.items():
        name = "shared_" + short
        if name not in hosted:
            unhosted.setdefault(name, ("-", shown,
                                       "Azure/Connectors-NET-SDK ConnectorNames.cs 2026-08-20"))
    bare = [("-", n, "assumed", v[0], v[1], v[2]) for n, v in unhosted.items()
            if n not in hosted]
    bare.sort(key=lambda r: r[1].lower())
    header = ["Hosts behind connectors.  One row a pattern and connector; a host belongs to all",
              "connectors of its most specific pattern.  Rows with pattern '-' (at the end)",
              "declare connectors of which no host is known.", *COMMON,
              "Left out as not matchable: %s." % "; ".join(
                  "%d rows (%s)" % (n, why) for why, n in sorted(left.items())),
              "confidence: verified = stated for that connector in Microsoft's or the vendor's",
              "documentation; published = only in a published connector definition",
              "(microsoft/PowerPlatformConnectors, 2024-10-23); assumed = all else."]
    write(os.path.join(tree, "rules/catalog/connectors.tsv"), FACTS_DATE, header,
          ["pattern", "connector", "confidence", "publisher", "note", "source"], out + bare)


def regions(facts, tree):
    out, seen, left = [], set(), 0
    with open(os.path.join(facts, "regions.csv"), encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            scheme, token = row["scheme"], row["token"].lower()
            if scheme == "azure-region-json-alias" or row["confidence"] == "unknown" or (
                    scheme == "dataverse-crm" and row["confidence"] == "low"):
                left += 1
                continue
            if (scheme, token) in seen:
                continue
            seen.add((scheme, token))
            code = crm_code(row["geo_code"]) or token
            if scheme != "dataverse-crm":
                code = token
            if scheme == "azure-region" and re.fullmatch(r"\w+", row["region_name"]):
                code = row["region_name"].lower()
            out.append((scheme, token, code, row["countries_iso"] or "-",
                        row["region_name"] or "-", row["cloud"],
                        {"high": "verified", "medium": "published"}.get(row["confidence"],
                                                                        "assumed"),
                        clean(row["source"])))
    header = ["What Microsoft's region tokens mean, per place where they occur (scheme).",
              *COMMON,
              "countries: ISO 3166-1 alpha-2; several where one region has data centres in",
              "several countries: a country follows from a region only when there is one.",
              "Left out: %d rows (spellings that occur only inside the service-tag file," % left,
              "tokens that no source explains)."]
    write(os.path.join(tree, "geo/regions.tsv"), FACTS_DATE, header,
          ["scheme", "token", "region", "countries", "name", "cloud", "confidence", "source"],
          out)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    facts, tree = sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "."
    csv.field_size_limit(1 << 20)
    with open(os.path.join(facts, "catalog.csv"), encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    with open(os.path.join(facts, "connector_names.json"), encoding="utf-8") as f:
        names = json.load(f)
    services(rows, tree)
    connectors(rows, names, tree)
    regions(facts, tree)


if __name__ == "__main__":
    main()
