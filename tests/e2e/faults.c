/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults - loaded before weir by the tests: its clock is set, its writes and syncs of files fail.
 *
 * WEIR_FAULTS names a file of four 64-bit numbers that the test changes under way: seconds that the
 * clock is ahead; errors of writes, of writes at a place (sidecars), of syncs, 0 = none.  A write that
 * fails leaves half of its bytes in the file, as one over a network may.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct faults {
	volatile int64_t ahead_s, write_error, pwrite_error, sync_error;
};

static struct faults none, *faults = &none;

typedef int clock_fn(clockid_t, struct timespec *);
typedef ssize_t write_fn(int, const void *, size_t);
typedef ssize_t pwrite_fn(int, const void *, size_t, off_t);
typedef int sync_fn(int);

static clock_fn *real_clock;
static write_fn *real_write;
static pwrite_fn *real_pwrite;
static sync_fn *real_sync;

__attribute__((constructor)) static void begin(void)
{
	const char *path =
		getenv("WEIR_FAULTS"); /* NOLINT(concurrency-mt-unsafe): one thread */
	const int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, sizeof(none), PROT_READ, MAP_SHARED, fd, 0);

	real_clock = (clock_fn *)dlsym(RTLD_NEXT, "clock_gettime");
	real_write = (write_fn *)dlsym(RTLD_NEXT, "write");
	real_pwrite = (pwrite_fn *)dlsym(RTLD_NEXT, "pwrite");
	real_sync = (sync_fn *)dlsym(RTLD_NEXT, "fdatasync");
	if (p != MAP_FAILED)
		faults = p;
	if (fd >= 0)
		(void)close(fd);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t id, struct timespec *ret)
{
	const int rc = real_clock(id, ret);

	if (rc == 0 && id == CLOCK_REALTIME)
		ret->tv_sec += faults->ahead_s;
	return rc;
}

static int is_file(int fd)
{
	struct stat st;

	return fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static ssize_t fail(int64_t error)
{
	errno = (int)error;
	return -1;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t write(int fd, const void *bytes, size_t len)
{
	if (faults->write_error == 0 || !is_file(fd))
		return real_write(fd, bytes, len);
	(void)!real_write(fd, bytes, len / 2);
	return fail(faults->write_error);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return faults->pwrite_error != 0 && is_file(fd) ? fail(faults->pwrite_error)
							: real_pwrite(fd, bytes, len, at);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int fdatasync(int fd)
{
	return faults->sync_error != 0 && is_file(fd) ? (int)fail(faults->sync_error)
						      : real_sync(fd);
}
