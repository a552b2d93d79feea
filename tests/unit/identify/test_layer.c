/* SPDX-License-Identifier: Apache-2.0 */
/* What clients say in front of the bytes with the name: STARTTLS, TDS 7, CONNECT, SOCKS, PROXY. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) s, sizeof(s) - 1

#define CLEAR    (1u << FLAG_CLEAR_TEXT)
#define MISMATCH (1u << FLAG_HOST_MISMATCH)
#define LITERAL  (1u << FLAG_IP_LITERAL)

enum part_kind {
	NOTHING = 0,
	TEXT,    /* as it stands */
	HELLO,   /* a TLS hello for the name */
	WRAPPED, /* the same in TDS packets of 100 bytes */
	LOGIN7,  /* in clear, for the server */
	LOGIN,   /* the same, for "server|database" */
};

struct part {
	enum part_kind kind;
	const char *bytes;
	size_t len;
};

#define SAYS(s)                \
	{                      \
		TEXT, BYTES(s) \
	}
#define HI(name)                   \
	{                          \
		HELLO, BYTES(name) \
	}
#define PRELOGIN SAYS("\x12\1\0\x0e\0\0\1\0\xff\0\0\0\0\0")

#define K "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" /* 40 */

struct row {
	const char *what;
	struct part parts[6];
	uint16_t port;
	/* after each part: P pass, A asked, M more, D done */
	const char *steps;
	enum protocol protocol;
	const char *host;
	enum evidence evidence;
	enum undecidable why;
	uint32_t flags;
};

static const struct row rows[] = {
	/* SMTP */
	{"STARTTLS",
	 {SAYS("EHLO me.example\r\n"), SAYS("STARTTLS\r\n"), HI("mail.example")},
	 587,
	 "PPD",
	 PROTOCOL_SMTP,
	 "mail.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"STARTTLS, small letters, bare LF",
	 {SAYS("helo me\n"), SAYS("noop\n"), SAYS("starttls\n"), HI("mail.example")},
	 2525,
	 "PPPD",
	 PROTOCOL_SMTP,
	 "mail.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"STARTTLS refused, then mail",
	 {SAYS("EHLO me\r\n"), SAYS("STARTTLS\r\n"), SAYS("MAIL FROM:<a@b.example>\r\n"),
	  SAYS("DATA\r\n")},
	 25,
	 "PPAD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"mail in clear",
	 {SAYS("EHLO me\r\n"), SAYS("MAIL FROM:<a@b.example>\r\n"),
	  SAYS("RCPT TO:<a@c.example>\r\n"), SAYS("RSET\r\n"), SAYS("BDAT 5\r\n")},
	 25,
	 "PAAAD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"password in clear",
	 {SAYS("EHLO me\r\n"), SAYS("AUTH LOGIN\r\n"), SAYS("TUFJTDE=\r\n"),
	  SAYS("+/A=\r\n"), SAYS("MAIL FROM:<>\r\n"), SAYS("DATA\r\n")},
	 587,
	 "PAAAAD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"mail in clear, then STARTTLS",
	 {SAYS("EHLO me\r\n"), SAYS("MAIL FROM:<a@b.example>\r\n"), SAYS("STARTTLS\r\n"),
	  HI("mail.example")},
	 25,
	 "PAAD",
	 PROTOCOL_SMTP,
	 "mail.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"STARTTLS refused, mail, then a hello all the same",
	 {SAYS("EHLO me\r\n"), SAYS("STARTTLS\r\n"), SAYS("MAIL FROM:<a@b.example>\r\n"),
	  HI("mail.example")},
	 25,
	 "PPAD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"STARTTLS behind what a server answers by 5yz",
	 {SAYS("EHLO me\r\n"), SAYS("VRFY root\r\n"), SAYS("RCPT TO:<a@b.example>\r\n"),
	  SAYS("\r\n"), SAYS("STARTTLS\r\n"), HI("mail.example")},
	 587,
	 "PPPPPD",
	 PROTOCOL_SMTP,
	 "mail.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"STARTTLS behind words of nobody, and a blank in front of it",
	 {SAYS("EHLO me\r\n"), SAYS("XCLIENT NAME=a\r\n"), SAYS("1\r\n"),
	  SAYS(" STARTTLS\r\n"), HI("mail.example")},
	 587,
	 "PPPPD",
	 PROTOCOL_SMTP,
	 "mail.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"what may stand before EHLO",
	 {SAYS("NOOP\r\n"), SAYS("rset\r\n"), SAYS("VRFY a\r\n"), SAYS("EHLO me\r\n"),
	  SAYS("STARTTLS\r\n"), HI("mail.example")},
	 587,
	 "PPPPPD",
	 PROTOCOL_SMTP,
	 "mail.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"a client of FTP that begins alike",
	 {SAYS("NOOP\r\n"), SAYS("USER me\r\n")},
	 21,
	 "PD",
	 PROTOCOL_UNKNOWN,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 0},
	{"recipients of no mail, then its end",
	 {SAYS("EHLO me\r\n"), SAYS("RCPT TO:<a@b.example>\r\n"), SAYS("QUIT\r\n")},
	 25,
	 "PPD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"a hello without STARTTLS",
	 {SAYS("EHLO me\r\n"), HI("mail.example")},
	 587,
	 "PD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"no name behind STARTTLS",
	 {SAYS("EHLO me\r\n"), SAYS("STARTTLS\r\n"), HI("")},
	 587,
	 "PPD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NO_SNI,
	 0},
	{"a line over 512 bytes",
	 {SAYS("EHLO xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n")},
	 25,
	 "D",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_HELLO,
	 0},

	{"an unknown command over 512 bytes: what it is was known before",
	 {SAYS("EHLO me\r\n"), SAYS("XYZ " K K K K K K K K K K K K K)},
	 25,
	 "PD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"one word of over 512 bytes",
	 {SAYS("EHLO me\r\n"), SAYS(K K K K K K K K K K K K K " x")},
	 25,
	 "PD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},

	/* TDS 7 */
	{"TDS 7, TLS in packets",
	 {PRELOGIN, {WRAPPED, BYTES("sql.example")}},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "sql.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"TDS 7, number, window and bits that servers do not look at",
	 {SAYS("\x12\x09\0\x14\0\0\5\7\0\0\6\0\6\xff\x10\0\0\0\0\0"),
	  {WRAPPED, BYTES("sql.example")}},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "sql.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"the same without a version: no TDS",
	 {SAYS("\x12\1\0\x14\0\0\5\0\1\0\6\0\6\xff\x10\0\0\0\0\0")},
	 1433,
	 "D",
	 PROTOCOL_UNKNOWN,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 0},
	{"TDS 7, login in clear",
	 {PRELOGIN, {LOGIN7, BYTES("tcp:SQL.example,1433")}},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "sql.example",
	 EVIDENCE_REQUEST,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"TDS 7, login in clear to a database",
	 {PRELOGIN, {LOGIN, BYTES("sql.example|sales")}},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "sql.example",
	 EVIDENCE_REQUEST,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"TDS 7, an instance",
	 {PRELOGIN, {LOGIN7, BYTES("sql.example\\two")}},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "sql.example",
	 EVIDENCE_REQUEST,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"TDS 7, an address",
	 {PRELOGIN, {LOGIN7, BYTES("10.0.0.5")}},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "10.0.0.5",
	 EVIDENCE_REQUEST,
	 UNDECIDABLE_NONE,
	 CLEAR | LITERAL},
	{"TDS 7, no server named",
	 {PRELOGIN, {LOGIN7, BYTES("")}},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NO_SNI,
	 CLEAR},
	{"TDS 7, an alias",
	 {PRELOGIN, {LOGIN7, BYTES("plain")}},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NO_SNI,
	 CLEAR},
	{"TDS 7, no server's name",
	 {PRELOGIN, {LOGIN7, BYTES("a b")}},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_NAME,
	 CLEAR},
	{"TDS 7, then something else",
	 {PRELOGIN, SAYS("GET / HTTP/1.1\r\nHost: good.example\r\n\r\n")},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_HELLO,
	 0},
	{"TDS 7, a request in the packets",
	 {PRELOGIN, SAYS("\x12\1\0\x1c\0\0\1\0GET / HTTP/1.1\r\n\r\nxx")},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_HELLO,
	 0},
	{"TDS 7, a hello outside of packets",
	 {PRELOGIN, HI("good.example")},
	 1433,
	 "PD",
	 PROTOCOL_TDS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_HELLO,
	 0},

	/* CONNECT */
	{"CONNECT",
	 {SAYS("CONNECT A.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
	  HI("a.example")},
	 3128,
	 "AD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"CONNECT, another name inside",
	 {SAYS("CONNECT good.example:443 HTTP/1.1\r\n\r\n"), HI("evil.example")},
	 3128,
	 "AD",
	 PROTOCOL_TLS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_CONFLICT,
	 MISMATCH},
	{"CONNECT to an address",
	 {SAYS("CONNECT 10.0.0.5:443 HTTP/1.1\r\n\r\n"), HI("a.example")},
	 3128,
	 "AD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"CONNECT, no name inside",
	 {SAYS("CONNECT a.example:443 HTTP/1.1\r\n\r\n"), HI("")},
	 3128,
	 "AD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_CONNECT,
	 UNDECIDABLE_NONE,
	 0},
	{"CONNECT, no protocol that is read inside",
	 {SAYS("CONNECT a.example:22 HTTP/1.1\r\n\r\n"), SAYS("\1\2\3\4\5\6\7\0\1\2")},
	 3128,
	 "AD",
	 PROTOCOL_HTTP,
	 "a.example",
	 EVIDENCE_CONNECT,
	 UNDECIDABLE_NONE,
	 0},
	{"CONNECT, Host says another: proxies go by the target",
	 {SAYS("CONNECT a.example:443 HTTP/1.1\r\nHost: good.example\r\n\r\n"),
	  HI("a.example")},
	 3128,
	 "AD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 MISMATCH},
	{"CONNECT through two proxies",
	 {SAYS("CONNECT proxy.example:3128 HTTP/1.1\r\n\r\n"),
	  SAYS("CONNECT a.example:443 HTTP/1.1\r\n\r\n"), HI("a.example")},
	 3128,
	 "AAD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"CONNECT, two Hosts",
	 {SAYS("CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")},
	 3128,
	 "D",
	 PROTOCOL_HTTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_NAME,
	 CLEAR},
	{"CONNECT, no authority",
	 {SAYS("CONNECT /path HTTP/1.1\r\n\r\n")},
	 3128,
	 "D",
	 PROTOCOL_HTTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_NAME,
	 CLEAR},

	/* SOCKS */
	{"SOCKS 5, a name",
	 {SAYS("\5\1\0"),
	  SAYS("\5\1\0\3\x09"
	       "a.example"
	       "\1\xbb"),
	  HI("a.example")},
	 1080,
	 "PAD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"SOCKS 5, a password, another name inside",
	 {SAYS("\5\2\0\2"), SAYS("\1\2me\3abc"),
	  SAYS("\5\1\0\3\x0c"
	       "good.example"
	       "\1\xbb"),
	  HI("evil.example")},
	 1080,
	 "PPAD",
	 PROTOCOL_TLS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_CONFLICT,
	 MISMATCH},
	{"SOCKS 5, an IPv6 address",
	 {SAYS("\5\1\0"), SAYS("\5\1\0\4\xfd\1\0\0\0\0\0\0\0\0\0\0\0\0\0\2\1\xbb"),
	  HI("a.example")},
	 1080,
	 "PAD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"SOCKS 5, a method that nobody has assigned, on the port of DNS",
	 {SAYS("\5\2\0\x0a"),
	  SAYS("\5\1\0\3\x09"
	       "a.example"
	       "\1\xbb"),
	  HI("a.example")},
	 53,
	 "PAD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"methods of which none is known",
	 {SAYS("\5\2\x0a\x0b")},
	 1080,
	 "D",
	 PROTOCOL_UNKNOWN,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 0},
	{"a question of DNS whose length looks like a greeting",
	 {SAYS("\5\1\0"), SAYS("\5\1\0\0\1\0\0\0\0\0\1\1a\7example\0\0\1\0\1")},
	 53,
	 "PM",
	 PROTOCOL_UNKNOWN,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 0},
	{"SOCKS 5, BIND",
	 {SAYS("\5\1\0"), SAYS("\5\2\0\1\x0a\0\0\1\1\xbb")},
	 1080,
	 "PD",
	 PROTOCOL_SOCKS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NO_READER,
	 0},
	{"SOCKS 5, no name",
	 {SAYS("\5\1\0"), SAYS("\5\1\0\3\3"
			       "a b"
			       "\1\xbb")},
	 1080,
	 "PD",
	 PROTOCOL_SOCKS,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_NAME,
	 0},
	{"SOCKS 4, then HTTP",
	 {SAYS("\4\1\0\x50\x0a\0\0\1me\0"),
	  SAYS("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")},
	 1080,
	 "AD",
	 PROTOCOL_HTTP,
	 "a.example",
	 EVIDENCE_REQUEST,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"SOCKS 4a",
	 {SAYS("\4\1\1\xbb\0\0\0\1me\0"
	       "a.example\0"),
	  HI("a.example")},
	 1080,
	 "AD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},

	/* PROXY */
	{"PROXY 1",
	 {SAYS("PROXY TCP4 10.0.0.1 10.0.0.2 1 443\r\n"), HI("a.example")},
	 443,
	 "PD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"PROXY 1, IPv6",
	 {SAYS("PROXY TCP6 ::ffff:10.0.0.1 2001:db8::2 1 443\r\n"), HI("a.example")},
	 443,
	 "PD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"PROXY 1, no such family",
	 {SAYS("PROXY TCP9 zzz\r\n")},
	 443,
	 "D",
	 PROTOCOL_UNKNOWN,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_HELLO,
	 0},
	{"PROXY 1, addresses of the other family",
	 {SAYS("PROXY TCP4 2001:db8::1 2001:db8::2 1 443\r\n")},
	 443,
	 "D",
	 PROTOCOL_UNKNOWN,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_HELLO,
	 0},
	{"PROXY 1, no port",
	 {SAYS("PROXY TCP4 10.0.0.1 10.0.0.2 1 \r\n")},
	 443,
	 "D",
	 PROTOCOL_UNKNOWN,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_HELLO,
	 0},
	{"PROXY 1, unknown",
	 {SAYS("PROXY UNKNOWN\r\n"), SAYS("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")},
	 80,
	 "PD",
	 PROTOCOL_HTTP,
	 "a.example",
	 EVIDENCE_REQUEST,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"PROXY 2",
	 {SAYS("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\1\x0a\0\0\2\0\1\1\xbb"),
	  HI("a.example")},
	 443,
	 "PD",
	 PROTOCOL_TLS,
	 "a.example",
	 EVIDENCE_SNI,
	 UNDECIDABLE_NONE,
	 0},
	{"PROXY 2, version 3",
	 {SAYS("\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0")},
	 443,
	 "D",
	 PROTOCOL_UNKNOWN,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_HELLO,
	 0},
	{"layers on layers end",
	 {SAYS("PROXY UNKNOWN\r\nPROXY UNKNOWN\r\nPROXY UNKNOWN\r\nPROXY UNKNOWN\r\n"),
	  SAYS("PROXY UNKNOWN\r\n")},
	 443,
	 "PD",
	 PROTOCOL_UNKNOWN,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_MALFORMED_HELLO,
	 0},
};

static struct bytes stream, message, extensions, scratch;

static void put_le(size_t v)
{
	put_be(&stream, (v & 255) << 8 | v >> 8, 2);
}

/* MS-TDS 2.2.6.4; the names stand behind its fixed part of 94 bytes. */
static void put_login7(const struct part *p)
{
	const char *bar = p->kind == LOGIN ? memchr(p->bytes, '|', p->len) : NULL;
	const size_t n = bar == NULL ? p->len : (size_t)(bar - p->bytes);

	put_be(&stream, 0x1001, 2);
	put_be(&stream, 8 + 94 + p->len * 2, 2);
	put_be(&stream, 0x100, 4);
	put_fill(&stream, 0, 52);
	put_le(94);
	put_le(n);
	put_fill(&stream, 0, 12);
	put_le(bar == NULL ? 0 : 94 + 2 * (n + 1));
	put_le(bar == NULL ? 0 : p->len - n - 1);
	put_fill(&stream, 0, 94 - 72);
	for (size_t i = 0; i < p->len; i++)
		put_be(&stream, (uint64_t)(uint8_t)p->bytes[i] << 8, 2);
}

static void put_part(const struct part *p)
{
	switch (p->kind) {
	case NOTHING:
		break;
	case TEXT:
		put_mem(&stream, p->bytes, p->len);
		break;
	case HELLO:
	case WRAPPED:
		extensions.len = message.len = scratch.len = 0;
		if (p->len > 0)
			put_sni(&extensions, p->bytes, p->len);
		put_hello(&message, &extensions);
		put_records(&scratch, &message, 16000);
		if (p->kind == HELLO) {
			put_mem(&stream, scratch.b, scratch.len);
			break;
		}
		for (size_t at = 0; at < scratch.len; at += 100) {
			const size_t left = scratch.len - at, n = left < 100 ? left : 100;

			put_be(&stream, 0x12, 1);
			put_be(&stream, n == left, 1);
			put_be(&stream, n + 8, 2);
			put_be(&stream, 0x100, 4);
			put_mem(&stream, scratch.b + at, n);
		}
		break;
	case LOGIN7:
	case LOGIN:
		put_login7(p);
		break;
	}
}

static enum identify_step ask(struct identify *id, size_t len, bool final, uint16_t port,
			      struct facts *f)
{
	uint8_t *exact = malloc(len == 0 ? 1 : len);
	enum identify_step step;

	assert_non_null(exact);
	memcpy(exact, stream.b, len);
	step = identify_stream(id, exact, len, final, false, port, f);
	free(exact);
	return step;
}

static char letter(enum identify_step step)
{
	return step == IDENTIFY_DONE    ? 'D'
	       : step == IDENTIFY_PASS  ? 'P'
	       : step == IDENTIFY_ASKED ? 'A'
					: 'M';
}

static void check(const struct row *r, const struct facts *f)
{
	if (f->protocol != r->protocol || strcmp(f->host, r->host) != 0 ||
	    f->evidence != r->evidence || f->undecidable != r->why ||
	    f->flags != r->flags)
		fail_msg("%s: %s '%s' %s %s %x", r->what, protocol_name(f->protocol),
			 f->host, evidence_name(f->evidence),
			 undecidable_name(f->undecidable), f->flags);
}

static void names_are_read_behind_what_stands_in_front(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		struct facts f = {.protocol = PROTOCOL_UNKNOWN};
		enum identify_step step = IDENTIFY_MORE;

		stream.len = 0;
		for (size_t k = 0; k < COUNT(r->parts) && r->parts[k].kind != NOTHING;
		     k++) {
			put_part(&r->parts[k]);
			step = ask(*state, stream.len, false, r->port, &f);
			if (letter(step) != r->steps[k])
				fail_msg("%s, part %zu: %c", r->what, k, letter(step));
			if (step == IDENTIFY_ASKED && f.protocol != PROTOCOL_SMTP)
				assert_int_equal(f.evidence, EVIDENCE_CONNECT);
		}
		if (step == IDENTIFY_DONE)
			check(r, &f);
	}
}

/*
 * Cut anywhere: before a part is whole nothing may go on but whole messages, and once the answer
 * is there it stays.
 */
static void the_answer_is_the_same_however_the_bytes_come(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		size_t ends[COUNT(r->parts)] = {0}, parts = 0;
		struct facts f = {.protocol = PROTOCOL_UNKNOWN};
		bool is_done = false;

		stream.len = 0;
		while (parts < COUNT(r->parts) && r->parts[parts].kind != NOTHING) {
			put_part(&r->parts[parts]);
			ends[parts++] = stream.len;
		}
		for (size_t n = 1; n <= stream.len && !is_done; n++) {
			const enum identify_step step =
				ask(*state, n, false, r->port, &f);
			bool at_end = false;

			for (size_t k = 0; k < parts; k++)
				at_end |= n == ends[k];
			if ((step == IDENTIFY_PASS || step == IDENTIFY_ASKED) &&
			    !at_end &&
			    r->parts[0].bytes[0] != 'P') /* one part of four headers */
				fail_msg("%s: %zu bytes pass", r->what, n);
			is_done = step == IDENTIFY_DONE;
		}
		assert_int_equal(is_done, strchr(r->steps, 'D') != NULL);
		if (is_done)
			check(r, &f);
	}
}

static void an_end_always_answers(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		stream.len = 0;
		for (size_t k = 0; k < COUNT(rows[i].parts); k++)
			put_part(&rows[i].parts[k]);
		for (size_t n = 0; n <= stream.len; n++) {
			struct facts f = {.protocol = PROTOCOL_UNKNOWN};

			assert_int_equal(ask(*state, n, true, rows[i].port, &f),
					 IDENTIFY_DONE);
		}
	}
}

/* A client that asked a proxy and then said nothing is known by what it asked for. */
static void what_was_asked_for_counts_when_nothing_follows(void **state)
{
	static const struct part asks[] = {
		SAYS("CONNECT a.example:443 HTTP/1.1\r\n\r\n"),
		SAYS("\5\1\0\5\1\0\3\x09"
		     "a.example"
		     "\1\xbb"),
		SAYS("\4\1\1\xbb\0\0\0\1\0"
		     "a.example\0"),
	};

	for (size_t i = 0; i < COUNT(asks); i++) {
		struct facts f = {.protocol = PROTOCOL_UNKNOWN};

		stream.len = 0;
		put_part(&asks[i]);
		assert_int_equal(ask(*state, stream.len, false, 1, &f), IDENTIFY_ASKED);
		assert_string_equal(f.host, "a.example");
		assert_int_equal(f.visibility, VISIBILITY_HOST);
		assert_int_equal(ask(*state, stream.len, true, 1, &f), IDENTIFY_DONE);
		assert_string_equal(f.host, "a.example");
		assert_int_equal(f.evidence, EVIDENCE_CONNECT);
		assert_int_equal(f.undecidable, UNDECIDABLE_NONE);
	}
}

/* ---- domains of mail, databases ---- */

struct mail_row {
	const char *what, *says;
	const char *helo, *from, *to;
	unsigned more;
};

#define HELO    "EHLO me.example\r\n"
#define FROM    HELO "MAIL FROM:<a@b.example>\r\n"
#define TO(p)   "RCPT TO:" p "\r\n"
#define X16     "xxxxxxxxxxxxxxxx"
#define X64     X16 X16 X16 X16
#define LONG(c) "<a@" X16 X16 X16 "." X16 X16 X16 "xxxxxxxxxxxx." c ".example>"

static const struct mail_row mails[] = {
	{"a mail", FROM TO("<c@d.example>") "DATA\r\n", "me.example", "b.example",
	 "d.example", 0},
	{"capitals, lines without CR, parameters",
	 "ehlo ME\nmail from: <A@B.Example> SIZE=9 BODY=8BITMIME\nrcpt to:\t<C@D.EXAMPLE> "
	 "NOTIFY=NEVER\ndata\n",
	 "me", "b.example", "d.example", 0},
	{"no angle brackets",
	 HELO "MAIL FROM:a@b.example\r\n" TO("c@d.example X=1") "DATA\r\n", "me.example",
	 "b.example", "d.example", 0},
	{"blanks where servers take them",
	 HELO "MAIL  FROM : < a@b.example >\r\n" TO(" < c@d.example>") "DATA\r\n",
	 "me.example", "b.example", "d.example", 0},
	{"source routes",
	 HELO "MAIL FROM:<@x.example,@y.example:a@b.example>\r\n" TO(
		 "<@[IPv6:2001:db8::1],@z.example:c@d.example>") "DATA\r\n",
	 "me.example", "b.example", "d.example", 0},
	{"a route to nowhere", FROM TO("<@x.example>") "DATA\r\n", "me.example",
	 "b.example", "", 1},
	{"quoted local parts",
	 HELO "MAIL FROM:<\"a@x.example\"@b.example>\r\n" TO(
		 "<\"c\\\"> @y.example\"@d.example>") "DATA\r\n",
	 "me.example", "b.example", "d.example", 0},
	{"a quote that does not end", FROM TO("<\"c@d.example>") "DATA\r\n", "me.example",
	 "b.example", "", 1},
	{"two at-signs: the last one", FROM TO("<c@x.example@d.example>") "DATA\r\n",
	 "me.example", "b.example", "d.example", 0},
	{"address literals",
	 "HELO [192.0.2.7]\r\nMAIL FROM:<a@[192.0.2.1]>\r\n" TO(
		 "<c@[ipv6:2001:DB8:0::1]>") TO("<c@[IPv6:nothing]>")
		 TO("<c@[x@[192.0.2.9]>") "DATA\r\n",
	 "192.0.2.7", "192.0.2.1", "2001:db8::1", 2},
	{"no sender",
	 HELO "MAIL FROM:<>\r\n" TO("<Postmaster>") TO("<c@d.example>") "DATA\r\n",
	 "me.example", "", "d.example", 1},
	{"domains in UTF-8",
	 HELO "MAIL FROM:<\303\274@B\303\274cher.Example> SMTPUTF8\r\n" TO(
		 "<c@\303(.example>") TO("<c@\303\274,x>") "DATA\r\n",
	 "me.example", "b\303\274cher.example", "", 2},
	{"the same domain twice", FROM TO("<c@d.example>") TO("<e@D.example>") "DATA\r\n",
	 "me.example", "b.example", "d.example", 0},
	{"what begins alike is another",
	 FROM TO("<c@d.example>") TO("<c@d.exam>") TO("<c@example>") "DATA\r\n",
	 "me.example", "b.example", "d.example,d.exam,example", 0},
	{"nine domains",
	 FROM TO("<c@d1>") TO("<c@d2>") TO("<c@d3>") TO("<c@d4>") TO("<c@d5>") TO(
		 "<c@d6>") TO("<c@d7>") TO("<c@d8>") TO("<c@d9>") TO("<c@d8>") "DATA\r\n",
	 "me.example", "b.example", "d1,d2,d3,d4,d5,d6,d7,d8", 1},
	{"what a server refused or forgot counts as well",
	 FROM TO("<c@d1>") "MAIL FROM:<x@y.example>\r\nRSET\r\n" TO("<c@d2>") "DATA\r\n",
	 "me.example", "b.example", "d1,d2", 0},
	{"behind DATA nothing is read", FROM "DATA\r\n" TO("<c@d.example>"), "me.example",
	 "b.example", "", 0},
	{"behind BDAT nothing is read", FROM "BDAT 0 LAST\r\n" TO("<c@d.example>"),
	 "me.example", "b.example", "", 0},
	{"a login",
	 HELO "AUTH LOGIN\r\nTUFJTA==\r\nMAIL1234\r\nMAIL FROM:<a@b.example>\r\n"
	      "AUTH PLAIN AGFAeC5leGFtcGxlAA==\r\n" TO("<c@d.example>") "DATA\r\n",
	 "me.example", "b.example", "d.example", 0},
	{"no paths",
	 HELO "MAIL FROM\r\nMAIL TO:<a@x.example>\r\nRCPT FROM:<a@x.example>\r\n"
	      "RCPT TO:\r\nMAIL FROM:<a@b.example>\r\nDATA\r\n",
	 "me.example", "b.example", "", 0},
	{"no name of a client", "EHLO a b\r\nMAIL FROM:<a@b.example>\r\nDATA\r\n", "",
	 "b.example", "", 0},
	{"a line over 512 bytes that holds parameters",
	 FROM "RCPT TO:<c@d.example> ORCPT=" X64 X64 X64 X64 X64 X64 X64 X64
	      "\r\nDATA\r\n",
	 "me.example", "b.example", "d.example", 0},
};

static void fill(const char *says)
{
	stream.len = 0;
	put_mem(&stream, says, strlen(says));
}

static void same_text(const char *what, const char *want, const char *got, size_t len)
{
	if (strlen(want) != len || memcmp(want, got, len) != 0)
		fail_msg("%s: '%.*s', not '%s'", what, (int)len, got, want);
}

static void mail_in_clear_tells_its_domains(void **state)
{
	for (size_t i = 0; i < COUNT(mails); i++) {
		const struct mail_row *r = &mails[i];
		struct facts f = {.protocol = PROTOCOL_UNKNOWN}, slow = f;
		enum identify_step step = IDENTIFY_MORE;
		bool asked = false;

		fill(r->says);
		assert_int_equal(ask(*state, stream.len, false, 25, &f), IDENTIFY_DONE);
		same_text(r->what, r->helo, f.mail.helo, f.mail.helo_len);
		same_text(r->what, r->from, f.mail.from, f.mail.from_len);
		same_text(r->what, r->to, f.mail.to, f.mail.to_len);
		if (f.mail.to_more != r->more || f.undecidable != UNDECIDABLE_NONE)
			fail_msg("%s: %u more", r->what, f.mail.to_more);
		for (size_t n = 1; step != IDENTIFY_DONE; n++) {
			step = ask(*state, n, false, 25, &slow);
			assert_true(!asked || step != IDENTIFY_PASS);
			asked |= step == IDENTIFY_ASKED;
			if (step == IDENTIFY_PASS || step == IDENTIFY_ASKED)
				assert_int_equal(r->says[n - 1], '\n');
		}
		assert_memory_equal(&slow.mail, &f.mail, sizeof(f.mail));
		assert_int_equal(asked,
				 1); /* judged before anything of the mail passes */
	}
}

/* Read before the mail begins, or cut in its midst: what is known is told. */
static void an_end_within_a_mail_tells_what_is_known(void **state)
{
	struct facts f = {.protocol = PROTOCOL_UNKNOWN};

	fill(FROM "RCPT TO:<c@d.example>\r\nRCPT TO:<e@f.exam");
	assert_int_equal(ask(*state, stream.len, true, 25, &f), IDENTIFY_DONE);
	same_text("from", "b.example", f.mail.from, f.mail.from_len);
	same_text("to", "d.example", f.mail.to, f.mail.to_len);
	assert_int_equal(f.undecidable, UNDECIDABLE_NONE);
	assert_int_equal(f.flags, CLEAR);
}

static void recipients_have_their_bounds(void **state)
{
	struct facts f = {.protocol = PROTOCOL_UNKNOWN};

	fill(FROM);
	for (unsigned i = 0; i < 125; i++)
		put_mem(&stream, BYTES(TO("<c@d.example>")));
	assert_int_equal(ask(*state, stream.len, false, 25, &f), IDENTIFY_ASKED);
	put_mem(&stream, BYTES(TO("<c@d.example>") TO("<c@last.example>")));
	assert_int_equal(ask(*state, stream.len, false, 25, &f), IDENTIFY_DONE);
	same_text("to", "d.example", f.mail.to, f.mail.to_len);

	memset(&f, 0, sizeof(f));
	fill(FROM TO(LONG("a")) TO(LONG("b")) TO(LONG("c")) TO(LONG("d"))
		     TO(LONG("e")) "DATA\r\n");
	assert_int_equal(ask(*state, stream.len, false, 25, &f), IDENTIFY_DONE);
	assert_true(f.mail.to_len > 400 && f.mail.to_len <= MAIL_TO_MAX);
	assert_int_equal(f.mail.to_more, 1);

	memset(&f, 0, sizeof(f));
	fill(FROM "RCPT TO:<");
	put_fill(&stream, 'x', 2048);
	assert_int_equal(ask(*state, stream.len, false, 25, &f), IDENTIFY_DONE);
	assert_int_equal(f.undecidable, UNDECIDABLE_MALFORMED_HELLO);
	assert_int_equal(f.flags, CLEAR);
}

static void a_login_in_clear_tells_its_database(void **state)
{
	static const struct {
		struct part login;
		const char *database;
	} logins[] = {
		{{LOGIN, BYTES("sql.example|sales")}, "sales"},
		{{LOGIN, BYTES("plain|Sales 2026")}, "Sales 2026"},
		{{LOGIN, BYTES("sql.example|sales  ")}, "sales"},
		{{LOGIN, BYTES("sql.example|")}, ""},
		{{LOGIN7, BYTES("sql.example")}, ""},
		{{LOGIN, BYTES("sql.example|[sales")}, ""},
		{{LOGIN, BYTES("sql.example|sales]")}, ""},
		{{LOGIN, BYTES("sql.example|\"sales\"")}, ""},
		{{LOGIN, BYTES("sql.example|sal*")}, ""},
		{{LOGIN, BYTES("sql.example|s\374les")}, ""},
		{{LOGIN, BYTES("sql.example|s\1les")}, ""},
		{{LOGIN, BYTES("sql.example|" X64 X64)}, X64 X64},
		{{LOGIN, BYTES("sql.example|" X64 X64 "x")}, ""},
	};
	const struct part prelogin = PRELOGIN;

	for (size_t i = 0; i < COUNT(logins); i++) {
		struct facts f = {.protocol = PROTOCOL_UNKNOWN};

		stream.len = 0;
		put_part(&prelogin);
		put_part(&logins[i].login);
		assert_int_equal(ask(*state, stream.len, false, 1433, &f), IDENTIFY_DONE);
		same_text(logins[i].login.bytes, logins[i].database, f.database,
			  f.database_len);
	}
}

/* Random bytes behind every layer: no crash, and an end is an end. */
static void random_bytes_behind_a_layer_do_no_harm(void **state)
{
	uint64_t x = 88172645463325252;

	for (unsigned n = 0; n < 20000; n++) {
		const struct row *r = &rows[n % COUNT(rows)];
		struct facts f = {.protocol = PROTOCOL_UNKNOWN};

		stream.len = 0;
		put_part(&r->parts[0]);
		if ((n & 1) != 0 && r->parts[1].kind != NOTHING)
			put_part(&r->parts[1]);
		for (unsigned k = 0; k < n % 64; k++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			if ((x & 3) == 0 && stream.len > 0)
				stream.b[(x >> 8) % stream.len] = (uint8_t)(x >> 32);
			else
				put_be(&stream, x >> 40 & 255, 1);
		}
		(void)ask(*state, stream.len, false, r->port, &f);
		assert_int_equal(ask(*state, stream.len, true, r->port, &f),
				 IDENTIFY_DONE);
		assert_true(f.host_len == strlen(f.host));
	}
}

static int make(void **state)
{
	*state = identify_create();
	return *state == NULL ? -1 : 0;
}

static int unmake(void **state)
{
	identify_destroy(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_behind_what_stands_in_front),
		cmocka_unit_test(the_answer_is_the_same_however_the_bytes_come),
		cmocka_unit_test(an_end_always_answers),
		cmocka_unit_test(what_was_asked_for_counts_when_nothing_follows),
		cmocka_unit_test(mail_in_clear_tells_its_domains),
		cmocka_unit_test(an_end_within_a_mail_tells_what_is_known),
		cmocka_unit_test(recipients_have_their_bounds),
		cmocka_unit_test(a_login_in_clear_tells_its_database),
		cmocka_unit_test(random_bytes_behind_a_layer_do_no_harm),
	};

	return cmocka_run_group_tests_name("identify/layer", tests, make, unmake);
}
