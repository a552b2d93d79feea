/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "catalog/builder.h"
#include "catalog/tags.h"

#define ARENA_LIMIT    ((size_t)64 * 1024 * 1024)
#define TEXT_LIMIT     ((size_t)64 * 1024 * 1024)
#define MMDB_LIMIT     ((size_t)512 * 1024 * 1024)
#define CONNECTORS_MAX 32768
#define PATTERNS_MAX   65534
#define SUMMARY_MAX    8192

static const char *const titles[FILE_COUNT] = {
	[FILE_REGIONS] = "regions",       [FILE_TAGS] = "tags",
	[FILE_GROUPS] = "words",          [FILE_SERVICES] = "services",
	[FILE_CONNECTORS] = "connectors", [FILE_OWN] = "own entries",
	[FILE_NETWORKS] = "networks",     [FILE_COUNTRY] = "country",
	[FILE_ASN] = "network",           [FILE_COUNTRY_2] = "country",
	[FILE_ASN_2] = "network",
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

void *builder_lines(struct builder *b, size_t size)
{
	char *p = arena_alloc(b->c->arena, size + CACHE_LINE - 1);

	if (p == NULL) {
		b->out_of_memory = true;
		return NULL;
	}
	return p + (CACHE_LINE - (uintptr_t)p % CACHE_LINE) % CACHE_LINE;
}

static int compare_links(const void *x, const void *y)
{
	const struct link *a = x, *b = y;

	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	if (a->connector != b->connector)
		return a->connector < b->connector ? -1 : 1;
	return a->row.line < b->row.line ? -1 : a->row.line > b->row.line;
}

/* Room for the rows of both files; false when there are none, or no memory. */
static bool make_connector_rows(struct builder *b)
{
	struct catalog *c = b->c;
	size_t count = b->shipped.link_count + b->own.link_count;

	if (count == 0)
		return false;
	c->connector_rows = arena_alloc(c->arena, count * sizeof(*c->connector_rows));
	c->connector_about =
		arena_alloc(c->arena, c->connectors.count * sizeof(*c->connector_about));
	if (c->connector_rows != NULL && c->connector_about != NULL)
		return true;
	b->out_of_memory = true;
	return false;
}

/* Keep the row of a link, of no entry when it only declares: the row's number. */
static uint32_t keep_row(struct catalog *c, const struct link *l, const struct entry *e)
{
	uint32_t at = (uint32_t)c->connector_row_count++;

	c->connector_rows[at] = l->row;
	if (e != NULL)
		c->connector_rows[at].pattern = e->pattern;
	if (c->connector_about[l->connector] == 0)
		c->connector_about[l->connector] = at + 1;
	return at;
}

/* Give each entry its set of connectors, sorted. */
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
		const struct span at = {.file = l->row.file, .line = l->row.line};
		struct entry *e;

		if (l->entry == ENTRY_NONE) {
			(void)keep_row(b->c, l, NULL);
			continue;
		}
		e = &p->list[l->entry];
		if (i > 0 && l[-1].entry == l->entry && l[-1].connector == l->connector) {
			diag_error(b->d, at, "\"%.*s\" and %s stand in line %u already",
				   (int)e->pattern.len, e->pattern.p,
				   b->c->connectors.list[l->connector], l[-1].row.line);
			continue;
		}
		refs[i] = (struct connector_ref){l->connector, l->row.confidence,
						 keep_row(b->c, l, e)};
		if (e->connectors == NULL)
			e->connectors = &refs[i];
		e->connector_count++;
	}
}

/* The row of a connector that stands first in the file. */
static const struct connector_row *first_row(const struct catalog *c,
					     const struct entry *e)
{
	const struct connector_row *first = &c->connector_rows[e->connectors[0].row];

	for (size_t i = 1; i < e->connector_count; i++) {
		const struct connector_row *row =
			&c->connector_rows[e->connectors[i].row];

		if (row->line < first->line)
			first = row;
	}
	return first;
}

static uint8_t best_confidence(const struct entry *e)
{
	uint8_t best = CONFIDENCE_ASSUMED;

	for (size_t i = 0; i < e->connector_count; i++) {
		if (e->connectors[i].confidence > best)
			best = e->connectors[i].confidence;
	}
	return best;
}

/* Carry into `e` what the rows behind it and groups.tsv say. */
static void entry_complete(const struct catalog *c, struct entry *e)
{
	const struct service_row *row = e->service;

	e->asks_host = hostname_may_misfit((enum grammar)e->grammar, e->tail, e->pattern);
	e->service_id = ID_NONE;
	if (e->connectors != NULL) {
		e->first = first_row(c, e);
		e->line = e->first->line;
		e->confidence = best_confidence(e);
	}
	if (row == NULL)
		return;
	e->line = row->line;
	e->confidence = row->confidence;
	e->service_id = row->service;
	if (row->service != ID_NONE) {
		e->in_scope = c->meanings[row->service].in_scope;
		e->platform = c->meanings[row->service].platform;
	}
}

static uint32_t name_value(const struct entry *e, size_t index)
{
	return (uint32_t)index << NAME_SHIFT | (e->service != NULL ? NAME_SERVICE : 0) |
	       (e->connectors != NULL ? NAME_CONNECTORS : 0);
}

/* Own patterns first: of equal patterns the table gives the one that was added first. */
static void compile_names(struct builder *b)
{
	struct catalog *c = b->c;
	const struct patterns *both[] = {&b->own, &b->shipped};
	size_t count = b->own.words.count + b->shipped.words.count;

	c->entries = builder_lines(b, count * sizeof(*c->entries));
	c->names = suffix_create();
	if (c->entries == NULL || c->names == NULL) {
		b->out_of_memory = true;
		return;
	}
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < both[k]->words.count; i++) {
			const struct entry *e = &both[k]->list[i];

			c->entries[c->entry_count] = *e;
			entry_complete(c, &c->entries[c->entry_count]);
			if (suffix_add(c->names, e->pattern,
				       name_value(e, c->entry_count)) < 0)
				b->out_of_memory = true;
			c->entry_count++;
		}
	}
	c->has_own = b->own.words.count > 0;
	if (!b->out_of_memory && suffix_seal(c->names) < 0)
		b->out_of_memory = true;
}

/* "Public change 398 of 2026-05-06, 3136 tags, 101516 prefixes, FILE" */
static size_t feed_line(const struct tag_feed *f, char *to, size_t room)
{
	int n = snprintf(
		to, room,
		"%-11s %s change %" PRIu64 " of %s, %zu tags, %zu prefixes, %s\n",
		titles[FILE_TAGS], f->cloud[0] == '\0' ? "cloud unknown," : f->cloud,
		f->change, f->date[0] == '\0' ? "an unknown day" : f->date, f->tag_count,
		f->prefix_count, f->file);

	return n < 0 || (size_t)n >= room ? 0 : (size_t)n;
}

static bool is_tags(unsigned kind)
{
	return kind == FILE_TAGS || kind >= FILE_MORE_TAGS;
}

static size_t summary_line(const struct builder *b, const struct tsv_text *file,
			   unsigned kind, char *to, size_t room)
{
	const char *of = b->date[kind].p == NULL ? "" : " of ";
	int n;

	if (file->text == NULL || kind >= FILE_MORE_TAGS)
		return 0;
	if (kind >= FILE_COUNTRY)
		return describe_database(b->c, kind, titles[kind], file->name, to, room);
	n = snprintf(to, room, "%-11s %u rows%s%.*s, %s\n", titles[kind], b->rows[kind],
		     of, (int)b->date[kind].len,
		     b->date[kind].p == NULL ? "" : b->date[kind].p, file->name);
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
	for (unsigned i = 0; i < FILE_MORE_TAGS; i++) {
		if (!is_tags(i))
			used += summary_line(b, &files[i], i, text + used,
					     SUMMARY_MAX - used);
		for (size_t k = 0; is_tags(i) && k < b->c->feed_count; k++)
			used += feed_line(&b->c->feeds[k], text + used,
					  SUMMARY_MAX - used);
	}
	used += describe_probe(b->c, text + used, SUMMARY_MAX - used);
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

		/* A second database that nobody has adds nothing. */
		if (i >= FILE_COUNTRY_2 && files[i].text == NULL)
			continue;
		if (i >= FILE_COUNTRY_2)
			digest_add(&d, &i, sizeof(i));
		digest_add(&d, &len, sizeof(len));
		if (files[i].text != NULL)
			digest_add(&d, files[i].text, files[i].len);
	}
	for (size_t i = 0; i < c->feed_count;
	     i++) /* it may stand in the file's name alone */
		digest_add(&d, c->feeds[i].date, strlen(c->feeds[i].date));
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
	for (size_t i = 0; i < MMDB_PARTS; i++) {
		mmdb_close(c->geo[MMDB_COUNTRY][i]);
		mmdb_close(c->geo[MMDB_ASN][i]);
	}
	arena_destroy(c->arena);
	free(c);
}

static void patterns_end(struct patterns *p)
{
	words_end(&p->words);
	free(p->list);
	free(p->links);
}

static void read_tag_files(struct builder *b, const struct tsv_text files[FILE_COUNT],
			   const struct build_extra *extra)
{
	for (size_t i = 0; i < TAG_FILES_MAX && !b->out_of_memory; i++) {
		const unsigned at = tag_file_at(i);

		if (files[at].text != NULL)
			read_tags(b, &files[at], extra != NULL && extra->gives_way[at]);
	}
}

static void read_texts(struct builder *b, const struct tsv_text files[FILE_COUNT],
		       const struct build_extra *extra)
{
	static void (*const readers[])(struct builder *, const struct tsv_text *) = {
		[FILE_REGIONS] = read_regions,   [FILE_GROUPS] = read_groups,
		[FILE_SERVICES] = read_services, [FILE_CONNECTORS] = read_connectors,
		[FILE_OWN] = read_own,           [FILE_NETWORKS] = read_networks,
	};

	for (unsigned i = 0; i < FILE_COUNTRY; i++) {
		if (files[i].text != NULL)
			b->name[i] = builder_copy(b, str_of(files[i].name)).p;
	}
	for (unsigned i = 0; i < FILE_COUNTRY && !b->out_of_memory; i++) {
		if (i == FILE_TAGS)
			read_tag_files(b, files, extra);
		else if (files[i].text != NULL)
			readers[i](b, &files[i]);
	}
}

static void read_all(struct builder *b, const struct tsv_text files[FILE_COUNT],
		     const struct build_extra *extra)
{
	read_texts(b, files, extra);
	if (!b->out_of_memory)
		compile_places(b);
	if (b->out_of_memory)
		return;
	if (make_connector_rows(b)) {
		link_connectors(b, &b->shipped);
		link_connectors(b, &b->own);
	}
	compile_names(b);
	if (!b->out_of_memory)
		warn_hidden(b);
	if (!b->out_of_memory)
		read_databases(b, files, extra);
}

struct catalog *catalog_build(const struct tsv_text files[FILE_COUNT], struct diag *d)
{
	return catalog_build_with(files, NULL, d);
}

struct catalog *catalog_build_with(const struct tsv_text files[FILE_COUNT],
				   const struct build_extra *extra, struct diag *d)
{
	struct builder b = {.c = create(), .d = d};
	size_t errors = diag_count(d, DIAG_ERROR);

	if (b.c == NULL) {
		diag_error(d, (struct span){.file = "catalogue"}, "out of memory");
		return NULL;
	}
	words_start(&b.shipped.words, b.c->arena, PATTERNS_MAX);
	words_start(&b.own.words, b.c->arena, PATTERNS_MAX);
	read_all(&b, files, extra);
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

/* Where files come from, and where findings go. */
struct reading {
	struct file_set *set;
	struct diag *d;
};

/* Read one file; a missing name is fine only when the file is optional. */
static void read_file(const struct reading *r, struct tsv_text *ret, const char *path,
		      bool required, size_t limit)
{
	struct diag *d = r->d;
	char *text;
	int rc;

	*ret = (struct tsv_text){.name = path};
	if (path == NULL) {
		if (required)
			diag_error(d, (struct span){.file = "catalogue"},
				   "the name of a required file is missing");
		return;
	}
	rc = file_set_read(r->set, path, limit, &text, &ret->len);
	if (rc < 0) {
		if (rc == -EFBIG)
			diag_error(d, (struct span){.file = path},
				   "cannot be read: larger than %zu MiB", limit >> 20);
		else
			diag_error(d, (struct span){.file = path}, "cannot be read: %s",
				   strerrordesc_np(-rc));
		return;
	}
	ret->text = text;
	if (limit == TEXT_LIMIT)
		diag_source(d, path, text, ret->len);
}

/* Identified before it is read: replaced in between, it is found changed later. */
static void read_database(const struct reading *r, struct tsv_text files[FILE_COUNT],
			  struct build_extra *extra, unsigned kind, const char *path)
{
	if (path != NULL)
		(void)file_identify(path, &extra->ids[kind]);
	read_file(r, &files[kind], path, false, MMDB_LIMIT);
}

static bool is_missing(const char *path)
{
	return access(path, F_OK) != 0 && errno == ENOENT;
}

/* The text that is to be written, as if it were in its file. */
static void take_fresh(struct tsv_text *ret, const struct tsv_text *fresh, struct diag *d)
{
	char *copy = malloc(fresh->len + 1);

	*ret = (struct tsv_text){.name = fresh->name};
	if (copy == NULL) {
		diag_error(d, (struct span){.file = fresh->name}, "out of memory");
		return;
	}
	memcpy(copy, fresh->text, fresh->len);
	copy[fresh->len] = '\0';
	ret->text = copy;
	ret->len = fresh->len;
	diag_source(d, ret->name, copy, ret->len);
}

/* Files of service tags, put one behind the other. */
struct tag_list {
	struct tsv_text *files;
	struct build_extra *extra;
	size_t count;
	const struct reading *from;
};

static void add_tags(struct tag_list *l, const char *path, bool gives_way)
{
	unsigned at;

	if (l->count == TAG_FILES_MAX)
		return;
	at = tag_file_at(l->count++);
	l->extra->gives_way[at] = gives_way;
	read_file(l->from, &l->files[at], path, false, TEXT_LIMIT);
}

static void read_all_tags(const struct catalog_cfg *cfg, struct tag_list *l)
{
	const struct tsv_text *fresh = cfg->fresh;
	bool absent = false, placed = false;

	for (size_t i = 0; i < cfg->tag_file_count && fresh != NULL; i++)
		placed = placed || file_is_place(cfg->tags[i], fresh->name);
	/* First, so that the file of its cloud gives way to it. */
	if (fresh != NULL)
		take_fresh(&l->files[tag_file_at(l->count++)], fresh, l->from->d);
	for (size_t i = 0; i < cfg->tag_file_count; i++) {
		if (placed && file_is_place(cfg->tags[i], fresh->name))
			continue;
		if (cfg->stand_in_count > 0 && is_missing(cfg->tags[i]))
			absent = true;
		else
			add_tags(l, cfg->tags[i], fresh != NULL && !placed);
	}
	for (size_t i = 0; absent && i < cfg->stand_in_count; i++)
		add_tags(l, cfg->stand_in[i], true);
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
	struct build_extra extra = {.accept_registrant = cfg->accept_registrant};
	struct tsv_text files[FILE_COUNT] = {{.name = NULL}};
	const struct reading from = {.set = cfg->set, .d = d};
	struct tag_list tags = {.files = files, .extra = &extra, .from = &from};
	size_t errors = diag_count(d, DIAG_ERROR);
	char *groups = cfg->groups == NULL && cfg->services != NULL
			       ? file_set_beside(cfg->set, cfg->services, "groups.tsv")
			       : NULL;
	struct catalog *c = NULL;

	read_file(&from, &files[FILE_REGIONS], cfg->regions, true, TEXT_LIMIT);
	read_all_tags(cfg, &tags);
	read_file(&from, &files[FILE_GROUPS], groups != NULL ? groups : cfg->groups, true,
		  TEXT_LIMIT);
	read_file(&from, &files[FILE_SERVICES], cfg->services, true, TEXT_LIMIT);
	read_file(&from, &files[FILE_CONNECTORS], cfg->connectors, true, TEXT_LIMIT);
	read_file(&from, &files[FILE_OWN], cfg->own, false, TEXT_LIMIT);
	read_file(&from, &files[FILE_NETWORKS], cfg->networks, false, TEXT_LIMIT);
	read_database(&from, files, &extra, FILE_COUNTRY, cfg->country[0]);
	read_database(&from, files, &extra, FILE_COUNTRY_2, cfg->country[1]);
	read_database(&from, files, &extra, FILE_ASN, cfg->asn[0]);
	read_database(&from, files, &extra, FILE_ASN_2, cfg->asn[1]);
	if (diag_count(d, DIAG_ERROR) == errors)
		c = catalog_build_with(files, &extra, d);
	diag_forget_sources(d);
	free_files(files);
	free(groups);
	return c;
}
