/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unmask - whose pseudonym it is.  The gateway writes who asked and why into the ledger; only
 * when it says that it has, the name is printed.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/command.h"
#include "app/gateway_call.h"
#include "base/diag.h"
#include "config/config.h"
#include "record/pseudonym.h"

#define REASON_MAX 255

struct options {
	const char *config, *reason, *pseudonym;
};

struct seeking {
	const struct pseudonyms *key;
	const char *wanted;
	char name[IDENTITY_USER_MAX + 1];
};

static int parse_options(int argc, char *argv[], struct options *o)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"reason", required_argument, NULL, 'R'},
		{NULL, 0, NULL, 0},
	};
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((c = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (c == 'c')
			o->config = optarg;
		else if (c == 'R')
			o->reason = optarg;
		else if (c == '?')
			return usage_error("unmask", "see the options");
	}
	if (optind + 1 != argc)
		return usage_error("unmask", "write one pseudonym");
	o->pseudonym = argv[optind];
	if (!pseudonym_is(str_of(o->pseudonym)))
		return usage_error("unmask",
				   "'%s' is no pseudonym: p- and 16 digits of 0-9a-f",
				   o->pseudonym);
	if (o->reason == NULL || o->reason[strspn(o->reason, " ")] == '\0')
		return usage_error("unmask",
				   "--reason TEXT is needed: it goes into the ledger");
	if (strchr(o->reason, '\n') != NULL || strlen(o->reason) > REASON_MAX)
		return usage_error("unmask", "--reason: one line of at most 255 bytes");
	return EXIT_FINE;
}

static void look(void *arg, struct str user)
{
	struct seeking *s = arg;
	char is[PSEUDONYM_LEN + 1];

	pseudonym_format(s->key, user, is);
	if (strcmp(is, s->wanted) == 0)
		(void)snprintf(s->name, sizeof(s->name), "%.*s", (int)user.len, user.p);
}

/* Among the people of the configuration; EXIT_FINDINGS when it is nobody's. */
static int find(const struct options *o, const struct config *c, struct seeking *s)
{
	char path[PSEUDONYMS_PATH_MAX];
	struct pseudonyms key;
	struct identity *who;
	int rc;

	if (c->ledger.keys == NULL && c->ledger.dir == NULL) {
		(void)fprintf(stderr, "weir unmask: the configuration names no ledger\n");
		return EXIT_COULD_NOT;
	}
	pseudonyms_path(c->ledger.keys, c->ledger.dir, path);
	rc = pseudonyms_read(path, &key);
	if (rc != 0) {
		(void)fprintf(
			stderr, "weir unmask: %s: %s%s\n", path, strerrordesc_np(-rc),
			rc == -ENOENT ? " (the gateway makes it when it starts with "
					"identity.pseudonyms)"
				      : "");
		return EXIT_COULD_NOT;
	}
	who = identity_or_report(c, false);
	s->key = &key;
	s->wanted = o->pseudonym;
	if (who != NULL)
		identity_users(who, look, s);
	pseudonyms_forget(&key);
	s->key = NULL;
	if (who == NULL)
		return EXIT_COULD_NOT;
	identity_destroy(who);
	if (s->name[0] != '\0')
		return EXIT_FINE;
	(void)fprintf(stderr,
		      "weir unmask: %s is nobody whom identity.people names now, by the "
		      "key %s\n",
		      o->pseudonym, path);
	return EXIT_FINDINGS;
}

/* The event; without it nothing is told. */
static int tell_ledger(const struct options *o, const char *socket_path)
{
	char line[PSEUDONYM_LEN + REASON_MAX + 16], word[4] = "", why[300];
	int fd = gateway_call("unmask", socket_path), passed;
	ssize_t n;
	bool ok;

	if (fd < 0)
		return EXIT_COULD_NOT;
	(void)snprintf(line, sizeof(line), "unmask %s %s\n", o->pseudonym, o->reason);
	ok = send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line) &&
	     gateway_hear(fd, word, &passed);
	if (ok && strcmp(word, "ok\n") == 0) {
		(void)close(fd);
		return EXIT_FINE;
	}
	n = ok ? recv(fd, why, sizeof(why), MSG_WAITALL) : -1;
	(void)fprintf(stderr, "weir unmask: %.*s", n > 0 ? (int)n : 15,
		      n > 0 ? why : "it did not say\n");
	(void)close(fd);
	return ok ? EXIT_FINDINGS : EXIT_COULD_NOT;
}

static int tell(const struct options *o, const char *socket_path, const char *name)
{
	int code;

	if (strlen(socket_path) >= GATEWAY_PATH_MAX)
		return usage_error("unmask", "the path of the socket is too long");
	code = tell_ledger(o, socket_path);
	if (code != EXIT_FINE)
		return code;
	(void)printf("%s\n", name);
	return finish_output(EXIT_FINE);
}

static int run(int argc, char *argv[])
{
	struct options o = {.config = DEFAULT_CONFIG};
	struct seeking s = {.key = NULL};
	int code = parse_options(argc, argv, &o);
	struct diag *d = code == EXIT_FINE ? diag_create() : NULL;
	struct config *c = d == NULL ? NULL : config_load(o.config, share_folder(), d);

	if (code == EXIT_FINE && c == NULL) {
		if (d != NULL)
			print_findings(d);
		code = EXIT_COULD_NOT;
	}
	if (code == EXIT_FINE)
		code = find(&o, c, &s);
	if (code == EXIT_FINE)
		code = tell(&o, c->control.socket, s.name);
	config_destroy(c);
	diag_destroy(d);
	return code;
}

const struct command command_unmask = {
	.name = "unmask",
	.summary = "whose pseudonym it is; the ledger is told who asked and why",
	.run = run,
	.help = "usage: weir unmask [-c CONF] --reason TEXT PSEUDONYM\n"
		"\n"
		"Prints the name behind a pseudonym (identity.pseudonyms): of the people whom the\n"
		"configuration names now.  The running gateway writes a change event with who asked\n"
		"and the reason first; without it nothing is printed.\n"
		"\n"
		"      --reason TEXT  why, for the ledger; one line of at most 255 bytes\n"
		"  -c, --config FILE  configuration (default /etc/weir/weir.conf)\n"
		"\n"
		"Needs the right to read the key (root) and to change things (control.operators).\n"
		"Exit status: 0 printed, 1 nobody's or refused, 2 usage, 3 no key, no gateway, or\n"
		"another fault.\n",
};
