/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drift - the tenant's current exports against the generated files that the configuration
 * reads: what the tenant changed, what was edited by hand, what was imported long ago.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/import_files.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/file_set.h"
#include "base/json.h"
#include "base/utf8.h"
#include "import/facts.h"
#include "import/write.h"

#define DAY_US      (INT64_C(86400) * 1000000)
#define WARN_AGE_US (30 * DAY_US)
#define JSON_BYTES  ((size_t)8 << 20)
#define LOADED_MAX  1200

struct options {
	struct common common;
	const char *environment;
	int64_t warn_age_us; /* 0 = never */
	char *const *paths;
	size_t path_count;
};

/* A generated file of the configuration. */
struct loaded {
	const char *name; /* borrows from the file set */
	bool edited;
	int64_t age_us; /* since it was written; below 0 = not known */
	struct facts facts;
	bool met; /* the export has it, too */
};

/* A document of the export, as it would be written now. */
struct current {
	char *text;
	size_t len;
	const char *name; /* for a file of its own */
	struct facts facts;
	bool met;
};

struct drift {
	const struct options *o;
	const struct generation *g; /* NULL: does not load */
	const struct generation
		*known; /* whose catalogue is asked: g, or the shipped one */
	struct loaded *loaded;
	struct current *current;
	struct document *documents;
	size_t loaded_count, current_count;
	bool whole; /* a folder was given: what is not in it is not in the tenant */
	struct json json;
	char *json_memory;
	size_t differences, edited, old;
};

static int no_memory(void)
{
	(void)fprintf(stderr, "weir drift: out of memory\n");
	return EXIT_COULD_NOT;
}

/* ---- what is loaded ---------------------------------------------------------------------- */

static int64_t age_of(const char *path)
{
	struct file_id id;

	if (file_identify(path, &id) != 0)
		return -1;
	return clock_real.now_us(clock_real.arg) - id.mtime_ns / 1000;
}

static int add_loaded(struct drift *r, const struct file_in_set *f)
{
	struct str text = {f->bytes, f->len};
	enum generated how = generated_check(text);
	struct loaded *l = &r->loaded[r->loaded_count];

	if (how == GENERATED_NOT)
		return 0;
	if (r->loaded_count == LOADED_MAX)
		return -E2BIG;
	r->loaded_count++;
	*l = (struct loaded){.name = f->name,
			     .edited = how == GENERATED_EDITED,
			     .age_us = age_of(f->name)};
	return facts_read(text, &l->facts);
}

static int find_loaded(struct drift *r, const struct file_set *set)
{
	struct file_in_set f;
	int rc = 0;

	for (size_t i = 0; rc == 0 && file_set_at(set, i, &f); i++)
		rc = add_loaded(r, &f);
	return rc;
}

/* ---- what the tenant has ----------------------------------------------------------------- */

/* A firewall whose export names no environment is that of the only one that is loaded. */
static const char *only_firewall(const struct drift *r, char buf[100])
{
	const struct loaded *found = NULL;

	for (size_t i = 0; i < r->loaded_count; i++) {
		if (r->loaded[i].facts.kind != FACTS_FIREWALL)
			continue;
		if (found != NULL)
			return NULL;
		found = &r->loaded[i];
	}
	if (found == NULL || found->facts.id.len == 0)
		return NULL;
	(void)snprintf(buf, 100, "%.*s", (int)found->facts.id.len, found->facts.id.p);
	return buf;
}

static int render(struct drift *r, const struct tenant *t, const struct write_cfg *cfg,
		  const struct document *doc, struct diag *d)
{
	struct current *c = &r->current[r->current_count++];
	FILE *out = open_memstream(&c->text, &c->len);
	int rc;

	if (out == NULL)
		return -ENOMEM;
	c->name = doc->name;
	rc = document_print(t, doc, cfg, out, d);
	if (fclose(out) != 0 && rc == 0)
		rc = -ENOMEM;
	return rc != 0 ? rc : facts_read((struct str){c->text, c->len}, &c->facts);
}

static int render_all(struct drift *r, const struct tenant *t, struct diag *d)
{
	char only[100];
	struct write_cfg cfg = {.environment = r->o->environment};
	size_t count = 0;
	int rc = 0;

	cfg.known = known_connectors(r->known);
	if (cfg.environment == NULL)
		cfg.environment = only_firewall(r, only);
	r->documents = documents_of(t, &count);
	r->current = calloc(count + 1, sizeof(*r->current));
	if (r->documents == NULL || r->current == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count && (rc == 0 || rc == -EINVAL); i++) {
		int one = render(r, t, &cfg, &r->documents[i], d);

		rc = one != 0 ? one : rc;
	}
	return rc;
}

/* ---- pairs ------------------------------------------------------------------------------- */

/* An environment's GUID for its name, where the rules say it. */
static struct str guid_of(const struct drift *r, struct str name)
{
	struct policy_environment e;

	for (size_t i = 0; r->g != NULL && policy_environment(r->g->policy, i, &e); i++)
		if (str_equal(e.name, name))
			return str_of(e.guid);
	return name;
}

static bool is_same(const struct drift *r, const struct facts *a, const struct facts *b)
{
	if (a->kind != b->kind || a->kind == FACTS_NONE)
		return false;
	if (a->kind == FACTS_FIREWALL)
		return str_equal_fold(guid_of(r, a->id), guid_of(r, b->id));
	if (a->kind != FACTS_POLICY)
		return true;
	if (a->id.len > 0 || b->id.len > 0)
		return str_equal_fold(a->id, b->id);
	return str_equal(a->title, b->title);
}

static bool has_kind(const struct drift *r, enum facts_kind k)
{
	for (size_t i = 0; i < r->loaded_count; i++)
		if (r->loaded[i].facts.kind == k)
			return true;
	return false;
}

/* ---- saying it --------------------------------------------------------------------------- */

static void put(struct str s)
{
	for (size_t i = 0; i < s.len;) {
		const uint8_t *b = (const uint8_t *)s.p + i;
		size_t n = utf8_len(b, s.len - i);
		bool fine = n > 0 && !(n == 1 && (*b < 0x20 || *b == 0x7f)) &&
			    !utf8_is_c1(b, n);

		if (fine)
			(void)fwrite(b, 1, n, stdout);
		else
			(void)putchar('?');
		i += n == 0 ? 1 : n;
	}
}

static void put_fact(const struct fact *f)
{
	(void)printf("%s ", f->what);
	if (f->list.len > 0 && strcmp(f->what, "URL pattern") != 0) {
		put(f->list);
		(void)putchar(' ');
	}
	put(f->name);
}

static void print_change(enum fact_change change, const struct fact *a,
			 const struct fact *b)
{
	static const char marks[] = {
		[FACT_ADDED] = '+',
		[FACT_REMOVED] = '-',
		[FACT_CHANGED] = '~',
		[FACT_REORDERED] = '~',
	};

	(void)printf("  %c ", marks[change]);
	if (change == FACT_REORDERED) {
		(void)printf("%s ", a->what);
		put(a->list);
		(void)printf(": its lines stand in another order\n");
		return;
	}
	put_fact(a != NULL ? a : b);
	(void)printf(": ");
	put(a != NULL ? a->value : b->value);
	if (change == FACT_CHANGED) {
		(void)printf(" -> ");
		put(b->value);
	}
	(void)putchar('\n');
}

static void json_change(struct json *j, enum fact_change change, const struct fact *a,
			const struct fact *b)
{
	static const char *const words[] = {
		[FACT_ADDED] = "added",
		[FACT_REMOVED] = "removed",
		[FACT_CHANGED] = "changed",
		[FACT_REORDERED] = "reordered",
	};
	const struct fact *f = change == FACT_ADDED ? b : a;

	json_object_begin(j, NULL);
	json_cstring(j, "change", words[change]);
	json_cstring(j, "what", f->what);
	json_string(j, "list", f->list);
	if (change != FACT_REORDERED) {
		json_string(j, "name", f->name);
		if (change != FACT_ADDED)
			json_string(j, "before", a->value);
		if (change != FACT_REMOVED)
			json_string(j, "after", b->value);
	}
	json_object_end(j);
}

static void each_change(void *arg, enum fact_change change, const struct fact *before,
			const struct fact *after)
{
	struct drift *r = arg;

	if (r->o->common.json)
		json_change(&r->json, change, before, after);
	else
		print_change(change, before, after);
}

/* Begin a document; `state` is a word of the JSON, `text` for people. */
static void begin(struct drift *r, const char *name, const struct facts *f,
		  const char *state, const char *text)
{
	struct json *j = &r->json;

	if (!r->o->common.json) {
		(void)printf("%s: %s", name, facts_kind_name(f->kind));
		if (f->id.len > 0) {
			(void)putchar(' ');
			put(f->id);
		}
		if (f->title.len > 0) {
			(void)printf(" \"");
			put(f->title);
			(void)putchar('"');
		}
		(void)printf(": %s\n", text);
		return;
	}
	json_object_begin(j, NULL);
	json_cstring(j, "file", name);
	json_cstring(j, "kind", facts_kind_name(f->kind));
	if (f->id.len > 0)
		json_string(j, "id", f->id);
	if (f->title.len > 0)
		json_string(j, "title", f->title);
	json_cstring(j, "state", state);
	json_array_begin(j, "changes");
}

static void end(struct drift *r)
{
	if (!r->o->common.json)
		return;
	json_array_end(&r->json);
	json_object_end(&r->json);
}

static void count_change(void *arg, enum fact_change change, const struct fact *before,
			 const struct fact *after)
{
	(void)arg, (void)change, (void)before, (void)after;
}

static int compare_pair(struct drift *r, struct loaded *l, struct current *c)
{
	size_t n = 0;
	int rc = facts_compare(&l->facts, &c->facts, count_change, NULL, &n);

	l->met = c->met = true;
	if (rc != 0)
		return rc;
	begin(r, l->name, &l->facts, n == 0 ? "same" : "changed",
	      n == 0 ? "as the tenant has it" : "the tenant has another one");
	rc = facts_compare(&l->facts, &c->facts, each_change, r, &n);
	end(r);
	r->differences += n;
	return rc;
}

static int compare_all(struct drift *r)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->current_count; i++)
		for (size_t k = 0; rc == 0 && k < r->loaded_count; k++)
			if (is_same(r, &r->loaded[k].facts, &r->current[i].facts))
				rc = compare_pair(r, &r->loaded[k], &r->current[i]);
	return rc;
}

/* What only one side has. */
static void tell_lonely(struct drift *r)
{
	for (size_t i = 0; i < r->current_count; i++) {
		struct current *c = &r->current[i];

		/* Environments are often written by hand, so nothing is missing. */
		if (c->met || (c->facts.kind == FACTS_ENVIRONMENTS &&
			       !has_kind(r, FACTS_ENVIRONMENTS)))
			continue;
		begin(r, c->name, &c->facts, "not-loaded",
		      "the tenant has it, no rule file imports it");
		end(r);
		r->differences++;
	}
	for (size_t i = 0; i < r->loaded_count; i++) {
		const struct loaded *l = &r->loaded[i];

		if (l->met || l->facts.kind == FACTS_NONE)
			continue;
		begin(r, l->name, &l->facts, r->whole ? "gone" : "not-compared",
		      r->whole ? "it is not in the export"
			       : "not compared: it is not in these files");
		end(r);
		r->differences += r->whole;
	}
}

static void tell_file(struct drift *r, const struct loaded *l)
{
	bool old = r->o->warn_age_us > 0 && l->age_us > r->o->warn_age_us;
	int64_t days = l->age_us / DAY_US;

	r->edited += l->edited;
	r->old += old;
	if (!l->edited && !old)
		return;
	if (r->o->common.json) {
		json_object_begin(&r->json, NULL);
		json_cstring(&r->json, "file", l->name);
		json_bool(&r->json, "edited", l->edited);
		if (old)
			json_i64(&r->json, "days", days);
		json_object_end(&r->json);
		return;
	}
	if (l->edited)
		(void)printf(
			"%s: edited by hand: import it again; what must differ goes to "
			"gate exceptions\n",
			l->name);
	if (old)
		(void)printf("%s: old: written %" PRId64 " days ago\n", l->name, days);
}

static int report(struct drift *r)
{
	struct json *j = &r->json;
	bool json = r->o->common.json;
	int rc;

	if (json) {
		json_object_begin(j, NULL);
		json_array_begin(j, "documents");
	}
	rc = compare_all(r);
	if (rc != 0)
		return no_memory();
	tell_lonely(r);
	if (json) {
		json_array_end(j);
		json_array_begin(j, "files");
	}
	for (size_t i = 0; i < r->loaded_count; i++)
		tell_file(r, &r->loaded[i]);
	if (json) {
		json_array_end(j);
		json_u64(j, "differences", r->differences);
		json_u64(j, "edited", r->edited);
		json_u64(j, "old", r->old);
		json_object_end(j);
		json_raw(j, "\n", 1);
		if (!json_ok(j))
			return no_memory();
		(void)fwrite(j->buf, 1, j->len, stdout);
	} else {
		(void)printf(
			"%zu differences, %zu of %zu generated files edited by hand, "
			"%zu old\n",
			r->differences, r->edited, r->loaded_count, r->old);
	}
	return r->differences + r->edited > 0 ? EXIT_FINDINGS : EXIT_FINE;
}

/* ---- the command ------------------------------------------------------------------------- */

static int compare_files(struct drift *r, const struct inputs *all)
{
	struct diag *d = diag_create(), *quiet = diag_create();
	struct tenant *t = tenant_create();
	int code = EXIT_FINDINGS, rc = -ENOMEM;

	if (d != NULL && quiet != NULL && t != NULL) {
		if (inputs_read_tenant(all, NULL, true, t, d))
			rc = render_all(r, t, quiet);
		else
			rc = -EINVAL;
	}
	if (rc == 0) {
		code = report(r);
	} else if (rc == -EINVAL) {
		print_findings(diag_count(quiet, DIAG_ERROR) > 0 ? quiet : d);
		(void)fprintf(stderr, "nothing was compared\n");
	} else {
		code = no_memory();
	}
	for (size_t i = 0; i < r->current_count; i++) {
		facts_finish(&r->current[i].facts);
		free(r->current[i].text);
	}
	tenant_destroy(t);
	diag_destroy(d);
	diag_destroy(quiet);
	return code;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int with_files(struct drift *r, const struct file_set *set)
{
	struct inputs all;
	int code, rc;

	inputs_init(&all, "drift");
	code = inputs_add(&all, r->o->paths, r->o->path_count);
	for (size_t i = 0; i < r->o->path_count; i++)
		r->whole = r->whole || is_folder(r->o->paths[i]);
	if (code == EXIT_FINE) {
		rc = find_loaded(r, set);
		if (rc == -E2BIG)
			(void)fprintf(
				stderr,
				"weir drift: more generated files than %d, or larger "
				"ones than any export gives\n",
				LOADED_MAX);
		/* What was not read would count as not imported. */
		if (rc == 0 && r->g == NULL && r->loaded_count == 0) {
			(void)fprintf(stderr, "nothing was compared\n");
			rc = -ENOENT;
		}
		code = rc == -E2BIG || rc == -ENOENT ? EXIT_FINDINGS
		       : rc != 0                     ? no_memory()
						     : compare_files(r, &all);
	}
	inputs_finish(&all);
	for (size_t i = 0; i < r->loaded_count; i++)
		facts_finish(&r->loaded[i].facts);
	return code;
}

static int drift(const struct options *o)
{
	struct drift r = {.o = o};
	struct common common = o->common;
	const struct common shipped = {0};
	struct generation *g = NULL, *bare = NULL;
	int code = EXIT_COULD_NOT;

	if (common.config == NULL)
		common.config = DEFAULT_CONFIG;
	common.set = file_set_create();
	r.loaded = calloc(LOADED_MAX, sizeof(*r.loaded));
	r.json_memory = malloc(JSON_BYTES);
	if (common.set == NULL || r.loaded == NULL || r.json_memory == NULL) {
		(void)no_memory();
	} else {
		json_init(&r.json, r.json_memory, JSON_BYTES);
		/* A file that was edited by hand does not load; it is compared all the same. */
		g = load_or_report(&common, true);
		bare = g == NULL ? load_or_report(&shipped, true) : NULL;
		r.g = g;
		r.known = g != NULL ? g : bare;
		code = r.known == NULL ? EXIT_FINDINGS : with_files(&r, common.set);
	}
	free(r.current);
	free(r.documents);
	free(r.loaded);
	free(r.json_memory);
	file_set_destroy(common.set);
	code = g == NULL && code == EXIT_FINE ? EXIT_FINDINGS : code;
	generation_destroy(g);
	generation_destroy(bare);
	return finish_output(code);
}

static int run(int argc, char *argv[])
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"rules", required_argument, NULL, 'r'},
		{"environment", required_argument, NULL, 'E'},
		{"warn-age", required_argument, NULL, 'A'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct options opts = {.warn_age_us = WARN_AGE_US};
	const char *why = NULL;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:r:", longs, NULL)) != -1) {
		if (o == 'c')
			opts.common.config = optarg;
		else if (o == 'r' && !add_rules(&opts.common, optarg))
			return EXIT_USAGE;
		else if (o == 'E')
			opts.environment = optarg;
		else if (o == 'A' &&
			 !parse_duration(str_of(optarg), &opts.warn_age_us, &why))
			return usage_error("drift", "--warn-age '%s' %s", optarg, why);
		else if (o == 'j')
			opts.common.json = true;
		else if (o == '?')
			return usage_error("drift", "see the options");
	}
	if (optind == argc)
		return usage_error("drift", "name files or folders of exports");
	opts.paths = argv + optind;
	opts.path_count = (size_t)(argc - optind);
	return drift(&opts);
}

const struct command command_drift = {
	.name = "drift",
	.summary = "the tenant's current export against what is loaded",
	.run = run,
	.help = "usage: weir drift [-c FILE] [-r RULES]... [options] FILE|FOLDER...\n"
		"\n"
		"Reads exports as `weir import` does and compares them with the generated files that\n"
		"the configuration reads: names of policies, connectors by group, action and endpoint\n"
		"rules, URL patterns, scope, ranges of IP firewalls, tenants, environments.  How they\n"
		"were imported (roles, report-only) makes no difference.  Also says which generated files were edited by\n"
		"hand, and which were written long ago.\n"
		"What is loaded and not in the export counts as gone when a folder is given, which is\n"
		"taken for the whole tenant; else it is not compared.\n"
		"\n"
		"  -c FILE             configuration (default: /etc/weir/weir.conf)\n"
		"  -r FILE             rule file; replaces the configuration's list; repeatable\n"
		"  --environment NAME  whose an IP firewall is that does not say it\n"
		"  --warn-age TIME     files written longer ago are old (default 30d; 0d: none)\n"
		"  --json              one JSON object\n"
		"\n"
		"Exit status: 0 no difference; 1 differences, hand edits, errors in the files;\n"
		"2 usage; 3 could not.  Old files alone are no difference.\n",
};
