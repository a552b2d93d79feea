#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Connections whose client says different things in the same place, against a model of the server.

A segment may be lost, the first copy of each byte that arrives counts (RFC 9293 3.10.7.4), and the
server acknowledges what it has in order.  Whatever host it may have read so is a candidate, or
`more_candidates` says that there are others; none is believed.  Seed and number: WEIR_CONFLICTS="SEED N".
"""
import itertools
import json
import os
import random
import subprocess
import tempfile
import unittest

from make_captures import EN10MB, START_S, pcap_header, pcap_record
from make_protocols import ACK, IN, OUT, PSH, SYN, client_hello, tcp

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
HOST = "aaaaaaaa.bbbbbbbb.example"
FIRST = {OUT: 1001, IN: 9001}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ALERT = b"\x15\3\3\0\2\2\x28"
CONFIG = 'sites = ( { name = "all"; inside = [ "10.0.0.0/8" ]; } );\n'


def request(host):
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nX: y\r\n\r\n".encode()


def behind(host):
    return request("start.example") + request(host)


def body(text):
    return (f"POST / HTTP/1.1\r\nHost: start.example\r\nContent-Length: {len(text)}\r\n\r\n{text}"
            .encode() + request("next.example"))


def hello(host):
    return client_hello(HOST).replace(HOST.encode(), host.encode())


KINDS = ["first", "later", "behind", "later behind", "body", "later body", "tls", "tunnel", "later tunnel",
         "starttls", "socks", "proxy"]
MAKE = {"first": request, "later": request, "behind": behind, "body": body, "tls": hello, "tunnel": hello,
        "starttls": hello, "socks": hello, "proxy": hello}


class Server:
    """What it has of the intervals between the cuts."""

    def __init__(self, count):
        self.has, self.next = [None] * count, 0

    def take(self, begin, end, host):
        for i in range(begin, end):
            if self.has[i] is None:
                self.has[i] = host
        while self.next < len(self.has) and self.has[self.next] is not None:
            self.next += 1


class Case:
    def __init__(self, r, number):
        self.kind = r.choice(KINDS)
        self.make = MAKE[self.kind.split()[-1]]
        self.port = 20000 + number
        size, at = len(self.make(HOST)), self.make(HOST).index(HOST.encode())
        inner = {at + r.randrange(len(HOST)) for _ in range(r.choice([1, 2, 3]))}
        self.cuts = sorted({0, size} | inner)
        self.inside = [min(max(cut - at, 0), len(HOST)) for cut in self.cuts]
        self.hosts = ["".join(r.choice("abcdefgh") if c in "ab" and r.random() < .5 else c
                              for c in HOST[:-8]) + HOST[-8:] for _ in range(3)]
        while not self.play(r):
            pass
        self.may = self.outcomes()
        self.might = self.contents()

    def play(self, r):
        """Segments (begin, end, host) and acknowledgements, as they pass; true: all has arrived."""
        server, self.events = Server(len(self.cuts) - 1), []
        for _ in range(r.choice([2, 3, 4, 5])):
            begin, end = sorted(r.sample(range(len(self.cuts)), 2))
            self.events.append((begin, end, r.randrange(3)))
            if r.random() < .7:
                server.take(*self.events[-1])
            if r.random() < .35 and server.next > 0:
                self.events.append(server.next)
        self.events.append(server.next)
        return server.next == len(server.has)

    @property
    def paused(self):
        """Is some of a later request acknowledged before it is whole?  Behind two contents nothing is read."""
        kinds = "".join("s" if isinstance(e, tuple) else "a" for e in self.events)
        return "later " in self.kind and "as" in kinds

    def outcomes(self):
        segments = [e for e in self.events if not isinstance(e, int)]
        return {host for lost in itertools.product((False, True), repeat=len(segments))
                if (host := self.outcome(iter(lost))) is not None}

    def contents(self):
        """What another system's server may have made of them: they count in any order."""
        segments, taken = set(), 0
        for event in self.events:
            if isinstance(event, int):
                taken = event
            elif event[1] > taken:
                segments.add((max(event[0], taken), *event[1:]))
        return {self.outcome_of(order) for order in itertools.permutations(segments)}

    def outcome_of(self, order):
        server = Server(len(self.cuts) - 1)
        for segment in order:
            server.take(*segment)
        return self.host_of(server)

    def host_of(self, server):
        return "".join(self.hosts[n][self.inside[i]:self.inside[i + 1]]
                       for i, n in enumerate(server.has))

    def outcome(self, lost):
        server = Server(len(self.cuts) - 1)
        for event in self.events:
            if isinstance(event, int):
                if server.next < event:
                    return None
            elif not next(lost):
                server.take(*event)
        return self.host_of(server)

    def before(self):
        """What client and server have said before."""
        if self.kind.startswith("later"):
            yield request("start.example"), ANSWER
        if "tunnel" in self.kind:
            yield b"CONNECT start.example:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"

        if self.kind == "starttls":
            yield b"", b"220 mail.example\r\n"
            yield b"EHLO client.example\r\n", b"250-mail.example\r\n250 STARTTLS\r\n"
            yield b"STARTTLS\r\n", b"220 go on\r\n"
        if self.kind == "socks":
            yield b"\5\1\0", b"\5\0"
            yield b"\5\1\0\1\xc0\0\2\7\1\xbb", b"\5\0\0\1\0\0\0\0\0\0"
        if self.kind == "proxy":
            yield b"PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n", b""

    def frames(self):
        ports = (self.port, 443 if self.kind == "tls" else 80)
        at, said = FIRST[OUT], FIRST[IN]
        yield tcp(OUT, ports, at - 1, 0, SYN)
        yield tcp(IN, ports, said - 1, at, SYN | ACK)
        yield tcp(OUT, ports, at, said, ACK)
        for before, answer in self.before():
            yield tcp(OUT, ports, at, said, ACK | PSH, before)
            at += len(before)
            yield tcp(IN, ports, said, at, ACK | PSH, answer)
            said += len(answer)
            yield tcp(OUT, ports, at, said, ACK)
        for event in self.events:
            if isinstance(event, int):
                yield tcp(IN, ports, said, at + self.cuts[event], ACK)
            else:
                begin, end = self.cuts[event[0]], self.cuts[event[1]]
                yield tcp(OUT, ports, at + begin, said, ACK | PSH,
                          self.make(self.hosts[event[2]])[begin:end])
        yield tcp(IN, ports, said, at + self.cuts[-1], ACK | PSH,
                  ALERT if self.make is hello else ANSWER)

    def wrong(self, events):
        """What is wrong with what was told of it, or nothing."""
        told, believed, flags = set(), set(), set()
        for event in events:
            host = event.get("host")
            told |= {host, *event.get("candidates", [])}
            flags |= set(event.get("flags", []))
            if host and "undecidable" not in event:
                believed.add(host)
        if "body" in self.kind:  # the requests around it are as they are
            whole = told - {None} == {"start.example", "next.example"}
            return None if whole or ("start.example" in told and self.paused) else "body"
        believed -= {"start.example"}
        one = len({e[2] for e in self.events if not isinstance(e, int)}) == 1
        if one and believed != self.may and "tunnel" not in self.kind:  # where the proxy's is one, too
            return "not told"
        if len(self.may) > 1 and believed:
            return "believed"
        if not believed <= self.may:
            return "wrong"
        if not self.may <= told and "more_candidates" not in flags:
            return "no candidate"
        if "more_candidates" in flags:
            return "flagged" if len(self.might) < 16 and not self.paused else None
        if len(self.might) > 1 and told - {None, "start.example"} != self.might:
            return "other candidates"
        return None


class Conflicts(unittest.TestCase):
    def test_each_host_that_a_server_may_have_read_is_told(self):
        seed, count = (int(n) for n in os.environ.get("WEIR_CONFLICTS", "1 5000").split())
        r = random.Random(seed)
        cases = [Case(r, i) for i in range(count)]
        told = {case.port: [] for case in cases}
        with tempfile.TemporaryDirectory() as folder:
            path, config = os.path.join(folder, "c.pcap"), os.path.join(folder, "c.conf")
            with open(config, "w", encoding="utf-8") as f:
                f.write(CONFIG)
            with open(path, "wb") as f:
                f.write(pcap_header(EN10MB))
                for i, frame in enumerate(f for case in cases for f in case.frames()):
                    f.write(pcap_record(START_S + i // 1000, i % 1000 * 1000, frame))
            done = subprocess.run([os.path.join(ROOT, "weir"), "replay", "-q", "-c", config,
                                   "--events", "-", path], capture_output=True, check=True)
        for line in done.stdout.splitlines():
            event = json.loads(line)
            if event["type"] == "flow":
                told[event["src_port"]].append(event)
        self.assertGreater(sum(len(case.may) > 1 for case in cases), count // 4)
        for case in cases:
            with self.subTest(case.port, kind=case.kind, cuts=case.inside, hosts=case.hosts,
                              events=case.events, may=case.may):
                self.assertIsNone(case.wrong(told[case.port]))


if __name__ == "__main__":
    unittest.main()
