#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Re-address and re-time real captures into one.

usage: readdress.py PLAN SERVERS CAPTURE_DIR OUT.pcap

PLAN is a table: capture, client IPv4, client IPv6, resolver IPv4, start (RFC 3339).
SERVERS is a table: address in the capture, address to write instead; a port may follow the
first one ("10.20.0.2#3128"), else the resolver of the plan's line is meant for port 53.

What changes: IP addresses of client, servers and resolver; A, AAAA and address hints of
HTTPS records in DNS answers over UDP; the times of the frames (their distances stay); the
checksums, by the difference only, so that a checksum that was wrong stays as wrong as it
was.  What does not change: every other byte of every payload, the order of the frames of one
capture, ports, sequence numbers, MAC addresses.  Frames that are not IP, and neighbour
discovery, are left out.  The same input gives the same bytes.
"""
import ipaddress
import os
import struct
import sys
from datetime import datetime

CLIENT = (ipaddress.ip_address("10.10.0.2"), ipaddress.ip_address("fd10::2"))
DNS_PORT = 53


def table(path, columns):
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            fields = line.split()
            comment = next((k for k, word in enumerate(fields) if word[0] == "#"), len(fields))
            fields = fields[:comment]
            if not fields:
                continue
            if len(fields) != columns:
                sys.exit(f"{path}:{number}: {columns} columns are needed, not {len(fields)}")
            yield fields


def frames(path):
    with open(path, "rb") as f:
        data = f.read()
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    if magic != 0xA1B2C3D4 or link != 1:
        sys.exit(f"{path}: not a little-endian microsecond Ethernet pcap")
    at = 24
    while at + 16 <= len(data):
        sec, usec, caplen, length = struct.unpack_from("<IIII", data, at)
        if caplen != length:
            sys.exit(f"{path}: a frame was cut; checksums could not be kept")
        yield sec * 1000000 + usec, bytearray(data[at + 16 : at + 16 + caplen])
        at += 16 + caplen


def sum16(data):
    if len(data) % 2:
        data = bytes(data) + b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", bytes(data)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def adjust(old_checksum, before, after):
    """RFC 1624: the checksum of `after`, as right or wrong as that of `before` was."""
    total = (~old_checksum & 0xFFFF) + (~sum16(before) & 0xFFFF) + sum16(after)
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Plan:
    def __init__(self, client4, client6, resolver, servers):
        self.client = (ipaddress.ip_address(client4), ipaddress.ip_address(client6))
        self.resolver = ipaddress.ip_address(resolver)
        self.servers = servers
        self.missing = set()

    def address(self, packed, port):
        old = ipaddress.ip_address(bytes(packed))
        if old in CLIENT:
            return self.client[CLIENT.index(old)].packed
        if port == DNS_PORT:
            return self.resolver.packed if old.version == 4 else packed
        new = self.servers.get(f"{old}#{port}") or self.servers.get(str(old))
        if new is None:
            self.missing.add(f"{old} port {port}")
            return packed
        return ipaddress.ip_address(new).packed

    def answer(self, packed):
        """An address inside a DNS answer: a server's, whatever its port."""
        new = self.servers.get(str(ipaddress.ip_address(bytes(packed))))
        return packed if new is None else ipaddress.ip_address(new).packed


def skip_name(message, at):
    while message[at] != 0:
        if message[at] & 0xC0:
            return at + 2
        at += message[at] + 1
    return at + 1


def rewrite_hints(message, at, end, plan):
    at = skip_name(message, at + 2)
    while at + 4 <= end:
        key, length = struct.unpack_from(">HH", message, at)
        at += 4
        size = {4: 4, 6: 16}.get(key)
        if size:
            for k in range(at, at + length, size):
                message[k : k + size] = plan.answer(message[k : k + size])
        at += length


def rewrite_answers(message, plan):
    """`message`: a DNS message without length prefix, changed in place."""
    _, flags, questions, *counts = struct.unpack_from(">HHHHHH", message)
    if not flags & 0x8000:
        return
    at = 12
    for _ in range(questions):
        at = skip_name(message, at) + 4
    for _ in range(sum(counts)):
        at = skip_name(message, at)
        kind, _, _, length = struct.unpack_from(">HHIH", message, at)
        at += 10
        if (kind, length) in ((1, 4), (28, 16)):
            message[at : at + length] = plan.answer(message[at : at + length])
        elif kind == 65:
            rewrite_hints(message, at, at + length, plan)
        at += length


def pseudo(source, target, protocol, length):
    return bytes(source) + bytes(target) + struct.pack(">II", protocol, length)


def rewrite(frame, plan):
    """The frame with its addresses changed, or None when it is left out."""
    ethertype = struct.unpack_from(">H", frame, 12)[0]
    if ethertype == 0x0800:
        ip, size = 14, 4
        header = (frame[ip] & 15) * 4
        protocol = frame[ip + 9]
        total = struct.unpack_from(">H", frame, ip + 2)[0]
        source, l4 = ip + 12, ip + header
        end = ip + total
    elif ethertype == 0x86DD:
        ip, size = 14, 16
        protocol = frame[ip + 6]
        source, l4 = ip + 8, ip + 40
        end = l4 + struct.unpack_from(">H", frame, ip + 4)[0]
    else:
        return None
    if protocol not in (6, 17):
        return None
    target = source + size
    source_port, target_port = struct.unpack_from(">HH", frame, l4)
    port = {True: target_port, False: source_port}[
        ipaddress.ip_address(bytes(frame[source:target])) in CLIENT
    ]
    before = pseudo(frame[source:target], frame[target : target + size], protocol, end - l4)
    before_ip = bytes(frame[ip : ip + 20])
    before_l4 = bytes(frame[l4:end])
    frame[source:target] = plan.address(frame[source:target], port)
    frame[target : target + size] = plan.address(frame[target : target + size], port)
    if protocol == 17 and port == DNS_PORT:
        message = bytearray(frame[l4 + 8 : end])
        rewrite_answers(message, plan)
        frame[l4 + 8 : end] = message
    after = pseudo(frame[source:target], frame[target : target + size], protocol, end - l4)
    if size == 4:
        struct.pack_into(
            ">H", frame, ip + 10,
            adjust(struct.unpack_from(">H", frame, ip + 10)[0], before_ip, frame[ip : ip + 20]),
        )
    field = l4 + (16 if protocol == 6 else 6)
    old = struct.unpack_from(">H", frame, field)[0]
    if protocol == 6 or old != 0:
        new = adjust(old, before + before_l4, after + bytes(frame[l4:end]))
        struct.pack_into(">H", frame, field, new if protocol == 6 or new else 0xFFFF)
    return frame


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    plan_path, servers_path, folder, out_path = sys.argv[1:]
    servers = dict(table(servers_path, 2))
    out = []
    for order, (name, client4, client6, resolver, start) in enumerate(table(plan_path, 5)):
        plan = Plan(client4, client6, resolver, servers)
        begin = datetime.fromisoformat(start.replace("Z", "+00:00"))
        base = int(begin.timestamp()) * 1000000
        first = None
        for number, (time, frame) in enumerate(frames(os.path.join(folder, name))):
            first = time if first is None else first
            frame = rewrite(frame, plan)
            if frame is not None:
                out.append((base + time - first, order, number, bytes(frame)))
        if plan.missing:
            sys.exit(f"{servers_path}: no line for {', '.join(sorted(plan.missing))} ({name})")
    out.sort(key=lambda f: f[:3])
    with open(out_path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for time, _, _, frame in out:
            f.write(struct.pack("<IIII", time // 1000000, time % 1000000, len(frame), len(frame)))
            f.write(frame)
    print(f"{out_path}: {len(out)} frames")


if __name__ == "__main__":
    main()
