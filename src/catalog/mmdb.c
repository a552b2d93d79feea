/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/mmdb.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "catalog/mmdb_file.h"

static const struct mmdb_fact *fact_at(const struct mmdb *m, uint32_t offset)
{
	uint32_t i = mmdb_slot(offset, m->slots);

	while (m->facts[i].offset != 0) {
		if (m->facts[i].offset == offset + 1)
			return &m->facts[i];
		i = (i + 1) & (m->slots - 1);
	}
	return NULL; /* the tree was walked at opening: none is missing */
}

/* What is known of `a`, or NULL; an IPv6 address in a file of IPv4 only has nothing. */
static const struct mmdb_fact *find(const struct mmdb *m, const struct addr *a)
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
		return NULL;
	return fact_at(m, hit.entry.offset);
}

void mmdb_country(const struct mmdb *m, const struct addr *a, char ret[3])
{
	const struct mmdb_fact *f = m == NULL ? NULL : find(m, a);

	ret[0] = '\0';
	if (f != NULL)
		memcpy(ret, f->country, 3);
}

void mmdb_network(const struct mmdb *m, const struct addr *a, uint32_t *ret_asn,
		  struct str *ret_org)
{
	const struct mmdb_fact *f = m == NULL ? NULL : find(m, a);

	*ret_asn = f == NULL ? 0 : f->asn;
	*ret_org = f == NULL ? STR_NONE : (struct str){f->org, f->org_len};
}

void mmdb_about(const struct mmdb *m, struct mmdb_about *ret)
{
	const uint64_t latest = (uint64_t)INT64_MAX / 1000000;
	uint64_t s = m->db.metadata.build_epoch;

	*ret = (struct mmdb_about){
		.build_us = (int64_t)(s > latest ? latest : s) * 1000000,
		.type = m->type,
		.schema = m->preset->name,
		.path = m->preset->shown,
		.records = m->records,
		.v4 = m->v4,
		.v6 = m->v6,
	};
}
