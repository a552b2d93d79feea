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

#include "engine/counted.h"
#include "engine/exempt.h"
#include "engine/gateway.h"
#include "engine/loader.h"
#include "record/sign.h"

enum child_kind {
	CHILD_ENFORCER,
	CHILD_WRITER,
	CHILD_GUESSER, /* only if nDPI is asked */
	CHILD_DNSTAP,  /* only with dns.log */
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
	char why[256];    /* hostile texts, as they were sent; "" = none */
	char ticket[128]; /* of whom the change is asked for elsewhere */
};

/* What guard.c knows of the host. */
struct guard {
	char *rules;     /* ours, as the kernel told them when they were put; NULL */
	int64_t seen_us; /* real time: they were in place then */
	int64_t missing_from_us; /* real time; 0 = they are in place */
	int64_t next_us;         /* monotonic: of the next look */
	bool put_failed, unreadable, checksum_off;
};

/* What geo_watch.c knows of the databases in force, by their number. */
struct geo_watch {
	struct file_id last[GEO_FILES_MAX];    /* at the last look */
	struct file_id asked[GEO_FILES_MAX];   /* when the last load began */
	struct file_id refused[GEO_FILES_MAX]; /* not tried again */
	bool old_told[GEO_FILES_MAX];
	char message[500]; /* what was refused, and why; "" = nothing */
	int64_t next_us;   /* monotonic: of the next look */
};

/* A count of what was lost, as far as it was told. */
struct told {
	uint64_t count;
	int64_t until_us; /* real time; 0 = never */
};

/* What losses.c has told. */
struct losses {
	struct told events;  /* of sh->lost */
	struct told packets; /* of sh->packets_lost and packets_failed */
	struct told queue, conntrack, capture;
	int64_t next_us;                 /* monotonic: of the next look */
	uint64_t full_told, unread_told; /* of the queue's counters */
	int64_t full_told_us;            /* real time: told up to here */
	int64_t full_wait_us;  /* real time: told then at the latest; 0 = none */
	int64_t panic_from_us; /* real time; 0 = packets are judged */
	int64_t clock_us;      /* real less monotonic time at the last look; 0 = none */
	int write_error;       /* of the ledger, as it was told */
	char not_kept[GENERATION_NAME_LEN + 1]; /* told; "" = none */
	uint64_t left; /* events that an end left unwritten, and no event tells yet */
};

struct supervisor {
	struct gateway_cfg cfg;
	struct gateway_shared *sh;
	struct gateway_guesser *guesser; /* NULL: nDPI is not asked */
	struct gateway_dnstap *dnstap;   /* NULL: nobody listens to resolvers */
	struct gateway_rings rings;
	struct generation *generation;         /* in force */
	char fingerprint[FINGERPRINT_LEN + 1]; /* of the ledger's root key */
	char last_generation[GENERATION_NAME_LEN +
			     1]; /* the ledger's, before; "" = none */
	int64_t last_us;         /* real time of its last line, before; 0 = none */
	bool last_stopped;       /* that is the seal of the last run's clean stop */
	char last_root[FINGERPRINT_LEN +
		       1];        /* of the key that it began with; "" = none */
	struct generation *start; /* its capture, control, ledger, limits hold */
	struct generation *next;  /* loaded, not in force yet */
	char *held;               /* keys of `next` that wait for a start; or NULL */
	struct loader *loader;
	struct identity_watch *identity;
	struct control *control;
	struct child children[CHILD_COUNT];
	int order_fd;         /* to the enforcer; -1 = none */
	unsigned answers_due; /* to orders that it was given */
	int signal_fd;
	enum mode mode, next_mode;
	uint32_t mark, next_mark; /* allow mark */
	enum netfilter_backend backend;
	bool rules_in_place; /* put there and not taken away by us */
	struct guard guard;
	struct geo_watch geo;
	const struct generation *feeds_of; /* whose feeds' age was told last */
	int64_t feeds_next_us;             /* monotonic: tell again */
	bool changing;                     /* a reload or a mode switch goes on */
	bool loading;                      /* and waits for the loader */
	bool reload_due;                   /* SIGHUP came; begun when no change goes on */
	struct asker asker;                /* who wants it */
	struct exempt exempt;
	int64_t change_until_us;     /* monotonic: give up then */
	int64_t uninspected_from_us; /* real time; 0 = packets are judged */
	bool rules_were_gone;        /* after the death of the last run */
	struct losses losses;
	struct counted counted;
	bool announced; /* "ready" was said */
	bool stop;
};

/* Begin a change; its end is told to `who` by control_finish().  False: one goes on. */
bool supervisor_reload(struct supervisor *s, const struct asker *who);
bool supervisor_mode(struct supervisor *s, enum mode mode, const struct asker *who);

/*
 * Ask the enforcer for its passive DNS table; then, when it is there, a descriptor of a copy,
 * the caller's.  -EAGAIN: not yet; -errno: it cannot be had.
 */
uint64_t supervisor_want_dns(struct supervisor *s);
int supervisor_dns(const struct supervisor *s, uint64_t wanted);

/* The keys' folder and what belongs into it, as root, at the start.  0 or -errno: it was said. */
int supervisor_keys(struct supervisor *s);

/* Lines for the ledger. */
void supervisor_note_system(struct supervisor *s, const char *what, const char *message);
void supervisor_note_counters(struct supervisor *s, const char *what,
			      const struct event_counter *counters, size_t count);
/* False: there was no room for it, and it is still to be told. */
bool supervisor_note_loss(struct supervisor *s, const char *what, uint64_t count,
			  int64_t from_us, int64_t to_us);
/* By s->asker; a generation of "" stays out. */
void supervisor_note_change(struct supervisor *s, const char *what, const char *diff,
			    const char *old_name, const char *new_name);
/* Whose a pseudonym is was asked; false: no room for the event, so nothing may be told. */
bool supervisor_note_unmasked(struct supervisor *s, const struct asker *a,
			      const char *pseudonym);
int64_t supervisor_real_us(void);

/* The rules for what is in force, in place.  0, or -errno with `error`. */
int supervisor_put_rules(struct supervisor *s, char error[NETFILTER_ERROR_MAX]);

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

/* ---- mark.c ---- */

/* A mark for this generation in this mode: never one that stands for something else. */
uint32_t mark_choose(const struct supervisor *s, const char *name, enum mode mode);
/* Write down the one in force, for the next run. */
void mark_keep(const struct supervisor *s);
/* How far this run came: the file's time is at most 10 s before the end of who is killed. */
void mark_touch(const struct supervisor *s);
/* Real time: when the last run was last seen, if it was killed and judged until then; else 0. */
int64_t mark_died_us(const struct supervisor *s);
/* Events that the last run had and could not write before its end, as far as it could tell. */
uint64_t mark_left(const struct supervisor *s);

/* ---- losses.c ---- */

/* What was lost since the last look, a clock that was set, a ledger that cannot be written. */
void losses_look(struct supervisor *s);
/* Packets that passed a full queue: what is to be told, or all of it `now`. */
void losses_overflow(struct supervisor *s, bool now);
/* At the start: how the ledger ended before.  At the end, behind the writer's: what is left. */
void losses_before(struct supervisor *s);
void losses_end(struct supervisor *s);

/* ---- guard.c ---- */

void guard_start(struct supervisor *s);
void guard_look(struct supervisor *s); /* now and then: every 5 s it does something */
/* Are they as they were put?  If not, the gap has begun, to be told when they are again. */
bool guard_rules_stand(struct supervisor *s);
void guard_remember(struct supervisor *s);
void guard_close_gap(struct supervisor *s);
typedef void guard_tell(void *arg, const char *text);
/* What an operator should know; how many. */
unsigned guard_warnings(const struct supervisor *s, guard_tell *tell, void *arg);

/* ---- edited.c ---- */

/* Before the writer begins: which generation the ledger's last line names. */
void edited_find(struct supervisor *s);
/* What was changed while no gateway ran, as events; and the retention in force is written down. */
void edited_tell(struct supervisor *s);

/* ---- readers.c ---- */

/*
 * The group that may look at the gateway may read the ledger in `dir`, too, and what is made in it
 * later; keys stand elsewhere.  Nothing without such a group; trouble is said in the log.
 */
void readers_let_in(const char *dir, const char *group);

/* ---- resolvers.c ---- */

/* Listen where resolvers write their logs to.  0, and so without dns.log; or -errno, said. */
int resolvers_listen(struct supervisor *s);
void resolvers_close(struct supervisor *s); /* the socket's name goes */

/* ---- geo_watch.c ---- */

struct json;

void geo_watch_start(struct supervisor *s);
void geo_watch_look(struct supervisor *s); /* now and then: every 5 s it does something */
void geo_watch_begin(struct supervisor *s); /* a load begins */
/* The load found faults, `text`; nothing changes. */
void geo_watch_refused(struct supervisor *s, const char *text);
/* `next` comes into force; s->generation is the one before. */
void geo_watch_adopt(struct supervisor *s, const struct generation *next);
unsigned geo_watch_warnings(const struct supervisor *s, guard_tell *tell, void *arg);
void geo_watch_json(const struct supervisor *s, struct json *j);
void geo_watch_print(const struct supervisor *s, FILE *out);

/* ---- control.c ---- */

/* Listen at cfg's socket.  NULL with a sentence in `error`. */
struct control *control_open(const struct control_cfg *cfg, char error[300]);
void control_close(struct control *c);
/* Be the only weir of this network namespace (lock.h).  0, or -errno with `error`. */
int control_lock(struct control *c, char error[300]);
#define CONTROL_FDS_MAX 18
size_t control_fds(const struct control *c, struct pollfd fds[CONTROL_FDS_MAX]);
void control_serve(struct control *c, struct supervisor *s, int64_t mono_us);
/* The change that `a` asked for has ended. */
void control_finish(struct control *c, const struct asker *a, bool ok, const char *text);

#endif /* ENGINE_SUPERVISOR_H */
