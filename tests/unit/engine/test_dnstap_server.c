/* SPDX-License-Identifier: Apache-2.0 */
/* Resolvers that tell the running gateway what they answered, and what else may connect. */
#include "engine/dnstap_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "engine/dnstap_feed.h"
#include "engine/listen.h"
#include "identify/witness.h"
#include "sites.h"

#define LOG      "tests/data/unbound.dnstap"
#define MESSAGES 14u
#define REPLIES  7u                              /* to clients */
#define TOLD     6u                              /* to clients of a site */
#define NOW      (INT64_C(1795881600) * 1000000) /* 2026-11-28T16:00:00Z */

static char *bytes, folder[] = "/tmp/weir-dnstap-XXXXXX", path[64];
static size_t len;

struct stage {
	int fd;
	struct ring *ring;
	struct dnstap_server *server;
	struct dnstap_feed *feed;
	struct worker *worker;
	int64_t clock_us;
};

static void ignore_event(void *arg, const struct event_key *key,
			 const struct event_digest *digest, const char *tail, size_t n)
{
	(void)arg;
	(void)key;
	(void)digest;
	(void)tail;
	(void)n;
}

static struct stage open_stage(size_t ring_bytes)
{
	const struct worker_cfg cfg = {.generation = sites,
				       .origin = {.sensor = STR("test")},
				       .sink = {.put = ignore_event}};
	struct stage p = {.fd = listen_at(path, 0600, (gid_t)-1),
			  .ring = ring_create(ring_bytes),
			  .worker = worker_create(&cfg),
			  .clock_us = 1};

	assert_true(p.fd >= 0);
	p.server = dnstap_server_create(p.fd, p.ring);
	p.feed = dnstap_feed_create(p.ring);
	assert_true(p.ring != NULL && p.worker != NULL && p.server != NULL &&
		    p.feed != NULL);
	return p;
}

static void close_stage(struct stage *p)
{
	dnstap_server_destroy(p->server);
	dnstap_feed_destroy(p->feed);
	worker_finish(p->worker, NOW);
	worker_destroy(p->worker);
	ring_destroy(p->ring);
	(void)close(p->fd);
}

static void turn(struct stage *p, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		dnstap_server_turn(p->server, 0, p->clock_us);
}

static int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void say(int fd, const void *data, size_t n)
{
	assert_int_equal(send(fd, data, n, MSG_NOSIGNAL), n);
}

/* What the server has said, or -1: it has hung up, or 0: nothing. */
static ssize_t heard(int fd, uint8_t buf[64])
{
	const ssize_t n = recv(fd, buf, 64, MSG_DONTWAIT);

	return n == 0 ? -1 : n < 0 ? 0 : n;
}

static struct dnstap_server_stats stats(const struct stage *p)
{
	struct dnstap_server_stats st;

	dnstap_server_stats(p->server, &st);
	return st;
}

static struct dnstap_feed_stats fed(struct stage *p)
{
	struct dnstap_feed_stats st;

	while (dnstap_feed_take(p->feed, p->worker, sites, NOW, 3) > 0)
		continue;
	dnstap_feed_stats(p->feed, &st);
	return st;
}

/* READY as libfstrm sends it. */
static const char ready[] = "\0\0\0\0\0\0\0\x22\0\0\0\4\0\0\0\1\0\0\0\x16"
			    "protobuf:dnstap.Dnstap";
static const uint8_t accepted[] = "\0\0\0\0\0\0\0\x22\0\0\0\1\0\0\0\1\0\0\0\x16"
				  "protobuf:dnstap.Dnstap";
static const uint8_t finished[] = {0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 5};

static void what_a_resolver_tells_comes_to_the_worker(void **state)
{
	struct stage p = open_stage(1 << 20);
	const struct addr client = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3}};
	const struct addr server = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 8}};
	uint8_t buf[64];
	const int fd = dial();
	struct dnstap_feed_stats f;

	(void)state;
	turn(&p, 1);
	assert_int_equal(heard(fd, buf), 0);
	say(fd, ready, sizeof(ready) - 1);
	p.clock_us = 77;
	turn(&p, 1);
	assert_int_equal(heard(fd, buf), sizeof(accepted) - 1);
	assert_memory_equal(buf, accepted, sizeof(accepted) - 1);
	say(fd, bytes, len);
	turn(&p, 1);
	assert_int_equal(heard(fd, buf), sizeof(finished));
	assert_memory_equal(buf, finished, sizeof(finished));
	assert_int_equal(heard(fd, buf), -1);
	assert_int_equal(stats(&p).messages, MESSAGES);
	assert_int_equal(stats(&p).answers, REPLIES);
	assert_int_equal(stats(&p).others, MESSAGES - REPLIES);
	assert_int_equal(stats(&p).last_us, 77);
	assert_int_equal(stats(&p).broken + stats(&p).connections, 0);
	f = fed(&p);
	assert_int_equal(f.answers, TOLD);
	assert_int_equal(f.strangers, REPLIES - TOLD);
	assert_int_equal(f.unusable, 0);
	assert_true(witness_confirms(worker_witness(p.worker), &client, &server,
				     STR("www.contoso.example"), NOW));
	assert_true(witness_site_confirms(
		worker_witness(p.worker),
		generation_site_id(sites, generation_site_of(sites, &client)), &server,
		STR("www.contoso.example"), NOW));
	(void)close(fd);
	close_stage(&p);
}

/* Without the handshake, byte by byte, several of them at a time. */
static void several_resolvers_may_tell(void **state)
{
	struct stage p = open_stage(1 << 20);
	int fds[DNSTAP_SERVER_MAX];

	(void)state;
	for (size_t i = 0; i < DNSTAP_SERVER_MAX; i++)
		fds[i] = dial();
	turn(&p, 1);
	assert_int_equal(stats(&p).connections, DNSTAP_SERVER_MAX);
	for (size_t at = 0; at < len; at++) {
		for (size_t i = 0; i < DNSTAP_SERVER_MAX; i++)
			say(fds[i], bytes + at, 1);
		turn(&p, 1);
	}
	assert_int_equal(stats(&p).answers, REPLIES * DNSTAP_SERVER_MAX);
	assert_int_equal(fed(&p).answers, TOLD * DNSTAP_SERVER_MAX);
	for (size_t i = 0; i < DNSTAP_SERVER_MAX; i++)
		(void)close(fds[i]);
	turn(&p, 1);
	assert_int_equal(stats(&p).connections, 0);
	assert_int_equal(stats(&p).broken, 0);
	close_stage(&p);
}

static void one_too_many_is_hung_up(void **state)
{
	struct stage p = open_stage(1 << 20);
	int fds[DNSTAP_SERVER_MAX + 1];
	uint8_t buf[64];

	(void)state;
	for (size_t i = 0; i <= DNSTAP_SERVER_MAX; i++)
		fds[i] = dial();
	turn(&p, 2);
	assert_int_equal(stats(&p).connections, DNSTAP_SERVER_MAX);
	assert_int_equal(stats(&p).refused, 1);
	assert_int_equal(heard(fds[DNSTAP_SERVER_MAX], buf), -1);
	(void)close(fds[0]);
	(void)close(fds[DNSTAP_SERVER_MAX]);
	turn(&p, 1);
	fds[0] = dial();
	turn(&p, 1);
	assert_int_equal(stats(&p).connections, DNSTAP_SERVER_MAX);
	assert_int_equal(stats(&p).refused, 1);
	for (size_t i = 0; i < DNSTAP_SERVER_MAX; i++)
		(void)close(fds[i]);
	close_stage(&p);
}

/* Frames that are none, a log that is cut, and nothing at all: that connection ends, and no other. */
static void who_sends_no_frames_is_hung_up(void **state)
{
	static const char noise[] = "GET / HTTP/1.1\r\n\r\n";
	struct stage p = open_stage(1 << 20);
	const int good = dial(), noisy = dial(), cut = dial(), mute = dial();
	uint8_t buf[64];

	(void)state;
	turn(&p, 1);
	say(good, bytes, len / 2);
	say(noisy, noise, sizeof(noise) - 1);
	say(cut, bytes, len / 2);
	turn(&p, 1);
	assert_int_equal(heard(noisy, buf), -1);
	assert_int_equal(stats(&p).broken, 1);
	(void)close(cut);
	turn(&p, 1);
	assert_int_equal(stats(&p).broken, 2);
	assert_int_equal(heard(mute, buf), 0);
	p.clock_us += DNSTAP_SERVER_PATIENCE_US;
	turn(&p, 1);
	assert_int_equal(heard(mute, buf), 0);
	p.clock_us++;
	turn(&p, 1);
	assert_int_equal(heard(mute, buf), -1);
	assert_int_equal(stats(&p).broken, 3);
	say(good, bytes + len / 2, len - len / 2);
	turn(&p, 1);
	assert_int_equal(stats(&p).connections, 1);
	(void)close(good);
	(void)close(noisy);
	(void)close(mute);
	close_stage(&p);
}

static void a_full_ring_loses_answers_and_nothing_else(void **state)
{
	struct stage p = open_stage(4096);
	const int fd = dial();

	(void)state;
	turn(&p, 1);
	for (unsigned i = 0; i < 10; i++) {
		say(fd, bytes, len);
		turn(&p, 1);
	}
	assert_true(stats(&p).lost > 0);
	assert_int_equal(stats(&p).answers + stats(&p).lost, 10 * REPLIES);
	assert_int_equal(fed(&p).answers + fed(&p).strangers, stats(&p).answers);
	(void)close(fd);
	close_stage(&p);
}

/* ---- the ring ------------------------------------------------------------------------------ */

static const uint8_t dns_answer[] =
	"\0\7\x81\x80\0\1\0\1\0\0\0\0\1a\7example\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"
	"\xc0\0\2\7";

static struct dnstap_told told_at(int64_t time_us)
{
	return (struct dnstap_told){
		.client = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3}},
		.time_us = time_us,
		.answer = cur_init(dns_answer, sizeof(dns_answer) - 1)};
}

/* An answer that a resolver's clock has yet to come to lives no longer for that. */
static void a_time_to_come_is_now(void **state)
{
	struct stage p = open_stage(1 << 20);
	struct dnstap_told t = told_at(NOW + INT64_C(86400000000));
	struct witness_row row;
	size_t rows = 0;

	(void)state;
	assert_true(dnstap_feed_put(p.ring, &t));
	assert_int_equal(fed(&p).answers, 1);
	for (size_t i = 0; i < witness_places(worker_witness(p.worker)); i++)
		if (witness_row_at(worker_witness(p.worker), i, NOW, &row)) {
			rows++;
			assert_int_equal(row.last_us, NOW);
			assert_true(row.until_us <= NOW + INT64_C(300000000));
		}
	assert_int_equal(rows, 2); /* of the client and of its site */
	close_stage(&p);
}

/* A record that says that it is a byte longer than it is. */
static void commit_less_than_a_record(struct stage *p, const struct dnstap_told *t)
{
	struct ring *other = ring_create(4096);
	const void *record;
	uint8_t *at;
	size_t n;

	assert_true(dnstap_feed_put(other, t));
	record = ring_peek(other, &n);
	assert_non_null(record);
	at = ring_reserve(p->ring, n);
	memcpy(at, record, n);
	ring_commit(p->ring, n - 1);
	ring_destroy(other);
}

static void what_is_no_record_is_counted(void **state)
{
	struct stage p = open_stage(1 << 20);
	struct dnstap_told t = told_at(NOW);
	uint8_t *at;

	(void)state;
	for (size_t n = 1; n < 100; n++) { /* cut, too long, other bytes */
		at = ring_reserve(p.ring, n);
		memset(at, (int)n, n);
		ring_commit(p.ring, n);
	}
	assert_int_equal(fed(&p).unusable, 99);
	commit_less_than_a_record(&p, &t);
	assert_int_equal(fed(&p).unusable, 100);
	t.answer.left--; /* no DNS */
	assert_true(dnstap_feed_put(p.ring, &t));
	t.answer.left = 0;
	assert_true(dnstap_feed_put(p.ring, &t));
	t.answer.left = DNSTAP_DNS_MAX + 1;
	assert_false(dnstap_feed_put(p.ring, &t));
	assert_int_equal(fed(&p).unusable, 102);
	assert_int_equal(fed(&p).answers + fed(&p).strangers, 0);
	close_stage(&p);
}

/* ---- the socket ---------------------------------------------------------------------------- */

static void only_a_socket_that_nobody_serves_is_taken_over(void **state)
{
	struct stat st;
	int fd, again;
	FILE *f;

	(void)state;
	fd = listen_at(path, 0620, getgid());
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0620);
	assert_int_equal(listen_at(path, 0600, (gid_t)-1), -EADDRINUSE);
	(void)close(fd);
	again = listen_at(path, 0600, (gid_t)-1);
	assert_true(again >= 0);
	(void)close(again);
	assert_int_equal(unlink(path), 0);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(listen_at(path, 0600, (gid_t)-1), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(listen_at("/nowhere/at/all", 0600, (gid_t)-1), -ENOENT);
	assert_int_equal(
		listen_at("/tmp/a/very/long/name/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
			  0600, (gid_t)-1),
		-ENAMETOOLONG);
}

static int make(void **state)
{
	if (sites_make(state) != 0 || mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/socket", folder);
	return file_read(LOG, 1 << 20, &bytes, &len);
}

static int unmake(void **state)
{
	(void)unlink(path);
	(void)rmdir(folder);
	free(bytes);
	return sites_unmake(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_resolver_tells_comes_to_the_worker),
		cmocka_unit_test(several_resolvers_may_tell),
		cmocka_unit_test(one_too_many_is_hung_up),
		cmocka_unit_test(who_sends_no_frames_is_hung_up),
		cmocka_unit_test(a_full_ring_loses_answers_and_nothing_else),
		cmocka_unit_test(a_time_to_come_is_now),
		cmocka_unit_test(what_is_no_record_is_counted),
		cmocka_unit_test(only_a_socket_that_nobody_serves_is_taken_over),
	};

	return cmocka_run_group_tests_name("engine/dnstap_server", tests, make, unmake);
}
