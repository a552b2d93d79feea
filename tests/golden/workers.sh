#!/bin/sh
# One worker and two write the same bytes, a hundred times over, on all captures in one run; also
# what Weir says of its own place.
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
run() {
	./weir replay -q -c tests/demo/demo.conf -j "$1" --events "$2" tests/demo/demo.pcap tests/captures/real/*.pcap
}
run 1 "$t/one" || exit 1
bad=0
lines=$(wc -l <"$t/one")
if [ "$lines" -gt 1000 ]; then
	echo "ok - $lines events"
else
	echo "not ok - only $lines events"
	bad=1
fi
n=0
while [ $n -lt 100 ]; do
	run $((2 + n % 3)) "$t/more" || break
	cmp -s "$t/one" "$t/more" || break
	n=$((n + 1))
done
if [ $n -eq 100 ]; then
	echo "ok - 100 runs with 2, 3 and 4 workers wrote the bytes of one worker"
else
	echo "not ok - run $n with $((2 + n % 3)) workers differs"
	cmp "$t/one" "$t/more" >&2
	bad=1
fi

# ---- what is only counted: the same for any number of workers, and nothing is lost -----------------
{
	sed "s|\"\.\./\.\./|\"$PWD/|; s|\"\.\./|\"$PWD/tests/|; s|\"holidays|\"$PWD/tests/demo/holidays|" tests/demo/demo.conf
	echo 'ledger = { rollup = true; };'
} >"$t/rollup.conf"
for n in 1 2 3; do
	./weir replay -q -c "$t/rollup.conf" -j $n --events "$t/rollup.$n" tests/demo/demo.pcap tests/captures/real/*.pcap || exit 1
done
if cmp "$t/rollup.1" "$t/rollup.2" && cmp "$t/rollup.1" "$t/rollup.3"; then
	echo "ok - 1, 2 and 3 workers write the same rollups"
else
	echo "not ok - rollups depend on the workers"
	bad=1
fi
python3 - "$t/one" "$t/rollup.1" <<'PY' || bad=1
import json, sys
whole, counted = ([json.loads(line) for line in open(f)] for f in sys.argv[1:])
def sums(events):
    starts = ends = out = 0
    for e in events:
        if e["type"] == "flow":
            starts += e["phase"] == "start"
            ends += e["phase"] == "end"
            out += e.get("bytes_out", 0) if e["phase"] == "end" else 0
        elif e["type"] == "rollup":
            starts += e["count"]
            ends += e["ends"]
            out += e["bytes_out"]
    return starts, ends, out
rollups = sum(e["type"] == "rollup" for e in counted)
same = sums(whole) == sums(counted)
print("ok" if same and rollups > 0 and len(counted) < len(whole) else "not ok",
      f"- {len(counted)} events with {rollups} rollups tell of as many connections, ends and bytes as {len(whole)}")
sys.exit(not same)
PY

# ---- `cut`: four hundred connections that are open when hours end -----------------------------
python3 - "$t/cut" <<'PY' || exit 3
import sys
sys.path.insert(0, "tests/tools")
import scenario
steps = [(0, f"2026-11-23T17:{50 + n // 60}:{n % 60:02}Z", f"10.1.{n % 5}.{n % 200 + 1}", "a.example", "203.0.113.9",
          "allow", "-", ["until=2026-11-23T18:09:00Z"]) for n in range(400)]
with open(sys.argv[1], "wb") as f:
    f.write(scenario.capture_of(steps))
PY
for j in 1 2 3 4; do
	./weir replay -q -c tests/scenario/cut.conf -j $j --events "$t/cut.$j" "$t/cut" || exit 1
	cmp "$t/cut.1" "$t/cut.$j" >&2 || bad=1
done
python3 - "$t/cut.1" $bad <<'PY' || bad=1
import collections, json, sys
with open(sys.argv[1], encoding="utf-8") as f:
    events = [json.loads(line) for line in f]
cut = [e for e in events if e.get("phase") == "update"]
steps = collections.Counter(e["time"][:19] for e in cut)
ends = [e for e in events if e.get("phase") == "end" and e["verdict"] == "deny"]
good = (sys.argv[2] == "0" and len(cut) == 400 and len({e["flow_id"] for e in cut}) == 400 and len(ends) == 400 and
        len(steps) > 50 and max(steps.values()) < 20 and all(s.startswith("2026-11-23T18:00:") for s in steps))
print(f"{'ok' if good else 'not ok'} - {len(cut)} connections denied within a minute, at most {max(steps.values())} in a "
      f"second, by 1, 2, 3 and 4 workers alike")
sys.exit(not good)
PY

# ---- self-checks: nobody in the demo is inside of this site -----------------------------------
echo 'sites = ({ name = "elsewhere"; inside = [ "192.0.2.0/24" ]; });' >"$t/elsewhere.conf"
later() { # DAYS OUT: the demo, on another day
	python3 - "$@" <<'PY' || exit 3
import struct, sys
data = bytearray(open("tests/demo/demo.pcap", "rb").read())
at = 24
while at < len(data):
    seconds, _, kept = struct.unpack_from("<III", data, at)
    struct.pack_into("<I", data, at, seconds + int(sys.argv[1]) * 86400)
    at += 16 + kept
open(sys.argv[2], "wb").write(data)
PY
}
later 2 "$t/2.pcap" # one demo alone is too short to say anything
later 4 "$t/4.pcap"
elsewhere() { # WORKERS ARGUMENTS...
	./weir replay -c "$t/elsewhere.conf" -j "$@" tests/demo/demo.pcap "$t/2.pcap" "$t/4.pcap" 2>"$t/err"
}
for j in 1 2; do
	elsewhere "$j" -q --events "$t/events.$j" || exit 1
	elsewhere "$j" --json -o "$t/ledger.$j" >"$t/summary.$j" || exit 1
	n=$(grep -c '"what":"selfcheck_neither_inside"' "$t/events.$j")
	if [ "$n" -eq 1 ] && grep -q '"most connections have no end inside' "$t/summary.$j"; then
		echo "ok - -j $j: the self-check speaks once, in the events and in the summary"
	else
		echo "not ok - -j $j: the self-check speaks $n times, or not in the summary"
		bad=1
	fi
done
if cmp "$t/events.1" "$t/events.2" >&2; then
	echo "ok - one worker and two write the same self-check"
else
	echo "not ok - the self-check depends on the workers"
	bad=1
fi
exit $bad
