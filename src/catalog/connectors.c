/* SPDX-License-Identifier: Apache-2.0 */
/* connectors - what is known of a connector by its id, for importers and reports. */
#include "catalog/catalog.h"
#include "catalog/tables.h"

static void count_hosts(const struct catalog *c, uint16_t connector,
			struct catalog_connector *ret)
{
	for (size_t i = 0; i < c->entry_count; i++) {
		const struct entry *e = &c->entries[i];

		for (size_t k = 0; k < e->connector_count; k++)
			if (e->connectors[k].connector == connector && !e->platform) {
				ret->hosts++;
				if (e->connectors[k].confidence > ret->confidence)
					ret->confidence = e->connectors[k].confidence;
			}
	}
}

bool catalog_connector(const struct catalog *c, struct str id,
		       struct catalog_connector *ret)
{
	uint16_t number = words_find(&c->connectors, id);
	uint32_t about;

	if (number == ID_NONE)
		return false;
	*ret = (struct catalog_connector){.id = c->connectors.list[number]};
	about = c->connector_about == NULL ? 0 : c->connector_about[number];
	if (about > 0) {
		const struct connector_row *row = &c->connector_rows[about - 1];

		ret->title = row->title;
		ret->unblockable = row->unblockable;
		ret->gateway = row->gateway;
		ret->vnet = row->vnet;
	}
	count_hosts(c, number, ret);
	return true;
}
