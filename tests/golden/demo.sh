#!/bin/sh
# The demo: its events as reviewed (UPDATE=1 rewrites them), valid by the schema, and its
# summary recounted from the ledger by a script that shares no code with Weir.
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
python3 tests/tools/readdress.py tests/demo/plan.tsv tests/demo/servers.tsv tests/captures/real "$t/demo.pcap" >/dev/null
check "demo.pcap is what the tool makes" cmp "$t/demo.pcap" tests/demo/demo.pcap
./weir replay -c tests/demo/demo.conf -o "$t/ledger" tests/demo/demo.pcap >"$t/summary" 2>"$t/err"
check "replay ends well" [ $? -eq 0 ]
check "no finding in the shipped files" [ ! -s "$t/err" ]
check "events fit the schema" python3 tests/tools/validate_events.py "$t"/ledger/*.jsonl
# What a person reviews: judged connections but DNS, and signals, without what changes with
# every edit of a shipped file.
grep -E '"phase":"start"|"type":"signal"' "$t/ledger/000001.jsonl" | grep -v '"protocol":"dns"' |
	sed 's/"seq":[0-9]*,//; s/"generation":"[0-9a-f]*"/"generation":"-"/' >"$t/events"
[ -z "${UPDATE:-}" ] || cp "$t/events" tests/golden/demo.want.jsonl
check "events are the reviewed ones" diff -u tests/golden/demo.want.jsonl "$t/events"
has() {
	if grep -E "$2" "$t/ledger/000001.jsonl" | grep -qE "$3"; then ok "holds $1"; else not_ok "holds no $1"; fi
}
for gate in own rules default; do
	has "a deny by gate $gate" '"verdict":"deny"' "\"gate\":\"$gate\""
done
has "an undecidable" '"type":"flow"' '"undecidable":"'
has "an off_hours signal" '"type":"signal"' '"signal":"off_hours"'
has "an unexpected_country signal" '"type":"signal"' '"signal":"unexpected_country"'
has "a report-only would_verdict" '"type":"flow"' '"would_verdict":"deny"'
python3 tests/tools/recount.py "$t/summary" "$t/ledger" . tests/demo/demo.pcap
check "the summary was recounted to its end" [ $? -eq 0 ]
./weir rules print -c tests/demo/demo.conf >"$t/a.rules"
check "rules print ends well" [ $? -eq 0 ]
./weir rules print -c tests/demo/demo.conf -r "$t/a.rules" >"$t/b.rules"
check "rules print of what it printed ends well" [ $? -eq 0 ]
check "rules print parses to itself" cmp "$t/a.rules" "$t/b.rules"
exit $bad
