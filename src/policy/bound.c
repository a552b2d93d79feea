/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bound - which bindings hold an inside address.  The first function is on the packet path.
 */
#include "policy/policy.h"
#include "policy/program.h"

#define LENGTHS 129 /* of prefixes: at most one of each holds an address */

const struct bitset *program_bound(const struct program *p, const struct addr *inside)
{
	uint32_t found;

	if (p->bindings == NULL || prefixes_find(p->bindings, inside, &found, 1) == 0)
		return NULL;
	return p->bounds[found].environments;
}

size_t policy_bindings(const struct policy *p, const struct addr *inside,
		       struct policy_binding *ret, size_t max)
{
	const struct program *g = &p->program;
	uint32_t found[LENGTHS];
	size_t count = 0;
	size_t n = g->bindings == NULL ? 0
				       : prefixes_find(g->bindings, inside, found,
						       max < LENGTHS ? max : LENGTHS);

	for (size_t i = 0; i < n; i++) {
		const struct bound *b = &g->bounds[found[i]];
		const struct item *it = b->item;

		/* One line may give a prefix twice. */
		if (count > 0 && ret[count - 1].prefix.bits == b->prefix.bits)
			continue;
		ret[count++] = (struct policy_binding){
			.place = {.file = str_of(b->binding->at.file),
				  .line = b->binding->at.line,
				  .text = b->binding->text},
			.prefix = b->prefix,
			.source = it->field == FIELD_SOURCE ? (uint16_t)it->id : ID_NONE,
			.number = found[i],
		};
	}
	return count;
}

struct str policy_bound_environment(const struct policy *p,
				    const struct policy_binding *b, size_t i)
{
	const struct item *it = p->program.bounds[b->number].binding->environments;

	for (; it != NULL && i > 0; i--)
		it = it->next;
	return it == NULL ? STR_NONE : it->text;
}
