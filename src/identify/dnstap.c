/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/dnstap.h"

#define CONTROL_MAX  512u
#define FIELDS_MAX   64u                    /* of one message; the schema has 16 */
#define SECONDS_MAX  UINT64_C(253402300799) /* the year 9999 */
#define CONTENT_TYPE "protobuf:dnstap.Dnstap"

enum control {
	CONTROL_START = 2,
	CONTROL_STOP = 3,
	CONTROL_READY = 4,
};

/* 0, length, type; with a content type: field 1, length, the text. */
static const char accept_frame[] = "\0\0\0\0"
				   "\0\0\0\x22"
				   "\0\0\0\1"
				   "\0\0\0\1"
				   "\0\0\0\x16" CONTENT_TYPE;
static const char finish_frame[] = "\0\0\0\0"
				   "\0\0\0\4"
				   "\0\0\0\5";

struct str dnstap_accept(void)
{
	return (struct str){accept_frame, sizeof(accept_frame) - 1};
}

struct str dnstap_finish(void)
{
	return (struct str){finish_frame, sizeof(finish_frame) - 1};
}

enum wire {
	WIRE_VARINT = 0,
	WIRE_64 = 1,
	WIRE_BYTES = 2,
	WIRE_32 = 5,
};

/* ---- the stream --------------------------------------------------------------------------- */

/* Is a content type named, and another than ours?  Others may be named beside it. */
static bool speaks_otherwise(struct cursor c)
{
	bool named = false;

	while (c.left > 0 && cur_ok(&c)) {
		const uint32_t field = cur_be32(&c);
		const struct cursor value = cur_sub(&c, cur_be32(&c));

		if (!cur_ok(&c) || field != 1)
			continue;
		named = true;
		if (str_equal((struct str){(const char *)value.p, value.left},
			      STR(CONTENT_TYPE)))
			return false;
	}
	return named || !cur_ok(&c);
}

static enum dnstap_step read_control(struct dnstap_stream *s, struct cursor c)
{
	const uint32_t type = cur_be32(&c);

	if (s->over)
		return DNSTAP_BROKEN;
	if (type == CONTROL_READY && s->socket && !s->ready && !s->started &&
	    !speaks_otherwise(c)) {
		s->ready = true;
		return DNSTAP_READY;
	}
	if (type == CONTROL_START && !s->started && !speaks_otherwise(c))
		s->started = true;
	else if (type == CONTROL_STOP && s->started)
		s->started = false;
	else
		return DNSTAP_BROKEN;
	s->over = s->ready && !s->started;
	return s->over ? DNSTAP_STOPPED : DNSTAP_CONTROL;
}

enum dnstap_step dnstap_next(struct dnstap_stream *s, const uint8_t *data, size_t len,
			     size_t *ret_used, struct cursor *ret_data)
{
	struct cursor c = cur_init(data, len);
	uint32_t size = cur_be32(&c);
	const bool control = size == 0;

	*ret_used = 0;
	if (!cur_ok(&c))
		return DNSTAP_MORE;
	if (control)
		size = cur_be32(&c);
	if (!cur_ok(&c))
		return DNSTAP_MORE;
	if (control ? size < 4 || size > CONTROL_MAX
		    : size > DNSTAP_FRAME_MAX || !s->started)
		return DNSTAP_BROKEN;
	if (c.left < size)
		return DNSTAP_MORE;
	*ret_data = cur_sub(&c, size);
	*ret_used = len - c.left;
	return control ? read_control(s, *ret_data) : DNSTAP_DATA;
}

/* ---- protobuf ----------------------------------------------------------------------------- */

struct field {
	uint32_t number;
	enum wire wire;
	uint64_t value; /* WIRE_VARINT, WIRE_32 */
	struct cursor bytes;
};

/* At most 10 bytes of 7 bits; what is over 64 bits is cut, as all readers do. */
static uint64_t read_varint(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		const uint8_t b = cur_u8(c);

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0)
			return v;
	}
	c->bad = true;
	return 0;
}

/* False: there is no further field, or it cannot be read (the cursor is bad then). */
static bool read_field(struct cursor *c, struct field *ret)
{
	uint64_t tag;

	if (c->left == 0)
		return false;
	tag = read_varint(c);
	*ret = (struct field){.number = (uint32_t)(tag >> 3), .wire = tag & 7};
	switch (ret->wire) {
	case WIRE_VARINT:
		ret->value = read_varint(c);
		break;
	case WIRE_64:
		cur_skip(c, 8);
		break;
	case WIRE_BYTES: {
		const uint64_t len = read_varint(c);

		ret->bytes = cur_sub(c, len > c->left ? c->left + 1 : (size_t)len);
		break;
	}
	case WIRE_32:
		ret->value = cur_le32(c);
		break;
	default: /* groups, and what never was */
		c->bad = true;
		break;
	}
	if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX)
		c->bad = true;
	return cur_ok(c);
}

/* ---- one frame ---------------------------------------------------------------------------- */

enum {
	DNSTAP_MESSAGE_FIELD = 14,
	DNSTAP_TYPE_FIELD = 15,
	DNSTAP_TYPE_MESSAGE = 1,
	CLIENT_RESPONSE = 6,
};

/* The last of several counts (proto2). */
struct message {
	uint64_t type, seconds, nanoseconds;
	bool has_seconds;
	struct cursor client, answer; /* p NULL = absent */
};

static bool read_message(struct cursor c, struct message *ret)
{
	struct field f;
	unsigned n = 0;

	*ret = (struct message){0};
	while (read_field(&c, &f) && ++n <= FIELDS_MAX) {
		const bool bytes = f.wire == WIRE_BYTES, varint = f.wire == WIRE_VARINT;

		if (f.number == 1 && varint) {
			ret->type = f.value;
		} else if (f.number == 4 && bytes) {
			ret->client = f.bytes;
		} else if (f.number == 12 && varint) {
			ret->seconds = f.value;
			ret->has_seconds = true;
		} else if (f.number == 13 && f.wire == WIRE_32) {
			ret->nanoseconds = f.value;
		} else if (f.number == 14 && bytes) {
			ret->answer = f.bytes;
		}
	}
	return cur_ok(&c) && n <= FIELDS_MAX;
}

/* The message of a Dnstap; false: malformed.  *ret.p NULL = none. */
static bool read_dnstap(struct cursor c, struct cursor *ret)
{
	uint64_t type = 0;
	struct field f;
	unsigned n = 0;

	*ret = (struct cursor){0};
	while (read_field(&c, &f) && ++n <= FIELDS_MAX)
		if (f.number == DNSTAP_MESSAGE_FIELD && f.wire == WIRE_BYTES)
			*ret = f.bytes;
		else if (f.number == DNSTAP_TYPE_FIELD && f.wire == WIRE_VARINT)
			type = f.value;
	if (type != DNSTAP_TYPE_MESSAGE)
		*ret = (struct cursor){0};
	return cur_ok(&c) && n <= FIELDS_MAX;
}

enum dnstap_result dnstap_find(struct cursor data, struct dnstap_told *ret)
{
	struct cursor inner;
	struct message m;

	if (!read_dnstap(data, &inner))
		return DNSTAP_MALFORMED;
	if (inner.p == NULL)
		return DNSTAP_OTHER;
	if (!read_message(inner, &m))
		return DNSTAP_MALFORMED;
	if (m.type != CLIENT_RESPONSE)
		return DNSTAP_OTHER;
	if ((m.client.left != 4 && m.client.left != 16) || !m.has_seconds ||
	    m.answer.p == NULL)
		return DNSTAP_NO_CLIENT;
	if (m.seconds > SECONDS_MAX || m.nanoseconds > 999999999)
		return DNSTAP_MALFORMED;
	*ret = (struct dnstap_told){
		.client = m.client.left == 4 ? addr_from_v4(m.client.p)
					     : addr_from_v6(m.client.p),
		.time_us = (int64_t)m.seconds * 1000000 + (int64_t)(m.nanoseconds / 1000),
		.answer = m.answer};
	return DNSTAP_ANSWER;
}

enum dnstap_result dnstap_read(struct cursor data, struct dnstap_answer *ret)
{
	struct dnstap_told told;
	const enum dnstap_result r = dnstap_find(data, &told);

	if (r != DNSTAP_ANSWER)
		return r;
	ret->client = told.client;
	ret->time_us = told.time_us;
	if (dns_parse(told.answer.p, told.answer.left, &ret->message) != DNS_FINE ||
	    !ret->message.is_answer || ret->message.question_count != 1)
		return DNSTAP_NO_DNS;
	return DNSTAP_ANSWER;
}
