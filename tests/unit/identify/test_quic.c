/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "quic_seal.h"

#define BIT(flag) (1u << FLAG_##flag)
#define V2        0x6b3343cfu

static const uint8_t id_a[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t id_b[] = {50, 51, 52, 53, 54, 55, 56, 57};

/* One connection and what is needed to make its packets. */
struct flow {
	struct identify *id;
	struct datagram_state st;
	struct test_sink sink;
	struct facts f;
	struct seal seal;
	struct bytes hello, frames, datagram;
	uint16_t port;
};

static void start(struct flow *w)
{
	memset(&w->st, 0, sizeof(w->st));
	memset(&w->sink, 0, sizeof(w->sink));
	memset(&w->f, 0, sizeof(w->f));
	w->seal.dcid = id_a;
	w->seal.dcid_len = sizeof(id_a);
	w->seal.header_dcid = NULL;
	w->seal.token = NULL;
	w->seal.version = 0;
	w->seal.number = 0;
	w->seal.flipped = 0;
	w->seal.pad_to = 1200;
	w->frames.len = w->datagram.len = 0;
	w->port = 443;
}

static void hello_for(struct flow *w, const char *name, size_t pad)
{
	static struct bytes extensions;

	w->hello.len = extensions.len = 0;
	put_be(&extensions, 21, 2);
	put_be(&extensions, pad, 2);
	put_fill(&extensions, 0, pad);
	put_quic_needs(&extensions);
	put_sni(&extensions, name, strlen(name));
	put_hello(&w->hello, &extensions);
}

static enum identify_step give(struct flow *w, const uint8_t *p, size_t len,
			       bool from_client)
{
	struct crypto_sink sink = test_sink_of(&w->sink);
	uint8_t *exact = malloc(len == 0 ? 1 : len); /* so that ASan sees the end */
	enum identify_step step;

	assert_non_null(exact);
	if (len > 0)
		memcpy(exact, p, len);
	step = identify_datagram(w->id, &w->st, exact, len, from_client, false, w->port,
				 &sink, &w->f);
	free(exact);
	return step;
}

/* Send the datagram made so far and begin another. */
static enum identify_step flush(struct flow *w)
{
	enum identify_step step = give(w, w->datagram.b, w->datagram.len, true);

	w->datagram.len = 0;
	return step;
}

/* Put the frames made so far into an Initial of the datagram. */
static void pack(struct flow *w)
{
	put_initial(&w->datagram, &w->seal, &w->frames);
	w->frames.len = 0;
	w->seal.number++;
}

static void crypto(struct flow *w, size_t from, size_t to)
{
	put_crypto(&w->frames, from, w->hello.b + from, to - from);
}

static enum identify_step end(struct flow *w)
{
	struct crypto_sink sink = test_sink_of(&w->sink);

	return identify_datagram(w->id, &w->st, NULL, 0, true, true, w->port, &sink,
				 &w->f);
}

static void assert_answer(const struct flow *w, const char *host, enum undecidable why)
{
	assert_string_equal(protocol_name(w->f.protocol), "quic");
	assert_string_equal(undecidable_name(w->f.undecidable), undecidable_name(why));
	assert_string_equal(w->f.host, host);
}

/* ---- keys --------------------------------------------------------------------------------- */

static void assert_hex(const uint8_t *p, size_t len, const char *want)
{
	char hex[65];

	hex_format(p, len, hex);
	assert_string_equal(hex, want);
}

static void keys_are_those_of_the_rfcs(void **state)
{
	/* RFC 9001 A.1, RFC 9369 A.1 */
	static const uint8_t dcid[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
	struct flow *w = *state;
	const struct quic_keys *k = quic_client_keys(
		&w->seal.crypto, quic_version_find(1), dcid, sizeof(dcid));

	assert_hex(k->key, sizeof(k->key), "1f369613dd76d5467730efcbe3b1a22d");
	assert_hex(k->iv, sizeof(k->iv), "fa044b2f42a3fd3b46fb255c");
	assert_hex(k->hp, sizeof(k->hp), "9f50449e04a0e810283a1e9933adedd2");
	k = quic_client_keys(&w->seal.crypto, quic_version_find(V2), dcid, sizeof(dcid));
	assert_hex(k->key, sizeof(k->key), "8b1a0bc121284290a29e0971b5cd045d");
	assert_hex(k->iv, sizeof(k->iv), "91f73e2351d8fa91660e909f");
	assert_hex(k->hp, sizeof(k->hp), "45b95e15235d6f45a6b19cbcb0294ba9");
}

static void retry_tags_are_those_of_the_rfcs(void **state)
{
	/* RFC 9001 A.4, RFC 9369 A.4: the same connection */
	static const uint8_t dcid[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
	static const uint8_t v1[] = {
		0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x08, 0xf0, 0x67, 0xa5, 0x50, 0x2a,
		0x42, 0x62, 0xb5, 0x74, 0x6f, 0x6b, 0x65, 0x6e, 0x04, 0xa2, 0x65, 0xba,
		0x2e, 0xff, 0x4d, 0x82, 0x90, 0x58, 0xfb, 0x3f, 0x0f, 0x24, 0x96, 0xba};
	static const uint8_t v2[] = {
		0xcf, 0x6b, 0x33, 0x43, 0xcf, 0x00, 0x08, 0xf0, 0x67, 0xa5, 0x50, 0x2a,
		0x42, 0x62, 0xb5, 0x74, 0x6f, 0x6b, 0x65, 0x6e, 0xc8, 0x64, 0x6c, 0xe8,
		0xbf, 0xe3, 0x39, 0x52, 0xd9, 0x55, 0x54, 0x36, 0x65, 0xdc, 0xc7, 0xb6};
	struct flow *w = *state;
	uint8_t bad[sizeof(v1)];

	assert_true(quic_retry_genuine(&w->seal.crypto, quic_version_find(1), dcid,
				       sizeof(dcid), v1, sizeof(v1)));
	assert_true(quic_retry_genuine(&w->seal.crypto, quic_version_find(V2), dcid,
				       sizeof(dcid), v2, sizeof(v2)));
	memcpy(bad, v1, sizeof(bad));
	bad[sizeof(bad) - 1] ^= 1;
	assert_false(quic_retry_genuine(&w->seal.crypto, quic_version_find(1), dcid,
					sizeof(dcid), bad, sizeof(bad)));
}

/* ---- real clients ---------------------------------------------------------------------- */

static void reads_real_clients(void **state)
{
	static const struct {
		const char *file, *host;
		uint16_t port;
		uint32_t flags;
		unsigned answered_at; /* datagrams of both sides */
	} rows[] = {
		{"chromium_quic", "make.powerapps.com", 443, BIT(ECH_EXT), 2},
		{"chromium_quic_2", "contoso.crm4.dynamics.com", 443, BIT(ECH_EXT), 2},
		{"firefox_quic", "make.powerapps.com", 443, BIT(ECH_EXT), 2},
		{"gtlsclient_quic", "make.powerautomate.com", 443, 0, 1},
		{"chromium_quic_retry", "make.powerapps.com", 4433,
		 BIT(ECH_EXT) | BIT(QUIC_RETRY), 7},
	};
	struct flow *w = *state;
	static struct bytes file;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cursor c;
		unsigned count = 0;
		enum identify_step step = IDENTIFY_MORE;

		start(w);
		w->port = rows[i].port;
		load(rows[i].file, &file);
		c = cur_init(file.b, file.len);
		while (step != IDENTIFY_DONE && c.left > 0) {
			bool from_client = cur_u8(&c) == 1;
			size_t len = cur_be16(&c);

			step = give(w, cur_take(&c, len), len, from_client);
			count++;
		}
		assert_int_equal(step, IDENTIFY_DONE);
		assert_answer(w, rows[i].host, UNDECIDABLE_NONE);
		assert_int_equal(count, rows[i].answered_at);
		assert_int_equal(w->f.flags, rows[i].flags);
		assert_int_equal(w->f.evidence, EVIDENCE_SNI);
		assert_int_equal(w->f.quic_version, 1);
		assert_int_equal(w->f.tls_offered, 0x0304);
		assert_int_equal(w->f.ja4_len, JA4_LEN);
		assert_memory_equal(w->f.ja4, "q13d", 4);
		assert_int_equal(w->f.alpn_len, 2);
		assert_memory_equal(w->f.alpn, "h3", 2);
	}
}

static void reads_a_real_pair_of_datagrams_in_either_order(void **state)
{
	struct flow *w = *state;
	static struct bytes file;
	size_t first;

	load("firefox_quic", &file);
	first = (size_t)file.b[1] << 8 | file.b[2];
	start(w);
	assert_int_equal(give(w, file.b + 3 + first + 3, file.len - first - 6, true),
			 IDENTIFY_MORE);
	assert_int_equal(give(w, file.b + 3, first, true), IDENTIFY_DONE);
	assert_answer(w, "make.powerapps.com", UNDECIDABLE_NONE);
}

/* ---- packets and frames ------------------------------------------------------------------ */

static void reads_crypto_in_any_order_among_other_frames(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 40);
	for (size_t at = w->hello.len; at > 0; at -= at < 7 ? at : 7) {
		put_be(&w->frames, 0x0100, 2); /* PING, PADDING */
		crypto(w, at < 7 ? 0 : at - 7, at);
	}
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
}

static void reads_ack_frames_before_crypto(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	put_text(&w->frames, "\x02\x05\x07"); /* ACK: largest 5, delay 7, */
	put_be(&w->frames, 0x0003, 2);        /* no further range, first range 3 */
	put_text(&w->frames, "\x03\x05\x07"); /* with ECN: the same, */
	put_be(&w->frames, 0x010306, 3);      /* one range more, first range 3, gap 6, */
	put_be(&w->frames, 0x0440, 2);        /* of 4; ECN counts 0x40ff, */
	put_be(&w->frames, 0xff0102, 3);      /* 1 and 2 */
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
}

static void reads_several_initials_of_one_datagram_and_skips_other_packets(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	w->seal.pad_to = 0;
	put_opaque(&w->datagram, &w->seal, 1, 1100);
	crypto(w, 60, w->hello.len);
	pack(w);
	put_opaque(&w->datagram, &w->seal, 2, 70);
	crypto(w, 0, 60);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
}

static void waits_for_the_initial_behind_a_0rtt_datagram(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	put_opaque(&w->datagram, &w->seal, 1, 600);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
}

static void reads_tokens_long_ids_and_version_2_on_any_port(void **state)
{
	static const uint8_t twenty[20] = {9, 8, 7};
	static const struct {
		const char *what, *token;
		const uint8_t *dcid;
		size_t dcid_len, pad_to;
		uint32_t version;
		uint16_t port;
	} rows[] = {
		{"token",
		 "a token of some length, more than 63 bytes so that two are "
		 "needed for it",
		 id_a, 8, 1200, 1, 443},
		{"20 byte id", NULL, twenty, 20, 1200, 1, 443},
		{"version 2", NULL, id_a, 8, 1200, V2, 443},
		{"port 53", NULL, id_a, 8, 1200, 1, 53},
		{"port 8443", NULL, id_a, 8, 1200, 1, 8443},
	};
	struct flow *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(w);
		hello_for(w, "a.example", 0);
		w->seal.token = rows[i].token;
		w->seal.dcid = rows[i].dcid;
		w->seal.dcid_len = rows[i].dcid_len;
		w->seal.pad_to = rows[i].pad_to;
		w->seal.version = rows[i].version;
		w->port = rows[i].port;
		crypto(w, 0, w->hello.len);
		pack(w);
		if (flush(w) != IDENTIFY_DONE)
			fail_msg("%s: not read", rows[i].what);
		assert_answer(w, "a.example", UNDECIDABLE_NONE);
		assert_int_equal(w->f.quic_version, rows[i].version);
	}
}

/* RFC 9000 14.1: servers discard them, so what they say counts for nothing. */
static void initials_in_small_datagrams_are_ignored(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "decoy.example", 0);
	w->seal.pad_to = 1000;
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	assert_int_equal(end(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_MALFORMED_HELLO);

	start(w);
	hello_for(w, "decoy.example", 0);
	w->seal.pad_to = 1000;
	w->seal.dcid = id_b;
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	hello_for(w, "a.example", 0);
	w->seal.pad_to = 1200;
	w->seal.dcid = id_a;
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
	assert_true((w->f.flags & BIT(DECOY_IGNORED)) != 0);
}

/* An Initial of another connection: without the fixed bit, or under an id that is too short. */
static enum identify_step discarded(struct flow *w, bool bit)
{
	enum identify_step step;

	hello_for(w, "decoy.example", 0);
	w->seal.flipped = bit ? 0x40 : 0;
	w->seal.dcid = id_b;
	w->seal.dcid_len = bit ? sizeof(id_b) : 7;
	crypto(w, 0, w->hello.len);
	pack(w);
	step = flush(w);
	w->seal.flipped = 0;
	w->seal.dcid = id_a;
	w->seal.dcid_len = sizeof(id_a);
	return step;
}

/* RFC 9000 17.2, 7.2 */
static void initials_that_servers_discard_say_nothing(void **state)
{
	struct flow *w = *state;

	for (int bit = 0; bit < 2; bit++) {
		start(w);
		assert_int_equal(discarded(w, bit), IDENTIFY_MORE);
		assert_int_equal(end(w), IDENTIFY_DONE);
		assert_answer(w, "", UNDECIDABLE_MALFORMED_HELLO);

		start(w);
		assert_int_equal(discarded(w, bit), IDENTIFY_MORE);
		hello_for(w, "a.example", 0);
		crypto(w, 0, w->hello.len);
		pack(w);
		assert_int_equal(flush(w), IDENTIFY_DONE);
		assert_answer(w, "a.example", UNDECIDABLE_NONE);
		assert_int_not_equal(discarded(w, bit), IDENTIFY_OTHER);
		assert_answer(w, "a.example", UNDECIDABLE_NONE);
	}
}

/* A server that gets them closes the connection (RFC 9000 12.4, 17.2). */
static void initials_that_end_a_connection_have_no_name(void **state)
{
	struct flow *w = *state;

	for (int how = 0; how < 5; how++) {
		start(w);
		hello_for(w, "decoy.example", 0);
		if (how == 4)
			put_be(&w->frames, 0x08, 1);
		w->seal.flipped = how == 0 ? 0x04 : how == 1 ? 0x08 : 0;
		crypto(w, 0, w->hello.len);
		if (how == 2)
			put_be(&w->frames, 0x08, 1); /* STREAM */
		if (how == 3)
			put_be(&w->frames, 0x060a7fff, 4); /* CRYPTO that goes on */
		pack(w);
		assert_int_equal(flush(w), IDENTIFY_DONE);
		assert_answer(w, "", UNDECIDABLE_MALFORMED_HELLO);
	}
	w->seal.flipped = 0;
}

/* RFC 9001 4.2, 8.2: a server has to refuse them. */
static void hellos_that_no_server_of_quic_takes_have_no_name(void **state)
{
	static const char *const versions[] = {"", "\x02\x03\x03", "\x04\x7f\x1c\x03\x03",
					       "\x04\x0a\x0a\x03\x04"};
	static struct bytes extensions;
	struct flow *w = *state;

	for (int parameters = 0; parameters < 2; parameters++)
		for (size_t i = 0; i < 4; i++) {
			const bool fine = parameters == 1 && i == 3;

			start(w);
			w->hello.len = extensions.len = 0;
			put_sni(&extensions, "a.example", 9);
			if (i > 0)
				put_extension(&extensions, 43, versions[i],
					      strlen(versions[i]));
			if (parameters)
				put_extension(&extensions, 57, "\x01\x02\x67\x10", 4);
			put_hello(&w->hello, &extensions);
			crypto(w, 0, w->hello.len);
			pack(w);
			assert_int_equal(flush(w), IDENTIFY_DONE);
			assert_answer(w, fine ? "a.example" : "",
				      fine ? UNDECIDABLE_NONE
					   : UNDECIDABLE_MALFORMED_HELLO);
		}
}

/* RFC 9001 8.4 */
static void a_session_id_has_no_place_in_quic(void **state)
{
	static struct bytes fine;
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	fine = w->hello;
	w->hello.len = 0;
	put_mem(&w->hello, fine.b, 1);
	put_be(&w->hello, fine.len - 4 + 1, 3);
	put_mem(&w->hello, fine.b + 4, 34);
	put_be(&w->hello, 0x0177, 2);
	put_mem(&w->hello, fine.b + 39, fine.len - 39);
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_MALFORMED_HELLO);
}

static void a_datagram_with_a_wrong_tag_is_ignored(void **state)
{
	struct flow *w = *state;
	uint64_t failed = identify_stats(w->id)->quic_failed;

	start(w);
	hello_for(w, "decoy.example", 0);
	w->seal.dcid = id_b;
	crypto(w, 0, w->hello.len);
	pack(w);
	w->datagram.b[w->datagram.len - 1] ^= 1;
	assert_int_equal(flush(w), IDENTIFY_MORE);
	assert_int_equal(identify_stats(w->id)->quic_failed, failed + 1);
	hello_for(w, "a.example", 0);
	w->seal.dcid = id_a;
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
}

static void the_keys_stay_when_the_client_takes_the_servers_id(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	crypto(w, 0, 60);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	w->seal.header_dcid = id_b;
	w->seal.header_dcid_len = sizeof(id_b);
	crypto(w, 60, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
}

static void an_initial_under_another_id_is_of_another_connection(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "decoy.example", 0);
	crypto(w, 0, 60);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	w->seal.dcid = id_b;
	crypto(w, 60, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_OTHER);
	assert_int_equal(w->f.protocol, PROTOCOL_UNKNOWN);
	/* The first connection goes on, before and after its hello is whole. */
	w->seal.dcid = id_a;
	crypto(w, 60, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "decoy.example", UNDECIDABLE_NONE);
	w->seal.dcid = id_b;
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_OTHER);
}

static void an_initial_of_another_connection_in_the_datagram_is_ignored(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	crypto(w, 0, 60);
	pack(w);
	w->seal.dcid = id_b;
	hello_for(w, "decoy.example", 0);
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	w->seal.dcid = id_a;
	hello_for(w, "a.example", 0);
	crypto(w, 60, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
}

static void crypto_bytes_that_differ_are_a_conflict(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	crypto(w, 0, 60);
	w->hello.b[30] ^= 1;
	crypto(w, 20, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_CONFLICT);
}

static void a_hello_beyond_18_KiB_is_too_big_and_no_room_is_budget(void **state)
{
	struct flow *w = *state;

	start(w);
	put_crypto(&w->frames, 18 * 1024 - 1, (const uint8_t *)"ab", 2);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_HELLO_TOO_BIG);

	start(w);
	put_crypto(&w->frames, 0, (const uint8_t *)"\1\0\x48\0", 4);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_HELLO_TOO_BIG);

	start(w);
	w->sink.full = true;
	put_crypto(&w->frames, 0, (const uint8_t *)"\1", 1);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_BUDGET);
}

static void other_than_a_client_hello_is_malformed(void **state)
{
	struct flow *w = *state;

	start(w);
	put_crypto(&w->frames, 0, (const uint8_t *)"\2", 1);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_MALFORMED_HELLO);
}

/* ---- Retry -------------------------------------------------------------------------------- */

static void a_genuine_retry_restarts_the_hello_under_its_id(void **state)
{
	struct flow *w = *state;
	struct bytes *retry = &w->frames;

	start(w);
	hello_for(w, "a.example", 300);
	crypto(w, 200, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	put_retry(retry, &w->seal, id_b, sizeof(id_b));
	assert_int_equal(give(w, retry->b, retry->len, false), IDENTIFY_RETRY);
	assert_int_equal(w->sink.resets, 1);
	/* Late, under the first id: ignored, neither read nor a conflict. */
	w->frames.len = 0;
	crypto(w, 0, 200);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	w->seal.dcid = id_b;
	w->seal.token = "token";
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
	assert_int_equal(w->f.flags, BIT(QUIC_RETRY));
}

static void a_forged_a_second_or_an_early_retry_changes_nothing(void **state)
{
	struct flow *w = *state;
	struct bytes *retry = &w->frames;

	start(w);
	put_retry(retry, &w->seal, id_b, sizeof(id_b));
	assert_int_equal(give(w, retry->b, retry->len, false), IDENTIFY_MORE);
	assert_int_equal(w->sink.resets, 0);

	retry->len = 0;
	hello_for(w, "a.example", 0);
	crypto(w, 0, 50);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	put_retry(retry, &w->seal, id_b, sizeof(id_b));
	retry->b[retry->len - 1] ^= 0x80;
	assert_int_equal(give(w, retry->b, retry->len, false), IDENTIFY_MORE);
	assert_int_equal(w->sink.resets, 0);
	retry->b[retry->len - 1] ^= 0x80;
	assert_int_equal(give(w, retry->b, retry->len, false), IDENTIFY_RETRY);
	assert_int_equal(give(w, retry->b, retry->len, false), IDENTIFY_MORE);
	assert_int_equal(w->sink.resets, 1);
}

static void a_server_that_goes_on_has_answered(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	put_opaque(&w->datagram, &w->seal, 2, 1200);
	assert_int_equal(give(w, w->datagram.b, w->datagram.len, false), IDENTIFY_MORE);
	w->datagram.len = 0;
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	w->seal.version = V2; /* what the client did not speak is no answer */
	put_opaque(&w->datagram, &w->seal, 2, 1200);
	assert_int_equal(give(w, w->datagram.b, w->datagram.len, false), IDENTIFY_MORE);
	w->datagram.len = 0;
	w->seal.version = 1;
	put_opaque(&w->datagram, &w->seal, 2, 1200);
	assert_int_equal(give(w, w->datagram.b, w->datagram.len, false),
			 IDENTIFY_ANSWERED);
}

/* ---- what is not a readable QUIC handshake -------------------------------------------------- */

static void an_unknown_version_waits_for_version_negotiation(void **state)
{
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	crypto(w, 0, w->hello.len);
	pack(w);
	w->datagram.b[1] = 0x1a;
	w->datagram.b[2] = 0x2a;
	w->datagram.b[3] = 0x3a;
	w->datagram.b[4] = 0x4a;
	assert_int_equal(flush(w), IDENTIFY_MORE);
	/* Version negotiation of the server: version 0. */
	assert_int_equal(give(w, (const uint8_t *)"\xc0\0\0\0\0\0\0\0\0\0\1", 11, false),
			 IDENTIFY_MORE);
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
	assert_int_equal(w->f.quic_version, 1);
}

static void unknown_versions_only_are_undecidable_after_three_or_at_the_end(void **state)
{
	struct flow *w = *state;
	uint8_t big[1200] = {0xc0, 0xff, 0, 0, 0x1d, 4, 1, 2, 3, 4, 0};

	start(w);
	w->port = 8443;
	assert_int_equal(give(w, big, sizeof(big), true), IDENTIFY_MORE);
	assert_int_equal(give(w, big, sizeof(big), true), IDENTIFY_MORE);
	assert_int_equal(give(w, big, sizeof(big), true), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_QUIC_VERSION);
	assert_int_equal(w->f.quic_version, 0xff00001d);

	start(w);
	assert_int_equal(give(w, big, sizeof(big), true), IDENTIFY_MORE);
	assert_int_equal(end(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_QUIC_VERSION);
}

static void short_headers_first_are_midstream(void **state)
{
	struct flow *w = *state;
	uint8_t packet[40] = {0x41, 0x99};

	start(w);
	for (int i = 1; i < IDENTIFY_DATAGRAMS_MAX; i++)
		assert_int_equal(give(w, packet, sizeof(packet), true), IDENTIFY_MORE);
	assert_int_equal(give(w, packet, sizeof(packet), true), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_QUIC_MIDSTREAM);

	start(w);
	put_opaque(&w->datagram, &w->seal, 2, 100);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	assert_int_equal(end(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_QUIC_MIDSTREAM);
}

static void junk_before_the_handshake_is_ignored(void **state)
{
	struct flow *w = *state;
	uint8_t junk[51];

	start(w);
	hello_for(w, "a.example", 0);
	for (unsigned i = 0; i < 10; i++) {
		memset(junk, (int)(0x33 * i), sizeof(junk));
		assert_int_equal(give(w, junk, sizeof(junk), true), IDENTIFY_MORE);
	}
	crypto(w, 0, w->hello.len);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_DONE);
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
}

static void other_datagrams_are_unknown_at_once(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
		uint16_t port;
	} rows[] = {
		{"WireGuard", "\1\0\0\0\x11\x22\x33\x44", 8, 51820},
		{"STUN", "\0\1\0\0\x21\x12\xa4\x42", 8, 3478},
		{"RTP", "\x80\x60\0\1\0\0\0\1", 8, 5004},
		{"short header elsewhere", "\x41\x99\x99\x99\x99\x99\x99\x99", 8, 8443},
		{"small and unknown version", "\xc0\x99\x99\x99\x99\1\2\0", 8, 8443},
	};
	struct flow *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(w);
		w->port = rows[i].port;
		if (give(w, (const uint8_t *)rows[i].bytes, rows[i].len, true) !=
			    IDENTIFY_DONE ||
		    w->f.protocol != PROTOCOL_UNKNOWN)
			fail_msg("%s: %s", rows[i].what, protocol_name(w->f.protocol));
		assert_int_equal(w->f.undecidable, UNDECIDABLE_NONE);
	}
}

/* In pieces of two bytes, and junk between, which servers drop. */
static void a_hello_lies_in_any_number_of_datagrams(void **state)
{
	static const uint8_t junk[30] = {0x40};
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	for (size_t at = 0; at < w->hello.len; at += 2) {
		const size_t left = w->hello.len - at;

		crypto(w, at, left < 2 ? w->hello.len : at + 2);
		pack(w);
		assert_int_equal(flush(w), left <= 2 ? IDENTIFY_DONE : IDENTIFY_MORE);
		if (left > 2)
			assert_int_equal(give(w, junk, sizeof(junk), true),
					 IDENTIFY_MORE);
	}
	assert_answer(w, "a.example", UNDECIDABLE_NONE);
	start(w);
	hello_for(w, "a.example", 0);
	crypto(w, 0, 50);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(give(w, junk, sizeof(junk), true), IDENTIFY_MORE);
	assert_int_equal(end(w), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_INCOMPLETE);
}

/* The rest of the hello has gone by. */
static void a_hello_that_was_answered_unseen_is_given_up(void **state)
{
	static const uint8_t junk[30] = {0x40};
	struct flow *w = *state;

	start(w);
	hello_for(w, "a.example", 0);
	crypto(w, 0, 50);
	pack(w);
	assert_int_equal(flush(w), IDENTIFY_MORE);
	put_opaque(&w->datagram, &w->seal, 2, 100);
	assert_int_equal(give(w, w->datagram.b, w->datagram.len, false),
			 IDENTIFY_ANSWERED);
	for (int i = 1; i < IDENTIFY_DATAGRAMS_MAX; i++)
		assert_int_equal(give(w, junk, sizeof(junk), true), IDENTIFY_MORE);
	assert_int_equal(give(w, junk, sizeof(junk), true), IDENTIFY_DONE);
	assert_answer(w, "", UNDECIDABLE_INCOMPLETE);
}

static void every_cut_of_a_datagram_is_harmless(void **state)
{
	struct flow *w = *state;
	static struct bytes whole;

	start(w);
	hello_for(w, "a.example", 0);
	crypto(w, 0, w->hello.len);
	pack(w);
	whole = w->datagram;
	for (size_t n = 1; n < whole.len; n++) {
		start(w);
		assert_int_equal(give(w, whole.b, n, true), IDENTIFY_MORE);
	}
}

static int make(void **state)
{
	struct flow *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -1;
	w->id = identify_create();
	*state = w;
	return w->id != NULL && quic_crypto_open(&w->seal.crypto) ? 0 : -1;
}

static int unmake(void **state)
{
	struct flow *w = *state;

	quic_crypto_close(&w->seal.crypto);
	identify_destroy(w->id);
	free(w);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_are_those_of_the_rfcs),
		TEST(retry_tags_are_those_of_the_rfcs),
		TEST(reads_real_clients),
		TEST(reads_a_real_pair_of_datagrams_in_either_order),
		TEST(reads_crypto_in_any_order_among_other_frames),
		TEST(reads_ack_frames_before_crypto),
		TEST(reads_several_initials_of_one_datagram_and_skips_other_packets),
		TEST(waits_for_the_initial_behind_a_0rtt_datagram),
		TEST(reads_tokens_long_ids_and_version_2_on_any_port),
		TEST(initials_in_small_datagrams_are_ignored),
		TEST(initials_that_servers_discard_say_nothing),
		TEST(initials_that_end_a_connection_have_no_name),
		TEST(hellos_that_no_server_of_quic_takes_have_no_name),
		TEST(a_session_id_has_no_place_in_quic),
		TEST(a_datagram_with_a_wrong_tag_is_ignored),
		TEST(the_keys_stay_when_the_client_takes_the_servers_id),
		TEST(an_initial_under_another_id_is_of_another_connection),
		TEST(an_initial_of_another_connection_in_the_datagram_is_ignored),
		TEST(crypto_bytes_that_differ_are_a_conflict),
		TEST(a_hello_beyond_18_KiB_is_too_big_and_no_room_is_budget),
		TEST(other_than_a_client_hello_is_malformed),
		TEST(a_genuine_retry_restarts_the_hello_under_its_id),
		TEST(a_forged_a_second_or_an_early_retry_changes_nothing),
		TEST(a_server_that_goes_on_has_answered),
		TEST(an_unknown_version_waits_for_version_negotiation),
		TEST(unknown_versions_only_are_undecidable_after_three_or_at_the_end),
		TEST(short_headers_first_are_midstream),
		TEST(junk_before_the_handshake_is_ignored),
		TEST(other_datagrams_are_unknown_at_once),
		TEST(a_hello_lies_in_any_number_of_datagrams),
		TEST(a_hello_that_was_answered_unseen_is_given_up),
		TEST(every_cut_of_a_datagram_is_harmless),
	};

	return cmocka_run_group_tests_name("identify/quic", tests, NULL, NULL);
}
