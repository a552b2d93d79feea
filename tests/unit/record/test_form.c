/* SPDX-License-Identifier: Apache-2.0 */
#include "record/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "sample.h"

/*
 * Every line that these tests form stands in this file, which the schema's tests read too
 * (tests/tools/test_validate_events.py): what form writes is what docs/ promise.
 */
#define LINES "tests/unit/record/lines.jsonl"

struct state {
	char *wanted;
	const char *next; /* the line that is expected next */
	uint64_t seq;
	FILE *update; /* UPDATE_LINES is set: write instead of comparing */
};

static int open_lines(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	size_t len;

	if (s == NULL)
		return -1;
	s->seq = 1;
	/* Tests of one program run in one thread. */
	if (getenv("UPDATE_LINES") != NULL) // NOLINT(concurrency-mt-unsafe)
		s->update = fopen(LINES, "w");
	else if (file_read(LINES, 1 << 20, &s->wanted, &len) != 0)
		return -1;
	s->next = s->wanted;
	*state = s;
	return 0;
}

static int close_lines(void **state)
{
	struct state *s = *state;
	int rc = s->update != NULL ? fclose(s->update) : 0;

	free(s->wanted);
	free(s);
	return rc;
}

static void expect_line(void **state, const char *tail, size_t len)
{
	struct state *s = *state;
	char line[FORM_HEAD_MAX + FORM_LINE_MAX + 1];
	size_t n = form_head(s->seq, line);

	assert_true(len > 0);
	memcpy(line + n, tail, len);
	n += len;
	line[n] = '\0';
	s->seq++;
	if (s->update != NULL) {
		assert_int_equal(fwrite(line, 1, n, s->update), n);
		return;
	}
	if (strncmp(s->next, line, n) != 0)
		assert_string_equal(line, s->next);
	s->next += n;
}

static void expect_flow(void **state, const struct sample *s)
{
	char buf[FORM_LINE_MAX];

	expect_line(state, buf, form_flow(&s->flow, &s->origin, buf, sizeof(buf)));
}

static void a_flow_with_everything_known(void **state)
{
	struct sample s;

	sample_fill(&s);
	expect_flow(state, &s);
}

static void what_is_unknown_is_left_out(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.flow = (struct flow_event){.phase = PHASE_END,
				     .src = s.flow.src,
				     .dst = s.flow.dst,
				     .ip_proto = 47,
				     .end_reason = END_REASON_TIMEOUT};
	expect_flow(state, &s);
}

static void nothing_known_of_the_name_is_no_service(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.service = (struct service){.service = ID_NONE, .region = STR("?")};
	s.place = (struct place){.asn = 0};
	expect_flow(state, &s);
}

static void the_start_has_no_sums_and_an_update_no_end(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.flow.phase = PHASE_START;
	expect_flow(state, &s);
	s.flow.phase = PHASE_UPDATE;
	expect_flow(state, &s);
}

static void a_clock_that_goes_back_gives_no_negative_duration(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.flow.end_us = s.flow.start_us - 1;
	expect_flow(state, &s);
}

static void unjudged_flows_have_no_verdict(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.flow.judged = false;
	s.flow.flags = 0;
	expect_flow(state, &s);
}

static void would_verdict_stands_only_when_it_differs(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.decision.would = VERDICT_ALLOW;
	expect_flow(state, &s);
}

static void no_objection_names_neither_gate_nor_rule(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.decision.would = VERDICT_NONE;
	s.decision.gate = GATE_COUNT;
	s.decision.reason = VERDICT_REASON_NO_OBJECTION;
	s.flow.rule = (struct rule_place){.line = 0};
	expect_flow(state, &s);
}

static void why_a_gate_could_not_tell_is_told_when_the_name_is_known(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.decision.undecidable = UNDECIDABLE_SHARED_HOST;
	s.decision.reason = VERDICT_REASON_UNDECIDABLE;
	s.decision.gate = GATE_UNDECIDABLE;
	s.decision.gates[GATE_CONNECTORS].answer = ANSWER_UNDECIDABLE;
	expect_flow(state, &s);
	s.flow.undecidable = UNDECIDABLE_CONFLICT;
	expect_flow(state, &s);
}

static void versions_have_words_or_numbers(void **state)
{
	static const struct {
		uint16_t tls;
		uint32_t quic;
	} rows[] = {{0x0300, 0x6b3343cf},
		    {0x0301, 0xff00001d},
		    {0x0302, 0x0a0a0a0a},
		    {0x0303, 2},
		    {0x7f1c, 0xffffffff}};
	struct sample s;

	sample_fill(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s.flow.tls_offered = rows[i].tls;
		s.flow.quic_version = rows[i].quic;
		s.flow.protocol = PROTOCOL_QUIC;
		s.flow.ip_proto = 17;
		expect_flow(state, &s);
	}
}

static void hostile_texts_cannot_end_a_line(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.flow.sni = STR("a\n\"},{\x1b[2J\x00\xff\xc2\x9b\\");
	s.flow.url = STR("http://x/\r\n{\"v\":1}");
	s.flow.rule.file = STR("rules/\"odd\" name.rules");
	expect_flow(state, &s);
}

static void texts_are_cut_rather_than_an_event_lost(void **state)
{
	static char control[4096], wide[4097];
	static struct connector_ref many[300];
	struct sample s;

	sample_fill(&s);
	memset(control, 1, sizeof(control));
	for (size_t i = 0; i < sizeof(wide); i++)
		wide[i] = i % 2 == 0 ? '\xc3' : '\xa4';
	s.flow.url = (struct str){control, sizeof(control)};
	s.flow.endpoint = s.flow.url;
	s.flow.host = (struct str){wide + 1, sizeof(wide) - 1};
	s.flow.rule.file = s.flow.url;
	s.service.connectors = many;
	s.service.connector_count = 300;
	expect_flow(state, &s);
}

static void no_room_is_said(void **state)
{
	char buf[FORM_LINE_MAX];
	struct sample s;
	size_t need;

	(void)state;
	sample_fill(&s);
	need = form_flow(&s.flow, &s.origin, buf, sizeof(buf));
	assert_int_equal(form_flow(&s.flow, &s.origin, buf, need), need);
	assert_int_equal(form_flow(&s.flow, &s.origin, buf, need - 1), 0);
	assert_int_equal(form_flow(&s.flow, &s.origin, buf, 0), 0);
}

static void signals(void **state)
{
	char buf[FORM_LINE_MAX];
	struct sample s;
	struct signal_event e;

	sample_fill(&s);
	e = (struct signal_event){
		.time_us = s.flow.time_us,
		.signal = STR("off_hours"),
		.principal = s.flow.principal,
		.flow_id = s.flow.flow_id,
		.community_id = s.flow.community_id,
		.src = s.flow.src,
		.dst = s.flow.dst,
		.src_nat = s.flow.src_nat,
		.site = s.flow.site,
		.role = ROLE_DESKTOP,
		.has_role = true,
		.host = s.flow.host,
		.service_name = STR("dataverse"),
		.rule = s.flow.rule,
		.score = 20,
		.zone = STR("Europe/Berlin"),
		.local_time = STR("2026-11-22T03:11:16+01:00"),
		.hours = STR("mon-fri 07:00-19:00"),
	};
	expect_line(state, buf, form_signal(&e, &s.origin, buf, sizeof(buf)));
	e.signal = STR("unexpected_country");
	e.zone = e.local_time = e.hours = STR_NONE;
	e.country = STR("unknown");
	e.expected_countries = STR("DE,NL");
	e.country_source = STR("mmdb");
	expect_line(state, buf, form_signal(&e, &s.origin, buf, sizeof(buf)));
	e = (struct signal_event){.signal = STR("rule_alert")};
	expect_line(state, buf, form_signal(&e, &s.origin, buf, sizeof(buf)));
	e.undecidable = UNDECIDABLE_NO_SNI;
	expect_line(state, buf, form_signal(&e, &s.origin, buf, sizeof(buf)));
}

static void system_and_loss(void **state)
{
	static const struct event_counter counters[] = {{"packets", 0},
							{"bytes", UINT64_MAX}};
	struct event_origin o = {.sensor = STR("gw"), .mode = MODE_REPLAY};
	struct system_event e = {.what = "stop",
				 .message = STR("end of input"),
				 .counters = counters,
				 .counter_count = 2};
	struct loss_event l = {.what = "ring", .count = 3, .from_us = 1, .to_us = 2};
	char buf[FORM_LINE_MAX];

	expect_line(state, buf, form_system(&e, &o, buf, sizeof(buf)));
	e = (struct system_event){.what = "start"};
	expect_line(state, buf, form_system(&e, &o, buf, sizeof(buf)));
	expect_line(state, buf, form_loss(&l, &o, buf, sizeof(buf)));
}

static void the_translated_client_has_a_port_and_an_id_of_its_own(void **state)
{
	struct sample s;

	sample_fill(&s);
	s.flow.src_nat_port = 61001;
	s.flow.community_id_nat = STR("1:zjGM746aZkpYb2mVIlsgLrUG59k=");
	expect_flow(state, &s);
	/* The port is known from connection tracking only; without it neither stands. */
	s.flow.src_nat_port = 0;
	s.flow.community_id_nat = STR_NONE;
	s.flow.src_nat = (struct addr){{0}};
	expect_flow(state, &s);
}

static struct dns_event sample_dns(const struct sample *s)
{
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x35};

	return (struct dns_event){
		.time_us = s->flow.time_us,
		.flow_id = s->flow.flow_id,
		.community_id = s->flow.community_id,
		.src = s->flow.src,
		.dst = addr_from_v6(v6),
		.src_port = 40000,
		.dst_port = 53,
		.ip_proto = 17,
		.site = s->flow.site,
		.principal = s->flow.principal,
		.host = s->flow.host,
		.query_type = 1,
		.response_code = STR("noerror"),
		.answer_count = 2,
		.answers = {s->flow.dst, addr_from_v6(v6)},
	};
}

static void expect_dns(void **state, const struct sample *s, const struct dns_event *e)
{
	char buf[FORM_LINE_MAX];

	expect_line(state, buf, form_dns(e, &s->origin, buf, sizeof(buf)));
}

static void answers_of_resolvers(void **state)
{
	static const uint16_t types[] = {0,  2,  5,  6,  12, 15,  16,
					 28, 33, 64, 65, 99, 255, UINT16_MAX};
	struct sample s;
	struct dns_event e;

	sample_fill(&s);
	e = sample_dns(&s);
	expect_dns(state, &s, &e);
	e.answer_count = 0;
	e.response_code = STR("nxdomain");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		e.query_type = types[i];
		expect_dns(state, &s, &e);
	}
	/* What is not known is left out; DNS over TCP has its own word. */
	e = (struct dns_event){.host = STR("a.example"),
			       .src = s.flow.src,
			       .dst = s.flow.dst,
			       .ip_proto = 6};
	expect_dns(state, &s, &e);
}

static void answers_that_are_many_or_hostile(void **state)
{
	static char control[8192];
	struct sample s;
	struct dns_event e;

	sample_fill(&s);
	e = sample_dns(&s);
	for (size_t i = 0; i < DNS_EVENT_ANSWERS_MAX; i++)
		e.answers[i] = e.dst;
	e.answer_count = DNS_EVENT_ANSWERS_MAX;
	expect_dns(state, &s, &e);
	e.answer_count = SIZE_MAX; /* more than there is room for: the first ones */
	e.host = STR("\"},\n{\xff.example");
	expect_dns(state, &s, &e);
	memset(control, 2, sizeof(control));
	e.host = (struct str){control, sizeof(control)};
	e.answer_count = 1;
	expect_dns(state, &s, &e);
}

static void changes(void **state)
{
	static char control[8192];
	char buf[FORM_LINE_MAX];
	struct sample s;
	struct change_event e;

	sample_fill(&s);
	e = (struct change_event){
		.time_us = s.flow.time_us,
		.what = "reload",
		.who = STR("m.keller"),
		.why = STR("the \"partner\" upload\n"),
		.ticket = STR("CHG-4711"),
		.diff = STR("rules"),
		.old_generation = STR("3f9a12cd77aa0011"),
		.new_generation = STR("0011223344556677"),
	};
	expect_line(state, buf, form_change(&e, &s.origin, buf, sizeof(buf)));
	e = (struct change_event){
		.what = "mode", .who = STR("signal"), .diff = STR("monitor -> enforce")};
	expect_line(state, buf, form_change(&e, &s.origin, buf, sizeof(buf)));
	/* Long is no reason to cut; only what does not fit is. */
	memset(control, 'x', 600);
	e.why = (struct str){control, 600};
	expect_line(state, buf, form_change(&e, &s.origin, buf, sizeof(buf)));
	memset(control, 3, sizeof(control));
	e.why = e.who = e.ticket = e.diff = (struct str){control, sizeof(control)};
	expect_line(state, buf, form_change(&e, &s.origin, buf, sizeof(buf)));
}

static void rollups(void **state)
{
	static char control[8192];
	char buf[FORM_LINE_MAX] = "";
	struct sample s;
	struct rollup_event e;

	sample_fill(&s);
	e = (struct rollup_event){
		.time_us = s.flow.time_us,
		.principal = STR("10.10.9.31"),
		.site = STR("munich"),
		.host = STR("\"odd\".example"),
		.service = STR("sql"),
		.has_role = true,
		.role = ROLE_DESKTOP,
		.verdict = VERDICT_ALLOW,
		.would = VERDICT_DENY,
		.gate = GATE_OWN,
		.rule = s.flow.rule,
		.count = UINT64_MAX,
		.ends = 3,
		.bytes_out = 70000,
		.first_us = 1,
		.last_us = 2,
	};
	expect_line(state, buf, form_rollup(&e, &s.origin, buf, sizeof(buf)));
	assert_non_null(strstr(buf, "\"would_verdict\":\"deny\""));
	assert_non_null(strstr(buf, "\"count\":18446744073709551615,\"ends\":3"));
	assert_non_null(strstr(buf, "\"first\":\"1970-01-01T00:00:00.000001Z\""));
	memset(buf, 0, sizeof(buf)); /* the form writes no NUL */
	e = (struct rollup_event){.verdict = VERDICT_DENY, .ends = 1, .gate = GATE_COUNT};
	expect_line(state, buf, form_rollup(&e, &s.origin, buf, sizeof(buf)));
	assert_null(strstr(buf, "first"));
	assert_null(strstr(buf, "gate"));
	memset(control, 3, sizeof(control));
	e.host = e.principal = (struct str){control, sizeof(control)};
	expect_line(state, buf, form_rollup(&e, &s.origin, buf, sizeof(buf)));
}

static void no_room_is_said_of_dns_and_changes_too(void **state)
{
	char buf[FORM_LINE_MAX];
	struct sample s;
	struct dns_event d;
	struct change_event c = {.what = "mode", .who = STR("root")};
	size_t need;

	(void)state;
	sample_fill(&s);
	d = sample_dns(&s);
	need = form_dns(&d, &s.origin, buf, sizeof(buf));
	assert_int_equal(form_dns(&d, &s.origin, buf, need), need);
	assert_int_equal(form_dns(&d, &s.origin, buf, need - 1), 0);
	need = form_change(&c, &s.origin, buf, sizeof(buf));
	assert_int_equal(form_change(&c, &s.origin, buf, need), need);
	assert_int_equal(form_change(&c, &s.origin, buf, need - 1), 0);
}

static void the_file_of_lines_holds_no_more(void **state)
{
	const struct state *s = *state;

	if (s->update == NULL)
		assert_string_equal(s->next, "");
}

static void heads(void **state)
{
	static const struct {
		uint64_t seq;
		const char *want;
	} rows[] = {{1, "{\"v\":1,\"seq\":1,"},
		    {90, "{\"v\":1,\"seq\":90,"},
		    {UINT64_MAX, "{\"v\":1,\"seq\":18446744073709551615,"}};
	char buf[FORM_HEAD_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf[form_head(rows[i].seq, buf)] = '\0';
		assert_string_equal(buf, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_with_everything_known),
		cmocka_unit_test(what_is_unknown_is_left_out),
		cmocka_unit_test(nothing_known_of_the_name_is_no_service),
		cmocka_unit_test(the_start_has_no_sums_and_an_update_no_end),
		cmocka_unit_test(a_clock_that_goes_back_gives_no_negative_duration),
		cmocka_unit_test(unjudged_flows_have_no_verdict),
		cmocka_unit_test(would_verdict_stands_only_when_it_differs),
		cmocka_unit_test(no_objection_names_neither_gate_nor_rule),
		cmocka_unit_test(
			why_a_gate_could_not_tell_is_told_when_the_name_is_known),
		cmocka_unit_test(versions_have_words_or_numbers),
		cmocka_unit_test(hostile_texts_cannot_end_a_line),
		cmocka_unit_test(texts_are_cut_rather_than_an_event_lost),
		cmocka_unit_test(no_room_is_said),
		cmocka_unit_test(signals),
		cmocka_unit_test(system_and_loss),
		cmocka_unit_test(the_translated_client_has_a_port_and_an_id_of_its_own),
		cmocka_unit_test(answers_of_resolvers),
		cmocka_unit_test(answers_that_are_many_or_hostile),
		cmocka_unit_test(changes),
		cmocka_unit_test(rollups),
		cmocka_unit_test(no_room_is_said_of_dns_and_changes_too),
		cmocka_unit_test(the_file_of_lines_holds_no_more),
		cmocka_unit_test(heads),
	};

	return cmocka_run_group_tests_name("record/form", tests, open_lines, close_lines);
}
