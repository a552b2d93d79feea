/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

/*
 * tree - the values that libconfig reads, joined with the places that the outline knows.
 *
 * The only user of libconfig.  (libconfig exports a config_destroy() of its own: no function
 * of ours may have that name, and libconfig.h is included nowhere else.)
 */

#include <stdbool.h>

#include "base/arena.h"
#include "base/diag.h"
#include "config/outline.h"

/*
 * Read `text` (NUL-terminated, no other NUL in it), whose outline `o` is sound, and set the
 * value of each string; values live in `a`.  False: the reason is in `d`.
 */
bool tree_read(const char *text, struct outline *o, struct arena *a, struct diag *d);

const char *tree_library_version(void);

#endif /* CONFIG_TREE_H */
