/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsload - new TLS connections, as many as possible: each a fresh handshake, a small request
 * and its answer.
 *
 * usage: tlsload ADDRESS PORT NAME PATH THREADS SECONDS [COUNT [CA_FILE]]
 *
 * Ends after SECONDS or COUNT connections (0 = no limit), whichever is first.  NAME is sent as
 * server name and verified with CA_FILE.  Prints one JSON object: attempts, failures,
 * by kind: refused or reset, timeout, other; seconds; and the median and 99th percentile of the
 * time of a whole connection, and of its part up to the end of the handshake.  Sockets are blocking with 5 s of patience; a thread a client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX  64
#define TIMES_MAX    200000
#define PATIENCE_S   5
#define ANSWER_BYTES 16384

struct job {
	SSL_CTX *tls;
	struct sockaddr_storage to;
	socklen_t to_len;
	char *name; /* not const: OpenSSL's macro casts that away */
	char request[600];
	int64_t until_us;
	long count; /* 0 = no limit */
	atomic_long begun;
};

struct worker {
	pthread_t thread;
	struct job *job;
	long attempts, reset, timeout, other;
	uint32_t *times_us, *tls_us; /* whole; up to the end of the handshake */
	size_t times;
	int64_t tls_at_us; /* end of the last handshake */
};

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A connected socket, or -1 and errno. */
static int dial(const struct job *j)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	const int one = 1;
	int fd = socket(j->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)&j->to, j->to_len) != 0) {
		int e = errno;
		(void)close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

/* Handshake, request, answer up to its end.  True when all of it came. */
static bool exchange(const struct job *j, int fd, int64_t *ret_tls_at_us)
{
	char answer[ANSWER_BYTES];
	SSL *s = SSL_new(j->tls);
	bool good = false;
	if (s == NULL)
		return false;
	if (SSL_set_fd(s, fd) == 1 && SSL_set_tlsext_host_name(s, j->name) == 1 &&
	    SSL_set1_host(s, j->name) == 1) {
		errno = 0;
		const bool agreed = SSL_connect(s) == 1;
		*ret_tls_at_us = now_us();
		if (agreed && SSL_write(s, j->request, (int)strlen(j->request)) > 0) {
			int n = SSL_read(s, answer, sizeof(answer));
			good = n > 12 && memcmp(answer + 9, "200", 3) == 0;
			while (good && n > 0)
				n = SSL_read(s, answer, sizeof(answer));
			if (good)
				(void)SSL_shutdown(s);
		}
	}
	SSL_free(s);
	ERR_clear_error();
	return good;
}

static void one_connection(struct worker *w)
{
	const int64_t begin = now_us();
	int fd = dial(w->job);
	bool good = fd >= 0 && exchange(w->job, fd, &w->tls_at_us);
	int e = errno;
	if (fd >= 0)
		(void)close(fd);
	w->attempts++;
	if (good) {
		if (w->times < TIMES_MAX) {
			w->tls_us[w->times] = (uint32_t)(w->tls_at_us - begin);
			w->times_us[w->times++] = (uint32_t)(now_us() - begin);
		}
	} else if (e == ECONNRESET || e == ECONNREFUSED || e == EPIPE) {
		w->reset++;
	} else if (e == EAGAIN || e == EINPROGRESS || e == ETIMEDOUT) {
		w->timeout++;
	} else {
		w->other++;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct job *j = w->job;
	while (now_us() < j->until_us &&
	       (j->count == 0 || atomic_fetch_add(&j->begun, 1) < j->count))
		one_connection(w);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static bool print(const struct worker *workers, int threads, int64_t took_us)
{
	struct worker sum = {0};
	for (int i = 0; i < threads; i++) {
		sum.attempts += workers[i].attempts;
		sum.reset += workers[i].reset;
		sum.timeout += workers[i].timeout;
		sum.other += workers[i].other;
		sum.times += workers[i].times;
	}
	uint32_t *all = calloc(sum.times + 1, sizeof(*all));
	uint32_t *tls = calloc(sum.times + 1, sizeof(*tls));
	if (all == NULL || tls == NULL) {
		free(all);
		free(tls);
		return false;
	}
	size_t n = 0;
	for (int i = 0; i < threads; i++) {
		memcpy(all + n, workers[i].times_us, workers[i].times * sizeof(*all));
		memcpy(tls + n, workers[i].tls_us, workers[i].times * sizeof(*tls));
		n += workers[i].times;
	}
	qsort(tls, n, sizeof(*tls), by_value);
	qsort(all, n, sizeof(*all), by_value);
	(void)printf(
		"{\"attempts\": %ld, \"failures\": %ld, \"reset\": %ld, \"timeout\": %ld, "
		"\"other\": %ld, \"seconds\": %.6f, \"median_us\": %u, \"p99_us\": %u, "
		"\"tls_median_us\": %u, \"tls_p99_us\": %u}\n",
		sum.attempts, sum.reset + sum.timeout + sum.other, sum.reset, sum.timeout,
		sum.other, (double)took_us / 1e6, all[n / 2], all[n * 99 / 100],
		tls[n / 2], tls[n * 99 / 100]);
	free(all);
	free(tls);
	return true;
}

static bool set_address(struct job *j, const char *address, const char *port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&j->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&j->to;
	const uint16_t number = htons((uint16_t)strtoul(port, NULL, 10));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		j->to_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
		j->to_len = sizeof(*v6);
	} else {
		return false;
	}
	return true;
}

static double number(const char *text)
{
	char *end;
	const double value = strtod(text, &end);
	return end == text || *end != '\0' ? -1 : value;
}

/* Start the clients, wait for them, print.  False when a thread or memory is lacking. */
static bool run(struct job *j, int threads, double seconds)
{
	struct worker *workers = calloc((size_t)threads, sizeof(*workers));
	const int64_t begin = now_us();
	int started = 0;
	bool good = workers != NULL;

	j->until_us = begin + (int64_t)(seconds * 1e6);
	for (int i = 0; good && i < threads; i++) {
		workers[i].job = j;
		workers[i].times_us = calloc(TIMES_MAX, sizeof(uint32_t));
		workers[i].tls_us = calloc(TIMES_MAX, sizeof(uint32_t));
		good = workers[i].times_us != NULL && workers[i].tls_us != NULL &&
		       pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0;
		started += good;
	}
	for (int i = 0; i < started; i++)
		(void)pthread_join(workers[i].thread, NULL);
	good = good && print(workers, threads, now_us() - begin);
	for (int i = 0; workers != NULL && i < threads; i++) {
		free(workers[i].times_us);
		free(workers[i].tls_us);
	}
	free(workers);
	return good;
}

int main(int argc, char **argv)
{
	struct job j = {0};
	if (argc < 7 || argc > 9 || !set_address(&j, argv[1], argv[2])) {
		(void)fprintf(stderr,
			      "usage: tlsload ADDRESS PORT NAME PATH THREADS SECONDS "
			      "[COUNT [CA_FILE]]\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	j.name = argv[3];
	(void)snprintf(j.request, sizeof(j.request),
		       "GET %.250s HTTP/1.0\r\nHost: %.250s\r\n\r\n", argv[4], argv[3]);
	const int threads = (int)number(argv[5]);
	const double seconds = number(argv[6]);
	j.count = argc > 7 ? (long)number(argv[7]) : 0;
	if (threads < 1 || threads > THREADS_MAX || seconds <= 0 || j.count < 0)
		return 2;
	j.tls = SSL_CTX_new(TLS_client_method());
	if (j.tls == NULL)
		return 3;
	(void)SSL_CTX_set_session_cache_mode(j.tls, SSL_SESS_CACHE_OFF);
	bool good = true;
	if (argc > 8) {
		good = SSL_CTX_load_verify_locations(j.tls, argv[8], NULL) == 1;
		SSL_CTX_set_verify(j.tls, SSL_VERIFY_PEER, NULL);
	}
	good = good && run(&j, threads, seconds);
	SSL_CTX_free(j.tls);
	return good ? 0 : 3;
}
