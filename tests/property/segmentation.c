/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segmentation - however a client's bytes are cut, ordered, repeated and mixed with what a
 * server ignores: the answer is that of one segment, and inline the server gets the bytes.
 *
 *     segmentation [--runs N] [--seed S] [mirror|inline]     TAP on standard output
 *     segmentation --seed S --run K mirror|inline            run K alone
 *
 * A run that differs is made as small as it can be while it still differs, and printed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "play.h"

#define RUNS_DEFAULT 3000
#define FAULTS_MAX   5 /* then the rest is not worth the time */
#define SHOWN_BEFORE 30u
#define SHOWN_MAX    400u
#define WAYS         8 /* of the plain talk: ipv6, one_way, deny */

struct property {
	struct players *players;
	const struct talk *talks;
	size_t talk_count;
	enum position pos;
	uint64_t seed;
	struct outcome *plain; /* by talk * WAYS + way; unset: no events and no fault */
	bool *known;
};

static const char *const position_names[] = {"mirror", "inline"};

/* What the talk is in one segment a turn, under the same rules and addresses. */
static const struct outcome *plain_of(struct property *y, size_t talk,
				      const struct plan *p)
{
	static struct plan plain;
	const size_t i = talk * WAYS + (size_t)(p->ipv6 | p->one_way << 1 | p->deny << 2);

	if (!y->known[i]) {
		plan_plain(&plain, p);
		play(y->players, &y->talks[talk], y->pos, &plain, &y->plain[i]);
		y->known[i] = true;
	}
	return &y->plain[i];
}

static bool differs(struct property *y, size_t talk, const struct plan *p,
		    struct outcome *ret)
{
	const struct outcome *want = plain_of(y, talk, p);

	play(y->players, &y->talks[talk], y->pos, p, ret);
	return ret->fault[0] != '\0' || want->fault[0] != '\0' || want->events_len == 0 ||
	       ret->events_len != want->events_len || ret->got != want->got ||
	       memcmp(ret->events, want->events, want->events_len) != 0;
}

/* Take steps out, many at a time at first, as long as it differs. */
static void minimise(struct property *y, size_t talk, struct plan *p)
{
	static struct plan less;
	static struct outcome o;

	for (size_t n = p->count; n > 0; n = n == 1 ? 0 : (n + 1) / 2) {
		for (size_t at = 0; at < p->count;) {
			const size_t out = n < p->count - at ? n : p->count - at;

			less = *p;
			less.count -= out;
			memmove(less.steps + at, less.steps + at + out,
				(less.count - at) * sizeof(less.steps[0]));
			if (differs(y, talk, &less, &o))
				*p = less;
			else
				at += n;
		}
	}
}

static void print_plan(const struct plan *p)
{
	(void)printf("#   %s%s%s%s, first numbers %08" PRIx32 " and %08" PRIx32 "\n",
		     p->ipv6 ? "IPv6" : "IPv4", p->stamps ? ", time stamps" : "",
		     p->one_way ? ", one way" : "", p->deny ? ", closed rules" : "",
		     p->client_isn, p->server_isn);
	for (size_t i = 0; i < p->count; i++) {
		const struct step *s = &p->steps[i];

		if (s->kind == STEP_ACK)
			(void)printf("#   turn %u: the server acknowledges\n", s->turn);
		else
			(void)printf("#   turn %u: %s%s at %" PRIu32 ", %" PRIu32
				     " bytes, noise %08" PRIx32 "\n",
				     s->turn,
				     s->kind == STEP_DATA
					     ? "data"
					     : decoy_name((enum decoy)s->decoy),
				     s->together ? " in the same datagram" : "", s->at,
				     s->len, s->noise);
	}
}

/* The events from where they differ on. */
static void show(const char *what, const struct outcome *o, size_t from)
{
	size_t len = o->events_len < from ? 0 : o->events_len - from;

	if (len > SHOWN_MAX)
		len = SHOWN_MAX;
	(void)printf("# %s: %s%s%" PRIu32 " bytes at the server; ", what, o->fault,
		     o->fault[0] != '\0' ? "; " : "", o->got);
	for (size_t i = from; i < from + len; i++)
		(void)putchar(o->events[i] == '\n' ? ' ' : o->events[i]);
	(void)putchar('\n');
}

static void print_difference(struct property *y, size_t talk, uint64_t run,
			     struct plan *p)
{
	static struct outcome o;
	const struct outcome *want = plain_of(y, talk, p);
	size_t same = 0;

	minimise(y, talk, p);
	(void)differs(y, talk, p, &o);
	(void)printf("# talk: %s\n", y->talks[talk].name);
	print_plan(p);
	while (same < want->events_len && want->events[same] == o.events[same])
		same++;
	same -= same < SHOWN_BEFORE ? same : SHOWN_BEFORE;
	show("wanted", want, same);
	show("got", &o, same);
	(void)printf("# again: --seed %" PRIu64 " --run %" PRIu64 " %s\n", y->seed, run,
		     position_names[y->pos]);
	(void)fflush(stdout);
}

static bool run_differs(struct property *y, uint64_t run)
{
	static struct plan p;
	static struct outcome o;
	struct rng r = rng_of(y->seed, run);
	const size_t talk = below(&r, y->talk_count);

	plan_make(&p, &y->talks[talk], y->pos, &r);
	if (!differs(y, talk, &p, &o))
		return false;
	print_difference(y, talk, run, &p);
	return true;
}

/* Runs `from` to `to` - 1. */
static bool hold(struct property *y, enum position pos, uint64_t from, uint64_t to)
{
	uint64_t differences = 0, run = from;

	y->pos = pos;
	memset(y->known, 0, y->talk_count * WAYS * sizeof(y->known[0]));
	for (; run < to && differences < FAULTS_MAX; run++)
		differences += run_differs(y, run);
	(void)printf("%s - %s: %" PRIu64 " runs of seed %" PRIu64 ", %" PRIu64
		     " differences\n",
		     differences == 0 && run > from ? "ok" : "not ok",
		     position_names[pos], run - from, y->seed, differences);
	return differences == 0 && run > from;
}

static bool read_number(const char *text, uint64_t *ret)
{
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

struct wish {
	uint64_t runs, seed, from;
	bool only[2]; /* by enum position */
};

/* Takes one option at argv[*i], and its number; false: there is none. */
static bool read_option(int argc, char *argv[], int *i, struct wish *w)
{
	uint64_t *const numbers[] = {&w->runs, &w->seed, &w->from};
	static const char *const names[] = {"--runs", "--seed", "--run"};

	for (size_t k = 0; k < 2; k++) {
		if (strcmp(argv[*i], position_names[k]) == 0) {
			w->only[k] = true;
			return true;
		}
	}
	for (size_t k = 0; k < 3; k++) {
		if (strcmp(argv[*i], names[k]) != 0 || *i + 1 == argc)
			continue;
		if (numbers[k] == &w->from)
			w->runs = 1;
		return read_number(argv[++*i], numbers[k]);
	}
	return false;
}

int main(int argc, char *argv[])
{
	struct wish w = {.runs = RUNS_DEFAULT, .seed = 1};
	struct property y = {.seed = 0};
	bool fine = true;

	for (int i = 1; i < argc; i++) {
		if (!read_option(argc, argv, &i, &w)) {
			(void)fprintf(stderr, "usage: segmentation [--runs N] [--seed S] "
					      "[--run K] [mirror|inline]\n");
			return EXIT_FAILURE;
		}
	}
	y.seed = w.seed;
	y.players = players_create();
	y.talks = talks_load(&y.talk_count);
	y.plain = calloc(y.talk_count * WAYS, sizeof(y.plain[0]));
	y.known = calloc(y.talk_count * WAYS, sizeof(y.known[0]));
	if (y.plain == NULL || y.known == NULL)
		abort();
	for (unsigned pos = 0; pos < 2; pos++)
		if (w.only[pos] || !w.only[1 - pos])
			fine = hold(&y, (enum position)pos, w.from, w.from + w.runs) &&
			       fine;
	players_destroy(y.players);
	free(y.plain);
	free(y.known);
	return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
