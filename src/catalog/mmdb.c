/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/mmdb.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "catalog/mmdb_file.h"

/* The record of `a`; an IPv6 address in a file of IPv4 only has none. */
static bool find(const struct mmdb *m, const struct addr *a, MMDB_entry_s *ret)
{
	struct sockaddr_storage ss;
	struct sockaddr *sa = (struct sockaddr *)&ss;
	MMDB_lookup_result_s hit;
	int rc = MMDB_SUCCESS;

	if (addr_is_v4(a)) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;

		v4->sin_family = AF_INET;
		memcpy(&v4->sin_addr, a->b + 12, 4);
	} else {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;

		v6->sin6_family = AF_INET6;
		memcpy(&v6->sin6_addr, a->b, 16);
	}
	hit = MMDB_lookup_sockaddr(&m->db, sa, &rc);
	if (rc != MMDB_SUCCESS || !hit.found_entry)
		return false;
	*ret = hit.entry;
	return true;
}

static bool get(MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *ret)
{
	return MMDB_aget_value(entry, ret, path) == MMDB_SUCCESS && ret->has_data;
}

void mmdb_country(const struct mmdb *m, const struct addr *a, char ret[3])
{
	MMDB_entry_s entry;
	MMDB_entry_data_s data;

	ret[0] = '\0';
	if (m == NULL || !find(m, a, &entry) || !get(&entry, m->path, &data))
		return;
	if (data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2 ||
	    !ascii_is_alpha(data.utf8_string[0]) || !ascii_is_alpha(data.utf8_string[1]))
		return;
	for (int i = 0; i < 2; i++)
		ret[i] = (char)(ascii_lower(data.utf8_string[i]) - 32);
	ret[2] = '\0';
}

void mmdb_network(const struct mmdb *m, const struct addr *a, uint32_t *ret_asn,
		  struct str *ret_org)
{
	static const char *const number[] = {"autonomous_system_number", NULL};
	static const char *const name[] = {"autonomous_system_organization", NULL};
	MMDB_entry_s entry;
	MMDB_entry_data_s data;

	*ret_asn = 0;
	*ret_org = STR_NONE;
	if (m == NULL || !find(m, a, &entry))
		return;
	if (get(&entry, number, &data)) {
		if (data.type == MMDB_DATA_TYPE_UINT32)
			*ret_asn = data.uint32;
		else if (data.type == MMDB_DATA_TYPE_UINT16)
			*ret_asn = data.uint16;
	}
	if (get(&entry, name, &data) && data.type == MMDB_DATA_TYPE_UTF8_STRING &&
	    data.data_size > 0)
		*ret_org = (struct str){data.utf8_string, data.data_size};
}

int64_t mmdb_build_us(const struct mmdb *m)
{
	const uint64_t latest = (uint64_t)INT64_MAX / 1000000;
	uint64_t s = m->db.metadata.build_epoch;

	return (int64_t)(s > latest ? latest : s) * 1000000;
}

const char *mmdb_type(const struct mmdb *m)
{
	return m->db.metadata.database_type;
}
