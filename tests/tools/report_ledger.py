#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small ledger without seals for tests of `weir report`: denials in events and roll-ups, losses."""
import json

number = 0


def line(minute, kind, **fields):
    global number
    number += 1
    print(json.dumps({"v": 1, "seq": number, "time": f"2026-11-22T10:{minute:02}:00.000000Z",
                      "type": kind, "sensor": "lab", "generation": "0123456789abcdef",
                      "mode": "monitor", **fields}, separators=(",", ":")))


DENIED = {"role": "user", "principal": "10.0.0.1", "host": "bad.example", "service": "smtp",
          "verdict": "deny"}
WHY = {"reason": "rule", "gate": "rules", "rule": "a.rules:4", "rule_label": "no-mail"}
for n in range(7):
    line(0, "flow", phase="start", flow_id=f"{n:016x}", **DENIED, effect="passed", **WHY)
for n in range(4):
    line(1 + n, "rollup", **DENIED, **WHY, count=250, ends=100)
line(6, "rollup", role="user", principal="10.0.0.2", host="soon.example", verdict="allow",
     would_verdict="deny", gate="default", rule="a.rules:9", count=50, ends=50)
for start, end in ((10, 20), (15, 25)):
    line(30, "loss", what="uninspected", count=21 if start == 10 else 0,
         **{"from": f"2026-11-22T10:{start}:00.000000Z", "to": f"2026-11-22T10:{end}:00.000000Z"})
line(31, "loss", what="events", count=21, **{"from": "2026-11-22T10:31:00.000000Z",
                                             "to": "2026-11-22T10:31:00.000000Z"})
