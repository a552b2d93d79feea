/* SPDX-License-Identifier: Apache-2.0 */
#include "record/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/lines.h"
#include "record/pack.h"
#include "record/retire.h"
#include "record/segments.h"

#define MINUTE_US 60000000
#define HOUR_US   (60 * (int64_t)MINUTE_US)

void upkeep_init(struct upkeep *u, const struct upkeep_cfg *cfg)
{
	*u = (struct upkeep){.cfg = *cfg};
}

void upkeep_finish(struct upkeep *u)
{
	pack_close(u->pack);
	retire_close(u->retire);
	u->pack = NULL;
	u->retire = NULL;
}

/* ---- compressing -------------------------------------------------------------------------- */

static bool is_plain(int dir_fd, uint32_t number)
{
	char name[SEGMENT_NAME_MAX];
	struct stat st;

	segment_name(number, "jsonl", name);
	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int next_pack(struct upkeep *u, const struct upkeep_now *now)
{
	uint32_t next;
	int rc = segments_after(now->dir_fd, u->packed_to, &next);

	if (rc < 0)
		return rc;
	if (next == 0 || next >= now->open) {
		u->packed_to = now->open - 1;
		return UPKEEP_IDLE;
	}
	if (!is_plain(now->dir_fd, next)) {
		u->packed_to = next;
		return UPKEEP_MORE;
	}
	rc = pack_open(now->dir_fd, next, &u->pack);
	return rc < 0 ? rc : UPKEEP_MORE;
}

static int compress(struct upkeep *u, const struct upkeep_now *now)
{
	int rc;

	if (!u->cfg.compress || now->mono_us < u->pack_at)
		return UPKEEP_IDLE;
	if (u->pack == NULL && u->packed_to + 1 >= now->open)
		return UPKEEP_IDLE;
	rc = u->pack == NULL ? next_pack(u, now) : pack_step(u->pack);
	if (u->pack != NULL && rc <= 0) {
		pack_close(u->pack);
		u->pack = NULL;
		rc = rc == 0 ? UPKEEP_MORE : rc;
	}
	if (rc < 0)
		u->pack_at = now->mono_us + MINUTE_US;
	return rc;
}

/* ---- removing ----------------------------------------------------------------------------- */

static int begins_at(int dir_fd, uint32_t number, int64_t *ret_us)
{
	struct lines *l;
	struct str line;
	int rc = lines_open(dir_fd, number, &l);

	if (rc < 0)
		return rc;
	if (lines_next(l, &line) != LINES_LINE || !line_time(line, ret_us))
		rc = -EBADMSG;
	lines_close(l);
	return rc;
}

/* Does age remove nothing just now?  See upkeep.h. */
static bool is_held(struct upkeep *u, const struct upkeep_now *now)
{
	const int64_t offset = now->wall_us - now->mono_us;
	const int64_t step = offset - u->offset_us;

	if (u->has_offset && (step > MINUTE_US || step < -MINUTE_US))
		u->hold_until = now->mono_us + HOUR_US;
	u->has_offset = true;
	u->offset_us = offset;
	return now->mono_us < u->hold_until;
}

static int is_due(const struct upkeep *u, const struct upkeep_now *now, uint32_t next,
		  bool held, bool *ret)
{
	uint64_t bytes = 0;
	int64_t us = 0;
	int rc = 0;

	*ret = false;
	if (u->cfg.keep_bytes > 0)
		rc = segments_bytes(now->dir_fd, &bytes);
	if (rc == 0 && bytes > u->cfg.keep_bytes)
		*ret = true;
	if (rc < 0 || *ret || u->cfg.keep_us == 0 || held)
		return rc;
	rc = begins_at(now->dir_fd, next, &us);
	*ret = rc == 0 && us < now->wall_us - u->cfg.keep_us;
	return rc;
}

/* The first segment, when it is due and not the last closed one. */
static int next_retire(struct upkeep *u, const struct upkeep_now *now)
{
	const bool held = is_held(u, now);
	uint32_t first, next = 0;
	bool due = false;
	int rc = segments_after(now->dir_fd, 0, &first);

	if (rc == 0 && first != 0)
		rc = segments_after(now->dir_fd, first, &next);
	if (rc == 0 && next != 0 && next < now->open)
		rc = is_due(u, now, next, held, &due);
	if (rc == 0 && due)
		rc = retire_open(now->dir_fd, first, &u->retire);
	if (rc < 0)
		return rc;
	return due ? UPKEEP_MORE : UPKEEP_IDLE;
}

static int retire(struct upkeep *u, const struct upkeep_now *now)
{
	int rc;

	if (u->retire == NULL) {
		if (now->mono_us < u->look_at ||
		    (u->cfg.keep_us == 0 && u->cfg.keep_bytes == 0))
			return UPKEEP_IDLE;
		rc = next_retire(u, now);
		if (rc <= 0)
			u->look_at = now->mono_us + MINUTE_US;
		return rc;
	}
	rc = retire_step(u->retire);
	if (rc < 0) {
		retire_close(u->retire);
		u->retire = NULL;
		u->look_at = now->mono_us + MINUTE_US;
	}
	return rc == 0 ? UPKEEP_SEAL : rc;
}

int upkeep_step(struct upkeep *u, const struct upkeep_now *now)
{
	/* Compressed first: what is small enough then may stay. */
	const int rc = u->retire == NULL ? compress(u, now) : UPKEEP_IDLE;

	return rc != UPKEEP_IDLE ? rc : retire(u, now);
}

const struct seal_removed *upkeep_removed(const struct upkeep *u)
{
	return retire_removed(u->retire);
}

int upkeep_remove(struct upkeep *u, struct str tombstone)
{
	const int rc = retire_finish(u->retire, tombstone);

	retire_close(u->retire);
	u->retire = NULL;
	return rc;
}
