/* SPDX-License-Identifier: Apache-2.0 */
#include "record/redact.h"

#include <stdbool.h>
#include <string.h>

/* Bytes that facts keep of a method. */
#define METHOD_MAX sizeof(((struct facts *)0)->method)

/* A run of letters and digits. */
struct word {
	size_t letters, digits, changes;
	bool upper; /* the last letter was */
};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character at *at, which moves behind it; %XX is one. */
static unsigned char next_character(struct str s, size_t *at)
{
	const char c = s.p[(*at)++];
	int high, low;

	if (c != '%' || s.len - *at < 2)
		return (unsigned char)c;
	high = hex_value(s.p[*at]);
	low = hex_value(s.p[*at + 1]);
	if (high < 0 || low < 0)
		return (unsigned char)c;
	*at += 2;
	return (unsigned char)(high << 4 | low);
}

static void add_letter(struct word *w, bool upper)
{
	w->changes += w->letters > 0 && upper != w->upper;
	w->letters++;
	w->upper = upper;
}

/* Is it random by itself?  Else what it adds to the segment's sum. */
static bool end_word(struct word *w, size_t *mixed)
{
	const bool random = w->digits >= REDACT_DIGITS ||
			    (w->letters >= REDACT_LETTERS && w->digits == 0 &&
			     w->changes >= REDACT_CHANGES);

	if (w->letters > 0 && w->digits > 0)
		*mixed += w->letters + w->digits;
	*w = (struct word){0};
	return random;
}

static bool is_random(struct str segment)
{
	struct word w = {0};
	size_t mixed = 0, at = 0;
	bool random = segment.len > REDACT_LONGEST;

	while (!random && at < segment.len) {
		const unsigned char c = next_character(segment, &at);

		if (c >= '0' && c <= '9')
			w.digits++;
		else if (c >= 'A' && c <= 'Z')
			add_letter(&w, true);
		else if (c >= 'a' && c <= 'z')
			add_letter(&w, false);
		else
			random = end_word(&w, &mixed);
	}
	return random || end_word(&w, &mixed) || mixed >= REDACT_MIXED;
}

struct out {
	char *p;
	size_t len;
};

static void put(struct out *o, struct str s)
{
	if (s.len > 0)
		memcpy(o->p + o->len, s.p, s.len);
	o->len += s.len;
}

/* Never longer than the segment: what is put in place of something is one byte. */
static void put_segment(struct out *o, struct str segment)
{
	const char *semicolon = memchr(segment.p, ';', segment.len);
	struct str name = segment;

	if (semicolon != NULL)
		name.len = (size_t)(semicolon - segment.p);
	put(o, is_random(name) ? STR("*") : name);
	if (semicolon == NULL)
		return;
	put(o, STR(";"));
	put(o, name.len + 1 < segment.len ? STR("*") : STR_NONE);
}

/* Where the path begins; its length if there is none. */
static size_t path_at(struct str url)
{
	const char *mark = url.len < 3 ? NULL : memmem(url.p, url.len, "://", 3);
	size_t at = mark == NULL ? url.len : (size_t)(mark - url.p) + 3;

	while (at < url.len && url.p[at] != '/')
		at++;
	return at;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written through struct out */
struct str redact_url(struct str url, char buf[URL_MAX])
{
	struct out o = {.p = buf};
	size_t at = path_at(url), end;

	if (at == url.len)
		return url;
	if (url.len > URL_MAX)
		return STR("*");
	put(&o, (struct str){url.p, at});
	while (at < url.len && url.p[at] == '/') {
		put(&o, STR("/"));
		for (end = ++at; end < url.len && url.p[end] != '/' && url.p[end] != '?';)
			end++;
		put_segment(&o, (struct str){url.p + at, end - at});
		at = end;
	}
	put(&o, (struct str){url.p + at, url.len - at});
	return (struct str){buf, o.len};
}

struct str redact_method(struct str method)
{
	static const char *const registered[] = {
		"ACL",
		"BASELINE-CONTROL",
		"BIND",
		"CHECKIN",
		"CHECKOUT",
		"CONNECT",
		"COPY",
		"DELETE",
		"GET",
		"HEAD",
		"LABEL",
		"LINK",
		"LOCK",
		"MERGE",
		"MKACTIVITY",
		"MKCALENDAR",
		"MKCOL",
		"MKREDIRECTREF",
		"MKWORKSPACE",
		"MOVE",
		"OPTIONS",
		"ORDERPATCH",
		"PATCH",
		"POST",
		"PRI",
		"PROPFIND",
		"PROPPATCH",
		"PUT",
		"REBIND",
		"REPORT",
		"SEARCH",
		"TRACE",
		"UNBIND",
		"UNCHECKOUT",
		"UNLINK",
		"UNLOCK",
		"UPDATE",
		"UPDATEREDIRECTREF",
		"VERSION-CONTROL",
	};

	if (method.len == 0)
		return STR_NONE;
	for (size_t i = 0; i < sizeof(registered) / sizeof(registered[0]); i++) {
		const size_t len = strlen(registered[i]);

		/* Long ones come cut. */
		if (method.len == (len < METHOD_MAX ? len : METHOD_MAX) &&
		    memcmp(method.p, registered[i], method.len) == 0)
			return method;
	}
	return STR("other");
}
