#!/bin/sh
# Runs the tests and ends with "N passed, N failed, N skipped".
# usage: test.sh [quick]     (no word: everything that `make test` promises)
#
# A test program writes TAP lines: "ok - name", "not ok - name", "ok - name # SKIP reason".
# A skip counts as a failure unless its name stands in tests/skips.allowed with its reason.
# Tests that need nobody else's peace run beside each other, one a processor: this script
# calls itself as `test.sh --job FOLDER JOB` for each.
set -u
cd "$(dirname "$0")/.." || exit 3
B=${B:-build/plain}

# Run a command whose output is TAP; a bad exit without a "not ok" line is a failure too.
# The TAP goes to $o.tap, what a person reads to $o.text.
tap() {
	name=$1
	shift
	mkdir "$o.tmp"
	began=$(date +%s)
	TMPDIR=$o.tmp "$@" >"$o.one" 2>"$o.err" </dev/null
	rc=$?
	grep -E '^(not )?ok\b' "$o.one" | sed "s|^\(not ok\|ok\) *[0-9]* *-* *|\1 - $name: |" >"$o.tap"
	if [ "$rc" -ne 0 ] && ! grep -q '^not ok' "$o.tap"; then
		echo "not ok - $name: exit status $rc" >>"$o.tap"
	fi
	[ -s "$o.tap" ] || echo "not ok - $name: ran no test" >>"$o.tap"
	{
		if grep -q '^not ok' "$o.tap"; then
			echo "--- $name"
			cat "$o.one" "$o.err" | tail -60
		fi
		printf '%-34s %s passed, %s s\n' "$name" "$(grep -c '^ok' "$o.tap")" "$(($(date +%s) - began))"
	} >"$o.text"
	rm -rf "$o.tmp"
}

# A Python unittest file as TAP, with its exit status.
pyunit() {
	python3 "$1" -v >"$TMPDIR/unit" 2>&1
	status=$?
	sed -E 's/^(.*) \.\.\. ok$/ok - \1/; s/^(.*) \.\.\. (FAIL|ERROR)$/not ok - \1/; s/^(.*) \.\.\. skipped (.*)$/ok - \1 # SKIP \2/' "$TMPDIR/unit"
	return $status
}

if [ "${1:-}" = --job ]; then
	# JOB: number, name and command between tabs; no word of a command has a space.
	job=$3
	tab=$(printf '\t')
	number=${job%%"$tab"*}
	job=${job#*"$tab"}
	o=$2/job.$number
	# shellcheck disable=SC2086
	tap "${job%%"$tab"*}" ${job#*"$tab"}
	exit 0
fi

mode=${1:-all}
out=$(mktemp -d) || exit 3
trap 'rm -rf "$out"' EXIT
: >"$out/tap"
export TMPDIR="$out"

queued=0
queue() {
	queued=$((queued + 1))
	name=$1
	shift
	printf '%04d\t%s\t%s\n' "$queued" "$name" "$*" >>"$out/queue"
}

# All that is queued; what they say comes in the order of the queue.
drain() {
	[ "$queued" -eq 0 ] || xargs -d '\n' -n 1 -P "$(nproc)" "$0" --job "$out" <"$out/queue"
	i=0
	while [ "$i" -lt "$queued" ]; do
		i=$((i + 1))
		o=$out/job.$(printf '%04d' "$i")
		if [ -e "$o.text" ]; then
			cat "$o.text"
			cat "$o.tap" >>"$out/tap"
		else
			echo "not ok - job $i of the queue left nothing" | tee -a "$out/tap"
		fi
	done
	rm -rf "$out"/job.* "$out/queue"
	queued=0
}

# One alone.
alone() {
	queue "$@"
	drain
}

# Run a command that only succeeds or fails.
plain() {
	name=$1
	shift
	began=$(date +%s)
	if "$@" >"$out/one" 2>&1 </dev/null; then
		echo "ok - $name" >>"$out/tap"
		printf '%-34s passed, %s s\n' "$name" "$(($(date +%s) - began))"
	else
		echo "not ok - $name" >>"$out/tap"
		echo "--- $name"
		tail -60 "$out/one"
	fi
}

# The end of a command that was begun before, and what it said.
# shellcheck disable=SC2317  # plain calls it
finished() {
	wait "$1"
	status=$?
	cat "$2"
	return $status
}

build() {
	plain "build $1" "${MAKE:-make}" -j"$(nproc)" --no-print-directory WERROR=1 "$@"
}

build weir unit-build bench-build "$B/garbage" "$B/segmentation" "$B/ledger-mutations" "$B/ledger-kills"
[ "$mode" = all ] || plain "lint" scripts/lint.sh "$B" "$mode"
export CMOCKA_MESSAGE_OUTPUT=TAP
for t in tests/golden/*.sh tests/scenario/*.sh; do
	[ -e "$t" ] && queue "$(basename "$(dirname "$t")") $(basename "$t" .sh)" "$t"
done
for t in tests/tools/test_*.py; do
	[ -e "$t" ] && queue "tool $(basename "$t" .py)" pyunit "$t"
done
queue "property segmentation" "$B/segmentation"
queue "ledger mutations" "$B/ledger-mutations"
queue "ledger kills" "$B/ledger-kills"
for t in tests/unit/*/test_*.c; do
	n=${t#tests/unit/}
	n=${n%.c}
	queue "unit $n" "$B/tests/$n"
done
drain
if [ "$mode" = all ]; then
	# End-to-end tests mostly wait: what only computes takes the time that they leave.
	nice -n 19 scripts/lint.sh "$B" "$mode" >"$out/lint" 2>&1 </dev/null &
	lint=$!
	(
		wait_for=$lint
		while kill -0 "$wait_for" 2>/dev/null; do sleep 1; done
		exec nice -n 19 scripts/sanitize.sh build
	) >/dev/null 2>&1 </dev/null &
	built=$!
	alone "e2e" tests/e2e/run.sh
	plain "lint" finished "$lint" "$out/lint"
	wait "$built" || : # "sanitize" tells
	alone "sanitize" scripts/sanitize.sh
	alone "garbage" scripts/garbage.sh 10000
fi

# A skip that nobody allowed is a failure.
grep -E '^ok .*# *SKIP' "$out/tap" | while read -r line; do
	n=$(echo "$line" | sed 's/^ok - //; s/ *# *SKIP.*//')
	grep -v '^#' tests/skips.allowed | grep -qF "$n	" || echo "not ok - skipped without leave: $n"
done >"$out/skips"
cat "$out/skips"
passed=$(grep -E '^ok' "$out/tap" | grep -vcE '# *SKIP')
skipped=$(grep -cE '^ok .*# *SKIP' "$out/tap")
failed=$(cat "$out/tap" "$out/skips" | grep -c '^not ok')
[ "$failed" -eq 0 ] || grep '^not ok' "$out/tap"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
