/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dnstap_feed.h"

#include <stdlib.h>
#include <string.h>

#include "engine/resolve.h"

/* In front of the DNS message.  Host byte order: both ends are one program. */
struct record {
	struct addr client;
	int64_t time_us;
	uint32_t len;
	uint32_t zero;
};

struct dnstap_feed {
	struct ring *ring;
	struct dnstap_feed_stats stats;
	struct record head; /* the one at hand */
	struct dnstap_answer answer;
	uint8_t bytes[DNSTAP_DNS_MAX];
};

bool dnstap_feed_put(struct ring *r, const struct dnstap_told *told)
{
	struct record head = {.client = told->client, .time_us = told->time_us};
	uint8_t *at;

	if (told->answer.left > DNSTAP_DNS_MAX)
		return false;
	head.len = (uint32_t)told->answer.left;
	at = ring_reserve(r, sizeof(head) + head.len);
	if (at == NULL)
		return false;
	memcpy(at, &head, sizeof(head));
	if (head.len > 0)
		memcpy(at + sizeof(head), told->answer.p, head.len);
	ring_commit(r, sizeof(head) + head.len);
	return true;
}

struct dnstap_feed *dnstap_feed_create(struct ring *r)
{
	struct dnstap_feed *f = calloc(1, sizeof(*f));

	if (f != NULL)
		f->ring = r;
	return f;
}

void dnstap_feed_destroy(struct dnstap_feed *f)
{
	free(f);
}

/* Copy the record and give its place back.  False: it is none. */
static bool copy(struct dnstap_feed *f, const uint8_t *at, size_t len)
{
	struct dns_message *m = &f->answer.message;
	bool whole = len >= sizeof(f->head);

	if (whole) {
		memcpy(&f->head, at, sizeof(f->head));
		whole = f->head.len <= sizeof(f->bytes) &&
			len - sizeof(f->head) == f->head.len;
	}
	if (whole)
		memcpy(f->bytes, at + sizeof(f->head), f->head.len);
	ring_release(f->ring);
	f->answer.client = f->head.client;
	f->answer.time_us = f->head.time_us;
	return whole && dns_parse(f->bytes, f->head.len, m) == DNS_FINE && m->is_answer &&
	       m->question_count == 1;
}

bool dnstap_feed_next(struct dnstap_feed *f, const struct dnstap_answer **ret)
{
	size_t len;
	const void *at = ring_peek(f->ring, &len);

	if (at == NULL)
		return false;
	*ret = copy(f, at, len) ? &f->answer : NULL;
	f->stats.unusable += *ret == NULL;
	return true;
}

static void give(struct dnstap_feed *f, struct worker *w, const struct generation *g,
		 const struct dnstap_answer *a, int64_t now_us)
{
	const uint16_t site = generation_site_of(g, &a->client);
	struct site_answer of_site;

	if (site == ID_NONE) {
		f->stats.strangers++;
		return;
	}
	f->stats.answers++;
	of_site.site = generation_site_id(g, site);
	of_site.message = a->message;
	worker_client_answer(w, &a->client, &a->message,
			     a->time_us < now_us ? a->time_us : now_us, now_us);
	worker_site_answer(w, &of_site, now_us);
}

unsigned dnstap_feed_take(struct dnstap_feed *f, struct worker *w,
			  const struct generation *g, int64_t now_us, unsigned max)
{
	const struct dnstap_answer *a;
	unsigned n = 0;

	for (; n < max && dnstap_feed_next(f, &a); n++)
		if (a != NULL)
			give(f, w, g, a, now_us);
	return n;
}

void dnstap_feed_stats(const struct dnstap_feed *f, struct dnstap_feed_stats *ret)
{
	*ret = f->stats;
	ret->unusable += ring_faults(f->ring);
}
