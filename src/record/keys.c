/* SPDX-License-Identifier: Apache-2.0 */
#include "record/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "record/output.h"
#include "record/segments.h"

#define FILE_NOW "ledger.key"
#define FILE_NEW "ledger.key.new"
#define FILE_OLD "ledger.key.old"

/* ---- the file's text ---------------------------------------------------------------------- */

size_t key_file_format(const struct key_file *f, char buf[KEY_FILE_MAX])
{
	char hex[2 * SIGN_KEY + 1];
	int n;

	hex_format(f->root, SIGN_KEY, hex);
	n = snprintf(buf, KEY_FILE_MAX, "weir-keys-1\nroot %s\n", hex);
	for (unsigned i = 0; i < f->count; i++) {
		hex_format(f->seed[i], SIGN_KEY, hex);
		n += snprintf(buf + n, KEY_FILE_MAX - (size_t)n, "epoch %" PRIu64 " %s\n",
			      f->epoch[i], hex);
	}
	sign_forget(hex, sizeof(hex));
	return (size_t)n;
}

static bool take(struct str *s, struct str what)
{
	if (s->len < what.len || memcmp(s->p, what.p, what.len) != 0)
		return false;
	s->p += what.len;
	s->len -= what.len;
	return true;
}

static bool take_key(struct str *s, uint8_t ret[SIGN_KEY])
{
	for (unsigned i = 0; i < 2 * SIGN_KEY; i++) {
		const char c = i < s->len ? s->p[i] : ' ';
		const bool digit = ascii_is_digit(c);

		if (!digit && (c < 'a' || c > 'f'))
			return false;
		ret[i / 2] = (uint8_t)((i % 2 == 0 ? 0 : ret[i / 2] << 4) |
				       (digit ? c - '0' : c - 'a' + 10));
	}
	s->p += (size_t)2 * SIGN_KEY;
	s->len -= (size_t)2 * SIGN_KEY;
	return take(s, STR("\n"));
}

static bool take_epoch(struct str *s, uint64_t *ret)
{
	size_t n = 0;

	while (n < s->len && ascii_is_digit(s->p[n]))
		n++;
	if (!parse_u64((struct str){s->p, n}, UINT64_MAX - 1, ret))
		return false;
	s->p += n;
	s->len -= n;
	return take(s, STR(" "));
}

bool key_file_parse(struct str text, struct key_file *ret)
{
	struct key_file f = {.count = 0};
	bool ok = take(&text, STR("weir-keys-1\nroot ")) && take_key(&text, f.root);

	while (ok && f.count < 2 && text.len > 0) {
		ok = take(&text, STR("epoch ")) && take_epoch(&text, &f.epoch[f.count]) &&
		     take_key(&text, f.seed[f.count]);
		f.count++;
	}
	ok = ok && text.len == 0 && f.count > 0 &&
	     (f.count == 1 || f.epoch[1] == f.epoch[0] + 1);
	if (ok)
		*ret = f;
	sign_forget(&f, sizeof(f));
	return ok;
}

/* ---- the file ----------------------------------------------------------------------------- */

static int wipe(int fd)
{
	static const char zeros[KEY_FILE_MAX];
	struct stat st;
	off_t at = 0;

	if (fstat(fd, &st) != 0)
		return -errno;
	while (at < st.st_size) {
		const off_t left = st.st_size - at;
		const size_t len =
			left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros);
		const ssize_t n = pwrite(fd, zeros, len, at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? n : 0;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/* The file that was moved over: its bytes go before its name does. */
static int remove_old(int dir_fd)
{
	struct stat now, old;
	int rc = 0, fd = openat(dir_fd, FILE_OLD, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	/* An end between link and rename leaves two names of the file that holds. */
	if (fstat(fd, &old) != 0)
		rc = -errno;
	else if (fstatat(dir_fd, FILE_NOW, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
		 now.st_ino != old.st_ino)
		rc = wipe(fd);
	(void)close(fd);
	if (rc == 0 && unlinkat(dir_fd, FILE_OLD, 0) != 0)
		rc = -errno;
	return rc;
}

int key_file_write(int dir_fd, const char *name, const void *bytes, size_t len)
{
	return segment_beside(dir_fd, name, 0600, bytes, len);
}

static int replace(int dir_fd, const char *text, size_t len)
{
	int rc = remove_old(dir_fd);

	if (rc == 0)
		rc = key_file_write(dir_fd, FILE_NEW, text, len);
	if (rc == 0 && linkat(dir_fd, FILE_NOW, dir_fd, FILE_OLD, 0) != 0 &&
	    errno != ENOENT)
		rc = -errno;
	if (rc == 0 && renameat(dir_fd, FILE_NEW, dir_fd, FILE_NOW) != 0)
		rc = -errno;
	if (rc == 0 && fsync(dir_fd) != 0)
		rc = -errno;
	if (rc == 0)
		rc = remove_old(dir_fd);
	return rc == 0 && fsync(dir_fd) != 0 ? -errno : rc;
}

static int save(const struct keys *k)
{
	struct key_file f = {.count = k->next == NULL ? 1 : 2,
			     .epoch = {k->epoch, k->epoch + 1}};
	char text[KEY_FILE_MAX];
	int rc = -EIO;

	if (k->dir_fd < 0)
		return 0;
	memcpy(f.root, k->root_public, SIGN_KEY);
	if (sign_key_seed(k->now, f.seed[0]) &&
	    (k->next == NULL || sign_key_seed(k->next, f.seed[1])))
		rc = replace(k->dir_fd, text, key_file_format(&f, text));
	sign_forget(&f, sizeof(f));
	sign_forget(text, sizeof(text));
	return rc;
}

void keys_beside(const char *dir, char buf[KEYS_DIR_MAX])
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	(void)snprintf(buf, KEYS_DIR_MAX, "%.*s.keys", (int)len, dir);
}

/* ---- keys --------------------------------------------------------------------------------- */

static bool show(struct keys *k)
{
	if (!sign_key_public(k->now, k->public_key))
		return false;
	fingerprint_format(k->public_key, k->fingerprint);
	return k->next == NULL || sign_key_public(k->next, k->next_public);
}

int keys_in_memory(struct keys *ret)
{
	struct keys k = {.dir_fd = -1, .now = sign_key_generate()};

	if (k.now == NULL || !show(&k)) {
		keys_close(&k);
		return -ENOMEM;
	}
	memcpy(k.root_public, k.public_key, SIGN_KEY);
	*ret = k;
	return 0;
}

void keys_close(struct keys *k)
{
	sign_key_destroy(k->now);
	sign_key_destroy(k->next);
	if (k->dir_fd >= 0)
		(void)close(k->dir_fd);
	*k = (struct keys){.dir_fd = -1};
}

static int open_folder(const char *dir)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_file(int dir_fd, struct key_file *ret)
{
	char text[KEY_FILE_MAX];
	ssize_t n;
	int rc, fd = openat(dir_fd, FILE_NOW,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* weir keygen is run by root, the writer is not. */
	rc = segment_give(dir_fd, fd);
	n = rc < 0 ? 0 : read(fd, text, sizeof(text));
	if (n < 0)
		rc = -errno;
	(void)close(fd);
	if (rc == 0 && !key_file_parse((struct str){text, (size_t)n}, ret))
		rc = -EBADMSG;
	sign_forget(text, sizeof(text));
	return rc;
}

int keys_open(const char *dir, struct keys *ret)
{
	struct keys k = {.dir_fd = open_folder(dir)};
	struct key_file f = {.count = 0};
	int rc = k.dir_fd < 0 ? k.dir_fd : read_file(k.dir_fd, &f);

	if (rc == 0)
		rc = remove_old(k.dir_fd);
	if (rc == 0) {
		memcpy(k.root_public, f.root, SIGN_KEY);
		k.epoch = f.epoch[0];
		k.now = sign_key_of(f.seed[0]);
		k.next = f.count == 2 ? sign_key_of(f.seed[1]) : NULL;
		if (k.now == NULL || (f.count == 2 && k.next == NULL) || !show(&k))
			rc = -ENOMEM;
		sign_forget(&f, sizeof(f));
	}
	if (rc < 0) {
		keys_close(&k);
		return rc;
	}
	*ret = k;
	return 0;
}

int keys_create(const char *dir, struct keys *ret)
{
	struct keys k;
	struct stat st;
	int rc;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return -errno;
	rc = keys_in_memory(&k);
	if (rc < 0)
		return rc;
	k.dir_fd = open_folder(dir);
	if (k.dir_fd < 0)
		rc = k.dir_fd;
	else if (fstatat(k.dir_fd, FILE_NOW, &st, AT_SYMLINK_NOFOLLOW) == 0)
		rc = -EEXIST;
	else
		rc = save(&k);
	if (rc < 0) {
		keys_close(&k);
		return rc;
	}
	*ret = k;
	return 0;
}

/* Memory forgets the present key; the next one takes its place. */
static void take_next(struct keys *k)
{
	sign_key_destroy(k->now);
	k->now = k->next;
	k->next = NULL;
	k->epoch++;
	(void)show(k);
}

int keys_settle(struct keys *k, bool stepped)
{
	if (k->next == NULL)
		return 0;
	if (stepped) {
		take_next(k);
	} else {
		sign_key_destroy(k->next);
		k->next = NULL;
	}
	return save(k);
}

int keys_begin_anew(struct keys *k)
{
	if (k->epoch == 0 && k->next == NULL)
		return 0;
	sign_key_destroy(k->next);
	k->next = NULL;
	k->epoch = 0;
	memcpy(k->root_public, k->public_key, SIGN_KEY);
	return save(k);
}

int keys_step_begin(struct keys *k)
{
	int rc;

	if (k->unfinished)
		return -EBUSY;
	if (k->next != NULL) /* made before, and never named */
		return 0;
	k->next = sign_key_generate();
	if (k->next == NULL || !sign_key_public(k->next, k->next_public)) {
		sign_key_destroy(k->next);
		k->next = NULL;
		return -ENOMEM;
	}
	rc = save(k);
	if (rc < 0) {
		sign_key_destroy(k->next);
		k->next = NULL;
	}
	return rc;
}

void keys_step(struct keys *k)
{
	take_next(k);
	k->unfinished = true;
}

int keys_step_finish(struct keys *k)
{
	int rc = k->unfinished ? save(k) : 0;

	if (rc == 0)
		k->unfinished = false;
	return rc;
}
