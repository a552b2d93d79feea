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

/* Bytes [from, from + len) of the CRYPTO stream of one side, under the first id. */
static inline void make_crypto(struct bytes *to, bool server, uint32_t number,
			       size_t from, const void *data, size_t len)
{
	static struct seal seal;
	static struct bytes frames;

	memset(&seal, 0, sizeof(seal));
	assert_true(quic_crypto_open(&seal.crypto));
	seal.dcid = dcid;
	seal.dcid_len = sizeof(dcid);
	seal.number = number;
	seal.server = server;
	seal.pad_to = 1200;
	frames.len = to->len = 0;
	if (len > 0)
		put_crypto(&frames, from, data, len);
	put_initial(to, &seal, &frames);
	quic_crypto_close(&seal.crypto);
}

/* RFC 8446 4.1.3, without extensions */
static const char retry_message[] =
	"\x02\x00\x00\x28\x03\x03"
	"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
	"\x00\x13\x01\x00\x00\x00";

#endif /* TESTS_ENGINE_INITIAL_H */
