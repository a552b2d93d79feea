/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_egress - a list of gate ip-firewall that holds none of our own translated addresses
 * denies everybody of ours what it guards: in force an error, report-only a warning.
 *
 * A list here is a deny for all, and the allow lines above it about the same environments.
 * When one of these is about other things than translated addresses, who passes cannot be
 * told, and nothing is said.  A deny of the tenant's without such a line, of a firewall that
 * is on and has no ranges, is one, too; of one's own, it is meant.
 */
#include <string.h>

#include "policy/check.h"
#include "policy/parse.h"

#define SITES_SHOWN 4

static bool asks_from(const struct rule *r, bool *ret_egress)
{
	bool any = false;

	*ret_egress = false;
	for (const struct condition *c = r->conditions; c != NULL; c = c->next) {
		if (c->items == NULL || field_side(c->field) != SIDE_FROM)
			continue;
		any = true;
		*ret_egress = c->field == FIELD_EGRESS && !c->negated;
		if (!*ret_egress)
			return true;
		for (const struct item *it = c->items; it != NULL; it = it->next)
			*ret_egress = *ret_egress && it->field == FIELD_EGRESS;
	}
	return any;
}

static bool share(const struct condition *a, const struct condition *b)
{
	for (const struct item *x = a->items; x != NULL; x = x->next)
		for (const struct item *y = b->items; y != NULL; y = y->next)
			if (x->field == y->field && x->id == y->id)
				return true;
	return false;
}

static const struct condition *environments_of(const struct rule *r)
{
	const struct condition *c = r->conditions;

	while (c != NULL && (c->field != FIELD_ENVIRONMENT || c->negated))
		c = c->next;
	return c;
}

/* May the line answer before the other one does? */
static bool concerns(const struct rule *early, const struct rule *late)
{
	const struct condition *a = environments_of(early), *b = environments_of(late);

	return a == NULL || b == NULL || share(a, b);
}

static bool holds(const struct rule *r, const struct addr *a)
{
	for (const struct condition *c = r->conditions; c != NULL; c = c->next) {
		if (c->field != FIELD_EGRESS)
			continue;
		for (const struct item *it = c->items; it != NULL; it = it->next) {
			const struct item *one =
				it->table == NULL ? it : it->table->items;

			for (; one != NULL; one = it->table == NULL ? NULL : one->next)
				if (prefix_contains(&one->prefix, a))
					return true;
		}
	}
	return false;
}

/* The allow lines above a deny, when all of them are about translated addresses. */
struct guarded {
	const struct rule *first, *deny;
	const struct rule
		*line; /* the first of them; NULL = none, or it cannot be told */
	bool in_force;
	bool nobody; /* no line lets anybody pass */
};

static void find_lines(struct guarded *g)
{
	bool egress;

	if (g->deny->action != ACTION_DENY || asks_from(g->deny, &egress))
		return;
	g->nobody = true;
	for (const struct rule *r = g->first; r != g->deny; r = r->next) {
		if (r->action != ACTION_ALLOW || !concerns(r, g->deny))
			continue;
		g->nobody = false;
		if (!asks_from(r, &egress) || !egress) {
			g->line = NULL;
			return;
		}
		if (g->line == NULL)
			g->line = r;
	}
	g->in_force = !g->deny->report_only;
}

static bool may_pass(const struct guarded *g, const struct addr *a)
{
	for (const struct rule *r = g->first; r != g->deny; r = r->next)
		if (r->action == ACTION_ALLOW && concerns(r, g->deny) && holds(r, a))
			return true;
	return false;
}

/* Sites and their addresses, as "munich (198.51.100.10)". */
struct missing {
	char text[400];
	size_t len, sites, addresses, found;
};

static void add_text(struct missing *m, const char *text)
{
	size_t n = strlen(text);

	if (m->len + n >= sizeof(m->text))
		return;
	memcpy(m->text + m->len, text, n + 1);
	m->len += n;
}

static void look_at_site(const struct guarded *g, const struct vocabulary *v, size_t site,
			 struct missing *m)
{
	const struct addr_list *l = &v->site_egress[site];
	size_t absent = 0;

	for (size_t i = 0; i < l->count; i++) {
		char address[ADDR_TEXT_MAX];

		if (may_pass(g, &l->list[i])) {
			m->found++;
			continue;
		}
		absent++;
		m->addresses++;
		if (m->sites >= SITES_SHOWN)
			continue;
		(void)addr_format(&l->list[i], address);
		if (absent == 1) {
			add_text(m, m->sites == 0 ? "" : ", ");
			add_text(m, v->sites.words[site]);
		}
		add_text(m, absent == 1 ? " (" : ", ");
		add_text(m, address);
	}
	if (absent > 0 && m->sites < SITES_SHOWN)
		add_text(m, ")");
	m->sites += absent > 0;
}

static void report(struct diag *d, const struct guarded *g, const struct missing *m)
{
	diag_add(d, g->in_force ? DIAG_ERROR : DIAG_WARNING,
		 rule_span(g->line, STR("egress")), "locked-out",
		 "no egress address of ours is in this list: of site %s%s", m->text,
		 m->sites > SITES_SHOWN ? " and others" : "");
	diag_note(d, "%s, %s:%u denies what it guards to everybody inside",
		  g->in_force ? "in force" : "once in force", g->deny->at.file,
		  g->deny->at.line);
	diag_remedy(d,
		    g->in_force ? "the %zu addresses that are ours in this list, or the "
				  "gate report-only"
				: "the %zu addresses that are ours in this list, before "
				  "it is enforced",
		    m->addresses);
	note_origin(d, g->line);
}

static void report_nobody(struct diag *d, const struct guarded *g)
{
	diag_add(d, g->in_force ? DIAG_ERROR : DIAG_WARNING, g->deny->at, "locked-out",
		 "no line above lets anybody pass: the tenant's list has no range");
	diag_note(d, "%s, it denies what it guards to everybody inside",
		  g->in_force ? "in force" : "once in force");
	diag_remedy(d, "ranges in the tenant's list, those of our egress among them%s",
		    g->in_force ? ", or the gate report-only" : "");
	note_origin(d, g->deny);
}

void check_egress(const struct ast *a, struct diag *d)
{
	const struct vocabulary *v = a->vocabulary;
	const struct rule *first = a->gates[GATE_IP_FIREWALL].rules;

	for (const struct rule *deny = first; deny != NULL; deny = deny->next) {
		struct guarded g = {.first = first, .deny = deny};
		struct missing m = {.len = 0};

		find_lines(&g);
		if (g.nobody && g.deny->from != NULL)
			report_nobody(d, &g);
		if (g.line == NULL || v->site_egress == NULL)
			continue;
		for (size_t i = 0; i < v->sites.count; i++)
			look_at_site(&g, v, i, &m);
		if (m.found == 0 && m.addresses > 0)
			report(d, &g, &m);
	}
}
