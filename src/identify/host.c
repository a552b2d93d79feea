/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/host.h"

#include "base/addr.h"

#define LABEL_MAX 63  /* RFC 1035 2.3.4 */
#define NAME_MAX  253 /* the same: 255 bytes on the wire, without the final dot */

static bool name_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

bool host_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return s.len > 0;
}

/* Decimal, or hexadecimal behind 0x: what inet_aton() takes for a part of an address. */
static bool is_number(const char *label, size_t len)
{
	size_t i = 0;
	bool hex = len >= 2 && label[0] == '0' && label[1] == 'x';

	for (i = hex ? 2 : 0; i < len; i++)
		if (hex ? !ascii_is_hex(label[i]) : !ascii_is_digit(label[i]))
			return false;
	return true;
}

/* Only the spelling that everybody reads alike is an address; "10.1" is malformed. */
static enum host_kind keep_address(struct str raw, struct host *ret)
{
	struct addr a;
	char text[ADDR_TEXT_MAX];
	size_t len;

	if (!addr_parse(raw.p, raw.len, &a))
		return HOST_MALFORMED;
	len = addr_format(&a, text);
	memcpy(ret->text, text, len);
	ret->text[len] = '\0';
	ret->len = (uint16_t)len;
	return HOST_ADDRESS;
}

enum host_kind host_normalize(struct str raw, struct host *ret)
{
	size_t label = 0;
	size_t len = raw.len;

	ret->len = 0;
	ret->text[0] = '\0';
	if (len >= 2 && raw.p[0] == '[' && raw.p[len - 1] == ']')
		return keep_address((struct str){raw.p + 1, len - 2}, ret);
	if (len > 0 && raw.p[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_MAX)
		return HOST_MALFORMED;
	if (memchr(raw.p, ':', len) != NULL)
		return keep_address((struct str){raw.p, len}, ret);
	for (size_t i = 0; i < len; i++) {
		if (raw.p[i] == '.') {
			if (i == label || i - label > LABEL_MAX)
				return HOST_MALFORMED;
			label = i + 1;
		} else if (!name_byte(raw.p[i])) {
			return HOST_MALFORMED;
		}
		ret->text[i] = ascii_lower(raw.p[i]);
	}
	if (label == len || len - label > LABEL_MAX)
		return HOST_MALFORMED;
	if (is_number(ret->text + label, len - label))
		return keep_address((struct str){raw.p, len}, ret);
	ret->text[len] = '\0';
	ret->len = (uint16_t)len;
	return HOST_NAME;
}

bool host_split_port(struct str authority, struct str *ret_host, int32_t *ret_port)
{
	size_t colon = authority.len;
	uint64_t port = 0;

	*ret_host = authority;
	*ret_port = -1;
	/* The colons of an address in brackets are not the port's. */
	while (colon > 0 && authority.p[colon - 1] != ':' &&
	       authority.p[colon - 1] != ']')
		colon--;
	if (colon == 0 || authority.p[colon - 1] == ']')
		return colon == 0 || colon == authority.len;
	ret_host->len = colon - 1;
	if (colon == authority.len)
		return true;
	if (!parse_u64((struct str){authority.p + colon, authority.len - colon},
		       UINT16_MAX, &port))
		return false;
	*ret_port = (int32_t)port;
	return true;
}
