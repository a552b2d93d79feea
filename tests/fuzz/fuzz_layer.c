/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_layer - what stands in front of a hello: STARTTLS, TDS 7, CONNECT, SOCKS, PROXY.
 *
 * Input: u8 how it comes in, then layers of u8 kind | u8 length | bytes; kind % 8 is one of
 * the texts below or 7, the bytes of the input; bytes beyond a text's own replace its last
 * ones.  A hello follows.  Properties: an end always answers, facts are well formed, and what
 * is said early is said of the whole, however the bytes come in.
 */
#include "../unit/identify/check_facts.h"
#include "base/cursor.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KINDS      8
#define STREAM_MAX 1500u

/* STR() is no constant. */
#define TEXT(s)                    \
	{                          \
		(s), sizeof(s) - 1 \
	}

static const struct str texts[KINDS - 1] = {
	TEXT("EHLO me.example\r\n"),
	TEXT("STARTTLS\r\n"),
	TEXT("\x12\1\0\x2f\0\0\1\0\0\0\x1a\0\6\1\0\x20\0\1\2\0\x21\0\1\3\0\x22\0\4\4\0\x26"
	     "\0\1\xff\x0f\0\7\xd0\0\0\0\0\0\0\0\0"),
	TEXT("CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:443\r\n\r\n"),
	TEXT("\5\1\0"),
	TEXT("\5\1\0\3\x0cgood.example\1\xbb"),
	TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"),
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void make_stream(struct cursor *c, struct bytes *to)
{
	static struct bytes extensions, message;

	to->len = extensions.len = message.len = 0;
	while (c->left > 0 && to->len < STREAM_MAX) {
		const unsigned kind = cur_u8(c) % KINDS;
		size_t len = c->left > 0 ? cur_u8(c) : 0;

		if (len > c->left)
			len = c->left;
		if (kind < KINDS - 1) {
			put_mem(to, texts[kind].p, texts[kind].len);
			to->len -= len < texts[kind].len ? len : texts[kind].len;
		}
		put_mem(to, cur_take(c, len), len);
	}
	put_sni(&extensions, "inner.example", 13);
	put_hello(&message, &extensions);
	put_records(to, &message, 100);
}

/* In pieces, the first of `step` bytes, as the engine asks: the facts of the first answer. */
static enum identify_step in_pieces(struct identify *id, const struct bytes *s,
				    size_t step, uint16_t port, struct facts *f)
{
	struct pieces cut = pieces_start(s->len, step);
	enum identify_step r = IDENTIFY_MORE;

	memset(f, 0, sizeof(*f));
	while (r != IDENTIFY_DONE && pieces_next(&cut)) {
		r = identify_stream(id, s->b, cut.at, false, false, port, f);
		check_facts(f);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = {443, 25, 1433, 1080};
	static struct identify *id;
	static struct bytes stream;
	struct cursor c = cur_init(data, size);
	const unsigned how = cur_u8(&c);
	const uint16_t port = ports[how & 3];
	struct facts whole, pieces;
	enum identify_step r;

	if (id == NULL)
		id = identify_create();
	if (id == NULL || size < 2)
		return 0;
	make_stream(&c, &stream);
	memset(&whole, 0, sizeof(whole));
	r = identify_stream(id, stream.b, stream.len, false, false, port, &whole);
	check(in_pieces(id, &stream, 1 + (how >> 2), port, &pieces) == r);
	check_facts(&whole);
	check(whole.protocol == pieces.protocol);
	check(r != IDENTIFY_DONE || whole.undecidable == pieces.undecidable);
	check(memcmp(whole.host, pieces.host, sizeof(whole.host)) == 0);
	check(strcmp(whole.asked, pieces.asked) == 0);
	if (r == IDENTIFY_DONE)
		return 0;
	check(identify_stream(id, stream.b, stream.len, true, false, port, &whole) ==
	      IDENTIFY_DONE);
	check_facts(&whole);
	return 0;
}
