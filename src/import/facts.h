/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_FACTS_H
#define IMPORT_FACTS_H

/*
 * facts - what a generated file says of the tenant, apart from how `weir import` was told to
 * write it (roles, report-only, scope words), so that two of them can be compared.
 *
 * Reads the form that write.c gives, line by line, comments too; what it does not know it
 * passes over, so that a file which was edited by hand gives what is left of it.
 *
 * Memory: `list` is malloc'd (facts_finish()); all strings borrow from the text.
 */

#include "base/text.h"

#define FACTS_MAX 500000

enum facts_kind {
	FACTS_NONE = 0, /* a generated file that no export of a tenant is compared with */
	FACTS_POLICY,
	FACTS_ISOLATION,
	FACTS_FIREWALL,
	FACTS_ENVIRONMENTS
};

/* "policy", "tenant isolation", ... */
const char *facts_kind_name(enum facts_kind k);

/* `what` and `list` and `name` tell it apart; `value` is what may change. */
struct fact {
	const char *what; /* "connector", "endpoint", "URL pattern", "range", ... */
	struct str list;  /* of an endpoint: its connector; else absent */
	struct str name, value;
};

struct facts {
	enum facts_kind kind;
	struct str id; /* GUID of the policy; the firewall's environment; absent = none */
	struct str title; /* of a policy */
	struct fact *list;
	size_t count, room;
};

/* 0, -ENOMEM or -E2BIG.  *ret is to be given to facts_finish() in every case. */
int facts_read(struct str text, struct facts *ret);
void facts_finish(struct facts *f);

enum fact_change {
	FACT_ADDED = 0,
	FACT_REMOVED,
	FACT_CHANGED,  /* its value */
	FACT_REORDERED /* of a list, told by one of its lines: the first match answers */
};

/* NULL: it is not there on that side. */
typedef void facts_each(void *arg, enum fact_change change, const struct fact *before,
			const struct fact *after);

/*
 * Call `each` for all differences, in the order of what, list and name.  Of two facts that only
 * differ in value within one file the first one counts.  0 or -ENOMEM; *ret: how many.
 */
int facts_compare(const struct facts *old, const struct facts *fresh, facts_each *each,
		  void *arg, size_t *ret);

#endif /* IMPORT_FACTS_H */
