/* SPDX-License-Identifier: Apache-2.0 */
#include "model/names.h"

#define WORD(id, word) word,

static unsigned find(const char *const *words, unsigned count, struct str word)
{
	unsigned i = 0;

	while (i < count && !(word.len > 0 && str_equal(str_of(words[i]), word)))
		i++;
	return i;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): `type` names a type */
#define DEFINE(type, list, PREFIX)                                          \
	static const char *const type##_words[] = {list(WORD)};             \
	const char *type##_name(enum type v)                                \
	{                                                                   \
		return v < PREFIX##_COUNT ? type##_words[v] : "?";          \
	}                                                                   \
	enum type type##_find(struct str word)                              \
	{                                                                   \
		return (enum type)find(type##_words, PREFIX##_COUNT, word); \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

DEFINE(protocol, PROTOCOLS, PROTOCOL)
DEFINE(evidence, EVIDENCES, EVIDENCE)
DEFINE(corroboration, CORROBORATIONS, CORROBORATION)
DEFINE(visibility, VISIBILITIES, VISIBILITY)
DEFINE(undecidable, UNDECIDABLES, UNDECIDABLE)
DEFINE(role, ROLES, ROLE)
DEFINE(sharing, SHARINGS, SHARING)
DEFINE(direction, DIRECTIONS, DIRECTION)
DEFINE(mode, MODES, MODE)
DEFINE(gate, GATES, GATE)
DEFINE(answer, ANSWERS, ANSWER)
DEFINE(verdict, VERDICTS, VERDICT)
DEFINE(verdict_reason, VERDICT_REASONS, VERDICT_REASON)
DEFINE(effect, EFFECTS, EFFECT)
DEFINE(phase, PHASES, PHASE)
DEFINE(end_reason, END_REASONS, END_REASON)
DEFINE(guess_confidence, GUESS_CONFIDENCES, GUESS_CONFIDENCE)
DEFINE(flag, FLAGS, FLAG)
DEFINE(ownership, OWNERSHIPS, OWNERSHIP)

const char *transport_name(uint8_t ip_proto)
{
	switch (ip_proto) {
	case 1:
		return "icmp";
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 58:
		return "icmp6";
	case 132:
		return "sctp";
	default:
		return NULL;
	}
}
