/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rival - other contents for what the client has already said, until the server has taken one.
 *
 * Who only watches cannot know which of two packets reached the server, so outside of the
 * gateway a name counts when the server has acknowledged the bytes that hold it, and what
 * contradicts them before that makes a conflict with every name that was read as candidate.
 * (Inline, what contradicts held bytes is dropped: inline_admits().)  The first copy of each
 * byte is in pending.head; the last one in pending.other, made at the first contradiction.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/conn.h"

/* One direction only: so long after the name, nothing else is waited for. */
#define PATIENCE_US 3000000

/* A router's change of path moves the hop limit by less. */
#define TTL_STEADY 2

#define RETRY_BYTES 43 /* of a HelloRetryRequest, until its random is told */

void rival_name(struct worker *w, struct conn *c, struct str host)
{
	if (host.len == 0)
		return;
	for (size_t i = 0; i < CANDIDATES_MAX; i++) {
		if (c->candidates[i] == 0) {
			c->candidates[i] = intern_hold(w->texts, host);
			return;
		}
		if (str_equal(intern_text(w->texts, c->candidates[i]), host))
			return;
	}
}

void rival_forget(struct worker *w, struct conn *c)
{
	for (size_t i = 0; i < CANDIDATES_MAX; i++) {
		intern_release(w->texts, c->candidates[i]);
		c->candidates[i] = 0;
	}
}

/* What the last copies say by now. */
static void read_other(struct worker *w, const struct flow *fl, struct conn *c,
		       const struct pending *p)
{
	const struct head *h = &p->other;
	struct facts f;

	memset(&f, 0, sizeof(f));
	if (h->filled > 0 &&
	    identify_stream(w->identify, h->bytes, h->filled, false, false,
			    flow_server_port(fl), &f) == IDENTIFY_DONE)
		rival_name(w, c, facts_host(&f));
}

void rival_add(struct worker *w, struct conn *c, struct pending *p, uint32_t at,
	       struct str bytes)
{
	const uint8_t *data = (const uint8_t *)bytes.p;

	if (p->other.bytes == NULL) {
		if (!head_contradicts(&p->head, at, data, bytes.len))
			return;
		p->rival = true;
		c->flags |= 1u << FLAG_OVERLAP;
		if (!head_copy(&p->other, w->others, &p->head)) {
			w->stats.heads_refused++;
			return;
		}
	}
	if (head_overwrite(&p->other, w->others, at, data, bytes.len) == HEAD_NO_ROOM)
		w->stats.heads_refused++;
}

void rival_stream(struct worker *w, const struct flow *fl, struct conn *c,
		  struct pending *p, uint32_t at, struct str bytes)
{
	rival_add(w, c, p, at, bytes);
	if (p->other.bytes != NULL)
		read_other(w, fl, c, p);
}

void rival_note_ttl(const struct flow *fl, struct conn *c, const struct packet *pkt)
{
	if (pkt->payload_len > 0 && abs((int)pkt->ttl - (int)fl->out.ttl) > TTL_STEADY)
		c->flags |= 1u << FLAG_TTL_JUMP;
}

/*
 * RFC 8446 4.1.3: a ServerHello with this random is a HelloRetryRequest.
 * Record u8 22 | be16 version | be16 length, then u8 2 | be24 length | be16 version | random.
 */
static bool hello_retry_byte(uint32_t at, uint8_t b)
{
	static const uint8_t random[RETRY_BYTES - 11] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
		0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
		0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

	if (at >= 11)
		return b == random[at - 11];
	return at == 0 ? b == 22 : at != 5 || b == 2;
}

/* The server's bytes in order, whatever the segments. */
static void hear_retry(struct pending *p, const struct packet *pkt)
{
	if (p->heard == 0 && !p->heard_other)
		p->heard_seq = pkt->seq;
	for (size_t i = 0; i < pkt->payload_len && !p->heard_other; i++) {
		if (p->heard == RETRY_BYTES)
			return;
		if (pkt->seq + (uint32_t)i == p->heard_seq + p->heard) {
			p->heard_other = !hello_retry_byte(p->heard, pkt->payload[i]);
			p->heard++;
		}
	}
}

bool rival_may_start_over(const struct pending *p)
{
	return p->heard > 0 && p->heard < RETRY_BYTES && !p->heard_other && !p->retried;
}

bool rival_starts_over(struct worker *w, struct pending *p, const struct packet *pkt)
{
	if (p->retried || conn_facts(w, p)->protocol != PROTOCOL_TLS)
		return false;
	hear_retry(p, pkt);
	if (p->heard < RETRY_BYTES || p->heard_other)
		return false;
	p->retried = true;
	p->whole = false;
	p->base += p->head.filled;
	head_clear(&p->head, w->heads);
	return true;
}

bool rival_is_over(struct worker *w, const struct flow *fl, struct pending *p,
		   const struct packet *pkt, bool from_client)
{
	const uint32_t needed = p->base + (p->whole ? p->whole_end : p->head.highest);

	if (!p->whole && !p->rival)
		return false;
	if (conn_facts(w, p)->undecidable == UNDECIDABLE_BUDGET)
		return true;
	if (p->whole_us == 0) /* rivals only so far */
		p->whole_us = w->now_us;
	/*
	 * Nothing is seen of the server: it has answered when its client acknowledges more.  Not
	 * right after a SYN, when the answer may yet come and show that all this was ignored.
	 */
	if (from_client)
		return !fl->in.has_seq && ((fl->midstream && pkt->ack != p->first_ack) ||
					   w->now_us - p->whole_us > PATIENCE_US);
	if ((pkt->tcp_flags & TCP_ACK) == 0 ||
	    (int32_t)(pkt->ack - fl->client_isn - needed) < 0)
		return false;
	if (p->rival || p->retried || conn_facts(w, p)->ja4_len == 0)
		return true;
	if (pkt->payload_len == 0) /* a TLS server may ask for another hello */
		return false;
	return !rival_starts_over(w, p, pkt) && !rival_may_start_over(p);
}

/*
 * After HelloRetryRequest: the same hello but for what the server asked for (RFC 8446 4.1.2),
 * behind a change_cipher_spec for the sake of middle boxes (D.4).
 */
enum identify_step rival_second_hello(struct worker *w, const struct flow *fl,
				      struct conn *c, struct pending *p)
{
	static const uint8_t ccs[] = {20, 3, 3, 0, 1, 1};
	const struct head *h = &p->head;
	size_t skip = h->filled < sizeof(ccs) ? h->filled : sizeof(ccs);
	struct facts f;

	if (memcmp(h->bytes, ccs, skip) == 0) {
		if (skip < sizeof(ccs))
			return IDENTIFY_MORE;
	} else {
		skip = 0;
	}
	memset(&f, 0, sizeof(f));
	if (identify_stream(w->identify, h->bytes + skip, h->filled - skip, false,
			    h->filled == HEAD_MAX, flow_server_port(fl),
			    &f) != IDENTIFY_DONE)
		return IDENTIFY_MORE;
	if (f.protocol != conn_facts(w, p)->protocol ||
	    str_equal(facts_host(&f), facts_host(conn_facts(w, p))))
		return IDENTIFY_DONE;
	rival_name(w, c, facts_host(conn_facts(w, p)));
	rival_name(w, c, facts_host(&f));
	p->rival = true;
	c->flags |= 1u << FLAG_HOST_MISMATCH;
	return IDENTIFY_DONE;
}

/* ---- the server's window ------------------------------------------------------------------- */

void rival_note_window(const struct flow *fl, struct window *win,
		       const struct packet *pkt)
{
	const bool syn = (pkt->tcp_flags & TCP_SYN) != 0;
	uint32_t edge;

	if (syn)
		win->scale = win->offered && pkt->tcp_scaled ? pkt->tcp_scale : 0;
	if ((pkt->tcp_flags & TCP_ACK) == 0 || (pkt->tcp_flags & TCP_RST) != 0 ||
	    fl->midstream)
		return;
	edge = pkt->ack - fl->client_isn +
	       ((uint32_t)pkt->window << (syn ? 0 : win->scale));
	if (!win->has_edge || (int32_t)(edge - win->edge) > 0)
		win->edge = edge;
	win->has_edge = true;
}

bool rival_is_beyond(const struct flow *fl, const struct window *win,
		     const struct packet *pkt)
{
	return win->has_edge && (int32_t)(pkt->seq - fl->client_isn - win->edge) > 0;
}

struct str rival_trim(const struct flow *fl, const struct pending *p, uint32_t *at,
		      struct str bytes)
{
	const uint32_t acked = fl->in.acked - fl->client_isn - p->base;
	const uint32_t taken = acked < p->head.filled ? acked : p->head.filled;
	uint32_t n;

	if (bytes.len == 0 || !fl->in.has_ack || (int32_t)acked <= 0 || *at >= taken)
		return bytes;
	n = taken - *at < bytes.len ? taken - *at : (uint32_t)bytes.len;
	*at += n;
	return (struct str){bytes.p + n, bytes.len - n};
}

/* ---- the urgent byte ---------------------------------------------------------------------- */

void rival_note_urgent(const struct flow *fl, struct pending *p, const struct packet *pkt)
{
	uint32_t pointer, at;

	if ((pkt->tcp_flags & TCP_URG) == 0 || pkt->l4_len < 20)
		return;
	/* It points behind the byte (RFC 6093 3); zero is taken for the first one. */
	pointer = (uint32_t)pkt->l4[18] << 8 | pkt->l4[19];
	at = pkt->seq - fl->client_isn - p->base + (pointer > 0 ? pointer - 1 : 0);
	if (p->has_urgent && at != p->urgent_at)
		p->many_urgent = true;
	p->has_urgent = true;
	p->urgent_at = at;
	if (p->whole && at < p->head.filled)
		p->rival = true;
}

static bool is_legal(const struct facts *f)
{
	return f->undecidable == UNDECIDABLE_NONE && f->host_len > 0;
}

/*
 * Sockets take the byte out of the stream unless they are asked to leave it in (RFC 6093 3
 * wants it in): where both readings name somebody, they are rivals.
 */
enum identify_step rival_read_urgent(struct worker *w, const struct flow *fl,
				     struct conn *c, struct pending *p, bool final)
{
	const struct head *h = &p->head;
	const uint16_t port = flow_server_port(fl);
	const bool cap = h->filled == HEAD_MAX;
	struct facts in, out;

	memset(&in, 0, sizeof(in));
	memset(&out, 0, sizeof(out));
	if (p->many_urgent) {
		p->rival = true;
		return IDENTIFY_DONE;
	}
	memcpy(w->without, h->bytes, p->urgent_at);
	memcpy(w->without + p->urgent_at, h->bytes + p->urgent_at + 1,
	       h->filled - p->urgent_at - 1);
	if (identify_stream(w->identify, w->without, h->filled - 1, final, cap, port,
			    &out) != IDENTIFY_DONE ||
	    identify_stream(w->identify, h->bytes, h->filled, final, cap, port, &in) !=
		    IDENTIFY_DONE)
		return IDENTIFY_MORE;
	*conn_facts(w, p) = is_legal(&in) && !is_legal(&out) ? in : out;
	if (!is_legal(&in) || !is_legal(&out) ||
	    str_equal(facts_host(&in), facts_host(&out))) {
		c->flags |= 1u << FLAG_DECOY_IGNORED;
		w->stats.ignored_urgent++;
		return IDENTIFY_DONE;
	}
	rival_name(w, c, facts_host(&out));
	rival_name(w, c, facts_host(&in));
	p->rival = true;
	return IDENTIFY_DONE;
}

void rival_conclude(struct worker *w, struct conn *c, struct pending *p)
{
	struct facts *f = conn_facts(w, p);

	if (p->rival)
		rival_name(w, c, facts_host(f));
	/* Two connections for one host: that is its name, whichever the server took. */
	if (p->rival && p->second.opened && f->host_len > 0 && c->candidates[1] == 0 &&
	    p->second_whole)
		p->rival = false;
	if (!p->rival) {
		rival_forget(w, c);
		return;
	}
	*f = (struct facts){.protocol = f->protocol,
			    .flags = f->flags,
			    .tls_offered = f->tls_offered,
			    .quic_version = f->quic_version,
			    .undecidable = p->retried && p->other.bytes == NULL
						   ? UNDECIDABLE_MALFORMED_HELLO
						   : UNDECIDABLE_CONFLICT};
}
