/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SUPERVISOR_H
#define ENGINE_SUPERVISOR_H

/*
 * supervisor - what the supervisor's files share: its state, and what the control socket may
 * ask of it.  Private to engine.
 */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "engine/gateway.h"
#include "engine/loader.h"

enum child_kind {
	CHILD_ENFORCER,
	CHILD_WRITER,
	CHILD_COUNT
};

struct child {
	pid_t pid;                    /* 0 = none */
	int64_t started_us, retry_us; /* monotonic */
	uint32_t restarts;
	uint32_t quick;       /* deaths in a row soon after the start */
	int64_t last_beat_us; /* at its death */
};

struct control;

/* Somebody who waits for the end of a change; fd -1: a signal. */
struct asker {
	int fd;
	char who[64];
	char why[256];
};

struct supervisor {
	struct gateway_cfg cfg;
	struct gateway_shared *sh;
	struct gateway_rings rings;
	struct generation *generation; /* in force */
	struct generation *next;       /* loaded, not in force yet */
	struct loader *loader;
	struct control *control;
	struct child children[CHILD_COUNT];
	int order_fd; /* to the enforcer; -1 = none */
	int signal_fd;
	enum mode mode, next_mode;
	uint32_t mark, next_mark; /* allow mark */
	enum netfilter_backend backend;
	bool rules_in_place;
	bool changing;               /* a reload or a mode switch goes on */
	struct asker asker;          /* who wants it */
	int64_t change_until_us;     /* monotonic: give up then */
	int64_t uninspected_from_us; /* real time; 0 = packets are judged */
	uint64_t lost_told;          /* of sh->lost */
	uint64_t queue_lost_told, conntrack_lost_told, capture_lost_told;
	int64_t next_loss_us;
	bool announced; /* "ready" was said */
	bool stop;
};

/* Begin a change; its end is told to `who` by control_finish().  False: one goes on. */
bool supervisor_reload(struct supervisor *s, const struct asker *who);
bool supervisor_mode(struct supervisor *s, enum mode mode, const struct asker *who);

/* A consistent copy of the enforcer's counters; false: it died while writing them. */
bool supervisor_read_stats(const struct supervisor *s, struct gateway_stats *ret);

/* {"key":value,...} or "key  value" lines. */
void supervisor_status(const struct supervisor *s, bool json, FILE *out);
enum stats_form {
	STATS_TEXT,
	STATS_JSON,
	STATS_PROMETHEUS
};
void supervisor_stats(const struct supervisor *s, enum stats_form form, FILE *out);
void supervisor_netfilter(const struct supervisor *s, FILE *out);

/* ---- control.c ---- */

/* Listen at cfg's socket.  NULL with a sentence in `error`. */
struct control *control_open(const struct control_cfg *cfg, char error[300]);
void control_close(struct control *c);
#define CONTROL_FDS_MAX 17
size_t control_fds(const struct control *c, struct pollfd fds[CONTROL_FDS_MAX]);
void control_serve(struct control *c, struct supervisor *s, int64_t mono_us);
/* The change that `a` asked for has ended. */
void control_finish(struct control *c, const struct asker *a, bool ok, const char *text);

#endif /* ENGINE_SUPERVISOR_H */
