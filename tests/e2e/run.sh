#!/bin/sh
# The end-to-end tests in network namespaces, as TAP.
# usage: run.sh [WORD...]     only tests with one of the words in their name (run.py --list)
# WEIR=PROGRAM tests another build.
cd "$(dirname "$0")" || exit 3
if ! reason=$(python3 lab.py --check); then
	echo "ok - namespaces # SKIP $reason"
	exit 0
fi
exec timeout -k 20 1200 python3 run.py "$@"
