/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/tags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/prefix_sort.h"

#define ARENA_LIMIT   ((size_t)16 << 20)
#define CLOUD_MAX     32
#define V4_BITS_LEAST (96 + 8)
#define V6_BITS_LEAST 16

struct str tag_suffix(struct str name)
{
	const char *dot = name.len == 0 ? NULL : memchr(name.p, '.', name.len);

	if (dot == NULL)
		return STR_NONE;
	return (struct str){dot + 1, name.len - (size_t)(dot + 1 - name.p)};
}

bool tag_name_sound(struct str s)
{
	if (s.len == 0 || s.len > TAG_NAME_MAX || s.p[0] == '.' || s.p[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) && s.p[i] != '.' &&
		    s.p[i] != '-' && s.p[i] != '_')
			return false;
	return true;
}

static bool stop(struct tag_reader *r, struct span at, const char *why)
{
	if (!r->stop)
		diag_error(r->d, at, "%s", why);
	r->stop = true;
	return false;
}

bool tag_read_prefix(struct tag_reader *r, struct span at, struct str s,
		     struct prefix *ret)
{
	char fixed[PREFIX_TEXT_MAX];
	unsigned least;

	switch (s.len == 0 ? PREFIX_BAD_ADDRESS : prefix_parse(s.p, s.len, ret)) {
	case PREFIX_OK:
		break;
	case PREFIX_BAD_ADDRESS:
		diag_error(r->d, at, "is no address prefix");
		diag_remedy(r->d, "192.0.2.0/24 or 2001:db8::/32");
		return false;
	case PREFIX_BAD_LENGTH:
		diag_error(r->d, at, "has no sound prefix length");
		diag_remedy(r->d, "at most /32 for IPv4, /128 for IPv6");
		return false;
	case PREFIX_HOST_BITS:
		diag_error(r->d, at, "has address bits past its length");
		(void)prefix_format(ret, fixed);
		diag_remedy(r->d, "%s", fixed);
		return false;
	}
	least = addr_is_v4(&ret->addr) ? V4_BITS_LEAST : V6_BITS_LEAST;
	if (ret->bits >= least)
		return true;
	diag_error(r->d, at, "is wider than any range of a service");
	diag_remedy(r->d, "/8 or longer for IPv4, /16 or longer for IPv6");
	return false;
}

bool tag_add_name(struct tag_reader *r, struct span at, struct str name, uint16_t *ret)
{
	int rc = words_add(&r->f->names, name, ret);

	if (rc == 0)
		return true;
	return stop(r, at,
		    rc == -ENOSPC ? "more than 16,384 service tags" : "out of memory");
}

bool tag_add_entry(struct tag_reader *r, struct span at, const struct prefix *p,
		   uint16_t tag)
{
	struct tag_file *f = r->f;

	if (f->count == TAG_PREFIXES_MAX)
		return stop(r, at, "more than 1,000,000 prefixes in one file");
	if (f->count == f->room) {
		size_t room = f->room == 0 ? 1024 : f->room * 2;
		struct tag_entry *more =
			reallocarray(f->entries, room, sizeof(*f->entries));

		if (more == NULL)
			return stop(r, at, "out of memory");
		f->entries = more;
		f->room = room;
	}
	f->entries[f->count++] = (struct tag_entry){
		.prefix = *p, .tag = tag, .line = at.line, .col = at.col};
	return true;
}

bool tag_set_cloud(struct tag_reader *r, struct span at, struct str s)
{
	char *copy;

	if (!tag_name_sound(s) || s.len > CLOUD_MAX) {
		diag_error(r->d, at, "is no name of a cloud");
		diag_remedy(r->d, "Public, AzureGovernment, China");
		return false;
	}
	copy = arena_strndup(r->f->arena, s.p, s.len);
	if (copy == NULL)
		return stop(r, at, "out of memory");
	r->f->cloud = (struct str){copy, s.len};
	return true;
}

/* ---- the TSV form ------------------------------------------------------------------------- */

enum {
	COLUMN_PREFIX = 0,
	COLUMN_TAG,
	COLUMN_REGION
};

/* A row's TAG and TAG.REGION: few pairs, many rows, so their numbers are kept by the text. */
struct row_names {
	struct str whole, region; /* in the text; `whole` absent = an empty place */
	uint16_t tag, regional;
};

#define NAMES_KEPT \
	4096u /* a power of two; a pair that falls on another takes its place */

static bool same_bytes(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* False, with a finding, when they are no names. */
static bool number_names(struct tag_reader *r, const struct tsv *t,
			 const struct tsv_row *row, struct row_names *ret)
{
	struct str whole = row->field[COLUMN_TAG], region = row->field[COLUMN_REGION];
	const struct span at = tsv_span(t, row, COLUMN_PREFIX);
	char name[TAG_NAME_MAX];

	if (whole.p == NULL || !tag_name_sound(whole) ||
	    (region.p != NULL && !tag_name_sound(region)) ||
	    whole.len + region.len + 1 > sizeof(name)) {
		tsv_fault(t, row, COLUMN_TAG, 0, 0, "is no name of a service tag");
		diag_remedy(r->d, "Storage, or Storage and in column region WestEurope");
		return false;
	}
	*ret = (struct row_names){.whole = whole, .region = region};
	if (!tag_add_name(r, at, whole, &ret->tag))
		return false;
	if (region.p == NULL)
		return true;
	memcpy(name, whole.p, whole.len);
	name[whole.len] = '.';
	memcpy(name + whole.len + 1, region.p, region.len);
	return tag_add_name(r, at, (struct str){name, whole.len + 1 + region.len},
			    &ret->regional);
}

/* NULL, with a finding, when they are no names. */
static const struct row_names *names_of(struct tag_reader *r, const struct tsv *t,
					const struct tsv_row *row, struct row_names *kept)
{
	struct str whole = row->field[COLUMN_TAG], region = row->field[COLUMN_REGION];
	struct row_names *n, found;
	uint64_t hash;

	if (whole.p == NULL) {
		(void)number_names(r, t, row, &found); /* says why */
		return NULL;
	}
	hash = hash_bytes(whole.p, whole.len, 0);
	if (region.p != NULL)
		hash = hash_bytes(region.p, region.len, hash);
	n = &kept[hash % NAMES_KEPT];
	if (n->whole.p != NULL && same_bytes(n->whole, whole) &&
	    same_bytes(n->region, region))
		return n;
	if (!number_names(r, t, row, &found))
		return NULL;
	*n = found;
	return n;
}

static void read_row(struct tag_reader *r, const struct tsv *t, const struct tsv_row *row,
		     struct row_names *kept)
{
	const struct span at = tsv_span(t, row, COLUMN_PREFIX);
	const struct span implied = {.file = r->f->name};
	const bool regional = row->field[COLUMN_REGION].p != NULL;
	const struct row_names *names = names_of(r, t, row, kept);
	struct prefix p;

	if (names == NULL || !tag_read_prefix(r, at, row->field[COLUMN_PREFIX], &p) ||
	    !tag_add_entry(r, regional ? implied : at, &p, names->tag) || !regional)
		return;
	(void)tag_add_entry(r, at, &p, names->regional);
}

static void read_tsv(struct tag_reader *r, const struct tsv_text *text)
{
	static const char *const columns[] = {"prefix", "tag", "region"};
	const struct span whole = {.file = text->name};
	struct row_names *kept;
	struct tsv t;
	struct tsv_row row;

	if (!tsv_start(&t, text, columns, sizeof(columns) / sizeof(columns[0]), r->d))
		return;
	kept = calloc(NAMES_KEPT, sizeof(*kept));
	if (kept == NULL)
		(void)stop(r, whole, "out of memory");
	while (!r->stop && tsv_next(&t, &row))
		read_row(r, &t, &row, kept);
	free(kept);
	if (t.cloud.p != NULL)
		(void)tag_set_cloud(r, whole, t.cloud);
	if (t.change.p != NULL && !parse_u64(t.change, UINT32_MAX, &r->f->change)) {
		diag_error(r->d, whole, "\"# change:\" is followed by no number");
		diag_remedy(r->d, "# change: 398");
	}
	if (t.date.len == sizeof(r->f->date) - 1)
		memcpy(r->f->date, t.date.p, t.date.len);
}

/* ---- both --------------------------------------------------------------------------------- */

int tag_entry_compare(const struct tag_entry *a, const struct tag_entry *b)
{
	int c;

	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	c = addr_compare(&a->prefix.addr, &b->prefix.addr);
	if (c != 0)
		return c;
	return a->prefix.bits < b->prefix.bits ? -1 : a->prefix.bits > b->prefix.bits;
}

static void warn_twice(struct tag_reader *r, const struct tag_entry *first,
		       const struct tag_entry *e)
{
	char text[PREFIX_TEXT_MAX];

	if (first->line == 0 || e->line == 0)
		return;
	(void)prefix_format(&e->prefix, text);
	diag_add(r->d, DIAG_WARNING, (struct span){r->f->name, e->line, e->col, 1},
		 "duplicate-prefix", "%s stands in %s twice, first in line %u", text,
		 r->f->names.list[e->tag], first->line);
	diag_note(r->d, "one of them is enough");
}

/* By prefix, entries of one in the order of the file, each once. */
static bool sort_entries(struct tag_reader *r)
{
	struct tag_file *f = r->f;
	struct prefix_key *keys = reallocarray(NULL, f->count + 1, 2 * sizeof(*keys));
	struct tag_entry *sorted = reallocarray(NULL, f->count + 1, sizeof(*sorted));
	uint32_t *last =
		calloc(f->names.count + 1, sizeof(*last)); /* number + 1, by tag */
	bool sound = keys != NULL && sorted != NULL && last != NULL;
	size_t kept = 0;

	for (size_t i = 0; sound && i < f->count; i++)
		keys[i] = prefix_key(&f->entries[i].prefix, (uint32_t)i);
	if (sound)
		prefix_sort(keys, keys + f->count, f->count);
	for (size_t i = 0; sound && i < f->count; i++) {
		const struct tag_entry *e = &f->entries[keys[i].number];
		const struct tag_entry *old =
			last[e->tag] == 0 ? NULL : &sorted[last[e->tag] - 1];

		if (old != NULL && tag_entry_compare(old, e) == 0) {
			warn_twice(r, old, e);
			continue;
		}
		sorted[kept++] = *e;
		last[e->tag] = (uint32_t)kept;
	}
	free(keys);
	free(last);
	if (!sound) {
		free(sorted);
		return false;
	}
	free(f->entries);
	f->entries = sorted;
	f->room = f->count + 1;
	f->count = kept;
	return true;
}

/* Bring the entries of each tag together; inside one their order stays. */
static bool group_entries(struct tag_file *f)
{
	struct tag_entry *grouped = reallocarray(NULL, f->count + 1, sizeof(*grouped));
	size_t *next = calloc(f->names.count + 2, sizeof(*next)); /* place, by tag */

	if (grouped == NULL || next == NULL) {
		free(grouped);
		free(next);
		return false;
	}
	for (size_t i = 0; i < f->count; i++)
		next[f->entries[i].tag + 1]++;
	for (size_t i = 1; i <= f->names.count; i++)
		next[i] += next[i - 1];
	for (size_t i = 0; i < f->count; i++)
		grouped[next[f->entries[i].tag]++] = f->entries[i];
	free(next);
	free(f->entries);
	f->entries = grouped;
	f->room = f->count + 1;
	return true;
}

/* The last eight digits of the file's name, when they are a date. */
static void date_of_name(struct tag_file *f)
{
	const char *slash = strrchr(f->name, '/');
	const char *name = slash == NULL ? f->name : slash + 1;
	uint64_t y, m, d;
	size_t n = strlen(name);

	for (size_t at = n < 8 ? 0 : n - 8 + 1; at-- > 0;) {
		const char *s = name + at;

		if (n < 8 || (at > 0 && ascii_is_digit(s[-1])) || ascii_is_digit(s[8]) ||
		    !parse_u64((struct str){s, 4}, 9999, &y) ||
		    !parse_u64((struct str){s + 4, 2}, 12, &m) ||
		    !parse_u64((struct str){s + 6, 2}, 31, &d) ||
		    !civil_valid_date((int)y, (int)m, (int)d))
			continue;
		memcpy(f->date, s, 4);
		f->date[4] = f->date[7] = '-';
		memcpy(f->date + 5, s + 4, 2);
		memcpy(f->date + 8, s + 6, 2);
		return;
	}
}

static bool is_json(const struct tsv_text *text)
{
	size_t at = text->len >= 3 && memcmp(text->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (at < text->len && (text->text[at] == ' ' || text->text[at] == '\n' ||
				  text->text[at] == '\r' || text->text[at] == '\t'))
		at++;
	return at < text->len &&
	       (text->text[at] == '{' || text->text[at] == '[' || text->text[at] == '<');
}

struct tag_file *tag_file_parse(const struct tsv_text *text, enum tag_order order,
				struct diag *d)
{
	struct tag_reader r = {.f = calloc(1, sizeof(*r.f)), .d = d};
	size_t errors = diag_count(d, DIAG_ERROR);

	if (r.f == NULL || (r.f->arena = arena_create(ARENA_LIMIT)) == NULL) {
		diag_error(d, (struct span){.file = text->name}, "out of memory");
		free(r.f);
		return NULL;
	}
	r.f->name = text->name;
	words_start(&r.f->names, r.f->arena, TAGS_MAX);
	if (is_json(text)) {
		tag_read_json(&r, text);
		date_of_name(r.f);
	} else {
		read_tsv(&r, text);
	}
	if (!r.stop &&
	    (!sort_entries(&r) || (order == TAG_BY_TAG && !group_entries(r.f))))
		(void)stop(&r, (struct span){.file = text->name}, "out of memory");
	if (diag_count(d, DIAG_ERROR) == errors)
		return r.f;
	tag_file_destroy(r.f);
	return NULL;
}

void tag_file_destroy(struct tag_file *f)
{
	if (f == NULL)
		return;
	words_end(&f->names);
	free(f->entries);
	arena_destroy(f->arena);
	free(f);
}
