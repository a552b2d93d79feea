#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run scenario files: connections at given moments, and what Weir must say of each.

usage: scenario.py WEIR FILE.scenario...

A file holds, one a line (# comments):
    conf NAME                    configuration beside the scenario file
    at TIME SRC -> HOST ADDRESS[@PORT]  VERDICT  SIGNAL[,SIGNAL]...  [FIELD=VALUE]...
    dns TIME SRC RESOLVER NAME ADDRESS
    flood COUNT KIND TIME SRC -> HOST ADDRESS[@PORT]
    told WORD[,WORD]...          the self-checks that are told in the run, "-" for none
TIME is RFC 3339; the connection is a TLS handshake's first packets made here, at that packet
time; no clock of the machine is read.  VERDICT is allow or deny; SIGNAL... are all signals
that must be written for it, "-" for none; FIELD is one of its start event, "-" an absent one, a
list with commas, blanks as %20.  until=TIME keeps the connection open with a byte every two minutes;
updates=VERDICT@MINUTE is what its update events must say, in the minute of each, "-" for none ("would-deny"
where report-only lines deny).  A `dns` line is a question of SRC and the resolver's answer.  A `flood`
is COUNT connections, a second apart, of which nothing is wanted: of one KIND of client (alike), each
of another (kinds: different JA4), or that ask ADDRESS for a tunnel to HOST (connect).  Prints TAP.
"""
import ipaddress
import json
import os
import struct
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from urllib.parse import unquote


def client_hello(host, kind=0):
    """Of that kind of client: so many cipher suites more."""
    ciphers = struct.pack(f">{kind + 1}H", 0x1301, *range(0xC02B, 0xC02B + kind))
    name = host.encode()
    sni = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
    extensions = struct.pack(">HH", 0, len(sni)) + sni
    extensions += bytes.fromhex("002b0003020304" "000a00040002001d" "000d0004000204030033")
    extensions += bytes.fromhex("0026 0024 001d 0020".replace(" ", "")) + bytes(range(32))
    body = b"\x03\x03" + bytes(32) + b"\x00" + struct.pack(">H", len(ciphers)) + ciphers + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(message)) + message


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(source, target, sport, dport, seq, ack, flags, payload=b""):
    src, dst = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 64240, 0, 0) + payload
    pseudo = src + dst + struct.pack(">II", 6, len(tcp))
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    if len(src) == 4:
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, src, dst)
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        kind = b"\x08\x00"
    else:
        ip = struct.pack(">IHBB16s16s", 0x60000000, len(tcp), 6, 64, src, dst)
        kind = b"\x86\xdd"
    return bytes(6) + b"\x02" + bytes(5) + kind + ip + tcp


def connection(source, target, sport, dport, first):
    """A handshake, and what the client says first."""
    yield segment(source, target, sport, dport, 1000, 0, 0x02)
    yield segment(target, source, dport, sport, 5000, 1001, 0x12)
    yield segment(source, target, sport, dport, 1001, 5001, 0x10)
    yield segment(source, target, sport, dport, 1001, 5001, 0x18, first)


def talk(source, target, sport, dport, seq, begin, until):
    """(time, frame): the server's hello, then a byte every two minutes, and its acknowledgement."""
    hello = bytes.fromhex("160303002a" "02000026" "0303") + b"r" * 32 + bytes.fromhex("00" "1301" "00")
    yield begin + 1000, segment(target, source, dport, sport, 5001, seq, 0x18, hello)
    for n, t in enumerate(range(begin + 120000000, until + 1, 120000000)):
        yield t, segment(source, target, sport, dport, seq + n, 5001 + len(hello), 0x18, b"x")
        yield t + 1, segment(target, source, dport, sport, 5001 + len(hello), seq + n + 1, 0x10)


def micro(time):
    moment = datetime.fromisoformat(time.replace("Z", "+00:00"))
    return int(moment.timestamp()) * 1000000 + moment.microsecond


def update_of(event):
    would = event["verdict"] == "allow" and event.get("would_verdict") == "deny"
    return ("would-deny" if would else event["verdict"]) + "@" + event["time"][:16]


def datagram(source, target, sport, dport, payload):
    src, dst = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    if len(src) == 4:
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, src, dst)
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        kind = b"\x08\x00"
    else:
        ip = struct.pack(">IHBB16s16s", 0x60000000, len(udp), 17, 64, src, dst)
        udp = udp[:6] + struct.pack(">H", checksum(src + dst + struct.pack(">II", len(udp), 17) + udp)) + udp[8:]
        kind = b"\x86\xdd"
    return bytes(6) + b"\x02" + bytes(5) + kind + ip + udp


def lookup(source, resolver, sport, name, address):
    """A question and its answer, with a TTL of 60 s."""
    data = ipaddress.ip_address(address).packed
    kind = 1 if len(data) == 4 else 28
    question = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"
    question += struct.pack(">HH", kind, 1)
    record = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
    yield datagram(source, resolver, sport, 53, struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + question)
    yield datagram(resolver, source, 53, sport,
                   struct.pack(">6H", 7, 0x8180, 1, 1, 0, 0) + question + record)


def flood(number, count, kind, time, source, host, target):
    """Steps of which nothing is wanted; what comes first stands where `at` has its fields."""
    begin = datetime.fromisoformat(time.replace("Z", "+00:00"))
    for i in range(count):
        first = (f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode() if kind == "connect" else
                 client_hello(host, i if kind == "kinds" else 0))
        yield number, (begin + timedelta(seconds=i)).isoformat(), source, host, target, None, "", first


def parse(path):
    conf, steps, told = None, [], None
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "conf" and len(words) == 2:
                conf = os.path.join(os.path.dirname(path), words[1])
            elif words[0] == "at" and len(words) >= 8 and words[3] == "->":
                steps.append((number, *words[1:3], *words[4:8], words[8:]))
            elif words[0] == "dns" and len(words) == 6:
                steps.append((number, words[1], words[2], words[4], words[5], words[3], None, None))
            elif words[0] == "flood" and len(words) == 8 and words[2] in ("alike", "kinds", "connect"):
                steps.extend(flood(number, int(words[1]), *words[2:5], *words[6:8]))
            elif words[0] == "told" and len(words) == 2:
                told = (number, words[1])
            else:
                sys.exit(f"{path}:{number}: not understood")
    return conf, told, sorted(steps, key=lambda s: datetime.fromisoformat(s[1].replace("Z", "+00:00")))


def capture_of(steps):
    out, timed = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)], []
    for k, (_, time, source, host, target, verdict, want, fields) in enumerate(steps):
        begin = micro(time)
        address, _, port = target.partition("@")
        frames = (lookup(source, verdict, 20000 + k, host, target) if want is None else
                  connection(source, address, 20000 + k, int(port or 443),
                             client_hello(host) if want else fields))
        timed.extend((begin + n, frame) for n, frame in enumerate(frames))
        for until in (f[6:] for f in (fields if want else []) if f.startswith("until=")):
            timed.extend(talk(source, address, 20000 + k, int(port or 443), 1001 + len(client_hello(host)), begin,
                              micro(until)))
    for t, frame in sorted(timed, key=lambda f: f[0]):
        out.append(struct.pack("<IIII", t // 1000000, t % 1000000, len(frame), len(frame)) + frame)
    return b"".join(out)


def run(weir, path):
    conf, told, steps = parse(path)
    with tempfile.NamedTemporaryFile(suffix=".pcap") as capture:
        capture.write(capture_of(steps))
        capture.flush()
        done = subprocess.run(
            [weir, "replay", "-q", "-c", conf, "--events", "-", capture.name],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
        )
    name = os.path.basename(path)
    if done.returncode != 0:
        print(f"not ok - {name}: exit {done.returncode}: {done.stderr.decode()[:600]}")
        return False
    starts, signals, ports, checks, updates = {}, {}, {}, [], {}
    for line in done.stdout.splitlines():
        e = json.loads(line)
        if e["type"] == "flow" and e["phase"] == "start":
            starts[e["src_port"]] = e
            ports[e["flow_id"]] = e["src_port"]
        elif e["type"] == "flow" and e["phase"] == "update":
            updates.setdefault(e["src_port"], []).append(update_of(e))
        elif e["type"] == "signal":
            signals.setdefault(ports[e["flow_id"]], []).append(e["signal"])
        elif e["type"] == "system" and e["what"].startswith("selfcheck_"):
            checks.append(e["what"])
    good = told is None or told[1] == (",".join(sorted(checks)) or "-")
    if told is not None:
        print(f"{'ok' if good else 'not ok'} - {name}:{told[0]} self-checks")
    if not good:
        print(f"# wanted {told[1]}, got {checks}")
    for k, (number, time, source, host, _target, verdict, want, fields) in enumerate(steps):
        if not want: # a lookup, or one of many
            continue
        start = starts.get(20000 + k, {})
        got = [start.get("verdict"), ",".join(sorted(signals.get(20000 + k, []))) or "-"]
        wanted = [verdict, ",".join(sorted(want.split(",")))]
        for field, _, value in (f.partition("=") for f in fields):
            if field == "until":
                continue
            if field == "updates":
                got.append(f"updates={','.join(updates.get(20000 + k, [])) or '-'}")
                wanted.append(f"updates={value}")
                continue
            there = start.get(field, "-")
            got.append(f"{field}={','.join(there) if isinstance(there, list) else there}")
            wanted.append(f"{field}={unquote(value)}")
        print(f"{'ok' if got == wanted else 'not ok'} - {name}:{number} {time} {source} -> {host}")
        if got != wanted:
            good = False
            print(f"# wanted {wanted}, got {got}")
    return good


def main():
    sys.exit(not all([run(sys.argv[1], path) for path in sys.argv[2:]]))


if __name__ == "__main__":
    main()
