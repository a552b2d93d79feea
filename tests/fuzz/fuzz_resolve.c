/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_resolve - DNS over TCP between a client and its site's resolver.
 *
 * Input: u8 how it is cut, u8 and u8 the length of what the client says, then that, and what the
 * resolver says.  Properties: in pieces, some twice, some out of order, the same is told as in one
 * piece, and the stream is given up or not; nothing is told that is no answer to one question;
 * and streams that were rewound say what new ones say.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/engine/sites.h"
#include "engine/resolve.h"
#include "pieces.h"
#include "rewind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX     4096u
#define CLIENT_FIRST 0xfffffff0u
#define SERVER_FIRST 5000u
#define NOW          INT64_C(1700000000000000)

struct heard {
	unsigned count;
	struct site_answer last;
};

static void hear(void *arg, const struct site_answer *a)
{
	struct heard *h = arg;

	if (!a->message.is_answer || a->message.question_count != 1 ||
	    a->site != generation_site_id(sites, 0))
		abort();
	h->count++;
	h->last.site = a->site;
	memcpy(h->last.message.name, a->message.name, sizeof(a->message.name));
	h->last.message.address_count = a->message.address_count;
}

static const struct addr client = {
	{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3}};
static const struct addr own = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 0, 53}};

/* NOLINTNEXTLINE(readability-function-size): what a segment says */
static void segment(struct resolve *r, struct heard *h, bool query, unsigned flags,
		    uint32_t at, const uint8_t *data, size_t len)
{
	const struct packet p = {.src = query ? client : own,
				 .dst = query ? own : client,
				 .src_port = query ? 4000 : 53,
				 .dst_port = query ? 53 : 4000,
				 .ip_proto = IP_PROTO_TCP,
				 .payload = data,
				 .payload_len = len,
				 .payload_wire_len = len,
				 .seq = (query ? CLIENT_FIRST : SERVER_FIRST) + at,
				 .ack = query ? SERVER_FIRST : CLIENT_FIRST,
				 .tcp_flags = (uint8_t)flags};

	resolve_packet(r, sites, &p, NOW, hear, h);
}

static void say(struct resolve *r, struct heard *h, bool query, const uint8_t *data,
		size_t len, uint8_t cut)
{
	struct pieces p = pieces_start(len, 1 + cut % 64);

	if (cut == 0) {
		segment(r, h, query, TCP_ACK, 0, data, len);
		return;
	}
	for (size_t at = 0; pieces_next(&p); at = p.at) {
		const size_t n = p.at - at, next = len - p.at < n ? len - p.at : n;

		/* The first one first: it says where the other side begins. */
		if ((cut & 0x40) != 0 && at > 0 && next > 0)
			segment(r, h, query, TCP_ACK, (uint32_t)p.at, data + p.at, next);
		segment(r, h, query, TCP_ACK, (uint32_t)at, data + at, n);
		if ((cut & 0x80) != 0)
			segment(r, h, query, TCP_ACK, (uint32_t)(at / 2), data + at / 2,
				n);
	}
}

static struct resolve *make(void)
{
	struct resolve *r = resolve_create(64);

	if (r == NULL)
		abort();
	return r;
}

static uint64_t play(struct resolve *r, const uint8_t *data, size_t asks, size_t all,
		     uint8_t cut, struct heard *h)
{
	memset(h, 0, sizeof(*h));
	segment(r, h, true, TCP_SYN, UINT32_MAX, NULL, 0);
	say(r, h, true, data, asks, cut);
	say(r, h, false, data + asks, all - asks, cut);
	return resolve_lost(r);
}

/* The same of streams that were rewound, or are new. */
static uint64_t replay(const uint8_t *data, size_t asks, size_t all, uint8_t cut,
		       bool is_new, struct heard *h)
{
	static struct rewind rewind;
	static struct resolve *kept;
	struct resolve *r;
	uint64_t lost;

	if (kept == NULL) {
		rewind_record(&rewind);
		kept = make();
		rewind_mark(&rewind);
	}
	if (!is_new) {
		rewind_back(&rewind);
		return play(kept, data, asks, all, cut, h);
	}
	r = make();
	lost = play(r, data, asks, all, cut, h);
	resolve_destroy(r);
	return lost;
}

static void check_alike(const struct heard *a, const struct heard *b)
{
	if (a->count != b->count ||
	    strcmp(a->last.message.name, b->last.message.name) != 0 ||
	    a->last.message.address_count != b->last.message.address_count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heard whole, pieces;
	uint64_t lost;
	size_t asks;

	if (sites == NULL && sites_make(NULL) != 0)
		abort();
	if (size < 3 || size > TEXT_MAX)
		return 0;
	asks = (size_t)data[1] << 8 | data[2];
	if (asks > size - 3)
		asks = size - 3;
	lost = replay(data + 3, asks, size - 3, 0, false, &whole);
	if (replay(data + 3, asks, size - 3, data[0], false, &pieces) != lost)
		abort();
	check_alike(&whole, &pieces);
	if (!rewind_is_compared(data, size))
		return 0;
	if (replay(data + 3, asks, size - 3, data[0], true, &pieces) != lost)
		abort();
	check_alike(&whole, &pieces);
	return 0;
}
