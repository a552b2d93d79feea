/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DNS_FILE_H
#define ENGINE_DNS_FILE_H

/*
 * dns_file - the passive DNS table on disk, DIR/dns.table (form: identify/dns_table.h).
 *
 * Saved by the writer beside its name and renamed, so that there is the old table or the new
 * one, whatever happens; loaded by the enforcer at its start, before it gives up its rights.
 * The file is hostile: not followed through links, of bounded size, refused as a whole at
 * its first fault; what has ended, and sites that are no more, are left out.
 */

#include <stdint.h>

#include "engine/dns_share.h"

#define DNS_FILE_NAME "dns.table"

/*
 * Save what the share holds now.  0; -EAGAIN, -ENODATA as dns_share_copy(); -errno: the old
 * file stands as it stood.
 */
int dns_file_save(const char *dir, const struct dns_share *sh, int fd,
		  uint64_t *ret_version);

struct dns_loaded {
	uint64_t rows;    /* taken over */
	uint64_t ended;   /* over by now */
	uint64_t foreign; /* of sites that are not configured */
};

/*
 * Load it, by real time `now_us`.  0, and so when there is none; or -errno (-EBADMSG: it is not
 * right) with a sentence in `error`.
 */
int dns_file_load(const char *dir, struct witness *to, const struct generation *g,
		  int64_t now_us, struct dns_loaded *ret, char error[300]);

#endif /* ENGINE_DNS_FILE_H */
