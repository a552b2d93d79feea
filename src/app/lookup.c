/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "base/json.h"

#define LINE_BYTES ((size_t)64 << 10)

static const char *confidence_word(unsigned c)
{
	static const char *const words[] = {"assumed", "published", "verified"};

	return c < 3 ? words[c] : "?";
}

/* A table row for people, a JSON member for programs, one call for both. */
struct writer {
	bool json;
	struct json j;
	FILE *out;
};

static void field(struct writer *w, const char *key, struct str value)
{
	if (value.len == 0)
		return;
	if (w->json)
		json_string(&w->j, key, value);
	else
		(void)fprintf(w->out, "  %-16s %.*s\n", key, (int)value.len, value.p);
}

static void field_words(struct writer *w, const char *key, const char *const *words,
			size_t n)
{
	if (n == 0)
		return;
	if (w->json)
		json_array_begin(&w->j, key);
	else
		(void)fprintf(w->out, "  %-16s ", key);
	for (size_t i = 0; i < n; i++) {
		if (w->json)
			json_cstring(&w->j, NULL, words[i]);
		else
			(void)fprintf(w->out, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	if (w->json)
		json_array_end(&w->j);
	else
		(void)fputc('\n', w->out);
}

static void write_name(struct writer *w, const struct generation *g, struct str host)
{
	const char *words[64];
	struct service s;
	size_t n = 0;

	catalog_name(g->catalog, host, &s);
	field(w, "host", host);
	if (s.service != ID_NONE)
		field(w, "service", str_of(g->vocabulary.services.words[s.service]));
	else if (!w->json && s.connector_count == 0)
		(void)fprintf(w->out, "  not in the catalogue\n");
	field(w, "cloud", s.cloud);
	field(w, "region", s.region);
	field(w, "countries", s.countries);
	field(w, "environment_id", str_of(s.environment_id));
	field(w, "tenant_id", str_of(s.tenant_id));
	field(w, "organization_id", str_of(s.organization_id));
	field(w, "org", s.org);
	field(w, "site", s.site_name);
	field(w, "tenant_name", s.tenant_name);
	field(w, "account", s.account);
	field(w, "key", s.key);
	field(w, "component", s.component);
	field(w, "stamp", s.stamp);
	field(w, "role", s.host_role);
	for (size_t i = 0; i < s.connector_count && n < 64; i++)
		words[n++] = g->vocabulary.connectors.words[s.connectors[i].connector];
	field_words(w, "connectors", words, n);
	field(w, "rule", s.pattern);
	if (s.service != ID_NONE || s.connector_count > 0)
		field(w, "confidence", str_of(confidence_word(s.confidence)));
	field(w, "source", s.source);
}

/* Which publication says so. */
static void field_feed(struct writer *w, const struct generation *g, struct str cloud)
{
	const struct tag_feed *f;
	size_t n = cloud.len == 0 ? 0 : catalog_feeds(g->catalog, &f);
	char text[128];

	field(w, "cloud", cloud);
	for (size_t i = 0; i < n; i++) {
		if (!str_equal(str_of(f[i].cloud), cloud))
			continue;
		(void)snprintf(text, sizeof(text), "service tags %s, change %" PRIu64,
			       f[i].cloud, f[i].change);
		field(w, "source", str_of(text));
		field(w, "date", str_of(f[i].date));
	}
}

static void write_address(struct writer *w, const struct generation *g,
			  const struct addr *a)
{
	const char *words[PLACE_TAGS_MAX];
	char text[ADDR_TEXT_MAX], asn[16];
	struct whereabouts at;
	struct place p;

	catalog_address(g->catalog, a, &p);
	generation_locate(g, a, a, &at);
	field(w, "address", (struct str){text, addr_format(a, text)});
	if (at.known && at.site != ID_NONE)
		field(w, "inside", str_of(g->vocabulary.sites.words[at.site]));
	if (at.known && at.source != ID_NONE)
		field(w, "inside_source", str_of(g->vocabulary.sources.words[at.source]));
	for (size_t i = 0; i < p.tag_count; i++)
		words[i] = g->vocabulary.tags.words[p.tags[i]];
	field_words(w, "tags", words, p.tag_count);
	field_feed(w, g, p.tag_cloud);
	field(w, "region", p.region);
	field(w, "country", str_of(p.country[0] != '\0' ? p.country : "unknown"));
	if (p.country[0] != '\0')
		field(w, "country_source",
		      p.country_from_tag ? STR("service tag") : STR("country database"));
	if (p.asn != 0) {
		(void)snprintf(asn, sizeof(asn), "%" PRIu32, p.asn);
		field(w, "asn", str_of(asn));
	}
	field(w, "as_org", p.as_org);
}

static void lookup(const struct generation *g, const char *operand, bool json, char *buf)
{
	struct writer w = {.json = json, .out = stdout};
	size_t n = strlen(operand);
	char host[256];
	struct addr a;

	json_init(&w.j, buf, LINE_BYTES);
	if (json)
		json_object_begin(&w.j, NULL);
	else
		(void)printf("%s\n", operand);
	if (addr_parse(operand, n, &a)) {
		write_address(&w, g, &a);
	} else {
		if (n > 0 && operand[n - 1] == '.')
			n--;
		if (n >= sizeof(host))
			n = sizeof(host) - 1;
		for (size_t i = 0; i < n; i++)
			host[i] = ascii_lower(operand[i]);
		write_name(&w, g, (struct str){host, n});
	}
	if (!json)
		return;
	json_object_end(&w.j);
	json_raw(&w.j, "\n", 1);
	(void)fwrite(buf, 1, w.j.len, stdout);
}

static void lookup_lines(const struct generation *g, FILE *in, bool json, char *buf)
{
	char line[1024];

	while (fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] != '\0')
			lookup(g, line, json, buf);
	}
}

static int run(int argc, char *argv[])
{
	enum {
		OPT_JSON = 256
	};
	static const struct option longs[] = {
		{"json", no_argument, NULL, OPT_JSON},
		{"config", required_argument, NULL, 'c'},
		{NULL, 0, NULL, 0},
	};
	struct common c = {0};
	struct generation *g;
	char *buf;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (o == 'c')
			c.config = optarg;
		else if (o == OPT_JSON)
			c.json = true;
		else if (o == '?')
			return usage_error("lookup", "see the options");
	}
	if (optind == argc)
		return usage_error("lookup", "which name or address?  - reads a list");
	g = load_or_report(&c, true);
	buf = malloc(LINE_BYTES);
	if (g == NULL || buf == NULL) {
		free(buf);
		generation_destroy(g);
		return EXIT_FINDINGS;
	}
	for (int i = optind; i < argc; i++) {
		if (strcmp(argv[i], "-") == 0)
			lookup_lines(g, stdin, c.json, buf);
		else
			lookup(g, argv[i], c.json, buf);
	}
	if (!c.json)
		(void)printf("\ncatalogue\n%s\n", catalog_summary(g->catalog));
	free(buf);
	generation_destroy(g);
	return finish_output(EXIT_FINE);
}

const struct command command_lookup = {
	.name = "lookup",
	.summary = "what the catalogue and geo data say of a name or address",
	.run = run,
	.help = "usage: weir lookup [-c FILE] [--json] NAME|ADDRESS...\n"
		"\n"
		"Prints service, cloud, region, environment, tenant, organization, connectors of a\n"
		"host name; tags, region, country and network of an address; with the row that\n"
		"answered and its source.  - reads one a line from standard input.\n"
		"\n"
		"  --json     one JSON object a line\n"
		"\n"
		"Exit status: 0 fine; 1 the catalogue or configuration has errors; 2 usage.\n",
};
