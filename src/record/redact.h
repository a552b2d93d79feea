/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_REDACT_H
#define RECORD_REDACT_H

/*
 * redact - what of a URL's path is not written down, because it may be a key.
 *
 * Userinfo, query values and the fragment are gone before (identify/url.h).  Rules are asked with
 * the whole path; the record has "*" in place of
 *
 *   - a segment that looks random: 16 or more characters of it stand in words that mix letters
 *     and digits, or one word is 16 or more digits, or one of 20 or more letters changes between
 *     upper and lower case 6 times; a word ends where neither a letter nor a digit stands, and
 *     %XX counts as the character that it is;
 *   - a segment of more than 64 bytes;
 *   - what stands behind a ';' in a segment ("/a;jsessionid=1" is "/a;*").
 *
 * So signatures, JWTs, API keys and GUIDs go, names of files and of API versions stay.  A short
 * or a readable secret in a path is written: docs/privacy.md says so.
 *
 * Threads: any.  No allocation.
 */

#include "base/text.h"
#include "model/facts.h"

#define REDACT_LONGEST 64 /* bytes of a segment */
#define REDACT_MIXED   16 /* characters in words of letters and digits */
#define REDACT_DIGITS  16 /* digits in one word */
#define REDACT_LETTERS 20 /* letters of one word */
#define REDACT_CHANGES 6  /* ... that changes its case so often */

/*
 * `url` without such segments, in `buf`, or as it is when it has none or no "://"; never longer than it
 * was.  More than URL_MAX bytes are "*".
 */
struct str redact_url(struct str url, char buf[URL_MAX]);

/* The method if IANA's registry (2026-11-29) has it, else "other": any token may stand there. */
struct str redact_method(struct str method);

#endif /* RECORD_REDACT_H */
