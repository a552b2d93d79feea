/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_TENANT_H
#define IMPORT_TENANT_H

/*
 * tenant - what was read of a tenant's own policies: data policies (DLP) with their endpoint
 * lists and URL patterns, advanced connector policies, tenant isolation, IP firewalls,
 * environments.
 *
 * The shapes of the exports are those of Microsoft's governance API, its PowerShell modules
 * and its Terraform provider (docs/import.md lists them with where they were seen).  Strings
 * are as exported, in UTF-8, of any bytes: who writes them checks or replaces.
 *
 * Memory: everything is in `arena`, which the tenant owns; strings may borrow from the texts
 *         that were read, which must outlive it.
 * Limits: those below; beyond is a finding.
 * Threads: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/text.h"
#include "model/service.h"

#define TENANT_BYTES_MAX        ((size_t)512 << 20)
#define TENANT_FILES_MAX        256
#define TENANT_POLICIES_MAX     1000
#define TENANT_CONNECTORS_MAX   5000 /* of one policy; seen: 743 */
#define TENANT_LISTS_MAX        1000 /* endpoint lists of one policy */
#define TENANT_RULES_MAX        1000 /* of one list; URL patterns of one policy */
#define TENANT_ENVIRONMENTS_MAX 4000
#define TENANT_ACTIONS_MAX      20000 /* action rules of one policy */
#define TENANT_RANGES_MAX       200   /* Microsoft's own limit of an IP firewall */
#define TENANT_RANGE_TEXT_MAX   4000
#define TENANT_ID_MAX           200 /* bytes of a connector's id */

enum data_group {
	DATA_GROUP_BUSINESS = 0, /* Confidential, hbi */
	DATA_GROUP_GENERAL,      /* Non-Business, General, lbi */
	DATA_GROUP_BLOCKED,
	DATA_GROUP_IGNORE, /* of URL patterns: left to the other policies */
	DATA_GROUP_COUNT
};

enum policy_scope {
	POLICY_SCOPE_ALL = 0,
	POLICY_SCOPE_ONLY,
	POLICY_SCOPE_EXCEPT
};

/* A file that was read. */
struct tenant_file {
	const char *name; /* without its folder */
	char sha256[65];  /* of its bytes, hexadecimal */
	struct tenant_file *next;
};

struct tenant_connector {
	struct str id; /* the last part of the exported one: "shared_sql" */
	struct str title;
	enum data_group group;
	struct span at;
	struct tenant_connector *next;
};

/* A line of an endpoint list, or a URL pattern of custom connectors. */
struct tenant_rule {
	uint32_t order;
	bool allow;            /* of an endpoint list */
	enum data_group group; /* of a URL pattern */
	bool added;            /* by --lenient */
	struct str pattern;
	struct span at;
	struct tenant_rule *next;
};

struct tenant_rules {
	struct tenant_rule *first; /* by order */
	size_t count;
};

struct tenant_list {
	struct str id; /* as of a connector */
	struct span at;
	struct tenant_rules rules;
	struct tenant_list *next;
};

/* What a policy says of an action of a connector: never enforceable on a wire. */
struct tenant_action {
	struct str connector; /* as of a connector */
	struct str action;    /* as exported; absent = all others of the connector */
	struct str behavior;  /* as exported; empty = the export does not say */
	struct tenant_action *next;
};

/* Endpoint lists that no policy is named for, or of a policy. */
struct tenant_lists {
	struct tenant_list *first;
	size_t count;
	struct tenant_action *actions, *last_action; /* in the order of the file */
	size_t action_rules;                         /* without those of all others */
};

struct tenant_scope {
	enum policy_scope kind;
	char (*guids)[GUID_LEN + 1]; /* the environments', in order of the file */
	struct str *names;           /* as exported, beside the GUIDs */
	size_t count;
	size_t unnamed; /* environments without a GUID: placeholders of templates */
};

struct dlp_policy {
	char guid[GUID_LEN + 1]; /* "" = the file has none */
	struct str title;
	char date[11];         /* YYYY-MM-DD of its last change; "" = the file has none */
	const char *shape;     /* for people */
	bool advanced;         /* allow-list: what is not listed is blocked */
	bool has_groups;       /* a list of policies has none */
	bool only_lists;       /* no policy was read: lists or patterns alone */
	enum data_group other; /* of connectors that are not listed */
	struct tenant_scope scope;
	struct tenant_connector *connectors; /* in the order of the file */
	size_t connector_count;
	size_t groups[DATA_GROUP_COUNT]; /* how many of each */
	struct tenant_lists lists;
	struct tenant_rules patterns;
	struct tenant_file *files; /* it was read from */
	struct span at;
	struct dlp_policy *next;
};

/* Lists or patterns of a file that does not say of which policy. */
struct tenant_loose {
	struct tenant_lists lists;
	struct tenant_rules patterns;
	char guid[GUID_LEN + 1]; /* in the name of the file; "" = none */
	const char *file_name;
	struct tenant_file *file;
	struct span at;
	bool taken;
	struct tenant_loose *next;
};

struct tenant_isolation {
	char tenant[GUID_LEN + 1];
	bool disabled;
	bool any_outbound; /* "*" may be reached */
	size_t inbound_only;
	char (*partners)[GUID_LEN + 1]; /* outbound connections to them are allowed */
	size_t partner_count;
	struct tenant_file *file;
	struct span at;
	struct tenant_isolation *next;
};

struct ip_firewall {
	char environment[GUID_LEN + 1]; /* "" = the export does not say */
	bool on, audit, applications, trusted_services;
	struct str *ranges; /* in canonical form */
	size_t range_count;
	struct str service_tags; /* as exported */
	struct tenant_file *file;
	struct span at;
	struct ip_firewall *next;
};

struct tenant_environment {
	char guid[GUID_LEN + 1];
	char org[GUID_LEN + 1];           /* "" = without Dataverse */
	char tenant[GUID_LEN + 1];        /* "" = not told */
	struct str title, host, api_host; /* absent = none */
	char name[64];                    /* that rules call it by: unique */
	struct tenant_file *file;
	struct span at;
	struct tenant_environment *next;
};

struct tenant {
	struct arena *arena;
	struct dlp_policy *policies, **policies_end;
	size_t policy_count;
	struct tenant_loose *loose, **loose_end;
	struct tenant_isolation *isolation;
	struct ip_firewall *firewalls, **firewalls_end;
	size_t firewall_count;
	struct tenant_environment *environments, **environments_end;
	size_t environment_count;
};

/* NULL = out of memory. */
struct tenant *tenant_create(void);
void tenant_destroy(struct tenant *t);

/* "business", "general", "blocked", "ignore". */
const char *data_group_name(enum data_group g);

/* A text to be read, which outlives the tenant. */
struct tenant_text {
	const char *name;   /* in findings; its last part in files that are written */
	struct str text;    /* UTF-8 */
	uint8_t sha256[32]; /* of the file's own bytes */
};

/* What generated files say of `text`; the name lives in `arena`.  False: out of memory. */
bool tenant_file_fill(struct tenant_file *f, const struct tenant_text *text,
		      struct arena *arena);

struct tenant_cfg {
	bool lenient; /* a missing last "*" is added, with a warning */
};

/*
 * Read one export: its shape is found out by its keys.  What is wrong, refused or lost is in
 * `d`; false when there was an error.
 */
bool tenant_read(struct tenant *t, const struct tenant_text *text,
		 const struct tenant_cfg *cfg, struct diag *d);

/*
 * After the last file: give loose lists and patterns to their policy, which is `policy`, the
 * one named in their file's name, or the only one.  `policy`: a GUID, lower case, which also
 * leaves all else out; NULL = none.  false: an error is in `d`.
 */
bool tenant_join(struct tenant *t, const char *policy, struct diag *d);

#endif /* IMPORT_TENANT_H */
