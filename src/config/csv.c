/* SPDX-License-Identifier: Apache-2.0 */
/* csv - fields of a line.  Contract: config/identity_impl.h. */
#include <string.h>

#include "config/identity_impl.h"

/* A quoted field: *at stands on the quote, then behind the closing one. */
static bool unquote(struct str line, size_t *at, char **buf, const char *end,
		    struct str *ret)
{
	char *to = *buf;

	for (++*at; *at < line.len; ++*at) {
		if (line.p[*at] == '"') {
			if (*at + 1 == line.len || line.p[*at + 1] != '"') {
				++*at;
				*ret = (struct str){*buf, (size_t)(to - *buf)};
				*buf = to;
				return true;
			}
			++*at;
		}
		if (to == end)
			return false;
		*to++ = line.p[*at];
	}
	return false;
}

size_t csv_split(struct str line, struct str fields[CSV_FIELDS_MAX], char *buf,
		 size_t size)
{
	const char *end = buf + size;
	size_t at = 0, count = 0;

	for (;;) {
		if (count == CSV_FIELDS_MAX)
			return 0;
		if (at < line.len && line.p[at] == '"') {
			if (!unquote(line, &at, &buf, end, &fields[count]) ||
			    (at < line.len && line.p[at] != ','))
				return 0;
		} else {
			size_t from = at;

			while (at < line.len && line.p[at] != ',') {
				if (line.p[at] == '"')
					return 0;
				at++;
			}
			fields[count] = (struct str){line.p + from, at - from};
		}
		count++;
		if (at == line.len)
			return count;
		at++; /* the comma */
	}
}

void csv_columns(const struct str *fields, size_t count, const char *const *wanted,
		 size_t wanted_count, int *ret)
{
	for (size_t w = 0; w < wanted_count; w++) {
		ret[w] = -1;
		for (size_t i = 0; i < count && ret[w] < 0; i++)
			if (str_equal(str_trim(fields[i]), str_of(wanted[w])))
				ret[w] = (int)i;
	}
}
