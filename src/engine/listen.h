/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LISTEN_H
#define ENGINE_LISTEN_H

/*
 * listen - a socket of our own in the file system, where others connect.
 *
 * What a dead process left there is taken over, if it is a socket; what somebody answers at is
 * not.  Threads: any.  No memory is kept.
 */

#include <stdbool.h>
#include <sys/types.h>

/*
 * Listen at `path`, whose folder is there; mode and group (-1 = as it comes) say who may connect.
 * A descriptor, not blocking, the caller's; or -errno: -EADDRINUSE (somebody answers there),
 * -ENAMETOOLONG, -EEXIST (no socket is there), others.
 */
int listen_at(const char *path, mode_t mode, gid_t group);

#endif /* ENGINE_LISTEN_H */
