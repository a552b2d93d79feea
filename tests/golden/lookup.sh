#!/bin/sh
# weir lookup: every field of a name and an address, for people and for programs; lists; own
# entries; what is neither name nor address.  TAP.  UPDATE=1 rewrites the expected output.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
d=tests/golden
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
here=$(pwd)
cat >"$t/weir.conf" <<CONF
catalog = { services = "$here/rules/catalog/services.tsv";
	    connectors = "$here/rules/catalog/connectors.tsv";
	    regions = "$here/geo/regions.tsv"; own = "$here/$d/lookup.own.tsv"; };
geo = { country = "$here/tests/data/country-test.mmdb"; asn = "$here/tests/data/asn-test.mmdb"; };
CONF
ask() { # STATUS ARGUMENTS...: $t/out and $t/err without the folder of the tree
	want=$1
	shift
	"$W" lookup -c "$t/weir.conf" "$@" >"$t/raw" 2>"$t/err"
	rc=$?
	[ $rc -eq "$want" ] || not_ok "lookup $*: status $rc, not $want"
	sed "s|$here/||g" "$t/raw" >"$t/out"
}
same() { # FILE NAME
	[ -z "${UPDATE:-}" ] || cp "$t/out" "$d/$1"
	if diff -u "$d/$1" "$t/out" >&2; then ok "$2"; else not_ok "$2"; fi
}
set -- contoso.crm4.dynamics.com api.dropboxapi.com dev1.service-now.com \
	default839eace659ab424397eca5b8fcc104.e4.environment.api.powerplatform.com \
	9D51D1FFC9F77572.00.common.logic-westus.azure-apihub.net. contoso-my.sharepoint.com:443 \
	unknown.example api.contoso.example hr.payroll.contoso.example intern.contoso.example \
	make.powerapps.com pdf-services.adobe.io 81.2.69.142 '[2001:db8::1]:443' 10.1.2.3
ask 0 --json "$@"
# Rows move when the catalogue is rebuilt; the lines are held to the file instead.
python3 - "$t/out" >"$t/rows" 2>"$t/err" <<'PY'
import json, sys
bad = 0
def holds(where, *words):
    global bad
    name, line = where.rsplit(":", 1)
    row = open(name, encoding="utf-8").read().split("\n")[int(line) - 1].split("\t")
    if not all(w in row for w in words):
        bad = 1
        print(where, words, row, file=sys.stderr)
for text in open(sys.argv[1], encoding="utf-8"):
    one = json.loads(text)
    if "rule" in one:
        holds(one["rule"], one["pattern"], *([one["source"]] if one["source"] != "own entry" else []))
    for c in one.get("connector_rows", []):
        holds(c["rule"], c["pattern"], c["connector"])
    if [c["connector"] for c in one.get("connector_rows", [])] != one.get("connectors", []):
        bad = 1
        print("connectors and their rows differ", one["host"], file=sys.stderr)
sys.exit(bad)
PY
check "the rows that an answer names are those of the file" [ $? -eq 0 ]
sed -i 's/\(\.tsv\):[0-9]*"/\1:N"/g' "$t/out"
same lookup.want.jsonl "one object a line with --json"
ask 0 "$@"
check "the files follow, with their dates" grep -q '^services  *[0-9]* rows of 20.*services.tsv' "$t/out"
sed -i -e 's/\(\.tsv\):[0-9]*$/\1:N/' -e '/^catalogue$/,$d' "$t/out"
same lookup.want.txt "a table for people"

# A list: good lines are answered, bad ones reported with their number and passed over.
printf 'make.powerautomate.com\n\nbad..name\n192.0.2.1\n10.1\r\n%0300d.example\nsp ace.example\n%02000d\nlogin.live.com.' 1 1 >"$t/list"
ask 1 --json - <"$t/list"
check "a list: three of seven lines are answered" [ "$(wc -l <"$t/out")" -eq 3 ]
check "a list: the last line without an end is read" grep -q '"host":"login.live.com"' "$t/out"
for w in '<stdin>:3:5: error: an empty label' '<stdin>:5:1: error: ends like an address' \
	'<stdin>:6:1: error: a label of over 63 bytes' \
	'<stdin>:7:3: error: cannot stand in a host name' '<stdin>:8: error: a line of over 1024 bytes' \
	'5 errors'; do
	check "a list says '$w'" grep -qF -- "$w" "$t/err"
done
check "a bad line is shown" grep -qF "3 | bad..name" "$t/err"
ask 1 ok.example ""
check "an empty operand is none" grep -qF '<operand>:2:1: error: an empty label' "$t/err"
check "the operand before it is answered" grep -qx '  host             ok.example' "$t/out"
# What is wrong with it is said, and where.
for one in 'make.powerapps.com:99999|1:20: error: is no port: a number up to 65535' \
	'make.powerapps.com:x|1:20: error: is no port' \
	'https://u:p@make.powerapps.com:8443/e?q#f|1:1: error: is a URL' \
	'https://u:p@make.powerapps.com:8443/e?q#f|write: its host alone: make.powerapps.com:8443' \
	'https://|write: a host name or an address' \
	'2001:db8::zz|1:1: error: has colons like an IPv6 address, but is none' \
	'[::1]:70000|1:7: error: is no port' '[::zz]:443|1:1: error: has colons' \
	'[::1]x|1:1: error: has colons like an IPv6 address' '10.1|1:1: error: ends like an address'; do
	ask 1 "${one%%|*}"
	check "'${one%%|*}': ${one#*|}" grep -qF "${one#*|}" "$t/err"
done

# The IPv4 address within one of NAT64 is what is looked up (RFC 6052 2.2).
nat=$t/nat.conf
sed 's|^geo = {|geo = { nat64 = [ "2001:db8:64::/48" ];|' "$t/weir.conf" >"$nat"
"$W" lookup -c "$nat" --json 81.2.69.142 64:ff9b::5102:458e 2001:db8:64:5102:45:8e00:: 2001:db8:65:5102:45:8e00:: >"$t/out"
python3 - "$t/out" >&2 <<'PY'
import json, sys
plain, known, own, other = map(json.loads, open(sys.argv[1], encoding="utf-8"))
bad = plain.get("country", "unknown") == "unknown" or "embedded" in plain or "embedded" in other
bad |= other["country"] != "unknown"
for one, address in (known, "64:ff9b::5102:458e"), (own, "2001:db8:64:5102:45:8e00::"):
    bad |= one.pop("address") != address or one.pop("embedded") != "81.2.69.142"
    bad |= one != {k: v for k, v in plain.items() if k != "address"}
sys.exit(bad)
PY
check "an address of NAT64 means what the one within it means" [ $? -eq 0 ]
ask 0 --json - </dev/null
check "an empty list has no answer" [ ! -s "$t/out" ]

# Who is inside: site, source, role, principal, and the environments that the source is bound to.
cp "$t/weir.conf" "$t/catalogue.conf"
cat >"$t/weir.conf" <<CONF
rules = [ "who.rules" ];
sites = ( { name = "munich"; inside = [ "10.10.0.0/16", "fd10::/48" ]; egress = [ "198.51.100.10" ]; } );
sources = ( { role = "gateway"; name = "dgw1"; addresses = [ "10.10.8.21" ]; },
	    { role = "desktop"; name = "robots"; addresses = [ "10.10.8.0/27" ]; shared = true; } );
identity = { leases = [ "dnsmasq.leases" ]; people = "people.csv"; };
CONF
cat >"$t/who.rules" <<RULES
version 1
environment prod 839eace6-59ab-4243-97ec-a5b8fcc104e4 own
environment test 5be1f0a2-7c4d-4a90-8f0e-1d2c3b4a5968 own
bind dgw1 to environment { prod, test }
bind { 10.10.0.0/16, fd10::/48 } to environment test
gate rules
deny from environment prod label bound
expect deny gateway 10.10.8.21 -> a.example:443 label bound
RULES
echo '9999999999 02:00:5e:10:00:01 10.10.8.5 * *' >"$t/dnsmasq.leases"
printf 'address,mac,user\n10.10.8.21,,anna\n' >"$t/people.csv"
ask 0 --json 10.10.8.21 10.10.8.5 10.10.1.1 fd10::7:1 198.51.100.10 192.0.2.1
sed -i "s|$t/||g" "$t/out"
cat >"$t/want" <<WANT
{"address":"10.10.8.21","inside":"munich","inside_source":"dgw1","inside_role":"gateway","principal":"anna","principal_source":"list of people","environments":["prod","test"],"environments_rule":"who.rules:4","country":"unknown"}
{"address":"10.10.8.5","inside":"munich","inside_source":"robots","inside_role":"desktop","shared":true,"principal":"02:00:5e:10:00:01","principal_source":"lease","environments":["test"],"environments_rule":"who.rules:5","country":"unknown"}
{"address":"10.10.1.1","inside":"munich","inside_role":"user","principal":"10.10.1.1","principal_source":"address","environments":["test"],"environments_rule":"who.rules:5","country":"unknown"}
{"address":"fd10::7:1","inside":"munich","inside_role":"user","principal":"fd10::/64","principal_source":"address","environments":["test"],"environments_rule":"who.rules:5","country":"unknown"}
{"address":"198.51.100.10","inside":"munich","country":"unknown"}
{"address":"192.0.2.1","country":"unknown"}
WANT
check "who is inside, in which role, bound to what" diff -u "$t/want" "$t/out"
"$W" explain -c "$t/weir.conf" --src 10.10.8.21 --dst 192.0.2.1 --host a.example 2>&1 |
	grep -E '^  (principal|bound to|  )' | sed "s|$t/||g" >"$t/out"
cat >"$t/want" <<WANT
  principal  anna   (by the list of people)
  bound to   prod, test   (10.10.8.21/32 of source dgw1 by who.rules:4)
             test   (10.10.0.0/16 by who.rules:5; not asked: a longer prefix answers)
WANT
check "explain shows each binding with its line" diff -u "$t/want" "$t/out"
echo 'broken' >"$t/people.csv"
"$W" lookup -c "$t/weir.conf" 10.10.8.21 >"$t/out" 2>"$t/err"
check "a broken list of people is told" [ $? -eq 1 ]
check "with its line" grep -qF "people.csv:1:" "$t/err"
mv "$t/catalogue.conf" "$t/weir.conf"

# Who asks through pipes gets each answer before the next question.
python3 - "$W" "$t/weir.conf" >&2 <<'PY'
import json, select, subprocess, sys
run = subprocess.Popen([sys.argv[1], "lookup", "-c", sys.argv[2], "--json", "-"],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for name in (b"a.crm4.dynamics.com", b"b.crm4.dynamics.com"):
    run.stdin.write(name + b"\n")
    run.stdin.flush()
    if not select.select([run.stdout], [], [], 20)[0]:
        run.kill()
        sys.exit("no answer")
    if json.loads(run.stdout.readline())["host"].encode() != name:
        sys.exit("another answer")
run.stdin.close()
sys.exit(run.wait())
PY
check "answers come one by one" [ $? -eq 0 ]

# The published vectors through the program.
python3 - "$W" >&2 <<'PY'
import csv, json, subprocess, sys
rows = list(csv.DictReader(open("tests/data/hostname_vectors.csv", encoding="utf-8")))
text = "".join(r["host"] + "\n" for r in rows)
done = subprocess.run([sys.argv[1], "lookup", "--json", "-"], input=text, text=True,
                      stdout=subprocess.PIPE, check=True)
got = [json.loads(line) for line in done.stdout.splitlines()]
bad = len(got) != len(rows) or len(rows) < 34
ids = ["environment_id", "tenant_id", "organization_id", "org", "site", "tenant_name", "account",
       "key", "component", "stamp"]
for row, one in zip(rows, got):
    want = dict(pair.split("=", 1) for pair in row["expect"].split(";"))
    for key in [*want, *ids]:
        if (one.get(key) or "") != want.get(key, ""):
            bad = True
            print(row["host"], key, one.get(key), want.get(key), file=sys.stderr)
sys.exit(bad)
PY
check "all of hostname_vectors.csv" [ $? -eq 0 ]
exit $bad
