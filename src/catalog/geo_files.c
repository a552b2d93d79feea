/* SPDX-License-Identifier: Apache-2.0 */
/* geo_files - the country and network databases of a catalogue, and whether to believe them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "catalog/builder.h"

#define PROBES_MAX     4096u /* addresses asked */
#define PROBES_MIN     20u   /* answers below which nothing is concluded */
#define REGISTRANT_MAX 30u   /* percent of the answers that may be US */
#define EXAMPLES       3u

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

size_t describe_probe(const struct catalog *c, char *to, size_t room)
{
	const struct geo_probe *p = &c->probe;
	int n;

	to[0] = '\0';
	if (p->asked == 0)
		return 0;
	n = snprintf(
		to, room,
		"%-11s of %u addresses in Azure's regions outside the US the country "
		"database answers %u: %u right, %u with US\n",
		"probe", p->asked, p->answered, p->right, p->registrant);
	return n < 0 || (size_t)n >= room ? 0 : (size_t)n;
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

static bool same_24(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, 15) == 0;
}

static void ask(struct catalog *c, const struct addr *a, const struct place *p,
		struct example examples[EXAMPLES])
{
	struct geo_probe *r = &c->probe;
	char said[3];

	r->asked++;
	catalog_country_of(c, a, said);
	if (said[0] == '\0')
		return;
	r->answered++;
	if (memcmp(said, p->country, 2) == 0) {
		r->right++;
	} else if (memcmp(said, "US", 2) == 0) {
		if (r->registrant < EXAMPLES) {
			struct example *e = &examples[r->registrant];

			*e = (struct example){.a = *a, .region = p->region};
			memcpy(e->is, p->country, 3);
			memcpy(e->said, said, 3);
		}
		r->registrant++;
	}
}

/* At most one address of a /24, and of all of those every n-th, so that all regions are in. */
static size_t probe_all(struct catalog *c, size_t stride,
			struct example examples[EXAMPLES])
{
	struct addr first, last, a, before = {{0}};
	struct place p;
	size_t found = 0;

	for (size_t i = 0; prefixes_v4_range(c->prefixes, i, &first, &last); i++) {
		if (!is_probe(c, &first, &last, &a, &p) || same_24(&a, &before))
			continue;
		before = a;
		if (stride > 0 && found % stride == 0)
			ask(c, &a, &p, examples);
		found++;
	}
	return found;
}

static void judge(struct builder *b, const char *name, bool accept,
		  const struct example examples[EXAMPLES])
{
	const struct geo_probe *r = &b->c->probe;
	const struct span whole = {.file = name};
	char text[ADDR_TEXT_MAX];

	if (r->answered < PROBES_MIN ||
	    (uint64_t)r->registrant * 100 <= (uint64_t)r->answered * REGISTRANT_MAX)
		return;
	diag_add(
		b->d, accept ? DIAG_WARNING : DIAG_ERROR, whole,
		accept ? "registrant" : NULL,
		"gives the country of the registrant: of %u addresses in Azure's regions "
		"outside the US it answered %u, %u of them with US, %u right; more than "
		"%u%% of US are too many",
		r->asked, r->answered, r->registrant, r->right, REGISTRANT_MAX);
	for (unsigned i = 0; i < EXAMPLES - 1 && i < r->registrant; i++) {
		(void)addr_format(&examples[i].a, text);
		diag_note(b->d, "%s is in %s (%.*s by the service tags), it says %s",
			  text, examples[i].is, (int)examples[i].region.len,
			  examples[i].region.p, examples[i].said);
	}
	diag_remedy(b->d, "%s",
		    accept ? "a database of where hosts are: geo/README.md names some"
			   : "a database of where hosts are (geo/README.md), or "
			     "accept_registrant = true; in group geo to use this one");
}

static void probe_country(struct builder *b, const char *name, bool accept)
{
	struct example examples[EXAMPLES] = {0};
	size_t found;

	if (b->c->geo[MMDB_COUNTRY][0] == NULL || b->c->prefixes == NULL)
		return;
	found = probe_all(b->c, 0, examples);
	(void)probe_all(b->c, found / PROBES_MAX + 1, examples);
	judge(b, name, accept, examples);
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
	if (whole[MMDB_COUNTRY] && files[FILE_COUNTRY].text != NULL) {
		check_families(b, MMDB_COUNTRY, files[FILE_COUNTRY].name);
		probe_country(b, files[FILE_COUNTRY].name,
			      extra != NULL && extra->accept_registrant);
	}
	if (whole[MMDB_ASN] && files[FILE_ASN].text != NULL)
		check_families(b, MMDB_ASN, files[FILE_ASN].name);
}
