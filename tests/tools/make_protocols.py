#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/captures/protocols: the first packets of protocols that no reader of Weir's knows,
made by their documents, not recorded.  Deterministic; needs nothing but Python.

usage: tests/tools/make_protocols.py [FOLDER]
"""
import hashlib
import os
import struct
import sys

from make_captures import EN10MB, MACS, START_S, STEP_NS, checksum, pcap_header, pcap_record

CLIENT, SERVER = bytes([10, 1, 0, 2]), bytes([198, 51, 100, 7])
OUT, IN = True, False
TCP, UDP, ESP = 6, 17, 50
FIN, SYN, PSH, ACK = 1, 2, 8, 16


def noise(name, size):
    """Bytes that stand for keys, nonces and what is encrypted."""
    return hashlib.shake_256(name.encode()).digest(size)


def ipv4(out, proto, l4):
    ends = (CLIENT, SERVER) if out else (SERVER, CLIENT)

    def head(total):
        return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 7, 0x4000, 64, proto, total, *ends)
    return MACS + b"\x08\0" + head(checksum(head(0))) + l4


def tcp(out, ports, seq, ack, flags, data=b""):
    ports = ports if out else ports[::-1]
    ends = CLIENT + SERVER if out else SERVER + CLIENT

    def segment(total):
        return struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 64240, total, 0) + data
    plain = segment(0)
    return ipv4(out, TCP, segment(checksum(ends + struct.pack(">HH", TCP, len(plain)) + plain)))


def stream(port, *said, sport=40000):
    """A connection of TCP: who says what, each in one segment; both ends close it."""
    ports = (sport, port)
    seq = {OUT: 1000, IN: 9000}
    yield tcp(OUT, ports, seq[OUT], 0, SYN)
    yield tcp(IN, ports, seq[IN], seq[OUT] + 1, SYN | ACK)
    seq = {OUT: 1001, IN: 9001}
    yield tcp(OUT, ports, seq[OUT], seq[IN], ACK)
    for out, data in said:
        yield tcp(out, ports, seq[out], seq[not out], PSH | ACK, data)
        seq[out] += len(data)
        yield tcp(not out, ports, seq[not out], seq[out], ACK)
    yield tcp(OUT, ports, seq[OUT], seq[IN], FIN | ACK)
    yield tcp(IN, ports, seq[IN], seq[OUT] + 1, FIN | ACK)
    yield tcp(OUT, ports, seq[OUT] + 1, seq[IN] + 1, ACK)


def datagrams(port, *said, sport=40000):
    for out, data in said:
        ports = (sport, port) if out else (port, sport)
        # No checksum: RFC 768.
        yield ipv4(out, UDP, struct.pack(">HHHH", *ports, 8 + len(data), 0) + data)


# ---- VPN ------------------------------------------------------------------------------------------
def wireguard():
    """wireguard.com/protocol: initiation, response, transport data."""
    first = struct.pack("<II", 1, 0x11223344) + noise("wg initiation", 140)
    second = struct.pack("<III", 2, 0x55667788, 0x11223344) + noise("wg response", 80)
    data = struct.pack("<IIQ", 4, 0x55667788, 0) + noise("wg data", 96)
    yield from datagrams(51820, (OUT, first), (IN, second), (OUT, data))


def openvpn_said(auth):
    """openvpn.net/community-resources/openvpn-protocol: key 0; `auth`: tls-auth with SHA-1."""
    sessions = {OUT: noise("openvpn client", 8), IN: noise("openvpn server", 8)}
    count = {OUT: 0, IN: 0}

    def message(out, opcode, acked, packet, data=b""):
        count[out] += 1
        proof = noise(f"hmac {out} {count[out]}", 20) + struct.pack(">II", count[out], START_S)
        acks = b"".join(struct.pack(">I", n) for n in acked)
        return (out, bytes([opcode << 3]) + sessions[out] + (proof if auth else b"")
                + bytes([len(acked)]) + acks + (sessions[not out] if acked else b"")
                + (b"" if packet is None else struct.pack(">I", packet)) + data)
    yield message(OUT, 7, [], 0)
    yield message(IN, 8, [0], 0)
    yield message(OUT, 5, [0], None)
    yield message(OUT, 4, [], 1, noise("openvpn hello", 200))


def openvpn():
    yield from datagrams(1194, *openvpn_said(True))


def openvpn_tcp():
    yield from stream(1194, *((out, struct.pack(">H", len(d)) + d)
                              for out, d in openvpn_said(True)))


def openvpn_bare():
    yield from datagrams(1194, *openvpn_said(False))


def ike(exchange, flags, payload):
    """RFC 7296 3.1: the header of IKEv2."""
    return (noise("ike initiator", 8) + (noise("ike responder", 8) if flags & 0x20 else b"\0" * 8)
            + struct.pack(">BBBBII", 33, 0x20, exchange, flags, 0, 28 + len(payload)) + payload)


def ipsec():
    body = struct.pack(">BBH", 34, 0, 40) + noise("ike sa", 36) \
        + struct.pack(">BBHHH", 40, 0, 72, 19, 0) + noise("ike ke", 64) \
        + struct.pack(">BBH", 0, 0, 36) + noise("ike nonce", 32)
    yield from datagrams(500, (OUT, ike(34, 0x08, body)), (IN, ike(34, 0x20, body)))


def ipsec_nat():
    """RFC 3948: four zero bytes in front of IKE, none in front of ESP."""
    body = struct.pack(">BBH", 0, 0, 100) + noise("ike auth", 96)
    esp = struct.pack(">II", 0xC0FFEE01, 1) + noise("esp", 120)
    yield from datagrams(4500, (OUT, b"\0" * 4 + ike(35, 0x08, body)),
                         (IN, b"\0" * 4 + ike(35, 0x20, body)), (OUT, esp))


# ---- remote desktop -------------------------------------------------------------------------------
def rdp():
    """MS-RDPBCGR 2.2.1.1: connection request with a cookie, and its confirmation."""
    cookie = b"Cookie: mstshash=lab\r\n" + bytes.fromhex("0100080003000000")
    request = struct.pack(">BBHBBHHB", 3, 0, 11 + len(cookie), 6 + len(cookie), 0xE0, 0, 0, 0)
    confirm = bytes.fromhex("030000130ed000001234000209080002000000")
    yield from stream(3389, (OUT, request + cookie), (IN, confirm))


def vnc():
    """RFC 6143 7.1.1: the server speaks first."""
    yield from stream(5900, (IN, b"RFB 003.008\n"), (OUT, b"RFB 003.008\n"), (IN, b"\1\2"),
                      (OUT, b"\2"))


def teamviewer():
    """The magic bytes that its packets on port 5938 begin with, as nDPI knows them."""
    said = [(out, b"\x17\x24\x0a\x20" + noise(f"teamviewer {i}", 36))
            for i, out in enumerate((OUT, IN, OUT, IN, OUT))]
    yield from stream(5938, *said)


# ---- file sharing ---------------------------------------------------------------------------------
def netbios(message):
    return struct.pack(">I", len(message)) + message


def smb1():
    """MS-CIFS 2.2.4.52 and 2.2.4.53: negotiate, session setup."""
    def message(command, out, words, data):
        return netbios(b"\xffSMB" + bytes([command]) + b"\0" * 4 + (b"\x18" if out else b"\x98")
                       + b"\x53\xc8" + b"\0" * 12 + b"\xff\xfe\0\0\0\0"
                       + bytes([len(words) // 2]) + words + struct.pack("<H", len(data)) + data)
    yield from stream(445, (OUT, message(0x72, OUT, b"", b"\x02NT LM 0.12\0")),
                      (IN, message(0x72, IN, noise("smb1 words", 34), noise("smb1 blob", 40))),
                      (OUT, message(0x73, OUT, noise("smb1 setup", 24), noise("smb1 token", 60))))


def smb2():
    """MS-SMB2 2.2.3: negotiate, and the answer's header."""
    def header(flags):
        return (b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ", 64, 0, 0, 0, 1, flags, 0, 0, 0xFEFF, 0, 0)
                + b"\0" * 16)
    request = header(0) + struct.pack("<HHHHI", 36, 2, 1, 0, 0x7F) + noise("smb guid", 16) \
        + b"\0" * 8 + struct.pack("<HH", 0x0210, 0x0300)
    answer = header(1) + struct.pack("<HHHH", 65, 1, 0x0300, 0) + noise("smb server", 56)
    yield from stream(445, (OUT, netbios(request)), (IN, netbios(answer)))


def handshake(who):
    """BEP 3: the handshake of peers."""
    return b"\x13BitTorrent protocol" + b"\0" * 8 + noise("torrent", 20) + noise(who, 20)


def bittorrent():
    yield from stream(51413, (OUT, handshake("peer a")), (IN, handshake("peer b")))


def bittorrent_dht():
    """BEP 5: ping, and its answer."""
    ask = b"d1:ad2:id20:" + noise("node a", 20) + b"e1:q4:ping1:t2:aa1:y1:qe"
    answer = b"d1:rd2:id20:" + noise("node b", 20) + b"e1:t2:aa1:y1:re"
    yield from datagrams(6881, (OUT, ask), (IN, answer))


def ftp():
    """RFC 959 5.4.  The password is to be found in no event."""
    yield from stream(21, (IN, b"220 files.lab.example FTP server ready\r\n"),
                      (OUT, b"USER lab\r\n"), (IN, b"331 Password required for lab\r\n"),
                      (OUT, b"PASS never-write-this\r\n"), (IN, b"230 User lab logged in\r\n"))


def nfs():
    """RFC 5531 8, RFC 1813: a NULL call of NFS version 3, and its reply."""
    call = struct.pack(">IIIIII", 7, 0, 2, 100003, 3, 0) + b"\0" * 16
    reply = struct.pack(">III", 7, 1, 0) + b"\0" * 12
    yield from stream(2049, (OUT, struct.pack(">I", 1 << 31 | len(call)) + call),
                      (IN, struct.pack(">I", 1 << 31 | len(reply)) + reply))


# ---- hidden names, and names by the catalogue -----------------------------------------------------
def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def client_hello(host):
    """RFC 8446 4.1.2, as short as it may be."""
    name = vector(2, b"\0" + vector(2, host.encode()))
    extensions = b"".join(struct.pack(">H", kind) + vector(2, data) for kind, data in (
        (0, name), (10, bytes.fromhex("0002001d")), (13, bytes.fromhex("00020804")),
        (43, bytes.fromhex("020304")), (51, vector(2, b"\0\x1d" + vector(2, noise(host, 32))))))
    body = (b"\3\3" + noise("random " + host, 32) + b"\0" + bytes.fromhex("00021301") + b"\1\0"
            + vector(2, extensions))
    return b"\x16\3\1" + vector(2, b"\1" + vector(3, body))


def tls(port, host):
    return lambda: stream(port, (OUT, client_hello(host)), (IN, b"\x15\3\3\0\2\2\x28"))


CAPTURES = {
    "wireguard": wireguard, "openvpn": openvpn, "openvpn_tcp": openvpn_tcp,
    "openvpn_bare": openvpn_bare, "ipsec": ipsec,
    "ipsec_nat": ipsec_nat, "rdp": rdp, "vnc": vnc, "teamviewer": teamviewer, "smb1": smb1,
    "smb2": smb2, "bittorrent": bittorrent, "bittorrent_dht": bittorrent_dht, "ftp": ftp,
    "nfs": nfs, "doh": tls(443, "dns.google"), "dot": tls(853, "one.one.one.one"),
    "anydesk": tls(443, "relay-01ab23cd.net.anydesk.com"),
    "tor": tls(443, "bridges.torproject.org"),
    "noise": lambda: stream(4711, (OUT, noise("noise out", 60)), (IN, noise("noise in", 60))),
}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "captures", "protocols")
    os.makedirs(folder, exist_ok=True)
    for name, packets in CAPTURES.items():
        with open(os.path.join(folder, name + ".pcap"), "wb") as f:
            f.write(pcap_header(EN10MB))
            for i, frame in enumerate(packets()):
                ns = i * STEP_NS // 10
                f.write(pcap_record(START_S + ns // 10**9, ns % 10**9 // 1000, frame))


if __name__ == "__main__":
    main()
