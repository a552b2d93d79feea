/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_PACKETS_H
#define RECORD_PACKETS_H

/*
 * packets - packets of connections as pcapng files beside the ledger: LEDGER/packets/FLOW_ID.pcapng.
 *
 * What lines with `capture` ask for.  The files hold payload; they are 0640 in a folder 0750.
 * All together take at most `size` bytes: the oldest go, counted.  The folder is made when the
 * first file is, and files of earlier runs count.  Files are handed to the kernel, not waited
 * for: whether one is whole its SHA-256 in the event tells.
 *
 * The form is draft-ietf-opsawg-pcapng (2024-08): one section, little-endian, one interface of link
 * type RAW; packets that nobody captured have a comment that says so.  The same trace gives the
 * same bytes.
 *
 * The trace is hostile: it comes from another process by shared memory.
 *
 * Memory: reserved at opening.  Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "record/form.h"

#define PACKETS_FOLDER    "packets"
#define PACKETS_FILES_MAX 65536u               /* more of them, and the oldest go */
#define PACKETS_SIZE      (UINT64_C(64) << 20) /* of all files, by default */
#define PACKETS_BYTES_MAX ((size_t)384 << 10)  /* of any file */
#define PACKETS_NAME_MAX  32
#define PACKETS_SHA_LEN   64

struct packets;

struct packets_stats {
	uint64_t kept;
	uint64_t removed; /* to make room */
	uint64_t failed;  /* not written: no room on the disk, no trace */
};

/* Of the ledger in `dir`, which must outlive it; nothing is touched yet.  NULL: out of memory. */
struct packets *packets_create(const char *dir, uint64_t size);
void packets_destroy(struct packets *p); /* NULL is a no-op */

struct packets_kept {
	char name[PACKETS_NAME_MAX]; /* in the folder */
	char sha256[PACKETS_SHA_LEN + 1];
};

/* Write the trace (model/trace.h) of a connection.  0, or -errno: there is no file. */
int packets_keep(struct packets *p, uint64_t flow_id, struct str trace,
		 struct packets_kept *ret);

/*
 * The same, and the event's line, of `len` bytes as form_flow() made it, gets the file's name and
 * SHA-256.  Its length then; without a file, or room in the line for one, it stays.
 */
size_t packets_keep_of(struct packets *p, uint64_t flow_id, struct str trace,
		       char line[FORM_LINE_MAX], size_t len);

void packets_stats(const struct packets *p, struct packets_stats *ret);

/* The bytes of a file, in `buf`; 0: no packet, or no trace. */
size_t packets_form(struct str trace, uint8_t *buf, size_t size);

#endif /* RECORD_PACKETS_H */
