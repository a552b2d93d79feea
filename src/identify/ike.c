/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/ike.h"

#include "base/cursor.h"

/* Exchanges that come first: IKE_SA_INIT .. INFORMATIONAL; v1: base, identity, aggressive. */
static bool is_exchange(uint8_t version, uint8_t exchange)
{
	if (version == 0x20)
		return exchange >= 34 && exchange <= 37;
	return version == 0x10 && (exchange == 1 || exchange == 2 || exchange == 4);
}

static bool is_header(struct cursor c)
{
	const size_t len = c.left;
	const uint64_t initiator = cur_be64(&c);
	uint8_t version, exchange;

	cur_skip(&c, 8 + 1); /* responder, next payload */
	version = cur_u8(&c);
	exchange = cur_u8(&c);
	cur_skip(&c, 1 + 4); /* flags, message id */
	return initiator != 0 && is_exchange(version, exchange) && cur_be32(&c) == len &&
	       cur_ok(&c);
}

bool ike_begins(const uint8_t *payload, size_t len)
{
	struct cursor c = cur_init(payload, len);

	if (is_header(c))
		return true;
	return cur_be32(&c) == 0 && is_header(c);
}
