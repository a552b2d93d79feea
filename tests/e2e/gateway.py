# SPDX-License-Identifier: Apache-2.0
"""weir in the gateway's namespace: its configuration, its processes, its ledger."""
import glob
import json
import os
import shutil
import signal
import struct
import subprocess
import sys

import lab as places
from netns import LabError, command, descendants, is_running, send_signal, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WEIR = os.path.realpath(os.environ.get("WEIR", os.path.join(TOP, "weir")))
MARK_MASK = 0x0FFF0000
QUEUE = 7411
WATCHDOG_S = 1

ALLOWED, ALLOWED2, DENIED = "make.powerapps.com", "contoso.crm4.dynamics.com", "evil.powerapps.com"
QUIC = "quic.powerapps.com"
BLOCKED_HTTP, PLAIN_HTTP = "www.blocked.example", "www.lab.example"

RULES = f"""\
# What the lab's gateway allows.
version 1
gate rules
deny   to {{ {places.BARRED}, {places.BARRED6} }}  label barred-address
deny   host {{ "{DENIED}", "*.blocked.example" }}  label denied-name
deny   host "quic-too.lab.example"  proto quic  label denied-quic
allow  to {{ {places.BARE}, {places.BARE6} }}  label bare-address
allow  host {{ "{ALLOWED}", "{ALLOWED2}", "{QUIC}", "*.lab.example" }}  label allowed-name
allow  port 53  label dns

gate default
deny   in-scope  label unlisted
allow  other  label other

gate undecidable
alert  {{ no_sni, midstream, conflict }}
deny   {{ hold_budget, incomplete, malformed_hello, malformed_name, hello_too_big }}
"""

CONF = """\
sensor = "lab-gw";
mode   = "{mode}";
rules  = [ "lab.rules" ];
capture = {{
  source = "{source}"; interfaces = [ {interfaces} ]; on_failure = "{on_failure}";
  adopt_established = "{adopt}"; queue = {queue}; mark_mask = "0x{mask:08x}"; min_ttl = 20;
  watchdog = "{watchdog}s"; user = "{user}";
}};
sites = ( {{
  name = "lab"; inside = [ "10.1.0.0/16", "fd01::/64" ];
  resolvers = [ "{web}", "{web6}" ];
}} );
ledger  = {{ dir = "{folder}/ledger"; dns_events = true; }};
control = {{ socket = "{folder}/control"; }};
"""


class Ledger:
    """The events of a ledger, read as they come."""

    def __init__(self, folder):
        self.folder = folder

    def files(self):
        """The segments, plain or compressed; of both, which are there for a moment, the plain one."""
        found = glob.glob(os.path.join(self.folder, "[0-9]*.jsonl"))
        packed = glob.glob(os.path.join(self.folder, "[0-9]*.jsonl.zst"))
        return sorted(found + [n for n in packed if n.removesuffix(".zst") not in found])

    @staticmethod
    def text(name):
        try:
            with open(name, "rb") as f:
                data = f.read()
        except FileNotFoundError:  # compressed since
            name += ".zst"
            with open(name, "rb") as f:
                data = f.read()
        if name.endswith(".zst"):
            data = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout
        return data

    def events(self, **fields):
        """All whole lines so far whose fields are these; a torn last line waits."""
        found = []
        for name in self.files():
            for line in self.text(name).split(b"\n")[:-1]:
                event = json.loads(line)
                if all(event.get(k) == v for k, v in fields.items()):
                    found.append(event)
        return found

    def wait(self, timeout=5, count=1, **fields):
        """Those events, as soon as there are `count` of them."""
        try:
            return wait_for(lambda: len(found := self.events(**fields)) >= count and found,
                            timeout, f"{count} events {fields}")
        except LabError as e:
            raise LabError(f"{e}; there are {len(self.events(**fields))}") from None

    def flow(self, sport, phase="start", timeout=5, transport="tcp"):
        """The last event of that phase of the connection with this source port."""
        return self.wait(timeout, type="flow", phase=phase, src_port=sport,
                         transport=transport)[-1]


def dns_addresses(event):
    return event.get("addresses", event.get("answers", []))


def installed(lab):
    """The program with its data where any user may read them."""
    at = lab.dir
    while at not in ("/", "/tmp"):
        os.chmod(at, os.stat(at).st_mode | 0o111)
        at = os.path.dirname(at)
    place = os.path.join(lab.dir, "installed")
    os.makedirs(os.path.join(place, "sbin"))
    for part in ("rules", "geo"):
        shutil.copytree(os.path.join(TOP, part), os.path.join(place, "share/weir", part))
    return shutil.copy(WEIR, os.path.join(place, "sbin", "weir"))


class Faults:
    """What faults.c does to a weir that is started with it."""

    NAMES = ("ahead_s", "write_error", "pwrite_error", "sync_error")

    def __init__(self, folder):
        self.library, self.path = (os.path.join(folder, n) for n in ("faults.so", "faults"))
        command(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", self.library,
                 os.path.join(TOP, "tests/e2e/faults.c")])
        self.set()
        self.environment = {"LD_PRELOAD": self.library, "WEIR_FAULTS": self.path}

    def set(self, **values):
        """These from now on, and no others."""
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as f:
            f.write(struct.pack("=4q", *(values.get(n, 0) for n in self.NAMES)))


class Weir:
    """`weir run` and `weir ctl` in a lab."""

    numbers = iter(range(1, 10**6))

    def __init__(self, lab, mode="enforce", on_failure="closed", adopt="10s", rules=RULES,
                 source="nfqueue", user="weir", program=WEIR):
        self.lab = lab
        self.mode, self.on_failure, self.adopt = mode, on_failure, adopt
        self.source, self.user, self.program = source, user, program
        # A new folder for each: a ledger is not written twice.
        self.folder = os.path.join(lab.dir, f"weir{next(Weir.numbers)}")
        os.mkdir(self.folder, 0o755)
        self.conf = os.path.join(self.folder, "weir.conf")
        self.rules = os.path.join(self.folder, "lab.rules")
        self.log = os.path.join(self.folder, "stderr")
        self.ledger = Ledger(os.path.join(self.folder, "ledger"))
        self.process = None
        self.faults_of = {}  # Faults.environment
        self.known = set()
        self.write_rules(rules)
        self.write_conf()
        lab.stack.callback(self.kill)

    def write_conf(self, **other):
        with open(self.conf, "w", encoding="ascii") as f:
            interfaces = '"c0", "s0"' if self.source == "nfqueue" else '"c0"'
            f.write(CONF.format(mode=other.get("mode", self.mode), on_failure=self.on_failure,
                                source=self.source, interfaces=interfaces, user=self.user,
                                adopt=self.adopt, queue=QUEUE, mask=MARK_MASK,
                                watchdog=WATCHDOG_S, web=places.WEB, web6=places.WEB6,
                                folder=self.folder))

    def write_rules(self, text):
        with open(self.rules + ".new", "w", encoding="ascii") as f:
            f.write(text)
        os.rename(self.rules + ".new", self.rules)

    # ---- running it -----------------------------------------------------------------------------
    def said(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def start(self, timeout=20):
        """Start it and wait until it judges traffic."""
        if not os.access(self.program, os.X_OK):
            raise LabError(f"{self.program} is missing: run make")
        with open(self.log, "wb") as log:
            self.process = self.lab.gateway.popen([self.program, "run", "-c", self.conf], stdout=log,
                                                  stderr=log, cwd=TOP,
                                                  env={**self.lab.environment, **self.faults_of})
        try:
            wait_for(lambda: "ready" in self.said() or self.process.poll() is not None, timeout,
                     "weir is ready")
            if self.process.poll() is not None:
                raise LabError(f"weir run: exit {self.process.returncode}")
        except LabError as e:
            self.kill()
            raise LabError(f"{e}\n{self.said()[-2000:]}") from None
        self.known = {self.process.pid, *descendants(self.process.pid)}
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout=10):
        """SIGTERM; its exit status."""
        self.known |= set(descendants(self.process.pid))
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LabError(f"weir still runs {timeout} s after SIGTERM") from None
        wait_for(lambda: not any(map(is_running, self.known)), 3, "all of its processes ended")
        return status

    def kill(self):
        """Kill -9 for every process of it, the first one first."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.known |= set(descendants(self.process.pid))
            # An enforcer that hears of the first one's end would put the host in order.
            for pid in self.known:
                if self._is_ours(pid):
                    send_signal(pid, signal.SIGSTOP)
            self.process.kill()
            self.process.wait(5)
        for pid in self.known:
            if self._is_ours(pid):
                send_signal(pid, signal.SIGKILL)
        wait_for(lambda: not any(self._is_ours(p) for p in self.known), 5, "killed processes ended")

    def kill_supervisor(self):
        """Only the first process; the others notice."""
        self.known |= set(descendants(self.process.pid))
        self.process.kill()
        self.process.wait(5)

    def _is_ours(self, pid):
        """Not one that got the number later: it runs our program."""
        try:
            return os.readlink(f"/proc/{pid}/exe").split(" ")[0] == self.program and is_running(pid)
        except OSError:
            return False

    def ctl(self, *words, check=True, timeout=10):
        done = self.lab.gateway.run(self.program, "ctl", "-c", self.conf, *words, check=False,
                                    timeout=timeout, env=self.lab.environment, cwd=TOP)
        if check and done.returncode != 0:
            raise LabError(f"weir ctl {' '.join(words)}: exit {done.returncode}: "
                           f"{done.stdout}{done.stderr}")
        return done

    def status(self):
        return json.loads(self.ctl("status", "--json").stdout)

    def pid(self, part):
        return int(self.status()["pids"][part])

    def pids(self):
        """All processes that work for it now."""
        return sorted({self.process.pid, *descendants(self.process.pid),
                       *map(int, self.status()["pids"].values())})

    def off(self):
        return self.lab.gateway.run(WEIR, "off", check=False, env=self.lab.environment, cwd=TOP)

    def wait_status(self, question, timeout, what):
        """The first status that answers the question; ctl may fail meanwhile."""
        def ask():
            try:
                status = self.status()
                return status if question(status) else None
            except (LabError, ValueError, KeyError):
                return None
        return wait_for(ask, timeout, what)

    def faults(self):
        """What docs/event-schema.json says against the ledger, and sequence gaps."""
        done = command([sys.executable, os.path.join(TOP, "tests/tools/validate_events.py"),
                        *self.ledger.files()], check=False, timeout=60)
        return "" if done.returncode == 0 else done.stdout + done.stderr
