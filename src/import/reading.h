/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_READING_H
#define IMPORT_READING_H

/*
 * reading - what the readers of the shapes share.  Each takes one object of its shape, adds to
 * the tenant and reports what is wrong with its place.
 */

#include "import/tenant.h"
#include "import/tree.h"

struct reading {
	struct tenant *t;
	const struct tenant_cfg *cfg;
	const struct tenant_text *text;
	struct tenant_file *file;
	struct diag *d;
	struct tenant_connector **slots; /* of the policy that is read: policies.c */
};

/* Zeroed memory of the tenant's; NULL: reported. */
void *reading_take(struct reading *g, size_t size);

/* An error at a value; the remedy follows by diag_remedy(). */
void reading_refuse(struct reading *g, struct span at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The string of a key; false and a finding when it is not there or is no string. */
bool reading_text(struct reading *g, const struct node *o, const char *key,
		  struct str *ret);

/* What a known key holds. */
enum key_kind {
	KEY_ANY = 0, /* its reader says itself what it takes */
	KEY_OBJECT,
	KEY_LIST, /* or one object without its brackets */
	KEY_STRING,
	KEY_BOOLEAN,  /* or "true", "False": PowerShell and CSV turn them into words */
	KEY_ELSEWHERE /* known, and not read in this object: `remedy` */
};

struct known_key {
	const char *key; /* at most 32, then NULL */
	enum key_kind kind;
	bool may_be_null; /* Microsoft sends it so */
	bool required;
	const char *remedy;
};

/*
 * Hold an object's keys against those that are known: another kind of value, a key that stands
 * twice or is missing are errors, a key that is nearly one of them a warning.
 */
bool reading_keys(struct reading *g, const struct node *o, const struct known_key *keys);

/* A list that PowerShell wrapped must have as many items as its "Count" says. */
void reading_count(struct reading *g, const struct node *list);

/* "Confidential", "Business", "hbi" ... in any case; false: none of them, no finding. */
bool data_group_find(struct str word, enum data_group *ret);

/* The GUID inside `s` ("Default-GUID", the last part of a path), lower case; else false. */
bool guid_in(struct str s, char ret[GUID_LEN + 1]);

/* YYYY-MM-DD when the text begins with a date, else "". */
void date_of(struct str s, char ret[11]);

/* The last part of a connector's id; false and a finding when it cannot be one. */
bool reading_connector_id(struct reading *g, const struct node *o, const char *key,
			  struct str *ret);

/* A new policy at the end of the tenant's; NULL: reported. */
struct dlp_policy *reading_policy(struct reading *g, const struct node *o,
				  const char *shape);

/* Put the rules in their order, and see that the last one is "*". */
bool reading_finish_rules(struct reading *g, struct tenant_rules *r, struct span list,
			  bool patterns);

/* endpointConfigurations and connectorActionConfigurations of an object. */
void read_lists(struct reading *g, const struct node *o, struct tenant_lists *to);
/* An action rule of a connector; `action` absent: of all its other actions. */
void reading_action(struct reading *g, const struct node *at, struct tenant_lists *to,
		    struct tenant_action action);
/* A list of endpoint rules: {order, behavior, endpoint}. */
void read_list(struct reading *g, struct str id, const struct node *rules,
	       struct tenant_lists *to);
/* {"rules": [{order, customConnectorRuleClassification, pattern}]}, Terraform's keys too. */
void read_patterns(struct reading *g, const struct node *rules, struct tenant_rules *to);
/* The object around them: {"rules": ..}; NULL = none. */
void read_pattern_object(struct reading *g, const struct node *o,
			 struct tenant_rules *to);

/* One for each shape. */
void read_policy_v2(struct reading *g, const struct node *o);
void read_policy_flat(struct reading *g, const struct node *o);
void read_policy_cmdlet(struct reading *g, const struct node *o);
void read_policy_legacy(struct reading *g, const struct node *o);
void read_policy_advanced(struct reading *g, const struct node *o);
void read_configurations(struct reading *g, const struct node *o);
void read_url_patterns(struct reading *g, const struct node *o);
void read_isolation(struct reading *g, const struct node *o);
void read_ip_firewall(struct reading *g, const struct node *o);
void read_terraform_firewall(struct reading *g, const struct node *o);
void read_environment(struct reading *g, const struct node *o);
void read_terraform(struct reading *g, const struct node *o);

#endif /* IMPORT_READING_H */
