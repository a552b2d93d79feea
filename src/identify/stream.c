/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/layer.h"

static void set_visibility(struct facts *f)
{
	if (f->url_len > 0)
		f->visibility = VISIBILITY_URL;
	else if (f->host_len > 0)
		f->visibility = VISIBILITY_HOST;
	else
		f->visibility = VISIBILITY_ADDRESS;
}

enum identify_step identify_settle(struct identify *id, struct facts *f)
{
	switch (f->protocol) {
	case PROTOCOL_TLS:
		id->stats.tls++;
		break;
	case PROTOCOL_QUIC:
		id->stats.quic++;
		break;
	case PROTOCOL_HTTP:
		id->stats.http++;
		break;
	case PROTOCOL_DNS:
		id->stats.dns++;
		break;
	case PROTOCOL_UNKNOWN:
	case PROTOCOL_SMTP:
	case PROTOCOL_TDS:
	case PROTOCOL_SSH:
	case PROTOCOL_SOCKS:
	case PROTOCOL_ICMP:
	case PROTOCOL_NTP:
	case PROTOCOL_OTHER:
	case PROTOCOL_COUNT:
		id->stats.other++;
		break;
	}
	id->stats.undecidable[f->undecidable]++;
	set_visibility(f);
	return IDENTIFY_DONE;
}

/* ---- layers in front ---------------------------------------------------------------------- */

#define LAYERS_MAX 4 /* behind so many there may be TLS alone */

/* Of the layers so far: what the innermost one that said something said. */
struct outer {
	enum protocol protocol;
	enum undecidable why;
	uint32_t flags;
	bool named, literal, broken, nameless;
	bool chained;    /* for several hosts */
	uint8_t proxies; /* that were asked */
	uint8_t turns, replies_due;
	bool ends_turn;
	uint16_t bytes_due, bytes_least; /* bytes_least: of the answers to all layers */
	struct host host;
	struct stream wrapped; /* of TDS */
	char method[sizeof(((struct layer *)0)->method)];
};

static void note_layer(struct outer *o, const struct layer *l)
{
	if (l->protocol != PROTOCOL_UNKNOWN)
		o->protocol = l->protocol;
	o->why = l->why;
	o->flags |= l->flags;
	o->broken |= l->broken;
	o->nameless = l->nameless;
	o->wrapped = l->wrapped;
	o->turns = (uint8_t)(o->turns + l->turns);
	o->ends_turn = l->ends_turn;
	o->replies_due = l->replies_due;
	o->bytes_due = (uint16_t)(o->bytes_least + l->bytes_due);
	o->bytes_least = (uint16_t)(o->bytes_least + l->bytes_least);
	if (!l->named)
		return;
	if (o->named && !str_equal((struct str){o->host.text, o->host.len},
				   (struct str){l->host.text, l->host.len}))
		o->chained = true;
	o->proxies++;
	o->named = true;
	o->literal = l->literal;
	o->host = l->host;
	memcpy(o->method, l->method, sizeof(o->method));
}

static void take_outer_name(struct facts *f, const struct outer *o)
{
	memcpy(f->host, o->host.text, (size_t)o->host.len + 1);
	f->host_len = o->host.len;
	f->evidence = EVIDENCE_CONNECT;
	f->undecidable = UNDECIDABLE_NONE;
	if (o->literal)
		f->flags |= 1u << FLAG_IP_LITERAL;
}

/* Only layers so far. */
static void tell_outer(struct facts *f, const struct outer *o)
{
	f->protocol = o->protocol;
	f->flags |= o->flags;
	f->method_len = (uint8_t)strlen(o->method);
	memcpy(f->method, o->method, f->method_len);
	if (o->named)
		take_outer_name(f, o);
	else
		f->undecidable = o->why;
}

/* The facts are those of what stands inside: join them with what was asked for outside. */
static void join(struct facts *f, const struct outer *o)
{
	const bool hidden = f->undecidable == UNDECIDABLE_NO_SNI ||
			    f->undecidable == UNDECIDABLE_NO_HOST ||
			    f->undecidable == UNDECIDABLE_NO_READER;

	/* In TDS there stands TLS and nothing else. */
	if (o->protocol == PROTOCOL_TDS && f->protocol != PROTOCOL_TLS) {
		memset(f, 0, sizeof(*f));
		f->undecidable = UNDECIDABLE_MALFORMED_HELLO;
	}
	if (o->broken && f->undecidable == UNDECIDABLE_INCOMPLETE)
		f->undecidable = UNDECIDABLE_MALFORMED_HELLO;
	f->flags |= o->flags;
	if (o->protocol == PROTOCOL_SMTP || o->protocol == PROTOCOL_TDS ||
	    f->protocol == PROTOCOL_UNKNOWN)
		f->protocol = o->protocol;
	if (!o->named)
		return;
	if (f->method_len == 0) {
		f->method_len = (uint8_t)strlen(o->method);
		memcpy(f->method, o->method, f->method_len);
	}
	if (f->host_len == 0 && (f->undecidable == UNDECIDABLE_NONE || hidden)) {
		take_outer_name(f, o);
	} else if (f->host_len > 0 && f->undecidable == UNDECIDABLE_NONE && !o->literal &&
		   !str_equal((struct str){f->host, f->host_len},
			      (struct str){o->host.text, o->host.len})) {
		/* The proxy goes by the one, the server behind it by the other. */
		f->flags |= 1u << FLAG_HOST_MISMATCH;
		f->undecidable = UNDECIDABLE_CONFLICT;
		memcpy(f->asked, o->host.text, (size_t)o->host.len + 1);
		f->asked_len = o->host.len;
		memcpy(f->inside, f->host, (size_t)f->host_len + 1);
		f->inside_len = f->host_len;
		f->host_len = f->url_len = 0;
		f->host[0] = '\0';
		f->evidence = EVIDENCE_NONE;
	}
}

/*
 * One reader after the other: a later one is asked when all before have said no, so that the
 * answer does not hang on how the bytes came in.
 */
static enum fit read_hello(const struct stream *s, struct facts *f)
{
	enum fit fit = plain_read(s, f);

	return fit == FIT_NO ? http_read(s, f) : fit;
}

/*
 * Of a hello in `s`: where it ends in the bytes given.  In TDS its packet must end there, too: the
 * rest of it would be the beginning of what the server reads next.
 */
static void place_end(const uint8_t *bytes, const struct stream *s, const struct outer *o,
		      struct facts *f)
{
	const uint8_t *from = o->wrapped.bytes == NULL ? s->bytes : o->wrapped.bytes;
	const size_t end = o->wrapped.bytes == NULL ? f->hello_end
						    : tds_end(&o->wrapped, f->hello_end);

	if (end == 0)
		memset(f, 0, sizeof(*f)); /* join() says what that is */
	else
		f->hello_end = (uint16_t)((size_t)(from - bytes) + end);
}

/* NOLINTNEXTLINE(readability-function-size): the parts of a head, spelt out for callers */
enum identify_step identify_stream(struct identify *id, const uint8_t *bytes,
				   size_t filled, bool final, bool beyond_cap,
				   uint16_t port, struct facts *f)
{
	struct stream s = {bytes, filled, final, beyond_cap, port};
	enum layer_step step = LAYER_INSIDE;
	enum fit fit = FIT_NO;
	struct outer o = {0};

	/* A request was told before, or what stands in front of one. */
	if (f->protocol != PROTOCOL_UNKNOWN || f->undecidable != UNDECIDABLE_NONE)
		memset(f, 0, sizeof(*f));
	for (unsigned n = 0; step == LAYER_INSIDE && s.filled > 0; n++) {
		struct layer l = {0};

		step = LAYER_NO;
		f->hello_end = 0;
		fit = tls_read(id, &s, f);
		if (fit == FIT_NO && n == LAYERS_MAX)
			step = layer_done(f, o.protocol, UNDECIDABLE_MALFORMED_HELLO);
		else if (fit == FIT_NO && o.protocol != PROTOCOL_TDS)
			step = layer_read(id, &s, &l, f);
		if (step == LAYER_INSIDE || step == LAYER_WAITS) {
			note_layer(&o, &l);
			s = l.inside;
		} else if (fit == FIT_NO && step == LAYER_NO) {
			fit = read_hello(&s, f);
		}
	}
	if (f->hello_end > 0)
		place_end(bytes, &s, &o, f);
	f->proxies = o.proxies;
	f->chained = o.chained;
	f->turns = o.turns;
	if (step == LAYER_WAITS) {
		f->waiting = o.ends_turn;
		f->replies_due = o.replies_due;
		f->bytes_due = o.bytes_due;
		tell_outer(f, &o);
		if (final)
			return identify_settle(id, f);
		set_visibility(f);
		return o.named || o.nameless ? IDENTIFY_ASKED : IDENTIFY_PASS;
	}
	f->layered = s.bytes != bytes;
	if (f->requests || f->commands)
		f->request_at = (uint16_t)(s.bytes - bytes);
	if (step == LAYER_DONE || fit == FIT_DONE) {
		join(f, &o);
		return identify_settle(id, f);
	}
	if (!s.final && (fit != FIT_NO || step != LAYER_NO || filled == 0))
		return IDENTIFY_MORE;
	f->protocol = PROTOCOL_UNKNOWN;
	join(f, &o);
	return identify_settle(id, f);
}

/* The next layer in front of `s`, which becomes what stands inside.  False: there is none more. */
static bool next_layer(struct identify *id, struct stream *s, struct layer *ret)
{
	struct facts f = {0};
	enum layer_step step;

	if (s->filled == 0)
		return false;
	*ret = (struct layer){0};
	step = layer_read(id, s, ret, &f);
	*s = ret->inside;
	return step == LAYER_INSIDE || step == LAYER_WAITS;
}

size_t identify_asked(struct identify *id, const uint8_t *bytes, size_t filled,
		      unsigned n, char name[HOST_MAX])
{
	struct stream s = {.bytes = bytes, .filled = filled};
	struct layer l;

	for (unsigned i = 0; i < LAYERS_MAX && next_layer(id, &s, &l); i++)
		if (l.named && n-- == 0) {
			memcpy(name, l.host.text, l.host.len);
			return l.host.len;
		}
	return 0;
}

bool identify_connect_at(struct identify *id, const uint8_t *bytes, size_t filled,
			 size_t *ret_at)
{
	struct stream s = {.bytes = bytes, .filled = filled};
	struct layer l;

	*ret_at = 0;
	for (unsigned i = 0; i < LAYERS_MAX && next_layer(id, &s, &l); i++) {
		if (l.method[0] != '\0')
			return true;
		*ret_at = (size_t)(s.bytes - bytes);
	}
	return false;
}
