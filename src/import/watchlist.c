/* SPDX-License-Identifier: Apache-2.0 */
#include "import/watchlist.h"

static bool is_formula(struct str s)
{
	static const char first[] = "=+-@\t\r";

	return s.len > 0 && s.p[0] != '\0' && strchr(first, s.p[0]) != NULL;
}

static bool needs_quotes(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '"' || s.p[i] == ',' || s.p[i] == '\r' || s.p[i] == '\n')
			return true;
	return false;
}

static bool put_cell(FILE *out, struct str s, const char *behind)
{
	bool formula = is_formula(s), quoted = needs_quotes(s);

	if (quoted)
		(void)fputc('"', out);
	if (formula)
		(void)fputc('\'', out);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"')
			(void)fputc('"', out);
		(void)fputc(s.p[i], out);
	}
	if (quoted)
		(void)fputc('"', out);
	(void)fputs(behind, out);
	return formula;
}

void watchlist_head(FILE *out)
{
	(void)fputs("IP Subnet,Range Name,Tags\r\n", out);
}

bool watchlist_row(FILE *out, struct str subnet, struct str name, struct str tag)
{
	char list[128];
	bool formula = put_cell(out, subnet, ",");

	formula = put_cell(out, name, ",") || formula;
	(void)snprintf(list, sizeof(list), "[\"%.*s\"]", tag.len > 64 ? 64 : (int)tag.len,
		       tag.p);
	return put_cell(out, str_of(list), "\r\n") || formula;
}
