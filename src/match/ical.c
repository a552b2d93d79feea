/* SPDX-License-Identifier: Apache-2.0 */
#include "match/ical.h"

#include <errno.h>
#include <libical/ical.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define DAY_US INT64_C(86400000000)

/* What a finding says, and what to write instead. */
struct fault {
	const char *what, *remedy;
};

static const struct fault fault_line = {"line of over 8192 bytes", "a shorter one"};
static const struct fault fault_nul = {"a NUL byte: this is not a text file", NULL};
static const struct fault fault_calendar = {"not an iCalendar line",
					    "NAME:VALUE after BEGIN:VCALENDAR"};
static const struct fault fault_nesting = {
	"END without its BEGIN", "END:VEVENT after an event, END:VCALENDAR last"};
static const struct fault fault_open = {"file ends inside the calendar",
					"END:VEVENT and END:VCALENDAR"};
static const struct fault fault_after = {"line after END:VCALENDAR",
					 "one calendar a file"};
static const struct fault fault_no_start = {"event without a date",
					    "DTSTART;VALUE=DATE:20261225 in it"};
static const struct fault fault_day = {"not a whole day",
				       "a date such as DTSTART;VALUE=DATE:20261225"};
static const struct fault fault_no_day = {"no such day in the calendar",
					  "a date such as 20261225"};
static const struct fault fault_year = {"not within 1900 to 2100",
					"the year of the first time"};
static const struct fault fault_twice = {"given twice in one event", "one of them"};
static const struct fault fault_order = {"event that ends before it begins",
					 "a DTEND after its DTSTART"};
static const struct fault fault_long = {"event of over 100 days", "a shorter one"};
static const struct fault fault_duration = {"not a duration of whole days",
					    "DURATION:P1D, or DTEND"};
static const struct fault fault_yearly = {"rule that is not yearly",
					  "RRULE:FREQ=YEARLY.., or an event a date"};
static const struct fault fault_part = {
	"part of a rule that is not known here",
	"FREQ, INTERVAL, COUNT, UNTIL, WKST, BYMONTH, BYMONTHDAY, BYYEARDAY, BYDAY or "
	"BYSETPOS"};
static const struct fault fault_beside = {
	"parts of a rule that do not go together here",
	"BYMONTHDAY with BYMONTH, BYSETPOS with BYDAY, BYYEARDAY alone"};
static const struct fault fault_value = {"value that this part of a rule cannot have",
					 "RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO"};
static const struct fault fault_rule = {"rule that libical does not take",
					"RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO"};
static const struct fault fault_never = {
	"rule that never gives a day; no further rule of the file was tried",
	"an event a date"};
static const struct fault fault_rules = {"more than 1000 rules", "an event a date"};
static const struct fault fault_many = {"rules of more than 100000 days together",
					"rules that begin later, or end"};
static const struct fault fault_dates = {"more than 20000 dates", "a rule"};
static const struct fault fault_other = {"property that is not supported",
					 "an event a date, with DTSTART and DTEND"};

/* A logical line, or what one says, for messages. */
struct place {
	unsigned line; /* on which it begins */
	unsigned col, len;
};

struct event {
	struct place at; /* its BEGIN */
	bool has_start, has_end, has_duration, has_rule, cancelled, transparent, faulty;
	struct civil first;
	int64_t start, end, duration; /* days; the end is the day after the last */
	struct icalrecurrencetype rule;
	struct place rule_at;
	int32_t *extra; /* RDATE; malloc'd, kept for the next event */
	size_t extra_count, extra_room;
	bool excepts; /* `except` holds something */
	struct day_set except;
};

struct reader {
	const char *file;
	struct diag *d;
	struct str rest;
	unsigned next;   /* number of the last physical line that was read */
	struct place at; /* of the line at hand */
	bool folded;
	char line[ICAL_LINE_MAX];
	size_t len;

	bool in_calendar, done, in_event;
	unsigned skipped; /* depth of components that are skipped */
	struct event event;
	bool has_busy;
	struct day_set busy, free; /* of events that are opaque, and transparent */
	size_t rules, occurrences, dates;
	bool tired; /* no more rules are tried */
	bool faulty, broken, no_memory;
};

void day_set_add(struct day_set *s, int64_t first, int64_t count)
{
	for (int64_t day = first; day < first + count; day++)
		if (day >= 0 && day < DAYS_COUNT)
			s->bits[day / 64] |= (uint64_t)1 << (day % 64);
}

bool day_set_has(const struct day_set *s, int64_t day)
{
	return day >= 0 && day < DAYS_COUNT && (s->bits[day / 64] >> (day % 64) & 1) != 0;
}

struct str ical_next_line(struct str *rest)
{
	const char *end = memchr(rest->p, '\n', rest->len);
	struct str line = *rest;

	if (end == NULL) {
		*rest = (struct str){rest->p + rest->len, 0};
	} else {
		line.len = (size_t)(end - rest->p);
		*rest = (struct str){end + 1, rest->len - line.len - 1};
	}
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* ---- findings ---------------------------------------------------------------------------- */

static bool report(struct reader *r, const struct place *at, const struct fault *f)
{
	diag_error(r->d, ((struct span){r->file, at->line, at->col, at->len}), "%s",
		   f->what);
	if (f->remedy != NULL)
		diag_remedy(r->d, "%s", f->remedy);
	r->faulty = true;
	r->event.faulty = true;
	return false;
}

/* `part` of the line at hand; columns are those of the file unless it was folded. */
static bool report_part(struct reader *r, struct str part, const struct fault *f)
{
	struct place at = r->at;

	if (!r->folded) {
		at.col = (unsigned)(part.p - r->line) + 1;
		at.len = (unsigned)part.len;
	}
	return report(r, &at, f);
}

/* What follows would only be misread. */
static void stop(struct reader *r, const struct fault *f)
{
	(void)report(r, &r->at, f);
	r->broken = true;
}

/* ---- values ------------------------------------------------------------------------------ */

static bool read_digits(const char *s, size_t count, int *ret)
{
	uint64_t n;

	if (!parse_u64((struct str){s, count}, 9999, &n))
		return false;
	*ret = (int)n;
	return true;
}

/* "20261225", also as its first instant, "20261225T000000" of no zone or a named one. */
static bool read_date(struct reader *r, struct str v, struct civil *ret)
{
	struct civil c = {0};

	if ((v.len != 8 && v.len != 15) ||
	    (v.len == 15 && memcmp(v.p + 8, "T000000", 7) != 0) ||
	    !read_digits(v.p, 4, &c.year) || !read_digits(v.p + 4, 2, &c.month) ||
	    !read_digits(v.p + 6, 2, &c.day))
		return report_part(r, v, &fault_day);
	if (!civil_valid_date(c.year, c.month, c.day))
		return report_part(r, v, &fault_no_day);
	if (c.year < ICAL_FIRST_YEAR || c.year > DAYS_LAST_YEAR)
		return report_part(r, v, &fault_year);
	*ret = c;
	return true;
}

/* The part of *rest before the next `mark`, which is taken off with it. */
static struct str cut(struct str *rest, char mark)
{
	const char *end = memchr(rest->p, mark, rest->len);
	struct str part = *rest;

	if (end == NULL) {
		*rest = (struct str){rest->p + rest->len, 0};
	} else {
		part.len = (size_t)(end - rest->p);
		*rest = (struct str){end + 1, rest->len - part.len - 1};
	}
	return part;
}

static bool add_extra(struct reader *r, int64_t day)
{
	struct event *e = &r->event;

	if (e->extra_count == e->extra_room) {
		size_t room = e->extra_room == 0 ? 32 : e->extra_room * 2;
		int32_t *more = realloc(e->extra, room * sizeof(*more));

		if (more == NULL) {
			r->no_memory = true;
			return false;
		}
		e->extra = more;
		e->extra_room = room;
	}
	e->extra[e->extra_count++] = (int32_t)day;
	return true;
}

static bool read_dates(struct reader *r, struct str value, bool except)
{
	struct civil c;

	do {
		struct str one = cut(&value, ',');
		int64_t day;

		if (!read_date(r, one, &c))
			return false;
		if (r->dates++ == DATES_MAX)
			return report_part(r, one, &fault_dates);
		day = civil_days(c.year, c.month, c.day);
		if (except)
			day_set_add(&r->event.except, day, 1);
		else if (!add_extra(r, day))
			return false;
		r->event.excepts = r->event.excepts || except;
	} while (value.len > 0);
	return true;
}

/* ---- rules of recurrence ------------------------------------------------------------------ */

/* "-1MO", "25", "+3": at most three digits, and a day of the week if there may be one. */
static bool is_list_value(struct str v, bool weekday)
{
	size_t i = 0, digits = 0;

	if (v.len > 0 && (v.p[0] == '-' || v.p[0] == '+'))
		i++;
	for (; i < v.len && ascii_is_digit(v.p[i]); i++)
		digits++;
	if (digits > 3 || (digits == 0 && (i > 0 || !weekday)))
		return false;
	if (!weekday)
		return i == v.len;
	return v.len - i == 2 && ascii_is_alpha(v.p[i]) && ascii_is_alpha(v.p[i + 1]);
}

static bool is_list(struct str v, bool weekday)
{
	bool fine = v.len > 0 && v.p[v.len - 1] != ',';

	while (fine && v.len > 0)
		fine = is_list_value(cut(&v, ','), weekday);
	return fine;
}

/* "20301231", "20301231T235959", "20301231T225959Z" */
static bool is_until(struct str v)
{
	static const char shape[] = "00000000T000000Z";

	for (size_t i = 0; i < v.len; i++)
		if (i >= sizeof(shape) - 1 ||
		    (shape[i] == '0' ? !ascii_is_digit(v.p[i]) : v.p[i] != shape[i]))
			return false;
	return v.len == 8 || v.len == 15 || v.len == 16;
}

static bool part_is_sound(struct str name, struct str v)
{
	uint64_t n;

	if (str_equal_fold(name, STR("COUNT")))
		return parse_u64(v, ICAL_OCCURRENCE_MAX, &n) && n > 0;
	if (str_equal_fold(name, STR("INTERVAL")))
		return parse_u64(v, ICAL_INTERVAL_MAX, &n) && n > 0;
	if (str_equal_fold(name, STR("UNTIL")))
		return is_until(v);
	if (str_equal_fold(name, STR("WKST")))
		return v.len == 2 && is_list(v, true);
	return is_list(v, str_equal_fold(name, STR("BYDAY")));
}

/* The parts of a rule beside FREQ, as bits. */
static const char *const part_names[] = {"INTERVAL",  "COUNT",   "UNTIL",
					 "WKST",      "BYMONTH", "BYMONTHDAY",
					 "BYYEARDAY", "BYDAY",   "BYSETPOS"};
enum {
	PART_BYMONTH = 1 << 4,
	PART_BYMONTHDAY = 1 << 5,
	PART_BYYEARDAY = 1 << 6,
	PART_BYDAY = 1 << 7,
	PART_BYSETPOS = 1 << 8,
	PARTS = 9
};

static unsigned part_bit(struct str name)
{
	for (unsigned i = 0; i < PARTS; i++)
		if (str_equal_fold(name, str_of(part_names[i])))
			return 1u << i;
	return 0;
}

/*
 * Parts beside each other that libical 3.0.16 gets right, held against another program on
 * 2026-11-28.  BYMONTHDAY without BYMONTH becomes the month of DTSTART, BYYEARDAY limits and is
 * limited wrongly; BYWEEKNO is none of the parts, because it misplaces weeks 1 and 49 to 53 and
 * alone reads past the end of its memory.
 */
static bool parts_agree(unsigned seen)
{
	const unsigned days = PART_BYMONTH | PART_BYMONTHDAY | PART_BYDAY;

	if ((seen & PART_BYMONTHDAY) != 0 && (seen & PART_BYMONTH) == 0)
		return false;
	if ((seen & PART_BYYEARDAY) != 0 && (seen & (days | PART_BYSETPOS)) != 0)
		return false;
	return (seen & PART_BYSETPOS) == 0 || (seen & PART_BYDAY) != 0;
}

/* What libical would take although it says something else, or nothing about days. */
static bool check_rule(struct reader *r, struct str value)
{
	struct str rest = value;
	bool yearly = false;
	unsigned seen = 0;

	while (rest.len > 0) {
		struct str part = cut(&rest, ';'), v = part;
		struct str name = cut(&v, '=');

		seen |= part_bit(name);
		if (str_equal_fold(name, STR("FREQ"))) {
			yearly = str_equal_fold(v, STR("YEARLY"));
			if (!yearly)
				return report_part(r, part, &fault_yearly);
		} else if (part_bit(name) == 0) {
			return report_part(r, part, &fault_part);
		} else if (!part_is_sound(name, v)) {
			return report_part(r, part, &fault_value);
		}
	}
	if (!yearly)
		return report_part(r, value, &fault_yearly);
	return parts_agree(seen) || report_part(r, value, &fault_beside);
}

/* libical's own "null date" is one second before midnight. */
static struct icaltimetype date_of(int year, int month, int day)
{
	struct icaltimetype t = icaltime_null_time();

	t.year = year;
	t.month = month;
	t.day = day;
	t.is_date = 1;
	return t;
}

/* A rule without an end ends where the calendar does. */
static void limit_rule(struct icalrecurrencetype *rule)
{
	if (!icaltime_is_null_time(rule->until) && rule->until.year <= DAYS_LAST_YEAR)
		return;
	rule->until = date_of(DAYS_LAST_YEAR, 12, 31);
}

static bool read_rule(struct reader *r, struct str value)
{
	struct event *e = &r->event;
	char text[ICAL_LINE_MAX + 1];

	if (e->has_rule)
		return report_part(r, value, &fault_twice);
	if (!check_rule(r, value))
		return false;
	if (r->rules++ == ICAL_RULES_MAX)
		return report_part(r, value, &fault_rules);
	for (size_t i = 0; i < value.len; i++)
		text[i] = value.p[i] >= 'a' && value.p[i] <= 'z' ? (char)(value.p[i] - 32)
								 : value.p[i];
	text[value.len] = '\0';
	e->rule = icalrecurrencetype_from_string(text);
	if (e->rule.freq != ICAL_YEARLY_RECURRENCE)
		return report_part(r, value, &fault_rule);
	limit_rule(&e->rule);
	e->has_rule = true;
	e->rule_at = r->at;
	return true;
}

/* ---- events ------------------------------------------------------------------------------ */

/* The event once, beginning on `day`. */
static void add_occurrence(struct reader *r, struct day_set *to, int64_t day)
{
	if (!(r->event.excepts && day_set_has(&r->event.except, day)))
		day_set_add(to, day, r->event.duration);
}

/*
 * With INTERVAL at most 100 libical looks at no more than 400 years between two occurrences,
 * after which the Gregorian calendar is the same again; before the first one it looks at 20,000
 * years, which takes a third of a second, so that a rule without any is the last one tried.
 */
static void add_occurrences(struct reader *r, struct day_set *to)
{
	struct event *e = &r->event;
	struct icaltimetype t = date_of(e->first.year, e->first.month, e->first.day);
	icalrecur_iterator *it;

	it = icalrecur_iterator_new(e->rule, t);
	if (it == NULL) {
		r->tired = true;
		(void)report(r, &e->rule_at, &fault_never);
		return;
	}
	for (;;) {
		t = icalrecur_iterator_next(it);
		if (icaltime_is_null_time(t) || t.year > DAYS_LAST_YEAR)
			break;
		if (r->occurrences++ == ICAL_OCCURRENCE_MAX) {
			r->tired = true;
			(void)report(r, &e->rule_at, &fault_many);
			break;
		}
		add_occurrence(r, to, civil_days(t.year, t.month, t.day));
	}
	icalrecur_iterator_free(it);
}

static void event_done(struct reader *r)
{
	struct event *e = &r->event;
	struct day_set *to = e->transparent ? &r->free : &r->busy;

	if (e->faulty)
		return;
	if (!e->has_start) {
		(void)report(r, &r->at, &fault_no_start);
		return;
	}
	if (!e->has_duration)
		e->duration = e->has_end ? e->end - e->start : 1;
	if (e->duration < 1 || e->duration > ICAL_EVENT_DAYS) {
		(void)report(r, &r->at, e->duration < 1 ? &fault_order : &fault_long);
		return;
	}
	if (e->cancelled)
		return;
	r->has_busy = r->has_busy || !e->transparent;
	/* RFC 5545 3.8.5.3: DTSTART is the first of them, whatever the rule gives. */
	add_occurrence(r, to, e->start);
	for (size_t i = 0; i < e->extra_count; i++)
		add_occurrence(r, to, e->extra[i]);
	if (e->has_rule && !r->tired)
		add_occurrences(r, to);
}

static bool read_start(struct reader *r, struct str v)
{
	struct event *e = &r->event;

	if (e->has_start)
		return report_part(r, v, &fault_twice);
	e->has_start = true;
	if (!read_date(r, v, &e->first))
		return false;
	e->start = civil_days(e->first.year, e->first.month, e->first.day);
	return true;
}

static bool read_end(struct reader *r, struct str v)
{
	struct event *e = &r->event;
	struct civil c;

	if (e->has_end || e->has_duration)
		return report_part(r, v, &fault_twice);
	e->has_end = true;
	if (!read_date(r, v, &c))
		return false;
	e->end = civil_days(c.year, c.month, c.day);
	return true;
}

static bool read_duration(struct reader *r, struct str v)
{
	struct event *e = &r->event;
	struct icaldurationtype t;
	char text[16];
	int64_t seconds;

	if (e->has_end || e->has_duration)
		return report_part(r, v, &fault_twice);
	e->has_duration = true;
	/* libical's numbers run over; few digits do not. */
	if (v.len >= sizeof(text))
		return report_part(r, v, &fault_duration);
	memcpy(text, v.p, v.len);
	text[v.len] = '\0';
	for (size_t i = 0, digits = 0; i < v.len; i++) {
		digits = ascii_is_digit(v.p[i]) ? digits + 1 : 0;
		if (digits > 6)
			return report_part(r, v, &fault_duration);
	}
	t = icaldurationtype_from_string(text);
	if (icaldurationtype_is_bad_duration(t) || t.is_neg != 0)
		return report_part(r, v, &fault_duration);
	seconds = ((int64_t)t.hours * 60 + t.minutes) * 60 + t.seconds;
	e->duration = (int64_t)t.weeks * 7 + t.days + seconds / 86400;
	return (seconds % 86400 == 0 && e->duration > 0) ||
	       report_part(r, v, &fault_duration);
}

static bool read_extra(struct reader *r, struct str v)
{
	return read_dates(r, v, false);
}

static bool read_except(struct reader *r, struct str v)
{
	return read_dates(r, v, true);
}

static bool read_status(struct reader *r, struct str v)
{
	r->event.cancelled = str_equal_fold(v, STR("CANCELLED"));
	return true;
}

static bool read_transparency(struct reader *r, struct str v)
{
	r->event.transparent = str_equal_fold(v, STR("TRANSPARENT"));
	return true;
}

/* What would move, add or take away days, and is not understood, must not be lost. */
static bool refuse(struct reader *r, struct str v)
{
	return report_part(r, v, &fault_other);
}

static bool read_property(struct reader *r, struct str name, struct str value)
{
	static const struct {
		const char *name;
		bool (*read)(struct reader *r, struct str v);
	} properties[] = {
		{"DTSTART", read_start},     {"DTEND", read_end},
		{"DURATION", read_duration}, {"RRULE", read_rule},
		{"RDATE", read_extra},       {"EXDATE", read_except},
		{"STATUS", read_status},     {"TRANSP", read_transparency},
		{"EXRULE", refuse},          {"RECURRENCE-ID", refuse},
	};

	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		if (str_equal_fold(name, str_of(properties[i].name)))
			return properties[i].read(r, value);
	return true;
}

/* ---- components -------------------------------------------------------------------------- */

static void event_begin(struct reader *r)
{
	struct event *e = &r->event;

	if (e->excepts)
		memset(&e->except, 0, sizeof(e->except));
	e->excepts = false;
	e->has_start = e->has_end = e->has_duration = e->has_rule = false;
	e->cancelled = e->transparent = e->faulty = false;
	e->extra_count = 0;
	e->duration = 0;
	r->in_event = true;
}

static void component_begin(struct reader *r, struct str what)
{
	if (!r->in_calendar) {
		if (str_equal_fold(what, STR("VCALENDAR")))
			r->in_calendar = true;
		else
			stop(r, &fault_calendar);
	} else if (r->skipped > 0 || r->in_event ||
		   !str_equal_fold(what, STR("VEVENT"))) {
		r->skipped++;
	} else {
		event_begin(r);
	}
}

static void component_end(struct reader *r, struct str what)
{
	if (r->skipped > 0) {
		r->skipped--;
	} else if (r->in_event && str_equal_fold(what, STR("VEVENT"))) {
		r->in_event = false;
		event_done(r);
	} else if (!r->in_event && str_equal_fold(what, STR("VCALENDAR"))) {
		r->in_calendar = false;
		r->done = true;
	} else {
		stop(r, &fault_nesting);
	}
}

/* Where the value begins: after the first colon outside quotes.  0 = there is none. */
static size_t value_offset(struct str line)
{
	bool quoted = false;

	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] == '"')
			quoted = !quoted;
		else if (line.p[i] == ':' && !quoted)
			return i + 1;
	}
	return 0;
}

/* One unfolded line: name *(";" parameter) ":" value. */
static void read_line(struct reader *r)
{
	struct str line = {r->line, r->len};
	size_t offset = value_offset(line);
	struct str name, value;

	if (line.len == 0)
		return;
	if (r->done || offset < 2) {
		stop(r, r->done ? &fault_after : &fault_calendar);
		return;
	}
	value = str_trim((struct str){line.p + offset, line.len - offset});
	line.len = offset - 1;
	name = cut(&line, ';');
	if (str_equal_fold(name, STR("BEGIN")))
		component_begin(r, value);
	else if (str_equal_fold(name, STR("END")))
		component_end(r, value);
	else if (!r->in_calendar)
		stop(r, &fault_calendar);
	else if (r->in_event && r->skipped == 0)
		(void)read_property(r, name, value);
}

/* Append a physical line to the logical one. */
static bool gather(struct reader *r, struct str piece)
{
	if (piece.len > sizeof(r->line) - r->len) {
		stop(r, &fault_line);
		return false;
	}
	memcpy(r->line + r->len, piece.p, piece.len);
	r->len += piece.len;
	return true;
}

/* RFC 5545 3.1: a line that begins with a blank goes on with the one before. */
static bool next_logical(struct reader *r)
{
	r->at = (struct place){.line = ++r->next};
	r->len = 0;
	r->folded = false;
	if (!gather(r, ical_next_line(&r->rest)))
		return false;
	while (r->rest.len > 0 && (r->rest.p[0] == ' ' || r->rest.p[0] == '\t')) {
		struct str line = ical_next_line(&r->rest);

		r->next++;
		r->folded = true;
		if (!gather(r, (struct str){line.p + 1, line.len - 1}))
			return false;
	}
	if (memchr(r->line, '\0', r->len) == NULL)
		return true;
	stop(r, &fault_nul);
	return false;
}

static void read_all(struct reader *r)
{
	while (r->rest.len > 0 && !r->broken && !r->no_memory && next_logical(r))
		read_line(r);
	if (r->broken || r->done || r->no_memory)
		return;
	r->at = (struct place){.line = r->next};
	stop(r, &fault_open);
}

int ical_parse(struct str text, const char *file, struct diag *d, struct day_set *ret)
{
	struct reader *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	if (r == NULL)
		return rc;
	r->file = file;
	r->d = d;
	r->rest = text;
	/* Faults of rules are answers, not the end of the process. */
	icalerror_set_errors_are_fatal(0);
	read_all(r);
	if (!r->no_memory)
		rc = r->faulty ? -EINVAL : 0;
	if (rc == 0)
		*ret = r->has_busy ? r->busy : r->free;
	free(r->event.extra);
	free(r);
	return rc;
}
