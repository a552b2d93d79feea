/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "identify/context.h"

struct identify *identify_create(void)
{
	struct identify *id = calloc(1, sizeof(*id));

	if (id == NULL)
		return NULL;
	if (!quic_crypto_open(&id->crypto)) {
		identify_destroy(id);
		return NULL;
	}
	return id;
}

void identify_destroy(struct identify *id)
{
	if (id == NULL)
		return;
	quic_crypto_close(&id->crypto);
	free(id);
}

const struct identify_stats *identify_stats(const struct identify *id)
{
	return &id->stats;
}
