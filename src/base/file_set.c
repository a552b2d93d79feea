/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct entry {
	char *name, *bytes;
	size_t len;
};

struct file_set {
	struct entry *list;
	size_t count, room;
	bool sealed;
};

struct file_set *file_set_create(void)
{
	return calloc(1, sizeof(struct file_set));
}

void file_set_destroy(struct file_set *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++) {
		free(s->list[i].name);
		free(s->list[i].bytes);
	}
	free(s->list);
	free(s);
}

/* A generation has some dozens of files: no index is needed. */
static const struct entry *find(const struct file_set *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->list[i].name, name) == 0)
			return &s->list[i];
	return NULL;
}

/* With the NUL that file_read() promises. */
static char *copy_of(const char *bytes, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy != NULL) {
		memcpy(copy, bytes, len);
		copy[len] = '\0';
	}
	return copy;
}

static int put(struct file_set *s, const char *name, const char *bytes, size_t len)
{
	struct entry e = {.len = len};

	if (s->count == s->room) {
		size_t room = s->room == 0 ? 16 : s->room * 2;
		struct entry *more = reallocarray(s->list, room, sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		s->list = more;
		s->room = room;
	}
	e.name = strdup(name);
	e.bytes = copy_of(bytes, len);
	if (e.name == NULL || e.bytes == NULL) {
		free(e.name);
		free(e.bytes);
		return -ENOMEM;
	}
	s->list[s->count++] = e;
	return 0;
}

int file_set_add(struct file_set *s, const char *name, const char *bytes, size_t len)
{
	if (s->sealed)
		return -EINVAL;
	return find(s, name) != NULL ? -EEXIST : put(s, name, bytes, len);
}

void file_set_seal(struct file_set *s)
{
	s->sealed = true;
}

bool file_set_is_sealed(const struct file_set *s)
{
	return s != NULL && s->sealed;
}

static int read_kept(const struct entry *e, size_t limit, char **ret, size_t *ret_len)
{
	if (e->len > limit)
		return -EFBIG;
	*ret = copy_of(e->bytes, e->len);
	*ret_len = e->len;
	return *ret == NULL ? -ENOMEM : 0;
}

int file_set_read(struct file_set *s, const char *path, size_t limit, char **ret,
		  size_t *ret_len)
{
	const struct entry *e = s == NULL ? NULL : find(s, path);
	int rc;

	if (e != NULL)
		return read_kept(e, limit, ret, ret_len);
	if (s != NULL && s->sealed)
		return -ENOENT;
	rc = file_read(path, limit, ret, ret_len);
	if (rc != 0 || s == NULL)
		return rc;
	rc = put(s, path, *ret, *ret_len);
	if (rc != 0) {
		free(*ret);
		*ret = NULL;
	}
	return rc;
}

char *file_set_beside(const struct file_set *s, const char *base, const char *name)
{
	char *path, *folded;

	if (!file_set_is_sealed(s))
		return file_beside(base, name);
	path = file_join(base, name);
	if (path == NULL || find(s, path) != NULL)
		return path;
	folded = strdup(path);
	if (folded == NULL)
		return path;
	file_fold(folded);
	if (find(s, folded) == NULL) {
		free(folded);
		return path;
	}
	free(path);
	return folded;
}

bool file_set_at(const struct file_set *s, size_t i, struct file_in_set *ret)
{
	if (i >= s->count)
		return false;
	*ret = (struct file_in_set){s->list[i].name, s->list[i].bytes, s->list[i].len};
	return true;
}
