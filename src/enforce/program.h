/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENFORCE_PROGRAM_H
#define ENFORCE_PROGRAM_H

/*
 * program - run one of the system's programs with a text as its input; private to enforce.
 */

#include <stddef.h>

#define PROGRAM_OUTPUT_MAX ((size_t)1 << 20)

/*
 * Run argv[0] (looked for in the system's folders only, in a fixed environment, with no
 * descriptor but the standard ones, no shell) with `input` (NULL = nothing) and wait at most
 * 10 s.  0 and what it wrote on both outputs, cut at PROGRAM_OUTPUT_MAX, in *ret_output
 * (NUL-terminated, the caller frees; NULL when memory ran out), with its exit status in
 * *ret_status (128: a signal ended it); -ENOENT: there is no such program; -ETIMEDOUT: it was
 * killed; or -errno.
 */
int program_run(const char *const argv[], const char *input, int *ret_status,
		char **ret_output) __attribute__((warn_unused_result));

#endif /* ENFORCE_PROGRAM_H */
