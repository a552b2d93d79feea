/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datagrams - what is read of a connection's first datagrams: QUIC, whose CRYPTO bytes go into the
 * pending connection's head, or what else they are.
 */
#include <string.h>

#include "engine/conn.h"

struct sink_arg {
	struct worker *w;
	struct conn *c;
	struct pending *p;
	struct head *head;
	struct head_pools *pools;
};

static bool sink_add(void *arg, uint32_t at, const uint8_t *data, size_t len)
{
	struct sink_arg *a = arg;

	if (a->w->inl == NULL && a->head == &a->p->head && !a->p->second.opened)
		rival_add(a->w, a->c, a->p, at, (struct str){(const char *)data, len});
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

	return a->head->conflict;
}

static void sink_reset(void *arg)
{
	struct sink_arg *a = arg;

	head_clear(a->head, a->pools);
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
	struct sink_arg arg = {w, c, p, &p->head, w->heads};
	struct crypto_sink sink = sink_of(&arg);

	return identify_datagram(w->identify, &p->datagram,
				 pkt == NULL ? NULL : pkt->payload,
				 pkt == NULL ? 0 : pkt->payload_len, from_client,
				 pkt == NULL, flow_server_port(p->flow), &sink, f);
}

/* An Initial of a second connection: a server takes it as well as the first (RFC 9000 5.2.2). */
static void ask_second(struct worker *w, struct conn *c, struct pending *p,
		       const struct packet *pkt)
{
	struct sink_arg arg = {w, c, p, &p->other, w->others};
	struct crypto_sink sink = sink_of(&arg);
	struct facts f;

	p->rival = true;
	if (!p->second.opened)
		head_clear(&p->other, w->others);
	memset(&f, 0, sizeof(f));
	if (identify_datagram(w->identify, &p->second, pkt->payload, pkt->payload_len,
			      true, false, flow_server_port(p->flow), &sink,
			      &f) != IDENTIFY_DONE)
		return;
	p->second_whole = true;
	rival_name(w, c, facts_host(&f));
}

bool datagrams_ask_behind(struct worker *w, struct conn *c, struct pending *p)
{
	struct sink_arg arg = {w, c, p, &p->head, w->heads};
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

void datagrams_ask_copy(struct worker *w, struct conn *c, struct pending *p,
			struct head *copy)
{
	struct sink_arg arg = {w, c, p, copy, w->others};
	struct crypto_sink sink = sink_of(&arg);
	struct facts f;

	memset(&f, 0, sizeof(f));
	if (identify_crypto(w->identify, &sink, &f) == IDENTIFY_DONE)
		rival_name(w, c, facts_host(&f));
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

enum identify_step datagrams_feed(struct worker *w, struct conn *c, struct pending *p,
				  const struct packet *pkt, bool from_client)
{
	struct facts again;
	const bool whole = p->whole, paid = p->paid;
	enum identify_step step;
	bool behind;

	p->paid = false;
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
		ask_second(w, c, p, pkt);
		break;
	case IDENTIFY_RETRY:
		if (whole)
			c->flags |= again.flags;
		conn_start_again(w, c, p);
		return IDENTIFY_MORE;
	case IDENTIFY_HELLO_RETRY:
		p->retried = true;
		return IDENTIFY_MORE;
	case IDENTIFY_ANSWERED:
		if (p->retried && !behind &&
		    !p->rival) /* the second hello was not seen */
			return conn_cannot_tell(w, p, UNDECIDABLE_INCOMPLETE);
		return w->inl == NULL && (p->whole || p->rival) ? IDENTIFY_DONE
								: IDENTIFY_MORE;
	}
	if (p->other.bytes != NULL && !p->second.opened) {
		datagrams_ask_copy(w, c, p, &p->head);
		datagrams_ask_copy(w, c, p, &p->other);
	}
	return p->datagram.datagrams >= IDENTIFY_DATAGRAMS_MAX && p->whole
		       ? IDENTIFY_DONE
		       : IDENTIFY_MORE;
}
