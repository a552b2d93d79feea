#!/bin/sh
# Builds the tools of tests/bench, makes the fixed mix and measures.
# BENCH_ROUNDS=5, BENCH_DIR=build/bench (needs about 1.5 GB)
set -eu
cd "$(dirname "$0")/.."
dir=${BENCH_DIR:-build/bench}
mkdir -p "$dir"
"${MAKE:-make}" -j"$(nproc)" --no-print-directory weir
cc=${CC:-cc}
$cc -std=c11 -D_GNU_SOURCE -O2 -o "$dir/genmix" tests/bench/genmix.c tests/bench/mix_*.c -lcrypto
$cc -std=c11 -D_GNU_SOURCE -O2 -o "$dir/loop" tests/bench/loop.c -lpcap
$cc -std=c11 -D_GNU_SOURCE -O2 -fPIC -shared -o "$dir/count_malloc.so" tests/bench/count_malloc.c -ldl
exec python3 tests/bench/bench.py ./weir "$dir" "$dir" "${BENCH_ROUNDS:-5}"
