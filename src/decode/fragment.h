/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DECODE_FRAGMENT_H
#define DECODE_FRAGMENT_H

/*
 * fragment - IP datagrams put together from their fragments, in any order.
 *
 * Bytes are written once.  A fragment whose bytes are all held already, and equal, changes
 * nothing (RFC 8200 section 4.5 allows duplicates; Linux ignores the same ones).  Any other
 * overlap, and any contradiction about the datagram's end, condemns the datagram: nothing of
 * it is delivered and later fragments of it get the same answer until its time is over
 * (RFC 5722; the same for IPv4, where systems differ in which copy they believe).
 *
 * Caps: the datagrams in flight, condemned ones too, number at most what the decoder was
 * created for; each holds at most FRAGMENT_BYTES_MAX.  When all are in use a new datagram is
 * refused: those under way are not made to suffer for it.
 *
 * Memory: pools reserved at creation, resident as used; the table's own calls allocate
 * nothing.  Threads: one table a decoder.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/pool.h"
#include "decode/decode.h"

#define FRAGMENT_BYTES_MAX 65536u
#define FRAGMENT_UNIT      8u /* offsets count in these (RFC 791, RFC 8200 section 4.5) */
#define FRAGMENT_LENT_MAX  (DECODE_TUNNELS_MAX + 1)
#define FRAGMENT_UNITS     (FRAGMENT_BYTES_MAX / FRAGMENT_UNIT)

/* What the fragments of a datagram share.  No padding: compared and hashed as bytes. */
struct fragment_key {
	struct addr src, dst;
	uint32_t id;
	uint32_t proto; /* IPv4: the protocol; IPv6 does not tell by it: 0 */
};

struct fragment {
	struct fragment_key key;
	uint32_t offset; /* in bytes */
	bool more;       /* others follow this one */
	const uint8_t *data;
	uint32_t len;
	uint32_t ip_len;    /* IP total length of this packet */
	uint32_t bytes_max; /* the most that a datagram of this family can hold */
	uint8_t next;       /* protocol of the datagram, as this fragment has it */
	uint8_t ttl;
	bool may_overlap; /* IPv4: receivers take overlaps (RFC 791 3.2), not IPv6 (RFC 5722) */
	bool inside; /* `data` lies in a datagram lent before */
};

/*
 * A datagram that is complete.  `data` is lent until the next fragments_add() of a fragment
 * that lies not inside one.
 */
struct datagram_whole {
	const uint8_t *data;
	uint32_t len;
	uint32_t ip_len; /* sum over the fragments */
	uint8_t next;    /* these two by the fragment at offset 0 */
	uint8_t ttl;
	bool overlaps; /* some byte came with two values; the first one is here */
};

struct datagram {
	struct fragment_key key;
	struct datagram *chain;         /* next of the same bucket */
	struct datagram *older, *newer; /* in the order of their deadlines */
	int64_t deadline_us;            /* by frame clock */
	enum decode_result state;       /* FRAGMENT_HELD, or why it is condemned */
	uint8_t *bytes;                 /* NULL once condemned */
	uint32_t have;                  /* bytes held */
	uint32_t highest;               /* one past the last byte held */
	uint32_t end;                   /* length of the datagram; 0 = not known yet */
	uint32_t ip_len;
	uint8_t next, ttl;
	bool overlaps;
	uint64_t units[FRAGMENT_UNITS / 64]; /* a bit for each unit held */
};

struct fragments {
	struct pool *datagrams;
	struct pool *buffers; /* more than datagrams: for `lent` */
	struct datagram **buckets;
	uint32_t bucket_mask;
	uint64_t seed;
	int64_t timeout_us;
	int64_t next_deadline_us; /* of `oldest`; INT64_MAX = none */
	struct datagram *oldest, *newest;
	/* Buffers of the datagrams delivered last: a tunnel's, and that of a packet in it. */
	uint8_t *lent[FRAGMENT_LENT_MAX];
	uint32_t lent_count;
};

/*
 * Take a fragment; it is not checked yet but for its length being what was captured.
 * DECODE_OK: the datagram is complete and in *ret.  Else DECODE_FRAGMENT_HELD, _BAD,
 * _OVERLAP or _CAP, and *ret is untouched.  A datagram whose fragments may overlap goes on after
 * _OVERLAP.
 */
enum decode_result fragments_add(struct fragments *t, const struct fragment *f,
				 int64_t clock_us, struct datagram_whole *ret);

/*
 * Forget the datagrams whose deadline is not after `clock_us`; the number of those that were
 * still waiting.  Cheap to skip: nothing is due before t->next_deadline_us.
 */
uint64_t fragments_expire(struct fragments *t, int64_t clock_us);

#endif /* DECODE_FRAGMENT_H */
