/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "config/walk.h"

/* One prefix of a site or source, where it stands, and whose it is. */
struct claim {
	struct prefix prefix;
	const struct node *at;    /* the string */
	const struct node *owner; /* the group of the site or source */
};

struct claims {
	struct claim *list;
	size_t count, capacity;
};

static const struct node *root_member(const struct walk *w, const char *name)
{
	return outline_member(w->o, w->o->nodes, name);
}

/* The string `key` of a group; NULL when it is missing or something else. */
static const struct node *string_in(const struct walk *w, const struct node *group,
				    const char *key)
{
	const struct node *n =
		group->kind == NODE_GROUP ? outline_member(w->o, group, key) : NULL;

	return n != NULL && n->kind == NODE_STRING ? n : NULL;
}

static const char *name_in(const struct walk *w, const struct node *group)
{
	const struct node *n = string_in(w, group, "name");

	return n == NULL ? "?" : n->value;
}

static int compare_names(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;
	int order = strcmp((*x)->value, (*y)->value);

	/* Nodes stand in document order. */
	return order != 0 ? order : *x < *y ? -1 : 1;
}

static void check_names(struct walk *w, const char *list_key, const char *what)
{
	const struct node *list = root_member(w, list_key);
	const struct node **names;
	size_t count = 0;

	if (list == NULL || list->kind != NODE_LIST || list->count == 0)
		return;
	names = walk_alloc(w, list->count * sizeof(const struct node *));
	if (names == NULL)
		return;
	for (const struct node *g = outline_first(w->o, list); g != NULL;
	     g = outline_next(w->o, list, g)) {
		const struct node *n = string_in(w, g, "name");

		if (n != NULL)
			names[count++] = n;
	}
	if (count < 2)
		return;
	qsort(names, count, sizeof(const struct node *), compare_names);
	for (size_t i = 1; i < count; i++)
		if (strcmp(names[i - 1]->value, names[i]->value) == 0)
			diag_error(w->d, outline_value_span(w->o, names[i]),
				   "%s '%s' stands twice, first in line %u", what,
				   names[i]->value, names[i - 1]->value_line);
}

static void check_hours(struct walk *w, const struct node *site)
{
	const struct node *hours = string_in(w, site, "hours");
	const struct node *off = string_in(w, site, "holidays");

	if (hours != NULL && outline_member(w->o, site, "zone") == NULL) {
		diag_error(w->d, outline_name_span(w->o, hours),
			   "'hours' need the 'zone' they are in");
		diag_remedy(w->d, "zone = \"Europe/Berlin\";  hours = \"%s\";",
			    hours->value);
	}
	if (off != NULL && outline_member(w->o, site, "hours") == NULL)
		diag_add(w->d, DIAG_WARNING, outline_name_span(w->o, off), "no-hours",
			 "'holidays' without 'hours' have no effect");
}

static void check_site_of(struct walk *w, const struct node *source)
{
	const struct node *site = string_in(w, source, "site");
	const struct node *sites = root_member(w, "sites");
	struct nearest near;

	if (site == NULL)
		return;
	nearest_start(&near, str_of(site->value));
	for (const struct node *g = outline_first(w->o, sites); g != NULL;
	     g = outline_next(w->o, sites, g)) {
		const struct node *n = string_in(w, g, "name");

		if (n != NULL && strcmp(n->value, site->value) == 0)
			return;
		if (n != NULL && walk_is_shown(w))
			nearest_offer(&near, n->value);
	}
	diag_error(w->d, outline_value_span(w->o, site), "no site has the name '%s'",
		   site->value);
	if (near.best != NULL)
		diag_remedy(w->d, "site = \"%s\";", near.best);
}

static void add_claims(struct walk *w, const struct node *group, const char *key,
		       struct claims *to)
{
	const struct node *list = outline_member(w->o, group, key);

	if (list == NULL || (list->kind != NODE_ARRAY && list->kind != NODE_LIST))
		return;
	for (const struct node *n = outline_first(w->o, list);
	     n != NULL && to->count < to->capacity; n = outline_next(w->o, list, n)) {
		struct claim c = {.at = n, .owner = group};

		if (n->kind == NODE_STRING &&
		    prefix_parse(n->value, strlen(n->value), &c.prefix) == PREFIX_OK)
			to->list[to->count++] = c;
	}
}

/* By address, wider ones first. */
static int order_of(const struct prefix *a, const struct prefix *b)
{
	int order = addr_compare(&a->addr, &b->addr);

	return order != 0 ? order : (int)a->bits - (int)b->bits;
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = order_of(&x->prefix, &y->prefix);

	return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

/* All prefixes of the list of groups, in the order of addresses, wider ones first. */
static struct claims gather(struct walk *w, const char *list_key, const char *key)
{
	const struct node *list = root_member(w, list_key);
	struct claims all = {NULL, 0, 0};

	if (list == NULL || list->kind != NODE_LIST)
		return all;
	all.capacity = list->end - (size_t)(list - w->o->nodes);
	all.list = walk_alloc(w, all.capacity * sizeof(*all.list));
	if (all.list == NULL)
		return all;
	for (const struct node *g = outline_first(w->o, list); g != NULL;
	     g = outline_next(w->o, list, g))
		if (g->kind == NODE_GROUP)
			add_claims(w, g, key, &all);
	if (all.count > 1)
		qsort(all.list, all.count, sizeof(*all.list), compare_claims);
	return all;
}

static void report_overlap(struct walk *w, const char *what, const struct claim *wide,
			   const struct claim *narrow)
{
	struct span at = outline_value_span(w->o, narrow->at);
	unsigned line = wide->at->value_line;

	if (wide->prefix.bits != narrow->prefix.bits) {
		if (wide->owner != narrow->owner)
			diag_add(w->d, DIAG_WARNING, at, "overlap",
				 "'%s' of %s '%s' lies within '%s' of '%s' in line %u: "
				 "the longer prefix answers",
				 narrow->at->value, what, name_in(w, narrow->owner),
				 wide->at->value, name_in(w, wide->owner), line);
		return;
	}
	if (wide->owner == narrow->owner)
		diag_add(w->d, DIAG_WARNING, at, "twice",
			 "'%s' stands in line %u already", narrow->at->value, line);
	else
		diag_error(w->d, at, "'%s' belongs to %s '%s' and, in line %u, to '%s'",
			   narrow->at->value, what, name_in(w, narrow->owner), line,
			   name_in(w, wide->owner));
}

/*
 * The prefixes around a place: each lies within the one before it.  In the order of
 * compare_claims() whatever contains a prefix stands before it, like open brackets.
 */
struct nest {
	const struct claim *open[129]; /* at most one of each length */
	size_t depth;
};

/* Leave the prefixes that end before `p`; the innermost that contains it, or NULL. */
static const struct claim *nest_close(struct nest *n, const struct prefix *p)
{
	while (n->depth > 0 && !prefix_contains(&n->open[n->depth - 1]->prefix, &p->addr))
		n->depth--;
	return n->depth == 0 ? NULL : n->open[n->depth - 1];
}

static void nest_add(struct nest *n, const struct claim *c)
{
	const struct claim *in = nest_close(n, &c->prefix);

	/* An equal one adds nothing. */
	if (in == NULL || in->prefix.bits != c->prefix.bits)
		n->open[n->depth++] = c;
}

static void check_overlaps(struct walk *w, const struct claims *all, const char *what)
{
	struct nest n = {.depth = 0};

	for (size_t i = 0; i < all->count; i++) {
		const struct claim *wide = nest_close(&n, &all->list[i].prefix);

		if (wide != NULL)
			report_overlap(w, what, wide, &all->list[i]);
		nest_add(&n, &all->list[i]);
	}
}

/* A source that no site holds, and that names none, is never at home. */
static void check_home(struct walk *w, const struct claims *sources,
		       const struct claims *sites)
{
	struct nest n = {.depth = 0};
	size_t s = 0;

	if (sites->count == 0)
		return;
	for (size_t i = 0; i < sources->count; i++) {
		const struct claim *c = &sources->list[i];

		for (; s < sites->count &&
		       order_of(&sites->list[s].prefix, &c->prefix) <= 0;
		     s++)
			nest_add(&n, &sites->list[s]);
		if (outline_member(w->o, c->owner, "site") != NULL ||
		    nest_close(&n, &c->prefix) != NULL)
			continue;
		diag_add(w->d, DIAG_WARNING, outline_value_span(w->o, c->at), "no-site",
			 "'%s' of source '%s' is inside no site", c->at->value,
			 name_in(w, c->owner));
		diag_note(w->d,
			  "name its site with site = \"...\", or put the prefix into "
			  "a site's 'inside'");
	}
}

static bool is_empty_list(const struct node *n)
{
	return (n->kind == NODE_ARRAY || n->kind == NODE_LIST) && n->count == 0;
}

/* A gateway whose behaviour on failure nobody chose is one that surprises. */
static void check_capture(struct walk *w)
{
	const struct node *capture = root_member(w, "capture");
	const struct node *source, *interfaces;

	if (capture == NULL || capture->kind != NODE_GROUP)
		return;
	interfaces = outline_member(w->o, capture, "interfaces");
	source = string_in(w, capture, "source");
	if (w->c->capture.source == CAPTURE_NFQUEUE &&
	    outline_member(w->o, capture, "on_failure") == NULL) {
		diag_error(w->d, outline_value_span(w->o, source),
			   "inline, 'on_failure' must be chosen: what becomes of packets "
			   "when Weir does not answer");
		diag_remedy(w->d, "on_failure = \"open\";");
	}
	if (w->c->capture.source == CAPTURE_INTERFACE &&
	    (interfaces == NULL || is_empty_list(interfaces))) {
		diag_error(w->d, outline_value_span(w->o, source),
			   "'interfaces' must be given: which ones to watch");
		diag_remedy(w->d, "interfaces = [ \"eth2\" ];");
	}
	if (w->c->capture.source == CAPTURE_INTERFACE &&
	    w->c->capture.interface_count > CAPTURE_WATCHED_MAX)
		diag_error(w->d, outline_value_span(w->o, interfaces),
			   "more than %d interfaces to watch", CAPTURE_WATCHED_MAX);
}

/* A receiver whose certificate nobody asks for is a surprise, and so is half of a pair. */
static void check_ship(struct walk *w)
{
	static const char *const files[] = {"ca", "cert", "key"};
	const struct node *ship = root_member(w, "ship");
	const struct node *n;

	if (ship == NULL || ship->kind != NODE_GROUP)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		n = outline_member(w->o, ship, files[i]);
		if (n == NULL || w->c->ship.protocol != SHIP_TCP)
			continue;
		diag_error(w->d, outline_name_span(w->o, n),
			   "'%s' has no meaning with tcp, which is sent in clear",
			   files[i]);
		diag_remedy(w->d, "protocol = \"tls\";");
	}
	if ((w->c->ship.cert == NULL) != (w->c->ship.key == NULL)) {
		const bool cert = w->c->ship.cert != NULL;

		n = outline_member(w->o, ship, cert ? "cert" : "key");
		diag_error(w->d, outline_name_span(w->o, n), "'%s' needs the '%s' %s",
			   cert ? "cert" : "key", cert ? "key" : "cert",
			   cert ? "that it was made for" : "that it belongs to");
		diag_remedy(w->d, "cert = \"weir.pem\";  key = \"weir.key\";");
	}
}

/* A copy of a line of the file; NULL when it cannot be had. */
static const char *line_of(struct walk *w, unsigned line)
{
	struct str rest = w->text;
	const char *end = NULL;
	size_t len;
	char *copy;

	for (unsigned n = 1; n <= line; n++) {
		end = memchr(rest.p, '\n', rest.len);
		if (n == line || end == NULL)
			break;
		rest.len -= (size_t)(end + 1 - rest.p);
		rest.p = end + 1;
	}
	len = end == NULL ? rest.len : (size_t)(end - rest.p);
	copy = walk_alloc(w, len + 1);
	if (copy != NULL) {
		memcpy(copy, rest.p, len);
		copy[len] = '\0';
	}
	return copy;
}

/* Where to point when no seal leaves this machine: at what was promised, else at the ledger. */
static void settle_anchor(struct walk *w)
{
	const struct node *ledger = root_member(w, "ledger");
	const struct node *given;
	struct span at;

	if (ledger == NULL || ledger->kind != NODE_GROUP)
		return;
	given = outline_member(w->o, ledger, "anchor");
	at = outline_name_span(w->o, given != NULL ? given : ledger);
	w->c->ledger.anchor_line = at.line;
	w->c->ledger.anchor_col = at.col;
	w->c->ledger.anchor_len = at.len;
	w->c->ledger.anchor_text = line_of(w, at.line);
	if (given == NULL && w->c->ship.server != NULL)
		w->c->ledger.anchor = ANCHOR_SHIP;
}

const char *config_anchor_name(enum anchor_way a)
{
	switch (a) {
	case ANCHOR_SHIP:
		return "ship";
	case ANCHOR_PAPER:
		return "paper";
	case ANCHOR_NONE:
		break;
	}
	return "none";
}

void config_check_anchor(const struct config *c, struct diag *d)
{
	const struct span at = {.file = c->path,
				.line = c->ledger.anchor_line,
				.col = c->ledger.anchor_col,
				.len = c->ledger.anchor_len};
	const bool promised = c->ledger.anchor == ANCHOR_SHIP;

	if (c->capture.source == CAPTURE_NONE || c->ledger.dir == NULL ||
	    c->ledger.anchor == ANCHOR_PAPER || (promised && c->ship.server != NULL))
		return;
	diag_add(
		d, DIAG_WARNING, at, "unanchored",
		promised
			? "'anchor' says that weir ship sends the seals, and there is no "
			  "group 'ship' that says where to"
			: "no seal leaves this machine: whoever rules it can write the "
			  "ledger anew, and nobody can tell");
	if (c->ledger.anchor_text != NULL)
		diag_line(d, c->ledger.anchor_text, strlen(c->ledger.anchor_text));
	diag_remedy(d, "ship = { server = \"siem.example\"; };");
	diag_note(d,
		  "or, where somebody keeps what weir seal prints: anchor = \"paper\";");
}

/* Lines go with their segment, so what is not shorter does nothing. */
static void check_keep(struct walk *w)
{
	const struct node *ledger = root_member(w, "ledger");
	const int64_t all_us = w->c->ledger.keep_us;

	for (unsigned t = 0; t < EXPIRING_COUNT; t++) {
		const struct node *n;
		char key[32];

		if (all_us == 0 || w->c->ledger.keep_type_us[t] < all_us)
			continue;
		(void)snprintf(key, sizeof(key), "keep_%s",
			       expiring_name((enum expiring)t));
		n = outline_member(w->o, ledger, key);
		if (n != NULL)
			diag_add(w->d, DIAG_WARNING, outline_value_span(w->o, n),
				 "keep-longer",
				 "'%s' is not shorter than 'keep' and has no effect: the "
				 "whole segment goes first",
				 key);
	}
}

static void check_nat64(struct walk *w)
{
	const struct node *geo = root_member(w, "geo");
	const struct node *list = geo == NULL || geo->kind != NODE_GROUP
					  ? NULL
					  : outline_member(w->o, geo, "nat64");
	struct prefix p;

	if (list == NULL || (list->kind != NODE_ARRAY && list->kind != NODE_LIST))
		return;
	for (const struct node *n = outline_first(w->o, list); n != NULL;
	     n = outline_next(w->o, list, n)) {
		if (n->kind != NODE_STRING ||
		    prefix_parse(n->value, strlen(n->value), &p) != PREFIX_OK ||
		    (!addr_is_v4(&p.addr) && nat64_bits(p.bits)))
			continue;
		diag_error(
			w->d, outline_value_span(w->o, n),
			"'%s' is no NAT64 prefix: an IPv6 one of 32, 40, 48, 56, 64 or "
			"96 bits (RFC 6052)",
			n->value);
		diag_remedy(w->d, "nat64 = [ \"2001:db8:64::/96\" ];");
	}
}

void check_settings(struct walk *w)
{
	const struct node *sites = root_member(w, "sites");
	const struct node *sources = root_member(w, "sources");
	struct claims inside, claimed;

	/* The walk has refused what is more; comparing all of it would take long. */
	if ((sites != NULL && sites->count > SCHEMA_SITES_MAX) ||
	    (sources != NULL && sources->count > SCHEMA_SOURCES_MAX))
		return;
	check_capture(w);
	check_ship(w);
	settle_anchor(w);
	check_keep(w);
	check_nat64(w);
	check_names(w, "sites", "site");
	check_names(w, "sources", "source");
	if (sites != NULL && sites->kind == NODE_LIST)
		for (const struct node *g = outline_first(w->o, sites); g != NULL;
		     g = outline_next(w->o, sites, g))
			check_hours(w, g);
	if (sources != NULL && sources->kind == NODE_LIST)
		for (const struct node *g = outline_first(w->o, sources); g != NULL;
		     g = outline_next(w->o, sources, g))
			check_site_of(w, g);
	inside = gather(w, "sites", "inside");
	claimed = gather(w, "sources", "addresses");
	check_overlaps(w, &inside, "site");
	check_overlaps(w, &claimed, "source");
	check_home(w, &claimed, &inside);
}
