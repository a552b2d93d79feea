/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - from files to a policy, and what the policy says of its lines.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "policy/policy.h"
#include "policy/program.h"

#define ARENA_BYTES ((size_t)1 << 30)

/*
 * Whoever is unknown to gate own is alerted by its header, so that the signal has a place in
 * the files: the header gets the number after those of all lines.
 */
static int number_own_header(struct policy *p)
{
	const struct gate_ast *own = &p->ast.gates[GATE_OWN];
	struct rule *r;

	if (own->count == 0)
		return 0;
	r = arena_alloc(p->arena, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	r->kind = RULE_KIND_GATE;
	r->gate = GATE_OWN;
	r->action = ACTION_ALERT;
	r->at = own->at;
	r->text = STR("gate own");
	r->number = ++p->program.rule_count;
	p->program.rules[r->number] = r;
	p->program.unknown_owner_rule = r->number;
	return 0;
}

static int load(struct policy *p, const struct policy_cfg *cfg, struct diag *d,
		size_t errors)
{
	int rc;

	p->arena = arena_create(ARENA_BYTES);
	if (p->arena == NULL)
		return -ENOMEM;
	ast_init(&p->ast, p->arena, cfg->vocabulary);
	rc = policy_parse(&p->ast, cfg, d);
	if (rc != 0 || diag_count(d, DIAG_ERROR) > errors)
		return rc;
	policy_check(&p->ast, cfg, d);
	rc = program_compile(&p->program, &p->ast, d);
	return rc != 0 ? rc : number_own_header(p);
}

struct policy *policy_load(const struct policy_cfg *cfg, struct diag *d)
{
	size_t errors = diag_count(d, DIAG_ERROR);
	struct policy *p = calloc(1, sizeof(*p));
	int rc = p == NULL ? -ENOMEM : load(p, cfg, d, errors);

	if (rc != 0)
		diag_error(d,
			   (struct span){.file = cfg->file_count > 0 ? cfg->files[0]
								     : "rules"},
			   "out of memory");
	/* Findings outlive the texts, which may go with the policy. */
	diag_forget_sources(d);
	if (rc == 0 && diag_count(d, DIAG_ERROR) == errors)
		return p;
	policy_destroy(p);
	return NULL;
}

void policy_destroy(struct policy *p)
{
	if (p == NULL)
		return;
	program_finish(&p->program);
	ast_finish(&p->ast);
	arena_destroy(p->arena);
	free(p);
}

uint32_t policy_rule_count(const struct policy *p)
{
	return p->program.rule_count;
}

static const struct rule *rule_at(const struct policy *p, uint32_t rule)
{
	return rule == RULE_NONE || rule > p->program.rule_count ? NULL
								 : p->program.rules[rule];
}

struct rule_place policy_rule(const struct policy *p, uint32_t rule)
{
	const struct rule *r = rule_at(p, rule);

	if (r == NULL)
		return (struct rule_place){.line = 0};
	return (struct rule_place){
		.file = str_of(r->at.file),
		.line = r->at.line,
		.label = r->label,
		.text = r->text,
	};
}

bool policy_rule_exception(const struct policy *p, uint32_t rule,
			   struct rule_exception *ret)
{
	const struct rule *r = rule_at(p, rule);

	if (r == NULL || r->gate != GATE_EXCEPTIONS)
		return false;
	*ret = (struct rule_exception){.owner = r->owner,
				       .reason = r->reason,
				       .ticket = r->ticket,
				       .expires_us = r->has_expires ? r->expires_us
								    : INT64_MAX};
	return true;
}

static void tell_origin(const struct provenance *from, struct rule_origin *ret)
{
	*ret = (struct rule_origin){
		.file = str_of(from->file),
		.source = from->source,
		.sha256 = from->sha256,
		.policy = from->policy,
		.title = from->title,
		.date = from->date,
	};
}

bool policy_rule_origin(const struct policy *p, uint32_t rule, struct rule_origin *ret)
{
	const struct rule *r = rule_at(p, rule);

	if (r == NULL || r->from == NULL)
		return false;
	tell_origin(r->from, ret);
	return true;
}

bool policy_origin(const struct policy *p, size_t i, struct rule_origin *ret)
{
	const struct provenance *from = p->ast.provenances;

	for (; from != NULL && i > 0; i--)
		from = from->next;
	if (from == NULL)
		return false;
	tell_origin(from, ret);
	return true;
}

bool policy_source(const struct policy *p, size_t i, struct policy_source *ret)
{
	const struct source *s = p->ast.sources;

	for (; s != NULL && i > 0; i--)
		s = s->next;
	if (s == NULL)
		return false;
	*ret = (struct policy_source){s->name, {s->text, s->len}};
	return true;
}

bool policy_environment(const struct policy *p, size_t i, struct policy_environment *ret)
{
	const struct environment *e = p->ast.environments;

	for (; e != NULL && i > 0; i--)
		e = e->next;
	if (e == NULL)
		return false;
	*ret = (struct policy_environment){
		.name = e->name,
		.guid = e->guid,
		.host = e->hosts == NULL ? STR_NONE : e->hosts->text,
	};
	return true;
}

static bool asks_unexpected(const struct condition *c)
{
	for (const struct item *it = c->items; it != NULL; it = it->next)
		if (it->field == FIELD_COUNTRY && it->id == COUNTRY_NOT_EXPECTED)
			return !c->negated;
	return false;
}

struct str policy_signal_name(const struct policy *p, uint32_t rule)
{
	const struct rule *r = rule_at(p, rule);

	if (r == NULL)
		return STR("rule_alert");
	if (r->kind == RULE_KIND_GATE)
		return STR("unknown_owner");
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		if (asks_unexpected(c))
			return STR("unexpected_country");
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		if (c->field == FIELD_HOURS && c->outside)
			return STR("off_hours");
	return STR("rule_alert");
}

uint32_t policy_rule_score(const struct policy *p, uint32_t rule)
{
	const struct rule *r = rule_at(p, rule);

	return r == NULL ? 0 : r->score;
}

bool policy_captures(const struct policy *p)
{
	return p->ast.captures;
}

bool policy_rule_captures(const struct policy *p, uint32_t rule)
{
	const struct rule *r = p->ast.captures ? rule_at(p, rule) : NULL;

	return r != NULL && r->capture;
}

bool policy_has_rules(const struct policy *p)
{
	return p->program.asks_name;
}

void policy_digest(const struct policy *p, uint8_t ret[32])
{
	struct digest d;

	digest_start(&d);
	for (const struct source *s = p->ast.sources; s != NULL; s = s->next) {
		uint64_t len = s->len; /* keeps "ab" + "c" and "a" + "bc" apart */

		for (int i = 0; i < 8; i++) {
			uint8_t byte = (uint8_t)(len >> (8 * i));

			digest_add(&d, &byte, 1);
		}
		digest_add(&d, s->text, s->len);
	}
	digest_end(&d, ret);
}
