#!/bin/sh
# The command line as its user meets it: exit statuses, messages, and what lies on the disk
# when something stops a run.  TAP.  WEIR=PROGRAM tests another build.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
demo=tests/demo/demo.pcap
forms=tests/captures/forms

# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
not_ok() { # with what the program said
	bad=1
	echo "not ok - $1"
	sed 's/^/    /' "$t/out" "$t/err" 2>/dev/null | head -20 >&2
}
# run WANTED_STATUS NAME ARGUMENTS...: standard output and error stay in $t/out and $t/err.
run() {
	want=$1 name=$2
	shift 2
	exits "$want" "$name" "$W" "$@"
}
says() { check "$1 says '$2'" grep -qF -- "$2" "$t/err"; }
quiet() { check "$1 says nothing" [ ! -s "$t/err" ]; }
# jsonl FILE [torn]: whole lines of JSON, seq from 1 without a gap; prints their number.
jsonl() {
	python3 - "$@" <<'PY'
import json, sys
data = open(sys.argv[1], "rb").read()
lines = data.split(b"\n")
torn = lines.pop()
if torn and len(sys.argv) < 3:
    sys.exit("the last line is torn: %r" % torn[:80])
for n, line in enumerate(lines, 1):
    if json.loads(line)["seq"] != n:
        sys.exit("line %d has another seq" % n)
print(len(lines))
PY
}

# ---- help and usage ------------------------------------------------------------------------
run 0 "--help" --help
for c in replay check explain lookup rules run ctl off import export drift; do
	check "--help lists $c" grep -q "^  $c " "$t/out"
done
for c in replay check explain lookup rules run ctl off import export drift; do
	"$W" $c --help >"$t/out" 2>"$t/err"
	check "$c --help: status 0" [ $? -eq 0 ]
	check "$c --help says how to use it" grep -q "^usage: weir $c" "$t/out"
	check "$c --help names the exit statuses" grep -q "^Exit status: 0 " "$t/out"
done
run 2 "no command at all"
run 0 "--version" --version
for l in libpcap nDPI libmaxminddb libconfig; do
	check "--version names $l" grep -qE "^$l .*[0-9]" "$t/out"
done
run 2 "an unknown command" chekc
says "an unknown command" "did you mean 'check'?"
run 2 "a command like none" zzzzzzzz
check "a command like none is not guessed at" [ "$(grep -c "did you mean" "$t/err")" -eq 0 ]
for c in replay lookup explain rules; do
	run 2 "$c without an operand" $c
	says "$c without an operand" "Try: weir $c --help"
done
run 2 "an unknown option" replay --evnets x $demo
says "an unknown option" "--evnets"
run 2 "a wrong number" replay -j 0 $demo
says "a wrong number" "write a number from 1 to 64"
run 2 "a wrong zone" replay --tz Mars/Olympus --events "$t/tz" $demo
says "a wrong zone" "'Mars/Olympus' is no time zone"
check "a wrong zone is found before anything runs" [ ! -e "$t/tz" ]
run 2 "two outputs" replay -o "$t/x" --events "$t/y" $demo

# ---- captures that cannot be read ------------------------------------------------------------
run 3 "a missing capture" replay -o "$t/none" "$t/no.pcap"
says "a missing capture" "no such file; check the name and the folder"
check "a missing capture leaves no ledger" [ ! -e "$t/none" ]
run 3 "a folder as capture" replay -o "$t/none" tests/captures
says "a folder as capture" "is a directory"
run 3 "an empty capture" replay -q --events "$t/e" $forms/empty.pcap
says "an empty capture" "is empty"
run 3 "an empty capture into a ledger" replay -o "$t/none" $forms/empty.pcap
check "nothing read leaves no ledger" [ ! -e "$t/none" ]
check "nothing read prints no summary" [ ! -s "$t/out" ]
mkdir "$t/mine"
run 3 "an empty capture into a folder" replay -o "$t/mine" $forms/empty.pcap
check "a folder of the user stays, and is empty" rmdir "$t/mine"
run 3 "a text as capture" replay -q --events "$t/e" README.md
says "a text as capture" "is not a capture in pcap or pcapng form"
run 3 "a compressed capture" replay -q --events "$t/e" $forms/ethernet.pcap.gz
says "a compressed capture" "compressed"
run 0 "a capture without packets" replay -q --events "$t/e" $forms/no_frames.pcap
says "a capture without packets" "no packet"
run 1 "one capture missing of two" replay -q --events "$t/e" "$t/no.pcap" $demo
says "one capture missing of two" "no.pcap: no such file"
check "one capture missing of two: the other is read" [ "$(wc -l <"$t/e")" -gt 500 ]

head -c 300000 $demo >"$t/cut.pcap"
run 1 "a truncated capture" replay -o "$t/cut" "$t/cut.pcap"
says "a truncated capture" "truncated"
check "a truncated capture: the summary says so" grep -q "1 captures not read to their end" "$t/out"
check "a truncated capture: the events so far are whole lines" [ "$(jsonl "$t/cut/000001.jsonl")" -gt 300 ]
check "a truncated capture: the ledger says so" grep -q '"what":"capture_damaged"' "$t/cut/000001.jsonl"
check "a truncated capture: the frames are counted" grep -qE '"what":"replay_end".*"captures_damaged":1,"frames":[1-9][0-9]{2,}' "$t/cut/000001.jsonl"

# ---- standard input and output -----------------------------------------------------------------
run 0 "events of a file" replay -q --events "$t/a.jsonl" $demo
"$W" replay -q --events - - <$demo >"$t/b.jsonl" 2>"$t/err"
check "capture from standard input: status 0" [ $? -eq 0 ]
check "capture from standard input gives the same events" cmp "$t/a.jsonl" "$t/b.jsonl"
{
	"$W" replay -q --events - $demo 2>"$t/err"
	echo $? >"$t/rc"
} | head -1 >"$t/first"
check "events into a closed pipe: status 3" [ "$(cat "$t/rc")" -eq 3 ]
quiet "events into a closed pipe"
check "events into a closed pipe: the first line is whole" [ "$(jsonl "$t/first")" -eq 1 ]
# No shell starts it: some of them ignore the signal for their children, or do not.
for command in "lookup" "check --keys" "--version" "rules print"; do
	python3 - "$W" "$command" >"$t/rc" 2>"$t/err" <<'PY'
import os, signal, subprocess, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
r, w = os.pipe()
os.close(r)
names = ["a.crm.dynamics.com"] if sys.argv[2] == "lookup" else []
done = subprocess.run([sys.argv[1], *sys.argv[2].split(), *names], stdout=w,
                      stderr=subprocess.PIPE, check=False, restore_signals=True)
print(done.returncode, "Broken" if b"roken pipe" in done.stderr else "")
PY
	check "$command into a closed pipe: status 3" [ "$(cat "$t/rc")" = "3 " ]
done
run 3 "events to a full device" replay -q --events /dev/full $demo
says "events to a full device" "No space left on device"
"$W" replay -o "$t/sum" --json $demo >/dev/full 2>"$t/err"
check "a summary to a full device: status 3" [ $? -eq 3 ]
"$W" lookup smtp.office365.com >/dev/full 2>"$t/err"
check "standard output to a full device: status 3" [ $? -eq 3 ]
says "standard output to a full device" "cannot write standard output: No space left on device"

# ---- where the ledger goes --------------------------------------------------------------------
run 0 "a new ledger" replay -q -o "$t/led" $demo
grep -v '"type":"seal"' "$t/led/000001.jsonl" >"$t/led.events"
check "a new ledger holds whole lines" [ "$(jsonl "$t/led/000001.jsonl")" -gt 0 ]
check "a new ledger holds the events and seals" cmp -s "$t/led.events" "$t/a.jsonl"
check "and no others" [ "$(wc -l <"$t/led/000001.jsonl")" -gt "$(wc -l <"$t/a.jsonl")" ]
run 0 "a new ledger is whole" verify "$t/led"
check "a new ledger is whole without Weir" python3 docs/ledger-check.py "$t/led"
run 0 "its last seal" seal --ledger "$t/led" --json
cp "$t/out" "$t/anchors"
run 0 "a ledger that its anchor fits" verify "$t/led" --anchors "$t/anchors"
cp -r "$t/led" "$t/cut"
sed -i '$d' "$t/cut/000001.jsonl"
truncate -s -8 "$t/cut/000001.tags"
run 1 "a cut ledger" verify "$t/cut" --anchors "$t/anchors"
check "a cut ledger is called so" grep -q ': cut: ' "$t/out"
cp -r "$t/led" "$t/packed"
zstd -q --rm "$t/packed/000001.jsonl"
run 0 "a compressed ledger" verify "$t/packed" --anchors "$t/anchors"
check "a compressed ledger is whole without Weir" python3 docs/ledger-check.py "$t/packed"
# Another spelling of a segment's name is none, and a link is no segment: for all who read them.
cp -r "$t/led" "$t/stray"
for name in 0000001.jsonl 000000.jsonl 0000000.jsonl.zst 0000009.jsonl; do echo x >"$t/stray/$name"; done
run 0 "files named almost as segments" verify "$t/stray"
check "they are told" grep -q '^beside it    4 files named almost as segments (000000.jsonl): not part' "$t/out"
run 0 "the last seal beside them" seal --ledger "$t/stray" --json
check "is that of the ledger" cmp -s "$t/out" "$t/anchors"
check "without Weir they are passed over" python3 docs/ledger-check.py "$t/stray"
mv "$t/stray/000001.jsonl" "$t/elsewhere"
ln -s "$t/elsewhere" "$t/stray/000001.jsonl"
for form in verify "seal --ledger"; do
	# shellcheck disable=SC2086 # words
	run 3 "a segment that is a link: ${form%% *}" $form "$t/stray"
	says "a segment that is a link: ${form%% *}" "stray/000001.jsonl: a segment must be a regular file"
done
check "without Weir a link is told" sh -c "! python3 docs/ledger-check.py '$t/stray' 2>'$t/err'"
says "without Weir" "stray/000001.jsonl: a segment must be a regular file"
# What is no line of a ledger is told as that.
head -c 1100000 /dev/zero | tr '\0' '[' >"$t/long"
i=0
for bytes in '\n' '\0\n' '{\n' '[]\n' '\377\n' '{"seq":1e9}\n' '{"v":1,"seq":99' long; do
	i=$((i + 1))
	rm -rf "$t/odd"
	cp -r "$t/led" "$t/odd"
	# shellcheck disable=SC2059 # the bytes are a format
	[ "$bytes" = long ] && cat "$t/long" >>"$t/odd/000001.jsonl" || printf "$bytes" >>"$t/odd/000001.jsonl"
	check "no line of a ledger, $i, is told without Weir" sh -c "! python3 docs/ledger-check.py '$t/odd' 2>'$t/err'"
	says "no line of a ledger, $i" "not a line of a ledger"
	check "no line of a ledger, $i: no traceback" sh -c "! grep -q Traceback '$t/err'"
done
flow=$(sed -n 's/.*"flow_id":"\([0-9a-f]*\)".*/\1/p' "$t/led/000001.jsonl" | sed -n 2p)
for form in "export cef --ledger" "query --type flow --ledger" "explain -c tests/demo/demo.conf --flow $flow --ledger" "seal --ledger"; do
	# shellcheck disable=SC2086 # words
	"$W" $form "$t/led" >"$t/plain.out" 2>"$t/err"
	plain=$?
	# shellcheck disable=SC2086
	"$W" $form "$t/packed" >"$t/packed.out" 2>>"$t/err"
	check "of a compressed ledger: ${form%% *}" [ $plain -eq 0 -a $? -eq 0 -a -s "$t/plain.out" ]
	sed -i 's/000001.jsonl.zst/000001.jsonl/; s/packed/led/' "$t/packed.out"
	check "of a compressed ledger the same: ${form%% *}" cmp "$t/plain.out" "$t/packed.out"
done
run 0 "a new key" keygen --keys "$t/keys"
check "a key's fingerprint" grep -Eqx '([0-9A-F]{4}-){7}[0-9A-F]{4}' "$t/out"
run 1 "a second key" keygen --keys "$t/keys"
cp "$t/led/000001.jsonl" "$t/before"
run 3 "a ledger that exists" replay -q -o "$t/led" $demo
says "a ledger that exists" "$t/led"
check "a ledger that exists is left as it is" cmp "$t/led/000001.jsonl" "$t/before"
: >"$t/file"
run 3 "a file in the ledger's place" replay -q -o "$t/file" $demo
says "a file in the ledger's place" "$t/file"
# Root may write everywhere, so it gives that right up first.
mkdir "$t/locked" && chmod 0555 "$t/locked"
plain=
[ "$(id -u)" -ne 0 ] || plain="setpriv --bounding-set -all --inh-caps -all"
$plain "$W" replay -q -o "$t/locked/led" $demo >"$t/out" 2>"$t/err"
check "an unwritable folder: status 3" [ $? -eq 3 ]
says "an unwritable folder" "Permission denied"
$plain "$W" replay -q --events "$t/locked/e" $demo >"$t/out" 2>"$t/err"
check "an unwritable event file: status 3" [ $? -eq 3 ]
says "an unwritable event file" "Permission denied"

# A full disk: a file system of 64 KiB that only these processes see.
mkdir "$t/disk"
if unshare -m true 2>/dev/null; then alone="unshare -m"; else alone="unshare -rm"; fi
if $alone mount -t tmpfs -o size=64k none "$t/disk" 2>/dev/null; then
	# shellcheck disable=SC2016  # $0 and $1 are the inner shell's
	$alone sh -c 'mount -t tmpfs -o size=64k none "$1/disk" || exit 9
		"$0" replay -q -o "$1/disk/led" tests/demo/demo.pcap 2>"$1/err"
		echo $? >"$1/rc"
		cp "$1/disk/led/000001.jsonl" "$1/full.jsonl"' "$W" "$t" >"$t/out"
	check "a full disk: status 3" [ "$(cat "$t/rc")" -eq 3 ]
	says "a full disk" "No space left on device"
	check "a full disk: what was written is whole lines" [ "$(jsonl "$t/full.jsonl")" -gt 10 ]
	head -c "$(stat -c %s "$t/full.jsonl")" "$t/before" >"$t/first"
	check "a full disk: they are the first ones" cmp "$t/first" "$t/full.jsonl"
else
	ok "a full disk # SKIP no private mount is allowed here"
fi

# kill -9 while an endless capture is replayed.
mkfifo "$t/pipe"
{
	head -c 24 $demo
	while tail -c +25 $demo; do :; done
} >"$t/pipe" 2>/dev/null &
"$W" replay -q -o "$t/killed" - <"$t/pipe" 2>"$t/err" &
pid=$!
n=0
while [ $n -lt 500 ] && [ "$(stat -c %s "$t/killed/000001.jsonl" 2>/dev/null || echo 0)" -lt 1000000 ]; do
	sleep 0.02
	n=$((n + 1))
done
kill -9 $pid
wait $pid 2>/dev/null
check "kill -9: it was killed, not finished" [ $? -eq 137 ]
check "kill -9: all lines but a torn last one are whole" [ "$(jsonl "$t/killed/000001.jsonl" torn)" -gt 1000 ]

# ---- rules and configuration with a fault ---------------------------------------------------------
printf 'version 1\n\ngate rules\nallow  to service smpt\n' >"$t/typo.rules"
run 1 "a rule file with a typing error" check "$t/typo.rules"
cat >"$t/want" <<TEXT
$t/typo.rules:4:19: error: unknown service "smpt"
  4 | allow  to service smpt
    |                   ^^^^
    = write: smtp
1 error, 0 warnings
nothing was loaded
TEXT
check "a rule file with a typing error: place, caret and remedy" diff -u "$t/want" "$t/err"
run 1 "replay with that rule file" replay -r "$t/typo.rules" -o "$t/none" $demo
check "replay with that rule file says the same" cmp "$t/want" "$t/err"
check "replay with that rule file writes nothing" [ ! -e "$t/none" ]
printf 'sites = ( { name = "a";\n  inside = [ "10.10.0.0/33" ]; } );\n' >"$t/bad.conf"
run 1 "a configuration with a wrong address" check -c "$t/bad.conf"
says "a configuration with a wrong address" "$t/bad.conf:2:14: error: '10.10.0.0/33' has a bad length"
says "a configuration with a wrong address" "nothing was loaded"
check "a configuration with a wrong address: caret" grep -qE '^    \|              \^{14}$' "$t/err"
run 1 "a missing rule file" check "$t/no.rules"
says "a missing rule file" "no such file"
run 1 "findings as JSON" check --json -c "$t/bad.conf"
check "findings as JSON are one array with file, line and column" python3 -c '
import json, sys
f = json.load(open(sys.argv[1]))
assert len(f) == 1 and f[0]["line"] == 2 and f[0]["column"] == 14 and f[0]["level"] == "error", f
' "$t/out"
quiet "findings as JSON"
run 0 "no findings as JSON" check --json -c tests/demo/demo.conf
check "no findings as JSON are an empty array" [ "$(tr -d '[:space:]' <"$t/out")" = "[]" ]
run 0 "check of the demo" check -c tests/demo/demo.conf
check "check of the demo counts rules and expectations" grep -qE '^fine: generation [0-9a-f]{16}, [1-9][0-9]* rules, [1-9][0-9]* expectations fulfilled$' "$t/out"
run 0 "check --keys" check --keys
check "check --keys lists the keys" grep -q "sensor" "$t/out"

# ---- lookup, explain, rules print --------------------------------------------------------------------
run 0 "lookup" lookup --json contoso.crm4.dynamics.com 4.210.128.200 no.such.host.example
check "lookup --json has its keys" python3 -c '
import json, sys
name, address, unknown = [json.loads(line) for line in open(sys.argv[1])]
assert name["service"] == "dataverse" and name["org"] == "contoso" and name["region"] == "EUR", name
assert {"host", "cloud", "countries", "connectors", "rule", "confidence", "source"} <= set(name), name
assert "shared_commondataserviceforapps" in name["connectors"], name
assert address["country"] == "NL" and "AzureCloud" in address["tags"], address
assert {"address", "region", "country_source"} <= set(address), address
assert list(unknown) == ["host"], unknown
' "$t/out"
printf 'make.powerapps.com\r\n\nContoso.CRM4.Dynamics.com.\n' | "$W" lookup --json - >"$t/out" 2>"$t/err"
check "lookup reads a list" [ "$(grep -c '"service"' "$t/out")" -eq 2 ]
run 0 "lookup for people" lookup contoso.crm4.dynamics.com
check "lookup for people tells the state of the catalogue" grep -q "^catalogue" "$t/out"
explain="explain -c tests/demo/demo.conf --src 10.10.9.31 --dst 40.99.204.34 --host smtp.office365.com --at 2026-11-22T02:11:16+01:00"
# shellcheck disable=SC2086  # a list of words
{
	run 0 "explain of an allowed connection" $explain --port 587
	check "explain of an allowed connection begins with ALLOW" grep -q "^ALLOW " "$t/out"
	run 1 "explain of a denied connection" $explain --port 465
	check "explain of a denied connection begins with DENY" grep -q "^DENY " "$t/out"
	check "explain of a denied connection names the line" grep -qE 'contoso\.rules:[0-9]+' "$t/out"
	check "and what the list was asked about" grep -qx ' *the endpoint is "smtp.office365.com,465"' "$t/out"
	check "and the line of it that does not fit" grep -qx ' *rules/contoso.rules:24 does not match: 1 allow "smtp.office365.com,587"' "$t/out"
	run 1 "explain --json" $explain --port 465 --json
	check "explain --json fits its schema" python3 tests/tools/validate_events.py --schema docs/explain-schema.json --no-seq "$t/out"
	check "explain --json says how, where and what would change it" python3 -c '
import json, sys
x = json.loads(open(sys.argv[1]).read())
assert (x["verdict"], x["gate"], x["rule"]) == ("deny", "endpoints", "rules/contoso.rules:25"), x
assert x["role_by"] == "source" and x["host_by"] == "sni" and x["egress_by"] == "site", x
assert x["service_by"].split(":")[0].endswith("services.tsv") and x["exception_skips"] == ["endpoints"], x
assert x["exception"].startswith("allow  from source robots  to host \"smtp.office365.com\"  port 465"), x
lists = {a["gate"]: a for a in x["answers"]}["endpoints"]
assert lists["endpoint"] == "smtp.office365.com,465", lists
assert lists["misses"] == [{"rule": "rules/contoso.rules:24", "because": "1 allow \"smtp.office365.com,587\""}], lists
rules = {a["gate"]: a for a in x["answers"]}["rules"]
assert rules["answer"] == "allow" and rules["rule"] == "rules/contoso.rules:36", rules
assert {"rule": "rules/contoso.rules:30", "because": "the role is desktop"} in rules["misses"], rules
' "$t/out"
	run 2 "explain with a wrong port" $explain --port 65536
	run 2 "explain with a wrong time" $explain --at yesterday
	run 1 "explain with a wrong rule file" $explain -r "$t/typo.rules"
}
cat >"$t/hidden.rules" <<'EOR'
version 1
gate endpoints
list Http  for role desktop
 1 deny   "https://other.example/*"
 2 allow  "https://api.example/v1/*"
 3 deny   "*"
EOR
run 0 "explain of what cannot be told" explain -c tests/demo/demo.conf -r "$t/hidden.rules" --src 10.10.9.31 --dst 192.0.2.1 --host api.example
check "has the hidden part" grep -qx ' *the endpoint is "https://api.example/\*"' "$t/out"
check "the line that does not fit" grep -q '^ .*hidden.rules:4 does not match: 1 deny' "$t/out"
check "the one that may" grep -q '^ .*hidden.rules:5 may match: 2 allow' "$t/out"
check "and not the one that does" sh -c "! grep -q 'hidden.rules:6 ' '$t/out'"
# offers NAME SKIPS RULES...: the exception that explain offers skips just these gates, and it helps.
offers() {
	printf '%s\n' "version 1" "$3" >"$t/deny.rules"
	run 1 "explain of what $1 denies" explain -c tests/demo/demo.conf -r "$t/deny.rules" --src 10.10.9.31 --dst 192.0.2.1 --host a.example
	check "$1: skip $2" grep -qF "  skip $2  owner" "$t/out"
	{
		printf 'version 1\ngate exceptions\n'
		sed -n 's/^  allow .*  skip /&/p' "$t/out" | sed 's/"?"/x/g'
		echo "$3"
	} >"$t/excepted.rules"
	run 0 "$1: with it the connection passes" explain -c tests/demo/demo.conf -r "$t/excepted.rules" --src 10.10.9.31 --dst 192.0.2.1 --host a.example
}
offers "a rule, and then the default" "{ rules, default }" 'gate rules
deny to host "a.example"
gate default
deny in-scope'
offers "a list beside a reason that alerts" endpoints 'gate connectors
list custom-connectors for role desktop
 1 group blocked "https://a.example/v1*"
 2 group ignore "*"
gate endpoints
list shared_webcontents for role desktop
 1 deny "*"'
offers "a hidden path, and then a rule" "{ endpoints, rules }" 'gate endpoints
list Http for role desktop
 1 allow "https://a.example/v1"
 2 deny "*"
gate rules
deny to any
gate undecidable
deny path_hidden'
printf 'version 1\ngate rules\ndeny port 443\ngate undecidable\ndeny no_sni\n' >"$t/deny.rules"
run 1 "explain where no exception helps" explain -c tests/demo/demo.conf -r "$t/deny.rules" --src 10.10.9.31 --dst 192.0.2.1
check "offers none" sh -c "! grep -q 'an exception' '$t/out'"
run 2 "explain with a wrong address" explain --src 10.10.9.299 --dst 40.99.204.34
says "explain with a wrong address" "'10.10.9.299' is no IP address"
run 2 "rules without its word" rules list
# prints ARGUMENTS...: what it prints stays in $t/a.rules; loading that again in $t/b.rules.
prints() {
	name=$1
	shift
	"$W" rules print "$@" >"$t/a.rules" 2>"$t/err"
	check "$name: status 0" [ $? -eq 0 ]
	case $1 in
	-c) "$W" rules print "$@" -r "$t/a.rules" >"$t/b.rules" 2>"$t/err" ;;
	*) "$W" rules print "$t/a.rules" >"$t/b.rules" 2>"$t/err" ;;
	esac
	check "$name: what was printed loads" [ $? -eq 0 ]
}
prints "rules print" -c tests/demo/demo.conf
check "rules print: contoso.rules prints as itself" cmp "$t/a.rules" "$t/b.rules"
prints "rules print of monitor.rules" rules/monitor.rules
check "rules print: monitor.rules prints as itself" cmp "$t/a.rules" "$t/b.rules"
check "rules print: something is printed" [ "$(wc -l <"$t/b.rules")" -gt 5 ]

# ---- the gateway: run, ctl, off --------------------------------------------------------------------------
for c in run ctl off; do
	run 2 "$c with an unknown option" $c --verbsoe
	says "$c with an unknown option" "--verbsoe"
	says "$c with an unknown option" "Try: weir $c --help"
done
run 2 "run with an operand" run eth0
says "run with an operand" "'eth0': no operand is expected"
run 2 "run -c without its file" run -c
run 1 "run with a missing configuration" run -c "$t/no.conf"
says "run with a missing configuration" "$t/no.conf: error: cannot read it: No such file or directory"
if [ ! -e /etc/weir/weir.conf ]; then
	run 1 "run without -c" run
	says "run without -c" "/etc/weir/weir.conf"
fi
printf 'capture = { source = "nfqueue"; };\nledger = { dir = "%s/inline"; };\n' "$t" >"$t/inline.conf"
run 1 "run inline without on_failure" run -c "$t/inline.conf"
cat >"$t/want" <<TEXT
$t/inline.conf:1:22: error: inline, 'on_failure' must be chosen: what becomes of packets when Weir does not answer
  1 | capture = { source = "nfqueue"; };
    |                      ^^^^^^^^^
    = write: on_failure = "open";
1 error, 0 warnings
nothing was loaded
TEXT
check "run inline without on_failure: place, caret and remedy" diff -u "$t/want" "$t/err"
check "run inline without on_failure makes no ledger" [ ! -e "$t/inline" ]
printf 'ledger = { dir = "%s/inline"; };\n' "$t" >"$t/blind.conf"
run 1 "run without a source" run -c "$t/blind.conf"
says "run without a source" "does not say where packets come from"
says "run without a source" 'on_failure = "open"'
printf 'capture = { source = "nfqueue"; on_failure = "open"; };\n' >"$t/mute.conf"
run 1 "run without a ledger" run -c "$t/mute.conf"
says "run without a ledger" "names no ledger"

run 2 "ctl without a request" ctl --socket "$t/no.sock"
says "ctl without a request" "which request?"
run 2 "ctl with an unknown request" ctl --socket "$t/no.sock" statsu
says "ctl with an unknown request" "did you mean 'stat"
run 2 "ctl with a wrong mode" ctl --socket "$t/no.sock" mode off
says "ctl with a wrong mode" "write monitor, enforce or panic"
run 2 "ctl with a word too many" ctl --socket "$t/no.sock" reload now
says "ctl with a word too many" "'now': one word too many"
run 2 "ctl with a reason of two lines" ctl --socket "$t/no.sock" reload --reason "a
b"
run 2 "ctl with a tab in the ticket" ctl --socket "$t/no.sock" reload --ticket "a	b"
says "ctl with a tab in the ticket" "--ticket: one line of at most 127 bytes, without control characters"
run 2 "ctl status with a ticket" ctl --socket "$t/no.sock" status --ticket CHG-1
says "ctl status with a ticket" "--ticket is an option of reload, mode and exempt"
for request in status stats netfilter reload "mode panic"; do
	# shellcheck disable=SC2086  # a list of words
	run 3 "ctl $request without a gateway" ctl --socket "$t/no.sock" $request
	says "ctl $request without a gateway" "weir ctl: $t/no.sock: No such file or directory (is weir running?  If it is not and traffic is stuck: weir off)"
done
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$t/dead.sock"
run 3 "ctl with the socket of a dead gateway" ctl --socket "$t/dead.sock" status
says "ctl with the socket of a dead gateway" "Connection refused (is weir running?"
printf 'control = { socket = "%s/conf.sock"; };\n' "$t" >"$t/ctl.conf"
run 3 "ctl with a socket by configuration" ctl -c "$t/ctl.conf" status
says "ctl with a socket by configuration" "$t/conf.sock: No such file"
run 3 "ctl with a missing configuration" ctl -c "$t/no.conf" status
says "ctl with a missing configuration" "name the socket by --socket"
run 2 "ctl with a long path" ctl --socket "$t/$(printf '%0200d' 0)" status
says "ctl with a long path" "the path of the socket is too long"

run 2 "off with an operand" off now
says "off with an operand" "'now': no operand is expected"
# Without rights nobody can tell what is there.
if [ "$(id -u)" -eq 0 ]; then plain="setpriv --bounding-set -all --inh-caps -all"; else plain=; fi
$plain "$W" off >"$t/out" 2>"$t/err"
check "off without rights: status 3" [ $? -eq 3 ]
says "off without rights" "needs root"
check "off without rights claims nothing" [ ! -s "$t/out" ]
# Never in the network of the host.
if unshare -n true 2>/dev/null; then alone="unshare -n"; else alone="unshare -rn"; fi
if $alone true 2>/dev/null; then
	for n in first second; do
		$alone "$W" off >"$t/out" 2>"$t/err"
		check "off where nothing is, $n time: status 0" [ $? -eq 0 ]
		check "off where nothing is, $n time, says so" grep -qx "There are no netfilter rules of Weir here." "$t/out"
		quiet "off where nothing is, $n time"
	done
else
	ok "off where nothing is # SKIP no private network is allowed here"
fi

# ---- who is who: files that are not there, or odd ----------------------------------------------
printf 'identity = { leases = [ "%s/no.leases" ]; people = "%s/no.csv"; };\n' "$t" "$t" >"$t/who.conf"
run 0 "check of files of people that are not there" check -q -c "$t/who.conf"
says "check of files of people that are not there" "$t/no.leases: warning [no-file]: there is no such file"
says "check of files of people that are not there" "$t/no.csv: warning [no-file]: there is no such file"
printf '%s\n' "gate rules" 'deny from user "ana" port 99' 'deny from user "ANNA" port 98' >"$t/users.rules"
printf '%s\n' address,user 10.1.0.5,anna 10.1.0.6,lena 10.1.0.7,anna >"$t/users.csv"
printf 'rules = [ "users.rules" ]; identity = { people = "users.csv"; };\n' >"$t/users.conf"
run 0 "check of a person whom nobody knows" check -q -c "$t/users.conf"
says "check of a person whom nobody knows" '[unknown-user]: no list of people has "ana"'
says "check of a person whom nobody knows" '= write: from user "anna"'
check "check knows a person whatever the letter case" [ "$(grep -c unknown-user "$t/err")" -eq 1 ]
run 0 "check of people where no list is" check -q -r "$t/users.rules"
says "check of people where no list is" "identity.people of weir.conf names nobody"
check "check of people where no list is tells both" [ "$(grep -c unknown-user "$t/err")" -eq 2 ]
run 1 "explain to a person by name" explain -c "$t/users.conf" --src 10.1.0.7 --dst 203.0.113.9 --port 98
check "explain to a person by name" grep -q "users.rules:2 does not match: the user is anna" "$t/out"
run 0 "explain to another" explain -c "$t/users.conf" --src 10.1.0.6 --dst 203.0.113.9 --port 98
check "explain to another" grep -q "users.rules:3 does not match: the user is lena" "$t/out"
run 0 "explain to nobody who is known" explain -c "$t/users.conf" --src 10.1.0.8 --dst 203.0.113.9 --port 98
check "explain to nobody who is known" grep -q "users.rules:3 does not match: who it is is not known" "$t/out"
run 0 "replay without its files of people" replay -c "$t/who.conf" --events "$t/who.jsonl" $demo
says "replay without its files of people" "$t/no.leases: warning [no-file]"
check "replay without its files of people writes events" [ "$(jsonl "$t/who.jsonl")" -gt 10 ]
run 0 "replay -q without its files of people" replay -q -c "$t/who.conf" --events "$t/who.jsonl" $demo
quiet "replay -q without its files of people"
echo '0 00:00:00:00:00:00 10.0.0.1 a *' >"$t/no.leases"
run 0 "check of an odd lease" check -c "$t/who.conf"
says "check of an odd lease" "$t/no.leases:1:3: warning [odd-lease]"
echo '0 nonsense 10.0.0.1 a *' >"$t/no.leases"
run 1 "check of a broken lease file" check -c "$t/who.conf"
says "check of a broken lease file" "$t/no.leases:1:3: error: is no MAC address"
# Findings of check: statuses, an array for pipelines, colours for a terminal alone.
cat >"$t/locked.rules" <<'RULES'
environment prod  839eace6-59ab-4243-97ec-a5b8fcc104e4  own
gate own
allow  to own environment
gate ip-firewall
allow  to environment prod  from egress 18.205.0.0/24
deny   to environment prod
gate default
deny in-scope
RULES
run 1 "check of a list without our egress" check -c tests/demo/demo.conf -r "$t/locked.rules"
says "check of a list without our egress" "locked-out"
check "no colours outside of a terminal" [ "$(tr -dc '\033' <"$t/err" | wc -c)" = 0 ]
script -qec "$W check -c tests/demo/demo.conf -r $t/locked.rules" /dev/null </dev/null >"$t/err" || true
check "colours on a terminal" [ "$(tr -dc '\033' <"$t/err" | wc -c)" -gt 0 ]
NO_COLOR=1 script -qec "$W check -c tests/demo/demo.conf -r $t/locked.rules" /dev/null </dev/null >"$t/err" || true
check "no colours on a terminal with NO_COLOR" [ "$(tr -dc '\033' <"$t/err" | wc -c)" = 0 ]
run 1 "check --json with an error" check --json -c tests/demo/demo.conf -r "$t/locked.rules"
check "check --json names file, place and finding" python3 -c '
import json, sys
one = json.load(open(sys.argv[1]))[0]
want = {"line": 5, "column": 34, "level": "error", "name": "locked-out"}
sys.exit(any(one[k] != want[k] for k in want) or not one["notes"])' "$t/out"
sed 's/egress 18.*/egress 198.51.100.0\/24/' "$t/locked.rules" >"$t/open.rules"
run 0 "check --json without a finding" check --json -c tests/demo/demo.conf -r "$t/open.rules"
check "check --json without a finding is an empty array" [ "$(cat "$t/out")" = "[]" ]
run 0 "check of one import alone" check tests/rules/fail/alone.in
check "check of one import alone: nothing about other gates" \
	[ "$(grep -c -e own-empty -e no-default "$t/err")" = 0 ]
# ---- what -o would destroy -----------------------------------------------------------------
"$W" replay -q -o "$t/whole" "$demo" >/dev/null 2>&1
mkfifo "$t/fifo"
ln -s nowhere "$t/link"
for at in fifo link .; do
	run 3 "report -o a $at" report --ledger "$t/whole" -o "$t/$at"
	run 3 "export -o a $at" export cef --ledger "$t/whole" -o "$t/$at"
	run 3 "evidence -o a $at" evidence --ledger "$t/whole" --verdict allow --limit 1 -o "$t/$at"
	says "evidence -o a $at" "a file would take its place: name another FILE"
done
check "they stand there yet" [ -p "$t/fifo" -a -h "$t/link" ]

# ---- what an auditor types and hands over --------------------------------------------------
print=$("$W" verify --json "$t/whole" | sed -n 's/.*"key": *"\([0-9A-F-]*\)".*/\1/p')
run 0 "verify --key in small letters" verify "$t/whole" --key "$(echo "$print" | tr A-F a-f)"
run 3 "verify --key cut short" verify "$t/whole" --key "$(echo "$print" | cut -c1-19)"
says "verify --key cut short" "is no file, and no fingerprint: that has eight groups of four hex digits"
"$W" seal --ledger "$t/whole" | iconv -t UTF-16 >"$t/seals"
run 3 "verify --anchors in UTF-16" verify "$t/whole" --anchors "$t/seals"
says "verify --anchors in UTF-16" "holds no seal: one a line is looked for, whole and in UTF-8"

exit $bad
