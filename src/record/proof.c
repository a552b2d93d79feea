/* SPDX-License-Identifier: Apache-2.0 */
#include "record/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "record/chain.h"
#include "record/lines.h"
#include "record/retire.h"
#include "record/seal.h"
#include "record/segments.h"
#include "record/verify_impl.h"

struct one {
	uint8_t digest[CHAIN_DIGEST];
	char mark; /* 's'hown, 'c'ontext, or NUL */
};

struct walk {
	const struct proof_out *out;
	const struct proof_want *want;
	size_t count, at; /* of want */
	struct proof_count *n;
	uint8_t head[CHAIN_DIGEST];
	/* since the first chosen line that no seal has ended yet */
	uint8_t from[CHAIN_DIGEST];
	struct one *list;
	size_t len, room;
	uint64_t waiting; /* chosen ones among them */
	bool overlong;
	/* of the keys */
	uint8_t key[SIGN_KEY];
	char print[FINGERPRINT_LEN + 1];
	uint64_t epoch;
	int error;
};

static void put_line(FILE *f, struct str line)
{
	(void)fwrite(line.p, 1, line.len + 1, f);
}

/* ---- ranges ------------------------------------------------------------------------------- */

static void drop_range(struct walk *w)
{
	w->n->unsealed += w->waiting;
	w->len = 0;
	w->waiting = 0;
	w->overlong = false;
}

static void keep(struct walk *w, const uint8_t digest[CHAIN_DIGEST], char mark)
{
	if (w->len == w->room && !w->overlong) {
		const size_t room = w->room == 0 ? 1024 : 2 * w->room;
		struct one *more = room > PROOF_RANGE_MAX
					   ? NULL
					   : realloc(w->list, room * sizeof(*more));

		if (more == NULL && room <= PROOF_RANGE_MAX)
			w->error = -ENOMEM;
		w->overlong = more == NULL;
		w->list = more == NULL ? w->list : more;
		w->room = more == NULL ? w->room : room;
	}
	w->waiting += mark != '\0';
	if (w->overlong)
		return;
	memcpy(w->list[w->len].digest, digest, CHAIN_DIGEST);
	w->list[w->len++].mark = mark;
}

static void put_range(struct walk *w, uint64_t seal_seq)
{
	char hex[2 * CHAIN_DIGEST + 1];

	hex_format(w->from, CHAIN_DIGEST, hex);
	(void)fprintf(w->out->proof, "range %" PRIu64 " %s\n", seal_seq, hex);
	for (size_t i = 0; i < w->len; i++) {
		const char mark = w->list[i].mark;

		hex_format(w->list[i].digest, CHAIN_DIGEST, hex);
		(void)fprintf(w->out->proof, "%s%s\n", hex,
			      mark == 's'   ? " shown"
			      : mark == 'c' ? " context"
					    : "");
	}
	w->n->ranges++;
	w->len = 0;
	w->waiting = 0;
}

/* ---- lines -------------------------------------------------------------------------------- */

static void follow_keys(struct walk *w, struct str line, const struct seal *s)
{
	if (!s->has_next_key || s->epoch != w->epoch || strcmp(s->key, w->print) != 0 ||
	    !seal_check(line, s, w->key))
		return;
	put_line(w->out->epochs, line);
	memcpy(w->key, s->next_key, SIGN_KEY);
	fingerprint_format(w->key, w->print);
	w->epoch++;
	w->n->epochs++;
}

static void take_seal(struct walk *w, struct str line, const struct seal *s, bool chosen)
{
	const bool ends = w->waiting > 0 && !w->overlong;

	if (ends)
		put_range(w, s->seq);
	else
		drop_range(w);
	if (ends || chosen) {
		put_line(w->out->seals, line);
		w->n->seals++;
	}
	follow_keys(w, line, s);
}

/* The mark of the line at this place. */
static char chosen_here(struct walk *w, uint32_t segment, unsigned number)
{
	const struct proof_want *p = &w->want[w->at];

	for (; w->at < w->count &&
	       (p->segment < segment || (p->segment == segment && p->line < number));
	     p = &w->want[++w->at])
		w->n->gone++;
	if (w->at == w->count || p->segment != segment || p->line != number)
		return '\0';
	w->at++;
	return p->context ? 'c' : 's';
}

static void show(struct walk *w, struct str line, char mark)
{
	uint64_t seq = 0;

	put_line(mark == 'c' ? w->out->context : w->out->lines, line);
	w->n->context += mark == 'c';
	w->n->lines += mark == 's';
	if (mark != 's' || !line_seq(line, &seq))
		return;
	if (w->n->first_seq == 0)
		w->n->first_seq = seq;
	w->n->last_seq = seq;
}

static void take_line(struct walk *w, struct str line, uint32_t segment, unsigned number)
{
	static const char type[] = "\"type\":\"seal\"";
	const size_t near = line.len < 96 ? line.len : 96;
	char mark = chosen_here(w, segment, number);
	uint8_t digest[CHAIN_DIGEST];
	struct seal s;
	uint64_t seq;

	/* Chosen, and expired since. */
	if (!expired_parse(line, &seq, digest)) {
		chain_digest(line.p, line.len + 1, digest);
	} else if (mark != '\0') {
		mark = '\0';
		w->n->gone++;
	}
	if (mark != '\0')
		show(w, line, mark);
	if (memmem(line.p, near, type, sizeof(type) - 1) != NULL &&
	    seal_parse(line, &s)) {
		take_seal(w, line, &s, mark != '\0');
		seal_head_behind(&s, digest, w->head);
		return;
	}
	if (mark != '\0' && w->len == 0 && !w->overlong)
		memcpy(w->from, w->head, CHAIN_DIGEST);
	if (mark != '\0' || w->len > 0)
		keep(w, digest, mark);
	chain_add(w->head, digest);
}

/* ---- the ledger --------------------------------------------------------------------------- */

/* Keys whose segments were removed: their last seals are kept beside. */
static void read_epochs(struct walk *w, int dir_fd)
{
	char line[SEAL_LINE_MAX];
	const int fd = openat(dir_fd, RETIRE_EPOCHS,
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	struct seal s;

	if (f == NULL && fd >= 0)
		(void)close(fd);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const size_t len = strcspn(line, "\n");

		if (line[len] == '\n' && seal_parse((struct str){line, len}, &s))
			follow_keys(w, (struct str){line, len}, &s);
	}
	if (f != NULL)
		(void)fclose(f);
}

static void begin(struct walk *w, int dir_fd, uint32_t first)
{
	struct removed_part before = {.begins = ledger_beginning(dir_fd, first)};

	chain_start(w->key, w->head);
	if (before.begins <= 1)
		return;
	memcpy(before.key, w->key, SIGN_KEY);
	removed_read(dir_fd, &before);
	memcpy(w->head, before.tombstone.removed.head, CHAIN_DIGEST);
	read_epochs(w, dir_fd);
}

static int walk_segments(struct walk *w, int dir_fd)
{
	uint32_t number = 0;
	int rc = segments_after(dir_fd, 0, &number);

	if (rc == 0 && number == 0)
		rc = -ENOENT;
	if (rc == 0)
		begin(w, dir_fd, number);
	while (rc == 0 && number != 0 && w->error == 0) {
		unsigned n = 0;
		struct lines *l;
		struct str line;

		rc = lines_open(dir_fd, number, &l);
		while (rc == 0 && lines_next(l, &line) == LINES_LINE)
			take_line(w, line, number, ++n);
		if (rc == 0)
			lines_close(l);
		if (rc == 0 || rc == -ENOENT) /* removed meanwhile */
			rc = segments_after(dir_fd, number, &number);
	}
	return rc == 0 ? w->error : rc;
}

int proof_write(const char *dir, const uint8_t root[SIGN_KEY],
		const struct proof_want *want, size_t count, const struct proof_out *out,
		struct proof_count *ret)
{
	struct walk w = {.out = out, .want = want, .count = count, .n = ret};
	const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (dir_fd < 0)
		return -errno;
	*ret = (struct proof_count){.lines = 0};
	memcpy(w.key, root, SIGN_KEY);
	fingerprint_format(w.key, w.print);
	rc = walk_segments(&w, dir_fd);
	drop_range(&w);
	ret->gone += count - w.at;
	free(w.list);
	(void)close(dir_fd);
	return rc;
}
