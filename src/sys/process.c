/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials, waiting, messages between our own processes.
 */
#include "sys/sys.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <time.h>

static int hold(void *arg)
{
	pid_t parent = *(const pid_t *)arg;

	/* A parent that is killed before it can end this one takes it along. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0UL, 0UL, 0UL);
	if (getppid() != parent)
		return 0;
	for (;;)
		(void)pause();
	return 0;
}

int sys_clone_holder(uint64_t flags, int *ret_pidfd)
{
	static char stack[4096] __attribute__((aligned(16)));
	static pid_t parent;

	parent = getpid();
	return SYS_RESULT(clone(hold, stack + sizeof(stack),
				(int)flags | CLONE_VM | CLONE_PIDFD | SIGCHLD, &parent, ret_pidfd));
}

int sys_clone_sharing(int (*run)(void *), void *arg, void *stack, int *ret_pidfd)
{
	return SYS_RESULT(clone(run, stack, CLONE_VM | CLONE_PIDFD | SIGCHLD, arg, ret_pidfd));
}

int sys_mount_private(void)
{
	return SYS_RESULT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

int sys_pivot_root_here(void)
{
	return SYS_RAW(SYS_pivot_root, ".", ".");
}

int sys_umount_detach(const char *path)
{
	return SYS_RESULT(umount2(path, MNT_DETACH));
}

int sys_mount(const char *source, const char *target, const char *type, unsigned long flags,
	      const char *options)
{
	return SYS_RESULT(mount(source, target, type, flags, options));
}

int sys_prctl(int option, unsigned long a, unsigned long b, unsigned long c)
{
	return SYS_RESULT(prctl(option, a, b, c, 0UL));
}

int sys_become_root_of(int userns_fd)
{
	int r = sys_setns(userns_fd, CLONE_NEWUSER);

	if (r == 0)
		r = sys_setgroups(0, NULL);
	if (r == 0)
		r = sys_setresgid(0);
	return r < 0 ? r : sys_setresuid(0);
}

int sys_capset_both(uint64_t effective, uint64_t permitted)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)effective, .permitted = (uint32_t)permitted},
		{.effective = (uint32_t)(effective >> 32),
		 .permitted = (uint32_t)(permitted >> 32)},
	};

	return SYS_RAW(SYS_capset, &header, data);
}

int sys_capset(uint64_t mask)
{
	return sys_capset_both(mask, mask);
}

int sys_capbound(uint64_t mask)
{
	(void)sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0); /* Linux 4.3. */
	for (unsigned cap = 0; cap < 64; cap++) {
		if ((mask & (1ULL << cap)) != 0)
			continue;
		int r = sys_prctl(PR_CAPBSET_DROP, cap, 0, 0);
		if (r == -EINVAL)
			return 0; /* Past the last capability that this kernel knows. */
		if (r < 0)
			return r;
	}
	return 0;
}

int sys_futex_wait(const uint32_t *word, uint32_t value, int timeout_ms)
{
	struct timespec timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = (timeout_ms % 1000) * 1000000L,
	};
	int r = SYS_RAW(SYS_futex, word, FUTEX_WAIT, value, timeout_ms < 0 ? NULL : &timeout, NULL,
			0);

	return r == -ETIMEDOUT ? r : 0;
}

void sys_futex_wake(const uint32_t *word)
{
	(void)SYS_RAW(SYS_futex, word, FUTEX_WAKE, 1024, NULL, NULL, 0); /* Nobody waits: fine. */
}

void sys_close_others(const int *kept, size_t count)
{
	int next = 0;

	for (;;) {
		int lowest = -1;

		for (size_t i = 0; i < count; i++) {
			if (kept[i] >= next && (lowest < 0 || kept[i] < lowest))
				lowest = kept[i];
		}
		if (lowest != next)
			(void)sys_close_range((unsigned)next,
					      lowest < 0 ? ~0U : (unsigned)lowest - 1);
		if (lowest < 0)
			return;
		next = lowest + 1;
	}
}

int sys_socketpair(int ret_fds[2])
{
	return SYS_RESULT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds));
}

int sys_send_fd(int socket_fd, const void *bytes, size_t length, int fd)
{
	struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = {0};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
	}
	for (;;) {
		ssize_t n = SYS_RESULT(sendmsg(socket_fd, &message, MSG_NOSIGNAL));

		if (n == -EINTR)
			continue;
		return n < 0 ? (int)n : 0;
	}
}

ssize_t sys_recv_fd(int socket_fd, void *buffer, size_t size, int *ret_fd, pid_t *ret_pid)
{
	struct iovec vector = {.iov_base = buffer, .iov_len = size};
	union {
		char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr header;
	} control = {0};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	do
		n = SYS_RESULT(recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC));
	while (n == -EINTR);
	if (n < 0)
		return n;
	int fd = -1;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
	     header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level != SOL_SOCKET)
			continue;
		if (header->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(header), sizeof(int));
		if (header->cmsg_type == SCM_CREDENTIALS && ret_pid != NULL) {
			struct ucred sender;

			memcpy(&sender, CMSG_DATA(header), sizeof(sender));
			*ret_pid = sender.pid;
		}
	}
	if (ret_fd != NULL)
		*ret_fd = fd;
	else if (fd >= 0)
		(void)close(fd); /* Nobody wanted it. */
	return n;
}

uint64_t sys_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* Cannot fail for this clock. */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool sys_is_host_root(void)
{
	static const ino_t first_userns = 0xeffffffd; /* PROC_USER_INIT_INO */
	struct stat st;

	if (geteuid() != 0)
		return false;
	return sys_fstatat(AT_FDCWD, "/proc/self/ns/user", &st, 0) < 0 || st.st_ino == first_userns;
}
