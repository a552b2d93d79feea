/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guesser that was taken over may write into the ring of answers, and the header of IKE.
 * Whatever it is, only sound answers to what is open come through.  Rings and questions that
 * were rewound say what new ones say.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/guess.h"
#include "identify/ike.h"
#include "rewind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two rings between, and one who asks. */
struct talk {
	struct guess_rings rings;
	struct guesses *g;
	uint64_t hash; /* of all answers */
};

static void take(void *arg, void *owner, const struct ndpi_answer *a)
{
	struct talk *t = arg;

	if (owner != arg || !ndpi_answer_is_sound(a))
		abort();
	t->hash = hash_bytes(a->word, strlen(a->word), t->hash + a->confidence);
	t->hash = hash_bytes(a->host, strlen(a->host), t->hash);
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

static void begin(struct talk *t)
{
	struct guess_cfg cfg = {.rings = &t->rings, .take = take, .arg = t};

	t->rings = (struct guess_rings){ring_create(1 << 16), ring_create(1 << 16)};
	t->g = guesses_create(&cfg);
	if (t->rings.asks == NULL || t->rings.answers == NULL || t->g == NULL)
		abort();
}

static void end(struct talk *t)
{
	guesses_destroy(t->g);
	ring_destroy(t->rings.asks);
	ring_destroy(t->rings.answers);
}

static uint64_t play(struct talk *t, const uint8_t *data, size_t size)
{
	const struct packet p = {.ip_proto = IP_PROTO_UDP,
				 .has_l4 = true,
				 .payload = (const uint8_t *)"?",
				 .payload_len = 1};
	struct guess_stats stats;

	t->hash = 0;
	guess_feed(t->g, guess_start(t->g, t, IP_PROTO_UDP), &p, 0);
	guesses_stats(t->g, &stats);
	if (stats.dropped > 0) /* then nothing would be open */
		abort();
	say(t->rings.answers, data, size);
	guesses_poll(t->g);
	return t->hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rewind rewind;
	static struct talk kept;
	struct talk fresh;
	uint64_t hash;

	(void)ike_begins(data, size);
	if (kept.g == NULL) {
		rewind_record(&rewind);
		begin(&kept);
		rewind_mark(&rewind);
	}
	rewind_back(&rewind);
	hash = play(&kept, data, size);
	if (!rewind_is_compared(data, size))
		return 0;
	begin(&fresh);
	if (play(&fresh, data, size) != hash)
		abort();
	end(&fresh);
	return 0;
}
