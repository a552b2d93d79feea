#!/bin/sh
# The evasion captures against the oracle; what is not right yet stands in tests/evasion/gaps.tsv.
exec python3 tests/tools/evasion.py check ./weir
