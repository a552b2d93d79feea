/* SPDX-License-Identifier: Apache-2.0 */
#include "record/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/expire.h"
#include "record/pack.h"
#include "record/retire.h"
#include "record/segments.h"

#define MINUTE_US 60000000
#define HOUR_US   (60 * (int64_t)MINUTE_US)

int64_t upkeep_segment_us(const struct upkeep_cfg *cfg)
{
	int64_t us = 24 * HOUR_US;
	bool any = cfg->keep_us > 0;

	if (any && cfg->keep_us < us)
		us = cfg->keep_us;
	for (unsigned t = 0; t < EXPIRING_COUNT; t++) {
		any = any || cfg->keep_type_us[t] > 0;
		if (cfg->keep_type_us[t] > 0 && cfg->keep_type_us[t] < us)
			us = cfg->keep_type_us[t];
	}
	/* Not so many that looking for them takes long. */
	return !any ? 0 : us > 6 * HOUR_US ? us : 6 * HOUR_US;
}

void upkeep_init(struct upkeep *u, const struct upkeep_cfg *cfg)
{
	*u = (struct upkeep){.cfg = *cfg};
}

void upkeep_finish(struct upkeep *u)
{
	pack_close(u->pack);
	expire_close(u->expire);
	retire_close(u->retire);
	u->pack = NULL;
	u->expire = NULL;
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

/* ---- time --------------------------------------------------------------------------------- */

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

/*
 * When a segment had its last line at the latest: the time at which one behind it begins.  One that
 * begins in the future, before this one, or with no line, does not tell: the clock was wrong, or a
 * disk failed.  0, *ret INT64_MAX: none tells; or -errno.
 */
static int ends_before(const struct upkeep_now *now, uint32_t segment, int64_t *ret)
{
	int64_t begins = INT64_MIN, us;
	uint32_t next = segment;
	int rc = segment_begins(now->dir_fd, segment, &begins);

	*ret = INT64_MAX;
	if (rc == 0 && begins > now->wall_us)
		begins = INT64_MIN;
	for (;;) {
		rc = segments_after(now->dir_fd, next, &next);
		if (rc < 0 || next == 0 || next > now->open)
			return rc;
		if (segment_begins(now->dir_fd, next, &us) == 0 && us <= now->wall_us &&
		    us >= begins) {
			*ret = us;
			return 0;
		}
	}
}

/* ---- types whose time has passed ------------------------------------------------------------ */

/* The segment that is next for a type; 0 = none is closed. */
static int next_of(const struct upkeep *u, const struct upkeep_now *now, unsigned type,
		   uint32_t *ret)
{
	const int rc = segments_after(now->dir_fd, u->marks.to[type], ret);

	if (rc == 0 && *ret >= now->open)
		*ret = 0;
	return rc;
}

/* All types for which that segment is next, and whose time is past. */
static int types_due(const struct upkeep *u, const struct upkeep_now *now,
		     uint32_t segment, unsigned *ret)
{
	int64_t us = INT64_MAX;
	int rc = ends_before(now, segment, &us);

	*ret = 0;
	for (unsigned t = 0; rc == 0 && t < EXPIRING_COUNT; t++) {
		uint32_t own = 0;

		if (u->cfg.keep_type_us[t] == 0 ||
		    us >= now->wall_us - u->cfg.keep_type_us[t])
			continue;
		rc = next_of(u, now, t, &own);
		if (rc == 0 && own == segment)
			*ret |= 1u << t;
	}
	return rc;
}

static int next_expire(struct upkeep *u, const struct upkeep_now *now)
{
	int rc = 0;

	if (is_held(u, now))
		return UPKEEP_IDLE;
	for (unsigned t = 0; rc == 0 && t < EXPIRING_COUNT; t++) {
		uint32_t segment = 0;

		if (u->cfg.keep_type_us[t] == 0)
			continue;
		rc = next_of(u, now, t, &segment);
		if (rc != 0 || segment == 0)
			continue;
		rc = types_due(u, now, segment, &u->expire_types);
		if (rc == 0 && u->expire_types != 0) {
			u->expire_segment = segment;
			rc = expire_open(now->dir_fd, segment, u->expire_types,
					 &u->expire);
			return rc < 0 ? rc : UPKEEP_MORE;
		}
	}
	return rc < 0 ? rc : UPKEEP_IDLE;
}

static void end_expire(struct upkeep *u)
{
	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		u->expire_went[t] =
			u->expire == NULL ? 0 : expire_went(u->expire, (enum expiring)t);
	expire_close(u->expire);
	u->expire = NULL;
}

/* That segment is done for these types. */
static int mark_expired(struct upkeep *u, int dir_fd)
{
	struct expired_marks m = u->marks;
	int rc;

	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if ((u->expire_types >> t & 1) != 0) {
			m.to[t] = u->expire_segment;
			m.lines[t] += u->expire_went[t];
		}
	rc = expired_marks_write(dir_fd, &m);
	if (rc == 0)
		u->marks = m;
	return rc;
}

static bool any_type(const struct upkeep *u)
{
	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if (u->cfg.keep_type_us[t] > 0)
			return true;
	return false;
}

/* Marks behind the last segment are of another ledger that was here. */
static void read_marks(struct upkeep *u, const struct upkeep_now *now)
{
	expired_marks_read(now->dir_fd, &u->marks);
	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if (u->marks.to[t] >= now->open)
			u->marks = (struct expired_marks){.to = {0}};
	u->marks_read = true;
}

static int expire(struct upkeep *u, const struct upkeep_now *now)
{
	int rc;

	if (u->expire == NULL) {
		if (now->mono_us < u->expire_at || !any_type(u))
			return UPKEEP_IDLE;
		if (!u->marks_read)
			read_marks(u, now);
		rc = next_expire(u, now);
		if (rc <= 0)
			u->expire_at = now->mono_us + MINUTE_US;
		return rc;
	}
	rc = expire_step(u->expire);
	if (rc == 0 && expire_result(u->expire) != NULL)
		return UPKEEP_SEAL;
	if (rc == 0)
		rc = expire_pass(u->expire);
	if (rc == 0) {
		end_expire(u);
		rc = mark_expired(u, now->dir_fd);
		rc = rc < 0 ? rc : UPKEEP_MORE;
	} else if (rc == -EBADMSG) {
		/* It is passed over: those behind it are due, too. */
		end_expire(u);
		memset(u->expire_went, 0, sizeof(u->expire_went));
		rc = mark_expired(u, now->dir_fd);
		return rc < 0 ? rc : -ENOTSUP;
	}
	if (rc < 0) {
		end_expire(u);
		u->expire_at = now->mono_us + MINUTE_US;
	}
	return rc;
}

/* ---- removing ----------------------------------------------------------------------------- */

static int is_due(const struct upkeep *u, const struct upkeep_now *now, uint32_t first,
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
	rc = ends_before(now, first, &us);
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
		rc = is_due(u, now, first, held, &due);
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
	int rc = UPKEEP_IDLE;

	/* Not at once: each try leaves a seal. */
	if (u->failed)
		u->expire_at = u->look_at = now->mono_us + MINUTE_US;
	u->failed = false;
	/* Compressed first: what is small enough then may stay. */
	if (u->retire == NULL && u->expire == NULL)
		rc = compress(u, now);
	if (rc == UPKEEP_IDLE && u->retire == NULL)
		rc = expire(u, now);
	return rc != UPKEEP_IDLE ? rc : retire(u, now);
}

void upkeep_told(const struct upkeep *u, const struct seal_removed **ret_removed,
		 const struct seal_expired **ret_expired)
{
	*ret_expired = u->expire == NULL ? NULL : expire_result(u->expire);
	*ret_removed =
		u->retire == NULL || u->expire != NULL ? NULL : retire_removed(u->retire);
}

int upkeep_go(struct upkeep *u, int dir_fd, struct str seal)
{
	int rc;

	if (u->expire != NULL) {
		rc = expire_finish(u->expire);
		end_expire(u);
		rc = rc < 0 ? rc : mark_expired(u, dir_fd);
	} else {
		rc = retire_finish(u->retire, seal);
		retire_close(u->retire);
		u->retire = NULL;
	}
	u->failed = rc < 0;
	return rc;
}
