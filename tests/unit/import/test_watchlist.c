/* SPDX-License-Identifier: Apache-2.0 */
#include "import/watchlist.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_row(const char *subnet, const char *name, bool formula,
		       const char *want)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(watchlist_row(out, str_of(subnet), str_of(name), STR("T")),
			 formula);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, want);
	free(text);
}

static void rows_are_rfc_4180(void **state)
{
	(void)state;
	assert_row("10.0.0.0/8", "munich inside", false,
		   "10.0.0.0/8,munich inside,\"[\"\"T\"\"]\"\r\n");
	assert_row("10.0.0.0/8", "a,b", false, "10.0.0.0/8,\"a,b\",\"[\"\"T\"\"]\"\r\n");
	assert_row("10.0.0.0/8", "say \"x\"\r\n", false,
		   "10.0.0.0/8,\"say \"\"x\"\"\r\n\",\"[\"\"T\"\"]\"\r\n");
}

static void no_cell_is_a_formula(void **state)
{
	static const char *const names[] = {"=1+1", "+1", "-1", "@SUM(A1)", "\tx"};
	char want[100];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(want, sizeof(want), "::/0,'%s,\"[\"\"T\"\"]\"\r\n",
			       names[i]);
		assert_row("::/0", names[i], true, want);
	}
	assert_row("::/0", "=A1,\"x\"", true,
		   "::/0,\"'=A1,\"\"x\"\"\",\"[\"\"T\"\"]\"\r\n");
	assert_row("::/0", "a=1", false, "::/0,a=1,\"[\"\"T\"\"]\"\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_rfc_4180),
		cmocka_unit_test(no_cell_is_a_formula),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
