/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/program.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_STEP_NS 2000000L
#define WAIT_STEPS   5000 /* 10 s */

/* Only these: a program of the same name elsewhere must not run as root. */
static const char *const folders[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};
static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
					  "LC_ALL=C", NULL};

static bool find(const char *name, char *path, size_t size)
{
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		(void)snprintf(path, size, "%s/%s", folders[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static int write_all(int fd, const char *text)
{
	size_t left = text == NULL ? 0 : strlen(text);

	while (left > 0) {
		ssize_t n = write(fd, text, left);

		if (n <= 0)
			return -EIO;
		text += n;
		left -= (size_t)n;
	}
	return lseek(fd, 0, SEEK_SET) == 0 ? 0 : -errno;
}

static char *read_back(int fd)
{
	struct stat st;
	size_t size;
	char *text;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return NULL;
	size = (size_t)st.st_size < PROGRAM_OUTPUT_MAX ? (size_t)st.st_size
						       : PROGRAM_OUTPUT_MAX;
	text = malloc(size + 1);
	if (text == NULL)
		return NULL;
	n = pread(fd, text, size, 0);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static int spawn(const char *path, const char *const argv[], int in, int out, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	char *const *args, *const *env;
	sigset_t none, normal;
	int rc;

	(void)sigemptyset(&none);
	(void)sigemptyset(&normal);
	(void)sigaddset(&normal, SIGPIPE);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, out, STDERR_FILENO);
	(void)posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &normal);
	(void)posix_spawnattr_setflags(&attr,
				       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	memcpy(&args, &argv, sizeof(args)); /* posix_spawn() does not write there */
	memcpy(&env, &(const char *const *){environment}, sizeof(env));
	rc = posix_spawn(ret, path, &files, &attr, args, env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	return -rc;
}

static int await(pid_t pid, int *ret_status)
{
	const struct timespec step = {.tv_nsec = WAIT_STEP_NS};
	int status = 0;
	pid_t r;

	for (int i = 0; i < WAIT_STEPS; i++) {
		r = waitpid(pid, &status, WNOHANG);
		if (r == pid) {
			*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
			return 0;
		}
		if (r < 0 && errno != EINTR)
			return -errno;
		(void)nanosleep(&step, NULL);
	}
	(void)kill(pid, SIGKILL);
	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	return -ETIMEDOUT;
}

int program_run(const char *const argv[], const char *input, int *ret_status,
		char **ret_output)
{
	char path[128];
	pid_t pid;
	int in, out, rc;

	*ret_output = NULL;
	if (!find(argv[0], path, sizeof(path)))
		return -ENOENT;
	in = memfd_create("input", MFD_CLOEXEC);
	out = memfd_create("output", MFD_CLOEXEC);
	rc = in < 0 || out < 0 ? -errno : write_all(in, input);
	if (rc == 0)
		rc = spawn(path, argv, in, out, &pid);
	if (rc == 0)
		rc = await(pid, ret_status);
	if (rc == 0)
		*ret_output = read_back(out);
	if (in >= 0)
		(void)close(in);
	if (out >= 0)
		(void)close(out);
	return rc;
}
