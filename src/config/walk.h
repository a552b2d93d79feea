/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_WALK_H
#define CONFIG_WALK_H

/*
 * walk - from the tree of settings to struct config, by the schema table.
 *
 * walk_settings() finds unknown, missing and mistyped settings; values_read() turns one
 * setting into one field; check_settings() compares settings with each other.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/country.h"
#include "base/diag.h"
#include "config/config.h"
#include "config/outline.h"
#include "config/schema.h"

struct config_memory {
	struct arena *arena;
};

struct walk {
	struct config *c;
	struct arena *arena;
	struct diag *d;
	const struct outline *o;
	struct str text; /* of the file */
	bool absent;     /* files of SCHEMA_TAG_FILES that do not exist are no fault */
	struct file_set *files; /* NULL = none */
};

void walk_settings(struct walk *w);

/* Read `n` into the struct at `base`, as `row` says.  Faults go to w->d. */
void values_read(struct walk *w, const struct node *n, const struct schema_row *row,
		 void *base);

/* What only several settings together can get wrong. */
void check_settings(struct walk *w);

/* Put `size` bytes of a value at offset `at` of the struct `base`. */
void walk_store(void *base, size_t at, const void *value, size_t size);

/* arena_alloc(), said in w->d when it fails. */
void *walk_alloc(struct walk *w, size_t size);

/* Will a finding added now still be printed?  If not, no time goes into its suggestion. */
static inline bool walk_is_shown(const struct walk *w)
{
	return diag_count(w->d, DIAG_ERROR) + diag_count(w->d, DIAG_WARNING) < DIAG_MAX;
}

/* Zones by name, for messages; hints.c. */
static inline bool hint_country_known(const char *alpha2)
{
	return country_known(str_of(alpha2));
}
/* A zone name near `wanted` in the system's list, or NULL; buf holds it. */
#define HINT_ZONE_MAX 64
const char *hint_zone(const char *wanted, char buf[HINT_ZONE_MAX]);

#endif /* CONFIG_WALK_H */
