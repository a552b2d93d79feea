/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
	char prefix[155], rest[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

static void put(struct tar *t, const void *bytes, size_t len)
{
	if (t->error != 0 || len == 0)
		return;
	digest_add(&t->whole, bytes, len);
	if (fwrite(bytes, 1, len, t->out) != len)
		t->error = errno == 0 ? -EIO : -errno;
}

/* Digits to the last place but one, which stays NUL. */
static void octal(char *to, size_t size, uint64_t value)
{
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		to[i] = (char)('0' + (value & 7));
}

static void put_header(struct tar *t, const char *name, size_t name_len, size_t len)
{
	struct header h = {.type = '0', .magic = "ustar", .version = {'0', '0'}};
	const unsigned char *bytes = (const unsigned char *)&h;
	unsigned sum = 0;

	memcpy(h.name, name, name_len);
	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), len);
	octal(h.mtime, sizeof(h.mtime), 0);
	octal(h.major, sizeof(h.major), 0);
	octal(h.minor, sizeof(h.minor), 0);
	memset(h.checksum, ' ', sizeof(h.checksum)); /* as it counts itself */
	for (size_t i = 0; i < BLOCK; i++)
		sum += bytes[i];
	octal(h.checksum, sizeof(h.checksum) - 1, sum);
	h.checksum[6] = '\0';
	put(t, &h, sizeof(h));
}

void tar_begin(struct tar *t, FILE *out)
{
	*t = (struct tar){.out = out};
	digest_start(&t->whole);
	t->list = open_memstream(&t->sums, &t->sums_len);
	if (t->list == NULL)
		t->error = -ENOMEM;
}

void tar_add(struct tar *t, const char *name, const void *bytes, size_t len)
{
	static const char zeros[BLOCK];
	const size_t name_len = strlen(name);
	uint8_t sha256[32];
	char hex[65];

	if (t->error == 0 && (name_len == 0 || name_len >= 100))
		t->error = -ENAMETOOLONG;
	if (t->error == 0 && (uint64_t)len >> 33 != 0) /* 11 octal digits */
		t->error = -EFBIG;
	if (t->error != 0)
		return;
	put_header(t, name, name_len, len);
	put(t, bytes, len);
	put(t, zeros, (BLOCK - len % BLOCK) % BLOCK);
	digest_sha256(bytes, len, sha256);
	hex_format(sha256, sizeof(sha256), hex);
	(void)fprintf(t->list, "%s  %s\n", hex, name);
}

void tar_add_sums(struct tar *t, const char *name)
{
	if (t->error == 0 && fflush(t->list) != 0)
		t->error = -ENOMEM;
	if (t->error == 0)
		tar_add(t, name, t->sums, t->sums_len);
}

int tar_end(struct tar *t, uint8_t ret_sha256[32])
{
	static const char zeros[2 * BLOCK];

	put(t, zeros, sizeof(zeros));
	digest_end(&t->whole, ret_sha256);
	if (t->list != NULL && fclose(t->list) != 0 && t->error == 0)
		t->error = -ENOMEM;
	free(t->sums);
	t->list = NULL;
	t->sums = NULL;
	return t->error;
}
