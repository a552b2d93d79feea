/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_DNS_H
#define IDENTIFY_DNS_H

/*
 * dns - one DNS message (RFC 1035), of a query or an answer, on any port.
 *
 * Compression pointers only backwards and at most 64 jumps; names are lower-cased, at most
 * 255 bytes; a label holding a dot or a byte outside 0x21..0x7e makes the name malformed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "model/facts.h"

#define DNS_PORT       53
#define MDNS_PORT      5353
#define DNS_HEADER_LEN 12

#define DNS_ADDRESSES_MAX 32
#define DNS_CNAMES_MAX    16 /* resolvers follow no more: BIND 16, Unbound 11 */

struct dns_message {
	uint16_t id;
	bool is_answer;
	uint8_t rcode;
	bool truncated; /* TC bit */
	uint16_t qtype;
	uint16_t question_count;
	uint16_t name_len;
	char name[HOST_MAX + 1]; /* of the first question */
	size_t address_count;    /* A and AAAA answers, through the CNAME chain */
	bool more_addresses;     /* some did not fit */
	struct {
		struct addr addr;
		uint32_t ttl_s;
	} addresses[DNS_ADDRESSES_MAX];
	/* Of an HTTPS or SVCB answer with ech= (key 5): what a hello with ECH names in clear. */
	uint16_t ech_name_len; /* 0 = none */
	char ech_name[HOST_MAX + 1];
	uint32_t ech_ttl_s;
};

enum dns_fault {
	DNS_FINE = 0,
	DNS_SHORT,
	DNS_MALFORMED,
	DNS_NOT_DNS
};

/* `data` without the two length bytes of TCP.  Answers that do not follow from the question
 * through CNAMEs are left out. */
enum dns_fault dns_parse(const uint8_t *data, size_t len, struct dns_message *ret);

/*
 * A request by which zones are kept up to date, of one zone: UPDATE (RFC 2136 2.3) or NOTIFY (RFC 1996
 * 3.7).  dns_parse() says NOT_DNS of these: nobody asks for a name.  SHORT: the zone is not all there.
 */
enum dns_fault dns_parse_upkeep(const uint8_t *data, size_t len);

/*
 * A message that a port does not tell as DNS, just parsed as DNS_FINE: can it hardly be anything else?
 * One question with a dotted name, no records but one additional (EDNS), and not a byte more or less.
 */
bool dns_is_plain_query(const struct dns_message *m, const uint8_t *data, size_t len);

/*
 * Why a resolver answers a client's message with no name: it is broken, or a query with several
 * questions (RFC 9619 4).  Not of multicast DNS, which may ask several, and spaces are part of its
 * names (RFC 6762 5.3, RFC 6763 4.1).
 */
enum undecidable dns_refused(const struct dns_message *m, enum dns_fault fault);

#endif /* IDENTIFY_DNS_H */
