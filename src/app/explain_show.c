/* SPDX-License-Identifier: Apache-2.0 */
#include "app/explain_show.h"

#include "base/clock.h"
#include "match/zone.h"

#define LENGTHS 129 /* of prefixes that hold one address */

/* As judge.c names it. */
void show_principal(const struct identity *who, const struct subject *s, FILE *out)
{
	char text[IDENTITY_TEXT_MAX];
	size_t len;
	enum identity_answer a =
		identity_principal(who, &s->inside, s->time_us, text, &len);

	(void)fprintf(out, "  principal  %.*s   (%s)\n", (int)len, text,
		      a == IDENTITY_USER  ? "by the list of people"
		      : a == IDENTITY_MAC ? "MAC by a lease"
					  : "no file says who has the address");
}

void show_bindings(const struct generation *g, const struct subject *s, FILE *out)
{
	struct policy_binding b[LENGTHS];
	size_t n = policy_bindings(g->policy, &s->inside, b, LENGTHS);

	for (size_t i = 0; i < n; i++) {
		char prefix[PREFIX_TEXT_MAX];
		struct str name;

		(void)fputs(i == 0 ? "  bound to   " : "             ", out);
		for (size_t k = 0;; k++) {
			name = policy_bound_environment(g->policy, &b[i], k);
			if (name.len == 0)
				break;
			(void)fprintf(out, "%s%.*s", k > 0 ? ", " : "", (int)name.len,
				      name.p);
		}
		(void)prefix_format(&b[i].prefix, prefix);
		(void)fprintf(out, "   (%s%s%s by %.*s:%u%s)\n", prefix,
			      b[i].source != ID_NONE ? " of source " : "",
			      b[i].source != ID_NONE
				      ? g->vocabulary.sources.words[b[i].source]
				      : "",
			      (int)b[i].place.file.len, b[i].place.file.p,
			      (unsigned)b[i].place.line,
			      i > 0 ? "; not asked: a longer prefix answers" : "");
	}
}

void show_known(const struct generation *g, const struct subject *s, FILE *out)
{
	const struct vocabulary *v = &g->vocabulary;
	const struct service *svc = s->service;
	const struct place *p = s->place;
	char when[RFC3339_LEN + 1];
	const char *zone = s->zone == NULL ? "UTC" : zone_name(s->zone);
	struct civil c = zone_local(s->zone, s->time_us);

	clock_format_rfc3339(s->time_us, when);
	(void)fprintf(out, "\nwhat is known\n");
	(void)fprintf(out, "  source     role %s%s%s%s%s\n", role_name(s->role),
		      s->source != ID_NONE ? ", source " : "",
		      s->source != ID_NONE ? v->sources.words[s->source] : "",
		      s->site != ID_NONE ? ", site " : ", no site",
		      s->site != ID_NONE ? v->sites.words[s->site] : "");
	if (s->host.len > 0) {
		(void)fputs("  host       ", out);
		str_put_printable(out, s->host);
		(void)fprintf(out, "   (%s, corroboration %s)\n",
			      evidence_name(s->evidence),
			      corroboration_name(s->corroboration));
	}
	if (svc->service != ID_NONE)
		(void)fprintf(
			out, "  service    %s%s%.*s\n", v->services.words[svc->service],
			svc->region.len > 0 ? ", region " : "", (int)svc->region.len,
			svc->region.len > 0 ? svc->region.p : "");
	for (size_t i = 0; i < svc->connector_count; i++)
		(void)fprintf(out, "%s%s%s", i == 0 ? "  connectors " : ", ",
			      v->connectors.words[svc->connectors[i].connector],
			      i + 1 == svc->connector_count ? "\n" : "");
	(void)fprintf(out, "  country    %s%s\n",
		      p->country[0] != '\0' ? p->country : "unknown",
		      p->country[0] == '\0' ? ""
		      : p->country_from_tag ? " (service tag)"
					    : " (country database)");
	(void)fprintf(out, "  time       %s = %02d:%02d %s, %s\n", when, c.hour, c.minute,
		      zone,
		      s->in_hours == KNOWN_YES  ? "inside hours"
		      : s->in_hours == KNOWN_NO ? "outside hours"
						: "the site has no hours");
}
