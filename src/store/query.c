/* SPDX-License-Identifier: Apache-2.0 */
#include "store/query.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "store/query_impl.h"

bool field_ref_find(const char *name, struct field_ref *ret)
{
	const int at = field_find(str_of(name));

	if (at >= 0)
		*ret = (struct field_ref){fields[at].name, fields[at].kind, at};
	else if (field_is_inner(str_of(name)))
		*ret = (struct field_ref){name, LINE_TEXT, -1};
	else
		return false;
	return true;
}

void query_init(struct query *q)
{
	memset(q, 0, sizeof(*q));
	q->since_us = INT64_MIN;
	q->until_us = INT64_MAX;
}

const char *query_filter(struct query *q, const struct field_ref *field, struct str text)
{
	struct query_filter *f = NULL;

	for (size_t i = 0; i < q->filter_count && f == NULL; i++)
		if (strcmp(q->filters[i].field.name, field->name) == 0)
			f = &q->filters[i];
	if (f == NULL) {
		if (q->filter_count == QUERY_FILTERS_MAX)
			return "is one too many: at most 48 different fields";
		f = &q->filters[q->filter_count++];
		*f = (struct query_filter){.field = *field,
					   .filter = {.kind = field->kind}};
	}
	return filter_add(&f->filter, text);
}
/* ---- a run ---- */

static size_t need(struct run *x, const struct field_ref *f)
{
	for (size_t i = 0; i < x->needed_count; i++)
		if (strcmp(x->needed[i].field.name, f->name) == 0)
			return i;
	x->needed[x->needed_count] =
		(struct needed){*f, f->at < 0 ? line_want(x->lines, f->name) : -1, -1};
	return x->needed_count++;
}

static size_t need_known(struct run *x, enum line_field at)
{
	const struct field_ref f = {fields[at].name, fields[at].kind, (int)at};

	return need(x, &f);
}

static void collect(struct run *x)
{
	static const enum line_field would[] = {LINE_FIELD_VERDICT,
						LINE_FIELD_WOULD_VERDICT,
						LINE_FIELD_EFFECT, LINE_FIELD_MODE};
	const struct query *q = x->q;

	for (size_t i = 0; i < q->filter_count; i++)
		x->of_filter[i] = need(x, &q->filters[i].field);
	for (size_t i = 0; i < q->group_count; i++)
		x->of_group[i] = need(x, &q->groups[i]);
	for (size_t i = 0; i < q->sum_count; i++)
		x->of_sum[i] = need(x, &q->sums[i]);
	if (q->order.name != NULL)
		x->of_order = need(x, &q->order);
	for (size_t i = 0; q->would_deny && i < 4; i++)
		x->of_would[i] = need_known(x, would[i]);
	x->lists = q->group_count == 0 && q->bucket_us == 0;
	x->of_count = SIZE_MAX;
	if (x->lists)
		return;
	x->of_type = need_known(x, LINE_FIELD_TYPE);
	x->of_phase = need_known(x, LINE_FIELD_PHASE);
	x->of_count = need_known(x, LINE_FIELD_COUNTED);
}

static bool inner_fields_fit(const struct run *x)
{
	for (size_t i = 0; i < x->needed_count; i++)
		if (x->needed[i].field.at < 0 && x->needed[i].extra < 0)
			return false;
	return true;
}

static void run_destroy(struct run *x, bool second)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < QUERY_FILTERS_MAX; i++)
		free(x->memos[i].said);
	ledger_reader_close(x->reader);
	free(x->lines);
	free(x->map);
	if (second) {
		query_result_finish(x->r);
		free(x->r);
		diag_destroy(x->d);
	}
	free(x);
}

static bool result_begin(struct query_result *r, const struct query *q)
{
	*r = (struct query_result){.first_us = INT64_MAX, .last_us = INT64_MIN};
	r->texts = strings_create();
	r->groups = sums_create(q->group_count + 1);
	if (q->seals != NULL)
		r->ranges = calloc(q->seals->count + 1, 1);
	return r->texts != NULL && r->groups != NULL &&
	       (q->seals == NULL || r->ranges != NULL);
}

/* Its own findings are told when they are errors; NULL: out of memory, or no ledger. */
static struct run *run_create(const struct run *like)
{
	struct run *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	*x = *like;
	x->lines = line_for_store();
	x->reader = ledger_reader_open(store_ledger(x->store), x->d);
	if (x->lines == NULL || x->reader == NULL) {
		run_destroy(x, false);
		return NULL;
	}
	collect(x);
	return x;
}

/* ---- turns ---- */

static bool concerns(const struct query *q, const struct day_cover *c)
{
	return c->events > 0 && c->last_us >= q->since_us && c->first_us < q->until_us &&
	       (c->end_segment > q->after_segment ||
		(c->end_segment == q->after_segment && c->end_offset > q->after_offset));
}

static int turns_begin(struct turns *t, struct store *s, const struct query *q)
{
	const size_t n = store_day_count(s);

	*t = (struct turns){.enough = SIZE_MAX};
	t->newest = q->newest && q->limit > 0 && q->sample == 0 &&
		    q->order.name == NULL && q->group_count == 0 && q->bucket_us == 0;
	t->days = calloc(n + 1, sizeof(struct day *));
	t->lines = calloc(n + 1, sizeof(*t->lines));
	if (t->days == NULL || t->lines == NULL)
		return -ENOMEM;
	for (size_t i = n; i-- > 0;) {
		struct day *d = store_day(s, i);

		if (!concerns(q, &d->cover))
			continue;
		t->days[t->count++] = d;
		t->events += d->cover.events;
	}
	return 0;
}

static void turns_end(struct turns *t)
{
	free(t->days);
	free(t->lines);
}

/* One file after the other, until none is left or needed. */
static void *work(void *arg)
{
	struct run *x = arg;
	struct turns *t = x->turns;

	while (x->rc == 0 && !atomic_load(&t->failed)) {
		size_t lines;

		x->turn = atomic_load(&t->next);
		if (x->turn < t->count && t->newest &&
		    atomic_load(&t->found) >= x->q->limit) {
			x->r->stopped = true; /* all that are newer are taken */
			break;
		}
		x->turn = atomic_fetch_add(&t->next, 1);
		if (x->turn >= t->count)
			break;
		x->day = t->days[x->turn];
		x->from = x->r->line_count;
		x->rc = run_ask_day(x);
		lines = x->r->line_count - x->from;
		t->lines[x->turn] = (struct day_lines){x, x->from, lines};
		atomic_fetch_add(&t->found, lines);
		if (t->newest && lines >= x->q->limit &&
		    x->turn + 1 < atomic_load(&t->enough))
			atomic_store(&t->enough, x->turn + 1);
	}
	if (x->rc != 0)
		atomic_store(&t->failed, true);
	return NULL;
}

/* A second run, when there is something for it to do; NULL: there is not, or no memory. */
static struct run *second_run(struct run *first)
{
	struct run like = {.store = first->store,
			   .q = first->q,
			   .turns = first->turns,
			   .d = diag_create(),
			   .r = malloc(sizeof(*like.r))};
	struct run *x = NULL;

	if (first->turns->count > 1 && !first->q->plain && like.d != NULL &&
	    like.r != NULL) {
		if (result_begin(like.r, like.q))
			x = run_create(&like);
		if (x == NULL)
			query_result_finish(like.r);
	}
	if (x == NULL) {
		free(like.r);
		diag_destroy(like.d);
	}
	return x;
}

static int run_all(struct run *first)
{
	struct run *runs[RUNS_MAX] = {first, second_run(first)};
	pthread_t thread;
	size_t count = 1;
	int rc;

	if (runs[1] != NULL && pthread_create(&thread, NULL, work, runs[1]) == 0)
		count++;
	first->tells = true;
	(void)work(first);
	if (count > 1)
		(void)pthread_join(thread, NULL);
	rc = first->rc != 0 ? first->rc : count > 1 ? runs[1]->rc : 0;
	if (rc == 0)
		rc = runs_join(runs, count);
	if (count > 1)
		diag_take(first->d, runs[1]->d);
	run_destroy(runs[1], true);
	return rc;
}

static int run_once(struct store *s, const struct query *q, struct diag *d,
		    struct query_result *ret)
{
	struct turns turns = {0};
	const struct run like = {.store = s, .q = q, .d = d, .r = ret, .turns = &turns};
	struct run *x = NULL;
	int rc = result_begin(ret, q) ? turns_begin(&turns, s, q) : -ENOMEM;

	if (rc == 0) {
		x = run_create(&like);
		rc = x == NULL ? -ENOMEM : inner_fields_fit(x) ? run_all(x) : -E2BIG;
	}
	run_destroy(x, false);
	turns_end(&turns);
	return rc;
}

static int trouble(const struct store *s, struct diag *d, int rc)
{
	if (rc == -E2BIG)
		diag_error(d, (struct span){.file = store_folder(s)},
			   "more than %d different inner fields (detail.X) at once",
			   LINE_EXTRA_MAX);
	else
		diag_error(d, (struct span){.file = store_folder(s)}, "%s",
			   rc > 0 ? "is damaged again" : strerrordesc_np(-rc));
	return rc > 0 ? -EBADMSG : rc;
}

int query_run(struct store *s, const struct query *q, struct diag *d,
	      struct query_result *ret)
{
	int rc = run_once(s, q, d, ret);

	if (rc > 0) {
		query_result_finish(ret);
		rc = store_rebuild(s, d, "damaged");
		if (rc != 0)
			return rc;
		rc = run_once(s, q, d, ret);
	}
	if (rc == 0)
		return 0;
	query_result_finish(ret);
	return trouble(s, d, rc);
}

void query_result_finish(struct query_result *r)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a second call finds zeros */
	free(r->lines);
	free(r->ranges);
	strings_destroy(r->texts);
	sums_destroy(r->groups);
	*r = (struct query_result){0};
}
