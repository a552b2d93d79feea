/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/layer.h"
#include "identify/dns.h"

enum layer_step layer_read(struct identify *id, const struct stream *s, struct layer *ret,
			   struct facts *f)
{
	enum layer_step step = proxy_layer(s, ret, f);

	if (step == LAYER_NO)
		step = smtp_layer(s, ret, f);
	if (step == LAYER_NO)
		step = connect_layer(s, ret, f);
	/* A length in front of a message of DNS may look like it. */
	if (step == LAYER_NO && s->port != DNS_PORT)
		step = tds_layer(id, s, ret, f);
	if (step == LAYER_NO)
		step = socks_layer(s, ret, f);
	return step;
}
