/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_SETS_H
#define POLICY_SETS_H

/*
 * sets - collects the host patterns and prefixes of all conditions, then makes the two
 * shared tables of the program from them.
 */

#include "base/arena.h"
#include "policy/program.h"

struct host_pair {
	struct str pattern;
	uint32_t set;
};

struct prefix_pair {
	struct prefix prefix;
	uint32_t set;
};

struct sets {
	struct host_pair *hosts; /* malloc'd */
	size_t host_count, host_room;
	struct prefix_pair *prefixes;
	size_t prefix_count, prefix_room;
	uint32_t host_sets, prefix_sets; /* numbers given out */
};

/* Add the items to set `set`; tables' items too.  0 or -ENOMEM. */
int sets_add_hosts(struct sets *s, const struct item *items, size_t count, uint32_t set)
	__attribute__((warn_unused_result));
int sets_add_prefixes(struct sets *s, const struct item *items, size_t count,
		      uint32_t set) __attribute__((warn_unused_result));

/* Make p->hosts, p->prefixes and their postings.  0 or -ENOMEM. */
int sets_seal(struct sets *s, struct arena *arena, struct program *p)
	__attribute__((warn_unused_result));
void sets_finish(struct sets *s);

#endif /* POLICY_SETS_H */
