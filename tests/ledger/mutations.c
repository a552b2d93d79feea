/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes a sealed ledger in one place, again and again, and asks whether verify sees it and names
 * the first bad line and what was done to it.  A ledger of 10,000 lines in several segments and
 * epochs, with expired lines in the first half; its seals were kept outside.  Kinds take turns, places are drawn.
 * usage: mutations [--runs N] [--seed S]      TAP, one line a kind
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "record/keys.h"
#include "record/ledger.h"
#include "record/verify.h"

#define LINES         10000
#define SEGMENTS_MAX  64
#define SEGMENT_BYTES 150000

enum change {
	CHANGE_FLIP,          /* one bit of a line or of its newline */
	CHANGE_DELETE,        /* a line */
	CHANGE_SWAP,          /* two lines of a segment */
	CHANGE_SWAP_NEXT,     /* neighbours */
	CHANGE_INSERT_COPY,   /* of a line of any place */
	CHANGE_INSERT_NEW,    /* a line that was never written */
	CHANGE_CUT,           /* a segment, within a line or between two */
	CHANGE_CUT_WITH_TAGS, /* the last one, and its sidecar */
	CHANGE_FLIP_WITH_TAG, /* a line, and its tag made to fit */
	CHANGE_DELETE_WITH_TAG,
	CHANGE_TAG,      /* the sidecar alone */
	CHANGE_SEGMENT,  /* a whole one is removed */
	CHANGE_TAKE_OUT, /* a line, as one that has expired: chain and tags hold */
	CHANGE_COUNT
};

static const char *const names[CHANGE_COUNT] = {
	"flip",       "delete",  "swap",          "swap_next",     "insert_copy",
	"insert_new", "cut",     "cut_with_tags", "flip_with_tag", "delete_with_tag",
	"tag",        "segment", "take_out"};

struct segment {
	char *text;
	size_t len;
	size_t *at; /* where its lines begin; one more: the end */
	unsigned lines;
	uint64_t first_seq;
	char name[32], tags_name[32];
	char *tags;
	size_t tags_len;
};

struct bench {
	char dir[64], keys[80];
	struct segment s[SEGMENTS_MAX];
	unsigned count;
	uint8_t root[32];
	struct anchors anchors;
	uint64_t random;
	unsigned failed[CHANGE_COUNT], ran[CHANGE_COUNT];
	char why[CHANGE_COUNT][300];
	struct ledger_proof alone; /* of one thread */
};

/* What verify must find. */
struct wanted {
	uint64_t seq;
	unsigned line; /* 0 = a range that holds seq will do */
	unsigned faults;
	uint64_t proven; /* nothing behind this may be called proven */
};

#define BIT(f) (1u << (f))

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)printf("Bail out! %s: %s\n", what, strerrordesc_np(errno));
	exit(3); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static uint64_t draw(struct bench *b, uint64_t below)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random % below;
}

/* ---- the ledger --------------------------------------------------------------------------- */

static void write_ledger(struct bench *b)
{
	const struct ledger_seals seals = {.keys = b->keys,
					   .events = 100,
					   .interval_us = 5000000,
					   .epoch_us = 60000000,
					   .wall_us = 1790000000000000};
	const struct ledger_cfg cfg = {.dir = b->dir,
				       .fd = -1,
				       .segment_bytes = SEGMENT_BYTES,
				       .seals = &seals,
				       .upkeep.keep_type_us[EXPIRING_DNS] = 3600000000};
	struct ledger *l = NULL;
	struct ledger_state st;
	char error[300], tail[400];
	bool expired = false;
	struct keys k;
	int64_t t = 0;

	must(keys_create(b->keys, &k) == 0, "keys");
	keys_close(&k);
	must(ledger_open(&cfg, &l, error) == 0, "open");
	while (ledger_next_seq(l) < LINES) {
		const int n = snprintf(
			tail, sizeof(tail),
			"\"time\":\"2026-09-21T10:00:00.%06uZ\",\"type\":\"%s\","
			"\"sensor\":\"s\",\"generation\":\"0123456789abcdef\","
			"\"mode\":\"replay\",\"what\":\"x\",\"message\":\"%0*d\"}\n",
			(unsigned)(ledger_next_seq(l) % 1000000),
			draw(b, 4) == 0 ? "dns" : "system", (int)draw(b, 60) + 1, 7);

		must(ledger_append(l, tail, (size_t)n) == 0, "append");
		t += 20000;
		must(ledger_tick(l, 1790000000000000 + t, 1000 + t) == 0, "tick");
		if (ledger_next_seq(l) >= LINES / 2 && !expired) {
			must(ledger_sync(l) == 0, "sync");
			while (ledger_tend(l, 1790000000000000 + t, 1000 + t) > 0)
				continue;
			expired = true;
		}
	}
	must(ledger_state(l, &st), "state");
	memcpy(b->root, st.root_public, 32);
	must(ledger_close(l) == 0, "close");
}

static void split(struct segment *s)
{
	unsigned room = 16384;

	s->at = calloc(room, sizeof(*s->at));
	must(s->at != NULL, "memory");
	for (size_t i = 0; i < s->len;) {
		const char *end = memchr(s->text + i, '\n', s->len - i);

		must(end != NULL && s->lines + 2 < room, "whole lines");
		s->at[s->lines++] = i;
		i = (size_t)(end - s->text) + 1;
	}
	s->at[s->lines] = s->len;
}

static void path_of(const struct bench *b, const char *name, char buf[160])
{
	(void)snprintf(buf, 160, "%s/%s", b->dir, name);
}

static void read_ledger(struct bench *b)
{
	uint64_t seq = 1;
	char path[160], *seals = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&seals, &len);

	must(out != NULL, "memory");
	for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
		struct segment *s = &b->s[i];

		segment_name(i + 1, "jsonl", s->name);
		segment_name(i + 1, "tags", s->tags_name);
		path_of(b, s->name, path);
		if (file_read(path, 1 << 24, &s->text, &s->len) != 0)
			break;
		path_of(b, s->tags_name, path);
		must(file_read(path, 1 << 24, &s->tags, &s->tags_len) == 0, "tags");
		split(s);
		s->first_seq = seq;
		seq += s->lines;
		b->count++;
		for (unsigned k = 0; k < s->lines; k++)
			if (memmem(s->text + s->at[k], 90, "\"type\":\"seal\"", 13) !=
			    NULL)
				(void)fprintf(out, "Sep 21 10:00:00 gw weir: %.*s",
					      (int)(s->at[k + 1] - s->at[k]),
					      s->text + s->at[k]);
	}
	must(fclose(out) == 0, "memory");
	must(anchors_parse((struct str){seals, len}, &b->anchors) == 0, "anchors");
	free(seals);
	must(b->count > 3 && b->anchors.count > 50, "segments and seals");
}

/* ---- one change --------------------------------------------------------------------------- */

static void put(const struct bench *b, const char *name, const char *text, size_t len)
{
	char path[160];
	int fd;

	path_of(b, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	must(fd >= 0 && write(fd, text, len) == (ssize_t)len && close(fd) == 0, path);
}

/* The segment with `cut` bytes at `at` replaced by others. */
static void replace(const struct bench *b, const struct segment *s, size_t at, size_t cut,
		    const char *with, size_t len)
{
	char *text = malloc(s->len + len);

	must(text != NULL, "memory");
	memcpy(text, s->text, at);
	memcpy(text + at, with, len);
	memcpy(text + at + len, s->text + at + cut, s->len - at - cut);
	put(b, s->name, text, s->len - cut + len);
	free(text);
}

static void replace_tags(const struct bench *b, const struct segment *s, size_t at,
			 size_t cut, const uint8_t *with, size_t len)
{
	char *text = malloc(s->tags_len + len);

	must(text != NULL, "memory");
	memcpy(text, s->tags, at);
	if (len > 0)
		memcpy(text + at, with, len);
	memcpy(text + at + len, s->tags + at + cut, s->tags_len - at - cut);
	put(b, s->tags_name, text, s->tags_len - cut + len);
	free(text);
}

static size_t length(const struct segment *s, unsigned line)
{
	return s->at[line + 1] - s->at[line];
}

static bool is_seal(const struct segment *s, unsigned line)
{
	return length(s, line) > 90 &&
	       memmem(s->text + s->at[line], 90, "\"type\":\"seal\"", 13) != NULL;
}

static struct wanted flip(struct bench *b, const struct segment *s, unsigned line,
			  bool with_tag)
{
	const size_t at = draw(b, length(s, line) - (with_tag ? 1 : 0));
	const bool last = line + 1 == s->lines && at + 1 == length(s, line);
	struct wanted w = {.seq = s->first_seq + line,
			   .line = line + 1,
			   .faults = BIT(FAULT_CHANGED)};
	char *copy = malloc(length(s, line));
	uint8_t digest[32];

	must(copy != NULL, "memory");
	memcpy(copy, s->text + s->at[line], length(s, line));
	copy[at] = (char)(copy[at] ^ (1 << draw(b, 8)));
	/* A line in two is not one that a tag can be made for. */
	if (with_tag && copy[at] == '\n')
		copy[at] = '!';
	replace(b, s, s->at[line], length(s, line), copy, length(s, line));
	if (with_tag) {
		line_digest((struct str){copy, length(s, line) - 1}, digest);
		replace_tags(b, s, (size_t)line * 8, 8, digest, 8);
		w.line = 0;
		w.faults = BIT(FAULT_EDITED_WITH_TAGS) | BIT(FAULT_CHANGED) |
			   BIT(FAULT_MISSING) | BIT(FAULT_INSERTED) |
			   BIT(FAULT_SIGNATURE) | BIT(FAULT_FOREIGN_KEY) |
			   BIT(FAULT_CUT) | BIT(FAULT_RESIGNED);
	} else if (last) {
		w.faults = BIT(FAULT_TORN);
	}
	free(copy);
	return w;
}

static struct wanted delete (const struct bench *b, const struct segment *s,
			     unsigned line, bool with_tag)
{
	replace(b, s, s->at[line], length(s, line), "", 0);
	if (with_tag)
		replace_tags(b, s, (size_t)line * 8, 8, NULL, 0);
	return (struct wanted){.seq = s->first_seq + line,
			       .line = with_tag && line + 1 == s->lines ? 0 : line + 1,
			       .faults = line + 1 == s->lines ? BIT(FAULT_CUT)
							      : BIT(FAULT_MISSING)};
}

static struct wanted swap(const struct bench *b, const struct segment *s, unsigned i,
			  unsigned j)
{
	const unsigned low = i < j ? i : j, high = i < j ? j : i;
	const size_t from = s->at[low], to = s->at[high + 1];
	char *part = malloc(to - from);
	size_t n = 0;

	must(part != NULL, "memory");
	memcpy(part, s->text + s->at[high], length(s, high));
	n += length(s, high);
	memcpy(part + n, s->text + s->at[low + 1], s->at[high] - s->at[low + 1]);
	n += s->at[high] - s->at[low + 1];
	memcpy(part + n, s->text + s->at[low], length(s, low));
	replace(b, s, from, to - from, part, to - from);
	free(part);
	return (struct wanted){.seq = s->first_seq + low,
			       .line = low + 1,
			       .faults = BIT(FAULT_REORDERED)};
}

static struct wanted insert(struct bench *b, const struct segment *s, bool is_new)
{
	const unsigned at = (unsigned)draw(b, s->lines + 1);
	const struct segment *other = &b->s[draw(b, b->count)];
	const unsigned from = (unsigned)draw(b, other->lines);
	struct wanted w = {
		.seq = s->first_seq + at, .line = at + 1, .faults = BIT(FAULT_INSERTED)};
	char line[300];
	int n;

	if (!is_new) {
		replace(b, s, s->at[at], 0, other->text + other->at[from],
			length(other, from));
		/* Which of two equal neighbours was there first cannot be told. */
		if (other == s && from == at) {
			w.seq++;
			w.line++;
		}
		return w;
	}
	n = snprintf(line, sizeof(line),
		     "{\"v\":1,\"seq\":%" PRIu64
		     ",\"time\":\"2026-09-21T10:00:00.000000Z\","
		     "\"type\":\"system\",\"what\":\"forged\"}\n",
		     s->first_seq + draw(b, s->lines));
	replace(b, s, s->at[at], 0, line, (size_t)n);
	return w;
}

static struct wanted cut(struct bench *b, const struct segment *s, bool with_tags)
{
	const unsigned line = (unsigned)draw(b, s->lines);
	const size_t within = draw(b, 2) == 0 ? 0 : draw(b, length(s, line));
	const size_t at = s->at[line] + within;
	struct wanted w = {.seq = s->first_seq + line,
			   .line = with_tags && within == 0 ? 0 : line + 1,
			   .faults = within == 0 ? BIT(FAULT_CUT) : BIT(FAULT_TORN)};

	replace(b, s, at, s->len - at, "", 0);
	if (with_tags)
		replace_tags(b, s, (size_t)line * 8, s->tags_len - (size_t)line * 8, NULL,
			     0);
	return w;
}

static struct wanted change_tag(struct bench *b, const struct segment *s, unsigned line)
{
	uint8_t tag[8];

	memcpy(tag, s->tags + (size_t)line * 8, 8);
	tag[draw(b, 8)] ^= (uint8_t)(1u << draw(b, 8));
	replace_tags(b, s, (size_t)line * 8, 8, tag, 8);
	return (struct wanted){.seq = s->first_seq + line,
			       .line = line + 1,
			       .faults = BIT(FAULT_TAGS),
			       .proven = LINES + 1000};
}

static struct wanted remove_segment(const struct bench *b, const struct segment *s)
{
	char path[160];

	path_of(b, s->name, path);
	must(unlink(path) == 0, path);
	path_of(b, s->tags_name, path);
	must(unlink(path) == 0, path);
	return (struct wanted){.seq = s->first_seq,
			       .faults = BIT(FAULT_MISSING) | BIT(FAULT_CUT)};
}

static struct wanted take_out(const struct bench *b, const struct segment *s,
			      unsigned line)
{
	struct wanted w = {.faults = BIT(FAULT_TAKEN_OUT)};
	uint8_t digest[32];
	char *copy;
	size_t len;

	while (expired_is((struct str){s->text + s->at[line], length(s, line) - 1}))
		line = (line + 1) % s->lines; /* the last one is a seal */
	len = length(s, line) - 1;
	copy = malloc(len);
	must(copy != NULL, "memory");
	w.seq = s->first_seq + line;
	if (is_seal(s, line))
		w.faults |= BIT(FAULT_EDITED_WITH_TAGS) | BIT(FAULT_RESIGNED) |
			    BIT(FAULT_FOREIGN_KEY) | BIT(FAULT_CUT);
	chain_digest(s->text + s->at[line], len + 1, digest);
	must(expired_format(w.seq, digest, copy, len), "room");
	replace(b, s, s->at[line], len, copy, len);
	free(copy);
	return w;
}

static struct wanted apply(struct bench *b, enum change c, const struct segment **ret)
{
	const struct segment *s = &b->s[draw(b, b->count)];
	unsigned line;

	if (c == CHANGE_CUT_WITH_TAGS)
		s = &b->s[b->count - 1];
	line = (unsigned)draw(b, s->lines);
	*ret = s;
	switch (c) {
	case CHANGE_FLIP:
		return flip(b, s, line, false);
	case CHANGE_DELETE:
		return delete (b, s, line, false);
	case CHANGE_SWAP: {
		const unsigned other = (unsigned)draw(b, s->lines);

		return swap(b, s, line, other != line ? other : (line + 1) % s->lines);
	}
	case CHANGE_SWAP_NEXT:
		line = (unsigned)draw(b, s->lines - 1);
		return swap(b, s, line, line + 1);
	case CHANGE_INSERT_COPY:
		return insert(b, s, false);
	case CHANGE_INSERT_NEW:
		return insert(b, s, true);
	case CHANGE_CUT:
		return cut(b, s, false);
	case CHANGE_CUT_WITH_TAGS:
		return cut(b, s, true);
	case CHANGE_FLIP_WITH_TAG:
		return flip(b, s, line, true);
	case CHANGE_DELETE_WITH_TAG:
		return delete (b, s, line, true);
	case CHANGE_TAG:
		return change_tag(b, s, line);
	case CHANGE_TAKE_OUT:
		return take_out(b, s, line);
	case CHANGE_SEGMENT:
	case CHANGE_COUNT:
		break;
	}
	return remove_segment(b, s);
}

/* ---- what verify says --------------------------------------------------------------------- */

static bool is_right(const struct wanted *w, const struct ledger_proof *p)
{
	const struct ledger_finding *f = &p->findings[0];
	const uint64_t proven = w->proven != 0 ? w->proven : w->seq - 1;

	if (p->finding_count == 0 || (w->faults & BIT(f->fault)) == 0 ||
	    p->sound_seq > proven)
		return false;
	if (w->line != 0)
		return f->seq == w->seq && f->line == w->line;
	return f->seq <= w->seq && w->seq <= f->to_seq;
}

/* What is found does not depend on the thread that hashes ahead. */
static bool is_same(const struct ledger_proof *a, const struct ledger_proof *b)
{
	bool same = a->finding_count == b->finding_count && a->lines == b->lines &&
		    a->seals == b->seals && a->sound_seq == b->sound_seq &&
		    a->sound_epoch == b->sound_epoch && a->last_seq == b->last_seq &&
		    a->gap_count == b->gap_count && a->unsealed == b->unsealed;

	for (size_t i = 0; same && i < a->finding_count && i < VERIFY_FINDINGS_MAX; i++) {
		const struct ledger_finding *x = &a->findings[i], *y = &b->findings[i];

		same = x->fault == y->fault && x->seq == y->seq &&
		       x->to_seq == y->to_seq && x->line == y->line &&
		       strcmp(x->segment, y->segment) == 0;
	}
	return same;
}

static void try_one(struct bench *b, enum change c, struct ledger_proof *p)
{
	const struct verify_cfg cfg = {
		.dir = b->dir, .root = b->root, .anchors = &b->anchors, .still = true};
	const struct segment *s;
	const struct wanted w = apply(b, c, &s);
	bool same = true;
	int rc;

	for (size_t i = 0; i < b->anchors.count; i++)
		b->anchors.list[i].found = false;
	rc = ledger_verify(&cfg, p);
	if (rc == 0 && b->ran[c] % 4 == 0) {
		struct verify_cfg alone = cfg;

		alone.alone = true;
		for (size_t i = 0; i < b->anchors.count; i++)
			b->anchors.list[i].found = false;
		rc = ledger_verify(&alone, &b->alone);
		same = rc == 0 && is_same(p, &b->alone);
	}
	b->ran[c]++;
	if (rc != 0 || !same || !is_right(&w, p)) {
		if (b->failed[c]++ == 0)
			(void)snprintf(
				b->why[c], sizeof(b->why[c]),
				"%s line %u of %u (seq %" PRIu64
				"%s), want faults %x; rc %d, %s"
				"%zu findings, first %s %s:%" PRIu64 " seq %" PRIu64
				"-%" PRIu64 ", proven to %" PRIu64,
				s->name, w.line, s->lines, w.seq,
				w.line > 0 && w.line <= s->lines && is_seal(s, w.line - 1)
					? ", a seal"
					: "",
				w.faults, rc,
				same ? "" : "other findings with one thread, ",
				p->finding_count, ledger_fault_name(p->findings[0].fault),
				p->findings[0].segment, p->findings[0].line,
				p->findings[0].seq, p->findings[0].to_seq, p->sound_seq);
	}
	put(b, s->name, s->text, s->len);
	put(b, s->tags_name, s->tags, s->tags_len);
}

static bool is_whole(struct bench *b, struct ledger_proof *p)
{
	const struct verify_cfg cfg = {
		.dir = b->dir, .root = b->root, .anchors = &b->anchors};

	return ledger_verify(&cfg, p) == 0 && p->finding_count == 0 && p->epochs > 2 &&
	       p->sound_seq == p->last_seq && p->anchored_seq == p->last_seq &&
	       p->expired_lines > 500 && p->expired_segments > 3;
}

int main(int argc, char *argv[])
{
	static struct bench b;
	static struct ledger_proof p;
	uint64_t runs = 240, seed = 1;
	char command[200];
	int failed = 0;

	for (int i = 1; i + 1 < argc; i += 2)
		must(parse_u64(str_of(argv[i + 1]), UINT32_MAX,
			       strcmp(argv[i], "--seed") == 0 ? &seed : &runs),
		     "usage: mutations [--runs N] [--seed S]");
	b.random = seed * 2654435761u + 1;
	(void)snprintf(b.dir, sizeof(b.dir), "/tmp/weir-mutations-XXXXXX");
	must(mkdtemp(b.dir) != NULL, "folder");
	(void)snprintf(b.keys, sizeof(b.keys), "%s.keys", b.dir);
	write_ledger(&b);
	read_ledger(&b);
	(void)printf("%s - a ledger of %d lines in %u segments is whole\n",
		     is_whole(&b, &p) ? "ok" : "not ok", LINES, b.count);
	failed += p.finding_count > 0 || p.expired_lines == 0;
	for (uint64_t i = 0; i < runs; i++)
		try_one(&b, (enum change)(i % CHANGE_COUNT), &p);
	for (unsigned c = 0; c < CHANGE_COUNT; c++) {
		(void)printf("%s - %s: %u of %u found and named\n",
			     b.failed[c] == 0 && b.ran[c] > 0 ? "ok" : "not ok", names[c],
			     b.ran[c] - b.failed[c], b.ran[c]);
		if (b.failed[c] > 0)
			(void)printf("# %s\n", b.why[c]);
		failed += b.failed[c] > 0;
	}
	(void)printf("%s - put back, it is whole again\n",
		     is_whole(&b, &p) ? "ok" : "not ok");
	(void)snprintf(command, sizeof(command), "%s", b.dir);
	for (unsigned i = 0; i < b.count; i++) {
		char path[160];

		path_of(&b, b.s[i].name, path);
		(void)unlink(path);
		path_of(&b, b.s[i].tags_name, path);
		(void)unlink(path);
	}
	(void)snprintf(command, sizeof(command), "%s/ledger.pub", b.dir);
	(void)unlink(command);
	(void)snprintf(command, sizeof(command), "%s/" EXPIRED_MARKS, b.dir);
	(void)unlink(command);
	(void)rmdir(b.dir);
	(void)snprintf(command, sizeof(command), "%s/ledger.key", b.keys);
	(void)unlink(command);
	(void)rmdir(b.keys);
	return failed > 0;
}
