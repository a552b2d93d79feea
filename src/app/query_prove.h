/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_QUERY_PROVE_H
#define APP_QUERY_PROVE_H

/*
 * query_prove - `weir query --prove`: an answer held against the ledger's seals.
 *
 * First the seals alone, of which the index has copies (record/seal_chain.h), then the ranges that
 * the answer's events are in.  When anything does not fit, all of the ledger is walked
 * (record/verify.h), which names what is wrong, and the query is asked again.
 */

#include "app/query_options.h"

struct query_prover;

/* EXIT_FINE, or EXIT_COULD_NOT and said why.  All but `ret` must outlive it. */
int query_prove_begin(struct store *s, const struct query_options *o, struct diag *d,
		      struct query_prover **ret);
void query_prove_end(struct query_prover *p); /* NULL is a no-op */

/* For struct query; of now: query_prove_hold() may replace them. */
const struct query_seals *query_prove_seals(const struct query_prover *p);

/*
 * Read what an answer with these seals rests on.  EXIT_FINE: it holds; EXIT_FINDINGS: not all,
 * the ledger was walked, ask again; EXIT_COULD_NOT.
 */
int query_prove_hold(struct query_prover *p, const struct query_result *r);

/* What was read, and what that rests on; on standard error. */
void query_prove_tell(const struct query_prover *p);

#endif /* APP_QUERY_PROVE_H */
