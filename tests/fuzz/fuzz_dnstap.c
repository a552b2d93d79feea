/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dnstap - a resolver's log in Frame Streams, frame by frame.
 *
 * Properties: each frame uses some bytes and no more than there are; data lies within the input; it
 * makes no difference in how many pieces the input comes; times are within the calendar and names
 * within their bounds; in a file nobody is answered, at a socket READY once, and nothing comes
 * behind a STOP that is.  And the input as a record between two processes: it is an answer within the
 * same bounds, or none, and the ring is empty behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/dnstap_feed.h"
#include "identify/dnstap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct cursor data)
{
	static struct dnstap_answer a;
	const enum dnstap_result r = dnstap_read(data, &a);

	if (r >= DNSTAP_RESULT_COUNT)
		abort();
	if (r != DNSTAP_ANSWER)
		return;
	if (a.time_us < 0 || a.time_us > INT64_C(253402300799999999) ||
	    a.message.name_len > 253 || a.message.address_count > DNS_ADDRESSES_MAX)
		abort();
}

static bool goes_on(enum dnstap_step step)
{
	return step != DNSTAP_MORE && step != DNSTAP_BROKEN;
}

static void read_stream(struct dnstap_stream s, const uint8_t *data, size_t size)
{
	size_t at = 0, used;
	struct cursor frame, less;
	enum dnstap_step step;

	do {
		struct dnstap_stream early = s;
		const bool ready = s.ready, over = s.over;
		size_t none;

		step = dnstap_next(&s, data + at, size - at, &used, &frame);
		if (used > size - at || (used == 0 && goes_on(step)))
			abort();
		if (step == DNSTAP_DATA && (frame.p < data + at || frame.left > used))
			abort();
		/* A byte less than the frame has is never enough. */
		if (used > 0 && step != DNSTAP_BROKEN &&
		    dnstap_next(&early, data + at, used - 1, &none, &less) != DNSTAP_MORE)
			abort();
		if ((step == DNSTAP_READY && (!s.socket || ready)) ||
		    (step == DNSTAP_STOPPED && !ready) || (goes_on(step) && over))
			abort();
		if (step == DNSTAP_DATA)
			check(frame);
		at += used;
	} while (goes_on(step));
}

static void read_record(const uint8_t *data, size_t size)
{
	static struct dnstap_feed *feed;
	static struct ring *ring;
	const struct dnstap_answer *a;
	void *at;

	if (ring == NULL) {
		ring = ring_create((size_t)1 << 20);
		feed = dnstap_feed_create(ring);
	}
	at = ring_reserve(ring, size);
	if (at == NULL)
		return;
	if (size > 0)
		memcpy(at, data, size);
	ring_commit(ring, size);
	if (!dnstap_feed_next(feed, &a))
		abort();
	if (a != NULL && (a->message.name_len > 253 || !a->message.is_answer ||
			  a->message.address_count > DNS_ADDRESSES_MAX))
		abort();
	if (dnstap_feed_next(feed, &a))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_record(data, size);
	read_stream((struct dnstap_stream){0}, data, size);
	read_stream((struct dnstap_stream){.socket = true}, data, size);
	return 0;
}
