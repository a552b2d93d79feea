/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random fields through form_flow(), form_signal(), form_system(), form_dns() and
 * form_change(), form_rollup(): whatever the wire or a person said, a line is one JSON object in valid UTF-8, on one line, without an empty string.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "record/form.h"

#define WORDS     40
#define DEPTH_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t texts_bytes; /* of this input: what is too long for a line has none */

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "fuzz_form: %s\n", what);
	abort();
}

/* A JSON reader of its own, so that the writer is not its own judge. */
struct json_reader {
	const uint8_t *p, *end;
};

static uint8_t peek(const struct json_reader *r)
{
	return r->p < r->end ? *r->p : 0;
}

/* Length of the well-formed UTF-8 character at the reader (RFC 3629 4); 0 = none. */
static size_t utf8_length(const struct json_reader *r)
{
	size_t left = (size_t)(r->end - r->p);
	uint8_t a = r->p[0], low = 0x80, high = 0xbf;
	size_t len = a < 0x80   ? 1
		     : a < 0xc2 ? 0
		     : a < 0xe0 ? 2
		     : a < 0xf0 ? 3
		     : a < 0xf5 ? 4
				: 0;

	if (len > left)
		return 0;
	if (a == 0xe0)
		low = 0xa0;
	else if (a == 0xed)
		high = 0x9f;
	else if (a == 0xf0)
		low = 0x90;
	else if (a == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < len; i++, low = 0x80, high = 0xbf)
		if (r->p[i] < low || r->p[i] > high)
			return 0;
	return len;
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void read_string(struct json_reader *r)
{
	const uint8_t *from;

	require(peek(r) == '"', "a string is expected");
	from = ++r->p;
	while (peek(r) != '"') {
		size_t len;

		if (is_plain(peek(r))) {
			r->p++;
			continue;
		}
		require(r->p < r->end, "a string is not closed");
		require(*r->p >= 0x20 && *r->p != 0x7f, "a bare control byte");
		if (*r->p == '\\') {
			r->p++;
			require(peek(r) != 0 && strchr("\"\\/bfnrtu", peek(r)) != NULL,
				"an odd escape");
			if (*r->p++ != 'u')
				continue;
			for (unsigned i = 0; i < 4; i++, r->p++)
				require(ascii_is_hex((char)peek(r)), "an odd \\u escape");
			continue;
		}
		len = utf8_length(r);
		require(len > 0, "not UTF-8");
		require(!(len == 2 && r->p[0] == 0xc2 && r->p[1] < 0xa0), "a bare C1");
		r->p += len;
	}
	require(r->p > from, "an empty string");
	r->p++;
}

static void read_scalar(struct json_reader *r)
{
	static const char *const words[] = {"true", "false"};

	if (peek(r) == '"') {
		read_string(r);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(r->end - r->p) >= len && memcmp(r->p, words[i], len) == 0) {
			r->p += len;
			return;
		}
	}
	require(ascii_is_digit((char)peek(r)), "a value is expected");
	while (ascii_is_digit((char)peek(r)))
		r->p++;
}

/* After a value: a comma, or the brackets that close here. */
static void read_ends(struct json_reader *r, const uint8_t *open, unsigned *depth)
{
	while (*depth > 0 && (peek(r) == '}' || peek(r) == ']')) {
		require(peek(r) == open[*depth - 1], "brackets do not match");
		r->p++;
		(*depth)--;
	}
	if (*depth > 0) {
		require(peek(r) == ',', "a comma is expected");
		r->p++;
	}
}

static void read_object(const char *text, size_t len)
{
	struct json_reader r = {(const uint8_t *)text, (const uint8_t *)text + len};
	uint8_t open[DEPTH_MAX];
	unsigned depth = 0;

	do {
		if (depth > 0 && open[depth - 1] == '}' && peek(&r) != '}') {
			read_string(&r);
			require(peek(&r) == ':', "a colon is expected");
			r.p++;
		}
		if (peek(&r) == '{' || peek(&r) == '[') {
			require(depth < DEPTH_MAX, "too deep");
			open[depth++] = *r.p++ == '{' ? '}' : ']';
			if (peek(&r) != '}' && peek(&r) != ']')
				continue;
		} else {
			read_scalar(&r);
		}
		read_ends(&r, open, &depth);
	} while (depth > 0);
	require(r.p == r.end, "something follows the object");
}

static void check_line(const char *tail, size_t len)
{
	static char line[FORM_HEAD_MAX + FORM_LINE_MAX];
	size_t head = form_head(7, line);

	if (len == 0) { /* each byte of a text may become \\u and four digits */
		require(texts_bytes * 6 > FORM_LINE_MAX / 2, "no line");
		return;
	}
	require(len > 1 && len <= FORM_LINE_MAX, "no line");
	require(memchr(tail, '\n', len) == tail + len - 1, "not one line");
	memcpy(line + head, tail, len);
	require(line[0] == '{', "no object");
	read_object(line, head + len - 1);
}

/* Few, as a rule, and up to `most`: long lines take long. */
static size_t take_count(struct cursor *c, unsigned most)
{
	const unsigned n = cur_be16(c);

	return n % 8 == 7 ? n / 8 % (most + 1) : n % 64;
}

/* Texts are pieces of the input, of a length that the input gives. */
static struct str take(struct cursor *c)
{
	size_t len = take_count(c, 600);
	const uint8_t *p;

	if (len > c->left)
		len = c->left;
	p = cur_take(c, len);
	texts_bytes += len;
	return len == 0 || p == NULL ? STR_NONE : (struct str){(const char *)p, len};
}

static void take_words(struct cursor *c, struct service *s, struct connector_ref *refs)
{
	struct str *texts[] = {&s->cloud, &s->region,    &s->host_role,
			       &s->org,   &s->site_name, &s->account,
			       &s->key,   &s->component, &s->stamp};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = take(c);
	s->service = cur_u8(c);
	s->in_scope = (cur_u8(c) & 1) != 0;
	s->connectors = refs;
	s->connector_count = take_count(c, 511);
	for (size_t i = 0; i < s->connector_count; i++)
		refs[i] = (struct connector_ref){.connector = (uint16_t)(i % WORDS)};
}

static void take_decision(struct cursor *c, struct decision *d)
{
	d->verdict = (enum verdict)(1 + cur_u8(c) % (VERDICT_COUNT - 1));
	d->reason = (enum verdict_reason)(cur_u8(c) % VERDICT_REASON_COUNT);
	d->gate = (enum gate)(cur_u8(c) % (GATE_COUNT + 1));
	d->undecidable = (enum undecidable)(cur_u8(c) % UNDECIDABLE_COUNT);
	d->would = (enum verdict)(cur_u8(c) % VERDICT_COUNT);
	d->would_gate = (enum gate)(cur_u8(c) % (GATE_COUNT + 1));
	for (unsigned i = 0; i < GATE_COUNT; i++)
		d->gates[i].answer = (enum answer)(cur_u8(c) % ANSWER_COUNT);
}

static void take_flow(struct cursor *c, struct flow_event *e)
{
	struct str *texts[] = {&e->host,       &e->sni,       &e->url,
			       &e->endpoint,   &e->alpn,      &e->method,
			       &e->ndpi,       &e->principal, &e->site,
			       &e->rule.label, &e->rule.file, &e->would_rule.file};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = take(c);
	e->time_us = (int64_t)cur_be64(c);
	e->start_us = (int64_t)cur_be64(c);
	e->end_us = (int64_t)cur_be64(c);
	e->phase = (enum phase)(cur_u8(c) % PHASE_COUNT);
	e->ip_proto = cur_u8(c);
	e->protocol = (enum protocol)(cur_u8(c) % PROTOCOL_COUNT);
	e->evidence = (enum evidence)(cur_u8(c) % EVIDENCE_COUNT);
	e->undecidable = (enum undecidable)(cur_u8(c) % UNDECIDABLE_COUNT);
	e->flags = cur_be32(c);
	e->tls_offered = cur_be16(c);
	e->tls_selected = e->tls_offered ^ 1;
	e->quic_version = cur_be32(c);
	e->rule.line = cur_u8(c);
	e->would_rule.line = cur_u8(c);
	e->judged = (cur_u8(c) & 1) != 0;
	e->bytes_in = cur_be64(c);
	for (size_t i = 0; i < sizeof(e->src.b); i++)
		e->src.b[i] = cur_u8(c);
	e->src_nat = e->src;
	e->src_nat_port = cur_be16(c);
	e->community_id_nat = e->alpn;
	e->key_shares = e->alpn;
	e->alpn_selected = e->sni;
	e->ndpi_host = e->method;
	e->ndpi_confidence =
		(enum guess_confidence)(e->ip_proto % GUESS_CONFIDENCE_COUNT);
}

static void take_dns(struct cursor *c, const struct flow_event *e, struct dns_event *ret)
{
	*ret = (struct dns_event){.time_us = e->time_us,
				  .flow_id = cur_be64(c),
				  .community_id = e->sni,
				  .src = e->src,
				  .dst = e->src,
				  .src_port = cur_be16(c),
				  .dst_port = cur_be16(c),
				  .ip_proto = e->ip_proto,
				  .site = e->site,
				  .principal = e->principal,
				  .host = e->host,
				  .query_type = cur_be16(c),
				  .response_code = e->url,
				  .answer_count = cur_u8(c)};
	for (size_t i = 0; i < DNS_EVENT_ANSWERS_MAX; i++)
		ret->answers[i] = e->src;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *words[WORDS];
	static char buf[FORM_LINE_MAX];
	static struct connector_ref refs[512];
	struct cursor c = cur_init(data, size);
	struct event_origin o = {.sensor = take(&c), .mode = MODE_MONITOR};
	struct vocabulary v = {.services = {words, WORDS}, .connectors = {words, WORDS}};
	struct decision d = {.rule = 1};
	struct service s = {.service = ID_NONE};
	struct place p = {.asn = 1};
	struct flow_event e = {
		.vocabulary = &v, .service = &s, .place = &p, .decision = &d};
	struct signal_event g;
	struct system_event y;
	struct dns_event n;
	struct change_event h;
	struct rollup_event r;

	texts_bytes = o.sensor.len;
	for (size_t i = 0; i < WORDS; i++)
		words[i] = "shared_a_connector_with_a_long_name";
	take_flow(&c, &e);
	take_words(&c, &s, refs);
	take_decision(&c, &d);
	p.as_org = take(&c);
	take_dns(&c, &e, &n);
	check_line(buf, form_flow(&e, &o, buf, sizeof(buf)));
	g = (struct signal_event){.time_us = e.time_us,
				  .signal = STR("off_hours"),
				  .host = e.host,
				  .principal = e.url,
				  .rule = e.rule,
				  .zone = e.sni,
				  .hours = e.endpoint,
				  .undecidable = e.undecidable};
	check_line(buf, form_signal(&g, &o, buf, sizeof(buf)));
	y = (struct system_event){.what = "stop", .message = e.url};
	check_line(buf, form_system(&y, &o, buf, sizeof(buf)));
	check_line(buf, form_dns(&n, &o, buf, sizeof(buf)));
	h = (struct change_event){.time_us = e.time_us,
				  .what = "reload",
				  .who = e.principal,
				  .why = e.url,
				  .ticket = e.url,
				  .diff = e.endpoint,
				  .old_generation = e.sni,
				  .new_generation = p.as_org};
	check_line(buf, form_change(&h, &o, buf, sizeof(buf)));
	r = (struct rollup_event){.time_us = e.time_us,
				  .principal = e.principal,
				  .host = e.host,
				  .site = e.url,
				  .service = p.as_org,
				  .rule = e.rule,
				  .verdict = VERDICT_DENY,
				  .gate = GATE_COUNT,
				  .count = e.bytes_out,
				  .first_us = e.start_us};
	check_line(buf, form_rollup(&r, &o, buf, sizeof(buf)));
	return 0;
}
