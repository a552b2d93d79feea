/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a seal, an anchors file, a key file, a public key; and what is read as a seal is
 * what would be written, an expired line too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/anchors.h"
#include "record/keys.h"
#include "record/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void read_seal(struct str line)
{
	static struct sign_key *key;
	const struct str origin = seal_origin_of(line);
	char again[SEAL_LINE_MAX];
	struct seal s;
	uint8_t seed[SIGN_KEY] = {1};
	uint64_t seq;
	int64_t us;

	(void)line_time(line, &us);
	if (!seal_parse(line, &s))
		return;
	demand(line_seq(line, &seq) && seq == s.seq && s.signed_len < line.len);
	if (key == NULL)
		key = sign_key_of(seed);
	demand(key != NULL);
	/* An origin over its cap is none; all else is as it was. */
	if (seal_format(&s, origin, key, again) > 0 && origin.len > 0)
		demand(memcmp(again, line.p, s.signed_len) == 0);
}

static void read_expired(struct str line)
{
	uint8_t digest[CHAIN_DIGEST];
	char again[4096];
	uint64_t seq;

	if (line.len > sizeof(again) || !expired_parse(line, &seq, digest))
		return;
	demand(expired_format(seq, digest, again, line.len));
	demand(memcmp(again, line.p, line.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size: a read past its end is seen. */
	char *copy = malloc(size == 0 ? 1 : size);
	struct str text = {copy, size};
	struct anchors a;
	struct key_file f;
	uint8_t key[SIGN_KEY];

	demand(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	read_seal(text);
	read_expired(text);
	if (anchors_parse(text, &a) == 0)
		anchors_finish(&a);
	(void)key_file_parse(text, &f);
	(void)sign_pem_parse(text, key);
	free(copy);
	return 0;
}
