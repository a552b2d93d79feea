/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DECODE_LINK_H
#define DECODE_LINK_H

/*
 * link - from the first byte of a frame to the first byte of its IP header.
 *
 * Memory: borrows the frame.  Threads: no state.
 */

#include <stdint.h>

#include "base/cursor.h"
#include "decode/decode.h"
#include "model/frame.h"

enum link_family {
	LINK_FAMILY_ANY = 0, /* the link layer does not say: the version nibble does */
	LINK_FAMILY_IPV4 = 4,
	LINK_FAMILY_IPV6 = 6,
};

/*
 * DECODE_OK with *ret_ip at the IP header (all captured bytes behind it, padding too) and
 * the family that the link layer announces; else DECODE_NOT_IP, _LINK_TRUNCATED,
 * _LINK_UNKNOWN or _TAGS_TOO_DEEP.
 */
enum decode_result link_decode(const struct frame *f, struct cursor *ret_ip,
			       enum link_family *ret_family);

#endif /* DECODE_LINK_H */
