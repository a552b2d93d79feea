#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds `weir export cef` and `weir export asim` against the ledger, docs/forms.md and Microsoft's columns.

    forms_check.py LEDGER.jsonl CEF ASIM

Parses CEF anew, shares no code with Weir, and takes from docs/forms.md where each field must stand: a field in the
wrong key, a value that differs after unescaping, a column that the lists in tests/data do not know, a type or a
word that they do not allow, a missing mandatory column is a finding.  Exit status 1 then.
"""
import csv
import datetime
import ipaddress
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
LIMITS = {"act": 63, "outcome": 63, "app": 31, "proto": 31, "dvchost": 100, "deviceExternalId": 255}
# CEF key -> column of CommonSecurityLog, by Microsoft Learn, "CEF and CommonSecurityLog field mapping".
COLUMNS = {
    "act": "DeviceAction", "app": "ApplicationProtocol", "cat": "DeviceEventCategory", "cnt": "EventCount",
    "destinationServiceName": "DestinationServiceName", "deviceDirection": "CommunicationDirection",
    "deviceExternalId": "DeviceExternalID", "dhost": "DestinationHostName", "dpt": "DestinationPort",
    "dst": "DestinationIP", "dvchost": "DeviceName", "end": "EndTime", "in": "ReceivedBytes", "msg": "Message",
    "out": "SentBytes", "outcome": "EventOutcome", "proto": "Protocol", "reason": "Reason", "request": "RequestURL",
    "requestMethod": "RequestMethod", "rt": "ReceiptTime", "smac": "SourceMACAddress",
    "sourceTranslatedAddress": "SourceTranslatedAddress", "sourceTranslatedPort": "SourceTranslatedPort",
    "spt": "SourcePort", "src": "SourceIP", "start": "StartTime", "suser": "SourceUserName",
    "flexString1": "FlexString1", "flexString2": "FlexString2",
    **{f"cs{i}": f"DeviceCustomString{i}" for i in range(1, 7)},
    **{f"cn{i}": f"DeviceCustomNumber{i}" for i in range(1, 4)},
    **{f"c6a{i}": f"DeviceCustomIPv6Address{i}" for i in (2, 3)},
}
IN_FORM = {"flow": "network", "rollup": "network", "signal": "alert", "incident": "alert"}
findings = []


def finding(where, text):
    findings.append(f"{where}: {text}")


def data(name):
    with open(os.path.join(ROOT, "tests", "data", name), encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def places():
    """Field -> (CEF keys with labels, NetworkSession columns, AlertEvent columns), of docs/forms.md."""
    with open(os.path.join(ROOT, "docs", "forms.md"), encoding="utf-8") as f:
        text = f.read().split("## Fields", 1)[1]
    ret = {}
    for name, cef, net, alert in re.findall(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", text, re.M):
        keys = {}
        for part in re.split(r", | or ", cef.strip()):
            m = re.fullmatch(r"`(\w+)`(?: (.+))?", part)
            if m:
                keys[m.group(1)] = m.group(2)
        ret[name] = (keys, *([c for c in re.split(r", | or ", x.strip()) if c] for x in (net, alert)))
    return ret


def micros(text):
    t = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (t.days * 86400 + t.seconds) * 1000000 + t.microseconds


# ---- CEF ----

def unescape(text, more):
    return re.sub(r"\\(.)", lambda m: {**{"\\": "\\"}, **more}[m.group(1)], text)


def parse_cef(line):
    parts = re.split(r"(?<!\\)((?:\\\\)*)\|", line, maxsplit=7)
    # re.split keeps the group: a pair of field and the backslashes before its pipe.
    head = [parts[i] + parts[i + 1] for i in range(0, 14, 2)]
    ext = parts[14]
    at = [(m.start(), m.end(), m.group(1)) for m in re.finditer(r"(?:^| )(\w+)=", ext)]
    pairs = []
    for i, (_, end, key) in enumerate(at):
        stop = at[i + 1][0] if i + 1 < len(at) else len(ext)
        pairs.append((key, ext[end:stop]))
    return [unescape(h, {"|": "|"}) for h in head], pairs


def clean(text):
    """Control characters as the form writes them."""
    return re.sub(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", "\ufffd", text)


def cut(text, most):
    b = text.encode()
    return text if len(b) <= most else b[:most].decode(errors="ignore")


def plain(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, list) else str(value)


def is_address(text):
    try:
        ipaddress.ip_network(text)
        return True
    except ValueError:
        return False


def is_mac(text):
    return re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text) is not None


def expected_cef(event, name, key, raw):
    """The value that the key must have for this field; None = the key is another field's or absent."""
    value = event[name]
    v6 = ":" in str(value)
    if key in ("cat", "act", "outcome", "WeirCut"):
        return None
    if name in ("time", "start", "end", "from", "to", "first", "last"):
        return str(micros(value) // 1000)
    if key in ("c6a2", "c6a3"):
        return value if v6 else None
    if key == "app":
        return None if value in ("unknown", "other") else value.upper()
    if key == "proto":
        return value.upper()
    if key == "deviceDirection":
        return {"outbound": "1", "inbound": "0"}.get(value)
    if name == "principal" and key == "suser":
        return None if is_mac(value) or is_address(value) or "who" in event else value
    if name == "principal" and key == "smac":
        return value if is_mac(value) else None
    if name == "detail":
        return raw
    return plain(value)


def action(event):
    v, e = event.get("verdict"), event.get("effect")
    if v == "allow":
        return "allowed", "success", "Allow", "Success"
    if v != "deny":
        return None, None, None, "NA"
    if e is None:
        return ("denied", None, "Deny", "Failure") if event.get("mode") == "enforce" else ("not-enforced", "success", "Allow", "Success")
    return {"none": ("not-enforced", "success", "Allow", "Success"), "passed": ("not-enforced", "success", "Allow", "Success"),
            "held_dropped": ("blocked", "failure", "Drop", "Failure"), "rejected": ("blocked", "failure", "Deny", "Failure"),
            "reset": ("blocked", "failure", "Reset", "Failure"), "reset_seen": ("blocked", "failure", "Reset", "Failure"),
            "reset_sent": ("reset-sent", None, "Reset", "Failure")}[e]


def signature(event):
    kind = event["type"]
    if kind in ("flow", "rollup"):
        act = action(event)[0]
        word = {"allowed": "allow", "not-enforced": "deny-passed", None: "unjudged"}.get(act, "deny")
        return f"{kind}:would-deny" if word == "allow" and event.get("would_verdict") == "deny" else f"{kind}:{word}"
    word = event.get("signal") or event.get("what")
    return f"{kind}:{word}" if word and kind not in ("incident", "dns", "seal") else kind


def check_cef(where, event, text, line, place):
    head, pairs = parse_cef(line)
    if head[0] != "CEF:0" or head[1:3] != ["Weir", "Weir"] or not head[3]:
        finding(where, f"header {head[:4]}")
    want = cut(clean(re.sub(r"[\r\n]", " ", signature(event))), 4000)
    if head[4] != want:
        finding(where, f"signature {head[4]!r}, expected {want!r}")
    if not head[6].isdigit() or int(head[6]) > 10:
        finding(where, f"severity {head[6]!r}")
    got = {}
    for key, value in pairs:
        if key in got:
            finding(where, f"key {key} twice")
        if not value:
            finding(where, f"key {key} is empty")
        if re.search(r"(?<!\\)(\\\\)*=", value):
            finding(where, f"key {key}: an = that is not escaped")
        got[key] = unescape(value, {"=": "=", "n": "\n", "r": "\r"})
    cuts = set(got.pop("WeirCut", "").split(",")) - {""}
    if ("line" in cuts) != ("cut" in event):
        finding(where, "WeirCut and cut differ")
    told = {"cat"}
    seal = got.pop("WeirSeal", None)
    if (seal is not None) != (event["type"] == "seal") or (seal is not None and seal != text):
        finding(where, "WeirSeal is not the seal's line")
    act, outcome = action(event)[:2] if event["type"] in ("flow", "rollup") else (None, None)
    if got.get("act") != act or got.get("outcome") != outcome:
        finding(where, f"act {got.get('act')}, outcome {got.get('outcome')}, expected {act}, {outcome}")
    told |= {"act", "outcome"}
    for name in event:
        for key, label in place.get(name, ({}, [], []))[0].items():
            raw = re.search(r'"%s":(\{.*?\})[,}]' % name, text).group(1) if name == "detail" else None
            full = expected_cef(event, name, key, raw)
            if full is None:
                continue
            most = LIMITS.get(key, 4000 if re.match(r"cs\d|Weir", key) else 1023)
            value = clean(cut(full, most))
            if value != clean(full) and key not in cuts:
                finding(where, f"{key} was cut and WeirCut does not say so")
            if got.get(key) != value:
                finding(where, f"{name}: {key} is {got.get(key)!r}, expected {value!r}")
            told.add(key)
            if label:
                told.add(key + "Label")
                if got.get(key + "Label") != label:
                    finding(where, f"{key}Label is {got.get(key + 'Label')!r}, expected {label!r}")
    told |= {"c6a2Label"} if "c6a2" in told else set()
    told |= {"c6a3Label"} if "c6a3" in told else set()
    for key in got:
        if key not in told:
            finding(where, f"key {key} comes from no field")
        if key[:4] != "Weir" and key.removesuffix("Label") not in COLUMNS:
            finding(where, f"key {key} is in no column of CommonSecurityLog")


# ---- ASIM ----

TYPES = {"string": str, "int": int, "long": int, "bool": bool, "real": float, "datetime": str, "dynamic": dict}


def columns(name):
    ret = {}
    for row in data(name):
        note = row.get("values_or_note", row.get("values")) or ""
        note = re.sub(r"^(tester: .*|as \w+.*)$", "", note)
        words = re.sub(r" \(.*$", "", note)
        ret[row["field"]] = (row["class"], row["type"], set(words.split("|")) if "|" in words else None)
    return ret


def check_columns(where, row, known):
    for column, value in row.items():
        cls, kind, words = known.get(column, (None, None, None))
        if cls is None:
            finding(where, f"{column} is no column")
            continue
        if type(value) is not TYPES[kind]:
            finding(where, f"{column} is {value!r}, not of type {kind}")
        elif kind == "int" and not 0 <= value < 2 ** 31 or kind == "long" and not 0 <= value < 2 ** 63:
            finding(where, f"{column} is out of range: {value}")
        elif kind == "datetime" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value):
            finding(where, f"{column} is no time in UTC: {value!r}")
        elif words and value not in words:
            finding(where, f"{column} is {value!r}, allowed: {sorted(words)}")
        elif kind == "string" and not value:
            finding(where, f"{column} is empty")
    for column, (cls, _, _) in known.items():
        if cls == "Mandatory" and column not in row:
            finding(where, f"{column} is mandatory")
    for column, other in (("DvcIdType", "DvcId"), ("DstDomainType", "DstDomain"), ("SrcUsernameType", "SrcUsername"),
                          ("UsernameType", "Username"), ("DstAppType", "DstAppName")):
        if (column in row) != (other in row):
            finding(where, f"{column} without {other}, or the other way round")


def expected_asim(event, name, column):
    """(True, value), or (False, None): the column follows from more than this field, or is another's."""
    value = event[name]
    if column in ("EventOriginalUid", "EventUid"):
        return True, "-".join(str(event[x]) for x in ("sensor", "seq") if x in event)
    if column in ("DvcAction", "EventResult"):
        return action(event)[2 if column == "DvcAction" else 3] is not None, action(event)[2 if column == "DvcAction" else 3]
    if column == "DvcOriginalAction":
        return True, "/".join(event[x] for x in ("verdict", "effect") if x in event)
    if column == "EventSubType":
        return value != "update", {"start": "Start", "end": "End"}.get(value)
    if column in ("Src", "Dst"):
        return True, value
    if column in ("DstFQDN", "DstHostname", "DstDomain"):
        first, _, rest = value.partition(".")
        dotted = bool(first and rest) and not is_address(value)
        if column == "DstHostname":
            return True, first if dotted else value
        return dotted, value if column == "DstFQDN" else rest
    if column == "NetworkProtocol":
        return True, "IPV6-ICMP" if value == "icmp6" else value.upper().removeprefix("IP-")
    if column == "NetworkApplicationProtocol":
        return value not in ("unknown", "other"), value.upper()
    if column == "NetworkDirection":
        return True, {"outbound": "Outbound", "inbound": "Inbound", "internal": "Local"}[value]
    if column in ("SrcUsername", "Username"):
        return not is_mac(value) and not is_address(value), value
    if column == "SrcMacAddr":
        return is_mac(value), value
    if column in ("NetworkRuleName", "RuleName"):
        return True, event.get("rule_label") or event.get("rule")
    if column in ("NetworkBytes", "NetworkPackets"):
        what = column[7:].lower()
        return True, min(event[f"{what}_out"] + event[f"{what}_in"], 2 ** 63 - 1)
    if column == "NetworkDuration":
        return True, min(value // 1000, 2 ** 31 - 1)
    if column == "EventCount":
        return True, min(value, 2 ** 31 - 1)
    if column == "ThreatRiskLevel":
        return True, min(value, 100)
    if column in ("EventResultDetails", "EventSeverity"):
        return False, None
    return True, value


def in_additional(event, name, wanted):
    """Must the field stand in AdditionalFields?"""
    if "+" not in wanted or name in ("v", "type"):
        return False
    if name == "rule":
        return "rule_label" in event
    if name == "principal":
        value = event[name]
        if event["type"] in ("flow", "rollup"):
            return is_address(value) and value != event.get("src_ip")
        return is_address(value) or is_mac(value)
    return True


def check_asim(where, event, row, place, known):
    check_columns(where, row, known)
    network = IN_FORM[event["type"]] == "network"
    more = row.get("AdditionalFields", {})
    for name in event:
        wanted = place.get(name, ({}, ["+"], ["+"]))[1 if network else 2]
        for column in wanted:
            if column == "+":
                continue
            holds, value = expected_asim(event, name, column)
            if holds and row.get(column) != value:
                finding(where, f"{name}: {column} is {row.get(column)!r}, expected {value!r}")
        if in_additional(event, name, wanted):
            if more.get(name) != event[name]:
                finding(where, f"{name} is not in AdditionalFields as it stands in the ledger")
        elif name in more and not (name == "protocol" and event[name] in ("unknown", "other")):
            finding(where, f"{name} is in AdditionalFields and in a column")
    for name in more:
        if name not in event:
            finding(where, f"AdditionalFields.{name} comes from no field")


def lines_of(name):
    with open(name, "rb") as f:
        text = f.read().decode("utf-8")  # strict
    if text and not text.endswith("\n"):
        finding(name, "the last line has no end")
    return text.split("\n")[:-1]


def main():
    ledger, cef, asim = (lines_of(a) for a in sys.argv[1:4])
    place = places()
    known = {"network": columns("asim_networksession_0.2.7.csv"), "alert": columns("asim_alertevent_0.1.csv")}
    stored = {row["column"] for row in data("commonsecuritylog.csv")}
    for key, column in COLUMNS.items():
        if column not in stored:
            finding("CommonSecurityLog", f"has no column {column} for {key}")
    events = [(json.loads(t), t) for t in ledger]
    if len(cef) != len(events):
        finding(sys.argv[2], f"{len(cef)} lines for {len(events)} events")
    for i, ((event, text), line) in enumerate(zip(events, cef)):
        check_cef(f"{sys.argv[2]}:{i + 1}", event, text, line, place)
    with_row = [(e, t) for e, t in events if e["type"] in IN_FORM]
    if len(asim) != len(with_row):
        finding(sys.argv[3], f"{len(asim)} lines for {len(with_row)} events")
    for i, ((event, _), line) in enumerate(zip(with_row, asim)):
        check_asim(f"{sys.argv[3]}:{i + 1}", event, json.loads(line), place, known[IN_FORM[event["type"]]])
    for text in findings[:40]:
        print(text, file=sys.stderr)
    print(f"{len(events)} events, {len(cef)} in CEF, {len(asim)} in ASIM, {len(findings)} findings", file=sys.stderr)
    return 1 if findings or not events else 0


if __name__ == "__main__":
    sys.exit(main())
