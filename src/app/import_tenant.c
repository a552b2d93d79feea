/* SPDX-License-Identifier: Apache-2.0 */
#include "app/import_tenant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/import_files.h"
#include "app/import_json.h"
#include "base/clock.h"
#include "import/enforceability.h"
#include "import/tenant.h"
#include "import/write.h"
#include "model/names.h"

/* ---- options ----------------------------------------------------------------------------- */

static bool is_guid_text(const char *s)
{
	size_t i = 0;

	for (; i < GUID_LEN && s[i] != '\0'; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !ascii_is_hex(s[i]))
			return false;
	}
	return i == GUID_LEN && s[i] == '\0';
}

static bool is_name_text(const char *s)
{
	size_t i = 0;

	for (; s[i] != '\0'; i++)
		if (!ascii_is_alpha(s[i]) && !ascii_is_digit(s[i]) && s[i] != '-' &&
		    s[i] != '_')
			return false;
	return i > 0 && i <= 60;
}

/* Of `n` digits. */
static int number_at(const char *s, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++)
		v = 10 * v + (s[i] - '0');
	return v;
}

static bool is_date_text(const char *s)
{
	if (strlen(s) != 10)
		return false;
	for (size_t i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? s[i] != '-' : !ascii_is_digit(s[i]))
			return false;
	return civil_valid_date(number_at(s, 4), number_at(s + 5, 2),
				number_at(s + 8, 2));
}

static bool is_role_text(const char *s)
{
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		if (strcmp(role_name((enum role)r), s) == 0)
			return true;
	return false;
}

bool tenant_options_sound(const struct tenant_options *o, const char **ret_wanted)
{
	const char *wanted = NULL;

	if (o->policy != NULL && !is_guid_text(o->policy))
		wanted = "--policy takes the GUID of a policy";
	else if (o->environment != NULL && !is_name_text(o->environment))
		wanted = "--environment takes the name of an environment of the rules";
	else if (o->role != NULL && !is_role_text(o->role))
		wanted = "--role takes user, gateway, desktop, subnet or another role";
	else if (o->date != NULL && !is_date_text(o->date))
		wanted = "--date takes a day as YYYY-MM-DD";
	if (wanted != NULL)
		*ret_wanted = wanted;
	return wanted == NULL;
}

/* ---- writing ----------------------------------------------------------------------------- */

struct outputs {
	const struct inputs *inputs; /* none of which is written over */
	struct document *documents;
	struct output *list;
	size_t count;
	struct output report; /* path NULL = none */
};

static void outputs_finish(struct outputs *all)
{
	for (size_t i = 0; all->list != NULL && i < all->count; i++)
		output_finish(&all->list[i]);
	output_finish(&all->report);
	free(all->list);
	free(all->documents);
}

static bool is_folder(const char *path)
{
	struct stat st;
	size_t n = strlen(path);

	return (n > 0 && path[n - 1] == '/') ||
	       (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static bool is_output(const char *path)
{
	return path != NULL && !output_is_standard(path);
}

static char *path_of(const struct tenant_options *o, const struct document *doc)
{
	size_t len = strlen(o->to) + strlen(doc->name) + 2;
	char *path;

	if (!is_folder(o->to))
		return strdup(o->to);
	path = malloc(len);
	if (path != NULL)
		(void)snprintf(path, len, "%s%s%s", o->to,
			       o->to[strlen(o->to) - 1] == '/' ? "" : "/", doc->name);
	return path;
}

/* Several documents of one name would overwrite each other. */
static bool names_differ(const struct outputs *all)
{
	for (size_t i = 0; i < all->count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(all->documents[i].name, all->documents[k].name) == 0) {
				(void)fprintf(
					stderr,
					"weir import: two documents would be called "
					"%s: import them one by one\n",
					all->documents[i].name);
				return false;
			}
	return true;
}

static int render(const struct tenant *t, const struct write_cfg *cfg,
		  const struct document *doc, struct output *ret, struct diag *d)
{
	FILE *out = open_memstream(&ret->text, &ret->len);
	int rc;

	if (out == NULL)
		return -ENOMEM;
	rc = document_print(t, doc, cfg, out, d);
	if (fclose(out) != 0 && rc == 0)
		rc = -ENOMEM;
	return rc;
}

/* Its path, what stands there, and that it is none of the inputs. */
static int place(const struct outputs *all, struct output *one, char *path,
		 struct diag *d)
{
	int rc;

	if (path == NULL)
		return -ENOMEM;
	one->path = path;
	for (size_t i = 0; i < all->inputs->count; i++)
		if (!output_is_standard(path) &&
		    output_is_at(one, all->inputs->list[i].path, d))
			return -EINVAL;
	rc = output_look(one, d);
	return rc == 0 || rc == -EINVAL ? rc : could_not("import", "read", path, rc);
}

static int prepare(const struct tenant_options *o, const struct tenant *t,
		   const struct write_cfg *cfg, struct outputs *all, struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; i < all->count; i++) {
		struct output *one = &all->list[i];
		int failed = render(t, cfg, &all->documents[i], one, d);

		rc = rc == 0 || rc == -EINVAL ? failed == 0 ? rc : failed : rc;
		if (rc != 0 || o->to == NULL || !is_output(o->to))
			continue;
		one->option = "-o";
		rc = place(all, one, path_of(o, &all->documents[i]), d);
		if (rc != 0 && rc != -EINVAL)
			return rc;
	}
	return rc;
}

/* The text of the report, and where it may go: none of the rule files either. */
static int prepare_report(const struct tenant_options *o, const struct tenant *t,
			  const struct write_cfg *cfg, struct outputs *all,
			  struct diag *d)
{
	struct output *r = &all->report;
	FILE *out;
	int rc = 0;

	if (o->report == NULL)
		return 0;
	r->option = "--report";
	r->first = ENFORCEABILITY_FIRST "\n";
	out = open_memstream(&r->text, &r->len);
	if (out == NULL)
		return -ENOMEM;
	(void)fputs(r->first, out);
	for (const struct dlp_policy *p = t->policies; rc == 0 && p != NULL;
	     p = p->next) {
		(void)fputc('\n', out);
		rc = enforceability_print(p, &cfg->known, out);
	}
	if (fclose(out) != 0)
		rc = -ENOMEM;
	if (rc == 0)
		rc = place(all, r, strdup(o->report), d);
	for (size_t i = 0; rc == 0 && i < all->count; i++)
		if (all->list[i].path != NULL && output_is_at(r, all->list[i].path, d))
			rc = -EINVAL;
	return rc;
}

static void print_summary(const struct document *doc)
{
	const struct dlp_policy *p = doc->policy;

	(void)printf("import   %s", doc->name);
	if (p != NULL)
		(void)printf(
			": %s; %zu business, %zu general, %zu blocked, others %s; %zu "
			"endpoint lists, %zu URL patterns",
			p->shape, p->groups[DATA_GROUP_BUSINESS],
			p->groups[DATA_GROUP_GENERAL], p->groups[DATA_GROUP_BLOCKED],
			data_group_name(p->other), p->lists.count, p->patterns.count);
	if (doc->firewall != NULL)
		(void)printf(": IP firewall of %zu ranges", doc->firewall->range_count);
	(void)putchar('\n');
}

static int make_folder(const char *path)
{
	size_t n = strlen(path);

	if (n == 0 || path[n - 1] != '/')
		return 0;
	return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

static int write_all(const struct tenant_options *o, struct outputs *all)
{
	int rc = is_output(o->to) ? make_folder(o->to) : 0;

	if (rc != 0)
		return could_not("import", "make", o->to, rc);
	for (size_t i = 0; i < all->count; i++) {
		struct output *one = &all->list[i];

		if (o->to != NULL && !is_output(o->to)) {
			(void)fwrite(one->text, 1, one->len, stdout);
			continue;
		}
		print_summary(&all->documents[i]);
		if (one->path == NULL)
			continue;
		if (output_show_changes(one) != 0)
			return could_not("import", "compare", one->path, -ENOMEM);
		rc = output_put(one);
		if (rc != 0)
			return could_not("import", "write", one->path, rc);
		(void)printf("written  %s\n", one->path);
	}
	if (o->to == NULL)
		(void)printf("nothing was written: -o says where\n");
	return EXIT_FINE;
}

static int write_report(const struct outputs *all)
{
	int rc = all->report.path == NULL ? 0 : output_put(&all->report);

	return rc == 0 ? EXIT_FINE : could_not("import", "write", all->report.path, rc);
}

static bool fits(const struct tenant_options *o, const struct outputs *all)
{
	if (all->count == 0) {
		(void)fprintf(stderr, "weir import: nothing to import in these files\n");
		return false;
	}
	if (all->count == 1 || o->to == NULL || (is_output(o->to) && is_folder(o->to)))
		return names_differ(all);
	(void)fprintf(
		stderr,
		"weir import: these files give %zu rule files: write -o FOLDER/, or "
		"pick one by --policy GUID\n",
		all->count);
	for (size_t i = 0; i < all->count; i++)
		(void)fprintf(stderr, "  %s\n", all->documents[i].name);
	return false;
}

/* Write everything, and say nothing but what was written. */
static int put_all(const struct tenant_options *o, const struct outputs *all,
		   struct import_json *x)
{
	int rc = is_output(o->to) ? make_folder(o->to) : 0;

	if (rc != 0)
		return could_not("import", "make", o->to, rc);
	for (size_t i = 0; i < all->count; i++) {
		const struct output *one = &all->list[i];

		if (one->path == NULL)
			continue;
		rc = output_put(one);
		if (rc != 0)
			return could_not("import", "write", one->path, rc);
		import_json_written(x, one->path);
	}
	rc = write_report(all);
	if (rc == EXIT_FINE && all->report.path != NULL)
		import_json_written(x, all->report.path);
	return rc;
}

/* `rc`: how the preparations went. */
static int finish_json(const struct tenant_options *o, const struct tenant *t,
		       const struct write_cfg *cfg, struct outputs *all, int rc,
		       const struct diag *d)
{
	struct import_json x;
	int code = EXIT_FINDINGS;

	if (!import_json_begin(&x))
		return EXIT_COULD_NOT;
	for (size_t i = 0; rc == 0 && i < all->count; i++)
		rc = import_json_document(&x, t, &all->documents[i], cfg, &all->list[i]);
	if (!import_json_findings(&x, d))
		code = EXIT_COULD_NOT; /* import_json_end() says it */
	else if (rc == 0)
		code = put_all(o, all, &x);
	else if (rc != -EINVAL)
		code = rc > 0 ? rc : could_not("import", "write", "it", rc);
	return import_json_end(&x, code);
}

static int finish(const struct tenant_options *o, const struct inputs *inputs,
		  const struct tenant *t, const struct write_cfg *cfg, struct diag *d)
{
	struct outputs all = {.inputs = inputs};
	int code = EXIT_FINDINGS, rc;

	all.documents = documents_of(t, &all.count);
	if (all.documents != NULL)
		all.list = calloc(all.count + 1, sizeof(*all.list));
	if (all.documents == NULL || all.list == NULL) {
		outputs_finish(&all);
		return could_not("import", "write", "it", -ENOMEM);
	}
	if (fits(o, &all)) {
		rc = prepare(o, t, cfg, &all, d);
		if (rc == 0)
			rc = prepare_report(o, t, cfg, &all, d);
		if (!o->json)
			print_findings(d);
		if (o->json)
			code = finish_json(o, t, cfg, &all, rc, d);
		else if (rc == 0)
			code = write_all(o, &all);
		else if (rc != -EINVAL)
			code = rc > 0 ? rc : could_not("import", "write", "it", rc);
		if (code == EXIT_FINE && !o->json)
			code = write_report(&all);
	} else if (o->json) {
		code = finish_json(o, t, cfg, &all, -EINVAL, d);
	} else {
		print_findings(d);
	}
	outputs_finish(&all);
	return code;
}

static int take(const struct tenant_options *o, const struct inputs *all,
		const struct generation *g, struct diag *d)
{
	struct write_cfg cfg = {.role = o->role,
				.environment = o->environment,
				.date = o->date,
				.enforce = o->enforce};
	struct tenant *t = tenant_create();
	int code;

	if (t == NULL)
		return could_not("import", "read", "it", -ENOMEM);
	cfg.known = known_connectors(g);
	if (inputs_read_tenant(all, o->policy, o->lenient, t, d)) {
		code = finish(o, all, t, &cfg, d);
	} else if (o->json) {
		struct outputs none = {0};

		code = finish_json(o, t, &cfg, &none, -EINVAL, d);
	} else {
		print_findings(d);
		code = EXIT_FINDINGS;
	}
	if (code == EXIT_FINDINGS)
		(void)fprintf(stderr, "nothing was imported\n");
	tenant_destroy(t);
	return code;
}

int import_tenant(const struct tenant_options *o)
{
	struct common common = {.config = o->config, .absent_tags = true};
	struct inputs all;
	struct diag *d = diag_create();
	struct generation *g;
	int code = EXIT_COULD_NOT;

	inputs_init(&all, "import");
	if (d != NULL)
		code = inputs_add(&all, o->paths, o->path_count);
	if (code == EXIT_FINE) {
		g = load_or_report(&common, true);
		code = g == NULL ? EXIT_FINDINGS : take(o, &all, g, d);
		generation_destroy(g);
	}
	diag_destroy(d);
	inputs_finish(&all);
	return code;
}
