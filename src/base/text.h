/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

/*
 * text - borrowed strings with a length, strict numbers and quantities, near words.
 *
 * All comparisons and case changes are ASCII only, whatever the locale.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A borrowed string, not NUL-terminated.  p == NULL means "absent"; len is then 0. */
struct str {
	const char *p;
	size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})

static inline struct str str_of(const char *s)
{
	return (struct str){s, s == NULL ? 0 : strlen(s)};
}

static inline bool str_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool str_equal_fold(struct str a, struct str b);
int str_compare_fold(struct str a, struct str b); /* <, = or > 0; ASCII letters alike */
bool str_ends_with(struct str s, struct str tail);
struct str str_trim(struct str s); /* blanks and tabs off both ends */
/* Into `to`, cut at `size`, without a NUL; how long it is. */
size_t str_copy(struct str s, char *to, size_t size);

/* The next item of a list, up to `comma`, or all: it is taken off *rest. */
struct str str_item(struct str *rest, char comma);
/* Is it in a list with commas?  *ret_count: items of the list, or in front of it. */
bool list_has(struct str list, struct str item, size_t *ret_count);
/* One more behind `len` bytes of a list: its new length, or `len` where `max` has no room. */
size_t list_put(char *list, size_t len, size_t max, struct str item);

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ascii_is_hex(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/*
 * Letters, digits, '-', '_' and '.', at least one: a name of the wire that rules and terminals
 * read as it is.
 */
bool str_is_host_name(struct str s);

/* Texts of others for a terminal: what is not printable ASCII becomes '?'. */
void str_put_printable(FILE *out, struct str s);

/* Decimal digits only, no sign, no blanks, at most `max`.  False leaves *ret untouched. */
bool parse_u64(struct str s, uint64_t max, uint64_t *ret);

/* "0x" and hexadecimal digits, of any number but at most 32 bits.  False leaves *ret untouched. */
bool parse_hex_u32(struct str s, uint32_t *ret);

/*
 * Quantities: digits followed by one unit, nothing else; the unit is required.
 *   duration: us ms s min h d      -> microseconds
 *   size:     B KiB MiB GiB TiB KB MB GB -> bytes
 *   share:    %                    -> hundredths of a percent, at most 100 %
 * On an error returns false, leaves *ret untouched and points *ret_why (borrowed, static) at
 * a phrase such as "has no unit: write 30s, 10min, 24h or 7d".
 */
bool parse_duration(struct str s, int64_t *ret_us, const char **ret_why);
bool parse_size(struct str s, uint64_t *ret_bytes, const char **ret_why);
bool parse_share(struct str s, unsigned *ret_hundredths, const char **ret_why);

/*
 * The entry of `words` nearest to `s` for "did you mean": at most a third of its length (and
 * at most 3) edits away, transpositions counting one, case ignored; NULL when none is.
 */
const char *text_nearest(struct str s, const char *const *words, size_t count);

/* A candidate at a time, for tables that are no array of strings. */
struct nearest {
	struct str wanted;
	const char *best; /* NULL = none yet */
	unsigned distance;
};
void nearest_start(struct nearest *n, struct str wanted);
void nearest_offer(struct nearest *n, const char *word);

/*
 * Behind `key`, which stands within the first `near` bytes of s; NULL: it does not.  Fast where the
 * second byte of the key is rare before it.
 */
const char *str_behind(struct str s, size_t near, struct str key);

#endif /* BASE_TEXT_H */
