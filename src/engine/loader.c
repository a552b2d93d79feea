/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/loader.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/archive.h"

#define DISCARDED_MAX 8

struct loader {
	const struct generation_cfg *cfg;
	bool keep;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int fd;
	bool wanted, busy, ended, quit;
	int64_t now_us;
	struct generation *result;
	char *text;
	struct generation *discarded[DISCARDED_MAX];
	unsigned discarded_count;
};

static void keep(const struct generation *g, const struct generation_cfg *cfg,
		 struct diag *d)
{
	const char *dir = g->config->ledger.dir;
	int rc = dir == NULL ? 0 : archive_keep(dir, g, cfg, true);

	if (rc == 0)
		return;
	diag_add(d, DIAG_WARNING, (struct span){.file = dir}, "not-kept",
		 "what generation %s was made from could not be kept in generations/: %s",
		 g->name, strerrordesc_np(-rc));
	diag_remedy(d, "room and rights there, then a reload");
}

static struct generation *load(const struct generation_cfg *how, bool kept,
			       char **ret_text)
{
	struct generation_cfg cfg = *how;
	struct diag *d = diag_create();
	struct generation *g = NULL;
	size_t size = 0;
	FILE *out = open_memstream(ret_text, &size);

	if (d != NULL && out != NULL) {
		cfg.set = kept ? file_set_create() : NULL;
		g = generation_load(&cfg, d);
		if (g != NULL && cfg.set != NULL)
			keep(g, &cfg, d);
		file_set_destroy(cfg.set);
		diag_print(d, out, false);
	}
	if (out != NULL)
		(void)fclose(out);
	diag_destroy(d);
	return g;
}

static void *loader_main(void *arg)
{
	struct loader *l = arg;

	(void)pthread_mutex_lock(&l->lock);
	while (!l->quit) {
		if (l->discarded_count > 0) {
			struct generation *old = l->discarded[--l->discarded_count];

			(void)pthread_mutex_unlock(&l->lock);
			generation_destroy(old);
			(void)pthread_mutex_lock(&l->lock);
		} else if (l->wanted) {
			struct generation_cfg cfg = *l->cfg;
			struct generation *g;
			char *text = NULL;

			cfg.now_us = l->now_us;
			l->wanted = false;
			(void)pthread_mutex_unlock(&l->lock);
			g = load(&cfg, l->keep, &text);
			(void)pthread_mutex_lock(&l->lock);
			l->result = g;
			l->text = text;
			l->ended = true;
			(void)eventfd_write(l->fd, 1);
		} else {
			(void)pthread_cond_wait(&l->wake, &l->lock);
		}
	}
	(void)pthread_mutex_unlock(&l->lock);
	return NULL;
}

struct loader *loader_create(const struct generation_cfg *cfg, bool keep)
{
	struct loader *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->cfg = cfg;
	l->keep = keep;
	l->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_cond_init(&l->wake, NULL);
	if (l->fd < 0 || pthread_create(&l->thread, NULL, loader_main, l) != 0) {
		if (l->fd >= 0)
			(void)close(l->fd);
		free(l);
		return NULL;
	}
	return l;
}

void loader_destroy(struct loader *l)
{
	if (l == NULL)
		return;
	(void)pthread_mutex_lock(&l->lock);
	l->quit = true;
	(void)pthread_cond_signal(&l->wake);
	(void)pthread_mutex_unlock(&l->lock);
	(void)pthread_join(l->thread, NULL);
	while (l->discarded_count > 0)
		generation_destroy(l->discarded[--l->discarded_count]);
	generation_destroy(l->result);
	free(l->text);
	(void)close(l->fd);
	free(l);
}

int loader_fd(const struct loader *l)
{
	return l->fd;
}

bool loader_start(struct loader *l, int64_t now_us)
{
	bool started;

	(void)pthread_mutex_lock(&l->lock);
	started = !l->busy;
	if (started) {
		l->busy = true;
		l->wanted = true;
		l->now_us = now_us;
		(void)pthread_cond_signal(&l->wake);
	}
	(void)pthread_mutex_unlock(&l->lock);
	return started;
}

struct generation *loader_take(struct loader *l, char **ret_text)
{
	struct generation *g = NULL;
	eventfd_t n;

	*ret_text = NULL;
	(void)pthread_mutex_lock(&l->lock);
	(void)eventfd_read(l->fd, &n);
	if (l->ended) {
		g = l->result;
		*ret_text = l->text;
		l->result = NULL;
		l->text = NULL;
		l->ended = false;
		l->busy = false;
	}
	(void)pthread_mutex_unlock(&l->lock);
	return g;
}

void loader_discard(struct loader *l, struct generation *g)
{
	bool taken;

	(void)pthread_mutex_lock(&l->lock);
	taken = l->discarded_count < DISCARDED_MAX;
	if (taken) {
		l->discarded[l->discarded_count++] = g;
		(void)pthread_cond_signal(&l->wake);
	}
	(void)pthread_mutex_unlock(&l->lock);
	if (!taken)
		generation_destroy(g);
}
