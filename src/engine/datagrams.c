/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datagrams - what is read of a connection's first datagrams: QUIC, whose CRYPTO bytes go into the
 * pending connection's head, or what else they are.
 */
#include <string.h>

#include "engine/conn.h"

#define TWINS_MAX 8 /* connections of QUIC beside the first */

struct sink_arg {
	struct worker *w;
	struct conn *c;
	struct pending *p;
	struct twin *twin; /* whose bytes they are; NULL: the first connection's */
	struct head *head;
	struct head_pools *pools;
};

static struct twin *twin_at(const struct worker *w, uint32_t number)
{
	return number == 0 ? NULL : pool_at(w->twins, number - 1);
}

static bool sink_add(void *arg, uint32_t at, const uint8_t *data, size_t len)
{
	struct sink_arg *a = arg;
	const struct str bytes = {(const char *)data, len};
	struct twin *t = a->twin;

	if (t == NULL && a->w->inl == NULL)
		rival_add(a->w, a->c, a->p, at, bytes);
	else if (t != NULL)
		(void)rival_keep(a->w, a->c, &t->head, &t->rivals, at, bytes);
	return head_add(a->head, a->pools, at, data, len) != HEAD_NO_ROOM;
}

static const uint8_t *sink_bytes(void *arg, size_t *ret_filled)
{
	const struct sink_arg *a = arg;

	*ret_filled = a->head->filled;
	return a->head->bytes;
}

static bool sink_conflict(void *arg)
{
	const struct sink_arg *a = arg;

	/* Who only watches goes on with the first copies: see rival.c. */
	return a->w->inl != NULL && a->head->conflict;
}

static void sink_reset(void *arg)
{
	struct sink_arg *a = arg;

	head_clear(a->head, a->pools);
	if (a->twin != NULL)
		rival_clear(a->w, &a->twin->rivals);
}

static struct crypto_sink sink_of(struct sink_arg *a)
{
	return (struct crypto_sink){.add = sink_add,
				    .bytes = sink_bytes,
				    .conflict = sink_conflict,
				    .reset = sink_reset,
				    .arg = a};
}

enum identify_step datagrams_ask(struct worker *w, struct conn *c, struct pending *p,
				 const struct packet *pkt, bool from_client,
				 struct facts *f)
{
	struct sink_arg arg = {w, c, p, NULL, &p->head, w->heads};
	struct crypto_sink sink = sink_of(&arg);

	return identify_datagram(w->identify, &p->datagram,
				 pkt == NULL ? NULL : pkt->payload,
				 pkt == NULL ? 0 : pkt->payload_len, from_client,
				 pkt == NULL, flow_server_port(p->flow), &sink, f);
}

/* ---- other connections between the same ports --------------------------------------------- */

/* The hello in CRYPTO bytes that have been put together. */
static bool read_hello(struct worker *w, struct head *h, struct facts *f)
{
	struct sink_arg arg = {w, NULL, NULL, NULL, h, NULL};
	struct crypto_sink sink = sink_of(&arg);

	memset(f, 0, sizeof(*f));
	return identify_crypto(w->identify, &sink, f) == IDENTIFY_DONE;
}

static void clear_twin(struct worker *w, struct twin *t)
{
	head_clear(&t->head, w->others);
	rival_clear(w, &t->rivals);
}

void datagrams_forget_twins(struct worker *w, struct pending *p)
{
	struct twin *t, *next;

	for (t = twin_at(w, p->twins); t != NULL; t = next) {
		next = twin_at(w, t->next);
		clear_twin(w, t);
		pool_put(w->twins, t);
	}
	p->twins = 0;
}

/* One more, the newest; of too many the oldest goes.  NULL: there is no room. */
static struct twin *add_twin(struct worker *w, struct pending *p)
{
	struct twin *t = NULL, *last = NULL;
	unsigned n = 0;

	for (struct twin *at = twin_at(w, p->twins); at != NULL;
	     at = twin_at(w, at->next)) {
		last = at;
		n++;
	}
	if (n < TWINS_MAX)
		t = pool_get(w->twins);
	if (t == NULL) {
		p->crowded = true;
		t = twin_at(w, p->twins);
		if (t == NULL || n < 2)
			return NULL;
		p->twins = t->next;
		clear_twin(w, t);
	}
	memset(t, 0, sizeof(*t));
	if (last == NULL)
		p->twins = pool_index(w->twins, t) + 1;
	else
		last->next = pool_index(w->twins, t) + 1;
	return t;
}

static enum identify_step ask_twin(struct worker *w, struct conn *c, struct pending *p,
				   struct twin *t, const struct packet *pkt,
				   bool from_client)
{
	struct sink_arg arg = {w, c, p, t, &t->head, w->others};
	struct crypto_sink sink = sink_of(&arg);
	struct facts f;
	enum identify_step step;

	memset(&f, 0, sizeof(f));
	step = identify_datagram(w->identify, &t->datagram, pkt->payload,
				 pkt->payload_len, from_client, false,
				 flow_server_port(p->flow), &sink, &f);
	if (step == IDENTIFY_RETRY)
		t->whole = false;
	if (step != IDENTIFY_DONE)
		return step;
	p->crowded |= f.undecidable == UNDECIDABLE_BUDGET ||
		      f.undecidable == UNDECIDABLE_HELLO_TOO_BIG;
	t->whole |= t->datagram.hello_len > 0 || t->head.conflict;
	return step;
}

/* An Initial of another connection: a server takes it as well as the first (RFC 9000 5.2.2). */
static void ask_twins(struct worker *w, struct conn *c, struct pending *p,
		      const struct packet *pkt)
{
	struct twin *t;

	for (t = twin_at(w, p->twins); t != NULL; t = twin_at(w, t->next))
		if (ask_twin(w, c, p, t, pkt, true) != IDENTIFY_OTHER)
			return;
	t = add_twin(w, p);
	if (t != NULL)
		(void)ask_twin(w, c, p, t, pkt, true);
}

/*
 * Watched, of several connections, judged ones among them: whom does the server answer?  False: none
 * of those that are not judged.  *ret NULL: the first, or nothing tells.
 */
static bool find_answered(struct worker *w, struct pending *p, const struct packet *pkt,
			  struct twin **ret)
{
	enum identify_answer whose;

	*ret = NULL;
	if (w->inl != NULL || (p->twins == 0 && !p->again))
		return true;
	whose = identify_whose_answer(w->identify, &p->datagram, pkt->payload,
				      pkt->payload_len);
	p->answered |= whose == ANSWER_OWN;
	if (whose != ANSWER_OTHERS)
		return true;
	for (struct twin *t = twin_at(w, p->twins); t != NULL; t = twin_at(w, t->next))
		if (identify_whose_answer(w->identify, &t->datagram, pkt->payload,
					  pkt->payload_len) == ANSWER_OWN) {
			t->answered = true;
			*ret = t;
			return true;
		}
	return false;
}

bool datagrams_are_whole(const struct worker *w, const struct pending *p)
{
	const struct twin *t = twin_at(w, p->twins);

	while (t != NULL && !t->whole)
		t = twin_at(w, t->next);
	return p->whole || t != NULL;
}

static bool is_same_hello(const struct facts *a, const struct facts *b)
{
	return a->undecidable == b->undecidable &&
	       str_equal(facts_host(a), facts_host(b)) &&
	       str_equal((struct str){a->sni, a->sni_len},
			 (struct str){b->sni, b->sni_len});
}

/*
 * Its hello is the only one so far: the connection is judged by it, and the one that was the first
 * goes on in its place.
 */
static void take_twin(struct worker *w, struct pending *p, struct twin *t,
		      struct facts *f)
{
	const struct datagram_state first = p->datagram;

	f->flags |= conn_facts(w, p)->flags;
	f->quic_version = t->datagram.version;
	*conn_facts(w, p) = *f;
	p->whole = true;
	p->datagram = t->datagram;
	t->datagram = first;
	t->whole = false;
	clear_twin(w, t);
	if (p->head.bytes != NULL && !head_copy(&t->head, w->others, &p->head))
		w->stats.heads_refused++;
}

static void compare_twin(struct worker *w, struct conn *c, struct pending *p,
			 struct twin *t)
{
	struct facts f;

	p->rival |= t->head.conflict;
	rival_name_all(w, c, p, &t->head, &t->rivals);
	/* The server has taken a hello of it that was not seen. */
	p->unseen |= t->datagram.answered_unseen;
	if (!t->whole || !read_hello(w, &t->head, &f))
		return;
	rival_name(w, c, facts_host(&f));
	if (!p->whole)
		take_twin(w, p, t, &f);
	else if (!is_same_hello(&f, conn_facts(w, p)))
		p->rival = true;
}

/* Only some of its hello was seen, and more may come. */
static bool is_amid(const struct twin *t)
{
	return !t->whole && t->head.highest > 0 && !t->datagram.answered_unseen;
}

bool datagrams_go_on(struct worker *w, struct pending *p)
{
	struct twin *t, *next;
	uint32_t *link = &p->twins;
	bool found = false;

	for (t = twin_at(w, p->twins); t != NULL; t = next) {
		next = twin_at(w, t->next);
		if (is_amid(t) && found) {
			link = &t->next;
			continue;
		}
		if (is_amid(t)) {
			head_clear(&p->head, w->heads);
			found = head_copy(&p->head, w->heads, &t->head);
			p->datagram = t->datagram;
		}
		*link = t->next;
		clear_twin(w, t);
		pool_put(w->twins, t);
	}
	return found;
}

void datagrams_conclude(struct worker *w, struct conn *c, struct pending *p)
{
	struct twin *t;

	if (p->twins == 0)
		return;
	p->rival |= p->crowded;
	if (p->crowded)
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
	if (conn_facts(w, p)->undecidable == UNDECIDABLE_INCOMPLETE)
		p->whole = false;
	if (!p->whole)
		p->unseen |= p->datagram.answered_unseen;
	/* There may be more names than candidates: whose the server has answered come first. */
	if (p->whole && p->answered)
		rival_name(w, c, facts_host(conn_facts(w, p)));
	for (int answered = 1; answered >= 0; answered--)
		for (t = twin_at(w, p->twins); t != NULL; t = twin_at(w, t->next))
			if (t->answered == answered)
				compare_twin(w, c, p, t);
}

bool datagrams_ask_behind(struct worker *w, struct conn *c, struct pending *p)
{
	struct sink_arg arg = {w, c, p, NULL, &p->head, w->heads};
	struct crypto_sink sink = sink_of(&arg);
	const struct facts *first = conn_facts(w, p);
	struct facts f;

	memset(&f, 0, sizeof(f));
	if (identify_second_crypto(w->identify, &p->datagram, &sink, &f) != IDENTIFY_DONE)
		return false;
	if (!str_equal(facts_host(&f), facts_host(first))) {
		rival_name(w, c, facts_host(first));
		rival_name(w, c, facts_host(&f));
		p->rival = true;
		c->flags |= 1u << FLAG_HOST_MISMATCH;
	}
	return true;
}

bool datagrams_ask_copy(struct worker *w, struct conn *c, struct pending *p,
			struct head *copy)
{
	struct sink_arg arg = {w, c, p, NULL, copy, NULL};
	struct crypto_sink sink = sink_of(&arg);
	struct facts f;

	if (!read_hello(w, copy, &f))
		return false;
	rival_name(w, c, facts_host(&f));
	if (!p->retried)
		return true;
	memset(&f, 0, sizeof(f));
	if (identify_second_crypto(w->identify, &p->datagram, &sink, &f) != IDENTIFY_DONE)
		return false;
	rival_name(w, c, facts_host(&f));
	return true;
}

bool datagrams_may_open(struct worker *w, const struct packet *pkt)
{
	if (identify_initial_dcid(pkt->payload, pkt->payload_len).len == 0 ||
	    budget_take(w->initials, &pkt->src, w->now_us))
		return true;
	w->stats.quic_refused++;
	return false;
}

bool datagrams_are_spoilt(struct worker *w, struct conn *c, struct pending *p,
			  struct packet *pkt)
{
	decode_check_l4(pkt);
	if (pkt->l4_checksum == CHECKSUM_BAD && c->strict_checksum) {
		w->stats.ignored_checksum++;
		c->flags |= 1u << FLAG_DECOY_IGNORED;
		return true;
	}
	if (pkt->l4_checksum == CHECKSUM_GOOD) {
		c->strict_checksum = true;
		if (p->spoilt && !p->unspoilt) {
			conn_begin_anew(w, c, p);
			w->stats.ignored_checksum++;
			c->flags |= 1u << FLAG_DECOY_IGNORED;
		}
	}
	if (pkt->l4_checksum == CHECKSUM_BAD)
		p->spoilt = true;
	else
		p->unspoilt = true;
	return false;
}

/* A Retry, which tells nothing of other connections. */
static void start_again(struct worker *w, struct conn *c, struct pending *p)
{
	const uint32_t twins = p->twins;
	const bool crowded = p->crowded;

	p->twins = 0;
	conn_start_again(w, c, p);
	p->twins = twins;
	p->crowded = crowded;
}

/* The server has answered: is there something to judge by? */
static bool has_all(const struct worker *w, const struct pending *p)
{
	return w->inl == NULL && (p->rival || datagrams_are_whole(w, p));
}

enum identify_step datagrams_feed(struct worker *w, struct conn *c, struct pending *p,
				  const struct packet *pkt, bool from_client)
{
	struct facts again;
	const bool whole = p->whole, paid = p->paid;
	struct twin *twin = NULL;
	enum identify_step step;
	bool behind;

	p->paid = false;
	if (!from_client && !find_answered(w, p, pkt, &twin))
		return IDENTIFY_MORE;
	if (twin != NULL) {
		step = ask_twin(w, c, p, twin, pkt, false);
		p->crowded |=
			step == IDENTIFY_HELLO_RETRY; /* its second one is not read */
		return step == IDENTIFY_ANSWERED && has_all(w, p) ? IDENTIFY_DONE
								  : IDENTIFY_MORE;
	}
	if (from_client && !paid && !datagrams_may_open(w, pkt)) {
		if (p->again && w->inl != NULL) /* the first one's verdict stays */
			w->inl->refused = &w->inl->stats.over_cap;
		if (whole || p->again)
			return IDENTIFY_MORE;
		*conn_facts(w, p) = (struct facts){.protocol = PROTOCOL_QUIC,
						   .undecidable = UNDECIDABLE_BUDGET};
		return IDENTIFY_DONE;
	}
	if (whole)
		memset(&again, 0, sizeof(again));
	step = datagrams_ask(w, c, p, pkt, from_client,
			     whole ? &again : conn_facts(w, p));
	if (step == IDENTIFY_OTHER && w->inl != NULL && !whole && p->head.highest == 0) {
		/* The first one has not said a word; if it does, it is the second. */
		conn_begin_anew(w, c, p);
		step = datagrams_ask(w, c, p, pkt, true, conn_facts(w, p));
	}
	behind = step != IDENTIFY_MORE && step != IDENTIFY_RETRY &&
		 datagrams_ask_behind(w, c, p);
	switch (step) {
	case IDENTIFY_MORE:
	case IDENTIFY_PASS:
	case IDENTIFY_ASKED:
		break;
	case IDENTIFY_DONE:
		/* Only of a hello can there be a second one. */
		if (w->inl != NULL)
			return p->retried && !behind ? IDENTIFY_MORE : IDENTIFY_DONE;
		if ((!whole && (conn_facts(w, p)->protocol != PROTOCOL_QUIC ||
				!p->datagram.opened)))
			return IDENTIFY_DONE;
		p->whole = true;
		p->unseen |= !whole && p->datagram.answered_unseen;
		p->whole_end = HEAD_MAX; /* and more may come behind it */
		break;
	case IDENTIFY_OTHER:
		if (w->inl != NULL) {
			conn_facts(w, p)->protocol = PROTOCOL_QUIC;
			conn_facts(w, p)->undecidable = UNDECIDABLE_CONFLICT;
			return IDENTIFY_DONE;
		}
		ask_twins(w, c, p, pkt);
		break;
	case IDENTIFY_RETRY:
		if (whole)
			c->flags |= again.flags;
		start_again(w, c, p);
		return IDENTIFY_MORE;
	case IDENTIFY_HELLO_RETRY:
		p->retried = true;
		return IDENTIFY_MORE;
	case IDENTIFY_ANSWERED:
		if (p->retried && !behind &&
		    !p->rival) /* the second hello was not seen */
			return conn_cannot_tell(w, p, UNDECIDABLE_INCOMPLETE);
		return has_all(w, p) ? IDENTIFY_DONE : IDENTIFY_MORE;
	}
	if (p->rivals.last.bytes != NULL) {
		(void)datagrams_ask_copy(w, c, p, &p->head);
		p->other_read = datagrams_ask_copy(w, c, p, &p->rivals.last);
	}
	return p->datagram.datagrams >= IDENTIFY_DATAGRAMS_MAX && p->whole
		       ? IDENTIFY_DONE
		       : IDENTIFY_MORE;
}
