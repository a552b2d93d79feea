#!/bin/sh
# Secrets planted at every place of clear protocols where one may stand: none of them in anything that Weir
# writes.  What a path keeps.  TAP.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
tokens=tests/tools/make_tokens.py
python3 $tokens make "$t/tokens.pcap" || exit 3
python3 $tokens list >"$t/places"
check "$(wc -l <"$t/places") tokens, at least 30" [ "$(wc -l <"$t/places")" -ge 30 ]
python3 $tokens find "$t/tokens.pcap" >"$t/found"
check "who looks finds: all of them are in the capture" \
	[ "$(grep -c '^/' "$t/found")" -eq "$(wc -l <"$t/places")" ]
# Lists whose answers name the endpoint, alerts, denials, an address that decides alone.
cat >"$t/tokens.rules" <<'END'
gate endpoints
list Http  for role desktop
  1 deny   "http://crm.lab.example/v1/never"
  2 allow  "*"
gate rules
alert  to host "*.lab.example"  label seen
deny   port { 21, 110 }  label no-clear-passwords
allow  to any
gate undecidable
alert  malformed_name
END
cat >"$t/tokens.conf" <<'END'
mode = "monitor";
sites = ( { name = "lab"; inside = [ "10.1.0.0/16" ]; } );
sources = ( { role = "desktop"; name = "robots"; addresses = [ "10.1.0.2" ]; } );
END
"$W" replay -c "$t/tokens.conf" -r "$t/tokens.rules" -o "$t/ledger" "$t/tokens.pcap" >"$t/summary" 2>"$t/errors"
check "replay ends well" [ $? -eq 0 ]
kept() { # NAME PATTERN: it is told of the connection all the same
	check "$1" grep -q -- "$2" "$t/ledger/000001.jsonl"
}
kept "the path of a request, without what looks like a key" '"url":"http://crm.lab.example/files/\*/report.html"'
kept "the query's keys" '"url":"http://crm.lab.example/q?first=&sig="'
kept "so has the endpoint that a list was asked with" '"endpoint":"http://crm.lab.example/v1/\*"'
kept "a method that nobody registered" '"http_method":"other"'
kept "the database of a login" '"tds_database":"sales"'
kept "domains of mail" '"mail_to_domains":\["partner.example"\]'
kept "what nDPI calls MQTT" '"ndpi":"mqtt"'
kept "a name that is none" '"undecidable":"malformed_name"'
for form in cef asim; do
	"$W" export $form --ledger "$t/ledger" >"$t/out.$form" 2>>"$t/errors"
	check "export $form" [ -s "$t/out.$form" ]
done
"$W" index "$t/ledger" >"$t/out.index" 2>>"$t/errors"
check "the index is made" [ -d "$t/ledger/index" ]
"$W" query --ledger "$t/ledger" --json >"$t/out.query" 2>>"$t/errors"
check "query" [ -s "$t/out.query" ]
{
	"$W" query --ledger "$t/ledger" >"$t/out.table"
	"$W" suggest --ledger "$t/ledger" >"$t/out.suggest"
	"$W" verify "$t/ledger" >"$t/out.verify"
} 2>>"$t/errors"
id=$(sed -n '/"url":"[^"]*\/v1\/\*"/s/.*"flow_id":"\([0-9a-f]*\)".*/\1/p' "$t/ledger/000001.jsonl" | head -n 1)
"$W" explain --ledger "$t/ledger" --flow "$id" >"$t/out.explain" 2>>"$t/errors"
check "explain" [ -s "$t/out.explain" ]
"$W" diff -c "$t/tokens.conf" --new "$t/tokens.rules" --ledger "$t/ledger" >"$t/out.diff" 2>>"$t/errors"
check "what cannot be judged again for want of its path is told" \
	grep -q 'without the parts of its path that may be keys' "$t/out.diff"
# Cut in the middle of frames and packets, each way to a message.
for size in 3000 9001 20002; do
	head -c $size "$t/tokens.pcap" >"$t/cut.pcap"
	"$W" replay -c "$t/tokens.conf" -r "$t/tokens.rules" --events "$t/out.cut$size" "$t/cut.pcap" 2>>"$t/errors"
done
check "there are messages" [ -s "$t/errors" ]
rm -f "$t/cut.pcap" "$t/tokens.pcap" "$t/found"
rm -rf "$t/ledger/generations/files" # the shipped catalogue
check "0 tokens in ledger, index, exports, answers and messages" python3 $tokens find "$t"
# The test's own rules may be asked with the whole path, which the record has not: a definite answer.
cat >"$t/deny.rules" <<'END'
gate endpoints
list Http  for role desktop
  1 deny   "http://crm.lab.example/hook/*/run"
  2 allow  "*"
END
python3 $tokens make "$t/tokens.pcap" || exit 3
"$W" replay -q -c "$t/tokens.conf" -r "$t/deny.rules" --events "$t/events" "$t/tokens.pcap"
check "rules are asked with the path as it was" grep -q '"url":"http://crm.lab.example/hook/\*/run".*"verdict":"deny"' "$t/events"
exit $bad
