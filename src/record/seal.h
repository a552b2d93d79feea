/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_SEAL_H
#define RECORD_SEAL_H

/*
 * seal - the ledger's line that signs the lines before it: written, read, checked.
 *
 * The signature is over "weir-seal-1\n" and the line's own bytes up to, not including,
 * ,"signature": which is its last field.  Reading is strict: fields in the order that
 * seal_format() has, nothing between them; anything else is no seal but some line.
 * docs/ledger.md is the contract.
 *
 * Memory: the caller's.  Threads: none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "record/chain.h"
#include "record/expired.h"
#include "record/sign.h"

#define SEAL_LINE_MAX   2048
#define SEAL_ORIGIN_MAX 512 /* of sensor, generation and mode as they are written */

enum seal_cause {
	SEAL_COUNT = 0, /* so many lines */
	SEAL_TIME,
	SEAL_ROTATION, /* the segment's last line */
	SEAL_START,    /* what the end of a process left unsealed */
	SEAL_STOP,
	SEAL_EPOCH, /* names the key of the next one */
	SEAL_RETENTION,
	SEAL_ORDER,  /* somebody asked for it */
	SEAL_EXPIRY, /* the time of lines of some types has passed */
	SEAL_CAUSE_COUNT
};

/* Segments that were removed, whole and from the beginning. */
struct seal_removed {
	uint64_t first_seq, last_seq;
	uint8_t head[CHAIN_DIGEST]; /* H(last_seq) */
	int64_t from_us, to_us;
};

/* Lines that were taken out of a closed segment (record/expired.h), in all until now. */
struct seal_expired {
	uint64_t first_seq, last_seq; /* the segment's lines */
	unsigned types;               /* 1u << enum expiring */
	uint64_t lines;               /* how many are taken out */
	/*
	 * E(0) = 32 zero bytes, E(k) = SHA-256(E(k-1) || SHA-256(line k of them as it stands
	 * there now)); this is E(lines).
	 */
	uint8_t head[CHAIN_DIGEST];
};

struct seal {
	uint64_t seq;
	int64_t time_us;
	enum seal_cause cause;
	uint64_t first_seq, last_seq;   /* last_seq + 1 = seq */
	uint64_t lines[EXPIRING_COUNT]; /* of these, by type */
	uint8_t head[CHAIN_DIGEST];     /* H(last_seq) */
	bool has_previous;
	uint8_t previous[CHAIN_DIGEST]; /* D of the seal before */
	char key[FINGERPRINT_LEN + 1];
	uint64_t epoch;
	bool has_next_key;
	uint8_t next_key[SIGN_KEY];
	uint64_t recovered; /* lines found unsealed at the start; 0 = not said */
	bool has_removed;
	struct seal_removed removed;
	bool has_expired;
	struct seal_expired expired;
	/* as read */
	uint8_t signature[SIGN_SIGNATURE];
	size_t signed_len; /* of the line */
};

const char *seal_cause_name(enum seal_cause c);

/*
 * The line with its newline; its length, or 0 when it does not fit or cannot be signed.
 * `origin`: "sensor":"...", ... as JSON without a comma at its ends; may be empty.
 */
size_t seal_format(const struct seal *s, struct str origin, const struct sign_key *key,
		   char buf[SEAL_LINE_MAX]);

/* A line without its newline.  False: it is no seal. */
bool seal_parse(struct str line, struct seal *ret);

/* Did the owner of this key sign that line?  The fingerprint is not looked at. */
bool seal_check(struct str line, const struct seal *s,
		const uint8_t public_key[SIGN_KEY]);

/* H(seq) of a seal: all that goes on behind it needs to know. */
void seal_head_behind(const struct seal *s, const uint8_t digest[CHAIN_DIGEST],
		      uint8_t ret[CHAIN_DIGEST]);

/*
 * Sensor, generation and mode of a line, as they are written there; empty when it has none.
 * `line` may begin at "time".
 */
struct str seal_origin_of(struct str line);

/*
 * The last line of the ledger `dir` that has the form of a seal, with its newline and a NUL in
 * buf; nobody has looked at its signature.  0 or -errno: -ENOENT no ledger, -ENODATA no seal.
 */
int seal_last(const char *dir, struct seal *ret, char buf[SEAL_LINE_MAX])
	__attribute__((warn_unused_result));

/* Of a line: its sequence number.  Lines begin {"v":N,"seq":N, whatever their version. */
bool line_seq(struct str line, uint64_t *ret);
/* Its time, when it has one where Weir writes it. */
bool line_time(struct str line, int64_t *ret_us);

#endif /* RECORD_SEAL_H */
