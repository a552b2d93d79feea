/* SPDX-License-Identifier: Apache-2.0 */
#include "app/import_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "import/enforceability.h"

#define JSON_BYTES ((size_t)1 << 20) /* of one member at the most */

bool import_json_begin(struct import_json *x)
{
	*x = (struct import_json){.memory = malloc(JSON_BYTES)};
	if (x->memory != NULL)
		x->out = open_memstream(&x->text, &x->len);
	if (x->out == NULL) {
		free(x->memory);
		(void)could_not("import", "write", "it", -ENOMEM);
		return false;
	}
	json_init(&x->j, x->memory, JSON_BYTES);
	json_object_begin(&x->j, NULL);
	json_array_begin(&x->j, "documents");
	return true;
}

/* What was made goes to the text, so that no sum of members is too long. */
static void flush(struct import_json *x)
{
	if (!json_ok(&x->j))
		return;
	(void)fwrite(x->memory, 1, x->j.len, x->out);
	x->j.len = 0;
}

int import_json_end(struct import_json *x, int code)
{
	bool whole;

	json_array_end(&x->j);
	json_object_end(&x->j);
	json_raw(&x->j, "\n", 1);
	flush(x);
	whole = json_ok(&x->j);
	whole = fclose(x->out) == 0 && whole;
	if (whole)
		(void)fwrite(x->text, 1, x->len, stdout);
	else
		code = could_not("import", "write", "the JSON of it", -E2BIG);
	free(x->text);
	free(x->memory);
	return code;
}

void import_json_begin_document(struct import_json *x, const char *name, const char *kind)
{
	json_object_begin(&x->j, NULL);
	json_cstring(&x->j, "file", name);
	json_cstring(&x->j, "kind", kind);
}

void import_json_end_document(struct import_json *x)
{
	json_object_end(&x->j);
	flush(x);
}

void import_json_count(struct import_json *x, const char *key, size_t n)
{
	json_u64(&x->j, key, n);
}

static void put_some(struct json *j, const char *key, struct str s)
{
	if (s.len > 0)
		json_string(j, key, s);
}

/* ---- changes ----------------------------------------------------------------------------- */

static void put_change(void *arg, bool added, struct str head, struct str line)
{
	struct import_json *x = arg;

	json_object_begin(&x->j, NULL);
	json_cstring(&x->j, "change", added ? "added" : "removed");
	put_some(&x->j, "statement", head);
	json_string(&x->j, "line", line);
	json_object_end(&x->j);
	flush(x);
}

int import_json_changes(struct import_json *x, struct output *one)
{
	int rc;

	if (one->path == NULL)
		return 0;
	json_cstring(&x->j, "path", one->path);
	json_bool(&x->j, "is_new", one->before == NULL);
	if (one->before == NULL)
		return 0;
	json_array_begin(&x->j, "changes");
	rc = changes_tell((struct str){one->before, one->before_len},
			  (struct str){one->text, one->len}, put_change, x,
			  &one->changes);
	json_array_end(&x->j);
	json_u64(&x->j, "lines_added", one->changes.added);
	json_u64(&x->j, "lines_removed", one->changes.removed);
	return rc;
}

/* ---- documents of a tenant ---------------------------------------------------------------- */

static void put_row(void *arg, const struct enforceability_row *row)
{
	struct import_json *x = arg;
	struct json *j = &x->j;
	const struct tenant_connector *c = row->connector;
	const struct tenant_rule *r = row->rule;

	json_object_begin(j, NULL);
	if (c != NULL) {
		json_string(j, "connector", c->id);
		json_cstring(j, "data_group", data_group_name(c->group));
		json_bool(j, "in_catalogue", row->is_known);
		json_bool(j, "has_hosts", row->has_hosts);
	} else {
		if (row->list != NULL)
			json_string(j, "connector", row->list->id);
		json_u64(j, "order", r->order);
		if (row->list != NULL)
			json_cstring(j, "behavior", r->allow ? "allow" : "deny");
		else
			json_cstring(j, "data_group", data_group_name(r->group));
		json_string(j, row->list != NULL ? "endpoint" : "url_pattern",
			    r->pattern);
	}
	for (size_t i = 0; i < ENFORCEABILITY_PLACES; i++)
		json_cstring(j, role_name(enforceability_places[i]),
			     visible_name(row->at[i]));
	json_object_end(j);
	flush(x);
}

static void put_files(struct json *j, const struct tenant_file *files)
{
	json_array_begin(j, "sources");
	for (const struct tenant_file *f = files; f != NULL; f = f->next) {
		json_object_begin(j, NULL);
		json_cstring(j, "file", f->name);
		json_cstring(j, "sha256", f->sha256);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_policy(struct import_json *x, const struct dlp_policy *p,
		       const struct write_cfg *cfg)
{
	struct json *j = &x->j;
	size_t endpoints = 0;

	for (const struct tenant_list *l = p->lists.first; l != NULL; l = l->next)
		endpoints += l->rules.count;
	json_cstring(j, "shape", p->shape);
	put_some(j, "policy", str_of(p->guid));
	put_some(j, "policy_name", p->title);
	put_some(j, "date",
		 str_of(p->date[0] != '\0'  ? p->date
			: cfg->date != NULL ? cfg->date
					    : ""));
	put_files(j, p->files);
	for (unsigned g = 0; g < DATA_GROUP_IGNORE; g++)
		json_u64(j, data_group_name((enum data_group)g), p->groups[g]);
	json_cstring(j, "others", data_group_name(p->other));
	json_u64(j, "endpoint_lists", p->lists.count);
	json_u64(j, "endpoints", endpoints);
	json_u64(j, "url_patterns", p->patterns.count);
	json_u64(j, "action_rules", p->lists.action_rules);
	json_u64(j, "environments", p->scope.count);
	json_array_begin(j, "enforceability");
	enforceability_rows(p, &cfg->known, put_row, x);
	json_array_end(j);
}

static void put_firewall(struct json *j, const struct ip_firewall *f,
			 const struct write_cfg *cfg)
{
	put_files(j, f->file);
	put_some(j, "environment",
		 f->environment[0] != '\0'  ? str_of(f->environment)
		 : cfg->environment != NULL ? str_of(cfg->environment)
					    : STR_NONE);
	json_bool(j, "on", f->on);
	json_bool(j, "audit", f->audit);
	json_u64(j, "ranges", f->range_count);
}

static const char *kind_of(const struct document *doc)
{
	switch (doc->kind) {
	case DOCUMENT_POLICY:
		break;
	case DOCUMENT_ISOLATION:
		return "tenant isolation";
	case DOCUMENT_FIREWALL:
		return "IP firewall";
	case DOCUMENT_ENVIRONMENTS:
		return "environments";
	}
	return "policy";
}

int import_json_document(struct import_json *x, const struct tenant *t,
			 const struct document *doc, const struct write_cfg *cfg,
			 struct output *one)
{
	struct json *j = &x->j;
	int rc;

	import_json_begin_document(x, doc->name, kind_of(doc));
	switch (doc->kind) {
	case DOCUMENT_POLICY:
		put_policy(x, doc->policy, cfg);
		break;
	case DOCUMENT_ISOLATION:
		put_files(j, t->isolation->file);
		json_cstring(j, "tenant", t->isolation->tenant);
		json_bool(j, "on", !t->isolation->disabled);
		json_u64(j, "tenants", t->isolation->partner_count);
		break;
	case DOCUMENT_FIREWALL:
		put_firewall(j, doc->firewall, cfg);
		break;
	case DOCUMENT_ENVIRONMENTS:
		put_files(j, t->environments->file);
		json_u64(j, "environments", t->environment_count);
		break;
	}
	rc = import_json_changes(x, one);
	import_json_end_document(x);
	return rc;
}

/* ---- the rest ---------------------------------------------------------------------------- */

bool import_json_findings(struct import_json *x, const struct diag *d)
{
	static const char key[] = ",\"findings\":";
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return false;
	diag_print_json(d, out);
	json_array_end(&x->j);
	flush(x);
	if (fclose(out) == 0) {
		while (len > 0 && text[len - 1] == '\n')
			len--;
		(void)fwrite(key, 1, sizeof(key) - 1, x->out);
		(void)fwrite(text, 1, len, x->out);
	}
	free(text);
	json_array_begin(&x->j, "written");
	return json_ok(&x->j);
}

void import_json_written(struct import_json *x, const char *path)
{
	json_cstring(&x->j, NULL, path);
	flush(x);
}
