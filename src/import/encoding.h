/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_ENCODING_H
#define IMPORT_ENCODING_H

/*
 * encoding - the text of a file as UTF-8: Windows PowerShell's ">" writes UTF-16LE with a
 * byte order mark (RFC 2781 3).  Lone surrogates become U+FFFD.
 */

#include <stdbool.h>
#include <stddef.h>

/* Does the text begin as UTF-16LE does: with a mark, or with ASCII and zero bytes in turn? */
bool encoding_is_utf16le(const char *text, size_t len);

/* The text in UTF-8 without a mark and with a NUL behind it, malloc'd; NULL = out of memory. */
char *encoding_from_utf16le(const char *text, size_t len, size_t *ret_len);

#endif /* IMPORT_ENCODING_H */
