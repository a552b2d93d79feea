/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "identify/dns.h"
#include "identify/quic.h"

#define QUIC_PORT 443 /* where datagrams of other shapes may precede a QUIC handshake */

/* Datagrams of versions that cannot be read, after which no other is expected. */
#define UNKNOWN_VERSIONS_MAX 3

enum kind { /* datagram_state.kind: what the client has shown so far, by rising proof */
	KIND_NOTHING = 0,
	KIND_JUNK,    /* on QUIC's port, no QUIC header */
	KIND_SHORT,   /* short headers: a connection whose start was not seen */
	KIND_VERSION, /* long headers of versions that are not read */
	KIND_LONG,    /* long headers, no Initial */
	KIND_INITIAL,
};

/* A DNS message?  *ret_why: what a resolver would not answer. */
static bool is_dns(const uint8_t *data, size_t len, bool from_client, uint16_t port,
		   enum undecidable *ret_why)
{
	struct dns_message m;
	enum dns_fault fault;

	if (len < DNS_HEADER_LEN)
		return false;
	fault = dns_parse(data, len, &m);
	if (port != DNS_PORT && port != MDNS_PORT) {
		*ret_why = UNDECIDABLE_NONE;
		return from_client && fault == DNS_FINE &&
		       dns_is_plain_query(&m, data, len);
	}
	if (fault == DNS_NOT_DNS) {
		*ret_why = UNDECIDABLE_NONE;
		return from_client && port == DNS_PORT &&
		       dns_parse_upkeep(data, len) == DNS_FINE;
	}
	*ret_why = from_client && port == DNS_PORT ? dns_refused(&m, fault)
						   : UNDECIDABLE_NONE;
	return true;
}

static enum identify_step settle(struct identify *id, struct facts *f,
				 enum protocol protocol, enum undecidable why)
{
	f->protocol = protocol;
	f->undecidable = why;
	return identify_settle(id, f);
}

/* No more datagrams, or no patience for more. */
static enum identify_step give_up(struct identify *id, const struct datagram_state *st,
				  struct facts *f)
{
	switch ((enum kind)st->kind) {
	case KIND_NOTHING:
	case KIND_JUNK:
		break;
	case KIND_SHORT:
	case KIND_LONG:
		return settle(id, f, PROTOCOL_QUIC, UNDECIDABLE_QUIC_MIDSTREAM);
	case KIND_VERSION:
		return settle(id, f, PROTOCOL_QUIC, UNDECIDABLE_QUIC_VERSION);
	case KIND_INITIAL:
		return settle(id, f, PROTOCOL_QUIC,
			      st->discarded && !st->opened ? UNDECIDABLE_MALFORMED_HELLO
							   : UNDECIDABLE_INCOMPLETE);
	}
	return settle(id, f, PROTOCOL_UNKNOWN, UNDECIDABLE_NONE);
}

/* RFC 9000 17.3: header form 0, fixed bit 1, at least 21 bytes to be sampled. */
bool identify_is_short_header(const uint8_t *data, size_t len)
{
	return len >= 21 && (data[0] & 0xc0) == 0x40;
}

static enum kind kind_of(const uint8_t *data, size_t len, uint16_t port,
			 struct quic_long *ret)
{
	if (quic_read_long(data, len, ret)) {
		if (quic_version_find(ret->version) != NULL)
			return KIND_LONG;
		/* Unknown versions: only what is shaped like a first QUIC datagram. */
		if (ret->version != 0 && (ret->first & 0x40) != 0 &&
		    (len >= QUIC_DATAGRAM_MIN || port == QUIC_PORT))
			return KIND_VERSION;
	}
	if (port != QUIC_PORT)
		return KIND_NOTHING;
	return identify_is_short_header(data, len) ? KIND_SHORT : KIND_JUNK;
}

struct str identify_initial_dcid(const uint8_t *data, size_t len)
{
	const struct quic_version *v;
	struct quic_long head;

	/* Other packets may stand in front of the Initial. */
	if (len < QUIC_DATAGRAM_MIN || !quic_read_long(data, len, &head) ||
	    (v = quic_version_find(head.version)) == NULL ||
	    !quic_holds_initial(v, cur_init(data, len)))
		return STR_NONE;
	return (struct str){(const char *)head.dcid, head.dcid_len};
}

static enum identify_step client_datagram(struct identify *id, struct datagram_state *st,
					  struct cursor data, uint16_t port,
					  const struct crypto_sink *sink, struct facts *f)
{
	struct quic_long head;
	enum kind kind = kind_of(data.p, data.left, port, &head);

	if (kind == KIND_NOTHING && st->kind == KIND_NOTHING)
		return settle(id, f, PROTOCOL_UNKNOWN, UNDECIDABLE_NONE);
	if (kind == KIND_LONG) {
		enum quic_seen seen = quic_client_datagram(
			id, st, quic_version_find(head.version), data, sink, f);

		f->quic_version = st->opened ? st->version : head.version;
		if (seen == QUIC_HELLO) {
			f->protocol = PROTOCOL_QUIC;
			return identify_settle(id, f);
		}
		if (seen == QUIC_OTHER)
			return IDENTIFY_OTHER;
		kind = seen == QUIC_INITIAL ? KIND_INITIAL : KIND_LONG;
	} else if (kind == KIND_VERSION) {
		st->unknown_versions++;
		if (f->quic_version == 0)
			f->quic_version = head.version;
	}
	if (kind > st->kind)
		st->kind = (uint8_t)kind;
	/* Amid a hello others are dropped by the server, and the budget of Initials is the limit. */
	if (st->opened && st->hello_len == 0 && !st->answered_unseen)
		return IDENTIFY_MORE;
	if (++st->datagrams >= IDENTIFY_DATAGRAMS_MAX ||
	    (st->kind == KIND_VERSION && st->unknown_versions >= UNKNOWN_VERSIONS_MAX))
		return give_up(id, st, f);
	return IDENTIFY_MORE;
}

/* NOLINTNEXTLINE(readability-function-size): a datagram, its flow's state and its facts */
enum identify_step identify_datagram(struct identify *id, struct datagram_state *st,
				     const uint8_t *data, size_t len, bool from_client,
				     bool final, uint16_t port,
				     const struct crypto_sink *sink, struct facts *f)
{
	enum identify_step step;
	enum undecidable why;

	if (data != NULL && len > 0) {
		if (is_dns(data, len, from_client, port, &why))
			return settle(id, f, PROTOCOL_DNS, why);
		step = from_client ? client_datagram(id, st, cur_init(data, len), port,
						     sink, f)
				   : quic_server_datagram(id, st, data, len, sink, f);
		if (step != IDENTIFY_MORE)
			return step;
	}
	return final ? give_up(id, st, f) : IDENTIFY_MORE;
}
