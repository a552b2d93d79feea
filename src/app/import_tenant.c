/* SPDX-License-Identifier: Apache-2.0 */
#include "app/import_tenant.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "base/file.h"
#include "base/hash.h"
#include "catalog/catalog.h"
#include "import/changes.h"
#include "import/encoding.h"
#include "import/enforceability.h"
#include "import/tenant.h"
#include "import/write.h"
#include "model/names.h"

#define FILE_LIMIT ((size_t)64 << 20)

/* A file that was read, in UTF-8. */
struct input {
	char *path, *owned;
	struct str text;
	uint8_t sha256[32];
};

struct inputs {
	struct input *list; /* TENANT_FILES_MAX */
	size_t count;
};

static int could_not(const char *what, const char *path, int rc)
{
	(void)fprintf(stderr, "weir import: cannot %s %s: %s\n", what, path,
		      strerrordesc_np(-rc));
	return EXIT_COULD_NOT;
}

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

/* ---- reading ----------------------------------------------------------------------------- */

static int to_utf8(struct input *in, size_t len)
{
	char *fresh;
	size_t n;

	in->text = (struct str){in->owned, len};
	if (!encoding_is_utf16le(in->owned, len))
		return 0;
	fresh = encoding_from_utf16le(in->owned, len, &n);
	if (fresh == NULL)
		return -ENOMEM;
	free(in->owned);
	in->owned = fresh;
	in->text = (struct str){fresh, n};
	return 0;
}

static int add_file(struct inputs *all, const char *path)
{
	struct input *in = &all->list[all->count];
	size_t len = 0;
	int rc;

	if (all->count == TENANT_FILES_MAX) {
		(void)fprintf(stderr, "weir import: more than %d files\n",
			      TENANT_FILES_MAX);
		return EXIT_USAGE;
	}
	in->path = strdup(path);
	if (in->path == NULL)
		return could_not("read", path, -ENOMEM);
	all->count++;
	rc = file_read(path, FILE_LIMIT, &in->owned, &len);
	if (rc == 0) {
		digest_sha256(in->owned, len, in->sha256);
		rc = to_utf8(in, len);
	}
	return rc == 0 ? EXIT_FINE : could_not("read", path, rc);
}

static int is_readable_name(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && (n < 6 || strcmp(e->d_name + n - 6, ".rules") != 0);
}

/* Files right in the folder, by name; its folders are left alone. */
static int add_folder(struct inputs *all, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, is_readable_name, alphasort);
	int code = EXIT_FINE;

	if (n < 0)
		return could_not("read", path, -errno);
	for (int i = 0; i < n; i++) {
		size_t len = strlen(path) + strlen(names[i]->d_name) + 2;
		char *one = malloc(len);
		struct stat st;

		if (one == NULL) {
			code = could_not("read", path, -ENOMEM);
		} else if (code == EXIT_FINE) {
			(void)snprintf(one, len, "%s/%s", path, names[i]->d_name);
			if (stat(one, &st) != 0 || !S_ISDIR(st.st_mode))
				code = add_file(all, one);
		}
		free(one);
		free(names[i]);
	}
	free(names);
	return code;
}

static int add_paths(struct inputs *all, const struct tenant_options *o)
{
	int code = EXIT_FINE;

	for (size_t i = 0; code == EXIT_FINE && i < o->path_count; i++) {
		struct stat st;
		bool folder = stat(o->paths[i], &st) == 0 && S_ISDIR(st.st_mode);

		code = folder ? add_folder(all, o->paths[i]) : add_file(all, o->paths[i]);
	}
	return code;
}

static bool read_all(const struct inputs *all, const struct tenant_options *o,
		     struct tenant *t, struct diag *d)
{
	const struct tenant_cfg cfg = {.lenient = o->lenient};
	char guid[GUID_LEN + 1] = "";
	bool fine = true;

	for (size_t i = 0; i < all->count; i++) {
		const struct input *in = &all->list[i];
		struct tenant_text text = {.name = in->path, .text = in->text};

		memcpy(text.sha256, in->sha256, sizeof(text.sha256));
		diag_source(d, in->path, in->text.p, in->text.len);
		fine = tenant_read(t, &text, &cfg, d) && fine;
	}
	for (size_t i = 0; o->policy != NULL && i < GUID_LEN; i++)
		guid[i] = ascii_lower(o->policy[i]);
	return fine && tenant_join(t, o->policy == NULL ? NULL : guid, d);
}

/* ---- what the catalogue knows ------------------------------------------------------------- */

static bool find_known(void *arg, struct str id, struct known_connector *ret)
{
	struct catalog_connector c;

	if (!catalog_connector(arg, id, &c))
		return false;
	*ret = (struct known_connector){
		.id = c.id,
		.unblockable = c.unblockable == STATED_YES,
		.not_by_gateway = c.gateway == STATED_NO,
		.not_by_subnet = c.vnet == STATED_NO,
		.has_hosts = c.hosts > 0,
		.verified = c.hosts > 0 && c.confidence == CONFIDENCE_VERIFIED,
	};
	return true;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* A document as it is to be written, and what stands there now. */
struct output {
	char *path; /* NULL = nowhere */
	char *text, *before;
	size_t len, before_len;
	struct changes changes;
};

struct outputs {
	struct document *documents;
	struct output *list;
	size_t count;
};

static void outputs_finish(struct outputs *all)
{
	for (size_t i = 0; all->list != NULL && i < all->count; i++) {
		free(all->list[i].path);
		free(all->list[i].text);
		free(all->list[i].before);
	}
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

/* What stands where a document is to go: nothing, or an older one of ours. */
static int look_before(struct output *one, struct diag *d)
{
	const struct span at = {.file = one->path};
	int rc = file_read(one->path, FILE_LIMIT, &one->before, &one->before_len);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	switch (generated_check((struct str){one->before, one->before_len})) {
	case GENERATED_NOT:
		diag_error(d, at, "stands there and was not written by weir import");
		diag_remedy(d, "-o another FILE, or move this one away");
		return -EINVAL;
	case GENERATED_EDITED:
		diag_add(
			d, DIAG_WARNING, at, "hand-edited",
			"was edited by hand: the edits are among the changes below, and lost");
		diag_remedy(d,
			    "what must differ, in gate exceptions of a file of your own");
		return 0;
	case GENERATED_SOUND:
		break;
	}
	return 0;
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
		rc = look_before(one, d);
		if (rc != 0 && rc != -EINVAL)
			return could_not("read", one->path, rc);
	}
	return rc;
}

static int show_changes(struct output *one)
{
	static const char *const none = "no change\n";

	if (one->before == NULL)
		return 0;
	if (changes_print((struct str){one->before, one->before_len},
			  (struct str){one->text, one->len}, stdout, &one->changes) != 0)
		return -ENOMEM;
	if (one->changes.removed + one->changes.added == 0)
		(void)fputs(none, stdout);
	else
		(void)printf("changes  %zu lines removed, %zu added\n",
			     one->changes.removed, one->changes.added);
	return 0;
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
		return could_not("make", o->to, rc);
	for (size_t i = 0; i < all->count; i++) {
		struct output *one = &all->list[i];

		if (o->to != NULL && !is_output(o->to)) {
			(void)fwrite(one->text, 1, one->len, stdout);
			continue;
		}
		print_summary(&all->documents[i]);
		if (one->path == NULL)
			continue;
		if (show_changes(one) != 0)
			return could_not("compare", one->path, -ENOMEM);
		rc = file_replace(one->path, one->text, one->len);
		if (rc != 0)
			return could_not("write", one->path, rc);
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
		return could_not("write", o->report, -ENOMEM);
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
	return rc == 0 ? EXIT_FINE : could_not("write", o->report, rc);
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
		return could_not("write", "it", -ENOMEM);
	}
	if (fits(o, &all)) {
		rc = prepare(o, t, cfg, &all, d);
		diag_print(d, stderr, isatty(STDERR_FILENO) == 1);
		if (rc == 0)
			code = write_all(o, &all);
		else if (rc != -EINVAL)
			code = rc > 0 ? rc : could_not("write", "it", rc);
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
	struct vocabulary words = {0};
	int code;

	if (t == NULL)
		return could_not("read", "it", -ENOMEM);
	catalog_vocabulary(g->catalog, &words);
	cfg.known = (struct connector_book){.arg = g->catalog,
					    .find = find_known,
					    .ids = words.connectors.words,
					    .id_count = words.connectors.count};
	if (read_all(all, o, t, d)) {
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
	struct inputs all = {.list = calloc(TENANT_FILES_MAX, sizeof(*all.list))};
	struct diag *d = diag_create();
	struct generation *g;
	int code = EXIT_COULD_NOT;

	if (all.list != NULL && d != NULL)
		code = add_paths(&all, o);
	if (code == EXIT_FINE) {
		g = load_or_report(&common, true);
		code = g == NULL ? EXIT_FINDINGS : take(o, &all, g, d);
		generation_destroy(g);
	}
	diag_destroy(d);
	for (size_t i = 0; all.list != NULL && i < all.count; i++) {
		free(all.list[i].path);
		free(all.list[i].owned);
	}
	free(all.list);
	return code;
}
