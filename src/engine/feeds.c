/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/feeds.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_US INT64_C(86400000000)

static int64_t limit_of(const struct config *c)
{
	if (c->feeds.warn_age_us != 0)
		return c->feeds.warn_age_us;
	return c->feeds.tags_shipped ? FEED_AGE_SHIPPED_US : FEED_AGE_US;
}

unsigned feeds_old(const struct generation *g, int64_t now_us, feeds_tell *tell,
		   void *arg)
{
	const int64_t limit = limit_of(g->config);
	const struct tag_feed *feeds;
	size_t count = catalog_feeds(g->catalog, &feeds);
	unsigned n = 0;
	char text[160];

	for (size_t i = 0; i < count; i++) {
		const struct tag_feed *f = &feeds[i];

		if (f->date_us == INT64_MIN)
			(void)snprintf(text, sizeof(text),
				       "service tags %s do not say of which day they are",
				       f->cloud);
		else if (now_us > f->date_us && now_us - f->date_us > limit)
			(void)snprintf(text, sizeof(text),
				       "service tags %s are of %s, %" PRId64
				       " days old, more than %" PRId64,
				       f->cloud, f->date, (now_us - f->date_us) / DAY_US,
				       limit / DAY_US);
		else
			continue;
		tell(arg, f, text);
		n++;
	}
	return n;
}
