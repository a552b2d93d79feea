/* SPDX-License-Identifier: Apache-2.0 */
/* geo - reads regions.tsv and service-tags.tsv. */
#include "catalog/builder.h"

#include <errno.h>
#include <string.h>

#define REGIONS_MAX 16384

enum {
	REGION_SCHEME = 0,
	REGION_TOKEN,
	REGION_CODE,
	REGION_COUNTRIES
};

/* "NL|IE": two capital letters each. */
static bool countries_sound(struct str s)
{
	if (s.p == NULL)
		return true;
	if (s.len % 3 != 2)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool bar = i % 3 == 2;

		if (bar ? s.p[i] != '|' : s.p[i] < 'A' || s.p[i] > 'Z')
			return false;
	}
	return true;
}

static bool region_row(struct builder *b, const struct tsv *t, const struct tsv_row *row,
		       struct region *ret)
{
	enum region_scheme scheme = region_scheme_find(row->field[REGION_SCHEME]);

	if (scheme == REGION_SCHEME_COUNT) {
		tsv_fault(t, row, REGION_SCHEME, 0, 0, "no such scheme of region tokens");
		diag_remedy(b->d, "dataverse-crm, pp-location, pp-island, apihub-geo, "
				  "apim-geo, csanalytics-geo or azure-region");
		return false;
	}
	if (row->field[REGION_TOKEN].p == NULL || row->field[REGION_CODE].p == NULL) {
		tsv_fault(t, row,
			  row->field[REGION_TOKEN].p == NULL ? REGION_TOKEN : REGION_CODE,
			  0, 0, "the token and its region are required");
		return false;
	}
	if (!countries_sound(row->field[REGION_COUNTRIES])) {
		tsv_fault(t, row, REGION_COUNTRIES, 0, 0, "is no list of countries");
		diag_remedy(b->d, "ISO 3166-1 codes such as NL or NL|IE, or -");
		return false;
	}
	*ret = (struct region){
		.scheme = scheme,
		.line = row->line,
		.token = builder_copy_lower(b, row->field[REGION_TOKEN]),
		.code = builder_copy(b, row->field[REGION_CODE]),
		.countries = builder_copy(b, row->field[REGION_COUNTRIES]),
	};
	return !b->out_of_memory;
}

/* Twice as many slots as regions, so that probing stays short. */
static void index_regions(struct builder *b)
{
	struct regions *r = &b->c->regions;

	r->slot_count = 16;
	while (r->slot_count < r->count * 2)
		r->slot_count *= 2;
	r->slots = arena_alloc(b->c->arena, r->slot_count * sizeof(*r->slots));
	if (r->slots == NULL) {
		r->slot_count = 0;
		b->out_of_memory = true;
	}
}

static void place_regions(struct builder *b, const struct tsv_text *text)
{
	struct regions *r = &b->c->regions;

	for (size_t i = 0; i < r->count; i++) {
		const struct region *one = &r->list[i];

		const struct span at = {.file = text->name, .line = one->line};

		if (regions_find(r, one->scheme, one->token) != NULL)
			diag_error(b->d, at,
				   "%s \"%.*s\" stands in an earlier row already",
				   region_scheme_name(one->scheme), (int)one->token.len,
				   one->token.p);
		else
			regions_place(r, i);
	}
}

void read_regions(struct builder *b, const struct tsv_text *text)
{
	static const char *const columns[] = {"scheme", "token", "region", "countries"};
	struct regions *r = &b->c->regions;
	struct tsv t;
	struct tsv_row row;

	if (!tsv_start(&t, text, columns, sizeof(columns) / sizeof(columns[0]), b->d))
		return;
	while (tsv_next(&t, &row)) {
		void *list = r->list;

		if (r->count == REGIONS_MAX) {
			tsv_fault(&t, &row, REGION_SCHEME, 0, 0, "too many regions");
			break;
		}
		if (!builder_room(b, &list, &b->region_room, r->count, sizeof(*r->list)))
			return;
		r->list = list;
		if (region_row(b, &t, &row, &r->list[r->count]))
			r->count++;
	}
	b->rows[FILE_REGIONS] = t.rows;
	b->date[FILE_REGIONS] = t.date;
	index_regions(b);
	if (!b->out_of_memory)
		place_regions(b, text);
}

enum {
	TAG_PREFIX = 0,
	TAG_NAME,
	TAG_REGION
};

#define TAG_NAME_MAX 100

static bool tag_prefix(struct builder *b, const struct tsv *t, const struct tsv_row *row,
		       struct prefix *ret)
{
	struct str s = row->field[TAG_PREFIX];
	char fixed[PREFIX_TEXT_MAX];

	switch (s.p == NULL ? PREFIX_BAD_ADDRESS : prefix_parse(s.p, s.len, ret)) {
	case PREFIX_OK:
		return true;
	case PREFIX_BAD_ADDRESS:
		tsv_fault(t, row, TAG_PREFIX, 0, 0, "is no address prefix");
		diag_remedy(b->d, "192.0.2.0/24 or 2001:db8::/32");
		break;
	case PREFIX_BAD_LENGTH:
		tsv_fault(t, row, TAG_PREFIX, 0, 0, "has no sound prefix length");
		diag_remedy(b->d, "at most /32 for IPv4, /128 for IPv6");
		break;
	case PREFIX_HOST_BITS:
		tsv_fault(t, row, TAG_PREFIX, 0, 0, "has address bits past its length");
		(void)prefix_format(ret, fixed);
		diag_remedy(b->d, "%s", fixed);
		break;
	}
	return false;
}

static bool add_tag(struct builder *b, const struct tsv *t, const struct tsv_row *row,
		    struct str name, uint16_t *ret)
{
	void *places = b->c->places;
	int rc;

	if (!builder_room(b, &places, &b->place_room, b->c->tags.count,
			  sizeof(*b->c->places)))
		return false;
	b->c->places = places;
	rc = words_add(&b->c->tags, name, ret);
	if (rc == 0)
		return true;
	b->out_of_memory = b->out_of_memory || rc == -ENOMEM;
	if (rc == -ENOSPC)
		tsv_fault(t, row, TAG_NAME, 0, 0, "too many service tags");
	return false;
}

/* The number of the row's tag, with its place filled in at the first row of each. */
static bool tag_of(struct builder *b, const struct tsv *t, const struct tsv_row *row,
		   uint16_t *ret)
{
	struct str whole = row->field[TAG_NAME], region = row->field[TAG_REGION];
	char name[TAG_NAME_MAX];
	const struct region *known;
	size_t before = b->c->tags.count;
	uint16_t whole_id;
	bool cloud;

	if (whole.p == NULL || whole.len + region.len + 1 > sizeof(name)) {
		tsv_fault(t, row, TAG_NAME, 0, 0, "is no name of a service tag");
		return false;
	}
	if (!add_tag(b, t, row, whole, &whole_id))
		return false;
	if (b->c->tags.count != before)
		b->c->places[whole_id] = (struct tag_place){
			.whole = whole_id, .cloud = str_equal(whole, STR("AzureCloud"))};
	cloud = b->c->places[whole_id].cloud;
	*ret = whole_id;
	if (region.p == NULL)
		return true;
	memcpy(name, whole.p, whole.len);
	name[whole.len] = '.';
	memcpy(name + whole.len + 1, region.p, region.len);
	before = b->c->tags.count;
	if (!add_tag(b, t, row, (struct str){name, whole.len + 1 + region.len}, ret))
		return false;
	if (b->c->tags.count == before)
		return true;
	known = regions_find(&b->c->regions, REGION_AZURE, region);
	b->c->places[*ret] = (struct tag_place){
		.whole = whole_id,
		.cloud = cloud,
		.region = builder_copy_lower(b, region),
		.countries = known == NULL ? STR_NONE : known->countries,
	};
	return true;
}

void read_tags(struct builder *b, const struct tsv_text *text)
{
	static const char *const columns[] = {"prefix", "tag", "region"};
	struct catalog *c = b->c;
	struct tsv t;
	struct tsv_row row;

	c->prefixes = prefixes_create();
	if (c->prefixes == NULL) {
		b->out_of_memory = true;
		return;
	}
	if (!tsv_start(&t, text, columns, sizeof(columns) / sizeof(columns[0]), b->d))
		return;
	while (!b->out_of_memory && tsv_next(&t, &row)) {
		struct prefix p;
		uint16_t tag;

		if (tag_prefix(b, &t, &row, &p) && tag_of(b, &t, &row, &tag) &&
		    prefixes_add(c->prefixes, &p, tag) < 0)
			b->out_of_memory = true;
	}
	b->rows[FILE_TAGS] = t.rows;
	b->date[FILE_TAGS] = t.date;
	if (!b->out_of_memory && prefixes_seal(c->prefixes) < 0)
		b->out_of_memory = true;
}
