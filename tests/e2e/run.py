#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the end-to-end tests and print TAP.

usage: run.py [--list] [WORD...]     only tests whose name holds one of the words

A name is FILE.CLASS.TEST without the leading "test_", as `decide.Decide.denied_name_v4`.
"""
import argparse
import os
import re
import signal
import sys
import time
import traceback
import unittest

import case
from lab import end_on_signal


def name_of(test):
    """FILE.CLASS.TEST; of what failed before or after a class, CLASS and what it was."""
    name = re.sub(r"\b_?test_", "", test.id())
    return re.sub(r"[^A-Za-z0-9_.() -]", "_", name)


class Tap(unittest.TestResult):
    """One line a test, its faults on standard error."""

    def __init__(self):
        super().__init__()
        self.began = {}
        self.bad = set()
        self.faults = 0

    def startTest(self, test):
        super().startTest(test)
        self.began[test.id()] = time.monotonic()

    def _line(self, good, test, more=""):
        seconds = time.monotonic() - self.began.get(test.id(), time.monotonic())
        print(f"{'ok' if good else 'not ok'} - {name_of(test)}{more}", flush=True)
        print(f"# {seconds:.1f} s", file=sys.stderr, flush=True)

    def _fault(self, test, error):
        self.faults += 1
        print(f"--- {name_of(test)}", file=sys.stderr)
        traceback.print_exception(*error, limit=-6, file=sys.stderr)
        shown = getattr(test, "diagnostics", None)
        if shown:
            try:
                print(shown(), file=sys.stderr)
            except Exception as e:  # pylint: disable=broad-except
                print(f"no diagnostics: {e}", file=sys.stderr)
        if test.id() not in self.bad:
            self.bad.add(test.id())
            self._line(False, test)

    def addSuccess(self, test):
        self._line(True, test)

    def addError(self, test, err):
        self._fault(test, err)

    def addFailure(self, test, err):
        self._fault(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            print(f"in {subtest}", file=sys.stderr)
            self._fault(test, err)

    def addSkip(self, test, reason):
        self._line(True, test, f" # SKIP {reason}")


def chosen(suite, words):
    """The tests that are wanted, in their classes."""
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from chosen(part, words)
        elif not words or any(w in name_of(part) for w in words):
            yield part


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only tests with it in their name")
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_on_signal)
    here = os.path.dirname(os.path.abspath(__file__))
    tests = list(chosen(unittest.defaultTestLoader.discover(here, "test_*.py"), args.words))
    if args.list:
        print("\n".join(map(name_of, tests)))
        return 0
    if not tests:
        print(f"not ok - no test has {' or '.join(args.words)} in its name")
        return 1
    result = Tap()
    try:
        unittest.TestSuite(tests).run(result)
    except case.TooLong as e:
        print(f"not ok - a class was {e}")
        return 1
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
