/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line as a filter's value for each kind of field, the rest as a line of a ledger: what
 * is read lies within the line or the reader, a line is an event or a finding and never both, a
 * filter and its negation never say the same, and a number's text reads as that number.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/filter.h"
#include "store/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void demand_number(enum field_kind kind, const struct value *v)
{
	char buf[VALUE_TEXT_MAX];
	int64_t again;
	const struct str text = value_format(kind, v->number, buf);

	/* Years that are no four digits are clamped. */
	if (kind != FIELD_MOMENT)
		demand(value_parse(kind, text, &again) && again == v->number);
}

static void ask(const struct line_values *v, struct str text, const char *negated)
{
	static struct filter yes, no;

	for (size_t i = 0; i < field_count; i++) {
		yes = (struct filter){.kind = fields[i].kind};
		no = (struct filter){.kind = fields[i].kind};
		if (text.len > 0 && text.p[0] == '!')
			return;
		if (filter_add(&yes, text) != NULL)
			continue;
		demand(filter_add(&no, (struct str){negated, text.len + 1}) == NULL);
		demand(filter_matches(&yes, &v->fields[i]) !=
		       filter_matches(&no, &v->fields[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct line_values v;
	static struct line_reader *reader;
	const uint8_t *cut = size == 0 ? NULL : memchr(data, '\n', size);
	const size_t n = cut == NULL ? 0 : (size_t)(cut - data);
	const size_t rest = cut == NULL ? size : size - n - 1;
	char *line = malloc(rest + 1), *negated = malloc(n + 2);
	struct diag *d = diag_create();
	struct ledger_line at = {.file = "000001.jsonl", .line = 3};

	if (reader == NULL)
		reader = line_reader_create();
	demand(line != NULL && negated != NULL && d != NULL && reader != NULL);
	demand(line_reader_add(reader, "detail.frames") == 0);
	if (rest > 0)
		memcpy(line, data + (size - rest), rest);
	line = realloc(line, rest == 0 ? 1 : rest);
	demand(line != NULL);
	negated[0] = '!';
	memcpy(negated + 1, data, n);
	at.text = (struct str){line, rest};
	if (line_read(reader, &at, d, &v)) {
		demand(diag_count(d, DIAG_ERROR) == 0);
		demand(v.fields[FIELD_TIME].set && v.fields[FIELD_TYPE].set);
		for (size_t i = 0; i < field_count; i++) {
			volatile unsigned sum = 0;

			for (size_t k = 0; k < v.fields[i].text.len; k++)
				sum = sum + (unsigned char)v.fields[i].text.p[k];
			if (v.fields[i].set && field_is_number(fields[i].kind))
				demand_number(fields[i].kind, &v.fields[i]);
		}
		ask(&v, (struct str){negated + 1, n}, negated);
	} else {
		demand(diag_count(d, DIAG_ERROR) > 0);
	}
	diag_destroy(d);
	free(line);
	free(negated);
	return 0;
}
