/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow_contest - two contents of what is not judged, seen by who only watches: every name that
 * the server may have read is noted, until it has taken one of them.
 */
#include <string.h>

#include "engine/follow_impl.h"

/* ---- begin and end ----------------------------------------------------------------------------- */

/* There are two contents.  False: there is no room, and nothing more is known. */
static bool open_contest(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo, uint32_t from,
			 const struct http_follow *http)
{
	struct contest *k = pool_get(w->contests);

	if (k == NULL) {
		w->stats.heads_refused++;
		if (fo->waits) /* which forgets flags of candidates */
			follow_judge_waiting(w, fl, c, fo);
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
		return false;
	}
	memset(k, 0, sizeof(*k));
	k->base = k->from = k->other.next = from;
	k->from_http = k->other_http = *http;
	if (fo->waits && from - fo->guard_at < HEAD_MAX / 2)
		k->base = fo->guard_at;
	fo->contest = k;
	return true;
}

void follow_contest_end(struct worker *w, struct follower *fo)
{
	struct contest *k = fo->contest;

	if (k == NULL)
		return;
	head_clear(&k->other.head, w->others);
	head_clear(&k->first, w->others);
	pool_put(w->copies, k->copies); /* NULL is a no-op */
	pool_put(w->contests, k);
	fo->contest = NULL;
}

/* What is judged, or was read around chunks, is compared no more. */
static void stop_guarding(struct worker *w, struct follower *fo)
{
	if (!fo->waits)
		head_clear(&fo->guard, w->heads);
	follow_free_chunks(w, fo);
}

/* ---- segments ---------------------------------------------------------------------------------- */

static void move_log(struct follower *fo, uint32_t to)
{
	segments_move(&fo->segments, (int32_t)(fo->segments_at - to));
	fo->segments_at = to;
}

void follow_note_segment(struct follower *fo, const struct piece *p)
{
	const uint32_t begin = fo->guard.highest > 0 ? fo->guard_at : fo->out.next;
	uint32_t at;

	if (fo->guard.highest == 0 && fo->out.head.highest == 0) {
		fo->segments = (struct segments){0};
		fo->segments_at = p->at;
	}
	if ((int32_t)(p->at - fo->segments_at) < 0 ||
	    p->at - fo->segments_at + p->bytes.len > HEAD_MAX)
		move_log(fo, (int32_t)(p->at - begin) < 0 ? p->at : begin);
	at = p->at - fo->segments_at;
	if (at + p->bytes.len > HEAD_MAX)
		fo->segments.more = true;
	segments_add(&fo->segments, at, at + (uint32_t)p->bytes.len);
}

/* The first one of the contents begins with what the guard and what waits to be read hold. */
static void keep_first(struct worker *w, struct follower *fo)
{
	struct contest *k = fo->contest;
	const size_t guarded = k->base == fo->guard_at ? fo->guard.filled : 0;

	k->copies = pool_get(w->copies);
	if (k->copies == NULL ||
	    head_add(&k->first, w->others, 0, fo->guard.bytes, guarded) == HEAD_NO_ROOM ||
	    !head_add_all(&k->first, w->others, fo->out.next - k->base, &fo->out.head)) {
		w->stats.heads_refused++;
		k->more = true;
		pool_put(w->copies, k->copies);
		k->copies = NULL;
		return;
	}
	move_log(fo, k->base);
	copies_begin(k->copies, &fo->segments);
}

/* A segment of the client, of which the last copies know no more than that it is the last one. */
static void note_copy(struct worker *w, struct follower *fo, struct piece p)
{
	struct contest *k = fo->contest;
	uint32_t at;

	k->guard_differs |= piece_contradicts(&p, &fo->guard, fo->guard_at);
	if (k->copies == NULL) {
		k->more |= piece_contradicts(&p, &fo->out.head, fo->out.next);
		return;
	}
	if (!piece_trim(&p, k->base))
		return;
	at = p.at - k->base;
	copies_add(k->copies, &k->first, at, p.bytes);
	if (head_add(&k->first, w->others, at, (const uint8_t *)p.bytes.p, p.bytes.len) ==
	    HEAD_NO_ROOM) {
		w->stats.heads_refused++;
		k->copies->more = true;
	}
}

/* ---- reading ----------------------------------------------------------------------------------- */

/* Some protocol begins: is it known whom the bytes name, or that nobody will know?  Noted. */
static bool read_opening(struct worker *w, const struct flow *fl, struct conn *c,
			 struct str bytes)
{
	struct facts f;

	memset(&f, 0, sizeof(f));
	if (identify_stream(w->identify, (const uint8_t *)bytes.p, bytes.len, false,
			    bytes.len == HEAD_MAX, flow_server_port(fl),
			    &f) != IDENTIFY_DONE)
		return false;
	rival_name_facts(w, c, &f);
	return true;
}

/* The same of the next request, behind so many bytes that are done with. */
static bool read_request(struct worker *w, const struct flow *fl, struct conn *c,
			 struct http_follow *http, struct str bytes, size_t *ret_used)
{
	const uint16_t port = flow_server_port(fl);
	struct facts f;
	size_t used = 0;

	for (*ret_used = 0; *ret_used < bytes.len; *ret_used += used) {
		const struct str rest = {bytes.p + *ret_used, bytes.len - *ret_used};

		memset(&f, 0, sizeof(f));
		switch (identify_http(w->identify, http, rest, rest.len == HEAD_MAX, port,
				      &used, &f)) {
		case HTTP_STEP_REQUEST:
			rival_name(w, c, facts_host(&f));
			return true;
		case HTTP_STEP_LOST:
			return true;
		case HTTP_STEP_MORE:
			if (used == 0)
				return false;
			break;
		}
	}
	return false;
}

/* One of two readings, from which what is done with is taken off. */
struct reading {
	struct lane *lane;
	struct head_pools *pools; /* of its head */
	struct http_follow *http;
};

static bool read_lane(struct worker *w, const struct flow *fl, struct conn *c,
		      const struct follower *fo, const struct reading *r)
{
	struct lane *l = r->lane;
	size_t used;
	bool told;

	switch (fo->kind) {
	case FOLLOW_HTTP:
		told = read_request(w, fl, c, r->http, lane_bytes(l), &used);
		l->next += (uint32_t)used;
		head_drop(&l->head, r->pools, (uint32_t)used);
		return told;
	case FOLLOW_OPENING:
		return read_opening(w, fl, c, lane_bytes(l));
	default: /* mail, in which the server's answers tell where TLS begins */
		return false;
	}
}

/* Note whom both readings ask for by now.  True: each of them is known. */
static bool read_both(struct worker *w, const struct flow *fl, struct conn *c,
		      struct follower *fo)
{
	struct contest *k = fo->contest;
	const struct reading first = {&fo->out, w->heads, &fo->http};
	const struct reading last = {&k->other, w->others, &k->other_http};

	if (!k->first_named)
		k->first_named = read_lane(w, fl, c, fo, &first);
	k->other_named = read_lane(w, fl, c, fo, &last);
	return k->other_named && k->first_named;
}

/*
 * Of each content that the segments make, from where they are not judged.  False: not all are known, or
 * whom they name.
 */
static bool read_mixtures(struct worker *w, const struct flow *fl, struct conn *c,
			  struct follower *fo)
{
	const struct contest *k = fo->contest;
	const uint32_t skip = k->guard_differs ? 0 : k->from - k->base;
	const struct http_follow none = {0};
	struct http_follow http;
	struct head mixed = {0};
	struct mixtures m;
	struct str bytes;
	bool told = true;

	if (!head_copy(&mixed, w->others, &k->first)) {
		w->stats.heads_refused++;
		return false;
	}
	bytes = (struct str){(const char *)mixed.bytes + skip,
			     mixed.filled > skip ? mixed.filled - skip : 0};
	mixtures_begin(&m, k->copies, &k->first);
	while (mixtures_next(&m, mixed.bytes)) {
		http = k->guard_differs ? none : k->from_http;
		told &= fo->kind == FOLLOW_OPENING && skip == k->from - k->base
				? read_opening(w, fl, c, bytes)
				: rival_name_requests(w, fl, c, &http, bytes);
		if (rival_is_full(w, c))
			break;
	}
	told &= mixed.filled == mixed.highest && !k->first.beyond &&
		(!k->guard_differs || k->base == fo->guard_at);
	head_clear(&mixed, w->others);
	return told && !m.more;
}

/* The header in the guard is judged, unless it has two contents itself: then it names a candidate. */
static void settle_guard(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo)
{
	struct facts f;

	if (!fo->waits)
		return;
	if (!fo->contest->guard_differs) {
		follow_judge_waiting(w, fl, c, fo); /* which forgets candidates */
		if (fo->contest->of_host)
			rival_name(w, c, intern_text(w->texts, c->host));
		return;
	}
	follow_read_waiting(w, fl, fo, &f);
	rival_name(w, c, facts_host(&f));
	fo->waits = false;
}

void follow_contest_name_all(struct worker *w, struct flow *fl, struct conn *c,
			     struct follower *fo)
{
	struct contest *k = fo->contest;
	bool told;

	settle_guard(w, fl, c, fo);
	k->first_named = k->first_known;
	told = read_both(w, fl, c, fo) && !k->more;
	if (k->copies != NULL && fo->kind != FOLLOW_MAIL)
		told &= read_mixtures(w, fl, c, fo);
	/* One that names nobody: nothing was read of whom the contents lead to. */
	if (!told || intern_text(w->texts, c->candidates).len == 0)
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
}

/* ---- feeding ------------------------------------------------------------------------------------ */

static void add_copy(struct worker *w, struct contest *k, struct piece p)
{
	struct lane *l = &k->other;

	while (piece_trim(&p, l->next)) {
		const uint32_t gap = p.at - l->next;
		const uint64_t body = http_skippable(&k->other_http);
		uint64_t n = (uint64_t)gap + p.bytes.len;

		if (body == 0 || gap > body) {
			if (gap < HEAD_MAX && head_overwrite(&l->head, w->others, gap,
							     (const uint8_t *)p.bytes.p,
							     p.bytes.len) == HEAD_NO_ROOM)
				w->stats.heads_refused++;
			return;
		}
		n = n < body ? n : body;
		http_skip(&k->other_http, n);
		l->next += (uint32_t)n;
		head_drop(&l->head, w->others, (uint32_t)n);
	}
}

/* More bytes for the other reading: of two copies the last, or all but the urgent byte. */
static void add_to_other(struct worker *w, struct contest *k, struct piece p)
{
	const int32_t before = (int32_t)(k->urgent_at - p.at);
	struct piece front = p;

	if (k->urgent && before > 0 && (size_t)before < p.bytes.len)
		front.bytes.len = (size_t)before;
	if (!k->urgent || before > 0)
		add_copy(w, k, front);
	if (!k->urgent || !piece_trim(&p, k->urgent_at + 1))
		return;
	p.at--;
	add_copy(w, k, p);
}

void follow_trim_taken(const struct flow *fl, const struct follower *fo, struct piece *p)
{
	const struct contest *k = fo->contest;
	const uint32_t first = fo->out.next + fo->out.head.filled;
	uint32_t end = fl->in.acked - fl->client_isn, last;

	if (!fl->in.has_ack || (k != NULL && k->urgent))
		return;
	if ((k == NULL || !k->first_named) && (int32_t)(first - end) < 0)
		end = first;
	if (k != NULL) {
		last = k->other.next + k->other.head.filled;
		if ((int32_t)(last - end) < 0)
			end = last;
	}
	if (!piece_trim(p, end))
		p->bytes.len = 0;
}

void follow_contest_feed(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo, struct piece *p)
{
	struct contest *k = fo->contest;

	if (!p->from_client) {
		const bool answers = p->bytes.len > 0;

		if (fo->waits && !k->guard_differs &&
		    follow_is_taken(w, fl, guard_end(fo)))
			settle_guard(w, fl, c, fo);

		if (follow_is_taken(w, fl, fl->out.next_seq - fl->client_isn) &&
		    (read_both(w, fl, c, fo) || answers))
			follow_give_up(w, fl, c, UNDECIDABLE_CONFLICT);
		return;
	}
	follow_trim_taken(fl, fo, p);
	if (p->bytes.len == 0)
		return;
	note_copy(w, fo, *p);
	add_to_other(w, k, *p);
	if (!k->first_named && piece_trim(p, fo->out.next) &&
	    p->at - fo->out.next < HEAD_MAX &&
	    head_add(&fo->out.head, w->heads, p->at - fo->out.next,
		     (const uint8_t *)p->bytes.p, p->bytes.len) == HEAD_NO_ROOM)
		w->stats.heads_refused++;
	if (read_both(w, fl, c, fo) && !fl->in.has_seq)
		follow_give_up(w, fl, c, UNDECIDABLE_CONFLICT);
}

/* The other reading begins with `shared` bytes that are the same in both. */
static void go_on(struct worker *w, struct flow *fl, struct conn *c, struct follower *fo,
		  struct str shared, struct piece *p)
{
	struct contest *k = fo->contest;

	c->flags |= 1u << FLAG_OVERLAP;
	k->other_named = true; /* so far it is what was read first */
	stop_guarding(w, fo);
	if (shared.len > 0 &&
	    head_add(&k->other.head, w->others, 0, (const uint8_t *)shared.p,
		     shared.len) == HEAD_NO_ROOM)
		w->stats.heads_refused++;
	follow_contest_feed(w, fl, c, fo, p);
}

/* ---- what may be contested --------------------------------------------------------------------- */

bool follow_contest_urgent(struct worker *w, struct flow *fl, struct conn *c,
			   struct follower *fo, uint32_t at)
{
	struct piece kept = {NULL, true, fo->out.next, lane_bytes(&fo->out)};
	struct facts f;

	if (fo->contest == NULL && (int32_t)(at - fo->out.next) < 0) {
		if (!fo->waits || (int32_t)(at - fo->guard_at) < 0)
			return true;
		follow_read_waiting(w, fl, fo, &f);
		rival_name(w, c, facts_host(&f));
		fo->waits = false;
	}
	if (fo->contest != NULL) {
		fo->contest->more = true;
		return true;
	}
	if ((int32_t)(at - fo->out.next) < 0) {
		c->flags |= 1u << FLAG_MORE_CANDIDATES;
		return false;
	}
	if ((fo->kind == FOLLOW_HTTP && !http_between(&fo->http)) ||
	    fo->out.head.highest != fo->out.head.filled)
		return false;
	if (!open_contest(w, fl, c, fo, fo->out.next, &fo->http))
		return false;
	stop_guarding(w, fo);
	fo->contest->urgent = true;
	fo->contest->urgent_at = at;
	add_to_other(w, fo->contest, kept);
	return true;
}

void follow_contest_header(struct worker *w, struct flow *fl, struct conn *c,
			   struct follower *fo, struct piece *p)
{
	const struct http_follow none = {0};
	struct str shared = {(const char *)w->without, fo->guard.filled};
	const size_t room = HEAD_MAX - fo->guard.filled;
	struct facts f;

	follow_read_waiting(w, fl, fo, &f);
	rival_name(w, c, facts_host(&f));
	fo->waits = false;
	if (!open_contest(w, fl, c, fo, fo->guard_at, &none)) {
		follow_give_up(w, fl, c, UNDECIDABLE_CONFLICT);
		return;
	}
	fo->contest->first_named = fo->contest->first_known = true;
	keep_first(w, fo);
	memcpy(w->without, fo->guard.bytes, fo->guard.filled);
	if (guard_end(fo) == fo->out.next && fo->out.head.filled > 0) {
		const size_t n = fo->out.head.filled < room ? fo->out.head.filled : room;

		memcpy(w->without + shared.len, fo->out.head.bytes, n);
		shared.len += n;
	}
	fo->kind = FOLLOW_HTTP;
	go_on(w, fl, c, fo, shared, p);
}

void follow_contest_lane(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo, struct piece *p)
{
	if (!open_contest(w, fl, c, fo, fo->out.next, &fo->http)) {
		follow_give_up(w, fl, c, UNDECIDABLE_CONFLICT);
		return;
	}
	if (!head_copy(&fo->contest->other.head, w->others, &fo->out.head))
		w->stats.heads_refused++;
	keep_first(w, fo);
	go_on(w, fl, c, fo, STR_NONE, p);
}

/* The host that the body was for, or that of the request read behind it, is a candidate. */
void follow_contest_chunks(struct worker *w, struct flow *fl, struct conn *c,
			   struct follower *fo, const struct chunk_frame *at,
			   struct piece *p)
{
	const char *const text = fo->chunks->text + at->text;
	const int32_t before = (int32_t)(p->at - at->at); /* bytes that both share */
	const struct str shared = {(const char *)w->without,
				   before > 0 ? (size_t)before : 0};
	const bool behind = fo->waits && (int32_t)(fo->guard_at - at->at) > 0;
	struct http_follow frame = {0};
	struct facts f;

	if (fo->waits) {
		follow_read_waiting(w, fl, fo, &f);
		rival_name(w, c, facts_host(&f));
	} else {
		rival_name(w, c, intern_text(w->texts, c->host));
	}
	fo->waits &= !behind;
	http_at_chunk(&frame, text[0] == '\r');
	if (!open_contest(w, fl, c, fo, at->at, &frame)) {
		follow_give_up(w, fl, c, UNDECIDABLE_CONFLICT);
		return;
	}
	fo->contest->more = true; /* the bodies between are not kept */
	fo->contest->first_named = fo->contest->first_known = true;
	fo->contest->of_host = !behind;
	memcpy(w->without, text, shared.len);
	fo->kind = FOLLOW_HTTP;
	go_on(w, fl, c, fo, shared, p);
}

/* Where the last byte lies that is contradicted, and the end of it; 0: that is not known. */
static uint32_t contested_end(const struct copies *k)
{
	uint32_t end = 0;

	for (unsigned i = 0; k != NULL && i < k->count && !k->more; i++)
		end = k->other[i].end > end ? k->other[i].end : end;
	return end;
}

bool follow_contest_go_on(struct worker *w, struct flow *fl, struct conn *c,
			  struct follower *fo, struct pending *p)
{
	const uint64_t body = fo->kind == FOLLOW_HTTP ? http_skippable(&fo->http) : 0;
	const uint32_t base = fo->out.next, end = contested_end(p->rivals.copies);
	struct contest *k;

	if (w->inl != NULL || (end > 0 && end - base <= body))
		return false;
	if (!open_contest(w, fl, c, fo, base, &fo->http)) {
		follow_give_up(w, fl, c, UNDECIDABLE_CONFLICT);
		return true;
	}
	k = fo->contest;
	k->copies = p->rivals.copies;
	p->rivals.copies = NULL;
	if (!head_copy_from(&k->first, w->others, &p->head, base) ||
	    !head_copy_from(&k->other.head, w->others, &p->rivals.last, base) ||
	    k->copies == NULL) {
		w->stats.heads_refused++;
		k->more = true;
	} else {
		copies_move(k->copies, -(int32_t)base);
	}
	(void)read_both(w, fl, c, fo);
	return true;
}
