/* SPDX-License-Identifier: Apache-2.0 */
#include "import/reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct tenant *tenant_create(void)
{
	struct arena *a = arena_create(TENANT_BYTES_MAX);
	struct tenant *t = a == NULL ? NULL : arena_alloc(a, sizeof(*t));

	if (t == NULL) {
		arena_destroy(a);
		return NULL;
	}
	t->arena = a;
	t->policies_end = &t->policies;
	t->loose_end = &t->loose;
	t->firewalls_end = &t->firewalls;
	t->environments_end = &t->environments;
	return t;
}

void tenant_destroy(struct tenant *t)
{
	if (t != NULL)
		arena_destroy(t->arena);
}

void *reading_take(struct reading *g, size_t size)
{
	void *p = arena_alloc(g->t->arena, size);

	if (p == NULL)
		diag_error(g->d, ((struct span){.file = g->text->name}), "out of memory");
	return p;
}

void reading_refuse(struct reading *g, struct span at, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	diag_error(g->d, at, "%s", text);
}

bool reading_text(struct reading *g, const struct node *o, const char *key,
		  struct str *ret)
{
	const struct node *n = tree_get(o, key);

	if (n != NULL && n->kind == JSON_READ_STRING) {
		*ret = n->text;
		return true;
	}
	if (n == NULL)
		reading_refuse(g, o->at, "\"%s\" is missing in this object", key);
	else
		reading_refuse(g, n->at, "\"%s\" must be a string, not %s", key,
			       json_kind_name(n->kind));
	diag_remedy(g->d, "the export as Microsoft's tool wrote it");
	return false;
}

/* ---- words ------------------------------------------------------------------------------- */

const char *data_group_name(enum data_group g)
{
	static const char *const names[] = {
		[DATA_GROUP_BUSINESS] = "business",
		[DATA_GROUP_GENERAL] = "general",
		[DATA_GROUP_BLOCKED] = "blocked",
		[DATA_GROUP_IGNORE] = "ignore",
		[DATA_GROUP_COUNT] = "",
	};

	return names[g];
}

bool data_group_find(struct str word, enum data_group *ret)
{
	static const struct {
		const char *word;
		enum data_group group;
	} words[] = {
		{"Confidential", DATA_GROUP_BUSINESS},
		{"Business", DATA_GROUP_BUSINESS},
		{"hbi", DATA_GROUP_BUSINESS},
		{"General", DATA_GROUP_GENERAL},
		{"NonBusiness", DATA_GROUP_GENERAL},
		{"Non-Business", DATA_GROUP_GENERAL},
		{"lbi", DATA_GROUP_GENERAL},
		{"Blocked", DATA_GROUP_BLOCKED},
		{"Ignore", DATA_GROUP_IGNORE},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_equal_fold(word, str_of(words[i].word))) {
			*ret = words[i].group;
			return true;
		}
	return false;
}

static bool is_guid(const char *p)
{
	for (size_t i = 0; i < GUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? p[i] != '-' : !ascii_is_hex(p[i]))
			return false;
	}
	return true;
}

bool guid_in(struct str s, char ret[GUID_LEN + 1])
{
	for (size_t i = 0; s.len >= GUID_LEN && i <= s.len - GUID_LEN; i++) {
		if (!is_guid(s.p + i))
			continue;
		for (size_t k = 0; k < GUID_LEN; k++)
			ret[k] = ascii_lower(s.p[i + k]);
		ret[GUID_LEN] = '\0';
		return true;
	}
	return false;
}

void date_of(struct str s, char ret[11])
{
	bool fine = s.len >= 10;

	for (size_t i = 0; fine && i < 10; i++)
		fine = i == 4 || i == 7 ? s.p[i] == '-' : ascii_is_digit(s.p[i]);
	ret[0] = '\0';
	if (fine) {
		memcpy(ret, s.p, 10);
		ret[10] = '\0';
	}
}

bool reading_connector_id(struct reading *g, const struct node *o, const char *key,
			  struct str *ret)
{
	const struct node *n = tree_get(o, key);
	struct str s;
	bool fine;

	if (!reading_text(g, o, key, &s))
		return false;
	for (size_t i = s.len; i > 0; i--)
		if (s.p[i - 1] == '/') {
			s = (struct str){s.p + i, s.len - i};
			break;
		}
	fine = s.len > 0 && s.len <= TENANT_ID_MAX;
	for (size_t i = 0; fine && i < s.len; i++)
		fine = s.p[i] > ' ' && s.p[i] < 0x7f &&
		       strchr("\"#$<>{},=\\", s.p[i]) == NULL;
	if (fine) {
		*ret = s;
		return true;
	}
	reading_refuse(g, n->at, "this cannot be the id of a connector");
	diag_remedy(g->d,
		    "/providers/Microsoft.PowerApps/apis/NAME, NAME of at most %d "
		    "letters, digits and .-_",
		    TENANT_ID_MAX);
	return false;
}

struct dlp_policy *reading_policy(struct reading *g, const struct node *o,
				  const char *shape)
{
	struct dlp_policy *p;

	if (g->t->policy_count == TENANT_POLICIES_MAX) {
		reading_refuse(g, o->at, "more than %d policies", TENANT_POLICIES_MAX);
		diag_remedy(g->d, "fewer files at a time");
		return NULL;
	}
	p = reading_take(g, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->shape = shape;
	p->at = o->at;
	p->other = DATA_GROUP_GENERAL;
	p->files = reading_take(g, sizeof(*p->files));
	if (p->files == NULL)
		return NULL;
	*p->files = *g->file; /* its own: tenant_join() adds others behind it */
	*g->t->policies_end = p;
	g->t->policies_end = &p->next;
	g->t->policy_count++;
	return p;
}

/* ---- ordered rules ----------------------------------------------------------------------- */

static int by_order(const void *x, const void *y)
{
	const struct tenant_rule *const *a = x, *const *b = y;

	if ((*a)->order != (*b)->order)
		return (*a)->order < (*b)->order ? -1 : 1;
	return 0;
}

static bool sort_rules(struct reading *g, struct tenant_rules *r)
{
	struct tenant_rule **list =
		reading_take(g, (r->count + 1) * sizeof(struct tenant_rule *));
	size_t n = 0;
	bool fine = true;

	if (list == NULL)
		return false;
	for (struct tenant_rule *one = r->first; one != NULL; one = one->next)
		list[n++] = one;
	qsort(list, n, sizeof(struct tenant_rule *), by_order);
	for (size_t i = 0; i < n; i++) {
		list[i]->next = i + 1 < n ? list[i + 1] : NULL;
		if (i > 0 && list[i]->order == list[i - 1]->order) {
			reading_refuse(g, list[i]->at, "two rules have the order %u",
				       (unsigned)list[i]->order);
			diag_note(g->d, "the other one is on line %u",
				  list[i - 1]->at.line);
			diag_remedy(g->d, "orders 1, 2, 3, ..., each once");
			fine = false;
		} else if (i == 0 && list[i]->order != 1) {
			diag_add(g->d, DIAG_WARNING, list[i]->at, "order-gap",
				 "the first order is %u, not 1: is a rule missing?",
				 (unsigned)list[i]->order);
		} else if (i > 0 && list[i]->order != list[i - 1]->order + 1) {
			diag_add(g->d, DIAG_WARNING, list[i]->at, "order-gap",
				 "order %u follows %u: is a rule missing?",
				 (unsigned)list[i]->order, (unsigned)list[i - 1]->order);
		}
	}
	r->first = n == 0 ? NULL : list[0];
	return fine;
}

static struct tenant_rule *last_rule(const struct tenant_rules *r)
{
	struct tenant_rule *last = r->first;

	while (last != NULL && last->next != NULL)
		last = last->next;
	return last;
}

/* Microsoft's lists end with "*": what is behind the last line is otherwise a guess. */
static bool end_rules(struct reading *g, struct tenant_rules *r, struct span list,
		      bool patterns)
{
	struct tenant_rule *last = last_rule(r), *added;
	const char *what = patterns ? "Ignore" : "Allow";

	if (last != NULL && str_equal(last->pattern, STR("*")))
		return true;
	if (!g->cfg->lenient) {
		reading_refuse(g, last == NULL ? list : last->at,
			       "the last rule of this list is not \"*\"");
		diag_remedy(g->d,
			    "the whole list, or --lenient to add  * %s  as "
			    "Microsoft's default",
			    what);
		return false;
	}
	diag_add(g->d, DIAG_WARNING, last == NULL ? list : last->at, "no-final-star",
		 "the last rule of this list is not \"*\": added  * %s", what);
	added = reading_take(g, sizeof(*added));
	if (added == NULL)
		return false;
	*added = (struct tenant_rule){.order = last == NULL ? 1 : last->order + 1,
				      .allow = true,
				      .group = DATA_GROUP_IGNORE,
				      .added = true,
				      .pattern = STR("*"),
				      .at = last == NULL ? list : last->at};
	if (last == NULL)
		r->first = added;
	else
		last->next = added;
	r->count++;
	return true;
}

bool reading_finish_rules(struct reading *g, struct tenant_rules *r, struct span list,
			  bool patterns)
{
	if (!sort_rules(g, r) || !end_rules(g, r, list, patterns))
		return false;
	for (const struct tenant_rule *one = r->first; patterns && one != NULL;
	     one = one->next)
		if (one->group == DATA_GROUP_IGNORE && one->next != NULL) {
			reading_refuse(g, one->at,
				       "only the last pattern, \"*\", may be Ignore");
			diag_remedy(g->d, "Confidential, General or Blocked");
			return false;
		}
	return true;
}

/* ---- joining ----------------------------------------------------------------------------- */

static void add_file(struct tenant *t, struct dlp_policy *p, const struct tenant_file *f)
{
	struct tenant_file **end = &p->files, *copy;

	for (; *end != NULL; end = &(*end)->next)
		if (strcmp((*end)->sha256, f->sha256) == 0 &&
		    strcmp((*end)->name, f->name) == 0)
			return;
	copy = arena_alloc(t->arena, sizeof(*copy));
	if (copy == NULL)
		return;
	*copy = *f;
	copy->next = NULL;
	*end = copy;
}

static struct dlp_policy *policy_of(const struct tenant *t, const char *guid)
{
	for (struct dlp_policy *p = t->policies; p != NULL; p = p->next)
		if (!p->advanced && strcmp(p->guid, guid) == 0)
			return p;
	return NULL;
}

/* Leave out what is not asked for. */
static bool keep_policy(struct tenant *t, const char *guid, struct diag *d)
{
	struct dlp_policy **at = &t->policies;
	bool any = t->policies != NULL, named = false;

	while (*at != NULL) {
		struct dlp_policy *p = *at;

		named = named || p->guid[0] != '\0';
		if (strcmp(p->guid, guid) == 0 ||
		    (p->guid[0] == '\0' && t->policy_count == 1)) {
			if (p->guid[0] == '\0')
				memcpy(p->guid, guid, sizeof(p->guid));
			at = &p->next;
		} else {
			*at = p->next;
		}
	}
	t->policies_end = at;
	t->isolation = NULL; /* that policy alone */
	t->firewalls = NULL;
	t->environments = NULL;
	t->firewall_count = t->environment_count = 0;
	if (any && t->policies == NULL && named) {
		diag_error(d, ((struct span){.file = "--policy"}),
			   "no policy %s is in these files", guid);
		return false;
	}
	return true;
}

/* A policy that holds nothing but lists: its own groups were not among the files. */
static struct dlp_policy *lone(struct tenant *t, const struct tenant_loose *l,
			       const char *guid)
{
	struct dlp_policy *p = arena_alloc(t->arena, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->only_lists = true;
	p->other = DATA_GROUP_GENERAL;
	p->at = l->at;
	p->shape = "lists without their policy";
	memcpy(p->guid, guid, sizeof(p->guid));
	*t->policies_end = p;
	t->policies_end = &p->next;
	t->policy_count++;
	return p;
}

static bool give(struct tenant *t, struct dlp_policy *p, struct tenant_loose *l,
		 struct diag *d)
{
	bool lists = l->lists.count > 0 || l->lists.action_rules > 0;

	if ((lists && (p->lists.count > 0 || p->lists.action_rules > 0)) ||
	    (l->patterns.count > 0 && p->patterns.count > 0)) {
		diag_error(d, l->at, "policy %s has %s already",
			   p->guid[0] == '\0' ? "(without a GUID)" : p->guid,
			   lists ? "its connector configurations" : "its URL patterns");
		diag_remedy(d, "one file of each, and --policy GUID to say of which");
		return false;
	}
	if (lists)
		p->lists = l->lists;
	if (l->patterns.count > 0)
		p->patterns = l->patterns;
	add_file(t, p, l->file);
	return true;
}

/* Policies that lists could belong to: those of the classic kind. */
static size_t classic_count(const struct tenant *t, struct dlp_policy **ret)
{
	size_t n = 0;

	for (struct dlp_policy *p = t->policies; p != NULL; p = p->next)
		if (!p->advanced) {
			n++;
			*ret = p;
		}
	return n;
}

/* The file is named for a policy that is not here, and others are. */
static bool refuse_stranger(const struct tenant_loose *l, const struct dlp_policy *p,
			    size_t count, struct diag *d)
{
	char others[32] = "";

	if (count > 1)
		(void)snprintf(others, sizeof(others), " and %zu more", count - 1);
	diag_error(d, l->at,
		   "the file is named for policy %s, which is not among these files: "
		   "they have %s%s",
		   l->guid, p->guid, others);
	diag_remedy(d, "that policy's own file beside it, or --policy GUID and a name "
		       "without a GUID");
	return false;
}

static bool join_one(struct tenant *t, struct tenant_loose *l, const char *guid,
		     struct diag *d)
{
	struct dlp_policy *p = NULL;
	size_t n;

	if (guid == NULL && l->guid[0] != '\0')
		p = policy_of(t, l->guid);
	if (p == NULL) {
		n = classic_count(t, &p);
		if (n > 0 && guid == NULL && l->guid[0] != '\0' && p->guid[0] != '\0')
			return refuse_stranger(l, p, n, d);
		if (n > 1) {
			diag_error(d, l->at,
				   "which of the %zu policies does this belong to? The "
				   "file does not say",
				   n);
			diag_remedy(d, "--policy GUID, or the policy's GUID in the name "
				       "of the file");
			return false;
		}
		if (n == 0)
			p = lone(t, l, guid != NULL ? guid : l->guid);
	}
	if (p == NULL) {
		diag_error(d, l->at, "out of memory");
		return false;
	}
	return give(t, p, l, d);
}

bool tenant_join(struct tenant *t, const char *policy, struct diag *d)
{
	bool fine = policy == NULL || keep_policy(t, policy, d);

	for (struct tenant_loose *l = t->loose; fine && l != NULL; l = l->next)
		if (policy == NULL || l->guid[0] == '\0' || strcmp(l->guid, policy) == 0)
			fine = join_one(t, l, policy, d);
	for (const struct dlp_policy *p = t->policies; fine && p != NULL; p = p->next)
		for (const struct dlp_policy *o = t->policies; o != p; o = o->next)
			if (p->guid[0] != '\0' && strcmp(o->guid, p->guid) == 0) {
				diag_error(d, p->at, "policy %s is in these files twice",
					   p->guid);
				diag_remedy(d, "the newer one alone");
				fine = false;
				break;
			}
	return fine;
}
