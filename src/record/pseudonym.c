/* SPDX-License-Identifier: Apache-2.0 */
#include "record/pseudonym.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/sign.h"

#define BLOCK    64 /* of SHA-256, RFC 2104 */
#define FILE_NEW PSEUDONYM_FILE ".new"

static void absorb(struct digest *d, const uint8_t key[PSEUDONYM_KEY], uint8_t pad)
{
	uint8_t block[BLOCK];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < PSEUDONYM_KEY; i++)
		block[i] ^= key[i];
	digest_start(d);
	digest_add(d, block, sizeof(block));
	sign_forget(block, sizeof(block));
}

void pseudonyms_init(struct pseudonyms *ret, const uint8_t key[PSEUDONYM_KEY])
{
	absorb(&ret->inner, key, 0x36);
	absorb(&ret->outer, key, 0x5c);
}

static int draw(uint8_t ret[PSEUDONYM_KEY])
{
	/* At most 256 bytes come whole: getrandom(2). */
	return getrandom(ret, PSEUDONYM_KEY, 0) == PSEUDONYM_KEY ? 0 : -EIO;
}

int pseudonyms_random(struct pseudonyms *ret)
{
	uint8_t key[PSEUDONYM_KEY];
	const int rc = draw(key);

	if (rc == 0)
		pseudonyms_init(ret, key);
	sign_forget(key, sizeof(key));
	return rc;
}

void pseudonyms_path(const char *keys, const char *dir, char buf[PSEUDONYMS_PATH_MAX])
{
	char beside[KEYS_DIR_MAX];

	if (keys == NULL)
		keys_beside(dir, beside);
	(void)snprintf(buf, PSEUDONYMS_PATH_MAX, "%s/" PSEUDONYM_FILE,
		       keys != NULL ? keys : beside);
}

int pseudonyms_read(const char *path, struct pseudonyms *ret)
{
	uint8_t key[PSEUDONYM_KEY];
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size != PSEUDONYM_KEY ||
		 read(fd, key, sizeof(key)) != PSEUDONYM_KEY)
		rc = -EBADMSG;
	else
		pseudonyms_init(ret, key);
	sign_forget(key, sizeof(key));
	(void)close(fd);
	return rc;
}

int pseudonyms_make(const char *dir)
{
	const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint8_t key[PSEUDONYM_KEY];
	int rc = dir_fd < 0 ? -errno : draw(key);

	if (rc == 0)
		rc = key_file_write(dir_fd, FILE_NEW, key, sizeof(key));
	/* A link replaces nothing, a rename would. */
	if (rc == 0 && linkat(dir_fd, FILE_NEW, dir_fd, PSEUDONYM_FILE, 0) != 0)
		rc = -errno;
	if (dir_fd >= 0)
		(void)unlinkat(dir_fd, FILE_NEW, 0);
	if (rc == 0 && fsync(dir_fd) != 0)
		rc = -errno;
	sign_forget(key, sizeof(key));
	if (dir_fd >= 0)
		(void)close(dir_fd);
	return rc;
}

void pseudonyms_forget(struct pseudonyms *p)
{
	sign_forget(p, sizeof(*p));
}

void pseudonym_format(const struct pseudonyms *p, struct str name,
		      char buf[PSEUDONYM_LEN + 1])
{
	struct digest d = p->inner;
	uint8_t sum[32];

	digest_add(&d, name.p, name.len);
	digest_end(&d, sum);
	d = p->outer;
	digest_add(&d, sum, sizeof(sum));
	digest_end(&d, sum);
	buf[0] = 'p';
	buf[1] = '-';
	hex_format(sum, 8, buf + 2);
}

bool pseudonym_is(struct str s)
{
	bool is = s.len == PSEUDONYM_LEN && s.p[0] == 'p' && s.p[1] == '-';

	for (size_t i = 2; is && i < s.len; i++)
		is = ascii_is_digit(s.p[i]) || (s.p[i] >= 'a' && s.p[i] <= 'f');
	return is;
}
