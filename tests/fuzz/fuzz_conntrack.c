/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_conntrack - what follows the netlink header in a message of connection tracking.
 *
 * Properties: what is borrowed lies within the message; a report has a protocol with an end
 * that it may have; a request for the entry fits its buffer, says its own length, and holds
 * the tuple and the zone as they came.
 */
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "enforce/conntrack_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_within(const struct cursor *c, const uint8_t *data, size_t size)
{
	check(c->left == 0 || (c->p >= data && c->left <= size &&
			       (size_t)(c->p - data) <= size - c->left));
}

static void check_request(const struct conntrack_entry *e)
{
	uint8_t buf[CONNTRACK_REQUEST_MAX];
	const size_t len = conntrack_request_build(e, buf);
	struct nlmsghdr h;

	check(len <= sizeof(buf));
	if (len == 0)
		return;
	check(len > sizeof(h));
	memcpy(&h, buf, sizeof(h));
	check(h.nlmsg_len == len && h.nlmsg_seq == CONNTRACK_REQUEST_SEQ);
	check(e->tuple.left == 0 || memmem(buf, len, e->tuple.p, e->tuple.left) != NULL);
	check(e->zone.left == 0 || memmem(buf, len, e->zone.p, e->zone.left) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Memory of exactly the message's size: the sanitizer sees a byte too far. */
	uint8_t *exact = malloc(size == 0 ? 1 : size);
	struct conntrack_entry e;

	check(exact != NULL);
	if (size > 0)
		memcpy(exact, data, size);
	memset(&e, 0, sizeof(e));
	if (conntrack_entry_read(cur_init(exact, size), &e)) {
		check(e.report.ip_proto != 0);
		check_within(&e.tuple, exact, size);
		check_within(&e.zone, exact, size);
		check(conntrack_entry_end(&e) < END_REASON_COUNT);
		check_request(&e);
	}
	free(exact);
	return 0;
}
