/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_REJUDGE_H
#define ENGINE_REJUDGE_H

/*
 * rejudge - a recorded connection judged again: by the generation of its day, or by another.
 *
 * What the wire said is taken from the record; whose the addresses are, what they and the name
 * mean and what the hour is, from the generation.  With the generation that judged it the
 * decision is the recorded one, but for what the record does not hold.
 */

#include <stdbool.h>

#include "engine/generation.h"
#include "model/verdict.h"
#include "record/read.h"

struct rejudged {
	struct subject
		subject; /* borrows from the record, the generation and this struct */
	struct service service;
	struct place place;
	struct decision decision;
};

/*
 * Only for records that were judged and not taken over from before Weir's start.  Returns why
 * the new decision may be wrong; NULL: what the record holds is all that was asked.
 */
const char *rejudge(const struct generation *g, const struct recorded_flow *f,
		    struct rejudged *ret);

#endif /* ENGINE_REJUDGE_H */
