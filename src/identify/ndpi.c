/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocations are nDPI's own and one guess structure for each flow that has asked for a
 * word at the same time; those are kept for reuse.
 */
#include "identify/ndpi.h"

#include <stdlib.h>

#include <ndpi_api.h>

#include "base/hash.h"
#include "base/text.h"

#define IP4_HEADER 20
#define IP_MAX     65535
#define WORD_SIZE  24 /* of the contract's name[] */

struct ndpi_guess {
	struct ndpi_flow_struct flow;
	struct ndpi_guess *next; /* free list */
	uint8_t ip_proto;
	uint8_t fed;
};

struct ndpi_adapter {
	struct ndpi_detection_module_struct *module;
	struct ndpi_guess *unused;
	uint8_t packet[IP_MAX];
};

const char *ndpi_library_version(void)
{
	return ndpi_revision();
}

struct ndpi_adapter *ndpi_adapter_create(void)
{
	struct ndpi_adapter *a = calloc(1, sizeof(*a));
	NDPI_PROTOCOL_BITMASK all;

	if (a == NULL)
		return NULL;
	/* A library that was built with another layout would write past our structure. */
	if (ndpi_detection_get_sizeof_ndpi_flow_struct() ==
	    sizeof(struct ndpi_flow_struct))
		a->module = ndpi_init_detection_module(ndpi_dont_load_tor_hosts);
	if (a->module == NULL) {
		free(a);
		return NULL;
	}
	NDPI_BITMASK_SET_ALL(all);
	ndpi_set_protocol_detection_bitmask2(a->module, &all);
	ndpi_finalize_initialization(a->module);
	return a;
}

void ndpi_adapter_destroy(struct ndpi_adapter *a)
{
	if (a == NULL)
		return;
	while (a->unused != NULL) {
		struct ndpi_guess *g = a->unused;

		a->unused = g->next;
		free(g);
	}
	ndpi_exit_detection_module(a->module);
	free(a);
}

struct ndpi_guess *ndpi_guess_start(struct ndpi_adapter *a, uint8_t ip_proto)
{
	struct ndpi_guess *g = a->unused;

	if (g != NULL) {
		a->unused = g->next;
		memset(g, 0, sizeof(*g));
	} else {
		g = calloc(1, sizeof(*g));
	}
	if (g != NULL)
		g->ip_proto = ip_proto;
	return g;
}

static void put16(uint8_t *to, size_t v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

/*
 * A stand-in for one end's address, the same for all packets of a flow and never that of
 * another flow.  nDPI 4.2 remembers addresses from flow to flow, and then calls one
 * BitTorrent because of another; a flow's word has to follow from its own packets, not from
 * which flows share a worker.  240.0.0.0/4 is in none of nDPI's address lists.
 */
static void put_stand_in(uint8_t to[4], const struct packet *p, bool source)
{
	uint8_t ends[2][sizeof(struct addr) + 2];
	uint64_t here, there, both;

	memcpy(ends[0], p->src.b, sizeof(p->src.b));
	memcpy(ends[1], p->dst.b, sizeof(p->dst.b));
	put16(ends[0] + sizeof(p->src.b), p->src_port);
	put16(ends[1] + sizeof(p->dst.b), p->dst_port);
	here = hash_bytes(ends[source ? 0 : 1], sizeof(ends[0]), 0);
	there = hash_bytes(ends[source ? 1 : 0], sizeof(ends[0]), 0);
	both = hash_u64(here + (here ^ there)); /* here ^ there is the flow's */
	to[0] = (uint8_t)(240 + both % 15);
	put16(to + 1, (size_t)(both >> 8 & 0xffff));
	to[3] = (uint8_t)(both >> 24);
}

/* A plain IPv4 header and the transport as captured; the checksums stay empty. */
static size_t rebuild(uint8_t *to, const struct packet *p)
{
	size_t l4_len = p->l4_len < IP_MAX - IP4_HEADER ? p->l4_len : IP_MAX - IP4_HEADER;

	memset(to, 0, IP4_HEADER);
	to[0] = 0x45;
	put16(to + 2, IP4_HEADER + l4_len);
	to[8] = p->ttl;
	to[9] = p->ip_proto;
	put_stand_in(to + 12, p, true);
	put_stand_in(to + 16, p, false);
	memcpy(to + IP4_HEADER, p->l4, l4_len);
	/* A capture may have cut the datagram: its length must not promise more. */
	if (p->ip_proto == IP_PROTO_UDP && l4_len >= 8)
		put16(to + IP4_HEADER + 4, l4_len);
	return IP4_HEADER + l4_len;
}

bool ndpi_guess_feed(struct ndpi_adapter *a, struct ndpi_guess *g, const struct packet *p,
		     int64_t time_us)
{
	ndpi_protocol found;
	size_t len;

	if (g->fed >= NDPI_PACKETS_MAX)
		return true;
	/* Another transport in one structure crashes nDPI 4.2; without payload nothing is told. */
	if (!p->has_l4 || p->ip_proto != g->ip_proto || p->payload_len == 0)
		return false;
	len = rebuild(a->packet, p);
	g->fed++;
	found = ndpi_detection_process_packet(
		a->module, &g->flow, a->packet, (unsigned short)len,
		(u_int64_t)(time_us < 0 ? 0 : time_us) / 1000);
	return g->fed >= NDPI_PACKETS_MAX ||
	       found.master_protocol != NDPI_PROTOCOL_UNKNOWN ||
	       found.app_protocol != NDPI_PROTOCOL_UNKNOWN;
}

/* nDPI's name as a word: lower case, and nothing that needs quoting. */
static void write_word(char name[WORD_SIZE], const char *from)
{
	size_t n = 0;

	for (; from != NULL && from[n] != '\0' && n < WORD_SIZE - 1; n++) {
		char c = ascii_lower(from[n]);

		name[n] = ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.'
				  ? c
				  : '_';
	}
	name[n] = '\0';
}

void ndpi_guess_finish(struct ndpi_adapter *a, struct ndpi_guess *g, char name[24])
{
	u_int8_t guessed = 0;
	ndpi_protocol found;
	u_int16_t protocol;

	name[0] = '\0';
	if (g == NULL)
		return;
	if (g->fed > 0) {
		found = ndpi_detection_giveup(a->module, &g->flow, 0, &guessed);
		protocol = found.master_protocol != NDPI_PROTOCOL_UNKNOWN
				   ? found.master_protocol
				   : found.app_protocol;
		/*
		 * Only what the bytes show: ports and addresses are no proof.  BitTorrent
		 * goes by the name of CACHE at its first packet already.
		 */
		if (guessed == 0 && protocol != NDPI_PROTOCOL_UNKNOWN &&
		    (g->flow.confidence == NDPI_CONFIDENCE_DPI ||
		     g->flow.confidence == NDPI_CONFIDENCE_DPI_CACHE))
			write_word(name, ndpi_get_proto_name(a->module, protocol));
	}
	ndpi_free_flow_data(&g->flow);
	g->next = a->unused;
	a->unused = g;
}
