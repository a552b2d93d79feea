/* SPDX-License-Identifier: Apache-2.0 */
#include "ship/follower.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "record/seal.h"
#include "record/segments.h"

#define PUBLIC_BYTES_MAX ((size_t)64 << 10)

struct follower {
	char *dir;
	struct diag *d;
	struct ledger_reader *reader; /* NULL = the place has to be found anew */
	dev_t device;                 /* of the folder that it reads */
	ino_t inode;
	uint8_t ledger[SHIP_DIGEST];
	struct ship_place at; /* the last line that counted */
	struct {              /* what is read next, also behind lines that do not count */
		uint32_t segment;
		unsigned line; /* of the one before */
		uint64_t offset;
	} next;
	bool paused;  /* the end was reached: the reader stands nowhere */
	bool any_seq; /* the next line's is taken as it is */
	bool checked; /* a jump of the sequence was looked at twice */
	bool pending; /* `line` comes after what was told of it */
	struct ledger_line line;
};

struct follower *follower_create(const char *dir)
{
	struct follower *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->dir = strdup(dir);
	f->d = diag_create();
	if (f->dir != NULL && f->d != NULL)
		return f;
	follower_destroy(f);
	return NULL;
}

static void leave(struct follower *f)
{
	ledger_reader_close(f->reader);
	f->reader = NULL;
	f->pending = false;
	f->paused = false;
}

void follower_destroy(struct follower *f)
{
	if (f == NULL)
		return;
	leave(f);
	diag_destroy(f->d);
	free(f->dir);
	free(f);
}

void follower_go(struct follower *f, const struct ship_place *after,
		 const uint8_t ledger[SHIP_DIGEST])
{
	leave(f);
	f->at = *after;
	f->checked = f->any_seq = false;
	memcpy(f->ledger, ledger, SHIP_DIGEST);
}

void follower_ledger(const struct follower *f, uint8_t ret[SHIP_DIGEST])
{
	char name[4200], *text = NULL;
	size_t len = 0;

	memset(ret, 0, SHIP_DIGEST);
	(void)snprintf(name, sizeof(name), "%s/ledger.pub", f->dir);
	if (file_read(name, PUBLIC_BYTES_MAX, &text, &len) == 0)
		digest_sha256(text, len, ret);
	free(text);
}

/* ---- where to go on ----------------------------------------------------------------------- */

static void digest_of(const struct ledger_line *l, uint8_t ret[SHIP_DIGEST])
{
	_Static_assert(SHIP_DIGEST == CHAIN_DIGEST,
		       "of a line that has expired, what is left");
	line_digest(l->text, ret);
}

static void stand(struct follower *f, uint32_t segment, unsigned line, uint64_t offset)
{
	f->next.segment = segment;
	f->next.line = line;
	f->next.offset = offset;
	f->paused = false;
}

static bool open_reader(struct follower *f)
{
	struct stat st;

	leave(f);
	if (stat(f->dir, &st) != 0)
		return false;
	f->device = st.st_dev;
	f->inode = st.st_ino;
	f->reader = ledger_reader_open(f->dir, f->d);
	return f->reader != NULL;
}

/* The line at f->at, as it was sent. */
static bool is_there(struct follower *f)
{
	uint8_t digest[SHIP_DIGEST];
	struct ledger_line l;

	if (!ledger_reader_seek(f->reader, f->at.segment, f->at.offset, f->at.line - 1) ||
	    !ledger_reader_next_any(f->reader, &l) || l.segment != f->at.segment)
		return false;
	digest_of(&l, digest);
	stand(f, l.segment, l.line, l.offset + l.text.len + 1);
	return memcmp(digest, f->at.digest, SHIP_DIGEST) == 0;
}

/* The lowest segment from `number` on; 0 = there is none. */
static uint32_t segment_from(const struct follower *f, uint32_t number)
{
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t n = 0;

	if (fd == -1)
		return 0;
	if (segments_after(fd, number - 1, &n) != 0)
		n = 0;
	(void)close(fd);
	return n;
}

static enum followed_kind from_the_first(struct follower *f)
{
	f->at = (struct ship_place){.seq = 0};
	f->checked = f->any_seq = false;
	if (!open_reader(f))
		return FOLLOWED_UNREADABLE;
	stand(f, 0, 0, 0);
	return FOLLOWED_BEGUN;
}

/* The place's line is not there: segments were removed, the end was cut, or another ledger. */
static enum followed_kind look_around(struct follower *f)
{
	static const uint8_t none[SHIP_DIGEST];
	const uint32_t n = segment_from(f, f->at.segment);
	uint8_t now[SHIP_DIGEST];
	struct ledger_line first;
	uint64_t seq;

	follower_ledger(f, now);
	if (n == 0 || (memcmp(now, f->ledger, SHIP_DIGEST) != 0 &&
		       memcmp(f->ledger, none, SHIP_DIGEST) != 0))
		return from_the_first(f);
	if (n == f->at.segment && memcmp(f->ledger, none, SHIP_DIGEST) == 0)
		return from_the_first(f);
	if (n != f->at.segment && ledger_reader_seek(f->reader, n, 0, 0) &&
	    ledger_reader_next_any(f->reader, &first) && line_seq(first.text, &seq) &&
	    seq <= f->at.seq)
		return from_the_first(f);
	if (!ledger_reader_seek(f->reader, n, 0, 0)) {
		leave(f);
		return FOLLOWED_UNREADABLE;
	}
	stand(f, n, 0, 0);
	f->any_seq = n == f->at.segment;
	return n == f->at.segment ? FOLLOWED_BACK : FOLLOWED_LINE;
}

/* FOLLOWED_LINE: the reader stands behind the place; else what has to be told. */
static enum followed_kind find(struct follower *f)
{
	if (!open_reader(f))
		return FOLLOWED_UNREADABLE;
	if (f->at.seq == 0) {
		stand(f, 0, 0, 0);
		return FOLLOWED_LINE;
	}
	if (is_there(f))
		return FOLLOWED_LINE;
	if (diag_count(f->d, DIAG_ERROR) > 0) {
		leave(f);
		return FOLLOWED_UNREADABLE;
	}
	return look_around(f);
}

/* Behind the last line that was read; the place itself was checked before. */
static enum followed_kind resume(struct follower *f)
{
	struct stat st;

	if (f->next.segment == 0 || stat(f->dir, &st) != 0 || st.st_dev != f->device ||
	    st.st_ino != f->inode ||
	    !ledger_reader_seek(f->reader, f->next.segment, f->next.offset, f->next.line))
		return find(f);
	f->paused = false;
	return FOLLOWED_LINE;
}

/* ---- the next line ------------------------------------------------------------------------ */

/* What the reader had to say, first line only. */
static void take_error(struct follower *f, char error[SHIP_ERROR_MAX])
{
	FILE *out = fmemopen(error, SHIP_ERROR_MAX, "w");
	struct diag *fresh = diag_create();
	char *end;

	error[0] = '\0';
	if (out != NULL) {
		if (diag_count(f->d, DIAG_ERROR) > 0)
			diag_print(f->d, out, false);
		(void)fclose(out);
	}
	error[SHIP_ERROR_MAX - 1] = '\0';
	end = strchr(error, '\n');
	if (end != NULL)
		*end = '\0';
	if (error[0] == '\0')
		(void)snprintf(error, SHIP_ERROR_MAX, "%.200s: cannot be read: %s",
			       f->dir, strerrordesc_np(errno));
	/* The reader speaks into the old one. */
	if (fresh != NULL) {
		leave(f);
		diag_destroy(f->d);
		f->d = fresh;
	}
}

/* The line at hand is the last one that counted. */
static void take_place(struct follower *f, uint64_t seq)
{
	f->at = (struct ship_place){.segment = f->line.segment,
				    .line = f->line.line,
				    .offset = f->line.offset,
				    .seq = seq};
	digest_of(&f->line, f->at.digest);
	f->checked = f->any_seq = false;
}

static enum followed_kind judge(struct follower *f, struct followed *ret)
{
	uint64_t seq;
	bool has = line_seq(f->line.text, &seq);
	const bool jumps = has && !f->any_seq && seq != f->at.seq + 1;

	/* Is that so, or has the writer been faster than we? */
	if (jumps && !f->checked && f->at.seq > 0) {
		f->checked = true;
		leave(f);
		return FOLLOWED_END;
	}
	if (jumps && seq > f->at.seq) {
		ret->from_seq = f->at.seq + 1;
		ret->to_seq = seq - 1;
		f->pending = true;
		f->at.seq = seq - 1; /* told; the line comes next */
		return FOLLOWED_LOST;
	}
	stand(f, f->line.segment, f->line.line, f->line.offset + f->line.text.len + 1);
	ret->line = f->line;
	if (!has || seq == 0 || (jumps && seq <= f->at.seq))
		return FOLLOWED_ODD;
	take_place(f, seq);
	ret->at = f->at;
	return FOLLOWED_LINE;
}

/* Expired, and next in order: it was never sent, or there is nothing to send any more. */
static bool pass_over(struct follower *f)
{
	uint64_t seq;

	if (!line_seq(f->line.text, &seq) || (!f->any_seq && seq != f->at.seq + 1))
		return false;
	stand(f, f->line.segment, f->line.line, f->line.offset + f->line.text.len + 1);
	take_place(f, seq);
	return true;
}

static enum followed_kind step(struct follower *f, struct followed *ret)
{
	enum followed_kind k = FOLLOWED_LINE;

	if (f->pending) {
		f->pending = false;
		return judge(f, ret);
	}
	if (f->reader == NULL)
		k = find(f);
	else if (f->paused)
		k = resume(f);
	if (k != FOLLOWED_LINE)
		return k;
	while (ledger_reader_next_any(f->reader, &f->line)) {
		if (!f->line.expired || !pass_over(f))
			return judge(f, ret);
	}
	if (diag_count(f->d, DIAG_ERROR) > 0)
		return FOLLOWED_UNREADABLE;
	f->paused = true;
	return FOLLOWED_END;
}

void follower_next(struct follower *f, struct followed *ret)
{
	*ret = (struct followed){.kind = FOLLOWED_END};
	ret->kind = step(f, ret);
	if (ret->kind == FOLLOWED_END && f->reader == NULL)
		ret->kind = step(f, ret);
	if (ret->kind == FOLLOWED_UNREADABLE && ret->error[0] == '\0')
		take_error(f, ret->error);
}
