/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/url.h"

struct out {
	char *text;
	size_t len;
	bool full;
};

static void put(struct out *o, const char *p, size_t len)
{
	if (o->full || len > URL_MAX - o->len) {
		o->full = true;
		return;
	}
	memcpy(o->text + o->len, p, len);
	o->len += len;
}

static void put_str(struct out *o, struct str s)
{
	put(o, s.p, s.len);
}

static void put_byte(struct out *o, char c)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char b = (unsigned char)c;
	char escaped[3] = {'%', digits[b >> 4], digits[b & 15]};

	if (b > 0x20 && b < 0x7f)
		put(o, &c, 1);
	else
		put(o, escaped, sizeof(escaped));
}

static void put_port(struct out *o, int32_t port)
{
	char text[8];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + port % 10);
		port /= 10;
	} while (port > 0);
	text[--at] = ':';
	put(o, text + at, sizeof(text) - at);
}

#define KEY_MAX 32

/* A key, and not a token that ends in "=" or stands where a key should? */
static bool is_key(struct str key, struct str value)
{
	bool any = false;

	for (size_t i = 0; i < value.len; i++)
		any = any || value.p[i] != '=';
	return any && key.len <= KEY_MAX;
}

/* "a=1&b&c=2" -> "?a=&c=" */
static void put_query(struct out *o, struct str query)
{
	bool any = false;

	for (size_t at = 0; at < query.len; at++) {
		size_t from = at, equal = query.len;

		for (; at < query.len && query.p[at] != '&'; at++)
			if (query.p[at] == '=' && equal == query.len)
				equal = at;
		if (equal == query.len ||
		    !is_key((struct str){query.p + from, equal - from},
			    (struct str){query.p + equal + 1, at - equal - 1}))
			continue;
		put_byte(o, any ? '&' : '?');
		any = true;
		for (; from <= equal; from++)
			put_byte(o, query.p[from]);
	}
}

bool url_write(const struct url_parts *u, struct facts *f)
{
	struct out o = {.text = f->url};
	bool brackets = u->address && memchr(u->host.p, ':', u->host.len) != NULL;
	size_t at = 0;

	put_str(&o, u->https ? STR("https://") : STR("http://"));
	put_str(&o, brackets ? STR("[") : STR(""));
	put_str(&o, u->host);
	put_str(&o, brackets ? STR("]") : STR(""));
	if (u->port >= 0 && u->port != (u->https ? 443 : 80))
		put_port(&o, u->port);
	if (u->path.len == 0 || u->path.p[0] != '/')
		put(&o, "/", 1);
	while (at < u->path.len && u->path.p[at] != '?' && u->path.p[at] != '#')
		put_byte(&o, u->path.p[at++]);
	if (at < u->path.len && u->path.p[at] == '?') {
		struct str query = {u->path.p + at + 1, u->path.len - at - 1};
		const char *fragment = memchr(query.p, '#', query.len);

		if (fragment != NULL)
			query.len = (size_t)(fragment - query.p);
		put_query(&o, query);
	}
	f->url_len = o.full ? 0 : (uint16_t)o.len;
	return !o.full;
}
