/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOCK_H
#define ENGINE_LOCK_H

/*
 * lock - at most one inline weir in a network namespace, whatever queue and socket each has:
 * their rules would take each other's place.
 *
 * An abstract Unix socket of a fixed name: such names are the network namespace's, and go with
 * the process.  Who connects to it is told the path of the control socket and nothing else, so
 * that `weir off` finds the weir that runs.  A process that is not root's and holds the name is
 * no weir: it is passed over, with a warning.
 */

#include <stdbool.h>
#include <stddef.h>

/* 0 and *ret_fd (listening; -1 where a stranger holds the name), or -errno with `error`. */
int lock_take(int *ret_fd, char error[300]) __attribute__((warn_unused_result));

/* Tell who asks the path of the control socket. */
void lock_serve(int fd, const char *path);

/* The path that the weir of this namespace tells.  False: *ret_pid runs and is silent; 0: none. */
bool lock_ask(char *path, size_t size, int *ret_pid);

#endif /* ENGINE_LOCK_H */
