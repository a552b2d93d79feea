/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - what compiling a policy and deciding by it costs.
 *
 * usage: policy [MEDIAN_NS CAPS_NS COMPILE_MS]
 *
 * Usual: a table of 10,000 host patterns, one of 100,000 prefixes, 20 lists of 50 lines, a
 * dozen rules; 20,000 TLS connections of a robot, half of them to names of the table.
 * At the caps: 7 lists (a file holds no more) of 1,000 patterns of 512 bytes and 32 stars that begin alike and are
 * nearly in the endpoint.  Each decision is timed alone, less what reading the clock costs.
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

#define ASKED 20000

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
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

static void write_caps(FILE *out)
{
	(void)fprintf(out, "gate endpoints\n");
	for (unsigned l = 0; l < 7; l++) {
		(void)fprintf(out, "list Http for role desktop\n");
		for (unsigned i = 1; i < 1000; i++) {
			size_t n = (size_t)fprintf(out, "%u deny \"", i);

			n = 0;
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

static uint64_t ask(const struct policy *p, bool caps)
{
	static uint64_t ns[ASKED];
	size_t count = caps ? 500 : ASKED;
	uint64_t idle = now_ns();
	struct decision d;
	struct run r;

	idle = now_ns() - idle;
	start(&r);
	for (size_t i = 0; i < count; i++) {
		uint64_t from;
		int n;

		if (caps) {
			n = snprintf(r.text, sizeof(r.text), "http://a.example/");
			memset(r.text + n, 'a', 490);
			n += 490;
			r.text[n - 1 - (int)(i % 7)] = 'b';
			r.s.protocol = PROTOCOL_HTTP;
			r.s.visibility = VISIBILITY_URL;
			r.s.host = STR("a.example");
			r.s.url = (struct str){r.text, (size_t)n};
		} else {
			n = snprintf(r.text, sizeof(r.text), "%s%zu.d%zu.%s",
				     i % 4 == 0 ? "x.h" : "h", i * 31 % 10000,
				     i * 31 % 10000 % 97,
				     i % 2 == 0 ? "example" : "test");
			r.s.host = (struct str){r.text, (size_t)n};
		}
		r.s.peer.b[10] = r.s.peer.b[11] = 0xff;
		r.s.peer.b[12] = (uint8_t)(i % 200);
		r.s.peer.b[13] = (uint8_t)(i * 7);
		r.s.peer.b[14] = (uint8_t)(i * 13);
		from = now_ns();
		policy_decide(p, &r.s, &d);
		ns[i] = now_ns() - from - idle;
	}
	qsort(ns, count, sizeof(ns[0]), by_value);
	(void)printf("%s: median %" PRIu64 " ns, 99 of 100 within %" PRIu64
		     " ns, longest %" PRIu64 " ns\n",
		     caps ? "at the caps" : "usual", ns[count / 2], ns[count * 99 / 100],
		     ns[count - 1]);
	return ns[count / 2];
}

static FILE *create(char *path)
{
	int fd = mkstemp(path);

	return fd < 0 ? NULL : fdopen(fd, "w");
}

static uint64_t run(bool caps, uint64_t *ret_compile_ms)
{
	char rules[] = "/tmp/weir-bench-XXXXXX", hosts[] = "/tmp/weir-bench-XXXXXX",
	     prefixes[] = "/tmp/weir-bench-XXXXXX";
	const char *files[] = {rules}, *paths[2] = {hosts, prefixes};
	struct policy_cfg cfg = {
		.files = files, .file_count = 1, .vocabulary = &fixture_vocabulary};
	FILE *out = create(rules), *h = create(hosts), *x = create(prefixes);
	struct diag *d = diag_create();
	struct policy *p;
	uint64_t from, median;

	if (out == NULL || h == NULL || x == NULL || d == NULL)
		exit(3);
	if (caps)
		write_caps(out);
	else
		write_usual(out, h, x, paths);
	if (fclose(out) != 0 || fclose(h) != 0 || fclose(x) != 0)
		exit(3);
	from = now_ns();
	p = policy_load(&cfg, d);
	*ret_compile_ms = (now_ns() - from) / 1000000;
	if (p == NULL) {
		diag_print(d, stderr, false);
		exit(3);
	}
	(void)printf("%s: loaded in %" PRIu64 " ms\n", caps ? "at the caps" : "usual",
		     *ret_compile_ms);
	median = ask(p, caps);
	policy_destroy(p);
	diag_destroy(d);
	(void)unlink(rules);
	(void)unlink(hosts);
	(void)unlink(prefixes);
	return median;
}

int main(int argc, char **argv)
{
	uint64_t bounds[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	uint64_t usual, caps, usual_ms, caps_ms;

	for (int i = 1; i < argc && i <= 3; i++)
		bounds[i - 1] = strtoull(argv[i], NULL, 10);
	usual = run(false, &usual_ms);
	caps = run(true, &caps_ms);
	return usual <= bounds[0] && caps <= bounds[1] && usual_ms <= bounds[2] ? 0 : 1;
}
