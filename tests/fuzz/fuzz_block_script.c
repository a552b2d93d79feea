/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a block script of Defender for Cloud Apps: either there is a finding, or the
 * domains are sorted, each once, and such that a rule file may hold them, and what is written
 * carries its own hash and holds each of them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/block_script.h"
#include "import/write.h"
#include "match/suffix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool sound)
{
	if (!sound)
		abort();
}

static void check_list(const struct block_script *b)
{
	const struct block_script_cfg cfg = {.enforce = b->count % 2 == 1};
	char *text = NULL;
	size_t len = 0, at, items = 0;
	FILE *out = open_memstream(&text, &len);

	check(b->count > 0 && b->lines >= b->count);
	for (size_t i = 0; i < b->count; i++) {
		check(suffix_check(str_of(b->domains[i]), &at) == SUFFIX_FINE);
		check(strchr(b->domains[i], '*') == NULL);
		check(i == 0 || strcmp(b->domains[i - 1], b->domains[i]) < 0);
	}
	check(out != NULL && block_script_print(b, &cfg, out) == 0);
	check(fclose(out) == 0);
	check(generated_check((struct str){text, len}) == GENERATED_SOUND);
	for (size_t i = 0; i < len; i++) {
		check((unsigned char)text[i] >= 0x20 || text[i] == '\n' ||
		      text[i] == '\t');
		items += i > 0 && text[i] == '*' && text[i - 1] == '"';
	}
	check(items == b->count);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tenant_text text = {.name = "block.txt"};
	struct diag *d = diag_create();
	struct block_script *b;
	char *copy = malloc(size + 1);

	check(d != NULL && copy != NULL);
	memcpy(copy, data, size);
	copy[size] = '\0';
	text.text = (struct str){copy, size};
	diag_source(d, text.name, copy, size);
	b = block_script_read(&text, d);
	check((b == NULL) == (diag_count(d, DIAG_ERROR) > 0));
	if (b != NULL)
		check_list(b);
	block_script_destroy(b);
	diag_destroy(d);
	free(copy);
	return 0;
}
