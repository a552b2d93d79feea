/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SUBJECT_H
#define MODEL_SUBJECT_H

/*
 * subject - one connection as policy sees it: who, to what, when, and how each is known.
 *
 * Borrowed pointers live at least until policy_decide() returns.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/text.h"
#include "model/names.h"
#include "model/service.h"

struct zone; /* match/zone.h */

enum known {
	KNOWN_NO = 0,
	KNOWN_YES,
	KNOWN_UNKNOWN
};

struct subject {
	/* who: `inside` is the site's end, `peer` the other; outbound: inside = client */
	struct addr inside, peer;
	struct addr egress; /* the translated source; all zero = unknown */
	bool egress_given; /* seen; else it is the one that the site declares, if it is one */
	uint16_t inside_port;
	uint16_t peer_port;
	uint16_t server_port; /* of whichever end is the server */
	uint8_t ip_proto;
	enum direction direction;
	enum role role;
	uint16_t site;   /* vocabulary.sites, or ID_NONE */
	uint16_t source; /* vocabulary.sources, or ID_NONE */
	struct str user; /* absent: not known by name, or shared by many */

	/* what */
	bool name_pending; /* first packet: the name may still become known */
	enum protocol protocol;
	enum evidence evidence;
	enum corroboration corroboration;
	enum visibility visibility;
	enum undecidable undecidable; /* why the name is not known; NONE when it is */
	uint32_t flags;
	struct str host;     /* normalized; absent = unknown */
	struct str url;      /* only with visibility URL */
	struct str database; /* TDS in clear; absent = hidden */
	struct str ja4;
	const struct service *service; /* never NULL */
	const struct place *place;     /* of peer; never NULL */
	bool in_scope;

	/* when */
	int64_t time_us;
	const struct zone *zone; /* of the site; NULL = UTC */
	enum known in_hours;     /* by the site's own hours and holidays */
	/* Lines with `cut` go by the present instead; 0 = by time_us, too. */
	int64_t now_us;
	enum known in_hours_now;

	/* where */
	enum known
		country_expected; /* UNKNOWN: the country, or what to expect, is unknown */
};

#endif /* MODEL_SUBJECT_H */
