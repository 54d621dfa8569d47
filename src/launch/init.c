/* SPDX-License-Identifier: Apache-2.0
 *
 * Process 1 of the box: mounts its /proc, starts the guest, reaps what is orphaned, passes signals
 * on, tells the launcher how the guest ended. It has the box's ids, is not dumpable (no guest can
 * trace it or read the launcher's memory that it is a copy of) and keeps a capability to signal
 * guests of other ids.
 */
#include "base/own.h"
#include "guard/own.h"
#include "launch/launch.h"
#include "sys/sys.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

static void report(const struct launch *launch, enum message_kind kind, int value)
{
	const struct message message = {.kind = kind, .value = value};

	(void)sys_send_fd(launch->link_fd, &message, sizeof(message), -1); /* It may be gone. */
}

static int become_box(const struct launch *launch)
{
	int r = launch->identity.rooted ? sys_become_root_of(launch->userns_fd) : 0;

	if (r == 0)
		r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	return r < 0 ? r : sys_prctl(PR_SET_DUMPABLE, 0, 0, 0);
}

static int confine(void)
{
	static const int allowed[] = {
		SYS_wait4, SYS_read,	   SYS_poll,  SYS_recvmsg,	SYS_sendmsg,
		SYS_kill,  SYS_exit_group, SYS_close, SYS_rt_sigreturn, SYS_restart_syscall,
		SYS_ioctl, SYS_getpgid,
	};
	/* The second is for nothing, but no guest can have it, and the kernel lets nobody with less
	 * slow down a process: its priority, scheduler and processors are its own. */
	uint64_t capabilities = 1ULL << CAP_KILL | 1ULL << CAP_SYS_PACCT;
	/* The bounding set does not matter to who never executes a program. */
	int r = sys_capset(capabilities);

	if (r == 0)
		r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	struct own_calls calls = {0};
	if (r == 0)
		r = own_calls_add(&calls, ABI_X86_64, allowed, ARRAY_LENGTH(allowed));
	return r < 0 ? r : own_filter_install(&calls);
}

/* Signals that came before there was a guest, a bit each. */
struct early {
	uint64_t single;
	uint64_t group;
};

static void keep_signal(struct early *early, const struct message *message)
{
	if (message->value > 0 && message->value <= 64)
		*(message->group != 0 ? &early->group : &early->single) |= 1ULL
									   << (message->value - 1);
}

/* Where there are cgroups, says hello, so that the launcher learns our pid and can put us into
 * them, and waits for go; and where it may have to wake us, when we are paused (loop.c). */
static int wait_go(const struct launch *launch, struct early *early)
{
	struct message message;

	if (launch->limiter.group_count == 0 && !launch_has_registry(launch))
		return 0;
	report(launch, MESSAGE_HELLO, 0);
	for (;;) {
		ssize_t n = sys_recv_fd(launch->link_fd, &message, sizeof(message), NULL, NULL);

		if (n <= 0)
			return -EPIPE;
		if (message.kind == MESSAGE_GO)
			return 0;
		if (message.kind == MESSAGE_SIGNAL)
			keep_signal(early, &message);
	}
}

/* This process leads the terminal's session, so that the guest, in a group of its own, is no
 * orphan and can be stopped from the keyboard. */
static int own_terminal(const struct init_options *options)
{
	int r = SYS_RESULT((int)setsid());

	if (options->slave_fd < 0 || r < 0)
		return r < 0 ? r : 0;
	return SYS_RESULT(ioctl(options->slave_fd, TIOCSCTTY, 0));
}

static void exited(const struct launch *launch, int status, const struct rusage *usage)
{
	const struct message message = message_exited(status, usage);

	/* Who has entered ends with us, and is told why. */
	__atomic_store_n(&launch->handshake->ended, 1, __ATOMIC_RELEASE);
	(void)sys_send_fd(launch->link_fd, &message, sizeof(message), -1);
	_exit(0);
}

static void add_usage(struct rusage *sum, const struct rusage *more)
{
	sum->ru_utime.tv_sec += more->ru_utime.tv_sec;
	sum->ru_utime.tv_usec += more->ru_utime.tv_usec;
	sum->ru_stime.tv_sec += more->ru_stime.tv_sec;
	sum->ru_stime.tv_usec += more->ru_stime.tv_usec;
	if (more->ru_maxrss > sum->ru_maxrss)
		sum->ru_maxrss = more->ru_maxrss;
}

/* Everybody who has died; the guest's own end ends the box. */
static void reap(const struct launch *launch, pid_t guest, int exec_fd, struct rusage *usage)
{
	for (;;) {
		struct rusage one;
		int error = 0;
		int status;
		int pid = sys_wait4(-1, &status, WNOHANG | WUNTRACED, &one);

		if (pid <= 0)
			return;
		if (WIFSTOPPED(status)) {
			if (pid == guest)
				report(launch, MESSAGE_STOPPED, WSTOPSIG(status));
			continue;
		}
		add_usage(usage, &one);
		if (pid != guest)
			continue;
		if (sys_read_full(exec_fd, &error, sizeof(error)) == sizeof(error))
			report(launch, MESSAGE_EXEC_FAILED, error);
		exited(launch, status, usage);
	}
}

/* It leads its group, but for its first moments, in which it is alone. Gone already: fine. */
static void pass_signal(pid_t guest, int signal, bool group)
{
	if (!group || sys_kill(-guest, signal) == -ESRCH)
		(void)sys_kill(guest, signal);
}

static void pass_early(pid_t guest, const struct early *early)
{
	for (int signal = 1; signal <= 64; signal++) {
		const uint64_t bit = 1ULL << (signal - 1);

		if (((early->single | early->group) & bit) != 0)
			pass_signal(guest, signal, (early->group & bit) != 0);
	}
}

static _Noreturn void serve(const struct launch *launch, pid_t guest, int exec_fd, int signal_fd)
{
	struct rusage usage = {0};
	struct pollfd fds[] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = launch->link_fd, .events = POLLIN},
	};

	for (;;) {
		struct signalfd_siginfo info;
		struct message message;

		if (sys_poll(fds, ARRAY_LENGTH(fds), -1) < 0)
			continue;
		if ((fds[0].revents & POLLIN) != 0) {
			(void)sys_read_full(signal_fd, &info, sizeof(info));
			reap(launch, guest, exec_fd, &usage);
		}
		if ((fds[1].revents & POLLIN) == 0) {
			if (fds[1].revents != 0)
				_exit(EXIT_OURS); /* The launcher is gone. */
			continue;
		}
		if (sys_recv_fd(launch->link_fd, &message, sizeof(message), NULL, NULL) <= 0)
			_exit(EXIT_OURS);
		if (message.kind == MESSAGE_SIGNAL)
			pass_signal(guest, message.value, message.group != 0);
	}
}

static void set_word(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	sys_futex_wake(word);
}

static int start_guest(struct launch *launch, const struct init_options *options, pid_t *ret_guest,
		       int *ret_exec_fd)
{
	int exec[2];
	int r = SYS_RESULT(pipe2(exec, O_CLOEXEC));

	if (r < 0)
		return r;
	int pid = sys_clone(0, NULL);
	if (pid == 0) {
		(void)close(exec[0]);
		guest_process(launch, options, exec[1]);
	}
	(void)close(exec[1]);
	*ret_guest = pid;
	*ret_exec_fd = exec[0];
	return pid < 0 ? pid : 0;
}

_Noreturn void init_process(struct launch *launch, const struct init_options *options)
{
	struct cloche_err err = {0};
	struct early early = {0};
	sigset_t children;
	pid_t guest = 0;
	int exec_fd = -1;

	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	(void)sys_prctl(PR_SET_NAME, (unsigned long)(uintptr_t) "init", 0, 0);
	/* The kernel wants to see the host's; after this the monitor may let go of that. */
	int proc_fd = world_detached_proc(&err);
	if (proc_fd < 0 || world_mount_proc(options->root_fd, proc_fd, &err) < 0)
		fail_to_launcher(launch, &err);
	set_word(&launch->handshake->proc_ready, 1);
	(void)close(proc_fd);
	while (__atomic_load_n(&launch->handshake->entered, __ATOMIC_ACQUIRE) == 0)
		(void)sys_futex_wait(&launch->handshake->entered, 0, 1000);
	int r = sys_chdir("/");
	if (r == 0)
		r = become_box(launch);
	if (r == 0)
		r = own_terminal(options);
	if (r < 0) {
		(void)err_set(&err, r, "the box's first process cannot start: %s", errno_text(r));
		fail_to_launcher(launch, &err);
	}
	if (wait_go(launch, &early) < 0)
		_exit(EXIT_OURS);
	(void)sigemptyset(&children);
	(void)sigaddset(&children, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &children, NULL);
	int signal_fd = SYS_RESULT(signalfd(-1, &children, SFD_CLOEXEC));
	r = signal_fd < 0 ? signal_fd : start_guest(launch, options, &guest, &exec_fd);
	if (r == 0) {
		pass_early(guest, &early);
		launch_forget_caller(launch);
		/* Only what the loop needs stays open: the guest's streams are the guest's. */
		const int kept[] = {launch->link_fd, exec_fd, signal_fd};

		sys_close_others(kept, ARRAY_LENGTH(kept));
		r = confine();
	}
	if (r < 0) {
		(void)err_set(&err, r, "the guest cannot start: %s", errno_text(r));
		fail_to_launcher(launch, &err);
	}
	serve(launch, guest, exec_fd, signal_fd);
}
