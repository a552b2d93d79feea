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

/* Judge the connection as undecidable because of `why`. */
void follow_judge_unknown(struct worker *w, struct flow *fl, struct conn *c,
			  enum undecidable why);

/* What follows cannot be read: the connection is judged as what it is, once. */
void follow_give_up(struct worker *w, struct flow *fl, struct conn *c,
		    enum undecidable why);

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
