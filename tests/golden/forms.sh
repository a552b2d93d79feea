#!/bin/sh
# weir export cef and asim: the demo's events and one of each type with difficult values, as reviewed (UPDATE=1
# rewrites them) and held against the ledger and Microsoft's columns by a script that shares no code; lines that
# are no events; the options.  TAP.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
# shellcheck disable=SC2317  # called by check
says() { grep -qF -- "$1" "$t/err"; }
# run STATUS NAME ARGUMENTS...: standard output and error stay in $t/out and $t/err.
run() {
	want=$1 name=$2
	shift 2
	exits "$want" "$name" "$W" export "$@"
}
# both NAME: forms of the ledger $t/NAME, without the program's version, in $t/NAME.cef and $t/NAME.asim.
both() {
	for f in cef asim; do
		run 0 "$1 in $f" $f --ledger "$t/$1"
		sed 's/^CEF:0|Weir|Weir|[^|]*|/CEF:0|Weir|Weir|-|/; s/"EventProductVersion":"[^"]*"/"EventProductVersion":"-"/' \
			"$t/out" >"$t/$1.$f"
		[ -z "${UPDATE:-}" ] || cp "$t/$1.$f" "tests/golden/$1.want.$f"
		check "$1 in $f is the reviewed one" diff -u "tests/golden/$1.want.$f" "$t/$1.$f"
	done
	check "$1: each value stands where docs/forms.md says, in columns that Microsoft has" \
		python3 tests/tools/forms_check.py "$t/$1/000001.jsonl" "$t/$1.cef" "$t/$1.asim"
}
mkdir "$t/forms" "$t/demo-forms" "$t/bad" "$t/one"
cp tests/golden/forms.jsonl "$t/forms/000001.jsonl"
both forms
check "what no table of ASIM is about is counted" says 'left out: 2 of type system: no table of ASIM'
# As in demo.sh, and the ends; without what changes with every edit of a shipped file.
"$W" replay -c tests/demo/demo.conf -o "$t/ledger" tests/demo/demo.pcap >"$t/out" 2>"$t/err"
check "the demo is replayed" [ $? -eq 0 ]
grep -E '"type":"(flow|signal|system)"' "$t/ledger/000001.jsonl" | grep -v '"protocol":"dns"' |
	sed 's/"generation":"[0-9a-f]*"/"generation":"-"/' |
	awk '{ sub(/"seq":[0-9]+/, "\"seq\":" NR); print }' >"$t/demo-forms/000001.jsonl"
both demo-forms
"$W" export cef --ledger "$t/ledger" >"$t/all.cef" 2>"$t/err"
"$W" export asim --ledger "$t/ledger" >"$t/all.asim" 2>"$t/err"
check "and all of the demo" python3 tests/tools/forms_check.py "$t/ledger/000001.jsonl" "$t/all.cef" "$t/all.asim"
check "every event of it has its line" test "$(wc -l <"$t/all.cef")" -eq "$(wc -l <"$t/ledger/000001.jsonl")"

# bad MESSAGE LINE: refused with file, line and message, and the event after it is exported.
bad() {
	{
		echo "$2"
		tail -1 tests/golden/forms.jsonl
	} >"$t/bad/000001.jsonl"
	run 1 "$1" cef --ledger "$t/bad"
	check "it is said: $1" says "000001.jsonl:1"
	check "with what is wrong" says "$1"
	check "and the rest goes on" test "$(wc -l <"$t/out")" -eq 1
	check "the refused are counted" says 'refused: 1 lines that are no events'
}
head='"v":1,"seq":1,"time":"2026-11-22T00:00:00.000000Z","type":"flow"'
bad "is no IP address" "{$head,\"src_ip\":\"10.0.0.300\"}"
bad "stands twice in its line" "{$head,\"host\":\"a\",\"host\":\"b\"}"
bad "must be a text" "{$head,\"host\":7}"
bad "must be a text" "{$head,\"flags\":[7]}"
bad "must be a number" "{$head,\"bytes_in\":\"7\"}"
bad "must be a whole number" "{$head,\"bytes_in\":-7}"
bad "is no port" "{$head,\"src_port\":65536}"
bad "is no time of 1970 or later" "{$head,\"start\":\"1969-12-31T23:59:59.000000Z\"}"
bad "must be a list" "{$head,\"flags\":\"x\"}"
bad "must be an object" "{$head,\"detail\":\"x\"}"
bad "must be true or false" "{$head,\"in_scope\":\"yes\"}"
bad "an event has v, seq, time and type" '{"v":1,"seq":1,"type":"flow"}'
bad "is of another version of the ledger's form" "{\"v\":2,\"seq\":1,\"time\":\"2026-11-22T00:00:00.000000Z\",\"type\":\"flow\"}"
bad "no escape of JSON" "{$head,\"host\":\"\\ud800\"}"
bad "a JSON object on one line" '[1]'
bad "more unknown fields than any event has" "{$head$(seq -f ',"x%g":1' 33 | tr -d '\n')}"
bad "a line of over 16384 bytes" "{$head,\"x\":\"$(printf '%017000d' 0)\"}"
printf '{"v":1,"seq":1,"time":"2026-11-22T00:00:00.000000Z","type":"later"}\n' >"$t/one/000001.jsonl"
run 0 "a type of a later version" cef --ledger "$t/one"
check "it is left out and counted" says 'left out: 1 of a type that this version does not know'
printf '{"v":1,"seq":1,"time":"2026-11-22T00:00:00.000000Z","type":"flow","src_ip":"10.0.0.1"}\n' >"$t/one/000001.jsonl"
head1=$("$W" --version | head -1)
"$W" export cef --ledger "$t/forms" >"$t/out" 2>"$t/err"
check "the header names the program's version" test "weir $(head -1 "$t/out" | cut -d'|' -f4)" = "$head1"
run 0 "a connection without its other end" asim --ledger "$t/one"
check "it has no row, and that is counted" says 'left out: 1 connections whose ends are not told'

lines() { wc -l <"$t/out" | tr -d ' '; }
run 0 "--since and --until" cef --ledger "$t/forms" --since 2026-11-22T02:10:03.123456+01:00 --until 2026-11-22T01:10:05.123456Z
check "from the one on, up to the other" test "$(grep -o 'cn3=[0-9]*' "$t/out" | tr '\n' ' ')" = "cn3=4 cn3=5 "
run 0 "--since a day" cef --ledger "$t/forms" --since 2026-11-23
check "which begins at midnight UTC" test "$(lines)" = 0
run 0 "--type" cef --ledger "$t/forms" --type seal,loss
check "only those" test "$(lines)" = 2
run 2 "--type of no type" cef --ledger "$t/forms" --type sael
check "the nearest is named" says "did you mean 'seal'?"
run 2 "--since of no time" cef --ledger "$t/forms" --since yesterday
run 2 "an operand too many" cef --ledger "$t/forms" x
run 3 "no ledger there" cef --ledger "$t/none"
run 0 "-o" cef --ledger "$t/forms" -o "$t/file"
check "says nothing on standard output" test ! -s "$t/out"
"$W" export cef --ledger "$t/forms" >"$t/out" 2>"$t/err"
check "and holds the same bytes" cmp "$t/out" "$t/file"
cp "$t/file" "$t/before"
run 3 "-o with no ledger" cef --ledger "$t/none" -o "$t/file"
check "leaves the file as it was" cmp "$t/before" "$t/file"
check "and nothing beside it" test ! -e "$t/file.new"
if [ -e /dev/full ]; then
	"$W" export cef --ledger "$t/forms" >/dev/full 2>"$t/err"
	check "a full disk: status 3" [ $? -eq 3 ]
fi
exit $bad
