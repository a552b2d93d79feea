/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_PSEUDONYM_H
#define RECORD_PSEUDONYM_H

/*
 * pseudonym - what the record has instead of a person's name: "p-" and the first 8 bytes of
 * HMAC-SHA256 (RFC 2104) of the name as lower-case hexadecimal.
 *
 * The key is a file of 32 random bytes beside the ledger's keys, made once and never replaced:
 * with another key one person would be two in the record.  A pseudonym has no way back but by
 * whoever has the key and a list of names to try (weir unmask).  Names that differ in case are
 * different names.
 *
 * Threads: an object may be used by several.  Memory: the caller's; forming allocates nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/text.h"
#include "record/keys.h"

#define PSEUDONYM_LEN  18 /* without its NUL */
#define PSEUDONYM_KEY  32
#define PSEUDONYM_FILE "pseudonyms.key" /* in the folder of keys */

struct pseudonyms {
	struct digest inner, outer; /* of RFC 2104, with the key in them: secret */
};

void pseudonyms_init(struct pseudonyms *ret, const uint8_t key[PSEUDONYM_KEY]);
int pseudonyms_random(struct pseudonyms *ret) __attribute__((warn_unused_result));

#define PSEUDONYMS_PATH_MAX (KEYS_DIR_MAX + sizeof("/" PSEUDONYM_FILE))

/* The key's file in the folder `keys`; NULL: in that beside the ledger `dir` (record/keys.h). */
void pseudonyms_path(const char *keys, const char *dir, char buf[PSEUDONYMS_PATH_MAX]);

/* A key's file.  0 or -errno: -ENOENT there is none, -EBADMSG it is not of 32 bytes. */
int pseudonyms_read(const char *path, struct pseudonyms *ret)
	__attribute__((warn_unused_result));

/*
 * Make the file in the folder of keys (0600, its owner the folder's).  0 or -errno: -EEXIST there
 * is one, whatever is in it.
 */
int pseudonyms_make(const char *dir) __attribute__((warn_unused_result));

void pseudonyms_forget(struct pseudonyms *p);

/* PSEUDONYM_LEN characters and a NUL. */
void pseudonym_format(const struct pseudonyms *p, struct str name,
		      char buf[PSEUDONYM_LEN + 1]);
bool pseudonym_is(struct str s); /* is it formed like one? */

#endif /* RECORD_PSEUDONYM_H */
