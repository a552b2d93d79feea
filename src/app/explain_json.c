/* SPDX-License-Identifier: Apache-2.0 */
#include "app/explain_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "base/clock.h"
#include "match/zone.h"

#define JSON_BYTES ((size_t)4 << 20)

bool explain_json_begin(struct explain_json *x)
{
	x->memory = malloc(JSON_BYTES);
	if (x->memory == NULL) {
		(void)fprintf(stderr, "weir explain: out of memory\n");
		return false;
	}
	json_init(&x->j, x->memory, JSON_BYTES);
	json_object_begin(&x->j, NULL);
	return true;
}

int explain_json_end(struct explain_json *x, int code)
{
	json_object_end(&x->j);
	json_raw(&x->j, "\n", 1);
	if (json_ok(&x->j)) {
		(void)fwrite(x->memory, 1, x->j.len, stdout);
	} else {
		(void)fprintf(stderr, "weir explain: the answer is too long\n");
		code = EXIT_COULD_NOT;
	}
	free(x->memory);
	return finish_output(code);
}

void explain_json_principal(struct explain_json *x, const struct identity *who,
			    const struct subject *s)
{
	char text[IDENTITY_TEXT_MAX];
	size_t len;
	enum identity_answer a =
		identity_principal(who, &s->inside, s->time_us, text, &len);

	json_string(&x->j, "principal", (struct str){text, len});
	json_cstring(&x->j, "principal_by",
		     a == IDENTITY_USER  ? "list of people"
		     : a == IDENTITY_MAC ? "lease"
					 : "address");
}

static void put_some(struct json *j, const char *key, struct str s)
{
	if (s.len > 0)
		json_string(j, key, s);
}

static void put_word(struct json *j, const char *key, const struct word_list *l,
		     uint16_t id)
{
	if (id < l->count)
		json_cstring(j, key, l->words[id]);
}

static void put_source(struct json *j, const struct generation *g,
		       const struct subject *s)
{
	static const struct addr none;
	char text[ADDR_TEXT_MAX];

	if (s->direction != DIRECTION_UNKNOWN)
		json_cstring(j, "direction", direction_name(s->direction));
	json_cstring(j, "role", role_name(s->role));
	json_cstring(j, "role_by", s->source != ID_NONE ? "source" : "default");
	put_word(j, "source", &g->vocabulary.sources, s->source);
	put_word(j, "site", &g->vocabulary.sites, s->site);
	if (memcmp(&s->egress, &none, sizeof(none)) != 0) {
		(void)addr_format(&s->egress, text);
		json_cstring(j, "egress", text);
		json_cstring(j, "egress_by", s->egress_given ? "seen" : "site");
	}
}

static void put_row(struct json *j, const struct generation *g, const struct subject *s)
{
	struct catalog_row row;
	char at[1100];

	if (s->host.len == 0 || !catalog_name_row(g->catalog, s->host, &row))
		return;
	(void)snprintf(at, sizeof(at), "%s:%u", row.file, (unsigned)row.line);
	json_cstring(j, "service_by", at);
	put_some(j, "service_source", row.source);
	put_some(j, "service_date", row.date);
}

static void put_name(struct json *j, const struct generation *g, const struct subject *s)
{
	const struct service *v = s->service;

	put_some(j, "host", s->host);
	if (s->host.len > 0) {
		json_cstring(j, "host_by", evidence_name(s->evidence));
		json_cstring(j, "corroboration", corroboration_name(s->corroboration));
	}
	json_cstring(j, "visibility", visibility_name(s->visibility));
	if (s->undecidable != UNDECIDABLE_NONE)
		json_cstring(j, "name_undecidable", undecidable_name(s->undecidable));
	put_word(j, "service", &g->vocabulary.services, v->service);
	put_row(j, g, s);
	json_bool(j, "in_scope", s->in_scope);
	put_some(j, "region", v->region);
	put_some(j, "environment_id", str_of(v->environment_id));
	put_some(j, "tenant_id", str_of(v->tenant_id));
	put_some(j, "organization_id", str_of(v->organization_id));
	if (v->connector_count == 0)
		return;
	json_array_begin(j, "connectors");
	for (size_t i = 0; i < v->connector_count; i++)
		put_word(j, NULL, &g->vocabulary.connectors, v->connectors[i].connector);
	json_array_end(j);
}

static void put_place(struct json *j, const struct subject *s)
{
	const struct place *p = s->place;

	if (p->country[0] != '\0') {
		json_cstring(j, "country", p->country);
		json_cstring(j, "country_by",
			     p->country_from_tag ? "service tag" : "country database");
	}
	if (s->country_expected != KNOWN_UNKNOWN)
		json_bool(j, "country_expected", s->country_expected == KNOWN_YES);
	if (p->asn != 0)
		json_u64(j, "asn", p->asn);
	put_some(j, "as_org", p->as_org);
}

static void put_time(struct json *j, const struct subject *s)
{
	char when[RFC3339_LEN + 1], local[40];
	struct civil c = zone_local(s->zone, s->time_us);

	clock_format_rfc3339(s->time_us, when);
	(void)snprintf(local, sizeof(local), "%04d-%02d-%02dT%02d:%02d", c.year, c.month,
		       c.day, c.hour, c.minute);
	json_cstring(j, "time", when);
	json_cstring(j, "local_time", local);
	json_cstring(j, "tz", s->zone == NULL ? "UTC" : zone_name(s->zone));
	if (s->in_hours != KNOWN_UNKNOWN)
		json_bool(j, "in_hours", s->in_hours == KNOWN_YES);
}

/* Of the binding that answers, which is the first. */
static void put_bound(struct json *j, const struct generation *g, const struct subject *s)
{
	struct policy_binding b;
	char text[1300], prefix[PREFIX_TEXT_MAX];
	struct str name;

	if (policy_bindings(g->policy, &s->inside, &b, 1) == 0)
		return;
	json_array_begin(j, "bound_to");
	for (size_t i = 0;; i++) {
		name = policy_bound_environment(g->policy, &b, i);
		if (name.len == 0)
			break;
		json_string(j, NULL, name);
	}
	json_array_end(j);
	(void)prefix_format(&b.prefix, prefix);
	(void)snprintf(text, sizeof(text), "%.*s:%u", (int)b.place.file.len,
		       b.place.file.p, (unsigned)b.place.line);
	json_cstring(j, "bound_by", text);
	json_cstring(j, "bound_prefix", prefix);
}

void explain_json_known(struct explain_json *x, const struct generation *g,
			const struct subject *s)
{
	struct json *j = &x->j;

	put_source(j, g, s);
	put_bound(j, g, s);
	json_cstring(j, "protocol", protocol_name(s->protocol));
	if (transport_name(s->ip_proto) != NULL)
		json_cstring(j, "transport", transport_name(s->ip_proto));
	put_name(j, g, s);
	put_place(j, s);
	put_time(j, s);
}
