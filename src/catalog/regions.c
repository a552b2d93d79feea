/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/regions.h"

#include <string.h>

#include "base/hash.h"

static const char *const names[REGION_SCHEME_COUNT] = {
#define X(id, word) [REGION_##id] = (word),
	REGION_SCHEMES(X)
#undef X
};

const char *region_scheme_name(enum region_scheme s)
{
	return names[s];
}

enum region_scheme region_scheme_find(struct str s)
{
	for (unsigned i = 0; i < REGION_SCHEME_COUNT; i++) {
		if (str_equal(s, str_of(names[i])))
			return (enum region_scheme)i;
	}
	return REGION_SCHEME_COUNT;
}

/* Both ends of a token tell our own few hundred apart; bit 0x20 set, letters have one case. */
static size_t hash(enum region_scheme scheme, struct str token)
{
	uint64_t first = 0, last = 0;

	if (token.len >= sizeof(first)) {
		memcpy(&first, token.p, sizeof(first));
		memcpy(&last, token.p + token.len - sizeof(last), sizeof(last));
	} else {
		for (size_t i = 0; i < token.len; i++)
			first = first << 8 | (uint8_t)token.p[i];
	}
	first |= 0x2020202020202020u;
	last |= 0x2020202020202020u;
	return (size_t)hash_u64(first ^ last * 0x9e3779b97f4a7c15u ^
				((uint64_t)scheme << 8 | token.len));
}

const struct region *regions_find(const struct regions *r, enum region_scheme scheme,
				  struct str token)
{
	size_t mask = r->slot_count - 1;

	if (r->slot_count == 0 || token.len == 0)
		return NULL;
	for (size_t at = hash(scheme, token) & mask; r->slots[at] != 0;
	     at = (at + 1) & mask) {
		const struct region *one = &r->list[r->slots[at] - 1];

		if (one->scheme == scheme &&
		    (str_equal(one->token, token) || str_equal_fold(one->token, token)))
			return one;
	}
	return NULL;
}

static struct str without_digits(struct str s)
{
	while (s.len > 0 && ascii_is_digit(s.p[s.len - 1]))
		s.len--;
	return s;
}

/*
 * Where else a token may be explained.  Geographies are spelled alike in apihub, apim and
 * analytics names; "emea" and "na" stand beside the locations' own words.
 */
static const struct region *any_scheme(const struct regions *r, enum region_scheme scheme,
				       struct str token)
{
	static const enum region_scheme related[] = {REGION_LOCATION, REGION_APIHUB,
						     REGION_CSANALYTICS, REGION_AZURE};
	const struct region *one = regions_find(r, scheme, token);

	if (scheme == REGION_CRM || scheme == REGION_ISLAND)
		return one;
	for (size_t i = 0; one == NULL && i < sizeof(related) / sizeof(related[0]); i++) {
		if (related[i] != scheme)
			one = regions_find(r, related[i], token);
	}
	return one;
}

const struct region *regions_guess(const struct regions *r, enum region_scheme scheme,
				   struct str token)
{
	const struct region *one = any_scheme(r, scheme, token);
	struct str stem;

	if (one != NULL || (scheme != REGION_APIHUB && scheme != REGION_APIM))
		return one;
	stem = without_digits(token);
	return stem.len < token.len ? any_scheme(r, scheme, stem) : NULL;
}

void regions_place(struct regions *r, size_t index)
{
	size_t mask = r->slot_count - 1;
	size_t at = hash(r->list[index].scheme, r->list[index].token) & mask;

	while (r->slots[at] != 0)
		at = (at + 1) & mask;
	r->slots[at] = (uint16_t)(index + 1);
}
