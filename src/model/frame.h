/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_FRAME_H
#define MODEL_FRAME_H

/*
 * frame - what a capture source hands to decode: bytes of one link-layer frame.
 */

#include <stdbool.h>
#include <stdint.h>

enum link_type {
	LINK_ETHERNET = 0,
	LINK_RAW_IP, /* version nibble first: LINKTYPE_RAW, IPV4, IPV6, NFQUEUE payload */
	LINK_LINUX_SLL, /* cooked v1 */
	LINK_LINUX_SLL2,
	LINK_NULL, /* 4 bytes of address family, host order of the writer */
	LINK_LOOP, /* 4 bytes of address family, network order (OpenBSD) */
	LINK_TYPE_COUNT
};

struct frame {
	const uint8_t *data; /* borrowed from the source until its next read */
	uint32_t caplen;     /* bytes at data */
	uint32_t len;        /* bytes on the wire; >= caplen */
	enum link_type link;
	int64_t time_us;  /* as captured: microseconds since 1970 UTC, may go backwards */
	int64_t clock_us; /* greatest time_us of the frames so far: never goes backwards */
	uint64_t number;  /* from 1, over all files of a run */
	bool uncounted;   /* another copy of it is counted to its connection */
};

#endif /* MODEL_FRAME_H */
