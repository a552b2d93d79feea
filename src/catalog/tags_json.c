/* SPDX-License-Identifier: Apache-2.0 */
/* tags_json - Microsoft's file of service tags as it is downloaded. */
#include <string.h>

#include "base/json_read.h"
#include "catalog/tags.h"

struct reading {
	struct tag_reader *to;
	struct json_reader json;
	bool has_cloud, has_change, has_values;
};

/* The service tag that is being read: its name may stand behind its prefixes. */
struct one {
	struct span opened;
	struct span named; /* line 0: no name yet */
	char name[TAG_NAME_MAX];
	size_t name_len;
	bool unsound; /* the name, which was reported */
	bool has_properties, has_prefixes;
	size_t first; /* entry */
};

static bool has_kind(struct reading *g, const struct json_token *t, enum json_kind kind,
		     const char *key)
{
	if (t->kind == kind)
		return true;
	if (t->kind == JSON_READ_END)
		return false;
	diag_error(g->to->d, json_read_span(&g->json, t), "%s must be %s, not %s", key,
		   json_kind_name(kind), json_kind_name(t->kind));
	diag_remedy(g->to->d, "the file as Microsoft publishes it");
	json_read_skip(&g->json, t);
	return false;
}

/* A key that counts stands once in an object. */
static bool first_time(struct reading *g, const struct json_token *key, bool *seen)
{
	if (*seen) {
		diag_error(g->to->d, json_read_span(&g->json, key),
			   "\"%.*s\" stands twice in this object", (int)key->text.len,
			   key->text.p);
		diag_remedy(g->to->d, "one of them");
	}
	*seen = true;
	return true;
}

static void read_prefixes(struct reading *g)
{
	struct json_token t;
	struct prefix p;

	if (!json_read_next(&g->json, &t) ||
	    !has_kind(g, &t, JSON_READ_ARRAY, "addressPrefixes"))
		return;
	while (!g->to->stop && json_read_next(&g->json, &t) &&
	       t.kind != JSON_READ_ARRAY_END) {
		const struct span at = json_read_span(&g->json, &t);

		if (has_kind(g, &t, JSON_READ_STRING, "a prefix") &&
		    tag_read_prefix(g->to, at, t.text, &p))
			(void)tag_add_entry(g->to, at, &p, 0);
	}
}

static void skip_value(struct reading *g)
{
	struct json_token t;

	if (json_read_next(&g->json, &t))
		json_read_skip(&g->json, &t);
}

static void read_properties(struct reading *g, struct one *one)
{
	struct json_token t;

	if (!json_read_next(&g->json, &t) ||
	    !has_kind(g, &t, JSON_READ_OBJECT, "properties"))
		return;
	while (!g->to->stop && json_read_next(&g->json, &t) && t.kind == JSON_READ_KEY) {
		if (str_equal(t.text, STR("addressPrefixes")) &&
		    first_time(g, &t, &one->has_prefixes))
			read_prefixes(g);
		else
			skip_value(g);
	}
}

static void read_name(struct reading *g, struct one *one)
{
	struct json_token t;

	if (!json_read_next(&g->json, &t))
		return;
	one->named = json_read_span(&g->json, &t);
	one->unsound = true;
	if (!has_kind(g, &t, JSON_READ_STRING, "name"))
		return;
	if (!tag_name_sound(t.text)) {
		diag_error(g->to->d, one->named, "is no name of a service tag");
		diag_remedy(g->to->d, "letters, digits, '.', '-' and '_', at most %d",
			    TAG_NAME_MAX);
		return;
	}
	one->unsound = false;
	memcpy(one->name, t.text.p, t.text.len);
	one->name_len = t.text.len;
}

/* Now the name is known: it goes to the prefixes that were read. */
static void finish_one(struct reading *g, const struct one *one)
{
	struct tag_file *f = g->to->f;
	size_t before = f->names.count;
	uint16_t tag;

	if (g->to->stop || json_read_failed(&g->json)) {
		f->count = one->first; /* prefixes of no tag */
		return;
	}
	if (one->named.line == 0 || !one->has_prefixes) {
		diag_error(g->to->d, one->opened, "a service tag without %s",
			   one->named.line == 0
				   ? "\"name\""
				   : "\"properties\": {\"addressPrefixes\"}");
		diag_remedy(g->to->d, "{\"name\": \"...\", \"properties\": "
				      "{\"addressPrefixes\": [ ]}}");
	}
	if (one->named.line == 0 || one->unsound ||
	    !tag_add_name(g->to, one->named, (struct str){one->name, one->name_len},
			  &tag)) {
		f->count = one->first;
		return;
	}
	if (f->names.count == before) {
		diag_error(g->to->d, one->named,
			   "this service tag stands in the file twice");
		diag_remedy(g->to->d, "one of them, with the prefixes of both");
	}
	for (size_t i = one->first; i < f->count; i++)
		f->entries[i].tag = tag;
}

static void read_one(struct reading *g, const struct json_token *begin)
{
	struct one one = {.opened = json_read_span(&g->json, begin),
			  .first = g->to->f->count};
	bool named = false;
	struct json_token t;

	while (!g->to->stop && json_read_next(&g->json, &t) && t.kind == JSON_READ_KEY) {
		if (str_equal(t.text, STR("name")) && first_time(g, &t, &named))
			read_name(g, &one);
		else if (str_equal(t.text, STR("properties")) &&
			 first_time(g, &t, &one.has_properties))
			read_properties(g, &one);
		else
			skip_value(g);
	}
	finish_one(g, &one);
}

static void read_values(struct reading *g)
{
	struct json_token t;

	if (!json_read_next(&g->json, &t) || !has_kind(g, &t, JSON_READ_ARRAY, "values"))
		return;
	while (!g->to->stop && json_read_next(&g->json, &t) &&
	       t.kind != JSON_READ_ARRAY_END)
		if (has_kind(g, &t, JSON_READ_OBJECT, "a service tag"))
			read_one(g, &t);
}

static void read_cloud(struct reading *g)
{
	struct json_token t;

	if (json_read_next(&g->json, &t) && has_kind(g, &t, JSON_READ_STRING, "cloud"))
		(void)tag_set_cloud(g->to, json_read_span(&g->json, &t), t.text);
}

static void read_change(struct reading *g)
{
	struct json_token t;

	if (!json_read_next(&g->json, &t) ||
	    !has_kind(g, &t, JSON_READ_NUMBER, "changeNumber") ||
	    parse_u64(t.text, UINT32_MAX, &g->to->f->change))
		return;
	diag_error(g->to->d, json_read_span(&g->json, &t), "is no number of a change");
	diag_remedy(g->to->d, "a whole number such as 398");
}

static void check_head(struct reading *g)
{
	static const char *const keys[] = {"cloud", "changeNumber", "values"};
	const struct span at = {g->json.file, 1, 1, 1};
	const bool has[] = {g->has_cloud, g->has_change, g->has_values};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (has[i] || json_read_failed(&g->json) || g->to->stop)
			continue;
		diag_error(g->to->d, at, "the file has no \"%s\"", keys[i]);
		diag_remedy(g->to->d, "ServiceTags_*.json as Microsoft publishes it");
	}
}

void tag_read_json(struct tag_reader *r, const struct tsv_text *text)
{
	struct reading g = {.to = r};
	struct json_token t;

	json_read_start(&g.json, text->name, text->text, text->len, r->d);
	if (!json_read_next(&g.json, &t) ||
	    !has_kind(&g, &t, JSON_READ_OBJECT, "the whole file"))
		return;
	while (!r->stop && json_read_next(&g.json, &t) && t.kind == JSON_READ_KEY) {
		if (str_equal(t.text, STR("cloud")) && first_time(&g, &t, &g.has_cloud))
			read_cloud(&g);
		else if (str_equal(t.text, STR("changeNumber")) &&
			 first_time(&g, &t, &g.has_change))
			read_change(&g);
		else if (str_equal(t.text, STR("values")) &&
			 first_time(&g, &t, &g.has_values))
			read_values(&g);
		else
			skip_value(&g);
	}
	if (!r->stop && json_read_next(&g.json, &t)) /* says what stands behind the end */
		json_read_skip(&g.json, &t);
	check_head(&g);
}
