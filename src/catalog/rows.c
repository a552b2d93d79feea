/* SPDX-License-Identifier: Apache-2.0 */
/* rows - reads groups.tsv, services.tsv, connectors.tsv and the site's own entries. */
#include "catalog/builder.h"

#include <errno.h>
#include <string.h>

#define GROUPS_MAX 64
#define LIST_MAX   32 /* parts of one '|' list */

/* Cut the first part off a '|' list; false when nothing is left. */
static bool next_part(struct str *rest, struct str *ret)
{
	const char *bar;

	if (rest->p == NULL)
		return false;
	bar = memchr(rest->p, '|', rest->len);
	ret->p = rest->p;
	ret->len = bar == NULL ? rest->len : (size_t)(bar - rest->p);
	*rest = bar == NULL ? STR_NONE : (struct str){bar + 1, rest->len - ret->len - 1};
	return true;
}

static bool word_sound(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '_' &&
		    c != '.')
			return false;
	}
	return s.len > 0 && s.len <= 100;
}

/* The number of a new or old word; faults and a full table become findings. */
static bool add_word(struct builder *b, const struct tsv *t, const struct tsv_row *row,
		     size_t column, struct words *w, uint16_t *ret)
{
	int rc;

	if (!word_sound(row->field[column])) {
		tsv_fault(t, row, column, 0, 0, "is no name");
		diag_remedy(b->d, "letters, digits, '-', '_' and '.'");
		return false;
	}
	rc = words_add(w, row->field[column], ret);
	if (rc == -ENOSPC)
		tsv_fault(t, row, column, 0, 0, "too many different names");
	else if (rc < 0)
		b->out_of_memory = true;
	return rc == 0;
}

/* One of `count` words, or a finding that lists them. */
static bool choice(struct builder *b, const struct tsv *t, const struct tsv_row *row,
		   size_t column, const char *const words[2], bool *ret)
{
	for (size_t i = 0; i < 2; i++) {
		if (str_equal(row->field[column], str_of(words[i]))) {
			*ret = i == 0;
			return true;
		}
	}
	tsv_fault(t, row, column, 0, 0, "is neither of the two words");
	diag_remedy(b->d, "%s or %s", words[0], words[1]);
	return false;
}

/* ------------------------------------------------------------------ groups.tsv */

enum {
	GROUP_SERVICE = 0,
	GROUP_SCOPE,
	GROUP_PLATFORM,
	GROUP_GROUPS,
	GROUP_RANGES
};

static struct service_group *group_named(struct builder *b, struct str name)
{
	struct catalog *c = b->c;
	struct str copy;

	for (size_t i = 0; i < c->group_count; i++) {
		if (str_equal(name, str_of(c->groups[i].name)))
			return &c->groups[i];
	}
	if (c->group_count == GROUPS_MAX)
		return NULL;
	copy = builder_copy(b, name);
	if (copy.p == NULL)
		return NULL;
	c->groups[c->group_count].name = copy.p;
	return &c->groups[c->group_count++];
}

static void join_groups(struct builder *b, const struct tsv *t, const struct tsv_row *row,
			uint16_t service)
{
	struct str rest = row->field[GROUP_GROUPS], name;

	while (next_part(&rest, &name)) {
		struct service_group *g = word_sound(name) ? group_named(b, name) : NULL;

		if (g != NULL)
			service_set_add(&g->members, service);
		else
			tsv_fault(t, row, GROUP_GROUPS, 0, 0,
				  "is no list of groups, or there are too many groups");
	}
}

/* Tags that no loaded file has witness nothing: they are left out. */
static void set_ranges(struct builder *b, const struct tsv_row *row, struct meaning *m)
{
	struct str rest = row->field[GROUP_RANGES], name;
	uint16_t found[LIST_MAX], *copy;
	size_t n = 0;

	while (n < LIST_MAX && next_part(&rest, &name)) {
		found[n] = words_find(&b->c->tags, name);
		n += found[n] != ID_NONE;
	}
	if (n == 0)
		return;
	copy = arena_alloc(b->c->arena, n * sizeof(*copy));
	if (copy == NULL) {
		b->out_of_memory = true;
		return;
	}
	memcpy(copy, found, n * sizeof(*copy));
	m->ranges = copy;
	m->range_count = n;
}

static void group_row(struct builder *b, const struct tsv *t, const struct tsv_row *row)
{
	static const char *const scopes[] = {"in", "out"};
	static const char *const answers[] = {"yes", "no"};
	struct meaning m = {.known = true};
	uint16_t id;

	if (!add_word(b, t, row, GROUP_SERVICE, &b->c->services, &id) ||
	    !choice(b, t, row, GROUP_SCOPE, scopes, &m.in_scope) ||
	    !choice(b, t, row, GROUP_PLATFORM, answers, &m.platform))
		return;
	if (b->c->meanings[id].known) {
		tsv_fault(t, row, GROUP_SERVICE, 0, 0,
			  "this service stands in an earlier row already");
		return;
	}
	set_ranges(b, row, &m);
	b->c->meanings[id] = m;
	join_groups(b, t, row, id);
}

void read_groups(struct builder *b, const struct tsv_text *text)
{
	static const char *const columns[] = {"service", "scope", "platform", "groups",
					      "ranges"};
	struct catalog *c = b->c;
	struct tsv t;
	struct tsv_row row;

	c->groups = arena_alloc(c->arena, GROUPS_MAX * sizeof(*c->groups));
	if (c->groups == NULL) {
		b->out_of_memory = true;
		return;
	}
	if (!tsv_start(&t, text, columns, sizeof(columns) / sizeof(columns[0]), b->d))
		return;
	while (!b->out_of_memory && tsv_next(&t, &row))
		group_row(b, &t, &row);
	b->rows[FILE_GROUPS] = t.rows;
	b->date[FILE_GROUPS] = t.date;
	for (size_t i = 0; i < c->group_count; i++) {
		if (words_find(&c->services, str_of(c->groups[i].name)) != ID_NONE)
			diag_error(b->d, (struct span){.file = text->name},
				   "\"%s\" is a service and a group", c->groups[i].name);
	}
}

/* ------------------------------------------------------------------ patterns */

/* RFC 1123 2.1: such a name is an address in some spelling; 0x7f.1 is one to inet_aton(). */
static bool ends_in_number(struct str s)
{
	size_t end = s.len > 0 && s.p[s.len - 1] == '.' ? s.len - 1 : s.len, at = end;
	bool hex;

	while (at > 0 && s.p[at - 1] != '.')
		at--;
	hex = end - at >= 2 && s.p[at] == '0' && ascii_lower(s.p[at + 1]) == 'x';
	for (size_t i = hex ? at + 2 : at; i < end; i++)
		if (hex ? !ascii_is_hex(s.p[i]) : !ascii_is_digit(s.p[i]))
			return false;
	return true;
}

static bool pattern_sound(struct builder *b, const struct tsv *t,
			  const struct tsv_row *row, size_t column)
{
	struct str s = row->field[column];
	size_t at = 0;

	switch (suffix_check(s, &at)) {
	case SUFFIX_FINE:
		if (!ends_in_number(s))
			return true;
		tsv_fault(t, row, column, 0, 0,
			  "ends like an address: no name of a host does, and addresses "
			  "cannot be matched");
		break;
	case SUFFIX_EMPTY:
		tsv_fault(t, row, column, at, s.len > at ? 1 : 0,
			  "is no host pattern: an empty label");
		break;
	case SUFFIX_TOO_LONG:
		tsv_fault(t, row, column, 0, 0, "is too long: 255 bytes, 63 in a label");
		break;
	case SUFFIX_BAD_BYTE:
		tsv_fault(t, row, column, at, 1, "cannot stand in a host pattern");
		break;
	case SUFFIX_ONLY_STARS:
		tsv_fault(t, row, column, 0, 0, "would match every name");
		break;
	}
	diag_remedy(b->d, "api.contoso.example, *.contoso.example or a*.contoso.example");
	return false;
}

/* The entry of the row's pattern among `p`, made when it is new; NULL on a fault. */
static struct entry *entry_of(struct builder *b, const struct tsv *t,
			      const struct tsv_row *row, struct patterns *p)
{
	struct str s = row->field[0];
	void *list = p->list;
	size_t before = p->words.count;
	uint16_t id;
	int rc;

	if (!pattern_sound(b, t, row, 0))
		return NULL;
	if (s.p[s.len - 1] == '.')
		s.len--;
	rc = words_add(&p->words, s, &id);
	if (rc == -ENOSPC)
		tsv_fault(t, row, 0, 0, 0, "too many patterns");
	if (rc < 0) {
		b->out_of_memory = b->out_of_memory || rc == -ENOMEM;
		return NULL;
	}
	if (p->words.count != before) {
		if (!builder_room(b, &list, &p->room, before, sizeof(*p->list)))
			return NULL;
		p->list = list;
		p->list[id] = (struct entry){.pattern = builder_copy_lower(b, s),
					     .own = p == &b->own};
		p->list[id].grammar =
			(uint8_t)hostname_grammar(p->list[id].pattern, &p->list[id].tail);
	}
	return &p->list[id];
}

static bool confidence_of(struct builder *b, const struct tsv *t,
			  const struct tsv_row *row, size_t column, uint8_t *ret)
{
	static const char *const words[] = {"assumed", "published", "verified"};

	for (uint8_t i = 0; i < 3; i++) {
		if (str_equal(row->field[column], str_of(words[i]))) {
			*ret = i;
			return true;
		}
	}
	tsv_fault(t, row, column, 0, 0, "is no confidence");
	diag_remedy(b->d, "verified, published or assumed");
	return false;
}

/* The row's date, else its file's; false (and a finding) when it is none. */
static bool date_of(struct builder *b, const struct tsv *t, const struct tsv_row *row,
		    size_t column, struct str *ret)
{
	struct str date = row->field[column];

	if (date.p != NULL && !tsv_is_date(date)) {
		tsv_fault(t, row, column, 0, 0, "is no date");
		diag_remedy(b->d, "YYYY-MM-DD");
		return false;
	}
	*ret = builder_copy(b, date.p != NULL ? date : t->date);
	return true;
}

static bool add_link(struct builder *b, struct patterns *p, const struct link *l)
{
	void *list = p->links;

	if (!builder_room(b, &list, &p->link_room, p->link_count, sizeof(*l)))
		return false;
	p->links = list;
	p->links[p->link_count++] = *l;
	return true;
}

/* ------------------------------------------------------------------ services.tsv */

enum {
	SERVICE_PATTERN = 0,
	SERVICE_SERVICE,
	SERVICE_CLOUD,
	SERVICE_ROLE,
	SERVICE_PORTS,
	SERVICE_CONFIDENCE,
	SERVICE_SOURCE,
	SERVICE_DATE,
	SERVICE_NOTE
};

static bool clouds_sound(struct builder *b, const struct tsv *t,
			 const struct tsv_row *row)
{
	static const char *const clouds[] = {"public", "gcc",   "gcchigh",
					     "dod",    "china", "usgov",
					     "ussec",  "usnat", "germany-legacy"};
	const size_t count = sizeof(clouds) / sizeof(clouds[0]);
	struct str rest = row->field[SERVICE_CLOUD], part;
	const char *near;

	while (next_part(&rest, &part)) {
		size_t i = 0;

		while (i < count && !str_equal(part, str_of(clouds[i])))
			i++;
		if (i < count)
			continue;
		near = text_nearest(part, clouds, count);
		tsv_fault(t, row, SERVICE_CLOUD,
			  (size_t)(part.p - row->field[SERVICE_CLOUD].p), part.len,
			  "no such cloud");
		diag_remedy(b->d, "%s",
			    near != NULL ? near
					 : "public, gcc, gcchigh, dod, china, usgov, "
					   "ussec, usnat or germany-legacy");
		return false;
	}
	return true;
}

/* "tcp/443", "udp/3478-3481" */
static bool port_sound(struct str s)
{
	const char *dash;
	uint64_t from, to;

	if (s.len < 5 || (memcmp(s.p, "tcp/", 4) != 0 && memcmp(s.p, "udp/", 4) != 0))
		return false;
	s = (struct str){s.p + 4, s.len - 4};
	dash = memchr(s.p, '-', s.len);
	if (dash == NULL)
		return parse_u64(s, 65535, &from) && from > 0;
	return parse_u64((struct str){s.p, (size_t)(dash - s.p)}, 65535, &from) &&
	       parse_u64((struct str){dash + 1, s.len - (size_t)(dash + 1 - s.p)}, 65535,
			 &to) &&
	       from > 0 && from <= to;
}

static bool ports_sound(struct builder *b, const struct tsv *t, const struct tsv_row *row)
{
	struct str rest = row->field[SERVICE_PORTS], part;

	while (next_part(&rest, &part)) {
		if (port_sound(part))
			continue;
		tsv_fault(t, row, SERVICE_PORTS,
			  (size_t)(part.p - row->field[SERVICE_PORTS].p), part.len,
			  "is no port");
		diag_remedy(b->d, "tcp/443, udp/3478-3481, several with '|' between");
		return false;
	}
	return true;
}

/* Fills in the pattern's service; both files agree on what comes after the service. */
static void add_service(struct builder *b, const struct tsv *t, const struct tsv_row *row,
			struct patterns *p, const struct service_row *what)
{
	struct entry *e;
	struct service_row *copy;
	struct str date;

	if (!clouds_sound(b, t, row) || !ports_sound(b, t, row) ||
	    !date_of(b, t, row, SERVICE_DATE, &date))
		return;
	e = entry_of(b, t, row, p);
	if (e == NULL)
		return;
	if (e->service != NULL) {
		tsv_fault(t, row, SERVICE_PATTERN, 0, 0,
			  "this pattern stands in an earlier row already");
		diag_note(b->d, "line %u has it", e->service->line);
		return;
	}
	copy = builder_lines(b, sizeof(*copy));
	if (copy == NULL)
		return;
	*copy = *what;
	copy->line = row->line;
	copy->col = row->col[SERVICE_PATTERN];
	copy->file = b->name[p == &b->own ? FILE_OWN : FILE_SERVICES];
	copy->date = date;
	copy->ports = builder_copy(b, row->field[SERVICE_PORTS]);
	copy->note = builder_copy(b, row->field[SERVICE_NOTE]);
	copy->cloud = builder_copy(b, row->field[SERVICE_CLOUD]);
	copy->role = builder_copy(b, row->field[SERVICE_ROLE]);
	copy->source = builder_copy(b, row->field[SERVICE_SOURCE]);
	if (copy->source.p == NULL && p == &b->own)
		copy->source = STR("own entry");
	e->service = copy;
}

static void service_row(struct builder *b, const struct tsv *t, const struct tsv_row *row)
{
	struct words *words = &b->c->services;
	struct service_row what = {0};
	const char *near;

	if (!confidence_of(b, t, row, SERVICE_CONFIDENCE, &what.confidence))
		return;
	what.service = words_find(words, row->field[SERVICE_SERVICE]);
	if (what.service != ID_NONE) {
		add_service(b, t, row, &b->shipped, &what);
		return;
	}
	near = text_nearest(row->field[SERVICE_SERVICE], words->list, words->count);
	tsv_fault(t, row, SERVICE_SERVICE, 0, 0, "no row of groups.tsv has this service");
	diag_remedy(b->d, "%s", near != NULL ? near : "a row for it into groups.tsv");
}

void read_services(struct builder *b, const struct tsv_text *text)
{
	static const char *const columns[] = {"pattern", "service", "cloud",
					      "role",    "ports",   "confidence",
					      "source",  "?date",   "?note"};
	struct tsv t;
	struct tsv_row row;

	if (!tsv_start(&t, text, columns, sizeof(columns) / sizeof(columns[0]), b->d))
		return;
	while (!b->out_of_memory && tsv_next(&t, &row))
		service_row(b, &t, &row);
	b->rows[FILE_SERVICES] = t.rows;
	b->date[FILE_SERVICES] = t.date;
}

/* ------------------------------------------------------------------ connectors.tsv */

enum {
	CONNECTOR_PATTERN = 0,
	CONNECTOR_NAME,
	CONNECTOR_CONFIDENCE,
	CONNECTOR_SOURCE,
	CONNECTOR_DATE,
	CONNECTOR_TITLE,
	CONNECTOR_PUBLISHER,
	CONNECTOR_TIER,
	CONNECTOR_FILTERABLE,
	CONNECTOR_UNBLOCKABLE,
	CONNECTOR_GATEWAY,
	CONNECTOR_VNET
};

static bool mark_of(struct builder *b, const struct tsv *t, const struct tsv_row *row,
		    size_t column, enum stated *ret)
{
	static const char *const words[] = {"yes", "no"};
	bool yes = false;

	*ret = STATED_NOT;
	if (row->field[column].p == NULL)
		return true;
	if (!choice(b, t, row, column, words, &yes))
		return false;
	*ret = yes ? STATED_YES : STATED_NO;
	return true;
}

/* What a row says of the connector itself. */
static bool about_connector(struct builder *b, const struct tsv *t,
			    const struct tsv_row *row, struct connector_row *ret)
{
	static const char *const tiers[] = {"standard", "premium"};
	bool ignored;

	if (row->field[CONNECTOR_TIER].p != NULL &&
	    !choice(b, t, row, CONNECTOR_TIER, tiers, &ignored))
		return false;
	ret->tier = builder_copy(b, row->field[CONNECTOR_TIER]);
	ret->title = builder_copy(b, row->field[CONNECTOR_TITLE]);
	ret->publisher = builder_copy(b, row->field[CONNECTOR_PUBLISHER]);
	return mark_of(b, t, row, CONNECTOR_FILTERABLE, &ret->endpoint_filterable) &&
	       mark_of(b, t, row, CONNECTOR_UNBLOCKABLE, &ret->unblockable) &&
	       mark_of(b, t, row, CONNECTOR_GATEWAY, &ret->gateway) &&
	       mark_of(b, t, row, CONNECTOR_VNET, &ret->vnet);
}

/* A row without a pattern only declares the connector. */
static void connector_row(struct builder *b, const struct tsv *t,
			  const struct tsv_row *row)
{
	struct link l = {.entry = ENTRY_NONE,
			 .row = {.line = row->line, .file = b->name[FILE_CONNECTORS]}};
	const struct entry *e;

	if (!confidence_of(b, t, row, CONNECTOR_CONFIDENCE, &l.row.confidence) ||
	    !date_of(b, t, row, CONNECTOR_DATE, &l.row.date) ||
	    !about_connector(b, t, row, &l.row) ||
	    !add_word(b, t, row, CONNECTOR_NAME, &b->c->connectors, &l.connector))
		return;
	if (row->field[CONNECTOR_PATTERN].p != NULL) {
		e = entry_of(b, t, row, &b->shipped);
		if (e == NULL)
			return;
		l.entry = (uint32_t)(e - b->shipped.list);
	}
	l.row.source = builder_copy(b, row->field[CONNECTOR_SOURCE]);
	(void)add_link(b, &b->shipped, &l);
}

void read_connectors(struct builder *b, const struct tsv_text *text)
{
	static const char *const columns[] = {
		"pattern",      "connector", "confidence",
		"source",       "?date",     "?title",
		"?publisher",   "?tier",     "?endpoint_filterable",
		"?unblockable", "?gateway",  "?vnet"};
	struct tsv t;
	struct tsv_row row;

	if (!tsv_start(&t, text, columns, sizeof(columns) / sizeof(columns[0]), b->d))
		return;
	while (!b->out_of_memory && tsv_next(&t, &row))
		connector_row(b, &t, &row);
	b->rows[FILE_CONNECTORS] = t.rows;
	b->date[FILE_CONNECTORS] = t.date;
}

/* ------------------------------------------------------------------ own entries */

/* A name that nobody knows may be meant; one that is nearly known is likely a slip. */
static void warn_new(struct builder *b, const struct tsv *t, const struct tsv_row *row,
		     const struct words *w)
{
	const char *near = text_nearest(row->field[SERVICE_SERVICE], w->list, w->count);

	if (near == NULL || words_find(w, row->field[SERVICE_SERVICE]) != ID_NONE)
		return;
	diag_add(b->d, DIAG_WARNING, tsv_span(t, row, SERVICE_SERVICE), "new-name",
		 "a new name");
	diag_remedy(b->d, "%s, if that is meant", near);
}

static void own_connector(struct builder *b, const struct tsv *t,
			  const struct tsv_row *row)
{
	struct link l = {.row = {.confidence = CONFIDENCE_VERIFIED,
				 .own = true,
				 .line = row->line,
				 .col = row->col[SERVICE_PATTERN],
				 .file = b->name[FILE_OWN],
				 .source = STR("own entry")}};
	const struct entry *e;

	if (!date_of(b, t, row, SERVICE_DATE, &l.row.date))
		return;
	warn_new(b, t, row, &b->c->connectors);
	if (!add_word(b, t, row, SERVICE_SERVICE, &b->c->connectors, &l.connector))
		return;
	e = entry_of(b, t, row, &b->own);
	if (e == NULL)
		return;
	l.entry = (uint32_t)(e - b->own.list);
	if (row->field[SERVICE_SOURCE].p != NULL)
		l.row.source = builder_copy(b, row->field[SERVICE_SOURCE]);
	(void)add_link(b, &b->own, &l);
}

static void own_row(struct builder *b, const struct tsv *t, const struct tsv_row *row)
{
	struct str name = row->field[SERVICE_SERVICE];
	struct service_row what = {.service = ID_NONE, .confidence = CONFIDENCE_VERIFIED};
	uint8_t ignored;

	if (row->field[SERVICE_CONFIDENCE].p != NULL &&
	    !confidence_of(b, t, row, SERVICE_CONFIDENCE, &ignored))
		return;
	if ((name.len > 7 && memcmp(name.p, "shared_", 7) == 0) ||
	    words_find(&b->c->connectors, name) != ID_NONE) {
		own_connector(b, t, row);
		return;
	}
	if (name.p != NULL) {
		warn_new(b, t, row, &b->c->services);
		if (!add_word(b, t, row, SERVICE_SERVICE, &b->c->services, &what.service))
			return;
	}
	add_service(b, t, row, &b->own, &what);
}

void read_own(struct builder *b, const struct tsv_text *text)
{
	static const char *const columns[] = {"pattern", "service", "?cloud",
					      "?role",   "?ports",  "?confidence",
					      "?source", "?date",   "?note"};
	struct tsv t;
	struct tsv_row row;

	if (!tsv_start(&t, text, columns, sizeof(columns) / sizeof(columns[0]), b->d))
		return;
	while (!b->out_of_memory && tsv_next(&t, &row))
		own_row(b, &t, &row);
	b->rows[FILE_OWN] = t.rows;
	b->date[FILE_OWN] = t.date;
}
