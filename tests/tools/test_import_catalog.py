#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/import-catalog.py: files and diff report from a small folder of facts."""
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "scripts", "import-catalog.py")
COLUMNS = ["cloud", "service", "role", "host_pattern", "ports", "required", "connector_id",
           "note", "source"]
DOCS = "MicrosoftDocs/power-platform online-requirements.md (ms.date 2025-02-26)"
KNOWN = "id in a public list; hosts/tier: general knowledge"
SWAGGER = "microsoft/PowerPlatformConnectors @8bff86e (2024-10-23) x/apiDefinition.swagger.json"
FACTS = [
    ["public", "power-apps", "portal", "make.powerapps.com", "tcp/443", "yes", "", "-",
     "public repo; " + DOCS],
    ["gcc", "power-apps", "wildcard", "*.powerapps.us", "tcp/443", "yes", "",
     "GCC and GCC High share these", DOCS],
    ["public", "power-bi", "api", "api.powerbi.com", "tcp/443", "yes", "", "guessed [K]", DOCS],
    ["public", "connector", "connector-backend", "API.Box.com", "tcp/443", "no", "shared_box",
     "Box; publisher Microsoft; tier Standard; endpoint-filterable no; unblockable in DLP",
     KNOWN],
    ["public", "connector", "connector-backend", "*.database.windows.net", "tcp/1433", "no",
     "shared_sql", "SQL Server; publisher Microsoft; tier Premium; endpoint-filterable yes; "
     "on-prem gateway capable", KNOWN],
    ["public", "connector", "connector-backend", "<lan-host>", "tcp/21", "no", "shared_ftp",
     "FTP; publisher Microsoft; endpoint-filterable no", KNOWN],
    ["public", "connector", "connector-backend-swagger", "api.x-maker.com", "tcp/443", "no",
     "shared_x", "X; publisher Maker; tier Premium by rule for verified publishers; "
     "endpoint-filterable no", SWAGGER],
    ["public", "connector", "connector-backend-swagger", "api.y-maker.com", "tcp/443", "no", "",
     "Y; publisher Maker; id not matched", SWAGGER],
]


class Importer(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.top)
        self.facts = os.path.join(self.top, "facts")
        self.tree = os.path.join(self.top, "tree")
        os.mkdir(self.facts)
        os.makedirs(os.path.join(self.tree, "rules", "catalog"))
        os.mkdir(os.path.join(self.tree, "geo"))
        self.catalog(FACTS)
        with open(self.path("regions.csv"), "w", encoding="utf-8") as f:
            f.write("scheme,token,geo_code,region_name,countries_iso,azure_regions,cloud,"
                    "confidence,note,source\n"
                    "azure-region,westeurope,,West Europe,NL,,public,high,,a list\n")
        with open(self.path("connector_names.json"), "w", encoding="utf-8") as f:
            json.dump({"box": "Box", "zed": "Zed"}, f)

    def path(self, name):
        return os.path.join(self.facts, name)

    def catalog(self, rows):
        with open(self.path("catalog.csv"), "w", encoding="utf-8", newline="") as f:
            out = csv.writer(f)
            out.writerow(COLUMNS)
            out.writerows(rows)

    def run_it(self, *options, status=0):
        done = subprocess.run([sys.executable, SCRIPT, *options, self.facts, self.tree],
                              check=False, capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout

    def bytes_of_all(self):
        out = {}
        for folder, _, names in os.walk(self.tree):
            for name in names:
                with open(os.path.join(folder, name), "rb") as f:
                    out[name] = f.read()
        return out

    def table(self, name):
        """The rows by their first two columns."""
        with open(os.path.join(self.tree, "rules", "catalog", name), encoding="utf-8") as f:
            rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
        return {tuple(r[:2]): dict(zip(rows[0], r)) for r in rows[1:]}

    def test_same_facts_same_bytes(self):
        self.run_it()
        before = self.bytes_of_all()
        self.assertEqual(len(before), 3)
        self.run_it()
        self.assertEqual(self.bytes_of_all(), before)

    def test_service_rows(self):
        self.run_it()
        rows = self.table("services.tsv")
        row = rows["make.powerapps.com", "power-apps"]
        self.assertEqual((row["confidence"], row["date"]), ("verified", "2025-02-26"))
        self.assertEqual(rows["*.powerapps.us", "power-apps"]["cloud"], "gcc|gcchigh")
        self.assertEqual(rows["api.powerbi.com", "power-bi"]["confidence"], "assumed")

    def test_connector_rows(self):
        self.run_it()
        rows = self.table("connectors.tsv")
        box = rows["api.box.com", "shared_box"]
        self.assertEqual([box[c] for c in ("confidence", "title", "publisher", "tier",
                                           "endpoint_filterable", "unblockable", "gateway",
                                           "date")],
                         ["assumed", "Box", "Microsoft", "standard", "no", "yes", "-",
                          "2026-11-23"])
        sql = rows["*.database.windows.net", "shared_sql"]
        self.assertEqual([sql[c] for c in ("confidence", "endpoint_filterable", "gateway",
                                           "date")], ["verified", "yes", "yes", "2025-08-19"])
        x = rows["api.x-maker.com", "shared_x"]
        self.assertEqual([x[c] for c in ("confidence", "tier", "date")],
                         ["published", "premium", "2024-10-23"])
        self.assertEqual(rows["-", "shared_ftp"]["title"], "FTP")
        self.assertEqual(rows["-", "shared_zed"]["tier"], "-")
        self.assertNotIn(("api.y-maker.com", ""), rows)

    def test_diff_tells_what_changes_and_writes_nothing(self):
        self.run_it()
        self.assertIn("services.tsv: 0 rows added, 0 removed, 0 changed, 0 of them in "
                      "confidence\n", self.run_it("--diff"))
        before = self.bytes_of_all()
        changed = [list(row) for row in FACTS if row[3] != "api.x-maker.com"]
        changed[1][4] = "tcp/80|tcp/443"
        changed[2][7] = "-"
        changed.append(["public", "bap", "admin-api", "api.bap.microsoft.com", "tcp/443", "yes",
                        "", "-", DOCS])
        self.catalog(changed)
        report = self.run_it("--diff", status=1)
        for line in ("rules/catalog/services.tsv: 1 rows added, 0 removed, 2 changed, 1 of "
                     "them in confidence",
                     "+ api.bap.microsoft.com\tverified",
                     "~ *.powerapps.us\tports: tcp/443 -> tcp/443|tcp/80",
                     "~ api.powerbi.com\tconfidence: assumed -> verified",
                     "rules/catalog/connectors.tsv: 0 rows added, 1 removed, 0 changed, 0 of "
                     "them in confidence",
                     "- api.x-maker.com\tshared_x\tpublished",
                     "geo/regions.tsv: 0 rows added, 0 removed, 0 changed, 0 of them in "
                     "confidence"):
            self.assertIn(line, report.splitlines())
        self.assertEqual(self.bytes_of_all(), before)

    def test_diff_against_nothing_adds_all(self):
        report = self.run_it("--diff", status=1)
        self.assertIn("+ make.powerapps.com\tverified", report.splitlines())
        self.assertEqual(self.bytes_of_all(), {})

    def test_columns_that_come_and_go_are_one_line(self):
        self.run_it()
        path = os.path.join(self.tree, "rules", "catalog", "services.tsv")
        with open(path, encoding="utf-8") as f:
            text = f.read().replace("\tnote\t", "\tremark\t", 1)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        report = self.run_it("--diff", status=1).splitlines()
        self.assertIn("+ column note", report)
        self.assertIn("- column remark", report)
        self.assertEqual([line for line in report if line.startswith("~")], [])

    def test_wrong_options_are_no_folders(self):
        self.run_it("--dif", status=1)
        self.assertEqual(self.bytes_of_all(), {})


if __name__ == "__main__":
    unittest.main()
