/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a process that writes a sealed ledger, at random moments under load, again and again: what
 * it had handed to the kernel must be there afterwards, and the ledger must verify.  Closed
 * segments are compressed, lines expire and segments are removed meanwhile.
 * usage: kills [--runs N]      TAP
 */
#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "record/keys.h"
#include "record/ledger.h"
#include "record/verify.h"

#define TAIL(type)                                                            \
	"\"time\":\"2026-09-21T10:00:00.000000Z\",\"type\":\"" type           \
	"\",\"sensor\":\"s\",\"mode\":\"replay\",\"what\":\"x\",\"message\":" \
	"\"as long as what is left of it\"}\n"

/* Lines, as the last verify said; expired ones in any of the runs. */
static uint64_t removed, expired;

struct place {
	char dir[64], keys[80];
	_Atomic uint64_t *committed;
};

static struct ledger *open_at(const struct place *p)
{
	const struct ledger_seals seals = {.keys = p->keys,
					   .events = 50,
					   .interval_us = 1000,
					   .epoch_us = 3000,
					   .wall_us = 1790000000000000};
	const struct ledger_cfg cfg = {
		.dir = p->dir,
		.fd = -1,
		.segment_bytes = 200000,
		.seals = &seals,
		.upkeep = {.compress = true,
			   .keep_bytes = 250000,
			   .keep_type_us = {[EXPIRING_DNS] = 3600000000}}};
	struct ledger *l = NULL;
	char error[300];

	if (ledger_open(&cfg, &l, error) != 0) {
		(void)printf("# %s\n", error);
		return NULL;
	}
	return l;
}

static void write_for_ever(const struct place *p)
{
	static const char *const tails[] = {TAIL("system"), TAIL("dns"), TAIL("flow")};
	struct ledger *l = open_at(p);
	int64_t t = 1;

	while (l != NULL) {
		for (unsigned i = 0; i < 20; i++)
			if (ledger_append(l, tails[i % 3], strlen(tails[i % 3])) != 0)
				_exit(1);
		t += 200;
		if (ledger_tick(l, 1790000000000000 + t, t) != 0 || ledger_flush(l) != 0)
			_exit(1);
		/* Many looks for what is to be removed. */
		if (ledger_tend(l, 1790000000000000 + t, t * 100000) < 0)
			_exit(1);
		atomic_store(p->committed, ledger_next_seq(l) - 1);
	}
	_exit(1);
}

static bool survive(const struct place *p, unsigned wait_us)
{
	static struct ledger_proof proof;
	const struct verify_cfg cfg = {.dir = p->dir};
	const struct timespec t = {.tv_nsec = (long)wait_us * 1000};
	const pid_t child = fork();
	struct ledger *l;
	int status;

	if (child == 0)
		write_for_ever(p);
	(void)nanosleep(&t, NULL);
	(void)kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
		return false;
	l = open_at(p);
	if (l == NULL || ledger_close(l) != 0 || ledger_verify(&cfg, &proof) != 0)
		return false;
	if (proof.finding_count > 0)
		(void)printf("# %s seq %llu\n",
			     ledger_fault_name(proof.findings[0].fault),
			     (unsigned long long)proof.findings[0].seq);
	removed = proof.removed_to;
	expired += proof.expired_lines;
	return proof.finding_count == 0 && proof.unsealed == 0 &&
	       proof.last_seq >= atomic_load(p->committed);
}

static void remove_all(const struct place *p)
{
	char path[200];
	DIR *d = opendir(p->dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) // NOLINT(concurrency-mt-unsafe)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(p->dir);
	(void)snprintf(path, sizeof(path), "%s/ledger.key", p->keys);
	(void)unlink(path);
	(void)rmdir(p->keys);
}

int main(int argc, char *argv[])
{
	struct place p = {.dir = "/tmp/weir-kills-XXXXXX"};
	uint64_t runs = 30, bad = 0, random = 88172645463325252u;
	struct keys k;

	if (argc == 3 && !parse_u64(str_of(argv[2]), 1000000, &runs))
		return 2;
	p.committed = mmap(NULL, sizeof(*p.committed), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.committed == MAP_FAILED || mkdtemp(p.dir) == NULL)
		return 3;
	(void)snprintf(p.keys, sizeof(p.keys), "%s.keys", p.dir);
	if (keys_create(p.keys, &k) != 0)
		return 3;
	keys_close(&k);
	for (uint64_t i = 0; i < runs; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		bad += !survive(&p, (unsigned)(random % 30000));
		/* The time of verifying grows with the ledger: begin anew now and then. */
		if (i % 50 == 49 && bad == 0) {
			remove_all(&p);
			atomic_store(p.committed, 0);
			if (keys_create(p.keys, &k) != 0)
				return 3;
			keys_close(&k);
		}
	}
	(void)printf(
		"# %llu lines removed in the last ledger, %llu found expired in all\n",
		(unsigned long long)removed, (unsigned long long)expired);
	bad += expired == 0;
	(void)printf("%s - %llu of %llu kills: nothing lost, all sealed\n",
		     bad == 0 ? "ok" : "not ok", (unsigned long long)(runs - bad),
		     (unsigned long long)runs);
	if (bad == 0)
		remove_all(&p);
	return bad > 0;
}
