#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A page of `weir report` as text, and its numbers held against its queries.

usage: report_check.py facts PAGE          its facts, and the totals of its tables
       report_check.py queries WEIR PAGE [N]   run each (each N-th) query of the page; exit 1 when
                                               one differs
"""
import html.parser
import json
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


class Page(html.parser.HTMLParser):
    """Facts: rows of class facts, without their queries.  Queries: command and what it said."""

    def __init__(self):
        super().__init__()
        self.facts, self.queries, self.tables = [], [], []
        self.open, self.row, self.text = [], [], []
        self.caption = ""

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("meta", "br", "rect", "line"):
            return
        self.open.append((tag, attrs.get("class", "")))
        if tag == "tr":
            self.row = []
        if tag in ("td", "th", "caption"):
            self.text = []
        if attrs.get("class") == "q":
            self.queries.append("")

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass
        text = re.sub(r"\s+", " ", "".join(self.text)).strip()
        if tag in ("td", "th"):
            self.row.append(text)
        elif tag == "caption":
            self.caption = text
        elif tag == "tr" and any(c == "facts" for _, c in self.open):
            self.facts.append(" | ".join(self.row))
        elif tag == "tfoot":
            self.tables.append(f"{self.caption}: {' '.join(c for c in self.row if c)}")

    def handle_data(self, data):
        if any(c == "q" for _, c in self.open):
            self.queries[-1] += data
        elif not any(tag == "svg" for tag, _ in self.open):
            self.text.append(data)


def read(path):
    page = Page()
    with open(path, encoding="utf-8") as f:
        page.feed(f.read())
    return page


def ask(weir, query):
    """None, or how the answer differs from what the page says."""
    command, said = query.split(" → ")
    words = shlex.split(command)
    if "--limit" in words:
        words[words.index("--limit") + 1] = "0"
    done = subprocess.run([weir] + words[1:] + ["--json"], capture_output=True, check=False)
    rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
    want = re.match(r"([\d,]+) events?(?:; sum ([\d,]+))?$", said.strip())
    got = sum(row.get("events", 1) for row in rows)
    if done.returncode > 1 or not want or got != int(want[1].replace(",", "")):
        return f"{query}\n  got {got}, status {done.returncode} {done.stderr.decode()[:200]}"
    if want[2]:
        field = words[words.index("--sum") + 1]
        if sum(row[field] for row in rows) != int(want[2].replace(",", "")):
            return f"{query}\n  got sum {sum(row[field] for row in rows)}"
    return None


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "facts":
        page = read(sys.argv[2])
        print("\n".join(page.facts + page.tables))
        return 0
    if len(sys.argv) not in (4, 5) or sys.argv[1] != "queries":
        print(__doc__, file=sys.stderr)
        return 2
    queries = sorted({q for q in read(sys.argv[3]).queries if q.startswith("weir query")})
    if len(queries) < 50:
        print(f"only {len(queries)} queries in the page")
        return 1
    queries = queries[::int(sys.argv[4]) if len(sys.argv) == 5 else 1]
    with ThreadPoolExecutor(2) as pool:
        bad = [fault for fault in pool.map(lambda q: ask(sys.argv[2], q), queries) if fault]
    print("\n".join(bad) if bad else f"{len(queries)} queries give the page's numbers")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
