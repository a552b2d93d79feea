# SPDX-License-Identifier: Apache-2.0
"""A syslog receiver on loopback for the tests of `weir ship`: octet counting, TCP or TLS."""
import socket
import ssl
import threading


class Receiver:
    """Keeps whole messages in the order of arrival.  `cut` = after so many bytes of a
    connection a reset; one number a connection, then none."""

    def __init__(self, context=None, cut=(), port=0):
        self.messages, self.faults, self.connections = [], [], 0
        self.context, self.cut = context, list(cut)
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.thread.join(10)

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            try:
                self.one(client, self.cut.pop(0) if self.cut else None)
            except (OSError, ValueError) as e:
                self.faults.append(str(e))
            client.close()

    def one(self, client, limit):
        client.settimeout(60)
        if self.context is not None:
            client = self.context.wrap_socket(client, server_side=True)
        data, total = b"", 0
        while True:
            got = client.recv(65536)
            if not got:
                break
            total += len(got)
            data = self.take(data + got)
            if limit is not None and total >= limit:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
                return
        if data:
            raise ValueError("a connection ended within a message")
        client.close()

    def take(self, data):
        while True:
            head, space, rest = data.partition(b" ")
            if not space:
                if len(head) > 7:
                    raise ValueError(f"no count: {head[:20]}")
                return data
            if not head.isdigit() or head[:1] == b"0":
                raise ValueError(f"no count: {head[:20]}")
            if len(rest) < int(head):
                return data
            with self.lock:
                self.messages.append(rest[:int(head)].decode())
            data = rest[int(head):]
