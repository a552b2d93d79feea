/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_RECORD_PLACE_H
#define TESTS_RECORD_PLACE_H

/* A sealed ledger in a folder of its own, with a clock that the test holds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/diag.h"
#include "record/keys.h"
#include "record/ledger.h"
#include "record/read.h"
#include "record/verify.h"

#include "folder.h"

#define START   INT64_C(1790000000000000)
#define SEGMENT UINT64_C(20000)
#define DAY     INT64_C(86400000000)

struct place {
	char top[64], dir[80], keys[80];
	struct upkeep_cfg upkeep;
	int64_t mono; /* of the last tend */
	int64_t wall; /* START is there at mono 0 */
	int64_t line; /* time of the next line, in seconds from START */
};

static inline int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct keys k;

	*state = p;
	(void)umask(022);
	if (p == NULL)
		return -1;
	(void)snprintf(p->top, sizeof(p->top), "/tmp/weir-upkeep-XXXXXX");
	if (mkdtemp(p->top) == NULL)
		return -1;
	(void)snprintf(p->dir, sizeof(p->dir), "%s/l", p->top);
	(void)snprintf(p->keys, sizeof(p->keys), "%s/k", p->top);
	p->wall = START;
	if (keys_create(p->keys, &k) != 0)
		return -1;
	keys_close(&k);
	return 0;
}

static inline int remove_place(void **state)
{
	struct place *p = *state;

	remove_folder_of_files(p->dir);
	remove_folder_of_files(p->keys);
	(void)rmdir(p->top);
	free(p);
	return 0;
}

static inline int shell(const char *command)
{
	return system(command); // NOLINT(cert-env33-c,concurrency-mt-unsafe): of the test
}

static inline struct ledger *open_at(const struct place *p)
{
	const struct ledger_seals seals = {
		.keys = p->keys, .events = 20, .epoch_us = DAY, .wall_us = p->wall};
	const struct ledger_cfg cfg = {.dir = p->dir,
				       .fd = -1,
				       .segment_bytes = SEGMENT,
				       .seals = &seals,
				       .upkeep = p->upkeep};
	struct ledger *l = NULL;
	char error[300];

	assert_int_equal(ledger_open(&cfg, &l, error), 0);
	return l;
}

/* Lines a minute apart. */
static inline void append(struct place *p, struct ledger *l, unsigned count)
{
	while (count-- > 0) {
		char tail[300], when[RFC3339_LEN + 1];
		int n;

		clock_format_rfc3339(START + p->line * 1000000, when);
		n = snprintf(tail, sizeof(tail),
			     "\"time\":\"%s\",\"type\":\"system\",\"sensor\":\"s\","
			     "\"mode\":\"replay\",\"what\":\"x\",\"message\":\"%lld\"}\n",
			     when, (long long)p->line);
		p->line += 60;
		assert_int_equal(ledger_append(l, tail, (size_t)n), 0);
	}
}

static inline int tend(struct place *p, struct ledger *l)
{
	p->mono += 1000;
	return ledger_tend(l, p->wall + p->mono, p->mono);
}

static inline void tend_all(struct place *p, struct ledger *l)
{
	int rc, n = 0;

	do {
		rc = tend(p, l);
		assert_true(rc >= 0);
		assert_true(n++ < 10000);
	} while (rc > 0);
}

static inline bool exists(const struct place *p, uint32_t number, const char *suffix)
{
	char name[SEGMENT_NAME_MAX], path[200];

	segment_name(number, suffix, name);
	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return access(path, F_OK) == 0;
}

static struct ledger_proof proof;

static inline void verify(const struct place *p)
{
	const struct verify_cfg cfg = {.dir = p->dir};

	assert_int_equal(ledger_verify(&cfg, &proof), 0);
	if (proof.finding_count > 0)
		print_message("%s: line %llu: %s\n", proof.findings[0].segment,
			      (unsigned long long)proof.findings[0].seq,
			      ledger_fault_name(proof.findings[0].fault));
}

static inline void assert_whole(const struct place *p)
{
	verify(p);
	assert_int_equal(proof.finding_count, 0);
	assert_int_equal(proof.sound_seq + proof.unsealed, proof.last_seq);
}

/* What docs/ledger-check.py, which knows nothing of this code, says. */
static inline int check_without_weir(const struct place *p)
{
	char command[200];

	(void)snprintf(command, sizeof(command),
		       "python3 docs/ledger-check.py %s >/dev/null 2>&1", p->dir);
	return shell(command);
}

/* All lines as they are read, one text. */
static inline char *all_lines(const struct place *p)
{
	struct diag *d = diag_create();
	struct ledger_reader *r = ledger_reader_open(p->dir, d);
	struct ledger_line line;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(r);
	assert_non_null(f);
	while (ledger_reader_next(r, &line)) {
		(void)fwrite(line.text.p, 1, line.text.len, f);
		(void)fputc('\n', f);
	}
	ledger_reader_close(r);
	diag_destroy(d);
	assert_int_equal(fclose(f), 0);
	return text;
}

/* In a process that ends after so many steps, with nothing closed.  False: all was done before. */
static inline bool end_after(struct place *p, unsigned steps, unsigned lines)
{
	const pid_t child = fork();
	int status = 0;

	if (child == 0) {
		struct ledger *l = open_at(p);

		append(p, l, lines);
		if (ledger_sync(l) != 0)
			_exit(3);
		for (unsigned i = 0; i < steps; i++) {
			const int rc = tend(p, l);

			if (rc <= 0)
				_exit(rc == 0 ? 0 : 4);
		}
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status) == 1;
}

#endif /* TESTS_RECORD_PLACE_H */
