/* SPDX-License-Identifier: Apache-2.0 */
#include "app/import_lists.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/import_files.h"
#include "import/block_script.h"
#include "import/m365_urls.h"

/* Read a text and print what it becomes; -EINVAL: findings say why not. */
typedef int convert(const struct list_options *o, const struct tenant_text *text,
		    FILE *out, struct diag *d);

static int convert_script(const struct list_options *o, const struct tenant_text *text,
			  FILE *out, struct diag *d)
{
	const struct block_script_cfg cfg = {
		.role = o->role, .date = o->date, .enforce = o->enforce};
	struct block_script *b = block_script_read(text, d);
	int rc = b == NULL ? -EINVAL : block_script_print(b, &cfg, out);

	if (rc == 0 && o->to != NULL && !output_is_standard(o->to))
		(void)printf("import   block script: %zu domains of %zu lines\n",
			     b->count, b->lines);
	block_script_destroy(b);
	return rc;
}

static int convert_urls(const struct list_options *o, const struct tenant_text *text,
			FILE *out, struct diag *d)
{
	struct m365_urls *m = m365_urls_read(text, d);
	int rc = m == NULL ? -EINVAL : m365_urls_print(m, o->date, out);

	if (rc == 0 && o->to != NULL && !output_is_standard(o->to))
		(void)printf("import   Microsoft 365 endpoints: %zu entries, %zu hosts, "
			     "%zu ranges\n",
			     m->entry_count, m->hosts, m->ranges);
	m365_urls_destroy(m);
	return rc;
}

static int write_out(const struct list_options *o, const struct input *in,
		     struct output *one, struct diag *d)
{
	int rc;

	if (o->to == NULL) {
		(void)printf("nothing was written: -o says where\n");
		return EXIT_FINE;
	}
	one->path = strdup(o->to);
	if (one->path == NULL)
		return could_not("import", "write", o->to, -ENOMEM);
	rc = !output_is_standard(o->to) && output_is_at(one, in->path, d)
		     ? -EINVAL
		     : output_look(one, d);
	diag_print(d, stderr, isatty(STDERR_FILENO) == 1);
	if (rc == -EINVAL) {
		(void)fprintf(stderr, "nothing was imported\n");
		return EXIT_FINDINGS;
	}
	if (rc == 0)
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
	int rc, code;

	if (out == NULL)
		return could_not("import", "read", in->path, -ENOMEM);
	memcpy(text.sha256, in->sha256, sizeof(text.sha256));
	diag_source(d, in->path, in->text.p, in->text.len);
	rc = how(o, &text, out, d);
	if (fclose(out) != 0 && rc == 0)
		rc = -ENOMEM;
	if (rc == 0) {
		code = write_out(o, in, &one, d);
	} else if (rc == -EINVAL) {
		diag_print(d, stderr, isatty(STDERR_FILENO) == 1);
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
