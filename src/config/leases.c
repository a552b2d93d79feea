/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leases - lease files of dnsmasq and Kea.
 *
 * dnsmasq (lease.c of 2.89, lease_update_file): "EXPIRY MAC ADDRESS NAME CLIENT-ID", EXPIRY in
 * seconds or 0 for ever; behind a line "duid ..." IPv6 rows with an IAID for the MAC, which
 * name no machine.  It does not say when a lease began.
 * Kea (ARM 2.2, 8.2.1 and 9.2.1): a log in CSV with a row of names; a later row of an address
 * stands for the ones before.  expire = end, valid_lifetime = its length.  A lease that is released
 * is written again with the length 0, so that expire is when the client was last heard of
 * (memfile_lease_mgr.cc, deleteLease).  Fields are never quoted, commas in them are "&#x2c"
 * (csv_file.cc; both read 2026-11-28).
 */
#include <string.h>

#include "config/identity_impl.h"

#define WORDS_MAX 8

static size_t split_words(struct str line, struct str words[WORDS_MAX])
{
	size_t n = 0, at = 0;

	while (n < WORDS_MAX) {
		size_t from;

		while (at < line.len && (line.p[at] == ' ' || line.p[at] == '\t'))
			at++;
		if (at == line.len)
			break;
		from = at;
		while (at < line.len && line.p[at] != ' ' && line.p[at] != '\t')
			at++;
		words[n++] = (struct str){line.p + from, at - from};
	}
	return n;
}

static bool take_address(struct identity_reader *r, struct str s, struct addr *ret)
{
	if (addr_parse(s.p, s.len, ret))
		return true;
	identity_fault(r, s, "is no IP address", NULL);
	return false;
}

static void dnsmasq_row(struct identity_reader *r, struct str line)
{
	struct str w[WORDS_MAX];
	const size_t n = split_words(line, w);
	struct identity_row row = {.kind = IDENTITY_LEASES,
				   .from_us = IDENTITY_BEFORE,
				   .until_us = IDENTITY_EVER};

	if (n == 0 || w[0].p[0] == '#' || str_equal(w[0], STR("duid")))
		return;
	if (n < 4) {
		identity_fault(r, line, "is no lease of dnsmasq",
			       "end, MAC, address, name and client id, as dnsmasq does");
		return;
	}
	if (!identity_seconds(w[0], &row.until_us)) {
		identity_fault(r, w[0], "is no time: seconds since 1970, 0 = for ever",
			       NULL);
		return;
	}
	if (row.until_us == 0)
		row.until_us = IDENTITY_EVER;
	if (!take_address(r, w[2], &row.addr) || !addr_is_v4(&row.addr))
		return;
	/* "06-02:00:..": not Ethernet; "01-": Ethernet, and the client gave no address */
	if (w[1].len >= 3 && w[1].p[2] == '-')
		return;
	/* The file has one row an address: there is none before that must end. */
	if (identity_hardware(r, w[1], &row.mac) && !mac_is_none(&row.mac))
		identity_keep(r, &row, STR_NONE);
}

void identity_read_dnsmasq(struct identity_reader *r)
{
	struct str line;
	bool whole;

	while (identity_line(r, &line, &whole))
		if (whole) /* else it is being written */
			dnsmasq_row(r, line);
}

/* ---- Kea ----------------------------------------------------------------------------------- */

enum {
	KEA_ADDRESS = 0,
	KEA_HWADDR,
	KEA_LIFETIME,
	KEA_EXPIRE,
	KEA_STATE,
	KEA_TYPE, /* of IPv6: 0 = an address */
	KEA_COLUMNS
};

#define KEA_FOR_EVER UINT32_MAX

/* As in Kea. */
#define KEA_ASSIGNED 0u
#define KEA_DECLINED 1u
#define KEA_EXPIRED  2u /* and reclaimed: of it the row before tells the end */
#define KEA_RELEASED 3u

static struct str kea_field(const struct str *fields, size_t count, const int *place,
			    unsigned column)
{
	const int at = place[column];

	return at < 0 || (size_t)at >= count ? STR_NONE : fields[at];
}

/* 0: more than CSV_FIELDS_MAX.  A '"' is a byte like others: user_context holds JSON. */
static size_t kea_split(struct str line, struct str fields[CSV_FIELDS_MAX])
{
	size_t from = 0, count = 0;

	for (size_t at = 0; at <= line.len; at++) {
		if (at < line.len && line.p[at] != ',')
			continue;
		if (count == CSV_FIELDS_MAX)
			return 0;
		fields[count++] = (struct str){line.p + from, at - from};
		from = at + 1;
	}
	return count;
}

/* Who has it, and when; false: the row tells nothing. */
static bool kea_holder(struct identity_reader *r, struct identity_row *row,
		       struct str mac, uint64_t lifetime, uint64_t state)
{
	if (state == KEA_EXPIRED || state > KEA_RELEASED)
		return false;
	row->from_us = row->until_us - (int64_t)lifetime * 1000000;
	if (lifetime == KEA_FOR_EVER) {
		row->from_us = IDENTITY_BEFORE;
		row->until_us = IDENTITY_EVER;
	}
	/* Without a MAC the row ends what was before. */
	if (state == KEA_RELEASED || lifetime == 0) {
		row->until_us = IDENTITY_EVER;
		return true;
	}
	/* Declined: somebody else has it.  No MAC: one of IPv6 that Kea could not tell. */
	return state == KEA_DECLINED || mac.len == 0 ||
	       identity_hardware(r, mac, &row->mac);
}

static void kea_row(struct identity_reader *r, struct str line, const int *place)
{
	struct str f[CSV_FIELDS_MAX];
	const size_t n = kea_split(line, f);
	const struct str mac = kea_field(f, n, place, KEA_HWADDR);
	const struct str type = kea_field(f, n, place, KEA_TYPE);
	struct identity_row row = {.kind = IDENTITY_LEASES};
	uint64_t lifetime, state = KEA_ASSIGNED;

	if (n == 0) {
		identity_fault(r, line, "has too many fields for a lease", NULL);
		return;
	}
	if (type.len > 0 && !str_equal(type, STR("0")))
		return; /* a prefix, not an address */
	if (!take_address(r, f[place[KEA_ADDRESS]], &row.addr))
		return;
	if (!parse_u64(kea_field(f, n, place, KEA_LIFETIME), UINT32_MAX, &lifetime) ||
	    !identity_seconds(kea_field(f, n, place, KEA_EXPIRE), &row.until_us) ||
	    (place[KEA_STATE] >= 0 &&
	     !parse_u64(kea_field(f, n, place, KEA_STATE), 1000, &state))) {
		identity_fault(r, line, "valid_lifetime, expire or state is no number",
			       NULL);
		return;
	}
	if (kea_holder(r, &row, mac, lifetime, state))
		identity_keep(r, &row, STR_NONE);
}

void identity_read_kea(struct identity_reader *r)
{
	static const char *const names[KEA_COLUMNS] = {
		"address", "hwaddr", "valid_lifetime", "expire", "state", "lease_type"};
	struct str line, f[CSV_FIELDS_MAX];
	int place[KEA_COLUMNS] = {-1, -1, -1, -1, -1, -1};
	bool whole, named = false;

	while (identity_line(r, &line, &whole)) {
		if (!whole || line.len == 0 || line.p[0] == '#')
			continue;
		if (named) {
			kea_row(r, line, place);
			continue;
		}
		named = true;
		csv_columns(f, kea_split(line, f), names, KEA_COLUMNS, place);
		if (place[KEA_ADDRESS] == 0 && place[KEA_LIFETIME] > 0 &&
		    place[KEA_EXPIRE] > 0)
			continue;
		identity_fault(r, line,
			       "the row of names lacks 'valid_lifetime' or 'expire'",
			       "the names that Kea writes");
		return;
	}
}
