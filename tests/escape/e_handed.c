/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a socket in a shown directory is the host's own, and who listens there can hand in a
 * directory that is in nobody's world: past all mounts, everything below it is in reach. (The
 * helper of another account, a confused service; CVE-2024-21626 is a directory that was forgotten.)
 *
 * Also by the listener itself, of which its socket gives a descriptor (Linux 6.5).
 *
 * "serve SOCKET DIR" is the listener outside: it hands the directory to one who comes. "walled"
 * says whether this kernel has the wall that is tried here.
 */
#include "attempt.h"
#include "handed.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

/* In both ABIs. */
#define PIDFD_SEND_SIGNAL	424
#define PIDFD_GETFD		438
#define PROCESS_MADVISE		440
#define LANDLOCK_CREATE_RULESET 444
#define PROCESS_MRELEASE	448

static int serve(const char *path, const char *directory)
{
	struct sockaddr_un address = address_of(path);
	int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int dir_fd = open(directory, O_RDONLY | O_DIRECTORY);
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	union control control = {0};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
					  .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.header), &dir_fd, sizeof(dir_fd));
	if (dir_fd < 0 || bind(socket_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0666) < 0 || listen(socket_fd, 1) < 0)
		return 1;
	int peer_fd = accept(socket_fd, NULL, NULL);
	if (peer_fd < 0 || sendmsg(peer_fd, &message, 0) != 1)
		return 1;
	/* There for as long as the guest. */
	while (read(peer_fd, &byte, 1) > 0)
		;
	return 0;
}

/* Also through the namespaces, memory and descriptors that such a descriptor leads to. */
static void by_peer(int socket_fd)
{
	int pid_fd = -1;
	socklen_t size = sizeof(pid_fd);
	struct iovec page = {(void *)4096, 4096};
	uint64_t info[16] = {UINT64_MAX};
	siginfo_t end;

	if (getsockopt(socket_fd, SOL_SOCKET, 77 /* SO_PEERPIDFD */, &pid_fd, &size) < 0) {
		held("a descriptor of who listens was refused: %s", strerrorname_np(errno));
		return;
	}
	refused(syscall(PIDFD_SEND_SIGNAL, pid_fd, 0, NULL, 0), "a signal to who listens");
	refused(syscall(PIDFD_SEND_SIGNAL, pid_fd, 0, NULL, 4), "a signal to its group");
	refused(syscall(PIDFD_GETFD, pid_fd, 0, 0), "what it has open");
	refused(syscall(PROCESS_MADVISE, pid_fd, &page, 1, MADV_COLD, 0), "advice on its memory");
	refused(syscall(PROCESS_MRELEASE, pid_fd, 0), "taking its memory");
	refused(syscall(SYS_setns, pid_fd, CLONE_NEWNS), "its mounts");
	refused(syscall(SYS_setns, pid_fd, CLONE_NEWUSER | CLONE_NEWNET), "its network");
	refused(waitid(3 /* P_PIDFD */, (id_t)pid_fd, &end, WEXITED | WNOHANG), "waiting for it");
	for (unsigned int request = 0xff01; request <= 0xff0a; request++)
		refused(ioctl(pid_fd, request, 0), "its namespaces by ioctl 0x%x", request);
	for (unsigned int bytes = 64; bytes <= sizeof(info); bytes += 8)
		refused(ioctl(pid_fd, 0xc000ff0bU | bytes << 16, info), "what it is (%u)", bytes);
	close(pid_fd);
}

static void by_names(int dir_fd)
{
	char path[64];
	int fd;

	reads_secret(dir_fd, "secret", "from the directory");
	reads_secret(dir_fd, "./secret", "from the directory");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/secret", dir_fd);
	reads_secret(AT_FDCWD, path, "through /proc");
	refused(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY), "opening the directory itself");
	refused(openat(dir_fd, "..", O_RDONLY | O_DIRECTORY), "opening its parent");
	fd = openat(dir_fd, "secret", O_PATH);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd >= 0)
		reads_secret(AT_FDCWD, path, "of the file without rights");
	if (fd >= 0)
		refused(truncate(path, 0), "truncating the file without rights");
}

static void by_changing(int dir_fd)
{
	char path[64];

	refused(openat(dir_fd, "new", O_WRONLY | O_CREAT, 0600), "making a file");
	refused(mkdirat(dir_fd, "new", 0700), "making a directory");
	refused(symlinkat("/", dir_fd, "new"), "making a symlink");
	refused(mknodat(dir_fd, "new", S_IFIFO | 0600, 0), "making a pipe");
	refused(unlinkat(dir_fd, "secret", 0), "removing");
	refused(renameat(dir_fd, "secret", AT_FDCWD, "/tmp/secret"), "moving it out");
	refused(renameat(dir_fd, "secret", dir_fd, "other"), "renaming it");
	refused(linkat(dir_fd, "secret", AT_FDCWD, "/tmp/secret", 0), "linking it out");
	refused(openat(dir_fd, "secret", O_WRONLY), "writing");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/secret", dir_fd);
	refused(truncate(path, 0), "truncating");
	refused(openat(dir_fd, "secret", O_RDONLY | O_TRUNC), "truncating by opening");
	if (symlink(path, "/tmp/link") == 0)
		refused(truncate("/tmp/link", 0), "truncating by a link of ours");
}

static void by_going_there(void *arg)
{
	int dir_fd = *(int *)arg;

	if (fchdir(dir_fd) < 0) {
		held("going there was refused: %s", strerrorname_np(errno));
		return;
	}
	reads_secret(AT_FDCWD, "secret", "from there");
	refused(truncate("secret", 0), "truncating from there");
	refused(open("../..", O_RDONLY | O_DIRECTORY), "going up from there");
	if (chroot(".") < 0) {
		held("making it the root was refused: %s", strerrorname_np(errno));
		return;
	}
	reads_secret(AT_FDCWD, "/secret", "as the root");
	refused(truncate("/secret", 0), "truncating as the root");
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], argv[3]);
	bool walled = syscall(LANDLOCK_CREATE_RULESET, NULL, 0, 1) >= 2;
	if (argc == 2 && strcmp(argv[1], "walled") == 0)
		return walled ? 0 : 1;
	/* Under hooks a guest is told that there is none, so it is asked outside. */
	if (canary("HANDED") == NULL)
		unavailable("this kernel has no Landlock (2 or newer), the wall behind the mounts");
	int socket_fd = connect_to(canary("HANDED"));
	by_peer(socket_fd);
	int dir_fd = receive(socket_fd);
	if (dir_fd < 0) {
		broken("no directory was handed in: %s", strerrorname_np(errno));
		return done();
	}
	by_names(dir_fd);
	by_changing(dir_fd);
	in_child(by_going_there, &dir_fd, 5);
	return done();
}
