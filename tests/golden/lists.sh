#!/bin/sh
# Block scripts of Defender for Cloud Apps and Microsoft's list of Microsoft 365 endpoints: what
# rules they become, how those judge, what is refused.  TAP.  UPDATE=1 rewrites the messages.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
I=tests/import/lists
# shellcheck disable=SC2317  # called by check
verdict() { # WANTED HOST RULES...
	want=$1
	host=$2
	shift 2
	for r; do set -- "$@" -r "$r"; shift; done
	"$W" explain --src 192.168.1.9 --dst 203.0.113.5 --host "$host" "$@" >"$t/explain" 2>"$t/err"
	grep -q "^$want " "$t/explain"
}

"$W" import block-script --date 2026-11-28 -o "$t/block.rules" $I/block-script.txt >"$t/say" 2>"$t/err"
check "a block script" test $? -eq 0
check "each domain once" grep -qx 'import   block script: 3 domains of 4 lines' "$t/say"
check "with its source" grep -qxF "# source: block-script.txt sha256:$(sha256sum $I/block-script.txt | cut -d' ' -f1)" "$t/block.rules"
check "and its date" grep -qx '# date: 2026-11-28' "$t/block.rules"
check "report-only, for people" grep -qxF 'deny   label unsanctioned-app  report-only  from role user  to host <unsanctioned>' "$t/block.rules"
check "passes for now" verdict ALLOW app.example "$t/block.rules"
check "would be denied" grep -q 'unsanctioned-app' "$t/explain"
"$W" import block-script --enforce --role user -o "$t/deny.rules" $I/block-script.txt >/dev/null 2>&1
check "--enforce: denied" verdict DENY app.example "$t/deny.rules"
check "also below it" verdict DENY files.eu.filedrop.example "$t/deny.rules"
check "not above it" verdict ALLOW notes.example "$t/deny.rules"
check "and no neighbour" verdict ALLOW myapp.example "$t/deny.rules"
"$W" import block-script --enforce --role desktop -o "$t/desktop.rules" $I/block-script.txt >/dev/null 2>&1
check "--role: others pass" verdict ALLOW app.example "$t/desktop.rules"
iconv -f UTF-8 -t UTF-16LE $I/block-script.txt >"$t/utf16.txt"
"$W" import block-script -o - "$t/utf16.txt" 2>/dev/null | grep -v '^# ' >"$t/got"
grep -v '^# ' "$t/block.rules" >"$t/want"
check "UTF-16LE" cmp "$t/want" "$t/got"
grep -v filedrop $I/block-script.txt >"$t/less.txt"
"$W" import block-script --date 2026-11-28 -o "$t/block.rules" "$t/less.txt" >"$t/say" 2>"$t/err"
check "a second import says what changes" grep -q '^- .*"filedrop.example"' "$t/say"
"$W" import block-script --json --date 2026-11-28 -o "$t/block.rules" $I/block-script.txt >"$t/say" 2>"$t/err"
check "--json: status 0, and silence" test $? -eq 0 -a ! -s "$t/err"
"$W" import m365-urls --json $I/m365-urls.json >"$t/say2" 2>/dev/null
check "--json: counts, changes and what is written" python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
d = v["documents"][0]
assert (d["kind"], d["domains"], d["lines"], d["is_new"]) == ("block-script", 3, 4, False), d
assert any(c["change"] == "added" and "filedrop.example" in c["line"] for c in d["changes"]), d
assert d["lines_added"] == sum(c["change"] == "added" for c in d["changes"])
assert v["written"] == [d["path"]] and v["findings"] == []
d = json.load(open(sys.argv[2]))["documents"][0]
assert (d["kind"], d["entries"], d["hosts"], d["ranges"]) == ("m365-urls", 4, 8, 4) and "path" not in d
' "$t/say" "$t/say2"
echo "version 1" >"$t/mine.rules"
"$W" import block-script -o "$t/mine.rules" "$t/less.txt" >/dev/null 2>"$t/err"
check "a file of one's own stays" test $? -eq 1 -a "$(cat "$t/mine.rules")" = "version 1"
python3 -c 'print("\n".join(f"url.domain=a{i}.example deny" for i in range(12000)))' >"$t/many.txt"
"$W" import block-script --enforce -o "$t/many.rules" "$t/many.txt" >/dev/null 2>&1
check "12,000 domains load" verdict DENY x.a11999.example "$t/many.rules"
python3 -c 'print("\n".join(f"url.domain=a{i}.example deny" for i in range(50001)))' >"$t/many.txt"
"$W" import block-script -o "$t/none" "$t/many.txt" >/dev/null 2>"$t/err"
check "50,001 are too many" grep -q ':50001:1: error: more than 50,000 domains' "$t/err"

"$W" import m365-urls -o "$t/m365.rules" $I/m365-urls.json >"$t/say" 2>"$t/err"
check "endpoints of Microsoft 365" grep -qx 'import   Microsoft 365 endpoints: 4 entries, 8 hosts, 4 ranges' "$t/say"
cat >"$t/use.rules" <<EOR
version 1
include "m365.rules"
gate rules
allow  from any  to host { <m365-exchange>, <m365-sharepoint> }
allow  from any  to <m365-common-ranges>
deny   from any  to any
EOR
check "its tables: a host" verdict ALLOW outlook.office.com "$t/use.rules"
check "a pattern" verdict ALLOW x-cdn.onenote.net "$t/use.rules"
check "of every entry" verdict ALLOW autodiscover.contoso.onmicrosoft.com "$t/use.rules"
check "no other host" verdict DENY login.microsoftonline.com "$t/use.rules"
"$W" explain --src 192.168.1.9 --dst 20.190.130.1 --host other.example -r "$t/use.rules" >"$t/explain" 2>/dev/null
check "a range" grep -q '^ALLOW' "$t/explain"
check "every table holds what the list does" python3 - $I/m365-urls.json "$t/m365.rules" <<'EOP'
import json, re, sys
want, got = {}, {}
for e in json.load(open(sys.argv[1])):
    for key, tail in (("urls", ""), ("ips", "-ranges")):
        for x in e.get(key, []):
            want.setdefault("m365-" + e["serviceArea"].lower() + tail, set()).add(x.lower())
for name, items in re.findall(r"^table <([a-z0-9-]+)>(?:  add)?  \{ \\\n((?:\t.*\n)+)\}", open(sys.argv[2]).read(), re.M):
    found = re.findall(r'"([^"]+)"', items)
    assert not set(found) & got.setdefault(name, set())
    got[name] |= set(found)
assert want == got and len(want) == 6, (want, got)
EOP

for f in "$I"/*.bad.*; do
	echo "== $(basename "$f")"
	case $f in *.json) word=m365-urls ;; *) word=block-script ;; esac
	"$W" import $word -o "$t/none" "$f" 2>&1 | cut -c1-160
done >"$t/messages.txt"
[ -z "$UPDATE" ] || cp "$t/messages.txt" $I/messages.txt
check "messages" diff $I/messages.txt "$t/messages.txt"
check "and no file" test ! -e "$t/none"
for a in "block-script" "m365-urls --role user x" "block-script --policy 0 x" "block-script a b" "m365-urls --json -o - x"; do
	# shellcheck disable=SC2086  # a list of words
	"$W" import $a >/dev/null 2>&1
	check "usage: $a" test $? -eq 2
done
"$W" import block-script "$t/not-there" >/dev/null 2>&1
check "a missing file cannot be read" test $? -eq 3
exit $bad
