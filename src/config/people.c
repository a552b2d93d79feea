/* SPDX-License-Identifier: Apache-2.0 */
/* people - who has an address or a MAC, by a CSV file of the operator's.  weir.conf(5). */
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "config/identity_impl.h"

enum {
	PEOPLE_ADDRESS = 0,
	PEOPLE_MAC,
	PEOPLE_USER,
	PEOPLE_FROM,
	PEOPLE_UNTIL,
	PEOPLE_COLUMNS
};

static const char *const names[PEOPLE_COLUMNS] = {"address", "mac", "user", "from",
						  "until"};

/* Something to print, and nothing that looks like an address or a MAC. */
static bool good_user(struct str s)
{
	struct addr a;
	struct mac m;

	if (s.len == 0 || s.len > IDENTITY_USER_MAX || addr_parse(s.p, s.len, &a) ||
	    mac_parse(s, &m))
		return false;
	return utf8_text_len(s.p, s.len) == s.len;
}

static bool take_time(struct identity_reader *r, struct str s, int64_t absent,
		      int64_t *ret)
{
	*ret = absent;
	if (s.len == 0 || clock_parse_rfc3339(s.p, s.len, ret))
		return true;
	identity_fault(r, s, "is no time",
		       "2026-11-22T08:00:00Z or 2026-11-22T09:00:00+01:00");
	return false;
}

static void people_row(struct identity_reader *r, struct str line, const int *place)
{
	struct str f[CSV_FIELDS_MAX], v[PEOPLE_COLUMNS];
	char buf[1024];
	const size_t n = csv_split(line, f, buf, sizeof(buf));
	struct identity_row row = {.kind = IDENTITY_PEOPLE};

	if (n == 0) {
		identity_fault(
			r, line, "is no row of CSV",
			"fields with ',' between; \"...\" around one with a comma");
		return;
	}
	for (unsigned i = 0; i < PEOPLE_COLUMNS; i++)
		v[i] = place[i] < 0 || (size_t)place[i] >= n ? STR_NONE
							     : str_trim(f[place[i]]);
	if ((v[PEOPLE_ADDRESS].len > 0) == (v[PEOPLE_MAC].len > 0))
		identity_fault(r, line, "an address or a MAC, and not both", NULL);
	else if (v[PEOPLE_ADDRESS].len > 0 &&
		 (!addr_parse(v[PEOPLE_ADDRESS].p, v[PEOPLE_ADDRESS].len, &row.addr) ||
		  addr_equal(&row.addr, &(struct addr){{0}})))
		identity_fault(r, v[PEOPLE_ADDRESS], "is no IP address", NULL);
	else if (v[PEOPLE_MAC].len > 0 && !mac_parse(v[PEOPLE_MAC], &row.mac))
		identity_fault(r, v[PEOPLE_MAC], "is no MAC address",
			       "02:00:5e:10:00:01 or 02-00-5e-10-00-01");
	else if (!good_user(v[PEOPLE_USER]))
		identity_fault(r, v[PEOPLE_USER].len == 0 ? line : v[PEOPLE_USER],
			       "is no user: 1 to 128 bytes of UTF-8, no control "
			       "characters, no address",
			       NULL);
	else if (take_time(r, v[PEOPLE_FROM], IDENTITY_BEFORE, &row.from_us) &&
		 take_time(r, v[PEOPLE_UNTIL], IDENTITY_EVER, &row.until_us)) {
		if (row.until_us <= row.from_us)
			identity_fault(r, v[PEOPLE_UNTIL], "is not after 'from'", NULL);
		else
			identity_keep(r, &row, v[PEOPLE_USER]);
	}
}

static bool read_names(struct identity_reader *r, struct str line, int *place)
{
	struct str f[CSV_FIELDS_MAX];
	char buf[1024];
	const size_t n = csv_split(line, f, buf, sizeof(buf));
	bool known = n > 0;

	csv_columns(f, n, names, PEOPLE_COLUMNS, place);
	for (size_t i = 0; i < n; i++) {
		bool is_one = false;

		for (unsigned k = 0; k < PEOPLE_COLUMNS; k++)
			is_one |= place[k] == (int)i;
		known &= is_one;
	}
	if (known && place[PEOPLE_USER] >= 0 &&
	    (place[PEOPLE_ADDRESS] >= 0 || place[PEOPLE_MAC] >= 0))
		return true;
	identity_fault(r, line,
		       "the first line names the columns: user, address or mac, and, if "
		       "wanted, from and until",
		       "address,user");
	return false;
}

void identity_read_people(struct identity_reader *r)
{
	struct str line;
	int place[PEOPLE_COLUMNS];
	bool whole, named = false;

	while (identity_line(r, &line, &whole)) {
		if (str_trim(line).len == 0 || line.p[0] == '#')
			continue;
		if (named)
			people_row(r, line, place);
		else if (!read_names(r, line, place))
			return;
		named = true;
	}
	if (!r->bad)
		identity_refuse_overlaps(r);
}
