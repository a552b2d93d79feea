#!/bin/sh
# The finding `unanchored`: said of a gateway whose seals leave the machine nowhere, with place and
# remedy, and of nobody else.  TAP.  WEIR=PROGRAM tests another build; UPDATE_GOLDEN=1 writes anchor.want.
W=$(realpath "${WEIR:-./weir}")
want=$PWD/tests/golden/anchor.want
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT

# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
inline='capture = { source = "nfqueue"; on_failure = "open"; };'
mirror='capture = { source = "interface"; interfaces = [ "lo" ]; };'
ship='ship = { server = "siem.example"; };'
# conf NAME TEXT...: each text a line.
conf() {
	name=$1
	shift
	printf '%s\n' "$@" >"$t/$name.conf"
}
conf none "$inline" 'ledger = { dir = "/var/lib/weir/ledger"; };'
conf mirror "$mirror" 'ledger = { dir = "/var/lib/weir/ledger"; };'
conf broken-promise "$inline" 'ledger = { dir = "/var/lib/weir/ledger"; anchor = "ship"; };'
conf list "$inline" 'ledger = { dir = "/l"; anchor = [ "syslog-tls://siem.example:6514" ]; };'
conf ship "$inline" 'ledger = { dir = "/l"; };' "$ship"
conf promise "$inline" 'ledger = { dir = "/l"; anchor = "ship"; };' "$ship"
conf paper "$mirror" 'ledger = { dir = "/l"; anchor = "paper"; };'
conf replay 'ledger = { dir = "/l"; };'
conf word "$inline" 'ledger = { dir = "/l"; anchor = "papper"; };'
cd "$t" || exit 3
for name in none mirror broken-promise list word; do
	"$W" check -q -c $name.conf
	echo "$name: status $?"
done >"$t/got" 2>&1
[ -n "$UPDATE_GOLDEN" ] && cp "$t/got" "$want"
check "the findings are those of anchor.want" diff -u "$want" "$t/got"
for name in ship promise paper replay; do
	"$W" check -q -c $name.conf >"$t/out" 2>&1
	check "$name: nothing is said" [ ! -s "$t/out" ]
done
"$W" check --json -c none.conf >"$t/out"
check "JSON has its name" grep -q '"line":2,"column":1,"length":6,"level":"warning","name":"unanchored"' "$t/out"
printf '%s\n' "$(head -1 none.conf)" 'ledger = { dir = "'"$t/l"'"; };' >own.conf
: >empty.pcap
"$W" replay -q -c own.conf empty.pcap >"$t/out" 2>&1
check "a replay with a gateway's file does not hear of it" sh -c "! grep -q unanchored '$t/out'"
exit $bad
