#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a capture of connections in clear with a planted token at each place where a secret may
stand, and looks for the tokens in what Weir wrote.  Deterministic; needs nothing but Python.

usage: tests/tools/make_tokens.py make CAPTURE.pcap
       tests/tools/make_tokens.py find FILE|FOLDER...   exit 1 and a line for each that is found
       tests/tools/make_tokens.py list                  places, one a line
"""
import base64
import os
import struct
import sys

from make_captures import EN10MB, START_S, STEP_NS, pcap_header, pcap_record
from make_protocols import IN, OUT, datagrams, noise, stream, vector

LETTERS = "abcdefghijkmnpqrstuvwxyz"
MIXED = LETTERS + LETTERS.upper() + "23456789"
TOKENS = {}
HOST = b"crm.lab.example"


def token(place, size=22, letters=MIXED):
    """The token of a place; letters and digits that a reader of the record would take for a key."""
    if place not in TOKENS:
        TOKENS[place] = "".join(letters[b % len(letters)] for b in noise("token " + place, size))
        if letters == MIXED:
            TOKENS[place] = "k7" + TOKENS[place]
    return TOKENS[place].encode()


def low(place):
    """One that may stand in a name."""
    return token(place, letters=LETTERS)


def guid(place):
    h = noise("token " + place, 16).hex()
    TOKENS[place] = f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
    return TOKENS[place].encode()


def b64(data):
    return base64.b64encode(data)


def request(line, *headers, body=b""):
    return line + b" HTTP/1.1\r\n" + b"".join(h + b"\r\n" for h in (b"Host: " + HOST,) + headers) + b"\r\n" + body


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


# ---- HTTP -----------------------------------------------------------------------------------------
def userinfo():
    """RFC 9112 3.2.2: absolute form, as to a proxy."""
    yield (OUT, request(b"GET http://" + token("userinfo user") + b":" + token("userinfo password")
                        + b"@crm.lab.example/a"))
    yield (IN, ANSWER)


def query():
    yield (OUT, request(b"GET /q?first=" + token("query value") + b"&" + token("query piece")
                        + b"&sig=" + token("query signature") + b"%2B%3D#" + token("fragment")))
    yield (IN, ANSWER)
    yield (OUT, request(b"GET /later?code=" + token("query value of a later request")))
    yield (IN, ANSWER)


def query_escaped():
    plain = token("query value with a line break")
    yield (OUT, request(b"GET /r?to=%0d%0aSet-Cookie:%20s=" + plain + b"%0d%0aX:" + plain))
    yield (IN, ANSWER)


def headers():
    yield (OUT, request(
        b"GET /h", b"Authorization: Basic " + b64(b"ada:" + token("basic password")),
        b"Cookie: session=" + token("cookie"), b"X-Api-Key: " + token("API key"),
        b"Referer: http://u:" + token("referer password") + b"@a.example/?t=" + token("referer query"),
        b"User-Agent: " + token("user agent"), b"Sec-WebSocket-Protocol: " + token("subprotocol"),
        b"X-Forwarded-For: " + token("forwarded")))
    yield (IN, b"HTTP/1.1 302 Found\r\nSet-Cookie: s=" + token("set-cookie") + b"\r\nLocation: /?t="
           + token("location") + b"\r\nContent-Length: 24\r\n\r\n" + token("response body"))
    yield (OUT, request(b"GET /h2", b"Authorization: Bearer " + token("bearer")))
    yield (IN, ANSWER)


def body():
    form = b"user=ada&password=" + token("form password")
    yield (OUT, request(b"POST /login", b"Content-Length: %d" % len(form), body=form))
    yield (IN, ANSWER)
    part = b'{"secret":"' + token("JSON in a chunk") + b'"}'
    yield (OUT, request(b"POST /json", b"Transfer-Encoding: chunked",
                        body=b"%x;ext=" % len(part) + token("chunk extension") + b"\r\n" + part
                        + b"\r\n0\r\nX-Trailer: " + token("trailer") + b"\r\n\r\n"))
    yield (IN, ANSWER)


def path():
    jwt = b".".join(base64.urlsafe_b64encode(p).rstrip(b"=") for p in (
        b'{"alg":"HS256"}', b'{"sub":"' + token("JWT subject") + b'"}', noise("jwt", 32)))
    yield (OUT, request(b"GET /files/" + token("path segment") + b"/report.html"))
    yield (IN, ANSWER)
    yield (OUT, request(b"GET /hook/" + guid("path GUID") + b"/run"))
    yield (IN, ANSWER)
    yield (OUT, request(b"GET /a;jsessionid=" + low("path parameter") + b"/b"))
    yield (IN, ANSWER)
    yield (OUT, request(b"GET /t/" + jwt))
    yield (IN, ANSWER)
    yield (OUT, request(b"GET /e/" + b"".join(b"%%%02x" % c for c in token("escaped path segment"))))
    yield (IN, ANSWER)


def first_path(place):
    return lambda: iter(((OUT, request(b"GET /v1/" + token(place))), (IN, ANSWER)))


def host_userinfo():
    """A Host header that is none: RFC 9110 7.2."""
    yield (OUT, b"GET /x HTTP/1.1\r\nHost: ada:" + token("host userinfo") + b"@crm.lab.example\r\n\r\n")
    yield (IN, ANSWER)


def host_broken():
    yield (OUT, b"GET /x HTTP/1.1\r\nHost: crm.lab.example " + token("behind the host") + b"\r\n\r\n")


def method():
    yield (OUT, token("method") + b" / HTTP/1.1\r\nHost: crm.lab.example\r\n\r\n")


def connect():
    yield (OUT, b"CONNECT ada:" + token("CONNECT userinfo") + b"@crm.lab.example:443 HTTP/1.1\r\nHost: crm.lab.example:443\r\n"
           b"Proxy-Authorization: Basic " + b64(b"ada:" + token("proxy password of a bad CONNECT")) + b"\r\n\r\n")
    yield (IN, b"HTTP/1.1 400 Bad Request\r\n\r\n")


def connect_good():
    yield (OUT, b"CONNECT crm.lab.example:443 HTTP/1.1\r\nHost: crm.lab.example:443\r\n"
           b"Proxy-Authorization: Basic " + b64(b"ada:" + token("proxy password")) + b"\r\n\r\n")
    yield (IN, b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")


# ---- databases, mail, proxies, files, and what nDPI reads --------------------------------------------
def veiled(text):
    """MS-TDS 2.2.6.4: how a password stands in LOGIN7."""
    return bytes(((b << 4 | b >> 4) & 0xFF) ^ 0xA5 for b in text.encode("utf-16-le"))


def tds():
    """MS-TDS 2.2.6.4 LOGIN7, and a prelogin that does not encrypt (2)."""
    options = b"\0\0\x0b\0\x06\1\0\x11\0\1\xff" + bytes(6) + b"\2"
    yield (OUT, b"\x12\1" + struct.pack(">H", 8 + len(options)) + bytes(4) + options)
    yield (IN, b"\4\1" + struct.pack(">H", 8 + len(options)) + bytes(4) + options)

    def utf16(s):
        return s.decode().encode("utf-16-le")
    secret = veiled(token("TDS password").decode())
    texts = [utf16(low("TDS client name")), utf16(token("TDS user")), secret, utf16(token("TDS application")),
             utf16(HOST), b"", utf16(b"lib"), b"", utf16(b"sales")]
    at, table, data = 94, b"", b""
    for i, text in enumerate(texts):
        table += struct.pack("<HH", at + len(data), len(text) // 2)
        data += text
    table += bytes(6) + struct.pack("<HHHHHH", at + len(data), 0, at + len(data), 0, at + len(data), 0) + bytes(4)
    login = struct.pack("<IIIIII4BiI", 94 + len(data), 0x74000004, 4096, 7, 1, 0, 0xE0, 3, 0, 0, 0, 0x409)
    login += table + data
    yield (OUT, b"\x10\1" + struct.pack(">H", 8 + len(login)) + bytes(4) + login)


def smtp():
    yield (IN, b"220 mail.lab.example ESMTP\r\n")
    yield (OUT, b"EHLO robot.lab.example\r\n")
    yield (IN, b"250-mail.lab.example\r\n250 AUTH PLAIN LOGIN\r\n")
    yield (OUT, b"AUTH PLAIN " + b64(b"\0ada\0" + token("AUTH PLAIN password")) + b"\r\n")
    yield (IN, b"235 ok\r\n")
    yield (OUT, b"MAIL FROM:<" + low("mail sender") + b"@lab.example> AUTH=" + token("MAIL AUTH") + b"\r\n")
    yield (IN, b"250 ok\r\n")
    yield (OUT, b"RCPT TO:<" + low("mail recipient") + b"@partner.example>\r\n")
    yield (IN, b"250 ok\r\n")
    yield (OUT, b"DATA\r\n")
    yield (IN, b"354 go\r\n")
    yield (OUT, b"Subject: " + token("mail subject") + b"\r\n\r\n" + token("mail text") + b"\r\n.\r\n")
    yield (IN, b"250 ok\r\n")
    yield (OUT, b"QUIT\r\n")


def smtp_login():
    yield (IN, b"220 mail.lab.example ESMTP\r\n")
    yield (OUT, b"HELO robot.lab.example\r\n")
    yield (IN, b"250 mail.lab.example\r\n")
    yield (OUT, b"AUTH LOGIN\r\n")
    yield (IN, b"334 VXNlcm5hbWU6\r\n")
    yield (OUT, b64(token("AUTH LOGIN user")) + b"\r\n")
    yield (IN, b"334 UGFzc3dvcmQ6\r\n")
    yield (OUT, b64(token("AUTH LOGIN password")) + b"\r\n")
    yield (IN, b"535 no\r\n")


def socks5():
    """RFC 1928, RFC 1929."""
    user, password = token("SOCKS user"), token("SOCKS password")
    yield (OUT, b"\5\1\2")
    yield (IN, b"\5\2")
    yield (OUT, b"\1" + vector(1, user) + vector(1, password))
    yield (IN, b"\1\0")
    yield (OUT, b"\5\1\0\3" + vector(1, HOST) + struct.pack(">H", 8080))
    yield (IN, b"\5\0\0\1\0\0\0\0\0\0")
    yield (OUT, request(b"GET /behind/" + token("path behind SOCKS")))


def socks4():
    yield (OUT, b"\4\1" + struct.pack(">H", 8080) + b"\0\0\0\1" + token("SOCKS 4 user") + b"\0" + HOST + b"\0")
    yield (IN, b"\0\x5a" + bytes(6))


def proxy_v2():
    """HAProxy's PROXY protocol 2, with the TLVs authority and unique id."""
    tlv = b"\2" + vector(2, low("PROXY authority")) + b"\5" + vector(2, token("PROXY unique id"))
    yield (OUT, b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + vector(2, bytes(12) + tlv) + request(b"GET /"))


def says(*said):
    return lambda: iter(said)


def ldap():
    """RFC 4511 4.2: a simple bind."""
    bind = b"\2\1\3\4" + vector(1, b"cn=" + low("LDAP name")) + b"\x80" + vector(1, token("LDAP password"))
    message = b"\2\1\1\x60" + vector(1, bind)
    yield (OUT, b"\x30" + vector(1, message))
    yield (IN, bytes.fromhex("300c02010161070a010004000400"))


def mqtt():
    """MQTT 3.1.1, CONNECT with user name and password."""
    text = b"\0\4MQTT\4\xc2\0\x3c" + vector(2, low("MQTT client")) + vector(2, token("MQTT user")) + vector(2, token("MQTT password"))
    yield (OUT, b"\x10" + vector(1, text))
    yield (IN, b"\x20\2\0\0")


# name: port, what is said
STREAMS = {
    "userinfo": (80, userinfo), "query": (80, query), "query_escaped": (8080, query_escaped),
    "headers": (80, headers), "body": (80, body), "path": (80, path),
    "first_path": (80, first_path("path of a first request")),
    "host_userinfo": (80, host_userinfo), "host_broken": (80, host_broken), "method": (80, method),
    "connect": (3128, connect), "connect_good": (3128, connect_good), "tds": (1433, tds), "smtp": (25, smtp),
    "smtp_login": (587, smtp_login), "socks5": (1080, socks5), "socks4": (1080, socks4),
    "proxy_v2": (80, proxy_v2), "ldap": (389, ldap), "mqtt": (1883, mqtt),
    "ftp": (21, says((IN, b"220 ftp.lab.example\r\n"), (OUT, b"USER " + low("FTP user") + b"\r\n"),
                     (IN, b"331 Password required\r\n"), (OUT, b"PASS " + token("FTP password") + b"\r\n"))),
    "pop3": (110, says((IN, b"+OK POP3 ready\r\n"), (OUT, b"USER " + low("POP3 user") + b"\r\n"), (IN, b"+OK\r\n"),
                       (OUT, b"PASS " + token("POP3 password") + b"\r\n"), (IN, b"+OK\r\n"))),
    "imap": (143, says((IN, b"* OK IMAP4rev1 ready\r\n"),
                       (OUT, b"a1 LOGIN ada " + token("IMAP password") + b"\r\n"), (IN, b"a1 OK\r\n"))),
    "redis": (6379, says((OUT, b"*2\r\n$4\r\nAUTH\r\n$24\r\n" + token("Redis password") + b"\r\n"), (IN, b"+OK\r\n"))),
    "telnet": (23, says((IN, b"\xff\xfd\x18\xff\xfd\x20login: "), (OUT, b"\xff\xfb\x18" + token("telnet user") + b"\r\n"),
                        (IN, b"Password: "), (OUT, token("telnet password") + b"\r\n"))),
    "unknown": (4711, says((OUT, token("unknown protocol") + b"\n"), (IN, token("unknown answer") + b"\n"))),
}


def dns(name, answer=b""):
    labels = b"".join(vector(1, part) for part in name.split(b".")) + b"\0"
    question = labels + struct.pack(">HH", 16 if answer else 1, 1)
    ask = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + question
    if answer:
        record = b"\xc0\x0c" + struct.pack(">HHI", 16, 1, 60) + vector(2, vector(1, answer))
    else:
        record = b"\xc0\x0c" + struct.pack(">HHI", 1, 1, 60) + vector(2, bytes([203, 0, 113, 9]))
    return (OUT, ask), (IN, struct.pack(">HHHHHH", 7, 0x8180, 1, 1, 0, 0) + question + record)


DATAGRAMS = {
    "dns": (53, lambda: dns(low("DNS name") + b".lab.example")),
    "dns_text": (53, lambda: dns(b"text.lab.example", token("DNS text"))),
    "syslog": (514, lambda: ((OUT, b"<34>1 - - " + token("syslog")),)),
    "snmp": (161, lambda: ((OUT, b"\x30\x29\2\1\1\4\x18" + token("SNMP community") + b"\xa0\x0a\2\1\1\2\1\0\2\1\0\x30\0"),)),
    "sip": (5060, lambda: ((OUT, b"REGISTER sip:lab.example SIP/2.0\r\nFrom: <sip:" + low("SIP user")
                            + b"@lab.example>\r\nAuthorization: Digest response=\"" + token("SIP digest") + b"\"\r\n\r\n"),)),
}


def frames():
    sport = 41000
    for port, said in STREAMS.values():
        yield from stream(port, *said(), sport=sport)
        sport += 1
    for port, said in DATAGRAMS.values():
        yield from datagrams(port, *said(), sport=sport)
        sport += 1


# ---- looking ----------------------------------------------------------------------------------------
PIECE = 12  # characters of a token that are as good as all of it


def spellings(raw):
    """All by which a reader would get these bytes back."""
    text = raw.decode()
    yield from (raw, raw[::-1], raw.hex().encode(), text.encode("utf-16-le"), text.encode("utf-16-be"),
                veiled(text))
    for before in ("%", " ", ":", "\\x", "\\u00", "&#x"):
        yield before.join(f"{c:02x}" for c in raw).encode()
    # Base64, whatever stands in front of it; without the characters that its neighbours decide.
    for shift in range(3):
        whole = b64(bytes(shift) + raw + bytes(3))
        yield whole[(4 * shift + 2) // 3 + (shift > 0):(shift + len(raw)) * 4 // 3 - 1]


def forms(text):
    raw = text.encode()
    pieces = [raw[i:i + PIECE] for i in range(len(raw) - PIECE + 1)]
    return {f.lower() for piece in pieces for f in spellings(piece)}


def files(paths):
    for p in paths:
        if not os.path.isdir(p):
            yield p
        for top, _, names in os.walk(p):
            yield from (os.path.join(top, n) for n in sorted(names))


def find(paths):
    """Case does not matter: names are folded."""
    list(frames())
    bad = looked = 0
    wanted = {f: place for place, text in TOKENS.items() for f in forms(text)}
    sizes = {}
    for form in wanted:
        sizes.setdefault(len(form), set()).add(form)
    for p in files(paths):
        with open(p, "rb") as f:
            data = f.read().lower()
        looked += len(data)
        found = {}
        for size, few in sizes.items():
            for i in range(len(data) - size + 1):
                if data[i:i + size] in few:
                    found.setdefault(wanted[data[i:i + size]], data[i:i + size])
        for place, form in sorted(found.items()):
            print(f"{p}: {place}: {form}")
            bad = 1
    print(f"# {len(TOKENS)} tokens, {len(wanted)} forms, {looked} bytes")
    return bad


def main():
    if sys.argv[1] == "make":
        with open(sys.argv[2], "wb") as f:
            f.write(pcap_header(EN10MB))
            for i, frame in enumerate(frames()):
                ns = i * STEP_NS // 10
                f.write(pcap_record(START_S + ns // 10**9, ns % 10**9 // 1000, frame))
    elif sys.argv[1] == "list":
        list(frames())
        print("\n".join(sorted(TOKENS)))
    else:
        sys.exit(find(sys.argv[2:]))


if __name__ == "__main__":
    main()
