# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154  # sourced: results as TAP; $bad is 1 when one was bad
bad=0
ok() { echo "ok - $1"; }
not_ok() {
	bad=1
	echo "not ok - $1"
}
# check NAME COMMAND...: what the command says goes to standard error.
check() {
	what=$1
	shift
	if "$@" >&2; then ok "$what"; else not_ok "$what"; fi
}
# is NAME SEEN WANTED: two texts.
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		printf '# wanted: %s\n# got:    %s\n' "$3" "$2" | head -40
	fi
}
# exits STATUS NAME COMMAND...: that status; what the command says is in $t/out and $t/err.
exits() {
	want=$1 name=$2
	shift 2
	"$@" >"$t/out" 2>"$t/err" </dev/null
	rc=$?
	if [ $rc -eq "$want" ]; then
		ok "$name: status $want"
	else
		not_ok "$name: status $rc, not $want"
		sed 's/^/# /' "$t/out" "$t/err" | head -10
	fi
}
