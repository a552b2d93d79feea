/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/conntrack_text.h"

#include <string.h>

/* The next word, taken off; empty = no more. */
static struct str next_word(struct str *s)
{
	size_t from = 0, n = 0;
	struct str w;

	while (from < s->len && s->p[from] == ' ')
		from++;
	while (from + n < s->len && s->p[from + n] != ' ')
		n++;
	w = (struct str){s->p + from, n};
	*s = (struct str){s->p + from + n, s->len - from - n};
	return w;
}

static bool value_of(struct str word, const char *key, struct str *ret)
{
	const size_t n = strlen(key);

	if (word.len <= n || memcmp(word.p, key, n) != 0)
		return false;
	*ret = (struct str){word.p + n, word.len - n};
	return true;
}

static bool take_address(struct str word, const char *key, struct addr places[2],
			 unsigned *seen)
{
	struct str v;

	if (!value_of(word, key, &v) || *seen >= 2)
		return true;
	return addr_parse(v.p, v.len, &places[(*seen)++]);
}

bool conntrack_line_parse(struct str line, struct conntrack_line *ret)
{
	struct conntrack_line l = {0};
	struct addr src[2], dst[2];
	unsigned src_seen = 0, dst_seen = 0;
	struct str word, v;
	bool port_seen = false;
	uint64_t n;

	/* "ipv4 2 tcp 6 431999 ESTABLISHED src=..." */
	for (unsigned i = 0; i < 4; i++)
		word = next_word(&line);
	if (!parse_u64(word, UINT8_MAX, &n))
		return false;
	l.ip_proto = (uint8_t)n;
	while ((word = next_word(&line)).len > 0) {
		if (!take_address(word, "src=", src, &src_seen) ||
		    !take_address(word, "dst=", dst, &dst_seen))
			return false;
		if (!port_seen && value_of(word, "dport=", &v)) {
			if (!parse_u64(v, UINT16_MAX, &n))
				return false;
			l.dst_port = (uint16_t)n;
			port_seen = true;
		}
		l.unreplied = l.unreplied || str_equal(word, STR("[UNREPLIED]"));
	}
	if (src_seen != 2 || dst_seen != 2)
		return false;
	l.src = src[0];
	l.dst = dst[0];
	l.reply_src = src[1];
	l.reply_dst = dst[1];
	*ret = l;
	return true;
}
