#!/bin/sh
# A tunnel changes nothing: the events of tests/captures/tunnels are those of the same packets
# without it, whatever the number of workers.  WEIR=PROGRAM tests another build.
W=${WEIR:-./weir}
d=tests/captures/tunnels
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
python3 tests/tools/make_tunnels.py "$t/made"
if diff -r "$t/made" $d >&2; then ok "the captures are what the tool makes"; else not_ok "the captures are not what the tool makes"; fi
events() { # WORKERS CAPTURE: all but those about the run itself
	"$W" replay -q -j "$1" --events "$t/all" "$2" && grep -v '"type":"system"' "$t/all"
}
events 1 $d/plain.pcap >"$t/plain"
names=$(grep '"phase":"start"' "$t/plain" | grep -c '"host":')
if [ "$names" -ge 3 ]; then ok "$names names without a tunnel"; else not_ok "only $names names without a tunnel"; fi
for f in "$d"/*.pcap; do
	form=$(basename "$f" .pcap)
	for j in 1 2 3; do
		events $j "$f" >"$t/got"
		cp "$t/all" "$t/all.$j"
		if cmp "$t/plain" "$t/got" >&2; then ok "$form, $j workers"; else not_ok "$form, $j workers: other events"; fi
	done
	# The counters of the run as well.
	for j in 2 3; do
		if cmp "$t/all.1" "$t/all.$j" >&2; then ok "$form counts the same with $j workers"; else not_ok "$form counts otherwise with $j workers"; fi
	done
done
exit $bad
