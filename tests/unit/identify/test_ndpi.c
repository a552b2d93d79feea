/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/ndpi.h"

#include "identify/ndpi_packet.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support.h"

#define NOW INT64_C(1700000000000000)

/* One module for all tests: making one takes 20 ms and 5 MiB. */
static int make(void **state)
{
	*state = ndpi_adapter_create(NULL);
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

static bool feed(struct ndpi_adapter *a, struct ndpi_guess *g, const struct packet *p,
		 int64_t time_us)
{
	static uint8_t packet[NDPI_PACKET_MAX];
	const size_t len = ndpi_packet_normalize(p, packet);

	return len > 0 && ndpi_guess_feed(a, g, packet, len, time_us);
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
		struct ndpi_answer name;

		assert_non_null(g);
		for (int round = 0; round < 4; round++) {
			fill(&s, rows[i].proto, rows[i].port, false, rows[i].out,
			     rows[i].out_len);
			if (feed(*state, g, &s.p, NOW))
				break;
			fill(&s, rows[i].proto, rows[i].port, true, rows[i].in,
			     rows[i].in_len);
			if (feed(*state, g, &s.p, NOW))
				break;
		}
		ndpi_guess_finish(*state, g, &name);
		assert_string_equal(name.word, rows[i].want);
	}
}

static void the_same_over_ipv6(void **state)
{
	static const struct addr a = {{0x20, 1, 0x0d, 0xb8, [15] = 1}};
	static const struct addr b = {{0x20, 1, 0x0d, 0xb8, [15] = 2}};
	struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);
	static struct sent s;
	struct ndpi_answer name;

	fill(&s, IP_PROTO_TCP, 443, false, bittorrent, sizeof(bittorrent) - 1);
	s.p.src = a;
	s.p.dst = b;
	assert_true(feed(*state, g, &s.p, NOW));
	ndpi_guess_finish(*state, g, &name);
	assert_string_equal(name.word, "bittorrent");
}

static void a_port_alone_is_no_name(void **state)
{
	static const uint16_t ports[] = {22, 80, 443, 3389};
	static struct sent s;

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);
		struct ndpi_answer name;

		for (int k = 0; k < NDPI_PACKETS_MAX; k++) {
			fill(&s, IP_PROTO_TCP, ports[i], k % 2 == 1,
			     "\x93\x17\xe4\xc2\x05\x99", 6);
			if (feed(*state, g, &s.p, NOW))
				break;
		}
		ndpi_guess_finish(*state, g, &name);
		assert_string_equal(name.word, "");
	}
}

/* nDPI would take the second one for BitTorrent too, as it comes from the same client. */
static void a_word_does_not_carry_over_to_other_flows(void **state)
{
	static struct sent s;
	struct ndpi_answer name;

	for (int round = 0; round < 2; round++) {
		struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);

		for (int k = 0; k < NDPI_PACKETS_MAX; k++) {
			if (round == 0)
				fill(&s, IP_PROTO_TCP, 443, false, bittorrent,
				     sizeof(bittorrent) - 1);
			else
				fill(&s, IP_PROTO_TCP, 443, false,
				     "\x93\x17\xe4\xc2\x05\x99", 6);
			if (feed(*state, g, &s.p, NOW))
				break;
		}
		ndpi_guess_finish(*state, g, &name);
		assert_string_equal(name.word, round == 0 ? "bittorrent" : "");
	}
}

static void eight_packets_are_enough(void **state)
{
	struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_UDP);
	static struct sent s;
	struct ndpi_answer name;

	fill(&s, IP_PROTO_UDP, 4000, false, "\x93\x17\xe4\xc2", 4);
	for (int i = 1; i < NDPI_PACKETS_MAX; i++)
		assert_false(feed(*state, g, &s.p, NOW + i));
	assert_true(feed(*state, g, &s.p, NOW));
	assert_true(feed(*state, g, &s.p, NOW));
	ndpi_guess_finish(*state, g, &name);
	assert_string_equal(name.word, "");
}

/* nDPI 4.2 crashes when it gets them. */
static void packets_of_another_transport_and_odd_ones_are_not_fed(void **state)
{
	struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);
	static struct sent s;
	struct ndpi_answer name;

	for (int i = 0; i < 3 * NDPI_PACKETS_MAX; i++) {
		fill(&s, IP_PROTO_UDP, 443, false, "\xc0\0\0\0\1", 5);
		assert_false(feed(*state, g, &s.p, NOW));
		fill(&s, IP_PROTO_TCP, 443, false, "", 0);
		assert_false(feed(*state, g, &s.p, NOW));
		s.p.has_l4 = false;
		assert_false(feed(*state, g, &s.p, NOW));
	}
	fill(&s, IP_PROTO_TCP, 443, false, bittorrent, sizeof(bittorrent) - 1);
	assert_true(feed(*state, g, &s.p, NOW));
	ndpi_guess_finish(*state, g, &name);
	assert_string_equal(name.word, "bittorrent");
}

static void a_packet_of_64_KiB_is_cut_and_not_lost(void **state)
{
	static struct sent s;
	static uint8_t huge[70000], packet[NDPI_PACKET_MAX];
	struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);
	struct ndpi_answer name;

	fill(&s, IP_PROTO_TCP, 443, false, bittorrent, sizeof(bittorrent) - 1);
	memcpy(huge, s.l4, s.p.l4_len);
	s.p.l4 = huge;
	s.p.l4_len = sizeof(huge);
	s.p.payload = huge + 20;
	s.p.payload_len = sizeof(huge) - 20;
	assert_int_equal(ndpi_packet_normalize(&s.p, packet), NDPI_PACKET_MAX);
	assert_true(feed(*state, g, &s.p, NOW));
	ndpi_guess_finish(*state, g, &name);
	assert_string_equal(name.word, "bittorrent");
}

/* Nothing of the wire but ports, numbers, window, hop limit and payload. */
static void headers_have_one_form(void **state)
{
	static const uint8_t want[] = {
		0x45, 0,    0,    42,   0,    0,    0,    0,    7,    6,    0,
		0,    0,    0,    0,    0,    0,    0,    0,    0,    0x9c, 0x40,
		1,    187,  0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x50,
		0x18, 0x12, 0x34, 0,    0,    0,    0,    'h',  'i'};
	static struct sent s;
	static uint8_t packet[NDPI_PACKET_MAX], back[NDPI_PACKET_MAX];

	(void)state;
	memset(packet, 0xee, sizeof(packet));
	fill(&s, IP_PROTO_TCP, 443, false, "hi", 2);
	memset(s.l4, 0xaa, 20); /* what the wire said, and what decode made of it */
	s.p.seq = 0x11223344;
	s.p.ack = 0x55667788;
	s.p.window = 0x1234;
	s.p.ttl = 7;
	s.p.tcp_flags = TCP_URG | TCP_SYN;
	assert_int_equal(ndpi_packet_normalize(&s.p, packet), sizeof(want));
	assert_memory_equal(packet, want, 12);
	assert_memory_equal(packet + 20, want + 20, sizeof(want) - 20);
	assert_true(packet[12] >= 240 && packet[16] >= 240);
	assert_true(ndpi_packet_is_normal(packet, sizeof(want), IP_PROTO_TCP));
	/* The other way the stand-ins have changed places. */
	fill(&s, IP_PROTO_TCP, 443, true, "hi", 2);
	assert_int_equal(ndpi_packet_normalize(&s.p, back), sizeof(want));
	assert_memory_equal(back + 12, packet + 16, 4);
	assert_memory_equal(back + 16, packet + 12, 4);
}

static void what_is_not_of_that_form_is_not_fed(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {{0, 0x46}, {0, 0x65}, {3, 1},    {6, 0x20},
		       {7, 1},    {9, 17},   {32, 0x60}};
	static struct sent s;
	static uint8_t packet[NDPI_PACKET_MAX];
	size_t len;

	fill(&s, IP_PROTO_TCP, 443, false, bittorrent, sizeof(bittorrent) - 1);
	len = ndpi_packet_normalize(&s.p, packet);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct ndpi_guess *g = ndpi_guess_start(*state, IP_PROTO_TCP);
		const uint8_t right = packet[changes[i].at];
		struct ndpi_answer a;

		packet[changes[i].at] = changes[i].value;
		assert_false(ndpi_guess_feed(*state, g, packet, len, NOW));
		packet[changes[i].at] = right;
		assert_false(ndpi_guess_feed(*state, g, packet, len - 1, NOW));
		assert_false(ndpi_guess_feed(*state, g, packet, 40, NOW));
		assert_false(ndpi_guess_feed(*state, g, packet, 3, NOW));
		assert_true(ndpi_guess_feed(*state, g, packet, len, NOW));
		ndpi_guess_finish(*state, g, &a);
	}
}

static const char request[] = "GET /a-long-path-that-must-be-kept HTTP/1.1\r\n"
			      "Host: %s\r\nUser-Agent: x/1\r\n\r\n";

static void ask_request(struct ndpi_adapter *a, const char *host, struct ndpi_answer *ret)
{
	struct ndpi_guess *g = ndpi_guess_start(a, IP_PROTO_TCP);
	static struct sent s;
	char text[300];
	const int len = snprintf(text, sizeof(text), request, host);

	assert_non_null(g);
	fill(&s, IP_PROTO_TCP, 4711, false, text, (size_t)len);
	(void)feed(a, g, &s.p, NOW);
	ndpi_guess_finish(a, g, ret);
}

static void tells_how_sure_it_is_and_which_host(void **state)
{
	static const struct {
		const char *host, *want;
	} rows[] = {{"www.lab.example", "www.lab.example"},
		    {"www.lab.example:8080", "www.lab.example"}, /* nDPI's cut */
		    {"me:secret@www.lab.example", ""},
		    {"a b.example", ""},
		    {"secret@www.lab.example", ""},
		    {"[2001:db8::1]", ""},
		    {"\xc3\xa4.example", ""}};
	struct ndpi_answer a;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask_request(*state, rows[i].host, &a);
		assert_string_equal(a.word, "http");
		assert_int_equal(a.confidence, GUESS_CONFIDENCE_DPI);
		assert_string_equal(a.host, rows[i].want);
		assert_true(ndpi_answer_is_sound(&a));
	}
}

static void memory_is_counted_and_given_back(void **state)
{
	struct ndpi_answer a;
	uint64_t before;

	ask_request(*state, "www.lab.example", &a);
	before = ndpi_adapter_memory(*state).bytes;
	assert_true(before > 1000000); /* the module's own */
	ask_request(*state, "www.lab.example", &a);
	assert_true(ndpi_adapter_memory(*state).most > before);
	assert_int_equal(ndpi_adapter_memory(*state).bytes, before);
	assert_int_equal(ndpi_adapter_memory(*state).over, 0);
}

static void over_a_flows_cap_it_is_unknown(void **state)
{
	const struct ndpi_cfg cfg = {.flow_bytes = 16};
	struct ndpi_adapter *a = ndpi_adapter_create(&cfg);
	struct ndpi_answer word;

	(void)state;
	assert_non_null(a);
	ask_request(a, "www.lab.example", &word);
	assert_string_equal(word.word, "");
	assert_string_equal(word.host, "");
	assert_int_equal(word.confidence, GUESS_CONFIDENCE_NONE);
	assert_int_equal(ndpi_adapter_memory(a).over, 1);
	ndpi_adapter_destroy(a);
}

static void over_the_cap_of_all_none_begins(void **state)
{
	const struct ndpi_cfg cfg = {.bytes = 1};
	struct ndpi_adapter *a = ndpi_adapter_create(&cfg);

	(void)state;
	assert_non_null(a);
	assert_null(ndpi_guess_start(a, IP_PROTO_TCP));
	assert_int_equal(ndpi_adapter_memory(a).over, 1);
	ndpi_adapter_destroy(a);
}

static void answers_of_others_are_looked_at(void **state)
{
	static const struct {
		struct ndpi_answer a;
		bool sound;
	} rows[] = {
		{{"bittorrent", "", GUESS_CONFIDENCE_CACHE}, true},
		{{"tls.a-b_9", "A.b-c_8", GUESS_CONFIDENCE_DPI}, true},
		{{"", "", GUESS_CONFIDENCE_NONE}, true},
		{{"", "", GUESS_CONFIDENCE_DPI}, false},
		{{"", "host", GUESS_CONFIDENCE_NONE}, false},
		{{"ssh", "", GUESS_CONFIDENCE_NONE}, false},
		{{"ssh", "", GUESS_CONFIDENCE_COUNT}, false},
		{{"SSH", "", GUESS_CONFIDENCE_DPI}, false},
		{{"s\nh", "", GUESS_CONFIDENCE_DPI}, false},
		{{"ssh", "a\"b", GUESS_CONFIDENCE_DPI}, false},
		{{"ssh", "a@b", GUESS_CONFIDENCE_DPI}, false},
		{{"ssh", "a:b", GUESS_CONFIDENCE_DPI}, false},
	};
	struct ndpi_answer endless = {"ssh", "", GUESS_CONFIDENCE_DPI};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ndpi_answer_is_sound(&rows[i].a), rows[i].sound);
	memset(endless.word, 'a', sizeof(endless.word));
	assert_false(ndpi_answer_is_sound(&endless));
	endless.word[NDPI_WORD_SIZE - 1] = '\0';
	assert_true(ndpi_answer_is_sound(&endless));
	memset(endless.host, 'a', sizeof(endless.host));
	assert_false(ndpi_answer_is_sound(&endless));
}

static void a_guess_that_is_used_again_knows_nothing_of_before(void **state)
{
	struct ndpi_guess *first = ndpi_guess_start(*state, IP_PROTO_TCP);
	struct ndpi_guess *again;
	static struct sent s;
	struct ndpi_answer name;

	fill(&s, IP_PROTO_TCP, 443, false, bittorrent, sizeof(bittorrent) - 1);
	assert_true(feed(*state, first, &s.p, NOW));
	ndpi_guess_finish(*state, first, &name);
	again = ndpi_guess_start(*state, IP_PROTO_UDP);
	assert_ptr_equal(again, first);
	ndpi_guess_finish(*state, again, &name);
	assert_string_equal(name.word, "");
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
		cmocka_unit_test(headers_have_one_form),
		cmocka_unit_test(what_is_not_of_that_form_is_not_fed),
		cmocka_unit_test(tells_how_sure_it_is_and_which_host),
		cmocka_unit_test(memory_is_counted_and_given_back),
		cmocka_unit_test(over_a_flows_cap_it_is_unknown),
		cmocka_unit_test(over_the_cap_of_all_none_begins),
		cmocka_unit_test(answers_of_others_are_looked_at),
		cmocka_unit_test(a_guess_that_is_used_again_knows_nothing_of_before),
		cmocka_unit_test(says_its_version),
	};

	return cmocka_run_group_tests_name("identify/ndpi", tests, make, unmake);
}
