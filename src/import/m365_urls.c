/* SPDX-License-Identifier: Apache-2.0 */
#include "import/m365_urls.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "import/tree.h"
#include "import/write.h"
#include "match/suffix.h"

struct urls_reading {
	struct m365_urls *m;
	struct diag *d;
	void *seen; /* tree of "area item": tsearch(3) */
	bool no_memory;
};

static void refuse(struct urls_reading *g, const struct node *at, const char *what,
		   const char *remedy)
{
	diag_error(g->d, at->at, "%s", what);
	diag_remedy(g->d, "%s", remedy);
}

/* ---- items ------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void keep_key(void *key)
{
	(void)key; /* the arena's */
}

/* Has this area had the item before?  Remembers it. */
static bool is_again(struct urls_reading *g, const char *area, struct str s)
{
	char key[SUFFIX_PATTERN_MAX + 50];
	int n = snprintf(key, sizeof(key), "%s %.*s", area, (int)s.len, s.p);
	char *kept;
	void *found;

	if (tfind(key, &g->seen, by_text) != NULL)
		return true;
	kept = arena_strndup(g->m->arena, key, n < 0 ? 0 : (size_t)n);
	found = kept == NULL ? NULL : tsearch(kept, &g->seen, by_text);
	g->no_memory = g->no_memory || found == NULL;
	return false;
}

static void add_item(struct urls_reading *g, struct m365_entry *e, struct str s,
		     bool range)
{
	struct m365_item *it = arena_alloc(g->m->arena, sizeof(*it));
	char *copy = arena_strndup(g->m->arena, s.p, s.len);

	if (it == NULL || copy == NULL) {
		g->no_memory = true;
		return;
	}
	for (char *c = copy; *c != '\0'; c++)
		*c = ascii_lower(*c);
	*it = (struct m365_item){.text = {copy, s.len}, .range = range};
	it->again = is_again(g, e->area, it->text);
	*e->items_end = it;
	e->items_end = &it->next;
	if (it->again)
		return;
	e->hosts += !range;
	e->ranges += range;
	g->m->hosts += !range;
	g->m->ranges += range;
}

static void read_host(struct urls_reading *g, struct m365_entry *e, const struct node *n)
{
	size_t at;

	if (suffix_check(n->text, &at) != SUFFIX_FINE ||
	    memchr(n->text.p, '.', n->text.len) == NULL)
		refuse(g, n, "this is no host name or pattern",
		       "a name such as \"*.office.com\"; of the list only what it names "
		       "is taken");
	else
		add_item(g, e, n->text, false);
}

static void read_range(struct urls_reading *g, struct m365_entry *e, const struct node *n)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix p;

	if (prefix_parse(n->text.p, n->text.len, &p) != PREFIX_OK) {
		refuse(g, n, "this is no address range",
		       "a range such as \"13.107.6.152/31\"");
		return;
	}
	add_item(g, e, (struct str){text, prefix_format(&p, text)}, true);
}

static void read_items(struct urls_reading *g, struct m365_entry *e,
		       const struct node *list,
		       void (*read)(struct urls_reading *g, struct m365_entry *e,
				    const struct node *n))
{
	for (const struct node *n = tree_first(list); n != NULL && !g->no_memory;
	     n = tree_next(list, n)) {
		if (g->m->hosts + g->m->ranges == M365_ITEMS_MAX) {
			refuse(g, n, "more than 20,000 hosts and ranges",
			       "the list of one service area");
			return;
		}
		if (n->kind != JSON_READ_STRING || n->text.len == 0)
			refuse(g, n, "expected a string here", "\"*.office.com\"");
		else
			read(g, e, n);
	}
}

/* ---- entries ----------------------------------------------------------------------------- */

static bool read_area(struct urls_reading *g, const struct node *o, struct m365_entry *e)
{
	struct str s = tree_text(o, "serviceArea");
	size_t n = 0;

	for (; n < s.len && n < sizeof(e->area) - 1; n++) {
		if (!ascii_is_alpha(s.p[n]) && !ascii_is_digit(s.p[n]))
			break;
		e->area[n] = ascii_lower(s.p[n]);
	}
	if (n > 0 && n == s.len)
		return true;
	refuse(g, o, "an entry without a service area",
	       "the JSON of https://endpoints.office.com/endpoints/worldwide");
	return false;
}

static bool is_true(const struct node *n)
{
	return n != NULL && n->kind == JSON_READ_TRUE;
}

static void read_entry(struct urls_reading *g, const struct node *o)
{
	struct m365_entry *e = arena_alloc(g->m->arena, sizeof(*e));
	const struct node *id = tree_get(o, "id");
	uint64_t number;

	if (e == NULL) {
		g->no_memory = true;
		return;
	}
	*e = (struct m365_entry){.items_end = &e->items};
	if (!read_area(g, o, e))
		return;
	if (id == NULL || id->kind != JSON_READ_NUMBER ||
	    !parse_u64(id->text, UINT32_MAX, &number)) {
		refuse(g, id == NULL ? o : id, "an entry without its number",
		       "\"id\": 1");
		return;
	}
	e->id = (uint32_t)number;
	e->title = tree_text(o, "serviceAreaDisplayName");
	e->category = tree_text(o, "category");
	e->tcp = tree_text(o, "tcpPorts");
	e->udp = tree_text(o, "udpPorts");
	e->required = is_true(tree_get(o, "required"));
	read_items(g, e, tree_get(o, "urls"), read_host);
	read_items(g, e, tree_get(o, "ips"), read_range);
	*g->m->entries_end = e;
	g->m->entries_end = &e->next;
	g->m->entry_count++;
}

static void read_all(struct urls_reading *g, const struct node *root)
{
	const struct node *first = tree_first(root);

	if (root->kind != JSON_READ_ARRAY || first == NULL ||
	    tree_get(first, "serviceArea") == NULL) {
		refuse(g, root,
		       "no list of Microsoft 365 endpoints: an array of objects "
		       "with \"serviceArea\"",
		       "the JSON of https://endpoints.office.com/endpoints/worldwide"
		       "?clientrequestid=GUID");
		return;
	}
	for (const struct node *n = first; n != NULL && !g->no_memory;
	     n = tree_next(root, n)) {
		if (g->m->entry_count == M365_ENTRIES_MAX) {
			refuse(g, n, "more than 2,000 entries",
			       "the list of one service area");
			return;
		}
		if (n->kind == JSON_READ_OBJECT)
			read_entry(g, n);
		else
			refuse(g, n, "expected an object here",
			       "{\"id\": 1, \"serviceArea\": \"Exchange\", ..}");
	}
}

static struct m365_urls *create(const struct tenant_text *text)
{
	struct m365_urls *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->entries_end = &m->entries;
	m->arena = arena_create(TENANT_BYTES_MAX);
	if (m->arena == NULL || !tenant_file_fill(&m->file, text, m->arena)) {
		m365_urls_destroy(m);
		return NULL;
	}
	return m;
}

struct m365_urls *m365_urls_read(const struct tenant_text *text, struct diag *d)
{
	struct urls_reading g = {.m = create(text), .d = d};
	size_t errors = diag_count(d, DIAG_ERROR);
	const struct span whole = {.file = text->name};
	const struct node *root = NULL;

	g.no_memory = g.m == NULL;
	if (g.m != NULL)
		root = tree_parse(text->name, text->text, g.m->arena, d);
	if (root != NULL)
		read_all(&g, root);
	tdestroy(g.seen, keep_key);
	if (g.no_memory)
		diag_error(d, whole, "out of memory");
	if (diag_count(d, DIAG_ERROR) == errors && root != NULL)
		return g.m;
	m365_urls_destroy(g.m);
	return NULL;
}

void m365_urls_destroy(struct m365_urls *m)
{
	if (m == NULL)
		return;
	arena_destroy(m->arena);
	free(m);
}

/* ---- writing ----------------------------------------------------------------------------- */

/* Has an earlier entry begun this table? */
static bool has_begun(const struct m365_urls *m, const struct m365_entry *e, bool range)
{
	for (const struct m365_entry *o = m->entries; o != e; o = o->next)
		if (strcmp(o->area, e->area) == 0 && (range ? o->ranges : o->hosts) > 0)
			return true;
	return false;
}

static void put_table(const struct m365_urls *m, const struct m365_entry *e, bool range,
		      FILE *out)
{
	size_t left = range ? e->ranges : e->hosts;

	if (left == 0)
		return;
	(void)fprintf(out, "table <m365-%s%s>%s  { \\\n", e->area, range ? "-ranges" : "",
		      has_begun(m, e, range) ? "  add" : "");
	for (const struct m365_item *it = e->items; it != NULL; it = it->next)
		if (it->range == range && !it->again)
			(void)fprintf(out, "\t\"%.*s\"%s \\\n", (int)it->text.len,
				      it->text.p, --left > 0 ? "," : "");
	(void)fputs("}\n", out);
}

static void put_ports(FILE *out, const char *what, struct str ports)
{
	if (ports.len == 0)
		return;
	(void)fprintf(out, ", %s ", what);
	generated_text(out, ports);
}

static void put_entry(const struct m365_urls *m, const struct m365_entry *e, FILE *out)
{
	(void)fprintf(out, "\n# %u: ", (unsigned)e->id);
	generated_text(out, e->title.len > 0 ? e->title : str_of(e->area));
	if (e->category.len > 0) {
		(void)fputs(", ", out);
		generated_text(out, e->category);
	}
	(void)fputs(e->required ? ", required" : ", optional", out);
	put_ports(out, "tcp", e->tcp);
	put_ports(out, "udp", e->udp);
	(void)fputc('\n', out);
	put_table(m, e, false, out);
	put_table(m, e, true, out);
}

int m365_urls_print(const struct m365_urls *m, const char *date, FILE *out)
{
	char *text = NULL;
	size_t len = 0;
	FILE *in = open_memstream(&text, &len);
	int rc;

	if (in == NULL)
		return -ENOMEM;
	generated_head(in, &m->file);
	if (date != NULL)
		(void)fprintf(in, "# date: %s\n", date);
	(void)fprintf(in,
		      "# endpoints of Microsoft 365: %zu entries, %zu hosts, %zu ranges\n"
		      "# to be used as: allow  from any  to host <m365-exchange>\n"
		      "version 1\n",
		      m->entry_count, m->hosts, m->ranges);
	for (const struct m365_entry *e = m->entries; e != NULL; e = e->next)
		put_entry(m, e, in);
	if (fclose(in) != 0) {
		free(text);
		return -ENOMEM;
	}
	rc = generated_seal((struct str){text, len}, out);
	free(text);
	return rc;
}
