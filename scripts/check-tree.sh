#!/bin/sh
# Rules about the tree that no compiler checks.
cd "$(dirname "$0")/.." || exit 3
bad=0
complain() {
	echo "$1"
	bad=1
}
for f in $(git ls-files --cached --others --exclude-standard '*.c' '*.h'); do
	head -1 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
		complain "$f:1: error: the SPDX line is missing"
	n=$(wc -l <"$f")
	[ "$n" -le 1200 ] || complain "$f: error: $n lines; 1,200 at most: split it"
done
# Every command has its place in the manual.
words=$(sed -n 's/.*\.name = "\([a-z]*\)".*/\1/p' src/app/*.c)
for c in $words; do
	grep -qw -- "$c" docs/man/weir.8 || complain "docs/man/weir.8: error: command $c is missing"
done
# Every reason and every decode result has its line.
words=$(sed -n '/define UNDECIDABLES/,/^$/s/.*, "\([a-z_]*\)").*/\1/p' src/model/names.h)
for w in $words; do
	grep -q "^| .$w. |" docs/undecidable.md || complain "docs/undecidable.md: error: $w is missing"
done
words=$(sed -n '/define DECODE_RESULTS/,/^$/s/^.X([A-Z0-9_]*, "\([a-z0-9_]*\)".*/\1/p' src/decode/decode.h)
for w in $words; do
	grep -q "^| .$w. |" docs/counters.md || complain "docs/counters.md: error: $w is missing"
done
exit $bad
