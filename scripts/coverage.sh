#!/bin/sh
# Line coverage of unit and golden tests (gcovr), in a build of its own.
set -eu
cd "$(dirname "$0")/.."
command -v gcovr >/dev/null || {
	echo "coverage.sh: apt-get install gcovr first" >&2
	exit 3
}
B=build/coverage
"${MAKE:-make}" -j"$(nproc)" --no-print-directory B=$B COVERAGE=1 CFLAGS="-O0 -g" unit-build $B/weir
bad=0
for t in tests/unit/*/test_*.c; do
	n=${t#tests/unit/}
	$B/tests/"${n%.c}" >/dev/null 2>&1 || {
		echo "failed: $n"
		bad=1
	}
done
$B/weir replay -q -c tests/demo/demo.conf --events /dev/null tests/demo/demo.pcap
$B/weir replay -q -j 2 -c tests/demo/demo.conf --events /dev/null tests/demo/demo.pcap
gcovr -r . --object-directory $B -f 'src/' --print-summary
exit $bad
