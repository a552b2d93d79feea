/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_shadowed - lines that can never answer.
 *
 * The test is sound, not complete.  One earlier line shadows a later one when it is in force
 * as long and each of its conditions is one of the later line's, or wider.  Several do it
 * together when each of them would but for one condition, and what they name there is all
 * that one condition of the later line names.  Endpoints are compared as patterns
 * (glob_covers), and URLs once for each scheme.
 *
 * Bounded by STEPS_MAX comparisons over all gates and lists: beyond, a warning says where it
 * ended.
 */
#include <string.h>

#include "match/glob.h"
#include "match/suffix.h"
#include "policy/check.h"
#include "policy/fold.h"

#define STEPS_MAX   10000000
#define LIST_STEPS  16 /* what two patterns cost */
#define HELPERS_MAX 32 /* earlier lines that are looked at together */
#define SHOWN_MAX   2  /* of them in a finding */

struct compare {
	const struct ast *a;
	struct diag *d;
	size_t steps;
	bool ended; /* said that it ends here */
};

/* ---- items ------------------------------------------------------------------------------- */

/* "*.example" is any name below example, whatever stars the other one has. */
static bool host_covers(struct str wide, struct str narrow)
{
	struct str tail = {wide.p + 1, wide.len - 1};

	if (str_equal(wide, narrow))
		return true;
	if (memchr(narrow.p, '*', narrow.len) == NULL)
		return suffix_match(wide, narrow);
	return wide.len > 2 && wide.p[0] == '*' && wide.p[1] == '.' &&
	       memchr(tail.p, '*', tail.len) == NULL && narrow.len > tail.len &&
	       str_ends_with(narrow, tail);
}

static bool service_covers(const struct vocabulary *v, uint32_t wide, uint32_t narrow)
{
	const struct service_set *all, *part;

	if (wide == narrow || wide < SERVICES_MAX)
		return wide == narrow;
	all = &v->groups[wide - SERVICES_MAX].members;
	if (narrow < SERVICES_MAX)
		return service_set_has(all, (uint16_t)narrow);
	part = &v->groups[narrow - SERVICES_MAX].members;
	for (size_t i = 0; i < SERVICES_MAX / 64; i++)
		if ((part->bits[i] & ~all->bits[i]) != 0)
			return false;
	return true;
}

static bool is_prefix(enum field f)
{
	return f == FIELD_INSIDE || f == FIELD_EGRESS || f == FIELD_PEER;
}

static bool prefix_covers(const struct prefix *wide, const struct prefix *narrow)
{
	return wide->bits <= narrow->bits && prefix_contains(wide, &narrow->addr);
}

/* Of one field, neither of them a table. */
static bool word_covers(const struct vocabulary *v, const struct item *wide,
			const struct item *narrow)
{
	if (is_prefix(wide->field))
		return prefix_covers(&wide->prefix, &narrow->prefix);
	if (wide->field == FIELD_HOST)
		return host_covers(wide->text, narrow->text);
	if (wide->field == FIELD_SERVICE)
		return service_covers(v, wide->id, narrow->id);
	if (wide->field == FIELD_CONNECTOR && wide->id == CONNECTOR_ANY)
		return true;
	if (wide->field == FIELD_PORT)
		return wide->id <= narrow->id && wide->high >= narrow->high;
	if (wide->field == FIELD_USER)
		return str_equal_fold(wide->text, narrow->text);
	return wide->id == narrow->id && str_equal(wide->text, narrow->text);
}

bool item_covers(const struct vocabulary *v, const struct item *wide,
		 const struct item *narrow)
{
	if (wide->field != narrow->field)
		return false;
	if (wide->table != NULL && wide->table == narrow->table)
		return true;
	if (narrow->table != NULL)
		return false;
	if (wide->table == NULL)
		return word_covers(v, wide, narrow);
	for (const struct item *it = wide->table->items; it != NULL; it = it->next)
		if (word_covers(v, it, narrow))
			return true;
	return false;
}

static bool covers(struct compare *k, const struct item *wide, const struct item *narrow)
{
	k->steps += wide->table == NULL ? 1 : 1 + wide->table->count;
	if (k->steps > STEPS_MAX)
		return false;
	if (narrow->table == NULL || wide->table == narrow->table || wide->table != NULL)
		return item_covers(k->a->vocabulary, wide, narrow);
	if (narrow->field != wide->field || narrow->table->count == 0)
		return false;
	k->steps += narrow->table->count;
	for (const struct item *it = narrow->table->items; it != NULL; it = it->next)
		if (!word_covers(k->a->vocabulary, wide, it))
			return false;
	return true;
}

/* ---- conditions -------------------------------------------------------------------------- */

static bool has_item(struct compare *k, const struct item *list,
		     const struct item *wanted)
{
	for (const struct item *it = list; it != NULL; it = it->next)
		if (covers(k, it, wanted))
			return true;
	return false;
}

/* Are all items of `part` in `whole`? */
static bool has_all(struct compare *k, const struct condition *whole,
		    const struct condition *part)
{
	for (const struct item *it = part->items; it != NULL; it = it->next)
		if (!has_item(k, whole->items, it))
			return false;
	return true;
}

/* "not { A, B }" is all that C is, when C is neither. */
static bool none_of(struct compare *k, const struct condition *wide,
		    const struct condition *narrow)
{
	for (const struct item *n = narrow->items; n != NULL; n = n->next)
		for (const struct item *w = wide->items; w != NULL; w = w->next)
			if (++k->steps > STEPS_MAX ||
			    !items_apart(k->a->vocabulary, w, n))
				return false;
	return true;
}

static bool same_schedule(const struct schedule *a, const struct schedule *b)
{
	return a->zone == b->zone && str_equal(a->text, b->text);
}

/* Does all that `narrow` matches match `wide`? */
static bool condition_covers(struct compare *k, const struct condition *wide,
			     const struct condition *narrow)
{
	if (wide->field == FIELD_HOURS || narrow->field == FIELD_HOURS)
		return wide->field == narrow->field && wide->negated == narrow->negated &&
		       wide->outside == narrow->outside;
	if (wide->field == FIELD_DURING || narrow->field == FIELD_DURING)
		return wide->field == narrow->field && wide->negated == narrow->negated &&
		       same_schedule(wide->schedule, narrow->schedule);
	if (wide->negated && narrow->negated) /* the more there are, the narrower */
		return has_all(k, narrow,
			       wide); /* NOLINT(readability-suspicious-call-argument) */
	if (wide->negated)
		return none_of(k, wide, narrow);
	return !narrow->negated && has_all(k, wide, narrow);
}

/* At an edge one of them goes by the present and the other does not. */
static bool differ_at_edges(const struct rule *a, const struct rule *b)
{
	bool timed = false;

	for (const struct condition *c = a->conditions; c != NULL; c = c->next)
		timed = timed || c->field == FIELD_HOURS || c->field == FIELD_DURING;
	return timed && a->cut != b->cut;
}

/*
 * How many conditions of `wide` are wider than none of `narrow`, counted up to two; *ret is
 * the last of them.
 */
static unsigned count_missing(struct compare *k, const struct rule *wide,
			      const struct rule *narrow, const struct condition **ret)
{
	unsigned missing = 0;

	if (differ_at_edges(wide, narrow))
		return 2;
	for (const struct condition *w = wide->conditions; w != NULL && missing < 2;
	     w = w->next) {
		const struct condition *n = narrow->conditions;

		k->steps++;
		while (n != NULL && !condition_covers(k, w, n))
			n = n->next;
		if (n != NULL)
			continue;
		missing++;
		*ret = w;
	}
	return missing;
}

/* ---- several lines together -------------------------------------------------------------- */

/* Earlier lines that would shadow the later one, but for one condition each. */
struct helpers {
	size_t count;
	const struct rule *rules[HELPERS_MAX];
	const struct condition *missing[HELPERS_MAX];
	bool used[HELPERS_MAX];
};

/* The one among all helpers' items that holds `low` and goes furthest; NULL = none does. */
static const struct item *furthest(struct compare *k, struct helpers *h, uint32_t low)
{
	const struct item *best = NULL;
	size_t whose = 0;

	for (size_t i = 0; i < h->count; i++)
		for (const struct item *it = h->missing[i]->items; it != NULL;
		     it = it->next) {
			k->steps++;
			if (it->field != FIELD_PORT || it->id > low || it->high < low ||
			    (best != NULL && best->high >= it->high))
				continue;
			best = it;
			whose = i;
		}
	if (best != NULL)
		h->used[whose] = true;
	return best;
}

static bool ports_covered(struct compare *k, struct helpers *h, const struct item *port)
{
	uint32_t low = port->id;

	while (low <= port->high && k->steps <= STEPS_MAX) {
		const struct item *it = furthest(k, h, low);

		if (it == NULL)
			return false;
		low = it->high + 1;
	}
	return low > port->high;
}

/* The address after the last one of a prefix; false when there is none. */
static bool step_over(const struct prefix *p, struct addr *ret)
{
	unsigned i = p->bits == 0 ? 0 : (unsigned)(p->bits - 1) / 8;
	unsigned sum =
		p->bits == 0 ? 256 : p->addr.b[i] + (1u << (8 * (i + 1) - p->bits));

	*ret = p->addr;
	ret->b[i] = (uint8_t)sum;
	while (sum > 255 && i > 0) {
		sum = ret->b[--i] + 1u;
		ret->b[i] = (uint8_t)sum;
	}
	return sum <= 255;
}

static const struct prefix *widest(struct compare *k, struct helpers *h, enum field field,
				   const struct addr *at)
{
	const struct prefix *best = NULL;
	size_t whose = 0;

	for (size_t i = 0; i < h->count; i++)
		for (const struct item *it = h->missing[i]->items; it != NULL;
		     it = it->next) {
			k->steps++;
			if (it->field != field || it->table != NULL ||
			    !prefix_contains(&it->prefix, at) ||
			    (best != NULL && best->bits <= it->prefix.bits))
				continue;
			best = &it->prefix;
			whose = i;
		}
	if (best != NULL)
		h->used[whose] = true;
	return best;
}

static bool prefixes_covered(struct compare *k, struct helpers *h, const struct item *one)
{
	struct addr at = one->prefix.addr;

	while (k->steps <= STEPS_MAX) {
		const struct prefix *p = widest(k, h, one->field, &at);

		if (p == NULL)
			return false;
		if (prefix_covers(p, &one->prefix) || !step_over(p, &at) ||
		    !prefix_contains(&one->prefix, &at))
			return true;
	}
	return false;
}

static bool is_covered(struct compare *k, struct helpers *h, const struct item *one)
{
	for (size_t i = 0; i < h->count; i++)
		if (has_item(k, h->missing[i]->items, one)) {
			h->used[i] = true;
			return true;
		}
	if (one->table != NULL)
		return false;
	if (one->field == FIELD_PORT)
		return ports_covered(k, h, one);
	return is_prefix(one->field) && prefixes_covered(k, h, one);
}

static bool all_covered(struct compare *k, struct helpers *h, const struct condition *c)
{
	memset(h->used, 0, sizeof(h->used));
	for (const struct item *it = c->items; it != NULL; it = it->next)
		if (!is_covered(k, h, it))
			return false;
	return true;
}

/* A line that asks for no role is shadowed by lines for all roles. */
static bool all_roles_covered(struct compare *k, struct helpers *h)
{
	struct item role = {.field = FIELD_ROLE};

	memset(h->used, 0, sizeof(h->used));
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		role.id = i;
		role.text = str_of(role_name((enum role)i));
		if (!is_covered(k, h, &role))
			return false;
	}
	return true;
}

static bool together(struct compare *k, struct helpers *h, const struct rule *late)
{
	bool asks_role = false;

	if (h->count == 0)
		return false;
	for (const struct condition *c = late->conditions; c != NULL; c = c->next) {
		asks_role = asks_role || c->field == FIELD_ROLE;
		if (!c->negated && c->items != NULL && all_covered(k, h, c))
			return true;
	}
	return !asks_role && all_roles_covered(k, h);
}

/* ---- lines of gates ---------------------------------------------------------------------- */

/* Does `early` end the walk of every connection that it matches, as long as `late` lives? */
static bool always_answers(const struct rule *early, const struct rule *late)
{
	if (early->has_expires &&
	    !(late->has_expires && late->expires_us <= early->expires_us))
		return false;
	if (early->report_only && !late->report_only)
		return false;
	/* Policies of gate connectors do not shadow each other. */
	if (early->gate == GATE_CONNECTORS && early->from != late->from)
		return false;
	return early->action != ACTION_ALERT || early->gate == GATE_UNDECIDABLE;
}

static void note_line(struct diag *d, const struct rule *early)
{
	diag_note(d, "%s:%u is: %.*s", early->at.file, early->at.line,
		  (int)(early->text.len > 200 ? 200 : early->text.len), early->text.p);
}

static void warn_shadowed(struct diag *d, const struct rule *early,
			  const struct rule *late)
{
	diag_add(d, DIAG_WARNING, late->pattern.p != NULL ? late->pattern_at : late->at,
		 "shadowed",
		 "can never answer: %s:%u matches everything that this line matches",
		 early->at.file, early->at.line);
	note_line(d, early);
	diag_remedy(d, "this line above that one, or not at all");
	note_origin(d, late);
}

static void warn_together(struct diag *d, const struct helpers *h,
			  const struct rule *late)
{
	const bool is_endpoint = late->pattern.p != NULL;
	size_t used = 0, shown = 0, last = 0;

	for (size_t i = 0; i < h->count; i++)
		if (h->used[i]) {
			used++;
			last = i;
		}
	if (used == 1) { /* several of its items together */
		warn_shadowed(d, h->rules[last], late);
		return;
	}
	diag_add(d, DIAG_WARNING, is_endpoint ? late->pattern_at : late->at, "shadowed",
		 "can never answer: %zu lines above match together everything that this "
		 "line matches",
		 used);
	for (size_t i = 0; i < h->count && shown < SHOWN_MAX; i++)
		if (h->used[i]) {
			note_line(d, h->rules[i]);
			shown++;
		}
	diag_remedy(d, "this line above them, or not at all");
	note_origin(d, late);
}

/* False when too much was compared. */
static bool may_go_on(struct compare *k, const struct rule *late)
{
	if (k->steps <= STEPS_MAX)
		return true;
	if (!k->ended) {
		diag_add(k->d, DIAG_WARNING, late->at, "not-compared",
			 "from here on lines were not compared with those above them: "
			 "more than %d comparisons",
			 STEPS_MAX);
		diag_remedy(k->d, "fewer and longer lines: tables, and lists between "
				  "braces");
	}
	k->ended = true;
	return false;
}

static void check_line(struct compare *k, const struct rule *first,
		       const struct rule *late)
{
	struct helpers h = {.count = 0};

	for (const struct rule *early = first; early != late; early = early->next) {
		const struct condition *missing = NULL;
		unsigned n;

		k->steps++;
		if (!always_answers(early, late))
			continue;
		n = count_missing(k, early, late, &missing);
		if (k->steps > STEPS_MAX)
			return;
		if (n == 0) {
			warn_shadowed(k->d, early, late);
			return;
		}
		if (n == 1 && h.count < HELPERS_MAX && !missing->negated &&
		    missing->items != NULL) {
			h.rules[h.count] = early;
			h.missing[h.count++] = missing;
		}
	}
	if (together(k, &h, late) && k->steps <= STEPS_MAX)
		warn_together(k->d, &h, late);
}

static void check_gate(struct compare *k, const struct rule *rules)
{
	for (const struct rule *late = rules; late != NULL && may_go_on(k, late);
	     late = late->next)
		check_line(k, rules, late);
}

/* ---- endpoints --------------------------------------------------------------------------- */

static void warn_twice(struct diag *d, const struct rule *early, const struct rule *late)
{
	diag_add(d, DIAG_WARNING, late->pattern_at, "duplicate",
		 "this endpoint stands in line %u of this list already", early->order);
	note_line(d, early);
	diag_remedy(d, "the list without line %u", late->order);
	note_origin(d, late);
}

static bool covers_endpoint(struct compare *k, const struct rule *first,
			    const struct rule *late)
{
	uint32_t key = 0, other = 0;
	bool keyed = endpoint_key(late->folded, &key);

	for (const struct rule *early = first; early != late; early = early->next) {
		k->steps++;
		if (keyed && endpoint_key(early->folded, &other) && other != key)
			continue;
		k->steps += LIST_STEPS;
		if (!glob_covers(early->folded, late->folded))
			continue;
		if (str_equal(early->folded, late->folded))
			warn_twice(k->d, early, late);
		else
			warn_shadowed(k->d, early, late);
		return true;
	}
	return false;
}

/*
 * Of texts that may hold any byte, several lines never match together what none of them
 * matches alone: put a byte that none of them has in the place of the later line's stars, and
 * the line that matches this word matches all the others, too.  But a URL begins in one of
 * two ways; so each of the two is looked at by itself.
 */
static const char *const schemes[] = {"http://", "https://"};

#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

struct places {
	bool at[GLOB_MAX + 1]; /* of a pattern: what stands before may be the scheme */
	bool any;
};

/* A star may be no byte, so where it stands the place behind it is reached, too. */
static void step_into(struct str p, struct places *s, size_t i)
{
	for (; i <= p.len; i++) {
		s->at[i] = true;
		s->any = true;
		if (i == p.len || p.p[i] != '*')
			return;
	}
}

static void read_scheme(struct str p, const char *scheme, struct places *ret)
{
	struct places now;

	*ret = (struct places){.any = false};
	step_into(p, ret, 0);
	for (; *scheme != '\0' && ret->any; scheme++) {
		now = *ret;
		*ret = (struct places){.any = false};
		for (size_t i = 0; i < p.len; i++) {
			if (!now.at[i])
				continue;
			if (p.p[i] == '*')
				step_into(p, ret, i);
			else if (p.p[i] == *scheme)
				step_into(p, ret, i + 1);
		}
	}
}

/* Does the earlier line match every URL of the scheme that the later one matches? */
static bool covers_scheme(struct str early, struct str late, const char *scheme,
			  const struct places *s)
{
	const size_t head = strlen(scheme);
	char url[GLOB_MAX];

	for (size_t i = 0; i <= late.len; i++) {
		const size_t rest = late.len - i;

		/* Where a star is reached, what is behind it is part of that. */
		if (!s->at[i] || (i > 0 && s->at[i - 1] && late.p[i - 1] == '*'))
			continue;
		if (head + rest > sizeof(url))
			return false;
		for (size_t k = 0; k < head + rest; k++)
			url[k] = k < head ? scheme[k] : late.p[i + k - head];
		if (!glob_covers(early, (struct str){url, head + rest}))
			return false;
	}
	return true;
}

/* The line that does so for this scheme is added to the helpers. */
static bool scheme_covered(struct compare *k, const struct rule *first,
			   const struct rule *late, const char *scheme, struct helpers *h)
{
	struct places s;

	read_scheme(late->folded, scheme, &s);
	if (!s.any)
		return true;
	for (const struct rule *early = first; early != late; early = early->next) {
		k->steps += LIST_STEPS;
		if (k->steps > STEPS_MAX ||
		    !covers_scheme(early->folded, late->folded, scheme, &s))
			continue;
		if (h->count == 0 || h->rules[h->count - 1] != early) {
			h->used[h->count] = true;
			h->rules[h->count++] = early;
		}
		return true;
	}
	return false;
}

/* The last line, "*", has to stand there whatever is above it. */
static void check_schemes(struct compare *k, const struct rule *first,
			  const struct rule *late)
{
	struct helpers h = {.count = 0};

	if (late->next == NULL && str_equal(late->folded, STR("*")))
		return;
	for (size_t i = 0; i < SCHEMES; i++)
		if (!scheme_covered(k, first, late, schemes[i], &h))
			return;
	if (h.count > 0)
		warn_together(k->d, &h, late);
}

static void check_endpoint(struct compare *k, const struct endpoint_list *l,
			   const struct rule *late)
{
	uint32_t key;

	if (covers_endpoint(k, l->rules, late) || k->steps > STEPS_MAX ||
	    (l->family != FAMILY_HTTP && l->family != FAMILY_CUSTOM))
		return;
	/* A line that names its scheme and its server was compared in full. */
	if (!endpoint_key(late->folded, &key))
		check_schemes(k, l->rules, late);
}

void check_shadowed(const struct ast *a, struct diag *d)
{
	struct compare k = {.a = a, .d = d};

	for (size_t g = 0; g < GATE_COUNT; g++)
		check_gate(&k, a->gates[g].rules);
	for (const struct endpoint_list *l = a->lists; l != NULL; l = l->next)
		for (const struct rule *late = l->rules;
		     late != NULL && may_go_on(&k, late); late = late->next)
			check_endpoint(&k, l, late);
}
