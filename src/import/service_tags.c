/* SPDX-License-Identifier: Apache-2.0 */
#include "import/service_tags.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "model/service.h"

/* The entries of one tag. */
struct slice {
	const struct tag_entry *list;
	size_t count;
};

/* From first to last address, both inside. */
struct stretch {
	struct addr first, last;
};

struct stretches {
	struct stretch *list;
	size_t count;
};

static struct stretch stretch_of(const struct prefix *p)
{
	struct stretch s = {p->addr, p->addr};

	for (unsigned i = p->bits / 8; i < 16; i++)
		s.last.b[i] |= i == p->bits / 8 ? (uint8_t)(0xff >> p->bits % 8) : 0xff;
	return s;
}

/* Does `b` begin at most one address behind `a`'s end? */
static bool touches(const struct stretch *a, const struct stretch *b)
{
	struct addr next = a->last;
	size_t i = 16;

	if (addr_compare(&b->first, &a->last) <= 0)
		return true;
	while (i > 0 && ++next.b[i - 1] == 0)
		i--;
	return addr_equal(&next, &b->first);
}

/* `list` has room for all entries, which are sorted by address. */
static struct stretches join(struct slice s, struct stretch *list)
{
	struct stretches r = {.list = list};

	for (size_t i = 0; i < s.count; i++) {
		struct stretch one = stretch_of(&s.list[i].prefix);

		if (r.count == 0 || !touches(&list[r.count - 1], &one))
			list[r.count++] = one;
		else if (addr_compare(&one.last, &list[r.count - 1].last) > 0)
			list[r.count - 1].last = one.last;
	}
	return r;
}

static bool covered(const struct stretches *r, const struct prefix *p)
{
	struct stretch one = stretch_of(p);
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (addr_compare(&r->list[mid].first, &one.first) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 && addr_compare(&r->list[low - 1].last, &one.last) >= 0;
}

static size_t not_covered(struct slice s, struct slice by, struct stretch *room)
{
	struct stretches r = join(by, room);
	size_t n = 0;

	for (size_t i = 0; i < s.count; i++)
		n += !covered(&r, &s.list[i].prefix);
	return n;
}

/* By number of the tag; NULL when there is no memory. */
static struct slice *slices_of(const struct tag_file *f)
{
	struct slice *s = calloc(f->names.count + 1, sizeof(*s));

	for (size_t i = 0; s != NULL && i < f->count; i++) {
		struct slice *one = &s[f->entries[i].tag];

		if (one->count++ == 0)
			one->list = &f->entries[i];
	}
	return s;
}

static bool is_accepted(const struct tag_update_cfg *cfg, struct str name)
{
	for (size_t i = 0; i < cfg->accepted_count; i++)
		if (str_equal_fold(str_of(cfg->accepted[i]), name))
			return true;
	return false;
}

static void judge(struct tag_change *c, const struct tag_update_cfg *cfg)
{
	c->used = cfg->uses != NULL && cfg->uses(cfg->arg, c->name);
	c->accepted = is_accepted(cfg, c->name);
	c->refused = c->used && !c->accepted && c->before > 0 &&
		     c->removed * 10000 > (size_t)cfg->loss * c->before;
}

static void add_change(struct tag_update *u, struct str name, struct slice before,
		       struct slice after, struct stretch *room,
		       const struct tag_update_cfg *cfg)
{
	struct tag_change c = {
		.name = name, .before = before.count, .after = after.count};

	c.removed = not_covered(before, after, room);
	c.added = not_covered(after, before, room);
	if (c.added == 0 && c.removed == 0 && (c.before == 0) == (c.after == 0))
		return;
	judge(&c, cfg);
	u->added += c.added;
	u->removed += c.removed;
	u->tags_added += c.before == 0;
	u->tags_removed += c.after == 0;
	u->refused = u->refused || c.refused;
	u->changes[u->count++] = c;
}

static int by_name(const void *x, const void *y)
{
	const struct tag_change *a = x, *b = y;
	size_t n = a->name.len < b->name.len ? a->name.len : b->name.len;
	int c = memcmp(a->name.p, b->name.p, n);

	if (c != 0)
		return c;
	return a->name.len < b->name.len ? -1 : a->name.len > b->name.len;
}

static void compare_heads(struct tag_update *u, const struct tag_update_cfg *cfg)
{
	const struct tag_file *a = u->before, *b = u->after;

	u->other_cloud = a->cloud.len > 0 && !str_equal_fold(a->cloud, b->cloud);
	u->older = b->change < a->change || (a->date[0] != '\0' && b->date[0] != '\0' &&
					     strcmp(b->date, a->date) < 0);
	u->refused = u->refused || (u->other_cloud && !cfg->accept_cloud) ||
		     (u->older && !cfg->accept_older);
}

int tag_update_compare(const struct tag_file *before, const struct tag_file *after,
		       const struct tag_update_cfg *cfg, struct tag_update *ret)
{
	struct slice *old, *fresh;
	struct stretch *room;

	*ret = (struct tag_update){.before = before, .after = after};
	if (before == NULL)
		return 0;
	old = slices_of(before);
	fresh = slices_of(after);
	room = calloc((before->count > after->count ? before->count : after->count) + 1,
		      sizeof(*room));
	ret->changes = calloc(before->names.count + after->names.count + 1,
			      sizeof(*ret->changes));
	if (old != NULL && fresh != NULL && room != NULL && ret->changes != NULL) {
		for (size_t i = 0; i < before->names.count; i++) {
			struct str name = str_of(before->names.list[i]);
			uint16_t to = words_find(&after->names, name);
			struct slice now = {0};

			if (to != ID_NONE)
				now = fresh[to];
			add_change(ret, name, old[i], now, room, cfg);
		}
		for (size_t i = 0; i < after->names.count; i++) {
			struct str name = str_of(after->names.list[i]);

			if (words_find(&before->names, name) == ID_NONE)
				add_change(ret, name, (struct slice){0}, fresh[i], room,
					   cfg);
		}
		qsort(ret->changes, ret->count, sizeof(*ret->changes), by_name);
		compare_heads(ret, cfg);
	}
	free(room);
	free(fresh);
	if (old == NULL || fresh == NULL || room == NULL || ret->changes == NULL) {
		free(old);
		tag_update_finish(ret);
		return -ENOMEM;
	}
	free(old);
	return 0;
}

void tag_update_finish(struct tag_update *u)
{
	free(u->changes);
	u->changes = NULL;
	u->count = 0;
}

/* ---- the file that is kept ---------------------------------------------------------------- */

/* A row: the entry of TAG.SUFFIX stands for the same prefix of TAG too. */
struct row {
	const struct tag_entry *e;
	bool with_whole;
};

static int by_key(const void *x, const void *y)
{
	return tag_entry_compare(x, y);
}

/* The same prefix in the tag without its suffix; NULL when it has none. */
static const struct tag_entry *in_whole(const struct tag_file *f,
					const struct tag_entry *e)
{
	struct str name = str_of(f->names.list[e->tag]);
	struct str suffix = tag_suffix(name);
	struct tag_entry key = *e;

	if (suffix.p == NULL)
		return NULL;
	key.tag = words_find(&f->names, (struct str){name.p, name.len - suffix.len - 1});
	if (key.tag == ID_NONE)
		return NULL;
	return bsearch(&key, f->entries, f->count, sizeof(*f->entries), by_key);
}

/* IPv4 first, then by address, longer ones behind shorter ones, then as in the file. */
static int by_address(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	bool v4 = addr_is_v4(&a->e->prefix.addr);
	int c;

	if (v4 != addr_is_v4(&b->e->prefix.addr))
		return v4 ? -1 : 1;
	c = addr_compare(&a->e->prefix.addr, &b->e->prefix.addr);
	if (c != 0)
		return c;
	if (a->e->prefix.bits != b->e->prefix.bits)
		return a->e->prefix.bits < b->e->prefix.bits ? -1 : 1;
	return a->e->tag < b->e->tag ? -1 : a->e->tag > b->e->tag;
}

static void print_row(const struct tag_file *f, const struct row *row, FILE *out)
{
	struct str name = str_of(f->names.list[row->e->tag]);
	struct str suffix = row->with_whole ? tag_suffix(name) : STR_NONE;
	char prefix[PREFIX_TEXT_MAX];

	(void)prefix_format(&row->e->prefix, prefix);
	if (suffix.p != NULL)
		name.len -= suffix.len + 1;
	else
		suffix = STR("-");
	(void)fprintf(out, "%s\t%.*s\t%.*s\n", prefix, (int)name.len, name.p,
		      (int)suffix.len, suffix.p);
}

static void print_head(const struct tag_file *f, const char *source,
		       const uint8_t sha256[32], FILE *out)
{
	char hex[65];

	hex_format(sha256, 32, hex);
	(void)fprintf(
		out,
		"# Microsoft's service tags, written by `weir import service-tags`.\n"
		"# A row with a region belongs to TAG.REGION and to TAG.\n"
		"# source: %s\n# sha256: %s\n",
		source, hex);
	if (f->cloud.len > 0)
		(void)fprintf(out, "# cloud: %.*s\n", (int)f->cloud.len, f->cloud.p);
	if (f->change > 0)
		(void)fprintf(out, "# change: %" PRIu64 "\n", f->change);
	if (f->date[0] != '\0')
		(void)fprintf(out, "# date: %s\n", f->date);
	(void)fputs("prefix\ttag\tregion\n", out);
}

int tag_file_print(const struct tag_file *f, const char *source, const uint8_t sha256[32],
		   FILE *out)
{
	struct row *rows = calloc(f->count + 1, sizeof(*rows));
	bool *said = calloc(f->count + 1, sizeof(*said)); /* by another entry's row */
	size_t n = 0;

	if (rows == NULL || said == NULL) {
		free(rows);
		free(said);
		return -ENOMEM;
	}
	for (size_t i = 0; i < f->count; i++) {
		const struct tag_entry *whole = in_whole(f, &f->entries[i]);

		if (whole != NULL)
			said[whole - f->entries] = true;
	}
	for (size_t i = 0; i < f->count; i++)
		if (!said[i])
			rows[n++] = (struct row){&f->entries[i],
						 in_whole(f, &f->entries[i]) != NULL};
	qsort(rows, n, sizeof(*rows), by_address);
	print_head(f, source, sha256, out);
	for (size_t i = 0; i < n; i++)
		print_row(f, &rows[i], out);
	free(rows);
	free(said);
	return ferror(out) != 0 ? -EIO : 0;
}
