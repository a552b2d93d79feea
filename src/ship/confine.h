/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIP_CONFINE_H
#define SHIP_CONFINE_H

/*
 * confine - what is left of the follower's process: no capabilities, no new rights, no programs.
 *
 * It looks up names, connects, reads the ledger and replaces one small file; a system call that
 * none of this needs fails with EPERM, so that a resolver module that asks for more does without.
 */

/* 0, or -errno and a sentence. */
int ship_confine(char error[300]) __attribute__((warn_unused_result));

#endif /* SHIP_CONFINE_H */
