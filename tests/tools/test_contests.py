#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Contents in one place that an examiner found to be told falsely: what is told of each by its end."""
import json
import os
import subprocess
import tempfile
import unittest

import make_decoys as md
from make_captures import EN10MB, START_S, pcap_header, pcap_record
from make_protocols import ACK, IN, OUT, PSH, SYN, client_hello, datagrams, noise, tcp

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ALERT = b"\x15\3\3\0\2\2\x28"
CCS = b"\x14\3\3\0\1\1"
A, B, D, E = "aaaa.example", "bbbb.example", "dddd.example", "eeee.example"
GOOD, EVIL = "aaaaaaaa.bbbbbbbb.example", "cccccccc.dddddddd.example"
CROSSED = ["aaaaaaaa.dddddddd.example", "cccccccc.bbbbbbbb.example"]
CONFIG = 'sites = ( { name = "all"; inside = [ "10.0.0.0/8" ]; } );\n'
RETRY = md.records(md.server_hello(md.RETRY))
SHORT = b"\x40" + noise("short header", 60)
FIRST, SAID = 1001, 9001


def request(host, more="", method="GET"):
    return f"{method} / HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


def post(host, size):
    return request(host, f"Content-Length: {size}\r\n", "POST")


class Talk:
    """A connection of TCP; places are counted from the client's first byte."""

    def __init__(self, port=80, syn=True):
        self.ports, self.said, self.frames = (40000, port), 0, []
        if syn:
            self.syn()
            self.syn_ack()
            self.client(0, b"")

    def syn(self, data=b""):
        self.frames.append(tcp(OUT, self.ports, FIRST - 1, 0, SYN, data))

    def syn_ack(self, taken=0):
        self.frames.append(tcp(IN, self.ports, SAID - 1, FIRST + taken, SYN | ACK))

    def client(self, at, *data):
        for piece in data:
            self.frames.append(tcp(OUT, self.ports, FIRST + at, SAID + self.said, ACK | PSH, piece))
            at += len(piece)

    def server(self, taken, data=b""):
        self.frames.append(tcp(IN, self.ports, SAID + self.said, FIRST + taken, ACK, data))
        self.said += len(data)

    def start(self):
        """A request that is answered; where the next one begins."""
        before = request("start.example")
        self.client(0, before)
        self.server(len(before), ANSWER)
        return len(before)


def hello(host):
    return client_hello(GOOD).replace(GOOD.encode(), host.encode())


def quic_hello(host):
    return md.hello(GOOD.encode()).replace(GOOD.encode(), host.encode())


class Contests(unittest.TestCase):
    def told(self, frames):
        """Of the last event of the connection: host, undecidable, candidates, flags."""
        with tempfile.TemporaryDirectory() as folder:
            path, config = os.path.join(folder, "c.pcap"), os.path.join(folder, "c.conf")
            with open(config, "w", encoding="utf-8") as f:
                f.write(CONFIG)
            with open(path, "wb") as f:
                f.write(pcap_header(EN10MB))
                for i, frame in enumerate(frames):
                    f.write(pcap_record(START_S, i * 1000, frame))
            done = subprocess.run([os.path.join(ROOT, "weir"), "replay", "-q", "-c", config,
                                   "--events", "-", path], capture_output=True, check=True)
        return [e for e in map(json.loads, done.stdout.splitlines()) if e["type"] == "flow"][-1]

    def conflict(self, frames, *names, more=False):
        event = self.told(frames)
        self.assertEqual(event.get("undecidable"), "conflict")
        self.assertEqual(sorted(event.get("candidates", [])), sorted(names))
        self.assertEqual("more_candidates" in event["flags"], more)

    def test_what_came_far_ahead_is_not_known(self):
        talk, first = Talk(), post("start.example", 20000)
        behind = len(first) + 20000
        talk.client(0, first)
        talk.client(behind, request(E))
        talk.server(len(first))
        talk.client(len(first), *[bytes(1000)] * 20, request(A))
        talk.server(behind + len(request(A)), ANSWER)
        self.assertEqual(self.told(talk.frames)["undecidable"], "http_desync")

    def test_a_header_that_goes_beyond_the_head_is_not_known(self):
        talk = Talk()
        at = talk.start()
        real, other = (f"GET / HTTP/1.1\r\nX: {'q' * 17980}\r\nHost: {host}\r\n\r\n".encode() for host in (A, E))
        behind = request(D, "Y: " + "z" * 1000 + "\r\n")
        talk.client(at + 18000, (other + behind)[18000:])
        talk.client(at, *[real[i:i + 1200] for i in range(0, 18000, 1200)], real[18000:])
        talk.server(at + len(real + behind), ANSWER)
        self.assertNotIn("host", self.told(talk.frames))

    def test_a_waiting_request_may_be_another_one(self):
        talk = Talk()
        at = talk.start()
        talk.client(at, request(A) + request(D))
        talk.client(at + len(request(A)), request(E))
        talk.client(at, request(B))
        talk.server(at + 2 * len(request(A)), ANSWER)
        self.conflict(talk.frames, A, B, D, E)

    def test_a_waiting_request_behind_another_framing_may_be_another_one(self):
        talk, chunks = Talk(), b"5\r\nhello\r\n0\r\n\r\n"
        at = talk.start()
        real, other = (request(host, "Transfer-Encoding: chunked\r\n", "POST") for host in (A, B))
        talk.client(at, real + chunks)
        talk.client(at + len(real), b"4")
        talk.client(at, other)
        talk.server(at + len(real + chunks), ANSWER)
        self.conflict(talk.frames, A, more=True)

    def test_a_copy_of_what_is_acknowledged_changes_nothing(self):
        talk = Talk()
        at, cut = talk.start(), request(GOOD).index(b".bbbb")
        talk.client(at, request(GOOD))
        talk.server(at + cut)
        talk.client(at, request(EVIL)[:cut])
        talk.server(at + len(request(GOOD)), ANSWER)
        event = self.told(talk.frames)
        self.assertEqual((event["host"], event.get("undecidable")), (GOOD, None))

    def test_a_second_hello_may_come_before_it_is_asked_for(self):
        talk, size = Talk(443), len(hello(GOOD))
        talk.client(0, hello(GOOD), hello(EVIL))
        talk.server(size, RETRY)
        talk.client(size, hello(GOOD))
        talk.server(2 * size, ALERT)
        self.conflict(talk.frames, GOOD, EVIL)

    def test_a_second_hello_behind_a_change_cipher_spec(self):
        talk, size = Talk(443), len(hello(GOOD))
        talk.client(0, hello(GOOD))
        talk.server(size, RETRY)
        talk.client(size, CCS + hello(GOOD))
        talk.client(size + len(CCS), hello(EVIL))
        talk.server(2 * size + len(CCS), ALERT)
        self.conflict(talk.frames, GOOD, EVIL)

    def test_two_requests_with_a_syn(self):
        talk, size = Talk(syn=False), len(request(A))
        talk.syn(request(A))
        talk.syn(request(B))
        talk.syn_ack(size)
        talk.client(size, b"")
        talk.server(size, ANSWER)
        self.conflict(talk.frames, A, B, more=True)

    def test_a_syn_that_comes_again_with_less(self):
        for less in (0, 1, len(request(A)) - 1):
            for taken in (20, len(request(A))):
                with self.subTest(less=less, taken=taken):
                    talk, all_of = Talk(syn=False), request(A) + request(D)
                    talk.syn(request(A))
                    talk.syn(request(A)[:less])
                    talk.syn_ack(taken)
                    talk.client(taken, all_of[taken:])
                    talk.server(len(all_of), ANSWER * 2)
                    event = self.told(talk.frames)
                    self.assertEqual((event["host"], event.get("undecidable")), (D, None))
                    self.assertNotIn("decoy_ignored", event["flags"])

    def test_a_syn_of_other_numbers_that_was_not_taken(self):
        talk, size = Talk(syn=False), len(request(A))
        talk.syn(request(A))
        talk.frames.append(tcp(OUT, talk.ports, FIRST + 5000, 0, SYN))
        talk.syn_ack(size)
        talk.client(size, request(D))
        talk.server(2 * size, ANSWER * 2)
        event = self.told(talk.frames)
        self.assertEqual(event.get("undecidable"), "conflict")
        self.assertIn(A, event["candidates"])

    def test_bytes_in_the_place_of_those_of_a_syn(self):
        talk, size = Talk(syn=False), len(request(A))
        talk.syn(request(A))
        talk.client(0, request(B))
        talk.syn_ack(size)
        talk.client(size, b"")
        talk.server(size, ANSWER)
        self.conflict(talk.frames, A, B, more=True)

    def test_pieces_without_a_beginning(self):
        talk, size = Talk(443, syn=False), len(hello(GOOD))
        talk.client(24, hello(GOOD)[24:32])
        talk.client(24, hello(GOOD)[24:])
        talk.client(0, hello(EVIL))
        talk.server(size, ALERT)
        self.conflict(talk.frames, GOOD, EVIL)

    def test_a_contest_in_a_body_forgets_no_segment(self):
        talk, first, cut = Talk(), post("start.example", 10), request(GOOD).index(b".bbbb")
        behind = len(first) + 10
        talk.client(0, first + b"0123456789")
        talk.client(len(first), b"x123456789", request(GOOD)[:cut], request(GOOD)[cut:])
        talk.server(behind)
        talk.client(behind, request(EVIL))
        talk.server(behind + len(request(EVIL)), ANSWER)
        self.conflict(talk.frames, GOOD, EVIL, *CROSSED)

    def test_a_request_that_may_be_a_body(self):
        talk, size = Talk(), len(request(A))
        at = talk.start()
        talk.client(at, post(A, f"{size:02}") + request(E) + request(D))
        talk.client(at, post(A, "00"))
        talk.server(at + len(post(A, "00")) + 2 * size, ANSWER)
        self.conflict(talk.frames, A, more=True)

    def test_a_second_hello_of_another_quic_connection(self):
        one, two = noise("one", 8), noise("two", 8)
        good, evil = quic_hello(GOOD), quic_hello(EVIL)
        hello_retry = md.server_hello(md.RETRY)
        self.conflict(datagrams(443, (OUT, md.initial(OUT, two, 0, 0, good)), (OUT, md.initial(OUT, one, 0, 0, good)),
                                (IN, md.initial(IN, one, 0, 0, hello_retry)),
                                (OUT, md.initial(OUT, one, 1, len(good), evil)), (IN, SHORT)), GOOD, more=True)

    def test_two_second_hellos_of_quic(self):
        one, good, evil = noise("one", 8), quic_hello(GOOD), quic_hello(EVIL)
        self.conflict(datagrams(443, (OUT, md.initial(OUT, one, 0, 0, good)),
                                (IN, md.initial(IN, one, 0, 0, md.server_hello(md.RETRY))),
                                (OUT, md.initial(OUT, one, 1, len(good), good)),
                                (OUT, md.initial(OUT, one, 2, len(good), evil)), (IN, SHORT)), GOOD, EVIL)


if __name__ == "__main__":
    unittest.main()
