/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_HOST_H
#define APP_HOST_H

/*
 * host - `weir check --host`: does this machine give the gateway what it needs?  Only looks:
 * reads /proc, /sys, the installed programs and the files of the configuration, asks network
 * cards for their flags, and changes nothing.
 *
 * Each check says fine, warning, or that it cannot tell, and then what to do.
 */

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"

#define HOST_PATH_MAX 4096

enum host_state {
	HOST_FINE = 0,
	HOST_WARNING,
	HOST_UNKNOWN /* cannot tell */
};

struct host {
	const struct config *config;
	const char *root; /* of the kernel's and the system's files; "" = this machine */
	bool json;
	unsigned told, warnings;
};

/* A line: of which check, what is so, and what to do (NULL when nothing is). */
void host_tell(struct host *h, enum host_state state, const char *check,
	       const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* The name below the root. */
void host_path(const struct host *h, const char *path, char ret[HOST_PATH_MAX]);
/* Its text, cut off at `size` - 1; false: it cannot be read. */
bool host_read(const struct host *h, const char *path, char *buf, size_t size);
bool host_read_u64(const struct host *h, const char *path, uint64_t *ret);
bool host_exists(const struct host *h, const char *path);

/* Netfilter, connection tracking, forwarding, interfaces and their offloads. */
void host_check_kernel(struct host *h);
/* Where it stands: one-way traffic, translation, proxies, resolvers. */
void host_check_position(struct host *h);
/* Clock, disk, rights. */
void host_check_system(struct host *h);

/* All of them.  An exit code. */
int host_check(struct host *h);

#endif /* APP_HOST_H */
