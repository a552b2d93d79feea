/* SPDX-License-Identifier: Apache-2.0 */
/* networks - reads the list of Microsoft's autonomous systems. */
#include <stdlib.h>

#include "catalog/builder.h"

#define NETWORKS_MAX 1024

static int by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

static bool is_there(const struct catalog *c, uint32_t number)
{
	for (size_t i = 0; i < c->network_count; i++)
		if (c->networks[i] == number)
			return true;
	return false;
}

void read_networks(struct builder *b, const struct tsv_text *text)
{
	static const char *const columns[] = {"asn"};
	struct catalog *c = b->c;
	struct tsv t;
	struct tsv_row row;
	uint64_t number;

	c->networks = arena_alloc(c->arena, NETWORKS_MAX * sizeof(*c->networks));
	if (c->networks == NULL) {
		b->out_of_memory = true;
		return;
	}
	if (!tsv_start(&t, text, columns, 1, b->d))
		return;
	while (tsv_next(&t, &row)) {
		if (!parse_u64(row.field[0], UINT32_MAX, &number) || number == 0) {
			tsv_fault(&t, &row, 0, 0, 0,
				  "is no number of an autonomous system");
			diag_remedy(b->d, "its number alone, such as 8075");
		} else if (is_there(c, (uint32_t)number)) {
			tsv_fault(&t, &row, 0, 0, 0, "stands in an earlier row already");
		} else if (c->network_count == NETWORKS_MAX) {
			tsv_fault(&t, &row, 0, 0, 0, "too many autonomous systems");
			break;
		} else {
			c->networks[c->network_count++] = (uint32_t)number;
		}
	}
	qsort(c->networks, c->network_count, sizeof(*c->networks), by_number);
	b->rows[FILE_NETWORKS] = t.rows;
	b->date[FILE_NETWORKS] = t.date;
}
