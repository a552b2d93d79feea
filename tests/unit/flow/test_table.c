/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "base/hash.h"

#define SECOND ((int64_t)1000000)
#define START  (1767225600 * SECOND) /* 2026-01-01 */

#define F TCP_FIN
#define S TCP_SYN
#define R TCP_RST
#define A TCP_ACK

struct bench {
	struct flow_table *t;
	int64_t now;
	uint64_t frame;
	struct flow_touch touch;
};

static int set_up(void **state)
{
	static const struct flow_cfg cfg = {.max_flows = 1000, .extra_bytes = 20};
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -1;
	b->t = flow_table_create(&cfg);
	b->now = START;
	*state = b;
	return b->t == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	flow_table_destroy(b->t);
	free(b);
	return 0;
}

static struct addr host(uint8_t last)
{
	const uint8_t be[4] = {10, 0, 0, last};

	return addr_from_v4(be);
}

static struct flow *touch(struct bench *b, const struct packet *p)
{
	const struct frame f = {
		.time_us = b->now, .clock_us = b->now, .number = ++b->frame};

	flow_touch(b->t, p, &f, &b->touch);
	return b->touch.flow;
}

static struct packet udp(uint8_t src, uint16_t src_port, uint8_t dst, uint16_t dst_port)
{
	return (struct packet){
		.src = host(src),
		.dst = host(dst),
		.src_port = src_port,
		.dst_port = dst_port,
		.ip_proto = IP_PROTO_UDP,
		.has_l4 = true,
		.ip_len = 100,
		.ttl = 64,
	};
}

/* Client 10.0.0.9:50000 (the higher address), server 10.0.0.1:443. */
static struct packet tcp(char who, uint8_t flags, uint32_t seq, uint32_t ack, size_t len)
{
	bool client = who == 'c';

	return (struct packet){
		.src = host(client ? 9 : 1),
		.dst = host(client ? 1 : 9),
		.src_port = client ? 50000 : 443,
		.dst_port = client ? 443 : 50000,
		.ip_proto = IP_PROTO_TCP,
		.has_l4 = true,
		.ip_len = (uint32_t)(40 + len),
		.ttl = client ? 128 : 57,
		.tcp_flags = flags,
		.seq = seq,
		.ack = ack,
		.window = 500,
		.payload_len = len,
		.payload_wire_len = len,
	};
}

/* -- TCP ----------------------------------------------------------------------------- */

#define STEPS_MAX 10

struct step {
	char who;
	uint8_t flags;
	uint32_t seq, ack;
	size_t len;
	enum flow_state want; /* of the flow that the packet was counted to */
};

struct row {
	const char *name;
	struct step steps[STEPS_MAX];
	unsigned flows;
	enum end_reason reason; /* of the last flow, when all is given out at once */
	bool midstream;
	uint32_t client_isn, server_isn;
};

#define OPENING FLOW_TCP_OPENING
#define OPEN    FLOW_TCP_OPEN
#define CLOSING FLOW_TCP_CLOSING

#define HANDSHAKE                                                        \
	{'c', S, 99, 0, 0, OPENING}, {'s', S | A, 499, 100, 0, OPENING}, \
	{                                                                \
		'c', A, 100, 500, 0, OPEN                                \
	}

static const struct row rows[] = {
	{"a whole connection",
	 {HANDSHAKE,
	  {'c', A, 100, 500, 50, OPEN},
	  {'s', A, 500, 150, 70, OPEN},
	  {'c', F | A, 150, 570, 0, OPEN},
	  {'s', F | A, 570, 151, 0, OPEN},
	  {'c', A, 151, 571, 0, CLOSING}},
	 1,
	 END_REASON_FIN,
	 false,
	 100,
	 500},
	{"both FINs, last acknowledgement not captured",
	 {HANDSHAKE, {'c', F | A, 100, 500, 0, OPEN}, {'s', F | A, 500, 100, 0, OPEN}},
	 1,
	 END_REASON_FIN,
	 false,
	 100,
	 500},
	{"half closed is not closed",
	 {HANDSHAKE, {'c', F | A, 100, 500, 0, OPEN}, {'s', A, 500, 101, 9, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"FIN sent again after the end",
	 {HANDSHAKE,
	  {'c', F | A, 100, 500, 0, OPEN},
	  {'s', F | A, 500, 101, 0, OPEN},
	  {'c', A, 101, 501, 0, CLOSING},
	  {'s', F | A, 500, 101, 0, CLOSING}},
	 1,
	 END_REASON_FIN,
	 false,
	 100,
	 500},
	{"a SYN without an answer",
	 {{'c', S, 99, 0, 0, OPENING}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 0},
	{"refused: reset answers the SYN",
	 {{'c', S, 99, 0, 0, OPENING}, {'s', R | A, 0, 100, 0, CLOSING}},
	 1,
	 END_REASON_REFUSED,
	 false,
	 100,
	 0},
	{"a reset that answers another SYN ends nothing",
	 {{'c', S, 99, 0, 0, OPENING}, {'s', R | A, 0, 101, 0, OPENING}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 0},
	{"reset before any client payload is refused",
	 {HANDSHAKE, {'s', R | A, 500, 100, 0, CLOSING}},
	 1,
	 END_REASON_REFUSED,
	 false,
	 100,
	 500},
	{"reset at the next byte",
	 {HANDSHAKE, {'c', A, 100, 500, 50, OPEN}, {'s', R, 500, 0, 0, CLOSING}},
	 1,
	 END_REASON_RESET,
	 false,
	 100,
	 500},
	{"reset at what the receiver has acknowledged",
	 {HANDSHAKE,
	  {'s', A, 500, 100, 50, OPEN},
	  {'c', A, 100, 540, 0, OPEN},
	  {'s', R, 540, 0, 0, CLOSING}},
	 1,
	 END_REASON_REFUSED,
	 false,
	 100,
	 500},
	{"reset within the receiver's window, but not at its edge, ends nothing",
	 {HANDSHAKE,
	  {'c', A, 100, 500, 50, OPEN},
	  {'s', R, 501, 0, 0, OPEN},
	  {'c', R, 151, 0, 0, OPEN},
	  {'s', R, 1000, 0, 0, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"reset past the window ends nothing",
	 {HANDSHAKE, {'c', A, 100, 500, 50, OPEN}, {'s', R, 1001, 0, 0, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"reset before the window ends nothing",
	 {HANDSHAKE,
	  {'c', A, 100, 500, 50, OPEN},
	  {'s', A, 500, 150, 9, OPEN},
	  {'c', A, 150, 509, 0, OPEN},
	  {'s', R, 508, 0, 0, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"a forged reset is undone by what its seeming sender sends on",
	 {HANDSHAKE,
	  {'c', A, 100, 500, 50, OPEN},
	  {'c', R, 150, 0, 0, CLOSING},
	  {'s', A, 500, 150, 9, CLOSING},
	  {'c', A, 100, 500, 50, CLOSING},
	  {'c', A, 150, 509, 20, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"bytes before the reset, captured after it, undo nothing",
	 {HANDSHAKE,
	  {'c', A, 100, 500, 50, OPEN},
	  {'s', A, 500, 170, 0, OPEN},
	  {'c', R, 170, 0, 0, CLOSING},
	  {'c', A, 150, 500, 20, CLOSING}},
	 1,
	 END_REASON_RESET,
	 false,
	 100,
	 500},
	{"a new SYN after a reset is a new flow when the server answers it",
	 {HANDSHAKE,
	  {'s', R, 500, 0, 0, CLOSING},
	  {'c', S, 8999, 0, 0, CLOSING},
	  {'s', S | A, 699, 9000, 0, OPENING},
	  {'c', A, 9000, 700, 0, OPEN}},
	 2,
	 END_REASON_CAPTURE_END,
	 false,
	 9000,
	 700},
	{"and at once where the capture does not show how it answers",
	 {{'c', S, 99, 0, 0, OPENING},
	  {'c', A, 100, 500, 50, OPEN},
	  {'c', R, 150, 0, 0, CLOSING},
	  {'c', S, 8999, 0, 0, OPENING}},
	 2,
	 END_REASON_CAPTURE_END,
	 false,
	 9000,
	 0},
	{"a SYN after both FINs is a new flow at once",
	 {HANDSHAKE,
	  {'c', F | A, 100, 500, 0, OPEN},
	  {'s', F | A, 500, 101, 0, OPEN},
	  {'c', A, 101, 501, 0, CLOSING},
	  {'c', S, 8999, 0, 0, OPENING}},
	 2,
	 END_REASON_CAPTURE_END,
	 false,
	 9000,
	 0},
	{"a reset and a SYN that did not come to the server change nothing",
	 {HANDSHAKE,
	  {'c', A, 100, 500, 50, OPEN},
	  {'c', R, 150, 0, 0, CLOSING},
	  {'c', S, 119, 0, 0, CLOSING},
	  {'c', A, 120, 500, 30, CLOSING},
	  {'s', A, 500, 150, 0, CLOSING},
	  {'c', A, 150, 500, 20, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"a SYN on an open connection is not",
	 {HANDSHAKE, {'c', A, 100, 500, 50, OPEN}, {'c', S, 8999, 0, 0, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"unless the server answers it",
	 {HANDSHAKE,
	  {'c', A, 100, 500, 50, OPEN},
	  {'c', S, 8999, 0, 0, OPEN},
	  {'s', S | A, 699, 9000, 0, OPENING}},
	 2,
	 END_REASON_CAPTURE_END,
	 false,
	 9000,
	 700},
	{"the SYN-ACK sent again is no new flow",
	 {HANDSHAKE, {'s', S | A, 499, 100, 0, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"of two SYNs the last counts",
	 {{'c', S, 99, 0, 0, OPENING}, {'c', S, 8999, 0, 0, OPENING}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 9000,
	 0},
	{"unless the server answers the first",
	 {{'c', S, 99, 0, 0, OPENING},
	  {'c', S, 8999, 0, 0, OPENING},
	  {'s', S | A, 499, 100, 0, OPENING},
	  {'c', S, 7777, 0, 0, OPENING}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"a SYN with data that the server takes",
	 {{'c', S, 99, 0, 30, OPENING}, {'s', S | A, 499, 130, 0, OPENING}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"without the SYN the SYN-ACK tells all",
	 {{'s', S | A, 499, 100, 0, OPENING}, {'c', A, 100, 500, 0, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"data opens when the SYN-ACK was not captured",
	 {{'c', S, 99, 0, 0, OPENING}, {'c', A, 100, 500, 50, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 0},
	{"a SYN-ACK that answers no SYN is none",
	 {{'s', S | A, 499, 100, 0, OPENING},
	  {'c', S, 99, 0, 0, OPENING},
	  {'s', S | A, 499, 100, 0, OPENING},
	  {'c', A, 100, 500, 0, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"nor one of the client amid a connection",
	 {{'c', A, 100, 500, 0, OPEN},
	  {'s', A, 500, 100, 0, OPEN},
	  {'c', S | A, 150, 1499, 0, OPEN},
	  {'c', A, 100, 500, 50, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 true,
	 100,
	 500},
	{"midstream, client first",
	 {{'c', A, 100, 500, 50, OPEN}, {'s', A, 500, 150, 9, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 true,
	 100,
	 500},
	{"midstream, server first: the port tells",
	 {{'s', A, 500, 150, 9, OPEN}, {'c', A, 150, 509, 50, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 true,
	 150,
	 500},
	{"a lone reset is an end",
	 {{'s', R, 500, 0, 0, CLOSING}},
	 1,
	 END_REASON_RESET,
	 true,
	 0,
	 500},
	{"segments without ACK move nothing",
	 {{'c', 0, 8000, 0, 50, OPEN},
	  HANDSHAKE,
	  {'c', 0, 9000, 0, 70, OPEN},
	  {'c', A, 100, 500, 9, OPEN}},
	 1,
	 END_REASON_CAPTURE_END,
	 false,
	 100,
	 500},
	{"sequence numbers wrap",
	 {{'c', S, UINT32_MAX, 0, 0, OPENING},
	  {'s', S | A, UINT32_MAX - 1, 0, 0, OPENING},
	  {'c', A, 0, UINT32_MAX, 50, OPEN},
	  {'s', F | A, UINT32_MAX, 50, 20, OPEN},
	  {'c', F | A, 50, 20, 0, OPEN},
	  {'s', A, 20, 51, 0, CLOSING}},
	 1,
	 END_REASON_FIN,
	 false,
	 0,
	 UINT32_MAX},
};

static void tcp_states_follow_the_segments(void **state)
{
	struct bench *b = *state;

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		const struct row *row = &rows[r];
		struct flow *f = NULL;
		unsigned flows = 0;
		int64_t us;

		for (size_t i = 0; i < STEPS_MAX && row->steps[i].who != 0; i++) {
			const struct step *s = &row->steps[i];
			const struct packet p =
				tcp(s->who, s->flags, s->seq, s->ack, s->len);
			enum flow_state before;

			b->now += SECOND / 10;
			before = f == NULL ? OPEN : (enum flow_state)f->state;
			f = touch(b, &p);
			if (f->state != s->want)
				fail_msg("%s: step %zu: state %u", row->name, i,
					 f->state);
			assert_int_equal(b->touch.from_client, s->who == 'c');
			assert_int_equal(b->touch.ended,
					 s->want == CLOSING &&
						 (b->touch.is_new || before != CLOSING));
			flows += b->touch.is_new;
			while (flow_next_end(b->t, b->now, &us) != NULL)
				;
		}
		if (f == NULL || flows != row->flows) {
			fail_msg("%s: %u flows", row->name, flows);
			return;
		}
		assert_int_equal(f->midstream, row->midstream);
		assert_int_equal(f->client_isn, row->client_isn);
		assert_int_equal(f->server_isn, row->server_isn);
		assert_int_equal(flow_client_port(f), 50000);
		assert_int_equal(flow_client(f).b[15], 9);
		assert_int_equal(flow_server(f).b[15], 1);
		f = flow_next_end(b->t, INT64_MAX, &us);
		assert_non_null(f);
		if (f->end_reason != row->reason)
			fail_msg("%s: ended by %s", row->name,
				 end_reason_name((enum end_reason)f->end_reason));
		assert_null(flow_next_end(b->t, INT64_MAX, &us));
	}
}

/* The client answers a SYN that the server did not send, before it sends one. */
static void a_stray_answer_does_not_turn_the_ends(void **state)
{
	struct bench *b = *state;
	const struct packet stray = tcp('c', S | A, 777, 888, 0);
	const struct packet syn = tcp('c', S, 99, 0, 0);
	const struct packet answer = tcp('s', S | A, 499, 100, 0);
	struct flow *f = touch(b, &stray);

	assert_false(b->touch.from_client);
	assert_ptr_equal(touch(b, &syn), f);
	assert_true(b->touch.from_client);
	assert_ptr_equal(touch(b, &answer), f);
	assert_false(b->touch.from_client);
	assert_int_equal(flow_client(f).b[15], 9);
	assert_int_equal(f->client_isn, 100);
	assert_int_equal(f->server_isn, 500);
}

/* The same, and the server says that it knows of nothing. */
static void a_stray_answer_that_is_reset_neither(void **state)
{
	struct bench *b = *state;
	const struct packet stray = tcp('c', S | A, 777, 888, 0);
	const struct packet reset = tcp('s', R, 888, 0, 0);
	const struct packet syn = tcp('c', S, 99, 0, 0);
	const struct packet answer = tcp('s', S | A, 499, 100, 0);
	struct flow *f;

	(void)touch(b, &stray);
	(void)touch(b, &reset);
	assert_true(b->touch.ended);
	f = touch(b, &syn);
	assert_true(b->touch.is_new && b->touch.from_client);
	assert_ptr_equal(touch(b, &answer), f);
	assert_int_equal(f->client_isn, 100);
	assert_int_equal(f->server_isn, 500);
}

static void an_end_is_turned_where_ports_do_not_tell(void **state)
{
	struct bench *b = *state;
	struct packet p = tcp('s', A, 500, 100, 0);
	struct flow *f = touch(b, &p);

	assert_false(flow_turn(f));
	p.src_port = 25000;
	f = touch(b, &p);
	assert_true(b->touch.from_client);
	assert_true(flow_turn(f));
	assert_int_equal(flow_client(f).b[15], 9);
	assert_int_equal(f->server_isn, 500);
	assert_true(f->in.has_seq && !f->out.has_seq);
}

static void packets_and_bytes_are_counted_by_direction(void **state)
{
	struct bench *b = *state;
	const struct packet p[] = {
		tcp('c', 0, 1, 0, 10), /* counted out, then turned round with its flow */
		tcp('s', S, 99, 0, 0),
		tcp('c', S | A, 499, 100, 0),
		tcp('s', A, 100, 500, 1000),
	};
	struct flow *f = NULL;

	for (size_t i = 0; i < 4; i++)
		f = touch(b, &p[i]);
	assert_int_equal(flow_client_port(f), 443);
	assert_int_equal(flow_server_port(f), 50000);
	assert_int_equal(f->out.packets, 2);
	assert_int_equal(f->out.bytes, 40 + 1040);
	assert_int_equal(f->out.ttl, 57);
	assert_int_equal(f->out.next_seq, 1100);
	assert_int_equal(f->in.packets, 2);
	assert_int_equal(f->in.bytes, 50 + 40);
	assert_int_equal(f->in.ttl, 128);
	assert_int_equal(f->in.tcp_flags, S | A);
	assert_int_equal(f->first_frame, 1);
	assert_int_equal(f->last_frame, 4);
}

/* -- who opened it -------------------------------------------------------------------- */

static void without_a_syn_the_ports_tell_the_client(void **state)
{
	static const struct {
		uint8_t proto;
		uint16_t src_port, dst_port;
		bool source_is_client;
	} cases[] = {
		{IP_PROTO_UDP, 40000, 53, true},    {IP_PROTO_UDP, 53, 40000, false},
		{IP_PROTO_UDP, 123, 123, true},     {IP_PROTO_UDP, 40000, 50000, true},
		{IP_PROTO_TCP, 1433, 40000, false}, {IP_PROTO_TCP, 443, 8080, true},
		{IP_PROTO_UDP, 8443, 443, true},    {IP_PROTO_TCP, 5671, 1024, false},
		{IP_PROTO_ICMP, 8, 0, true},        {IP_PROTO_ICMP, 0, 2000, true},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int swap = 0; swap < 2; swap++) {
			struct packet p = udp((uint8_t)(10 + 2 * i), cases[i].src_port,
					      (uint8_t)(11 + 2 * i), cases[i].dst_port);
			struct addr src = p.src;

			if (swap == 1) {
				p.src = p.dst;
				p.dst = src;
				p.ip_len = 0;
			}
			p.ip_proto = cases[i].proto;
			p.tcp_flags = A;
			b->now += 400 * SECOND;
			while (flow_next_end(b->t, b->now, &(int64_t){0}) != NULL)
				;
			touch(b, &p);
			assert_true(b->touch.is_new);
			assert_int_equal(b->touch.from_client, cases[i].source_is_client);
			assert_int_equal(flow_client_port(b->touch.flow),
					 cases[i].source_is_client ? cases[i].src_port
								   : cases[i].dst_port);
		}
	}
}

/* -- records -------------------------------------------------------------------------- */

static void the_engines_bytes_start_at_zero_also_in_used_records(void **state)
{
	static const uint8_t zero[20];
	struct bench *b = *state;
	const struct packet p = udp(1, 1000, 2, 2000);
	int64_t us;

	for (int i = 0; i < 3; i++) {
		struct flow *f = touch(b, &p);

		assert_true(b->touch.is_new);
		assert_memory_equal(flow_extra(f), zero, sizeof(zero));
		memset(flow_extra(f), 0xee, sizeof(zero));
		assert_int_equal(f->out.packets + f->in.packets, 1);
		assert_non_null(flow_next_end(b->t, INT64_MAX, &us));
	}
	/* The bench holds at most 400 bytes a flow, of which the engine has 150. */
	assert_true(FLOW_RECORD_BYTES <= 208);
}

static void flow_ids_depend_on_time_and_tuple_alone(void **state)
{
	static const struct flow_cfg cfg = {.max_flows = 10, .seed = 12345};
	struct bench *b = *state;
	struct bench other = {.t = flow_table_create(&cfg), .now = START, .frame = 77};
	const struct packet p = udp(1, 1000, 2, 2000), back = udp(2, 2000, 1, 1000);
	uint64_t id = touch(b, &p)->id;

	assert_non_null(other.t);
	assert_int_equal(touch(&other, &back)->id, id);
	(void)flow_next_end(other.t, INT64_MAX, &(int64_t){0});
	other.now++;
	assert_int_not_equal(touch(&other, &p)->id, id);
	flow_table_destroy(other.t);
}

/* -- ends ------------------------------------------------------------------------------ */

static void each_state_has_its_time_out(void **state)
{
	struct bench *b = *state;
	const struct packet syn = tcp('c', S, 99, 0, 0);
	struct packet open = tcp('c', A, 99, 0, 10);
	struct packet reset = tcp('c', R, 99, 0, 0);
	const struct packet datagram = udp(1, 1000, 2, 2000);
	struct packet other = udp(1, 0, 2, 0);
	static const struct {
		int64_t after;
		enum end_reason reason;
		uint8_t proto;
	} want[] = {
		{10 * SECOND, END_REASON_RESET, IP_PROTO_TCP},
		{30 * SECOND, END_REASON_TIMEOUT, IP_PROTO_TCP},
		{30 * SECOND, END_REASON_TIMEOUT, 47},
		{60 * SECOND, END_REASON_TIMEOUT, IP_PROTO_UDP},
		{300 * SECOND, END_REASON_TIMEOUT, IP_PROTO_TCP},
	};

	open.dst_port = 444;
	reset.dst_port = 445;
	other.ip_proto = 47;
	other.has_l4 = false;
	touch(b, &open);
	touch(b, &datagram);
	touch(b, &syn);
	touch(b, &other);
	touch(b, &reset);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		int64_t us = 0;
		const struct flow *f;

		f = flow_next_end(b->t, START + want[i].after - 1, &us);
		assert_null(f);
		f = flow_next_end(b->t, START + want[i].after, &us);
		assert_non_null(f);
		assert_int_equal(us, START + want[i].after);
		assert_int_equal(f->end_reason, want[i].reason);
		assert_int_equal(f->key.ip_proto, want[i].proto);
		if (i == 1) /* the same moment: in the order of their last frames */
			assert_int_equal(f->last_frame, 3);
	}
}

/* Asking is telling: what is left at the end of a run ends behind the last frame. */
static void a_clock_without_packets_counts(void **state)
{
	struct bench *b = *state;
	const struct packet syn = tcp('c', S, 99, 0, 0);
	int64_t us = 0;

	touch(b, &syn);
	for (int64_t after = 0; after < 30; after++)
		assert_null(flow_next_end(b->t, START + after * SECOND, &us));
	assert_non_null(flow_next_end(b->t, INT64_MAX, &us));
	assert_int_equal(us, START + 29 * SECOND + 1);
}

static void a_packet_puts_the_end_off(void **state)
{
	struct bench *b = *state;
	const struct packet p = udp(1, 1000, 2, 2000);
	int64_t us;

	touch(b, &p);
	b->now += 59 * SECOND;
	touch(b, &p);
	assert_false(b->touch.is_new);
	assert_null(flow_next_end(b->t, START + 118 * SECOND, &us));
	assert_non_null(flow_next_end(b->t, START + 119 * SECOND, &us));
	assert_int_equal(us, START + 119 * SECOND);
}

static void times_that_go_back_do_not_disturb_the_order(void **state)
{
	struct bench *b = *state;
	const struct packet p = udp(1, 1000, 2, 2000), q = udp(1, 1000, 2, 2001);
	struct frame f = {.time_us = START, .clock_us = START, .number = 1};
	int64_t us;

	flow_touch(b->t, &p, &f, &b->touch);
	f = (struct frame){.time_us = START - 5 * SECOND, .clock_us = START, .number = 2};
	flow_touch(b->t, &q, &f, &b->touch);
	assert_int_equal(b->touch.flow->first_us, START - 5 * SECOND);
	assert_int_equal(flow_next_end(b->t, START + 60 * SECOND, &us)->last_frame, 1);
	assert_int_equal(us, START + 60 * SECOND);
	assert_int_equal(flow_next_end(b->t, START + 60 * SECOND, &us)->last_frame, 2);
	assert_int_equal(us, START + 60 * SECOND);
}

static void a_new_syn_gives_the_old_flow_out_at_its_own_time(void **state)
{
	struct bench *b = *state;
	const struct packet syn = tcp('c', S, 99, 0, 0),
			    reset = tcp('s', R | A, 0, 100, 0);
	const struct packet again = tcp('c', S, 99, 0, 0);
	struct flow *f;
	uint64_t id;
	int64_t us;

	id = touch(b, &syn)->id;
	touch(b, &reset);
	assert_true(b->touch.ended);
	b->now += SECOND;
	f = touch(b, &again);
	assert_true(b->touch.is_new);
	assert_int_equal(f->out.packets, 1);
	f = flow_next_end(b->t, b->now, &us);
	assert_non_null(f);
	assert_int_equal(us, b->now);
	assert_int_equal(f->id, id);
	assert_int_equal(f->end_reason, END_REASON_REFUSED);
	assert_int_equal(f->last_frame, 3);
	assert_null(flow_next_end(b->t, b->now, &us));
}

static void a_full_table_evicts_the_flow_longest_without_a_packet(void **state)
{
	static const struct flow_cfg cfg = {.max_flows = 3};
	struct bench b = {.t = flow_table_create(&cfg), .now = START};
	struct packet p[] = {udp(1, 1000, 2, 2000), udp(1, 1000, 2, 2001),
			     tcp('c', S, 99, 0, 0), udp(1, 1000, 2, 2003)};
	struct flow_stats stats;
	struct flow *f;
	int64_t us;

	(void)state;
	assert_non_null(b.t);
	for (int i = 0; i < 3; i++)
		touch(&b, &p[i]);
	touch(&b, &p[0]);
	touch(&b, &p[3]);
	f = flow_next_end(b.t, b.now, &us);
	assert_non_null(f);
	assert_int_equal(f->end_reason, END_REASON_EVICTED);
	assert_int_equal(f->key.high_port, 2001);
	assert_int_equal(us, b.now);
	assert_null(flow_next_end(b.t, b.now, &us));
	flow_table_stats(b.t, &stats);
	assert_int_equal(stats.created, 4);
	assert_int_equal(stats.ended, 1);
	assert_int_equal(stats.evicted, 1);
	assert_int_equal(stats.in_use, 3);
	flow_table_destroy(b.t);
}

/* A caller that never collects loses ends, and nothing else. */
static void ends_that_nobody_collects_do_no_harm(void **state)
{
	static const struct flow_cfg cfg = {.max_flows = 2};
	struct bench b = {.t = flow_table_create(&cfg), .now = START};
	struct flow_stats stats;
	int64_t us;
	unsigned given = 0;

	(void)state;
	assert_non_null(b.t);
	for (uint16_t port = 2000; port < 2100; port++) {
		const struct packet p = udp(1, 1000, 2, port);

		touch(&b, &p);
		assert_true(b.touch.is_new);
	}
	flow_table_stats(b.t, &stats);
	assert_int_equal(stats.in_use, 2);
	assert_int_equal(stats.evicted, 98);
	while (flow_next_end(b.t, INT64_MAX, &us) != NULL)
		given++;
	assert_in_range(given, 3, 6);
	flow_table_destroy(b.t);
}

/* -- the same ends from any number of tables -------------------------------------------- */

struct end {
	int64_t us;
	uint64_t frame, id;
	uint8_t reason;
	uint64_t packets;
};

#define ENDS_MAX 20000

struct merged {
	struct end ends[ENDS_MAX];
	size_t count;
};

static void collect(struct flow_table *t, int64_t clock_us, struct merged *m)
{
	const struct flow *f;
	int64_t us;

	while ((f = flow_next_end(t, clock_us, &us)) != NULL) {
		assert_true(m->count < ENDS_MAX);
		m->ends[m->count++] =
			(struct end){us, f->last_frame, f->id, f->end_reason,
				     f->out.packets + f->in.packets};
	}
}

static int by_time_and_frame(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	if (x->us != y->us)
		return x->us < y->us ? -1 : 1;
	return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* Few tuples and few moments, so that all kinds of ends meet at the same time. */
static struct packet random_packet(uint64_t random)
{
	static const uint8_t flags[] = {S, S | A, A, A, F | A, R, R | A, A};
	uint8_t client = (uint8_t)(random % 40);
	struct packet p =
		tcp((random >> 8) % 2 == 0 ? 'c' : 's', flags[(random >> 16) % 8],
		    100 + (uint32_t)(random >> 24) % 3,
		    100 + (uint32_t)(random >> 32) % 3, (random >> 40) % 2);

	if (p.src_port == 443)
		p.dst = host((uint8_t)(20 + client));
	else
		p.src = host((uint8_t)(20 + client));
	if (client % 4 == 0)
		p.ip_proto = IP_PROTO_UDP;
	if (client % 4 == 1)
		p.ip_proto = 47;
	return p;
}

static void replay(unsigned tables, struct merged *m)
{
	static const struct flow_cfg cfg = {
		.max_flows = 1000,
		.timeout_us = {2 * SECOND, 5 * SECOND, 1 * SECOND, 3 * SECOND,
			       2 * SECOND},
	};
	struct bench b[3] = {0};
	int64_t now = START;
	uint64_t random = 42;

	for (unsigned i = 0; i < tables; i++) {
		b[i].t = flow_table_create(&cfg);
		assert_non_null(b[i].t);
	}
	m->count = 0;
	for (uint64_t n = 1; n <= 50000; n++) {
		struct packet p;
		unsigned which;

		random = hash_u64(random + 0x9e3779b97f4a7c15u);
		p = random_packet(random);
		if ((random >> 48) % 16 == 0)
			now += SECOND / 2;
		which = (p.src_port == 443 ? p.dst.b[15] : p.src.b[15]) % tables;
		collect(b[which].t, now, m);
		b[which].now = now;
		b[which].frame = n - 1;
		touch(&b[which], &p);
		collect(b[which].t, now, m);
	}
	for (unsigned i = 0; i < tables; i++) {
		collect(b[i].t, now, m);
		collect(b[i].t, INT64_MAX, m);
		flow_table_destroy(b[i].t);
	}
}

static void one_two_and_three_tables_give_the_same_ends_in_the_same_order(void **state)
{
	static struct merged one, many;
	unsigned reasons = 0;

	(void)state;
	replay(1, &one);
	assert_true(one.count > 3000);
	for (size_t i = 0; i < one.count; i++)
		reasons |= 1u << one.ends[i].reason;
	assert_int_equal(reasons, 1u << END_REASON_FIN | 1u << END_REASON_RESET |
					  1u << END_REASON_REFUSED |
					  1u << END_REASON_TIMEOUT |
					  1u << END_REASON_CAPTURE_END);
	for (size_t i = 1; i < one.count; i++)
		assert_true(by_time_and_frame(&one.ends[i - 1], &one.ends[i]) < 0);
	for (unsigned tables = 2; tables <= 3; tables++) {
		replay(tables, &many);
		qsort(many.ends, many.count, sizeof(many.ends[0]), by_time_and_frame);
		assert_int_equal(many.count, one.count);
		for (size_t i = 0; i < one.count; i++) {
			assert_int_equal(many.ends[i].us, one.ends[i].us);
			assert_int_equal(many.ends[i].frame, one.ends[i].frame);
			assert_int_equal(many.ends[i].id, one.ends[i].id);
			assert_int_equal(many.ends[i].reason, one.ends[i].reason);
			assert_int_equal(many.ends[i].packets, one.ends[i].packets);
		}
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(tcp_states_follow_the_segments),
		CASE(a_stray_answer_does_not_turn_the_ends),
		CASE(a_stray_answer_that_is_reset_neither),
		CASE(an_end_is_turned_where_ports_do_not_tell),
		CASE(packets_and_bytes_are_counted_by_direction),
		CASE(without_a_syn_the_ports_tell_the_client),
		CASE(the_engines_bytes_start_at_zero_also_in_used_records),
		CASE(flow_ids_depend_on_time_and_tuple_alone),
		CASE(each_state_has_its_time_out),
		CASE(a_clock_without_packets_counts),
		CASE(a_packet_puts_the_end_off),
		CASE(times_that_go_back_do_not_disturb_the_order),
		CASE(a_new_syn_gives_the_old_flow_out_at_its_own_time),
		CASE(a_full_table_evicts_the_flow_longest_without_a_packet),
		CASE(ends_that_nobody_collects_do_no_harm),
		CASE(one_two_and_three_tables_give_the_same_ends_in_the_same_order),
	};

	return cmocka_run_group_tests_name("flow/table", tests, NULL, NULL);
}
