/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_EXPLAIN_JSON_H
#define APP_EXPLAIN_JSON_H

/*
 * explain_json - `weir explain --json`: one object a question, with the names of event fields.
 * What a value is known by stands beside it, in NAME_by.  docs/explain-schema.json.
 */

#include "app/explain_show.h"
#include "base/json.h"

struct explain_json {
	struct json j;
	char *memory;
};

/* Begins the object; false and a message: no memory. */
bool explain_json_begin(struct explain_json *x);

/* Source, name, service, country, hour and bindings.  `s` was described by `g`. */
void explain_json_known(struct explain_json *x, const struct generation *g,
			const struct subject *s);

/* As show_principal(). */
void explain_json_principal(struct explain_json *x, const struct identity *who,
			    const struct subject *s);

/* Ends the object and prints it: `code`, or EXIT_COULD_NOT and a message. */
int explain_json_end(struct explain_json *x, int code);

#endif /* APP_EXPLAIN_JSON_H */
