/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_suffix - a table of host patterns against one pattern after the other.
 *
 * Input: lines; the first is a host name, each further one a pattern.
 */
#include <stdlib.h>
#include <string.h>

#include "match/suffix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATTERNS_MAX 64

static struct str next_line(struct str *rest)
{
	const char *end = rest->len == 0 ? NULL : memchr(rest->p, '\n', rest->len);
	struct str line = *rest;

	if (end == NULL) {
		*rest = STR_NONE;
		return line;
	}
	line.len = (size_t)(end - rest->p);
	*rest = (struct str){end + 1, rest->len - line.len - 1};
	return line;
}

static void check_fault(struct str pattern)
{
	size_t at = SIZE_MAX;
	enum suffix_fault fault = suffix_check(pattern, &at);

	if (fault != SUFFIX_FINE && at > pattern.len)
		abort();
	if (fault == SUFFIX_BAD_BYTE && at >= pattern.len)
		abort();
	if (fault != SUFFIX_FINE && suffix_match(pattern, STR("a.example")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size};
	struct str host = next_line(&rest), patterns[PATTERNS_MAX];
	struct suffix_table *t = suffix_create();
	uint32_t got[PATTERNS_MAX], first;
	size_t count, want = 0;
	uint32_t added = 0;

	if (t == NULL)
		return 0;
	while (rest.len > 0 && added < PATTERNS_MAX) {
		struct str pattern = next_line(&rest);

		check_fault(pattern);
		if (suffix_add(t, pattern, added) != 0)
			continue;
		want += suffix_match(pattern, host);
		patterns[added++] = pattern;
	}
	if (suffix_seal(t) == 0) {
		count = suffix_find(t, host, got, PATTERNS_MAX);
		if (count != want)
			abort();
		for (size_t i = 0; i < count; i++) {
			if (got[i] >= added || !suffix_match(patterns[got[i]], host))
				abort();
		}
		if (suffix_find(t, host, &first, 1) != (want > 0 ? 1 : 0) ||
		    (want > 0 && first != got[0]))
			abort();
	}
	suffix_destroy(t);
	return 0;
}
