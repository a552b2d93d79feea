/* SPDX-License-Identifier: Apache-2.0 */
#include "app/report_ask.h"

#include <inttypes.h>
#include <stdlib.h>

#include "report/chart.h"

#define WORDS_BYTES_MAX 1024

/* ---- the command that it is ---- */

static bool is_plain(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alpha(word[i]) && !ascii_is_digit(word[i]) &&
		    strchr("_./:,=@%+-", word[i]) == NULL)
			return false;
	return len > 0;
}

/* A word for a POSIX shell. */
static void put_word(FILE *out, const char *word, size_t len)
{
	if (is_plain(word, len)) {
		(void)fprintf(out, " %.*s", (int)len, word);
		return;
	}
	(void)fputs(" '", out);
	for (size_t i = 0; i < len; i++)
		if (word[i] == '\'')
			(void)fputs("'\\''", out);
		else
			(void)fputc(word[i], out);
	(void)fputc('\'', out);
}

/* NULL: out of memory. */
static char *command_of(const struct report *r, const char *words)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	(void)fputs("weir query --ledger", out);
	put_word(out, r->ledger, strlen(r->ledger));
	if (r->index != NULL) {
		(void)fputs(" --index", out);
		put_word(out, r->index, strlen(r->index));
	}
	for (const char *at = words; *at != '\0';) {
		const size_t n = strcspn(at, " ");

		put_word(out, at, n);
		at += n;
		at += strspn(at, " ");
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static bool note_asked(struct report *r, char *command, const struct answered *a)
{
	struct report_asked *more =
		realloc(r->asked, (r->asked_count + 1) * sizeof(*more));
	struct report_asked *one;

	if (more != NULL)
		r->asked = more;
	if (more == NULL || command == NULL) {
		free(command);
		return false;
	}
	one = &more[r->asked_count++];
	*one = (struct report_asked){.command = command, .events = a->result.matched};
	one->has_sum = a->o->query.sum_count == 1;
	for (size_t i = 0; one->has_sum && i < sums_count(a->result.groups); i++)
		if (__builtin_add_overflow(
			    one->sum, sums_at(a->result.groups, i).values[0], &one->sum))
			one->sum = INT64_MAX;
	return true;
}

void report_queries(struct report *r)
{
	for (size_t i = 0; i < r->asked_count; i++) {
		const struct report_asked *q = &r->asked[i];

		page_query(r->out, str_of(q->command), q->events,
			   q->has_sum ? &q->sum : NULL);
		free(q->command);
	}
	free(r->asked);
	r->asked = NULL;
	r->asked_count = 0;
}

/* ---- asking ---- */

/* The words with the times of the report; false: they do not fit. */
static bool add_times(const struct report *r, const char *words, bool whole,
		      char to[WORDS_BYTES_MAX])
{
	char since[RFC3339_LEN + 1], until[RFC3339_LEN + 1];
	const bool has_since = !whole && r->since_us != INT64_MIN;
	int n;

	clock_format_rfc3339(has_since ? r->since_us : 0, since);
	clock_format_rfc3339(r->until_us, until);
	n = snprintf(to, WORDS_BYTES_MAX, "%s%s%s --until %s%s%s", words,
		     has_since ? " --since " : "", has_since ? since : "", until,
		     r->zone_name == NULL ? "" : " --tz ",
		     r->zone_name == NULL ? "" : r->zone_name);
	return n > 0 && n < WORDS_BYTES_MAX;
}

static void note_result(struct report *r, const struct query_result *q)
{
	r->over = r->over || q->over;
	r->gone += q->lines_gone;
	if (r->prove)
		r->read_again += q->lines_read;
	r->changed += q->changed;
}

bool report_ask(struct report *r, const char *words, bool whole, struct answered *ret)
{
	char text[WORDS_BYTES_MAX];
	struct answered a = {.o = query_options_create("report")};
	bool fine = a.o != NULL && add_times(r, words, whole, text) &&
		    query_options_read_text(a.o, text) == EXIT_FINE &&
		    query_options_settle(a.o, r->until_us) == EXIT_FINE;

	if (fine) {
		a.o->query.prove = r->prove;
		fine = query_run(r->store, &a.o->query, r->d, &a.result) == 0;
	}
	if (!fine) {
		r->failed = true;
		query_options_destroy(a.o);
		return false;
	}
	note_result(r, &a.result);
	if (!note_asked(r, command_of(r, text), &a)) {
		r->failed = true;
		answer_finish(&a);
		return false;
	}
	*ret = a;
	return true;
}

void answer_finish(struct answered *a)
{
	query_result_finish(&a->result);
	query_options_destroy(a->o);
}

static struct str moment_text(const struct report *r, int64_t us,
			      char buf[ANSWER_TEXT_MAX])
{
	const struct civil t = zone_local(r->zone, us);
	const int n = snprintf(buf, ANSWER_TEXT_MAX, "%04d-%02d-%02d %02d:%02d:%02d",
			       t.year, t.month, t.day, t.hour, t.minute, t.second);

	return (struct str){buf, n < 0 ? 0 : (size_t)n};
}

struct str answer_key(const struct report *r, const struct answered *a,
		      const struct sums_row *row, size_t key, char buf[ANSWER_TEXT_MAX])
{
	const int64_t v = row->key[key];
	enum line_kind kind;

	if (v == QUERY_ABSENT)
		return STR_NONE;
	kind = key == 0 ? LINE_TIME : a->o->query.groups[key - 1].kind;
	if (kind == LINE_TIME)
		return moment_text(r, v, buf);
	if (kind_is_number(kind))
		return value_format(kind, v, buf);
	return strings_text(a->result.texts, (uint32_t)v);
}

uint64_t report_last_sum(const struct report *r)
{
	const int64_t sum = r->asked_count == 0 ? 0 : r->asked[r->asked_count - 1].sum;

	return sum < 0 ? 0 : (uint64_t)sum;
}

static uint64_t number_of(struct report *r, const char *words, bool whole, bool summed)
{
	struct answered a;
	uint64_t n = 0;

	if (!report_ask(r, words, whole, &a))
		return 0;
	answer_finish(&a);
	n = summed ? report_last_sum(r) : r->asked[r->asked_count - 1].events;
	return n;
}

uint64_t report_events(struct report *r, const char *words)
{
	return number_of(r, words, false, false);
}

uint64_t report_events_whole(struct report *r, const char *words)
{
	return number_of(r, words, true, false);
}

uint64_t report_sum(struct report *r, const char *words)
{
	return number_of(r, words, false, true);
}

uint64_t report_sum_whole(struct report *r, const char *words)
{
	return number_of(r, words, true, true);
}
