/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/exempt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/supervisor.h"

#define FILE_BYTES_MAX ((size_t)256 << 10)
#define PATH_BYTES_MAX 4096
#define AGAIN_US       INT64_C(60000000) /* after a change that was refused */
#define HEAD                                                                     \
	"# Written by the gateway: `weir ctl exempt` shows, adds and removes.\n" \
	"version 1\ngate exceptions\n"
#define LINE_BEGIN "allow "
#define END_BEGIN  "expires \""

/* The lines of the file, as they stand there. */
struct lines {
	char *text; /* of the file, cut into lines */
	const char *list[EXEMPT_LINES_MAX + 1];
	size_t count;
};

static bool read_lines(const struct supervisor *s, struct lines *ret)
{
	char path[PATH_BYTES_MAX];
	size_t len;
	char *at, *next;

	*ret = (struct lines){.text = NULL};
	generation_exempt_path(s->start->config, path, sizeof(path));
	if (file_read(path, FILE_BYTES_MAX, &ret->text, &len) != 0)
		return false;
	for (at = ret->text; at != NULL && *at != '\0'; at = next) {
		next = strchr(at, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (strncmp(at, LINE_BEGIN, strlen(LINE_BEGIN)) == 0 &&
		    ret->count < EXEMPT_LINES_MAX)
			ret->list[ret->count++] = at;
	}
	return true;
}

/* When a line ends; INT64_MIN when it does not say. */
static int64_t end_of(const char *line)
{
	const char *at = strstr(line, END_BEGIN), *quote;
	int64_t us;

	for (const char *later = at; later != NULL; later = strstr(later + 1, END_BEGIN))
		at = later; /* the last one: a reason may hold the word, too */
	if (at == NULL)
		return INT64_MIN;
	at += strlen(END_BEGIN);
	quote = strchr(at, '"');
	return quote != NULL && clock_parse_rfc3339(at, (size_t)(quote - at), &us)
		       ? us
		       : INT64_MIN;
}

/* Put the file there, or take it away when no line is left; 0 or -errno. */
static int write_lines(struct supervisor *s, const struct lines *l)
{
	char path[PATH_BYTES_MAX];
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	int rc = -ENOMEM;

	generation_exempt_path(s->start->config, path, sizeof(path));
	s->exempt.next_us = 0;
	for (size_t i = 0; i < l->count; i++) {
		const int64_t end = end_of(l->list[i]);

		if (s->exempt.next_us == 0 || end < s->exempt.next_us)
			s->exempt.next_us = end;
	}
	if (l->count == 0)
		return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
	out = open_memstream(&text, &size);
	if (out == NULL)
		return -ENOMEM;
	(void)fputs(HEAD, out);
	for (size_t i = 0; i < l->count; i++)
		(void)fprintf(out, "%s\n", l->list[i]);
	if (fclose(out) == 0)
		rc = file_put(path, text, size);
	free(text);
	return rc;
}

/* Lines that have ended are left out. */
static void drop_ended(struct lines *l, int64_t now_us)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++)
		if (end_of(l->list[i]) > now_us)
			l->list[kept++] = l->list[i];
	l->count = kept;
}

/* ---- what is asked ---- */

struct request {
	char src[64], to[256], gates[128];
	uint64_t seconds, port;
	const char *reason;
};

static bool is_prefix(const char *s)
{
	struct prefix p;

	return prefix_parse(s, strlen(s), &p) == PREFIX_OK;
}

/* A text within quotes of a rule. */
static void put_text(FILE *out, const char *s)
{
	for (; *s != '\0'; s++)
		(void)fputc(*s >= ' ' && *s < 0x7f && *s != '"' && *s != '\\' ? *s : '\'',
			    out);
}

/* `endpoints:CONNECTOR`: what stands behind the colon the rules look up. */
static bool is_list(struct str s)
{
	const char *colon = memchr(s.p, ':', s.len);
	const enum gate g = colon == NULL
				    ? GATE_COUNT
				    : gate_find((struct str){s.p, (size_t)(colon - s.p)});

	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) &&
		    strchr("-_.:", s.p[i]) == NULL)
			return false;
	return (g == GATE_ENDPOINTS || g == GATE_CONNECTORS) && s.len < 200;
}

static bool put_gates(FILE *out, const char *gates, char error[EXEMPT_ERROR_MAX])
{
	struct str rest = str_of(gates);
	bool first = true;

	(void)fputs("  skip {", out);
	while (rest.len > 0) {
		const struct str one = str_item(&rest, ',');
		const enum gate g = gate_find(one);

		if ((g == GATE_COUNT && !is_list(one)) || g == GATE_EXCEPTIONS ||
		    g == GATE_UNDECIDABLE) {
			(void)snprintf(
				error, EXEMPT_ERROR_MAX,
				"'%.*s' is no gate that can be skipped: write own, "
				"ip-firewall, connectors, endpoints, rules or "
				"default\n",
				(int)one.len, one.p);
			return false;
		}
		(void)fprintf(out, "%s %.*s", first ? "" : ",", (int)one.len, one.p);
		first = false;
	}
	(void)fputs(" }", out);
	return true;
}

static bool form_line(const struct request *r, const struct asker *who, int64_t now_us,
		      FILE *out, char error[EXEMPT_ERROR_MAX])
{
	char end[RFC3339_LEN + 1];

	if (r->seconds < EXEMPT_FOR_MIN_S || r->seconds > EXEMPT_FOR_MAX_S) {
		(void)snprintf(error, EXEMPT_ERROR_MAX,
			       "for a second at least, seven days at most; what lasts "
			       "longer is a line of gate exceptions in the rules\n");
		return false;
	}
	if (!is_prefix(r->src)) {
		(void)snprintf(error, EXEMPT_ERROR_MAX,
			       "--src '%s' is no address or prefix\n", r->src);
		return false;
	}
	(void)fprintf(out, LINE_BEGIN " from %s", r->src);
	if (strcmp(r->to, "-") != 0 && is_prefix(r->to)) {
		(void)fprintf(out, "  to %s", r->to);
	} else if (strcmp(r->to, "-") != 0 && str_is_host_name(str_of(r->to))) {
		(void)fprintf(out, "  to host \"%s\"", r->to);
	} else if (strcmp(r->to, "-") != 0) {
		(void)snprintf(error, EXEMPT_ERROR_MAX,
			       "--to '%s' is no address, prefix or host name\n", r->to);
		return false;
	}
	if (r->port != 0)
		(void)fprintf(out, "  port %u", (unsigned)r->port);
	if (!put_gates(out, r->gates, error))
		return false;
	(void)fputs("  owner \"", out);
	put_text(out, who->who);
	(void)fputs("\"  reason \"", out);
	put_text(out, r->reason[0] == '\0' ? "none given" : r->reason);
	if (who->ticket[0] != '\0') {
		(void)fputs("\"  ticket \"", out);
		put_text(out, who->ticket);
	}
	clock_format_rfc3339(now_us + (int64_t)r->seconds * 1000000, end);
	(void)fprintf(out, "\"  " END_BEGIN "%s\"", end);
	return true;
}

static bool read_request(const char *text, struct request *r)
{
	char seconds[24], port[24];
	int at = 0;

	if (sscanf(text, "%23s %63s %255s %23s %127s %n", seconds, r->src, r->to, port,
		   r->gates, &at) < 5)
		return false;
	r->reason = text + at;
	return parse_u64(str_of(seconds), UINT32_MAX, &r->seconds) &&
	       parse_u64(str_of(port), UINT16_MAX, &r->port);
}

static bool take_reason(struct asker *who, const char *reason,
			char error[EXEMPT_ERROR_MAX])
{
	if (strlen(reason) < sizeof(who->why)) {
		(void)snprintf(who->why, sizeof(who->why), "%s", reason);
		return true;
	}
	(void)snprintf(error, EXEMPT_ERROR_MAX, "a reason of at most %zu bytes\n",
		       sizeof(who->why) - 1);
	return false;
}

/*
 * The change's line for the ledger, in `l` what stays, in `who` the reason; NULL: `error` says
 * why not.
 */
static char *change_lines(const char *request, struct asker *who, struct lines *l,
			  char error[EXEMPT_ERROR_MAX])
{
	struct request r;
	const size_t digits = strcspn(request + strnlen(request, 7), " ");
	uint64_t number = 0;
	char *line = NULL;
	size_t size = 0;
	FILE *out;
	bool sound;

	if (strncmp(request, "remove ", 7) == 0 &&
	    parse_u64((struct str){request + 7, digits}, UINT32_MAX, &number) &&
	    number >= 1 && number <= l->count) {
		if (!take_reason(who,
				 request + 7 + digits + strspn(request + 7 + digits, " "),
				 error))
			return NULL;
		if (asprintf(&line, "removed: %s", l->list[number - 1]) < 0)
			return NULL;
		memmove(&l->list[number - 1], &l->list[number],
			(l->count - number) * sizeof(l->list[0]));
		l->count--;
		return line;
	}
	if (strncmp(request, "add ", 4) != 0 || !read_request(request + 4, &r)) {
		(void)snprintf(error, EXEMPT_ERROR_MAX,
			       number > 0 ? "there is no line %" PRIu64 "\n"
					  : "not understood; see weir ctl --help\n",
			       number);
		return NULL;
	}
	if (!take_reason(who, r.reason, error))
		return NULL;
	if (l->count == EXEMPT_LINES_MAX) {
		(void)snprintf(error, EXEMPT_ERROR_MAX,
			       "%d lines are in force: remove one\n", EXEMPT_LINES_MAX);
		return NULL;
	}
	out = open_memstream(&line, &size);
	if (out == NULL)
		return NULL;
	sound = form_line(&r, who, supervisor_real_us(), out, error);
	if (fclose(out) == 0 && sound) {
		l->list[l->count++] = line;
		return line;
	}
	free(line);
	return NULL;
}

static char *whole_file(const struct supervisor *s)
{
	char path[PATH_BYTES_MAX];
	char *text;
	size_t len;

	generation_exempt_path(s->start->config, path, sizeof(path));
	return file_read(path, FILE_BYTES_MAX, &text, &len) == 0 ? text : strdup("");
}

/* Write the file and load it; `line` is the change's, and ours from now on. */
static enum exempt_outcome begin(struct supervisor *s, const struct asker *who,
				 const struct lines *l, char *line,
				 char error[EXEMPT_ERROR_MAX])
{
	int rc;

	s->exempt.undo = whole_file(s);
	s->exempt.added = line;
	rc = s->exempt.undo == NULL ? -ENOMEM : write_lines(s, l);
	if (rc == 0 && supervisor_reload(s, who))
		return EXEMPT_BEGUN;
	(void)snprintf(error, EXEMPT_ERROR_MAX, "exempt.rules cannot be written: %s\n",
		       rc == 0 ? "busy" : strerrordesc_np(-rc));
	(void)exempt_settle(s, false);
	exempt_forget(s);
	return EXEMPT_REFUSED;
}

enum exempt_outcome exempt_ask(struct supervisor *s, const struct asker *who,
			       const char *request, char error[EXEMPT_ERROR_MAX])
{
	enum exempt_outcome outcome = EXEMPT_REFUSED;
	struct asker with = *who;
	struct lines l;
	char *line;

	if (s->changing)
		return EXEMPT_BUSY;
	(void)snprintf(error, EXEMPT_ERROR_MAX, "out of memory\n");
	(void)read_lines(s, &l);
	drop_ended(&l, supervisor_real_us());
	line = change_lines(request, &with, &l, error);
	if (line != NULL)
		outcome = begin(s, &with, &l, line, error);
	free(l.text);
	return outcome;
}

void exempt_print(const struct supervisor *s, FILE *out)
{
	struct lines l;

	(void)read_lines(s, &l);
	for (size_t i = 0; i < l.count; i++)
		(void)fprintf(out, "%zu  %s\n", i + 1, l.list[i]);
	if (l.count == 0)
		(void)fputs("no exemption is in force\n", out);
	free(l.text);
}

const char *exempt_settle(struct supervisor *s, bool kept)
{
	char path[PATH_BYTES_MAX];
	const char *undo = s->exempt.undo;
	int rc = 0;

	if (kept || undo == NULL)
		return s->exempt.added;
	s->exempt.next_us = supervisor_real_us() + AGAIN_US;
	generation_exempt_path(s->start->config, path, sizeof(path));
	if (undo[0] != '\0')
		rc = file_put(path, undo, strlen(undo));
	else if (unlink(path) != 0 && errno != ENOENT)
		rc = -errno;
	if (rc != 0)
		log_error("%s: cannot be put back: %s", path, strerrordesc_np(-rc));
	return s->exempt.added;
}

void exempt_forget(struct supervisor *s)
{
	free(s->exempt.undo);
	free(s->exempt.added);
	s->exempt.undo = s->exempt.added = NULL;
}

void exempt_look(struct supervisor *s)
{
	static const struct asker by_time = {
		.fd = -1, .who = "weir", .why = "an exemption has ended"};
	const int64_t now = supervisor_real_us();
	char error[EXEMPT_ERROR_MAX];
	struct lines l;
	char *line;

	if (!s->announced || s->changing || s->exempt.next_us > now)
		return;
	if (!read_lines(s, &l)) {
		s->exempt.next_us = INT64_MAX; /* none; the next one sets it */
		return;
	}
	s->exempt.next_us = INT64_MAX;
	for (size_t i = 0; i < l.count; i++)
		if (end_of(l.list[i]) < s->exempt.next_us)
			s->exempt.next_us = end_of(l.list[i]);
	if (l.count > 0 && s->exempt.next_us <= now) {
		line = strdup("ended");
		drop_ended(&l, now);
		if (line != NULL && begin(s, &by_time, &l, line, error) != EXEMPT_BEGUN) {
			log_error("exempt: %s", error);
			s->exempt.next_us = now + AGAIN_US;
		}
	}
	free(l.text);
}
