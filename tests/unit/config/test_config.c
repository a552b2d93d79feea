/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "config/schema.h"

static struct config *parse(const char *text, struct diag **ret)
{
	*ret = diag_create();
	assert_non_null(*ret);
	return config_parse("weir.conf", text, strlen(text), "share", *ret);
}

static char *printed(struct diag *d)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	diag_print(d, out, false);
	assert_int_equal(fclose(out), 0);
	diag_destroy(d);
	return text;
}

static void without_a_file_everything_has_a_default(void **state)
{
	static const char *const inside[] = {"10.0.0.0/8", "172.16.0.0/12",
					     "192.168.0.0/16", "100.64.0.0/10",
					     "fc00::/7"};
	struct diag *d = diag_create();
	struct config *c = config_load(NULL, "/usr/share/weir", d);
	char text[PREFIX_TEXT_MAX];

	(void)state;
	assert_non_null(c);
	assert_null(c->path);
	assert_int_equal(c->mode, MODE_MONITOR);
	assert_int_equal(c->rule_count, 0);
	assert_int_equal(c->source_count, 0);
	assert_int_equal(c->site_count, 1);
	assert_string_equal(c->sites[0].name, "default");
	assert_int_equal(c->sites[0].inside_count, 5);
	for (size_t i = 0; i < 5; i++) {
		(void)prefix_format(&c->sites[0].inside[i], text);
		assert_string_equal(text, inside[i]);
	}
	assert_null(c->sites[0].hours_text);
	assert_string_equal(c->catalog.services,
			    "/usr/share/weir/rules/catalog/services.tsv");
	assert_string_equal(c->catalog.connectors,
			    "/usr/share/weir/rules/catalog/connectors.tsv");
	assert_string_equal(c->catalog.regions, "/usr/share/weir/geo/regions.tsv");
	assert_int_equal(c->geo.tag_count, 3);
	assert_string_equal(c->geo.tags[0], "/usr/share/weir/geo/tags-public.tsv");
	assert_string_equal(c->geo.tags[2], "/usr/share/weir/geo/tags-china.tsv");
	assert_true(c->feeds.tags_shipped);
	assert_null(c->catalog.own);
	assert_null(c->geo.country);
	assert_int_equal(c->ledger.segment_bytes, 256 << 20);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	config_unload(c);
	diag_destroy(d);
	config_unload(NULL);
}

static void without_shipped_data_nothing_stands_for_it(void **state)
{
	struct diag *d = diag_create();
	struct config *c = config_load(NULL, NULL, d);

	(void)state;
	assert_non_null(c);
	assert_null(c->catalog.services);
	assert_null(c->geo.tags);
	config_destroy(c);
	diag_destroy(d);
}

static void a_file_that_cannot_be_read_is_said(void **state)
{
	static const char *const rows[][2] = {
		{"tests/config/none.conf", "tests/config/none.conf: error: cannot read"},
		{"tests/config", "tests/config: error: cannot read"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag *d = diag_create();
		char *text;

		assert_null(config_load(rows[i][0], NULL, d));
		text = printed(d);
		assert_memory_equal(text, rows[i][1], strlen(rows[i][1]));
		free(text);
	}
}

static void findings_outlive_the_configuration(void **state)
{
	struct diag *d;
	struct config *c = parse("detect = { };\n", &d);
	char *text;

	(void)state;
	assert_non_null(c);
	config_unload(c);
	text = printed(d);
	assert_non_null(strstr(text, "  1 | detect = { };\n    | ^^^^^^\n"));
	free(text);
}

static void errors_from_before_do_not_refuse_it(void **state)
{
	struct diag *d = diag_create();
	struct config *c;

	(void)state;
	diag_error(d, ((struct span){.file = "x"}), "before");
	c = config_parse("weir.conf", "sensor = \"a\";", 13, NULL, d);
	assert_non_null(c);
	config_unload(c);
	diag_destroy(d);
}

/* Text that passes: what libconfig accepts and people write. */
static void odd_but_sound_texts_load(void **state)
{
	static const char *const rows[] = {
		"sensor=\"a\"mode=\"monitor\"",
		"sensor : \"a\",\nmode : \"monitor\",",
		"SENSOR_ = 1",
		"rules = ();",
		"rules = [ ];",
		"sites = ();",
		"limits = { max_flows = +5000; };",
		"limits = { max_flows = 5000L };",
		"ledger = { };\r\nsensor = \"a\";\r\n",
		"\f\r\n\tsensor = \"a\"; // end",
		"#",
		"sensor = \"a\"; //",
		"sensor = \"\\x61\";",
	};
	/* Not sound: an unknown key, a sign and a suffix in numbers. */
	static const bool sound[] = {true,  true, false, true, true, true, false,
				     false, true, true,  true, true, true};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag *d;
		struct config *c = parse(rows[i], &d);

		if ((c != NULL) != sound[i])
			fail_msg("%s: %s", rows[i], printed(d));
		config_unload(c);
		diag_destroy(d);
	}
}

/* Each row is refused with this text somewhere in the messages. */
static void broken_texts_are_refused_at_their_place(void **state)
{
	static const char *const rows[][2] = {
		{"sensor", ":1:1: error: 'sensor' is not followed by '='"},
		{"sensor =", ":1:1: error: 'sensor' has no value"},
		{"= 1", ":1:1: error: the name of a setting is expected, not '='"},
		{"1a = 1", ":1:1: error: the name of a setting is expected, not '1a'"},
		{"sensor = \"a\" \"b\"",
		 ":1:14: error: '\"b\"' follows a complete setting"},
		{"sensor = \"a", ":1:10: error: the string is not closed on its line"},
		{"sensor = \"a\\", ":1:10: error: the string is not closed on its line"},
		{"sensor = \"a\nb\";",
		 ":1:10: error: the string is not closed on its line"},
		{"rules = [[1]];", ":1:10: error: an array [ ] holds only plain values"},
		{"rules = (1;2);", ":1:11: error: a comma is missing before ';'"},
		{"rules = (,1);", ":1:10: error: a value is expected, not ','"},
		{"rules = (", ":1:9: error: '(' is never closed"},
		{"x = {{}};", "error: the name of a setting is expected, not '{'"},
		{"sensor = \"\x01\";", "error: '\\x01' is no name"},
		{"\xef\xbb\xbfsensor = \"a\";", ":1:1: error: '\\xef' cannot stand here"},
		{"a = 1.2.3;", ":1:5: error: '1.2.3' stands without quotes"},
		{"a = 0x;", ":1:5: error: '0x' stands without quotes"},
		{"a = 5l;", ":1:5: error: '5l' stands without quotes"},
		{"a = 1e;", ":1:5: error: '1e' stands without quotes"},
		{"a = @b;", ":1:5: error: @include is not supported"},
		{"limits = { max_flows = 4294968296; };", "'4294968296' is out of range"},
		{"limits = { max_flows = 18446744073709551617; };", "is out of range"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag *d;
		char *text;

		assert_null(parse(rows[i][0], &d));
		text = printed(d);
		if (strstr(text, rows[i][1]) == NULL)
			fail_msg("%s\nwant %s\ngot %s", rows[i][0], rows[i][1], text);
		free(text);
	}
}

static void too_much_of_anything_is_refused(void **state)
{
	size_t size = 1 << 20;
	char *text = malloc(size + 1);
	struct diag *d;
	size_t n = 0;
	char *out;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < 300; i++)
		n += (size_t)snprintf(text + n, size - n, "k%u = 1; ", i);
	assert_null(parse(text, &d));
	free(printed(d));
	memset(text, '(', size);
	memcpy(text, "a = ", 4);
	text[size] = '\0';
	assert_null(parse(text, &d));
	free(printed(d));
	for (n = 5; n + 2 < size; n += 2)
		memcpy(text + n, "1,", 2);
	text[n] = '\0';
	assert_null(parse(text, &d));
	free(printed(d));
	n = (size_t)snprintf(text, size, "sites = ({}");
	for (unsigned i = 0; i < 1024; i++)
		n += (size_t)snprintf(text + n, size - n, ",{}");
	(void)snprintf(text + n, size - n, ");");
	assert_null(parse(text, &d));
	out = printed(d);
	assert_non_null(strstr(out, "more than 1024 sites"));
	free(out);
	free(text);
}

/* The defaults of the struct are those that --keys and the man page show. */
static void the_gateways_defaults_are_those_of_the_table(void **state)
{
	static const char *const groups[] = {"capture", "control", "limits", "dns"};
	char text[4096];
	size_t n = 0;
	struct diag *d;
	struct config *c, *none;

	(void)state;
	for (size_t g = 0; g < 4; g++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s = {\n", groups[g]);
		for (size_t i = 0; i < schema_count; i++) {
			const struct schema_row *r = &schema_rows[i];
			const char *key = schema_key_in(r, groups[g]);
			const bool bare =
				r->type == SCHEMA_COUNT || r->type == SCHEMA_FLAG;
			const char *quote = bare ? "" : "\"";

			if (key == NULL || r->normal[0] == '\0' ||
			    r->type == SCHEMA_FAILURE || r->type == SCHEMA_INTERFACES ||
			    r->type == SCHEMA_FOLDER ||
			    (g == 2 && strncmp(key, "hold_", 5) != 0))
				continue;
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "%s = %s%s%s;\n", key, quote, r->normal,
					      quote);
		}
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s};\n",
				      g == 0 ? "source = \"nfqueue\";\n"
					       "on_failure = \"open\";\n"
					     : "");
	}
	c = parse(text, &d);
	none = config_load(NULL, NULL, d);
	if (c == NULL || none == NULL) {
		fail_msg("%s\n%s", text, printed(d));
		return;
	}
	assert_int_equal(none->capture.source, CAPTURE_NONE);
	assert_int_equal(none->capture.on_failure, ON_FAILURE_NONE);
	assert_int_equal(none->capture.interface_count, 0);
	assert_int_equal(none->capture.adopt_us, c->capture.adopt_us);
	assert_int_equal(none->capture.watchdog_us, c->capture.watchdog_us);
	assert_int_equal(none->capture.queue, c->capture.queue);
	assert_int_equal(none->capture.mark_mask, c->capture.mark_mask);
	assert_int_equal(none->capture.min_ttl, c->capture.min_ttl);
	assert_string_equal(none->capture.user, c->capture.user);
	assert_string_equal(none->control.socket, c->control.socket);
	assert_string_equal(none->control.operators, c->control.operators);
	assert_string_equal(none->control.readers, c->control.readers);
	assert_false(none->ledger.dns_events);
	assert_int_equal(none->dns.keep, c->dns.keep);
	assert_int_equal(none->dns.save_us, c->dns.save_us);
	assert_null(none->dns.dir);
	assert_int_equal(none->limits.hold_flow, c->limits.hold_flow);
	assert_int_equal(none->limits.hold_source, c->limits.hold_source);
	assert_int_equal(none->limits.hold_total, c->limits.hold_total);
	assert_int_equal(none->limits.hold_time_us, c->limits.hold_time_us);
	config_unload(none);
	config_unload(c);
	diag_destroy(d);
}

static void masks_are_neighbouring_bits(void **state)
{
	static const struct {
		const char *text;
		uint32_t mask; /* 0 = refused */
	} rows[] = {
		{"0x0fff0000", 0x0fff0000},
		{"0xF", 0xf},
		{"0x780", 0x780},
		{"0xf0000000", 0xf0000000},
		{"0x7fffffff", 0x7fffffff},
		{"0x00000000ff", 0xff},
		{"0xffffffff", 0},
		{"0x1fffffffe", 0},
		{"0x0", 0},
		{"0x7", 0},
		{"0x70000", 0},
		{"0xf0f", 0},
		{"0x1e1", 0},
		{"0xffff0ff0", 0},
		{"268369920", 0},
		{"fff0", 0},
		{"0x", 0},
		{"0xff ", 0},
		{"0x0fffg", 0},
		{"0x-f", 0},
		{"0x+f", 0},
		{" 0xf0", 0},
		{"-0xf0", 0},
		{"", 0},
		{"0xfffffffffffffffff", 0},
		{"0xff00000000000000f0", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c;
		struct diag *d;
		char text[200], *out;

		(void)snprintf(text, sizeof(text),
			       "capture = { source = \"nfqueue\"; on_failure = \"open\"; "
			       "mark_mask = \"%s\"; };",
			       rows[i].text);
		c = parse(text, &d);
		if ((c != NULL) != (rows[i].mask != 0))
			fail_msg("'%s': %s", rows[i].text, printed(d));
		if (c != NULL)
			assert_int_equal(c->capture.mark_mask, rows[i].mask);
		config_unload(c);
		out = printed(d);
		if (c == NULL)
			assert_non_null(strstr(out, "is no mask: 4 to 31 neighbouring "
						    "bits in hexadecimal\n"));
		free(out);
	}
}

static void every_key_has_its_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < schema_count; i++) {
		const struct schema_row *r = &schema_rows[i];
		const char *dot = strrchr(r->path, '.');

		assert_non_null(r->normal);
		assert_true(strlen(r->meaning) > 0);
		assert_non_null(schema_type_name(r->type));
		if (dot != NULL) { /* its group has a row, and stands before it */
			char *parent = strndup(r->path, (size_t)(dot - r->path));
			const struct schema_row *p = schema_find("", str_of(parent));

			assert_non_null(p);
			assert_true(p < r);
			assert_ptr_equal(schema_find(parent, str_of(dot + 1)), r);
			free(parent);
		} else {
			assert_ptr_equal(schema_find("", str_of(r->path)), r);
		}
	}
}

static void the_man_page_has_every_key_and_no_other(void **state)
{
	char *page = NULL, line[128];
	size_t len = 0, keys = 0, lines = 0;

	(void)state;
	assert_int_equal(file_read("docs/man/weir.conf.5", 1 << 20, &page, &len), 0);
	for (size_t i = 0; i < schema_count; i++) {
		(void)snprintf(line, sizeof(line), "\n.It Ic %s\n", schema_rows[i].path);
		if (strstr(page, line) == NULL)
			fail_msg("docs/man/weir.conf.5 has no line '.It Ic %s'",
				 schema_rows[i].path);
		keys++;
	}
	for (const char *p = page; (p = strstr(p, "\n.It Ic ")) != NULL; p++)
		lines++;
	assert_int_equal(lines, keys);
	free(page);
}

static void keys_are_printed_with_default_and_meaning(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	config_print_keys(out);
	assert_int_equal(fclose(out), 0);
	for (size_t i = 0; i < schema_count; i++)
		assert_non_null(strstr(text, schema_rows[i].meaning));
	assert_non_null(strstr(text, "limits.max_flows\n    number, 1000 to 16000000; "
				     "default: 1000000\n    connections known at one "
				     "time\n"));
	assert_non_null(strstr(text, "sites.name\n    name; required\n"));
	assert_non_null(strstr(text, "(no effect in this version)"));
	free(text);
}

static void libconfig_says_its_version(void **state)
{
	(void)state;
	assert_memory_equal(config_library_version(), "1.", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_everything_has_a_default),
		cmocka_unit_test(without_shipped_data_nothing_stands_for_it),
		cmocka_unit_test(a_file_that_cannot_be_read_is_said),
		cmocka_unit_test(findings_outlive_the_configuration),
		cmocka_unit_test(errors_from_before_do_not_refuse_it),
		cmocka_unit_test(odd_but_sound_texts_load),
		cmocka_unit_test(broken_texts_are_refused_at_their_place),
		cmocka_unit_test(too_much_of_anything_is_refused),
		cmocka_unit_test(the_gateways_defaults_are_those_of_the_table),
		cmocka_unit_test(masks_are_neighbouring_bits),
		cmocka_unit_test(every_key_has_its_meaning),
		cmocka_unit_test(the_man_page_has_every_key_and_no_other),
		cmocka_unit_test(keys_are_printed_with_default_and_meaning),
		cmocka_unit_test(libconfig_says_its_version),
	};

	return cmocka_run_group_tests_name("config/config", tests, NULL, NULL);
}
