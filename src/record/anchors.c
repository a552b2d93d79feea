/* SPDX-License-Identifier: Apache-2.0 */
#include "record/anchors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_seq(const void *a, const void *b)
{
	const struct anchor *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* The seal behind what syslog or a mailer put before it, as the line that the ledger has. */
static bool read_one(struct str line, struct anchor *ret)
{
	char whole[SEAL_LINE_MAX];
	const char *brace = memchr(line.p, '{', line.len);
	struct seal s;
	size_t len;

	if (brace == NULL)
		return false;
	len = line.len - (size_t)(brace - line.p);
	while (len > 0 && (brace[len - 1] == '\r' || brace[len - 1] == ' '))
		len--;
	if (len + 1 >= sizeof(whole) || !seal_parse((struct str){brace, len}, &s))
		return false;
	memcpy(whole, brace, len);
	whole[len] = '\n';
	*ret = (struct anchor){.seq = s.seq, .epoch = s.epoch};
	memcpy(ret->key, s.key, sizeof(ret->key));
	chain_digest(whole, len + 1, ret->digest);
	return true;
}

static int keep(struct anchors *a, size_t *room, const struct anchor *one)
{
	if (a->count == *room) {
		struct anchor *more;

		*room = *room == 0 ? 256 : 2 * *room;
		more = *room > 2 * (size_t)ANCHORS_MAX
			       ? NULL
			       : realloc(a->list, *room * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		a->list = more;
	}
	a->list[a->count++] = *one;
	return 0;
}

int anchors_parse(struct str text, struct anchors *ret)
{
	struct anchors a = {.count = 0};
	size_t room = 0;

	while (text.len > 0) {
		const char *end = memchr(text.p, '\n', text.len);
		const size_t len = end == NULL ? text.len : (size_t)(end - text.p);
		struct anchor one;

		if (!read_one((struct str){text.p, len}, &one)) {
			a.other_lines++;
		} else if (keep(&a, &room, &one) != 0) {
			anchors_finish(&a);
			return -ENOMEM;
		}
		text.p += end == NULL ? len : len + 1;
		text.len -= end == NULL ? len : len + 1;
	}
	if (a.count > 0)
		qsort(a.list, a.count, sizeof(*a.list), by_seq);
	*ret = a;
	return 0;
}

void anchors_finish(struct anchors *a)
{
	free(a->list);
	*a = (struct anchors){.count = 0};
}

bool anchors_match(struct anchors *a, uint64_t seq, const uint8_t digest[CHAIN_DIGEST])
{
	size_t low = 0, high = a->count;
	bool any = false;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (a->list[mid].seq < seq)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < a->count && a->list[low].seq == seq; low++)
		if (memcmp(a->list[low].digest, digest, CHAIN_DIGEST) == 0)
			any = a->list[low].found = true;
	return any;
}
