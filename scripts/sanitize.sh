#!/bin/sh
# Unit tests and fuzz corpora under the sanitizers; TAP output.
# usage: sanitize.sh [build]     build: only what takes long, so that it can be done beside others
#   ASan+UBSan: everything, built by clang with warnings as errors (gcc builds what is shipped).
#   TSan: base, engine.   MSan: base, match, decode, flow (their libraries are ours or libcrypto
#   alone; nDPI, libpcap and libconfig are not instrumented, nor is libical, so match/calendar
#   is left out).
cd "$(dirname "$0")/.." || exit 3
make=${MAKE:-make}
jobs=$(nproc)
# The programs under test do not stand beside their data.
export WEIR_SHARE="$PWD"
bad=0
run() {
	title=$1
	shift
	if "$@" >"${TMPDIR:-/tmp}/san.$$" 2>&1; then
		echo "ok - $title"
	else
		echo "not ok - $title"
		tail -40 "${TMPDIR:-/tmp}/san.$$" >&2
		bad=1
		rm -f "${TMPDIR:-/tmp}/san.$$"
		return 1
	fi
	rm -f "${TMPDIR:-/tmp}/san.$$"
}
# One of many that run beside each other: title and command with a tab between.
tab=$(printf '\t')
if [ "${1:-}" = --job ]; then
	# shellcheck disable=SC2086  # no word of a command has a space
	run "${2%%"$tab"*}" ${2#*"$tab"}
	exit 0
fi
many=${TMPDIR:-/tmp}/many.$$
queue() {
	title=$1
	shift
	printf '%s\t%s\n' "$title" "$*" >>"$many"
}
drain() {
	xargs -d '\n' -n 1 -P "$jobs" "$0" --job <"$many" >"$many.tap"
	sort "$many.tap"
	[ "$(grep -c '^ok' "$many.tap")" -eq "$(grep -c . "$many")" ] || bad=1
	rm -f "$many" "$many.tap"
}
# Programs of an earlier build prove nothing: without the build nothing is run.
build() {
	title=$1
	shift
	run "build with $title" "$make" -j"$jobs" --no-print-directory "$@" || exit 1
}
# shellcheck disable=SC2317  # run calls it
each() {
	for t in "$@"; do
		"$t" || return 1
	done
}
a=build/address-undefined
build "clang, ASan and UBSan" CC=clang WERROR=1 SAN=address,undefined B=$a CFLAGS="-O1 -g" unit-build replay-build $a/weir $a/segmentation $a/garbage
tsan=build/thread
build "TSan" SAN=thread B=$tsan CFLAGS="-O1 -g" $tsan/weir $tsan/tests/base/test_ring $tsan/tests/engine/test_loader $tsan/ledger-mutations
m=build/memory
list=$(for t in tests/unit/base/test_*.c tests/unit/match/test_*.c tests/unit/decode/test_*.c tests/unit/flow/test_*.c; do
	n=${t#tests/unit/}
	[ "$n" = match/test_calendar.c ] || echo "$m/tests/${n%.c}"
done)
# shellcheck disable=SC2086
build "MSan" CC=clang SAN=memory B=$m CFLAGS="-O1 -g" $list
[ "${1:-}" != build ] || exit 0
for t in tests/unit/*/test_*.c; do
	n=${t#tests/unit/}
	queue "ASan+UBSan ${n%.c}" $a/tests/"${n%.c}"
done
for t in tests/fuzz/fuzz_*.c; do
	n=$(basename "$t" .c)
	[ -d "tests/fuzz/corpus/$n" ] && queue "ASan+UBSan corpus of $n" $a/replay/"$n" tests/fuzz/corpus/"$n"/*
done
queue "ASan+UBSan segmentation" $a/segmentation --runs 1000
queue "ASan+UBSan replay of the demo" $a/weir replay -q -c tests/demo/demo.conf --events /dev/null tests/demo/demo.pcap
queue "ASan+UBSan replay of the demo, 2 workers" $a/weir replay -q -j 2 -c tests/demo/demo.conf --events /dev/null tests/demo/demo.pcap
queue "ASan+UBSan replay of the real captures" $a/weir replay -q --events /dev/null tests/captures/real/*.pcap
queue "ASan+UBSan replay of the tunnels" $a/weir replay -q --events /dev/null tests/captures/tunnels/*.pcap
drain
run "TSan ring" $tsan/tests/base/test_ring
run "TSan loader" $tsan/tests/engine/test_loader
run "TSan verify" $tsan/ledger-mutations --runs 24
run "TSan replay, 3 workers" $tsan/weir replay -q -j 3 -c tests/demo/demo.conf --events /dev/null tests/demo/demo.pcap
run "TSan replay of tunnels in fragments, 3 workers" $tsan/weir replay -q -j 3 -c tests/demo/demo.conf --events /dev/null tests/captures/tunnels/*_fragments.pcap
# shellcheck disable=SC2086
run "MSan base, match, decode, flow" each $list
exit $bad
