/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_SLOTS_H
#define FLOW_SLOTS_H

/*
 * slots - which record has which hash: an open-addressing table that grows while in use.
 *
 * Linear probing over 8-byte slots of {tag, record index}; the tag is 32 bits of the key's
 * hash and gives both the home slot and a first comparison, so growing never looks at a
 * record.  Filled to at most 3/4; then a table of twice the size takes over and each
 * insertion moves a bounded part of the old one, so that no packet pays for all.
 *
 * Memory: address space for the greatest size is reserved at creation; resident memory
 * follows use (8 to 32 bytes a record).  No allocation afterwards.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOTS_NONE UINT32_MAX

struct slot {
	uint32_t tag;
	uint32_t ref; /* record index + 1; 0 = empty */
};

struct slots {
	struct slot *base; /* the table of 2^bits slots begins at base + 2^bits */
	size_t bytes;      /* reserved */
	uint32_t bits;
	uint32_t bits_max;
	uint32_t used;
	bool moving;     /* the table of half the size still holds records */
	uint32_t start;  /* where moving began: an empty slot of the old table */
	uint32_t cursor; /* how far it came: always an empty slot */
};

/* Room for `max` records.  0, -EINVAL (too many) or -ENOMEM. */
int slots_init(struct slots *s, uint32_t max) __attribute__((warn_unused_result));
void slots_release(struct slots *s);

struct slot_walk {
	uint32_t tag;
	uint32_t at;
	bool in_old;
};

/* The records with this tag, one by one; SLOTS_NONE: no more. */
uint32_t slots_first(const struct slots *s, uint32_t tag, struct slot_walk *w);
uint32_t slots_next(const struct slots *s, struct slot_walk *w);

/* At most `max` records, none twice. */
void slots_add(struct slots *s, uint32_t tag, uint32_t record);

/* The record must be there. */
void slots_remove(struct slots *s, uint32_t tag, uint32_t record);

#endif /* FLOW_SLOTS_H */
