/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/lookup_show.h"
#include "base/clock.h"
#include "identify/host.h"

#define OBJECT_BYTES ((size_t)4 << 20) /* a host that every connector shares fits */
#define OPERAND_MAX  1024
#define LABEL_MAX    63

/* What was asked, and where it stands, for the messages. */
struct asked {
	const char *file;
	unsigned line;
	struct str text;
};

static struct span span_at(const struct asked *q, size_t at, size_t len)
{
	return (struct span){q->file, q->line, (unsigned)at + 1, (unsigned)len};
}

static bool host_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

static size_t offset_of(struct str s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.p, c, s.len);

	return at == NULL ? s.len : (size_t)(at - s.p);
}

/* RFC 3986 3.2: where the host and port of a URL begin and end; false when it is none. */
static bool find_authority(struct str text, size_t *ret_at, size_t *ret_len)
{
	const char *mark = memmem(text.p, text.len, "://", 3);
	struct str rest;
	const char *user;
	size_t len = 0;

	if (mark == NULL)
		return false;
	rest = (struct str){mark + 3, text.len - (size_t)(mark + 3 - text.p)};
	while (len < rest.len && strchr("/?#\\", rest.p[len]) == NULL)
		len++;
	user = memrchr(rest.p, '@', len);
	*ret_at = (size_t)((user == NULL ? rest.p : user + 1) - text.p);
	*ret_len = (size_t)(rest.p + len - text.p) - *ret_at;
	return true;
}

static void explain_url(struct diag *d, const struct asked *q, size_t at, size_t len)
{
	diag_error(d, span_at(q, 0, q->text.len), "is a URL");
	diag_line(d, q->text.p, q->text.len);
	if (len > 0)
		diag_remedy(d, "its host alone: %.*s", (int)len, q->text.p + at);
	else
		diag_remedy(d, "a host name or an address, with or without a port");
}

/* Say where and why `text`, a part of what was asked, is neither a name nor an address. */
static void explain_name(struct diag *d, const struct asked *q, struct str text)
{
	size_t label = 0;

	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && text.p[i] != '.') {
			if (host_byte(text.p[i]))
				continue;
			diag_error(d, span_at(q, i, 1), "cannot stand in a host name");
			return;
		}
		if (i == label || i - label > LABEL_MAX) {
			diag_error(d, span_at(q, label, i - label), "%s",
				   i == label ? "an empty label"
					      : "a label of over 63 bytes");
			return;
		}
		label = i + 1;
	}
	diag_error(d, span_at(q, 0, text.len), "%s",
		   text.len > HOST_MAX ? "over 255 bytes"
				       : "ends like an address, but is none");
}

static void explain_fault(struct diag *d, const struct asked *q)
{
	bool split, bracketed, colons;
	size_t at, len;
	struct str host;
	int32_t port;

	if (find_authority(q->text, &at, &len)) {
		explain_url(d, q, at, len);
		return;
	}
	split = host_split_port(q->text, &host, &port);
	bracketed = host.len > 0 && host.p[host.len - 1] == ']';
	colons = offset_of(host, ':') < host.len;
	if (!split && host.len < q->text.len && (bracketed || !colons))
		diag_error(d, span_at(q, host.len + 1, q->text.len - host.len - 1),
			   "is no port: a number up to 65535");
	else if (colons)
		diag_error(d, span_at(q, 0, q->text.len),
			   "has colons like an IPv6 address, but is none");
	else
		explain_name(d, q, host);
	diag_line(d, q->text.p, q->text.len);
	diag_remedy(d, "a host name or an address, with or without a port");
}

/* Print what is known of one operand; false (and a finding) when it is none. */
static bool lookup(struct show *s, struct diag *d, const struct asked *q)
{
	enum host_kind kind = HOST_ADDRESS;
	struct str text = q->text;
	struct host host = {.len = 0};
	struct addr a;
	int32_t port;
	bool whole;

	if (!addr_parse(text.p, text.len, &a)) {
		kind = HOST_MALFORMED;
		if (host_split_port(q->text, &text, &port))
			kind = host_normalize(text, &host);
		if (kind == HOST_ADDRESS)
			(void)addr_parse(host.text, host.len, &a);
	}
	if (kind == HOST_MALFORMED) {
		explain_fault(d, q);
		return false;
	}
	whole = kind == HOST_NAME
			? show_name(s, q->text, (struct str){host.text, host.len})
			: show_address(s, q->text, &a);
	if (!whole)
		diag_error(d, span_at(q, 0, q->text.len),
			   "there is more to say than an object holds");
	return whole;
}

enum line_end {
	LINE_READ,
	LINE_TOO_LONG,
	LINES_END
};

/* The next line, without its end, at most `size` bytes of it; longer ones are read over. */
static enum line_end next_line(FILE *in, char *to, size_t size, size_t *ret_len)
{
	size_t n = 0;
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((c = getc_unlocked(in)) != EOF && c != '\n') {
		if (n < size)
			to[n] = (char)c;
		n++;
	}
	if (c == EOF && n == 0)
		return LINES_END;
	*ret_len = n < size ? n : size;
	if (*ret_len > 0 && to[*ret_len - 1] == '\r')
		*ret_len -= 1;
	return n > size ? LINE_TOO_LONG : LINE_READ;
}

/* A program that writes names and waits for answers gets each at once. */
static bool is_asked_live(FILE *in)
{
	struct stat st;

	return fstat(fileno(in), &st) != 0 || !S_ISREG(st.st_mode);
}

/* False when a line was no operand; those are passed over. */
static bool lookup_lines(struct show *s, struct diag *d, FILE *in)
{
	struct asked q = {.file = "<stdin>"};
	bool live = is_asked_live(in), fine = true;
	char line[OPERAND_MAX];
	enum line_end end;
	size_t len;

	while ((end = next_line(in, line, sizeof(line), &len)) != LINES_END) {
		const struct span whole_line = {q.file, ++q.line, 0, 0};

		q.text = str_trim((struct str){line, len});
		if (end == LINE_TOO_LONG) {
			diag_error(d, whole_line, "a line of over %d bytes", OPERAND_MAX);
			fine = false;
		} else if (q.text.len > 0) {
			fine = lookup(s, d, &q) && fine;
		}
		if (live && fflush(s->out) != 0)
			break; /* nobody reads: finish_output() says so */
	}
	return fine;
}

static bool lookup_operands(struct show *s, struct diag *d, int argc, char *argv[])
{
	bool fine = true;

	for (int i = 0; i < argc; i++) {
		struct asked q = {"<operand>", (unsigned)i + 1, str_of(argv[i])};

		if (strcmp(argv[i], "-") == 0)
			fine = lookup_lines(s, d, stdin) && fine;
		else
			fine = lookup(s, d, &q) && fine;
	}
	return fine;
}

static int show_all(const struct common *c, int argc, char *argv[])
{
	struct generation *g = load_or_report(c, true);
	struct show s = {.g = g, .out = stdout, .json = c->json, .size = OBJECT_BYTES};
	struct identity *who = g == NULL ? NULL : identity_or_report(g->config, true);
	struct diag *d = diag_create();
	int code = EXIT_FINDINGS;

	s.who = who;
	s.now_us = clock_real.now_us(clock_real.arg);
	s.buf = malloc(OBJECT_BYTES);
	if (who != NULL && d != NULL && s.buf != NULL) {
		code = lookup_operands(&s, d, argc, argv) ? EXIT_FINE : EXIT_FINDINGS;
		if (!c->json)
			(void)printf("\ncatalogue\n%s\n", catalog_summary(g->catalog));
		code = finish_output(code);
		if (diag_count(d, DIAG_ERROR) > 0)
			print_findings(d);
	}
	free(s.buf);
	diag_destroy(d);
	identity_destroy(who);
	generation_destroy(g);
	return code;
}

static int run(int argc, char *argv[])
{
	enum {
		OPT_JSON = 256
	};
	static const struct option longs[] = {
		{"json", no_argument, NULL, OPT_JSON},
		{"config", required_argument, NULL, 'c'},
		{NULL, 0, NULL, 0},
	};
	struct common c = {0};
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (o == 'c')
			c.config = optarg;
		else if (o == OPT_JSON)
			c.json = true;
		else if (o == '?')
			return usage_error("lookup", "see the options");
	}
	if (optind == argc)
		return usage_error("lookup", "which name or address?  - reads a list");
	return show_all(&c, argc - optind, argv + optind);
}

const struct command command_lookup = {
	.name = "lookup",
	.summary = "what the catalogue and geo data say of a name or address",
	.run = run,
	.help = "usage: weir lookup [-c FILE] [--json] NAME|ADDRESS...\n"
		"\n"
		"Prints service, cloud, region, environment, tenant, organization, connectors of a\n"
		"host name; tags, region, country and network of an address; with the row of the\n"
		"catalogue (file:line) that answered, its source, date and confidence.\n"
		"- reads one a line from standard input; lines that are neither name nor address\n"
		"are reported with their number and passed over.\n"
		"\n"
		"  --json     one JSON object a line\n"
		"\n"
		"Exit status: 0 fine; 1 an operand is neither name nor address, or the catalogue or\n"
		"configuration has errors; 2 usage.\n",
};
