/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolve.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/hash.h"
#include "flow/head.h"
#include "identify/outstanding.h"

#define WAYS       4u
#define BUCKETS    (RESOLVE_STREAMS / WAYS)
#define PREFIX     2u /* the length in front of a message, RFC 1035 4.2.2 */
#define LARGE_MAX  64u
#define SMALL_MAX  (2 * RESOLVE_STREAMS)
#define WINDOW_MAX 0x40000000u /* what lies further on is not of this stream */

/* One direction: bytes that are not read yet; offset 0 of the head is number `next`. */
struct side {
	struct head head;
	uint32_t next;
	bool known; /* `next` is */
};

/* The parties of a packet, and which of them sends. */
struct parties {
	const struct addr *client, *resolver;
	uint16_t port; /* the client's */
	bool query;
	uint16_t site; /* the client's, which names the resolver */
};

struct stream {
	bool used;
	struct addr client, resolver;
	uint16_t port;
	uint64_t turn; /* of its last packet */
	struct side out, in;
};

struct resolve {
	struct outstanding *asked;
	struct head_pools *heads;
	uint64_t turn, lost;
	struct site_answer answer; /* the one at hand */
	struct stream streams[BUCKETS][WAYS];
};

/* Whom the answers are told. */
struct listener {
	resolve_tell *tell;
	void *arg;
	const struct generation *g;
	int64_t clock_us;
};

struct resolve *resolve_create(uint32_t queries)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->asked = outstanding_create(queries);
	r->heads = head_pools_create(SMALL_MAX, LARGE_MAX);
	if (r->asked != NULL && r->heads != NULL)
		return r;
	resolve_destroy(r);
	return NULL;
}

void resolve_destroy(struct resolve *r)
{
	if (r == NULL)
		return;
	outstanding_destroy(r->asked);
	head_pools_destroy(r->heads);
	free(r);
}

static bool is_named(const struct generation *g, const struct addr *a)
{
	const struct config *c = g->config;

	for (size_t i = 0; i < c->site_count; i++)
		if (generation_site_resolves(g, (uint16_t)i, a))
			return true;
	return false;
}

bool resolve_concerns(const struct generation *g, const struct addr *src,
		      const struct addr *dst)
{
	return is_named(g, src) || is_named(g, dst);
}

/* From port 53 to port 53 nobody can say who asks. */
static bool find_parties(const struct generation *g, const struct packet *pkt,
			 struct parties *ret)
{
	const bool query = pkt->dst_port == DNS_PORT;

	if (query == (pkt->src_port == DNS_PORT))
		return false;
	*ret = (struct parties){.client = query ? &pkt->src : &pkt->dst,
				.resolver = query ? &pkt->dst : &pkt->src,
				.port = query ? pkt->src_port : pkt->dst_port,
				.query = query};
	ret->site = generation_site_of(g, ret->client);
	return generation_site_resolves(g, ret->site, ret->resolver);
}

static void take_message(struct resolve *r, const struct parties *p, struct cursor data,
			 const struct listener *l)
{
	struct dns_message *m = &r->answer.message;

	if (dns_parse(data.p, data.left, m) != DNS_FINE || m->question_count != 1 ||
	    m->is_answer == p->query)
		return;
	if (p->query) {
		outstanding_add(r->asked, p->client, p->port, p->resolver, m,
				l->clock_us);
	} else if (outstanding_take(r->asked, p->client, p->port, p->resolver, m,
				    l->clock_us)) {
		r->answer.site = generation_site_id(l->g, p->site);
		l->tell(l->arg, &r->answer);
	}
}

/* ---- TCP ---- */

static void forget(struct resolve *r, struct stream *s)
{
	head_clear(&s->out.head, r->heads);
	head_clear(&s->in.head, r->heads);
	s->used = false;
}

static void give_up(struct resolve *r, struct stream *s)
{
	forget(r, s);
	r->lost++;
}

static struct stream *bucket_of(struct resolve *r, const struct parties *p)
{
	uint8_t key[sizeof(p->client->b) + sizeof(p->port)];

	memcpy(key, p->client->b, sizeof(p->client->b));
	memcpy(key + sizeof(p->client->b), &p->port, sizeof(p->port));
	return r->streams[hash_bytes(key, sizeof(key), 0) % BUCKETS];
}

static struct stream *find_stream(struct resolve *r, const struct parties *p)
{
	struct stream *s = bucket_of(r, p);

	for (unsigned i = 0; i < WAYS; i++, s++)
		if (s->used && s->port == p->port && addr_equal(&s->client, p->client) &&
		    addr_equal(&s->resolver, p->resolver))
			return s;
	return NULL;
}

/* The client's SYN; the same once more changes nothing. */
static void begin_stream(struct resolve *r, const struct parties *p, uint32_t first)
{
	struct stream *s = find_stream(r, p);

	if (s != NULL && s->out.next == first)
		return;
	if (s == NULL) {
		struct stream *bucket = bucket_of(r, p);

		s = bucket;
		for (unsigned i = 0; i < WAYS; i++)
			if (!bucket[i].used || (s->used && bucket[i].turn < s->turn))
				s = &bucket[i];
		if (s->used)
			give_up(r, s);
	}
	forget(r, s);
	*s = (struct stream){.used = true,
			     .client = *p->client,
			     .resolver = *p->resolver,
			     .port = p->port,
			     .turn = r->turn,
			     .out = {.next = first, .known = true}};
}

/* All whole messages.  False: there is one that is not read. */
static bool read_side(struct resolve *r, struct side *side, const struct parties *p,
		      const struct listener *l)
{
	const struct head *h = &side->head;

	while (h->filled >= PREFIX) {
		const uint32_t len = (uint32_t)h->bytes[0] << 8 | h->bytes[1];

		if (PREFIX + len > HEAD_MAX)
			return false;
		if (PREFIX + len > h->filled)
			break;
		take_message(r, p, cur_init(h->bytes + PREFIX, len), l);
		side->next += PREFIX + len;
		head_drop(&side->head, r->heads, PREFIX + len);
	}
	return true;
}

/* The payload of a segment.  False: the stream cannot be read on. */
static bool feed_side(struct resolve *r, struct side *side, const struct packet *pkt,
		      const struct parties *p, const struct listener *l)
{
	const uint32_t at = pkt->seq - side->next;
	const size_t before = at >= 0x80000000u ? (size_t)(0u - at) : 0;
	const uint32_t offset = before > 0 ? 0 : at;

	if (before >= pkt->payload_len || offset > WINDOW_MAX)
		return true;
	if (offset >= HEAD_MAX ||
	    head_add(&side->head, r->heads, offset, pkt->payload + before,
		     pkt->payload_len - before) == HEAD_NO_ROOM)
		return false;
	return !side->head.conflict && !side->head.beyond && read_side(r, side, p, l);
}

/* Inline the server's SYN is not seen: its bytes begin where the client's first ones say. */
static void take_segment(struct resolve *r, const struct packet *pkt,
			 const struct parties *p, const struct listener *l)
{
	struct stream *s;
	struct side *side;

	r->turn++;
	if ((pkt->tcp_flags & TCP_SYN) != 0) {
		if (p->query && (pkt->tcp_flags & TCP_ACK) == 0)
			begin_stream(r, p, pkt->seq + 1);
		return;
	}
	if (pkt->payload_len == 0 || (pkt->tcp_flags & TCP_ACK) == 0 ||
	    (pkt->tcp_flags & TCP_RST) != 0)
		return;
	s = find_stream(r, p);
	if (s == NULL)
		return;
	s->turn = r->turn;
	if (p->query && !s->in.known && pkt->seq == s->out.next) {
		s->in.next = pkt->ack;
		s->in.known = true;
	}
	side = p->query ? &s->out : &s->in;
	if (side->known && !feed_side(r, side, pkt, p, l))
		give_up(r, s);
}

void resolve_packet(struct resolve *r, const struct generation *g,
		    const struct packet *pkt, int64_t clock_us, resolve_tell *tell,
		    void *arg)
{
	const struct listener l = {tell, arg, g, clock_us};
	struct parties p;

	if ((pkt->ip_proto != IP_PROTO_UDP && pkt->ip_proto != IP_PROTO_TCP) ||
	    !find_parties(g, pkt, &p))
		return;
	if (pkt->ip_proto == IP_PROTO_TCP)
		take_segment(r, pkt, &p, &l);
	else
		take_message(r, &p, cur_init(pkt->payload, pkt->payload_len), &l);
}

uint64_t resolve_lost(const struct resolve *r)
{
	return r->lost;
}
