/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_HOST_H
#define IDENTIFY_HOST_H

/*
 * host - one spelling for each host name, and no doubt about what it spells.
 *
 * A name is letters, digits, '-' and '_' in labels of 1..63 bytes
 * (RFC 1035 2.3.1; underscores exist in practice), 255 bytes at most.  A name whose last
 * label is a number is an address in some spelling and never a name (RFC 1123 2.1: the top
 * label is alphabetic); spellings that readers disagree on ("10.1", "0x7f.1") are malformed.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "model/facts.h"

enum host_kind {
	HOST_NAME = 0,
	HOST_ADDRESS,   /* an IP literal; the output holds its RFC 5952 / dotted form */
	HOST_MALFORMED, /* the output's length is 0 */
};

struct host {
	uint16_t len;
	char text[HOST_MAX + 1]; /* lower case, no final dot, a NUL after it */
};

/* `raw` as sent, without port.  An address may stand in square brackets. */
enum host_kind host_normalize(struct str raw, struct host *ret);

/*
 * Split "host[:port]" (RFC 3986 3.2; userinfo is the caller's).  *ret_port is -1 when there
 * is none ("host:" counts as none).  false: the port is no number up to 65535.
 */
bool host_split_port(struct str authority, struct str *ret_host, int32_t *ret_port);

/* Bytes 0x21..0x7e only, at least one: safe to keep as sent. */
bool host_printable(struct str s);

#endif /* IDENTIFY_HOST_H */
