/* SPDX-License-Identifier: Apache-2.0 */
#include "record/expired.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "record/segments.h"

#define HEAD STR("{\"v\":1,\"seq\":")
#define KIND STR(",\"type\":\"expired\",\"digest\":\"")

#define CHECK STR(",\"check\":\"")

#define CHECK_BYTES 4
#define CHECK_LEN   ((size_t)2 * CHECK_BYTES)
#define MARKS_MAX   256
#define NEAR        ((size_t)96) /* the type stands there */
#define HEX_LEN     ((size_t)2 * CHAIN_DIGEST)

static const char *const names[EXPIRING_COUNT] = {
	[EXPIRING_FLOW] = "flow",
	[EXPIRING_SIGNAL] = "signal",
	[EXPIRING_ROLLUP] = "rollup",
	[EXPIRING_DNS] = "dns",
};

const char *expiring_name(enum expiring t)
{
	return names[t];
}

enum expiring expiring_find(struct str type)
{
	unsigned t = 0;

	while (t < EXPIRING_COUNT && !str_equal(type, str_of(names[t])))
		t++;
	return (enum expiring)t;
}

size_t expiring_format(unsigned set, char buf[EXPIRING_TEXT_MAX])
{
	size_t n = 0;

	buf[0] = '\0';
	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if ((set >> t & 1) != 0)
			n += (size_t)snprintf(buf + n, EXPIRING_TEXT_MAX - n, "%s%s",
					      n > 0 ? "," : "", names[t]);
	return n;
}

/* ---- counts ------------------------------------------------------------------------------- */

enum expiring expiring_of(struct str line)
{
	const char *at = str_behind(line, NEAR, STR("\"type\":\""));
	const char *end =
		at == NULL ? NULL : memchr(at, '"', line.len - (size_t)(at - line.p));

	return end == NULL ? EXPIRING_COUNT
			   : expiring_find((struct str){at, (size_t)(end - at)});
}

enum expiring expiring_note(struct expiring_count *c, struct str line, bool expired)
{
	const enum expiring t = expired ? EXPIRING_COUNT : expiring_of(line);

	c->expired += expired;
	if (t < EXPIRING_COUNT)
		c->of[t]++;
	return t;
}

bool expiring_fits(const struct expiring_count *seen,
		   const uint64_t sealed[EXPIRING_COUNT], unsigned *ret_missing)
{
	uint64_t left = seen->expired;

	*ret_missing = 0;
	for (unsigned t = 0; t < EXPIRING_COUNT; t++) {
		const uint64_t missing = sealed[t] - seen->of[t];

		if (sealed[t] < seen->of[t] || missing > left)
			return false;
		left -= missing;
		if (missing > 0)
			*ret_missing |= 1u << t;
	}
	return left == 0;
}

/* ---- lines -------------------------------------------------------------------------------- */

/* The check of what stands before it. */
static void check_of(const char *text, size_t len, char ret_hex[2 * CHECK_BYTES + 1])
{
	uint8_t digest[CHAIN_DIGEST];

	digest_sha256(text, len, digest);
	hex_format(digest, CHECK_BYTES, ret_hex);
}

bool expired_format(uint64_t seq, const uint8_t digest[CHAIN_DIGEST], char *line,
		    size_t len)
{
	char hex[HEX_LEN + 1], check[2 * CHECK_BYTES + 1], text[192];
	size_t n;

	hex_format(digest, CHAIN_DIGEST, hex);
	n = (size_t)snprintf(text, sizeof(text),
			     "{\"v\":1,\"seq\":%" PRIu64
			     ",\"type\":\"expired\",\"digest\":\"%s\"",
			     seq, hex);
	check_of(text, n, check);
	n += (size_t)snprintf(text + n, sizeof(text) - n, ",\"check\":\"%s\"", check);
	if (n >= len)
		return false;
	memcpy(line, text, n);
	memset(line + n, ' ', len - 1 - n);
	line[len - 1] = '}';
	return true;
}

/* Behind the number, where KIND stands; 0 = it does not, and this is another line.  Cheap. */
static size_t kind_at(struct str line)
{
	size_t n = HEAD.len;

	while (n < line.len && ascii_is_digit(line.p[n]))
		n++;
	return n < line.len && line.len - n > KIND.len &&
			       memcmp(line.p + n, KIND.p, KIND.len) == 0
		       ? n
		       : 0;
}

/* The number that ends at `end`, as Weir writes it. */
static bool number_before(struct str line, size_t end, uint64_t *ret)
{
	const size_t from = HEAD.len;

	return memcmp(line.p, HEAD.p, from) == 0 && end > from && line.p[from] != '0' &&
	       parse_u64((struct str){line.p + from, end - from}, UINT64_MAX - 1, ret);
}

bool expired_parse(struct str line, uint64_t *ret_seq, uint8_t ret_digest[CHAIN_DIGEST])
{
	const size_t rest = KIND.len + HEX_LEN + 1 + CHECK.len + CHECK_LEN + 2;
	char check[2 * CHECK_BYTES + 1];
	size_t n = kind_at(line);

	if (n == 0 || line.len - n < rest || !number_before(line, n, ret_seq))
		return false;
	n += KIND.len;
	if (!hex_parse((struct str){line.p + n, HEX_LEN}, ret_digest, CHAIN_DIGEST))
		return false;
	n += HEX_LEN;
	if (line.p[n++] != '"')
		return false;
	check_of(line.p, n, check);
	if (memcmp(line.p + n, CHECK.p, CHECK.len) != 0 ||
	    memcmp(line.p + n + CHECK.len, check, CHECK_LEN) != 0)
		return false;
	n += CHECK.len + CHECK_LEN;
	if (line.p[n++] != '"' || line.p[line.len - 1] != '}')
		return false;
	while (n < line.len - 1 && line.p[n] == ' ')
		n++;
	return n == line.len - 1;
}

bool expired_is(struct str line)
{
	uint8_t digest[CHAIN_DIGEST];
	uint64_t seq;

	return expired_parse(line, &seq, digest);
}

void line_digest(struct str line, uint8_t ret[CHAIN_DIGEST])
{
	uint64_t seq;

	if (!expired_parse(line, &seq, ret))
		chain_digest(line.p, line.len + 1, ret);
}

/* ---- marks -------------------------------------------------------------------------------- */

/* "flow 12 3456\n": a type, a segment, a count. */
static void take_mark(struct str row, struct expired_marks *ret)
{
	const char *first = memchr(row.p, ' ', row.len);
	const char *second =
		first == NULL
			? NULL
			: memchr(first + 1, ' ', row.len - (size_t)(first + 1 - row.p));
	enum expiring t;
	uint64_t to, lines;

	if (second == NULL)
		return;
	t = expiring_find((struct str){row.p, (size_t)(first - row.p)});
	if (t == EXPIRING_COUNT ||
	    !parse_u64((struct str){first + 1, (size_t)(second - first) - 1}, UINT32_MAX,
		       &to) ||
	    !parse_u64((struct str){second + 1, row.len - (size_t)(second + 1 - row.p)},
		       UINT64_MAX, &lines))
		return;
	ret->to[t] = (uint32_t)to;
	ret->lines[t] = lines;
}

void expired_marks_read(int dir_fd, struct expired_marks *ret)
{
	const int fd = openat(dir_fd, EXPIRED_MARKS,
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[MARKS_MAX];
	const ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (fd >= 0)
		(void)close(fd);
	*ret = (struct expired_marks){.to = {0}};
	for (size_t at = 0; len > 0 && at < (size_t)len;) {
		const char *end = memchr(text + at, '\n', (size_t)len - at);

		if (end == NULL)
			return;
		take_mark((struct str){text + at, (size_t)(end - text) - at}, ret);
		at = (size_t)(end - text) + 1;
	}
}

int expired_marks_write(int dir_fd, const struct expired_marks *m)
{
	static const char temporary[] = EXPIRED_MARKS ".new";
	char text[MARKS_MAX];
	size_t n = 0;
	int rc;

	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if (m->to[t] > 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "%s %" PRIu32 " %" PRIu64 "\n", names[t],
					      m->to[t], m->lines[t]);
	rc = segment_beside(dir_fd, temporary, 0640, text, n);
	if (rc == 0 && renameat(dir_fd, temporary, dir_fd, EXPIRED_MARKS) != 0)
		rc = -errno;
	if (rc != 0)
		(void)unlinkat(dir_fd, temporary, 0);
	return rc != 0 ? rc : fsync(dir_fd) != 0 ? -errno : 0;
}
