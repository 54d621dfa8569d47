/* SPDX-License-Identifier: Apache-2.0
 *
 * One whole notification, as the monitor handles them: a child puts a filter on itself that traps
 * getppid, this process takes the listener out of it, receives the call and answers it.
 */
#include "base/own.h"
#include "cli/doctor.h"
#include "sys/sys.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

/* Newer than Debian 12's headers. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#define ANSWER	   4242
#define TIMEOUT_MS 5000

static int install(unsigned flags, uint32_t action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, action),
	};
	struct sock_fprog program = {.len = ARRAY_LENGTH(code), .filter = code};
	int r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0);

	return r < 0 ? r : sys_seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int try_filter(void)
{
	int r = install(0, SECCOMP_RET_ERRNO | EDOM);

	if (r < 0)
		return r;
	return SYS_RAW(SYS_getppid) == -EDOM ? 0 : -EIO;
}

static unsigned listener_flags(int feature)
{
	return SECCOMP_FILTER_FLAG_NEW_LISTENER |
	       (feature == FEATURE_KILLABLE ? SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0);
}

/* The child: tells its listener's number (or what went wrong) and makes the call. */
static _Noreturn void be_watched(int pipe_fd, int feature)
{
	int listener = install(listener_flags(feature), SECCOMP_RET_USER_NOTIF);

	if (sys_write_all(pipe_fd, &listener, sizeof(listener)) < 0 || listener < 0)
		_exit(1);
	int result = SYS_RAW(SYS_getppid);
	if (feature == FEATURE_ADDFD_SEND)
		_exit(result >= 0 && fcntl(result, F_GETFD) >= 0 ? 0 : 2);
	_exit(result == ANSWER ? 0 : 2);
}

static int answer(int listener_fd, int feature)
{
	struct pollfd wait = {.fd = listener_fd, .events = POLLIN};
	struct seccomp_notif call = {0};

	if (sys_poll(&wait, 1, TIMEOUT_MS) <= 0)
		return -ETIMEDOUT;
	int r = SYS_RESULT(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &call));
	if (r < 0)
		return r;
	if (feature == FEATURE_ADDFD_SEND) {
		struct seccomp_notif_addfd add = {
			.id = call.id,
			.flags = SECCOMP_ADDFD_FLAG_SEND,
			.srcfd = (uint32_t)listener_fd,
		};

		r = SYS_RESULT(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add));
		return r < 0 ? r : 0;
	}
	struct seccomp_notif_resp response = {.id = call.id, .val = ANSWER};
	return SYS_RESULT(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response));
}

static int watch(struct trial *trial, int child_fd, int number)
{
	_own_(closep) int listener_fd = sys_pidfd_getfd(child_fd, number);

	if (listener_fd < 0) {
		(void)snprintf(trial->note, sizeof(trial->note), "pidfd_getfd: %s",
			       errno_text(listener_fd));
		return listener_fd;
	}
	if (trial->value == FEATURE_SYNC_WAKE_UP) {
		int r = SYS_RESULT(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
					 SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP));

		if (r < 0)
			return r;
	}
	return answer(listener_fd, trial->value);
}

int try_seccomp(struct trial *trial)
{
	int ends[2];
	int child_fd = -1;
	int status = 0;
	int number = -1;

	if (trial->value == FEATURE_FILTER)
		return try_filter();
	int r = SYS_RESULT(pipe2(ends, O_CLOEXEC));
	if (r < 0)
		return r;
	int pid = sys_clone(0, &child_fd);
	if (pid == 0)
		be_watched(ends[1], trial->value);
	_own_(closep) int read_fd = ends[0];
	_own_(closep) int pid_fd = child_fd;
	(void)close(ends[1]);
	if (pid < 0)
		return pid;
	if (sys_read_full(read_fd, &number, sizeof(number)) != sizeof(number))
		number = -EIO;
	r = number < 0 ? number : watch(trial, pid_fd, number);
	if (r < 0)
		(void)sys_pidfd_send_signal(pid_fd,
					    9 /* SIGKILL */); /* It may wait for an answer. */
	int waited = sys_wait4(pid, &status, 0, NULL);
	if (r < 0 || waited < 0)
		return r < 0 ? r : waited;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
