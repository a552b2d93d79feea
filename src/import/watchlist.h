/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_WATCHLIST_H
#define IMPORT_WATCHLIST_H

/*
 * watchlist - rows of Sentinel's watch list of network addresses, as CSV (RFC 4180).
 *
 * Columns and the form of tags: Microsoft Learn "Microsoft Sentinel built-in watchlist template
 * schemas" (2023-12-15), "Network Addresses".  Sentinel's rules of Dataverse look for the tag
 * AllowDataverse (Azure-Sentinel, Microsoft Business Applications, read 2026-11-23).
 *
 * A cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a
 * carriage return) gets an apostrophe before it.
 */

#include <stdio.h>

#include "base/text.h"

/* The line of the columns, with its CR and LF. */
void watchlist_head(FILE *out);

/* A row; `tag` is one word.  True when some cell got an apostrophe. */
bool watchlist_row(FILE *out, struct str subnet, struct str name, struct str tag);

#endif /* IMPORT_WATCHLIST_H */
