# SPDX-License-Identifier: Apache-2.0
"""`weir report` in Chromium: looked at as people do, on screens and paper."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import lab as places
from browser import Browser
from case import GatewayCase
from gateway import ALLOWED, DENIED, TOP, WEIR, Weir
from netns import wait_for

# What is wider than the window, but for what scrolls by itself.
TOO_WIDE = """
[...document.querySelectorAll('body *')].filter(e => !e.closest('.wide, figure')
  && e.getBoundingClientRect().width > 0
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))
"""
# Text whose contrast is under 4.5 (WCAG 2.2, 1.4.3), or that is smaller than 11 px.
HARD_TO_READ = """
(() => {
  const parts = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = parts(c).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim() !== '')
        || e.closest('svg title, svg desc')) continue;
    const s = getComputedStyle(e), ink = light(e.closest('svg') ? s.fill : s.color);
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (ratio < 4.5 || parseFloat(s.fontSize) < 11)
      bad.push(`${e.outerHTML.slice(0, 80)} ${ratio.toFixed(1)} ${s.fontSize}`);
  }
  return bad;
})()
"""
HOSTILE = '<script>document.title="owned"</script><img src="http://192.0.2.1/x" onerror=alert(1)>\'&amp;\u202egpj.exe'


class Report(unittest.TestCase):
    """The demo's ledger, and one whose texts attack the reader."""

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.home)
        ledger = os.path.join(cls.home, "ledger")
        subprocess.run([WEIR, "replay", "-c", "tests/demo/demo.conf", "-o", ledger,
                        "tests/demo/demo.pcap"], cwd=TOP, check=True, capture_output=True)
        cls.page = cls.write(ledger, "demo.html", 0)
        cls.hostile = cls.write(cls.attack(ledger), "hostile.html", 1)
        cls.browser = cls.enterClassContext(Browser())

    @classmethod
    def write(cls, ledger, name, status):
        path = os.path.join(cls.home, name)
        done = subprocess.run([WEIR, "report", "--ledger", ledger, "-o", path], cwd=TOP,
                              check=False, capture_output=True)
        assert done.returncode == status, (done.returncode, done.stderr)
        return path

    @classmethod
    def attack(cls, ledger):
        """A copy whose hosts, sources, rules and sensor are markup; it is not whole any more."""
        copy = os.path.join(cls.home, "attack")
        shutil.copytree(ledger, copy, ignore=shutil.ignore_patterns("index"))
        bad = HOSTILE.replace('"', '\\"')
        for path in glob.glob(copy + "/*.jsonl"):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            for field in ("host", "sensor", "principal", "rule", "rule_label", "service", "what",
                          "generation", "signal", "effect", "mode", "country"):
                text = text.replace(f'"{field}":"', f'"{field}":"{bad}')
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        return copy

    def keep(self, name, data):
        """For people: pictures in the folder of the environment's WEIR_SHOTS."""
        if os.environ.get("WEIR_SHOTS"):
            with open(os.path.join(os.environ["WEIR_SHOTS"], name), "wb") as f:
                f.write(data)

    def test_fits_each_window(self):
        for page in (self.page, self.hostile):
            for width in (390, 1024, 1600):
                with self.subTest(page=os.path.basename(page), width=width):
                    self.browser.look(width)
                    self.browser.open(page)
                    self.assertEqual(self.browser.complaints(), [])
                    self.assertEqual(self.browser.value(TOO_WIDE), [])
                    self.assertLessEqual(
                        self.browser.value("document.documentElement.scrollWidth"), width)
                    if page == self.page and os.environ.get("WEIR_SHOTS"):
                        self.keep(f"{width}.png", self.browser.picture())

    def test_can_be_read_in_light_and_dark(self):
        pictures = []
        self.browser.open(self.page)
        for dark in (False, True):
            self.browser.look(1024, dark=dark)
            self.assertEqual(self.browser.value(HARD_TO_READ), [])
            pictures.append(self.browser.picture())
            self.keep(f"dark-{dark}.png", pictures[-1])
        self.assertGreater(len(pictures[0]), 100000)
        self.assertNotEqual(pictures[0], pictures[1])

    def test_prints(self):
        self.browser.open(self.page)
        self.browser.look(700, dark=True, media="print")
        self.assertEqual(self.browser.value(HARD_TO_READ), [])
        self.assertEqual(self.browser.value("getComputedStyle(document.body).backgroundColor"),
                         "rgb(255, 255, 255)")
        pdf = self.browser.pdf()
        self.keep("page.pdf", pdf)
        self.assertTrue(pdf.startswith(b"%PDF-"), pdf[:20])
        self.assertGreater(len(pdf), 50000)

    def test_charts_say_what_they_show(self):
        self.browser.open(self.page)
        self.assertEqual(self.browser.value(
            "[...document.querySelectorAll('svg[role=img]')].length"), 3)
        self.assertEqual(self.browser.value(
            "[...document.querySelectorAll('svg[role=img]')].filter(s => !document.getElementById("
            "s.getAttribute('aria-labelledby')).textContent.includes('table below')).length"), 0)
        # Each figure of the first chart's table is one of its columns, and the other way round.
        self.assertEqual(self.browser.value("""
            (() => { const svg = document.querySelector('svg[role=img]');
              const drawn = [...svg.querySelectorAll('rect title')].map(t => t.textContent
                .match(/: ([\\d,]+)$/)[1]).sort();
              const told = [...svg.closest('figure').nextElementSibling.querySelectorAll('td.n')]
                .map(t => t.textContent).filter(t => t !== '0').sort();
              return drawn.length > 0 && drawn.join() === told.join(); })()"""), True)

    def test_texts_of_others_stay_texts(self):
        self.browser.look(1024)
        self.browser.open(self.hostile)
        self.assertEqual(self.browser.value("document.title"), "Weir report")
        self.assertEqual(self.browser.value(
            "document.querySelectorAll('script,img,iframe,object,link,form,base').length"), 0)
        self.assertEqual(self.browser.value(
            "[...document.querySelectorAll('*')].filter(e => [...e.attributes].some("
            "a => a.name.startsWith('on'))).length"), 0)
        self.assertTrue(self.browser.value(
            "document.body.textContent.includes('<script>document.title=')"))
        self.assertTrue(self.browser.value("document.body.textContent.includes('\\\\u202egpj')"))
        self.assertFalse(self.browser.value("/[\\u202a-\\u202e]/.test(document.body.textContent)"))
        self.assertEqual(self.browser.complaints(), [])
        self.assertTrue(self.browser.value("document.body.textContent.includes('NOT WHOLE')"))

    def test_a_script_would_not_run(self):
        """The page's own policy stops what markup in it might ask for."""
        with open(self.page, encoding="utf-8") as f:
            text = f.read()
        path = os.path.join(self.home, "injected.html")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("</main>", "<script>document.title='owned'</script>"
                                            "<img src='http://192.0.2.1/x'></main>"))
        self.browser.open(path)
        self.assertEqual(self.browser.value("document.title"), "Weir report")
        self.assertEqual(sum("Content Security Policy" in c for c in self.browser.complaints()), 2)


if __name__ == "__main__":
    unittest.main()


def fact(ledger, name):
    """What the report of a ledger says under that heading, as text."""
    page = os.path.join(os.path.dirname(ledger), "report.html")
    subprocess.run([WEIR, "report", "--ledger", ledger, "-o", page], cwd=TOP, check=False, capture_output=True)
    with open(page, encoding="utf-8") as f:
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", f.read()))
    return text[text.index(name):][:400]


class CompletenessReport(GatewayCase):
    """The kernel's count of packets and Weir's table against the events of a gateway's ledger."""

    auto_start = False

    def counted(self, weir):
        events = weir.ledger.events(type="system", what="counted")
        self.assertGreater(len(events), 0)
        return {k: sum(e["detail"][k] for e in events) for k in events[0]["detail"]}

    def connections(self, count):
        for i in range(count):
            self.lab.tls(DENIED if i % 4 == 3 else ALLOWED, places.WEB)

    def test_kernel_and_events_agree(self):
        weir = Weir(self.lab).start()
        self.connections(24)
        self.assertEqual(weir.stop(), 0)
        n = self.counted(weir)
        ends = weir.ledger.events(type="flow", phase="end")
        self.assertGreaterEqual(len(ends), 24)
        self.assertEqual(n["connections_ended"], len(ends))
        self.assertEqual((n["kernel_packets"], n["packets_dropped"]), (n["packets_taken"], 0))
        self.assertGreaterEqual(n["kernel_packets"], 2 * 24)  # a SYN and a hello each
        said = fact(weir.ledger.folder, "Counted elsewhere")
        self.assertIn("AGREES", said)
        self.assertIn(f"{n['kernel_packets']:,} packets to judge", said)
        self.assertIn(f"the ends of {len(ends):,} connections; the whole ledger has {len(ends):,}", said)
        self.assertEqual(weir.faults(), "")

        # An end that is gone from the ledger is missed.
        path = sorted(glob.glob(weir.ledger.folder + "/0*.jsonl"))[0]
        with open(path, encoding="utf-8") as f:
            lines = f.readlines()
        lines.remove(next(line for line in lines if '"phase":"end"' in line))
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(lines)
        shutil.rmtree(weir.ledger.folder + "/index")
        self.assertIn("DIFFERS", fact(weir.ledger.folder, "Counted elsewhere"))

    def test_an_enforcer_that_died_is_counted_once(self):
        weir = Weir(self.lab).start()
        self.connections(8)
        wait_for(lambda: json.loads(weir.ctl("stats", "--json").stdout)["packets"] >= 16, 5, "counters are told")
        os.kill(weir.pid("enforcer"), signal.SIGKILL)
        weir.ledger.wait(type="system", what="enforcer_ended")
        weir.wait_status(lambda s: s["pids"].get("enforcer"), 10, "another enforcer")
        self.connections(8)
        self.assertEqual(weir.stop(), 0)
        n = self.counted(weir)
        self.assertEqual((n["kernel_packets"], n["packets_dropped"]), (n["packets_taken"], 0))
        self.assertGreaterEqual(n["packets_taken"], 2 * 16)
        self.assertLessEqual(n["connections_ended"], len(weir.ledger.events(type="flow", phase="end")))
        self.assertIn("AGREES", fact(weir.ledger.folder, "Counted elsewhere"))
