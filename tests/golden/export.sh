#!/bin/sh
# weir export: the IP firewall of an environment, Sentinel's watch list.  What is written is read
# again by weir import and by Python's csv; limits, merges and refusals.  TAP.
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
cat >"$t/env.rules" <<'EOR'
version 1
environment prod  839eace6-59ab-4243-97ec-a5b8fcc104e4  own  host contoso.crm4.dynamics.com
environment test  11111111-2222-4333-8444-555555555555  own
table <finance>  { 10.20.16.0/24 }
EOR
cp "$t/env.rules" "$t/all.rules"
cat >"$t/conf" <<'EOC'
rules = [ "all.rules" ];
sites = (
  { name = "munich"; inside = [ "10.10.0.0/16" ]; egress = [ "198.51.100.10" ]; },
  { name = "lyon"; inside = [ "10.20.0.0/16", "fd10:0:1::/48" ];
    egress = [ "203.0.113.20", "203.0.113.21", "2001:db8:5::7" ]; },
  { name = "oslo"; inside = [ "10.30.0.0/16" ]; } );
sources = ( { role = "gateway"; name = "dgw1"; addresses = [ "10.30.8.21" ]; } );
EOC
run 0 "all sites" ip-firewall --environment prod -c "$t/conf"
check "their egress, joined" test "$(cat "$t/out")" = "198.51.100.10/32,203.0.113.20/31,2001:db8:5::7/128"
check "what was joined is said" says 'ranges: 4 given, 3 written, 50 characters'
check "nothing was merged" test -z "$(grep 'merged\|let in' "$t/err")"
check "a site without egress will be locked out" says 'warning: site oslo reaches prod, and its egress is not known'
run 0 "by GUID" ip-firewall --environment 839EACE6-59ab-4243-97ec-a5b8fcc104e4 -c "$t/conf" --site munich --range 192.0.2.0/24
check "--site and --range" test "$(cat "$t/out")" = "192.0.2.0/24,198.51.100.10/32"
run 0 "an environment whose host no line names" ip-firewall --environment test -c "$t/conf"
check "has all sites" test "$(cat "$t/out")" = "198.51.100.10/32,203.0.113.20/31,2001:db8:5::7/128"
check "which is said" says 'no host of test is in the rules'

# Who reaches it: one network of Lyon, one gateway of Oslo, nobody in Munich.
cat "$t/env.rules" - >"$t/some.rules" <<'EOR'
gate rules
allow  from { <finance>, source dgw1 }  to environment prod
deny   to environment prod
EOR
run 0 "one network reaches it" ip-firewall --environment prod -c "$t/conf" -r "$t/some.rules"
check "its site is there" test "$(cat "$t/out")" = "203.0.113.20/31,2001:db8:5::7/128"
check "another one is left out, with the line" says 'left out: site munich: nobody there may reach prod, by '
check "of the rules" says 'some.rules:7; --site takes it'
check "a gateway there is enough" says 'warning: site oslo reaches prod'
sed 's/, source dgw1 / /; s/10.20.16.0.24/10.20.255.255/' "$t/some.rules" >"$t/last.rules"
run 0 "the last address of a site" ip-firewall --environment prod -c "$t/conf" -r "$t/last.rules"
check "is asked, too" test "$(cat "$t/out")" = "203.0.113.20/31,2001:db8:5::7/128"
check "without its gateway a site is left out" says 'left out: site oslo'
printf '%s\ngate rules\ndeny from { 10.20.0.0/17, fd10:0:1::/48 } to environment prod\n' "$(cat "$t/env.rules")" >"$t/half.rules"
run 0 "half of a site is denied" ip-firewall --environment prod -c "$t/conf" -r "$t/half.rules" --range 192.0.2.0/24
check "the other half is enough" test "$(cat "$t/out")" = "192.0.2.0/24,198.51.100.10/32,203.0.113.20/31,2001:db8:5::7/128"
sed 's/from.*to/from 192.0.2.1 to/' "$t/some.rules" >"$t/none.rules"
run 1 "nobody reaches it" ip-firewall --environment prod -c "$t/conf" -r "$t/none.rules"
check "no empty list" test ! -s "$t/out"
check "with what to write" says 'an empty list would lock everybody out; write egress'

# Round trip, also of the tenant's present list, which says nothing about the next one.
run 0 "the body of a PATCH" ip-firewall --environment prod -c "$t/conf" --json
cp "$t/out" "$t/patch.json"
check "is JSON with audit mode" python3 -c 'import json,sys
v = json.load(open(sys.argv[1]))
assert v == {"enableipbasedfirewallrule": True, "enableipbasedfirewallruleinauditmode": True,
             "allowediprangeforfirewall": "198.51.100.10/32,203.0.113.20/31,2001:db8:5::7/128"}, v' "$t/patch.json"
run 0 "--enforce" ip-firewall --environment prod -c "$t/conf" --json --enforce
check "audit mode is off" grep -q '"enableipbasedfirewallruleinauditmode":false' "$t/out"
# shellcheck disable=SC2317  # called by check
imports_as() { # FILE: its prefixes are those of the list in $t/want
	"$W" import --environment prod -o "$t/fw.rules" "$1" >/dev/null 2>"$t/err" || return 1
	sed -n '/ from egress/,/^}/p' "$t/fw.rules" | grep -oE '[0-9a-f:.]+/[0-9]+' | sort >"$t/got"
	tr , '\n' <"$t/want" | sort | cmp - "$t/got"
}
"$W" export ip-firewall --environment prod -c "$t/conf" >"$t/want" 2>/dev/null
check "import reads the same prefixes" imports_as "$t/patch.json"
sed 's/203.0.113.20.31,//' "$t/patch.json" >"$t/less.json"
"$W" import --environment prod -o "$t/less.rules" "$t/less.json" >/dev/null 2>&1
printf '%s\nimport "less.rules" enforce\n' "$(cat "$t/env.rules")" >"$t/less-all.rules"
run 0 "an imported firewall without Lyon" ip-firewall --environment prod -c "$t/conf" -r "$t/less-all.rules"
check "leaves nobody out" cmp "$t/want" "$t/out"

# Limits: 256 addresses, and ranges that cannot be merged.
ranges() { python3 -c 'import sys
print(" ".join("--range " + eval(sys.argv[1])(i) for i in range(int(sys.argv[2]))))' "$1" "$2"; }
# shellcheck disable=SC2046  # a list of words, here and below
run 0 "256 addresses" ip-firewall --environment prod -c "$t/conf" --site munich \
	$(ranges 'lambda i: f"8.{i // 16}.{i % 16 * 16}.{i % 8 + 1}"' 256)
check "at most 200 ranges, 4,000 characters" test "$(tr -cd , <"$t/out" | wc -c)" -lt 200 -a "$(wc -c <"$t/out")" -le 4001
check "what was merged is said" grep -qE '^merged: [0-9]+ ranges into 8\.[0-9.]+/[0-9]+, which lets in [0-9]+ addresses that nobody named$' "$t/err"
check "and how many are let in" python3 - "$t" <<'EOP'
import ipaddress, re, sys
err = open(sys.argv[1] + "/err").read()
wanted = {ipaddress.ip_network("198.51.100.10")} | {
    ipaddress.ip_network(f"8.{i // 16}.{i % 16 * 16}.{i % 8 + 1}") for i in range(256)}
got = [ipaddress.ip_network(x) for x in open(sys.argv[1] + "/out").read().strip().split(",")]
assert len(got) <= 200 and list(ipaddress.collapse_addresses(got)) == sorted(got)
assert all(any(w.subnet_of(g) for g in got) for w in wanted)
foreign = sum(g.num_addresses for g in got) - len(wanted)
assert f"so {foreign} IPv4 addresses and 0 IPv6 networks of others are let in" in err, (foreign, err[-200:])
assert foreign == sum(int(n) for n in re.findall(r"lets in (\d+) addr", err)) > 0
EOP
cp "$t/out" "$t/want"
# shellcheck disable=SC2046
"$W" export ip-firewall --environment prod -c "$t/conf" --site munich --json \
	$(ranges 'lambda i: f"8.{i // 16}.{i % 16 * 16}.{i % 8 + 1}"' 256) >"$t/patch.json" 2>/dev/null
check "import takes them all" imports_as "$t/patch.json"
# shellcheck disable=SC2046
run 0 "199 long ranges" ip-firewall --environment prod -c "$t/conf" --site munich \
	$(ranges 'lambda i: f"2001:db8:aaaa:{i * 256 + 4096:x}:cccc:dddd:eeee:ffff"' 199)
check "4,000 characters" test "$(wc -c <"$t/out")" -le 4001
check "networks of IPv6 that are let in" grep -qE 'lets in [0-9]+ networks of 64 bits' "$t/err"
# shellcheck disable=SC2046
run 1 "ranges too far apart" ip-firewall --environment prod -c "$t/conf" --site munich \
	$(ranges 'lambda i: f"2{i:03x}:db8::/32"' 250)
check "no merge is that wide" says 'lie too far apart for the 200 that Microsoft takes'

run 1 "a private range" ip-firewall --environment prod -c "$t/conf" --range 10.0.0.0/8 --range 300.1.1.1 --range 9.9.9.9/8
check "is refused" says 'error: 10.0.0.0/8 is not what Microsoft sees of anybody: private, RFC 1918'
check "with remedy" says '= write: the address that the outside sees'
check "and what is no range" says "error: '300.1.1.1' is no address range"
check "all of it" says "3 errors"
sed 's/198.51.100.10/192.168.1.1/' "$t/conf" >"$t/private.conf"
run 1 "a private egress" ip-firewall --environment prod -c "$t/private.conf"
check "is one of a site" says 'site munich: error: 192.168.1.1/32 is not'
run 2 "no environment" ip-firewall -c "$t/conf"
run 2 "an unknown one" ip-firewall --environment prd -c "$t/conf"
check "is near a known one" says "did you mean 'prod'?"
run 2 "an unknown site" ip-firewall --environment prod -c "$t/conf" --site munch
check "is near one" says "did you mean 'munich'?"
run 2 "an unknown form" cef -c "$t/conf"
run 1 "a missing configuration" watchlist -c "$t/not-there"

run 0 "the watch list" watchlist -c "$t/conf"
check "is RFC 4180" python3 - "$t/out" <<'EOP'
import csv, json, sys
raw = open(sys.argv[1], newline="").read()
assert raw.endswith("\r\n") and raw.count("\n") == raw.count("\r\n")
rows = list(csv.DictReader(raw.splitlines(), strict=True))
assert list(rows[0]) == ["IP Subnet", "Range Name", "Tags"]
got = [(r["IP Subnet"], r["Range Name"], json.loads(r["Tags"])) for r in rows]
want = [("198.51.100.10/32", "munich egress", ["WeirEgress"]), ("10.10.0.0/16", "munich inside", ["WeirInside"]),
        ("203.0.113.20/32", "lyon egress", ["WeirEgress"]), ("203.0.113.21/32", "lyon egress", ["WeirEgress"]),
        ("2001:db8:5::7/128", "lyon egress", ["WeirEgress"]), ("10.20.0.0/16", "lyon inside", ["WeirInside"]),
        ("fd10:0:1::/48", "lyon inside", ["WeirInside"]), ("10.30.0.0/16", "oslo inside", ["WeirInside"])]
assert got == want, got
EOP
run 0 "that of an environment" watchlist -c "$t/conf" -r "$t/some.rules" --environment prod
check "has the sources that reach it" test "$(cut -d, -f1 "$t/out" | tail -n +2 | paste -sd,)" = "203.0.113.20/32,203.0.113.21/32,2001:db8:5::7/128"
check "with the tag of Sentinel's rule" test "$(grep -c '"\[""AllowDataverse""\]"' "$t/out")" = 3
run 0 "an empty one" watchlist -c "$t/conf" --site oslo --environment prod
check "warns" says "allow-list rule is silent with an empty list"
exit $bad
