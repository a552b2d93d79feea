/* SPDX-License-Identifier: Apache-2.0 */
#include "report/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/generation.h"

#define SITES "tests/unit/engine/sites.conf"

/* The rules of sites.conf by number: the deny stands in line 4. */
#define DENY_RULE 1

struct fixture {
	struct generation *g;
	struct summary *s;
	char *text;
};

static int set_up(void **state)
{
	struct generation_cfg cfg = {.config = SITES, .share = "."};
	struct fixture *x = calloc(1, sizeof(*x));
	struct diag *d = diag_create();
	struct summary_cfg sc;

	assert_non_null(x);
	assert_non_null(d);
	x->g = generation_load(&cfg, d);
	assert_non_null(x->g);
	diag_destroy(d);
	sc = (struct summary_cfg){.policy = x->g->policy,
				  .vocabulary = &x->g->vocabulary};
	x->s = summary_create(&sc);
	assert_non_null(x->s);
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;

	free(x->text);
	summary_destroy(x->s);
	generation_destroy(x->g);
	free(x);
	return 0;
}

static uint16_t service(const struct fixture *x, const char *word)
{
	const struct word_list *list = &x->g->vocabulary.services;

	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->words[i], word) == 0)
			return (uint16_t)i;
	fail_msg("no service %s", word);
	return ID_NONE;
}

/* The start event of an allowed TLS connection of a user, with its own name. */
static struct event_digest start_of(uint16_t id, const char *host)
{
	return (struct event_digest){
		.type = EVENT_FLOW,
		.phase = PHASE_START,
		.protocol = PROTOCOL_TLS,
		.evidence = EVIDENCE_SNI,
		.role = ROLE_USER,
		.has_role = true,
		.judged = true,
		.verdict = VERDICT_ALLOW,
		.would = VERDICT_NONE,
		.gate = GATE_COUNT,
		.would_gate = GATE_COUNT,
		.service = id,
		.site = ID_NONE,
		.source = ID_NONE,
		.host = str_of(host),
		.word = str_of(host),
	};
}

static void add(struct fixture *x, struct event_digest d, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		summary_add(x->s, &d);
}

static const char *const one_capture[] = {"noon.pcap"};

static struct summary_frame plain_frame(void)
{
	return (struct summary_frame){.captures = one_capture,
				      .capture_count = 1,
				      .generation = "0123456789abcdef",
				      .frames = 1234567,
				      .bytes = 999,
				      .malformed = 1000,
				      .first_us = 1763884800000000, /* Sun 08:00 UTC */
				      .last_us = 1763884861000000,
				      .ledger = "./led"};
}

static const char *print(struct fixture *x, const struct summary_frame *f, bool json)
{
	size_t len = 0;
	FILE *out;

	free(x->text);
	x->text = NULL;
	out = open_memstream(&x->text, &len);
	assert_non_null(out);
	if (json)
		summary_print_json(x->s, f, out);
	else
		summary_print(x->s, f, out);
	assert_int_equal(fclose(out), 0);
	return x->text;
}

/* Print and look for `want`. */
static void assert_prints(struct fixture *x, const char *want)
{
	struct summary_frame f = plain_frame();
	const char *text = print(x, &f, false);

	if (strstr(text, want) == NULL)
		fail_msg("no \"%s\" in:\n%s", want, text);
}

static void assert_prints_json(struct fixture *x, const char *want)
{
	struct summary_frame f = plain_frame();
	const char *text = print(x, &f, true);

	if (strstr(text, want) == NULL)
		fail_msg("no %s in:\n%s", want, text);
}

/* ---- what stands on top ------------------------------------------------------------------------ */

static void the_run_is_told(void **state)
{
	struct fixture *x = *state;

	assert_prints(
		x, "captures     noon.pcap\n"
		   "             1,234,567 packets, 999 bytes, 1,000 malformed\n"
		   "             Sun 2025-11-23 08:00 - Sun 2025-11-23 08:01 (UTC); all "
		   "times come from the packets\n");
	assert_prints(
		x, "policy       generation 0123456789abcdef, mode replay: nothing was "
		   "blocked");
	assert_prints(x, "ledger       ./led\n");
}

static void times_are_those_of_the_site(void **state)
{
	struct fixture *x = *state;
	struct summary_frame f = plain_frame();

	f.zone = x->g->config->sites[0].zone;
	assert_non_null(
		strstr(print(x, &f, false),
		       "Sun 2025-11-23 09:00 - Sun 2025-11-23 09:01 (Europe/Berlin)"));
}

static void a_run_without_frames_has_no_times(void **state)
{
	struct fixture *x = *state;
	struct summary_frame f = {.captures = one_capture,
				  .capture_count = 1,
				  .generation = "0",
				  .first_us = 1,
				  .damaged = 1};
	const char *text = print(x, &f, false);

	assert_non_null(strstr(text,
			       "0 packets, 0 bytes, 0 malformed, 1 captures not read to "
			       "their end\npolicy"));
	assert_null(strstr(text, "1970"));
	assert_null(strstr(text, "ledger"));
}

static void of_many_captures_three_are_named(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	struct fixture *x = *state;
	struct summary_frame f = plain_frame();

	f.captures = names;
	f.capture_count = 5;
	assert_non_null(strstr(print(x, &f, false), "captures     a, b, c and 2 more\n"));
}

/* ---- counting ------------------------------------------------------------------------------------ */

static void flows_are_counted_at_their_end(void **state)
{
	struct fixture *x = *state;
	struct event_digest end = start_of(service(x, "graph"), "graph.microsoft.com");
	struct event_digest dns = end, never = end;

	end.phase = PHASE_END;
	dns.phase = PHASE_END;
	dns.protocol = PROTOCOL_DNS;
	never.phase = PHASE_END;
	never.judged = false;
	add(x, end, 3);
	add(x, dns, 4);
	add(x, never, 2);
	assert_prints(x,
		      "seen         9 flows: 4 DNS, 0 connections judged, 2 ended before "
		      "their client said anything\n");
}

static void rows_stand_by_number_of_connections(void **state)
{
	struct fixture *x = *state;
	const char *first, *second, *third, *text;
	struct summary_frame f = plain_frame();

	add(x, start_of(service(x, "graph"), "graph.microsoft.com"), 2);
	add(x, start_of(service(x, "smtp"), "smtp.office365.com"), 3);
	add(x, start_of(ID_NONE, "www.example.net"), 1);
	text = print(x, &f, false);
	first = strstr(text, "\n  smtp                              3      3");
	second = strstr(text, "\n  graph                             2      2");
	third = strstr(text, "\n  (other hosts)                     1      1");
	assert_non_null(first);
	assert_non_null(second);
	assert_non_null(third);
	assert_true(first < second && second < third);
	assert_non_null(
		strstr(text, "\n  total                             6      6     0"));
	assert_prints(x, "6 connections judged");
	assert_prints(x, "user 3");
}

static void where_names_come_from_is_counted(void **state)
{
	struct fixture *x = *state;
	struct event_digest own = start_of(ID_NONE, "a.example");
	struct event_digest quic = own, dns = own, none = start_of(ID_NONE, NULL);

	quic.protocol = PROTOCOL_QUIC;
	dns.evidence = EVIDENCE_DNS;
	none.evidence = EVIDENCE_ADDRESS;
	add(x, own, 5);
	add(x, quic, 2);
	add(x, dns, 3);
	add(x, none, 4);
	assert_prints(
		x, "names        7 from the client's hello or request (2 QUIC), 3 from "
		   "DNS only, 4 without a name\n");
	assert_prints(x, "\n  (no name)                         4      4");
}

static void judged_dns_is_no_connection(void **state)
{
	struct fixture *x = *state;
	struct event_digest d = start_of(ID_NONE, NULL);

	d.protocol = PROTOCOL_DNS;
	d.verdict = VERDICT_DENY;
	add(x, d, 5);
	assert_prints(x, " 0 connections judged");
	assert_prints(x, "\n  total                             0      0     0");
}

static void denies_name_their_line(void **state)
{
	struct fixture *x = *state;
	struct event_digest d = start_of(service(x, "smtp"), "smtp.office365.com");

	d.verdict = VERDICT_DENY;
	d.gate = GATE_RULES;
	d.rule = DENY_RULE;
	add(x, d, 2);
	d.rule = RULE_NONE;
	add(x, d, 1);
	d.verdict = VERDICT_ALLOW;
	d.would = VERDICT_DENY;
	d.would_rule = DENY_RULE;
	add(x, d, 4);
	assert_prints(
		x,
		"why denied        1  no line (built in)\n"
		"                  2  tests/unit/engine/sites.rules:4    deny from role "
		"desktop to service smtp\n");
	assert_prints(x, "would deny        4  tests/unit/engine/sites.rules:4");
	assert_prints(x, "\n  smtp                              7      4     3     4");
	assert_prints_json(x, "\"denied\":[{\"count\":1},{\"rule\":\"tests/unit/engine/"
			      "sites.rules:4\",\"count\":2}]");
}

static void a_rule_number_out_of_range_is_not_counted(void **state)
{
	struct fixture *x = *state;
	struct event_digest d = start_of(ID_NONE, "a.example");

	d.verdict = VERDICT_DENY;
	d.would = VERDICT_DENY;
	d.rule = d.would_rule = policy_rule_count(x->g->policy) + 1;
	add(x, d, 1);
	assert_prints(x, " 1 connections judged");
}

static void undecidable_connections_are_told_by_reason(void **state)
{
	struct fixture *x = *state;
	struct event_digest d = start_of(ID_NONE, NULL);

	d.undecidable = UNDECIDABLE_NO_SNI;
	add(x, d, 2);
	d.undecidable = UNDECIDABLE_ECH_USED;
	add(x, d, 1);
	assert_prints(x, "cannot tell       2  no_sni\n                  1  ech_used\n");
	assert_prints_json(x, "\"undecidable\":{\"no_sni\":2,\"ech_used\":1}");
}

static void signals_tell_who_went_where(void **state)
{
	struct fixture *x = *state;
	struct event_digest d = {.type = EVENT_SIGNAL,
				 .signal = STR("off_hours"),
				 .source = ID_NONE,
				 .peer = STR("first.example")};

	add(x, d, 1);
	d.peer = STR("second.example");
	add(x, d, 2);
	d.signal = STR("unexpected_country");
	add(x, d, 1);
	assert_prints(x, "signals           3  off_hours\n"
			 "                     - 2x -> second.example\n"
			 "                     - 1x -> first.example\n"
			 "                  1  unexpected_country\n"
			 "                     - 1x -> second.example\n");
	assert_prints_json(x, "\"signals\":{\"off_hours\":3,\"unexpected_country\":1}");
}

/* ---- words of a row ------------------------------------------------------------------------------ */

static void the_two_most_frequent_words_are_named(void **state)
{
	struct fixture *x = *state;

	add(x, start_of(ID_NONE, "once.example"), 1);
	add(x, start_of(ID_NONE, "b.example"), 3);
	add(x, start_of(ID_NONE, "a.example"), 3);
	add(x, start_of(ID_NONE, "other.example"), 1);
	add(x, start_of(service(x, "graph"), "a.example"), 1);
	assert_prints(x, "a.example (3), b.example (3), 2 more\n");
	assert_prints(x, "a.example (1)\n");
}

static void a_connection_without_a_word_shows_its_protocol(void **state)
{
	struct fixture *x = *state;
	struct event_digest d = start_of(ID_NONE, NULL);

	add(x, d, 2);
	assert_prints(x, "tls (2)\n");
}

/* A scan of random names must neither grow the summary nor stop it from counting. */
static void words_beyond_the_limit_are_only_counted(void **state)
{
	struct fixture *x = *state;
	char host[32];

	for (unsigned i = 0; i < SUMMARY_WORDS_MAX + 1000; i++) {
		(void)snprintf(host, sizeof(host), "h%u.example", i);
		add(x, start_of(ID_NONE, host), 1);
	}
	add(x, start_of(ID_NONE, "h7.example"), 2);
	assert_prints(x, "h7.example (3), h0.example (1), 5094 more\n");
	assert_prints(x, " 5098 connections judged");
}

static void a_long_word_is_cut(void **state)
{
	struct fixture *x = *state;
	char host[251];

	memset(host, 'x', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	add(x, start_of(ID_NONE, host), 2);
	assert_prints(x, "xxxxxxx (2)\n");
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void json_has_every_number(void **state)
{
	struct fixture *x = *state;
	struct event_digest end = start_of(ID_NONE, "a.example");

	add(x, start_of(service(x, "graph"), "graph.microsoft.com"), 2);
	end.phase = PHASE_END;
	add(x, end, 1);
	assert_prints_json(
		x,
		"{\"generation\":\"0123456789abcdef\",\"frames\":1234567,"
		"\"bytes\":999,\"malformed\":1000,\"damaged\":0,\"flows\":1,"
		"\"dns\":0,\"connections\":2,\"dns_deny\":0,\"dns_would_deny\":0,\"never_judged\":0,"
		"\"names_own\":2,\"names_quic\":0,\"names_dns\":0,"
		"\"names_none\":0,\"allow\":2,\"deny\":0,\"would_deny\":0,"
		"\"services\":[{\"service\":\"graph\",\"connections\":2,"
		"\"allow\":2,\"deny\":0,\"would_deny\":0,\"undecidable\":0,"
		"\"roles\":{\"user\":2}}],\"denied\":[],\"would_denied\":[],"
		"\"undecidable\":{},\"connectors\":{},\"connector_shared\":0,"
		"\"signals\":{},\"ledger\":\"./led\"}\n");
}

/* Every row in use: more than the first buffer holds. */
static void json_grows_with_what_there_is_to_say(void **state)
{
	struct fixture *x = *state;
	size_t n = x->g->vocabulary.services.count;
	static char path[70000];
	struct summary_frame f = plain_frame();
	const char *text;

	for (size_t i = 0; i < n; i++)
		add(x, start_of((uint16_t)i, "a.example"), 1);
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	f.ledger = path;
	text = print(x, &f, true);
	assert_true(strlen(text) > sizeof(path));
	assert_string_equal(text + strlen(text) - 4, "p\"}\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_run_is_told),
		TEST(times_are_those_of_the_site),
		TEST(a_run_without_frames_has_no_times),
		TEST(of_many_captures_three_are_named),
		TEST(flows_are_counted_at_their_end),
		TEST(rows_stand_by_number_of_connections),
		TEST(where_names_come_from_is_counted),
		TEST(judged_dns_is_no_connection),
		TEST(denies_name_their_line),
		TEST(a_rule_number_out_of_range_is_not_counted),
		TEST(undecidable_connections_are_told_by_reason),
		TEST(signals_tell_who_went_where),
		TEST(the_two_most_frequent_words_are_named),
		TEST(a_connection_without_a_word_shows_its_protocol),
		TEST(words_beyond_the_limit_are_only_counted),
		TEST(a_long_word_is_cut),
		TEST(json_has_every_number),
		TEST(json_grows_with_what_there_is_to_say),
	};
#undef TEST

	return cmocka_run_group_tests_name("report/summary", tests, NULL, NULL);
}
