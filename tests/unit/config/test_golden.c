/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every tests/config/ok/NAME.conf loads and gives what NAME.ok says; every
 * tests/config/fail/NAME.conf is refused with the messages of NAME.ok.  UPDATE_GOLDEN=1
 * writes the .ok files instead: read the difference before you commit it.
 */
#include "config/config.h"

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"

static void dump_texts(FILE *out, const char *key, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, "%s %s\n", key, list[i]);
}

static void dump_addresses(FILE *out, const char *key, const struct addr *list,
			   size_t count)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		(void)addr_format(&list[i], text);
		(void)fprintf(out, "%s %s\n", key, text);
	}
}

static void dump_prefixes(FILE *out, const char *key, const struct prefix *list,
			  size_t count)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		(void)prefix_format(&list[i], text);
		(void)fprintf(out, "%s %s\n", key, text);
	}
}

static void dump_text(FILE *out, const char *key, const char *value)
{
	if (value != NULL)
		(void)fprintf(out, "%s %s\n", key, value);
}

static void dump_site(FILE *out, const struct site_cfg *s)
{
	(void)fprintf(out, "site %s\n", s->name);
	dump_prefixes(out, "  inside", s->inside, s->inside_count);
	dump_addresses(out, "  egress", s->egress, s->egress_count);
	if (s->vantage != VANTAGE_FOUND)
		(void)fprintf(out, "  vantage %s\n",
			      s->vantage == VANTAGE_INSIDE ? "inside" : "outside");
	dump_addresses(out, "  resolver", s->resolvers, s->resolver_count);
	dump_text(out, "  zone", s->zone_name);
	dump_text(out, "  hours", s->hours_text);
	if (s->zone != NULL)
		(void)fprintf(out, "  zone loaded: %s\n", zone_name(s->zone));
	if (s->hours_text != NULL)
		(void)fprintf(out, "  spans %zu\n", s->hours.count);
	if (s->holidays != NULL)
		(void)fprintf(out, "  holiday 2026-12-25: %d\n",
			      holidays_has(s->holidays, 2026, 12, 25));
	dump_texts(out, "  country", s->countries, s->country_count);
}

static void dump_gateway(FILE *out, const struct config *c)
{
	static const char *const sources[] = {"none", "nfqueue", "interface"};
	static const char *const failures[] = {"none", "open", "closed"};

	(void)fprintf(out,
		      "hold %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRId64 "\n"
		      "capture %s on_failure %s adopt %" PRId64 " watchdog %" PRId64
		      " queue %" PRIu32 " mask %08" PRIx32 " ttl %" PRIu32 " user %s\n",
		      c->limits.hold_flow, c->limits.hold_source, c->limits.hold_total,
		      c->limits.hold_time_us, sources[c->capture.source],
		      failures[c->capture.on_failure], c->capture.adopt_us,
		      c->capture.watchdog_us, c->capture.queue, c->capture.mark_mask,
		      c->capture.min_ttl, c->capture.user);
	dump_texts(out, "  interface", c->capture.interfaces, c->capture.interface_count);
	(void)fprintf(out, "control %s %s %s\n", c->control.socket, c->control.operators,
		      c->control.readers);
}

static void dump(FILE *out, const struct config *c)
{
	(void)fprintf(out, "path %s\nsensor %s\nmode %s\n", c->path, c->sensor,
		      mode_name(c->mode));
	dump_texts(out, "rules", c->rules, c->rule_count);
	for (size_t i = 0; i < c->site_count; i++)
		dump_site(out, &c->sites[i]);
	for (size_t i = 0; i < c->source_count; i++) {
		(void)fprintf(out, "source %s role %s site %s%s\n", c->sources[i].name,
			      role_name(c->sources[i].role),
			      c->sources[i].site == NULL ? "-" : c->sources[i].site,
			      c->sources[i].shared ? " shared" : "");
		dump_prefixes(out, "  address", c->sources[i].addresses,
			      c->sources[i].address_count);
	}
	dump_text(out, "catalog.services", c->catalog.services);
	dump_text(out, "catalog.connectors", c->catalog.connectors);
	dump_text(out, "catalog.regions", c->catalog.regions);
	dump_text(out, "catalog.own", c->catalog.own);
	dump_texts(out, "geo.country", c->geo.country, c->geo.country_count);
	dump_texts(out, "geo.asn", c->geo.asn, c->geo.asn_count);
	if (c->geo.accept_registrant)
		(void)fprintf(out, "geo registrant accepted\n");
	if (c->geo.warn_age_us != INT64_C(15552000000000))
		(void)fprintf(out, "geo warns after %lld\n",
			      (long long)c->geo.warn_age_us);
	dump_texts(out, "geo.tags", c->geo.tags, c->geo.tag_count);
	if (c->feeds.warn_age_us != 0)
		(void)fprintf(out, "feeds.warn_age %" PRId64 "\n", c->feeds.warn_age_us);
	dump_text(out, "geo.networks", c->geo.networks);
	dump_prefixes(out, "geo.nat64", c->geo.nat64, c->geo.nat64_count);
	dump_texts(out, "identity.leases", c->identity.leases, c->identity.lease_count);
	dump_text(out, "identity.people", c->identity.people);
	if (!c->identity.neighbours)
		(void)fputs("no neighbours\n", out);
	dump_text(out, "ledger.dir", c->ledger.dir);
	(void)fprintf(out, "ledger.segment %" PRIu64 "%s\n", c->ledger.segment_bytes,
		      c->ledger.dns_events ? " dns_events" : "");
	if (!c->ledger.compress || c->ledger.keep_us != 0 || c->ledger.keep_bytes != 0)
		(void)fprintf(out, "ledger.keep %" PRId64 " %" PRIu64 "%s\n",
			      c->ledger.keep_us, c->ledger.keep_bytes,
			      c->ledger.compress ? "" : " plain");
	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if (c->ledger.keep_type_us[t] != 0)
			(void)fprintf(out, "ledger.keep_%s %" PRId64 "\n",
				      expiring_name((enum expiring)t),
				      c->ledger.keep_type_us[t]);
	if (c->ledger.anchor != ANCHOR_NONE)
		(void)fprintf(out, "ledger.anchor %s\n",
			      config_anchor_name(c->ledger.anchor));
	dump_text(out, "dns.dir", c->dns.dir);
	(void)fprintf(out, "dns %s %" PRId64 "\n", c->dns.keep ? "kept" : "not kept",
		      c->dns.save_us);
	dump_text(out, "dns.log", c->dns.log);
	dump_text(out, "dns.log_group", c->dns.log_group);
	(void)fprintf(out,
		      "limits %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRId64 " %" PRId64
		      "\n",
		      c->limits.max_flows, c->limits.max_fragments, c->limits.max_heads,
		      c->limits.tcp_timeout_us, c->limits.udp_timeout_us);
	dump_gateway(out, c);
}

/* What loading `path` gives: the findings, then the configuration if there is one. */
static char *outcome(const char *path, bool *ret_loaded)
{
	struct diag *d = diag_create();
	struct config *c;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(d);
	assert_non_null(out);
	c = config_load(path, "share", d);
	*ret_loaded = c != NULL;
	assert_int_equal(c == NULL, diag_count(d, DIAG_ERROR) > 0);
	diag_print(d, out, false);
	if (c != NULL)
		dump(out, c);
	assert_int_equal(fclose(out), 0);
	config_unload(c);
	diag_destroy(d);
	return text;
}

/* NAME.conf -> NAME.ok; the caller frees. */
static char *answer_of(const char *path)
{
	char *name = strdup(path);

	assert_non_null(name);
	memcpy(name + strlen(name) - 5, ".ok", 4);
	return name;
}

static void check_file(const char *path, bool want_loaded)
{
	char *answer = answer_of(path), *want = NULL, *got;
	bool loaded;
	size_t len;

	got = outcome(path, &loaded);
	if (loaded != want_loaded)
		fail_msg("%s: %s\n%s", path, loaded ? "loads" : "does not load", got);
	/* Tests of one program run in one thread. */
	if (getenv("UPDATE_GOLDEN") != NULL) { // NOLINT(concurrency-mt-unsafe)
		FILE *f = fopen(answer, "w");

		assert_non_null(f);
		assert_true(fputs(got, f) >= 0);
		assert_int_equal(fclose(f), 0);
	} else {
		if (file_read(answer, 1 << 20, &want, &len) != 0)
			fail_msg("%s is missing; it would be:\n%s", answer, got);
		if (strcmp(got, want) != 0)
			print_error("%s:\n", path);
		assert_string_equal(got, want);
	}
	free(want);
	free(got);
	free(answer);
}

static int is_conf(const struct dirent *e)
{
	return str_ends_with(str_of(e->d_name), STR(".conf"));
}

static void check_folder(const char *folder, bool want_loaded)
{
	struct dirent **list = NULL;
	int count = scandir(folder, &list, is_conf, alphasort);

	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		char *path = NULL;

		assert_true(asprintf(&path, "%s/%s", folder, list[i]->d_name) > 0);
		check_file(path, want_loaded);
		free(path);
		free(list[i]);
	}
	free(list);
}

static void good_files_load(void **state)
{
	(void)state;
	check_folder("tests/config/ok", true);
}

static void bad_files_are_refused_with_every_fault(void **state)
{
	(void)state;
	check_folder("tests/config/fail", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_files_load),
		cmocka_unit_test(bad_files_are_refused_with_every_fault),
	};

	return cmocka_run_group_tests_name("config/golden", tests, NULL, NULL);
}
