/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_quic - datagrams of a UDP flow.
 *
 * Input: u8 options, then datagrams of u8 kind | be16 length | bytes.  Kinds: 0 from the
 * client as it is; 1 from the server as it is; 2 frames, sealed into a valid Initial;
 * 3 CRYPTO data: u8 offset / 8 | bytes, sealed; 4 a Retry that is genuine, from the server;
 * 5 like 2 under another connection id.  Properties: an end always answers; the budget of
 * datagrams holds; facts are well formed.
 */
#include "../unit/identify/check_facts.h"
#include "../unit/identify/quic_seal.h"
#include "base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t id_a[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t id_b[] = {50, 51, 52, 53};

static struct seal seal;
static struct bytes frames, datagram;

static void make_datagram(unsigned kind, const uint8_t *p, size_t len)
{
	frames.len = datagram.len = 0;
	switch (kind) {
	case 2:
		put_mem(&frames, p, len);
		put_initial(&datagram, &seal, &frames);
		break;
	case 3:
		if (len > 0)
			put_crypto(&frames, (uint64_t)p[0] * 8, p + 1, len - 1);
		put_initial(&datagram, &seal, &frames);
		break;
	case 4:
		put_retry(&datagram, &seal, id_b, sizeof(id_b));
		break;
	case 5:
		put_mem(&frames, p, len);
		seal.dcid = id_b;
		seal.dcid_len = sizeof(id_b);
		put_initial(&datagram, &seal, &frames);
		seal.dcid = id_a;
		seal.dcid_len = sizeof(id_a);
		break;
	default:
		put_mem(&datagram, p, len);
		break;
	}
	seal.number++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct identify *id;
	static struct test_sink memory;
	struct cursor c = cur_init(data, size);
	struct crypto_sink sink = test_sink_of(&memory);
	enum identify_step step = IDENTIFY_MORE;
	struct datagram_state st;
	struct facts f;
	uint8_t options = cur_u8(&c);
	uint16_t port = (options & 1) != 0 ? 8443 : 443;
	unsigned from_client = 0;

	if (id == NULL) {
		id = identify_create();
		if (!quic_crypto_open(&seal.crypto))
			abort();
	}
	if (id == NULL || size > 20000)
		return 0;
	seal.dcid = id_a;
	seal.dcid_len = sizeof(id_a);
	seal.version = (options & 2) != 0 ? 0x6b3343cf : 1;
	seal.number = 0;
	memset(&memory, 0, sizeof(memory));
	memset(&st, 0, sizeof(st));
	memset(&f, 0, sizeof(f));
	while (step != IDENTIFY_DONE && c.left > 0 && cur_ok(&c)) {
		unsigned kind = cur_u8(&c) % 6;
		size_t len = cur_be16(&c);

		if (len > c.left)
			len = c.left;
		make_datagram(kind, cur_take(&c, len), len);
		if (kind != 1 && kind != 4 && datagram.len > 0)
			from_client++;
		step = identify_datagram(id, &st, datagram.b, datagram.len,
					 kind != 1 && kind != 4, false, port, &sink, &f);
	}
	if (step != IDENTIFY_DONE) {
		if ((from_client >= IDENTIFY_DATAGRAMS_MAX && !st.opened) ||
		    identify_datagram(id, &st, NULL, 0, true, true, port, &sink, &f) !=
			    IDENTIFY_DONE)
			abort();
	}
	check_facts(&f);
	return 0;
}
