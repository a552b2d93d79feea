/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ENGINE_INITIAL_H
#define TESTS_ENGINE_INITIAL_H

/* initial - datagrams that begin a QUIC connection, for the worker's tests; see play.h. */

#include "play.h"

#include "../identify/quic_seal.h"

static const uint8_t dcid[] = {1, 2, 3, 4, 5, 6, 7, 8};

/* Bytes [from, to) of the hello's message as an Initial under `id`; to 0 = all. */
static inline void make_initial_of(struct bytes *to, const uint8_t id[8],
				   const struct bytes *hello, uint32_t number,
				   size_t from, size_t until)
{
	static struct seal seal;
	static struct bytes frames;
	const size_t len = (until == 0 ? hello->len - 5 : until) - from;

	memset(&seal, 0, sizeof(seal));
	assert_true(quic_crypto_open(&seal.crypto));
	seal.dcid = id;
	seal.dcid_len = sizeof(dcid);
	seal.number = number;
	seal.pad_to = 1200;
	frames.len = to->len = 0;
	put_crypto(&frames, from, hello->b + 5 + from, len);
	put_initial(to, &seal, &frames);
	quic_crypto_close(&seal.crypto);
}

static inline void make_initial(struct bytes *to, const struct bytes *hello,
				uint32_t number, size_t from, size_t until)
{
	make_initial_of(to, dcid, hello, number, from, until);
}

#endif /* TESTS_ENGINE_INITIAL_H */
