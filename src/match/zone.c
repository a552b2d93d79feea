/* SPDX-License-Identifier: Apache-2.0 */
#include "match/zone.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/text.h"
#include "match/tzrule.h"

#define ZONE_FOLDER    "/usr/share/zoneinfo"
#define ZONE_NAME_MAX  63
#define ZONE_PATH_MAX  4096
#define ZONE_BYTES_MAX ((size_t)64 * 1024) /* real ones have at most 4 KiB */

#define US_PER_SECOND 1000000

/*
 * RFC 8536 section 3: a header, a block with 4-byte times, and from version 2 on another
 * header, the same block with 8-byte times (the first is then skipped), and a footer.
 *
 * Header, 44 bytes:        Block:
 *    0 u8[4] "TZif"          timecnt x time   transition times, ascending
 *    4 u8    version         timecnt x u8     type of local time from then on
 *    5 u8[15] unused         typecnt x 6      be32 utoff, u8 isdst, u8 desigidx
 *   20 be32  isutcnt         charcnt x u8     abbreviations, NUL-terminated
 *   24 be32  isstdcnt        leapcnt x (time and be32)
 *   28 be32  leapcnt         isstdcnt x u8
 *   32 be32  timecnt         isutcnt x u8
 *   36 be32  typecnt
 *   40 be32  charcnt
 */
#define TIMES_MAX 2048 /* zic(8) writes at most 2000 */
#define TYPES_MAX 256  /* a type is named by one byte */
#define CHARS_MAX 512  /* an abbreviation begins at a one-byte offset */

/* Section 3.2: offsets that a reader should accept, in seconds. */
#define OFFSET_MIN (-89999)
#define OFFSET_MAX 93599

struct header {
	uint8_t version;
	uint32_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
};

struct local_type {
	int32_t offset;
	uint8_t name; /* offset in zone.chars */
};

struct zone {
	char name[ZONE_NAME_MAX + 1];
	size_t time_count;
	size_t type_count;
	bool has_rule;
	struct tzrule rule; /* in force from the last transition on */
	int64_t *times;
	uint8_t *kinds; /* in types, one a time */
	struct local_type types[TYPES_MAX];
	char chars[CHARS_MAX + 1];
};

/* An offset and the span of time, [from, until), in which it is in force. */
struct segment {
	int32_t offset;
	const char *name;
	int64_t from, until;
};

/* A relative path of sane parts; no dots at all, so no "..". */
static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > ZONE_NAME_MAX || name[0] == '/' || name[len - 1] == '/')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '_' && c != '-' &&
		    c != '+' && c != '/')
			return false;
		if (c == '/' && name[i + 1] == '/')
			return false;
	}
	return true;
}

static bool read_header(struct cursor *c, struct header *ret)
{
	const uint8_t *magic = cur_take(c, 4);

	if (magic == NULL || memcmp(magic, "TZif", 4) != 0)
		return false;
	ret->version = cur_u8(c);
	cur_skip(c, 15);
	ret->isutcnt = cur_be32(c);
	ret->isstdcnt = cur_be32(c);
	ret->leapcnt = cur_be32(c);
	ret->timecnt = cur_be32(c);
	ret->typecnt = cur_be32(c);
	ret->charcnt = cur_be32(c);
	/* Later versions only relax rules for what has been read here; digits name them. */
	return cur_ok(c) &&
	       (ret->version == 0 || (ret->version >= '2' && ret->version <= '9'));
}

/*
 * Bounds of section 3.1.  A file that counts leap seconds ("right/...") is on another time
 * scale than ours, and is refused.
 */
static bool header_sound(const struct header *h)
{
	return h->leapcnt == 0 && h->timecnt <= TIMES_MAX && h->typecnt >= 1 &&
	       h->typecnt <= TYPES_MAX && h->charcnt >= 1 && h->charcnt <= CHARS_MAX &&
	       (h->isutcnt == 0 || h->isutcnt == h->typecnt) &&
	       (h->isstdcnt == 0 || h->isstdcnt == h->typecnt);
}

/* Skip the block with 4-byte times.  Counts are 32 bits, so the sum cannot overflow. */
static void skip_block(struct cursor *c, const struct header *h)
{
	uint64_t size = (uint64_t)h->timecnt * 5 + (uint64_t)h->typecnt * 6 + h->charcnt +
			(uint64_t)h->leapcnt * 8 + h->isstdcnt + h->isutcnt;

	if (size > c->left)
		c->bad = true;
	else
		cur_skip(c, (size_t)size);
}

static bool read_times(struct zone *z, struct cursor *c, size_t time_bytes)
{
	for (size_t i = 0; i < z->time_count; i++) {
		z->times[i] = time_bytes == 8 ? (int64_t)cur_be64(c)
					      : (int64_t)(int32_t)cur_be32(c);
		if (i > 0 && z->times[i] <= z->times[i - 1])
			return false;
	}
	for (size_t i = 0; i < z->time_count; i++) {
		z->kinds[i] = cur_u8(c);
		if (z->kinds[i] >= z->type_count)
			return false;
	}
	return cur_ok(c);
}

static bool read_types(struct zone *z, struct cursor *c, size_t char_count)
{
	const uint8_t *chars;

	for (size_t i = 0; i < z->type_count; i++) {
		uint8_t is_dst;

		z->types[i].offset = (int32_t)cur_be32(c);
		is_dst = cur_u8(c);
		z->types[i].name = cur_u8(c);
		if (is_dst > 1 || z->types[i].name >= char_count ||
		    z->types[i].offset < OFFSET_MIN || z->types[i].offset > OFFSET_MAX)
			return false;
	}
	chars = cur_take(c, char_count);
	/* The last abbreviation ends here, so that each of them does. */
	if (chars == NULL || chars[char_count - 1] != '\0')
		return false;
	for (size_t i = 0; i < char_count; i++) {
		char ch = (char)chars[i];

		if (ch != '\0' && ch != '+' && ch != '-' && !ascii_is_alpha(ch) &&
		    !ascii_is_digit(ch))
			return false;
		z->chars[i] = ch;
	}
	return true;
}

/* "\n<TZ string>\n"; the string may be empty. */
static bool read_footer(struct zone *z, struct cursor *c)
{
	const uint8_t *end;
	struct str text;

	if (cur_u8(c) != '\n' || !cur_ok(c) || c->left == 0)
		return false;
	end = memchr(c->p, '\n', c->left);
	if (end == NULL)
		return false;
	text = (struct str){(const char *)c->p, (size_t)(end - c->p)};
	if (text.len == 0)
		return true;
	z->has_rule = true;
	return tzrule_parse(text, &z->rule);
}

static int read_block(struct zone *z, struct cursor *c, const struct header *h,
		      size_t time_bytes)
{
	if (!header_sound(h))
		return -EBADMSG;
	z->time_count = h->timecnt;
	z->type_count = h->typecnt;
	z->times = malloc((z->time_count + 1) * sizeof(*z->times));
	z->kinds = malloc(z->time_count + 1);
	if (z->times == NULL || z->kinds == NULL)
		return -ENOMEM;
	if (!read_times(z, c, time_bytes) || !read_types(z, c, h->charcnt))
		return -EBADMSG;
	cur_skip(c, (size_t)h->isstdcnt + h->isutcnt);
	return cur_ok(c) ? 0 : -EBADMSG;
}

static int read_file(struct zone *z, struct cursor *c)
{
	struct header h;
	int rc;

	if (!read_header(c, &h))
		return -EBADMSG;
	if (h.version == 0)
		return read_block(z, c, &h, 4);
	skip_block(c, &h);
	if (!read_header(c, &h))
		return -EBADMSG;
	rc = read_block(z, c, &h, 8);
	if (rc != 0)
		return rc;
	return read_footer(z, c) ? 0 : -EBADMSG;
}

int zone_parse(const char *name, const uint8_t *data, size_t len, struct zone **ret)
{
	struct cursor c = cur_init(data, len);
	struct zone *z;
	int rc;

	if (!name_valid(name))
		return -EINVAL;
	z = calloc(1, sizeof(*z));
	if (z == NULL)
		return -ENOMEM;
	memcpy(z->name, name, strlen(name));
	rc = read_file(z, &c);
	if (rc != 0) {
		zone_destroy(z);
		return rc;
	}
	*ret = z;
	return 0;
}

int zone_load(const char *folder, const char *name, struct zone **ret)
{
	char path[ZONE_PATH_MAX];
	char *data = NULL;
	size_t len = 0;
	int rc;

	if (!name_valid(name))
		return -EINVAL;
	rc = snprintf(path, sizeof(path), "%s/%s", folder == NULL ? ZONE_FOLDER : folder,
		      name);
	if (rc < 0 || (size_t)rc >= sizeof(path))
		return -ENAMETOOLONG;
	rc = file_read(path, ZONE_BYTES_MAX, &data, &len);
	if (rc == -EFBIG)
		return -EBADMSG;
	if (rc == -ENOTDIR || rc == -EISDIR) /* "UTC/x", "Europe" */
		return -ENOENT;
	if (rc != 0)
		return rc;
	rc = zone_parse(name, (const uint8_t *)data, len, ret);
	free(data);
	return rc;
}

void zone_destroy(struct zone *z)
{
	if (z == NULL)
		return;
	free(z->times);
	free(z->kinds);
	free(z);
}

const char *zone_name(const struct zone *z)
{
	return z == NULL ? "UTC" : z->name;
}

static int64_t floor_seconds(int64_t us)
{
	return us / US_PER_SECOND - (us % US_PER_SECOND < 0);
}

/* What the footer says of `seconds`, not before `begin`. */
static struct segment rule_segment(const struct zone *z, int64_t seconds, int64_t begin)
{
	struct segment s;
	const struct tz_offset *o = tzrule_at(&z->rule, seconds, &s.from, &s.until);

	s.offset = o->seconds;
	s.name = o->name;
	if (s.from < begin)
		s.from = begin;
	return s;
}

/* Section 3.2: type 0 before the first transition, the footer from the last one on. */
static struct segment segment_at(const struct zone *z, int64_t seconds)
{
	size_t low = 0, high = z->time_count; /* first transition after `seconds` */
	const struct local_type *type;
	struct segment s;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (z->times[middle] <= seconds)
			low = middle + 1;
		else
			high = middle;
	}
	s.from = low == 0 ? INT64_MIN : z->times[low - 1];
	if (low == z->time_count && z->has_rule)
		return rule_segment(z, seconds, s.from);
	s.until = low == z->time_count ? INT64_MAX : z->times[low];
	type = &z->types[low == 0 ? 0 : z->kinds[low - 1]];
	s.offset = type->offset;
	s.name = z->chars + type->name;
	return s;
}

int zone_offset(const struct zone *z, int64_t us, const char **ret_abbreviation)
{
	struct segment s = {.offset = 0, .name = "UTC"};

	if (z != NULL)
		s = segment_at(z, floor_seconds(us));
	if (ret_abbreviation != NULL)
		*ret_abbreviation = s.name;
	return s.offset;
}

struct civil zone_local(const struct zone *z, int64_t us)
{
	int64_t offset = (int64_t)zone_offset(z, us, NULL) * US_PER_SECOND;
	int64_t local;

	if (__builtin_add_overflow(us, offset, &local))
		local = us; /* far outside years 1..9999, clamped anyway */
	return civil_from_us(local);
}

int64_t zone_instant(const struct zone *z, const struct civil *local)
{
	int64_t us = civil_to_us(local);
	int64_t wall = floor_seconds(us);
	int64_t fraction = us - wall * US_PER_SECOND;
	struct segment s;
	int64_t at, before;

	if (z == NULL)
		return us;
	/*
	 * Go through the segments in which this local time can lie, the earliest first.  By
	 * the clock of one that ends too early it lies behind the end; when by the next
	 * segment's clock it lies before the beginning, it was skipped.
	 */
	s = segment_at(z, wall - OFFSET_MAX);
	at = wall - s.offset;
	before = at;
	while (at >= s.until) {
		before = at;
		s = segment_at(z, s.until);
		at = wall - s.offset;
	}
	return (at < s.from ? before : at) * US_PER_SECOND + fraction;
}
