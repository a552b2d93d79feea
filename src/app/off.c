/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/command.h"
#include "enforce/conntrack.h"
#include "enforce/netfilter.h"
#include "engine/lock.h"

#define PATIENCE_S 3
#define TRIES      3

/* What a running weir says to our request; false: nothing, or no. */
static bool ask(const struct sockaddr_un *a)
{
	static const char line[] = "mode panic weir off\n";
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char word[4] = "";
	bool told;

	if (fd < 0)
		return false;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	told = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 &&
	       send(fd, line, strlen(line), MSG_NOSIGNAL) > 0 &&
	       recv(fd, word, 3, MSG_WAITALL) == 3 && strcmp(word, "ok\n") == 0;
	(void)close(fd);
	return told;
}

/*
 * A weir that runs takes its rules away itself, so that its status and its ledger say so and it
 * does not put them back.  False: *ret_pid runs and did not; 0: none runs.
 */
static bool tell_running(int *ret_pid)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	bool told = false;

	if (!lock_ask(a.sun_path, sizeof(a.sun_path), ret_pid))
		return false;
	/* A change that goes on ends soon. */
	for (int i = 0; i < TRIES && !told; i++) {
		if (i > 0)
			(void)sleep(1);
		told = ask(&a);
	}
	return told;
}

static void report(bool told, int pid, bool found, bool acct)
{
	(void)printf(
		told || found
			? "Weir's netfilter rules are gone: everything passes, nothing "
			  "is judged.\n"
			: "There are no netfilter rules of Weir here.\n");
	if (told)
		(void)printf("The weir that runs is in mode panic; `weir ctl mode "
			     "enforce` (or monitor)\nbrings its rules back.\n");
	else if (pid != 0)
		(void)printf("But a weir runs (process %d) and did not answer: it may "
			     "put them back.\nEnd it: kill -9 %d\n",
			     pid, pid);
	if (acct)
		(void)printf("net.netfilter.nf_conntrack_acct is 0 again, as it was "
			     "before Weir.\n");
}

static int run(int argc, char *argv[])
{
	static const struct option longs[] = {{NULL, 0, NULL, 0}};
	char error[NETFILTER_ERROR_MAX];
	bool found = false, told, acct;
	int pid = 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	if (getopt_long(argc, argv, "", longs, NULL) != -1)
		return usage_error("off", "it takes no options");
	if (optind < argc)
		return usage_error("off", "'%s': no operand is expected", argv[optind]);
	told = tell_running(&pid);
	/* One in mode panic still counts; its setting goes when it does. */
	acct = !told && netfilter_acct_noted();
	if (netfilter_remove(&found, error) != 0) {
		(void)fprintf(stderr, "weir off: %s\n", error);
		return EXIT_COULD_NOT;
	}
	acct = acct && conntrack_accounting() == 1 && conntrack_accounting_off();
	report(told, pid, found, acct);
	return finish_output(EXIT_FINE);
}

const struct command command_off = {
	.name = "off",
	.summary = "take Weir's netfilter rules away; needs no running weir",
	.run = run,
	.help = "usage: weir off\n"
		"\n"
		"Takes the netfilter rules of weir away, whichever tool put them there, and\n"
		"nothing else: the way back when the gateway is stuck.  Needs root, and no\n"
		"running weir; one that runs and answers is set to mode panic.  Doing it\n"
		"twice does no harm.\n"
		"\n"
		"Exit status: 0 they are gone (or were not there), 2 usage, 3 could not.\n",
};
