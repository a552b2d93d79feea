/* SPDX-License-Identifier: Apache-2.0 */
#include "record/pseudonym.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* RFC 4231, 4.2, with the key of 20 bytes and zeros behind it, which HMAC pads with anyway. */
static void it_is_hmac_sha256(void **state)
{
	uint8_t key[PSEUDONYM_KEY] = {0};
	struct pseudonyms p;
	char text[PSEUDONYM_LEN + 1];

	(void)state;
	memset(key, 0x0b, 20);
	pseudonyms_init(&p, key);
	pseudonym_format(&p, STR("Hi There"), text);
	assert_string_equal(text, "p-b0344c61d8db3853");
	/* The same again: forming changes nothing. */
	pseudonym_format(&p, STR("Hi There"), text);
	assert_string_equal(text, "p-b0344c61d8db3853");
	/* RFC 4231, 4.3. */
	memset(key, 0, sizeof(key));
	for (size_t i = 0; i < 4; i++)
		key[i] = (uint8_t) "Jefe"[i];
	pseudonyms_init(&p, key);
	pseudonym_format(&p, STR("what do ya want for nothing?"), text);
	assert_string_equal(text, "p-5bdcc146bf60754e");
	assert_true(pseudonym_is(str_of(text)));
}

static void what_is_formed_like_one(void **state)
{
	static const char *const no[] = {"",
					 "p-",
					 "ada",
					 "p-0123456789abcde",
					 "p-0123456789abcdef0",
					 "p-0123456789abcdeF",
					 "q-0123456789abcdef",
					 "p_0123456789abcdef",
					 "p-0123456789abcdeg"};

	(void)state;
	assert_true(pseudonym_is(STR("p-0123456789abcdef")));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (pseudonym_is(str_of(no[i])))
			fail_msg("%s", no[i]);
}

static void write_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(fputc('k', f), 'k');
	assert_int_equal(fclose(f), 0);
}

static void a_key_is_made_once(void **state)
{
	char dir[] = "/tmp/weir-pseudonym-XXXXXX", path[PSEUDONYMS_PATH_MAX], one[32],
	     other[32];
	struct pseudonyms p;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	pseudonyms_path(dir, NULL, path);
	assert_int_equal(pseudonyms_read(path, &p), -ENOENT);
	assert_int_equal(pseudonyms_make(dir), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, PSEUDONYM_KEY);
	assert_int_equal(pseudonyms_read(path, &p), 0);
	pseudonym_format(&p, STR("ada"), one);
	assert_int_equal(pseudonyms_make(dir), -EEXIST);
	assert_int_equal(pseudonyms_read(path, &p), 0);
	pseudonym_format(&p, STR("ada"), other);
	assert_string_equal(one, other);
	pseudonym_format(&p, STR("Ada"), other);
	assert_string_not_equal(one, other);
	assert_int_equal(pseudonyms_random(&p), 0);
	pseudonym_format(&p, STR("ada"), other);
	assert_string_not_equal(one, other);
	for (size_t size = 0; size < 70; size++) {
		if (size == PSEUDONYM_KEY)
			continue;
		write_file(path, size);
		assert_int_equal(pseudonyms_read(path, &p), -EBADMSG);
	}
	write_file(path, PSEUDONYM_KEY);
	assert_int_equal(pseudonyms_read(path, &p), 0);
	assert_int_equal(pseudonyms_read(dir, &p), -EBADMSG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void beside_the_ledger(void **state)
{
	char path[PSEUDONYMS_PATH_MAX];

	(void)state;
	pseudonyms_path(NULL, "/var/lib/weir/", path);
	assert_string_equal(path, "/var/lib/weir.keys/pseudonyms.key");
	pseudonyms_path("/keys", "/var/lib/weir", path);
	assert_string_equal(path, "/keys/pseudonyms.key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_hmac_sha256),
		cmocka_unit_test(what_is_formed_like_one),
		cmocka_unit_test(a_key_is_made_once),
		cmocka_unit_test(beside_the_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
