/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file of service tags, JSON or TSV: either there is a finding, or the entries
 * are sound, and what is written of them reads as the same file again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/service_tags.h"
#include "large.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool sound)
{
	if (!sound)
		abort();
}

static struct tag_file *parse(const char *text, size_t len)
{
	const struct tsv_text t = {"f_20260506.json", text, len};
	struct diag *d = diag_create();
	struct tag_file *f;

	check(d != NULL);
	diag_source(d, t.name, text, len);
	f = tag_file_parse(&t, TAG_BY_TAG, d);
	check((f == NULL) == (diag_count(d, DIAG_ERROR) > 0));
	diag_destroy(d);
	return f;
}

static void check_entries(const struct tag_file *f)
{
	for (size_t i = 0; i < f->count; i++) {
		check(f->entries[i].tag < f->names.count);
		check(f->entries[i].prefix.bits <= 128);
		check(tag_name_sound(str_of(f->names.list[f->entries[i].tag])));
	}
}

static void check_again(const struct tag_file *f)
{
	const uint8_t digest[32] = {0};
	const struct tag_update_cfg cfg = {.loss = 1};
	struct tag_update u;
	struct tag_file *again;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	check(out != NULL && tag_file_print(f, "f", digest, out) == 0);
	check(fclose(out) == 0);
	again = parse(text, len);
	if (f->count > 0) { /* no rows: says so */
		check(again != NULL && again->count == f->count);
		check(again->change == f->change && str_equal(again->cloud, f->cloud));
		check(tag_update_compare(f, again, &cfg, &u) == 0);
		check(u.added == 0 && u.removed == 0 && !u.refused);
		tag_update_finish(&u);
	}
	tag_file_destroy(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	struct tag_file *f;

	check(copy != NULL);
	memcpy(copy, data, size);
	f = parse(copy, size);
	if (f != NULL) {
		check_entries(f);
		check_again(f);
	}
	tag_file_destroy(f);
	free(copy);
	large_end();
	return 0;
}
