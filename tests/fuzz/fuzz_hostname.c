/* SPDX-License-Identifier: Apache-2.0 */
/* Any host name through every grammar: what comes out is a part of it, or a sound GUID. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hostname.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool sound)
{
	if (!sound)
		abort();
}

static void check_guid(const char guid[GUID_LEN + 1])
{
	if (guid[0] == '\0')
		return;
	check(strnlen(guid, GUID_LEN + 1) == GUID_LEN);
	for (size_t i = 0; i < GUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		check(dash ? guid[i] == '-'
			   : ascii_is_digit(guid[i]) ||
				      (guid[i] >= 'a' && guid[i] <= 'f'));
	}
}

/* Borrowed parts lie in the name, or are one of our own words. */
static void check_part(struct str host, struct str part, bool may_be_word)
{
	uintptr_t from = (uintptr_t)host.p, at = (uintptr_t)part.p;

	if (part.p == NULL || part.len == 0)
		return;
	if (at >= from && at <= from + host.len)
		check(part.len <= from + host.len - at);
	else
		check(may_be_word && part.len < 24);
}

static void check_host(enum grammar g, uint8_t tail, struct str host)
{
	struct service s = {.service = ID_NONE};
	struct region_ref region;

	if (!hostname_fits(g, tail, host))
		return;
	hostname_decode(g, tail, host, &s, &region);
	check_guid(s.environment_id);
	check_guid(s.tenant_id);
	check_guid(s.organization_id);
	check(s.environment_id[0] == '\0' || s.tenant_id[0] == '\0');
	check_part(host, s.org, false);
	check_part(host, s.site_name, false);
	check_part(host, s.tenant_name, false);
	check_part(host, s.account, false);
	check_part(host, s.key, false);
	check_part(host, s.stamp, false);
	check_part(host, s.component, true);
	check_part(host, s.host_role, true);
	check_part(host, s.region, true);
	check_part(host, region.token, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str host;
	uint8_t tail;
	enum grammar own;
	char *copy;

	if (size == 0 || size > 255)
		return 0;
	copy = malloc(size); /* exact, so that one byte too far is seen */
	check(copy != NULL);
	memcpy(copy, data, size);
	host = (struct str){copy, size};
	own = hostname_grammar(host, &tail);
	check_host(own, tail, host);
	for (unsigned g = GRAMMAR_NONE; g <= GRAMMAR_ACCOUNT; g++)
		check_host((enum grammar)g, tail > 0 ? tail : 11, host);
	free(copy);
	return 0;
}
