#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes those of tests/captures/decoys that README.md says are made: tricks that once made Weir
say something false.  Deterministic; needs nothing but Python.

usage: tests/tools/make_decoys.py [FOLDER]
"""
import hashlib
import hmac
import os
import struct
import sys

from aes_gcm import encrypt_block, seal
from make_captures import EN10MB, MACS, START_S, STEP_NS, checksum, pcap_header, pcap_record
from make_protocols import ACK, CLIENT, IN, OUT, PSH, SERVER, SYN, TCP, datagrams, ipv4, noise

DECOY, REAL = b"static.pinecdn.org", b"ledger.oakfield-data.net"
AS_LONG = b"static.pinecdn-files.org"  # as REAL
FIRST = {OUT: 1001, IN: 9001}  # numbers of the first bytes
SPORT = 40000
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


# ---- TLS ------------------------------------------------------------------------------------------
def extension(kind, data):
    return struct.pack(">HH", kind, len(data)) + data


def hello(name, quic=True, pad=0, more=b""):
    """A ClientHello (RFC 8446 4.1.2), also one of QUIC (RFC 9001 8.2) with `quic`."""
    entry = b"\0" + struct.pack(">H", len(name)) + name
    share = struct.pack(">HH", 29, 32) + noise("key share", 32)
    all_of = extension(0, struct.pack(">H", len(entry)) + entry)
    all_of += extension(10, b"\0\2\0\x1d") + extension(13, b"\0\4\4\3\x08\4")
    all_of += extension(43, b"\2\3\4") + extension(51, struct.pack(">H", len(share)) + share)
    all_of += extension(16, b"\0\3\2h3") + extension(21, bytes(pad)) + more
    if quic:
        all_of += extension(57, b"\1\2\x67\x10")
    body = b"\3\3" + noise("random", 32) + b"\0" + b"\0\2\x13\1" + b"\1\0"
    return message(1, body + struct.pack(">H", len(all_of)) + all_of)


def message(kind, body):
    return bytes([kind]) + struct.pack(">I", len(body))[1:] + body


def records(data, size=16384):
    return b"".join(b"\x16\3\3" + struct.pack(">H", len(data[i:i + size])) + data[i:i + size]
                    for i in range(0, len(data), size))


def server_hello(random):
    return message(2, b"\3\3" + random + b"\0\x13\1\0" + b"\0\6" + extension(43, b"\3\4"))


# ---- TCP ------------------------------------------------------------------------------------------
def segment(out, ports, seq, ack, flags, data, window):
    ports = ports if out else ports[::-1]
    ends = CLIENT + SERVER if out else SERVER + CLIENT

    def with_sum(total):
        return struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, window, total, 0) + data
    plain = with_sum(0)
    return with_sum(checksum(ends + struct.pack(">HH", TCP, len(plain)) + plain))


class Stream:
    """A connection of TCP whose packets are written one by one."""

    def __init__(self, port, window=64240):
        self.ports = (SPORT, port)
        self.frames = []
        self.say(OUT, FIRST[OUT] - 1, 0, SYN)
        self.say(IN, FIRST[IN] - 1, FIRST[OUT], SYN | ACK, window=window)
        self.say(OUT, FIRST[OUT], FIRST[IN], ACK)

    def say(self, out, seq, ack, flags, data=b"", window=64240):
        self.frames.append(ipv4(out, TCP, segment(out, self.ports, seq, ack, flags, data, window)))

    def client(self, at, data, had=0):
        """`data` at offset `at`, when the server has said `had` bytes."""
        self.say(OUT, FIRST[OUT] + at, FIRST[IN] + had, PSH | ACK, data)

    def server(self, at, taken, data=b"", window=64240):
        self.say(IN, FIRST[IN] + at, FIRST[OUT] + taken, ACK | (PSH if data else 0), data, window)


def answer():
    return records(server_hello(noise("server", 32)))


def unseen():
    """The server acknowledges a hello that the capture lacks; then another comes in its place."""
    s, real = Stream(443), records(hello(REAL))
    s.server(0, len(real))
    s.client(0, records(hello(DECOY, pad=6)))
    s.server(0, len(real), answer())
    return s.frames


def cut():
    """Of the hello the file has the first 40 bytes; then another comes in place of the rest."""
    s, real = Stream(443), records(hello(REAL))
    s.client(0, real)
    s.frames[-1] = Cut(s.frames[-1], len(real) - 40)
    s.client(40, records(hello(DECOY, pad=6))[40:])
    s.server(0, len(real), answer())
    return s.frames


def closed_window():
    """Some of the hello fills the server's window; a decoy comes at its edge, and is not taken."""
    s, real = Stream(443, window=100), records(hello(REAL))
    s.client(0, real[:100])
    s.server(0, 100, window=0)
    s.client(100, records(hello(DECOY, pad=6))[100:])
    s.server(0, 100)
    s.client(100, real[100:])
    s.server(0, len(real), answer())
    return s.frames


def retry_records():
    """A HelloRetryRequest in records of 20 bytes; the hello behind it names another host."""
    s, first, second = Stream(443), records(hello(DECOY)), records(hello(REAL))
    ask = records(server_hello(RETRY), 20)
    s.client(0, first)
    s.server(0, len(first), ask)
    s.client(len(first), second, len(ask))
    s.server(len(ask), len(first) + len(second), answer())
    return s.frames


def fragments():
    """A hello's packet in overlapping fragments (RFC 791 3.2): its copies name two hosts, and the
    checksum is right for either."""
    s = Stream(443)
    real, other = (bytearray(segment(OUT, s.ports, FIRST[OUT], FIRST[IN], PSH | ACK,
                                     records(hello(name)), 64240)) for name in (REAL, AS_LONG))
    total, = struct.unpack(">H", real[16:18])
    have, was = (struct.unpack(">H", x)[0] for x in (other[16:18], other[40:42]))
    other[16:18] = real[16:18]
    # What the sums differ by goes into two bytes of the random, which lie in both fragments.
    other[40:42] = struct.pack(">H", (was + have - total) % 0xffff)
    for data, at, more in ((real[:112], 0, True), (other[32:112], 32, True), (real[112:], 112, False)):
        def head(check):
            return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 9,
                               at // 8 | (0x2000 if more else 0), 64, TCP, check, CLIENT, SERVER)
        s.frames.append(MACS + b"\x08\0" + head(checksum(head(0))) + data)
    s.server(0, len(real) - 20, answer())
    return s.frames


def connect_refused():
    """A proxy wants rights for a tunnel; the client asks it for a page of another host."""
    s = Stream(3128)
    first = b"CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n" % (DECOY, DECOY)
    second = b"GET http://%s/ HTTP/1.1\r\nHost: %s\r\n\r\n" % (REAL, REAL)
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    s.client(0, first)
    s.server(0, len(first), refusal)
    s.client(len(first), second, len(refusal))
    s.server(len(refusal), len(first) + len(second), b"HTTP/1.1 200 OK\r\n\r\n")
    return s.frames


def dns_questions():
    """Two questions in one segment; the second one is answered."""
    s, sent, said = Stream(53), b"", b""
    for number, name in enumerate((DECOY, REAL), 1):
        labels = b"".join(bytes([len(x)]) + x for x in name.split(b".")) + b"\0"
        question = labels + struct.pack(">HH", 1, 1)
        ask = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + question
        tell = struct.pack(">HHHHHH", number, 0x8180, 1, 1, 0, 0) + question
        tell += struct.pack(">HHHIH", 0xc00c, 1, 1, 60, 4) + SERVER
        sent += struct.pack(">H", len(ask)) + ask
        said = struct.pack(">H", len(tell)) + tell
    s.client(0, sent)
    s.server(0, len(sent), said)
    return s.frames


def ech_front():
    """An HTTPS record tells a public name of ECH (RFC 9849 4), which a hello with ECH then names."""
    config = b"\1\0\x20\0\x20" + noise("ech key", 32) + b"\0\4\0\1\0\1\x40"
    config = extension(0xfe0d, config + bytes([len(DECOY)]) + DECOY + b"\0\0")
    value = struct.pack(">H", len(config)) + config
    record = b"\0\1\0" + extension(4, SERVER) + extension(5, value)
    question = b"".join(bytes([len(x)]) + x for x in REAL.split(b".")) + b"\0\0\x41\0\1"
    ask = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question
    tell = struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0) + question
    tell += struct.pack(">HHHIH", 0xc00c, 65, 1, 300, len(record)) + record
    ask, tell = (struct.pack(">H", len(x)) + x for x in (ask, tell))
    dns, tls = Stream(53), Stream(443)
    dns.client(0, ask)
    dns.server(0, len(ask), tell)
    sealed = b"\0\0\1\0\1\x40\0\x20" + noise("ech share", 32) + b"\0\xd0" + noise("ech", 208)
    sent = records(hello(DECOY, quic=False, more=extension(0xfe0d, sealed)))
    tls.client(0, sent)
    tls.server(0, len(sent), answer())
    return dns.frames + tls.frames


# ---- what is no request, no command, no record ------------------------------------------------------
def request(host, more=b""):
    return b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n" + more + b"\r\n"


def behind_close():
    """A request behind one that ends the connection, which no server reads (RFC 9112 9.6)."""
    s, first = Stream(80), request(REAL, b"Connection: close\r\n")
    s.client(0, first + request(DECOY))
    s.server(0, len(first + request(DECOY)), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    return s.frames


def lost_request():
    """The server takes a request that the capture lacks; another follows."""
    s, ok = Stream(80), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    first, lost = request(DECOY), request(REAL)
    s.client(0, first)
    s.server(0, len(first), ok)
    s.server(len(ok), len(first + lost), ok)
    s.client(len(first + lost), first, 2 * len(ok))
    s.server(2 * len(ok), len(first + lost + first), ok)
    return s.frames


def mail(*steps):
    s, sent, said = Stream(587), 0, 0
    for by_client, data in steps:
        if by_client:
            s.client(sent, data, said)
            sent += len(data)
        else:
            s.server(said, sent, data)
            said += len(data)
    return s.frames


TO_DATA = ((False, b"220 mx ESMTP\r\n"), (True, b"EHLO a\r\n"), (False, b"250 STARTTLS\r\n"),
           (True, b"MAIL FROM:<a@b.example>\r\n"), (False, b"250 ok\r\n"),
           (True, b"RCPT TO:<c@d.example>\r\n"), (False, b"250 ok\r\n"),
           (True, b"DATA\r\n"), (False, b"354 go\r\n"))
END_OF_MAIL = ((True, b"\r\n.\r\n"), (False, b"250 ok\r\n"))


def mail_text():
    """A mail whose text holds STARTTLS and a hello."""
    sent = records(hello(DECOY, quic=False))
    return mail(*TO_DATA, (True, b"Subject: x\r\n\r\nSTARTTLS\r\n"), (True, sent), *END_OF_MAIL)


def mail_first():
    """A whole mail, then STARTTLS."""
    sent = records(hello(REAL, quic=False))
    return mail(*TO_DATA, (True, b"Subject: x\r\n"), *END_OF_MAIL, (True, b"STARTTLS\r\n"),
                (False, b"220 go\r\n"), (True, sent), (False, answer()))


# ---- QUIC -----------------------------------------------------------------------------------------
def expand(secret, label, size):
    """RFC 8446 7.1, of one block."""
    label = b"tls13 " + label
    info = struct.pack(">H", size) + bytes([len(label)]) + label + b"\0\x01"
    return hmac.digest(secret, info, hashlib.sha256)[:size]


def initial(out, dcid, number, at, data, first=0xc1):
    """An Initial with these bytes of CRYPTO in a datagram of 1,200 (RFC 9000 17.2.2, RFC 9001 5)."""
    salt = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
    secret = expand(hmac.digest(salt, dcid, hashlib.sha256), b"client in" if out else b"server in", 32)
    key, iv, hp = (expand(secret, b"quic " + word, n) for word, n in ((b"key", 16), (b"iv", 12), (b"hp", 16)))
    ids = bytes([len(dcid)]) + dcid + b"\0" if out else b"\0" + bytes([len(dcid)]) + dcid
    frames = b"\x06" + struct.pack(">HH", 0x4000 | at, 0x4000 | len(data)) + data
    front = bytes([first]) + struct.pack(">I", 1) + ids + b"\0"
    size = 1200 - len(front) - 2
    front += struct.pack(">H", 0x4000 | size)
    header = front + struct.pack(">H", number)
    nonce = iv[:10] + bytes(a ^ b for a, b in zip(iv[10:], struct.pack(">H", number)))
    sealed = seal(key, nonce, frames + bytes(size - 2 - 16 - len(frames)), header)
    mask = encrypt_block(hp, sealed[2:18])
    number_at = len(front)
    return bytes([header[0] ^ mask[0] & 0x0f]) + header[1:number_at] + bytes(
        a ^ b for a, b in zip(header[number_at:], mask[1:3])) + sealed


def quic_retry():
    """A HelloRetryRequest of QUIC; the hello behind it names another host."""
    dcid = noise("dcid", 8)
    first, second = hello(DECOY), hello(REAL)
    return datagrams(443, (OUT, initial(OUT, dcid, 0, 0, first)),
                     (IN, initial(IN, dcid, 0, 0, server_hello(RETRY))),
                     (OUT, initial(OUT, dcid, 1, len(first), second)),
                     (IN, b"\x40" + noise("short header", 60)))


def quic_no_parameters():
    """A hello that no server of QUIC takes (RFC 9001 8.2)."""
    return datagrams(443, (OUT, initial(OUT, noise("dcid", 8), 0, 0, hello(DECOY, quic=False))),
                     (IN, b"\x40" + noise("short header", 60)))


def quic_no_fixed_bit():
    """An Initial that servers discard (RFC 9000 17.2), then the real one under another id."""
    return datagrams(443, (OUT, initial(OUT, noise("decoy", 8), 0, 0, hello(DECOY), 0x81)),
                     (OUT, initial(OUT, noise("dcid", 8), 0, 0, hello(REAL))),
                     (IN, b"\x40" + noise("short header", 60)))


class Cut(bytes):
    """A frame of which the file has `lacks` bytes less."""

    def __new__(cls, frame, lacks):
        self = super().__new__(cls, frame[:len(frame) - lacks])
        self.lacks = lacks
        return self


CAPTURES = [unseen, cut, closed_window, retry_records, fragments, connect_refused, dns_questions,
            ech_front, behind_close, lost_request, mail_text, mail_first, quic_retry,
            quic_no_parameters, quic_no_fixed_bit]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "captures", "decoys")
    os.makedirs(folder, exist_ok=True)
    for make in CAPTURES:
        with open(os.path.join(folder, make.__name__ + ".pcap"), "wb") as f:
            f.write(pcap_header(EN10MB))
            for i, frame in enumerate(make()):
                ns = i * STEP_NS // 10
                f.write(pcap_record(START_S + ns // 10**9, ns % 10**9 // 1000, frame,
                                    len(frame) + getattr(frame, "lacks", 0)))


if __name__ == "__main__":
    main()
