/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_COMMUNITY_H
#define FLOW_COMMUNITY_H

/*
 * community - Community ID v1, the flow hash that Zeek, Suricata and Sentinel parsers share.
 * Source: github.com/corelight/community-id-spec (read 2026-11); baselines in tests.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/flow_key.h"

#define COMMUNITY_ID_LEN 30 /* "1:" and 28 base64 characters */

/*
 * Writes the id and a NUL.  For ICMP the key's ports are the mapped type and code as decode
 * sets them; messages without a counterpart keep their direction in the id, so `from_low`
 * tells which end sent (flow: client_is_low); it is not read for anything else.
 * seed: 0 unless the site has agreed on another.
 */
void community_id(const struct flow_key *k, bool from_low, uint16_t seed,
		  char buf[COMMUNITY_ID_LEN + 1]);

#endif /* FLOW_COMMUNITY_H */
