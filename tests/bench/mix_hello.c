/* SPDX-License-Identifier: Apache-2.0 */
/* TLS hellos as browsers and servers of 2026 send them (RFC 8446; drafts for ML-KEM and ECH). */
#include "mix.h"

static uint16_t grease(uint64_t *random)
{
	return (uint16_t)(0x0a0a + 0x1010 * below(random, 16));
}

static void put_key_share(struct out *o, uint64_t *random, enum hello kind)
{
	size_t list = open_length(o, 2);

	put_be(o, grease(random), 2);
	put_be(o, 1, 2);
	put_be(o, 0, 1);
	if (kind != HELLO_SMALL) {
		put_be(o, 0x11ec, 2); /* X25519MLKEM768 */
		put_be(o, 1216, 2);
		put_random(o, random, 1216);
	}
	put_be(o, 29, 2);
	put_be(o, 32, 2);
	put_random(o, random, 32);
	close_length(o, list, 2);
}

/* What a browser sends to servers without ECH: looks like it, means nothing (GREASE). */
static void put_ech(struct out *o, uint64_t *random)
{
	size_t len = 320 + 32 * below(random, 3);

	put_be(o, 0, 1);
	put_be(o, 1, 2);
	put_be(o, 1, 2);
	put_be(o, below(random, 256), 1);
	put_be(o, 32, 2);
	put_random(o, random, 32);
	put_be(o, len, 2);
	put_random(o, random, len);
}

static void put_sni(struct out *o, const char *name)
{
	size_t list = open_length(o, 2), entry;

	put_be(o, 0, 1);
	entry = open_length(o, 2);
	put(o, name, strlen(name));
	close_length(o, entry, 2);
	close_length(o, list, 2);
}

static void put_quic_parameters(struct out *o, uint64_t *random)
{
	static const uint8_t fixed[] = {0x01, 0x04, 0x80, 0x00, 0x75, 0x30,
					0x03, 0x02, 0x45, 0xc0, 0x04, 0x04,
					0x80, 0xf0, 0x00, 0x00, 0x0f, 0x00};

	put(o, fixed, sizeof(fixed)); /* idle, datagram size, max data, empty source id */
	put_be(o, 0x4000 + 27 + 31 * below(random, 100), 2);
	put_be(o, 8, 1);
	put_random(o, random, 8);
}

static const uint16_t extensions_tcp[] = {0,  23, 0xff01, 10, 11, 35, 16,    5,
					  13, 18, 51,     45, 43, 27, 17613, 65037};
static const uint16_t extensions_quic[] = {0,  10, 16,    13,    51, 45,
					   43, 27, 17613, 65037, 57};

static void put_extension(struct out *o, uint64_t *random, uint16_t type, enum hello kind,
			  const char *name)
{
	size_t body;

	put_be(o, type, 2);
	body = open_length(o, 2);
	switch (type) {
	case 0:
		put_sni(o, name);
		break;
	case 0xff01:
		put_be(o, 0, 1);
		break;
	case 10:
		put_be(o, kind == HELLO_SMALL ? 8 : 10, 2);
		put_be(o, grease(random), 2);
		if (kind != HELLO_SMALL)
			put_be(o, 0x11ec, 2);
		WORDS(o, 29, 23, 24);
		break;
	case 11:
		put_be(o, 0x0100, 2);
		break;
	case 16:
		if (kind == HELLO_QUIC)
			put(o, "\0\3\2h3", 5);
		else
			put(o, "\0\14\2h2\10http/1.1", 14);
		break;
	case 5:
		put(o, "\1\0\0\0\0", 5);
		break;
	case 13:
		put_be(o, 16, 2);
		WORDS(o, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601);
		break;
	case 51:
		put_key_share(o, random, kind);
		break;
	case 45:
		put_be(o, 0x0101, 2);
		break;
	case 43:
		put_be(o, kind == HELLO_QUIC ? 4 : 6, 1);
		put_be(o, grease(random), 2);
		put_be(o, 0x0304, 2);
		if (kind != HELLO_QUIC)
			put_be(o, 0x0303, 2);
		break;
	case 27:
		put(o, "\2\0\2", 3);
		break;
	case 17613:
		put(o, kind == HELLO_QUIC ? "\0\3\2h3" : "\0\3\2h2", 5);
		break;
	case 65037:
		put_ech(o, random);
		break;
	case 57:
		put_quic_parameters(o, random);
		break;
	default: /* 23 extended master secret, 35 session ticket, 18 timestamps: empty */
		break;
	}
	close_length(o, body, 2);
}

/* All but the first and the last in an order of the flow's own, as Chromium does. */
static void put_extensions(struct out *o, uint64_t *random, enum hello kind,
			   const char *name)
{
	const bool quic = kind == HELLO_QUIC;
	const uint16_t *from = quic ? extensions_quic : extensions_tcp;
	uint32_t n =
		(uint32_t)(quic ? sizeof(extensions_quic) : sizeof(extensions_tcp)) / 2;
	uint16_t order[16];
	size_t all = open_length(o, 2);

	memcpy(order, from, n * sizeof(order[0]));
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = below(random, i + 1);
		uint16_t type = order[i];

		order[i] = order[j];
		order[j] = type;
	}
	put_be(o, grease(random), 2);
	put_be(o, 0, 2);
	for (uint32_t i = 0; i < n; i++) {
		if (kind != HELLO_SMALL || order[i] != 65037)
			put_extension(o, random, order[i], kind, name);
	}
	put_be(o, grease(random), 2);
	put_be(o, 1, 2);
	put_be(o, 0, 1);
	if (kind == HELLO_SMALL) {
		size_t pad = 517 - 4 - o->n;

		put_be(o, 21, 2);
		put_be(o, pad, 2);
		for (; pad > 0; pad--)
			put_be(o, 0, 1);
	}
	close_length(o, all, 2);
}

void put_hello(struct out *o, uint64_t seed, const char *name, enum hello kind)
{
	uint64_t random = seed;
	size_t record = 0, message, ciphers;

	if (kind != HELLO_QUIC) {
		put(o, "\x16\3\1", 3);
		record = open_length(o, 2);
	}
	put_be(o, 1, 1);
	message = open_length(o, 3);
	put_be(o, 0x0303, 2);
	put_random(o, &random, 32);
	put_be(o, kind == HELLO_QUIC ? 0 : 32, 1);
	put_random(o, &random, kind == HELLO_QUIC ? 0 : 32);
	ciphers = open_length(o, 2);
	put_be(o, grease(&random), 2);
	WORDS(o, 0x1301, 0x1302, 0x1303);
	if (kind != HELLO_QUIC)
		WORDS(o, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
		      0x9c, 0x9d, 0x2f, 0x35);
	close_length(o, ciphers, 2);
	put_be(o, 0x0100, 2);
	put_extensions(o, &random, kind, name);
	close_length(o, message, 3);
	if (kind != HELLO_QUIC)
		close_length(o, record, 2);
}

void put_server_hello(struct out *o, uint64_t *random, bool quic, bool big)
{
	size_t message, all, share;

	put_be(o, 2, 1);
	message = open_length(o, 3);
	put_be(o, 0x0303, 2);
	put_random(o, random, 32);
	put_be(o, quic ? 0 : 32, 1);
	put_random(o, random, quic ? 0 : 32);
	put_be(o, 0x1301, 2);
	put_be(o, 0, 1);
	all = open_length(o, 2);
	WORDS(o, 43, 2, 0x0304, 51);
	share = open_length(o, 2);
	put_be(o, big ? 0x11ec : 29, 2);
	put_be(o, big ? 1120 : 32, 2);
	put_random(o, random, big ? 1120 : 32);
	close_length(o, share, 2);
	close_length(o, all, 2);
	close_length(o, message, 3);
}
