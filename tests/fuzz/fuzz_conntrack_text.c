/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_conntrack_text - lines of /proc/net/nf_conntrack.
 *
 * Properties: the same line gives the same entry, also with blanks behind it; without its end
 * an entry is refused or has its protocol still.
 */
#include <stdlib.h>
#include <string.h>

#include "enforce/conntrack_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool same(const struct conntrack_line *a, const struct conntrack_line *b)
{
	return a->ip_proto == b->ip_proto && a->dst_port == b->dst_port &&
	       a->unreplied == b->unreplied && addr_equal(&a->src, &b->src) &&
	       addr_equal(&a->dst, &b->dst) && addr_equal(&a->reply_src, &b->reply_src) &&
	       addr_equal(&a->reply_dst, &b->reply_dst);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conntrack_line a, b;
	char *copy;

	if (!conntrack_line_parse((struct str){(const char *)data, size}, &a))
		return 0;
	copy = malloc(size + 1);
	check(copy != NULL && size > 0);
	memcpy(copy, data, size);
	copy[size] = ' ';
	check(conntrack_line_parse((struct str){copy, size + 1}, &b) && same(&a, &b));
	if (conntrack_line_parse((struct str){copy, size - 1}, &b))
		check(a.ip_proto == b.ip_proto);
	free(copy);
	return 0;
}
