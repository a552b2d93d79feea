/* SPDX-License-Identifier: Apache-2.0 */
/* A capture file of any bytes, read to its end. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/source.h"
#include "large.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* The message is there, ends, and starts with the file's name. */
static void check_message(const char *error, const char *path)
{
	require(memchr(error, '\0', SOURCE_ERROR_MAX) != NULL);
	require(strncmp(error, path, strlen(path)) == 0);
	require(strlen(error) > strlen(path) + 10);
}

static void check_frame(const struct frame *f, const struct frame *before)
{
	volatile unsigned touched = 0;

	require(f->number == before->number + 1);
	require(f->caplen <= f->len);
	require(f->clock_us >= before->clock_us && f->clock_us >= f->time_us);
	require(f->time_us > -INT64_C(4000000000000000));
	require(f->link < LINK_TYPE_COUNT);
	for (uint32_t i = 0; i < f->caplen; i++)
		touched = touched + f->data[i];
}

static void read_all(struct source *s, const char *path)
{
	struct frame before = {.number = 0}, f;
	struct source_stats stats;
	enum source_result r;

	while ((r = source_read(s, &f)) == SOURCE_FRAME) {
		check_frame(&f, &before);
		before = f;
	}
	require(r == SOURCE_END || r == SOURCE_DAMAGED);
	require(source_read(s, &f) == r);
	if (r == SOURCE_DAMAGED)
		check_message(source_error(s), path);
	source_stats(s, &stats);
	require(stats.frames == before.number);
	require(stats.last_us >= stats.first_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1; /* opened by its name for each input */
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";
	struct source *s;
	char path[32];

	if (fd == -1)
		fd = memfd_create("fuzz_capture", MFD_CLOEXEC);
	require(fd >= 0 && ftruncate(fd, 0) == 0);
	require(pwrite(fd, data, size, 0) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	s = source_open_file(path, &clock, error);
	if (s == NULL)
		check_message(error, path);
	else
		read_all(s, path);
	source_close(s);
	large_end();
	return 0;
}
