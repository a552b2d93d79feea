#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/export-tenant.ps1 by its text: it only reads, and writes what weir import wants."""
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATH = os.path.join(ROOT, "scripts", "export-tenant.ps1")

# What is no Get- cmdlet and changes nothing in a tenant.
HARMLESS = {"ConvertTo-Json", "Invoke-RestMethod", "Write-Output", "Write-Warning"}
# Classes of .NET: what they do stays on this machine.
CLASSES = {"guid", "string", "switch", "void", "ordered", "System.IO.Directory", "System.IO.File", "System.IO.Path",
           "System.Text.UTF8Encoding", "System.Net.NetworkCredential"}


def code_of(text):
    """Without comments; strings stay."""
    text = re.sub(r"<#.*?#>", "", text, flags=re.S)
    lines = []
    for line in text.splitlines():
        found = re.match(r"((?:[^#'\"]|'[^']*'|\"[^\"]*\")*)(#.*)?$", line)
        assert found, line
        lines.append(found.group(1))
    return "\n".join(lines)


class ExportTenant(unittest.TestCase):
    def setUp(self):
        with open(PATH, "rb") as f:
            self.raw = f.read()
        self.code = code_of(self.raw.decode("ascii"))
        # Words of cmdlets, outside of strings.
        self.bare = re.sub(r"'[^']*'", "''", re.sub(r'"[^"]*"', '""', self.code))

    def test_it_only_reads(self):
        cmdlets = set(re.findall(r"(?<![\w$.-])[A-Za-z]+-[A-Za-z]\w+", self.bare))
        self.assertGreaterEqual(len(cmdlets), 9)
        others = {c for c in cmdlets if not c.startswith("Get-")}
        self.assertEqual(others, HARMLESS)

    def test_every_request_is_a_get(self):
        requests = re.findall(r"Invoke-\w+.*", self.bare)
        self.assertEqual(len(requests), 1)
        for r in requests:
            self.assertRegex(r, r"^Invoke-RestMethod -Method Get -Uri ")
            self.assertNotRegex(r, r"-Body|-InFile|-OutFile")
        self.assertNotRegex(self.bare, r"(?i)\b(POST|PATCH|PUT|DELETE|MERGE)\b")

    def test_nothing_hides_a_command(self):
        # Aliases, expressions and other processes could do what the words do not say.
        self.assertNotRegex(self.bare, r"(?i)\b(iex|iwr|irm|curl|wget|sal|cmd|pwsh|powershell|start)\b")
        self.assertNotRegex(self.bare, r"(^|[;{(=]\s*|\s)&\s*[\w$'\"(]")
        classes = set(re.findall(r"\[([A-Za-z][\w.]*)(?:\[\])?\]", re.sub(r"\[Parameter\(.*?\)\]", "", self.bare)))
        self.assertEqual(classes, CLASSES)

    def test_it_writes_whole_json_in_utf8(self):
        self.assertEqual(re.findall(r"ConvertTo-Json.*", self.code),
                         ["ConvertTo-Json -InputObject $value -Depth 20"])
        self.assertEqual(len(re.findall(r"WriteAll\w+|Out-File|Set-Content|Add-Content|Export-\w+", self.bare)), 1)
        self.assertIn("[System.Text.UTF8Encoding]::new($false)", self.code)
        self.assertNotIn(">", re.sub(r"-replace[^\n]*", "", self.bare).replace("=>", ""))

    def test_no_token_is_written(self):
        saved = re.findall(r"^\s*Save (\S+) (\S+)$", self.code, re.M)
        self.assertEqual([s[1] for s in saved],
                         ["$answer", "$lists", "$patterns", "$environments", "$isolation", "$firewalls"])
        for line in self.code.splitlines():
            if re.search(r"\$(token|bearer)\b", line):
                self.assertRegex(line, r"^\s*\$(token|bearer|rows) = ")

    def test_lists_are_named_by_their_policy(self):
        self.assertIn('"configurations-$id.json"', self.code)
        self.assertIn('"patterns-$id.json"', self.code)

    def test_it_reads_what_is_to_be_imported(self):
        for name in ("Get-DlpPolicy", "Get-PowerAppDlpPolicyConnectorConfigurations", "Get-PowerAppPolicyUrlPatterns",
                     "Get-AdminPowerAppEnvironment", "Get-PowerAppTenantIsolationPolicy"):
            self.assertRegex(self.bare, name + r"\b")
        for column in ("environmentid", "enableipbasedfirewallrule", "allowediprangeforfirewall"):
            self.assertIn(column, self.code)

    def test_brackets_close(self):
        stack = []
        for c in self.bare:
            if c in "([{":
                stack.append(c)
            elif c in ")]}":
                self.assertEqual(stack.pop() + c, {")": "()", "]": "[]", "}": "{}"}[c])
        self.assertEqual(stack, [])
        self.assertEqual(self.bare.count("'") % 2 + self.bare.count('"') % 2, 0)


if __name__ == "__main__":
    unittest.main()
