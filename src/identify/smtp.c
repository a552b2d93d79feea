/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp - an SMTP client up to STARTTLS (RFC 5321, RFC 3207).
 *
 * The name stands in the hello behind STARTTLS.  A client that sends mail or a password
 * without it names no server on the wire; what EHLO says is the client's own name.
 */
#include "identify/layer.h"

#define LINE_MAX_BYTES 512 /* RFC 5321 4.5.3.1.4, its end included */
#define LINES_MAX      32

/* Commands that name nobody and after which STARTTLS may come. */
static const struct str before_tls[] = {
	{"EHLO", 4}, {"HELO", 4}, {"NOOP", 4}, {"RSET", 4}, {"HELP", 4}, {"STARTTLS", 8},
};

static struct str verb_of(struct str line)
{
	struct str verb = {line.p, 0};

	while (verb.len < line.len && ascii_is_alpha(line.p[verb.len]))
		verb.len++;
	return verb;
}

static bool is_greeting(struct str verb)
{
	return str_equal_fold(verb, before_tls[0]) || str_equal_fold(verb, before_tls[1]);
}

static bool may_precede_tls(struct str verb)
{
	for (size_t i = 0; i < sizeof(before_tls) / sizeof(before_tls[0]); i++)
		if (str_equal_fold(verb, before_tls[i]))
			return true;
	return false;
}

/* Does it begin as SMTP clients do: EHLO or HELO, then a blank or the end of the line? */
static enum layer_step looks_like(const struct stream *s)
{
	const struct str all = {(const char *)s->bytes, s->filled < 5 ? s->filled : 5};
	const struct str verb = verb_of(all);

	for (size_t i = 0; i < 2; i++) {
		struct str head = before_tls[i];

		if (all.len <= head.len) {
			head.len = all.len;
			if (str_equal_fold(all, head))
				return s->final ? LAYER_NO : LAYER_MAYBE;
		} else if (str_equal_fold(verb, head)) {
			const char c = all.p[4];

			return c == ' ' || c == '\r' || c == '\n' ? LAYER_MORE : LAYER_NO;
		}
	}
	return LAYER_NO;
}

enum layer_step smtp_layer(const struct stream *s, struct layer *ret, struct facts *f)
{
	enum layer_step step = looks_like(s);
	bool may_start = false;
	size_t at = 0;

	if (step != LAYER_MORE)
		return step;
	ret->protocol = PROTOCOL_SMTP;
	ret->why = UNDECIDABLE_NONE;
	for (unsigned lines = 0; at < s->filled; lines++) {
		const struct str rest = {(const char *)s->bytes + at, s->filled - at};
		const char *lf = memchr(rest.p, '\n', rest.len);
		struct str line = {rest.p, lf == NULL ? rest.len : (size_t)(lf - rest.p)};
		struct str verb = verb_of(line);

		/* A server that refused STARTTLS is spoken to on. */
		if (may_start && !ascii_is_alpha(rest.p[0]))
			return layer_behind(s, at, ret);
		/* First what is seen first, however the bytes came in. */
		if (verb.len >= LINE_MAX_BYTES || lines == LINES_MAX)
			return layer_done(f, PROTOCOL_SMTP, UNDECIDABLE_MALFORMED_HELLO);
		if (lf == NULL && verb.len == line.len && !s->final)
			return LAYER_MORE; /* the verb may go on */
		if (!may_precede_tls(verb) || (lines == 0 && !is_greeting(verb))) {
			f->flags |= 1u << FLAG_CLEAR_TEXT;
			return layer_done(f, PROTOCOL_SMTP, UNDECIDABLE_NONE);
		}
		if (line.len >= LINE_MAX_BYTES)
			return layer_done(f, PROTOCOL_SMTP, UNDECIDABLE_MALFORMED_HELLO);
		if (lf == NULL)
			return layer_unfinished(s, f, PROTOCOL_SMTP);
		may_start |= verb.len == 8;
		at += line.len + 1;
	}
	return layer_behind(s, at, ret);
}
