/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPTURE_NEIGHBOURS_H
#define CAPTURE_NEIGHBOURS_H

/*
 * neighbours - this machine's neighbour table (ARP and NDP), by rtnetlink(7).
 *
 * No rights are needed.  Of a capture there is none.
 */

#include "base/addr.h"

/* `mac` has 6 bytes. */
typedef void neighbour_seen(void *arg, const struct addr *a, const uint8_t *mac);

/* All addresses of which the kernel knows the Ethernet address.  0 or -errno. */
int neighbours_read(neighbour_seen *seen, void *arg) __attribute__((warn_unused_result));

/* One message of the kernel's answer: tests and fuzzing. */
void neighbours_parse(const void *message, size_t len, neighbour_seen *seen, void *arg);

#endif /* CAPTURE_NEIGHBOURS_H */
