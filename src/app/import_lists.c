/* SPDX-License-Identifier: Apache-2.0 */
#include "app/import_lists.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/import_files.h"
#include "app/import_json.h"
#include "import/block_script.h"
#include "import/m365_urls.h"

#define COUNTS 3

/* What a file holds, for people and for pipelines. */
struct counted {
	const char *kind, *title;
	struct {
		const char *key, *text;
		size_t n;
	} counts[COUNTS];
};

/* Read a text and print what it becomes; -EINVAL: findings say why not. */
typedef int convert(const struct list_options *o, const struct tenant_text *text,
		    FILE *out, struct counted *ret, struct diag *d);

static int convert_script(const struct list_options *o, const struct tenant_text *text,
			  FILE *out, struct counted *ret, struct diag *d)
{
	const struct block_script_cfg cfg = {
		.role = o->role, .date = o->date, .enforce = o->enforce};
	struct block_script *b = block_script_read(text, d);
	int rc = b == NULL ? -EINVAL : block_script_print(b, &cfg, out);

	if (b != NULL)
		*ret = (struct counted){"block-script",
					"block script",
					{{"domains", " domains of ", b->count},
					 {"lines", " lines", b->lines}}};
	block_script_destroy(b);
	return rc;
}

static int convert_urls(const struct list_options *o, const struct tenant_text *text,
			FILE *out, struct counted *ret, struct diag *d)
{
	struct m365_urls *m = m365_urls_read(text, d);
	int rc = m == NULL ? -EINVAL : m365_urls_print(m, o->date, out);

	if (m != NULL)
		*ret = (struct counted){"m365-urls",
					"Microsoft 365 endpoints",
					{{"entries", " entries, ", m->entry_count},
					 {"hosts", " hosts, ", m->hosts},
					 {"ranges", " ranges", m->ranges}}};
	m365_urls_destroy(m);
	return rc;
}

static void print_counted(const struct counted *c)
{
	(void)printf("import   %s: ", c->title);
	for (size_t i = 0; i < COUNTS && c->counts[i].key != NULL; i++)
		(void)printf("%zu%s", c->counts[i].n, c->counts[i].text);
	(void)putchar('\n');
}

/* Where it goes, and that nothing of others is there. */
static int place(const struct list_options *o, const struct input *in, struct output *one,
		 struct diag *d)
{
	if (o->to == NULL)
		return 0;
	one->path = strdup(o->to);
	if (one->path == NULL)
		return -ENOMEM;
	return !output_is_standard(o->to) && output_is_at(one, in->path, d)
		       ? -EINVAL
		       : output_look(one, d);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static int write_json(const struct counted *c, struct output *one, int rc,
		      const struct diag *d)
{
	struct import_json x;
	int code = EXIT_FINDINGS;

	if (!import_json_begin(&x))
		return EXIT_COULD_NOT;
	if (rc == 0) {
		import_json_begin_document(
			&x, one->path == NULL ? "-" : base_name(one->path), c->kind);
		for (size_t i = 0; i < COUNTS && c->counts[i].key != NULL; i++)
			import_json_count(&x, c->counts[i].key, c->counts[i].n);
		rc = import_json_changes(&x, one);
		import_json_end_document(&x);
	}
	if (!import_json_findings(&x, d))
		code = EXIT_COULD_NOT;
	else if (rc == 0 && one->path != NULL)
		rc = output_put(one);
	if (rc == 0 && code != EXIT_COULD_NOT) {
		if (one->path != NULL)
			import_json_written(&x, one->path);
		code = EXIT_FINE;
	} else if (rc != 0 && rc != -EINVAL) {
		code = could_not("import", "write", one->path == NULL ? "it" : one->path,
				 rc);
	}
	return import_json_end(&x, code);
}

static int write_out(const struct list_options *o, const struct counted *c,
		     struct output *one)
{
	int rc;

	if (o->to == NULL || !output_is_standard(o->to))
		print_counted(c);
	if (o->to == NULL) {
		(void)printf("nothing was written: -o says where\n");
		return EXIT_FINE;
	}
	rc = output_show_changes(one);
	if (rc == 0)
		rc = output_put(one);
	if (rc != 0)
		return could_not("import", "write", o->to, rc);
	if (!output_is_standard(o->to))
		(void)printf("written  %s\n", one->path);
	return EXIT_FINE;
}

static int take(const struct list_options *o, const struct input *in, convert *how,
		struct diag *d)
{
	struct tenant_text text = {.name = in->path, .text = in->text};
	struct output one = {.option = "-o"};
	FILE *out = open_memstream(&one.text, &one.len);
	struct counted counted = {0};
	int rc, code;

	if (out == NULL)
		return could_not("import", "read", in->path, -ENOMEM);
	memcpy(text.sha256, in->sha256, sizeof(text.sha256));
	diag_source(d, in->path, in->text.p, in->text.len);
	rc = how(o, &text, out, &counted, d);
	if (fclose(out) != 0 && rc == 0)
		rc = -ENOMEM;
	if (rc == 0)
		rc = place(o, in, &one, d);
	if (!o->json)
		print_findings(d);
	if (o->json) {
		code = write_json(&counted, &one, rc, d);
	} else if (rc == 0) {
		code = write_out(o, &counted, &one);
	} else if (rc == -EINVAL) {
		(void)fprintf(stderr, "nothing was imported\n");
		code = EXIT_FINDINGS;
	} else {
		code = could_not("import", "write", o->to == NULL ? "it" : o->to, rc);
	}
	output_finish(&one);
	return code;
}

static int import_list(const struct list_options *o, convert *how)
{
	struct inputs all;
	struct diag *d = diag_create();
	char *path = o->path;
	int code = EXIT_COULD_NOT;

	inputs_init(&all, "import");
	if (d != NULL)
		code = inputs_add(&all, &path, 1);
	if (code == EXIT_FINE && all.count != 1)
		code = usage_error("import", "%s: one file, no folder", o->path);
	if (code == EXIT_FINE)
		code = take(o, &all.list[0], how, d);
	inputs_finish(&all);
	diag_destroy(d);
	return code;
}

int import_block_script(const struct list_options *o)
{
	return import_list(o, convert_script);
}

int import_m365_urls(const struct list_options *o)
{
	return import_list(o, convert_urls);
}
