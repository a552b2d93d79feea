/* SPDX-License-Identifier: Apache-2.0 */
#include "record/retire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/lines.h"
#include "record/output.h"
#include "record/segments.h"

#define EPOCHS_MAX ((size_t)64 << 20) /* of one segment: a hundred thousand keys */

struct retire {
	int dir_fd; /* the caller's */
	uint32_t number;
	struct lines *lines;
	struct seal_removed removed;
	bool has_line, has_seal;
	size_t last_len; /* the beginning of the last line, for its time */
	char last[96];
	size_t epochs_len, epochs_room;
	char *epochs; /* the seals that name the next key, as lines */
};

int retire_open(int dir_fd, uint32_t number, struct retire **ret)
{
	struct retire *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	r->dir_fd = dir_fd;
	r->number = number;
	rc = lines_open(dir_fd, number, &r->lines);
	if (rc < 0) {
		retire_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void retire_close(struct retire *r)
{
	if (r == NULL)
		return;
	lines_close(r->lines);
	free(r->epochs);
	free(r);
}

static int keep(struct retire *r, const char *line, size_t len)
{
	if (len > r->epochs_room - r->epochs_len) {
		const size_t room = 2 * r->epochs_room + 16384;
		char *more = room > EPOCHS_MAX ? NULL : realloc(r->epochs, room);

		if (more == NULL)
			return -ENOMEM;
		r->epochs = more;
		r->epochs_room = room;
	}
	memcpy(r->epochs + r->epochs_len, line, len);
	r->epochs_len += len;
	return 0;
}

static int take(struct retire *r, struct str line)
{
	static const char mark[] = "\"type\":\"seal\"";
	const size_t near = line.len < sizeof(r->last) ? line.len : sizeof(r->last);
	uint8_t digest[CHAIN_DIGEST];
	struct seal s;

	if (!line_seq(line, &r->removed.last_seq))
		return -EBADMSG;
	if (!r->has_line)
		r->removed.first_seq = r->removed.last_seq;
	r->has_line = true;
	/* The first that has one: not all do. */
	if (r->removed.from_us == 0)
		(void)line_time(line, &r->removed.from_us);
	memcpy(r->last, line.p, near);
	r->last_len = near;
	line_digest(line, digest);
	if (memmem(line.p, near, mark, sizeof(mark) - 1) == NULL ||
	    !seal_parse(line, &s)) {
		chain_add(r->removed.head, digest);
		return 0;
	}
	r->has_seal = true;
	seal_head_behind(&s, digest, r->removed.head);
	return s.has_next_key ? keep(r, line.p, line.len + 1) : 0;
}

int retire_step(struct retire *r)
{
	struct str line;
	enum lines_end end = LINES_LINE;

	for (size_t n = 0; n < RETIRE_STEP_BYTES; n += line.len + 1) {
		int rc;

		end = lines_next(r->lines, &line);
		if (end != LINES_LINE)
			break;
		rc = take(r, line);
		if (rc < 0)
			return rc;
	}
	if (end == LINES_LINE)
		return 1;
	if (end != LINES_END || !r->has_seal)
		return -EBADMSG;
	(void)line_time((struct str){r->last, r->last_len}, &r->removed.to_us);
	return 0;
}

const struct seal_removed *retire_removed(const struct retire *r)
{
	return &r->removed;
}

/* Behind what is there; a torn line of an end is ended first. */
static int append_epochs(struct retire *r, struct str tombstone)
{
	const int fd = openat(
		r->dir_fd, RETIRE_EPOCHS,
		O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
	struct stat st;
	size_t done;
	char last = '\n';
	int rc;

	if (fd < 0)
		return -errno;
	rc = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EBADMSG;
	if (rc == 0)
		rc = segment_give(r->dir_fd, fd);
	if (rc == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
		rc = -EIO;
	if (rc == 0 && last != '\n')
		rc = output_write_all(fd, "\n", 1, &done);
	if (rc == 0 && r->epochs_len > 0)
		rc = output_write_all(fd, r->epochs, r->epochs_len, &done);
	if (rc == 0)
		rc = output_write_all(fd, tombstone.p, tombstone.len, &done);
	if (rc == 0 && (fsync(fd) != 0 || fsync(r->dir_fd) != 0))
		rc = -errno;
	(void)close(fd);
	return rc;
}

/* The plain file last: a ledger begins with whole segments. */
static int remove_files(const struct retire *r)
{
	static const char *const suffixes[] = {"part", "torn", "jsonl.zst", "jsonl",
					       "tags"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char name[SEGMENT_NAME_MAX];

		segment_name(r->number, suffixes[i], name);
		if (unlinkat(r->dir_fd, name, 0) != 0 && errno != ENOENT)
			return -errno;
	}
	return fsync(r->dir_fd) != 0 ? -errno : 0;
}

int retire_finish(struct retire *r, struct str tombstone)
{
	const int rc = append_epochs(r, tombstone);

	return rc < 0 ? rc : remove_files(r);
}
