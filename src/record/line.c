/* SPDX-License-Identifier: Apache-2.0 */
#include "record/line.h"

#include "base/addr.h"
#include "base/clock.h"
#include "model/names.h"
#include "record/form.h"

_Static_assert(LINE_TEXT_MAX == FORM_LINE_MAX, "every line that is written can be read");

#define INNER_NAME_MAX 128

#define TYPE_WORD(id, word)        word,
#define FIELD_NAME(id, name, kind) {name, sizeof(name) - 1},
#define FIELD_KIND(id, name, kind) LINE_##kind,

static const char *const type_names[] = {LINE_TYPES(TYPE_WORD)};
static const struct str field_names[] = {LINE_FIELDS(FIELD_NAME) LINE_OF_SEALS(FIELD_NAME)
						 LINE_INNER(FIELD_NAME)};
static const enum line_kind field_kinds[] = {
	LINE_FIELDS(FIELD_KIND) LINE_OF_SEALS(FIELD_KIND) LINE_INNER(FIELD_KIND)};

_Static_assert(LINE_VALUE_COUNT <= UINT8_MAX, "a field's number is a byte");

const char *line_type_name(enum line_type v)
{
	return type_names[v];
}

enum line_type line_type_find(struct str word)
{
	unsigned i = 0;

	while (i < LINE_TYPE_COUNT && !str_equal(word, str_of(type_names[i])))
		i++;
	return (enum line_type)i;
}

const char *line_field_name(enum line_field v)
{
	return field_names[v].p;
}

enum line_kind line_field_kind(enum line_field v)
{
	return field_kinds[v];
}

enum line_field line_field_find(struct str name)
{
	unsigned i = 0;

	while (i < LINE_VALUE_COUNT && !str_equal(name, field_names[i]))
		i++;
	return (enum line_field)i;
}

int line_want(struct record_line *l, const char *name)
{
	for (unsigned i = 0; i < l->extra_count; i++)
		if (strcmp(l->extras[i], name) == 0)
			return (int)i;
	if (l->extra_count == LINE_EXTRA_MAX)
		return -1;
	l->extras[l->extra_count++] = name;
	return (int)l->extra_count - 1;
}

bool line_id_parse(struct str text, uint64_t *ret)
{
	uint64_t v = 0;

	if (text.len != 16)
		return false;
	for (size_t i = 0; i < 16; i++) {
		const char c = text.p[i];

		if (!ascii_is_digit(c) && (c < 'a' || c > 'f'))
			return false;
		v = v << 4 | (uint64_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	*ret = v;
	return true;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct reading {
	struct record_line *l;
	bool unsound;
	unsigned last; /* the field before */
};

static void unsound(struct reading *r, const struct json_token *t, const char *what)
{
	if (!r->unsound)
		diag_error(r->l->json.d, json_read_span(&r->l->json, t), "%s", what);
	r->unsound = true;
}

/* LINE_TOP_COUNT = unknown.  Mostly the one that came here in the line before. */
static enum line_field find_field(struct reading *r, struct str name)
{
	uint8_t *guess = &r->l->after[r->last];

	for (unsigned i = 0, at = *guess; i <= LINE_TOP_COUNT; i++) {
		if (str_equal(name, field_names[at])) {
			*guess = (uint8_t)at;
			r->last = at;
			return (enum line_field)at;
		}
		if (i == 0)
			at = r->last;
		at = at + 1 < LINE_TOP_COUNT ? at + 1 : 0;
	}
	return LINE_TOP_COUNT;
}

/* Decoded texts are never longer than the line, so they fit. */
static bool keep(struct record_line *l, struct str s)
{
	if (s.len > sizeof(l->text) - l->text_len)
		return false;
	memcpy(l->text + l->text_len, s.p, s.len);
	l->text_len += s.len;
	return true;
}

/* What the reader decoded is copied, what stands in the line is borrowed. */
static void take_text(struct reading *r, const struct json_token *t, struct str *ret)
{
	struct record_line *l = r->l;
	char *at = l->text + l->text_len;

	if (t->text.len == 0)
		return;
	if (t->text.len + 2 == t->len) {
		*ret = t->text;
		return;
	}
	if (keep(l, t->text))
		*ret = (struct str){at, t->text.len};
	else
		unsound(r, t, "its texts are longer than those of any event");
}

static void take_list(struct reading *r, const struct json_token *first, struct str *ret)
{
	struct record_line *l = r->l;
	const struct str between =
		l->between == 0 ? STR(",") : (struct str){&l->between, 1};
	char *begin = l->text + l->text_len;
	struct json_token t;
	bool more = false;

	if (first->kind != JSON_READ_ARRAY) {
		unsound(r, first, "must be a list");
		return;
	}
	while (json_read_next(&l->json, &t) && t.kind != JSON_READ_ARRAY_END) {
		if (t.kind != JSON_READ_STRING) {
			unsound(r, &t, "must be a text");
			json_read_skip(&l->json, &t);
			continue;
		}
		if ((more && !keep(l, between)) || !keep(l, t.text))
			unsound(r, &t, "its texts are longer than those of any event");
		more = true;
	}
	if (more)
		*ret = (struct str){begin, (size_t)(l->text + l->text_len - begin)};
}

static void take_scalar(struct reading *r, const struct json_token *t,
			enum line_kind kind, struct line_value *v)
{
	struct addr a;

	if (t->kind != (kind == LINE_NUMBER || kind == LINE_PORT ? JSON_READ_NUMBER
								 : JSON_READ_STRING)) {
		unsound(r, t,
			kind == LINE_NUMBER || kind == LINE_PORT ? "must be a number"
								 : "must be a text");
		return;
	}
	if (kind == LINE_NUMBER || kind == LINE_PORT) {
		v->text = t->text;
		if (!parse_u64(t->text, kind == LINE_PORT ? 65535 : UINT64_MAX,
			       &v->number))
			unsound(r, t,
				kind == LINE_PORT ? "is no port"
						  : "must be a whole number");
		return;
	}
	if (kind == LINE_TIME &&
	    (!clock_parse_rfc3339(t->text.p, t->text.len, &v->us) || v->us < 0))
		unsound(r, t, "is no time of 1970 or later");
	if (kind == LINE_ADDRESS && !addr_parse(t->text.p, t->text.len, &a))
		unsound(r, t, "is no IP address");
	if (kind == LINE_ID && !line_id_parse(t->text, &v->number))
		unsound(r, t, "is no id: 16 hexadecimal digits");
	take_text(r, t, &v->text);
}

/* A member of `detail` or `gates` that somebody asks for. */
static void take_inner_value(struct reading *r, struct str name,
			     const struct json_token *t)
{
	struct record_line *l = r->l;
	struct line_value *v = NULL;

	for (unsigned f = LINE_TOP_COUNT; f < LINE_VALUE_COUNT && v == NULL; f++)
		if (str_equal(name, field_names[f]) && t->kind == JSON_READ_STRING &&
		    !line_has(l, (enum line_field)f)) {
			v = &l->values[f];
			l->set[l->set_count++] = (uint8_t)f;
		}
	for (unsigned i = 0; i < l->extra_count && v == NULL; i++)
		if (str_equal(name, str_of(l->extras[i])))
			v = &l->extra_values[i];
	if (v == NULL)
		return;
	v->raw = (struct str){l->whole.p + (t->col - 1), t->len};
	if (t->kind == JSON_READ_STRING)
		take_text(r, t, &v->text);
	else
		v->text = t->text; /* stands in the line */
}

/* One level of them. */
static void take_inner(struct reading *r, struct str outer)
{
	struct json_reader *j = &r->l->json;
	const unsigned depth = j->depth;
	const size_t room = INNER_NAME_MAX - outer.len - 1;
	char name[INNER_NAME_MAX];
	struct json_token t;

	memcpy(name, outer.p, outer.len);
	name[outer.len] = '.';
	while (json_read_next(j, &t) && j->depth >= depth) {
		const size_t len = t.text.len;

		if (t.kind == JSON_READ_KEY && len < room)
			memcpy(name + outer.len + 1, t.text.p, len);
		if (!json_read_next(j, &t))
			return;
		if (t.kind == JSON_READ_OBJECT || t.kind == JSON_READ_ARRAY)
			json_read_skip(j, &t);
		else if (len < room)
			take_inner_value(r, (struct str){name, outer.len + 1 + len}, &t);
	}
}

static void take_value(struct reading *r, const struct json_token *t, enum line_field f)
{
	struct line_value *v = &r->l->values[f];

	switch (field_kinds[f]) {
	case LINE_TEXT:
	case LINE_NUMBER:
	case LINE_PORT:
	case LINE_TIME:
	case LINE_ADDRESS:
	case LINE_ID:
		take_scalar(r, t, field_kinds[f], v);
		break;
	case LINE_BOOL:
		if (t->kind != JSON_READ_TRUE && t->kind != JSON_READ_FALSE)
			unsound(r, t, "must be true or false");
		v->number = t->kind == JSON_READ_TRUE;
		v->text = v->number ? STR("true") : STR("false");
		return;
	case LINE_LIST:
		take_list(r, t, &v->text);
		return;
	case LINE_OBJECT:
		if (t->kind != JSON_READ_OBJECT)
			unsound(r, t, "must be an object");
		else if (r->l->inner) {
			take_inner(r, field_names[f]);
			return;
		}
		break;
	}
	json_read_skip(&r->l->json, t);
}

static void keep_other(struct reading *r, struct str key, struct str value)
{
	struct record_line *l = r->l;

	if (l->other_count < LINE_OTHER_MAX)
		l->others[l->other_count++] = (struct line_other){key, value};
}

/* A field that is known once, or kept as it stands. */
static void take_member(struct reading *r, const struct json_token *key)
{
	struct record_line *l = r->l;
	const char *line = l->whole.p;
	/* Keys of one line: the column tells where the token stands. */
	const struct str raw_key = {line + (key->col - 1), key->len};
	enum line_field f = find_field(r, key->text);
	struct json_token t;
	struct str raw;

	if (f != LINE_TOP_COUNT && line_has(l, f))
		unsound(r, key, "stands twice in its line");
	else if (f != LINE_TOP_COUNT)
		l->set[l->set_count++] = (uint8_t)f;
	if (f >= LINE_FIELD_COUNT && l->other_count == LINE_OTHER_MAX)
		unsound(r, key, "more unknown fields than any event has");
	if (!json_read_next(&l->json, &t))
		return;
	raw.p = line + (t.col - 1);
	if (f != LINE_TOP_COUNT) {
		/* First, so that a second one is seen even when this one is unsound. */
		l->values[f].raw.p = raw.p;
		take_value(r, &t, f);
	} else {
		json_read_skip(&l->json, &t);
	}
	raw.len = (size_t)(line + l->json.at - raw.p);
	if (f != LINE_TOP_COUNT)
		l->values[f].raw.len = raw.len;
	if (f >= LINE_FIELD_COUNT)
		keep_other(r, raw_key, raw);
}

static void check_whole(struct reading *r, const struct json_token *first)
{
	static const enum line_field needed[] = {LINE_FIELD_V, LINE_FIELD_SEQ,
						 LINE_FIELD_MOMENT, LINE_FIELD_TYPE};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!line_has(r->l, needed[i])) {
			unsound(r, first, "an event has v, seq, time and type");
			return;
		}
	if (r->l->values[LINE_FIELD_V].number != FORM_VERSION)
		unsound(r, first, "is of another version of the ledger's form");
}

/* Blanks of JSON that stand in no line of ours; the reader refuses other control bytes. */
static bool has_controls(struct str s)
{
	static const char blanks[] = "\n\r\t";

	for (size_t i = 0; s.len > 0 && i < sizeof(blanks) - 1; i++)
		if (memchr(s.p, blanks[i], s.len) != NULL)
			return true;
	return false;
}

/* What the line before has left. */
static void forget(struct record_line *l)
{
	for (unsigned i = 0; i < l->set_count; i++)
		l->values[l->set[i]] = (struct line_value){0};
	memset(l->extra_values, 0, l->extra_count * sizeof(l->extra_values[0]));
	l->set_count = 0;
	l->other_count = l->text_len = 0;
}

enum line_answer record_line_read(const struct ledger_line *line, struct diag *d,
				  struct record_line *ret)
{
	struct reading r = {.l = ret};
	struct json_token first, t;

	forget(ret);
	ret->whole = line->text;
	json_read_start(&ret->json, line->file, line->text.p, line->text.len, d);
	ret->json.line = line->line;
	if (line->text.len > LINE_TEXT_MAX) {
		diag_error(d, ((struct span){.file = line->file, .line = line->line}),
			   "a line of over %d bytes: no event is so long", LINE_TEXT_MAX);
		return LINE_UNSOUND;
	}
	if (has_controls(line->text) || !json_read_next(&ret->json, &first) ||
	    first.kind != JSON_READ_OBJECT) {
		if (!json_read_failed(&ret->json))
			diag_error(
				d,
				((struct span){.file = line->file, .line = line->line}),
				"is no event: a JSON object on one line, "
				"without control bytes");
		return LINE_UNSOUND;
	}
	while (json_read_next(&ret->json, &t) && t.kind == JSON_READ_KEY)
		take_member(&r, &t);
	(void)json_read_next(&ret->json, &t); /* nothing may follow */
	if (json_read_failed(&ret->json))
		return LINE_UNSOUND;
	check_whole(&r, &first);
	if (r.unsound)
		return LINE_UNSOUND;
	ret->type = line_type_find(line_text(ret, LINE_FIELD_TYPE));
	return ret->type == LINE_TYPE_COUNT ? LINE_UNKNOWN : LINE_READ;
}

/* ---- what several forms say alike ---------------------------------------------------------- */

enum line_action line_action(const struct record_line *l)
{
	switch (verdict_find(line_text(l, LINE_FIELD_VERDICT))) {
	case VERDICT_ALLOW:
		return LINE_ALLOWED;
	case VERDICT_DENY:
		break;
	case VERDICT_NONE:
	case VERDICT_COUNT:
		return LINE_ACTION_NONE;
	}
	if (line_text(l, LINE_FIELD_EFFECT).len == 0)
		return mode_find(line_text(l, LINE_FIELD_MODE)) == MODE_ENFORCE
			       ? LINE_DENIED
			       : LINE_NOT_ENFORCED;
	switch (effect_find(line_text(l, LINE_FIELD_EFFECT))) {
	case EFFECT_NONE:
	case EFFECT_PASSED:
		return LINE_NOT_ENFORCED;
	case EFFECT_HELD_DROPPED:
		return LINE_DROPPED;
	case EFFECT_REJECTED:
		return LINE_REJECTED;
	case EFFECT_RESET:
	case EFFECT_RESET_SEEN:
		return LINE_RESET;
	case EFFECT_RESET_SENT:
		return LINE_RESET_SENT;
	case EFFECT_COUNT:
		break;
	}
	return LINE_ACTION_NONE;
}

static unsigned flow_severity(const struct record_line *l)
{
	const enum verdict would = verdict_find(line_text(l, LINE_FIELD_WOULD_VERDICT));
	const enum line_action a = line_action(l);

	if (a != LINE_ACTION_NONE && a != LINE_ALLOWED)
		return 5;
	if (a == LINE_ALLOWED && would == VERDICT_DENY)
		return 3;
	return line_has(l, LINE_FIELD_UNDECIDABLE) ? 2 : 1;
}

static unsigned score_severity(const struct record_line *l, unsigned lowest,
			       unsigned highest)
{
	const uint64_t tens = l->values[LINE_FIELD_SCORE].number / 10;

	return tens < highest - lowest ? lowest + (unsigned)tens : highest;
}

static unsigned system_severity(const struct record_line *l)
{
	static const char *const usual[] = {"start",          "stop",
					    "counted",        "replay_end",
					    "rules_restored", "identity_restored"};

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (str_equal(line_text(l, LINE_FIELD_WHAT), str_of(usual[i])))
			return 1;
	return 5;
}

unsigned line_severity(const struct record_line *l)
{
	switch (l->type) {
	case LINE_TYPE_FLOW:
	case LINE_TYPE_ROLLUP:
		return flow_severity(l);
	case LINE_TYPE_SIGNAL:
		return score_severity(l, 3, 8);
	case LINE_TYPE_INCIDENT:
		return score_severity(l, 7, 10);
	case LINE_TYPE_SYSTEM:
		return system_severity(l);
	case LINE_TYPE_LOSS:
		return 8;
	case LINE_TYPE_CHANGE:
		return 4;
	case LINE_TYPE_DNS:
	case LINE_TYPE_SEAL:
	case LINE_TYPE_COUNT:
		break;
	}
	return 0;
}

static bool is_mac(struct str s)
{
	if (s.len != 17)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (i % 3 == 2 ? s.p[i] != ':' : !ascii_is_hex(s.p[i]))
			return false;
	return true;
}

enum line_principal line_principal(const struct record_line *l)
{
	const struct str s = line_text(l, LINE_FIELD_PRINCIPAL);
	struct prefix p;

	if (s.len == 0)
		return LINE_PRINCIPAL_NONE;
	if (is_mac(s))
		return LINE_PRINCIPAL_MAC;
	return prefix_parse(s.p, s.len, &p) == PREFIX_OK ? LINE_PRINCIPAL_ADDRESS
							 : LINE_PRINCIPAL_USER;
}
