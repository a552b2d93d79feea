/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_neighbours - a netlink datagram of the neighbour table, any bytes.
 *
 * Properties: a MAC and the address before or behind it lie within the datagram, each message
 * tells one neighbour at most, and a datagram cut in half tells no more of them, and the same.
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/neighbours.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEPT 64u

struct seen {
	const uint8_t *data;
	size_t size, count;
	struct addr addrs[KEPT];
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static bool holds_bytes(const struct seen *s, const void *bytes, size_t len)
{
	return memmem(s->data, s->size, bytes, len) != NULL;
}

static void see(void *arg, const struct addr *a, const uint8_t *mac)
{
	struct seen *s = arg;
	uint8_t bytes[16];
	size_t len;

	require(mac >= s->data && (size_t)(mac - s->data) <= s->size - 6);
	len = addr_is_v4(a) ? 4 : 16;
	memcpy(bytes, a->b + sizeof(a->b) - len, len);
	require(holds_bytes(s, bytes, len));
	if (s->count < KEPT)
		s->addrs[s->count] = *a;
	s->count++;
}

static void look(struct seen *s, const uint8_t *data, size_t size)
{
	*s = (struct seen){.data = data, .size = size};
	neighbours_parse(data, size, see, s);
	require(s->count <= size / (sizeof(struct nlmsghdr) + sizeof(struct ndmsg)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, half;

	look(&whole, data, size);
	look(&half, data, size / 2);
	require(half.count <= whole.count);
	for (size_t i = 0; i < half.count && i < KEPT; i++)
		require(addr_equal(&half.addrs[i], &whole.addrs[i]));
	return 0;
}
