/* SPDX-License-Identifier: Apache-2.0
 *
 * The least that a supervisor can do: receives a notification and says that the kernel may go on.
 * Nothing is looked at and nothing decided. floor PROGRAM [ARG...] has getppid, stat and openat
 * notified.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static int install(void)
{
	const int numbers[] = {SYS_getppid, SYS_stat, SYS_newfstatat, SYS_openat};
	enum { COUNT = sizeof(numbers) / sizeof(numbers[0]) };
	struct sock_filter code[COUNT + 3];
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (unsigned char i = 0; i < COUNT; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i],
							 COUNT - i, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	struct sock_fprog program = {.len = n, .filter = code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER |
				    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			    &program);
}

static void serve(int listener_fd)
{
	struct seccomp_notif request;
	struct seccomp_notif_resp response;
	unsigned long flags = 1; /* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, since Linux 6.6 */

	(void)ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags);
	for (;;) {
		memset(&request, 0, sizeof(request));
		if (ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		memset(&response, 0, sizeof(response));
		response.id = request.id;
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		(void)ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
	}
}

int main(int argc, char **argv)
{
	int link[2];
	int fd = -1;
	int status = 0;

	if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) < 0)
		return 2;
	pid_t pid = fork();
	if (pid == 0) {
		char go;

		fd = install();
		if (fd < 0 || write(link[1], &fd, sizeof(fd)) != sizeof(fd) ||
		    read(link[1], &go, 1) != 1)
			_exit(125);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (read(link[0], &fd, sizeof(fd)) != sizeof(fd))
		return 125;
	int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	int listener_fd = (int)syscall(SYS_pidfd_getfd, pid_fd, fd, 0);
	if (listener_fd < 0 || write(link[0], "g", 1) != 1)
		return 125;
	serve(listener_fd);
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
