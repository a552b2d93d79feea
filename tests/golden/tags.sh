#!/bin/sh
# Microsoft's service tags: the shipped files are what `weir import` makes of Microsoft's, the
# report of half a year's changes, and addresses held against a script.  TAP.
W=${WEIR:-./weir}
root=$PWD
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh

for f in tests/data/ServiceTags_*.json.xz; do
	xz -dc "$f" >"$t/$(basename "$f" .xz)"
done
# shellcheck disable=SC2317  # called by check
made() { # shipped file, Microsoft's
	"$W" import -o "$t/made.tsv" --old "geo/$1" "$t/$2" && cmp "$t/made.tsv" "geo/$1"
}
check "tags-public.tsv is made of Microsoft's file" made tags-public.tsv ServiceTags_Public_20260506_change398.json
check "tags-usgov.tsv is made of Microsoft's file" made tags-usgov.tsv ServiceTags_AzureGovernment_20260720.json
check "tags-china.tsv is made of Microsoft's file" made tags-china.tsv ServiceTags_China_20260720.json
old=$t/ServiceTags_Public_20251028.json
new=$t/ServiceTags_Public_20260506_change398.json

"$W" import --old "$old" "$new" >"$t/report"
check "half a year of changes is taken" test $? -eq 0
grep -E '^(changes|  \*[A-Za-z.]+ )' "$t/report" | sed 's/  */ /g' >"$t/short"
check "what the tags that Weir relies on gained and lost" diff tests/golden/tags.want "$t/short"
"$W" import --json --old "$old" -o "$t/none" "$new" >"$t/json"
check "the same as JSON" python3 - "$t/json" "$old" "$new" <<'EOF'
import ipaddress, json, sys
report = json.load(open(sys.argv[1]))
def tags(path):
    return {v["name"]: [ipaddress.ip_network(p) for p in v["properties"]["addressPrefixes"]]
            for v in json.load(open(path))["values"]}
def missing(these, those):
    """How many of `these` the others do not cover; joined first, so by their own borders."""
    joined = {v: set(ipaddress.collapse_addresses([n for n in those if n.version == v])) for v in (4, 6)}
    def inside(n):
        return any(n.supernet(new_prefix=k) in joined[n.version] for k in range(n.prefixlen + 1))
    return sum(not inside(n) for n in these)
old, new = tags(sys.argv[2]), tags(sys.argv[3])
want = {}
for name in old.keys() | new.keys():
    a, b = old.get(name, []), new.get(name, [])
    if set(a) != set(b):
        row = missing(b, a), missing(a, b)
        if row != (0, 0) or not a or not b:
            want[name] = row
got = {c["tag"]: (c["added"], c["removed"]) for c in report["changes"]}
assert got == want, sorted(set(got.items()) ^ set(want.items()))[:5]
assert report["added"] == sum(a for a, _ in want.values()) and report["written"]
assert not report["refused"] and report["old"]["change"] == 375 and report["new"]["change"] == 398
EOF
"$W" import --old "$new" -o "$t/never" "$old" >"$t/out"
check "the way back is refused" test $? -eq 1
check "with the reason" grep -q '^refused: the change number or the date goes back (--accept-older takes it)$' "$t/out"
check "and nothing is written" test ! -e "$t/never"
"$W" import --old "$new" "$t/ServiceTags_China_20260720.json" >"$t/out"
check "another cloud is refused" test $? -eq 1
"$W" import --refuse-loss 0% --old "$old" "$new" >"$t/out"
check "a stricter guard refuses" grep -q '^refused: AzureCloud loses 44 of 13080 prefixes, more than 0.00 % (--accept-removal AzureCloud takes it)$' "$t/out"
# What no generation would load is not written: 70 tags on one prefix, where 64 may be.
python3 - "$t" <<'EOF'
import json, sys
def feed(name, count):
    json.dump({"changeNumber": 1, "cloud": "Public", "values": [
        {"name": "T%d" % i, "id": "T", "properties": {"addressPrefixes": ["192.0.2.0/24"]}}
        for i in range(count)]}, open(sys.argv[1] + "/" + name, "w"))
feed("ServiceTags_Public_20260102.json", 70)
feed("ServiceTags_Public_20260103.json", 64)
feed("ServiceTags_Public_20260101.json", 1)
EOF
"$W" import -o "$t/base.tsv" --old "$t/ServiceTags_Public_20260101.json" "$t/ServiceTags_Public_20260101.json" >"$t/out"
cp "$t/base.tsv" "$t/y.tsv"
"$W" import --old "$t/base.tsv" --refuse-loss 100% -o "$t/y.tsv" "$t/ServiceTags_Public_20260102.json" >"$t/out" 2>"$t/err"
check "tags that no generation would load are refused" test $? -eq 1
check "with the reason" grep -q "y.tsv: error: an address lies in more than 64 service tags" "$t/err"
check "and that nothing was written" grep -q '^nothing was written$' "$t/out"
check "the file is the old one" cmp "$t/base.tsv" "$t/y.tsv"
"$W" import --old "$t/base.tsv" "$t/ServiceTags_Public_20260102.json" >"$t/out" 2>"$t/err"
check "also without -o" test $? -eq 1
"$W" import --old "$t/base.tsv" -o "$t/y.tsv" "$t/ServiceTags_Public_20260103.json" >"$t/out" 2>"$t/err"
check "64 are taken" test $? -eq 0
# A second file of one cloud: not beside the first, but in its place.
printf 'geo = { tags = [ "%s", "%s" ]; };\n' "$t/base.tsv" "$root/geo/tags-china.tsv" >"$t/two.conf"
"$W" import -c "$t/two.conf" -o "$t/base.tsv" "$t/ServiceTags_Public_20260103.json" >"$t/out" 2>"$t/err"
check "the file itself is replaced" test $? -eq 0
"$W" import -c "$t/two.conf" --accept-cloud --accept-older --accept-removal LogicApps --refuse-loss 100% -o "$t/base.tsv" "$t/ServiceTags_China_20260720.json" >"$t/out" 2>"$t/err"
check "by one of a cloud that another has it is not" grep -q "holds the service tags of cloud China" "$t/err"
"$W" import service-tags nothing extra >/dev/null 2>&1
check "two files are a wrong use" test $? -eq 2
"$W" import "$t/nowhere" >/dev/null 2>&1
check "a file that is not there" test $? -eq 3
# Their age, by the clock of the packets (demo.pcap ends on 2026-11-23) and by the machine's.
printf 'geo = { tags = "%s"; };\nfeeds = { warn_age = "%s"; };\n' "$new" 200d >"$t/old.conf"
printf 'geo = { tags = "%s"; };\nfeeds = { warn_age = "%s"; };\n' "$new" 202d >"$t/young.conf"
cp "$new" "$t/undated.json"
printf 'geo = { tags = "%s"; };\n' "$t/undated.json" >"$t/undated.conf"
"$W" replay -q -c "$t/old.conf" --events "$t/events" tests/demo/demo.pcap
check "old service tags are a system event" grep -q '"type":"system".*"what":"feed_old","message":"service tags Public are of 2026-05-06, 201 days old, more than 200"' "$t/events"
"$W" replay -q -c "$t/young.conf" --events "$t/events" tests/demo/demo.pcap
check "a day before that they are none" test "$(grep -c feed_old "$t/events")" -eq 0
"$W" check -q -c "$t/old.conf" 2>"$t/out"
check "weir check warns of them" grep -q 'warning \[old-feed\]: service tags Public are of 2026-05-06' "$t/out"
"$W" check -q -c "$t/undated.conf" 2>"$t/out"
check "and of those without a day" grep -q 'warning \[old-feed\]: service tags Public do not say of which day they are' "$t/out"
"$W" lookup -c "$t/undated.conf" --json 40.99.204.34 4.144.51.7 >"$t/out"
check "lookup says which publication answers" grep -q '"cloud":"Public","source":"service tags Public, change 398","region":"eastasia"' "$t/out"

check "20,000 addresses have exactly the tags of Microsoft's files" python3 tests/tools/check_tags.py "$W" --count 20000
exit $bad
