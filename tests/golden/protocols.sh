#!/bin/sh
# Protocols that no reader of ours knows: what the events call them (tests/captures/protocols/words.tsv).
d=tests/captures/protocols
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
python3 tests/tools/make_protocols.py "$t/made"
for f in "$t"/made/*.pcap; do
	n=$(basename "$f")
	cmp "$f" "$d/$n" >&2 || not_ok "$n is not what make_protocols.py writes"
	grep -q "^${n%.pcap}	" $d/words.tsv || not_ok "$n is not in words.tsv"
done
value() { # FIELD: of the `end` event, or -
	sed -n '/"phase":"end"/s/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$t/events" | grep . || echo -
}
tab=$(printf '\t')
grep -v '^#' $d/words.tsv >"$t/words"
while IFS=$tab read -r name field word basis; do
	if ! ./weir replay -q --events "$t/events" "$d/$name.pcap"; then
		not_ok "$name: replay ends badly"
		continue
	fi
	if [ "$(value "$field") $(value ndpi_confidence)" = "$word $basis" ]; then
		ok "$name: $field $word $basis"
	else
		not_ok "$name: $field $(value "$field"), $(value ndpi_confidence), not $word, $basis"
	fi
	grep -q '"verdict"' "$t/events" || not_ok "$name is not judged"
	grep -qi 'never-write-this' "$t/events" && not_ok "$name: a password stands in the events"
	./weir replay -q --no-ndpi --events "$t/none" "$d/$name.pcap"
	grep -q '"ndpi' "$t/none" && not_ok "$name: there is a word, with --no-ndpi"
	python3 tests/tools/validate_events.py "$t/events" >&2 || not_ok "$name: against the schema"
done <"$t/words"
./weir replay -q -j 1 --events "$t/one" $d/*.pcap || not_ok "all in one ends badly"
./weir replay -q -j 3 --events "$t/three" $d/*.pcap || not_ok "all by three workers ends badly"
check "one worker or three, the same bytes" cmp "$t/one" "$t/three"
check "with words" grep -q '"ndpi":"wireguard"' "$t/one"
exit $bad
