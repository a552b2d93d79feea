/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own - whose tenant, environment and organization a name belongs to.
 *
 * A tenant that decodes to a GUID is foreign when it is not listed and we list one of our
 * own.  Environments and organizations that are not listed are foreign only while the files
 * say `own complete`, else unknown.  Packet path: nothing here allocates.
 */
#include <string.h>

#include "model/facts.h"
#include "policy/program.h"

static const struct owned *find_guid(const struct owned *list, uint32_t count,
				     const char *guid)
{
	uint32_t low = 0, high = count;

	if (guid[0] == '\0')
		return NULL;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int c = strncmp(guid, list[middle].guid, GUID_LEN);

		if (c == 0)
			return &list[middle];
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/*
 * An organization of Dataverse has two names: ORG.REST, and ORG.api.REST for its Web API.
 * The other one of `host`, in `buffer`; none = STR_NONE.
 */
static struct str other_name(struct str host, struct str org, char buffer[HOST_MAX])
{
	static const struct str api = {".api", 4};
	struct str rest = {host.p + org.len, host.len - org.len};
	const bool is_api =
		rest.len > api.len && memcmp(rest.p, ".api.", api.len + 1) == 0;
	size_t len = org.len;

	memcpy(buffer, org.p, org.len);
	if (is_api) {
		rest = (struct str){rest.p + api.len, rest.len - api.len};
	} else if (host.len + api.len <= HOST_MAX) {
		memcpy(buffer + len, api.p, api.len);
		len += api.len;
	} else {
		return STR_NONE;
	}
	memcpy(buffer + len, rest.p, rest.len);
	return (struct str){buffer, len + rest.len};
}

static bool find_other(const struct program *p, struct str host, struct str org,
		       uint32_t *ret)
{
	char buffer[HOST_MAX];

	return org.len > 0 && host.len > org.len && host.len <= HOST_MAX &&
	       memcmp(host.p, org.p, org.len) == 0 &&
	       suffix_find(p->own_hosts, other_name(host, org, buffer), ret, 1) > 0;
}

/* What the name is listed under, by itself or by the organization's other name. */
static const struct owned *find_host(const struct program *p, struct str host,
				     struct str org, bool *ret_tenant)
{
	uint32_t value;

	*ret_tenant = false;
	if (p->own_host_count == 0 || host.len == 0 ||
	    (suffix_find(p->own_hosts, host, &value, 1) == 0 &&
	     !find_other(p, host, org, &value)))
		return NULL;
	*ret_tenant = (value & NAME_TENANT) != 0;
	return *ret_tenant ? &p->tenant_by_index[value & ~NAME_TENANT]
			   : &p->environment_by_index[value];
}

static enum ownership own_tenant(const struct question *q, const struct owned *listed,
				 const struct owned *environment)
{
	const struct program *p = q->p;
	const struct service *v = q->s->service;
	const struct owned *t = find_guid(p->tenants, p->tenant_count, v->tenant_id);

	if (t == NULL)
		t = listed;
	if (t != NULL)
		return (enum ownership)t->ownership;
	if (v->tenant_id[0] != '\0')
		return p->tenant_count > 0 ? OWNERSHIP_FOREIGN : OWNERSHIP_UNKNOWN;
	if (environment != NULL && environment->tenant_ownership != OWNERSHIP_UNKNOWN)
		return (enum ownership)environment->tenant_ownership;
	if (v->tenant_name.len > 0)
		return p->own_complete && p->tenants_have_hosts ? OWNERSHIP_FOREIGN
								: OWNERSHIP_UNKNOWN;
	return OWNERSHIP_COUNT;
}

void question_own(struct question *q)
{
	const struct program *p = q->p;
	const struct service *v = q->s->service;
	const struct owned *environment, *organization, *host;
	enum ownership other = p->own_complete ? OWNERSHIP_FOREIGN : OWNERSHIP_UNKNOWN;
	bool is_tenant;

	host = find_host(p, q->s->host, v->org, &is_tenant);
	organization =
		find_guid(p->organizations, p->organization_count, v->organization_id);
	environment = find_guid(p->environments, p->environment_count, v->environment_id);
	if (environment == NULL)
		environment = organization;
	if (environment == NULL && !is_tenant)
		environment = host;

	q->environment = environment == NULL ? ENVIRONMENT_NONE : environment->index;
	q->own[OWN_TENANT] = own_tenant(q, is_tenant ? host : NULL, environment);
	q->own[OWN_ENVIRONMENT] = environment != NULL
					  ? (enum ownership)environment->ownership
				  : v->environment_id[0] != '\0' ? other
								 : OWNERSHIP_COUNT;
	q->own[OWN_ORGANIZATION] = OWNERSHIP_COUNT;
	if (v->organization_id[0] != '\0' || v->org.len > 0)
		q->own[OWN_ORGANIZATION] =
			environment != NULL ? (enum ownership)environment->ownership
					    : other;
}
