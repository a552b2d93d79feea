/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/trace.h"

#include <string.h>

#include "base/checksum.h"
#include "base/put.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER  20
#define TTL         64
#define WINDOW      65535
#define SEGMENT     1400 /* bytes of a head in one made packet */

/* Room for a packet of *len bytes, then as many as fit; NULL: no more is taken. */
static uint8_t *reserve(struct trace *t, struct trace_packet *head, size_t *len)
{
	const size_t left = TRACE_MAX - t->len;
	uint8_t *at = t->bytes + t->len;

	if (t->full || left <= sizeof(*head)) {
		t->full = true;
		return NULL;
	}
	if (TRACE_ROOM(*len) > left) {
		t->full = true;
		*len = left - sizeof(*head);
	}
	head->len = (uint16_t)*len;
	memcpy(at, head, sizeof(*head));
	memset(at + sizeof(*head), 0, TRACE_ROOM(*len) - sizeof(*head));
	t->len += (uint32_t)TRACE_ROOM(*len);
	return at + sizeof(*head);
}

/* IP header of a packet whose transport part is `len` bytes; its length. */
static size_t put_ip(uint8_t *ip, const struct packet *p, size_t len)
{
	const struct addr *src = &p->src, *dst = &p->dst;
	uint8_t *at = ip;

	if (!addr_is_v4(src)) {
		at = put_be32(at, 0x60000000);
		at = put_be16(at, (unsigned)len);
		*at++ = p->ip_proto;
		*at++ = p->ttl;
		memcpy(at, src->b, 16);
		memcpy(at + 16, dst->b, 16);
		return IPV6_HEADER;
	}
	at = put_be16(at, 4 << 12 | IPV4_HEADER / 4 << 8);
	at = put_be16(at, (unsigned)(IPV4_HEADER + len));
	at = put_be32(at, 0x4000); /* no fragment */
	*at++ = p->ttl;
	*at++ = p->ip_proto;
	at = put_be16(at, 0);
	memcpy(at, src->b + 12, 4);
	memcpy(at + 4, dst->b + 12, 4);
	checksum_put(ip + 10, checksum_add(0, ip, IPV4_HEADER));
	return IPV4_HEADER;
}

/* The sum over what RFC 9293 3.1 puts before a segment of `len` bytes. */
static uint64_t pseudo(const struct packet *p, size_t len)
{
	const uint8_t rest[4] = {0, IP_PROTO_TCP, (uint8_t)(len >> 8), (uint8_t)len};
	const size_t from = addr_is_v4(&p->src) ? 12 : 0;
	uint64_t sum = checksum_add(0, p->src.b + from, 16 - from);

	sum = checksum_add(sum, p->dst.b + from, 16 - from);
	return checksum_add(sum, rest, sizeof(rest));
}

/* A segment that nobody captured; `checksum`: with a right one, else with none. */
static void make(struct trace *t, const struct packet *p, struct str payload,
		 int64_t now_us, bool checksum)
{
	uint8_t bytes[IPV6_HEADER + TCP_HEADER + SEGMENT], *tcp, *at;
	const size_t len = TCP_HEADER + payload.len;
	size_t all;
	const size_t ip_len = put_ip(bytes, p, len);
	struct trace_packet head = {.time_us = now_us,
				    .wire_len = (uint32_t)(ip_len + len),
				    .flags = TRACE_SYNTHESISED};

	tcp = at = bytes + ip_len;
	at = put_be16(at, p->src_port);
	at = put_be16(at, p->dst_port);
	at = put_be32(at, p->seq);
	at = put_be32(at, p->ack);
	*at++ = TCP_HEADER / 4 << 4;
	*at++ = p->tcp_flags;
	at = put_be16(at, WINDOW);
	at = put_be32(at, 0); /* checksum, urgent pointer */
	if (payload.len > 0)
		memcpy(at, payload.p, payload.len);
	if (checksum)
		checksum_put(tcp + 16, checksum_add(pseudo(p, len), tcp, len));
	all = ip_len + len;
	at = reserve(t, &head, &all);
	if (at != NULL)
		memcpy(at, bytes, all);
}

static struct packet packet_of(const struct flow *fl, bool from_client, uint8_t flags)
{
	const struct addr client = flow_client(fl), server = flow_server(fl);

	return (struct packet){
		.src = from_client ? client : server,
		.dst = from_client ? server : client,
		.src_port = from_client ? flow_client_port(fl) : flow_server_port(fl),
		.dst_port = from_client ? flow_server_port(fl) : flow_client_port(fl),
		.ip_proto = IP_PROTO_TCP,
		.ttl = TTL,
		.tcp_flags = flags};
}

/* `server_isn`: number of the server's first byte. */
static void make_handshake(struct trace *t, const struct trace_of *of,
			   uint32_t server_isn)
{
	const struct flow *fl = of->flow;
	struct packet p = packet_of(fl, true, TCP_SYN);

	p.seq = fl->client_isn - 1;
	if (!t->syn)
		make(t, &p, STR_NONE, of->now_us, of->checksums);
	p = packet_of(fl, false, TCP_SYN | TCP_ACK);
	p.seq = server_isn - 1;
	p.ack = fl->client_isn;
	make(t, &p, STR_NONE, of->now_us, of->checksums);
}

void trace_clear(struct trace *t)
{
	t->len = 0;
	t->full = t->opened = t->syn = false;
}

/* In front of the first packet that belongs to what the handshake opens. */
static void open_stream(struct trace *t, const struct trace_of *of,
			const struct packet *p, bool from_client)
{
	const struct flow *fl = of->flow;

	if (t->opened || fl->key.ip_proto != IP_PROTO_TCP)
		return;
	if ((p->tcp_flags & TCP_SYN) != 0) {
		t->syn = t->syn || from_client;
		return;
	}
	t->opened = true;
	if (!fl->midstream && fl->out.has_seq)
		make_handshake(t, of,
			       fl->in.has_seq ? fl->server_isn
			       : from_client  ? p->ack
					      : p->seq);
}

void trace_add(struct trace *t, const struct trace_of *of, const struct packet *p,
	       bool from_client)
{
	const bool rebuilt = p->ip == NULL || p->was_fragmented || p->tunnels > 0;
	const size_t front = rebuilt ? (addr_is_v4(&p->src) ? IPV4_HEADER : IPV6_HEADER)
				     : (size_t)(p->l4 - p->ip);
	const size_t cut = p->payload_wire_len - p->payload_len;
	struct trace_packet head = {.time_us = of->now_us,
				    .wire_len = (uint32_t)(front + p->l4_len + cut),
				    .flags = rebuilt ? TRACE_REBUILT : 0};
	uint8_t ip[IPV6_HEADER], *at;
	size_t n, len = front + p->l4_len;

	open_stream(t, of, p, from_client);
	at = reserve(t, &head, &len);
	if (at == NULL)
		return;
	n = len < front ? len : front;
	if (rebuilt) {
		(void)put_ip(ip, p, p->l4_len + cut);
		memcpy(at, ip, n);
	} else {
		memcpy(at, p->ip, n);
	}
	memcpy(at + n, p->l4, len - n);
}

void trace_of_head(struct trace *t, const struct trace_of *of, const struct head *h)
{
	const struct flow *fl = of->flow;
	struct packet p = packet_of(fl, true, TCP_ACK | TCP_PSH);

	trace_clear(t);
	p.ack = fl->in.has_seq ? fl->server_isn : 1;
	if (!fl->midstream)
		make_handshake(t, of, p.ack);
	for (uint32_t at = 0; at < h->filled && !t->full; at += SEGMENT) {
		const uint32_t left = h->filled - at;

		p.seq = fl->client_isn + at;
		make(t, &p,
		     (struct str){(const char *)h->bytes + at,
				  left < SEGMENT ? left : SEGMENT},
		     of->now_us, of->checksums);
	}
}
