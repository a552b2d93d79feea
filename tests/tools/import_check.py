#!/usr/bin/env python3
"""Holds what `weir import` wrote against the export, read here by code of its own.

usage: import_check.py EXPORT RULES...    exit 1 and a line for each difference
       import_check.py --row EXPORT RULES...   the export's row of tests/import/shapes.tsv
"""
import hashlib
import json
import re
import sys

GROUPS = {"confidential": "business", "business": "business", "hbi": "business", "general": "general",
          "nonbusiness": "general", "lbi": "general", "blocked": "blocked", "ignore": "ignore"}
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def lower(v):
    """All keys in lower case, whatever the export's spelling."""
    if isinstance(v, dict):
        return {k.lower(): lower(x) for k, x in v.items()}
    return [lower(x) for x in v] if isinstance(v, list) else v


def items(v):
    if v is None:
        return []
    return v if isinstance(v, list) else [v]


def tail(identifier):
    return identifier.rsplit("/", 1)[-1]


def empty():
    return {"connectors": set(), "other": None, "scope": set(), "lists": {}, "patterns": [], "ranges": [],
            "tenants": set()}


def add_groups(p, groups):
    for name, connectors in groups:
        for c in items(connectors):
            p["connectors"].add((GROUPS[name.lower()], tail(c["id"]).lower()))


def add_lists(p, conf):
    for c in items((conf or {}).get("endpointconfigurations")):
        rules = sorted(items(c.get("endpointrules")), key=lambda r: r["order"])
        if rules:
            p["lists"][tail(c["connectorid"]).lower()] = [(r["behavior"].lower(), r["endpoint"]) for r in rules]


def add_patterns(p, rules):
    for r in sorted(items(rules), key=lambda r: r["order"]):
        p["patterns"].append((GROUPS[r["customconnectorruleclassification"].lower()], r["pattern"]))


def add_scope(p, word, environments):
    if word.lower() in ("allenvironments", "none"):
        return
    for e in items(environments):
        found = GUID.search(e.get("name") or "") or GUID.search(e.get("id") or "")
        if found:
            p["scope"].add(found.group().lower())


def read_policy(o):
    p = empty()
    d = o.get("policydefinition", o)
    if "connectorgroups" in d or "defaultconnectorsclassification" in d:
        if "connectorgroups" in d:
            p["other"] = GROUPS[d["defaultconnectorsclassification"].lower()]
        add_groups(p, [(g["classification"], g["connectors"]) for g in items(d.get("connectorgroups"))])
        add_scope(p, d["environmenttype"], d["environments"])
        add_lists(p, o.get("connectorconfigurationsdefinition"))
        add_patterns(p, (o.get("customconnectorurlpatternsdefinition") or {}).get("rules"))
    elif "businessdatagroup" in o:
        p["other"] = "general"
        add_groups(p, [("business", o["businessdatagroup"]), ("general", o["nonbusinessdatagroup"]),
                       ("blocked", o.get("blockedgroup"))])
        add_scope(p, o["filtertype"], o["environments"])
    elif "definition" in o.get("properties", {}):
        d = o["properties"]["definition"]
        p["other"] = GROUPS[d["defaultapigroup"].lower()]
        add_groups(p, [(k, v["apis"]) for k, v in d["apigroups"].items()])
        f = d["constraints"]["environmentfilter1"]["parameters"]
        add_scope(p, f["filtertype"], f["environments"])
    elif "rulesets" in o:
        p["other"] = "blocked"
        for s in o["rulesets"]:
            for c in s["inputs"]["allowedconnectorlist"]:
                p["connectors"].add(("allowed", tail(c["allowedconnector"]).lower()))
    elif "allowedtenants" in o.get("properties", {}):
        p["tenants"].add((o["properties"]["tenantid"], "own"))
        for t in o["properties"]["allowedtenants"]:
            if t["direction"]["outbound"]:
                p["tenants"].add((t["tenantid"], "partner"))
    elif "allowediprangeforfirewall" in o:
        p["ranges"] = o["allowediprangeforfirewall"].split(",")
    elif "rules" in o:
        add_patterns(p, o["rules"])
    else:
        add_lists(p, o)
    return p


def read_export(path):
    v = lower(json.load(open(path, encoding="utf-8-sig")))
    while isinstance(v, dict) and isinstance(v.get("value"), list):
        v = v["value"]
    return [read_policy(o) for o in items(v)]


def add_statement(p, s):
    words = s.split()
    braces = re.search(r"(connector|egress) \{ (.*?) \}", s)
    if re.search(r" label (?!ip-firewall|tenant)", s):
        assert {g.lower() for g in GUID.findall(s.split(" connector ")[0])} == p["scope"], s
    if words[0] == "tenant":
        p["tenants"].add((words[2], words[3]))
    elif words[0] in ("allow", "deny") and words[2] == "ip-firewall":
        if braces:
            p["ranges"] += braces.group(2).split(", ")
    elif words[0] in ("allow", "deny") and s.endswith("connector any"):
        assert (words[0] == "deny") == (p["other"] == "blocked"), s
    elif words[0] in ("allow", "deny") and words[2] != "unblockable" and braces:
        assert (words[0] == "deny") == (words[2] == "blocked"), s
        p["connectors"].update((words[2], c.lower()) for c in braces.group(2).split(", "))


def read_rules(path):
    p = empty()
    data = open(path, "rb").read()
    body, last = data.rsplit(b"\n", 2)[0] + b"\n", data.rsplit(b"\n", 2)[1].decode()
    assert last == "# weir import: sha256 " + hashlib.sha256(body).hexdigest(), "hash of " + path
    text = re.sub(r" \\\n\t?", " ", body.decode())
    target = None
    for line in text.split("\n"):
        plain = re.sub(r"^#\t", "", line) if target == "comment" else line
        rule = re.match(r" *(\d+) (?:group )?(\w+) *  \"([^\"]*)\"", plain)
        if line.startswith("# all other connectors: "):
            p["other"] = line.split(": ")[1].replace("not-allowed", "blocked")
        elif line.startswith("#   ") and GUID.search(line):
            p["scope"].add(GUID.search(line).group().lower())
        elif re.match(r"#\t(business|general|blocked|allowed) ", line):
            p["connectors"].add(tuple(line[2:].lower().split()))
        elif re.match(r"(# )?list ", line):
            name = line.replace("# ", "").split()[1].rstrip(":").lower()
            target = "comment" if line[0] == "#" else "list"
            rules = p["patterns"] if name == "custom-connectors" else p["lists"].setdefault(name, [])
            assert {g.lower() for g in GUID.findall(line)} == p["scope"], line
        elif rule and target:
            rules.append((rule.group(2), rule.group(3)))
        elif re.match(r"(allow|deny|tenant) ", line):
            add_statement(p, line)
    return p


def row(path, policies, text):
    def total(key, of=None):
        return sum(len(p[key]) if of is None else sum(g == of for g, _ in p[key]) for p in policies)
    rules = sum(len(r) for p in policies for r in p["lists"].values())
    others = ",".join(p["other"] or "-" for p in policies)
    return "\t".join(map(str, [path.rsplit("/", 1)[-1], text, len(policies), total("connectors", "business"),
                               total("connectors", "general") + total("connectors", "allowed"),
                               total("connectors", "blocked"), others, total("scope"), total("lists"), rules,
                               total("patterns"), total("ranges"), total("tenants")]))


def main():
    args = sys.argv[1:]
    if args[0] == "--row":
        got = [read_rules(p) for p in args[2:]]
        shape = {re.search(r"^# (?:shape: (.*)|(tenant isolation|IP firewall).*)$", open(p).read(), re.M)
                 for p in args[2:]}
        print(row(args[1], got, "+".join(sorted({m.group(1) or m.group(2) for m in shape}))))
        return 0
    want, got = read_export(args[0]), [read_rules(p) for p in args[1:]]
    bad = len(want) != len(got)
    if bad:
        print(f"{args[0]}: {len(want)} in the export, {len(got)} files")
    for w, g in zip(want, got):
        for key in w:
            if w[key] != g[key]:
                bad = True
                print(f"{args[0]}: {key} differ: export {str(w[key])[:300]}, rules {str(g[key])[:300]}")
    return bad


sys.exit(main())
