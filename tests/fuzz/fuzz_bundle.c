/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_bundle - any bytes as the signatures of rules, as a private and as a public key.
 *
 * Properties: two signers are never found but where two lines are theirs; findings and who counts
 * agree; a key that is read is written as one that reads as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void read_keys(struct str text)
{
	struct sign_key *k = sign_private_parse(text), *again;
	uint8_t key[SIGN_KEY], same[SIGN_KEY];
	char pem[SIGN_PEM_MAX];

	(void)sign_base64_parse(text, key);
	if (k == NULL)
		return;
	again = sign_private_parse((struct str){pem, sign_private_format(k, pem)});
	demand(again != NULL && sign_key_public(k, key) && sign_key_public(again, same));
	demand(memcmp(key, same, sizeof(key)) == 0);
	sign_key_destroy(k);
	sign_key_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char digest[65] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static uint8_t keys[2][SIGN_KEY];
	static bool made;
	const struct bundle_signers signers = {(const uint8_t(*)[SIGN_KEY])keys, 2};
	char *copy = malloc(size == 0 ? 1 : size);
	struct diag *d = diag_create();
	uint32_t who;

	demand(copy != NULL && d != NULL);
	for (unsigned i = 0; i < 2 && !made; i++) {
		const uint8_t seed[SIGN_KEY] = {(uint8_t)(i + 1)};
		struct sign_key *k = sign_key_of(seed);

		demand(k != NULL && sign_key_public(k, keys[i]));
		sign_key_destroy(k);
	}
	made = true;
	if (size > 0)
		memcpy(copy, data, size);
	who = bundle_read("a.sig", (struct str){copy, size}, digest, &signers, d);
	demand((who == 3) == (diag_count(d, DIAG_ERROR) == 0) && who <= 3);
	read_keys((struct str){copy, size});
	diag_destroy(d);
	free(copy);
	return 0;
}
