/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog - what loading the shipped catalogue costs, and what it costs to ask for an address.
 * Prints one line a figure; each of `rounds` is timed apart and the median told, with PASS or
 * MISS: tags of an address in 300 ns, with country and network in 1 us.  Ends with 1 on MISS.
 * usage: catalog TREE COUNTRY.mmdb ASN.mmdb TAGS...       (any of the MMDB "-": without)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "catalog/catalog.h"
#include "catalog/tags.h"

#define ROUNDS    9
#define ADDRESSES 1000000u
#define TAGS_NS   300
#define ALL_NS    1000

/* Of the processor, so that a busy machine changes little. */
static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_size(const void *x, const void *y)
{
	const double *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_size);
	return v[ROUNDS / 2];
}

static struct catalog *load(const struct catalog_cfg *cfg)
{
	struct diag *d = diag_create();
	struct catalog *c = d == NULL ? NULL : catalog_load(cfg, d);

	if (c == NULL && d != NULL)
		diag_print(d, stderr, false);
	diag_destroy(d);
	return c;
}

static void measure_load(const struct catalog_cfg *cfg)
{
	double took[ROUNDS];
	struct rusage used;

	for (size_t i = 0; i < ROUNDS; i++) {
		double begin = now_s();
		struct catalog *c = load(cfg);

		took[i] = now_s() - begin;
		if (c == NULL)
			exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): no thread */
		if (i == 0) {
			(void)getrusage(RUSAGE_SELF, &used);
			(void)printf("%s", catalog_summary(c));
			(void)printf(
				"first load        %8.1f ms of CPU\nmemory            %8.1f "
				"MiB (largest RSS of the process)\n",
				took[0] * 1e3, (double)used.ru_maxrss / 1024);
		}
		catalog_destroy(c);
	}
	(void)printf("load, median      %8.1f ms of CPU\n", median(took) * 1e3);
}

/* Seven of eight inside a published prefix, at a random place of it; the last anywhere. */
static struct addr *addresses(const struct catalog_cfg *cfg, bool v6)
{
	struct addr *list = calloc(ADDRESSES, sizeof(*list));
	struct diag *d = diag_create();
	struct tsv_text text = {.name = cfg->tags[0]}; /* the largest cloud's */
	struct tag_file *f;
	char *owned;

	if (list == NULL || d == NULL ||
	    file_read(text.name, (size_t)64 << 20, &owned, &text.len) < 0)
		exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): no thread */
	text.text = owned;
	f = tag_file_parse(&text, TAG_BY_PREFIX, d);
	if (f == NULL)
		exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): no thread */
	for (uint32_t i = 0, n = 0; n < ADDRESSES; i++) {
		uint64_t r = hash_u64(i + 1), low[2] = {hash_u64(r), hash_u64(r + 1)};
		const struct prefix *p = &f->entries[r % f->count].prefix;
		const uint8_t *b = (const uint8_t *)low;
		struct addr a = p->addr;

		if (addr_is_v4(&p->addr) == v6)
			continue;
		if (n % 8 == 7)
			memcpy(a.b + (v6 ? 2 : 12), b, v6 ? 14 : 4);
		else
			for (unsigned k = p->bits; k < 128; k++)
				a.b[k / 8] |= (uint8_t)(b[k / 8] & (0x80 >> k % 8));
		list[n++] = a;
	}
	tag_file_destroy(f);
	free(owned);
	diag_destroy(d);
	return list;
}

/* True when it took no longer than the bar. */
static bool measure_lookup(const struct catalog *c, const struct catalog_cfg *cfg,
			   bool v6, const char *title)
{
	struct addr *list = addresses(cfg, v6);
	const bool all = cfg->country[0] != NULL || cfg->asn[0] != NULL;
	const double bar = all ? ALL_NS : TAGS_NS;
	double took[ROUNDS], ns;
	uint64_t tags = 0;

	for (size_t i = 0; i < ROUNDS; i++) {
		double begin = now_s();

		for (size_t n = 0; n < ADDRESSES; n++) {
			struct place p;

			catalog_address(c, &list[n], &p);
			tags += p.tag_count;
		}
		took[i] = now_s() - begin;
	}
	ns = median(took) * 1e9 / ADDRESSES;
	(void)printf("%-17s %8.1f ns an address, median of %d times %u in random order "
		     "(%.2f tags); bar %.0f: %s\n",
		     title, ns, ROUNDS, ADDRESSES, (double)tags / ADDRESSES / ROUNDS, bar,
		     ns <= bar ? "PASS" : "MISS");
	free(list);
	return ns <= bar;
}

static const char *optional(const char *s)
{
	return strcmp(s, "-") == 0 ? NULL : s;
}

int main(int argc, char *argv[])
{
	char services[4096], connectors[4096], regions[4096];
	struct catalog_cfg cfg = {
		.services = services, .connectors = connectors, .regions = regions};
	struct catalog *c;
	bool pass;

	if (argc < 5) {
		(void)fputs("usage: catalog TREE COUNTRY ASN TAGS...\n", stderr);
		return 2;
	}
	(void)snprintf(services, sizeof(services), "%s/rules/catalog/services.tsv",
		       argv[1]);
	(void)snprintf(connectors, sizeof(connectors), "%s/rules/catalog/connectors.tsv",
		       argv[1]);
	(void)snprintf(regions, sizeof(regions), "%s/geo/regions.tsv", argv[1]);
	cfg.country[0] = optional(argv[2]);
	cfg.asn[0] = optional(argv[3]);
	cfg.tags = (const char *const *)argv + 4;
	cfg.tag_file_count = (size_t)argc - 4;
	measure_load(&cfg);
	c = load(&cfg);
	if (c == NULL)
		return EXIT_FAILURE;
	pass = measure_lookup(c, &cfg, false, "IPv4");
	pass = measure_lookup(c, &cfg, true, "IPv6") && pass;
	catalog_destroy(c);
	return pass ? 0 : EXIT_FAILURE;
}
