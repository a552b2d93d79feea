/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/turn.h"

#include "base/text.h"

#define CODE_DIGITS 3
#define COLUMNS     4 /* a code and what stands behind it: RFC 5321 4.2.1 */
#define READY       220
#define TURNS_MAX   16
#define STATUS_AT   9 /* in "HTTP/1.1 200" */

void turn_client(struct turn *t, const struct facts *f, uint32_t end)
{
	t->waiting = f != NULL && f->waiting && f->turns <= TURNS_MAX;
	if (!t->waiting)
		return;
	t->turns = f->turns;
	t->replies_due = f->replies_due;
	t->bytes_due = f->bytes_due;
	t->end = end;
}

/* "HTTP/1.1 200 ...", lines, an empty one: its end is that of the answer to a CONNECT. */
static void hear_header(struct turn *t, char b, uint32_t at)
{
	if (b != '\n') {
		if (t->place == STATUS_AT && !t->line_later)
			t->status = (uint8_t)b;
		t->place = t->place < UINT8_MAX && (b != '\r' || t->place > 0)
				   ? t->place + 1
				   : t->place;
		return;
	}
	t->line_later = t->place > 0;
	if (t->place == 0 && !t->headed && t->status != 0 && t->status != '1') {
		t->headed = true;
		t->final = t->status;
		t->head_end = at + 1;
	}
	if (t->place == 0)
		t->status = 0;
	t->place = 0;
}

/* A line of three digits and no hyphen ends a reply. */
static void hear_byte(struct turn *t, char b)
{
	if (b == '\n') {
		if (t->column == CODE_DIGITS || t->column == COLUMNS) {
			t->replies++;
			t->code = t->line;
		}
		t->column = 0;
		t->line = 0;
	} else if (t->column < CODE_DIGITS) {
		t->line = (uint16_t)(t->line * 10 + (b - '0'));
		t->column = ascii_is_digit(b) ? t->column + 1 : COLUMNS + 1;
	} else if (t->column == CODE_DIGITS) {
		t->column = b == ' ' || b == '\r' ? COLUMNS : COLUMNS + 1;
	}
}

static bool is_answered(const struct turn *t, const struct packet *pkt)
{
	if (t->holed)
		return (int32_t)(pkt->ack - t->end) >= 0;
	if (t->replies_due > 0)
		return t->replies >= t->replies_due && t->code == READY;
	return t->bytes >= t->bytes_due;
}

void turn_server(struct turn *t, const struct packet *pkt)
{
	const uint32_t end = pkt->seq + (uint32_t)pkt->payload_wire_len;
	uint32_t before; /* bytes that were heard */

	if (pkt->payload_wire_len == 0 || (pkt->tcp_flags & (TCP_SYN | TCP_RST)) != 0)
		return;
	if (!t->begun)
		t->next = pkt->seq;
	t->begun = true;
	before = t->next - pkt->seq;
	if ((int32_t)(end - t->next) <= 0)
		return;
	if (before > INT32_MAX || pkt->payload_len < pkt->payload_wire_len) {
		t->holed = true;
		before = 0;
	}
	for (size_t i = before; i < pkt->payload_len; i++) {
		hear_byte(t, (char)pkt->payload[i]);
		if (!t->headed && !t->holed)
			hear_header(t, (char)pkt->payload[i], pkt->seq + (uint32_t)i);
	}
	t->bytes += end - t->next;
	t->next = end;
	if (t->waiting && is_answered(t, pkt))
		t->answered |= (uint16_t)(1u << (t->turns - 1));
}

bool turn_kept(const struct turn *t, const struct facts *f)
{
	const unsigned n = f->turns - f->waiting;
	const uint32_t all = (1u << n) - 1;

	return n <= TURNS_MAX && (t->answered & all) == all;
}
