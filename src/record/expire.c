/* SPDX-License-Identifier: Apache-2.0 */
#include "record/expire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/lines.h"
#include "record/packets.h"
#include "record/segments.h"
#include "record/squeeze.h"

struct expire {
	int dir_fd; /* the caller's */
	uint32_t number;
	struct lines *lines;
	struct squeeze out;
	bool read;                     /* to its end */
	uint64_t went[EXPIRING_COUNT]; /* lines, by this one */
	size_t packets_len, packets_room;
	char *packets; /* names of files that go, each with its NUL */
	struct seal_expired result;
	struct expiring_count seen; /* since the last seal, as the lines were */
	size_t len;                 /* of text */
	char text[EXPIRE_STEP_BYTES + LINES_LINE_MAX + 1];
};

static bool is_packed(const struct lines *l)
{
	return str_ends_with(str_of(lines_name(l)), STR(".zst"));
}

int expire_open(int dir_fd, uint32_t number, unsigned types, struct expire **ret)
{
	struct expire *e = malloc(sizeof(*e));
	int rc;

	if (e == NULL)
		return -ENOMEM;
	memset(e, 0, offsetof(struct expire, text));
	e->dir_fd = dir_fd;
	e->number = number;
	e->result.types = types;
	e->out.fd = -1;
	rc = lines_open(dir_fd, number, &e->lines);
	if (rc == 0)
		rc = squeeze_open(&e->out, dir_fd, number, is_packed(e->lines));
	if (rc < 0) {
		expire_close(e);
		return rc;
	}
	*ret = e;
	return 0;
}

void expire_close(struct expire *e)
{
	if (e == NULL)
		return;
	lines_close(e->lines);
	squeeze_close(&e->out);
	free(e->packets);
	free(e);
}

/* ---- lines -------------------------------------------------------------------------------- */

/* Of the connection of that line, by the name that it tells. */
static int note_packets(struct expire *e, struct str line)
{
	static const char key[] = ",\"packets\":\"";
	const char *at = memmem(line.p, line.len, key, sizeof(key) - 1);
	size_t n = 0;

	if (at == NULL)
		return 0;
	at += sizeof(key) - 1;
	while (at + n < line.p + line.len && n < PACKETS_NAME_MAX - 1 &&
	       (ascii_is_digit(at[n]) || ascii_is_alpha(at[n]) || at[n] == '.'))
		n++;
	if (n == 0 || at[0] == '.')
		return 0;
	if (n + 1 > e->packets_room - e->packets_len) {
		const size_t room = 2 * e->packets_room + 4096;
		char *more = realloc(e->packets, room);

		if (more == NULL)
			return -ENOMEM;
		e->packets = more;
		e->packets_room = room;
	}
	memcpy(e->packets + e->packets_len, at, n);
	e->packets[e->packets_len + n] = '\0';
	e->packets_len += n + 1;
	return 0;
}

static void remove_packets(const struct expire *e)
{
	char name[sizeof(PACKETS_FOLDER) + PACKETS_NAME_MAX];

	for (size_t at = 0; at < e->packets_len; at += strlen(e->packets + at) + 1) {
		(void)snprintf(name, sizeof(name), PACKETS_FOLDER "/%s", e->packets + at);
		(void)unlinkat(e->dir_fd, name, 0); /* others may have gone before */
	}
}

static void note_gone(struct expire *e, const char *line, size_t len)
{
	uint8_t digest[CHAIN_DIGEST];

	chain_digest(line, len + 1, digest);
	chain_add(e->result.head, digest);
	e->result.lines++;
}

static int take(struct expire *e, struct str line)
{
	char *to = e->text + e->len;
	uint8_t digest[CHAIN_DIGEST];
	enum expiring type;
	unsigned missing;
	struct seal seal;
	uint64_t seq;
	bool expired, fits;

	if (!line_seq(line, &seq))
		return -EBADMSG;
	if (e->result.first_seq == 0)
		e->result.first_seq = seq;
	e->result.last_seq = seq;
	memcpy(to, line.p, line.len);
	to[line.len] = '\n';
	e->len += line.len + 1;
	expired = expired_is(line);
	type = expiring_note(&e->seen, line, expired);
	if (expired) {
		note_gone(e, to, line.len);
		return 0;
	}
	if (type == EXPIRING_COUNT && seal_parse(line, &seal)) {
		/* What cannot be as it was sealed is evidence of that, and is not touched. */
		fits = seal.first_seq < e->result.first_seq || /* begins before */
		       expiring_fits(&e->seen, seal.lines, &missing);
		e->seen = (struct expiring_count){.expired = 0};
		return fits ? 0 : -EBADMSG;
	}
	if (type == EXPIRING_COUNT || (e->result.types >> type & 1) == 0)
		return 0;
	chain_digest(line.p, line.len + 1, digest);
	if (!expired_format(seq, digest, to, line.len))
		return -EBADMSG;
	note_gone(e, to, line.len);
	e->went[type]++;
	return note_packets(e, line);
}

int expire_step(struct expire *e)
{
	enum lines_end end = LINES_LINE;
	struct str line;
	int rc = 0;

	if (squeeze_is_due(&e->out) || e->read) {
		rc = squeeze_sync(&e->out);
		return rc < 0 ? rc : !e->read;
	}
	e->len = 0;
	while (rc == 0 && e->len < EXPIRE_STEP_BYTES) {
		end = lines_next(e->lines, &line);
		if (end != LINES_LINE)
			break;
		rc = take(e, line);
	}
	if (rc == 0 && end != LINES_LINE && end != LINES_END)
		rc = -EBADMSG;
	if (rc == 0)
		rc = squeeze_add(&e->out, e->text, e->len, end == LINES_END);
	e->read = end == LINES_END;
	return rc < 0 ? rc : 1;
}

const struct seal_expired *expire_result(const struct expire *e)
{
	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if (e->went[t] > 0)
			return &e->result;
	return NULL;
}

uint64_t expire_went(const struct expire *e, enum expiring type)
{
	return e->went[type];
}

/* ---- names -------------------------------------------------------------------------------- */

static int remove_file(const struct expire *e, const char *suffix)
{
	char name[SEGMENT_NAME_MAX];

	segment_name(e->number, suffix, name);
	return unlinkat(e->dir_fd, name, 0) != 0 && errno != ENOENT ? -errno : 0;
}

int expire_pass(const struct expire *e)
{
	return remove_file(e, "torn");
}

/*
 * The name last: an end before leaves a segment that is done again, all of it.  The old one may be
 * there in both forms: the plain one counts, and its copy goes.
 */
int expire_finish(struct expire *e)
{
	int rc = expire_pass(e);

	remove_packets(e);
	if (rc == 0 && !is_packed(e->lines))
		rc = remove_file(e, "jsonl.zst");
	return rc < 0 ? rc : squeeze_rename(&e->out, lines_name(e->lines));
}
