/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_KEYS_H
#define RECORD_KEYS_H

/*
 * keys - the private key of the present epoch, and the step to the next one.
 *
 * Seals are forward-secure: the seal that ends an epoch names the next key, then the old one is
 * erased, so that who takes the box over tomorrow cannot sign yesterday anew.  A step:
 *
 *   keys_step_begin()   makes the next key; the file holds both, synced
 *   keys_step()         once the seal that names it is signed: memory forgets the old one
 *   keys_step_finish()  once that seal is on the disk: the file holds the new one alone
 *
 * An end between these is resolved by keys_settle() with the key that the ledger named last.
 * Files are replaced whole (written beside, synced, moved), and the bytes of the old one are
 * overwritten with zeros before it goes.  docs/ledger.md says what that can promise.
 *
 * The file KEYS/ledger.key is text: "weir-keys-1", "root HEX" (the public key of epoch 0),
 * "epoch N HEX" (a seed, RFC 8032) once or twice.  It is read as hostile bytes.
 *
 * Threads: one.  Time and randomness: libcrypto's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "record/sign.h"

struct keys {
	int dir_fd; /* -1 = in memory only */
	uint8_t root_public[SIGN_KEY];
	struct sign_key *now, *next; /* next: NULL but during a step */
	uint64_t epoch;
	uint8_t public_key[SIGN_KEY], next_public[SIGN_KEY];
	char fingerprint[FINGERPRINT_LEN + 1];
	bool unfinished; /* the file still holds the key of the epoch before */
};

#define KEYS_DIR_MAX 4200

/* Where the keys of the ledger `dir` are unless something else is configured: "DIR.keys". */
void keys_beside(const char *dir, char buf[KEYS_DIR_MAX]);

/* A root key that is never on a disk. */
int keys_in_memory(struct keys *ret) __attribute__((warn_unused_result));

/*
 * Of the folder `dir`, which keys_create() makes (0700) when it is missing; both own what
 * keys_close() frees.  0 or -errno: -ENOENT no key is there, -EEXIST one is, -EBADMSG it is
 * damaged.
 */
int keys_open(const char *dir, struct keys *ret) __attribute__((warn_unused_result));
int keys_create(const char *dir, struct keys *ret) __attribute__((warn_unused_result));
void keys_close(struct keys *k);

/* After opening: `stepped`, the ledger has named the next key, if there is one. */
int keys_settle(struct keys *k, bool stepped) __attribute__((warn_unused_result));

/* The present key becomes the root of a new ledger. */
int keys_begin_anew(struct keys *k) __attribute__((warn_unused_result));

int keys_step_begin(struct keys *k) __attribute__((warn_unused_result));
void keys_step(struct keys *k);
int keys_step_finish(struct keys *k) __attribute__((warn_unused_result));

/* What the file holds.  Pure. */
struct key_file {
	uint8_t root[SIGN_KEY];
	uint64_t epoch[2];
	uint8_t seed[2][SIGN_KEY];
	unsigned count; /* 1 or 2 */
};

#define KEY_FILE_MAX 512

bool key_file_parse(struct str text, struct key_file *ret);
size_t key_file_format(const struct key_file *f, char buf[KEY_FILE_MAX]);

/* A secret in a folder of keys, to be moved into its place: 0600, the folder's owner's, synced. */
int key_file_write(int dir_fd, const char *name, const void *bytes, size_t len)
	__attribute__((warn_unused_result));

#endif /* RECORD_KEYS_H */
