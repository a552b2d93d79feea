#!/bin/sh
# weir report: the demo's facts, each number asked again, the same bytes again, what was changed, roll-ups.
set -u
cd "$(dirname "$0")/../.." || exit 3
weir=${WEIR:-./weir}
out=$(mktemp -d) || exit 3
trap 'rm -rf "$out"' EXIT
ledger=$out/ledger
. tests/tools/tap.sh
# report NAME STATUS OPTIONS...
report() {
	name=$1
	want=$2
	shift 2
	$weir report --ledger "$ledger" "$@" -o "$out/$name.html" >"$out/said" 2>&1
	is "$name: status" "$?" "$want"
}
facts() { python3 tests/tools/report_check.py facts "$out/$1.html"; }
says() { facts "$1" | grep -c -- "$2"; }

$weir replay -c tests/demo/demo.conf -o "$ledger" tests/demo/demo.pcap >/dev/null 2>&1
report demo 0 --tz Europe/Berlin
facts demo | sed 's/[0-9A-F]\{4\}\(-[0-9A-F]\{4\}\)\{7\}/KEY/' >"$out/facts"
if [ "${UPDATE:-}" = 1 ]; then cp "$out/facts" tests/golden/report.want; fi
is "the demo's facts" "$(cat "$out/facts")" "$(cat tests/golden/report.want)"
python3 tests/tools/report_check.py queries "$weir" "$out/demo.html" 2 >"$out/asked"
is "each query gives its number" "$?: $(grep -c 'give the page' "$out/asked")" "0: 1"
cp "$out/demo.html" "$out/before.html"
rm -r "$ledger/index"
report demo 0 --tz Europe/Berlin
is "the same bytes, also from an index made anew" "$(cmp "$out/demo.html" "$out/before.html" && echo same)" same
is "no script, no address of a resource" "$(grep -ciE '<script|src=|href="[^#]|url\((h|/)|@import' "$out/demo.html")" 0

# A period, its end as asked; anchored, by a key that is given.
$weir seal --ledger "$ledger" >"$out/anchors"
report half 0 --since 2026-11-23 --until 2026-11-23T12:00:00Z --anchors "$out/anchors" --key "$ledger/ledger.pub" --prove
is "anchored" "$(says half 'ANCHORED up to line 832 of 832')" 1
is "by the key given" "$(says half 'AS GIVEN')" 1
is "half a day's denials" "$(facts half | grep -c '^Denied | 12 connections')" 1
is "proven line by line" "$(grep -c '; 0 were not what was indexed' "$out/half.html")" 1
python3 tests/tools/report_check.py queries "$weir" "$out/half.html" 8 >"$out/asked"
is "each query of the period gives its number" "$?" 0

# What is wrong is said first, and by the status.
report later 2 --since 2026-12-01
report nowhere 2 -o /dev/null --since yesterday
cp -r "$ledger" "$out/changed"
sed -i '7s/munich/berlin/' "$out/changed/000001.jsonl"
rm -r "$out/changed/index"
ledger=$out/changed
report changed 1
is "not whole" "$(says changed '^Ledger | ✗ NOT WHOLE 1 findings')" 1
is "where" "$(grep -c '000001.jsonl:7</th><td>7</td><td>changed' "$out/changed.html")" 1
ledger=$out/none
report none 3
is "nothing is written" "$(test -e "$out/none.html" || echo none)" none

# Roll-ups count; losses and exceptions show.  No seal covers these lines.
mkdir "$out/rolled"
cp "$out/ledger/ledger.pub" "$out/rolled/"
python3 tests/tools/report_ledger.py >"$out/rolled/000001.jsonl"
ledger=$out/rolled
report rolled 0
is "denied, written and counted" "$(says rolled '^Denied | 1,007 connections: 7 written one by one, 1,000 counted')" 1
is "by its line" "$(says rolled '^Denied connections by the line that decided: total 1,007 7 1,000')" 1
is "by host" "$(says rolled '^Denied hosts and who asked for them: total 1,007 7 1,000')" 1
is "by service" "$(says rolled '^Services, by connections: total 1,057 0 7 50 1,000')" 1
is "would be denied" "$(says rolled '^Report-only | 50 connections passed')" 1
is "lost" "$(says rolled '^Lost | 3 losses were told, of 42 things')" 1
is "overlapping times count once" "$(says rolled '^Not inspected | 15 min in 2 stretches')" 1
is "no seal" "$(says rolled '^Proven | ✗ NOTHING')" 1
is "what the kernel saw is not known" "$(says rolled '^Counted elsewhere | △ NOT KNOWN')" 1
counted() { # packets given, taken, dropped, connections ended
	printf '{"v":1,"seq":%s,"time":"2026-11-22T02:11:16.000000Z","type":"system","sensor":"edge-1","generation":"934a15d2964c5863","mode":"enforce","what":"counted","detail":{"kernel_packets":%s,"packets_taken":%s,"packets_dropped":%s,"connections_ended":%s}}\n' \
		"$1" "$2" "$3" "$4" "$5"
}
last=$(tail -n 1 "$out/rolled/000001.jsonl" | sed 's/.*"seq":\([0-9]*\).*/\1/')
for one in "10 10 0 0 AGREES" "10 9 0 0 DIFFERS" "10 8 2 0 DIFFERS" "10 10 0 99999 DIFFERS"; do
	# shellcheck disable=SC2086  # words
	set -- $one
	rm -rf "$out/against" && mkdir "$out/against"
	{
		cat "$out/rolled/000001.jsonl"
		counted $((last + 1)) 7 7 0 0
		counted $((last + 2)) "$1" "$2" "$3" "$4"
	} >"$out/against/000001.jsonl"
	cp "$out/ledger/ledger.pub" "$out/against/"
	ledger=$out/against
	report against 0
	is "the kernel's count: $one" "$(says against "^Counted elsewhere | . $5 The kernel gave Weir $((7 + $1)) packets.* $((7 + $2)) were taken, $3 dropped")" 1
done
ledger=$out/rolled
python3 tests/tools/report_check.py queries "$weir" "$out/rolled.html" 8 >"$out/asked"
is "each query over roll-ups gives its number" "$?" 0
exit $bad
