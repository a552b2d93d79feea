/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_FILTER_H
#define STORE_FILTER_H

/*
 * filter - what a value must be: texts of the command line held against a field.
 *
 *   VALUE     that text, ASCII case ignored; of a list: one of its texts
 *   A*B       `*` stands for any run of bytes; `*` alone: the field is there
 *   PREFIX    of addresses: 10.0.0.0/8, 2001:db8::/32
 *   N  A..B  >N  <N  >=N  <=N   of numbers; of times with RFC 3339
 *   !VALUE    not that (also true where the field is absent)
 *
 * Of one field: one of the VALUEs, if there is any, and none of the !VALUEs.
 * Threads: immutable after adding.
 */

#include "base/addr.h"
#include "store/fields.h"

#define FILTER_VALUES_MAX 64 /* of one field */

struct pattern {
	struct str text; /* borrowed */
	bool negative, is_prefix, has_star;
	struct prefix prefix;
	int64_t low, high; /* of kinds that are numbers, both inclusive */
};

struct filter {
	enum line_kind kind;
	bool has_positive;
	unsigned count;
	struct pattern patterns[FILTER_VALUES_MAX];
};

/* NULL, or what is wrong with the text (static): "is no number: write 443, ..". */
const char *filter_add(struct filter *f, struct str text);

bool filter_matches(const struct filter *f, const struct value *v);

/* Must the value be exactly one of few texts?  Then f->patterns say which. */
bool filter_is_exact(const struct filter *f);

/* `*` for any run of bytes, ASCII case ignored. */
bool wildcard_matches(struct str pattern, struct str text);

#endif /* STORE_FILTER_H */
