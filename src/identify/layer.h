/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_LAYER_H
#define IDENTIFY_LAYER_H

/*
 * layer - what clients say before the bytes that name the server: STARTTLS of SMTP, PRELOGIN
 * of TDS 7, CONNECT and SOCKS requests, PROXY headers.
 *
 * Private to identify.  A reader looks at the client's bytes alone: where the client waits for
 * an answer, the bytes so far may go to the server (LAYER_WAITS), and what follows them is
 * read anew (LAYER_INSIDE).
 */

#include "identify/context.h"
#include "identify/host.h"

enum layer_step {
	LAYER_NO = 0, /* not my protocol */
	LAYER_MAYBE,  /* too few bytes to tell; never at the end of the stream */
	LAYER_MORE,   /* my protocol, in the midst of a message */
	LAYER_WAITS,  /* whole messages only; the client waits, or may go on */
	LAYER_INSIDE, /* `inside` begins with other bytes */
	LAYER_DONE,   /* the facts are final */
};

struct layer {
	enum protocol protocol;
	enum undecidable why; /* when nothing follows and it names nobody */
	uint32_t flags;
	bool named; /* the client asks for `host` */
	bool literal;
	bool nameless; /* what may follow in clear will name no server */
	struct host host;
	char method[16]; /* of HTTP */
	struct stream inside;
	struct stream wrapped; /* TDS: the packets that `inside` was taken out of */
	bool broken;           /* behind `inside` stands what cannot be */
	/*
	 * Where the client has to wait for an answer: what it sends before is thrown away by some
	 * servers, which read the next bytes instead, and taken by others.
	 */
	uint8_t turns;       /* so many places in the layer, its end among them if ... */
	bool ends_turn;      /* ... it is one, whose answer has come with ... */
	uint8_t replies_due; /* ... the last of so many replies of SMTP, a 220; or ... */
	uint8_t bytes_due;   /* ... the last of so many bytes */
	uint8_t bytes_least; /* of all answers to this layer */
};

/*
 * One layer in front; *ret starts zeroed.  Only LAYER_DONE may have changed the facts, but for
 * facts.mail, which each look at SMTP fills anew.
 */
enum layer_step layer_read(struct identify *id, const struct stream *s, struct layer *ret,
			   struct facts *f);

enum layer_step smtp_layer(const struct stream *s, struct layer *ret, struct facts *f);
enum layer_step tds_layer(struct identify *id, const struct stream *s, struct layer *ret,
			  struct facts *f);

/*
 * Where the packet ends that holds byte `n` - 1 of what stands in TDS packets; 0: it holds more.
 * All bytes before are there.
 */
size_t tds_end(const struct stream *wrapped, size_t n);

enum layer_step socks_layer(const struct stream *s, struct layer *ret, struct facts *f);
enum layer_step proxy_layer(const struct stream *s, struct layer *ret, struct facts *f);
enum layer_step connect_layer(const struct stream *s, struct layer *ret, struct facts *f);

static inline struct stream stream_after(const struct stream *s, size_t n)
{
	struct stream inside = *s;

	inside.bytes += n;
	inside.filled -= n;
	return inside;
}

/* All of the messages up to `n` are whole. */
static inline enum layer_step layer_behind(const struct stream *s, size_t n,
					   struct layer *ret)
{
	ret->inside = stream_after(s, n);
	return n == s->filled ? LAYER_WAITS : LAYER_INSIDE;
}

static inline enum layer_step layer_done(struct facts *f, enum protocol protocol,
					 enum undecidable why)
{
	f->protocol = protocol;
	f->undecidable = why;
	return LAYER_DONE;
}

/* In the midst of a message. */
static inline enum layer_step layer_unfinished(const struct stream *s, struct facts *f,
					       enum protocol protocol)
{
	return s->final ? layer_done(f, protocol, stream_unfinished(s)) : LAYER_MORE;
}

#endif /* IDENTIFY_LAYER_H */
