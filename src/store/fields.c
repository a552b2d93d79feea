/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define EVENTS IN_EVENTS
#define SUMS   (IN_EVENTS | IN_SUMS)
#define DAYS   IN_DAYS
#define HOURS  IN_HOURS
#define RULES  IN_RULES

/* A port is a number here. */
#define KIND_TEXT    LINE_TEXT
#define KIND_NUMBER  LINE_NUMBER
#define KIND_PORT    LINE_NUMBER
#define KIND_TIME    LINE_TIME
#define KIND_ADDRESS LINE_ADDRESS
#define KIND_BOOL    LINE_BOOL
#define KIND_LIST    LINE_LIST
#define KIND_OBJECT  LINE_OBJECT
#define KIND_ID      LINE_ID

#define FIELD(id, text, what) \
	[LINE_FIELD_##id].name = (text), [LINE_FIELD_##id].kind = KIND_##what,

/* What has no place here is in the ledger's line alone. */
const struct field fields[] = {
	/* clang-format off */
	LINE_FIELDS(FIELD) LINE_OF_SEALS(FIELD) LINE_INNER(FIELD)
		/* clang-format on */
		[LINE_FIELD_SEQ]
			.places = EVENTS,
	[LINE_FIELD_MOMENT].places = EVENTS,
	[LINE_FIELD_TYPE].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_SENSOR].places = EVENTS | RULES,
	[LINE_FIELD_GENERATION].places = EVENTS | RULES,
	[LINE_FIELD_MODE].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_PHASE].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_SIGNAL].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_WHAT].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_FLOW_ID].places = EVENTS,
	[LINE_FIELD_SRC_IP].places = EVENTS,
	[LINE_FIELD_SRC_PORT].places = EVENTS,
	[LINE_FIELD_DST_IP].places = EVENTS,
	[LINE_FIELD_DST_PORT].places = EVENTS,
	[LINE_FIELD_TRANSPORT].places = EVENTS,
	[LINE_FIELD_SRC_NAT_IP].places = EVENTS,
	[LINE_FIELD_PROTOCOL].places = EVENTS | HOURS | RULES,
	[LINE_FIELD_SITE].places = EVENTS | HOURS | DAYS,
	[LINE_FIELD_ROLE].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_PRINCIPAL].places = EVENTS | DAYS,
	[LINE_FIELD_SHARED].places = EVENTS,
	[LINE_FIELD_DIRECTION].places = EVENTS,
	[LINE_FIELD_HOST].places = EVENTS,
	[LINE_FIELD_EVIDENCE].places = EVENTS,
	[LINE_FIELD_CORROBORATION].places = EVENTS,
	[LINE_FIELD_VISIBILITY].places = EVENTS,
	[LINE_FIELD_UNDECIDABLE].places = EVENTS | RULES,
	[LINE_FIELD_FLAGS].places = EVENTS,
	[LINE_FIELD_HTTP_METHOD].places = EVENTS,
	[LINE_FIELD_SERVICE].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_CLOUD].places = EVENTS | RULES,
	[LINE_FIELD_REGION].places = EVENTS | RULES,
	[LINE_FIELD_ENVIRONMENT_ID].places = EVENTS | DAYS,
	[LINE_FIELD_TENANT_ID].places = EVENTS | DAYS,
	[LINE_FIELD_ORGANIZATION_ID].places = EVENTS,
	[LINE_FIELD_ORG].places = EVENTS | DAYS,
	[LINE_FIELD_SITE_NAME].places = EVENTS,
	[LINE_FIELD_TENANT_NAME].places = EVENTS | DAYS,
	[LINE_FIELD_ACCOUNT].places = EVENTS,
	[LINE_FIELD_HOST_ROLE].places = EVENTS,
	[LINE_FIELD_IN_SCOPE].places = EVENTS | RULES,
	[LINE_FIELD_CONNECTORS].places = EVENTS,
	[LINE_FIELD_COUNTRY].places = EVENTS | RULES,
	[LINE_FIELD_ASN].places = EVENTS,
	[LINE_FIELD_AS_ORG].places = EVENTS,
	[LINE_FIELD_VERDICT].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_WOULD_VERDICT].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_WOULD_GATE].places = EVENTS | RULES | DAYS,
	[LINE_FIELD_WOULD_RULE].places = EVENTS | RULES | DAYS,
	[LINE_FIELD_WOULD_RULE_LABEL].places = EVENTS | RULES,
	[LINE_FIELD_EFFECT].places = EVENTS | HOURS | RULES | DAYS,
	[LINE_FIELD_REASON].places = EVENTS | RULES,
	[LINE_FIELD_GATE].places = EVENTS | RULES | DAYS,
	[LINE_FIELD_RULE].places = EVENTS | RULES | DAYS,
	[LINE_FIELD_RULE_LABEL].places = EVENTS | RULES,
	[LINE_FIELD_DATA_GROUP].places = EVENTS | RULES,
	[LINE_FIELD_PACKETS_OUT].places = SUMS,
	[LINE_FIELD_BYTES_OUT].places = SUMS,
	[LINE_FIELD_PACKETS_IN].places = SUMS,
	[LINE_FIELD_BYTES_IN].places = SUMS,
	[LINE_FIELD_DURATION_US].places = EVENTS,
	[LINE_FIELD_START].places = EVENTS,
	[LINE_FIELD_END].places = EVENTS,
	[LINE_FIELD_END_REASON].places = EVENTS,
	[LINE_FIELD_SCORE].places = EVENTS,
	[LINE_FIELD_COUNTED].places = SUMS,
	[LINE_FIELD_FROM].places = EVENTS,
	[LINE_FIELD_TO].places = EVENTS,
	[LINE_FIELD_WHO].places = EVENTS | RULES | DAYS,
	[LINE_FIELD_WHY].places = EVENTS,
	[LINE_FIELD_TICKET].places = EVENTS,
	[LINE_FIELD_OLD_GENERATION].places = EVENTS,
	[LINE_FIELD_NEW_GENERATION].places = EVENTS,
	[LINE_FIELD_DETAIL_COUNTRY].places = EVENTS | RULES | DAYS,
	[LINE_FIELD_GATES_EXCEPTIONS].places = EVENTS | RULES | DAYS,
};

const size_t field_count = sizeof(fields) / sizeof(fields[0]);

_Static_assert(sizeof(fields) / sizeof(fields[0]) == FIELDS_MAX, "one a value of a line");

static bool same(struct str name, const char *field)
{
	if (strlen(field) != name.len)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		const char a = name.p[i] == '-' ? '_' : name.p[i];
		const char b = field[i] == '-' ? '_' : field[i];

		if (a != b)
			return false;
	}
	return true;
}

int field_find(struct str name)
{
	for (size_t i = 0; i < field_count; i++)
		if (fields[i].kind != LINE_OBJECT && same(name, fields[i].name))
			return (int)i;
	return -1;
}

/* Asked for most often: SQLite has to pass over what stands before a column. */
static const enum line_field often[] = {
	LINE_FIELD_MOMENT,  LINE_FIELD_TYPE,          LINE_FIELD_PHASE,
	LINE_FIELD_VERDICT, LINE_FIELD_HOST,          LINE_FIELD_PRINCIPAL,
	LINE_FIELD_SERVICE, LINE_FIELD_WOULD_VERDICT, LINE_FIELD_EFFECT,
	LINE_FIELD_RULE,    LINE_FIELD_SRC_IP,        LINE_FIELD_DST_IP,
	LINE_FIELD_SITE,    LINE_FIELD_COUNTRY,       LINE_FIELD_ENVIRONMENT_ID};

static bool is_often(unsigned field)
{
	for (size_t i = 0; i < sizeof(often) / sizeof(often[0]); i++)
		if (often[i] == field)
			return true;
	return false;
}

size_t fields_in(unsigned places, unsigned ret[FIELDS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(often) / sizeof(often[0]); i++)
		if ((fields[often[i]].places & places) != 0)
			ret[n++] = often[i];
	for (unsigned i = 0; i < field_count; i++)
		if ((fields[i].places & places) != 0 && !is_often(i))
			ret[n++] = i;
	return n;
}

uint64_t field_mark(struct str name)
{
	const char *dot = memchr(name.p, '.', name.len);
	unsigned bit = 0;

	if (dot != NULL)
		name.len = (size_t)(dot - name.p);
	for (unsigned i = 0; i < LINE_TOP_COUNT; i++) {
		if (fields[i].places != IN_LINE)
			continue;
		if (str_equal(str_of(fields[i].name), name))
			return UINT64_C(1) << bit;
		bit = (bit + 1) %
		      63; /* more of them share: SQLite's numbers are signed */
	}
	return 0;
}

bool field_is_inner(struct str name)
{
	return (name.len > 7 && memcmp(name.p, "detail.", 7) == 0) ||
	       (name.len > 6 && memcmp(name.p, "gates.", 6) == 0);
}

const char *field_nearest(struct str name)
{
	struct nearest n;
	char buf[64];

	if (name.len >= sizeof(buf))
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		buf[i] = name.p[i] == '-' ? '_' : name.p[i];
	nearest_start(&n, (struct str){buf, name.len});
	for (size_t i = 0; i < field_count; i++)
		if (fields[i].kind != LINE_OBJECT)
			nearest_offer(&n, fields[i].name);
	return n.best;
}

/* ---- values ---- */

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

/* The same bits. */
static int64_t signed_of(uint64_t v)
{
	int64_t s;

	memcpy(&s, &v, sizeof(s));
	return s;
}

bool value_parse(enum line_kind kind, struct str text, int64_t *ret)
{
	uint64_t id;

	switch (kind) {
	case LINE_NUMBER:
	case LINE_PORT:
		return parse_i64(text, ret);
	case LINE_TIME:
		return clock_parse_rfc3339(text.p, text.len, ret);
	case LINE_ID:
		if (!line_id_parse(text, &id))
			return false;
		*ret = signed_of(id);
		return true;
	case LINE_TEXT:
	case LINE_ADDRESS:
	case LINE_BOOL:
	case LINE_LIST:
	case LINE_OBJECT:
		break;
	}
	return false;
}

struct str value_format(enum line_kind kind, int64_t number, char buf[VALUE_TEXT_MAX])
{
	int n;

	if (kind == LINE_TIME) {
		clock_format_rfc3339(number, buf);
		return (struct str){buf, RFC3339_LEN};
	}
	n = kind == LINE_ID
		    ? snprintf(buf, VALUE_TEXT_MAX, "%016" PRIx64, (uint64_t)number)
		    : snprintf(buf, VALUE_TEXT_MAX, "%" PRId64, number);
	return (struct str){buf, n < 0 ? 0 : (size_t)n};
}

struct value value_of(const struct record_line *l, unsigned field)
{
	const struct line_value *v = &l->values[field];
	struct value to = {.set = v->raw.p != NULL, .text = v->text};

	switch (fields[field].kind) {
	case LINE_NUMBER:
	case LINE_PORT:
		to.number = (int64_t)v->number;
		to.set = to.set && v->number <= INT64_MAX;
		break;
	case LINE_ID:
		to.number = signed_of(v->number);
		break;
	case LINE_TIME:
		to.number = v->us;
		break;
	case LINE_LIST: /* an empty one is none */
		to.set = v->text.p != NULL;
		break;
	case LINE_TEXT:
	case LINE_ADDRESS:
	case LINE_BOOL:
	case LINE_OBJECT:
		break;
	}
	return to;
}

struct value value_of_extra(const struct record_line *l, unsigned extra)
{
	const struct line_value *v = &l->extra_values[extra];

	return (struct value){.set = v->raw.p != NULL, .text = v->text};
}

struct record_line *line_for_store(void)
{
	struct record_line *l = calloc(1, sizeof(*l));

	if (l != NULL) {
		l->inner = true;
		l->between = LINE_LIST_SEPARATOR;
	}
	return l;
}
