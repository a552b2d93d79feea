/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a trace, as one comes by shared memory from a process that was taken over: no file,
 * or one whose blocks add up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "fuzz_packets: %s\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[PACKETS_BYTES_MAX];
	const size_t len =
		packets_form((struct str){(const char *)data, size}, buf, sizeof(buf));
	size_t at = 0;

	require(len <= sizeof(buf), "longer than its room");
	while (at < len) {
		uint32_t block, again;

		require(len - at >= 12, "a block is cut");
		memcpy(&block, buf + at + 4, sizeof(block));
		require(block >= 12 && block % 4 == 0 && block <= len - at,
			"a block's length cannot be");
		memcpy(&again, buf + at + block - 4, sizeof(again));
		require(again == block, "a block's lengths differ");
		at += block;
	}
	return 0;
}
