/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_SET_H
#define BASE_FILE_SET_H

/*
 * file_set - the files that something was made from, by name, with their bytes.
 *
 * Filled while files are read, it says later what they were; filled from an archive and
 * sealed, it stands for the file system: only what it holds exists.
 *
 * One thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>

struct file_set;

struct file_in_set {
	const char *name; /* as it was asked for */
	const char *bytes;
	size_t len;
};

struct file_set *file_set_create(void);    /* NULL: out of memory */
void file_set_destroy(struct file_set *s); /* NULL is a no-op */

/*
 * As file_read(), and a copy of what was read stays in the set.  A name asked for again gives
 * the same bytes.  `s` NULL: only file_read().
 */
int file_set_read(struct file_set *s, const char *path, size_t limit, char **ret,
		  size_t *ret_len) __attribute__((warn_unused_result));

/*
 * As file_beside(); in a sealed set the files tell which name is meant, not folders that may be
 * gone or others by now.  malloc'd or NULL.
 */
char *file_set_beside(const struct file_set *s, const char *base, const char *name);

/* Put a file in; `bytes` are copied.  0, -EEXIST, -EINVAL (sealed) or -ENOMEM. */
int file_set_add(struct file_set *s, const char *name, const char *bytes, size_t len)
	__attribute__((warn_unused_result));

/* From now on what the set does not hold is -ENOENT. */
void file_set_seal(struct file_set *s);

bool file_set_is_sealed(const struct file_set *s); /* NULL: no */

/* The i-th file, in the order in which they came; false = no more. */
bool file_set_at(const struct file_set *s, size_t i, struct file_in_set *ret);

#endif /* BASE_FILE_SET_H */
