#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/captures/tunnels: the packets of some of tests/captures/real, each put into a
tunnel, one file for each form, and plain.pcap with the same packets as they were.

usage: tests/tools/make_tunnels.py [FOLDER]

The inner bytes are untouched.  What is around them was made here after the RFCs, not recorded:
switches 10.255.0.1 and 10.255.0.2 (fd00:ffff::1 and ::2) mirror to each other.  Frames that are
not IP are left out.  The same input gives the same bytes.
"""
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REAL = os.path.join(HERE, "..", "captures", "real")
SOURCES = ["dns_udp", "curl_http1", "node26_mlkem", "curl_h2_tls13_v6"]

MAC = bytes.fromhex("020000000002" "020000000001")
V4 = bytes([10, 255, 0, 1]), bytes([10, 255, 0, 2])
V6 = bytes.fromhex("fd00ffff" + "00" * 11 + "01"), bytes.fromhex("fd00ffff" + "00" * 11 + "02")
IPV4, IPV6, MPLS, PPPOE, TAG = 0x0800, 0x86DD, 0x8847, 0x8864, 0x8100


def checksum(data):
    data = bytes(data) + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frames(path):
    with open(path, "rb") as f:
        data = f.read()
    at = 24
    while at < len(data):
        sec, usec, caplen, _ = struct.unpack_from("<IIII", data, at)
        yield (sec, usec), data[at + 16 : at + 16 + caplen]
        at += 16 + caplen


def ethernet(kind, payload):
    return MAC + struct.pack(">H", kind) + payload


def family(packet):
    return IPV4 if packet[0] >> 4 == 4 else IPV6


def ipv4(proto, payload, ident=1, place=0):
    head = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(payload), ident & 0xFFFF, place, 64, proto)
    return head + struct.pack(">H", checksum(head + V4[0] + V4[1])) + V4[0] + V4[1] + payload


def ipv6(proto, payload):
    return struct.pack(">IHBB", 0x60000000, len(payload), proto, 64) + V6[0] + V6[1] + payload


def udp(port, payload):
    return struct.pack(">HHHH", 49152, port, 8 + len(payload), 0) + payload


def gre(kind, payload, key=None, sequence=None, summed=False):
    flags = (0x8000 if summed else 0) | (0x2000 if key is not None else 0)
    flags |= 0x1000 if sequence is not None else 0
    head = struct.pack(">HH", flags, kind)
    tail = b"" if key is None else struct.pack(">I", key)
    tail += b"" if sequence is None else struct.pack(">I", sequence)
    if not summed:
        return head + tail + payload
    value = checksum(head + bytes(4) + tail + payload)
    return head + struct.pack(">HH", value, 0) + tail + payload


def labels(count):
    return b"".join(
        struct.pack(">I", (16 + n) << 12 | (0x100 if n == count - 1 else 0) | 64)
        for n in range(count)
    )


def erspan2(frame, n):
    return gre(0x88BE, struct.pack(">HHI", 0x1064, 5, 9) + frame, sequence=n)


def erspan3(frame, n):
    head = struct.pack(">HHIHH", 0x2064, 5, n * 100, 0, 0x8001) + struct.pack(">Q", n)
    return gre(0x22EB, head + frame, sequence=n)


def pppoe(packet):
    body = struct.pack(">H", 0x0021 if family(packet) == IPV4 else 0x0057) + packet
    return ethernet(PPPOE, struct.pack(">BBHH", 0x11, 0, 7, len(body)) + body)


def vxlan(frame):
    return udp(4789, struct.pack(">II", 0x08000000, 0x123456 << 8) + frame)


def geneve(frame):
    return udp(6081, struct.pack(">BBHI", 2, 0, 0x6558, 0x123456 << 8) + bytes(8) + frame)


def ip_number(packet):
    return 4 if family(packet) == IPV4 else 41


def pieces4(proto, payload, n, mtu):
    """An IPv4 packet in fragments, every second one backwards."""
    step = (mtu - 20) // 8 * 8
    starts = range(0, len(payload), step)
    out = [
        ethernet(IPV4, ipv4(proto, payload[at : at + step], n,
                            at // 8 | (0x2000 if at + step < len(payload) else 0)))
        for at in starts
    ]
    return out[::-1] if n % 2 else out


def pieces6(proto, payload, n, mtu):
    step = (mtu - 48) // 8 * 8
    out = []
    for at in range(0, len(payload), step):
        more = at + step < len(payload)
        head = struct.pack(">BBHI", proto, 0, at | more, n)
        out.append(ethernet(IPV6, ipv6(44, head + payload[at : at + step])))
    return out[::-1] if n % 2 else out


# Form: what becomes of a frame `f`, its packet `p`, the n-th one.  A list: several frames.
FORMS = {
    "plain": lambda f, p, n: f,
    "pppoe": lambda f, p, n: pppoe(p),
    "mpls": lambda f, p, n: ethernet(MPLS, labels(2) + p),
    "mpls_ethernet": lambda f, p, n: ethernet(MPLS, labels(1) + f),
    "mpls_control_word": lambda f, p, n: ethernet(MPLS, labels(1) + bytes(4) + f),
    "gre": lambda f, p, n: ethernet(IPV4, ipv4(47, gre(family(p), p))),
    "gre_all_fields": lambda f, p, n: ethernet(
        IPV6, ipv6(47, gre(family(p), p, key=0xC0FFEE, sequence=n, summed=True))
    ),
    "gretap": lambda f, p, n: ethernet(IPV4, ipv4(47, gre(0x6558, f, key=7))),
    "erspan1": lambda f, p, n: ethernet(IPV4, ipv4(47, gre(0x88BE, f))),
    "erspan2": lambda f, p, n: ethernet(IPV4, ipv4(47, erspan2(f, n))),
    "erspan3": lambda f, p, n: ethernet(IPV4, ipv4(47, erspan3(f, n))),
    "vxlan": lambda f, p, n: ethernet(IPV4, ipv4(17, vxlan(f))),
    "vxlan_over_ipv6": lambda f, p, n: ethernet(IPV6, ipv6(17, vxlan(f))),
    "geneve": lambda f, p, n: ethernet(IPV4, ipv4(17, geneve(f))),
    "in_ipv4": lambda f, p, n: ethernet(IPV4, ipv4(ip_number(p), p)),
    "in_ipv6": lambda f, p, n: ethernet(IPV6, ipv6(ip_number(p), p)),
    "nested": lambda f, p, n: ethernet(
        TAG,
        struct.pack(">HH", 5, MPLS) + labels(3) + ipv4(17, vxlan(ethernet(
            IPV6, ipv6(47, gre(0x6558, pppoe(p), key=n)))))
    ),
    "erspan2_fragments": lambda f, p, n: pieces4(47, erspan2(f, n), n, 576),
    "vxlan_fragments": lambda f, p, n: pieces6(17, vxlan(f), n, 576),
    "nested_fragments": lambda f, p, n: [
        g for outer in pieces4(47, gre(0x6558, f), n, 576)
        for g in pieces6(4, outer[14:], n * 2 + (outer[20] >> 5), 320)
    ],
}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "..", "captures", "tunnels")
    os.makedirs(folder, exist_ok=True)
    real = []
    for name in SOURCES:
        real += list(frames(os.path.join(REAL, name + ".pcap")))
    real = [r for r in real if struct.unpack_from(">H", r[1], 12)[0] in (IPV4, IPV6)]
    real.sort(key=lambda r: r[0])
    for form, wrap in FORMS.items():
        with open(os.path.join(folder, form + ".pcap"), "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for n, ((sec, usec), frame) in enumerate(real, 1):
                made = wrap(frame, frame[14:], n)
                for one in made if isinstance(made, list) else [made]:
                    out.write(struct.pack("<IIII", sec, usec, len(one), len(one)) + one)


if __name__ == "__main__":
    main()
