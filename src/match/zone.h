/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCH_ZONE_H
#define MATCH_ZONE_H

/*
 * zone - local time of an IANA time zone, without the process-wide TZ of the C library.
 *
 * Reads TZif files (RFC 8536, versions 1-4, footer TZ string included), so any number of
 * zones live side by side.  Immutable after loading: any number of reading threads.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct zone;

/*
 * Load `name` ("Europe/Berlin", "UTC") below `folder` (NULL = /usr/share/zoneinfo).
 * 0 and *ret (caller owns: zone_destroy), -ENOENT, -EINVAL (not a zone name: "..", leading
 * "/", odd bytes), -EBADMSG (not a sound TZif file), -ENOMEM or another -errno.
 */
int zone_load(const char *folder, const char *name, struct zone **ret)
	__attribute__((warn_unused_result));

/* The same from the bytes of a TZif file; for tests and fuzzing. */
int zone_parse(const char *name, const uint8_t *data, size_t len, struct zone **ret)
	__attribute__((warn_unused_result));
void zone_destroy(struct zone *z);

const char *zone_name(const struct zone *z);

/* Seconds east of UTC in force at `us`; *ret_abbreviation (may be NULL) is borrowed. */
int zone_offset(const struct zone *z, int64_t us, const char **ret_abbreviation);

/* The local civil time at `us`.  z NULL = UTC. */
struct civil zone_local(const struct zone *z, int64_t us);

/*
 * The instant of a local civil time: the earlier one where a clock set back repeats it; where
 * a clock set forward skips it, the instant by the offset in force before the jump.
 */
int64_t zone_instant(const struct zone *z, const struct civil *local);

#endif /* MATCH_ZONE_H */
