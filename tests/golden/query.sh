#!/bin/sh
# weir query and weir index: the demo's ledger against a scan in Python; saved queries; an index that is
# damaged, interrupted, read-only or behind; a ledger that was changed.
# shellcheck disable=SC2119,SC2120  # count without words counts all
set -u
cd "$(dirname "$0")/../.." || exit 3
weir=${WEIR:-./weir}
out=$(mktemp -d) || exit 3
trap 'rm -rf "$out"' EXIT
ledger=$out/ledger
. tests/tools/tap.sh
count() { $weir query --ledger "$ledger" "$@" --json 2>"$out/err" | wc -l; }

$weir replay -c tests/demo/demo.conf -o "$ledger" tests/demo/demo.pcap >/dev/null 2>&1
lines=$(cat "$ledger"/*.jsonl | wc -l)
python3 tests/tools/query_check.py "$weir" "$ledger" "$out/index" docs/events.md || bad=1

# Saved queries: their figures, as the demo's summary has them.
$weir query --saved list | while read -r name rest; do
	echo "== $name: $rest"
	$weir query --ledger "$ledger" --tz Europe/Berlin --saved "$name" --csv
	echo "exit $?"
done | tr -d '\r' | sed "s|$out|OUT|g" >"$out/saved"
if [ "${UPDATE:-}" = 1 ]; then cp "$out/saved" tests/golden/query.want; fi
is "saved queries over the demo" "$(cat "$out/saved")" "$(cat tests/golden/query.want)"
missing=$($weir query --saved list | while read -r name rest; do
	grep -q "^## $name\$" docs/queries.md || echo "$name"
	$weir query --saved "$name" --explain | grep '^    weir query' | sed 's/^ *//' | while read -r line; do
		grep -qxF "    $line" docs/queries.md || echo "$name: $line"
	done
done)
is "docs/queries.md defines each" "$missing" ""

# The same connections, kept one by one and in roll-ups: the same counts, and those of the summary.
{
	sed "s|\"\.\./\.\./|\"$PWD/|; s|\"\.\./|\"$PWD/tests/|; s|\"holidays|\"$PWD/tests/demo/holidays|" tests/demo/demo.conf
	echo 'ledger = { rollup = true; };'
} >"$out/rollup.conf"
$weir replay -c "$out/rollup.conf" -o "$out/rollups" tests/demo/demo.pcap >"$out/summary" 2>&1
by() { $weir query --ledger "$1" --type flow --type rollup --group-by "$2" --csv | tr -d '\r' | cut -d, -f"$3" | grep -v ',0$' | sort; }
is "roll-ups weigh what they count" "$(by "$out/rollups" service,verdict,principal 1-3,5)" "$(by "$ledger" service,verdict,principal 1-3,5)"
is "and some were" "$($weir query --ledger "$out/rollups" --type rollup --group-by type --csv | tail -n 1 | cut -d, -f2,3)" "35,337"
is "denied: the summary's figure" "$($weir query --ledger "$out/rollups" --type flow --type rollup --verdict deny --group-by verdict --csv | tail -n 1 | cut -d, -f3)" \
	"$(awk '$1 == "total" { print $4 }' "$out/summary")"

# An index that cannot be believed is made anew, with a message, and answers the same.
is "all lines" "$(count)" "$lines"
for what in cut zeros text gone version; do
	file=$(find "$ledger/index" -name '*-23.sqlite')
	case $what in
	cut) truncate -s 9000 "$file" ;;
	zeros) dd if=/dev/zero of="$file" bs=4096 seek=4 count=20 conv=notrunc 2>/dev/null ;;
	text) echo "no database" >"$file" ;;
	gone) rm "$ledger"/index/*-22.sqlite ;;
	version) python3 -c "import sqlite3,sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version=7')" "$file" ;;
	esac
	is "$what: all lines" "$(count)" "$lines"
	is "$what: said" "$(grep -c 'made anew' "$out/err")" 1
done
is "not made anew twice" "$(count; grep -c 'made anew' "$out/err")" "$lines
0"

# An index that was changed, which queries by sums believe, is not what a scan of the ledger gives.
changed() { # SQL, of a file: status and the first difference
	rm -rf "$out/bad-index"
	$weir index --index "$out/bad-index" "$ledger" >/dev/null
	python3 -c "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()" "$out/bad-index/2026-11-23.sqlite" "$1"
	$weir index --check --index "$out/bad-index" "$ledger" >"$out/o"
	echo "$? $(sed -n '1s/^it differs from the ledger: 2026-11-23.sqlite: //p' "$out/o")"
}
is "index --check: as it is" "$($weir index --check "$ledger" | sed -n '1s/ and .*//p'; echo $?)" "$lines rows
0"
is "a sum" "$(changed "UPDATE hours SET n = n + 1 WHERE rowid = 7")" "1 sums of table hours at 2026-11-23T07:00:00.000000Z: 2 events or what they add up to, the ledger has 1"
is "a sum's bytes" "$(changed "UPDATE days SET bytes_out = 5 WHERE rowid = 9" | cut -d: -f1)" "1 sums of table days at 2026-11-23T00"
is "a sum that is gone" "$(changed "DELETE FROM rules WHERE rowid = 3" | cut -d: -f1)" "1 sums of table rules at 2026-11-23T00"
is "a column" "$(changed "UPDATE events SET dst_port = 80 WHERE n = 9" | sed 's/line [0-9]* of/line N of/')" "1 row 9, line N of segment 1: its dst_port is not the line's"
is "a text" "$(changed "UPDATE strings SET text = CAST('alloW' AS BLOB) WHERE text = CAST('allow' AS BLOB)" | sed 's/.*its/its/')" "its verdict is not the line's"
is "a text twice: made anew, and status" "$(changed "UPDATE strings SET text = CAST('deny' AS BLOB) WHERE text = CAST('allow' AS BLOB)" 2>&1 | grep -c '^1 \|made anew')" 2
is "a minute that does not know" "$(changed "UPDATE minutes SET marks = 0 WHERE rowid = 5" | sed 's/row [0-9]*/row N/')" "1 row N: its minute does not know all of its fields"
is "a minute that is gone" "$(changed "DELETE FROM minutes WHERE rowid = 5" | sed 's/row [0-9]*/row N/')" "1 row N is in no run of its minute"
is "a row that is gone" "$(changed "DELETE FROM events WHERE n = 9" | sed 's/line [0-9]* of/line N of/')" "1 line N of segment 1 is not in it where it should be"
is "an order" "$(changed "UPDATE events SET offset = offset + 1 WHERE n = 9" | sed 's/line [0-9]* of/line N of/')" "1 line N of segment 1 is not in it where it should be"

rm -rf "$out/bad-index"
$weir index --index "$out/bad-index" "$ledger" >/dev/null
python3 - "$out/bad-index/2026-11-23.sqlite" <<'END'
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("PRAGMA writable_schema = ON")
c.execute("""UPDATE sqlite_schema SET sql = replace(sql, 'rare = 1', 'rare = 0') WHERE name = 'events_rare'""")
c.commit()
END
$weir index --check --index "$out/bad-index" "$ledger" >"$out/o"
is "an index that has other rows" "$? $(grep -c '2026-11-23.sqlite: row .* missing from index events_rare' "$out/o")" "1 1"

# The ledger grows; only what is new is read.  A last line that is not whole is none.
last=$(tail -n 1 "$ledger/000001.jsonl")
next=$(echo "$last" | sed "s/\"seq\":$lines/\"seq\":$((lines + 1))/")
printf '%s' "$next" >>"$ledger/000001.jsonl"
is "a torn line is none" "$(count)" "$lines"
echo >>"$ledger/000001.jsonl"
is "one line is read" "$($weir index "$ledger" | sed 's/.*, //')" "1 lines read now"
is "a line more" "$(count)" "$((lines + 1))"
echo 'no event' >>"$ledger/000001.jsonl"
$weir index "$ledger" >"$out/o" 2>"$out/err"
is "a line that is none: status" "$?" 1
is "a line that is none: where" "$(grep -c "000001.jsonl:$((lines + 2))" "$out/err")" 1

# Another ledger in its place; a line that was changed.
sed -i '$d' "$ledger/000001.jsonl"
is "the ledger does not go on there" "$(count)" "$((lines + 1))"
is "and that is said" "$(grep -c 'does not continue' "$out/err")" 1
sed -i '5s/"sensor":"demo"/"sensor":"demu"/' "$ledger/000001.jsonl"
$weir query --ledger "$ledger" --prove --group-by type --csv >/dev/null 2>"$out/err"
is "a changed line: status" "$?" 3
is "a changed line: which" "$(grep -c 'the first is line 5 of segment 1' "$out/err")" 1

# Held against the seals: whoever changes a line can make the index anew, and not the seal.
$weir replay -c tests/demo/demo.conf -o "$out/sealed" tests/demo/demo.pcap >/dev/null 2>&1
$weir replay -c tests/demo/demo.conf -o "$out/resigned" tests/demo/demo.pcap >/dev/null 2>&1
$weir seal --ledger "$out/sealed" >"$out/anchor"
print=$(sed -n 's/.*"key":"\([0-9A-F-]*\)".*/\1/p' "$out/anchor" | tail -n 1)
prove() { # folder, then options: status, figures of the proof
	folder=$1
	shift
	rm -rf "$out/$folder/index"
	$weir query --ledger "$out/$folder" --group-by type --csv --prove "$@" >/dev/null 2>"$out/err"
	echo "$? $(sed -n 's/^weir query: \([0-9]*\) .*proven by the seals, \([0-9]*\) .*/\1 \2/p; s/.*: \([0-9]*\) are not proven.*line \([0-9]*\) of.*/doubt \1 \2/p' "$out/err" | paste -sd' ')"
}
is "whole: all lines are proven" "$(prove sealed)" "0 $lines 0"
is "by the key and the anchor" "$(prove sealed --root-key "$print" --anchors "$out/anchor")" "0 $lines 0"
is "another key" "$(prove resigned --root-key "$print")" "3 "
is "signed anew: the anchor knows" "$(prove resigned --anchors "$out/anchor")" "3 0 0 doubt $lines 1"
copy=$(sed -n '1s/"seq":1,/"seq":2,/p' "$out/sealed/000001.jsonl")
echo "$copy" >>"$out/sealed/000001.jsonl"
is "a copy behind the seal is in doubt" "$(prove sealed)" "3 $lines 0 doubt 1 $((lines + 1))"
sed -i '$d' "$out/sealed/000001.jsonl"
tail -n 1 "$out/resigned/000001.jsonl" | sed "s/\"seq\":$lines/\"seq\":$((lines + 1))/; s/\"type\":\"seal\"/\"type\":\"system\"/" >>"$out/sealed/000001.jsonl"
is "a line behind the seal is unsealed" "$(prove sealed)" "0 $lines 1"
sed -i '5s/"sensor":"demo"/"sensor":"demu"/' "$out/sealed/000001.jsonl"
is "a changed line and a new index" "$(prove sealed)" "3 0 0 doubt $((lines + 1)) 1"
sed -i "5s/demu/demo/; ${lines}s/\"signature\":\"./\"signature\":\"#/" "$out/sealed/000001.jsonl"
is "a changed seal proves nothing" "$(prove sealed)" "3 0 0 doubt $((lines + 1)) 1"

# Each event's seal is the next one in the ledger, by the epoch that signed it.
python3 tests/tools/make_ledger.py "$out/many" >/dev/null
seals_are_right() { # options of the query; says how many rows, seals and epochs there are
	$weir query --ledger "$out/many" --prove "$@" >"$out/rows" 2>"$out/err"
	python3 - "$out/many" "$out/rows" "$out/err" <<'END'
import csv, glob, json, re, sys
lines = [json.loads(line) for f in sorted(glob.glob(sys.argv[1] + "/0*.jsonl")) for line in open(f)]
seals = [(line["seq"], line["epoch"]) for line in lines if line["type"] == "seal"]
want = {line["seq"]: next((s for s in seals if s[0] >= line["seq"]), None) for line in lines}
text = open(sys.argv[2], newline="").read()
rows = [json.loads(row) for row in text.splitlines()] if text.startswith("{") else list(csv.DictReader(text.splitlines()))
got = [(int(r["proven_seal"]), int(r["proven_epoch"])) if r.get("proven_seal") else None for r in rows]
if got != [want[int(r["seq"])] for r in rows]:
    print("wrong")
said = re.search(r"by seals (\d+) \(epoch (\d+)\) to (\d+) \(epoch (\d+)\)", open(sys.argv[3]).read())
got = {g for g in got if g}
if tuple(map(int, said.groups())) != min(got) + max(got):
    print("wrong: " + said[0])
print(len(rows), "rows,", len(got), "seals,", len({e for _, e in got}), "epochs")
END
}
is "each event's seal" "$(seals_are_right --csv --fields seq,host)" "128 rows, 7 seals, 3 epochs"
is "each event's seal: json" "$(seals_are_right --json --verdict deny)" "18 rows, 6 seals, 3 epochs"
is "each event's seal: by order" "$(seals_are_right --csv --fields seq --order -host --type flow)" "120 rows, 7 seals, 3 epochs"

# It reads the seals and those ranges alone, and sees whatever is wrong with them.
mkdir "$out/mutated"
python3 tests/tools/prove_mutate.py "$weir" "$out/mutated" || bad=1

# Killed while it is made, again and again.
build=${B:-build/plain}
if [ -x "$build/bench/genledger" ]; then
	"$build/bench/genledger" "$out/big" 60000 3 5
	i=0
	while [ $i -lt 12 ]; do
		$weir index --index "$out/big-index" "$out/big" >/dev/null 2>&1 &
		pid=$!
		sleep "0.$((i * 7 % 10))"
		kill -9 $pid 2>/dev/null
		wait $pid 2>/dev/null
		i=$((i + 1))
	done
	$weir index --index "$out/big-index" "$out/big" >"$out/o" 2>"$out/err"
	is "killed: all events" "$(sed 's/.*: \([0-9]* events\).*/\1/' "$out/o")" "60000 events"
	is "killed: once each" "$($weir query --ledger "$out/big" --index "$out/big-index" --group-by type --csv --top 0 | tail -n +2 | cut -d, -f2 | paste -sd+ | bc)" 60000
	$weir index --index "$out/two" "$out/big" >"$out/o1" 2>&1 &
	$weir index --index "$out/two" "$out/big" >"$out/o2" 2>&1
	wait
	is "what was killed is what the ledger says" "$($weir index --check --index "$out/big-index" "$out/big" | sed -n '1s/ and .*//p')" "60000 rows"
	is "two at once: one waits" "$(cat "$out/o1" "$out/o2" | grep -c '60000 events')" 2
fi

# A spreadsheet computes nothing that a stranger wrote; commas, quotes and ends of lines are quoted.
mkdir "$out/cells"
python3 - >"$out/cells/000001.jsonl" <<'END'
import json
for n, text in enumerate(["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=1", "a,\"b\"\r\nc", "1;=2", "=a,b"], 1):
    print(json.dumps({"v": 1, "seq": n, "time": "2026-11-22T02:11:16Z", "type": "change", "who": text,
                      "flags": [text, "=x"], "detail": {"offset": -n}, "count": n}))
END
$weir query --ledger "$out/cells" --csv --fields seq,count,who,flags,detail.offset >"$out/o" 2>"$out/err"
is "csv: texts, lists, and numbers" "$(python3 - "$out/o" <<'END'
import csv, sys
for row in list(csv.reader(open(sys.argv[1], newline=""), strict=True))[1:]:
    print(row)
END
)" "$(cat tests/golden/query-cells.want)"
is "csv: groups, too" "$($weir query --ledger "$out/cells" --csv --who '@*' --group-by who | tail -n 1 | cut -d, -f1)" "'@SUM(A1)"
is "json changes nothing" "$($weir query --ledger "$out/cells" --json --who '=1*' --fields who)" '{"who":"=1+2"}'

# explain --flow finds a connection by the index as it does without one; only the latter reads all lines.
$weir replay -c tests/demo/demo.conf -o "$out/flows" tests/demo/demo.pcap >/dev/null 2>&1
echo '{"v":1,"seq":1,"time":"2026-11-23T20:43:00Z","type":"flow","phase":"start","src_ip":"none"}' >>"$out/flows/000001.jsonl"
$weir query --ledger "$out/flows" --type flow --json --fields flow_id >"$out/ids" 2>/dev/null
ids=$(sed 's/.*:"\(.*\)"}/\1/' "$out/ids" | sort -u | awk 'NR % 80 == 1')
explain_all() {
	for id in $ids $(echo "$ids" | cut -c1-6) 0000 ffff00 1234567890abcdef; do
		$weir explain --flow "$id" --ledger "$out/flows" 2>"$out/err"
		echo "$id: $?"
	done
}
explain_all >"$out/by-index"
$weir explain --flow "$(echo "$ids" | head -n 1)" --ledger "$out/flows" >/dev/null 2>"$out/by-index.err"
mv "$out/flows/index" "$out/flows-index"
$weir explain --flow "$(echo "$ids" | head -n 1)" --ledger "$out/flows" >/dev/null 2>"$out/by-scan.err"
explain_all >"$out/by-scan"
is "explain --flow: by the index as without" "$(grep -c '^DENY\|^ALLOW' "$out/by-index"; cmp "$out/by-index" "$out/by-scan" && echo same)" "12
same"
is "explain --flow: which one read all lines" "$(cat "$out/by-index.err"; grep -c 000001.jsonl "$out/by-scan.err")" 1

# A folder that cannot be written: said what to do.
is "no index where none can be" "$($weir index --index /proc/none "$ledger" 2>&1 | grep -c -- '--index FOLDER')" 1
$weir query --ledger "$ledger" --type nothing >"$out/o"
is "none: status and word" "$? $(tail -n 1 "$out/o")" "1 no event fits"
is "a near name" "$($weir query --veridct deny 2>&1 | head -n 1)" "weir query: there is no field 'veridct': did you mean 'verdict'?"

# Of the rules in force, by their own events: the same line of the rules before was another line.
sed "s|\"\.\./\.\./rules/contoso.rules|\"$out/own.rules|; s|\"\.\./|\"$PWD/tests/|; s|\"holidays|\"$PWD/tests/demo/holidays|" tests/demo/demo.conf >"$out/own.conf"
cat >"$out/own.rules" <<'RULES'
version 1
gate rules
deny   host "api.dropboxapi.com"
allow  to any
RULES
$weir replay -c "$out/own.conf" -o "$out/before" -q tests/demo/demo.pcap
cat >"$out/own.rules" <<'RULES'
version 1
gate exceptions
allow  from 10.10.9.31  skip connectors  owner "m.keller"  reason "upload"  ticket "CHG-1"  expires 2026-12-31
allow  from 10.10.9.32  skip connectors  owner "a.koch"  reason "trial"  expires 2026-11-01
gate rules
deny   host "nobody.example"
allow  to any
RULES
$weir replay -c "$out/own.conf" -o "$out/after" -q tests/demo/demo.pcap
cp -r "$out/after/generations" "$out/before"
# One of its times is far ahead, as of a clock that was wrong.
grep -h -v '"type":"seal"' "$out"/before/*.jsonl | sed '3s/2026-11-2/2029-11-2/g' >"$out/merged"
cat "$out"/after/*.jsonl | grep -v '"type":"seal"' | sed 's/2026-11-2/2026-12-2/g' >>"$out/merged"
awk '{ sub(/"seq":[0-9]+/, "\"seq\":" NR); print }' "$out/merged" >"$out/before/000001.jsonl"
saved() { $weir query --ledger "$out/before" --saved "$@" --csv 2>&1 | tr -d '\r' | sed "s|$out/||"; }
is "unused: the line, not its number" "$(saved unused-rules | cut -d, -f1 | tail -n +2 | xargs)" "own.rules:3 own.rules:4 own.rules:6"
is "exceptions in force" "$(saved exceptions | grep '^own.rules' | cut -d, -f1-6)" \
	"own.rules:3,in force,2027-01-01T00:00:00.000000Z,m.keller,upload,CHG-1
own.rules:4,ended,2026-11-02T00:00:00.000000Z,a.koch,trial,"
is "a table for people says what it cannot hold" "$($weir query --ledger "$out/before" --saved off-hours | tail -n 1 | cut -c1-60)" \
	"# only what a line \`alert outside hours\` of the rules told; "
is "a file has whole cells" "$($weir query --ledger "$out/before" --verdict deny --group-by rule | grep -c "^$out/own.rules:3  ")" 1
is "a terminal the end of a place" "$(COLUMNS=40 $weir query --ledger "$out/before" --verdict deny --group-by rule | grep -c '^\.\.[a-z.]*:3  ')" 1

# A clock that was wrong for a while: ages count back from the ledger's last event, not from the latest time.
mkdir "$out/jump"
for when in 2026-11-20T12 2029-01-01T00 2026-11-22T11 2026-11-22T12; do
	n=$((${n:-0} + 1))
	echo "{\"v\":1,\"seq\":$n,\"time\":\"$when:00:00.000000Z\",\"type\":\"system\",\"what\":\"start\"}"
done >"$out/jump/000001.jsonl"
for i in 1 2; do # made, and found
	is "age behind a clock that was set back, $i" "$($weir query --ledger "$out/jump" --since 24h --csv --fields seq | tr -d '\r' | xargs)" "seq 2 3 4"
done
exit $bad
