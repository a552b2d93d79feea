/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/lines.h"
#include "record/retire.h"
#include "record/verify_impl.h"

/* ---- sidecars ----------------------------------------------------------------------------- */

void tag_file_open(struct tag_file *t, int dir_fd, uint32_t segment)
{
	char name[SEGMENT_NAME_MAX];

	segment_name(segment, "tags", name);
	t->fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	t->count = t->from = 0;
	t->in_part = 0;
	(void)tag_file_reaches(t, 0);
}

bool tag_file_reaches(struct tag_file *t, uint64_t index)
{
	struct stat st;

	if (t->fd >= 0 && fstat(t->fd, &st) == 0 && S_ISREG(st.st_mode))
		t->count = (uint64_t)st.st_size / CHAIN_TAG;
	return index < t->count;
}

void tag_file_close(struct tag_file *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
}

bool tag_file_at(struct tag_file *t, uint64_t index, uint8_t ret[CHAIN_TAG])
{
	if (index >= t->count)
		return false;
	if (index < t->from || index - t->from >= t->in_part) {
		const ssize_t n = pread(t->fd, t->part, sizeof(t->part),
					(off_t)(index * CHAIN_TAG));

		t->from = index;
		t->in_part = n < 0 ? 0 : (size_t)n / CHAIN_TAG;
		if (t->in_part == 0)
			return false;
	}
	memcpy(ret, t->part[index - t->from], CHAIN_TAG);
	return true;
}

/* ---- removed beginnings ------------------------------------------------------------------- */

/* Call `each` for all lines of the ledger until it returns false. */
static int each_line(int dir_fd, uint32_t after, bool (*each)(void *arg, struct str line),
		     void *arg)
{
	uint32_t number = after;
	int rc;

	while ((rc = segments_after(dir_fd, number, &number)) == 0 && number != 0) {
		struct lines *l;
		struct str line;
		bool more = true;

		rc = lines_open(dir_fd, number, &l);
		if (rc == -ENOENT)
			continue;
		if (rc < 0)
			return rc;
		while (more && lines_next(l, &line) == LINES_LINE)
			more = each(arg, line);
		lines_close(l);
		if (!more)
			return 0;
	}
	return rc;
}

int ledger_root_read(int dir_fd, uint8_t ret[SIGN_KEY])
{
	char text[1024];
	const int fd = openat(dir_fd, "ledger.pub",
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (fd >= 0)
		(void)close(fd);
	return n >= 0 && sign_pem_parse((struct str){text, (size_t)n}, ret) ? 0 : -ENOKEY;
}

uint64_t ledger_beginning(int dir_fd, uint32_t first)
{
	struct lines *l;
	struct str line;
	uint64_t begins = 1;

	if (lines_open(dir_fd, first, &l) != 0)
		return 1;
	if (lines_next(l, &line) != LINES_LINE || !line_seq(line, &begins) || begins == 0)
		begins = 1;
	lines_close(l);
	return begins;
}

/* A line of epochs.jsonl. */
static void take_epoch(struct removed_part *r, struct str line)
{
	char print[FINGERPRINT_LEN + 1];
	struct seal s;

	if (!seal_parse(line, &s))
		return;
	if (s.has_removed && s.removed.last_seq + 1 == r->begins)
		r->tombstone = s;
	/* What is in the ledger yet says its keys there. */
	if (!s.has_next_key || s.epoch != r->epoch || s.seq >= r->begins)
		return;
	fingerprint_format(r->key, print);
	if (strcmp(s.key, print) != 0 || !seal_check(line, &s, r->key))
		return;
	memcpy(r->key, s.next_key, SIGN_KEY);
	r->epoch++;
}

void removed_read(int dir_fd, struct removed_part *r)
{
	char line[SEAL_LINE_MAX];
	int fd = openat(dir_fd, RETIRE_EPOCHS,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (f == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL)
		take_epoch(r, (struct str){line, strcspn(line, "\n")});
	(void)fclose(f);
}

/* ---- what was done ------------------------------------------------------------------------ */

/* How often a digest is there among the lines, and among the tags. */
struct count {
	uint8_t tag[CHAIN_TAG];
	uint64_t lines, tags;
};

struct counts {
	size_t n;
	struct count list[2 * VERIFY_FINDINGS_MAX];
};

static void want(struct counts *c, bool has, const uint8_t tag[CHAIN_TAG])
{
	if (has) {
		c->list[c->n] = (struct count){.lines = 0};
		memcpy(c->list[c->n++].tag, tag, CHAIN_TAG);
	}
}

static bool count_line(void *arg, struct str line)
{
	struct counts *c = arg;
	uint8_t digest[CHAIN_DIGEST];

	line_digest(line, digest);
	for (size_t i = 0; i < c->n; i++)
		c->list[i].lines += memcmp(c->list[i].tag, digest, CHAIN_TAG) == 0;
	return true;
}

static int count_tags(int dir_fd, struct counts *c)
{
	struct tag_file *t = malloc(sizeof(*t));
	uint32_t number = 0;
	int rc = t == NULL ? -ENOMEM : 0;

	while (rc == 0 && (rc = segments_after(dir_fd, number, &number)) == 0 &&
	       number != 0) {
		uint8_t tag[CHAIN_TAG];

		tag_file_open(t, dir_fd, number);
		for (uint64_t i = 0; tag_file_at(t, i, tag); i++)
			for (size_t k = 0; k < c->n; k++)
				c->list[k].tags +=
					memcmp(c->list[k].tag, tag, CHAIN_TAG) == 0;
		tag_file_close(t);
	}
	free(t);
	return rc;
}

static const struct count *count_of(const struct counts *c, const uint8_t tag[CHAIN_TAG])
{
	for (size_t i = 0; i < c->n; i++)
		if (memcmp(c->list[i].tag, tag, CHAIN_TAG) == 0)
			return &c->list[i];
	return &c->list[0];
}

int name_faults(int dir_fd, struct ledger_proof *p)
{
	const size_t n = p->finding_count < VERIFY_FINDINGS_MAX ? p->finding_count
								: VERIFY_FINDINGS_MAX;
	struct counts *c = calloc(1, sizeof(*c));
	int rc = c == NULL ? -ENOMEM : 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		want(c, p->findings[i].has_line_tag, p->findings[i].line_tag);
		want(c, p->findings[i].has_tag, p->findings[i].tag);
	}
	if (rc == 0 && c->n > 0) {
		rc = each_line(dir_fd, 0, count_line, c);
		if (rc == 0)
			rc = count_tags(dir_fd, c);
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct ledger_finding *f = &p->findings[i];
		const struct count *there, *known;
		bool gone, alien;

		if (!f->has_line_tag || !f->has_tag || f->fault == FAULT_TORN)
			continue;
		there = count_of(c, f->line_tag);
		known = count_of(c, f->tag);
		alien = there->lines > there->tags;
		gone = known->tags > known->lines;
		f->fault = alien && gone ? FAULT_CHANGED
			   : gone        ? FAULT_MISSING
			   : alien       ? FAULT_INSERTED
					 : FAULT_REORDERED;
	}
	free(c);
	return rc;
}
