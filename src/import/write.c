/* SPDX-License-Identifier: Apache-2.0 */
#include "import/write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "import/enforceability.h"

struct writer {
	const struct tenant *t;
	const struct write_cfg *cfg;
	FILE *out;
	struct diag *d;
};

/* ---- words ------------------------------------------------------------------------------- */

void generated_text(FILE *out, struct str s)
{
	for (size_t i = 0; i < s.len;) {
		const uint8_t *b = (const uint8_t *)s.p + i;
		size_t n = utf8_len(b, s.len - i);

		if (n == 0 || (n == 1 && (*b < 0x20 || *b == 0x7f)) || utf8_is_c1(b, n))
			(void)fputc('?', out);
		else if (*b == '"')
			(void)fputc('\'', out);
		else
			(void)fwrite(b, 1, n, out);
		i += n == 0 ? 1 : n;
	}
}

static void put_roles(const struct writer *w)
{
	if (w->cfg->role != NULL)
		(void)fprintf(w->out, "  for role %s", w->cfg->role);
	else
		(void)fputs("  for role { gateway, desktop, subnet }", w->out);
}

/* One item a line, so that a change of one item is a change of one line. */
static void put_items(FILE *out, const char *const *items, size_t count)
{
	(void)fputs("{ \\\n", out);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, "\t%s%s \\\n", items[i], i + 1 < count ? "," : "");
	(void)fputs("}", out);
}

/* Advanced policies and lists without their policy do not say where they hold. */
static bool is_placeless(const struct dlp_policy *p)
{
	return p->advanced || p->only_lists;
}

/* Is the scope one that the wire can follow?  Else the lines are for all. */
static bool is_bound(const struct writer *w, const struct dlp_policy *p)
{
	if (is_placeless(p))
		return w->cfg->environment != NULL;
	return p->scope.kind != POLICY_SCOPE_ALL &&
	       (p->scope.count > 0 || w->cfg->environment != NULL);
}

static void put_scope_items(const struct writer *w, const struct tenant_scope *s)
{
	if (s->count == 0) {
		(void)fputs(w->cfg->environment, w->out);
		return;
	}
	if (s->count == 1) {
		(void)fputs(s->guids[0], w->out);
		return;
	}
	(void)fputs("{ \\\n", w->out);
	for (size_t i = 0; i < s->count; i++)
		(void)fprintf(w->out, "\t%s%s \\\n", s->guids[i],
			      i + 1 < s->count ? "," : "");
	(void)fputs("}", w->out);
}

static void put_scope(const struct writer *w, const struct dlp_policy *p,
		      const char *from)
{
	if (!is_bound(w, p))
		return;
	(void)fprintf(w->out, "  %s%senvironment ", from,
		      p->scope.kind == POLICY_SCOPE_EXCEPT ? "not " : "");
	put_scope_items(w, &p->scope);
}

/* "  from role R  from environment E" of a line of gate connectors. */
static void put_who(const struct writer *w, const struct dlp_policy *p)
{
	if (w->cfg->role != NULL)
		(void)fprintf(w->out, "  from role %s", w->cfg->role);
	put_scope(w, p, "from ");
}

/* ---- provenance -------------------------------------------------------------------------- */

void generated_head(FILE *out, const struct tenant_file *files)
{
	(void)fputs(WRITE_FIRST "\n", out);
	for (const struct tenant_file *f = files; f != NULL; f = f->next) {
		(void)fputs("# source: ", out);
		generated_text(out, str_of(f->name));
		(void)fprintf(out, " sha256:%s\n", f->sha256);
	}
}

static void put_head(const struct writer *w, const struct tenant_file *files)
{
	generated_head(w->out, files);
}

static void put_date(const struct writer *w, const char *date)
{
	if (date[0] == '\0' && w->cfg->date != NULL)
		date = w->cfg->date;
	if (date[0] != '\0')
		(void)fprintf(w->out, "# date: %s\n", date);
}

static void put_policy_head(const struct writer *w, const struct dlp_policy *p)
{
	put_head(w, p->files);
	if (p->guid[0] != '\0' || p->title.len > 0) {
		(void)fprintf(w->out, "# policy: %s \"",
			      p->guid[0] == '\0' ? "-" : p->guid);
		generated_text(w->out, p->title);
		(void)fputs("\"\n", w->out);
	}
	put_date(w, p->date);
	(void)fprintf(w->out, "# shape: %s\n", p->shape);
}

static void put_scope_comment(const struct writer *w, const struct dlp_policy *p)
{
	static const char *const kinds[] = {
		[POLICY_SCOPE_ALL] = "all environments",
		[POLICY_SCOPE_ONLY] = "only these environments",
		[POLICY_SCOPE_EXCEPT] = "all environments but these",
	};

	if (is_placeless(p)) {
		(void)fputs("# scope: the export does not say\n", w->out);
		if (is_bound(w, p))
			return;
		diag_add(w->d, DIAG_WARNING, p->at, "no-environment",
			 "the export does not say for which environments it is: its "
			 "lines concern all sources");
		diag_remedy(w->d, "--environment NAME, as rules call it, unless all are "
				  "meant");
		return;
	}
	(void)fprintf(w->out, "# scope: %s\n", kinds[p->scope.kind]);
	for (size_t i = 0; i < p->scope.count; i++) {
		(void)fputs("#   ", w->out);
		generated_text(w->out, p->scope.names[i]);
		(void)fputc('\n', w->out);
	}
	if (p->scope.unnamed > 0)
		(void)fprintf(w->out, "#   %zu without a GUID\n", p->scope.unnamed);
	if (p->scope.kind == POLICY_SCOPE_ALL || p->scope.count > 0)
		return;
	diag_add(w->d, DIAG_WARNING, p->at, "no-environment",
		 "the policy names no environment by a GUID: %s",
		 is_bound(w, p) ? "taken for that of --environment"
				: "its lines concern all sources");
	if (!is_bound(w, p)) {
		diag_remedy(w->d, "--environment NAME, as rules call it");
		(void)fputs("#   so the lines below concern all sources\n", w->out);
	}
}

/* ---- data groups ------------------------------------------------------------------------- */

static int by_text(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;
	int c = strcasecmp(*a, *b);

	return c != 0 ? c : strcmp(*a, *b);
}

/* Names of connectors, sorted: those that the catalogue has, and the others. */
struct names {
	const char **known, **other;
	size_t known_count, other_count;
};

static bool names_init(struct names *n, size_t room)
{
	n->known = calloc(room + 1, sizeof(*n->known));
	n->other = calloc(room + 1, sizeof(*n->other));
	n->known_count = n->other_count = 0;
	return n->known != NULL && n->other != NULL;
}

static void names_finish(struct names *n)
{
	free(n->known);
	free(n->other);
}

static const char *copy_id(struct writer *w, struct str id)
{
	return arena_strndup(w->t->arena, id.p, id.len);
}

static void warn_unblockable(struct writer *w, const struct tenant_connector *c,
			     const struct known_connector *about)
{
	if (!about->unblockable || c->group != DATA_GROUP_BLOCKED)
		return;
	diag_add(w->d, DIAG_WARNING, c->at, "unblockable",
		 "connector %s is blocked here, which Microsoft does not do with it",
		 about->id);
}

static bool names_fill(struct writer *w, const struct dlp_policy *p, enum data_group g,
		       struct names *n)
{
	if (!names_init(n, p->connector_count))
		return false;
	for (const struct tenant_connector *c = p->connectors; c != NULL; c = c->next) {
		const struct connector_book *k = &w->cfg->known;
		struct known_connector about;

		if (c->group != g)
			continue;
		if (k->find(k->arg, c->id, &about)) {
			n->known[n->known_count++] = about.id;
			warn_unblockable(w, c, &about);
		} else {
			n->other[n->other_count] = copy_id(w, c->id);
			if (n->other[n->other_count++] == NULL)
				return false;
		}
	}
	qsort(n->known, n->known_count, sizeof(*n->known), by_text);
	qsort(n->other, n->other_count, sizeof(*n->other), by_text);
	return true;
}

static bool put_group(struct writer *w, const struct dlp_policy *p, enum data_group g)
{
	const char *label = p->advanced ? "allowed" : data_group_name(g);
	struct names n = {0};
	bool fine = names_fill(w, p, g, &n);

	if (fine && p->groups[g] > 0)
		(void)fprintf(w->out,
			      "\n# %s: %zu, of them unknown to the catalogue: %zu\n",
			      label, p->groups[g], n.other_count);
	if (fine && n.known_count > 0) {
		(void)fprintf(w->out, "%s  label %s",
			      g == DATA_GROUP_BLOCKED ? "deny " : "allow", label);
		put_who(w, p);
		(void)fputs("  connector ", w->out);
		put_items(w->out, n.known, n.known_count);
		(void)fputc('\n', w->out);
	}
	for (size_t i = 0; fine && i < n.other_count; i++)
		(void)fprintf(w->out, "#\t%s %s\n", label, n.other[i]);
	names_finish(&n);
	return fine;
}

static bool is_listed(const struct dlp_policy *p, struct str id)
{
	for (const struct tenant_connector *c = p->connectors; c != NULL; c = c->next)
		if (str_equal_fold(c->id, id))
			return true;
	return false;
}

/* What Microsoft never blocks falls to the general group where the rest is blocked. */
static bool put_unblockable(struct writer *w, const struct dlp_policy *p)
{
	const struct connector_book *k = &w->cfg->known;
	const char **list = calloc(k->id_count + 1, sizeof(*list));
	struct known_connector about;
	size_t n = 0;

	if (list == NULL)
		return false;
	for (size_t i = 0; i < k->id_count; i++)
		if (!is_listed(p, str_of(k->ids[i])) &&
		    k->find(k->arg, str_of(k->ids[i]), &about) && about.unblockable)
			list[n++] = about.id;
	qsort(list, n, sizeof(*list), by_text);
	if (n > 0) {
		(void)fputs("allow  label unblockable", w->out);
		put_who(w, p);
		(void)fputs("  connector ", w->out);
		put_items(w->out, list, n);
		(void)fputc('\n', w->out);
	}
	free(list);
	return true;
}

/* The default group; most restrictive first would not matter: a connector stands once. */
static bool put_others(struct writer *w, const struct dlp_policy *p)
{
	const char *label = p->advanced ? "not-allowed" : data_group_name(p->other);

	(void)fprintf(w->out, "\n# all other connectors: %s\n", label);
	if (p->other == DATA_GROUP_BLOCKED && !p->advanced && !put_unblockable(w, p))
		return false;
	(void)fprintf(w->out, "%s  label %s",
		      p->other == DATA_GROUP_BLOCKED ? "deny " : "allow",
		      p->advanced ? "not-allowed" : "default-group");
	put_who(w, p);
	(void)fputs("  connector any\n", w->out);
	return true;
}

static bool put_groups(struct writer *w, const struct dlp_policy *p)
{
	bool fine = true;

	for (unsigned g = 0; fine && g < DATA_GROUP_IGNORE; g++)
		fine = put_group(w, p, (enum data_group)g);
	return fine && put_others(w, p);
}

/* ---- lists ------------------------------------------------------------------------------- */

static void put_rules(const struct writer *w, const struct tenant_rules *rules,
		      enum endpoint_kind kind, const char *margin)
{
	bool custom = kind == ENDPOINT_KIND_CUSTOM;

	for (const struct tenant_rule *r = rules->first; r != NULL; r = r->next) {
		enum visible v = endpoint_visible(kind, r->pattern);

		(void)fprintf(w->out, "%s%2u %s%s  \"%.*s\"", margin, (unsigned)r->order,
			      custom ? "group " : "",
			      custom     ? data_group_name(r->group)
			      : r->allow ? "allow"
					 : "deny ",
			      (int)r->pattern.len, r->pattern.p);
		if (r->added)
			(void)fputs("  # added by --lenient", w->out);
		else if (v != VISIBLE_EXACT)
			(void)fprintf(w->out, "  # wire: %s",
				      v == VISIBLE_HOST ? "host only" : "not visible");
		(void)fputc('\n', w->out);
	}
}

static void put_patterns(const struct writer *w, const struct dlp_policy *p)
{
	(void)fprintf(w->out, "\n# hosts of custom connectors: %zu\n", p->patterns.count);
	(void)fputs("list custom-connectors", w->out);
	put_roles(w);
	put_scope(w, p, "");
	(void)fputc('\n', w->out);
	put_rules(w, &p->patterns, ENDPOINT_KIND_CUSTOM, "");
}

static int list_by_id(const void *x, const void *y)
{
	const struct tenant_list *const *a = x, *const *b = y;
	size_t n = (*a)->id.len < (*b)->id.len ? (*a)->id.len : (*b)->id.len;
	int c = strncasecmp((*a)->id.p, (*b)->id.p, n);

	if (c != 0)
		return c;
	return (*a)->id.len < (*b)->id.len ? -1 : (*a)->id.len > (*b)->id.len;
}

/* A list of a connector that has no endpoints here stands in comments. */
static void put_list(struct writer *w, const struct dlp_policy *p,
		     const struct tenant_list *l)
{
	const struct connector_book *k = &w->cfg->known;
	enum endpoint_kind kind = endpoint_kind_of(l->id);
	struct known_connector about;

	(void)fprintf(w->out, "\n# endpoints of %.*s: %zu\n", (int)l->id.len, l->id.p,
		      l->rules.count);
	if (kind != ENDPOINT_KIND_NONE && k->find(k->arg, l->id, &about)) {
		if (kind == ENDPOINT_KIND_SCREEN)
			diag_add(w->d, DIAG_WARNING, l->at, "not-enforced",
				 "the endpoints of %.*s cannot be told on a wire: its "
				 "list decides nothing",
				 (int)l->id.len, l->id.p);
		(void)fprintf(w->out, "list %s", about.id);
		put_roles(w);
		put_scope(w, p, "");
		(void)fputc('\n', w->out);
		put_rules(w, &l->rules, kind, "");
		return;
	}
	diag_add(
		w->d, DIAG_WARNING, l->at, "not-enforced",
		"the endpoints of %.*s cannot be told on a wire: its list stands in comments",
		(int)l->id.len, l->id.p);
	(void)fprintf(w->out, "# list %.*s: not enforced\n", (int)l->id.len, l->id.p);
	put_rules(w, &l->rules, kind, "#\t");
}

static bool put_lists(struct writer *w, const struct dlp_policy *p)
{
	const struct tenant_list **sorted =
		calloc(p->lists.count + 1, sizeof(struct tenant_list *));
	size_t n = 0;

	if (sorted == NULL)
		return false;
	for (const struct tenant_list *l = p->lists.first; l != NULL; l = l->next)
		sorted[n++] = l;
	qsort(sorted, n, sizeof(struct tenant_list *), list_by_id);
	if (n > 0)
		(void)fputs("\ngate endpoints\n", w->out);
	for (size_t i = 0; i < n; i++)
		put_list(w, p, sorted[i]);
	free(sorted);
	return true;
}

/* In comments, so that a newer export shows what it changes. */
static void put_actions(const struct writer *w, const struct tenant_lists *lists)
{
	if (lists->action_rules > 0)
		(void)fprintf(w->out, "# not enforced: %zu action rules\n",
			      lists->action_rules);
	for (const struct tenant_action *a = lists->actions; a != NULL; a = a->next) {
		(void)fprintf(w->out, "# action %.*s ", (int)a->connector.len,
			      a->connector.p);
		for (size_t i = 0; i < a->behavior.len; i++)
			(void)fputc(ascii_is_alpha(a->behavior.p[i])
					    ? ascii_lower(a->behavior.p[i])
					    : '?',
				    w->out);
		(void)fputs(a->behavior.len == 0 ? "?" : "", w->out);
		if (a->action.len > 0) {
			(void)fputs(" \"", w->out);
			generated_text(w->out, a->action);
			(void)fputc('"', w->out);
		}
		(void)fputs(a->action.len == 0 ? " all others\n" : "\n", w->out);
	}
}

static bool put_policy(struct writer *w, const struct dlp_policy *p)
{
	bool fine = true;

	put_policy_head(w, p);
	put_scope_comment(w, p);
	put_actions(w, &p->lists);
	(void)fputs("version 1\n", w->out);
	if (p->has_groups || p->patterns.count > 0)
		(void)fputs("\ngate connectors\n", w->out);
	if (p->has_groups)
		fine = put_groups(w, p);
	if (fine && p->patterns.count > 0)
		put_patterns(w, p);
	return fine && put_lists(w, p);
}

/* ---- the other documents ------------------------------------------------------------------ */

static const char *report_only(const struct writer *w)
{
	return w->cfg->enforce ? "" : "  report-only";
}

static void put_isolation(const struct writer *w, const struct tenant_isolation *i)
{
	put_head(w, i->file);
	put_date(w, "");
	(void)fprintf(
		w->out,
		"# tenant isolation of %s: %s; %zu tenants may be reached, %zu only "
		"reach in%s\n"
		"version 1\n\n",
		i->tenant, i->disabled ? "off" : "on", i->partner_count, i->inbound_only,
		i->any_outbound ? "; any tenant may be reached" : "");
	(void)fprintf(w->out, "tenant tenant-%s  %s  own\n", i->tenant, i->tenant);
	for (size_t k = 0; k < i->partner_count; k++)
		(void)fprintf(w->out, "tenant tenant-%s  %s  partner\n", i->partners[k],
			      i->partners[k]);
	if (i->disabled || i->any_outbound)
		return;
	(void)fprintf(w->out,
		      "\ngate own\ndeny   to foreign tenant  label tenant-isolation%s\n",
		      report_only(w));
}

static void put_firewall_head(const struct writer *w, const struct ip_firewall *f,
			      const char *environment)
{
	put_head(w, f->file);
	put_date(w, "");
	(void)fprintf(w->out, "# environment: %s\n", environment);
	(void)fprintf(
		w->out,
		"# IP firewall: %s%s, %zu ranges; applications %s, trusted services of "
		"Microsoft's %s\n",
		f->on ? "on" : "off", f->audit ? ", audit only" : "", f->range_count,
		f->applications ? "pass" : "are asked",
		f->trusted_services ? "pass" : "are asked");
	if (f->service_tags.len > 0) {
		(void)fputs(
			"# not enforced: service tags, which are no sources of ours: ",
			w->out);
		generated_text(w->out, f->service_tags);
		(void)fputc('\n', w->out);
	}
	(void)fputs("version 1\n", w->out);
}

static bool put_firewall(struct writer *w, const struct ip_firewall *f)
{
	const char *environment =
		f->environment[0] != '\0' ? f->environment : w->cfg->environment;
	const char *report = f->audit ? "  report-only" : report_only(w);
	const char *items[TENANT_RANGES_MAX];

	if (environment == NULL) {
		diag_error(w->d, f->at,
			   "this IP firewall does not say of which environment");
		diag_remedy(w->d, "--environment NAME, as rules call it");
		return false;
	}
	put_firewall_head(w, f, environment);
	if (!f->on)
		return true;
	for (size_t i = 0; i < f->range_count; i++)
		items[i] = f->ranges[i].p;
	(void)fputs("\ngate ip-firewall\n", w->out);
	if (f->range_count > 0) {
		(void)fprintf(
			w->out,
			"allow  label ip-firewall%s  to environment %s  from egress ",
			report, environment);
		put_items(w->out, items, f->range_count);
		(void)fputc('\n', w->out);
	}
	(void)fprintf(w->out, "deny   label ip-firewall%s  to environment %s\n", report,
		      environment);
	return true;
}

static void put_environments(const struct writer *w)
{
	put_head(w, w->t->environments->file);
	put_date(w, "");
	(void)fprintf(w->out, "# environments: %zu\nversion 1\n\n",
		      w->t->environment_count);
	for (const struct tenant_environment *e = w->t->environments; e != NULL;
	     e = e->next) {
		(void)fprintf(w->out, "environment %s  %s  own", e->name, e->guid);
		if (e->host.len > 0 && e->api_host.len > 0)
			(void)fprintf(w->out, "  host { \"%s\", \"%s\" }", e->host.p,
				      e->api_host.p);
		else if (e->host.len > 0)
			(void)fprintf(w->out, "  host \"%s\"", e->host.p);
		if (e->org[0] != '\0')
			(void)fprintf(w->out, "  org %s", e->org);
		(void)fputs("  # ", w->out);
		generated_text(w->out, e->title);
		(void)fputc('\n', w->out);
	}
}

/* ---- documents --------------------------------------------------------------------------- */

/* What may stand in the name of a file. */
static void add_slug(char *to, size_t size, struct str s)
{
	size_t n = strlen(to);

	for (size_t i = 0; i < s.len && n + 7 < size && i < 40; i++) {
		char c = s.p[i];

		if (ascii_is_alpha(c) || ascii_is_digit(c))
			to[n++] = ascii_lower(c);
		else if (n > 0 && to[n - 1] != '-')
			to[n++] = '-';
	}
	while (n > 1 && to[n - 1] == '-')
		n--;
	to[n] = '\0';
}

static const char *kind_word(const struct document *doc)
{
	switch (doc->kind) {
	case DOCUMENT_POLICY:
		break;
	case DOCUMENT_ISOLATION:
		return "isolation";
	case DOCUMENT_FIREWALL:
		return "ip-firewall-";
	case DOCUMENT_ENVIRONMENTS:
		return "environments";
	}
	return doc->policy->advanced ? "acp-" : "dlp-";
}

static void name_document(struct document *doc, size_t number)
{
	const char *word = kind_word(doc);
	char name[80] = "";
	struct str s = STR_NONE;

	if (doc->policy != NULL)
		s = doc->policy->guid[0] != '\0' ? str_of(doc->policy->guid)
						 : doc->policy->title;
	if (doc->firewall != NULL)
		s = str_of(doc->firewall->environment);
	add_slug(name, sizeof(name), s);
	if (name[0] == '\0' && (doc->policy != NULL || doc->firewall != NULL))
		(void)snprintf(name, sizeof(name), "%zu", number);
	(void)snprintf(doc->name, sizeof(doc->name), "%s%s.rules", word, name);
}

struct document *documents_of(const struct tenant *t, size_t *ret_count)
{
	struct document *list =
		calloc(t->policy_count + t->firewall_count + 3, sizeof(*list));
	size_t n = 0;

	if (list == NULL)
		return NULL;
	if (t->environment_count > 0)
		list[n++].kind = DOCUMENT_ENVIRONMENTS;
	if (t->isolation != NULL)
		list[n++].kind = DOCUMENT_ISOLATION;
	for (const struct ip_firewall *f = t->firewalls; f != NULL; f = f->next) {
		list[n].kind = DOCUMENT_FIREWALL;
		list[n++].firewall = f;
	}
	for (const struct dlp_policy *p = t->policies; p != NULL; p = p->next) {
		list[n].kind = DOCUMENT_POLICY;
		list[n++].policy = p;
	}
	for (size_t i = 0; i < n; i++)
		name_document(&list[i], i + 1);
	*ret_count = n;
	return list;
}

static bool put_document(struct writer *w, const struct document *doc)
{
	switch (doc->kind) {
	case DOCUMENT_POLICY:
		return put_policy(w, doc->policy);
	case DOCUMENT_ISOLATION:
		put_isolation(w, w->t->isolation);
		return true;
	case DOCUMENT_FIREWALL:
		return put_firewall(w, doc->firewall);
	case DOCUMENT_ENVIRONMENTS:
		put_environments(w);
		return true;
	}
	return false;
}

int document_print(const struct tenant *t, const struct document *doc,
		   const struct write_cfg *cfg, FILE *out, struct diag *d)
{
	size_t errors = diag_count(d, DIAG_ERROR), len = 0;
	struct writer w = {.t = t, .cfg = cfg, .d = d};
	char *text = NULL;
	bool fine;
	int rc = 0;

	w.out = open_memstream(&text, &len);
	if (w.out == NULL)
		return -ENOMEM;
	fine = put_document(&w, doc);
	if (fclose(w.out) != 0 || (!fine && diag_count(d, DIAG_ERROR) == errors)) {
		free(text);
		return -ENOMEM;
	}
	if (fine)
		rc = generated_seal((struct str){text, len}, out);
	free(text);
	return fine ? rc : -EINVAL;
}

int generated_seal(struct str text, FILE *out)
{
	uint8_t digest[32];
	char hex[65];

	digest_sha256(text.p, text.len, digest);
	hex_format(digest, 32, hex);
	(void)fwrite(text.p, 1, text.len, out);
	(void)fprintf(out, WRITE_LAST "%s\n", hex);
	return ferror(out) != 0 ? -EIO : 0;
}

enum generated generated_check(struct str text)
{
	static const char first[] = WRITE_FIRST "\n", last[] = WRITE_LAST;
	const size_t tail = sizeof(last) - 1 + 64 + 1;
	const char *line;
	uint8_t digest[32];
	char hex[65];

	if (text.len < sizeof(first) - 1 || memcmp(text.p, first, sizeof(first) - 1) != 0)
		return GENERATED_NOT;
	if (text.len < sizeof(first) - 1 + tail)
		return GENERATED_EDITED;
	line = text.p + text.len - tail;
	digest_sha256(text.p, text.len - tail, digest);
	hex_format(digest, 32, hex);
	return memcmp(line, last, sizeof(last) - 1) == 0 &&
			       memcmp(line + sizeof(last) - 1, hex, 64) == 0 &&
			       line[tail - 1] == '\n'
		       ? GENERATED_SOUND
		       : GENERATED_EDITED;
}
