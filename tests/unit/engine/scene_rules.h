/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ENGINE_SCENE_RULES_H
#define TESTS_ENGINE_SCENE_RULES_H

/*
 * scene_rules - by what the connections of the engine's tests are judged.
 *
 * Names: the host good.example may be reached, evil.example may not; the address 192.0.2.66
 * (2001:db8:9::66) may not whatever the name.  Under closed_rules all that is unknown is
 * denied, under open_rules it passes.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/generation.h"

#define SCENE_CONFIG "tests/unit/engine/sites.conf"

#define SCENE_ADDRESSES "table <bad> { 192.0.2.66, 2001:db8:9::66 }\n"

static const char closed_rules[] = "version 1\n" SCENE_ADDRESSES "gate rules\n"
				   "deny to <bad>\n"
				   "allow to host \"good.example\"\n"
				   "allow port 53\n"
				   "gate default\n"
				   "deny in-scope\n"
				   "deny other\n";

static const char open_rules[] = "version 1\n" SCENE_ADDRESSES "gate rules\n"
				 "deny to <bad>\n"
				 "deny to host \"evil.example\"\n"
				 "allow from any\n"
				 "gate undecidable\n"
				 "allow { hold_budget, midstream, no_sni, incomplete }\n";

/* Unknown bytes pass, but whoever waits too long is denied. */
static const char patient_rules[] = "version 1\n" SCENE_ADDRESSES "gate rules\n"
				    "deny to <bad>\n"
				    "deny to host \"evil.example\"\n"
				    "allow from any\n"
				    "gate undecidable\n"
				    "deny { hold_budget }\n";

/* A generation of tests/unit/engine/sites.conf with these rules. */
static inline struct generation *scene_generation(const char *rules)
{
	const int fd = memfd_create("weir-rules", MFD_CLOEXEC);
	const size_t len = strlen(rules);
	struct diag *d = diag_create();
	struct generation *g;
	char path[32];
	const char *const paths[] = {path};
	const struct generation_cfg cfg = {
		.config = SCENE_CONFIG, .rules = paths, .rule_count = 1, .share = "."};

	if (fd < 0 || d == NULL || write(fd, rules, len) != (ssize_t)len)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	g = generation_load(&cfg, d);
	if (g == NULL) {
		diag_print(d, stderr, false);
		abort();
	}
	diag_destroy(d);
	(void)close(fd);
	return g;
}

#endif /* TESTS_ENGINE_SCENE_RULES_H */
