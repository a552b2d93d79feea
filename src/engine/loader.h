/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOADER_H
#define ENGINE_LOADER_H

/*
 * loader - loads a generation aside, in a thread of its own, while packets go on.
 *
 * The thread is made at creation, before rights are given up.  One load at a time.
 */

#include <stdbool.h>

#include "engine/generation.h"

struct loader;

/*
 * cfg is borrowed for the loader's life.  `keep`: what a generation was made from is kept beside
 * its ledger (engine/archive.h); that it could not be is a warning.  NULL: no memory or no
 * thread.
 */
struct loader *loader_create(const struct generation_cfg *cfg, bool keep);
void loader_destroy(struct loader *l); /* waits for a load in progress; NULL is a no-op */

int loader_fd(const struct loader *l); /* readable when a load has ended */

/* Begin; false while one goes on. */
bool loader_start(struct loader *l, int64_t now_us);

/*
 * The ended load's generation (the caller's now), or NULL with all findings in *ret_text,
 * which the caller frees.  Call when loader_fd() is readable.
 */
struct generation *loader_take(struct loader *l, char **ret_text);

/* Destroy a generation in the loader's thread: it takes a while. */
void loader_discard(struct loader *l, struct generation *g);

#endif /* ENGINE_LOADER_H */
