/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_URL_H
#define IDENTIFY_URL_H

/*
 * url - the URL of a request without its secrets: no userinfo, no query values, no fragment.
 *
 *     http://host[:port]/path?key=&other=
 *
 * A piece of the query without '=' may be a token rather than a key, so it is left out.
 * Bytes outside 0x21..0x7e are written as %XX.  Private to identify.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "model/facts.h"

struct url_parts {
	bool https;
	bool address; /* host is an address: IPv6 goes into brackets */
	struct str host;
	int32_t port;    /* -1, or the scheme's own: not written */
	struct str path; /* from its '/', with query and fragment; may be empty */
};

/* Into f->url; false, and no URL, when it is longer than URL_MAX. */
bool url_write(const struct url_parts *u, struct facts *f);

#endif /* IDENTIFY_URL_H */
