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
#define TLS_HANDSHAKE 22 /* RFC 8446 5.1 */
#define PATIENCE_US   3000000

/* A router's change of path moves the hop limit by less. */
#define TTL_STEADY 2

#define OTHERS_SAY 4096 /* bytes at the most: a proxy's answer in front of the server's */

#define RECORD_HEADER 5
#define CCS_LEN       6
#define RECORD_MAX    ((1u << 14) + 256) /* RFC 8446 5.2 */

void rival_name(struct worker *w, struct conn *c, struct str host)
{
	const struct str list = intern_text(w->texts, c->candidates);
	uint32_t number = INTERN_NONE;
	char longer[INTERN_TEXT_MAX];
	size_t count, len;

	if (host.len == 0 || list_has(list, host, &count))
		return;
	len = list_put(longer, str_copy(list, longer, sizeof(longer)), sizeof(longer),
		       host);
	if (count < CANDIDATES_MAX && len > list.len)
		number = intern_hold(w->texts, (struct str){longer, len});
	if (number == INTERN_NONE) {
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
		return;
	}
	intern_release(w->texts, c->candidates);
	c->candidates = number;
}

bool rival_is_full(const struct worker *w, const struct conn *c)
{
	size_t count;

	if ((c->flags & 1u << FLAG_MORE_CANDIDATES) == 0)
		return false;
	(void)list_has(intern_text(w->texts, c->candidates), STR_NONE, &count);
	return count >= CANDIDATES_MAX;
}

void rival_name_facts(struct worker *w, struct conn *c, const struct facts *f)
{
	rival_name(w, c, facts_host(f));
	rival_name(w, c, (struct str){f->asked, f->asked_len});
	rival_name(w, c, (struct str){f->inside, f->inside_len});
}

void rival_proxies(struct worker *w, struct conn *c, struct pending *p)
{
	char name[HOST_MAX] = "";

	for (unsigned n = 0; n < p->facts->proxies; n++)
		rival_name(w, c,
			   (struct str){name, identify_asked(w->identify, p->head.bytes,
							     p->head.filled, n, name)});
	p->rival = true;
}

void rival_hear_proxy(const struct worker *w, const struct conn *c, struct pending *p,
		      const struct packet *pkt)
{
	const struct str bytes = {(const char *)pkt->payload, pkt->payload_len};
	const unsigned kind = p->turn.headed ? p->turn.final - (unsigned)'0'
					     : identify_http_status(bytes) / 100;

	if (kind == 2 && (w->inl != NULL ? c->asked : !p->refused))
		p->opened = true;
	p->refused |= kind > 2 && !p->opened;
}

void rival_hear_server(struct pending *p, const struct packet *pkt)
{
	if (p->base > 0 || p->head.filled == 0 || p->head.bytes[0] != TLS_HANDSHAKE)
		turn_server(&p->turn, pkt);
}

void rival_forget(struct worker *w, struct conn *c)
{
	intern_release(w->texts, c->candidates);
	c->candidates = INTERN_NONE;
	c->flags &= ~(1u << FLAG_MORE_CANDIDATES);
}

void rival_clear(struct worker *w, struct rivals *r)
{
	head_clear(&r->last, w->others);
	pool_put(w->copies, r->copies); /* NULL is a no-op */
	r->copies = NULL;
	r->segments = (struct segments){0};
	r->from = 0;
}

bool rival_name_requests(struct worker *w, const struct flow *fl, struct conn *c,
			 struct http_follow *http, struct str bytes)
{
	bool told = false;
	size_t used = 0;
	struct facts f;

	for (; bytes.len > 0; bytes.p += used, bytes.len -= used) {
		memset(&f, 0, sizeof(f));
		switch (identify_http(w->identify, http, bytes, bytes.len == HEAD_MAX,
				      flow_server_port(fl), &used, &f)) {
		case HTTP_STEP_REQUEST:
			rival_name(w, c, facts_host(&f));
			told = true;
			if (http->tunnel)
				return true;
			break;
		case HTTP_STEP_LOST:
			return true;
		case HTTP_STEP_MORE:
			if (used == 0)
				return false;
			break;
		}
	}
	return told;
}

static bool read_second_copy(struct worker *w, struct conn *c, struct pending *p,
			     const struct head *h);

/* Whom do these contents name?  False: they do not go far enough. */
static bool read_copy(struct worker *w, struct conn *c, struct pending *p, struct head *h)
{
	struct http_follow none = {0};
	struct facts f;

	if (p->flow->key.ip_proto == IP_PROTO_UDP)
		return datagrams_ask_copy(w, c, p, h);
	if (p->retried)
		return read_second_copy(w, c, p, h);
	memset(&f, 0, sizeof(f));
	if (h->filled == 0 ||
	    identify_stream(w->identify, h->bytes, h->filled, false, false,
			    flow_server_port(p->flow), &f) != IDENTIFY_DONE)
		return false;
	rival_name_facts(w, c, &f);
	return f.protocol != PROTOCOL_HTTP || !f.requests ||
	       rival_name_requests(w, p->flow, c, &none,
				   (struct str){(const char *)h->bytes + f.request_at,
						h->filled - f.request_at});
}

/* Its place in the head and, once some have, what it says.  True: it contradicts the first copies. */
static bool note_segment(struct worker *w, struct conn *c, const struct head *first,
			 struct rivals *r, uint32_t at, struct str bytes)
{
	const size_t agrees = head_agrees(first, at, (const uint8_t *)bytes.p, bytes.len);
	const bool contradicts = agrees < bytes.len;

	if (contradicts && (r->from == 0 || at + (uint32_t)agrees < r->from))
		r->from = at + (uint32_t)agrees + 1;
	if (contradicts && r->copies == NULL) {
		r->copies = pool_get(w->copies);
		if (r->copies != NULL) {
			copies_begin(r->copies, &r->segments);
		} else {
			w->stats.heads_refused++;
			c->flags |= 1u << FLAG_MORE_CANDIDATES;
		}
	}
	if (r->copies != NULL)
		copies_add(r->copies, first, at, bytes);
	segments_add(&r->segments, at, at + (uint32_t)bytes.len);
	return contradicts;
}

/* The head begins so many bytes earlier, or later. */
static void move_segments(struct rivals *r, int32_t by)
{
	segments_move(&r->segments, by);
	if (r->copies != NULL)
		copies_move(r->copies, by);
	if (r->from > 0)
		r->from = (int32_t)r->from + by > 1 ? r->from + (uint32_t)by : 1;
}

/* One that does not go far enough may yet name somebody, as the server goes on to read it. */
void rival_name_all(struct worker *w, struct conn *c, struct pending *p,
		    const struct head *first, const struct rivals *r)
{
	struct head mixed = {0};
	struct mixtures m;
	bool told = true;

	if (r->copies == NULL)
		return;
	if (!head_copy(&mixed, w->others, first)) {
		w->stats.heads_refused++;
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
		return;
	}
	mixtures_begin(&m, r->copies, first);
	while (mixtures_next(&m, mixed.bytes)) {
		told &= read_copy(w, c, p, &mixed);
		if (rival_is_full(w, c))
			break;
	}
	if (!told || m.more || p->has_urgent)
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
	head_clear(&mixed, w->others);
}

bool rival_keep(struct worker *w, struct conn *c, const struct head *first,
		struct rivals *r, uint32_t at, struct str bytes)
{
	const uint8_t *data = (const uint8_t *)bytes.p;
	const bool contradicts = note_segment(w, c, first, r, at, bytes);
	struct head *last = &r->last;
	bool fits = last->bytes != NULL;

	if (!fits && !contradicts)
		return false;
	if (!fits) {
		c->flags |= 1u << FLAG_OVERLAP;
		fits = head_copy(last, w->others, first);
	}
	if (fits)
		fits = (contradicts ? head_overwrite : head_add)(
			       last, w->others, at, data, bytes.len) != HEAD_NO_ROOM;
	if (!fits) {
		w->stats.heads_refused++;
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
	}
	return contradicts;
}

void rival_add(struct worker *w, struct conn *c, struct pending *p, uint32_t at,
	       struct str bytes)
{
	p->rival |= rival_keep(w, c, &p->head, &p->rivals, at, bytes);
}

void rival_stream(struct worker *w, struct conn *c, struct pending *p, uint32_t at,
		  struct str bytes)
{
	(void)rival_keep(w, c, &p->head, &p->rivals, at, bytes);
	if (p->rivals.last.bytes != NULL)
		p->other_read = read_copy(w, c, p, &p->rivals.last);
}

/* Where the first request's header ends, or so much of it as there is. */
static uint32_t request_end(struct worker *w, const struct pending *p)
{
	const uint32_t at = p->facts->request_at;
	const struct str rest = {(const char *)p->head.bytes + at, p->head.filled - at};
	struct http_follow http = {0};
	struct facts f;
	size_t used;

	memset(&f, 0, sizeof(f));
	return at +
	       (identify_http(w->identify, &http, rest, true, flow_server_port(p->flow),
			      &used, &f) == HTTP_STEP_REQUEST
			? (uint32_t)used
			: (uint32_t)rest.len);
}

/*
 * TCP: is what the client is judged by contradicted?  Of early data it counts if there is a second
 * hello; later requests have a contest of their own (engine/follow_contest.c).
 */
static bool is_contested(struct worker *w, const struct pending *p)
{
	uint32_t end = p->whole_end;

	if (p->rivals.from == 0 || !p->whole || p->facts == NULL)
		return p->rivals.from > 0;
	if (p->facts->protocol == PROTOCOL_HTTP && p->facts->requests)
		end = request_end(w, p);
	return p->rivals.from <= end;
}

void rival_note_ttl(const struct flow *fl, struct conn *c, const struct packet *pkt)
{
	if (pkt->payload_len > 0 && abs((int)pkt->ttl - (int)fl->out.ttl) > TTL_STEADY)
		c->flags |= 1u << FLAG_TTL_JUMP;
}

/* ---- bytes that nobody saw ---------------------------------------------------------------- */

void rival_note_cut(const struct flow *fl, struct pending *p, const struct packet *pkt)
{
	const int64_t at = (int32_t)(pkt->seq - fl->client_isn - p->base);
	const int64_t from = at + (int64_t)pkt->payload_len;
	const int64_t end = at + (int64_t)pkt->payload_wire_len;

	if (end <= 0 || from >= HEAD_MAX)
		return;
	if (p->cut_end == 0 || from < p->cut_from)
		p->cut_from = from > 0 ? (uint32_t)from : 0;
	if (end > p->cut_end)
		p->cut_end = (uint32_t)end;
}

/* Are there bytes of [at, end) that the head lacks?  Then they come late. */
static void note_late(struct pending *p, uint32_t at, uint32_t end)
{
	if (at < HEAD_MAX && at < end && (p->late_end == 0 || at + 1 < p->late_end) &&
	    !head_has(&p->head, at, end < HEAD_MAX ? end : HEAD_MAX))
		p->late_end = at + 1;
}

void rival_note_late(const struct flow *fl, struct pending *p, uint32_t at, size_t len)
{
	const uint32_t acked = fl->in.acked - fl->client_isn - p->base;
	const uint32_t end = at + (uint32_t)len;

	if (fl->in.has_ack && (int32_t)(acked - at) > 0)
		note_late(p, at, end < acked ? end : acked);
	if (p->cut_end > at && p->cut_from < end)
		note_late(p, at > p->cut_from ? at : p->cut_from,
			  end < p->cut_end ? end : p->cut_end);
}

/*
 * A SYN that the server has not answered may be one that it did not take, of a connection whose bytes
 * the client has numbered anew for us alone.  (Inline nobody sees the answer: conn.unsure.)
 */
static bool lacks_answer(const struct worker *w, const struct flow *fl)
{
	return w->inl == NULL && fl->in.has_seq && (fl->in.tcp_flags & TCP_SYN) == 0;
}

/* The server waits for what lies in front of all that was seen. */
static bool lacks_front(const struct flow *fl)
{
	return fl->in.has_ack && (int32_t)(fl->client_isn - fl->in.acked) > 0;
}

/* A probe asks whether the other side is there: one byte that it has (RFC 9293 3.8.4). */
static bool is_probe(const struct pending *p, const struct packet *pkt, uint32_t front)
{
	return front == 1 && pkt->payload_wire_len == 1 && p->head.highest == 0;
}

void rival_note_front(struct worker *w, struct flow *fl, struct conn *c,
		      struct pending *p, const struct packet *pkt)
{
	const uint32_t front = fl->client_isn - pkt->seq;

	if (w->inl != NULL || !fl->midstream || p->base != 0 || p->retried ||
	    (int32_t)front <= 0 || is_probe(p, pkt, front))
		return;
	if ((fl->in.has_ack && !lacks_front(fl)) || front >= HEAD_MAX ||
	    pkt->payload_len != pkt->payload_wire_len) {
		p->fronted |= front > 1 || pkt->payload_wire_len > 1;
		return;
	}
	if (!head_shift(&p->head, w->heads, front)) {
		w->stats.heads_refused++;
		p->fronted = true;
		return;
	}
	if (!head_shift(&p->rivals.last, w->others,
			front)) { /* so much for the last copies */
		w->stats.heads_refused++;
		head_clear(&p->rivals.last, w->others);
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
	}
	fl->client_isn = pkt->seq;
	move_segments(&p->rivals, (int32_t)front);
	p->late_end += p->late_end > 0 ? front : 0;
	p->cut_from += p->cut_end > 0 ? front : 0;
	p->cut_end += p->cut_end > 0 ? front : 0;
	p->urgent_at += front;
	p->whole = false;
	p->turn = (struct turn){0};
	conn_forget_facts(w, p);
}

bool rival_is_rest(const struct worker *w, const struct flow *fl, const struct pending *p)
{
	if (fl->key.ip_proto != IP_PROTO_TCP || p->base != 0)
		return false;
	if (p->fronted || (fl->midstream && w->inl == NULL && lacks_front(fl)))
		return true;
	if (!fl->midstream)
		return lacks_answer(w, fl) && rests_has(w->rests, &fl->key);
	return rests_is_amid(w->rests, &fl->key, fl->client_isn);
}

/* The head begins `n` bytes later. */
static void drop_unseen(struct pending *p, uint32_t n)
{
	p->late_end -= p->late_end < n ? p->late_end : n;
	p->cut_from -= p->cut_from < n ? p->cut_from : n;
	p->cut_end -= p->cut_end < n ? p->cut_end : n;
}

/* Nothing whole was read, and the server has taken bytes that are missing; a FIN counts as one. */
static bool lacks_bytes(const struct pending *p)
{
	const struct flow *fl = p->flow;
	const uint32_t fin = (fl->out.tcp_flags & TCP_FIN) != 0 ? 1 : 0;
	const uint32_t acked = fl->in.acked - fl->client_isn - p->base;

	return fl->key.ip_proto == IP_PROTO_TCP && fl->in.has_ack && fl->out.has_seq &&
	       !fl->midstream && p->head.filled < HEAD_MAX &&
	       (int32_t)(acked - p->head.filled - fin) > 0;
}

void rival_note_far(struct pending *p, uint32_t at, size_t len)
{
	const uint32_t end = p->base + at + (uint32_t)len;

	if (at + len > HEAD_MAX)
		far_note(&p->far, 0, p->base + (at > HEAD_MAX ? at : HEAD_MAX), end);
}

/* ---- the hello after a HelloRetryRequest ---------------------------------------------------- */

/*
 * RFC 8446 4.1.3: a ServerHello with this random is a HelloRetryRequest.
 * Record u8 22 | be16 version | be16 length, then u8 2 | be24 length | be16 version | random.
 */
static bool hello_retry_byte(uint32_t at, uint8_t b)
{
	static const uint8_t random[RETRY_BYTES - RETRY_FRONT] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
		0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
		0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

	if (at >= RETRY_FRONT)
		return b == random[at - RETRY_FRONT];
	switch (at) {
	case 0:
		return b == 22;
	case 1:
	case 9:
	case 10:
		return b == 3;
	default:
		return at != 5 || b == 2;
	}
}

static bool may_begin_retry(const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!hello_retry_byte(i, bytes[i]))
			return false;
	return true;
}

/*
 * Is what looks like a ServerHello one?  A proxy's answer may say again what its client said.  Behind
 * STARTTLS and PRELOGIN the client has waited for the whole answer, and behind one CONNECT it is
 * known where that ends: nothing comes between.
 */
static bool tells_for_sure(const struct pending *p)
{
	const struct facts *f = p->facts;

	return !f->layered || f->protocol == PROTOCOL_SMTP ||
	       f->protocol == PROTOCOL_TDS ||
	       (f->proxies == 1 && f->method_len > 0 && p->turn.headed &&
		(int32_t)(p->heard_next - p->heard - p->turn.head_end) >= 0);
}

/* What comes of the first record behind the bytes that were heard. */
static uint16_t record_left(const struct pending *p)
{
	const unsigned len = (unsigned)p->heard_bytes[3] << 8 | p->heard_bytes[4];
	const unsigned had = p->heard > RECORD_HEADER ? p->heard - RECORD_HEADER : 0;

	return (uint16_t)(len > had ? len - had : 0);
}

/* Does the record that the last byte lies in end with it, or has it just begun? */
static void count_record(struct pending *p)
{
	if (p->heard == RECORD_HEADER)
		p->heard_left = record_left(p);
	else if (p->heard > RECORD_HEADER && p->heard_left > 0)
		p->heard_left--;
	p->heard_header = 0;
}

/*
 * A message may lie in several records (RFC 8446 5.1): true for a byte of the header of one that
 * goes on with it.  An empty one is none.
 */
static bool hear_header(struct pending *p, uint8_t b)
{
	const uint8_t at = p->heard_header;

	if (p->heard <= RECORD_HEADER || p->heard_left > 0 || at == RECORD_HEADER)
		return false;
	if ((at == 0 && b != TLS_HANDSHAKE) || (at == 1 && b != 3))
		return false;
	if (at == 3)
		p->heard_bytes[3] = b;
	if (at == 4) {
		p->heard_left = (uint16_t)((unsigned)p->heard_bytes[3] << 8 | b);
		p->heard_header = 0;
		return p->heard_left > 0;
	}
	p->heard_header++;
	return true;
}

/* The next byte.  What others say in front of the answer is passed over. */
static void hear_byte(struct pending *p, uint8_t b)
{
	uint32_t n = p->heard + 1u, from = 1;
	const bool amid = p->heard <= RECORD_HEADER || p->heard_left > 0;

	if (!amid && hear_header(p, b))
		return;
	p->heard_bytes[p->heard] = b;
	if (amid && hello_retry_byte(p->heard, b)) {
		p->heard++;
		count_record(p);
		return;
	}
	if (!p->facts->layered || p->heard_else > OTHERS_SAY ||
	    (p->heard >= RETRY_FRONT && tells_for_sure(p))) {
		p->heard_other = true;
		return;
	}
	while (!may_begin_retry(p->heard_bytes + from, n - from))
		from++;
	memmove(p->heard_bytes, p->heard_bytes + from, n - from);
	p->heard = (uint8_t)(n - from);
	p->heard_header = 0;
	p->heard_left = record_left(p);
	p->heard_else = (uint16_t)(p->heard_else + from);
}

/* The server's bytes in order, whatever the segments. */
static void hear_retry(struct pending *p, const struct packet *pkt)
{
	if (!p->listens)
		p->heard_next = pkt->seq;
	p->listens = true;
	if ((int32_t)(pkt->seq - p->heard_next) > OTHERS_SAY) /* some was not seen */
		p->heard_other = true;
	for (size_t i = 0; i < pkt->payload_len && !p->heard_other; i++) {
		if (p->heard == RETRY_BYTES)
			return;
		if (pkt->seq + (uint32_t)i == p->heard_next) {
			hear_byte(p, pkt->payload[i]);
			p->heard_next++;
		}
	}
}

bool rival_may_start_over(const struct pending *p)
{
	return p->listens && p->heard < RETRY_BYTES && !p->heard_other && !p->retried;
}

bool rival_keeps_behind(const struct pending *p)
{
	return p->facts != NULL && p->facts->hello_end > 0 && !p->heard_other &&
	       !p->retried;
}

bool rival_keeps_early(const struct pending *p)
{
	return rival_keeps_behind(p) && (p->facts->flags & 1u << FLAG_EARLY_DATA) != 0;
}

bool rival_starts_over(struct worker *w, struct pending *p, const struct packet *pkt)
{
	const struct facts *f = conn_facts(w, p);
	const uint32_t end = f->hello_end > 0 ? f->hello_end : p->head.filled;

	if (p->retried || (f->protocol != PROTOCOL_TLS && f->ja4_len == 0) ||
	    pkt->payload_len == 0 ||
	    (int32_t)(pkt->ack - p->flow->client_isn - p->base - end) < 0)
		return false;
	hear_retry(p, pkt);
	if (p->heard < RETRY_BYTES || p->heard_other)
		return false;
	p->retried = true;
	p->whole = false;
	move_segments(&p->rivals, -(int32_t)end);
	p->base += end;
	head_drop(&p->head, w->heads, end);
	drop_unseen(p, end);
	if (p->rivals.last.bytes != NULL) {
		p->rival = true;
		head_drop(&p->rivals.last, w->others, end);
		p->other_read = read_copy(w, flow_extra(p->flow), p, &p->rivals.last);
	}
	return true;
}

/*
 * Of two contents, neither of them whole, the server has taken what there is.  A server of TLS says
 * something when it has all of one; others may ask for more.
 */
static bool has_answered(const struct worker *w, const struct pending *p,
			 const struct packet *pkt)
{
	return w->now_us - p->whole_us > PATIENCE_US ||
	       (pkt->payload_len > 0 && p->head.filled > 0 &&
		p->head.bytes[0] == TLS_HANDSHAKE);
}

bool rival_is_over(struct worker *w, const struct flow *fl, struct pending *p,
		   const struct packet *pkt, bool from_client)
{
	const uint32_t needed = p->base + (p->whole ? p->whole_end : p->head.highest);
	const bool rival = p->rival || is_contested(w, p);

	if (!p->whole && !rival)
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
	if (rival && !p->whole && !p->other_read && !has_answered(w, p, pkt))
		return false;
	if (rival || p->retried)
		return true;
	if (conn_facts(w, p)->ja4_len == 0)
		return p->opened || !rival_is_unread_tunnel(p->facts) ||
		       pkt->payload_len > 0; /* the proxy's answer tells whose it is */
	if (pkt->payload_len == 0)           /* a TLS server may ask for another hello */
		return false;
	return !rival_starts_over(w, p, pkt) && !rival_may_start_over(p);
}

/* A change_cipher_spec, or what may become one; servers ignore its version (RFC 8446 5.1). */
static bool is_ccs(const uint8_t *b, uint32_t left)
{
	static const uint8_t length_and_type[] = {0, 1, 1};
	const uint32_t rest = left < 3 ? 0 : left - 3;

	return b[0] == 20 && memcmp(b + 3, length_and_type, rest < 3 ? rest : 3) == 0;
}

/*
 * `s` begins behind a hello: up to where is it what a server skips (RFC 8446 4.2.10, D.4),
 * or may become it?  That may be beyond the head.  *ret_early: the last of it is early data.
 */
static uint32_t skipped(struct worker *w, struct pending *p, struct str s,
			bool *ret_early)
{
	const bool early = (conn_facts(w, p)->flags & 1u << FLAG_EARLY_DATA) != 0;
	uint32_t at = 0, left, len;

	*ret_early = false;
	while (at < s.len) {
		const uint8_t *b = (const uint8_t *)s.p + at;

		left = (uint32_t)s.len - at;
		if (is_ccs(b, left)) {
			*ret_early = false;
			at += CCS_LEN;
			continue;
		}
		if (!early || b[0] != 23)
			return at;
		*ret_early = left >= RECORD_HEADER;
		if (left < RECORD_HEADER)
			return at + RECORD_HEADER;
		len = (uint32_t)b[3] << 8 | b[4];
		if (len == 0 || len > RECORD_MAX)
			return at;
		at += RECORD_HEADER + len;
	}
	return at;
}

/* What came behind the first hello has passed: unless it is early data it may be the second. */
bool rival_has_passed(struct worker *w, const struct conn *c, struct pending *p)
{
	const struct str s = {(const char *)p->head.bytes, p->head.filled};
	bool early;

	return (int32_t)(c->passed - p->base) > 0 &&
	       ((int32_t)(c->passed - p->base - p->head.highest) > 0 ||
		skipped(w, p, s, &early) < s.len);
}

void rival_note_whole(struct worker *w, struct pending *p)
{
	const uint32_t end = p->retried ? 0 : conn_facts(w, p)->hello_end;

	p->whole = true;
	p->whole_end = end > 0 ? end : p->head.filled;
	p->whole_us = w->now_us;
	p->unseen |= p->late_end > 0 && p->late_end <= p->whole_end;
}

/* The bytes behind the first hello, as TLS gets them. */
static struct str second_bytes(struct worker *w, struct pending *p, const struct head *h,
			       bool *ret_broken)
{
	*ret_broken = false;
	if (conn_facts(w, p)->protocol == PROTOCOL_TDS)
		return identify_unwrap(w->identify, h->bytes, h->filled, ret_broken);
	return (struct str){(const char *)h->bytes, h->filled};
}

/* Whom does one of several contents name?  False: it does not go far enough. */
static bool read_second_copy(struct worker *w, struct conn *c, struct pending *p,
			     const struct head *h)
{
	bool early, broken;
	const struct str s = second_bytes(w, p, h, &broken);
	const uint32_t skip = skipped(w, p, s, &early);
	struct facts f;

	memset(&f, 0, sizeof(f));
	if (skip >= s.len ||
	    identify_stream(w->identify, (const uint8_t *)s.p + skip, s.len - skip,
			    broken, false, flow_server_port(p->flow),
			    &f) != IDENTIFY_DONE)
		return false;
	rival_name_facts(w, c, &f);
	return true;
}

/* Whom the first hello names; behind a proxy it may be the proxy's word that stands. */
static struct str first_name(const struct facts *f)
{
	return f->evidence == EVIDENCE_CONNECT ? STR_NONE : facts_host(f);
}

/*
 * After HelloRetryRequest: the same hello but for what the server asked for (RFC 8446 4.1.2),
 * behind a change_cipher_spec for the sake of middle boxes (D.4) and early data that was under
 * way, which the server cannot open and skips (4.2.10): so much of it as the head has room for.
 * Behind STARTTLS it stands as it is, in TDS 7 in packets as the first one did.
 */
enum identify_step rival_second_hello(struct worker *w, const struct flow *fl,
				      struct conn *c, struct pending *p)
{
	const struct facts *first = conn_facts(w, p);
	const bool full = p->head.filled == HEAD_MAX;
	bool early, broken;
	const struct str s = second_bytes(w, p, &p->head, &broken);
	const uint32_t skip = skipped(w, p, s, &early);
	struct facts f;

	if (skip >= HEAD_MAX) {
		conn_facts(w, p)->undecidable = UNDECIDABLE_HELLO_TOO_BIG;
		p->rival = true;
		return IDENTIFY_DONE;
	}
	memset(&f, 0, sizeof(f));
	if (skip >= s.len && !broken)
		return early ? IDENTIFY_PASS : IDENTIFY_MORE;
	/* In packets of TDS there stands TLS and nothing else. */
	if (first->protocol == PROTOCOL_TDS && (skip >= s.len || s.p[skip] != 22))
		f.protocol = PROTOCOL_TLS;
	else if (identify_stream(w->identify, (const uint8_t *)s.p + skip, s.len - skip,
				 broken, full, flow_server_port(fl), &f) != IDENTIFY_DONE)
		return IDENTIFY_MORE;
	if (f.protocol != PROTOCOL_TLS || str_equal(facts_host(&f), first_name(first)))
		return IDENTIFY_DONE;
	rival_name(w, c, facts_host(first));
	rival_name(w, c, facts_host(&f));
	p->rival = true;
	c->flags |= 1u << FLAG_HOST_MISMATCH;
	return IDENTIFY_DONE;
}

/* ---- payload of a SYN ------------------------------------------------------------------------ */

/* Other bytes than those of the SYN so far: whoever these name is a candidate if the server took some. */
static void doubt_syn(struct worker *w, struct conn *c, struct pending *p)
{
	if (p->syn_bytes == 0)
		return;
	(void)read_copy(w, c, p, &p->head);
	if (p->syn_bytes > p->syn_others)
		p->syn_others = p->syn_bytes;
	p->others_isn = p->syn_isn;
}

/*
 * Who only watches keeps what comes with a client's SYN until the server's answer tells whether it
 * was taken (RFC 7413 3): inline it is dropped, and the client sends it again.  True: it is kept.
 */
bool rival_keep_syn(struct worker *w, const struct flow *fl, struct conn *c,
		    struct pending *p, const struct packet *pkt)
{
	if (w->inl != NULL || fl->in.has_seq || fl->midstream ||
	    (pkt->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN ||
	    pkt->seq + 1 != fl->client_isn || (p->head.highest > 0 && p->syn_bytes == 0))
		return false;
	if (p->syn_isn != fl->client_isn ||
	    head_contradicts(&p->head, 0, pkt->payload, pkt->payload_len)) {
		doubt_syn(w, c, p);
		head_clear(&p->head, w->heads);
	}
	p->syn_bytes = 0;
	p->syn_isn = fl->client_isn;
	if (head_add(&p->head, w->heads, 0, pkt->payload, pkt->payload_len) ==
	    HEAD_NO_ROOM) {
		w->stats.heads_refused++;
		return false;
	}
	p->syn_bytes = p->head.filled;
	return true;
}

void rival_drop_syn(struct worker *w, struct conn *c, struct pending *p)
{
	if (p->syn_bytes == 0)
		return;
	p->syn_bytes = 0;
	head_clear(&p->head, w->heads);
	w->stats.ignored_syn_data++;
	c->flags |= 1u << FLAG_DECOY_IGNORED;
}

void rival_leave_syn(struct worker *w, const struct flow *fl, struct conn *c,
		     struct pending *p)
{
	if (!fl->in.has_seq)
		doubt_syn(w, c, p);
	rival_drop_syn(w, c, p);
}

static bool is_within(uint32_t n, uint32_t most)
{
	return n > 0 && n <= most;
}

bool rival_take_syn(struct worker *w, const struct flow *fl, struct conn *c,
		    struct pending *p, const struct packet *pkt)
{
	const uint32_t taken = pkt->ack - fl->client_isn;
	const uint8_t both = TCP_SYN | TCP_ACK;
	const bool before = p->syn_isn != fl->client_isn &&
			    is_within(pkt->ack - p->syn_isn, p->syn_bytes);

	if ((pkt->tcp_flags & both) != both)
		return false;
	if (before) /* the SYN that brought them was the one */
		doubt_syn(w, c, p);
	if (is_within(pkt->ack - p->others_isn,
		      p->syn_others)) { /* of one or the other */
		p->rival = true;
		c->flags |= 1u << FLAG_OVERLAP | 1u << FLAG_MORE_CANDIDATES;
	}
	if (p->syn_bytes == 0)
		return false;
	if (!is_within(taken, p->syn_bytes) || p->syn_isn != fl->client_isn) {
		rival_drop_syn(w, c, p);
		return false;
	}
	memcpy(w->without, p->head.bytes, taken);
	head_clear(&p->head, w->heads);
	p->syn_bytes = 0;
	p->first_ack = fl->server_isn;
	/* It fits where more did. */
	return head_add(&p->head, w->heads, 0, w->without, taken) != HEAD_NO_ROOM;
}

/* ---- the server's window ------------------------------------------------------------------- */

void rival_note_window(const struct flow *fl, struct window *win,
		       const struct packet *pkt)
{
	const bool syn = (pkt->tcp_flags & TCP_SYN) != 0;
	uint32_t edge;

	/* Who was not asked says no scale, so a client's SYN that was not seen asked. */
	if (syn)
		win->scale = pkt->tcp_scaled && (win->offered ||
						 (fl->out.tcp_flags & TCP_SYN) == 0)
				     ? pkt->tcp_scale
				     : 0;
	if ((pkt->tcp_flags & TCP_ACK) == 0 || (pkt->tcp_flags & TCP_RST) != 0 ||
	    fl->midstream || (win->offered && (fl->in.tcp_flags & TCP_SYN) == 0))
		return;
	edge = pkt->ack - fl->client_isn +
	       ((uint32_t)pkt->window << (syn ? 0 : win->scale));
	if (!win->has_edge || (int32_t)(edge - win->edge) > 0)
		win->edge = edge;
	win->has_edge = true;
}

void rival_note_echo(struct conn *c, const struct packet *pkt)
{
	if (pkt->tcp_timestamp && (pkt->tcp_flags & TCP_ACK) != 0 &&
	    (pkt->tcp_flags & (TCP_RST | TCP_SYN)) == 0 &&
	    (int32_t)(pkt->ts_ecr - c->ts_recent) > 0)
		c->ts_recent = pkt->ts_ecr;
}

bool rival_is_beyond(const struct flow *fl, const struct window *win,
		     const struct packet *pkt)
{
	const int32_t behind = (int32_t)(pkt->seq - fl->client_isn - win->edge);

	return win->has_edge && pkt->payload_wire_len > 0 && behind >= 0 &&
	       (behind > 0 || pkt->payload_wire_len > 1);
}

/* Two bytes in one place of which the server may have either, and not what follows. */
static void doubt_probe(struct conn *c, struct pending *p)
{
	p->rival = true;
	c->flags |= 1u << FLAG_OVERLAP | 1u << FLAG_MORE_CANDIDATES;
}

void rival_compare_probe(struct conn *c, struct pending *p, uint32_t at, struct str bytes)
{
	const uint32_t i = p->probe_at - p->base - at;

	if (p->has_probe && i < bytes.len && (uint8_t)bytes.p[i] != p->probe)
		doubt_probe(c, p);
}

bool rival_keep_probe(const struct flow *fl, struct conn *c, struct pending *p,
		      const struct packet *pkt)
{
	if (!p->window.has_edge || pkt->payload_len != 1 ||
	    pkt->seq - fl->client_isn != p->window.edge)
		return false;
	if (p->has_probe && p->probe_at == p->window.edge && p->probe != pkt->payload[0])
		doubt_probe(c, p);
	p->has_probe = true;
	p->probe = pkt->payload[0];
	p->probe_at = p->window.edge;
	return true;
}

bool rival_take_probe(struct worker *w, const struct flow *fl, struct pending *p)
{
	const uint32_t at = p->probe_at - p->base;

	if (!p->has_probe || !fl->in.has_ack ||
	    (int32_t)(fl->in.acked - fl->client_isn - p->probe_at) <= 0)
		return false;
	p->has_probe = false;
	return !p->whole && at < HEAD_MAX && !head_has(&p->head, at, at + 1) &&
	       head_add(&p->head, w->heads, at, &p->probe, 1) == HEAD_ADDED;
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

bool rival_urgent_at(const struct worker *w, const struct flow *fl,
		     const struct packet *pkt, uint32_t *ret_at)
{
	uint32_t pointer;

	if (w->inl != NULL || (pkt->tcp_flags & TCP_URG) == 0 || pkt->l4_len < 20)
		return false;
	/* It points behind the byte (RFC 6093 3); zero is taken for the first one. */
	pointer = (uint32_t)pkt->l4[18] << 8 | pkt->l4[19];
	*ret_at = pkt->seq - fl->client_isn + (pointer > 0 ? pointer - 1 : 0);
	return true;
}

/* It may come alone, and before or behind its byte (RFC 9293 3.8.5): Linux takes that out all the same. */
void rival_note_urgent(struct worker *w, const struct flow *fl, struct conn *c,
		       struct pending *p, const struct packet *pkt)
{
	uint32_t at;

	if (!rival_urgent_at(w, fl, pkt, &at))
		return;
	at -= p->base;
	if (at >= HEAD_MAX) /* or in front of the head: the server has it */
		return;
	if (p->has_urgent && at != p->urgent_at)
		p->many_urgent = true;
	p->has_urgent = true;
	p->urgent_at = at;
	if (p->whole && at < p->whole_end && at < p->head.filled &&
	    (p->retried || rival_read_urgent(w, fl, c, p, false) != IDENTIFY_DONE)) {
		p->rival = true;
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
	}
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
	if (p->many_urgent) { /* any of them may be out: the one reading that has them all in */
		if (identify_stream(w->identify, h->bytes, h->filled, final, cap, port,
				    &in) != IDENTIFY_DONE)
			return IDENTIFY_MORE;
		*conn_facts(w, p) = in;
		p->rival = true;
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
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
	enum undecidable why;
	bool rest;

	/* Encrypted records, though the beginning was seen: a server takes none before the hello. */
	if (!p->flow->midstream && f->protocol == PROTOCOL_TLS &&
	    f->undecidable == UNDECIDABLE_MIDSTREAM)
		f->undecidable = UNDECIDABLE_MALFORMED_HELLO;
	if (p->flow->key.ip_proto == IP_PROTO_UDP)
		datagrams_conclude(w, c, p);
	else
		p->rival |= is_contested(w, p);
	p->unseen |= w->inl == NULL && !p->whole && (p->late_end > 0 || lacks_bytes(p));
	rest = f->host_len > 0 && rival_is_rest(w, p->flow, p);
	if (p->rival)
		rival_name_all(w, c, p, &p->head, &p->rivals);
	if (p->rival && p->rivals.last.bytes != NULL && !(p->whole && p->other_read))
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
	if (p->rival || p->unseen || rest)
		rival_name_facts(w, c, f);
	if (!p->rival && !p->unseen && !rest) {
		rival_forget(w, c);
		return;
	}
	why = UNDECIDABLE_CONFLICT;
	if (!p->rival)
		why = f->undecidable != UNDECIDABLE_NONE ? f->undecidable
		      : rest                             ? UNDECIDABLE_MIDSTREAM
							 : UNDECIDABLE_INCOMPLETE;
	if (p->rival && p->retried && p->rivals.last.bytes == NULL && p->twins == 0)
		why = f->undecidable == UNDECIDABLE_HELLO_TOO_BIG
			      ? UNDECIDABLE_HELLO_TOO_BIG
			      : UNDECIDABLE_MALFORMED_HELLO;
	*f = (struct facts){.protocol = f->protocol,
			    .flags = f->flags,
			    .tls_offered = f->tls_offered,
			    .quic_version = f->quic_version,
			    .undecidable = why};
}
