/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers - the group that reads the ledger without root: folders with its group and the bit that
 * gives it to what is made in them.
 *
 * The user that owns the ledger is not root and may have put anything there: links are not
 * followed, and a file with several names is let alone.  So is what its owner lets no group read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/supervisor.h"

#define FOLDERS_DEEP 3 /* DIR, generations, files */

static int give_file(int fd, const struct stat *st, gid_t group)
{
	if (!S_ISREG(st->st_mode) || (st->st_mode & S_IRGRP) == 0 || st->st_nlink != 1 ||
	    st->st_gid == group)
		return 0;
	return fchown(fd, (uid_t)-1, group) != 0 ? -errno : 0;
}

static int give_folder(int fd, const struct stat *st, gid_t group)
{
	struct stat now;

	if ((st->st_mode & S_IRGRP) == 0)
		return 0;
	if (st->st_gid != group && fchown(fd, (uid_t)-1, group) != 0)
		return -errno;
	if (fchmod(fd, 02750) != 0 || fstat(fd, &now) != 0)
		return -errno;
	/* The kernel takes the bit away without a word (CAP_FSETID). */
	return (now.st_mode & S_ISGID) != 0 ? 0 : -EPERM;
}

/* The folders at hand, from the ledger down. */
struct walk {
	DIR *dirs[FOLDERS_DEEP];
	size_t depth;
	gid_t group;
	int rc;
};

static void enter(struct walk *w, int fd, const struct stat *st)
{
	const int rc = give_folder(fd, st, w->group);
	DIR *d = w->depth < FOLDERS_DEEP ? fdopendir(fd) : NULL;

	if (w->rc == 0)
		w->rc = rc;
	if (d == NULL)
		(void)close(fd);
	else
		w->dirs[w->depth++] = d;
}

static void look_at(struct walk *w, const char *name)
{
	const int at = dirfd(w->dirs[w->depth - 1]);
	const int fd = openat(at, name,
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		enter(w, fd, &st);
		return;
	}
	if (w->rc == 0)
		w->rc = give_file(fd, &st, w->group);
	(void)close(fd);
}

static int let_in(const char *dir, gid_t group)
{
	struct walk w = {.group = group};
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return -errno;
	enter(&w, fd, &st);
	while (w.depth > 0) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): each folder is read by one thread */
		const struct dirent *e = readdir(w.dirs[w.depth - 1]);

		if (e == NULL)
			(void)closedir(w.dirs[--w.depth]);
		else if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			look_at(&w, e->d_name);
	}
	return w.rc;
}

void readers_let_in(const char *dir, const char *group)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the loader does not ask for groups */
	const struct group *gr = getgrnam(group);
	const int rc = gr == NULL ? 0 : let_in(dir, gr->gr_gid);

	if (rc != 0)
		log_warning("%s: group '%s' cannot be let in: %s", dir, group,
			    strerrordesc_np(-rc));
}
