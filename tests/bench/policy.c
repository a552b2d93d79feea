/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - what compiling a policy and deciding by it costs.
 *
 * usage: policy [MEDIAN_NS CAPS_NS COMPILE_MS]
 *
 * Usual: a table of 10,000 host patterns, one of 100,000 prefixes, 20 lists of 50 lines, a
 * dozen rules; 100,000 TLS connections of a robot, half of them to names of the table.
 * At the caps: 20 lists, in files of at most 7, of 1,000 patterns of 512 bytes and 32 stars
 * that begin alike and are nearly in the endpoint.
 *
 * Each decision is timed alone, less what reading the clock costs; the median counts.  Beside
 * it stands the mean of the thread's CPU time, which others on the machine disturb less.
 * With WEIR_BENCH=usual only the first part (under callgrind: --toggle-collect=policy_decide).
 * Ends with 1 when a median is over its bound.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../unit/policy/fixture.h"
#include "policy/policy.h"

#define ASKED      100000
#define ASKED_CAPS 500
#define FILES      3 /* of the caps: a file is at most 4 MiB */

static uint64_t ns_of(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
	return ns_of(CLOCK_MONOTONIC);
}

static int by_value(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

static void write_usual(FILE *out, FILE *hosts, FILE *prefixes, const char *paths[2])
{
	static const char *const connectors[] = {
		"shared_sql", "shared_smtp", "shared_azureblob", "Http", "HttpWebhook"};

	for (unsigned i = 0; i < 10000; i++)
		(void)fprintf(hosts, "%sh%u.d%u.example\n", i % 2 == 0 ? "*." : "", i,
			      i % 97);
	for (unsigned i = 0; i < 100000; i++)
		(void)fprintf(prefixes, "%u.%u.%u.0/24\n", 1 + i / 65536, i / 256 % 256,
			      i % 256);
	(void)fprintf(out,
		      "table <hosts> file \"%s\"\ntable <prefixes> file \"%s\"\n"
		      "gate connectors\ndeny connector shared_dropbox\n"
		      "gate endpoints\n",
		      paths[0], paths[1]);
	for (unsigned l = 0; l < 20; l++) {
		(void)fprintf(out, "list %s for role desktop\n", connectors[l % 5]);
		for (unsigned i = 1; i < 50; i++)
			(void)fprintf(out, "%u deny \"https://h%u.d%u.test/v%u/*\"\n", i,
				      i * 7, l, l);
		(void)fprintf(out, "50 allow \"*\"\n");
	}
	(void)fprintf(out, "gate rules\nalert to country not-expected\n"
			   "alert outside hours\ndeny to <prefixes>\n"
			   "deny from role user to host <hosts>\n");
	for (unsigned i = 0; i < 8; i++)
		(void)fprintf(out, "deny to host \"x%u.example\" port %u\n", i, 8000 + i);
	(void)fprintf(out, "allow to host <hosts>\ngate default\nallow in-scope\n");
}

static void write_caps(FILE *out, unsigned lists)
{
	(void)fprintf(out, "gate endpoints\n");
	for (unsigned l = 0; l < lists; l++) {
		(void)fprintf(out, "list Http for role desktop\n");
		for (unsigned i = 1; i < 1000; i++) {
			size_t n = 0;

			(void)fprintf(out, "%u deny \"", i);
			for (unsigned star = 0; star < 31; star++)
				n += (size_t)fprintf(out, "*aaaaaaaaaaaaaa%c",
						     "abc"[(i + star) % 3]);
			while (n++ < 511)
				(void)fputc('a', out);
			(void)fprintf(out, "*\"\n");
		}
		(void)fprintf(out, "1000 allow \"*\"\n");
	}
}

struct run {
	struct subject s;
	struct service service;
	struct place place;
	char text[600];
};

static void start(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->service.service = ID_NONE;
	r->s = (struct subject){
		.server_port = 443,
		.peer_port = 443,
		.ip_proto = 6,
		.direction = DIRECTION_OUTBOUND,
		.role = ROLE_DESKTOP,
		.site = ID_NONE,
		.source = ID_NONE,
		.protocol = PROTOCOL_TLS,
		.evidence = EVIDENCE_SNI,
		.visibility = VISIBILITY_HOST,
		.service = &r->service,
		.place = &r->place,
	};
	(void)addr_parse("10.10.9.31", 10, &r->s.inside);
}

/* The i-th connection. */
static void next(struct run *r, size_t i, bool caps)
{
	size_t n;

	if (caps) {
		n = (size_t)snprintf(r->text, sizeof(r->text), "http://a.example/");
		memset(r->text + n, 'a', 490);
		n += 490;
		r->text[n - 1 - i % 7] = 'b';
		r->s.protocol = PROTOCOL_HTTP;
		r->s.visibility = VISIBILITY_URL;
		r->s.host = STR("a.example");
		r->s.url = (struct str){r->text, n};
	} else {
		n = (size_t)snprintf(r->text, sizeof(r->text), "%s%zu.d%zu.%s",
				     i % 4 == 0 ? "x.h" : "h", i * 31 % 10000,
				     i * 31 % 10000 % 97,
				     i % 2 == 0 ? "example" : "test");
		r->s.host = (struct str){r->text, n};
	}
	r->s.peer.b[10] = r->s.peer.b[11] = 0xff;
	r->s.peer.b[12] = (uint8_t)(i % 200);
	r->s.peer.b[13] = (uint8_t)(i * 7);
	r->s.peer.b[14] = (uint8_t)(i * 13);
}

static uint64_t median(uint64_t *ns, size_t count)
{
	qsort(ns, count, sizeof(ns[0]), by_value);
	return ns[count / 2];
}

/* What two readings of the clock are apart. */
static uint64_t idle_ns(void)
{
	uint64_t ns[1001];

	for (size_t i = 0; i < 1001; i++) {
		ns[i] = now_ns();
		ns[i] = now_ns() - ns[i];
	}
	return median(ns, 1001);
}

/* CPU time of all decisions; without `p` of what is around them. */
static uint64_t cpu_ns(const struct policy *p, bool caps, size_t count)
{
	uint64_t from = ns_of(CLOCK_THREAD_CPUTIME_ID);
	struct decision d;
	struct run r;

	start(&r);
	for (size_t i = 0; i < count; i++) {
		next(&r, i, caps);
		if (p != NULL)
			policy_decide(p, &r.s, &d);
	}
	return ns_of(CLOCK_THREAD_CPUTIME_ID) - from;
}

static uint64_t ask(const struct policy *p, bool caps)
{
	static uint64_t ns[ASKED];
	size_t count = caps ? ASKED_CAPS : ASKED;
	uint64_t idle = idle_ns(), cpu = cpu_ns(p, caps, count);
	uint64_t around = cpu_ns(NULL, caps, count);
	struct decision d;
	struct run r;

	start(&r);
	for (size_t i = 0; i < count; i++) {
		uint64_t from, took;

		next(&r, i, caps);
		from = now_ns();
		policy_decide(p, &r.s, &d);
		took = now_ns() - from;
		ns[i] = took > idle ? took - idle : 0;
	}
	cpu = cpu > around ? cpu - around : 0;
	(void)median(ns, count);
	(void)printf("%s: median %" PRIu64 " ns, 99 of 100 within %" PRIu64
		     " ns, longest %" PRIu64 " ns; CPU time: mean %" PRIu64 " ns\n",
		     caps ? "at the caps" : "usual", ns[count / 2], ns[count * 99 / 100],
		     ns[count - 1], cpu / count);
	return ns[count / 2];
}

static FILE *create(char *path)
{
	int fd = mkstemp(path);

	return fd < 0 ? NULL : fdopen(fd, "w");
}

#define TEMPORARY "/tmp/weir-bench-XXXXXX"

static uint64_t run(bool caps, uint64_t *ret_compile_ms)
{
	char paths[FILES][sizeof(TEMPORARY)];
	const char *files[FILES] = {paths[0], paths[1], paths[2]};
	const char *tables[2] = {paths[1], paths[2]};
	struct policy_cfg cfg = {.files = files,
				 .file_count = caps ? FILES : 1,
				 .vocabulary = &fixture_vocabulary};
	struct diag *d = diag_create();
	FILE *out[FILES];
	struct policy *p;
	uint64_t from, answer;
	bool fine = d != NULL;

	for (size_t i = 0; i < FILES; i++) {
		memcpy(paths[i], TEMPORARY, sizeof(TEMPORARY));
		out[i] = create(paths[i]);
		fine = fine && out[i] != NULL;
	}
	if (!fine)
		exit(3); /* NOLINT(concurrency-mt-unsafe): no thread */
	if (!caps)
		write_usual(out[0], out[1], out[2], tables);
	for (size_t i = 0; i < FILES; i++) {
		if (caps)
			write_caps(out[i], i == 0 ? 6 : 7);
		fine = fclose(out[i]) == 0 && fine;
	}
	from = now_ns();
	p = fine ? policy_load(&cfg, d) : NULL;
	*ret_compile_ms = (now_ns() - from) / 1000000;
	for (size_t i = 0; i < FILES; i++)
		(void)unlink(paths[i]);
	if (p == NULL) {
		diag_print(d, stderr, false);
		exit(3); /* NOLINT(concurrency-mt-unsafe): no thread */
	}
	(void)printf("%s: loaded in %" PRIu64 " ms\n", caps ? "at the caps" : "usual",
		     *ret_compile_ms);
	answer = ask(p, caps);
	policy_destroy(p);
	diag_destroy(d);
	return answer;
}

int main(int argc, char **argv)
{
	uint64_t bounds[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	const char *part =
		getenv("WEIR_BENCH"); /* NOLINT(concurrency-mt-unsafe): no thread */
	bool all = part == NULL || strcmp(part, "usual") != 0;
	uint64_t usual, caps = 0, usual_ms, caps_ms = 0;

	for (int i = 1; i < argc && i <= 3; i++)
		bounds[i - 1] = strtoull(argv[i], NULL, 10);
	usual = run(false, &usual_ms);
	if (all)
		caps = run(true, &caps_ms);
	return usual <= bounds[0] && caps <= bounds[1] && usual_ms <= bounds[2] &&
			       caps_ms <= bounds[2]
		       ? 0
		       : 1;
}
