/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/command.h"
#include "app/ctl_dns.h"
#include "app/gateway_call.h"
#include "base/diag.h"
#include "config/config.h"

#define DEFAULT_SOCKET "/run/weir/control"
#define LINE_MAX_BYTES 1000
#define REASON_MAX     255
#define TICKET_MAX     127

struct options {
	const char *config, *socket, *reason, *ticket;
	const char *src, *to, *port, *skip, *time, *remove; /* exempt */
	bool json, prometheus;
	bool filtered;
	struct dns_filter filter;
	char name[256]; /* of the filter, in lower case */
	char path[GATEWAY_PATH_MAX];
	char line[LINE_MAX_BYTES + 2];
};

/* "*.example.com", ".example.com" and "example.com" mean the same. */
static int filter_name(struct options *o, const char *text)
{
	size_t len = 0;

	text += strncmp(text, "*.", 2) == 0 ? 2 : text[0] == '.' ? 1 : 0;
	for (; len < sizeof(o->name) && text[len] != '\0'; len++)
		o->name[len] = ascii_lower(text[len]);
	if (len > 0 && o->name[len - 1] == '.')
		len--;
	if (len == 0 || len == sizeof(o->name))
		return usage_error("ctl", "--name: write a name such as example.com");
	o->filter.name = (struct str){o->name, len};
	return EXIT_FINE;
}

static int filter_address(struct options *o, const char *text)
{
	if (prefix_parse(text, strlen(text), &o->filter.address) == PREFIX_OK)
		return EXIT_FINE;
	return usage_error("ctl",
			   "--address '%s': write an address or a prefix such as "
			   "192.0.2.0/24",
			   text);
}

static int parse_options(int argc, char *argv[], struct options *o)
{
	enum {
		OPT_SOCKET = 256,
		OPT_JSON,
		OPT_PROMETHEUS,
		OPT_REASON,
		OPT_TICKET,
		OPT_NAME,
		OPT_ADDRESS,
		OPT_SRC,
		OPT_TO,
		OPT_PORT,
		OPT_SKIP,
		OPT_FOR,
		OPT_REMOVE
	};
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"socket", required_argument, NULL, OPT_SOCKET},
		{"json", no_argument, NULL, OPT_JSON},
		{"prometheus", no_argument, NULL, OPT_PROMETHEUS},
		{"reason", required_argument, NULL, OPT_REASON},
		{"ticket", required_argument, NULL, OPT_TICKET},
		{"name", required_argument, NULL, OPT_NAME},
		{"address", required_argument, NULL, OPT_ADDRESS},
		{"src", required_argument, NULL, OPT_SRC},
		{"to", required_argument, NULL, OPT_TO},
		{"port", required_argument, NULL, OPT_PORT},
		{"skip", required_argument, NULL, OPT_SKIP},
		{"for", required_argument, NULL, OPT_FOR},
		{"remove", required_argument, NULL, OPT_REMOVE},
		{NULL, 0, NULL, 0},
	};
	int c, code = EXIT_FINE;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((c = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (c == 'c')
			o->config = optarg;
		else if (c == OPT_SOCKET)
			o->socket = optarg;
		else if (c == OPT_JSON)
			o->json = true;
		else if (c == OPT_PROMETHEUS)
			o->prometheus = true;
		else if (c == OPT_REASON)
			o->reason = optarg;
		else if (c == OPT_TICKET)
			o->ticket = optarg;
		else if (c == OPT_NAME)
			code = filter_name(o, optarg);
		else if (c == OPT_ADDRESS)
			code = filter_address(o, optarg);
		else if (c == OPT_SRC)
			o->src = optarg;
		else if (c == OPT_TO)
			o->to = optarg;
		else if (c == OPT_PORT)
			o->port = optarg;
		else if (c == OPT_SKIP)
			o->skip = optarg;
		else if (c == OPT_FOR)
			o->time = optarg;
		else if (c == OPT_REMOVE)
			o->remove = optarg;
		else if (c == '?')
			return usage_error("ctl", "see the options");
		o->filtered |= c == OPT_NAME || c == OPT_ADDRESS;
		if (code != EXIT_FINE)
			return code;
	}
	if (optind == argc)
		return usage_error("ctl",
				   "which request?  status, stats, dns, netfilter, "
				   "reload, mode or exempt");
	return EXIT_FINE;
}

static bool is_line(const char *text, size_t limit)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return strlen(text) <= limit;
}

/* The ticket goes behind a tab, which no other text may hold. */
static int end_request(struct options *o, const char *verb)
{
	const size_t len = strlen(o->line);
	const char *ticket = o->ticket == NULL ? "" : o->ticket;

	if (ticket[0] != '\0' && strcmp(verb, "reload") != 0 &&
	    strcmp(verb, "mode") != 0 && strcmp(verb, "exempt") != 0)
		return usage_error("ctl",
				   "--ticket is an option of reload, mode and exempt");
	if (!is_line(ticket, TICKET_MAX))
		return usage_error("ctl",
				   "--ticket: one line of at most %d bytes, "
				   "without control characters",
				   TICKET_MAX);
	(void)snprintf(o->line + len, sizeof(o->line) - len, "%s%s\n",
		       ticket[0] == '\0' ? "" : "\t", ticket);
	return EXIT_FINE;
}

/* What the gateway is asked for an exemption; it checks what the words mean. */
static int form_exempt(struct options *o)
{
	const char *reason = o->reason == NULL ? "" : o->reason, *why;
	uint64_t port = 0;
	int64_t us = 0;
	int n;

	if (o->remove != NULL) {
		n = snprintf(o->line, sizeof(o->line), "exempt remove %s %s", o->remove,
			     reason);
	} else if (o->src == NULL && o->to == NULL && o->skip == NULL &&
		   o->time == NULL) {
		n = snprintf(o->line, sizeof(o->line), "exempt list");
	} else {
		if (o->src == NULL || o->skip == NULL || o->time == NULL ||
		    o->reason == NULL)
			return usage_error("ctl", "exempt needs --src, --skip, --for and "
						  "--reason");
		if (!parse_duration(str_of(o->time), &us, &why))
			return usage_error("ctl", "--for '%s': write 30min or 2h",
					   o->time);
		if (o->port != NULL && !parse_u64(str_of(o->port), 65535, &port))
			return usage_error("ctl", "--port '%s': write 1 to 65535",
					   o->port);
		if (strpbrk(o->src, " \t\n") != NULL ||
		    strpbrk(o->skip, " \t\n") != NULL ||
		    (o->to != NULL && strpbrk(o->to, " \t\n") != NULL))
			return usage_error("ctl", "--src, --to and --skip: no blanks");
		n = snprintf(o->line, sizeof(o->line), "exempt add %lld %s %s %u %s %s",
			     (long long)(us / 1000000), o->src,
			     o->to == NULL || o->to[0] == '\0' ? "-" : o->to,
			     (unsigned)port, o->skip, reason);
	}
	/* Room for the ticket and what is around it. */
	return n < 0 || (size_t)n + TICKET_MAX + 3 > sizeof(o->line)
		       ? usage_error("ctl", "exempt: these words are too long")
		       : EXIT_FINE;
}

/* The line of the request; EXIT_USAGE when the words do not make one. */
static int form_request(int argc, char *argv[], struct options *o)
{
	static const char *const words[] = {"status", "stats", "dns",   "netfilter",
					    "reload", "mode",  "exempt"};
	const char *verb = argv[0], *word = argc > 1 ? argv[1] : "";
	const bool mode = strcmp(verb, "mode") == 0;
	const char *reason = o->reason == NULL ? "" : o->reason;
	struct nearest n;
	bool known = false;

	nearest_start(&n, str_of(verb));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		known |= strcmp(words[i], verb) == 0;
		nearest_offer(&n, words[i]);
	}
	if (!known && n.best != NULL)
		return usage_error("ctl", "no request '%s'; did you mean '%s'?", verb,
				   n.best);
	if (!known)
		return usage_error("ctl", "no request '%s'", verb);
	if (argc > (mode ? 2 : 1))
		return usage_error("ctl", "'%s': one word too many", argv[argc - 1]);
	if (mode && strcmp(word, "monitor") != 0 && strcmp(word, "enforce") != 0 &&
	    strcmp(word, "panic") != 0)
		return usage_error("ctl", "mode: write monitor, enforce or panic");
	if (o->filtered && strcmp(verb, "dns") != 0)
		return usage_error("ctl", "--name and --address are options of dns");
	if (!is_line(reason, REASON_MAX))
		return usage_error("ctl",
				   "--reason: one line of at most %d bytes, "
				   "without control characters",
				   REASON_MAX);
	if (strcmp(verb, "exempt") == 0)
		return form_exempt(o);
	if (o->src != NULL || o->to != NULL || o->port != NULL || o->skip != NULL ||
	    o->time != NULL || o->remove != NULL)
		return usage_error("ctl",
				   "--src, --to, --port, --skip, --for and --remove "
				   "are options of exempt");
	if (mode)
		(void)snprintf(o->line, sizeof(o->line), "mode %s %s", word, reason);
	else if (strcmp(verb, "reload") == 0)
		(void)snprintf(o->line, sizeof(o->line), "reload %s", reason);
	else
		(void)snprintf(o->line, sizeof(o->line), "%s %s", verb,
			       o->json         ? "json"
			       : o->prometheus ? "prometheus"
					       : "text");
	return EXIT_FINE;
}

/* The socket by option, by configuration, or where it usually is. */
static int find_socket(struct options *o)
{
	const char *from = o->socket;
	struct config *c = NULL;
	struct diag *d = NULL;
	int code = EXIT_FINE;

	if (from == NULL && (o->config != NULL || access(DEFAULT_CONFIG, R_OK) == 0)) {
		d = diag_create();
		if (d == NULL)
			return EXIT_COULD_NOT;
		c = config_load(o->config != NULL ? o->config : DEFAULT_CONFIG,
				share_folder(), d);
		if (c == NULL) {
			print_findings(d);
			(void)fprintf(stderr, "weir ctl: name the socket by --socket\n");
			code = EXIT_COULD_NOT;
		} else {
			from = c->control.socket;
		}
	}
	if (from == NULL)
		from = DEFAULT_SOCKET;
	if (code == EXIT_FINE && strlen(from) >= sizeof(o->path))
		code = usage_error("ctl", "the path of the socket is too long");
	else
		(void)snprintf(o->path, sizeof(o->path), "%s", from);
	config_destroy(c);
	diag_destroy(d);
	return code;
}

static int print_dns(const struct options *o, int table)
{
	char error[200];

	if (ctl_dns_print(table, &o->filter, o->json, stdout, error))
		return EXIT_FINE;
	(void)fprintf(stderr, "weir ctl: %s\n", error);
	return EXIT_COULD_NOT;
}

static int ask(const struct options *o)
{
	int fd = gateway_call("ctl", o->path), code, table = -1;
	char word[4] = "";
	bool sent;
	FILE *in;
	int ch;

	if (fd < 0)
		return EXIT_COULD_NOT;
	/* It may have said why it hangs up before it read anything. */
	sent = send(fd, o->line, strlen(o->line), MSG_NOSIGNAL) >= 0;
	if (!gateway_hear(fd, word, &table)) {
		(void)fprintf(
			stderr, "weir ctl: %s: %s\n", o->path,
			sent ? "no answer: the gateway hung up"
			     : "the gateway hung up before it was asked; try again");
		(void)close(fd);
		return EXIT_COULD_NOT;
	}
	in = fdopen(fd, "r");
	if (in == NULL) {
		(void)close(fd);
		return EXIT_COULD_NOT;
	}
	code = strcmp(word, "ok\n") == 0 ? EXIT_FINE : EXIT_FINDINGS;
	if (table >= 0)
		code = print_dns(o, table);
	while ((ch = fgetc(in)) != EOF)
		(void)fputc(ch, code == EXIT_FINE ? stdout : stderr);
	(void)fclose(in);
	return finish_output(code);
}

static int run(int argc, char *argv[])
{
	struct options o = {0};
	int code = parse_options(argc, argv, &o);

	if (code == EXIT_FINE)
		code = form_request(argc - optind, argv + optind, &o);
	if (code == EXIT_FINE)
		code = end_request(&o, argv[optind]);
	if (code == EXIT_FINE)
		code = find_socket(&o);
	return code == EXIT_FINE ? ask(&o) : code;
}

const struct command command_ctl = {
	.name = "ctl",
	.summary = "ask and steer the running gateway",
	.run = run,
	.help = "usage: weir ctl [options] status | stats | dns | netfilter | reload |\n"
		"                          mode MODE | exempt\n"
		"\n"
		"  status             mode, generation, processes, ledger\n"
		"  stats              counters\n"
		"  dns                the names that resolvers gave clients, with their addresses\n"
		"  netfilter          the rules that are in place\n"
		"  reload             load configuration and rules anew; with an error nothing\n"
		"                     changes and all findings are printed\n"
		"  mode monitor       decide and log, block nothing\n"
		"  mode enforce       block what is denied\n"
		"  mode panic         take the netfilter rules away: everything passes\n"
		"  exempt             the exemptions in force; with --src, --skip, --for and --reason,\n"
		"                     a new one; with --remove N, one less\n"
		"\n"
		"      --reason TEXT  why, for the ledger (reload, mode, exempt)\n"
		"      --ticket ID    where it is asked for, for the ledger (reload, mode, exempt)\n"
		"      --src A        exempt: connections from this address or prefix\n"
		"      --to WHAT      exempt: to this address, prefix or host name only\n"
		"      --port N       exempt: to this port only\n"
		"      --skip GATES   exempt: are not asked at these gates (a comma between two)\n"
		"      --for TIME     exempt: for so long, such as 30min or 2h; at most seven days\n"
		"      --remove N     exempt: the line of that number goes\n"
		"      --json         status and stats as one JSON object, dns as one a line\n"
		"      --name NAME    dns: this name and those below it\n"
		"      --address A    dns: this address, or those of a prefix\n"
		"      --prometheus   stats in Prometheus' text form\n"
		"      --socket PATH  the gateway's socket (default: as CONF says)\n"
		"  -c, --config FILE  configuration (default /etc/weir/weir.conf)\n"
		"\n"
		"Group control.readers may ask, control.operators may change; root may both.\n"
		"Exit status: 0 done, 1 refused, 2 usage, 3 the gateway does not answer.\n",
};
