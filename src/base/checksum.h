/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

/*
 * checksum - the Internet checksum (RFC 1071): sums, whether one is right, the field itself.
 *
 * Sums are taken in the machine's byte order: a one's complement sum is the same in either
 * order but for the order of its own two bytes (RFC 1071 section 2(B)).
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

/* The one's complement sum in 16 bits, in the machine's byte order. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 32) + (sum & UINT32_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	sum = (sum >> 16) + (sum & UINT16_MAX);
	return (uint16_t)sum;
}

/* Whether a sum that covered the checksum field says that nothing was changed. */
static inline bool checksum_good(uint64_t sum)
{
	return checksum_fold(sum) == UINT16_MAX;
}

/* Whether the field at `field` is what a network card is given to complete: `sum`, folded. */
static inline bool checksum_is_partial(const uint8_t field[2], uint64_t sum)
{
	const uint16_t value = checksum_fold(sum);

	return memcmp(field, &value, sizeof(value)) == 0;
}

/* Write the field at `field`, which was zero when `sum` was taken. */
static inline void checksum_put(uint8_t field[2], uint64_t sum)
{
	const uint16_t value = (uint16_t)~checksum_fold(sum);

	memcpy(field, &value, sizeof(value));
}

#endif /* BASE_CHECKSUM_H */
