/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/identity_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

/* A watch of one file of people in a folder of its own. */
struct watched_scene {
	char folder[32], path[48];
	struct config config;
	struct identity_share share;
	void *places;
	struct identity_watch *watch;
	uint32_t in_use;
	unsigned refusals, restored;
	int64_t mono_us;
	const struct identity *table;
};

static void tell(void *arg, bool fine, const char *text)
{
	struct watched_scene *s = arg;

	assert_non_null(strstr(text, "people.csv"));
	if (fine)
		s->restored++;
	else
		s->refusals++;
}

static void write_people(struct watched_scene *s, const char *text)
{
	char beside[64];
	FILE *f;

	(void)snprintf(beside, sizeof(beside), "%s.new", s->path);
	f = fopen(beside, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(beside, s->path), 0);
}

static void look(struct watched_scene *s)
{
	s->mono_us += 5 * SECOND;
	identity_watch_look(s->watch, &s->config, s->mono_us, false);
}

static void take(struct watched_scene *s)
{
	const struct identity *t = identity_share_take(&s->share, s->places, &s->in_use);

	if (t != NULL)
		s->table = t;
}

static void assert_user(const struct watched_scene *s, const char *want)
{
	const struct addr a = {{[10] = 0xff, 0xff, 10, 0, 0, 1}};
	char buf[IDENTITY_TEXT_MAX + 1];
	size_t len;

	(void)identity_find(s->table, &a, 0, buf, &len);
	buf[len] = '\0';
	assert_string_equal(buf, want);
}

static int make(void **state)
{
	struct watched_scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	memcpy(s->folder, "/tmp/weir-test-XXXXXX", sizeof("/tmp/weir-test-XXXXXX"));
	if (mkdtemp(s->folder) == NULL)
		return -1;
	(void)snprintf(s->path, sizeof(s->path), "%s/people.csv", s->folder);
	s->config.identity.people = s->path;
	s->places = identity_share_create();
	s->watch = identity_watch_create(&s->share, s->places, tell, s);
	*state = s;
	return s->places == NULL || s->watch == NULL ? -1 : 0;
}

static int unmake(void **state)
{
	struct watched_scene *s = *state;

	(void)unlink(s->path);
	(void)rmdir(s->folder);
	identity_watch_destroy(s->watch);
	(void)munmap(s->places, 2 * IDENTITY_BYTES_MAX);
	free(s);
	return 0;
}

static void a_changed_file_is_read_anew(void **state)
{
	struct watched_scene *s = *state;

	write_people(s, "address,user\n10.0.0.1,anna\n");
	look(s);
	take(s);
	assert_user(s, "anna");
	look(s);
	assert_int_equal(atomic_load(&s->share.offered), 1); /* nothing is new */
	write_people(s, "address,user\n10.0.0.1,berta\n");
	look(s);
	assert_user(s, "anna"); /* until it is taken */
	take(s);
	assert_user(s, "berta");
	assert_int_equal(s->refusals, 0);
}

static void nothing_is_looked_at_more_often_than_every_5_s(void **state)
{
	struct watched_scene *s = *state;

	write_people(s, "address,user\n10.0.0.1,anna\n");
	look(s);
	take(s);
	write_people(s, "address,user\n10.0.0.1,berta\n");
	identity_watch_look(s->watch, &s->config, s->mono_us + 5 * SECOND - 1, false);
	take(s);
	assert_user(s, "anna");
	identity_watch_look(s->watch, &s->config, s->mono_us, true);
	take(s);
	assert_user(s, "berta");
}

static void of_a_broken_file_the_old_contents_stay(void **state)
{
	struct watched_scene *s = *state;

	write_people(s, "address,user\n10.0.0.1,anna\n");
	look(s);
	take(s);
	write_people(s, "address,user\nten,anna\n");
	look(s);
	look(s);
	take(s);
	assert_user(s, "anna");
	assert_int_equal(s->refusals, 1); /* said once */
	assert_int_equal(identity_watch_broken(s->watch), 1);
	assert_int_equal(unlink(s->path), 0);
	look(s);
	look(s);
	take(s);
	assert_user(s, "anna");
	assert_int_equal(s->refusals, 2);
	write_people(s, "address,user\n10.0.0.1,berta\n");
	look(s);
	take(s);
	assert_user(s, "berta");
	assert_int_equal(s->restored, 1);
	assert_int_equal(identity_watch_broken(s->watch), 0);
}

/* The table in use is never written to, however often the file changes. */
static void what_is_in_use_is_left_alone(void **state)
{
	struct watched_scene *s = *state;
	const char *const users[] = {"berta", "carla", "doris"};
	char text[64];

	write_people(s, "address,user\n10.0.0.1,anna\n");
	look(s);
	take(s);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(text, sizeof(text), "address,user\n10.0.0.1,%s\n",
			       users[i]);
		write_people(s, text);
		look(s);
		assert_user(s, "anna");
	}
	take(s);
	assert_user(s, "berta");
	look(s); /* what waited */
	take(s);
	assert_user(s, "doris");
}

static void other_files_replace_what_the_old_ones_said(void **state)
{
	struct watched_scene *s = *state;

	write_people(s, "address,user\n10.0.0.1,anna\n");
	look(s);
	take(s);
	s->config.identity.people = NULL;
	look(s);
	take(s);
	assert_user(s, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_changed_file_is_read_anew),
		TEST(nothing_is_looked_at_more_often_than_every_5_s),
		TEST(of_a_broken_file_the_old_contents_stay),
		TEST(what_is_in_use_is_left_alone),
		TEST(other_files_replace_what_the_old_ones_said),
	};

	return cmocka_run_group_tests_name("engine/identity_watch", tests, NULL, NULL);
}
