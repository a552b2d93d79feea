# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of the lab and one server certificate for all its names."""
import base64
import functools
import hashlib
import os

from netns import command

NAMES = ["make.powerapps.com", "evil.powerapps.com", "contoso.crm4.dynamics.com",
         "quic.powerapps.com", "api.powerapps.com", "graph.microsoft.com", "www.blocked.example",
         "*.lab.example"]


class Pki:
    """Files: ca (certificate), chain and key of the server; spki: digest of its public key."""

    def __init__(self, folder):
        self.ca = os.path.join(folder, "ca.pem")
        self.chain = os.path.join(folder, "chain.pem")
        self.key = os.path.join(folder, "server.key")
        run = functools.partial(command, cwd=folder)
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        run(["openssl", "req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem",
             "-days", "30", "-subj", "/CN=Weir lab CA",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign"])
        run(["openssl", "req", *new_key, "-keyout", "server.key", "-out", "server.csr",
             "-subj", "/CN=make.powerapps.com"])
        with open(os.path.join(folder, "extensions"), "w", encoding="ascii") as f:
            f.write("subjectAltName=" + ",".join("DNS:" + name for name in NAMES) + "\n"
                    "extendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n"
                    "basicConstraints=CA:FALSE\n")
        run(["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
             "-CAcreateserial", "-days", "30", "-extfile", "extensions", "-out", "server.pem"])
        with open(self.chain, "w", encoding="ascii") as chain:
            for part in ("server.pem", "ca.pem"):
                with open(os.path.join(folder, part), encoding="ascii") as f:
                    chain.write(f.read())
        run(["openssl", "pkey", "-in", "server.key", "-pubout", "-outform", "DER",
             "-out", "server.spki"])
        with open(os.path.join(folder, "server.spki"), "rb") as f:
            self.spki = base64.b64encode(hashlib.sha256(f.read()).digest()).decode()
