/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_TRUST_H
#define APP_TRUST_H

/* trust - what a proof rests on: a root key and seals that were kept outside of the ledger. */

#include "record/sign.h"
#include "record/verify.h"

/* As the command line has it; NULL = not given. */
struct trust {
	const char
		*key; /* a file with a public key, or the fingerprint of the ledger's */
	const char *key_option; /* what that option is called: "--key" */
	const char *anchors;    /* a file with seals */
};

/*
 * `key`: a file with a public key, or the fingerprint of the one in the ledger `dir`.
 * EXIT_FINE, or another code when `command` has said why: EXIT_FINDINGS when the fingerprint
 * is another one.
 */
int trust_read_key(const char *command, const char *dir, const char *key,
		   uint8_t ret[SIGN_KEY]);

struct trust_read {
	bool has_root, has_anchors;
	uint8_t root[SIGN_KEY];
	struct anchors
		anchors; /* the caller's: anchors_finish(), whatever was returned */
};

/* What `t` gives, read; codes as trust_read_key(), or EXIT_COULD_NOT. */
int trust_read(const char *command, const struct trust *t, const char *dir,
	       struct trust_read *ret);

/*
 * Walk the ledger (record/verify.h), held against what `t` gives; cfg says the rest.  EXIT_FINE,
 * whatever was found, or another code when `command` has said why: as above, or EXIT_COULD_NOT.
 */
int trust_verify(const char *command, const struct trust *t, const struct verify_cfg *cfg,
		 struct ledger_proof *ret);

#endif /* APP_TRUST_H */
