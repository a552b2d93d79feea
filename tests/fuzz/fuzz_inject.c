/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ICMP message about a packet of any bytes: never longer than allowed, never more than
 * the packet and a header, goes to the packet's source.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "enforce/inject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[INJECT_PACKET_MAX];
	struct addr to;
	const size_t n = inject_build_prohibited(data, size, &to, buf);
	const bool v4 = size > 0 && data[0] >> 4 == 4;

	if (n == 0)
		return 0;
	require(n > 8 && n - 8 <= size);
	require(memcmp(buf + 8, data, n - 8) == 0);
	require(addr_is_v4(&to) == v4);
	if (v4) {
		require(n <= 576 - 20 && buf[0] == 3 && buf[1] == 13);
		require(checksum_good(checksum_add(0, buf, n)));
		require(memcmp(to.b + 12, data + 12, 4) == 0);
		require(to.b[12] < 224 && data[16] < 224);
		require((data[6] & 0x1f) == 0 && data[7] == 0);
	} else {
		require(data[0] >> 4 == 6);
		require(n <= 1280 - 40 && buf[0] == 1 && buf[1] == 1);
		require(memcmp(to.b, data + 8, 16) == 0);
		require(to.b[0] != 0xff && data[24] != 0xff);
	}
	return 0;
}
