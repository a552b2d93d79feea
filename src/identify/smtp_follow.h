/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_SMTP_FOLLOW_H
#define IDENTIFY_SMTP_FOLLOW_H

/*
 * smtp_follow - a client of SMTP in clear, read on for a STARTTLS with TLS behind it.
 *
 * Whether the server took DATA is not known here, so what is text of a mail and what is a command
 * is not, either (RFC 5321 4.1.1.4, 3.3); servers differ on what ends a text, too.  So each line
 * counts that may be a STARTTLS, and the caller believes only the server's 220 to it: a text gets
 * none.  Chunks of BDAT are counted (RFC 3030 2), and a line may begin behind one as well as in it.
 * The answer does not depend on how the bytes are cut.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Plain data; all zero at the beginning of a line. */
struct smtp_follow {
	uint8_t bdat,
		starttls; /* bytes of the word at the beginning of the line, or NO_WORD */
	bool asked;       /* the line before is a STARTTLS: TLS may begin here */
	bool counting;    /* the line's chunk, of which ... */
	uint64_t size,
		left; /* ... so much stands in the line; of a chunk still to come */
};

/*
 * Reads on; how many bytes are done with.  Less than all of them: TLS begins there, behind a
 * STARTTLS.
 */
size_t smtp_follow(struct smtp_follow *sf, struct str bytes);

/* The last reply that is whole in a segment of the server is a 220 (RFC 5321 4.2, RFC 3207 4). */
bool smtp_is_ready(struct str bytes);

#endif /* IDENTIFY_SMTP_FOLLOW_H */
