/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_LOOKUP_SHOW_H
#define APP_LOOKUP_SHOW_H

/*
 * lookup_show - all that a generation says of one name or address, as a table for people or
 * as one JSON object a line (docs/man/weir.8 lists the keys).
 */

#include "base/json.h"
#include "config/identity.h"
#include "engine/generation.h"

struct show {
	const struct generation *g;
	const struct identity *who; /* NULL: nobody is known */
	int64_t now_us;
	FILE *out;
	bool json;
	char *buf; /* of the JSON line */
	size_t size;
	struct json j;
};

/* `operand` is what was asked, `host` its normalized form.  False: more than the line holds. */
bool show_name(struct show *s, struct str operand, struct str host)
	__attribute__((warn_unused_result));
bool show_address(struct show *s, struct str operand, const struct addr *a)
	__attribute__((warn_unused_result));

#endif /* APP_LOOKUP_SHOW_H */
