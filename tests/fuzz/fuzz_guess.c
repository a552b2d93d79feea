/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guesser that was taken over may write into the ring of answers, and the header of IKE.
 * Whatever it is, only sound answers to what is open come through.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/guess.h"
#include "identify/ike.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *arg, void *owner, const struct ndpi_answer *a)
{
	if (owner != arg || !ndpi_answer_is_sound(a))
		abort();
}

/* Records of the input: a length byte, then so many bytes. */
static void say(struct ring *r, const uint8_t *data, size_t size)
{
	while (size > 0) {
		const size_t len = data[0] < size ? data[0] : size - 1;
		void *at = ring_reserve(r, len);

		if (at == NULL)
			return;
		memcpy(at, data + 1, len);
		ring_commit(r, len);
		data += 1 + len;
		size -= 1 + len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guess_rings rings = {ring_create(1 << 13), ring_create(1 << 16)};
	const struct guess_cfg cfg = {.rings = &rings, .take = take, .arg = &rings};
	const struct packet p = {.ip_proto = IP_PROTO_UDP,
				 .has_l4 = true,
				 .payload = (const uint8_t *)"?",
				 .payload_len = 1};
	struct guesses *g = guesses_create(&cfg);

	(void)ike_begins(data, size);
	if (rings.asks == NULL || rings.answers == NULL || g == NULL)
		abort();
	guess_feed(g, guess_start(g, &rings, IP_PROTO_UDP), &p, 0);
	say(rings.answers, data, size);
	guesses_poll(g);
	guesses_destroy(g);
	ring_destroy(rings.asks);
	ring_destroy(rings.answers);
	return 0;
}
