# SPDX-License-Identifier: Apache-2.0
"""Packets: captures by tcpdump, a TCP client made of single segments, TLS hellos."""
import ipaddress
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import time
from collections import namedtuple

from netns import LabError, wait_for

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD

# length: the whole IP packet; payload: bytes behind the TCP or UDP header.
Packet = namedtuple("Packet", "time src dst proto sport dport flags seq length payload data")


def parse_ip(when, ethertype, data):
    """An IPv4 or IPv6 packet without extension headers; None for all else."""
    if ethertype == ETH_P_IP and len(data) >= 20:
        header = (data[0] & 15) * 4
        length, proto = struct.unpack_from(">H", data, 2)[0], data[9]
        src, dst = data[12:16], data[16:20]
    elif ethertype == ETH_P_IPV6 and len(data) >= 40:
        header = 40
        length, proto = struct.unpack_from(">H", data, 4)[0] + 40, data[6]
        src, dst = data[8:24], data[24:40]
    else:
        return None
    rest = data[header:]
    if proto == socket.IPPROTO_TCP and len(rest) >= 20:
        sport, dport, seq = struct.unpack_from(">HHI", rest)
        flags, inner = rest[13], (rest[12] >> 4) * 4
    elif proto == socket.IPPROTO_UDP and len(rest) >= 8:
        sport, dport = struct.unpack_from(">HH", rest)
        seq = flags = 0
        inner = 8
    else:
        sport = dport = seq = flags = inner = 0
    return Packet(when, str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst)), proto,
                  sport, dport, flags, seq, length, length - header - inner,
                  rest[inner:length - header])


def read_pcap(path):
    """The IP packets of an Ethernet capture in this machine's byte order."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 24:
        raise LabError(f"{path}: no capture")
    nano = struct.unpack_from("=I", data)[0] == 0xA1B23C4D
    at = 24
    while at + 16 <= len(data):
        seconds, part, kept, _ = struct.unpack_from("=IIII", data, at)
        frame = data[at + 16:at + 16 + kept]
        at += 16 + kept
        if len(frame) >= 14:
            packet = parse_ip(seconds + part / (1e9 if nano else 1e6),
                              struct.unpack_from(">H", frame, 12)[0], frame[14:])
            if packet:
                yield packet


class Capture:
    """tcpdump on one interface; nothing may get lost."""

    def __init__(self, ns, interface, path, expression="ip or ip6", snaplen=160):
        self.path = path
        self.log = path + ".log"
        with open(self.log, "wb") as log:
            self.process = ns.popen(
                ["tcpdump", "-i", interface, "-s", str(snaplen), "-B", "65536", "-Z", "root", "-n",
                 "--immediate-mode", "-U", "-w", path, *expression.split()],
                stdout=subprocess.DEVNULL, stderr=log)
        wait_for(lambda: b"listening on" in self._said(), 10, "tcpdump listens")

    def _said(self):
        with open(self.log, "rb") as f:
            return f.read()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)

    def stop(self):
        """End it; the packets, in order.  An error when one was dropped."""
        time.sleep(0.2)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        lines = [line for line in self._said().splitlines() if b"dropped by kernel" in line]
        if not lines or not lines[0].startswith(b"0 "):
            raise LabError(f"the capture is not complete: {lines}")
        packets = list(read_pcap(self.path))
        os.unlink(self.path)
        return packets


def payload_to(packets, port=443, src=None, proto=socket.IPPROTO_TCP):
    """Payload bytes that clients sent to a port."""
    return sum(p.payload for p in packets
               if p.dport == port and p.proto == proto and src in (None, p.src))


def client_hello(host, alpn=()):
    """A TLS hello as OpenSSL sends it, one record."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=host).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def server_hello():
    """A plain TLS 1.3 server hello, for servers that only pretend."""
    extensions = bytes.fromhex("002b00020304" "00330024001d0020") + os.urandom(32)
    body = (b"\x03\x03" + os.urandom(32) + b"\x00\x13\x01\x00"
            + struct.pack(">H", len(extensions)) + extensions)
    message = b"\x02" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x03" + struct.pack(">H", len(message)) + message


def application_record(size=16384):
    return b"\x17\x03\x03" + struct.pack(">H", size) + os.urandom(size)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class SegmentClient:
    """A TCP client whose every segment the test makes: order, content and hop limit.

    Its address belongs to no kernel (the gateway knows it by a fixed neighbour entry), so
    that nobody answers for it.
    """

    def __init__(self, lab, server, port=443, host="10.1.0.77", host6="fd01::77", stamp=None):
        self.server = ipaddress.ip_address(server)
        self.address = ipaddress.ip_address(host if self.server.version == 4 else host6)
        self.port, self.sport = port, lab.next_port()
        self.next_mac, self.mac = lab.mac("gateway", "c0"), lab.mac("client", "eth0")
        with lab.client:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind(("eth0", ETH_P_ALL))
        self.seq = random.getrandbits(32)
        self.ack = 0
        self.stamp = stamp  # of RFC 7323 in every segment; None: none
        self.received = b""
        self.was_reset = self.was_closed = False

    def close(self):
        self._segment(self.seq, RST, b"")
        self.socket.close()

    def _segment(self, seq, flags, data, ttl=64):
        src, dst = self.address.packed, self.server.packed
        options = b"" if self.stamp is None else struct.pack(">BBBBII", 1, 1, 8, 10, self.stamp, 0)
        tcp = struct.pack(">HHIIBBHHH", self.sport, self.port, seq % 2**32, self.ack,
                          (20 + len(options)) << 2, flags, 64240, 0, 0) + options + data
        pseudo = src + dst + struct.pack(">II", len(tcp), socket.IPPROTO_TCP)
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
        if len(src) == 4:
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), random.getrandbits(16),
                             0x4000, ttl, 6, 0, src, dst)
            ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
            kind = ETH_P_IP
        else:
            ip = struct.pack(">IHBB16s16s", 0x60000000, len(tcp), 6, ttl, src, dst)
            kind = ETH_P_IPV6
        self.socket.send(self.next_mac + self.mac + struct.pack(">H", kind) + ip + tcp)

    def _answers(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame = self.socket.recv(65536)
            except TimeoutError:
                return
            packet = parse_ip(0, struct.unpack_from(">H", frame, 12)[0], frame[14:])
            if packet and (packet.src, packet.sport, packet.dport) == (
                    str(self.server), self.port, self.sport):
                yield packet

    def connect(self, timeout=3):
        self._segment(self.seq, SYN, b"")
        for packet in self._answers(timeout):
            if packet.flags & (SYN | ACK) == SYN | ACK:
                self.seq += 1
                self.ack = (packet.seq + 1) % 2**32
                self._segment(self.seq, ACK, b"")
                return self
            if packet.flags & RST:
                raise ConnectionResetError("refused")
        raise LabError("no answer to the SYN")

    def send(self, offset, data, ttl=64):
        """Bytes of the stream from `offset` on."""
        self._segment(self.seq + offset, PSH | ACK, data, ttl)

    def listen(self, seconds, until=lambda client: client.was_reset or client.was_closed):
        """Take and acknowledge what comes, until the time is over or `until` says so."""
        for packet in self._answers(seconds):
            if packet.flags & RST:
                self.was_reset = True
            if packet.seq == self.ack and packet.payload:
                self.received += packet.data[:packet.payload]
                self.ack = (self.ack + packet.payload) % 2**32
                self._segment(self.seq, ACK, b"")
            if packet.flags & FIN:
                self.was_closed = True
            if until(self):
                break
        return self
