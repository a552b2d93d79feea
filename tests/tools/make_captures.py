#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/captures/forms: small capture files of every form that Weir reads, and of the
ways in which a file can be wrong.  Deterministic; needs nothing but Python.

usage: tests/tools/make_captures.py [FOLDER]
"""
import os
import struct
import sys
import zlib

START_S = 1795313476  # 2026-11-22T02:11:16Z
START_NS = 123456789
STEP_NS = 250000000

EN10MB, NULL, LOOP, RAW, SLL = 1, 0, 108, 101, 113
RADIOTAP, IPV4, IPV6, SLL2 = 127, 228, 229, 276
SNAPLEN = 262144


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src, dst, proto, l4):
    return src + dst + struct.pack(">II", len(l4), proto) + l4


V4 = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 7])
V6 = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "07")


def ipv4(proto, l4):
    def head(total):
        return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 7, 0x4000, 64, proto,
                           total, *V4)
    return head(checksum(head(0))) + l4


def ipv6(proto, l4):
    return struct.pack(">IHBB16s16s", 0x60000000, len(l4), proto, 64, *V6) + l4


def udp(ends, payload):
    def dgram(total):
        return struct.pack(">HHHH", 40000, 53, 8 + len(payload), total) + payload
    return dgram(checksum(pseudo(*ends, 17, dgram(0))) or 0xFFFF)


def tcp_syn(ends):
    def segment(total):
        return struct.pack(">HHIIBBHHH", 40001, 443, 1000, 0, 0x50, 0x02, 64240, total, 0)
    return segment(checksum(pseudo(*ends, 6, segment(0))))


QUERY = bytes.fromhex("123401000001000000000000") + b"\x04make\x09powerapps\x03com\0\0\1\0\1"
# Two packets of IPv4 and one of IPv6: (family, bytes)
PACKETS = [
    (4, ipv4(17, udp(V4, QUERY))),
    (4, ipv4(6, tcp_syn(V4))),
    (6, ipv6(17, udp(V6, QUERY))),
]
MACS = bytes.fromhex("020000000002020000000001")
ETHERTYPE = {4: 0x0800, 6: 0x86DD}


def frames(link):
    family = {4: 2, 6: 30}
    make = {
        EN10MB: lambda v, p: MACS + struct.pack(">H", ETHERTYPE[v]) + p,
        RAW: lambda v, p: p,
        IPV4: lambda v, p: p,
        IPV6: lambda v, p: p,
        SLL: lambda v, p: struct.pack(">HHH8sH", 0, 1, 6, MACS[6:] + b"\0\0", ETHERTYPE[v]) + p,
        SLL2: lambda v, p: struct.pack(">HHIHBB8s", ETHERTYPE[v], 0, 2, 1, 0, 6,
                                       MACS[6:] + b"\0\0") + p,
        NULL: lambda v, p: struct.pack("<I", family[v]) + p,
        LOOP: lambda v, p: struct.pack(">I", family[v]) + p,
        RADIOTAP: lambda v, p: b"\0\0\x08\0\0\0\0\0" + p,
    }[link]
    only = {IPV4: (4,), IPV6: (6,)}.get(link, (4, 6))
    return [make(v, p) for v, p in PACKETS if v in only]


def times(count):
    for i in range(count):
        ns = START_NS + i * STEP_NS
        yield START_S + ns // 10**9, ns % 10**9


def pcap_header(link, nano=False, order="<", snaplen=SNAPLEN):
    return struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0,
                       snaplen, link)


def pcap_record(seconds, fraction, data, wire_len=None, order="<", cap_len=None):
    return struct.pack(order + "IIII", seconds & 0xFFFFFFFF, fraction,
                       len(data) if cap_len is None else cap_len,
                       len(data) if wire_len is None else wire_len) + data


def pcap(link, nano=False, order="<", magic_link=None):
    out = pcap_header(link if magic_link is None else magic_link, nano, order)
    data = frames(link)
    for (s, ns), f in zip(times(len(data)), data):
        out += pcap_record(s, ns if nano else ns // 1000, f, order=order)
    return out


def block(kind, body):
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def section():
    return block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(link, snaplen=SNAPLEN, nano=False):
    options = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0) if nano else b""
    return block(1, struct.pack("<HHI", link, 0, snaplen) + options)


def enhanced(number, seconds, ns, data, nano=False):
    t = seconds * 10**9 + ns if nano else seconds * 10**6 + ns // 1000
    return block(6, struct.pack("<IIIII", number, t >> 32, t & 0xFFFFFFFF, len(data), len(data))
                 + data + b"\0" * (-len(data) % 4))


def pcapng(link, nano=False):
    out = section() + interface(link, nano=nano)
    data = frames(link)
    for (s, ns), f in zip(times(len(data)), data):
        out += enhanced(0, s, ns, f, nano)
    return out


def pcapng_two(link, snaplen=SNAPLEN):
    """Two interfaces, the second declared behind the first frame, as dumpcap may do it."""
    stamps = list(times(2))
    return (section() + interface(EN10MB) + enhanced(0, *stamps[0], frames(EN10MB)[0])
            + interface(link, snaplen) + enhanced(1, *stamps[1], frames(link)[1]))


def sound():
    micro = pcap(EN10MB)
    first = frames(EN10MB)[0]
    late = START_S + 25 * 365 * 86400  # past 2038: the 32nd bit is in use
    yield "ethernet.pcap", micro
    yield "ethernet_nano.pcap", pcap(EN10MB, nano=True)
    yield "ethernet_big_endian.pcap", pcap(EN10MB, order=">")
    yield "ethernet.pcapng", pcapng(EN10MB)
    yield "ethernet_nano.pcapng", pcapng(EN10MB, nano=True)
    yield "two_interfaces.pcapng", pcapng_two(EN10MB)
    yield "raw_ip.pcap", pcap(RAW)
    yield "ipv4.pcap", pcap(IPV4)
    yield "ipv6.pcap", pcap(IPV6)
    yield "sll.pcap", pcap(SLL)
    yield "sll2.pcap", pcap(SLL2)
    yield "null.pcap", pcap(NULL)
    yield "loop.pcap", pcap(LOOP)
    yield "snaplen.pcap", (pcap_header(EN10MB, snaplen=48) + b"".join(
        pcap_record(s, ns // 1000, f[:48], len(f))
        for (s, ns), f in zip(times(3), frames(EN10MB))))
    yield "no_frames.pcap", micro[:24]
    yield "backwards.pcap", (pcap_header(EN10MB) + pcap_record(START_S, 5, first)
                             + pcap_record(START_S - 2, 5, first)
                             + pcap_record(START_S + 1, 5, first))
    yield "after_2038.pcap", pcap_header(EN10MB) + pcap_record(late, 0, first)
    yield "no_wire_length.pcap", pcap_header(EN10MB) + pcap_record(START_S, 0, first, 0)


def unsound():
    micro = pcap(EN10MB)
    first, second = frames(EN10MB)[:2]
    one = pcap_header(EN10MB) + pcap_record(START_S, 0, first)
    yield "cut_in_file_header.pcap", micro[:20]
    yield "cut_in_record_header.pcap", one + micro[24:34]
    yield "cut_in_frame.pcap", one + pcap_record(START_S, 1, second)[:-5]
    yield "cut.pcapng", pcapng(EN10MB)[:-9]
    yield "fraction.pcap", one + pcap_record(START_S, 0x5AFE5AFE, second)
    yield "captured_length.pcap", one + pcap_record(START_S, 1, second, cap_len=0x7F000000)
    yield "wire_length.pcap", one + pcap_record(START_S, 1, second, 0x7F000000)
    yield "far_future.pcapng", (section() + interface(EN10MB)
                                + enhanced(0, START_S, 0, first)
                                + enhanced(0, 300000000000, 0, second))
    yield "two_link_types.pcapng", pcapng_two(RAW)
    yield "two_snaplens.pcapng", pcapng_two(EN10MB, 65535)
    yield "radiotap.pcap", pcap(RADIOTAP)
    yield "empty.pcap", b""
    yield "not_a_capture.txt", b"This is not a capture file, whatever its neighbours are.\n"
    yield "ethernet.pcap.gz", gzip(micro)


def gzip(data):
    """RFC 1952, stored and not compressed: the same bytes from any zlib."""
    z = zlib.compressobj(0, zlib.DEFLATED, -15)
    return (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + z.compress(data) + z.flush()
            + struct.pack("<II", zlib.crc32(data), len(data)))


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "captures", "forms")
    os.makedirs(folder, exist_ok=True)
    for name, data in (*sound(), *unsound()):
        with open(os.path.join(folder, name), "wb") as out:
            out.write(data)


if __name__ == "__main__":
    main()
