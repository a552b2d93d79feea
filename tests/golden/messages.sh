#!/bin/sh
# Messages about rule files: each has a golden file, says what to write, and its name is in the
# page; the page's grammar has the parser's words.  TAP.
rc=0
python3 tests/tools/messages.py || rc=1
python3 tests/tools/grammar.py || rc=1
exit $rc
