/* SPDX-License-Identifier: Apache-2.0 */
#include "import/enforceability.h"

#include <errno.h>
#include <string.h>

#define PLACES ENFORCEABILITY_PLACES

const enum role enforceability_places[PLACES] = {ROLE_USER, ROLE_GATEWAY, ROLE_DESKTOP,
						 ROLE_SUBNET};

const char *visible_name(enum visible v)
{
	static const char *const names[] = {
		[VISIBLE_NOT] = "no",
		[VISIBLE_HOST] = "host",
		[VISIBLE_EXACT] = "exact",
	};

	return names[v];
}

enum endpoint_kind endpoint_kind_of(struct str connector)
{
	static const struct {
		const char *id;
		enum endpoint_kind kind;
	} kinds[] = {
		{"shared_sql", ENDPOINT_KIND_SQL},
		{"shared_sqldw", ENDPOINT_KIND_SQL},
		{"shared_smtp", ENDPOINT_KIND_SMTP},
		{"shared_azureblob", ENDPOINT_KIND_BLOB},
		{"Http", ENDPOINT_KIND_URL},
		{"HttpWebhook", ENDPOINT_KIND_URL},
		{"DesktopFlow.Web", ENDPOINT_KIND_URL},
		{"shared_webcontents", ENDPOINT_KIND_URL_ENTRA},
		{"shared_webcontentsv2", ENDPOINT_KIND_URL_ENTRA},
		{"DesktopFlow.WebAutomation", ENDPOINT_KIND_BROWSER},
		{"DesktopFlow.UIAutomation", ENDPOINT_KIND_SCREEN},
		{"shared_commondataserviceforapps", ENDPOINT_KIND_DATAVERSE},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_equal_fold(connector, str_of(kinds[i].id)))
			return kinds[i].kind;
	return ENDPOINT_KIND_NONE;
}

/* Which places the traffic of a kind passes. */
static bool passes(enum endpoint_kind k, enum role place)
{
	static const unsigned kinds[] = {
		[ENDPOINT_KIND_NONE] = 0,
		[ENDPOINT_KIND_SQL] = 1u << ROLE_USER | 1u << ROLE_GATEWAY |
				      1u << ROLE_DESKTOP | 1u << ROLE_SUBNET,
		[ENDPOINT_KIND_SMTP] = 1u << ROLE_USER | 1u << ROLE_DESKTOP,
		[ENDPOINT_KIND_BLOB] =
			1u << ROLE_USER | 1u << ROLE_DESKTOP | 1u << ROLE_SUBNET,
		[ENDPOINT_KIND_URL] = 1u << ROLE_USER | 1u << ROLE_DESKTOP,
		[ENDPOINT_KIND_URL_ENTRA] = 1u << ROLE_USER | 1u << ROLE_GATEWAY |
					    1u << ROLE_DESKTOP | 1u << ROLE_SUBNET,
		[ENDPOINT_KIND_BROWSER] = 1u << ROLE_DESKTOP,
		[ENDPOINT_KIND_SCREEN] = 0,
		[ENDPOINT_KIND_DATAVERSE] = 1u << ROLE_USER | 1u << ROLE_DESKTOP,
		[ENDPOINT_KIND_CUSTOM] = 1u << ROLE_GATEWAY | 1u << ROLE_SUBNET,
		[ENDPOINT_KIND_COUNT] = 0,
	};

	return (kinds[k] >> place & 1) != 0;
}

static size_t stars_in(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == '*';
	return n;
}

/*
 * With its only star at the end, and no byte of a path before it, a URL pattern asks about
 * scheme, host and port alone.
 */
static enum visible url_visible(struct str p)
{
	const char *mark = memmem(p.p, p.len, "://", 3);
	size_t from = mark == NULL ? 0 : (size_t)(mark - p.p) + 3;
	const char *slash = memchr(p.p + from, '/', p.len - from);

	if (stars_in(p) != 1 || p.p[p.len - 1] != '*' || mark == NULL)
		return VISIBLE_HOST;
	return slash == NULL || slash == p.p + p.len - 2 ? VISIBLE_EXACT : VISIBLE_HOST;
}

enum visible endpoint_visible(enum endpoint_kind k, struct str pattern)
{
	bool all = str_equal(pattern, STR("*"));

	switch (k) {
	case ENDPOINT_KIND_SQL: /* server,database: the database is encrypted */
		return all || (stars_in(pattern) == 1 &&
			       str_ends_with(pattern, STR(",*")))
			       ? VISIBLE_EXACT
			       : VISIBLE_HOST;
	case ENDPOINT_KIND_SMTP:
	case ENDPOINT_KIND_BLOB:
		return VISIBLE_EXACT;
	case ENDPOINT_KIND_URL:
	case ENDPOINT_KIND_URL_ENTRA:
	case ENDPOINT_KIND_CUSTOM:
		return all ? VISIBLE_EXACT : url_visible(pattern);
	case ENDPOINT_KIND_BROWSER:   /* a rule may be about a page's title, too */
	case ENDPOINT_KIND_DATAVERSE: /* the id of an organization stands for its hosts */
		return all ? VISIBLE_EXACT : VISIBLE_HOST;
	case ENDPOINT_KIND_NONE:
	case ENDPOINT_KIND_SCREEN:
	case ENDPOINT_KIND_COUNT:
		break;
	}
	return VISIBLE_NOT;
}

enum visible endpoint_visible_at(enum endpoint_kind k, struct str pattern,
				 enum role place)
{
	return passes(k, place) ? endpoint_visible(k, pattern) : VISIBLE_NOT;
}

enum visible connector_visible_at(const struct known_connector *c, enum role place)
{
	if (c == NULL || !c->has_hosts)
		return VISIBLE_NOT;
	if ((place == ROLE_GATEWAY && c->not_by_gateway) ||
	    (place == ROLE_SUBNET && c->not_by_subnet) || place == ROLE_USER)
		return VISIBLE_NOT;
	return c->verified ? VISIBLE_EXACT : VISIBLE_HOST;
}

/* ---- the report --------------------------------------------------------------------------- */

static void tell_rules(struct enforceability_row *row, const struct tenant_rules *rules,
		       enum endpoint_kind k, enforceability_each *each, void *arg)
{
	for (const struct tenant_rule *r = rules->first; r != NULL; r = r->next) {
		row->rule = r;
		for (size_t i = 0; i < PLACES; i++)
			row->at[i] = endpoint_visible_at(k, r->pattern,
							 enforceability_places[i]);
		each(arg, row);
	}
}

void enforceability_rows(const struct dlp_policy *p, const struct connector_book *known,
			 enforceability_each *each, void *arg)
{
	struct enforceability_row row = {0};

	for (unsigned g = 0; g < DATA_GROUP_IGNORE; g++)
		for (const struct tenant_connector *c = p->connectors; c != NULL;
		     c = c->next) {
			struct known_connector about = {0};

			if ((unsigned)c->group != g)
				continue;
			row.connector = c;
			row.is_known = known->find(known->arg, c->id, &about);
			row.has_hosts = row.is_known && about.has_hosts;
			for (size_t i = 0; i < PLACES; i++)
				row.at[i] =
					connector_visible_at(row.is_known ? &about : NULL,
							     enforceability_places[i]);
			each(arg, &row);
		}
	row = (struct enforceability_row){0};
	for (const struct tenant_list *l = p->lists.first; l != NULL; l = l->next) {
		row.list = l;
		tell_rules(&row, &l->rules, endpoint_kind_of(l->id), each, arg);
	}
	row.list = NULL;
	tell_rules(&row, &p->patterns, ENDPOINT_KIND_CUSTOM, each, arg);
}

struct printing {
	FILE *out;
	const struct dlp_policy *p;
	bool begun;
	struct enforceability_row last;
	size_t seen[VISIBLE_EXACT + 1]; /* by the best of the places */
};

static void print_row(struct printing *t, const enum visible v[PLACES], struct str what)
{
	enum visible best = VISIBLE_NOT;

	for (size_t i = 0; i < PLACES; i++) {
		(void)fprintf(t->out, "%-8s", visible_name(v[i]));
		if (v[i] > best)
			best = v[i];
	}
	t->seen[best]++;
	for (size_t i = 0; i < what.len; i++) {
		unsigned char c = (unsigned char)what.p[i];

		(void)fputc(c < 0x20 || c == 0x7f ? '?' : c, t->out);
	}
	(void)fputc('\n', t->out);
}

/* Above the first row of a group, a list, or the URL patterns. */
static void print_title(struct printing *t, const struct enforceability_row *row)
{
	const struct enforceability_row *last = t->begun ? &t->last : NULL;

	if (row->connector != NULL) {
		enum data_group g = row->connector->group;

		if (last == NULL || last->connector->group != g)
			(void)fprintf(t->out, "\ndata group %s: %zu connectors\n",
				      data_group_name(g), t->p->groups[g]);
	} else if (row->list != NULL) {
		if (last == NULL || last->list != row->list)
			(void)fprintf(t->out, "\nendpoints of %.*s: %zu rules\n",
				      (int)row->list->id.len, row->list->id.p,
				      row->list->rules.count);
	} else if (last == NULL || last->connector != NULL || last->list != NULL) {
		(void)fprintf(t->out, "\nhosts of custom connectors: %zu patterns\n",
			      t->p->patterns.count);
	}
	t->begun = true;
	t->last = *row;
}

static void print_one(void *arg, const struct enforceability_row *row)
{
	struct printing *t = arg;
	const struct tenant_connector *c = row->connector;
	const struct tenant_rule *r = row->rule;
	char text[700];
	int n;

	print_title(t, row);
	if (c != NULL)
		n = snprintf(text, sizeof(text), "  %.*s%s", (int)c->id.len, c->id.p,
			     !row->is_known    ? "  (not in the catalogue)"
			     : !row->has_hosts ? "  (no host is known)"
					       : "");
	else
		n = snprintf(text, sizeof(text), "  %u %s  \"%.*s\"", (unsigned)r->order,
			     row->list == NULL ? data_group_name(r->group)
			     : r->allow        ? "allow"
					       : "deny",
			     (int)r->pattern.len, r->pattern.p);
	print_row(t, row->at, (struct str){text, n < 0 ? 0 : (size_t)n});
}

int enforceability_print(const struct dlp_policy *p, const struct connector_book *known,
			 FILE *out)
{
	struct printing t = {.out = out, .p = p};

	(void)fprintf(out, "Policy %s", p->guid[0] == '\0' ? "without a GUID" : p->guid);
	for (size_t i = 0; i < p->title.len; i++) {
		unsigned char c = (unsigned char)p->title.p[i];

		(void)fprintf(out, "%s%c", i == 0 ? ", " : "",
			      c < 0x20 || c == 0x7f ? '?' : c);
	}
	(void)fputs(
		"\n\n"
		"What a box at the network's edge can decide of it, by the place of who "
		"connects:\n"
		"  exact  the wire shows all that the rule asks about\n"
		"  host   it shows the host alone: cannot tell where the rest decides "
		"(clear HTTP\n"
		"         shows whole URLs); of a connector: no host of it is verified\n"
		"  no     the traffic does not pass there, or shows nothing of it\n\n"
		"user    gateway desktop subnet  rule or connector\n",
		out);
	enforceability_rows(p, known, print_one, &t);
	if (p->lists.action_rules > 0)
		(void)fprintf(out,
			      "\n%zu action rules: an action of a connector is never "
			      "visible on a wire\n",
			      p->lists.action_rules);
	(void)fprintf(
		out,
		"\ntotal: %zu exact somewhere, %zu host at the most, %zu not visible "
		"anywhere\n",
		t.seen[VISIBLE_EXACT], t.seen[VISIBLE_HOST],
		t.seen[VISIBLE_NOT] + p->lists.action_rules);
	return ferror(out) != 0 ? -EIO : 0;
}
