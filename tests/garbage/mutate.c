/* SPDX-License-Identifier: Apache-2.0 */
#include "mutate.h"

#include <stdbool.h>
#include <string.h>

#define CHUNK_MAX       4096
#define PCAP_HEAD       24
#define PCAP_RECORD     16
#define RECORDS_MAX     4096
#define FRAME_FRONT     80 /* link, IP and transport headers */
#define ROUNDS_LOG      5  /* at most 2^5 places */
#define ROUNDS_LOG_TEXT 2  /* a reader of texts refuses at the first */

uint64_t dice_roll(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

size_t dice_below(struct dice *d, size_t n)
{
	return n == 0 ? 0 : (size_t)(dice_roll(d) % n);
}

/* What one mutator works on. */
struct work {
	struct dice *dice;
	struct bytes *b;
	const struct bytes *other;
};

/* Put `len` bytes in the place of `cut` ones; nothing happens when there is no room. */
static void replace(struct bytes *b, size_t at, size_t cut, const void *in, size_t len)
{
	if (b->len - cut + len > MUTATE_MAX)
		return;
	memmove(b->at + at + len, b->at + at + cut, b->len - at - cut);
	if (len > 0)
		memcpy(b->at + at, in, len);
	b->len = b->len - cut + len;
}

/* A length that is more often short than long, at most `max`. */
static size_t some_length(struct dice *d, size_t max)
{
	size_t span = (size_t)1 << dice_below(d, 13);
	size_t n = 1 + dice_below(d, span);

	return n < max ? n : max;
}

/* ---- any file ---------------------------------------------------------------------------- */

static void flip_bit(struct work *w)
{
	if (w->b->len > 0)
		w->b->at[dice_below(w->dice, w->b->len)] ^=
			(uint8_t)(1u << dice_below(w->dice, 8));
}

static void overwrite_byte(struct work *w)
{
	if (w->b->len > 0)
		w->b->at[dice_below(w->dice, w->b->len)] = (uint8_t)dice_roll(w->dice);
}

static void cut_piece(struct work *w)
{
	size_t at = dice_below(w->dice, w->b->len);

	replace(w->b, at, some_length(w->dice, w->b->len - at), NULL, 0);
}

static void cut_tail(struct work *w)
{
	w->b->len = dice_below(w->dice, w->b->len + 1);
}

static void insert_random(struct work *w)
{
	uint8_t chunk[CHUNK_MAX];
	size_t n = some_length(w->dice, 64);

	for (size_t i = 0; i < n; i++)
		chunk[i] = (uint8_t)dice_roll(w->dice);
	replace(w->b, dice_below(w->dice, w->b->len + 1), 0, chunk, n);
}

static void duplicate_piece(struct work *w)
{
	uint8_t chunk[CHUNK_MAX];
	size_t at = dice_below(w->dice, w->b->len);
	size_t n = some_length(w->dice, w->b->len - at);

	if (n > CHUNK_MAX)
		n = CHUNK_MAX;
	memcpy(chunk, w->b->at + at, n);
	replace(w->b, dice_below(w->dice, w->b->len + 1), 0, chunk, n);
}

static void put_in_other(struct work *w)
{
	size_t from = dice_below(w->dice, w->other->len);
	size_t n = some_length(w->dice, w->other->len - from);
	size_t at = dice_below(w->dice, w->b->len);
	size_t cut =
		dice_below(w->dice, 2) == 0 ? 0 : some_length(w->dice, w->b->len - at);

	replace(w->b, at, cut, w->other->at + from, n);
}

/* The head of this file, the tail of the other. */
static void cross_over(struct work *w)
{
	size_t from = dice_below(w->dice, w->other->len + 1);
	size_t keep = dice_below(w->dice, w->b->len + 1);

	replace(w->b, keep, w->b->len - keep, w->other->at + from, w->other->len - from);
}

/* ---- numbers of binary files --------------------------------------------------------------- */

static void extreme_bytes(struct work *w)
{
	static const uint8_t values[] = {0x00, 0xff, 0x7f, 0x80, 0x01, 0xfe, 0x40};
	size_t width = (size_t)1 << dice_below(w->dice, 4);
	uint8_t v = values[dice_below(w->dice, sizeof(values))];
	size_t at;

	if (w->b->len < width)
		return;
	at = dice_below(w->dice, w->b->len - width + 1);
	memset(w->b->at + at, v == 0x01 ? 0 : v, width);
	/* 1, or the least and greatest signed number, in either byte order. */
	if (v == 0x7f || v == 0x80)
		memset(w->b->at + at, v == 0x7f ? 0xff : 0, width);
	if (v == 0x7f || v == 0x80 || v == 0x01)
		w->b->at[dice_below(w->dice, 2) == 0 ? at : at + width - 1] = v;
}

/* ---- texts ------------------------------------------------------------------------------------ */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static void extreme_number(struct work *w)
{
	static const char *const values[] = {
		"",
		"0",
		"-1",
		"65535",
		"65536",
		"4294967295",
		"4294967296",
		"9223372036854775807",
		"9223372036854775808",
		"18446744073709551616",
		"00000000000000000000000000000001",
		"0x7fffffff",
		"1e308",
		"99999999999999999999999999999999999999999999",
	};
	const char *v = values[dice_below(w->dice, sizeof(values) / sizeof(values[0]))];
	size_t at = dice_below(w->dice, w->b->len), n = 0;

	while (at < w->b->len && !is_digit(w->b->at[at]))
		at++;
	while (at + n < w->b->len && is_digit(w->b->at[at + n]))
		n++;
	replace(w->b, at, n, v, strlen(v));
}

/* Once, or so often that whoever counts levels by recursion falls. */
static void insert_token(struct work *w)
{
	static const char tokens[][16] = {
		"{",
		"}",
		"(",
		")",
		"[",
		"]",
		"<",
		">",
		"\"",
		"'",
		"\\",
		",",
		";",
		"=",
		":",
		"/",
		"#",
		"/*",
		"*/",
		"//",
		"\n",
		"\r\n",
		"\t",
		" ",
		"$",
		"!",
		"*",
		"@",
		"%s%n",
		"..",
		"not ",
		"label ",
		"from",
		"to ",
		"include",
		"table",
		"expect ",
		"gate ",
		"{ { ",
		"-",
		"1-0",
		"::",
		"/129",
		"0/0",
		"\xff\xfe",
		"\xc3\x28",
		"\xed\xa0\x80",
		"\x1b[31m",
	};
	static const size_t often[] = {1, 1, 1, 1, 2, 16, 300, 5000};
	const char *t = tokens[dice_below(w->dice, sizeof(tokens) / sizeof(tokens[0]))];
	size_t n = often[dice_below(w->dice, sizeof(often) / sizeof(often[0]))];
	size_t at = dice_below(w->dice, w->b->len + 1);

	while (n-- > 0)
		replace(w->b, at, 0, t, strlen(t));
}

static bool is_word(uint8_t c)
{
	return c > ' ' && strchr("{}()[]<>\",;=#", c) == NULL;
}

static struct bytes pick_word(struct dice *d, const struct bytes *b)
{
	size_t from = dice_below(d, b->len), to;

	while (from < b->len && !is_word(b->at[from]))
		from++;
	while (from > 0 && is_word(b->at[from - 1]))
		from--;
	for (to = from; to < b->len && is_word(b->at[to]) && to - from < CHUNK_MAX; to++)
		;
	return (struct bytes){b->at + from, to - from};
}

/* A word in the place of another: what is left is often sound, and means something else. */
static void replace_word(struct work *w)
{
	struct bytes old = pick_word(w->dice, w->b);
	struct bytes new =
		pick_word(w->dice, dice_below(w->dice, 2) == 0 ? w->b : w->other);
	uint8_t chunk[CHUNK_MAX];

	memcpy(chunk, new.at, new.len);
	replace(w->b, (size_t)(old.at - w->b->at), old.len, chunk, new.len);
}

static void insert_nul(struct work *w)
{
	replace(w->b, dice_below(w->dice, w->b->len + 1), 0, "", 1);
}

/* Any line of the text, with its end. */
static struct bytes pick_line(struct work *w)
{
	size_t from = dice_below(w->dice, w->b->len), to = from;

	while (from > 0 && w->b->at[from - 1] != '\n')
		from--;
	while (to < w->b->len && w->b->at[to] != '\n')
		to++;
	if (to < w->b->len)
		to++;
	return (struct bytes){w->b->at + from, to - from};
}

static void duplicate_line(struct work *w)
{
	struct bytes line = pick_line(w);
	uint8_t chunk[CHUNK_MAX];
	size_t n = line.len < CHUNK_MAX ? line.len : CHUNK_MAX;
	struct bytes place = pick_line(w);

	if (n == 0)
		return;
	memcpy(chunk, line.at, n);
	replace(w->b, (size_t)(place.at - w->b->at), 0, chunk, n);
}

static void drop_line(struct work *w)
{
	struct bytes line = pick_line(w);

	replace(w->b, (size_t)(line.at - w->b->at), line.len, NULL, 0);
}

/* ---- captures ---------------------------------------------------------------------------------- */

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* A record of a little-endian pcap file, header and frame; len 0 = there is none. */
static struct bytes pick_record(struct work *w)
{
	static const uint8_t magic[] = {0xd4, 0xc3, 0xb2, 0xa1};
	size_t starts[RECORDS_MAX], n = 0, at = PCAP_HEAD;

	if (w->b->len < PCAP_HEAD || memcmp(w->b->at, magic, sizeof(magic)) != 0)
		return (struct bytes){w->b->at, 0};
	while (n < RECORDS_MAX && at + PCAP_RECORD <= w->b->len) {
		uint32_t caplen = le32(w->b->at + at + 8);

		if (caplen > w->b->len - at - PCAP_RECORD)
			break;
		starts[n++] = at;
		at += PCAP_RECORD + caplen;
	}
	if (n == 0)
		return (struct bytes){w->b->at, 0};
	at = starts[dice_below(w->dice, n)];
	return (struct bytes){w->b->at + at, PCAP_RECORD + le32(w->b->at + at + 8)};
}

static void damage_frame_front(struct work *w)
{
	struct bytes r = pick_record(w);
	struct work part = *w;
	size_t front;

	if (r.len <= PCAP_RECORD)
		return;
	front = r.len - PCAP_RECORD;
	r = (struct bytes){r.at + PCAP_RECORD, front < FRAME_FRONT ? front : FRAME_FRONT};
	part.b = &r;
	if (dice_below(w->dice, 2) == 0)
		overwrite_byte(&part);
	else
		extreme_bytes(&part);
}

/* A frame once more, elsewhere, perhaps with other bytes: overlaps that contradict. */
static void repeat_frame(struct work *w)
{
	uint8_t chunk[CHUNK_MAX];
	struct bytes r = pick_record(w), place = pick_record(w);

	if (r.len == 0 || r.len > CHUNK_MAX)
		return;
	memcpy(chunk, r.at, r.len);
	if (dice_below(w->dice, 2) == 0)
		chunk[PCAP_RECORD - 1 + dice_below(w->dice, r.len - PCAP_RECORD + 1)] ^=
			(uint8_t)dice_roll(w->dice);
	replace(w->b, (size_t)(place.at - w->b->at), 0, chunk, r.len);
}

static void drop_frame(struct work *w)
{
	struct bytes r = pick_record(w);

	replace(w->b, (size_t)(r.at - w->b->at), r.len, NULL, 0);
}

/* The same frame is gone from one place and comes in another: out of order. */
static void move_frame(struct work *w)
{
	uint8_t chunk[CHUNK_MAX];
	struct bytes r = pick_record(w), place;
	size_t n = r.len;

	if (n == 0 || n > CHUNK_MAX)
		return;
	memcpy(chunk, r.at, n);
	replace(w->b, (size_t)(r.at - w->b->at), n, NULL, 0);
	place = pick_record(w);
	if (place.len > 0)
		replace(w->b, (size_t)(place.at - w->b->at), 0, chunk, n);
}

/* ---- choosing ------------------------------------------------------------------------------------ */

typedef void mutator(struct work *w);

struct choice {
	mutator *const *list;
	size_t count;
};

static struct choice choices(enum form form)
{
	static mutator *const text[] = {
		flip_bit,       overwrite_byte, cut_piece,       insert_random,
		put_in_other,   extreme_number, extreme_number,  insert_token,
		insert_token,   insert_nul,     duplicate_piece, duplicate_line,
		duplicate_line, drop_line,      drop_line,       replace_word,
		replace_word,   replace_word,   replace_word,    replace_word,
	};
	static mutator *const binary[] = {
		flip_bit,  overwrite_byte, extreme_bytes, extreme_bytes,
		cut_piece, insert_random,  put_in_other,  duplicate_piece,
	};
	static mutator *const capture[] = {
		flip_bit,           overwrite_byte, extreme_bytes, damage_frame_front,
		damage_frame_front, repeat_frame,   repeat_frame,  drop_frame,
		move_frame,         move_frame,     cut_piece,     insert_random,
		put_in_other,
	};

	if (form == FORM_TEXT)
		return (struct choice){text, sizeof(text) / sizeof(text[0])};
	if (form == FORM_BINARY)
		return (struct choice){binary, sizeof(binary) / sizeof(binary[0])};
	return (struct choice){capture, sizeof(capture) / sizeof(capture[0])};
}

void mutate(struct dice *d, enum form form, const struct bytes *other, struct bytes *b)
{
	struct work w = {.dice = d, .b = b, .other = other};
	struct choice c = choices(form);
	size_t log = form == FORM_TEXT ? ROUNDS_LOG_TEXT : ROUNDS_LOG;
	size_t rounds = 1 + dice_below(d, (size_t)1 << dice_below(d, log + 1));

	/* These spoil the rest of a file, so they come seldom and once. */
	if (dice_below(d, 8) == 0)
		cross_over(&w);
	while (rounds-- > 0)
		c.list[dice_below(d, c.count)](&w);
	if (dice_below(d, 8) == 0)
		cut_tail(&w);
}
