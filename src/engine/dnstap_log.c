/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dnstap_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (2 * (DNSTAP_FRAME_MAX + 8))

struct log {
	const char *path;
	int fd; /* -1 = it has ended */
	struct dnstap_stream stream;
	size_t at, len; /* of the buffer: read up to, filled up to */
	bool waits;     /* an answer is there */
	struct dnstap_answer answer;
	uint8_t buffer[BUFFER];
};

struct dnstap_logs {
	const struct generation *g;
	size_t count;
	struct log *logs[DNSTAP_LOGS_MAX];
	struct log *given; /* its answer is with the caller */
	void (*fault)(void *arg, const char *message);
	void *arg;
	struct dnstap_stats stats;
};

static void end(struct dnstap_logs *l, struct log *log, const char *why)
{
	char message[300];

	if (why != NULL) {
		(void)snprintf(message, sizeof(message), "%.200s: %s", log->path, why);
		l->fault(l->arg, message);
	}
	if (log->fd >= 0)
		(void)close(log->fd);
	log->fd = -1;
}

/* More bytes behind those that are not used up; false: there are none. */
static bool fill(struct dnstap_logs *l, struct log *log)
{
	ssize_t n;

	memmove(log->buffer, log->buffer + log->at, log->len - log->at);
	log->len -= log->at;
	log->at = 0;
	n = read(log->fd, log->buffer + log->len, sizeof(log->buffer) - log->len);
	if (n > 0) {
		log->len += (size_t)n;
		return true;
	}
	end(l, log,
	    n < 0                                 ? strerrordesc_np(errno)
	    : log->len > 0 || log->stream.started ? "the log is cut off"
						  : NULL);
	return false;
}

static void take(struct dnstap_logs *l, struct log *log, struct cursor data)
{
	switch (dnstap_read(data, &log->answer)) {
	case DNSTAP_ANSWER:
		log->waits = generation_site_of(l->g, &log->answer.client) != ID_NONE;
		l->stats.strangers += !log->waits;
		return;
	case DNSTAP_OTHER:
		l->stats.others++;
		return;
	case DNSTAP_NO_CLIENT:
	case DNSTAP_NO_DNS:
	case DNSTAP_MALFORMED:
	case DNSTAP_RESULT_COUNT:
		l->stats.unusable++;
		return;
	}
}

/* Read on to the next answer, or to the end. */
static void advance(struct dnstap_logs *l, struct log *log)
{
	struct cursor data;
	size_t used;

	log->waits = false;
	while (log->fd >= 0 && !log->waits)
		switch (dnstap_next(&log->stream, log->buffer + log->at,
				    log->len - log->at, &used, &data)) {
		case DNSTAP_MORE:
			(void)fill(l, log);
			break;
		case DNSTAP_DATA:
			log->at += used;
			take(l, log, data);
			break;
		case DNSTAP_CONTROL:
			log->at += used;
			break;
		case DNSTAP_READY: /* of sockets */
		case DNSTAP_STOPPED:
		case DNSTAP_BROKEN:
			end(l, log, "no dnstap log, or damaged from here on");
			break;
		}
}

struct dnstap_logs *dnstap_logs_open(const struct generation *g, const char *const *paths,
				     size_t count,
				     void (*fault)(void *arg, const char *message),
				     void *arg)
{
	struct dnstap_logs *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->g = g;
	l->fault = fault;
	l->arg = arg;
	for (size_t i = 0; i < count && i < DNSTAP_LOGS_MAX; i++) {
		struct log *log = calloc(1, sizeof(*log));

		if (log == NULL) {
			dnstap_logs_close(l);
			return NULL;
		}
		l->logs[l->count++] = log;
		log->path = paths[i];
		log->fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (log->fd < 0)
			end(l, log, strerrordesc_np(errno));
		advance(l, log);
	}
	return l;
}

void dnstap_logs_close(struct dnstap_logs *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++) {
		if (l->logs[i]->fd >= 0)
			(void)close(l->logs[i]->fd);
		free(l->logs[i]);
	}
	free(l);
}

const struct dnstap_answer *dnstap_logs_next(struct dnstap_logs *l, int64_t clock_us)
{
	struct log *first = NULL;

	if (l->given != NULL)
		advance(l, l->given);
	for (size_t i = 0; i < l->count; i++) {
		struct log *log = l->logs[i];

		if (log->waits &&
		    (first == NULL || log->answer.time_us < first->answer.time_us))
			first = log;
	}
	l->given = first != NULL && first->answer.time_us <= clock_us ? first : NULL;
	if (l->given == NULL)
		return NULL;
	l->stats.answers++;
	return &first->answer;
}

const struct dnstap_stats *dnstap_logs_stats(const struct dnstap_logs *l)
{
	return &l->stats;
}
