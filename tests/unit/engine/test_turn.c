/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that do not wait for the server's word: STARTTLS, PRELOGIN, SOCKS, CONNECT. */
#include "requests.h"
#include "watch.h"

#define MALFORMED "\"undecidable\":\"malformed_hello\""
#define START     "\"phase\":\"start\""
#define UPDATE    "\"phase\":\"update\""
#define NAMED     "\"host\":\"good.example\""

#define SAY(text)                         \
	{                                 \
		text, sizeof(text) - 1, 0 \
	}
#define HEAR(text)                        \
	{                                 \
		text, sizeof(text) - 1, 1 \
	}
#define HELLO              \
	{                  \
		NULL, 0, 0 \
	}

#define PRELOGIN "\x12\1\0\x0e\0\0\1\0\xff\0\0\0\0\0"
#define ANSWER   "\x04\1\0\x0e\0\0\1\0\xff\0\0\0\0\0"
#define SOCKS_V4 "\5\1\0\1\xc0\0\2\7\1\xbb"
#define SOCKS_OK "\5\0\0\1\0\0\0\0\0\0"

/* What client and server say, in segments, in this order. */
struct word {
	const char *text; /* NULL: the hello, or what is there instead of it in TDS */
	size_t len;
	int server;
};

struct dialogue {
	const char *what;
	struct word words[10];
	bool kept; /* the hello waited */
	bool wraps;
};

static const struct dialogue dialogues[] = {
	{"STARTTLS",
	 {HEAR("220 a\r\n"), SAY("EHLO a\r\n"), HEAR("250-b\r\n250 STARTTLS\r\n"),
	  SAY("STARTTLS\r\n"), HEAR("220 go\r\n"), HELLO},
	 true,
	 false},
	{"STARTTLS, replies without text and with bare line ends",
	 {HEAR("220\n"), SAY("EHLO a\n"), HEAR("250\r\n"), SAY("STARTTLS\n"),
	  HEAR("220\r\n"), HELLO},
	 true,
	 false},
	{"the banner was not seen, commands and replies in one segment each",
	 {SAY("EHLO a\r\nSTARTTLS\r\n"), HEAR("250 b\r\n220 go\r\n"), HELLO},
	 true,
	 false},
	{"a reply in three segments",
	 {SAY("EHLO a\r\n"), HEAR("250 b\r\n"), SAY("STARTTLS\r\n"), HEAR("2"), HEAR("2"),
	  HEAR("0-x\r\n220 go\r\n"), HELLO},
	 true,
	 false},
	{"a hello along with STARTTLS",
	 {HEAR("220 a\r\n"), SAY("EHLO a\r\n"), HEAR("250 b\r\n"), SAY("STARTTLS\r\n"),
	  HELLO},
	 false,
	 false},
	{"a hello after the reply to EHLO",
	 {HEAR("220 a\r\n"), SAY("EHLO a\r\nSTARTTLS\r\n"), HEAR("250 b\r\n"), HELLO},
	 false,
	 false},
	{"a hello after the banner",
	 {SAY("EHLO a\r\nSTARTTLS\r\n"), HEAR("220 a\r\n"), HELLO},
	 false,
	 false},
	{"a hello after the reply has begun",
	 {SAY("EHLO a\r\n"), HEAR("250 b\r\n"), SAY("STARTTLS\r\n"), HEAR("220-go\r\n"),
	  HELLO},
	 false,
	 false},
	{"a hello after a refusal",
	 {HEAR("220 a\r\n"), SAY("EHLO a\r\n"), HEAR("250 b\r\n"), SAY("STARTTLS\r\n"),
	  HEAR("454 no\r\n"), HELLO},
	 false,
	 false},
	{"a hello after a refusal and a yes",
	 {SAY("EHLO a\r\n"), HEAR("250 b\r\n"), SAY("STARTTLS\r\n"), HEAR("454 no\r\n"),
	  SAY("STARTTLS\r\n"), HEAR("220 go\r\n"), HELLO},
	 true,
	 false},
	{"TDS 7", {SAY(PRELOGIN), HEAR(ANSWER), HELLO}, true, true},
	{"TDS 7, a hello along with PRELOGIN", {SAY(PRELOGIN), HELLO}, false, true},
	{"SOCKS 5, an address",
	 {SAY("\5\1\0"), HEAR("\5\0"), SAY(SOCKS_V4), HEAR(SOCKS_OK), HELLO},
	 true,
	 false},
	{"SOCKS 5, a hello along with the request",
	 {SAY("\5\1\0"), HEAR("\5\0"), SAY(SOCKS_V4), HELLO},
	 false,
	 false},
	{"SOCKS 5, one byte of the answer to the greeting is late",
	 {SAY("\5\1\0"), HEAR("\5"), SAY(SOCKS_V4), HEAR("\0"), HELLO},
	 false,
	 false},
	{"SOCKS 5, both bytes of it are",
	 {SAY("\5\1\0" SOCKS_V4), HEAR("\5\0"), HEAR(SOCKS_OK), HELLO},
	 false,
	 false},
	{"SOCKS 5, a password that did not wait",
	 {SAY("\5\1\2\1\1a\1b"), HEAR("\5\2\1\0"), SAY(SOCKS_V4), HEAR(SOCKS_OK), HELLO},
	 false,
	 false},
	{"SOCKS 5, a password",
	 {SAY("\5\1\2"), HEAR("\5\2"), SAY("\1\1a\1b"), HEAR("\1\0"), SAY(SOCKS_V4),
	  HEAR(SOCKS_OK), HELLO},
	 true,
	 false},
	{"SOCKS 4, an address",
	 {SAY("\4\1\1\xbb\xc0\0\2\7\0"), HEAR("\0\x5a\0\0\0\0\0\0"), HELLO},
	 true,
	 false},
	{"SOCKS 4, a hello along with the address",
	 {SAY("\4\1\1\xbb\xc0\0\2\7\0"), HELLO},
	 false,
	 false},
	{"SOCKS 4, a hello along with the same name",
	 {SAY("\4\1\1\xbb\0\0\0\1\0good.example\0"), HELLO},
	 true,
	 false},
	{"CONNECT to an address",
	 {SAY("CONNECT 192.0.2.7:443 HTTP/1.1\r\n\r\n"), HEAR("HTTP/1.1 200 OK\r\n\r\n"),
	  HELLO},
	 true,
	 false},
	{"CONNECT to an address, a hello along with it",
	 {SAY("CONNECT 192.0.2.7:443 HTTP/1.1\r\n\r\n"), HELLO},
	 false,
	 false},
	{"CONNECT, a hello along with the same name",
	 {SAY("CONNECT good.example:443 HTTP/1.1\r\n\r\n"), HELLO},
	 true,
	 false},
	{"STARTTLS in a tunnel",
	 {SAY("\5\1\0"), HEAR("\5\0"), SAY(SOCKS_V4), HEAR(SOCKS_OK "220 a\r\n"),
	  SAY("EHLO a\r\n"), HEAR("250 b\r\n"), SAY("STARTTLS\r\n"), HEAR("220 go\r\n"),
	  HELLO},
	 true,
	 false},
	{"a PROXY header needs no answer",
	 {SAY("PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n"), HELLO},
	 true,
	 false},
};
#define DIALOGUES (sizeof(dialogues) / sizeof(dialogues[0]))

/* All of them inline, where the tunnel's address may be asked for. */
static struct generation *loose;

static const char loose_rules[] = "version 1\n"
				  "gate rules\n"
				  "deny to host \"evil.example\"\n"
				  "allow from any\n"
				  "gate undecidable\n"
				  "deny { malformed_hello }\n";

static int prepare_all(void **state)
{
	loose = scene_generation(loose_rules);
	return prepare(state);
}

static int tidy_all(void **state)
{
	generation_destroy(loose);
	return tidy(state);
}

static size_t words_of(const struct dialogue *d)
{
	size_t n = 0;

	while (d->words[n].text != NULL || n == 0)
		n++;
	return n + 1; /* the hello */
}

/* The words from `at` and `said` on; `seen_of_server`: else its side is left out (watched). */
static void play(struct scene *s, const struct ends *e, const struct dialogue *d,
		 bool seen_of_server, uint32_t at, uint32_t said)
{
	static struct bytes hello;
	const struct tls_carrier c = {.wraps = d->wraps};

	carry(&hello, &c, good.b, good.len, 4096);
	for (size_t i = 0; i < words_of(d); i++) {
		const struct word *word = &d->words[i];
		const void *data = word->text == NULL ? (const void *)hello.b
						      : (const void *)word->text;
		const size_t len = word->text == NULL ? hello.len : word->len;
		const struct segment out = {FROM_CLIENT,
					    TCP_ACK,
					    CLIENT_FIRST + at,
					    SERVER_FIRST + (seen_of_server ? said : 0),
					    data,
					    len};
		const struct segment in = {
			FROM_SERVER,       TCP_ACK, SERVER_FIRST + said,
			CLIENT_FIRST + at, data,    len};

		if (word->server != 0)
			said += (uint32_t)len;
		else
			at += (uint32_t)len;
		if (s->watches) {
			if (word->server == 0 || seen_of_server)
				see(s, e, word->server != 0 ? in : out);
		} else {
			(void)send_segment(s, e, word->server != 0 ? in : out);
		}
	}
	if (s->watches && seen_of_server)
		see_server(s, e, said, at, "x", 1);
}

static void a_hello_that_did_not_wait_is_denied_inline(void **state)
{
	(void)state;
	for (size_t i = 0; i < DIALOGUES; i++) {
		const struct dialogue *d = &dialogues[i];
		struct scene *s = start(loose);

		(void)open_tcp(s, &v4);
		play(s, &v4, d, true, 0, 0);
		if ((s->answers[s->ids - 1] == GOT_PASS) != d->kept)
			print_error("%s\n%s", d->what, s->events);
		assert_answer(s, s->ids, d->kept ? GOT_PASS : GOT_DROP);
		assert_lines(s, MALFORMED, NULL, d->kept ? 0 : 1);
		assert_true(scene_end(s));
	}
}

static void a_hello_that_did_not_wait_names_nobody_watched(void **state)
{
	(void)state;
	for (size_t i = 0; i < DIALOGUES; i++) {
		const struct dialogue *d = &dialogues[i];
		struct scene *s = watch();

		see_open(s, &v4);
		play(s, &v4, d, true, 0, 0);
		worker_finish(s->w, s->now_us);
		if (scene_lines(s, START, d->kept ? NAMED : MALFORMED) != 1)
			print_error("%s\n%s", d->what, s->events);
		assert_lines(s, START, d->kept ? NAMED : MALFORMED, 1);
		assert_lines(s, NAMED, START, d->kept);
		end_watch(s);
	}
}

/* Of a server that nobody sees it is not known when it answered. */
static void where_no_server_is_seen_the_name_stands(void **state)
{
	(void)state;
	for (size_t i = 0; i < DIALOGUES; i++) {
		struct scene *s = watch();

		see(s, &v4,
		    (struct segment){FROM_CLIENT, TCP_SYN, CLIENT_FIRST - 1, 0, NULL, 0});
		play(s, &v4, &dialogues[i], false, 0, 0);
		worker_finish(s->w, s->now_us);
		assert_lines(s, START, NAMED, 1);
		end_watch(s);
	}
}

/* A reply of which the capture has a part: bytes that acknowledge the command are an answer. */
static void a_hole_in_the_answers_is_no_fault_of_the_client(void **state)
{
	static const char ehlo[] = "EHLO a\r\n", begin[] = "STARTTLS\r\n";
	const uint32_t at = LEN(ehlo) + LEN(begin);

	(void)state;
	for (int late = 0; late < 2; late++) {
		struct scene *s = watch();

		see_open(s, &v4);
		see_server(s, &v4, 0, 0, "220 a\r\n", 7);
		see_client(s, &v4, 0, ehlo, LEN(ehlo));
		see_client(s, &v4, LEN(ehlo), begin, LEN(begin));
		/* 100 bytes are missing before. */
		see_server(s, &v4, 107, late ? at - 1 : at, "x\r\n", 3);
		see_client(s, &v4, at, good.b, good.len);
		see_server(s, &v4, 110, at + (uint32_t)good.len, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, START, late ? MALFORMED : NAMED, 1);
		end_watch(s);
	}
}

/* The server says again what it had said: that is no answer to what came since. */
static void an_answer_said_again_is_no_new_one(void **state)
{
	struct scene *s = start(loose);

	(void)state;
	(void)open_tcp(s, &v4);
	(void)send_data(s, &v4, 0, "\5\1\0", 3);
	(void)send_segment(s, &v4,
			   (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST,
					    CLIENT_FIRST + 3, "\5\0", 2});
	(void)send_data(s, &v4, 3, SOCKS_V4, LEN(SOCKS_V4));
	(void)send_segment(s, &v4,
			   (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST,
					    CLIENT_FIRST + 13, "\5\0", 2});
	assert_answer(s, send_data(s, &v4, 13, good.b, good.len), GOT_DROP);
	assert_lines(s, MALFORMED, NULL, 1);
	assert_true(scene_end(s));
}

/* ---- behind a later CONNECT ---- */

static void a_hello_in_a_later_tunnel_waits_too(void **state)
{
	static const char ask[] = "CONNECT 192.0.2.7:25 HTTP/1.1\r\n\r\n";
	static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	static const char made[] = "HTTP/1.1 200 OK\r\n\r\n";
	const uint32_t at = LEN(GOOD) + LEN(ask), said = LEN(page) + LEN(made);

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		const struct dialogue *d = &dialogues[i];

		for (int watched = 0; watched < 2; watched++) {
			struct scene *s = watched != 0 ? watch() : start(loose);

			if (watched != 0) {
				see_open(s, &web);
				see_client(s, &web, 0, GOOD, LEN(GOOD));
				see_server(s, &web, 0, LEN(GOOD), page, LEN(page));
				see_client(s, &web, LEN(GOOD), ask, LEN(ask));
				see_server(s, &web, LEN(page), at, made, LEN(made));
			} else {
				(void)open_tcp(s, &web);
				(void)send_data(s, &web, 0, GOOD, LEN(GOOD));
				(void)send_reply(s, &web, 0, LEN(GOOD), page);
				(void)send_data(s, &web, LEN(GOOD), ask, LEN(ask));
				(void)send_reply(s, &web, LEN(page), at, made);
			}
			play(s, &web, d, true, at, said);
			if (scene_lines(s, MALFORMED, UPDATE) != !d->kept)
				print_error("%s %d\n%s", d->what, watched, s->events);
			assert_lines(s, MALFORMED, UPDATE, !d->kept);
			if (watched != 0)
				end_watch(s);
			else
				assert_true(scene_end(s));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_that_did_not_wait_is_denied_inline),
		cmocka_unit_test(a_hello_that_did_not_wait_names_nobody_watched),
		cmocka_unit_test(where_no_server_is_seen_the_name_stands),
		cmocka_unit_test(a_hole_in_the_answers_is_no_fault_of_the_client),
		cmocka_unit_test(an_answer_said_again_is_no_new_one),
		cmocka_unit_test(a_hello_in_a_later_tunnel_waits_too),
	};

	return cmocka_run_group_tests(tests, prepare_all, tidy_all);
}
