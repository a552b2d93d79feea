/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dns_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identify/dns_table.h"

#define NEW_NAME DNS_FILE_NAME ".new"

/* ---- saving ------------------------------------------------------------------------------- */

static int write_new(int dir, const struct dns_share *sh, int fd, uint64_t *ret_version)
{
	const int to =
		openat(dir, NEW_NAME,
		       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (to < 0)
		return -errno;
	rc = dns_share_copy(sh, fd, to, ret_version);
	if (rc == 0 && fsync(to) != 0)
		rc = -errno;
	if (close(to) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

int dns_file_save(const char *dir, const struct dns_share *sh, int fd,
		  uint64_t *ret_version)
{
	const int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (at < 0)
		return -errno;
	rc = write_new(at, sh, fd, ret_version);
	if (rc == 0 && renameat(at, NEW_NAME, at, DNS_FILE_NAME) != 0)
		rc = -errno;
	if (rc == 0 && fsync(at) != 0)
		rc = -errno;
	if (rc != 0)
		(void)unlinkat(at, NEW_NAME, 0);
	(void)close(at);
	return rc;
}

/* ---- loading ------------------------------------------------------------------------------ */

struct loading {
	struct witness *to;
	const struct generation *g;
	int64_t now_us;
	struct dns_loaded *done;
};

/* The number of the site with this name; 0 = there is none. */
static uint64_t site_id(const struct generation *g, struct str name)
{
	for (size_t i = 0; i < g->config->site_count; i++)
		if (str_equal(str_of(g->config->sites[i].name), name))
			return generation_site_id(g, (uint16_t)i);
	return 0;
}

static void take(void *arg, const struct dns_table_row *t)
{
	struct loading *l = arg;
	struct witness_row row = t->row;

	if (row.of_site)
		row.site = site_id(l->g, t->site);
	if (row.of_site && row.site == 0)
		l->done->foreign++;
	else if (witness_restore(l->to, &row, l->now_us))
		l->done->rows++;
	else
		l->done->ended++;
}

/* Its bytes, to be freed; NULL with errno. */
static uint8_t *read_file(const char *path, size_t *ret_len)
{
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st = {0};
	uint8_t *bytes = NULL;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return NULL;
	errno = 0;
	if (fstat(fd, &st) == 0 &&
	    (!S_ISREG(st.st_mode) || st.st_size > (off_t)DNS_TABLE_BYTES_MAX))
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
	if (errno == 0)
		bytes = malloc((size_t)st.st_size + 1);
	while (bytes != NULL && n > 0 && len < (size_t)st.st_size) {
		n = read(fd, bytes + len, (size_t)st.st_size - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0) {
		free(bytes);
		bytes = NULL;
	}
	*ret_len = len;
	(void)close(fd);
	return bytes;
}

int dns_file_load(const char *dir, struct witness *to, const struct generation *g,
		  int64_t now_us, struct dns_loaded *ret, char error[300])
{
	struct loading l = {.to = to, .g = g, .now_us = now_us, .done = ret};
	enum dns_table_fault fault;
	char path[4096];
	uint8_t *bytes;
	size_t len = 0;
	int64_t time_us;
	int rc;

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, DNS_FILE_NAME);
	bytes = read_file(path, &len);
	if (bytes == NULL) {
		rc = errno == 0 ? -ENOMEM : -errno;
		if (rc == -ENOENT)
			return 0;
		(void)snprintf(error, 300, "%.200s: %s", path,
			       rc == -EINVAL ? "no regular file" : strerrordesc_np(-rc));
		return rc;
	}
	fault = dns_table_read(bytes, len, &time_us, take, &l);
	free(bytes);
	if (fault == DNS_TABLE_FINE)
		return 0;
	(void)snprintf(error, 300, "%.200s is %s: not used", path,
		       dns_table_fault_text(fault));
	return -EBADMSG;
}
