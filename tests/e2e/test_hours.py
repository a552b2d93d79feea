# SPDX-License-Identifier: Apache-2.0
"""Hours that end while connections are open: `cut` ends them, behind address translation, too."""
import time
from datetime import datetime, timedelta, timezone

import lab as places
from case import Download, GatewayCase
from gateway import ALLOWED, ALLOWED2, MARK_MASK, RULES
from servers import Keeper


def rules(edge):
    """As RULES, but from `edge` on one allowed name is denied and cut, another denied."""
    hours = f'during "daily {edge:%H:%M}-{edge + timedelta(minutes=30):%H:%M}" zone "UTC"'
    return RULES.replace("label barred-address", f'label barred-address\ndeny  host "{ALLOWED2}"  {hours}  cut  '
                         f'label night\ndeny  host "{ALLOWED}"  {hours}  label new-ones-only')


class Hours(GatewayCase):
    limit = 240
    lab_options = {"snat": True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for address in (places.STREAM, places.STREAM6):
            cls.addClassCleanup(Keeper(cls.lab, address, pause_s=0.05).close)

    def stream(self, host, address):
        download = Download(self.lab, host, address)
        self.addCleanup(download.close)
        return download.wait_first()

    def test_cut_at_the_edge(self):
        edge = (datetime.now(timezone.utc) + timedelta(seconds=75)).replace(second=0, microsecond=0)
        before = self.weir.status()["generation"]
        self.weir.write_rules(rules(edge))
        self.weir.ctl("reload")
        self.weir.wait_status(lambda s: s["generation"] != before, 5, "new rules")
        stay = [self.stream(ALLOWED, a) for a in (places.STREAM, places.STREAM6)]
        gone = [self.stream(ALLOWED2, a) for a in (places.STREAM, places.STREAM6) * 3]
        for one in stay + gone:
            one.progress(0.1)
            self.assertTrue(all(m & MARK_MASK for m in self.lab.marks(one.sport)), "the kernel passes it alone")
        time.sleep(max(0.0, edge.timestamp() - time.time() - 1))
        if datetime.now(timezone.utc) < edge:
            self.assertEqual([s.error for s in stay + gone], [None] * 8, "nothing before the edge")
        end = edge.timestamp() + 62
        while time.time() < end and not all(one.error for one in gone):
            time.sleep(0.1)
        for one in gone:
            self.assertRegex(one.error or "nothing", "Reset|the end")
            event = self.weir.ledger.wait(type="flow", phase="update", src_port=one.sport, verdict="deny")[-1]
            self.assertEqual(event["rule_label"], "night", event)
            self.assertLess(datetime.fromisoformat(event["time"].replace("Z", "+00:00")) - edge,
                            timedelta(seconds=61))
        for one in stay:
            self.assertIsNone(one.error)
            self.assertGreater(one.progress(0.5), 2000)
            self.assertEqual(self.weir.ledger.events(type="flow", phase="update", src_port=one.sport), [])
        self.assertFalse(self.lab.tls(ALLOWED).ok, "new connections are denied by both lines")
        self.assertFalse(self.lab.tls(ALLOWED2).ok)
        times = {e["time"][:19] for e in self.weir.ledger.events(type="flow", phase="update", rule_label="night")}
        self.assertGreater(len(times), 1, "not all in one second")
