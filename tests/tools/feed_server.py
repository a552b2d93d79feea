#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A download page and its files on loopback, for the tests of weir-update.

usage: feed_server.py FOLDER

Serves the files of FOLDER, also to those who ask it as a proxy ("GET http://any.host/name");
writes its port to FOLDER/port and each request line to FOLDER/log.  Ends with its input.
"""
import http.server
import os
import sys
import threading
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(os.path.join(sys.argv[1], "log"), "a", encoding="utf-8") as log:
            log.write(self.path + "\n")
        name = os.path.basename(urllib.parse.urlsplit(self.path).path)
        try:
            with open(os.path.join(sys.argv[1], "files", name), "rb") as f:
                body = f.read()
        except OSError:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = os.path.join(sys.argv[1], "port")
with open(port + ".new", "w", encoding="utf-8") as out:
    out.write("%d\n" % server.server_port)
os.rename(port + ".new", port)
sys.stdin.read()
