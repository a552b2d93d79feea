/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "store/query_impl.h"

/* ---- one answer of two ---- */

static void add_figures(struct query_result *to, const struct query_result *from)
{
	to->matched += from->matched;
	to->rows += from->rows;
	to->lines_read += from->lines_read;
	to->lines_gone += from->lines_gone;
	to->proved += from->proved;
	to->sealed += from->sealed;
	to->unsealed += from->unsealed;
	to->over = to->over || from->over;
	to->stopped = to->stopped || from->stopped;
	if (from->first_us < to->first_us)
		to->first_us = from->first_us;
	if (from->last_us > to->last_us)
		to->last_us = from->last_us;
	if (from->first_seal != 0 &&
	    (to->first_seal == 0 || from->first_seal < to->first_seal))
		to->first_seal = from->first_seal;
	if (from->last_seal > to->last_seal)
		to->last_seal = from->last_seal;
}

/* The number that a text of the one has in the other; QUERY_ABSENT stays. */
static int64_t same_text(struct query_result *to, const struct query_result *from,
			 int64_t number)
{
	uint32_t n;

	if (number == QUERY_ABSENT)
		return number;
	n = strings_add(to->texts, strings_text(from->texts, (uint32_t)number));
	to->over = to->over || n == 0;
	return n;
}

static int add_groups(const struct query *q, struct query_result *to,
		      const struct query_result *from)
{
	for (size_t i = 0; i < sums_count(from->groups); i++) {
		const struct sums_row row = sums_at(from->groups, i);
		int64_t key[QUERY_GROUPED_MAX + 1] = {row.key[0]};
		const struct sums_one one = {key, row.count, row.first_us, row.last_us,
					     row.values};

		for (size_t k = 0; k < q->group_count; k++)
			key[k + 1] = kind_is_number(q->groups[k].kind)
					     ? row.key[k + 1]
					     : same_text(to, from, row.key[k + 1]);
		if (sums_count(to->groups) >= QUERY_GROUPS_MAX)
			to->over = true;
		else if (!sums_add(to->groups, &one))
			return -ENOMEM;
	}
	return 0;
}

static int join_lines(struct run *const runs[], size_t count)
{
	const struct turns *t = runs[0]->turns;
	const struct query *q = runs[0]->q;
	struct query_result *to = runs[0]->r;
	struct query_line *all;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += runs[i]->r->line_count;
	if (n > QUERY_MATCHES_MAX) {
		to->over = true;
		n = QUERY_MATCHES_MAX;
	}
	all = malloc((n + 1) * sizeof(*all));
	if (all == NULL)
		return -ENOMEM;
	to->line_count = 0;
	for (size_t i = t->count; i-- > 0;) { /* the oldest first */
		const struct day_lines *s = &t->lines[i];

		for (size_t k = 0; k < s->count && to->line_count < n; k++) {
			struct query_line *l = &all[to->line_count++];

			*l = s->run->r->lines[s->from + k];
			if (s->run != runs[0] && q->order.name != NULL &&
			    q->sample == 0 && !kind_is_number(q->order.kind))
				l->key = same_text(to, s->run->r, l->key);
		}
	}
	free(to->lines);
	to->lines = all;
	return 0;
}

/* ---- their order ---- */

/* The texts of an order get their ranks as keys. */
static int by_text(const void *a, const void *b, void *arg)
{
	const struct strings *t = arg;
	const struct str x = strings_text(t, *(const uint32_t *)a),
			 y = strings_text(t, *(const uint32_t *)b);
	const size_t n = x.len < y.len ? x.len : y.len;
	const int c = n == 0 ? 0 : memcmp(x.p, y.p, n);

	return c != 0 ? c : x.len == y.len ? 0 : x.len < y.len ? -1 : 1;
}

static int rank_texts(struct query_result *r)
{
	const uint32_t n = strings_count(r->texts);
	uint32_t *order = calloc((size_t)n + 1, sizeof(*order));
	int64_t *rank = calloc((size_t)n + 1, sizeof(*rank));

	if (order == NULL || rank == NULL) {
		free(order);
		free(rank);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		order[i] = i + 1;
	qsort_r(order, n, sizeof(*order), by_text, r->texts);
	for (uint32_t i = 0; i < n; i++)
		rank[order[i]] = i + 1;
	for (size_t i = 0; i < r->line_count; i++)
		if (r->lines[i].key != QUERY_ABSENT)
			r->lines[i].key = rank[r->lines[i].key];
	free(order);
	free(rank);
	return 0;
}

static int arrange(struct run *x)
{
	struct query_result *r = x->r;
	const struct query *q = x->q;
	const uint64_t keep = lines_wanted(q);
	int rc = 0;

	if (!x->lists || r->line_count == 0)
		return 0;
	if (q->order.name != NULL && q->sample == 0 && !kind_is_number(q->order.kind))
		rc = rank_texts(r);
	if (q->order.name != NULL && q->sample == 0) {
		for (size_t i = 0; q->descending && i < r->line_count; i++)
			r->lines[i].key = r->lines[i].key == QUERY_ABSENT
						  ? INT64_MAX
						  : -r->lines[i].key;
		qsort(r->lines, r->line_count, sizeof(*r->lines), lines_by_key);
		if (q->limit != 0 && r->line_count > q->limit)
			r->line_count = q->limit;
		return rc;
	}
	if (q->sample != 0)
		qsort(r->lines, r->line_count, sizeof(*r->lines), lines_by_key);
	else if (keep != 0 && r->line_count > keep)
		memmove(r->lines, r->lines + (r->line_count - keep),
			keep * sizeof(*r->lines));
	if (keep != 0 && r->line_count > keep)
		r->line_count = keep;
	if (q->sample != 0) { /* picked by chance, shown in order */
		for (size_t i = 0; i < r->line_count; i++)
			r->lines[i].key = 0;
		qsort(r->lines, r->line_count, sizeof(*r->lines), lines_by_key);
	}
	return rc;
}

int runs_join(struct run *const runs[], size_t count)
{
	struct query_result *to = runs[0]->r;
	int rc = 0;

	for (size_t i = 1; i < count && rc == 0; i++) {
		const struct query_result *from = runs[i]->r;

		add_figures(to, from);
		for (size_t k = 0; to->ranges != NULL && k < runs[0]->q->seals->count;
		     k++)
			to->ranges[k] |= from->ranges[k];
		note_places(&to->changed, &to->first_changed, from->changed,
			    &from->first_changed);
		note_places(&to->doubtful, &to->first_doubtful, from->doubtful,
			    &from->first_doubtful);
		rc = add_groups(runs[0]->q, to, from);
	}
	if (rc == 0 && runs[0]->lists)
		rc = join_lines(runs, count);
	return rc == 0 ? arrange(runs[0]) : rc;
}
