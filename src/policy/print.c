/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print - the canonical form: macros expanded, tables and includes written out, conditions
 * and attributes in one order.  It parses to an equal policy and prints as itself.
 */
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/program.h"

#define WRAP        100  /* columns after which a long list goes on below */
#define TABLE_CHUNK 1000 /* entries of one table statement */

struct printer {
	FILE *out;
	size_t column;
};

static void put(struct printer *p, struct str s)
{
	(void)fwrite(s.p, 1, s.len, p->out);
	p->column += s.len;
}

static void puts_at(struct printer *p, const char *s)
{
	put(p, str_of(s));
}

static void end_line(struct printer *p)
{
	(void)fputc('\n', p->out);
	p->column = 0;
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) && s.p[i] != '-' &&
		    s.p[i] != '_')
			return false;
	return s.len > 0;
}

static void put_quoted(struct printer *p, struct str s)
{
	puts_at(p, "\"");
	put(p, s);
	puts_at(p, "\"");
}

/* A name: bare where the language allows it. */
static void put_name(struct printer *p, struct str s)
{
	if (is_plain(s))
		put(p, s);
	else
		put_quoted(p, s);
}

static bool is_quoted_field(enum field f)
{
	return f == FIELD_HOST || f == FIELD_USER;
}

static bool is_bare_field(enum field f)
{
	return f == FIELD_INSIDE || f == FIELD_PEER || f == FIELD_EGRESS ||
	       f == FIELD_PORT || f == FIELD_ASN;
}

static void put_item(struct printer *p, const struct item *it)
{
	if (it->table != NULL) {
		puts_at(p, "<");
		put(p, it->text);
		puts_at(p, ">");
	} else if (is_quoted_field(it->field)) {
		put_quoted(p, it->text);
	} else if (is_bare_field(it->field)) {
		put(p, it->text);
	} else {
		put_name(p, it->text);
	}
}

static void put_comma(struct printer *p)
{
	puts_at(p, ",");
	if (p->column > WRAP) {
		(void)fputs(" \\\n       ", p->out);
		p->column = 7;
	}
	puts_at(p, " ");
}

/* Items of one field: `X` or `{ X, Y }`; at most `max` of them. */
static void put_items(struct printer *p, const struct item *items, size_t max)
{
	bool many = items != NULL && items->next != NULL && max > 1;

	if (many)
		puts_at(p, "{ ");
	for (const struct item *it = items; it != NULL && max > 0; it = it->next, max--) {
		put_item(p, it);
		if (it->next != NULL && max > 1)
			put_comma(p);
	}
	if (many)
		puts_at(p, " }");
}

static bool is_mixed(const struct condition *c)
{
	for (const struct item *it = c->items; it != NULL; it = it->next)
		if (it->field != c->items->field)
			return true;
	return false;
}

static void put_word(struct printer *p, const char *word)
{
	if (word[0] == '\0')
		return;
	puts_at(p, word);
	puts_at(p, " ");
}

static void put_mixed(struct printer *p, const struct condition *c)
{
	puts_at(p, "{ ");
	for (const struct item *it = c->items; it != NULL; it = it->next) {
		put_word(p, field_word(it->field));
		put_item(p, it);
		if (it->next != NULL)
			put_comma(p);
	}
	puts_at(p, " }");
}

static void put_condition(struct printer *p, const struct condition *c)
{
	enum side side = field_side(c->field);

	puts_at(p, "  ");
	if (side == SIDE_FROM)
		puts_at(p, "from ");
	if (side == SIDE_TO)
		puts_at(p, "to ");
	if (c->negated)
		puts_at(p, "not ");
	if (c->field == FIELD_HOURS) {
		puts_at(p, c->outside ? "outside hours" : "inside hours");
	} else if (c->field == FIELD_DURING) {
		puts_at(p, "during ");
		put_quoted(p, c->schedule->text);
		if (c->schedule->zone != NULL) {
			puts_at(p, " zone ");
			put_quoted(p, c->schedule->zone_name);
		}
	} else if (is_mixed(c)) {
		put_mixed(p, c);
	} else {
		put_word(p, field_word(c->field));
		put_items(p, c->items, SIZE_MAX);
	}
}

static void put_skipped_list(struct printer *p, const struct item *it)
{
	bool plain = is_plain(it->text);

	puts_at(p, plain ? "" : "\"");
	puts_at(p, gate_name(it->id == CONNECTOR_ANY ? GATE_CONNECTORS : GATE_ENDPOINTS));
	puts_at(p, ":");
	put(p, it->text);
	puts_at(p, plain ? "" : "\"");
}

static void put_skip(struct printer *p, const struct rule *r)
{
	const uint32_t skip = r->skip;
	const struct item *lists = r->skip_lists;
	bool many = (skip & (skip - 1)) != 0 || (skip != 0 && lists != NULL) ||
		    (lists != NULL && lists->next != NULL);
	bool first = true;

	puts_at(p, many ? "  skip { " : "  skip ");
	for (unsigned g = 0; g < GATE_COUNT; g++)
		if ((skip >> g & 1) != 0) {
			puts_at(p, first ? "" : ", ");
			puts_at(p, gate_name((enum gate)g));
			first = false;
		}
	for (; lists != NULL; lists = lists->next) {
		puts_at(p, first ? "" : ", ");
		put_skipped_list(p, lists);
		first = false;
	}
	puts_at(p, many ? " }" : "");
}

static void put_text(struct printer *p, const char *word, struct str s, bool plain)
{
	if (s.p == NULL)
		return;
	puts_at(p, "  ");
	put_word(p, word);
	if (plain)
		put_name(p, s);
	else
		put_quoted(p, s);
}

static void put_attributes(struct printer *p, const struct rule *r)
{
	char number[32];

	if (r->report_only && r->kind != RULE_KIND_ENDPOINT)
		puts_at(p, "  report-only");
	if (r->cut)
		puts_at(p, "  cut");
	if (r->capture)
		puts_at(p, "  capture");
	put_text(p, "label", r->label, true);
	if (r->has_score) {
		(void)snprintf(number, sizeof(number), "  score %u", (unsigned)r->score);
		puts_at(p, number);
	}
	if (r->skip != 0 || r->skip_lists != NULL)
		put_skip(p, r);
	put_text(p, "owner", r->owner, false);
	put_text(p, "reason", r->reason, false);
	put_text(p, "ticket", r->ticket, false);
	put_text(p, "expires", r->expires, true);
	put_text(p, "note", r->note, false);
}

static const char *action_word(enum action a)
{
	return a == ACTION_ALLOW ? "allow" : a == ACTION_DENY ? "deny" : "alert";
}

/* Gate undecidable: the reasons come first, as a list of their own. */
static void put_reasons(struct printer *p, const struct rule *r)
{
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		if (c->field == FIELD_REASON) {
			puts_at(p, "  ");
			put_items(p, c->items, SIZE_MAX);
		}
}

static void put_rule(struct printer *p, const struct rule *r)
{
	puts_at(p, action_word(r->action));
	puts_at(p, r->action == ACTION_DENY ? " " : "");
	put_reasons(p, r);
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		if (c->field != FIELD_REASON)
			put_condition(p, c);
	if (r->conditions == NULL)
		puts_at(p, "  to any");
	put_attributes(p, r);
	end_line(p);
}

static void put_list(struct printer *p, const struct endpoint_list *l)
{
	size_t roles = 0;
	char number[32];

	puts_at(p, "list ");
	put_name(p, l->name);
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		roles += l->roles >> i & 1;
	puts_at(p, roles > 1 ? "  for role { " : "  for role ");
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if ((l->roles >> i & 1) != 0) {
			puts_at(p, role_name((enum role)i));
			puts_at(p, (l->roles >> i) > 1 ? ", " : "");
		}
	puts_at(p, roles > 1 ? " }" : "");
	if (l->bound != NULL) {
		puts_at(p, l->bound_negated ? "  not environment " : "  environment ");
		put_items(p, l->bound, SIZE_MAX);
	}
	if (l->beside != NULL) {
		puts_at(p, "  beside service ");
		put_items(p, l->beside, SIZE_MAX);
	}
	puts_at(p, l->report_only ? "  report-only" : "");
	end_line(p);
	for (const struct rule *r = l->rules; r != NULL; r = r->next) {
		(void)snprintf(number, sizeof(number), "%2u ", (unsigned)r->order);
		puts_at(p, number);
		if (l->family == FAMILY_CUSTOM) {
			puts_at(p, "group ");
			puts_at(p, custom_group_words[r->group]);
			puts_at(p, "  ");
		} else {
			puts_at(p, action_word(r->action));
			puts_at(p, r->action == ACTION_DENY ? "   " : "  ");
		}
		put_quoted(p, r->pattern);
		put_attributes(p, r);
		end_line(p);
	}
}

/* The lines of gate connectors that are a policy of their own. */
static void put_policy(struct printer *p, const struct ast *a, const struct provenance *o)
{
	bool named = false;

	for (const struct rule *r = a->gates[GATE_CONNECTORS].rules; r != NULL;
	     r = r->next) {
		if (r->from != o)
			continue;
		if (!named) {
			puts_at(p, "policy ");
			put_quoted(p, o->title.len > 0    ? o->title
				      : o->policy.len > 0 ? o->policy
							  : str_of(o->file));
			end_line(p);
		}
		named = true;
		put_rule(p, r);
	}
}

static void put_gate(struct printer *p, const struct ast *a, enum gate g)
{
	if (!a->gates[g].seen)
		return;
	end_line(p);
	puts_at(p, "gate ");
	puts_at(p, gate_name(g));
	end_line(p);
	for (const struct rule *r = a->gates[g].rules; r != NULL; r = r->next)
		if (g != GATE_CONNECTORS || r->from == NULL)
			put_rule(p, r);
	for (const struct provenance *o = a->provenances; o != NULL; o = o->next)
		if (g == GATE_CONNECTORS)
			put_policy(p, a, o);
	for (const struct endpoint_list *l = a->lists; l != NULL; l = l->next)
		if (g == (l->family == FAMILY_CUSTOM ? GATE_CONNECTORS : GATE_ENDPOINTS))
			put_list(p, l);
}

static void put_owned(struct printer *p, const char *what, struct str name,
		      const char *guid, enum ownership o)
{
	puts_at(p, what);
	put_name(p, name);
	puts_at(p, "  ");
	puts_at(p, guid);
	puts_at(p, "  ");
	puts_at(p, ownership_name(o));
}

static void put_definitions(struct printer *p, const struct ast *a)
{
	for (const struct tenant *t = a->tenants; t != NULL; t = t->next) {
		put_owned(p, "tenant ", t->name, t->guid, t->ownership);
		if (t->hosts != NULL) {
			puts_at(p, "  host ");
			put_items(p, t->hosts, SIZE_MAX);
		}
		end_line(p);
	}
	for (const struct environment *e = a->environments; e != NULL; e = e->next) {
		put_owned(p, "environment ", e->name, e->guid, e->ownership);
		put_text(p, "tenant", e->tenant == NULL ? STR_NONE : e->tenant->name,
			 true);
		if (e->hosts != NULL) {
			puts_at(p, "  host ");
			put_items(p, e->hosts, SIZE_MAX);
		}
		if (e->orgs != NULL) {
			puts_at(p, "  org ");
			put_items(p, e->orgs, SIZE_MAX);
		}
		end_line(p);
	}
	if (a->own_complete) {
		puts_at(p, "own complete");
		end_line(p);
	}
}

static void put_table(struct printer *p, const struct table *t)
{
	const struct item *it = t->items;
	bool first = true;

	do {
		size_t n = 0;

		puts_at(p, "table <");
		put(p, t->name);
		puts_at(p, first ? ">  { " : "> add  { ");
		for (; it != NULL && n < TABLE_CHUNK; it = it->next, n++) {
			put_item(p, it);
			if (it->next != NULL && n + 1 < TABLE_CHUNK)
				put_comma(p);
		}
		puts_at(p, n > 0 ? " }" : "}");
		end_line(p);
		first = false;
	} while (it != NULL);
}

static void put_binding(struct printer *p, const struct binding *b)
{
	puts_at(p, b->count > 1 ? "bind { " : "bind ");
	for (const struct bind_item *i = b->items; i != NULL; i = i->next) {
		put_word(p, field_word(i->item->field));
		put_item(p, i->item);
		if (i->next != NULL)
			put_comma(p);
	}
	puts_at(p, b->count > 1 ? " }  to environment " : "  to environment ");
	put_items(p, b->environments, SIZE_MAX);
	end_line(p);
}

static void put_expect(struct printer *p, const struct ast *a, const struct expect *e)
{
	char text[ADDR_TEXT_MAX + 16];
	char address[ADDR_TEXT_MAX];

	puts_at(p, "expect ");
	puts_at(p, verdict_name(e->verdict));
	puts_at(p, e->verdict == VERDICT_DENY ? "   " : "  ");
	if (e->has_role)
		puts_at(p, role_name(e->role));
	else
		put_name(p, str_of(a->vocabulary->sources.words[e->source]));
	(void)addr_format(&e->inside, address);
	puts_at(p, " ");
	puts_at(p, address);
	puts_at(p, " -> ");
	if (e->has_address)
		(void)addr_format(&e->peer, address);
	if (e->host.p != NULL)
		put(p, e->host);
	else
		puts_at(p, addr_is_v4(&e->peer) ? "" : "[");
	if (e->host.p == NULL) {
		puts_at(p, address);
		puts_at(p, addr_is_v4(&e->peer) ? "" : "]");
	}
	(void)snprintf(text, sizeof(text), ":%u", (unsigned)e->port);
	puts_at(p, text);
	if (e->user.p != NULL) {
		puts_at(p, "  from user ");
		put_quoted(p, e->user);
	}
	if (e->has_proto) {
		puts_at(p, "  proto ");
		puts_at(p, e->protocol == PROTOCOL_OTHER &&
					   transport_name(e->ip_proto) != NULL &&
					   e->proto_is_transport
				   ? transport_name(e->ip_proto)
				   : protocol_name(e->protocol));
	}
	if (e->host.p != NULL && e->has_address) {
		puts_at(p, "  address ");
		puts_at(p, address);
	}
	put_text(p, "at", e->at_text, false);
	if (e->has_gate) {
		puts_at(p, "  gate ");
		puts_at(p, gate_name(e->gate));
	}
	put_text(p, "label", e->label, true);
	end_line(p);
}

void policy_print(const struct policy *policy, FILE *out)
{
	const struct ast *a = &policy->ast;
	struct printer p = {.out = out};

	puts_at(&p, "version 1");
	end_line(&p);
	put_definitions(&p, a);
	for (const struct table *t = a->tables; t != NULL; t = t->next)
		put_table(&p, t);
	for (const struct binding *b = a->bindings; b != NULL; b = b->next)
		put_binding(&p, b);
	for (unsigned g = 0; g < GATE_COUNT; g++)
		put_gate(&p, a, (enum gate)g);
	if (a->expects != NULL)
		end_line(&p);
	for (const struct expect *e = a->expects; e != NULL; e = e->next)
		put_expect(&p, a, e);
}

/* What the operator's files say stands on one line and in ASCII, or it is not shown so. */
static void put_origin_text(FILE *out, const char *what, struct str s)
{
	if (s.p == NULL)
		return;
	(void)fprintf(out, "  %s ", what);
	for (size_t i = 0; i < s.len && i < 200; i++)
		(void)fputc((unsigned char)s.p[i] >= ' ' && s.p[i] != 0x7f ? s.p[i] : '?',
			    out);
}

void policy_print_origins(const struct policy *p, FILE *out)
{
	struct rule_origin o;

	for (size_t i = 0; policy_origin(p, i, &o); i++) {
		if (o.source.p == NULL)
			continue;
		(void)fprintf(out, "# import: %.*s", (int)o.file.len, o.file.p);
		put_origin_text(out, "source", o.source);
		put_origin_text(out, "sha256", o.sha256);
		put_origin_text(out, "policy", o.policy);
		put_origin_text(out, "name", o.title);
		put_origin_text(out, "date", o.date);
		(void)fputc('\n', out);
	}
}
