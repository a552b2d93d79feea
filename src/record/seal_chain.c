/* SPDX-License-Identifier: Apache-2.0 */
#include "record/seal_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/lines.h"
#include "record/seal.h"
#include "record/segments.h"
#include "record/verify_impl.h"

struct one {
	uint32_t segment;
	uint64_t offset, end; /* of its line; behind its newline */
	uint64_t seq, epoch;
	uint64_t lines[EXPIRING_COUNT]; /* of its range, by type */
	uint8_t head[CHAIN_DIGEST], digest[CHAIN_DIGEST];
};

struct seal_chain {
	const char *dir; /* the caller's, as the anchors are */
	struct anchors *anchors;
	int dir_fd;
	bool key_given;
	char root[FINGERPRINT_LEN + 1];
	uint32_t first_segment;
	uint64_t begins;             /* the number of the ledger's first line */
	uint8_t start[CHAIN_DIGEST]; /* H before it */
	struct seal_removed removed; /* what was before; last_seq 0 = nothing */
	bool removed_seen;           /* a seal of the chain says so */
	/* first and last line of segments of which a seal says that lines were taken out */
	uint64_t (*expired)[2];
	size_t expired_count, expired_room, expired_at;
	/* the chain */
	bool broken;
	uint8_t key[SIGN_KEY]; /* of the present epoch */
	char print[FINGERPRINT_LEN + 1];
	uint64_t epoch;
	bool last_signed;         /* the last one was checked: it names a key */
	char last[SEAL_LINE_MAX]; /* else its text */
	size_t last_len;
	struct one *list;
	size_t count, room;
	/* the lines */
	struct lines *lines; /* of this segment; NULL = none is open */
	uint32_t segment;
	uint64_t lines_read;
	struct tag_file tags;
};

/* ---- the beginning ------------------------------------------------------------------------ */

static void take_key(struct seal_chain *r, const uint8_t key[SIGN_KEY], uint64_t epoch)
{
	memcpy(r->key, key, SIGN_KEY);
	fingerprint_format(key, r->print);
	r->epoch = epoch;
}

/* A ledger whose first segments were removed. */
static void begin_late(struct seal_chain *r)
{
	struct removed_part before = {.begins = r->begins};

	memcpy(before.key, r->key, SIGN_KEY);
	removed_read(r->dir_fd, &before);
	take_key(r, before.key, before.epoch);
	r->removed = before.tombstone.removed;
	r->broken = !before.tombstone.has_removed;
	memcpy(r->start, r->removed.head, CHAIN_DIGEST);
}

static int begin(struct seal_chain *r, const struct seal_chain_cfg *cfg)
{
	uint8_t key[SIGN_KEY];
	int rc;

	r->dir_fd = open(cfg->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		return -errno;
	rc = segments_after(r->dir_fd, 0, &r->first_segment);
	if (rc == 0 && r->first_segment == 0)
		rc = -ENOENT;
	if (rc == 0 && cfg->root == NULL)
		rc = ledger_root_read(r->dir_fd, key);
	if (rc != 0)
		return rc;
	r->key_given = cfg->root != NULL;
	take_key(r, r->key_given ? cfg->root : key, 0);
	memcpy(r->root, r->print, sizeof(r->root));
	chain_start(r->key, r->start);
	r->begins = ledger_beginning(r->dir_fd, r->first_segment);
	if (r->begins > 1)
		begin_late(r);
	return 0;
}

int seal_chain_open(const struct seal_chain_cfg *cfg, struct seal_chain **ret)
{
	struct seal_chain *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	r->dir = cfg->dir;
	r->anchors = cfg->anchors;
	r->tags.fd = -1;
	rc = begin(r, cfg);
	if (rc == 0)
		*ret = r;
	else
		seal_chain_close(r);
	return rc;
}

void seal_chain_close(struct seal_chain *r)
{
	if (r == NULL)
		return;
	lines_close(r->lines);
	if (r->dir_fd >= 0)
		(void)close(r->dir_fd);
	free(r->list);
	free(r->expired);
	free(r);
}

/* ---- the chain ---------------------------------------------------------------------------- */

static bool keep(struct seal_chain *r, const struct one *one)
{
	if (r->count == r->room) {
		const size_t room = r->room == 0 ? 1024 : 2 * r->room;
		struct one *more = realloc(r->list, room * sizeof(*more));

		if (more == NULL)
			return false;
		r->list = more;
		r->room = room;
	}
	r->list[r->count++] = *one;
	return true;
}

/* Does it go on where the one before ends? */
static bool follows(const struct seal_chain *r, const struct seal *s,
		    const struct seal_copy *copy)
{
	const struct one *before = r->count > 0 ? &r->list[r->count - 1] : NULL;

	if (s->epoch != r->epoch || strcmp(s->key, r->print) != 0)
		return false;
	if (before == NULL)
		return s->seq > r->begins && (r->begins > 1 || !s->has_previous);
	return s->has_previous &&
	       memcmp(s->previous, before->digest, CHAIN_DIGEST) == 0 &&
	       s->first_seq == before->seq && s->seq > before->seq &&
	       (copy->segment > before->segment ||
		(copy->segment == before->segment && copy->offset >= before->end));
}

static void note_removed(struct seal_chain *r, const struct seal *s)
{
	if (s->has_removed && s->removed.last_seq == r->removed.last_seq &&
	    memcmp(s->removed.head, r->removed.head, CHAIN_DIGEST) == 0)
		r->removed_seen = true;
}

static bool note_expired(struct seal_chain *r, const struct seal *s)
{
	if (!s->has_expired)
		return true;
	if (r->expired_count == r->expired_room) {
		const size_t room = r->expired_room == 0 ? 64 : 2 * r->expired_room;
		uint64_t(*more)[2] = realloc(r->expired, room * sizeof(*more));

		if (more == NULL)
			return false;
		r->expired = more;
		r->expired_room = room;
	}
	r->expired[r->expired_count][0] = s->expired.first_seq;
	r->expired[r->expired_count++][1] = s->expired.last_seq;
	return true;
}

bool seal_chain_add(struct seal_chain *r, const struct seal_copy *copy)
{
	const size_t len = copy->text.len;
	char line[SEAL_LINE_MAX]; /* with its newline, as it is hashed */
	struct one one = {.segment = copy->segment,
			  .offset = copy->offset,
			  .end = copy->offset + len + 1};
	struct seal s;

	if (r->broken || copy->segment < r->first_segment) /* of what was removed */
		return true;
	if (len + 1 > sizeof(line) || !seal_parse(copy->text, &s) ||
	    !follows(r, &s, copy)) {
		r->broken = true;
		return true;
	}
	memcpy(line, copy->text.p, len);
	line[len] = '\n';
	chain_digest(line, len + 1, one.digest);
	memcpy(one.head, s.head, CHAIN_DIGEST);
	one.seq = s.seq;
	one.epoch = s.epoch;
	memcpy(one.lines, s.lines, sizeof(one.lines));
	note_removed(r, &s);
	if (!note_expired(r, &s))
		return false;
	if (r->anchors != NULL)
		(void)anchors_match(r->anchors, s.seq, one.digest);
	/* Those that name a key, since keys are followed by them; others are held by `previous`. */
	r->last_signed = s.has_next_key;
	if (!s.has_next_key) {
		memcpy(r->last, line, len);
		r->last_len = len;
	} else if (seal_check(copy->text, &s, r->key)) {
		take_key(r, s.next_key, s.epoch + 1);
	} else {
		r->broken = true;
	}
	return keep(r, &one);
}

static bool last_is_signed(const struct seal_chain *r)
{
	const struct str text = {r->last, r->last_len};
	struct seal s;

	return r->last_signed || (seal_parse(text, &s) && seal_check(text, &s, r->key));
}

/* Is that the ledger's last one, too?  Else there are seals of which there was no copy. */
static bool last_is_last(const struct seal_chain *r)
{
	char line[SEAL_LINE_MAX];
	uint8_t digest[CHAIN_DIGEST];
	struct seal s;

	if (r->count == 0 || seal_last(r->dir, &s, line) != 0)
		return false;
	chain_digest(line, strlen(line), digest);
	return memcmp(digest, r->list[r->count - 1].digest, CHAIN_DIGEST) == 0;
}

static bool anchors_are_found(const struct seal_chain *r)
{
	for (size_t i = 0; r->anchors != NULL && i < r->anchors->count; i++)
		if (!r->anchors->list[i].found && r->anchors->list[i].seq >= r->begins)
			return false;
	return true;
}

static bool segment_is_there(const struct seal_chain *r, uint32_t number)
{
	static const char *const ends[] = {"jsonl", "jsonl.zst"};
	char name[SEGMENT_NAME_MAX];
	struct stat st;

	for (size_t i = 0; i < 2; i++) {
		segment_name(number, ends[i], name);
		if (fstatat(r->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return S_ISREG(st.st_mode);
	}
	return false;
}

bool seal_chain_tied(struct seal_chain *r)
{
	const uint32_t last = r->count > 0 ? r->list[r->count - 1].segment : 0;

	if (r->broken || (r->removed.last_seq > 0 && !r->removed_seen) ||
	    !last_is_signed(r) || !last_is_last(r) || !anchors_are_found(r))
		return false;
	for (uint32_t n = r->first_segment; n < last; n++)
		if (!segment_is_there(r, n))
			return false;
	return true;
}

size_t seal_chain_count(const struct seal_chain *r)
{
	return r->count;
}

struct chained_seal seal_chain_seal(const struct seal_chain *r, size_t i)
{
	const struct one *o = &r->list[i];

	return (struct chained_seal){o->segment, o->offset, o->seq, o->epoch};
}

void seal_chain_said(const struct seal_chain *r, struct seal_chain_said *ret)
{
	*ret = (struct seal_chain_said){.key_given = r->key_given,
					.first_seq = r->begins,
					.lines = r->lines_read};
	memcpy(ret->root, r->root, sizeof(ret->root));
}

/* ---- lines -------------------------------------------------------------------------------- */

static bool stand_at(struct seal_chain *r, uint32_t segment, uint64_t offset)
{
	if (r->lines != NULL && r->segment != segment) {
		lines_close(r->lines);
		r->lines = NULL;
	}
	r->segment = segment;
	if (r->lines == NULL && lines_open(r->dir_fd, segment, &r->lines) != 0) {
		r->lines = NULL;
		return false;
	}
	return lines_seek(r->lines, offset);
}

/* A place in the ledger, and the line there. */
struct here {
	uint32_t segment;
	uint64_t offset, seq; /* seq: what it must be */
	struct str line;
	uint8_t digest[CHAIN_DIGEST];
};

static bool stand_behind(struct seal_chain *r, const struct one *before, struct here *ret)
{
	*ret = (struct here){.segment =
				     before == NULL ? r->first_segment : before->segment,
			     .offset = before == NULL ? 0 : before->end,
			     .seq = before == NULL ? r->begins - 1 : before->seq};
	return stand_at(r, ret->segment, ret->offset);
}

/* The next line, in this segment or the one after it. */
static enum lines_end next_line(struct seal_chain *r, struct here *at)
{
	enum lines_end end = lines_next(r->lines, &at->line);
	uint32_t next = 0;

	while (end == LINES_END && segments_after(r->dir_fd, at->segment, &next) == 0 &&
	       next != 0) {
		if (!stand_at(r, next, 0))
			return LINES_DAMAGED;
		at->segment = next;
		at->offset = 0;
		end = lines_next(r->lines, &at->line);
	}
	if (end != LINES_LINE)
		return end;
	line_digest(at->line, at->digest);
	at->seq++;
	r->lines_read++;
	return LINES_LINE;
}

/* False: an expired line (record/expired.h) of which no seal says so: some line, not the one. */
static bool note_kind(struct seal_chain *r, const struct here *at,
		      struct expiring_count *seen)
{
	uint8_t digest[CHAIN_DIGEST];
	uint64_t seq;
	const bool expired = expired_parse(at->line, &seq, digest);

	(void)expiring_note(seen, at->line, expired);
	if (!expired)
		return true;
	for (size_t n = 0; n < r->expired_count; n++) {
		/* The one of the line before first. */
		const size_t i = (r->expired_at + n) % r->expired_count;

		if (seq >= r->expired[i][0] && seq <= r->expired[i][1]) {
			r->expired_at = i;
			return true;
		}
	}
	return false;
}

bool seal_chain_check(struct seal_chain *r, size_t i)
{
	const struct one *s = &r->list[i], *before = i > 0 ? s - 1 : NULL;
	struct expiring_count seen = {.expired = 0};
	uint8_t head[CHAIN_DIGEST];
	unsigned missing;
	struct here at;

	if (!stand_behind(r, before, &at))
		return false;
	memcpy(head, before == NULL ? r->start : before->head, CHAIN_DIGEST);
	if (before != NULL)
		chain_add(head, before->digest);
	while (next_line(r, &at) == LINES_LINE && at.seq < s->seq &&
	       note_kind(r, &at, &seen)) {
		chain_add(head, at.digest);
		at.offset += at.line.len + 1;
	}
	return (seen.expired == 0 || expiring_fits(&seen, s->lines, &missing)) &&
	       at.seq == s->seq && at.segment == s->segment && at.offset == s->offset &&
	       memcmp(at.digest, s->digest, CHAIN_DIGEST) == 0 &&
	       memcmp(head, s->head, CHAIN_DIGEST) == 0;
}

bool seal_chain_check_tail(struct seal_chain *r)
{
	enum lines_end end;
	uint64_t first = 0, seq = 0;
	uint32_t segment = 0;
	bool fine = true;
	struct here at;

	if (!stand_behind(r, r->count > 0 ? &r->list[r->count - 1] : NULL, &at))
		return false;
	while ((end = next_line(r, &at)) == LINES_LINE && fine) {
		uint8_t tag[CHAIN_TAG];

		if (at.segment != segment) {
			tag_file_close(&r->tags);
			segment = at.segment;
			tag_file_open(&r->tags, r->dir_fd, segment);
			first = ledger_beginning(r->dir_fd, segment);
		}
		fine = line_seq(at.line, &seq) && seq == at.seq &&
		       (!tag_file_at(&r->tags, seq - first, tag) ||
			memcmp(tag, at.digest, CHAIN_TAG) == 0);
		at.offset += at.line.len + 1;
	}
	tag_file_close(&r->tags);
	/* A last line that is being written is no fault. */
	return fine && (end == LINES_END || end == LINES_TORN);
}
