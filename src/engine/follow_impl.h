/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FOLLOW_IMPL_H
#define ENGINE_FOLLOW_IMPL_H

/* follow_impl - what the files of follow share. */

#include "engine/conn.h"

/* The packet at hand, and where its bytes lie in the stream. */
struct piece {
	const struct packet *pkt;
	bool from_client;
	uint32_t at;
	struct str bytes;
};

/* Cut off what lies in front of `next`; false: nothing is left. */
static inline bool piece_trim(struct piece *p, uint32_t next)
{
	const int32_t before = (int32_t)(next - p->at);

	if (before <= 0)
		return p->bytes.len > 0;
	if ((size_t)before >= p->bytes.len)
		return false;
	p->at = next;
	p->bytes.p += before;
	p->bytes.len -= (size_t)before;
	return true;
}

/* Other bytes than those of a head that begins at offset `base` of the stream. */
static inline bool piece_contradicts(const struct piece *p, const struct head *h,
				     uint32_t base)
{
	struct piece in = *p;

	return h->highest > 0 && piece_trim(&in, base) &&
	       head_contradicts(h, in.at - base, (const uint8_t *)in.bytes.p,
				in.bytes.len);
}

/* How many of its bytes stand in front of the first one that contradicts. */
static inline size_t piece_agrees(const struct piece *p, const struct head *h,
				  uint32_t base)
{
	struct piece in = *p;

	if (h->highest == 0 || !piece_trim(&in, base))
		return p->bytes.len;
	return p->bytes.len - in.bytes.len +
	       head_agrees(h, in.at - base, (const uint8_t *)in.bytes.p, in.bytes.len);
}

static inline struct follower *follower_of(const struct worker *w, const struct conn *c)
{
	return c->follower == POOL_NONE ? NULL : pool_at(w->followers, c->follower);
}

static inline void lane_advance(struct worker *w, struct lane *l, uint32_t n)
{
	l->next += n;
	head_drop(&l->head, w->heads, n);
}

static inline struct str lane_bytes(const struct lane *l)
{
	return (struct str){(const char *)l->head.bytes, l->head.filled};
}

static inline uint32_t guard_end(const struct follower *fo)
{
	return fo->guard_at + fo->guard.highest;
}

/* ---- follow.c ---- */

void follow_stop(struct worker *w, struct conn *c);
void follow_free_chunks(struct worker *w, struct follower *fo);

/* Has the server acknowledged the client's bytes up to `end`?  Of a server that nobody sees: yes. */
bool follow_is_taken(const struct worker *w, const struct flow *fl, uint32_t end);

/* The header section in the guard, which was read before; and judged by it. */
void follow_read_waiting(struct worker *w, const struct flow *fl,
			 const struct follower *fo, struct facts *f);
void follow_judge_waiting(struct worker *w, struct flow *fl, struct conn *c,
			  struct follower *fo);

/* Judge the connection as undecidable because of `why`. */
void follow_judge_unknown(struct worker *w, struct flow *fl, struct conn *c,
			  enum undecidable why);

/* What follows cannot be read: the connection is judged as what it is, once. */
void follow_give_up(struct worker *w, struct flow *fl, struct conn *c,
		    enum undecidable why);

/* ---- follow_contest.c, all of it for who only watches ---- */

/* Leave out what the server had acknowledged before, of which each reading has a copy. */
void follow_trim_taken(const struct flow *fl, const struct follower *fo, struct piece *p);

/* A segment of the client that contradicts nothing, before it is read. */
void follow_note_segment(struct follower *fo, const struct piece *p);

/* Two contents for a header that the server has not acknowledged: one of both hosts. */
void follow_contest_header(struct worker *w, struct flow *fl, struct conn *c,
			   struct follower *fo, struct piece *p);
/* The same of what waits to be read. */
void follow_contest_lane(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo, struct piece *p);
/* Two framings of one body, of which `at` is the first part that is another. */
void follow_contest_chunks(struct worker *w, struct flow *fl, struct conn *c,
			   struct follower *fo, const struct chunk_frame *at,
			   struct piece *p);
/* A byte that servers may take out (rival_read_urgent).  False: nobody knows what is left. */
bool follow_contest_urgent(struct worker *w, struct flow *fl, struct conn *c,
			   struct follower *fo, uint32_t at);

/*
 * What the judged head holds behind the first request has two contents, more than in a body.  True:
 * so it is.
 */
bool follow_contest_go_on(struct worker *w, struct flow *fl, struct conn *c,
			  struct follower *fo, struct pending *p);

/*
 * A packet of a connection with two contents.  More may come, and all that is read is noted, until
 * the server has taken one of them.
 */
void follow_contest_feed(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo, struct piece *p);

/* Note whom each content names that the server may have made of all that was seen. */
void follow_contest_name_all(struct worker *w, struct flow *fl, struct conn *c,
			     struct follower *fo);
void follow_contest_end(struct worker *w, struct follower *fo);

/* ---- follow_open.c ---- */

/* It has begun with mail in clear, which is told on. */
void follow_remember_mail(const struct worker *w, const struct conn *c, struct facts *f);

/* The proxy was asked for the one, what stands inside names another: both are told. */
void follow_contradict(struct worker *w, struct conn *c, struct str asked,
		       struct facts *f);

/* What was sent for a tunnel is to be read as requests. */
void follow_expect_requests(struct follower *fo);

/* False: nothing more can be read yet, or at all. */
bool follow_read_opening(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo);

/* How many bytes of mail in clear are done with; the follower may be gone then. */
size_t follow_read_mail(struct worker *w, struct flow *fl, struct conn *c,
			struct follower *fo, struct str bytes);

/* Has the server granted the STARTTLS that the client's bytes end with? */
void follow_hear_mail(const struct flow *fl, struct follower *fo, const struct piece *p);

#endif /* ENGINE_FOLLOW_IMPL_H */
