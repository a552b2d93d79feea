/* SPDX-License-Identifier: Apache-2.0 */
/*
 * genmix - writes the fixed mix of traffic that replay is measured with, as a pcap file.
 *
 * By flows: 20 % QUIC v1, 10 % DNS over UDP, 2 % unknown, the rest TLS 1.3 over TCP; 1,000,000
 * packets of 610 bytes on average, 3 flows to 100 packets, interleaved in time.  Client
 * hellos are as browsers of 2026 send them: ML-KEM key shares over two segments or two
 * datagrams, extensions permuted, QUIC CRYPTO frames shuffled over both Initials.  Addresses
 * and names are made up; names follow the patterns that Microsoft publishes.
 *
 * The same arguments give the same bytes on every machine: integer arithmetic only, no
 * library's random numbers.  Sources: RFC 8446 (TLS), RFC 9000 and 9001 5.2 (QUIC), RFC 1035.
 *
 * usage: genmix [--seed N] [--packets N] FILE           the mix
 *        genmix [--seed N] --flows N --open FILE        N TLS flows of seven packets, SYN to
 *                                                       the server's first payload (then a
 *                                                       name counts), all left open
 */
#include "mix.h"

#include <inttypes.h>

#include <openssl/evp.h>

#define START_US   (UINT64_C(1793606400) * 1000000) /* Monday 2026-11-02 08:00 UTC */
#define STARTS_US  240000000                        /* flows begin within so long */
#define MEAN_BYTES 610
#define NAMES      500
#define CLIENTS    2000
#define MSS        1448
#define NOISE      65536

/* -- the world --------------------------------------------------------------------------------- */

struct world {
	char names[NAMES][96];
	uint8_t servers[NAMES][4];
	uint8_t noise[NOISE]; /* encrypted payloads are cut from it */
	uint16_t ports[CLIENTS];
};

static void make_name(uint64_t *random, unsigned i, char *name, size_t room)
{
	static const char *const fixed[] = {
		"make.powerapps.com",          "apps.powerapps.com",
		"make.powerautomate.com",      "login.microsoftonline.com",
		"graph.microsoft.com",         "api.powerbi.com",
		"api.powerplatform.com",       "admin.powerplatform.microsoft.com",
		"content.powerapps.com",       "www.office.com",
		"outlook.office365.com",       "gateway.prod.island.powerapps.com",
		"copilotstudio.microsoft.com", "api.dropboxapi.com",
	};
	uint64_t a = next(random), b = next(random);

	switch (i % 10) {
	case 0:
	case 1:
	case 2:
		(void)snprintf(name, room, "contoso%u.crm%u.dynamics.com", i, 4 + i % 9);
		break;
	case 3: {
		char hex[33];

		(void)snprintf(hex, sizeof(hex), "%016" PRIx64 "%016" PRIx64, a, b);
		(void)snprintf(name, room, "%.30s.%s.environment.api.powerplatform.com",
			       hex, hex + 30);
		break;
	}
	case 4:
		(void)snprintf(name, room, "%s",
			       fixed[i / 10 % (sizeof(fixed) / sizeof(fixed[0]))]);
		break;
	case 5:
		(void)snprintf(name, room, "contoso%u.sharepoint.com", i);
		break;
	case 6:
		(void)snprintf(name, room, "prod-%02u.westeurope.logic.azure.com",
			       i % 100);
		break;
	case 7:
		(void)snprintf(name, room, "contoso-relay%u.servicebus.windows.net", i);
		break;
	case 8:
		(void)snprintf(name, room, "cdn%u.news-site%u.example", i % 7, i);
		break;
	default:
		(void)snprintf(name, room, "www.shop%u.example", i);
		break;
	}
}

static void make_world(struct world *w, uint64_t seed)
{
	static const uint8_t first[] = {13, 20, 40, 52, 104};
	uint64_t random = mix64(seed);

	for (unsigned i = 0; i < NAMES; i++) {
		make_name(&random, i, w->names[i], sizeof(w->names[i]));
		w->servers[i][0] = first[below(&random, sizeof(first))];
		w->servers[i][1] = (uint8_t)(64 + below(&random, 128));
		w->servers[i][2] = (uint8_t)below(&random, 256);
		w->servers[i][3] = (uint8_t)(1 + below(&random, 254));
	}
	for (unsigned i = 0; i < NOISE; i++)
		w->noise[i] = (uint8_t)next(&random);
	for (unsigned i = 0; i < CLIENTS; i++)
		w->ports[i] = (uint16_t)(32768 + below(&random, 1000));
}

enum kind {
	KIND_TLS = 0,
	KIND_QUIC,
	KIND_DNS,
	KIND_UNKNOWN_TCP,
	KIND_UNKNOWN_UDP,
	KIND_COUNT
};

struct flow {
	uint64_t seed; /* messages that are cut in two are made twice, from this */
	uint64_t random;
	uint64_t time_us;
	uint64_t rtt_us;
	uint32_t extra;   /* data packets still to come beyond the script */
	uint32_t sent[2]; /* TCP: next sequence number of client, server */
	uint32_t number;  /* QUIC: next packet number, any way */
	uint16_t client, name;
	uint16_t client_port, server_port;
	uint8_t kind;
	uint8_t step;
	bool big_hello;
	uint8_t server[4];
};

/* -- frames and the file ------------------------------------------------------------------------------ */

struct gen {
	const struct world *w;
	FILE *file;
	EVP_MD_CTX *digest;
	uint64_t packets, bytes;
};

static void write_out(struct gen *g, const uint8_t *data, size_t len)
{
	require(fwrite(data, 1, len, g->file) == len, "cannot write the file");
	require(EVP_DigestUpdate(g->digest, data, len) == 1, "libcrypto: SHA-256");
}

static void le32(uint8_t *to, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static void write_header(struct gen *g)
{
	uint8_t h[24] = {0};

	le32(h, 0xa1b2c3d4);
	h[4] = 2;
	h[6] = 4;
	le32(h + 16, 262144);
	le32(h + 20, 1); /* Ethernet */
	write_out(g, h, sizeof(h));
}

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len % 2 == 1)
		sum += (uint32_t)p[len - 1] << 8;
	return sum;
}

static void put_sum(uint8_t *to, uint32_t sum, bool udp)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	if (udp && sum == 0)
		sum = 0xffff;
	to[0] = (uint8_t)(sum >> 8);
	to[1] = (uint8_t)sum;
}

static void client_address(uint32_t client, uint8_t ret[4])
{
	ret[0] = 10;
	ret[1] = client < 30 ? 80 : 10;
	ret[2] = client < 30 ? 4 : (uint8_t)(client / 200);
	ret[3] = (uint8_t)(1 + (client < 30 ? client : client % 200));
}

#define IP_AT 14
#define L4_AT 34

/* `l4`: transport header without checksum (at `sum_at`) and payload. */
static void send_ip(struct gen *g, const struct flow *f, bool up, struct out *frame,
		    size_t sum_at)
{
	uint8_t *ip = frame->p + IP_AT, *l4 = frame->p + L4_AT, record[16];
	size_t l4_len = frame->n - L4_AT, ip_len = l4_len + 20;
	const bool udp = f->kind != KIND_TLS && f->kind != KIND_UNKNOWN_TCP;
	const uint8_t proto = udp ? 17 : 6;

	memcpy(frame->p,
	       up ? "\2\0\0\0\0\1\2\0\0\0\0\2\x08" : "\2\0\0\0\0\2\2\0\0\0\0\1\x08", 14);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[2] = (uint8_t)(ip_len >> 8);
	ip[3] = (uint8_t)ip_len;
	ip[4] = (uint8_t)(g->packets >> 8);
	ip[5] = (uint8_t)g->packets;
	ip[6] = 0x40;
	ip[8] = up ? 127 : 52;
	ip[9] = proto;
	client_address(f->client, ip + (up ? 12 : 16));
	memcpy(ip + (up ? 16 : 12), f->server, 4);
	put_sum(ip + 10, sum16(ip, 20, 0), false);
	put_sum(l4 + sum_at,
		sum16(l4, l4_len, sum16(ip + 12, 8, (uint32_t)(proto + l4_len))), udp);
	le32(record, (uint32_t)(f->time_us / 1000000));
	le32(record + 4, (uint32_t)(f->time_us % 1000000));
	le32(record + 8, (uint32_t)frame->n);
	le32(record + 12, (uint32_t)frame->n);
	write_out(g, record, sizeof(record));
	write_out(g, frame->p, frame->n);
	g->packets++;
	g->bytes += frame->n;
}

#define FIN 0x01
#define SYN 0x02
#define PSH 0x08
#define ACK 0x10

static void send_tcp(struct gen *g, struct flow *f, bool up, uint8_t flags,
		     const struct out *payload)
{
	const bool syn = (flags & SYN) != 0;
	uint8_t buf[2048];
	struct out o = {.p = buf, .n = L4_AT, .cap = sizeof(buf)};
	uint32_t *me = &f->sent[up ? 0 : 1];

	put_be(&o, up ? f->client_port : f->server_port, 2);
	put_be(&o, up ? f->server_port : f->client_port, 2);
	put_be(&o, *me, 4);
	put_be(&o, (flags & ACK) != 0 ? f->sent[up ? 1 : 0] : 0, 4);
	put_be(&o, syn ? 0xa0 : 0x80, 1);
	put_be(&o, flags, 1);
	put_be(&o, syn ? 64240 : 501, 2);
	put_be(&o, 0, 4);
	if (syn)
		put(&o, "\2\4\5\xb4\4\2\x08\x0a", 8);
	else
		put(&o, "\1\1\x08\x0a", 4);
	put_be(&o, (uint32_t)(f->time_us / 1000 + (up ? f->seed >> 40 : f->seed >> 44)),
	       4);
	put_be(&o, syn && up ? 0 : (uint32_t)(f->time_us / 1000), 4);
	if (syn)
		put(&o, "\1\3\3\7", 4);
	put(&o, payload->p, payload->n);
	*me += (uint32_t)payload->n + ((flags & (SYN | FIN)) != 0 ? 1 : 0);
	send_ip(g, f, up, &o, 16);
}

static void send_udp(struct gen *g, const struct flow *f, bool up,
		     const struct out *payload)
{
	uint8_t buf[2048];
	struct out o = {.p = buf, .n = L4_AT, .cap = sizeof(buf)};

	put_be(&o, up ? f->client_port : f->server_port, 2);
	put_be(&o, up ? f->server_port : f->client_port, 2);
	put_be(&o, 8 + payload->n, 2);
	put_be(&o, 0, 2);
	put(&o, payload->p, payload->n);
	send_ip(g, f, up, &o, 6);
}

/* -- what a flow says ------------------------------------------------------------------------------------ */

enum what {
	NOTHING = 0,
	HELLO1,
	HELLO2,
	FLIGHT1,
	FLIGHT2,
	FLIGHT3,
	FINISHED,
	INITIAL1,
	INITIAL2,
	SERVER_INITIAL,
	HANDSHAKE,
	SHORT,
	QUERY,
	ANSWER,
	RANDOM,
	DATA, /* as often as the flow has extra packets */
	END
};

struct step {
	bool up;
	uint8_t flags;
	enum what what;
};

/* Of tls_script: to where the server has taken the hello. */
#define OPEN_STEPS 7

static const struct step tls_script[] = {
	{true, SYN, NOTHING},        {false, SYN | ACK, NOTHING},
	{true, ACK, NOTHING},        {true, ACK, HELLO1},
	{true, ACK | PSH, HELLO2},   {false, ACK, NOTHING},
	{false, ACK, FLIGHT1},       {false, ACK, FLIGHT2},
	{false, ACK | PSH, FLIGHT3}, {true, ACK, NOTHING},
	{true, ACK | PSH, FINISHED}, {true, ACK, DATA},
	{true, FIN | ACK, NOTHING},  {false, FIN | ACK, NOTHING},
	{true, ACK, NOTHING},        {true, 0, END},
};

static const struct step quic_script[] = {
	{true, 0, INITIAL1},   {true, 0, INITIAL2},  {false, 0, SERVER_INITIAL},
	{false, 0, HANDSHAKE}, {true, 0, HANDSHAKE}, {false, 0, SHORT},
	{true, 0, SHORT},      {true, 0, SHORT},     {true, 0, DATA},
	{true, 0, END},
};

static const struct step dns_script[] = {
	{true, 0, QUERY},
	{false, 0, ANSWER},
	{true, 0, END},
};

static const struct step unknown_tcp_script[] = {
	{true, SYN, NOTHING},       {false, SYN | ACK, NOTHING},
	{true, ACK, NOTHING},       {true, ACK | PSH, RANDOM},
	{false, ACK | PSH, RANDOM}, {true, ACK, DATA},
	{true, FIN | ACK, NOTHING}, {false, FIN | ACK, NOTHING},
	{true, ACK, NOTHING},       {true, 0, END},
};

static const struct step unknown_udp_script[] = {
	{true, 0, RANDOM},
	{false, 0, RANDOM},
	{true, 0, DATA},
	{true, 0, END},
};

static const struct step *const scripts[KIND_COUNT] = {
	[KIND_TLS] = tls_script,
	[KIND_QUIC] = quic_script,
	[KIND_DNS] = dns_script,
	[KIND_UNKNOWN_TCP] = unknown_tcp_script,
	[KIND_UNKNOWN_UDP] = unknown_udp_script,
};

static void put_noise(struct out *o, const struct world *w, uint64_t *random, size_t len)
{
	put(o, w->noise + below(random, (uint32_t)(NOISE - len)), len);
}

static void put_record(struct out *o, const struct world *w, uint64_t *random, size_t len)
{
	put(o, "\x17\3\3", 3);
	put_be(o, len, 2);
	put_noise(o, w, random, len);
}

/* ServerHello in clear, then one encrypted record that runs over three segments. */
static void put_flight(struct out *o, const struct world *w, struct flow *f,
		       enum what what)
{
	const size_t tail = 700;
	size_t record;

	if (what != FLIGHT1) {
		put_noise(o, w, &f->random, what == FLIGHT2 ? MSS : tail);
		return;
	}
	put(o, "\x16\3\3", 3);
	record = open_length(o, 2);
	put_server_hello(o, &f->random, false, f->big_hello);
	close_length(o, record, 2);
	put(o, "\x14\3\3\0\1\1\x17\3\3", 9);
	put_be(o, MSS - o->n - 2 + MSS + tail, 2);
	put_noise(o, w, &f->random, MSS - o->n);
}

static void put_dns_name(struct out *o, const char *name)
{
	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		put_be(o, len, 1);
		put(o, name, len);
		name += len;
		if (*name == '.')
			name++;
	}
	put_be(o, 0, 1);
}

static void put_dns(struct out *o, const struct world *w, const struct flow *f,
		    bool answer)
{
	put_be(o, f->seed & 0xffff, 2);
	put_be(o, answer ? 0x8180 : 0x0100, 2);
	WORDS(o, 1);
	put_be(o, answer ? 1 : 0, 2);
	WORDS(o, 0, 1);
	put_dns_name(o, w->names[f->name]);
	WORDS(o, 1, 1);
	if (answer) {
		WORDS(o, 0xc00c, 1, 1, 0, 300, 4);
		put(o, w->servers[f->name], 4);
	}
	put(o, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11); /* EDNS, 1,232 bytes */
}

static void put_hello_part(struct out *o, const struct world *w, const struct flow *f,
			   bool first)
{
	uint8_t hello[HELLO_MAX];
	struct out h = {.p = hello, .cap = sizeof(hello)};

	put_hello(&h, f->seed, w->names[f->name], f->big_hello ? HELLO_TCP : HELLO_SMALL);
	require(!f->big_hello || (h.n > MSS && h.n < 2 * (size_t)MSS),
		"hello of a wrong size");
	if (first)
		put(o, hello, h.n < MSS ? h.n : MSS);
	else
		put(o, hello + MSS, h.n - MSS);
}

static void put_quic(struct out *o, const struct world *w, struct flow *f, bool up,
		     enum what what)
{
	uint8_t first[CID], server[CID];

	if (what == INITIAL1 || what == INITIAL2) {
		put_client_initial(o, f->seed, w->names[f->name],
				   what == INITIAL1 ? 0 : 1);
		return;
	}
	if (what == SERVER_INITIAL) {
		put_server_initial(o, f->seed);
		return;
	}
	make_cids(f->seed, first, server);
	if (what == HANDSHAKE) {
		put(o, "\xe0\0\0\0\1", 5);
		put_be(o, up ? CID : 0, 1);
		put(o, server, up ? CID : 0);
		put_be(o, up ? 0 : CID, 1);
		put(o, server, up ? 0 : CID);
		put_be(o, 0x4000 + (up ? 80 : 1200), 2);
		put_noise(o, w, &f->random, up ? 80 : 1200);
		return;
	}
	put_be(o, 0x40 + below(&f->random, 64), 1);
	put(o, server, up ? CID : 0);
}

/* A packet past the handshake; its size steers the mean of all towards MEAN_BYTES. */
static void send_data(struct gen *g, struct flow *f)
{
	const bool udp = f->kind == KIND_QUIC || f->kind == KIND_UNKNOWN_UDP;
	const bool big = g->bytes < g->packets * MEAN_BYTES;
	const uint32_t way = below(&f->random, 8);
	bool up = big ? way == 0 : way < 4;
	uint8_t buf[2048];
	struct out o = {.p = buf, .cap = sizeof(buf)};
	size_t len = udp ? DATAGRAM : MSS;

	if (!big)
		len = way % 2 == 0 ? 0 : 40 + below(&f->random, 400);
	if (udp && len == 0)
		len = 30;
	if (f->kind == KIND_QUIC)
		put_quic(&o, g->w, f, up, SHORT);
	if (f->kind == KIND_TLS && len > 5)
		put_record(&o, g->w, &f->random, len - 5);
	else
		put_noise(&o, g->w, &f->random, len - o.n);
	if (udp)
		send_udp(g, f, up, &o);
	else
		send_tcp(g, f, up, len == 0 ? ACK : ACK | PSH, &o);
}

static void put_message(struct out *o, const struct world *w, struct flow *f,
			const struct step *s)
{
	switch (s->what) {
	case HELLO1:
	case HELLO2:
		put_hello_part(o, w, f, s->what == HELLO1);
		break;
	case FLIGHT1:
	case FLIGHT2:
	case FLIGHT3:
		put_flight(o, w, f, s->what);
		break;
	case FINISHED:
		put(o, "\x14\3\3\0\1\1", 6);
		put_record(o, w, &f->random, 53);
		break;
	case INITIAL1:
	case INITIAL2:
	case SERVER_INITIAL:
	case HANDSHAKE:
		put_quic(o, w, f, s->up, s->what);
		break;
	case SHORT:
		put_quic(o, w, f, s->up, s->what);
		put_noise(o, w, &f->random, 60);
		break;
	case QUERY:
	case ANSWER:
		put_dns(o, w, f, s->what == ANSWER);
		break;
	case RANDOM: /* the first byte belongs to no protocol that Weir reads */
		put_be(o, 0x80 + below(&f->random, 32), 1);
		put_noise(o, w, &f->random, 30 + below(&f->random, 200));
		break;
	case NOTHING:
	case DATA:
	case END:
		break;
	}
}

/* One packet of the flow; false: it was the last. */
static bool play(struct gen *g, struct flow *f)
{
	const struct step *script = scripts[f->kind];
	const struct step *s = &script[f->step], *then;
	uint8_t buf[2048];
	struct out o = {.p = buf, .cap = sizeof(buf)};

	if (s->what == DATA) {
		send_data(g, f);
		f->extra--;
	} else {
		put_message(&o, g->w, f, s);
		if (f->kind == KIND_TLS || f->kind == KIND_UNKNOWN_TCP)
			send_tcp(g, f, s->up, s->flags, &o);
		else
			send_udp(g, f, s->up, &o);
	}
	if (s->what != DATA || f->extra == 0)
		f->step++;
	if (script[f->step].what == HELLO2 && !f->big_hello)
		f->step++;
	if (script[f->step].what == DATA && f->extra == 0)
		f->step++;
	then = &script[f->step];
	if (then->what == DATA && below(&f->random, 16) == 0)
		f->time_us += 20000 + below(&f->random, 1500000);
	else if (then->up != s->up)
		f->time_us += f->rtt_us / 2;
	else
		f->time_us += 20 + below(&f->random, 300);
	return then->what != END;
}

/* -- the mix --------------------------------------------------------------------------------------------------- */

struct plan {
	uint64_t seed;
	uint64_t packets;
	uint32_t flows;
	bool open;
	const char *path;
};

static uint32_t least_packets(const struct flow *f)
{
	uint32_t n = 0;

	for (const struct step *s = scripts[f->kind]; s->what != END; s++)
		n += s->what != DATA && (s->what != HELLO2 || f->big_hello);
	return n;
}

static enum kind kind_of(uint32_t i, bool open)
{
	uint32_t r = i * 7 % 50;

	if (open || r >= 16)
		return KIND_TLS;
	if (r < 10)
		return KIND_QUIC;
	if (r < 15)
		return KIND_DNS;
	return i / 50 % 2 == 0 ? KIND_UNKNOWN_TCP : KIND_UNKNOWN_UDP;
}

static uint16_t take_port(struct world *w, uint32_t client)
{
	uint16_t port = w->ports[client]++;

	if (w->ports[client] >= 60999)
		w->ports[client] = 32768;
	return port;
}

static void make_flow(struct world *w, uint64_t *random, const struct plan *p, uint32_t i,
		      struct flow *f)
{
	static const uint8_t resolver[4] = {9, 9, 9, 9};
	uint32_t a = below(random, NAMES), b = below(random, NAMES);

	*f = (struct flow){.seed = next(random), .kind = (uint8_t)kind_of(i, p->open)};
	f->random = mix64(f->seed);
	f->time_us = START_US + below(random, p->open ? STARTS_US / 4 : STARTS_US);
	f->rtt_us = 5000 + below(random, 60000);
	f->sent[0] = (uint32_t)next(random);
	f->sent[1] = (uint32_t)next(random);
	f->client = (uint16_t)below(random, CLIENTS);
	f->client_port = take_port(w, f->client);
	f->name =
		(uint16_t)(a < b ? a : b); /* some names are asked for more than others */
	f->server_port = 443;
	f->big_hello = p->open || below(random, 10) < 6;
	memcpy(f->server, w->servers[f->name], 4);
	if (f->kind == KIND_DNS) {
		f->server_port = 53;
		memcpy(f->server, resolver, 4);
	} else if (f->kind >= KIND_UNKNOWN_TCP) {
		f->server_port = (uint16_t)(20001 + 2 * below(random, 5000));
		f->server[1] ^= 1;
	}
}

/* Spread what the scripts leave over the flows that carry data: many small, few big. */
static void share_extra(struct flow *flows, const struct plan *p, uint64_t *random)
{
	uint64_t least = 0, weights = 0, before = 0, extra;
	uint32_t *weight = calloc(p->flows, sizeof(*weight));

	require(weight != NULL, "out of memory");
	for (uint32_t i = 0; i < p->flows; i++) {
		least += least_packets(&flows[i]);
		if (flows[i].kind != KIND_DNS)
			weight[i] = (1 + below(random, 8))
				    << __builtin_ctzll(next(random) | 1 << 10);
		weights += weight[i];
	}
	require(weights > 0 && least <= p->packets, "too few packets for so many flows");
	extra = p->packets - least;
	for (uint32_t i = 0; i < p->flows; i++) {
		uint64_t upto = before + weight[i];

		flows[i].extra =
			(uint32_t)(extra * upto / weights - extra * before / weights);
		before = upto;
	}
	free(weight);
}

static bool is_sooner(const struct flow *flows, uint32_t a, uint32_t b)
{
	return flows[a].time_us != flows[b].time_us ? flows[a].time_us < flows[b].time_us
						    : a < b;
}

static void sink(const struct flow *flows, uint32_t *heap, uint32_t n, uint32_t at)
{
	uint32_t moving = heap[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && is_sooner(flows, heap[child + 1], heap[child]))
			child++;
		if (!is_sooner(flows, heap[child], moving))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moving;
}

static void play_all(struct gen *g, struct flow *flows, const struct plan *p)
{
	uint32_t *heap = calloc(p->flows, sizeof(*heap));
	uint32_t n = p->flows;

	require(heap != NULL, "out of memory");
	for (uint32_t i = 0; i < n; i++)
		heap[i] = i;
	for (uint32_t i = n / 2; i-- > 0;)
		sink(flows, heap, n, i);
	while (n > 0) {
		struct flow *f = &flows[heap[0]];

		if (!play(g, f) || (p->open && f->step == OPEN_STEPS))
			heap[0] = heap[--n];
		if (n > 0)
			sink(flows, heap, n, 0);
	}
	free(heap);
}

static void print_digest(struct gen *g, const struct flow *flows, const struct plan *p)
{
	unsigned counts[KIND_COUNT] = {0};
	uint8_t sha[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	for (uint32_t i = 0; i < p->flows; i++)
		counts[flows[i].kind]++;
	require(EVP_DigestFinal_ex(g->digest, sha, &len) == 1, "libcrypto: SHA-256");
	(void)printf("packets=%" PRIu64 " bytes=%" PRIu64
		     " flows=%u tls=%u quic=%u dns=%u "
		     "unknown=%u seed=%" PRIu64 " sha256=",
		     g->packets, g->bytes, p->flows, counts[KIND_TLS], counts[KIND_QUIC],
		     counts[KIND_DNS],
		     counts[KIND_UNKNOWN_TCP] + counts[KIND_UNKNOWN_UDP], p->seed);
	for (unsigned i = 0; i < len; i++)
		(void)printf("%02x", sha[i]);
	(void)putchar('\n');
}

static void generate(const struct plan *p)
{
	struct world *w = calloc(1, sizeof(*w));
	struct flow *flows = calloc(p->flows, sizeof(*flows));
	struct gen g = {.w = w, .digest = EVP_MD_CTX_new(), .file = fopen(p->path, "wb")};
	uint64_t random = mix64(p->seed + 1);

	require(w != NULL && flows != NULL && g.digest != NULL, "out of memory");
	require(g.file != NULL, "cannot open the file");
	require(EVP_DigestInit_ex(g.digest, EVP_sha256(), NULL) == 1,
		"libcrypto: SHA-256");
	make_world(w, p->seed);
	for (uint32_t i = 0; i < p->flows; i++)
		make_flow(w, &random, p, i, &flows[i]);
	if (!p->open)
		share_extra(flows, p, &random);
	write_header(&g);
	play_all(&g, flows, p);
	require(fclose(g.file) == 0, "cannot write the file");
	print_digest(&g, flows, p);
	EVP_MD_CTX_free(g.digest);
	free(flows);
	free(w);
}

static uint64_t number(const char *s, uint64_t max)
{
	char *end = NULL;
	unsigned long long n = s == NULL ? 0 : strtoull(s, &end, 10);

	require(end != NULL && end != s && *end == '\0' && n <= max,
		"not a number in range");
	return n;
}

int main(int argc, char *argv[])
{
	struct plan p = {.seed = 1, .packets = 1000000};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seed") == 0)
			p.seed = number(argv[++i], UINT64_MAX);
		else if (strcmp(argv[i], "--packets") == 0)
			p.packets = number(argv[++i], 100000000);
		else if (strcmp(argv[i], "--flows") == 0)
			p.flows = (uint32_t)number(argv[++i], 50000000);
		else if (strcmp(argv[i], "--open") == 0)
			p.open = true;
		else if (argv[i][0] != '-')
			p.path = argv[i];
		else
			p.path = NULL, i = argc; /* an option that is none: say how */
	}
	if (p.flows == 0 && !p.open)
		p.flows = (uint32_t)(p.packets * 3 / 100);
	if (p.path == NULL || p.flows == 0) {
		(void)fputs(
			"usage: genmix [--seed N] [--packets N | --flows N --open] FILE\n",
			stderr);
		return 2;
	}
	generate(&p);
	return EXIT_SUCCESS;
}
