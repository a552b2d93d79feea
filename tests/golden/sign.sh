#!/bin/sh
# Two signatures on the rules: weir keygen --signer, weir rules sign, rules_signers.
# shellcheck disable=SC2086  # $c and $s are a few words each
set -u
cd "$(dirname "$0")/../.." || exit 3
W=${WEIR:-$PWD/weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
. tests/tools/tap.sh
says() { check "$1: $2" grep -qF -- "$2" "$t/out" "$t/err"; }
key() { sed -n 's/^rules_signers = \[ "\([^"]*\)".*/\1/p' "$t/$1.out"; }

for who in anna ben carla eve; do
	exits 0 "a key for $who" "$W" keygen --signer "$t/$who.key"
	cp "$t/out" "$t/$who.out"
done
check "for its owner alone" [ "$(stat -c %a "$t/anna.key")" = 600 ]
check "as openssl reads it" openssl pkey -in "$t/anna.key" -noout
exits 1 "a key that is there" "$W" keygen --signer "$t/anna.key"
says "a key that is there" "File exists"
openssl genpkey -algorithm ed25519 -out "$t/dora.key" 2>/dev/null

mkdir "$t/rules"
cat >"$t/rules/a.rules" <<'R'
version 1
table <bad> file "bad.txt"
include "more.rules"
gate rules
deny to host "a.example" label first
R
echo 192.0.2.1 >"$t/rules/bad.txt"
echo 'table <b> { 192.0.2.7 }' >"$t/rules/more.rules"
printf 'version 1\ngate default\nallow other\n' >"$t/rules/b.rules"
cat >"$t/weir.conf" <<C
rules = [ "rules/a.rules", "rules/b.rules" ];
rules_signers = [ "$(key anna)",
                  "$(key ben)", "$(key carla)" ];
C
c="$W check -c $t/weir.conf"
s="$W rules sign -c $t/weir.conf --key"
sig=$t/rules/a.rules.sig
exits 1 "unsigned" $c
says "unsigned" "a.rules.sig: error: cannot be read: No such file or directory; rules_signers demands 2 signatures"
says "unsigned" "= write: weir rules sign --key FILE, by two of the signers"
exits 0 "anna signs" $s "$t/anna.key"
exits 1 "one signature" $c
says "one signature" "1 of 3 signers have signed these rules; 2 must have"
cp "$sig" "$t/one"
cat "$t/one" "$t/one" >"$sig"
exits 1 "the same one twice" $c
says "the same one twice" "1 of 3 signers"
exits 0 "anna signs again" $s "$t/anna.key"
check "one line a signer" [ "$(wc -l <"$sig")" = 1 ]
exits 1 "eve signs" $s "$t/eve.key"
says "eve signs" "is none of rules_signers"
check "nothing was written" cmp "$sig" "$t/one"
exits 0 "ben signs" $s "$t/ben.key"
exits 0 "two signatures" $c
cp "$sig" "$t/two"
{ echo "# of change 4711"; cat "$t/two"; } >"$sig"
exits 0 "a comment" $c
mv "$t/rules" "$t/moved" && ln -s moved "$t/rules"
exits 0 "the folder's name is not signed" $c
cp "$t/two" "$sig"

# Each file counts, and the order of them.
for f in a.rules b.rules more.rules bad.txt; do
	cp "$t/rules/$f" "$t/kept"
	echo '# x' >>"$t/rules/$f"
	exits 1 "$f changed" $c
	says "$f changed" "a.rules.sig:1:1: error: is of other rules: a file was changed after it was signed"
	says "$f changed" "0 of 3 signers"
	cp "$t/kept" "$t/rules/$f"
done
exits 0 "as it was" $c
sed -i 's/"rules\/a.rules", "rules\/b.rules"/"rules\/a.rules"/' "$t/weir.conf"
exits 1 "a file less" $c
sed -i 's/"rules\/a.rules"/"rules\/a.rules", "rules\/b.rules"/' "$t/weir.conf"
for change in 's/^weir-rules-1/weir-rules-2/' 's/ \([0-9A-F]\{4\}\)-/ 0000-/' 's/.$/x/' 's/.$//' '1s/\(.\)$/\10/' 's/$/ /'; do
	sed "$change" "$t/two" >"$sig"
	exits 1 "lines changed by $change" $c
done
sed 's/[0-9a-f]$/f/; 1s/f$/e/' "$t/two" >"$sig"
exits 1 "signatures changed" $c
cp "$t/two" "$sig"
exits 0 "carla, too" $s "$t/carla.key"
sed -i '1s/.$/x/' "$sig"
exits 0 "a broken third one" $c
says "a broken third one" "warning [signature]: is no signature"
rm "$sig"
exits 0 "files to try need none" $c "$t/rules/a.rules"
exits 0 "replay needs none" "$W" replay -q -c "$t/weir.conf" --events "$t/events" tests/demo/demo.pcap

# The keys.
conf() { printf 'rules = [ "rules/a.rules" ];\nrules_signers = %s;\n' "$1" >"$t/weir.conf"; }
conf "[ \"$(key anna)\" ]"
exits 1 "one signer" $c
says "one signer" "1 signers: two must sign"
conf "[ \"$(key anna)\", \"$(key anna)\" ]"
exits 1 "the same signer twice" $c
says "the same signer twice" "this signer stands here twice"
conf '[ "MCowBQYDK2VwAyEA", "x" ]'
exits 1 "no keys" $c
check "both are told" [ "$(grep -c 'is no Ed25519 public key' "$t/err")" = 2 ]
says "no keys" "weir keygen --signer FILE"
conf "[ \"$(openssl pkey -in "$t/dora.key" -pubout | sed 1d | head -1)\", \"$(key ben)\" ]"
exits 0 "a key of openssl's" $s "$t/dora.key"
exits 0 "and ben's" $s "$t/ben.key"
exits 0 "are two" $c
conf '[ "MCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" ]'
printf 'sensor = "x";\n' >"$t/weir.conf"
exits 3 "no key file" $s "$t/none.key"
says "no key file" "No such file"
exits 3 "a public key" $s "$t/anna.out"
says "a public key" "no Ed25519 private key in PEM"
exits 2 "no key" "$W" rules sign -c "$t/weir.conf"
exits 2 "no rules" $s "$t/anna.key"
exit $bad
