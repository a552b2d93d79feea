/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_BUNDLE_H
#define ENGINE_BUNDLE_H

/*
 * bundle - rules that count only when two people have signed them.
 *
 * A bundle is every file that the rules were read from, in the order of reading: what the rule
 * files include and import and their tables, too, but not the lines of `weir ctl exempt`.  Its
 * digest is the SHA-256 of a row a file, the hexadecimal SHA-256 of its bytes and a newline.  A
 * signature is Ed25519 (RFC 8032) over "weir-rules-1\n", the digest in hexadecimal, and a newline.
 *
 * Signatures stand beside the first rule file, in NAME.sig, one a line:
 *
 *     weir-rules-1 FINGERPRINT SIGNATURE      (128 hexadecimal digits)
 *
 * '#' begins a comment.  The file is hostile.  Threads: none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/text.h"
#include "engine/generation.h"
#include "record/sign.h"

#define BUNDLE_NEEDED   2 /* signers */
#define BUNDLE_FILE_MAX ((size_t)64 << 10)
#define BUNDLE_LINE_MAX 256

/* The hexadecimal digest of what `g` was read from. */
void bundle_digest(const struct generation *g, char ret[65]);

struct bundle_signers {
	const uint8_t (*keys)[SIGN_KEY];
	size_t count; /* CONFIG_SIGNERS_MAX at most */
};

/*
 * The signatures of `text`, the file `name`: which of the signers signed the digest, as bits.  When
 * those are too few each line that does not count is an error, else a warning.
 */
uint32_t bundle_read(const char *name, struct str text, const char digest[65],
		     const struct bundle_signers *signers, struct diag *d);

/* Is the generation signed as `cfg` demands?  Errors in d when not; fills g->signed_by. */
void bundle_check(struct generation *g, const struct generation_cfg *cfg, struct diag *d);

/* A line of the file, with its newline and a NUL; 0: libcrypto failed. */
size_t bundle_sign(const struct sign_key *key, const char digest[65],
		   char buf[BUNDLE_LINE_MAX]);

/* "FIRST.sig"; malloc'd or NULL. */
char *bundle_path(const struct generation *g, const struct generation_cfg *cfg);

#endif /* ENGINE_BUNDLE_H */
