/* SPDX-License-Identifier: Apache-2.0 */
#include "record/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "record/expired.h"

#define BATCHES     3
#define BATCH_LINES 512
#define BATCH_BYTES ((size_t)128 << 10) /* one line may go beyond */

struct batch {
	size_t count;
	enum lines_end end; /* LINES_LINE = more batches follow */
	struct str line[BATCH_LINES];
	uint8_t digest[BATCH_LINES][CHAIN_DIGEST];
	char text[BATCH_BYTES + LINES_LINE_MAX + 1];
};

struct ahead {
	struct lines *lines; /* the thread's, while there is one */
	bool has_thread;
	pthread_t thread;
	/* Under the lock: batches made and given back, in all. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t made, given_back;
	bool stop;
	/* The caller's. */
	struct batch *now; /* NULL = none yet */
	size_t at;
	struct batch batch[BATCHES];
};

static void fill(struct lines *l, struct batch *b)
{
	size_t used = 0;

	b->count = 0;
	b->end = LINES_LINE;
	while (b->count < BATCH_LINES && used < BATCH_BYTES) {
		struct str line;
		char *to = b->text + used;

		b->end = lines_next(l, &line);
		if (b->end != LINES_LINE)
			return;
		memcpy(to, line.p, line.len + 1);
		line_digest((struct str){to, line.len}, b->digest[b->count]);
		b->line[b->count++] = (struct str){to, line.len};
		used += line.len + 1;
	}
}

static void *read_ahead(void *arg)
{
	struct ahead *a = arg;
	enum lines_end end = LINES_LINE;

	while (end == LINES_LINE) {
		struct batch *b;
		bool stop;

		(void)pthread_mutex_lock(&a->lock);
		while (!a->stop && a->made - a->given_back == BATCHES)
			(void)pthread_cond_wait(&a->wake, &a->lock);
		b = &a->batch[a->made % BATCHES];
		stop = a->stop;
		(void)pthread_mutex_unlock(&a->lock);
		if (stop)
			break;
		fill(a->lines, b);
		end = b->end;
		(void)pthread_mutex_lock(&a->lock);
		a->made++;
		(void)pthread_cond_signal(&a->wake);
		(void)pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

int ahead_open(int dir_fd, uint32_t number, bool alone, struct ahead **ret)
{
	struct ahead *a = malloc(sizeof(*a));
	int rc;

	if (a == NULL)
		return -ENOMEM;
	memset(a, 0, offsetof(struct ahead, batch));
	rc = lines_open(dir_fd, number, &a->lines);
	if (rc < 0) {
		free(a);
		return rc;
	}
	(void)pthread_mutex_init(&a->lock, NULL);
	(void)pthread_cond_init(&a->wake, NULL);
	a->has_thread = !alone && pthread_create(&a->thread, NULL, read_ahead, a) == 0;
	*ret = a;
	return 0;
}

void ahead_close(struct ahead *a)
{
	if (a == NULL)
		return;
	if (a->has_thread) {
		(void)pthread_mutex_lock(&a->lock);
		a->stop = true;
		(void)pthread_cond_signal(&a->wake);
		(void)pthread_mutex_unlock(&a->lock);
		(void)pthread_join(a->thread, NULL);
	}
	(void)pthread_cond_destroy(&a->wake);
	(void)pthread_mutex_destroy(&a->lock);
	lines_close(a->lines);
	free(a);
}

const char *ahead_name(const struct ahead *a)
{
	return lines_name(a->lines);
}

/* Give the batch back, and take the next. */
static void take_batch(struct ahead *a)
{
	a->at = 0;
	if (!a->has_thread) {
		a->now = &a->batch[0];
		fill(a->lines, a->now);
		return;
	}
	(void)pthread_mutex_lock(&a->lock);
	if (a->now != NULL) {
		a->given_back++;
		(void)pthread_cond_signal(&a->wake);
	}
	while (a->made == a->given_back)
		(void)pthread_cond_wait(&a->wake, &a->lock);
	a->now = &a->batch[a->given_back % BATCHES];
	(void)pthread_mutex_unlock(&a->lock);
}

enum lines_end ahead_next(struct ahead *a, struct str *ret,
			  const uint8_t (**ret_digest)[CHAIN_DIGEST])
{
	while (a->now == NULL || a->at == a->now->count) {
		if (a->now != NULL && a->now->end != LINES_LINE)
			return a->now->end;
		take_batch(a);
	}
	*ret = a->now->line[a->at];
	*ret_digest = (const uint8_t(*)[CHAIN_DIGEST]) & a->now->digest[a->at++];
	return LINES_LINE;
}
