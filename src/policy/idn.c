/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/idn.h"

#include <idn2.h>
#include <string.h>

#define LABEL_BYTES 256

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static bool is_url(enum family family)
{
	return family == FAMILY_HTTP || family == FAMILY_CUSTOM;
}

/* What ends a label, in a URL's authority and in "server,port" or "server\instance,database". */
static bool ends_label(char c)
{
	return c != '\0' && strchr(".:,@\\[] ", c) != NULL;
}

static bool append(char *buf, size_t size, size_t *n, struct str s)
{
	if (s.len > size - *n)
		return false;
	if (s.len > 0)
		memcpy(buf + *n, s.p, s.len);
	*n += s.len;
	return true;
}

static enum idn_result append_label(struct str s, char *buf, size_t size, size_t *n)
{
	char label[LABEL_BYTES];
	char *ascii = NULL;
	bool fits;

	if (is_plain(s))
		return append(buf, size, n, s) ? IDN_FINE : IDN_TOO_LONG;
	if (memchr(s.p, '*', s.len) != NULL)
		return IDN_STAR;
	if (s.len >= sizeof(label) || memchr(s.p, '\0', s.len) != NULL)
		return IDN_NO_NAME;
	memcpy(label, s.p, s.len);
	label[s.len] = '\0';
	if (idn2_to_ascii_8z(label, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) !=
	    IDN2_OK)
		return IDN_NO_NAME;
	fits = append(buf, size, n, str_of(ascii));
	idn2_free(ascii);
	return fits ? IDN_FINE : IDN_TOO_LONG;
}

/* Where the names in the pattern begin and end: a URL's authority, or up to the comma. */
static void find_names(enum family family, struct str s, size_t *ret_from,
		       size_t *ret_end)
{
	const bool url = is_url(family);
	const char *mark = url ? memmem(s.p, s.len, "://", 3) : NULL;
	size_t from = mark == NULL ? 0 : (size_t)(mark - s.p) + 3;
	size_t end = from;

	while (end < s.len && (url ? s.p[end] != '/' && s.p[end] != '?' && s.p[end] != '#'
				   : s.p[end] != ','))
		end++;
	for (size_t i = from; url && i < end; i++)
		if (s.p[i] == '@')
			from = i + 1;
	*ret_from = from;
	*ret_end = end;
}

/* A path as url_write() has it, and browsers send it: UTF-8 with what is not ASCII escaped. */
static bool append_path(char *buf, size_t size, size_t *n, struct str s)
{
	static const char digits[] = "0123456789ABCDEF";
	bool fits = true;

	for (size_t i = 0; fits && i < s.len; i++) {
		const unsigned char b = (unsigned char)s.p[i];
		const char escaped[3] = {'%', digits[b >> 4], digits[b & 15]};

		fits = b > 0x20 && b < 0x7f
			       ? append(buf, size, n, (struct str){s.p + i, 1})
			       : append(buf, size, n, (struct str){escaped, 3});
	}
	return fits;
}

enum idn_result endpoint_ascii(enum family family, struct str s, char *buf, size_t size,
			       size_t *ret_len)
{
	size_t from, end, n = 0;
	enum idn_result ret = IDN_FINE;

	if (family == FAMILY_SCREEN || (is_plain(s) && !is_url(family))) {
		from = s.len;
		end = s.len;
	} else {
		find_names(family, s, &from, &end);
	}
	if (!append(buf, size, &n, (struct str){s.p, from}))
		return IDN_TOO_LONG;
	for (size_t i = from; i < end && ret == IDN_FINE;) {
		size_t label = i;

		while (i < end && !ends_label(s.p[i]))
			i++;
		ret = append_label((struct str){s.p + label, i - label}, buf, size, &n);
		if (ret == IDN_FINE && i < end &&
		    !append(buf, size, &n, (struct str){s.p + i++, 1}))
			ret = IDN_TOO_LONG;
	}
	if (ret == IDN_FINE &&
	    !(is_url(family) ? append_path : append)(
		    buf, size, &n, (struct str){s.p + end, s.len - end}))
		ret = IDN_TOO_LONG;
	*ret_len = n;
	return ret;
}
