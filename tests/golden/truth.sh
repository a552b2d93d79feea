#!/bin/sh
# Names of the untouched real captures against their truth table.
exec python3 tests/tools/check_truth.py ./weir tests/captures/real
