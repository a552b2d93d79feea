/* SPDX-License-Identifier: Apache-2.0 */
#include "record/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	assert_int_equal(p->gaps[0].from_seq, 12);
	assert_int_equal(p->gaps[0].to_seq, 14);
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
		PLACE_TEST(a_step_that_was_cut_short_is_resolved),
	};

	return cmocka_run_group_tests_name("record/seal", tests, NULL, NULL);
}
