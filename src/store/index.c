/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/segments.h"

#define FOLDER_MODE 0750
#define DAYS_MAX    20000u
#define TEMPORARY   "remade.tmp" /* a file that is made in the place of another */
#define DAY_US      ((int64_t)86400 * 1000000)

struct store {
	char *ledger, *folder;
	int lock_fd;
	struct day *days;
	size_t count, room;
	struct ledger_reader *reader; /* of the run that brings it up to date */
	struct record_line *lines;
	struct expired_marks expired; /* of the ledger, read before its lines */
	uint64_t added;
	int64_t newest_us; /* of the last row; INT64_MIN = none was found */
	bool rebuilt;
};

static int trouble(struct store *s, struct diag *d, int rc)
{
	diag_error(d, (struct span){.file = s->folder}, "%s",
		   rc == DAY_DAMAGED ? "was damaged while it was read"
				     : strerrordesc_np(-rc));
	if (rc == -EACCES || rc == -EROFS || rc == -EPERM || rc == -ENOENT)
		diag_remedy(d, "--index FOLDER, where FOLDER can be written; it is made "
			       "when it does not exist");
	else if (rc == -ENOSPC)
		diag_remedy(d, "--index FOLDER on a disk with room, about a third of the "
			       "ledger's size");
	return rc == DAY_DAMAGED ? -EBADMSG : rc;
}

/* ---- the folder ---- */

static void remove_file(const struct store *s, const char *name)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	char path[DAY_PATH_MAX];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (snprintf(path, sizeof(path), "%s/%s%s", s->folder, name, ends[i]) <
		    (int)sizeof(path))
			(void)unlink(path);
}

static struct day *add_day(struct store *s, const struct day *d)
{
	if (s->count == s->room) {
		const size_t room = s->room == 0 ? 64 : s->room * 2;
		struct day *more = realloc(s->days, room * sizeof(*more));

		if (more == NULL)
			return NULL;
		s->days = more;
		s->room = room;
	}
	s->days[s->count] = *d;
	return &s->days[s->count++];
}

/* Call it for each file of the index; its answer other than 0 ends that. */
static int each_file(struct store *s, int (*call)(struct store *s, struct day *d))
{
	DIR *list = opendir(s->folder);
	struct dirent *e;
	int rc = list == NULL ? -errno : 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of its own */
	while (list != NULL && rc == 0 && (e = readdir(list)) != NULL) {
		struct day d = {0};

		if (day_name_parse(e->d_name, &d))
			rc = call(s, &d);
	}
	if (list != NULL)
		(void)closedir(list);
	return rc;
}

static int remove_day(struct store *s, struct day *d)
{
	remove_file(s, d->name);
	return 0;
}

static int take_day(struct store *s, struct day *d)
{
	const int rc = day_open(d, s->folder);

	if (rc == DAY_UNFINISHED)
		return remove_day(s, d);
	if (rc != 0)
		return rc;
	day_close(d);
	if (s->count == DAYS_MAX)
		return DAY_DAMAGED;
	return add_day(s, d) == NULL ? -ENOMEM : 0;
}

static int by_start(const void *a, const void *b)
{
	const struct day_cover *x = &((const struct day *)a)->cover,
			       *y = &((const struct day *)b)->cover;

	if (x->start_segment != y->start_segment)
		return x->start_segment < y->start_segment ? -1 : 1;
	return x->start_offset == y->start_offset  ? 0
	       : x->start_offset < y->start_offset ? -1
						   : 1;
}

/* ---- does it fit the ledger? ---- */

/* Retention: a file whose lines are all gone. */
static void drop_retired(struct store *s, uint32_t first)
{
	size_t gone = 0;

	while (gone < s->count && s->days[gone].cover.end_segment < first)
		gone++;
	/* The last one tells where to go on. */
	if (gone == s->count)
		return;
	for (size_t i = 0; i < gone; i++)
		remove_file(s, s->days[i].name);
	memmove(s->days, s->days + gone, (s->count - gone) * sizeof(*s->days));
	s->count -= gone;
}

/* Its digest is that of the line that was. */
static bool is_left_of(const struct ledger_line *line, const struct day_cover *end)
{
	uint64_t seq;

	return line->expired && line_seq(line->text, &seq) && seq == end->last_seq;
}

/* NULL, or why it is not believed. */
static const char *misfit(struct store *s)
{
	const uint32_t first = ledger_reader_first(s->reader);
	const struct day_cover *end;
	struct ledger_line line;

	if (s->count == 0)
		return NULL;
	if (s->days[0].cover.start_segment > first ||
	    (s->days[0].cover.start_segment == first &&
	     s->days[0].cover.start_offset > 0))
		return "it begins behind the ledger's first line";
	for (size_t i = 1; i < s->count; i++)
		if (s->days[i].cover.start_segment != s->days[i - 1].cover.end_segment ||
		    s->days[i].cover.start_offset != s->days[i - 1].cover.end_offset)
			return "a file of it is missing";
	end = &s->days[s->count - 1].cover;
	if (end->end_line == 0 ||
	    !ledger_reader_seek(s->reader, end->end_segment, end->last_offset,
				end->end_line - 1) ||
	    !ledger_reader_next_any(s->reader, &line) ||
	    line.segment != end->end_segment || line.offset != end->last_offset ||
	    line.offset + line.text.len + 1 != end->end_offset ||
	    (day_digest(line.text) != end->last_digest && !is_left_of(&line, end)))
		return "the ledger does not continue where it ends";
	return NULL;
}

static int clear(struct store *s)
{
	for (size_t i = 0; i < s->count; i++)
		day_close(&s->days[i]);
	s->count = 0;
	return each_file(s, remove_day);
}

static int make_anew(struct store *s, struct diag *d, const char *why)
{
	diag_add(d, DIAG_WARNING, (struct span){.file = s->folder}, "index",
		 "made anew from the ledger: %s", why);
	s->rebuilt = true;
	return clear(s);
}

/* The files as they are, or none: then why is in d. */
static int load(struct store *s, struct diag *d)
{
	const char *why;
	int rc;

	s->count = 0;
	rc = each_file(s, take_day);
	if (rc == DAY_DAMAGED)
		return make_anew(s, d, "damaged, or of another version of Weir");
	if (rc != 0)
		return rc;
	if (s->count > 0)
		qsort(s->days, s->count, sizeof(*s->days), by_start);
	drop_retired(s, ledger_reader_first(s->reader));
	why = misfit(s);
	return why == NULL ? 0 : make_anew(s, d, why);
}

/* ---- lines that have expired ---- */

static void read_marks(struct store *s)
{
	const int fd = open(s->ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	s->expired = (struct expired_marks){.to = {0}};
	if (fd == -1)
		return;
	expired_marks_read(fd, &s->expired);
	(void)close(fd);
}

/* Have lines of it expired since it was made? */
static bool is_stale(const struct store *s, const struct day_cover *c)
{
	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if (c->expired.to[t] < s->expired.to[t] &&
		    c->expired.to[t] < c->end_segment &&
		    c->start_segment <= s->expired.to[t])
			return true;
	return false;
}

/* The lines that the file held, as they are now. */
static int read_again(struct store *s, struct day *d, const struct day_cover *was,
		      unsigned first_line, struct diag *diag)
{
	struct ledger_line line;
	int rc = 0;

	if (!ledger_reader_seek(s->reader, d->cover.start_segment, d->cover.start_offset,
				first_line))
		return -EIO;
	while (rc == 0 &&
	       (d->cover.end_segment != was->end_segment ||
		d->cover.end_offset != was->end_offset) &&
	       ledger_reader_next_any(s->reader, &line)) {
		const struct record_line *v = NULL;

		if (line.segment > was->end_segment)
			return DAY_DAMAGED;
		if (line.expired) {
			rc = day_pass(d, &line);
			continue;
		}
		if (record_line_read(&line, diag, s->lines) != LINE_UNSOUND)
			v = s->lines;
		rc = day_add(d, &line, v);
	}
	if (rc == 0)
		rc = day_commit(d);
	/* Not to its end, or not into one file: all of it is made anew. */
	if (rc == DAY_FULL || (rc == 0 && (d->cover.end_segment != was->end_segment ||
					   d->cover.end_offset != was->end_offset)))
		rc = DAY_DAMAGED;
	return rc;
}

/* A file in the place of one that has rows of expired lines, and their texts and sums. */
static int remake_day(struct store *s, size_t i, struct diag *diag)
{
	const uint32_t first = ledger_reader_first(s->reader);
	const struct day_cover was = s->days[i].cover;
	struct day d = {.number = s->days[i].number, .part = s->days[i].part};
	unsigned first_line = i == 0 ? 0 : s->days[i - 1].cover.end_line;
	char from[DAY_PATH_MAX], to[DAY_PATH_MAX];
	int rc;

	(void)snprintf(d.name, sizeof(d.name), "%s", TEMPORARY);
	d.cover.start_segment = d.cover.end_segment = was.start_segment;
	d.cover.start_offset = d.cover.end_offset = was.start_offset;
	d.cover.last_seq = i == 0 ? 0 : s->days[i - 1].cover.last_seq;
	d.cover.expired = s->expired;
	if (first > was.start_segment) { /* its beginning was removed */
		d.cover.start_segment = d.cover.end_segment = first;
		d.cover.start_offset = d.cover.end_offset = 0;
		d.cover.last_seq = 0;
		first_line = 0;
	}
	remove_file(s, TEMPORARY);
	rc = day_create(&d, s->folder);
	if (rc == 0)
		rc = read_again(s, &d, &was, first_line, diag);
	day_close(&d);
	(void)snprintf(from, sizeof(from), "%s/%s", s->folder, TEMPORARY);
	(void)snprintf(to, sizeof(to), "%s/%s", s->folder, s->days[i].name);
	if (rc == 0) {
		remove_file(s, s->days[i].name);
		rc = rename(from, to) != 0 ? -errno : 0;
	}
	if (rc != 0) {
		remove_file(s, TEMPORARY);
		return rc;
	}
	s->days[i].cover = d.cover;
	return 0;
}

static int remake_stale(struct store *s, struct diag *diag)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->count; i++)
		if (is_stale(s, &s->days[i].cover))
			rc = remake_day(s, i, diag);
	return rc;
}

/* ---- following ---- */

/* A file for what comes next, behind the last one. */
static int next_day(struct store *s, int64_t number)
{
	struct day d = {.number = number, .part = 1};
	struct day *last = s->count > 0 ? &s->days[s->count - 1] : NULL, *made;
	int rc;

	d.cover.start_segment =
		last == NULL ? ledger_reader_first(s->reader) : last->cover.end_segment;
	d.cover.end_segment = d.cover.start_segment;
	d.cover.expired = s->expired;
	if (last != NULL) {
		rc = day_commit(last);
		if (rc != 0)
			return rc;
		d.cover.start_offset = last->cover.end_offset;
		d.cover.last_seq = last->cover.last_seq;
		if (last->number >= number) {
			d.number = last->number;
			d.part = last->part + 1;
		}
		day_close(last);
	}
	day_name_format(&d);
	if (s->count == DAYS_MAX)
		return -EFBIG;
	remove_file(s, d.name);
	made = add_day(s, &d);
	return made == NULL ? -ENOMEM : day_create(made, s->folder);
}

static int64_t day_of(int64_t us)
{
	return us / DAY_US - (us % DAY_US < 0 ? 1 : 0);
}

static int add_line(struct store *s, const struct ledger_line *line,
		    const struct record_line *v)
{
	const int64_t number = v == NULL ? 0 : day_of(v->values[LINE_FIELD_MOMENT].us);
	int rc = 0;

	if (s->count == 0 || (v != NULL && number > s->days[s->count - 1].number))
		rc = next_day(s, number);
	if (rc == 0)
		rc = day_add(&s->days[s->count - 1], line, v);
	if (rc == DAY_FULL)
		rc = next_day(s, number);
	else
		return rc;
	return rc == 0 ? day_add(&s->days[s->count - 1], line, v) : rc;
}

/* Stand behind the last line that is in the index. */
static int stand_at_end(struct store *s)
{
	struct day *last;
	int rc;

	if (s->count == 0)
		return ledger_reader_seek(s->reader, ledger_reader_first(s->reader), 0, 0)
			       ? 0
			       : -EIO;
	last = &s->days[s->count - 1];
	rc = day_open(last, s->folder);
	if (rc == 0)
		rc = day_extend(last);
	if (rc != 0)
		return rc == DAY_UNFINISHED ? DAY_DAMAGED : rc;
	return ledger_reader_seek(s->reader, last->cover.end_segment,
				  last->cover.end_offset, last->cover.end_line)
		       ? 0
		       : -EIO;
}

/*
 * The ledger's writer may finish a segment and begin the next between our last read of the one
 * and our look for the other.  `seq` then jumps where the segment changes: read again.
 */
static bool maybe_overtaken(const struct store *s, const struct ledger_line *line,
			    const struct record_line *v)
{
	const struct day_cover *c = s->count > 0 ? &s->days[s->count - 1].cover : NULL;

	return c != NULL && v != NULL && c->last_seq != 0 &&
	       line->segment != c->end_segment &&
	       v->values[LINE_FIELD_SEQ].number > c->last_seq + 1;
}

static int follow(struct store *s, struct diag *d)
{
	struct ledger_line line;
	uint32_t reread = 0;
	int rc = stand_at_end(s);

	while (rc == 0 && ledger_reader_next_any(s->reader, &line)) {
		const struct record_line *v = NULL;

		if (line.expired) {
			rc = s->count == 0 ? 0 : day_pass(&s->days[s->count - 1], &line);
			continue;
		}
		if (record_line_read(&line, d, s->lines) != LINE_UNSOUND)
			v = s->lines;
		if (reread != line.segment && maybe_overtaken(s, &line, v)) {
			const struct day_cover *c = &s->days[s->count - 1].cover;

			reread = line.segment;
			if (ledger_reader_seek(s->reader, c->end_segment, c->end_offset,
					       c->end_line))
				continue;
		}
		rc = add_line(s, &line, v);
		s->added++;
	}
	if (rc == 0 && s->count > 0)
		rc = day_commit(&s->days[s->count - 1]);
	if (rc == 0 && s->count > 0)
		rc = day_newest(&s->days[s->count - 1], &s->newest_us);
	if (s->count > 0)
		day_close(&s->days[s->count - 1]);
	return rc;
}

/* ---- opening ---- */

static int take_lock(struct store *s, struct diag *d)
{
	char path[DAY_PATH_MAX];
	int rc = 0;

	if (mkdir(s->folder, FOLDER_MODE) != 0 && errno != EEXIST)
		return trouble(s, d, -errno);
	(void)snprintf(path, sizeof(path), "%s/lock", s->folder);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (s->lock_fd == -1)
		rc = trouble(s, d, -errno);
	return rc;
}

static int lock(struct store *s, int how)
{
	int rc;

	do
		rc = flock(s->lock_fd, how);
	while (rc != 0 && errno == EINTR);
	return rc == 0 ? 0 : -errno;
}

int store_update(struct store *s, struct diag *d)
{
	int rc = lock(s, LOCK_EX);

	if (rc != 0)
		return trouble(s, d, rc);
	s->reader = ledger_reader_open(s->ledger, d);
	if (s->reader == NULL)
		return -ENOENT;
	/* Others may have gone on, or made it anew, since we looked. */
	remove_file(s, TEMPORARY); /* what an end left */
	read_marks(s);
	rc = load(s, d);
	if (rc == 0)
		rc = remake_stale(s, d);
	if (rc == 0)
		rc = follow(s, d);
	if (rc == DAY_DAMAGED) {
		ledger_reader_close(s->reader);
		s->reader = ledger_reader_open(s->ledger, d);
		if (s->reader == NULL)
			return -ENOENT;
		rc = make_anew(s, d, "damaged");
		if (rc == 0)
			rc = follow(s, d);
	}
	ledger_reader_close(s->reader);
	s->reader = NULL;
	if (rc != 0)
		return trouble(s, d, rc);
	rc = lock(s, LOCK_SH);
	return rc == 0 ? 0 : trouble(s, d, rc);
}

int store_rebuild(struct store *s, struct diag *d, const char *why)
{
	int rc = lock(s, LOCK_EX);

	if (rc == 0)
		rc = make_anew(s, d, why);
	return rc == 0 ? store_update(s, d) : trouble(s, d, rc);
}

int store_open(const struct store_cfg *cfg, struct diag *d, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (s != NULL) {
		s->lock_fd = -1;
		s->ledger = strdup(cfg->ledger);
		s->newest_us = INT64_MIN;
		s->lines = line_for_store();
		if (cfg->index != NULL)
			s->folder = strdup(cfg->index);
		else if (asprintf(&s->folder, "%s/index", cfg->ledger) == -1)
			s->folder = NULL;
	}
	if (s == NULL || s->ledger == NULL || s->folder == NULL || s->lines == NULL)
		diag_error(d, (struct span){.file = cfg->ledger}, "out of memory");
	else if (strlen(s->folder) > DAY_PATH_MAX - DAY_NAME_MAX - 16)
		rc = trouble(s, d, -ENAMETOOLONG);
	else
		rc = 0;
	if (rc == 0) { /* no index of what is no ledger */
		struct ledger_reader *r = ledger_reader_open(cfg->ledger, d);

		rc = r == NULL ? -ENOENT : 0;
		ledger_reader_close(r);
	}
	if (rc == 0)
		rc = take_lock(s, d);
	if (rc == 0 && cfg->rebuild) {
		rc = lock(s, LOCK_EX);
		if (rc == 0)
			rc = clear(s);
	}
	if (rc == 0)
		rc = store_update(s, d);
	if (rc == 0)
		*ret = s;
	else
		store_close(s);
	return rc;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		day_close(&s->days[i]);
	if (s->lock_fd != -1)
		(void)close(s->lock_fd);
	free(s->lines);
	free(s->days);
	free(s->ledger);
	free(s->folder);
	free(s);
}

void store_release(struct store *s)
{
	(void)lock(s, LOCK_UN);
}

/* ---- asking ---- */

struct store_totals store_totals(const struct store *s)
{
	struct store_totals t = {.added = s->added,
				 .first_us = INT64_MAX,
				 .last_us = INT64_MIN,
				 .newest_us = s->newest_us,
				 .files = (unsigned)s->count,
				 .rebuilt = s->rebuilt};

	for (size_t i = 0; i < s->count; i++) {
		const struct day_cover *c = &s->days[i].cover;

		t.events += c->events;
		t.bad += c->bad;
		t.gaps += c->gaps;
		if (c->first_us < t.first_us)
			t.first_us = c->first_us;
		if (c->last_us > t.last_us)
			t.last_us = c->last_us;
	}
	if (t.newest_us == INT64_MIN)
		t.newest_us = t.last_us;
	return t;
}

size_t store_day_count(const struct store *s)
{
	return s->count;
}

struct day *store_day(struct store *s, size_t i)
{
	return &s->days[i];
}

static int each_seal_of(struct day *d, const char *folder,
			bool (*each)(void *arg, const struct seal_copy *copy), void *arg)
{
	sqlite3_stmt *s = NULL;
	int rc = day_open(d, folder), step = SQLITE_DONE;

	if (rc == 0)
		rc = day_error(sqlite3_prepare_v2(
			d->db, "SELECT segment, offset, text FROM seals ORDER BY rowid",
			-1, &s, NULL));
	while (rc == 0 && (step = sqlite3_step(s)) == SQLITE_ROW) {
		const struct seal_copy copy = {
			(uint32_t)sqlite3_column_int64(s, 0),
			(uint64_t)sqlite3_column_int64(s, 1),
			{sqlite3_column_blob(s, 2), (size_t)sqlite3_column_bytes(s, 2)}};

		if (!each(arg, &copy))
			rc = -ENOMEM;
	}
	if (rc == 0)
		rc = day_error(step);
	(void)sqlite3_finalize(s);
	day_close(d);
	return rc;
}

int store_each_seal(struct store *s,
		    bool (*each)(void *arg, const struct seal_copy *copy), void *arg,
		    struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->count; i++)
		rc = each_seal_of(&s->days[i], s->folder, each, arg);
	return rc == 0 ? 0 : trouble(s, d, rc == DAY_UNFINISHED ? DAY_DAMAGED : rc);
}

bool store_expired(const struct store *s, enum expiring type, int64_t *ret_before_us)
{
	uint32_t next = 0;
	int fd, rc;

	if (s->expired.to[type] == 0 || s->expired.lines[type] == 0)
		return false;
	fd = open(s->ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return false;
	rc = segments_after(fd, s->expired.to[type], &next);
	if (rc == 0)
		rc = next == 0 ? -ENOENT : segment_begins(fd, next, ret_before_us);
	(void)close(fd);
	return rc == 0;
}

const char *store_folder(const struct store *s)
{
	return s->folder;
}

const char *store_ledger(const struct store *s)
{
	return s->ledger;
}

bool store_read_line(struct ledger_reader *r, const struct line_place *at,
		     struct ledger_line *ret)
{
	return at->line > 0 &&
	       ledger_reader_seek(r, at->segment, at->offset, at->line - 1) &&
	       ledger_reader_next(r, ret) && ret->segment == at->segment &&
	       ret->offset == at->offset;
}

bool store_prove_line(const struct line_place *at, const struct ledger_line *line)
{
	return line->text.len == at->length && day_digest(line->text) == at->digest;
}
