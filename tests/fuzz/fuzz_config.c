/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a weir.conf through lexer, outline, libconfig and the schema walker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "fuzz_config: %s\n", what);
	abort();
}

/*
 * All messages.  libconfig may only ever see text that it reads as the outline did: its own
 * errors would come without a column.
 */
static void check_findings(const struct diag *d, bool loaded)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	require(out != NULL, "out of memory");
	diag_print(d, out, false);
	(void)fclose(out);
	require(strstr(text, "\n    = libconfig often") == NULL,
		"libconfig found an error");
	require(strstr(text, "\n    = libconfig and") == NULL,
		"libconfig reads it otherwise");
	require(loaded == (diag_count(d, DIAG_ERROR) == 0), "refused without an error");
	require(loaded || len > 0, "refused without a word");
	free(text);
}

static void check_config(const struct config *c)
{
	require(c->site_count > 0, "no site");
	require(c->mode == MODE_MONITOR || c->mode == MODE_ENFORCE, "odd mode");
	for (size_t i = 0; i < c->site_count; i++) {
		const struct site_cfg *s = &c->sites[i];

		require(s->name != NULL && s->name[0] != '\0', "site without a name");
		require(s->inside_count > 0, "site without an inside");
		require((s->zone == NULL) == (s->zone_name == NULL), "zone without name");
		require(s->hours_text == NULL || s->zone != NULL, "hours without zone");
		for (size_t k = 0; k < s->country_count; k++)
			require(strlen(s->countries[k]) == 2, "odd country");
	}
	for (size_t i = 0; i < c->source_count; i++) {
		require(c->sources[i].name != NULL, "source without a name");
		require(c->sources[i].role < ROLE_COUNT, "odd role");
		require(c->sources[i].address_count > 0, "source without addresses");
	}
	for (size_t i = 0; i < c->rule_count; i++)
		require(c->rules[i] != NULL && c->rules[i][0] != '\0', "odd rule file");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag *d = diag_create();
	struct config *c;

	require(d != NULL, "out of memory");
	c = config_parse("tests/config/ok/fuzz.conf", (const char *)data, size, "share",
			 d);
	check_findings(d, c != NULL);
	if (c != NULL)
		check_config(c);
	config_unload(c);
	diag_destroy(d);
	return 0;
}
