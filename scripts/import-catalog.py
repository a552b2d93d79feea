#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rebuild the shipped catalogue files from a folder of collected facts.

usage: import-catalog.py [--diff] FACTS [TREE]

FACTS holds catalog.csv, regions.csv and connector_names.json.  Below TREE (default: .) it
writes rules/catalog/services.tsv, rules/catalog/connectors.tsv and geo/regions.tsv.
Connectors that only exported policies name come from TREE's tests/data/dlp.
rules/catalog/groups.tsv is kept by hand; geo/tags-*.tsv are made by `weir import service-tags`.
The same facts always give the same bytes.  docs/catalog.md explains the columns and the
confidences.

--diff writes nothing: it prints what the new files would change in TREE's, row by row and
counted, and ends with 1 when there is a difference.
"""
import collections
import csv
import glob
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
    ("*.privatelink.database.windows.net", "sql", "server", "tcp/1433", "assumed",
     "label 1 = server", SDK),
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
# The same for other clouds and for names of no cloud: pattern, cloud, service, role, ports,
# confidence, note, source.
AUTOMATE = "MicrosoftDocs/power-automate-docs articles/ip-address-configuration.md"
OPERATORS = "the operators' public pages; general knowledge, not looked up 2026-11-28"
EXTRA_CLOUDS = [
    ("*.api.gov.powerplatform.microsoft.us", "gcc", "power-platform-api", "api", "tcp/443",
     "verified", "-", AUTOMATE + " (2026-05-13)"),
    ("*.api.high.powerplatform.microsoft.us", "gcchigh", "power-platform-api", "api",
     "tcp/443", "verified", "-", AUTOMATE + " (2026-05-13)"),
    ("*.api.appsplatform.us", "dod", "power-platform-api", "api", "tcp/443", "verified", "-",
     AUTOMATE + " (2026-05-13)"),
    ("*.api.powerplatform.partner.microsoftonline.cn", "china", "power-platform-api", "api",
     "tcp/443", "verified", "-", AUTOMATE + " (2026-05-13)"),
    ("*.api.powerplatform.eaglex.ic.gov", "usnat", "power-platform-api", "api", "tcp/443",
     "published", "-", "npm @microsoft/agents-copilotstudio-client 1.5.2"),
    ("*.api.powerplatform.microsoft.scloud", "ussec", "power-platform-api", "api", "tcp/443",
     "published", "-", "npm @microsoft/agents-copilotstudio-client 1.5.2"),
    ("*.sharepoint.us", "gcchigh", "sharepoint", "site", "tcp/443", "assumed",
     "label 1 = tenant name", OWN_KNOWLEDGE),
    ("*.sharepoint-mil.us", "dod", "sharepoint", "site", "tcp/443", "assumed",
     "label 1 = tenant name", OWN_KNOWLEDGE),
    ("*.sharepoint.cn", "china", "sharepoint", "site", "tcp/443", "assumed",
     "label 1 = tenant name", OWN_KNOWLEDGE),
    ("*.net.anydesk.com", "-", "remote-desktop", "relay", "tcp/443|tcp/80|tcp/6568",
     "assumed", "-", OPERATORS),
    ("*.teamviewer.com", "-", "remote-desktop", "relay", "tcp/443|tcp/5938", "assumed", "-",
     OPERATORS),
    ("remotedesktop.google.com", "-", "remote-desktop", "app", "tcp/443", "assumed", "-",
     OPERATORS),
    ("*.torproject.org", "-", "tor", "app", "tcp/443", "assumed", "-", OPERATORS),
    ("*.torproject.net", "-", "tor", "relay", "tcp/443", "assumed",
     "Snowflake's broker among them", OPERATORS),
]
# The components of islands are called alike in every cloud.
ISLANDS = [("gateway.gov.island.powerapps.us", "gcc|gcchigh"),
           ("gateway.gov.island.appsplatform.us", "dod"),
           ("gateway.mooncake.island.powerapps.cn", "china")]
EXTRA_CLOUDS += [("%s.*.%s" % (part, domain), clouds, service, role, "tcp/443", "assumed",
                  "by analogy with the public cloud", OWN_KNOWLEDGE)
                 for domain, clouds in ISLANDS
                 for part, service, role in (
                     ("powervamg", "copilot-studio", "management-gateway"),
                     ("aibuildertextapiservice", "ai-builder", "text-api"))]
EXTRA_CN = [
    ("*.database.usgovcloudapi.net", "gcc|gcchigh|dod", "sql"),
    ("*.database.chinacloudapi.cn", "china", "sql"),
    ("*.blob.core.usgovcloudapi.net", "gcc|gcchigh|dod", "blob"),
    ("*.blob.core.chinacloudapi.cn", "china", "blob"),
    ("*.vault.usgovcloudapi.net", "gcc|gcchigh|dod", "key-vault"),
    ("*.vault.azure.cn", "china", "key-vault"),
    *[("*.%s.core.%s" % (kind, domain), clouds, "blob" if kind == "dfs" else "storage")
      for kind in ("dfs", "table", "queue", "file")
      for domain, clouds in (("usgovcloudapi.net", "gcc|gcchigh|dod"),
                             ("chinacloudapi.cn", "china"))],
    ("*.sql.azuresynapse.usgovcloudapi.net", "gcc|gcchigh|dod", "sql"),
    ("*.sql.azuresynapse.azure.cn", "china", "sql"),
    ("*.documents.azure.us", "gcc|gcchigh|dod", "azure"),
    ("*.documents.azure.cn", "china", "azure"),
    ("*.openai.azure.us", "gcc|gcchigh|dod", "azure"),
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
# Stated for that connector in Microsoft's documentation, and by whom.  Of the facts' rows no
# other source or note says of a host that a connector calls it: their hosts are "general
# knowledge" or come from published definitions.  connector-endpoint-filtering.md shows both
# names as endpoints of shared_sql and shared_smtp; ip-address-configuration.md lists the
# domains of the HTTP request trigger, cloud by cloud, in a section of its own.
FILTERING = "MicrosoftDocs/power-platform connector-endpoint-filtering.md (2025-08-19)"
TRIGGER = AUTOMATE + ", HTTP request trigger (2026-05-13)"
API_DOMAINS = ["api.powerplatform.com", "api.gov.powerplatform.microsoft.us",
               "api.high.powerplatform.microsoft.us", "api.appsplatform.us",
               "api.powerplatform.partner.microsoftonline.cn"]
STATED = {
    ("*.database.windows.net", "shared_sql"): FILTERING,
    ("smtp.gmail.com", "shared_smtp"): FILTERING,
    ("*.logic.azure.com", "HttpRequestReceived"): TRIGGER,
    ("*.logic.azure.us", "HttpRequestReceived"): TRIGGER,
    ("*.logic.azure.cn", "HttpRequestReceived"): TRIGGER,
    **{("*.environment." + d, "HttpRequestReceived"): TRIGGER for d in API_DOMAINS},
}
# Rows that the facts lack, beside those of STATED.  Dataverse in other clouds is an analogy.
DATAVERSE = ["shared_commondataservice", "shared_commondataserviceforapps",
             "shared_dynamicscrmonline"]
EXTRA_CONNECTORS = [
    ("*-my.sharepoint.com", "shared_excelonlinebusiness"),
    ("*-my.sharepoint.com", "shared_wordonlinebusiness"),
    *[(p, c) for c in DATAVERSE for p in ("*.crm.microsoftdynamics.us",
                                          "*.crm.appsplatform.us", "*.crm.dynamics.cn")],
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


def clouds_of(hits):
    """The clouds whose rows name the pattern, and those that its note says share it."""
    clouds = set()
    for _, row in hits:
        clouds.add(row["cloud"])
        if row["note"].startswith("GCC and GCC High"):
            clouds |= {"gcc", "gcchigh"}
    return "|".join(c for c in CLOUDS if c in clouds)


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


def source_confidence(source):
    if "general knowledge" in source:
        return "assumed"
    if "MicrosoftDocs/" in source or "learn.microsoft.com" in source:
        return "verified"
    if "microsoft/" in source or "@microsoft/" in source:
        return "published"
    return "assumed"


def row_confidence(row):
    """How sure a service's row is: as its best source, less when its note takes it back."""
    if "by analogy" in row["note"] or "[K]" in row["note"]:
        return "assumed"
    if "general knowledge" in row["source"]:
        return "assumed"
    return max((source_confidence(s) for s in row["source"].split(";")),
               key=CONFIDENCES.index)


def date_of(source):
    """The day that the source which counts states; else the day on which it was read."""
    if source.strip() in ("", "-"):
        return FACTS_DATE
    best = max(source.split(";"), key=lambda s: (CONFIDENCES.index(source_confidence(s)),
                                                 bool(DATE.search(s))))
    day = DATE.search(best)
    return "-".join(day.groups()) if day else FACTS_DATE


CONFIDENCES = ["assumed", "published", "verified"]
FACTS_DATE = "2026-11-23"
EXPORTED = "exported policies of microsoft/industry @67370407 (2024-02), tests/data/dlp"
# "(2025-08-19)", "version 2022072800"
DATE = re.compile(r"\b(20[0-9]{2})-?([01][0-9])-?([0-3][0-9])(?:00)?\b")


class Files:
    """The files as they shall be; nothing is written before all are complete."""

    def __init__(self):
        self.files = collections.OrderedDict()

    def add(self, name, date, header, columns, rows):
        lines = [("# " + line).rstrip() for line in [*header, "date: " + date]]
        lines += ["\t".join(row) for row in [columns, *rows]]
        self.files[name] = "".join(line + "\n" for line in lines)

    def write(self, tree):
        for name, text in self.files.items():
            path = os.path.join(tree, name)
            with open(path, "w", encoding="utf-8", newline="\n") as out:
                out.write(text)
            print("%s: %d rows" % (path, len(table(text)[1])))

    def diff(self, tree):
        """Print what would change; True when anything would."""
        changed = False
        for name, text in self.files.items():
            path = os.path.join(tree, name)
            old = ""
            if os.path.exists(path):
                with open(path, encoding="utf-8", newline="") as f:
                    old = f.read()
            changed = old != text or changed
            diff_table(name, old, text)
        return changed


def table(text):
    """The columns and the rows of a file, comments left out."""
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    return (lines[0].split("\t") if lines else [],
            [line.split("\t") for line in lines[1:]])


# What makes two rows speak of the same thing, by file name.
KEYS = {"services.tsv": ("pattern",), "connectors.tsv": ("pattern", "connector"),
        "regions.tsv": ("scheme", "token")}


def keyed(name, text):
    columns, rows = table(text)
    keys = KEYS[os.path.basename(name)]
    return {tuple(row[k] for k in keys): row
            for row in (dict(zip(columns, fields)) for fields in rows)}


def row_changes(before, after, columns):
    return [(c, before[c], after[c]) for c in columns if before[c] != after[c]]


def diff_table(name, old, new):
    before, after = keyed(name, old), keyed(name, new)
    added = [k for k in after if k not in before]
    removed = [k for k in before if k not in after]
    had, has = table(old)[0], table(new)[0]
    changes = {k: row_changes(before[k], after[k], [c for c in has if c in had])
               for k in after if k in before}
    changed = sum(bool(c) for c in changes.values())
    sure = sum(any(c == "confidence" for c, _, _ in row) for row in changes.values())
    print("%s: %d rows added, %d removed, %d changed, %d of them in confidence%s" % (
        name, len(added), len(removed), changed, sure,
        "; comments, columns or order differ"
        if old != new and not added and not removed and not changed else ""))
    for sign, columns in (("+", [c for c in has if c not in had]),
                          ("-", [c for c in had if c not in has])):
        for c in columns if old else []:
            print("%s column %s" % (sign, c))
    for sign, keys, rows in (("+", added, after), ("-", removed, before)):
        for k in keys:
            print("%s %s" % (sign, "\t".join([*k, rows[k].get("confidence", "")]).rstrip()))
    for k, row in changes.items():
        for c, a, b in row:
            print("~ %s\t%s: %s -> %s" % ("\t".join(k), c, a, b))


COMMON = [
    "Made by scripts/import-catalog.py from the project's collected facts; do",
    "not edit: write your own entries into a file of your own (docs/catalog.md).",
]
DATES = ["date (column): the day that the source states, else the day on which it was read."]


def best_row(hits, name):
    """The row of the facts that says the service, and the one that says how sure it is."""
    first = next(r for n, r in hits if n == name)
    sure = max((r for _, r in hits), key=lambda r: CONFIDENCES.index(row_confidence(r)))
    if row_confidence(sure) == row_confidence(first):
        sure = first
    return first, sure


def service_row(pattern, hits):
    rank = {n: i for i, n in enumerate(NEW_NAME_FIRST)}
    name = min((n for n, _ in hits), key=lambda n: rank.get(n, 99 + (n == "m365")
                                                           + 2 * (n == "platform-support")))
    row, sure = best_row(hits, name)
    ports = sorted({p for _, r in hits for p in r["ports"].split("|") if p != "-"})
    note, role = clean(row["note"]), row["role"]
    if pattern in SHARED:
        note, role = "any customer may have a name here", "wildcard"
    return (pattern, name, clouds_of(hits), role, "|".join(ports) or "-", row_confidence(sure),
            date_of(sure["source"]), note[:100], clean(sure["source"]))


def services(rows, files):
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
    out = [service_row(pattern, hits) for pattern, hits in found.items()]
    have = {r[0] for r in out}
    extra = [(p, "public", n, r, o, c, t, s) for p, n, r, o, c, t, s in EXTRA] + EXTRA_CLOUDS
    extra += [(p, clouds, n, "account", "tcp/1433" if n == "sql" else "tcp/443", "assumed", "-",
               SDK) for p, clouds, n in EXTRA_CN]
    extra += [(p, "-", n, "resolver", "tcp/853" if n == "dot" else "tcp/443|udp/443", "assumed",
               note, "the operators' public pages; " + OWN_KNOWLEDGE)
              for p, n, note in RESOLVERS]
    for pattern, cloud, name, role, ports, confidence, note, source in extra:
        if pattern not in have:
            out.append((pattern, name, cloud, role, ports, confidence, date_of(source), note,
                        source))
    out.sort(key=lambda r: (r[1], r[0].split(".")[::-1]))
    header = ["Host names of services: Power Platform, what it needs, and what must be told",
              "apart from it.  One row a pattern; the most specific pattern answers.", *COMMON,
              "Left out as not matchable: %d rows (%s)." % (
                  sum(left.values()), ", ".join(left)),
              "cloud: a list where the name does not tell (login.microsoftonline.com).",
              "confidence: verified = stated in Microsoft's documentation; published = in code",
              "that Microsoft published; assumed = all else.  '-' = nothing to say.", *DATES]
    files.add("rules/catalog/services.tsv", FACTS_DATE, header,
              ["pattern", "service", "cloud", "role", "ports", "confidence", "date", "note",
               "source"], out)


MARKS = [("endpoint-filterable yes", "endpoint_filterable"),
         ("unblockable in DLP", "unblockable"),
         ("on-prem gateway capable", "gateway"),
         ("VNet (subnet delegation) capable", "vnet")]


# Of desktop flows the list names these, which no facts are about: Microsoft Learn "Connector
# endpoint filtering", 2025-09-19.
FILTERABLE_ACTIONS = {"DesktopFlow.UIAutomation", "DesktopFlow.WebAutomation"}


def about_connectors(rows):
    """What the rows of each connector say of the connector itself: tier and marks."""
    about = {}
    for row in rows:
        name, note = row["connector_id"], row["note"]
        if not name or not row["role"].startswith("connector-backend"):
            continue
        one = about.setdefault(name, {"tier": "-", "marks": set()})
        tier = re.search(r"tier (Premium|Standard)( by rule)?", note)
        if tier and (one["tier"] == "-" or not tier.group(2)):
            one["tier"] = tier.group(1).lower()
        one["marks"] |= {mark for words, mark in MARKS if words in note}
    return about


def connector_facts(about, name):
    """The columns tier and marks.  Which connectors are filterable or unblockable is a closed
    list of Microsoft's, so all others are not; of the gateway and VNets it is not."""
    one = about.get(name, {"tier": "-", "marks": set()})
    marks = one["marks"] | ({"endpoint_filterable"} if name in FILTERABLE_ACTIONS else set())
    return [one["tier"], *("yes" if mark in marks else
                           "no" if mark in ("endpoint_filterable", "unblockable") else "-"
                           for _, mark in MARKS)]


def publisher(note):
    m = re.search(r"publisher ([^;]*)", note)
    return m.group(1).strip() if m and m.group(1).strip() not in ("", "?") else "-"


def hosted_connectors(rows, left):
    """(pattern, connector) -> confidence, title, publisher, source; and those without host."""
    found, unhosted = collections.OrderedDict(), {}
    for row in rows:
        if row["role"] not in ("connector-backend", "connector-backend-swagger"):
            continue
        pattern, name = row["host_pattern"].lower(), row["connector_id"]
        if not name:
            left["no connector id known"] += 1
            continue
        title = clean(row["note"].split(";")[0])
        source = clean(row["source"])
        if not matchable(pattern) or PLACEHOLDERS.search(pattern):
            left["a star alone, an address, a placeholder"] += 1
            unhosted.setdefault(name, (title, publisher(row["note"]), source))
            continue
        confidence = "published" if row["role"].endswith("swagger") else "assumed"
        old = found.get((pattern, name))
        if old is None:
            found[pattern, name] = [confidence, title, publisher(row["note"]), source]
        elif CONFIDENCES.index(confidence) > CONFIDENCES.index(old[0]):
            old[0], old[3] = confidence, source
    return found, unhosted


def add_known_connectors(found):
    """Rows that the facts lack, and what documentation states of rows."""
    shown = {}
    for (_, name), (_, title, made_by, _) in found.items():
        shown.setdefault(name, (title, made_by))
    for key in [*EXTRA_CONNECTORS, *STATED]:
        title, made_by = shown.get(key[1], ("-", "-"))
        found.setdefault(key, ["assumed", title, made_by, OWN_KNOWLEDGE])
    for key, source in STATED.items():
        found[key][0], found[key][3] = "verified", source


def exported_connectors(tree):
    """Ids and names in the exported policies of the tree: policies block connectors, and an
    import must keep their lines, whether or not a host of theirs is known.  Left out: custom
    connectors of other tenants, whose ids end in two hexadecimal numbers."""
    found = {}
    for path in sorted(glob.glob(os.path.join(tree, "tests/data/dlp/msindustry__*.json"))):
        with open(path, encoding="utf-8-sig") as f:
            for group in json.load(f).get("connectorGroups", []):
                for one in group.get("connectors", []):
                    name = one["id"].rsplit("/", 1)[-1]
                    if not re.search(r"-5f[0-9a-f]{16}-5f[0-9a-f]{16}$", name):
                        found.setdefault(name, (clean(one.get("name") or "-"), "-", EXPORTED))
    return found


def connectors(rows, names, tree, files):
    left = collections.Counter()
    about = about_connectors(rows)
    found, unhosted = hosted_connectors(rows, left)
    add_known_connectors(found)
    hosted = {name for _, name in found}
    for short, shown in names.items():
        unhosted.setdefault("shared_" + short, (
            shown, "-", "Azure/Connectors-NET-SDK ConnectorNames.cs 2026-08-20"))
    known = {name.lower() for name in (*hosted, *unhosted)}
    for name, row in exported_connectors(tree).items():
        if name.lower() not in known:
            made_by = "Microsoft" if name.startswith("DesktopFlow.") else row[1]
            unhosted[name] = (row[0], made_by, row[2])
    every = [(p, n, *v) for (p, n), v in found.items()]
    every.sort(key=lambda r: (r[1].lower(), r[0].split(".")[::-1]))
    bare = [("-", n, "assumed", *v) for n, v in unhosted.items() if n not in hosted]
    bare.sort(key=lambda r: r[1].lower())
    out = [(p, n, c, title, made_by, *connector_facts(about, n), date_of(source), source)
           for p, n, c, title, made_by, source in every + bare]
    header = ["Hosts behind connectors.  One row a pattern and connector; a host belongs to all",
              "connectors of its most specific pattern.  Rows with pattern '-' (at the end)",
              "declare connectors of which no host is known.", *COMMON,
              "Left out as not matchable: %s." % "; ".join(
                  "%d rows (%s)" % (n, why) for why, n in sorted(left.items())),
              "confidence (of the host): verified = stated for that connector in Microsoft's or",
              "the vendor's documentation; published = only in a published connector definition",
              "(microsoft/PowerPlatformConnectors, 2024-10-23); assumed = all else.",
              "tier: general knowledge, but for shared_sharepointonline and",
              "shared_onedriveforbusiness; connectors of other publishers are premium by rule.",
              "endpoint_filterable: Microsoft's list of 2025-08-19; unblockable: of 2024-05-04.",
              *DATES]
    files.add("rules/catalog/connectors.tsv", FACTS_DATE, header,
              ["pattern", "connector", "confidence", "title", "publisher", "tier",
               *(mark for _, mark in MARKS), "date", "source"], out)


def regions(facts, files):
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
    files.add("geo/regions.tsv", FACTS_DATE, header,
              ["scheme", "token", "region", "countries", "name", "cloud", "confidence",
               "source"], out)


def main():
    options = [a for a in sys.argv[1:] if a.startswith("-")]
    operands = [a for a in sys.argv[1:] if not a.startswith("-")]
    if len(operands) not in (1, 2) or options not in ([], ["--diff"]):
        sys.exit(__doc__)
    facts, tree = operands[0], operands[1] if len(operands) == 2 else "."
    csv.field_size_limit(1 << 20)
    with open(os.path.join(facts, "catalog.csv"), encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    with open(os.path.join(facts, "connector_names.json"), encoding="utf-8") as f:
        names = json.load(f)
    files = Files()
    services(rows, files)
    connectors(rows, names, tree, files)
    regions(facts, files)
    if options:
        sys.exit(1 if files.diff(tree) else 0)
    files.write(tree)


if __name__ == "__main__":
    main()
