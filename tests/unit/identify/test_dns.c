/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/dns.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct bytes m;

static enum dns_fault parse(struct dns_message *ret)
{
	uint8_t *exact = malloc(m.len == 0 ? 1 : m.len); /* so that ASan sees the end */
	enum dns_fault fault;

	assert_non_null(exact);
	if (m.len > 0)
		memcpy(exact, m.b, m.len);
	fault = dns_parse(exact, m.len, ret);
	free(exact);
	return fault;
}

static void put_name(const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		put_be(&m, n, 1);
		put_mem(&m, name, n);
		name += n + (name[n] == '.');
	}
	put_be(&m, 0, 1);
}

static void put_header(uint16_t flags, uint16_t questions, uint16_t answers)
{
	m.len = 0;
	put_be(&m, 0x1234, 2);
	put_be(&m, flags, 2);
	put_be(&m, questions, 2);
	put_be(&m, answers, 2);
	put_be(&m, 0, 4);
}

static void put_question(const char *name, uint16_t type)
{
	put_name(name);
	put_be(&m, type, 2);
	put_be(&m, 1, 2);
}

static void put_record_of(const char *owner, uint16_t type, uint32_t ttl,
			  const void *data, size_t len)
{
	put_name(owner);
	put_be(&m, type, 2);
	put_be(&m, 1, 2);
	put_be(&m, ttl, 4);
	put_be(&m, len, 2);
	put_mem(&m, data, len);
}

static void put_alias(const char *from, const char *to)
{
	size_t length_at;

	put_name(from);
	put_be(&m, 5, 2);
	put_be(&m, 1, 2);
	put_be(&m, 60, 4);
	length_at = m.len;
	put_be(&m, 0, 2);
	put_name(to);
	m.b[length_at + 1] = (uint8_t)(m.len - length_at - 2);
}

static void reads_a_query_in_lower_case(void **state)
{
	struct dns_message d;

	(void)state;
	put_header(0x0100, 1, 0);
	put_question("BlOcKeD.aZuRe-ApIm.nEt", 65);
	assert_int_equal(parse(&d), DNS_FINE);
	assert_int_equal(d.id, 0x1234);
	assert_false(d.is_answer);
	assert_int_equal(d.qtype, 65);
	assert_int_equal(d.question_count, 1);
	assert_string_equal(d.name, "blocked.azure-apim.net");
	assert_int_equal(d.name_len, strlen(d.name));
	for (size_t whole = m.len; m.len > 0;) {
		m.len--;
		assert_int_equal(parse(&d), DNS_SHORT);
		assert_true(m.len < whole);
	}
}

static void reads_addresses_of_both_families(void **state)
{
	static const uint8_t six[16] = {0x20, 1, 0x0d, 0xb8, [15] = 7};
	struct dns_message d;
	struct addr want;

	(void)state;
	put_header(0x8180, 1, 2);
	put_question("a.example", 1);
	put_record_of("A.example", 1, 60, "\xc6\x33\x64\x07", 4);
	put_record_of("a.example", 28, 4000000000u, six, sizeof(six));
	assert_int_equal(parse(&d), DNS_FINE);
	assert_true(d.is_answer);
	assert_int_equal(d.rcode, 0);
	assert_int_equal(d.address_count, 2);
	want = addr_from_v4((const uint8_t *)"\xc6\x33\x64\x07");
	assert_true(addr_equal(&d.addresses[0].addr, &want));
	assert_int_equal(d.addresses[0].ttl_s, 60);
	want = addr_from_v6(six);
	assert_true(addr_equal(&d.addresses[1].addr, &want));
	assert_int_equal(d.addresses[1].ttl_s, 4000000000u);
}

static void follows_aliases_in_any_order_and_leaves_strangers_out(void **state)
{
	struct dns_message d;

	(void)state;
	put_header(0x8180, 1, 6);
	put_question("a.example", 1);
	put_record_of("c.example", 1, 60, "\x0a\0\0\3", 4);
	put_alias("b.example", "c.example");
	put_alias("a.example", "B.example");
	put_record_of("stranger.example", 1, 60, "\x0a\0\0\x09", 4);
	put_alias("stranger.example", "other.example");
	put_record_of("other.example", 1, 60, "\x0a\0\0\x0a", 4);
	assert_int_equal(parse(&d), DNS_FINE);
	assert_int_equal(d.address_count, 1);
	assert_int_equal(d.addresses[0].addr.b[15], 3);
}

static void an_alias_loop_ends(void **state)
{
	struct dns_message d;

	(void)state;
	put_header(0x8180, 1, 3);
	put_question("a.example", 1);
	put_alias("a.example", "b.example");
	put_alias("b.example", "a.example");
	put_record_of("b.example", 1, 60, "\x0a\0\0\1", 4);
	assert_int_equal(parse(&d), DNS_FINE);
	assert_int_equal(d.address_count, 1);
}

static void follows_sixteen_aliases_and_no_more(void **state)
{
	struct dns_message d;

	(void)state;
	for (uint16_t aliases = 16; aliases <= 17; aliases++) {
		char from[] = "A.example", to[] = "B.example";

		put_header(0x8180, 1, (uint16_t)(aliases + 1));
		put_question("A.example", 1);
		for (uint16_t i = 0; i < aliases; i++) {
			put_alias(from, to);
			from[0]++;
			to[0]++;
		}
		put_record_of(from, 1, 60, "\x0a\0\0\1", 4);
		assert_int_equal(parse(&d), DNS_FINE);
		assert_int_equal(d.address_count, aliases == 16 ? 1 : 0);
	}
}

static void keeps_32_addresses_and_says_that_there_are_more(void **state)
{
	struct dns_message d;

	(void)state;
	for (uint16_t n = 32; n <= 33; n++) {
		put_header(0x8180, 1, n);
		put_question("a.example", 1);
		for (uint16_t i = 0; i < n; i++)
			put_record_of("a.example", 1, 60, "\x0a\0\0\1", 4);
		assert_int_equal(parse(&d), DNS_FINE);
		assert_int_equal(d.address_count, 32);
		assert_int_equal(d.more_addresses, n == 33);
	}
}

static void an_address_of_another_length_or_class_is_left_out(void **state)
{
	struct dns_message d;

	(void)state;
	put_header(0x8180, 1, 3);
	put_question("a.example", 1);
	put_record_of("a.example", 1, 60, "\x0a\0\0\1\2", 5);
	put_record_of("a.example", 28, 60, "\x0a\0\0\1", 4);
	put_name("a.example");
	put_be(&m, 0x00010003, 4); /* A of class CHAOS */
	put_be(&m, 60, 4);
	put_be(&m, 4, 2);
	put_be(&m, 0x0a000001, 4);
	assert_int_equal(parse(&d), DNS_FINE);
	assert_int_equal(d.address_count, 0);
}

/*
 * An ECHConfigList with its length as the value's: one of an unknown version, then one with a
 * key of 2 bytes, one suite, the public name and no extensions.
 */
#define CONFIGS                                                                  \
	"\x26\0\x24\xfe\x0a\0\2xx\xfe\x0d\0\x1a\7\0\x20\0\2kk\0\4\0\1\0\1\0\x09" \
	"F.example\0\0"
#define CONFIGS_LEN (sizeof(CONFIGS) - 1)

static void tells_ech_by_its_key_in_a_service_record(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *owner;
		const char *want;
	} rows[] = {
		{"\0\1\0\0\1\0\3\2h3\0\5\0" CONFIGS, 13 + CONFIGS_LEN, "a.example",
		 "f.example"},
		{"\0\1\0\0\1\0\3\2h3", 10, "a.example", ""},
		{"\0\1\1x\0\0\5\0" CONFIGS, 8 + CONFIGS_LEN, "a.example", "f.example"},
		{"\0\1\0\0\5\0" CONFIGS, 5 + CONFIGS_LEN, "a.example", ""}, /* cut */
		{"\0\1\0\0\5\0" CONFIGS, 6 + CONFIGS_LEN, "b.example", ""},
		{"\0\1\0\0\5\0\2ab", 9, "a.example", ""},
		{"\0\1", 2, "a.example", ""},
	};
	struct dns_message d;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		put_header(0x8180, 1, 1);
		put_question("a.example", 65);
		put_record_of(rows[i].owner, 65, 60, rows[i].data, rows[i].len);
		assert_int_equal(parse(&d), DNS_FINE);
		assert_int_equal(d.ech_name_len, strlen(rows[i].want));
		assert_memory_equal(d.ech_name, rows[i].want, d.ech_name_len);
	}
}

static void pointers_lead_back_only(void **state)
{
	static const struct {
		const char *what, *bytes; /* behind a header of one question */
		size_t len;
		enum dns_fault want;
		const char *name;
	} rows[] = {
		{"to itself", "\xc0\x0c\0\1\0\1", 6, DNS_MALFORMED, ""},
		{"forward", "\7blocked\xc0\x18\0\1\0\1\3net\0", 19, DNS_MALFORMED, ""},
		{"to its own name", "\1a\xc0\x0c\0\1\0\1", 8, DNS_MALFORMED, ""},
		{"into the header", "\1a\xc0\x02\0\1\0\1", 8, DNS_MALFORMED, ""},
		{"reserved label type",
		 "\x40"
		 "a\0\0\1\0\1",
		 7, DNS_MALFORMED, ""},
		{"cut pointer", "\1a\xc0", 3, DNS_SHORT, ""},
		{"cut label", "\5ab", 3, DNS_SHORT, ""},
	};
	struct dns_message d;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		put_header(0x0100, 1, 0);
		put_mem(&m, rows[i].bytes, rows[i].len);
		if (parse(&d) != rows[i].want)
			fail_msg("%s", rows[i].what);
	}
	/* An owner that points at the question, as servers write it. */
	put_header(0x8180, 1, 1);
	put_question("a.example", 1);
	put_be(&m, 0xc00c, 2);
	put_be(&m, 0x00010001, 4);
	put_be(&m, 60, 4);
	put_be(&m, 4, 2);
	put_be(&m, 0x0a000001, 4);
	assert_int_equal(parse(&d), DNS_FINE);
	assert_int_equal(d.address_count, 1);
}

/* Each pointer leads back to another: the jumps end at their cap, not with the message. */
static void a_long_row_of_pointers_is_malformed(void **state)
{
	struct dns_message d;

	(void)state;
	for (unsigned jumps = 64; jumps <= 65; jumps++) {
		put_header(0x8180, 1, 1);
		put_question("a", 16);
		put_question("", 16); /* a TXT record of the root ... */
		put_be(&m, 0, 4);
		put_be(&m, 2 * ((uint64_t)jumps - 1),
		       2); /* ... whose data is a row of pointers */
		put_be(&m, 0xc00c, 2);
		for (unsigned i = 2; i < jumps; i++)
			put_be(&m, 0xc000u | (m.len - 2), 2);
		m.b[7] = 2;
		put_be(&m, 0xc000u | (m.len - 2), 2); /* and an owner that enters it */
		put_be(&m, 0x00010001, 4);
		put_be(&m, 60, 4);
		put_be(&m, 4, 2);
		put_be(&m, 0x0a000001, 4);
		assert_int_equal(parse(&d), jumps == 64 ? DNS_FINE : DNS_MALFORMED);
	}
}

static void bytes_that_no_name_holds_are_malformed(void **state)
{
	static const char *const labels[] = {"a.b", "a b", "a\x7f", "a\xc3\xa4", "\1"};
	struct dns_message d;

	(void)state;
	for (size_t i = 0; i < COUNT(labels); i++) {
		put_header(0x0100, 1, 0);
		put_be(&m, strlen(labels[i]), 1);
		put_text(&m, labels[i]);
		put_be(&m, 0, 1);
		put_be(&m, 0x00010001, 4);
		if (parse(&d) != DNS_MALFORMED)
			fail_msg("%s", labels[i]);
	}
}

static void names_go_up_to_253_characters(void **state)
{
	struct dns_message d;

	(void)state;
	for (size_t last = 61; last <= 62; last++) {
		put_header(0x0100, 1, 0);
		for (int i = 0; i < 3; i++) {
			put_be(&m, 63, 1);
			put_fill(&m, 'a', 63);
		}
		put_be(&m, last, 1);
		put_fill(&m, 'b', last);
		put_be(&m, 0, 1);
		put_be(&m, 0x00010001, 4);
		assert_int_equal(parse(&d), last == 61 ? DNS_FINE : DNS_MALFORMED);
		if (last == 61)
			assert_int_equal(d.name_len, 253);
	}
}

static void a_truncated_answer_keeps_what_it_has(void **state)
{
	struct dns_message d;

	(void)state;
	put_header(0x8380, 1, 2);
	put_question("a.example", 1);
	put_record_of("a.example", 1, 60, "\x0a\0\0\1", 4);
	assert_int_equal(parse(&d), DNS_FINE);
	assert_true(d.truncated);
	assert_int_equal(d.address_count, 1);
	m.b[2] = 0x81; /* without the bit the same bytes end early */
	assert_int_equal(parse(&d), DNS_SHORT);
}

static void what_nobody_would_send_is_not_dns(void **state)
{
	static const struct {
		uint16_t flags, questions, answers;
		enum dns_fault want;
	} rows[] = {
		{0x0100, 0, 0, DNS_NOT_DNS}, {0x0100, 33, 0, DNS_NOT_DNS},
		{0x2800, 1, 0, DNS_NOT_DNS}, {0x0140, 1, 0, DNS_NOT_DNS},
		{0x0103, 1, 0, DNS_NOT_DNS}, {0x0100, 1, 99, DNS_NOT_DNS},
		{0x8400, 0, 0, DNS_FINE}, /* mDNS answers without a question */
	};
	struct dns_message d;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		put_header(rows[i].flags, rows[i].questions, rows[i].answers);
		if (parse(&d) != rows[i].want)
			fail_msg("row %zu", i);
	}
}

static void counts_the_questions_and_reads_the_first(void **state)
{
	struct dns_message d;

	(void)state;
	put_header(0x0100, 2, 0);
	put_question("a.example", 1);
	put_question("b.example", 28);
	assert_int_equal(parse(&d), DNS_FINE);
	assert_int_equal(d.question_count, 2);
	assert_string_equal(d.name, "a.example");
	assert_int_equal(d.qtype, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_query_in_lower_case),
		cmocka_unit_test(reads_addresses_of_both_families),
		cmocka_unit_test(follows_aliases_in_any_order_and_leaves_strangers_out),
		cmocka_unit_test(an_alias_loop_ends),
		cmocka_unit_test(follows_sixteen_aliases_and_no_more),
		cmocka_unit_test(keeps_32_addresses_and_says_that_there_are_more),
		cmocka_unit_test(an_address_of_another_length_or_class_is_left_out),
		cmocka_unit_test(tells_ech_by_its_key_in_a_service_record),
		cmocka_unit_test(pointers_lead_back_only),
		cmocka_unit_test(a_long_row_of_pointers_is_malformed),
		cmocka_unit_test(bytes_that_no_name_holds_are_malformed),
		cmocka_unit_test(names_go_up_to_253_characters),
		cmocka_unit_test(a_truncated_answer_keeps_what_it_has),
		cmocka_unit_test(what_nobody_would_send_is_not_dns),
		cmocka_unit_test(counts_the_questions_and_reads_the_first),
	};

	return cmocka_run_group_tests_name("identify/dns", tests, NULL, NULL);
}
