/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/loader.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES "tests/unit/engine/sites.conf"
#define NOW   (INT64_C(1795521600) * 1000000) /* 2026-11-24T12:00:00Z */

static const struct generation_cfg sites = {.config = SITES, .share = "."};
static const struct generation_cfg nothing = {.config = "tests/unit/engine/none.conf",
					      .share = "."};

static struct loader *create(const struct generation_cfg *cfg)
{
	struct loader *l = loader_create(cfg, false);

	assert_non_null(l);
	return l;
}

static bool is_readable(const struct loader *l, int wait_ms)
{
	struct pollfd p = {.fd = loader_fd(l), .events = POLLIN};

	return poll(&p, 1, wait_ms) == 1 && (p.revents & POLLIN) != 0;
}

static struct generation *load(struct loader *l, char **ret_text)
{
	assert_true(loader_start(l, NOW));
	assert_true(is_readable(l, 60000));
	return loader_take(l, ret_text);
}

static void a_generation_comes_when_asked_for(void **state)
{
	struct loader *l = create(&sites);
	struct generation *g;
	char *text = NULL;

	(void)state;
	assert_false(is_readable(l, 0));
	g = load(l, &text);
	assert_non_null(g);
	assert_int_equal(g->expect_count, 2);
	assert_int_equal(strlen(g->name), GENERATION_NAME_LEN);
	free(text);
	assert_false(is_readable(l, 0));
	generation_destroy(g);
	loader_destroy(l);
}

static void what_is_wrong_is_told(void **state)
{
	struct loader *l = create(&nothing);
	char *text = NULL;

	(void)state;
	assert_null(load(l, &text));
	assert_non_null(text);
	assert_non_null(strstr(text, "none.conf"));
	free(text);
	/* And it may be asked again. */
	assert_null(load(l, &text));
	assert_non_null(strstr(text, "none.conf"));
	free(text);
	loader_destroy(l);
}

static void one_load_at_a_time(void **state)
{
	struct loader *l = create(&sites);
	struct generation *g;
	char *text = NULL;

	(void)state;
	assert_true(loader_start(l, NOW));
	assert_false(loader_start(l, NOW));
	assert_true(is_readable(l, 60000));
	/* It has ended, but nobody has taken it. */
	assert_false(loader_start(l, NOW));
	g = loader_take(l, &text);
	assert_non_null(g);
	free(text);
	generation_destroy(g);
	g = load(l, &text);
	assert_non_null(g);
	free(text);
	generation_destroy(g);
	loader_destroy(l);
}

static void nothing_is_taken_before_the_end(void **state)
{
	struct loader *l = create(&sites);
	char *text = NULL;
	struct generation *g;

	(void)state;
	assert_null(loader_take(l, &text));
	assert_null(text);
	assert_true(loader_start(l, NOW));
	assert_true(is_readable(l, 60000));
	g = loader_take(l, &text);
	assert_non_null(g);
	free(text);
	assert_null(loader_take(l, &text));
	assert_null(text);
	generation_destroy(g);
	loader_destroy(l);
}

/* More than it keeps in line; the sanitizer tells what is lost. */
static void old_generations_are_destroyed(void **state)
{
	struct loader *l = create(&sites);
	char *text = NULL;

	(void)state;
	for (int i = 0; i < 3; i++) {
		loader_discard(l, load(l, &text));
		free(text);
	}
	for (int i = 0; i < 12; i++)
		loader_discard(l, NULL);
	loader_destroy(l);
}

static void it_may_be_destroyed_at_any_time(void **state)
{
	struct loader *l;

	(void)state;
	loader_destroy(NULL);
	loader_destroy(create(&sites));
	l = create(&sites);
	assert_true(loader_start(l, NOW));
	loader_destroy(l);
	l = create(&sites);
	assert_true(loader_start(l, NOW));
	assert_true(is_readable(l, 60000));
	loader_destroy(l); /* what nobody took is its own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_generation_comes_when_asked_for),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(one_load_at_a_time),
		cmocka_unit_test(nothing_is_taken_before_the_end),
		cmocka_unit_test(old_generations_are_destroyed),
		cmocka_unit_test(it_may_be_destroyed_at_any_time),
	};

	return cmocka_run_group_tests_name("engine/loader", tests, NULL, NULL);
}
