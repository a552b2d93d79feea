/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/fold.h"

#include <stdbool.h>
#include <string.h>

static size_t fold_plain(struct str s, char *p)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = ascii_lower(s.p[i]);

		if (c == ' ' && (n == 0 || p[n - 1] == ','))
			continue;
		if (c == ',')
			while (n > 0 && p[n - 1] == ' ')
				n--;
		if (c == '\\' && n > 0 && p[n - 1] == '\\')
			continue;
		p[n++] = c;
	}
	return n;
}

/* ---- URLs -------------------------------------------------------------------------------- */

/* Where the authority ends that begins at `from`. */
static size_t authority_end(struct str s, size_t from)
{
	while (from < s.len && s.p[from] != '/' && s.p[from] != '?' && s.p[from] != '#')
		from++;
	return from;
}

static bool begins_with(struct str s, struct str head)
{
	return s.len >= head.len && memcmp(s.p, head.p, head.len) == 0;
}

/* Drop the port that the scheme has anyway; `p` holds scheme and authority alone. */
static size_t drop_default_port(const char *p, size_t len)
{
	static const char *const ports[][2] = {{"https://", ":443"}, {"http://", ":80"}};
	struct str s = {p, len};

	for (size_t i = 0; i < 2; i++)
		if (begins_with(s, str_of(ports[i][0])) &&
		    str_ends_with(s, str_of(ports[i][1])))
			return len - strlen(ports[i][1]);
	return len;
}

/* The dot that ends a fully qualified name, before the port if there is one. */
static size_t drop_last_dot(char *p, size_t len)
{
	size_t at = len;

	while (at > 0 && ascii_is_digit(p[at - 1]))
		at--;
	if (at == 0 || p[at - 1] != ':')
		at = len;
	else
		at--;
	if (at < 2 || p[at - 1] != '.' || p[at - 2] == '/' || p[at - 2] == '*')
		return len;
	memmove(p + at - 1, p + at, len - at);
	return len - 1;
}

static size_t fold_authority(struct str s, size_t from, size_t end, char *p)
{
	const char *user = end == from ? NULL : memrchr(s.p + from, '@', end - from);
	size_t host = user == NULL ? from : (size_t)(user - s.p) + 1;

	for (size_t i = 0; i < end; i++)
		p[i] = i < from || i >= host ? ascii_lower(s.p[i]) : s.p[i];
	return drop_last_dot(p, drop_default_port(p, end));
}

static bool is_unreserved(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

static unsigned hex_value(char c)
{
	return ascii_is_digit(c) ? (unsigned)(c - '0')
				 : (unsigned)(ascii_lower(c) - 'a') + 10;
}

/* Path and query with the escapes that RFC 3986 section 6.2.2.2 calls needless decoded. */
static size_t fold_escapes(struct str s, char *p)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned value;

		if (s.p[i] != '%' || s.len - i < 3 || !ascii_is_hex(s.p[i + 1]) ||
		    !ascii_is_hex(s.p[i + 2])) {
			p[n++] = s.p[i];
			continue;
		}
		value = hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]);
		i += 2;
		if (value < 0x80 && is_unreserved((char)value)) {
			p[n++] = (char)value;
			continue;
		}
		p[n++] = '%';
		p[n++] = digits[value >> 4];
		p[n++] = digits[value & 15];
	}
	return n;
}

/*
 * RFC 3986 section 5.2.4 on an absolute path of `len` bytes, in place.  A segment that holds a
 * star may be several: ".." takes none of those away, and the rest stays as it is.
 */
static size_t fold_dots(char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		const char *slash = memchr(p + i + 1, '/', len - i - 1);
		size_t end = slash == NULL ? len : (size_t)(slash - p);
		struct str segment = {p + i + 1, end - i - 1};
		bool one = str_equal(segment, STR("."));
		bool two = str_equal(segment, STR(".."));
		size_t back = n;

		if (two)
			while (back > 0 && p[--back] != '/')
				if (p[back] == '*') {
					memmove(p + n, p + i, len - i);
					return n + len - i;
				}
		if (!one && !two) {
			memmove(p + n, p + i, end - i);
			n += end - i;
		} else {
			n = back;
			if (end == len)
				p[n++] = '/';
		}
		i = end;
	}
	return n;
}

static size_t fold_url(struct str s, char *p)
{
	const char *mark = s.len == 0 ? NULL : memmem(s.p, s.len, "://", 3);
	size_t from = mark == NULL ? 0 : (size_t)(mark - s.p) + 3;
	size_t end = authority_end(s, from);
	size_t n = fold_authority(s, from, end, p);
	size_t path, query = 0;

	path = fold_escapes((struct str){s.p + end, s.len - end}, p + n);
	if (path == 0 || p[n] != '/')
		return n + path;
	while (query < path && p[n + query] != '?' && p[n + query] != '#')
		query++;
	end = n + fold_dots(p + n, query);
	memmove(p + end, p + n + query, path - query);
	return end + path - query;
}

size_t endpoint_fold(enum family family, struct str s, char *buf)
{
	switch (family) {
	case FAMILY_HTTP:
	case FAMILY_CUSTOM:
		return fold_url(s, buf);
	case FAMILY_SQL:
	case FAMILY_SMTP:
	case FAMILY_BLOB:
	case FAMILY_DATAVERSE:
	case FAMILY_SCREEN:
	case FAMILY_COUNT:
		break;
	}
	return fold_plain(s, buf);
}

/* ---- keys -------------------------------------------------------------------------------- */

#define KEY_START 2166136261u /* FNV-1a */
#define KEY_HTTP  0x2136b54bu /* behind "http://" */
#define KEY_HTTPS 0x7ca7277eu /* behind "https://" */

static inline uint32_t key_step(uint32_t h, char c)
{
	return (h ^ (unsigned char)c) * 16777619u;
}

bool endpoint_key(struct str s, uint32_t *ret)
{
	uint32_t h = KEY_START;
	bool url = false, ended = false;

	for (size_t i = 0; i < s.len && !ended; i++) {
		if (s.p[i] == '*')
			return false;
		h = key_step(h, s.p[i]);
		if (!url && s.p[i] == '/' && i >= 2 && s.p[i - 1] == '/' &&
		    s.p[i - 2] == ':')
			url = true;
		else
			ended = s.p[i] == (url ? '/' : ',');
	}
	*ret = ended ? h : ~h;
	return true;
}

/* ---- origins ----------------------------------------------------------------------------- */

/* Bytes of a server that are written as they are: 1; a colon, which an IPv6 address has: 2. */
static const uint8_t server_bytes[256] = {
	['-'] = 1, ['.'] = 1, ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1,
	['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, [':'] = 2, ['_'] = 1,
	['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1,
	['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1,
	['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1,
	['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

static bool is_folded_server(struct str server, bool *ret_v6)
{
	uint8_t least = 1, all = 0;

	if (server.len == 0 || server.len > 255 || server.p[server.len - 1] == '.')
		return false;
	for (size_t i = 0; i < server.len; i++) {
		uint8_t kind = server_bytes[(unsigned char)server.p[i]];

		least = kind < least ? kind : least;
		all |= kind;
	}
	*ret_v6 = (all & 2) != 0;
	return least != 0;
}

static size_t append(char *buf, size_t n, struct str s)
{
	memcpy(buf + n, s.p, s.len);
	return n + s.len;
}

bool endpoint_origin(struct str server, bool clear, uint16_t port, char *buf,
		     struct origin *ret)
{
	uint32_t h = clear ? KEY_HTTP : KEY_HTTPS;
	size_t n = 0, scheme;
	bool v6;

	if (!is_folded_server(server, &v6))
		return false;
	n = append(buf, n, clear ? STR("http://") : STR("https://"));
	scheme = n;
	n = append(buf, n, v6 ? STR("[") : STR(""));
	n = append(buf, n, server);
	n = append(buf, n, v6 ? STR("]") : STR(""));
	if (port != (clear ? 80 : 443)) {
		char digits[5];
		size_t at = sizeof(digits);

		for (unsigned left = port; left > 0 || at == sizeof(digits); left /= 10)
			digits[--at] = (char)('0' + left % 10);
		buf[n++] = ':';
		n = append(buf, n, (struct str){digits + at, sizeof(digits) - at});
	}
	for (size_t i = scheme; i < n; i++)
		h = key_step(h, buf[i]);
	*ret = (struct origin){.len = n, .alone = ~h, .with_path = key_step(h, '/')};
	return true;
}
