/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "record/verify_impl.h"

static struct taken_out *begin(struct taken_outs *t, const struct taken_here *at,
			       const struct ledger_proof *p)
{
	struct taken_out *one;

	if (t->count == t->room) {
		const size_t room = t->room == 0 ? 64 : 2 * t->room;
		struct taken_out *more = realloc(t->list, room * sizeof(*more));

		if (more == NULL)
			return NULL;
		t->list = more;
		t->room = room;
	}
	one = &t->list[t->count++];
	*one = (struct taken_out){.line = at->line,
				  .first_seq = at->seq,
				  .before = {p->sound_seq, p->sound_epoch,
					     p->sound_offset, p->sound_segment}};
	memcpy(one->name, at->name, strlen(at->name) + 1);
	return one;
}

bool taken_out_add(struct taken_outs *t, const struct taken_here *at, struct str line,
		   const struct ledger_proof *p)
{
	struct taken_out *one =
		at->again && t->count > 0 ? &t->list[t->count - 1] : begin(t, at, p);
	uint8_t digest[CHAIN_DIGEST];

	if (one == NULL)
		return false;
	/* Its first one in this range; an earlier range may have had some, too. */
	if (t->range > (size_t)(one - t->list))
		t->range = (size_t)(one - t->list);
	chain_digest(line.p, line.len + 1, digest);
	chain_add(one->head, digest);
	one->last_seq = at->seq;
	one->sealed_us = at->sealed_us;
	one->count++;
	return true;
}

/* The one that begins there, or the last one that begins before. */
static struct taken_out *find(struct taken_outs *t, uint64_t seq)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (t->list[mid].first_seq <= seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low == 0 ? NULL : &t->list[low - 1];
}

void taken_out_sealed(struct taken_outs *t, const struct expiring_count *seen,
		      const struct seal *s)
{
	unsigned gone = 0;
	bool fits;

	if (seen != NULL && seen->expired > 0) {
		fits = expiring_fits(seen, s->lines, &gone);
		/* A range is of one segment, or of the end of one and what follows. */
		for (size_t i = t->range; i < t->count; i++) {
			t->list[i].odd = t->list[i].odd || !fits;
			t->list[i].is_joined = i > t->range || t->list[i].is_joined;
		}
		if (t->range + 1 == t->count)
			t->list[t->range].gone |= gone;
		else if (t->count > 0)
			t->list[t->count - 1].joint |= gone;
	}
	t->range = t->count;
}

void taken_out_told(struct taken_outs *t, const struct seal *s)
{
	const struct seal_expired *e = &s->expired;
	struct taken_out *one = find(t, e->last_seq);

	if (one == NULL || one->first_seq < e->first_seq || one->last_seq > e->last_seq)
		return;
	one->said |= e->types;
	if (one->count == e->lines && memcmp(one->head, e->head, CHAIN_DIGEST) == 0) {
		one->told = true;
		one->age_us = s->time_us - one->sealed_us;
	}
}

/* Types of which all lines went, as a seal says. */
static unsigned went(const struct taken_out *one)
{
	return one->said & ~one->whole;
}

static bool is_told(const struct taken_outs *t, size_t i)
{
	const struct taken_out *one = &t->list[i];
	unsigned joint = went(one);

	for (size_t k = i; k > 0 && t->list[k].is_joined; k--)
		joint |= went(&t->list[k - 1]);
	return one->told && !one->odd && (one->gone & ~went(one)) == 0 &&
	       (one->joint & ~joint) == 0;
}

static struct ledger_finding finding_of(const struct taken_out *one)
{
	struct ledger_finding f = {.fault = FAULT_TAKEN_OUT,
				   .line = one->line,
				   .seq = one->first_seq,
				   .to_seq = one->last_seq};

	memcpy(f.segment, one->name, sizeof(f.segment));
	return f;
}

void taken_out_end(struct taken_outs *t, struct ledger_proof *p)
{
	const bool sound = p->finding_count == 0;

	for (size_t i = t->count; i-- > 0;) {
		const struct taken_out *one = &t->list[i];

		if (is_told(t, i)) {
			if (p->expired_segments == 0 || one->age_us < p->expired_age_us)
				p->expired_age_us = one->age_us;
			p->expired_lines += one->count;
			p->expired_segments++;
			continue;
		}
		if (p->sound_seq > one->before.seq) {
			p->sound_seq = one->before.seq;
			p->sound_epoch = one->before.epoch;
			p->sound_segment = one->before.segment;
			p->sound_offset = one->before.offset;
		}
		if (sound && p->finding_count++ < VERIFY_FINDINGS_MAX)
			p->findings[p->finding_count - 1] = finding_of(one);
	}
	free(t->list);
	*t = (struct taken_outs){.count = 0};
}
