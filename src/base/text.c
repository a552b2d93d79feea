/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stddef.h>

bool str_equal_fold(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

int str_compare_fold(struct str a, struct str b)
{
	const size_t n = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < n; i++) {
		const int x = (uint8_t)ascii_lower(a.p[i]),
			  y = (uint8_t)ascii_lower(b.p[i]);

		if (x != y)
			return x - y;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

bool str_ends_with(struct str s, struct str tail)
{
	return tail.len == 0 || (s.len >= tail.len &&
				 memcmp(s.p + s.len - tail.len, tail.p, tail.len) == 0);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

size_t str_copy(struct str s, char *to, size_t size)
{
	const size_t len = s.len < size ? s.len : size;

	if (len > 0)
		memcpy(to, s.p, len);
	return len;
}

struct str str_item(struct str *rest, char comma)
{
	const char *sep = rest->len == 0 ? NULL : memchr(rest->p, comma, rest->len);
	const struct str item = {rest->p,
				 sep == NULL ? rest->len : (size_t)(sep - rest->p)};

	if (sep == NULL) {
		rest->len = 0;
	} else {
		rest->p = sep + 1;
		rest->len -= item.len + 1;
	}
	return item;
}

bool list_has(struct str list, struct str item, size_t *ret_count)
{
	for (*ret_count = 0; list.len > 0; ++*ret_count)
		if (str_equal(str_item(&list, ','), item))
			return true;
	return false;
}

size_t list_put(char *list, size_t len, size_t max, struct str item)
{
	const size_t comma = len > 0;

	if (item.len == 0 || comma + item.len > max - len)
		return len;
	if (comma > 0)
		list[len++] = ',';
	return len + str_copy(item, list + len, item.len);
}

bool str_is_host_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) && s.p[i] != '-' &&
		    s.p[i] != '_' && s.p[i] != '.')
			return false;
	return s.len > 0;
}

void str_put_printable(FILE *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		(void)fputc(s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?', out);
}

bool parse_u64(struct str s, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.p[i]) ||
		    __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value) ||
		    value > max)
			return false;
	}
	*ret = value;
	return true;
}

bool parse_hex_u32(struct str s, uint32_t *ret)
{
	uint32_t v = 0;

	if (s.len < 3 || s.p[0] != '0' || s.p[1] != 'x')
		return false;
	for (size_t i = 2; i < s.len; i++) {
		const char c = ascii_lower(s.p[i]);

		if (!ascii_is_hex(c) || v >> 28 != 0)
			return false;
		v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret = v;
	return true;
}

struct unit {
	const char *word;
	uint64_t factor;
};

/* What a kind of quantity may be, and what to say when it is not. */
struct quantity {
	const struct unit *units;
	size_t count;
	uint64_t max; /* after multiplication */
	const char *no_number;
	const char *no_unit;
	const char *bad_unit;
	const char *too_large;
};

static bool parse_quantity(struct str s, const struct quantity *q, uint64_t *ret,
			   const char **ret_why)
{
	struct str digits = {s.p, 0};
	struct str word;
	const struct unit *unit = NULL;
	uint64_t value;

	while (digits.len < s.len && ascii_is_digit(s.p[digits.len]))
		digits.len++;
	word = (struct str){s.p + digits.len, s.len - digits.len};
	for (size_t i = 0; i < q->count && unit == NULL; i++)
		if (str_equal(word, str_of(q->units[i].word)))
			unit = &q->units[i];

	if (digits.len == 0)
		*ret_why = q->no_number;
	else if (word.len == 0)
		*ret_why = q->no_unit;
	else if (unit == NULL)
		*ret_why = q->bad_unit;
	else if (!parse_u64(digits, q->max / unit->factor, &value))
		*ret_why = q->too_large;
	else {
		*ret = value * unit->factor;
		return true;
	}
	return false;
}

bool parse_duration(struct str s, int64_t *ret_us, const char **ret_why)
{
	static const struct unit units[] = {
		{"us", 1},
		{"ms", 1000},
		{"s", 1000000},
		{"min", UINT64_C(60000000)},
		{"h", UINT64_C(3600000000)},
		{"d", UINT64_C(86400000000)},
	};
	static const struct quantity duration = {
		.units = units,
		.count = sizeof(units) / sizeof(units[0]),
		.max = INT64_MAX,
		.no_number = "is no duration: write 30s, 10min, 24h or 7d",
		.no_unit = "has no unit: write 30s, 10min, 24h or 7d",
		.bad_unit =
			"has a unit other than us, ms, s, min, h and d: write 30s, 10min, "
			"24h or 7d",
		.too_large = "is too large: durations end at 106751991d",
	};
	uint64_t us;

	if (!parse_quantity(s, &duration, &us, ret_why))
		return false;
	*ret_us = (int64_t)us;
	return true;
}

bool parse_size(struct str s, uint64_t *ret_bytes, const char **ret_why)
{
	static const struct unit units[] = {
		{"B", 1},
		{"KiB", UINT64_C(1) << 10},
		{"MiB", UINT64_C(1) << 20},
		{"GiB", UINT64_C(1) << 30},
		{"TiB", UINT64_C(1) << 40},
		{"KB", UINT64_C(1000)},
		{"MB", UINT64_C(1000000)},
		{"GB", UINT64_C(1000000000)},
	};
	static const struct quantity size = {
		.units = units,
		.count = sizeof(units) / sizeof(units[0]),
		.max = UINT64_MAX,
		.no_number = "is no size: write 512KiB, 64MiB or 2GiB",
		.no_unit = "has no unit: write 512KiB, 64MiB or 2GiB",
		.bad_unit =
			"has a unit other than B, KiB, MiB, GiB, TiB, KB, MB and GB: write "
			"512KiB, 64MiB or 2GiB",
		.too_large = "is too large: sizes end at 16777215TiB",
	};

	return parse_quantity(s, &size, ret_bytes, ret_why);
}

bool parse_share(struct str s, unsigned *ret_hundredths, const char **ret_why)
{
	static const struct unit percent = {"%", 100};
	static const struct quantity share = {
		.units = &percent,
		.count = 1,
		.max = UINT64_C(100) * 100,
		.no_number = "is no share: write 50% or 90%",
		.no_unit = "has no unit: write 50% or 90%",
		.bad_unit = "has a unit other than %: write 50% or 90%",
		.too_large = "is too large: shares end at 100%",
	};
	uint64_t hundredths;

	if (!parse_quantity(s, &share, &hundredths, ret_why))
		return false;
	*ret_hundredths = (unsigned)hundredths;
	return true;
}

#define WORD_MAX  64 /* longer words are never compared */
#define EDITS_MAX 3u

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * Edits between two words: insertions, deletions, substitutions, and swaps of neighbours,
 * no place edited twice (optimal string alignment); `limit` when it is that many or more.
 * Only three rows of the table are kept, and of each the part that is within the limit.
 */
static unsigned edits(struct str a, struct str b, unsigned limit)
{
	unsigned rows[3][WORD_MAX + 1] = {{0}};
	unsigned *before = rows[0];
	unsigned *above = rows[1];
	unsigned *row = rows[2];

	for (unsigned j = 0; j <= b.len && j <= limit; j++)
		above[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		/* What is `limit` places off the diagonal takes as many edits. */
		const unsigned from = i > limit ? i - limit : 0;
		const unsigned to = least((unsigned)b.len, i + limit);
		const char ca = ascii_lower(a.p[i - 1]);
		unsigned *spare = before;
		unsigned best = limit;

		row[from] = from == 0 ? i : limit;
		for (unsigned j = from + 1; j <= to; j++) {
			const char cb = ascii_lower(b.p[j - 1]);
			unsigned n = j == i + limit ? limit : above[j] + 1;

			n = least(n, row[j - 1] + 1);
			n = least(n, above[j - 1] + (ca == cb ? 0 : 1));
			if (i > 1 && j > 1 && ca == ascii_lower(b.p[j - 2]) &&
			    cb == ascii_lower(a.p[i - 2]))
				n = least(n, before[j - 2] + 1);
			row[j] = n;
			best = least(best, n);
		}
		/* All are dearer already, and a swap spares one edit and costs one. */
		if (best >= limit && row[from] >= limit)
			return limit;
		before = above;
		above = row;
		row = spare;
	}
	return least(above[b.len], limit);
}

void nearest_start(struct nearest *n, struct str wanted)
{
	size_t limit = wanted.len / 3;

	n->wanted = wanted;
	n->best = NULL;
	n->distance =
		least(limit > EDITS_MAX ? EDITS_MAX : (unsigned)limit, EDITS_MAX) + 1;
}

void nearest_offer(struct nearest *n, const char *word)
{
	struct str w = str_of(word);
	size_t gap =
		w.len > n->wanted.len ? w.len - n->wanted.len : n->wanted.len - w.len;
	unsigned distance;

	if (w.len == 0 || w.len > WORD_MAX || n->wanted.len > WORD_MAX ||
	    gap >= n->distance)
		return;
	distance = edits(n->wanted, w, n->distance);
	if (distance < n->distance) {
		n->best = word;
		n->distance = distance;
	}
}

const char *text_nearest(struct str s, const char *const *words, size_t count)
{
	struct nearest n;

	nearest_start(&n, s);
	for (size_t i = 0; i < count; i++)
		nearest_offer(&n, words[i]);
	return n.best;
}

const char *str_behind(struct str s, size_t near, struct str key)
{
	const size_t len = s.len < near ? s.len : near;
	const char *at = s.p, *end = s.p + len;

	/* memmem() prepares tables, which is dear for so few bytes. */
	while ((size_t)(end - at) >= key.len &&
	       (at = memchr(at, key.p[1], (size_t)(end - at))) != NULL) {
		if (at > s.p && (size_t)(end - at) >= key.len - 1 &&
		    memcmp(at - 1, key.p, key.len) == 0)
			return at - 1 + key.len;
		at++;
	}
	return NULL;
}
