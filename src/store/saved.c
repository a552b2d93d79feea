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
	   "environment_id,site,role,principal,service,verdict"},
	  {SAVED_QUERY,
	   "organizations (Dataverse) whose environment the name does not tell",
	   "--type flow --phase !end --environment-id !* --org * --group-by "
	   "org,site,role,principal,service,verdict"}},
	 "by what host names tell; not in it are names that were hidden (--undecidable '*') and "
	 "denials beyond 20 a minute, which --saved denied counts"},
	{"denied",
	 "what was denied, by which rule",
	 {{SAVED_QUERY, "denials by rule",
	   "--type flow --type rollup --phase !end --verdict deny --group-by "
	   "gate,rule,rule_label,reason,effect"},
	  {SAVED_QUERY, "denials by source",
	   "--type flow --type rollup --phase !end --verdict deny --group-by "
	   "site,role,principal,service,rule"}},
	 NULL},
	{"off-hours",
	 "who was active outside of the hours",
	 {{SAVED_QUERY, "signals off_hours",
	   "--type signal --signal off_hours --group-by site,role,principal,service,rule"}},
	 "only what a line `alert outside hours` of the rules told; without one nothing is in it"},
	{"countries",
	 "connections to countries that nobody expects",
	 {{SAVED_QUERY, "signals unexpected_country",
	   "--type signal --signal unexpected_country --group-by "
	   "detail.country,site,role,principal,service"},
	  {SAVED_QUERY, "all countries",
	   "--type flow --phase !end --country * --group-by country,service,verdict"}},
	 "the signals are those of lines `alert to country not-expected`; without one none is in it"},
	{"foreign-tenants",
	 "connections to tenants that are neither ours nor a partner's",
	 {{SAVED_QUERY, "denied by gate own",
	   "--type flow --type rollup --phase !end --gate own --verdict deny --group-by "
	   "tenant_name,tenant_id,environment_id,org,principal,service,rule"},
	  {SAVED_QUERY, "would be denied by gate own",
	   "--type flow --type rollup --phase !end --would-gate own --would-verdict deny --group-by "
	   "tenant_name,tenant_id,environment_id,org,principal,service,would_rule"}},
	 "only what a line `deny to foreign ..` of gate own told; without one nothing is in it"},
	{"unused-rules",
	 "lines of the rules in force that decided nothing since they are",
	 {{SAVED_UNUSED_RULES,
	   "lines that decided nothing, would have decided nothing "
	   "and gave no signal",
	   NULL}},
	 "a line may have answered its gate and let others decide: before one is removed ask "
	 "`weir rules stats`, which judges all connections again"},
	{"would-deny",
	 "what passes and would be denied: since when, how often",
	 {{SAVED_QUERY, "by a line that reports only",
	   "--type flow --type rollup --phase !end --would-verdict deny --group-by "
	   "would_gate,would_rule,would_rule_label,service"},
	  {SAVED_QUERY, "denied, and passed (mode monitor, a mirror port, a replay)",
	   "--type flow --type rollup --phase !end --verdict deny --would-deny "
	   "--group-by mode,gate,rule,rule_label,service"}},
	 NULL},
	{"gaps",
	 "where the record has holes",
	 {{SAVED_QUERY, "what was not seen or not written",
	   "--type loss --group-by what --sum count"},
	  {SAVED_QUERY, "one by one",
	   "--type loss --limit 1000 --fields what,count,from,to"},
	  {SAVED_QUERY, "found unsealed at a start; removed by retention",
	   "--type seal --cause start --cause retention --limit 1000 --fields "
	   "time,cause,recovered,removed_first_seq,removed_last_seq,removed_from,removed_to"},
	  {SAVED_QUERY, "lines whose time has passed, by segment",
	   "--type seal --cause expiry --limit 1000 --fields "
	   "time,expired_types,expired_lines,expired_first_seq,expired_last_seq"},
	  {SAVED_QUERY, "starts, stops and failures", "--type system --group-by what"},
	  {SAVED_SILENCE, "hours without any event", NULL}},
	 "a count of 0 is not known; what no seal covers, and whether lines are missing, says "
	 "`weir verify`"},
	{"changes",
	 "who changed what",
	 {{SAVED_QUERY, "changes", "--type change --group-by who,what"},
	  {SAVED_QUERY, "one by one",
	   "--type change --limit 1000 --fields "
	   "time,what,who,why,ticket,diff,old_generation,new_generation"}},
	 NULL},
	{"exceptions",
	 "exceptions in force and their use",
	 {{SAVED_QUERY, "connections that an exception is about",
	   "--type flow --phase start --gates.exceptions !not_concerned "
	   "--gates.exceptions * --group-by "
	   "gates.exceptions,site,role,principal,service,verdict"},
	  {SAVED_QUERY, "given and ended",
	   "--type change --what exempt --limit 1000 --fields time,who,why,ticket,diff"},
	  {SAVED_EXCEPTIONS, "lines of gate exceptions of the rules in force", NULL}},
	 NULL},
};

const size_t saved_count = sizeof(saved_queries) / sizeof(saved_queries[0]);

const struct saved *saved_find(const char *name)
{
	for (size_t i = 0; i < saved_count; i++)
		if (strcmp(saved_queries[i].name, name) == 0)
			return &saved_queries[i];
	return NULL;
}
