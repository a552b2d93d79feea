/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dnstap - a resolver's log in Frame Streams, frame by frame.
 *
 * Properties: each frame uses some bytes and no more than there are; data lies within the input; it
 * makes no difference in how many pieces the input comes; times are within the calendar and names
 * within their bounds.
 */
#include <stdlib.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dnstap_stream s = {0};
	size_t at = 0, used;
	struct cursor frame, less;
	enum dnstap_step step;

	do {
		struct dnstap_stream early = s;
		size_t none;

		step = dnstap_next(&s, data + at, size - at, &used, &frame);
		if (used > size - at ||
		    (used == 0 && (step == DNSTAP_DATA || step == DNSTAP_CONTROL)))
			abort();
		if (step == DNSTAP_DATA && (frame.p < data + at || frame.left > used))
			abort();
		/* A byte less than the frame has is never enough. */
		if (used > 0 && step != DNSTAP_BROKEN &&
		    dnstap_next(&early, data + at, used - 1, &none, &less) != DNSTAP_MORE)
			abort();
		if (step == DNSTAP_DATA)
			check(frame);
		at += used;
	} while (step == DNSTAP_DATA || step == DNSTAP_CONTROL);
	return 0;
}
