/* SPDX-License-Identifier: Apache-2.0 */
#include "record/packets.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "model/trace.h"

#define LINE "\"time\":1}\n"

struct bench {
	char dir[32];
	_Alignas(8) char trace[TRACE_MAX];
	size_t len;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -1;
	memcpy(b->dir, "/tmp/weir-packets-XXXXXX", 25);
	*state = b;
	return mkdtemp(b->dir) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	char command[64];
	int rc;

	(void)snprintf(command, sizeof(command), "rm -r %s", b->dir);
	rc = system(command); /* NOLINT(concurrency-mt-unsafe,cert-env33-c) */
	free(b);
	return rc;
}

static void add(struct bench *b, size_t len, unsigned flags)
{
	const struct trace_packet h = {.time_us = 1700000000000001,
				       .wire_len = (uint32_t)len + 4,
				       .len = (uint16_t)len,
				       .flags = (uint16_t)flags};

	memcpy(b->trace + b->len, &h, sizeof(h));
	memset(b->trace + b->len + sizeof(h), 'E', len);
	b->len += TRACE_ROOM(len);
}

static struct str trace_of(const struct bench *b)
{
	return (struct str){b->trace, b->len};
}

static uint32_t number_at(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static bool holds(const uint8_t *p, size_t len, const char *text)
{
	return memmem(p, len, text, strlen(text)) != NULL;
}

/* draft-ietf-opsawg-pcapng 3.1, 4.1 to 4.3: each block's length stands at both of its ends. */
static void the_form_is_pcapng(void **state)
{
	static uint8_t buf[PACKETS_BYTES_MAX];
	static const uint32_t want[] = {0x0a0d0d0a, 1, 6, 6};
	struct bench *b = *state;
	size_t len, at = 0;

	add(b, 41, 0);
	add(b, 60, TRACE_SYNTHESISED);
	len = packets_form(trace_of(b), buf, sizeof(buf));
	for (size_t i = 0; i < 4; i++) {
		const uint32_t block = number_at(buf + at + 4);

		assert_int_equal(number_at(buf + at), want[i]);
		assert_int_equal(block % 4, 0);
		assert_int_equal(number_at(buf + at + block - 4), block);
		assert_int_equal(holds(buf + at, block, "synthesised by weir"), i == 3);
		if (want[i] == 6) {
			assert_int_equal(number_at(buf + at + 12),
					 1700000000000001 >> 32);
			assert_int_equal(number_at(buf + at + 16),
					 1700000000000001 & UINT32_MAX);
			assert_int_equal(number_at(buf + at + 20), i == 2 ? 41 : 60);
			assert_int_equal(number_at(buf + at + 24), i == 2 ? 45 : 64);
			assert_int_equal(buf[at + 28], 'E');
		}
		at += block;
	}
	assert_int_equal(at, len);
}

static void what_is_no_trace_gives_none(void **state)
{
	static uint8_t buf[PACKETS_BYTES_MAX];
	struct bench *b = *state;
	struct trace_packet h;

	assert_int_equal(packets_form(trace_of(b), buf, sizeof(buf)), 0);
	add(b, 40, 0);
	assert_true(packets_form(trace_of(b), buf, sizeof(buf)) > 0);
	for (size_t len = 1; len < b->len; len++)
		assert_int_equal(
			packets_form((struct str){b->trace, len}, buf, sizeof(buf)), 0);
	assert_int_equal(packets_form(trace_of(b), buf, 100), 0);
	memcpy(&h, b->trace, sizeof(h));
	h.len = UINT16_MAX;
	memcpy(b->trace, &h, sizeof(h));
	assert_int_equal(packets_form(trace_of(b), buf, sizeof(buf)), 0);
	assert_int_equal(
		packets_form((struct str){b->trace, TRACE_MAX + 1}, buf, sizeof(buf)), 0);
}

static void the_greatest_file_fits(void **state)
{
	static uint8_t buf[PACKETS_BYTES_MAX];
	struct bench *b = *state;

	while (b->len + TRACE_ROOM(0) <= TRACE_MAX)
		add(b, 0, TRACE_SYNTHESISED | TRACE_REBUILT);
	assert_true(packets_form(trace_of(b), buf, sizeof(buf)) > 0);
}

static bool is_there(const struct bench *b, const char *name, mode_t *ret_mode)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/packets/%s", b->dir, name);
	if (stat(path, &st) != 0)
		return false;
	*ret_mode = st.st_mode & 07777;
	return true;
}

static void a_file_is_named_by_its_flow(void **state)
{
	struct bench *b = *state;
	struct packets *p = packets_create(b->dir, PACKETS_SIZE);
	char line[FORM_LINE_MAX] = LINE, want[256], path[128], hex[65], *text;
	struct packets_kept kept;
	uint8_t digest[32];
	mode_t mode = 0;
	size_t len, size;

	assert_non_null(p);
	assert_false(is_there(b, "", &mode));
	add(b, 40, 0);
	len = packets_keep_of(p, 0xabc, trace_of(b), line, strlen(LINE));
	(void)snprintf(path, sizeof(path), "%s/packets/%s", b->dir,
		       "0000000000000abc.pcapng");
	assert_true(is_there(b, "0000000000000abc.pcapng", &mode));
	assert_int_equal(mode & 07, 0);
	assert_int_equal(file_read(path, 1 << 20, &text, &size), 0);
	assert_int_equal(packets_keep(p, 0xabc, trace_of(b), &kept), 0);
	assert_string_equal(kept.name, "0000000000000abc-2.pcapng");
	(void)snprintf(want, sizeof(want),
		       "\"time\":1,\"packets\":\"0000000000000abc.pcapng\","
		       "\"packets_sha256\":\"%s\"}\n",
		       kept.sha256);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(line, want, len);
	digest_sha256(text, size, digest);
	hex_format(digest, sizeof(digest), hex);
	assert_string_equal(hex, kept.sha256);
	free(text);
	packets_destroy(p);
}

static void a_line_without_room_stays(void **state)
{
	struct bench *b = *state;
	struct packets *p = packets_create(b->dir, PACKETS_SIZE);
	char line[FORM_LINE_MAX];
	struct packets_stats st;
	const size_t len = sizeof(line) - FORM_PACKETS_MAX + 1;

	memset(line, ' ', sizeof(line));
	line[len - 2] = '}';
	line[len - 1] = '\n';
	add(b, 40, 0);
	assert_int_equal(packets_keep_of(p, 1, trace_of(b), line, len), len);
	packets_stats(p, &st);
	assert_int_equal(st.kept, 0);
	assert_int_equal(st.failed, 1);
	line[len - 3] = '}';
	line[len - 2] = '\n';
	assert_true(packets_keep_of(p, 1, trace_of(b), line, len - 1) > len);
	packets_destroy(p);
}

/* A file is of 1,356 bytes here: four fit into 5,500. */
static void the_oldest_go(void **state)
{
	struct bench *b = *state;
	struct packets *p = packets_create(b->dir, 5500);
	struct packets_kept kept;
	struct packets_stats st;
	mode_t mode;

	add(b, 1000, 0);
	for (uint64_t id = 1; id <= 6; id++)
		assert_int_equal(packets_keep(p, id, trace_of(b), &kept), 0);
	packets_stats(p, &st);
	assert_int_equal(st.kept, 6);
	assert_int_equal(st.removed, 2);
	assert_false(is_there(b, "0000000000000002.pcapng", &mode));
	assert_true(is_there(b, "0000000000000003.pcapng", &mode));
	packets_destroy(p);
	/* Those of an earlier run count. */
	p = packets_create(b->dir, 5500);
	assert_int_equal(packets_keep(p, 7, trace_of(b), &kept), 0);
	packets_stats(p, &st);
	assert_int_equal(st.removed, 1);
	assert_true(is_there(b, "0000000000000007.pcapng", &mode));
	packets_destroy(p);
	p = packets_create(b->dir, 100);
	assert_int_equal(packets_keep(p, 8, trace_of(b), &kept), -EFBIG);
	packets_destroy(p);
}

static void a_full_disk_leaves_no_file(void **state)
{
	struct bench *b = *state;
	struct packets *p = packets_create(b->dir, PACKETS_SIZE);
	char line[FORM_LINE_MAX] = LINE;
	struct rlimit was, small;
	struct packets_kept kept;
	struct packets_stats st;
	mode_t mode;

	add(b, 1000, 0);
	assert_int_equal(packets_keep(p, 1, trace_of(b), &kept), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){.rlim_cur = 500, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(packets_keep_of(p, 2, trace_of(b), line, strlen(LINE)),
			 strlen(LINE));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_memory_equal(line, LINE, strlen(LINE));
	assert_false(is_there(b, "0000000000000002.pcapng", &mode));
	assert_int_equal(packets_keep(p, 3, trace_of(b), &kept), 0);
	packets_stats(p, &st);
	assert_int_equal(st.kept, 2);
	assert_int_equal(st.failed, 1);
	packets_destroy(p);
}

static void a_removed_folder_is_made_again(void **state)
{
	struct bench *b = *state;
	struct packets *p = packets_create(b->dir, PACKETS_SIZE);
	struct packets_kept kept;
	char path[128];

	add(b, 40, 0);
	assert_int_equal(packets_keep(p, 1, trace_of(b), &kept), 0);
	(void)snprintf(path, sizeof(path), "%s/packets/%s", b->dir, kept.name);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/packets", b->dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(packets_keep(p, 2, trace_of(b), &kept), -ENOENT);
	assert_int_equal(packets_keep(p, 3, trace_of(b), &kept), 0);
	packets_destroy(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_form_is_pcapng),         TEST(what_is_no_trace_gives_none),
		TEST(the_greatest_file_fits),     TEST(a_file_is_named_by_its_flow),
		TEST(a_line_without_room_stays),  TEST(the_oldest_go),
		TEST(a_full_disk_leaves_no_file), TEST(a_removed_folder_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
