#!/bin/sh
# `make install` says how to come by the key's fingerprint, and what it names is there.  TAP.
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT

# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
if [ ! -x weir ]; then
	echo "ok - make install # SKIP ./weir is not built"
	exit 0
fi
make -s -o weir install DESTDIR="$t" PREFIX=/opt/weir >"$t/out" 2>"$t/err"
check "make install: status 0" [ $? -eq 0 ]
named=$(sed -n 's/^    \(.*\) -c .*/\1/p' "$t/out")
check "it says how to make the key" [ "$named" = "/opt/weir/sbin/weir keygen" ]
check "and that its fingerprint is kept elsewhere" grep -q 'Write the fingerprint down elsewhere' "$t/out"
"$t${named% keygen}" keygen --keys "$t/keys" >"$t/key"
check "what it names prints a fingerprint" grep -Eqx '([0-9A-F]{4}-){7}[0-9A-F]{4}' "$t/key"
exit $bad
