/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocations are nDPI's own and one guess structure for each flow that has asked for a
 * word at the same time; those are kept for reuse.
 */
#include "identify/ndpi.h"

#include <stdlib.h>

#include <ndpi_api.h>

#include "base/text.h"

#define IP4_HEADER 20
#define IP6_HEADER 40
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

/* A plain IP header and the transport as captured; the checksums stay empty. */
static size_t rebuild(uint8_t *to, const struct packet *p)
{
	bool v4 = addr_is_v4(&p->src) && addr_is_v4(&p->dst);
	size_t header = v4 ? IP4_HEADER : IP6_HEADER;
	size_t l4_len = p->l4_len < IP_MAX - header ? p->l4_len : IP_MAX - header;

	memset(to, 0, header);
	if (v4) {
		to[0] = 0x45;
		put16(to + 2, header + l4_len);
		to[8] = p->ttl;
		to[9] = p->ip_proto;
		memcpy(to + 12, p->src.b + 12, 4);
		memcpy(to + 16, p->dst.b + 12, 4);
	} else {
		to[0] = 0x60;
		put16(to + 4, l4_len);
		to[6] = p->ip_proto;
		to[7] = p->ttl;
		memcpy(to + 8, p->src.b, 16);
		memcpy(to + 24, p->dst.b, 16);
	}
	memcpy(to + header, p->l4, l4_len);
	/* A capture may have cut the datagram: its length must not promise more. */
	if (p->ip_proto == IP_PROTO_UDP && l4_len >= 8)
		put16(to + header + 4, l4_len);
	return header + l4_len;
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
		 * Only what the bytes show.  Ports and addresses are no proof, and nDPI's
		 * caches carry over from other flows, which the number of workers changes.
		 */
		if (guessed == 0 && protocol != NDPI_PROTOCOL_UNKNOWN &&
		    g->flow.confidence == NDPI_CONFIDENCE_DPI)
			write_word(name, ndpi_get_proto_name(a->module, protocol));
	}
	ndpi_free_flow_data(&g->flow);
	g->next = a->unused;
	a->unused = g;
}
