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
	 {SAYS("EHLO me\r\n"), SAYS("STARTTLS\r\n"), SAYS("MAIL FROM:<a@b.example>\r\n")},
	 25,
	 "PPD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"mail in clear",
	 {SAYS("EHLO me\r\n"), SAYS("MAIL FROM:<a@b.example>\r\n")},
	 25,
	 "PD",
	 PROTOCOL_SMTP,
	 "",
	 EVIDENCE_NONE,
	 UNDECIDABLE_NONE,
	 CLEAR},
	{"password in clear",
	 {SAYS("EHLO me\r\n"), SAYS("AUTH PLAIN AAAA\r\n")},
	 587,
	 "PD",
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
	{"TDS 7, login in clear",
	 {PRELOGIN, {LOGIN7, BYTES("tcp:SQL.example,1433")}},
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
		put_be(&stream, 0x1001, 2);
		put_be(&stream, 8 + 94 + p->len * 2, 2);
		put_be(&stream, 0x100, 4);
		put_fill(&stream, 0, 52);
		put_be(&stream, 94 << 8, 2); /* little endian */
		put_be(&stream, p->len << 8, 2);
		put_fill(&stream, 0, 94 - 56);
		for (size_t i = 0; i < p->len; i++)
			put_be(&stream, (uint64_t)(uint8_t)p->bytes[i] << 8, 2);
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
			if (step == IDENTIFY_ASKED)
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
		cmocka_unit_test(random_bytes_behind_a_layer_do_no_harm),
	};

	return cmocka_run_group_tests_name("identify/layer", tests, make, unmake);
}
