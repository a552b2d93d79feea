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
#include "policy/fold.h"
#include "policy/idn.h"
#include "policy/policy.h"
#include "policy/program.h"

#define SPELLINGS_MAX  8
#define SPELLING_BYTES GLOB_MAX /* longer ones end in a star: the rest is hidden */
/*
 * What one gate may look at, in bytes: 32 searches of the longest patterns in the longest
 * endpoints, about 300 of ordinary ones that three bytes in a row did not turn away, or all
 * lines of 32 full lists that they did.  Beyond it: undecidable(budget).
 */
#define WORK_MAX  ((size_t)32 << 10)
#define LINE_WORK 32 /* of asking a line, without searches */

struct spelling {
	struct glob_seen seen;
	bool weak; /* one of several that it may be: a match is none for certain */
};

struct endpoint {
	size_t count;
	bool firm;  /* some spelling is not weak */
	bool keyed; /* all have a key (fold.h): */
	uint32_t keys[SPELLINGS_MAX];
	struct spelling spellings[SPELLINGS_MAX];
	char bytes[SPELLINGS_MAX][SPELLING_BYTES];
	enum undecidable why; /* when a part is hidden that a line asks about */
	bool current; /* Dataverse: of an environment that the source is bound to */
	bool current_hidden; /* Dataverse: the source is bound to none */
	bool starred, open;  /* some spelling has a star; some ends with one */
	bool has_grams;
	uint64_t grams[GLOB_GRAM_WORDS]; /* of all spellings */
	size_t passed, asked; /* work: of lines passed over, of those that were asked */
};

/* ---- which lists ------------------------------------------------------------------------- */

#define ENDS_WITH(s, literal)                                                          \
	((s).len >= sizeof(literal) && memcmp((s).p + (s).len - (sizeof(literal) - 1), \
					      (literal), sizeof(literal) - 1) == 0)

static bool is_blob_host(struct str host)
{
	return ENDS_WITH(host, ".blob.core.windows.net") ||
	       ENDS_WITH(host, ".blob.core.usgovcloudapi.net") ||
	       ENDS_WITH(host, ".blob.core.chinacloudapi.cn") ||
	       ENDS_WITH(host, ".blob.storage.azure.net");
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

/* A Dataverse organization, by the catalogue or by the files. */
static bool is_organization(const struct question *q)
{
	const struct service *v = q->s->service;

	return v->organization_id[0] != '\0' || v->org.len > 0 ||
	       (q->environment != ENVIRONMENT_NONE &&
		q->p->environment_by_index[q->environment].orgs != NULL);
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

/* Does the exception in force lift this list? */
static bool is_lifted(const struct question *q, const struct endpoints *l)
{
	const struct line *x = q->exception;

	if (x == NULL)
		return false;
	if (l->family == FAMILY_CUSTOM)
		return x->skip_custom;
	return x->skip_lists != NULL && bitset_has(x->skip_lists, l->connector);
}

static bool is_from(const struct question *q, const struct endpoints *l)
{
	return !is_lifted(q, l) && (l->roles >> q->s->role & 1) != 0 &&
	       (l->bound == NULL || bitset_meets(l->bound, q->bound) != l->bound_negated);
}

static bool is_for(const struct question *q, const struct endpoints *l, bool report)
{
	return is_from(q, l) && (report || !l->report_only) && !is_beside(q, l);
}

/* ---- spellings --------------------------------------------------------------------------- */

/* A spelling being written. */
struct draft {
	char bytes[2 * SPELLING_BYTES];
	size_t len;
};

static void put(struct draft *d, struct str s)
{
	size_t room = sizeof(d->bytes) - d->len;

	if (s.len > room)
		s.len = room;
	if (s.len > 0)
		memcpy(d->bytes + d->len, s.p, s.len);
	d->len += s.len;
}

static void put_port(struct draft *d, uint16_t port)
{
	char digits[5];
	size_t n = sizeof(digits);

	do
		digits[--n] = (char)('0' + port % 10);
	while ((port /= 10) != 0);
	put(d, (struct str){digits + n, sizeof(digits) - n});
}

/*
 * What is too long, or has too many stars, is cut and ends in a star: all that it may be is
 * among what the shorter one may be, so a definite answer stays right.
 */
static struct str cut(char *p, size_t len)
{
	size_t stars = 0, n = 0;

	while (n < len && n < SPELLING_BYTES - 1 && stars < GLOB_STARS_MAX - 1)
		stars += p[n++] == '*';
	if (n == len)
		return (struct str){p, len};
	p[n] = '*';
	return (struct str){p, n + 1};
}

static void kept(struct endpoint *e)
{
	const struct spelling *s = &e->spellings[e->count++];

	e->firm = e->firm || !s->weak;
	e->starred = e->starred || s->seen.glob.has_star;
	e->open = e->open || (s->seen.glob.has_star && s->seen.glob.tail == 0);
}

/* Keep the first `len` bytes of the next spelling, which are folded. */
static void keep_folded(struct endpoint *e, size_t len, bool weak, uint32_t key)
{
	struct spelling *s = &e->spellings[e->count];

	glob_see(&s->seen, (struct str){e->bytes[e->count], len});
	s->weak = weak;
	e->keys[e->count] = key;
	kept(e);
}

/* Fold the draft and keep it as a spelling. */
static void keep(struct endpoint *e, enum family family, struct draft *d, bool weak)
{
	struct spelling *s = &e->spellings[e->count];
	char *p = e->bytes[e->count];
	struct str text;

	text = (struct str){
		d->bytes,
		endpoint_fold(family, (struct str){d->bytes, d->len}, d->bytes)};
	text = cut(d->bytes, text.len);
	memcpy(p, text.p, text.len);
	glob_see(&s->seen, (struct str){p, text.len});
	s->weak = weak;
	e->keyed = endpoint_key(s->seen.glob.text, &e->keys[e->count]) && e->keyed;
	kept(e);
}

/* RFC 3986 section 3.2.2: an IPv6 address stands between brackets. */
static void put_server(struct draft *d, struct str server)
{
	bool v6 = memchr(server.p, ':', server.len) != NULL;

	put(d, v6 ? STR("[") : STR(""));
	put(d, server);
	put(d, v6 ? STR("]") : STR(""));
}

static void put_origin(struct draft *d, const struct subject *s, struct str server)
{
	bool clear = s->protocol == PROTOCOL_HTTP;

	put(d, clear ? STR("http://") : STR("https://"));
	put_server(d, server);
	put(d, STR(":"));
	put_port(d, s->server_port);
}

/*
 * A URL of which no more than the origin is seen.  One without a path is written without the
 * slash, too: a line about that form alone may match.
 */
static void spell_origin(const struct subject *s, enum family family, struct str server,
			 struct endpoint *e)
{
	char *alone = e->bytes[e->count], *with_path = e->bytes[e->count + 1];
	bool path_weak = family == FAMILY_CUSTOM;
	struct origin o;
	struct draft d;

	if (endpoint_origin(server, s->protocol == PROTOCOL_HTTP, s->server_port, alone,
			    &o)) {
		memcpy(with_path, alone, o.len);
		with_path[o.len] = '/';
		with_path[o.len + 1] = '*';
		keep_folded(e, o.len, true, o.alone);
		keep_folded(e, o.len + 2, path_weak, o.with_path);
		return;
	}
	d.len = 0; /* its bytes are not cleared: they are many */
	put_origin(&d, s, server);
	keep(e, family, &d, true);
	d.len = 0;
	put_origin(&d, s, server);
	put(&d, STR("/*"));
	keep(e, family, &d, path_weak);
}

/* One spelling, `server` in the place where a name or an address stands. */
static void spell(const struct subject *s, enum family family, struct str server,
		  struct endpoint *e)
{
	struct draft d;

	d.len = 0; /* its bytes are not cleared: they are many */
	put(&d, server);
	if (family != FAMILY_BLOB)
		put(&d, STR(","));
	if (family == FAMILY_SMTP)
		put_port(&d, s->server_port);
	if (family == FAMILY_SQL)
		put(&d, s->database.len > 0 ? s->database : STR("*"));
	keep(e, family, &d, false);
}

/*
 * The URL as read, or with `server` in place of the name (absent: as it is).  The query is
 * hidden: facts keep no query values.
 */
static void spell_url(const struct subject *s, struct str server, struct endpoint *e)
{
	const char *mark = memchr(s->url.p, '?', s->url.len);
	struct str url = s->url;
	struct draft d;

	d.len = 0; /* its bytes are not cleared: they are many */
	if (mark != NULL)
		url.len = (size_t)(mark - url.p) + 1;
	if (server.len > 0) {
		const char *colon = memmem(url.p, url.len, "://", 3);
		size_t host = colon == NULL ? 0 : (size_t)(colon - url.p) + 3;
		size_t end = host;

		while (end < url.len && url.p[end] != '/' && url.p[end] != ':' &&
		       url.p[end] != '?')
			end++;
		put(&d, (struct str){url.p, host});
		put_server(&d, server);
		url = (struct str){url.p + end, url.len - end};
	}
	put(&d, url);
	if (mark != NULL || d.len == sizeof(d.bytes)) {
		d.len -= d.len == sizeof(d.bytes);
		put(&d, STR("*"));
	}
	keep(e, FAMILY_HTTP, &d, false);
	/* The same without the slash that stands for no path. */
	if (mark == NULL && url.len > 0 && url.p[url.len - 1] == '/' &&
	    memchr(url.p, '/', url.len - 1) == NULL) {
		d.len--;
		keep(e, FAMILY_HTTP, &d, false);
	}
}

/* The organization's GUIDs; a list of Dataverse allows the current environment first. */
static void spell_organization(const struct question *q, struct endpoint *e)
{
	const struct service *v = q->s->service;
	bool known = q->environment != ENVIRONMENT_NONE;
	const struct item *it =
		known ? q->p->environment_by_index[q->environment].orgs : NULL;
	struct draft d;

	d.len = 0; /* its bytes are not cleared: they are many */
	e->current_hidden = q->bound == NULL;
	e->current = known && q->bound != NULL && bitset_has(q->bound, q->environment);
	if (v->organization_id[0] != '\0') {
		put(&d, str_of(v->organization_id));
		keep(e, FAMILY_DATAVERSE, &d, false);
	}
	for (; it != NULL && e->count < SPELLINGS_MAX - 1; it = it->next) {
		d.len = 0;
		put(&d, it->text);
		keep(e, FAMILY_DATAVERSE, &d, false);
	}
	if (e->count > 0 && it == NULL)
		return;
	d.len = 0;
	put(&d, STR("*"));
	keep(e, FAMILY_DATAVERSE, &d, false);
}

static struct str first_label(struct str host)
{
	const char *dot = host.len == 0 ? NULL : memchr(host.p, '.', host.len);

	if (dot != NULL)
		host.len = (size_t)(dot - host.p);
	return host;
}

/*
 * The name and its first label; of storage's second name, the replica to read from, also what
 * the account is called by its first: who denies the account means its bytes.
 */
static void spell_account(const struct subject *s, struct str name, struct endpoint *e)
{
	const struct str replica = STR("-secondary");
	struct str label = first_label(name), account = label;
	struct draft d;

	spell(s, FAMILY_BLOB, name, e);
	spell(s, FAMILY_BLOB, label, e);
	if (label.len <= replica.len || !str_ends_with(label, replica))
		return;
	account.len -= replica.len;
	spell(s, FAMILY_BLOB, account, e);
	d.len = 0;
	put(&d, account);
	put(&d, (struct str){name.p + label.len, name.len - label.len});
	keep(e, FAMILY_BLOB, &d, false);
}

static void spell_http(const struct question *q, enum family family, struct str name,
		       struct str address, struct endpoint *e)
{
	const struct subject *s = q->s;

	if (family == FAMILY_HTTP && s->visibility == VISIBILITY_URL && s->url.len > 0) {
		spell_url(s, STR_NONE, e);
		spell_url(s, address, e);
		return;
	}
	spell_origin(s, family, name, e);
	if (family == FAMILY_HTTP && q->p->asks_address)
		spell_origin(s, family, address, e);
}

static void spell_all(const struct question *q, enum family family, struct endpoint *e)
{
	const struct subject *s = q->s;
	char address[ADDR_TEXT_MAX];
	struct str server = {address, addr_format(&s->peer, address)};
	struct str name = q->blank_host ? STR("*") : s->host;

	e->count = 0;
	e->firm = false;
	e->keyed = true;
	e->starred = false;
	e->open = false;
	e->has_grams = false;
	e->passed = 0;
	e->asked = 0;
	e->current = false;
	e->current_hidden = false;
	e->why = family == FAMILY_SQL ? UNDECIDABLE_DATABASE_HIDDEN
				      : UNDECIDABLE_PATH_HIDDEN;
	if (q->blank_host)
		e->why = s->undecidable != UNDECIDABLE_NONE ? s->undecidable
							    : UNDECIDABLE_NO_HOST;
	switch (family) {
	case FAMILY_HTTP:
	case FAMILY_CUSTOM:
		spell_http(q, family, name, server, e);
		break;
	case FAMILY_DATAVERSE:
		spell_organization(q, e);
		break;
	case FAMILY_BLOB:
		spell_account(s, name, e);
		break;
	case FAMILY_SQL:
	case FAMILY_SMTP:
	case FAMILY_SCREEN:
	case FAMILY_COUNT:
		spell(s, family, name, e);
		spell(s, family, server, e);
		break;
	}
}

/* Of a custom connector's URL any form may be meant: all must match, or none for certain. */
static enum tri match_all(struct endpoint *e, const struct glob *pattern)
{
	size_t yes = 0, no = 0;

	for (size_t i = 0; i < e->count; i++) {
		enum glob_answer one = glob_ask(pattern, &e->spellings[i].seen);

		yes += one == GLOB_YES;
		no += one == GLOB_NO;
	}
	return yes == e->count ? TRI_YES : no == e->count ? TRI_NO : TRI_MAYBE;
}

static enum tri match_any(struct endpoint *e, const struct glob *pattern)
{
	enum tri answer = TRI_NO;

	for (size_t i = 0; i < e->count && answer != TRI_YES; i++) {
		struct spelling *s = &e->spellings[i];
		enum glob_answer one = glob_ask(pattern, &s->seen);

		if (one == GLOB_YES && !s->weak)
			answer = TRI_YES;
		else if (one != GLOB_NO)
			answer = TRI_MAYBE;
	}
	return answer;
}

static void count_work(struct endpoint *e)
{
	e->passed += LINE_WORK;
	e->asked = 0;
	for (size_t i = 0; i < e->count; i++)
		e->asked += e->spellings[i].seen.work;
}

/*
 * May the line be passed over?  Then *ret is its answer.  A pattern with three bytes in a row
 * that no spelling has matches none for certain, and one without a star not at all.
 */
static bool pass_over(struct endpoint *e, const struct sieve *v, enum tri *ret)
{
	if (!e->has_grams) {
		memset(e->grams, 0, sizeof(e->grams));
		for (size_t i = 0; i < e->count; i++)
			glob_add_grams(e->spellings[i].seen.glob.text, e->grams);
		e->has_grams = true;
	}
	if (!glob_lacks_gram(v->grams, v->gram_count, e->grams) ||
	    (e->starred && !(e->open && v->open)))
		return false;
	e->passed++;
	*ret = e->starred ? TRI_MAYBE : TRI_NO;
	return true;
}

static enum tri match(struct endpoint *e, const struct endpoints *l, uint32_t i)
{
	const struct endpoint_line *line = &l->list[i];
	enum tri answer;

	if (line->all && (e->firm || l->family == FAMILY_CUSTOM))
		return TRI_YES;
	if (pass_over(e, &l->sieves[i], &answer))
		return answer;
	answer = l->family == FAMILY_CUSTOM ? match_all(e, &line->pattern)
					    : match_any(e, &line->pattern);
	count_work(e);
	return answer;
}

/* ---- which lines ------------------------------------------------------------------------- */

/* The lines of one list that may match, in their order. */
struct cursor {
	const struct keyed_line *keyed, *keyed_end;
};

struct lines_left {
	const struct endpoints *list;
	bool all; /* some spelling has no key */
	uint32_t at, loose;
	size_t count;
	struct cursor keys[SPELLINGS_MAX];
};

static void find_key(const struct endpoints *l, uint32_t key, struct cursor *ret)
{
	uint32_t low = 0, high = l->keyed_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (l->keyed[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	ret->keyed = l->keyed + low;
	while (high < l->keyed_count && l->keyed[high].key == key)
		high++;
	ret->keyed_end = l->keyed + high;
}

static inline bool may_have_key(const struct endpoints *l, uint32_t key)
{
	return (l->keys[key / 64 % 16] >> (key % 64) & 1) != 0;
}

/* For certain: are all lines with a key about other servers? */
static inline bool has_no_key(const struct endpoints *l, const struct endpoint *e)
{
	bool may = !e->keyed;

	for (size_t i = 0; i < e->count && !may; i++)
		may = may_have_key(l, e->keys[i]);
	return !may;
}

static void lines_start(struct lines_left *n, const struct endpoints *l,
			const struct endpoint *e)
{
	n->list = l;
	n->all = !e->keyed;
	n->at = 0;
	n->loose = 0;
	n->count = 0;
	for (size_t i = 0; i < e->count && !n->all; i++)
		if (may_have_key(l, e->keys[i]))
			find_key(l, e->keys[i], &n->keys[n->count++]);
}

/* The number of the next line, or the list's count. */
static uint32_t lines_next(struct lines_left *n)
{
	const struct endpoints *l = n->list;
	uint32_t first = n->loose < l->loose_count ? l->loose[n->loose] : l->count;

	if (n->all)
		return n->at < l->count ? n->at++ : l->count;
	for (size_t i = 0; i < n->count; i++)
		if (n->keys[i].keyed < n->keys[i].keyed_end &&
		    n->keys[i].keyed->line < first)
			first = n->keys[i].keyed->line;
	if (n->loose < l->loose_count && l->loose[n->loose] == first)
		n->loose++;
	for (size_t i = 0; i < n->count; i++)
		if (n->keys[i].keyed < n->keys[i].keyed_end &&
		    n->keys[i].keyed->line == first)
			n->keys[i].keyed++;
	return first;
}

/* ---- lists ------------------------------------------------------------------------------- */

static enum answer answer_of(const struct endpoint_line *line)
{
	if (line->ignores)
		return ANSWER_NOT_CONCERNED;
	return line->action == ACTION_DENY ? ANSWER_DENY : ANSWER_ALLOW;
}

static struct walk walk_list(struct endpoint *e, const struct endpoints *l)
{
	struct walk w = {.answer = ANSWER_NOT_CONCERNED, .by_report = l->report_only};
	bool any = false, differ = false, mixed = false, certain = false;
	struct lines_left left;

	if (l->rest != NULL && e->firm && has_no_key(l, e)) {
		w.answer = answer_of(l->rest);
		w.rule = l->rest->rule;
		return w;
	}
	lines_start(&left, l, e);
	for (uint32_t i; !certain && (i = lines_next(&left)) < l->count;) {
		const struct endpoint_line *line = &l->list[i];
		enum tri t = match(e, l, i);

		if (e->passed + e->asked > WORK_MAX)
			return (struct walk){.answer = ANSWER_UNDECIDABLE,
					     .why = UNDECIDABLE_BUDGET,
					     .rule = line->rule,
					     .by_report = l->report_only};
		if (t == TRI_NO)
			continue;
		certain = t == TRI_YES;
		mixed = mixed || (any && answer_of(line) != w.answer);
		/* Of custom connectors an answer that is no deny is no objection, or none. */
		differ = differ || (mixed && (answer_of(line) == ANSWER_DENY ||
					      w.answer == ANSWER_DENY));
		/* Of lines that agree the last, which is certain; else the first. */
		if (!any || !differ) {
			w.answer = answer_of(line);
			w.rule = line->rule;
		}
		any = true;
	}
	if (differ) {
		w.answer = ANSWER_UNDECIDABLE;
		w.why = e->why;
	} else if (mixed) {
		w.answer = ANSWER_NOT_CONCERNED;
		w.rule = RULE_NONE;
	}
	return w;
}

/* In a list of Dataverse the current environment is allowed before the first line. */
static struct walk walk_dataverse(struct endpoint *e, const struct endpoints *l)
{
	struct walk w = {.answer = ANSWER_ALLOW, .by_report = l->report_only};

	if (e->current)
		return w;
	w = walk_list(e, l);
	if (e->current_hidden && w.answer == ANSWER_DENY) {
		w.answer = ANSWER_UNDECIDABLE;
		w.why = e->why;
	}
	return w;
}

static int rank(enum answer a)
{
	return a == ANSWER_DENY ? 3 : a == ANSWER_UNDECIDABLE ? 2 : a == ANSWER_ALLOW;
}

/* What was found so far of a family. */
struct family_walk {
	struct endpoint *e;
	enum family family;
	bool report, spelled;
};

/* All lists of one connector, from `*at` on: the most restrictive answer. */
static bool walk_connector(const struct question *q, struct family_walk *f, uint32_t *at,
			   struct walk *ret)
{
	const struct endpoints *lists = q->p->lists;
	uint32_t end = q->p->family_first[f->family + 1], first = *at;
	bool any = false;

	for (; *at < end && lists[*at].connector == lists[first].connector; (*at)++) {
		const struct endpoints *l = &lists[*at];
		struct walk one;

		if (!is_for(q, l, f->report))
			continue;
		if (!f->spelled)
			spell_all(q, f->family, f->e);
		f->spelled = true;
		one = f->family == FAMILY_DATAVERSE ? walk_dataverse(f->e, l)
						    : walk_list(f->e, l);
		one.by_report = one.by_report || (any && ret->by_report);
		if (!any || rank(one.answer) > rank(ret->answer))
			*ret = one;
		ret->by_report = one.by_report;
		any = true;
	}
	return any;
}

static struct walk walk_family(const struct question *q, enum family family, bool report)
{
	struct walk all = {.answer = ANSWER_NOT_CONCERNED};
	struct endpoint e;
	struct family_walk f = {.e = &e, .family = family, .report = report};
	bool any = false;

	for (uint32_t i = q->p->family_first[family];
	     i < q->p->family_first[family + 1];) {
		struct walk one = {.answer = ANSWER_NOT_CONCERNED};

		if (!walk_connector(q, &f, &i, &one))
			continue;
		one.by_report = one.by_report || all.by_report;
		if (!any) {
			all = one;
		} else if (all.answer != one.answer) {
			bool budget = one.why == UNDECIDABLE_BUDGET ||
				      all.why == UNDECIDABLE_BUDGET;

			all.answer = ANSWER_UNDECIDABLE;
			all.why =
				budget ? UNDECIDABLE_BUDGET : UNDECIDABLE_WHICH_CONNECTOR;
		}
		all.by_report = one.by_report;
		any = true;
	}
	return all;
}

/* Is there a list of this gate for this source at all? */
static bool has_list(const struct question *q, uint32_t from, uint32_t end, bool report)
{
	const struct endpoints *lists = q->p->lists;

	for (uint32_t i = from; i < end; i++)
		if (is_from(q, &lists[i]) && (report || !lists[i].report_only))
			return true;
	return false;
}

/* Which family's lists gate endpoints asks; FAMILY_COUNT = none. */
static enum family family_asked(const struct question *q)
{
	const uint32_t *first = q->p->family_first;

	if (first[FAMILY_DATAVERSE + 1] > first[FAMILY_DATAVERSE] && is_organization(q))
		return FAMILY_DATAVERSE;
	return q->s->service->platform ? FAMILY_COUNT : family_of(q->s);
}

static struct walk walk_lists(const struct question *q, bool report)
{
	struct walk none = {.answer = ANSWER_NOT_CONCERNED};
	const uint32_t *first = q->p->family_first;
	enum family family;

	if (!has_list(q, 0, first[FAMILY_SCREEN], report))
		return none;
	if (q->s->name_pending)
		return (struct walk){.answer = ANSWER_UNDECIDABLE,
				     .why = UNDECIDABLE_INCOMPLETE};
	if (is_infrastructure(q))
		return none;
	family = family_asked(q);
	return family == FAMILY_COUNT ? none : walk_family(q, family, report);
}

struct walks walk_endpoints(const struct question *q)
{
	struct walks w = {.is = walk_lists(q, false)};

	w.would = q->p->gates[GATE_ENDPOINTS].has_report ? walk_lists(q, true) : w.is;
	return w;
}

/* ---- custom connectors ------------------------------------------------------------------- */

static struct walk walk_patterns(const struct question *q, bool report)
{
	struct walk none = {.answer = ANSWER_NOT_CONCERNED};
	const uint32_t *first = q->p->family_first;
	enum family family;
	struct walk w;

	if (!has_list(q, first[FAMILY_CUSTOM], first[FAMILY_CUSTOM + 1], report))
		return none;
	if (q->s->name_pending)
		return (struct walk){.answer = ANSWER_UNDECIDABLE,
				     .why = UNDECIDABLE_INCOMPLETE};
	family = family_of(q->s);
	if (q->blank_host || q->s->service->platform || is_infrastructure(q) ||
	    q->s->service->connector_count > 0 ||
	    (family != FAMILY_HTTP && family != FAMILY_BLOB))
		return none;
	w = walk_family(q, FAMILY_CUSTOM, report);
	return w.answer == ANSWER_NOT_CONCERNED ? none : w; /* group ignore */
}

struct walks walk_custom(const struct question *q)
{
	struct walks w = {.is = walk_patterns(q, false)};

	w.would = q->p->gates[GATE_CONNECTORS].has_report ? walk_patterns(q, true) : w.is;
	return w;
}

/* ---- one list, asked with a text --------------------------------------------------------- */

struct gate_answer policy_list_answer(const struct policy *p, uint32_t list,
				      struct str endpoint)
{
	struct gate_answer ret = {.answer = ANSWER_NOT_CONCERNED};
	const struct endpoint_list *l = p->ast.lists;
	struct endpoint e = {.why = UNDECIDABLE_PATH_HIDDEN, .keyed = true};
	struct draft d;
	struct walk w;

	d.len = 0; /* its bytes are not cleared: they are many */
	while (l != NULL && l->number != list)
		l = l->next;
	if (l == NULL)
		return ret;
	if (l->family == FAMILY_SQL)
		e.why = UNDECIDABLE_DATABASE_HIDDEN;
	if (endpoint_ascii(l->family, endpoint, d.bytes, sizeof(d.bytes), &d.len) !=
	    IDN_FINE) {
		d.len = 0;
		put(&d, endpoint);
	}
	keep(&e, l->family, &d, false);
	w = walk_list(&e, &p->program.lists[l->place]);
	ret.answer = w.answer;
	ret.why = w.why;
	ret.rule = w.rule;
	return ret;
}

/* ---- for the record ---------------------------------------------------------------------- */

static bool has_answer(const struct gate_answer *a)
{
	return a->answer == ANSWER_ALLOW || a->answer == ANSWER_DENY ||
	       a->answer == ANSWER_UNDECIDABLE || a->report != ANSWER_NOT_CONCERNED;
}

/* The line that answered, or would have; NULL = none. */
static const struct rule *rule_of(const struct policy *p, const struct gate_answer *a)
{
	uint32_t rule = a->rule != RULE_NONE ? a->rule : a->report_rule;

	return rule == RULE_NONE || rule > p->program.rule_count ? NULL
								 : p->program.rules[rule];
}

const struct endpoints *endpoint_list_of(const struct policy *p,
					 const struct gate_answer *a)
{
	const struct rule *r = rule_of(p, a);

	if (!has_answer(a) || r == NULL || r->kind != RULE_KIND_ENDPOINT)
		return NULL;
	for (const struct endpoint_list *l = p->ast.lists; l != NULL; l = l->next)
		for (const struct rule *one = l->rules; one != NULL; one = one->next)
			if (one == r)
				return &p->program.lists[l->place];
	return NULL;
}

enum tri endpoint_line_fits(const struct question *q, const struct endpoints *l,
			    uint32_t line)
{
	struct endpoint e;

	spell_all(q, l->family, &e);
	return match(&e, l, line);
}

/* The spelling that fits the line best; of two that fit alike, one that says what is hidden. */
static const struct spelling *spelling_for(struct endpoint *e, const struct rule *r)
{
	const struct spelling *best = NULL;
	int most = -1;

	for (size_t i = 0; i < e->count; i++) {
		const struct spelling *s = &e->spellings[i];
		enum glob_answer a =
			r == NULL ? GLOB_NO : glob_match(r->folded, s->seen.glob.text);
		int answer = a == GLOB_YES ? 2 : a == GLOB_MAYBE;
		int fit = 4 * answer + 2 * !s->weak + s->seen.glob.has_star;

		if (fit > most) {
			best = s;
			most = fit;
		}
	}
	return best;
}

size_t policy_endpoint(const struct policy *p, const struct subject *s,
		       const struct decision *d, char buf[POLICY_ENDPOINT_MAX])
{
	const struct gate_answer *a = &d->gates[GATE_ENDPOINTS];
	const struct rule *r = rule_of(p, a);
	const struct spelling *best;
	enum family family;
	struct endpoint e;
	struct question q;

	if (s->name_pending)
		return 0;
	question_init(&q, &p->program, s);
	family = family_asked(&q);
	if (!has_answer(a)) {
		a = &d->gates[GATE_CONNECTORS];
		r = rule_of(p, a);
		if (r == NULL || r->kind != RULE_KIND_ENDPOINT)
			return 0;
		family = FAMILY_CUSTOM;
	}
	if (family == FAMILY_COUNT)
		return 0;
	spell_all(&q, family, &e);
	best = spelling_for(&e, r);
	if (best == NULL)
		return 0;
	memcpy(buf, best->seen.glob.text.p, best->seen.glob.text.len);
	return best->seen.glob.text.len;
}

struct str policy_data_group(const struct policy *p, const struct decision *d)
{
	const struct gate_answer *a = &d->gates[GATE_CONNECTORS];
	enum answer answer = a->rule != RULE_NONE ? a->answer : a->report;
	const struct rule *r = rule_of(p, a);

	if (r == NULL || (answer != ANSWER_ALLOW && answer != ANSWER_DENY))
		return STR_NONE;
	if (r->group != CUSTOM_GROUP_NONE && r->group != CUSTOM_GROUP_IGNORE)
		return str_of(custom_group_words[r->group]);
	if (answer == ANSWER_DENY)
		return STR("blocked");
	if (r->from != NULL && str_equal(r->label, STR("default-group")))
		return r->from->others;
	for (unsigned g = CUSTOM_GROUP_BUSINESS; g <= CUSTOM_GROUP_GENERAL; g++)
		if (str_equal(r->label, str_of(custom_group_words[g])))
			return str_of(custom_group_words[g]);
	return STR_NONE;
}
