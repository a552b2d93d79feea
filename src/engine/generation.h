/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_GENERATION_H
#define ENGINE_GENERATION_H

/*
 * generation - one immutable compiled set: configuration, rules, catalogue, address ranges.
 *
 * Built aside, tested by its own `expect` lines, then used by any number of threads without
 * locks.  Its name is the first 16 hexadecimal digits of a SHA-256 over everything read.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/diag.h"
#include "catalog/catalog.h"
#include "catalog/tsv.h"
#include "config/config.h"
#include "model/subject.h"
#include "policy/policy.h"

#define GENERATION_NAME_LEN 16

struct generation {
	char name[GENERATION_NAME_LEN + 1];
	struct config *config;
	struct catalog *catalog;
	struct policy *policy;
	struct vocabulary vocabulary;
	char signed_by[CONFIG_SIGNERS_MAX * 40 +
		       1];   /* fingerprints with blanks between */
	size_t expect_count; /* `expect` lines that ran, all of them fulfilled */
	struct generation_memory *memory;
};

struct generation_cfg {
	const char *config; /* weir.conf; NULL = built-in defaults */
	const char *const
		*rules; /* replace the configuration's list when rule_count > 0 */
	size_t rule_count;
	const char *share; /* folder of shipped data */
	int64_t now_us;    /* for warnings about expiry; 0 = none */
	/*
	 * For who is to write a file of service tags: a text that counts instead of the file of
	 * its name or cloud (catalog.h), NULL = none; and whether shipped files stand for those
	 * of geo.tags that do not exist, whose absence is an error otherwise.
	 */
	const struct tsv_text *fresh_tags;
	bool absent_tags;
	struct file_set *set; /* keeps, or stands for, the files read; NULL = none */
	/*
	 * The rules must be signed (engine/bundle.h), by those of `signers` or, when that is
	 * NULL, of the configuration's rules_signers; when these are none, by nobody.
	 */
	bool signed_rules;
	const uint8_t (*signers)[CONFIG_SIGNER_KEY];
	size_t signer_count;
	bool exempt; /* the lines of `weir ctl exempt` count, before those of the rules */
};

/* Where the gateway keeps the lines of `weir ctl exempt`: beside its control socket. */
void generation_exempt_path(const struct config *c, char *buf, size_t size);

/* NULL when anything is wrong or an `expect` line fails; all findings are in `d`. */
struct generation *generation_load(const struct generation_cfg *cfg, struct diag *d);
void generation_destroy(struct generation *g); /* NULL is a no-op */

/* Which end is ours, and what we know of it. */
struct whereabouts {
	enum direction direction;
	bool client_inside; /* the inside end is the client */
	struct addr inside; /* our end; neither inside: the client */
	struct addr peer;
	bool known;            /* `inside` belongs to a site or a source */
	uint16_t site, source; /* ID_NONE = none */
	enum role role;
	bool translated; /* `inside` is an egress address: who it was is not known */
	bool shared;     /* declared: many people use it */
};

void generation_locate(const struct generation *g, const struct addr *client,
		       const struct addr *server, struct whereabouts *ret);

/*
 * The end by which replay chooses a worker, the same for all connections of one inside
 * machine; a site's resolver counts as the other end of its clients.
 */
struct addr generation_anchor(const struct generation *g, const struct addr *a,
			      const struct addr *b);

/* Is `a` a resolver whose answers count?  Any is when no site names resolvers. */
bool generation_is_resolver(const struct generation *g, const struct addr *a);

/* The site that an inside address belongs to; ID_NONE = none. */
uint16_t generation_site_of(const struct generation *g, const struct addr *a);

/* Does the site name `a` as a resolver of its own? */
bool generation_site_resolves(const struct generation *g, uint16_t site,
			      const struct addr *a);

/* A number that stays with the site's name from generation to generation; 0 = no site. */
uint64_t generation_site_id(const struct generation *g, uint16_t site);

/*
 * Fill what config and catalogue know: from s->inside, peer, direction, site, source, host,
 * time_us and now_us to service, place, in_scope, zone, in_hours, egress, country_expected,
 * corroboration by range.
 */
void generation_describe(const struct generation *g, struct subject *s,
			 struct service *svc, struct place *place);

/* Do the hours of a line with `cut` say something else at `us` than a minute before, anywhere? */
bool generation_is_edge(const struct generation *g, int64_t us);

/* The IPv4 address within a NAT64 one, else `a` itself; true: it was one. */
bool generation_embedded(const struct generation *g, const struct addr *a,
			 struct addr *ret);

/*
 * Does a described subject's host belong to Microsoft's platform, and its peer to nobody who may
 * answer for that: no published range, no autonomous system of Microsoft's, nothing inside, no private
 * address (private link, split horizon)?
 */
bool generation_is_astray(const struct generation *g, const struct subject *s);

/* The same from addresses alone: the callback of `expect` lines and of explain. */
void generation_describe_cb(void *arg, struct subject *s, struct service *svc,
			    struct place *place);

#endif /* ENGINE_GENERATION_H */
