/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_NDPI_H
#define IDENTIFY_NDPI_H

/*
 * ndpi - nDPI behind one adapter: the protocol of what our own readers do not know.
 *
 * Never on the way to a name.  nDPI is C code that reads hostile bytes: it gets packets that
 * we wrote (ndpi_packet.h), of one transport protocol a flow, at most NDPI_PACKETS_MAX, and
 * its memory is given back at the answer.  Facts about 4.2 (Debian 12): one detection module
 * a thread; frees by the last packet's transport, so mixing transports in one flow structure
 * crashes it.  Its JSON is not used: that holds passwords.
 *
 * Memory: off the packet path's rules, nDPI allocates.  Every block goes through its hooks and
 * is counted, for a flow and in all.  nDPI does not expect a refusal everywhere, so the caps are
 * looked at behind each packet: over one, the flow's guess ends as unknown, counted; a packet
 * can go beyond a cap by what nDPI takes for one.  Small caches that the module makes at their first
 * use, 8 KiB each, are counted to the flow that made them.
 * Threads: an adapter belongs to one thread; the first is made while there is no other.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/names.h"
#include "model/packet.h"

#define NDPI_PACKETS_MAX 8
#define NDPI_WORD_SIZE   32 /* with the final 0 */
#define NDPI_HOST_SIZE   80

struct ndpi_cfg {
	size_t flow_bytes; /* a guess; 0 = 256 KiB */
	size_t bytes;      /* all of the adapter; 0 = 64 MiB */
};

struct ndpi_memory {
	uint64_t bytes, most; /* in use now, and at most so far */
	uint64_t over;        /* guesses that ended, or never began, for a cap */
};

/*
 * What nDPI says of a flow.  The word is lower case letters, digits, '-', '.' and '_' ("" =
 * unknown; guesses by port or address count as unknown): a protocol, or that and what it
 * carries ("netbios.smbv23").  "ipsec" is ours (ike.h), as nDPI 4.2 has no reader of it.  The host is a second opinion for the
 * log: letters, digits, '-', '.' and '_'; a name without a dot or with any other byte is left out,
 * for what nDPI takes for a host may be a user or hold a password.
 */
struct ndpi_answer {
	char word[NDPI_WORD_SIZE];
	char host[NDPI_HOST_SIZE];
	enum guess_confidence confidence; /* NONE if there is no word */
};

struct ndpi_adapter;
struct ndpi_guess; /* one flow's state */

struct ndpi_adapter *ndpi_adapter_create(
	const struct ndpi_cfg *cfg); /* NULL: out of memory */
void ndpi_adapter_destroy(struct ndpi_adapter *a);
struct ndpi_memory ndpi_adapter_memory(const struct ndpi_adapter *a);

/* NULL: over a cap, counted, or out of memory. */
struct ndpi_guess *ndpi_guess_start(struct ndpi_adapter *a, uint8_t ip_proto);

/*
 * Feed a packet of ndpi_packet_normalize(); others and those of another transport are left
 * out.  True when nDPI has its answer or has had enough.  Then, or at the flow's end,
 * ndpi_guess_finish() tells the answer and frees the state.
 */
bool ndpi_guess_feed(struct ndpi_adapter *a, struct ndpi_guess *g, const uint8_t *packet,
		     size_t len, int64_t time_us);
void ndpi_guess_finish(struct ndpi_adapter *a, struct ndpi_guess *g,
		       struct ndpi_answer *ret);

/* Is it what ndpi_guess_finish() may have written?  For those who got it from somebody else. */
bool ndpi_answer_is_sound(const struct ndpi_answer *a);

const char *ndpi_library_version(void);

#endif /* IDENTIFY_NDPI_H */
