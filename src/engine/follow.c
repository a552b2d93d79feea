/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/follow.h"

#include <string.h>

#include "engine/follow_impl.h"
#include "identify/dns.h"

#define DNS_PREFIX 2 /* be16 length in front of a message: RFC 1035 4.2.2 */

/* ---- ends ----------------------------------------------------------------------------------------- */

void follow_free_chunks(struct worker *w, struct follower *fo)
{
	pool_put(w->chunks, fo->chunks); /* NULL is a no-op */
	fo->chunks = NULL;
}

void follow_stop(struct worker *w, struct conn *c)
{
	struct follower *fo = follower_of(w, c);

	if (fo == NULL)
		return;
	head_clear(&fo->out.head, w->heads);
	head_clear(&fo->in.head, w->heads);
	head_clear(&fo->guard, w->heads);
	follow_contest_end(w, fo);
	follow_free_chunks(w, fo);
	intern_release(w->texts, fo->tunnel_host);
	pool_put(w->followers, fo);
	c->follower = POOL_NONE;
	c->read_out = true;
}

void follow_judge_unknown(struct worker *w, struct flow *fl, struct conn *c,
			  enum undecidable why)
{
	struct facts f = {.protocol = PROTOCOL_HTTP,
			  .undecidable = why,
			  .visibility = VISIBILITY_ADDRESS,
			  .flags = 1u << FLAG_CLEAR_TEXT};

	if (c->protocol == PROTOCOL_SMTP)
		follow_remember_mail(w, c, &f);
	judge_request(w, fl, c, &f);
}

/* Has the server acknowledged the client's bytes up to `end`?  Of a server that nobody sees: yes. */
bool follow_is_taken(const struct worker *w, const struct flow *fl, uint32_t end)
{
	if (!fl->in.has_ack)
		return w->inl == NULL && !fl->in.has_seq;
	return (int32_t)(fl->in.acked - (fl->client_isn + end)) >= 0;
}

/* ---- requests ----------------------------------------------------------------------------------- */

/*
 * Inline: behind a request that ends the connection no server reads another (RFC 9112 9.6), but one
 * that does would go by its host: the one before is a candidate, and so is this one.
 */
static void doubt(struct worker *w, struct conn *c, struct facts *f)
{
	const struct str before = intern_text(w->texts, c->host);

	if (f->host_len == 0 || str_equal(before, facts_host(f)))
		return;
	rival_name(w, c, before);
	rival_name(w, c, facts_host(f));
	f->undecidable = UNDECIDABLE_CONFLICT;
	f->evidence = EVIDENCE_NONE;
	f->host_len = f->url_len = 0;
}

/* A request, before it is judged: is its host the only one that it may go to? */
static void weigh(struct worker *w, struct conn *c, const struct follower *fo,
		  struct facts *f)
{
	const struct str tunnel = intern_text(w->texts, fo->tunnel_host);

	if (fo->doubtful) {
		doubt(w, c, f);
		return;
	}
	if (f->host_len == 0)
		return;
	rival_forget(w, c); /* they were those of requests before */
	if (tunnel.len > 0 && !str_equal(tunnel, facts_host(f)))
		follow_contradict(w, c, tunnel, f);
}

/* The header section in the guard, which was read before. */
void follow_read_waiting(struct worker *w, const struct flow *fl,
			 const struct follower *fo, struct facts *f)
{
	const struct str header = {(const char *)fo->guard.bytes, fo->guard.filled};
	struct http_follow again = {0};
	size_t used;

	memset(f, 0, sizeof(*f));
	(void)identify_http(w->identify, &again, header, true, flow_server_port(fl),
			    &used, f);
}

void follow_judge_waiting(struct worker *w, struct flow *fl, struct conn *c,
			  struct follower *fo)
{
	struct facts f;

	follow_read_waiting(w, fl, fo, &f);
	weigh(w, c, fo, &f);
	fo->waits = false;
	head_clear(&fo->guard, w->heads);
	judge_request(w, fl, c, &f);
}

void follow_give_up(struct worker *w, struct flow *fl, struct conn *c,
		    enum undecidable why)
{
	struct follower *fo = follower_of(w, c);

	if (fo != NULL && fo->kind == FOLLOW_MAIL && why != UNDECIDABLE_CONFLICT) {
		follow_stop(w, c); /* mail names no server, and a text may end anywhere */
		return;
	}
	w->stats.http_lost++;
	if (fo != NULL && fo->contest != NULL)
		follow_contest_name_all(w, fl, c, fo);
	if (fo != NULL && fo->waits) /* it is no part of what cannot be read */
		follow_judge_waiting(w, fl, c, fo);
	follow_stop(w, c);
	follow_judge_unknown(w, fl, c, why);
}

/* ---- requests, read ---------------------------------------------------------------------------- */

/* A header section has been read.  True: it is to be judged at once. */
static bool take_request(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo, struct str header, const struct piece *p)
{
	if (far_has(&fo->far, fo->out.next, fo->out.next + (uint32_t)header.len)) {
		follow_give_up(w, fl, c, UNDECIDABLE_HTTP_DESYNC);
		return false;
	}
	w->stats.http_requests++;
	fo->lets_pass = false;
	fo->asked_upgrade = fo->http.upgrade;
	fo->opened = false;
	fo->turn = (struct turn){0};
	fo->pipelined = fo->guard.highest > 0;
	if (p->from_client)
		fo->answer_seq = fl->in.has_seq ? fl->in.next_seq : 0;
	else
		fo->answer_seq = p->pkt->seq;
	if (fo->guard.highest == 0)
		fo->guard_at = fo->out.next;
	if (head_add(&fo->guard, w->heads, fo->out.next - fo->guard_at,
		     (const uint8_t *)header.p, header.len) == HEAD_NO_ROOM) {
		w->stats.heads_refused++;
		follow_give_up(w, fl, c, UNDECIDABLE_BUDGET);
		return false;
	}
	fo->waits = w->inl == NULL;
	fo->doubtful = fo->closes;
	fo->closes |= fo->http.closes;
	return !fo->waits;
}

/*
 * May the next header be read?  Not while another one stands in the guard, unless it follows at
 * once and can be guarded along with it.
 */
static bool may_read(const struct worker *w, const struct follower *fo)
{
	if (fo->guard.highest == 0 || !http_between(&fo->http))
		return true;
	return w->inl != NULL && guard_end(fo) == fo->out.next &&
	       fo->guard.highest < HEAD_MAX / 2;
}

/* Keep what stands around the chunks.  False: there is no room. */
static bool guard_chunks(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo, struct str bytes)
{
	if (far_has(&fo->far, fo->out.next, fo->out.next + (uint32_t)bytes.len)) {
		follow_give_up(w, fl, c, UNDECIDABLE_HTTP_DESYNC);
		return false;
	}
	if (fo->chunks == NULL) {
		fo->chunks = pool_get(w->chunks);
		if (fo->chunks == NULL) {
			w->stats.heads_refused++;
			follow_give_up(w, fl, c, UNDECIDABLE_BUDGET);
			return false;
		}
		memset(fo->chunks, 0, sizeof(*fo->chunks));
	}
	chunks_add(fo->chunks, fo->out.next, bytes);
	return true;
}

/* The server has acknowledged more: what it has taken needs no guard. */
static void release_chunks(struct worker *w, const struct flow *fl, struct follower *fo)
{
	const uint32_t all = fo->out.next;

	if (fo->chunks == NULL || (!fl->in.has_ack && !follow_is_taken(w, fl, all)))
		return;
	if (chunks_taken(fo->chunks,
			 fl->in.has_ack ? fl->in.acked - fl->client_isn : all))
		follow_free_chunks(w, fo);
}

/*
 * Watched: whatever stands behind a request that ends the connection is ignored, once what stands
 * in front is judged.  Some clients send an empty line behind a body.
 */
static void end_behind_close(struct worker *w, struct conn *c, struct follower *fo,
			     struct str bytes)
{
	if (fo->waits)
		return;
	for (size_t i = 0; i < bytes.len; i++)
		if (bytes.p[i] != '\r' && bytes.p[i] != '\n')
			c->flags |= 1u << FLAG_DECOY_IGNORED;
	follow_stop(w, c);
}

/* Read on: so many of the bytes are done with.  0: nothing can be read of them yet, or at all. */
static size_t read_http(struct worker *w, struct flow *fl, struct conn *c,
			struct str bytes, bool full, const struct piece *p)
{
	struct follower *fo = follower_of(w, c);
	struct facts f;
	size_t used = 0;
	bool around;

	if (bytes.len == 0 || !may_read(w, fo))
		return 0;
	if (w->inl == NULL && fo->closes && http_between(&fo->http)) {
		end_behind_close(w, c, fo, bytes);
		return 0;
	}
	around = http_around_chunks(&fo->http);
	memset(&f, 0, sizeof(f));
	switch (identify_http(w->identify, &fo->http, bytes, full, flow_server_port(fl),
			      &used, &f)) {
	case HTTP_STEP_MORE:
		return !around || guard_chunks(w, fl, c, fo, (struct str){bytes.p, used})
			       ? used
			       : 0;
	case HTTP_STEP_LOST:
		follow_give_up(w, fl, c, f.undecidable);
		return 0;
	case HTTP_STEP_REQUEST:
		break;
	}
	if (take_request(w, fl, c, fo, (struct str){bytes.p, used}, p)) {
		weigh(w, c, fo, &f);
		judge_request(w, fl, c, &f);
	}
	if (c->follower == POOL_NONE)
		return 0;
	if (fo->http.tunnel) {
		fo->kind = FOLLOW_OPENING;
		fo->tunnel = true;
	}
	return used;
}

/* ---- the client's bytes ------------------------------------------------------------------------------ */

/* Leave out body bytes, also those that nobody saw.  False: there is no body here. */
static bool skip_body(struct worker *w, struct follower *fo, struct piece *p)
{
	const uint32_t gap = p->at - fo->out.next;
	const uint64_t body = fo->kind == FOLLOW_HTTP ? http_skippable(&fo->http) : 0;
	uint64_t n = (uint64_t)gap + p->bytes.len;

	if (body == 0 || gap > body)
		return false;
	if (n > body)
		n = body;
	http_skip(&fo->http, n);
	lane_advance(w, &fo->out, (uint32_t)n);
	return true;
}

/* What lies in the lane, as far as it can be read. */
static void read_lane(struct worker *w, struct flow *fl, struct conn *c,
		      struct follower *fo, const struct piece *p)
{
	const struct head *h = &fo->out.head;
	size_t used;

	while (c->follower != POOL_NONE && !conn_is_cut(w, c)) {
		if (fo->kind == FOLLOW_OPENING) {
			if (!follow_read_opening(w, fl, c, fo))
				return;
			continue;
		}
		used = fo->kind == FOLLOW_MAIL
			       ? follow_read_mail(w, fl, c, fo, lane_bytes(&fo->out))
			       : read_http(w, fl, c, lane_bytes(&fo->out),
					   h->filled == HEAD_MAX, p);
		if (used == 0 && (c->follower == POOL_NONE || fo->kind != FOLLOW_OPENING))
			return;
		lane_advance(w, &fo->out, (uint32_t)used);
	}
}

/*
 * Keep what cannot be read yet, as much of it as there is room for.  False: there is none, or it
 * is too far ahead.
 */
static bool store(struct worker *w, struct flow *fl, struct conn *c, struct follower *fo,
		  const struct piece *p)
{
	const uint32_t gap = p->at - fo->out.next;
	const bool fits = gap < HEAD_MAX && p->bytes.len <= HEAD_MAX - gap;
	enum head_result r;

	if (!fits && w->inl == NULL)
		far_note(&fo->far, fo->out.next,
			 gap > fo->out.head.filled ? p->at : fo->out.next + HEAD_MAX,
			 p->at + (uint32_t)p->bytes.len);
	if (!fits && gap > fo->out.head.filled) {
		if (w->inl != NULL && w->inl->cfg.enforce) /* it comes again */
			w->inl->refused = &w->inl->stats.over_cap;
		else if (follow_is_taken(w, fl, fo->out.next + fo->out.head.filled + 1))
			follow_give_up(w, fl, c,
				       UNDECIDABLE_HTTP_DESYNC); /* we have a hole */
		return false;
	}
	r = head_add(&fo->out.head, w->heads, gap, (const uint8_t *)p->bytes.p,
		     p->bytes.len);
	if (r == HEAD_NO_ROOM) {
		w->stats.heads_refused++;
		follow_give_up(w, fl, c, UNDECIDABLE_BUDGET);
		return false;
	}
	if (!fo->out.head.conflict)
		return true;
	follow_give_up(w, fl, c, UNDECIDABLE_CONFLICT);
	return false;
}

/* True: there is more of the packet, and room for it now. */
static bool store_and_read(struct worker *w, struct flow *fl, struct conn *c,
			   struct follower *fo, const struct piece *p)
{
	const uint32_t before = fo->out.next;
	const uint32_t room = HEAD_MAX - (p->at - before);

	if (!store(w, fl, c, fo, p))
		return false;
	read_lane(w, fl, c, fo, p);
	if (p->bytes.len <= room || c->follower == POOL_NONE || conn_is_cut(w, c))
		return false;
	if (fo->out.next != before)
		return true;
	if (w->inl != NULL && w->inl->cfg.enforce) /* it waits behind a guarded request */
		w->inl->refused = &w->inl->stats.over_cap;
	return false;
}

/* Watched: the server had these bytes before, and nobody saw them: here may be anything. */
static bool comes_late(const struct worker *w, const struct flow *fl,
		       const struct follower *fo, const struct piece *p)
{
	const uint32_t acked = fl->in.acked - fl->client_isn;
	const uint32_t end = p->at + (uint32_t)p->bytes.len;
	const uint32_t taken = (int32_t)(end - acked) < 0 ? end : acked;

	return w->inl == NULL && fl->in.has_ack && (int32_t)(acked - p->at) > 0 &&
	       taken - fo->out.next <= HEAD_MAX &&
	       !head_has(&fo->out.head, p->at - fo->out.next, taken - fo->out.next);
}

static void read_client(struct worker *w, struct flow *fl, struct conn *c,
			struct follower *fo, struct piece *p)
{
	size_t used;

	while (piece_trim(p, fo->out.next)) {
		if (skip_body(w, fo, p))
			continue;
		if (comes_late(w, fl, fo, p)) {
			follow_give_up(w, fl, c, UNDECIDABLE_HTTP_DESYNC);
			return;
		}
		used = 0;
		if (p->at == fo->out.next && fo->out.head.highest == 0)
			used = fo->kind == FOLLOW_HTTP
				       ? read_http(w, fl, c, p->bytes, false, p)
			       : fo->kind == FOLLOW_MAIL
				       ? follow_read_mail(w, fl, c, fo, p->bytes)
				       : 0;
		if (used == 0) {
			if (c->follower == POOL_NONE || conn_is_cut(w, c))
				return;
			if (!store_and_read(w, fl, c, fo, p))
				return;
			continue;
		}
		lane_advance(w, &fo->out, (uint32_t)used);
		if (conn_is_cut(w, c))
			return;
	}
	read_lane(w, fl, c, fo, p);
}

/* Watched: the capture has cut the frame, whose other bytes have been read.  Of a body nothing is needed. */
static void miss_cut(struct worker *w, struct flow *fl, struct conn *c,
		     const struct packet *pkt)
{
	struct follower *fo = follower_of(w, c);
	const uint32_t end = pkt->seq - fl->client_isn + (uint32_t)pkt->payload_wire_len;
	const uint32_t n = fo == NULL ? 0 : end - fo->out.next;

	if (fo == NULL || (int32_t)n <= 0)
		return;
	if (fo->kind != FOLLOW_HTTP || n > http_skippable(&fo->http)) {
		follow_give_up(w, fl, c, UNDECIDABLE_HTTP_DESYNC);
		return;
	}
	http_skip(&fo->http, n);
	lane_advance(w, &fo->out, n);
}

/*
 * Other bytes around the chunks than those that were read?  True: the packet is done with.
 * `judged`: it contradicts the header in the guard, too, and what comes first tells more.
 */
static bool check_chunks(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo, struct piece *p, bool judged)
{
	const struct chunk_frame *at;

	if (fo->chunks == NULL)
		return false;
	switch (chunks_compare(fo->chunks, p->at, p->bytes, &at)) {
	case CHUNKS_SAME:
		return false;
	case CHUNKS_UNKNOWN:
		follow_give_up(w, fl, c, UNDECIDABLE_HTTP_DESYNC);
		return true;
	case CHUNKS_OTHER:
		break;
	}
	if (judged && (int32_t)(fo->guard_at - at->at) < 0)
		return false;
	if (w->inl == NULL) {
		follow_contest_chunks(w, fl, c, fo, at, p);
		return true;
	}
	c->flags |= 1u << FLAG_OVERLAP;
	w->inl->refused = &w->inl->stats.conflicting;
	return true;
}

/*
 * Of a segment that contradicts what waits to be read: what stands in front is read as it is, and
 * the requests that it goes on with are no part of the contest.  With it may begin what is watched as the
 * beginning of a connection is: the rest contradicts that.
 */
static void read_front(struct worker *w, struct flow *fl, struct conn *c,
		       struct follower *fo, const struct piece *p)
{
	struct piece front = *p, all = *p;
	struct pending *opening;

	front.bytes.len = piece_agrees(p, &fo->out.head, fo->out.next);
	if (front.bytes.len == 0 || front.bytes.len == p->bytes.len)
		return;
	read_client(w, fl, c, fo, &front);
	opening = conn_pending(w, c);
	if (c->follower == POOL_NONE && opening != NULL &&
	    piece_trim(&all, opening->base))
		rival_stream(w, c, opening, all.at - opening->base, all.bytes);
}

static void feed_http(struct worker *w, struct flow *fl, struct conn *c,
		      struct follower *fo, struct piece *p)
{
	bool judged; /* a header that the server has not acknowledged differs */

	if (w->inl == NULL)
		follow_trim_taken(fl, fo, p);
	judged = piece_contradicts(p, &fo->guard, fo->guard_at);
	if (check_chunks(w, fl, c, fo, p, judged))
		return;
	if (w->inl != NULL &&
	    (judged || piece_contradicts(p, &fo->out.head, fo->out.next))) {
		c->flags |= 1u << FLAG_OVERLAP;
		w->inl->refused = &w->inl->stats.conflicting;
		return;
	}
	if (w->inl == NULL && !judged) {
		read_front(w, fl, c, fo, p);
		if (c->follower == POOL_NONE)
			return;
	}
	if (judged || piece_contradicts(p, &fo->guard, fo->guard_at)) {
		follow_contest_header(w, fl, c, fo, p);
		return;
	}
	if (piece_contradicts(p, &fo->out.head, fo->out.next)) {
		follow_contest_lane(w, fl, c, fo, p);
		return;
	}
	if (w->inl == NULL)
		follow_note_segment(fo, p);
	read_client(w, fl, c, fo, p);
	if (w->inl == NULL && p->pkt->payload_wire_len > p->pkt->payload_len)
		miss_cut(w, fl, c, p->pkt);
}

/*
 * The server says something: has it done what the client asked for (RFC 9110 7.8, 9.3.6)?  True:
 * no, and what was sent for a tunnel is to be read as requests.
 */
static bool hear_answer(struct follower *fo, const struct piece *p)
{
	const unsigned status = identify_http_status(p->bytes);
	const bool tunnel = fo->kind == FOLLOW_OPENING && fo->tunnel && !fo->opened;

	if ((!fo->asked_upgrade && !tunnel) || p->bytes.len < HTTP_STATUS_LEN ||
	    (fo->answer_seq != 0 && p->pkt->seq != fo->answer_seq))
		return false;
	if (status / 100 == 1 && status != 101) {
		/* The answer is yet to come. */
		fo->answer_seq = p->pkt->seq + (uint32_t)p->bytes.len;
		return false;
	}
	fo->asked_upgrade = false;
	if (status == 0)
		return false;
	if (tunnel && status / 100 == 2) {
		fo->opened = !fo->pipelined;
	} else if (tunnel) {
		follow_expect_requests(fo);
		return true;
	} else if (status == 101) {
		fo->kind = FOLLOW_OPENING;
		fo->tunnel = false;
	}
	return false;
}

/*
 * Behind a final answer to `Expect: 100-continue` stands the body or the next request, as client and
 * server please (RFC 9110 10.1.1).
 */
static void hear_expected(struct follower *fo, const struct piece *p)
{
	const unsigned status = identify_http_status(p->bytes);

	if (!fo->http.expects || fo->kind != FOLLOW_HTTP ||
	    (fo->answer_seq != 0 && p->pkt->seq != fo->answer_seq))
		return;
	if (status == 100)
		fo->http.expects = false;
	else if (status / 100 != 1)
		fo->answered = true;
}

/* Does the client send something behind such an answer?  Only one reading of it would be told. */
static bool is_unclear(struct follower *fo, const struct piece *p)
{
	fo->answered &= fo->http.expects; /* else the body had been under way */
	return fo->answered && (int32_t)(p->at + p->bytes.len - fo->out.next) > 0;
}

/* ---- DNS over TCP --------------------------------------------------------------------------------------- */

static void read_dns(struct worker *w, struct flow *fl, struct lane *l, bool from_client)
{
	while (l->head.filled >= DNS_PREFIX) {
		const uint32_t len = (uint32_t)l->head.bytes[0] << 8 | l->head.bytes[1];
		const uint32_t all = DNS_PREFIX + len;

		if (all > HEAD_MAX) { /* nothing that a resolver tells is so long */
			l->skip = all - l->head.filled;
			lane_advance(w, l, l->head.filled);
			return;
		}
		if (all > l->head.filled)
			return;
		watch_dns_message(w, fl, l->head.bytes + DNS_PREFIX, len, from_client);
		lane_advance(w, l, all);
	}
}

static void feed_dns(struct worker *w, struct flow *fl, struct conn *c,
		     struct follower *fo, struct piece *p)
{
	struct lane *l = p->from_client ? &fo->out : &fo->in;
	uint32_t gap;

	while (piece_trim(p, l->next)) {
		gap = p->at - l->next;
		if (gap < l->skip) {
			const uint32_t n = gap + p->bytes.len < l->skip
						   ? gap + (uint32_t)p->bytes.len
						   : l->skip;

			l->skip -= n;
			l->next += n;
			continue;
		}
		if (gap >= HEAD_MAX || p->bytes.len > HEAD_MAX - gap ||
		    head_add(&l->head, w->heads, gap, (const uint8_t *)p->bytes.p,
			     p->bytes.len) == HEAD_NO_ROOM) {
			w->stats.dns_lost++;
			follow_stop(w, c);
			return;
		}
		break;
	}
	read_dns(w, fl, l, p->from_client);
}

/*
 * Watched: has the server taken bytes that the capture lacks?  Of a body nothing is needed, and a FIN
 * takes a number, too.
 */
static void look_for_hole(struct worker *w, struct flow *fl, struct conn *c)
{
	const struct follower *fo = follower_of(w, c);
	const uint32_t seen = fo == NULL ? 0 : fo->out.next + fo->out.head.filled;
	const int32_t missing = (int32_t)(fl->in.acked - fl->client_isn - seen);
	const bool ended = (fl->out.tcp_flags & TCP_FIN) != 0;

	if (fo == NULL || w->inl != NULL || !fl->in.has_ack || missing <= (int32_t)ended)
		return;
	if (fo->kind == FOLLOW_MAIL ||
	    (fo->kind == FOLLOW_HTTP &&
	     (fo->out.head.filled > 0 || (uint64_t)missing > http_skippable(&fo->http))))
		follow_give_up(w, fl, c, UNDECIDABLE_HTTP_DESYNC);
}

/* ---- for the worker --------------------------------------------------------------------------------------- */

/* The server's packet at hand, or the end, may decide what watch_opening() has just begun. */
static void settle_opening(struct worker *w, struct flow *fl, struct conn *c,
			   const struct packet *pkt)
{
	struct pending *p = conn_pending(w, c);

	if (w->inl == NULL && p != NULL && p->again && !c->done &&
	    (pkt == NULL || rival_is_over(w, fl, p, pkt, false)))
		conn_settle(w, fl, c, p);
}

void follow_packet(struct worker *w, struct flow *fl, struct conn *c,
		   const struct packet *pkt, bool from_client)
{
	struct follower *fo = follower_of(w, c);
	struct piece p = {.pkt = pkt,
			  .from_client = from_client,
			  .at = pkt->seq -
				(from_client ? fl->client_isn : fl->server_isn),
			  .bytes = {(const char *)pkt->payload, pkt->payload_len}};
	uint32_t urgent;

	if (fo == NULL || conn_is_cut(w, c))
		return;
	if (w->inl == NULL && !from_client)
		rival_note_window(fl, &fo->window, pkt);
	if (w->inl == NULL && from_client && rival_is_beyond(fl, &fo->window, pkt)) {
		w->stats.ignored_window++;
		c->flags |= 1u << FLAG_DECOY_IGNORED;
		return;
	}
	if (from_client && fo->kind != FOLLOW_DNS &&
	    rival_urgent_at(w, fl, pkt, &urgent) &&
	    !follow_contest_urgent(w, fl, c, fo, urgent)) {
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
		follow_give_up(w, fl, c, UNDECIDABLE_CONFLICT);
		return;
	}
	if (fo->contest != NULL) {
		follow_contest_feed(w, fl, c, fo, &p);
		return;
	}
	if (!from_client && fo->kind == FOLLOW_OPENING && (fo->opened || !fo->tunnel))
		turn_server(&fo->turn, pkt);
	release_chunks(w, fl, fo);
	if (fo->guard.highest > 0 && follow_is_taken(w, fl, guard_end(fo))) {
		if (fo->waits)
			follow_judge_waiting(w, fl, c, fo);
		else
			head_clear(&fo->guard, w->heads);
		read_lane(w, fl, c, fo, &p); /* what waited behind it */
		if (c->follower == POOL_NONE) {
			if (!from_client)
				settle_opening(w, fl, c, pkt);
			return;
		}
	}
	if (fo->kind == FOLLOW_DNS) {
		if (pkt->payload_len > 0)
			feed_dns(w, fl, c, fo, &p);
	} else if (!from_client) {
		if (pkt->payload_len > 0 && fo->kind == FOLLOW_MAIL)
			follow_hear_mail(fl, fo, &p);
		if (pkt->payload_len > 0)
			hear_expected(fo, &p);
		if (pkt->payload_len > 0 && hear_answer(fo, &p))
			read_lane(w, fl, c, fo, &p);
	} else if (is_unclear(fo, &p)) {
		follow_give_up(w, fl, c, UNDECIDABLE_HTTP_DESYNC);
	} else if (pkt->payload_wire_len > 0) {
		feed_http(w, fl, c, fo, &p);
	}
	look_for_hole(w, fl, c);
}

/* HTTP of which some is kept because it cannot be read yet. */
static const struct follower *amid(const struct worker *w, const struct conn *c)
{
	const struct follower *fo = follower_of(w, c);

	return fo != NULL && fo->kind != FOLLOW_DNS && fo->out.head.highest > 0 &&
			       !fo->lets_pass && !conn_is_cut(w, c)
		       ? fo
		       : NULL;
}

bool follow_is_amid(const struct worker *w, const struct conn *c)
{
	return amid(w, c) != NULL;
}

bool follow_keeps_back(const struct worker *w, const struct flow *fl,
		       const struct conn *c, const struct packet *pkt)
{
	const struct follower *fo = amid(w, c);
	const uint32_t end = pkt->seq - fl->client_isn + (uint32_t)pkt->payload_wire_len;

	return fo != NULL && (int32_t)(end - fo->out.next) > 0;
}

void follow_too_long(struct worker *w, struct flow *fl, struct conn *c)
{
	struct follower *fo = follower_of(w, c);

	if (fo == NULL || conn_is_cut(w, c)) /* a denial stands */
		return;
	fo->lets_pass = true;
	follow_judge_unknown(w, fl, c, UNDECIDABLE_HOLD_BUDGET);
}

/* Requests stand in a tunnel to a name: whom was the innermost proxy asked for? */
static void note_tunnel(struct worker *w, struct follower *fo, const struct pending *p)
{
	const unsigned proxies = p->facts->proxies;
	char name[HOST_MAX] = "";
	struct addr a;
	size_t n;

	if (proxies == 0)
		return;
	n = identify_asked(w->identify, p->head.bytes, p->head.filled, proxies - 1, name);
	if (n > 0 && !addr_parse(name, n, &a))
		fo->tunnel_host = intern_hold(w->texts, (struct str){name, n});
}

void follow_start(struct worker *w, struct flow *fl, struct conn *c, struct pending *p)
{
	const struct facts *first = conn_facts(w, p);
	const bool dns = first->protocol == PROTOCOL_DNS;
	const bool mail = first->protocol == PROTOCOL_SMTP && first->commands;
	const uint32_t begin = dns ? 0 : first->request_at;
	const struct piece none = {.pkt = NULL, .from_client = true};
	struct follower *fo;
	struct facts f;
	size_t used = 0;

	if (fl->key.ip_proto != IP_PROTO_TCP || p->base != 0 || p->head.highest == 0 ||
	    conn_is_cut(w, c) || c->reason == VERDICT_REASON_PREEXISTING ||
	    (!dns && !mail && (first->protocol != PROTOCOL_HTTP || !first->requests)))
		return;
	fo = pool_get(w->followers);
	if (fo == NULL) {
		w->stats.followers_refused++;
		if (!dns && !mail)
			follow_give_up(w, fl, c, UNDECIDABLE_BUDGET);
		return;
	}
	memset(fo, 0, sizeof(*fo));
	fo->kind = dns ? FOLLOW_DNS : mail ? FOLLOW_MAIL : FOLLOW_HTTP;
	fo->out.next = begin;
	fo->window = p->window;
	fo->segments = p->rivals.segments;
	fo->far = p->far;
	c->follower = pool_index(w->followers, fo);
	if (!head_copy_from(&fo->out.head, w->heads, &p->head, begin)) {
		w->stats.heads_refused++;
		if (dns)
			follow_stop(w, c);
		else
			follow_give_up(w, fl, c, UNDECIDABLE_BUDGET);
		return;
	}
	if (dns) {
		read_dns(w, fl, &fo->out, true);
		return;
	}
	if (mail) {
		if (p->rivals.from == 0 || !follow_contest_go_on(w, fl, c, fo, p))
			read_lane(w, fl, c, fo, &none);
		return;
	}
	/* The first request is judged; what the guard of a judged head keeps of it is enough. */
	memset(&f, 0, sizeof(f));
	if (identify_http(w->identify, &fo->http, lane_bytes(&fo->out), true,
			  flow_server_port(fl), &used, &f) != HTTP_STEP_REQUEST) {
		follow_stop(w, c);
		return;
	}
	fo->asked_upgrade = fo->http.upgrade;
	fo->closes = fo->http.closes;
	note_tunnel(w, fo, p);
	if (fo->http.tunnel) /* refused, or it would be no request */
		follow_expect_requests(fo);
	lane_advance(w, &fo->out, (uint32_t)used);
	if (p->rivals.from > 0 && follow_contest_go_on(w, fl, c, fo, p))
		return;
	read_lane(w, fl, c, fo, &none);
}

bool follow_is_between(const struct worker *w, const struct flow *fl,
		       const struct conn *c)
{
	const struct follower *fo = follower_of(w, c);

	return fo != NULL && fo->kind == FOLLOW_HTTP && fo->contest == NULL &&
	       http_between(&fo->http) && fo->out.head.highest == 0 &&
	       fl->out.next_seq - fl->client_isn == fo->out.next;
}

void follow_end(struct worker *w, struct flow *fl, struct conn *c)
{
	struct follower *fo = follower_of(w, c);
	const struct piece none = {.pkt = NULL, .from_client = true};

	if (fo != NULL && fo->contest != NULL)
		follow_give_up(w, fl, c, UNDECIDABLE_CONFLICT);
	/* Reading on may end it. */
	for (fo = follower_of(w, c); fo != NULL && fo->waits; fo = follower_of(w, c)) {
		follow_judge_waiting(w, fl, c, fo);
		read_lane(w, fl, c, fo, &none);
	}
	settle_opening(w, fl, c, NULL);
	follow_stop(w, c);
}
