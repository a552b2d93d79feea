/* SPDX-License-Identifier: Apache-2.0 */
/* mmdb_schema - what the records of known makers look like. */
#include <stdio.h>
#include <string.h>

#include "base/country.h"
#include "catalog/mmdb_file.h"

static const char *const iso_code[] = {"country", "iso_code", NULL};
static const char *const flat_code[] = {"country_code", NULL};
static const char *const number[] = {"autonomous_system_number", NULL};
static const char *const organization[] = {"autonomous_system_organization", NULL};
static const char *const asn[] = {"asn", NULL};
static const char *const as_name[] = {"as_name", NULL};

/*
 * Seen in files of these makers, 2026-11: GeoLite2, GeoIP2 and DB-IP nest the country; npm's
 * ip-location-db is flat, and spells networks as MaxMind does; IPinfo writes "AS64496".
 */
static const struct mmdb_preset presets[MMDB_PRESETS] = {
	{MMDB_COUNTRY, "maxmind", iso_code, NULL, "country.iso_code"},
	{MMDB_COUNTRY, "flat", flat_code, NULL, "country_code"},
	{MMDB_ASN, "maxmind", number, organization, "autonomous_system_number"},
	{MMDB_ASN, "flat", asn, as_name, "asn"},
};

const struct mmdb_preset *mmdb_preset_at(size_t i)
{
	return &presets[i];
}

static bool get(MMDB_entry_s entry, const char *const *path, MMDB_entry_data_s *ret)
{
	return path != NULL && MMDB_aget_value(&entry, ret, path) == MMDB_SUCCESS &&
	       ret->has_data;
}

static bool is_text(const MMDB_entry_data_s *data)
{
	return data->type == MMDB_DATA_TYPE_UTF8_STRING;
}

static bool is_number(const MMDB_entry_data_s *data)
{
	return data->type == MMDB_DATA_TYPE_UINT32 || data->type == MMDB_DATA_TYPE_UINT16;
}

bool mmdb_shows(const struct mmdb_preset *p, MMDB_entry_s entry)
{
	MMDB_entry_data_s data;

	if (!get(entry, p->path, &data))
		return false;
	return is_text(&data) ? p->kind == MMDB_COUNTRY || p->path == asn
			      : p->kind == MMDB_ASN && is_number(&data);
}

/* "AS64496" or "64496"; 0 = it is neither. */
static uint32_t number_of_text(const char *s, size_t len)
{
	uint64_t v = 0;
	size_t i =
		len > 2 && ascii_lower(s[0]) == 'a' && ascii_lower(s[1]) == 's' ? 2 : 0;

	if (i == len || len - i > 10)
		return 0;
	for (; i < len; i++) {
		if (!ascii_is_digit(s[i]))
			return 0;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	return v > UINT32_MAX ? 0 : (uint32_t)v;
}

static void read_country(const MMDB_entry_data_s *data, char ret[3])
{
	const struct str s = {data->utf8_string, data->data_size};
	char buf[3];
	const char *code;

	if (!is_text(data) || s.len != 2)
		return;
	code = country_known(s) ? s.p : country_meant(s, buf);
	if (code != NULL)
		memcpy(ret, code, 2);
}

void mmdb_read_fact(const struct mmdb_preset *p, MMDB_entry_s entry,
		    struct mmdb_fact *ret)
{
	MMDB_entry_data_s data;

	ret->asn = 0;
	ret->org = NULL;
	ret->org_len = 0;
	memset(ret->country, 0, sizeof(ret->country));
	if (get(entry, p->path, &data)) {
		if (p->kind == MMDB_COUNTRY)
			read_country(&data, ret->country);
		else if (is_text(&data))
			ret->asn = number_of_text(data.utf8_string, data.data_size);
		else if (is_number(&data))
			ret->asn = data.type == MMDB_DATA_TYPE_UINT16 ? data.uint16
								      : data.uint32;
	}
	if (get(entry, p->org, &data) && is_text(&data) && data.data_size > 0) {
		ret->org = data.utf8_string;
		ret->org_len = data.data_size;
	}
}

void mmdb_paths(enum mmdb_kind kind, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < MMDB_PRESETS; i++) {
		int n;

		if (presets[i].kind != kind)
			continue;
		n = snprintf(buf + used, size - used, "%s%s", used > 0 ? ", " : "",
			     presets[i].shown);
		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}
