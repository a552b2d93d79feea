/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_CHAIN_H
#define RECORD_CHAIN_H

/*
 * chain - the running digest over a ledger's lines.
 *
 *   D(n) = SHA-256(line n with its newline)
 *   H(0) = SHA-256("weir-ledger-1\n" || the root's public key, 32 bytes)
 *   H(n) = SHA-256(H(n-1) || D(n))
 *
 * Digests of lines are chained, not lines, so that one line can be proven without showing
 * those beside it.  docs/ledger.md is the contract.
 *
 * Threads: values of the caller; nothing shared.  No allocation.
 */

#include <stddef.h>
#include <stdint.h>

#define CHAIN_DIGEST 32
#define CHAIN_TAG    8 /* first bytes of D(n): what the sidecar keeps */

void chain_start(const uint8_t root_public[32], uint8_t ret_head[CHAIN_DIGEST]);

/* `line` with its newline. */
void chain_digest(const char *line, size_t len, uint8_t ret[CHAIN_DIGEST]);

/* head: H(n-1) before, H(n) after. */
void chain_add(uint8_t head[CHAIN_DIGEST], const uint8_t digest[CHAIN_DIGEST]);

#endif /* RECORD_CHAIN_H */
