/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FEEDS_H
#define ENGINE_FEEDS_H

/*
 * feeds - are the service tags of a generation too old?  Microsoft publishes weekly, and new
 * ranges are used from a week after that on: old tags mean wrong regions and lost witnesses.
 *
 * The day is the one of the publication (catalog/tags.h); the time is the caller's.
 */

#include <stdint.h>

#include "engine/generation.h"

#define FEED_AGE_US         (INT64_C(30) * 86400 * 1000000)  /* without feeds.warn_age */
#define FEED_AGE_SHIPPED_US (INT64_C(365) * 86400 * 1000000) /* of the shipped files */

typedef void feeds_tell(void *arg, const struct tag_feed *feed, const char *text);

/* Tell of each that is older at `now_us` than it may be; returns how many. */
unsigned feeds_old(const struct generation *g, int64_t now_us, feeds_tell *tell,
		   void *arg);

#endif /* ENGINE_FEEDS_H */
