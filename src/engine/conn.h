/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONN_H
#define ENGINE_CONN_H

/*
 * conn - what the engine keeps of a connection; private to engine/worker and engine/judge.
 *
 * struct conn stands behind each flow for as long as it lives, so it is small; struct
 * pending holds what is needed until the verdict and comes from a pool.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "engine/budget.h"
#include "engine/copies.h"
#include "engine/diversity.h"
#include "engine/edge.h"
#include "engine/follow.h"
#include "engine/guess.h"
#include "engine/hold.h"
#include "engine/inherit.h"
#include "engine/inline.h"
#include "engine/intern.h"
#include "engine/resolve.h"
#include "engine/rest.h"
#include "engine/trace.h"
#include "engine/turn.h"
#include "engine/worker.h"
#include "flow/head.h"
#include "flow/table.h"
#include "identify/dns.h"
#include "identify/identify.h"
#include "identify/witness.h"
#include "model/facts.h"
#include "model/verdict.h"
#include "record/form.h"

#define RETRY_FRONT 11 /* bytes of a HelloRetryRequest in front of its random */
#define RETRY_BYTES 43 /* until its random is told */

/* rival.c, watched: what contradicts the first copies of a head's bytes. */
struct rivals {
	struct head last;         /* the last copies, where these contradict the first */
	struct segments segments; /* where they lie */
	struct copies *copies;    /* from then on; NULL = none, or there was no room */
	uint32_t from;            /* the first byte that is contradicted, + 1; 0 = none */
};

/* datagrams.c, watched: another connection of QUIC, that began before the first one was answered. */
struct twin {
	struct head head;
	struct rivals rivals;
	struct datagram_state datagram;
	uint32_t next; /* a newer one, + 1; 0 = none */
	bool whole;    /* its hello */
	bool answered; /* the server has answered it */
};

struct pending {
	struct hold_list held; /* inline: packets that wait for the verdict */
	int64_t held_since_us;
	uint32_t wait_prev, wait_next; /* pendings with held packets, oldest first; + 1 */
	bool again;   /* a second connection of QUIC between the same ports */
	bool paid;    /* ... whose datagram at hand the budget has let through */
	bool guarded; /* judged, passes, and the server has not acknowledged the head */
	struct flow *flow;
	struct head head; /* client bytes of TCP, or QUIC CRYPTO */
	struct datagram_state datagram;
	bool spoilt,
		unspoilt; /* watched: of the client with wrong checksums, and others */
	/* rival.c */
	bool whole;         /* the facts are final; the server has not answered yet */
	uint32_t whole_end; /* where in the head they were */
	bool rival;         /* something contradicts the head */
	int64_t whole_us;   /* when the facts were final */
	uint32_t first_ack; /* as the client's first bytes say */
	uint32_t
		syn_bytes; /* all that the head holds, until the server answers the SYN */
	uint32_t syn_others; /* so many, if others came in their place before that, ... */
	uint32_t syn_isn, others_isn; /* ... and the numbers of the first of both */
	struct rivals rivals;         /* of the head */
	bool other_read;              /* these are known to name somebody, or nobody */
	uint32_t twins;               /* the oldest in worker.twins, + 1; 0 = none */
	bool crowded;                 /* there were more, or one that could not be read */
	bool answered;                /* QUIC: the first one, by the server */
	bool retried;                 /* the server asked for a second hello */
	uint8_t heard; /* bytes of the server's answer that are as in a HelloRetryRequest */
	bool heard_other; /* it is none */
	bool listens;     /* the answer has begun */
	uint8_t heard_bytes[RETRY_BYTES];
	uint16_t heard_left; /* bytes of the answer's record that are still to come */
	uint8_t heard_header; /* bytes of the next record's header, of which none is kept */
	uint16_t heard_else; /* bytes of others, who answer first */
	uint32_t heard_next; /* sequence number of the next byte of the answer */
	struct turn turn;    /* did the client wait for the server's answers? */
	bool opened;         /* a proxy has made the tunnel that the head asks for ... */
	bool refused;        /* ... or, watched, its first answer was another */
	uint8_t proxies;     /* that the head asks, and that were judged */
	uint32_t base; /* where in the stream the head begins: behind the first hello */
	/* Watched: bytes that went to the server and were not seen, as far as that is known. */
	uint32_t cut_from,
		cut_end; /* in the head: frames that the capture cut; none: both 0 */
	uint32_t
		late_end; /* one past the first byte that came in the place of one; 0: none */
	bool unseen;      /* what was read rests on such a byte, or lacks one */
	bool fronted;     /* the beginning was not seen, and there are bytes in front */
	struct window window;
	bool has_probe; /* rival_keep_probe(): of the byte at probe_at in the stream */
	uint8_t probe;
	uint32_t probe_at;
	struct far far;
	bool has_urgent, many_urgent;
	uint32_t urgent_at;  /* in the head */
	struct facts *facts; /* conn_facts(); NULL = nothing is known */
	struct trace *trace; /* keep.c; NULL = none */
	bool untraced;       /* there was no room for one */
};

/* watch_dns.c: a question to a resolver. */
struct question {
	uint32_t name; /* number in worker.texts */
	uint32_t next; /* a newer one of the connection, or POOL_NONE */
	uint16_t type, id;
};

struct conn {
	uint32_t pending; /* index in worker.pendings, or POOL_NONE */
	uint32_t host, sni, ja4, method, url, ndpi; /* numbers in worker.texts */
	uint32_t
		offers; /* the same: application protocols, a space, groups of key shares */
	uint32_t ndpi_host;  /* the same */
	uint32_t candidates; /* the same: names of a conflict, separated by commas */
	uint32_t helo, mail_from, mail_to, database; /* the same */
	uint32_t
		questions; /* DNS: the oldest of those that nobody has answered; in worker.questions */
	uint32_t guess;    /* of worker.guesses, or GUESS_NONE */
	uint32_t follower; /* index in worker.followers: what comes later is read, too */
	uint32_t flags;
	union {
		uint32_t quic_version;  /* UDP */
		uint32_t alpn_selected; /* TCP: number of what a TLS server chose */
	};
	union {
		uint32_t dcid; /* UDP: hash of QUIC's id whose hello was read; 0 = none */
		uint32_t mail_server; /* TCP: number of what a mail server calls itself */
	};
	uint32_t rule, would_rule;
	union {
		uint32_t inherit; /* UDP: entry in worker.heirs, or INHERIT_NONE */
		uint32_t banner;  /* TCP: number of a server's "220 ..." */
	};
	uint32_t ts_recent; /* the server's TS.Recent, as far as it has echoed it */
	uint32_t passed;    /* inline: bytes of the client that went to the server */
	uint32_t isn;       /* what data by the last SYN begins with, if has_isn */
	struct witness_ref witness; /* what DNS told the client of it */
	struct addr nat;            /* translated source, with nat_port */
	uint16_t nat_port;          /* 0 = none */
	uint16_t tls_offered, tls_selected;
	uint16_t mail_to_more;
	uint16_t site, source;
	uint8_t direction, role;
	uint8_t protocol, evidence, corroboration, visibility;
	uint8_t name_undecidable; /* why the name is not known */
	uint8_t ndpi_confidence;
	uint8_t verdict, reason, gate, undecidable, would, would_gate;
	uint8_t epoch; /* the generation and mode that judged it */
	bool client_inside : 1, inside_known : 1;
	bool translated : 1, shared : 1; /* `inside` is an egress address; declared so */
	bool suspected     : 1;          /* its inside address, when it was judged */
	bool client_is_low : 1;          /* as it was located */
	bool server_spoke  : 1;          /* payload came from the server's side */
	bool asked_ndpi    : 1;
	bool judged        : 1;
	bool done          : 1; /* the first bytes have been read */
	bool read_out      : 1; /* so were the later ones, and nothing more will be */
	bool strict_checksum : 1; /* its SYN had a good one: bad ones are not the client's */
	bool server_strict  : 1; /* the same of the answer to it and the server */
	bool md5_negotiated : 1;
	bool ts_offered : 1, ts_agreed : 1; /* RFC 7323 3.2: by the SYN, by both */
	bool greeted   : 1;                 /* the server has answered EHLO */
	bool acked_syn : 1; /* watched: the client has acknowledged the server's SYN */
	bool heir      : 1; /* began with a short header: `inherit` is held as an heir */
	/* inline */
	bool provisional : 1; /* judged by hold_budget: the name may still come */
	bool asked : 1; /* judged by whom a proxy was asked for; the hello is yet to come */
	bool has_isn : 1;
	bool unsure  : 1; /* two SYNs: which one the server took is not known */
	bool silent  : 1; /* no data so far: nothing is kept for reading */
};

/* What only the inline worker has. */
struct inline_state {
	struct inline_cfg cfg;
	struct hold *hold;
	struct decoder *headers;        /* of worker_headers() */
	uint32_t wait_first, wait_last; /* pendings, index + 1 */
	bool go_on; /* the packet at hand ends a message: it and what is held pass */
	uint64_t *refused; /* the packet at hand must not go on: its counter, or NULL */
	uint32_t sweep_at;
	bool sweeping;
	struct inline_stats stats;
};

struct worker {
	struct worker_cfg cfg;
	const struct generation *g;
	struct decoder *decoder;
	struct flow_table *flows;
	struct head_pools *heads;
	struct head_pools *others;   /* of pending.other */
	struct budget *initials;     /* of QUIC, to be opened */
	struct diversity *diversity; /* of inside addresses */
	struct identify *identify;
	struct witness *witness;
	struct resolve *asked;   /* of site resolvers; NULL = the reader watches them */
	struct guesses *guesses; /* NULL = off */
	struct intern *texts;
	struct inherit *heirs; /* QUIC connections that were allowed */
	struct rests *rests;   /* of TCP, that may go on behind their end */
	struct pool *pendings;
	struct pool *facts;     /* of pendings about which something is known */
	struct pool *questions; /* of DNS, without an answer so far */
	struct pool *followers;
	struct pool *chunks;   /* of followers amid a body in chunks */
	struct pool *twins;    /* of pendings of QUIC */
	struct pool *contests; /* of followers that watch two contents */
	struct pool *copies;   /* of pendings and followers with two contents */
	struct pool *traces;   /* of pendings, for lines with `capture` */
	struct trace *spare;   /* made of a head when they are used up */
	struct event_key key;  /* of the next event */
	int64_t now_us;        /* time of the next event */
	struct worker_stats stats;
	uint8_t epoch;
	struct edges edges;
	struct inline_state *inl;  /* NULL = nothing waits for our answer */
	uint8_t without[HEAD_MAX]; /* a head without its urgent byte */
	char line[FORM_LINE_MAX];
};

static inline struct pending *conn_pending(const struct worker *w, const struct conn *c)
{
	return c->pending == POOL_NONE ? NULL : pool_at(w->pendings, c->pending);
}

/* Give back what judging needed; a guarded head keeps its part. */
void conn_release(struct worker *w, struct conn *c);

/* Judge by what `f` says, write `start` and the signals.  Once a connection. */
void judge(struct worker *w, struct flow *fl, struct conn *c, const struct facts *f);

/* Judge by addresses alone at the first packet; true when it is denied whatever the name. */
bool judge_early(struct worker *w, struct flow *fl, struct conn *c);

/* Keep what a connection judged early still told about its name. */
void judge_keep_facts(struct worker *w, const struct flow *fl, struct conn *c,
		      const struct facts *f);

/*
 * The name came after hold_budget or a proxy's had judged: judge by it, write `update`.  Of
 * mail in clear, only if something is new; signals only if the answer is.
 */
void judge_again(struct worker *w, struct flow *fl, struct conn *c,
		 const struct facts *f);

/* Mail in clear, judged when it began: only domains of it can be new. */
bool judge_knows_mail(const struct worker *w, const struct conn *c,
		      const struct facts *f);

/*
 * Judge by what is kept, under the worker's present generation and mode; writes `update`
 * when the answer changes and `tell`.  True when it changed.
 */
bool judge_anew(struct worker *w, struct flow *fl, struct conn *c, bool tell);

/*
 * The hours of a line with `cut` have come to an edge: is the connection denied by the hour that it
 * is?  Then that is the verdict, and it is cut.
 */
void judge_at_edge(struct worker *w, struct flow *fl, struct conn *c);

/*
 * A later request of a connection, or what became of it: judge by it, and write `update` and
 * signals if host, verdict, rule or undecidable differ from what stands.
 */
void judge_request(struct worker *w, struct flow *fl, struct conn *c,
		   const struct facts *f);

/*
 * The first packet of a connection, either way: a short header of QUIC where another was allowed?
 * Then it is an heir until it is judged.
 */
void judge_look_for_legacy(struct worker *w, const struct flow *fl, struct conn *c,
			   const struct packet *pkt);

/* The connection is over: others may inherit from it for a while. */
void judge_leave_legacy(struct worker *w, const struct flow *fl, struct conn *c);

/* Write the `end` event. */
void judge_end(struct worker *w, const struct flow *fl, const struct conn *c);

/* One answer of a resolver, or a question that got none, as a `dns` event. */
void judge_dns(struct worker *w, struct flow *fl, const struct dns_message *m);

/*
 * A packet's way through decode (unless it was `decoded` before: then *pkt is filled), flow and
 * identify; false: it belongs to no connection.
 */
struct taken {
	struct flow *flow;
	struct conn *conn;
	bool from_client;
};
bool worker_take(struct worker *w, const struct frame *f, bool decoded,
		 struct packet *pkt, struct taken *ret);

/* The first packet of a flow. */
void conn_start(struct worker *w, struct flow *fl, struct conn *c);

/* What is known of a connection, all zero at first. */
struct facts *conn_facts(struct worker *w, struct pending *p);
void conn_forget_facts(struct worker *w, struct pending *p);

/* Keep what waiting for the rest of a message needs.  NULL: there is no room. */
struct pending *conn_pend(struct worker *w, struct flow *fl, struct conn *c);

/* Which end is ours. */
void conn_locate(struct worker *w, const struct flow *fl, struct conn *c);

/* Has the server sent the client back?  Then what it says next counts. */
void conn_start_again(struct worker *w, struct conn *c, struct pending *p);

/* All that was read of the connection counts for nothing. */
void conn_begin_anew(struct worker *w, struct conn *c, struct pending *p);

/* Nothing that was read before counts any more; DONE. */
enum identify_step conn_cannot_tell(struct worker *w, struct pending *p,
				    enum undecidable why);

/* Decide now, whatever is known. */
void conn_settle(struct worker *w, struct flow *fl, struct conn *c, struct pending *p);

/* ---- datagrams.c ---- */

/* A datagram of a connection that is not judged.  DONE: it is to be. */
enum identify_step datagrams_feed(struct worker *w, struct conn *c, struct pending *p,
				  const struct packet *pkt, bool from_client);

/* What the readers say of it.  pkt NULL: no more will come. */
enum identify_step datagrams_ask(struct worker *w, struct conn *c, struct pending *p,
				 const struct packet *pkt, bool from_client,
				 struct facts *f);

/*
 * QUIC: a second hello behind the first, which a client sends after a HelloRetryRequest: the same but
 * for what the server asked for (RFC 8446 4.1.2).  False: there is no whole one.
 */
bool datagrams_ask_behind(struct worker *w, struct conn *c, struct pending *p);

/* CRYPTO bytes under one connection id, one of several contents: whom do they name?  False: no
 * hello of them is whole. */
bool datagrams_ask_copy(struct worker *w, struct conn *c, struct pending *p,
			struct head *copy);

/* Is some hello of it whole? */
bool datagrams_are_whole(const struct worker *w, const struct pending *p);

/*
 * Before the verdict: of several connections the one hello that is whole counts; several are rivals
 * unless they say the same.
 */
void datagrams_conclude(struct worker *w, struct conn *c, struct pending *p);

/* It is judged.  True: *p stays for the hellos of others, of which some is still to come. */
bool datagrams_go_on(struct worker *w, struct pending *p);

/* Nothing of other connections counts. */
void datagrams_forget_twins(struct worker *w, struct pending *p);

/* May it be opened?  Whoever sends Initials in floods must not take the time of all. */
bool datagrams_may_open(struct worker *w, const struct packet *pkt);

/*
 * Watched: a client's datagram that no receiver takes: its checksum is wrong where those of the
 * client are right.  Before the first right one that is not known, so by that one the wrong ones are
 * forgotten.
 */
bool datagrams_are_spoilt(struct worker *w, struct conn *c, struct pending *p,
			  struct packet *pkt);

/* ---- watch_dns.c ---- */

/* A DNS message between a client and a resolver, without the length bytes of TCP. */
void watch_dns_message(struct worker *w, struct flow *fl, const uint8_t *data, size_t len,
		       bool from_client);

/* The same of UDP, if it is one. */
void watch_dns_datagram(struct worker *w, struct flow *fl, const struct packet *pkt,
			bool from_client);

/* Any packet: does it hold what a resolver tells its site? */
void watch_site(struct worker *w, const struct packet *pkt, int64_t clock_us);

/* The connection is over: tell the questions that nobody answered. */
void watch_dns_end(struct worker *w, struct flow *fl, struct conn *c);

/* ---- follow.c: what comes behind the verdict ---- */

/* The connection is judged: go on with what lies behind in its head. */
void follow_start(struct worker *w, struct flow *fl, struct conn *c, struct pending *p);

/* A packet of TCP that no receiver ignores; also the one that started it. */
void follow_packet(struct worker *w, struct flow *fl, struct conn *c,
		   const struct packet *pkt, bool from_client);

/* Inline: some of what the client has sent cannot be read yet ... */
bool follow_is_amid(const struct worker *w, const struct conn *c);
/* ... and this packet of the client is part of it. */
bool follow_keeps_back(const struct worker *w, const struct flow *fl,
		       const struct conn *c, const struct packet *pkt);

/* It was held for too long: judged by that, until the rest comes. */
void follow_too_long(struct worker *w, struct flow *fl, struct conn *c);

/* All of the client is read, and its next byte begins a request. */
bool follow_is_between(const struct worker *w, const struct flow *fl,
		       const struct conn *c);

/* The connection ends: judge what waits, give all back. */
void follow_end(struct worker *w, struct flow *fl, struct conn *c);

/* End what has timed out; the moment of each end is its own deadline, at most `cap_us`. */
void worker_end_timed_out(struct worker *w, int64_t clock_us, int64_t cap_us);

/* Ends of flows that flow_finish() or a displacement has prepared. */
void worker_end_gone(struct worker *w, int64_t clock_us);

/* ---- rival.c: two contents for one place, seen by who only watches ---- */

/* All whom the head asks proxies for are such names: one of them is the server. */
void rival_proxies(struct worker *w, struct conn *c, struct pending *p);

/* Has the proxy made the tunnel (RFC 9110 9.3.6)?  A packet of its side. */
void rival_hear_proxy(const struct worker *w, const struct conn *c, struct pending *p,
		      const struct packet *pkt);
/* What the server says counts for who waits for it: not for TLS from the first byte on. */
void rival_hear_server(struct pending *p, const struct packet *pkt);

/* The facts are those of a CONNECT, and what stands behind it no reader knows. */
static inline bool rival_is_unread_tunnel(const struct facts *f)
{
	return f->protocol == PROTOCOL_HTTP && f->evidence == EVIDENCE_CONNECT &&
	       !f->requests;
}

/* A name that the connection may have; flagged where there is no room for it. */
void rival_name(struct worker *w, struct conn *c, struct str host);
bool rival_is_full(const struct worker *w,
		   const struct conn *c); /* so that some was left out */
/* The one that the facts tell, or both where they contradict each other. */
void rival_name_facts(struct worker *w, struct conn *c, const struct facts *f);
void rival_forget(struct worker *w, struct conn *c);

/* CRYPTO bytes of the client at `at`, before head_add(): do they contradict what is there? */
void rival_add(struct worker *w, struct conn *c, struct pending *p, uint32_t at,
	       struct str bytes);

/*
 * The same of some head `first`: the last copies begin as what was there, at the first bytes that
 * contradict it.  What contradicts nothing then adds only what they lack.  Counted and flagged where there
 * is no room.  True: these bytes contradict `first`.
 */
bool rival_keep(struct worker *w, struct conn *c, const struct head *first,
		struct rivals *r, uint32_t at, struct str bytes);
void rival_clear(struct worker *w, struct rivals *r);

/* Note whom each content names that may be made of all that was said of `first`. */
void rival_name_all(struct worker *w, struct conn *c, struct pending *p,
		    const struct head *first, const struct rivals *r);

/*
 * Note whom the requests ask for that the bytes hold, which begin with what is due to `http`.  False:
 * there is none, or more bytes may make another one.
 */
bool rival_name_requests(struct worker *w, const struct flow *fl, struct conn *c,
			 struct http_follow *http, struct str bytes);

/* The same of a TCP stream, whose other copy is read. */
void rival_stream(struct worker *w, struct conn *c, struct pending *p, uint32_t at,
		  struct str bytes);

/* Flag a hop limit other than the client's first. */
void rival_note_ttl(const struct flow *fl, struct conn *c, const struct packet *pkt);

/*
 * Payload of a client's SYN: kept until the server's answer, and dropped if that does not
 * acknowledge it.  take: true if the head holds what the server took.
 */
bool rival_keep_syn(struct worker *w, const struct flow *fl, struct conn *c,
		    struct pending *p, const struct packet *pkt);
void rival_drop_syn(struct worker *w, struct conn *c, struct pending *p);
/* Other bytes come: dropped, and before that answer they may be what it acknowledges. */
void rival_leave_syn(struct worker *w, const struct flow *fl, struct conn *c,
		     struct pending *p);
bool rival_take_syn(struct worker *w, const struct flow *fl, struct conn *c,
		    struct pending *p, const struct packet *pkt);

/*
 * A segment of a stream whose beginning was not seen, that lies in front of all that was: the head
 * begins with it, as in any other order.  Where the server had it before it is seen, or there is no
 * room for it, the stream begins somewhere else.
 */
void rival_note_front(struct worker *w, struct flow *fl, struct conn *c,
		      struct pending *p, const struct packet *pkt);

/* A packet of the server: how far its window reaches. */
void rival_note_window(const struct flow *fl, struct window *win,
		       const struct packet *pkt);

/*
 * A packet of the server, which has agreed to time stamps: what it echoes is the newest that it
 * took from the left edge of its window (RFC 7323 4.3).  What the client sent is no evidence: it
 * may not have come to the server.
 */
void rival_note_echo(struct conn *c, const struct packet *pkt);

/*
 * RFC 9293 3.10.7.4: a segment that lies beyond it all is not taken.  At the edge one byte may be
 * (3.8.6.1): a probe, that comes when the window has been opened and the server's word of that is
 * under way.  Linux drops probes of a closed window.
 */
bool rival_is_beyond(const struct flow *fl, const struct window *win,
		     const struct packet *pkt);

/* keep: a probe, set aside.  take: true if the server has it and nothing else was seen in its place. */
bool rival_keep_probe(const struct flow *fl, struct conn *c, struct pending *p,
		      const struct packet *pkt);
/* Client bytes at `at` of the head: is the one in the place of a probe another? */
void rival_compare_probe(struct conn *c, struct pending *p, uint32_t at,
			 struct str bytes);
bool rival_take_probe(struct worker *w, const struct flow *fl, struct pending *p);

/* Leave out what the server had acknowledged before, of which a copy is in the head. */
struct str rival_trim(const struct flow *fl, const struct pending *p, uint32_t *at,
		      struct str bytes);

/*
 * The server has had bytes that the capture lacks: acknowledged before they were seen, or cut off.
 * What comes in their place may be anything.  Client bytes at `at`, before head_add(); a frame
 * that the capture has cut.
 */
void rival_note_late(const struct flow *fl, struct pending *p, uint32_t at, size_t len);
void rival_note_cut(const struct flow *fl, struct pending *p, const struct packet *pkt);

/*
 * A packet of the server that has taken a TLS hello: does it ask for a second one?  Then the head
 * begins behind the first.  A client with a tiny window gets the request in pieces: after each but the
 * last rival_may_start_over() says so.
 */
bool rival_starts_over(struct worker *w, struct pending *p, const struct packet *pkt);
bool rival_may_start_over(const struct pending *p);

/* Client bytes at `at` of the head, of which some lie behind all that it has room for. */
void rival_note_far(struct pending *p, uint32_t at, size_t len);

/* TCP: nothing that comes after this packet can change what the server has taken. */
bool rival_is_over(struct worker *w, const struct flow *fl, struct pending *p,
		   const struct packet *pkt, bool from_client);

/* Behind a hello there may be early data, which is kept in case that a second one is asked for. */
bool rival_keeps_early(const struct pending *p);
/* Who only watches keeps whatever stands there. */
bool rival_keeps_behind(const struct pending *p);

/* Inline, a second hello is asked for: may it have passed, behind the first? */
bool rival_has_passed(struct worker *w, const struct conn *c, struct pending *p);

/* Who only watches knows the name, by what the head holds now. */
void rival_note_whole(struct worker *w, struct pending *p);

/* The client's bytes after a HelloRetryRequest; PASS: early data; DONE: compared with the first hello. */
enum identify_step rival_second_hello(struct worker *w, const struct flow *fl,
				      struct conn *c, struct pending *p);

/* Remember an urgent pointer, before head_add(); watched. */
void rival_note_urgent(struct worker *w, const struct flow *fl, struct conn *c,
		       struct pending *p, const struct packet *pkt);

/* Watched: where in the client's stream the urgent byte lies.  False: it has none. */
bool rival_urgent_at(const struct worker *w, const struct flow *fl,
		     const struct packet *pkt, uint32_t *ret_at);

/* The head with its urgent byte, which is there, and without. */
enum identify_step rival_read_urgent(struct worker *w, const struct flow *fl,
				     struct conn *c, struct pending *p, bool final);

/*
 * Has the connection gone on behind what was its end for us, amid a message?  Then what its client
 * says may look like a beginning, and names nobody for certain.
 */
bool rival_is_rest(const struct worker *w, const struct flow *fl,
		   const struct pending *p);

/* Before the verdict: the facts become a conflict, or the candidates are forgotten. */
void rival_conclude(struct worker *w, struct conn *c, struct pending *p);

/* ---- words.c: what nDPI calls the connection; for the log, never for a verdict ---- */

bool words_wanted(const struct worker *w);
struct guesses *words_create(struct worker *w); /* NULL: out of memory */
void words_stats(const struct worker *w, struct worker_stats *ret);

/* No reader of ours knows the bytes, so far: begin to ask; once a connection. */
void words_ask(struct worker *w, struct flow *fl, struct conn *c,
	       const struct pending *p);

/* The connection is over. */
void words_ask_no_more(struct worker *w, struct conn *c);

/* nDPI was asked before the client spoke, and a reader of ours knows. */
void words_need_none(struct worker *w, struct conn *c);

/* ---- keep.c: packets for lines with `capture` ---- */

/* False: out of memory. */
bool keep_create(struct worker *w);
void keep_destroy(struct worker *w);

/* A packet of a connection that waits for its verdict. */
void keep_packet(struct worker *w, const struct flow *fl, const struct conn *c,
		 struct pending *p, const struct packet *pkt, bool from_client);

/* It waits no more. */
void keep_no_more(struct worker *w, struct pending *p);

/* What is to be kept, in the worker's memory: absent if no line that answered asks for it. */
struct str keep_for(struct worker *w, const struct flow *fl, const struct conn *c,
		    const struct decision *d);

/* ---- inline.c, for the worker ---- */

struct inline_state *inline_create(const struct inline_cfg *cfg);
void inline_destroy(struct inline_state *s); /* NULL is a no-op */

/* Is the hop limit of a client's packet high enough?  False: to be dropped. */
bool inline_reaches(struct worker *w, struct conn *c, uint8_t ttl);

/*
 * May this segment of the client be looked at, or go on while the head is guarded?  False: to
 * be dropped.  `bytes`, at stream offset `at`: those of it that lie in the stream.
 */
bool inline_admits(struct worker *w, const struct flow *fl, struct conn *c,
		   const struct packet *pkt, uint32_t at, struct str bytes);

/* May a segment of the client go on after the verdict, where later requests are read? */
bool inline_follows(struct worker *w, struct conn *c, const struct packet *pkt);

/*
 * Is the head to be kept after the verdict?  A server may have ignored what was judged (an old
 * time stamp, a packet lost behind us): until it has acknowledged the head, other bytes in its
 * place are dropped, and nothing is final.
 */
bool inline_guards(const struct worker *w, const struct flow *fl, const struct conn *c,
		   const struct pending *p);

/*
 * The facts are those of a hello.  False: it is not known where the stream begins, and behind
 * the hello there are bytes that the server may take for the first.
 */
bool inline_ends_there(struct worker *w, const struct flow *fl, struct conn *c,
		       const struct pending *p);

/* It is denied now: the kernel must not pass it alone any more. */
void inline_recall(struct worker *w, const struct flow *fl, const struct conn *c);

/* Drop what is held. */
void inline_forget(struct worker *w, struct pending *p);

/*
 * The client's bytes so far are whole messages in front of its hello: unless it is denied they
 * go to the server.  `asked`: the facts say whom it asks a proxy for; it is judged by that until
 * the hello comes.
 */
void inline_let_on(struct worker *w, struct flow *fl, struct conn *c, struct pending *p,
		   bool asked);

/* The verdict is there, or the connection is given up: answer for what is held. */
void inline_release(struct worker *w, struct flow *fl, struct conn *c, struct pending *p);

/* Drop what has been held too long. */
void inline_tick(struct worker *w);

/* Judged deny, and denials are carried out. */
static inline bool conn_is_cut(const struct worker *w, const struct conn *c)
{
	return w->inl != NULL && w->inl->cfg.enforce && c->judged &&
	       c->verdict == VERDICT_DENY;
}

/* Connections that began before Weir did pass for a while. */
static inline bool adopts(const struct worker *w)
{
	return w->inl != NULL && w->now_us < w->inl->cfg.adopt_until_us;
}

#endif /* ENGINE_CONN_H */
