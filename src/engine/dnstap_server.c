/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dnstap_server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/dnstap_feed.h"
#include "engine/gateway.h"

#define BUFFER     (2 * (DNSTAP_FRAME_MAX + 8))
#define ACCEPT_MAX 32 /* a turn */
#define WAIT_MS    50

struct connection {
	int fd; /* -1 = free */
	int64_t since_us;
	bool begun; /* START has come */
	struct dnstap_stream stream;
	size_t at, len; /* of the buffer: read up to, filled up to */
	uint8_t buffer[BUFFER];
};

struct dnstap_server {
	int fd;
	struct ring *out;
	int64_t now_us;
	struct dnstap_server_stats stats;
	struct connection connections[DNSTAP_SERVER_MAX];
};

struct dnstap_server *dnstap_server_create(int fd, struct ring *out)
{
	struct dnstap_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fd = fd;
	s->out = out;
	for (size_t i = 0; i < DNSTAP_SERVER_MAX; i++)
		s->connections[i].fd = -1;
	return s;
}

static void hang_up(struct dnstap_server *s, struct connection *c)
{
	if (c->fd < 0)
		return;
	(void)close(c->fd);
	c->fd = -1;
	s->stats.connections--;
}

void dnstap_server_destroy(struct dnstap_server *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < DNSTAP_SERVER_MAX; i++)
		hang_up(s, &s->connections[i]);
	free(s);
}

static void break_off(struct dnstap_server *s, struct connection *c)
{
	s->stats.broken++;
	hang_up(s, c);
}

/* ---- frames ---- */

static void take(struct dnstap_server *s, struct cursor data)
{
	struct dnstap_told told;

	s->stats.messages++;
	s->stats.last_us = s->now_us;
	switch (dnstap_find(data, &told)) {
	case DNSTAP_ANSWER:
		if (told.answer.left > DNSTAP_DNS_MAX)
			s->stats.unusable++;
		else if (dnstap_feed_put(s->out, &told))
			s->stats.answers++;
		else
			s->stats.lost++;
		return;
	case DNSTAP_OTHER:
		s->stats.others++;
		return;
	case DNSTAP_NO_CLIENT:
	case DNSTAP_NO_DNS:
	case DNSTAP_MALFORMED:
	case DNSTAP_RESULT_COUNT:
		s->stats.unusable++;
		return;
	}
}

/* These few bytes fit a socket that nothing was sent to before, or it is not ours to wait. */
static bool say(const struct connection *c, struct str what)
{
	return send(c->fd, what.p, what.len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)what.len;
}

/* All whole frames of the buffer. */
static void read_frames(struct dnstap_server *s, struct connection *c)
{
	struct cursor data;
	size_t used;

	while (c->fd >= 0) {
		const enum dnstap_step step = dnstap_next(&c->stream, c->buffer + c->at,
							  c->len - c->at, &used, &data);

		c->at += used;
		switch (step) {
		case DNSTAP_MORE:
			return;
		case DNSTAP_DATA:
			take(s, data);
			break;
		case DNSTAP_CONTROL:
			c->begun = true;
			break;
		case DNSTAP_READY:
			if (!say(c, dnstap_accept()))
				break_off(s, c);
			break;
		case DNSTAP_STOPPED:
			(void)say(c, dnstap_finish());
			hang_up(s, c);
			break;
		case DNSTAP_BROKEN:
			break_off(s, c);
			break;
		}
	}
}

static void fill(struct dnstap_server *s, struct connection *c)
{
	ssize_t n;

	memmove(c->buffer, c->buffer + c->at, c->len - c->at);
	c->len -= c->at;
	c->at = 0;
	n = recv(c->fd, c->buffer + c->len, sizeof(c->buffer) - c->len, MSG_DONTWAIT);
	if (n > 0) {
		c->len += (size_t)n;
		read_frames(s, c);
	} else if (n == 0 && c->len > 0) {
		break_off(s, c); /* amid a frame */
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		hang_up(s, c);
	}
}

/* ---- connections ---- */

static struct connection *free_connection(struct dnstap_server *s)
{
	for (size_t i = 0; i < DNSTAP_SERVER_MAX; i++)
		if (s->connections[i].fd < 0)
			return &s->connections[i];
	return NULL;
}

static void take_connections(struct dnstap_server *s)
{
	for (int i = 0; i < ACCEPT_MAX; i++) {
		const int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct connection *c = free_connection(s);

		if (fd < 0)
			return;
		if (c == NULL) {
			(void)close(fd);
			s->stats.refused++;
			continue;
		}
		c->fd = fd;
		c->since_us = s->now_us;
		c->stream = (struct dnstap_stream){.socket = true};
		c->begun = false;
		c->at = c->len = 0;
		s->stats.connections++;
		s->stats.opened++;
	}
}

void dnstap_server_turn(struct dnstap_server *s, int wait_ms, int64_t now_us)
{
	struct pollfd fds[DNSTAP_SERVER_MAX + 1];

	for (size_t i = 0; i < DNSTAP_SERVER_MAX; i++)
		fds[i] = (struct pollfd){.fd = s->connections[i].fd, .events = POLLIN};
	fds[DNSTAP_SERVER_MAX] = (struct pollfd){.fd = s->fd, .events = POLLIN};
	s->now_us = now_us;
	if (poll(fds, DNSTAP_SERVER_MAX + 1, wait_ms) < 0)
		return;
	for (size_t i = 0; i < DNSTAP_SERVER_MAX; i++) {
		struct connection *c = &s->connections[i];

		if (fds[i].revents != 0)
			fill(s, c);
		if (c->fd >= 0 && !c->begun &&
		    now_us - c->since_us > DNSTAP_SERVER_PATIENCE_US)
			break_off(s, c);
	}
	if (fds[DNSTAP_SERVER_MAX].revents != 0)
		take_connections(s);
}

void dnstap_server_stats(const struct dnstap_server *s, struct dnstap_server_stats *ret)
{
	*ret = s->stats;
}

/* ---- the process ----------------------------------------------------------------------------- */

static void publish(const struct dnstap_server *s, struct gateway_dnstap *sh,
		    int64_t now_us)
{
	struct dnstap_server_stats st;

	dnstap_server_stats(s, &st);
	atomic_store(&sh->connections, st.connections);
	atomic_store(&sh->opened, st.opened);
	atomic_store(&sh->refused, st.refused);
	atomic_store(&sh->broken, st.broken);
	atomic_store(&sh->messages, st.messages);
	atomic_store(&sh->others, st.others);
	atomic_store(&sh->unusable, st.unusable);
	atomic_store(&sh->lost, st.lost);
	if (st.last_us != 0)
		atomic_store(&sh->last_us, st.last_us);
	atomic_store(&sh->process.beat_us, now_us);
}

int dnstap_main(const struct gateway_cfg *cfg, struct gateway_dnstap *sh,
		const struct gateway_rings *rings)
{
	enum {
		LISTENER = STDERR_FILENO + 1
	};
	const pid_t parent = getppid();
	struct dnstap_server *s = NULL;
	char error[300] = "out of memory";

	/* Not its business: what is left is the socket, and the ring to the enforcer. */
	ring_destroy(rings->events);
	ring_destroy(rings->notes);
	ring_destroy(rings->guesses.asks);
	ring_destroy(rings->guesses.answers);
	if (rings->dnstap_fd != LISTENER && dup2(rings->dnstap_fd, LISTENER) < 0)
		return 3;
	(void)close_range(LISTENER + 1, ~0u, 0);
	ring_attach(rings->resolvers);
	s = dnstap_server_create(LISTENER, rings->resolvers);
	if (s == NULL || confine(CONFINE_DNSTAP, cfg->generation->config->capture.user,
				 false, error) != 0) {
		log_error("dnstap: %s", error);
		dnstap_server_destroy(s);
		return 3;
	}
	publish(s, sh, gateway_monotonic_us());
	atomic_store(&sh->process.ready, true);
	while (getppid() == parent) {
		const int64_t now = gateway_monotonic_us();

		dnstap_server_turn(s, WAIT_MS, now);
		publish(s, sh, now);
	}
	dnstap_server_destroy(s);
	return 0;
}
