#!/bin/sh
# weir check --host: a machine that is fine in everything, and one change at a time.  The kernel's
# and the system's files are made below a folder.  TAP.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
r=$t/root
umask 022
put() { # PATH TEXT: below the root
	mkdir -p "$r/$(dirname "$1")"
	printf '%s\n' "$2" >"$r/$1"
}
# connections FROM COUNT [EXTRA [REPLY-TO]]: COUNT of TCP, sources FROM1, FROM2, ...
connections() {
	i=0
	while [ $i -lt "$2" ]; do
		i=$((i + 1))
		from=$1
		[ "${1%.}" = "$1" ] || from=$1$i
		echo "ipv4     2 tcp      6 431999 ESTABLISHED src=$from dst=203.0.113.5 sport=$((4000 + i)) dport=443 $3 src=203.0.113.5 dst=${4:-$from} sport=443 dport=$((4000 + i)) [ASSURED] mark=0 use=2"
	done
}
dns='ipv4     2 udp      17 29 src=10.1.0.9 dst=9.9.9.9 sport=4001 dport=53 src=9.9.9.9 dst=10.1.0.9 sport=53 dport=4001 mark=0 use=2'
machine() {
	rm -rf "$r" "$t/ledger" "$t/state"
	put proc/sys/kernel/osrelease 6.1.0-42-amd64
	put lib/modules/6.1.0-42-amd64/modules.dep "kernel/net/netfilter/nfnetlink_queue.ko: kernel/net/netfilter/nfnetlink.ko
kernel/net/netfilter/xt_NFQUEUE.ko: x
kernel/net/netfilter/xt_bpf.ko: x"
	put usr/sbin/nft x
	put proc/sys/net/netfilter/nf_conntrack_max 65536
	put proc/sys/net/netfilter/nf_conntrack_count 100
	put proc/sys/net/ipv4/ip_forward 1
	put sys/class/net/lan0/operstate up
	put sys/class/net/lo/operstate unknown
	put proc/net/nf_conntrack "$(connections 10.1.0. 30 '' 198.51.100.10; echo "$dns")"
	put run/systemd/timesync/synchronized ''
	mkdir -m 750 "$t/ledger" "$t/state"
	printf '{"v":1,"seq":1,"time":"2026-11-01T00:00:00.000000Z"}\n{"v":1,"seq":2,"time":"2026-11-01T12:00:00.000000Z"}\n' >"$t/ledger/000001.jsonl"
	printf '{"v":1,"seq":3,"time":"2026-11-02T00:00:00.000000Z"}\n{"v":1,"seq":4,"time":"2026-11-03T00:00:00.000000Z"}\n' >"$t/ledger/000002.jsonl"
	printf 'version 1\n' >"$t/a.rules"
	cat >"$t/conf" <<-EOC
		rules = [ "a.rules" ];
		sites = ( { name = "munich"; inside = [ "10.1.0.0/16" ]; resolvers = [ "9.9.9.9" ]; } );
		capture: { source = "nfqueue"; on_failure = "open"; interfaces = [ "lan0" ]; };
		ledger: { dir = "ledger"; };
		control: { socket = "$t/control"; };
	EOC
	chmod 644 "$t/conf" "$t/a.rules"
}
# run STATUS NAME ARGUMENTS...
run() {
	want=$1 name=$2
	shift 2
	exits "$want" "$name" "$W" check --host --root "$r" -c "$t/conf" "$@"
}
says() { check "$1" grep -qE -- "$2" "$t/out"; }
# warns CHECK TEXT: that warning, and no other
warns() {
	run 1 "$3"
	says "$3" "^warning +$1 +.*$2"
	check "$3: no other" test "$(grep -c '^warning' "$t/out")" = 1
	check "$3: a remedy" sh -c "grep -A1 '^warning' '$t/out' | grep -q '^ *= '"
}

machine
run 0 "a sound machine"
cp "$t/out" "$t/sound"
check "nothing is warned of" test "$(grep -c '^warning' "$t/out")" = 0
for c in queue xt_bpf tools conntrack forwarding interface one-way position resolver clock disk rights; do
	says "$c is fine" "^fine +$c "
done
says "cards are not asked of another machine" '^cannot tell +offloads'
says "rate and days" 'at 0.0 MB a day, as measured, the disk lasts'
says "translated here" 'several inside addresses, some of them translated|translated by this machine'
check "it is the same again" sh -c "'$W' check --host --root '$r' -c '$t/conf' | cmp - '$t/sound'"

put lib/modules/6.1.0-42-amd64/modules.dep 'kernel/net/netfilter/xt_NFQUEUE.ko: x
kernel/net/netfilter/xt_bpf.ko: x'
warns queue "no NFQUEUE" "a kernel without NFQUEUE"
put proc/net/netfilter/nfnetlink_queue ''
run 0 "one that runs already"
machine
put lib/modules/6.1.0-42-amd64/modules.dep 'kernel/net/netfilter/nfnetlink_queue.ko: x
kernel/net/netfilter/nft_queue.ko: x'
warns xt_bpf "no xt_bpf" "a kernel without xt_bpf"
put boot/config-6.1.0-42-amd64 '#
CONFIG_NETFILTER_XT_MATCH_BPF=y'
run 0 "it is built in"
rm -r "${r:?}/lib" "${r:?}/boot"
run 0 "nothing says what the kernel has"
says "so it cannot be told" '^cannot tell +xt_bpf'
machine
rm "$r/usr/sbin/nft"
warns tools "neither nft nor iptables" "no tools"
machine
put proc/sys/net/netfilter/nf_conntrack_count 60000
warns conntrack "60000 of 65536" "a full table"
machine
echo 'limits: { max_flows = 100000; };' >>"$t/conf"
warns conntrack "max_flows is 100000" "a table smaller than ours"
machine
rm -r "$r/proc/sys/net/netfilter"
run 0 "no connection tracking yet"
says "is not told" '^cannot tell +conntrack'
machine
put proc/sys/net/ipv4/ip_forward 0
warns forwarding "no packets are forwarded" "no forwarding"
machine
put sys/class/net/lan0/operstate down
warns interface "lan0 is down" "a cable"
machine
rm -r "$r/sys/class/net/lan0"
warns interface "there is no interface lan0" "a wrong name"
machine
put proc/net/nf_conntrack "$(connections 10.1.0. 30 '[UNREPLIED]'; echo "$dns")"
warns one-way "30 of 30 TCP connections have no answer" "one-way traffic"
put proc/net/nf_conntrack "$(connections 192.0.2. 30; echo "$dns")"
warns position "30 of 31 connections have no end inside" "wrong prefixes"
put proc/net/nf_conntrack "$(connections 10.1.0.9 30; echo "$dns")"
warns position "all 31 outbound connections come from one address" "behind a proxy"
put proc/net/nf_conntrack "$(connections 10.1.0. 5)"
run 0 "a quiet hour"
says "tells nothing" '^cannot tell +position .*5 connections'
says "of resolvers neither" '^cannot tell +resolver'
put proc/net/nf_conntrack 'ipv4 2 tcp 6 9 ESTABLISHED src=x dst=y
garbage'
run 0 "lines that are none"
says "count for nothing" '0 connections are tracked'
rm "$r/proc/net/nf_conntrack"
run 0 "no list of connections"
says "is not told" '^cannot tell +position .*No such file'
machine
sed -i 's/"9.9.9.9"/"10.1.0.53"/' "$t/conf"
warns resolver "resolver 10.1.0.53 of site munich is inside" "a resolver inside"
machine
rm "$r/run/systemd/timesync/synchronized"
run 0 "a clock of which nothing is known"
says "is not told" '^cannot tell +clock'

# The disk, at a rate that nobody's has: 100 GB a day without a byte of them.
truncate -s 900G "$t/ledger/000001.jsonl"
printf '{"time":"2026-11-01T01:00:00.000000Z"}\n' >"$t/ledger/000002.jsonl"
warns disk "MB a day, as measured, the disk is full in [0-9.]+ days" "a disk for days"
machine
rm "$t/ledger/000002.jsonl"
printf '{"time":"2026-11-01T00:00:00.000000Z"}\n' >"$t/ledger/000001.jsonl"
run 0 "a ledger of a moment"
says "has no rate" '^cannot tell +disk .*no rate is known'

machine
chmod 664 "$t/a.rules"
warns rights "a.rules may be changed by its group" "rules of a group"
machine
chmod 646 "$t/conf"
warns rights "conf may be changed by everybody" "a configuration of all"
machine
chmod 755 "$t/ledger"
warns rights "ledger is open to everybody" "a ledger of all"
machine
touch "$t/state/seal.key"
chmod 640 "$t/state/seal.key"
warns rights "seal.key may be read by its group" "a key of a group"
chmod 600 "$t/state/seal.key"
run 0 "a key of its own"
says "which is fine" 'keys are read by their owner alone'
touch "$t/control"
warns rights "control is no socket" "a file for a socket"
rm "$t/control"

machine
run 0 "--json" --json
check "is what the text says" python3 - "$t/out" "$t/sound" <<'EOP'
import json, sys
rows = json.load(open(sys.argv[1]))
text = [l for l in open(sys.argv[2]).read().split("\n") if l and not l.startswith(" ")][:-1]
assert len(rows) == len(text) > 12
for r, l in zip(rows, text):
    state = {"unknown": "cannot tell"}.get(r["state"], r["state"])
    assert l == f"{state:11}  {r['check']:12} {r['message']}", (r, l)
    assert r["state"] == "fine" or r["remedy"]
EOP
run 2 "rules are not asked" "$t/a.rules"
"$W" check --root "$r" -c "$t/conf" >/dev/null 2>&1
check "--root without --host" test $? -eq 2
"$W" check --host --root "$t/not-there" -c "$t/conf" >/dev/null 2>&1
check "a root that is none" test $? -eq 3
echo 'nonsense = 1;' >>"$t/conf"
run 3 "a broken configuration"
"$W" check --host >"$t/out" 2>&1
rc=$?
check "this machine: status 0 or 1, seen $rc" test $rc -le 1
check "its cards are asked" grep -qE '^(fine|warning|cannot tell) +(offloads|interface)' "$t/out"
exit $bad
