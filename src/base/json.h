/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

/*
 * json - append-only JSON writer into memory that the caller owns.
 *
 * Output is always valid UTF-8 JSON: quotes, backslashes and control bytes are escaped, each
 * byte of an invalid UTF-8 sequence becomes U+FFFD (RFC 3629: no surrogates, no overlongs,
 * nothing over U+10FFFF); DEL and C1 controls are escaped as well, so that a ledger shown on a
 * terminal is harmless.
 * Overflow is sticky: once the buffer is full nothing more is written and json_ok() is false.
 *
 * Threads: a value on the stack or in its owner; nothing shared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

struct json {
	char *buf;
	size_t size; /* of buf */
	size_t len;  /* written so far */
	bool comma;  /* the next value needs a comma first */
	bool full;
};

static inline void json_init(struct json *j, char *buf, size_t size)
{
	*j = (struct json){.size = size};
	j->buf = buf;
}

static inline bool json_ok(const struct json *j)
{
	return !j->full;
}

/* `key` is a plain ASCII identifier written as it is, or NULL inside arrays. */
void json_object_begin(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array_begin(struct json *j, const char *key);
void json_array_end(struct json *j);
/* As json_string() and its like, for keys whose length is known. */
void json_put_string(struct json *j, struct str key, struct str s);
void json_put_u64(struct json *j, struct str key, uint64_t v);
void json_put_i64(struct json *j, struct str key, int64_t v);
void json_put_bool(struct json *j, struct str key, bool v);

/* Copy `len` bytes unless one is not plain; false: what stands at `to` means nothing. */
bool json_copy_plain(char *to, const char *from, size_t len);

/* Absent: nothing.  In one go where there is room for all of it and nothing to escape. */
static inline __attribute__((always_inline)) void json_string(struct json *j,
							      const char *key,
							      struct str s)
{
	const struct str k = str_of(key);
	const size_t space = j->size - j->len;
	char *to = j->buf + j->len;

	if (s.p == NULL)
		return;
	if (!j->full && s.len <= space && space - s.len >= k.len + 6) {
		*to = ',';
		to += j->comma;
		if (k.p != NULL) {
			*to++ = '"';
			memcpy(to, k.p, k.len);
			to += k.len;
			*to++ = '"';
			*to++ = ':';
		}
		*to++ = '"';
		if (json_copy_plain(to, s.p, s.len)) {
			to += s.len;
			*to++ = '"';
			j->len = (size_t)(to - j->buf);
			j->comma = true;
			return;
		}
		/* What was written lies beyond len and counts for nothing. */
	}
	json_put_string(j, k, s);
}

/* NULL: nothing. */
static inline __attribute__((always_inline)) void json_cstring(struct json *j,
							       const char *key,
							       const char *s)
{
	json_string(j, key, str_of(s));
}

static inline void json_u64(struct json *j, const char *key, uint64_t v)
{
	json_put_u64(j, str_of(key), v);
}

static inline void json_i64(struct json *j, const char *key, int64_t v)
{
	json_put_i64(j, str_of(key), v);
}

static inline void json_bool(struct json *j, const char *key, bool v)
{
	json_put_bool(j, str_of(key), v);
}

/* Bytes that are already JSON, or that end a line; written as they are, no comma logic. */
void json_raw(struct json *j, const char *bytes, size_t len);

#endif /* BASE_JSON_H */
