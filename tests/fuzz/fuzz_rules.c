/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule files.  Whatever the bytes: a policy or a finding, never both nor neither of error and
 * policy; what is printed parses, prints as itself, and decides the same.
 *
 * What follows a line MARK is a second file, "other", for `include`, `import` and tables; one
 * that `weir import` could have written gets the hash that belongs to it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/policy/fixture.h"
#include "base/hash.h"
#include "policy/ast.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MARK   "#--- other\n"
#define FOLDER "/dev/shm/weir-fuzz-rules-XXXXXX"

/* Two files for all inputs, alone in a folder.  In memory: a disk takes longer than the parser. */
static const char *folder_path(void)
{
	static char folder[] = FOLDER;
	static bool made;

	if (!made && mkdtemp(folder) == NULL)
		abort();
	made = true;
	return folder;
}

static const char *rules_path(void)
{
	static char path[sizeof(FOLDER) + 8];

	(void)snprintf(path, sizeof(path), "%s/rules", folder_path());
	return path;
}

static const char *other_path(void)
{
	static char path[sizeof(FOLDER) + 8];

	(void)snprintf(path, sizeof(path), "%s/other", folder_path());
	return path;
}

static void write_at(int *fd, const char *path, const void *text, size_t len)
{
	if (*fd == -1)
		*fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (*fd == -1 || ftruncate(*fd, 0) != 0 ||
	    pwrite(*fd, text, len, 0) != (ssize_t)len)
		abort();
}

static void append_at(int fd, const char *text, size_t at)
{
	if (pwrite(fd, text, strlen(text), (off_t)at) != (ssize_t)strlen(text))
		abort();
}

/* The second file; a generated one ends with its hash. */
static void write_other(const char *text, size_t len)
{
	static const char first[] = "# weir import: generated";
	static int fd = -1;
	uint8_t digest[32];
	char hex[2 * sizeof(digest) + 1], last[128];

	write_at(&fd, other_path(), text, len);
	if (len <= strlen(first) || memcmp(text, first, strlen(first)) != 0 ||
	    text[len - 1] != '\n')
		return;
	digest_sha256(text, len, digest);
	hex_format(digest, sizeof(digest), hex);
	(void)snprintf(last, sizeof(last), "# weir import: sha256 %s\n", hex);
	append_at(fd, last, len);
}

static void write_rules(const void *text, size_t len)
{
	static int fd = -1;
	const char *mark = memmem(text, len, MARK, strlen(MARK));
	size_t rules = mark == NULL ? len : (size_t)(mark - (const char *)text);

	write_at(&fd, rules_path(), text, rules);
	if (mark == NULL)
		write_other("", 0);
	else
		write_other(mark + strlen(MARK), len - rules - strlen(MARK));
}

static struct policy *load(const void *text, size_t len, struct diag *d)
{
	const char *path = rules_path();
	struct policy_cfg cfg = {
		.files = &path,
		.file_count = 1,
		.vocabulary = &fixture_vocabulary,
		.now_us = FIXTURE_NOW_US,
	};

	write_rules(text, len);
	return policy_load(&cfg, d);
}

/* Leaves nothing behind. */
__attribute__((destructor)) static void clean_up(void)
{
	(void)unlink(rules_path());
	(void)unlink(other_path());
	(void)rmdir(folder_path());
}

static char *print(const struct policy *p, size_t *ret_len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);

	if (out == NULL)
		abort();
	policy_print(p, out);
	if (fclose(out) != 0)
		abort();
	return text;
}

static struct diag *new_diag(void)
{
	struct diag *d = diag_create();

	if (d == NULL)
		abort();
	return d;
}

/* Connections that differ in everything that rules ask about. */
static void subject_of(unsigned n, struct subject *s, struct service *v, struct place *p,
		       struct connector_ref refs[2])
{
	static const char *const hosts[] = {"api.example.com", "a.example",
					    "contososql.database.windows.net",
					    "x.blob.core.windows.net"};
	static const uint16_t ports[] = {443, 80, 1433, 587, 53};

	memset(s, 0, sizeof(*s));
	memset(v, 0, sizeof(*v));
	memset(p, 0, sizeof(*p));
	s->inside = addr_from_v4((const uint8_t[]){10, 10, (uint8_t)n, 41});
	s->peer = addr_from_v4((const uint8_t[]){198, 51, 100, (uint8_t)(n * 7)});
	s->server_port = ports[n % 5];
	s->ip_proto = n % 3 == 0 ? 17 : 6;
	s->direction = DIRECTION_OUTBOUND;
	s->role = (enum role)(n % ROLE_COUNT);
	s->site = (uint16_t)(n % 2);
	s->source = n % 4 < SRC_COUNT ? (uint16_t)(n % 4) : ID_NONE;
	s->protocol = (enum protocol)(n % PROTOCOL_COUNT);
	s->undecidable = (enum undecidable)(n % 11 == 0 ? n % UNDECIDABLE_COUNT : 0);
	if (n % 5 != 4)
		s->host = str_of(hosts[n % 4]);
	s->in_scope = n % 2 == 1 || s->role != ROLE_USER;
	s->time_us = FIXTURE_NOW_US + (int64_t)n * 7919 * 60 * 1000000;
	s->in_hours = (enum known)(n % 3);
	s->country_expected = (enum known)(n / 3 % 3);
	s->service = v;
	s->place = p;
	v->service = n % 3 == 0 ? ID_NONE : (uint16_t)(n % SVC_COUNT);
	refs[0] = (struct connector_ref){(uint16_t)(n % CON_COUNT), (uint8_t)(n % 3), 0};
	refs[1] = (struct connector_ref){(uint16_t)(n / 2 % CON_COUNT),
					 CONFIDENCE_VERIFIED, 0};
	v->connectors = refs;
	v->connector_count = n % 3;
	if (n % 7 == 0)
		memset(v->tenant_id, '1' + (int)(n % 3), GUID_LEN);
	if (n % 2 == 0)
		memcpy(p->country, "DE", 3);
}

static void same_decisions(const struct policy *a, const struct policy *b)
{
	for (unsigned n = 0; n < 40; n++) {
		struct connector_ref refs[2];
		struct decision x, y;
		struct subject s;
		struct service v;
		struct place p;

		subject_of(n, &s, &v, &p, refs);
		policy_decide(a, &s, &x);
		policy_decide(b, &s, &y);
		if (x.verdict != y.verdict || x.gate != y.gate || x.would != y.would ||
		    x.alert_count != y.alert_count || x.undecidable != y.undecidable)
			abort();
		/* What is denied at the first packet stays denied. */
		s.name_pending = true;
		s.host = STR_NONE;
		s.protocol = PROTOCOL_UNKNOWN;
		v.service = ID_NONE;
		v.connector_count = 0;
		v.tenant_id[0] = '\0';
		s.undecidable = UNDECIDABLE_NONE;
		s.in_scope = s.role != ROLE_USER;
		if (policy_decide_early(a, &s, &y) && x.verdict != VERDICT_DENY)
			abort();
	}
}

static void explain_all(const struct policy *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	for (unsigned n = 0; n < 4; n++) {
		struct connector_ref refs[2];
		struct decision d;
		struct subject s;
		struct service v;
		struct place place;

		subject_of(n * 13, &s, &v, &place, refs);
		policy_decide(p, &s, &d);
		policy_explain(p, &s, &d, out);
	}
	(void)fclose(out);
	free(text);
}

static void describe(void *arg, struct subject *s, struct service *v, struct place *p)
{
	(void)arg;
	(void)p;
	v->service = ID_NONE;
	s->in_hours = KNOWN_UNKNOWN;
	s->country_expected = KNOWN_UNKNOWN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag *d = new_diag();
	struct policy *p = load(data, size, d);
	size_t len = 0, again_len = 0;
	struct policy *q;
	char *text, *again;

	if ((p == NULL) != (diag_count(d, DIAG_ERROR) > 0))
		abort();
	if (p == NULL) {
		text = NULL;
		FILE *out = open_memstream(&text, &len);

		if (out == NULL)
			abort();
		diag_print(d, out, false);
		(void)fclose(out);
		free(text);
		diag_destroy(d);
		return 0;
	}
	text = print(p, &len);
	if (len <= POLICY_FILE_MAX) {
		q = load(text, len, d);
		if (q == NULL)
			abort();
		again = print(q, &again_len);
		if (len != again_len || memcmp(text, again, len) != 0)
			abort();
		same_decisions(p, q);
		free(again);
		policy_destroy(q);
	}
	explain_all(p);
	(void)policy_expect(p, describe, NULL, d);
	free(text);
	policy_destroy(p);
	diag_destroy(d);
	return 0;
}
