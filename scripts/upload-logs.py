#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uploads the rows of `weir export asim` to Azure Monitor by the Logs Ingestion API.

At least once: the cursor (a sequence number of the ledger) moves when the service has said 204.
Limits of the service (Microsoft Learn, "Azure Monitor service limits", section Logs Ingestion
API, and "Logs Ingestion API in Azure Monitor"; seen 2026-11): a call of at most 1 MB, compressed
or not; a value of at most 64 KB, the rest is cut by the service; 2 GB and 12,000 calls a minute
of a data collection rule; 429 with Retry-After.

The bearer token comes from a file, or from the output of a command; it is in no argument, no
message and no file of ours.  Python's standard library alone.

Exit status: 0 all is uploaded; 1 rows had to be left out; 2 usage; 3 could not, try again later.
"""
import argparse
import collections
import email.utils
import gzip
import hashlib
import http.client
import json
import os
import random
import re
import shlex
import ssl
import stat
import subprocess
import sys
import time
import urllib.parse

API_VERSION = "2023-01-01"
CALL_BYTES = 1000 * 1000
VALUE_BYTES = 64 * 1000
MINUTE_BYTES = 2 * 1000 ** 3
MINUTE_CALLS = 12000
WAIT_FIRST_S, WAIT_MOST_S = 1, 300
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class GaveUp(Exception):
    """Not now: what was not acknowledged is uploaded by a later run."""


def say(text):
    print(f"upload-logs: {text}", file=sys.stderr, flush=True)


# ---- the token


def token_from(text):
    """A bare token, or JSON as `az account get-access-token` and identity endpoints print it."""
    text = text.strip()
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            found = {}
        text = found.get("accessToken") or found.get("access_token") or ""
    if not isinstance(text, str) or not TOKEN.fullmatch(text):
        raise GaveUp("what should be a token is none (RFC 6750, section 2.1)")
    return text


def read_token(options):
    if options.token_command:
        try:
            done = subprocess.run(shlex.split(options.token_command), check=False, timeout=120,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise GaveUp(f"--token-command: {type(e).__name__}") from None
        if done.returncode != 0:
            raise GaveUp(f"--token-command ended with {done.returncode}")
        return token_from(done.stdout)
    try:
        with open(options.token_file, encoding="ascii", errors="replace") as f:
            if stat.S_IMODE(os.fstat(f.fileno()).st_mode) & 0o007:
                raise GaveUp(f"{options.token_file}: everybody may use it; chmod o= it")
            return token_from(f.read(1 << 16))
    except OSError as e:
        raise GaveUp(f"{options.token_file}: {e.strerror}") from None


# ---- the cursor


def ledger_of(folder):
    """Which ledger it is: one begun anew has another key."""
    try:
        with open(os.path.join(folder, "ledger.pub"), "rb") as f:
            return hashlib.sha256(f.read(1 << 16)).hexdigest()
    except OSError:
        return ""


def load_cursor(options):
    ledger = ledger_of(options.ledger)
    try:
        with open(options.state, encoding="ascii") as f:
            state = json.load(f)
        seq = state["seq"]
        if not isinstance(seq, int) or isinstance(seq, bool) or seq < 0:
            raise ValueError
    except FileNotFoundError:
        return 0
    except OSError as e:
        raise GaveUp(f"{options.state}: {e.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise GaveUp(f"{options.state}: is damaged; remove it to upload all again") from None
    if state.get("ledger") != ledger:
        say("the ledger is another one than before: all of it is uploaded")
        return 0
    return seq


def save_cursor(options, seq):
    folder = os.path.dirname(os.path.abspath(options.state))
    new = options.state + ".new"
    try:
        with open(new, "w", encoding="ascii") as f:
            json.dump({"ledger": ledger_of(options.ledger), "seq": seq}, f)
            f.write("\n")
            f.flush()
            os.fsync(f.fileno())
        os.rename(new, options.state)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as e:
        raise GaveUp(f"{options.state}: {e.strerror}") from None


# ---- rows and batches


class Rows:
    """(seq, row as bytes) of `weir export asim`, in the ledger's order."""

    def __init__(self, options, after):
        command = [options.weir, "export", "asim", "--ledger", options.ledger,
                   "--type", options.type, "--after", str(after)]
        self.left_out = 0
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE)
        except OSError as e:
            raise GaveUp(f"{options.weir}: {e.strerror}") from None

    def __iter__(self):
        for line in self.process.stdout:
            row = line.rstrip(b"\n")
            try:
                fields = json.loads(row)
                seq = fields["AdditionalFields"]["seq"]
            except (ValueError, KeyError, TypeError):
                raise GaveUp("weir export wrote what is no row") from None
            self.check(fields, seq)
            if len(row) + 2 > CALL_BYTES:
                self.leave_out(seq, "is larger than a call may be")
                continue
            yield seq, row
        if self.process.wait() == 1:
            self.left_out += 1  # it said which lines are no events
        elif self.process.returncode != 0:
            raise GaveUp(f"weir export ended with {self.process.returncode}")

    def close(self):
        self.process.stdout.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()

    def check(self, fields, seq):
        for name, value in fields.items():
            text = value if isinstance(value, str) else json.dumps(value)
            if len(text.encode()) > VALUE_BYTES:
                say(f"line {seq}: the service cuts {name}, which is over 64 KB")

    def leave_out(self, seq, why):
        say(f"line {seq}: {why}; it is left out")
        self.left_out += 1


def batches(rows):
    """Lists of rows whose JSON array is at most CALL_BYTES."""
    batch, size = [], 2
    for seq, row in rows:
        more = len(row) + (1 if batch else 0)
        if size + more > CALL_BYTES:
            yield batch
            batch, size, more = [], 2, len(row)
        batch.append((seq, row))
        size += more
    if batch:
        yield batch


# ---- the service


class Pace:
    """What a minute allows: waits until another call of `size` bytes fits."""

    def __init__(self, clock=time.monotonic, sleep=time.sleep):
        self.calls, self.bytes = collections.deque(), 0
        self.clock, self.sleep = clock, sleep

    def wait(self, size):
        while True:
            now = self.clock()
            while self.calls and now - self.calls[0][0] >= 60:
                self.bytes -= self.calls.popleft()[1]
            if len(self.calls) < MINUTE_CALLS and self.bytes + size <= MINUTE_BYTES:
                break
            self.sleep(max(0.01, 60 - (now - self.calls[0][0])))
        self.calls.append((now, size))
        self.bytes += size


def retry_after(value, now):
    """Seconds that the service asks for (RFC 9110, section 10.2.3), or None."""
    if value is None:
        return None
    if value.strip().isdigit():
        return int(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError, IndexError):
        return None


class Service:
    def __init__(self, options):
        self.options, self.pace = options, Pace()
        url = urllib.parse.urlsplit(options.endpoint)
        self.host, self.port = url.hostname, url.port or 443
        self.path = (f"/dataCollectionRules/{urllib.parse.quote(options.dcr, safe='')}"
                     f"/streams/{urllib.parse.quote(options.stream, safe='')}"
                     f"?api-version={API_VERSION}")
        self.tls = ssl.create_default_context(cafile=options.ca)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self.connection, self.token = None, None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def call(self, body):
        """(status, headers, text); the connection is kept."""
        if self.token is None:
            self.token = read_token(self.options)
        self.pace.wait(len(body))
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(self.host, self.port, timeout=60,
                                                          context=self.tls)
        try:
            self.connection.request("POST", self.path, gzip.compress(body, 6), {
                "Authorization": "Bearer " + self.token,
                "Content-Type": "application/json",
                "Content-Encoding": "gzip"})
            answer = self.connection.getresponse()
            text = answer.read(1 << 16)
            if not answer.isclosed():
                self.close()
            return answer.status, answer.headers, text
        except ssl.SSLCertVerificationError as e:
            self.close()
            raise GaveUp(f"{self.host}: its certificate is refused: {e.verify_message}") \
                from None
        except (OSError, http.client.HTTPException) as e:
            self.close()
            return 0, {}, f"{type(e).__name__}: {e}".encode()

    def put(self, batch, rows):
        """Until the service has the batch: halves of it when it is too large."""
        todo = [batch]
        while todo:
            part = todo.pop()
            if self.put_one(part):
                continue
            if len(part) == 1:
                rows.leave_out(part[0][0], "is refused as too large (413)")
                continue
            middle = len(part) // 2
            todo += [part[middle:], part[:middle]]

    def put_one(self, part):
        """True: it has it.  False: too large."""
        body = b"[" + b",".join(row for _, row in part) + b"]"
        wait, renewed = WAIT_FIRST_S, False
        for attempt in range(1, self.options.attempts + 1):
            status, headers, text = self.call(body)
            if status in (200, 204):
                return True
            if status == 413:
                return False
            if status == 401 and not renewed:
                # It has expired: there may be a new one already.
                self.token, renewed = None, True
                continue
            if status != 0 and status != 429 and status < 500:
                raise GaveUp(self.why(status, headers, text))
            if attempt == self.options.attempts:
                raise GaveUp(self.why(status, headers, text))
            asked = retry_after(headers.get("Retry-After"), time.time())
            if asked is not None and asked > WAIT_MOST_S:
                raise GaveUp(self.why(status, headers, text) + f"; not before {asked:.0f} s")
            say(f"{self.why(status, headers, text)}; again later")
            time.sleep(asked if asked is not None else wait * random.uniform(0.5, 1))
            wait = min(2 * wait, WAIT_MOST_S)
        raise GaveUp("too many attempts")

    def why(self, status, headers, text):
        text = text.decode("utf-8", "replace").replace(self.token or "\0", "[token]")
        text = "".join(c if " " <= c <= "~" else "?" for c in text)[:300]
        code = headers.get("x-ms-error-code") if headers else None
        return f"{self.host}: {status or 'no answer'}{f' {code}' if code else ''}: {text}"


# ---- the command


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0],
                                epilog="docs/ship.md tells what has to be set up in Azure.")
    p.add_argument("--endpoint", required=True,
                   help="logs ingestion endpoint of the rule: https://...ingest.monitor.azure.com")
    p.add_argument("--dcr", required=True, help="immutable id of the data collection rule")
    p.add_argument("--stream", required=True, help="of the rule: Custom-WeirSessions")
    p.add_argument("--type", required=True,
                   help="events of that stream: flow,rollup or signal,incident")
    p.add_argument("--ledger", default="/var/lib/weir/ledger")
    p.add_argument("--state", required=True, help="file of the cursor, one a stream")
    t = p.add_mutually_exclusive_group(required=True)
    t.add_argument("--token-file", help="read again when the service says that it expired")
    t.add_argument("--token-command", help="whose output is the token; run without a shell")
    p.add_argument("--ca", help="PEM file of authorities (default: the system's)")
    p.add_argument("--weir", default="weir", help="the program (default: by PATH)")
    p.add_argument("--attempts", type=int, default=8, help="of a call (default: 8)")
    options = p.parse_args(argv)
    url = urllib.parse.urlsplit(options.endpoint)
    if url.scheme != "https" or not url.hostname or url.username or url.path not in ("", "/"):
        p.error("--endpoint: write https://NAME, nothing behind it")
    if options.attempts < 1:
        p.error("--attempts: 1 or more")
    return options


def upload(options):
    service, count, seq = Service(options), 0, load_cursor(options)
    rows = Rows(options, seq)
    try:
        for batch in batches(rows):
            service.put(batch, rows)
            save_cursor(options, batch[-1][0])
            count += len(batch)
    finally:
        rows.close()
        service.close()
    say(f"{count} rows uploaded")
    return 1 if rows.left_out else 0


def main(argv):
    options = parse(argv)
    try:
        return upload(options)
    except GaveUp as e:
        say(str(e))
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
