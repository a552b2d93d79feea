#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check-layers.sh and check-symbols.sh notice each way around them."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Folder, line, and what the complaint says; None = it is right as it is.
INCLUDES = [
    ("policy", '#include "base/text.h"', None),
    ("policy", '#include "policy/ast.h"', None),
    ("policy", "#include <stdio.h>", None),
    ("policy", "#include <linux/if_ether.h>", None),
    ("capture", "#include <pcap.h>", None),
    ("capture", "#include <pcap/pcap.h>", None),
    ("base", "#include <openssl/sha.h>", None),
    ("identify", "#  include <openssl/evp.h>", None),
    ("policy", '#include "app/command.h"', "must not include app"),
    ("policy", '#include "catalog/catalog.h"', "must not include catalog"),
    ("policy", ' #include "app/command.h"', "at the start"),
    ("policy", '\t#\tinclude "app/command.h"', "at the start"),
    ("policy", '#include "text.h"', 'write "folder/file.h"'),
    ("policy", '#include "base/../app/command.h"', "without . and .."),
    ("policy", "#include <policy/policy.h>", 'write "policy/policy.h"'),
    ("policy", "#include <app/command.h>", 'write "app/command.h"'),
    ("policy", "#include <./app/command.h>", "without . and .."),
    ("policy", "#include </usr/include/pcap.h>", "without . and .."),
    ("policy", "#include COMMAND", "at the start"),
    ("policy", '#include_next "app/command.h"', "at the start"),
    ("policy", '#import "app/command.h"', "at the start"),
    ("policy", '%:include "app/command.h"', "at the start"),
    ("policy", "#include <pcap.h>", "belongs to folder capture"),
    ("policy", " #include <pcap.h>", "at the start"),
    ("policy", "#include <pcap/pcap.h>", "belongs to folder capture"),
    ("policy", "#include <pcap-bpf.h>", "belongs to folder capture"),
    ("policy", '#include "pcap.h"', 'write "folder/file.h"'),
    ("policy", '#include "pcap/pcap.h"', "not in scripts/layers.txt"),
    ("policy", "#include <ndpi/ndpi_api.h>", "belongs to folder identify"),
    ("policy", "#include <ndpi_api.h>", "belongs to folder identify"),
    ("policy", "#include <maxminddb_config.h>", "belongs to folder catalog"),
    ("policy", "#include <openssl/sha.h>", "belongs to folder base identify"),
    ("base", "#include <openssl/evp.h>", "belongs to folder identify"),
    ("policy", "#include <libconfig.h>", "belongs to folder config"),
    ("policy", "#include <libconfig.h++>", "belongs to folder config"),
    ("policy", "#include <libnetfilter_queue/libnetfilter_queue.h>", "belongs to folder"),
    ("nowhere", "#include <stdio.h>", "folder nowhere is not in"),
]

# File, a body, and the function that the complaint names; None = it may.
CALLS = [
    ("decode/frame", "void *f(void) { return malloc(9); }", "malloc"),
    ("decode/frame", "void *f(void) { return aligned_alloc(64, 64); }", "aligned_alloc"),
    ("decode/frame", "void *f(void *p) { return reallocarray(p, 9, 9); }", "reallocarray"),
    ("decode/frame", "int f(void **p) { return posix_memalign(p, 64, 64); }", "posix_memalign"),
    ("decode/frame", "void *f(void) { return memalign(64, 64); }", "memalign"),
    ("decode/frame", "void *f(void) { return valloc(64); }", "valloc"),
    ("decode/frame", 'int f(char **p, int a) { return asprintf(p, "%d", a); }', "asprintf"),
    ("decode/frame", 'int f(char **p, va_list a) { return vasprintf(p, "%d", a); }', "vasprintf"),
    ("decode/frame", "int f(struct timespec *t) { return timespec_get(t, TIME_UTC); }",
     "timespec_get"),
    ("decode/frame", 'int f(va_list a) { return vprintf("%d", a); }', "vf?printf"),
    ("decode/frame", 'int f(int a) { return printf("%d", a); }', "printf"),
    ("decode/frame", 'void f(void) { printf("a line\\n"); }', "puts"),
    ("decode/frame", 'void f(void) { printf("x"); }', "putchar"),
    ("decode/frame", 'void f(FILE *o) { fprintf(o, "a line\\n"); }', "fwrite"),
    ("decode/frame", 'void f(FILE *o) { fprintf(o, "x"); }', "fputc"),
    ("decode/frame", "void f(FILE *o, const char *s) { fputs(s, o); }", "fputs"),
    ("decode/frame", 'void f(int a) { dprintf(2, "%d", a); }', "dprintf"),
    ("decode/frame", 'void f(void) { perror("x"); }', "perror"),
    ("decode/frame", 'int f(char *b, size_t n, int a) { return snprintf(b, n, "%d", a); }',
     "snprintf"),
    ("decode/frame", "void f(void) { exit(1); }", "exit"),
    ("decode/frame", "long f(const char *s) { return atol(s); }", "(atol|strtol)"),
    ("decode/frame", "char *f(char *a, const char *b) { return strcpy(a, b); }", "strcpy"),
    ("decode/frame", "void *f(void *a, const void *b) { return memmove(a, b, 9); }", None),
    ("decode/context", "void *f(void) { return malloc(9); }", None),
    ("decode/context", "char *f(char *a, const char *b) { return strcpy(a, b); }", "strcpy"),
    ("config/frame", "void *f(void) { return malloc(9); }", None),
    ("record/frame", 'int f(int a) { return printf("%d", a); }', "printf"),
    ("record/frame", 'void f(void) { printf("a line\\n"); }', "puts"),
    ("record/frame", "void *f(void) { return malloc(9); }", None),
]
FORTIFIED = ["-O2", "-D_FORTIFY_SOURCE=2"]
HEADERS = "".join(f"#include <{h}.h>\n" for h in (
    "malloc", "stdarg", "stddef", "stdio", "stdlib", "string", "time"))


class Checks(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.tree)
        shutil.copytree(os.path.join(ROOT, "scripts"), os.path.join(self.tree, "scripts"))

    def write(self, name, text):
        path = os.path.join(self.tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def run_check(self, *command):
        done = subprocess.run(["sh", *command], cwd=self.tree, check=False,
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_layers(self):
        for folder, line, complaint in INCLUDES:
            with self.subTest(line=line, folder=folder):
                path = self.write(f"src/{folder}/file.c", f"/* first */\n{line}\n")
                status, text = self.run_check("scripts/check-layers.sh")
                os.unlink(path)
                if complaint is None:
                    self.assertEqual((status, text), (0, ""))
                else:
                    self.assertIn(complaint, text)
                    self.assertNotEqual(status, 0)

    def test_layers_of_nothing(self):
        os.mkdir(os.path.join(self.tree, "src"))
        self.assertNotEqual(self.run_check("scripts/check-layers.sh")[0], 0)

    def test_symbols(self):
        for n, flags in enumerate((["-O1"], FORTIFIED)):
            for name in {name for name, _, _ in CALLS}:
                bodies = [re.sub(r"\bf\(", f"f{k}(", body)
                          for k, (of, body, _) in enumerate(CALLS) if of == name]
                source = self.write("source.c", HEADERS + "\n".join(bodies) + "\n")
                target = os.path.join(self.tree, str(n), "src", name + ".o")
                os.makedirs(os.path.dirname(target), exist_ok=True)
                subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-w", *flags, "-c",
                                "-o", target, source], check=True)
            status, text = self.run_check("scripts/check-symbols.sh", str(n))
            self.assertEqual(status, 1)
            found = re.findall(r"^src/(.*)\.c: error: \w+ must not call (\w+)\(\)", text, re.M)
            for name, body, function in CALLS:
                hits = [c for c in found if c[0] == name and function and
                        re.fullmatch(rf"(__)?{function}(_chk)?", c[1])]
                self.assertEqual(len(hits), function is not None, (name, body, flags, text))
                found = [c for c in found if c not in hits]
            self.assertEqual(found, [])

    def test_symbols_of_nothing(self):
        self.assertEqual(self.run_check("scripts/check-symbols.sh", "none")[0], 1)


if __name__ == "__main__":
    unittest.main()
