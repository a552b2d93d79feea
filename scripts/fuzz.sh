#!/bin/sh
# Long fuzzing: every target in turn for so many seconds, going on from the kept corpus.
# usage: fuzz.sh FUZZ_BINARIES SECONDS [TARGET...]
set -eu
cd "$(dirname "$0")/.."
# Freed memory is not kept for long, nor where it came from: with the defaults half of the time
# goes to that.  What is found is run again without these to see where memory was taken.
export ASAN_OPTIONS="quarantine_size_mb=4:thread_local_quarantine_size_kb=256:malloc_context_size=0:allocator_release_to_os_interval_ms=-1:${ASAN_OPTIONS:-}"
bins=$1
seconds=$2
shift 2
kept=build/fuzz-corpus
ran=0
for b in "$bins"/fuzz_*; do
	n=$(basename "$b")
	[ -x "$b" ] || continue
	[ $# -eq 0 ] || case " $* " in *" $n "*) ;; *) continue ;; esac
	mkdir -p "$kept/$n" "build/crashes"
	seed=
	[ -d "tests/fuzz/corpus/$n" ] && seed=tests/fuzz/corpus/$n
	echo "== $n"
	ran=$((ran + 1))
	# shellcheck disable=SC2086
	if "$b" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="build/crashes/$n-" "$kept/$n" $seed >"$kept/$n.log" 2>&1; then
		ended=well
	else
		ended=badly
	fi
	grep -E 'stat::number_of_executed_units|stat::average_exec|SUMMARY|ERROR|Test unit written' "$kept/$n.log" || ended=badly
	[ $ended = well ] || cp "$kept/$n.log" "build/crashes/$n-ended-badly.log"
done
found=$(find build/crashes -type f 2>/dev/null | wc -l)
echo "$found findings in build/crashes"
[ "$ran" -gt 0 ] || echo "no target was run"
[ "$ran" -gt 0 ] && [ "$found" -eq 0 ]
