/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DECODE_CONTEXT_H
#define DECODE_CONTEXT_H

/*
 * context - what a decoder keeps between frames; private to this folder.
 */

#include <stdbool.h>
#include <stdint.h>

#include "decode/decode.h"
#include "decode/fragment.h"

struct decoder {
	struct fragments fragments;
	uint64_t counts[DECODE_RESULT_COUNT];
	bool tunnels;
	bool peeks; /* has no table: every fragment is held */
};

#endif /* DECODE_CONTEXT_H */
