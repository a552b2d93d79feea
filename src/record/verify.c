/* SPDX-License-Identifier: Apache-2.0 */
#include "record/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "record/ahead.h"
#include "record/seal.h"
#include "record/verify_impl.h"

static const char *const faults[FAULT_COUNT] = {
	[FAULT_CHANGED] = "changed",
	[FAULT_MISSING] = "missing",
	[FAULT_INSERTED] = "inserted",
	[FAULT_REORDERED] = "reordered",
	[FAULT_CUT] = "cut",
	[FAULT_FOREIGN_KEY] = "foreign_key",
	[FAULT_TORN] = "torn",
	[FAULT_TAGS] = "tags",
	[FAULT_EDITED_WITH_TAGS] = "edited_with_tags",
	[FAULT_SIGNATURE] = "signature",
	[FAULT_RESIGNED] = "resigned",
	[FAULT_DAMAGED] = "damaged",
	[FAULT_TAKEN_OUT] = "taken_out",
};

const char *ledger_fault_name(enum ledger_fault f)
{
	return faults[f];
}

static const char *const meanings[FAULT_COUNT] = {
	[FAULT_CHANGED] = "the line is not the one that was written",
	[FAULT_MISSING] = "lines are missing",
	[FAULT_INSERTED] = "a line that was not written here",
	[FAULT_REORDERED] = "a line that was written at another place",
	[FAULT_CUT] = "the end is missing",
	[FAULT_FOREIGN_KEY] = "sealed with a key that no seal before it named",
	[FAULT_TORN] = "a last line without its end",
	[FAULT_TAGS] = "the sidecar does not fit; the lines are those that were sealed",
	[FAULT_EDITED_WITH_TAGS] =
		"not what was sealed, with its tags: somewhere in these lines",
	[FAULT_SIGNATURE] = "a seal that its key did not sign",
	[FAULT_RESIGNED] = "sealed anew: an anchor says otherwise",
	[FAULT_DAMAGED] = "the segment cannot be read on",
	[FAULT_TAKEN_OUT] = "the text of lines was taken out, and no seal says so",
};

const char *ledger_fault_meaning(enum ledger_fault f)
{
	return meanings[f];
}

/* A line as it was read. */
struct here {
	struct str line;
	uint8_t digest[CHAIN_DIGEST], before[CHAIN_DIGEST]; /* H before it */
	uint64_t seq;                                       /* 0 = it says none */
	bool is_seal;
	struct seal seal;
};

struct walk {
	const struct verify_cfg *cfg;
	struct ledger_proof *p;
	int dir_fd;
	uint8_t head[CHAIN_DIGEST];
	bool head_known;
	uint8_t key[SIGN_KEY];
	char print[FINGERPRINT_LEN + 1];
	uint64_t epoch, epoch_from; /* its first line */
	bool foreign_told;
	/* Of the epoch of the first anchor that is not found: its key and first line. */
	size_t anchor; /* those before are found */
	uint64_t anchor_epoch, anchor_from;
	char anchor_key[FINGERPRINT_LEN + 1];
	uint64_t anchored_epoch;
	uint8_t previous[CHAIN_DIGEST];
	bool has_previous, previous_known;
	uint64_t expect;     /* number of the next line */
	uint64_t range_from; /* first line behind the last good seal */
	/* the open segment */
	const char *name;
	uint32_t segment;
	uint64_t line, offset, first_seq; /* of the line at hand */
	bool is_first, is_last, ended_by_seal, cut_before;
	struct tag_file tags;
	uint64_t tag_index,
		tags_before; /* those that were there before the lines were read */
	bool tags_short;
	/* first bad line of the range */
	bool bad, only_tags;
	struct ledger_finding fault;
	/* a good seal at a wrong place: the next line says whether to go on from it */
	bool pending;
	struct seal pending_seal;
	uint8_t pending_digest[CHAIN_DIGEST];
	int64_t line_us;         /* of the last good seal; of the last line at the end */
	bool stopped, recovered; /* causes of the last good seal */
	char last[96];           /* beginning of the last line, for its time */
	size_t last_len;
	const struct seal_removed *tombstone; /* the ledger begins behind it */
	bool tombstone_seen;
	struct taken_outs taken;
	uint32_t taken_segment;     /* of the last one added */
	struct expiring_count seen; /* in the range that is walked */
	unsigned whole; /* 1u << enum expiring: types of which this segment has lines */
	bool out_of_memory;
};

/* ---- a ledger that is written meanwhile ------------------------------------------------------ */

/*
 * Whoever writes it hands lines to the kernel and then their tags, so in the last segment tags that
 * were there before the lines were read have their line, and lines may be there without their tags,
 * or half, for a moment.
 */
#define LOOKS 5

static bool may_be_written(const struct walk *w)
{
	return w->is_last && !w->cfg->still;
}

static void wait_for_writer(void)
{
	static const struct timespec while_it_writes = {.tv_nsec = 20000000};

	(void)nanosleep(&while_it_writes, NULL);
}

static bool tags_come(struct walk *w)
{
	bool there = tag_file_reaches(&w->tags, w->tag_index);

	for (int i = 0; may_be_written(w) && !there && i < LOOKS; i++) {
		wait_for_writer();
		there = tag_file_reaches(&w->tags, w->tag_index);
	}
	return there;
}

/* Its last line has got its end. */
static bool line_is_ended(const struct walk *w)
{
	char last = '\0';
	struct stat st;
	int fd;

	for (int i = 0; may_be_written(w) && last != '\n' && i < LOOKS; i++) {
		wait_for_writer();
		fd = openat(w->dir_fd, w->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) != 0 ||
		    pread(fd, &last, 1, st.st_size - 1) != 1)
			last = '\0';
		if (fd >= 0)
			(void)close(fd);
	}
	return last == '\n';
}

/* ---- findings ----------------------------------------------------------------------------- */

static void report(struct walk *w, const struct ledger_finding *f)
{
	struct ledger_proof *p = w->p;

	if (p->finding_count < VERIFY_FINDINGS_MAX)
		p->findings[p->finding_count] = *f;
	p->finding_count++;
}

static struct ledger_finding finding_here(const struct walk *w, enum ledger_fault fault)
{
	struct ledger_finding f = {
		.fault = fault, .line = w->line, .seq = w->expect, .to_seq = w->expect};

	memcpy(f.segment, w->name, strlen(w->name) + 1);
	return f;
}

/* The first bad line of this range; said at its end, when more is known. */
static void mark(struct walk *w, const struct ledger_finding *f, bool only_tags)
{
	if (w->bad && !(w->only_tags && !only_tags && f->seq <= w->fault.seq))
		return;
	w->bad = true;
	w->only_tags = only_tags;
	w->fault = *f;
}

static void end_range(struct walk *w)
{
	if (w->bad)
		report(w, &w->fault);
	w->bad = w->only_tags = false;
}

static void add_gap(struct walk *w, const struct ledger_gap *g)
{
	if (w->p->gap_count < VERIFY_GAPS_MAX)
		w->p->gaps[w->p->gap_count] = *g;
	w->p->gap_count++;
}

/* ---- seals -------------------------------------------------------------------------------- */

static void take_key(struct walk *w, const uint8_t key[SIGN_KEY], uint64_t epoch)
{
	memcpy(w->key, key, SIGN_KEY);
	w->epoch = epoch;
	fingerprint_format(key, w->print);
}

static void note_seal(struct walk *w, const struct seal *s)
{
	struct ledger_proof *p = w->p;

	p->seals++;
	p->sealed_seq = s->seq;
	p->sealed_us = s->time_us;
	p->sealed_segment = w->segment;
	p->sealed_offset = w->offset;
	if (w->epoch + 1 > p->epochs)
		p->epochs = w->epoch + 1;
	if (p->finding_count == 0) {
		p->sound_seq = s->seq;
		p->sound_epoch = w->epoch;
		p->sound_segment = w->segment;
		p->sound_offset = w->offset;
		if (w->cfg->each_seal != NULL &&
		    !w->cfg->each_seal(w->cfg->arg,
				       &(struct proven_seal){w->segment, w->offset,
							     s->seq, w->epoch}))
			w->out_of_memory = true;
	}
	if (s->recovered > 0)
		add_gap(w, &(struct ledger_gap){.from_us = w->line_us,
						.to_us = s->time_us,
						.from_seq = s->seq - s->recovered,
						.to_seq = s->last_seq,
						.kind = GAP_CRASHED});
	if (s->has_removed) {
		p->tombstones++;
		if (s->removed.last_seq > p->removed_to)
			p->removed_to = s->removed.last_seq;
		if (w->tombstone != NULL &&
		    s->removed.last_seq == w->tombstone->last_seq &&
		    memcmp(s->removed.head, w->tombstone->head, CHAIN_DIGEST) == 0)
			w->tombstone_seen = true;
	}
	if (s->has_expired) {
		taken_out_told(&w->taken, s);
		p->expired_types |= s->expired.types;
	}
	w->line_us = s->time_us;
	w->stopped = s->cause == SEAL_STOP;
	w->recovered = s->cause == SEAL_START;
}

/* An epoch begins.  What anchors say of its seals, they say of this key or of another. */
static void note_epoch(struct walk *w)
{
	const struct anchors *a = w->cfg->anchors;

	if (a == NULL)
		return;
	while (w->anchor < a->count && a->list[w->anchor].found)
		w->anchor++;
	if (w->anchor == a->count || a->list[w->anchor].epoch != w->epoch)
		return;
	w->anchor_epoch = w->epoch;
	w->anchor_from = w->epoch_from;
	memcpy(w->anchor_key, w->print, sizeof(w->print));
}

/* Go on behind a seal that its key has signed. */
static void accept(struct walk *w, const struct seal *s,
		   const uint8_t digest[CHAIN_DIGEST])
{
	taken_out_sealed(&w->taken, w->bad && !w->only_tags ? NULL : &w->seen, s);
	w->seen = (struct expiring_count){.expired = 0};
	end_range(w);
	seal_head_behind(s, digest, w->head);
	w->head_known = true;
	memcpy(w->previous, digest, CHAIN_DIGEST);
	w->has_previous = w->previous_known = true;
	w->expect = w->range_from = s->seq + 1;
	w->tag_index = w->expect - w->first_seq;
	w->pending = false;
	w->ended_by_seal = true;
	note_seal(w, s);
	if (w->cfg->anchors != NULL && anchors_match(w->cfg->anchors, s->seq, digest)) {
		w->p->anchored_seq = s->seq;
		w->anchored_epoch = s->epoch;
	}
	if (s->has_next_key) {
		take_key(w, s->next_key, s->epoch + 1);
		w->epoch_from = w->expect;
		note_epoch(w);
	}
}

static bool is_ours(const struct walk *w, const struct here *h)
{
	return h->seal.epoch == w->epoch && strcmp(h->seal.key, w->print) == 0 &&
	       seal_check(h->line, &h->seal, w->key);
}

static bool fits(const struct walk *w, const struct here *h)
{
	return w->head_known && h->seal.seq == w->expect &&
	       memcmp(h->before, h->seal.head, CHAIN_DIGEST) == 0 &&
	       (!w->previous_known ||
		(h->seal.has_previous == w->has_previous &&
		 (!w->has_previous ||
		  memcmp(h->seal.previous, w->previous, CHAIN_DIGEST) == 0)));
}

/* Lines and tags agree all the way, and it is not what was sealed. */
static void mark_range(struct walk *w, const struct here *h)
{
	struct ledger_finding f = finding_here(w, FAULT_EDITED_WITH_TAGS);

	f.seq = w->range_from;
	f.to_seq = h->seal.last_seq;
	f.line = 0;
	mark(w, &f, false);
}

static void look_at_seal(struct walk *w, const struct here *h)
{
	struct ledger_finding f;

	if (!is_ours(w, h)) {
		const bool foreign =
			h->seal.epoch != w->epoch || strcmp(h->seal.key, w->print) != 0;

		if (w->bad && !w->only_tags)
			return; /* a line that was moved, or is behind one */
		if (foreign && w->foreign_told)
			return;
		w->foreign_told = w->foreign_told || foreign;
		f = finding_here(w, foreign ? FAULT_FOREIGN_KEY : FAULT_SIGNATURE);
		if (w->only_tags && w->fault.seq == w->expect)
			return; /* the sidecar knows another line here */
		/* Of the next epoch: the seal that would name its key is not what it was. */
		if (foreign && !w->bad && h->seal.epoch == w->epoch + 1) {
			f.seq = w->range_from;
			f.line = 0;
		}
		f.to_seq = w->expect;
		report(w, &f);
		return;
	}
	if (fits(w, h)) {
		if (w->bad) {
			/* All digests are right.  An expired line's number is not in its own. */
			w->fault.fault = w->only_tags ? FAULT_TAGS : FAULT_CHANGED;
			w->fault.has_line_tag = w->fault.has_tag = false;
		} else if (w->tags_short && !tags_come(w)) {
			f = finding_here(w, FAULT_TAGS);
			mark(w, &f, true);
		}
		w->tags_short = false;
		accept(w, &h->seal, h->digest);
		return;
	}
	if (h->seal.seq < w->range_from)
		return; /* an old one, put here */
	if (!w->bad && w->head_known)
		mark_range(w, h);
	if (h->seal.seq == w->expect) {
		accept(w, &h->seal, h->digest);
		return;
	}
	w->pending = true;
	w->pending_seal = h->seal;
	memcpy(w->pending_digest, h->digest, CHAIN_DIGEST);
}

/* ---- lines -------------------------------------------------------------------------------- */

static void read_line(struct str line, const uint8_t digest[CHAIN_DIGEST],
		      struct here *ret)
{
	/* Not all of it: a seal is large, and few lines are one. */
	ret->line = line;
	ret->seq = 0;
	memcpy(ret->digest, digest, CHAIN_DIGEST);
	(void)line_seq(line, &ret->seq);
	ret->is_seal = str_behind(line, 96, STR("\"type\":\"seal\"")) != NULL &&
		       seal_parse(line, &ret->seal);
}

/* A whole segment, or its end, is not there: the first line of this one says how much. */
static void look_at_first(struct walk *w, const struct here *h)
{
	uint8_t tag[CHAIN_TAG];
	struct ledger_finding f;

	w->is_first = false;
	w->first_seq = w->expect;
	w->tag_index = 0;
	if (h->seq > w->expect &&
	    (!tag_file_at(&w->tags, 0, tag) || memcmp(tag, h->digest, CHAIN_TAG) == 0)) {
		f = finding_here(w, w->cut_before ? FAULT_CUT : FAULT_MISSING);
		f.to_seq = h->seq - 1;
		mark(w, &f, false);
		end_range(w);
		w->expect = w->range_from = w->first_seq = h->seq;
		w->head_known = w->previous_known = false;
	}
}

/* Behind the last line of a closed segment, as its sidecar has them. */
static bool is_beyond_tags(const struct walk *w)
{
	return !w->is_last && w->tags.count > 0 && w->tag_index == w->tags.count;
}

static void look_at_place(struct walk *w, const struct here *h)
{
	uint8_t tag[CHAIN_TAG];
	const bool has = tag_file_at(&w->tags, w->tag_index, tag) ||
			 (w->is_last && tag_file_reaches(&w->tags, w->tag_index) &&
			  tag_file_at(&w->tags, w->tag_index, tag));
	const bool differs = has && memcmp(tag, h->digest, CHAIN_TAG) != 0;
	struct ledger_finding f;

	if (!has)
		w->tags_short = true;
	if (!differs && h->seq == w->expect)
		return;
	if (w->bad && !w->only_tags)
		return;
	f = finding_here(w, !has && is_beyond_tags(w)           ? FAULT_INSERTED
			    : h->seq > w->expect                ? FAULT_MISSING
			    : h->seq != 0 && h->seq < w->expect ? FAULT_INSERTED
								: FAULT_CHANGED);
	if (differs) {
		f.has_line_tag = f.has_tag = true;
		memcpy(f.line_tag, h->digest, CHAIN_TAG);
		memcpy(f.tag, tag, CHAIN_TAG);
	}
	/* A line that says its own number right may be right, and the sidecar wrong. */
	mark(w, &f, h->seq == w->expect);
}

static void note_generation(struct ledger_proof *p, struct str line)
{
	const char *at = str_behind(line, 256, STR("\"generation\":\""));
	const char *end;
	size_t n;

	if (at == NULL)
		return;
	end = memchr(at, '"', line.len - (size_t)(at - line.p));
	n = end == NULL ? 0 : (size_t)(end - at);
	if (n == 0 || n >= GENERATION_TEXT)
		return;
	for (size_t i = p->generation_count; i > 0; i--)
		if (memcmp(p->generations[i - 1], at, n) == 0 &&
		    p->generations[i - 1][n] == '\0')
			return;
	if (p->generation_count == VERIFY_GENERATIONS_MAX)
		return;
	memcpy(p->generations[p->generation_count], at, n);
	p->generations[p->generation_count++][n] = '\0';
}

/* The program began, says the line. */
static bool is_start(struct str line)
{
	return str_behind(line, 96, STR("\"type\":\"system\"")) != NULL &&
	       str_behind(line, 256, STR("\"what\":\"start\"")) != NULL;
}

/* Time between two runs; what the end of one left unsealed was told by the seal that found it. */
static void note_stop(struct walk *w, struct str line)
{
	const bool ended = !w->stopped && !w->recovered && w->expect > w->p->first_seq &&
			   w->expect == w->range_from && is_start(line);
	int64_t us = 0;

	if (w->line_us == 0 && w->p->lines == 0)
		(void)line_time(line, &w->line_us);
	if ((w->stopped || ended) && line_time(line, &us))
		add_gap(w, &(struct ledger_gap){.from_us = w->line_us,
						.to_us = us,
						.from_seq = w->expect - 1,
						.to_seq = w->expect,
						.kind = ended ? GAP_ENDED : GAP_STOPPED});
	w->stopped = w->recovered = false;
}

/* Lines by type; of what is left of one, later a seal must say so. */
static void note_kind(struct walk *w, struct str line)
{
	const struct taken_here at = {w->name, w->taken_segment == w->segment, w->line,
				      w->expect, w->line_us};
	const bool expired = expired_is(line);
	const enum expiring t = expiring_note(&w->seen, line, expired);

	if (t < EXPIRING_COUNT)
		w->whole |= 1u << t;
	if (!expired)
		return;
	if (!taken_out_add(&w->taken, &at, line, w->p))
		w->out_of_memory = true;
	w->taken_segment = w->segment;
}

static void take_line(struct walk *w, struct str line, const uint8_t digest[CHAIN_DIGEST])
{
	struct here h;

	w->line++;
	read_line(line, digest, &h);
	if (w->pending && h.seq == w->pending_seal.seq + 1)
		accept(w, &w->pending_seal, w->pending_digest);
	w->pending = false;
	if (w->is_first)
		look_at_first(w, &h);
	memcpy(h.before, w->head, CHAIN_DIGEST);
	w->ended_by_seal = false;
	note_stop(w, line);
	note_generation(w->p, line);
	look_at_place(w, &h);
	note_kind(w, line);
	w->last_len = line.len < sizeof(w->last) ? line.len : sizeof(w->last);
	memcpy(w->last, line.p, w->last_len);
	chain_add(w->head, h.digest);
	if (h.is_seal) {
		const uint64_t at = w->expect;

		look_at_seal(w, &h);
		if (w->expect != at)
			goto counted; /* accepted: the place is known */
	}
	w->expect++;
	w->tag_index++;
counted:
	w->p->lines++;
	w->p->last_seq = w->expect - 1;
	w->offset += line.len + 1;
}

/* ---- segments ----------------------------------------------------------------------------- */

static void end_of_lines(struct walk *w, enum lines_end end)
{
	struct ledger_finding f;

	w->line++;
	f = finding_here(w, end == LINES_TORN ? FAULT_TORN : FAULT_DAMAGED);
	if (end == LINES_TORN && line_is_ended(w))
		end = LINES_END;
	if (end != LINES_END) {
		mark(w, &f, false);
	} else if (!w->bad && w->tag_index < w->tags_before) {
		/* The sidecar knows of more lines. */
		f.fault = FAULT_CUT;
		mark(w, &f, false);
	}
	w->cut_before = !w->is_last && !w->ended_by_seal;
}

static int walk_segment(struct walk *w, uint32_t number, bool is_last)
{
	enum lines_end end;
	struct ahead *a;
	struct str line;
	const uint8_t(*digest)[CHAIN_DIGEST];
	int rc;

	tag_file_open(&w->tags, w->dir_fd, number);
	w->tags_before = w->tags.count;
	rc = ahead_open(w->dir_fd, number, w->cfg->alone, &a);
	if (rc < 0) {
		tag_file_close(&w->tags);
		return rc;
	}
	w->is_last = is_last;
	w->name = ahead_name(a);
	w->segment = number;
	w->line = w->offset = w->tag_index = 0;
	w->is_first = true;
	w->tags_short = false;
	w->whole = 0;
	while ((end = ahead_next(a, &line, &digest)) == LINES_LINE)
		take_line(w, line, *digest);
	if (w->is_first) /* without a line */
		w->first_seq = w->expect;
	end_of_lines(w, end);
	if (w->taken.count > 0 && w->taken_segment == number)
		w->taken.list[w->taken.count - 1].whole = w->whole;
	tag_file_close(&w->tags);
	ahead_close(a);
	w->p->segments++;
	return 0;
}

static void end_of_ledger(struct walk *w)
{
	int64_t us = w->line_us;

	if (w->pending)
		accept(w, &w->pending_seal, w->pending_digest);
	end_range(w);
	w->p->last_epoch = w->epoch;
	w->p->unsealed = w->expect - w->range_from;
	if (w->p->unsealed == 0)
		return;
	(void)line_time((struct str){w->last, w->last_len}, &us);
	add_gap(w, &(struct ledger_gap){.from_us = w->line_us,
					.to_us = us,
					.from_seq = w->range_from,
					.to_seq = w->expect - 1,
					.kind = GAP_TAIL});
}

/*
 * Nothing from the returned line on is proven, because the anchor says otherwise: what is behind
 * the last anchor that fits may have been written anew, but for the epochs before the anchor's if
 * the ledger has the same key for that one: theirs were erased when it was made.
 */
static uint64_t doubt_from(struct walk *w, const struct anchor *one)
{
	struct ledger_proof *p = w->p;
	uint64_t from = p->anchored_seq < one->seq ? p->anchored_seq + 1 : 1;
	uint64_t epoch = w->anchored_epoch;

	if (one->epoch == w->anchor_epoch && strcmp(one->key, w->anchor_key) == 0 &&
	    w->anchor_from > from) {
		from = w->anchor_from;
		epoch = w->anchor_epoch == 0 ? 0 : w->anchor_epoch - 1;
	}
	if (from <= p->sound_seq) {
		p->sound_seq = from - 1;
		p->sound_epoch = epoch;
		p->sound_segment = 0;
		p->sound_offset = 0;
	}
	return from;
}

/* An anchor that is nowhere in the ledger. */
static void look_for_anchors(struct walk *w, uint64_t begins)
{
	struct anchors *a = w->cfg->anchors;
	struct ledger_proof *p = w->p;

	p->anchors = a == NULL ? 0 : a->count;
	for (size_t i = 0; i < p->anchors; i++) {
		const struct anchor *one = &a->list[i];
		struct ledger_finding f = {.to_seq = one->seq};

		if (one->found)
			continue;
		if (one->seq < begins) {
			p->anchors_older++;
			continue;
		}
		if (one->seq > p->last_seq) {
			f.fault = FAULT_CUT;
			f.seq = p->last_seq + 1;
			(void)doubt_from(w, one);
		} else if (p->finding_count > 0) {
			continue; /* the walk has said it */
		} else {
			f.fault = FAULT_RESIGNED;
			f.seq = doubt_from(w, one);
		}
		report(w, &f);
		return;
	}
}

/* ---- the beginning ------------------------------------------------------------------------ */

static int read_root(struct walk *w)
{
	uint8_t key[SIGN_KEY];
	const int rc = w->cfg->root != NULL ? 0 : ledger_root_read(w->dir_fd, key);

	if (rc != 0)
		return rc;
	w->p->key_given = w->cfg->root != NULL;
	take_key(w, w->p->key_given ? w->cfg->root : key, 0);
	memcpy(w->p->root, w->print, sizeof(w->print));
	chain_start(w->key, w->head);
	w->head_known = w->previous_known = true;
	w->expect = w->range_from = w->epoch_from = 1;
	return 0;
}

/* A ledger whose beginning was removed: what the seals say of that. */
static void begin_late(struct walk *w, uint32_t first, struct removed_part *r)
{
	r->begins = w->p->first_seq = ledger_beginning(w->dir_fd, first);
	if (r->begins <= 1)
		return;
	memcpy(r->key, w->key, SIGN_KEY);
	removed_read(w->dir_fd, r);
	take_key(w, r->key, r->epoch);
	if (r->tombstone.has_removed) {
		w->tombstone = &r->tombstone.removed;
		memcpy(w->head, w->tombstone->head, CHAIN_DIGEST);
		w->previous_known = false;
		w->expect = w->range_from = w->epoch_from = r->begins;
	}
}

/* The lines before were removed, says a seal that nobody signed. */
static void doubt_tombstone(struct walk *w)
{
	struct ledger_finding f = {
		.fault = FAULT_MISSING, .seq = 1, .to_seq = w->p->first_seq - 1};

	if (w->tombstone == NULL || w->tombstone_seen)
		return;
	report(w, &f);
	w->p->sound_seq = 0;
}

static int by_seq(const void *a, const void *b)
{
	const struct ledger_finding *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int walk_all(struct walk *w)
{
	struct removed_part before = {.epoch = 0};
	uint32_t number, next = 0;
	int rc = segments_after(w->dir_fd, 0, &next);

	if (rc == 0 && next == 0)
		rc = -ENOENT;
	if (rc == 0)
		rc = read_root(w);
	if (rc == 0)
		begin_late(w, next, &before);
	note_epoch(w);
	while (rc == 0 && next != 0) {
		number = next;
		rc = segments_after(w->dir_fd, number, &next);
		if (rc == 0)
			rc = walk_segment(w, number, next == 0);
		/* Removed meanwhile, the oldest first: it begins later now. */
		if (rc == -ENOENT && w->p->lines == 0 && next != 0) {
			rc = read_root(w);
			if (rc == 0)
				begin_late(w, next, &before);
		} else if (rc == -ENOENT) {
			rc = 0;
		}
	}
	if (rc < 0)
		return rc;
	end_of_ledger(w);
	if (w->out_of_memory)
		return -ENOMEM;
	doubt_tombstone(w);
	look_for_anchors(w, w->p->first_seq);
	taken_out_end(&w->taken, w->p);
	return name_faults(w->dir_fd, w->p);
}

int ledger_verify(const struct verify_cfg *cfg, struct ledger_proof *ret)
{
	struct walk *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return -ENOMEM;
	memset(ret, 0, sizeof(*ret));
	segments_odd(cfg->dir, &ret->odd);
	w->cfg = cfg;
	w->p = ret;
	w->tags.fd = -1;
	w->name = "";
	w->dir_fd = open(cfg->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = w->dir_fd < 0 ? -errno : walk_all(w);
	if (w->dir_fd >= 0)
		(void)close(w->dir_fd);
	free(w->taken.list);
	free(w);
	if (rc == 0 && ret->finding_count > 0) {
		const size_t n = ret->finding_count < VERIFY_FINDINGS_MAX
					 ? ret->finding_count
					 : VERIFY_FINDINGS_MAX;

		qsort(ret->findings, n, sizeof(ret->findings[0]), by_seq);
	}
	return rc;
}
