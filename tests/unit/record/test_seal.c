/* SPDX-License-Identifier: Apache-2.0 */
#include "record/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "record/keys.h"
#include "record/ledger.h"
#include "record/verify.h"

/* RFC 8032, section 7.1, test 1. */
static const uint8_t seed[SIGN_KEY] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60,
				       0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
				       0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19,
				       0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
#define PUBLIC "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
/* Of Python's hashlib. */
#define PRINT  "21FE-31DF-A154-A261-626B-F854-046F-D227"
#define H0     "11062e7b034a9d5cd3a08cf446bc6d9635faabe020ff2c79b78ee780666fe355"
#define H1     "437c6157f88fe2c5665b3a6a882681acde34260ca12ee9710949a7e96d0aa163"
#define ORIGIN "\"sensor\":\"a\\\"b\",\"generation\":\"00ff\",\"mode\":\"replay\""

static void the_chain_is_that_of_hashlib(void **state)
{
	uint8_t root[SIGN_KEY], head[CHAIN_DIGEST], digest[CHAIN_DIGEST];
	char hex[65];

	(void)state;
	memset(root, 7, sizeof(root));
	chain_start(root, head);
	hex_format(head, 32, hex);
	/* sha256(b"weir-ledger-1\n" + b"\7" * 32), then sha256(that + sha256(b"a\n")) */
	assert_string_equal(hex, H0);
	chain_digest("a\n", 2, digest);
	chain_add(head, digest);
	hex_format(head, 32, hex);
	assert_string_equal(hex, H1);
}

static void keys_are_those_of_rfc_8032(void **state)
{
	struct sign_key *k = sign_key_of(seed);
	uint8_t public_key[SIGN_KEY], back[SIGN_KEY];
	char hex[65], print[FINGERPRINT_LEN + 1], pem[SIGN_PEM_MAX];
	size_t len;

	(void)state;
	assert_non_null(k);
	assert_true(sign_key_public(k, public_key));
	hex_format(public_key, SIGN_KEY, hex);
	assert_string_equal(hex, PUBLIC);
	fingerprint_format(public_key, print);
	assert_string_equal(print, PRINT);
	assert_true(fingerprint_is(str_of(print)));
	print[0] = 'g';
	assert_false(fingerprint_is(str_of(print)));
	len = sign_pem_format(public_key, pem);
	assert_true(sign_pem_parse((struct str){pem, len}, back));
	assert_memory_equal(back, public_key, SIGN_KEY);
	for (size_t i = 0; i < 80; i++)
		assert_false(sign_pem_parse((struct str){pem, i}, back));
	sign_key_destroy(k);
}

static struct seal example(void)
{
	struct seal s = {.seq = 12,
			 .time_us = 1790000000123456,
			 .cause = SEAL_RETENTION,
			 .first_seq = 5,
			 .last_seq = 11,
			 .has_previous = true,
			 .epoch = 3,
			 .has_next_key = true,
			 .recovered = 2,
			 .has_removed = true,
			 .removed = {.first_seq = 1, .last_seq = 4, .to_us = 1}};

	memcpy(s.key, PRINT, sizeof(s.key));
	memset(s.head, 0xab, sizeof(s.head));
	return s;
}

static void a_seal_is_read_as_it_was_written(void **state)
{
	struct sign_key *k = sign_key_of(seed);
	const struct seal s = example();
	uint8_t public_key[SIGN_KEY];
	char line[SEAL_LINE_MAX], again[SEAL_LINE_MAX];
	struct seal got;
	const size_t len = seal_format(&s, STR(ORIGIN), k, line);
	const struct str text = {line, len - 1};
	const struct str origin = seal_origin_of(text);

	(void)state;
	assert_true(len > 0 && line[len - 1] == '\n');
	assert_true(seal_parse(text, &got));
	assert_int_equal(seal_format(&got, origin, k, again), len);
	assert_memory_equal(again, line, len);
	assert_true(sign_key_public(k, public_key));
	assert_true(seal_check(text, &got, public_key));
	/* No byte of it can be another one. */
	for (size_t i = 0; i < len - 1; i++) {
		memcpy(again, line, len);
		again[i] ^= 1;
		assert_false(seal_parse((struct str){again, len - 1}, &got) &&
			     seal_check((struct str){again, len - 1}, &got, public_key));
		assert_false(seal_parse((struct str){line, i}, &got));
	}
	public_key[0] ^= 1;
	assert_false(seal_check(text, &got, public_key));
	sign_key_destroy(k);
}

static void the_key_file_is_strict(void **state)
{
	struct key_file f = {.epoch = {7, 8}, .count = 2}, got;
	char text[KEY_FILE_MAX], one[KEY_FILE_MAX];
	size_t len;

	(void)state;
	memcpy(f.seed[0], seed, SIGN_KEY);
	len = key_file_format(&f, text);
	assert_true(key_file_parse((struct str){text, len}, &got));
	assert_memory_equal(&got, &f, sizeof(f));
	f.count = 1;
	for (size_t i = 0; i < len; i++)
		if (key_file_parse((struct str){text, i}, &got))
			assert_int_equal(i, key_file_format(&f, one));
	f.count = 2;
	f.epoch[1] = 9;
	len = key_file_format(&f, text);
	assert_false(key_file_parse((struct str){text, len}, &got));
}

/* ---- a ledger ----------------------------------------------------------------------------- */

#define TAIL                                                                             \
	"\"time\":\"2026-09-21T10:00:00.000000Z\",\"type\":\"system\",\"sensor\":\"s\"," \
	"\"mode\":\"replay\",\"what\":\"x\"}\n"

struct place {
	char dir[40], keys[48], saved[60];
};

static struct ledger *open_at(struct place *p, uint32_t events)
{
	const struct ledger_seals seals = {
		.keys = p->keys, .events = events, .epoch_us = 1000000, .wall_us = 5};
	const struct ledger_cfg cfg = {.dir = p->dir, .fd = -1, .seals = &seals};
	struct ledger *l = NULL;
	char error[300];

	assert_int_equal(ledger_open(&cfg, &l, error), 0);
	return l;
}

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct keys k;

	if (p == NULL)
		return -1;
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/weir-seal-XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	(void)snprintf(p->keys, sizeof(p->keys), "%s.keys", p->dir);
	(void)snprintf(p->saved, sizeof(p->saved), "%s/saved", p->keys);
	*state = p;
	if (keys_create(p->keys, &k) != 0)
		return -1;
	keys_close(&k);
	return 0;
}

static void remove_in(const char *dir, const char *name)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
}

static int remove_place(void **state)
{
	struct place *p = *state;

	remove_in(p->dir, "000001.jsonl");
	remove_in(p->dir, "000001.tags");
	remove_in(p->dir, "ledger.pub");
	remove_in(p->keys, "ledger.key");
	remove_in(p->keys, "saved");
	(void)rmdir(p->dir);
	(void)rmdir(p->keys);
	free(p);
	return 0;
}

static void append(struct ledger *l, unsigned n)
{
	while (n-- > 0)
		assert_int_equal(ledger_append(l, TAIL, sizeof(TAIL) - 1), 0);
}

static struct ledger_proof *verify(const struct place *p)
{
	static struct ledger_proof proof;
	const struct verify_cfg cfg = {.dir = p->dir};

	assert_int_equal(ledger_verify(&cfg, &proof), 0);
	return &proof;
}

static void seals_count_lines_and_say_when_it_stopped(void **state)
{
	struct ledger *l = open_at(*state, 10);
	const struct ledger_proof *p;
	struct ledger_state st;

	append(l, 25);
	assert_true(ledger_state(l, &st));
	assert_int_equal(st.seal_seq, 22);
	assert_int_equal(ledger_close(l), 0);
	p = verify(*state);
	assert_int_equal(p->finding_count, 0);
	assert_int_equal(p->seals, 3);
	assert_int_equal(p->sound_seq, 28);
	assert_int_equal(p->unsealed, 0);
	/* The stop was a step, too. */
	l = open_at(*state, 10);
	assert_true(ledger_state(l, &st));
	assert_int_equal(st.epoch, 1);
	append(l, 1);
	assert_int_equal(ledger_close(l), 0);
	p = verify(*state);
	assert_int_equal(p->finding_count, 0);
	assert_int_equal(p->epochs, 2);
	assert_int_equal(p->gap_count, 1);
	assert_int_equal(p->gaps[0].kind, GAP_STOPPED);
}

/* Another process writes, and ends without closing. */
static void what_a_crash_left_is_sealed_at_the_start(void **state)
{
	struct place *at = *state;
	const struct ledger_proof *p;
	const pid_t child = fork();
	char path[100];
	int status;

	if (child == 0) {
		struct ledger *l = open_at(at, 10);

		append(l, 13);
		_exit(ledger_flush(l) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	p = verify(at);
	assert_int_equal(p->finding_count, 0);
	assert_int_equal(p->sound_seq, 11);
	assert_int_equal(p->unsealed, 3);
	assert_int_equal(p->gaps[0].kind, GAP_TAIL);
	(void)snprintf(path, sizeof(path), "%s/000001.tags", at->dir);
	assert_int_equal(truncate(path, 12 * 8 + 3), 0);
	assert_int_equal(ledger_close(open_at(at, 10)), 0);
	p = verify(at);
	assert_int_equal(p->finding_count, 0);
	assert_int_equal(p->sound_seq, 15);
	assert_int_equal(p->gap_count, 1);
	assert_int_equal(p->gaps[0].kind, GAP_CRASHED);
	assert_true(p->gaps[0].from_us > 0);
	assert_int_equal(p->gaps[0].from_seq, 12);
	assert_int_equal(p->gaps[0].to_seq, 14);
}

/* All was sealed when it was killed: the next start tells from when nothing covers time. */
static void an_end_behind_a_seal_is_told(void **state)
{
	static const char start[] =
		"\"time\":\"2027-01-01T00:00:00.000000Z\",\"type\":\"system\",\"what\":"
		"\"start\"}\n";
	struct place *at = *state;
	const struct ledger_proof *p;
	const pid_t child = fork();
	struct ledger *l;
	int status;

	if (child == 0) {
		l = open_at(at, 10);
		append(l, 10);
		_exit(ledger_flush(l) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	l = open_at(at, 10);
	assert_int_equal(ledger_append(l, start, sizeof(start) - 1), 0);
	assert_int_equal(ledger_append(l, start, sizeof(start) - 1), 0);
	assert_int_equal(ledger_close(l), 0);
	p = verify(at);
	assert_int_equal(p->finding_count, 0);
	assert_int_equal(p->gap_count, 1);
	assert_int_equal(p->gaps[0].kind, GAP_ENDED);
	assert_int_equal(p->gaps[0].from_seq, 11);
	assert_int_equal(p->gaps[0].to_seq, 12);
	assert_true(p->gaps[0].from_us > 0);
	assert_true(p->gaps[0].to_us > p->gaps[0].from_us);
}

/* Lines come before their tags, and neither at once: that is nobody's fault. */
static void a_ledger_that_is_written_is_whole(void **state)
{
	struct place *at = *state;
	const pid_t child = fork();
	int status = 0;

	if (child == 0) {
		struct ledger *l = open_at(at, 10);

		for (unsigned i = 0; i < 20000; i++) {
			append(l, 3);
			if (ledger_flush(l) != 0)
				_exit(1);
		}
		_exit(ledger_close(l) == 0 ? 0 : 1);
	}
	while (access(at->dir, F_OK) != 0)
		;
	while (waitpid(child, &status, WNOHANG) == 0) {
		static struct ledger_proof p;
		const struct verify_cfg cfg = {.dir = at->dir};

		if (ledger_verify(&cfg, &p) == 0)
			assert_int_equal(p.finding_count, 0);
	}
	assert_int_equal(status, 0);
	assert_int_equal(verify(at)->finding_count, 0);
}

static void a_step_that_was_cut_short_is_resolved(void **state)
{
	struct place *at = *state;
	struct ledger *l = open_at(at, 10);
	struct keys k;

	append(l, 3);
	assert_int_equal(ledger_close(l), 0);
	/* The next key was saved, and no seal names it. */
	assert_int_equal(keys_open(at->keys, &k), 0);
	assert_int_equal(k.epoch, 1);
	assert_int_equal(keys_step_begin(&k), 0);
	keys_close(&k);
	l = open_at(at, 10);
	append(l, 1);
	assert_int_equal(ledger_close(l), 0);
	assert_int_equal(verify(at)->finding_count, 0);
	assert_int_equal(keys_open(at->keys, &k), 0);
	assert_int_equal(k.epoch, 2);
	assert_null(k.next);
	keys_close(&k);
}

/* ---- a stolen key ------------------------------------------------------------------------- */

/* Three epochs, closed; what the box had when the last one had begun is saved. */
struct theft {
	uint64_t begins;   /* first line of the last epoch */
	off_t bytes, tags; /* of the files then */
	char key[KEY_FILE_MAX];
	char anchor[SEAL_LINE_MAX]; /* the last seal, kept elsewhere */
};

static off_t size_in(const char *dir, const char *name)
{
	char path[100];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void cut_in(const char *dir, const char *name, off_t size)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(truncate(path, size), 0);
}

static void key_file(const struct place *at, char text[KEY_FILE_MAX], bool put)
{
	char path[100];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/ledger.key", at->keys);
	f = fopen(path, put ? "w" : "r");
	assert_non_null(f);
	if (put) {
		assert_true(fputs(text, f) >= 0);
	} else {
		const size_t n = fread(text, 1, KEY_FILE_MAX - 1, f);

		assert_true(n > 0);
		text[n] = '\0';
	}
	assert_int_equal(fclose(f), 0);
}

static void steal(struct place *at, struct theft *t, char first_key[KEY_FILE_MAX])
{
	struct ledger *l = open_at(at, 10);
	struct seal s;

	key_file(at, first_key, false);
	for (int64_t step = 1; step <= 2; step++) {
		append(l, 15);
		assert_int_equal(ledger_tick(l, 5 + step, step * 1000000), 0);
		assert_int_equal(ledger_tick(l, 6 + step, step * 1000000 + 1000001), 0);
	}
	assert_int_equal(ledger_sync(l), 0);
	t->begins = ledger_next_seq(l);
	t->bytes = size_in(at->dir, "000001.jsonl");
	t->tags = size_in(at->dir, "000001.tags");
	key_file(at, t->key, false);
	append(l, 25);
	assert_int_equal(ledger_close(l), 0);
	assert_int_equal(seal_last(at->dir, &s, t->anchor), 0);
	assert_int_equal(verify(at)->finding_count, 0);
}

/* The present epoch is written anew by Weir itself, with the key as it was then. */
static void write_anew(struct place *at, struct theft *t, unsigned lines)
{
	struct ledger *l;

	cut_in(at->dir, "000001.jsonl", t->bytes);
	cut_in(at->dir, "000001.tags", t->tags);
	key_file(at, t->key, true);
	l = open_at(at, 10);
	append(l, lines);
	assert_int_equal(ledger_close(l), 0);
}

/* More epochs: each stop is a step. */
static void write_anew_on(struct place *at)
{
	for (unsigned i = 0; i < 8; i++) {
		struct ledger *l = open_at(at, 10);

		append(l, 20);
		assert_int_equal(ledger_close(l), 0);
	}
}

/* Held against the one anchor; *ret_epoch is the one that it says. */
static const struct ledger_proof *verify_anchored(const struct place *at,
						  const struct theft *t,
						  uint64_t *ret_epoch)
{
	static struct ledger_proof proof;
	struct anchors anchors;
	const struct verify_cfg cfg = {.dir = at->dir, .anchors = &anchors};

	assert_int_equal(anchors_parse(str_of(t->anchor), &anchors), 0);
	assert_int_equal(anchors.count, 1);
	*ret_epoch = anchors.list[0].epoch;
	assert_int_equal(ledger_verify(&cfg, &proof), 0);
	assert_int_equal(proof.finding_count, 1);
	anchors_finish(&anchors);
	return &proof;
}

static void who_has_the_present_key_can_write_its_epoch_alone(void **state)
{
	struct place *at = *state;
	const struct ledger_proof *p;
	uint64_t epoch;
	char first_key[KEY_FILE_MAX];
	struct theft t;

	steal(at, &t, first_key);
	write_anew(at, &t, 30);
	/* Nothing in the folder tells; verify does not say that anything outside would. */
	p = verify(at);
	assert_int_equal(p->finding_count, 0);
	assert_int_equal(p->anchors, 0);
	assert_false(p->key_given);
	p = verify_anchored(at, &t, &epoch);
	assert_int_equal(p->findings[0].fault, FAULT_RESIGNED);
	/* From there on it is in doubt, and what the erased keys have signed is proven yet. */
	assert_int_equal(p->findings[0].seq, t.begins);
	assert_int_equal(p->sound_seq, t.begins - 1);
	assert_true(p->sound_epoch < p->last_epoch);
}

/* A cut at a seal of the thief's own leaves the anchor behind the end. */
static void a_shorter_epoch_is_cut_by_its_anchor(void **state)
{
	struct place *at = *state;
	const struct ledger_proof *p;
	uint64_t epoch;
	char first_key[KEY_FILE_MAX];
	struct theft t;

	steal(at, &t, first_key);
	write_anew(at, &t, 3);
	assert_int_equal(verify(at)->finding_count, 0);
	p = verify_anchored(at, &t, &epoch);
	assert_int_equal(p->findings[0].fault, FAULT_CUT);
	assert_int_equal(p->findings[0].seq, p->last_seq + 1);
	/* What is left of that epoch may be the thief's. */
	assert_int_equal(p->sound_seq, t.begins - 1);
}

/* Who had an older key, too, has another key for the anchor's epoch: then all is in doubt. */
static void an_epoch_of_another_key_proves_nothing_before_it(void **state)
{
	struct place *at = *state;
	const struct ledger_proof *p;
	uint64_t epoch;
	char first_key[KEY_FILE_MAX];
	struct theft t;

	steal(at, &t, first_key);
	t.bytes = t.tags = 0;
	memcpy(t.key, first_key, sizeof(first_key));
	remove_in(at->dir, "ledger.pub");
	write_anew(at, &t, 3);
	write_anew_on(at);
	p = verify_anchored(at, &t, &epoch);
	assert_true(p->last_epoch > epoch);
	assert_int_equal(p->findings[0].fault, FAULT_RESIGNED);
	assert_int_equal(p->findings[0].seq, 1);
	assert_int_equal(p->sound_seq, 0);
}

/* The first epoch's key under the number of the last one, and under its own. */
static void an_older_key_cannot_sign_later_lines(void **state)
{
	struct place *at = *state;
	const struct ledger_proof *p;
	char first_key[KEY_FILE_MAX];
	struct key_file was, now;
	struct theft t;

	steal(at, &t, first_key);
	assert_true(key_file_parse(str_of(first_key), &was));
	assert_true(key_file_parse(str_of(t.key), &now));
	assert_int_equal(was.epoch[0], 0);
	assert_true(now.epoch[now.count - 1] > 1);
	for (unsigned own = 0; own < 2; own++) {
		now.count = 1;
		now.epoch[0] = own == 1 ? 0 : now.epoch[0];
		memcpy(now.seed[0], was.seed[0], SIGN_KEY);
		t.key[key_file_format(&now, t.key)] = '\0';
		write_anew(at, &t, 30);
		p = verify(at);
		assert_true(p->finding_count > 0);
		assert_int_equal(p->findings[0].fault, FAULT_FOREIGN_KEY);
		assert_true(p->findings[0].seq >= t.begins);
		assert_int_equal(p->sound_seq, t.begins - 1);
	}
}

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chain_is_that_of_hashlib),
		cmocka_unit_test(keys_are_those_of_rfc_8032),
		cmocka_unit_test(a_seal_is_read_as_it_was_written),
		cmocka_unit_test(the_key_file_is_strict),
		PLACE_TEST(seals_count_lines_and_say_when_it_stopped),
		PLACE_TEST(what_a_crash_left_is_sealed_at_the_start),
		PLACE_TEST(an_end_behind_a_seal_is_told),
		PLACE_TEST(a_ledger_that_is_written_is_whole),
		PLACE_TEST(a_step_that_was_cut_short_is_resolved),
		PLACE_TEST(who_has_the_present_key_can_write_its_epoch_alone),
		PLACE_TEST(a_shorter_epoch_is_cut_by_its_anchor),
		PLACE_TEST(an_epoch_of_another_key_proves_nothing_before_it),
		PLACE_TEST(an_older_key_cannot_sign_later_lines),
	};

	return cmocka_run_group_tests_name("record/seal", tests, NULL, NULL);
}
