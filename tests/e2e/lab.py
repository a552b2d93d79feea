#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client, a gateway and a server in network namespaces, with real clients and servers.

    client eth0 10.1.0.2 fd01::2 -- c0 gateway s0 -- eth0 10.2.0.2 fd02::2 server

    lab.py --check        whether this machine can do it: exit 1 and the reason when not
    lab.py --self-test    the lab without Weir: every client and server once

All traffic stays in the three namespaces.  Everything is removed on exit, also after a fault.
"""
import argparse
import atexit
import contextlib
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections import namedtuple

import servers
from netns import PREFIX, LabError, Namespace, command, sweep, wait_for
from packets import Capture, SegmentClient, client_hello, payload_to
from pki import Pki

# Every address of the server side has its part.  All are on the server's one interface.
WEB, WEB6 = "10.2.0.2", "fd02::2"          # nginx, QUIC, DNS
KEEPER, KEEPER6 = "10.2.0.3", "fd02::3"    # servers.Keeper, as a test wants it
STREAM, STREAM6 = "10.2.0.4", "fd02::4"
BARE, BARE6 = "10.2.0.5", "fd02::5"        # nginx (HTTP/1 only), for rules about addresses
BARRED, BARRED6 = "10.2.0.66", "fd02::66"
CLIENT, CLIENT6 = "10.1.0.2", "fd01::2"
CROWD, CROWD6 = "10.1.0.3", "fd01::3"      # a second inside address: the one that misbehaves
BEFORE_DNAT = "10.3.0.9"
ANSWER_TYPES = {"A": 1, "AAAA": 28}

Curl = namedtuple("Curl", "rc status body port seconds error")
Tls = namedtuple("Tls", "ok error seconds port")

NEEDED = ["ip", "ss", "curl", "openssl", "nginx", "gtlsserver", "gtlsclient", "dnsmasq", "unbound", "dig",
          "tcpdump", "ethtool", "conntrack", "iptables", "ip6tables", "nft", "chromium"]


class Lab:
    """The three namespaces and what runs in them; a context."""

    numbers = itertools.count(1)

    def __init__(self, offloads=True, snat=False, dnat=False, dns_names=None, web=True,
                 apart=False):
        self.apart = apart
        self.offloads, self.snat, self.dnat = offloads, snat, dnat
        self.dns_names = dns_names or {}
        self.web = web
        self.stack = contextlib.ExitStack()
        self.ports = itertools.count(20000)
        self.expected_ports = set()
        self.daemons = {}
        self.client = self.gateway = self.server = None
        self.web_addresses = [WEB, WEB6, BARRED, BARRED6]
        self.bare_addresses = [BARE, BARE6]

    # ---- building it -------------------------------------------------------------------------
    def __enter__(self):
        return self.open()

    def __exit__(self, *_):
        self.close()

    def open(self):
        sweep()
        allow_files()
        atexit.register(self.close)
        try:
            self.dir = tempfile.mkdtemp(prefix=f"{PREFIX}-{os.getpid()}-")
            self.stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
            os.chmod(self.dir, 0o755)
            self.home = os.path.join(self.dir, "home")
            self.htdocs = os.path.join(self.dir, "htdocs")
            os.mkdir(self.home)
            self.environment = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                                "HOME": self.home, "LC_ALL": "C.UTF-8", "TMPDIR": self.dir}
            self.pki = Pki(self.dir)
            servers.fill(self.htdocs)
            self._wire()
            self._translate()
            if self.web:
                self.expected_ports = {"tcp80", "tcp443", "udp443", "udp53"}
                servers.start_nginx(self)
                servers.start_quic(self)
                servers.start_dns(self, [WEB, WEB6])
                servers.wait_listening(self)
            wait_for(self._links_up, 10, "all links are up")
            return self
        except BaseException:
            self.close()
            raise

    def close(self):
        atexit.unregister(self.close)
        self.stack.close()

    def _wire(self):
        number = next(Lab.numbers)
        for role in ("client", "gateway", "server"):
            ns = Namespace(f"{PREFIX}-{os.getpid()}-{number}-{role}")
            self.stack.callback(ns.close)
            setattr(self, role, ns)
        c, g, s = self.client, self.gateway, self.server
        for ns in (c, g, s):
            ns.sysctl(ipv6__conf__default__accept_dad=0)  # link-local addresses work at once
        for inner, outer, ns in (("eth0", "c0", c), ("eth0", "s0", s)):
            command(["ip", "link", "add", inner, "netns", ns.name, "type", "veth",
                     "peer", "name", outer, "netns", g.name])
        addresses = [
            (c, "eth0", [f"{a}/16" for a in (CLIENT, CROWD)], [CLIENT6, CROWD6]),
            (g, "c0", ["10.1.0.1/16"], ["fd01::1"]), (g, "s0", ["10.2.0.1/16"], ["fd02::1"]),
            (s, "eth0", [f"{a}/16" for a in (WEB, KEEPER, STREAM, BARE, BARRED)],
             [WEB6, KEEPER6, STREAM6, BARE6, BARRED6])]
        for ns, interface, v4, v6 in addresses:
            batch = [f"addr add {a} dev {interface}" for a in v4]
            # Only the first address is chosen for connections that name none.
            batch += [f"addr add {a}/64 dev {interface} nodad"
                      + (" preferred_lft 0" if i else "") for i, a in enumerate(v6)]
            batch += [f"link set {interface} up"]
            command(["ip", "-n", ns.name, "-batch", "-"], input="\n".join(batch) + "\n")
        for ns, net in ((c, 1), (s, 2)):
            ns.ip("route", "add", "default", "via", f"10.{net}.0.1")
            ns.ip("-6", "route", "add", "default", "via", f"fd0{net}::1")
            ns.sysctl(ipv4__ip_local_port_range="32768 65000", ipv4__tcp_tw_reuse=1,
                      core__somaxconn=16384, ipv4__tcp_max_syn_backlog=16384)
        g.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        for address in ("10.1.0.77", "fd01::77"):  # SegmentClient
            g.ip("neigh", "replace", address, "lladdr", self.mac_text("client", "eth0"),
                 "dev", "c0", "nud", "permanent")
        if not self.offloads:
            for ns, interface in ((c, "eth0"), (g, "c0"), (g, "s0"), (s, "eth0")):
                ns.run("ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off",
                       "tx", "off", "rx", "off")
        if self.apart:
            for ns in (c, s):  # a mount of their own shows their interfaces
                command(["ip", "netns", "exec", ns.name, "sh", "-c",
                         "echo 1 >/sys/class/net/eth0/queues/rx-0/rps_cpus"])

    def _translate(self):
        """What the owner of the gateway has of his own: SNAT, DNAT."""
        rule = ["iptables", "-w", "-t", "nat", "-A"]
        if self.snat:
            self.gateway.run(*rule, "POSTROUTING", "-o", "s0", "-j", "MASQUERADE")
        if self.dnat:
            self.gateway.run(*rule, "PREROUTING", "-i", "c0", "-d", BEFORE_DNAT, "-j", "DNAT",
                             "--to-destination", WEB)

    def _links_up(self):
        """The kernel looks at carriers once a second, and IPv6 waits for that."""
        shown = [json.loads(ns.ip("-j", "addr", "show").stdout)
                 for ns in (self.client, self.gateway, self.server)]
        links = [link for ns in shown for link in ns if link["ifname"] != "lo"]
        return len(links) == 4 and all(
            link["operstate"] == "UP" and any(a.get("scope") == "link" for a in link["addr_info"])
            for link in links)

    def mac_text(self, role, interface):
        shown = getattr(self, role).ip("-j", "link", "show", "dev", interface).stdout
        return json.loads(shown)[0]["address"]

    def mac(self, role, interface):
        return bytes.fromhex(self.mac_text(role, interface).replace(":", ""))

    def daemon(self, ns, args, name):
        """Start a server that lives until the lab is closed."""
        with open(os.path.join(self.dir, name + ".log"), "wb") as log:
            process = ns.popen(args, stdout=log, stderr=log, env=self.environment, cwd=self.dir)
        self.stack.callback(end_process, process)
        self.daemons[name] = process
        return process

    def server_logs(self):
        text = ""
        for name, process in self.daemons.items():
            with open(os.path.join(self.dir, name + ".log"), encoding="utf-8",
                      errors="replace") as f:
                text += f"{name}: exit {process.poll()}: {f.read()[-600:]}\n"
        return text

    # ---- clients -----------------------------------------------------------------------------
    def next_port(self):
        """A source port that no other connection of this lab has: it finds the events."""
        return next(self.ports)

    def curl(self, host, path="/index.html", address=WEB, scheme="https", timeout=5, extra=()):
        port = {"https": 443, "http": 80}[scheme]
        sport = self.next_port()
        place = f"[{address}]" if ":" in address else address
        began = time.monotonic()
        done = self.client.run(
            "curl", "-q", "-sS", "--noproxy", "*", "--cacert", self.pki.ca, "--max-time",
            str(timeout), "--local-port", str(sport), "--resolve", f"{host}:{port}:{place}",
            "-w", "\n%{http_code}", *extra, f"{scheme}://{host}{path}", check=False,
            timeout=timeout + 10, env=self.environment)
        body, _, status = done.stdout.rpartition("\n")
        return Curl(done.returncode, int(status or 0), body, sport, time.monotonic() - began,
                    done.stderr.strip())

    def openssl(self, host, address=WEB, extra=(), timeout=8):
        """openssl s_client; host None sends no name.  Whether the handshake was completed."""
        place = f"[{address}]" if ":" in address else address
        name = ["-servername", host, "-verify_hostname", host] if host else ["-noservername"]
        done = self.client.run(
            "timeout", str(timeout), "openssl", "s_client", "-connect", f"{place}:443", *name,
            "-CAfile", self.pki.ca, "-verify_return_error", "-brief", *extra, check=False,
            timeout=timeout + 5, input="Q\n", env=self.environment)
        return "CONNECTION ESTABLISHED" in done.stdout + done.stderr

    def socket_to(self, address, port=443, source=None, timeout=5, sport=None):
        """A connected TCP socket of the client.  Without `sport` its port is a new one."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.client:
            s = socket.socket(family, socket.SOCK_STREAM)
        try:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            any_address = "::" if ":" in address else "0.0.0.0"
            s.bind((source or any_address, self.next_port() if sport is None else sport))
            s.settimeout(timeout)
            s.connect((address, port))
        except BaseException:
            s.close()
            raise
        return s

    def trust(self):
        context = ssl.create_default_context(cafile=self.pki.ca)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def tls(self, host, address=WEB, path="/index.html", timeout=5, source=None, context=None):
        """One request over a new TLS connection of our own making."""
        sport = self.next_port()
        began = time.monotonic()
        error, size = "", 0
        try:
            with self.socket_to(address, source=source, timeout=timeout, sport=sport) as raw, \
                    (context or self.trust()).wrap_socket(raw, server_hostname=host) as s:
                s.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
                head = b""
                while data := s.recv(65536):
                    head = head or data
                    size += len(data)
                    if time.monotonic() - began > timeout:
                        raise TimeoutError("too slow")
                if not head.startswith(b"HTTP/1.1 200"):
                    error = f"no answer: {head[:60]!r}"
        except OSError as e:
            error = f"{type(e).__name__}: {e}"
        return Tls(not error, error, time.monotonic() - began, sport)

    def gtlsclient(self, host, path="/b1000", address=WEB, timeout=8):
        """QUIC by ngtcp2's client.  (completed, seconds, what it said)"""
        folder = tempfile.mkdtemp(dir=self.dir)
        hosts = os.path.join(folder, "hosts")  # its SNI is its host, whatever --sni says
        with open(hosts, "w", encoding="ascii") as f:
            f.write(f"{address} {host}\n")
        began = time.monotonic()
        done = self.client.run(
            "unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh",
            hosts, "timeout", "-k", "1", str(timeout), "gtlsclient", "-q",
            "--exit-on-all-streams-close", f"--handshake-timeout={timeout - 1}s",
            f"--download={folder}", host, "443", f"https://{host}{path}", check=False,
            timeout=timeout + 5, env=self.environment)
        seconds = time.monotonic() - began
        got = os.path.join(folder, path.lstrip("/"))
        whole = os.path.exists(got) and os.path.getsize(got) == servers.FILES[path.lstrip("/")]
        return whole, seconds, f"exit {done.returncode}: {done.stdout}{done.stderr}"

    def chromium(self, host, path="/index.html", quic=False, address=WEB, timeout=40):
        """The page as Chromium shows it; with `quic` only by QUIC, None: as it likes."""
        profile = tempfile.mkdtemp(dir=self.home)
        how = {True: [f"--origin-to-force-quic-on={host}:443"], False: ["--disable-quic"], None: []}
        args = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update",
                "--disable-dev-shm-usage", "--no-proxy-server", "--ignore-certificate-errors",
                f"--ignore-certificate-errors-spki-list={self.pki.spki}",
                f"--host-resolver-rules=MAP {host} {address}, MAP * ~NOTFOUND",
                f"--user-data-dir={profile}",
                *how[quic], "--dump-dom", f"https://{host}{path}"]
        with self.client:
            process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, env=self.environment,
                                       start_new_session=True)
        try:
            return process.communicate(timeout=timeout)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            return ""
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the group is this process's own
            process.wait(5)
            shutil.rmtree(profile, ignore_errors=True)

    def dig(self, name, kind="A", server=WEB, extra=()):
        done = self.client.run("dig", f"@{server}", "+time=2", "+tries=2", "+short", *extra, name,
                               kind, check=False, env=self.environment)
        return done.stdout.split()

    def ask_names(self, names, server=WEB, timeout=2.0):
        """A and AAAA by one UDP socket.  ({(name, type): [address]}, its port)"""
        sport = self.next_port()
        with self.client:
            s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET,
                              socket.SOCK_DGRAM)
        answers = {}
        with s:
            s.bind(("::" if ":" in server else "0.0.0.0", sport))
            s.connect((server, 53))
            s.settimeout(timeout)
            for name, kind in names:
                number = random.getrandbits(16)
                query = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0)
                query += b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
                query += b"\0" + struct.pack(">HH", ANSWER_TYPES[kind], 1)
                s.send(query)
                while (reply := s.recv(4096))[:2] != query[:2]:
                    pass
                answers[name, kind] = read_addresses(reply, len(query))
        return answers, sport

    # ---- looking ------------------------------------------------------------------------------
    def capture(self, role, interface, expression="ip or ip6"):
        path = os.path.join(self.dir, f"capture-{self.next_port()}.pcap")
        c = Capture(getattr(self, role), interface, path, expression)
        self.stack.callback(c.kill)
        return c

    def at_server(self, port=443):
        return self.capture("server", "eth0", f"port {port}")

    def server_sockets(self, port=443, peer=None, local=None, peer_port=None,
                       states=("ESTAB", "SYN-RECV")):
        """Connections that the server still has, as (state, local, peer)."""
        # SYN-RECV: connections that a half-open handshake keeps.
        done = self.server.run("ss", "-Htan", f"sport = :{port}")
        found = []
        for line in done.stdout.splitlines():
            state, _, _, here, there = line.split()[:5]
            here_ip, there_ip = (x.rpartition(":")[0].strip("[]") for x in (here, there))
            if peer_port is not None and there.rpartition(":")[2] != str(peer_port):
                continue
            if state in states and peer in (None, there_ip) and local in (None, here_ip):
                found.append((state, here, there))
        return found

    def access_log(self, port=None):
        """Lines of nginx: those of one client port."""
        with open(os.path.join(self.dir, "nginx.access"), encoding="utf-8",
                  errors="replace") as f:
            return [line.strip() for line in f
                    if port is None or line.split()[1] == str(port)]

    def conntrack(self, *match):
        """Entries of the gateway's connection tracking, as lines."""
        return self.gateway.run("conntrack", "-L", *match, check=False).stdout.splitlines()

    def marks(self, sport):
        """Connection marks of the entries with this original source port."""
        return [int(m.group(1)) for f in ("ipv4", "ipv6")
                for line in self.conntrack("-f", f, "-p", "tcp", "--orig-port-src", str(sport))
                if (m := re.search(r"mark=(\d+)", line))]

    def gateway_state(self):
        """Netfilter rules and settings, to be compared with what they were.

        iptables makes standard tables and chains as they are used and never removes them;
        those without a rule do nothing and are left out here.
        """
        state = {}
        for program in ("iptables-save", "ip6tables-save", "iptables-legacy-save",
                        "ip6tables-legacy-save"):
            text = self.gateway.run(program, check=False).stdout
            text = re.sub(r"\[\d+:\d+\]|^#.*\n", "", text, flags=re.M)
            state[program] = [line for table in re.findall(r"^\*.*?^COMMIT$", text, re.M | re.S)
                              if re.search(r"^(-A|:\S+ -)", table, re.M)
                              for line in table.splitlines()]
        text = self.gateway.run("nft", "list", "ruleset", check=False).stdout
        text = re.sub(r"counter packets \d+ bytes \d+", "counter", text)
        text = re.sub(r"\tchain [A-Z]+ \{\n\t\ttype .*\n\t\}\n", "", text)
        state["nft"] = [line for table in re.findall(r"^table .*?^\}$", text, re.M | re.S)
                        if not re.fullmatch(r"table .*\n\n*\}", table)
                        for line in table.splitlines() if line.strip()]
        state["sysctl"] = self._settings()
        return state

    def _settings(self):
        found = {}
        changing = {"nf_conntrack_count"}
        with self.gateway:
            for root in ("ipv4", "ipv6", "netfilter"):
                for folder, _, files in os.walk(f"/proc/sys/net/{root}"):
                    for name in sorted(set(files) - changing):
                        with contextlib.suppress(OSError):
                            with open(os.path.join(folder, name), "rb") as f:
                                found[os.path.join(folder, name)] = f.read()
        return found


def end_process(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def allow_files(count=60000):
    """So many open files, for the servers too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(count, hard)))


def read_addresses(reply, at):
    """Addresses of the answers that begin at `at`."""
    found = []
    for _ in range(struct.unpack_from(">H", reply, 6)[0]):
        while reply[at] not in (0,) and reply[at] < 0xC0:
            at += 1 + reply[at]
        at += 2 if reply[at] >= 0xC0 else 1
        kind, _, _, size = struct.unpack_from(">HHIH", reply, at)
        at += 10
        if kind in (1, 28):
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            found.append(socket.inet_ntop(family, reply[at:at + size]))
        at += size
    return found


def unable():
    """Why the tests cannot run on this machine; empty when they can."""
    if os.geteuid() != 0:
        return "not root"
    lacking = [p for p in NEEDED if shutil.which(p) is None]
    if lacking:
        return "programs are missing: " + " ".join(lacking)
    sweep()
    ns = None
    try:
        ns = Namespace(f"{PREFIX}-{os.getpid()}-0-probe")
        queue = ["-t", "mangle", "-A", "FORWARD", "-j", "NFQUEUE", "--queue-num", "9"]
        nft = ("add table inet probe; add chain inet probe c { type filter hook forward priority "
               "0; }; add rule inet probe c queue num 9")
        tries = [["iptables", *queue], ["iptables-legacy", *queue], ["nft", nft]]
        if not any(shutil.which(t[0]) and ns.run(*t, check=False).returncode == 0 for t in tries):
            return "the kernel has no NFQUEUE"
        ns.ip("link", "add", "probe0", "type", "veth", "peer", "name", "probe1")
        return ""
    except (LabError, OSError) as e:
        return f"no network namespaces: {e}".replace("\n", " ")
    finally:
        if ns:
            ns.close()


def reject_quic(lab, add=True):
    """What a firewall without Weir would do to QUIC; to see how clients take it."""
    for program, word in (("iptables", "icmp-admin-prohibited"), ("ip6tables", "adm-prohibited")):
        lab.gateway.run(program, "-w", "-A" if add else "-D", "FORWARD", "-p", "udp", "--dport",
                        "443", "-j", "REJECT", "--reject-with", f"icmp6-{word}"
                        if program == "ip6tables" else word)


def check_segments(lab):
    hello = client_hello("make.powerapps.com")
    for address in (KEEPER, KEEPER6):
        keeper = servers.Keeper(lab, address)
        lab.stack.callback(keeper.close)
        client = SegmentClient(lab, address).connect()
        client.send(100, hello[100:])
        client.send(0, hello[:100])
        client.listen(0.2)
        assert keeper.wait_got(client.sport, len(hello)) == hello, "segments by hand"
        client.close()


def check_stream(lab):
    keeper = servers.Keeper(lab, STREAM, pause_s=0.02)
    lab.stack.callback(keeper.close)
    with lab.socket_to(STREAM) as s:
        s.sendall(client_hello("make.powerapps.com"))
        wait_for(lambda: len(s.recv(65536)) > 0 and True, 3, "the stream begins")
        assert len(s.recv(65536)) > 0, "the stream goes on"
        mark = lab.marks(s.getsockname()[1])
        assert mark == [0], f"one conntrack entry without a mark: {mark}"


def check_capture(lab):
    capture = lab.at_server()
    before = lab.tls("make.powerapps.com")
    assert before.ok, before
    packets = capture.stop()
    assert payload_to(packets) > 300, "the capture sees payload"
    assert payload_to(packets, src=CLIENT) == 0, "its source was translated"
    with lab.socket_to(WEB6, source=CROWD6):
        assert len(lab.server_sockets(peer=CROWD6)) == 1, "a half-open connection is seen"


def self_test():
    """Each part of the lab once, without Weir."""
    names = {f"n{i}.names.lab.example": f"10.9.{i // 250}.{i % 250 + 1}" for i in range(20)}
    failed = 0
    with Lab(dns_names=names, snat=True, dnat=True) as lab:
        before = lab.gateway_state()
        rejected = contextlib.ExitStack()

        def quic_rejected():
            """gtlsclient reads no ICMP errors: only its own time limit ends it."""
            reject_quic(lab)
            rejected.callback(reject_quic, lab, False)
            whole, _, said = lab.gtlsclient("quic.powerapps.com", timeout=3)
            assert not whole and "ERR" in said, said

        def chromium_rejected():
            page = lab.chromium(servers.QUIC_TOO, quic=None, address=BARE)
            assert "scripts: 4" in page, page
            assert sum(servers.QUIC_TOO in line for line in lab.access_log()) >= 5
            rejected.close()

        def names_asked():
            answers, _ = lab.ask_names([(n, "A") for n in names])
            assert answers == {(n, "A"): [a] for n, a in names.items()}, answers

        checks = [
            ("curl v4", lambda: lab.curl("make.powerapps.com").status == 200),
            ("curl v6", lambda: lab.curl("make.powerapps.com", address=WEB6).status == 200),
            ("curl http", lambda: lab.curl("a.lab.example", scheme="http").status == 200),
            ("curl through DNAT",
             lambda: lab.curl("make.powerapps.com", address=BEFORE_DNAT).status == 200),
            ("openssl", lambda: lab.openssl("make.powerapps.com")),
            ("openssl without a name", lambda: lab.openssl(None, BARE6)),
            ("download", lambda: len(lab.curl("api.powerapps.com", "/b4000000").body) == 4000000),
            ("tls", lambda: lab.tls("make.powerapps.com", WEB6, "/b100000").ok),
            ("dig", lambda: lab.dig("n7.names.lab.example") == ["10.9.0.8"]
             and lab.dig("x.example", "AAAA") == [WEB6]
             and lab.dig("x.example", extra=["+tcp"]) == [WEB]),
            ("names over one socket", lambda: names_asked() is None),
            ("segments", lambda: check_segments(lab) is None),
            ("stream", lambda: check_stream(lab) is None),
            ("capture", lambda: check_capture(lab) is None),
            ("quic v4", lambda: lab.gtlsclient("quic.powerapps.com")[0]),
            ("quic v6", lambda: lab.gtlsclient("quic.powerapps.com", address=WEB6)[0]),
            ("chromium over TCP", lambda: "weir lab page" in lab.chromium("make.powerapps.com")),
            ("chromium over QUIC", lambda: "weir lab page" in lab.chromium("quic.powerapps.com",
                                                                           quic=True)
             and not any("quic.powerapps.com" in line for line in lab.access_log())),
            ("quic rejected", lambda: quic_rejected() is None),
            ("chromium loads over TCP with QUIC rejected", lambda: chromium_rejected() is None),
            ("gateway state", lambda: lab.gateway_state() == before),
        ]
        for name, check in checks:
            began = time.monotonic()
            try:
                good = check()
            except (AssertionError, LabError, OSError, subprocess.SubprocessError) as e:
                good = False
                print(f"# {type(e).__name__}: {e}")
            failed += not good
            print(f"{'ok' if good else 'not ok'} - {name} ({time.monotonic() - began:.1f} s)",
                  flush=True)
    return failed


def end_on_signal(number, _frame):
    raise SystemExit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="can this machine do it?")
    parser.add_argument("--self-test", action="store_true", help="the lab without Weir")
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_on_signal)
    reason = unable()
    if reason:
        print(reason)
        return 1
    if args.self_test:
        return 1 if self_test() else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
