/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edited - what was changed while no gateway ran, told as `change` events at the start: files that
 * are not those of the generation that the ledger's last line names, another retention, another
 * root key.
 *
 * Everything read here lies in the ledger's folder, where the writer and an administrator may have
 * put anything: sizes are capped, contents held against their hash, nothing is believed further
 * than into the text of an event.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/archive.h"
#include "engine/login.h"
#include "engine/supervisor.h"
#include "record/read.h"
#include "record/seal.h"

#define FILES_MAX     1024
#define TEXT_MAX      ((size_t)1 << 20) /* files that are larger are named alone */
#define DIFF_MAX      1500
#define LINES_MAX     6 /* shown of a file's old lines, and of its new ones */
#define LINE_SHOWN    160
#define SHA256_HEX    64
#define RETENTION_MAX 512
#define LINE_HEAD     512 /* of a seal: its cause stands in it */

/* ---- the last generation ------------------------------------------------------------------ */

/* The highest number of a segment, whatever its form; 0 = there is none. */
static uint32_t last_segment(const char *dir)
{
	DIR *list = opendir(dir);
	const struct dirent *e;
	uint32_t last = 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of its own */
	while (list != NULL && (e = readdir(list)) != NULL) {
		const char *dot = strchr(e->d_name, '.');
		uint64_t n = 0;

		if (dot != NULL &&
		    (strcmp(dot, ".jsonl") == 0 || strcmp(dot, ".jsonl.zst") == 0) &&
		    parse_u64((struct str){e->d_name, (size_t)(dot - e->d_name)},
			      UINT32_MAX, &n) &&
		    n > last)
			last = (uint32_t)n;
	}
	if (list != NULL)
		(void)closedir(list);
	return last;
}

/* A quote within a text is escaped: the first such key is the line's own. */
static bool read_generation(struct str line, char ret[GENERATION_NAME_LEN + 1])
{
	static const char key[] = "\"generation\":\"";
	const char *at = memmem(line.p, line.len, key, sizeof(key) - 1);
	size_t left;

	if (at == NULL)
		return false;
	at += sizeof(key) - 1;
	left = line.len - (size_t)(at - line.p);
	if (left <= GENERATION_NAME_LEN || at[GENERATION_NAME_LEN] != '"')
		return false;
	for (size_t i = 0; i < GENERATION_NAME_LEN; i++)
		if (!ascii_is_digit(at[i]) && (at[i] < 'a' || at[i] > 'f'))
			return false;
	memcpy(ret, at, GENERATION_NAME_LEN);
	ret[GENERATION_NAME_LEN] = '\0';
	return true;
}

/* When the ledger's last line was written, by its beginning, and whether it is a stop's seal. */
static void look_at_end(struct supervisor *s, struct str line)
{
	const struct str head = {line.p, line.len < LINE_HEAD ? line.len : LINE_HEAD};
	static const char seal[] = "\"type\":\"seal\"", stop[] = "\"cause\":\"stop\"";

	if (!line_time(head, &s->last_us))
		s->last_us = 0;
	s->last_stopped = memmem(head.p, head.len, seal, sizeof(seal) - 1) != NULL &&
			  memmem(head.p, head.len, stop, sizeof(stop) - 1) != NULL;
}

/* The key that the ledger says it began with; nobody believes it further than into an event. */
static void look_at_root(struct supervisor *s, const char *dir)
{
	uint8_t key[SIGN_KEY];
	char path[4096], *text = NULL;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/ledger.pub", dir);
	if (file_read(path, SIGN_PEM_MAX, &text, &len) == 0 &&
	    sign_pem_parse((struct str){text, len}, key))
		fingerprint_format(key, s->last_root);
	free(text);
}

void edited_find(struct supervisor *s)
{
	const char *dir = s->generation->config->ledger.dir;
	const uint32_t last = last_segment(dir);
	struct diag *d = last == 0 ? NULL : diag_create();
	struct ledger_reader *r = d == NULL ? NULL : ledger_reader_open(dir, d);
	struct ledger_line line;

	/* The last segment may hold no line yet. */
	for (uint32_t n = last; r != NULL && n > 0 && last - n < 2; n--) {
		if (!ledger_reader_seek(r, n, 0, 0))
			continue;
		while (ledger_reader_next(r, &line)) {
			(void)read_generation(line.text, s->last_generation);
			look_at_end(s, line.text);
		}
		if (s->last_generation[0] != '\0')
			break;
	}
	ledger_reader_close(r);
	diag_destroy(d);
	look_at_root(s, dir);
}

/* ---- files --------------------------------------------------------------------------------- */

struct listed {
	char *name;
	char sha256[SHA256_HEX + 1];
};

struct list {
	struct listed *files; /* FILES_MAX */
	size_t count;
};

static void list_file(void *arg, const char *name, const char *sha256)
{
	struct list *l = arg;
	struct listed *f = l->count < FILES_MAX ? &l->files[l->count] : NULL;

	if (f == NULL || strlen(sha256) != SHA256_HEX)
		return;
	f->name = strdup(name);
	memcpy(f->sha256, sha256, sizeof(f->sha256));
	l->count += f->name != NULL;
}

static bool list_files(const char *dir, const char *generation, struct list *ret)
{
	const struct archive_each each = {.file = list_file, .arg = ret};
	struct diag *d = diag_create();
	char *text = NULL;
	size_t len;
	int rc = -ENOMEM;

	*ret = (struct list){.files = calloc(FILES_MAX, sizeof(struct listed))};
	if (d != NULL && ret->files != NULL)
		rc = archive_list(dir, generation, &each, d, &text, &len);
	if (rc == 0)
		free(text);
	diag_destroy(d);
	return rc == 0;
}

static void release_list(struct list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->files[i].name);
	free(l->files);
}

static const struct listed *find_file(const struct list *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->files[i].name, name) == 0)
			return &l->files[i];
	return NULL;
}

/* The caller's text; NULL: too large, no text, or not what its hash says. */
static char *kept_text(const char *dir, const char *sha256, size_t *ret_len)
{
	char *path = NULL, *text = NULL;
	char hex[SHA256_HEX + 1];
	uint8_t digest[32];

	if (asprintf(&path, "%s/generations/files/%s", dir, sha256) < 0)
		return NULL;
	if (file_read(path, TEXT_MAX, &text, ret_len) != 0)
		text = NULL;
	free(path);
	if (text == NULL)
		return NULL;
	digest_sha256(text, *ret_len, digest);
	hex_format(digest, sizeof(digest), hex);
	if (strcmp(hex, sha256) == 0 && memchr(text, '\0', *ret_len) == NULL)
		return text;
	free(text);
	return NULL;
}

/* The next line of `rest`, without its newline; false at the end. */
static bool next_line(struct str *rest, struct str *ret)
{
	const char *end = rest->len == 0 ? NULL : memchr(rest->p, '\n', rest->len);
	const size_t len = end == NULL ? rest->len : (size_t)(end - rest->p);

	if (rest->len == 0)
		return false;
	*ret = (struct str){rest->p, len};
	rest->p += len + (end != NULL);
	rest->len -= len + (end != NULL);
	return true;
}

/* Take away the lines that both begin with; how many. */
static unsigned drop_same_head(struct str *a, struct str *b)
{
	unsigned n = 0;

	for (;;) {
		struct str left_a = *a, left_b = *b, one, other;

		if (!next_line(&left_a, &one) || !next_line(&left_b, &other) ||
		    !str_equal(one, other))
			return n;
		*a = left_a;
		*b = left_b;
		n++;
	}
}

/* Take away what both end with, whole lines. */
static void drop_same_tail(struct str *a, struct str *b)
{
	size_t n = 0, same = 0;

	while (n < a->len && n < b->len && a->p[a->len - 1 - n] == b->p[b->len - 1 - n]) {
		n++;
		/* What is left ends with a newline, or is nothing. */
		if ((n == a->len || a->p[a->len - 1 - n] == '\n') &&
		    (n == b->len || b->p[b->len - 1 - n] == '\n'))
			same = n;
	}
	a->len -= same;
	b->len -= same;
}

static void print_lines(FILE *out, char sign, struct str rest)
{
	struct str line;
	unsigned n = 0;

	while (next_line(&rest, &line)) {
		line = str_trim(line);
		if (line.len == 0)
			continue;
		if (n < LINES_MAX)
			(void)fprintf(
				out, " %c %.*s", sign,
				(int)(line.len > LINE_SHOWN ? LINE_SHOWN : line.len),
				line.p);
		n++;
	}
	if (n > LINES_MAX)
		(void)fprintf(out, " %c (%u more)", sign, n - LINES_MAX);
}

/* "FILE:LINE: - OLD + NEW"; NULL = the file was, or is, not there. */
static void print_file(const char *dir, const struct listed *old,
		       const struct listed *new, FILE *out)
{
	const struct listed *either = old != NULL ? old : new;
	size_t old_len = 0, new_len = 0;
	char *old_text = old == NULL ? NULL : kept_text(dir, old->sha256, &old_len);
	char *new_text = new == NULL ? NULL : kept_text(dir, new->sha256, &new_len);
	struct str a = {old_text, old_len}, b = {new_text, new_len};

	(void)fprintf(out, "%s%s", ftell(out) > 0 ? "; " : "", either->name);
	if ((old != NULL && old_text == NULL) || (new != NULL &&new_text == NULL)) {
		(void)fputs(old == NULL   ? ": added"
			    : new == NULL ? ": removed"
					  : ": changed",
			    out);
	} else {
		(void)fprintf(out, ":%u:%s", drop_same_head(&a, &b) + 1,
			      old == NULL   ? " added"
			      : new == NULL ? " removed"
					    : "");
		drop_same_tail(&a, &b);
		print_lines(out, '-', a);
		print_lines(out, '+', b);
	}
	free(new_text);
	free(old_text);
}

/* All that differ; *ret_exempt: nothing but the lines of `weir ctl exempt` does. */
static void print_files(const struct supervisor *s, const struct list *old,
			const struct list *new, FILE *out, bool *ret_exempt)
{
	const char *dir = s->start->config->ledger.dir;
	char exempt[4096];
	size_t others = 0, exempts = 0;

	generation_exempt_path(s->start->config, exempt, sizeof(exempt));
	for (size_t i = 0; i < old->count; i++) {
		const struct listed *was = &old->files[i];
		const struct listed *is = find_file(new, was->name);

		if (is != NULL && strcmp(is->sha256, was->sha256) == 0)
			continue;
		print_file(dir, was, is, out);
		*(strcmp(was->name, exempt) == 0 ? &exempts : &others) += 1;
	}
	for (size_t i = 0; i < new->count; i++) {
		if (find_file(old, new->files[i].name) != NULL)
			continue;
		print_file(dir, NULL, &new->files[i], out);
		*(strcmp(new->files[i].name, exempt) == 0 ? &exempts : &others) += 1;
	}
	if (others + exempts == 0)
		(void)fputs(
			"the same files, in another order or by another version of Weir",
			out);
	*ret_exempt = others == 0 && exempts > 0;
}

/* No byte of a character is left alone, and a text that was cut says so. */
static void cut_diff(char *diff)
{
	size_t n = DIFF_MAX;

	if (strlen(diff) <= DIFF_MAX)
		return;
	while (n > 0 && ((unsigned char)diff[n] & 0xc0) == 0x80)
		n--;
	memcpy(diff + n, " ...", 5); /* there is room: it is longer by one at least */
}

static void tell_files(struct supervisor *s)
{
	const char *dir = s->start->config->ledger.dir;
	struct list old, new = {.files = NULL};
	char *diff = NULL;
	size_t size = 0;
	bool exempt = false;
	FILE *out;

	if (s->last_generation[0] == '\0' ||
	    strcmp(s->last_generation, s->generation->name) == 0)
		return;
	out = open_memstream(&diff, &size);
	if (out == NULL)
		return;
	if (list_files(dir, s->last_generation, &old) &&
	    list_files(dir, s->generation->name, &new))
		print_files(s, &old, &new, out, &exempt);
	else
		(void)fputs("what the files were, or are, is not kept in generations/",
			    out);
	(void)fprintf(out, "%5s", ""); /* room for cut_diff() */
	if (fclose(out) == 0) {
		diff[size - 5] = '\0';
		cut_diff(diff);
		log_warning("generation %s was in force last, now %s is: %s",
			    s->last_generation, s->generation->name, diff);
		supervisor_note_change(s, exempt ? "exempt" : "edited", diff,
				       s->last_generation, s->generation->name);
	}
	free(diff);
	release_list(&new);
	release_list(&old);
}

/* ---- retention ------------------------------------------------------------------------------ */

/* What is kept how long, and of what size; then each type that can expire (record/expired.h). */
enum kept {
	KEPT_ALL = 0,
	KEPT_SIZE,
	KEPT_TYPES,
	KEPT_COUNT = KEPT_TYPES + EXPIRING_COUNT
};

/* What is in force is kept in a file: a reload's new value waits for a start. */
struct retention {
	uint64_t of[KEPT_COUNT]; /* microseconds or bytes; 0 = for ever, any */
};

static struct retention retention_in(const struct config *c)
{
	struct retention r = {{[KEPT_ALL] = (uint64_t)c->ledger.keep_us,
			       [KEPT_SIZE] = c->ledger.keep_bytes}};

	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		r.of[KEPT_TYPES + t] = (uint64_t)c->ledger.keep_type_us[t];
	return r;
}

/* As in weir.conf behind `ledger.`, and in the file. */
#define KEPT_KEY_MAX 32
static const char *kept_key(unsigned k, char buf[KEPT_KEY_MAX])
{
	(void)snprintf(buf, KEPT_KEY_MAX, "keep%s%s",
		       k == KEPT_ALL    ? ""
		       : k == KEPT_SIZE ? "_size"
					: "_",
		       k < KEPT_TYPES ? ""
				      : expiring_name((enum expiring)(k - KEPT_TYPES)));
	return buf;
}

/* "keep 0 keep_size 0 ...": each word is a key, then its number; those that are missing are 0. */
static bool take_kept(struct str word, struct str number, struct retention *ret)
{
	char key[KEPT_KEY_MAX];

	for (unsigned k = 0; k < KEPT_COUNT; k++)
		if (str_equal(word, str_of(kept_key(k, key))))
			return parse_u64(number, INT64_MAX, &ret->of[k]);
	return false;
}

static bool read_retention(const char *path, struct retention *ret)
{
	char *text = NULL, *rest, *word, *number;
	bool sound;
	size_t len;

	*ret = (struct retention){{0}};
	if (file_read(path, RETENTION_MAX, &text, &len) != 0)
		return false;
	sound = len > 0;
	for (word = strtok_r(text, " \n", &rest); sound && word != NULL;
	     word = strtok_r(NULL, " \n", &rest)) {
		number = strtok_r(NULL, " \n", &rest);
		sound = number != NULL && take_kept(str_of(word), str_of(number), ret);
	}
	free(text);
	return sound;
}

/* Of a ledger without that file: as the generation before says. */
static bool retention_of(const char *dir, const char *generation, struct retention *ret)
{
	struct diag *d = generation[0] == '\0' ? NULL : diag_create();
	struct generation *g = d == NULL ? NULL : archive_load(dir, generation, d);

	if (g != NULL)
		*ret = retention_in(g->config);
	diag_destroy(d);
	if (g == NULL)
		return false;
	generation_destroy(g);
	return true;
}

/* "400d", "4GiB": in the largest unit that is whole. */
static void print_amount(FILE *out, uint64_t n, const uint64_t *sizes,
			 const char *const *units)
{
	size_t i = 0;

	while (sizes[i] > 1 && n % sizes[i] != 0)
		i++;
	if (n == 0)
		(void)fputs("no limit", out);
	else
		(void)fprintf(out, "%" PRIu64 "%s", n / sizes[i], units[i]);
}

static void print_change(FILE *out, unsigned what, uint64_t was, uint64_t is)
{
	static const uint64_t times[] = {86400000000, 3600000000, 1000000, 1};
	static const char *const time_units[] = {"d", "h", "s", "us"};
	static const uint64_t sizes[] = {UINT64_C(1) << 30, UINT64_C(1) << 20, 1};
	static const char *const size_units[] = {"GiB", "MiB", "B"};
	const bool size = what == KEPT_SIZE;
	char key[KEPT_KEY_MAX];
	/* No limit is more than any. */
	const bool shorter = is != 0 && (was == 0 || is < was);

	if (was == is)
		return;
	(void)fprintf(out, "%sledger.%s: ", ftell(out) > 0 ? "; " : "",
		      kept_key(what, key));
	print_amount(out, was, size ? sizes : times, size ? size_units : time_units);
	(void)fputs(" -> ", out);
	print_amount(out, is, size ? sizes : times, size ? size_units : time_units);
	(void)fputs(shorter ? " (less is kept)" : " (more is kept)", out);
}

static int write_retention(const char *path, const struct retention *is)
{
	char text[RETENTION_MAX], key[KEPT_KEY_MAX];
	size_t n = 0;

	for (unsigned k = 0; k < KEPT_COUNT; k++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %" PRIu64,
				      k > 0 ? " " : "", kept_key(k, key), is->of[k]);
	text[n++] = '\n';
	return file_replace(path, text, n);
}

static void tell_retention(struct supervisor *s)
{
	const struct config *c = s->start->config;
	const struct retention is = retention_in(c);
	struct retention was;
	char path[4096], *diff = NULL;
	size_t size = 0;
	bool known;
	FILE *out;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/retention", c->ledger.dir);
	known = read_retention(path, &was) ||
		retention_of(c->ledger.dir, s->last_generation, &was);
	if (known && memcmp(&was, &is, sizeof(is)) == 0 && access(path, F_OK) == 0)
		return;
	out = known ? open_memstream(&diff, &size) : NULL;
	if (out != NULL) {
		for (unsigned k = 0; k < KEPT_COUNT; k++)
			print_change(out, k, was.of[k], is.of[k]);
		if (fclose(out) == 0 && size > 0) {
			log_warning("retention: %s", diff);
			supervisor_note_change(s, "retention", diff, "", "");
		}
		free(diff);
	}
	rc = write_retention(path, &is);
	if (rc != 0)
		log_warning("%s: %s", path, strerrordesc_np(-rc));
}

/* ---- the root key --------------------------------------------------------------------------- */

/* It was lost and made anew, or another was put in its place: verify calls its seals foreign. */
static void tell_key(struct supervisor *s)
{
	char diff[160];

	if (s->last_us == 0 || s->last_root[0] == '\0' ||
	    strcmp(s->last_root, s->fingerprint) == 0)
		return;
	(void)snprintf(diff, sizeof(diff), "root key %s -> %s", s->last_root,
		       s->fingerprint);
	log_warning("ledger: it began with another key: %s", diff);
	supervisor_note_change(s, "key", diff, "", "");
}

void edited_tell(struct supervisor *s)
{
	s->asker = (struct asker){.fd = -1, .why = "found at the start"};
	login_name(getpid(), getuid(), s->asker.who);
	tell_files(s);
	tell_retention(s);
	tell_key(s);
}
