/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/held.h"

#include <string.h>

/* Where a key's value is, and how large; 0 = it is a text. */
struct held {
	const char *name;
	size_t at, size;
};

#define VALUE(key, member)                                   \
	{                                                    \
		key, offsetof(struct config, member),        \
			sizeof(((struct config *)0)->member) \
	}
#define TEXT(key, member)                               \
	{                                               \
		key, offsetof(struct config, member), 0 \
	}

static const struct held held[] = {
	TEXT("rules_signers", signers_text),
	TEXT("ledger.dir", ledger.dir),
	VALUE("ledger.segment", ledger.segment_bytes),
	VALUE("ledger.dns_events", ledger.dns_events),
	VALUE("ledger.rollup", ledger.rollup),
	TEXT("ledger.keys", ledger.keys),
	VALUE("ledger.seal", ledger.seal_us),
	VALUE("ledger.seal_events", ledger.seal_events),
	VALUE("ledger.epoch", ledger.epoch_us),
	VALUE("ledger.sync", ledger.sync_us),
	VALUE("ledger.packets_size", ledger.packets_bytes),
	VALUE("ledger.compress", ledger.compress),
	VALUE("ledger.keep", ledger.keep_us),
	VALUE("ledger.keep_size", ledger.keep_bytes),
	VALUE("ledger.keep_flow", ledger.keep_type_us[EXPIRING_FLOW]),
	VALUE("ledger.keep_signal", ledger.keep_type_us[EXPIRING_SIGNAL]),
	VALUE("ledger.keep_rollup", ledger.keep_type_us[EXPIRING_ROLLUP]),
	VALUE("ledger.keep_dns", ledger.keep_type_us[EXPIRING_DNS]),
	VALUE("identity.pseudonyms", identity.pseudonyms),
	VALUE("dns.keep", dns.keep),
	TEXT("dns.dir", dns.dir),
	VALUE("dns.save", dns.save_us),
	TEXT("dns.log", dns.log),
	TEXT("dns.log_group", dns.log_group),
	VALUE("limits.max_flows", limits.max_flows),
	VALUE("limits.max_fragments", limits.max_fragments),
	VALUE("limits.max_heads", limits.max_heads),
	VALUE("limits.tcp_timeout", limits.tcp_timeout_us),
	VALUE("limits.udp_timeout", limits.udp_timeout_us),
	VALUE("limits.hold_flow", limits.hold_flow),
	VALUE("limits.hold_source", limits.hold_source),
	VALUE("limits.hold_total", limits.hold_total),
	VALUE("limits.hold_time", limits.hold_time_us),
	VALUE("capture.source", capture.source),
	VALUE("capture.on_failure", capture.on_failure),
	VALUE("capture.adopt_established", capture.adopt_us),
	VALUE("capture.watchdog", capture.watchdog_us),
	VALUE("capture.queue", capture.queue),
	VALUE("capture.mark_mask", capture.mark_mask),
	VALUE("capture.min_ttl", capture.min_ttl),
	TEXT("capture.user", capture.user),
	TEXT("control.socket", control.socket),
	TEXT("control.operators", control.operators),
	TEXT("control.readers", control.readers),
};

#define HELD (sizeof(held) / sizeof(held[0]))

const char *held_name(size_t i)
{
	return i < HELD ? held[i].name : i == HELD ? "capture.interfaces" : NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same(const struct held *h, const struct config *a, const struct config *b)
{
	const char *pa = (const char *)a + h->at, *pb = (const char *)b + h->at;
	const char *ta, *tb;

	if (h->size > 0)
		return memcmp(pa, pb, h->size) == 0;
	memcpy(&ta, pa, sizeof(ta));
	memcpy(&tb, pb, sizeof(tb));
	return same_text(ta, tb);
}

static bool same_interfaces(const struct capture_cfg *a, const struct capture_cfg *b)
{
	if (a->interface_count != b->interface_count)
		return false;
	for (size_t i = 0; i < a->interface_count; i++)
		if (strcmp(a->interfaces[i], b->interfaces[i]) != 0)
			return false;
	return true;
}

unsigned held_differences(const struct config *start, enum mode mode,
			  const struct config *next, FILE *out)
{
	static const char later[] = "takes effect at the next start";
	unsigned n = 0;

	if (next->mode != mode) {
		(void)fprintf(out,
			      "mode: the file says %s, %s is in force: use weir ctl mode "
			      "%s\n",
			      mode_name(next->mode), mode_name(mode),
			      mode_name(next->mode));
		n++;
	}
	for (size_t i = 0; i < HELD; i++)
		if (!is_same(&held[i], start, next)) {
			(void)fprintf(out, "%s: %s\n", held[i].name, later);
			n++;
		}
	if (!same_interfaces(&start->capture, &next->capture)) {
		(void)fprintf(out, "capture.interfaces: %s\n", later);
		n++;
	}
	return n;
}

void held_keep(const struct config *start, struct config *next)
{
	const enum anchor_way anchor = next->ledger.anchor; /* weir ship is on its own */

	next->capture = start->capture;
	next->control = start->control;
	next->ledger = start->ledger;
	next->ledger.anchor = anchor;
	next->dns = start->dns;
	next->identity.pseudonyms = start->identity.pseudonyms;
	next->limits = start->limits;
}
