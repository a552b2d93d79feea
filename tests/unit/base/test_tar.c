/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The headers are those that tests/tools/evidence_mutate.py and docs/evidence-check.py make. */
static void test_bytes(void **state)
{
	static const char zeros[1024];
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	uint8_t sha256[32], want[32];
	struct tar t;

	(void)state;
	tar_begin(&t, f);
	tar_add(&t, "a.txt", "hello", 5);
	tar_add(&t, "empty", "", 0);
	tar_add(&t, "block", zeros, 512);
	tar_add_sums(&t, "SHA256SUMS");
	assert_int_equal(tar_end(&t, sha256), 0);
	(void)fclose(f);
	/* four headers, a block each of a.txt, block and the list, the end */
	assert_int_equal(len, 512 * 4 + 512 * 3 + 1024);
	assert_string_equal(text, "a.txt");
	assert_string_equal(text + 124, "00000000005");
	assert_memory_equal(text + 257, "ustar\00000", 8);
	assert_memory_equal(text + 512, "hello\0", 6);
	assert_string_equal(text + 1024, "empty");
	assert_string_equal(text + 1536, "block");
	assert_string_equal(text + 2560, "SHA256SUMS");
	assert_memory_equal(text + 3072,
			    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362"
			    "938b9824  a.txt\n",
			    64 + 8);
	assert_memory_equal(text + len - 1024, zeros, 1024);
	digest_sha256(text, len, want);
	assert_memory_equal(sha256, want, sizeof(want));
	free(text);
}

static void test_refused(void **state)
{
	char name[101], *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	uint8_t sha256[32];
	struct tar t;

	(void)state;
	memset(name, 'n', 100);
	name[100] = '\0';
	tar_begin(&t, f);
	tar_add(&t, name, "", 0);
	assert_int_equal(tar_end(&t, sha256), -ENAMETOOLONG);
	tar_begin(&t, f);
	tar_add(&t, "", "", 0);
	assert_int_equal(tar_end(&t, sha256), -ENAMETOOLONG);
	(void)fclose(f);
	free(text);
	f = fopen("/dev/full", "w");
	assert_non_null(f);
	(void)setvbuf(f, NULL, _IONBF, 0);
	tar_begin(&t, f);
	tar_add(&t, "a", "b", 1);
	assert_int_equal(tar_end(&t, sha256), -ENOSPC);
	(void)fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
