/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut - when lines with `cut` have something new to say about connections in being.
 */
#include "match/calendar.h"
#include "policy/policy.h"
#include "policy/program.h"

/* Hours are given in minutes, and zones shift by minutes. */
#define MINUTE_US (INT64_C(60) * 1000000)

bool policy_cuts(const struct policy *p)
{
	return p->program.cuts != NULL || p->program.cuts_site_hours;
}

static bool changes(const struct hours *h, const struct holidays *off,
		    const struct zone *z, int64_t us)
{
	return calendar_open(h, off, z, us) != calendar_open(h, off, z, us - MINUTE_US);
}

bool policy_is_edge(const struct policy *p, const struct policy_hours *site, int64_t us)
{
	for (const struct cut *c = p->program.cuts; c != NULL; c = c->next)
		if (changes(&c->plan->hours, NULL,
			    c->plan->zone != NULL ? c->plan->zone : site->zone, us))
			return true;
	return p->program.cuts_site_hours && site->hours != NULL &&
	       changes(site->hours, site->holidays, site->zone, us);
}
