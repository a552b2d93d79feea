#!/bin/sh
# Packets that lines with capture keep: named and hashed by the event, the same whoever reads and however many
# workers; read again they name the same; a folder of bounded size; none in a stream.  TAP.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
pcap=tests/demo/demo.pcap
cat >"$t/all.rules" <<'END'
gate rules
deny   service doh  report-only  capture  label would
deny   host "*.dropboxapi.com"  capture
alert  service { dataverse, smtp }  capture
allow  to any
gate undecidable
alert  ech_used  capture
END
run() { # NAME OPTIONS...
	n=$1
	shift
	"$W" replay -q -c tests/demo/demo.conf -r "$t/all.rules" "$@" $pcap 2>"$t/errors"
	check "$n" [ $? -eq 0 ]
}
run "one worker" -o "$t/one"
run "three workers" -j 3 -o "$t/three"
run "a stream of events" --events "$t/stream"
check "one worker or three: the same files" diff -r "$t/one/packets" "$t/three/packets"
for n in one three; do grep -v '"type":"seal"' "$t/$n/000001.jsonl" >"$t/$n.events"; done
check "and the same events" cmp "$t/one.events" "$t/three.events"
check "a stream names none" [ "$(grep -c '"packets":' "$t/stream")" -eq 0 ]
check "events fit the schema" python3 tests/tools/validate_events.py "$t/one.events"
check "none for the rest" [ "$(grep -c '"packets":' "$t/one.events")" -lt 30 ]
python3 tests/tools/packets_check.py "$W" "$t/one" >"$t/out" 2>&1
check "$(tail -n 1 "$t/out")" [ $? -eq 0 ]
cat "$t/out" >&2
check "nobody else reads them" [ "$(find "$t/one/packets" -perm /007 | wc -l)" -eq 0 ]
# All of them take more than 1 MiB.
printf 'gate rules\nallow to any capture\n' >"$t/all.rules"
sed 's|"\.\./|"'"$PWD"'/tests/|g; s|holidays-bavaria|'"$PWD"'/tests/demo/&|' tests/demo/demo.conf >"$t/small.conf"
echo 'ledger = { packets_size = "1MiB"; };' >>"$t/small.conf"
for i in 1 2 3 4 5 6 7 8; do cp $pcap "$t/$i.pcap"; done
"$W" replay -q -c "$t/small.conf" -r "$t/all.rules" -o "$t/small" "$t"/[1-8].pcap 2>"$t/errors"
check "a small folder" [ $? -eq 0 ]
bytes=$(cat "$t"/small/packets/* | wc -c)
check "$bytes bytes, at most 1 MiB and not much less" [ $((bytes / 48577)) -eq 21 ]
number() { sed -n 's/.*"packet_files_'"$1"'":\([0-9]*\).*/\1/p' "$t/small/000001.jsonl"; }
check "kept $(number kept), removed $(number removed), there are the others" \
	[ "$(number kept)" -eq $(($(number removed) + $(find "$t/small/packets" -name '*.pcapng' | wc -l))) ]
check "some were removed" [ "$(number removed)" -gt 0 ]
exit $bad
