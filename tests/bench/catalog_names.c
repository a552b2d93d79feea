/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog_names - what looking up one host name in the shipped catalogue costs.
 *
 * usage: catalog_names NAMES [MAX_NS]
 *
 * NAMES holds normalized names, one a line.  They are asked in a shuffled order, each timed
 * alone, ROUNDS times; a name's time is the median of its rounds, less what reading the clock
 * twice costs.  Between two rounds of a name all others are asked, so that caches hold what
 * they would hold in traffic.  Ends with 1 when the median of all names is over MAX_NS.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/diag.h"
#include "base/file.h"
#include "catalog/catalog.h"

#define ROUNDS      9
#define NAMES_BYTES ((size_t)64 << 20)

struct names {
	char *text;
	struct str *list;
	uint32_t *ns; /* ROUNDS for each name */
	size_t count;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

static uint32_t median(uint32_t *list, size_t n)
{
	qsort(list, n, sizeof(*list), by_value);
	return list[n / 2];
}

static int read_names(const char *path, struct names *ret)
{
	size_t len, room = 0;
	char *at;

	if (file_read(path, NAMES_BYTES, &ret->text, &len) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		room += ret->text[i] == '\n';
	ret->list = calloc(room + 1, sizeof(*ret->list));
	ret->ns = calloc((room + 1) * ROUNDS, sizeof(*ret->ns));
	if (ret->list == NULL || ret->ns == NULL || room == 0)
		return -1;
	at = ret->text;
	for (size_t i = 0; i < room; i++) {
		char *end = memchr(at, '\n', len - (size_t)(at - ret->text));

		if (end - at > 255)
			return -1;
		ret->list[i] = (struct str){at, (size_t)(end - at)};
		at = end + 1;
	}
	ret->count = room;
	return 0;
}

/* Fisher-Yates with a generator of its own: the same order in every run. */
static void shuffle(struct names *n)
{
	uint64_t state = 88172645463325252u;

	for (size_t i = n->count - 1; i > 0; i--) {
		struct str swap = n->list[i];
		size_t k;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		k = (size_t)(state % (i + 1));
		n->list[i] = n->list[k];
		n->list[k] = swap;
	}
}

static uint32_t clock_cost(void)
{
	static uint32_t list[10001];

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		uint64_t from = now_ns();

		list[i] = (uint32_t)(now_ns() - from);
	}
	return median(list, sizeof(list) / sizeof(list[0]));
}

static uint32_t measure(const struct catalog *c, struct names *n)
{
	uint32_t known = 0;

	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n->count; i++) {
			char name[256];
			struct str host = {name, n->list[i].len};
			struct service s;
			uint64_t from;

			/* Whoever asks has just read it from the wire. */
			memcpy(name, n->list[i].p, host.len);
			from = now_ns();
			catalog_name(c, host, &s);
			n->ns[i * ROUNDS + round] = (uint32_t)(now_ns() - from);
			known += round == 0 && s.pattern.len > 0;
		}
	}
	return known;
}

static int report(struct names *n, uint32_t known, uint32_t clock_ns, uint32_t max)
{
	uint64_t sum = 0;
	uint32_t *each = n->ns;

	if (n->count == 0)
		return 2;
	for (size_t i = 0; i < n->count; i++) {
		uint32_t ns = median(n->ns + i * ROUNDS, ROUNDS);

		each[i] = ns > clock_ns ? ns - clock_ns : 0;
		sum += each[i];
	}
	(void)median(each, n->count);
	(void)printf("%zu names, %" PRIu32 " known; a lookup in ns: median %" PRIu32
		     ", mean %" PRIu64 ", 90 %% %" PRIu32 ", 99 %% %" PRIu32
		     " (clock %" PRIu32 " taken off)",
		     n->count, known, each[n->count / 2], sum / n->count,
		     each[n->count * 9 / 10], each[n->count * 99 / 100], clock_ns);
	if (max > 0)
		(void)printf("; bar %" PRIu32 ": %s", max,
			     each[n->count / 2] <= max ? "PASS" : "MISS");
	(void)putchar('\n');
	return max > 0 && each[n->count / 2] > max;
}

int main(int argc, char *argv[])
{
	const struct catalog_cfg cfg = {.services = "rules/catalog/services.tsv",
					.connectors = "rules/catalog/connectors.tsv",
					.regions = "geo/regions.tsv"};
	struct names n = {0};
	struct diag *d = diag_create();
	struct catalog *c = d == NULL ? NULL : catalog_load(&cfg, d);
	uint32_t known;
	int missed;

	if (c == NULL || argc < 2 || read_names(argv[1], &n) < 0) {
		if (d != NULL)
			diag_print(d, stderr, false);
		(void)fprintf(stderr,
			      "catalog_names: run it from the root, with a list\n");
		free(n.list);
		free(n.ns);
		return 2;
	}
	shuffle(&n);
	known = measure(c, &n);
	missed = report(&n, known, clock_cost(),
			argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0);
	free(n.list);
	free(n.ns);
	return missed;
}
