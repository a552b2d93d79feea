/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/decode.h"

static const struct {
	const char *name;
	const char *text;
} results[DECODE_RESULT_COUNT] = {
#define DECODE_ROW(id, word, sentence) [DECODE_##id] = {word, sentence},
	DECODE_RESULTS(DECODE_ROW)
#undef DECODE_ROW
};

const char *decode_result_name(enum decode_result r)
{
	return (unsigned)r < DECODE_RESULT_COUNT ? results[r].name : "unknown";
}

const char *decode_result_text(enum decode_result r)
{
	return (unsigned)r < DECODE_RESULT_COUNT ? results[r].text : "unknown result";
}
