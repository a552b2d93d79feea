/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_PIECES_H
#define TESTS_FUZZ_PIECES_H

/*
 * A stream that comes in pieces, read from its beginning each time as the engine does.  Every
 * eighth piece is twice as long as the ones before, so that a long stream costs few readings.
 */
#include <stdbool.h>
#include <stddef.h>

struct pieces {
	size_t at; /* so much has come */
	size_t size, step;
	unsigned count;
};

/* step: bytes of the first pieces, at least 1. */
static inline struct pieces pieces_start(size_t size, size_t step)
{
	return (struct pieces){.size = size, .step = step};
}

/* The next piece comes; false: all was there. */
static inline bool pieces_next(struct pieces *p)
{
	if (p->at == p->size)
		return false;
	p->at = p->step < p->size - p->at ? p->at + p->step : p->size;
	if (++p->count % 8 == 0)
		p->step *= 2;
	return true;
}

#endif /* TESTS_FUZZ_PIECES_H */
