/* SPDX-License-Identifier: Apache-2.0 */
#include "ship/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"

#define CONNECT_US    INT64_C(10000000)
#define FINISH_US     INT64_C(5000000)
#define SLICE_MS      200    /* how long a stop may wait */
#define UNHEARD_MS    180000 /* without an acknowledgement the connection is dead */
#define MARKS         64
#define ADDRESSES_MAX 16

/* After so many bytes of ours so many had gone into the socket. */
struct mark {
	uint64_t plain, wire;
};

struct peer {
	struct peer_cfg cfg;
	int fd;
	SSL_CTX *context;
	SSL *ssl; /* NULL = in clear */
	uint64_t plain, wire, acknowledged;
	struct mark marks[MARKS];
	size_t first, count;
	char error[PEER_ERROR_MAX];
};

const char *peer_error(const struct peer *p)
{
	return p->error;
}

static int fail(struct peer *p, int rc, const char *what)
{
	(void)snprintf(p->error, sizeof(p->error), "%.100s port %u: %.160s", p->cfg.host,
		       (unsigned)p->cfg.port, what);
	return rc;
}

static int fail_errno(struct peer *p, int error)
{
	return fail(p, -error, strerrordesc_np(error));
}

static bool is_stopped(const struct peer *p)
{
	return p->cfg.stop != NULL && *p->cfg.stop != 0;
}

static int64_t now(const struct peer *p)
{
	return p->cfg.mono.now_us(p->cfg.mono.arg);
}

/* Until the socket may be read or written; 0, -EINTR, -ETIMEDOUT after `until_us`. */
static int wait_for(struct peer *p, short events, int64_t until_us)
{
	struct pollfd w = {.fd = p->fd, .events = events};

	while (!is_stopped(p)) {
		const int n = poll(&w, 1, SLICE_MS);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return fail_errno(p, errno);
		if (until_us != 0 && now(p) > until_us)
			return fail_errno(p, ETIMEDOUT);
	}
	return -EINTR;
}

/* ---- TCP ---------------------------------------------------------------------------------- */

static int dial(struct peer *p, const struct addrinfo *a)
{
	const int on = 1, unheard = UNHEARD_MS;
	socklen_t len = sizeof(int);
	int rc, error = 0;

	p->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd == -1)
		return fail_errno(p, errno);
	(void)setsockopt(p->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(p->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard, sizeof(unheard));
	if (connect(p->fd, a->ai_addr, a->ai_addrlen) == 0)
		return 0;
	rc = errno != EINPROGRESS ? fail_errno(p, errno)
				  : wait_for(p, POLLOUT, now(p) + CONNECT_US);
	if (rc == 0 && getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	return error != 0 ? fail_errno(p, error) : rc;
}

static int resolve_and_dial(struct peer *p)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
	struct addrinfo *list = NULL;
	char port[8];
	int rc;

	(void)snprintf(port, sizeof(port), "%u", (unsigned)p->cfg.port);
	rc = getaddrinfo(p->cfg.host, port, &hints, &list);
	if (rc != 0)
		return fail(p, -EHOSTUNREACH, gai_strerror(rc));
	rc = fail_errno(p, EHOSTUNREACH);
	for (const struct addrinfo *a = list; a != NULL && rc != 0 && rc != -EINTR;
	     a = a->ai_next) {
		if (p->fd != -1)
			(void)close(p->fd);
		p->fd = -1;
		rc = dial(p, a);
	}
	freeaddrinfo(list);
	return rc;
}

/* ---- TLS ---------------------------------------------------------------------------------- */

static int fail_tls(struct peer *p, const char *what)
{
	char text[120] = "";
	char all[200];
	const unsigned long e = ERR_get_error();

	if (e != 0)
		ERR_error_string_n(e, text, sizeof(text));
	ERR_clear_error();
	(void)snprintf(all, sizeof(all), "%.70s%s%.110s", what, e != 0 ? ": " : "", text);
	return fail(p, -EPROTO, all);
}

static int load_files(struct peer *p)
{
	const struct peer_cfg *c = &p->cfg;
	SSL_CTX *x = p->context;

	if (c->ca == NULL && SSL_CTX_set_default_verify_paths(x) != 1)
		return fail_tls(p, "the system's authorities cannot be read");
	if (c->ca != NULL && SSL_CTX_load_verify_file(x, c->ca) != 1)
		return fail_tls(p, "ship.ca cannot be read");
	if (c->cert == NULL)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(x, c->cert) != 1)
		return fail_tls(p, "ship.cert cannot be read");
	if (SSL_CTX_use_PrivateKey_file(x, c->key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(x) != 1)
		return fail_tls(p,
				"ship.key cannot be read, or is of another certificate");
	return 0;
}

/* The name that the certificate has to bear. */
static bool expect_name(struct peer *p)
{
	const char *host = p->cfg.host;
	char indication[256]; /* OpenSSL's macro takes no const */
	struct addr a;

	(void)snprintf(indication, sizeof(indication), "%s", host);
	SSL_set_hostflags(p->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
					  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (addr_parse(host, strlen(host), &a))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(p->ssl), host) == 1;
	return SSL_set1_host(p->ssl, host) == 1 &&
	       SSL_set_tlsext_host_name(p->ssl, indication) == 1;
}

static int start_tls(struct peer *p)
{
	int rc;

	p->context = SSL_CTX_new(TLS_client_method());
	if (p->context == NULL)
		return fail_tls(p, "no memory for TLS");
	SSL_CTX_set_verify(p->context, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_mode(p->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
						   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* We read nothing of worth: an end without a word is an end. */
	(void)SSL_CTX_set_options(p->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (SSL_CTX_set_min_proto_version(p->context, TLS1_2_VERSION) != 1)
		return fail_tls(p, "no TLS 1.2");
	rc = load_files(p);
	if (rc != 0)
		return rc;
	p->ssl = SSL_new(p->context);
	if (p->ssl == NULL || SSL_set_fd(p->ssl, p->fd) != 1 || !expect_name(p))
		return fail_tls(p, "the server's name cannot be asked for");
	return 0;
}

/* What TLS waits for after a call that returned `n`; 0 = it waits for nothing. */
static short wanted(struct peer *p, int n)
{
	switch (SSL_get_error(p->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		return POLLIN;
	case SSL_ERROR_WANT_WRITE:
		return POLLOUT;
	default:
		return 0;
	}
}

static int shake_hands(struct peer *p)
{
	const int64_t until_us = now(p) + CONNECT_US;

	for (;;) {
		const int n = SSL_connect(p->ssl);
		const short events = n == 1 ? 0 : wanted(p, n);
		long verdict;
		int rc;

		if (n == 1)
			return 0;
		verdict = SSL_get_verify_result(p->ssl);
		if (events == 0 && verdict != X509_V_OK) {
			char text[200];

			ERR_clear_error();
			(void)snprintf(text, sizeof(text),
				       "the server's certificate is refused: %s",
				       X509_verify_cert_error_string(verdict));
			return fail(p, -EKEYREJECTED, text);
		}
		if (events == 0)
			return fail_tls(p, "no TLS connection");
		rc = wait_for(p, events, until_us);
		if (rc != 0)
			return rc;
		/* One that sends a byte at a time keeps the poll alive. */
		if (now(p) > until_us)
			return fail_errno(p, ETIMEDOUT);
	}
}

/* ---- both --------------------------------------------------------------------------------- */

int peer_open(const struct peer_cfg *cfg, struct peer **ret, char error[PEER_ERROR_MAX])
{
	struct peer *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL) {
		(void)snprintf(error, PEER_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	p->cfg = *cfg;
	p->fd = -1;
	rc = resolve_and_dial(p);
	if (rc == 0 && cfg->tls)
		rc = start_tls(p);
	if (rc == 0 && cfg->tls)
		rc = shake_hands(p);
	if (rc != 0) {
		(void)snprintf(error, PEER_ERROR_MAX, "%s", p->error);
		peer_close(p);
		return rc;
	}
	p->error[0] = '\0';
	*ret = p;
	return 0;
}

void peer_close(struct peer *p)
{
	if (p == NULL)
		return;
	SSL_free(p->ssl);
	SSL_CTX_free(p->context);
	if (p->fd != -1)
		(void)close(p->fd);
	free(p);
}

/* Bytes that went into the socket; wire counts what TLS made of them. */
static ssize_t write_some(struct peer *p, const char *bytes, size_t len,
			  short *ret_wanted)
{
	ssize_t n;

	*ret_wanted = POLLOUT;
	if (p->ssl == NULL) {
		n = send(p->fd, bytes, len, MSG_NOSIGNAL);
		if (n >= 0)
			p->wire += (uint64_t)n;
		else if (errno == EAGAIN || errno == EINTR)
			n = 0;
		else
			n = fail_errno(p, errno);
		return n;
	}
	ERR_clear_error();
	n = SSL_write(p->ssl, bytes, len > INT32_MAX ? INT32_MAX : (int)len);
	p->wire = BIO_number_written(SSL_get_wbio(p->ssl));
	if (n > 0)
		return n;
	*ret_wanted = wanted(p, (int)n);
	return *ret_wanted != 0 ? 0 : fail_tls(p, "the connection ended");
}

/* Throw away what the peer says; -EPIPE when it closed. */
static int hear(struct peer *p)
{
	char buf[4096];
	ssize_t n;

	for (int i = 0; i < 16; i++) {
		if (p->ssl == NULL) {
			n = recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);
			if (n < 0)
				return errno == EAGAIN || errno == EINTR
					       ? 0
					       : fail_errno(p, errno);
		} else {
			ERR_clear_error();
			n = SSL_read(p->ssl, buf, sizeof(buf));
			if (n <= 0 && wanted(p, (int)n) != 0)
				return 0;
			if (n < 0)
				return fail_tls(p, "the connection ended");
		}
		if (n <= 0)
			return fail(p, -EPIPE, "the receiver closed the connection");
	}
	return 0;
}

static void set_mark(struct peer *p)
{
	if (p->count == MARKS) /* coarser, never sooner */
		p->count--;
	p->marks[(p->first + p->count) % MARKS] =
		(struct mark){.plain = p->plain, .wire = p->wire};
	p->count++;
}

int peer_send(struct peer *p, const char *bytes, size_t len)
{
	while (len > 0) {
		struct pollfd w = {.fd = p->fd, .events = POLLIN};
		short events;
		const ssize_t n = write_some(p, bytes, len, &events);
		int rc;

		if (n < 0)
			return (int)n;
		bytes += n;
		len -= (size_t)n;
		p->plain += (uint64_t)n;
		if (n == 0) {
			rc = wait_for(p, (short)(events | POLLIN), 0);
			if (rc == 0 && poll(&w, 1, 0) > 0)
				rc = hear(p);
			if (rc != 0)
				return rc;
		}
		if (is_stopped(p))
			return -EINTR;
	}
	set_mark(p);
	return 0;
}

uint64_t peer_acknowledged(struct peer *p)
{
	uint64_t there;
	int out = 0;

	if (ioctl(p->fd, SIOCOUTQ, &out) != 0 || out < 0 || (uint64_t)out > p->wire)
		return p->acknowledged;
	there = p->wire - (uint64_t)out;
	while (p->count > 0 && p->marks[p->first].wire <= there) {
		p->acknowledged = p->marks[p->first].plain;
		p->first = (p->first + 1) % MARKS;
		p->count--;
	}
	return p->acknowledged;
}

int peer_wait(struct peer *p, int fd, int timeout_ms)
{
	struct pollfd w[2] = {{.fd = p->fd, .events = POLLIN},
			      {.fd = fd, .events = POLLIN}};

	if (poll(w, 2, timeout_ms) < 0)
		return errno == EINTR ? 0 : fail_errno(p, errno);
	return w[0].revents != 0 ? hear(p) : 0;
}

int peer_finish(struct peer *p)
{
	const int64_t until_us = now(p) + FINISH_US;
	int rc = 0;

	if (p->ssl != NULL)
		(void)SSL_shutdown(p->ssl);
	if (shutdown(p->fd, SHUT_WR) != 0)
		return fail_errno(p, errno);
	while (rc == 0) {
		rc = wait_for(p, POLLIN, until_us);
		if (rc == 0)
			rc = hear(p);
	}
	return rc == -EPIPE ? 0 : rc;
}
