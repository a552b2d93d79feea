/* SPDX-License-Identifier: Apache-2.0 */
#include "record/chain.h"

#include <string.h>

#include "base/hash.h"

void chain_start(const uint8_t root_public[32], uint8_t ret_head[CHAIN_DIGEST])
{
	static const char domain[] = "weir-ledger-1\n";
	struct digest d;

	digest_start(&d);
	digest_add(&d, domain, sizeof(domain) - 1);
	digest_add(&d, root_public, 32);
	digest_end(&d, ret_head);
}

void chain_digest(const char *line, size_t len, uint8_t ret[CHAIN_DIGEST])
{
	digest_sha256(line, len, ret);
}

void chain_add(uint8_t head[CHAIN_DIGEST], const uint8_t digest[CHAIN_DIGEST])
{
	uint8_t both[2 * CHAIN_DIGEST];

	memcpy(both, head, CHAIN_DIGEST);
	memcpy(both + CHAIN_DIGEST, digest, CHAIN_DIGEST);
	digest_sha256(both, sizeof(both), head);
}
