/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DECODE_CHECKSUM_H
#define DECODE_CHECKSUM_H

/*
 * checksum - the Internet checksum (RFC 1071), verified and never written.
 *
 * Sums are taken in the machine's byte order: a one's complement sum is all ones in either
 * order (RFC 1071 section 2(B)), and only that is asked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Add `len` bytes, which start on an even offset of what is summed. */
static inline uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len)
{
	uint32_t word;
	uint16_t half;
	uint8_t last[2] = {0, 0};

	for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		sum += word;
	}
	if (len >= sizeof(half)) {
		memcpy(&half, data, sizeof(half));
		sum += half;
		data += sizeof(half);
		len -= sizeof(half);
	}
	if (len != 0) {
		last[0] = data[0];
		memcpy(&half, last, sizeof(half));
		sum += half;
	}
	return sum;
}

/* Whether a sum that covered the checksum field says that nothing was changed. */
static inline bool checksum_good(uint64_t sum)
{
	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	return sum == UINT16_MAX;
}

#endif /* DECODE_CHECKSUM_H */
