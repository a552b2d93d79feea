#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Host names of every form that Microsoft uses, and what `weir lookup` must say of each.

usage: names.py [--count N] [--seed N] [--list | --hosts] [WEIR]

Makes N names at random (default 20,000), right ones and wrong ones, asks WEIR (default
./weir) for all of them as one list, and compares.  The forms are written down here from a
description of them, not from Weir: this file shares no code and no data with it.  A name
that does not have its form must give none of the identifying fields.  --list prints names
and expectations and asks nobody, --hosts the plain names alone.

Exit status: 0 all right, 1 differences (the first 20 are shown), 2 usage.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

HEX = "0123456789abcdef"
NOT_HEX = "ghijklmnopqrstuvwxyz"
WORD = "abcdefghijklmnopqrstuvwxyz0123456789"

# Fields that identify somebody or something: absent unless the form gives them.
SILENT = ["environment_id", "tenant_id", "organization_id", "org", "site", "tenant_name",
          "account", "key"]

API = [("public", "api.powerplatform.com"),
       ("gcc", "api.gov.powerplatform.microsoft.us"),
       ("gcchigh", "api.high.powerplatform.microsoft.us"),
       ("dod", "api.appsplatform.us"),
       ("china", "api.powerplatform.partner.microsoftonline.cn"),
       (None, "api.powerplatform.eaglex.ic.gov"),
       (None, "api.powerplatform.microsoft.scloud"),
       *[("public", "api.%s.powerplatform.com" % ring)
         for ring in ("exp", "dev", "prv", "test", "preprod")]]
KINDS = ["environment", "tenant", "organization"]
# The region and its countries, by the number behind crm; others are unknown.
CRM = {"": ("NAM", "US"), "2": ("SAM", "BR"), "3": ("CAN", "CA"), "4": ("EUR", "NL|IE"),
       "5": ("APJ", "HK|SG"), "6": ("OCE", "AU"), "7": ("JPN", "JP"), "8": ("IND", "IN"),
       "9": ("GCC", "US"), "11": ("GBR", "GB"), "12": ("FRA", "FR"), "14": ("ZAF", "ZA"),
       "15": ("UAE", "AE"), "16": ("GER", "DE"), "17": ("CHE", "CH"), "19": ("NOR", "NO"),
       "20": ("SGP", "SG"), "21": ("KOR", "KR"), "22": ("SWE", "SE")}
CRM_UNKNOWN = ["10", "13", "18", "23", "24", "29", "31", "47", "99", "104"]
CRM_OTHER = [("gcchigh", "crm.microsoftdynamics.us"), ("dod", "crm.appsplatform.us"),
             ("china", "crm.dynamics.cn"), ("germany-legacy", "crm.microsoftdynamics.de")]
ISLANDS = [("public", "gateway.prod.island.powerapps.com"),
           (None, "gateway.gov.island.powerapps.us"),
           ("dod", "gateway.gov.island.appsplatform.us"),
           ("china", "gateway.mooncake.island.powerapps.cn")]
LOCATIONS = ["unitedstates", "europe", "asia", "australia", "india", "japan", "canada",
             "unitedkingdom", "southamerica", "france", "germany", "switzerland", "norway",
             "korea", "emea", "southafrica", "unitedarabemirates"]
LOCATED = [("bap", "api.bap.microsoft.com"), ("power-apps-api", "api.powerapps.com"),
           ("power-automate-api", "api.flow.microsoft.com"), (None, "api.cds.microsoft.com"),
           ("power-apps-api", "api.advisor.powerapps.com")]
AZURE = {"westeurope": "NL", "northeurope": "IE", "eastus": "US", "eastus2": "US",
         "westus": "US", "japaneast": "JP", "uksouth": "GB", "eastasia": "HK",
         "southeastasia": "SG", "australiaeast": "AU", "centralindia": "IN"}
PAGES = [("public", "powerappsportals.com"), ("public", "microsoftcrmportals.com"),
         ("gcc", "powerappsportals.us"), ("gcchigh", "high.powerappsportals.us"),
         ("china", "powerappsportals.cn"), ("gcc", "dynamics365portals.us"),
         ("gcchigh", "high.dynamics365portals.us")]
RESOURCES = [("sql", "database.windows.net"), ("blob", "blob.core.windows.net"),
             ("key-vault", "vault.azure.net"), ("relay", "servicebus.windows.net"),
             ("relay", "servicebus.usgovcloudapi.net"),
             ("relay", "servicebus.chinacloudapi.cn"), (None, "documents.azure.com"),
             (None, "openai.azure.com"), (None, "service-now.com"),
             (None, "my.salesforce.com")]
# Hosts of dynamics.com that belong to no organization.
NO_ORG = ["home", "make", "marketing.configure.global", "businesscentral",
          "api.businesscentral", "lcs", "text.pai", "crm", "crm4", "crm9"]
# Whole names and their cloud.
CLOUD_OF = {
    "login.partner.microsoftonline.cn": "public|china",
    "login.chinacloudapi.cn": "china", "login.microsoftonline.com": "public|gcc",
    "login.microsoftonline.us": "gcchigh|dod", "make.powerapps.com": "public",
    "make.gov.powerapps.us": "gcc", "make.high.powerapps.us": "gcchigh",
    "make.apps.appsplatform.us": "dod", "make.powerapps.cn": "china",
    "make.powerautomate.com": "public", "make.gov.powerautomate.us": "gcc",
    "make.high.powerautomate.us": "gcchigh", "make.powerautomate.appsplatform.us": "dod",
    "make.powerautomate.cn": "china", "admin.powerplatform.microsoft.com": "public",
    "gcc.admin.powerplatform.microsoft.us": "gcc",
    "high.admin.powerplatform.microsoft.us": "gcchigh", "api.admin.appsplatform.us": "dod",
    "ppac.partner.microsoftonline.cn": "china", "api.bap.microsoft.com": "public",
    "gov.api.bap.microsoft.us": "gcc", "high.api.bap.microsoft.us": "gcchigh",
    "api.bap.appsplatform.us": "dod", "api.bap.partner.microsoftonline.cn": "china",
}
FOREIGN = ["evil.example", "attacker.net", "contoso.com"]


def word(r, least=1, most=12):
    """A label: letters and digits, now and then a dash inside."""
    n = r.randint(least, most)
    text = "".join(r.choice(WORD) for _ in range(n))
    if n > 4 and r.random() < 0.3:
        at = r.randint(1, n - 2)
        text = text[:at] + "-" + text[at + 1:]
    return text


def digits_of(r, n, letters=HEX):
    return "".join(r.choice(letters) for _ in range(n))


def dashed(h):
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


def guid(r):
    """environment, tenant, organization; both splits in every cloud."""
    cloud, suffix = r.choice(API)
    kind = r.choice(KINDS)
    h = digits_of(r, 32)
    cut = r.choice((30, 31))
    want = {"service": "power-platform-api", kind + "_id": dashed(h)}
    if kind == "environment" and r.random() < 0.3:
        want = {"service": "power-platform-api", "tenant_id": dashed(h)}
        h, cut = "default" + h, cut + 7
    if cloud:
        want["cloud"] = cloud
    return "%s.%s.%s.%s" % (h[:cut], h[cut:], kind, suffix), want


def spoil(r, h):
    """A GUID's digits in two labels that no GUID is read from."""
    cut = r.choice((30, 31))
    a, b = h[:cut], h[cut:]
    how = r.randrange(8)
    if how == 0:  # too short or too long
        return a[:r.randint(1, 29)] + "." + b
    if how == 1:
        return a + digits_of(r, r.randint(1, 8)) + "." + b
    if how == 2:
        return a + "." + b + digits_of(r, r.randint(1, 4))
    if how == 3:  # all digits, cut elsewhere
        cut = r.choice([n for n in range(1, 32) if n not in (30, 31)])
        return h[:cut] + "." + h[cut:]
    if how == 4:  # another letter
        at = r.randrange(len(a))
        return a[:at] + r.choice(NOT_HEX) + a[at + 1:] + "." + b
    if how == 5:
        return a + "." + b[:-1] + r.choice(NOT_HEX)
    if how == 6:  # one label
        return h
    return dashed(h)[:-2] + "." + h[30:]


def no_guid(r):
    cloud, suffix = r.choice(API)
    h = digits_of(r, 32)
    kind = r.choice(KINDS)
    how = r.randrange(6)
    want = {"cloud": cloud} if cloud else {}
    if how < 2:
        front = spoil(r, h)
        if r.random() < 0.2:
            front = "default" + front
        return "%s.%s.%s" % (front, kind, suffix), want
    front = h[:30] + "." + h[30:]
    if how == 2:  # a label too many
        at = r.randrange(3)
        labels = front.split(".") + [kind]
        labels.insert(at, word(r))
        return "%s.%s" % (".".join(labels), suffix), want
    if how == 3:  # of no kind
        return "%s.%s.%s" % (front, r.choice(("env", "environments", "user", "tenants",
                                              "xtenant", "app")), suffix), want
    if how == 4:  # a default that is no environment
        return "default%s.%s.%s" % (front, r.choice(KINDS[1:]), suffix), want
    return "%s.%s.%s%s" % (front, kind, r.choice(("x", "evil-")), suffix), {}


def foreign(r):
    """A right name below somebody else's domain."""
    host, _ = r.choice(RIGHT)(r)
    return host + "." + r.choice(FOREIGN), {"service": None, "cloud": None}


def dataverse(r):
    org = word(r)
    if org in ("api", "port", "disco"):
        org += "1"
    api = r.random() < 0.4
    want = {"service": "dataverse", "org": org}
    want["role"] = "web-api" if api else "org"
    if r.random() < 0.3:
        want["cloud"], domain = r.choice(CRM_OTHER)
    else:
        n = r.choice([*CRM, *CRM_UNKNOWN])
        region, countries = CRM.get(n, ("?", None))
        want.update(region=region, countries=countries,
                    cloud="gcc" if n == "9" else "public")
        domain = "crm%s.dynamics.com" % n
    return "%s%s.%s" % (org, ".api" if api else "", domain), want


def no_organization(r):
    n = r.choice([*CRM, *CRM_UNKNOWN])
    domain = r.choice(["crm%s.dynamics.com" % n, r.choice(CRM_OTHER)[1]])
    how = r.randrange(5)
    if how == 0:
        host = r.choice(("globaldisco", "disco", "port", "admin.services"))
        return "%s.%s" % (host, domain), {"service": "dataverse", "role": "infrastructure"}
    if how == 1:  # a label too many
        return "%s.%s.%s" % (word(r), word(r, 4), domain), {"service": "dataverse",
                                                            "role": None}
    if how == 2:
        return "%s.%s.api.%s" % (word(r), word(r), domain), {"service": "dataverse",
                                                             "role": None}
    if how == 3:  # no crm number
        return "%s.crm%s.dynamics.com" % (word(r), r.choice(("x", "4x", "-4", "s", "a1"))), {
            "service": "dynamics365"}
    return r.choice(NO_ORG) + ".dynamics.com", {"cloud": "public"}


def finance(r):
    env = word(r, 3)
    if r.random() < 0.2:
        return env + ".cloudax.dynamics.com", {"service": "dynamics365-fo", "org": env}
    sandbox = r.random() < 0.5
    geo = r.choice(("", "", "eu", "fr", "uk", "ch", "no"))
    want = {"service": "dynamics365-fo", "org": env, "role": "sandbox" if sandbox else "prod",
            "region": geo or None}
    return "%s%s.operations%s.dynamics.com" % (env, ".sandbox" if sandbox else "",
                                               "." + geo if geo else ""), want


def no_finance(r):
    env = word(r, 3)
    return r.choice((
        "%s.%s.operations.dynamics.com" % (env, word(r, 9)),
        "%s.sandbox.%s.operations.eu.dynamics.com" % (env, word(r)),
        "operations.dynamics.com", "operations.eu.dynamics.com",
        "%s.%s.cloudax.dynamics.com" % (env, word(r)))), {"cloud": "public"}


def located(r):
    service, domain = r.choice(LOCATED)
    place = r.choice(LOCATIONS)
    want = {"region": place, "cloud": "public"}
    if service:
        want["service"] = service
    if r.random() < 0.2:  # a label too many
        want["region"] = None
        place = word(r) + "." + place
    return "%s.%s" % (place, domain), want


def island(r):
    cloud, domain = r.choice(ISLANDS)
    part = r.choice(("gw", "somepart", "powervamg", word(r, 3)))
    service = "copilot-studio" if part == "powervamg" else "pp-island"
    cc = r.choice(("us", "eu", "uk", "as", "ch", "in"))
    number = "%03d" % r.randrange(1000)
    want = {"service": service, "component": part, "region": cc}
    if cloud:
        want["cloud"] = cloud
    how = r.randrange(9)
    host = "%s.%s-il%s.%s" % (part, cc, number, domain)
    if how < 5:
        return host, want
    wrong = {"service": service, "component": None, "region": None}
    if how == 5:
        return word(r) + "." + host, {**wrong, "service": "pp-island"}
    if how == 6:
        return "%s.%s-il%s.%s" % (part, cc, r.choice(("", "x1", "1x")), domain), wrong
    if how == 7:
        cc = r.choice(("u1", "1u", "11", "usa", "u"))
        return "%s.%s-il%s.%s" % (part, cc, number, domain), wrong
    return "%s.%sil%s.%s" % (part, cc, number, domain), wrong


def apim(r):
    geo = r.choice(("europe", "unitedstates", "asia", "canada"))
    number = "%03d" % r.randrange(1, 30)
    azure = r.choice([*AZURE])
    runtime = {"service": "connector-runtime"}
    rows = [
        ("%s-%s" % (geo, number), {"region": geo, "stamp": number, "component": None}),
        ("msmanaged-na", {"region": "na"}),
        ("logic-apis-" + azure, {"region": azure, "component": "logicapps"}),
        ("global.consent", {"component": "oauth-consent", "region": None}),
        ("flow-apim-%s-%s-%s-%02d" % (geo, number, azure, r.randrange(1, 9)),
         {"region": azure, "component": "flow"}),
        ("%s.%s-%s" % (word(r), geo, number), {"region": None, "stamp": None}),
        ("%s-%sx" % (geo, number), {"region": None, "stamp": None}),
    ]
    head, want = r.choice(rows)
    return head + ".azure-apim.net", dict(runtime, **want)


def apihub(r):
    geo = r.choice(("europe", "usa", "india", "uk", "switzerland"))
    azure = r.choice([*AZURE])
    key = r.choice((dashed(digits_of(r, 32)), digits_of(r, 16)))
    part = "%02d" % r.randrange(100)
    rows = [
        ("%s.%s.common.%s%03d" % (key, part, geo, r.randrange(9)),
         {"component": "env", "key": key + "." + part}),
        ("%s.%s.common.logic-%s" % (digits_of(r, 16), part, azure),
         {"component": "logicapps", "region": azure}),
        ("custom." + geo, {"component": "custom", "region": geo}),
        ("management." + geo, {"component": "management", "region": geo}),
        ("%s-001.admin" % geo, {"component": "admin", "region": geo, "stamp": "001"}),
        ("%s.%s.%s.common.%s001" % (word(r), key, part, geo), {"component": None}),
        ("%s.common.%s001" % (key, geo), {"component": None}),
        ("x.custom." + geo, {"component": None, "region": None}),
    ]
    head, want = r.choice(rows)
    return head + ".azure-apihub.net", dict(want, service="connector-runtime")


def trigger(r):
    azure = r.choice([*AZURE])
    stamp = "prod-%02d" % r.randrange(1, 250)
    want = {"service": "logic-apps-or-flow-trigger", "region": azure, "stamp": stamp,
            "countries": AZURE[azure]}
    cloud, domain = r.choice((("public", "logic.azure.com"), ("public", "logic.azure.com"),
                              ("gcc|gcchigh|dod", "logic.azure.us"),
                              ("china", "logic.azure.cn")))
    want["cloud"] = cloud
    if r.random() < 0.2:
        want.update(region=None, stamp=None, countries=None)
        stamp = word(r) + "." + stamp
    return "%s.%s.%s" % (stamp, azure, domain), want


def pages(r):
    cloud, domain = r.choice(PAGES)
    site = r.choice((word(r, 3), "site-" + word(r, 5, 5)))
    if site == "high":
        site = "site"
    want = {"service": "power-pages", "cloud": cloud, "site": site}
    if r.random() < 0.2:
        del want["site"]
        site = word(r) + "." + site
    return "%s.%s" % (site, domain), want


def sharepoint(r):
    tenant = word(r, 3)
    while tenant.endswith(("-my", "-admin", "-files", "-myfiles")):
        tenant = word(r, 3)
    want = {"service": "sharepoint", "tenant_name": tenant}
    host = tenant + r.choice(("", "-my", "-admin", "-files", "-myfiles"))
    if r.random() < 0.1:
        del want["tenant_name"]
        host = word(r) + "." + host
    return host + ".sharepoint.com", want


def resource(r):
    service, domain = r.choice(RESOURCES)
    name = word(r, 3)
    want = {"account": name}
    if service:
        want["service"] = service
    return "%s.%s" % (name, domain), want


def whole(r):
    host = r.choice([*CLOUD_OF])
    return host, {"cloud": CLOUD_OF[host]}


def border(r):
    """A known domain without the dot before it, and known words in other places."""
    _, host = r.choice([*API, *CRM_OTHER, *PAGES, *RESOURCES, ("", "powerapps.com"),
                        ("", "crm4.dynamics.com"), ("", "logic.azure.com"),
                        ("", "sharepoint.com"), ("", "azure-apim.net")])
    top = ".".join(host.split(".")[-2:])
    kind = r.randrange(3)
    if kind == 0:  # evil-dynamics.com
        return "%s%s%s" % (word(r, 3), r.choice(("-", "x", "")), top), {
            "service": None, "cloud": None}
    if kind == 1:
        return "%s.%s.%s" % (word(r), host.replace(".", "-"), r.choice(FOREIGN)), {
            "service": None, "cloud": None}
    return "%s.%s" % (host, r.choice(FOREIGN)), {"service": None, "cloud": None}


RIGHT = [guid, dataverse, finance, located, trigger, pages, sharepoint, resource, whole]
CLASSES = [*RIGHT, guid, no_guid, no_guid, no_organization, no_finance, island, apim, apihub,
           foreign, border]


def spell(r, host):
    """The same name as clients write it."""
    how = r.randrange(6)
    if how == 0:
        return host.upper()
    if how == 1:
        return "".join(c.upper() if r.random() < 0.5 else c for c in host)
    if how == 2:
        return host + "."
    if how == 3:
        return host + ":443"
    return host


def names(seed, count):
    r = random.Random(seed)
    for _ in range(count):
        host, want = r.choice(CLASSES)(r)
        if any(len(label) > 63 for label in host.split(".")) or len(host) > 250:
            raise AssertionError("the generator made no name: " + host)
        yield spell(r, host), host, want


def differences(host, want, got):
    out = []
    if got.get("host") != host:
        out.append("host is %s" % got.get("host"))
    for key in SILENT:
        want.setdefault(key, None)
    for key, value in want.items():
        if got.get(key) != value:
            out.append("%s is %s, not %s" % (key, got.get(key), value))
    return out


def ask(weir, seed, count):
    """Yield (spelled, differences) of every name that is not answered as it should be."""
    with tempfile.TemporaryFile("w+", encoding="ascii") as asked:
        for spelled, _, _ in names(seed, count):
            asked.write(spelled + "\n")
        asked.seek(0)
        with subprocess.Popen([weir, "lookup", "--json", "-"], stdin=asked,
                              stdout=subprocess.PIPE) as run:
            answered = 0
            for line, (spelled, host, want) in zip(run.stdout, names(seed, count)):
                answered += 1
                wrong = differences(host, want, json.loads(line))
                if wrong:
                    yield spelled, wrong
            more = len(run.stdout.read())
            if run.wait() != 0 or more or answered != count:
                yield "the list", ["status %d, %d answers, %d bytes more" % (
                    run.returncode, answered, more)]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--count", type=int, default=20000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--list", action="store_true")
    p.add_argument("--hosts", action="store_true")
    p.add_argument("weir", nargs="?", default="./weir")
    a = p.parse_args()
    if a.list:
        for spelled, _, want in names(a.seed, a.count):
            print(spelled, json.dumps(want), sep="\t")
        return 0
    if a.hosts:
        for _, host, _ in names(a.seed, a.count):
            print(host)
        return 0
    wrong = 0
    for spelled, what in ask(a.weir, a.seed, a.count):
        wrong += 1
        if wrong <= 20:
            print("# %s: %s" % (spelled, "; ".join(what)), file=sys.stderr)
    print("%s - %d names of seed %d, %d wrong" % ("not ok" if wrong else "ok", a.count, a.seed,
                                                  wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        os._exit(3)
