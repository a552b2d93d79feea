/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log that unbound 1.17.1 and fstrm_capture 0.6.1 wrote (tests/data/unbound.dnstap), and what
 * a hostile one may hold.
 */
#include "identify/dnstap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "support.h"

#define LOG "tests/data/unbound.dnstap"

static char *text;
static size_t text_len;

static void addresses_of(const struct dnstap_answer *a, char buf[300])
{
	char one[ADDR_TEXT_MAX];
	size_t len = addr_format(&a->client, buf);

	len += (size_t)snprintf(buf + len, 300 - len, " %s", a->message.name);
	for (size_t i = 0; i < a->message.address_count; i++) {
		(void)addr_format(&a->message.addresses[i].addr, one);
		len += (size_t)snprintf(buf + len, 300 - len, " %s/%u", one,
					a->message.addresses[i].ttl_s);
	}
}

/* What dig was told, by the resolver's own log. */
static void a_real_log_tells_who_was_told_what(void **state)
{
	static const char *const want[] = {
		"10.1.2.3 www.contoso.example 192.0.2.8/120 192.0.2.7/120",
		"10.1.2.3 www.contoso.example 2001:db8::7/120",
		"10.1.2.4 db.contoso.example 192.0.2.9/3600",
		"10.1.2.4 nothing.contoso.example",
		"192.0.2.99 db.contoso.example 192.0.2.9/3600",
		"2001:db8:1::3 db.contoso.example 192.0.2.9/3600",
		"10.1.2.3 a.elsewhere.example",
	};
	const uint8_t *at = (const uint8_t *)text;
	struct dnstap_stream s = {0};
	struct dnstap_answer a;
	unsigned answers = 0, counts[DNSTAP_RESULT_COUNT] = {0}, controls = 0;
	size_t left = text_len, used;
	struct cursor data;
	enum dnstap_step step;

	(void)state;
	while ((step = dnstap_next(&s, at, left, &used, &data)) != DNSTAP_MORE) {
		assert_int_not_equal(step, DNSTAP_BROKEN);
		at += used;
		left -= used;
		controls += step == DNSTAP_CONTROL;
		if (step == DNSTAP_DATA) {
			const enum dnstap_result r = dnstap_read(data, &a);
			char got[300];

			counts[r]++;
			if (r != DNSTAP_ANSWER)
				continue;
			addresses_of(&a, got);
			assert_true(answers < sizeof(want) / sizeof(want[0]));
			assert_string_equal(got, want[answers]);
			/* 2026-11-28, 16 h */
			assert_int_equal(a.time_us / 3600000000, 498856);
			answers++;
		}
	}
	assert_int_equal(left, 0);
	assert_false(s.started);
	assert_int_equal(controls, 2);
	assert_int_equal(answers, 7);
	assert_int_equal(counts[DNSTAP_ANSWER] + counts[DNSTAP_OTHER], 14);
}

/* ---- streams ---- */

static void put_control(struct bytes *b, uint32_t type, const char *content)
{
	put_be(b, 0, 4);
	put_be(b, content == NULL ? 4 : 12 + strlen(content), 4);
	put_be(b, type, 4);
	if (content == NULL)
		return;
	put_be(b, 1, 4);
	put_be(b, strlen(content), 4);
	put_text(b, content);
}

static enum dnstap_step step_of(struct dnstap_stream *s, const struct bytes *b)
{
	struct cursor data;
	size_t used;

	return dnstap_next(s, b->b, b->len, &used, &data);
}

static void streams_that_are_none_of_ours(void **state)
{
	static const struct {
		const char *what;
		bool started, broken;
		uint32_t type;
		const char *content;
	} rows[] = {
		{"start", false, false, 2, "protobuf:dnstap.Dnstap"},
		{"start without a type", false, false, 2, NULL},
		{"start of another", false, true, 2, "protobuf:dnstap.Other"},
		{"a second start", true, true, 2, NULL},
		{"stop", true, false, 3, NULL},
		{"stop before start", false, true, 3, NULL},
		{"accept", true, true, 1, NULL},
		{"ready", false, true, 4, "protobuf:dnstap.Dnstap"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dnstap_stream s = {.started = rows[i].started};
		struct bytes b = {0};

		put_control(&b, rows[i].type, rows[i].content);
		if (step_of(&s, &b) != (rows[i].broken ? DNSTAP_BROKEN : DNSTAP_CONTROL))
			fail_msg("%s", rows[i].what);
		if (!rows[i].broken)
			assert_int_equal(s.started, rows[i].type == 2);
	}
}

/* Over a socket: READY first or not at all; then nothing comes behind the STOP. */
static void the_handshake_of_a_socket(void **state)
{
	static const struct {
		const char *what;
		uint32_t type[5]; /* 0 = no more; 9 = data */
		enum dnstap_step last;
	} rows[] = {
		{"ready", {4}, DNSTAP_READY},
		{"ready, start", {4, 2}, DNSTAP_CONTROL},
		{"ready, start, stop", {4, 2, 3}, DNSTAP_STOPPED},
		{"start, stop", {2, 3}, DNSTAP_CONTROL},
		{"start, stop, start", {2, 3, 2}, DNSTAP_CONTROL},
		{"ready twice", {4, 4}, DNSTAP_BROKEN},
		{"start, ready", {2, 4}, DNSTAP_BROKEN},
		{"ready, stop", {4, 3}, DNSTAP_BROKEN},
		{"ready, data", {4, 9}, DNSTAP_BROKEN},
		{"behind the stop", {4, 2, 3, 2}, DNSTAP_BROKEN},
		{"ready behind the stop", {4, 2, 3, 4}, DNSTAP_BROKEN},
		{"data behind the stop", {4, 2, 3, 9}, DNSTAP_BROKEN},
		{"accept", {1}, DNSTAP_BROKEN},
		{"finish", {4, 2, 5}, DNSTAP_BROKEN},
	};
	struct dnstap_stream other = {.socket = true};
	struct bytes b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dnstap_stream s = {.socket = true};
		enum dnstap_step step = DNSTAP_MORE;

		for (size_t n = 0; n < 5 && rows[i].type[n] != 0; n++) {
			b.len = 0;
			if (rows[i].type[n] == 9)
				put_be(&b, UINT64_C(0x100000000), 5);
			else
				put_control(&b, rows[i].type[n],
					    "protobuf:dnstap.Dnstap");
			assert_int_not_equal(step, DNSTAP_BROKEN);
			step = step_of(&s, &b);
		}
		if (step != rows[i].last)
			fail_msg("%s", rows[i].what);
	}
	b.len = 0;
	put_control(&b, 4, "protobuf:dnstap.Other");
	assert_int_equal(step_of(&other, &b), DNSTAP_BROKEN);
	b.len = 0;
	put_control(&b, 1, "protobuf:dnstap.Dnstap");
	assert_int_equal(dnstap_accept().len, b.len);
	assert_memory_equal(dnstap_accept().p, b.b, b.len);
	b.len = 0;
	put_control(&b, 5, NULL);
	assert_int_equal(dnstap_finish().len, b.len);
	assert_memory_equal(dnstap_finish().p, b.b, b.len);
}

static void lengths_that_cannot_be(void **state)
{
	static const struct {
		const char *what;
		uint32_t length, control;
		bool started;
		enum dnstap_step want;
	} rows[] = {
		{"data", 5, 0, true, DNSTAP_MORE},
		{"data before start", 5, 0, false, DNSTAP_BROKEN},
		{"the longest", (uint32_t)DNSTAP_FRAME_MAX, 0, true, DNSTAP_MORE},
		{"too long", (uint32_t)DNSTAP_FRAME_MAX + 1, 0, true, DNSTAP_BROKEN},
		{"all", UINT32_MAX, 0, true, DNSTAP_BROKEN},
		{"control without a type", 0, 3, true, DNSTAP_BROKEN},
		{"long control", 0, 513, true, DNSTAP_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dnstap_stream s = {.started = rows[i].started};
		struct bytes b = {0};

		put_be(&b, rows[i].length, 4);
		if (rows[i].length == 0)
			put_be(&b, rows[i].control, 4);
		if (step_of(&s, &b) != rows[i].want)
			fail_msg("%s", rows[i].what);
	}
}

/* ---- messages ---- */

static const uint8_t dns_answer[] =
	"\0\7\x81\x80\0\1\0\1\0\0\0\0\1a\7example\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"
	"\xc0\0\2\7";

static void put_bytes_field(struct bytes *b, unsigned number, const void *p, size_t len)
{
	put_be(b, number << 3 | 2, 1);
	if (len > 127)
		put_be(b, (len & 127) | 128, 1);
	put_be(b, len > 127 ? len >> 7 : len, 1);
	put_mem(b, p, len);
}

struct said {
	unsigned type, address_len;
	bool seconds, nanoseconds, answer, query_inside;
};

static void put_message(struct bytes *b, const struct said *m)
{
	static const uint8_t address[20] = {10, 1, 2, 3};

	put_be(b, 1 << 3, 1);
	put_be(b, m->type, 1);
	put_bytes_field(b, 4, address, m->address_len);
	if (m->seconds)
		put_be(b, UINT64_C(0x60ffffffff01), 6); /* 12: 0x1fffffff */
	if (m->nanoseconds)
		put_be(b, UINT64_C(0x6d00ca9a3b), 5); /* 13: 10^9 */
	if (m->answer && m->query_inside) {
		uint8_t query[29];

		memcpy(query, dns_answer, sizeof(query));
		query[2] = 1;
		query[3] = 0;
		query[7] = 0;
		put_bytes_field(b, 14, query, sizeof(query));
	} else if (m->answer) {
		put_bytes_field(b, 14, dns_answer, sizeof(dns_answer) - 1);
	}
}

static enum dnstap_result result_of(const struct bytes *message, unsigned type,
				    struct dnstap_answer *ret)
{
	struct bytes b = {0};

	put_bytes_field(&b, 14, message->b, message->len);
	put_be(&b, 15 << 3, 1);
	put_be(&b, type, 1);
	return dnstap_read(cur_init(b.b, b.len), ret);
}

static void only_a_whole_answer_to_a_client_counts(void **state)
{
	static const struct {
		const char *what;
		struct said m;
		unsigned type;
		enum dnstap_result want;
	} rows[] = {
		{"right", {6, 4, true, false, true, false}, 1, DNSTAP_ANSWER},
		{"IPv6", {6, 16, true, false, true, false}, 1, DNSTAP_ANSWER},
		{"to a resolver", {4, 4, true, false, true, false}, 1, DNSTAP_OTHER},
		{"a query", {5, 4, true, false, true, false}, 1, DNSTAP_OTHER},
		{"another union", {6, 4, true, false, true, false}, 2, DNSTAP_OTHER},
		{"no address", {6, 0, true, false, true, false}, 1, DNSTAP_NO_CLIENT},
		{"long address", {6, 17, true, false, true, false}, 1, DNSTAP_NO_CLIENT},
		{"no time", {6, 4, false, false, true, false}, 1, DNSTAP_NO_CLIENT},
		{"no answer", {6, 4, true, false, false, false}, 1, DNSTAP_NO_CLIENT},
		{"10^9 ns", {6, 4, true, true, true, false}, 1, DNSTAP_MALFORMED},
		{"a query in it", {6, 4, true, false, true, true}, 1, DNSTAP_NO_DNS},
	};
	struct dnstap_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes b = {0};

		put_message(&b, &rows[i].m);
		if (result_of(&b, rows[i].type, &a) != rows[i].want)
			fail_msg("%s", rows[i].what);
		if (rows[i].want == DNSTAP_ANSWER)
			assert_int_equal(a.time_us, INT64_C(0x1fffffff) * 1000000);
	}
}

static void fields_are_skipped_and_what_is_no_field_is_not(void **state)
{
	static const struct {
		const char *what;
		uint64_t bytes;
		unsigned n;
		enum dnstap_result want;
	} rows[] = {
		{"64 bits, cut", UINT64_C(0xc9010102030405), 7, DNSTAP_MALFORMED},
		{"a group", UINT64_C(0xcb01), 2, DNSTAP_MALFORMED},
		{"field 0", UINT64_C(0x0001), 2, DNSTAP_MALFORMED},
		{"unknown number", UINT64_C(0xa00105), 3, DNSTAP_ANSWER},
		{"unknown bytes", UINT64_C(0xa201026162), 5, DNSTAP_ANSWER},
		{"longer than the message", UINT64_C(0xa2017f61), 4, DNSTAP_MALFORMED},
		{"a varint without an end", UINT64_C(0xa001ffffffff), 6,
		 DNSTAP_MALFORMED},
		{"type as bytes", UINT64_C(0x0a0134), 3, DNSTAP_ANSWER},
		{"another type follows", UINT64_C(0x0805), 2, DNSTAP_OTHER},
	};
	static const struct said right = {6, 4, true, false, true, false};
	struct dnstap_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes b = {0};

		put_message(&b, &right);
		put_be(&b, rows[i].bytes, rows[i].n);
		if (result_of(&b, 1, &a) != rows[i].want)
			fail_msg("%s", rows[i].what);
	}
}

static void numbers_that_are_too_long_or_too_large(void **state)
{
	static const struct said right = {6, 4, true, false, true, false};
	struct dnstap_answer a;
	struct bytes b = {0};

	(void)state;
	put_message(&b, &right);
	put_be(&b, UINT64_C(0xa001), 2);
	put_fill(&b, 0x80, 9);
	put_be(&b, 0, 1); /* ten bytes */
	assert_int_equal(result_of(&b, 1, &a), DNSTAP_ANSWER);
	put_be(&b, UINT64_C(0xa001), 2);
	put_fill(&b, 0x80, 10);
	put_be(&b, 0, 1);
	assert_int_equal(result_of(&b, 1, &a), DNSTAP_MALFORMED);
	memset(&b, 0, sizeof(b));
	put_message(&b, &right);
	put_be(&b, UINT64_C(0x60ffffffffffff01), 8); /* a second time, far ahead */
	assert_int_equal(result_of(&b, 1, &a), DNSTAP_MALFORMED);
}

static void a_message_of_too_many_fields_is_none(void **state)
{
	static const struct said right = {6, 4, true, false, true, false};
	struct bytes b = {0};
	struct dnstap_answer a;

	(void)state;
	put_message(&b, &right);
	for (unsigned i = 4; i < 64; i++)
		put_be(&b, UINT64_C(0xa00105), 3);
	assert_int_equal(result_of(&b, 1, &a), DNSTAP_ANSWER);
	put_be(&b, UINT64_C(0xa00105), 3);
	assert_int_equal(result_of(&b, 1, &a), DNSTAP_MALFORMED);
}

static int make(void **state)
{
	(void)state;
	return file_read(LOG, 1 << 20, &text, &text_len);
}

static int unmake(void **state)
{
	(void)state;
	free(text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_real_log_tells_who_was_told_what),
		cmocka_unit_test(streams_that_are_none_of_ours),
		cmocka_unit_test(the_handshake_of_a_socket),
		cmocka_unit_test(lengths_that_cannot_be),
		cmocka_unit_test(only_a_whole_answer_to_a_client_counts),
		cmocka_unit_test(fields_are_skipped_and_what_is_no_field_is_not),
		cmocka_unit_test(numbers_that_are_too_long_or_too_large),
		cmocka_unit_test(a_message_of_too_many_fields_is_none),
	};

	return cmocka_run_group_tests_name("identify/dnstap", tests, make, unmake);
}
