/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_verify - a sealed ledger, changed as the input says: bytes put over, in, and out of its
 * segment and its sidecar, lines taken out as if their time had passed, and what is left of the
 * input as epochs.jsonl.
 *
 * Properties: what is called proven is, byte for byte, what was sealed; a beginning that nobody
 * sealed away is a finding.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "large.h"
#include "record/ledger.h"
#include "record/verify.h"

#define LINES      40
#define SIGNATURES 32   /* more than the ledger has */
#define SIGNED_MAX 1024 /* the domain too; a seal has some 400 */
#define TAIL(type)                                                         \
	"\"time\":\"2026-09-21T10:00:00.000000Z\",\"type\":\"" type        \
	"\",\"sensor\":\"s\",\"generation\":\"00ff\",\"mode\":\"replay\"," \
	"\"what\":\"x\"}\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/dev/shm/weir-fuzz-verify-XXXXXX";
static const char *const names[] = {"000001.jsonl", "000001.tags", "epochs.jsonl",
				    "ledger.pub"};
static struct {
	bool made;
	int fd;
	char *text[2]; /* as it was sealed */
	size_t len[2];
	uint8_t root[SIGN_KEY];
} sealed;

static void demand(bool holds)
{
	if (!holds)
		abort();
}

__attribute__((destructor)) static void clean_up(void)
{
	if (!sealed.made)
		return;
	for (unsigned i = 0; i < 4; i++)
		(void)unlinkat(sealed.fd, names[i], 0);
	(void)close(sealed.fd);
	(void)rmdir(folder);
	free(sealed.text[0]);
	free(sealed.text[1]);
}

/*
 * What was signed is checked by libcrypto once: the same signature of the same bytes by the same
 * key stays right, and most seals of most inputs are as they were made.  What is not right is
 * checked each time.
 */
struct signature {
	uint8_t key[SIGN_KEY], made[SIGN_SIGNATURE];
	size_t len;
	char text[SIGNED_MAX]; /* the domain, then the text */
};

bool __real_sign_check(const uint8_t public_key[SIGN_KEY], struct str domain,
		       struct str text, const uint8_t signature[SIGN_SIGNATURE]);
bool __wrap_sign_check(const uint8_t public_key[SIGN_KEY], struct str domain,
		       struct str text, const uint8_t signature[SIGN_SIGNATURE]);

static bool is_signature(const struct signature *s, const struct signature *of)
{
	return s->len == of->len && memcmp(s->made, of->made, sizeof(s->made)) == 0 &&
	       memcmp(s->key, of->key, sizeof(s->key)) == 0 &&
	       memcmp(s->text, of->text, s->len) == 0;
}

bool __wrap_sign_check(const uint8_t public_key[SIGN_KEY], struct str domain,
		       struct str text, const uint8_t signature[SIGN_SIGNATURE])
{
	static struct signature right[SIGNATURES + 1]; /* the last one is asked for */
	static size_t count;
	struct signature *s = &right[SIGNATURES];

	if (domain.len + text.len > SIGNED_MAX)
		return __real_sign_check(public_key, domain, text, signature);
	memcpy(s->key, public_key, SIGN_KEY);
	memcpy(s->made, signature, SIGN_SIGNATURE);
	memcpy(s->text, domain.p, domain.len);
	memcpy(s->text + domain.len, text.p, text.len);
	s->len = domain.len + text.len;
	for (size_t i = 0; i < count; i++)
		if (is_signature(&right[i], s))
			return true;
	if (!__real_sign_check(public_key, domain, text, signature))
		return false;
	if (count < SIGNATURES)
		right[count++] = *s;
	return true;
}

static void make_ledger(void)
{
	static const char *const tails[] = {TAIL("system"), TAIL("flow"), TAIL("dns")};
	const struct ledger_seals seals = {.events = 7, .epoch_us = 1000};
	struct ledger_cfg cfg = {.fd = -1, .seals = &seals};
	struct ledger *l = NULL;
	struct ledger_state st;
	char error[300], path[100];

	demand(mkdtemp(folder) != NULL);
	cfg.dir = folder;
	demand(ledger_open(&cfg, &l, error) == 0);
	for (int64_t i = 0; i < LINES; i++) {
		demand(ledger_append(l, tails[i % 3], strlen(tails[i % 3])) == 0);
		demand(ledger_tick(l, 1790000000000000 + i, 1 + i * 100) == 0);
	}
	demand(ledger_state(l, &st));
	memcpy(sealed.root, st.root_public, SIGN_KEY);
	demand(ledger_close(l) == 0);
	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		demand(file_read(path, 1 << 20, &sealed.text[i], &sealed.len[i]) == 0);
	}
	sealed.fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	demand(sealed.fd >= 0);
	sealed.made = true;
}

static void put(const char *name, const void *data, size_t size)
{
	const int fd =
		openat(sealed.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	demand(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t)size));
	(void)close(fd);
}

/* The bytes of the first n lines. */
static size_t bytes_of(const char *text, size_t len, uint64_t n)
{
	size_t at = 0;

	while (n-- > 0) {
		const char *end = memchr(text + at, '\n', len - at);

		demand(end != NULL);
		at = (size_t)(end - text) + 1;
	}
	return at;
}

/* Of a line its number and digest stay. */
static void take_out(char *text, size_t len, size_t at)
{
	uint8_t digest[CHAIN_DIGEST];
	uint64_t seq;
	char *end;

	while (at > 0 && text[at - 1] != '\n')
		at--;
	end = memchr(text + at, '\n', len - at);
	if (end == NULL ||
	    !line_seq((struct str){text + at, (size_t)(end - text) - at}, &seq))
		return;
	line_digest((struct str){text + at, (size_t)(end - text) - at}, digest);
	(void)expired_format(seq, digest, text + at, (size_t)(end - text) - at);
}

/* Five bytes say what to do and where, or three; returns how many of the input were used. */
static size_t change(char *text[2], size_t len[2], const uint8_t *d, size_t left)
{
	const unsigned which = d[0] & 1, what = (d[0] >> 1) & 3;
	const size_t at = (size_t)(d[1] << 8 | d[2]) % (len[which] + 1);
	const size_t rest = len[which] - at;
	size_t n = (size_t)(d[3] << 8 | d[4]);
	char *t = text[which];

	if ((d[0] & 8) != 0 && which == 0) {
		take_out(t, len[0], at);
		return 3;
	}
	if (what == 0) { /* out */
		n = n < rest ? n : rest;
		memmove(t + at, t + at + n, rest - n);
		len[which] -= n;
		return 5;
	}
	if (what == 1) { /* a copy of n bytes from elsewhere in the file, at its end */
		n = n < rest ? n : rest;
		memmove(t + len[which], t + at, n);
		len[which] += n;
		return 5;
	}
	n = n % 300 < left - 5 ? n % 300 : left - 5;
	if (what == 2) { /* over */
		n = n < rest ? n : rest;
	} else { /* in */
		memmove(t + at + n, t + at, rest);
		len[which] += n;
	}
	memcpy(t + at, d + 5, n);
	return 5 + n;
}

static void check(char *const text[2], const size_t len[2])
{
	static struct ledger_proof p;
	const struct verify_cfg cfg = {
		.dir = folder, .root = sealed.root, .alone = true, .still = true};
	size_t proven;

	if (ledger_verify(&cfg, &p) != 0)
		return;
	demand(p.first_seq == 1 || p.finding_count > 0);
	if (p.first_seq != 1 || p.sound_seq == 0)
		return;
	proven = bytes_of(text[0], len[0], p.sound_seq);
	demand(proven <= sealed.len[0]);
	demand(memcmp(text[0], sealed.text[0], proven) == 0);
	demand(p.finding_count > 0 || p.sound_seq + p.unsealed == p.last_seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text[2];
	size_t len[2];
	unsigned changes = 0;

	if (!sealed.made)
		make_ledger();
	for (unsigned i = 0; i < 2; i++) {
		len[i] = sealed.len[i];
		text[i] = malloc(len[i] + (size_t)4 * 65536);
		demand(text[i] != NULL);
		memcpy(text[i], sealed.text[i], len[i]);
	}
	while (size >= 5 && changes++ < 4) {
		const size_t used = change(text, len, data, size);

		data += used;
		size -= used;
	}
	put(names[0], text[0], len[0]);
	put(names[1], text[1], len[1]);
	put(names[2], data, size);
	check(text, len);
	free(text[0]);
	free(text[1]);
	large_end();
	return 0;
}
