/* SPDX-License-Identifier: Apache-2.0 */
/* host_system - the clock, how long the disk lasts, who may read and write what. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "app/host.h"
#include "base/clock.h"
#include "base/text.h"
#include "record/segments.h"

#define DAY_US     (INT64_C(86400) * 1000000)
#define HOUR_US    (INT64_C(3600) * 1000000)
#define DAYS_LEAST 30 /* that the disk should last */
#define END_BYTES  65536

/* ---- clock ------------------------------------------------------------------------------- */

static void check_clock(struct host *h)
{
	static const char *const remedy =
		"systemd-timesyncd or chrony, with a server that "
		"it reaches";
	struct timex t = {0};

	if (host_exists(h, "/run/systemd/timesync/synchronized")) {
		host_tell(h, HOST_FINE, "clock", NULL,
			  "systemd-timesyncd has synchronized it");
		return;
	}
	if (h->root[0] != '\0' || adjtimex(&t) < 0)
		host_tell(h, HOST_UNKNOWN, "clock", remedy,
			  "nothing says whether the clock is synchronized");
	else if ((t.status & STA_UNSYNC) != 0)
		host_tell(
			h, HOST_WARNING, "clock", remedy,
			"the kernel's clock is not synchronized: times of events, hours "
			"and expiry dates are only as right as it is");
	else
		host_tell(h, HOST_FINE, "clock", NULL,
			  "synchronized, error at most %ld ms", t.maxerror / 1000);
}

/* ---- disk -------------------------------------------------------------------------------- */

/* The last "time" in a piece of a segment. */
static bool last_time_in(const char *text, int64_t *ret)
{
	static const char key[] = "\"time\":\"";
	bool found = false;

	for (const char *at = text; (at = strstr(at, key)) != NULL; at++) {
		const char *from = at + sizeof(key) - 1;

		found = clock_parse_rfc3339(from, strcspn(from, "\""), ret) || found;
	}
	return found;
}

static bool time_of_last(int dir, uint32_t number, int64_t *ret)
{
	char name[SEGMENT_NAME_MAX], *buf = malloc(END_BYTES + 1);
	struct stat st;
	bool found = false;
	ssize_t n;
	int fd;

	segment_name(number, "jsonl", name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && buf != NULL && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		n = pread(fd, buf, END_BYTES,
			  st.st_size > END_BYTES ? st.st_size - END_BYTES : 0);
		buf[n > 0 ? n : 0] = '\0';
		found = last_time_in(buf, ret);
	}
	if (fd >= 0)
		(void)close(fd);
	free(buf);
	return found;
}

/* Bytes and time of what a ledger holds. */
static bool measure(int dir, uint64_t *ret_bytes, int64_t *ret_us)
{
	uint32_t first = 0, last = 0;
	int64_t from, to;

	*ret_bytes = 0;
	if (segments_after(dir, 0, &first) != 0 || segments_last(dir, &last) != 0 ||
	    segments_bytes(dir, ret_bytes) != 0)
		return false;
	if (first == 0 || segment_begins(dir, first, &from) != 0 ||
	    !time_of_last(dir, last, &to) || to - from < HOUR_US)
		return false;
	*ret_us = to - from;
	return true;
}

static void tell_disk(struct host *h, uint64_t free_bytes, bool measured, uint64_t bytes,
		      int64_t us)
{
	double day, days;

	if (!measured || bytes == 0) {
		host_tell(h, HOST_UNKNOWN, "disk", "look again after a day",
			  "the ledger holds less than an hour: no rate is known; %" PRIu64
			  " MB are free",
			  free_bytes / 1000000);
		return;
	}
	day = (double)bytes * (double)DAY_US / (double)us;
	days = (double)free_bytes / day;
	if (days < DAYS_LEAST)
		host_tell(h, HOST_WARNING, "disk",
			  "a larger disk for ledger.dir, or move old segments away",
			  "at %.1f MB a day, as measured, the disk is full in %.1f days",
			  day / 1e6, days);
	else
		host_tell(h, HOST_FINE, "disk", NULL,
			  "at %.1f MB a day, as measured, the disk lasts for %.0f days",
			  day / 1e6, days < 99999 ? days : 99999.0);
}

static void check_disk(struct host *h)
{
	const char *name = h->config->ledger.dir;
	struct statvfs v;
	uint64_t bytes = 0;
	int64_t us = 0;
	bool measured;
	int dir;

	if (name == NULL) {
		host_tell(h, HOST_UNKNOWN, "disk", "ledger.dir",
			  "the configuration names no ledger");
		return;
	}
	dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstatvfs(dir, &v) != 0) {
		host_tell(h, HOST_UNKNOWN, "disk",
			  "the rights to read it, or a first run", "%s: %s", name,
			  strerrordesc_np(errno));
	} else {
		measured = measure(dir, &bytes, &us);
		tell_disk(h, (uint64_t)v.f_bavail * v.f_frsize, measured, bytes, us);
	}
	if (dir >= 0)
		(void)close(dir);
}

/* ---- rights ------------------------------------------------------------------------------ */

struct right {
	const char *what;
	mode_t forbidden; /* bits that nobody should have */
	const char *remedy;
};

static const struct right of_rules = {"may be changed by", S_IWGRP | S_IWOTH,
				      "chmod go-w; its owner root"};
static const struct right of_ledger = {"is open to", S_IRWXO, "chmod o-rwx"};
static const struct right of_keys = {"may be read by", S_IRWXG | S_IRWXO, "chmod 0600"};
static const struct right of_socket = {"is open to", S_IRWXO,
				       "chmod 0660; its group control.operators"};

static bool is_owner_trusted(const struct host *h, uid_t owner)
{
	const char *user = h->config->capture.user;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	const struct passwd *weir = user == NULL ? NULL : getpwnam(user);

	return owner == 0 || owner == geteuid() ||
	       (weir != NULL && owner == weir->pw_uid);
}

/* True: nothing was to be said. */
static bool check_right(struct host *h, const char *path, const struct right *r)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		host_tell(h, HOST_UNKNOWN, "rights", "the rights to look at it", "%s: %s",
			  path, strerrordesc_np(errno));
	} else if ((st.st_mode & r->forbidden) != 0) {
		host_tell(h, HOST_WARNING, "rights", r->remedy, "%s %s %s (mode %04o)",
			  path, r->what,
			  (st.st_mode & r->forbidden & S_IRWXO) != 0 ? "everybody"
								     : "its group",
			  (unsigned)(st.st_mode & 07777));
	} else if (!is_owner_trusted(h, st.st_uid)) {
		host_tell(h, HOST_WARNING, "rights", "chown root",
			  "%s belongs to user %u, neither root nor Weir's", path,
			  (unsigned)st.st_uid);
	} else {
		return true;
	}
	return false;
}

static void check_config_rights(struct host *h)
{
	const struct config *c = h->config;
	bool fine = true;

	if (c->path == NULL)
		return;
	fine = check_right(h, c->path, &of_rules);
	for (size_t i = 0; i < c->rule_count; i++)
		fine = check_right(h, c->rules[i], &of_rules) && fine;
	if (c->identity.people != NULL)
		fine = check_right(h, c->identity.people, &of_rules) && fine;
	if (fine)
		host_tell(h, HOST_FINE, "rights", NULL,
			  "%s and its %zu rule files are changed by their owner alone",
			  c->path, c->rule_count);
}

/* Private keys stand beside the ledger, or in the state folder. */
static void check_key_rights(struct host *h)
{
	static const char *const folders[] = {"", "/../state"};
	size_t seen = 0;
	bool fine = true;

	for (size_t i = 0; h->config->ledger.dir != NULL && i < 2; i++) {
		char pattern[HOST_PATH_MAX];
		glob_t found = {0};

		(void)snprintf(pattern, sizeof(pattern), "%s%s/*.key",
			       h->config->ledger.dir, folders[i]);
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
		if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
			for (size_t k = 0; k < found.gl_pathc; k++, seen++)
				fine = check_right(h, found.gl_pathv[k], &of_keys) &&
				       fine;
			globfree(&found);
		}
	}
	if (seen > 0 && fine)
		host_tell(h, HOST_FINE, "rights", NULL,
			  "%zu keys are read by their owner alone", seen);
}

static void check_ledger_rights(struct host *h)
{
	const char *dir = h->config->ledger.dir;

	if (dir != NULL && access(dir, F_OK) == 0 && check_right(h, dir, &of_ledger))
		host_tell(h, HOST_FINE, "rights", NULL, "%s is closed to others", dir);
}

static void check_socket_rights(struct host *h)
{
	const char *path = h->config->control.socket;
	struct stat st;

	if (path == NULL || stat(path, &st) != 0)
		host_tell(h, HOST_UNKNOWN, "rights", "look again while weir runs",
			  "%s: no control socket: nothing runs",
			  path == NULL ? "control.socket" : path);
	else if (!S_ISSOCK(st.st_mode))
		host_tell(h, HOST_WARNING, "rights", "control.socket: another path",
			  "%s is no socket", path);
	else if (check_right(h, path, &of_socket))
		host_tell(h, HOST_FINE, "rights", NULL, "%s is closed to others", path);
}

void host_check_system(struct host *h)
{
	check_clock(h);
	check_disk(h);
	check_config_rights(h);
	check_ledger_rights(h);
	check_key_rights(h);
	check_socket_rights(h);
}
