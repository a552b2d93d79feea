/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "catalog/builder.h"

#define ARENA_LIMIT    ((size_t)64 * 1024 * 1024)
#define TEXT_LIMIT     ((size_t)64 * 1024 * 1024)
#define MMDB_LIMIT     ((size_t)1024 * 1024 * 1024)
#define CONNECTORS_MAX 32768
#define PATTERNS_MAX   65534
#define TAGS_MAX       16384
#define SUMMARY_MAX    2048

static const char *const titles[FILE_COUNT] = {
	[FILE_REGIONS] = "regions",       [FILE_TAGS] = "ranges",
	[FILE_GROUPS] = "words",          [FILE_SERVICES] = "services",
	[FILE_CONNECTORS] = "connectors", [FILE_OWN] = "own entries",
	[FILE_NETWORKS] = "networks",     [FILE_COUNTRY] = "country",
	[FILE_ASN] = "network",
};

struct str builder_copy(struct builder *b, struct str s)
{
	char *copy;

	if (s.p == NULL)
		return STR_NONE;
	copy = arena_strndup(b->c->arena, s.p, s.len);
	if (copy == NULL) {
		b->out_of_memory = true;
		return STR_NONE;
	}
	return (struct str){copy, s.len};
}

struct str builder_copy_lower(struct builder *b, struct str s)
{
	char *copy;

	if (s.p == NULL)
		return STR_NONE;
	copy = arena_strndup(b->c->arena, s.p, s.len);
	if (copy == NULL) {
		b->out_of_memory = true;
		return STR_NONE;
	}
	for (size_t i = 0; i < s.len; i++)
		copy[i] = ascii_lower(copy[i]);
	return (struct str){copy, s.len};
}

bool builder_room(struct builder *b, void **list, size_t *room, size_t count, size_t size)
{
	size_t more = *room == 0 ? 64 : *room * 2;
	void *longer;

	if (count < *room)
		return true;
	longer = realloc(*list, more * size);
	if (longer == NULL) {
		b->out_of_memory = true;
		return false;
	}
	*list = longer;
	*room = more;
	return true;
}

static int compare_links(const void *x, const void *y)
{
	const struct link *a = x, *b = y;

	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	if (a->connector != b->connector)
		return a->connector < b->connector ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

/* Give each entry its set of connectors, sorted; the first row of the set is its source. */
static void link_connectors(struct builder *b, struct patterns *p)
{
	struct connector_ref *refs;

	if (p->link_count == 0)
		return;
	qsort(p->links, p->link_count, sizeof(*p->links), compare_links);
	refs = arena_alloc(b->c->arena, p->link_count * sizeof(*refs));
	if (refs == NULL) {
		b->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < p->link_count; i++) {
		const struct link *l = &p->links[i];
		const struct span at = {.file = l->file, .line = l->line};
		struct entry *e = &p->list[l->entry];

		if (i > 0 && l[-1].entry == l->entry && l[-1].connector == l->connector) {
			diag_error(b->d, at, "\"%.*s\" and %s stand in line %u already",
				   (int)e->pattern.len, e->pattern.p,
				   b->c->connectors.list[l->connector], l[-1].line);
			continue;
		}
		refs[i] = (struct connector_ref){l->connector, l->confidence};
		if (e->connectors == NULL) {
			e->connectors = &refs[i];
			e->connector_line = l->line;
			e->connector_source = l->source;
		}
		e->connector_count++;
	}
}

/* Own patterns first: of equal patterns the table gives the one that was added first. */
static void compile_names(struct builder *b)
{
	struct catalog *c = b->c;
	const struct patterns *both[] = {&b->own, &b->shipped};
	size_t count = b->own.words.count + b->shipped.words.count;

	c->entries = arena_alloc(c->arena, count * sizeof(*c->entries));
	c->names = suffix_create();
	if (c->entries == NULL || c->names == NULL) {
		b->out_of_memory = true;
		return;
	}
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < both[k]->words.count; i++) {
			const struct entry *e = &both[k]->list[i];

			c->entries[c->entry_count] = *e;
			if (suffix_add(c->names, e->pattern, (uint32_t)c->entry_count) <
			    0)
				b->out_of_memory = true;
			c->entry_count++;
		}
	}
	c->has_own = b->own.words.count > 0;
	if (!b->out_of_memory && suffix_seal(c->names) < 0)
		b->out_of_memory = true;
}

static void date_of_mmdb(const struct mmdb *m, char ret[11])
{
	struct civil t = civil_from_us(mmdb_build_us(m));

	(void)snprintf(ret, 11, "%04u-%02u-%02u", (unsigned)t.year % 10000,
		       (unsigned)t.month % 100, (unsigned)t.day % 100);
}

static size_t summary_line(const struct builder *b, const struct tsv_text *file,
			   unsigned kind, char *to, size_t room)
{
	const struct mmdb *m = kind == FILE_COUNTRY ? b->c->country
			       : kind == FILE_ASN   ? b->c->asn
						    : NULL;
	char date[11];
	int n;

	if (file->text == NULL)
		return 0;
	if (m != NULL) {
		date_of_mmdb(m, date);
		n = snprintf(to, room, "%-11s %s of %s, %s\n", titles[kind], mmdb_type(m),
			     date, file->name);
	} else {
		const char *of = b->date[kind].p == NULL ? "" : " of ";

		n = snprintf(to, room, "%-11s %u rows%s%.*s, %s\n", titles[kind],
			     b->rows[kind], of, (int)b->date[kind].len,
			     b->date[kind].p == NULL ? "" : b->date[kind].p, file->name);
	}
	return n < 0 || (size_t)n >= room ? 0 : (size_t)n;
}

static void summarize(struct builder *b, const struct tsv_text files[FILE_COUNT])
{
	char *text = arena_alloc(b->c->arena, SUMMARY_MAX);
	size_t used = 0;

	if (text == NULL) {
		b->out_of_memory = true;
		return;
	}
	for (unsigned i = 0; i < FILE_COUNT; i++)
		used += summary_line(b, &files[i], i, text + used, SUMMARY_MAX - used);
	text[used] = '\0';
	b->c->summary = text;
}

/* Lengths go in as well, so that bytes cannot move from one file to the next unseen. */
static void digest_files(struct catalog *c, const struct tsv_text files[FILE_COUNT])
{
	struct digest d;

	digest_start(&d);
	for (unsigned i = 0; i < FILE_COUNT; i++) {
		uint64_t len = files[i].text == NULL ? UINT64_MAX : files[i].len;

		digest_add(&d, &len, sizeof(len));
		if (files[i].text != NULL)
			digest_add(&d, files[i].text, files[i].len);
	}
	digest_end(&d, c->digest);
}

static struct catalog *create(void)
{
	struct catalog *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->arena = arena_create(ARENA_LIMIT);
	if (c->arena == NULL) {
		free(c);
		return NULL;
	}
	words_start(&c->services, c->arena, SERVICES_MAX);
	words_start(&c->connectors, c->arena, CONNECTORS_MAX);
	words_start(&c->tags, c->arena, TAGS_MAX);
	c->meanings = arena_alloc(c->arena, SERVICES_MAX * sizeof(*c->meanings));
	if (c->meanings == NULL) {
		catalog_destroy(c);
		return NULL;
	}
	return c;
}

void catalog_destroy(struct catalog *c)
{
	if (c == NULL)
		return;
	words_end(&c->services);
	words_end(&c->connectors);
	words_end(&c->tags);
	free(c->regions.list);
	suffix_destroy(c->names);
	prefixes_destroy(c->prefixes);
	mmdb_close(c->country);
	mmdb_close(c->asn);
	arena_destroy(c->arena);
	free(c);
}

static void patterns_end(struct patterns *p)
{
	words_end(&p->words);
	free(p->list);
	free(p->links);
}

static void read_all(struct builder *b, const struct tsv_text files[FILE_COUNT])
{
	static void (*const readers[])(struct builder *, const struct tsv_text *) = {
		[FILE_REGIONS] = read_regions,       [FILE_TAGS] = read_tags,
		[FILE_GROUPS] = read_groups,         [FILE_SERVICES] = read_services,
		[FILE_CONNECTORS] = read_connectors, [FILE_OWN] = read_own,
		[FILE_NETWORKS] = read_networks,
	};
	struct catalog *c = b->c;

	for (unsigned i = 0; i < FILE_COUNTRY && !b->out_of_memory; i++) {
		if (files[i].text != NULL)
			readers[i](b, &files[i]);
	}
	if (b->out_of_memory)
		return;
	link_connectors(b, &b->shipped);
	link_connectors(b, &b->own);
	compile_names(b);
	if (files[FILE_COUNTRY].text != NULL)
		c->country = mmdb_open(files[FILE_COUNTRY].name, files[FILE_COUNTRY].text,
				       files[FILE_COUNTRY].len, MMDB_COUNTRY, b->d);
	if (files[FILE_ASN].text != NULL)
		c->asn = mmdb_open(files[FILE_ASN].name, files[FILE_ASN].text,
				   files[FILE_ASN].len, MMDB_ASN, b->d);
}

struct catalog *catalog_build(const struct tsv_text files[FILE_COUNT], struct diag *d)
{
	struct builder b = {.c = create(), .d = d};
	size_t errors = diag_count(d, DIAG_ERROR);

	if (b.c == NULL) {
		diag_error(d, (struct span){.file = "catalogue"}, "out of memory");
		return NULL;
	}
	words_start(&b.shipped.words, b.c->arena, PATTERNS_MAX);
	words_start(&b.own.words, b.c->arena, PATTERNS_MAX);
	read_all(&b, files);
	if (!b.out_of_memory && diag_count(d, DIAG_ERROR) == errors)
		summarize(&b, files);
	patterns_end(&b.shipped);
	patterns_end(&b.own);
	if (b.out_of_memory)
		diag_error(d, (struct span){.file = "catalogue"},
			   "out of memory, or more than %zu MiB of entries",
			   ARENA_LIMIT >> 20);
	if (diag_count(d, DIAG_ERROR) != errors) {
		catalog_destroy(b.c);
		return NULL;
	}
	digest_files(b.c, files);
	return b.c;
}

/* Read one file; a missing name is fine only when the file is optional. */
static void read_file(struct tsv_text *ret, const char *path, bool required, size_t limit,
		      struct diag *d)
{
	char *text;
	int rc;

	*ret = (struct tsv_text){.name = path};
	if (path == NULL) {
		if (required)
			diag_error(d, (struct span){.file = "catalogue"},
				   "the name of a required file is missing");
		return;
	}
	rc = file_read(path, limit, &text, &ret->len);
	if (rc < 0) {
		diag_error(d, (struct span){.file = path}, "cannot be read: %s",
			   strerrordesc_np(-rc));
		return;
	}
	ret->text = text;
	if (limit == TEXT_LIMIT)
		diag_source(d, path, text, ret->len);
}

static void free_files(struct tsv_text files[FILE_COUNT])
{
	for (unsigned i = 0; i < FILE_COUNT; i++) {
		union {
			const char *given;
			char *owned;
		} text = {.given = files[i].text};

		free(text.owned);
	}
}

struct catalog *catalog_load(const struct catalog_cfg *cfg, struct diag *d)
{
	struct tsv_text files[FILE_COUNT];
	size_t errors = diag_count(d, DIAG_ERROR);
	char *groups = cfg->groups == NULL && cfg->services != NULL
			       ? file_beside(cfg->services, "groups.tsv")
			       : NULL;
	struct catalog *c = NULL;

	read_file(&files[FILE_REGIONS], cfg->regions, true, TEXT_LIMIT, d);
	read_file(&files[FILE_TAGS], cfg->tags, false, TEXT_LIMIT, d);
	read_file(&files[FILE_GROUPS], groups != NULL ? groups : cfg->groups, true,
		  TEXT_LIMIT, d);
	read_file(&files[FILE_SERVICES], cfg->services, true, TEXT_LIMIT, d);
	read_file(&files[FILE_CONNECTORS], cfg->connectors, true, TEXT_LIMIT, d);
	read_file(&files[FILE_OWN], cfg->own, false, TEXT_LIMIT, d);
	read_file(&files[FILE_NETWORKS], cfg->networks, false, TEXT_LIMIT, d);
	read_file(&files[FILE_COUNTRY], cfg->country, false, MMDB_LIMIT, d);
	read_file(&files[FILE_ASN], cfg->asn, false, MMDB_LIMIT, d);
	if (diag_count(d, DIAG_ERROR) == errors)
		c = catalog_build(files, d);
	diag_forget_sources(d);
	free_files(files);
	free(groups);
	return c;
}
