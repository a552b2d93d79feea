/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"

#include "capture/source.h"
#include "decode/decode.h"

#define TALKS_MAX 64

/* ---- out of captures ---------------------------------------------------------------------- */

/* The connection from `client_port` to `port`; 0 = the first in which somebody speaks. */
struct recorded {
	const char *file;
	uint16_t port, client_port;
	uint8_t turns;
};

static const struct recorded recorded[] = {
	{"chromium_tcp_1", 443, 0, 1},
	{"chromium_tcp_3", 443, 0, 1},
	{"chromium_ech_doh", 443, 34406, 1},
	{"chromium_ech_doh", 8453, 42456, 1},
	{"firefox_tcp", 443, 0, 1},
	{"curl_h1_tls12", 443, 0, 1},
	{"curl_h2_tls13", 443, 0, 1},
	{"curl_longname87", 443, 0, 1},
	{"wget_gnutls", 443, 0, 1},
	{"gnutls_cli", 443, 0, 1},
	{"go119", 443, 0, 1},
	{"node20_https", 443, 0, 1},
	{"node26_mlkem", 443, 0, 1},
	{"python311", 443, 0, 1},
	{"openssl_nosni", 443, 0, 1},
	{"openssl_sclient", 443, 0, 1},
	{"swaks_smtps_465", 465, 0, 1},
	{"dot_kdig", 853, 0, 1},
	{"curl_http1", 80, 0, 1},
	{"curl_h2c", 80, 0, 1},
	{"curl_proxy_connect", 3128, 0, 3},
	{"curl_smtp_starttls", 587, 0, 5},
	{"swaks_plain_25", 25, 0, 4},
	{"tsql_encrypt_require", 1433, 0, 3},
	{"tsql_plain", 1433, 0, 3},
	{"tedious_tds7_plain", 1433, 0, 3},
	{"tedious_tds8_strict", 1433, 0, 2},
};

struct reader {
	struct talk *to;
	const struct recorded *what;
	struct addr client;
	uint16_t client_port;
	bool found, server_last;
	bool has_next[2];
	uint32_t next[2]; /* sequence numbers, by from_client */
};

static void fail(const char *file, const char *why)
{
	(void)fprintf(stderr, "tests/captures/real/%s.pcap: %s\n", file, why);
	abort();
}

/* The answer's bytes up to what is kept of one; a new turn with the client's next. */
static bool add_bytes(struct reader *r, bool from_client, const uint8_t *data, size_t len)
{
	struct talk *t = r->to;
	struct turn *now;

	if (t->turn_count == 0 || (from_client && r->server_last)) {
		if (t->turn_count == r->what->turns)
			return false;
		t->turns[t->turn_count++] =
			(struct turn){(uint32_t)t->client.len, (uint32_t)t->server.len};
	}
	r->server_last = !from_client;
	now = &t->turns[t->turn_count - 1];
	if (from_client) {
		if (len > TALK_CLIENT_MAX - t->client.len)
			len = TALK_CLIENT_MAX - t->client.len;
		put_mem(&t->client, data, len);
	} else {
		const uint32_t before =
			t->turn_count > 1 ? t->turns[t->turn_count - 2].server_end : 0;
		const size_t room = TALK_ANSWER_MAX - (t->server.len - before);

		put_mem(&t->server, data, len < room ? len : room);
	}
	now->client_end = (uint32_t)t->client.len;
	now->server_end = (uint32_t)t->server.len;
	return true;
}

static bool is_of(struct reader *r, const struct packet *p, bool *ret_from_client)
{
	const bool from_client = p->dst_port == r->what->port;
	const struct addr *client = from_client ? &p->src : &p->dst;
	const uint16_t port = from_client ? p->src_port : p->dst_port;

	if (!from_client && p->src_port != r->what->port)
		return false;
	if (r->what->client_port != 0 && port != r->what->client_port)
		return false;
	if (!r->found) {
		r->found = true;
		r->client = *client;
		r->client_port = port;
	}
	*ret_from_client = from_client;
	return port == r->client_port && addr_equal(client, &r->client);
}

/* False: enough. */
static bool read_packet(struct reader *r, const struct packet *p)
{
	bool from_client;

	if (p->ip_proto != IP_PROTO_TCP || !p->has_l4 || p->payload_len == 0 ||
	    !is_of(r, p, &from_client))
		return true;
	if (!r->has_next[from_client])
		r->next[from_client] = p->seq;
	r->has_next[from_client] = true;
	if (p->seq != r->next[from_client]) {
		if ((int32_t)(p->seq - r->next[from_client]) > 0)
			fail(r->what->file, "the recorded stream has a hole");
		return true;
	}
	r->next[from_client] += (uint32_t)p->payload_len;
	return add_bytes(r, from_client, p->payload, p->payload_len);
}

static void load_recorded(struct talk *t, const struct recorded *what)
{
	const struct decode_cfg cfg = {.fragments_max = 16};
	struct reader r = {.to = t, .what = what};
	struct source_clock clock = {0, 0};
	char path[256], error[SOURCE_ERROR_MAX];
	struct decoder *d = decoder_create(&cfg);
	struct source *s;
	struct packet p;
	struct frame f;

	(void)snprintf(path, sizeof(path), "tests/captures/real/%s.pcap", what->file);
	s = source_open_file(path, &clock, error);
	if (s == NULL || d == NULL)
		fail(what->file, s == NULL ? error : "out of memory");
	t->name = what->file;
	t->port = what->port;
	while (source_read(s, &f) == SOURCE_FRAME)
		if (decode_frame(d, &f, &p) == DECODE_OK && !read_packet(&r, &p))
			break;
	if (t->client.len == 0)
		fail(what->file, "no client says anything in this connection");
	source_close(s);
	decoder_destroy(d);
}

/* ---- put together --------------------------------------------------------------------------- */

static struct talk *begin(struct talk *t, const char *name, uint16_t port)
{
	t->name = name;
	t->port = port;
	return t;
}

/* A turn ends here. */
static void end_turn(struct talk *t, const char *answer)
{
	put_text(&t->server, answer);
	t->turns[t->turn_count++] =
		(struct turn){(uint32_t)t->client.len, (uint32_t)t->server.len};
}

static void make_message(struct bytes *message, const char *name, size_t pad)
{
	static struct bytes extensions;

	extensions.len = message->len = 0;
	put_be(&extensions, 21, 2);
	put_be(&extensions, pad, 2);
	put_fill(&extensions, 0, pad);
	put_quic_needs(&extensions);
	put_sni(&extensions, name, strlen(name));
	put_hello(message, &extensions);
}

/* In records of at most `size` bytes of the message. */
static void put_hello_for(struct bytes *to, const char *name, size_t pad, size_t size)
{
	static struct bytes message;

	make_message(&message, name, pad);
	put_records(to, &message, size);
}

/* The record that asks for another hello: RFC 8446 4.1.3 gives the random. */
static void put_hello_retry(struct bytes *to)
{
	static const uint8_t random[32] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
		0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
		0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
	static struct bytes message;

	message.len = 0;
	put_be(&message, 0x0303, 2);
	put_mem(&message, random, sizeof(random));
	put_be(&message, 0, 1);
	put_be(&message, 0x1301, 2);
	put_be(&message, 0, 1);
	put_be(&message, 12, 2); /* extensions */
	put_be(&message, 43, 2);
	put_be(&message, 2, 2);
	put_be(&message, 0x0304, 2);
	put_be(&message, 51, 2);
	put_be(&message, 2, 2);
	put_be(&message, 23, 2);
	put_be(to, 22, 1);
	put_be(to, 0x0303, 2);
	put_be(to, 4 + message.len, 2);
	put_be(to, 2, 1);
	put_be(to, message.len, 3);
	put_mem(to, message.b, message.len);
}

static size_t make_hellos(struct talk *t)
{
	struct talk *first = t;

	begin(t, "records of 1", 443);
	put_hello_for(&t->client, "good.example", 20, 1);
	end_turn(t++, "answer");
	begin(t, "records of 100", 443);
	put_hello_for(&t->client, "evil.example", 700, 100);
	end_turn(t++, "answer");
	begin(t, "hello of 9 KB", 443);
	put_hello_for(&t->client, "good.example", 9000, 16384);
	end_turn(t++, "answer");
	begin(t, "record of an odd version", 443);
	put_hello_for(&t->client, "good.example", 100, 16384);
	memcpy(t->client.b + 1, "\1\1", 2); /* servers ignore it: RFC 8446 5.1 */
	end_turn(t++, "answer");
	begin(t, "hello and early data", 443);
	put_hello_for(&t->client, "good.example", 100, 16384);
	put_record(&t->client, 23, first->client.b, 300);
	end_turn(t++, "answer");
	begin(t, "hello over the cap", 443);
	put_hello_for(&t->client, "good.example", 19000, 16384);
	end_turn(t++, "answer");
	begin(t, "HelloRetryRequest", 443);
	put_hello_for(&t->client, "good.example", 50, 16384);
	put_hello_retry(&t->server);
	end_turn(t, "");
	put_mem(&t->client, "\x14\x03\x03\0\1\1", 6);
	put_hello_for(&t->client, "good.example", 80, 16384);
	end_turn(t++, "answer");
	begin(t, "HelloRetryRequest, another name", 443);
	put_hello_for(&t->client, "good.example", 50, 16384);
	put_hello_retry(&t->server);
	end_turn(t, "");
	put_hello_for(&t->client, "evil.example", 80, 200);
	end_turn(t++, "answer");
	return (size_t)(t - first);
}

static size_t make_layers(struct talk *t)
{
	struct talk *first = t;

	begin(t, "SOCKS 5", 1080);
	put_mem(&t->client, "\5\1\0", 3);
	put_mem(&t->server, "\5\0", 2);
	end_turn(t, "");
	put_mem(&t->client, "\5\1\0\3\14good.example\1\273", 19);
	put_mem(&t->server, "\5\0\0\1\0\0\0\0\0\0", 10);
	end_turn(t, "");
	put_hello_for(&t->client, "good.example", 40, 16384);
	end_turn(t++, "answer");
	begin(t, "CONNECT, another name inside", 8080);
	put_text(&t->client,
		 "CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:443\r\n\r\n");
	end_turn(t, "HTTP/1.1 200 Connection established\r\n\r\n");
	put_hello_for(&t->client, "evil.example", 40, 150);
	end_turn(t++, "answer");
	begin(t, "PROXY header", 443);
	put_text(&t->client, "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n");
	put_hello_for(&t->client, "good.example", 40, 16384);
	end_turn(t++, "answer");
	begin(t, "HTTP with a body", 80);
	put_text(&t->client, "POST /a?b=c HTTP/1.1\r\nHost: good.example\r\n"
			     "Content-Length: 20\r\n\r\n01234567890123456789");
	end_turn(t++, "HTTP/1.1 204 No Content\r\n\r\n");
	begin(t, "HTTP with two hosts", 80);
	put_text(&t->client, "GET / HTTP/1.1\r\nHost: good.example\r\n"
			     "Host: evil.example\r\n\r\n");
	end_turn(t++, "HTTP/1.1 400 Bad Request\r\n\r\n");
	begin(t, "unknown bytes", 9000);
	put_text(&t->client, "\1\2\3 nothing that a reader knows, and more of it");
	end_turn(t++, "\4\5\6");
	return (size_t)(t - first);
}

/* CRYPTO bytes: the hellos of records without their headers. */
static size_t make_quic(struct talk *t, const struct talk *from, size_t count)
{
	static struct bytes message;
	struct talk *first = t;

	begin(t, "QUIC", 443)->quic = true;
	make_message(&message, "good.example", 200);
	put_mem(&t->client, message.b, message.len);
	end_turn(t++, "");
	begin(t, "QUIC, 4 KB", 443)->quic = true;
	make_message(&message, "evil.example", 3800);
	put_mem(&t->client, message.b, message.len);
	end_turn(t++, "");
	for (size_t i = 0; i < count; i++) {
		if (strcmp(from[i].name, "chromium_tcp_1") != 0 &&
		    strcmp(from[i].name, "go119") != 0)
			continue;
		begin(t, "QUIC, recorded hello", 8443)->quic = true;
		put_mem(&t->client, from[i].client.b + 5,
			(size_t)from[i].client.b[3] << 8 | from[i].client.b[4]);
		end_turn(t++, "");
	}
	return (size_t)(t - first);
}

const struct talk *talks_load(size_t *ret_count)
{
	static struct talk talks[TALKS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++)
		load_recorded(&talks[n++], &recorded[i]);
	n += make_hellos(talks + n);
	n += make_layers(talks + n);
	n += make_quic(talks + n, talks, n);
	if (n > TALKS_MAX)
		abort();
	*ret_count = n;
	return talks;
}

const struct bytes *talk_decoy(void)
{
	static struct bytes hello;

	if (hello.len == 0)
		put_hello_for(&hello, "decoy.example", 100, 16384);
	return &hello;
}
