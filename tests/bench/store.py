#!/usr/bin/env python3
"""The store on a large ledger that is made up: how many events a second the index takes on one
core, and how long each saved query takes.  Fails when a bar is missed."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

RATE_BAR = 75000  # events a second of CPU time
QUERY_BAR_S = 2.0


def run(words, fine=(0, 1)):
    """Wall and CPU seconds, output."""
    before = os.times()
    start = time.monotonic()
    done = subprocess.run(words, stdout=subprocess.PIPE, check=False)
    wall = time.monotonic() - start
    after = os.times()
    if done.returncode not in fine:
        sys.exit(f"{words}: exit status {done.returncode}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, done.stdout.decode()


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--generator", required=True)
    ap.add_argument("--weir", default="./weir")
    ap.add_argument("--events", type=int, default=10000000)
    ap.add_argument("--days", type=int, default=30)
    ap.add_argument("--dir", help="made there and kept")
    opts = ap.parse_args()
    where = opts.dir or tempfile.mkdtemp()
    ledger = os.path.join(where, "ledger")
    missed = 0
    os.makedirs(where, exist_ok=True)
    if not os.path.isdir(ledger):
        subprocess.run([opts.generator, ledger, str(opts.events), "1", str(opts.days)], check=True)
    size = sum(e.stat().st_size for e in os.scandir(ledger) if e.is_file())
    print(f"ledger   {opts.events} events, {size / opts.events:.0f} bytes each")
    wall, cpu, out = run(["taskset", "-c", "0", opts.weir, "index", "--rebuild", ledger])
    index = sum(e.stat().st_size for e in os.scandir(os.path.join(ledger, "index")))
    print(f"index    {opts.events / wall:.0f} events/s, {opts.events / cpu:.0f} a second of CPU; "
          f"{index / opts.events:.0f} bytes each")
    missed += opts.events / cpu < RATE_BAR
    names = [line.split()[0] for line in run([opts.weir, "query", "--saved", "list"])[2].splitlines()]
    for name in names:
        if name == "unused-rules":  # there is no generation beside a ledger that was made up
            continue
        # Nor are there exceptions: the last table of that one cannot be told.
        fine = (3,) if name == "exceptions" else (0, 1)
        wall, cpu, out = run([opts.weir, "query", "--ledger", ledger, "--saved", name], fine)
        print(f"{name:16} {wall:6.2f} s, {cpu:.2f} s of CPU, {len(out.splitlines())} lines")
        missed += wall > QUERY_BAR_S
    for words in ("--host h7.dataverse.example --group-by principal", "--url *x --limit 5",
                  "--verdict deny --limit 20", "--bucket 1h --verdict deny", "--principal u17 --limit 20"):
        wall, cpu, out = run([opts.weir, "query", "--ledger", ledger] + words.split())
        print(f"{words:50} {wall:6.2f} s, {cpu:.2f} s of CPU")
        missed += wall > QUERY_BAR_S
    words = "--sni *x --group-by type"  # every line has to be looked at
    wall, cpu, out = run([opts.weir, "query", "--ledger", ledger] + words.split())
    print(f"{words:50} {wall:6.2f} s, {cpu:.2f} s of CPU: {opts.events / cpu:.0f} lines a second of CPU")
    if not opts.dir:
        shutil.rmtree(where)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
