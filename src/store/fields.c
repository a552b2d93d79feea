/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fields.h"

#define LINE   IN_LINE
#define EVENTS IN_EVENTS
#define SUMS   (IN_EVENTS | IN_SUMS)
#define DAYS   IN_DAYS
#define HOURS  IN_HOURS
#define RULES  IN_RULES

/* First those of enum field_known, then in the order of docs/events.md. */
const struct field fields[] = {
	{"time", FIELD_MOMENT, EVENTS},
	{"type", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"seq", FIELD_NUMBER, EVENTS},
	{"phase", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"verdict", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"would_verdict", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"effect", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"v", FIELD_NUMBER, LINE},
	{"sensor", FIELD_TEXT, EVENTS | RULES},
	{"generation", FIELD_TEXT, EVENTS | RULES},
	{"mode", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"cut", FIELD_TRUTH, LINE},
	{"flow_id", FIELD_ID, EVENTS},
	{"community_id", FIELD_TEXT, LINE},
	{"src_ip", FIELD_ADDRESS, EVENTS},
	{"src_port", FIELD_NUMBER, EVENTS},
	{"dst_ip", FIELD_ADDRESS, EVENTS},
	{"dst_port", FIELD_NUMBER, EVENTS},
	{"transport", FIELD_TEXT, EVENTS},
	{"src_nat_ip", FIELD_ADDRESS, EVENTS},
	{"src_nat_port", FIELD_NUMBER, LINE},
	{"community_id_nat", FIELD_TEXT, LINE},
	{"protocol", FIELD_TEXT, EVENTS | HOURS | RULES},
	{"ndpi", FIELD_TEXT, LINE},
	{"ndpi_confidence", FIELD_TEXT, LINE},
	{"ndpi_host", FIELD_TEXT, LINE},
	{"site", FIELD_TEXT, EVENTS | HOURS | DAYS},
	{"role", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"principal", FIELD_TEXT, EVENTS | DAYS},
	{"shared", FIELD_TEXT, EVENTS},
	{"direction", FIELD_TEXT, EVENTS},
	{"host", FIELD_TEXT, EVENTS},
	{"evidence", FIELD_TEXT, EVENTS},
	{"corroboration", FIELD_TEXT, EVENTS},
	{"visibility", FIELD_TEXT, EVENTS},
	{"candidates", FIELD_LIST, LINE},
	{"undecidable", FIELD_TEXT, EVENTS | RULES},
	{"flags", FIELD_LIST, EVENTS},
	{"sni", FIELD_TEXT, LINE},
	{"alpn", FIELD_TEXT, LINE},
	{"tls_offered", FIELD_TEXT, LINE},
	{"tls_selected", FIELD_TEXT, LINE},
	{"ja4", FIELD_TEXT, LINE},
	{"quic_version", FIELD_TEXT, LINE},
	{"http_method", FIELD_TEXT, EVENTS},
	{"url", FIELD_TEXT, LINE},
	{"smtp_banner", FIELD_TEXT, LINE},
	{"smtp_server", FIELD_TEXT, LINE},
	{"smtp_helo", FIELD_TEXT, LINE},
	{"mail_from_domain", FIELD_TEXT, LINE},
	{"mail_to_domains", FIELD_LIST, LINE},
	{"mail_to_more", FIELD_NUMBER, LINE},
	{"tds_database", FIELD_TEXT, LINE},
	{"endpoint", FIELD_TEXT, LINE},
	{"service", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"cloud", FIELD_TEXT, EVENTS | RULES},
	{"region", FIELD_TEXT, EVENTS | RULES},
	{"environment_id", FIELD_TEXT, EVENTS | DAYS},
	{"tenant_id", FIELD_TEXT, EVENTS | DAYS},
	{"organization_id", FIELD_TEXT, EVENTS},
	{"org", FIELD_TEXT, EVENTS | DAYS},
	{"site_name", FIELD_TEXT, EVENTS},
	{"tenant_name", FIELD_TEXT, EVENTS | DAYS},
	{"account", FIELD_TEXT, EVENTS},
	{"key", FIELD_TEXT, LINE},
	{"component", FIELD_TEXT, LINE},
	{"stamp", FIELD_TEXT, LINE},
	{"host_role", FIELD_TEXT, EVENTS},
	{"in_scope", FIELD_TRUTH, EVENTS | RULES},
	{"connectors", FIELD_LIST, EVENTS},
	{"data_group", FIELD_TEXT, EVENTS | RULES},
	{"country", FIELD_TEXT, EVENTS | RULES},
	{"asn", FIELD_NUMBER, EVENTS},
	{"as_org", FIELD_TEXT, EVENTS},
	{"would_gate", FIELD_TEXT, EVENTS | RULES | DAYS},
	{"would_rule", FIELD_TEXT, EVENTS | RULES | DAYS},
	{"would_rule_label", FIELD_TEXT, EVENTS | RULES},
	{"reason", FIELD_TEXT, EVENTS | RULES},
	{"gate", FIELD_TEXT, EVENTS | RULES | DAYS},
	{"rule", FIELD_TEXT, EVENTS | RULES | DAYS},
	{"rule_label", FIELD_TEXT, EVENTS | RULES},
	{"packets_out", FIELD_NUMBER, SUMS},
	{"bytes_out", FIELD_NUMBER, SUMS},
	{"packets_in", FIELD_NUMBER, SUMS},
	{"bytes_in", FIELD_NUMBER, SUMS},
	{"duration_us", FIELD_NUMBER, EVENTS},
	{"start", FIELD_MOMENT, EVENTS},
	{"end", FIELD_MOMENT, EVENTS},
	{"end_reason", FIELD_TEXT, EVENTS},
	{"packets", FIELD_TEXT, EVENTS},
	{"packets_sha256", FIELD_TEXT, EVENTS},
	{"signal", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"score", FIELD_NUMBER, EVENTS},
	{"detail.zone", FIELD_TEXT, LINE},
	{"detail.local_time", FIELD_TEXT, LINE},
	{"detail.hours", FIELD_TEXT, LINE},
	{"detail.country", FIELD_TEXT, EVENTS | RULES | DAYS},
	{"detail.expected_countries", FIELD_TEXT, LINE},
	{"detail.country_source", FIELD_TEXT, LINE},
	{"detail.undecidable", FIELD_TEXT, LINE},
	{"what", FIELD_TEXT, EVENTS | HOURS | RULES | DAYS},
	{"message", FIELD_TEXT, LINE},
	{"count", FIELD_NUMBER, SUMS},
	{"ends", FIELD_NUMBER, LINE},
	{"from", FIELD_MOMENT, EVENTS},
	{"to", FIELD_MOMENT, EVENTS},
	{"first", FIELD_MOMENT, LINE},
	{"last", FIELD_MOMENT, LINE},
	{"incident_id", FIELD_TEXT, LINE},
	{"signals", FIELD_LIST, LINE},
	{"summary", FIELD_TEXT, LINE},
	{"query_type", FIELD_TEXT, LINE},
	{"response_code", FIELD_TEXT, LINE},
	{"answers", FIELD_LIST, LINE},
	{"who", FIELD_TEXT, EVENTS | RULES | DAYS},
	{"why", FIELD_TEXT, EVENTS},
	{"ticket", FIELD_TEXT, EVENTS},
	{"diff", FIELD_TEXT, LINE},
	{"old_generation", FIELD_TEXT, EVENTS},
	{"new_generation", FIELD_TEXT, EVENTS},
	{"cause", FIELD_TEXT, LINE},
	{"first_seq", FIELD_NUMBER, LINE},
	{"last_seq", FIELD_NUMBER, LINE},
	{"head", FIELD_TEXT, LINE},
	{"previous", FIELD_TEXT, LINE},
	{"epoch", FIELD_NUMBER, LINE},
	{"next_key", FIELD_TEXT, LINE},
	{"recovered", FIELD_NUMBER, LINE},
	{"removed_first_seq", FIELD_NUMBER, LINE},
	{"removed_last_seq", FIELD_NUMBER, LINE},
	{"removed_head", FIELD_TEXT, LINE},
	{"removed_from", FIELD_MOMENT, LINE},
	{"removed_to", FIELD_MOMENT, LINE},
	{"signature", FIELD_TEXT, LINE},
	{"gates.exceptions", FIELD_TEXT, EVENTS | RULES | DAYS},
	{"gates.own", FIELD_TEXT, LINE},
	{"gates.ip-firewall", FIELD_TEXT, LINE},
	{"gates.connectors", FIELD_TEXT, LINE},
	{"gates.endpoints", FIELD_TEXT, LINE},
	{"gates.rules", FIELD_TEXT, LINE},
	{"gates.default", FIELD_TEXT, LINE},
	{"gates.undecidable", FIELD_TEXT, LINE},
};

const size_t field_count = sizeof(fields) / sizeof(fields[0]);

_Static_assert(sizeof(fields) / sizeof(fields[0]) <= FIELDS_MAX, "they fit");

static bool same(struct str name, const char *field)
{
	if (strlen(field) != name.len)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		const char a = name.p[i] == '-' ? '_' : name.p[i];
		const char b = field[i] == '-' ? '_' : field[i];

		if (a != b)
			return false;
	}
	return true;
}

int field_find(struct str name)
{
	for (size_t i = 0; i < field_count; i++)
		if (same(name, fields[i].name))
			return (int)i;
	return -1;
}

size_t fields_in(unsigned places, unsigned ret[FIELDS_MAX])
{
	size_t n = 0;

	for (unsigned i = 0; i < field_count; i++)
		if ((fields[i].places & places) != 0)
			ret[n++] = i;
	return n;
}

bool field_is_inner(struct str name)
{
	return (name.len > 7 && memcmp(name.p, "detail.", 7) == 0) ||
	       (name.len > 6 && memcmp(name.p, "gates.", 6) == 0);
}

const char *field_nearest(struct str name)
{
	struct nearest n;
	char buf[64];

	if (name.len >= sizeof(buf))
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		buf[i] = name.p[i] == '-' ? '_' : name.p[i];
	nearest_start(&n, (struct str){buf, name.len});
	for (size_t i = 0; i < field_count; i++)
		nearest_offer(&n, fields[i].name);
	return n.best;
}
