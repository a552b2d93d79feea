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
#include "base/file.h"
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

static bool is_date_text(const char *s)
{
	if (strlen(s) != 10)
		return false;
	for (size_t i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? s[i] != '-' : !ascii_is_digit(s[i]))
			return false;
	return true;
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
		wanted = "--date takes YYYY-MM-DD";
	if (wanted != NULL)
		*ret_wanted = wanted;
	return wanted == NULL;
}

/* ---- writing ----------------------------------------------------------------------------- */

struct outputs {
	struct document *documents;
	struct output *list;
	size_t count;
};

static void outputs_finish(struct outputs *all)
{
	for (size_t i = 0; all->list != NULL && i < all->count; i++)
		output_finish(&all->list[i]);
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
	return path != NULL && strcmp(path, "-") != 0;
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

static int prepare(const struct tenant_options *o, const struct tenant *t,
		   const struct write_cfg *cfg, struct outputs *all, struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; i < all->count; i++) {
		struct output *one = &all->list[i];
		int failed = render(t, cfg, &all->documents[i], one, d);

		rc = rc == 0 || rc == -EINVAL ? failed == 0 ? rc : failed : rc;
		if (rc != 0 || !is_output(o->to))
			continue;
		one->path = path_of(o, &all->documents[i]);
		if (one->path == NULL)
			return -ENOMEM;
		rc = output_look(one, d);
		if (rc != 0 && rc != -EINVAL)
			return could_not("import", "read", one->path, rc);
	}
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
		rc = file_replace(one->path, one->text, one->len);
		if (rc != 0)
			return could_not("import", "write", one->path, rc);
		(void)printf("written  %s\n", one->path);
	}
	if (o->to == NULL)
		(void)printf("nothing was written: -o says where\n");
	return EXIT_FINE;
}

static int write_report(const struct tenant_options *o, const struct tenant *t,
			const struct write_cfg *cfg)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out;
	int rc = 0;

	if (o->report == NULL)
		return EXIT_FINE;
	out = open_memstream(&text, &len);
	if (out == NULL)
		return could_not("import", "write", o->report, -ENOMEM);
	for (const struct dlp_policy *p = t->policies; rc == 0 && p != NULL;
	     p = p->next) {
		if (p != t->policies)
			(void)fputs("\n", out);
		rc = enforceability_print(p, &cfg->known, out);
	}
	if (fclose(out) != 0)
		rc = -ENOMEM;
	if (rc == 0 && is_output(o->report))
		rc = file_replace(o->report, text, len);
	else if (rc == 0)
		(void)fwrite(text, 1, len, stdout);
	free(text);
	return rc == 0 ? EXIT_FINE : could_not("import", "write", o->report, rc);
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

static int finish(const struct tenant_options *o, const struct tenant *t,
		  const struct write_cfg *cfg, struct diag *d)
{
	struct outputs all = {.documents = documents_of(t, &all.count)};
	int code = EXIT_FINDINGS, rc;

	if (all.documents != NULL)
		all.list = calloc(all.count + 1, sizeof(*all.list));
	if (all.list == NULL) {
		outputs_finish(&all);
		return could_not("import", "write", "it", -ENOMEM);
	}
	if (fits(o, &all)) {
		rc = prepare(o, t, cfg, &all, d);
		diag_print(d, stderr, isatty(STDERR_FILENO) == 1);
		if (rc == 0)
			code = write_all(o, &all);
		else if (rc != -EINVAL)
			code = rc > 0 ? rc : could_not("import", "write", "it", rc);
		if (code == EXIT_FINE)
			code = write_report(o, t, cfg);
	} else {
		diag_print(d, stderr, isatty(STDERR_FILENO) == 1);
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
		code = finish(o, t, &cfg, d);
	} else {
		diag_print(d, stderr, isatty(STDERR_FILENO) == 1);
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
