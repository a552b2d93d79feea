/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TAR_H
#define BASE_TAR_H

/*
 * tar - writes an archive of plain files in the ustar format (POSIX.1-2017, pax, "ustar
 * Interchange Format").
 *
 * The same files give the same bytes: mode 0644, owner 0, time 0, names of 1 to 99 bytes.  The
 * SHA-256 of the whole is computed on the way, and a list of the files' own is kept in the form
 * that sha256sum(1) checks.
 *
 * Memory: the list, on the heap.  Threads: one.  Errors stay; tar_end() tells them.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/hash.h"

struct tar {
	FILE *out; /* the caller's */
	struct digest whole;
	FILE *list;
	char *sums;
	size_t sums_len;
	int error; /* the first, as -errno */
};

void tar_begin(struct tar *t, FILE *out);
void tar_add(struct tar *t, const char *name, const void *bytes, size_t len);

/* Add the list of all files so far as the file `name`. */
void tar_add_sums(struct tar *t, const char *name);

/* The end of the archive and its digest; frees what is held.  0 or -errno. */
int tar_end(struct tar *t, uint8_t ret_sha256[32]) __attribute__((warn_unused_result));

#endif /* BASE_TAR_H */
