/* SPDX-License-Identifier: Apache-2.0 */
#include "record/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "record/form.h"
#include "sample.h"

static struct recorded_flow f;

static bool read_text(const char *text, size_t *ret_errors)
{
	struct diag *d = diag_create();
	struct ledger_line line = {
		.file = "000001.jsonl", .line = 4, .text = str_of(text)};
	bool read;

	assert_non_null(d);
	read = record_read_flow(&line, d, &f);
	*ret_errors = diag_count(d, DIAG_ERROR);
	diag_destroy(d);
	return read;
}

static void assert_text(struct str got, struct str want)
{
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
}

static void test_what_was_written_is_read(void **state)
{
	static char text[FORM_HEAD_MAX + FORM_LINE_MAX];
	static const char head[] = "{\"v\":1,\"seq\":77,";
	struct sample s;
	size_t n, errors;

	(void)state;
	sample_fill(&s);
	memcpy(text, head, sizeof(head) - 1);
	n = form_flow(&s.flow, &s.origin, text + sizeof(head) - 1, FORM_LINE_MAX);
	assert_true(n > 0);
	text[sizeof(head) - 1 + n - 1] = '\0';
	assert_true(read_text(text, &errors));
	assert_int_equal(errors, 0);
	assert_true(f.seq == 77 && f.flow_id == s.flow.flow_id);
	assert_true(f.time_us == s.flow.time_us && f.phase == s.flow.phase);
	assert_true(addr_equal(&f.src, &s.flow.src) && addr_equal(&f.dst, &s.flow.dst) &&
		    addr_equal(&f.src_nat, &s.flow.src_nat));
	assert_true(f.src_port == s.flow.src_port && f.dst_port == s.flow.dst_port &&
		    f.src_nat_port == s.flow.src_nat_port);
	assert_true(f.ip_proto == s.flow.ip_proto && f.protocol == s.flow.protocol);
	assert_true(f.evidence == s.flow.evidence &&
		    f.corroboration == s.flow.corroboration &&
		    f.visibility == s.flow.visibility &&
		    f.undecidable == s.flow.undecidable && f.flags == s.flow.flags);
	assert_true(f.judged && f.verdict == s.decision.verdict &&
		    f.would == s.decision.would && f.gate == s.decision.gate &&
		    f.reason == s.decision.reason && f.effect == s.flow.effect);
	assert_true(f.has_role && f.role == s.flow.role && f.in_scope && !f.cut);
	assert_text(f.generation, s.origin.generation);
	assert_text(f.host, s.flow.host);
	assert_text(f.sni, s.flow.sni);
	assert_text(f.url, s.flow.url);
	assert_text(f.database, s.flow.database);
	assert_text(f.ja4, s.flow.ja4);
	assert_text(f.principal, s.flow.principal);
	assert_text(f.community_id, s.flow.community_id);
	assert_text(f.service, STR("dataverse"));
}

static void test_other_lines_are_no_flows(void **state)
{
	static const char *const lines[] = {
		"",
		"{}",
		"{\"type\":\"dns\"}",
		"{\"type\":\"dns\",\"host\":\"\\\"type\\\":\\\"flow\\\"\"}",
		"{\"type\":\"dns\",\"detail\":{\"type\":\"flow\"}}",
	};
	size_t errors;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_false(read_text(lines[i], &errors));
		assert_int_equal(errors, 0);
	}
}

static void test_faults_are_findings(void **state)
{
	static const char *const faults[] = {
		"\"flow_id\":\"12\"",
		"\"flow_id\":\"0123456789abcdeg\"",
		"\"src_ip\":\"10.0.0.256\"",
		"\"src_port\":65536",
		"\"seq\":-1",
		"\"time\":\"yesterday\"",
		"\"transport\":\"ip-256\"",
		"\"verdict\":\"maybe\"",
		"\"gate\":\"garden\"",
		"\"flags\":[\"white\"]",
		"\"flags\":[[]]",
		"\"host\":\"\\x\"",
		"\"a\" 1",
	};
	char text[200];
	size_t errors;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"type\":\"flow\",%s}", faults[i]);
		assert_false(read_text(text, &errors));
		assert_int_equal(errors, 1);
	}
}

/* ---- the folder ---- */

static char folder[] = "/tmp/weir-read-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(file_put(path, text, strlen(text)), 0);
}

static void drop(const char *name)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}

static void test_segments_come_in_order(void **state)
{
	static const struct {
		const char *file;
		unsigned line;
		const char *text;
	} want[] = {
		{"000002.jsonl", 1, "a"},
		{"000002.jsonl", 2, "b"},
		{"000010.jsonl", 1, "c"},
		{"000011.jsonl", 1, ""},
	};
	struct diag *d = diag_create();
	struct ledger_reader *r;
	struct ledger_line line;

	(void)state;
	assert_non_null(d);
	assert_non_null(mkdtemp(folder));
	assert_null(ledger_reader_open(folder, d));
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	put("000010.jsonl", "c\n");
	put("000002.jsonl", "a\nb\n");
	put("000011.jsonl", "\ntorn");
	put("000003.torn", "x\n");
	r = ledger_reader_open(folder, d);
	assert_non_null(r);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(ledger_reader_next(r, &line));
		assert_string_equal(line.file, want[i].file);
		assert_int_equal(line.line, want[i].line);
		assert_text(line.text, str_of(want[i].text));
	}
	assert_false(ledger_reader_next(r, &line));
	ledger_reader_close(r);
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	diag_destroy(d);
	drop("000010.jsonl");
	drop("000002.jsonl");
	drop("000011.jsonl");
	drop("000003.torn");
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_written_is_read),
		cmocka_unit_test(test_other_lines_are_no_flows),
		cmocka_unit_test(test_faults_are_findings),
		cmocka_unit_test(test_segments_come_in_order),
	};

	return cmocka_run_group_tests_name("record/read", tests, NULL, NULL);
}
