/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `expect` lines and explain: what a rule file says of itself, and what it is told.
 */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "match/calendar.h"
#include "match/zone.h"

/* Stands for the engine: munich works Monday to Friday, 10.10.9.31 is a robot. */
static void describe(void *arg, struct subject *s, struct service *svc,
		     struct place *place)
{
	static const uint8_t robot[4] = {10, 10, 9, 31};
	static const uint8_t china[4] = {203, 0, 113, 9};
	struct addr robots = addr_from_v4(robot), far = addr_from_v4(china);
	struct hours hours;
	const char *why;
	size_t at, len;

	s->site = SITE_MUNICH;
	s->zone = arg;
	if (addr_equal(&s->inside, &robots)) {
		s->role = ROLE_DESKTOP;
		s->source = SRC_ROBOTS;
	}
	svc->service = str_equal(s->host, STR("dns.example")) ? SVC_DOH : ID_NONE;
	s->in_scope = s->role != ROLE_USER;
	if (addr_equal(&s->peer, &far))
		memcpy(place->country, "CN", 3);
	assert_true(hours_parse(STR("mon-fri 07:00-19:00"), &hours, &at, &len, &why));
	s->in_hours =
		calendar_open(&hours, NULL, s->zone, s->time_us) ? KNOWN_YES : KNOWN_NO;
	s->country_expected = KNOWN_UNKNOWN;
}

static struct policy *load(const char *text, struct diag *d)
{
	char path[] = "/tmp/weir-test-expect-XXXXXX";
	const char *files[] = {path};
	struct policy_cfg cfg = {
		.files = files, .file_count = 1, .vocabulary = &fixture_vocabulary};
	struct policy *p;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	p = policy_load(&cfg, d);
	assert_int_equal(unlink(path), 0);
	assert_non_null(p);
	return p;
}

#define RULES                                    \
	"gate rules\n"                           \
	"deny to service doh label no-doh\n"     \
	"deny from role desktop outside hours\n" \
	"deny to country CN\n"                   \
	"deny proto udp\n"                       \
	"deny from user \"anna\"\n"              \
	"deny not from user \"bert\" port 99\n"  \
	"deny to 0.0.0.0/0 port 98\n"            \
	"gate default\n"                         \
	"deny in-scope\n"                        \
	"gate undecidable\n"                     \
	"deny no_sni\n"

struct expect_row {
	const char *line;
	const char *want; /* NULL = fulfilled; else the first words of the finding */
};

static void lines_are_run(void **state)
{
	static const struct expect_row rows[] = {
		{"deny user 10.1.2.3 -> dns.example:443", NULL},
		{"deny user 10.1.2.3 -> DNS.example.:443 gate rules label no-doh", NULL},
		{"allow user 10.1.2.3 -> x.example:443", NULL},
		{"allow user 10.1.2.3 -> dns.example:443",
		 "expected allow, but the answer is deny"},
		{"deny user 10.1.2.3 -> dns.example:443 gate default",
		 "deny is right, but gate rules decided, not default"},
		{"allow user 10.1.2.3 -> x.example:443 gate rules",
		 "allow is right, but gate none decided, not rules"},
		{"deny user 10.1.2.3 -> dns.example:443 label other",
		 "deny is right, but not by label other"},
		/* local time of the site: 06:59 and 07:00 in Berlin */
		{"deny robots 10.10.9.31 -> x.example:443 at \"Mon 06:59\" gate rules",
		 NULL},
		{"deny robots 10.10.9.31 -> x.example:443 at \"Mon 07:00\" gate default",
		 NULL},
		{"deny desktop 10.10.9.31 -> x.example:443 at \"Sat 12:00\" gate rules",
		 NULL},
		{"deny desktop 10.10.9.31 -> x.example:443 at 2026-11-23T05:59:59Z gate "
		 "rules",
		 NULL},
		{"deny desktop 10.10.9.31 -> x.example:443 at 2026-11-23T06:00:00Z gate "
		 "default",
		 NULL},
		{"deny user 10.10.9.31 -> x.example:443",
		 "the address has the role desktop, not user"},
		{"deny user 10.1.2.3 -> x.example:443 address 203.0.113.9", NULL},
		{"deny user 10.1.2.3 -> x.example:443 proto quic", NULL},
		{"deny user 10.1.2.3 -> x.example:53", NULL},
		{"allow user 10.1.2.3 -> x.example:53 proto tcp", NULL},
		{"deny user 10.1.2.3 -> 192.0.2.1:443 gate undecidable", NULL},
		{"allow user 10.1.2.3 -> 192.0.2.1:25", NULL},
		{"deny user 10.1.2.3 -> x.example:443 from user \"Anna\" gate rules",
		 NULL},
		{"allow user 10.1.2.3 -> x.example:443 from user \"bert\"", NULL},
		{"allow user 10.1.2.3 -> x.example:443 from user \"anna\"",
		 "expected allow, but the answer is deny"},
		/* nobody known: neither way */
		{"allow user 10.1.2.3 -> x.example:99", NULL},
		{"deny user 10.1.2.3 -> x.example:99 from user \"carl\"", NULL},
		/* without an address: one of the client's family */
		{"deny user 10.1.2.3 -> x.example:98", NULL},
		{"allow user 2001:db8::1 -> x.example:98", NULL},
	};
	struct zone *zone;

	(void)state;
	assert_int_equal(zone_load(NULL, "Europe/Berlin", &zone), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag *d = diag_create();
		char rules[1024], *text = NULL;
		struct policy *p;
		size_t len = 0;
		FILE *out;

		(void)snprintf(rules, sizeof(rules), RULES "expect %s\n", rows[i].line);
		p = load(rules, d);
		assert_int_equal(policy_expect(p, describe, zone, d), 1);
		policy_destroy(p);
		/* The finding outlives the policy, source line and all. */
		out = open_memstream(&text, &len);
		assert_non_null(out);
		diag_print(d, out, false);
		assert_int_equal(fclose(out), 0);
		if (rows[i].want == NULL && diag_count(d, DIAG_ERROR) != 0)
			print_error("%s\n%s", rows[i].line, text);
		assert_int_equal(diag_count(d, DIAG_ERROR), rows[i].want != NULL);
		if (rows[i].want != NULL) {
			assert_non_null(strstr(text, rows[i].want));
			assert_non_null(strstr(text, rows[i].line));
		}
		free(text);
		diag_destroy(d);
	}
	zone_destroy(zone);
}

/* Name of the temporary file out, so that the text can be compared. */
static char *explained(const char *rules, const struct subject *s)
{
	struct diag *d = diag_create();
	struct policy *p = load(rules, d);
	struct decision decision;
	char *text = NULL, *at;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	policy_decide(p, s, &decision);
	policy_explain(p, s, &decision, out);
	assert_int_equal(fclose(out), 0);
	policy_destroy(p);
	diag_destroy(d);
	while ((at = strstr(text, "/tmp/weir-test-expect-")) != NULL) {
		size_t name = strlen("/tmp/weir-test-expect-XXXXXX");

		at[0] = 'F';
		memmove(at + 1, at + name, strlen(at + name) + 1);
	}
	return text;
}

static void explain_names_lines_and_what_was_compared(void **state)
{
	static const char rules[] = "gate rules\n"
				    "deny   to service doh\n"
				    "alert  from any\n"
				    "deny   port { 25,   80 }\n"
				    "deny   to host \"a.example\"  report-only\n"
				    "gate default\n"
				    "deny   in-scope\n"
				    "allow  other  label rest\n";
	static const char want[] =
		"   gate          answer         line\n"
		" 0 exceptions    not_concerned  -\n"
		" 1 own           not_concerned  -\n"
		" 2 ip-firewall   not_concerned  -\n"
		" 3 connectors    not_concerned  -\n"
		" 4 endpoints     not_concerned  -\n"
		" 5 rules         not_concerned  -\n"
		"   report-only   deny           F:5  deny to host \"a.example\" "
		"report-only\n"
		"                                 F:2 does not match: the service is "
		"none of the catalogue's\n"
		"                                 F:4 does not match: the port is 443\n"
		">6 default       allow          F:8  allow other label rest\n"
		"                                 F:7 does not match: the traffic is not "
		"in scope\n"
		" 7 undecidable   not_asked      -\n"
		"   alert         rule_alert     F:3  alert from any\n"
		"\n"
		"allow, because F:8 says so (gate default)\n"
		"with report-only lines in force: deny, by F:5\n";
	struct service service = {.service = ID_NONE};
	struct place place = {.country = ""};
	struct subject s = {
		.server_port = 443,
		.ip_proto = 6,
		.source = ID_NONE,
		.protocol = PROTOCOL_TLS,
		.host = STR("a.example"),
		.service = &service,
		.place = &place,
	};
	char *text = explained(rules, &s);

	(void)state;
	assert_string_equal(text, want);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_run),
		cmocka_unit_test(explain_names_lines_and_what_was_compared),
	};

	return cmocka_run_group_tests_name("policy/expect", tests, NULL, NULL);
}
