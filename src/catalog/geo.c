/* SPDX-License-Identifier: Apache-2.0 */
/* geo - reads regions.tsv. */
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
