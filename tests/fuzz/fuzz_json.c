/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through the JSON writer: what comes out is one valid JSON value in valid UTF-8
 * without control characters, or json_ok() is false; a smaller buffer gives a prefix of it.
 *
 * Input:  0 u8 buffer size / 16 | then steps: u8 what, u8 length, bytes
 * The reader here is written from RFC 8259 and RFC 3629 and shares nothing with the writer.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTH_MAX 32

struct reader {
	const uint8_t *p;
	const uint8_t *end;
};

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static int next(struct reader *r)
{
	return r->p == r->end ? -1 : *r->p++;
}

static int ahead(const struct reader *r)
{
	return r->p == r->end ? -1 : *r->p;
}

static uint32_t continuation(struct reader *r, uint32_t high)
{
	int c = next(r);

	demand(c >= 0x80 && c <= 0xbf);
	return high << 6 | ((uint32_t)c & 0x3f);
}

/* One character outside ASCII, its first byte already read. */
static void read_utf8(struct reader *r, int first)
{
	uint32_t code;

	demand(first >= 0xc0 && first <= 0xf7);
	if (first < 0xe0) {
		code = continuation(r, (uint32_t)first & 0x1f);
		demand(code >= 0xa0); /* shortest form, and C1 controls are escaped */
	} else if (first < 0xf0) {
		code = continuation(r, continuation(r, (uint32_t)first & 0x0f));
		demand(code >= 0x800 && (code < 0xd800 || code > 0xdfff));
	} else {
		code = continuation(
			r, continuation(r, continuation(r, (uint32_t)first & 0x07)));
		demand(code >= 0x10000 && code <= 0x10ffff);
	}
}

static bool is_hex(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void read_string(struct reader *r)
{
	demand(next(r) == '"');
	for (;;) {
		int c = next(r);

		if (c == '"')
			return;
		demand(c >= 0x20 && c != 0x7f);
		if (c >= 0x80) {
			read_utf8(r, c);
			continue;
		}
		if (c != '\\')
			continue;
		c = next(r);
		demand(c > 0 && strchr("\"\\/bfnrtu", c) != NULL);
		for (int i = 0; c == 'u' && i < 4; i++)
			demand(is_hex(next(r)));
	}
}

static void read_number(struct reader *r)
{
	if (ahead(r) == '-')
		(void)next(r);
	demand(ahead(r) >= '0' && ahead(r) <= '9');
	if (next(r) == '0') {
		demand(ahead(r) < '0' || ahead(r) > '9');
		return;
	}
	while (ahead(r) >= '0' && ahead(r) <= '9')
		(void)next(r);
}

static void read_word(struct reader *r, const char *word)
{
	for (; *word != '\0'; word++)
		demand(next(r) == *word);
}

static void read_scalar(struct reader *r)
{
	switch (ahead(r)) {
	case '"':
		read_string(r);
		break;
	case 't':
		read_word(r, "true");
		break;
	case 'f':
		read_word(r, "false");
		break;
	default:
		read_number(r);
		break;
	}
}

/* One value and nothing after it; what is open is on a stack, not in calls. */
static void read_document(struct reader *r)
{
	int closers[DEPTH_MAX];
	size_t depth = 0;

	do {
		bool opened = false;

		if (depth > 0 && closers[depth - 1] == '}') {
			read_string(r);
			demand(next(r) == ':');
		}
		if (ahead(r) == '{' || ahead(r) == '[') {
			demand(depth < DEPTH_MAX);
			closers[depth++] = next(r) == '{' ? '}' : ']';
			opened = true;
		} else {
			read_scalar(r);
		}
		/* An empty one closes at once; after a value its parents may close. */
		while (depth > 0 && ahead(r) == closers[depth - 1]) {
			(void)next(r);
			depth--;
			opened = false;
		}
		if (depth > 0 && !opened)
			demand(next(r) == ',');
	} while (depth > 0);
	demand(r->p == r->end);
}

/* What the program would do, chosen by the input; always balanced. */
static void write_steps(struct json *j, const uint8_t *data, size_t size)
{
	struct cursor c = cur_init(data, size);
	bool objects[DEPTH_MAX];
	size_t depth = 1;

	objects[0] = true;
	json_object_begin(j, NULL);
	while (c.left >= 2) {
		uint8_t what = cur_u8(&c);
		size_t len = cur_u8(&c);
		const uint8_t *bytes;
		const char *key = objects[depth - 1] ? "key" : NULL;
		uint64_t number = 0;

		len = len < c.left ? len : c.left;
		bytes = cur_take(&c, len);
		memcpy(&number, bytes, len < sizeof(number) ? len : sizeof(number));
		switch (what % 8) {
		case 0:
			json_u64(j, key, number);
			break;
		case 1:
			json_i64(j, key, (int64_t)number);
			break;
		case 2:
			json_bool(j, key, (number & 1) != 0);
			break;
		case 3:
		case 4:
			if (depth == DEPTH_MAX)
				break;
			objects[depth] = what % 8 == 3;
			if (objects[depth])
				json_object_begin(j, key);
			else
				json_array_begin(j, key);
			depth++;
			break;
		case 5:
			if (depth == 1)
				break;
			depth--;
			if (objects[depth])
				json_object_end(j);
			else
				json_array_end(j);
			break;
		default:
			json_string(j, key, (struct str){(const char *)bytes, len});
			break;
		}
	}
	while (depth-- > 0) {
		if (objects[depth])
			json_object_end(j);
		else
			json_array_end(j);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char whole[1 << 16];
	struct json j;
	struct json small;
	size_t small_size;
	char *buf;

	if (size == 0)
		return 0;
	json_init(&j, whole, sizeof(whole));
	write_steps(&j, data + 1, size - 1);
	demand(j.len <= sizeof(whole));
	if (json_ok(&j)) {
		struct reader r = {(const uint8_t *)whole,
				   (const uint8_t *)whole + j.len};

		read_document(&r);
	}

	/* Of exactly the size, so that AddressSanitizer sees a byte too many. */
	small_size = (size_t)data[0] * 16;
	buf = malloc(small_size == 0 ? 1 : small_size);
	demand(buf != NULL);
	json_init(&small, buf, small_size);
	write_steps(&small, data + 1, size - 1);
	demand(small.len <= small_size && small.len <= j.len);
	demand(memcmp(buf, whole, small.len) == 0);
	demand(!json_ok(&j) || json_ok(&small) == (j.len <= small_size));
	free(buf);
	return 0;
}
