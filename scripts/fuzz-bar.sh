#!/bin/sh
# So many executions of every fuzz target, counted over as many sittings as it takes.
# usage: fuzz-bar.sh FUZZ_BINARIES RUNS [TARGET...]
#
# Works in slices of FUZZ_SLICE executions (250,000), a slice a target in turn, FUZZ_JOBS (1) at
# a time; no two calls at a time in a tree with a target in common.  tests/fuzz/executions.tsv,
# which is committed, has a row a program of a target: hash, executions, seconds, findings.  What
# counts are the executions since the target's last finding, whatever program they were of; of
# them, those of the program as it is now (any change of a source that the target links, of the
# compiler or of the flags makes another) are told beside.  A stop loses the slices at work.  A
# finding, kept in build/crashes, ends its target until its program has changed.
set -eu
cd "$(dirname "$0")/.."
# Freed memory is not kept for long, nor where it came from: with the defaults half of the time
# goes to that.  What is found is run again without these to see where memory was taken.
export ASAN_OPTIONS="quarantine_size_mb=4:thread_local_quarantine_size_kb=256:malloc_context_size=0:allocator_release_to_os_interval_ms=-1:${ASAN_OPTIONS:-}"
kept=build/fuzz-corpus
crashes=build/crashes

table=tests/fuzz/executions.tsv

# Prints "executions executions-of-this-program seconds findings-of-this-program".
counted() {
	hash=$(sha256sum "$1" | cut -c1-16)
	awk -F'\t' -v t="$2" -v h="$hash" '$1 == t {
		n = $5 > 0 ? 0 : n + $3
		s = $5 > 0 ? 0 : s + $4
		own = $2 == h ? $3 : own
		bad = $2 == h ? $5 : bad
	} END { printf "%d %d %d %d\n", n, own, s, bad }' "$table"
}

# Adds to the row of that program, made as the target's last: TARGET HASH EXECUTIONS SECONDS FINDINGS.
add() {
	(
		flock 9
		awk -F'\t' -v OFS='\t' -v t="$1" -v h="$2" -v n="$3" -v s="$4" -v f="$5" '
			$1 == t && $2 == h { $3 += n; $4 += s; $5 += f; done = 1 }
			{ print }
			END { if (!done) print t, h, n, s, f }' "$table" >"$kept/table"
		cp "$kept/table" "$table"
	) 9>"$kept/table.lock"
}

# The longest input that is tried: whole hellos, else what a few hundred steps take.
longest() {
	case $1 in
	fuzz_tls | fuzz_quic | fuzz_http | fuzz_capture) echo 20000 ;;
	fuzz_ndpi_packet) echo 5000 ;;
	fuzz_segment) echo 9000 ;; # two of the blocks that it reads
	fuzz_tds) echo 512 ;;
	fuzz_inline) echo 200 ;; # some 50 steps; its limits are of 3 to 16
	fuzz_rival) echo 320 ;;  # some 80 steps
	fuzz_table) echo 400 ;;  # some 100, for a table of at most 64
	fuzz_smtp | fuzz_follow | fuzz_resolve) echo 2048 ;; # some 30 lines, requests, answers
	fuzz_copies) echo 48 ;;  # 12 segments
	fuzz_head) echo 200 ;;   # as many pieces as it takes
	fuzz_replay | fuzz_chunks) echo 1024 ;;
	*) echo 4096 ;;
	esac
}

# One slice of one target.  Ends with 0, also after a finding; with 1 when it was stopped.
slice() {
	n=$(basename "$1")
	hash=$(sha256sum "$1" | cut -c1-16)
	seed=
	[ -d "tests/fuzz/corpus/$n" ] && seed=tests/fuzz/corpus/$n
	mkdir -p "$kept/$n"
	began=$(date +%s)
	rc=0
	# shellcheck disable=SC2086
	"$1" -runs="${FUZZ_SLICE:-250000}" -max_len="$(longest "$n")" -entropic=0 -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$crashes/bar-$n-" "$kept/$n" $seed >"$kept/$n.bar.log" 2>&1 &
	child=$!
	wait "$child" || rc=$?
	took=$(($(date +%s) - began))
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$kept/$n.bar.log" | tail -1)
	case $rc in
	72 | 130 | 137 | 143) return 1 ;; # interrupted
	esac
	found=0
	if [ "$rc" -ne 0 ] || [ -z "$runs" ]; then
		found=1
		cp "$kept/$n.bar.log" "$crashes/bar-$n-ended-badly.log"
	fi
	add "$n" "$hash" "${runs:-0}" "$took" "$found"
	# shellcheck disable=SC2046,SC2183
	printf '%-18s %10d executions, %10d of this program, %8d s, %d findings\n' "$n" $(counted "$1" "$n")
}

# Is there something to do for it?
is_open() {
	# shellcheck disable=SC2046
	set -- $(counted "$1" "$(basename "$1")")
	[ "$1" -lt "$runs_wanted" ] && [ "$4" -eq 0 ]
}

# Slices, in turn, of the targets that no other worker has in hand.
worker() {
	child=
	trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 1' TERM INT
	more=1
	while [ "$more" = 1 ]; do
		more=0
		for b in $targets; do
			lock=$kept/$(basename "$b").lock
			is_open "$b" || continue
			mkdir "$lock" 2>/dev/null || continue
			more=1
			slice "$b" || exit 1
			rmdir "$lock"
		done
	done
}

bins=$1
runs_wanted=$2
shift 2
mkdir -p "$kept" "$crashes" "${table%/*}"
[ -f "$table" ] || printf '# target\tprogram\texecutions\tseconds\tfindings; written by scripts/fuzz-bar.sh\n' >"$table"
targets=
for b in "$bins"/fuzz_*; do
	[ -x "$b" ] || continue
	[ $# -eq 0 ] || case " $* " in *" $(basename "$b") "*) ;; *) continue ;; esac
	targets="$targets $b"
done
[ -n "$targets" ] || {
	echo "no target was run"
	exit 1
}
for b in $targets; do
	rm -rf "$kept/$(basename "$b").lock"
done
workers=
for _ in $(seq "${FUZZ_JOBS:-1}"); do
	worker &
	workers="$workers $!"
done
# shellcheck disable=SC2086
trap 'kill $workers 2>/dev/null || :; echo "stopped; the next call goes on"; exit 1' TERM INT
stopped=0
for w in $workers; do
	wait "$w" || stopped=1
done
[ "$stopped" = 0 ] || {
	echo "stopped; the next call goes on"
	exit 1
}
bad=0
printf '%-18s %12s %12s %8s %8s\n' target executions program exec/s findings
for b in $targets; do
	n=$(basename "$b")
	# shellcheck disable=SC2046
	set -- $(counted "$b" "$n")
	printf '%-18s %12d %12d %8d %8d\n' "$n" "$1" "$2" $(($1 / ($3 > 0 ? $3 : 1))) "$4"
	[ "$4" -eq 0 ] || bad=1
done
exit $bad
