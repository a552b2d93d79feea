/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_glob - three-valued answers against the product of both patterns.
 *
 * Input: a pattern, a newline, a seen string.
 */
#include <stdlib.h>
#include <string.h>

#include "match/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool reach[GLOB_MAX + 1][GLOB_MAX + 1];

/* Do both have a word in common?  By all pairs of positions: slow, and shares nothing. */
static bool product_meets(struct str a, struct str b)
{
	memset(reach, 0, sizeof(reach));
	reach[0][0] = true;
	for (size_t i = 0; i <= a.len; i++) {
		for (size_t k = 0; k <= b.len; k++) {
			bool a_star = i < a.len && a.p[i] == '*';
			bool b_star = k < b.len && b.p[k] == '*';

			if (!reach[i][k])
				continue;
			if (a_star ||
			    (b_star && i < a.len)) /* b's star takes a byte of a */
				reach[i + 1][k] = true;
			if (b_star || (a_star && k < b.len))
				reach[i][k + 1] = true;
			if (i < a.len && k < b.len && a.p[i] == b.p[k])
				reach[i + 1][k + 1] = true;
		}
	}
	return reach[a.len][b.len];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
	struct str pattern, seen;
	enum glob_answer answer;
	bool sure;

	if (end == NULL)
		return 0;
	pattern = (struct str){(const char *)data, (size_t)(end - data)};
	seen = (struct str){(const char *)end + 1, size - pattern.len - 1};
	answer = glob_match(pattern, seen);
	sure = glob_valid(pattern) && glob_valid(seen);

	if (!sure && (answer != GLOB_MAYBE || glob_covers(pattern, seen)))
		abort();
	if (!sure)
		return 0;
	if ((answer == GLOB_YES) != glob_covers(pattern, seen))
		abort();
	if ((answer == GLOB_NO) != !product_meets(pattern, seen))
		abort();
	if (glob_match(pattern, pattern) != GLOB_YES)
		abort();
	if (glob_match(STR("*"), seen) != GLOB_YES)
		abort();
	return 0;
}
