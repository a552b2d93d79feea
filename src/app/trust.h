/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_TRUST_H
#define APP_TRUST_H

/* trust - what a proof rests on: a root key and seals that were kept outside of the ledger. */

#include "record/anchors.h"
#include "record/sign.h"

/*
 * `key`: a file with a public key, or the fingerprint of the one in the ledger `dir`.
 * EXIT_FINE, or another code when `command` has said why: EXIT_FINDINGS when the fingerprint
 * is another one.
 */
int trust_read_key(const char *command, const char *dir, const char *key,
		   uint8_t ret[SIGN_KEY]);

/* EXIT_FINE, the caller's to anchors_finish(), or EXIT_COULD_NOT. */
int trust_read_anchors(const char *command, const char *name, struct anchors *ret);

#endif /* APP_TRUST_H */
