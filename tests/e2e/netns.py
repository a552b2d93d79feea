# SPDX-License-Identifier: Apache-2.0
"""Network namespaces and processes inside them, ended by their ids and never by a name."""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

RUN = "/run/netns"
PREFIX = "weir-e2e"
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
HOME_FD = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class LabError(Exception):
    """The lab could not do what a test asked of it."""


def wait_for(question, timeout, what):
    """The first true answer of question(), asked until timeout seconds are over."""
    end = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise LabError(f"after {timeout} s still not: {what}")
        time.sleep(0.02)


def command(args, timeout=20, check=True, **options):
    """Run a program to its end; its output is text."""
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          check=False, encoding="utf-8", errors="replace",
                          stdin=options.pop("stdin", subprocess.DEVNULL if "input" not in options
                                            else None), **options)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(args)}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
    return done


def dies_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_running(pid):
    """Whether there is such a process, and it is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid):
    """Ids of all living children and their children."""
    found = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return found
    for thread in threads:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as f:
                for child in map(int, f.read().split()):
                    found += [child, *descendants(child)]
    return found


def send_signal(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class Namespace:
    """A network namespace of our own; `with ns:` brings the calling thread into it."""

    def __init__(self, name):
        self.name = name
        self.path = f"{RUN}/{name}"
        command(["ip", "netns", "add", name])
        self.fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self.ip("link", "set", "lo", "up")

    def __enter__(self):
        if LIBC.setns(self.fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {self.name}")
        return self

    def __exit__(self, *_):
        if LIBC.setns(HOME_FD, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns back")

    def ip(self, *args):
        return command(["ip", "-n", self.name, *args])

    def run(self, *args, **options):
        with self:
            return command(list(args), **options)

    def popen(self, args, **options):
        """Start a program that ends with us at the latest."""
        options.setdefault("stdin", subprocess.DEVNULL)
        with self:
            return subprocess.Popen(args, preexec_fn=dies_with_parent, **options)

    def sysctl(self, **settings):
        with self:
            for name, value in settings.items():
                with open("/proc/sys/net/" + name.replace("__", "/"), "w", encoding="ascii") as f:
                    f.write(str(value))

    def pids(self):
        done = command(["ip", "netns", "pids", self.name], check=False)
        return [int(word) for word in done.stdout.split()]

    def close(self):
        """End what still runs in it, then remove it."""
        end = time.monotonic() + 5
        while (left := [p for p in self.pids() if p != os.getpid()]) and time.monotonic() < end:
            for pid in left:
                send_signal(pid, signal.SIGKILL)
            time.sleep(0.02)
        os.close(self.fd)
        command(["ip", "netns", "del", self.name], check=False)


def left_behind(folder):
    """Names there that bear the id of a process of ours that is gone."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            owner = re.fullmatch(PREFIX + r"-(\d+)-.*", name)
            if owner and not os.path.exists(f"/proc/{owner.group(1)}"):
                yield name


def sweep():
    """Remove what runs that were killed left: namespaces and scratch folders."""
    for name in left_behind(RUN):
        command(["ip", "netns", "del", name], check=False)
    for name in left_behind(tempfile.gettempdir()):
        shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)
