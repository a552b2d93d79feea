/* SPDX-License-Identifier: Apache-2.0 */
#include "store/filter.h"

bool wildcard_matches(struct str pattern, struct str text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

	/* Only the last star has to be tried again: an earlier one has its shortest run. */
	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.len &&
			   ascii_lower(pattern.p[p]) == ascii_lower(text.p[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

static bool begins(struct str s, const char *with, struct str *ret_rest)
{
	const size_t n = strlen(with);

	if (s.len < n || memcmp(s.p, with, n) != 0)
		return false;
	*ret_rest = (struct str){s.p + n, s.len - n};
	return true;
}

/* ">N" is N+1 and more. */
static bool parse_bound(enum line_kind kind, struct str s, struct pattern *p)
{
	struct str rest;
	int64_t v;

	p->low = INT64_MIN;
	p->high = INT64_MAX;
	if (begins(s, ">=", &rest))
		return value_parse(kind, rest, &p->low);
	if (begins(s, "<=", &rest))
		return value_parse(kind, rest, &p->high);
	if (begins(s, ">", &rest) && value_parse(kind, rest, &v) && v < INT64_MAX) {
		p->low = v + 1;
		return true;
	}
	if (begins(s, "<", &rest) && value_parse(kind, rest, &v) && v > INT64_MIN) {
		p->high = v - 1;
		return true;
	}
	return false;
}

static bool parse_range(enum line_kind kind, struct str s, struct pattern *p)
{
	if (kind == LINE_ID)
		return value_parse(kind, s, &p->low) && value_parse(kind, s, &p->high);
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.p[i] == '.' && s.p[i + 1] == '.')
			return value_parse(kind, (struct str){s.p, i}, &p->low) &&
			       value_parse(kind, (struct str){s.p + i + 2, s.len - i - 2},
					   &p->high);
	if (value_parse(kind, s, &p->low)) {
		p->high = p->low;
		return true;
	}
	return parse_bound(kind, s, p);
}

static const char *number_fault(enum line_kind kind)
{
	return kind == LINE_ID ? "is none: write 16 hexadecimal digits, or '*'"
	       : kind == LINE_TIME
		       ? "is no time: write 2026-11-22T02:11:16Z, A..B or '>A'"
		       : "is no number: write 443, 1..1023, '>1000' or '*'";
}

const char *filter_add(struct filter *f, struct str text)
{
	struct pattern *p = &f->patterns[f->count];

	if (f->count == FILTER_VALUES_MAX)
		return "is one too many: at most 64 a field";
	*p = (struct pattern){.negative = text.len > 0 && text.p[0] == '!'};
	if (p->negative)
		text = (struct str){text.p + 1, text.len - 1};
	if (text.len == 0)
		return "is empty: no field is; write '!*' for events without it";
	p->text = text;
	p->has_star = memchr(text.p, '*', text.len) != NULL;
	if (kind_is_number(f->kind)) {
		p->low = INT64_MIN;
		p->high = INT64_MAX;
		if (!str_equal(text, STR("*")) && !parse_range(f->kind, text, p))
			return number_fault(f->kind);
	} else if (f->kind == LINE_ADDRESS && !p->has_star) {
		if (prefix_parse(text.p, text.len, &p->prefix) != PREFIX_OK)
			return "is no address: write 10.1.2.3, 10.0.0.0/8, or '10.1.*'";
		p->is_prefix = true;
	}
	f->has_positive = f->has_positive || !p->negative;
	f->count++;
	return NULL;
}

static bool text_matches(const struct pattern *p, struct str s)
{
	return p->has_star ? wildcard_matches(p->text, s) : str_equal_fold(p->text, s);
}

static bool list_matches(const struct pattern *p, struct str s)
{
	for (;;) {
		const char *end = memchr(s.p, LINE_LIST_SEPARATOR, s.len);
		const size_t n = end == NULL ? s.len : (size_t)(end - s.p);

		if (text_matches(p, (struct str){s.p, n}))
			return true;
		if (end == NULL)
			return false;
		s = (struct str){end + 1, s.len - n - 1};
	}
}

static bool pattern_matches(const struct filter *f, const struct pattern *p,
			    const struct value *v)
{
	struct addr a;

	if (!v->set)
		return false;
	if (kind_is_number(f->kind))
		return v->number >= p->low && v->number <= p->high;
	if (p->is_prefix && addr_parse(v->text.p, v->text.len, &a))
		return prefix_contains(&p->prefix, &a);
	return f->kind == LINE_LIST ? list_matches(p, v->text) : text_matches(p, v->text);
}

bool filter_matches(const struct filter *f, const struct value *v)
{
	bool any = !f->has_positive;

	for (unsigned i = 0; i < f->count; i++)
		if (pattern_matches(f, &f->patterns[i], v)) {
			if (f->patterns[i].negative)
				return false;
			any = true;
		}
	return any;
}

bool filter_is_exact(const struct filter *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->patterns[i].negative || f->patterns[i].has_star)
			return false;
	return f->count > 0 && !kind_is_number(f->kind) && f->kind != LINE_LIST;
}
