/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forms - what an event costs in the forms of other tools: reading a line of a ledger, the same
 * and writing CEF, the same and writing an ASIM row.
 *
 *   forms LEDGER.jsonl ROUNDS
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "record/asim.h"
#include "record/cef.h"
#include "record/line.h"

enum step {
	STEP_READ,
	STEP_CEF,
	STEP_ASIM,
	STEP_COUNT
};

struct work {
	struct diag *d;
	uint64_t lines, bytes_in, bytes_out;
	struct record_line line;
	char form[CEF_LINE_MAX > ASIM_LINE_MAX ? CEF_LINE_MAX : ASIM_LINE_MAX];
};

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void one(struct work *w, enum step step, const char *p, size_t len)
{
	const struct ledger_line line = {.file = "bench", .line = 1, .text = {p, len}};
	size_t n = 0;

	w->lines++;
	w->bytes_in += len;
	if (record_line_read(&line, w->d, &w->line) != LINE_READ)
		return;
	if (step == STEP_CEF)
		n = cef_format(&w->line, STR("bench"), w->form, CEF_LINE_MAX);
	else if (step == STEP_ASIM && asim_format(&w->line, STR("bench"), w->form,
						  ASIM_LINE_MAX, &n) != ASIM_ROW)
		n = 0;
	w->bytes_out += n;
}

static void all(struct work *w, enum step step, const char *text, size_t len)
{
	const char *p = text, *end;

	while ((end = memchr(p, '\n', (size_t)(text + len - p))) != NULL) {
		one(w, step, p, (size_t)(end - p));
		p = end + 1;
	}
}

int main(int argc, char *argv[])
{
	static const char *const names[] = {"read", "read, CEF", "read, ASIM"};
	static struct work w;
	char *text;
	size_t len;
	const int rounds = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;

	if (rounds <= 0 || file_read(argv[1], (size_t)1 << 30, &text, &len) != 0 ||
	    (w.d = diag_create()) == NULL)
		return 2;
	for (unsigned s = 0; s < STEP_COUNT; s++) {
		double begin, spent;

		w.lines = w.bytes_in = w.bytes_out = 0;
		begin = now();
		for (int i = 0; i < rounds; i++)
			all(&w, (enum step)s, text, len);
		spent = now() - begin;
		(void)printf(
			"%-10s  %8.0f ns/event  %9.0f events/s  %.0f bytes in, %.0f out\n",
			names[s], spent * 1e9 / (double)w.lines, (double)w.lines / spent,
			(double)w.bytes_in / (double)w.lines,
			(double)w.bytes_out / (double)w.lines);
	}
	diag_destroy(w.d);
	free(text);
	return 0;
}
