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

# ---- people as pseudonyms: none of their names is written, and what is decided and counted is the same
cat >"$t/people.csv" <<'END'
address,user
10.10.16.41,Quentin.Ashgrove
10.10.16.42,Wilma.Thornbury
10.10.16.44,Wilma.Thornbury
10.20.16.8,Zelda Marchbanks
END
sed "s|\.\./\.\./rules|$PWD/rules|; s|\"\.\./data|\"$PWD/tests/data|; s|\"holidays|\"$PWD/tests/demo/holidays|" \
	tests/demo/demo.conf >"$t/named.conf"
echo 'ledger = { dns_events = true; };' >>"$t/named.conf"
cp "$t/named.conf" "$t/masked.conf"
echo 'identity = { people = "people.csv"; };' >>"$t/named.conf"
echo 'identity = { people = "people.csv"; pseudonyms = true; };' >>"$t/masked.conf"
printf 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk' >"$t/key"
printf 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk' >"$t/short"
demo() { # CONF LEDGER [OPTION...]: and all that is made of the ledger, in the folder LEDGER.out
	conf=$1 to=$2
	shift 2
	mkdir "$to.out"
	"$W" replay -c "$conf" -o "$to" "$@" tests/demo/demo.pcap >"$to.out/summary" 2>"$to.out/errors"
	check "replay into $(basename "$to")" [ $? -eq 0 ]
	{
		"$W" index "$to" >"$to.out/index"
		for form in cef asim; do "$W" export $form --ledger "$to" >"$to.out/$form"; done
		"$W" report --ledger "$to" -o "$to.out/report.html"
		"$W" suggest --ledger "$to" >"$to.out/suggest"
		"$W" query --ledger "$to" --json >"$to.out/query"
	} >"$to.out/said" 2>&1
}
names_in() { # FILE...: of how many files
	grep -rlaiE 'ashgrove|thornbury|marchbanks|quentin|wilma|zelda' "$@" | wc -l
}
demo "$t/named.conf" "$t/named"
demo "$t/named.conf" "$t/keyed" --pseudonym-key "$t/key"
demo "$t/masked.conf" "$t/masked"
check "names stand in the record: events, index, CEF, ASIM, report, answers" \
	[ "$(names_in "$t/named/000001.jsonl" "$t/named/index" "$t/named.out")" -ge 6 ]
check "0 names in ledger, index, exports, report and answers, with a key given" \
	[ "$(names_in "$t/keyed" "$t/keyed.out")" -eq 0 ]
check "0 names with a key of the run alone" [ "$(names_in "$t/masked" "$t/masked.out")" -eq 0 ]
for made in cef asim report.html query; do check "there is $made" [ -s "$t/masked.out/$made" ]; done
# HMAC-SHA256 by another's hand.
cat >"$t/names.py" <<'PY'
import hashlib
import hmac
import json
import sys
names = {}
for name in ("Quentin.Ashgrove", "Wilma.Thornbury", "Zelda Marchbanks"):
    names["p-" + hmac.new(b"k" * 32, name.encode(), hashlib.sha256).hexdigest()[:16]] = name
with open(sys.argv[1], encoding="utf-8") as f:
    for event in map(json.loads, f):
        if event["type"] != "seal":
            event["principal"] = names.get(event.get("principal"), event.get("principal"))
            print(json.dumps(event))
PY
for of in named keyed; do python3 "$t/names.py" "$t/$of/000001.jsonl" >"$t/$of.events"; done
check "people are in events of three types" [ "$(grep -E 'Ashgrove|Thornbury|Marchbanks' "$t/keyed.events" |
	grep -o '"type": "[a-z]*"' | sort -u | wc -l)" -ge 3 ]
check "with the names put back the events are the same to the byte" cmp "$t/named.events" "$t/keyed.events"
counts() { # LEDGER
	"$W" query --ledger "$1" --group-by principal --json 2>>"$t/errors" | grep -o '"events":[0-9]*,"connections":[0-9]*' | sort
}
counts "$t/named" >"$t/named.counts"
counts "$t/masked" >"$t/masked.counts"
check "so are the counts of each person" cmp "$t/named.counts" "$t/masked.counts"
check "there are such" [ "$(wc -l <"$t/named.counts")" -ge 4 ]
check "addresses stay" grep -q '"src_ip":"10.10.16.41"' "$t/masked/000001.jsonl"
demo "$t/masked.conf" "$t/again"
who() { grep -o '"principal":"p-[^"]*"' "$1/000001.jsonl" | sort -u; }
check "three people" [ "$(who "$t/masked" | wc -l)" -eq 3 ]
check "who are others with the key of another run" [ "$( (who "$t/masked"; who "$t/again") | sort -u | wc -l)" -eq 6 ]
for no in short nowhere; do
	"$W" replay -q -c "$t/masked.conf" --events "$t/none" --pseudonym-key "$t/$no" tests/demo/demo.pcap >"$t/out" 2>&1
	check "a key that is none is refused: $no" [ $? -eq 3 ]
	check "and named: $no" grep -q "$t/$no: " "$t/out"
done
# Rules that name people decide as before; the record alone cannot say again what they decided.
python3 - "$t/users.pcap" <<'PY' || exit 3
import sys
sys.path.insert(0, "tests/tools")
import scenario
with open(sys.argv[1], "wb") as f:
    f.write(scenario.capture_of(scenario.parse("tests/scenario/users.scenario")[2]))
PY
users() { "$W" replay -q -c tests/scenario/users.conf "$@" "$t/users.pcap" 2>>"$t/errors"; }
users --events "$t/users.named"
users --events "$t/users.keyed" --pseudonym-key "$t/key"
for of in named keyed; do sed 's/"principal":"[^"]*",//' "$t/users.$of" >"$t/users.$of.rest"; done
check "rules about people decide by the true name" cmp "$t/users.named.rest" "$t/users.keyed.rest"
check "no name of theirs is in an event" sh -c "! grep -qiE 'principal\":\"(anna|keller|contoso)' $t/users.keyed"
check "which would be seen" grep -qiE 'principal":"anna' "$t/users.named"
users -o "$t/users" --pseudonym-key "$t/key"
"$W" diff --new running --ledger "$t/users" >"$t/out" 2>&1
check "what cannot be judged again for want of a name is told" grep -q "kept as a pseudonym, and rules ask who it is" "$t/out"
exit $bad
