/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"

#include <stdio.h>

#include "config/config.h"

#define SECOND  INT64_C(1000000)
#define WEEK    INT64_C(604800000000)
#define MIB     (INT64_C(1) << 20)
#define AT(m)   offsetof(struct config, m)
#define SITE(m) offsetof(struct site_cfg, m)
#define FROM(m) offsetof(struct source_cfg, m)

#define LATER_KEY(path, type, meaning)                                     \
	{                                                                  \
		(path), (type), SCHEMA_LATER, 0, 0, 0, 0, 0, "", (meaning) \
	}

const struct schema_row schema_rows[] = {
	{"sensor", SCHEMA_NAME, 0, 0, 0, AT(sensor), 0, 0, "weir",
	 "the name of this box in every event"},
	{"mode", SCHEMA_MODE, 0, 0, 0, AT(mode), 0, 0, "monitor",
	 "monitor = decide and log, block nothing; enforce = block what is denied"},
	{"rules", SCHEMA_FILES, 0, 0, 0, AT(rules), AT(rule_count), 0, "",
	 "rule files, read in this order"},
	{"rules_signers", SCHEMA_SIGNERS, 0, 2, CONFIG_SIGNERS_MAX, AT(signers),
	 AT(signer_count), 0, "none: rules need no signature",
	 "Ed25519 public keys; two of them must have signed the rules"},

	{"sites", SCHEMA_GROUPS, 0, 0, SCHEMA_SITES_MAX, AT(sites), AT(site_count),
	 sizeof(struct site_cfg), "one site named default with the private ranges inside",
	 "places with an egress of their own"},
	{"sites.name", SCHEMA_NAME, SCHEMA_REQUIRED, 0, 0, SITE(name), 0, 0, "",
	 "the site's name in rules and events"},
	{"sites.inside", SCHEMA_PREFIXES, SCHEMA_REQUIRED, 0, 0, SITE(inside),
	 SITE(inside_count), 0, "",
	 "prefixes inside; where they overlap the longest one answers"},
	{"sites.egress", SCHEMA_ADDRESSES, 0, 0, 0, SITE(egress), SITE(egress_count), 0,
	 "", "public addresses that inside sources are translated to"},
	{"sites.vantage", SCHEMA_VANTAGE, 0, 0, 0, SITE(vantage), 0, 0,
	 "as found: a source that is an egress address was translated",
	 "the side of the address translation on which packets are seen"},
	{"sites.resolvers", SCHEMA_ADDRESSES, 0, 0, 0, SITE(resolvers),
	 SITE(resolver_count), 0, "",
	 "DNS resolvers whose answers are witnesses for the whole site"},
	{"sites.zone", SCHEMA_ZONE, 0, 0, 0, SITE(zone), 0, 0, "UTC",
	 "IANA time zone of hours and holidays"},
	{"sites.hours", SCHEMA_HOURS, 0, 0, 0, SITE(hours), 0, 0,
	 "none: no signal off_hours", "working hours in local time"},
	{"sites.holidays", SCHEMA_HOLIDAYS, 0, 0, 0, SITE(holidays), 0, 0, "",
	 "file of days off: one date a line, or an iCalendar file"},
	{"sites.countries", SCHEMA_COUNTRIES, 0, 0, 0, SITE(countries),
	 SITE(country_count), 0, "any country is expected",
	 "countries where this site's peers are expected"},

	{"sources", SCHEMA_GROUPS, 0, 0, SCHEMA_SOURCES_MAX, AT(sources),
	 AT(source_count), sizeof(struct source_cfg),
	 "every inside address has the role user",
	 "inside machines with a role of their own"},
	{"sources.role", SCHEMA_ROLE, SCHEMA_REQUIRED, 0, 0, FROM(role), 0, 0, "",
	 "user, gateway, desktop, subnet or published"},
	{"sources.name", SCHEMA_NAME, SCHEMA_REQUIRED, 0, 0, FROM(name), 0, 0, "",
	 "the source's name in rules"},
	{"sources.addresses", SCHEMA_PREFIXES, SCHEMA_REQUIRED, 0, 0, FROM(addresses),
	 FROM(address_count), 0, "", "addresses and prefixes of these machines"},
	{"sources.site", SCHEMA_SITE_NAME, 0, 0, 0, FROM(site), 0, 0,
	 "the site that holds the address", "the site these machines belong to"},
	{"sources.shared", SCHEMA_FLAG, 0, 0, 0, FROM(shared), 0, 0, "false",
	 "many people use it: a proxy, a terminal server, a translation"},

	{"catalog", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "", "what host names mean"},
	{"catalog.services", SCHEMA_FILE, 0, 0, 0, AT(catalog.services), 0, 0,
	 "the shipped file", "services by host pattern"},
	{"catalog.connectors", SCHEMA_FILE, 0, 0, 0, AT(catalog.connectors), 0, 0,
	 "the shipped file", "connectors by host pattern"},
	{"catalog.regions", SCHEMA_FILE, 0, 0, 0, AT(catalog.regions), 0, 0,
	 "the shipped file", "Microsoft's regions and their countries"},
	{"catalog.own", SCHEMA_FILE, 0, 0, 0, AT(catalog.own), 0, 0, "",
	 "this site's own entries, in the form of the services file"},

	{"geo", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "", "where addresses are"},
	{"geo.country", SCHEMA_FILE_OR_FILES, 0, 0, 2, AT(geo.country),
	 AT(geo.country_count), 0, "",
	 "country database in MMDB form; used where no service tag answers"},
	{"geo.asn", SCHEMA_FILE_OR_FILES, 0, 0, 2, AT(geo.asn), AT(geo.asn_count), 0, "",
	 "network database in MMDB form"},
	{"geo.accept_registrant", SCHEMA_FLAG, 0, 0, 0, AT(geo.accept_registrant), 0, 0,
	 "false",
	 "use a country database that puts Azure's regions into the registrant's country"},
	{"geo.warn_age", SCHEMA_DURATION, 0, 0, SECOND * 86400 * 3650,
	 AT(geo.warn_age_us), 0, 0, "180d",
	 "warn about databases older than this; 0d = never"},
	{"geo.tags", SCHEMA_TAG_FILES, 0, 0, CONFIG_TAG_FILES_MAX, AT(geo.tags),
	 AT(geo.tag_count), 0, "the shipped files of three clouds",
	 "Microsoft's service tags: JSON as downloaded or Weir's TSV, one file a cloud"},
	{"geo.networks", SCHEMA_FILE, 0, 0, 0, AT(geo.networks), 0, 0, "the shipped file",
	 "Microsoft's autonomous systems by number"},
	{"geo.nat64", SCHEMA_PREFIXES, 0, 0, 0, AT(geo.nat64), AT(geo.nat64_count), 0,
	 "64:ff9b::/96, which is always known",
	 "NAT64 prefixes: the IPv4 address within tells country, network and ranges"},

	{"ledger", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "", "the event log"},
	{"ledger.dir", SCHEMA_FOLDER, 0, 0, 0, AT(ledger.dir), 0, 0, "",
	 "folder of the ledger; created when it is missing"},
	{"ledger.segment", SCHEMA_SIZE, 0, MIB, 65536 * MIB, AT(ledger.segment_bytes), 0,
	 0, "256MiB", "size at which a segment file is closed"},
	{"ledger.dns_events", SCHEMA_FLAG, 0, 0, 0, AT(ledger.dns_events), 0, 0, "false",
	 "write an event for each answer of a resolver"},
	{"ledger.rollup", SCHEMA_FLAG, 0, 0, 0, AT(ledger.rollup), 0, 0, "false",
	 "sum up allowed connections that are not in scope, minute by minute"},
	{"ledger.compress", SCHEMA_FLAG, 0, 0, 0, AT(ledger.compress), 0, 0, "true",
	 "compress segments that are closed, in the gateway"},
	{"ledger.keep", SCHEMA_DURATION, 0, 3600 * SECOND, SECOND * 86400 * 3660,
	 AT(ledger.keep_us), 0, 0, "", "how long closed segments are kept"},
	{"ledger.keep_size", SCHEMA_SIZE, 0, 4 * MIB, 1048576ull * 1024 * MIB,
	 AT(ledger.keep_bytes), 0, 0, "",
	 "size of all segments at which the oldest goes"},
	{"ledger.keep_flow", SCHEMA_DURATION, 0, 3600 * SECOND, SECOND * 86400 * 3660,
	 AT(ledger.keep_type_us[EXPIRING_FLOW]), 0, 0, "ledger.keep",
	 "how long lines of type flow stay, when shorter (connections)"},
	{"ledger.keep_signal", SCHEMA_DURATION, 0, 3600 * SECOND, SECOND * 86400 * 3660,
	 AT(ledger.keep_type_us[EXPIRING_SIGNAL]), 0, 0, "ledger.keep",
	 "how long lines of type signal stay, when shorter (signals)"},
	{"ledger.keep_rollup", SCHEMA_DURATION, 0, 3600 * SECOND, SECOND * 86400 * 3660,
	 AT(ledger.keep_type_us[EXPIRING_ROLLUP]), 0, 0, "ledger.keep",
	 "how long lines of type rollup stay, when shorter (sums of connections)"},
	{"ledger.keep_dns", SCHEMA_DURATION, 0, 3600 * SECOND, SECOND * 86400 * 3660,
	 AT(ledger.keep_type_us[EXPIRING_DNS]), 0, 0, "ledger.keep",
	 "how long lines of type dns stay, when shorter (answers of resolvers)"},
	{"ledger.keys", SCHEMA_PATH, 0, 0, 4096, AT(ledger.keys), 0, 0,
	 "ledger.dir with .keys behind it",
	 "folder of the key that seals the ledger; made at the first start"},
	{"ledger.seal", SCHEMA_DURATION, 0, SECOND / 10, 86400 * SECOND,
	 AT(ledger.seal_us), 0, 0, "10s", "longest time that a line stays unsealed"},
	{"ledger.seal_events", SCHEMA_COUNT, 0, 10, 1000000, AT(ledger.seal_events), 0, 0,
	 "1000", "lines after which a seal is written"},
	{"ledger.epoch", SCHEMA_DURATION, 0, SECOND, SECOND * 86400 * 366,
	 AT(ledger.epoch_us), 0, 0, "1h",
	 "life of a signing key; then the next is named and the old one erased"},
	{"ledger.sync", SCHEMA_DURATION, 0, SECOND / 100, 3600 * SECOND,
	 AT(ledger.sync_us), 0, 0, "1s", "time between two waits for the disk"},
	{"ledger.packets_size", SCHEMA_SIZE, 0, MIB, 1048576 * MIB,
	 AT(ledger.packets_bytes), 0, 0, "64MiB",
	 "most that packets kept by lines with capture take; the oldest go"},
	{"ledger.anchor", SCHEMA_ANCHOR, 0, 0, 0, AT(ledger.anchor), 0, 0,
	 "ship with a group ship, else none",
	 "how seals leave this machine: ship = weir ship sends them; paper = somebody "
	 "prints them with weir seal"},
	LATER_KEY("ledger.when_full", SCHEMA_TEXT, "what happens when the disk is full"),

	{"dns", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "", "what resolvers tell clients"},
	{"dns.keep", SCHEMA_FLAG, 0, 0, 0, AT(dns.keep), 0, 0, "true",
	 "keep the table of names and addresses over a restart of the gateway"},
	{"dns.dir", SCHEMA_FOLDER, 0, 0, 0, AT(dns.dir), 0, 0, "ledger.dir",
	 "folder of the file dns.table, which holds it"},
	{"dns.save", SCHEMA_DURATION, 0, SECOND, 86400 * SECOND, AT(dns.save_us), 0, 0,
	 "5min", "time between two saves; it is saved at the end, too"},
	{"dns.log", SCHEMA_PATH, 0, 0, SCHEMA_SOCKET_MAX, AT(dns.log), 0, 0, "",
	 "socket to which resolvers write their logs (dnstap); made at the start"},
	{"dns.log_group", SCHEMA_NAME, 0, 0, 0, AT(dns.log_group), 0, 0, "weir",
	 "group that may connect there"},

	{"limits", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "", "bounds of memory and time"},
	{"limits.max_flows", SCHEMA_COUNT, 0, 1000, 16000000, AT(limits.max_flows), 0, 0,
	 "1000000", "connections known at one time"},
	{"limits.max_fragments", SCHEMA_COUNT, 0, 16, 1000000, AT(limits.max_fragments),
	 0, 0, "built in", "IP fragments held at one time"},
	{"limits.max_heads", SCHEMA_COUNT, 0, 100, 4000000, AT(limits.max_heads), 0, 0,
	 "built in", "undecided connections at one time"},
	{"limits.tcp_timeout", SCHEMA_DURATION, 0, SECOND, WEEK,
	 AT(limits.tcp_timeout_us), 0, 0, "5min",
	 "silence that ends an open TCP connection"},
	{"limits.udp_timeout", SCHEMA_DURATION, 0, SECOND, WEEK,
	 AT(limits.udp_timeout_us), 0, 0, "60s", "silence that ends a UDP exchange"},
	{"limits.hold_flow", SCHEMA_COUNT, 0, 1, 1024, AT(limits.hold_flow), 0, 0, "32",
	 "packets of one connection held back until its verdict"},
	{"limits.hold_source", SCHEMA_COUNT, 0, 1, 1000000, AT(limits.hold_source), 0, 0,
	 "2048", "packets held back of one source"},
	{"limits.hold_total", SCHEMA_COUNT, 0, 1, 1000000, AT(limits.hold_total), 0, 0,
	 "16384", "packets held back in all"},
	{"limits.hold_time", SCHEMA_DURATION, 0, SECOND / 10, 60 * SECOND,
	 AT(limits.hold_time_us), 0, 0, "3s",
	 "how long a packet is held back before it is dropped"},

	{"capture", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "", "where live packets come from"},
	{"capture.source", SCHEMA_SOURCE, SCHEMA_REQUIRED, 0, 0, AT(capture.source), 0, 0,
	 "", "nfqueue = inline; interface = a mirror port, which cannot block"},
	{"capture.interfaces", SCHEMA_INTERFACES, 0, 0, SCHEMA_INTERFACES_MAX,
	 AT(capture.interfaces), AT(capture.interface_count), 0,
	 "nfqueue: all; interface: must be given",
	 "network interfaces by which packets come in"},
	{"capture.on_failure", SCHEMA_FAILURE, 0, 0, 0, AT(capture.on_failure), 0, 0,
	 "none: must be given with nfqueue",
	 "when Weir does not answer: open = packets pass uninspected, closed = nothing "
	 "new passes"},
	{"capture.adopt_established", SCHEMA_DURATION, 0, 0, 86400 * SECOND,
	 AT(capture.adopt_us), 0, 0, "10min",
	 "how long after the start older connections pass uninspected"},
	{"capture.watchdog", SCHEMA_DURATION, 0, SECOND / 5, 60 * SECOND,
	 AT(capture.watchdog_us), 0, 0, "1s",
	 "silence after which the enforcer is taken for hung and started anew"},
	{"capture.queue", SCHEMA_COUNT, 0, 0, 65535, AT(capture.queue), 0, 0, "7411",
	 "number of the netfilter queue"},
	{"capture.mark_mask", SCHEMA_MASK, 0, 0, 0, AT(capture.mark_mask), 0, 0,
	 "0x0fff0000", "the bits of packet and connection marks that are Weir's"},
	{"capture.min_ttl", SCHEMA_COUNT, 0, 0, 255, AT(capture.min_ttl), 0, 0, "20",
	 "client segments with a lower hop limit are dropped before the verdict"},
	{"capture.user", SCHEMA_NAME, 0, 0, 0, AT(capture.user), 0, 0, "weir",
	 "the user that the processes become"},

	{"identity", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "", "who uses an inside address"},
	{"identity.leases", SCHEMA_PATHS, 0, 0, SCHEMA_LEASES_MAX, AT(identity.leases),
	 AT(identity.lease_count), 0, "",
	 "lease files of dnsmasq, ISC dhcpd or Kea: which MAC had an address"},
	{"identity.people", SCHEMA_WATCHED, 0, 0, 0, AT(identity.people), 0, 0, "",
	 "CSV file of users by address or MAC"},
	{"identity.neighbours", SCHEMA_FLAG, 0, 0, 0, AT(identity.neighbours), 0, 0,
	 "true", "of a running gateway: MACs of its own neighbour table"},
	{"identity.pseudonyms", SCHEMA_FLAG, 0, 0, 0, AT(identity.pseudonyms), 0, 0,
	 "false", "write keyed pseudonyms instead of the names of people"},

	{"feeds", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "", "data that is renewed"},
	LATER_KEY("feeds.service_tags", SCHEMA_TEXT, "Microsoft's service tag file"),
	{"feeds.warn_age", SCHEMA_DURATION, 0, 86400 * SECOND, SECOND * 86400 * 3660,
	 AT(feeds.warn_age_us), 0, 0, "30d; 365d for the shipped files",
	 "service tags older than this are a system event and a warning"},
	LATER_KEY("feeds.refuse_loss", SCHEMA_SHARE,
		  "refuse a feed that lost more than this"),

	LATER_KEY("detect", SCHEMA_GROUP, "signals and incidents"),
	LATER_KEY("detect.state", SCHEMA_TEXT, "file of the baselines"),
	LATER_KEY("detect.window", SCHEMA_DURATION, "time over which scores add up"),
	LATER_KEY("detect.incident_at", SCHEMA_COUNT, "score that makes an incident"),
	LATER_KEY("detect.scores", SCHEMA_SCORES, "score of each signal"),

	{"control", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "",
	 "the running gateway's control socket"},
	{"control.socket", SCHEMA_PATH, 0, 0, SCHEMA_SOCKET_MAX, AT(control.socket), 0, 0,
	 "/run/weir/control", "path of the socket"},
	{"control.operators", SCHEMA_NAME, 0, 0, 0, AT(control.operators), 0, 0,
	 "weir-admin", "group that may change things"},
	{"control.readers", SCHEMA_NAME, 0, 0, 0, AT(control.readers), 0, 0, "weir-audit",
	 "group that may look"},

	{"ship", SCHEMA_GROUP, 0, 0, 0, 0, 0, 0, "",
	 "where `weir ship` sends the ledger"},
	{"ship.server", SCHEMA_HOST, SCHEMA_REQUIRED, 0, 0, AT(ship.server), 0, 0, "",
	 "host name or address of the syslog receiver"},
	{"ship.port", SCHEMA_COUNT, 0, 1, 65535, AT(ship.port), 0, 0,
	 "6514 with tls, 514 with tcp", "its port"},
	{"ship.protocol", SCHEMA_PROTOCOL, 0, 0, 0, AT(ship.protocol), 0, 0, "tls",
	 "tls = RFC 5425, the server's certificate is checked; tcp = RFC 6587, in clear"},
	{"ship.format", SCHEMA_FORM, 0, 0, 0, AT(ship.format), 0, 0, "cef",
	 "cef = Common Event Format; json = the ledger's lines as they are"},
	{"ship.ca", SCHEMA_PATH, 0, 0, 4096, AT(ship.ca), 0, 0, "the system's",
	 "PEM file of the authorities that may sign the server's certificate"},
	{"ship.cert", SCHEMA_PATH, 0, 0, 4096, AT(ship.cert), 0, 0, "none",
	 "PEM file of our own certificate and its chain"},
	{"ship.key", SCHEMA_PATH, 0, 0, 4096, AT(ship.key), 0, 0, "none",
	 "PEM file of its private key"},
	{"ship.state", SCHEMA_PATH, 0, 0, 4096, AT(ship.state), 0, 0,
	 "/var/lib/weir-ship/cursor", "file that keeps how far the receiver has it"},
	{"ship.window", SCHEMA_COUNT, 0, SHIP_WINDOW_MIN, SHIP_WINDOW_MAX,
	 AT(ship.window), 0, 0, "20000",
	 "lines that are sent again after each reconnect"},
};

const size_t schema_count = sizeof(schema_rows) / sizeof(schema_rows[0]);

const char *schema_key_in(const struct schema_row *row, const char *parent)
{
	size_t n = strlen(parent);
	const char *key = row->path;

	if (n > 0) {
		if (strncmp(row->path, parent, n) != 0 || row->path[n] != '.')
			return NULL;
		key += n + 1;
	}
	return strchr(key, '.') == NULL ? key : NULL;
}

const struct schema_row *schema_find(const char *parent, struct str key)
{
	for (size_t i = 0; i < schema_count; i++) {
		const char *k = schema_key_in(&schema_rows[i], parent);

		if (k != NULL && str_equal(str_of(k), key))
			return &schema_rows[i];
	}
	return NULL;
}

const char *schema_type_name(enum schema_type type)
{
	static const char *const names[SCHEMA_TYPE_COUNT] = {
		[SCHEMA_GROUP] = "group { }",
		[SCHEMA_GROUPS] = "list of groups ( { }, ... )",
		[SCHEMA_NAME] = "name",
		[SCHEMA_SITE_NAME] = "name of a site",
		[SCHEMA_MODE] = "\"monitor\" or \"enforce\"",
		[SCHEMA_ROLE] = "role",
		[SCHEMA_FILE] = "file",
		[SCHEMA_FILES] = "list of files [ ]",
		[SCHEMA_FILE_OR_FILES] = "file, or list of files [ ]",
		[SCHEMA_TAG_FILES] = "file, or list of files [ ]",
		[SCHEMA_WATCHED] = "file",
		[SCHEMA_PATHS] = "list of files [ ]",
		[SCHEMA_VANTAGE] = "\"inside\" or \"outside\"",
		[SCHEMA_FOLDER] = "folder",
		[SCHEMA_PREFIXES] = "list of prefixes [ ]",
		[SCHEMA_ADDRESSES] = "list of addresses [ ]",
		[SCHEMA_ZONE] = "time zone",
		[SCHEMA_HOURS] = "hours",
		[SCHEMA_HOLIDAYS] = "file",
		[SCHEMA_COUNTRIES] = "list of countries [ ]",
		[SCHEMA_COUNT] = "number",
		[SCHEMA_SIZE] = "size",
		[SCHEMA_DURATION] = "duration",
		[SCHEMA_SOURCE] = "\"nfqueue\" or \"interface\"",
		[SCHEMA_FAILURE] = "\"open\" or \"closed\"",
		[SCHEMA_HOST] = "host name or address",
		[SCHEMA_PROTOCOL] = "\"tcp\" or \"tls\"",
		[SCHEMA_FORM] = "\"cef\" or \"json\"",
		[SCHEMA_ANCHOR] = "\"ship\" or \"paper\"",
		[SCHEMA_MASK] = "mask",
		[SCHEMA_PATH] = "path",
		[SCHEMA_INTERFACES] = "list of network interfaces [ ]",
		[SCHEMA_FLAG] = "true or false",
		[SCHEMA_TEXT] = "text",
		[SCHEMA_SIGNERS] = "list of public keys [ ]",
		[SCHEMA_SHARE] = "share",
		[SCHEMA_SWITCH] = "true or false",
		[SCHEMA_SCORES] = "group of numbers { }",
	};

	return names[type];
}

void config_print_keys(FILE *out)
{
	for (size_t i = 0; i < schema_count; i++) {
		const struct schema_row *r = &schema_rows[i];

		(void)fprintf(out, "%s\n    %s", r->path, schema_type_name(r->type));
		if (r->type == SCHEMA_COUNT && r->max > 0)
			(void)fprintf(out, ", %lld to %lld", (long long)r->min,
				      (long long)r->max);
		if ((r->flags & SCHEMA_REQUIRED) != 0)
			(void)fprintf(out, "; required");
		if (r->normal[0] != '\0')
			(void)fprintf(out, "; default: %s", r->normal);
		(void)fprintf(out, "\n    %s%s\n", r->meaning,
			      (r->flags & SCHEMA_LATER) != 0
				      ? " (no effect in this version)"
				      : "");
	}
}
