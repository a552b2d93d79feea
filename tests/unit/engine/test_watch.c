/* SPDX-License-Identifier: Apache-2.0 */
/* What the server takes of a client's bytes, as who only looks on can know it. */
#include "watch.h"

#include "initial.h"

/*
 * The handshake; the server's window is `window` << `scale`, no option where scale < 0.
 * `unseen`: FROM_CLIENT or FROM_SERVER, whose part the capture lacks; else -1.
 */
static void open_window_but(struct scene *s, int scale, unsigned window, int unseen)
{
	for (int server = 0; server < 2; server++) {
		if (unseen == (int)(server ? FROM_SERVER : FROM_CLIENT))
			continue;

		put_ends(&s->packet, &v4, server ? FROM_SERVER : FROM_CLIENT,
			 IP_PROTO_TCP);
		put32(&s->packet, server ? SERVER_FIRST - 1 : CLIENT_FIRST - 1);
		put32(&s->packet, server ? CLIENT_FIRST : 0);
		put16(&s->packet, (scale >= 0 ? 0x6000u : 0x5000u) | TCP_SYN |
					  (server ? TCP_ACK : 0u));
		put16(&s->packet, window);
		put32(&s->packet, 0);
		if (scale >= 0)
			put32(&s->packet, 0x01030300u | (unsigned)scale);
		build_end(&s->packet);
		see_packet(s);
	}
}

static void open_window(struct scene *s, int scale, unsigned window)
{
	open_window_but(s, scale, window, -1);
}

/* An acknowledgement with `window` in its header. */
static void acknowledge(struct scene *s, uint32_t taken, unsigned window)
{
	const struct segment g = {FROM_SERVER,          TCP_ACK, SERVER_FIRST,
				  CLIENT_FIRST + taken, NULL,    0};

	build_segment(&s->packet, &v4, &g);
	s->packet.b[20 + 14] = (uint8_t)(window >> 8);
	s->packet.b[20 + 15] = (uint8_t)window;
	build_end(&s->packet);
	see_packet(s);
}

static void assert_name(struct scene *s, const char *name, bool decoy)
{
	char host[64];

	worker_finish(s->w, s->now_us);
	(void)snprintf(host, sizeof(host), "\"host\":\"%s\"", name);
	assert_lines(s, "\"phase\":\"start\"", host, 1);
	assert_lines(s, "\"phase\":\"start\"", "\"decoy_ignored\"", decoy ? 1 : 0);
	assert_lines(s, "\"conflict\"", NULL, 0);
	end_watch(s);
}

/* The second half of another hello, where the server does not take it yet. */
static void bytes_beyond_the_window_are_not_taken(void **state)
{
	const size_t half = good.len / 2;

	(void)state;
	for (int scale = -1; scale < 3; scale++) {
		const unsigned shift = scale < 0 ? 0 : (unsigned)scale;
		struct scene *s = watch();

		open_window(s, scale, (unsigned)half - 1);
		see_client(s, &v4, (uint32_t)half, evil.b + half, evil.len - half);
		acknowledge(s, 0, (unsigned)((good.len >> shift) + 1));
		see_client(s, &v4, 0, good.b, half);
		see_client(s, &v4, (uint32_t)half, good.b + half, good.len - half);
		acknowledge(s, (uint32_t)good.len, 64240);
		assert_name(s, "good.example", true);
	}
}

/* The window reaches as far as the server ever said, scaled but for the one on its SYN. */
static void the_last_byte_of_the_window_is_taken(void **state)
{
	const size_t half = good.len / 2;

	(void)state;
	for (int scale = 0; scale < 3; scale++) {
		struct scene *s = watch();

		open_window(s, scale, (unsigned)half + 1);
		acknowledge(s, 0, 0);
		see_client(s, &v4, (uint32_t)half, good.b + half, good.len - half);
		see_client(s, &v4, 0, good.b, half);
		acknowledge(s, (uint32_t)good.len, 64240);
		assert_name(s, "good.example", false);
		s = watch();
		open_window(s, scale, 1);
		acknowledge(s, 0, (unsigned)(good.len >> scale));
		see_client(s, &v4, (uint32_t)(good.len >> scale << scale) - 1,
			   good.b + (good.len >> scale << scale) - 1,
			   good.len - (good.len >> scale << scale) + 1);
		see_client(s, &v4, 0, good.b, good.len);
		acknowledge(s, (uint32_t)good.len, 64240);
		assert_name(s, "good.example", false);
	}
}

/* RFC 9293 3.10.7.4: of a closed window nothing is taken, nor what begins behind an open one. */
static void bytes_at_the_edge_of_the_window_are_not_taken(void **state)
{
	(void)state;
	for (size_t before = 0; before < good.len; before += 50)
		for (size_t len = 1; before + len <= evil.len; len += 59)
			for (int open = 0; open < 2; open++) {
				const size_t at = before + (open ? 20 : 0);
				struct scene *s;

				if (at + len > evil.len)
					break;
				s = watch();
				open_window(s, 0, (unsigned)at);
				if (!open && before > 0) {
					see_client(s, &v4, 0, good.b, before);
					acknowledge(s, (uint32_t)before, 0);
				}
				see_client(s, &v4, (uint32_t)at, evil.b + at, len);
				acknowledge(s, open ? 0 : (uint32_t)before, 64240);
				see_client(s, &v4, open ? 0 : (uint32_t)before,
					   good.b + (open ? 0 : before),
					   good.len - (open ? 0 : before));
				acknowledge(s, (uint32_t)good.len, 64240);
				assert_name(s, "good.example", len > 1);
			}
}

/*
 * A probe of one new byte comes to a window that has been opened meanwhile (RFC 9293 3.8.6.1), and
 * the server's word of that passes behind it: the byte is part of the stream.
 */
static void a_probe_that_the_server_has_taken_counts(void **state)
{
	(void)state;
	for (uint32_t at = 1; at < good.len; at += 13)
		for (int again = 0; again < 3; again++) {
			struct scene *s = watch();

			open_window(s, 0, at);
			see_client(s, &v4, 0, good.b, at);
			acknowledge(s, at, 0);
			see_client(s, &v4, at, good.b + at, 1);
			if (again == 1) /* the server has it, whatever comes later */
				see_client(s, &v4, at, good.b + at, 1);
			acknowledge(s, at + 1, 64240);
			if (again == 2)
				see_client(s, &v4, at, "?", 1);
			see_client(s, &v4, at + 1, good.b + at + 1, good.len - at - 1);
			acknowledge(s, (uint32_t)good.len, 64240);
			assert_name(s, "good.example", false);
		}
}

/* Another probe in its place, or the byte of the segment that comes when the window is open. */
static void two_bytes_in_the_place_of_a_probe_are_a_conflict(void **state)
{
	const uint32_t at = (uint32_t)good.len - 20;

	(void)state;
	for (int probes = 1; probes < 3; probes++) {
		struct scene *s = watch();

		open_window(s, 0, at);
		see_client(s, &v4, 0, good.b, at);
		acknowledge(s, at, 0);
		see_client(s, &v4, at, "?", 1);
		if (probes == 2)
			see_client(s, &v4, at, good.b + at, 1);
		acknowledge(s, at + (probes == 2), 64240);
		see_client(s, &v4, at + (probes == 2), good.b + at + (probes == 2),
			   good.len - at - (probes == 2));
		see_server(s, &v4, 0, (uint32_t)good.len, "x", 1);
		assert_lines(s, "\"undecidable\":\"conflict\"", "\"more_candidates\"", 1);
		end_watch(s);
	}
}

/* How far a window reaches is not known where only half of the handshake tells of its scale. */
static void half_a_handshake_tells_no_wrong_window(void **state)
{
	static const struct {
		int unseen, scale;
		bool decoy; /* what begins behind the tenth byte is not taken */
	} rows[] = {
		{FROM_SERVER, 7, false}, /* the server may have agreed */
		{FROM_SERVER, -1, true}, /* it may not */
		{FROM_CLIENT, 7, false}, /* it has been asked, or it would not say so */
		{FROM_CLIENT, -1, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene *s = watch();

		open_window_but(s, rows[i].scale, 10, rows[i].unseen);
		acknowledge(s, 0, 10);
		see_client(s, &v4, 20, good.b + 20, good.len - 20);
		see_client(s, &v4, 0, good.b, rows[i].decoy ? good.len : 20);
		acknowledge(s, (uint32_t)good.len, 10);
		assert_name(s, "good.example", rows[i].decoy);
	}
}

/* A copy with other bytes counts only where the first had not been acknowledged. */
static void what_the_server_has_acknowledged_stays(void **state)
{
	const size_t half = good.len / 2;

	(void)state;
	for (int before = 0; before < 2; before++) {
		struct scene *s = watch();

		open_window(s, 7, 64240);
		see_client(s, &v4, 0, good.b, half);
		if (before)
			see_client(s, &v4, 0, evil.b + 200, half);
		acknowledge(s, (uint32_t)half, 64240);
		if (!before)
			see_client(s, &v4, 0, evil.b + 200, half);
		see_client(s, &v4, (uint32_t)half, good.b + half, good.len - half);
		acknowledge(s, (uint32_t)good.len, 64240);
		if (!before) {
			assert_name(s, "good.example", false);
			continue;
		}
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"phase\":\"start\"", "\"undecidable\":\"conflict\"", 1);
		end_watch(s);
	}
}

/* Neither a reset nor a FIN with a wrong checksum ends what we keep; with a right one it does. */
static void forged_ends_end_nothing(void **state)
{
	static const unsigned flags[] = {TCP_RST | TCP_ACK, TCP_RST, TCP_SYN};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const bool server = i >= 3;
		const unsigned ack = server && flags[i % 3] == TCP_SYN ? TCP_ACK : 0;
		const struct segment g = {server ? FROM_SERVER : FROM_CLIENT,
					  flags[i % 3] | ack,
					  server ? SERVER_FIRST : CLIENT_FIRST,
					  server ? CLIENT_FIRST : SERVER_FIRST,
					  NULL,
					  0};
		struct scene *s = watch();

		see_open(s, &v4);
		build_segment(&s->packet, &v4, &g);
		build_end(&s->packet);
		s->packet.b[20 + 17] ^= 1;
		see_packet(s);
		s->now_us += 20 * SECOND;
		see_client(s, &v4, 0, good.b, good.len);
		acknowledge(s, (uint32_t)good.len, 64240);
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"phase\":\"start\"", "\"good.example\"", 1);
		assert_lines(s, "\"phase\":\"start\"", "\"decoy_ignored\"", 1);
		assert_lines(s, "\"phase\":\"end\"", NULL, 1);
		assert_lines(s, "\"midstream\"", NULL, 0);
		end_watch(s);
	}
}

/* A ServerHello of TLS 1.2 that chose `alpn`, of one byte. */
static void put_choice(struct bytes *to, char alpn)
{
	to->len = 0;
	put_mem(to, "\x16\3\3\0\x34\2\0\0\x30\3\3", 11);
	put_fill(to, 7, 32);
	put_mem(to, "\0\xc0\x2f\0\0\x08\0\x10\0\4\0\2\1", 13);
	put_be(to, (uint8_t)alpn, 1);
}

/* What the client does not take tells no choice of the server: its words, and how they are spoilt. */
static void only_what_a_client_takes_tells_a_choice(void **state)
{
	enum how {
		FINE,
		SUM,
		RESET,
		NO_ACK,
		TOO_FAR,
		TOO_EARLY,
		HOWS
	};
	static struct bytes hello;

	(void)state;
	for (int how = FINE; how < HOWS; how++) {
		struct segment g = {FROM_SERVER,
				    how == RESET    ? TCP_ACK | TCP_RST
				    : how == NO_ACK ? TCP_PSH
						    : TCP_ACK,
				    SERVER_FIRST + (how == TOO_FAR ? 200000u : 0),
				    CLIENT_FIRST +
					    (how == TOO_EARLY ? 0 : (uint32_t)good.len),
				    NULL,
				    0};
		struct scene *s = watch();

		see_open(s, &v4);
		put_choice(&hello, 'D');
		g.data = hello.b;
		g.len = hello.len;
		if (how != TOO_EARLY)
			see_client(s, &v4, 0, good.b, good.len);
		build_segment(&s->packet, &v4, &g);
		build_end(&s->packet);
		if (how == SUM)
			s->packet.b[20 + 17] ^= 1;
		see_packet(s);
		if (how == TOO_EARLY)
			see_client(s, &v4, 0, good.b, good.len);
		see_server(s, &v4, 0, (uint32_t)good.len, NULL, 0);
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"good.example\"", NULL, 2);
		assert_lines(s, "\"phase\":\"end\"", "\"alpn_selected\":\"D\"",
			     how == FINE ? 1 : 0);
		assert_lines(s, "\"tls_selected\"", NULL, how == FINE ? 2 : 0);
		end_watch(s);
	}
}

/*
 * A reset that the server does not take (it has another number than is waited for, or dies on its way),
 * a SYN that it does not take, and by the numbers of that a hello in front of what it waits for.
 */
static void what_no_server_takes_begins_no_connection(void **state)
{
	(void)state;
	for (uint32_t off = 0; off < 2; off++)
		for (uint32_t said = 0; said < 2; said++) {
			const uint32_t half = said != 0 ? (uint32_t)good.len / 2 : 0;
			const uint32_t lie = CLIENT_FIRST + half - (uint32_t)evil.len;
			const struct segment forged[] = {
				{FROM_CLIENT, TCP_RST, CLIENT_FIRST + half + off, 0, NULL,
				 0},
				{FROM_CLIENT, TCP_SYN, lie - 1, 0, NULL, 0},
				{FROM_CLIENT, TCP_ACK, lie, SERVER_FIRST, evil.b,
				 evil.len},
			};
			struct scene *s = watch();

			see_open(s, &v4);
			see_client(s, &v4, 0, good.b, half);
			acknowledge(s, half, 64240);
			for (size_t i = 0; i < 3; i++)
				see(s, &v4, forged[i]);
			acknowledge(s, half, 64240);
			see_client(s, &v4, half, good.b + half, good.len - half);
			acknowledge(s, (uint32_t)good.len, 64240);
			assert_name(s, "good.example", false);
		}
}

/*
 * RFC 9293 3.10.7.4, fifth: until the client has acknowledged its SYN a server answers other
 * acknowledgements with a reset; later it takes the bytes that come with an old one.
 */
static void who_has_not_acknowledged_the_syn_says_nothing(void **state)
{
	static const uint32_t before[] = {1, 5, 60000, 0x40000001u, 0x7fffffffu};

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		for (int how = 0; how < 3; how++) {
			struct segment g = {FROM_CLIENT,  TCP_ACK,
					    CLIENT_FIRST, SERVER_FIRST - before[i],
					    evil.b,       evil.len};
			struct scene *s = watch();

			see_open(s, &v4);
			if (how == 2) { /* a stray one does not speak for it */
				g.len = 0;
				see(s, &v4, g);
				g.len = evil.len;
			}
			if (how > 0)
				see_client(s, &v4, 0, NULL, 0);
			see(s, &v4, g);
			see_client(s, &v4, 0, good.b, good.len);
			acknowledge(s, (uint32_t)good.len, 64240);
			if (how == 0) {
				assert_name(s, "good.example", true);
				continue;
			}
			worker_finish(s->w, s->now_us);
			assert_lines(s, "\"phase\":\"start\"",
				     "\"undecidable\":\"conflict\"", 1);
			end_watch(s);
		}
}

/* ---- a second hello of QUIC ------------------------------------------------------------------- */

enum sum {
	SUM_GOOD,
	SUM_BAD,
	SUM_PARTIAL, /* a network card is to complete it */
	SUM_NONE
};

static void see_datagram_of(struct scene *s, enum side side, enum sum sum,
			    const void *data, size_t len)
{
	uint8_t *const b = s->packet.b;

	build_datagram(&s->packet, &quic, side, data, len);
	build_end(&s->packet);
	if (sum == SUM_BAD)
		b[20 + 7] ^= 1;
	else if (sum == SUM_PARTIAL)
		set16(&s->packet, 20 + 6,
		      build_sum(b + 12, 8, (uint32_t)(IP_PROTO_UDP + 8 + len)));
	else if (sum == SUM_NONE)
		set16(&s->packet, 20 + 6, 0);
	see_packet(s);
}

/* Datagrams with a wrong checksum, where the client's are right, come to nobody. */
static void a_datagram_with_a_wrong_checksum_is_not_taken(void **state)
{
	static const uint8_t other[8] = {9, 9, 9, 9, 9, 9, 9, 9};
	static struct bytes real, decoy;
	enum sum all;

	(void)state;
	make_initial(&real, &good, 0, 0, 0);
	for (int same = 0; same < 2; same++)
		for (int first = 0; first < 2; first++) {
			struct scene *s = watch();

			make_initial_of(&decoy, same ? dcid : other, &evil, 1, 0, 0);
			for (int i = 0; i < 2; i++)
				if (i == first)
					see_datagram_of(s, FROM_CLIENT, SUM_BAD, decoy.b,
							decoy.len);
				else
					see_datagram(s, &quic, FROM_CLIENT, real.b,
						     real.len);
			see_datagram(s, &quic, FROM_SERVER, "@234567890123456789012345",
				     25);
			assert_name(s, "good.example", true);
		}
	/* Where all are wrong, or their cards complete them, they are the client's. */
	for (all = SUM_GOOD; all <= SUM_NONE; all++) {
		struct scene *s = watch();

		make_initial(&real, &good, 0, 0, 100);
		see_datagram_of(s, FROM_CLIENT, all, real.b, real.len);
		make_initial(&real, &good, 1, 100, 0);
		see_datagram_of(s, FROM_CLIENT, all, real.b, real.len);
		see_datagram(s, &quic, FROM_SERVER, "@234567890123456789012345", 25);
		assert_name(s, "good.example", false);
	}
}

/* Who sends beside his system's own datagrams does not make those wrong. */
static void a_right_checksum_makes_no_other_wrong(void **state)
{
	static const uint8_t other[8] = {9, 9, 9, 9, 9, 9, 9, 9};
	static struct bytes real, decoy;

	(void)state;
	make_initial(&real, &good, 0, 0, 0);
	make_initial_of(&decoy, other, &evil, 1, 0, 0);
	for (enum sum own = SUM_PARTIAL; own <= SUM_NONE; own++)
		for (int first = 0; first < 2; first++) {
			struct scene *s = watch();

			for (int i = 0; i < 2; i++)
				if (i == first)
					see_datagram(s, &quic, FROM_CLIENT, decoy.b,
						     decoy.len);
				else
					see_datagram_of(s, FROM_CLIENT, own, real.b,
							real.len);
			see_datagram(s, &quic, FROM_SERVER, "@234567890123456789012345",
				     25);
			worker_finish(s->w, s->now_us);
			assert_lines(s, "\"phase\":\"start\"",
				     "\"undecidable\":\"conflict\"", 1);
			end_watch(s);
		}
}

/* The same over TCP. */
static void a_checksum_that_a_card_completes_is_the_clients(void **state)
{
	struct scene *s = watch();
	const struct segment g = {FROM_CLIENT,  TCP_ACK, CLIENT_FIRST,
				  SERVER_FIRST, good.b,  good.len};

	(void)state;
	see_open(s, &v4); /* by somebody who writes his own packets */
	build_segment(&s->packet, &v4, &g);
	build_end(&s->packet);
	set16(&s->packet, 20 + 16,
	      build_sum(s->packet.b + 12, 8, (uint32_t)(IP_PROTO_TCP + 20 + good.len)));
	see_packet(s);
	see_client(s, &v4, 0, evil.b, evil.len);
	acknowledge(s, (uint32_t)good.len, 64240);
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"phase\":\"start\"", "\"undecidable\":\"conflict\"", 1);
	end_watch(s);
}

static void a_second_hello_of_quic_is_compared(void **state)
{
	static const struct {
		const struct bytes *second;
		size_t until; /* so many bytes of it were seen */
		const char *want;
	} rows[] = {
		{&good, 0, "\"host\":\"good.example\""},
		{&evil, 0, "\"candidates\":[\"good.example\",\"evil.example\"]"},
		{&evil, 50, "\"undecidable\":\"incomplete\""},
	};
	static struct bytes d;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct bytes *h = rows[i].second;
		struct scene *s = watch();

		make_initial(&d, &good, 0, 0, 0);
		see_datagram(s, &quic, FROM_CLIENT, d.b, d.len);
		make_crypto(&d, true, 0, 0, retry_message, sizeof(retry_message) - 1);
		see_datagram(s, &quic, FROM_SERVER, d.b, d.len);
		make_crypto(&d, false, 1, good.len - 5, h->b + 5,
			    rows[i].until > 0 ? rows[i].until : h->len - 5);
		see_datagram(s, &quic, FROM_CLIENT, d.b, d.len);
		see_datagram(s, &quic, FROM_SERVER, "@234567890123456789012345", 25);
		assert_lines(s, "\"phase\":\"start\"", rows[i].want, 1);
		end_watch(s);
	}
}

/* Two contents of its CRYPTO bytes, before the server has answered. */
static void another_hello_of_quic_in_its_place_is_a_conflict(void **state)
{
	static struct bytes d;
	struct scene *s = watch();

	(void)state;
	make_initial(&d, &good, 0, 0, 0);
	see_datagram(s, &quic, FROM_CLIENT, d.b, d.len);
	make_initial(&d, &evil, 1, 0, 0);
	see_datagram(s, &quic, FROM_CLIENT, d.b, d.len);
	see_datagram(s, &quic, FROM_SERVER, "@234567890123456789012345", 25);
	assert_lines(s, "\"undecidable\":\"conflict\"",
		     "\"candidates\":[\"good.example\",\"evil.example\"]", 1);
	end_watch(s);
}

/* ---- time stamps (RFC 7323) -------------------------------------------------------------------- */

static void see_stamped(struct scene *s, struct segment g, uint32_t stamp, uint32_t echo)
{
	put_ends(&s->packet, &v4, g.side, IP_PROTO_TCP);
	put32(&s->packet, g.seq);
	put32(&s->packet, g.ack);
	put16(&s->packet, 0x8000 | g.flags);
	put16(&s->packet, 64240);
	put32(&s->packet, 0);
	put32(&s->packet, 0x0101080a);
	put32(&s->packet, stamp);
	put32(&s->packet, echo);
	if (g.len > 0)
		put(&s->packet, g.data, g.len);
	build_end(&s->packet);
	see_packet(s);
}

static void stamped_client(struct scene *s, uint32_t at, const void *data, size_t len,
			   uint32_t stamp)
{
	see_stamped(s,
		    (struct segment){FROM_CLIENT, TCP_ACK, CLIENT_FIRST + at,
				     SERVER_FIRST, data, len},
		    stamp, 1);
}

static void stamped_server(struct scene *s, uint32_t taken, uint32_t echo,
			   const char *text)
{
	see_stamped(s,
		    (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST,
				     CLIENT_FIRST + taken, text, strlen(text)},
		    1, echo);
}

/* The SYN of stamp 100 is the one that the server has got, whatever others were sent. */
static void open_stamped(struct scene *s, bool another)
{
	const struct segment syn = {FROM_CLIENT, TCP_SYN, CLIENT_FIRST - 1, 0, NULL, 0};

	see_stamped(s, syn, 100, 0);
	if (another)
		see_stamped(s, syn, 100000, 0);
	see_stamped(s,
		    (struct segment){FROM_SERVER, TCP_SYN | TCP_ACK, SERVER_FIRST - 1,
				     CLIENT_FIRST, NULL, 0},
		    1, 100);
}

/* What was sent with a newer stamp may never have come: the server has not echoed it. */
static void a_stamp_that_the_server_did_not_echo_makes_nothing_old(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		const size_t half = good.len / 2;
		struct scene *s = watch();

		open_stamped(s, how == 1);
		if (how == 0) /* at the left edge of the window */
			stamped_client(s, 0, good.b, good.len, 90000);
		else if (how == 1) /* the SYN */
			stamped_client(s, 0, good.b, good.len, 100001);
		else /* beyond it */
			stamped_client(s, (uint32_t)half, good.b + half, good.len - half,
				       90000);
		stamped_client(s, 0, evil.b, evil.len, 200);
		if (how == 3) /* the rest of the first */
			stamped_client(s, 0, good.b, half, 90000);
		stamped_server(s, (uint32_t)good.len, 200, "x");
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"phase\":\"start\"", "\"undecidable\":\"conflict\"", 1);
		assert_lines(s, "\"phase\":\"start\"", "\"evil.example\"", 1);
		end_watch(s);
	}
}

/*
 * Linux takes a stamp that is one tick old, and all take any where the newest is 0, as in a SYN of
 * some systems: what comes like that may be the real one.
 */
static void a_stamp_that_servers_take_is_not_ignored(void **state)
{
	(void)state;
	for (int zero = 0; zero < 2; zero++) {
		const uint32_t newest = zero ? 0 : 200;
		const uint32_t stamp = zero ? 0x90000000u : 199;
		struct segment g = {FROM_CLIENT, TCP_SYN, CLIENT_FIRST - 1, 0, NULL, 0};
		struct scene *s = watch();

		see_stamped(s, g, newest, 0);
		g = (struct segment){FROM_SERVER,
				     TCP_SYN | TCP_ACK,
				     SERVER_FIRST - 1,
				     CLIENT_FIRST,
				     NULL,
				     0};
		see_stamped(s, g, 1, newest);
		stamped_client(s, 0, good.b, good.len, stamp);
		stamped_client(s, 0, evil.b, evil.len, newest + 1);
		stamped_server(s, (uint32_t)good.len, newest, "x");
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"phase\":\"start\"", "\"undecidable\":\"conflict\"", 1);
		assert_lines(s, "\"phase\":\"start\"",
			     "\"candidates\":[\"evil.example\",\"good.example\"]", 1);
		end_watch(s);
	}
}

/* The newest that it has echoed counts. */
static void what_is_older_than_the_servers_echo_is_ignored(void **state)
{
	const size_t half = good.len / 2;

	(void)state;
	for (uint32_t stamp = 198; stamp <= 199; stamp++) {
		struct scene *s = watch();

		open_stamped(s, false);
		stamped_client(s, 0, good.b, half, 200);
		stamped_server(s, (uint32_t)half, 200, "");
		stamped_client(s, (uint32_t)half, evil.b + half, evil.len - half, stamp);
		stamped_client(s, (uint32_t)half, good.b + half, good.len - half, 201);
		stamped_server(s, (uint32_t)good.len, 201, "x");
		if (stamp < 199) {
			assert_name(s, "good.example", true);
			continue;
		}
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"phase\":\"start\"", "\"undecidable\":\"conflict\"", 1);
		end_watch(s);
	}
}

/* ---- the hello after a HelloRetryRequest ------------------------------------------------------- */

#define RETRY                                                              \
	"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03"                     \
	"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" \
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
#define RETRY_LEN (sizeof(RETRY) - 1)

static struct bytes keen; /* good.example, then early data */
static uint32_t keen_hello;

static void make_keen(void)
{
	make_hello_with(&keen, "good.example", 100, true);
	keen_hello = (uint32_t)keen.len;
	put_mem(&keen, "\x14\x03\x02\x00\x01\x01", 6); /* versions that servers ignore */
	put_be(&keen, 0x177f1c, 3);
	put_be(&keen, 700, 2);
	put_fill(&keen, 0xee, 700);
}

/* Hello and `with` of the early data in one segment, the rest of `before` in another. */
static void check_keen(uint32_t with, uint32_t before, const struct bytes *second)
{
	const uint32_t all = (uint32_t)keen.len;
	struct scene *s = watch();

	see_open(s, &v4);
	see_client(s, &v4, 0, keen.b, keen_hello + with);
	if (before > with)
		see_client(s, &v4, keen_hello + with, keen.b + keen_hello + with,
			   before - with);
	see_server(s, &v4, 0, keen_hello, RETRY, RETRY_LEN);
	if (keen_hello + before < all)
		see_client(s, &v4, keen_hello + before, keen.b + keen_hello + before,
			   all - keen_hello - before);
	assert_lines(s, "\"phase\":\"start\"", NULL, 0);
	see_client(s, &v4, all, second->b, second->len);
	see_server(s, &v4, RETRY_LEN, all + (uint32_t)second->len, "x", 1);
	if (second == &good)
		assert_lines(s, "\"phase\":\"start\"", "\"host\":\"good.example\"", 1);
	else
		assert_lines(s, "\"undecidable\":\"malformed_hello\"",
			     "\"candidates\":[\"good.example\",\"evil.example\"]", 1);
	assert_lines(s, "\"conflict\"", NULL, 0);
	end_watch(s);
}

static void early_data_in_front_of_a_second_hello_is_skipped(void **state)
{
	uint32_t early;

	(void)state;
	make_keen();
	early = (uint32_t)keen.len - keen_hello;
	for (uint32_t with = 0; with <= early; with += with < 20 ? 1 : 71)
		for (uint32_t before = with; before <= early;
		     before += before < 20 ? 1 : 71) {
			check_keen(with, before, &good);
			check_keen(with, before, &evil);
		}
}

/* The record may be a decoy, in whose place the server gets the second hello. */
static void other_bytes_in_the_place_of_early_data_are_a_conflict(void **state)
{
	(void)state;
	make_keen();
	for (int asked = 0; asked < 3; asked++) {
		struct scene *s = watch();

		see_open(s, &v4);
		see_client(s, &v4, 0, keen.b, keen_hello);
		if (asked == 1)
			see_server(s, &v4, 0, keen_hello, RETRY, RETRY_LEN);
		see_client(s, &v4, keen_hello, keen.b + keen_hello, 300);
		if (asked == 0)
			see_server(s, &v4, 0, keen_hello, RETRY, RETRY_LEN);
		see_client(s, &v4, keen_hello, evil.b, evil.len);
		if (asked == 2)
			see_server(s, &v4, 0, keen_hello, RETRY, RETRY_LEN);
		see_server(s, &v4, RETRY_LEN, keen_hello + (uint32_t)evil.len, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"undecidable\":\"conflict\"", "\"phase\":\"start\"", 1);
		assert_lines(
			s,
			asked == 2 ? "\"candidates\":[\"good.example\",\"evil.example\"]"
				   : "\"candidates\":[\"evil.example\",\"good.example\"]",
			"\"phase\":\"start\"", 1);
		end_watch(s);
	}
	/* A server that takes the first hello is asked for one host. */
	struct scene *s = watch();

	see_open(s, &v4);
	see_client(s, &v4, 0, keen.b, keen_hello);
	see_client(s, &v4, keen_hello, keen.b + keen_hello, 300);
	see_client(s, &v4, keen_hello, evil.b, evil.len);
	see_server(s, &v4, 0, keen_hello, "x", 1);
	assert_lines(s, "\"host\":\"good.example\"", "\"phase\":\"start\"", 1);
	assert_lines(s, "\"conflict\"", NULL, 0);
	end_watch(s);
}

static void a_second_hello_in_a_tunnel_is_compared(void **state)
{
	static const char tunnel[] = "CONNECT good.example:443 HTTP/1.1\r\n\r\n";
	static const char made[] = "HTTP/1.1 200 OK\r\n\r\n";
	static struct bytes all;
	const uint32_t len = sizeof(made) - 1;

	(void)state;
	all.len = 0;
	put_mem(&all, tunnel, sizeof(tunnel) - 1);
	put_mem(&all, good.b, good.len);
	for (int bad = 0; bad < 2; bad++) {
		const struct bytes *second = bad ? &evil : &good;
		const uint32_t at = (uint32_t)all.len;
		struct scene *s = watch();

		see_open(s, &v4);
		see_client(s, &v4, 0, all.b, all.len);
		see_server(s, &v4, 0, at, made, len);
		see_server(s, &v4, len, at, RETRY, RETRY_LEN);
		assert_lines(s, "\"phase\":\"start\"", NULL, 0);
		see_client(s, &v4, at, second->b, second->len);
		see_server(s, &v4, len + RETRY_LEN, at + (uint32_t)second->len, "x", 1);
		assert_lines(s, "\"phase\":\"start\"",
			     bad ? "\"candidates\":[\"good.example\",\"evil.example\"]"
				 : "\"host\":\"good.example\"",
			     1);
		end_watch(s);
	}
}

static void check_carried(const struct tls_carrier *c, bool bad, size_t most)
{
	const struct bytes *second = bad ? &evil : &good;
	static struct bytes hello, ask, again;
	uint32_t at = 0, said = 0;
	struct scene *s = watch();

	see_open(s, &v4);
	for (size_t i = 0; i < c->turns; i++) {
		see_client(s, &v4, at, c->client[i], c->client_len[i]);
		at += (uint32_t)c->client_len[i];
		see_server(s, &v4, said, at, c->server[i], c->server_len[i]);
		said += (uint32_t)c->server_len[i];
	}
	carry(&hello, c, good.b, good.len, most);
	carry(&ask, c, RETRY, RETRY_LEN, 4096);
	carry(&again, c, second->b, second->len, most);
	see_client(s, &v4, at, hello.b, hello.len);
	at += (uint32_t)hello.len;
	see_server(s, &v4, said, at, ask.b, ask.len);
	assert_lines(s, "\"phase\":\"start\"", NULL, 0);
	see_client(s, &v4, at, again.b, 100);
	see_client(s, &v4, at + 100, again.b + 100, again.len - 100);
	see_server(s, &v4, said + (uint32_t)ask.len, at + (uint32_t)again.len, "x", 1);
	assert_lines(s, "\"phase\":\"start\"",
		     bad ? "\"candidates\":[\"good.example\",\"evil.example\"]"
			 : "\"host\":\"good.example\"",
		     1);
	assert_lines(s, "\"undecidable\":\"malformed_hello\"", "\"phase\":\"start\"",
		     bad);
	end_watch(s);
}

static void a_second_hello_amid_another_protocol_is_compared(void **state)
{
	(void)state;
	for (size_t i = 0; i < CARRIERS_OF_TLS; i++)
		for (int bad = 0; bad < 2; bad++) {
			check_carried(&carriers[i], bad, 4096);
			check_carried(&carriers[i], bad, 90);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_with_a_wrong_checksum_is_not_taken),
		cmocka_unit_test(a_right_checksum_makes_no_other_wrong),
		cmocka_unit_test(a_checksum_that_a_card_completes_is_the_clients),
		cmocka_unit_test(a_second_hello_of_quic_is_compared),
		cmocka_unit_test(another_hello_of_quic_in_its_place_is_a_conflict),
		cmocka_unit_test(bytes_beyond_the_window_are_not_taken),
		cmocka_unit_test(the_last_byte_of_the_window_is_taken),
		cmocka_unit_test(bytes_at_the_edge_of_the_window_are_not_taken),
		cmocka_unit_test(a_probe_that_the_server_has_taken_counts),
		cmocka_unit_test(two_bytes_in_the_place_of_a_probe_are_a_conflict),
		cmocka_unit_test(half_a_handshake_tells_no_wrong_window),
		cmocka_unit_test(what_the_server_has_acknowledged_stays),
		cmocka_unit_test(forged_ends_end_nothing),
		cmocka_unit_test(only_what_a_client_takes_tells_a_choice),
		cmocka_unit_test(what_no_server_takes_begins_no_connection),
		cmocka_unit_test(who_has_not_acknowledged_the_syn_says_nothing),
		cmocka_unit_test(a_stamp_that_the_server_did_not_echo_makes_nothing_old),
		cmocka_unit_test(what_is_older_than_the_servers_echo_is_ignored),
		cmocka_unit_test(a_stamp_that_servers_take_is_not_ignored),
		cmocka_unit_test(early_data_in_front_of_a_second_hello_is_skipped),
		cmocka_unit_test(other_bytes_in_the_place_of_early_data_are_a_conflict),
		cmocka_unit_test(a_second_hello_in_a_tunnel_is_compared),
		cmocka_unit_test(a_second_hello_amid_another_protocol_is_compared),
	};

	return cmocka_run_group_tests(tests, prepare, tidy);
}
