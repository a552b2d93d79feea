/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_REACH_H
#define APP_REACH_H

/*
 * reach - from which sites do the loaded rules let somebody reach an environment?
 *
 * Of every site those addresses are asked at which an answer can change: the first of each
 * prefix that the configuration or the rules name, and the one behind it, with the role that
 * it has there, to the environment's host on port 443, on a Wednesday at noon.  An address
 * counts when nothing but an imported line of gate ip-firewall denies: what the tenant lets in
 * today is no answer to what it should let in.
 */

#include "engine/generation.h"

#define REACH_ASKED_MAX 200000 /* addresses that are asked; beyond is an error */

struct reach {
	bool *sites; /* by number in config->sites: somebody there is not denied */
	struct rule_place *denied; /* of the others: the line that denied the first one */
	struct policy_environment environment;
	bool asked; /* false: no host of the environment is known, and all sites count */
};

/*
 * `name`: of an `environment` line, or its GUID.  0, -ENOENT (no such line; *ret_near is a name
 * that is near it, or NULL), -E2BIG or -ENOMEM.
 */
int reach_find(const struct generation *g, const char *name, struct reach *ret,
	       const char **ret_near);
void reach_finish(struct reach *r);

#endif /* APP_REACH_H */
