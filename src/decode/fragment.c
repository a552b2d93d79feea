/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/fragment.h"

#include <string.h>

#include "base/hash.h"

static struct datagram **bucket_of(struct fragments *t, const struct fragment_key *key)
{
	return &t->buckets[hash_bytes(key, sizeof(*key), t->seed) & t->bucket_mask];
}

static struct datagram *datagram_find(struct fragments *t, const struct fragment_key *key)
{
	struct datagram *d = *bucket_of(t, key);

	while (d != NULL && memcmp(&d->key, key, sizeof(*key)) != 0)
		d = d->chain;
	return d;
}

static void deadline_refresh(struct fragments *t)
{
	t->next_deadline_us = t->oldest == NULL ? INT64_MAX : t->oldest->deadline_us;
}

/* Room for a new datagram, or NULL: all are in use. */
static struct datagram *datagram_start(struct fragments *t,
				       const struct fragment_key *key, int64_t clock_us)
{
	struct datagram **bucket = bucket_of(t, key);
	struct datagram *d = pool_get(t->datagrams);

	if (d == NULL)
		return NULL;
	memset(d, 0, sizeof(*d));
	d->bytes = pool_get(t->buffers);
	if (d->bytes == NULL) {
		pool_put(t->datagrams, d);
		return NULL;
	}
	d->key = *key;
	d->state = DECODE_FRAGMENT_HELD;
	if (__builtin_add_overflow(clock_us, t->timeout_us, &d->deadline_us))
		d->deadline_us = INT64_MAX;

	d->chain = *bucket;
	*bucket = d;
	/* The frame clock never goes back: the newest has the latest deadline. */
	d->older = t->newest;
	if (t->newest != NULL)
		t->newest->newer = d;
	else
		t->oldest = d;
	t->newest = d;
	deadline_refresh(t);
	return d;
}

static void datagram_end(struct fragments *t, struct datagram *d)
{
	struct datagram **at = bucket_of(t, &d->key);

	while (*at != d)
		at = &(*at)->chain;
	*at = d->chain;

	if (d->older != NULL)
		d->older->newer = d->newer;
	else
		t->oldest = d->newer;
	if (d->newer != NULL)
		d->newer->older = d->older;
	else
		t->newest = d->older;
	deadline_refresh(t);
	pool_put(t->buffers, d->bytes);
	pool_put(t->datagrams, d);
}

/* Nothing of it will be delivered; it stays known so that the rest of it is refused too. */
static enum decode_result datagram_condemn(struct fragments *t, struct datagram *d,
					   enum decode_result why)
{
	pool_put(t->buffers, d->bytes);
	d->bytes = NULL;
	d->state = why;
	return why;
}

/* How many of the units that [offset, offset + len) touches are held. */
static uint32_t units_held(const struct datagram *d, uint32_t offset, uint32_t len)
{
	const uint32_t first = offset / FRAGMENT_UNIT;
	const uint32_t end = (offset + len + FRAGMENT_UNIT - 1) / FRAGMENT_UNIT;
	uint32_t held = 0;

	for (uint32_t u = first; u < end; u++)
		held += (uint32_t)(d->units[u / 64] >> (u % 64) & 1);
	return held;
}

static void units_mark(struct datagram *d, uint32_t offset, uint32_t len)
{
	const uint32_t first = offset / FRAGMENT_UNIT;
	const uint32_t end = (offset + len + FRAGMENT_UNIT - 1) / FRAGMENT_UNIT;

	for (uint32_t u = first; u < end; u++)
		d->units[u / 64] |= (uint64_t)1 << (u % 64);
}

/* A fragment that no datagram can have: it is refused alone, whatever it belongs to. */
static bool fragment_possible(const struct fragment *f)
{
	if (f->len == 0 || f->offset > f->bytes_max || f->len > f->bytes_max - f->offset)
		return false;
	return !f->more || f->len % FRAGMENT_UNIT == 0;
}

/* Whether `f` fits what is known of where the datagram ends. */
static bool end_agrees(const struct datagram *d, const struct fragment *f)
{
	const uint32_t end = f->offset + f->len;

	if (!f->more)
		return d->end == 0 ? end >= d->highest : end == d->end;
	return d->end == 0 || end < d->end;
}

static void take_back(struct fragments *t)
{
	while (t->lent_count > 0)
		pool_put(t->buffers, t->lent[--t->lent_count]);
}

/* Keep what is new of a fragment; true: it says something else of what is not. */
static bool keep_new(struct datagram *d, const struct fragment *f)
{
	bool differs = false;

	for (uint32_t at = 0; at < f->len; at += FRAGMENT_UNIT) {
		const uint32_t left = f->len - at;
		const uint32_t n = left < FRAGMENT_UNIT ? left : FRAGMENT_UNIT;

		if (units_held(d, f->offset + at, n) != 0) {
			differs |=
				memcmp(d->bytes + f->offset + at, f->data + at, n) != 0;
			continue;
		}
		memcpy(d->bytes + f->offset + at, f->data + at, n);
		units_mark(d, f->offset + at, n);
		d->have += n;
	}
	return differs;
}

enum decode_result fragments_add(struct fragments *t, const struct fragment *f,
				 int64_t clock_us, struct datagram_whole *ret)
{
	struct datagram *d;
	uint32_t held, have;
	bool begins, differs;

	if (!f->inside)
		take_back(t);
	if (!fragment_possible(f) || t->lent_count == FRAGMENT_LENT_MAX)
		return DECODE_FRAGMENT_BAD;
	d = datagram_find(t, &f->key);
	if (d == NULL)
		d = datagram_start(t, &f->key, clock_us);
	if (d == NULL)
		return DECODE_FRAGMENT_CAP;
	if (d->state != DECODE_FRAGMENT_HELD)
		return d->state;

	if (!end_agrees(d, f))
		return datagram_condemn(t, d, DECODE_FRAGMENT_BAD);
	held = units_held(d, f->offset, f->len);
	if (held != 0 && !f->may_overlap) {
		const uint32_t units = (f->len + FRAGMENT_UNIT - 1) / FRAGMENT_UNIT;
		const bool same = held == units &&
				  memcmp(d->bytes + f->offset, f->data, f->len) == 0;

		return same ? DECODE_FRAGMENT_HELD
			    : datagram_condemn(t, d, DECODE_FRAGMENT_OVERLAP);
	}
	begins = f->offset == 0 && units_held(d, 0, 1) == 0;
	have = d->have;
	differs = keep_new(d, f);
	d->overlaps |= differs;
	if (d->have > have)
		d->ip_len += f->ip_len;
	if (f->offset + f->len > d->highest)
		d->highest = f->offset + f->len;
	if (!f->more)
		d->end = d->highest;
	if (begins) {
		d->next = f->next;
		d->ttl = f->ttl;
	}
	if (d->end == 0 || d->have != d->end)
		return differs ? DECODE_FRAGMENT_OVERLAP : DECODE_FRAGMENT_HELD;

	*ret = (struct datagram_whole){.data = d->bytes,
				       .len = d->end,
				       .ip_len = d->ip_len,
				       .next = d->next,
				       .ttl = d->ttl,
				       .overlaps = d->overlaps};
	t->lent[t->lent_count++] = d->bytes;
	d->bytes = NULL;
	datagram_end(t, d);
	return DECODE_OK;
}

uint64_t fragments_expire(struct fragments *t, int64_t clock_us)
{
	uint64_t waiting = 0;

	while (t->oldest != NULL && t->oldest->deadline_us <= clock_us) {
		if (t->oldest->state == DECODE_FRAGMENT_HELD)
			waiting++;
		datagram_end(t, t->oldest);
	}
	return waiting;
}
