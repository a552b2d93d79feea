/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocations are nDPI's own and one guess structure for each flow that has asked for a
 * word at the same time; those are kept for reuse.
 */
#include "identify/ndpi.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <ndpi_api.h>

#include "base/text.h"
#include "identify/ike.h"
#include "identify/ndpi_packet.h"

#define FLOW_BYTES_MAX ((size_t)256 << 10)
#define BYTES_MAX      ((size_t)64 << 20)

struct ndpi_guess {
	struct ndpi_flow_struct flow;
	struct ndpi_guess *next; /* free list */
	size_t bytes;            /* of nDPI, for this flow */
	uint8_t ip_proto;
	uint8_t fed;
	bool over;
	bool ipsec;
};

struct ndpi_adapter {
	struct ndpi_detection_module_struct *module;
	struct ndpi_guess *unused;
	struct ndpi_cfg cfg;
	struct ndpi_memory memory;
};

/* ---- memory ---------------------------------------------------------------------------------- */

/* In front of each block.  Without it a block's size would be the allocator's to choose. */
struct block {
	alignas(max_align_t) size_t size;
};

/*
 * nDPI's hooks have no argument.  Whose memory it is: the adapter that this thread is in, or
 * NULL.  (A global, against style 5, for that reason.)
 */
static _Thread_local struct ndpi_memory *at_work;

static void count(size_t size)
{
	if (at_work == NULL)
		return;
	at_work->bytes += size;
	if (at_work->bytes > at_work->most)
		at_work->most = at_work->bytes;
}

static void *take(size_t size)
{
	struct block *b = size > SIZE_MAX - sizeof(*b) ? NULL : malloc(sizeof(*b) + size);

	if (b == NULL)
		return NULL;
	b->size = size;
	count(size);
	return b + 1;
}

static void give_back(void *p)
{
	struct block *b = p;

	if (b == NULL)
		return;
	b--;
	if (at_work != NULL)
		at_work->bytes -= b->size < at_work->bytes ? b->size : at_work->bytes;
	free(b);
}

/* What nDPI took since `before` belongs to the flow. */
static void charge(const struct ndpi_adapter *a, struct ndpi_guess *g, uint64_t before)
{
	const uint64_t now = a->memory.bytes;

	if (now >= before)
		g->bytes += (size_t)(now - before);
	else
		g->bytes -= g->bytes < before - now ? g->bytes : (size_t)(before - now);
}

struct ndpi_memory ndpi_adapter_memory(const struct ndpi_adapter *a)
{
	return a->memory;
}

/* ---- life ------------------------------------------------------------------------------------ */

const char *ndpi_library_version(void)
{
	return ndpi_revision();
}

static bool create_module(struct ndpi_adapter *a)
{
	NDPI_PROTOCOL_BITMASK all;

	/* A library that was built with another layout would write past our structure. */
	if (ndpi_detection_get_sizeof_ndpi_flow_struct() !=
	    sizeof(struct ndpi_flow_struct))
		return false;
	a->module = ndpi_init_detection_module(ndpi_dont_load_tor_hosts);
	if (a->module == NULL)
		return false;
	NDPI_BITMASK_SET_ALL(all);
	ndpi_set_protocol_detection_bitmask2(a->module, &all);
	ndpi_finalize_initialization(a->module);
	return true;
}

/*
 * nDPI makes its cache of BitTorrent's ends, 256 KiB, when it meets the first: now, so that it is
 * not counted to somebody's flow.  The other caches are of 8 KiB.
 */
static void make_caches(struct ndpi_adapter *a)
{
	static const uint8_t handshake[68] = "\x13"
					     "BitTorrent protocol";
	const struct packet p = {.ip_proto = IP_PROTO_TCP,
				 .has_l4 = true,
				 .payload = handshake,
				 .payload_len = sizeof(handshake)};
	struct ndpi_guess *g = ndpi_guess_start(a, IP_PROTO_TCP);
	uint8_t packet[NDPI_PACKET_MAX];
	struct ndpi_answer answer;

	if (g == NULL)
		return;
	(void)ndpi_guess_feed(a, g, packet, ndpi_packet_normalize(&p, packet), 0);
	ndpi_guess_finish(a, g, &answer);
}

struct ndpi_adapter *ndpi_adapter_create(const struct ndpi_cfg *cfg)
{
	struct ndpi_adapter *a = calloc(1, sizeof(*a));
	bool made;

	if (a == NULL)
		return NULL;
	if (cfg != NULL)
		a->cfg = *cfg;
	if (a->cfg.flow_bytes == 0)
		a->cfg.flow_bytes = FLOW_BYTES_MAX;
	if (a->cfg.bytes == 0)
		a->cfg.bytes = BYTES_MAX;
	set_ndpi_malloc(take);
	set_ndpi_free(give_back);
	set_ndpi_flow_malloc(take);
	set_ndpi_flow_free(give_back);
	at_work = &a->memory;
	made = create_module(a);
	at_work = NULL;
	if (!made) {
		free(a);
		return NULL;
	}
	make_caches(a);
	a->memory.over = 0;
	return a;
}

void ndpi_adapter_destroy(struct ndpi_adapter *a)
{
	if (a == NULL)
		return;
	at_work = &a->memory;
	while (a->unused != NULL) {
		struct ndpi_guess *g = a->unused;

		a->unused = g->next;
		give_back(g);
	}
	ndpi_exit_detection_module(a->module);
	at_work = NULL;
	free(a);
}

static struct ndpi_guess *new_guess(struct ndpi_adapter *a)
{
	struct ndpi_guess *g;

	if (a->memory.bytes + sizeof(*g) > a->cfg.bytes) {
		a->memory.over++;
		return NULL;
	}
	at_work = &a->memory;
	g = take(sizeof(*g));
	at_work = NULL;
	return g;
}

struct ndpi_guess *ndpi_guess_start(struct ndpi_adapter *a, uint8_t ip_proto)
{
	struct ndpi_guess *g = a->unused;

	if (g != NULL)
		a->unused = g->next;
	else
		g = new_guess(a);
	if (g == NULL)
		return NULL;
	memset(g, 0, sizeof(*g));
	g->ip_proto = ip_proto;
	return g;
}

bool ndpi_guess_feed(struct ndpi_adapter *a, struct ndpi_guess *g, const uint8_t *packet,
		     size_t len, int64_t time_us)
{
	const uint64_t before = a->memory.bytes;
	ndpi_protocol found;

	if (g->over || g->ipsec || g->fed >= NDPI_PACKETS_MAX)
		return true;
	/* Another transport in one structure crashes nDPI 4.2. */
	if (!ndpi_packet_is_normal(packet, len, g->ip_proto))
		return false;
	g->ipsec = g->fed == 0 && g->ip_proto == IP_PROTO_UDP &&
		   ike_begins(packet + NDPI_UDP_PAYLOAD, len - NDPI_UDP_PAYLOAD);
	if (g->ipsec)
		return true;
	g->fed++;
	at_work = &a->memory;
	found = ndpi_detection_process_packet(
		a->module, &g->flow, packet, (unsigned short)len,
		(u_int64_t)(time_us < 0 ? 0 : time_us) / 1000);
	at_work = NULL;
	charge(a, g, before);
	if (g->bytes > a->cfg.flow_bytes || a->memory.bytes > a->cfg.bytes) {
		g->over = true;
		a->memory.over++;
		return true;
	}
	return g->fed >= NDPI_PACKETS_MAX ||
	       found.master_protocol != NDPI_PROTOCOL_UNKNOWN ||
	       found.app_protocol != NDPI_PROTOCOL_UNKNOWN;
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-' || c == '.' ||
	       c == '_';
}

static bool is_host_byte(char c)
{
	return ascii_is_alpha(c) || is_word_byte(c);
}

/* nDPI's name as a word, behind the `n` bytes there: lower case, nothing that needs quoting. */
static size_t add_word(char word[NDPI_WORD_SIZE], size_t n, const char *from)
{
	for (; from != NULL && *from != '\0' && n < NDPI_WORD_SIZE - 1; from++) {
		const char c = ascii_lower(*from);

		word[n++] = is_word_byte(c) ? c : '_';
	}
	word[n] = '\0';
	return n;
}

static void write_word(struct ndpi_adapter *a, const ndpi_protocol *found,
		       char word[NDPI_WORD_SIZE])
{
	const u_int16_t master = found->master_protocol, app = found->app_protocol;
	size_t n = 0;

	if (master != NDPI_PROTOCOL_UNKNOWN)
		n = add_word(word, 0, ndpi_get_proto_name(a->module, master));
	if (app == NDPI_PROTOCOL_UNKNOWN || app == master)
		return;
	if (n > 0)
		n = add_word(word, n, ".");
	(void)add_word(word, n, ndpi_get_proto_name(a->module, app));
}

/* nDPI cuts Host at a colon: what is left of "user:password@host" has no dot as a rule. */
static void write_host(char host[NDPI_HOST_SIZE], const char *from, size_t size)
{
	bool dotted = false;
	size_t n = 0;

	for (; n < size && n < NDPI_HOST_SIZE - 1 && is_host_byte(from[n]); n++)
		dotted |= from[n] == '.';
	if (!dotted || (n < size && from[n] != '\0'))
		n = 0;
	memcpy(host, from, n);
	host[n] = '\0';
}

/* How sure nDPI is; NONE: no more than a port or an address tells. */
static enum guess_confidence confidence_of(const struct ndpi_guess *g)
{
	switch (g->flow.confidence) {
	case NDPI_CONFIDENCE_DPI:
		return GUESS_CONFIDENCE_DPI;
	case NDPI_CONFIDENCE_DPI_CACHE: /* BitTorrent at its first packet already */
		return GUESS_CONFIDENCE_CACHE;
	case NDPI_CONFIDENCE_UNKNOWN:
	case NDPI_CONFIDENCE_MATCH_BY_PORT:
	case NDPI_CONFIDENCE_MATCH_BY_IP:
	case NDPI_CONFIDENCE_MAX:
		break;
	}
	return GUESS_CONFIDENCE_NONE;
}

static void conclude(struct ndpi_adapter *a, struct ndpi_guess *g,
		     struct ndpi_answer *ret)
{
	u_int8_t guessed = 0;
	const ndpi_protocol found =
		ndpi_detection_giveup(a->module, &g->flow, 0, &guessed);
	const enum guess_confidence confidence = confidence_of(g);

	if (guessed != 0 || confidence == GUESS_CONFIDENCE_NONE ||
	    (found.master_protocol == NDPI_PROTOCOL_UNKNOWN &&
	     found.app_protocol == NDPI_PROTOCOL_UNKNOWN))
		return;
	write_word(a, &found, ret->word);
	write_host(ret->host, g->flow.host_server_name, sizeof(g->flow.host_server_name));
	ret->confidence = confidence;
}

void ndpi_guess_finish(struct ndpi_adapter *a, struct ndpi_guess *g,
		       struct ndpi_answer *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (g == NULL)
		return;
	at_work = &a->memory;
	if (g->ipsec) {
		(void)add_word(ret->word, 0, "ipsec");
		ret->confidence = GUESS_CONFIDENCE_HEADER;
	} else if (g->fed > 0 && !g->over) {
		conclude(a, g, ret);
	}
	ndpi_free_flow_data(&g->flow);
	at_work = NULL;
	g->next = a->unused;
	a->unused = g;
}

/* Of these bytes alone, and an end within the array. */
static bool is_text(const char *s, size_t size, bool (*is_one)(char))
{
	size_t n = 0;

	while (n < size && is_one(s[n]))
		n++;
	return n < size && s[n] == '\0';
}

bool ndpi_answer_is_sound(const struct ndpi_answer *a)
{
	if (!is_text(a->word, sizeof(a->word), is_word_byte) ||
	    !is_text(a->host, sizeof(a->host), is_host_byte) ||
	    a->confidence >= GUESS_CONFIDENCE_COUNT)
		return false;
	return (a->word[0] != '\0') == (a->confidence != GUESS_CONFIDENCE_NONE) &&
	       (a->word[0] != '\0' || a->host[0] == '\0');
}
