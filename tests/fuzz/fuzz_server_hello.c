/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_server_hello - a server's bytes, and the TLS version that they choose.
 *
 * Properties: bytes behind a hello change nothing, and what says nothing says nothing either
 * when it is cut.
 */
#include <stdlib.h>
#include <string.h>

#include "identify/identify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BEHIND 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint16_t version = identify_server_hello(data, size);
	uint8_t *more = malloc(size + BEHIND);

	if (more == NULL)
		return 0;
	if (size > 0)
		memcpy(more, data, size);
	memset(more + size, 43, BEHIND);
	if (version != 0 && identify_server_hello(more, size + BEHIND) != version)
		abort();
	free(more);
	for (size_t cut = size; cut > 0; cut = cut * 3 / 4) {
		const uint16_t less = identify_server_hello(data, cut);

		if (less != 0 && less != version)
			abort();
	}
	return 0;
}
