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
git grep -nIE '\.\./shared|/work/' -- . ':!scripts/check-tree.sh' >/dev/null 2>&1 &&
	complain "error: a path of somebody's machine is named: $(git grep -lIE '\.\./shared|/work/' -- . ':!scripts/check-tree.sh' | tr '\n' ' ')"
# Every command has its place in the manual.
for c in $(sed -n 's/.*\.name = "\([a-z]*\)".*/\1/p' src/app/*.c); do
	grep -qw -- "$c" docs/man/weir.8 || complain "docs/man/weir.8: error: command $c is missing"
done
exit $bad
