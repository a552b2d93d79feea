/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rejudge.h"

#include <string.h>

#include "config/identity.h"
#include "record/pseudonym.h"

#define OF_GATES                                                             \
	(1u << UNDECIDABLE_SHARED_HOST | 1u << UNDECIDABLE_WHICH_CONNECTOR | \
	 1u << UNDECIDABLE_PATH_HIDDEN | 1u << UNDECIDABLE_DATABASE_HIDDEN | \
	 1u << UNDECIDABLE_EGRESS_UNKNOWN)

static const char *doubt(const struct generation *g, const struct recorded_flow *f)
{
	if (f->cut)
		return "its event was too long for a line, and was cut";
	if (f->undecidable == UNDECIDABLE_CONFLICT)
		return "its stream has several contents; the record does not say what "
		       "each of them asks for";
	if (f->url.len > 0 && memchr(f->url.p, '?', f->url.len) != NULL)
		return "its URL is kept without the values of its query";
	if (f->url.len > 0 && memchr(f->url.p, '*', f->url.len) != NULL)
		return "its URL is kept without the parts of its path that may be keys";
	if (pseudonym_is(f->principal) && policy_names_users(g->policy))
		return "its person is kept as a pseudonym, and rules ask who it is";
	return NULL;
}

static void fill_ends(const struct recorded_flow *f, const struct whereabouts *at,
		      struct subject *s)
{
	static const struct addr unknown = {{0}};

	s->inside = at->inside;
	s->peer = at->peer;
	s->inside_port = at->client_inside ? f->src_port : f->dst_port;
	s->peer_port = at->client_inside ? f->dst_port : f->src_port;
	s->server_port = f->dst_port;
	s->ip_proto = f->ip_proto;
	s->direction = at->direction;
	s->role = at->role;
	s->site = at->site;
	s->source = at->source;
	/* Without a translated port the address is the site's declared one, found again. */
	s->egress_given = at->translated || f->src_nat_port != 0;
	s->egress = at->translated ? s->inside : s->egress_given ? f->src_nat : unknown;
}

/* A principal is a person, or a pseudonym, a MAC, an address, a network. */
static bool is_person(const struct recorded_flow *f)
{
	const struct str s = f->principal;
	struct prefix p;
	struct mac m;

	return s.len > 0 && f->shared.len == 0 && !pseudonym_is(s) && !mac_parse(s, &m) &&
	       prefix_parse(s.p, s.len, &p) != PREFIX_OK;
}

const char *rejudge(const struct generation *g, const struct recorded_flow *f,
		    struct rejudged *ret)
{
	struct subject *s = &ret->subject;
	struct whereabouts at;

	memset(ret, 0, sizeof(*ret));
	generation_locate(g, &f->src, &f->dst, &at);
	fill_ends(f, &at, s);
	s->protocol = f->protocol;
	s->evidence = f->evidence;
	s->corroboration = f->corroboration;
	s->visibility = f->visibility;
	/* Those of gates are found again. */
	s->undecidable = (OF_GATES & 1u << f->undecidable) != 0 ? UNDECIDABLE_NONE
								: f->undecidable;
	s->flags = f->flags;
	/* Of an Encrypted Client Hello the record shows the outer name, which decides nothing. */
	s->user = is_person(f) ? f->principal : STR_NONE;
	s->host = f->undecidable == UNDECIDABLE_ECH_USED ? STR_NONE : f->host;
	s->url = f->url;
	s->database = f->database;
	s->ja4 = f->ja4;
	s->time_us = f->time_us;
	/* What a range says is the generation's to say. */
	if (s->corroboration == CORROBORATION_RANGE_CLOUD ||
	    s->corroboration == CORROBORATION_RANGE_SERVICE)
		s->corroboration = CORROBORATION_NONE;
	generation_describe(g, s, &ret->service, &ret->place);
	if (f->reason == VERDICT_REASON_ADDRESS) {
		s->name_pending = true;
		if (policy_decide_early(g->policy, s, &ret->decision))
			return NULL;
		s->name_pending = false;
		policy_decide(g->policy, s, &ret->decision);
		return "it was denied at its first packet, before it could say a name";
	}
	policy_decide(g->policy, s, &ret->decision);
	return doubt(g, f);
}
