/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match - do the conditions of a line hold for a connection?
 *
 * Packet path: nothing here allocates.
 */
#include <string.h>

#include "policy/program.h"

/* ---- the question ------------------------------------------------------------------------ */

static void add_sets(const struct postings *k, uint32_t key, uint64_t *ret)
{
	for (uint32_t i = k->first[key]; i < k->first[key + 1]; i++)
		ret[k->sets[i] / 64] |= (uint64_t)1 << (k->sets[i] % 64);
}

static void clear_sets(const struct postings *k, uint64_t *ret)
{
	memset(ret, 0, (k->set_count + 63) / 64 * sizeof(*ret));
}

static void find_host(struct question *q)
{
	const struct program *p = q->p;
	struct str host = q->s->host;
	uint32_t found[FOUND_MAX];
	size_t n;

	clear_sets(&p->host_keys, q->host);
	if (p->host_keys.key_count == 0 || host.len == 0)
		return;
	n = suffix_find(p->hosts, host, found, FOUND_MAX);
	if (n < FOUND_MAX) {
		for (size_t i = 0; i < n; i++)
			add_sets(&p->host_keys, found[i], q->host);
		return;
	}
	/* More than were asked for may match: rare, slow, and still right. */
	for (uint32_t i = 0; i < p->host_keys.key_count; i++)
		if (suffix_match(p->host_patterns[i], host))
			add_sets(&p->host_keys, i, q->host);
}

/* `ret` is clear. */
static void find_address(const struct program *p, const struct addr *a, uint64_t *ret)
{
	/* Keys are different prefixes: at most one of each length contains an address. */
	uint32_t found[129];
	size_t n;

	if (p->prefix_keys.key_count == 0)
		return;
	n = prefixes_find(p->prefixes, a, found, 129);
	for (size_t i = 0; i < n; i++)
		add_sets(&p->prefix_keys, found[i], ret);
}

static bool is_zero(const struct addr *a)
{
	static const struct addr zero;

	return addr_equal(a, &zero);
}

void question_init(struct question *q, const struct program *p, const struct subject *s)
{
	q->p = p;
	q->s = s;
	q->exception = NULL;
	q->blank_host = s->host.len == 0 && !s->name_pending;
	q->egress_known = !is_zero(&s->egress);
	q->in_scope = s->in_scope;
	find_host(q);
	clear_sets(&p->prefix_keys, q->inside);
	clear_sets(&p->prefix_keys, q->peer);
	clear_sets(&p->prefix_keys, q->egress);
	if (p->asks_inside)
		find_address(p, &s->inside, q->inside);
	if (p->asks_peer)
		find_address(p, &s->peer, q->peer);
	if (p->asks_egress && q->egress_known)
		find_address(p, &s->egress, q->egress);
	q->bound = program_bound(p, &s->inside);
	question_own(q);
}

/* ---- parts ------------------------------------------------------------------------------- */

static enum tri yes_if(bool b)
{
	return b ? TRI_YES : TRI_NO;
}

static bool mask_has(uint64_t mask, unsigned bit)
{
	return bit < 64 && (mask >> bit & 1) != 0;
}

/* Is one of the kinds in the mask of this ownership?  Blank when the name has none of them. */
static enum tri ask_ownership(const struct question *q, const struct part *t)
{
	enum ownership want = (enum ownership)(
		t->field == FIELD_UNKNOWN ? OWNERSHIP_UNKNOWN
					  : t->field - FIELD_OWN + OWNERSHIP_OWN);
	enum tri answer = TRI_BLANK;

	for (unsigned k = 0; k < OWN_KIND_COUNT; k++) {
		if (!mask_has(t->mask, k) || q->own[k] == OWNERSHIP_COUNT)
			continue;
		if (q->own[k] == want)
			return TRI_YES;
		answer = TRI_NO;
	}
	return answer;
}

static enum tri ask_connector(const struct question *q, const struct part *t)
{
	const struct service *v = q->s->service;

	if (t->mask != 0) /* any */
		return yes_if(v->connector_count > 0);
	for (size_t i = 0; i < v->connector_count; i++)
		if (bitset_has(t->u.ids, v->connectors[i].connector))
			return TRI_YES;
	return TRI_NO;
}

static enum tri ask_country(const struct question *q, const struct part *t)
{
	const struct country_set *set = t->u.countries;
	const char *c = q->s->place->country;
	bool known = c[0] >= 'A' && c[0] <= 'Z' && c[1] >= 'A' && c[1] <= 'Z';

	if (known) {
		unsigned i = (unsigned)(c[0] - 'A') * 26 + (unsigned)(c[1] - 'A');

		if ((set->bits[i / 64] >> (i % 64) & 1) != 0)
			return TRI_YES;
	} else if (set->unknown) {
		return TRI_YES;
	}
	if (!set->not_expected)
		return TRI_NO;
	/* A name may still bring what its region expects; a no by the site stays a no. */
	if (q->s->country_expected == KNOWN_NO)
		return TRI_YES;
	if (q->s->name_pending)
		return TRI_MAYBE;
	return q->s->country_expected == KNOWN_UNKNOWN ? TRI_BLANK : TRI_NO;
}

static enum tri ask_tag(const struct question *q, const struct part *t)
{
	const struct place *p = q->s->place;

	for (size_t i = 0; i < p->tag_count; i++)
		if (bitset_has(t->u.ids, p->tags[i]))
			return TRI_YES;
	return TRI_NO;
}

static enum tri ask_asn(const struct question *q, const struct part *t)
{
	const struct number_set *set = t->u.numbers;
	uint32_t asn = q->s->place->asn;
	uint32_t low = 0, high = set->count;

	if (asn == 0)
		return TRI_BLANK;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (set->numbers[middle] == asn)
			return TRI_YES;
		if (set->numbers[middle] < asn)
			low = middle + 1;
		else
			high = middle;
	}
	return TRI_NO;
}

static enum tri ask_port(const struct question *q, const struct part *t)
{
	uint16_t port = q->s->server_port;

	for (uint32_t i = 0; i < t->count; i++)
		if (port >= t->u.ranges[i].low && port <= t->u.ranges[i].high)
			return TRI_YES;
	return TRI_NO;
}

static enum tri ask_proto(const struct question *q, const struct part *t)
{
	const struct subject *s = q->s;
	bool icmp = s->ip_proto == 1 || s->ip_proto == 58;

	if ((t->transports[s->ip_proto / 32] >> (s->ip_proto % 32) & 1) != 0)
		return TRI_YES;
	if (icmp && mask_has(t->mask, PROTOCOL_ICMP))
		return TRI_YES;
	if (s->name_pending)
		return t->mask == 0 ? TRI_NO : TRI_MAYBE;
	return yes_if(mask_has(t->mask, s->protocol));
}

static enum tri ask_ja4(const struct question *q, const struct part *t)
{
	if (q->s->ja4.len == 0)
		return TRI_BLANK;
	for (uint32_t i = 0; i < t->count; i++)
		if (str_equal(t->u.texts[i], q->s->ja4))
			return TRI_YES;
	return TRI_NO;
}

/* While the hello is to come it may yet tell that many people share the address. */
static enum tri ask_user(const struct question *q, const struct part *t)
{
	uint32_t low = 0, high = t->count;

	if (q->s->user.len == 0)
		return TRI_BLANK;
	if (q->s->name_pending)
		return TRI_MAYBE;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = str_compare_fold(t->u.texts[middle], q->s->user);

		if (order == 0)
			return TRI_YES;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return TRI_NO;
}

/* What only the name tells: not yet, not at all, or as the part says. */
static enum tri ask_name(const struct question *q, const struct part *t)
{
	const struct subject *s = q->s;

	if (s->name_pending)
		return TRI_MAYBE;
	if (q->blank_host)
		return TRI_BLANK;
	if (t->field == FIELD_ENVIRONMENT)
		return yes_if(q->environment != ENVIRONMENT_NONE &&
			      bitset_has(t->u.ids, q->environment));
	if (t->field == FIELD_SERVICE)
		return yes_if(service_set_has(t->u.services, s->service->service));
	if (t->field == FIELD_CONNECTOR)
		return ask_connector(q, t);
	if (t->field == FIELD_HOST)
		return yes_if(set_has(q->host, t->set));
	return ask_ownership(q, t);
}

/* What the connection's first bytes tell, whether or not they hold a name. */
static enum tri ask_head(const struct question *q, const struct part *t)
{
	if (q->s->name_pending)
		return TRI_MAYBE;
	if (t->field == FIELD_EVIDENCE)
		return yes_if(mask_has(t->mask, q->s->evidence));
	if (t->field == FIELD_CORROBORATION)
		return yes_if(mask_has(t->mask, q->s->corroboration));
	return ask_ja4(q, t);
}

static enum tri ask_time(const struct question *q, const struct part *t)
{
	const struct subject *s = q->s;
	const struct schedule *plan = t->u.schedule;
	const bool now = t->cut && s->now_us != 0;
	const enum known in_hours = now ? s->in_hours_now : s->in_hours;

	if (t->field == FIELD_DURING)
		return yes_if(calendar_open(&plan->hours, NULL,
					    plan->zone != NULL ? plan->zone : s->zone,
					    now ? s->now_us : s->time_us));
	if (in_hours == KNOWN_UNKNOWN)
		return TRI_BLANK;
	return yes_if((in_hours == KNOWN_NO) == (t->mask != 0));
}

static enum tri ask_part(const struct question *q, const struct part *t)
{
	const struct subject *s = q->s;

	switch (t->field) {
	case FIELD_ROLE:
		return yes_if(mask_has(t->mask, s->role));
	case FIELD_SOURCE:
		return yes_if(s->source != ID_NONE && bitset_has(t->u.ids, s->source));
	case FIELD_SITE:
		return yes_if(s->site != ID_NONE && bitset_has(t->u.ids, s->site));
	case FIELD_USER:
		return ask_user(q, t);
	case FIELD_INSIDE:
		return yes_if(set_has(q->inside, t->set));
	case FIELD_EGRESS:
		return !q->egress_known ? TRI_MAYBE : yes_if(set_has(q->egress, t->set));
	case FIELD_BOUND:
		return yes_if(bitset_meets(t->u.ids, q->bound));
	case FIELD_SCOPE:
		return yes_if(mask_has(t->mask, q->in_scope ? 0 : 1));
	case FIELD_ENVIRONMENT:
	case FIELD_OWN:
	case FIELD_PARTNER:
	case FIELD_FOREIGN:
	case FIELD_UNKNOWN:
	case FIELD_SERVICE:
	case FIELD_CONNECTOR:
	case FIELD_HOST:
		return ask_name(q, t);
	case FIELD_PEER:
		return yes_if(set_has(q->peer, t->set));
	case FIELD_COUNTRY:
		return ask_country(q, t);
	case FIELD_TAG:
		return ask_tag(q, t);
	case FIELD_ASN:
		return ask_asn(q, t);
	case FIELD_PORT:
		return ask_port(q, t);
	case FIELD_PROTO:
		return ask_proto(q, t);
	case FIELD_DIRECTION:
		return yes_if(mask_has(t->mask, s->direction));
	case FIELD_EVIDENCE:
	case FIELD_CORROBORATION:
	case FIELD_JA4:
		return ask_head(q, t);
	case FIELD_HOURS:
	case FIELD_DURING:
		return ask_time(q, t);
	case FIELD_REASON:
	case FIELD_COUNT:
		break;
	}
	return TRI_NO;
}

/* ---- lines ------------------------------------------------------------------------------- */

/*
 * Any alternative holds.  `not` turns yes and no around; what is not known stays unknown and
 * therefore matches neither way.
 */
static enum tri ask_test(const struct question *q, const struct test *t)
{
	enum tri answer = TRI_NO;

	for (uint32_t i = 0; i < t->part_count && answer != TRI_YES; i++) {
		enum tri one = ask_part(q, &t->parts[i]);

		if (one == TRI_YES || one == TRI_MAYBE ||
		    (one == TRI_BLANK && answer == TRI_NO))
			answer = one;
	}
	if (t->negated && answer == TRI_YES)
		return TRI_NO;
	if (t->negated && answer == TRI_NO)
		return TRI_YES;
	return answer;
}

enum tri line_match(const struct question *q, const struct line *l)
{
	enum tri answer = TRI_YES;

	if (q->s->time_us >= l->expires_us)
		return TRI_NO;
	for (uint32_t i = 0; i < l->test_count; i++) {
		enum tri one = ask_test(q, &l->tests[i]);

		if (one == TRI_NO || one == TRI_BLANK)
			return TRI_NO;
		if (one == TRI_MAYBE)
			answer = TRI_MAYBE;
	}
	return answer;
}

int line_failing(const struct question *q, const struct line *l)
{
	if (q->s->time_us >= l->expires_us)
		return LINE_EXPIRED;
	for (uint32_t i = 0; i < l->test_count; i++) {
		enum tri one = ask_test(q, &l->tests[i]);

		if (one == TRI_NO || one == TRI_BLANK)
			return (int)i;
	}
	return LINE_HOLDS;
}
