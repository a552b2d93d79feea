#!/bin/sh
# Runs the tests and ends with "N passed, N failed, N skipped".
# usage: test.sh [quick]     (no word: everything that `make test` promises)
#
# A test program writes TAP lines: "ok - name", "not ok - name", "ok - name # SKIP reason".
# A skip counts as a failure unless its name stands in tests/skips.allowed with its reason.
set -u
cd "$(dirname "$0")/.." || exit 3
mode=${1:-all}
B=${B:-build/plain}
out=$(mktemp -d) || exit 3
trap 'rm -rf "$out"' EXIT
: >"$out/tap"
export TMPDIR="$out"

# Run a command whose output is TAP; a bad exit without a "not ok" line is a failure too.
tap() {
	name=$1
	shift
	"$@" >"$out/one" 2>"$out/err" </dev/null
	rc=$?
	grep -E '^(not )?ok\b' "$out/one" | sed "s|^\(not ok\|ok\) *[0-9]* *-* *|\1 - $name: |" >"$out/lines"
	if [ "$rc" -ne 0 ] && ! grep -q '^not ok' "$out/lines"; then
		echo "not ok - $name: exit status $rc" >>"$out/lines"
	fi
	[ -s "$out/lines" ] || echo "not ok - $name: ran no test" >>"$out/lines"
	if grep -q '^not ok' "$out/lines"; then
		echo "--- $name"
		cat "$out/one" "$out/err" | tail -60
	fi
	cat "$out/lines" >>"$out/tap"
	printf '%-34s %s passed\n' "$name" "$(grep -c '^ok' "$out/lines")"
}

# Run a command that only succeeds or fails.
plain() {
	name=$1
	shift
	if "$@" >"$out/one" 2>&1 </dev/null; then
		echo "ok - $name" >>"$out/tap"
		printf '%-34s passed\n' "$name"
	else
		echo "not ok - $name" >>"$out/tap"
		echo "--- $name"
		tail -60 "$out/one"
	fi
}

# A Python unittest file as TAP, with its exit status.
pyunit() {
	python3 "$1" -v >"$out/unit" 2>&1
	status=$?
	sed -E 's/^(.*) \.\.\. ok$/ok - \1/; s/^(.*) \.\.\. (FAIL|ERROR)$/not ok - \1/; s/^(.*) \.\.\. skipped (.*)$/ok - \1 # SKIP \2/' "$out/unit"
	return $status
}

units() {
	for t in tests/unit/*/test_*.c; do
		n=${t#tests/unit/}
		n=${n%.c}
		CMOCKA_MESSAGE_OUTPUT=TAP tap "unit $n" "$1/tests/$n"
	done
}

build() {
	plain "build $1" "${MAKE:-make}" -j"$(nproc)" --no-print-directory WERROR=1 "$@"
}

build weir unit-build bench-build "$B/garbage" "$B/segmentation" "$B/ledger-mutations" "$B/ledger-kills"
plain "lint" scripts/lint.sh "$B" "$mode"
units "$B"
tap "property segmentation" "$B/segmentation"
tap "ledger mutations" "$B/ledger-mutations"
tap "ledger kills" "$B/ledger-kills"
for t in tests/golden/*.sh tests/scenario/*.sh; do
	[ -e "$t" ] && tap "$(basename "$(dirname "$t")") $(basename "$t" .sh)" "$t"
done
for t in tests/tools/test_*.py; do
	[ -e "$t" ] && tap "tool $(basename "$t" .py)" pyunit "$t"
done
if [ "$mode" = all ]; then
	plain "clang build" "${MAKE:-make}" -j"$(nproc)" --no-print-directory WERROR=1 CC=clang B=build/clang build/clang/weir unit-build
	tap "sanitize" scripts/sanitize.sh
	tap "garbage" scripts/garbage.sh 10000
	tap "e2e" tests/e2e/run.sh
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
