/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPTURE_SOURCE_IMPL_H
#define CAPTURE_SOURCE_IMPL_H

/*
 * source_impl - what a kind of source gives to source.c; private to this folder.
 *
 * A kind embeds `struct source` as its first member, fills `ops`, `clock` and `name` when it
 * is opened and leaves numbering, the frame clock, statistics and the final state to
 * source.c, so that these are the same for all kinds.
 */

#include <stdbool.h>

#include "capture/source.h"

struct source_ops {
	/*
	 * Fill data, caplen, len, link and time_us of *ret.  Not called again after END or
	 * DAMAGED; with DAMAGED the kind has written s->error.
	 */
	enum source_result (*read)(struct source *s, struct frame *ret);
	/* Add what only the kind can know (drops); NULL = nothing. */
	void (*stats)(const struct source *s, struct source_stats *ret);
	/* Release everything, *s too. */
	void (*close)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	struct source_clock *clock; /* borrowed */
	char *name;                 /* owned by the kind */
	int fd;                     /* to poll; -1 = none */
	bool no_wait;               /* a read may not wait for a frame */
	struct source_stats counted;
	enum source_result
		state; /* FRAME = may be read; else the last answer, for good */
	char error[SOURCE_ERROR_MAX];
};

/* Format a message: the name, cut from its front when it is long, a colon, the rest. */
__attribute__((format(printf, 3, 4))) void source_complain(char error[SOURCE_ERROR_MAX],
							   const char *name,
							   const char *format, ...);

/* Is a link type of libpcap (DLT_...) one that Weir reads?  Then *ret is ours. */
bool source_link_type_find(int datalink, enum link_type *ret);

#endif /* CAPTURE_SOURCE_IMPL_H */
