/* SPDX-License-Identifier: Apache-2.0 */
#include "app/query_show.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- lines ---- */

static const char *const usual[] = {
	"time",          "type",   "site", "principal", "host", "service", "verdict",
	"would_verdict", "effect", "rule", "signal",    "what", "who"};

struct shown {
	struct field_ref fields[OUT_COLUMNS_MAX];
	int extras[OUT_COLUMNS_MAX];
	struct out_column columns[OUT_COLUMNS_MAX];
	size_t count, all; /* fields; columns, with those of the proof */
};

static void choose_fields(const struct query_options *o, struct record_line *lines,
			  struct shown *s)
{
	const bool given = o->field_count > 0;

	s->count = given ? o->field_count : sizeof(usual) / sizeof(usual[0]);
	for (size_t i = 0; i < s->count; i++) {
		if (given)
			s->fields[i] = o->fields[i];
		else
			(void)field_ref_find(usual[i], &s->fields[i]);
		s->extras[i] =
			s->fields[i].at < 0 ? line_want(lines, s->fields[i].name) : -1;
		s->columns[i] =
			(struct out_column){s->fields[i].name, s->fields[i].kind, !given};
	}
	s->all = s->count;
	if (o->query.seals != NULL) {
		s->columns[s->all++] =
			(struct out_column){"proven_seal", LINE_NUMBER, false};
		s->columns[s->all++] =
			(struct out_column){"proven_epoch", LINE_NUMBER, false};
	}
}

static struct value number(int64_t v)
{
	return (struct value){.set = true, .number = v};
}

/* The seal that proves it; NULL = none does, or nothing was proven. */
static const struct query_seal *seal_of(const struct query_options *o,
					const struct query_line *l)
{
	return o->query.seals == NULL || l->seal == 0
		       ? NULL
		       : &o->query.seals->list[l->seal - 1];
}

/* As it stands in the ledger, and behind its last field what proves it. */
static void print_line(struct str text, const struct query_seal *seal)
{
	const bool more = seal != NULL && text.len > 1 && text.p[text.len - 1] == '}';

	(void)printf("%.*s", (int)(text.len - more), text.p);
	if (more)
		(void)printf(",\"proven_seal\":%" PRIu64 ",\"proven_epoch\":%" PRIu64 "}",
			     seal->seq, seal->epoch);
	(void)putchar('\n');
}

struct showing {
	struct ledger_reader *reader;
	struct record_line *lines;
	struct diag *d;
	struct out *out;
	struct shown shown;
};

/* One line; false: out of memory. */
static bool show_line(struct showing *x, const struct query_options *o,
		      const struct query_line *found)
{
	const struct query_seal *seal = seal_of(o, found);
	const struct line_place *at = &found->place;
	struct value cells[OUT_COLUMNS_MAX] = {0};
	struct ledger_line line;

	if (!store_read_line(x->reader, at, &line)) {
		(void)fprintf(stderr,
			      "weir query: a line of segment %u is not there any more\n",
			      at->segment);
		return true;
	}
	if (o->form == OUT_JSON && o->field_count == 0) { /* as it stands */
		print_line(line.text, seal);
		return true;
	}
	if (record_line_read(&line, x->d, x->lines) == LINE_UNSOUND)
		return true;
	for (size_t i = 0; i < x->shown.count; i++)
		cells[i] =
			x->shown.fields[i].at >= 0
				? value_of(x->lines, (unsigned)x->shown.fields[i].at)
			: x->shown.extras[i] >= 0
				? value_of_extra(x->lines, (unsigned)x->shown.extras[i])
				: (struct value){0};
	if (seal != NULL) {
		cells[x->shown.count] = number((int64_t)seal->seq);
		cells[x->shown.count + 1] = number((int64_t)seal->epoch);
	}
	return out_row(x->out, cells);
}

bool query_show_lines(struct store *s, const struct query_options *o,
		      const struct query_result *r, bool streams)
{
	struct showing *x = calloc(1, sizeof(*x));
	bool fine = x != NULL;

	if (fine) {
		x->d = diag_create();
		x->lines = line_for_store();
		x->out = out_create(o->form, o->zone);
		fine = x->d != NULL && x->lines != NULL && x->out != NULL;
	}
	if (fine) {
		x->reader = ledger_reader_open(store_ledger(s), x->d);
		choose_fields(o, x->lines, &x->shown);
		if (streams)
			out_go_on(x->out);
		if (o->form != OUT_JSON || o->field_count > 0)
			out_begin(x->out, x->shown.columns, x->shown.all);
		for (size_t i = 0; x->reader != NULL && fine && i < r->line_count; i++)
			fine = show_line(x, o, &r->lines[i]);
		out_end(x->out, streams);
		if (diag_count(x->d, DIAG_ERROR) > 0)
			diag_print(x->d, stderr, false);
	}
	if (!fine)
		(void)fprintf(stderr, "weir query: out of memory\n");
	if (x != NULL) {
		ledger_reader_close(x->reader);
		free(x->lines);
		out_destroy(x->out);
		diag_destroy(x->d);
	}
	free(x);
	return fine;
}

/* ---- groups ---- */

struct order {
	const struct query_options *o;
	const struct query_result *r;
	int by; /* a key's place; -1 events, -2 first, -3 last, -10-i value i */
};

static int compare_i64(int64_t a, int64_t b)
{
	return a == b ? 0 : a < b ? -1 : 1;
}

static int compare_texts(struct str a, struct str b)
{
	const size_t n = a.len < b.len ? a.len : b.len;
	const int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return c != 0 ? c : compare_i64((int64_t)a.len, (int64_t)b.len);
}

static bool key_is_number(const struct query_options *o, size_t k)
{
	return k == 0 || kind_is_number(o->query.groups[k - 1].kind);
}

static int compare_keys(const struct order *by, size_t k, const struct sums_row *a,
			const struct sums_row *b)
{
	if (a->key[k] == b->key[k])
		return 0;
	if (a->key[k] == QUERY_ABSENT || b->key[k] == QUERY_ABSENT)
		return a->key[k] == QUERY_ABSENT ? -1 : 1;
	if (key_is_number(by->o, k))
		return compare_i64(a->key[k], b->key[k]);
	return compare_texts(strings_text(by->r->texts, (uint32_t)a->key[k]),
			     strings_text(by->r->texts, (uint32_t)b->key[k]));
}

/* By what was asked, else by bucket, else by connections and events; then by all keys. */
static int compare_groups(const void *pa, const void *pb, void *arg)
{
	const struct order *by = arg;
	const struct sums_row a = sums_at(by->r->groups, *(const size_t *)pa),
			      b = sums_at(by->r->groups, *(const size_t *)pb);
	const size_t connections = by->o->query.sum_count;
	int c = 0;

	if (by->o->order == NULL && by->by == -1)
		c = compare_i64(a.values[connections], b.values[connections]);
	if (c != 0)
		return -c;
	if (by->by >= 0)
		c = compare_keys(by, (size_t)by->by, &a, &b);
	else if (by->by == -1)
		c = compare_i64((int64_t)a.count, (int64_t)b.count);
	else if (by->by == -2)
		c = compare_i64(a.first_us, b.first_us);
	else if (by->by == -3)
		c = compare_i64(a.last_us, b.last_us);
	else
		c = compare_i64(a.values[-10 - by->by], b.values[-10 - by->by]);
	if (by->o->order == NULL ? by->by == -1 : by->o->descending)
		c = -c;
	for (size_t k = 0; c == 0 && k <= by->o->query.group_count; k++)
		c = compare_keys(by, k, &a, &b);
	return c;
}

static bool find_order(const struct query_options *o, int *ret)
{
	static const char *const words[] = {"events", "first", "last"};
	const struct query *q = &o->query;

	*ret = q->bucket_us > 0 ? 0 : -1;
	if (o->order == NULL)
		return true;
	for (size_t i = 0; i < q->group_count; i++)
		if (strcmp(q->groups[i].name, o->order) == 0) {
			*ret = (int)i + 1;
			return true;
		}
	for (size_t i = 0; i < q->sum_count; i++)
		if (strcmp(q->sums[i].name, o->order) == 0) {
			*ret = -10 - (int)i;
			return true;
		}
	for (int i = 0; i < 3; i++)
		if (strcmp(words[i], o->order) == 0) {
			*ret = -1 - i;
			return true;
		}
	if (strcmp(o->order, "connections") == 0) {
		*ret = -10 - (int)q->sum_count;
		return true;
	}
	if (strcmp(o->order, "time") == 0)
		*ret = 0;
	return strcmp(o->order, "time") == 0;
}

static size_t group_columns(const struct query_options *o, struct out_column *to)
{
	const struct query *q = &o->query;
	size_t n = 0;

	if (q->bucket_us > 0)
		to[n++] = (struct out_column){"time", LINE_TIME, false};
	for (size_t i = 0; i < q->group_count; i++)
		to[n++] = (struct out_column){q->groups[i].name, q->groups[i].kind, true};
	to[n++] = (struct out_column){"events", LINE_NUMBER, false};
	to[n++] = (struct out_column){"connections", LINE_NUMBER, true};
	for (size_t i = 0; i < q->sum_count; i++)
		to[n++] = (struct out_column){q->sums[i].name, LINE_NUMBER, false};
	to[n++] = (struct out_column){"first", LINE_TIME, false};
	to[n++] = (struct out_column){"last", LINE_TIME, false};
	return n;
}

static bool show_group(struct out *out, const struct query_options *o,
		       const struct query_result *r, const struct sums_row *row)
{
	const struct query *q = &o->query;
	struct value cells[OUT_COLUMNS_MAX];
	size_t n = 0;

	if (q->bucket_us > 0)
		cells[n++] = number(row->key[0]);
	for (size_t i = 0; i < q->group_count; i++, n++) {
		cells[n] = number(row->key[i + 1]);
		cells[n].set = row->key[i + 1] != QUERY_ABSENT;
		if (cells[n].set && !kind_is_number(q->groups[i].kind))
			cells[n].text = strings_text(r->texts, (uint32_t)row->key[i + 1]);
	}
	cells[n++] = number((int64_t)row->count);
	cells[n] =
		number(row->values[q->sum_count]); /* a table leaves out what is none */
	cells[n].set = o->form != OUT_TABLE || cells[n].number != 0;
	n++;
	for (size_t i = 0; i < q->sum_count; i++)
		cells[n++] = number(row->values[i]);
	cells[n++] = number(row->first_us);
	cells[n++] = number(row->last_us);
	return out_row(out, cells);
}

bool query_show_groups(const struct query_options *o, const struct query_result *r)
{
	const size_t count = sums_count(r->groups);
	size_t *at = calloc(count + 1, sizeof(*at)), shown;
	struct out_column columns[OUT_COLUMNS_MAX];
	struct out *out = out_create(o->form, o->zone);
	struct order by = {o, r, -1};
	bool fine = at != NULL && out != NULL;

	if (!find_order(o, &by.by)) {
		(void)usage_error(
			"query",
			"--order %s: write events, connections, first, last, or a "
			"field of --group-by or --sum",
			o->order);
		free(at);
		out_destroy(out);
		return false;
	}
	for (size_t i = 0; fine && i < count; i++)
		at[i] = i;
	if (fine)
		qsort_r(at, count, sizeof(*at), compare_groups, &by);
	shown = o->top != 0 && count > o->top ? o->top : count;
	if (fine)
		out_begin(out, columns, group_columns(o, columns));
	for (size_t i = 0; fine && i < shown; i++) {
		const struct sums_row row = sums_at(r->groups, at[i]);

		fine = show_group(out, o, r, &row);
	}
	if (fine)
		out_end(out, false);
	else
		(void)fprintf(stderr, "weir query: out of memory\n");
	out_destroy(out);
	free(at);
	return fine;
}

/* ---- around it ---- */

static void print_moment(const struct zone *z, int64_t us)
{
	const struct civil t = zone_local(z, us);

	(void)printf("%04d-%02d-%02d %02d:%02d:%02d", t.year, t.month, t.day, t.hour,
		     t.minute, t.second);
}

void query_show_head(struct store *s, const struct query_options *o)
{
	const struct store_totals t = store_totals(s);
	const struct query *q = &o->query;

	(void)printf("# %s: %" PRIu64 " events", store_ledger(s), t.events);
	if (t.events > 0) {
		(void)printf(" from ");
		print_moment(o->zone, t.first_us);
		(void)printf(" to ");
		print_moment(o->zone, t.last_us);
	}
	(void)printf("; times in %s\n", o->zone == NULL ? "UTC" : zone_name(o->zone));
	if (t.bad > 0)
		(void)printf("# %" PRIu64 " lines are no events and are not in the "
			     "answer\n",
			     t.bad);
	if (q->since_us == INT64_MIN && q->until_us == INT64_MAX)
		return;
	(void)printf("#");
	if (q->since_us != INT64_MIN) {
		(void)printf(" since ");
		print_moment(o->zone, q->since_us);
	}
	if (q->until_us != INT64_MAX) {
		(void)printf(" until ");
		print_moment(o->zone, q->until_us);
	}
	(void)printf("; what is given as an age counts back from the newest event\n");
}

static void tell_seals(const struct query_options *o, const struct query_result *r)
{
	const struct query_seal *list =
		o->query.seals == NULL ? NULL : o->query.seals->list;

	(void)fprintf(stderr,
		      "weir query: %" PRIu64 " of them are proven by the seals, %" PRIu64
		      " stand behind the last one and are unsealed\n",
		      r->sealed, r->unsealed);
	if (r->doubtful > 0)
		(void)fprintf(stderr,
			      "weir query: %" PRIu64 " are not proven: before their "
			      "seals something is not what was sealed (`weir verify`); "
			      "the first is line %u of segment %u\n",
			      r->doubtful, r->first_doubtful.line,
			      r->first_doubtful.segment);
	if (list != NULL && r->first_seal > 0)
		(void)fprintf(stderr,
			      "weir query: by seals %" PRIu64 " (epoch %" PRIu64
			      ") to %" PRIu64 " (epoch %" PRIu64
			      "), numbered as their lines\n",
			      list[r->first_seal - 1].seq, list[r->first_seal - 1].epoch,
			      list[r->last_seal - 1].seq, list[r->last_seal - 1].epoch);
}

static void tell_proof(const struct query_options *o, const struct query_result *r)
{
	(void)fprintf(stderr,
		      "weir query: %" PRIu64 " lines read again from the ledger, %" PRIu64
		      " are what was indexed\n",
		      r->lines_read, r->proved);
	tell_seals(o, r);
	if (r->changed > 0)
		(void)fprintf(stderr,
			      "weir query: %" PRIu64 " are not: the first is line %u of "
			      "segment %u\n",
			      r->changed, r->first_changed.line,
			      r->first_changed.segment);
}

void query_show_tail(const struct query_options *o, const struct query_result *r,
		     bool groups)
{
	const size_t count = groups ? sums_count(r->groups) : r->line_count;

	if (o->form == OUT_TABLE && r->matched == 0)
		(void)printf("no event fits\n");
	else if (o->form == OUT_TABLE && groups && o->top != 0 && count > o->top)
		(void)printf("# %" PRIu64 " events in %zu groups, the first %" PRIu64
			     " shown; --top 0 shows all\n",
			     r->matched, count, o->top);
	else if (o->form == OUT_TABLE && groups)
		(void)printf("# %" PRIu64 " events in %zu groups\n", r->matched, count);
	else if (o->form == OUT_TABLE && r->stopped)
		(void)printf("# the last %zu events; older ones were not counted, "
			     "--limit 0 shows all\n",
			     count);
	else if (o->form == OUT_TABLE && r->line_count < r->matched)
		(void)printf("# %zu of %" PRIu64 " events%s\n", count, r->matched,
			     o->query.sample != 0 ? ", a sample"
						  : "; --limit 0 shows all");
	else if (o->form == OUT_TABLE)
		(void)printf("# %" PRIu64 " events\n", r->matched);
	if (r->over)
		(void)fprintf(stderr,
			      "weir query: more than %u groups or %u lines: the "
			      "answer is not whole; narrow it\n",
			      QUERY_GROUPS_MAX, QUERY_MATCHES_MAX);
	if (r->lines_gone > 0)
		(void)fprintf(stderr,
			      "weir query: %" PRIu64 " lines are not in the ledger any "
			      "more and were not looked at\n",
			      r->lines_gone);
	if (o->query.prove)
		tell_proof(o, r);
	else if (r->changed > 0)
		(void)fprintf(stderr,
			      "weir query: %" PRIu64 " lines are not what was indexed; "
			      "--prove says which, `weir verify` why\n",
			      r->changed);
}
