# SPDX-License-Identifier: Apache-2.0
"""Servers of the lab: nginx, QUIC and DNS as programs, and one that keeps what it gets."""
import os
import selectors
import socket
import struct
import threading
import time

from netns import LabError, wait_for
from packets import application_record, server_hello

QUIC_TOO = "quic-too.lab.example"  # says in Alt-Svc that it can be had by QUIC

PAGE = (b"<html><body>weir lab page<p id=p></p><script>n=0</script>"
        + b"".join(b"<script src=/add.js?%d></script>" % i for i in range(4))
        + b"<script>p.textContent='scripts: '+n</script></body></html>\n")
FILES = {"b1000": 1000, "b10000": 10000, "b100000": 100000, "b4000000": 4000000}

NGINX = """
daemon off; master_process off; user root; pid {dir}/nginx.pid; error_log {dir}/nginx.err warn;
events {{ worker_connections 30000; }}
http {{
  log_format lab '$remote_addr $remote_port $server_addr $server_port $host $ssl_protocol '
                 '$server_protocol $status $request_uri';
  access_log {dir}/nginx.access lab;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  client_header_timeout 300s; keepalive_requests 100000; default_type text/html;
  ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
  root {htdocs};
  server {{ {plain} }}
  server {{ {tls} }}
  server {{
    server_name {altsvc}; {altsvc_tls}
    # Each request a connection of its own, so that a browser may choose QUIC for the next.
    keepalive_timeout 0; add_header Alt-Svc 'h3=":443"; ma=3600';
  }}
}}
"""


def fill(folder):
    os.mkdir(folder)
    for name, size in FILES.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(b"x" * size)
    for name, text in (("index.html", PAGE), ("add.js", b"n++")):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(text)


def start_nginx(lab):
    places = [a if ":" not in a else f"[{a}]" for a in lab.web_addresses]
    bare = [a if ":" not in a else f"[{a}]" for a in lab.bare_addresses]
    conf = os.path.join(lab.dir, "nginx.conf")
    backlog = "backlog=16384"
    with open(conf, "w", encoding="ascii") as f:
        f.write(NGINX.format(
            dir=lab.dir, chain=lab.pki.chain, key=lab.pki.key, htdocs=lab.htdocs, altsvc=QUIC_TOO,
            plain=" ".join(f"listen {p}:80 {backlog};" for p in places + bare),
            tls=" ".join([f"listen {p}:443 ssl http2 {backlog};" for p in places]
                         + [f"listen {p}:443 ssl;" for p in bare]),
            altsvc_tls=" ".join(f"listen {p}:443 ssl;" for p in bare)))
    return lab.daemon(lab.server, ["nginx", "-p", lab.dir, "-c", conf], "nginx")


def start_quic(lab):
    return lab.daemon(lab.server, ["gtlsserver", "-q", "-d", lab.htdocs, "*", "443", lab.pki.key,
                                   lab.pki.chain], "quic")


def start_dns(lab, addresses):
    """dnsmasq: `names` by lab.dns_names, any other name is the web server."""
    hosts = os.path.join(lab.dir, "dns.hosts")
    with open(hosts, "w", encoding="ascii") as f:
        f.writelines(f"{address} {name}\n" for name, address in lab.dns_names.items())
    return lab.daemon(lab.server, [
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
        "--pid-file=", "--user=root", "--cache-size=0", "--log-facility=-", "--bind-interfaces",
        "--interface=eth0", "--except-interface=lo", f"--addn-hosts={hosts}",
        *(f"--address=/#/{a}" for a in addresses)], "dnsmasq")

TCP_REPAIR = 19


class Keeper:
    """A TCP server that keeps what each client sends; as a streamer it also talks.

    With `pause_s` it pretends to be a TLS server: when a whole hello has come it answers and
    then sends a record every pause_s seconds, until the client goes.
    """

    def __init__(self, lab, address, port=443, pause_s=None, record=2000):
        self.data = {}
        self.pause_s = pause_s
        self.record = application_record(record)
        self.lock = threading.Lock()
        self.stopping = False
        with lab.server:
            self.listener = socket.create_server(
                (address, port), backlog=1024,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.listener.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.streams = {}
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.stopping = True
        self.thread.join(5)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def got(self, port):
        """All bytes of the client with this source port."""
        with self.lock:
            return b"".join(data for peer, data in self.data.items() if peer[1] == port)

    def wait_got(self, port, size, timeout=5):
        return wait_for(lambda: len(self.got(port)) >= size and self.got(port), timeout,
                        f"{size} bytes at the server, but {len(self.got(port))}")

    def forget(self, port):
        """The connection of this client is gone without a word, as after a crash (tcp(7) of repair)."""
        for key in list(self.selector.get_map().values()):
            connection = key.fileobj
            if connection is not self.listener and connection.getpeername()[1] == port:
                connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
                self._drop(connection)

    def _drop(self, connection):
        self.streams.pop(connection, None)
        self.selector.unregister(connection)
        connection.close()

    def _take(self, connection, peer):
        try:
            data = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        with self.lock:
            self.data[peer] += data
            so_far = self.data[peer]
        if (self.pause_s is not None and connection not in self.streams and len(so_far) >= 5
                and len(so_far) >= 5 + struct.unpack_from(">H", so_far, 3)[0]):
            self.streams[connection] = time.monotonic()
            connection.send(server_hello())

    def _serve(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.01):
                if key.fileobj is self.listener:
                    try:
                        connection, peer = self.listener.accept()
                    except OSError:
                        continue
                    connection.setblocking(False)
                    with self.lock:
                        self.data[peer] = b""
                    self.selector.register(connection, selectors.EVENT_READ, peer)
                else:
                    self._take(key.fileobj, key.data)
            now = time.monotonic()
            for connection, due in list(self.streams.items()):
                if now < due:
                    continue
                self.streams[connection] = now + self.pause_s
                try:
                    connection.send(self.record)
                except BlockingIOError:
                    pass
                except OSError:
                    self._drop(connection)


def wait_listening(lab):
    """All servers answer: TCP 443 and 80, UDP 443 and 53."""
    def ports():
        done = lab.server.run("ss", "-Hltun")
        return {line.split()[0] + line.split()[4].rsplit(":", 1)[1]
                for line in done.stdout.splitlines()}

    try:
        wait_for(lambda: ports() >= lab.expected_ports, 15, "all servers listen")
    except LabError as e:
        raise LabError(f"{e}\n{lab.server_logs()}") from None

