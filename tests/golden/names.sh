#!/bin/sh
# Names of all forms at random: what `weir lookup` says of them (tests/tools/names.py).
# `make names` asks a million.
exec python3 tests/tools/names.py --count "${NAMES:-20000}" --seed "${NAMES_SEED:-1}" "${WEIR:-./weir}"
