/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_segment - the last file of a ledger, of any bytes, opened to go on behind its last line.
 *
 * Properties: what is moved aside and what stays are together what was there; what stays ends
 * with a line or is empty; what is refused stays as it is; opened again nothing is moved, and the number is the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/segments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/dev/shm/weir-fuzz-segment-XXXXXX";

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void forget(int dir_fd)
{
	(void)unlinkat(dir_fd, "000001.jsonl", 0);
	(void)unlinkat(dir_fd, "000001.torn", 0);
}

static int open_folder(void)
{
	static int fd = -1;

	if (fd == -1) {
		check(mkdtemp(folder) != NULL);
		fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		check(fd >= 0);
	}
	return fd;
}

/* Leaves nothing behind. */
__attribute__((destructor)) static void clean_up(void)
{
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	forget(fd);
	(void)close(fd);
	(void)rmdir(folder);
}

static void check_bytes(int fd, const uint8_t *want, size_t len)
{
	static uint8_t buf[1 << 20];
	struct stat st;

	check(fstat(fd, &st) == 0 && (uint64_t)st.st_size == len && len <= sizeof(buf));
	check(pread(fd, buf, len, 0) == (ssize_t)len);
	check(len == 0 || memcmp(buf, want, len) == 0);
}

static void check_parts(int dir_fd, const struct segment_end *e, const uint8_t *data,
			size_t size)
{
	check(e->size <= size && e->torn_bytes == size - e->size);
	check(e->size == 0 || data[e->size - 1] == '\n');
	check(memchr(data + e->size, '\n', size - e->size) == NULL);
	check_bytes(e->fd, data, e->size);
	if (e->torn_bytes > 0) {
		const int torn = openat(dir_fd, "000001.torn", O_RDONLY | O_CLOEXEC);

		check(torn >= 0);
		check_bytes(torn, data + e->size, e->torn_bytes);
		(void)close(torn);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int dir_fd = open_folder();
	struct segment_end e = {.fd = -1}, again = {.fd = -1};
	int fd, rc;

	forget(dir_fd);
	fd = openat(dir_fd, "000001.jsonl", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	rc = segment_reopen(dir_fd, 1, &e);
	check(rc == 0 || rc == -EBADMSG);
	if (rc == 0) {
		check_parts(dir_fd, &e, data, size);
		check(segment_reopen(dir_fd, 1, &again) == 0);
		check(again.torn_bytes == 0 && again.size == e.size);
		check(again.has_line == e.has_line && again.last_seq == e.last_seq);
		(void)close(again.fd);
		(void)close(e.fd);
	} else {
		check_bytes(fd, data, size);
	}
	(void)close(fd);
	return 0;
}
