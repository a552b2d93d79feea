/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expects - `expect VERDICT WHO ADDRESS -> TARGET:PORT [from user "NAME"] [proto P]
 * [address A] [at TIME] [gate G] [label L]`.
 */
#include <string.h>

#include "base/clock.h"
#include "match/suffix.h"
#include "policy/parse.h"

#define PARTS 6 /* behind the target */

static bool read_verdict(struct parser *ps, struct expect *e)
{
	const struct token *t = parser_text(ps, "allow or deny");

	if (t == NULL)
		return false;
	e->at = parser_span(ps, t);
	e->verdict = verdict_find(t->text);
	if (e->verdict == VERDICT_ALLOW || e->verdict == VERDICT_DENY)
		return true;
	complain(ps, t, "\"%.*s\" cannot be expected", SHOWN(t->text));
	diag_remedy(ps->d, "allow or deny");
	return false;
}

static bool read_who(struct parser *ps, struct expect *e)
{
	const struct word_list *l = &ps->ast->vocabulary->sources;
	const struct token *t = parser_text(ps, "a role or the name of a source");

	if (t == NULL)
		return false;
	e->source = ID_NONE;
	e->role = role_find(t->text);
	e->has_role = e->role != ROLE_COUNT;
	for (size_t i = 0; !e->has_role && i < l->count; i++)
		if (str_equal(str_of(l->words[i]), t->text))
			e->source = (uint16_t)i;
	if (!e->has_role && e->source == ID_NONE) {
		complain(ps, t, "\"%.*s\" is neither a role nor a source",
			 SHOWN(t->text));
		if (addr_parse(t->text.p, t->text.len, &e->inside))
			diag_remedy(ps->d, "user %.*s", SHOWN(t->text));
		else if (!parser_suggest(ps, t->text, l->words, l->count))
			diag_remedy(ps->d,
				    "user, gateway, desktop, subnet, published or a "
				    "source of weir.conf");
		return false;
	}
	t = parser_text(ps, "an inside address");
	if (t == NULL)
		return false;
	if (addr_parse(t->text.p, t->text.len, &e->inside))
		return true;
	complain(ps, t, "\"%.*s\" is no address", SHOWN(t->text));
	diag_remedy(ps->d, "one address, such as 10.10.16.41, of who connects");
	return false;
}

/* "host:443", "192.0.2.1:443", "[2001:db8::1]:443". */
static bool read_target(struct parser *ps, struct expect *e)
{
	const struct token *t = peek(ps);
	struct str host, port;
	const char *colon;
	size_t at;

	if (t->type != TOKEN_ARROW) {
		complain(ps, t, "expected \"->\" here");
		diag_remedy(ps->d, "-> HOST:PORT or ADDRESS:PORT");
		return false;
	}
	(void)next(ps);
	t = parser_text(ps, "HOST:PORT or ADDRESS:PORT");
	if (t == NULL)
		return false;
	colon = memrchr(t->text.p, ':', t->text.len);
	if (colon == NULL) {
		complain(ps, t, "\"%.*s\" has no port", SHOWN(t->text));
		diag_remedy(ps->d, "%.*s:443", SHOWN(t->text));
		return false;
	}
	host = (struct str){t->text.p, (size_t)(colon - t->text.p)};
	port = (struct str){colon + 1, t->text.len - host.len - 1};
	if (!parser_port(ps, t, port, &e->port))
		return false;
	if (host.len > 1 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		host = (struct str){host.p + 1, host.len - 2};
	if (addr_parse(host.p, host.len, &e->peer)) {
		e->has_address = true;
		return true;
	}
	if (suffix_check(host, &at) != SUFFIX_FINE ||
	    memchr(host.p, '*', host.len) != NULL) {
		complain(ps, t, "\"%.*s\" is neither a host name nor an address",
			 SHOWN(host));
		diag_remedy(ps->d,
			    "name.example:443, 192.0.2.1:443 or [2001:db8::1]:443");
		return false;
	}
	if (host.p[host.len - 1] == '.')
		host.len--;
	e->host = parser_lower(ps, host);
	return e->host.p != NULL;
}

static bool read_protocol(struct parser *ps, struct expect *e)
{
	const struct token *t = parser_text(ps, "a protocol");
	struct item *it;

	if (t == NULL)
		return false;
	it = item_read(ps, FIELD_PROTO, t);
	if (it == NULL)
		return false;
	if (it->id >= PROTO_TRANSPORT) {
		e->protocol = PROTOCOL_OTHER;
		e->proto_is_transport = true;
		e->ip_proto = (uint8_t)(it->id - PROTO_TRANSPORT);
	} else {
		e->protocol = (enum protocol)it->id;
		e->ip_proto = it->id == PROTOCOL_QUIC || it->id == PROTOCOL_DNS ||
					      it->id == PROTOCOL_NTP
				      ? 17
				      : 6;
	}
	e->has_proto = true;
	return true;
}

/* What usually speaks on a port, where the line names no protocol. */
static void guess_protocol(struct expect *e)
{
	static const struct {
		uint16_t port;
		uint8_t protocol;
	} usual[] = {
		{22, PROTOCOL_SSH},   {25, PROTOCOL_SMTP}, {53, PROTOCOL_DNS},
		{80, PROTOCOL_HTTP},  {123, PROTOCOL_NTP}, {587, PROTOCOL_SMTP},
		{1433, PROTOCOL_TDS},
	};

	e->protocol = PROTOCOL_TLS;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (usual[i].port == e->port)
			e->protocol = (enum protocol)usual[i].protocol;
	e->ip_proto = e->protocol == PROTOCOL_DNS || e->protocol == PROTOCOL_NTP ? 17 : 6;
}

static bool parse_weekday(struct str s, struct expect *e)
{
	static const char *const days[] = {"mon", "tue", "wed", "thu",
					   "fri", "sat", "sun"};
	uint64_t hour, minute;

	if (s.len != 9 || s.p[3] != ' ' || s.p[6] != ':' ||
	    !parse_u64((struct str){s.p + 4, 2}, 23, &hour) ||
	    !parse_u64((struct str){s.p + 7, 2}, 59, &minute))
		return false;
	for (int i = 0; i < 7; i++)
		if (str_equal_fold((struct str){s.p, 3}, str_of(days[i]))) {
			e->has_weekday = true;
			e->weekday = i;
			e->minutes = (int)(hour * 60 + minute);
			return true;
		}
	return false;
}

/* Without `at`: noon of a working day. */
static void default_time(struct expect *e)
{
	e->has_weekday = true;
	e->weekday = 2;
	e->minutes = 12 * 60;
}

static bool read_at(struct parser *ps, struct expect *e)
{
	const struct token *t = parser_text(ps, "a time");

	if (t == NULL)
		return false;
	e->at_text = t->text;
	if (parse_weekday(t->text, e) ||
	    clock_parse_rfc3339(t->text.p, t->text.len, &e->time_us))
		return true;
	complain(ps, t, "\"%.*s\" is no time", SHOWN(t->text));
	diag_remedy(ps->d, "\"Sat 03:00\" (the site's local time) or "
			   "\"2026-11-22T02:11:00Z\"");
	return false;
}

static bool read_peer(struct parser *ps, struct expect *e)
{
	const struct token *t = parser_text(ps, "an address");

	if (t == NULL)
		return false;
	if (e->has_address) {
		complain(ps, t, "the target is an address already");
		diag_remedy(ps->d, "the line without \"address\", or a host name as the "
				   "target");
		return false;
	}
	e->has_address = true;
	if (addr_parse(t->text.p, t->text.len, &e->peer))
		return true;
	complain(ps, t, "\"%.*s\" is no address", SHOWN(t->text));
	diag_remedy(ps->d, "address 192.0.2.1");
	return false;
}

static bool read_gate(struct parser *ps, struct expect *e)
{
	const struct token *t = parser_text(ps, "the name of a gate");
	const char *words[GATE_COUNT];

	if (t == NULL)
		return false;
	e->gate = gate_find(t->text);
	e->has_gate = e->gate != GATE_COUNT;
	if (e->has_gate)
		return true;
	complain(ps, t, "there is no gate \"%.*s\"", SHOWN(t->text));
	for (unsigned i = 0; i < GATE_COUNT; i++)
		words[i] = gate_name((enum gate)i);
	if (!parser_suggest(ps, t->text, words, GATE_COUNT))
		diag_remedy(ps->d, "exceptions, own, ip-firewall, connectors, endpoints, "
				   "rules, default or undecidable");
	return false;
}

static bool read_label(struct parser *ps, struct expect *e)
{
	const struct token *t = parser_text(ps, "a label");

	if (t != NULL)
		e->label = t->text;
	return t != NULL;
}

/* Who is at the address at that moment, as the lists of people would say. */
static bool read_from(struct parser *ps, struct expect *e)
{
	const struct token *t = peek(ps);
	struct item *it;

	if (!is_word(t, "user")) {
		complain(ps, t, "expected user after \"from\"");
		diag_remedy(ps->d, "from user \"NAME\"; the role stands before the "
				   "address");
		return false;
	}
	(void)next(ps);
	t = parser_text(ps, "a person's name between quotes");
	if (t == NULL)
		return false;
	it = item_read(ps, FIELD_USER, t);
	if (it != NULL)
		e->user = it->text;
	return it != NULL;
}

bool parse_expect(struct parser *ps)
{
	static const struct {
		const char *word;
		bool (*read)(struct parser *ps, struct expect *e);
	} parts[] = {
		{"proto", read_protocol}, {"address", read_peer}, {"at", read_at},
		{"gate", read_gate},      {"label", read_label},  {"from", read_from},
	};
	static const char *const words[] = {"proto", "address", "at",
					    "gate",  "label",   "from"};
	struct expect *e = parser_take(ps, sizeof(*e));
	unsigned seen = 0;

	(void)next(ps);
	if (e == NULL || !read_verdict(ps, e) || !read_who(ps, e) || !read_target(ps, e))
		return false;
	while (peek(ps)->type != TOKEN_END) {
		const struct token *t = next(ps);
		size_t i = 0;

		while (i < PARTS && !is_word(t, parts[i].word))
			i++;
		if (i == PARTS) {
			complain(ps, t, "\"%.*s\" is no part of an expect line",
				 SHOWN(t->text));
			if (!parser_suggest(ps, t->text, words, PARTS))
				diag_remedy(
					ps->d,
					"from user, proto, address, at, gate or label");
			return false;
		}
		if ((seen >> i & 1) != 0) {
			complain(ps, t, "\"%s\" twice on this line", words[i]);
			diag_remedy(ps->d, "one of the two");
			return false;
		}
		seen |= 1u << i;
		if (!parts[i].read(ps, e))
			return false;
	}
	if (e->at_text.p == NULL)
		default_time(e);
	if (!e->has_proto)
		guess_protocol(e);
	*ps->ast->expects_end = e;
	ps->ast->expects_end = &e->next;
	return true;
}
