/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(f)   (1u << FLAG_##f)

static struct bytes stream;

static enum identify_step ask(struct identify *id, size_t len, bool final, uint16_t port,
			      struct facts *f)
{
	uint8_t *exact = malloc(len); /* so that ASan sees the end */
	enum identify_step step;

	assert_non_null(exact);
	memcpy(exact, stream.b, len);
	memset(f, 0, sizeof(*f));
	step = identify_stream(id, exact, len, final, false, port, f);
	free(exact);
	return step;
}

static void make_stream(const char *text, size_t len)
{
	stream.len = 0;
	put_mem(&stream, text, len);
}

struct request {
	const char *text;
	uint16_t port;
	const char *host, *url; /* both "" when undecidable */
	enum undecidable why;
	uint32_t flags; /* besides clear_text */
};

static const struct request requests[] = {
	/* names that are clear */
	{"GET /a/b HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "a.example",
	 "http://a.example/a/b", UNDECIDABLE_NONE, 0},
	{"POST / HTTP/1.0\r\nAccept: x\r\nhOsT:A.Example.\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},
	{"GET / HTTP/1.1\r\nHost:\t a.example \t\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},
	{"GET  / HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},
	{"\r\n\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},
	{"GET / HTTP/1.1\nHost: a.example\n\n", 80, "a.example", "http://a.example/",
	 UNDECIDABLE_NONE, 0},
	{"FOOBAR / HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},
	{"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},
	{"GET / HTTP/1.1\r\nX-Host: b.example\r\nHostess: c\r\nHost: a.example\r\n\r\n",
	 80, "a.example", "http://a.example/", UNDECIDABLE_NONE, 0},
	{"GET / HTTP/1.1\r\nHost: a.example\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n", 80,
	 "a.example", "http://a.example/", UNDECIDABLE_NONE, 0},

	/* ports: the field's, else the connection's */
	{"GET / HTTP/1.1\r\nHost: a.example.:80\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},
	{"GET / HTTP/1.1\r\nHost: a.example:8088\r\n\r\n", 8088, "a.example",
	 "http://a.example:8088/", UNDECIDABLE_NONE, 0},
	{"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 8088, "a.example",
	 "http://a.example:8088/", UNDECIDABLE_NONE, 0},
	{"GET / HTTP/1.1\r\nHost: a.example:\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},

	/* addresses */
	{"GET / HTTP/1.1\r\nHost: 10.1.2.3:8080\r\n\r\n", 8080, "10.1.2.3",
	 "http://10.1.2.3:8080/", UNDECIDABLE_NONE, BIT(IP_LITERAL)},
	{"GET / HTTP/1.1\r\nHost: [2001:DB8::0:1]:80\r\n\r\n", 80, "2001:db8::1",
	 "http://[2001:db8::1]/", UNDECIDABLE_NONE, BIT(IP_LITERAL)},
	{"GET / HTTP/1.1\r\nHost: 10.1\r\n\r\n", 80, "", "", UNDECIDABLE_MALFORMED_NAME,
	 0},

	/* absolute form: userinfo goes, the target wins, a contradiction is flagged */
	{"GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", 3128, "a.example",
	 "http://a.example/x", UNDECIDABLE_NONE, 0},
	{"GET HTTP://b.example:s3cret@a.example:81?k=v HTTP/1.1\r\n\r\n", 3128,
	 "a.example", "http://a.example:81/?k=", UNDECIDABLE_NONE, 0},
	{"GET https://a.example/ HTTP/1.1\r\n\r\n", 3128, "a.example",
	 "https://a.example/", UNDECIDABLE_NONE, 0},
	{"GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, BIT(HOST_MISMATCH)},
	{"GET http://A.example:80/ HTTP/1.1\r\nHost: a.example.\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},
	{"GET ftp://me:pw@a.example/x HTTP/1.1\r\nHost: a.example:21\r\n\r\n", 3128,
	 "a.example", "", UNDECIDABLE_NONE, 0},
	{"GET wss://a.example:8443/x?k=v HTTP/1.1\r\nHost: a.example\r\n\r\n", 80,
	 "a.example", "https://a.example:8443/x?k=", UNDECIDABLE_NONE, 0},
	{"GET coap+tcp://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "a.example",
	 "", UNDECIDABLE_NONE, 0},
	{"GET ftp://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, BIT(HOST_MISMATCH)},
	{"GET ftp:/a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET http://a@b.example@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "",
	 "", UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET http://a.example\\@b.example/ HTTP/1.1\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET http:///x HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},

	/* the URL keeps keys and loses values, fragments and odd bytes */
	{"GET /p?a=1&b=&secret&c=2=3&&d=4#frag HTTP/1.1\r\nHost: a.example\r\n\r\n", 80,
	 "a.example", "http://a.example/p?a=&c=&d=", UNDECIDABLE_NONE, 0},
	{"GET /p?token HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "a.example",
	 "http://a.example/p", UNDECIDABLE_NONE, 0},
	{"GET /#x?a=1 HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "a.example",
	 "http://a.example/", UNDECIDABLE_NONE, 0},
	{"GET /\xc3\xa4\x01?\x7f=1 HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "a.example",
	 "http://a.example/%C3%A4%01?%7F=", UNDECIDABLE_NONE, 0},

	/* no name, or not one */
	{"GET / HTTP/1.0\r\n\r\n", 80, "", "", UNDECIDABLE_NO_HOST, 0},
	{"GET / HTTP/1.1\r\nHost:\r\n\r\n", 80, "", "", UNDECIDABLE_NO_HOST, 0},
	{"GET /\r\n", 80, "", "", UNDECIDABLE_NO_HOST, 0},
	{"GET / HTTP/1.1\r\nHost: b\r\nHost: a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / HTTP/1.1\r\nHost:\r\n a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / HTTP/1.1\r\nHost : a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / HTTP/1.1\r\nX: y\rHost: b.example\r\nHost: a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 80, "", "", UNDECIDABLE_MALFORMED_NAME,
	 0},
	{"GET / HTTP/1.1\r\nHost: b@a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / HTTP/1.1\r\nHost: a.example, b\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / HTTP/1.1\r\nHost: a.example:99999\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / HTTP/1.1\r\nHost: a.example:8x\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / x HTTP/1.1\r\nHost: a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_NAME, 0},
	{"GET / HTTP/2.0\r\nHost: a.example\r\n\r\n", 80, "", "",
	 UNDECIDABLE_MALFORMED_HELLO, 0},
};

static void reads_the_host_or_says_why_not(void **state)
{
	for (size_t i = 0; i < COUNT(requests); i++) {
		const struct request *r = &requests[i];
		struct facts f;

		make_stream(r->text, strlen(r->text));
		if (ask(*state, stream.len, false, r->port, &f) != IDENTIFY_DONE ||
		    f.undecidable != r->why || strcmp(f.host, r->host) != 0 ||
		    f.url_len != strlen(r->url) ||
		    memcmp(f.url, r->url, f.url_len) != 0 ||
		    f.flags != (r->flags | BIT(CLEAR_TEXT)))
			fail_msg("%s: host '%s' url '%.*s' %s flags %x", r->text, f.host,
				 f.url_len, f.url, undecidable_name(f.undecidable),
				 (unsigned)f.flags);
		assert_int_equal(f.protocol, PROTOCOL_HTTP);
		assert_int_equal(f.evidence,
				 *r->host == '\0' ? EVIDENCE_NONE : EVIDENCE_REQUEST);
		assert_int_equal(f.visibility, *r->host == '\0'  ? VISIBILITY_ADDRESS
					       : *r->url == '\0' ? VISIBILITY_HOST
								 : VISIBILITY_URL);
	}
}

static void a_nul_in_the_host_is_malformed(void **state)
{
	static const char text[] =
		"GET / HTTP/1.1\r\nHost: allowed.example\0.evil\r\n\r\n";
	struct facts f;

	make_stream(text, sizeof(text) - 1);
	assert_int_equal(ask(*state, stream.len, false, 80, &f), IDENTIFY_DONE);
	assert_int_equal(f.undecidable, UNDECIDABLE_MALFORMED_NAME);
	assert_int_equal(f.host_len, 0);
}

static void waits_for_the_end_of_the_header_whatever_the_cut(void **state)
{
	static const char text[] =
		"GET / HTTP/1.1\r\nAccept: */*\r\nHost: a.example\r\nX: y\r\n\r\n";
	struct facts f;

	make_stream(text, sizeof(text) - 1);
	for (size_t n = 1; n < stream.len; n++) {
		if (ask(*state, n, false, 80, &f) != IDENTIFY_MORE)
			fail_msg("answered at %zu", n);
		assert_int_equal(ask(*state, n, true, 80, &f), IDENTIFY_DONE);
		assert_int_equal(f.host_len, 0);
		/* Four bytes on, the method and its blank are there. */
		assert_int_equal(f.protocol, n < 4 ? PROTOCOL_UNKNOWN : PROTOCOL_HTTP);
		assert_int_equal(f.undecidable,
				 n < 4 ? UNDECIDABLE_NONE : UNDECIDABLE_INCOMPLETE);
	}
	assert_int_equal(ask(*state, stream.len, false, 80, &f), IDENTIFY_DONE);
	assert_string_equal(f.host, "a.example");
}

static void a_host_behind_8_KB_is_found_and_one_beyond_the_cap_is_not(void **state)
{
	struct facts f;

	stream.len = 0;
	put_text(&stream, "GET / HTTP/1.1\r\nX: ");
	put_fill(&stream, 'a', 8000);
	put_text(&stream, "\r\nHost: a.example\r\n\r\n");
	assert_int_equal(ask(*state, stream.len, false, 80, &f), IDENTIFY_DONE);
	assert_string_equal(f.host, "a.example");

	memset(&f, 0, sizeof(f));
	assert_int_equal(identify_stream(*state, stream.b, 8000, true, true, 80, &f),
			 IDENTIFY_DONE);
	assert_int_equal(f.undecidable, UNDECIDABLE_HELLO_TOO_BIG);
}

static void a_url_that_does_not_fit_is_left_out(void **state)
{
	struct facts f;
	const size_t fixed = strlen("http://a.example/");

	for (size_t path = URL_MAX - fixed; path <= URL_MAX - fixed + 1; path++) {
		bool fits = path == URL_MAX - fixed;

		stream.len = 0;
		put_text(&stream, "GET /");
		put_fill(&stream, 'p', path);
		put_text(&stream, " HTTP/1.1\r\nHost: a.example\r\n\r\n");
		assert_int_equal(ask(*state, stream.len, false, 80, &f), IDENTIFY_DONE);
		assert_string_equal(f.host, "a.example");
		assert_int_equal(f.url_len, fits ? URL_MAX : 0);
		assert_int_equal(f.visibility, fits ? VISIBILITY_URL : VISIBILITY_HOST);
	}
}

static void keeps_the_method(void **state)
{
	struct facts f;

	stream.len = 0;
	put_text(&stream, "PATCH / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(ask(*state, stream.len, false, 80, &f), IDENTIFY_DONE);
	assert_int_equal(f.method_len, 5);
	assert_memory_equal(f.method, "PATCH", 5);
	stream.len = 0;
	put_text(&stream, "AVERYLONGMETHODINDEED / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(ask(*state, stream.len, false, 80, &f), IDENTIFY_DONE);
	assert_int_equal(f.method_len, sizeof(f.method));
	assert_memory_equal(f.method, "AVERYLONGMETHODI", 16);
	assert_string_equal(f.host, "a");
}

/* Servers read on behind both. */
static void long_methods_and_empty_lines_hide_no_host(void **state)
{
	struct facts f;

	stream.len = 0;
	for (int i = 0; i < 20; i++)
		put_text(&stream, i % 2 == 0 ? "\r\n" : "\n");
	put_fill(&stream, 'A', 300);
	put_text(&stream, " / HTTP/1.1\r\nHost: a.example\r\n\r\n");
	assert_int_equal(ask(*state, 30, false, 80, &f), IDENTIFY_MORE);
	assert_int_equal(ask(*state, stream.len, false, 80, &f), IDENTIFY_DONE);
	assert_string_equal(f.host, "a.example");
}

static void lines_of_other_protocols_are_not_http(void **state)
{
	static const char *const texts[] = {
		"USER anonymous\r\n",     "a001 LOGIN x y\r\n", "(GET) / HTTP/1.1\r\n",
		"GE\x01T / HTTP/1.1\r\n", "JOIN \x01\x02",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct facts f;

		make_stream(texts[i], strlen(texts[i]));
		if (ask(*state, stream.len, false, 80, &f) != IDENTIFY_DONE ||
		    f.protocol != PROTOCOL_UNKNOWN)
			fail_msg("%s: %s", texts[i], protocol_name(f.protocol));
	}
}

static void reads_real_curl(void **state)
{
	struct facts f;

	load("curl_http1", &stream);
	assert_int_equal(ask(*state, stream.len, false, 80, &f), IDENTIFY_DONE);
	assert_string_equal(f.host, "prod-12.westeurope.logic.azure.com");
	assert_int_equal(f.undecidable, UNDECIDABLE_NONE);
	assert_int_equal(f.visibility, VISIBILITY_URL);
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
		TEST(reads_the_host_or_says_why_not),
		TEST(a_nul_in_the_host_is_malformed),
		TEST(waits_for_the_end_of_the_header_whatever_the_cut),
		TEST(a_host_behind_8_KB_is_found_and_one_beyond_the_cap_is_not),
		TEST(a_url_that_does_not_fit_is_left_out),
		TEST(keeps_the_method),
		TEST(long_methods_and_empty_lines_hide_no_host),
		TEST(lines_of_other_protocols_are_not_http),
		TEST(reads_real_curl),
	};

	return cmocka_run_group_tests_name("identify/http", tests, NULL, NULL);
}
