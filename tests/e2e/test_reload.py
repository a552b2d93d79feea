# SPDX-License-Identifier: Apache-2.0
"""Rules and modes that change while connections are open."""
import json
import os
import pwd
import signal
import socket
import time
import unittest
from datetime import datetime, timedelta, timezone

import lab as places
from case import Download, GatewayCase, in_parallel
from gateway import ALLOWED, ALLOWED2, DENIED, RULES, TOP
from netns import LabError, command, wait_for
from servers import Keeper

REASONS = os.path.join(TOP, "tests", "golden", "undecidable.tsv")

# As RULES, but the second allowed name is denied.
STRICTER = RULES.replace("label barred-address",
                         f'label barred-address\ndeny  host "{ALLOWED2}"  label denied-later')


class Reload(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for address in (places.STREAM, places.STREAM6):
            cls.addClassCleanup(Keeper(cls.lab, address, pause_s=0.01).close)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.restore)

    def restore(self):
        if self.weir.alive():
            self.weir.write_rules(RULES)
            self.weir.ctl("reload", check=False)
            self.weir.ctl("mode", "enforce", check=False)

    def stream(self, host, address=places.STREAM):
        download = Download(self.lab, host, address)
        self.addCleanup(download.close)
        return download.wait_first()

    def check_reload(self, reload):
        """A rule change cuts what it denies, at once, and nothing else."""
        streams = [(self.stream(ALLOWED, a), self.stream(ALLOWED2, a))
                   for a in (places.STREAM, places.STREAM6)]
        before = self.weir.status()["generation"]
        self.weir.write_rules(STRICTER)
        reload()
        after = self.weir.wait_status(lambda s: s["generation"] != before, 5, "new rules")
        end = time.monotonic() + 5
        while time.monotonic() < end and not all(cut.error for _, cut in streams):
            time.sleep(0.02)
        for stays, cut in streams:
            self.assertRegex(cut.error or "nothing", "Reset|the end")
            self.assertGreater(stays.progress(0.3), 2000, stays.error)
            self.assertIsNone(stays.error)
            event = self.weir.ledger.wait(type="flow", src_port=cut.sport, verdict="deny")[-1]
            self.assertEqual(event["rule_label"], "denied-later")
        cut_ports = tuple(f":{cut.sport}" for _, cut in streams)
        self.assertEqual([s for s in self.lab.server_sockets() if s[2].endswith(cut_ports)], [],
                         "what was cut is gone at the server too")
        self.assertFalse(self.lab.tls(ALLOWED2).ok)
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        change = self.weir.ledger.wait(type="change", what="reload")[-1]
        self.assertEqual((change["old_generation"], change["new_generation"]),
                         (before, after["generation"]), change)

    def test_reload_by_signal(self):
        self.check_reload(lambda: self.weir.process.send_signal(signal.SIGHUP))

    def test_exemption_for_a_while(self):
        """`ctl exempt` lets a denied name pass, says so, and ends by itself."""
        self.assertFalse(self.lab.tls(DENIED).ok)
        self.assertEqual(self.weir.ctl("exempt").stdout, "no exemption is in force\n")
        before = self.weir.status()["generation"]
        words = ("exempt", "--src", places.CLIENT, "--to", DENIED, "--skip", "rules,default",
                 "--for", "6s", "--reason", 'a "partner" is waiting', "--ticket", 'CHG "1"')
        self.weir.ctl(*words)
        stays, ends = self.stream(ALLOWED), self.stream(DENIED)
        self.assertFalse(self.lab.tls("x.blocked.example").ok)
        listed = self.weir.ctl("exempt").stdout
        self.assertRegex(listed, rf'^1  allow  from {places.CLIENT}  to host "{DENIED}"  '
                                 r"skip { rules, default }  owner \"\w+\"  "
                                 r"reason \"a 'partner' is waiting\"  ticket \"CHG '1'\"  expires \"20\d\d-.*Z\"\n$")
        change = self.weir.ledger.wait(type="change", what="exempt")[-1]
        self.assertEqual(change["diff"], listed[3:-1])
        self.assertEqual((change["why"], change["ticket"]), ('a "partner" is waiting', 'CHG "1"'))
        self.assertEqual(change["old_generation"], before)
        event = self.weir.ledger.wait(type="flow", src_port=ends.sport, verdict="allow")[-1]
        self.assertEqual(event["gates"]["exceptions"], "allow")
        wait_for(lambda: ends.error, 15, "the end of the exemption")
        self.assertGreater(stays.progress(0.3), 2000, stays.error)
        self.assertFalse(self.lab.tls(DENIED).ok)
        self.assertEqual(self.weir.ctl("exempt").stdout, "no exemption is in force\n")
        self.assertEqual(self.weir.status()["generation"], before)

    def test_exemptions_are_refused_and_removed(self):
        add = ("exempt", "--src", places.CLIENT, "--for", "1h", "--reason", "test")
        before = self.weir.status()["generation"]
        for words, said in ((("--skip", "garden"), "'garden' is no gate that can be skipped"),
                            (("--skip", "exceptions"), "'exceptions' is no gate"),
                            (("--skip", "rules", "--to", "*.example"), "is no address, prefix or host"),
                            (("--skip", "rules", "--for", "8d"), "seven days at most")):
            done = self.weir.ctl(*add, *words, check=False)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn(said, done.stderr)
        self.assertEqual(self.weir.status()["generation"], before)
        # Rules that are broken meanwhile: nothing changes, and no line stays behind.
        self.weir.write_rules(RULES + "\nallow to nobody\n")
        done = self.weir.ctl(*add, "--skip", "rules", check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.weir.write_rules(RULES)
        self.assertEqual(self.weir.ctl("exempt").stdout, "no exemption is in force\n")
        self.weir.ctl(*add, "--skip", "rules", "--to", places.BARRED, "--port", "443")
        self.weir.ctl(*add, "--skip", "rules,default", "--to", DENIED)
        self.assertTrue(self.lab.tls(DENIED).ok)
        done = self.weir.ctl("exempt", "--remove", "7", check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("there is no line 7", done.stderr)
        self.weir.ctl("exempt", "--remove", "2")
        self.assertFalse(self.lab.tls(DENIED).ok)
        listed = self.weir.ctl("exempt").stdout
        self.assertIn(f"to {places.BARRED}  port 443", listed)
        self.assertNotIn(DENIED, listed)
        self.weir.ctl("exempt", "--remove", "1")
        self.assertEqual(self.weir.status()["generation"], before)

    def ask(self, request):
        """What the control socket answers to these bytes, from a peer that is no `weir ctl`."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(os.path.join(self.weir.folder, "control"))
            s.sendall(request)
            said = b""
            while (piece := s.recv(4096)) != b"":
                said += piece
        return said

    def test_reason_and_ticket(self):
        """Who, why and ticket of each change are in the ledger, whatever bytes they are of."""
        weir = self.weir
        who = pwd.getpwuid(os.getuid()).pw_name
        weir.ctl("reload", "--reason", 'rules of "May"', "--ticket", "CHG-7")
        weir.ctl("mode", "monitor", "--ticket", "INC 8")
        weir.ctl("mode", "enforce", "--reason", "tested")
        weir.ctl("exempt", "--src", places.CLIENT, "--skip", "rules", "--for", "1h",
                 "--reason", "test", "--ticket", "CHG-9")
        weir.ctl("exempt", "--remove", "1", "--reason", "no need", "--ticket", "CHG-10")
        self.assertEqual(weir.ctl("exempt").stdout, "no exemption is in force\n")
        hostile = bytes(b for b in range(1, 256) if b not in b"\t\n")
        self.assertTrue(self.ask(b"reload " + hostile + b"xxx\t\n").startswith(b"no\na reason of at most 255"))
        self.assertTrue(self.ask(b"reload \t" + b"t" * 128 + b"\n").startswith(b"no\na reason of at most 255"))
        self.assertTrue(self.ask(b"exempt remove 1 " + b"r" * 256 + b"\n").startswith(b"no\n"))
        self.assertTrue(self.ask(b"reload " + hostile[:120] + b"\t" + hostile[120:240] + b"\tmore\n")
                        .startswith(b"ok\n"))
        self.assertTrue(self.ask(b"reload \"}\t\",\"who\":\"nobody\n").startswith(b"ok\n"))
        # Those of the test before may have been on their way when this one began.
        weir.ledger.wait(5, type="change", why='"}')
        changes = weir.ledger.events(type="change")[-7:]
        told = [(e["what"], e.get("why"), e.get("ticket")) for e in changes]
        self.assertEqual(told[:5], [
            ("reload", 'rules of "May"', "CHG-7"), ("mode", None, "INC 8"), ("mode", "tested", None),
            ("exempt", "test", "CHG-9"), ("exempt", "no need", "CHG-10")])
        self.assertEqual(told[6], ("reload", '"}', '","who":"nobody'))
        self.assertIn("ABC", told[5][1])
        self.assertTrue(told[5][2].endswith("\tmore"), told[5])
        login = open("/proc/self/loginuid", encoding="ascii").read().strip()
        if login == "4294967295":
            self.assertEqual({e["who"] for e in changes}, {who})
        done = command([weir.program, "query", "--saved", "changes", "--ledger", weir.ledger.folder])
        for text in ("CHG-7", "INC 8", "CHG-10", "no need"):
            self.assertIn(text, done.stdout)
        self.assertEqual(weir.faults(), "")

    def test_reload_by_ctl(self):
        self.check_reload(lambda: self.weir.ctl("reload"))

    def test_broken_rules_change_nothing(self):
        stream = self.stream(ALLOWED)
        before = self.weir.status()
        self.weir.write_rules(RULES + "\ngate rules\nallow  to service smpt\n")
        line = RULES.count("\n") + 2
        done = self.weir.ctl("reload", check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.weir.ledger.wait(5, type="change", what="reload_refused")
        self.assertRegex(done.stdout + done.stderr, rf"lab\.rules:{line}\b")
        self.assertEqual(self.weir.status()["generation"], before["generation"])
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        self.assertTrue(self.lab.tls(ALLOWED2).ok)
        self.assertFalse(self.lab.tls(DENIED).ok)
        self.assertGreater(stream.progress(), 2000, stream.error)

    def test_keys_that_wait_for_a_start(self):
        """They are named, nothing of them changes, and the file's mode is no mode switch."""
        weir = self.weir
        with open(weir.conf, encoding="ascii") as f:
            was = f.read()
        self.addCleanup(self.put_conf, was)
        rules = weir.ctl("netfilter").stdout
        self.put_conf(was.replace('"enforce"', '"monitor"').replace("min_ttl = 20", "min_ttl = 1")
                      .replace('"c0", "s0"', '"c0"').replace("queue = 7411", "queue = 7412")
                      .replace('watchdog = "1s"', 'watchdog = "5s"'))
        said = weir.ctl("reload").stdout
        for key in ("min_ttl", "interfaces", "queue", "watchdog"):
            self.assertIn(f"capture.{key}: takes effect at the next start", said)
        self.assertIn("use weir ctl mode monitor", said)
        self.assertIn("capture.queue: takes effect at the next start", weir.said())
        status = weir.status()
        self.assertEqual((status["mode"], status["queue"]), ("enforce", 7411))
        self.assertEqual(sorted(line for line in weir.ctl("netfilter").stdout.split("\n")
                                if "mark" not in line),
                         sorted(line for line in rules.split("\n") if "mark" not in line))
        self.assertFalse(self.lab.tls(DENIED).ok)
        change = weir.ledger.wait(5, type="change", what="reload",
                                  new_generation=status["generation"])[-1]
        self.assertIn("capture.queue: takes effect", change["diff"])
        self.assertNotIn("\\x0a", weir.said())
        # A hung enforcer is killed by the watchdog that was in force at the start.
        enforcer = weir.pid("enforcer")
        os.kill(enforcer, signal.SIGSTOP)
        weir.wait_status(lambda s: int(s["pids"]["enforcer"]) not in (0, enforcer), 3, "killed")
        weir.wait_status(lambda s: s["judging"], 5, "back")

    def put_conf(self, text):
        with open(self.weir.conf, "w", encoding="ascii") as f:
            f.write(text)

    def put_calendar(self, first, last):
        """Whole days around now, both as iCalendar writes them."""
        text = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//lab//EN", "BEGIN:VEVENT", "UID:1",
                "DTSTAMP:20260101T000000Z", f"DTSTART;VALUE=DATE:{first}",
                f"DTEND;VALUE=DATE:{last}", "SUMMARY:Closed", "END:VEVENT", "END:VCALENDAR", "")
        with open(os.path.join(self.weir.folder, "days.ics"), "w", encoding="ascii", newline="") as f:
            f.write("\r\n".join(text))

    def test_a_calendar_is_read_anew(self):
        """Holidays count with the reload; a broken calendar is refused, and what was stays."""
        weir = self.weir
        day = lambda n: (datetime.now(timezone.utc) + timedelta(days=n)).strftime("%Y%m%d")
        with open(weir.conf, encoding="ascii") as f:
            was = f.read()
        self.addCleanup(self.put_conf, was)
        self.put_conf(was.replace('name = "lab";', 'name = "lab"; zone = "UTC"; '
                                  'hours = "mon-sun 00:00-24:00"; holidays = "days.ics";'))
        weir.write_rules(RULES.replace(
            "label barred-address",
            f'label barred-address\ndeny  host "{ALLOWED2}"  outside hours  label closed'))
        self.put_calendar(day(-9), day(-7))
        weir.ctl("reload")
        working = weir.status()["generation"]
        self.assertTrue(self.lab.tls(ALLOWED2).ok, "a working day")
        self.put_calendar(day(-1), day(2))
        self.assertTrue(self.lab.tls(ALLOWED2).ok, "nobody has asked for it to be read")
        weir.ctl("reload")
        denied = self.lab.tls(ALLOWED2)
        self.assertFalse(denied.ok, "a holiday")
        event = weir.ledger.wait(type="flow", src_port=denied.port, verdict="deny")[-1]
        self.assertEqual(event["rule_label"], "closed")
        before = weir.status()["generation"]
        self.assertNotEqual(before, working, "another calendar, another name")
        self.put_calendar(day(-9), "2026133x")
        # weir ctl would itself refuse the file.
        weir.process.send_signal(signal.SIGHUP)
        weir.ledger.wait(5, type="change", what="reload_refused")
        self.assertRegex(weir.said(), r"days\.ics:8\b")
        self.assertFalse(self.lab.tls(ALLOWED2).ok, "the holiday stays")
        self.assertTrue(self.lab.tls(ALLOWED).ok)
        self.put_calendar(day(-1), day(2))
        self.assertEqual(weir.status()["generation"], before)
        self.put_calendar(day(-9), day(-7))
        weir.ctl("reload")
        self.assertTrue(self.lab.tls(ALLOWED2).ok, "a working day again")
        self.assertEqual(weir.status()["generation"], working)

    def test_broken_rules_by_signal(self):
        before = self.weir.status()
        self.weir.write_rules("version 1\ngate nothing\n")
        self.weir.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        self.assertEqual(self.weir.status()["generation"], before["generation"])
        self.assertIn("lab.rules:2", self.weir.said())
        self.assertFalse(self.lab.tls(DENIED).ok)

    def test_no_connection_is_lost_by_reloads(self):
        for i in range(10):
            self.weir.write_rules(STRICTER if i % 2 == 0 else RULES)
            self.weir.process.send_signal(signal.SIGHUP)
            for _ in range(5):
                answer = self.lab.tls(ALLOWED)
                self.assertTrue(answer.ok, answer)

    def test_last_of_many_signals_counts(self):
        """A signal during a change is not lost: what the file says last is in force."""
        before = self.weir.status()["generation"]
        for i in range(9):
            self.weir.write_rules(STRICTER if i % 2 == 0 else RULES)
            self.weir.process.send_signal(signal.SIGHUP)
            time.sleep(0.003)
        self.weir.wait_status(lambda s: s["generation"] != before, 5, "the stricter rules")
        time.sleep(0.5)
        self.assertNotEqual(self.weir.status()["generation"], before)
        self.assertFalse(self.lab.tls(ALLOWED2).ok)
        self.assertTrue(self.lab.tls(ALLOWED).ok)

    def test_changes_wait_for_each_other(self):
        """Nobody is told to try again: reloads and switches of several operators queue up."""
        jobs = [lambda: self.weir.ctl("reload", check=False)] * 4
        jobs += [lambda m=m: self.weir.ctl("mode", m, check=False)
                 for m in ("monitor", "enforce", "monitor")]
        for done in in_parallel(len(jobs), jobs):
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.weir.ctl("mode", "enforce")
        self.assertFalse(self.lab.tls(DENIED).ok)

    def test_panic_waits_for_no_reload(self):
        """Not even for one that the enforcer, which hangs, cannot answer."""
        enforcer = self.weir.pid("enforcer")
        self.weir.write_rules(STRICTER)
        os.kill(enforcer, signal.SIGSTOP)
        self.weir.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        begin = time.monotonic()
        self.weir.ctl("mode", "panic")
        self.assertLess(time.monotonic() - begin, 0.7)
        os.kill(enforcer, signal.SIGCONT)
        self.assertIn("given up: mode panic came first", self.weir.said())
        self.weir.ctl("mode", "enforce")
        self.assertTrue(self.lab.tls(ALLOWED2).ok, "the reload was given up")
        self.assertFalse(self.lab.tls(DENIED).ok)

    def test_mode_monitor(self):
        """All passes; what would be denied is said."""
        self.weir.ctl("mode", "monitor")
        self.assertEqual(self.weir.status()["mode"], "monitor")
        answer = self.lab.curl(DENIED)
        self.assertEqual(answer.status, 200, answer)
        event = self.weir.ledger.flow(answer.port)
        self.assertEqual((event["verdict"], event["effect"], event["mode"], event["host"]),
                         ("deny", "passed", "monitor", DENIED), event)
        self.assertTrue(self.lab.gtlsclient(DENIED)[0])
        self.weir.ctl("mode", "enforce")
        self.assertFalse(self.lab.tls(DENIED).ok)
        self.weir.ledger.wait(type="change", what="mode", count=2)

    def test_mode_panic(self):
        self.weir.ctl("mode", "panic")
        self.assertTrue(self.lab.tls(DENIED).ok)
        self.assertTrue(self.lab.tls(ALLOWED, places.BARRED).ok)
        self.weir.ctl("mode", "enforce")
        self.assertFalse(self.lab.tls(DENIED).ok)

    def test_enforce_cuts_what_monitor_let_pass(self):
        self.weir.ctl("mode", "monitor")
        stream = self.stream(DENIED)
        self.weir.ctl("mode", "enforce")
        end = time.monotonic() + 5
        while stream.error is None and time.monotonic() < end:
            time.sleep(0.02)
        self.assertRegex(stream.error or "nothing", "Reset|the end")

    def test_stats_and_netfilter(self):
        def stats():
            return json.loads(self.weir.ctl("stats", "--json").stdout)

        before = stats()["undecidable_no_sni"]
        self.lab.openssl(None)
        wait_for(lambda: stats()["undecidable_no_sni"] == before + 1, 5, "a name that was missed")
        counted = {word for word in stats() if word.startswith("undecidable_")}
        with open(REASONS, encoding="utf-8") as f:
            reasons = [line.split("\t")[0] for line in f if line[0] != "#"]
        self.assertEqual(counted, {"undecidable_" + word for word in reasons})
        self.assertTrue(self.weir.ctl("stats").stdout.strip())
        self.assertIn("7411", self.weir.ctl("netfilter").stdout)
        self.assertIn("backend", self.weir.status())
        done = self.weir.ctl("mode", "sideways", check=False)
        self.assertEqual(done.returncode, 2)


class SignedRules(GatewayCase):
    """Rules that two people must have signed: at the start and at each reload."""
    auto_start = False

    def sign(self, weir, *who):
        for name in who:
            command([weir.program, "rules", "sign", "-c", weir.conf, "--key", os.path.join(weir.folder, name)])

    def test_signed_rules(self):
        weir = self.new_weir()
        keys = []
        for name in ("anna", "ben"):
            said = command([weir.program, "keygen", "--signer", os.path.join(weir.folder, name)]).stdout
            keys.append(said.split('"')[1])
        plain = open(weir.conf, encoding="ascii").read()
        with open(weir.conf, "a", encoding="ascii") as f:
            f.write('rules_signers = [ "' + '", "'.join(keys) + '" ];\n')
        with self.assertRaisesRegex(LabError, "rules_signers demands 2 signatures"):
            weir.start()
        self.sign(weir, "anna", "ben")
        weir.start()
        before = weir.status()["generation"]
        weir.write_rules(STRICTER)
        self.sign(weir, "anna")
        # Whoever takes the demand away is still held to it: the signers of the start count.
        for conf in (None, plain):
            if conf is not None:
                with open(weir.conf, "w", encoding="ascii") as f:
                    f.write(conf)
            done = weir.ctl("reload", check=False)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("1 of 2 signers have signed these rules", done.stdout + done.stderr)
            self.assertEqual(weir.status()["generation"], before)
        refused = weir.ledger.wait(type="change", what="reload_refused", count=2)[-1]
        self.assertTrue(refused["who"])
        self.assertTrue(self.lab.tls(ALLOWED2).ok)
        self.sign(weir, "ben")
        weir.ctl("reload")
        self.assertFalse(self.lab.tls(ALLOWED2).ok)
        change = weir.ledger.wait(type="change", what="reload")[-1]
        self.assertRegex(change["diff"], "signed by ([0-9A-F]{4}-){7}[0-9A-F]{4} ([0-9A-F]{4}-){7}[0-9A-F]{4}")
        self.assertIn("rules_signers", change["diff"])
        # What the ledger keeps of it can be printed and packed.
        self.assertEqual(weir.stop(), 0)
        pack = os.path.join(weir.folder, "pack.tar")
        command([weir.program, "evidence", "--verdict", "deny", "--ledger", weir.ledger.folder, "-o", pack])
        root = os.path.join(weir.ledger.folder, "ledger.pub")
        said = command(["python3", os.path.join(TOP, "docs", "evidence-check.py"), pack, "--key", root]).stdout
        self.assertRegex(said, "context, line [0-9]+: proven by seal")
        self.assertIn("all proven", said)
        self.assertEqual(weir.faults(), "")


if __name__ == "__main__":
    unittest.main()
