/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - the socket by which people ask and steer the running gateway.
 *
 * A request is one line, "VERB [WORD...] [REASON]", and behind a tab the ticket; the answer is "ok" or "no" on a line of its own,
 * then text to the end.  Anybody may connect; who may do what is decided by the kernel's
 * word on the other end (SO_PEERCRED, SO_PEERGROUPS).
 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/listen.h"
#include "engine/lock.h"
#include "engine/login.h"
#include "engine/supervisor.h"
#include "record/pseudonym.h"

#define CLIENTS_MAX (CONTROL_FDS_MAX - 2)
#define REQUEST_MAX 1024
#define ACCEPT_MAX  64 /* a turn */
#define GROUPS_MAX  256
#define REQUEST_US  INT64_C(2000000)  /* to send the line */
#define DNS_US      INT64_C(10000000) /* for the enforcer to write its table */

struct client {
	int fd; /* -1 = free */
	int64_t until_us;
	bool waiting; /* for the end of a change */
	bool queued;  /* for another's change to end before its own begins */
	uint64_t dns; /* waits for that DNS table; 0 = for none */
	size_t len;
	const char *ticket; /* in the line, behind a tab; "" = none */
	char line[REQUEST_MAX];
};

struct control {
	int fd;
	int lock_fd; /* lock.h */
	pid_t owner;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *operators, *readers;
	struct client clients[CLIENTS_MAX];
};

static bool make_folder(const char *path, char error[300])
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return true;
	*slash = '\0';
	if (mkdir(dir, 0755) == 0 || errno == EEXIST)
		return true;
	(void)snprintf(error, 300, "control socket: cannot make %s: %s", dir,
		       strerrordesc_np(errno));
	return false;
}

static void say_why(int rc, const char *path, char error[300])
{
	if (rc == -ENAMETOOLONG)
		(void)snprintf(error, 300, "control socket: the path %s is too long",
			       path);
	else if (rc == -EADDRINUSE)
		(void)snprintf(error, 300,
			       "another weir runs already: it answers at %s (stop it, or "
			       "give this one another control.socket)",
			       path);
	else
		(void)snprintf(error, 300, "control socket %s: %s", path,
			       strerrordesc_np(-rc));
}

struct control *control_open(const struct control_cfg *cfg, char error[300])
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL || strlen(cfg->socket) >= sizeof(c->path)) {
		say_why(c == NULL ? -ENOMEM : -ENAMETOOLONG, cfg->socket, error);
		free(c);
		return NULL;
	}
	memcpy(c->path, cfg->socket, strlen(cfg->socket) + 1);
	c->operators = cfg->operators;
	c->readers = cfg->readers;
	c->owner = getpid();
	c->lock_fd = -1;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		c->clients[i].fd = -1;
	if (!make_folder(c->path, error)) {
		free(c);
		return NULL;
	}
	c->fd = listen_at(c->path, 0666, (gid_t)-1);
	if (c->fd < 0) {
		say_why(c->fd, c->path, error);
		free(c);
		return NULL;
	}
	return c;
}

static void hang_up(struct client *cl)
{
	if (cl->fd >= 0)
		(void)close(cl->fd);
	cl->fd = -1;
}

void control_close(struct control *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		hang_up(&c->clients[i]);
	(void)close(c->fd);
	if (c->lock_fd >= 0)
		(void)close(c->lock_fd);
	if (getpid() == c->owner) /* not in a child */
		(void)unlink(c->path);
	free(c);
}

int control_lock(struct control *c, char error[300])
{
	return lock_take(&c->lock_fd, error);
}

size_t control_fds(const struct control *c, struct pollfd fds[CONTROL_FDS_MAX])
{
	size_t n = 0;

	fds[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
	if (c->lock_fd >= 0)
		fds[n++] = (struct pollfd){.fd = c->lock_fd, .events = POLLIN};
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0 && !c->clients[i].waiting)
			fds[n++] =
				(struct pollfd){.fd = c->clients[i].fd, .events = POLLIN};
	return n;
}

/* ---- who asks ----------------------------------------------------------------------------- */

static bool in_group(int fd, gid_t primary, const char *name)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);
	const struct group *g = getgrnam(name); /* NOLINT(concurrency-mt-unsafe) */

	if (g == NULL)
		return false;
	if (g->gr_gid == primary)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == g->gr_gid)
			return true;
	return false;
}

/* ---- what is asked -------------------------------------------------------------------------- */

/* A reader that is slow, or gone, loses the rest: the gateway waits for nobody. */
static void answer(struct client *cl, bool ok, const char *text)
{
	size_t left = strlen(text);

	(void)send(cl->fd, ok ? "ok\n" : "no\n", 3, MSG_NOSIGNAL);
	while (left > 0) {
		ssize_t n = send(cl->fd, text, left, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		text += n;
		left -= (size_t)n;
	}
	hang_up(cl);
}

typedef void print_fn(const struct supervisor *s, int form, FILE *out);

static void print_status(const struct supervisor *s, int form, FILE *out)
{
	supervisor_status(s, form == STATS_JSON, out);
}

static void print_stats(const struct supervisor *s, int form, FILE *out)
{
	supervisor_stats(s, (enum stats_form)form, out);
}

static void print_netfilter(const struct supervisor *s, int form, FILE *out)
{
	(void)form;
	supervisor_netfilter(s, out);
}

static void answer_printed(struct client *cl, const struct supervisor *s, print_fn *print,
			   const char *form)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL) {
		answer(cl, false, "out of memory\n");
		return;
	}
	print(s,
	      strcmp(form, "json") == 0         ? STATS_JSON
	      : strcmp(form, "prometheus") == 0 ? STATS_PROMETHEUS
						: STATS_TEXT,
	      out);
	(void)fclose(out);
	answer(cl, true, text == NULL ? "" : text);
	free(text);
}

/* "ok" and a descriptor of the table: whoever asked reads it in his own time. */
static void answer_dns(struct client *cl, const struct supervisor *s, int64_t mono_us)
{
	int fd = supervisor_dns(s, cl->dns);
	char ok[] = "ok\n";
	struct iovec iov = {.iov_base = ok, .iov_len = 3};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} rights = {.bytes = {0}};
	const struct msghdr m = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = rights.bytes,
				 .msg_controllen = sizeof(rights.bytes)};

	if (fd < 0 && mono_us > cl->until_us)
		answer(cl, false, "the enforcer did not write its table; try again\n");
	if (fd < 0)
		return;
	rights.head.cmsg_level = SOL_SOCKET;
	rights.head.cmsg_type = SCM_RIGHTS;
	rights.head.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&rights.head), &fd, sizeof(fd));
	(void)sendmsg(cl->fd, &m, MSG_NOSIGNAL);
	(void)close(fd);
	hang_up(cl);
}

static void print_exempt(const struct supervisor *s, int form, FILE *out)
{
	(void)form;
	exempt_print(s, out);
}

/* Who asks, why, and by which ticket.  False: the client has been told what is too long. */
static bool name_asker(struct client *cl, const struct ucred *peer, const char *why,
		       struct asker *ret)
{
	*ret = (struct asker){.fd = cl->fd};
	if (strlen(why) >= sizeof(ret->why) ||
	    strlen(cl->ticket) >= sizeof(ret->ticket)) {
		answer(cl, false,
		       "a reason of at most 255 bytes, a ticket of at most 127\n");
		return false;
	}
	login_name(peer->pid, peer->uid, ret->who);
	(void)snprintf(ret->why, sizeof(ret->why), "%s", why);
	(void)snprintf(ret->ticket, sizeof(ret->ticket), "%s", cl->ticket);
	return true;
}

static void change_exempt(struct client *cl, struct supervisor *s,
			  const struct ucred *peer, const char *request)
{
	struct asker a;
	char error[EXEMPT_ERROR_MAX];
	enum exempt_outcome outcome;

	/* The reason is among its words. */
	if (!name_asker(cl, peer, "", &a))
		return;
	cl->waiting = true; /* the end may come within the call */
	outcome = exempt_ask(s, &a, request, error);
	if (outcome == EXEMPT_BEGUN)
		return;
	cl->waiting = false;
	cl->queued = outcome == EXEMPT_BUSY;
	if (outcome == EXEMPT_REFUSED)
		answer(cl, false, error);
}

static void change(struct client *cl, struct supervisor *s, const struct ucred *peer,
		   const char *mode, const char *why)
{
	struct asker a;
	enum mode m = mode == NULL ? s->mode : mode_find(str_of(mode));
	bool begun;

	if (!name_asker(cl, peer, why, &a))
		return;
	if (mode != NULL && m != MODE_MONITOR && m != MODE_ENFORCE && m != MODE_PANIC) {
		answer(cl, false, "mode: write monitor, enforce or panic\n");
		return;
	}
	cl->waiting = true; /* the end may come within the call */
	begun = mode == NULL ? supervisor_reload(s, &a) : supervisor_mode(s, m, &a);
	if (!begun) {
		cl->waiting = false;
		cl->queued = true;
	}
}

/* "PSEUDONYM REASON": who asks is told nothing here, only that the ledger has it. */
static void note_unmasked(struct client *cl, struct supervisor *s,
			  const struct ucred *peer, const char *request)
{
	struct asker a;
	char pseudonym[PSEUDONYM_LEN + 1] = "";
	int at = 0;

	(void)sscanf(request, "%18s %n", pseudonym, &at);
	if (!name_asker(cl, peer, request + at, &a))
		return;
	if (!pseudonym_is(str_of(pseudonym)) || a.why[0] == '\0')
		answer(cl, false, "unmask: write the pseudonym and the reason\n");
	else if (!supervisor_note_unmasked(s, &a, pseudonym))
		answer(cl, false,
		       "the ledger has no room for the event that says so; try again\n");
	else
		answer(cl, true, "");
}

static void serve(const struct control *c, struct client *cl, struct supervisor *s,
		  int64_t mono_us)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	char verb[32] = "", word[32] = "";
	int at = 0;
	bool operator, reader;

	if (getsockopt(cl->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
		hang_up(cl);
		return;
	}
	operator= peer.uid == 0 || peer.uid == geteuid() ||
		in_group(cl->fd, peer.gid, c->operators);
	reader = operator|| in_group(cl->fd, peer.gid, c->readers);
	(void)sscanf(cl->line, "%31s %n", verb, &at);
	if (!reader) {
		answer(cl, false, "not allowed: you are in neither group of control\n");
	} else if (strcmp(verb, "status") == 0) {
		answer_printed(cl, s, print_status, cl->line + at);
	} else if (strcmp(verb, "stats") == 0) {
		answer_printed(cl, s, print_stats, cl->line + at);
	} else if (strcmp(verb, "netfilter") == 0) {
		answer_printed(cl, s, print_netfilter, "");
	} else if (strcmp(verb, "dns") == 0) {
		cl->waiting = true;
		cl->dns = supervisor_want_dns(s);
		cl->until_us = mono_us + DNS_US;
	} else if (strcmp(verb, "exempt") == 0 &&
		   strncmp(cl->line + at, "list", 4) == 0) {
		answer_printed(cl, s, print_exempt, "");
	} else if (!operator) {
		answer(cl, false,
		       "not allowed: only the operators' group changes things\n");
	} else if (strcmp(verb, "exempt") == 0) {
		change_exempt(cl, s, &peer, cl->line + at);
	} else if (strcmp(verb, "unmask") == 0) {
		note_unmasked(cl, s, &peer, cl->line + at);
	} else if (strcmp(verb, "reload") == 0) {
		change(cl, s, &peer, NULL, cl->line + at);
	} else if (strcmp(verb, "mode") == 0) {
		int more = 0;

		(void)sscanf(cl->line + at, "%31s %n", word, &more);
		change(cl, s, &peer, word, cl->line + at + more);
	} else {
		answer(cl, false,
		       "unknown request: status, stats, netfilter, dns, reload, mode, exempt\n");
	}
}

/* A free place, or the one of who has been silent the longest: who asks goes first. */
static struct client *place_for(struct control *c)
{
	struct client *oldest = NULL;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = &c->clients[i];

		if (cl->fd < 0)
			return cl;
		if (!cl->waiting && !cl->queued &&
		    (oldest == NULL || cl->until_us < oldest->until_us))
			oldest = cl;
	}
	if (oldest != NULL)
		answer(oldest, false, "busy: too many connections; try again\n");
	return oldest;
}

/* Read what has come; serve the client when its line is whole. */
static void hear(const struct control *c, struct client *cl, struct supervisor *s,
		 int64_t mono_us)
{
	ssize_t n = recv(cl->fd, cl->line + cl->len, REQUEST_MAX - 1 - cl->len, 0);
	const bool nothing = n < 0 && errno == EAGAIN;
	char *end, *tab;

	if (n > 0)
		cl->len += (size_t)n;
	cl->line[cl->len] = '\0';
	end = strchr(cl->line, '\n');
	if (end != NULL) {
		*end = '\0';
		tab = strchr(cl->line, '\t');
		cl->ticket = tab == NULL ? "" : tab + 1;
		if (tab != NULL)
			*tab = '\0';
		serve(c, cl, s, mono_us);
	} else if (nothing && mono_us > cl->until_us) {
		answer(cl, false, "no request came within 2 s\n");
	} else if (cl->len == REQUEST_MAX - 1) {
		answer(cl, false, "the request is too long\n");
	} else if (n == 0 || (n < 0 && !nothing)) {
		hang_up(cl);
	}
}

/* Each is heard at once: those who come in crowds and say nothing push nobody out who asks. */
static void accept_all(struct control *c, struct supervisor *s, int64_t mono_us)
{
	for (unsigned n = 0; n < ACCEPT_MAX; n++) {
		const int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct client *cl = fd < 0 ? NULL : place_for(c);

		if (cl == NULL) {
			if (fd >= 0)
				(void)close(fd);
			return;
		}
		*cl = (struct client){.fd = fd, .until_us = mono_us + REQUEST_US};
		hear(c, cl, s, mono_us);
	}
}

void control_serve(struct control *c, struct supervisor *s, int64_t mono_us)
{
	if (c->lock_fd >= 0)
		lock_serve(c->lock_fd, c->path);
	accept_all(c, s, mono_us);
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = &c->clients[i];

		if (cl->fd >= 0 && cl->dns != 0)
			answer_dns(cl, s, mono_us);
		if (cl->fd < 0 || cl->waiting)
			continue;
		if (!cl->queued) {
			hear(c, cl, s, mono_us);
		} else if (!s->changing) {
			cl->queued = false;
			serve(c, cl, s, mono_us);
		}
	}
}

void control_finish(struct control *c, const struct asker *a, bool ok, const char *text)
{
	if (a->fd < 0)
		return; /* it was a signal; the log has been told */
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd == a->fd && c->clients[i].waiting)
			answer(&c->clients[i], ok, text);
}
