#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure replay of the fixed mix beside a bare libpcap loop and Debian's ndpiReader.

usage: bench.py WEIR BIN_DIR WORK_DIR ROUNDS

All figures of one run are from one machine, in turn, so only their ratios mean much.
Prints each figure and each bar of docs/roadmap.md with PASS or MISS; exit 1 on a MISS.
"""
import os
import re
import resource
import statistics
import struct
import subprocess
import sys

missed = []


def cpu(args, env=None):
    """User and system seconds, greatest resident KiB, and what was printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode != 0:
        sys.exit(f"{' '.join(args)}: exit {run.returncode}\n{run.stderr.decode()[-800:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, (run.stdout + run.stderr).decode(errors="replace")


def peak_kib(args):
    """Greatest resident size of one run, in a process tree of its own."""
    code = (
        "import resource,subprocess,sys;subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,"
        "stderr=subprocess.DEVNULL,check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    out = subprocess.run([sys.executable, "-c", code, *args], stdout=subprocess.PIPE, check=True)
    return int(out.stdout)


def bar(name, value, limit, unit, at_most=True):
    ok = value <= limit if at_most else value >= limit
    sign = "at most" if at_most else "at least"
    print(f"{'PASS' if ok else 'MISS'}  {name}: {value:.3g} {unit}, {sign} {limit:.3g}")
    if not ok:
        missed.append(name)


def main():
    weir, bins, work, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    mix = os.path.join(work, "mix.pcap")
    rules = os.path.join(work, "ndpi-rules.txt")
    info = cpu([f"{bins}/genmix", mix])[1].strip()
    print(f"mix          {info}")
    counts = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)\b", info)}
    with open("tests/bench/mix.sha256", encoding="utf-8") as f:
        if re.search(r"sha256=([0-9a-f]{64})", info).group(1) not in f.read():
            sys.exit("the mix is not the committed one: tests/bench/mix.sha256")
    # The same 500 host rules for both; some of them are names of the mix.
    hosts = [f"contoso{n}.crm{4 + n % 9}.dynamics.com" for n in range(500)]
    with open(rules, "w", encoding="utf-8") as f:
        f.writelines(f'host:"{h}"@PowerPlatform\n' for h in hosts)
    with open(os.path.join(work, "hosts.txt"), "w", encoding="utf-8") as f:
        f.writelines(f"{h}\n" for h in hosts)
    with open(os.path.join(work, "bench.rules"), "w", encoding="utf-8") as f:
        f.write('version 1\ntable <hosts> file "hosts.txt"\ngate rules\n'
                "deny to host <hosts> label listed\ngate default\nallow in-scope\nallow other\n"
                "gate undecidable\nallow { no_sni, incomplete, midstream, no_reader }\n")
    tools = {
        "loop": [f"{bins}/loop", mix],
        "weir": [weir, "replay", "-q", "-c", "tests/bench/bench.conf", "-r",
                 f"{work}/bench.rules", "--events",
                 f"{work}/events.jsonl", mix],
        "ndpiReader": ["ndpiReader", "-i", mix, "-p", rules, "-C", f"{work}/ndpi.csv", "-q"],
    }
    used = {name: [] for name in tools}
    for _ in range(rounds):
        for name, args in tools.items():
            used[name].append(cpu(args)[0])
    packets, size = counts["packets"], os.path.getsize(mix)
    for name, values in used.items():
        m = statistics.median(values)
        print(
            f"{name:12} {m:.3f} s CPU (of {rounds}: {min(values):.3f} - {max(values):.3f}), "
            f"{packets / m / 1e6:.2f} M packets/s, {size * 8 / m / 1e9:.2f} Gbit/s of CPU time"
        )
    lines = sum(1 for _ in open(f"{work}/events.jsonl", "rb"))
    print(f"events       {lines} lines, {os.path.getsize(f'{work}/events.jsonl')} bytes")
    loop = min(used["loop"])
    flows = 1e-6 * (
        8 * counts["tls"] + 20 * counts["quic"] + 4 * (counts["dns"] + counts["unknown"])
    )
    bar("CPU of replay, 3 loops and the flows", min(used["weir"]), 3 * loop + flows, "s")
    bar("CPU of replay, 2.5 loops and the flows", min(used["weir"]), 2.5 * loop + flows, "s")
    bar("ndpiReader / weir", min(used["ndpiReader"]) / min(used["weir"]), 4.0, "times", False)
    heap(weir, bins, work, mix, packets)
    memory(weir, bins, work)
    undecided(weir, work)
    callgrind(weir, work, mix, packets)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


def heap(weir, bins, work, mix, packets):
    env = dict(os.environ, LD_PRELOAD=f"{os.path.abspath(bins)}/count_malloc.so")
    short = os.path.join(work, "short.pcap")
    cpu([f"{bins}/genmix", "--packets", "1000", short])
    got = {}
    for name, path in (("short", short), ("mix", mix)):
        text = cpu(
            [weir, "replay", "-q", "--no-ndpi", "-c", "tests/bench/bench.conf", "--events",
             "/dev/null", path],
            env,
        )[1]
        got[name] = int(re.search(r"heap calls: (\d+)", text).group(1))
    extra = got["mix"] - got["short"]
    print(f"heap calls   {got['short']} for 1,000 packets, {got['mix']} for all, {extra} more")
    bar("heap calls a packet (our code, nDPI off)", extra / packets, 0.0, "calls")


def memory(weir, bins, work):
    points = []
    for n in (20000, 200000):
        path = os.path.join(work, f"open{n}.pcap")
        cpu([f"{bins}/genmix", "--flows", str(n), "--open", path])
        points.append(
            peak_kib([weir, "replay", "-q", "-c", "tests/bench/bench.conf", "--events",
                      "/dev/null", path])
        )
        os.unlink(path)
    slope = (points[1] - points[0]) * 1024 / 180000
    print(f"resident     {points[0]} KiB with 20,000 open flows, {points[1]} KiB with 200,000")
    bar("resident growth a settled flow", slope, 400, "bytes")


def ipv4(proto, source, payload):
    """A packet to 192.0.2.7, with its checksum."""
    words = [0x4500, 20 + len(payload), 0, 0, 0x4000 | proto, 0, *source, 0xC000, 0x0207]
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    words[5] = total ^ 0xFFFF
    return struct.pack(">10H", *words) + payload


def half_hellos(path, flows):
    """So many connections that have sent all of a hello of 17,900 bytes but its end."""
    hello = b"\x16\x03\x01\x40\x00\x01\x00\x45\xe0\x03\x03" + bytes(16384 - 6)
    hello += b"\x16\x03\x03\x10\x00" + bytes(17900 - len(hello) - 5)
    segments = [(0x02, 999, b"")]
    segments += [(0x10, 1000 + at, hello[at:at + 1400]) for at in range(0, len(hello), 1400)]
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for n in range(flows):
            for flags, seq, data in segments:
                tcp = struct.pack(">HHIIBBHHH", 1024 + n % 60000, 443, seq, 1, 0x50, flags,
                                  65535, 0, 0)
                packet = ipv4(6, (0x0A01, 0x0002 + n // 60000), tcp + data)
                f.write(struct.pack("<IIII", 1795521600, 0, len(packet), len(packet)))
                f.write(packet)


def undecided(weir, work):
    points = []
    for n in (1000, 6000):
        path = os.path.join(work, f"half{n}.pcap")
        half_hellos(path, n)
        points.append(
            peak_kib([weir, "replay", "-q", "--no-ndpi", "-c", "tests/bench/bench.conf",
                      "--events", "/dev/null", path])
        )
        os.unlink(path)
    slope = (points[1] - points[0]) * 1024 / 5000
    print(f"resident     {points[0]} KiB with 1,000 half hellos of 17,900 bytes, "
          f"{points[1]} KiB with 6,000")
    bar("resident growth an undecided flow", slope, 20 * 1024, "bytes")


def callgrind(weir, work, mix, packets):
    out = os.path.join(work, "callgrind.out")
    text = cpu(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", weir, "replay", "-q",
         "--no-ndpi", "-c", "tests/bench/bench.conf", "--events", "/dev/null", mix]
    )[1]
    refs = int(re.search(r"Collected : (\d+)", text).group(1))
    print(f"callgrind    {refs} instructions, {refs / packets:.0f} a packet (start-up included)")


if __name__ == "__main__":
    main()
