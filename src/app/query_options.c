/* SPDX-License-Identifier: Apache-2.0 */
#include "app/query_options.h"

#include <stdlib.h>

#include "base/clock.h"

#define WORDS_MAX 128
#define DAY_US    ((int64_t)86400 * 1000000)

struct query_options *query_options_create(const char *command)
{
	struct query_options *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		(void)fprintf(stderr, "weir %s: out of memory\n", command);
		return NULL;
	}
	query_init(&o->query);
	o->command = command;
	o->trust.key_option = "--root-key";
	return o;
}

void query_options_destroy(struct query_options *o)
{
	if (o == NULL)
		return;
	zone_destroy(o->zone);
	for (size_t i = 0; i < o->word_count; i++)
		free(o->words[i]);
	free(o->words);
	free(o);
}

/* ---- values ---- */

static int no_field(const struct query_options *o, const char *name)
{
	const char *near = field_nearest(str_of(name));

	return near == NULL ? usage_error(o->command,
					  "there is no field '%s': "
					  "`weir query --fields list` prints all",
					  name)
			    : usage_error(o->command,
					  "there is no field '%s': did you mean '%s'?",
					  name, near);
}

/* "a,b,c", at most `max` with those that are there. */
static int read_fields(const struct query_options *o, char *text, struct field_ref *to,
		       size_t max, size_t *count)
{
	char *rest = text, *name;

	while ((name = strsep(&rest, ",")) != NULL) {
		if (*count == max)
			return usage_error(o->command, "more than %zu fields: '%s'", max,
					   name);
		if (!field_ref_find(name, &to[*count]))
			return no_field(o, name);
		(*count)++;
	}
	return EXIT_FINE;
}

static int read_number(const struct query_options *o, const char *option,
		       const char *text, uint64_t *ret)
{
	return parse_u64(str_of(text), UINT32_MAX, ret)
		       ? EXIT_FINE
		       : usage_error(o->command, "--%s %s: write a number such as 25",
				     option, text);
}

static int read_bucket(struct query_options *o, const char *text)
{
	const char *why;
	int64_t us;

	if (!parse_duration(str_of(text), &us, &why))
		return usage_error(o->command, "--bucket %s %s", text, why);
	if (us < 1000000 || us > 7 * DAY_US)
		return usage_error(o->command, "--bucket %s: write 1s to 7d", text);
	o->query.bucket_us = us;
	return EXIT_FINE;
}

static int read_zone(struct query_options *o, const char *name)
{
	zone_destroy(o->zone);
	o->zone = NULL;
	if (zone_load(NULL, name, &o->zone) != 0)
		return usage_error(o->command,
				   "--tz %s: no time zone such as Europe/Berlin", name);
	return EXIT_FINE;
}

static int read_sums(struct query_options *o, char *text)
{
	struct query *q = &o->query;
	const size_t from = q->sum_count;
	const int code = read_fields(o, text, q->sums, QUERY_SUMMED_MAX, &q->sum_count);

	for (size_t i = from; code == EXIT_FINE && i < q->sum_count; i++)
		if (q->sums[i].kind != LINE_NUMBER)
			return usage_error(o->command, "--sum %s: it is no number",
					   q->sums[i].name);
	return code;
}

static int read_filter(struct query_options *o, const char *name, const char *value)
{
	struct field_ref f;
	const char *wrong;

	if (!field_ref_find(name, &f))
		return no_field(o, name);
	wrong = query_filter(&o->query, &f, str_of(value));
	return wrong == NULL
		       ? EXIT_FINE
		       : usage_error(o->command, "--%s: '%s' %s", name, value, wrong);
}

/* ---- options ---- */

enum option {
	OPT_CONFIG = 0,
	OPT_LEDGER,
	OPT_INDEX,
	OPT_ROOT_KEY,
	OPT_ANCHORS,
	OPT_SAVED,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_GROUP_BY,
	OPT_SUM,
	OPT_BUCKET,
	OPT_FIELDS,
	OPT_ORDER,
	OPT_TOP,
	OPT_LIMIT,
	OPT_SAMPLE,
	OPT_SEED,
	OPT_TZ,
	OPT_WITH_VALUE, /* those above have one */
	OPT_WOULD_DENY = OPT_WITH_VALUE,
	OPT_PROVE,
	OPT_FOLLOW,
	OPT_EXPLAIN,
	OPT_JSON,
	OPT_CSV,
	OPT_COUNT
};

static const char *const options[OPT_COUNT] = {
	"config",     "ledger", "index",    "root-key", "anchors", "saved",
	"since",      "until",  "group-by", "sum",      "bucket",  "fields",
	"order",      "top",    "limit",    "sample",   "seed",    "tz",
	"would-deny", "prove",  "follow",   "explain",  "json",    "csv",
};

static int take_flag(struct query_options *o, unsigned option)
{
	o->query.would_deny = o->query.would_deny || option == OPT_WOULD_DENY;
	o->query.prove = o->query.prove || option == OPT_PROVE;
	o->follow = o->follow || option == OPT_FOLLOW;
	o->explain = o->explain || option == OPT_EXPLAIN;
	if (option == OPT_JSON)
		o->form = OUT_JSON;
	if (option == OPT_CSV)
		o->form = OUT_CSV;
	return EXIT_FINE;
}

static int take_text(struct query_options *o, unsigned option, const char *value)
{
	const char **to = option == OPT_CONFIG     ? &o->common.config
			  : option == OPT_LEDGER   ? &o->ledger
			  : option == OPT_INDEX    ? &o->index
			  : option == OPT_ROOT_KEY ? &o->trust.key
			  : option == OPT_ANCHORS  ? &o->trust.anchors
			  : option == OPT_SAVED    ? &o->saved
			  : option == OPT_SINCE    ? &o->since
			  : option == OPT_UNTIL    ? &o->until
						   : &o->order;

	o->descending = option == OPT_ORDER ? value[0] == '-' : o->descending;
	*to = value + (option == OPT_ORDER && value[0] == '-');
	return EXIT_FINE;
}

static int take_value(struct query_options *o, unsigned option, char *value)
{
	struct query *q = &o->query;

	switch (option) {
	case OPT_GROUP_BY:
		return read_fields(o, value, q->groups, QUERY_GROUPED_MAX,
				   &q->group_count);
	case OPT_SUM:
		return read_sums(o, value);
	case OPT_BUCKET:
		return read_bucket(o, value);
	case OPT_FIELDS:
		if (strcmp(value, "list") == 0) {
			o->help = true;
			return EXIT_FINE;
		}
		return read_fields(o, value, o->fields, OUT_FIELDS_MAX, &o->field_count);
	case OPT_TOP:
		o->has_top = true;
		return read_number(o, "top", value, &o->top);
	case OPT_LIMIT:
		o->has_limit = true;
		return read_number(o, "limit", value, &q->limit);
	case OPT_SAMPLE:
		return read_number(o, "sample", value, &q->sample);
	case OPT_SEED:
		return read_number(o, "seed", value, &q->seed);
	case OPT_TZ:
		return read_zone(o, value);
	default:
		return take_text(o, option, value);
	}
}

/* One option or filter; *used: how many words it took. */
static int take(struct query_options *o, char *word, char *next, size_t *used)
{
	char *value = strchr(word, '=');
	unsigned option = 0;

	*used = 1;
	if (strcmp(word, "-c") != 0 && (strncmp(word, "--", 2) != 0 || word[2] == '\0'))
		return usage_error(o->command, "'%s' is no option: write --FIELD VALUE",
				   word);
	if (value != NULL)
		*value++ = '\0';
	option = OPT_CONFIG;
	if (strcmp(word, "-c") != 0) {
		word += 2;
		while (option < OPT_COUNT && strcmp(options[option], word) != 0)
			option++;
	}
	if (option >= OPT_WITH_VALUE && option < OPT_COUNT)
		return value == NULL ? take_flag(o, option)
				     : usage_error(o->command, "--%s has no value", word);
	if (value == NULL) {
		*used = 2;
		value = next;
	}
	if (value == NULL)
		return usage_error(o->command, "--%s: its value is missing", word);
	return option < OPT_COUNT ? take_value(o, option, value)
				  : read_filter(o, word, value);
}

/* A copy that lives as long as the options: they point into it, and it is cut in pieces. */
static char *keep_word(struct query_options *o, const char *word)
{
	char **more = realloc(o->words, (o->word_count + 1) * sizeof(*more));
	char *copy = more == NULL ? NULL : strdup(word);

	if (more != NULL)
		o->words = more;
	if (copy != NULL)
		o->words[o->word_count++] = copy;
	return copy;
}

int query_options_read(struct query_options *o, size_t count, char *const *words)
{
	size_t used = 1;
	int code = EXIT_FINE;

	for (size_t i = 0; code == EXIT_FINE && i < count; i += used) {
		char *one = keep_word(o, words[i]);
		char *next = i + 1 < count ? keep_word(o, words[i + 1]) : NULL;

		if (one == NULL || (next == NULL && i + 1 < count)) {
			(void)fprintf(stderr, "weir %s: out of memory\n", o->command);
			return EXIT_COULD_NOT;
		}
		code = take(o, one, next, &used);
	}
	return code;
}

int query_options_read_text(struct query_options *o, const char *text)
{
	char *words[WORDS_MAX], *rest = keep_word(o, text), *one;
	size_t n = 0;

	while (rest != NULL && n < WORDS_MAX && (one = strsep(&rest, " ")) != NULL)
		words[n++] = one;
	return query_options_read(o, n, words);
}

/* ---- times ---- */

/* A date is its first moment in the zone. */
static bool parse_date(const struct zone *z, struct str s, int64_t *ret)
{
	struct civil c = {0};
	uint64_t y, m, d;

	if (s.len != 10 || s.p[4] != '-' || s.p[7] != '-' ||
	    !parse_u64((struct str){s.p, 4}, 9999, &y) ||
	    !parse_u64((struct str){s.p + 5, 2}, 12, &m) ||
	    !parse_u64((struct str){s.p + 8, 2}, 31, &d) ||
	    !civil_valid_date((int)y, (int)m, (int)d))
		return false;
	c.year = (int)y;
	c.month = (int)m;
	c.day = (int)d;
	*ret = z == NULL ? civil_to_us(&c) : zone_instant(z, &c);
	return true;
}

static int settle_time(const struct query_options *o, const char *option,
		       const char *text, int64_t newest_us, int64_t *ret)
{
	const struct str s = str_of(text);
	const char *why;
	int64_t ago;

	if (parse_date(o->zone, s, ret) || clock_parse_rfc3339(s.p, s.len, ret))
		return EXIT_FINE;
	if (!parse_duration(s, &ago, &why))
		return usage_error(o->command,
				   "--%s %s: write 2026-11-22, 2026-11-22T02:11:16Z, or "
				   "24h or 7d before the newest event",
				   option, text);
	*ret = newest_us < INT64_MIN + ago ? INT64_MIN : newest_us - ago;
	return EXIT_FINE;
}

static int settle_order(struct query_options *o)
{
	struct query *q = &o->query;

	if (o->order == NULL || q->group_count > 0 || q->bucket_us > 0)
		return EXIT_FINE;
	q->descending = o->descending;
	return field_ref_find(o->order, &q->order) ? EXIT_FINE : no_field(o, o->order);
}

int query_options_settle(struct query_options *o, int64_t newest_us)
{
	struct query *q = &o->query;
	int code = EXIT_FINE;

	if (o->since != NULL)
		code = settle_time(o, "since", o->since, newest_us, &q->since_us);
	if (code == EXIT_FINE && o->until != NULL)
		code = settle_time(o, "until", o->until, newest_us, &q->until_us);
	if (code == EXIT_FINE && q->since_us >= q->until_us)
		code = usage_error(o->command, "--since must be before --until");
	if (code == EXIT_FINE)
		code = settle_order(o);
	if (!o->has_limit && o->form == OUT_TABLE)
		q->limit = LIMIT_OF_TABLES;
	if (!o->has_top && o->form == OUT_TABLE)
		o->top = TOP_OF_TABLES;
	q->zone = o->zone;
	return code;
}
