/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

/*
 * cursor - the only way to read bytes that came from the wire or from a binary file.
 *
 * Error model: sticky.  The first read past the end sets `bad` and leaves nothing; every later
 *              read returns 0, so a decoder reads a whole header and tests cur_ok() once.
 * Memory:      borrows the bytes; never copies, never allocates.
 * Threads:     a value type on the stack; nothing shared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *p; /* next unread byte; borrowed */
	size_t left;      /* bytes from p to the end; 0 when bad */
	bool bad;         /* some read went past the end */
};

static inline struct cursor cur_init(const uint8_t *data, size_t len)
{
	return (struct cursor){.p = data, .left = len, .bad = false};
}

static inline bool cur_ok(const struct cursor *c)
{
	return !c->bad;
}

/* Take `n` bytes: pointer to them, or NULL (and bad) when fewer are left. */
static inline const uint8_t *cur_take(struct cursor *c, size_t n)
{
	const uint8_t *at = c->p;

	if (n > c->left || c->bad) {
		c->bad = true;
		c->left = 0;
		return NULL;
	}
	c->p += n;
	c->left -= n;
	return at;
}

/* A cursor over the next `n` bytes; bad (and empty) when fewer are left, as is `c` then. */
static inline struct cursor cur_sub(struct cursor *c, size_t n)
{
	const uint8_t *at = cur_take(c, n);

	return (struct cursor){.p = at, .left = at == NULL ? 0 : n, .bad = at == NULL};
}

static inline void cur_skip(struct cursor *c, size_t n)
{
	(void)cur_take(c, n);
}

static inline uint8_t cur_u8(struct cursor *c)
{
	const uint8_t *b = cur_take(c, 1);

	return b == NULL ? 0 : b[0];
}

/* be = network byte order, le = little endian; any alignment. */
static inline uint16_t cur_be16(struct cursor *c)
{
	const uint8_t *b = cur_take(c, 2);

	return b == NULL ? 0 : (uint16_t)((unsigned)b[0] << 8 | b[1]);
}

static inline uint32_t cur_be24(struct cursor *c)
{
	const uint8_t *b = cur_take(c, 3);

	return b == NULL ? 0 : (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
}

static inline uint32_t cur_be32(struct cursor *c)
{
	const uint8_t *b = cur_take(c, 4);

	return b == NULL ? 0
			 : (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
				   (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t cur_be64(struct cursor *c)
{
	uint64_t hi = cur_be32(c);
	uint64_t lo = cur_be32(c);

	return c->bad ? 0 : hi << 32 | lo;
}

static inline uint16_t cur_le16(struct cursor *c)
{
	const uint8_t *b = cur_take(c, 2);

	return b == NULL ? 0 : (uint16_t)((unsigned)b[1] << 8 | b[0]);
}

static inline uint32_t cur_le32(struct cursor *c)
{
	const uint8_t *b = cur_take(c, 4);

	return b == NULL ? 0
			 : (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 |
				   (uint32_t)b[1] << 8 | b[0];
}

#endif /* BASE_CURSOR_H */
