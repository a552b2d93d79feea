/* SPDX-License-Identifier: Apache-2.0 */
#include "record/sealer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/lines.h"
#include "record/segments.h"

void sealer_start(struct sealer *s, const struct keys *keys)
{
	*s = (struct sealer){.keys = *keys, .first_seq = 1};
	chain_start(s->keys.root_public, s->head);
}

void sealer_add(struct sealer *s, struct str line, struct str tail,
		uint8_t ret_digest[CHAIN_DIGEST])
{
	chain_digest(line.p, line.len, ret_digest);
	chain_add(s->head, ret_digest);
	s->recent_len = tail.len < sizeof(s->recent) ? tail.len : sizeof(s->recent);
	if (s->recent_len > 0)
		memcpy(s->recent, tail.p, s->recent_len);
	(void)expiring_note(&s->count, tail, false);
	s->unsealed++;
	s->epoch_lines++;
}

/* Sensor, generation, mode and time of the last line, when a seal needs them. */
static void look_back(struct sealer *s)
{
	const struct str recent = {s->recent, s->recent_len};
	const struct str origin = seal_origin_of(recent);

	if (origin.len > 0 && origin.len <= sizeof(s->origin)) {
		memcpy(s->origin, origin.p, origin.len);
		s->origin_len = origin.len;
	}
	(void)line_time(recent, &s->line_us);
}

/* A seal is behind us. */
static void take_seal(struct sealer *s, const struct seal *seal,
		      const uint8_t digest[CHAIN_DIGEST])
{
	seal_head_behind(seal, digest, s->head);
	memcpy(s->previous, digest, CHAIN_DIGEST);
	s->has_previous = true;
	s->first_seq = seal->seq;
	s->unsealed = 0;
	s->count = (struct expiring_count){.expired = 0};
	s->last_cause = seal->cause;
	s->last_seq = seal->seq;
	s->last_us = s->line_us = seal->time_us;
	s->recent_len = 0;
}

size_t sealer_seal(struct sealer *s, uint64_t seq, enum seal_cause cause,
		   const struct seal_more *more, char buf[SEAL_LINE_MAX],
		   uint8_t ret_digest[CHAIN_DIGEST])
{
	struct seal seal = {.seq = seq,
			    .cause = cause,
			    .first_seq = s->first_seq,
			    .last_seq = seq - 1,
			    .has_previous = s->has_previous,
			    .epoch = s->keys.epoch,
			    .has_next_key = more->step,
			    .recovered = more->recovered,
			    .has_removed = more->removed != NULL,
			    .has_expired = more->expired != NULL};
	size_t len;

	look_back(s);
	seal.time_us = s->clock_us != 0 ? s->clock_us : s->line_us;
	memcpy(seal.lines, s->count.of, sizeof(seal.lines));
	memcpy(seal.head, s->head, CHAIN_DIGEST);
	memcpy(seal.previous, s->previous, CHAIN_DIGEST);
	memcpy(seal.key, s->keys.fingerprint, sizeof(seal.key));
	if (more->step)
		memcpy(seal.next_key, s->keys.next_public, SIGN_KEY);
	if (more->removed != NULL)
		seal.removed = *more->removed;
	if (more->expired != NULL)
		seal.expired = *more->expired;
	len = seal_format(&seal, (struct str){s->origin, s->origin_len}, s->keys.now,
			  buf);
	if (len == 0)
		return 0;
	chain_digest(buf, len, ret_digest);
	take_seal(s, &seal, ret_digest);
	if (more->step) {
		keys_step(&s->keys);
		s->epoch_lines = 0;
	}
	return len;
}

/* ---- the end of a ledger ------------------------------------------------------------------ */

/* Where the last seal of a segment stands: its index from 0; -1 = there is none. */
struct found {
	int64_t index;
	struct seal seal;
	uint8_t digest[CHAIN_DIGEST];
	size_t origin_len;
	char origin[SEAL_ORIGIN_MAX];
};

/* For a seal before this process has a line of its own. */
static void take_origin(struct str line, struct found *ret)
{
	const struct str origin = seal_origin_of(line);

	ret->origin_len = origin.len;
	if (origin.len > 0)
		memcpy(ret->origin, origin.p, origin.len);
}

static int find_seal(int dir_fd, uint32_t segment, struct found *ret)
{
	static const char mark[] = "\"type\":\"seal\"";
	struct lines *l;
	struct str line;
	struct seal seal;
	int rc = lines_open(dir_fd, segment, &l);

	ret->index = -1;
	if (rc < 0)
		return rc;
	for (int64_t i = 0; lines_next(l, &line) == LINES_LINE; i++) {
		const size_t near = line.len < 96 ? line.len : 96;

		if (memmem(line.p, near, mark, sizeof(mark) - 1) == NULL ||
		    !seal_parse(line, &seal))
			continue;
		ret->index = i;
		ret->seal = seal;
		chain_digest(line.p, line.len + 1, ret->digest);
		take_origin(line, ret);
	}
	lines_close(l);
	return 0;
}

static struct str tail_of(struct str line)
{
	const char *comma = memchr(line.p, ',', line.len);
	const char *second =
		comma == NULL
			? NULL
			: memchr(comma + 1, ',', line.len - (size_t)(comma + 1 - line.p));

	if (second == NULL)
		return STR_NONE;
	second++;
	return (struct str){second, line.len - (size_t)(second - line.p)};
}

/* Go on over the lines of one segment behind index `after`; tags: NULL = they are left. */
static int walk(struct sealer *s, int dir_fd, uint32_t segment, int64_t after,
		struct tags *tags)
{
	uint8_t digest[CHAIN_DIGEST];
	struct lines *l;
	struct str line;
	int64_t i;
	int rc = lines_open(dir_fd, segment, &l);

	if (rc < 0)
		return rc;
	for (i = 0; rc == 0 && lines_next(l, &line) == LINES_LINE; i++) {
		const bool tag = tags != NULL && i >= (int64_t)tags->written;

		if (i <= after && !tag)
			continue;
		if (i == 0 && !s->has_previous)
			(void)line_seq(line, &s->first_seq);
		line_digest(line, digest);
		if (i > after)
			sealer_add(s, (struct str){line.p, line.len + 1}, tail_of(line),
				   digest);
		if (!tag)
			continue;
		if (!tags_add(tags, digest))
			rc = -ENOBUFS;
		tags_ready(tags, 1);
		if (tags->waiting == TAGS_WAITING_MAX)
			rc = tags_flush(tags);
	}
	lines_close(l);
	return rc;
}

/* The last segment, which goes on. */
static int walk_last(struct sealer *s, int dir_fd, uint32_t last, int64_t after,
		     struct tags *tags)
{
	int rc = tags_open(tags, dir_fd, last, (uint64_t)(after + 1));

	if (rc == 0)
		rc = walk(s, dir_fd, last, after, tags);
	return rc == 0 ? tags_sync(tags) : rc;
}

int sealer_recover(struct sealer *s, int dir_fd, uint32_t last, struct tags *tags,
		   bool *ret_stepped)
{
	struct found f = {.index = -1};
	uint32_t from = last;
	int rc = find_seal(dir_fd, from, &f);

	while (rc == 0 && f.index < 0 && from > 1) {
		rc = find_seal(dir_fd, from - 1, &f);
		if (rc ==
		    -ENOENT) { /* removed: the chain begins anew, and verify says so */
			rc = 0;
			break;
		}
		from--;
	}
	*ret_stepped = false;
	if (rc == 0 && f.index >= 0) {
		take_seal(s, &f.seal, f.digest);
		memcpy(s->origin, f.origin, f.origin_len);
		s->origin_len = f.origin_len;
		*ret_stepped =
			s->keys.next != NULL &&
			((f.seal.has_next_key &&
			  memcmp(f.seal.next_key, s->keys.next_public, SIGN_KEY) == 0) ||
			 f.seal.epoch == s->keys.epoch + 1);
	}
	for (uint32_t n = from; rc == 0 && n <= last; n++) {
		const int64_t after = n == from ? f.index : -1;

		rc = n == last ? walk_last(s, dir_fd, n, after, tags)
			       : walk(s, dir_fd, n, after, NULL);
	}
	return rc;
}
