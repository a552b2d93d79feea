#!/bin/sh
# `weir geo`: a country database from text, and what lookup and check say of databases.
. tests/tools/tap.sh
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
cat >"$t/geoip" <<'END'
# Generated: Thu, 25 Jun 2026 04:33:59 GMT
167772160,167772415,NL
167772416,167772671,??
167772672,167772927,XD
END
echo '2001:db8::,2001:db8::ffff,de' >"$t/geoip6"
check "it compiles" ./weir geo -o "$t/c.mmdb" "$t/geoip" "$t/geoip6"
./weir geo -o "$t/c.mmdb" "$t/geoip" "$t/geoip6" >"$t/out"
check "it says what to write into weir.conf" grep -q "geo = { country = \"$t/c.mmdb\"; };" "$t/out"
check "and whose data it is" grep -q 'CC BY-SA 4.0' "$t/out"
./weir geo -o "$t/again.mmdb" "$t/geoip" "$t/geoip6" >/dev/null
check "the same data give the same bytes" cmp "$t/c.mmdb" "$t/again.mmdb"
cat >"$t/want" <<'END'
{"address":"10.0.0.1","inside":"default","inside_role":"user","principal":"10.0.0.1","principal_source":"address","country":"NL","country_source":"country database"}
{"address":"10.0.1.1","inside":"default","inside_role":"user","principal":"10.0.1.1","principal_source":"address","country":"unknown"}
{"address":"10.0.2.1","inside":"default","inside_role":"user","principal":"10.0.2.1","principal_source":"address","country":"unknown"}
{"address":"2001:db8::9","country":"DE","country_source":"country database"}
{"address":"2001:db8::1:0","country":"unknown"}
END
echo "geo = { country = \"$t/c.mmdb\"; warn_age = \"0d\"; };" >"$t/weir.conf"
./weir lookup -c "$t/weir.conf" --json 10.0.0.1 10.0.1.1 10.0.2.1 2001:db8::9 2001:db8::1:0 >"$t/out"
check "lookup answers by it" diff "$t/want" "$t/out"
./weir check -c "$t/weir.conf" >"$t/out" 2>"$t/err"
check "check says which schema was met" grep -q \
	"^country  *Weir-IPFire-Country of 2026-06-25, schema maxmind (country.iso_code), 2 records, IPv4 and IPv6, $t/c.mmdb\$" "$t/out"
check "0d warns of no age" test ! -s "$t/err"
echo "geo = { country = \"$t/c.mmdb\"; warn_age = \"1d\"; };" >"$t/weir.conf"
./weir check -c "$t/weir.conf" >"$t/out" 2>"$t/err"
check "an old one is a warning, and no error" grep -Eq "^$t/c.mmdb: warning \[geo-old\]: is [0-9]+ days old; geo.warn_age is 1 days\$" "$t/err"
check "check is fine all the same" grep -q '^fine: ' "$t/out"

# What cannot be compiled leaves the file that was there.
echo '5,1,NL' >>"$t/geoip"
cp "$t/c.mmdb" "$t/before"
./weir geo -o "$t/c.mmdb" "$t/geoip" "$t/geoip6" >"$t/out" 2>"$t/err"
check "broken text is exit status 1" test $? -eq 1
check "with place and caret" grep -q "^$t/geoip:5:1: error: ends before it begins" "$t/err"
check "the old file stands" cmp "$t/c.mmdb" "$t/before"
check "and nothing beside it" test "$(find "$t" -name 'c.mmdb*' | wc -l)" -eq 1
sed -i '/Generated/d; /5,1/d' "$t/geoip"
./weir geo -o "$t/c.mmdb" "$t/geoip" 2>"$t/err"
check "no date is an error" grep -q 'does not say when it was made' "$t/err"
./weir geo "$t/geoip6" 2>"$t/err"
check "no -o is exit status 2" test $? -eq 2
echo '# Generated: Thu, 25 Jun 2026 04:33:59 GMT' >>"$t/geoip6"
./weir geo -o "$t/none/c.mmdb" "$t/geoip6" 2>"$t/err"
check "a folder that is missing is exit status 3" test $? -eq 3

# A broken database: exit status 1 and a reason.
head -c 300 "$t/before" >"$t/c.mmdb"
./weir check -c "$t/weir.conf" 2>"$t/err"
check "a cut database is refused" grep -q "^$t/c.mmdb: error: is no sound MaxMind DB file" "$t/err"
exit $bad
