/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoints - gate endpoints: the ordered lists of Microsoft's connector endpoint filter,
 * asked with the endpoint that is really connected to.
 *
 * What the wire hides is `*` in the endpoint, and a pattern then matches, does not, or may
 * (match/glob).  Spellings of one endpoint, name and address, are no candidates: a line
 * matches when any of them does.  Packet path: nothing here allocates.
 */
#include <string.h>

#include "match/glob.h"
#include "policy/program.h"

#define SPELLINGS_MAX  4
#define SPELLING_BYTES 1400 /* URL, or two names and a port */

struct endpoint {
	size_t count;
	struct str spellings[SPELLINGS_MAX];
	char bytes[SPELLINGS_MAX][SPELLING_BYTES];
	enum undecidable why; /* when a part is hidden that a line asks about */
};

/* ---- which lists ------------------------------------------------------------------------- */

static bool is_blob_host(struct str host)
{
	static const char *const tails[] = {
		".blob.core.windows.net",
		".blob.core.usgovcloudapi.net",
		".blob.core.chinacloudapi.cn",
		".blob.storage.azure.net",
	};

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		if (str_ends_with(host, str_of(tails[i])))
			return true;
	return false;
}

/* SMTP by RFC 5321 and RFC 6409, submission over TLS by RFC 8314; TDS by its usual port. */
static enum family family_of(const struct subject *s)
{
	uint16_t port = s->server_port;

	if (s->protocol == PROTOCOL_TDS || port == 1433)
		return FAMILY_SQL;
	if (s->protocol == PROTOCOL_SMTP || port == 25 || port == 465 || port == 587)
		return FAMILY_SMTP;
	if (s->protocol != PROTOCOL_TLS && s->protocol != PROTOCOL_QUIC &&
	    s->protocol != PROTOCOL_HTTP && port != 443 && port != 80)
		return FAMILY_COUNT;
	return is_blob_host(s->host) ? FAMILY_BLOB : FAMILY_HTTP;
}

static bool is_beside(const struct question *q, const struct endpoints *l)
{
	return l->beside != NULL && service_set_has(l->beside, q->s->service->service);
}

static bool is_infrastructure(const struct question *q)
{
	const struct program *p = q->p;

	if (!p->has_infrastructure)
		return false;
	return p->infrastructure_is_hosts ? set_has(q->host, p->infrastructure_set)
					  : set_has(q->peer, p->infrastructure_set);
}

static bool is_from(const struct question *q, const struct endpoints *l)
{
	return (l->roles >> q->s->role & 1) != 0 &&
	       (l->bound == NULL || bitset_meets(l->bound, q->bound));
}

static bool is_for(const struct question *q, const struct endpoints *l,
		   enum family family, bool report)
{
	return l->family == family && is_from(q, l) && (report || !l->report_only) &&
	       !is_beside(q, l);
}

/* ---- spellings --------------------------------------------------------------------------- */

static void put(char *buf, size_t *len, struct str s, bool lower)
{
	if (s.len > SPELLING_BYTES - *len)
		s.len = SPELLING_BYTES - *len;
	for (size_t i = 0; i < s.len; i++)
		buf[(*len)++] = lower ? ascii_lower(s.p[i]) : s.p[i];
}

static void put_port(char *buf, size_t *len, uint16_t port)
{
	char digits[5];
	size_t n = sizeof(digits);

	do
		digits[--n] = (char)('0' + port % 10);
	while ((port /= 10) != 0);
	put(buf, len, (struct str){digits + n, sizeof(digits) - n}, false);
}

/* One spelling, `server` in the place where a name or an address stands. */
static void spell(const struct subject *s, enum family family, struct str server,
		  struct endpoint *e)
{
	char *buf = e->bytes[e->count];
	bool clear = s->protocol == PROTOCOL_HTTP;
	size_t len = 0;

	switch (family) {
	case FAMILY_SQL:
		put(buf, &len, server, true);
		put(buf, &len, STR(","), false);
		put(buf, &len, s->database.len > 0 ? s->database : STR("*"), true);
		break;
	case FAMILY_SMTP:
		put(buf, &len, server, true);
		put(buf, &len, STR(","), false);
		put_port(buf, &len, s->server_port);
		break;
	case FAMILY_BLOB:
		put(buf, &len, server, true);
		break;
	case FAMILY_HTTP:
		put(buf, &len, clear ? STR("http://") : STR("https://"), false);
		put(buf, &len, server, true);
		if (s->server_port != (clear ? 80 : 443)) {
			put(buf, &len, STR(":"), false);
			put_port(buf, &len, s->server_port);
		}
		put(buf, &len, STR("/*"), false);
		break;
	case FAMILY_COUNT:
		break;
	}
	e->spellings[e->count++] = (struct str){buf, len};
}

/*
 * The URL as read, or with `server` in place of the name (absent: as it is).  The query is
 * hidden: facts keep no query values.
 */
static void spell_url(const struct subject *s, struct str server, struct endpoint *e)
{
	const char *mark = memchr(s->url.p, '?', s->url.len);
	struct str url = s->url;
	char *buf = e->bytes[e->count];
	size_t len = 0;

	if (mark != NULL)
		url.len = (size_t)(mark - url.p) + 1;
	if (server.len > 0) {
		const char *colon = memmem(url.p, url.len, "://", 3);
		size_t host = colon == NULL ? 0 : (size_t)(colon - url.p) + 3;
		size_t end = host;

		while (end < url.len && url.p[end] != '/' && url.p[end] != ':' &&
		       url.p[end] != '?')
			end++;
		put(buf, &len, (struct str){url.p, host}, false);
		put(buf, &len, server, true);
		url = (struct str){url.p + end, url.len - end};
	}
	put(buf, &len, url, false);
	if (mark != NULL)
		put(buf, &len, STR("*"), false);
	e->spellings[e->count++] = (struct str){buf, len};
}

static void spell_all(const struct question *q, enum family family, struct endpoint *e)
{
	const struct subject *s = q->s;
	char address[ADDR_TEXT_MAX];
	struct str account = s->host;
	struct str server = {address, addr_format(&s->peer, address)};
	const char *dot;

	e->count = 0;
	e->why = family == FAMILY_SQL ? UNDECIDABLE_DATABASE_HIDDEN
				      : UNDECIDABLE_PATH_HIDDEN;
	if (q->blank_host)
		e->why = s->undecidable != UNDECIDABLE_NONE ? s->undecidable
							    : UNDECIDABLE_NO_HOST;
	if (family == FAMILY_HTTP && s->visibility == VISIBILITY_URL && s->url.len > 0) {
		spell_url(s, STR_NONE, e);
		spell_url(s, server, e);
		return;
	}
	spell(s, family, q->blank_host ? STR("*") : s->host, e);
	if (family == FAMILY_BLOB) {
		dot = memchr(account.p, '.', account.len);
		if (dot != NULL)
			account.len = (size_t)(dot - account.p);
		spell(s, family, account, e);
		return;
	}
	spell(s, family, server, e);
}

static enum tri match_pattern(const struct endpoint *e, struct str pattern)
{
	enum tri answer = TRI_NO;

	for (size_t i = 0; i < e->count && answer != TRI_YES; i++) {
		enum glob_answer one = glob_match(pattern, e->spellings[i]);

		if (one == GLOB_YES)
			answer = TRI_YES;
		else if (one == GLOB_MAYBE)
			answer = TRI_MAYBE;
	}
	return answer;
}

/* ---- lists ------------------------------------------------------------------------------- */

static struct walk walk_list(const struct endpoint *e, const struct endpoints *l)
{
	struct walk w = {.answer = ANSWER_NOT_CONCERNED, .by_report = l->report_only};
	bool maybe_allow = false, maybe_deny = false;
	uint32_t certain = RULE_NONE;

	for (uint32_t i = 0; i < l->count; i++) {
		const struct endpoint_line *line = &l->list[i];
		enum tri t = match_pattern(e, line->pattern);

		if (t == TRI_NO)
			continue;
		if (line->action == ACTION_DENY)
			maybe_deny = true;
		else
			maybe_allow = true;
		if (w.rule == RULE_NONE)
			w.rule = line->rule;
		certain = line->rule;
		if (t == TRI_YES)
			break;
	}
	/* The last line is "*" and matches all: one of both is true. */
	if (maybe_allow && maybe_deny) {
		w.answer = ANSWER_UNDECIDABLE;
		w.why = e->why;
	} else {
		w.answer = maybe_deny ? ANSWER_DENY : ANSWER_ALLOW;
		w.rule = certain;
	}
	return w;
}

static int rank(enum answer a)
{
	return a == ANSWER_DENY ? 3 : a == ANSWER_UNDECIDABLE ? 2 : a == ANSWER_ALLOW;
}

/* All lists of one connector: the most restrictive answer. */
static struct walk walk_connector(const struct question *q, const struct endpoint *e,
				  enum family family, uint32_t first, bool report)
{
	const struct endpoints *lists = q->p->lists;
	struct walk w = walk_list(e, &lists[first]);

	for (uint32_t i = first + 1; i < q->p->list_count; i++) {
		struct walk one;

		if (lists[i].connector != lists[first].connector ||
		    !is_for(q, &lists[i], family, report))
			continue;
		one = walk_list(e, &lists[i]);
		one.by_report = one.by_report || w.by_report;
		if (rank(one.answer) > rank(w.answer))
			w = one;
	}
	return w;
}

static bool came_before(const struct question *q, enum family family, uint32_t at,
			bool report)
{
	const struct endpoints *lists = q->p->lists;

	for (uint32_t i = 0; i < at; i++)
		if (lists[i].connector == lists[at].connector &&
		    is_for(q, &lists[i], family, report))
			return true;
	return false;
}

static struct walk walk_family(const struct question *q, enum family family, bool report)
{
	struct walk all = {.answer = ANSWER_NOT_CONCERNED};
	struct endpoint e;
	bool spelled = false;

	for (uint32_t i = 0; i < q->p->list_count; i++) {
		struct walk one;

		if (!is_for(q, &q->p->lists[i], family, report) ||
		    came_before(q, family, i, report))
			continue;
		if (!spelled)
			spell_all(q, family, &e);
		one = walk_connector(q, &e, family, i, report);
		one.by_report = one.by_report || all.by_report;
		if (!spelled) {
			all = one;
		} else if (all.answer != one.answer) {
			all.answer = ANSWER_UNDECIDABLE;
			all.why = UNDECIDABLE_WHICH_CONNECTOR;
		}
		all.by_report = one.by_report;
		spelled = true;
	}
	return all;
}

static struct walk walk_lists(const struct question *q, bool report)
{
	struct walk none = {.answer = ANSWER_NOT_CONCERNED};
	const struct program *p = q->p;
	enum family family;
	bool any = false;

	for (uint32_t i = 0; i < p->list_count && !any; i++)
		any = is_from(q, &p->lists[i]) && (report || !p->lists[i].report_only);
	if (!any)
		return none;
	if (q->s->name_pending)
		return (struct walk){.answer = ANSWER_UNDECIDABLE,
				     .why = UNDECIDABLE_INCOMPLETE};
	if (q->s->service->platform || is_infrastructure(q))
		return none;
	family = family_of(q->s);
	return family == FAMILY_COUNT ? none : walk_family(q, family, report);
}

struct walks walk_endpoints(const struct question *q)
{
	struct walks w = {.is = walk_lists(q, false)};

	w.would = q->p->gates[GATE_ENDPOINTS].has_report ? walk_lists(q, true) : w.is;
	return w;
}
