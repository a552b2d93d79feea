/* SPDX-License-Identifier: Apache-2.0 */
#include "import/ranges.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int ranges_add(struct ranges *r, const struct prefix *p)
{
	if (r->count == RANGES_MAX)
		return -E2BIG;
	if (r->count == r->room) {
		size_t room = r->room == 0 ? 64 : r->room * 2;
		struct prefix *list = reallocarray(r->list, room, sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		r->list = list;
		r->room = room;
	}
	r->list[r->count++] = *p;
	return 0;
}

void ranges_finish(struct ranges *r)
{
	free(r->list);
	*r = (struct ranges){0};
}

void range_fit_finish(struct range_fit *f)
{
	free(f->merges);
	*f = (struct range_fit){0};
}

/* ---- prefixes ---------------------------------------------------------------------------- */

static bool is_v4(const struct prefix *p)
{
	return p->bits >= 96 && addr_is_v4(&p->addr);
}

static bool holds(const struct prefix *a, const struct prefix *b)
{
	return a->bits <= b->bits && is_v4(a) == is_v4(b) && prefix_contains(a, &b->addr);
}

/* The IANA special-purpose registries (RFC 6890), as far as they are not documentation. */
static const struct {
	const char *prefix, *name;
} blocks[] = {
	{"0.0.0.0/8", "this network, RFC 791"},
	{"10.0.0.0/8", "private, RFC 1918"},
	{"100.64.0.0/10", "shared by carriers, RFC 6598"},
	{"127.0.0.0/8", "loopback, RFC 1122"},
	{"169.254.0.0/16", "link-local, RFC 3927"},
	{"172.16.0.0/12", "private, RFC 1918"},
	{"192.168.0.0/16", "private, RFC 1918"},
	{"224.0.0.0/3", "multicast and reserved, RFC 1112"},
	{"::/16", "unspecified, loopback or IPv4 in another form, RFC 4291"},
	{"fc00::/7", "private, RFC 4193"},
	{"fe80::/9", "link-local and site-local, RFC 4291"},
	{"ff00::/8", "multicast, RFC 4291"},
};

const char *range_private(const struct prefix *p)
{
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct prefix b;

		(void)prefix_parse(blocks[i].prefix, strlen(blocks[i].prefix), &b);
		if (holds(&b, p) || holds(p, &b))
			return blocks[i].name;
	}
	return NULL;
}

static int by_place(const void *x, const void *y)
{
	const struct prefix *a = x, *b = y;
	int c = is_v4(b) - is_v4(a); /* IPv4 first */

	if (c == 0)
		c = addr_compare(&a->addr, &b->addr);
	return c != 0 ? c : (int)a->bits - (int)b->bits;
}

static struct prefix shortened(const struct prefix *p, unsigned bits)
{
	struct prefix s = {.addr = p->addr, .bits = (uint8_t)bits};
	unsigned whole = bits / 8;

	if (whole < 16) {
		s.addr.b[whole] &= (uint8_t) ~(0xffu >> (bits % 8));
		memset(s.addr.b + whole + 1, 0, 15 - whole);
	}
	return s;
}

/* The smallest prefix that holds both. */
static struct prefix span_of(const struct prefix *a, const struct prefix *b)
{
	unsigned bits = a->bits < b->bits ? a->bits : b->bits, same = 0;

	while (same < 16 && a->addr.b[same] == b->addr.b[same])
		same++;
	if (same < 16)
		same = same * 8 +
		       (unsigned)__builtin_clz(
			       (unsigned)(a->addr.b[same] ^ b->addr.b[same])) -
		       24;
	else
		same = 128;
	return shortened(a, same < bits ? same : bits);
}

static double addresses(const struct prefix *p)
{
	return ldexp(1.0, 128 - p->bits);
}

/* ---- joining ----------------------------------------------------------------------------- */

static bool are_halves(const struct prefix *a, const struct prefix *b)
{
	struct prefix s;

	if (a->bits != b->bits || is_v4(a) != is_v4(b) || a->bits == (is_v4(a) ? 96 : 0))
		return false;
	s = shortened(a, a->bits - 1u);
	return holds(&s, b);
}

/* What lies in another one goes, two halves become one. */
static void join(struct ranges *r)
{
	size_t n = 0;

	qsort(r->list, r->count, sizeof(*r->list), by_place);
	for (size_t i = 0; i < r->count; i++) {
		struct prefix p = r->list[i];

		if (n > 0 && holds(&r->list[n - 1], &p))
			continue;
		while (n > 0 && are_halves(&r->list[n - 1], &p)) {
			p = shortened(&p, p.bits - 1u);
			n--;
		}
		r->list[n++] = p;
	}
	r->count = n;
}

size_t ranges_text_len(const struct ranges *r)
{
	char buf[PREFIX_TEXT_MAX];
	size_t len = r->count == 0 ? 0 : r->count - 1;

	for (size_t i = 0; i < r->count; i++)
		len += prefix_format(&r->list[i], buf);
	return len;
}

/* ---- merging ----------------------------------------------------------------------------- */

/* A run of the list that one prefix would take the place of. */
struct candidate {
	struct prefix into;
	size_t from, count;
	double price;
};

static bool may_be(const struct prefix *into)
{
	unsigned least = is_v4(into) ? 96 + RANGES_V4_BITS : RANGES_V6_BITS;

	return into->bits >= least && range_private(into) == NULL;
}

/* The merge of number i with its next; false: not allowed. */
static bool consider(const struct ranges *r, size_t i, struct candidate *ret)
{
	const struct prefix *a = &r->list[i], *b = a + 1;
	double held = 0;
	size_t from = i, to = i;

	if (is_v4(a) != is_v4(b))
		return false;
	ret->into = span_of(a, b);
	if (!may_be(&ret->into))
		return false;
	while (from > 0 && holds(&ret->into, &r->list[from - 1]))
		from--;
	while (to < r->count && holds(&ret->into, &r->list[to]))
		to++;
	for (size_t k = from; k < to; k++)
		held += addresses(&r->list[k]);
	ret->from = from;
	ret->count = to - from;
	ret->price = addresses(&ret->into) - held;
	if (!is_v4(a))
		ret->price = ldexp(ret->price, -64);
	return true;
}

static bool merge_cheapest(struct ranges *r)
{
	struct candidate best = {.count = 0}, c;
	size_t behind;

	for (size_t i = 0; i + 1 < r->count; i++)
		if (consider(r, i, &c) && (best.count == 0 || c.price < best.price))
			best = c;
	if (best.count == 0)
		return false;
	behind = best.from + best.count;
	r->list[best.from] = best.into;
	memmove(&r->list[best.from + 1], &r->list[behind],
		(r->count - behind) * sizeof(*r->list));
	r->count -= best.count - 1;
	join(r);
	return true;
}

/* What stands now against what stood before merging. */
static int tell_merges(const struct ranges *r, const struct ranges *before,
		       struct range_fit *ret)
{
	ret->merges = calloc(r->count + 1, sizeof(*ret->merges));
	if (ret->merges == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < r->count; i++) {
		struct range_merge m = {.into = r->list[i]};
		double held = 0;

		for (size_t k = 0; k < before->count; k++)
			if (holds(&m.into, &before->list[k])) {
				held += addresses(&before->list[k]);
				m.taken++;
			}
		m.foreign = addresses(&m.into) - held;
		if (m.foreign > 0)
			ret->merges[ret->merge_count++] = m;
	}
	return 0;
}

int ranges_fit(struct ranges *r, size_t max, size_t max_text, struct range_fit *ret)
{
	struct ranges before = {0};
	int rc = 0;

	*ret = (struct range_fit){.given = r->count};
	join(r);
	ret->joined = r->count;
	for (size_t i = 0; rc == 0 && i < r->count; i++)
		rc = ranges_add(&before, &r->list[i]);
	while (rc == 0 && (r->count > max || ranges_text_len(r) > max_text))
		if (!merge_cheapest(r))
			rc = -ERANGE;
	if (rc == 0)
		rc = tell_merges(r, &before, ret);
	ranges_finish(&before);
	return rc;
}
