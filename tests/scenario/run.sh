#!/bin/sh
# Every scenario of this folder on its virtual clock.
exec python3 tests/tools/scenario.py ./weir tests/scenario/*.scenario
