#!/bin/sh
# Each reason of "cannot tell" and each flag: a line in the documents, a case that yields it, a count.
exec python3 tests/tools/reasons.py ./weir
