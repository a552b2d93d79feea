/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_server_hello - a server's bytes, and what they choose.
 *
 * Properties: bytes behind a hello change nothing, and what says nothing says nothing either
 * when it is cut.
 */
#include <stdlib.h>
#include <string.h>

#include "identify/identify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BEHIND 40

static bool same(const struct server_hello *a, const struct server_hello *b)
{
	return a->version == b->version && a->alpn_len == b->alpn_len &&
	       memcmp(a->alpn, b->alpn, a->alpn_len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server_hello whole, other;
	const bool read = identify_server_hello(data, size, &whole);
	uint8_t *more = malloc(size + BEHIND);

	if (more == NULL)
		return 0;
	if (size > 0)
		memcpy(more, data, size);
	memset(more + size, 43, BEHIND);
	if (read != (whole.version != 0) || whole.alpn_len > ALPN_MAX ||
	    (whole.alpn_len > 0 && (!read || whole.version > 0x0303)))
		abort();
	if (read && (!identify_server_hello(more, size + BEHIND, &other) ||
		     !same(&other, &whole)))
		abort();
	free(more);
	for (size_t cut = size; cut > 0; cut = cut * 3 / 4) {
		if (identify_server_hello(data, cut, &other) && !same(&other, &whole))
			abort();
	}
	return 0;
}
