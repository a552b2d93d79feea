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

#include "store/fields.h"
#include "store/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void demand_number(enum line_kind kind, const struct value *v)
{
	char buf[VALUE_TEXT_MAX];
	int64_t again;
	const struct str text = value_format(kind, v->number, buf);

	/* Years that are no four digits are clamped. */
	if (kind != LINE_TIME)
		demand(value_parse(kind, text, &again) && again == v->number);
}

static void ask(const struct record_line *l, struct str text, const char *negated)
{
	static struct filter yes, no;

	for (unsigned i = 0; i < field_count; i++) {
		const struct value v = value_of(l, i);

		yes = (struct filter){.kind = fields[i].kind};
		no = (struct filter){.kind = fields[i].kind};
		if (text.len > 0 && text.p[0] == '!')
			return;
		if (filter_add(&yes, text) != NULL)
			continue;
		demand(filter_add(&no, (struct str){negated, text.len + 1}) == NULL);
		demand(filter_matches(&yes, &v) != filter_matches(&no, &v));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_line *reader;
	const uint8_t *cut = size == 0 ? NULL : memchr(data, '\n', size);
	const size_t n = cut == NULL ? 0 : (size_t)(cut - data);
	const size_t rest = cut == NULL ? size : size - n - 1;
	char *line = malloc(rest + 1), *negated = malloc(n + 2);
	struct diag *d = diag_create();
	struct ledger_line at = {.file = "000001.jsonl", .line = 3};

	if (reader == NULL)
		reader = line_for_store();
	demand(line != NULL && negated != NULL && d != NULL && reader != NULL);
	demand(line_want(reader, "detail.frames") == 0);
	if (rest > 0)
		memcpy(line, data + (size - rest), rest);
	line = realloc(line, rest == 0 ? 1 : rest);
	demand(line != NULL);
	negated[0] = '!';
	memcpy(negated + 1, data, n);
	at.text = (struct str){line, rest};
	if (record_line_read(&at, d, reader) != LINE_UNSOUND) {
		demand(diag_count(d, DIAG_ERROR) == 0);
		demand(value_of(reader, LINE_FIELD_MOMENT).set &&
		       value_of(reader, LINE_FIELD_TYPE).set);
		for (unsigned i = 0; i < field_count; i++) {
			const struct value v = value_of(reader, i);
			volatile unsigned sum = 0;

			for (size_t k = 0; k < v.text.len; k++)
				sum = sum + (unsigned char)v.text.p[k];
			if (v.set && kind_is_number(fields[i].kind))
				demand_number(fields[i].kind, &v);
		}
		ask(reader, (struct str){negated + 1, n}, negated);
	} else {
		demand(diag_count(d, DIAG_ERROR) > 0);
	}
	diag_destroy(d);
	free(line);
	free(negated);
	return 0;
}
