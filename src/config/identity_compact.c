/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_compact - what a log of leases says, in fewer rows.
 *
 * Servers append: most rows are renewals, then come holders that an address had before, then
 * leases that ended long ago.  "Long ago" is by the log's own times, so that a file says the same
 * whenever it is read.
 */
#include <string.h>

#include "config/identity_impl.h"

/* A renewal and what it renews are one row: who looks up gets the same answers. */
static size_t join_renewals(struct identity_row *rows, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct identity_row *last = kept > 0 ? &rows[kept - 1] : NULL;

		if (last != NULL && rows[i].kind == IDENTITY_LEASES &&
		    identity_same(last, &rows[i]) && last->until_us >= rows[i].from_us &&
		    memcmp(&last->mac, &rows[i].mac, sizeof(last->mac)) == 0) {
			last->until_us = rows[i].until_us;
			last->line = rows[i].line;
		} else {
			rows[kept++] = rows[i];
		}
	}
	return kept;
}

/* The last lease of each address. */
static size_t keep_last(struct identity_row *rows, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (rows[i].kind != IDENTITY_LEASES || i + 1 == count ||
		    !identity_same(&rows[i], &rows[i + 1]))
			rows[kept++] = rows[i];
	return kept;
}

/* Not those that had ended when the newest began, nor those that tell nobody. */
static size_t keep_live(struct identity_row *rows, size_t count)
{
	int64_t newest_us = IDENTITY_BEFORE;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (rows[i].kind == IDENTITY_LEASES && rows[i].from_us > newest_us)
			newest_us = rows[i].from_us;
	for (size_t i = 0; i < count; i++)
		if (rows[i].kind != IDENTITY_LEASES ||
		    (rows[i].until_us > newest_us && !mac_is_none(&rows[i].mac)))
			rows[kept++] = rows[i];
	return kept;
}

size_t identity_compact(struct identity_row *rows, size_t count, bool *ret_lost)
{
	*ret_lost = false;
	if (count > IDENTITY_ROWS_MAX)
		count = join_renewals(rows, count);
	if (count > IDENTITY_ROWS_MAX) {
		*ret_lost = true;
		count = keep_last(rows, count);
	}
	return count > IDENTITY_ROWS_MAX ? keep_live(rows, count) : count;
}
