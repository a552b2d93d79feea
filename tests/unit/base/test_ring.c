/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LEAST 4096

static bool push(struct ring *r, unsigned char byte, size_t len)
{
	void *at = ring_reserve(r, len);

	if (at == NULL)
		return false;
	memset(at, byte, len);
	ring_commit(r, len);
	return true;
}

static void assert_next(struct ring *r, unsigned char byte, size_t len)
{
	size_t got = 0;
	const unsigned char *at = ring_peek(r, &got);

	assert_non_null(at);
	assert_int_equal(got, len);
	assert_int_equal((uintptr_t)at % 8, 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(at[i], byte);
	ring_release(r);
}

static void test_records_come_out_in_order(void **state)
{
	struct ring *r = ring_create(1);
	size_t len;

	(void)state;
	assert_non_null(r);
	assert_null(ring_peek(r, &len));
	assert_true(push(r, 1, 10));
	assert_true(push(r, 2, 0));
	assert_true(push(r, 3, 1024));
	assert_next(r, 1, 10);
	assert_next(r, 2, 0);
	assert_next(r, 3, 1024);
	assert_null(ring_peek(r, &len));
	ring_destroy(r);
}

static void test_reserved_record_is_invisible_until_commit(void **state)
{
	struct ring *r = ring_create(LEAST);
	size_t len;

	(void)state;
	assert_non_null(ring_reserve(r, 100));
	assert_null(ring_peek(r, &len));
	assert_non_null(memset(ring_reserve(r, 200), 9, 200)); /* replaces the first */
	ring_commit(r, 50);                                    /* shorter than reserved */
	assert_next(r, 9, 50);
	assert_null(ring_peek(r, &len));
	ring_destroy(r);
}

static void test_peek_repeats_until_release(void **state)
{
	struct ring *r = ring_create(LEAST);
	size_t len;

	(void)state;
	assert_true(push(r, 1, 8));
	assert_true(push(r, 2, 8));
	assert_ptr_equal(ring_peek(r, &len), ring_peek(r, &len));
	assert_next(r, 1, 8);
	ring_release(r); /* without a peek before it: drops nothing */
	assert_next(r, 2, 8);
	ring_destroy(r);
}

static void test_over_a_quarter_is_refused(void **state)
{
	struct ring *r = ring_create(LEAST);

	(void)state;
	assert_null(ring_reserve(r, LEAST / 4 + 1));
	assert_null(ring_reserve(r, SIZE_MAX));
	assert_non_null(ring_reserve(r, LEAST / 4));
	ring_destroy(r);
}

static void test_capacity_is_rounded_up_to_a_power_of_two(void **state)
{
	struct ring *r = ring_create(5000);

	(void)state;
	assert_non_null(ring_reserve(r, 2048));
	assert_null(ring_reserve(r, 2049));
	ring_destroy(r);
	assert_null(ring_create(SIZE_MAX));
	ring_destroy(NULL);
}

static void test_full_ring_refuses_and_recovers(void **state)
{
	struct ring *r = ring_create(LEAST);
	unsigned char n = 0;

	(void)state;
	while (push(r, n, 120)) /* 128 with its length: 32 fill the ring exactly */
		n++;
	assert_int_equal(n, 32);
	assert_null(ring_reserve(r, 0));
	assert_next(r, 0, 120);
	assert_true(push(r, n, 120));
	assert_false(push(r, 99, 120));
	for (unsigned char i = 1; i <= n; i++)
		assert_next(r, i, 120);
	ring_destroy(r);
}

/* Every length at every place of the ring, with one record in it and with two. */
static void test_wrapping_keeps_records_whole(void **state)
{
	struct ring *r = ring_create(LEAST);
	unsigned char n = 0;

	(void)state;
	assert_true(push(r, n, 1));
	for (size_t step = 0; step < 3; step++)
		for (size_t len = 0; len <= LEAST / 4; len++) {
			size_t before = len > 0 ? len - 1 : step == 0 ? 1 : LEAST / 4;

			assert_true(push(r, (unsigned char)(n + 1), len));
			assert_next(r, n, before);
			n++;
		}
	ring_destroy(r);
}

#define RECORDS 200000u

static size_t length_of(uint32_t n)
{
	return sizeof(n) + (n * 2654435761u >> 16) % 200;
}

static void *produce(void *arg)
{
	struct ring *r = arg;

	for (uint32_t n = 0; n < RECORDS; n++) {
		size_t len = length_of(n);
		unsigned char *at = ring_reserve(r, len + n % 9);

		while (at == NULL) {
			(void)sched_yield();
			at = ring_reserve(r, len + n % 9);
		}
		memcpy(at, &n, sizeof(n));
		memset(at + sizeof(n), (int)(n & 0xff), len - sizeof(n));
		ring_commit(r, len);
	}
	return NULL;
}

static bool is_record(const unsigned char *at, size_t len, uint32_t n)
{
	uint32_t got;

	memcpy(&got, at, sizeof(got));
	if (got != n || len != length_of(n))
		return false;
	for (size_t i = sizeof(n); i < len; i++)
		if (at[i] != (n & 0xff))
			return false;
	return true;
}

static void test_two_threads_lose_and_tear_nothing(void **state)
{
	struct ring *r = ring_create(LEAST);
	uint32_t bad = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, produce, r), 0);
	for (uint32_t n = 0; n < RECORDS; n++) {
		size_t len;
		const unsigned char *at = ring_peek(r, &len);

		while (at == NULL) {
			(void)sched_yield();
			at = ring_peek(r, &len);
		}
		bad += is_record(at, len, n) ? 0 : 1;
		ring_release(r);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(bad, 0);
	ring_destroy(r);
}

/* ---- shared memory ------------------------------------------------------------------------ */

static void test_shared_ring_is_a_ring(void **state)
{
	struct ring *r = ring_create_shared(5000);

	(void)state;
	assert_non_null(r);
	assert_non_null(ring_reserve(r, 2048));
	assert_null(ring_reserve(r, 2049));
	for (unsigned char n = 0; n < 100; n++) { /* around the end, too */
		assert_true(push(r, n, 300));
		assert_true(push(r, n, n));
		assert_next(r, n, 300);
		assert_next(r, n, n);
	}
	ring_destroy(r);
	assert_null(ring_create_shared(SIZE_MAX));
	assert_null(ring_create_shared(SIZE_MAX / 4)); /* more than there are addresses */
}

static void test_shared_ring_fills_and_recovers(void **state)
{
	struct ring *r = ring_create_shared(1);
	unsigned char n = 0;

	(void)state;
	assert_non_null(r);
	while (push(r, n, 120))
		n++;
	assert_int_equal(n, LEAST / 128);
	assert_next(r, 0, 120);
	assert_true(push(r, n, 120));
	assert_false(push(r, 99, 120));
	for (unsigned char i = 1; i <= n; i++)
		assert_next(r, i, 120);
	ring_destroy(r);
}

static int status_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool ended(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
	       info.si_pid != 0;
}

/* The next record, or NULL when its producer ended without one. */
static const void *await_record(struct ring *r, pid_t producer, size_t *ret_len)
{
	const void *at = ring_peek(r, ret_len);

	while (at == NULL) {
		const bool last = ended(producer);

		(void)sched_yield();
		at = ring_peek(r, ret_len);
		if (last)
			break;
	}
	return at;
}

static void test_two_processes_lose_and_tear_nothing(void **state)
{
	struct ring *r = ring_create_shared(LEAST);
	uint32_t bad = 0;
	size_t len;
	pid_t pid;

	(void)state;
	assert_non_null(r);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)produce(r);
		ring_destroy(r); /* the child's mapping only */
		_exit(0);
	}
	for (uint32_t n = 0; n < RECORDS && bad == 0; n++) {
		const unsigned char *at = await_record(r, pid, &len);

		bad += at != NULL && is_record(at, len, n) ? 0 : 1;
		ring_release(r);
	}
	if (bad != 0)
		(void)kill(pid, SIGKILL); /* it would wait for room for ever */
	assert_int_equal(bad, 0);
	assert_int_equal(status_of(pid), 0);
	assert_null(ring_peek(r, &len));
	ring_destroy(r);
}

/* What a process published stays when it is gone, also by a signal; what it did not is not. */
static void test_records_outlive_their_producer(void **state)
{
	struct ring *r = ring_create_shared(LEAST);
	size_t len;
	pid_t pid;

	(void)state;
	assert_non_null(r);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		void *at;

		if (!push(r, 7, 100) || !push(r, 8, 200))
			_exit(1);
		at = ring_reserve(r, 300);
		if (at != NULL)
			memset(at, 9, 300); /* never committed */
		(void)raise(SIGKILL);
	}
	assert_int_equal(status_of(pid), 128 + SIGKILL);
	assert_next(r, 7, 100);
	/* The next producer goes on where the last one published. */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(push(r, 10, 50) ? 0 : 1);
	assert_int_equal(status_of(pid), 0);
	assert_next(r, 8, 200);
	assert_next(r, 10, 50);
	assert_null(ring_peek(r, &len));
	ring_destroy(r);
}

/* What a consumer in another process released is room for the producer. */
static void test_room_comes_back_from_another_process(void **state)
{
	struct ring *r = ring_create_shared(LEAST);
	unsigned char n = 0;
	pid_t pid;

	(void)state;
	assert_non_null(r);
	while (push(r, n, 120))
		n++;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		size_t len;

		for (unsigned i = 0; i < 3; i++) {
			if (ring_peek(r, &len) == NULL || len != 120)
				_exit(1);
			ring_release(r);
		}
		/* Looked at and not released: it stays. */
		_exit(ring_peek(r, &len) != NULL ? 0 : 2);
	}
	assert_int_equal(status_of(pid), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(push(r, (unsigned char)(n + i), 120));
	assert_false(push(r, 99, 120));
	for (unsigned char i = 3; i < n + 3; i++)
		assert_next(r, i, 120);
	ring_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_come_out_in_order),
		cmocka_unit_test(test_reserved_record_is_invisible_until_commit),
		cmocka_unit_test(test_peek_repeats_until_release),
		cmocka_unit_test(test_over_a_quarter_is_refused),
		cmocka_unit_test(test_capacity_is_rounded_up_to_a_power_of_two),
		cmocka_unit_test(test_full_ring_refuses_and_recovers),
		cmocka_unit_test(test_wrapping_keeps_records_whole),
		cmocka_unit_test(test_two_threads_lose_and_tear_nothing),
		cmocka_unit_test(test_shared_ring_is_a_ring),
		cmocka_unit_test(test_shared_ring_fills_and_recovers),
		cmocka_unit_test(test_two_processes_lose_and_tear_nothing),
		cmocka_unit_test(test_records_outlive_their_producer),
		cmocka_unit_test(test_room_comes_back_from_another_process),
	};

	return cmocka_run_group_tests_name("base/ring", tests, NULL, NULL);
}
