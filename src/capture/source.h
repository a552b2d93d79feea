/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPTURE_SOURCE_H
#define CAPTURE_SOURCE_H

/*
 * source - where frames come from: capture files and live interfaces.  Packets that wait for
 * a verdict come by capture/nfqueue.h.
 *
 * Life: open -> read ... -> close.  Frames borrow memory of the source until the next read.
 * clock_us of a frame is the greatest time seen so far by this source, or by the sources
 * before it: pass the last value through `struct source_clock`.
 *
 * Threads: a source belongs to one thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/frame.h"

enum source_result {
	SOURCE_FRAME = 0, /* *ret is set */
	SOURCE_END,       /* no more, all well */
	SOURCE_DAMAGED, /* no more: the file is cut off or not sound; see source_error() */
	SOURCE_WAIT,    /* live sources: nothing within the time-out */
};

/* Carried from file to file of one run; start with all zero. */
struct source_clock {
	int64_t clock_us;
	uint64_t frames;
};

struct source_stats {
	uint64_t frames;
	uint64_t bytes;          /* on the wire */
	uint64_t truncated;      /* frames cut by the snap length */
	uint64_t odd_link;       /* frames of a link type that Weir does not read */
	uint64_t kernel_dropped; /* live only */
	int64_t first_us, last_us;
};

struct source;

#define SOURCE_ERROR_MAX 300

/*
 * Open a capture file, pcap or pcapng, of any link type of model/frame.h; "-" is standard
 * input.  NULL on failure, with a message in `error` that names the file, what is wrong and
 * what to do.
 */
struct source *source_open_file(const char *path, struct source_clock *clock,
				char error[SOURCE_ERROR_MAX]);

/*
 * Watch a network interface with libpcap; needs CAP_NET_RAW.  source_read() answers
 * SOURCE_WAIT when nothing came for a moment (100 ms at the most), SOURCE_DAMAGED when the
 * interface went away.  Frames that the kernel dropped are counted (kernel_dropped).
 */
struct source_live_cfg {
	const char *interface; /* "any" is refused: its frames have no direction */
	uint32_t snaplen;      /* 0 = whole packets (65,535) */
	uint32_t buffer_bytes; /* of the kernel's ring; 0 = 32 MiB */
	bool promiscuous;
};
struct source *source_open_live(const struct source_live_cfg *cfg,
				struct source_clock *clock, char error[SOURCE_ERROR_MAX]);
int source_fd(const struct source *s); /* to poll; -1 = a file */

enum source_result source_read(struct source *s, struct frame *ret);

/* The same, but a live source never waits. */
enum source_result source_read_now(struct source *s, struct frame *ret);

/* Why the last read answered SOURCE_DAMAGED: frames read so far, place, what is wrong. */
const char *source_error(const struct source *s);

void source_stats(const struct source *s, struct source_stats *ret);
const char *source_name(const struct source *s);
void source_close(struct source *s); /* NULL is a no-op */

/* "libpcap version 1.10.3 ..." for --version. */
const char *capture_library_version(void);

#endif /* CAPTURE_SOURCE_H */
