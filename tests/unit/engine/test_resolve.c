/* SPDX-License-Identifier: Apache-2.0 */
/* Only what a site's own resolver answers a client of that site counts for the site. */
#include "engine/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "sites.h"

#define SECOND INT64_C(1000000)
#define NOW    (1700000000 * SECOND)

static struct addr addr_of(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static const uint8_t query_bytes[] = "\0\7\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1";
static const uint8_t answer_bytes[] =
	"\0\7\x81\x80\0\1\0\1\0\0\0\0\1a\7example\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"
	"\xc0\0\2\7";

struct exchange {
	const char *what, *client, *resolver;
	uint16_t client_port, resolver_port, site;
	uint8_t ip_proto;
};

static struct packet packet_of(const struct exchange *e, bool query)
{
	const struct addr client = addr_of(e->client), resolver = addr_of(e->resolver);

	return (struct packet){
		.src = query ? client : resolver,
		.dst = query ? resolver : client,
		.src_port = query ? e->client_port : e->resolver_port,
		.dst_port = query ? e->resolver_port : e->client_port,
		.ip_proto = e->ip_proto,
		.payload = query ? query_bytes : answer_bytes,
		.payload_len = (query ? sizeof(query_bytes) : sizeof(answer_bytes)) - 1,
	};
}

static bool feed(struct outstanding *o, const struct exchange *e, bool query,
		 int64_t at_us, struct site_answer *ret)
{
	const struct packet p = packet_of(e, query);

	return resolve_packet(o, sites, &p, at_us, ret);
}

#define NORTH "10.1.2.3"
#define OWN   "10.1.0.53"

static const struct exchange right = {"", NORTH, OWN, 5000, 53, 0, 17};

static void who_asks_whom(void **state)
{
	static const struct exchange rows[] = {
		{"own, inside", NORTH, OWN, 5000, 53, 0, 17},
		{"own, outside", NORTH, "9.9.9.9", 5000, 53, 0, 17},
		{"of IPv6", "2001:db8:1::7", OWN, 5000, 53, 0, 17},
		{"the south's", "10.2.1.1", "10.2.0.53", 5000, 53, 1, 17},
		{"another site's", NORTH, "10.2.0.53", 5000, 53, ID_NONE, 17},
		{"nobody's", NORTH, "8.8.8.8", 5000, 53, ID_NONE, 17},
		{"a stranger asks", "192.0.2.9", OWN, 5000, 53, ID_NONE, 17},
		{"another port", NORTH, OWN, 5000, 5353, ID_NONE, 17},
		{"who asks?", NORTH, OWN, 53, 53, ID_NONE, 17},
		{"TCP", NORTH, OWN, 5000, 53, ID_NONE, 6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct exchange *e = &rows[i];
		struct outstanding *o = outstanding_create(64);
		struct site_answer a = {0};
		bool found;

		assert_non_null(o);
		assert_false(feed(o, e, true, NOW, &a));
		found = feed(o, e, false, NOW + SECOND, &a);
		if (found != (e->site != ID_NONE) ||
		    (found && a.site != generation_site_id(sites, e->site)))
			fail_msg("%s", e->what);
		if (found) {
			assert_int_equal(a.message.address_count, 1);
			assert_string_equal(a.message.name, "a.example");
		}
		outstanding_destroy(o);
	}
}

static void only_the_first_answer_to_a_query(void **state)
{
	const struct exchange other = {"", "10.1.2.4", OWN, 5000, 53, 0, 17};
	struct outstanding *o = outstanding_create(64);
	struct site_answer a;

	(void)state;
	assert_non_null(o);
	assert_false(feed(o, &right, false, NOW, &a));
	assert_false(feed(o, &right, true, NOW, &a));
	assert_false(feed(o, &other, false, NOW, &a));
	assert_true(feed(o, &right, false, NOW, &a));
	assert_false(feed(o, &right, false, NOW, &a));
	assert_false(feed(o, &right, true, NOW, &a));
	assert_false(feed(o, &right, false, NOW + 31 * SECOND, &a));
	outstanding_destroy(o);
}

static void a_query_is_not_an_answer_whoever_sends_it(void **state)
{
	struct outstanding *o = outstanding_create(64);
	struct packet p = packet_of(&right, false);
	struct site_answer a;

	(void)state;
	assert_non_null(o);
	assert_false(feed(o, &right, true, NOW, &a));
	p.payload = query_bytes;
	p.payload_len = sizeof(query_bytes) - 1;
	assert_false(resolve_packet(o, sites, &p, NOW, &a));
	p.payload_len = 11;
	assert_false(resolve_packet(o, sites, &p, NOW, &a));
	outstanding_destroy(o);
}

static void concerns_are_quick_and_miss_nothing(void **state)
{
	const struct addr client = addr_of(NORTH), own = addr_of(OWN);
	const struct addr far = addr_of("10.2.0.53"), web = addr_of("192.0.2.9");

	(void)state;
	assert_true(resolve_concerns(sites, &client, &own));
	assert_true(resolve_concerns(sites, &own, &client));
	assert_true(resolve_concerns(sites, &far, &web));
	assert_false(resolve_concerns(sites, &client, &web));
}

static void a_site_s_number_is_its_name_s(void **state)
{
	(void)state;
	assert_int_not_equal(generation_site_id(sites, 0), generation_site_id(sites, 1));
	assert_int_not_equal(generation_site_id(sites, 0), 0);
	assert_int_equal(generation_site_id(sites, ID_NONE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_whom),
		cmocka_unit_test(only_the_first_answer_to_a_query),
		cmocka_unit_test(a_query_is_not_an_answer_whoever_sends_it),
		cmocka_unit_test(concerns_are_quick_and_miss_nothing),
		cmocka_unit_test(a_site_s_number_is_its_name_s),
	};

	return cmocka_run_group_tests_name("engine/resolve", tests, sites_make,
					   sites_unmake);
}
