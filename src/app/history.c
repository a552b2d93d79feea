/* SPDX-License-Identifier: Apache-2.0 */
#include "app/history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "engine/archive.h"
#include "engine/replay.h"
#include "record/seal.h"

const char *history_dir(const char *command, const struct common *c, const char *given,
			char buf[LEDGER_DIR_MAX])
{
	const char *path = c->config != NULL ? c->config : DEFAULT_CONFIG;
	struct config *config = NULL;
	struct diag *d;
	int n = -1;

	if (given != NULL)
		return given;
	if (c->config == NULL && access(path, F_OK) != 0) {
		(void)usage_error(command, "which ledger? write --ledger DIR");
		return NULL;
	}
	d = diag_create();
	if (d != NULL)
		config = config_load(path, share_folder(), d);
	if (d != NULL && config == NULL)
		print_findings(d);
	else if (config != NULL && config->ledger.dir == NULL)
		(void)usage_error(command, "%s names no ledger: write --ledger DIR",
				  path);
	else if (config != NULL)
		n = snprintf(buf, LEDGER_DIR_MAX, "%s", config->ledger.dir);
	config_destroy(config);
	diag_destroy(d);
	return n < 0 || n >= LEDGER_DIR_MAX ? NULL : buf;
}

struct generation *history_generation(const char *dir, const char *name)
{
	struct diag *d = diag_create();
	struct generation *g = d == NULL ? NULL : archive_load(dir, name, d);

	if (d != NULL && g == NULL)
		print_findings(d);
	diag_destroy(d);
	return g;
}

static bool is_digits(const char *s)
{
	const size_t n = strlen(s);

	return n >= ARCHIVE_NAME_MIN && n <= GENERATION_NAME_LEN &&
	       strspn(s, "0123456789abcdef") == n;
}

static bool note_generation(void *arg, const struct recorded_flow *f,
			    const struct ledger_line *line)
{
	char *name = arg;

	(void)line;
	if (f->generation.len == GENERATION_NAME_LEN)
		memcpy(name, f->generation.p, GENERATION_NAME_LEN);
	return true;
}

/* The last generation that judged something there. */
static struct generation *running(const char *command, const char *dir)
{
	char name[GENERATION_NAME_LEN + 1] = "";
	struct history_reading to = {.each = note_generation, .arg = name};

	if (history_read(command, dir, &to) != EXIT_FINE)
		return NULL;
	if (name[0] != '\0')
		return history_generation(dir, name);
	(void)fprintf(stderr, "weir %s: %s: no connection was judged yet\n", command,
		      dir);
	return NULL;
}

struct generation *history_meant(const char *command, const char *dir,
				 const struct common *c, const char *const *names,
				 size_t count)
{
	struct common with = *c;

	if (count == 1 && dir != NULL && access(names[0], F_OK) != 0) {
		if (strcmp(names[0], "running") == 0)
			return running(command, dir);
		if (is_digits(names[0]))
			return history_generation(dir, names[0]);
	}
	with.rule_count = 0;
	for (size_t i = 0; i < count; i++)
		if (!add_rules(&with, names[i]))
			return NULL;
	return load_or_report(&with, true);
}

static uint64_t count_rollup(const struct ledger_line *line, struct diag *d, uint64_t sum)
{
	uint64_t n;

	if (!record_read_rollup(line, d, &n))
		return sum;
	return n > UINT64_MAX - sum ? UINT64_MAX : sum + n;
}

int history_read(const char *command, const char *dir, struct history_reading *to)
{
	struct diag *d = diag_create();
	struct recorded_flow *f = malloc(sizeof(*f));
	struct ledger_reader *r =
		d == NULL || f == NULL ? NULL : ledger_reader_open(dir, d);
	struct ledger_line line;
	int code = r == NULL ? EXIT_COULD_NOT : EXIT_FINE;
	bool more = true, is_first = true;

	while (r != NULL && more && ledger_reader_next_any(r, &line)) {
		uint64_t seq;

		if (is_first && line_seq(line.text, &seq))
			to->removed += seq - 1;
		is_first = false;
		to->expired += line.expired;
		to->rolled_up = count_rollup(&line, d, to->rolled_up);
		if (record_read_flow(&line, d, f) && f->judged && f->phase != PHASE_END)
			more = to->each(to->arg, f, &line);
	}
	ledger_reader_close(r);
	if (d == NULL || f == NULL)
		(void)fprintf(stderr, "weir %s: out of memory\n", command);
	else if (diag_count(d, DIAG_ERROR) > 0)
		print_findings(d);
	free(f);
	diag_destroy(d);
	return code;
}

void history_say_expired(const char *command, const char *dir)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct expired_marks m = {.to = {0}};

	if (fd == -1)
		return;
	expired_marks_read(fd, &m);
	(void)close(fd);
	for (unsigned t = 0; t < EXPIRING_COUNT; t++)
		if (m.lines[t] > 0)
			(void)fprintf(
				stderr,
				"weir %s: %" PRIu64
				" events of type %s have expired (ledger.keep_%s), up "
				"to segment %" PRIu32 ": they were not looked at\n",
				command, m.lines[t], expiring_name((enum expiring)t),
				expiring_name((enum expiring)t), m.to[t]);
}

void history_say_gone(const char *command, const struct history_reading *to)
{
	if (to->expired > 0)
		(void)fprintf(stderr,
			      "weir %s: %" PRIu64
			      " lines of the ledger have expired (ledger.keep_flow and "
			      "others): they were not looked at\n",
			      command, to->expired);
	if (to->removed > 0)
		(void)fprintf(
			stderr,
			"weir %s: lines 1 to %" PRIu64
			" of the ledger were removed (ledger.keep, ledger.keep_size): "
			"they were not looked at\n",
			command, to->removed);
}

void history_say_left_out(const char *command, const struct history_reading *to)
{
	if (to->rolled_up > 0)
		(void)fprintf(
			stderr,
			"weir %s: %" PRIu64
			" connections could not be judged again: they are in rollups, "
			"which count connections and do not tell them\n",
			command, to->rolled_up);
	history_say_gone(command, to);
}

/* ---- captures ---- */

static void remove_folder(const char *dir)
{
	DIR *list = opendir(dir);
	struct dirent *e;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of its own */
	while (list != NULL && (e = readdir(list)) != NULL)
		(void)unlinkat(dirfd(list), e->d_name, 0);
	if (list != NULL)
		(void)closedir(list);
	(void)rmdir(dir);
}

static int replay_into(const char *command, const struct generation *g,
		       const char *const *captures, size_t count, const char *dir)
{
	struct ledger_cfg lc = {.dir = dir, .fd = -1};
	struct replay_result *res = calloc(1, sizeof(*res));
	struct replay_cfg rc = {.generation = g,
				.captures = captures,
				.capture_count = count,
				.workers = 1,
				.ndpi = false};
	struct ledger *l = NULL;
	char error[300] = "out of memory";
	int run = -ENOMEM, closed;

	if (res != NULL && ledger_open(&lc, &l, error) == 0) {
		rc.ledger = l;
		run = replay_run(&rc, res);
		closed = ledger_close(l);
		if (run == 0)
			run = res->write_error != 0 ? res->write_error : closed;
		if (run != 0)
			(void)snprintf(error, sizeof(error), "the folder for events: %s",
				       strerrordesc_np(-run));
	}
	if (run != 0)
		(void)fprintf(stderr, "weir %s: %s\n", command, error);
	for (unsigned i = 0; res != NULL && i < res->damaged && i < REPLAY_DAMAGED_MAX;
	     i++)
		(void)fprintf(stderr, "weir %s: %s\n", command, res->messages[i]);
	if (run == 0 && res->frames == 0)
		run = -ENODATA;
	free(res);
	return run == 0 ? EXIT_FINE : EXIT_COULD_NOT;
}

int history_replay(const char *command, const struct generation *g,
		   const char *const *captures, size_t count, struct history_reading *to)
{
	const char *under = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
	char dir[LEDGER_DIR_MAX];
	int code;

	(void)snprintf(dir, sizeof(dir), "%s/weir-XXXXXX",
		       under == NULL || under[0] == '\0' ? "/tmp" : under);
	if (mkdtemp(dir) == NULL) {
		(void)fprintf(stderr, "weir %s: %s: %s\n", command, dir,
			      strerrordesc_np(errno));
		return EXIT_COULD_NOT;
	}
	code = replay_into(command, g, captures, count, dir);
	if (code == EXIT_FINE)
		code = history_read(command, dir, to);
	remove_folder(dir);
	return code;
}
