/* SPDX-License-Identifier: Apache-2.0 */
#include "store/saved.h"

#include <string.h>

/*
 * `--phase !end`: a connection's start, each time that it was judged again, and roll-ups; its end
 * says the same once more.  Events of type `rollup` have no country and no environment.
 */
const struct saved saved_queries[] = {
	{"environments",
	 "who reached which environment, from where",
	 {{SAVED_QUERY, "environments by source",
	   "--type flow --phase !end --environment-id * --group-by "
	   "environment_id,site,role,principal,service,verdict"}}},
	{"denied",
	 "what was denied, by which rule",
	 {{SAVED_QUERY, "denials by rule",
	   "--type flow --type rollup --phase !end --verdict deny --group-by "
	   "gate,rule,rule_label,reason,effect"},
	  {SAVED_QUERY, "denials by source",
	   "--type flow --type rollup --phase !end --verdict deny --group-by "
	   "site,role,principal,service,rule"}}},
	{"off-hours",
	 "who was active outside of the hours",
	 {{SAVED_QUERY, "signals off_hours",
	   "--type signal --signal off_hours --group-by site,role,principal,service,rule"}}},
	{"countries",
	 "connections to countries that nobody expects",
	 {{SAVED_QUERY, "signals unexpected_country",
	   "--type signal --signal unexpected_country --group-by "
	   "detail.country,site,role,principal,service"},
	  {SAVED_QUERY, "all countries",
	   "--type flow --phase !end --country * --group-by country,service,verdict"}}},
	{"foreign-tenants",
	 "connections to tenants that are neither ours nor a partner's",
	 {{SAVED_QUERY, "denied by gate own",
	   "--type flow --type rollup --phase !end --gate own --verdict deny --group-by "
	   "tenant_name,tenant_id,environment_id,org,principal,service,rule"},
	  {SAVED_QUERY, "would be denied by gate own",
	   "--type flow --type rollup --phase !end --would-gate own --would-verdict deny --group-by "
	   "tenant_name,tenant_id,environment_id,org,principal,service,would_rule"}}},
	{"unused-rules",
	 "lines of the rules in force that nothing came to",
	 {{SAVED_UNUSED_RULES,
	   "lines that decided nothing, would have decided nothing "
	   "and gave no signal",
	   NULL}}},
	{"would-deny",
	 "what passes and would be denied: since when, how often",
	 {{SAVED_QUERY, "by a line that reports only",
	   "--type flow --type rollup --phase !end --would-verdict deny --group-by "
	   "would_gate,would_rule,would_rule_label,service"},
	  {SAVED_QUERY, "denied, and passed (mode monitor, a mirror port, a replay)",
	   "--type flow --type rollup --phase !end --verdict deny --would-deny "
	   "--group-by mode,gate,rule,rule_label,service"}}},
	{"gaps",
	 "where the record has holes",
	 {{SAVED_QUERY, "what was not seen or not written",
	   "--type loss --group-by what --sum count"},
	  {SAVED_QUERY, "starts, stops and failures", "--type system --group-by what"},
	  {SAVED_SILENCE, "hours without any event", NULL}}},
	{"changes",
	 "who changed what",
	 {{SAVED_QUERY, "changes", "--type change --group-by who,what"},
	  {SAVED_QUERY, "one by one",
	   "--type change --limit 1000 --fields "
	   "time,what,who,why,ticket,diff,old_generation,new_generation"}}},
	{"exceptions",
	 "exceptions in force and their use",
	 {{SAVED_QUERY, "connections that an exception is about",
	   "--type flow --phase start --gates.exceptions !not_concerned "
	   "--gates.exceptions * --group-by "
	   "gates.exceptions,site,role,principal,service,verdict"},
	  {SAVED_QUERY, "given and ended",
	   "--type change --what exempt --limit 1000 --fields time,who,why,ticket,diff"}}},
};

const size_t saved_count = sizeof(saved_queries) / sizeof(saved_queries[0]);

const struct saved *saved_find(const char *name)
{
	for (size_t i = 0; i < saved_count; i++)
		if (strcmp(saved_queries[i].name, name) == 0)
			return &saved_queries[i];
	return NULL;
}
