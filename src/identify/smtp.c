/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp - an SMTP client up to STARTTLS, or up to its first mail in clear (RFC 5321, RFC 3207,
 * RFC 2920, RFC 4954, RFC 6531).
 *
 * The name stands in the hello behind STARTTLS.  A client that sends mail or a password without
 * it names no server on the wire; what EHLO says is the client's own name.  Its envelope, read
 * up to DATA, tells between which domains the mail goes: domains only, nothing else is kept.
 *
 * Commands may come many in a segment (PIPELINING).  What the server said to them is not known
 * here: domains are the client's word.  A command that no server knows, or that comes out of turn,
 * is answered by a 5yz and the session goes on (4.2.1, 4.1.4), so its line is stepped over.  What
 * stands behind DATA and BDAT is read by smtp_follow.c.
 *
 * STARTTLS is the last of its segment (RFC 3207 4: the client awaits 220 before it begins TLS).  Bytes
 * that came behind it before the 220 are thrown away by servers that were mended after
 * CVE-2011-0411 (Postfix, Exim refuses them, OpenSMTPD), and taken as the hello by others.
 */
#include "base/addr.h"
#include "base/utf8.h"
#include "identify/layer.h"

#define LINE_MAX_BYTES 512 /* RFC 5321 4.5.3.1.4, its end included */
#define LINES_MAX      128 /* a server takes 100 recipients: RFC 5321 4.5.3.1.8 */
#define VERB_MAX       8   /* STARTTLS */
/* With extensions: RFC 4954 5 adds 500 bytes to MAIL, RFC 3461 10.1 as many to RCPT. */
#define MAIL_LINE_MAX 2048
#define AUTH_LINE_MAX 12288 /* RFC 4954 4 */

enum command {
	COMMAND_GREETING,
	COMMAND_BEFORE_TLS, /* names nobody, and STARTTLS may come */
	COMMAND_STARTTLS,
	COMMAND_MAIL,
	COMMAND_RCPT,
	COMMAND_AUTH,
	COMMAND_MAIL_TEXT, /* mail follows, in lines or counted (RFC 3030 2) */
	COMMAND_QUIT,
	COMMAND_OTHER,
};

static const struct {
	struct str verb;
	enum command command;
} commands[] = {
	{{"EHLO", 4}, COMMAND_GREETING},   {{"HELO", 4}, COMMAND_GREETING},
	{{"NOOP", 4}, COMMAND_BEFORE_TLS}, {{"RSET", 4}, COMMAND_BEFORE_TLS},
	{{"HELP", 4}, COMMAND_BEFORE_TLS}, {{"VRFY", 4}, COMMAND_BEFORE_TLS},
	{{"EXPN", 4}, COMMAND_BEFORE_TLS}, {{"STARTTLS", 8}, COMMAND_STARTTLS},
	{{"MAIL", 4}, COMMAND_MAIL},       {{"RCPT", 4}, COMMAND_RCPT},
	{{"AUTH", 4}, COMMAND_AUTH},       {{"DATA", 4}, COMMAND_MAIL_TEXT},
	{{"BDAT", 4}, COMMAND_MAIL_TEXT},  {{"QUIT", 4}, COMMAND_QUIT},
};
#define FIRST_COMMANDS 7 /* that may come first: RFC 5321 4.1.4 */

static struct str verb_of(struct str line)
{
	struct str verb = {line.p, 0};

	while (verb.len < line.len && ascii_is_alpha(line.p[verb.len]))
		verb.len++;
	return verb;
}

static enum command command_of(struct str line)
{
	const struct str verb = verb_of(line);

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (str_equal_fold(verb, commands[i].verb))
			return commands[i].command;
	return COMMAND_OTHER;
}

/* Is the line one that SMTP clients begin with: a verb, then a blank or the end of the line? */
static enum layer_step looks_like(struct str rest, bool final, bool *ret_greets)
{
	const struct str all = {rest.p, rest.len < 5 ? rest.len : 5};
	const struct str verb = verb_of(all);

	*ret_greets = false;
	for (size_t i = 0; i < FIRST_COMMANDS; i++) {
		struct str head = commands[i].verb;

		if (all.len <= head.len) {
			head.len = all.len;
			if (str_equal_fold(all, head))
				return final ? LAYER_NO : LAYER_MAYBE;
		} else if (str_equal_fold(verb, head)) {
			const char c = all.p[4];

			*ret_greets = commands[i].command == COMMAND_GREETING;
			return c == ' ' || c == '\r' || c == '\n' ? LAYER_MORE : LAYER_NO;
		}
	}
	return LAYER_NO;
}

/*
 * The lines in front of EHLO or HELO: what they stand for is known by it.  MORE: at *ret_at it
 * begins; WAITS: there are whole lines and nothing else.
 */
static enum layer_step greeting_at(const struct stream *s, size_t *ret_at,
				   unsigned *ret_lines)
{
	bool greets = false;

	*ret_at = 0;
	for (*ret_lines = 0; *ret_at < s->filled; (*ret_lines)++) {
		const struct str rest = {(const char *)s->bytes + *ret_at,
					 s->filled - *ret_at};
		const enum layer_step step = looks_like(rest, s->final, &greets);
		const char *lf = memchr(rest.p, '\n', rest.len);
		const size_t len = lf == NULL ? rest.len : (size_t)(lf - rest.p);

		if (step != LAYER_MORE || greets)
			return step;
		if (len >= LINE_MAX_BYTES || *ret_lines == LINES_MAX)
			return LAYER_NO;
		if (lf == NULL)
			return s->final ? LAYER_NO : LAYER_MAYBE;
		*ret_at += len + 1;
	}
	return LAYER_WAITS;
}

/* ---- domains ------------------------------------------------------------------------------ */

/* Labels of RFC 6531 3.3 hold UTF-8; their spelling is kept but for ASCII capitals. */
static bool utf8_domain(struct str raw, struct host *ret)
{
	bool beyond_ascii = false;

	ret->len = 0;
	if (raw.len > HOST_MAX)
		return false;
	for (size_t i = 0; i < raw.len;) {
		const uint8_t *b = (const uint8_t *)raw.p + i;
		const size_t n = utf8_len(b, raw.len - i);

		if (n == 0 || utf8_is_c1(b, n))
			return false;
		if (n == 1 && !ascii_is_alpha(raw.p[i]) && !ascii_is_digit(raw.p[i]) &&
		    raw.p[i] != '-' && raw.p[i] != '.')
			return false;
		beyond_ascii |= n > 1;
		for (size_t k = 0; k < n; k++)
			ret->text[ret->len++] = ascii_lower(raw.p[i + k]);
		i += n;
	}
	return beyond_ascii;
}

/* RFC 5321 4.1.2 and 4.1.3: a name, or an address in brackets. */
static bool read_domain(struct str raw, struct host *ret)
{
	static const struct str tag = {"[IPv6:", 6};
	char literal[ADDR_TEXT_MAX + 2] = "[";

	if (raw.len > tag.len && raw.len < sizeof(literal) + tag.len &&
	    str_equal_fold((struct str){raw.p, tag.len}, tag)) {
		memcpy(literal + 1, raw.p + tag.len, raw.len - tag.len);
		raw = (struct str){literal, raw.len - tag.len + 1};
	}
	return host_normalize(raw, ret) != HOST_MALFORMED || utf8_domain(raw, ret);
}

/*
 * The domain of the first address in `s`: behind its last '@' that is not quoted, up to '>', a
 * blank or the end.  A source route "@a,@b:" ends at its colon (RFC 5321 4.1.1.3, appendix C).
 * Servers take addresses without angle brackets as well.
 */
static struct str domain_part(struct str s)
{
	const bool angle = s.len > 0 && s.p[0] == '<';
	size_t at = angle, end, behind = SIZE_MAX;
	bool quoted = false, literal = false;
	bool route;

	while (at < s.len && (s.p[at] == ' ' || s.p[at] == '\t'))
		at++;
	route = at < s.len && s.p[at] == '@';
	for (end = at; end < s.len; end++) {
		const char c = s.p[end];

		if (quoted && c == '\\' && end + 1 < s.len) {
			end++;
		} else if (c == '"' && !literal) {
			quoted = !quoted;
		} else if (quoted) {
			continue;
		} else if (c == '>' || c == ' ' || c == '\t') {
			break;
		} else if (c == '[' || c == ']') {
			literal = c == '[';
		} else if (route && c == ':') {
			route = false;
			behind = SIZE_MAX;
		} else if (c == '@' && !literal) {
			behind = end + 1;
		}
	}
	if (behind == SIZE_MAX || route)
		return STR_NONE;
	return (struct str){s.p + behind, end - behind};
}

/* What follows "MAIL FROM:" or "RCPT TO:"; absent: the line is no such command. */
static struct str path_of(struct str line, struct str word)
{
	struct str s = str_trim((struct str){line.p + 4, line.len - 4});

	if (s.len <= word.len || !str_equal_fold((struct str){s.p, word.len}, word))
		return STR_NONE;
	s = str_trim((struct str){s.p + word.len, s.len - word.len});
	if (s.len == 0 || s.p[0] != ':')
		return STR_NONE;
	return str_trim((struct str){s.p + 1, s.len - 1});
}

static void note_recipient(struct mail_facts *m, struct str path)
{
	struct host domain;
	struct str name;
	size_t count, len;

	if (!read_domain(domain_part(path), &domain)) {
		m->to_more++;
		return;
	}
	name = (struct str){domain.text, domain.len};
	if (list_has((struct str){m->to, m->to_len}, name, &count))
		return;
	len = count == MAIL_TO_DOMAINS ? m->to_len
				       : list_put(m->to, m->to_len, MAIL_TO_MAX, name);
	if (len == m->to_len)
		m->to_more++;
	m->to_len = (uint16_t)len;
}

/* ---- commands ----------------------------------------------------------------------------- */

struct session {
	struct mail_facts *mail;
	unsigned lines;
	bool may_start; /* a hello may come */
	bool clear;     /* MAIL or AUTH came in clear */
	bool has_sender, has_login;
};

static void note_line(struct session *n, struct str line, enum command command)
{
	struct mail_facts *m = n->mail;
	struct host domain;
	struct str path;

	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	path = command == COMMAND_MAIL   ? path_of(line, STR("FROM"))
	       : command == COMMAND_RCPT ? path_of(line, STR("TO"))
					 : STR_NONE;
	if (command == COMMAND_GREETING && m->helo_len == 0 &&
	    read_domain(str_trim((struct str){line.p + 4, line.len - 4}), &domain)) {
		memcpy(m->helo, domain.text, domain.len);
		m->helo_len = domain.len;
	} else if (command == COMMAND_RCPT && path.len > 0 && n->clear) {
		note_recipient(m, path);
	} else if (path.len > 0 && !n->has_sender) {
		n->has_sender = true;
		if (read_domain(domain_part(path), &domain)) {
			memcpy(m->from, domain.text, domain.len);
			m->from_len = domain.len;
		}
	}
	/* Who goes on in clear was refused STARTTLS. */
	if (command == COMMAND_MAIL || command == COMMAND_AUTH)
		n->may_start = false;
	n->may_start |= command == COMMAND_STARTTLS;
	n->has_login |= command == COMMAND_AUTH;
}

/* A line of a login's exchange (RFC 4954 4): base64, or "*". */
static bool is_login_line(struct str line)
{
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	for (size_t i = 0; i < line.len; i++) {
		const char c = line.p[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '+' && c != '/' &&
		    c != '=' && c != '*')
			return false;
	}
	return true;
}

static bool is_too_long(const struct session *n, enum command command, struct str line)
{
	size_t max = LINE_MAX_BYTES;

	if (command == COMMAND_MAIL || command == COMMAND_RCPT)
		max = MAIL_LINE_MAX;
	else if (command == COMMAND_AUTH ||
		 (n->has_login && command == COMMAND_OTHER && is_login_line(line)))
		max = AUTH_LINE_MAX;
	return line.len >= max;
}

/* No byte that a line of text begins with, or is: TLS begins with such a one. */
static bool is_binary(char c)
{
	return (uint8_t)c > '~' ||
	       ((uint8_t)c < ' ' && c != '\t' && c != '\r' && c != '\n');
}

/* Is this the last line that is read here: a mail comes, or none of a client of SMTP? */
static bool is_last(const struct session *n, enum command command, struct str line)
{
	if (command == COMMAND_MAIL_TEXT || command == COMMAND_QUIT)
		return true;
	return (line.len > 0 && is_binary(line.p[0])) ||
	       (command == COMMAND_OTHER && line.len >= LINE_MAX_BYTES &&
		(!n->has_login || !is_login_line(line)));
}

/* Mail in clear; but for QUIT a STARTTLS may follow yet. */
static enum layer_step end_in_clear(struct facts *f, enum command last)
{
	f->flags |= 1u << FLAG_CLEAR_TEXT;
	f->commands = last != COMMAND_QUIT;
	return layer_done(f, PROTOCOL_SMTP, UNDECIDABLE_NONE);
}

enum layer_step smtp_layer(const struct stream *s, struct layer *ret, struct facts *f)
{
	struct session n = {.mail = &f->mail};
	size_t at;
	enum layer_step step = greeting_at(s, &at, &n.lines);

	ret->protocol = step == LAYER_MORE ? PROTOCOL_SMTP : PROTOCOL_UNKNOWN;
	ret->why = UNDECIDABLE_NONE;
	if (step == LAYER_WAITS)
		return layer_behind(s, at, ret);
	if (step != LAYER_MORE)
		return step;
	memset(&f->mail, 0, sizeof(f->mail));
	for (; at < s->filled; n.lines++) {
		const struct str rest = {(const char *)s->bytes + at, s->filled - at};
		const char *lf = memchr(rest.p, '\n', rest.len);
		const struct str line = {rest.p,
					 lf == NULL ? rest.len : (size_t)(lf - rest.p)};
		const struct str text =
			str_trim(line); /* some servers take blanks in front */
		const enum command command = command_of(text);
		bool is_open; /* the verb may go on */

		/* A server that refused STARTTLS is spoken to on. */
		if (n.may_start && is_binary(rest.p[0]))
			break;
		is_open = lf == NULL && line.len <= VERB_MAX &&
			  verb_of(text).len == text.len && !s->final;
		if (is_open)
			return LAYER_MORE;
		if (is_last(&n, command, line) || (n.clear && n.lines == LINES_MAX))
			return end_in_clear(f, command);
		if (is_too_long(&n, command, line) || n.lines == LINES_MAX) {
			f->flags |= n.clear ? 1u << FLAG_CLEAR_TEXT : 0;
			return layer_done(f, PROTOCOL_SMTP, UNDECIDABLE_MALFORMED_HELLO);
		}
		n.clear |= command == COMMAND_MAIL || command == COMMAND_AUTH;
		if (lf == NULL)
			return n.clear && s->final
				       ? end_in_clear(f, command)
				       : layer_unfinished(s, f, PROTOCOL_SMTP);
		note_line(&n, text, command);
		at += line.len + 1;
	}
	ret->nameless = n.clear;
	ret->flags = n.clear ? 1u << FLAG_CLEAR_TEXT : 0;
	if (n.may_start) {
		ret->turns = 1;
		ret->ends_turn = true;
		ret->replies_due = (uint8_t)n.lines;
	}
	return layer_behind(s, at, ret);
}

/* ---- the server, for display ---------------------------------------------------------------- */

struct str identify_smtp_reply(const uint8_t *bytes, size_t len, struct str code)
{
	const struct str all = {(const char *)bytes, len};
	const char *lf = len == 0 ? NULL : memchr(all.p, '\n', len);
	struct str text;

	/* "220", a blank or, where more lines follow, a hyphen. */
	if (lf == NULL || (size_t)(lf - all.p) <= code.len ||
	    !str_equal((struct str){all.p, code.len}, code) ||
	    (all.p[code.len] != ' ' && all.p[code.len] != '-'))
		return STR_NONE;
	text = (struct str){all.p + code.len + 1, (size_t)(lf - all.p) - code.len - 1};
	if (text.len > 0 && text.p[text.len - 1] == '\r')
		text.len--;
	text = str_trim(text);
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			return STR_NONE;
	if (text.len > IDENTIFY_BANNER_MAX)
		text.len = IDENTIFY_BANNER_MAX;
	return text;
}

size_t identify_smtp_name(struct str reply, char name[HOST_MAX])
{
	struct host domain;
	size_t len = 0;

	while (len < reply.len && reply.p[len] != ' ')
		len++;
	if (len == 0 || !read_domain((struct str){reply.p, len}, &domain))
		return 0;
	memcpy(name, domain.text, domain.len);
	return domain.len;
}
