/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PUT_H
#define BASE_PUT_H

/*
 * put - numbers in network byte order, for who makes packets; each returns the place behind.
 * Of a number that is too large the lower bytes.
 *
 * The room is the caller's.  What others sent is read by base/cursor.h.
 */

#include <stddef.h>
#include <stdint.h>

static inline uint8_t *put_be16(uint8_t *at, size_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static inline uint8_t *put_be32(uint8_t *at, uint32_t v)
{
	return put_be16(put_be16(at, v >> 16), v & UINT16_MAX);
}

#endif /* BASE_PUT_H */
