#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Walk enum undecidable and enum flag: each word has a line in the documents and a case.

usage: reasons.py WEIR      TAP

Tables: tests/golden/undecidable.tsv and flags.tsv, `word<TAB>case<TAB>rules`.  A case is run, and its
events must hold the word, and be the same bytes with three workers; of a reason, the summary must
count it, too.  A case is one of
    FILE [from N] [to N] [cut N]   packets N to N of a capture, each cut after so many bytes
    made NAME                      what make_NAME() below gives
    unit FOLDER/PROGRAM TEST       a unit test, where replaying cannot come to it: it must name the word
    scenario NAME                  a file of tests/scenario, under its configuration
    reserved                       no source writes it, and the documents say "reserved"
Rules: lines of a rule file with "; " between, or "-".
"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

import scenario
from make_captures import RAW, checksum, pcap_header, pcap_record, pseudo

CONF = """sites = ( { name = "site"; inside = [ "10.0.0.0/8" ]; resolvers = [ "10.20.0.2" ]; } );
limits = { max_heads = 100; };
"""
CLIENT, SERVER = bytes([10, 9, 0, 2]), bytes([198, 51, 100, 7])
SYN, ACK = 0x02, 0x10


def read(name):
    with open(name, encoding="utf-8") as f:
        return f.read()


def words(name):
    """Identifier to word."""
    body = re.search(r"#define %s\(X\)(.*?[^\\])\n" % name, read("src/model/names.h"), re.S).group(1)
    return {w: i for i, w in re.findall(r'X\((\w+),\s*"([^"]*)"\)', body) if w}


def rows(path):
    out = [line.rstrip("\n").split("\t") for line in read(path).splitlines() if line[:1] != "#"]
    for row in out:
        if len(row) != 3:
            sys.exit(f"{path}: {row[0]}: {len(row)} columns, not 3")
    return out


# ---- captures ------------------------------------------------------------------------------


def ip(src, dst, segment):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 7, 0x4000, 64, 6, 0, src, dst)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + segment


def tcp(from_client, port, seq, ack, flags, data=b""):
    ports = (port, 80) if from_client else (80, port)
    ends = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
    head = struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 64240, 0, 0) + data
    total = checksum(pseudo(*ends, 6, head))
    return ip(*ends, head[:16] + struct.pack(">H", total) + head[18:])


def capture(packets):
    return pcap_header(RAW) + b"".join(
        pcap_record(1795313476, 1000 * i, p) for i, p in enumerate(packets))


def talk(data, port=40000, size=1400):
    """A handshake, then the client's data in segments that the server acknowledges."""
    out = [tcp(True, port, 999, 0, SYN), tcp(False, port, 4999, 1000, SYN | ACK)]
    for at in range(0, len(data), size):
        part = data[at:at + size]
        out.append(tcp(True, port, 1000 + at, 5000, ACK, part))
        out.append(tcp(False, port, 5000, 1000 + at + len(part), ACK))
    return out


def make_big_request():
    return capture(talk(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 3500))


def make_desync():
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
    return capture(talk(request + b"\1\2\3nonsense\r\n\r\n", size=len(request)))


def make_crowd():
    """More connections at a time that have not said their name than are kept."""
    return capture([p for i in range(150) for p in talk(b"GET / HT", 40000 + i)])


def make_early_data():
    name = b"a.example"
    sni = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
    extensions = struct.pack(">HH", 0, len(sni)) + sni + struct.pack(">HH", 42, 0)
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0"
    body += struct.pack(">H", len(extensions)) + extensions
    hello = b"\1" + len(body).to_bytes(3, "big") + body
    return capture(talk(b"\x16\3\1" + struct.pack(">H", len(hello)) + hello))


def make_inherited():
    """A recorded QUIC connection, and one of its short headers once more, from another port."""
    data = open("tests/captures/real/chromium_quic_2.pcap", "rb").read()
    at, number = 24, 0
    while number < 103:
        record, number = at, number + 1
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
    seconds, fraction, kept, length = struct.unpack_from("<IIII", data, record)
    frame = bytearray(data[record + 16:at])
    frame[34:36], frame[40:42] = b"\x9c\x40", bytes(2)  # the port; no checksum of UDP
    return data + struct.pack("<IIII", seconds + 300, fraction, kept, length) + frame


def part_of(path, options):
    data = open(path, "rb").read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at, number, out = 24, 0, data[:24]
    first, last, cut = (options.get(k, d) for k, d in (("from", 1), ("to", 1 << 30), ("cut", 1 << 30)))
    while at < len(data):
        seconds, fraction, kept, length = struct.unpack_from(order + "IIII", data, at)
        number += 1
        if first <= number <= last:
            n = min(kept, cut)
            out += struct.pack(order + "IIII", seconds, fraction, n, length)
            out += data[at + 16:at + 16 + n]
        at += 16 + kept
    return out


def bytes_of(case):
    if case.startswith("made "):
        return globals()["make_" + case[5:]]()
    if case.startswith("scenario "):
        return scenario.capture_of(scenario.parse(f"tests/scenario/{case[9:]}.scenario")[2])
    path, *rest = case.split()
    options = dict(zip(rest[::2], map(int, rest[1::2])))
    if not set(options) <= {"from", "to", "cut"} or len(rest) % 2:
        sys.exit(f"{case}: no such case")
    return part_of("tests/captures/" + path + ".pcap", options)


# ---- checks --------------------------------------------------------------------------------


def replay(weir, case, rules):
    """(flow events, summary)"""
    with tempfile.TemporaryDirectory() as folder:
        def put(name, data):
            path = os.path.join(folder, name)
            with open(path, "wb") as f:
                f.write(data)
            return path

        conf = put("c.conf", CONF.encode())
        if case.startswith("scenario "):
            conf = scenario.parse(f"tests/scenario/{case[9:]}.scenario")[0]
        argv = [weir, "replay", "--json", "-c", conf]
        text = "" if rules == "-" else rules.replace("; ", "\n")
        argv += ["-r", put("r.rules", f"version 1\n{text}\n".encode())]
        argv += ["-o", os.path.join(folder, "ledger"), put("c.pcap", bytes_of(case))]
        run = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if run.returncode != 0:
            return [], {"error": run.stderr.decode()}
        shared = subprocess.run([word.replace("ledger", "shared") for word in argv] + ["-j", "3"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        text, other = (read(os.path.join(folder, part, "000001.jsonl"))
                       for part in ("ledger", "shared"))
        # Each run seals with a key of its own; the seals' other bytes are the events' digests.
        text, other = ("\n".join(line for line in part.split("\n") if '"type":"seal"' not in line)
                       for part in (text, other))
        if shared.returncode != 0 or text != other:
            return [], {"error": "three workers write other bytes"}
        lines = text.splitlines()
        events = [json.loads(line) for line in lines]
        return [e for e in events if e["type"] == "flow"], json.loads(run.stdout)


def is_unit(case, prefix, identifier, word):
    _, program, test = case.split()
    text = read(f"tests/unit/{os.path.dirname(program)}/{os.path.basename(program)}.c")
    body = re.search(r"^static void %s\(void \*\*state\)\n\{.*?^\}" % test, text, re.S | re.M)
    registered = re.search(r"^\t\t\w+\(%s\)," % test, text, re.M)
    named = body and (f"{prefix}_{identifier}" in body.group(0) or f'{word}\\"' in body.group(0))
    return bool(named and registered)


def is_reserved(prefix, identifier, documented):
    sources = [os.path.join(d, f) for d, _, files in os.walk("src") for f in files if f.endswith(".c")]
    used = any(f"{prefix}_{identifier}" in read(s) for s in sources)
    return not used and "reserved" in documented


def lines_of(page, after):
    text = read(page).split(after, 1)[1] if after else read(page)
    text = re.split(r"\n##", text, maxsplit=1)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.*)\|$", text, re.M))


def walk(weir, enum, prefix, page, after, table):
    bad = False

    def say(ok, text):
        nonlocal bad
        print(f"{'ok' if ok else 'not ok'} - {text}")
        bad |= not ok

    all_words, documented = words(enum), lines_of(page, after)
    cases = {row[0]: row[1:] for row in rows(table)}
    say(set(all_words) == set(documented),
        f"{page} has a line for each of {enum} {sorted(set(all_words) ^ set(documented))}")
    say(set(all_words) == set(cases),
        f"{table} has a case for each of {enum} {sorted(set(all_words) ^ set(cases))}")
    for word, (case, rules) in cases.items():
        identifier = all_words.get(word, "?")
        if case == "reserved":
            say(is_reserved(prefix, identifier, documented.get(word, "")), f"{word}: reserved")
            continue
        if case.startswith("unit "):
            say(is_unit(case, prefix, identifier, word), f"{word}: {case}")
            continue
        flows, summary = replay(weir, case, rules)
        told = [e for e in flows if word in (
            e.get("flags", []) if enum == "FLAGS" else [e.get("undecidable")])]
        say(told, f"{word}: {case} {summary.get('error', '')}")
        if enum == "UNDECIDABLES":
            want = sum(e["phase"] != "end" and e["protocol"] != "dns" for e in told)
            got = summary.get("undecidable", {}).get(word, 0)
            say(got == want > 0, f"{word}: the summary counts {got} of {want}")
    return bad


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    bad = walk(sys.argv[1], "UNDECIDABLES", "UNDECIDABLE", "docs/undecidable.md", "",
               "tests/golden/undecidable.tsv")
    bad |= walk(sys.argv[1], "FLAGS", "FLAG", "docs/events.md", "\n### flag\n",
                "tests/golden/flags.tsv")
    sys.exit(bad)


if __name__ == "__main__":
    main()
