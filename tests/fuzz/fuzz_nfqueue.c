/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_nfqueue - a netlink datagram of the packet queue, any bytes.
 *
 * Properties: payloads lie within the datagram, lengths agree, every message takes bytes
 * off it, and a datagram cut in half gives no more messages than the whole one.
 */
#include <stdint.h>
#include <stdlib.h>

#include "capture/nfqueue_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_message(const struct nfqueue_message *m, const uint8_t *data,
			  size_t size)
{
	volatile unsigned touched = 0;

	switch (m->kind) {
	case NFQUEUE_MESSAGE_PACKET:
		require(m->len >= m->payload_len);
		require((m->payload == NULL) == (m->payload_len == 0));
		if (m->payload == NULL)
			break;
		require(m->payload >= data && m->payload_len <= size);
		require((size_t)(m->payload - data) <= size - m->payload_len);
		for (uint32_t i = 0; i < m->payload_len; i++)
			touched = touched + m->payload[i];
		break;
	case NFQUEUE_MESSAGE_ERROR:
		require(m->error >= 0);
		break;
	case NFQUEUE_MESSAGE_OTHER:
		break;
	}
}

static size_t count_messages(const uint8_t *data, size_t size)
{
	struct cursor c = cur_init(data, size);
	struct nfqueue_message m;
	size_t left = size;
	size_t n = 0;

	while (nfqueue_parse(&c, &m)) {
		require(cur_ok(&c) && c.left < left);
		left = c.left;
		check_message(&m, data, size);
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t whole = count_messages(data, size);

	require(count_messages(data, size / 2) <= whole);
	return 0;
}
