/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/intern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct intern *create(uint32_t max)
{
	struct intern *t = intern_create(max);

	assert_non_null(t);
	return t;
}

static void assert_text(const struct intern *t, uint32_t number, struct str want)
{
	struct str got = intern_text(t, number);

	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
}

static void equal_texts_have_one_number(void **state)
{
	struct intern *t = create(16);
	char copy[] = "make.powerapps.com";
	uint32_t a = intern_hold(t, STR("make.powerapps.com"));
	uint32_t b = intern_hold(t, str_of(copy));
	uint32_t c = intern_hold(t, STR("make.powerapps.co"));

	(void)state;
	assert_int_not_equal(a, INTERN_NONE);
	assert_int_equal(a, b);
	assert_int_not_equal(a, c);
	memset(copy, 'x', sizeof(copy) - 1);
	assert_text(t, b, STR("make.powerapps.com"));
	assert_text(t, c, STR("make.powerapps.co"));
	intern_destroy(t);
}

static void an_empty_text_has_no_number(void **state)
{
	struct intern *t = create(16);

	(void)state;
	assert_int_equal(intern_hold(t, STR_NONE), INTERN_NONE);
	assert_int_equal(intern_hold(t, STR("")), INTERN_NONE);
	assert_null(intern_text(t, INTERN_NONE).p);
	assert_int_equal(intern_text(t, INTERN_NONE).len, 0);
	intern_release(t, INTERN_NONE);
	assert_int_equal(intern_refused(t), 0);
	intern_destroy(t);
}

static void nuls_and_bytes_that_are_no_text_are_kept(void **state)
{
	static const char a[] = {'a', '\0', 'b', '\xff'}, b[] = {'a', '\0', 'c', '\xff'};
	struct intern *t = create(16);
	uint32_t n = intern_hold(t, (struct str){a, sizeof(a)});

	(void)state;
	assert_int_not_equal(n, intern_hold(t, (struct str){b, sizeof(b)}));
	assert_text(t, n, (struct str){a, sizeof(a)});
	intern_destroy(t);
}

/* Every length, over all size classes and past the greatest. */
static void texts_of_every_length_come_back(void **state)
{
	static char text[INTERN_TEXT_MAX + 100];
	static uint32_t numbers[sizeof(text) + 1];
	struct intern *t = create(2048);

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	for (size_t n = 1; n <= INTERN_TEXT_MAX / 8; n++)
		numbers[n] = intern_hold(t, (struct str){text, n});
	for (size_t n = 1; n <= INTERN_TEXT_MAX / 8; n++)
		assert_text(t, numbers[n], (struct str){text, n});
	for (size_t n = INTERN_TEXT_MAX / 8; n <= INTERN_TEXT_MAX; n++) {
		uint32_t number = intern_hold(t, (struct str){text, n});

		assert_text(t, number, (struct str){text, n});
		intern_release(t, number);
	}
	assert_int_equal(intern_refused(t), 0);
	intern_destroy(t);
}

static void a_longer_text_is_cut(void **state)
{
	static char text[INTERN_TEXT_MAX + 50];
	struct intern *t = create(16);
	uint32_t cut, exact;

	(void)state;
	memset(text, 'u', sizeof(text));
	cut = intern_hold(t, (struct str){text, sizeof(text)});
	exact = intern_hold(t, (struct str){text, INTERN_TEXT_MAX});
	assert_text(t, cut, (struct str){text, INTERN_TEXT_MAX});
	assert_int_equal(cut, exact);
	intern_destroy(t);
}

static void the_last_release_makes_room(void **state)
{
	struct intern *t = create(1);
	uint32_t a = intern_hold(t, STR("first"));

	(void)state;
	assert_int_equal(intern_hold(t, STR("first")), a);
	assert_int_equal(intern_hold(t, STR("other")), INTERN_NONE);
	assert_int_equal(intern_refused(t), 1);
	intern_release(t, a);
	assert_text(t, a, STR("first"));
	assert_int_equal(intern_hold(t, STR("other")), INTERN_NONE);
	assert_int_equal(intern_refused(t), 2);
	intern_release(t, a);
	a = intern_hold(t, STR("other"));
	assert_int_not_equal(a, INTERN_NONE);
	assert_text(t, a, STR("other"));
	assert_int_equal(intern_refused(t), 2);
	intern_destroy(t);
}

#define MODEL_TEXTS 300000u /* several to a bucket */

static struct str model_text(char buf[32], uint32_t i)
{
	int n = snprintf(buf, 32, "host-%u.example", i);

	return (struct str){buf, (size_t)n};
}

/* Chains of the hash table stay whole whichever link is taken out. */
static void texts_that_share_a_bucket_do_not_disturb_each_other(void **state)
{
	struct intern *t = create(MODEL_TEXTS);
	uint32_t *numbers = calloc(MODEL_TEXTS, sizeof(*numbers));
	char buf[32];

	(void)state;
	assert_non_null(numbers);
	for (uint32_t i = 0; i < MODEL_TEXTS; i++)
		numbers[i] = intern_hold(t, model_text(buf, i));
	for (uint32_t i = 0; i < MODEL_TEXTS; i++)
		if (i * 2654435761u % 3 == 0) {
			intern_release(t, numbers[i]);
			numbers[i] = INTERN_NONE;
		}
	for (uint32_t i = 0; i < MODEL_TEXTS; i++) {
		struct str want = model_text(buf, i);

		if (numbers[i] == INTERN_NONE)
			continue;
		assert_text(t, numbers[i], want);
		assert_int_equal(intern_hold(t, want), numbers[i]);
	}
	assert_int_equal(intern_refused(t), 0);
	free(numbers);
	intern_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_texts_have_one_number),
		cmocka_unit_test(an_empty_text_has_no_number),
		cmocka_unit_test(nuls_and_bytes_that_are_no_text_are_kept),
		cmocka_unit_test(texts_of_every_length_come_back),
		cmocka_unit_test(a_longer_text_is_cut),
		cmocka_unit_test(the_last_release_makes_room),
		cmocka_unit_test(texts_that_share_a_bucket_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests_name("engine/intern", tests, NULL, NULL);
}
