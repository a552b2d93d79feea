/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_VERIFY_GIVEN_H
#define APP_VERIFY_GIVEN_H

/* verify_given - what a proof of a ledger rests on, as the command line gives it. */

#include "app/command.h"
#include "record/verify.h"

/*
 * The root key that --key says: a file, or the fingerprint of the key in ledger `dir`.  An exit
 * code: EXIT_FINDINGS when the ledger's is another one; what is wrong was said.
 */
int verify_given_key(const char *command, const char *dir, const char *key,
		     uint8_t ret[SIGN_KEY]);

/* The seals of a file.  An exit code; the caller's: anchors_finish(). */
int verify_given_anchors(const char *command, const char *name, struct anchors *ret);

/* What a finding says, for a person. */
const char *verify_meaning(enum ledger_fault f);

#endif /* APP_VERIFY_GIVEN_H */
