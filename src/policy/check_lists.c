/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_lists - lists of endpoints: patterns that match more than they seem to, numbers that
 * leave something out, what no wire shows at the place where a role stands.
 *
 * Source of the traps: Microsoft Learn "Connector endpoint filtering" (text of 2025-09-19):
 * `*` is any run of bytes, so it does not end where a host name or a label does.
 */
#include <string.h>

#include "policy/check.h"
#include "policy/parse.h"

/* ---- patterns ---------------------------------------------------------------------------- */

/* The part of a pattern that names a server; empty when it cannot be told. */
static struct str server_of(enum family family, struct str s)
{
	const char *mark = memmem(s.p, s.len, "://", 3);
	const char *end;
	struct str rest = s;

	if (family == FAMILY_HTTP || family == FAMILY_CUSTOM) {
		if (mark == NULL)
			return (struct str){s.p, 0};
		rest.p = mark + 3;
		rest.len = s.len - (size_t)(rest.p - s.p);
		end = memchr(rest.p, '/', rest.len);
	} else if (family == FAMILY_SQL || family == FAMILY_SMTP ||
		   family == FAMILY_BLOB) {
		end = memchr(s.p, ',', s.len);
	} else {
		return (struct str){s.p, 0};
	}
	if (end != NULL)
		rest.len = (size_t)(end - rest.p);
	return rest;
}

/* The first star that stands beside something of its own label; len = none. */
static size_t running_star(struct str host)
{
	size_t i = 0;

	for (; i < host.len; i++) {
		bool before = i > 0 && host.p[i - 1] != '.' && host.p[i - 1] != '*';
		bool first = i == 0 && host.len > 1 && host.p[1] != '.' &&
			     host.p[1] != '*' && host.p[1] != ':';

		if (host.p[i] == '*' && (before || first))
			break;
	}
	return i;
}

static struct span star_at(const struct rule *r, const char *star)
{
	struct span at = r->pattern_at;

	at.col += (unsigned)(star - r->pattern.p);
	at.len = 1;
	return at;
}

/* "11.22.33": the beginning of an IPv4 address, whole numbers of it and not all four. */
static bool is_address_prefix(struct str s)
{
	size_t dots = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.p[i]) && s.p[i] != '.')
			return false;
		dots += s.p[i] == '.';
	}
	return s.len > 0 && dots < 3;
}

/* "https://name.example*": the star goes on into another name. */
static void warn_host_prefix(struct diag *d, const struct rule *r, struct str host,
			     const char *star)
{
	struct str before = {r->pattern.p, (size_t)(star - r->pattern.p)};
	const char *end = host.p + host.len;
	bool is_url = host.p != r->pattern.p;
	struct str after = {end, (size_t)(r->pattern.p + r->pattern.len - end)};
	struct str name = {host.p, (size_t)(star - host.p)};
	const bool address = is_address_prefix(name);
	const char *rest = address ? ".*" : "";

	if (address)
		diag_add(d, DIAG_WARNING, star_at(r, star), "host-prefix",
			 "also matches %.*s4.1: it begins a text, and is no range of "
			 "addresses",
			 SHOWN(before));
	else
		diag_add(d, DIAG_WARNING, star_at(r, star), "host-prefix",
			 "also matches %.*s.evil.example", SHOWN(before));
	if (after.len > 0)
		diag_remedy(d, "\"%.*s%s%.*s\"", SHOWN(before), rest, SHOWN(after));
	else
		diag_remedy(d, "\"%.*s%s%s*\"", SHOWN(before), rest, is_url ? "/" : ",");
	note_origin(d, r);
}

/* "*contoso.com", "contoso*": the star makes one word of two. */
static void warn_string_prefix(struct diag *d, const struct rule *r, struct str host,
			       const char *star)
{
	struct str before = {r->pattern.p, (size_t)(star - r->pattern.p)};
	struct str after = {star + 1, r->pattern.len - before.len - 1};

	diag_add(d, DIAG_WARNING, star_at(r, star), "string-prefix",
		 "also matches %.*sevil%.*s", SHOWN(before), SHOWN(after));
	if (star == host.p && ascii_is_alpha(star[1]))
		diag_remedy(d, "\"%.*s*.%.*s\"", SHOWN(before), SHOWN(after));
	else
		diag_remedy(d, "each name that is meant, without this star");
	note_origin(d, r);
}

/* A URL pattern without a scheme: the text may stand in a path of any host. */
static void warn_anywhere(struct diag *d, const struct rule *r)
{
	struct str text = {r->pattern.p + 1, r->pattern.len - 1};
	size_t n = 0;

	while (text.len > 0 && text.p[text.len - 1] == '*')
		text.len--;
	diag_add(d, DIAG_WARNING, star_at(r, r->pattern.p), "string-prefix",
		 "also matches https://evil.example/%.*s", SHOWN(text));
	while (n < text.len && text.p[n] != '/' && text.p[n] != '*')
		n++;
	text.len = n;
	diag_remedy(d, "\"https://%s%.*s/*\"", n > 0 && text.p[0] == '.' ? "*" : "",
		    SHOWN(text));
	note_origin(d, r);
}

/* What is allowed too much; a deny that matches more is seen soon enough. */
static void check_pattern(const struct endpoint_list *l, const struct rule *r,
			  struct diag *d)
{
	struct str host = server_of(l->family, r->pattern);
	size_t i = running_star(host);
	bool is_url = l->family == FAMILY_HTTP || l->family == FAMILY_CUSTOM;

	if (r->action != ACTION_ALLOW || r->group == CUSTOM_GROUP_IGNORE)
		return;
	if (is_url && host.len == 0 && r->pattern.len > 2 && r->pattern.p[0] == '*') {
		warn_anywhere(d, r);
		return;
	}
	if (i == host.len)
		return;
	if (l->family == FAMILY_BLOB && memchr(r->pattern.p, '/', r->pattern.len) != NULL)
		return; /* check_account() */
	if (l->family != FAMILY_BLOB && i == host.len - 1 &&
	    memchr(host.p, '.', i) != NULL)
		warn_host_prefix(d, r, host, host.p + i);
	else
		warn_string_prefix(d, r, host, host.p + i);
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* Who counts by tens leaves room; who counts by ones and leaves one out may have lost it. */
static void check_numbers(const struct endpoint_list *l, struct diag *d)
{
	const struct rule *gap = NULL;
	bool by_ones = false;
	size_t gaps = 0;
	uint32_t before = 0;

	for (const struct rule *r = l->rules; r != NULL; r = r->next) {
		by_ones = by_ones || (before != 0 && r->order == before + 1);
		if (before != 0 && r->order > before + 1) {
			gaps++;
			gap = gap == NULL ? r : gap;
		}
		before = r->order;
	}
	if (!by_ones || gap == NULL)
		return;
	for (const struct rule *r = l->rules; r != gap; r = r->next)
		before = r->order;
	diag_add(d, DIAG_WARNING, gap->at, "gap",
		 "line %u follows line %u: is a line missing?", gap->order, before);
	if (gaps > 1)
		diag_note(d, "%zu places of this list leave numbers out", gaps);
	diag_remedy(d, "%u for this line, and so on, when nothing is missing",
		    before + 1);
	note_origin(d, gap);
}

/* ---- what the wire shows ----------------------------------------------------------------- */

#define AT(r) (1u << ROLE_##r)

/* The places that traffic of a list passes; src/import/enforceability.c reports the same. */
static unsigned places_of(const struct endpoint_list *l)
{
	switch (l->family) {
	case FAMILY_SQL:
		return AT(USER) | AT(GATEWAY) | AT(DESKTOP) | AT(SUBNET);
	case FAMILY_SMTP:
		return AT(USER) | AT(DESKTOP);
	case FAMILY_BLOB:
		return AT(USER) | AT(DESKTOP) | AT(SUBNET);
	case FAMILY_HTTP:
		if (str_equal_fold(l->name, STR("shared_webcontents")) ||
		    str_equal_fold(l->name, STR("shared_webcontentsv2")))
			return AT(USER) | AT(GATEWAY) | AT(DESKTOP) | AT(SUBNET);
		return str_ends_with(l->name, STR("WebAutomation"))
			       ? AT(DESKTOP)
			       : AT(USER) | AT(DESKTOP);
	case FAMILY_DATAVERSE:
		return AT(USER) | AT(DESKTOP);
	case FAMILY_CUSTOM:
		return AT(GATEWAY) | AT(SUBNET);
	case FAMILY_SCREEN:
	case FAMILY_COUNT:
		break;
	}
	return 0;
}

static void check_places(const struct endpoint_list *l, struct diag *d)
{
	const bool generated = l->from != NULL && l->from->generated;
	unsigned places = places_of(l), dead = l->roles & ~places;
	char names[80];
	size_t n = 0;

	/* An import names the roles of all its lists at once. */
	if (dead == 0 || (generated && dead != l->roles))
		return;
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if ((dead >> i & 1) != 0)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
					      n == 0 ? "" : ", ",
					      role_name((enum role)i));
	diag_add(d, DIAG_WARNING, l->at, "never-seen",
		 "endpoints of %.*s are never seen where role %s stands", SHOWN(l->name),
		 names);
	if (l->family == FAMILY_SCREEN)
		diag_note(d, "no wire shows a program or a window");
	else
		diag_note(d,
			  "that traffic leaves from Microsoft's cloud, or from another "
			  "place of yours");
	n = 0;
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if ((places >> i & 1) != 0)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
					      n == 0 ? "" : ", ",
					      role_name((enum role)i));
	if (n > 0)
		diag_remedy(d, "for role { %s }", names);
	else
		diag_remedy(d, "nothing: the policy in the tenant holds it");
}

/* Does the pattern ask for what stands behind the server in a URL? */
static bool asks_path(struct str p)
{
	const char *mark = memmem(p.p, p.len, "://", 3);
	size_t from = mark == NULL ? 0 : (size_t)(mark - p.p) + 3;
	const char *slash = memchr(p.p + from, '/', p.len - from);
	struct str path;

	if (slash == NULL)
		return false;
	path = (struct str){slash, p.len - (size_t)(slash - p.p)};
	return !str_equal(path, STR("/*")) && !str_equal(path, STR("/"));
}

static bool asks_database(struct str p)
{
	const char *comma = memchr(p.p, ',', p.len);

	return comma != NULL &&
	       !str_equal(str_trim((struct str){comma + 1,
						p.len - (size_t)(comma + 1 - p.p)}),
			  STR("*"));
}

/* Has gate undecidable a line for the reason and all these roles? */
static bool is_settled(const struct ast *a, enum undecidable why, unsigned roles)
{
	unsigned settled = 0;

	for (const struct rule *r = a->gates[GATE_UNDECIDABLE].rules; r != NULL;
	     r = r->next) {
		bool about = false;
		unsigned who = ~0u;

		for (const struct condition *c = r->conditions; c != NULL; c = c->next) {
			unsigned bits = 0;

			for (const struct item *it = c->items; it != NULL; it = it->next)
				if (it->field == FIELD_REASON)
					about = about || it->id == (uint32_t)why;
				else
					bits |= 1u << it->id;
			if (c->field == FIELD_ROLE)
				who = c->negated ? ~bits : bits;
		}
		settled |= about ? who : 0;
	}
	return (roles & ~settled) == 0;
}

static void check_hidden(const struct ast *a, const struct endpoint_list *l,
			 struct diag *d)
{
	const bool sql = l->family == FAMILY_SQL;
	const enum undecidable why =
		sql ? UNDECIDABLE_DATABASE_HIDDEN : UNDECIDABLE_PATH_HIDDEN;
	const struct rule *first = NULL;
	size_t n = 0;

	if (!sql && l->family != FAMILY_HTTP && l->family != FAMILY_CUSTOM)
		return;
	for (const struct rule *r = l->rules; r != NULL; r = r->next) {
		if (!(sql ? asks_database(r->pattern) : asks_path(r->pattern)))
			continue;
		first = first == NULL ? r : first;
		n++;
	}
	if (first == NULL || is_settled(a, why, l->roles & places_of(l)))
		return;
	diag_add(
		d, DIAG_WARNING, first->pattern_at, "host-only",
		"encrypted traffic shows the host only: where the %s decides, the answer is "
		"%s",
		sql ? "database" : "path", undecidable_name(why));
	diag_note(d, "%zu of %zu lines of this list ask for it", n, l->rule_count);
	diag_remedy(d, "allow, deny or alert  %s  in gate undecidable",
		    undecidable_name(why));
}

static bool one_begins_other(struct str a, struct str b)
{
	struct str head = {b.p, a.len < b.len ? a.len : b.len};

	return str_equal_fold((struct str){a.p, head.len}, head);
}

/* ---- stars that reach from the host into the path ---------------------------------------- */

/* Does the pattern match all URLs? */
static bool is_any_url(struct str p)
{
	while (p.len > 0 && p.p[p.len - 1] == '*')
		p.len--;
	return p.len <= 8 && one_begins_other(p, STR("https://"));
}

/*
 * "https://" then "*.contoso.example/": a star goes over every border, so that the path of any
 * other host may hold the rest, and where no path is seen no host is certain.  In clear text
 * the path is seen, and of a custom connector it is not asked for.
 */
static bool may_match_any_host(enum family family, struct str p)
{
	const char *star = memchr(p.p, '*', p.len);
	struct str head = p;

	if (star == NULL || is_any_url(p))
		return false;
	head.len = (size_t)(star - p.p);
	return (head.len <= 8 && one_begins_other(head, STR("https://"))) ||
	       (family == FAMILY_CUSTOM && head.len == 7 &&
		str_equal_fold(head, STR("http://")));
}

/* Above the line for all the rest: no host ever comes to that one for certain. */
static void check_any_host(const struct endpoint_list *l, struct diag *d)
{
	const struct rule *last = l->rules, *first = NULL;
	size_t n = 0;

	if (l->family != FAMILY_CUSTOM && l->family != FAMILY_HTTP)
		return;
	while (last != NULL && !is_any_url(last->pattern))
		last = last->next;
	if (last == NULL)
		return;
	for (const struct rule *r = l->rules; r != last; r = r->next) {
		/* Of custom connectors only group blocked denies. */
		if (r->action == last->action ||
		    !may_match_any_host(l->family, r->pattern))
			continue;
		first = first == NULL ? r : first;
		n++;
	}
	if (first == NULL)
		return;
	diag_add(d, DIAG_WARNING, first->pattern_at, "any-host",
		 "makes every host undecidable (path_hidden): line %u never decides "
		 "about encrypted traffic",
		 (unsigned)last->order);
	diag_note(d, "the star goes over every border, so that a path of any host, which "
		     "is not seen, may match");
	if (n > 1)
		diag_note(d, "%zu lines of this list do so", n);
	diag_remedy(d,
		    "each host that is meant, such as \"https://api.contoso.example/*\"");
	note_origin(d, first);
}

/* ---- what no endpoint of the connector is ------------------------------------------------ */

static void warn_never(struct diag *d, const struct rule *r, const char *form)
{
	diag_add(d, DIAG_WARNING, r->pattern_at, "never-matches",
		 "matches nothing: an endpoint of this connector is %s", form);
	note_origin(d, r);
}

/* The host of what was meant, without scheme, port, path and leading or trailing stars. */
static struct str meant_host(struct str s)
{
	const char *mark = memmem(s.p, s.len, "://", 3);
	size_t n = 0;

	if (mark != NULL) {
		s.len -= (size_t)(mark + 3 - s.p);
		s.p = mark + 3;
	} else if (s.len > 4 && str_equal_fold((struct str){s.p, 4}, STR("tcp:"))) {
		s.p += 4;
		s.len -= 4;
	}
	while (n < s.len && (s.p[n] == '\0' || strchr("/:,?#", s.p[n]) == NULL))
		n++;
	return (struct str){s.p, n};
}

/* "server,database" or "server,port": a pattern without the comma ends in a star, or never fits. */
static void check_comma(const struct endpoint_list *l, const struct rule *r,
			struct diag *d)
{
	const bool sql = l->family == FAMILY_SQL;
	struct str host = meant_host(r->pattern), port = STR("*");
	const char *comma = memchr(r->pattern.p, ',', r->pattern.len);
	const char *end = host.p + host.len, *last = r->pattern.p + r->pattern.len;
	bool is_url = memmem(r->pattern.p, r->pattern.len, "://", 3) != NULL;
	bool is_tcp = sql && host.p == r->pattern.p + 4 && !is_url;

	if (!is_url && !is_tcp && (comma != NULL || last[-1] == '*'))
		return;
	if (!sql && end < last && *end == ':')
		port = (struct str){end + 1, (size_t)(last - end - 1)};
	for (size_t i = 0; i < port.len; i++)
		if (!ascii_is_digit(port.p[i]))
			port = STR("*");
	warn_never(d, r, sql ? "\"server,database\"" : "\"server,port\"");
	if (comma != NULL && comma >= end)
		port = (struct str){comma + 1, (size_t)(last - comma - 1)};
	diag_remedy(d, "\"%.*s,%.*s\"", SHOWN(host), SHOWN(port));
}

static void check_url(const struct rule *r, struct diag *d)
{
	struct str p = r->pattern, head = p, host = meant_host(p);
	const char *star = memchr(p.p, '*', p.len);
	const char *mark = memmem(p.p, p.len, "://", 3);
	size_t from = mark == NULL ? 0 : (size_t)(mark + 3 - p.p);
	bool http = mark != NULL && mark - p.p == 4;

	if (star != NULL)
		head.len = (size_t)(star - p.p);
	if (!one_begins_other(head, STR("https://")) &&
	    !one_begins_other(head, STR("http://"))) {
		warn_never(d, r, "a URL of http or https");
		diag_remedy(d, "\"https://%.*s/*\"", SHOWN(host));
		return;
	}
	if (mark == NULL || p.p[p.len - 1] == '*' ||
	    memchr(p.p + from, '/', p.len - from) != NULL)
		return;
	diag_add(d, DIAG_WARNING, r->pattern_at, "never-matches",
		 "matches no URL with a path");
	if (host.len > 2 && memcmp(host.p, "*.", 2) == 0)
		diag_note(d, "nor %.*s itself, which needs a line of its own",
			  (int)(host.len - 2), host.p + 2);
	note_origin(d, r);
	diag_remedy(d, "\"%s://%.*s/*\"", http ? "http" : "https", (int)(p.len - from),
		    p.p + from);
}

static void check_account(const struct rule *r, struct diag *d)
{
	bool path = memchr(r->folded.p, '/', r->folded.len) != NULL;
	struct str host = meant_host(r->pattern);

	if (path)
		warn_never(d, r, "an account, or its host name");
	else if (memchr(r->pattern.p, '/', r->pattern.len) != NULL) {
		diag_add(d, DIAG_WARNING, r->pattern_at, "never-matches",
			 "no endpoint of this connector; read as the account");
		note_origin(d, r);
	} else {
		return;
	}
	diag_remedy(d, "\"%.*s\"", SHOWN(host));
}

static void check_organization(const struct rule *r, struct diag *d)
{
	size_t n = 0;

	while (n < r->folded.len && (ascii_is_hex(r->folded.p[n]) ||
				     r->folded.p[n] == '-' || r->folded.p[n] == '*'))
		n++;
	if (n == r->folded.len)
		return;
	warn_never(d, r, "an organization's GUID");
	diag_remedy(d, "the GUID that the admin center shows for the environment's "
		       "organization");
}

static void check_form(const struct endpoint_list *l, const struct rule *r,
		       struct diag *d)
{
	if (str_equal(r->folded, STR("*")))
		return;
	switch (l->family) {
	case FAMILY_SQL:
	case FAMILY_SMTP:
		check_comma(l, r, d);
		break;
	case FAMILY_HTTP:
	case FAMILY_CUSTOM:
		check_url(r, d);
		break;
	case FAMILY_BLOB:
		check_account(r, d);
		break;
	case FAMILY_DATAVERSE:
		check_organization(r, d);
		break;
	case FAMILY_SCREEN:
	case FAMILY_COUNT:
		break;
	}
}

/* ---- what every machine needs ------------------------------------------------------------ */

static bool has_infrastructure(const struct ast *a)
{
	for (const struct table *t = a->tables; t != NULL; t = t->next)
		if (str_equal(t->name, STR("infrastructure")) && t->count > 0)
			return true;
	return false;
}

/* Whatever a machine does over HTTP is asked about, its updates as well. */
static void check_needs(const struct ast *a, struct diag *d)
{
	const struct endpoint_list *l = a->lists;

	while (l != NULL &&
	       ((l->family != FAMILY_HTTP && l->family != FAMILY_CUSTOM) ||
		l->report_only || l->last == NULL || l->last->action != ACTION_DENY))
		l = l->next;
	if (l == NULL || has_infrastructure(a))
		return;
	diag_add(d, DIAG_WARNING, l->last->at, "no-infrastructure",
		 "denies these machines their updates, certificate checks and endpoint "
		 "protection, too: there is no table <infrastructure>");
	diag_note(d, "login, relay and the platform itself are never denied here");
	diag_remedy(d, "include \"infrastructure.rules\" of the shipped files above, or "
		       "table <infrastructure> { HOSTS }");
}

void check_lists(const struct ast *a, struct diag *d)
{
	check_needs(a, d);
	for (const struct endpoint_list *l = a->lists; l != NULL; l = l->next) {
		for (const struct rule *r = l->rules; r != NULL; r = r->next) {
			check_pattern(l, r, d);
			check_form(l, r, d);
		}
		check_numbers(l, d);
		check_places(l, d);
		check_hidden(a, l, d);
		check_any_host(l, d);
	}
}
