#!/bin/sh
# Messages about rule files: each has a golden file, says what to write, and its name is in the page.
exec python3 tests/tools/messages.py
