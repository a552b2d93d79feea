/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_contradictions - lines that no connection matches, because two of their conditions
 * exclude each other, or one asks for nothing.
 *
 * Said only where it is certain from the files alone, whatever the catalogue says of a name:
 * of two conditions about what a connection has one of (a port, a country, a host, an hour
 * ..), none of the alternatives of one is any of the other's; or all that one asks for is
 * excepted by the other.
 *
 * Bounded by STEPS_MAX comparisons of two items over all lines: beyond, a warning says where
 * it ended.
 */
#include <string.h>

#include "match/calendar.h"
#include "match/suffix.h"
#include "policy/check.h"
#include "policy/parse.h"

#define STEPS_MAX    10000000
#define DAY_MINUTES  1440
#define WEEK_MINUTES ((size_t)7 * 24 * 60)
#define QUIC_OVER    17 /* RFC 9000: UDP */

/* ---- two items --------------------------------------------------------------------------- */

/* Fields of which a connection has one value: who has one has no other. */
static bool is_single(enum field f)
{
	return f == FIELD_ROLE || f == FIELD_SOURCE || f == FIELD_SITE ||
	       f == FIELD_ENVIRONMENT || f == FIELD_DIRECTION || f == FIELD_EVIDENCE ||
	       f == FIELD_CORROBORATION || f == FIELD_ASN || f == FIELD_SCOPE;
}

static bool is_ownership(enum field f)
{
	return f == FIELD_OWN || f == FIELD_PARTNER || f == FIELD_FOREIGN ||
	       f == FIELD_UNKNOWN;
}

static bool prefixes_apart(const struct prefix *a, const struct prefix *b)
{
	return a->bits <= b->bits ? !prefix_contains(a, &b->addr)
				  : !prefix_contains(b, &a->addr);
}

/* All names of a pattern end alike, in what stands behind its last star. */
static bool hosts_apart(struct str a, struct str b)
{
	const char *star_a = memrchr(a.p, '*', a.len), *star_b = memrchr(b.p, '*', b.len);
	struct str tail = a, other = b;
	size_t n;

	if (star_a == NULL && star_b == NULL)
		return !str_equal(a, b);
	if (star_a == NULL || star_b == NULL)
		return star_a == NULL ? !suffix_match(b, a) : !suffix_match(a, b);
	tail.p = star_a + 1;
	tail.len = a.len - (size_t)(tail.p - a.p);
	other.p = star_b + 1;
	other.len = b.len - (size_t)(other.p - b.p);
	n = tail.len < other.len ? tail.len : other.len;
	return memcmp(tail.p + tail.len - n, other.p + other.len - n, n) != 0;
}

static bool services_apart(const struct vocabulary *v, uint32_t a, uint32_t b)
{
	if (a < SERVICES_MAX && b < SERVICES_MAX)
		return a != b;
	if (a < SERVICES_MAX)
		return !service_set_has(&v->groups[b - SERVICES_MAX].members,
					(uint16_t)a);
	if (b < SERVICES_MAX)
		return !service_set_has(&v->groups[a - SERVICES_MAX].members,
					(uint16_t)b);
	for (size_t i = 0; i < SERVICES_MAX / 64; i++)
		if ((v->groups[a - SERVICES_MAX].members.bits[i] &
		     v->groups[b - SERVICES_MAX].members.bits[i]) != 0)
			return false;
	return true;
}

/* A protocol that was recognized and a number of IP: QUIC is the one that has one number only. */
static bool protocols_apart(uint32_t a, uint32_t b)
{
	const uint32_t transport = a < PROTO_TRANSPORT ? b : a;
	const uint32_t protocol = a < PROTO_TRANSPORT ? a : b;

	if (a == PROTOCOL_ICMP || b == PROTOCOL_ICMP)
		return false;
	if ((a < PROTO_TRANSPORT) == (b < PROTO_TRANSPORT))
		return a != b;
	return protocol == PROTOCOL_QUIC && transport != PROTO_TRANSPORT + QUIC_OVER;
}

static bool words_apart(const struct vocabulary *v, enum field f, const struct item *a,
			const struct item *b)
{
	if (f == FIELD_INSIDE || f == FIELD_PEER)
		return prefixes_apart(&a->prefix, &b->prefix);
	if (f == FIELD_PORT)
		return a->high < b->id || b->high < a->id;
	if (f == FIELD_COUNTRY)
		return a->id != b->id && a->id != COUNTRY_NOT_EXPECTED &&
		       b->id != COUNTRY_NOT_EXPECTED;
	if (f == FIELD_HOST)
		return hosts_apart(a->text, b->text);
	if (f == FIELD_SERVICE)
		return services_apart(v, a->id, b->id);
	if (f == FIELD_PROTO)
		return protocols_apart(a->id, b->id);
	if (f == FIELD_USER)
		return !str_equal_fold(a->text, b->text);
	if (f == FIELD_JA4)
		return !str_equal(a->text, b->text);
	return is_single(f) && a->id != b->id;
}

bool items_apart(const struct vocabulary *v, const struct item *a, const struct item *b)
{
	if (a->table != NULL || b->table != NULL)
		return false;
	if (is_ownership(a->field) && is_ownership(b->field))
		return a->field != b->field && a->id == b->id;
	return a->field == b->field && words_apart(v, a->field, a, b);
}

/* ---- two conditions ---------------------------------------------------------------------- */

struct search {
	const struct vocabulary *v;
	size_t steps;
	bool ended; /* said that it ends here */
};

/* The first entry of a table, or the item itself. */
static const struct item *first_of(const struct item *it)
{
	return it->table == NULL ? it : it->table->items;
}

static const struct item *next_of(const struct item *it, const struct item *one)
{
	return it->table == NULL ? NULL : one->next;
}

/* Entries of tables have no field of their own side. */
static bool all_apart(struct search *s, const struct item *a, const struct item *b)
{
	if (a->table == NULL && b->table == NULL)
		return ++s->steps <= STEPS_MAX && items_apart(s->v, a, b);
	if (a->field != b->field || (a->table != NULL && a->table == b->table))
		return false;
	for (const struct item *x = first_of(a); x != NULL; x = next_of(a, x))
		for (const struct item *y = first_of(b); y != NULL; y = next_of(b, y))
			if (++s->steps > STEPS_MAX || !words_apart(s->v, a->field, x, y))
				return false;
	return true;
}

/* A source has the addresses that the configuration gives it. */
static bool source_apart(struct search *s, const struct item *source,
			 const struct item *it)
{
	const struct prefix_list *l = &s->v->source_prefixes[source->id];

	for (const struct item *x = first_of(it); x != NULL; x = next_of(it, x))
		for (size_t i = 0; i < l->count; i++)
			if (++s->steps > STEPS_MAX ||
			    !prefixes_apart(&l->list[i], &x->prefix))
				return false;
	return l->count > 0;
}

static bool both_apart(struct search *s, const struct item *a, const struct item *b)
{
	if (s->v->source_prefixes != NULL && a->field == FIELD_SOURCE &&
	    b->field == FIELD_INSIDE)
		return source_apart(s, a, b);
	if (s->v->source_prefixes != NULL && b->field == FIELD_SOURCE &&
	    a->field == FIELD_INSIDE)
		return source_apart(s, b, a);
	return all_apart(s, a, b);
}

/* No alternative of one is one of the other's. */
static bool exclude(struct search *s, const struct condition *a,
		    const struct condition *b)
{
	for (const struct item *x = a->items; x != NULL; x = x->next)
		for (const struct item *y = b->items; y != NULL; y = y->next)
			if (!both_apart(s, x, y))
				return false;
	return a->items != NULL && b->items != NULL;
}

static bool is_excepted(struct search *s, const struct condition *from,
			const struct item *one, enum field field)
{
	for (const struct item *it = from->items; it != NULL; it = it->next) {
		struct item entry = *one;

		s->steps += it->table == NULL ? 1 : 1 + it->table->count;
		entry.field = field;
		if (s->steps <= STEPS_MAX && item_covers(s->v, it, &entry))
			return true;
	}
	return false;
}

/* All that `asked` asks for is what the other one, behind "not", takes away. */
static bool all_excepted(struct search *s, const struct condition *asked,
			 const struct condition *taken)
{
	for (const struct item *it = asked->items; it != NULL; it = it->next) {
		if (is_excepted(s, taken, it, it->field))
			continue;
		if (it->table == NULL)
			return false;
		for (const struct item *x = it->table->items; x != NULL; x = x->next)
			if (!is_excepted(s, taken, x, it->field))
				return false;
	}
	return asked->items != NULL;
}

/* ---- hours ------------------------------------------------------------------------------- */

struct week {
	uint8_t open[WEEK_MINUTES];
};

static void spread(const struct condition *c, struct week *ret)
{
	const struct hours *h = &c->schedule->hours;

	memset(ret->open, c->negated ? 1 : 0, sizeof(ret->open));
	for (size_t i = 0; i < h->count; i++)
		for (unsigned day = 0; day < 7; day++)
			for (unsigned m = h->spans[i].from;
			     (h->spans[i].days >> day & 1) != 0 && m < h->spans[i].to;
			     m++)
				ret->open[(day * DAY_MINUTES + m) % WEEK_MINUTES] =
					c->negated ? 0 : 1;
}

/* Have they no minute of the week in common?  NULL: has the one none at all? */
static bool never_meet(const struct condition *a, const struct condition *b)
{
	struct week one, other;

	spread(a, &one);
	if (b != NULL)
		spread(b, &other);
	for (size_t i = 0; i < WEEK_MINUTES; i++)
		if (one.open[i] != 0 && (b == NULL || other.open[i] != 0))
			return false;
	return true;
}

static bool clash(struct search *s, const struct condition *a, const struct condition *b)
{
	if (a->field == FIELD_HOURS || b->field == FIELD_HOURS)
		return a->field == b->field && a->outside != b->outside;
	if (a->field == FIELD_DURING || b->field == FIELD_DURING)
		return a->field == b->field && a->schedule->zone == b->schedule->zone &&
		       never_meet(a, b);
	if (a->negated && b->negated)
		return false;
	if (a->negated)
		return all_excepted(s, b, a);
	return b->negated ? all_excepted(s, a, b) : exclude(s, a, b);
}

/* ---- lines ------------------------------------------------------------------------------- */

static struct span place_of(const struct rule *r, const struct condition *c)
{
	return c->at.line == 0 ? r->at : c->at;
}

/* What the place of a condition holds, when it is on the line that is kept; else absent. */
static struct str text_at(const struct rule *r, struct span at)
{
	struct str none = {NULL, 0};

	if (at.line != r->at.line || at.col < r->at.col ||
	    at.col - r->at.col + at.len > r->text.len)
		return none;
	return (struct str){r->text.p + (at.col - r->at.col), at.len};
}

static void note_tables(struct diag *d, const struct condition *c)
{
	for (const struct item *it = c->items; it != NULL; it = it->next) {
		if (it->table == NULL)
			continue;
		diag_note(d, "table <%.*s> stands at %s:%u", SHOWN(it->table->name),
			  it->table->at.file, it->table->at.line);
		return; /* one of them shows where to look */
	}
}

static void warn_clash(struct diag *d, const struct rule *r, const struct condition *a,
		       const struct condition *b)
{
	struct span first = place_of(r, a), second = place_of(r, b);
	struct str text;

	if (second.line < first.line ||
	    (second.line == first.line && second.col < first.col)) {
		first = place_of(r, b);
		second = place_of(r, a);
	}
	diag_add(d, DIAG_WARNING, second, "contradiction",
		 "can never match: no connection is this and what %s:%u:%u asks for",
		 first.file, first.line, first.col);
	text = text_at(r, first);
	if (text.p != NULL)
		diag_note(d, "column %u: %.*s", first.col, SHOWN(text));
	note_tables(d, a);
	note_tables(d, b);
	diag_remedy(d, "one of the two, or a line for each");
	note_origin(d, r);
}

static void warn_nothing(struct diag *d, const struct rule *r, const struct condition *c)
{
	diag_add(d, DIAG_WARNING, place_of(r, c), "contradiction",
		 "can never match: no connection is this");
	note_tables(d, c);
	diag_remedy(d, "what is meant, or the file without this line");
	note_origin(d, r);
}

/* Roles are the one field whose words are all known here. */
static bool are_all_roles(const struct condition *c)
{
	unsigned roles = 0;

	for (const struct item *it = c->items; it != NULL; it = it->next)
		roles |= it->field == FIELD_ROLE ? 1u << it->id : 0;
	return roles == (1u << ROLE_COUNT) - 1;
}

/* Does the condition alone ask for nothing? */
static bool is_nothing(const struct condition *c)
{
	bool empty = c->items != NULL;

	if (c->field == FIELD_DURING)
		return never_meet(c, NULL);
	if (c->negated)
		return are_all_roles(c);
	for (const struct item *it = c->items; it != NULL; it = it->next)
		empty = empty && it->table != NULL && it->table->count == 0;
	return empty;
}

static void check_line(struct search *s, const struct rule *r, struct diag *d)
{
	for (const struct condition *a = r->conditions; a != NULL; a = a->next)
		if (is_nothing(a)) {
			warn_nothing(d, r, a);
			return;
		}
	for (const struct condition *a = r->conditions; a != NULL; a = a->next)
		for (const struct condition *b = a->next; b != NULL; b = b->next)
			if (clash(s, a, b) && s->steps <= STEPS_MAX) {
				warn_clash(d, r, a, b);
				return;
			}
}

void check_contradictions(const struct ast *a, struct diag *d)
{
	struct search s = {.v = a->vocabulary};

	for (size_t g = 0; g < GATE_COUNT; g++)
		for (const struct rule *r = a->gates[g].rules; r != NULL; r = r->next) {
			if (s.steps <= STEPS_MAX)
				check_line(&s, r, d);
			if (s.steps <= STEPS_MAX || s.ended)
				continue;
			s.ended = true;
			diag_add(d, DIAG_WARNING, r->at, "not-compared",
				 "from here on conditions of a line were not compared "
				 "with each other: more than %d comparisons",
				 STEPS_MAX);
			diag_remedy(d, "one condition about what stands in two tables");
		}
}
