/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_TOR_GEOIP_H
#define CATALOG_TOR_GEOIP_H

/*
 * tor_geoip - ranges of addresses with countries as Debian's tor-geoipdb has them.
 *
 * Text: "FIRST,LAST,CC", one a line, ascending; IPv4 as decimal numbers, IPv6 in words of
 * hexadecimal digits; "#" begins a comment, "# Generated: Thu, 25 Jun 2026 04:33:59 GMT" among
 * them.  "??" and codes that are no country of ISO 3166-1 are left out.
 * Source: the files /usr/share/tor/geoip and geoip6 of tor-geoipdb 0.4.9.11, 2026-11-28.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/diag.h"

#define TOR_GEOIP_MAX (UINT32_C(8) << 20) /* ranges; all countries: 662,000 */

struct country_range {
	struct addr first, last;
	char code[2];
};

struct tor_geoip {
	struct country_range *list; /* the caller frees it */
	size_t count, room;
	size_t unknown;      /* lines without a country */
	int64_t generated_s; /* the oldest file's date; 0 = none told */
};

/* Add the ranges of `text` to *ret.  False: findings are in `d`; what was read stays. */
bool tor_geoip_parse(const char *name, const char *text, size_t len,
		     struct tor_geoip *ret, struct diag *d);

#endif /* CATALOG_TOR_GEOIP_H */
