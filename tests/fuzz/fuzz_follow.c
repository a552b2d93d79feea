/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_follow - from request to request through a client's stream.
 *
 * Input: u8 size of the first pieces | stream.  Property: requests, their hosts, and where the step is
 * lost are the same whether the stream comes whole or in pieces.
 */
#include "../unit/identify/check_facts.h"
#include "base/hash.h"
#include "identify/http_follow.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A digest of all that is told; the stream comes in pieces, the first of `piece` bytes. */
static uint64_t walk(struct identify *id, struct str bytes, size_t piece)
{
	struct http_follow hf = {0};
	uint64_t sum = 0;
	struct pieces cut = pieces_start(bytes.len, piece);
	size_t at = 0;

	while (pieces_next(&cut)) {
		for (;;) {
			const struct str part = {bytes.p + at, cut.at - at};
			size_t used = 0;
			struct facts f;
			enum http_step step;

			memset(&f, 0, sizeof(f));
			step = identify_http(id, &hf, part, false, 80, &used, &f);
			if (used > part.len)
				abort();
			at += used;
			if (step != HTTP_STEP_MORE) {
				check_facts(&f);
				sum = hash_bytes(f.host, f.host_len, sum) + at * 31 +
				      (uint64_t)f.undecidable;
			}
			if (step == HTTP_STEP_LOST)
				return sum;
			if (used == 0)
				break;
		}
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct identify *id;
	struct str bytes;

	if (id == NULL)
		id = identify_create();
	if (id == NULL || size < 2 || size > 16384)
		return 0;
	bytes = (struct str){(const char *)data + 1, size - 1};
	if (walk(id, bytes, bytes.len) != walk(id, bytes, 1u + data[0]))
		abort();
	return 0;
}
