/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an export of a tenant, UTF-16LE or not: either there is a finding, or what is
 * written of it carries its own hash, holds no byte that a rule file may not, has its lines in
 * order of their numbers, and is the same when it is written again; the facts of it are those of
 * the export, and differ from themselves in nothing, whatever the bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/changes.h"
#include "import/encoding.h"
#include "import/enforceability.h"
#include "import/facts.h"
#include "import/tenant.h"
#include "import/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool sound)
{
	if (!sound)
		abort();
}

/* Half of all connectors are known, in one spelling. */
static bool find(void *arg, struct str id, struct known_connector *ret)
{
	static const char *const ids[] = {"shared_sql", "shared_smtp", "Http",
					  "shared_azureblob"};

	(void)arg;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (str_equal_fold(id, str_of(ids[i]))) {
			*ret = (struct known_connector){.id = ids[i],
							.unblockable = i == 1,
							.has_hosts = i != 2,
							.verified = i == 0};
			return true;
		}
	return false;
}

static void check_text(const char *text, size_t len)
{
	uint64_t last = 0;

	for (size_t i = 0; i < len; i++)
		check((unsigned char)text[i] >= 0x20 || text[i] == '\n' ||
		      text[i] == '\t');
	for (const char *line = text; line < text + len; line++) {
		const char *end = memchr(line, '\n', (size_t)(text + len - line));
		uint64_t n = 0;

		check(end != NULL);
		if (end - line > 4 && memcmp(line, "list", 4) == 0)
			last = 0;
		while (*line == ' ')
			line++;
		for (; ascii_is_digit(*line); line++)
			n = n * 10 + (uint64_t)(*line - '0');
		if (n > 0 && *line == ' ') {
			check(n > last);
			last = n;
		}
		line = end;
	}
}

static void print(const struct tenant *t, const struct document *doc, struct diag *d,
		  char **ret, size_t *ret_len)
{
	static const char *const ids[] = {"shared_smtp", "shared_sql"};
	const struct write_cfg cfg = {
		.environment = "prod",
		.known = {.find = find, .ids = ids, .id_count = 2},
	};
	FILE *out = open_memstream(ret, ret_len);

	check(out != NULL && document_print(t, doc, &cfg, out, d) == 0);
	check(fclose(out) == 0);
}

static void no_change(void *arg, enum fact_change change, const struct fact *before,
		      const struct fact *after)
{
	(void)arg, (void)change, (void)before, (void)after;
	abort();
}

static size_t count_facts(const struct facts *f, const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += strcmp(f->list[i].what, what) == 0;
	return n;
}

/* `p` NULL: any bytes. */
static void check_facts(struct str text, const struct dlp_policy *p)
{
	struct facts f;
	size_t n = 1;

	check(facts_read(text, &f) == 0);
	check(facts_compare(&f, &f, no_change, NULL, &n) == 0 && n == 0);
	if (p != NULL) {
		check(f.kind == FACTS_POLICY);
		check(count_facts(&f, "URL pattern") == p->patterns.count);
		check(!p->has_groups ||
		      count_facts(&f, "connector") == p->connector_count);
	}
	facts_finish(&f);
}

static void check_documents(const struct tenant *t, struct diag *d)
{
	size_t count, len, again_len;
	struct document *list = documents_of(t, &count);
	const struct connector_book book = {.find = find};
	char *text, *again;
	struct changes c;

	check(list != NULL);
	for (size_t i = 0; i < count; i++) {
		print(t, &list[i], d, &text, &len);
		print(t, &list[i], d, &again, &again_len);
		check(len == again_len && memcmp(text, again, len) == 0);
		check(generated_check((struct str){text, len}) == GENERATED_SOUND);
		check_text(text, len);
		check(changes_print((struct str){text, len}, (struct str){again, len},
				    NULL, &c) == 0);
		check(c.removed == 0 && c.added == 0);
		check_facts((struct str){text, len}, list[i].policy);
		free(text);
		free(again);
	}
	free(list);
	for (const struct dlp_policy *p = t->policies; p != NULL; p = p->next) {
		FILE *out = open_memstream(&text, &len);

		check(out != NULL && enforceability_print(p, &book, out) == 0);
		check(fclose(out) == 0);
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tenant_cfg cfg = {.lenient = size % 2 == 1};
	struct tenant_text text = {.name = "export.json"};
	struct tenant *t = tenant_create();
	struct diag *d = diag_create();
	char *copy = malloc(size + 1);
	size_t len = size;

	check(t != NULL && d != NULL && copy != NULL);
	memcpy(copy, data, size);
	if (encoding_is_utf16le(copy, size)) {
		char *utf8 = encoding_from_utf16le(copy, size, &len);

		check(utf8 != NULL && len <= size / 2 * 3 && utf8[len] == '\0');
		free(copy);
		copy = utf8;
	}
	text.text = (struct str){copy, len};
	check_facts(text.text, NULL);
	diag_source(d, text.name, copy, len);
	if (tenant_read(t, &text, &cfg, d)) {
		check(diag_count(d, DIAG_ERROR) == 0);
		if (tenant_join(t, NULL, d))
			check_documents(t, d);
		else
			check(diag_count(d, DIAG_ERROR) > 0);
	} else {
		check(diag_count(d, DIAG_ERROR) > 0);
	}
	tenant_destroy(t);
	diag_destroy(d);
	free(copy);
	return 0;
}
