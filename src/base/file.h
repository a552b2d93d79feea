/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

/*
 * file - read whole small files, with a limit; replace them whole.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Read the regular file (or pipe) `path` of at most `limit` bytes.  A NUL follows the text.
 * Returns 0 and *ret (caller frees) and *ret_len, or -errno; -EFBIG when it is larger.
 */
int file_read(const char *path, size_t limit, char **ret, size_t *ret_len)
	__attribute__((warn_unused_result));

/*
 * Make `path` hold these bytes (mode 0644): written beside it as PATH.new, synced, then moved
 * over it, so that it holds the old bytes or the new ones whatever happens.  0 or -errno.
 */
int file_replace(const char *path, const char *bytes, size_t len)
	__attribute__((warn_unused_result));

/* As file_replace(), but nothing waits for the disk. */
int file_put(const char *path, const char *bytes, size_t len)
	__attribute__((warn_unused_result));

/*
 * `name` seen from the folder of `base`: absolute names as they are; "x/.." is left out where
 * that is the same file.  malloc'd or NULL.
 */
char *file_beside(const char *base, const char *name);

/* The same as it is put together, with its "x/..".  malloc'd or NULL. */
char *file_join(const char *base, const char *name);

/* "a/b/../c" to "a/c", by text alone; what begins with ".." stays. */
void file_fold(char *path);

/* Do two names mean one place in one folder, whether or not a file is there? */
bool file_is_place(const char *a, const char *b);

/* Which file stood at a name: differs when it is replaced or written to. */
struct file_id {
	uint64_t device, inode, size;
	int64_t mtime_ns;
};

/* 0 or -errno; all zero when it fails. */
int file_identify(const char *path, struct file_id *ret);
bool file_same(const struct file_id *a, const struct file_id *b);

#endif /* BASE_FILE_H */
