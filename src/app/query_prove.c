/* SPDX-License-Identifier: Apache-2.0 */
#include "app/query_prove.h"

#include <inttypes.h>
#include <stdlib.h>

#include "record/seal_chain.h"

struct query_prover {
	const struct query_options *o;
	const char *dir;
	struct trust_read trust;
	struct seal_chain *chain; /* NULL: all of the ledger was walked */
	struct query_seals seals;
	bool *checked; /* of each seal: its range was read, and fits */
	bool tail;     /* so was what is behind the last one */
};

/* ---- the whole ledger --------------------------------------------------------------------- */

/* A line that is being written is none, and no fault. */
static bool has_faults(const struct ledger_proof *p)
{
	size_t torn = 0;

	for (size_t i = 0; i < p->finding_count && i < VERIFY_FINDINGS_MAX; i++)
		torn += p->findings[i].fault == FAULT_TORN;
	return p->finding_count > torn;
}

static bool keep_seal(void *arg, const struct proven_seal *s)
{
	return query_seals_add(
		arg, &(struct query_seal){s->segment, s->offset, s->seq, s->epoch});
}

static void tell_basis(const char *root, bool key_given, bool anchors)
{
	(void)fprintf(stderr, "weir query: this rests on key %s, %s, and %s\n", root,
		      key_given ? "as given"
				: "from the ledger's own folder (--root-key)",
		      anchors ? "the anchors" : "no anchor (--anchors)");
}

static void tell_walk(const struct ledger_proof *p)
{
	if (p->sound_seq > 0 && p->sound_seq >= p->first_seq)
		(void)fprintf(stderr,
			      "weir query: lines %" PRIu64 " to %" PRIu64
			      " of the ledger are proven by its seals, by the keys of "
			      "epochs 0 to %" PRIu64 "\n",
			      p->first_seq, p->sound_seq, p->sound_epoch);
	else
		(void)fprintf(stderr,
			      "weir query: no seal proves a line of the ledger\n");
	tell_basis(p->root, p->key_given, p->anchors > 0);
}

static int walk(struct query_prover *p)
{
	struct ledger_proof *proof = calloc(1, sizeof(*proof));
	struct query_seals *s = &p->seals;
	const struct verify_cfg cfg = {.dir = p->dir, .each_seal = keep_seal, .arg = s};
	int code = EXIT_COULD_NOT;

	seal_chain_close(p->chain);
	p->chain = NULL;
	s->count = 0;
	if (proof != NULL &&
	    trust_verify("query", &p->o->trust, &cfg, proof) == EXIT_FINE) {
		s->sound_segment = proof->sound_segment;
		s->sealed_segment =
			has_faults(proof) ? UINT32_MAX : proof->sealed_segment;
		s->sound_offset = proof->sound_offset;
		s->sealed_offset = proof->sealed_offset;
		s->sound_seq = proof->sound_seq;
		tell_walk(proof);
		code = EXIT_FINE;
	}
	free(proof);
	return code;
}

/* ---- the seals alone ---------------------------------------------------------------------- */

static bool add_copy(void *arg, const struct seal_copy *copy)
{
	return seal_chain_add(arg, copy);
}

/* All seals prove up to the last one, as long as nothing says otherwise.  False: no memory. */
static bool believe(struct query_prover *p)
{
	const size_t count = seal_chain_count(p->chain);
	struct query_seals *s = &p->seals;

	p->checked = calloc(count + 1, sizeof(*p->checked));
	for (size_t i = 0; i < count; i++) {
		const struct chained_seal one = seal_chain_seal(p->chain, i);

		if (!query_seals_add(s, &(struct query_seal){one.segment, one.offset,
							     one.seq, one.epoch}))
			return false;
		s->sound_segment = s->sealed_segment = one.segment;
		s->sound_offset = s->sealed_offset = one.offset;
		s->sound_seq = one.seq;
	}
	return p->checked != NULL;
}

static int begin(struct query_prover *p, struct store *s, struct diag *d)
{
	const struct seal_chain_cfg cfg = {
		.dir = p->dir,
		.root = p->trust.has_root ? p->trust.root : NULL,
		.anchors = p->trust.has_anchors ? &p->trust.anchors : NULL};
	int rc = seal_chain_open(&cfg, &p->chain);

	if (rc == 0)
		rc = store_each_seal(s, add_copy, p->chain, d);
	if (rc != 0 || !seal_chain_tied(p->chain))
		return walk(p);
	return believe(p) ? EXIT_FINE : EXIT_COULD_NOT;
}

int query_prove_begin(struct store *s, const struct query_options *o, struct diag *d,
		      struct query_prover **ret)
{
	struct query_prover *p = calloc(1, sizeof(*p));
	int code = EXIT_COULD_NOT;

	if (p == NULL)
		return code;
	p->o = o;
	p->dir = store_ledger(s);
	if (trust_read("query", &o->trust, p->dir, &p->trust) == EXIT_FINE)
		code = begin(p, s, d);
	if (code == EXIT_FINE)
		*ret = p;
	else
		query_prove_end(p);
	return code;
}

void query_prove_end(struct query_prover *p)
{
	if (p == NULL)
		return;
	seal_chain_close(p->chain);
	anchors_finish(&p->trust.anchors);
	free(p->seals.list);
	free(p->checked);
	free(p);
}

const struct query_seals *query_prove_seals(const struct query_prover *p)
{
	return &p->seals;
}

/* ---- an answer ---------------------------------------------------------------------------- */

static bool fits(struct query_prover *p, const struct query_result *r)
{
	if (r->changed > 0 || r->doubtful > 0 || r->lines_gone > 0)
		return false;
	for (size_t i = 0; i < p->seals.count; i++) {
		if (r->ranges[i] == 0 || p->checked[i])
			continue;
		p->checked[i] = seal_chain_check(p->chain, i);
		if (!p->checked[i])
			return false;
	}
	if (r->unsealed > 0 && !p->tail)
		p->tail = seal_chain_check_tail(p->chain);
	return r->unsealed == 0 || p->tail;
}

int query_prove_hold(struct query_prover *p, const struct query_result *r)
{
	if (p->chain == NULL || fits(p, r))
		return EXIT_FINE;
	return walk(p) == EXIT_FINE ? EXIT_FINDINGS : EXIT_COULD_NOT;
}

void query_prove_tell(const struct query_prover *p)
{
	const struct query_seals *s = &p->seals;
	struct seal_chain_said said;

	if (p->chain == NULL) /* the walk has told */
		return;
	seal_chain_said(p->chain, &said);
	(void)fprintf(stderr,
		      "weir query: the ledger's %zu seals, from line %" PRIu64
		      " to %" PRIu64 ", are one chain by the keys of epochs 0 to %" PRIu64
		      "; %" PRIu64 " lines were read to hold the events against "
		      "them, the others were not (`weir verify`)\n",
		      s->count, said.first_seq, s->sound_seq, s->list[s->count - 1].epoch,
		      said.lines);
	tell_basis(said.root, said.key_given, p->trust.has_anchors);
}
