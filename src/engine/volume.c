/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/volume.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "policy/policy.h"

#define HOST_MAX      256
#define PRINCIPAL_MAX 128
#define KEY_SLOTS     (2u * VOLUME_KEYS) /* a power of two, half empty */
#define OPEN_SLOTS    (2u * VOLUME_OPEN)
#define NO_KEY        UINT32_MAX

struct key {
	uint64_t hash;
	uint8_t gate, verdict, would, reason;
	bool has_role;
	uint8_t role;
	uint16_t site, service;
	uint32_t rule;
	uint16_t host_len, principal_len;
	uint32_t text; /* where host and principal stand, one behind the other */

	uint32_t seen; /* connections of this minute */
	bool counting; /* this minute or the one before had more than are written */
	/* only counted, of this minute */
	uint64_t count, ends;
	uint64_t packets_out, bytes_out, packets_in, bytes_in;
	int64_t first_us, last_us;
};

struct volume {
	bool rest;
	int64_t minute; /* of the keys below: time / VOLUME_MINUTE_US; INT64_MIN = none */
	uint32_t key_count;
	uint32_t slots[KEY_SLOTS]; /* number of a key + 1; 0 = empty */
	struct key keys[VOLUME_KEYS];
	/* Of the keys, in their order, so that only what is used is ever touched. */
	uint32_t text_len;
	char text[VOLUME_KEYS * (HOST_MAX + PRINCIPAL_MAX)];
	uint32_t open_count;
	uint64_t open
		[OPEN_SLOTS]; /* flow_id of a connection that was counted; 0 = empty */
	struct volume_stats stats;
};

struct volume *volume_create(bool rest)
{
	struct volume *v = calloc(1, sizeof(*v));

	if (v != NULL) {
		v->rest = rest;
		v->minute = INT64_MIN;
	}
	return v;
}

void volume_destroy(struct volume *v)
{
	free(v);
}

void volume_stats(const struct volume *v, struct volume_stats *ret)
{
	*ret = v->stats;
}

/* ---- connections that were counted ---------------------------------------------------------- */

static uint32_t open_slot(const struct volume *v, uint64_t id)
{
	uint32_t at = (uint32_t)hash_u64(id) & (OPEN_SLOTS - 1);

	while (v->open[at] != 0 && v->open[at] != id)
		at = (at + 1) & (OPEN_SLOTS - 1);
	return at;
}

static bool is_open(const struct volume *v, uint64_t id)
{
	return id != 0 && v->open[open_slot(v, id)] == id;
}

static bool open_add(struct volume *v, uint64_t id)
{
	const uint32_t at = open_slot(v, id);

	if (id == 0 || v->open_count >= VOLUME_OPEN) {
		v->stats.opens_refused++;
		return false;
	}
	v->open_count += v->open[at] == 0;
	v->open[at] = id;
	return true;
}

/* Later entries of the run move up, so that no search ends before them. */
static void open_remove(struct volume *v, uint64_t id)
{
	uint32_t hole = open_slot(v, id), at = hole;

	if (v->open[hole] != id)
		return;
	v->open_count--;
	for (;;) {
		uint32_t home;

		at = (at + 1) & (OPEN_SLOTS - 1);
		if (v->open[at] == 0)
			break;
		home = (uint32_t)hash_u64(v->open[at]) & (OPEN_SLOTS - 1);
		if (((at - home) & (OPEN_SLOTS - 1)) >=
		    ((at - hole) & (OPEN_SLOTS - 1))) {
			v->open[hole] = v->open[at];
			hole = at;
		}
	}
	v->open[hole] = 0;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool is_denial(const struct event_digest *d)
{
	return d->verdict == VERDICT_DENY || d->would == VERDICT_DENY;
}

static uint32_t deciding_rule(const struct event_digest *d)
{
	return d->verdict == VERDICT_DENY || d->would != VERDICT_DENY ? d->rule
								      : d->would_rule;
}

static enum gate deciding_gate(const struct event_digest *d)
{
	return d->verdict == VERDICT_DENY || d->would != VERDICT_DENY ? d->gate
								      : d->would_gate;
}

/* Its texts are still those of `d`, which fit. */
static void key_of(const struct event_digest *d, struct key *ret)
{
	uint64_t h;

	*ret = (struct key){.gate = (uint8_t)deciding_gate(d),
			    .verdict = (uint8_t)d->verdict,
			    .would = (uint8_t)d->would,
			    .reason = (uint8_t)d->reason,
			    .has_role = d->has_role,
			    .role = (uint8_t)d->role,
			    .site = d->site,
			    .service = d->service,
			    .rule = deciding_rule(d)};
	ret->host_len = (uint16_t)d->host.len;
	ret->principal_len = (uint16_t)d->principal.len;
	h = hash_bytes(d->host.p, d->host.len, ret->rule);
	h = hash_bytes(d->principal.p, d->principal.len, h);
	ret->hash = hash_u64(h ^ ((uint64_t)ret->gate << 8 | ret->verdict));
}

/* What is said of the connections; not what was counted. */
static bool same_key(const struct key *a, const struct key *b)
{
	return a->hash == b->hash && a->rule == b->rule && a->gate == b->gate &&
	       a->verdict == b->verdict && a->would == b->would &&
	       a->reason == b->reason && a->has_role == b->has_role &&
	       a->role == b->role && a->site == b->site && a->service == b->service &&
	       a->host_len == b->host_len && a->principal_len == b->principal_len;
}

static struct str host_of(const struct volume *v, const struct key *k)
{
	return (struct str){v->text + k->text, k->host_len};
}

static struct str principal_of(const struct volume *v, const struct key *k)
{
	return (struct str){v->text + k->text + k->host_len, k->principal_len};
}

/* Where the key with these texts is, or an empty slot for it. */
static uint32_t key_slot(const struct volume *v, const struct key *k, struct str host,
			 struct str principal)
{
	uint32_t at = (uint32_t)k->hash & (KEY_SLOTS - 1);

	for (; v->slots[at] != 0; at = (at + 1) & (KEY_SLOTS - 1)) {
		const struct key *there = &v->keys[v->slots[at] - 1];

		if (same_key(there, k) && str_equal(host_of(v, there), host) &&
		    str_equal(principal_of(v, there), principal))
			break;
	}
	return at;
}

static void add_text(struct volume *v, struct str s)
{
	if (s.len > 0)
		memmove(v->text + v->text_len, s.p, s.len);
	v->text_len += (uint32_t)s.len;
}

/* The key's number, made if there is room; else NO_KEY. */
static uint32_t key_find(struct volume *v, const struct event_digest *d)
{
	struct key k;
	uint32_t at;

	/* A name that does not fit cannot be told in full: such events are written. */
	if (d->host.len > HOST_MAX || d->principal.len > PRINCIPAL_MAX)
		return NO_KEY;
	key_of(d, &k);
	at = key_slot(v, &k, d->host, d->principal);
	if (v->slots[at] != 0)
		return v->slots[at] - 1;
	if (v->key_count >= VOLUME_KEYS) {
		v->stats.keys_refused++;
		return NO_KEY;
	}
	k.text = v->text_len;
	add_text(v, d->host);
	add_text(v, d->principal);
	v->keys[v->key_count] = k;
	v->slots[at] = ++v->key_count;
	return v->key_count - 1;
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool take_start(struct volume *v, const struct event_digest *d)
{
	const uint32_t n = key_find(v, d);
	struct key *k;

	if (n == NO_KEY)
		return false;
	k = &v->keys[n];
	if (is_denial(d) && k->seen < VOLUME_SINGLE) {
		k->seen++;
		return false;
	}
	if (!open_add(v, d->flow_id))
		return false;
	k->counting = true;
	if (k->count == 0 || d->start_us < k->first_us)
		k->first_us = d->start_us;
	if (k->count == 0 || d->start_us > k->last_us)
		k->last_us = d->start_us;
	k->count++;
	return true;
}

static bool take_end(struct volume *v, const struct event_digest *d)
{
	const bool counted = is_open(v, d->flow_id);
	uint32_t n = NO_KEY;
	struct key *k;

	if (counted || is_denial(d))
		n = key_find(v, d);
	if (counted)
		open_remove(v, d->flow_id);
	if (n == NO_KEY)
		return false;
	k = &v->keys[n];
	if (!counted && !k->counting)
		return false;
	k->ends++;
	k->packets_out += d->packets_out;
	k->bytes_out += d->bytes_out;
	k->packets_in += d->packets_in;
	k->bytes_in += d->bytes_in;
	return true;
}

bool volume_take(struct volume *v, const struct event_digest *d)
{
	bool taken = false;

	if (d->type != EVENT_FLOW || !d->judged)
		return false;
	if (d->phase == PHASE_END)
		taken = take_end(v, d);
	else if (d->phase == PHASE_START && d->undecidable == UNDECIDABLE_NONE &&
		 (is_denial(d) || (v->rest && !d->in_scope)))
		taken = take_start(v, d);
	v->stats.counted += taken;
	return taken;
}

/* ---- telling --------------------------------------------------------------------------------- */

static struct str word_of(const struct word_list *w, uint16_t id)
{
	return w == NULL || id >= w->count ? STR_NONE : str_of(w->words[id]);
}

static void tell(const struct volume *v, const struct key *k, int64_t now_us,
		 const struct volume_names *names, volume_put *put, void *arg)
{
	const struct vocabulary *w = names->vocabulary;
	struct rule_place place = {.line = 0};

	if (names->policy != NULL)
		place = policy_rule(names->policy, k->rule);
	const struct rollup_event e = {
		.time_us = now_us,
		.principal = principal_of(v, k),
		.host = host_of(v, k),
		.site = word_of(&w->sites, k->site),
		.service = word_of(&w->services, k->service),
		.has_role = k->has_role,
		.role = (enum role)k->role,
		.gate = (enum gate)k->gate,
		.rule = place,
		.verdict = (enum verdict)k->verdict,
		.would = (enum verdict)k->would,
		.reason = (enum verdict_reason)k->reason,
		.count = k->count,
		.ends = k->ends,
		.packets_out = k->packets_out,
		.bytes_out = k->bytes_out,
		.packets_in = k->packets_in,
		.bytes_in = k->bytes_in,
		.first_us = k->first_us,
		.last_us = k->last_us,
	};

	put(arg, &e);
}

/* A new minute for the key; false: it had no connection in the last one and may go. */
static bool renew(struct key *k)
{
	const bool busy = k->seen > 0 || k->count > 0;

	k->counting = k->count > 0;
	k->seen = 0;
	k->count = k->ends = 0;
	k->packets_out = k->bytes_out = k->packets_in = k->bytes_in = 0;
	k->first_us = k->last_us = 0;
	return busy;
}

/* Keep the key as the one of this number, which is not greater than its own. */
static void move_down(struct volume *v, const struct key *k, uint32_t number)
{
	struct key moved = *k;

	moved.text = v->text_len;
	add_text(v,
		 (struct str){v->text + k->text, (size_t)k->host_len + k->principal_len});
	v->keys[number] = moved;
}

static void tell_all(struct volume *v, int64_t now_us, const struct volume_names *names,
		     volume_put *put, void *arg, bool keep)
{
	uint32_t kept = 0;

	v->text_len = 0; /* those that are kept move down */
	for (uint32_t i = 0; i < v->key_count; i++) {
		struct key *k = &v->keys[i];

		if (k->count > 0 || k->ends > 0)
			tell(v, k, now_us, names, put, arg);
		if (!renew(k) || !keep)
			continue;
		move_down(v, k, kept++);
	}
	v->key_count = kept;
	memset(v->slots, 0, sizeof(v->slots));
	for (uint32_t i = 0; i < kept; i++) {
		const struct key *k = &v->keys[i];

		v->slots[key_slot(v, k, host_of(v, k), principal_of(v, k))] = i + 1;
	}
}

void volume_tick(struct volume *v, int64_t now_us, const struct volume_names *names,
		 volume_put *put, void *arg)
{
	const int64_t minute = now_us / VOLUME_MINUTE_US;

	/* A clock that was set back ends the minute as well: no key waits for hours. */
	if (v->key_count > 0 && minute != v->minute)
		tell_all(v, now_us, names, put, arg, true);
	v->minute = minute;
}

void volume_finish(struct volume *v, int64_t now_us, const struct volume_names *names,
		   volume_put *put, void *arg)
{
	tell_all(v, now_us, names, put, arg, false);
}
