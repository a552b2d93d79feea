/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_PROGRAM_H
#define POLICY_PROGRAM_H

/*
 * program - the compiled policy: what deciding reads.
 *
 * Host patterns of all lines share one suffix table, prefixes one prefix table: a decision
 * looks its name and its addresses up once and gets the sets that hold them; a condition
 * then tests one bit.
 *
 * Memory:  in the policy's arena, but for the match tables.  Threads: immutable.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "match/glob.h"
#include "match/prefixes.h"
#include "match/suffix.h"
#include "model/subject.h"
#include "model/verdict.h"
#include "policy/algebra.h"
#include "policy/ast.h"

#define SETS_MAX  16384 /* different lists of hosts, and of prefixes */
#define SET_WORDS (SETS_MAX / 64)
#define FOUND_MAX 256 /* patterns that one name may match at full speed */

struct bitset {
	uint32_t words;
	uint64_t bits[];
};

static inline bool bitset_has(const struct bitset *b, uint32_t i)
{
	return i / 64 < b->words && (b->bits[i / 64] >> (i % 64) & 1) != 0;
}

/* Have they a member in common?  `b` may be NULL: the empty set. */
static inline bool bitset_meets(const struct bitset *a, const struct bitset *b)
{
	bool found = false;

	for (uint32_t w = 0; b != NULL && w < a->words && w < b->words && !found; w++)
		found = (a->bits[w] & b->bits[w]) != 0;
	return found;
}

/* Keys of a match table, each with the sets that hold it. */
struct postings {
	uint32_t key_count;
	const uint32_t *first; /* key_count + 1 indexes of sets[] */
	const uint32_t *sets;
	uint32_t set_count; /* sets in use */
};

struct range {
	uint16_t low, high;
};

struct number_set {
	uint32_t count;
	uint32_t numbers[]; /* sorted */
};

struct country_set {
	uint64_t bits[11]; /* 26 * 26 countries */
	bool unknown, not_expected;
};

/* Alternatives of one condition that are of one kind. */
struct part {
	enum field field;
	uint32_t set;           /* FIELD_INSIDE, EGRESS, PEER, HOST: number of the set */
	uint32_t count;         /* FIELD_PORT, JA4, USER */
	bool cut;               /* FIELD_HOURS, DURING: by the present */
	uint64_t mask;          /* roles, protocols, kinds, ...: 1 << id */
	uint32_t transports[8]; /* FIELD_PROTO: 256 bits */
	union {
		const struct bitset *ids;
		const struct service_set *services;
		const struct country_set *countries;
		const struct number_set *numbers;
		const struct range *ranges;
		const struct str *texts; /* FIELD_USER: sorted, letter case aside */
		const struct schedule *schedule;
	} u;
};

struct test {
	bool negated;
	uint32_t part_count;
	const struct part *parts;
};

struct line {
	enum action action;
	bool report_only;
	uint32_t rule;      /* number */
	int64_t expires_us; /* INT64_MAX = never */
	uint32_t skip;      /* exceptions: gates; 1u << gate */
	/* exceptions: of lists of single connectors; NULL = none */
	const struct bitset *skip_lists;
	bool skip_custom; /* ... and the patterns of custom connectors */
	uint32_t layer;   /* gate connectors: sorted by it; 0 = written by hand */
	uint32_t test_count;
	const struct test *tests;
	const struct bitset *connectors; /* gate connectors; NULL = any */
};

#define SET_NONE UINT32_MAX

/*
 * What a line asks first: where one of these fails, no condition of it needs to be looked at.
 * Apart from the lines, so that many are passed over fast.
 */
struct guard {
	uint32_t roles;              /* 1u << role */
	uint32_t host, inside, peer; /* sets, or SET_NONE */
};

struct lines {
	uint32_t count;
	bool has_report; /* some line is report-only */
	const struct line *list;
	const struct guard *guards; /* one a line */
};

struct endpoint_line {
	enum action action;
	bool ignores; /* custom connectors: the list says nothing of what matches */
	bool all;     /* the pattern is "*" */
	uint32_t rule;
	struct glob pattern; /* folded */
};

/*
 * What turns a line without a key away before its pattern is looked at.  Apart from the lines,
 * so that thousands are passed over fast.
 */
struct sieve {
	uint16_t grams[GLOB_GRAMS]; /* match/glob.h */
	uint8_t gram_count;
	bool open; /* the pattern begins and ends with a star: it may match whatever does */
};

/* A line of a list whose pattern has a key (fold.h). */
struct keyed_line {
	uint32_t key, line;
};

struct endpoints {
	uint32_t connector;
	enum family family;
	uint32_t roles;
	bool report_only;
	bool bound_negated;
	const struct bitset *bound;       /* NULL = whatever the source is bound to */
	const struct service_set *beside; /* NULL = none */
	uint32_t count;
	const struct endpoint_line *list;
	uint32_t keyed_count, loose_count;
	uint64_t keys[16];              /* bit: some line has a key with these low bits */
	const struct keyed_line *keyed; /* sorted by key, then line */
	const struct sieve *sieves;     /* one a line */
	const uint32_t *loose;          /* lines without a key, in order */
	const struct endpoint_line *rest; /* "*", when it is the only one of those */
};

/* What is ours, by GUID. */
struct owned {
	char guid[GUID_LEN + 1];
	uint8_t ownership;        /* enum ownership */
	uint8_t tenant_ownership; /* environments: of their tenant; UNKNOWN = not said */
	uint32_t index;           /* environments: their number */
	const struct item *orgs;  /* environments: their organizations */
};

/* A prefix that a binding gives: its own, one of its table or one of its source. */
struct bound {
	const struct binding *binding;
	const struct item *item;
	const struct bitset *environments;
	struct prefix prefix;
};

#define NAME_TENANT      0x80000000u /* value of the table of own names: a tenant's number */
#define ENVIRONMENT_NONE UINT32_MAX

/* The hours of lines with `cut`. */
struct cut {
	const struct cut *next;
	const struct schedule *plan;
};

struct program {
	const struct cut *cuts;
	bool cuts_site_hours;      /* some of them is about the hours of the site */
	const struct rule **rules; /* by number; [0] is NULL */
	uint32_t rule_count;
	uint32_t unknown_owner_rule; /* gate own's header; RULE_NONE = none */

	struct suffix_table *hosts; /* value = index of host_keys */
	struct postings host_keys;
	const struct str *host_patterns; /* by key */
	struct prefixes *prefixes;
	struct postings prefix_keys;
	bool asks_inside, asks_peer,
		asks_egress; /* some condition is about that address */

	struct lines gates[GATE_COUNT]; /* not endpoints, not undecidable */
	const struct endpoints *lists;  /* by family; those of one connector together */
	uint32_t list_count;
	uint32_t family_first[FAMILY_COUNT + 1]; /* indexes of lists[] */
	bool asks_address; /* some line of FAMILY_HTTP may be about an address */
	bool has_infrastructure;
	bool infrastructure_is_hosts;
	uint32_t infrastructure_set;

	const struct owned *tenants, *environments, *organizations; /* sorted by GUID */
	uint32_t tenant_count, environment_count, organization_count;
	const struct owned *environment_by_index;
	const struct owned *tenant_by_index;
	struct suffix_table *own_hosts; /* value = environment, or NAME_TENANT | tenant */
	uint32_t own_host_count;
	bool tenants_have_hosts;
	bool own_complete;

	struct prefixes *bindings; /* value = index of bounds[]; NULL = there are none */
	const struct bound *bounds;

	struct undecidable_policy undecidable[ROLE_COUNT][UNDECIDABLE_COUNT];
	bool asks_name;
};

/* Compile `a`, which parsed without an error; faults of size go to `d`.  0 or -ENOMEM. */
int program_compile(struct program *p, struct ast *a, struct diag *d)
	__attribute__((warn_unused_result));
void program_finish(struct program *p);

/* ---- deciding: all of it on the packet path ---------------------------------------------- */

enum tri {
	TRI_NO = 0,
	TRI_YES,
	TRI_MAYBE, /* depends on something that is not known yet, or hidden */
	TRI_BLANK  /* what is asked about is not known: matches neither way */
};

/* A subject with everything looked up once. */
struct question {
	const struct program *p;
	const struct subject *s;
	const struct line *exception; /* that is in force; NULL = none */
	bool blank_host;              /* no host, and none is coming */
	bool egress_known;
	bool in_scope; /* walk_default() asks both ways while a name may still bring it */
	enum ownership
		own[OWN_KIND_COUNT]; /* OWNERSHIP_COUNT = the name has no such part */
	uint32_t environment;        /* its number, or ENVIRONMENT_NONE */
	const struct bitset *bound;  /* environments of the source; NULL = not bound */
	uint64_t host[SET_WORDS], inside[SET_WORDS], peer[SET_WORDS], egress[SET_WORDS];
};

static inline bool set_has(const uint64_t *sets, uint32_t i)
{
	return (sets[i / 64] >> (i % 64) & 1) != 0;
}

void question_init(struct question *q, const struct program *p, const struct subject *s);
/* The environments that the binding with the longest prefix gives; NULL = none does. */
const struct bitset *program_bound(const struct program *p, const struct addr *inside);
void question_own(struct question *q); /* own.c: ownership and environment */

/* Can the line not match, by its guard alone?  What a name may still bring counts as a yes. */
static inline bool guard_fails(const struct question *q, const struct guard *g)
{
	return (g->roles >> q->s->role & 1) == 0 ||
	       (g->host != SET_NONE && !q->s->name_pending &&
		!set_has(q->host, g->host)) ||
	       (g->peer != SET_NONE && !set_has(q->peer, g->peer)) ||
	       (g->inside != SET_NONE && !set_has(q->inside, g->inside));
}

/* All conditions of the line, and its expiry. */
enum tri line_match(const struct question *q, const struct line *l);

/* For explain: the number of the first test that fails, or one of these. */
#define LINE_HOLDS   (-1)
#define LINE_EXPIRED (-2)
int line_failing(const struct question *q, const struct line *l);

/* What a walk over a gate found. */
struct walk {
	enum answer answer;
	enum undecidable why;
	uint32_t rule;
	bool by_report; /* a report-only line had a part in it */
};

/* Alert lines that matched, kept in order. */
struct alerts {
	uint8_t count;
	bool lost;
	uint32_t rules[ALERTS_MAX];
};
void alerts_add(struct alerts *a, uint32_t rule);

/* As the lines in force say, and as it would be with the report-only ones in force. */
struct walks {
	struct walk is, would;
};

/* `alerts` may be NULL. */
struct walks walk_lines(const struct question *q, const struct lines *l,
			struct alerts *alerts);
struct walks walk_default(struct question *q, const struct lines *l);
struct walks walk_connectors(const struct question *q, const struct lines *l);
struct walks walk_endpoints(const struct question *q);
/* Of a host that no connector of the catalogue owns: the lists of custom-connectors. */
struct walks walk_custom(const struct question *q);

struct policy {
	struct arena *arena;
	struct ast ast;
	struct program program;
};

/* The list that the line of an answer stands in; NULL = the line is of no list. */
const struct endpoints *endpoint_list_of(const struct policy *p,
					 const struct gate_answer *a);
/* Does what the list is asked about fit its line number `line`?  For explain: spells it anew. */
enum tri endpoint_line_fits(const struct question *q, const struct endpoints *l,
			    uint32_t line);

#endif /* POLICY_PROGRAM_H */
