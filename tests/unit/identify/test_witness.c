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

/* RFC 2181 9: the client asks again. */
static void a_truncated_answer_is_no_evidence(void **state)
{
	struct witness *w = *state;
	struct dns_message a = answer("a.example", 60);

	a.truncated = true;
	assert_false(witness_keep(w, &client, &a, NOW));
	assert_false(confirms(w, &client, "a.example", NOW));
}

static void a_front_of_ech_is_known_to_its_client_for_a_time(void **state)
{
	static const struct str front = {"f.example", 9};
	struct witness *w = *state;
	struct dns_message a = answer("a.example", 60);

	a.address_count = 0;
	a.ech_name_len = (uint16_t)front.len;
	memcpy(a.ech_name, front.p, front.len);
	a.ech_ttl_s = 600;
	assert_false(witness_keep(w, &client, &a, NOW));
	assert_true(witness_fronts(w, &client, front, NOW + 599 * SECOND));
	assert_false(witness_fronts(w, &client, front, NOW + 601 * SECOND));
	assert_false(witness_fronts(w, &other_client, front, NOW));
	assert_false(witness_fronts(w, &client, STR("a.example"), NOW));
	assert_false(witness_contradicts(w, &client, 0, &server, front, NOW));
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

/* ---- sites ---- */

#define NORTH UINT64_C(11)
#define SOUTH UINT64_C(12)

static void a_site_s_answers_confirm_and_name_nothing(void **state)
{
	const struct dns_message a = answer("a.example", 60);
	struct witness *w = *state;

	assert_true(witness_keep_site(w, NORTH, &a, NOW));
	assert_true(witness_site_confirms(w, NORTH, &server, STR("a.example"), NOW));
	assert_false(witness_site_confirms(w, SOUTH, &server, STR("a.example"), NOW));
	assert_false(witness_site_confirms(w, NORTH, &stranger, STR("a.example"), NOW));
	assert_false(witness_site_confirms(w, NORTH, &server, STR("b.example"), NOW));
	assert_false(witness_site_confirms(w, NORTH, &server, STR("a.example"),
					   NOW + 300 * SECOND));
	assert_false(confirms(w, &client, "a.example", NOW));
	assert_null(witness_name(w, &client, &server, NOW).p);
	assert_int_equal(witness_stats(w)->site_kept, 1);
	assert_int_equal(witness_stats(w)->kept, 0);
}

static void a_client_s_answers_are_not_the_site_s(void **state)
{
	struct witness *w = *state;

	assert_true(tell(w, &client, "a.example", 60, NOW));
	assert_false(witness_site_confirms(w, NORTH, &server, STR("a.example"), NOW));
	assert_int_equal(witness_stats(w)->site_kept, 0);
}

static void a_full_bucket_of_a_site_is_counted_apart(void **state)
{
	struct witness *w = *state;
	char name[32];

	for (unsigned i = 0; i < 17; i++) {
		struct dns_message a;

		(void)snprintf(name, sizeof(name), "n%u.example", i);
		a = answer(name, 3600);
		assert_true(witness_keep_site(w, NORTH, &a, NOW));
	}
	assert_int_equal(witness_stats(w)->site_evicted, 1);
	assert_int_equal(witness_stats(w)->evicted, 0);
}

static void what_is_no_answer_is_not_kept(void **state)
{
	struct witness *w = *state;
	struct dns_message bad[4];

	for (size_t i = 0; i < 4; i++)
		bad[i] = answer("a.example", 60);
	bad[0].is_answer = false;
	bad[1].rcode = 2;
	bad[2].question_count = 2;
	bad[3].name_len = 0;
	for (size_t i = 0; i < 4; i++) {
		assert_false(witness_keep(w, &client, &bad[i], NOW));
		assert_false(witness_keep_site(w, NORTH, &bad[i], NOW));
	}
	assert_int_equal(witness_stats(w)->kept + witness_stats(w)->site_kept, 0);
}

/* ---- connections ---- */

static struct witness_ref hold(struct witness *w, const char *name, int64_t at_us)
{
	return witness_hold(w, &client, &server, str_of(name), at_us);
}

static void an_entry_lives_until_its_last_connection_has_ended_and_5_minutes(void **state)
{
	const int64_t day = 86400 * SECOND;
	struct witness *w = *state;
	struct witness_ref one, two;

	assert_int_equal(hold(w, "a.example", NOW).place, 0);
	assert_true(tell(w, &client, "a.example", 60, NOW));
	one = hold(w, "a.example", NOW + SECOND);
	two = hold(w, "a.example", NOW + SECOND);
	assert_int_not_equal(one.place, 0);
	assert_int_equal(hold(w, "b.example", NOW + SECOND).place, 0);
	witness_let_go(w, one, NOW + 2 * SECOND);
	/* The other one is still there, days later. */
	assert_true(confirms(w, &client, "a.example", NOW + 3 * day));
	assert_true(str_equal(witness_name(w, &client, &server, NOW + 3 * day),
			      STR("a.example")));
	witness_let_go(w, two, NOW + 3 * day);
	assert_true(confirms(w, &client, "a.example", NOW + 3 * day + 300 * SECOND - 1));
	assert_false(confirms(w, &client, "a.example", NOW + 3 * day + 300 * SECOND));
	witness_let_go(w, (struct witness_ref){0}, NOW);
}

static void an_end_never_shortens(void **state)
{
	struct witness *w = *state;

	assert_true(tell(w, &client, "a.example", 3600, NOW));
	witness_let_go(w, hold(w, "a.example", NOW + SECOND), NOW + 2 * SECOND);
	assert_true(confirms(w, &client, "a.example", NOW + 3600 * SECOND));
}

static void what_is_in_use_goes_last_and_its_holder_does_no_harm(void **state)
{
	struct witness *w = *state;
	struct witness_ref held[17];
	char name[32];

	for (unsigned i = 0; i < 17; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		/* The first ends first, and is in use. */
		assert_true(tell(w, &client, name, i == 0 ? 300 : 3600, NOW));
		held[i] = (struct witness_ref){0};
		if (i == 0)
			held[0] = hold(w, name, NOW + SECOND);
	}
	assert_true(confirms(w, &client, "n0.example", NOW + 400 * SECOND));
	for (unsigned i = 1; i < 17; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		held[i] = hold(w, name, NOW + SECOND);
	}
	/* All in use: one goes, and who held it does not end the next. */
	assert_true(tell(w, &client, "new.example", 3600, NOW));
	assert_false(confirms(w, &client, "n0.example", NOW + SECOND));
	assert_int_not_equal(hold(w, "new.example", NOW + SECOND).place, 0);
	witness_let_go(w, held[0], NOW + 2 * SECOND);
	assert_true(confirms(w, &client, "new.example", NOW + 90000 * SECOND));
}

/* ---- rows ---- */

/* All that is in `from`, put into an empty one. */
static struct witness *moved(const struct witness *from, int64_t at_us, unsigned *ret)
{
	struct witness *to = witness_create(0);
	struct witness_row row;

	assert_non_null(to);
	*ret = 0;
	for (size_t i = 0; i < witness_places(from); i++)
		if (witness_row_at(from, i, at_us, &row))
			*ret += witness_restore(to, &row, at_us);
	return to;
}

static void rows_tell_all_and_restore_it(void **state)
{
	const struct dns_message a = answer("site.example", 600);
	struct witness *w = *state, *other;
	struct witness_row row;
	unsigned n, seen = 0;

	assert_true(tell(w, &client, "a.example", 3600, NOW));
	assert_true(tell(w, &client, "a.example", 3600, NOW + 5 * SECOND));
	assert_true(tell(w, &other_client, "short.example", 60, NOW));
	assert_true(witness_keep_site(w, NORTH, &a, NOW));
	for (size_t i = 0; i < witness_places(w); i++) {
		if (!witness_row_at(w, i, NOW + 6 * SECOND, &row))
			continue;
		seen++;
		assert_true(addr_equal(&row.addr, &server));
		if (row.of_site) {
			assert_int_equal(row.site, NORTH);
			assert_true(str_equal(row.name, STR("site.example")));
		} else if (addr_equal(&row.client, &client)) {
			assert_int_equal(row.first_us, NOW + 1000);
			assert_int_equal(row.last_us, NOW + 5 * SECOND + 1000);
			assert_int_equal(row.until_us, NOW + 3605 * SECOND + 1000);
		}
	}
	assert_int_equal(seen, 3);
	other = moved(w, NOW + 400 * SECOND, &n);
	assert_int_equal(n, 2); /* one has ended */
	assert_true(confirms(other, &client, "a.example", NOW + 3605 * SECOND));
	assert_false(confirms(other, &client, "a.example", NOW + 3606 * SECOND));
	assert_true(witness_site_confirms(other, NORTH, &server, STR("site.example"),
					  NOW + 401 * SECOND));
	witness_destroy(other);
}

static void a_row_is_bounded_by_the_clock_that_restores_it(void **state)
{
	const int64_t day = 86400 * SECOND;
	struct witness *w = *state;
	struct witness_row row = {.client = client,
				  .addr = server,
				  .first_us = NOW + 5 * day,
				  .last_us = NOW + 6 * day,
				  .until_us = NOW + 90 * day};

	row.name = STR("a.example");
	assert_true(witness_restore(w, &row, NOW));
	assert_true(confirms(w, &client, "a.example", NOW + day - 1));
	assert_false(confirms(w, &client, "a.example", NOW + day));
	for (size_t i = 0; i < witness_places(w); i++)
		if (witness_row_at(w, i, NOW, &row))
			assert_true(row.first_us <= NOW && row.last_us <= NOW);
	row.until_us = NOW;
	assert_false(witness_restore(w, &row, NOW));
}

static void what_is_in_use_is_shown_with_the_grace_that_is_to_come(void **state)
{
	struct witness *w = *state;
	struct witness_row row;
	unsigned seen = 0;

	assert_true(tell(w, &client, "a.example", 60, NOW));
	(void)hold(w, "a.example", NOW + SECOND);
	for (size_t i = 0; i < witness_places(w); i++)
		if (witness_row_at(w, i, NOW + 9999 * SECOND, &row)) {
			assert_int_equal(row.until_us, NOW + 10299 * SECOND);
			seen++;
		}
	assert_int_equal(seen, 1);
}

static void another_address_or_another_name_contradicts(void **state)
{
	struct witness *w = *state;
	const int64_t now = NOW + SECOND, end = NOW + 300 * SECOND + 1000;
	struct dns_message site = answer("site.example", 60);

#define CONTRADICTS(who, addr, host, at) \
	witness_contradicts(w, who, 7, addr, STR(host), at)
	assert_false(CONTRADICTS(&client, &stranger, "a.example", now));
	assert_true(tell(w, &client, "a.example", 60, NOW));
	assert_false(CONTRADICTS(&client, &server, "a.example", now));
	assert_true(CONTRADICTS(&client, &stranger, "a.example", now));
	assert_true(CONTRADICTS(&client, &server, "b.example", now));
	assert_false(CONTRADICTS(&other_client, &stranger, "a.example", now));
	assert_true(CONTRADICTS(&client, &stranger, "a.example", end - 1));
	assert_false(CONTRADICTS(&client, &stranger, "a.example", end));
	/* Several names of the address: none of them is the only one. */
	assert_true(tell(w, &client, "c.example", 60, NOW));
	assert_false(CONTRADICTS(&client, &server, "b.example", now));
	/* What the site was told speaks of the name, never of the address. */
	assert_true(witness_keep_site(w, 7, &site, NOW));
	assert_false(CONTRADICTS(&other_client, &server, "site.example", now));
	assert_true(CONTRADICTS(&other_client, &stranger, "site.example", now));
	assert_false(CONTRADICTS(&other_client, &server, "b.example", now));
	assert_false(witness_contradicts(w, &other_client, 0, &stranger,
					 STR("site.example"), now));
#undef CONTRADICTS
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
		TEST(a_truncated_answer_is_no_evidence),
		TEST(a_front_of_ech_is_known_to_its_client_for_a_time),
		TEST(one_answer_for_each_query),
		TEST(errors_questions_and_several_questions_teach_nothing),
		TEST(entries_live_for_their_ttl_within_five_minutes_and_a_day),
		TEST(a_repeated_answer_lengthens_and_never_shortens),
		TEST(the_name_of_an_address_must_be_the_only_one),
		TEST(names_of_every_length_are_kept),
		TEST(a_full_bucket_gives_up_what_ends_first_and_counts_it),
		cmocka_unit_test(many_clients_share_names_within_the_bound),
		TEST(a_clock_before_1970_does_no_harm),
		TEST(a_site_s_answers_confirm_and_name_nothing),
		TEST(a_client_s_answers_are_not_the_site_s),
		TEST(a_full_bucket_of_a_site_is_counted_apart),
		TEST(what_is_no_answer_is_not_kept),
		TEST(an_entry_lives_until_its_last_connection_has_ended_and_5_minutes),
		TEST(an_end_never_shortens),
		TEST(what_is_in_use_goes_last_and_its_holder_does_no_harm),
		TEST(rows_tell_all_and_restore_it),
		TEST(a_row_is_bounded_by_the_clock_that_restores_it),
		TEST(what_is_in_use_is_shown_with_the_grace_that_is_to_come),
		TEST(another_address_or_another_name_contradicts),
		cmocka_unit_test(destroying_nothing_is_fine),
	};

	return cmocka_run_group_tests_name("identify/witness", tests, NULL, NULL);
}
