/* SPDX-License-Identifier: Apache-2.0 */
#include "store/line.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json_read.h"

#define SCRATCH_BYTES ((size_t)2 << 20) /* decoded texts and lists of the longest line */
#define KEY_MAX       128

struct line_reader {
	struct json_reader json;
	struct line_values *to;
	unsigned next; /* the field expected: lines have them in the order of the table */
	const char *extras[EXTRAS_MAX];
	unsigned extra_count;
	size_t used;
	char scratch[SCRATCH_BYTES];
};

struct line_reader *line_reader_create(void)
{
	return calloc(1, sizeof(struct line_reader));
}

void line_reader_destroy(struct line_reader *r)
{
	free(r);
}

int line_reader_add(struct line_reader *r, const char *name)
{
	for (unsigned i = 0; i < r->extra_count; i++)
		if (strcmp(r->extras[i], name) == 0)
			return (int)i;
	if (r->extra_count == EXTRAS_MAX)
		return -1;
	r->extras[r->extra_count++] = name;
	return (int)r->extra_count - 1;
}

static bool parse_i64(struct str s, int64_t *ret)
{
	const bool minus = s.len > 0 && s.p[0] == '-';
	uint64_t v;

	if (minus)
		s = (struct str){s.p + 1, s.len - 1};
	if (!parse_u64(s, INT64_MAX, &v))
		return false;
	*ret = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

static bool parse_id(struct str s, int64_t *ret)
{
	uint64_t v = 0;

	if (s.len != 16)
		return false;
	for (size_t i = 0; i < 16; i++) {
		const char c = s.p[i];

		if (!ascii_is_digit(c) && (c < 'a' || c > 'f'))
			return false;
		v = v << 4 | (uint64_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	memcpy(ret, &v, sizeof(v));
	return true;
}

bool value_parse(enum field_kind kind, struct str text, int64_t *ret)
{
	switch (kind) {
	case FIELD_NUMBER:
		return parse_i64(text, ret);
	case FIELD_MOMENT:
		return clock_parse_rfc3339(text.p, text.len, ret);
	case FIELD_ID:
		return parse_id(text, ret);
	case FIELD_TEXT:
	case FIELD_ADDRESS:
	case FIELD_TRUTH:
	case FIELD_LIST:
		break;
	}
	return false;
}

struct str value_format(enum field_kind kind, int64_t number, char buf[VALUE_TEXT_MAX])
{
	int n;

	if (kind == FIELD_MOMENT) {
		clock_format_rfc3339(number, buf);
		return (struct str){buf, RFC3339_LEN};
	}
	n = kind == FIELD_ID
		    ? snprintf(buf, VALUE_TEXT_MAX, "%016" PRIx64, (uint64_t)number)
		    : snprintf(buf, VALUE_TEXT_MAX, "%" PRId64, number);
	return (struct str){buf, n < 0 ? 0 : (size_t)n};
}

/* ---- reading ---- */

/* The field of a key; -1: none that is known.  Mostly the one behind the last. */
static int known_field(struct line_reader *r, struct str key)
{
	for (size_t i = 0; i < field_count; i++) {
		size_t at = r->next + i;

		if (at >= field_count)
			at -= field_count;
		if (fields[at].name[0] == key.p[0] &&
		    strlen(fields[at].name) == key.len &&
		    memcmp(fields[at].name, key.p, key.len) == 0) {
			r->next = (unsigned)at + 1;
			return (int)at;
		}
	}
	return -1;
}

/* A text that outlives its token: only one with escapes does not. */
static struct str keep(struct line_reader *r, struct str s)
{
	char *to = r->scratch + r->used;

	if (s.len == 0 || s.p != r->json.decoded)
		return s;
	if (s.len > SCRATCH_BYTES - r->used)
		return STR_NONE;
	memcpy(to, s.p, s.len);
	r->used += s.len;
	return (struct str){to, s.len};
}

static bool fits(enum field_kind kind, enum json_kind token)
{
	switch (kind) {
	case FIELD_TEXT:
	case FIELD_ADDRESS:
	case FIELD_MOMENT:
	case FIELD_ID:
		return token == JSON_READ_STRING;
	case FIELD_TRUTH:
		return token == JSON_READ_TRUE || token == JSON_READ_FALSE;
	case FIELD_NUMBER:
		return token == JSON_READ_NUMBER;
	case FIELD_LIST:
		break;
	}
	return false;
}

static void take_scalar(struct line_reader *r, const struct json_token *t,
			enum field_kind kind, struct value *to)
{
	*to = (struct value){.set = fits(kind, t->kind)};
	if (to->set && field_is_number(kind))
		to->set = value_parse(kind, t->text, &to->number);
	if (to->set)
		to->text = keep(r, t->text);
	to->set = to->set && to->text.p != NULL;
}

/* The texts of an array, joined. */
static void take_list(struct line_reader *r, struct value *to)
{
	const size_t from = r->used;
	const unsigned depth = r->json.depth;
	struct json_token t;

	*to = (struct value){0};
	while (json_read_next(&r->json, &t) && r->json.depth >= depth) {
		if (r->json.depth > depth || t.kind != JSON_READ_STRING ||
		    t.text.len >= SCRATCH_BYTES - r->used)
			continue;
		if (to->set)
			r->scratch[r->used++] = FIELD_LIST_SEPARATOR;
		if (t.text.len > 0)
			memcpy(r->scratch + r->used, t.text.p, t.text.len);
		r->used += t.text.len;
		to->set = true;
	}
	to->text = (struct str){r->scratch + from, r->used - from};
}

static void take_inner_value(struct line_reader *r, const char *name,
			     const struct json_token *t)
{
	const int at = field_find(str_of(name));

	if (at >= 0 && strcmp(fields[at].name, name) == 0) {
		const unsigned next = r->next;

		take_scalar(r, t, fields[at].kind, &r->to->fields[at]);
		r->next = next;
		return;
	}
	for (unsigned i = 0; i < r->extra_count; i++)
		if (strcmp(r->extras[i], name) == 0) {
			struct str s = keep(r, t->text);

			r->to->extras[i] = (struct value){.set = s.p != NULL, .text = s};
		}
}

/* `detail` and `gates`: one level of them. */
static void take_object(struct line_reader *r, struct str key)
{
	const unsigned depth = r->json.depth;
	char name[KEY_MAX];
	struct json_token t;
	const size_t room = sizeof(name) - key.len - 2;

	memcpy(name, key.p, key.len);
	name[key.len] = '.';
	while (json_read_next(&r->json, &t) && r->json.depth >= depth) {
		struct json_token v;
		const bool usable = r->json.depth == depth && t.kind == JSON_READ_KEY &&
				    t.text.len < room;

		if (!usable)
			continue;
		memcpy(name + key.len + 1, t.text.p, t.text.len);
		name[key.len + 1 + t.text.len] = '\0';
		if (!json_read_next(&r->json, &v))
			return;
		if (v.kind == JSON_READ_OBJECT || v.kind == JSON_READ_ARRAY)
			json_read_skip(&r->json, &v);
		else
			take_inner_value(r, name, &v);
	}
}

static void take_member(struct line_reader *r, struct str key, int at)
{
	struct json_token t;

	if (!json_read_next(&r->json, &t))
		return;
	if (t.kind == JSON_READ_OBJECT && key.len > 0)
		take_object(r, key);
	else if (t.kind == JSON_READ_ARRAY && at >= 0 && fields[at].kind == FIELD_LIST)
		take_list(r, &r->to->fields[at]);
	else if (t.kind == JSON_READ_OBJECT || t.kind == JSON_READ_ARRAY)
		json_read_skip(&r->json, &t);
	else if (at >= 0)
		take_scalar(r, &t, fields[at].kind, &r->to->fields[at]);
}

static bool refuse(const struct ledger_line *line, struct diag *d, const char *what)
{
	diag_error(d, ((struct span){.file = line->file, .line = line->line}), "%s",
		   what);
	return false;
}

bool line_read(struct line_reader *r, const struct ledger_line *line, struct diag *d,
	       struct line_values *ret)
{
	struct json_token t;

	memset(ret, 0, sizeof(*ret));
	json_read_start(&r->json, line->file, line->text.p, line->text.len, d);
	r->json.line = line->line;
	r->to = ret;
	r->used = 0;
	r->next = 0;
	if (json_read_next(&r->json, &t) && t.kind != JSON_READ_OBJECT)
		return refuse(line, d, "no event: a JSON object must stand in each line");
	while (json_read_next(&r->json, &t) && t.kind == JSON_READ_KEY) {
		char inner[16];
		const bool object = str_equal(t.text, STR("detail")) ||
				    str_equal(t.text, STR("gates"));
		const int at = object || t.text.len == 0 ? -1 : known_field(r, t.text);

		/* The key may lie where the next token is decoded. */
		memcpy(inner, object ? t.text.p : "", object ? t.text.len : 0);
		take_member(r, (struct str){inner, object ? t.text.len : 0}, at);
	}
	while (json_read_next(&r->json, &t))
		;
	if (json_read_failed(&r->json))
		return false;
	if (!ret->fields[FIELD_TIME].set || !ret->fields[FIELD_TYPE].set)
		return refuse(line, d, "no event: it has no time, or no type");
	return true;
}
