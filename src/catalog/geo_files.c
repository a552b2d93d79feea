/* SPDX-License-Identifier: Apache-2.0 */
/* geo_files - the country and network databases of a catalogue, and whether to believe them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "catalog/builder.h"

#define PROBES_MAX 4096u /* addresses asked */
#define PROBES_MIN 20u   /* answers below which nothing is concluded */
#define EXAMPLES   3u
#define FAMILIES   2u

/*
 * registrant_max: percent of the answers that may be US.  Debian's tor-geoipdb of 2026-06, a
 * database of places, has 6.9 of IPv4 and 29 of IPv6; one of registrants has 95.
 */
static const struct {
	const char *name;
	bool (*range)(const struct prefixes *t, size_t i, struct addr *ret_first,
		      struct addr *ret_last);
	size_t net_bytes; /* one address of each /24, /48 is asked */
	unsigned registrant_max;
} families[FAMILIES] = {
	{"IPv4", prefixes_v4_range, 15, 30},
	{"IPv6", prefixes_v6_range, 6, 50},
};

static const struct {
	enum mmdb_kind kind;
	unsigned part;
	enum catalog_file file;
} databases[GEO_FILES_MAX] = {
	{MMDB_COUNTRY, 0, FILE_COUNTRY},
	{MMDB_COUNTRY, 1, FILE_COUNTRY_2},
	{MMDB_ASN, 0, FILE_ASN},
	{MMDB_ASN, 1, FILE_ASN_2},
};

static const struct mmdb *database_of(const struct catalog *c, unsigned file)
{
	for (size_t i = 0; i < GEO_FILES_MAX; i++)
		if (databases[i].file == file)
			return c->geo[databases[i].kind][databases[i].part];
	return NULL;
}

size_t describe_database(const struct catalog *c, unsigned file, const char *title,
			 const char *name, char *to, size_t room)
{
	const struct mmdb *m = database_of(c, file);
	struct mmdb_about about;
	struct civil t;
	int n;

	if (m == NULL)
		return 0;
	mmdb_about(m, &about);
	t = civil_from_us(about.build_us);
	n = snprintf(to, room,
		     "%-11s %s of %04u-%02u-%02u, schema %s (%s), %zu records, %s, %s\n",
		     title, about.type, (unsigned)t.year % 10000, (unsigned)t.month % 100,
		     (unsigned)t.day % 100, about.schema, about.path, about.records,
		     about.v4 && about.v6 ? "IPv4 and IPv6"
		     : about.v4           ? "IPv4 only"
					  : "IPv6 only",
		     name);
	return n < 0 || (size_t)n >= room ? 0 : (size_t)n;
}

/* The file of countries that is part `part`. */
static const char *name_of(const struct catalog *c, size_t part)
{
	for (size_t i = 0; i < c->geo_count; i++)
		if (c->geo_files[i].kind == MMDB_COUNTRY && part-- == 0)
			return c->geo_files[i].path;
	return "the country database";
}

size_t describe_probe(const struct catalog *c, char *to, size_t room)
{
	size_t used = 0;

	to[0] = '\0';
	for (size_t i = 0; i < (size_t)MMDB_PARTS * FAMILIES; i++) {
		const struct geo_probe *p = &c->probes[i / FAMILIES][i % FAMILIES];
		int n;

		if (p->asked == 0)
			continue;
		n = snprintf(to + used, room - used,
			     "%-11s of %u %s addresses in Azure's regions outside the US "
			     "%s answers %u: %u right, %u with US\n",
			     "probe", p->asked, families[i % FAMILIES].name,
			     name_of(c, i / FAMILIES), p->answered, p->right,
			     p->registrant);
		if (n < 0 || (size_t)n >= room - used) {
			to[used] = '\0';
			break;
		}
		used += (size_t)n;
	}
	return used;
}

/* ---- does it give the country of the registrant? ------------------------------------------ */

struct example {
	struct addr a;
	char is[3], said[3];
	struct str region;
};

/*
 * Microsoft is registered in the United States, and so is most of its space.  Addresses of
 * Azure's regions elsewhere tell a database of registrants from one of places; which they are
 * follows the loaded tags.
 */
static bool is_probe(const struct catalog *c, const struct addr *first,
		     const struct addr *last, struct addr *ret, struct place *ret_place)
{
	*ret = *first;
	if (!addr_equal(first, last))
		ret->b[15] |= 1; /* not the network's own address */
	catalog_tags_of(c, ret, ret_place);
	return ret_place->microsoft_cloud && ret_place->country_from_tag &&
	       memcmp(ret_place->country, "US", 2) != 0;
}

/* Of one database and one family of addresses. */
struct probing {
	struct catalog *c;
	unsigned part, family;
	struct geo_probe *r;
	struct example examples[EXAMPLES];
};

static bool same_net(const struct addr *a, const struct addr *b, unsigned family)
{
	return memcmp(a->b, b->b, families[family].net_bytes) == 0;
}

static void ask(struct probing *w, const struct addr *a, const struct place *p)
{
	struct geo_probe *r = w->r;
	char said[3];

	r->asked++;
	mmdb_country(w->c->geo[MMDB_COUNTRY][w->part], a, said);
	if (said[0] == '\0')
		return;
	r->answered++;
	if (memcmp(said, p->country, 2) == 0) {
		r->right++;
	} else if (memcmp(said, "US", 2) == 0) {
		if (r->registrant < EXAMPLES) {
			struct example *e = &w->examples[r->registrant];

			*e = (struct example){.a = *a, .region = p->region};
			memcpy(e->is, p->country, 3);
			memcpy(e->said, said, 3);
		}
		r->registrant++;
	}
}

struct probes {
	struct addr *list;
	size_t count, room;
};

static bool keep_probe(struct probes *p, const struct addr *a)
{
	if (p->count == p->room) {
		size_t room = p->room == 0 ? 1024 : p->room * 2;
		struct addr *more = reallocarray(p->list, room, sizeof(*more));

		if (more == NULL)
			return false;
		p->list = more;
		p->room = room;
	}
	p->list[p->count++] = *a;
	return true;
}

/* At most one address of a network. */
static bool find_probes(const struct probing *w, struct probes *ret)
{
	struct addr first, last, a;
	struct place p;

	for (size_t i = 0; families[w->family].range(w->c->prefixes, i, &first, &last);
	     i++) {
		if (!is_probe(w->c, &first, &last, &a, &p) ||
		    (ret->count > 0 &&
		     same_net(&a, &ret->list[ret->count - 1], w->family)))
			continue;
		if (!keep_probe(ret, &a))
			return false;
	}
	return true;
}

/* Of all that were found every n-th, so that all regions are in.  False: out of memory. */
static bool probe_all(struct probing *w)
{
	struct probes found = {0};
	bool sound = find_probes(w, &found);
	size_t stride = found.count / PROBES_MAX + 1;
	struct place p;

	for (size_t i = 0; sound && i < found.count; i += stride) {
		catalog_tags_of(w->c, &found.list[i], &p);
		ask(w, &found.list[i], &p);
	}
	free(found.list);
	return sound;
}

static void judge(struct builder *b, const struct probing *w, const char *name,
		  bool accept)
{
	const unsigned limit = families[w->family].registrant_max;
	const struct geo_probe *r = w->r;
	const struct span whole = {.file = name};
	char text[ADDR_TEXT_MAX];

	if (r->answered < PROBES_MIN ||
	    (uint64_t)r->registrant * 100 <= (uint64_t)r->answered * limit)
		return;
	diag_add(
		b->d, accept ? DIAG_WARNING : DIAG_ERROR, whole,
		accept ? "registrant" : NULL,
		"gives the country of the registrant: of %u %s addresses in Azure's regions "
		"outside the US it answered %u, %u of them with US, %u right; more than "
		"%u%% of US are too many",
		r->asked, families[w->family].name, r->answered, r->registrant, r->right,
		limit);
	for (unsigned i = 0; i < EXAMPLES - 1 && i < r->registrant; i++) {
		const struct example *e = &w->examples[i];

		(void)addr_format(&e->a, text);
		diag_note(b->d, "%s is in %s (%.*s by the service tags), it says %s",
			  text, e->is, (int)e->region.len, e->region.p, e->said);
	}
	diag_remedy(b->d, "%s",
		    accept ? "a database of where hosts are: geo/README.md names some"
			   : "a database of where hosts are (geo/README.md), or "
			     "accept_registrant = true; in group geo to use this one");
}

/* Each file and family by itself: one that is right must not outvote another. */
static void probe_country(struct builder *b, const char *name, unsigned part, bool accept)
{
	struct mmdb_about about;

	if (b->c->prefixes == NULL)
		return;
	mmdb_about(b->c->geo[MMDB_COUNTRY][part], &about);
	for (unsigned i = 0; i < FAMILIES; i++) {
		struct probing w = {.c = b->c, .part = part, .family = i};

		if (!(i == 0 ? about.v4 : about.v6))
			continue;
		w.r = &b->c->probes[part][i];
		if (!probe_all(&w)) {
			b->out_of_memory = true;
			return;
		}
		judge(b, &w, name, accept);
	}
}

/* ---- the files ---------------------------------------------------------------------------- */

/* Two files are there for two families. */
static void check_families(struct builder *b, enum mmdb_kind kind, const char *name)
{
	bool v4 = false, v6 = false;

	for (unsigned i = 0; i < MMDB_PARTS; i++) {
		struct mmdb_about about = {0};

		if (b->c->geo[kind][i] != NULL)
			mmdb_about(b->c->geo[kind][i], &about);
		v4 = v4 || about.v4;
		v6 = v6 || about.v6;
	}
	if (v4 && v6)
		return;
	diag_add(b->d, DIAG_WARNING, (struct span){.file = name}, "one-family",
		 "knows no %s address", v4 ? "IPv6" : "IPv4");
	diag_remedy(b->d, "%s = [ \"IPV4-FILE\", \"IPV6-FILE\" ]; when they come apart",
		    kind == MMDB_COUNTRY ? "country" : "asn");
}

static void keep(struct builder *b, const struct tsv_text *file, enum mmdb_kind kind,
		 const struct mmdb *m, const struct file_id *id)
{
	struct geo_file *f = &b->c->geo_files[b->c->geo_count];

	*f = (struct geo_file){
		.path = arena_strndup(b->c->arena, file->name, strlen(file->name)),
		.kind = kind,
	};
	if (id != NULL)
		f->id = *id;
	if (f->path == NULL) {
		b->out_of_memory = true;
		return;
	}
	mmdb_about(m, &f->about);
	b->c->geo_count++;
}

void read_databases(struct builder *b, const struct tsv_text files[FILE_COUNT],
		    const struct build_extra *extra)
{
	bool whole[2] = {true, true};

	for (size_t i = 0; i < GEO_FILES_MAX && !b->out_of_memory; i++) {
		const enum mmdb_kind kind = databases[i].kind;
		const unsigned file = databases[i].file;
		struct mmdb **m = &b->c->geo[kind][databases[i].part];

		if (files[file].text == NULL)
			continue;
		*m = mmdb_open(files[file].name, files[file].text, files[file].len, kind,
			       b->d);
		whole[kind] = whole[kind] && *m != NULL;
		if (*m != NULL)
			keep(b, &files[file], kind, *m,
			     extra == NULL ? NULL : &extra->ids[file]);
	}
	if (whole[MMDB_COUNTRY] && files[FILE_COUNTRY].text != NULL)
		check_families(b, MMDB_COUNTRY, files[FILE_COUNTRY].name);
	for (size_t i = 0; i < GEO_FILES_MAX && whole[MMDB_COUNTRY]; i++)
		if (databases[i].kind == MMDB_COUNTRY &&
		    files[databases[i].file].text != NULL && !b->out_of_memory)
			probe_country(b, files[databases[i].file].name, databases[i].part,
				      extra != NULL && extra->accept_registrant);
	if (whole[MMDB_ASN] && files[FILE_ASN].text != NULL)
		check_families(b, MMDB_ASN, files[FILE_ASN].name);
}
