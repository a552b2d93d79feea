/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine - what is left of a process that has opened what it needs.
 *
 * The lists of system calls hold what libc and the readers of files use, that of the guesser
 * what libc's memory needs, and of the listener to resolvers its connections; everything else
 * kills the process, and the supervisor starts a new one.  No process may run programs, make
 * sockets or open files for writing, but for the writer its ledger.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/dnstap_server.h"
#include "engine/gateway.h"

#define HELPER_BYTES ((rlim_t)128 << 20)
/* Standard ones, the socket, connections, and one more to be refused. */
#define DNSTAP_DESCRIPTORS (4 + DNSTAP_SERVER_MAX + 1)

static const int both[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(statx),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(lseek),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(getrusage),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(fcntl),
	SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getcwd),
	SCMP_SYS(dup),
};

static const int for_enforcer[] = {
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(recvmmsg),
	SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg), SCMP_SYS(getsockopt),
	SCMP_SYS(getsockname), /* libpcap asks which interface went down */
	SCMP_SYS(ioctl),
	/* nf_conntrack_acct is set back at its end, by a descriptor of before */
	SCMP_SYS(pwrite64),
	SCMP_SYS(memfd_create), /* a new generation's databases: catalog/mmdb_file.c */
};

static const int for_writer[] = {
	SCMP_SYS(openat),    SCMP_SYS(pwrite64),      SCMP_SYS(fsync),
	SCMP_SYS(fdatasync), SCMP_SYS(ftruncate),     SCMP_SYS(rename),
	SCMP_SYS(renameat),  SCMP_SYS(renameat2),     SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),  SCMP_SYS(link),          SCMP_SYS(linkat),
	SCMP_SYS(flock),     SCMP_SYS(fallocate),     SCMP_SYS(fchmod),
	SCMP_SYS(mkdirat),   SCMP_SYS(mkdir),         SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),   SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(fchown), /* what root made of the ledger's: record/segments.c */
};

/* With conditions: allow_guesser(). */
static const int for_guesser[] = {
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getppid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* abort(), which libc calls for a damaged heap */
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
};

/* On top of the guesser's. */
static const int for_dnstap[] = {
	SCMP_SYS(poll),     SCMP_SYS(ppoll),  SCMP_SYS(accept4),
	SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(close),
};

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

/* Memory of nobody else and not to be run; words to the log; a signal to itself. */
static int allow_guesser(scmp_filter_ctx f)
{
	int rc = allow(f, for_guesser, sizeof(for_guesser) / sizeof(for_guesser[0]));

	if (rc == 0)
		rc = seccomp_rule_add(
			f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
			SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
				      SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return rc;
}

/* Those that read what others send and have no part in a verdict. */
static bool is_helper(enum confine_role role)
{
	return role == CONFINE_GUESSER || role == CONFINE_DNSTAP;
}

static int filter(enum confine_role role)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc;

	if (f == NULL)
		return -ENOMEM;
	rc = is_helper(role) ? allow_guesser(f)
			     : allow(f, both, sizeof(both) / sizeof(both[0]));
	if (rc == 0 && role == CONFINE_DNSTAP)
		rc = allow(f, for_dnstap, sizeof(for_dnstap) / sizeof(for_dnstap[0]));
	if (rc == 0 && role == CONFINE_WRITER)
		rc = allow(f, for_writer, sizeof(for_writer) / sizeof(for_writer[0]));
	if (rc == 0 && role == CONFINE_ENFORCER)
		rc = allow(f, for_enforcer,
			   sizeof(for_enforcer) / sizeof(for_enforcer[0]));
	/* Files of a new generation: to read, never to write. */
	if (rc == 0 && role == CONFINE_ENFORCER)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ,
					      O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	/* All threads: the loader's too. */
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc;
}

static int drop_rights(const char *user, bool net_admin)
{
	struct passwd pw, *found = NULL;
	char buf[4096];

	capng_clear(CAPNG_SELECT_BOTH);
	if (net_admin && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				      CAP_NET_ADMIN) != 0)
		return -EPERM;
	if (user != NULL)
		(void)getpwnam_r(user, &pw, buf, sizeof(buf), &found);
	if (found != NULL)
		return capng_change_id((int)pw.pw_uid, (int)pw.pw_gid,
				       CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) == 0
			       ? 0
			       : -EPERM;
	return capng_apply(CAPNG_SELECT_BOTH) == 0 ? 0 : -EPERM;
}

/* Pages of address space in use: the first number. */
static unsigned long pages_now(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (f == NULL)
		return 0;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's number */
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	(void)fclose(f);
	return pages;
}

static int limit(int what, rlim_t most)
{
	const struct rlimit r = {.rlim_cur = most, .rlim_max = most};

	return setrlimit((__rlimit_resource_t)what, &r) == 0 ? 0 : -errno;
}

/* `descriptors`: numbers from 0 to one less may be made; what is open stays. */
static int limit_helper(rlim_t descriptors)
{
	const unsigned long pages = pages_now();
	int rc = pages == 0 ? -ENOENT
			    : limit(RLIMIT_AS,
				    (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) +
					    HELPER_BYTES);

	/* One that hangs sees no other sign of the supervisor's end. */
	if (rc == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		rc = -errno;
	if (rc == 0)
		rc = limit(RLIMIT_NOFILE, descriptors);
	if (rc == 0)
		rc = limit(RLIMIT_NPROC, 0);
	return rc == 0 ? limit(RLIMIT_CORE, 0) : rc;
}

int confine(enum confine_role role, const char *user, bool net_admin, char error[300])
{
	int rc = drop_rights(user, net_admin);

	if (rc != 0) {
		(void)snprintf(error, 300,
			       "cannot give up rights: start weir as root, or with "
			       "CAP_SETPCAP, CAP_SETUID and CAP_SETGID");
		return rc;
	}
	if (is_helper(role) &&
	    (rc = limit_helper(role == CONFINE_DNSTAP ? DNSTAP_DESCRIPTORS : 0)) != 0) {
		(void)snprintf(error, 300, "cannot set limits: %s", strerrordesc_np(-rc));
		return rc;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		rc = -errno;
	else
		rc = filter(role);
	if (rc != 0)
		(void)snprintf(error, 300, "cannot set the filter of system calls: %s",
			       strerrordesc_np(-rc));
	return rc;
}
