# SPDX-License-Identifier: Apache-2.0
"""The ledger of a running gateway when its disk is full, and when its writer is killed."""
import os
import shutil
import signal
import time
import unittest

from case import GatewayCase, in_parallel
from gateway import ALLOWED, DENIED
from netns import command

SMALL, LARGE = "96k", "16m"


class LedgerFull(GatewayCase):
    auto_start = False

    def test_full_disk(self):
        """Traffic is judged as before; what waited is written when there is room, all of it."""
        weir = self.new_weir()
        folder = weir.ledger.folder
        os.mkdir(folder, 0o750)
        command(["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=0750", "none", folder])
        self.addCleanup(command, ["umount", "-l", folder], check=False)
        weir.start()
        results = in_parallel(4, [lambda: self.lab.tls(ALLOWED)] * 150)
        self.assertEqual([r for r in results if not r.ok], [])
        self.assertFalse(self.lab.tls(DENIED).ok)
        status = weir.wait_status(lambda s: s["ledger"]["error"] != "", 5, "the full disk is told")
        self.assertIn("No space left", status["ledger"]["error"])
        self.assertIn("No space left", weir.said())
        before = len(weir.ledger.events())
        self.assertLess(before, 150)

        command(["mount", "-o", f"remount,size={LARGE}", folder])
        weir.wait_status(lambda s: s["ledger"]["error"] == "", 5, "writing again")
        for result in results:
            weir.ledger.flow(result.port)
        self.assertEqual(weir.ledger.events(type="loss"), [])
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")


    def test_read_only(self):
        """A file system that became read-only: told, counted what it cost, and it resumes."""
        weir = self.new_weir()
        folder = weir.ledger.folder
        os.mkdir(folder, 0o750)
        command(["mount", "-t", "tmpfs", "-o", f"size={LARGE},mode=0750", "none", folder])
        self.addCleanup(command, ["umount", "-l", folder], check=False)
        weir.start()
        ports = [self.lab.tls(ALLOWED).port]
        weir.ledger.flow(ports[0])
        # Nobody may have a file open for writing when it is remounted.
        for _ in range(50):
            writer = int(weir.status()["pids"]["writer"])
            if writer != 0:
                os.kill(writer, signal.SIGKILL)
            if command(["mount", "-o", "remount,ro", folder], check=False).returncode == 0:
                break
        else:
            self.fail("not remounted")
        status = weir.wait_status(lambda s: s["ledger"]["error"] != "", 10, "the error is told")
        self.assertIn("Read-only file system", status["ledger"]["error"] + weir.said())
        results = in_parallel(4, [lambda: self.lab.tls(ALLOWED)] * 20)
        self.assertEqual([r for r in results if not r.ok], [])
        self.assertFalse(self.lab.tls(DENIED).ok)
        ports += [r.port for r in results]

        command(["mount", "-o", "remount,rw", folder])
        weir.wait_status(lambda s: s["ledger"]["error"] == "", 10, "writing again")
        port = self.lab.tls(ALLOWED).port
        weir.ledger.flow(port)
        self.assertEqual(weir.stop(), 0)
        written = {e["src_port"] for e in weir.ledger.events(type="flow", phase="start")}
        lost = sum(e["count"] for e in weir.ledger.events(type="loss", what="events"))
        self.assertLessEqual(len([p for p in ports if p not in written]), lost)
        self.assertEqual(weir.faults(), "")
        command([weir.program, "verify", folder])


class SegmentsCompressed(GatewayCase):
    auto_start = False

    def test_compressed(self):
        """A closed segment is compressed while traffic goes on; nothing is lost, all is whole."""
        weir = self.new_weir()
        with open(weir.conf, "r+", encoding="ascii") as f:
            text = f.read().replace("ledger  = {", "ledger  = { segment = \"1MiB\";")
            f.seek(0)
            f.write(text)
        weir.start()
        plain = weir.ledger.folder + "/000001.jsonl"
        ports = []
        while len(ports) < 4000 and os.path.exists(plain):
            ports += [r.port for r in in_parallel(4, [lambda: self.lab.tls(ALLOWED)] * 100)]
        self.assertTrue(os.path.exists(plain + ".zst"), f"after {len(ports)} connections")
        self.assertFalse(os.path.exists(plain))
        ports.append(self.lab.tls(ALLOWED).port)
        weir.ledger.flow(ports[-1])
        self.assertEqual(weir.stop(), 0)
        written = {e["src_port"] for e in weir.ledger.events(type="flow")}
        self.assertEqual([p for p in ports if p not in written], [])
        self.assertEqual(weir.ledger.events(type="loss"), [])
        command([weir.program, "verify", weir.ledger.folder])


class WriterKilled(GatewayCase):
    def test_kill_writer(self):
        """Another goes on behind the last whole line; what died in its buffer is counted."""
        ports = []
        for _ in range(3):
            writer = self.weir.pid("writer")
            ports += [self.lab.tls(ALLOWED).port for _ in range(5)]
            os.kill(writer, signal.SIGKILL)
            self.weir.wait_status(lambda s, old=writer: int(s["pids"]["writer"]) not in (0, old),
                                  10, "another writer works")
            ports += [r.port for r in in_parallel(4, [lambda: self.lab.tls(ALLOWED)] * 10)]
        time.sleep(0.5)
        written = {e["src_port"] for e in self.weir.ledger.events(type="flow", phase="start")}
        lost = sum(e["count"] for e in self.weir.ledger.events(type="loss", what="events"))
        self.assertLessEqual(len([p for p in ports if p not in written]), lost)
        self.assertEqual(self.weir.faults(), "")


class LedgerRemoved(GatewayCase):
    auto_start = False

    def test_segment_removed(self):
        weir = self.new_weir().start()
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        time.sleep(0.3)
        os.unlink(weir.ledger.files()[0])
        time.sleep(2.5)
        port = self.lab.tls(ALLOWED).port
        weir.ledger.flow(port)
        self.assertEqual([os.path.basename(f) for f in weir.ledger.files()], ["000002.jsonl"])
        self.assertIn("was removed", weir.said())
        self.assertEqual(weir.stop(), 0)

    def test_folder_removed(self):
        weir = self.new_weir().start()
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        shutil.rmtree(weir.ledger.folder)
        port = self.lab.tls(ALLOWED).port
        weir.wait_status(lambda s: s["restarts"]["writer"] >= 1 and s["ledger"]["error"] == "",
                         10, "another writer made it again")
        port = self.lab.tls(ALLOWED).port
        weir.ledger.flow(port)
        self.assertIn("was removed", weir.said())
        # Where it cannot be made again, that is told as long as it lasts.
        os.rename(weir.ledger.folder, weir.ledger.folder + ".old")
        with open(weir.ledger.folder, "w", encoding="ascii"):
            pass
        shutil.rmtree(weir.ledger.folder + ".old")
        weir.wait_status(lambda s: s["ledger"]["error"] != "", 10, "the error is told")
        os.unlink(weir.ledger.folder)
        weir.wait_status(lambda s: s["ledger"]["error"] == "", 10, "made again")
        port = self.lab.tls(ALLOWED).port
        weir.ledger.flow(port)
        self.assertFalse(self.lab.tls(DENIED).ok)
        self.assertGreater(weir.status()["ledger"]["lost"], 0)
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")


if __name__ == "__main__":
    unittest.main()
