/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPTURE_NFQUEUE_H
#define CAPTURE_NFQUEUE_H

/*
 * nfqueue - packets that netfilter queued for a verdict, and the verdicts.
 *
 * Speaks nfnetlink_queue by libmnl.  GSO packets come whole (NFQA_CFG_F_GSO), up to
 * copy_range bytes of each are copied.  A whole burst is received by one recvmmsg(); verdicts
 * are gathered and go out in one send.  NFQNL_MSG_VERDICT_BATCH is never used: it answers all
 * packets up to an id, and so would release packets that are held.
 *
 * Facts (2026-11): an open socket that is not read makes --queue-bypass ineffective;
 * fail_open sets NFQA_CFG_F_FAIL_OPEN, which is for a full queue.  The two are different
 * switches.  Verdicts need CAP_NET_ADMIN for as long as the queue is served.
 *
 * Threads: a queue belongs to one thread.  Memory: all at nfqueue_open(), none a packet.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/gateway.h"

#define NFQUEUE_BURST     64 /* packets that one nfqueue_read() takes at the most */
#define NFQUEUE_ERROR_MAX 300

struct nfqueue_cfg {
	uint16_t number;
	uint32_t copy_range;     /* bytes of a packet; 0 = 20 KiB */
	uint32_t max_packets;    /* waiting in the kernel; 0 = 32,768 */
	uint32_t receive_buffer; /* bytes; 0 = 32 MiB.  SO_RCVBUFFORCE, else SO_RCVBUF */
	bool fail_open; /* a full queue passes packets instead of dropping them */
};

struct nfqueue;

/*
 * Bind to the queue.  0 and *ret (nfqueue_close() frees it), or -errno with a sentence in
 * `error` that says what to do: no CAP_NET_ADMIN, queue taken by another process (EBUSY or
 * EPERM from the kernel), module missing.
 */
int nfqueue_open(const struct nfqueue_cfg *cfg, struct nfqueue **ret,
		 char error[NFQUEUE_ERROR_MAX]) __attribute__((warn_unused_result));
void nfqueue_close(struct nfqueue *q); /* NULL is a no-op; the kernel drops what waits */

int nfqueue_fd(const struct nfqueue *q); /* readable when packets wait */

/*
 * Take what waits, at most NFQUEUE_BURST packets, without blocking; `take` is called for
 * each.  `now_us` becomes time_us and clock_us of the frames (the caller keeps it from going
 * back); numbers count from 1.  Returns how many, 0 when none waits, or -errno of a socket
 * that is no good any more.  Lost messages (ENOBUFS) are counted, not an error.
 */
int nfqueue_read(struct nfqueue *q, int64_t now_us,
		 void (*take)(void *arg, const struct queued_packet *p), void *arg);

/* Gather a verdict.  With set_mark the packet's mark becomes `mark`, all 32 bits. */
void nfqueue_verdict(struct nfqueue *q, uint32_t id, bool accept, bool set_mark,
		     uint32_t mark);

/* Send what was gathered.  0 or -errno; verdicts for packets that are gone are counted. */
int nfqueue_flush(struct nfqueue *q);

/*
 * Look whether packets pass us by because there is no room (fail_open; else nothing is done):
 * the kernel does not count those.  Full means full now, so it must be called often, best
 * before a burst's verdicts go out, and at least every few hundredths of a second.  Costs
 * reading a file of one line.  That a packet came while the queue was full is not sure.
 */
void nfqueue_watch(struct nfqueue *q, int64_t now_us);

struct nfqueue_stats {
	uint64_t packets, bytes; /* bytes: IP lengths, before the copy range cut them */
	uint64_t truncated;      /* longer than the copy range */
	uint64_t accepted, dropped;
	uint64_t receive_lost;   /* times the socket's buffer overflowed (ENOBUFS) */
	uint64_t verdict_failed; /* verdicts that the kernel refused */
	/* with fail_open only, where the kernel counts nothing: */
	uint64_t unread; /* packets that found our socket full, and passed */
	uint64_t full;   /* times that packets passed so, or the queue was seen full */
	int64_t full_from_us;  /* the last time without it before ... */
	int64_t full_until_us; /* ... the last time with it */
	/* from /proc/net/netfilter/nfnetlink_queue when nfqueue_stats() is called: */
	uint64_t waiting, queue_dropped, user_dropped;
	uint64_t
		queued; /* packets that the kernel put into the queue since it was opened */
};
void nfqueue_stats(const struct nfqueue *q, struct nfqueue_stats *ret);

#endif /* CAPTURE_NFQUEUE_H */
