/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define NOW    (1700000000 * SECOND)

static const struct addr client = {{[10] = 0xff, 0xff, 10, 1, 0, 2}};
static const struct addr other_client = {{[10] = 0xff, 0xff, 10, 1, 0, 3}};
static const struct addr resolver = {{[10] = 0xff, 0xff, 10, 1, 0, 1}};
static const struct addr stranger = {{[10] = 0xff, 0xff, 10, 9, 9, 9}};
static const struct addr server = {{[10] = 0xff, 0xff, 198, 51, 100, 7}};

static struct dns_message query(const char *name)
{
	struct dns_message m;

	memset(&m, 0, sizeof(m));
	m.id = 7;
	m.qtype = 1;
	m.question_count = 1;
	m.name_len = (uint16_t)strlen(name);
	memcpy(m.name, name, m.name_len);
	return m;
}

static struct dns_message answer(const char *name, uint32_t ttl_s)
{
	struct dns_message m = query(name);

	m.is_answer = true;
	m.address_count = 1;
	m.addresses[0].addr = server;
	m.addresses[0].ttl_s = ttl_s;
	return m;
}

/* The client asks and is told. */
static bool tell(struct witness *w, const struct addr *who, const char *name,
		 uint32_t ttl_s, int64_t at_us)
{
	struct dns_message q = query(name);
	struct dns_message a = answer(name, ttl_s);

	witness_query(w, who, 4000, &resolver, &q, at_us);
	return witness_answer(w, who, 4000, &resolver, &a, at_us + 1000);
}

static bool confirms(const struct witness *w, const struct addr *who, const char *name,
		     int64_t at_us)
{
	return witness_confirms(w, who, &server, str_of(name), at_us);
}

static void an_answer_confirms_for_its_client_address_and_name_only(void **state)
{
	struct witness *w = *state;

	assert_true(tell(w, &client, "a.example", 60, NOW));
	assert_true(confirms(w, &client, "a.example", NOW + SECOND));
	assert_false(confirms(w, &other_client, "a.example", NOW + SECOND));
	assert_false(confirms(w, &client, "b.example", NOW + SECOND));
	assert_false(
		witness_confirms(w, &client, &stranger, STR("a.example"), NOW + SECOND));
	assert_int_equal(witness_stats(w)->kept, 1);
}

static void an_answer_that_nobody_asked_for_is_not_kept(void **state)
{
	static const struct {
		const char *what, *name;
		uint16_t port, id, qtype;
		const struct addr *from;
		int64_t later_us;
	} rows[] = {
		{"port", "a.example", 4001, 7, 1, &resolver, SECOND},
		{"id", "a.example", 4000, 8, 1, &resolver, SECOND},
		{"type", "a.example", 4000, 7, 28, &resolver, SECOND},
		{"name", "b.example", 4000, 7, 1, &resolver, SECOND},
		{"resolver", "a.example", 4000, 7, 1, &stranger, SECOND},
		{"too late", "a.example", 4000, 7, 1, &resolver, 31 * SECOND},
	};
	struct witness *w = *state;
	struct dns_message q = query("a.example");

	witness_query(w, &client, 4000, &resolver, &q, NOW);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_message a = answer(rows[i].name, 60);

		a.id = rows[i].id;
		a.qtype = rows[i].qtype;
		if (witness_answer(w, &client, rows[i].port, rows[i].from, &a,
				   NOW + rows[i].later_us))
			fail_msg("another %s was kept", rows[i].what);
		assert_int_equal(witness_stats(w)->unasked, i + 1);
	}
	assert_false(confirms(w, &client, "a.example", NOW + SECOND));
}

static void one_answer_for_each_query(void **state)
{
	struct witness *w = *state;
	struct dns_message forged = answer("a.example", 60);

	assert_true(tell(w, &client, "a.example", 60, NOW));
	forged.addresses[0].addr = stranger;
	assert_false(witness_answer(w, &client, 4000, &resolver, &forged, NOW + 2000));
	assert_false(
		witness_confirms(w, &client, &stranger, STR("a.example"), NOW + SECOND));
}

static void errors_questions_and_several_questions_teach_nothing(void **state)
{
	struct witness *w = *state;
	struct dns_message q = query("a.example");
	struct dns_message a = answer("a.example", 60);

	a.rcode = 3;
	witness_query(w, &client, 4000, &resolver, &q, NOW);
	assert_false(witness_answer(w, &client, 4000, &resolver, &a, NOW));

	a.rcode = 0;
	a.question_count = 2;
	witness_query(w, &client, 4000, &resolver, &q, NOW);
	assert_false(witness_answer(w, &client, 4000, &resolver, &a, NOW));
	assert_false(witness_answer(w, &client, 4000, &resolver, &q, NOW));

	a.question_count = 1;
	a.address_count = 0;
	assert_false(witness_answer(w, &client, 4000, &resolver, &a, NOW));
	assert_int_equal(witness_stats(w)->kept, 0);
}

static void entries_live_for_their_ttl_within_five_minutes_and_a_day(void **state)
{
	static const struct {
		uint32_t ttl_s;
		int64_t lives_s;
	} rows[] = {{0, 300}, {299, 300}, {3600, 3600}, {UINT32_MAX, 86400}};
	struct witness *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t told = NOW + (int64_t)i * 100000 * SECOND;
		int64_t ends = told + 1000 + rows[i].lives_s * SECOND;

		assert_true(tell(w, &client, "a.example", rows[i].ttl_s, told));
		assert_true(confirms(w, &client, "a.example", ends - 1));
		assert_false(confirms(w, &client, "a.example", ends));
		assert_null(witness_name(w, &client, &server, ends).p);
	}
}

static void a_repeated_answer_lengthens_and_never_shortens(void **state)
{
	struct witness *w = *state;

	assert_true(tell(w, &client, "a.example", 3600, NOW));
	assert_true(tell(w, &client, "a.example", 60, NOW + SECOND));
	assert_true(confirms(w, &client, "a.example", NOW + 3600 * SECOND));
	assert_int_equal(witness_stats(w)->kept, 1);
}

static void the_name_of_an_address_must_be_the_only_one(void **state)
{
	struct witness *w = *state;

	assert_null(witness_name(w, &client, &server, NOW).p);
	assert_true(tell(w, &client, "a.example", 60, NOW));
	assert_true(str_equal(witness_name(w, &client, &server, NOW + SECOND),
			      STR("a.example")));
	assert_true(tell(w, &client, "b.example", 3600, NOW));
	assert_null(witness_name(w, &client, &server, NOW + SECOND).p);
	/* When the first has gone the second is alone. */
	assert_true(str_equal(witness_name(w, &client, &server, NOW + 400 * SECOND),
			      STR("b.example")));
}

static void names_of_every_length_are_kept(void **state)
{
	struct witness *w = *state;

	for (size_t len = 1; len <= 253; len++) {
		char name[HOST_MAX + 1];

		memset(name, 'a', len);
		name[len] = '\0';
		assert_true(
			tell(w, &client, name, 60, NOW + (int64_t)len * 400 * SECOND));
		assert_true(
			str_equal(witness_name(w, &client, &server,
					       NOW + (int64_t)(len * 400 + 1) * SECOND),
				  str_of(name)));
	}
}

static void a_full_bucket_gives_up_what_ends_first_and_counts_it(void **state)
{
	struct witness *w = *state;
	char name[32];

	/* One client and address: one bucket of 16. */
	for (unsigned i = 0; i < 17; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		assert_int_equal(witness_stats(w)->evicted, 0);
		assert_true(tell(w, &client, name, i == 5 ? 600 : 3600, NOW));
	}
	assert_int_equal(witness_stats(w)->evicted, 1);
	assert_false(confirms(w, &client, "n5.example", NOW + SECOND));
	assert_true(confirms(w, &client, "n0.example", NOW + SECOND));
	assert_true(confirms(w, &client, "n16.example", NOW + SECOND));
}

static void many_clients_share_names_within_the_bound(void **state)
{
	struct witness *w = witness_create(64);
	struct addr who = client;
	char name[64];

	(void)state;
	assert_non_null(w);
	for (unsigned i = 0; i < 20000; i++) {
		who.b[14] = (uint8_t)(i >> 8);
		who.b[15] = (uint8_t)i;
		(void)snprintf(name, sizeof(name), "n%u.example", i % 300);
		assert_true(tell(w, &who, name, i % 900, NOW + i));
		assert_true(confirms(w, &who, name, NOW + i + 2000));
	}
	assert_int_equal(witness_stats(w)->kept, 20000);
	assert_true(witness_stats(w)->evicted >= 20000 - 64);
	witness_destroy(w);
}

static void a_clock_before_1970_does_no_harm(void **state)
{
	struct witness *w = *state;

	assert_true(tell(w, &client, "a.example", 60, -5 * SECOND));
	assert_true(confirms(w, &client, "a.example", 0));
}

static void destroying_nothing_is_fine(void **state)
{
	(void)state;
	witness_destroy(NULL);
}

static int make(void **state)
{
	*state = witness_create(0);
	return *state == NULL ? -1 : 0;
}

static int unmake(void **state)
{
	witness_destroy(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_confirms_for_its_client_address_and_name_only),
		TEST(an_answer_that_nobody_asked_for_is_not_kept),
		TEST(one_answer_for_each_query),
		TEST(errors_questions_and_several_questions_teach_nothing),
		TEST(entries_live_for_their_ttl_within_five_minutes_and_a_day),
		TEST(a_repeated_answer_lengthens_and_never_shortens),
		TEST(the_name_of_an_address_must_be_the_only_one),
		TEST(names_of_every_length_are_kept),
		TEST(a_full_bucket_gives_up_what_ends_first_and_counts_it),
		cmocka_unit_test(many_clients_share_names_within_the_bound),
		TEST(a_clock_before_1970_does_no_harm),
		cmocka_unit_test(destroying_nothing_is_fine),
	};

	return cmocka_run_group_tests_name("identify/witness", tests, NULL, NULL);
}
