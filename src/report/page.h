/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

/*
 * page - the frame of an HTML page that needs nothing but itself: no script, no resource, and a
 * policy (CSP level 3) that lets a browser load none whatever a text in it says.
 * Light, dark, on paper, and without colour.
 *
 * `const char *` are our own words, written as they stand; `struct str` are of others and
 * escaped.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"

void page_begin(FILE *out, const char *title);
void page_end(FILE *out);

/* A section begins; `id` is what links point to. */
void page_section(FILE *out, const char *id, const char *title);
void page_section_end(FILE *out);
void page_note(FILE *out, const char *text);

/* Our own words, with the next of `numbers` for each '#' of them. */
void page_say(FILE *out, const char *text, const uint64_t *numbers);

/* How a row of facts is to be taken; a word and a sign stand for it, not a colour alone. */
enum page_state {
	PAGE_PLAIN = 0,
	PAGE_GOOD,
	PAGE_DOUBT,
	PAGE_BAD
};

/* Rows of facts: name, what is so, and what says so. */
void page_facts_begin(FILE *out, const char *caption);
void page_fact_begin(FILE *out, const char *name, enum page_state state,
		     const char *word);
void page_fact_end(FILE *out);
void page_facts_end(FILE *out);

#define PAGE_COLUMNS_MAX 12

struct page_column {
	const char *name;
	bool number; /* to the right */
};

void page_table_begin(FILE *out, const char *caption, const struct page_column *columns,
		      size_t count);
void page_table_end(FILE *out);

/* A query as a person would type it, and how many events it finds. */
void page_query(FILE *out, struct str command, uint64_t events, const int64_t *sum);

#endif /* REPORT_PAGE_H */
