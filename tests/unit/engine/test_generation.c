/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/generation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SITES "tests/unit/engine/sites.conf"

static struct diag *new_diag(void)
{
	struct diag *d = diag_create();

	assert_non_null(d);
	return d;
}

/* NULL = built-in configuration, no rules. */
static struct generation *load(const char *config)
{
	struct generation_cfg cfg = {.config = config, .share = "."};
	struct diag *d = new_diag();
	struct generation *g = generation_load(&cfg, d);

	if (g == NULL)
		diag_print(d, stderr, false);
	assert_non_null(g);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	diag_destroy(d);
	return g;
}

static int load_sites(void **state)
{
	*state = load(SITES);
	return 0;
}

static int load_defaults(void **state)
{
	*state = load(NULL);
	return 0;
}

static int unload(void **state)
{
	generation_destroy(*state);
	return 0;
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static void assert_address(const struct addr *got, const char *want)
{
	char text[ADDR_TEXT_MAX];

	(void)addr_format(got, text);
	assert_string_equal(text, want);
}

/* ---- loading --------------------------------------------------------------------------------- */

static struct generation *load_rules(const char *rules, struct diag *d)
{
	struct generation_cfg cfg = {
		.config = SITES, .rules = &rules, .rule_count = 1, .share = "."};

	return generation_load(&cfg, d);
}

static char *temporary_rules(const char *text)
{
	char *name = strdup("/tmp/weir-test-XXXXXX");
	int fd;

	assert_non_null(name);
	fd = mkstemp(name);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	return name;
}

static void expectations_run_and_are_counted(void **state)
{
	const struct generation *g = *state;

	assert_int_equal(g->expect_count, 2);
	assert_int_equal(strlen(g->name), GENERATION_NAME_LEN);
	assert_int_equal(strspn(g->name, "0123456789abcdef"), GENERATION_NAME_LEN);
	assert_int_equal(g->vocabulary.sites.count, 2);
	assert_string_equal(g->vocabulary.sites.words[1], "south");
	assert_int_equal(g->vocabulary.sources.count, 2);
	assert_string_equal(g->vocabulary.sources.words[0], "dgw");
}

static void the_name_follows_what_was_read(void **state)
{
	const struct generation *g = *state;
	char *file = temporary_rules("version 1\n\ngate rules\nallow  from any\n");
	struct diag *d = new_diag();
	struct generation *same = load(SITES), *other = load_rules(file, d);
	struct generation *defaults = load(NULL);

	assert_non_null(other);
	assert_string_equal(same->name, g->name);
	assert_string_not_equal(other->name, g->name);
	assert_string_not_equal(defaults->name, g->name);
	assert_string_not_equal(defaults->name, other->name);
	generation_destroy(defaults);
	generation_destroy(other);
	generation_destroy(same);
	diag_destroy(d);
	(void)unlink(file);
	free(file);
}

static void a_failing_expectation_refuses_the_generation(void **state)
{
	char *file =
		temporary_rules("version 1\n\ngate rules\nallow  from any\n\n"
				"expect deny  user 10.1.2.3 -> make.powerapps.com:443\n");
	struct diag *d = new_diag();

	(void)state;
	assert_null(load_rules(file, d));
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	diag_destroy(d);
	(void)unlink(file);
	free(file);
}

static void what_cannot_be_read_is_an_error(void **state)
{
	static const char *const no_rules[] = {"tests/unit/engine/none.rules"};
	static const struct generation_cfg rows[] = {
		{.config = "tests/unit/engine/none.conf", .share = "."},
		{.config = SITES, .share = "tests/unit/engine"},
		{.config = SITES, .share = ".", .rules = no_rules, .rule_count = 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag *d = new_diag();

		assert_null(generation_load(&rows[i], d));
		assert_true(diag_count(d, DIAG_ERROR) > 0);
		diag_destroy(d);
	}
	generation_destroy(NULL);
}

/* ---- where ends lie ---------------------------------------------------------------------------- */

struct locate_row {
	const char *client, *server;
	enum direction direction;
	bool client_inside, known;
	const char *inside, *peer;
	const char *site, *source; /* NULL = none */
	enum role role;
};

static void assert_word(struct word_list list, uint16_t number, const char *want)
{
	if (want == NULL) {
		assert_int_equal(number, ID_NONE);
	} else {
		assert_true(number < list.count);
		assert_string_equal(list.words[number], want);
	}
}

static void ends_are_located(void **state)
{
	static const struct locate_row rows[] = {
		{"10.1.2.3", "40.99.1.1", DIRECTION_OUTBOUND, true, true, "10.1.2.3",
		 "40.99.1.1", "north", NULL, ROLE_USER},
		{"10.2.255.255", "40.99.1.1", DIRECTION_OUTBOUND, true, true,
		 "10.2.255.255", "40.99.1.1", "south", NULL, ROLE_USER},
		{"2001:db8:1::7", "2603:1020::1", DIRECTION_OUTBOUND, true, true,
		 "2001:db8:1::7", "2603:1020::1", "north", NULL, ROLE_USER},
		{"40.99.1.1", "10.1.2.3", DIRECTION_INBOUND, false, true, "10.1.2.3",
		 "40.99.1.1", "north", NULL, ROLE_USER},
		{"10.1.8.21", "40.99.1.1", DIRECTION_OUTBOUND, true, true, "10.1.8.21",
		 "40.99.1.1", "north", "dgw", ROLE_GATEWAY},
		{"10.2.9.15", "40.99.1.1", DIRECTION_OUTBOUND, true, true, "10.2.9.15",
		 "40.99.1.1", "south", "robots", ROLE_DESKTOP},
		{"10.2.9.16", "40.99.1.1", DIRECTION_OUTBOUND, true, true, "10.2.9.16",
		 "40.99.1.1", "south", NULL, ROLE_USER},
		{"40.99.1.1", "10.1.8.21", DIRECTION_INBOUND, false, true, "10.1.8.21",
		 "40.99.1.1", "north", "dgw", ROLE_GATEWAY},
		/* Both inside: the client is the one who is asked about. */
		{"10.1.2.3", "10.1.8.21", DIRECTION_INTERNAL, true, true, "10.1.2.3",
		 "10.1.8.21", "north", NULL, ROLE_USER},
		{"10.1.8.21", "10.2.2.3", DIRECTION_INTERNAL, true, true, "10.1.8.21",
		 "10.2.2.3", "north", "dgw", ROLE_GATEWAY},
		/* Neither: the client again, and nothing is known of it. */
		{"192.0.2.1", "40.99.1.1", DIRECTION_UNKNOWN, true, false, "192.0.2.1",
		 "40.99.1.1", NULL, NULL, ROLE_USER},
		{"40.99.1.1", "192.0.2.1", DIRECTION_UNKNOWN, true, false, "40.99.1.1",
		 "192.0.2.1", NULL, NULL, ROLE_USER},
		/* A resolver that a site names is inside only by its address. */
		{"9.9.9.9", "40.99.1.1", DIRECTION_UNKNOWN, true, false, "9.9.9.9",
		 "40.99.1.1", NULL, NULL, ROLE_USER},
	};
	const struct generation *g = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct locate_row *r = &rows[i];
		struct addr client = address(r->client), server = address(r->server);
		struct whereabouts w;

		generation_locate(g, &client, &server, &w);
		assert_int_equal(w.direction, r->direction);
		assert_int_equal(w.client_inside, r->client_inside);
		assert_int_equal(w.known, r->known);
		assert_address(&w.inside, r->inside);
		assert_address(&w.peer, r->peer);
		assert_word(g->vocabulary.sites, w.site, r->site);
		assert_word(g->vocabulary.sources, w.source, r->source);
		assert_int_equal(w.role, r->role);
	}
}

struct pair_row {
	const char *a, *b, *want;
};

/* Either way round: a worker must see both directions of a connection. */
static void assert_anchors(const struct generation *g, const struct pair_row *rows,
			   size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct addr a = address(rows[i].a), b = address(rows[i].b);
		struct addr there = generation_anchor(g, &a, &b);
		struct addr back = generation_anchor(g, &b, &a);

		assert_address(&there, rows[i].want);
		assert_address(&back, rows[i].want);
	}
}

static void connections_are_anchored_at_their_inside_machine(void **state)
{
	static const struct pair_row rows[] = {
		{"10.1.2.3", "40.99.1.1", "10.1.2.3"},
		{"10.1.2.3", "1.1.1.1", "10.1.2.3"},
		{"10.1.2.3", "223.255.255.1", "10.1.2.3"},
		{"2001:db8:1::7", "2603:1020::1", "2001:db8:1::7"},
		/* A resolver counts as the other end of its clients, wherever it stands. */
		{"10.1.2.3", "10.1.0.53", "10.1.2.3"},
		{"10.1.0.3", "10.1.0.53", "10.1.0.3"},
		{"10.1.2.3", "9.9.9.9", "10.1.2.3"},
		{"10.1.2.3", "10.2.0.53", "10.1.2.3"},
		{"10.2.2.3", "10.1.0.53", "10.2.2.3"},
		/* ... but asks others for itself. */
		{"10.1.0.53", "192.0.2.53", "10.1.0.53"},
		{"10.1.0.53", "9.9.9.9", "10.1.0.53"},
		/* Two of a kind: the lower address. */
		{"10.1.0.53", "10.2.0.53", "10.1.0.53"},
		{"10.1.2.3", "10.1.8.21", "10.1.2.3"},
		{"10.2.2.3", "10.1.8.21", "10.1.8.21"},
		{"192.0.2.1", "40.99.1.1", "40.99.1.1"},
		/* Neither inside, one a resolver that a site names. */
		{"192.0.2.1", "9.9.9.9", "192.0.2.1"},
	};

	assert_anchors(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void without_named_resolvers_the_lower_inside_end_is_the_anchor(void **state)
{
	static const struct pair_row rows[] = {
		{"10.1.2.3", "40.99.1.1", "10.1.2.3"},
		{"192.168.1.50", "192.168.1.1", "192.168.1.1"},
		{"fd00::5", "2603:1020::1", "fd00::5"},
		{"192.0.2.1", "40.99.1.1", "40.99.1.1"},
	};

	assert_anchors(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

/* The property behind the tables, over all pairs of a mixed set of addresses. */
static void every_pair_has_one_anchor_and_it_is_one_of_both(void **state)
{
	static const char *const texts[] = {
		"10.1.2.3",        "10.1.0.53",  "10.2.0.53",
		"10.2.9.3",        "10.1.8.21",  "9.9.9.9",
		"40.99.1.1",       "192.0.2.1",  "0.0.0.0",
		"255.255.255.255", "2001:db8::", "2001:db8:1::1",
		"2603:1020::1",    "::",         "ff02::1",
	};
	const struct generation *g = *state;
	size_t n = sizeof(texts) / sizeof(texts[0]);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			struct addr a = address(texts[i]), b = address(texts[k]);
			struct addr there = generation_anchor(g, &a, &b);
			struct addr back = generation_anchor(g, &b, &a);

			assert_true(addr_equal(&there, &back));
			assert_true(addr_equal(&there, &a) || addr_equal(&there, &b));
		}
}

static void only_named_resolvers_count(void **state)
{
	const struct generation *g = *state;
	struct addr north = address("10.1.0.53"), outside = address("9.9.9.9");
	struct addr south = address("10.2.0.53"), other = address("10.1.0.54");

	assert_true(generation_is_resolver(g, &north));
	assert_true(generation_is_resolver(g, &outside));
	assert_true(generation_is_resolver(g, &south));
	assert_false(generation_is_resolver(g, &other));
}

static void any_resolver_counts_when_none_is_named(void **state)
{
	struct addr a = address("192.0.2.53");

	assert_true(generation_is_resolver(*state, &a));
}

/* ---- describing ----------------------------------------------------------------------------------- */

struct describe_row {
	const char *inside, *peer, *host, *at;
	const char *service; /* NULL = not in the catalogue */
	const char *egress;  /* NULL = unknown */
	enum known in_hours, country_expected;
	bool in_scope;
};

static void a_connection_is_described(void **state)
{
	/* 2026-11-23 is a Monday; 4.210.128.200 is in AzureCloud.westeurope: NL. */
	static const struct describe_row rows[] = {
		{"10.1.2.3", "4.210.128.200", "contoso.crm4.dynamics.com",
		 "2026-11-23T08:00:00Z", "dataverse", "198.51.100.10", KNOWN_YES,
		 KNOWN_YES, true},
		{"10.1.2.3", "4.210.128.200", "contoso.crm4.dynamics.com",
		 "2026-11-23T05:59:59Z", "dataverse", "198.51.100.10", KNOWN_NO,
		 KNOWN_YES, true},
		{"10.1.2.3", "4.210.128.200", "contoso.crm4.dynamics.com",
		 "2026-11-22T08:00:00Z", "dataverse", "198.51.100.10", KNOWN_NO,
		 KNOWN_YES, true},
		/* A host of another region than its address: not what is expected. */
		{"10.1.2.3", "4.210.128.200", "contoso.crm.dynamics.com",
		 "2026-11-23T08:00:00Z", "dataverse", "198.51.100.10", KNOWN_YES,
		 KNOWN_NO, true},
		/* No country database: the country of other addresses is unknown. */
		{"10.1.2.3", "192.0.2.1", "www.example.net", "2026-11-23T08:00:00Z", NULL,
		 "198.51.100.10", KNOWN_YES, KNOWN_UNKNOWN, false},
		/* No hours, no countries, two egress addresses: nothing follows. */
		{"10.2.2.3", "4.210.128.200", "contoso.crm4.dynamics.com",
		 "2026-11-23T08:00:00Z", "dataverse", NULL, KNOWN_UNKNOWN, KNOWN_UNKNOWN,
		 true},
		/* A machine with a role is in scope whatever it talks to. */
		{"10.1.8.21", "192.0.2.1", "www.example.net", "2026-11-23T08:00:00Z",
		 NULL, "198.51.100.10", KNOWN_YES, KNOWN_UNKNOWN, true},
		{"192.0.2.9", "4.210.128.200", "www.example.net", "2026-11-23T08:00:00Z",
		 NULL, NULL, KNOWN_UNKNOWN, KNOWN_UNKNOWN, false},
	};
	struct generation *g = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct describe_row *r = &rows[i];
		struct subject s = {.host = str_of(r->host), .source = ID_NONE};
		struct addr none = {{0}};
		struct service svc;
		struct place place;

		s.inside = address(r->inside);
		s.peer = address(r->peer);
		assert_true(clock_parse_rfc3339(r->at, strlen(r->at), &s.time_us));
		generation_describe_cb(g, &s, &svc, &place);
		assert_ptr_equal(s.service, &svc);
		assert_ptr_equal(s.place, &place);
		assert_word(g->vocabulary.services, svc.service, r->service);
		if (r->egress != NULL)
			assert_address(&s.egress, r->egress);
		else
			assert_true(addr_equal(&s.egress, &none));
		assert_int_equal(s.in_hours, r->in_hours);
		assert_int_equal(s.country_expected, r->country_expected);
		assert_int_equal(s.in_scope, r->in_scope);
	}
}

int main(void)
{
	const struct CMUnitTest sites[] = {
		cmocka_unit_test(expectations_run_and_are_counted),
		cmocka_unit_test(the_name_follows_what_was_read),
		cmocka_unit_test(a_failing_expectation_refuses_the_generation),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
		cmocka_unit_test(ends_are_located),
		cmocka_unit_test(connections_are_anchored_at_their_inside_machine),
		cmocka_unit_test(every_pair_has_one_anchor_and_it_is_one_of_both),
		cmocka_unit_test(only_named_resolvers_count),
		cmocka_unit_test(a_connection_is_described),
	};
	const struct CMUnitTest defaults[] = {
		cmocka_unit_test(
			without_named_resolvers_the_lower_inside_end_is_the_anchor),
		cmocka_unit_test(every_pair_has_one_anchor_and_it_is_one_of_both),
		cmocka_unit_test(any_resolver_counts_when_none_is_named),
	};
	int failed = cmocka_run_group_tests_name("engine/generation", sites, load_sites,
						 unload);

	return failed +
	       cmocka_run_group_tests_name("engine/generation, built-in defaults",
					   defaults, load_defaults, unload);
}
