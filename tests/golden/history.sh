#!/bin/sh
# What is asked of a ledger: the generations that it keeps, recorded connections explained and
# judged again, rules compared and suggested.  TAP.
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
# gives STATUS NAME COMMAND...: what it prints is in $t/out, $t/err.
gives() {
	want=$1 what=$2
	shift 2
	"$@" >"$t/out" 2>"$t/err"
	got=$?
	if [ "$got" -eq "$want" ]; then ok "$what"; else not_ok "$what: exit $got, not $want: $(head -3 "$t/err")"; fi
}
said() { check "$1" grep -qE "$2" "$t/out"; }
erred() { check "$1" grep -qE "$2" "$t/err"; }

mkdir "$t/in"
cp rules/contoso.rules rules/countries-embargo.txt "$t/in" 2>/dev/null || cp rules/contoso.rules "$t/in"
cp tests/demo/holidays-bavaria.txt "$t/in"
sed 's|"../../rules/contoso.rules"|"contoso.rules"|; s|"../|"'"$PWD"'/tests/|' tests/demo/demo.conf >"$t/in/weir.conf"
./weir replay -q -c "$t/in/weir.conf" -o "$t/ledger" tests/demo/demo.pcap 2>"$t/err"
check "replay ends well" [ $? -eq 0 ]
name=$(sed -n 's/.*"generation":"\([0-9a-f]*\)".*/\1/p;q' "$t/ledger/000001.jsonl")
starts=$(grep -cE '"phase":"(start|update)".*"verdict"' "$t/ledger/000001.jsonl")
./weir rules print -c "$t/in/weir.conf" >"$t/printed"

# ---- judged again by its own generation: nothing changes, of all kinds of connections
gives 0 "a ledger and its own generation do not differ" ./weir diff --new "$name" --ledger "$t/ledger"
said "all its judgements are judged again" "^seen  $starts judgements: $starts the same, 0 could not"
gives 0 "its last generation is called running" ./weir diff --new running --ledger "$t/ledger"
i=0
for cap in tests/captures/evasion/*.pcap tests/captures/real/*.pcap; do
	i=$((i + 1))
	[ $((i % 3)) -eq 0 ] || continue
	list="$list $cap"
done
# shellcheck disable=SC2086
./weir replay -q -o "$t/cases" $list 2>/dev/null
gives 0 "neither do those of hostile captures" ./weir diff --new running --ledger "$t/cases"
odd=$(sed -n 's/.* the same, \([0-9]*\) could not.*/\1/p' "$t/out")
conflicts=$(grep -cE '"phase":"(start|update)".*"undecidable":"conflict"' "$t/cases/000001.jsonl")
queries=$(grep -E '"phase":"(start|update)"' "$t/cases/000001.jsonl" | grep -cE '"url":"[^"]*\?')
check "all but conflicts and queries are judged again" [ "$odd" -eq $((conflicts + queries)) ]
check "there are such" [ "$conflicts" -gt 0 ]

# ---- people by name, and connections that ended with their hours
for name_of in users cut; do
	python3 - tests/scenario/$name_of.scenario "$t/$name_of.pcap" <<'PY' || exit 3
import sys
sys.path.insert(0, "tests/tools")
import scenario
with open(sys.argv[2], "wb") as f:
    f.write(scenario.capture_of(scenario.parse(sys.argv[1])[2]))
PY
	./weir replay -q -c tests/scenario/$name_of.conf -o "$t/$name_of" "$t/$name_of.pcap" 2>"$t/err"
	judged=$(cat "$t/$name_of"/*.jsonl | grep -cE '"phase":"(start|update)".*"verdict"')
	gives 0 "$name_of are judged again as recorded" ./weir diff --new running --ledger "$t/$name_of"
	said "all of them: $name_of" "^seen  $judged judgements: $judged the same, 0 could not"
done

# ---- the rules change, and the old ones are still there
sed -i '/^expect/d; s/^\( *2 *\)deny  *"\*"/\1allow "*"/' "$t/in/contoso.rules"
check "the rules were changed" sh -c "! cmp -s $t/in/contoso.rules rules/contoso.rules"
gives 0 "the rules of then can be printed" ./weir rules print --generation "$name" --ledger "$t/ledger"
check "they are those of then" cmp "$t/printed" "$t/out"
gives 0 "a few digits are enough" ./weir rules print --generation "$(echo "$name" | cut -c1-6)" --ledger "$t/ledger"
gives 1 "the new rules make a difference" ./weir diff -c "$t/in/weir.conf" --ledger "$t/ledger"
said "which is the smtp list" "^newly allowed: 2$"
said "with the line before" "before: .*contoso.rules:25\)"
said "and from whom" "service smtp, from robots, first to smtp.office365.com:465"
gives 1 "captures give the same difference" ./weir diff -c "$t/in/weir.conf" --old rules/contoso.rules --new "$t/in/contoso.rules" tests/demo/demo.pcap
said "as large" "^newly allowed: 2$"
gives 1 "as JSON" ./weir diff --json -c "$t/in/weir.conf" --ledger "$t/ledger"
check "each line is an object" python3 -c 'import json,sys; r=[json.loads(l) for l in open(sys.argv[1])]; assert r[0]["newly_allowed"] == sum(x["count"] for x in r[1:]) == 2' "$t/out"

# ---- a recorded connection
id=$(sed -n '/"phase":"start".*"verdict":"deny"/s/.*"flow_id":"\([0-9a-f]*\)".*/\1/p' "$t/ledger/000001.jsonl" | head -1)
gives 1 "a denied connection is explained" ./weir explain --flow "$id" --ledger "$t/ledger"
said "by the generation of then" "generation $name \(in force then\)"
said "with the line of then" ">4 endpoints     deny .*contoso.rules:25 .*2 deny"
said "as it was recorded" "^judged again: as recorded$"
gives 1 "a few digits are enough" ./weir explain --flow "$(echo "$id" | cut -c1-8)" --ledger "$t/ledger"
community=$(sed -n "/\"flow_id\":\"$id\"/s/.*\"community_id\":\"\([^\"]*\)\".*/\1/p;T;q" "$t/ledger/000001.jsonl")
gives 1 "a Community ID names it, too" ./weir explain --flow "$community" --ledger "$t/ledger"
gives 3 "one that is not there" ./weir explain --flow 0000000000000000 --ledger "$t/ledger"
erred "is said" "no judged connection '0000000000000000'"
gives 2 "no word for one" ./weir explain --flow xyz --ledger "$t/ledger"
# as JSON: what the record says, of denied and allowed ones
for one in $(sed -n '/"phase":"start".*"verdict":/s/.*"flow_id":"\([0-9a-f]*\)".*/\1/p' "$t/ledger/000001.jsonl" | head -40); do
	./weir explain --json --flow "$one" --ledger "$t/ledger"
done >"$t/explained" 2>&1
check "--json fits its schema" python3 tests/tools/validate_events.py --schema docs/explain-schema.json --no-seq "$t/explained"
check "and says what the record does" python3 -c '
import json, sys
seen = [json.loads(l) for l in open(sys.argv[1])]
assert len(seen) > 20 and {x["verdict"] for x in seen} == {"allow", "deny"}
last = {}
for l in open(sys.argv[2]):
    e = json.loads(l)
    if "gates" in e:
        last[e["flow_id"]] = e
for x in seen:
    e = last[x["flow_id"]]
    for k in ("verdict", "reason", "gate", "rule", "rule_label", "gates", "would_verdict",
              "would_rule", "would_rule_label", "role", "site", "source", "host", "service", "country",
              "connectors", "src_ip", "dst_ip", "dst_port", "principal", "generation", "effect"):
        assert k == "source" or x.get(k) == e.get(k), (k, x.get(k), e.get(k))
    assert x["as_recorded"] and "doubt" not in x and x["recorded_verdict"] == e["verdict"]
    assert {a["gate"]: a["answer"] for a in x["answers"] if a["answer"] != "not_asked"} == x["gates"]
    assert [a["gate"] for a in x["answers"] if a["decides"]] == ([x["gate"]] if "gate" in x else [])
    assert ("exception" in x) == bool(x.get("exception_skips"))
assert any("exception" in x for x in seen) and any(a.get("misses") for x in seen for a in x["answers"])
' "$t/explained" "$t/ledger/000001.jsonl"
mkdir "$t/changed"
cp -r "$t/ledger/." "$t/changed"
sed -i "/\"flow_id\":\"$id\"/s/\"verdict\":\"deny\"/\"verdict\":\"allow\"/" "$t/changed/000001.jsonl"
gives 0 "a changed record" ./weir explain --flow "$id" --ledger "$t/changed"
said "is told from what its rules say" "^judged again: deny, NOT as recorded"
gives 0 "a changed record as JSON" ./weir explain --json --flow "$id" --ledger "$t/changed"
said "says so, too" '"verdict":"deny".*"as_recorded":false,"doubt":"the record, or what '
said "beside what is recorded" '"recorded_verdict":"allow"'

# ---- what would change it: the line that is offered, signed
exception() { sed -n 's/^  \(allow .* skip .*\)/\1/p' "$t/out" | sed 's/owner "?"/owner "m.keller"/; s/reason "?"/reason "test"/'; }
./weir replay -q -c tests/demo/demo.conf -o "$t/shipped" tests/demo/demo.pcap
grep -v '^expect' rules/contoso.rules >"$t/no-expect.rules"
denied=0
grep '"verdict":"deny"' "$t/shipped/000001.jsonl" | sed -n '/"phase":"start"/s/.*"flow_id":"\([0-9a-f]*\)".*/\1/p' >"$t/ids"
while read -r id; do
	./weir explain --flow "$id" --ledger "$t/shipped" >"$t/out"
	[ -z "$(exception)" ] || { printf 'version 1\ngate exceptions\n'; exception; } >"$t/exception.rules"
	denied=$((denied + 1))
	./weir diff --json -c tests/demo/demo.conf --new "$t/no-expect.rules" --new "$t/exception.rules" --ledger "$t/shipped" >"$t/out"
	python3 - "$t/out" <<'EOF' || not_ok "the exception of $id changes nothing"
import json, sys
sums = json.loads(open(sys.argv[1]).readline())
sys.exit(0 if sums["newly_allowed"] >= 1 and sums["newly_denied"] == 0 else 1)
EOF
	rm -f "$t/exception.rules"
done <"$t/ids"
check "each denied connection of the demo passes by the exception that explain offers" [ "$denied" -gt 10 ]

# ---- what is kept is held against its hash
old=$(grep -l '^gate endpoints' "$t/changed/generations/files/"*)
echo '# nothing' >>"$old"
gives 1 "a changed rule file" ./weir rules print --generation "$name" --ledger "$t/changed"
erred "is seen" "was changed after it was kept"
rm "$old"
gives 1 "a removed one" ./weir rules print --generation "$name" --ledger "$t/changed"
erred "too" "No such file"
gives 1 "a generation that is not kept" ./weir rules print --generation 0123456 --ledger "$t/ledger"
erred "is said" "keeps no generation '0123456'"
gives 3 "no ledger" ./weir explain --flow 0123 --ledger "$t/in"
erred "is said, too" "holds no ledger"
mkdir "$t/odd"
cp -r "$t/ledger/." "$t/odd"
printf '{"seq":1,"type":"flow","flow_id":"zz"}\n{"type":"flow"\nnothing\n' >"$t/odd/000002.jsonl"
gives 0 "lines that no ledger has are passed over" ./weir diff --new "$name" --ledger "$t/odd"
erred "and said" "^000002.jsonl:1:.*error: is no flow_id"
said "the others are read" "^seen  $starts judgements: $starts the same"

# ---- a copy elsewhere, of files that are gone and were named by "..", is read as well
mkdir -p "$t/moved/conf" "$t/moved/rules"
cp rules/contoso.rules "$t/moved/rules"
sed 's|"../../rules/|"../rules/|; s|"../|"../../|; s|"../../rules/|"../rules/|' "$t/in/weir.conf" >"$t/moved/conf/weir.conf"
sed -i 's|"contoso.rules"|"../rules/contoso.rules"|' "$t/moved/conf/weir.conf"
cp tests/demo/holidays-bavaria.txt "$t/moved/conf"
./weir replay -q -c "$t/moved/conf/../conf/weir.conf" -o "$t/copied" tests/demo/demo.pcap
check "a replay with such names" [ $? -eq 0 ]
rm -rf "$t/moved"
W=$PWD/weir
id=$(head -1 "$t/ids")
gives 0 "its rules are read" sh -c "cd / && $W rules stats --ledger $t/copied"
said "all judgements are judged again" "^$starts judgements by .*, 0 could not"
gives 1 "its connections are explained" sh -c "cd / && $W explain --flow $id --ledger $t/copied"
said "as they were recorded" "^judged again: as recorded$"

# ---- bytes of a terminal in a record come out as '?'
mkdir "$t/hostile"
cp -r "$t/ledger/." "$t/hostile"
sed -i '/"phase":"start".*"verdict":"deny"/s/"host":"[^"]*"/"host":"x\\u001b]0;y"/' "$t/hostile/000001.jsonl"
id=$(sed -n '/u001b.*"phase":"start"\|"phase":"start".*u001b/s/.*"flow_id":"\([0-9a-f]*\)".*/\1/p' "$t/hostile/000001.jsonl" | head -1)
./weir explain --flow "$id" --ledger "$t/hostile" >"$t/out"
said "explain shows them so" ' -> x\?]0;y '
check "nowhere else either" sh -c "! grep -q \"\$(printf '\\033')\" $t/out"
./weir diff -c "$t/in/weir.conf" --ledger "$t/hostile" >"$t/out"
check "nor in diff" sh -c "! grep -q \"\$(printf '\\033')\" $t/out"
check "which names it" grep -q 'x?]0;y' "$t/out"

# ---- which lines are used, which expectations hold
gives 0 "lines are counted" ./weir rules stats --ledger "$t/ledger"
said "the list answered and decided twice" '^ +2 +2 +0  .*contoso.rules:25  2 deny'
said "an unused line is there" '^ +0 +0 +0  - .*to country <embargo>'
gives 0 "as JSON" ./weir rules stats --json --ledger "$t/ledger"
check "with the verdicts of the ledger" python3 -c 'import json,sys
r = [json.loads(l) for l in open(sys.argv[1])]
e = [json.loads(l) for l in open(sys.argv[2])]
e = [x for x in e if x["type"] == "flow" and x["phase"] != "end" and "verdict" in x]
assert r[0]["judgements"] == len(e)
for x in r[1:]:
    n = sum(1 for y in e if y.get("rule", "").endswith("/contoso.rules:%d" % x["line"]))
    assert x["decided"] == n, (x, n)
    assert x["answered"] >= n' "$t/out" "$t/ledger/000001.jsonl"
printf 'version 1\nexpect deny   desktop 10.10.9.31 -> smtp.office365.com:465    at "Sun 02:11"\n' >"$t/expect.rules"
gives 0 "an expectation that holds" ./weir rules test -r rules/contoso.rules -c tests/demo/demo.conf "$t/expect.rules"
said "is counted" "expect.rules: 1 expectations, all hold"
sed -i 's/deny /allow/' "$t/expect.rules"
gives 1 "one that does not" ./weir rules test -c tests/demo/demo.conf "$t/expect.rules"
erred "is shown with the line that answers" "contoso.rules:25 decided: 2 deny"

# ---- what it takes
gives 0 "rules are suggested" ./weir suggest -c "$t/in/weir.conf" -r rules/monitor.rules --ledger "$t/ledger"
said "for what nobody allowed yet" '^allow  from role user  to service power-apps$'
said "with first, last and sources" '^# from 10.10.16.41'
cp "$t/out" "$t/suggested.rules"
cat rules/monitor.rules "$t/suggested.rules" >"$t/both.rules" # the gate's lines join
gives 0 "they are rules" ./weir rules print -c "$t/in/weir.conf" -r rules/monitor.rules -r "$t/suggested.rules"
gives 0 "with them" ./weir suggest -c "$t/in/weir.conf" -r rules/monitor.rules -r "$t/suggested.rules" --ledger "$t/ledger"
said "nothing is left to suggest" '^# 0 of them need the lines below$'
./weir replay -q -c "$t/in/weir.conf" -r rules/monitor.rules -o "$t/monitored" tests/demo/demo.pcap
gives 0 "a ledger of these rules" ./weir suggest --ledger "$t/monitored"
cp "$t/out" "$t/monitored.rules"
gives 0 "and the captures" ./weir suggest -c "$t/in/weir.conf" -r rules/monitor.rules tests/demo/demo.pcap
check "give the same to the byte" diff "$t/monitored.rules" "$t/out"
gives 0 "as JSON" ./weir suggest --json -c "$t/in/weir.conf" -r rules/monitor.rules --ledger "$t/ledger"
check "each line is an object" python3 -c 'import json,sys; r=[json.loads(l) for l in open(sys.argv[1])]; s=r[0]; assert s["suggested"] == sum(x["count"] for x in r[1:]) > 0 and s["judgements"] == s["suggested"] + sum(s["left_out"].values())' "$t/out"
gives 3 "a full disk is said" sh -c "./weir suggest -c $t/in/weir.conf --ledger $t/ledger >/dev/full"

# ---- connections that were only counted are told, never passed over
{
	sed "s|\"\.\./\.\./|\"$PWD/|; s|\"\.\./|\"$PWD/tests/|; s|\"holidays|\"$PWD/tests/demo/holidays|" tests/demo/demo.conf
	echo 'ledger = { rollup = true; };'
} >"$t/rollup.conf"
./weir replay -q -c "$t/rollup.conf" -o "$t/rolled" tests/demo/demo.pcap 2>"$t/err"
counted=$(sed -n 's/.*"type":"rollup".*"count":\([0-9]*\).*/\1/p' "$t/rolled/000001.jsonl" | awk '{ n += $1 } END { print n }')
check "some were only counted: $counted" [ "$counted" -gt 100 ]
gives 0 "the rest is judged again" ./weir diff --new running --ledger "$t/rolled"
said "and the counted are told" "^could not be judged again: $counted in rollups"
gives 0 "as JSON, too" ./weir diff --json --new running --ledger "$t/rolled"
said "in_rollups" "\"in_rollups\":${counted}[,}]"
gives 3 "no flow_id of one that was counted" ./weir explain --ledger "$t/rolled" --flow 0123456789abcdef
erred "which is told" "$counted connections could not be judged again: they are in rollups"
gives 0 "counts of lines" ./weir rules stats -c "$t/rollup.conf" --ledger "$t/rolled"
erred "are told to leave them out" "$counted connections could not be judged again"
gives 0 "suggestions" ./weir suggest --ledger "$t/rolled"
erred "are, too" "$counted connections could not be judged again"
gives 0 "a ledger without such" ./weir diff --new running --ledger "$t/monitored"
check "says nothing of it" sh -c "! grep -q rollups '$t/out'"
sed '0,/"type":"rollup"/s/\("type":"rollup".*"count":\)[0-9]*/\199999999999999999999/' "$t/rolled/000001.jsonl" >"$t/x"
cat "$t/x" >"$t/rolled/000001.jsonl"
./weir diff --new running --ledger "$t/rolled" >"$t/out" 2>"$t/err"
erred "a count that is no number is said" "count of a rollup is no number"
exit $bad
