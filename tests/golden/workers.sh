#!/bin/sh
# One worker and two write the same bytes, a hundred times over, on all captures in one run.
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
run() {
	./weir replay -q -c tests/demo/demo.conf -j "$1" --events "$2" tests/demo/demo.pcap tests/captures/real/*.pcap
}
run 1 "$t/one" || exit 1
bad=0
lines=$(wc -l <"$t/one")
if [ "$lines" -gt 1000 ]; then
	echo "ok - $lines events"
else
	echo "not ok - only $lines events"
	bad=1
fi
n=0
while [ $n -lt 100 ]; do
	run $((2 + n % 3)) "$t/more" || break
	cmp -s "$t/one" "$t/more" || break
	n=$((n + 1))
done
if [ $n -eq 100 ]; then
	echo "ok - 100 runs with 2, 3 and 4 workers wrote the bytes of one worker"
else
	echo "not ok - run $n with $((2 + n % 3)) workers differs"
	cmp "$t/one" "$t/more" >&2
	bad=1
fi
exit $bad
