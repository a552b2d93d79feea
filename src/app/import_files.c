/* SPDX-License-Identifier: Apache-2.0 */
#include "app/import_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "base/file.h"
#include "base/hash.h"
#include "catalog/catalog.h"
#include "import/encoding.h"
#include "import/write.h"

#define FILE_LIMIT ((size_t)64 << 20)

int could_not(const char *command, const char *what, const char *path, int rc)
{
	(void)fprintf(stderr, "weir %s: cannot %s %s: %s\n", command, what, path,
		      strerrordesc_np(-rc));
	return EXIT_COULD_NOT;
}

/* ---- reading ----------------------------------------------------------------------------- */

void inputs_init(struct inputs *all, const char *command)
{
	*all = (struct inputs){
		.command = command,
		.list = calloc(TENANT_FILES_MAX, sizeof(*all->list)),
	};
}

void inputs_finish(struct inputs *all)
{
	for (size_t i = 0; all->list != NULL && i < all->count; i++) {
		free(all->list[i].path);
		free(all->list[i].owned);
	}
	free(all->list);
}

static int to_utf8(struct input *in, size_t len)
{
	char *fresh;
	size_t n;

	in->text = (struct str){in->owned, len};
	if (!encoding_is_utf16le(in->owned, len))
		return 0;
	fresh = encoding_from_utf16le(in->owned, len, &n);
	if (fresh == NULL)
		return -ENOMEM;
	free(in->owned);
	in->owned = fresh;
	in->text = (struct str){fresh, n};
	return 0;
}

static int add_file(struct inputs *all, const char *path)
{
	struct input *in = &all->list[all->count];
	size_t len = 0;
	int rc;

	if (all->count == TENANT_FILES_MAX) {
		(void)fprintf(stderr, "weir %s: more than %d files\n", all->command,
			      TENANT_FILES_MAX);
		return EXIT_USAGE;
	}
	in->path = strdup(path);
	if (in->path == NULL)
		return could_not(all->command, "read", path, -ENOMEM);
	all->count++;
	rc = file_read(path, FILE_LIMIT, &in->owned, &len);
	if (rc == 0) {
		digest_sha256(in->owned, len, in->sha256);
		rc = to_utf8(in, len);
	}
	return rc == 0 ? EXIT_FINE : could_not(all->command, "read", path, rc);
}

static int is_readable_name(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && (n < 6 || strcmp(e->d_name + n - 6, ".rules") != 0);
}

/* Files right in the folder, by name; its folders are left alone. */
static int add_folder(struct inputs *all, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, is_readable_name, alphasort);
	int code = EXIT_FINE;

	if (n < 0)
		return could_not(all->command, "read", path, -errno);
	for (int i = 0; i < n; i++) {
		size_t len = strlen(path) + strlen(names[i]->d_name) + 2;
		char *one = malloc(len);
		struct stat st;

		if (one == NULL) {
			code = could_not(all->command, "read", path, -ENOMEM);
		} else if (code == EXIT_FINE) {
			(void)snprintf(one, len, "%s/%s", path, names[i]->d_name);
			if (stat(one, &st) != 0 || !S_ISDIR(st.st_mode))
				code = add_file(all, one);
		}
		free(one);
		free(names[i]);
	}
	free(names);
	return code;
}

int inputs_add(struct inputs *all, char *const *paths, size_t count)
{
	int code = all->list == NULL ? could_not(all->command, "read", "them", -ENOMEM)
				     : EXIT_FINE;

	for (size_t i = 0; code == EXIT_FINE && i < count; i++) {
		struct stat st;
		bool folder = stat(paths[i], &st) == 0 && S_ISDIR(st.st_mode);

		code = folder ? add_folder(all, paths[i]) : add_file(all, paths[i]);
	}
	return code;
}

bool inputs_read_tenant(const struct inputs *all, const char *policy, bool lenient,
			struct tenant *t, struct diag *d)
{
	const struct tenant_cfg cfg = {.lenient = lenient};
	char guid[GUID_LEN + 1] = "";
	bool fine = true;

	for (size_t i = 0; i < all->count; i++) {
		const struct input *in = &all->list[i];
		struct tenant_text text = {.name = in->path, .text = in->text};

		memcpy(text.sha256, in->sha256, sizeof(text.sha256));
		diag_source(d, in->path, in->text.p, in->text.len);
		fine = tenant_read(t, &text, &cfg, d) && fine;
	}
	for (size_t i = 0; policy != NULL && i < GUID_LEN; i++)
		guid[i] = ascii_lower(policy[i]);
	return fine && tenant_join(t, policy == NULL ? NULL : guid, d);
}

/* ---- what the catalogue knows ------------------------------------------------------------- */

static bool find_known(void *arg, struct str id, struct known_connector *ret)
{
	struct catalog_connector c;

	if (!catalog_connector(arg, id, &c))
		return false;
	*ret = (struct known_connector){
		.id = c.id,
		.unblockable = c.unblockable == STATED_YES,
		.not_by_gateway = c.gateway == STATED_NO,
		.not_by_subnet = c.vnet == STATED_NO,
		.has_hosts = c.hosts > 0,
		.verified = c.hosts > 0 && c.confidence == CONFIDENCE_VERIFIED,
	};
	return true;
}

struct connector_book known_connectors(const struct generation *g)
{
	struct vocabulary words = {0};

	catalog_vocabulary(g->catalog, &words);
	return (struct connector_book){.arg = g->catalog,
				       .find = find_known,
				       .ids = words.connectors.words,
				       .id_count = words.connectors.count};
}

/* ---- writing ----------------------------------------------------------------------------- */

void output_finish(struct output *one)
{
	free(one->path);
	free(one->text);
	free(one->before);
}

bool output_is_standard(const char *path)
{
	return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0 ||
	       strcmp(path, "/dev/fd/1") == 0 || strcmp(path, "/proc/self/fd/1") == 0;
}

static int refuse_output(const struct output *one, const char *what, struct diag *d)
{
	diag_error(d, ((struct span){.file = one->path}), "%s", what);
	diag_remedy(d, "%s another FILE, or move this one away", one->option);
	return -EINVAL;
}

/* A text that stands there: one of ours? */
static int look_at_text(const struct output *one, struct diag *d)
{
	const struct span at = {.file = one->path};
	size_t n = one->first == NULL ? 0 : strlen(one->first);

	if (one->first != NULL)
		return one->before_len >= n && memcmp(one->before, one->first, n) == 0
			       ? 0
			       : refuse_output(one,
					       "stands there and is no report that weir "
					       "import wrote",
					       d);
	switch (generated_check((struct str){one->before, one->before_len})) {
	case GENERATED_NOT:
		return refuse_output(
			one, "stands there and was not written by weir import", d);
	case GENERATED_EDITED:
		diag_add(
			d, DIAG_WARNING, at, "hand-edited",
			"was edited by hand: the edits are among the changes below, and lost");
		diag_remedy(d,
			    "what must differ, in gate exceptions of a file of your own");
		return 0;
	case GENERATED_SOUND:
		break;
	}
	return 0;
}

int output_look(struct output *one, struct diag *d)
{
	struct stat st;
	int rc;

	one->is_stream = true;
	if (output_is_standard(one->path) ||
	    (stat(one->path, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))))
		return 0;
	one->is_stream = false;
	if (lstat(one->path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(st.st_mode))
		return refuse_output(one, "is a symbolic link, which would be replaced",
				     d);
	if (!S_ISREG(st.st_mode))
		return refuse_output(one, "stands there and is no file", d);
	rc = file_read(one->path, FILE_LIMIT, &one->before, &one->before_len);
	return rc < 0 ? rc : look_at_text(one, d);
}

bool output_is_at(const struct output *one, const char *path, struct diag *d)
{
	struct stat a, b;
	bool same;

	if (one->is_stream)
		return false;
	same = file_is_place(one->path, path) ||
	       (stat(one->path, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
		a.st_ino == b.st_ino);
	if (!same)
		return false;
	diag_error(d, ((struct span){.file = one->path}),
		   "is to be written, and is the same file as %s", path);
	diag_remedy(d, "%s another FILE", one->option);
	return true;
}

static int write_stream(const struct output *one)
{
	FILE *out = fopen(one->path, "we");
	int rc;

	if (out == NULL)
		return -errno;
	rc = fwrite(one->text, 1, one->len, out) == one->len ? 0 : -EIO;
	if (fclose(out) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

int output_put(const struct output *one)
{
	if (output_is_standard(one->path))
		return fwrite(one->text, 1, one->len, stdout) == one->len ? 0 : -EIO;
	return one->is_stream ? write_stream(one)
			      : file_replace(one->path, one->text, one->len);
}

int output_show_changes(struct output *one)
{
	static const char *const none = "no change\n";

	if (one->before == NULL)
		return 0;
	if (changes_print((struct str){one->before, one->before_len},
			  (struct str){one->text, one->len}, stdout, &one->changes) != 0)
		return -ENOMEM;
	if (one->changes.removed + one->changes.added == 0)
		(void)fputs(none, stdout);
	else
		(void)printf("changes  %zu lines removed, %zu added\n",
			     one->changes.removed, one->changes.added);
	return 0;
}
