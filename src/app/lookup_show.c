/* SPDX-License-Identifier: Apache-2.0 */
#include "app/lookup_show.h"

#include <inttypes.h>
#include <string.h>

#define LABEL_WIDTH 16

static const char *confidence_word(unsigned c)
{
	static const char *const words[] = {"assumed", "published", "verified"};

	return c < 3 ? words[c] : "?";
}

static void begin(struct show *s, struct str operand)
{
	json_init(&s->j, s->buf, s->size);
	if (s->json)
		json_object_begin(&s->j, NULL);
	else
		(void)fprintf(s->out, "%.*s\n", (int)operand.len, operand.p);
}

static bool end(struct show *s)
{
	if (!s->json)
		return true;
	json_object_end(&s->j);
	json_raw(&s->j, "\n", 1);
	if (!json_ok(&s->j))
		return false;
	(void)fwrite(s->buf, 1, s->j.len, s->out);
	return true;
}

/* A line for people, a member for programs, one call for both. */
static void field(struct show *s, const char *key, struct str value)
{
	if (value.len == 0)
		return;
	if (s->json)
		json_string(&s->j, key, value);
	else
		(void)fprintf(s->out, "  %-*s %.*s\n", LABEL_WIDTH, key, (int)value.len,
			      value.p);
}

static void answer(struct show *s, const char *key, bool yes)
{
	if (s->json)
		json_bool(&s->j, key, yes);
	else
		(void)fprintf(s->out, "  %-*s %s\n", LABEL_WIDTH, key,
			      yes ? "yes" : "no");
}

/* The number of words of a list so far decides how it goes on. */
static void word(struct show *s, const char *key, const char *text, size_t before)
{
	if (s->json && before == 0)
		json_array_begin(&s->j, key);
	if (s->json)
		json_cstring(&s->j, NULL, text);
	else if (before == 0)
		(void)fprintf(s->out, "  %-*s %s", LABEL_WIDTH, key, text);
	else
		(void)fprintf(s->out, ", %s", text);
}

static void words_end_of(struct show *s, size_t count)
{
	if (count > 0 && s->json)
		json_array_end(&s->j);
	else if (count > 0)
		(void)fputc('\n', s->out);
}

static void place_of_row(char *to, size_t size, const struct catalog_row *row)
{
	(void)snprintf(to, size, "%s:%" PRIu32, row->file, row->line);
}

static void show_groups(struct show *s, uint16_t service)
{
	const struct vocabulary *v = &s->g->vocabulary;
	size_t n = 0;

	for (size_t i = 0; i < v->group_count; i++) {
		if (service_set_has(&v->groups[i].members, service))
			word(s, "groups", v->groups[i].name, n++);
	}
	words_end_of(s, n);
}

static void show_fields(struct show *s, const struct service *v)
{
	field(s, "cloud", v->cloud);
	field(s, "region", v->region);
	field(s, "countries", v->countries);
	field(s, "environment_id", str_of(v->environment_id));
	field(s, "tenant_id", str_of(v->tenant_id));
	field(s, "organization_id", str_of(v->organization_id));
	field(s, "org", v->org);
	field(s, "site", v->site_name);
	field(s, "tenant_name", v->tenant_name);
	field(s, "account", v->account);
	field(s, "key", v->key);
	field(s, "component", v->component);
	field(s, "stamp", v->stamp);
	field(s, "role", v->host_role);
}

static void show_row(struct show *s, const struct catalog_row *row)
{
	char place[1100];

	place_of_row(place, sizeof(place), row);
	field(s, "rule", str_of(place));
	field(s, "pattern", row->pattern);
	if (row->own)
		answer(s, "own", true);
	field(s, "confidence", str_of(confidence_word(row->confidence)));
	field(s, "source", row->source);
	field(s, "date", row->date);
	field(s, "ports", row->ports);
	field(s, "note", row->note);
}

static const struct {
	const char *key, *text;
	size_t at;
} marks[] = {
	{"endpoint_filterable", "endpoint-filterable",
	 offsetof(struct catalog_row, endpoint_filterable)},
	{"unblockable", "unblockable", offsetof(struct catalog_row, unblockable)},
	{"gateway", "gateway", offsetof(struct catalog_row, gateway)},
	{"vnet", "vnet", offsetof(struct catalog_row, vnet)},
};

static enum stated mark_of(const struct catalog_row *row, size_t at)
{
	enum stated v;

	memcpy(&v, (const char *)row + at, sizeof(v));
	return v;
}

static void connector_json(struct show *s, const char *id, const struct catalog_row *row)
{
	char place[1100];

	place_of_row(place, sizeof(place), row);
	json_object_begin(&s->j, NULL);
	json_cstring(&s->j, "connector", id);
	json_string(&s->j, "title", row->title);
	json_string(&s->j, "publisher", row->publisher);
	json_string(&s->j, "tier", row->tier);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		enum stated v = mark_of(row, marks[i].at);

		if (v != STATED_NOT)
			json_bool(&s->j, marks[i].key, v == STATED_YES);
	}
	json_cstring(&s->j, "rule", place);
	json_string(&s->j, "pattern", row->pattern);
	json_cstring(&s->j, "confidence", confidence_word(row->confidence));
	json_string(&s->j, "source", row->source);
	json_string(&s->j, "date", row->date);
	json_object_end(&s->j);
}

static void connector_text(struct show *s, const char *id, const struct catalog_row *row)
{
	const struct str said[] = {row->title, row->publisher, row->tier};

	(void)fprintf(s->out, "    %s", id);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		if (said[i].len > 0)
			(void)fprintf(s->out, "%s%.*s", i == 0 ? ": " : ", ",
				      (int)said[i].len, said[i].p);
	}
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (mark_of(row, marks[i].at) == STATED_YES)
			(void)fprintf(s->out, ", %s", marks[i].text);
	}
	(void)fprintf(s->out, "\n      %s, %.*s, %s:%" PRIu32,
		      confidence_word(row->confidence), (int)row->pattern.len,
		      row->pattern.p, row->file, row->line);
	if (row->source.len > 0)
		(void)fprintf(s->out, "\n      %.*s", (int)row->source.len,
			      row->source.p);
	if (row->date.len > 0)
		(void)fprintf(s->out, "; %.*s", (int)row->date.len, row->date.p);
	(void)fputc('\n', s->out);
}

static void show_connectors(struct show *s, const struct service *v)
{
	const struct word_list *names = &s->g->vocabulary.connectors;
	struct catalog_row row;

	for (size_t i = 0; i < v->connector_count; i++)
		word(s, "connectors", names->words[v->connectors[i].connector], i);
	words_end_of(s, v->connector_count);
	if (s->json && v->connector_count > 0)
		json_array_begin(&s->j, "connector_rows");
	for (size_t i = 0; i < v->connector_count; i++) {
		const char *id = names->words[v->connectors[i].connector];

		catalog_connector_row(s->g->catalog, &v->connectors[i], &row);
		if (s->json)
			connector_json(s, id, &row);
		else
			connector_text(s, id, &row);
	}
	if (s->json && v->connector_count > 0)
		json_array_end(&s->j);
}

bool show_name(struct show *s, struct str operand, struct str host)
{
	struct catalog_row row;
	struct service v;

	catalog_name(s->g->catalog, host, &v);
	begin(s, operand);
	field(s, "host", host);
	if (v.service != ID_NONE)
		field(s, "service", str_of(s->g->vocabulary.services.words[v.service]));
	else if (!s->json && v.connector_count == 0)
		(void)fprintf(s->out, "  not in the catalogue\n");
	show_fields(s, &v);
	if (v.service != ID_NONE) {
		show_groups(s, v.service);
		answer(s, "in_scope", v.in_scope);
		answer(s, "platform", v.platform);
	}
	if (catalog_name_row(s->g->catalog, host, &row))
		show_row(s, &row);
	show_connectors(s, &v);
	return end(s);
}

/* The principal as an event of now would have it. */
static void show_principal(struct show *s, const struct addr *a)
{
	char text[IDENTITY_TEXT_MAX];
	size_t len;
	enum identity_answer by = identity_principal(s->who, a, s->now_us, text, &len);

	field(s, "principal", (struct str){text, len});
	field(s, "principal_source",
	      by == IDENTITY_USER  ? STR("list of people")
	      : by == IDENTITY_MAC ? STR("lease")
				   : STR("address"));
}

static void show_bound(struct show *s, const struct addr *a)
{
	struct policy_binding b;
	char text[1100];
	size_t i = 0;

	if (policy_bindings(s->g->policy, a, &b, 1) == 0)
		return;
	for (;; i++) {
		struct str name = policy_bound_environment(s->g->policy, &b, i);

		if (name.len == 0)
			break;
		(void)snprintf(text, sizeof(text), "%.*s", (int)name.len, name.p);
		word(s, "environments", text, i);
	}
	words_end_of(s, i);
	(void)snprintf(text, sizeof(text), "%.*s:%" PRIu32, (int)b.place.file.len,
		       b.place.file.p, b.place.line);
	field(s, "environments_rule", str_of(text));
}

static void show_inside(struct show *s, const struct addr *a)
{
	const struct vocabulary *v = &s->g->vocabulary;
	struct whereabouts at;

	generation_locate(s->g, a, a, &at);
	if (at.known && at.site != ID_NONE)
		field(s, "inside", str_of(v->sites.words[at.site]));
	if (at.known && at.source != ID_NONE)
		field(s, "inside_source", str_of(v->sources.words[at.source]));
	if (!at.known || at.translated)
		return;
	field(s, "inside_role", str_of(role_name(at.role)));
	if (at.shared)
		answer(s, "shared", true);
	show_principal(s, a);
	show_bound(s, a);
}

/* Which publication of service tags says so. */
static void show_feed(struct show *s, struct str cloud)
{
	const struct tag_feed *f;
	size_t n = cloud.len == 0 ? 0 : catalog_feeds(s->g->catalog, &f);
	char text[128];

	field(s, "cloud", cloud);
	for (size_t i = 0; i < n; i++) {
		if (!str_equal(str_of(f[i].cloud), cloud))
			continue;
		(void)snprintf(text, sizeof(text), "service tags %s, change %" PRIu64,
			       f[i].cloud, f[i].change);
		field(s, "source", str_of(text));
		field(s, "date", str_of(f[i].date));
	}
}

bool show_address(struct show *s, struct str operand, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];
	struct addr meant;
	bool embedded = generation_embedded(s->g, a, &meant);
	struct place p;

	catalog_address(s->g->catalog, &meant, &p);
	begin(s, operand);
	field(s, "address", (struct str){text, addr_format(a, text)});
	if (embedded)
		field(s, "embedded", (struct str){text, addr_format(&meant, text)});
	show_inside(s, a);
	for (size_t i = 0; i < p.tag_count; i++)
		word(s, "tags", s->g->vocabulary.tags.words[p.tags[i]], i);
	words_end_of(s, p.tag_count);
	show_feed(s, p.tag_cloud);
	field(s, "region", p.region);
	field(s, "country", str_of(p.country[0] != '\0' ? p.country : "unknown"));
	if (p.country[0] != '\0')
		field(s, "country_source",
		      p.country_from_tag ? STR("service tag") : STR("country database"));
	if (p.asn != 0 && s->json)
		json_u64(&s->j, "asn", p.asn);
	else if (p.asn != 0)
		(void)fprintf(s->out, "  %-*s %" PRIu32 "\n", LABEL_WIDTH, "asn", p.asn);
	field(s, "as_org", p.as_org);
	return end(s);
}
