/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_set.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/json_read.h"

#define SHA256_HEX     64
#define SUFFIX         ".json"
#define MANIFEST_MAX   ((size_t)4 << 20)
#define KEPT_FILE_MAX  ((size_t)1 << 30) /* as the largest database that is loaded */
#define RULE_FILES_MAX 256

/* ---- keeping ------------------------------------------------------------------------------ */

static int make_folder(const char *path)
{
	return mkdir(path, 0750) != 0 && errno != EEXIST ? -errno : 0;
}

static void hash_text(const struct file_in_set *f, char hex[SHA256_HEX + 1])
{
	uint8_t sha256[32];

	digest_sha256(f->bytes, f->len, sha256);
	hex_format(sha256, sizeof(sha256), hex);
}

/* A content that is there already, whole, is not written again. */
static int keep_bytes(const char *dir, const char *hex, const struct file_in_set *f)
{
	struct stat st;
	char *path = NULL;
	int rc = 0;

	if (asprintf(&path, "%s/generations/files/%s", dir, hex) < 0)
		return -ENOMEM;
	if (stat(path, &st) != 0 || (uintmax_t)st.st_size != f->len)
		rc = file_put(path, f->bytes, f->len);
	free(path);
	return rc;
}

static int keep_files(const char *dir, const struct file_set *set, struct json *j)
{
	struct file_in_set f;
	int rc = 0;

	json_array_begin(j, "files");
	for (size_t i = 0; rc == 0 && file_set_at(set, i, &f); i++) {
		char hex[SHA256_HEX + 1];

		hash_text(&f, hex);
		rc = keep_bytes(dir, hex, &f);
		json_object_begin(j, NULL);
		json_cstring(j, "name", f.name);
		json_put_u64(j, STR("size"), f.len);
		json_cstring(j, "sha256", hex);
		json_object_end(j);
	}
	json_array_end(j);
	return rc;
}

/* The file system of the contents, before the manifest that promises them. */
static int sync_files(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd == -1 || syncfs(fd) != 0 ? -errno : 0;

	if (fd != -1)
		(void)close(fd);
	return rc;
}

static int keep_manifest(const char *dir, const struct generation *g,
			 const struct generation_cfg *cfg, char *text, bool sync)
{
	struct json j;
	char *path = NULL;
	int rc;

	json_init(&j, text, MANIFEST_MAX);
	json_object_begin(&j, NULL);
	json_put_u64(&j, STR("v"), 1);
	json_cstring(&j, "generation", g->name);
	json_cstring(&j, "weir", WEIR_VERSION);
	if (cfg->config != NULL)
		json_cstring(&j, "config", cfg->config);
	if (cfg->share != NULL)
		json_cstring(&j, "share", cfg->share);
	if (cfg->exempt)
		json_bool(&j, "exempt", true);
	json_array_begin(&j, "rules");
	for (size_t i = 0; i < cfg->rule_count; i++)
		json_put_string(&j, STR_NONE, str_of(cfg->rules[i]));
	json_array_end(&j);
	rc = keep_files(dir, cfg->set, &j);
	json_object_end(&j);
	json_raw(&j, "\n", 1);
	if (rc != 0)
		return rc;
	if (!json_ok(&j))
		return -EFBIG;
	if (asprintf(&path, "%s/generations/%s" SUFFIX, dir, g->name) < 0)
		return -ENOMEM;
	if (sync)
		rc = sync_files(dir);
	if (rc == 0)
		rc = sync ? file_replace(path, text, j.len) : file_put(path, text, j.len);
	free(path);
	return rc;
}

int archive_keep(const char *dir, const struct generation *g,
		 const struct generation_cfg *cfg, bool sync)
{
	char *text = malloc(MANIFEST_MAX), *folder = NULL;
	int rc = text == NULL ? -ENOMEM : make_folder(dir);

	if (rc == 0 && asprintf(&folder, "%s/generations/files", dir) < 0)
		rc = -ENOMEM;
	if (rc == 0) {
		char *slash = strrchr(folder, '/');

		*slash = '\0';
		rc = make_folder(folder);
		*slash = '/';
	}
	if (rc == 0)
		rc = make_folder(folder);
	if (rc == 0)
		rc = keep_manifest(dir, g, cfg, text, sync);
	free(folder);
	free(text);
	return rc;
}

/* ---- reading ------------------------------------------------------------------------------ */

struct manifest {
	const char *dir, *file; /* file: as findings show it */
	struct json_reader json;
	struct diag *d;
	struct file_set *set;
	char *config, *share;
	bool exempt;
	char *rules[RULE_FILES_MAX];
	size_t rule_count;
	char generation[GENERATION_NAME_LEN + 1];
	const struct archive_each *each; /* NULL = read them */
};

static bool fault(struct manifest *m, const struct json_token *t, const char *what)
{
	diag_error(m->d, json_read_span(&m->json, t), "%s", what);
	diag_remedy(m->d,
		    "the file as Weir wrote it, from a copy of the ledger's folder");
	return false;
}

static char *text_of(const struct json_token *t)
{
	return strndup(t->text.p, t->text.len);
}

/* The bytes that the manifest promises, or a finding. */
static bool take_file(struct manifest *m, const struct json_token *at, const char *name,
		      const char *sha256)
{
	struct file_in_set f = {.name = name};
	char *path = NULL, *bytes = NULL, hex[SHA256_HEX + 1];
	bool sound = false;
	int rc;

	if (asprintf(&path, "%s/generations/files/%s", m->dir, sha256) < 0)
		return fault(m, at, "out of memory");
	rc = file_read(path, KEPT_FILE_MAX, &bytes, &f.len);
	if (rc != 0) {
		diag_error(m->d, json_read_span(&m->json, at),
			   "\"%s\" cannot be read: %s: %s", name, path,
			   strerrordesc_np(-rc));
	} else {
		f.bytes = bytes;
		hash_text(&f, hex);
		if (strcmp(hex, sha256) != 0) {
			diag_error(m->d, json_read_span(&m->json, at),
				   "\"%s\" was changed after it was kept: %s has another "
				   "hash than its name",
				   name, path);
			diag_remedy(m->d, "the file from a copy of the ledger's folder");
		} else if (file_set_add(m->set, name, bytes, f.len) != 0) {
			(void)fault(m, at, "the file stands here twice");
		} else {
			sound = true;
		}
	}
	free(bytes);
	free(path);
	return sound;
}

static bool is_hash(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f'))
			return false;
	return s.len == SHA256_HEX;
}

/* One of "files". */
static bool read_file(struct manifest *m, const struct json_token *begin)
{
	struct json_token t, v;
	char *name = NULL, sha256[SHA256_HEX + 1] = "";
	bool sound;

	if (begin->kind != JSON_READ_OBJECT)
		return fault(m, begin, "is no {\"name\": ..., \"sha256\": ...}");
	while (json_read_next(&m->json, &t) && t.kind == JSON_READ_KEY) {
		bool is_name = str_equal(t.text, STR("name"));
		bool is_sum = str_equal(t.text, STR("sha256"));

		if (!json_read_next(&m->json, &v))
			break;
		if (is_name && v.kind == JSON_READ_STRING && name == NULL)
			name = text_of(&v);
		else if (is_sum && v.kind == JSON_READ_STRING && is_hash(v.text))
			memcpy(sha256, v.text.p, SHA256_HEX);
		else
			json_read_skip(&m->json, &v);
	}
	sound = name != NULL && sha256[0] != '\0';
	if (!sound)
		(void)fault(m, begin, "has no name, or no hash");
	else if (m->each != NULL)
		m->each->file(m->each->arg, name, sha256);
	else
		sound = take_file(m, begin, name, sha256);
	free(name);
	return sound;
}

static bool read_files(struct manifest *m, const struct json_token *begin)
{
	struct json_token t;
	bool sound = true;

	if (begin->kind != JSON_READ_ARRAY)
		return fault(m, begin, "is no list");
	while (json_read_next(&m->json, &t) && t.kind != JSON_READ_ARRAY_END)
		sound = read_file(m, &t) && sound;
	return sound;
}

static bool read_rules(struct manifest *m, const struct json_token *begin)
{
	struct json_token t;

	if (begin->kind != JSON_READ_ARRAY)
		return fault(m, begin, "is no list");
	while (json_read_next(&m->json, &t) && t.kind != JSON_READ_ARRAY_END) {
		if (t.kind != JSON_READ_STRING || m->rule_count == RULE_FILES_MAX)
			return fault(m, &t, "is no name, or one too many");
		m->rules[m->rule_count++] = text_of(&t);
	}
	return true;
}

static bool read_member(struct manifest *m, const struct json_token *key,
			const struct json_token *v)
{
	if (str_equal(key->text, STR("files")))
		return read_files(m, v);
	if (str_equal(key->text, STR("rules")))
		return read_rules(m, v);
	if (v->kind == JSON_READ_STRING && str_equal(key->text, STR("config")) &&
	    m->config == NULL)
		m->config = text_of(v);
	else if (v->kind == JSON_READ_STRING && str_equal(key->text, STR("share")) &&
		 m->share == NULL)
		m->share = text_of(v);
	else if (v->kind == JSON_READ_TRUE && str_equal(key->text, STR("exempt")))
		m->exempt = true;
	else if (v->kind == JSON_READ_STRING && str_equal(key->text, STR("generation")) &&
		 v->text.len == GENERATION_NAME_LEN)
		memcpy(m->generation, v->text.p, GENERATION_NAME_LEN);
	else
		json_read_skip(&m->json, v);
	return true;
}

static bool read_manifest(struct manifest *m, const char *text, size_t len)
{
	/* "config" may stand behind "files": keys are read before values replace their text. */
	struct json_token t, key, v;
	bool sound = true;

	json_read_start(&m->json, m->file, text, len, m->d);
	if (!json_read_next(&m->json, &t) || t.kind != JSON_READ_OBJECT)
		return fault(m, &t, "is no manifest of a generation");
	while (json_read_next(&m->json, &key) && key.kind == JSON_READ_KEY) {
		char name[16];
		size_t n = key.text.len < sizeof(name) ? key.text.len : sizeof(name);

		memcpy(name, key.text.p, n);
		key.text = (struct str){name, n};
		if (!json_read_next(&m->json, &v))
			break;
		sound = read_member(m, &key, &v) && sound;
	}
	return sound && !json_read_failed(&m->json);
}

static struct generation *load(struct manifest *m, const char *name)
{
	const struct generation_cfg cfg = {.config = m->config,
					   .rules = (const char *const *)m->rules,
					   .rule_count = m->rule_count,
					   .share = m->share,
					   .set = m->set,
					   .exempt = m->exempt};
	struct generation *g;

	file_set_seal(m->set);
	g = generation_load(&cfg, m->d);
	if (g == NULL || strcmp(g->name, name) == 0)
		return g;
	diag_error(m->d, (struct span){.file = m->file},
		   "gives generation %s: another version of Weir wrote it, or it was "
		   "changed",
		   g->name);
	diag_remedy(m->d, "the version that \"weir\" in this file names");
	generation_destroy(g);
	return NULL;
}

static void release(struct manifest *m)
{
	file_set_destroy(m->set);
	free(m->config);
	free(m->share);
	for (size_t i = 0; i < m->rule_count; i++)
		free(m->rules[i]);
}

/* Read the manifest of generation `name` into m; *ret_text, the caller's, is what it says. */
static int open_manifest(struct manifest *m, const char *name, char **ret_path,
			 char **ret_text, size_t *ret_len)
{
	int rc;

	if (asprintf(ret_path, "%s/generations/%s" SUFFIX, m->dir, name) < 0) {
		*ret_path = NULL;
		diag_error(m->d, (struct span){.file = m->dir}, "out of memory");
		return -ENOMEM;
	}
	m->file = *ret_path;
	rc = file_read(*ret_path, MANIFEST_MAX, ret_text, ret_len);
	if (rc != 0) {
		diag_error(m->d, (struct span){.file = *ret_path}, "cannot be read: %s",
			   strerrordesc_np(-rc));
		return rc;
	}
	diag_source(m->d, *ret_path, *ret_text, *ret_len);
	rc = read_manifest(m, *ret_text, *ret_len) ? 0 : -EBADMSG;
	diag_forget_sources(m->d);
	return rc;
}

static struct generation *load_file(const char *dir, const char *name, struct diag *d)
{
	struct manifest m = {.dir = dir, .d = d, .set = file_set_create()};
	struct generation *g = NULL;
	char *path = NULL, *text = NULL;
	size_t len = 0;

	if (m.set == NULL) {
		diag_error(d, (struct span){.file = dir}, "out of memory");
		return NULL;
	}
	if (open_manifest(&m, name, &path, &text, &len) == 0) {
		g = load(&m, name);
		diag_forget_sources(d);
	}
	free(text);
	release(&m);
	free(path);
	return g;
}

int archive_list(const char *dir, const char *name, const struct archive_each *each,
		 struct diag *d, char **ret, size_t *ret_len)
{
	struct manifest m = {.dir = dir, .d = d, .each = each};
	char *path = NULL, *text = NULL;
	size_t len = 0;
	const int rc = open_manifest(&m, name, &path, &text, &len);

	release(&m);
	free(path);
	if (rc == 0) {
		*ret = text;
		*ret_len = len;
	} else {
		free(text);
	}
	return rc;
}

/* The names in the folder that begin with `name`; the last one in `found`. */
static size_t find_names(const char *dir, const char *name,
			 char found[GENERATION_NAME_LEN + 1])
{
	const size_t len = strlen(name);
	char *path = NULL;
	DIR *list = asprintf(&path, "%s/generations", dir) < 0 ? NULL : opendir(path);
	struct dirent *e;
	size_t n = 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of its own */
	while (list != NULL && (e = readdir(list)) != NULL) {
		if (strlen(e->d_name) != GENERATION_NAME_LEN + strlen(SUFFIX) ||
		    strcmp(e->d_name + GENERATION_NAME_LEN, SUFFIX) != 0 ||
		    strncmp(e->d_name, name, len) != 0)
			continue;
		memcpy(found, e->d_name, GENERATION_NAME_LEN);
		found[GENERATION_NAME_LEN] = '\0';
		n++;
	}
	if (list != NULL)
		(void)closedir(list);
	free(path);
	return n;
}

struct generation *archive_load(const char *dir, const char *name, struct diag *d)
{
	const size_t len = strlen(name);
	char found[GENERATION_NAME_LEN + 1];
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (!ascii_is_digit(name[i]) && (name[i] < 'a' || name[i] > 'f'))
			n = SIZE_MAX;
	if (n == SIZE_MAX || len < ARCHIVE_NAME_MIN || len > GENERATION_NAME_LEN) {
		diag_error(d, (struct span){.file = dir}, "'%s' is no generation", name);
		diag_remedy(d, "%d to %d of its hexadecimal digits", ARCHIVE_NAME_MIN,
			    GENERATION_NAME_LEN);
		return NULL;
	}
	n = find_names(dir, name, found);
	if (n == 1)
		return load_file(dir, found, d);
	diag_error(d, (struct span){.file = dir},
		   n == 0 ? "keeps no generation '%s'"
			  : "keeps several generations that begin with '%s'",
		   name);
	diag_remedy(d, n == 0 ? "a generation that an event of this ledger names"
			      : "more digits");
	return NULL;
}
