/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_GATEWAY_H
#define ENGINE_GATEWAY_H

/*
 * gateway - the running gateway: a supervisor and the processes that it keeps alive.
 *
 *   supervisor  loads generations, puts netfilter rules in place, restarts what dies or
 *               hangs, answers the control socket; never sees a packet
 *   enforcer    reads the queue (or the interfaces), decides, answers; CAP_NET_ADMIN and
 *               nothing else, under seccomp
 *   writer      owns the ledger; no rights
 *   guesser     nDPI: names the protocol of what no reader knows; no rights, no files
 *   dnstap      listens to resolvers' own logs (dnstap_server.h); no rights, one socket
 *
 * Enforcer and supervisor give lines to the writer by rings in shared memory; a full ring
 * loses events, counted, and never delays a packet.  Nobody waits for the guesser (guess.h).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ring.h"
#include "capture/nfqueue.h"
#include "capture/source.h"
#include "enforce/conntrack.h"
#include "enforce/inject.h"
#include "enforce/netfilter.h"
#include "engine/dns_share.h"
#include "engine/dnstap_feed.h"
#include "engine/generation.h"
#include "engine/guess.h"
#include "engine/identity_watch.h"
#include "engine/inline.h"
#include "engine/worker.h"

struct gateway_cfg {
	struct generation_cfg load;    /* borrowed for the run */
	struct generation *generation; /* of `load`; the gateway owns it from now on */
	bool ndpi;
};

/* Run until told to stop.  0, or -errno when it could not start (said in the log). */
int gateway_run(const struct gateway_cfg *cfg);

/* ---- between the processes; private to the gateway's files -------------------------------- */

#define GATEWAY_REPLY_MAX 8192

struct gateway_stats {
	struct worker_stats worker;
	struct inline_stats in_line;
	struct nfqueue_stats queue;
	struct inject_stats inject;
	struct conntrack_stats conntrack;
	struct source_stats source;
	struct dnstap_feed_stats dnstap;
	uint64_t flows_now;
	uint64_t troubles; /* 1u << enum selfcheck_trouble */
};

/*
 * A record of the ring of events is a line's tail, or, its first byte 0, this, the tail and then a
 * trace (model/trace.h) of which the writer makes a file.
 */
struct gateway_packets {
	uint8_t zero;
	uint8_t unused[3];
	uint32_t line_len;
	uint64_t flow_id;
};

struct gateway_process {
	_Atomic int64_t beat_us; /* CLOCK_MONOTONIC of the last sign of life */
	_Atomic bool ready;
};

/* Each process has its own: a child takes over where the one before it ended. */
struct gateway_rings {
	struct ring *events;        /* enforcer -> writer: tails of lines */
	struct ring *notes;         /* supervisor -> writer */
	int dns_fd;                 /* dns_share.h */
	void *identity;             /* identity_watch.h: supervisor -> enforcer */
	struct guess_rings guesses; /* enforcer -> guesser -> enforcer; NULL = no nDPI */
	struct ring *resolvers;     /* dnstap -> enforcer; NULL = no dns.log */
	int dnstap_fd;              /* listens at dns.log; -1 = none */
};

/* A mapping of its own: the guesser has no other.  Numbers only; it writes them all. */
struct gateway_guesser {
	struct gateway_process process;
	_Atomic uint64_t memory, memory_most; /* bytes that nDPI uses, used at most */
	_Atomic uint64_t over_memory; /* guesses that ended as unknown for a cap */
	_Atomic uint64_t answers_lost, ignored;
};

/* The same of the process that listens to resolvers: struct dnstap_server_stats. */
struct gateway_dnstap {
	struct gateway_process process;
	_Atomic uint32_t connections;
	_Atomic uint64_t opened, refused, broken, messages, others, unusable, lost;
	_Atomic int64_t last_us; /* CLOCK_MONOTONIC; 0 = nothing came yet */
};

/* In shared memory; one writer a field.  No pointers: whoever writes here is not believed. */
struct gateway_shared {
	struct gateway_process enforcer, writer;
	_Atomic uint64_t put;     /* events given to the ring */
	_Atomic uint64_t taken;   /* events that left the rings for the writer's buffer */
	_Atomic uint64_t written; /* of these, handed to the kernel */
	_Atomic uint64_t lost;    /* found the ring full, or died with a writer */
	_Atomic int write_error;  /* 0 or -errno of the ledger */
	_Atomic uint64_t packets_lost; /* traces that found the ring full */
	_Atomic uint64_t packets_kept, packets_removed, packets_failed; /* the writer's */
	_Atomic uint64_t seal_seq;   /* of its last seal; 0 = none yet */
	_Atomic int64_t seal_us;     /* when that was, since 1970 */
	_Atomic uint64_t seal_epoch; /* of the key in use */
	_Atomic bool writer_stop;    /* write what is there, then end */
	_Atomic uint32_t mark;       /* allow mark in force, for a new enforcer */
	_Atomic int mode;            /* enum mode */
	int64_t adopt_until_us;
	int64_t start_us, start_mono_us; /* real time; CLOCK_MONOTONIC */
	bool can_events, can_accounting;
	_Atomic bool acct_was_off; /* nf_conntrack_acct was 0 before the first of us */
	struct dns_share dns;
	struct identity_share identity;
	_Atomic uint64_t stats_version; /* even = stable */
	struct gateway_stats stats;
};

enum gateway_order_kind {
	GATEWAY_USE, /* load the files again: they must give `name`; use them, `mode`, `mark` */
	GATEWAY_MODE, /* use `mode` and `mark` */
	GATEWAY_STOP
};

struct gateway_order {
	enum gateway_order_kind kind;
	enum mode mode;
	uint32_t mark;
	char name[GENERATION_NAME_LEN + 1];
};

struct gateway_reply {
	bool ok;
	char text[GATEWAY_REPLY_MAX];
};

/* Monotonic microseconds. */
int64_t gateway_monotonic_us(void);

/* The whole life of each; what they return is the exit status. */
int enforcer_main(const struct gateway_cfg *cfg, struct gateway_shared *sh,
		  const struct gateway_rings *rings, int order_fd);
int writer_main(const struct gateway_cfg *cfg, struct gateway_shared *sh,
		const struct gateway_rings *rings);
int guesser_main(const struct gateway_cfg *cfg, struct gateway_guesser *sh,
		 const struct gateway_rings *rings);
int dnstap_main(const struct gateway_cfg *cfg, struct gateway_dnstap *sh,
		const struct gateway_rings *rings);

/*
 * Give up every right but those named, become `user` (NULL or unknown: stay, without rights)
 * and let the kernel kill the process at any system call that it has no need of.  The guesser
 * also gets limits: no descriptors, no processes, and 128 MiB of memory above what it has now;
 * and so does the listener to resolvers, but for its connections.
 */
enum confine_role {
	CONFINE_ENFORCER,
	CONFINE_WRITER,
	CONFINE_GUESSER,
	CONFINE_DNSTAP
};
int confine(enum confine_role role, const char *user, bool net_admin, char error[300]);

#endif /* ENGINE_GATEWAY_H */
