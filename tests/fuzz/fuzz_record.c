/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a line of a ledger: what is read of a flow lies in its own memory and in its
 * enumerations, and a line is refused or read, never both.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void demand_inside(const struct recorded_flow *f, struct str s)
{
	if (s.p == NULL) {
		demand(s.len == 0);
		return;
	}
	demand(s.p >= f->text && s.len <= f->text_len &&
	       s.p + s.len <= f->text + f->text_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct recorded_flow f;
	uint64_t rolled_up;
	struct diag *d = diag_create();
	/* A copy of exactly its size: a read past its end is seen. */
	char *copy = malloc(size + 1);
	struct ledger_line line = {
		.file = "000001.jsonl", .line = 7, .text = {copy, size}};

	demand(d != NULL && copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	copy = realloc(copy, size == 0 ? 1 : size);
	demand(copy != NULL);
	line.text.p = copy;
	(void)record_read_rollup(&line, d, &rolled_up);
	if (record_read_flow(&line, d, &f)) {
		const struct str texts[] = {
			f.generation, f.community_id, f.principal,  f.site,   f.host,
			f.sni,        f.url,          f.database,   f.ja4,    f.service,
			f.rule,       f.rule_label,   f.would_rule, f.country};

		demand(diag_count(d, DIAG_ERROR) == 0);
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			demand_inside(&f, texts[i]);
		demand(f.phase < PHASE_COUNT && f.protocol < PROTOCOL_COUNT &&
		       f.evidence < EVIDENCE_COUNT && f.visibility < VISIBILITY_COUNT &&
		       f.undecidable < UNDECIDABLE_COUNT && f.verdict < VERDICT_COUNT &&
		       f.would < VERDICT_COUNT && f.gate <= GATE_COUNT &&
		       f.reason < VERDICT_REASON_COUNT && f.effect < EFFECT_COUNT &&
		       f.role < ROLE_COUNT && f.corroboration < CORROBORATION_COUNT);
		demand((f.flags & ~((1u << FLAG_COUNT) - 1)) == 0);
	}
	free(copy);
	diag_destroy(d);
	return 0;
}
