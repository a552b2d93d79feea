/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_AST_H
#define POLICY_AST_H

/*
 * ast - what the rule files say, resolved: macros expanded, names looked up, tables read.
 *
 * The parser builds it, print writes it back in canonical form, check looks for lines that
 * can never answer, compile makes the program from it.  Everything hangs off one arena and
 * keeps the order of the files.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/text.h"
#include "match/calendar.h"
#include "model/names.h"
#include "model/service.h"

#define POLICY_FILE_MAX       ((size_t)4 << 20) /* bytes of a rule or table file */
#define POLICY_LINE_MAX       8192              /* bytes of a line */
#define POLICY_LIST_MAX       10000             /* items between braces */
#define POLICY_INCLUDE_MAX    16                /* files that include each other */
#define POLICY_FILES_MAX      1000              /* files in all */
#define POLICY_NAMES_MAX      1000              /* macros; tables; tenants */
#define POLICY_ENVS_MAX       4000              /* environments */
#define POLICY_BINDS_MAX      10000             /* bindings */
#define POLICY_RULES_MAX      100000            /* lines with a number */
#define POLICY_ITEMS_MAX      2000000 /* items of all lists and tables together */
#define POLICY_PATTERN_MAX    512     /* bytes of an endpoint pattern */
#define POLICY_LISTS_MAX      1000    /* lists of endpoints */
#define POLICY_LIST_RULES_MAX 1000    /* numbered lines of a list */
#define POLICY_USER_MAX       128     /* bytes of a person's name */
#define POLICY_TEXT_MAX       500     /* bytes of a label, reason, note */
#define POLICY_EXCEPTION_DAYS 366     /* an exception lives at most that long */

/* What an item of a condition is; the order is the canonical order of conditions. */
enum field {
	FIELD_ROLE = 0,
	FIELD_SOURCE,
	FIELD_SITE,
	FIELD_USER,   /* a person by the configuration's identity.people */
	FIELD_INSIDE, /* prefix or table, no word of its own */
	FIELD_EGRESS,
	FIELD_BOUND,  /* environments that bindings give the inside address */
	FIELD_SCOPE,  /* gate default: in-scope, other */
	FIELD_REASON, /* gate undecidable */
	FIELD_ENVIRONMENT,
	FIELD_OWN, /* FIELD_OWN + enum ownership - OWNERSHIP_OWN */
	FIELD_PARTNER,
	FIELD_FOREIGN,
	FIELD_UNKNOWN,
	FIELD_SERVICE,
	FIELD_CONNECTOR,
	FIELD_PEER, /* prefix or table, no word of its own */
	FIELD_COUNTRY,
	FIELD_TAG,
	FIELD_ASN,
	FIELD_HOST,
	FIELD_PORT,
	FIELD_PROTO,
	FIELD_DIRECTION,
	FIELD_EVIDENCE,
	FIELD_CORROBORATION,
	FIELD_JA4,
	FIELD_HOURS,
	FIELD_DURING,
	FIELD_COUNT
};

enum side {
	SIDE_FROM = 0,
	SIDE_TO,
	SIDE_BARE, /* conditions that take neither word */
};

const char *field_word(enum field f); /* "" for FIELD_INSIDE and FIELD_PEER */
enum side field_side(enum field f);

/* Kinds of what can be ours: bits of FIELD_OWN .. FIELD_UNKNOWN items. */
enum own_kind {
	OWN_TENANT = 0,
	OWN_ENVIRONMENT,
	OWN_ORGANIZATION,
	OWN_KIND_COUNT
};
extern const char *const own_kind_words[OWN_KIND_COUNT];

#define COUNTRY_UNKNOWN      676u /* after 26 * 26 countries */
#define COUNTRY_NOT_EXPECTED 677u
#define CONNECTOR_ANY        UINT32_MAX
/* FIELD_PROTO ids: a protocol, or PROTO_TRANSPORT + an IP protocol number. */
#define PROTO_TRANSPORT 256u

struct item {
	struct item *next;
	enum field field;
	struct str text; /* canonical */
	uint32_t id;     /* number of the word; country; port; AS number; own_kind */
	uint32_t high;   /* last port of a range */
	struct prefix prefix;
	struct table *table; /* not NULL: the table's items stand here */
};

struct schedule {
	struct hours hours;
	const struct zone *zone; /* NULL = the site's */
	struct str text;         /* canonical hours */
	struct str zone_name;    /* absent = the site's */
};

struct condition {
	struct condition *next;
	enum field field; /* of its first item: the place in the canonical order */
	bool negated;
	struct item *items;
	size_t count;
	const struct schedule *schedule; /* FIELD_DURING */
	bool outside;                    /* FIELD_HOURS */
	struct span at;                  /* its words; line 0 = the file has none of it */
};

enum action {
	ACTION_ALLOW = 0,
	ACTION_ALERT,
	ACTION_DENY
};

enum rule_kind {
	RULE_KIND_LINE = 0,
	RULE_KIND_ENDPOINT, /* a numbered line of a list */
	RULE_KIND_GATE,     /* the header of gate own: what unknown owners alert */
};

/*
 * What a file says of itself that `weir import` wrote, or a `policy` line in gate connectors;
 * absent texts were not said.
 */
struct provenance {
	struct provenance *next;
	bool generated;
	const char *file;
	struct str source, sha256; /* the export, and its hash in hexadecimal */
	struct str policy, title;  /* GUID and name */
	struct str date;           /* YYYY-MM-DD */
	struct str others;         /* the group of connectors that it does not list */
	uint32_t
		layer; /* from 1: gate connectors asks the lines of each file by themselves */
};

/* Where a line of custom-connectors puts what it matches. */
enum custom_group {
	CUSTOM_GROUP_NONE = 0, /* a line of another list */
	CUSTOM_GROUP_BUSINESS,
	CUSTOM_GROUP_GENERAL,
	CUSTOM_GROUP_BLOCKED,
	CUSTOM_GROUP_IGNORE, /* the list has no say */
	CUSTOM_GROUP_COUNT
};
extern const char *const custom_group_words[CUSTOM_GROUP_COUNT];

struct rule {
	struct rule *next; /* of its gate or list */
	enum rule_kind kind;
	uint32_t number; /* from 1, over all files */
	enum gate gate;
	enum action action;
	bool report_only;
	bool cut;     /* ends connections in being at the edges of its hours */
	bool capture; /* keeps packets of the connections that it answers */
	struct condition *conditions;

	struct str label, owner, reason, ticket, note;
	uint32_t score;
	bool has_score;
	bool has_expires;
	struct str expires; /* YYYY-MM-DD */
	int64_t expires_us; /* the first instant after that day, UTC */
	uint32_t skip;      /* exceptions: 1u << gate */
	/* exceptions: FIELD_CONNECTOR, CONNECTOR_ANY = custom-connectors; single lists */
	struct item *skip_lists;
	uint32_t order; /* endpoint lines */
	enum custom_group group;
	struct str pattern; /* endpoint lines: as written, trimmed */
	struct str folded;  /* endpoint lines: as matched */

	const struct provenance *from; /* NULL = written by hand */
	struct span at;                /* first word */
	struct span pattern_at;        /* endpoint lines: between the quotes */
	struct str text;               /* the source line */
};

/* Connectors whose endpoints Microsoft's filter knows, by how the endpoint is written. */
enum family {
	FAMILY_SQL = 0,
	FAMILY_SMTP,
	FAMILY_BLOB,
	FAMILY_HTTP,
	FAMILY_DATAVERSE, /* GUID of an organization */
	FAMILY_SCREEN, /* UI automation: names of programs and windows, never on a wire */
	FAMILY_CUSTOM, /* custom connectors: their host URL */
	FAMILY_COUNT
};

struct endpoint_list {
	struct endpoint_list *next;
	uint32_t connector;
	struct str name; /* the connector's */
	enum family family;
	uint32_t roles;      /* 1u << role */
	struct item *bound;  /* environments; NULL = whatever the source is bound to */
	bool bound_negated;  /* all sources but those bound to them */
	struct item *beside; /* services that the list does not concern */
	bool report_only;
	const struct provenance *from; /* NULL = written by hand */
	struct rule *rules, *last;
	size_t rule_count;
	bool faulty;     /* a line of it was reported */
	bool full;       /* that it is too long was reported */
	uint32_t number; /* from 1, in the order of the files */
	uint32_t first;  /* compile: number of the connector's first list */
	uint32_t place;  /* compile: its index in the program */
	struct span at;
};

enum table_kind {
	TABLE_EMPTY = 0,
	TABLE_PREFIXES,
	TABLE_HOSTS,
	TABLE_COUNTRIES
};
const char *table_kind_name(enum table_kind k);

struct table {
	struct table *next;
	struct str name;
	enum table_kind kind;
	struct item *items, **items_end;
	size_t count;
	struct span at;
	bool used;
	uint32_t set; /* compile: its number as a set + 1; 0 = none yet */
};

struct tenant {
	struct tenant *next;
	struct str name;
	char guid[GUID_LEN + 1];
	enum ownership ownership;
	struct item *hosts;
	struct span at;
	uint32_t index;
};

struct environment {
	struct environment *next;
	struct str name;
	char guid[GUID_LEN + 1];
	enum ownership ownership;
	const struct tenant *tenant; /* NULL = not said */
	struct item *hosts;
	struct item *orgs; /* organization GUIDs */
	struct span at;
	uint32_t index;
};

/* What a binding is about: a source of the configuration, a prefix or a table of them. */
struct bind_item {
	struct bind_item *next;
	struct item *item; /* FIELD_SOURCE or FIELD_INSIDE; its own `next` is NULL */
	struct span at;
	bool reported; /* as bound twice */
};

/* `bind SOURCE to environment X`. */
struct binding {
	struct binding *next;
	struct bind_item *items, **items_end;
	size_t count;
	struct item *environments;
	struct span at;
	struct str text; /* the source line */
};

struct expect {
	struct expect *next;
	enum verdict verdict;
	bool has_role; /* else a source */
	enum role role;
	uint16_t source;
	struct addr inside;
	struct str user; /* who is there; absent = nobody knows */
	struct str host; /* absent: peer is the target */
	struct addr peer;
	bool has_address;
	uint16_t port;
	enum protocol protocol;
	uint8_t ip_proto;
	bool has_proto, proto_is_transport;
	bool has_weekday; /* weekday and minutes of local time, else an instant */
	int weekday, minutes;
	int64_t time_us;
	struct str at_text;
	bool has_gate;
	enum gate gate;
	struct str label; /* absent = any */
	struct span at;   /* the verdict word */
};

/* A file that was read. */
struct source {
	struct source *next;
	char *name; /* as the operator's files lead to it */
	char *text; /* malloc'd */
	size_t len;
	bool defines; /* read to its end, and no lines in it: once is enough */
};

struct gate_ast {
	bool seen;
	struct span at; /* of the header */
	struct rule *rules, **rules_end;
	size_t count;
};

struct ast {
	struct arena *arena;
	const struct vocabulary *vocabulary;
	struct source *sources, **sources_end;
	size_t source_count;
	struct provenance *provenances, **provenances_end;
	size_t provenance_count;

	struct table *tables, **tables_end;
	size_t table_count;
	struct tenant *tenants, **tenants_end;
	size_t tenant_count;
	struct environment *environments, **environments_end;
	size_t environment_count;
	bool own_complete;
	struct binding *bindings, **bindings_end;
	size_t binding_count;

	struct gate_ast gates[GATE_COUNT];
	struct endpoint_list *lists, **lists_end;
	size_t list_count;
	struct expect *expects, **expects_end;
	struct zone_ref *zones;
	uint32_t rule_count;
	bool captures; /* some rule does */
	size_t item_count;
};

struct zone_ref {
	struct zone_ref *next;
	struct zone *zone; /* owned */
	struct str name;
};

/* Take the arena; every list empty. */
void ast_init(struct ast *a, struct arena *arena, const struct vocabulary *v);
void ast_finish(struct ast *a); /* frees what is not in the arena, not the arena */

/* Calls `each` (may be NULL) with every prefix that the binding gives; how many they are. */
typedef void binding_prefix(void *arg, struct bind_item *i, const struct prefix *p);
size_t binding_prefixes(const struct vocabulary *v, const struct binding *b,
			binding_prefix *each, void *arg);

struct policy_cfg;

/*
 * Read all files into `a`; every fault goes to `d`.  0, or -ENOMEM when memory ran out (then
 * `a` is incomplete).  The caller asks `d` whether there were errors.
 */
int policy_parse(struct ast *a, const struct policy_cfg *cfg, struct diag *d)
	__attribute__((warn_unused_result));

/* Findings about a policy that parses: shadowed lines, missing defaults, expiry. */
void policy_check(const struct ast *a, const struct policy_cfg *cfg, struct diag *d);

#endif /* POLICY_AST_H */
