/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

/*
 * check - an index held against the ledger: each row and each sum, computed anew from the lines.
 *
 * What a query reads from sums is proven by nothing else: --prove reads lines.  Of a file whose
 * first segments were removed (retention) only the rows whose lines still stand are compared.
 * Memory: the sums and texts of one file.  Threads: one, with the store's lock.
 */

#include "store/index.h"

#define STORE_DIFFERENCE_MAX 400

struct store_check {
	uint64_t rows, sums;   /* that were compared and are equal */
	uint64_t not_compared; /* rows whose segments were removed */
	bool differs;
	char difference[STORE_DIFFERENCE_MAX]; /* the first: file, place, what */
};

/* 0, also with a difference, or -errno with findings in d. */
int store_check(struct store *s, struct diag *d, struct store_check *ret)
	__attribute__((warn_unused_result));

#endif /* STORE_CHECK_H */
