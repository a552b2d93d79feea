#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Enforcer and inspector as one process and as two, beside a program that only accepts.

usage: hop.py --hop HOP --load TLSLOAD [--rounds N] [--seconds S] [--clients N,...] [--quick]
              [--json FILE]

In each round every form (bare, one, two: see hop.c) serves the same TLS load through the same
gateway, in an order that turns.  Prints, for each number of clients, CPU time a connection of
all processes of the form, the time from the read of a packet to its answer, and the client's
time to a TLS connection; medians of the rounds.  A ratio is that of two to one in the same
round, with the 95 % bootstrap interval of its median.  The decision is by LIMIT.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

# pylint: disable=wrong-import-position
from inline import Bench, interval
from gateway import ALLOWED, TOP, Weir
import lab as places
from lab import Lab, LabError, end_process

FORMS = ("bare", "one", "two")
LIMIT = 1.15  # design.md section 3: the split stays unless it costs more than 15 %
TIMES = (("p50_us", "queue, median"), ("p99_us", "queue, p99"),
         ("tls_median_us", "TLS connect, median"), ("tls_p99_us", "TLS connect, p99"))


class Form:
    """hop in one of its forms, in the gateway's namespace; a context."""

    def __init__(self, lab, hop, form):
        self.weir = Weir(lab)  # for its files only
        os.mkdir(self.weir.ledger.folder, 0o750)
        with open(self.weir.log, "wb") as log:
            self.process = lab.gateway.popen([hop, form, self.weir.conf, TOP], stderr=log,
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             cwd=TOP, env=lab.environment)

    def __enter__(self):
        if not self.process.stdout.readline().startswith(b"ready"):
            end_process(self.process)
            raise LabError(f"hop does not start: {self.weir.said()[-1000:]}")
        return self

    def ask(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            status = self.process.wait(10)
        finally:
            end_process(self.process)
        if status != 0:
            raise LabError(f"hop: exit {status}: {self.weir.said()[-1000:]}")
        shutil.rmtree(self.weir.folder, ignore_errors=True)


class HopBench(Bench):
    """Rounds of all forms; inline.Bench gives the load and the frame of the figures."""

    def measure(self, lab, form, clients):
        before = form.ask()
        load = self.load_by(lab, clients)
        time.sleep(0.3)  # the tail of its work
        after = form.ask()
        good = load["attempts"] - load["failures"]
        parts = {p: (after[p] - before[p]) / max(good, 1)
                 for p in ("enforcer_us", "inspector_us", "writer_us", "user_us", "system_us")}
        return {"cpu_us": parts["enforcer_us"] + parts["inspector_us"] + parts["writer_us"],
                **parts, "good": good, "failures": load["failures"],
                "connections_per_s": good / load["seconds"],
                **{k: load[k] for k in ("tls_median_us", "tls_p99_us", "median_us", "p99_us")
                   if k.startswith("tls")},
                "p50_us": after["p50_us"], "p99_us": after["p99_us"],
                "packets": after["packets"] / max(good, 1), "answered": after["answered"],
                "wakes": (after["wakes"] - before["wakes"]) / max(good, 1),
                "full": after["full"], "lost": after["lost"]}

    def load_by(self, lab, clients):
        return self.load(lab, ALLOWED, self.options.seconds, threads=clients)

    def round(self, lab, number):
        turn = number % len(FORMS)
        found = {}
        for name in FORMS[turn:] + FORMS[:turn]:
            with Form(lab, self.options.hop, name) as form:
                self.load(lab, ALLOWED, 0.5, threads=8)  # caches warm
                found[name] = {c: self.measure(lab, form, c) for c in self.options.clients}
        return found

    def summary(self, rounds, clients):
        def values(form, key):
            return [r[form][clients][key] for r in rounds]

        def ratio(key, base=0.0):
            each = [(r["two"][clients][key] - base * r["bare"][clients][key])
                    / max(r["one"][clients][key] - base * r["bare"][clients][key], 1e-9)
                    for r in rounds]
            low, high = interval(each)
            return {"median": statistics.median(each), "low": low, "high": high,
                    "least": min(each), "greatest": max(each)}

        keys = rounds[0]["one"][clients].keys()
        figures = {f: {k: {"median": statistics.median(values(f, k)), "least": min(values(f, k)),
                           "greatest": max(values(f, k))} for k in keys} for f in FORMS}
        added = [t - o for t, o in zip(values("two", "cpu_us"), values("one", "cpu_us"))]
        low, high = interval(added)
        figures["added_us"] = {"median": statistics.median(added), "low": low, "high": high}
        figures["ratio"] = {k: ratio(k) for k in ("cpu_us", "connections_per_s",
                                                  *(k for k, _ in TIMES))}
        figures["ratio_above_bare"] = ratio("cpu_us", 1.0)
        return figures

    def table(self, all_figures):
        self.say("\nCPU us a connection of all processes (medians; enforcer + inspector + writer)")
        self.say("clients   bare    one    two    (two:  enf + insp + writ)   two/one, 95 %      "
                 "      two - one, 95 %")
        for clients, f in all_figures.items():
            r, a = f["ratio"]["cpu_us"], f["added_us"]
            parts = " + ".join(f"{f['two'][p]['median']:5.1f}"
                               for p in ("enforcer_us", "inspector_us", "writer_us"))
            self.say("{:7} {:6.1f} {:6.1f} {:6.1f}   ({})   {:.3f} ({:.3f} - {:.3f})   "
                     "{:5.1f} ({:.1f} - {:.1f})".format(
                         clients, *(f[x]["cpu_us"]["median"] for x in FORMS), parts,
                         r["median"], r["low"], r["high"], a["median"], a["low"], a["high"]))
        self.say("\ntimes in us (medians of the rounds)")
        for key, name in TIMES:
            for clients, f in all_figures.items():
                r = f["ratio"][key]
                self.say("{:20} {:3} clients: bare {:8.1f}  one {:8.1f}  two {:8.1f}   "
                         "two/one {:.3f} ({:.3f} - {:.3f})".format(
                             name, clients, *(f[x][key]["median"] for x in FORMS), r["median"],
                             r["low"], r["high"]))
        self.say("")
        for clients, f in all_figures.items():
            r = f["ratio"]["connections_per_s"]
            self.say("{:3} clients: {} connections/s, two/one {:.3f} ({:.3f} - {:.3f}); CPU above "
                     "bare two/one {:.2f}; {:.2f} packets a connection, {:.2f} wake-ups of the "
                     "inspector".format(
                         clients, " ".join("{} {:.0f}".format(
                             x, f[x]["connections_per_s"]["median"]) for x in FORMS),
                         r["median"], r["low"], r["high"], f["ratio_above_bare"]["median"],
                         f["two"]["packets"]["median"], f["two"]["wakes"]["median"]))

    def run(self):
        rounds = []
        with Lab() as lab:
            self.load(lab, ALLOWED, 1)
            while len(rounds) < self.options.rounds:
                rounds.append(self.round(lab, len(rounds)))
                self.say("round {:2}: ".format(len(rounds)) + "; ".join(
                    "{} clients {} us".format(c, " ".join(
                        "{:.1f}".format(rounds[-1][f][c]["cpu_us"]) for f in FORMS))
                    for c in self.options.clients))
        figures = {c: self.summary(rounds, c) for c in self.options.clients}
        self.table(figures)
        self.figures.update(rounds=rounds, figures=figures, limit=LIMIT)
        self.figures["machine"]["load_after"] = os.getloadavg()
        faults = {k: sum(r[f][c][k] for r in rounds for f in FORMS for c in self.options.clients)
                  for k in ("failures", "full", "lost")}
        each = [sum(r["two"][c]["cpu_us"] for c in figures)
                / sum(r["one"][c]["cpu_us"] for c in figures) for r in rounds]
        low, high = interval(each)
        self.figures["all"] = {"median": statistics.median(each), "low": low, "high": high}
        over = [c for c, f in figures.items() if f["ratio"]["cpu_us"]["low"] > LIMIT]
        under = [c for c, f in figures.items() if f["ratio"]["cpu_us"]["high"] <= LIMIT]
        self.say(f"\nfailed connections {faults['failures']}, rings full {faults['full']}, events "
                 f"lost {faults['lost']}")
        self.say("CPU a connection, all numbers of clients alike: two/one {median:.3f} "
                 "({low:.3f} - {high:.3f})".format(**self.figures["all"]))
        for how, which in (("surely over", over), ("surely within", under)):
            self.say(f"{how} the limit of {LIMIT:.2f}, by the whole interval: with "
                     f"{', '.join(map(str, which)) or 'no number of'} clients")
        self.figures.update(over=over, under=under, faults=faults)
        if self.options.json:
            os.makedirs(os.path.dirname(os.path.abspath(self.options.json)), exist_ok=True)
            with open(self.options.json, "w", encoding="ascii") as f:
                json.dump(self.figures, f, indent=1)
            self.say(f"figures: {self.options.json}")
        return 1 if faults["failures"] else 0


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hop", default="build/plain/bench/hop", help="the program hop")
    parser.add_argument("--load", default="build/plain/bench/tlsload", help="the program tlsload")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement")
    parser.add_argument("--clients", default="1,4,16,64", help="at the same time")
    parser.add_argument("--quick", action="store_true", help="two rounds of half a second")
    parser.add_argument("--json", default="build/bench/hop.json", help="file for all figures")
    options = parser.parse_args(argv)
    options.clients = [int(c) for c in options.clients.split(",")]
    if options.quick:
        options.rounds, options.seconds = 2, 0.5
    options.hop, options.load = os.path.abspath(options.hop), os.path.abspath(options.load)
    reason = places.unable()
    for program in (options.hop, options.load):
        if not reason and not os.access(program, os.X_OK):
            reason = f"{program} is missing: run make bench-hop"
    if reason:
        print(reason)
        return 3
    print(f"{platform.node()}: {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}")
    return HopBench(options).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
