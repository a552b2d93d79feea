/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/*
 * config - weir.conf, read by libconfig and walked by one table of what may stand in it.
 *
 * The table (config/schema.c) has a row a key: path, type, unit, range, default, meaning; the
 * man page weir.conf(5) and the walker both follow it.  Unknown keys are errors with a
 * suggestion; quantities are strings with units ("64MiB", "24h"), because libconfig 1.5
 * silently cuts large integers.  Names of files are relative to the file that names them.
 *
 * Memory: everything hangs off the config and dies with it.  Threads: immutable.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/diag.h"
#include "base/file_set.h"
#include "match/calendar.h"
#include "match/zone.h"
#include "model/names.h"
#include "record/expired.h"

/* On which side of the site's address translation its packets are seen. */
enum vantage {
	VANTAGE_FOUND =
		0, /* not given: a source that is an egress address was translated */
	VANTAGE_INSIDE,
	VANTAGE_OUTSIDE
};

struct site_cfg {
	const char *name;
	const struct prefix *inside;
	size_t inside_count;
	const struct addr *egress;
	size_t egress_count;
	enum vantage vantage;
	const struct addr *resolvers;
	size_t resolver_count;
	const char *zone_name; /* NULL = not given: UTC, and no off-hours */
	struct zone *zone;
	const char *hours_text; /* NULL = not given */
	struct hours hours;
	struct holidays *holidays;    /* NULL = none */
	const char *const *countries; /* upper-case alpha-2 */
	size_t country_count;         /* 0 = any country is expected */
};

struct source_cfg {
	enum role role;
	const char *name;
	const struct prefix *addresses;
	size_t address_count;
	const char *site; /* NULL = by address */
	bool shared;      /* many people: a proxy, a terminal server, a translation */
};

enum capture_source {
	CAPTURE_NONE = 0, /* not given: nothing to run */
	CAPTURE_NFQUEUE,
	CAPTURE_INTERFACE
};

enum on_failure {
	ON_FAILURE_NONE = 0, /* not given */
	ON_FAILURE_OPEN,
	ON_FAILURE_CLOSED
};

#define CAPTURE_WATCHED_MAX 16 /* interfaces of CAPTURE_INTERFACE */

/* Where live packets come from, and what becomes of them when Weir does not answer. */
struct capture_cfg {
	enum capture_source source;
	const char *const *interfaces;
	size_t interface_count;
	enum on_failure on_failure; /* always given with CAPTURE_NFQUEUE */
	int64_t adopt_us;           /* adopt_established; 0 = at no time */
	int64_t watchdog_us;
	uint32_t queue;     /* number of the netfilter queue */
	uint32_t mark_mask; /* 4 or more neighbouring bits */
	uint32_t min_ttl;
	const char *user; /* that the processes run as */
};

#define CONFIG_SIGNERS_MAX 16
#define CONFIG_SIGNER_KEY  32 /* Ed25519 */

enum ship_protocol {
	SHIP_PROTOCOL_NONE = 0,
	SHIP_TCP,
	SHIP_TLS
};

enum ship_form {
	SHIP_FORM_NONE = 0,
	SHIP_CEF,
	SHIP_JSON
};

/* How seals leave this machine. */
enum anchor_way {
	ANCHOR_NONE = 0, /* not at all */
	ANCHOR_SHIP,     /* `weir ship` sends them */
	ANCHOR_PAPER     /* somebody prints them with `weir seal` */
};

#define SHIP_WINDOW_MIN 100
#define SHIP_WINDOW_MAX 100000

/* Where `weir ship` sends the ledger's lines. */
struct ship_cfg {
	const char *server; /* host name or address; NULL = nowhere */
	uint32_t port;      /* 0 = the protocol's */
	enum ship_protocol protocol;
	enum ship_form format;
	const char *ca;         /* PEM file; NULL = the system's */
	const char *cert, *key; /* PEM files; NULL = none */
	const char *state;      /* file of the saved cursor */
	uint32_t window;        /* lines */
};

#define CONFIG_TAG_FILES_MAX 8 /* files of service tags */

struct control_cfg {
	const char *socket;
	const char *operators, *readers; /* groups */
};

struct config {
	const char *path; /* NULL = built-in defaults */
	const char *sensor;
	enum mode mode;
	const char *const *rules; /* resolved names */
	size_t rule_count;
	const uint8_t (
		*signers)[CONFIG_SIGNER_KEY]; /* of rules; NULL = none need to sign */
	size_t signer_count;
	const char *signers_text; /* the keys as they are written, with blanks between */
	const struct site_cfg *sites;
	size_t site_count;
	const struct source_cfg *sources;
	size_t source_count;
	struct {
		const char *services, *connectors, *regions; /* given or shipped */
		const char *own;                             /* NULL = none */
	} catalog;
	struct {
		const char *const *country, *const *asn; /* IPv4 and IPv6 may be apart */
		size_t country_count, asn_count;         /* 0 = none; at most 2 */
		bool accept_registrant;
		int64_t warn_age_us;     /* 0 = never */
		const char *const *tags; /* service tags, given or shipped */
		size_t tag_count;
		const char *const *shipped; /* service tags, also when others are given */
		size_t shipped_count;
		const char *networks;       /* given or shipped */
		const struct prefix *nat64; /* beside 64:ff9b::/96 */
		size_t nat64_count;
	} geo;
	struct {
		int64_t warn_age_us; /* of service tags; 0 = by default */
		bool tags_shipped;   /* none were given */
	} feeds;
	struct {
		const char *dir; /* NULL = none configured */
		uint64_t segment_bytes;
		bool dns_events;
		bool rollup;      /* count allowed connections that are not in scope */
		const char *keys; /* NULL = "DIR.keys" */
		uint32_t seal_events; /* a seal after so many lines */
		int64_t seal_us;      /* and after so much time */
		int64_t epoch_us;     /* life of a key */
		int64_t sync_us;      /* between two waits for the disk */
		bool compress;        /* closed segments */
		int64_t keep_us;      /* these; 0 = for ever */
		uint64_t keep_bytes;  /* of all segments; 0 = any */
		/* lines of these types; 0 = as their segment */
		int64_t keep_type_us[EXPIRING_COUNT];
		uint64_t packets_bytes; /* of all files of packets */
		enum anchor_way anchor; /* not given: SHIP with a group `ship` */
		/* where config_check_anchor() points to; in bytes */
		unsigned anchor_line, anchor_col, anchor_len;
		const char *anchor_text; /* that line; NULL = none */
	} ledger;
	struct {
		bool keep;       /* the passive DNS table over a restart */
		const char *dir; /* NULL = ledger.dir */
		int64_t save_us; /* between two saves */
		const char *log; /* socket that resolvers log to; NULL = none */
		const char *log_group;
	} dns;
	struct {
		const char *const *leases; /* need not exist yet */
		size_t lease_count;
		const char *people; /* NULL = none */
		bool pseudonyms;    /* are written instead of names of people */
		bool neighbours;    /* of the running gateway's own table */
	} identity;
	struct capture_cfg capture;
	struct control_cfg control;
	struct ship_cfg ship;
	struct {
		uint32_t max_flows; /* 0 = default */
		uint32_t max_fragments;
		uint32_t max_heads; /* undecided connections at a time; 0 = default */
		int64_t tcp_timeout_us, udp_timeout_us; /* 0 = default */
		/* packets held back until the verdict, always given */
		uint32_t hold_flow, hold_source, hold_total;
		int64_t hold_time_us;
	} limits;
	struct config_memory *memory; /* the config's own */
};

/*
 * Read `path`; NULL gives the built-in defaults: monitor mode, one site "default" with the
 * private ranges inside (RFC 1918, RFC 4193, RFC 6598), no rules, the shipped catalogue.
 * `share`: the folder of shipped data, whose files stand for those not named:
 * rules/catalog/{services,connectors}.tsv, geo/regions.tsv, geo/tags-{public,usgov,china}.tsv.
 * Returns NULL when anything is wrong; all findings are in `d`, with their source lines
 * (diag_forget_sources() has been called).
 */
struct config *config_load(const char *path, const char *share, struct diag *d);

struct config_source {
	const char *path, *share; /* as above */
	bool absent;              /* files of geo.tags that do not exist are no fault */
	struct file_set *files;   /* keeps, or stands for, the files read; NULL = none */
};

struct config *config_load_from(const struct config_source *from, struct diag *d);

/* As config_load(), of a text in memory that stands for file `path`; tests and fuzzing. */
struct config *config_parse(const char *path, const char *text, size_t len,
			    const char *share, struct diag *d);

/*
 * NULL is a no-op.  libconfig exports a config_destroy() too: ours is inline over a symbol
 * of another name, so that neither is ever called for the other.
 */
void config_unload(struct config *c);

static inline void config_destroy(struct config *c)
{
	config_unload(c);
}

/* A finding when it is of a gateway whose seals leave this machine nowhere. */
void config_check_anchor(const struct config *c, struct diag *d);
const char *config_anchor_name(enum anchor_way a); /* as weir.conf has it; "none" */

/* Every key with type, default and meaning, as "weir check --keys" and the man page show. */
void config_print_keys(FILE *out);
const char *config_library_version(void);

#endif /* CONFIG_CONFIG_H */
