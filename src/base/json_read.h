/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

/*
 * json_read - a JSON text as a row of tokens (RFC 8259), for files of others.
 *
 * The caller pulls tokens and holds them against what it expects.  The text is hostile: no
 * recursion, nesting has a cap, and the first fault of its grammar is a finding with line,
 * column and remedy, after which only JSON_READ_END is given (JSON cannot be read on behind a
 * fault).  What a token means is the caller's matter, so it reports that itself and goes on.
 *
 * Why not a library: those of Debian 12 build a tree by recursion, or cannot tell where a
 * value stood.
 *
 * Memory: borrows the text; a string with escapes is decoded into the reader itself and valid
 * until the next token.
 * Threads: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/text.h"

#define JSON_READ_DEPTH_MAX   32   /* objects and arrays inside each other */
#define JSON_READ_ESCAPED_MAX 8192 /* bytes of a string that holds escapes, decoded */

enum json_kind {
	JSON_READ_END = 0, /* of the text, or a fault was found */
	JSON_READ_OBJECT,
	JSON_READ_OBJECT_END,
	JSON_READ_ARRAY,
	JSON_READ_ARRAY_END,
	JSON_READ_KEY,
	JSON_READ_STRING,
	JSON_READ_NUMBER,
	JSON_READ_TRUE,
	JSON_READ_FALSE,
	JSON_READ_NULL
};

struct json_token {
	enum json_kind kind;
	struct str text;    /* key, string: decoded UTF-8; number: as written */
	unsigned line, col; /* from 1; col in bytes */
	unsigned len;       /* of the token in the file, quotes included */
};

struct json_reader {
	const char *file;
	const char *text;
	size_t len, at;
	unsigned line;
	size_t line_start;
	struct diag *d;
	uint32_t objects; /* bit: what is open at that depth is an object */
	unsigned depth;
	bool after_value; /* a comma or an end must come next */
	bool after_comma; /* a value or a key must come next */
	bool after_key;   /* the value of a key must come next */
	bool done;        /* the whole value was read */
	bool failed;
	char decoded[JSON_READ_ESCAPED_MAX];
};

/* A byte order mark before the text is passed over.  `file` names it in findings. */
void json_read_start(struct json_reader *r, const char *file, const char *text,
		     size_t len, struct diag *d);

/* The next token; false, and JSON_READ_END, at the end and after a fault. */
bool json_read_next(struct json_reader *r, struct json_token *ret);

/* Pass over the rest of the value that `t` has begun: nothing for scalars and keys. */
void json_read_skip(struct json_reader *r, const struct json_token *t);

static inline bool json_read_failed(const struct json_reader *r)
{
	return r->failed;
}

/* "an object", "a string", ... for messages. */
const char *json_kind_name(enum json_kind k);

struct span json_read_span(const struct json_reader *r, const struct json_token *t);

#endif /* BASE_JSON_READ_H */
