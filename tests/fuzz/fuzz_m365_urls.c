/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as Microsoft's list of Microsoft 365 endpoints: either there is a finding, or every
 * item is a host pattern or a prefix, what is counted is there, and what is written carries its
 * own hash and begins each table once.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/m365_urls.h"
#include "import/write.h"
#include "match/suffix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool sound)
{
	if (!sound)
		abort();
}

static void check_items(const struct m365_urls *m)
{
	size_t hosts = 0, ranges = 0, entries = 0, at;

	for (const struct m365_entry *e = m->entries; e != NULL; e = e->next) {
		entries++;
		check(e->area[0] != '\0');
		for (const struct m365_item *it = e->items; it != NULL; it = it->next) {
			struct prefix p;

			if (it->range)
				check(prefix_parse(it->text.p, it->text.len, &p) ==
				      PREFIX_OK);
			else
				check(suffix_check(it->text, &at) == SUFFIX_FINE);
			hosts += !it->range && !it->again;
			ranges += it->range && !it->again;
		}
	}
	check(entries == m->entry_count && entries <= M365_ENTRIES_MAX);
	check(hosts == m->hosts && ranges == m->ranges);
}

/* Items between quotes are as many as were counted; no byte that a rule file may not hold. */
static void check_text(const struct m365_urls *m, const char *text, size_t len)
{
	size_t items = 0;

	check(generated_check((struct str){text, len}) == GENERATED_SOUND);
	for (size_t i = 0; i < len; i++) {
		check((unsigned char)text[i] >= 0x20 || text[i] == '\n' ||
		      text[i] == '\t');
		items += i > 0 && text[i] == '"' && text[i - 1] == '\t';
	}
	check(items == m->hosts + m->ranges);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tenant_text text = {.name = "m365.json"};
	struct diag *d = diag_create();
	struct m365_urls *m;
	char *copy = malloc(size + 1), *written = NULL;
	size_t len = 0;

	check(d != NULL && copy != NULL);
	memcpy(copy, data, size);
	copy[size] = '\0';
	text.text = (struct str){copy, size};
	diag_source(d, text.name, copy, size);
	m = m365_urls_read(&text, d);
	check((m == NULL) == (diag_count(d, DIAG_ERROR) > 0));
	if (m != NULL) {
		FILE *out = open_memstream(&written, &len);

		check_items(m);
		check(out != NULL && m365_urls_print(m, NULL, out) == 0);
		check(fclose(out) == 0);
		check_text(m, written, len);
		free(written);
	}
	m365_urls_destroy(m);
	diag_destroy(d);
	free(copy);
	return 0;
}
