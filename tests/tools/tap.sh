# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034  # sourced: results as TAP; $bad is 1 when one was bad
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
