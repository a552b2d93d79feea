/* SPDX-License-Identifier: Apache-2.0 */
#include "import/facts.h"

#include <errno.h>
#include <stdlib.h>

/* What the lines between braces are. */
enum block {
	BLOCK_NONE = 0,
	BLOCK_SKIPPED,
	BLOCK_CONNECTORS,
	BLOCK_RANGES
};

struct fact_reading {
	struct facts *f;
	enum block block;
	struct str group; /* of BLOCK_CONNECTORS: the label of the statement */
	struct str list;  /* that endpoint lines belong to; absent = none */
	bool custom;      /* ... that of custom connectors */
	bool scope;       /* environments of the scope follow in comments */
	int rc;
};

const char *facts_kind_name(enum facts_kind k)
{
	switch (k) {
	case FACTS_NONE:
		break;
	case FACTS_POLICY:
		return "policy";
	case FACTS_ISOLATION:
		return "tenant isolation";
	case FACTS_FIREWALL:
		return "IP firewall";
	case FACTS_ENVIRONMENTS:
		return "environments";
	}
	return "other";
}

void facts_finish(struct facts *f)
{
	free(f->list);
	*f = (struct facts){0};
}

/* ---- words ------------------------------------------------------------------------------- */

/* Takes `head` off; false: it does not begin so. */
static bool take(struct str *s, const char *head)
{
	size_t n = strlen(head);

	if (s->len < n || memcmp(s->p, head, n) != 0)
		return false;
	*s = (struct str){s->p + n, s->len - n};
	return true;
}

/* The next word, taken off; blanks before it are passed over. */
static struct str word(struct str *s)
{
	size_t from = 0, n = 0;
	struct str w;

	while (from < s->len && s->p[from] == ' ')
		from++;
	while (from + n < s->len && s->p[from + n] != ' ')
		n++;
	w = (struct str){s->p + from, n};
	*s = (struct str){s->p + from + n, s->len - from - n};
	return w;
}

static size_t find(struct str s, const char *what)
{
	const char *at = s.len == 0 ? NULL : memmem(s.p, s.len, what, strlen(what));

	return at == NULL ? s.len : (size_t)(at - s.p);
}

/* What stands before the first `what`. */
static struct str before(struct str s, const char *what)
{
	return (struct str){s.p, find(s, what)};
}

/* What stands behind it; empty when it is not there. */
static struct str behind(struct str s, const char *what)
{
	size_t at = find(s, what), n = strlen(what);

	return at == s.len ? (struct str){s.p, 0}
			   : (struct str){s.p + at + n, s.len - at - n};
}

static void add(struct fact_reading *g, const char *what, struct str list,
		struct str name, struct str value)
{
	struct facts *f = g->f;

	if (g->rc != 0)
		return;
	if (f->count == FACTS_MAX) {
		g->rc = -E2BIG;
		return;
	}
	if (f->count == f->room) {
		size_t room = f->room == 0 ? 256 : f->room * 2;
		struct fact *l = reallocarray(f->list, room, sizeof(*l));

		if (l == NULL) {
			g->rc = -ENOMEM;
			return;
		}
		f->list = l;
		f->room = room;
	}
	f->list[f->count++] =
		(struct fact){.what = what, .list = list, .name = name, .value = value};
}

/* ---- comments ---------------------------------------------------------------------------- */

static void read_policy(struct fact_reading *g, struct str s)
{
	struct str id = word(&s);

	g->f->kind = FACTS_POLICY;
	if (!str_equal(id, STR("-")))
		g->f->id = id;
	g->f->title = before(behind(s, "\""), "\"");
	add(g, "policy", STR_NONE, STR("name"), g->f->title);
}

/* "on, audit only, 3 ranges; applications pass, ...": the ranges are facts of their own. */
static void read_firewall(struct fact_reading *g, struct str s)
{
	struct str first = before(s, "; "), rest = behind(s, "; ");
	size_t end = first.len;

	while (end > 0 && first.p[end - 1] != ',')
		end--;
	g->f->kind = FACTS_FIREWALL;
	first.len = end > 0 ? end - 1 : first.len;
	add(g, "firewall", STR_NONE, STR("state"), first);
	add(g, "firewall", STR_NONE, STR("settings"), rest);
}

/* "# business someConnector": one that the catalogue did not know. */
static void read_unknown(struct fact_reading *g, struct str s)
{
	struct str group = word(&s), id = word(&s);

	if (id.len > 0)
		add(g, "connector", STR_NONE, id, group);
}

/* `shared_sql deny "DeleteItem_V2"`, `shared_sql allow all others`. */
static void read_action(struct fact_reading *g, struct str s)
{
	struct str connector = word(&s), behavior = word(&s);
	bool named = find(s, "\"") < s.len;

	if (connector.len > 0)
		add(g, "action", connector,
		    named ? before(behind(s, "\""), "\"") : STR("(all others)"),
		    behavior);
}

static void read_endpoint(struct fact_reading *g, struct str s);

/* The first line of a file of policies may lack all of these: its `list` and groups tell. */
static void read_comment(struct fact_reading *g, struct str s)
{
	if (take(&s, "\t")) {
		if (g->list.p != NULL)
			read_endpoint(g, s);
		else
			read_unknown(g, s);
		return;
	}
	if (g->scope && take(&s, "   ")) {
		if (!take(&s, "so the lines"))
			add(g, "scope", STR_NONE, s, STR("named"));
		return;
	}
	g->scope = false;
	g->list = STR_NONE;
	if (!take(&s, " "))
		return;
	if (take(&s, "policy: ")) {
		read_policy(g, s);
	} else if (take(&s, "shape: ")) {
		g->f->kind = FACTS_POLICY;
	} else if (take(&s, "scope: ")) {
		g->scope = true;
		add(g, "scope", STR_NONE, STR("kind"), s);
	} else if (take(&s, "all other connectors: ")) {
		add(g, "other connectors", STR_NONE, STR("group"), s);
	} else if (take(&s, "tenant isolation of ")) {
		g->f->kind = FACTS_ISOLATION;
		add(g, "isolation", STR_NONE, before(s, ": "), behind(s, ": "));
	} else if (take(&s, "IP firewall: ")) {
		read_firewall(g, s);
	} else if (take(&s, "environment: ")) {
		g->f->id = s;
	} else if (take(&s, "environments: ")) {
		g->f->kind = FACTS_ENVIRONMENTS;
	} else if (take(&s, "not enforced: service tags")) {
		add(g, "firewall", STR_NONE, STR("service tags"), behind(s, ": "));
	} else if (take(&s, "action ")) {
		read_action(g, s);
	} else if (take(&s, "list ")) {
		g->list = before(s, ":");
		g->custom = false;
	}
}

/* ---- statements -------------------------------------------------------------------------- */

/* ` 1 allow  "PATTERN"`, ` 1 group business  "PATTERN"`. */
static void read_endpoint(struct fact_reading *g, struct str s)
{
	struct str number = word(&s), action = word(&s), pattern;

	if (number.len == 0 || !ascii_is_digit(number.p[0]))
		return;
	if (str_equal(action, STR("group")))
		action = word(&s);
	pattern = before(behind(s, "\""), "\"");
	add(g, g->custom ? "URL pattern" : "endpoint", g->list, pattern, action);
}

/* A line between braces: "\tITEM, \". */
static void read_item(struct fact_reading *g, struct str s)
{
	struct str item = before(before(str_trim(s), " \\"), ",");

	if (g->block == BLOCK_CONNECTORS)
		add(g, "connector", STR_NONE, item, g->group);
	else if (g->block == BLOCK_RANGES)
		add(g, "range", STR_NONE, item, STR("allowed"));
}

/* `{ \` at the end of a line: of what is the list?  By the word before it. */
static void open_block(struct fact_reading *g, struct str line)
{
	struct str s = {line.p, line.len - 3};
	size_t n = 0;

	s = str_trim(s);
	while (n < s.len && s.p[s.len - 1 - n] != ' ')
		n++;
	s = (struct str){s.p + s.len - n, n};
	g->block = BLOCK_SKIPPED;
	if (str_equal(s, STR("connector")) && !str_equal(g->group, STR("unblockable")))
		g->block = BLOCK_CONNECTORS;
	else if (str_equal(s, STR("egress")))
		g->block = BLOCK_RANGES;
}

/* Of files of before "# environment:" was written. */
static void read_target(struct fact_reading *g, struct str line)
{
	struct str s = behind(line, "to environment ");

	if (g->f->kind == FACTS_FIREWALL && g->f->id.p == NULL && s.len > 0)
		g->f->id = word(&s);
}

static void read_environment(struct fact_reading *g, struct str s)
{
	struct str name = word(&s), guid = word(&s);
	struct str value = {name.p, (size_t)(s.p + s.len - name.p)};

	if (g->f->kind == FACTS_ENVIRONMENTS)
		add(g, "environment", STR_NONE, guid, value);
}

static void read_tenant(struct fact_reading *g, struct str s)
{
	struct str guid;

	(void)word(&s);
	guid = word(&s);
	if (g->f->kind == FACTS_ISOLATION)
		add(g, "tenant", STR_NONE, guid, str_trim(s));
}

static void read_statement(struct fact_reading *g, struct str line)
{
	struct str s = line;

	if (take(&s, "list ")) {
		g->list = word(&s);
		g->custom = str_equal(g->list, STR("custom-connectors"));
		return;
	}
	if (g->list.p != NULL && line.len > 0 &&
	    (line.p[0] == ' ' || ascii_is_digit(line.p[0]))) {
		read_endpoint(g, line);
		return;
	}
	g->list = STR_NONE;
	if (take(&s, "environment "))
		read_environment(g, s);
	else if (take(&s, "tenant "))
		read_tenant(g, s);
	if (take(&s, "allow  label ") || take(&s, "deny   label "))
		g->group = word(&s);
	read_target(g, line);
}

static void read_line(struct fact_reading *g, struct str line)
{
	bool opens = line.len >= 3 && memcmp(line.p + line.len - 3, "{ \\", 3) == 0;

	if (g->block != BLOCK_NONE && line.len > 0 && line.p[0] == '\t') {
		read_item(g, line);
		return;
	}
	g->block = BLOCK_NONE;
	if (line.len > 0 && line.p[0] == '#')
		read_comment(g, (struct str){line.p + 1, line.len - 1});
	else if (line.len > 0 && line.p[0] != '}')
		read_statement(g, line);
	if (opens)
		open_block(g, line);
}

int facts_read(struct str text, struct facts *ret)
{
	struct fact_reading g = {.f = ret};
	size_t pos = 0;

	*ret = (struct facts){0};
	while (pos < text.len && g.rc == 0) {
		const char *start = text.p + pos;
		const char *nl = memchr(start, '\n', text.len - pos);
		size_t len = nl == NULL ? text.len - pos : (size_t)(nl - start);
		struct str line = {start, len};

		pos += len + 1;
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		read_line(&g, line);
	}
	return g.rc;
}

/* ---- comparing --------------------------------------------------------------------------- */

static int by_bytes(struct str a, struct str b, bool fold)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = 0;

	for (size_t i = 0; c == 0 && i < n; i++)
		c = fold ? (uint8_t)ascii_lower(a.p[i]) - (uint8_t)ascii_lower(b.p[i])
			 : (uint8_t)a.p[i] - (uint8_t)b.p[i];
	if (c != 0)
		return c;
	return a.len < b.len ? -1 : a.len > b.len;
}

/* Connectors are told apart without letter case, patterns with it. */
static int by_key(const struct fact *a, const struct fact *b)
{
	int c = strcmp(a->what, b->what);

	if (c == 0)
		c = by_bytes(a->list, b->list, true);
	if (c == 0)
		c = by_bytes(a->name, b->name, a->list.p == NULL);
	return c;
}

static int by_key_and_place(const void *x, const void *y)
{
	const struct fact *const *a = x, *const *b = y;
	int c = by_key(*a, *b);

	if (c != 0)
		return c;
	return *a < *b ? -1 : *a > *b;
}

/* Sorted, each key once; NULL = out of memory. */
static const struct fact **sorted(const struct facts *f, size_t *ret_count)
{
	const struct fact **list = calloc(f->count + 1, sizeof(struct fact *));
	size_t n = 0;

	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < f->count; i++)
		list[i] = &f->list[i];
	qsort(list, f->count, sizeof(struct fact *), by_key_and_place);
	for (size_t i = 0; i < f->count; i++)
		if (n == 0 || by_key(list[n - 1], list[i]) != 0)
			list[n++] = list[i];
	*ret_count = n;
	return list;
}

struct comparing {
	const struct facts *old, *fresh;
	const struct fact **partner; /* of each of old->list, in fresh; NULL = none */
	facts_each *each;
	void *arg;
	size_t count;
};

static void tell(struct comparing *c, enum fact_change change, const struct fact *a,
		 const struct fact *b)
{
	c->count++;
	c->each(c->arg, change, a, b);
}

static void merge(struct comparing *c, const struct fact **a, size_t a_count,
		  const struct fact **b, size_t b_count)
{
	size_t i = 0, k = 0;

	while (i < a_count || k < b_count) {
		int o = i == a_count ? 1 : k == b_count ? -1 : by_key(a[i], b[k]);

		if (o == 0) {
			c->partner[a[i] - c->old->list] = b[k];
			if (!str_equal(a[i]->value, b[k]->value))
				tell(c, FACT_CHANGED, a[i], b[k]);
		} else if (o < 0) {
			tell(c, FACT_REMOVED, a[i], NULL);
		} else {
			tell(c, FACT_ADDED, NULL, b[k]);
		}
		i += o <= 0;
		k += o >= 0;
	}
}

static bool is_ordered(const struct fact *f)
{
	return strcmp(f->what, "endpoint") == 0 || strcmp(f->what, "URL pattern") == 0;
}

/* Lines of a list that both have, in another order: told once a list. */
static void find_orders(struct comparing *c)
{
	const struct fact *last = NULL, *told = NULL;

	for (size_t i = 0; i < c->old->count; i++) {
		const struct fact *f = &c->old->list[i], *p = c->partner[i];

		if (p == NULL || !is_ordered(f))
			continue;
		if (last != NULL && (strcmp(last->what, p->what) != 0 ||
				     by_bytes(last->list, p->list, true) != 0))
			last = told = NULL;
		if (last != NULL && p < last && told == NULL) {
			tell(c, FACT_REORDERED, f, p);
			told = p;
		}
		last = p;
	}
}

int facts_compare(const struct facts *old, const struct facts *fresh, facts_each *each,
		  void *arg, size_t *ret)
{
	struct comparing c = {.old = old, .fresh = fresh, .each = each, .arg = arg};
	size_t a_count = 0, b_count = 0;
	const struct fact **a = sorted(old, &a_count), **b = sorted(fresh, &b_count);
	int rc = -ENOMEM;

	c.partner = calloc(old->count + 1, sizeof(struct fact *));
	if (a != NULL && b != NULL && c.partner != NULL) {
		merge(&c, a, a_count, b, b_count);
		find_orders(&c);
		*ret = c.count;
		rc = 0;
	}
	free(a);
	free(b);
	free(c.partner);
	return rc;
}
