# SPDX-License-Identifier: Apache-2.0
"""Resolvers that tell the gateway what they answered (dns.log): a real unbound, and others."""
import json
import os
import signal
import socket
import struct
import time
import unittest

import lab as places
from case import GatewayCase
from netns import LabError, wait_for
from servers import Keeper

RESOLVER = "10.1.0.1"  # the gateway's own address: what clients ask there passes no FORWARD
NAME, PORT = "told.names.example", 6881
NOISE = b"\x93\x17\xe4\xc2\x05\x99"
UNBOUND = """\
server:
  interface: {address}
  access-control: 10.1.0.0/16 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  verbosity: 1
  module-config: "iterator"
  local-zone: "names.example." static
  local-data: "{name}. 300 IN A {keeper}"
remote-control:
  control-enable: no
dnstap:
  dnstap-enable: yes
  dnstap-socket-path: "{socket}"
  dnstap-log-client-response-messages: yes
  dnstap-log-client-query-messages: yes
"""


def frame(kind, content=b"protobuf:dnstap.Dnstap"):
    body = struct.pack(">I", kind) + (struct.pack(">II", 1, len(content)) + content if content else b"")
    return struct.pack(">II", 0, len(body)) + body


class ResolverLog(GatewayCase):
    auto_start = False
    weir_options = {"mode": "monitor"}

    def begin(self, **options):
        weir = self.new_weir(**options)
        self.socket = os.path.join(weir.folder, "dnstap.sock")
        with open(weir.conf, "a", encoding="ascii") as f:
            f.write(f'dns = {{ log = "{self.socket}"; log_group = "nogroup"; }};\n')
        weir.start()
        return weir.wait_status(lambda s: s["resolver_log"]["ready"], 10, "it listens")

    def resolver(self):
        conf = os.path.join(self.lab.dir, "unbound.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(UNBOUND.format(address=RESOLVER, folder=self.lab.dir, name=NAME,
                                   keeper=places.KEEPER, socket=self.socket))
        unbound = self.lab.daemon(self.lab.gateway, ["unbound", "-d", "-c", conf], "unbound")
        wait_for(self.ask, 30, "unbound answers")
        return unbound

    def ask(self):
        try:
            return self.lab.dig(NAME, "A", RESOLVER)
        except LabError:
            return []

    def log(self):
        return self.weir.status()["resolver_log"]

    def stats(self):
        return json.loads(self.weir.ctl("stats", "--json").stdout)

    def test_a_name_of_which_the_wire_tells_nothing(self):
        """unbound answers, the gateway sees no query, and knows whom its client means."""
        status = self.begin()
        self.assertIn("dns.log: no resolver is connected", status["warnings"])
        self.assertEqual(os.stat(self.socket).st_mode & 0o777, 0o660)
        self.addCleanup(self.lab.daemons.pop, "unbound", None)
        unbound = self.resolver()
        self.assertEqual(self.ask(), [places.KEEPER])
        row = wait_for(lambda: self.weir.ctl("dns", "--json", "--name", NAME).stdout, 30, "it is told")
        row = json.loads(row)
        self.assertEqual((row["address"], row["site"], row["clients"]),
                         (places.KEEPER, "lab", [places.CLIENT]))
        keeper = Keeper(self.lab, places.KEEPER, PORT)
        self.addCleanup(keeper.close)
        port = self.lab.next_port()
        with self.lab.socket_to(places.KEEPER, PORT, sport=port) as s:
            s.sendall(NOISE)
            keeper.wait_got(port, len(NOISE))
        start = self.weir.ledger.flow(port, "start", 15)
        self.assertEqual((start.get("host"), start.get("evidence")), (NAME, "dns"), start)
        log = self.log()
        self.assertEqual(log["connections"], 1)
        self.assertGreaterEqual(log["answers"], 1)
        self.assertLess(log["silent_s"], 30)
        self.assertNotIn("dns.log: no resolver is connected", self.weir.status()["warnings"])
        stats = self.stats()
        self.assertEqual((stats["dnstap_connections_broken"], stats["dnstap_unusable"],
                          stats["dnstap_lost"]), (0, 0, 0))
        self.assertGreaterEqual(stats["dnstap_others"], 1, "queries")
        text = self.weir.ctl("status").stdout
        self.assertRegex(text, r"(?m)^resolver log .*dnstap.sock: 1 connected, ")
        unbound.terminate()
        unbound.wait(10)
        self.weir.wait_status(
            lambda s: "dns.log: no resolver is connected" in s["warnings"], 10, "its end is told")
        self.assertEqual(self.stats()["dnstap_connections_broken"], 0)

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.settimeout(5)
        s.connect(self.socket)
        return s

    def test_others_are_hung_up_and_traffic_goes_on(self):
        self.begin(mode="enforce")
        pid = int(self.weir.pid("dnstap"))
        bad = self.connect()
        bad.sendall(b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(bad.recv(100), b"")
        good = self.connect()
        good.sendall(frame(4))
        self.assertEqual(good.recv(100), frame(1))
        good.sendall(frame(2) + struct.pack(">I", 5) + b"\xff" * 5)
        wait_for(lambda: self.stats()["dnstap_unusable"] == 1, 5, "it is counted")
        good.sendall(frame(3, b""))
        self.assertEqual(good.recv(100), frame(5, b""))
        self.assertEqual(good.recv(100), b"")
        crowd = [self.connect() for _ in range(40)]
        wait_for(lambda: self.stats()["dnstap_connections_refused"] == 24, 5, "16 are taken")
        for s in crowd:
            s.close()
        wait_for(lambda: self.log()["connections"] == 0, 5, "they are gone")
        self.assertEqual(self.stats()["dnstap_connections_broken"], 1)
        self.assertEqual(int(self.weir.pid("dnstap")), pid)
        self.assertTrue(self.lab.tls("make.powerapps.com").ok)

    def test_rights_and_death(self):
        self.begin(mode="enforce")
        pid, enforcer = int(self.weir.pid("dnstap")), self.weir.pid("enforcer")
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            now = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        self.assertEqual((now["Seccomp"], now["NoNewPrivs"]), ("2", "1"))
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(int(now[kind], 16), 0, kind)
        self.assertEqual(sorted(int(d) for d in os.listdir(f"/proc/{pid}/fd"))[3:], [3])
        with open(f"/proc/{pid}/maps", encoding="ascii") as f:
            shared = [line.split()[0] for line in f if line.split()[1][3] == "s"]
        sizes = sorted(int(b, 16) - int(a, 16) for a, b in (s.split("-") for s in shared))
        # Two pages of numbers at most, and one ring: nothing of the ledger or of verdicts.
        self.assertEqual([s >> 12 << 12 for s in sizes if s > 8192], [(1 << 20) + 4096], shared)
        os.kill(pid, signal.SIGSEGV)
        self.weir.wait_status(
            lambda s: s["resolver_log"]["ready"] and int(s["pids"]["dnstap"]) not in (0, pid), 10,
            "another listens")
        again = self.connect()
        again.sendall(frame(4))
        self.assertEqual(again.recv(100), frame(1))
        self.assertEqual(self.weir.pid("enforcer"), enforcer)
        self.assertEqual(self.weir.ledger.events(type="loss"), [])
        self.assertTrue(self.lab.tls("make.powerapps.com").ok)
        self.weir.stop()
        time.sleep(0.1)
        self.assertFalse(os.path.exists(self.socket))


if __name__ == "__main__":
    unittest.main()
