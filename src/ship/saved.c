/* SPDX-License-Identifier: Apache-2.0 */
#include "ship/saved.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"

#define HEX_LEN ((size_t)2 * SHIP_DIGEST)

size_t saved_format(const struct ship_saved *s, char buf[SAVED_TEXT_MAX])
{
	char ledger[HEX_LEN + 1], digest[HEX_LEN + 1], check[HEX_LEN + 1];
	char when[RFC3339_LEN + 1], error[SHIP_ERROR_MAX];
	uint8_t sum[SHIP_DIGEST];
	size_t n = 0;

	while (n + 1 < sizeof(error) && s->error[n] != '\0') {
		error[n] = s->error[n] >= ' ' && s->error[n] <= '~' ? s->error[n] : '?';
		n++;
	}
	error[n] = '\0';
	hex_format(s->ledger, SHIP_DIGEST, ledger);
	hex_format(s->place.digest, SHIP_DIGEST, digest);
	clock_format_rfc3339(s->time_us, when);
	n = (size_t)snprintf(buf, SAVED_TEXT_MAX,
			     "weir-ship 1\nledger %s\nsegment %" PRIu32
			     "\nline %u\noffset %" PRIu64 "\nseq %" PRIu64
			     "\ndigest %s\nacked %" PRIu64 "\nlost %" PRIu64
			     "\ntime %s\nerror %s\n",
			     ledger, s->place.segment, s->place.line, s->place.offset,
			     s->place.seq, digest, s->acked, s->lost, when, error);
	digest_sha256(buf, n, sum);
	hex_format(sum, SHIP_DIGEST, check);
	return n + (size_t)snprintf(buf + n, SAVED_TEXT_MAX - n, "check %s\n", check);
}

/* The rest of the next line, which begins with `key`; p == NULL when it is another. */
static struct str take(struct str *text, const char *key)
{
	const struct str k = str_of(key);
	const char *end = text->len == 0 ? NULL : memchr(text->p, '\n', text->len);
	struct str rest;

	if (end == NULL || (size_t)(end - text->p) < k.len ||
	    memcmp(text->p, k.p, k.len) != 0)
		return STR_NONE;
	rest = (struct str){text->p + k.len, (size_t)(end - text->p) - k.len};
	text->len -= (size_t)(end - text->p) + 1;
	text->p = end + 1;
	return rest;
}

static bool take_number(struct str *text, const char *key, uint64_t max, uint64_t *ret)
{
	return parse_u64(take(text, key), max, ret);
}

static bool take_hex(struct str *text, const char *key, uint8_t ret[SHIP_DIGEST])
{
	const struct str s = take(text, key);

	if (s.len != HEX_LEN)
		return false;
	for (size_t i = 0; i < HEX_LEN; i++) {
		const char c = s.p[i];
		uint8_t v;

		if (ascii_is_digit(c))
			v = (uint8_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = (uint8_t)(c - 'a' + 10);
		else
			return false;
		ret[i / 2] = (uint8_t)(i % 2 == 0 ? v << 4 : ret[i / 2] | v);
	}
	return true;
}

static bool take_error(struct str *text, char ret[SHIP_ERROR_MAX])
{
	const struct str s = take(text, "error ");

	if (s.p == NULL || s.len >= SHIP_ERROR_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	memcpy(ret, s.p, s.len);
	ret[s.len] = '\0';
	return true;
}

int saved_parse(struct str text, struct ship_saved *ret)
{
	struct ship_saved s = {.acked = 0};
	struct str whole = text, when;
	uint8_t check[SHIP_DIGEST], sum[SHIP_DIGEST];
	uint64_t segment, line;

	if (take(&text, "weir-ship 1").len != 0 || text.p == whole.p ||
	    !take_hex(&text, "ledger ", s.ledger) ||
	    !take_number(&text, "segment ", UINT32_MAX - 1, &segment) ||
	    !take_number(&text, "line ", UINT32_MAX - 1, &line) ||
	    !take_number(&text, "offset ", INT64_MAX, &s.place.offset) ||
	    !take_number(&text, "seq ", UINT64_MAX - 1, &s.place.seq) ||
	    !take_hex(&text, "digest ", s.place.digest) ||
	    !take_number(&text, "acked ", UINT64_MAX, &s.acked) ||
	    !take_number(&text, "lost ", UINT64_MAX, &s.lost))
		return -EBADMSG;
	when = take(&text, "time ");
	if (when.p == NULL || !clock_parse_rfc3339(when.p, when.len, &s.time_us) ||
	    !take_error(&text, s.error))
		return -EBADMSG;
	whole.len -= text.len;
	digest_sha256(whole.p, whole.len, sum);
	if (!take_hex(&text, "check ", check) || text.len != 0 ||
	    memcmp(check, sum, SHIP_DIGEST) != 0 ||
	    (s.place.seq > 0) != (segment > 0 && line > 0))
		return -EBADMSG;
	s.place.segment = (uint32_t)segment;
	s.place.line = (unsigned)line;
	*ret = s;
	return 0;
}

int saved_load(const char *path, struct ship_saved *ret)
{
	char *text = NULL;
	size_t len = 0;
	int rc = file_read(path, SAVED_TEXT_MAX, &text, &len);

	if (rc == 0)
		rc = saved_parse((struct str){text, len}, ret);
	free(text);
	return rc == -EFBIG ? -EBADMSG : rc;
}

int saved_store(const char *path, const struct ship_saved *s)
{
	char buf[SAVED_TEXT_MAX];
	const size_t n = saved_format(s, buf);

	return file_replace(path, buf, n);
}
