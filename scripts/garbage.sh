#!/bin/sh
# Damaged captures, rules, configurations and catalogue files under ASan and UBSan; TAP.
# usage: garbage.sh COUNT           as many files; the same ones every time
#        garbage.sh --seed K [FILE] case K alone, its file kept as FILE
cd "$(dirname "$0")/.." || exit 3
root=$PWD
B=${GARBAGE_B:-build/address-undefined}
case $B in
/*) bin=$B/garbage ;;
*) bin=$root/$B/garbage ;;
esac
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
"${MAKE:-make}" -j"$(nproc)" --no-print-directory CC=clang SAN=address,undefined B="$B" CFLAGS="-O1 -g" "$B/garbage" >"$t/build" 2>&1 || {
	echo "not ok - build with ASan and UBSan"
	tail -40 "$t/build" >&2
	exit 1
}

# The seeds, as they lie in the tree, and shipped data cut down to what loads in a moment.
# every N: all comments, the header row, each Nth row, and those that the rules' tests name.
every() {
	awk -v n="$1" '/^#/ || /^(dns\.google|smtp\.office365\.com|make\.powerapps\.com)\t/ { print; next }
		head++ == 0 || ++rows % n == 0'
}
w=$t/tree
mkdir -p "$w/tests" "$w/share/rules/catalog" "$w/share/geo" "$w/events"
cp -r rules geo "$w"
for d in tests/captures tests/config tests/data tests/rules tests/scenario; do
	[ ! -d "$d" ] || cp -r "$d" "$w/tests"
done
mkdir -p "$w/tests/demo"
cp tests/demo/*.conf tests/demo/*.txt "$w/tests/demo"
for f in tests/captures/forms/*; do
	case $f in *.md | *.txt) rm -f "$w/$f" ;; esac
done
cp rules/catalog/groups.tsv "$w/share/rules/catalog"
every 10 <rules/catalog/services.tsv >"$w/share/rules/catalog/services.tsv"
every 25 <rules/catalog/connectors.tsv >"$w/share/rules/catalog/connectors.tsv"
every 6 <geo/regions.tsv >"$w/share/geo/regions.tsv"
cp geo/microsoft-networks.tsv "$w/share/geo/"
for cloud in public usgov china; do
	every 500 <geo/tags-$cloud.tsv >"$w/share/geo/tags-$cloud.tsv"
done
printf 'pattern\tservice\tsource\n%s\n%s\n%s\n' "api.contoso.example	shared_contosoapi	ticket CHG-4711" \
	"*.payroll.contoso.example	payroll	-" "old.blob.core.windows.net	-	-" >"$w/share/own.tsv"

cd "$w" || exit 3
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0 UBSAN_OPTIONS=print_stacktrace=1
if [ "$1" = --seed ]; then
	keep=${3:-}
	case $keep in "" | /*) ;; *) keep=$root/$keep ;; esac
	"$bin" --seed "$2" ${keep:+"$keep"}
	exit
fi
"$bin" "${1:-10000}" "$(nproc)" </dev/null 2>"$t/err"
rc=$?
if [ -s "$t/err" ]; then
	echo "not ok - nothing is printed on standard error"
	head -100 "$t/err" >&2
	rc=1
fi
# shellcheck disable=SC2046
set -- $(find events -name '*.jsonl')
if [ $# -gt 0 ] && python3 "$root/tests/tools/validate_events.py" --schema "$root/docs/event-schema.json" --no-seq "$@" >"$t/events.txt"; then
	echo "ok - the events of $# damaged captures fit the schema"
else
	echo "not ok - the events of $# damaged captures fit the schema"
	head -20 "$t/events.txt" >&2
	rc=1
fi
exit $rc
