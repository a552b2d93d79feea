/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FOLLOW_H
#define ENGINE_FOLLOW_H

/*
 * follow - what is read of a connection after its verdict: the later requests of HTTP/1, what
 * stands behind a later CONNECT or an Upgrade, the messages of DNS over TCP, a STARTTLS behind
 * mail in clear.
 *
 * Every request is judged; where host, verdict or rule change an `update` is written.  Inline a
 * request is judged before its last segment passes, and until the server has acknowledged its
 * header, and what stands around the chunks of its body, no other bytes pass in their place.  Who only watches judges a request when the server
 * has acknowledged it.  Private to the engine; threads and memory as the worker's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "engine/chunks.h"
#include "engine/copies.h"
#include "engine/turn.h"
#include "flow/head.h"
#include "identify/http_follow.h"
#include "identify/smtp_follow.h"

/* Of the server, as who only looks on can know it: RFC 9293 3.8.6, RFC 7323 2. */
struct window {
	bool offered;  /* the client's SYN holds a scale */
	uint8_t scale; /* the server's, once both have one */
	bool has_edge;
	uint32_t
		edge; /* end of what it takes of the client's stream, as far as it ever said */
};

/* Who only watches: bytes of the stream that came far ahead and found no room. */
struct far {
	uint32_t from, end; /* from the first to behind the last; both 0: none */
};

/* `next`: what is read of the stream ends there. */
static inline void far_note(struct far *f, uint32_t next, uint32_t from, uint32_t end)
{
	if (f->from == f->end || (int32_t)(f->end - next) <= 0)
		*f = (struct far){from, from};
	if ((int32_t)(from - f->from) < 0)
		f->from = from;
	if ((int32_t)(end - f->end) > 0)
		f->end = end;
}

static inline bool far_has(const struct far *f, uint32_t from, uint32_t end)
{
	return f->from != f->end && (int32_t)(f->end - from) > 0 &&
	       (int32_t)(end - f->from) > 0;
}

/* One direction of a stream, read in order. */
struct lane {
	struct head head; /* bytes that are not read yet; offset 0 is `next` */
	uint32_t next;    /* offset in the stream of the next byte to be read */
	uint32_t skip;    /* DNS: bytes of a message that is too long to be kept */
};

enum follow_kind {
	FOLLOW_HTTP = 0,
	FOLLOW_OPENING, /* behind a CONNECT or an Upgrade: some protocol begins */
	FOLLOW_DNS,
	FOLLOW_MAIL, /* of SMTP in clear, where STARTTLS may come */
};

/* Two contents of what is not judged: whom do they ask? */
struct contest {
	bool first_named, other_named; /* by what was read first, and last */
	bool first_known;   /* the first one was noted when the contest began, ... */
	bool of_host;       /* ... or is the one that is judged last */
	bool guard_differs; /* what stands in the guard has two contents, too */
	bool more;          /* not all that was said is known */
	bool urgent; /* the other reading is the one without the urgent byte, ... */
	uint32_t urgent_at; /* ... from which on `other` counts one less; or ... */
	struct lane other;  /* ... the last copies, ... */
	struct http_follow other_http; /* ... as far as they are read */
	uint32_t from;                 /* of the stream, where both readings begin ... */
	struct http_follow from_http;  /* ... with what is due there */
	struct copies *copies;         /* all that was said; NULL = not known */
	struct head first;             /* the first copies of it ... */
	uint32_t base; /* ... from here on: `from`, or where the guard begins */
};

struct follower {
	uint8_t kind;
	struct lane out, in;
	struct head guard; /* the last header section, until the server has taken it */
	uint32_t guard_at; /* its offset in the client's stream */
	struct chunks *chunks; /* of bodies, until the server has taken them, or NULL */
	bool waits;            /* it is not judged yet */
	bool lets_pass;        /* inline: what is unread was held for too long */
	bool asked_upgrade;
	bool answered; /* before the body of a request that waited for 100 (Continue) */
	bool tunnel;   /* OPENING: the client asked a proxy for the host that stands */
	bool opened;   /* ... and the proxy said yes; MAIL: the server, to STARTTLS */
	bool mailed;   /* OPENING: behind a mail in clear */
	struct smtp_follow mail;
	struct turn turn; /* OPENING: does the client wait for those behind the tunnel? */
	uint32_t
		tunnel_host; /* HTTP: all of it stands in a tunnel to it; interned, 0 = none */
	bool closes;         /* a request that was read ends the connection ... */
	bool doubtful;       /* ... and the last one stands behind it */
	bool pipelined;      /* answers to earlier requests may come first */
	/* Who only watches: where the segments lie of what is not judged, from this offset on. */
	struct segments segments;
	uint32_t segments_at;
	struct contest *contest; /* it was seen with two contents; or NULL */
	uint32_t answer_seq;
	struct window window;
	struct far far;
	struct http_follow http;
};

#endif /* ENGINE_FOLLOW_H */
