#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The gateway between a client and a server in network namespaces, with and without Weir.

usage: inline.py --load TLSLOAD [--rounds N] [--max-rounds N] [--seconds S] [--quick]
                 [--only PART,...] [--json FILE] [--without-weir | --tracking]

Parts: speed (bulk, connections, CPU), deny, allow, half, bytes, names.  Prints figures, and
each bar with PASS, OPEN or MISS.  A ratio is that of neighbouring rounds, with Weir to without;
its bar is a MISS when the whole 95 % bootstrap interval of the median lies below it; while the
interval holds the bar, rounds are added, and OPEN says that they were not enough.  Exit 1 on a
MISS.  --without-weir measures nothing against nothing, to see the spread of the machine;
--tracking measures the kernel's connection tracking with accounting, and one rule that asks it,
in Weir's place: what any gateway with state costs there.
"""
import argparse
import contextlib
import json
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))
# pylint: disable=wrong-import-position
import lab as places
from case import in_parallel
from gateway import ALLOWED, DENIED, Weir, dns_addresses
from lab import Lab, end_process
from packets import application_record, client_hello, payload_to, server_hello
from test_accounting import SIZES, counted

PARTS = ("speed", "deny", "allow", "half", "bytes", "names")
BULK_BAR, CONNECT_BAR, CPU_BAR_US = 0.95, 0.80, 60
TICK = os.sysconf("SC_CLK_TCK")


# ---- bulk: an allowed TLS connection as far as a gateway sees, without the cost of cipher ----
def serve_bulk(address):
    """Child: answer a hello with a hello, then send records as fast as they are taken."""
    blob = application_record() * 64
    with socket.create_server((address, 443)) as listener:
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                connection.recv(65536)
                connection.sendall(server_hello())
                while True:
                    connection.sendall(blob)


def fetch_bulk(address, name, seconds):
    """Child: read for so long; bytes a second."""
    buffer = bytearray(1 << 20)
    with socket.create_connection((address, 443), timeout=10) as s:
        s.sendall(client_hello(name))
        s.recv_into(buffer)
        time.sleep(0.1)  # the verdict is there, the window open
        total, began = 0, time.monotonic()
        while (took := time.monotonic() - began) < seconds:
            got = s.recv_into(buffer)
            if got == 0:
                sys.exit("the stream ended")
            total += got
    print(json.dumps({"bytes_per_s": total / took}))


def child(ns, *args, **options):
    return ns.popen([sys.executable, os.path.abspath(__file__), *map(str, args)],
                    stdout=subprocess.PIPE, **options)


# ---- numbers ------------------------------------------------------------------------------
def interval(values, draws=10000):
    """95 % bootstrap interval of the median; the same values give the same interval."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values)))
                     for _ in range(draws))
    return medians[int(draws * 0.025)], medians[int(draws * 0.975) - 1]


def ratio_result(values, bar):
    low, high = interval(values)
    middle = statistics.median(values)
    word = "MISS" if high < bar else "PASS" if middle >= bar else "OPEN"
    return {"rounds": len(values), "median": middle, "low": low, "high": high,
            "least": min(values), "greatest": max(values), "bar": bar, "result": word,
            "settled": low >= bar or high < bar}


def cpu_seconds(pids):
    """User and system time so far of the processes, with children that ended."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            total += sum(map(int, fields[11:15]))
    return total / TICK


@contextlib.contextmanager
def tracking(lab):
    """The gateway tracks and counts connections, and a rule asks for the mark of each packet."""
    rule = ["FORWARD", "-m", "connmark", "--mark", "0x77"]
    lab.gateway.run("sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1")
    lab.gateway.run("iptables", "-t", "mangle", "-A", *rule)
    try:
        yield
    finally:
        lab.gateway.run("iptables", "-t", "mangle", "-D", *rule)
        lab.gateway.run("iptables", "-t", "mangle", "-X")
        lab.gateway.run("sysctl", "-qw", "net.netfilter.nf_conntrack_acct=0")


class Bench:
    """Parts of the benchmark, their figures in `figures`, their bars in `bars`."""

    def __init__(self, options):
        self.options = options
        self.figures = {"machine": {"cpus": os.cpu_count(), "kernel": platform.release(),
                                    "load_before": os.getloadavg(),
                                    "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}}
        self.bars = []

    def say(self, text):
        print(text, flush=True)

    def bar(self, name, good, text, word=None):
        word = word or ("PASS" if good else "MISS")
        self.bars.append({"name": name, "result": word, "text": text})
        self.say(f"{word:5} {name}: {text}")

    @contextlib.contextmanager
    def weir(self, lab, **options):
        if self.options.without_weir:
            yield None
            return
        if self.options.tracking:
            with tracking(lab):
                yield None
            return
        weir = Weir(lab, **options).start()
        try:
            yield weir
            weir.stop()
        finally:
            weir.kill()
            shutil.rmtree(weir.folder, ignore_errors=True)

    def load(self, lab, name, seconds, count=0, threads=8, address=places.WEB):
        done = lab.client.run(self.options.load, address, "443", name, "/b1000", str(threads),
                              str(seconds), str(count), lab.pki.ca, timeout=seconds + 30,
                              env=lab.environment)
        return json.loads(done.stdout)

    # ---- (a), (b) ------------------------------------------------------------------------
    def round(self, lab, weir):
        """One measurement of both kinds."""
        seconds = self.options.seconds
        fetch = child(lab.client, "fetch-bulk", places.STREAM, ALLOWED, seconds)
        out, _ = fetch.communicate(timeout=seconds + 20)
        if fetch.returncode != 0:
            raise RuntimeError(f"bulk transfer failed: {out!r}")
        result = {"bulk": json.loads(out)["bytes_per_s"]}
        pids = weir.pids() if weir else []
        before = cpu_seconds(pids)
        load = self.load(lab, ALLOWED, seconds)
        good = load["attempts"] - load["failures"]
        time.sleep(0.3)  # the tail of its work
        result.update(connect=good / load["seconds"], failures=load["failures"], good=good,
                      median_us=load["median_us"], p99_us=load["p99_us"],
                      cpu=cpu_seconds(pids) - before)
        return result

    def speed(self):
        pairs = []
        with Lab() as lab:
            server = child(lab.server, "serve-bulk", places.STREAM)
            lab.stack.callback(end_process, server)
            if server.stdout.readline() != b"ready\n":
                raise RuntimeError("the bulk server does not start")
            self.round(lab, None)  # caches warm
            while True:
                pair = {}
                for kind in ("without", "with")[::1 if len(pairs) % 2 == 0 else -1]:
                    if kind == "with":
                        with self.weir(lab) as weir:
                            pair[kind] = self.round(lab, weir)
                    else:
                        pair[kind] = self.round(lab, None)
                pairs.append(pair)
                self.say("round {:2}: ".format(len(pairs)) + ", ".join(
                    "{} {:.2f} Gbit/s {:.0f} conn/s".format(k, r["bulk"] * 8e-9, r["connect"])
                    for k, r in sorted(pair.items(), reverse=True)))
                bulk = ratio_result([p["with"]["bulk"] / p["without"]["bulk"] for p in pairs],
                                    BULK_BAR)
                connect = ratio_result([p["with"]["connect"] / p["without"]["connect"]
                                        for p in pairs], CONNECT_BAR)
                enough = bulk["settled"] and connect["settled"]
                if len(pairs) >= self.options.max_rounds or (
                        len(pairs) >= self.options.rounds and enough):
                    break
        for name, r in (("bulk", bulk), ("connections", connect)):
            self.bar(name, None, "ratio {median:.3f}, 95 % {low:.3f} to {high:.3f}, spread "
                     "{least:.3f} to {greatest:.3f}, {rounds} rounds, bar {bar:.2f}".format(**r),
                     r["result"])
        each = [p["with"]["cpu"] * 1e6 / max(p["with"]["good"], 1) for p in pairs]
        total = (sum(p["with"]["cpu"] for p in pairs) * 1e6
                 / max(sum(p["with"]["good"] for p in pairs), 1))
        self.bar("CPU", total <= CPU_BAR_US,
                 f"{total:.1f} us of all Weir processes a connection, rounds {min(each):.1f} to "
                 f"{max(each):.1f}, bar {CPU_BAR_US}")
        failures = sum(p[k]["failures"] for p in pairs for k in p)
        self.bar("failures under load", failures == 0, f"{failures}")
        latency = {k: statistics.median(p[k]["median_us"] for p in pairs)
                   for k in ("without", "with")}
        self.say(f"      median time of a connection: {latency['without']:.0f} us without, "
                 f"{latency['with']:.0f} us with")
        self.figures["speed"] = {"pairs": pairs, "bulk": bulk, "connections": connect,
                                 "cpu_us_a_connection": total, "latency_us": latency}

    # ---- (c), (d) ------------------------------------------------------------------------
    def deny(self):
        count = 2000 // self.options.divide
        with Lab() as lab, self.weir(lab):
            capture = lab.at_server()
            load = self.load(lab, DENIED, 60, count)
            time.sleep(1)
            left = len(lab.server_sockets())
            payload = payload_to(capture.stop())
        passed = load["attempts"] - load["failures"]
        self.figures["deny"] = {"load": load, "payload": payload, "left": left}
        self.bar("denied", payload == 0 and left == 0 and passed == 0
                 and load["attempts"] == count and load["timeout"] == 0,
                 f"of {load['attempts']}: {passed} passed, {load['timeout']} left waiting, "
                 f"{payload} payload bytes at the server, {left} connections left there")

    def allow(self):
        count = 2000 // self.options.divide
        with Lab() as lab, self.weir(lab):
            loads = [self.load(lab, ALLOWED, 60, count // 2, address=a)
                     for a in (places.WEB, places.WEB6)]
        failures = sum(load["failures"] for load in loads)
        attempts = sum(load["attempts"] for load in loads)
        self.figures["allow"] = loads
        self.bar("allowed", failures == 0 and attempts == count // 2 * 2,
                 f"{failures} failures of {attempts}")

    # ---- (e) -----------------------------------------------------------------------------
    def half(self):
        for mode in ("closed", "open"):
            with Lab() as lab, self.weir(lab, on_failure=mode):
                self.half_in(lab, mode)

    def half_in(self, lab, mode):
        count = 10000 // self.options.divide
        capture = lab.at_server()
        hello = client_hello(ALLOWED)[:100]
        results, stop = [], threading.Event()

        def others():
            while not stop.is_set():
                results.append(self.load(lab, ALLOWED, 2, 100, threads=2))

        thread = threading.Thread(target=others, daemon=True)
        thread.start()
        refused = 0
        with contextlib.ExitStack() as sockets:
            began = time.monotonic()
            try:
                for _ in range(count):
                    try:
                        s = sockets.enter_context(lab.socket_to(
                            places.WEB, source=places.CROWD, sport=0, timeout=10))
                        s.sendall(hello)
                    except OSError:
                        refused += 1
                took = time.monotonic() - began
                time.sleep(6)
            finally:
                stop.set()
                thread.join(30)
            left = len(lab.server_sockets(peer=places.CROWD))
        payload = payload_to(capture.stop(), src=places.CROWD)
        attempts = sum(r["attempts"] for r in results)
        failures = sum(r["failures"] for r in results)
        self.figures["half_" + mode] = {
            "count": count, "refused": refused, "seconds": took, "payload": payload, "left": left,
            "others": attempts, "others_failed": failures}
        self.bar(f"half hellos, {mode}", payload == 0 and failures == 0 and attempts > 0,
                 f"{count} in {took:.1f} s ({refused} refused): {payload} payload bytes passed, "
                 f"{left} connections left; other clients: {failures} failures of {attempts}")

    # ---- (f) -----------------------------------------------------------------------------
    def bytes(self):
        count = 1000 // self.options.divide
        with Lab(offloads=False) as lab, self.weir(lab) as weir:
            capture = lab.capture("gateway", "c0", "tcp port 443")
            answers = in_parallel(4, [
                lambda i=i: lab.tls(ALLOWED, (places.WEB, places.WEB6)[i % 2], SIZES[i % 3], 10)
                for i in range(count)])
            failed = [a.error for a in answers if not a.ok]
            ports = {a.port for a in answers}
            ends = {}
            if weir:
                end = time.monotonic() + 20
                while len(ends) < len(ports) and time.monotonic() < end:
                    ends = {e["src_port"]: e
                            for e in weir.ledger.events(type="flow", phase="end")
                            if e["src_port"] in ports}
                    time.sleep(0.2)
            sums = counted(capture.stop(), ports)
        fields = ("packets_out", "bytes_out", "packets_in", "bytes_in")
        seen = {f: sum(s[i] for s in sums.values()) for i, f in enumerate(fields)}
        told = {f: sum(e.get(f, 0) for e in ends.values()) for f in fields}
        away = [port for port, e in ends.items() for i, f in enumerate(fields)
                if abs(e.get(f, 0) - sums[port][i]) > max(sums[port][i] * 0.01, 1)]
        good = (not failed and len(ends) == count
                and all(abs(told[f] - seen[f]) <= seen[f] * 0.01
                        for f in ("bytes_out", "bytes_in")))
        self.figures["bytes"] = {"captured": seen, "ledger": told, "ends": len(ends),
                                 "flows_away": len(set(away)), "failed": len(failed)}
        self.bar("bytes", good, f"{len(ends)} ends of {count}; out {told['bytes_out']} of "
                 f"{seen['bytes_out']}, in {told['bytes_in']} of {seen['bytes_in']} captured; "
                 f"{len(set(away))} connections differ by more than 1 %")

    # ---- (g) -----------------------------------------------------------------------------
    def names(self):
        count = 1000 // self.options.divide
        names = {f"n{i}.names.lab.example": f"10.9.{i // 250}.{i % 250 + 1}"
                 for i in range(count)}
        events = []
        with Lab(dns_names=names) as lab, self.weir(lab) as weir:
            answers, sport = lab.ask_names([(n, "A") for n in names])
            end = time.monotonic() + 10
            while weir and len(events) < count and time.monotonic() < end:
                events = weir.ledger.events(type="dns", src_port=sport)
                time.sleep(0.1)
            table = {r["name"]: r["address"] for r in map(json.loads, weir.ctl(
                "dns", "--json").stdout.splitlines())} if weir else {}
        whole = sum(dns_addresses(e) == [names.get(e["host"])] for e in events)
        answered = sum(a == [names[n]] for (n, _), a in answers.items())
        self.figures["names"] = {"asked": count, "answered": answered, "events": len(events),
                                 "with_name_and_address": whole,
                                 "in_table": sum(table.get(n) == a for n, a in names.items())}
        kept = self.figures["names"]["in_table"]
        self.bar("names", answered == count and len(events) == count and whole == count
                 and kept == count,
                 f"{count} asked, {answered} answered, {len(events)} events, {whole} of them with "
                 f"name and address, {kept} in the table of weir ctl dns")

    def run(self):
        for part in self.options.only:
            self.say(f"--- {part}")
            getattr(self, part)()
        self.figures["bars"] = self.bars
        self.figures["machine"]["load_after"] = os.getloadavg()
        if self.options.json:
            os.makedirs(os.path.dirname(os.path.abspath(self.options.json)), exist_ok=True)
            with open(self.options.json, "w", encoding="ascii") as f:
                json.dump(self.figures, f, indent=1)
            self.say(f"figures: {self.options.json}")
        return 1 if any(b["result"] == "MISS" for b in self.bars) else 0


def main(argv):
    if argv[:1] == ["serve-bulk"]:
        return serve_bulk(argv[1])
    if argv[:1] == ["fetch-bulk"]:
        return fetch_bulk(argv[1], argv[2], float(argv[3]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--load", default="build/plain/bench/tlsload", help="the program tlsload")
    parser.add_argument("--rounds", type=int, default=11, help="pairs of rounds at least")
    parser.add_argument("--max-rounds", type=int, default=31, help="pairs of rounds at most")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    parser.add_argument("--json", default="build/bench/inline.json", help="file for all figures")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--without-weir", action="store_true", help="the bench itself")
    instead.add_argument("--tracking", action="store_true",
                         help="connection tracking alone in Weir's place")
    options = parser.parse_args(argv)
    options.only = options.only.split(",")
    if not set(options.only) <= set(PARTS):
        parser.error("parts are " + ", ".join(PARTS))
    options.divide = 10 if options.quick else 1
    if options.quick:
        options.rounds, options.max_rounds, options.seconds = 3, 3, 1
    options.load = os.path.abspath(options.load)
    reason = places.unable()
    if reason or not os.access(options.load, os.X_OK):
        print(reason or f"{options.load} is missing: run make bench-inline")
        return 3
    return Bench(options).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
