/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a line of a ledger, in the forms of other tools: the line is refused with a
 * finding or has a CEF line that fits; both forms are one line of UTF-8, CEF's header has seven
 * bars and every = of its values but the keys' is escaped, an ASIM row is a JSON object again.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/utf8.h"
#include "record/asim.h"
#include "record/cef.h"
#include "record/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void demand_line(const char *text, size_t len)
{
	const uint8_t *b = (const uint8_t *)text;

	for (size_t at = 0; at < len;) {
		size_t n = utf8_len(b + at, len - at);

		demand(n > 0 && b[at] >= 0x20);
		at += n;
	}
}

/* Is the = at `at` of a key?  Then letters and digits stand before it, and a blank or a bar. */
static bool ends_key(const char *text, size_t at)
{
	size_t from = at;

	while (from > 0 &&
	       (ascii_is_alpha(text[from - 1]) || ascii_is_digit(text[from - 1])))
		from--;
	return from > 0 && from < at && (text[from - 1] == ' ' || text[from - 1] == '|');
}

static void demand_cef(const char *text, size_t len)
{
	unsigned bars = 0;

	demand(len > 6 && memcmp(text, "CEF:0|", 6) == 0);
	demand_line(text, len);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\') {
			demand(++i < len);
			demand(bars < 7 ? text[i] == '\\' || text[i] == '|'
					: text[i] == '\\' || text[i] == '=' ||
						  text[i] == 'n' || text[i] == 'r');
		} else if (bars < 7) {
			bars += text[i] == '|';
		} else if (text[i] == '=') {
			demand(ends_key(text, i) && i + 1 < len);
		}
	}
	demand(bars == 7);
}

static void demand_row(const char *text, size_t len)
{
	static struct json_reader r;
	struct diag *d = diag_create();
	struct json_token t;

	demand(d != NULL);
	demand_line(text, len);
	json_read_start(&r, "row", text, len, d);
	demand(json_read_next(&r, &t) && t.kind == JSON_READ_OBJECT);
	while (json_read_next(&r, &t))
		json_read_skip(&r, &t);
	demand(!json_read_failed(&r));
	diag_destroy(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_line l;
	static char form[CEF_LINE_MAX > ASIM_LINE_MAX ? CEF_LINE_MAX : ASIM_LINE_MAX];
	struct diag *d = diag_create();
	/* A copy of exactly its size: a read past its end is seen. */
	char *copy = malloc(size == 0 ? 1 : size);
	struct ledger_line line = {
		.file = "000001.jsonl", .line = 7, .text = {copy, size}};
	enum line_answer answer;
	size_t n;

	demand(d != NULL && copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	answer = record_line_read(&line, d, &l);
	demand((answer == LINE_UNSOUND) == (diag_count(d, DIAG_ERROR) > 0));
	if (answer == LINE_READ) {
		n = cef_format(&l, STR("1|\\"), form, CEF_LINE_MAX);
		demand(n > 0);
		demand_cef(form, n);
		switch (asim_format(&l, STR("1"), form, ASIM_LINE_MAX, &n)) {
		case ASIM_ROW:
			demand_row(form, n);
			break;
		case ASIM_NO_TABLE:
		case ASIM_NO_ENDS:
			break;
		case ASIM_NO_ROOM:
			demand(false);
		}
	}
	free(copy);
	diag_destroy(d);
	return 0;
}
