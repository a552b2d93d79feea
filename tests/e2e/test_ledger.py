# SPDX-License-Identifier: Apache-2.0
"""The ledger of a running gateway when its disk is full or fails, the clock is set, its writer is killed."""
import errno
import os
import re
import shutil
import signal
import time
import unittest
from datetime import datetime, timedelta

from case import GatewayCase, in_parallel
from gateway import ALLOWED, DENIED, Faults
from netns import command

SMALL, LARGE = "96k", "16m"


class LedgerFull(GatewayCase):
    auto_start = False

    def on_a_disk_of(self, size):
        """A gateway that has begun, and its ledger's folder: a disk of that size."""
        weir = self.new_weir()
        folder = weir.ledger.folder
        os.mkdir(folder, 0o750)
        command(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0750", "none", folder])
        self.addCleanup(command, ["umount", "-l", folder], check=False)
        return weir.start(), folder

    def test_full_disk(self):
        """Traffic is judged as before; what waited is written when there is room, all of it."""
        weir, folder = self.on_a_disk_of(SMALL)
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
        full = weir.ledger.wait(type="system", what="disk_full")
        self.assertIn("No space left", full[0]["message"])
        again = weir.ledger.wait(type="system", what="ledger_restored")
        self.assertGreater(again[0]["time"], full[0]["time"])
        # The sources of the generation had no room, either; a reload keeps them now.
        kept = os.path.join(folder, "generations", weir.status()["generation"] + ".json")
        self.assertIn(weir.status()["generation"],
                      weir.ledger.wait(type="system", what="generation_not_kept")[0]["message"])
        self.assertFalse(os.path.exists(kept))
        weir.ctl("reload")
        self.assertTrue(os.path.exists(kept))
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")

    def test_stopped_when_full(self):
        """What no room came for before the stop is told by the next start, with its count."""
        weir, folder = self.on_a_disk_of(SMALL)
        ports = [r.port for r in in_parallel(4, [lambda: self.lab.tls(ALLOWED)] * 150)]
        weir.wait_status(lambda s: s["ledger"]["error"] != "", 5, "the full disk is told")
        self.assertEqual(weir.stop(), 3)
        self.assertIn("events were not written; the next start tells it", weir.said())
        last = weir.ledger.events()[-1]["time"]
        command(["mount", "-o", f"remount,size={LARGE}", folder])
        weir.start()
        loss = weir.ledger.wait(type="loss", what="events")
        self.assertEqual(loss[0]["from"], last)
        written = {e["src_port"] for e in weir.ledger.events(type="flow", phase="start")}
        lost = len([p for p in ports if p not in written])
        self.assertGreater(lost, 0)
        self.assertGreaterEqual(loss[0]["count"], lost)
        # A clean stop has nothing to tell; an end that was none says that nobody knows.
        self.assertEqual(weir.stop(), 0)
        weir.start()
        self.assertEqual(len(weir.ledger.events(type="loss", what="events")), 1)
        weir.kill()
        weir.start()
        self.assertEqual(weir.ledger.wait(type="loss", what="events", count=2)[1]["count"], 0)
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")
        command([weir.program, "verify", folder])

    def test_read_only(self):
        """A file system that became read-only: told, counted what it cost, and it resumes."""
        weir, folder = self.on_a_disk_of(LARGE)
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


class Faulty(GatewayCase):
    """faults.c: what the kernel and the machine do rarely."""

    auto_start = False

    def start(self, ledger):
        weir = self.new_weir()
        with open(weir.conf, encoding="ascii") as f:
            text = f.read().replace("ledger  = {", "ledger  = { " + ledger)
        with open(weir.conf, "w", encoding="ascii") as f:
            f.write(text)
        faults = Faults(self.lab.dir)
        weir.faults_of = faults.environment
        return weir.start(), faults

    def test_input_output_error(self):
        """Writes, sidecars and syncs that fail: nothing is lost, no line is torn, and it resumes."""
        weir, faults = self.start('seal = "300ms"; sync = "100ms"; seal_events = 10; compress = false;')
        ports = []
        for what in ("write_error", "pwrite_error", "sync_error"):
            ports += [self.lab.tls(ALLOWED).port for _ in range(3)]
            faults.set(**{what: errno.EIO})
            ports += [self.lab.tls(ALLOWED).port for _ in range(3)]
            status = weir.wait_status(lambda s: s["ledger"]["error"] != "", 5, what)
            self.assertIn("Input/output error", status["ledger"]["error"])
            faults.set()
            weir.wait_status(lambda s: s["ledger"]["error"] == "", 5, "writing again")
        for port in ports:
            weir.ledger.flow(port)
        self.assertEqual(weir.ledger.events(type="loss"), [])
        self.assertEqual(weir.stop(), 0)
        told = [e["what"] for e in weir.ledger.events(type="system") if "ledger_" in e["what"]]
        self.assertGreaterEqual(told.count("ledger_failed"), 3)
        self.assertEqual(told.count("ledger_restored"), told.count("ledger_failed"))
        self.assertEqual(weir.faults(), "")
        command([weir.program, "verify", weir.ledger.folder])

    def test_clock(self):
        """A clock that is set, over seals, epochs and days, and while Weir is off, is told each time."""
        weir, faults = self.start('seal = "200ms"; epoch = "1s"; seal_events = 10;')
        for ahead in (3600, 4 * 86400, -40 * 86400, 0):
            faults.set(ahead_s=ahead)
            time.sleep(0.7)
            self.assertTrue(self.lab.tls(ALLOWED).ok)
            self.assertFalse(self.lab.tls(DENIED).ok)
        self.assertEqual(weir.stop(), 0)
        told = [e["message"] for e in weir.ledger.events(type="system", what="clock_step")]
        self.assertEqual([t.split(":")[0] for t in told],
                         ["the clock was set forward by 3600 s",
                          "the clock was set forward by 342000 s",
                          "the clock was set back by 3801600 s",
                          "the clock was set forward by 3456000 s"])
        faults.set(ahead_s=-7200)
        weir.start()
        told = weir.ledger.wait(type="system", what="clock_step", count=5)[4]
        self.assertRegex(told["message"], r"last event before this start is 7\d{3} s ahead of the clock")
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")
        command([weir.program, "verify", weir.ledger.folder])
        command([weir.program, "index", "--check", weir.ledger.folder])

    def test_lines_expire(self):
        """Connections and answers go out of closed segments when their time has passed; all else stays."""
        weir, faults = self.start('keep_flow = "2d"; keep_dns = "2d"; seal = "200ms"; compress = false;')
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        self.assertFalse(self.lab.tls(DENIED).ok)
        weir.ledger.wait(type="flow", count=2)
        self.assertEqual(weir.stop(), 0)
        self.assertIn(ALLOWED, command([weir.program, "query", "--ledger", weir.ledger.folder,
                                        "--type", "flow", "--json"]).stdout)
        # A segment is closed at the first start on another day, and is past when the next one is.
        for days in (3, 6):
            faults.set(ahead_s=days * 86400)
            weir.start()
            port = self.lab.tls(ALLOWED).port
            weir.ledger.flow(port)
            if days == 6:
                weir.ledger.wait(type="seal", cause="expiry")
            self.assertEqual(weir.stop(), 0)
        folder = weir.ledger.folder
        with open(os.path.join(folder, "000001.jsonl"), encoding="utf-8") as f:
            first = f.read()
        self.assertNotIn('"type":"flow"', first)
        self.assertNotIn(ALLOWED, first)
        self.assertIn('"type":"system"', first)
        seal = weir.ledger.events(type="seal", cause="expiry")[0]
        self.assertEqual(seal["expired_types"], "flow,dns")
        self.assertEqual(seal["expired_lines"], first.count('"type":"expired"'))
        said = command([weir.program, "verify", folder]).stdout
        self.assertIn(f"expired      {seal['expired_lines']} lines of 1 segments (flow,dns), as seals say", said)
        command([weir.program, "index", "--check", folder])
        command([weir.program, "query", "--ledger", folder, "--type", "system", "--prove"])
        asked = command([weir.program, "query", "--ledger", folder, "--type", "flow", "--json"])
        self.assertEqual(asked.stdout.count('"phase":"start"'), 2)
        self.assertIn("events of type flow from before", asked.stderr)
        self.assertNotIn("of type dns", asked.stderr)
        asked = command([weir.program, "rules", "stats", "-c", weir.conf, "--ledger", folder])
        self.assertIn(f"{seal['expired_lines']} lines of the ledger have expired", asked.stderr)
        page = re.sub("<[^>]*>", "", command([weir.program, "report", "--ledger", folder, "-o", "-"]).stdout)
        self.assertIn(f"The time of {seal['expired_lines']} lines of 1 segments has passed", page)
        self.assertNotIn("DIFFERS", page)
        asked = command([weir.program, "explain", "--flow", "0123456789abcdef", "--ledger", folder], check=False)
        self.assertRegex(asked.stderr, r"events of type flow have expired|lines of the ledger have expired")
        self.assertEqual(weir.faults(), "")

    def test_root_key(self):
        """A key that is not the one that the ledger began with is a change event."""
        weir = self.new_weir().start()
        old = weir.status()["ledger"]["fingerprint"]
        self.assertEqual(weir.stop(), 0)
        os.unlink(os.path.join(weir.ledger.folder + ".keys", "ledger.key"))
        weir.start()
        new = weir.status()["ledger"]["fingerprint"]
        change = weir.ledger.wait(type="change", what="key")[0]
        self.assertEqual(change["diff"], f"root key {old} -> {new}")
        self.assertTrue(change["who"])
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(weir.faults(), "")


class Panic(GatewayCase):
    auto_start = False

    def test_panic_is_not_inspected(self):
        """By order, too: from its beginning to its end, and on page 1."""
        weir = self.new_weir().start()
        weir.ctl("mode", "panic")
        time.sleep(0.5)
        weir.ctl("mode", "enforce")
        loss = weir.ledger.wait(type="loss", what="uninspected")[0]
        self.assertGreater(datetime.fromisoformat(loss["to"]) - datetime.fromisoformat(loss["from"]),
                           timedelta(seconds=0.4))
        weir.ctl("exempt", "--src", "10.1.0.2", "--skip", "rules", "--for", "1h", "--reason", "a test")
        weir.ctl("mode", "panic")
        self.assertEqual(weir.stop(), 0)
        self.assertEqual(len(weir.ledger.events(type="loss", what="uninspected")), 2)
        page = command([weir.program, "report", "--ledger", weir.ledger.folder, "-o", "-"]).stdout
        text = re.sub("<[^>]*>", "", page)
        self.assertIn("in 2 stretches of time in which packets passed unjudged", text)
        self.assertRegex(text, r"[1-9]\d* events are of mode panic")
        self.assertIn("1 changes of exceptions by weir ctl exempt", text)
        self.assertNotIn("NOTHING 0 connections that an exception is about", text)


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
