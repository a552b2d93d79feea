/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/tor_geoip.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/country.h"
#include "base/text.h"

struct reader {
	const char *name;
	unsigned line;
	struct diag *d;
	struct tor_geoip *out;
	int64_t generated_s;
	bool any;         /* a range of this file was read */
	struct addr last; /* of the range before */
};

static void fault(const struct reader *r, size_t col, size_t len, const char *what,
		  const char *remedy)
{
	const struct span at = {.file = r->name,
				.line = r->line,
				.col = (unsigned)col,
				.len = (unsigned)len};

	diag_error(r->d, at, "%s", what);
	if (remedy != NULL)
		diag_remedy(r->d, "%s", remedy);
}

/* A whole number of at most `max`. */
static bool read_number(struct str s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > 10)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.p[i]))
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*ret = v;
	return v <= max;
}

static bool read_address(struct str s, struct addr *ret)
{
	uint64_t v;

	if (read_number(s, UINT32_MAX, &v)) {
		const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16),
				      (uint8_t)(v >> 8), (uint8_t)v};

		*ret = addr_from_v4(b);
		return true;
	}
	return addr_parse(s.p, s.len, ret) && !addr_is_v4(ret);
}

static unsigned month_of(struct str s)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (unsigned i = 0; s.len == 3 && i < 12; i++)
		if (memcmp(names + (size_t)i * 3, s.p, 3) == 0)
			return i + 1;
	return 0;
}

/* The next word of `s`, which shrinks by it. */
static struct str next_word(struct str *s)
{
	struct str w;

	while (s->len > 0 && s->p[0] == ' ')
		*s = (struct str){s->p + 1, s->len - 1};
	w = (struct str){s->p, 0};
	while (w.len < s->len && s->p[w.len] != ' ')
		w.len++;
	*s = (struct str){s->p + w.len, s->len - w.len};
	return w;
}

/* "# Generated: Thu, 25 Jun 2026 04:33:59 GMT": the day is enough. */
static void read_comment(struct reader *r, struct str s)
{
	static const char key[] = "Generated:";
	uint64_t day, year;
	unsigned month;

	(void)next_word(&s); /* # */
	if (!str_equal(next_word(&s), STR(key)))
		return;
	(void)next_word(&s); /* Thu, */
	if (!read_number(next_word(&s), 31, &day))
		return;
	month = month_of(next_word(&s));
	if (!read_number(next_word(&s), 9999, &year) ||
	    !civil_valid_date((int)year, (int)month, (int)day))
		return;
	r->generated_s = civil_days((int)year, (int)month, (int)day) * 86400;
}

static bool add(struct reader *r, const struct country_range *range)
{
	struct tor_geoip *out = r->out;

	if (out->count == TOR_GEOIP_MAX) {
		fault(r, 0, 0, "more ranges than Weir reads", NULL);
		return false;
	}
	if (out->count == out->room) {
		size_t more = out->room == 0 ? 65536 : out->room * 2;
		struct country_range *longer = realloc(out->list, more * sizeof(*longer));

		if (longer == NULL) {
			fault(r, 0, 0, "out of memory", NULL);
			return false;
		}
		out->list = longer;
		out->room = more;
	}
	out->list[out->count++] = *range;
	return true;
}

/* The fields of a line: "FIRST,LAST,CC". */
static bool split(struct str line, struct str ret[3])
{
	unsigned n = 0;
	size_t from = 0;

	for (size_t i = 0; i <= line.len; i++) {
		if (i < line.len && line.p[i] != ',')
			continue;
		if (n == 3)
			return false;
		ret[n++] = (struct str){line.p + from, i - from};
		from = i + 1;
	}
	return n == 3;
}

static bool read_range(struct reader *r, struct str line)
{
	struct country_range range;
	struct str f[3];
	char buf[3];
	const char *code;

	if (!split(line, f)) {
		fault(r, 0, 0, "is no range with its country", "FIRST,LAST,CC");
		return true;
	}
	for (unsigned i = 0; i < 2; i++)
		if (!read_address(f[i], i == 0 ? &range.first : &range.last)) {
			fault(r, (size_t)(f[i].p - line.p) + 1, f[i].len,
			      "is no address: IPv4 as one decimal number, or IPv6", NULL);
			return true;
		}
	if (addr_is_v4(&range.first) != addr_is_v4(&range.last) ||
	    addr_compare(&range.first, &range.last) > 0) {
		fault(r, 1, f[0].len + 1 + f[1].len, "ends before it begins", NULL);
		return true;
	}
	if (r->any && addr_compare(&range.first, &r->last) <= 0) {
		fault(r, 1, f[0].len, "begins before the range above it has ended",
		      "the ranges in ascending order");
		return true;
	}
	r->any = true;
	r->last = range.last;
	code = country_meant(f[2], buf);
	if (code == NULL) {
		r->out->unknown++;
		return true;
	}
	memcpy(range.code, code, 2);
	return add(r, &range);
}

bool tor_geoip_parse(const char *name, const char *text, size_t len,
		     struct tor_geoip *ret, struct diag *d)
{
	size_t errors = diag_count(d, DIAG_ERROR);
	struct reader r = {.name = name, .d = d, .out = ret};
	bool go_on = true;

	for (size_t at = 0; at < len && go_on;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end == NULL ? len - at : (size_t)(end - text) - at;
		struct str line = {text + at, n};

		r.line++;
		at += n + 1;
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0 && line.p[0] == '#')
			read_comment(&r, line);
		else if (line.len > 0)
			go_on = read_range(&r, line);
	}
	if (!r.any && diag_count(d, DIAG_ERROR) == errors)
		fault(&r, 0, 0, "holds no range", "geoip or geoip6 of tor-geoipdb");
	if (r.generated_s != 0 &&
	    (ret->generated_s == 0 || r.generated_s < ret->generated_s))
		ret->generated_s = r.generated_s;
	return diag_count(d, DIAG_ERROR) == errors;
}
