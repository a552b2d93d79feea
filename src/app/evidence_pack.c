/* SPDX-License-Identifier: Apache-2.0 */
#include "app/evidence_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "base/file.h"
#include "base/tar.h"
#include "engine/archive.h"
#include "record/verify.h"

#define KEPT_FILE_MAX ((size_t)1 << 30)
#define HASH_LEN      64

/* ---- texts in memory ---------------------------------------------------------------------- */

enum part {
	PART_LINES = 0,
	PART_CONTEXT,
	PART_PROOF,
	PART_SEALS,
	PART_EPOCHS,
	PART_README,
	PART_COUNT
};

static const char *const part_names[PART_COUNT] = {
	"lines.jsonl", "context.jsonl", "proof.txt",
	"seals.jsonl", "epochs.jsonl",  "README.txt",
};

struct parts {
	FILE *f[PART_COUNT];
	char *text[PART_COUNT];
	size_t len[PART_COUNT];
};

static bool parts_open(struct parts *p)
{
	*p = (struct parts){.len = {0}};
	for (unsigned i = 0; i < PART_COUNT; i++) {
		p->f[i] = open_memstream(&p->text[i], &p->len[i]);
		if (p->f[i] == NULL)
			return false;
	}
	return true;
}

static bool parts_end(struct parts *p)
{
	bool fine = true;

	for (unsigned i = 0; i < PART_COUNT; i++) {
		if (p->f[i] != NULL && fclose(p->f[i]) != 0)
			fine = false;
		p->f[i] = NULL;
	}
	return fine;
}

static void parts_finish(struct parts *p)
{
	(void)parts_end(p);
	for (unsigned i = 0; i < PART_COUNT; i++)
		free(p->text[i]);
}

/* ---- generations -------------------------------------------------------------------------- */

struct kept {
	char hash[HASH_LEN + 1];
	char *name; /* the first that it had */
};

struct sources {
	struct kept *list; /* each content once, in the order they came */
	size_t count, room;
	uint64_t absent, large; /* of files that are not in the pack */
	bool failed;            /* out of memory */
	FILE *readme;
};

static void note_source(void *arg, const char *name, const char *sha256)
{
	struct sources *s = arg;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->list[i].hash, sha256) == 0)
			return;
	if (s->count == s->room) {
		const size_t room = s->room == 0 ? 64 : 2 * s->room;
		struct kept *more = realloc(s->list, room * sizeof(*more));

		s->failed = s->failed || more == NULL;
		if (more == NULL)
			return;
		s->list = more;
		s->room = room;
	}
	memcpy(s->list[s->count].hash, sha256, HASH_LEN + 1);
	s->list[s->count].name = strdup(name);
	s->failed = s->failed || s->list[s->count].name == NULL;
	s->count++;
}

/* One content, if it is not too large; its hash is for the check to find wrong. */
static void add_source(const struct pack *e, struct sources *s, const struct kept *k,
		       struct tar *t)
{
	char *path = NULL, *bytes = NULL;
	struct stat st;
	size_t len = 0;
	int rc = -ENOMEM;

	if (asprintf(&path, "%s/generations/files/%s", e->dir, k->hash) < 0)
		path = NULL;
	else if (stat(path, &st) != 0)
		rc = -errno;
	else if (!e->all_files && (uintmax_t)st.st_size > EVIDENCE_FILE_MAX)
		rc = -EFBIG;
	else
		rc = file_read(path, KEPT_FILE_MAX, &bytes, &len);
	if (rc == 0) {
		tar_add(t, strstr(path, "generations/files/"), bytes, len);
	} else {
		s->large += rc == -EFBIG;
		s->absent += rc != -EFBIG;
		(void)fprintf(s->readme, "  not in it: %s (%s): %s\n", k->name, k->hash,
			      rc == -EFBIG ? "over 8 MiB; --all-files takes it"
					   : strerrordesc_np(-rc));
	}
	free(bytes);
	free(path);
}

static void add_generations(const struct pack *e, struct sources *s, struct tar *t,
			    struct diag *d)
{
	const struct archive_each each = {note_source, s};

	for (size_t i = 0; i < e->generation_count; i++) {
		char name[64], *text = NULL;
		size_t len;

		(void)snprintf(name, sizeof(name), "generations/%s.json",
			       e->generations[i]);
		if (archive_list(e->dir, e->generations[i], &each, d, &text, &len) == 0) {
			tar_add(t, name, text, len);
		} else {
			s->absent++;
			(void)fprintf(s->readme, "  not in it: generation %s\n",
				      e->generations[i]);
		}
		free(text);
	}
	for (size_t i = 0; i < s->count && !s->failed; i++)
		add_source(e, s, &s->list[i], t);
	for (size_t i = 0; i < s->count; i++)
		free(s->list[i].name);
	free(s->list);
}

/* ---- README.txt --------------------------------------------------------------------------- */

static const char readme_files[] =
	"Evidence from a ledger of Weir. Weir's docs/ledger.md (\"Evidence packs\") says what each file\n"
	"means; docs/evidence-check.py of Weir's source checks all of it, without Weir:\n"
	"\n"
	"    python3 evidence-check.py PACK.tar --key FINGERPRINT\n"
	"\n"
	"FINGERPRINT is that of the ledger's root key, as somebody wrote it down outside of the machine\n"
	"when the ledger began. The key in this pack says nothing about itself.\n"
	"\n"
	"  lines.jsonl    the events that were asked for, as they stand in the ledger\n"
	"  context.jsonl  changes that put the generations in force which these name\n"
	"  proof.txt      of each sealed range: the digests of its lines from the first shown one on\n"
	"  seals.jsonl    the seals that end these ranges\n"
	"  epochs.jsonl   from the root key to the keys of the seals: each names the next\n"
	"  ledger.pub     the root key\n"
	"  generations/   configuration, rules and tables that decided, by hash\n"
	"  packets/       packets of connections, as pcapng; the events have their SHA-256\n"
	"  SHA256SUMS     of all of them, for sha256sum -c\n"
	"\n"
	"That nothing else in the ledger fits the filter, this pack cannot show: only the ledger can.\n"
	"Who held the key of the last epoch could write that epoch anew, unless its seals were kept\n"
	"elsewhere: hold seals.jsonl against them.\n"
	"\n";

static void readme_proof(FILE *f, const struct ledger_proof *p)
{
	(void)fprintf(f,
		      "the ledger  %s when the pack was made, as weir verify says: lines "
		      "%" PRIu64 " to %" PRIu64 ", ",
		      p->finding_count == 0 ? "whole" : "NOT WHOLE", p->first_seq,
		      p->last_seq);
	if (p->sound_seq >= p->first_seq && p->sound_seq > 0)
		(void)fprintf(f,
			      "proven to %" PRIu64 " by the keys of epochs 0 to %" PRIu64
			      "\n",
			      p->sound_seq, p->sound_epoch);
	else
		(void)fprintf(f, "nothing proven\n");
	for (size_t i = 0; i < p->finding_count && i < VERIFY_FINDINGS_MAX; i++)
		(void)fprintf(f, "  line %" PRIu64 ": %s\n", p->findings[i].seq,
			      ledger_fault_name(p->findings[i].fault));
}

static void readme_head(FILE *f, const struct pack *e, const struct proof_count *n,
			const struct ledger_proof *p)
{
	(void)fputs(readme_files, f);
	(void)fprintf(f, "asked       weir evidence");
	for (size_t i = 0; i < e->word_count; i++)
		(void)fprintf(f, " %s", e->words[i]);
	(void)fprintf(f, "\nby          weir %s\n", program_version);
	(void)fprintf(f,
		      "lines       %" PRIu64 ", from %" PRIu64 " to %" PRIu64 "; %" PRIu64
		      " of context\n",
		      n->lines, n->first_seq, n->last_seq, n->context);
	(void)fprintf(f,
		      "seals       %" PRIu64 " over %" PRIu64 " ranges, %" PRIu64
		      " that name a key; lines that no seal covers: %" PRIu64 "\n",
		      n->seals, n->ranges, n->epochs, n->unsealed);
	(void)fprintf(f, "root key    %s\n", p->root);
	readme_proof(f, p);
	(void)fprintf(f, "generations %zu%s\n", e->generation_count,
		      e->generations_over ? "; more are named than a pack holds" : "");
}

/* Whole only when somebody asked for them. */
static void add_packets(struct pack *e, struct tar *t, FILE *readme)
{
	if (e->packets.count == 0)
		return;
	(void)fprintf(readme, "packets     %zu files%s\n", e->packets.count,
		      e->with_packets ? "" : ", not in it: --with-packets takes them");
	if (e->with_packets)
		evidence_packets_add(&e->packets, e->dir, t, readme);
}

/* ---- the archive -------------------------------------------------------------------------- */

struct writing {
	struct pack *e;
	struct parts parts;
	struct proof_count n;
	struct sources sources;
	struct ledger_proof *proof;
	uint8_t sha256[32];
};

static int collect(struct writing *w)
{
	const struct verify_cfg cfg = {.dir = w->e->dir, .root = w->e->root};
	const struct proof_out out = {.lines = w->parts.f[PART_LINES],
				      .context = w->parts.f[PART_CONTEXT],
				      .proof = w->parts.f[PART_PROOF],
				      .seals = w->parts.f[PART_SEALS],
				      .epochs = w->parts.f[PART_EPOCHS]};
	int rc = ledger_verify(&cfg, w->proof);

	if (rc == 0)
		rc = proof_write(w->e->dir, w->e->root, w->e->wants, w->e->want_count,
				 &out, &w->n);
	return rc;
}

static int put_archive(struct writing *w, FILE *f, struct diag *d)
{
	FILE *readme = w->parts.f[PART_README];
	char pem[SIGN_PEM_MAX];
	struct tar t;

	tar_begin(&t, f);
	readme_head(readme, w->e, &w->n, w->proof);
	w->sources.readme = readme;
	add_generations(w->e, &w->sources, &t, d);
	add_packets(w->e, &t, readme);
	if (!parts_end(&w->parts) || w->sources.failed)
		t.error = -ENOMEM;
	for (unsigned i = 0; i < PART_COUNT; i++)
		tar_add(&t, part_names[i], w->parts.text[i], w->parts.len[i]);
	tar_add(&t, "ledger.pub", pem, sign_pem_format(w->e->root, pem));
	tar_add_sums(&t, "SHA256SUMS");
	return tar_end(&t, w->sha256);
}

/* Whole or not at all.  For whoever may read the ledger, and nobody else: mode 0600. */
static int put_file(struct writing *w, const char *path, struct diag *d)
{
	char *aside = NULL;
	int fd, rc;
	FILE *f;

	if (asprintf(&aside, "%s.new", path) < 0)
		return -ENOMEM;
	fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	rc = f == NULL ? -errno : put_archive(w, f, d);
	if (f != NULL && fflush(f) != 0 && rc == 0)
		rc = -errno;
	if (f != NULL && fsync(fd) != 0 && rc == 0)
		rc = -errno;
	if (f != NULL)
		(void)fclose(f);
	else if (fd >= 0)
		(void)close(fd);
	if (rc == 0 && rename(aside, path) != 0)
		rc = -errno;
	if (rc != 0 && fd >= 0)
		(void)unlink(aside);
	free(aside);
	return rc;
}

static int say(const struct writing *w, const char *path)
{
	const struct ledger_proof *p = w->proof;
	const struct evidence_packets *packets = &w->e->packets;
	char hex[65];

	hex_format(w->sha256, sizeof(w->sha256), hex);
	(void)printf("%s: %" PRIu64 " lines under %" PRIu64 " seals, %zu generations\n"
		     "sha256       %s\n"
		     "root key     %s\n",
		     path, w->n.lines, w->n.seals, w->e->generation_count, hex, p->root);
	if (w->n.unsealed > 0)
		(void)printf("not sealed   %" PRIu64
			     " of the lines: ask again when a seal follows\n",
			     w->n.unsealed);
	if (w->n.gone > 0)
		(void)printf("not there    %" PRIu64 " lines were removed meanwhile\n",
			     w->n.gone);
	if (w->sources.absent > 0 || w->e->generations_over)
		(void)printf("no source    of some generations: README.txt names them\n");
	if (packets->absent > 0)
		(void)printf("no packets   of %" PRIu64
			     " connections any more: README.txt names the files\n",
			     packets->absent);
	if (packets->changed > 0)
		(void)printf("CHANGED      are %" PRIu64
			     " files of packets: README.txt names them\n",
			     packets->changed);
	if (p->finding_count > 0)
		(void)printf("NOT WHOLE    is the ledger: `weir verify %s` says where\n",
			     w->e->dir);
	return w->n.unsealed + w->n.gone + w->sources.absent + packets->changed +
					       p->finding_count >
				       0 ||
			       w->e->generations_over
		       ? EXIT_FINDINGS
		       : EXIT_FINE;
}

int evidence_write(struct pack *e, const char *path, struct diag *d)
{
	struct writing w = {.e = e, .proof = malloc(sizeof(*w.proof))};
	int rc = w.proof == NULL || !parts_open(&w.parts) ? -ENOMEM : collect(&w), code;

	if (rc != 0) {
		(void)fprintf(stderr, "weir evidence: %s: %s\n", e->dir,
			      strerrordesc_np(-rc));
		code = EXIT_COULD_NOT;
	} else if (!may_replace("evidence", path)) {
		code = EXIT_COULD_NOT;
	} else {
		rc = put_file(&w, path, d);
		if (rc != 0)
			(void)fprintf(stderr, "weir evidence: %s: %s\n", path,
				      strerrordesc_np(-rc));
		code = rc == 0 ? say(&w, path) : EXIT_COULD_NOT;
	}
	parts_finish(&w.parts);
	free(w.proof);
	return code;
}
