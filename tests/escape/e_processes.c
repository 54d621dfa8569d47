/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a process outside is reached by its number, by its process group or by a descriptor of it.
 * Every call that takes a process, against the canary (a process of the same user outside), against
 * the members of the group that the box was started from, and against every number there may be.
 * The canary notices signals; the driver asks it afterwards.
 */
#include "attempt.h"

#include <ctype.h>
#include <dirent.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

static void signals(pid_t pid)
{
	siginfo_t info = {.si_code = SI_QUEUE};

	refused(kill(pid, 0), "kill(%d, 0)", pid);
	refused(kill(pid, SIGUSR1), "kill(%d, SIGUSR1)", pid);
	refused(syscall(SYS_tkill, pid, SIGUSR1), "tkill(%d)", pid);
	refused(syscall(SYS_tgkill, pid, pid, SIGUSR1), "tgkill(%d)", pid);
	refused(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info), "rt_sigqueueinfo(%d)", pid);
	refused(syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGUSR1, &info), "rt_tgsigqueueinfo(%d)",
		pid);
	refused(kill(-pid, SIGUSR2), "kill(-%d)", pid);
}

static void memory(pid_t pid)
{
	char bytes[64];
	const char *address = canary("ADDRESS");
	uintptr_t at = address != NULL ? (uintptr_t)strtoull(address, NULL, 0) : 0x10000;
	struct iovec local = {bytes, sizeof(bytes)};
	struct iovec remote = {(void *)at, sizeof(bytes)};

	refused(process_vm_readv(pid, &local, 1, &remote, 1, 0), "process_vm_readv(%d)", pid);
	/* The first byte of the secret, as it is. */
	bytes[0] = 's';
	local.iov_len = remote.iov_len = 1;
	refused(process_vm_writev(pid, &local, 1, &remote, 1, 0), "process_vm_writev(%d)", pid);
	if (refused(ptrace(PTRACE_SEIZE, pid, 0, 0), "PTRACE_SEIZE of %d", pid) &&
	    refused(ptrace(PTRACE_ATTACH, pid, 0, 0), "PTRACE_ATTACH to %d", pid))
		return;
	waitpid(pid, NULL, __WALL | WNOHANG);
	ptrace(PTRACE_DETACH, pid, 0, 0);
}

static void by_pidfd(pid_t pid)
{
	int pid_fd = (int)syscall(434, pid, 0);
	struct iovec nothing = {NULL, 0};

	refused(pid_fd, "pidfd_open(%d)", pid);
	for (int fd = 0; pid_fd >= 0 && fd < 8; fd++) {
		int got = (int)syscall(438, pid_fd, fd, 0);

		refused(got, "pidfd_getfd(%d, %d)", pid, fd);
		if (got >= 0)
			close(got);
	}
	if (pid_fd >= 0) {
		refused(syscall(424, pid_fd, SIGUSR1, NULL, 0), "pidfd_send_signal(%d)", pid);
		refused(syscall(440, pid_fd, &nothing, 1, 20, 0), "process_madvise(%d)", pid);
		close(pid_fd);
	}
}

static void limits(pid_t pid)
{
	struct rlimit64 limit;
	cpu_set_t cpus;
	struct sched_param param = {0};
	unsigned int attributes[16] = {48};
	void *list = NULL;
	size_t size = 0;

	refused(syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, NULL, &limit), "prlimit(%d)", pid);
	refused(sched_getaffinity(pid, sizeof(cpus), &cpus), "sched_getaffinity(%d)", pid);
	refused(sched_getparam(pid, &param), "sched_getparam(%d)", pid);
	refused(sched_setscheduler(pid, SCHED_OTHER, &param), "sched_setscheduler(%d)", pid);
	refused(syscall(SYS_sched_getattr, pid, attributes, 48, 0), "sched_getattr(%d)", pid);
	errno = 0;
	refused(getpriority(PRIO_PROCESS, (id_t)pid), "getpriority(%d)", pid);
	refused(setpriority(PRIO_PROCESS, (id_t)pid, 5), "setpriority(%d)", pid);
	refused(syscall(SYS_ioprio_get, 1, pid), "ioprio_get(%d)", pid);
	refused(syscall(SYS_ioprio_set, 1, pid, 2 << 13 | 7), "ioprio_set(%d)", pid);
	refused(syscall(SYS_get_robust_list, pid, &list, &size), "get_robust_list(%d)", pid);
	refused(getpgid(pid), "getpgid(%d)", pid);
	refused(getsid(pid), "getsid(%d)", pid);
	refused(setpgid(pid, 0), "setpgid(%d)", pid);
	refused(syscall(SYS_kcmp, pid, getpid(), KCMP_VM, 0, 0), "kcmp(%d)", pid);
	refused(syscall(SYS_move_pages, pid, 0, NULL, NULL, NULL, 0), "move_pages(%d)", pid);
	refused(syscall(SYS_migrate_pages, pid, 0, NULL, NULL), "migrate_pages(%d)", pid);
}

/* A descriptor's owner gets its signals. */
static void owners(pid_t pid)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return;
	refused(fcntl(pair[0], F_SETOWN, pid), "F_SETOWN(%d)", pid);
	refused(fcntl(pair[0], F_SETOWN, -pid), "F_SETOWN(-%d)", pid);
	fcntl(pair[0], F_SETSIG, SIGUSR1);
	fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	(void)!write(pair[1], "x", 1);
	close(pair[0]);
	close(pair[1]);
}

static void outside(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	signals(pid);
	memory(pid);
	by_pidfd(pid);
	limits(pid);
	owners(pid);
}

/* Group 0 is our own: if the box is in the caller's group, this reaches the caller. */
static void own_group(void *arg)
{
	(void)arg;
	if (canary("OWN_GROUP") == NULL && !boxed()) {
		untried("signals to the own process group");
		return;
	}
	signal(SIGUSR2, SIG_IGN);
	setpgid(0, getppid());
	note("kill(0): %d, getpgid: %d, getsid: %d", kill(0, SIGUSR2), (int)getpgid(0),
	     (int)getsid(0));
	if (boxed()) {
		signal(SIGUSR1, SIG_IGN);
		note("kill(-1, SIGUSR1): %d", kill(-1, SIGUSR1));
	} else {
		untried("signals to all processes");
	}
	held("signals to the own group (what matters is what the canary says)");
}

/* Whoever is seen must be a descendant of the box's pid 1: nothing with the canary's name. */
static void walk(void *arg)
{
	char path[PATH_MAX];
	char text[4096];
	int answering = 0;
	int listed = 0;
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	(void)arg;
	for (pid_t pid = 1; pid < 65536 && boxed(); pid++)
		answering += kill(pid, 0) == 0 || errno == EPERM;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		ssize_t length;
		int fd;

		if (!isdigit((unsigned char)entry->d_name[0]) || !may_look_at(entry->d_name))
			continue;
		listed++;
		(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		must_not(length > 0 && memmem(text, (size_t)length, "canary", 6) != NULL,
			 "seeing the canary as process %s", entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	must_not(answering > 8, "%d processes answer, %d are listed", answering, listed);
}

int main(void)
{
	pid_t pid = canary_number("PID");

	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	if (pid == 0)
		unavailable("no canary");
	in_child(outside, &pid, 10);
	in_child(walk, NULL, 20);
	in_child(own_group, NULL, 5);
	return done();
}
