/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

/*
 * policy - the rule files, compiled, and the decision about a connection.
 *
 * The language is docs/man/weir.rules.5; the gates and the verdict algebra are docs/policy.md.
 * In a gate the FIRST matching line answers.  Loading reports every error of every file;
 * with any error nothing is returned.  Immutable after loading: any number of threads decide
 * at the same time; deciding allocates nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/diag.h"
#include "base/file_set.h"
#include "base/json.h"
#include "model/event.h"
#include "model/subject.h"
#include "model/verdict.h"

/*
 * Describe a connection as the engine would, for `expect` lines and explain: fill the
 * catalogue, site and calendar parts of *s from inside, peer, ports, host, direction and
 * time.  *svc and *place are memory for s->service and s->place.
 */
typedef void policy_describe(void *arg, struct subject *s, struct service *svc,
			     struct place *place);

struct policy_cfg {
	const char *const *files;
	size_t file_count;
	const struct vocabulary *vocabulary; /* outlives the policy */
	const char *zone_folder;             /* NULL = the system's */
	int64_t now_us;       /* for expiry warnings only; 0 = no such warning */
	struct file_set *set; /* keeps, or stands for, the files read; NULL = none */
};

struct policy;
struct hours;    /* match/calendar.h */
struct holidays; /* the same */
struct zone;     /* match/zone.h */

/* NULL when some file has an error or memory ran out (then also an error in `d`). */
struct policy *policy_load(const struct policy_cfg *cfg, struct diag *d);
void policy_destroy(struct policy *p);

/* Decide.  Always sets *ret, with every gate's answer. */
void policy_decide(const struct policy *p, const struct subject *s, struct decision *ret);

/*
 * The gates that an exception of its own, above the others, has to skip for the connection to
 * pass, as bits (1u << gate).  0 = it passes as it is, or no exception helps.
 */
uint32_t policy_skips(const struct policy *p, const struct subject *s);

/*
 * With name_pending: is the answer a deny whatever the name turns out to be?  Fills *ret and
 * returns true only then.
 */
bool policy_decide_early(const struct policy *p, const struct subject *s,
			 struct decision *ret);

#define POLICY_ENDPOINT_MAX 512

/*
 * What gate endpoints, or a list of custom-connectors, was asked with when `d` was decided about
 * `s`: folded, `*` for what the wire hides.  Of several spellings the one that fits the line
 * which answered.  Returns its length; 0 = no list answered.  Allocates nothing.
 */
size_t policy_endpoint(const struct policy *p, const struct subject *s,
		       const struct decision *d, char buf[POLICY_ENDPOINT_MAX]);

/*
 * The data group that gate connectors found: "business" and "general" by the label of the line
 * (as `weir import` writes it) or the group of a pattern, "blocked" of a line that denies.
 * Absent = none said.
 */
struct str policy_data_group(const struct policy *p, const struct decision *d);

/* Rules by number, from 1; number RULE_NONE gives an all-absent place. */
uint32_t policy_rule_count(const struct policy *p);
struct rule_place policy_rule(const struct policy *p, uint32_t rule);
/* Of a line of gate exceptions; absent = it does not say. */
struct rule_exception {
	struct str owner, reason, ticket;
	int64_t expires_us; /* the first instant behind it; INT64_MAX = it does not say */
};
/* False: the line is of another gate. */
bool policy_rule_exception(const struct policy *p, uint32_t rule,
			   struct rule_exception *ret);
/* Where `weir import` got a line from: the export, the policy in the tenant, its date. */
struct rule_origin {
	struct str file; /* the generated file */
	struct str source, sha256, policy, title,
		date; /* absent = the file does not say */
};
/* False for a line that was written by hand, outside of a `policy`. */
bool policy_rule_origin(const struct policy *p, uint32_t rule, struct rule_origin *ret);
/* The i-th generated file or `policy` line, in the order of reading; false = no more. */
bool policy_origin(const struct policy *p, size_t i, struct rule_origin *ret);
/* All of them as comments, for people who read the canonical form. */
void policy_print_origins(const struct policy *p, FILE *out);

/* A file that was read, in the order of reading: rules, what they include and import, tables. */
struct policy_source {
	const char *name; /* as the operator's files lead to it */
	struct str text;
};
/* The i-th; false = no more. */
bool policy_source(const struct policy *p, size_t i, struct policy_source *ret);

/* What an `environment` line says. */
struct policy_environment {
	struct str name;
	const char *guid;
	struct str host; /* its first one; absent = the line names none */
};
/* The i-th environment, in the order of the lines; false = no more. */
bool policy_environment(const struct policy *p, size_t i, struct policy_environment *ret);

/* The built-in or labelled name of the signal that an alert line writes, and its score. */
struct str policy_signal_name(const struct policy *p, uint32_t rule);
uint32_t policy_rule_score(const struct policy *p, uint32_t rule);

/* A binding whose prefix holds an address. */
struct policy_binding {
	struct rule_place place; /* of the statement */
	struct prefix prefix;
	uint16_t source; /* whose prefix it is; ID_NONE = written in the rules */
	uint32_t number; /* for policy_bound_environment() */
};

/*
 * The bindings whose prefixes hold `inside`, longest prefix first; the first one counts.
 * At most `max`; returns the count in `ret`.
 */
size_t policy_bindings(const struct policy *p, const struct addr *inside,
		       struct policy_binding *ret, size_t max);

/* The i-th environment of a binding, in the order of the line; absent = no more. */
struct str policy_bound_environment(const struct policy *p,
				    const struct policy_binding *b, size_t i);

/* Does any line ask about the name at all? (else early answers are final) */
bool policy_has_rules(const struct policy *p);

/* Has some line `capture`?  Has this one? */
bool policy_captures(const struct policy *p);
bool policy_rule_captures(const struct policy *p, uint32_t rule);

/*
 * What one list says of one endpoint as a maker would write it; each star in it is a part
 * that is not known.  Lists count from 1, in the order of the files; of another number:
 * not concerned.  For tests of lists, and for people: traffic is asked by policy_decide().
 */
struct gate_answer policy_list_answer(const struct policy *p, uint32_t list,
				      struct str endpoint);

/* Has some line `cut`? */
bool policy_cuts(const struct policy *p);

/* A site, for its hours; NULL members: none, UTC. */
struct policy_hours {
	const struct hours *hours;
	const struct holidays *holidays;
	const struct zone *zone;
};

/* Do the hours of a line with `cut` say something else at `us` than a minute before? */
bool policy_is_edge(const struct policy *p, const struct policy_hours *site, int64_t us);

/*
 * A warning about each person in the rules of whom `users` has nobody: names sorted by
 * str_compare_fold().  For who has the lists of people, which loading has not.
 */
void policy_check_users(const struct policy *p, const struct word_list *users,
			struct diag *d);

/* Does any line ask who the person is? */
bool policy_names_users(const struct policy *p);

/* Run the `expect` lines: each failing one is an error in `d`.  Returns how many ran. */
size_t policy_expect(const struct policy *p, policy_describe *describe, void *arg,
		     struct diag *d);

/* The canonical form: parses to an equal policy and prints as itself. */
void policy_print(const struct policy *p, FILE *out);

/* Every gate's answer with its line and, for conditions that failed, what was compared. */
void policy_explain(const struct policy *p, const struct subject *s,
		    const struct decision *decision, FILE *out);

/* The same as members of an object that is open; docs/explain-schema.json has them. */
void policy_explain_json(const struct policy *p, const struct subject *s,
			 const struct decision *d, struct json *j);

/* SHA-256 over the sources of all files read, tables and includes too. */
void policy_digest(const struct policy *p, uint8_t ret[32]);

#endif /* POLICY_POLICY_H */
