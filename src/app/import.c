/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/import_files.h"
#include "app/import_lists.h"
#include "app/import_tenant.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "import/service_tags.h"

#define TEXT_LIMIT   ((size_t)64 << 20)
#define JSON_BYTES   ((size_t)4 << 20)
#define ACCEPTED_MAX 64

struct options {
	struct common common;
	const char *file;
	const char *to;      /* -o */
	const char *against; /* --old */
	bool is_first;       /* nothing stands at `to` yet */
	const char *accepted[ACCEPTED_MAX];
	struct tag_update_cfg update;
	struct tenant_options tenant;
	bool only_tags, only_tenant; /* some option is of the one or the other */
};

/* A file of service tags in memory. */
struct loaded {
	struct tsv_text text;
	char *owned;
	struct tag_file *tags;
};

/* Which tags Weir relies on: by its catalogue, and by words of its rules. */
struct users {
	const struct catalog *catalog;
	char *rules; /* in canonical form */
};

static bool is_word_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_';
}

static bool stands_in(const char *text, struct str word)
{
	for (const char *at = text; (at = strcasestr(at, word.p)) != NULL; at++)
		if ((at == text || !is_word_byte(at[-1])) && !is_word_byte(at[word.len]))
			return true;
	return false;
}

static bool uses(void *arg, struct str tag)
{
	const struct users *u = arg;

	return catalog_uses_tag(u->catalog, tag) ||
	       (u->rules != NULL && stands_in(u->rules, tag));
}

static char *rules_text(const struct generation *g)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	policy_print(g->policy, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* EXIT_FINE, or what to end with; all was said. */
static int load(const char *path, struct diag *d, struct loaded *ret)
{
	int rc;

	*ret = (struct loaded){.text = {.name = path}};
	rc = file_read(path, TEXT_LIMIT, &ret->owned, &ret->text.len);
	if (rc < 0) {
		(void)fprintf(stderr, "weir import: cannot read %s: %s\n", path,
			      strerrordesc_np(-rc));
		return EXIT_COULD_NOT;
	}
	ret->text.text = ret->owned;
	diag_source(d, path, ret->owned, ret->text.len);
	ret->tags = tag_file_parse(&ret->text, TAG_BY_TAG, d);
	return ret->tags == NULL ? EXIT_FINDINGS : EXIT_FINE;
}

static void unload(struct loaded *l)
{
	tag_file_destroy(l->tags);
	free(l->owned);
}

/* The file that `fresh` would replace; NULL = nothing to compare with. */
static const char *old_file(const struct options *o, const struct generation *g,
			    const struct tag_file *fresh)
{
	const struct tag_feed *feeds;
	size_t n = catalog_feeds(g->catalog, &feeds);

	if (o->against != NULL)
		return o->against;
	if (o->to != NULL && !o->is_first)
		return o->to;
	for (size_t i = 0; i < n; i++)
		if (str_equal_fold(str_of(feeds[i].cloud), fresh->cloud))
			return feeds[i].file;
	return NULL;
}

/* ---- the report --------------------------------------------------------------------------- */

static void print_file(const char *title, const struct tag_file *f)
{
	(void)printf("%-8s %s: cloud %.*s, change %" PRIu64 " of %s, %zu tags, %zu "
		     "prefixes\n",
		     title, f->name, (int)(f->cloud.p == NULL ? 1 : f->cloud.len),
		     f->cloud.p == NULL ? "?" : f->cloud.p, f->change,
		     f->date[0] == '\0' ? "an unknown day" : f->date, f->names.count,
		     f->count);
}

static void print_refusals(const struct tag_update *u, const struct options *o)
{
	if (u->other_cloud)
		(void)printf("%s: the clouds differ%s\n",
			     o->update.accept_cloud ? "accepted" : "refused",
			     o->update.accept_cloud ? "" : " (--accept-cloud takes it)");
	if (u->older)
		(void)printf("%s: the change number or the date goes back%s\n",
			     o->update.accept_older ? "accepted" : "refused",
			     o->update.accept_older ? "" : " (--accept-older takes it)");
	for (size_t i = 0; i < u->count; i++)
		if (u->changes[i].refused)
			(void)printf("refused: %s loses %zu of %zu prefixes, more than "
				     "%u.%02u %% (--accept-removal %s takes it)\n",
				     u->changes[i].name.p, u->changes[i].removed,
				     u->changes[i].before, o->update.loss / 100,
				     o->update.loss % 100, u->changes[i].name.p);
}

static void print_update(const struct tag_update *u, const struct options *o)
{
	if (u->before != NULL)
		print_file("old", u->before);
	if (u->before != NULL && o->is_first)
		(void)printf("note     %s is not there yet: compared with %s\n", o->to,
			     u->before->name);
	print_file("new", u->after);
	if (u->before == NULL) {
		(void)printf("nothing of this cloud to compare with: no guard\n");
		return;
	}
	(void)printf("changes  %zu prefixes added, %zu removed; %zu tags new, %zu gone\n",
		     u->added, u->removed, u->tags_added, u->tags_removed);
	if (u->count > 0)
		(void)printf("  %-48s %7s %7s %7s %7s\n", "tag (* = Weir relies on it)",
			     "before", "added", "removed", "after");
	for (size_t i = 0; i < u->count; i++) {
		const struct tag_change *c = &u->changes[i];

		(void)printf("  %s%-47s %7zu %7zu %7zu %7zu\n", c->used ? "*" : " ",
			     c->name.p, c->before, c->added, c->removed, c->after);
	}
	print_refusals(u, o);
}

static void json_file(struct json *j, const char *key, const struct tag_file *f)
{
	json_object_begin(j, key);
	json_cstring(j, "file", f->name);
	json_string(j, "cloud", f->cloud);
	if (f->change > 0)
		json_u64(j, "change", f->change);
	if (f->date[0] != '\0')
		json_cstring(j, "date", f->date);
	json_u64(j, "tags", f->names.count);
	json_u64(j, "prefixes", f->count);
	json_object_end(j);
}

static void json_change(struct json *j, const struct tag_change *c)
{
	json_object_begin(j, NULL);
	json_string(j, "tag", c->name);
	json_u64(j, "before", c->before);
	json_u64(j, "added", c->added);
	json_u64(j, "removed", c->removed);
	json_u64(j, "after", c->after);
	json_bool(j, "used", c->used);
	json_bool(j, "accepted", c->accepted);
	json_bool(j, "refused", c->refused);
	json_object_end(j);
}

static int print_update_json(const struct tag_update *u, bool written)
{
	char *buf = malloc(JSON_BYTES);
	struct json j;
	bool whole;

	if (buf == NULL)
		return EXIT_COULD_NOT;
	json_init(&j, buf, JSON_BYTES);
	json_object_begin(&j, NULL);
	if (u->before != NULL)
		json_file(&j, "old", u->before);
	json_file(&j, "new", u->after);
	json_u64(&j, "added", u->added);
	json_u64(&j, "removed", u->removed);
	json_bool(&j, "older", u->older);
	json_bool(&j, "other_cloud", u->other_cloud);
	json_bool(&j, "refused", u->refused);
	json_bool(&j, "written", written);
	json_array_begin(&j, "changes");
	for (size_t i = 0; i < u->count; i++)
		json_change(&j, &u->changes[i]);
	json_array_end(&j);
	json_object_end(&j);
	json_raw(&j, "\n", 1);
	whole = json_ok(&j);
	if (whole)
		(void)fwrite(buf, 1, j.len, stdout);
	free(buf);
	return whole ? EXIT_FINE : EXIT_COULD_NOT;
}

/* ---- the command -------------------------------------------------------------------------- */

/* The file as it is to be written, in *ret (the caller frees ret->text); 0 or -errno. */
static int render(const struct options *o, const struct loaded *fresh, char **ret,
		  size_t *ret_len)
{
	const char *slash = strrchr(o->file, '/');
	uint8_t sha256[32];
	FILE *out;
	int rc;

	*ret = NULL;
	out = open_memstream(ret, ret_len);
	if (out == NULL)
		return -ENOMEM;
	digest_sha256(fresh->owned, fresh->text.len, sha256);
	rc = tag_file_print(fresh->tags, slash == NULL ? o->file : slash + 1, sha256,
			    out);
	if (fclose(out) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

/* Does a generation load with these tags?  What is wrong was said. */
static bool would_load(const struct options *o, const char *text, size_t len)
{
	const struct tsv_text tags = {o->to != NULL ? o->to : o->file, text, len};
	const struct generation_cfg cfg = {.config = o->common.config,
					   .share = share_folder(),
					   .fresh_tags = &tags,
					   .absent_tags = true};
	struct diag *d = diag_create();
	struct generation *g = d == NULL ? NULL : generation_load(&cfg, d);
	bool loads = g != NULL;

	if (d == NULL)
		(void)fprintf(stderr, "weir import: out of memory\n");
	else if (!loads)
		print_findings(d);
	generation_destroy(g);
	diag_destroy(d);
	return loads;
}

/* Try what is to be written, and write it when -o says where. */
static int take(const struct options *o, const struct loaded *fresh)
{
	char *text;
	size_t len = 0;
	int code = EXIT_FINE, rc = render(o, fresh, &text, &len);

	if (rc == 0 && !would_load(o, text, len))
		code = EXIT_FINDINGS;
	else if (rc == 0 && o->to != NULL && !may_replace("import", o->to))
		code = EXIT_COULD_NOT;
	else if (rc == 0 && o->to != NULL)
		rc = file_replace(o->to, text, len);
	free(text);
	if (rc == 0)
		return code;
	(void)fprintf(stderr, "weir import: cannot write %s: %s\n",
		      o->to != NULL ? o->to : "it", strerrordesc_np(-rc));
	return EXIT_COULD_NOT;
}

static int finish(const struct options *o, const struct loaded *fresh,
		  const struct tag_update *u)
{
	int code = u->refused ? EXIT_FINDINGS : take(o, fresh);
	bool written = o->to != NULL && code == EXIT_FINE;

	if (o->common.json) {
		int printed = print_update_json(u, written);

		return printed != EXIT_FINE ? printed : code;
	}
	print_update(u, o);
	if (code == EXIT_FINDINGS && !u->refused)
		(void)printf(
			"refused: the configuration does not load with these tags\n");
	if (code == EXIT_FINDINGS)
		(void)printf("nothing was written\n");
	else if (written)
		(void)printf("written  %s\n", o->to);
	return code;
}

static int import_tags(struct options *o, const struct generation *g, struct diag *d)
{
	struct users users = {.catalog = g->catalog, .rules = rules_text(g)};
	struct loaded fresh, old = {.tags = NULL};
	struct tag_update u;
	const char *path;
	int code = load(o->file, d, &fresh);

	if (code == EXIT_FINE && (path = old_file(o, g, fresh.tags)) != NULL)
		code = load(path, d, &old);
	print_findings(d);
	if (code == EXIT_FINE) {
		o->update.accepted = o->accepted;
		o->update.uses = uses;
		o->update.arg = &users;
		if (tag_update_compare(old.tags, fresh.tags, &o->update, &u) != 0) {
			(void)fprintf(stderr, "weir import: out of memory\n");
			code = EXIT_COULD_NOT;
		} else {
			code = finish(o, &fresh, &u);
			tag_update_finish(&u);
		}
	} else {
		(void)fprintf(stderr, "nothing was imported\n");
	}
	unload(&old);
	unload(&fresh);
	free(users.rules);
	return code;
}

/* Options of service tags alone. */
static bool take_tag_option(struct options *o, int option)
{
	const char *why = NULL;

	o->only_tags = true;
	switch (option) {
	case 'O':
		o->against = optarg;
		return true;
	case 'A':
		if (o->update.accepted_count == ACCEPTED_MAX)
			return false;
		o->accepted[o->update.accepted_count++] = optarg;
		return true;
	case 'L':
		return parse_share(str_of(optarg), &o->update.loss, &why);
	case 'B':
		o->update.accept_older = true;
		return true;
	case 'C':
		o->update.accept_cloud = true;
		return true;
	default:
		return false;
	}
}

/* Options of a tenant's policies alone. */
static bool take_tenant_option(struct options *o, int option)
{
	struct tenant_options *t = &o->tenant;

	o->only_tenant = true;
	switch (option) {
	case 'P':
		t->policy = optarg;
		return true;
	case 'E':
		t->environment = optarg;
		return true;
	case 'R':
		t->role = optarg;
		return true;
	case 'D':
		t->date = optarg;
		return true;
	case 'r':
		t->report = optarg;
		return true;
	case 'l':
		t->lenient = true;
		return true;
	case 'e':
		t->enforce = true;
		return true;
	default:
		o->only_tenant = false;
		return take_tag_option(o, option);
	}
}

static bool take_option(struct options *o, int option)
{
	switch (option) {
	case 'c':
		o->common.config = optarg;
		return true;
	case 'o':
		o->to = optarg;
		return true;
	case 'j':
		o->common.json = true;
		return true;
	default:
		return take_tenant_option(o, option);
	}
}

static const struct option longs[] = {
	{"config", required_argument, NULL, 'c'},
	{"json", no_argument, NULL, 'j'},
	{"old", required_argument, NULL, 'O'},
	{"accept-removal", required_argument, NULL, 'A'},
	{"accept-older", no_argument, NULL, 'B'},
	{"accept-cloud", no_argument, NULL, 'C'},
	{"refuse-loss", required_argument, NULL, 'L'},
	{"policy", required_argument, NULL, 'P'},
	{"environment", required_argument, NULL, 'E'},
	{"role", required_argument, NULL, 'R'},
	{"date", required_argument, NULL, 'D'},
	{"report", required_argument, NULL, 'r'},
	{"lenient", no_argument, NULL, 'l'},
	{"enforce", no_argument, NULL, 'e'},
	{NULL, 0, NULL, 0},
};

static int run_tags(struct options *o)
{
	int code = EXIT_COULD_NOT;
	struct generation *g;
	struct diag *d;

	o->common.absent_tags = true;
	o->is_first = o->to != NULL && o->against == NULL && access(o->to, F_OK) != 0;
	g = load_or_report(&o->common, true);
	if (g == NULL)
		return EXIT_FINDINGS;
	d = diag_create();
	if (d != NULL)
		code = import_tags(o, g, d);
	diag_destroy(d);
	generation_destroy(g);
	return finish_output(code);
}

/* Does the file begin as service tags do, as Microsoft's JSON or as our rows? */
static bool looks_like_tags(const char *path)
{
	char head[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL)
		return false;
	n = fread(head, 1, sizeof(head) - 1, f);
	(void)fclose(f);
	head[n] = '\0';
	return strstr(head, "\"changeNumber\"") != NULL ||
	       strstr(head, "\"addressPrefixes\"") != NULL ||
	       strstr(head, "prefix\ttag") != NULL;
}

static int run_tenant(struct options *o, char *argv[], int count)
{
	const char *wanted = NULL;

	o->tenant.config = o->common.config;
	o->tenant.to = o->to;
	o->tenant.paths = argv;
	o->tenant.path_count = (size_t)count;
	if (count < 1)
		return usage_error("import", "name files or folders of exports");
	o->tenant.json = o->common.json;
	if (o->common.json &&
	    ((o->to != NULL && output_is_standard(o->to)) ||
	     (o->tenant.report != NULL && output_is_standard(o->tenant.report))))
		return usage_error("import", "--json is standard output: -o and --report "
					     "take a file or folder");
	if (!tenant_options_sound(&o->tenant, &wanted))
		return usage_error("import", "%s", wanted);
	return finish_output(import_tenant(&o->tenant));
}

/* A word before the file: what it is.  False: none of them. */
static bool run_list(const struct options *o, char *argv[], int count, int *ret)
{
	const struct tenant_options *t = &o->tenant;
	const struct list_options list = {.path = count == 2 ? argv[1] : NULL,
					  .to = o->to,
					  .role = t->role,
					  .date = t->date,
					  .enforce = t->enforce,
					  .json = o->common.json};
	bool script = count > 0 && strcmp(argv[0], "block-script") == 0;
	const char *wanted = NULL;

	if (!script && (count == 0 || strcmp(argv[0], "m365-urls") != 0))
		return false;
	if (count != 2)
		*ret = usage_error("import", "one file behind %s", argv[0]);
	else if (o->only_tags || t->policy != NULL || t->environment != NULL ||
		 t->report != NULL || t->lenient ||
		 (!script && (t->role != NULL || t->enforce)))
		*ret = usage_error("import", "an option that is not for %s", argv[0]);
	else if (o->common.json && o->to != NULL && output_is_standard(o->to))
		*ret = usage_error("import", "--json is standard output: -o takes a "
					     "file");
	else if (!tenant_options_sound(t, &wanted))
		*ret = usage_error("import", "%s", wanted);
	else
		*ret = finish_output(script ? import_block_script(&list)
					    : import_m365_urls(&list));
	return true;
}

static int run(int argc, char *argv[])
{
	struct options o = {.update = {.loss = TAG_LOSS_DEFAULT}};
	bool tags = false;
	int option, code;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((option = getopt_long(argc, argv, "c:o:", longs, NULL)) != -1)
		if (!take_option(&o, option))
			return usage_error("import", "see the options");
	if (run_list(&o, argv + optind, argc - optind, &code))
		return code;
	if (optind < argc && strcmp(argv[optind], "service-tags") == 0) {
		tags = true;
		optind++;
	}
	tags = tags || o.only_tags ||
	       (argc - optind == 1 && !o.only_tenant && looks_like_tags(argv[optind]));
	if (tags && o.only_tenant)
		return usage_error("import", "these options are not for service tags");
	if (!tags)
		return run_tenant(&o, argv + optind, argc - optind);
	if (argc - optind != 1)
		return usage_error("import", "one file of service tags");
	o.file = argv[optind];
	return run_tags(&o);
}

const struct command command_import = {
	.name = "import",
	.summary = "take over Microsoft's files: a tenant's policies, service tags",
	.run = run,
	.help = "usage: weir import [options] FILE|FOLDER...\n"
		"       weir import service-tags [options] FILE\n"
		"       weir import block-script [options] FILE\n"
		"       weir import m365-urls [options] FILE\n"
		"\n"
		"The first form reads exports of a tenant: data policies (DLP), their connector\n"
		"configurations and URL patterns, advanced connector policies, tenant isolation, IP\n"
		"firewalls, environments; docs/import.md lists the forms, which are told by their\n"
		"keys.  It writes rule files that nobody edits, and says what a newer export changes.\n"
		"With an error nothing is written.\n"
		"\n"
		"  -o FILE|FOLDER|-       where to; a folder when there are several policies\n"
		"  --policy GUID          this policy only; also: what lists without a policy belong to\n"
		"  --environment NAME     whose IP firewall it is; for policies that name none\n"
		"  --role ROLE            for this role (default: gateway, desktop and subnet)\n"
		"  --lenient              add the last \"*\" to lists that lack it\n"
		"  --enforce              lines of own and ip-firewall without report-only\n"
		"  --date YYYY-MM-DD      the date of what has none\n"
		"  --report FILE|-        what of it can be decided at which place in the network\n"
		"  -c FILE                configuration, for its catalogue\n"
		"  --json                 what is said, as one JSON object: documents with their\n"
		"                         counts, changes and what can be decided; findings; written\n"
		"\n"
		"The second form reads a file of service tags as Microsoft publishes it, says what it\n"
		"changes for each tag, and writes it as geo.tags reads it.  It is compared with the\n"
		"file that it would replace, or with the loaded one of its cloud, and refused when a\n"
		"tag that Weir relies on (by groups.tsv or a rule) loses too much, when its change\n"
		"number or date goes back, or when the cloud is another one.  Files of geo.tags that\n"
		"are not there yet count as the shipped ones.  What no configuration would load is\n"
		"not written.  The word may be left out.\n"
		"\n"
		"  -o FILE                write it there; the old file stays when it is refused\n"
		"  -c FILE                configuration\n"
		"  --old FILE             compare with this one\n"
		"  --refuse-loss SHARE    what a tag may lose at the most (default 20%)\n"
		"  --accept-removal TAG   take what this tag loses; may be repeated\n"
		"  --accept-older         take an older change or date\n"
		"  --accept-cloud         take another cloud\n"
		"  --json                 the report as one JSON object\n"
		"\n"
		"block-script reads the apps that are unsanctioned in Defender for Cloud Apps, as its\n"
		"script for Blue Coat ProxySG (format 102), and writes a report-only deny line for their\n"
		"hosts; m365-urls reads Microsoft's list of the endpoints of Microsoft 365 (JSON) and\n"
		"writes a table of hosts and one of ranges for each service area.\n"
		"\n"
		"  -o FILE|-              write it there; over an older one it says what changes\n"
		"  --date YYYY-MM-DD      its date\n"
		"  --role ROLE            block-script: whom it concerns (default: user)\n"
		"  --enforce              block-script: without report-only\n"
		"  --json                 as above\n"
		"\n"
		"Exit status: 0 fine; 1 refused or faulty; 2 usage; 3 could not.\n",
};
