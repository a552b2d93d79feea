/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

/*
 * html - texts of others in a page, where they can be nothing but text.
 *
 * A text may hold any bytes: of what a client sent only control bytes were escaped on the way
 * into the ledger, and the ledger itself is hostile.  What may stand in an element may also
 * stand in an attribute between double quotes, and nowhere else.
 */

#include <stdint.h>
#include <stdio.h>

#include "base/text.h"

/*
 * The text with & < > " ' as references, an ill-formed byte as U+FFFD, and as \uXXXX what is not
 * seen or turns what follows around: control characters, bidirectional controls (Unicode UAX 9),
 * zero-width ones and tags.
 */
void html_text(FILE *out, struct str s);

/* The same, at most `most` bytes of the text, then "..." when there are more. */
void html_text_cut(FILE *out, struct str s, size_t most);

void html_count(FILE *out, uint64_t n); /* "1,234,567" */
void html_bytes(FILE *out,
		uint64_t n); /* "1.2 MB": units of 1000, one decimal, cut off */

#endif /* REPORT_HTML_H */
