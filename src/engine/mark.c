/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark - the mark in force: a number for a generation in a mode, kept in a file so that the next
 * run knows what the connections that it finds were marked by.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "engine/supervisor.h"

static unsigned mask_shift(uint32_t mask)
{
	return mask == 0 ? 0 : (unsigned)__builtin_ctz(mask);
}

/* Where the mark of the last run is kept: beside the control socket. */
static void mark_path(const struct supervisor *s, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s.mark", s->generation->config->control.socket);
}

void mark_keep(const struct supervisor *s)
{
	char path[4096];
	FILE *f;

	mark_path(s, path, sizeof(path));
	f = fopen(path, "we");
	if (f == NULL)
		return;
	(void)fprintf(f, "%s %s 0x%08" PRIx32 " %s %" PRIu64 "\n", s->generation->name,
		      mode_name(s->mode), s->mark, s->stop ? "stopped" : "running",
		      s->losses.left);
	(void)fclose(f);
}

void mark_touch(const struct supervisor *s)
{
	char path[4096];

	mark_path(s, path, sizeof(path));
	(void)utimensat(AT_FDCWD, path, NULL, 0);
}

/* What the last run of this machine left there. */
struct last_run {
	char name[64], mode[16], mark[16], state[16];
	uint64_t left;
	int64_t seen_us; /* real time */
};

static bool read_last(const struct supervisor *s, struct last_run *ret)
{
	char path[4096], line[128] = "", left[24] = "";
	struct stat st;
	int fields = 0;
	FILE *f;

	memset(ret, 0, sizeof(*ret));
	mark_path(s, path, sizeof(path));
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fgets(line, sizeof(line), f) != NULL && fstat(fileno(f), &st) == 0) {
		fields = sscanf(line, "%63s %15s %15s %15s %23s", ret->name, ret->mode,
				ret->mark, ret->state, left);
		ret->seen_us =
			(int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
	}
	(void)fclose(f);
	/* The last two came with later versions. */
	(void)parse_u64(str_of(left), UINT64_MAX, &ret->left);
	return fields >= 3;
}

int64_t mark_died_us(const struct supervisor *s)
{
	struct last_run last;

	return read_last(s, &last) && strcmp(last.state, "running") == 0 &&
			       strcmp(last.mode, mode_name(MODE_PANIC)) != 0
		       ? last.seen_us
		       : 0;
}

uint64_t mark_left(const struct supervisor *s)
{
	struct last_run last;

	return read_last(s, &last) ? last.left : 0;
}

uint32_t mark_choose(const struct supervisor *s, const char *name, enum mode mode)
{
	const uint32_t mask = s->generation->config->capture.mark_mask;
	/* 1 .. values; weir.conf has seen to it that there are some */
	const uint32_t values = mask == 0 ? 1 : mask >> mask_shift(mask);
	struct last_run last;
	uint32_t old = s->mark, v;
	bool same = false;

	if (old == 0 && read_last(s, &last) && parse_hex_u32(str_of(last.mark), &old))
		same = strcmp(last.name, name) == 0 &&
		       strcmp(last.mode, mode_name(mode)) == 0;
	if (same && (old & ~mask) == 0 && old != 0)
		return old;
	v = (uint32_t)(hash_bytes(name, strlen(name), (uint64_t)mode) % values) + 1;
	if (v << mask_shift(mask) == old)
		v = v % values + 1;
	return v << mask_shift(mask);
}
