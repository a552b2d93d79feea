/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_TURN_H
#define ENGINE_TURN_H

/*
 * turn - did the client wait for the server's answer where its protocol makes it wait?
 *
 * Behind STARTTLS, PRELOGIN or a SOCKS message some servers throw away what came before their
 * answer and read the next bytes instead (identify/smtp.c, tds.c, proxy.c): a hello that did not
 * wait may be a decoy.  The answer must have been seen while the client's bytes ended where it waits; a reply
 * to an earlier command, or the first part of one, is none, so replies and bytes are counted.
 *
 * Where some of the server's bytes were not seen, any new ones that acknowledge what the client
 * said count as its answer.  Private to the engine; plain data, all zero at the start; threads
 * as the worker's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/facts.h"
#include "model/packet.h"

struct turn {
	uint32_t next;     /* sequence number of the server's next byte, if `begun` */
	uint32_t bytes;    /* of the server so far */
	uint16_t replies;  /* of SMTP: whole ones */
	uint16_t code;     /* of the last one */
	uint16_t line;     /* the code in the line at hand */
	uint16_t answered; /* a bit for each place where the client waited */
	uint8_t column;    /* in that line, 5 = it ends no reply */
	/* Of HTTP: where the first header section ends that is no interim one (RFC 9110 15.2). */
	bool headed;
	uint8_t final;   /* first digit of its status */
	uint8_t place;   /* in the line, up to 255 */
	uint8_t status;  /* first digit of the section's status, 0 = not yet */
	bool line_later; /* it is not the section's first */
	uint32_t head_end;
	bool begun;
	bool holed; /* some of the server's bytes were not seen */
	/* Where the client's bytes end, if it waits there: facts. */
	bool waiting;
	uint8_t turns, replies_due;
	uint16_t bytes_due;
	uint32_t end; /* the sequence number behind them */
};

/* The client's bytes up to `end`, read; NULL: they end amid something. */
void turn_client(struct turn *t, const struct facts *f, uint32_t end);

/* A packet of the server. */
void turn_server(struct turn *t, const struct packet *pkt);

/* Was each place that the facts count answered before the client went on? */
bool turn_kept(const struct turn *t, const struct facts *f);

#endif /* ENGINE_TURN_H */
