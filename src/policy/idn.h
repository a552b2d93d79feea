/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_IDN_H
#define POLICY_IDN_H

/*
 * idn - hosts and paths that are written in letters of their language, as the wire has them.
 *
 * The wire carries A-labels (RFC 5890 section 2.3.2.1).  IDNA2008 with the mapping of
 * UTS #46, nontransitional, by libidn2.  In the path of a URL what is not ASCII stands as the
 * %-escapes of its UTF-8, as browsers send it (WHATWG URL, path percent-encode set).  When files are read, not per packet: it allocates
 * and frees.  Threads: no state.
 */

#include <stddef.h>

#include "base/text.h"
#include "policy/ast.h"

enum idn_result {
	IDN_FINE = 0,
	IDN_STAR,     /* a star stands in a label that is not ASCII: it has no A-label */
	IDN_NO_NAME,  /* a label that no host name has */
	IDN_TOO_LONG, /* for `buf` */
};

/*
 * The endpoint or pattern `s` (UTF-8, hostile) with A-labels in its host part, and escapes in
 * the path of a URL; the rest as it is.  `buf` has `size` bytes, *ret_len says how many are used; both only when IDN_FINE.
 */
enum idn_result endpoint_ascii(enum family family, struct str s, char *buf, size_t size,
			       size_t *ret_len);

#endif /* POLICY_IDN_H */
