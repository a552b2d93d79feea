/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_smtp - a client of SMTP, in one piece and in pieces.
 *
 * Input: u8 size of the first pieces | what follows a greeting.  Properties: facts are well formed
 * and hold domains only; pieces give the answer of the whole; without STARTTLS, behind which
 * anything may come, only whole lines pass.
 */
#include "../unit/identify/check_facts.h"
#include "identify/smtp_follow.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GREETING "EHLO me.example\r\n"
#define MAX      20000

static enum identify_step ask(struct identify *id, const uint8_t *bytes, size_t len,
			      bool final, struct facts *f)
{
	const enum identify_step step =
		identify_stream(id, bytes, len, final, false, 25, f);

	check_facts(f);
	return step;
}

static void same(const struct facts *a, const struct facts *b)
{
	if (a->protocol != b->protocol || a->undecidable != b->undecidable ||
	    a->flags != b->flags || memcmp(a->host, b->host, sizeof(a->host)) != 0 ||
	    memcmp(&a->mail, &b->mail, sizeof(a->mail)) != 0)
		abort();
}

/* The same bytes as a server's: what is shown of them is printable, capped, and within them. */
static void read_server(const uint8_t *data, size_t size)
{
	const struct str s = identify_smtp_reply(data, size, STR("220"));
	char name[HOST_MAX];

	if (s.len > IDENTIFY_BANNER_MAX ||
	    (s.len > 0 &&
	     ((const uint8_t *)s.p < data || (const uint8_t *)s.p + s.len > data + size)))
		abort();
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			abort();
	if (identify_smtp_name(s, name) > HOST_MAX)
		abort();
}

/* Read on behind a mail: pieces end where the whole does. */
static void read_on(const uint8_t *bytes, size_t size, size_t first)
{
	struct smtp_follow whole = {0}, parts = {0};
	const size_t used = smtp_follow(&whole, (struct str){(const char *)bytes, size});
	struct pieces cut = pieces_start(size, first);
	size_t at = 0;

	(void)smtp_is_ready((struct str){(const char *)bytes, size});
	while (pieces_next(&cut)) {
		const size_t left = cut.at - at;
		const size_t n =
			smtp_follow(&parts, (struct str){(const char *)bytes + at, left});

		if (n > left)
			abort();
		at += n;
		if (n < left)
			break;
	}
	if (at != used || whole.asked != parts.asked || whole.left != parts.left ||
	    whole.bdat != parts.bdat || whole.starttls != parts.starttls)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct identify *id;
	static uint8_t all[sizeof(GREETING) + MAX];
	const size_t greeting = sizeof(GREETING) - 1;
	struct facts whole = {.protocol = PROTOCOL_UNKNOWN}, parts = whole, last = whole;
	enum identify_step step, now = IDENTIFY_MORE;
	struct pieces cut;
	bool is_plain = true;

	if (id == NULL)
		id = identify_create();
	if (id == NULL || size < 1 || size > MAX)
		return 0;
	read_server(data, size);
	memcpy(all, GREETING, greeting);
	memcpy(all + greeting, data + 1, size - 1);
	size += greeting - 1;
	for (size_t n = 0; n + 8 <= size; n++)
		is_plain &= (all[n] | 32) != 's' ||
			    !str_equal_fold((struct str){(const char *)all + n, 8},
					    STR("STARTTLS"));
	read_on(all, size, 1 + data[0]);
	step = ask(id, all, size, false, &whole);
	cut = pieces_start(size, 1 + data[0]);
	while (now != IDENTIFY_DONE && pieces_next(&cut)) {
		now = ask(id, all, cut.at, false, &parts);
		if ((now == IDENTIFY_ASKED || now == IDENTIFY_PASS) && is_plain &&
		    all[cut.at - 1] != '\n')
			abort();
	}
	if ((now == IDENTIFY_DONE) != (step == IDENTIFY_DONE))
		abort();
	if (now == IDENTIFY_DONE)
		same(&whole, &parts);
	if (ask(id, all, size, true, &last) != IDENTIFY_DONE)
		abort();
	return 0;
}
