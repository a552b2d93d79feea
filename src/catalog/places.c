/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places - what an address means, worked out once for each set of service tags that some
 * address has: looking one up is a search and a copy, and no set is ever cut.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "catalog/builder.h"
#include "catalog/tags.h"

/* Values of the prefix table: the tag's number, and above it the file's. */
#define FEED_SHIFT 16
#define TAG_OF(v)  ((uint16_t)((v)&0xffffu))

static bool same_cloud(const struct builder *b, const struct tag_file *f, bool gives_way)
{
	for (size_t i = 0; i < b->c->feed_count; i++) {
		const struct tag_feed *old = &b->c->feeds[i];

		if (f->cloud.len == 0 || !str_equal_fold(str_of(old->cloud), f->cloud))
			continue;
		if (gives_way)
			return true;
		diag_error(b->d, (struct span){.file = f->name},
			   "holds the service tags of cloud %s, and so does %s",
			   old->cloud, old->file);
		diag_remedy(b->d, "one file a cloud in geo.tags");
		return true;
	}
	return false;
}

static int64_t day_us(const char *date)
{
	uint64_t y, m, d;

	if (!parse_u64((struct str){date, 4}, 9999, &y) ||
	    !parse_u64((struct str){date + 5, 2}, 12, &m) ||
	    !parse_u64((struct str){date + 8, 2}, 31, &d))
		return INT64_MIN;
	return civil_days((int)y, (int)m, (int)d) * INT64_C(86400000000);
}

static void add_feed(struct builder *b, const struct tag_file *f)
{
	struct tag_feed *to = &b->c->feeds[b->c->feed_count++];
	struct str date = str_of(f->date);

	*to = (struct tag_feed){
		.file = builder_copy(b, str_of(f->name)).p,
		.cloud = f->cloud.len == 0 ? "" : builder_copy(b, f->cloud).p,
		.change = f->change,
		.date = builder_copy(b, date).p,
		.date_us = date.len == 0 ? INT64_MIN : day_us(f->date),
		.tag_count = f->names.count,
		.prefix_count = f->count,
	};
}

/* Give the file's tags the catalogue's numbers. */
static bool number_tags(struct builder *b, const struct tag_file *f, uint16_t *numbers)
{
	for (size_t i = 0; i < f->names.count; i++) {
		int rc = words_add(&b->c->tags, str_of(f->names.list[i]), &numbers[i]);

		if (rc == -ENOSPC)
			diag_error(b->d, (struct span){.file = f->name},
				   "more than %d service tags in all files", TAGS_MAX);
		else if (rc < 0)
			b->out_of_memory = true;
		if (rc < 0)
			return false;
	}
	return true;
}

void read_tags(struct builder *b, const struct tsv_text *text, bool gives_way)
{
	struct tag_file *f = tag_file_parse(text, TAG_BY_PREFIX, b->d);
	uint16_t *numbers =
		f == NULL ? NULL : calloc(f->names.count + 1, sizeof(*numbers));
	uint32_t feed = (uint32_t)b->c->feed_count << FEED_SHIFT;

	if (f == NULL)
		return;
	if (b->c->prefixes == NULL)
		b->c->prefixes = prefixes_create();
	if (numbers == NULL || b->c->prefixes == NULL)
		b->out_of_memory = true;
	else if (!same_cloud(b, f, gives_way) && number_tags(b, f, numbers)) {
		add_feed(b, f);
		for (size_t i = 0; i < f->count && !b->out_of_memory; i++)
			b->out_of_memory =
				prefixes_add(b->c->prefixes, &f->entries[i].prefix,
					     feed | numbers[f->entries[i].tag]) < 0;
	}
	free(numbers);
	tag_file_destroy(f);
}

/* ---- one place for each set --------------------------------------------------------------- */

/* A set as prefixes_around() gives it: longest prefix first. */
struct set {
	const uint32_t *values;
	size_t count;
};

struct compiling {
	struct builder *b;
	struct tag_place *tags; /* by tag */
	struct set *sets;       /* by place */
	size_t count, room;
	uint32_t *slots; /* index of sets + 1; 0 = empty; a power of two of them */
	size_t slot_count;
};

/*
 * A suffix is a region when regions.tsv knows it, by any of its spellings, or when AzureCloud
 * has that suffix too: a region that is newer than the table.  Frontend or Core are none.
 */
static struct str region_of(struct compiling *w, struct str suffix,
			    const struct region *known)
{
	static const char cloud[] = "AzureCloud.";
	char name[sizeof(cloud) + TAG_NAME_MAX];

	if (known != NULL)
		return known->code;
	if (suffix.p == NULL || suffix.len == 0 || suffix.len > TAG_NAME_MAX)
		return STR_NONE;
	memcpy(name, cloud, sizeof(cloud) - 1);
	memcpy(name + sizeof(cloud) - 1, suffix.p, suffix.len);
	if (words_find(&w->b->c->tags,
		       (struct str){name, sizeof(cloud) - 1 + suffix.len}) == ID_NONE)
		return STR_NONE;
	return builder_copy_lower(w->b, suffix);
}

static void describe_tag(struct compiling *w, uint16_t tag)
{
	struct str name = str_of(w->b->c->tags.list[tag]);
	struct str suffix = tag_suffix(name);
	struct str whole =
		suffix.p == NULL ? name : (struct str){name.p, name.len - suffix.len - 1};
	const struct region *known =
		regions_find(&w->b->c->regions, REGION_AZURE, suffix);

	w->tags[tag] = (struct tag_place){
		.cloud = str_equal_fold(whole, STR("AzureCloud")),
		.region = region_of(w, suffix, known),
		.countries = known == NULL ? STR_NONE : known->countries,
	};
}

/* Services before the cloud that they stand in, regional tags before whole ones. */
static unsigned rank_of(const struct tag_place *t)
{
	return (t->cloud ? 2u : 0u) + (t->region.len == 0 ? 1u : 0u);
}

static bool in_list(const uint16_t *list, size_t count, uint16_t tag)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == tag)
			return true;
	return false;
}

static bool fill_place(struct compiling *w, const struct set *set, struct place *ret)
{
	uint16_t *tags = arena_alloc(w->b->c->arena, set->count * sizeof(*tags));

	if (tags == NULL)
		return false;
	*ret = (struct place){.country = "", .tags = tags};
	for (unsigned rank = 0; rank < 4; rank++)
		for (size_t i = 0; i < set->count; i++) {
			uint16_t tag = TAG_OF(set->values[i]);

			if (rank_of(&w->tags[tag]) == rank &&
			    !in_list(tags, ret->tag_count, tag))
				tags[ret->tag_count++] = tag;
		}
	ret->tag_cloud = str_of(w->b->c->feeds[set->values[0] >> FEED_SHIFT].cloud);
	if (ret->tag_cloud.len == 0)
		ret->tag_cloud = STR_NONE;
	for (size_t i = 0; i < set->count; i++) {
		const struct tag_place *t = &w->tags[TAG_OF(set->values[i])];

		ret->microsoft_cloud = ret->microsoft_cloud || t->cloud;
		ret->microsoft_service = ret->microsoft_service || !t->cloud;
		if (ret->region.p != NULL || t->region.len == 0)
			continue;
		ret->region = t->region;     /* of the longest prefix that has one */
		if (t->countries.len == 2) { /* exactly one */
			memcpy(ret->country, t->countries.p, 2);
			ret->country_from_tag = true;
		}
	}
	return true;
}

static bool grow(struct compiling *w)
{
	size_t room = w->room == 0 ? 1024 : w->room * 2;
	struct set *sets = reallocarray(w->sets, room, sizeof(*sets));
	uint32_t *slots = calloc(room * 2, sizeof(*slots));

	if (sets != NULL)
		w->sets = sets;
	if (sets == NULL || slots == NULL) {
		free(slots);
		return false;
	}
	free(w->slots);
	w->slots = slots;
	w->slot_count = room * 2;
	w->room = room;
	for (size_t i = 0; i < w->count; i++) {
		size_t at =
			hash_bytes(sets[i].values, sets[i].count * sizeof(uint32_t), 0);

		while (slots[at & (w->slot_count - 1)] != 0)
			at++;
		slots[at & (w->slot_count - 1)] = (uint32_t)i + 1;
	}
	return true;
}

/* The number of the set, new or old; UINT32_MAX: out of memory. */
static uint32_t intern(struct compiling *w, const uint32_t *values, size_t count)
{
	size_t bytes = count * sizeof(*values), at = hash_bytes(values, bytes, 0);
	uint32_t *copy;

	if (w->count == w->room && !grow(w))
		return UINT32_MAX;
	for (;; at++) {
		uint32_t one = w->slots[at & (w->slot_count - 1)];

		if (one == 0)
			break;
		if (w->sets[one - 1].count == count &&
		    memcmp(w->sets[one - 1].values, values, bytes) == 0)
			return one - 1;
	}
	copy = arena_alloc(w->b->c->arena, bytes);
	if (copy == NULL)
		return UINT32_MAX;
	memcpy(copy, values, bytes);
	w->sets[w->count] = (struct set){copy, count};
	w->slots[at & (w->slot_count - 1)] = (uint32_t)w->count + 1;
	return (uint32_t)w->count++;
}

static bool intern_all(struct compiling *w)
{
	struct catalog *c = w->b->c;
	uint32_t distinct = prefixes_distinct(c->prefixes);
	uint32_t values[PLACE_TAGS_MAX + 1];

	c->place_of =
		arena_alloc(c->arena, ((size_t)distinct + 1) * sizeof(*c->place_of));
	if (c->place_of == NULL)
		return false;
	for (uint32_t i = 0; i < distinct; i++) {
		size_t n = prefixes_around(c->prefixes, i, values, PLACE_TAGS_MAX + 1);

		if (n > PLACE_TAGS_MAX) {
			diag_error(
				w->b->d, (struct span){.file = c->feeds[0].file},
				"an address lies in more than %d service tags, first of "
				"all %s",
				PLACE_TAGS_MAX, c->tags.list[TAG_OF(values[0])]);
			diag_remedy(w->b->d,
				    "Microsoft's own files: there it is at most 5");
			return true;
		}
		c->place_of[i] = intern(w, values, n);
		if (c->place_of[i] == UINT32_MAX)
			return false;
	}
	c->places = arena_alloc(c->arena, (w->count + 1) * sizeof(*c->places));
	if (c->places == NULL)
		return false;
	for (size_t i = 0; i < w->count; i++)
		if (!fill_place(w, &w->sets[i], &c->places[i]))
			return false;
	return true;
}

void compile_places(struct builder *b)
{
	struct catalog *c = b->c;
	struct compiling w = {.b = b};

	if (c->prefixes == NULL)
		return;
	w.tags = calloc(c->tags.count + 1, sizeof(*w.tags));
	if (w.tags == NULL || prefixes_seal(c->prefixes) < 0) {
		b->out_of_memory = true;
	} else {
		for (size_t i = 0; i < c->tags.count; i++)
			describe_tag(&w, (uint16_t)i);
		b->out_of_memory = b->out_of_memory || !intern_all(&w);
	}
	free(w.tags);
	free(w.sets);
	free(w.slots);
}
