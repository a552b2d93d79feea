#!/bin/sh
# Fails when an #include breaks scripts/layers.txt (folder ranks) or scripts/headers.txt
# (third-party header -> its one folder).
cd "$(dirname "$0")/.." || exit 1
# shellcheck disable=SC2016
find src -name '*.[ch]' | sort | xargs awk '
BEGIN {
	while ((getline line < "scripts/layers.txt") > 0)
		if (line !~ /^#/) { split(line, f, " "); rank[f[2]] = f[1] }
	while ((getline line < "scripts/headers.txt") > 0)
		if (line !~ /^#/ && line != "") { n = split(line, f, " "); head[++heads] = f[1]; owner[heads] = f[2] }
}
/^#[ \t]*include[ \t]*"/ {
	split($0, q, "\""); inc = q[2]
	split(FILENAME, p, "/"); from = p[2]; split(inc, t, "/"); to = t[1]
	if (inc !~ /\//) { printf "%s:%d: error: write \"folder/file.h\", not \"%s\"\n", FILENAME, FNR, inc; bad = 1 }
	else if (!(to in rank)) { printf "%s:%d: error: folder %s is not in scripts/layers.txt\n", FILENAME, FNR, to; bad = 1 }
	else if (from != to && rank[to] >= rank[from]) { printf "%s:%d: error: %s (rank %d) must not include %s (rank %d)\n", FILENAME, FNR, from, rank[from], to, rank[to]; bad = 1 }
}
/^#[ \t]*include[ \t]*</ {
	split($0, q, /[<>]/); inc = q[2]; split(FILENAME, p, "/"); ok = 1
	for (i = 1; i <= heads; i++)
		if (index(inc, head[i]) == 1) { hit = 1; if (owner[i] == p[2]) { ok = 1; break } else { ok = 0; where = where " " owner[i] } }
	if (!ok) { printf "%s:%d: error: <%s> belongs to folder%s only (scripts/headers.txt)\n", FILENAME, FNR, inc, where; bad = 1 }
	where = ""
}
END { exit bad }'
