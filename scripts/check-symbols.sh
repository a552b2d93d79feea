#!/bin/sh
# Fails when an object calls a function that scripts/symbols.txt forbids to its folder, or
# when the program exports a function.
# usage: check-symbols.sh BUILD_DIR
bad=0
find "$1/src" -name '*.o' | sort | xargs -r nm -u -A |
	awk -v prefix="$1/src/" -v lists="$(dirname "$0")/symbols.txt" '
	# Function names of words i.. n of f, sets resolved, into forbidden[who, name].
	function forbid(who, words,    f, n, i) {
		n = split(words, f, " ")
		for (i = 1; i <= n; i++)
			if (f[i] ~ /^@/ && !(f[i] in set)) fail(lists ": no set " f[i])
			else if (f[i] ~ /^@/) forbid(who, set[f[i]])
			else forbidden[who, f[i]] = 1
	}
	function fail(text) { print "error: " text; bad = 1 }
	BEGIN {
		while ((got = (getline line < lists)) > 0) {
			if (line ~ /^#/ || split(line, w, " ") < 2) continue
			rest = line; sub(/^[^ \t]+[ \t]+/, "", rest)
			if (w[1] == "allow") allowed[w[2]] = 1
			else if (w[1] ~ /^@/) set[w[1]] = rest
			else rule[++rules] = w[1] "\t" rest
		}
		if (got < 0 || rules == 0) fail(lists ": cannot be read")
		for (i = 1; i <= rules; i++) { split(rule[i], w, "\t"); forbid(w[1], w[2]) }
	}
	{
		file = $0; sub(/\.o:.*/, "", file); file = substr(file, length(prefix) + 1)
		folder = file; sub(/\/.*/, "", folder)
		name = $NF; sub(/@.*/, "", name); called = name
		sub(/^__isoc(99|23)_/, "", name)
		if (name ~ /^__.*_chk$/) { sub(/^__/, "", name); sub(/_chk$/, "", name) }
		sub(/^__/, "", name); sub(/64$/, "", name)
		if (("*", name) in forbidden || ((folder, name) in forbidden && !(file in allowed))) {
			printf "src/%s.c: error: %s must not call %s() (scripts/symbols.txt)\n", file, folder, called
			bad = 1
		}
	}
	END {
		if (NR == 0) fail("no object below " prefix)
		exit bad
	}' || bad=1
if [ -x "$1/weir" ] && nm -D --defined-only "$1/weir" | grep ' T '; then
	echo "$1/weir: error: the functions above are exported: libndpi could pick them up"
	bad=1
fi
exit $bad
