/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chunks.h"

#include <string.h>

static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static uint32_t end_of(const struct chunk_frame *f)
{
	return f->at + f->len;
}

/* Without the first `n`. */
static void drop(struct chunks *k, uint32_t n)
{
	const uint32_t bytes = n < k->count ? k->frames[n].text : k->bytes;

	k->count -= n;
	k->bytes -= bytes;
	memmove(k->frames, k->frames + n, k->count * sizeof(k->frames[0]));
	memmove(k->text, k->text + bytes, k->bytes);
	for (uint32_t i = 0; i < k->count; i++)
		k->frames[i].text = (uint16_t)(k->frames[i].text - bytes);
}

/* Some of the oldest go: a quarter, so that it is seldom. */
static void forget(struct chunks *k)
{
	const uint32_t n = k->count / 4 + 1;

	k->forgot = true;
	k->forgot_end = end_of(&k->frames[n - 1]);
	drop(k, n);
}

/* Byte by byte, as it were: what is kept does not hang on how the bytes were cut. */
void chunks_add(struct chunks *k, uint32_t at, struct str bytes)
{
	while (bytes.len > 0) {
		struct chunk_frame *last;
		size_t n;

		if (k->bytes == CHUNKS_BYTES)
			forget(k);
		last = k->count > 0 ? &k->frames[k->count - 1] : NULL;
		if (last == NULL || end_of(last) != at) { /* else it goes on */
			if (k->count == CHUNKS_MAX)
				forget(k);
			last = &k->frames[k->count++];
			*last = (struct chunk_frame){at, (uint16_t)k->bytes, 0};
		}
		n = CHUNKS_BYTES - k->bytes;
		n = n < bytes.len ? n : bytes.len;
		memcpy(k->text + k->bytes, bytes.p, n);
		k->bytes += (uint32_t)n;
		last->len = (uint16_t)(last->len + n);
		at += (uint32_t)n;
		bytes = (struct str){bytes.p + n, bytes.len - n};
	}
}

bool chunks_taken(struct chunks *k, uint32_t end)
{
	uint32_t n = 0;

	while (n < k->count && !is_before(end, end_of(&k->frames[n])))
		n++;
	if (n > 0)
		drop(k, n);
	if (k->forgot && !is_before(end, k->forgot_end))
		k->forgot = false;
	return k->count == 0 && !k->forgot;
}

/* Do the bytes from `at` on say otherwise where both are? */
static bool differs(const struct chunks *k, const struct chunk_frame *f, uint32_t at,
		    struct str bytes)
{
	const char *text = k->text + f->text;
	size_t len = f->len;

	if (is_before(f->at, at)) {
		const uint32_t n = at - f->at;

		if (n >= len)
			return false;
		text += n;
		len -= n;
	} else {
		const uint32_t n = f->at - at;

		if (n >= bytes.len)
			return false;
		bytes = (struct str){bytes.p + n, bytes.len - n};
	}
	return memcmp(text, bytes.p, len < bytes.len ? len : bytes.len) != 0;
}

enum chunks_match chunks_compare(const struct chunks *k, uint32_t at, struct str bytes,
				 const struct chunk_frame **ret)
{
	if (k->forgot && is_before(at, k->forgot_end))
		return CHUNKS_UNKNOWN;
	if (k->count == 0 || !is_before(at, end_of(&k->frames[k->count - 1])))
		return CHUNKS_SAME;
	for (uint32_t i = 0; i < k->count; i++)
		if (differs(k, &k->frames[i], at, bytes)) {
			*ret = &k->frames[i];
			return CHUNKS_OTHER;
		}
	return CHUNKS_SAME;
}
