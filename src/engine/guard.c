/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard - looks every few seconds whether the host is still as the gateway needs it: others
 * may flush its netfilter rules, or change settings that it relies upon.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/selfcheck.h"
#include "engine/supervisor.h"

#define LOOK_US INT64_C(5000000)

/* The rules have just been put in place: what the kernel says now is what must stay. */
void guard_remember(struct supervisor *s)
{
	char error[NETFILTER_ERROR_MAX];

	free(s->guard.rules);
	s->guard.rules = NULL;
	if (netfilter_read(s->backend, &s->guard.rules, error) != 0) {
		s->guard.rules = NULL;
		log_warning("netfilter: whether the rules stay in place is not watched: "
			    "%s",
			    error);
	}
	guard_close_gap(s);
	s->guard.seen_us = supervisor_real_us();
}

void guard_close_gap(struct supervisor *s)
{
	if (s->guard.missing_from_us == 0 ||
	    !supervisor_note_loss(s, "uninspected", 0, s->guard.missing_from_us,
				  supervisor_real_us()))
		return;
	s->guard.missing_from_us = 0;
	s->guard.put_failed = false;
}

static void note_missing(struct supervisor *s)
{
	static const char text[] =
		"another program removed or changed Weir's netfilter rules";

	if (s->guard.missing_from_us != 0)
		return;
	s->guard.missing_from_us = s->guard.seen_us;
	log_error("netfilter: %s", text);
	supervisor_note_system(s, "rules_missing", text);
}

static void put_back(struct supervisor *s)
{
	char error[NETFILTER_ERROR_MAX];

	if (supervisor_put_rules(s, error) == 0) {
		log_notice("netfilter: the rules are in place again");
		supervisor_note_system(s, "rules_restored", "");
	} else if (!s->guard.put_failed) {
		s->guard.put_failed = true;
		log_error("netfilter: %s; trying again every 5 s, and nothing is judged",
			  error);
	}
}

bool guard_rules_stand(struct supervisor *s)
{
	char error[NETFILTER_ERROR_MAX], *now = NULL;
	bool stand;

	if (!s->rules_in_place || s->guard.rules == NULL)
		return true;
	if (netfilter_read(s->backend, &now, error) != 0) {
		if (!s->guard.unreadable)
			log_warning("netfilter: cannot look at the rules: %s", error);
		s->guard.unreadable = true;
		return true;
	}
	s->guard.unreadable = false;
	stand = strcmp(now, s->guard.rules) == 0;
	free(now);
	if (stand) {
		guard_close_gap(s); /* somebody else put them back */
		s->guard.seen_us = supervisor_real_us();
	} else {
		note_missing(s);
	}
	return stand;
}

static void look_at_settings(struct supervisor *s)
{
	const bool off = conntrack_checksum() == 0;

	if (off && !s->guard.checksum_off) {
		static const char text[] =
			"net.netfilter.nf_conntrack_checksum is 0: segments with wrong "
			"checksums pass for good, so a client can show Weir a name that "
			"no server reads; set it to 1";

		log_error("%s", text);
		supervisor_note_system(s, "checksum_off", text);
	}
	s->guard.checksum_off = off;
}

/* Names of interfaces that do not exist are mostly mistyped, and then nothing is judged. */
static void look_at_interfaces(const struct supervisor *s)
{
	const struct capture_cfg *c = &s->generation->config->capture;
	size_t missing = 0;

	for (size_t i = 0; i < c->interface_count; i++) {
		if (if_nametoindex(c->interfaces[i]) != 0)
			continue;
		missing++;
		log_warning("capture.interfaces: there is no interface '%s' now: until "
			    "there is, nothing that comes in by that name is judged",
			    c->interfaces[i]);
	}
	if (missing > 0 && missing == c->interface_count)
		log_error("capture.interfaces: none of them exists: NOTHING IS JUDGED");
}

static const char blind[] =
	"mode enforce, but source interface only looks on: nothing is blocked";

static bool cannot_block(const struct supervisor *s)
{
	return s->mode == MODE_ENFORCE &&
	       s->generation->config->capture.source != CAPTURE_NFQUEUE;
}

void guard_start(struct supervisor *s)
{
	if (cannot_block(s))
		log_warning("%s; source nfqueue blocks", blind);
	look_at_interfaces(s);
	if (s->generation->config->capture.source == CAPTURE_NFQUEUE)
		look_at_settings(s);
	s->guard.next_us = gateway_monotonic_us() + LOOK_US;
}

void guard_look(struct supervisor *s)
{
	const int64_t now = gateway_monotonic_us();

	if (!s->announced || s->changing || now < s->guard.next_us ||
	    s->generation->config->capture.source != CAPTURE_NFQUEUE)
		return;
	if (!guard_rules_stand(s))
		put_back(s);
	look_at_settings(s);
	s->guard.next_us = gateway_monotonic_us() + LOOK_US;
}

unsigned guard_warnings(const struct supervisor *s, guard_tell *tell, void *arg)
{
	const struct capture_cfg *c = &s->generation->config->capture;
	struct gateway_stats st;
	char text[160];
	unsigned n = geo_watch_warnings(s, tell, arg);

	if (cannot_block(s)) {
		tell(arg, blind);
		n++;
	}
	if (s->guard.missing_from_us != 0) {
		tell(arg, "netfilter rules are missing: nothing is judged");
		n++;
	}
	if (s->guard.checksum_off) {
		tell(arg, "net.netfilter.nf_conntrack_checksum is 0");
		n++;
	}
	if (supervisor_read_stats(s, &st))
		for (unsigned i = 0; i < SELFCHECK_COUNT; i++)
			if ((st.troubles & 1u << i) != 0) {
				tell(arg, selfcheck_message((enum selfcheck_trouble)i));
				n++;
			}
	for (size_t i = 0; i < c->interface_count; i++)
		if (if_nametoindex(c->interfaces[i]) == 0) {
			(void)snprintf(text, sizeof(text), "no interface '%s'",
				       c->interfaces[i]);
			tell(arg, text);
			n++;
		}
	return n;
}

void supervisor_netfilter(const struct supervisor *s, FILE *out)
{
	char error[NETFILTER_ERROR_MAX], *now = NULL;

	if (!s->rules_in_place)
		(void)fprintf(out, "# no rules are in place\n");
	else if (netfilter_read(s->backend, &now, error) != 0)
		(void)fprintf(out, "# cannot look: %s\n", error);
	else if (*now == '\0')
		(void)fprintf(out,
			      "# MISSING: another program removed Weir's rules; they "
			      "are put back within 5 s\n");
	else
		(void)fprintf(out, "%s%s",
			      s->guard.rules != NULL && strcmp(now, s->guard.rules) != 0
				      ? "# CHANGED by another program; they are put back "
					"within 5 s\n"
				      : "",
			      now);
	free(now);
}
