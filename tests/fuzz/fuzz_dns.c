/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dns - one DNS message, and what the witness learns of it.
 *
 * Properties: names are printable, lower case and at most 253 bytes; the counts are within
 * their arrays; after its query an answer's addresses are confirmed, unless the witness had to
 * give up one for another.
 */
#include "../unit/identify/support.h"
#include "identify/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const struct dns_message *m)
{
	if (m->name_len > 253 || m->name[m->name_len] != '\0' ||
	    m->address_count > DNS_ADDRESSES_MAX)
		abort();
	for (size_t i = 0; i < m->name_len; i++)
		if (m->name[i] < 0x21 || m->name[i] > 0x7e ||
		    (m->name[i] >= 'A' && m->name[i] <= 'Z'))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct addr client = {{1}}, resolver = {{2}};
	static struct witness *w;
	struct dns_message m, query;
	int64_t now_us = (int64_t)size * 1000000;
	uint64_t evicted;

	if (w == NULL)
		w = witness_create(256);
	if (w == NULL || size > UINT16_MAX)
		return 0;
	memset(&m, 0, sizeof(m));
	if (dns_parse(data, size, &m) != DNS_FINE)
		return 0;
	check_message(&m);
	if (!m.is_answer) {
		witness_query(w, &client, 1, &resolver, &m, now_us);
		return 0;
	}
	query = m;
	query.is_answer = false;
	evicted = witness_stats(w)->evicted;
	witness_query(w, &client, 1, &resolver, &query, now_us);
	if (!witness_answer(w, &client, 1, &resolver, &m, now_us))
		return 0;
	for (size_t i = 0; i < m.address_count && witness_stats(w)->evicted == evicted;
	     i++)
		if (!witness_confirms(w, &client, &m.addresses[i].addr,
				      (struct str){m.name, m.name_len}, now_us))
			abort();
	return 0;
}
