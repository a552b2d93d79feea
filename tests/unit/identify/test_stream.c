/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) s, sizeof(s) - 1

static struct bytes stream;

struct opening {
	const char *what;
	const char *bytes;
	size_t len;
	uint16_t port;
	enum protocol protocol;
	enum undecidable why;
};

static const struct opening openings[] = {
	{"SSH", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), 22, PROTOCOL_SSH, UNDECIDABLE_NONE},
	{"HTTP/2 in clear", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 80, PROTOCOL_HTTP,
	 UNDECIDABLE_NO_READER},
	{"DNS", BYTES("\0\x1b\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1"), 53,
	 PROTOCOL_DNS, UNDECIDABLE_NONE},
	{"DNS elsewhere",
	 BYTES("\0\x1b\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1"), 8053,
	 PROTOCOL_DNS, UNDECIDABLE_NONE},
	{"DNS elsewhere, two questions",
	 BYTES("\0\x1b\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1"
	       "\0\x1b\x12\x35\1\0\0\1\0\0\0\0\0\0\1b\7example\0\0\1\0\1"),
	 8053, PROTOCOL_DNS, UNDECIDABLE_NONE},
	{"an answer elsewhere",
	 BYTES("\0\x1b\x12\x34\x81\x80\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1"), 8053,
	 PROTOCOL_UNKNOWN, UNDECIDABLE_NONE},
	{"DNS elsewhere, a length too many",
	 BYTES("\0\x1c\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1\0"), 8053,
	 PROTOCOL_UNKNOWN, UNDECIDABLE_NONE},
	{"DNS, two questions in one message",
	 BYTES("\0\x2a\x12\x34\1\0\0\2\0\0\0\0\0\0\1a\7example\0\0\1\0\1"
	       "\1b\7example\0\0\1\0\1"),
	 53, PROTOCOL_DNS, UNDECIDABLE_MALFORMED_NAME},
	{"zeros", BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 443, PROTOCOL_UNKNOWN,
	 UNDECIDABLE_NONE},
	{"TDS type, odd length", BYTES("\x12\x01\x00\x02\x00\x00\x01\x00"), 1433,
	 PROTOCOL_UNKNOWN, UNDECIDABLE_NONE},
	{"SOCKS5 type, no method", BYTES("\5\0"), 1080, PROTOCOL_UNKNOWN,
	 UNDECIDABLE_NONE},
	{"SOCKS5 type, method 0x20", BYTES("\5\1\x20"), 1080, PROTOCOL_UNKNOWN,
	 UNDECIDABLE_NONE},
	{"SOCKS4 type, command 9", BYTES("\4\x09"), 1080, PROTOCOL_UNKNOWN,
	 UNDECIDABLE_NONE},
	{"SOCKS4 type, binary user", BYTES("\4\1\1\xbb\x0a\0\0\1\xff\0"), 1080,
	 PROTOCOL_UNKNOWN, UNDECIDABLE_NONE},
	{"TLS type, version 2, no hello", BYTES("\x16\x02\0\0\5\2"), 443,
	 PROTOCOL_UNKNOWN, UNDECIDABLE_NONE},
	{"alert type, version 3.9", BYTES("\x15\x03\x09\0\2\1\0"), 443, PROTOCOL_UNKNOWN,
	 UNDECIDABLE_NONE},
};

static struct facts ask(struct identify *id, const uint8_t *p, size_t len, bool final,
			uint16_t port, enum identify_step *ret)
{
	uint8_t *exact = malloc(len == 0 ? 1 : len);
	struct facts f;

	assert_non_null(exact);
	if (len > 0)
		memcpy(exact, p, len);
	memset(&f, 0, sizeof(f));
	*ret = identify_stream(id, exact, len, final, false, port, &f);
	free(exact);
	return f;
}

static void tells_protocols_by_their_first_bytes(void **state)
{
	for (size_t i = 0; i < COUNT(openings); i++) {
		const struct opening *o = &openings[i];
		enum identify_step step;
		struct facts f = ask(*state, (const uint8_t *)o->bytes, o->len, false,
				     o->port, &step);

		if (step != IDENTIFY_DONE || f.protocol != o->protocol ||
		    f.undecidable != o->why)
			fail_msg("%s: %s %s", o->what, protocol_name(f.protocol),
				 undecidable_name(f.undecidable));
		assert_int_equal(f.host_len, 0);
		assert_int_equal(f.visibility, VISIBILITY_ADDRESS);
		assert_int_equal(f.evidence, EVIDENCE_NONE);
	}
}

/* One byte at a time: once the answer is there it is the same, and no sooner another. */
static void answers_the_same_however_the_bytes_come(void **state)
{
	for (size_t i = 0; i < COUNT(openings); i++) {
		const struct opening *o = &openings[i];
		enum identify_step step = IDENTIFY_MORE;
		struct facts f = {.protocol = PROTOCOL_UNKNOWN};

		for (size_t n = 1; n <= o->len && step == IDENTIFY_MORE; n++)
			f = ask(*state, (const uint8_t *)o->bytes, n, false, o->port,
				&step);
		if (step != IDENTIFY_DONE || f.protocol != o->protocol)
			fail_msg("%s: %s", o->what, protocol_name(f.protocol));
	}
}

static void reads_real_openings(void **state)
{
	static const struct {
		const char *file;
		uint16_t port;
		enum protocol protocol;
	} rows[] = {
		{"curl_h2c", 80, PROTOCOL_HTTP},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		enum identify_step step;
		struct facts f;

		load(rows[i].file, &stream);
		f = ask(*state, stream.b, stream.len, false, rows[i].port, &step);
		assert_int_equal(step, IDENTIFY_DONE);
		assert_string_equal(protocol_name(f.protocol),
				    protocol_name(rows[i].protocol));
		assert_int_equal(f.undecidable, UNDECIDABLE_NO_READER);
	}
}

static void an_end_always_answers(void **state)
{
	for (size_t i = 0; i < COUNT(openings); i++) {
		for (size_t n = 0; n <= openings[i].len; n++) {
			enum identify_step step;

			(void)ask(*state, (const uint8_t *)openings[i].bytes, n, true,
				  openings[i].port, &step);
			assert_int_equal(step, IDENTIFY_DONE);
		}
	}
}

static void nothing_yet_is_more(void **state)
{
	enum identify_step step;

	(void)ask(*state, NULL, 0, false, 443, &step);
	assert_int_equal(step, IDENTIFY_MORE);
}

static void tls_on_port_53_is_tls(void **state)
{
	enum identify_step step;
	struct facts f;

	load("curl_tls13", &stream);
	f = ask(*state, stream.b, stream.len, false, 53, &step);
	assert_int_equal(step, IDENTIFY_DONE);
	assert_int_equal(f.protocol, PROTOCOL_TLS);
	assert_string_equal(f.host, "make.powerapps.com");
}

static void a_plain_dns_query_is_dns_on_any_port(void **state)
{
	static const uint8_t plain[] = {0x12, 0x34, 1,   0, 0,   1, 0, 0, 0, 0, 0,
					0,    1,    'a', 1, 'b', 0, 0, 1, 0, 1, 0};
	static const uint8_t dotless[] = {0x12, 0x34, 1, 0,   0, 1, 0, 0, 0, 0,
					  0,    0,    1, 'a', 0, 0, 1, 0, 1};
	static const struct {
		const uint8_t *b;
		size_t len;
		uint16_t port;
		enum protocol want;
	} rows[] = {
		{dotless, sizeof(dotless), 53, PROTOCOL_DNS},
		{dotless, sizeof(dotless), 5353, PROTOCOL_DNS},
		{dotless, sizeof(dotless), 5300, PROTOCOL_UNKNOWN},
		{plain, sizeof(plain) - 1, 5300, PROTOCOL_DNS},
		{plain, sizeof(plain), 5300, PROTOCOL_UNKNOWN}, /* a byte too many */
		{plain, sizeof(plain), 53, PROTOCOL_DNS},
		{plain, sizeof(plain) - 2, 5300, PROTOCOL_UNKNOWN},
	};
	static struct test_sink memory;
	struct crypto_sink sink = test_sink_of(&memory);

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct datagram_state st;
		struct facts f;

		memset(&st, 0, sizeof(st));
		memset(&f, 0, sizeof(f));
		assert_int_equal(identify_datagram(*state, &st, rows[i].b, rows[i].len,
						   true, false, rows[i].port, &sink, &f),
				 IDENTIFY_DONE);
		assert_int_equal(f.protocol, rows[i].want);
		assert_int_equal(f.host_len, 0);
	}
}

/* Also cut behind its question, where EDNS (RFC 6891 6.1.2) is still to come. */
static void a_question_over_tcp_is_waited_for(void **state)
{
	static const uint8_t question[] = {0, 32, 0x12, 0x34, 1, 0,   0, 1, 0, 0, 0, 0,
					   0, 1,  1,    'a',  1, 'b', 0, 0, 1, 0, 1, 0,
					   0, 41, 0x04, 0xd0, 0, 0,   0, 0, 0, 0};
	enum identify_step step;
	struct facts f;

	for (size_t n = 1; n < sizeof(question); n++) {
		(void)ask(*state, question, n, false, 5300, &step);
		assert_int_equal(step, IDENTIFY_MORE);
	}
	f = ask(*state, question, sizeof(question), false, 5300, &step);
	assert_int_equal(step, IDENTIFY_DONE);
	assert_int_equal(f.protocol, PROTOCOL_DNS);
}

/* RFC 2136, RFC 1996: whole, on DNS's port. */
static void upkeep_of_zones_is_dns_on_its_port(void **state)
{
	static const struct {
		uint16_t flags, type, port;
		enum protocol want;
	} rows[] = {
		{0x2800, 6, 53, PROTOCOL_DNS},       {0x2400, 6, 53, PROTOCOL_DNS},
		{0x2800, 6, 5300, PROTOCOL_UNKNOWN}, {0x2800, 1, 53, PROTOCOL_UNKNOWN},
		{0x3000, 6, 53, PROTOCOL_UNKNOWN},   {0xa800, 6, 53, PROTOCOL_UNKNOWN},
	};
	static struct test_sink memory;
	struct crypto_sink sink = test_sink_of(&memory);

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct datagram_state st;
		enum identify_step step;
		struct facts f;

		stream.len = 0;
		put_be(&stream, 0x12, 2); /* of TCP */
		put_be(&stream, 7, 2);
		put_be(&stream, rows[i].flags, 2);
		put_be(&stream, 1, 2);
		put_fill(&stream, 0, 6);
		put_be(&stream, 0x0161, 2);
		put_be(&stream, 0, 1);
		put_be(&stream, rows[i].type, 2);
		put_be(&stream, 1, 2);
		stream.b[1] = (uint8_t)(stream.len - 2);
		memset(&st, 0, sizeof(st));
		memset(&f, 0, sizeof(f));
		assert_int_equal(identify_datagram(*state, &st, stream.b + 2,
						   stream.len - 2, true, false,
						   rows[i].port, &sink, &f),
				 IDENTIFY_DONE);
		assert_int_equal(f.protocol, rows[i].want);
		assert_int_equal(f.undecidable, UNDECIDABLE_NONE);
		f = ask(*state, stream.b, stream.len, false, rows[i].port, &step);
		assert_int_equal(step, IDENTIFY_DONE);
		assert_int_equal(f.protocol, rows[i].want);
		if (rows[i].want == PROTOCOL_DNS) {
			(void)ask(*state, stream.b, stream.len - 3, false, 53, &step);
			assert_int_equal(step, IDENTIFY_MORE);
		}
	}
}

/* What a resolver answers with FORMERR names nobody. */
static void a_broken_question_is_a_malformed_name(void **state)
{
	static const struct {
		size_t len;
		uint16_t port;
		enum undecidable want;
		uint8_t b[32];
	} rows[] = {
		{19,
		 53,
		 UNDECIDABLE_NONE,
		 {1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1}},
		/* two questions: a query for two names, but multicast asks so */
		{26, 53, UNDECIDABLE_MALFORMED_NAME, {1, 2, 1,   0, 0,   2, 0, 0, 0,
						      0, 0, 0,   1, 'a', 0, 0, 1, 0,
						      1, 1, 'b', 0, 0,   1, 0, 1}},
		{26, 5353, UNDECIDABLE_NONE, {1,   2, 1, 0, 0, 2, 0, 0,   0, 0, 0, 0, 1,
					      'a', 0, 0, 1, 0, 1, 1, 'b', 0, 0, 1, 0, 1}},
		/* a dot inside a label; a pointer to itself */
		{21, 53, UNDECIDABLE_MALFORMED_NAME, {1,   2,   1, 0, 0, 1, 0,
						      0,   0,   0, 0, 0, 3, 'a',
						      '.', 'b', 0, 0, 1, 0, 1}},
		{18,
		 53,
		 UNDECIDABLE_MALFORMED_NAME,
		 {1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1}},
	};
	static struct test_sink memory;
	struct crypto_sink sink = test_sink_of(&memory);

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct datagram_state st;
		struct facts f;

		memset(&st, 0, sizeof(st));
		memset(&f, 0, sizeof(f));
		assert_int_equal(identify_datagram(*state, &st, rows[i].b, rows[i].len,
						   true, false, rows[i].port, &sink, &f),
				 IDENTIFY_DONE);
		assert_int_equal(f.protocol, PROTOCOL_DNS);
		assert_string_equal(undecidable_name(f.undecidable),
				    undecidable_name(rows[i].want));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_protocols_by_their_first_bytes),
		TEST(answers_the_same_however_the_bytes_come),
		TEST(reads_real_openings),
		TEST(an_end_always_answers),
		TEST(nothing_yet_is_more),
		TEST(tls_on_port_53_is_tls),
		TEST(a_broken_question_is_a_malformed_name),
		TEST(a_plain_dns_query_is_dns_on_any_port),
		TEST(a_question_over_tcp_is_waited_for),
		TEST(upkeep_of_zones_is_dns_on_its_port),
	};

	return cmocka_run_group_tests_name("identify/stream", tests, NULL, NULL);
}
