/* SPDX-License-Identifier: Apache-2.0 */
#include "cases.h"

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utf8.h"
#include "engine/generation.h"
#include "engine/replay.h"
#include "mutate.h"
#include "report/summary.h"

#define SEEDS_MAX    256
#define BASE_CONFIG  "tests/demo/demo.conf"
#define NOW_US       1795000000000000 /* 2026-11-18: no test depends on the real clock */
#define EVENTS_EVERY 40 /* the events of so few are kept for validate_events.py */
#define SHARED_EVERY 16 /* captures that two workers read */

struct seed {
	char name[256];
	struct bytes bytes;
	bool sound; /* must be read as it is */
};

struct seeds {
	struct seed list[SEEDS_MAX];
	size_t count;
};

struct cases {
	struct generation *base;
	struct seeds seeds[KIND_COUNT];
	struct bytes file; /* the case at work */
	char path[300];
	uint64_t number;
	char *why;
};

const char *kind_name(enum kind k)
{
	static const char *const names[] = {"captures", "rules", "configurations",
					    "catalogue files"};

	return k < KIND_COUNT ? names[k] : "?";
}

size_t cases_seed_count(const struct cases *c, enum kind k)
{
	return c->seeds[k].count;
}

static enum outcome wrong(const struct cases *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static enum outcome wrong(const struct cases *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->why, WHY_MAX, fmt, ap);
	va_end(ap);
	return OUTCOME_WRONG;
}

/* ---- what must hold for every finding ------------------------------------------------------- */

/* Nothing that a file holds may reach a terminal as anything but text. */
static bool is_plain_text(const char *text, size_t len, bool json)
{
	for (size_t i = 0, n; i < len; i += n) {
		unsigned char b = (unsigned char)text[i];

		n = utf8_len((const uint8_t *)text + i, len - i);
		if (n == 0 || b == 0x7f || (b < 0x20 && b != '\n' && (json || b != '\t')))
			return false;
	}
	return true;
}

typedef void print_diag(const struct diag *d, FILE *out);

static void print_text(const struct diag *d, FILE *out)
{
	diag_print(d, out, false);
}

/* The line of `text` in which `word` stands. */
static struct str line_with(const char *text, const char *word)
{
	const char *at = strstr(text, word), *end;

	if (at == NULL)
		return STR_NONE;
	while (at > text && at[-1] != '\n')
		at--;
	end = strchr(at, '\n');
	return (struct str){at, end == NULL ? strlen(at) : (size_t)(end - at)};
}

/* ret_first: the first error, for whoever asks why a file was refused; NULL = no. */
static bool prints_well(const struct diag *d, print_diag *print, const char *must_hold,
			char *ret_first)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct str first;
	bool fine;

	if (f == NULL)
		abort();
	print(d, f);
	fine = fclose(f) == 0 &&
	       (diag_count(d, DIAG_ERROR) == 0 || strstr(text, must_hold) != NULL) &&
	       is_plain_text(text, len, print != print_text);
	first = line_with(text, must_hold);
	if (ret_first != NULL)
		(void)snprintf(ret_first, WHY_MAX, "%.*s", (int)first.len,
			       first.len == 0 ? "" : first.p);
	free(text);
	return fine;
}

/* Loaded without an error, or not loaded with a readable one. */
static enum outcome check_findings(const struct cases *c, bool loaded,
				   const struct diag *d)
{
	size_t errors = diag_count(d, DIAG_ERROR);

	if (loaded && errors > 0)
		return wrong(c, "loaded in spite of %zu errors", errors);
	if (!loaded && errors == 0)
		return wrong(c, "refused without a message");
	if (!prints_well(d, print_text, ": error: ", c->why))
		return wrong(c, "the printed findings are not readable text");
	if (!prints_well(d, diag_print_json, "\"message\"", NULL))
		return wrong(c, "the findings as JSON are not sound");
	return loaded ? OUTCOME_READ : OUTCOME_REFUSED;
}

static struct diag *new_diag(void)
{
	struct diag *d = diag_create();

	if (d == NULL)
		abort();
	return d;
}

/* ---- questions that anything loaded must answer ---------------------------------------------- */

static const char *const hosts[] = {
	"contoso.crm4.dynamics.com",
	"make.powerapps.com",
	"839eace659ab424397eca5b8fcc104.e4.environment.api.powerplatform.com",
	"x.database.windows.net",
	"api.contoso.example",
	"",
};

static const char *const addresses[] = {"10.10.16.41",    "4.210.128.200",
					"40.99.204.34",   "198.51.100.77",
					"fd10:0:0:9::31", "2603:1020::1"};

#define HOSTS     (sizeof(hosts) / sizeof(hosts[0]))
#define ADDRESSES (sizeof(addresses) / sizeof(addresses[0]))

static struct addr address(size_t i)
{
	struct addr a;

	if (!addr_parse(addresses[i], strlen(addresses[i]), &a))
		abort();
	return a;
}

static bool answers_within_tables(const struct catalog *cat)
{
	struct vocabulary v;
	struct service s;
	struct place p;

	catalog_vocabulary(cat, &v);
	for (size_t i = 0; i < HOSTS; i++) {
		catalog_name(cat, str_of(hosts[i]), &s);
		if (s.service != ID_NONE && s.service >= v.services.count)
			return false;
		for (size_t k = 0; k < s.connector_count; k++)
			if (s.connectors[k].connector >= v.connectors.count)
				return false;
	}
	for (size_t i = 0; i < ADDRESSES; i++) {
		struct addr a = address(i);

		catalog_address(cat, &a, &p);
		for (size_t k = 0; k < p.tag_count; k++)
			if (k >= PLACE_TAGS_MAX || p.tags[k] >= v.tags.count)
				return false;
	}
	return true;
}

static bool decides(struct generation *g, const struct policy *policy)
{
	for (size_t i = 0; i < HOSTS * ADDRESSES; i++) {
		struct subject s = {.ip_proto = 6,
				    .protocol = PROTOCOL_TLS,
				    .server_port = 443,
				    .peer_port = 443,
				    .site = ID_NONE,
				    .source = ID_NONE,
				    .host = str_of(hosts[i % HOSTS]),
				    .evidence = EVIDENCE_SNI,
				    .visibility = VISIBILITY_HOST,
				    .time_us = NOW_US};
		struct service svc;
		struct place place;
		struct decision d;

		s.inside = address(0);
		s.peer = address(i / HOSTS);
		generation_describe_cb(g, &s, &svc, &place);
		policy_decide(policy, &s, &d);
		if (d.rule > policy_rule_count(policy) ||
		    (d.verdict != VERDICT_ALLOW && d.verdict != VERDICT_DENY))
			return false;
	}
	return true;
}

/* ---- rules --------------------------------------------------------------------------------------- */

static struct policy *load_rules(const struct cases *c, const char *path, struct diag *d)
{
	struct policy_cfg cfg = {.files = &path,
				 .file_count = 1,
				 .vocabulary = &c->base->vocabulary,
				 .now_us = NOW_US};

	return policy_load(&cfg, d);
}

static char *print_rules(const struct policy *p, size_t *ret_len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	if (f == NULL)
		abort();
	policy_print(p, f);
	if (fclose(f) != 0)
		abort();
	return text;
}

static void write_file(const char *path, const void *at, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, at, len) != (ssize_t)len || close(fd) != 0) {
		perror(path);
		abort();
	}
}

/* The canonical form must load and print as itself. */
static enum outcome check_canonical(const struct cases *c, const struct policy *p)
{
	struct diag *d = new_diag();
	size_t len = 0, again_len = 0;
	char *text = print_rules(p, &len), *again = NULL;
	struct policy *second;
	enum outcome result = OUTCOME_READ;

	write_file(c->path, text, len);
	second = load_rules(c, c->path, d);
	if (second == NULL) {
		result = wrong(c, "the canonical form does not load");
	} else {
		again = print_rules(second, &again_len);
		if (len != again_len || memcmp(text, again, len) != 0)
			result = wrong(c, "the canonical form prints as another");
	}
	policy_destroy(second);
	free(again);
	free(text);
	diag_destroy(d);
	return result;
}

static enum outcome run_rules(const struct cases *c)
{
	struct diag *d = new_diag();
	struct policy *p = load_rules(c, c->path, d);
	enum outcome result = check_findings(c, p != NULL, d);

	if (result == OUTCOME_READ) {
		(void)policy_expect(p, generation_describe_cb, c->base, d);
		if (diag_count(d, DIAG_ERROR) > 0)
			result = check_findings(c, false, d);
	}
	if (p != NULL && result != OUTCOME_WRONG && !decides(c->base, p))
		result = wrong(c, "a decision is out of range");
	if (p != NULL && result != OUTCOME_WRONG &&
	    check_canonical(c, p) == OUTCOME_WRONG)
		result = OUTCOME_WRONG;
	policy_destroy(p);
	diag_destroy(d);
	return result;
}

/* ---- configurations --------------------------------------------------------------------------------- */

static enum outcome run_config(const struct cases *c)
{
	struct generation_cfg cfg = {
		.config = c->path, .share = "share", .now_us = NOW_US};
	struct diag *d = new_diag();
	struct generation *g = NULL;
	struct config *alone = NULL;
	enum outcome result;

	/* The small ones name files that are no real data: those load the configuration. */
	if (strncmp(c->path, BASE_CONFIG, strlen(BASE_CONFIG)) == 0)
		g = generation_load(&cfg, d);
	else
		alone = config_load(c->path, "share", d);
	result = check_findings(c, g != NULL || alone != NULL, d);
	if (g != NULL && !decides(g, g->policy))
		result = wrong(c, "a decision is out of range");
	generation_destroy(g);
	config_destroy(alone);
	diag_destroy(d);
	return result;
}

/* ---- the catalogue's files ----------------------------------------------------------------------------- */

static enum outcome run_catalog(const struct cases *c)
{
	const char *tags = "share/geo/tags-public.tsv";
	struct catalog_cfg cfg = {.services = "share/rules/catalog/services.tsv",
				  .connectors = "share/rules/catalog/connectors.tsv",
				  .groups = "share/rules/catalog/groups.tsv",
				  .own = "share/own.tsv",
				  .regions = "share/geo/regions.tsv",
				  .networks = "share/geo/microsoft-networks.tsv",
				  .tags = &tags,
				  .tag_file_count = 1,
				  .country = {"tests/data/country-test.mmdb"},
				  .asn = {"tests/data/asn-test.mmdb"}};
	const char **slots[] = {&cfg.services, &cfg.connectors, &cfg.groups,
				&cfg.own,      &cfg.regions,    &cfg.networks,
				&tags,         &cfg.country[0], &cfg.asn[0]};
	struct diag *d = new_diag();
	struct catalog *cat;
	enum outcome result;

	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
		if (strncmp(c->path, *slots[i], strlen(*slots[i])) == 0)
			*slots[i] = c->path;
	cat = catalog_load(&cfg, d);
	result = check_findings(c, cat != NULL, d);
	if (cat != NULL && !answers_within_tables(cat))
		result = wrong(c, "an answer is outside the tables");
	catalog_destroy(cat);
	diag_destroy(d);
	return result;
}

/* ---- captures -------------------------------------------------------------------------------------------- */

static void observe(void *arg, const struct event_digest *d)
{
	summary_add(arg, d);
}

static bool summary_is_plain(const struct cases *c, const struct summary *s,
			     const struct replay_result *res)
{
	const char *const path = c->path;
	struct summary_frame f = {.captures = &path,
				  .capture_count = 1,
				  .generation = c->base->name,
				  .frames = res->frames,
				  .bytes = res->bytes,
				  .damaged = res->damaged,
				  .first_us = res->first_us,
				  .last_us = res->last_us,
				  .zone = c->base->config->sites[0].zone};
	bool fine = true;

	for (int json = 0; json < 2; json++) {
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);

		if (out == NULL)
			abort();
		if (json == 0)
			summary_print(s, &f, out);
		else
			summary_print_json(s, &f, out);
		if (fclose(out) != 0 || len == 0 || !is_plain_text(text, len, json == 1))
			fine = false;
		free(text);
	}
	return fine;
}

static struct ledger *open_events(const struct cases *c, int *ret_fd)
{
	struct ledger_cfg cfg = {0};
	struct ledger *l = NULL;
	char name[64] = "/dev/null", error[300];

	if (c->number % EVENTS_EVERY == 0)
		(void)snprintf(name, sizeof(name), "events/%" PRIu64 ".jsonl", c->number);
	*ret_fd = cfg.fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (cfg.fd < 0 || ledger_open(&cfg, &l, error) != 0)
		abort();
	return l;
}

static enum outcome run_capture(const struct cases *c)
{
	struct summary_cfg sc = {.policy = c->base->policy,
				 .vocabulary = &c->base->vocabulary};
	struct replay_result *res = calloc(1, sizeof(*res));
	struct summary *sum = summary_create(&sc);
	const char *const path = c->path;
	int fd, rc;
	struct ledger *l = open_events(c, &fd);
	struct replay_cfg cfg = {.generation = c->base,
				 .captures = &path,
				 .capture_count = 1,
				 .workers = c->number % SHARED_EVERY == 0 ? 2 : 1,
				 .ndpi = true,
				 .ledger = l,
				 .observe = observe,
				 .arg = sum};
	enum outcome result = OUTCOME_READ;

	if (res == NULL || sum == NULL)
		abort();
	rc = replay_run(&cfg, res);
	if (rc != 0 || res->write_error != 0 || ledger_close(l) != 0)
		result = wrong(c, "replay: %d, %d", rc, res->write_error);
	else if (res->damaged > 1 || (res->damaged == 1 && res->messages[0][0] == '\0'))
		result = wrong(c, "damaged without a message");
	else if (!is_plain_text(res->messages[0], strlen(res->messages[0]), true))
		result = wrong(c, "the message is not readable text");
	else if (!summary_is_plain(c, sum, res))
		result = wrong(c, "the summary is not readable text");
	else if (res->frames == 0)
		result = res->damaged == 1 ? OUTCOME_REFUSED : OUTCOME_EMPTY;
	(void)close(fd);
	summary_destroy(sum);
	free(res);
	return result;
}

/* ---- running ---------------------------------------------------------------------------------------------- */

static enum outcome run_file(struct cases *c, enum kind k, const char *seed,
			     char why[WHY_MAX])
{
	enum outcome result = OUTCOME_WRONG;

	/* Beside its seed, so that the files it names are found. */
	(void)snprintf(c->path, sizeof(c->path), "%s.%d", seed, (int)getpid());
	write_file(c->path, c->file.at, c->file.len);
	why[0] = '\0';
	c->why = why;
	switch (k) {
	case KIND_CAPTURE:
		result = run_capture(c);
		break;
	case KIND_RULES:
		result = run_rules(c);
		break;
	case KIND_CONFIG:
		result = run_config(c);
		break;
	case KIND_CATALOG:
		result = run_catalog(c);
		break;
	case KIND_COUNT:
		break;
	}
	(void)unlink(c->path);
	c->why = NULL;
	return result;
}

enum outcome cases_run_seed(struct cases *c, enum kind k, size_t i, char why[WHY_MAX])
{
	const struct seed *s = &c->seeds[k].list[i];
	static const char unread[] = "is not read: ";
	enum outcome result;

	c->number = 1;
	memcpy(c->file.at, s->bytes.at, s->bytes.len);
	c->file.len = s->bytes.len;
	result = run_file(c, k, s->name, why);
	if (result == OUTCOME_WRONG || result == OUTCOME_READ || !s->sound)
		return result;
	(void)memmove(why + sizeof(unread) - 1, why, WHY_MAX - sizeof(unread));
	memcpy(why, unread, sizeof(unread) - 1);
	why[WHY_MAX - 1] = '\0';
	return OUTCOME_WRONG;
}

enum outcome cases_run(struct cases *c, uint64_t number, const char *keep,
		       char why[WHY_MAX])
{
	enum kind k = (enum kind)(number % KIND_COUNT);
	struct dice d = {.state = number};
	const struct seeds *all = &c->seeds[k];
	const struct seed *s = &all->list[dice_below(&d, all->count)];
	const struct seed *other = &all->list[dice_below(&d, all->count)];
	bool database = strstr(s->name, ".mmdb") != NULL;

	c->number = number;
	memcpy(c->file.at, s->bytes.at, s->bytes.len);
	c->file.len = s->bytes.len;
	mutate(&d,
	       k == KIND_CAPTURE ? FORM_CAPTURE
	       : database        ? FORM_BINARY
				 : FORM_TEXT,
	       &other->bytes, &c->file);
	if (keep != NULL) {
		(void)fprintf(stderr, "%s, from %s and %s\n", kind_name(k), s->name,
			      other->name);
		write_file(keep, c->file.at, c->file.len);
	}
	return run_file(c, k, s->name, why);
}

/* ---- seeds --------------------------------------------------------------------------------------------------- */

static bool add_seed(struct seeds *all, const char *name, bool sound)
{
	struct seed *s = &all->list[all->count];
	char *text;

	if (all->count == SEEDS_MAX || strlen(name) >= sizeof(s->name) ||
	    file_read(name, MUTATE_MAX, &text, &s->bytes.len) != 0) {
		(void)fprintf(stderr, "garbage: cannot take the seed %s\n", name);
		return false;
	}
	memcpy(s->name, name, strlen(name) + 1);
	s->bytes.at = (uint8_t *)text;
	s->sound = sound;
	all->count++;
	return true;
}

static bool add_seeds(struct seeds *all, const char *pattern, bool sound)
{
	glob_t found;
	bool fine = true;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread runs yet */
	if (glob(pattern, 0, NULL, &found) != 0)
		return true;
	for (size_t i = 0; i < found.gl_pathc && fine; i++)
		fine = add_seed(all, found.gl_pathv[i], sound);
	globfree(&found);
	return fine;
}

static bool take_seeds(struct cases *c)
{
	static const struct {
		const char *pattern;
		enum kind kind;
		bool sound; /* others are damaged, or need another configuration */
	} rows[] = {
		{"tests/captures/real/*.pcap", KIND_CAPTURE, true},
		{"tests/captures/forms/*.*", KIND_CAPTURE, false},
		{"rules/*.rules", KIND_RULES, true},
		{"tests/rules/ok/*.in", KIND_RULES, false},
		{"tests/scenario/*.rules", KIND_RULES, false},
		{"tests/demo/*.conf", KIND_CONFIG, true},
		{"tests/config/ok/*.conf", KIND_CONFIG, true},
		{"tests/scenario/*.conf", KIND_CONFIG, false},
		{"share/rules/catalog/*.tsv", KIND_CATALOG, true},
		{"share/geo/*.tsv", KIND_CATALOG, true},
		{"share/own.tsv", KIND_CATALOG, true},
		{"tests/data/country-test.mmdb", KIND_CATALOG, true},
		{"tests/data/asn-test.mmdb", KIND_CATALOG, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!add_seeds(&c->seeds[rows[i].kind], rows[i].pattern, rows[i].sound))
			return false;
	for (unsigned k = 0; k < KIND_COUNT; k++)
		if (c->seeds[k].count < 2) {
			(void)fprintf(stderr, "garbage: no seeds for %s here\n",
				      kind_name((enum kind)k));
			return false;
		}
	return true;
}

struct cases *cases_create(void)
{
	struct generation_cfg cfg = {
		.config = BASE_CONFIG, .share = ".", .now_us = NOW_US};
	struct cases *c = calloc(1, sizeof(*c));
	struct diag *d = new_diag();

	if (c == NULL || (c->file.at = malloc(MUTATE_MAX)) == NULL)
		abort();
	c->base = generation_load(&cfg, d);
	if (c->base == NULL || !take_seeds(c)) {
		diag_print(d, stderr, false);
		cases_destroy(c);
		c = NULL;
	}
	diag_destroy(d);
	return c;
}

void cases_destroy(struct cases *c)
{
	if (c == NULL)
		return;
	for (unsigned k = 0; k < KIND_COUNT; k++)
		for (size_t i = 0; i < c->seeds[k].count; i++)
			free(c->seeds[k].list[i].bytes.at);
	generation_destroy(c->base);
	free(c->file.at);
	free(c);
}
