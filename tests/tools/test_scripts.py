#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The scripts that run something end with a status other than 0 when a part of it failed."""
import os
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Scripts(unittest.TestCase):
    """Each script in a tree of its own, with programs that only end with a status."""

    def setUp(self):
        self.tree = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.tree)
        shutil.copytree(os.path.join(ROOT, "scripts"), os.path.join(self.tree, "scripts"))
        self.program("bin/gcovr", 0)

    def program(self, name, status, text=""):
        path = os.path.join(self.tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh\n{text}\nexit {status}\n")
        os.chmod(path, 0o755)

    def source(self, name):
        path = os.path.join(self.tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii"):
            pass

    def status(self, *command, make="true"):
        env = dict(os.environ, MAKE=make, TMPDIR=self.tree,
                   PATH=os.path.join(self.tree, "bin") + ":" + os.environ["PATH"])
        done = subprocess.run(["sh", *command], cwd=self.tree, env=env, check=False,
                              capture_output=True, text=True)
        return done.returncode, done.stdout

    def sanitize_tree(self):
        for folder in ("address-undefined", "thread", "memory"):
            self.program(f"build/{folder}/weir", 0)
            for part in ("base", "match", "decode", "flow"):
                self.source(f"tests/unit/{part}/test_ring.c")
                self.program(f"build/{folder}/tests/{part}/test_ring", 0)
        self.program("build/thread/tests/engine/test_loader", 0)
        self.program("build/thread/ledger-mutations", 0)
        self.program("build/address-undefined/segmentation", 0)
        self.source("tests/captures/real/a.pcap")

    def test_sanitize(self):
        self.sanitize_tree()
        status, text = self.status("scripts/sanitize.sh")
        self.assertEqual(status, 0, text)
        self.assertNotIn("not ok", text)
        for program in ("address-undefined/tests/match/test_ring", "thread/weir",
                        "memory/tests/flow/test_ring"):
            self.program(f"build/{program}", 1)
            status, text = self.status("scripts/sanitize.sh")
            self.assertRegex(text, "(?m)^not ok")
            self.assertEqual(status, 1, program)
            self.program(f"build/{program}", 0)

    def test_sanitize_without_a_build(self):
        self.sanitize_tree()
        status, text = self.status("scripts/sanitize.sh", make="false")
        self.assertEqual(status, 1, text)
        # What lies there from before proves nothing.
        self.assertNotIn("\nok", "\n" + text)

    def test_no_build(self):
        for script in ("garbage.sh", "bench.sh", "coverage.sh"):
            self.assertNotEqual(self.status(f"scripts/{script}", make="false")[0], 0, script)
        self.assertNotEqual(self.status("scripts/demo.sh")[0], 0)

    def test_coverage(self):
        self.source("tests/unit/base/test_ring.c")
        self.program("build/coverage/weir", 0)
        self.program("build/coverage/tests/base/test_ring", 0)
        self.assertEqual(self.status("scripts/coverage.sh")[0], 0)
        self.program("build/coverage/tests/base/test_ring", 1)
        self.assertEqual(self.status("scripts/coverage.sh")[0], 1)

    def test_fuzz(self):
        runs = "echo stat::number_of_executed_units: 1"
        self.program("fuzz/fuzz_a", 0, runs)
        self.assertEqual(self.status("scripts/fuzz.sh", "fuzz", "1")[0], 0)
        self.assertNotEqual(self.status("scripts/fuzz.sh", "fuzz", "1", "fuzz_b")[0], 0)
        self.assertNotEqual(self.status("scripts/fuzz.sh", "nothing", "1")[0], 0)
        self.program("fuzz/fuzz_a", 1, runs)
        self.assertNotEqual(self.status("scripts/fuzz.sh", "fuzz", "1")[0], 0)
        # The finding stays one until somebody looks at it.
        self.program("fuzz/fuzz_a", 0, runs)
        self.assertNotEqual(self.status("scripts/fuzz.sh", "fuzz", "1")[0], 0)

    def fuzz_bar(self, *more, runs="100"):
        return self.status("scripts/fuzz-bar.sh", "fuzz", runs, *more)

    def programs(self, target):
        """Executions of each program of the target, in the order in which they came."""
        with open(os.path.join(self.tree, "tests/fuzz/executions.tsv"), encoding="ascii") as f:
            rows = [line.split("\t") for line in f]
        return [int(row[2]) for row in rows if row[0] == target]

    def test_fuzz_bar(self):
        runs = "echo stat::number_of_executed_units: 40"
        self.program("fuzz/fuzz_a", 0, runs)
        self.program("fuzz/fuzz_b", 0, runs)
        status, text = self.fuzz_bar()
        self.assertEqual(status, 0, text)
        self.assertRegex(text, r"(?m)^fuzz_a +120 +120 +\d+ +0$")
        self.assertRegex(text, r"(?m)^fuzz_b +120 +120 +\d+ +0$")
        # Nothing is left to do, nor for another program; for more of them it goes on.
        self.assertEqual(self.fuzz_bar()[0], 0)
        self.assertEqual(self.programs("fuzz_a"), [120])
        self.program("fuzz/fuzz_a", 0, runs + "0")
        self.assertRegex(self.fuzz_bar()[1], r"(?m)^fuzz_a +120 +0 ")
        self.assertRegex(self.fuzz_bar("fuzz_a", runs="130")[1], r"(?m)^fuzz_a +520 +400 ")
        self.assertEqual(self.programs("fuzz_a"), [120, 400])
        self.assertEqual(self.programs("fuzz_b"), [120])
        self.assertNotEqual(self.fuzz_bar("fuzz_c")[0], 0)

    def test_fuzz_bar_goes_on(self):
        # The third call of the program is interrupted, as libFuzzer tells it.
        runs = "echo stat::number_of_executed_units: 40; echo x >>calls"
        self.program("fuzz/fuzz_a", 0, runs + "; [ $(wc -l <calls) -ne 3 ] || exit 72")
        status, text = self.fuzz_bar()
        self.assertNotEqual(status, 0)
        self.assertIn("stopped", text)
        self.assertEqual(self.programs("fuzz_a"), [80])
        self.assertEqual(self.fuzz_bar()[0], 0)
        self.assertEqual(self.programs("fuzz_a"), [120])

    def test_fuzz_bar_stopped(self):
        # Whoever ends the script ends what it started, and what was counted stays.
        self.program("fuzz/fuzz_a", 0, "echo stat::number_of_executed_units: 40; echo $$ >>calls\n"
                                       "[ $(wc -l <calls) -ne 2 ] || exec sleep 60")
        calls = os.path.join(self.tree, "calls")
        env = dict(os.environ, FUZZ_JOBS="2")
        with subprocess.Popen(["sh", "scripts/fuzz-bar.sh", "fuzz", "100"], cwd=self.tree, env=env,
                              stdout=subprocess.PIPE) as script:
            for _ in range(200):
                if os.path.exists(calls) and len(open(calls, encoding="ascii").readlines()) == 2:
                    break
                time.sleep(0.05)
            script.terminate()
            self.assertIn(b"stopped", script.communicate(timeout=20)[0])
            self.assertEqual(script.returncode, 1)
        pid = int(open(calls, encoding="ascii").readlines()[1])
        for _ in range(100):
            if not os.path.exists(f"/proc/{pid}"):
                break
            time.sleep(0.05)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        self.assertEqual(self.programs("fuzz_a"), [40])
        self.assertEqual(self.fuzz_bar()[0], 0)
        self.assertEqual(self.programs("fuzz_a"), [120])

    def test_fuzz_bar_finding(self):
        self.program("fuzz/fuzz_a", 77, "echo stat::number_of_executed_units: 7")
        self.program("fuzz/fuzz_b", 0, "echo stat::number_of_executed_units: 60")
        for _ in range(2):
            status, text = self.fuzz_bar()
            self.assertEqual(status, 1, text)
            self.assertRegex(text, r"(?m)^fuzz_a +0 +7 +\d+ +1$")
            self.assertRegex(text, r"(?m)^fuzz_b +120 +120 +\d+ +0$")
        # Mended, it begins again.
        self.program("fuzz/fuzz_a", 0, "echo stat::number_of_executed_units: 50")
        self.assertRegex(self.fuzz_bar("fuzz_a")[1], r"(?m)^fuzz_a +100 +100 +\d+ +0$")
        self.assertEqual(self.programs("fuzz_a"), [7, 100])
        # A program that says nothing of its runs has not run.
        self.program("fuzz/fuzz_b", 0)
        self.assertEqual(self.fuzz_bar("fuzz_b", runs="130")[0], 1)


if __name__ == "__main__":
    unittest.main()
