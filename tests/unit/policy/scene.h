/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_POLICY_SCENE_H
#define TESTS_POLICY_SCENE_H

/*
 * scene - one connection to ask a policy about, and the questions.
 *
 * Include after cmocka.h.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "policy/policy.h"

/* One connection, with room for what its subject points to. */
struct scene {
	struct subject s;
	struct service service;
	struct place place;
	struct connector_ref connectors[8];
};

static inline struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

/* A person's TLS connection to a name that the catalogue does not know. */
static inline void scene_init(struct scene *c)
{
	memset(c, 0, sizeof(*c));
	c->service.service = ID_NONE;
	c->service.connectors = c->connectors;
	c->s.inside = address("10.10.16.41");
	c->s.peer = address("198.51.100.7");
	c->s.server_port = 443;
	c->s.peer_port = 443;
	c->s.ip_proto = 6;
	c->s.direction = DIRECTION_OUTBOUND;
	c->s.role = ROLE_USER;
	c->s.site = SITE_MUNICH;
	c->s.source = ID_NONE;
	c->s.protocol = PROTOCOL_TLS;
	c->s.evidence = EVIDENCE_SNI;
	c->s.visibility = VISIBILITY_HOST;
	c->s.host = STR("api.example.com");
	c->s.service = &c->service;
	c->s.place = &c->place;
	c->s.in_hours = KNOWN_YES;
	c->s.country_expected = KNOWN_YES;
	c->s.time_us = FIXTURE_NOW_US;
	memcpy(c->place.country, "DE", 3);
}

static inline void no_name(struct scene *c, enum undecidable why)
{
	c->s.host = STR_NONE;
	c->s.evidence = EVIDENCE_ADDRESS;
	c->s.visibility = VISIBILITY_ADDRESS;
	c->s.undecidable = why;
}

static inline void first_packet(struct scene *c)
{
	no_name(c, UNDECIDABLE_NONE);
	c->s.name_pending = true;
	c->s.protocol = PROTOCOL_UNKNOWN;
}

static inline void add_connector(struct scene *c, enum fixture_connector id,
				 enum confidence confidence)
{
	c->connectors[c->service.connector_count++] =
		(struct connector_ref){(uint16_t)id, (uint8_t)confidence, 0};
}

static inline struct policy *load_text(const char *text, struct diag *d)
{
	char path[] = "/tmp/weir-test-decide-XXXXXX";
	const char *files[] = {path};
	struct policy_cfg cfg = {
		.files = files,
		.file_count = 1,
		.vocabulary = &fixture_vocabulary,
	};
	struct policy *p;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	p = policy_load(&cfg, d);
	assert_int_equal(unlink(path), 0);
	return p;
}

static inline struct policy *load(const char *text)
{
	struct diag *d = diag_create();
	struct policy *p = load_text(text, d);

	if (p == NULL)
		diag_print(d, stderr, false);
	diag_destroy(d);
	assert_non_null(p);
	return p;
}

/* Verdict, gate and line in one word: "deny own 3", "allow - 0". */
static inline void told(const struct policy *p, const struct decision *d, char ret[64])
{
	(void)snprintf(ret, 64, "%s %s %u", verdict_name(d->verdict),
		       d->gate < GATE_COUNT ? gate_name(d->gate) : "-",
		       (unsigned)policy_rule(p, d->rule).line);
}

static inline void check(const char *rules, const struct scene *c, const char *want)
{
	struct policy *p = load(rules);
	struct decision d;
	char got[64];

	policy_decide(p, &c->s, &d);
	told(p, &d, got);
	if (strcmp(got, want) != 0)
		print_error("rules:\n%s\nwant: %s, got: %s\n", rules, want, got);
	assert_string_equal(got, want);
	policy_destroy(p);
}

/* The answer of one gate, as "deny 3" or "undecidable shared_host". */
static inline void check_gate(const char *rules, const struct scene *c, enum gate g,
			      const char *want)
{
	struct policy *p = load(rules);
	struct decision d;
	char got[64];

	policy_decide(p, &c->s, &d);
	if (d.gates[g].answer == ANSWER_UNDECIDABLE)
		(void)snprintf(got, sizeof(got), "undecidable %s",
			       undecidable_name(d.gates[g].why));
	else
		(void)snprintf(got, sizeof(got), "%s %u", answer_name(d.gates[g].answer),
			       (unsigned)policy_rule(p, d.gates[g].rule).line);
	if (strcmp(got, want) != 0)
		print_error("rules:\n%s\nwant: %s, got: %s\n", rules, want, got);
	assert_string_equal(got, want);
	policy_destroy(p);
}

#endif /* TESTS_POLICY_SCENE_H */
