/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tds - a login of TDS in clear, in packets of several sizes.
 *
 * Input: u8 data bytes in a packet | LOGIN7, or what stands in its place.  Properties: facts are
 * well formed; the size of the packets changes nothing; pieces give the answer of the whole.
 */
#include "../unit/identify/check_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 1500

static const uint8_t prelogin[] = {0x12, 1, 0, 14, 0, 0, 1, 0, 0xff, 0, 0, 0, 0, 0};

/* MS-TDS 2.2.3.1: u8 type | u8 status | be16 length | be16 spid | u8 number | u8 window. */
static size_t wrap(uint8_t *to, const uint8_t *data, size_t size, size_t each)
{
	size_t len = sizeof(prelogin);

	memcpy(to, prelogin, len);
	for (size_t at = 0; at < size;) {
		const size_t n = each < size - at ? each : size - at;
		const uint8_t header[8] = {0x10, at + n == size, (uint8_t)((n + 8) >> 8),
					   (uint8_t)(n + 8)};

		memcpy(to + len, header, 8);
		memcpy(to + len + 8, data + at, n);
		len += 8 + n;
		at += n;
	}
	return len;
}

static enum identify_step ask(struct identify *id, const uint8_t *bytes, size_t len,
			      struct facts *f)
{
	const enum identify_step step =
		identify_stream(id, bytes, len, false, false, 1433, f);

	check_facts(f);
	return step;
}

static void same(const struct facts *a, const struct facts *b)
{
	if (a->protocol != b->protocol || a->undecidable != b->undecidable ||
	    a->flags != b->flags || a->database_len != b->database_len ||
	    memcmp(a->host, b->host, sizeof(a->host)) != 0 ||
	    memcmp(a->database, b->database, sizeof(a->database)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct identify *id;
	static uint8_t one[MAX * 10], many[MAX * 10];
	struct facts whole = {.protocol = PROTOCOL_UNKNOWN}, split = whole, slow = whole;
	enum identify_step step = IDENTIFY_MORE;
	size_t len, n;

	if (id == NULL)
		id = identify_create();
	if (id == NULL || size < 2 || size > MAX)
		return 0;
	len = wrap(one, data + 1, size - 1, MAX);
	if (ask(id, one, len, &whole) != IDENTIFY_DONE)
		abort();
	len = wrap(many, data + 1, size - 1, 1 + data[0]);
	if (ask(id, many, len, &split) != IDENTIFY_DONE)
		abort();
	same(&whole, &split);
	for (n = 1; step != IDENTIFY_DONE; n += 7 + n / 8) {
		if (n > len)
			n = len;
		step = ask(id, many, n, &slow);
		if (step != IDENTIFY_DONE && n == len)
			abort();
	}
	same(&whole, &slow);
	return 0;
}
