/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/ndpi.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support.h"

#define NOW INT64_C(1700000000000000)

/* One module for all tests: making one takes 20 ms and 5 MiB. */
static int make(void **state)
{
	*state = ndpi_adapter_create();
	return *state == NULL ? -1 : 0;
}

static int unmake(void **state)
{
	ndpi_adapter_destroy(*state);
	return 0;
}

struct sent {
	struct packet p;
	uint8_t l4[2048];
};

/* A packet of 10.1.0.2:40000 and 198.51.100.7:`port`. */
static void fill(struct sent *s, uint8_t proto, uint16_t port, bool back,
		 const char *data, size_t len)
{
	static const uint8_t inside[4] = {10, 1, 0, 2};
	static const uint8_t outside[4] = {198, 51, 100, 7};
	size_t header = proto == IP_PROTO_TCP ? 20 : 8;
	uint16_t from = back ? port : 40000;
	uint16_t to = back ? 40000 : port;

	memset(s, 0, sizeof(*s));
	s->l4[0] = (uint8_t)(from >> 8);
	s->l4[1] = (uint8_t)from;
	s->l4[2] = (uint8_t)(to >> 8);
	s->l4[3] = (uint8_t)to;
	if (proto == IP_PROTO_TCP) {
		s->l4[12] = 0x50;
		s->l4[13] = TCP_ACK | TCP_PSH;
	}
	memcpy(s->l4 + header, data, len);
	s->p.src = addr_from_v4(back ? outside : inside);
	s->p.dst = addr_from_v4(back ? inside : outside);
	s->p.src_port = from;
	s->p.dst_port = to;
	s->p.ip_proto = proto;
	s->p.ttl = 64;
	s->p.has_l4 = true;
	s->p.l4 = s->l4;
	s->p.l4_len = header + len;
	s->p.payload = s->l4 + header;
	s->p.payload_len = len;
	s->p.payload_wire_len = len;
}

static const char bittorrent[] = "\x13"
				 "BitTorrent protocol\0\0\0\0\0\x10\0\5"
				 "aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb";

static const char stun[] = "\0\1\0\x08\x21\x12\xa4\x42"
			   "abcdefghijkl\x80\x22\0\4test";

static void names_a_protocol_by_its_bytes_on_any_port(void **state)
{
	static const struct {
		uint8_t proto;
		uint16_t port;
		const char *out, *in;
		size_t out_len, in_len;
		const char *want;
	} rows[] = {
		{IP_PROTO_TCP, 443, bittorrent, "", sizeof(bittorrent) - 1, 0,
		 "bittorrent"},
		{IP_PROTO_TCP, 2222, "SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
		 21, 21, "ssh"},
		{IP_PROTO_UDP, 3478, stun, stun, sizeof(stun) - 1, sizeof(stun) - 1,
		 "stun"},
	};
	static struct sent s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndpi_guess *g = ndpi_guess_start(*state, rows[i].proto);
		char name[24] = "x";

		assert_non_null(g);
		for (int round = 0; round < 4; round++) {
			fill(&s, rows[i].proto, rows[i].port, false, rows[i].out,
			     rows[i].out_len);
			if (ndpi_guess_feed(*state, g, &s.p, NOW))
				break;
			fill(&s, rows[i].proto, rows[i].port, true, rows[i].in,
			     rows[i].in_len);
			if (ndpi_guess_feed(*state, g, &s.p, NOW))
				break;
		}
		ndpi_guess_finish(*state, g, name);
		assert_string_equal(name, rows[i].want);
	}
}

static void the_same_over_ipv6(void **state)
{
	static const struct addr a = {{0x20, 1, 0x0d, 0xb8, [15] = 1}};
	static const struct addr b = {{0x20, 1, 0x0d, 0xb8, [15] = 2}};
	struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);
	static struct sent s;
	char name[24];

	fill(&s, IP_PROTO_TCP, 443, false, bittorrent, sizeof(bittorrent) - 1);
	s.p.src = a;
	s.p.dst = b;
	assert_true(ndpi_guess_feed(*state, g, &s.p, NOW));
	ndpi_guess_finish(*state, g, name);
	assert_string_equal(name, "bittorrent");
}

static void a_port_alone_is_no_name(void **state)
{
	static const uint16_t ports[] = {22, 80, 443, 3389};
	static struct sent s;

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);
		char name[24] = "x";

		for (int k = 0; k < NDPI_PACKETS_MAX; k++) {
			fill(&s, IP_PROTO_TCP, ports[i], k % 2 == 1,
			     "\x93\x17\xe4\xc2\x05\x99", 6);
			if (ndpi_guess_feed(*state, g, &s.p, NOW))
				break;
		}
		ndpi_guess_finish(*state, g, name);
		assert_string_equal(name, "");
	}
}

/* nDPI would take the second one for BitTorrent too, as it comes from the same client. */
static void a_word_does_not_carry_over_to_other_flows(void **state)
{
	static struct sent s;
	char name[24];

	for (int round = 0; round < 2; round++) {
		struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);

		for (int k = 0; k < NDPI_PACKETS_MAX; k++) {
			if (round == 0)
				fill(&s, IP_PROTO_TCP, 443, false, bittorrent,
				     sizeof(bittorrent) - 1);
			else
				fill(&s, IP_PROTO_TCP, 443, false,
				     "\x93\x17\xe4\xc2\x05\x99", 6);
			if (ndpi_guess_feed(*state, g, &s.p, NOW))
				break;
		}
		ndpi_guess_finish(*state, g, name);
		assert_string_equal(name, round == 0 ? "bittorrent" : "");
	}
}

static void eight_packets_are_enough(void **state)
{
	struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_UDP);
	static struct sent s;
	char name[24];

	fill(&s, IP_PROTO_UDP, 4000, false, "\x93\x17\xe4\xc2", 4);
	for (int i = 1; i < NDPI_PACKETS_MAX; i++)
		assert_false(ndpi_guess_feed(*state, g, &s.p, NOW + i));
	assert_true(ndpi_guess_feed(*state, g, &s.p, NOW));
	assert_true(ndpi_guess_feed(*state, g, &s.p, NOW));
	ndpi_guess_finish(*state, g, name);
	assert_string_equal(name, "");
}

/* nDPI 4.2 crashes when it gets them. */
static void packets_of_another_transport_and_odd_ones_are_not_fed(void **state)
{
	struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);
	static struct sent s;
	char name[24];

	for (int i = 0; i < 3 * NDPI_PACKETS_MAX; i++) {
		fill(&s, IP_PROTO_UDP, 443, false, "\xc0\0\0\0\1", 5);
		assert_false(ndpi_guess_feed(*state, g, &s.p, NOW));
		fill(&s, IP_PROTO_TCP, 443, false, "", 0);
		assert_false(ndpi_guess_feed(*state, g, &s.p, NOW));
		s.p.has_l4 = false;
		assert_false(ndpi_guess_feed(*state, g, &s.p, NOW));
	}
	fill(&s, IP_PROTO_TCP, 443, false, bittorrent, sizeof(bittorrent) - 1);
	assert_true(ndpi_guess_feed(*state, g, &s.p, NOW));
	ndpi_guess_finish(*state, g, name);
	assert_string_equal(name, "bittorrent");
}

static void a_packet_of_64_KiB_is_cut_and_not_lost(void **state)
{
	static struct sent s;
	static uint8_t huge[70000];
	struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);
	char name[24];

	fill(&s, IP_PROTO_TCP, 443, false, bittorrent, sizeof(bittorrent) - 1);
	memcpy(huge, s.l4, s.p.l4_len);
	s.p.l4 = huge;
	s.p.l4_len = sizeof(huge);
	s.p.payload_len = sizeof(huge) - 20;
	assert_true(ndpi_guess_feed(*state, g, &s.p, NOW));
	ndpi_guess_finish(*state, g, name);
	assert_string_equal(name, "bittorrent");
}

static void a_guess_that_is_used_again_knows_nothing_of_before(void **state)
{
	struct ndpi_guess *first = ndpi_guess_start(*state, IP_PROTO_TCP);
	struct ndpi_guess *again;
	static struct sent s;
	char name[24] = "x";

	fill(&s, IP_PROTO_TCP, 443, false, bittorrent, sizeof(bittorrent) - 1);
	assert_true(ndpi_guess_feed(*state, first, &s.p, NOW));
	ndpi_guess_finish(*state, first, name);
	again = ndpi_guess_start(*state, IP_PROTO_UDP);
	assert_ptr_equal(again, first);
	ndpi_guess_finish(*state, again, name);
	assert_string_equal(name, "");
}

static void says_its_version(void **state)
{
	(void)state;
	assert_non_null(strchr(ndpi_library_version(), '.'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_a_protocol_by_its_bytes_on_any_port),
		cmocka_unit_test(the_same_over_ipv6),
		cmocka_unit_test(a_port_alone_is_no_name),
		cmocka_unit_test(a_word_does_not_carry_over_to_other_flows),
		cmocka_unit_test(eight_packets_are_enough),
		cmocka_unit_test(packets_of_another_transport_and_odd_ones_are_not_fed),
		cmocka_unit_test(a_packet_of_64_KiB_is_cut_and_not_lost),
		cmocka_unit_test(a_guess_that_is_used_again_knows_nothing_of_before),
		cmocka_unit_test(says_its_version),
	};

	return cmocka_run_group_tests_name("identify/ndpi", tests, make, unmake);
}
