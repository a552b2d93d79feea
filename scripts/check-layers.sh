#!/bin/sh
# Fails when an #include breaks scripts/layers.txt (folder ranks) or scripts/headers.txt
# (third-party header -> its one folder).
cd "$(dirname "$0")/.." || exit 1
# shellcheck disable=SC2016
find src -name '*.[ch]' | sort | xargs awk '
function complain(text) { printf "%s:%d: error: %s\n", FILENAME, FNR, text; bad = 1 }
BEGIN {
	while ((getline line < "scripts/layers.txt") > 0)
		if (line !~ /^#/) { split(line, f, " "); rank[f[2]] = f[1] }
	while ((getline line < "scripts/headers.txt") > 0)
		if (line !~ /^#/ && line != "") { n = split(line, f, " "); head[++heads] = f[1]; owner[heads] = f[2] }
}
FNR == 1 { split(FILENAME, p, "/"); from = p[2] }
FNR == 1 && !(from in rank) { complain("folder " from " is not in scripts/layers.txt") }
!/^[ \t]*(#|%:)[ \t]*(include|import)/ { next }
{ kind = "" }
/^#[ \t]*include[ \t]*"[^"]*"/ { kind = "own"; split($0, q, "\""); inc = q[2] }
/^#[ \t]*include[ \t]*<[^>]*>/ { kind = "other"; split($0, q, /[<>]/); inc = q[2] }
kind == "" { complain("write #include \"folder/file.h\" or #include <header.h>, at the start of the line"); next }
{ split(inc, t, "/"); to = t[1] }
inc ~ /(^|\/)\.\.?\// || inc ~ /^\// { complain("write the name from src, without . and .. in it: " inc); next }
kind == "own" {
	if (inc !~ /\//) complain("write \"folder/file.h\", not \"" inc "\"")
	else if (!(to in rank)) complain("folder " to " is not in scripts/layers.txt")
	else if (from != to && rank[to] >= rank[from]) complain(from " (rank " rank[from] ") must not include " to " (rank " rank[to] ")")
}
kind == "other" {
	if (inc ~ /\// && to in rank) { complain("write \"" inc "\", not <" inc ">"); next }
	ok = 1; where = ""
	for (i = 1; i <= heads; i++)
		if (index(inc, head[i]) == 1) { if (owner[i] == from) { ok = 1; break } else { ok = 0; where = where " " owner[i] } }
	if (!ok) complain("<" inc "> belongs to folder" where " only (scripts/headers.txt)")
}
END { if (NR == 0) { print "error: no file below src"; bad = 1 }; exit bad }'
