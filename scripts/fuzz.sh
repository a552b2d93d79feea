#!/bin/sh
# Long fuzzing: every target in turn for so many seconds, going on from the kept corpus.
# usage: fuzz.sh FUZZ_BINARIES SECONDS [TARGET...]
set -eu
cd "$(dirname "$0")/.."
bins=$1
seconds=$2
shift 2
kept=build/fuzz-corpus
for b in "$bins"/fuzz_*; do
	n=$(basename "$b")
	[ -x "$b" ] || continue
	[ $# -eq 0 ] || case " $* " in *" $n "*) ;; *) continue ;; esac
	mkdir -p "$kept/$n" "build/crashes"
	seed=
	[ -d "tests/fuzz/corpus/$n" ] && seed=tests/fuzz/corpus/$n
	echo "== $n"
	# shellcheck disable=SC2086
	"$b" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="build/crashes/$n-" "$kept/$n" $seed 2>&1 |
		grep -E 'stat::number_of_executed_units|stat::average_exec|SUMMARY|ERROR|Test unit written' || touch "build/crashes/$n-did-not-run"
done
found=$(find build/crashes -type f 2>/dev/null | wc -l)
echo "$found findings in build/crashes"
[ "$found" -eq 0 ]
