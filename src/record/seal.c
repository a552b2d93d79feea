/* SPDX-License-Identifier: Apache-2.0 */
#include "record/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"

#define DOMAIN STR("weir-seal-1\n")

static const char *const causes[SEAL_CAUSE_COUNT] = {
	[SEAL_COUNT] = "count",         [SEAL_TIME] = "time",
	[SEAL_ROTATION] = "rotation",   [SEAL_START] = "start",
	[SEAL_STOP] = "stop",           [SEAL_EPOCH] = "epoch",
	[SEAL_RETENTION] = "retention", [SEAL_ORDER] = "order",
	[SEAL_EXPIRY] = "expiry",
};

static const char *const line_counts[EXPIRING_COUNT] = {
	[EXPIRING_FLOW] = "flow_lines",
	[EXPIRING_SIGNAL] = "signal_lines",
	[EXPIRING_ROLLUP] = "rollup_lines",
	[EXPIRING_DNS] = "dns_lines",
};

const char *seal_cause_name(enum seal_cause c)
{
	return causes[c];
}

/* ---- writing ------------------------------------------------------------------------------ */

static void put_hex(struct json *j, const char *key, const uint8_t *bytes, size_t len)
{
	char text[2 * SIGN_SIGNATURE + 1];

	hex_format(bytes, len, text);
	json_cstring(j, key, text);
}

static void put_moment(struct json *j, const char *key, int64_t us)
{
	char text[RFC3339_LEN + 1];

	clock_format_rfc3339(us, text);
	json_cstring(j, key, text);
}

static void put_removed(struct json *j, const struct seal_removed *r)
{
	json_u64(j, "removed_first_seq", r->first_seq);
	json_u64(j, "removed_last_seq", r->last_seq);
	put_hex(j, "removed_head", r->head, sizeof(r->head));
	put_moment(j, "removed_from", r->from_us);
	put_moment(j, "removed_to", r->to_us);
}

static void put_expired(struct json *j, const struct seal_expired *e)
{
	char types[EXPIRING_TEXT_MAX];

	(void)expiring_format(e->types, types);
	json_u64(j, "expired_first_seq", e->first_seq);
	json_u64(j, "expired_last_seq", e->last_seq);
	json_cstring(j, "expired_types", types);
	json_u64(j, "expired_lines", e->lines);
	put_hex(j, "expired_head", e->head, sizeof(e->head));
}

size_t seal_format(const struct seal *s, struct str origin, const struct sign_key *key,
		   char buf[SEAL_LINE_MAX])
{
	uint8_t signature[SIGN_SIGNATURE];
	struct json j;

	json_init(&j, buf, SEAL_LINE_MAX);
	json_object_begin(&j, NULL);
	json_u64(&j, "v", 1);
	json_u64(&j, "seq", s->seq);
	put_moment(&j, "time", s->time_us);
	json_cstring(&j, "type", "seal");
	if (origin.len > 0) {
		json_raw(&j, ",", 1);
		json_raw(&j, origin.p, origin.len);
	}
	json_cstring(&j, "cause", causes[s->cause]);
	json_u64(&j, "first_seq", s->first_seq);
	json_u64(&j, "last_seq", s->last_seq);
	json_u64(&j, "count", s->last_seq - s->first_seq + 1);
	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if (s->lines[t] > 0)
			json_u64(&j, line_counts[t], s->lines[t]);
	put_hex(&j, "head", s->head, sizeof(s->head));
	if (s->has_previous)
		put_hex(&j, "previous", s->previous, sizeof(s->previous));
	json_cstring(&j, "key", s->key);
	json_u64(&j, "epoch", s->epoch);
	if (s->has_next_key)
		put_hex(&j, "next_key", s->next_key, sizeof(s->next_key));
	if (s->recovered > 0)
		json_u64(&j, "recovered", s->recovered);
	if (s->has_removed)
		put_removed(&j, &s->removed);
	if (s->has_expired)
		put_expired(&j, &s->expired);
	if (!json_ok(&j) || !sign_make(key, DOMAIN, (struct str){buf, j.len}, signature))
		return 0;
	put_hex(&j, "signature", signature, sizeof(signature));
	json_object_end(&j);
	json_raw(&j, "\n", 1);
	return json_ok(&j) ? j.len : 0;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* What is left of a line; `bad` stays. */
struct rest {
	const char *p, *end;
	bool bad;
};

static bool at(const struct rest *r, struct str what)
{
	return !r->bad && (size_t)(r->end - r->p) >= what.len &&
	       memcmp(r->p, what.p, what.len) == 0;
}

static bool skip(struct rest *r, struct str what)
{
	if (!at(r, what))
		return false;
	r->p += what.len;
	return true;
}

static void want(struct rest *r, struct str what)
{
	if (!skip(r, what))
		r->bad = true;
}

static uint64_t number(struct rest *r)
{
	const char *from = r->p;
	uint64_t v = 0;

	while (!r->bad && r->p < r->end && ascii_is_digit(*r->p))
		r->p++;
	/* As it is written: without zeros before it. */
	if (!parse_u64((struct str){from, (size_t)(r->p - from)}, UINT64_MAX - 1, &v) ||
	    (*from == '0' && r->p - from > 1))
		r->bad = true;
	return v;
}

/* 2 * len digits and a quote. */
static void hex(struct rest *r, uint8_t *ret, size_t len)
{
	if (r->bad || (size_t)(r->end - r->p) < 2 * len ||
	    !hex_parse((struct str){r->p, 2 * len}, ret, len)) {
		r->bad = true;
		return;
	}
	r->p += 2 * len;
	want(r, STR("\""));
}

static int64_t moment(struct rest *r)
{
	char written[RFC3339_LEN + 1];
	int64_t us = 0;

	if (r->bad || (size_t)(r->end - r->p) < RFC3339_LEN ||
	    !clock_parse_rfc3339(r->p, RFC3339_LEN, &us)) {
		r->bad = true;
		return 0;
	}
	clock_format_rfc3339(us, written);
	if (memcmp(written, r->p, RFC3339_LEN) != 0)
		r->bad = true;
	r->p += RFC3339_LEN;
	want(r, STR("\""));
	return us;
}

/* The rest of a string, its closing quote too. */
static void pass_string(struct rest *r)
{
	while (!r->bad && r->p < r->end && *r->p != '"')
		r->p += *r->p == '\\' && r->end - r->p > 1 ? 2 : 1;
	want(r, STR("\""));
}

static void pass_origin(struct rest *r)
{
	if (skip(r, STR(",\"sensor\":\"")))
		pass_string(r);
	if (skip(r, STR(",\"generation\":\"")))
		pass_string(r);
	if (skip(r, STR(",\"mode\":\"")))
		pass_string(r);
}

static enum seal_cause cause(struct rest *r)
{
	for (unsigned i = 0; i < SEAL_CAUSE_COUNT; i++)
		if (skip(r, str_of(causes[i]))) {
			want(r, STR("\""));
			return (enum seal_cause)i;
		}
	r->bad = true;
	return SEAL_COUNT;
}

static void removed(struct rest *r, struct seal *s)
{
	s->has_removed = skip(r, STR(",\"removed_first_seq\":"));
	if (!s->has_removed)
		return;
	s->removed.first_seq = number(r);
	want(r, STR(",\"removed_last_seq\":"));
	s->removed.last_seq = number(r);
	want(r, STR(",\"removed_head\":\""));
	hex(r, s->removed.head, CHAIN_DIGEST);
	want(r, STR(",\"removed_from\":\""));
	s->removed.from_us = moment(r);
	want(r, STR(",\"removed_to\":\""));
	s->removed.to_us = moment(r);
}

/* Names in their order with commas between, as expiring_format() writes them. */
static unsigned read_types(struct rest *r)
{
	const struct rest from = *r;
	char written[EXPIRING_TEXT_MAX];
	unsigned set = 0;

	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if (skip(r, str_of(expiring_name((enum expiring)t)))) {
			set |= 1u << t;
			(void)skip(r, STR(","));
		}
	*r = from;
	r->bad = r->bad || set == 0;
	want(r, (struct str){written, expiring_format(set, written)});
	want(r, STR("\""));
	return set;
}

static void expired(struct rest *r, struct seal *s)
{
	s->has_expired = skip(r, STR(",\"expired_first_seq\":"));
	if (!s->has_expired)
		return;
	s->expired.first_seq = number(r);
	want(r, STR(",\"expired_last_seq\":"));
	s->expired.last_seq = number(r);
	want(r, STR(",\"expired_types\":\""));
	s->expired.types = read_types(r);
	want(r, STR(",\"expired_lines\":"));
	s->expired.lines = number(r);
	want(r, STR(",\"expired_head\":\""));
	hex(r, s->expired.head, CHAIN_DIGEST);
}

static void key(struct rest *r, struct seal *s)
{
	const struct str print = {r->p, FINGERPRINT_LEN};

	if (r->bad || r->end - r->p < FINGERPRINT_LEN || !fingerprint_is(print)) {
		r->bad = true;
		return;
	}
	memcpy(s->key, print.p, FINGERPRINT_LEN);
	s->key[FINGERPRINT_LEN] = '\0';
	r->p += FINGERPRINT_LEN;
	want(r, STR("\",\"epoch\":"));
	s->epoch = number(r);
	s->has_next_key = skip(r, STR(",\"next_key\":\""));
	if (s->has_next_key)
		hex(r, s->next_key, SIGN_KEY);
}

/* ,"flow_lines":N and so on: those that are not 0. */
static void count_by_type(struct rest *r, struct seal *s)
{
	for (unsigned t = 0; t < EXPIRING_COUNT; t++) {
		const struct rest from = *r;

		if (!skip(r, STR(",\"")) || !skip(r, str_of(line_counts[t])) ||
		    !skip(r, STR("\":"))) {
			*r = from;
			continue;
		}
		s->lines[t] = number(r);
		if (s->lines[t] == 0)
			r->bad = true;
	}
}

/* Which lines it is over, and their digests. */
static void lines(struct rest *r, struct seal *s)
{
	uint64_t count;

	want(r, STR(",\"first_seq\":"));
	s->first_seq = number(r);
	want(r, STR(",\"last_seq\":"));
	s->last_seq = number(r);
	want(r, STR(",\"count\":"));
	count = number(r);
	if (s->first_seq == 0 || s->last_seq < s->first_seq ||
	    count != s->last_seq - s->first_seq + 1 || s->seq != s->last_seq + 1)
		r->bad = true;
	count_by_type(r, s);
	want(r, STR(",\"head\":\""));
	hex(r, s->head, CHAIN_DIGEST);
	s->has_previous = skip(r, STR(",\"previous\":\""));
	if (s->has_previous)
		hex(r, s->previous, CHAIN_DIGEST);
}

bool seal_parse(struct str line, struct seal *ret)
{
	struct rest r = {line.p, line.p + line.len, line.len >= SEAL_LINE_MAX};

	*ret = (struct seal){.seq = 0};
	want(&r, STR("{\"v\":1,\"seq\":"));
	ret->seq = number(&r);
	want(&r, STR(",\"time\":\""));
	ret->time_us = moment(&r);
	want(&r, STR(",\"type\":\"seal\""));
	pass_origin(&r);
	want(&r, STR(",\"cause\":\""));
	ret->cause = cause(&r);
	lines(&r, ret);
	want(&r, STR(",\"key\":\""));
	key(&r, ret);
	if (skip(&r, STR(",\"recovered\":")))
		ret->recovered = number(&r);
	removed(&r, ret);
	expired(&r, ret);
	ret->signed_len = (size_t)(r.p - line.p);
	want(&r, STR(",\"signature\":\""));
	hex(&r, ret->signature, SIGN_SIGNATURE);
	want(&r, STR("}"));
	return !r.bad && r.p == r.end;
}

bool seal_check(struct str line, const struct seal *s, const uint8_t public_key[SIGN_KEY])
{
	return s->signed_len <= line.len &&
	       sign_check(public_key, DOMAIN, (struct str){line.p, s->signed_len},
			  s->signature);
}

void seal_head_behind(const struct seal *s, const uint8_t digest[CHAIN_DIGEST],
		      uint8_t ret[CHAIN_DIGEST])
{
	memcpy(ret, s->head, CHAIN_DIGEST);
	chain_add(ret, digest);
}

/* ---- any line ----------------------------------------------------------------------------- */

static struct rest rest_of(struct str line)
{
	return (struct rest){line.p, line.p + line.len, false};
}

static void pass_head(struct rest *r, uint64_t *ret_seq)
{
	if (!skip(r, STR("{\"v\":")))
		return;
	(void)number(r);
	want(r, STR(",\"seq\":"));
	*ret_seq = number(r);
	want(r, STR(","));
}

bool line_seq(struct str line, uint64_t *ret)
{
	struct rest r = rest_of(line);
	uint64_t seq = 0;

	if (line.len == 0 || line.p[line.len - 1] != '}')
		return false;
	pass_head(&r, &seq);
	if (r.bad || r.p == line.p)
		return false;
	*ret = seq;
	return true;
}

bool line_time(struct str line, int64_t *ret_us)
{
	struct rest r = rest_of(line);
	uint64_t seq;
	int64_t us;

	pass_head(&r, &seq);
	want(&r, STR("\"time\":\""));
	us = moment(&r);
	if (r.bad)
		return false;
	*ret_us = us;
	return true;
}

struct str seal_origin_of(struct str line)
{
	struct rest r = rest_of(line);
	struct rest from;
	uint64_t seq;

	pass_head(&r, &seq);
	want(&r, STR("\"time\":\""));
	(void)moment(&r);
	want(&r, STR(",\"type\":\""));
	pass_string(&r);
	from = r;
	pass_origin(&r);
	if (r.bad || r.p - from.p < 2 || r.p - from.p > SEAL_ORIGIN_MAX)
		return STR_NONE;
	return (struct str){from.p + 1, (size_t)(r.p - from.p) - 1};
}
